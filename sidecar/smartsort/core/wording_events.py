"""Events in words: a sentence for each kind, with the names of the photo and the people, not their ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from smartsort.core.event_kinds import EventKind

Data = Mapping[str, Any]


def event_sentence(kind: str, data: Data, photo: str = "") -> str:
    """Return what happened. A sentence about one photo begins with `photo`, its file name.

    The kind of a newer version is named as it is.
    """
    words = _OF_A_PHOTO.get(kind)
    if words is not None:
        company = data.get("companions")
        return f"{photo or 'A photo'} {words(data)}" + (f" (with {', '.join(company)})" if company else "")
    general = _IN_GENERAL.get(kind)
    return general(data) if general is not None else " ".join(filter(None, (photo, _plain(kind))))


# --- about one photo -------------------------------------------------------------------------


def _people(data: Data) -> str:
    names = data.get("people") or [data.get("person")]
    return ", ".join(str(name) for name in names if name) or "an unknown person"


def _places(names: Iterable[Any] | None, before: str = ": ", area: str | None = None) -> str:
    found = [f"{place}/{path}" for place, path in names or () if area in (None, place)]
    return before + ", ".join(found) if found else ""


def _filed(data: Data) -> str:
    return _people(data) + _places(data.get("names"), area="faces")


def _waits(data: Data) -> str:
    return f"waits in review/{data.get('category')}: {_plain(data.get('reason'))}"


def _plain(code: object) -> str:
    """Return a code such as `low_confidence: 0.44` for people. Names behind it stay as they are."""
    return re.sub(r"^[a-z_]+", lambda found: found[0].replace("_", " "), str(code or ""))


def _reported(data: Data) -> str:
    was = data.get("was_name")
    return f"was reported to Immich as {data.get('name')}" + (f" instead of {was}" if was else "")


def _reported_no_more(data: Data) -> str:
    name, back = data.get("name") or "that person", data.get("was_name")
    return f"is no longer {name} in Immich" + (f", but {back} again" if back else "")


_UNDONE = {
    EventKind.SORTED: "filing",
    EventKind.FILED_AS_ADOPTED: "filing as in your folder",
    EventKind.REVIEWED: "review",
    EventKind.SKIPPED: "putting away",
    EventKind.APPROVED: "approval",
    EventKind.REFILED: "filing under another person",
    EventKind.REJECTED: "rejection",
    EventKind.REMOVED_IN_IMMICH: "deletion in Immich",
    EventKind.DEFERRED: "skip",
    EventKind.CONFIRMED: "confirmation",
    EventKind.RULED_OUT: '"not this person"',
    EventKind.FACES_NAMED: "name",
    EventKind.FACES_MARKED: "verdict on a face",
    EventKind.REEVALUATED: "re-evaluation",
    EventKind.BACKFILLED: "link from Immich",
    EventKind.RENAMED: "move to the new name",
    EventKind.RELINKED: "move to another folder",
    EventKind.JOINED: "companion",
    EventKind.UNDONE: "undo",
    EventKind.FOLDER_ADOPTED: "adoption",
}


def _undone(data: Data) -> str:
    what = _UNDONE.get(data.get("of", ""), _plain(data.get("of") or "last action"))
    return f"had its {what} undone{_places(data.get('names'))}"


_MARKED = {
    "ignored": "a stranger who does not matter, a user said",
    "not_a_face": "something on it that is not a face, a user said",
    "locked": "a face whose person is certain, a user said",
    "same": "a face of the same person as others, a user said",
    "apart": "a face of another person than others, a user said",
}

_OF_A_PHOTO: dict[str, Callable[[Data], str]] = {
    EventKind.ACCEPTED: lambda d: f"arrived from {d.get('source')}",
    EventKind.FOLDER_ADOPTED: lambda d: (
        f"was adopted from {d.get('path')}"
        + (f", a folder of {', '.join(d['people'])}" if d.get("people") else "")
    ),
    EventKind.LATE: lambda d: f"is joined by {d.get('name')}, which came later: {d.get('together_by')}",
    EventKind.JOINED: lambda d: f"has {', '.join(d.get('joined', ())) or 'another file'} with it now",
    EventKind.FOLDED: lambda d: f"is part of {d.get('name')} now, which came later",
    EventKind.SPLIT: lambda d: f"lost {d.get('name')}, which goes on by itself: {d.get('reason')}",
    EventKind.PLACED: lambda _: "was put into the library for Immich to look at",
    EventKind.SORTED: lambda d: f"was filed under {_filed(d)}",
    EventKind.FILED_AS_ADOPTED: lambda d: f"was filed under {_filed(d)}, as in your folder",
    EventKind.REVIEWED: _waits,
    EventKind.SKIPPED: lambda d: f"was put into the trash: {_plain(d.get('reason'))}",
    EventKind.AUTO_RESOLVED: lambda d: f"left review by itself and was filed under {_filed(d)}",
    EventKind.APPROVED: lambda d: f"was approved as {_filed(d)}",
    EventKind.REFILED: lambda d: f"was filed under {_filed(d)} instead",
    EventKind.REJECTED: lambda _: "was rejected and is in the trash",
    EventKind.REMOVED_IN_IMMICH: lambda _: "was deleted in Immich and is rejected",
    EventKind.PUT_AWAY: lambda _: "is in the trash, after its deletion in Immich",
    EventKind.DEFERRED: lambda _: "was skipped and is listed after the others",
    EventKind.CONFIRMED: lambda d: f"was confirmed to show {_people(d)}",
    EventKind.RULED_OUT: lambda d: f"does not show {_people(d)}, a user said",
    EventKind.FACES_NAMED: lambda d: f"shows {_people(d)}, a user said, and goes on waiting",
    EventKind.FACES_MARKED: lambda d: (
        f"has {_MARKED.get(d.get('mark', ''), 'no verdict on a face any more')}"
        + (f", and was filed under {_filed(d)}" if d.get("people") else "")
    ),
    EventKind.REEVALUATED: lambda d: (
        "was re-evaluated with other settings and "
        + (f"was filed under {_filed(d)}" if d.get("outcome") == "sorted" else _waits(d))
    ),
    EventKind.RELINKED: lambda d: f"moved within faces{_places(d.get('names'), area='faces')}",
    EventKind.BACKFILLED: lambda d: (
        "was in Immich before and "
        + (f"is linked under {_filed(d)}" if d.get("outcome") == "sorted" else _waits(d))
    ),
    EventKind.RENAMED: lambda d: f"follows {d.get('was')}, who is called {_people(d)} now",
    EventKind.UNDONE: _undone,
    EventKind.PURGED: lambda _: "was deleted for good from the trash",
    EventKind.FACE_ASSIGNED: _reported,
    EventKind.FACE_UNASSIGNED: _reported_no_more,
    EventKind.IMMICH_UPDATE_FAILED: lambda d: (
        f"could not be reported to Immich{' as ' + d['name'] if d.get('name') else ''}: {d.get('why')}"
    ),
    EventKind.ASSET_RELINKED: lambda _: "is in Immich again",
    EventKind.ADOPTED: lambda d: f"was found on the disk and taken in{_places(d.get('names'))}",
    EventKind.MOVED_BY_HAND: lambda d: (
        f"was moved by hand{_places([d['from']] if d.get('from') else (), ' from ')}"
        f"{_places(d.get('names'), ' to ')}"
    ),
    EventKind.LINKED_BY_HAND: lambda d: f"was filed by hand as well{_places(d.get('names'))}",
    EventKind.EDITED_BY_HAND: lambda d: (
        "was edited by hand" if d.get("member") in (None, "photo") else f"has another {d['member']} file now"
    ),
    EventKind.REPLACED_BY_HAND: lambda _: "was replaced by hand, and both files are kept",
    EventKind.LINKED_AGAIN: lambda d: f"was missing and is there again{_places(d.get('names'))}",
    EventKind.LOST: lambda d: f"is lost{_places(d.get('names'))}",
}

# --- about several photos or none ------------------------------------------------------------

_TOGETHER = {
    EventKind.APPROVED: "Approved",
    EventKind.REFILED: "Filed under another person",
    EventKind.REJECTED: "Rejected",
    EventKind.REMOVED_IN_IMMICH: "Deleted in Immich",
    EventKind.DEFERRED: "Skipped",
    EventKind.CONFIRMED: "Confirmed",
    EventKind.RULED_OUT: "Not the suggested person",
    EventKind.UNDONE: "Undone",
    EventKind.FACES_NAMED: "Named",
    EventKind.FACES_MARKED: "Verdict on faces",
    EventKind.REEVALUATED: "Re-evaluated with other settings",
    EventKind.RELINKED: "Moved to where the template says",
    EventKind.BACKFILLED: "Linked from Immich",
}


def _together(data: Data) -> str:
    """Return a bulk action. That of a person's new name begins before the number of photos is known."""
    if "one_person" in data:
        return _one_person(data)
    if data.get("what") == EventKind.RENAMED:
        return f"{data.get('was')} is called {data.get('person')} now, and their photos follow"
    if data.get("what") == EventKind.FOLDER_ADOPTED:
        return f"The folder {data.get('folder')} is adopted"
    number = int(data.get("photos", 0))
    if not number and "settings" in data:
        return "The settings are again as they were"
    done = _TOGETHER.get(data.get("what", ""), "Changed")
    return f"{done}: {number} photo{'' if number == 1 else 's'}"


