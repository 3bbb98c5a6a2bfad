"""Taking back what was done, and taking that back again.

An event is undone by leading the photo back to the arrangement before it. That is possible while nothing
later counts: what came after has to be undone first. An automatic filing is no mistake of the files but of
the decision, so its undo leads to the review queue. An automatic review leads back to being judged.
"""

from __future__ import annotations

import heapq
import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from sys import intern
from typing import Any

from sqlite_utils import Database

from smartsort.actions import join as joining
from smartsort.actions.plan import (
    Message,
    Plan,
    PlannedName,
    Waiting,
    in_library,
    names_in,
    source_of,
    was_there,
)
from smartsort.actions.rearrange import ACTS, BATCH
from smartsort.actions.values import ActionResult
from smartsort.core.decision import UNDONE_PREFIX
from smartsort.core.event_kinds import REJECTIONS, EventKind, stored
from smartsort.core.model import AT_REST, Category, Decision, Evidence, Outcome, Person, State
from smartsort.core.reasons import UNDONE_FILING
from smartsort.ledger import arrangement, events, photos, statistics
from smartsort.ledger.arrangement import Arrangement
from smartsort.ledger.records import Area, Event, Member, Name, Photo
from smartsort.ledger.rows import select
from smartsort.ledger.shots import companion_name
from smartsort.pipeline.recovery.claimed import temp_name

AUTOMATIC = "smartsort"
"""The actor of what nobody asked for."""

_DECISIONS = (
    *(EventKind.APPROVED, EventKind.REFILED, *REJECTIONS, EventKind.DEFERRED),
    *(EventKind.CONFIRMED, EventKind.RULED_OUT, EventKind.REEVALUATED, EventKind.BACKFILLED),
    *(EventKind.FACES_NAMED, EventKind.FACES_MARKED, EventKind.FOLDER_ADOPTED),
)
"""What humans do to photos."""

_FILED = (EventKind.SORTED, EventKind.FILED_AS_ADOPTED)

UNDOABLE = (
    *(EventKind.SORTED, EventKind.FILED_AS_ADOPTED, EventKind.REVIEWED, EventKind.SKIPPED),
    *(*_DECISIONS, EventKind.ONE_PERSON),
    *(EventKind.UNDONE, EventKind.RENAMED, EventKind.RELINKED, EventKind.JOINED, EventKind.BULK_ACTION),
)


def undoable(event: Event) -> bool:
    """Return True for events of a kind that can be taken back. Whether this one still can, `undo` tells."""
    if event.kind == EventKind.SETTINGS_CHANGED:
        return "settings" in event.data
    if event.kind == EventKind.UNDONE:
        return not event.data.keys() & {"split", "given_back"} and (
            "before" in event.data or event.photo_id is None
        )
    if event.kind == EventKind.JOINED:
        return any(member.value in event.data["members"] for member in joining.HALVES)
    return event.kind in UNDOABLE


def in_the_way(db: Database, event: Event) -> Event | None:
    """Return the first later event of the photo that still counts, None when the photo is as `event` left it.

    What was taken back does not count, nor does the taking back of something that is later itself.
    """
    history = events.of_photo(db, event.photo_id or 0)
    taken_back = statistics.taken_back(history)
    for later in history:
        if later.id <= event.id or later.kind not in ACTS or (later.undoes or 0) > event.id:
            continue
        if later.id not in taken_back:
            return later
    return None


_UNREAD: dict[str, Any] = {}


def members(db: Database, group: Event) -> list[Event]:
    """Return the events of a bulk action, newest first. Without their data: there may be a million."""
    rows = db.conn.execute(
        "SELECT id, at, actor, kind, photo_id, undoes FROM events"
        " WHERE json_extract(data, '$.group') = ? ORDER BY id DESC",
        (group.id,),
    )
    return [
        Event(i, intern(at), intern(by), intern(kind), photo, _UNREAD, undoes, "")
        for i, at, by, kind, photo, undoes in rows
    ]


