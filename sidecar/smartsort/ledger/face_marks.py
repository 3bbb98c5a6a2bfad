"""What humans said of faces for good: ignored, not a face, locked to a person.

A mark belongs to a place on our photo and to what the face looks like, not to ids of Immich. So it outlives a
merge and a reset there. With another model the faces are measured again from their photos.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlite_utils import Database

from smartsort.core.model import Box, Face, FaceMark, MarkKind, Person
from smartsort.core.similarity import SAME_PLACE, overlap
from smartsort.ledger.embeddings import Vector, from_blob, to_blob
from smartsort.ledger.rows import select

_SCALE = 10_000
_COLUMNS = "key, kind, x1, y1, x2, y2, person_id, person_name, at"

_EXAMPLE = "kind IN ('ignored', 'not_a_face')"

PER_MARK = 12
"""Faces of a mark that others are held against. More say little more."""


class PlacedMark(NamedTuple):
    """A mark at its place on a photo, in shares of the picture's sides."""

    key: str
    kind: str
    x1: float
    y1: float
    x2: float
    y2: float
    person_id: str | None
    person_name: str | None
    at: str

    @classmethod
    def on(cls, face: Face, kind: MarkKind, key: str, person: Person | None, at: str) -> PlacedMark:
        """The mark of a face."""
        return cls(
            key, kind.value, *face.place, person.id if person else None, person.name if person else None, at
        )

    @property
    def mark(self) -> FaceMark:
        """What was said."""
        person = Person(self.person_id or "", self.person_name) if self.person_name else None
        return FaceMark(MarkKind(self.kind), self.key, person)

    def as_face(self, face_id: str) -> Face:
        """Return the place as a face that nobody is assigned to."""
        return Face(face_id, _box((self.x1, self.y1, self.x2, self.y2)), _SCALE, _SCALE, None)

    def is_at(self, face: Face) -> bool:
        """Return True when a face lies at this place."""
        return self.lies_at(face.place)

    def lies_at(self, place: Sequence[float]) -> bool:
        """Return True for the corners of a face there, in shares of the picture's sides."""
        return overlap(_box(place), _box((self.x1, self.y1, self.x2, self.y2))) > SAME_PLACE

    @property
    def is_grouping(self) -> bool:
        """True for what concerns the groups of strangers alone."""
        return MarkKind(self.kind).is_grouping


def _box(corners: Sequence[float]) -> Box:
    return Box(*(round(corner * _SCALE) for corner in corners))


class MarkedGroup(NamedTuple):
    """Faces that were marked together."""

    key: str
    kind: str
    person_name: str | None
    photos: tuple[int, ...]
    """Newest first."""
    at: str


def of_photos(db: Database, photo_ids: Sequence[int]) -> dict[int, tuple[PlacedMark, ...]]:
    """Return the marks on these photos, by photo. Photos without are missing."""
    found: dict[int, tuple[PlacedMark, ...]] = {}
    query = f"SELECT photo_id, {_COLUMNS} FROM face_marks WHERE photo_id IN (*) ORDER BY x1, y1"  # noqa: S608
    for photo_id, *values in select(db, query, photo_ids):
        found[int(photo_id)] = (*found.get(photo_id, ()), PlacedMark(*values))
    return found


def on_faces(marks: Iterable[PlacedMark], faces: Iterable[Face]) -> dict[str, FaceMark]:
    """Return the marks by the ids that the faces have now."""
    marks = tuple(mark for mark in marks if not mark.is_grouping)
    return {face.id: mark.mark for face in faces for mark in marks if mark.is_at(face)}


def replace(db: Database, photo_id: int, marks: Iterable[PlacedMark]) -> None:
    """Put these marks in the place of all marks on a photo. What was measured of the same place stays."""
    known = {
        tuple(row[:4]): tuple(row[4:])
        for row in db.conn.execute(
            "SELECT x1, y1, x2, y2, model, vector FROM face_marks WHERE photo_id = ?", (photo_id,)
        )
    }
    db.conn.execute("DELETE FROM face_marks WHERE photo_id = ?", (photo_id,))
    db.conn.executemany(
        f"INSERT INTO face_marks (photo_id, {_COLUMNS}, model, vector) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
        [(photo_id, *mark, *known.get(tuple(mark[2:6]), (None, None))) for mark in marks],
    )


