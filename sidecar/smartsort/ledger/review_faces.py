"""The faces of photos in review: which are measured, and what was measured of them.

Which faces a photo has is what its newest decision saw. Duplicates are left out: their faces decide nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlite_utils import Database

from smartsort.core.model import Box, Category, Face, Person, State
from smartsort.ledger.embeddings import Vector, from_blob

_FROM = (
    " FROM photos AS p JOIN decisions AS d ON d.id ="
    " (SELECT max(one.id) FROM decisions AS one WHERE one.photo_id = p.id)"
)
_WHERE = (
    f" WHERE p.state = '{State.REVIEW.value}' AND p.asset_id IS NOT NULL"
    f" AND p.category IS NOT '{Category.DUPLICATES.value}'"
)
_FACES = "json_each(d.evidence, '$.faces') AS f"
_OPEN = (
    f"EXISTS (SELECT 1 FROM {_FACES} WHERE NOT EXISTS (SELECT 1 FROM embeddings AS e"  # noqa: S608
    " WHERE e.face_id = json_extract(f.value, '$.id') AND e.model = ?))"
)


@dataclass(frozen=True, slots=True)
class ReviewFace:
    """A measured face of a photo in review. Its vector stays packed: 100,000 unpacked ones take 1.6 GB."""

    photo_id: int
    asset_id: str
    face: Face
    """With its box and whom Immich gives it to, as the newest decision saw it."""
    packed: bytes
    taken: str | None

    @property
    def vector(self) -> Vector:
        """The face as the model sees it, of length 1."""
        return from_blob(self.packed)


def model_in_use(db: Database) -> str | None:
    """The model that measured the faces; those of others are forgotten. None before the first."""
    row = db.conn.execute("SELECT model FROM embeddings LIMIT 1").fetchone()
    return None if row is None else str(row[0])


def measured(db: Database, photo_ids: Collection[int] | None = None) -> Iterator[ReviewFace]:
    """The measured faces of photos in review, or of these, newest photo first: one at a time in memory."""
    chosen = "" if photo_ids is None else f" AND p.id IN ({','.join(str(int(i)) for i in photo_ids)})"
    rows = db.conn.execute(
        "SELECT p.id, p.asset_id, p.taken_at, e.vector, e.face_id, json_extract(f.value, '$.box[0]',"
        " '$.box[1]', '$.box[2]', '$.box[3]', '$.size[0]', '$.size[1]'),"
        f" json_extract(f.value, '$.person.id'), json_extract(f.value, '$.person.name') {_FROM}, {_FACES}"
        " JOIN embeddings AS e ON e.face_id = json_extract(f.value, '$.id') AND e.model = ?"
        f"{_WHERE} AND length(e.vector) > 0{chosen} ORDER BY p.id DESC",
        (model_in_use(db),),
    )
    for photo_id, asset_id, taken, packed, face_id, numbers, person_id, name in rows:
        x1, y1, x2, y2, width, height = map(int, numbers[1:-1].split(","))
        person = Person(str(person_id), str(name)) if person_id is not None else None
        face = Face(str(face_id), Box(x1, y1, x2, y2), width, height, person)
        yield ReviewFace(int(photo_id), str(asset_id), face, packed, taken)


def unmeasured(db: Database, model: str, limit: int) -> list[int]:
    """Ids of photos in review with a face this model has not been asked about, newest first."""
    query = f"SELECT p.id{_FROM}{_WHERE} AND {_OPEN} ORDER BY p.id DESC LIMIT ?"
    return [int(photo_id) for (photo_id,) in db.conn.execute(query, (model, limit))]


def newest_decision(db: Database) -> int:
    """The id of the newest decision: without a newer one no other faces are known in review. 0 before any."""
    return int(db.conn.execute("SELECT coalesce(max(id), 0) FROM decisions").fetchone()[0])


def progress(db: Database) -> tuple[int, int]:
    """How many photos in review have all their faces measured, and how many have faces."""
    row = db.conn.execute(
        f"SELECT coalesce(sum(NOT {_OPEN}), 0), count(*){_FROM}{_WHERE}"
        " AND json_array_length(d.evidence, '$.faces') > 0",
        (model_in_use(db),),
    ).fetchone()
    return int(row[0]), int(row[1])
