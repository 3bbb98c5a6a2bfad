"""Photos that are filed already go where the template puts them now: as one event, with an undo.

Who is on a photo does not change, whoever said it. What a user has put somewhere by hand stays there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlite_utils import Database

from smartsort.actions.plan import Plan, names_in
from smartsort.actions.undo import album_messages
from smartsort.actions.values import ActionResult
from smartsort.core.decision import filed_by_rules
from smartsort.core.event_kinds import EventKind
from smartsort.core.filing_rules import Seen
from smartsort.core.marks import marked
from smartsort.core.model import Evidence, Person, State
from smartsort.core.naming import folder_names
from smartsort.core.rules.base import Case
from smartsort.core.templates import folders_of
from smartsort.core.what_if import renewed
from smartsort.ledger import events, key_value, photos
from smartsort.ledger.arrangement import Arrangement
from smartsort.ledger.person_folders import PEOPLE_NAMES
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area, Event, Member, Name, Photo, origin_of
from smartsort.ledger.rows import select
from smartsort.pipeline.engine.context import Context

AT_ONCE = 500
"""Photos looked at together."""

_FILINGS = (
    *(EventKind.SORTED, EventKind.APPROVED, EventKind.REFILED),
    *(EventKind.REEVALUATED, EventKind.BACKFILLED, EventKind.FACES_MARKED),
)


class Relinking:
    """Finds filed photos that lie elsewhere than the template says, and plans their moves."""

    def __init__(self, context: Context, known: Sequence[Person]) -> None:
        self._context = context
        remembered: Mapping[str, str] = context.ledger.read(lambda db: key_value.get(db, PEOPLE_NAMES, {}))
        self._known = {i: Person(i, name) for i, name in remembered.items()} | {p.id: p for p in known}
        # Of the photos looked at last: they are planned on the event loop, where nothing is read.
        self._evidence_of: dict[int, Evidence] = {}
        self._filing_of: dict[int, Event | None] = {}

    def moving(self, after: int) -> tuple[list[int], int | None]:
        """Return those of the next photos that would move, and where to go on. Blocking."""
        ledger = self._context.ledger
        self._evidence_of.clear()
        self._filing_of.clear()
        rows = ledger.read(lambda db: _filed(db, after))
        if not rows:
            return [], None
        last = rows[-1].id
        if self._context.policy().filing.needs_metadata:
            rows = self._read_again(rows)
        held = ledger.read(lambda db: photos.names_of(db, [photo.id for photo in rows]))
        told = ledger.read(lambda db: _albums(db, [photo.id for photo in rows]))
        leaving = [p.id for p in rows if not self._is_there(p, held[p.id], told.get(p.id, frozenset()))]
        by_hand = ledger.read(lambda db: _placed_by_hand(db, leaving))
        return [i for i in leaving if i not in by_hand], last

    def plan(self, photo: Photo, before: Arrangement) -> Plan | ActionResult:
        """Plan one photo's move."""
        wanted = self._wanted(photo, before.names)
        plan = Plan(photo, before, EventKind.RELINKED, "relinked", person=photo.person_name)
        if wanted is None or self._is_there(photo, before.names, before.albums):
            return plan.failed("nothing_to_do", f"photo {photo.id} stays where it is")
        there = _folders(before.names)
        for folder, person in wanted.folders.items():
            if folder not in there:
                person_id = (person.id or None) if person else None
                plan.planned += names_in(photo, before.names, Area.FACES, folder, person_id=person_id)
        filed = (n for n in before.names if n.area is Area.FACES)
        plan.removes = [n for n in filed if os.path.dirname(n.path) not in wanted.folders]
        if photo.asset_id is not None:
            plan.messages += album_messages(photo.asset_id, before, wanted.albums(before.albums))
        return plan

    def _is_there(self, photo: Photo, names: Sequence[Name], albums: frozenset[str]) -> bool:
        wanted = self._wanted(photo, names)
        if wanted is None:
            return True
        same = photo.asset_id is None or wanted.albums(albums) == albums
        return same and wanted.folders.keys() == _folders(names)

    def _wanted(self, photo: Photo, names: Sequence[Name]) -> _Wanted | None:
        """Return where a photo belongs, None where it is not certain under whom it is filed."""
        policy = self._context.policy()
        then = self._evidence(photo) if policy.rules else Evidence()
        people = self._people(photo, names)
        if not people:
            return None
        origin = origin_of(photo, names)
        evidence = replace(renewed(then, self._known), taken=photo.taken_at, origin=origin)
        case = Case(marked(evidence), policy)
        if photo.auto_sorted and policy.rules:
            filed = filed_by_rules(case)
        else:
            filed = policy.filing.filed(Seen.by_hand(people, case.evidence))
        if filed.asks and photo.auto_sorted:
            return None  # `what-if` puts it into review
        folders = folders_of(filed.folders, people, lambda person: self._own_folder(person, names))
        return _Wanted(folders, filed.albums, frozenset(rule.album for rule in policy.rules if rule.album))

    def _own_folder(self, person: Person, names: Sequence[Name]) -> str:
        if person.id:
            return self._context.person_folder(person)
        # Whom Immich does not know may be kept apart from another: the folder stays what it is.
        there = {part for folder in _folders(names) for part in folder.split("/")}
        own = folder_names(person.name)
        return next((folder for folder in own if folder in there), own[0])

    def _evidence(self, photo: Photo) -> Evidence:
        if photo.id not in self._evidence_of:
            last = self._context.ledger.read(lambda db: photos.last_decision(db, photo.id))
            self._evidence_of[photo.id] = last[4] if last else Evidence()
        return self._evidence_of[photo.id]

    def _people(self, photo: Photo, names: Sequence[Name]) -> list[Person]:
        filed = [n for n in names if n.area is Area.FACES and n.member is Member.PHOTO]
        own = set(folder_names(photo.person_name or ""))
        # A name without a person is one of a folder that people share, or of one whom Immich does not know.
        of_people = [
            n for n in filed if n.person_id or not own.isdisjoint(os.path.dirname(n.path).split("/"))
        ]
        ids = list(dict.fromkeys(n.person_id or "" for n in of_people))
        if len(ids) != len(of_people):
            return []  # several folders of one person: some were made by hand
        ids = ids or self._sharing(photo)
        found = [person for i in ids if (person := self._person(i, photo)) is not None]
        return found if len(found) == len(ids) else []

    def _person(self, person_id: str, photo: Photo) -> Person | None:
        known = self._known.get(person_id)
        if person_id != (photo.person_id or "") or not photo.person_name:
            return known
        # Under the name that the folder follows.
        return replace(known, name=photo.person_name) if known else Person(person_id, photo.person_name)

    def _sharing(self, photo: Photo) -> list[str]:
        """Return the ids of those under whom a photo was filed that lies in a folder of nobody alone."""
        if photo.id not in self._filing_of:
            self._filing_of[photo.id] = self._context.ledger.read(lambda db: _filing(db, photo.id))
        event = self._filing_of[photo.id]
        if event is None:
            return []
        if "teach" in event.data:
            own = {photo.person_name: photo.person_id}  # Immich may know the person by now
            return [str(one["person"] or own.get(one["name"]) or "") for one in event.data["teach"]]
        verified = set(event.data["people"])
        shown = (f.person for f in self._evidence(photo).judged if f.person is not None)
        return list(dict.fromkeys(p.id for p in shown if p.name in verified))

    def _read_again(self, rows: Sequence[Photo]) -> list[Photo]:
        """Return the photos with what their files say of time and camera, where nobody has read that before.

        Without those that cannot be read now: nothing is concluded about them.
        """
        camera = self._context.policy().filing.names_camera
        unread = [p for p in rows if p.camera is None and (camera or p.taken_at is None)]
        context = self._context
        held = context.ledger.read(lambda db: photos.names_of(db, [photo.id for photo in unread]))
        paths = {
            photo.id: context.absolute(next(n for n in held[photo.id] if n.member is Member.PHOTO))
            for photo in unread
        }
        said = context.decoders.metadata_if_read(list(paths.values()))
        values: dict[int, dict[str, Any]] = {}
        for photo, found in zip(unread, said, strict=True):
            if found is None:
                continue
            taken = photo.taken_at or (found.taken.isoformat() if found.taken else None)
            values[photo.id] = {"camera": found.camera or "", "taken_at": taken}
        at = context.clock.text()
        changes = [Change(i, values=each) for i, each in values.items()]
        context.ledger.write(lambda db: photos.apply(db, changes, at))
        missing = {photo.id for photo in unread} - values.keys()
        return [photo._replace(**values.get(photo.id, {})) for photo in rows if photo.id not in missing]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Where a photo belongs: its folders, the albums of its rule, and those of all rules."""

    folders: Mapping[str, Person | None]
    of_rule: tuple[str, ...]
    of_all: frozenset[str]

    def albums(self, now: frozenset[str]) -> frozenset[str]:
        """Return its albums when it is in these now. An album that no rule names is not theirs to leave."""
        return (now - self.of_all).union(self.of_rule)


def _folders(names: Sequence[Name]) -> set[str]:
    return {os.path.dirname(n.path) for n in names if n.area is Area.FACES and n.member is Member.PHOTO}


def _filed(db: Database, after: int) -> list[Photo]:
    rows = db.conn.execute(
        "SELECT id FROM photos WHERE state = ? AND id > ? ORDER BY id LIMIT ?",
        (State.FILED.value, after, AT_ONCE),
    ).fetchall()
    return photos.by_ids(db, [row[0] for row in rows])


def _placed_by_hand(db: Database, photo_ids: Sequence[int]) -> set[int]:
    query = "SELECT DISTINCT photo_id FROM events WHERE kind IN (?, ?) AND photo_id IN (*)"
    kinds = (EventKind.MOVED_BY_HAND.value, EventKind.LINKED_BY_HAND.value)
    return {int(row[0]) for row in select(db, query, photo_ids, before=kinds)}


def _albums(db: Database, photo_ids: Sequence[int]) -> dict[int, frozenset[str]]:
    query = "SELECT photo_id, value FROM told WHERE kind = 'album' AND photo_id IN (*)"
    found: dict[int, set[str]] = {}
    for photo_id, album in select(db, query, photo_ids):
        found.setdefault(int(photo_id), set()).add(str(album))
    return {i: frozenset(albums) for i, albums in found.items()}


def _filing(db: Database, photo_id: int) -> Event | None:
    """Return the event that says under whom a photo is filed."""
    filings = (
        e for e in reversed(events.of_photo(db, photo_id)) if e.data.get("people") and e.kind in _FILINGS
    )
    return next((event for event in filings if events.undone(db, event.id) is None), None)