def since(db: Database, at: str, *, automatic: bool) -> list[Event]:
    """Return what can be taken back of everything since `at`, newest first, with `automatic` filings, too.

    Automatic reviews are left out: taken back, the photo would only be re-evaluated. So are groups, whose
    members are here themselves, and what was done and taken back since: it changes nothing any more.
    """
    without = (EventKind.BULK_ACTION, EventKind.REVIEWED, EventKind.SKIPPED, EventKind.JOINED)
    kinds = tuple(k for k in UNDOABLE if k not in without)
    query = (
        "SELECT id FROM events WHERE at >= ? AND kind IN (*) AND photo_id IS NOT NULL"
        " AND (? OR actor <> ?) ORDER BY id DESC"
    )
    rows = select(db, query, stored(kinds), before=(at,), after=(automatic, AUTOMATIC))
    return _standing_alone([event for (i,) in rows if (event := events.get(db, int(i))) is not None])


def said_since(db: Database, at: str) -> list[Event]:
    """What was said since `at` of the faces of people, newest first, without what was taken back since."""
    query = "SELECT id FROM events WHERE at >= ? AND kind IN (*) ORDER BY id DESC"
    rows = select(db, query, stored([EventKind.ONE_PERSON]), before=(at,))
    said = [event for (i,) in rows if (event := events.get(db, int(i))) is not None]
    return standing(db, said)


def _standing_alone(newest_first: Sequence[Event]) -> list[Event]:
    """Return those of the events that none of them takes back, and that take none of them back."""
    ids, taken_back = {event.id for event in newest_first}, statistics.taken_back(newest_first[::-1])
    return [e for e in newest_first if e.id not in taken_back and e.undoes not in ids]


def settings_since(db: Database, at: str) -> list[Event]:
    """Groups since `at` that changed settings, newest first, without those taken back since."""
    query = (
        "SELECT id FROM events WHERE at >= ? AND kind IN (*)"
        " AND json_extract(data, '$.settings') IS NOT NULL ORDER BY id DESC"
    )
    rows = select(db, query, stored([EventKind.BULK_ACTION]), before=(at,))
    return _standing_alone([event for (i,) in rows if (event := events.get(db, int(i))) is not None])


def settings_before(groups: Sequence[Event]) -> dict[str, Any] | None:
    """`before` and `after` of what these groups (newest first) did to the settings together, None: nothing.

    What somebody changed between two of them is their word: the older ones stay as they are.
    """
    changed: dict[str, Any] | None = None
    for each in (group.data["settings"] for group in groups if "settings" in group.data):
        if changed is None:
            changed = dict(each)
        elif changed["before"] == each["after"]:
            changed["before"] = each["before"]
        else:
            break
    return changed if changed is not None and changed["before"] != changed["after"] else None


def put_away(db: Database, photo_ids: Iterable[int]) -> list[Event]:
    """Return the events that put these photos into the trash, newest first."""
    found = []
    for photo_id in photo_ids:
        thrown = [e for e in events.of_photo(db, photo_id) if e.kind in (EventKind.SKIPPED, *REJECTIONS)]
        found += [e for e in thrown[-1:] if events.undone(db, e.id) is None]
    return sorted(found, key=lambda e: -e.id)


def versions(db: Database, found: Iterable[Event]) -> dict[int, str]:
    """By photo, what an undo of these events starts from: the photo as it is, and which events they are."""
    by_photo: dict[int, list[int]] = {}
    for event in found:
        by_photo.setdefault(event.photo_id or 0, []).append(event.id)
    now = arrangement.read(db, list(by_photo))
    return {i: f"{arrangement.version(now[i])}:{ids}" for i, ids in by_photo.items() if i in now}


def admins_own(db: Database, found: Iterable[Event]) -> set[int]:
    """Return ids of those of the events that only an administrator could cause, or undo, or do again."""
    kinds = (EventKind.REEVALUATED, EventKind.RELINKED, EventKind.SETTINGS_CHANGED)
    return {event.id for event in found if _origin(db, event).kind in kinds}


