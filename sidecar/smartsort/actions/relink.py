"""Photos that are filed already go where the template puts them now: as one event, with an undo.

Who is on a photo does not change, whoever said it. What a user has put somewhere by hand stays there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from sqlite_utils import Database

from smartsort.actions.plan import Plan, names_in
from smartsort.actions.values import ActionResult
from smartsort.core.event_kinds import EventKind
from smartsort.core.model import Evidence, Person, State
from smartsort.core.templates import folders_of, needs_metadata, parse
from smartsort.ledger import key_value, photos
from smartsort.ledger.arrangement import Arrangement
from smartsort.ledger.person_folders import PEOPLE_NAMES
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area, Member, Name, Photo, origin_of
from smartsort.ledger.rows import select
from smartsort.pipeline.engine.context import Context

AT_ONCE = 500
"""Photos looked at together."""


class Relinking:
    """Finds filed photos that lie elsewhere than the template says, and plans their moves."""

    def __init__(self, context: Context, known: Sequence[Person]) -> None:
        self._context = context
        remembered: Mapping[str, str] = context.ledger.read(lambda db: key_value.get(db, PEOPLE_NAMES, {}))
        self._known = {i: Person(i, name) for i, name in remembered.items()} | {p.id: p for p in known}

    def moving(self, after: int) -> tuple[list[int], int | None]:
        """Return those of the next photos that would move, and where to go on. Blocking."""
        ledger = self._context.ledger
        rows = ledger.read(lambda db: _filed(db, after))
        if not rows:
            return [], None
        if needs_metadata(parse(self._context.policy().template)):
            rows = self._read_again(rows)
        held = ledger.read(lambda db: photos.names_of(db, [photo.id for photo in rows]))
        leaving = [photo.id for photo in rows if self._leaves(photo, held[photo.id])]
        by_hand = ledger.read(lambda db: _placed_by_hand(db, leaving))
        return [i for i in leaving if i not in by_hand], rows[-1].id

    def plan(self, photo: Photo, before: Arrangement) -> Plan | ActionResult:
        """Plan one photo's move."""
        wanted = self._wanted(photo, before.names)
        if wanted is None or not self._leaves(photo, before.names):
            why = f"photo {photo.id} stays where it is"
            return ActionResult(photo.id, "failed", problem=why, code="nothing_to_do")
        plan = Plan(photo, before, EventKind.RELINKED, "relinked", person=photo.person_name)
        there = _folders(before.names)
        for folder, person in wanted.items():
            if folder not in there:
                person_id = (person.id or None) if person else None
                plan.planned += names_in(photo, before.names, Area.FACES, folder, person_id=person_id)
        plan.removes = [
            n for n in before.names if n.area is Area.FACES and os.path.dirname(n.path) not in wanted
        ]
        return plan

    def _leaves(self, photo: Photo, names: Sequence[Name]) -> bool:
        wanted = self._wanted(photo, names)
        return wanted is not None and wanted.keys() != _folders(names)

    def _wanted(self, photo: Photo, names: Sequence[Name]) -> Mapping[str, Person | None] | None:
        """Return the folders a photo belongs into, None where it is not certain under whom it is filed."""
        people = self._people(photo, names)
        if not people:
            return None
        evidence = Evidence(taken=photo.taken_at, origin=origin_of(photo, names))
        return folders_of(self._context.policy().folders(evidence), people, self._context.person_folder)

    def _people(self, photo: Photo, names: Sequence[Name]) -> list[Person]:
        filed = [n for n in names if n.area is Area.FACES and n.member is Member.PHOTO]
        ids = list(dict.fromkeys(n.person_id or "" for n in filed))
        if len(ids) != len(filed):
            return []  # several folders of one person, or of people whom Immich does not know
        own = photo.person_id or ""
        named = self._known | ({own: Person(own, photo.person_name)} if photo.person_name else {})
        return [named[i] for i in ids] if named.keys() >= set(ids) else []

    def _read_again(self, rows: Sequence[Photo]) -> list[Photo]:
        """Return the photos with what their files say of time and camera, which nobody has read before."""
        unread = [photo for photo in rows if photo.camera is None]
        context = self._context
        held = context.ledger.read(lambda db: photos.names_of(db, [photo.id for photo in unread]))
        paths = {
            photo.id: context.absolute(next(n for n in held[photo.id] if n.member is Member.PHOTO))
            for photo in unread
        }
        said = context.decoders.metadata(list(paths.values()))
        values: dict[int, dict[str, Any]] = {}
        for photo, found in zip(unread, said, strict=True):
            taken = photo.taken_at or (found.taken.isoformat() if found.taken else None)
            values[photo.id] = {"camera": found.camera or "", "taken_at": taken}
        at = context.clock.text()
        changes = [Change(i, values=each) for i, each in values.items()]
        context.ledger.write(lambda db: photos.apply(db, changes, at))
        return [photo._replace(**values.get(photo.id, {})) for photo in rows]


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