def _one_person(data: Data) -> str:
    """Return what a human said of a person's faces, and the undo of that, which says it of the same faces."""
    said = data.get("one_person", {})
    name = said.get("name") or "a person"
    if said.get("said", True):
        return f"All faces of {name} are one person's, a user said"
    return f"Undone: that all faces of {name} are one person's"


def _configured(data: Data) -> str:
    if data.get("adjusted"):
        return f"The least confidence was adjusted: {data['adjusted']}"
    values = data.get("values", data.get("forgotten", ()))
    told = [f"{key} = {value}" for key, value in values.items()] if isinstance(values, Mapping) else values
    return f"Settings were {'changed' if 'values' in data else 'reset'}: {', '.join(told) or 'none'}"


def _host(data: Data) -> str:
    return f" from {data['host']}" if data.get("host") else ""


_IN_GENERAL: dict[str, Callable[[Data], str]] = {
    EventKind.BULK_ACTION: _together,
    EventKind.ONE_PERSON: _one_person,
    EventKind.ENABLED: lambda _: "Sorting was switched on",
    EventKind.DISABLED: lambda _: "Sorting was switched off, and new photos wait",
    EventKind.LIST_CHANGED: lambda d: (
        f"The {d.get('list')} is now: {', '.join(d.get('names', ())) or 'empty'}"
    ),
    EventKind.SETTINGS_CHANGED: _configured,
    EventKind.DOWNLOAD_FAILED: lambda d: f"The download{_host(d)} failed: {d.get('reason')}",
    EventKind.DOWNLOAD_RETRIED: lambda d: f"The download{_host(d)} is tried again",
}

EVENT_KINDS = frozenset(_OF_A_PHOTO) | frozenset(_IN_GENERAL)
"""Every kind that has a sentence."""