def _origin(db: Database, event: Event) -> Event:
    """Return what was done in the first place, before it was undone and redone.

    A group counts as its members.
    """
    while event.undoes is not None and (before := events.get(db, event.undoes)) is not None:
        event = before
    return replace(event, kind=event.data["what"]) if event.kind == EventKind.BULK_ACTION else event


def standing(db: Database, found: Iterable[Event]) -> list[Event]:
    """Return those that are not taken back."""
    return [event for event in found if events.undone(db, event.id) is None]


def last_of_photo(db: Database, photo_id: int) -> Event | None:
    """Return the newest decision about a photo that still counts, an automatic filing too."""
    history = reversed(events.of_photo(db, photo_id))
    decisions = (event for event in history if event.kind in (*_DECISIONS, *_FILED))
    return next((event for event in decisions if events.undone(db, event.id) is None), None)


def last_of(
    db: Database, actor: str | None, is_in_force: Callable[[Event], bool] = lambda _: False
) -> Event | None:
    """Return the newest action of this actor (None: of any human) that still counts.

    A group comes before its members. A change of settings may have none: `is_in_force` says whether the
    settings still are as it left them.
    """
    settings = next(
        (
            event
            for event in settings_since(db, "")
            if event.data["what"] != EventKind.UNDONE
            and (event.actor == actor if actor is not None else event.actor != AUTOMATIC)
            and is_in_force(event)
        ),
        None,
    )
    who, value = ("actor = ?", actor) if actor is not None else ("actor <> ?", AUTOMATIC)
    # Only smartsort sorts by itself: with nobody named, its million filings need not be looked through.
    kinds = (*_DECISIONS, EventKind.ONE_PERSON, *((EventKind.SORTED,) if actor is not None else ()))
    by_kind = [
        db.conn.execute(f"SELECT id FROM events WHERE kind = ? AND {who} ORDER BY id DESC", (kind, value))  # noqa: S608
        for kind in stored(kinds)
    ]
    for (event_id,) in heapq.merge(*by_kind, reverse=True):
        if settings is not None and settings.id > event_id:
            return settings
        event = events.get(db, int(event_id))
        if event is None or events.undone(db, event.id) is not None:
            continue
        group = event.data.get("group")
        return (events.get(db, int(group)) if group is not None else None) or event
    return settings


def wave(db: Database, found: Sequence[Event]) -> list[Plan | ActionResult]:
    """What becomes of the first of these events: as many as can be taken back side by side, one at least.

    A photo's older event can be planned only when its newer one is taken back, and a name can be given back
    only when its holder has left it.
    """
    planned: list[Plan | ActionResult] = []
    under_way: set[int] = set()
    being_left: set[tuple[Area, str]] = set()
    for event in found[:BATCH]:
        if event.photo_id in under_way:
            break
        next_one = plan(db, event)
        if isinstance(next_one, Plan):
            if any((w.area, f"{w.folder}/{w.wanted}") in being_left for w in next_one.planned):
                break
            under_way.add(next_one.photo.id)
            being_left |= {(n.area, n.path) for n in next_one.removes}
        planned.append(next_one)
    return planned


