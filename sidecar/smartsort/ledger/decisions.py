"""What was decided before, and everything it rested on: evidence, settings, and where the photo is now."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlite_utils import Database

from smartsort.core.model import Category, Evidence, Outcome, Person, Reason, State
from smartsort.core.policy import Policy
from smartsort.core.reasons import UNDONE_FILING
from smartsort.core.rules.copies import located as placed
from smartsort.core.rules.faces import AMBIGUOUS_NAME
from smartsort.core.what_if import FACES, SKIPPED, Past, Place, renewed
from smartsort.files.shown import from_ledger
from smartsort.ledger import feedback, photos
from smartsort.ledger.copies import located
from smartsort.ledger.policies import policy_from_json, policy_to_json
from smartsort.ledger.records import (
    evidence_from_json,
    reasons_from_json,
)
from smartsort.ledger.rows import chunks, select

# --- settings --------------------------------------------------------------------------------


def remember_policy(db: Database, policy: Policy, at: str) -> None:
    """Keep the settings decisions rest on, by their version. Inside a write transaction."""
    db.conn.execute(
        "INSERT OR IGNORE INTO policies (version, policy, at) VALUES (?, ?, ?)",
        (policy.version, policy_to_json(policy), at),
    )


def policy_of(db: Database, version: str) -> Policy | None:
    """Return the settings of a version, None for one from before they were kept."""
    row = db.conn.execute("SELECT policy FROM policies WHERE version = ?", (version,)).fetchone()
    return policy_from_json(row[0]) if row else None


# --- decisions -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Decided:
    """A stored decision with its inputs. `policy` is None when it is older than the store of settings."""

    at: str
    outcome: Outcome
    category: Category | None
    reasons: tuple[Reason, ...]
    evidence: Evidence
    policy_version: str
    policy: Policy | None

    @property
    def ambiguous(self) -> frozenset[str]:
        """Ids of the people on the photo who shared a name with somebody then."""
        names = {n for r in self.reasons if r.code == AMBIGUOUS_NAME.code for n in r.names}
        people = (f.person for f in (*self.evidence.faces, *self.evidence.judged))
        return frozenset(p.id for p in people if p is not None and p.name in names)


def last_decided(db: Database, photo_id: int) -> Decided | None:
    """The newest decision about a photo, with other copies where they are now, None before the first."""
    row = db.conn.execute(
        "SELECT at, outcome, category, reasons, evidence, policy_version FROM decisions WHERE photo_id = ?"
        " ORDER BY id DESC LIMIT 1",
        (photo_id,),
    ).fetchone()
    if row is None:
        return None
    found = photos.with_origin(db, photo_id, evidence_from_json(row[4]))
    evidence = located(db, {photo_id: found})[photo_id]
    return Decided(
        at=row[0],
        outcome=Outcome(row[1]),
        category=Category(row[2]) if row[2] else None,
        reasons=placed(reasons_from_json(row[3]), evidence),
        evidence=evidence,
        policy_version=row[5],
        policy=policy_of(db, row[5]),
    )


# --- photos with their last decision ---------------------------------------------------------

_LOOKED_AT = (State.FILED, State.REVIEW, State.SKIPPED, State.REJECTED)

_LAST = (
    "SELECT photo_id, reasons, evidence FROM decisions AS one WHERE NOT EXISTS (SELECT 1 FROM decisions AS"
    " other WHERE other.photo_id = one.photo_id AND other.id > one.id)"
)


def since(db: Database, at: str, people: Mapping[str, Person]) -> Iterator[Past]:
    """Yield photos that came to where they are at or after a ledger time, oldest first.

    `people` are those of today by id: who was renamed counts under the new name.
    """
    query = (
        "SELECT id, state, category, auto_sorted, EXISTS (SELECT 1 FROM spot_checks AS s"
        " WHERE s.photo_id = photos.id AND s.verdict = 'right') FROM photos"
        " WHERE routed_at >= ? AND state IN (*) ORDER BY id"
    )
    for rows in chunks(select(db, query, _LOOKED_AT, before=(at,))):
        yield from _chunk(db, rows, people)


def _chunk(db: Database, rows: Sequence[Any], people: Mapping[str, Person]) -> Iterator[Past]:
    ids = [int(row[0]) for row in rows]
    last = {
        int(photo_id): (reasons, evidence)
        for photo_id, reasons, evidence in select(db, f"{_LAST} AND photo_id IN (*)", ids)
    }
    folders: dict[int, set[str]] = {}
    filed = "SELECT photo_id, path FROM names WHERE area = 'faces' AND photo_id IN (*)"
    for photo_id, path in select(db, filed, ids):
        folders.setdefault(int(photo_id), set()).add(os.path.dirname(from_ledger(path)))
    ruled_out = feedback.ruled_out_people(db, ids)
    for photo_id, state, category, automatic, confirmed in rows:
        if photo_id not in last:
            continue
        reasons, text = last[photo_id]
        evidence = photos.with_origin(db, int(photo_id), renewed(evidence_from_json(text), people))
        evidence = replace(evidence, ruled_out=evidence.ruled_out | ruled_out.get(photo_id, frozenset()))
        place = Place(str(category))
        if state == State.FILED.value:
            place = Place(FACES, frozenset(folders.get(photo_id, ())))
        elif category is None:
            place = Place(SKIPPED)
        by_human = (
            state == State.REJECTED.value
            or (state == State.FILED.value and (not automatic or confirmed))
            or (state == State.REVIEW.value and reasons_from_json(reasons)[0].code == UNDONE_FILING.code)
        )
        yield Past(photo_id, place, evidence, bool(by_human))