def groups(db: Database, key: str | None = None) -> list[MarkedGroup]:
    """Return what was marked, the newest first. Of one key, or everything."""
    found: dict[str, MarkedGroup] = {}
    for each, kind, name, photo_id, at in db.conn.execute(
        "SELECT key, kind, person_name, photo_id, at FROM face_marks WHERE ?1 IS NULL OR key = ?1"
        " ORDER BY at DESC, photo_id DESC",
        (key,),
    ):
        what = MarkKind.APART if kind == MarkKind.REST else kind
        before = found.get(each, MarkedGroup(each, what, name, (), at))
        if photo_id not in before.photos[-1:]:
            found[each] = before._replace(photos=(*before.photos, photo_id))
    return list(found.values())


def grouping(db: Database) -> list[tuple[int, PlacedMark]]:
    """Return which faces a human said are one person and which are not, each with its photo."""
    query = (
        f"SELECT photo_id, {_COLUMNS} FROM face_marks WHERE kind IN ('same', 'apart', 'rest') ORDER BY key"  # noqa: S608
    )
    return [(int(photo_id), PlacedMark(*values)) for photo_id, *values in db.conn.execute(query)]


# --- what they look like -----------------------------------------------------------------------


def version(db: Database) -> tuple[tuple[str, int, int], ...]:
    """Changes when marks do, or what a model has measured of them. Empty without any."""
    per_model = "iif(vector IS NULL, '', model)"
    query = f"SELECT {per_model}, count(*), sum(rowid) FROM face_marks GROUP BY 1 ORDER BY 1"  # noqa: S608
    return tuple((str(model), int(count), int(rows)) for model, count, rows in db.conn.execute(query))


def any_example(db: Database) -> bool:
    """Return True when a face may be like a marked one. Cheap."""
    query = f"SELECT 1 FROM face_marks WHERE {_EXAMPLE} LIMIT 1"  # noqa: S608 - our own words
    return db.conn.execute(query).fetchone() is not None


def unmeasured(db: Database, model: str) -> int | None:
    """Return a photo in Immich with a mark that this model has not measured, None when there is none."""
    row = db.conn.execute(
        "SELECT m.photo_id FROM face_marks AS m JOIN photos AS p ON p.id = m.photo_id"  # noqa: S608
        f" WHERE p.asset_id IS NOT NULL AND {_EXAMPLE} AND m.model IS NOT ? LIMIT 1",
        (model,),
    ).fetchone()
    return None if row is None else int(row[0])


def measured(db: Database, photo_id: int, model: str, vectors: Mapping[PlacedMark, Vector | None]) -> None:
    """Remember what the marked faces of a photo look like, None for one that the service does not find."""
    db.conn.executemany(
        "UPDATE face_marks SET model = ?, vector = ? WHERE photo_id = ? AND x1 = ? AND y1 = ? AND x2 = ?"
        " AND y2 = ?",
        [
            (model, to_blob(vector) if vector is not None else None, photo_id, *mark[2:6])
            for mark, vector in vectors.items()
        ],
    )


def examples(db: Database, model: str) -> list[tuple[FaceMark, list[Vector]]]:
    """Marks that count for faces like these, with some faces of each."""
    found: dict[str, tuple[FaceMark, list[Vector]]] = {}
    for key, kind, vector in db.conn.execute(
        "SELECT key, kind, vector FROM face_marks WHERE model = ? AND vector IS NOT NULL"  # noqa: S608
        f" AND {_EXAMPLE} ORDER BY key, at DESC, photo_id DESC",
        (model,),
    ):
        _, vectors = found.setdefault(key, (FaceMark(MarkKind(kind), key), []))
        if len(vectors) < PER_MARK:
            vectors.append(from_blob(vector))
    return list(found.values())