def plan(db: Database, event: Event) -> Plan | ActionResult:
    """Return how one photo's event is taken back, or why it cannot be."""
    event, photo = events.get(db, event.id) or event, photos.get(db, event.photo_id or 0)
    refusal = _refusal(db, event, photo)
    if refusal is not None or photo is None:
        return ActionResult(event.photo_id or 0, "failed", problem=refusal, code="not_undoable")
    taken_back = events.undone(db, event.id)
    if taken_back is not None:
        by = f"event {event.id} is undone already, by event {taken_back}"
        if event.kind != EventKind.JOINED:
            by += ". Undo that one to redo it"
        return ActionResult(
            photo.id, "failed", problem=by, code="already_undone", happened=events.get(db, taken_back)
        )
    if event.kind == EventKind.JOINED:
        return _apart(db, event, photo)
    if event.kind == EventKind.FOLDER_ADOPTED:
        return _given_back(db, event, photo)
    later = in_the_way(db, event)
    if later is not None:
        why = (
            f"photo {photo.id} has changed since: {later.kind} by {later.actor} at {later.at};"
            f" undo event {later.id} first"
        )
        return ActionResult(photo.id, "failed", problem=why, code="conflict", happened=later)
    now = arrangement.read(db, [photo.id])[photo.id]
    plan = Plan(photo, now, EventKind.UNDONE, "undone", undoes=event.id, data={"of": event.kind})
    if "before" in event.data:
        if not now.same_as(arrangement.from_json(photo.id, _left_as(db, event))):
            return plan.failed(
                "changed_by_hand",
                f"photo {photo.id} is not where event {event.id} left it. Run `smartsort audit` to see why",
            )
        _lead_back(plan, arrangement.from_json(photo.id, event.data["before"]))
        _tell_immich(plan, event)
        return plan
    if event.kind in _FILED:
        return _unfile(db, plan)
    return _judge_again(plan, event)


def _given_back(db: Database, event: Event, photo: Photo) -> Plan | ActionResult:
    """Plan that an adopted photo leaves smartsort: every name goes, and the bytes stay in its folder."""
    own = (*_FILED, EventKind.REVIEWED, EventKind.SKIPPED, EventKind.RENAMED)
    taken_back = statistics.taken_back(events.of_photo(db, photo.id))
    acts = [e for e in events.of_photo(db, photo.id) if e.id > event.id and e.kind in ACTS]
    later = next((e for e in acts if e.kind not in own and e.undoes is None and e.id not in taken_back), None)
    if later is not None:
        why = f"{later.kind} by {later.actor} at {later.at}; undo event {later.id} first"
        why = f"photo {photo.id} has changed since: {why}"
        return ActionResult(photo.id, "failed", problem=why, code="conflict", happened=later)
    if photo.state not in (State.FILED, State.REVIEW, State.SKIPPED, State.OBSERVED):
        why = f"photo {photo.id} is {photo.state.value}. Undo its adoption when it is filed or in review"
        return ActionResult(photo.id, "failed", problem=why, code="conflict")
    now = arrangement.read(db, [photo.id])[photo.id]
    plan = Plan(photo, now, EventKind.UNDONE, "undone", undoes=event.id, filed=False)
    plan.data = {"of": event.kind, "given_back": True}
    plan.origins = {Member(member): path for member, path in event.data["origins"]}
    plan.moved = bool(event.data["moved"])
    acts_told = [e.data["act"] for e in (event, *acts) if "act" in e.data]
    plan.messages = [("reassign_face", {"act": act}) for act in acts_told]
    if was_there(now.names):
        return plan  # it never left Immich, and its file never the folder
    plan.removes = list(now.names)
    none = ("sha256", "sha1", "category", "person_id", "person_name", "duplicate_of", "problem")
    plan.values = {"state": State.PURGED.value, "auto_sorted": 0, **dict.fromkeys(none)}
    plan.withdrawn = photo.state is State.REVIEW
    if photo.asset_id is not None:
        plan.messages += album_messages(photo.asset_id, now, frozenset())
    return plan


def _left_as(db: Database, event: Event) -> Mapping[str, Any]:
    """The arrangement an event led to: a file that was deleted in Immich follows into the trash later."""
    later = [e for e in events.of_photo(db, event.photo_id or 0) if e.id > event.id]
    followed = [e.data["after"] for e in later if e.kind == EventKind.PUT_AWAY]
    left: Mapping[str, Any] = followed[-1] if followed else event.data["after"]
    return left


