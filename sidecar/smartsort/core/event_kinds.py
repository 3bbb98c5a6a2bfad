"""What can happen. The values stand in the hash chain of the history, so old values stay readable."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class EventKind(StrEnum):
    """The kinds of events."""

    ACCEPTED = "accepted"
    """smartsort took a file in."""
    LATE = "late"
    """A file that belongs to the photo came later."""
    JOINED = "joined"
    """smartsort put such files beside the photo."""
    FOLDED = "folded"
    """The photo became a part of a photo that came later."""
    SPLIT = "split"
    """A file that had come with the photo goes on as a photo of its own."""
    PLACED = "placed"
    """The photo is in the library, where Immich sees it."""
    SORTED = "sorted"
    """smartsort filed the photo."""
    FILED_AS_ADOPTED = "filed_as_adopted"
    """smartsort filed the photo under the person of your own folder that it lay in."""
    REVIEWED = "reviewed"
    """smartsort sent the photo to review."""
    SKIPPED = "skipped"
    """smartsort put an exact duplicate into the trash, as configured."""
    AUTO_RESOLVED = "auto_resolved"
    """The photo left review without a human, because Immich has learned since."""

    APPROVED = "approved"
    """A human filed a photo from review."""
    REFILED = "refiled"
    """A human filed the photo under another person."""
    REJECTED = "rejected"
    """A human moved the photo to the trash."""
    REMOVED_IN_IMMICH = "removed_in_immich"
    """A human deleted the photo in Immich, which rejects it."""
    PUT_AWAY = "put_away"
    """The file of such a photo moved to the trash. An undo of the rejection brings it back."""
    DEFERRED = "deferred"
    """A human skipped the photo. It is listed after the others."""
    CONFIRMED = "confirmed"
    """A human said that an automatic filing is right."""
    RULED_OUT = "ruled_out"
    """A human said that the photo does not show the suggested person."""
    FACES_NAMED = "faces_named"
    """A human named a face on the photo, which goes on waiting for another reason."""
    FACES_MARKED = "faces_marked"
    """A human said something of a face for good, or took that back."""
    REEVALUATED = "reevaluated"
    """A human applied other settings to the photo."""
    BACKFILLED = "backfilled"
    """smartsort linked a photo that was in Immich before, or asks about it."""
    ONE_PERSON = "one_person"
    """A human said that a person's faces are one person's, although they seem to be two people's."""
    RENAMED = "renamed"
    """The person has another name in Immich now."""
    RELINKED = "relinked"
    """A human had filed photos moved to where the template says."""
    UNDONE = "undone"
    """A human undid an event of the photo."""
    BULK_ACTION = "bulk_action"
    """A human changed several photos. The events of these photos name it."""
    PURGED = "purged"
    """The retention time is over. smartsort deleted the file."""

    FACE_ASSIGNED = "face_assigned"
    """smartsort assigned a face in Immich."""
    FACE_UNASSIGNED = "face_unassigned"
    """smartsort reversed such an assignment."""
    IMMICH_UPDATE_FAILED = "immich_update_failed"
    """Immich refused an assignment."""
    ASSET_RELINKED = "asset_relinked"
    """Immich has an asset for the photo again."""

    ENABLED = "enabled"
    """A human switched sorting on."""
    DISABLED = "disabled"
    """A human switched sorting off."""
    LIST_CHANGED = "list_changed"
    """The whitelist or the blacklist changed."""
    SETTINGS_CHANGED = "settings_changed"
    """Settings changed at run time."""
    DOWNLOAD_FAILED = "download_failed"
    """smartsort gave up a download."""
    DOWNLOAD_RETRIED = "download_retried"
    """A human retried a failed download."""

    FOLDER_ADOPTED = "folder_adopted"
    """smartsort took the photo over from a folder that you had sorted."""
    ADOPTED = "adopted"
    """The audit or a rebuild found the photo on the disk."""
    MOVED_BY_HAND = "moved_by_hand"
    """The audit found the photo in another folder."""
    LINKED_BY_HAND = "linked_by_hand"
    """The audit found another link of the photo."""
    EDITED_BY_HAND = "edited_by_hand"
    """The audit found other content in the file."""
    REPLACED_BY_HAND = "replaced_by_hand"
    """The audit found another photo in its place."""
    LINKED_AGAIN = "linked_again"
    """The audit made a missing link again."""
    LOST = "lost"
    """No intact copy of the photo is left."""


REJECTIONS = (EventKind.REJECTED, EventKind.REMOVED_IN_IMMICH)
"""A user does not want the photo."""

_OLD = {
    "healed": EventKind.AUTO_RESOLVED,
    "denied": EventKind.RULED_OUT,
    "rejudged": EventKind.REEVALUATED,
    "group": EventKind.BULK_ACTION,
    "taught": EventKind.FACE_ASSIGNED,
    "untaught": EventKind.FACE_UNASSIGNED,
    "not_taught": EventKind.IMMICH_UPDATE_FAILED,
    "revived": EventKind.ASSET_RELINKED,
    "listed": EventKind.LIST_CHANGED,
    "configured": EventKind.SETTINGS_CHANGED,
}
"""Earlier values. Rows keep them: rewriting a row would break the hash chain."""


def current(stored: str) -> str:
    """Return today's value for a stored kind. An unknown one stays as it is."""
    return _OLD.get(stored, stored)


def stored(kinds: Iterable[str]) -> list[str]:
    """Return every value that rows may hold for these kinds, for a query by kind."""
    wanted = set(kinds)
    return [*wanted, *(old for old, kind in _OLD.items() if kind in wanted)]
