"""The faces of photos in review: which are measured, and what was measured of them.

Which faces a photo has is what its newest decision saw. Duplicates are left out: their faces decide nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from json import dumps

from sqlite_utils import Database

from smartsort.core.model import Box, Category, Evidence, Face, Person, State
from smartsort.core.rules.faces import NO_FACES_DETECTED
from smartsort.files.shown import from_ledger
from smartsort.ledger import feedback
from smartsort.ledger.embeddings import Vector, from_blob
from smartsort.ledger.records import evidence_from_json

_FROM = (
    " FROM photos AS p JOIN decisions AS d ON d.id ="
    " (SELECT max(one.id) FROM decisions AS one WHERE one.photo_id = p.id)"
)
_WHERE = (
    f" WHERE p.state = '{State.REVIEW.value}' AND p.asset_id IS NOT NULL"
    f" AND p.category IS NOT '{Category.DUPLICATES.value}'"
)
_GIVEN = " AND p.id IN (SELECT value FROM json_each(?))"
_FACES = "json_each(d.evidence, '$.faces') AS f"
_OPEN = (
    f"EXISTS (SELECT 1 FROM {_FACES} WHERE NOT EXISTS (SELECT 1 FROM embeddings AS e"  # noqa: S608
    " WHERE e.face_id = json_extract(f.value, '$.id') AND e.model = ?))"
)
_FACELESS = (
    f"(json_extract(d.reasons, '$[0].code') = '{NO_FACES_DETECTED.code}'"
    " AND json_array_length(d.evidence, '$.faces') = 0 AND json_extract(d.evidence, '$.hint') IS NULL"
    " AND json_extract(d.evidence, '$.film') IS NULL)"
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


@dataclass(frozen=True, slots=True)
class Stranger:
    """A face that waits for a name, without what was measured of it."""

    face_id: str
    photo_id: int
    asset_id: str
    place: tuple[float, float, float, float]
    """Left, top, right and bottom as shares of the picture's sides."""
    taken: str | None


def model_in_use(db: Database) -> str | None:
    """Return the model that measured the faces. Those of others are forgotten. None before the first."""
    row = db.conn.execute("SELECT model FROM embeddings LIMIT 1").fetchone()
    return None if row is None else str(row[0])


def measured(db: Database, photo_ids: Iterable[int]) -> Iterator[ReviewFace]:
    """The measured faces of those of these photos that are in review: one at a time in memory."""
    rows = db.conn.execute(
        "SELECT p.id, p.asset_id, p.taken_at, e.vector, e.face_id, json_extract(f.value, '$.box[0]',"
        " '$.box[1]', '$.box[2]', '$.box[3]', '$.size[0]', '$.size[1]'),"
        f" json_extract(f.value, '$.person.id'), json_extract(f.value, '$.person.name') {_FROM}, {_FACES}"
        " JOIN embeddings AS e ON e.face_id = json_extract(f.value, '$.id') AND e.model = ?"
        f"{_WHERE} AND length(e.vector) > 0{_GIVEN} ORDER BY p.id DESC",
        (model_in_use(db), dumps(sorted(photo_ids))),
    )
    for photo_id, asset_id, taken, packed, face_id, numbers, person_id, name in rows:
        x1, y1, x2, y2, width, height = map(int, numbers[1:-1].split(","))
        person = Person(str(person_id), str(name)) if person_id is not None else None
        face = Face(str(face_id), Box(x1, y1, x2, y2), width, height, person)
        yield ReviewFace(int(photo_id), str(asset_id), face, packed, taken)


def marked(db: Database, photo_ids: Iterable[int]) -> frozenset[str]:
    """Ids of the faces on these photos of which a human said something for good, or of faces like them."""
    rows = db.conn.execute(
        f"SELECT f.key{_FROM}, json_each(d.evidence, '$.marks') AS f{_WHERE}{_GIVEN}",
        (dumps(sorted(photo_ids)),),
    )
    return frozenset(str(face_id) for (face_id,) in rows)


def unnamed_state(db: Database) -> tuple[int, ...]:
    """Changes when other photos wait or other faces are measured."""
    queries = (
        "SELECT count(*), coalesce(sum(id), 0) FROM photos WHERE state = 'review'",
        "SELECT coalesce(max(id), 0), 0 FROM decisions",
        "SELECT coalesce(max(id), 0), 0 FROM events",
        "SELECT count(*), coalesce(max(rowid), 0) FROM embeddings",
    )
    return tuple(int(value) for query in queries for value in db.conn.execute(query).fetchone())


def unnamed_since(db: Database, seen: tuple[int, int]) -> tuple[set[int], set[int], tuple[int, int]]:
    """Return the photos in review, those with another decision or measured face since, and what is seen now.

    `seen` is the newest decision and the newest measured face, (0, 0) at first.
    """

    def ids(query: str, *values: int) -> set[int]:
        return {int(row[0]) for row in db.conn.execute(query, values)}

    waiting = ids(f"SELECT p.id FROM photos AS p{_WHERE}")  # noqa: S608 - our own words
    decided = ids("SELECT photo_id FROM decisions WHERE id > ?", seen[0])
    found = ids(
        "SELECT p.id FROM embeddings AS e JOIN photos AS p ON p.asset_id = e.asset_id WHERE e.rowid > ?",
        seen[1],
    )
    newest = db.conn.execute("SELECT coalesce(max(rowid), 0) FROM embeddings").fetchone()
    return waiting, decided | found, (newest_decision(db), int(newest[0]))


def unmeasured(db: Database, model: str, limit: int) -> list[int]:
    """Return ids of photos in review to look at, newest first.

    They have a face this model has not been asked about, or none and nobody has looked why.
    """
    query = f"SELECT p.id{_FROM}{_WHERE} AND ({_OPEN} OR {_FACELESS}) ORDER BY p.id DESC LIMIT ?"
    return [int(photo_id) for (photo_id,) in db.conn.execute(query, (model, limit))]


def newest_decision(db: Database) -> int:
    """The id of the newest decision: without a newer one no other faces are known in review. 0 before any."""
    return int(db.conn.execute("SELECT coalesce(max(id), 0) FROM decisions").fetchone()[0])


@dataclass(frozen=True, slots=True)
class Seen:
    """A photo in review with a measured face that somebody may be close to."""

    photo_id: int
    filename: str
    source: str
    taken: str | None
    evidence: Evidence
    ruled_out: frozenset[str]


def compared(db: Database, categories: Collection[Category]) -> Iterator[Seen]:
    """Photos in review of these categories whose faces were held against people, newest first."""
    rows = db.conn.execute(
        f"SELECT p.id, p.original_name, p.source, p.taken_at, p.category, d.evidence{_FROM}{_WHERE}"
        " AND json_extract(d.evidence, '$.suggestions') <> '{}' ORDER BY p.id DESC"
    ).fetchall()
    wanted = {category.value for category in categories}
    ruled_out = feedback.ruled_out_people(db, [row[0] for row in rows])
    for photo_id, name, source, taken, category, evidence in rows:
        if category in wanted:
            gone = ruled_out.get(photo_id, frozenset())
            yield Seen(photo_id, from_ledger(name), source, taken, evidence_from_json(evidence), gone)


def progress(db: Database) -> tuple[int, int]:
    """Return how many photos in review have all their faces measured, and how many have faces."""
    row = db.conn.execute(
        f"SELECT coalesce(sum(NOT {_OPEN}), 0), count(*){_FROM}{_WHERE}"
        " AND json_array_length(d.evidence, '$.faces') > 0",
        (model_in_use(db),),
    ).fetchone()
    return int(row[0]), int(row[1])