def _apart(db: Database, event: Event, photo: Photo) -> Plan | ActionResult:
    now = arrangement.read(db, [photo.id])[photo.id]
    found = joining.apart(photo, now, event) if photo.state in AT_REST else None
    if found is not None:
        return found
    why = f"what joined photo {photo.id} in event {event.id} is no part of it now, or it is being judged"
    return ActionResult(photo.id, "failed", problem=why, code="not_undoable")


def _refusal(db: Database, event: Event, photo: Photo | None) -> str | None:
    if photo is None or not undoable(event):
        return f"event {event.id} ({event.kind}) cannot be undone"
    if photo.state is State.PURGED:
        for folded in reversed(events.of_photo(db, photo.id)):
            if folded.kind == EventKind.FOLDED:
                return f"photo {photo.id} is part of photo {folded.data['into']} since that came"
            if folded.data.get("given_back"):
                return f"photo {photo.id} was given back to its folder. Adopt the folder again"
        return f"photo {photo.id} was removed for good when its time in the trash had ended"
    if event.kind in _FILED and photo.state is not State.FILED and in_the_way(db, event) is None:
        return f"photo {photo.id} is {photo.state.value}, no longer filed"
    return None


# --- back to an arrangement that was ---------------------------------------------------------


def _lead_back(plan: Plan, wanted: Arrangement) -> None:
    """Names as they were. Those that lie in the same folder under another name count as the same.

    Where Immich keeps an original is its own choice, before and after.
    """
    plan.restore = wanted
    plan.values = dict(wanted.values)
    plan.person = wanted.values["person_name"]
    held, names = ([n for n in each.names if n.area is not Area.ORIGINAL] for each in (plan.before, wanted))
    missing = []
    for name in names:
        same = next((h for h in held if (h.area, h.path) == (name.area, name.path)), None)
        if same is not None:
            held.remove(same)
        else:
            missing.append(name)
    for name in missing:
        folder, wanted_name = os.path.split(name.path)
        twin = next((h for h in held if _alike(h, name)), None)
        if twin is not None:
            held.remove(twin)  # renamed when its own name was taken: it is where it should be
            continue
        source = source_of(plan.before.names, name.member)
        if source is not None:
            plan.planned.append(PlannedName(name.area, folder, source, wanted_name, name.person_id))
    # What joined the photo since stays with it.
    places = {(n.area, os.path.dirname(n.path)) for n in names if n.member is Member.PHOTO}
    for member in {n.member for n in held} - {n.member for n in wanted.names}:
        source = source_of(plan.before.names, member)
        if source is not None:
            plan.planned += joining.beside(plan.before, names, source)
        held = [n for n in held if n.member is not member or (n.area, os.path.dirname(n.path)) not in places]
    plan.removes = held


def _alike(one: Name, other: Name) -> bool:
    return (
        one.area is other.area
        and one.member is other.member
        and one.area is not Area.LIBRARY
        and os.path.dirname(one.path) == os.path.dirname(other.path)
    )


def _tell_immich(plan: Plan, event: Event) -> None:
    """Albums and visibility back as they were told. Faces by what the event had assigned."""
    wanted = plan.restore
    photo = plan.photo
    if wanted is None:
        return
    if photo.asset_id is not None:
        plan.messages += album_messages(photo.asset_id, plan.before, wanted.albums)
        if plan.before.visibility != wanted.visibility:
            plan.messages.append(
                ("visibility", {"asset_id": photo.asset_id, "visibility": wanted.visibility})
            )
    if _left_library(plan.before) and in_library(wanted.names):
        plan.messages.append(("revive", {}))
    assigned: Sequence[Mapping[str, Any]] = event.data.get("teach", ())
    again: Sequence[Mapping[str, Any]] = event.data.get("taught", ())
    if not assigned and not again:
        return
    act = secrets.token_hex(8)
    plan.data["act"] = act
    if assigned:
        plan.messages.append(("reassign_face", {"act": event.data["act"]}))
        plan.data["taught"] = list(assigned)
    else:
        plan.messages += [("assign_face", {**message, "act": act}) for message in again]
        plan.data["teach"] = list(again)


