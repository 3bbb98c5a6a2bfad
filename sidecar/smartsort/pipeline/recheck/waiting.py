"""The photos in review that Immich may still resolve, as far as their decisions tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlite_utils import Database

from smartsort.core.model import Category
from smartsort.core.rules.copies import NEAR_DUPLICATE
from smartsort.files.shown import from_ledger
from smartsort.ledger import feedback, photos
from smartsort.ledger.records import evidence_from_json, reasons_from_json


@dataclass(frozen=True, slots=True)
class Waiting:
    """A photo in review, as far as its decision tells: who was on it, and why it waits."""

    photo_id: int
    asset_id: str
    shard: int
    placed_at: str
    decision_id: int
    code: str
    people: Mapping[str, str]
    """Names by id, as they were."""
    unassigned: bool
    """A face on it belongs to nobody."""
    unwatched: bool = False
    """It is a video, and nobody could tell who is in its frames."""
    hidden: frozenset[str] = frozenset()
    """Ids of those people who were hidden in Immich."""
    path: str = ""
    """Below the library."""

    @property
    def stranger(self) -> bool:
        """A face on it belongs to nobody with a name."""
        return self.unassigned or not all(self.people.values())


def read(db: Database, known: Mapping[int, Waiting]) -> dict[int, Waiting]:
    """Return the photos in review that Immich knows, duplicates left out.

    What was read before is not read again.
    """
    rows = db.conn.execute(
        "SELECT p.id, p.asset_id, p.shard, p.placed_at, (SELECT max(d.id) FROM decisions AS d"
        " WHERE d.photo_id = p.id), n.path FROM photos AS p CROSS JOIN names AS n ON n.photo_id = p.id"
        " AND n.area = 'library' AND n.member = 'photo' WHERE p.state = 'review' AND p.asset_id IS NOT NULL"
        " AND p.shard IS NOT NULL AND p.placed_at IS NOT NULL"
    ).fetchall()
    found: dict[int, Waiting] = {}
    for photo_id, asset_id, shard, placed_at, decision_id, path in rows:
        before = known.get(photo_id)
        if before is not None and (before.decision_id, before.asset_id) == (decision_id, asset_id):
            found[photo_id] = before
            continue
        row = db.conn.execute(
            "SELECT reasons, evidence, category FROM decisions WHERE id = ?", (decision_id,)
        ).fetchone()
        if row is None:
            continue
        reasons, evidence = reasons_from_json(row[0]), evidence_from_json(row[1])
        if row[2] == Category.DUPLICATES.value and reasons[0].code != NEAR_DUPLICATE.code:
            continue
        found[photo_id] = Waiting(
            photo_id,
            asset_id,
            shard,
            placed_at,
            decision_id,
            reasons[0].code,
            {f.person.id: f.person.name for f in evidence.faces if f.person is not None},
            any(f.person is None for f in evidence.faces),
            evidence.film is not None and bool(evidence.film.unknown),
            frozenset(f.person.id for f in evidence.faces if f.person is not None and f.person.hidden),
            from_ledger(path),
        )
    return found


def told_apart(db: Database, waiting: Mapping[int, Waiting]) -> list[int]:
    """Near-duplicates that are two pictures by a human's word."""
    found = []
    for one in waiting.values():
        if one.code == NEAR_DUPLICATE.code and feedback.not_the_same(db, one.photo_id):
            last = photos.last_decision(db, one.photo_id)
            copy = last[4].near_copy if last else None
            if copy and feedback.copy_key(copy.photo_id, copy.asset_id) in feedback.not_the_same(
                db, one.photo_id
            ):
                found.append(one.photo_id)
    return found