def album_messages(asset_id: str | None, now: Arrangement, wanted: frozenset[str]) -> list[Message]:
    """Return what takes a photo out of the albums it should not be in, and puts it into those it should."""
    out: list[Message] = [
        ("album_remove", {"asset_id": asset_id, "album": a}) for a in sorted(now.albums - wanted)
    ]
    out += [("album_add", {"asset_id": asset_id, "album": a}) for a in sorted(wanted - now.albums)]
    return out


def _left_library(now: Arrangement) -> bool:
    return not in_library(now.names)


# --- automatic decisions ---------------------------------------------------------------------


def _unfile(db: Database, plan: Plan) -> Plan:
    """Plan the undo of a filing: the photo waits for a human, and who it is not is remembered."""
    photo, before = plan.photo, plan.before
    last = photos.last_decision(db, photo.id)
    evidence: Evidence = replace(last[4], sorted_before=None) if last else Evidence()
    filed = [n for n in before.names if n.area is Area.FACES]
    people = {n.person_id: _name_of(n.person_id, evidence, photo) for n in filed if n.person_id}
    if not people and last:
        # They share a folder.
        shown = (f.person for f in evidence.judged)
        people = {p.id: p.name for p in shown if p is not None and p.name in last[3][0].names}
    names = tuple(dict.fromkeys(people.values())) or ((photo.person_name,) if photo.person_name else ())
    decision = Decision(
        Outcome.REVIEWED,
        (UNDONE_FILING.reason(names),),
        policy_version=last[2] if last else "",
        category=Category.UNIDENTIFIED,
        prefix=UNDONE_PREFIX,
        faces_detected=photo.faces_detected,
    )
    plan.planned = names_in(
        photo, before.names, Area.REVIEW, Category.UNIDENTIFIED.value, prefix=decision.prefix
    )
    plan.removes = filed
    plan.values = {
        "state": State.REVIEW.value,
        "category": Category.UNIDENTIFIED.value,
        "person_id": None,
        "person_name": None,
        "auto_sorted": 0,
    }
    plan.waiting = Waiting(decision, evidence)
    plan.ruled_out = {**before.ruled_out, **people}
    plan.data |= {"wrong": True, "people": list(names)}
    if photo.asset_id is not None:
        plan.messages += album_messages(photo.asset_id, before, frozenset())
    return plan


def _name_of(person_id: str, evidence: Evidence, photo: Photo) -> str:
    people: dict[str, Person] = {f.person.id: f.person for f in evidence.judged if f.person is not None}
    known = people.get(person_id)
    return known.name if known else photo.person_name or ""


def _judge_again(plan: Plan, event: Event) -> Plan | ActionResult:
    """Undo an automatic review by judging the photo again: policy or copies may have changed."""
    photo, before = plan.photo, plan.before
    if photo.state not in (State.REVIEW, State.SKIPPED):
        return plan.failed("not_undoable", f"photo {photo.id} is {photo.state.value}, no longer waiting")
    state = State.KNOWN if photo.asset_id else State.PLACED
    if not in_library(before.names):
        asked = str(event.data.get("from", ""))
        # What came from further on (a photo that was resolved automatically) is compared again as well.
        state = State(asked) if asked in (State.CLAIMED.value, State.HASHED.value) else State.HASHED
        for member in sorted({n.member for n in before.names}, key=lambda m: m is not Member.PHOTO):
            source = source_of(before.names, member)
            if source is not None:
                own = photo.original_name
                if member is not Member.PHOTO:
                    own = companion_name(source, own)
                name = temp_name(photo.id, member, own)
                plan.planned.append(PlannedName(Area.TEMP, "", source, name))
    plan.removes = [n for n in before.names if n.area in (Area.REVIEW, Area.TRASH)]
    plan.values = {
        "state": state.value,
        "category": None,
        "duplicate_of": None,
        "detection_asked_at": None,
        "problem": None,
    }
    plan.withdrawn = True
    plan.filed = False
    return plan
