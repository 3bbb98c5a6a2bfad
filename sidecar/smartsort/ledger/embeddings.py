"""Faces as vectors: what was measured of them, and which confirm what a person looks like."""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from smartsort.ledger import key_value
from smartsort.ledger.records import dumps
from smartsort.ledger.rows import select

KEPT = 20_000
"""Vectors that belong to no gallery and are kept all the same: about 40 MB, the newest stay."""

BY_HUMAN, BY_IMMICH, BY_SMARTSORT = 0, 1, 2
"""Who said whose face it is. The first is believed first."""

Vector = tuple[float, ...]

_COLUMNS = "face_id, asset_id, vector, person_id, said_by, taken"


@dataclass(frozen=True, slots=True)
class Embedding:
    """One face as a model sees it. `said_by` and `person_id` are set for faces that are in a gallery.

    Its vector is empty where the model found no face at its place.
    """

    face_id: str
    asset_id: str
    vector: Vector
    person_id: str | None = None
    said_by: int = BY_IMMICH
    taken: str | None = None
    """When its photo was taken, known of faces in a gallery."""


Groups = tuple[tuple[tuple[str, str], ...], ...]
"""The faces of two people under one name, the larger group first, each face with its asset."""


@dataclass(frozen=True, slots=True)
class GalleryRow:
    """When a person's gallery was put together, and what Immich knew of the person then."""

    person_id: str
    name: str
    refreshed_at: str
    stale: bool
    examined: bool = False
    """As many faces were looked at as tell whether they are two people's."""
    groups: Groups | None = None
    """Set when they are."""
    reported_at: str | None = None


def to_blob(vector: Sequence[float]) -> bytes:
    """Little-endian single precision, the precision they come in."""
    packed = array("f", vector)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def from_blob(blob: bytes) -> Vector:
    """Return the vector of `to_blob`."""
    packed = array("f")
    packed.frombytes(blob)
    if sys.byteorder == "big":
        packed.byteswap()
    return tuple(packed)


def put(db: Database, model: str, measured: Iterable[Embedding], at: str) -> None:
    """Remember measured faces. A face that is in a gallery stays there."""
    db.conn.executemany(
        "INSERT INTO embeddings (face_id, model, asset_id, vector, at) VALUES (?,?,?,?,?)"
        " ON CONFLICT (face_id, model) DO UPDATE SET vector = excluded.vector, asset_id = excluded.asset_id,"
        " at = excluded.at",
        [(one.face_id, model, one.asset_id, to_blob(one.vector), at) for one in measured],
    )


def known(db: Database, model: str, face_ids: Collection[str]) -> dict[str, Vector]:
    """Return those of the faces that were measured with this model."""
    return {face_id: vector for face_id, vector in looked_for(db, model, face_ids).items() if vector}


def looked_for(db: Database, model: str, face_ids: Collection[str]) -> dict[str, Vector]:
    """As `known`, with an empty vector for those that this model did not find."""
    query = "SELECT face_id, vector FROM embeddings WHERE model = ? AND face_id IN (*)"
    return {str(i): from_blob(blob) for i, blob in select(db, query, list(face_ids), before=(model,))}


# --- galleries -------------------------------------------------------------------------------


def galleries(db: Database, model: str) -> dict[str, GalleryRow]:
    """Return all galleries of a model, by person id."""
    rows = db.conn.execute(f"SELECT {_GALLERY} FROM galleries WHERE model = ?", (model,))  # noqa: S608
    return {str(row[0]): _gallery(row) for row in rows}


_GALLERY = "person_id, name, refreshed_at, stale, examined, groups, reported_at"


def _gallery(row: Sequence[Any]) -> GalleryRow:
    person_id, name, refreshed_at, stale, examined, groups, reported_at = row
    found = None if groups is None else groups_of(json.loads(groups))
    return GalleryRow(person_id, name, refreshed_at, bool(stale), bool(examined), found, reported_at)


def groups_of(value: Iterable[Iterable[Iterable[str]]]) -> Groups:
    """Groups of faces as JSON holds them."""
    return tuple(tuple((str(face), str(asset)) for face, asset in group) for group in value)


def gallery_faces(db: Database, model: str, person_id: str | None = None) -> dict[str, list[Embedding]]:
    """Return the faces of all galleries, or of one, by person id."""
    where, values = ("= ?", (model, person_id)) if person_id is not None else ("IS NOT NULL", (model,))
    found: dict[str, list[Embedding]] = {}
    for row in db.conn.execute(
        f"SELECT {_COLUMNS} FROM embeddings WHERE model = ? AND person_id {where}"  # noqa: S608
        " ORDER BY said_by, at DESC",
        values,
    ):
        one = Embedding(row[0], row[1], from_blob(row[2]), row[3], row[4], row[5])
        found.setdefault(str(row[3]), []).append(one)
    return found


def set_gallery(
    db: Database,
    model: str,
    *,
    person_id: str,
    name: str,
    members: Mapping[str, tuple[int, str | None]],
    at: str,
    examined: bool = False,
) -> None:
    """Replace a person's gallery by these faces, all of them measured before.

    `members` tells by face id who said so, and when the photo was taken. With `examined` enough faces were
    looked at to tell whether they are two people's, and that stays so until the gallery is replaced again.
    """
    execute = db.conn.execute
    execute(
        "UPDATE embeddings SET person_id = NULL, said_by = NULL WHERE model = ? AND person_id = ?",
        (model, person_id),
    )
    db.conn.executemany(
        "UPDATE embeddings SET person_id = ?, said_by = ?, taken = ? WHERE model = ? AND face_id = ?",
        [(person_id, said_by, taken, model, face_id) for face_id, (said_by, taken) in members.items()],
    )
    execute(
        "INSERT INTO galleries (person_id, model, name, refreshed_at, stale, examined) VALUES (?,?,?,?,0,?)"
        " ON CONFLICT (person_id, model) DO UPDATE SET name = excluded.name,"
        " refreshed_at = excluded.refreshed_at, stale = 0, examined = excluded.examined",
        (person_id, model, name, at, examined),
    )


def set_groups(db: Database, person_id: str, groups: Groups | None) -> None:
    """Remember that a person's faces are those of two people, or (None) of one."""
    db.conn.execute(
        "UPDATE galleries SET groups = ?1, reported_at = CASE WHEN ?1 IS NULL THEN NULL ELSE reported_at END"
        " WHERE person_id = ?2",
        (None if groups is None else dumps(groups), person_id),
    )


def mixed_people(db: Database) -> list[GalleryRow]:
    """Return the galleries of people who are two people, by name."""
    rows = db.conn.execute(
        f"SELECT {_GALLERY} FROM galleries WHERE groups IS NOT NULL ORDER BY name, person_id"  # noqa: S608
    )
    return [_gallery(row) for row in rows]


def mixed_ids(db: Database) -> frozenset[str]:
    """Return ids of the people who are two people."""
    return frozenset(
        str(row[0]) for row in db.conn.execute("SELECT person_id FROM galleries WHERE groups IS NOT NULL")
    )


def reported(db: Database, person_id: str, at: str) -> None:
    """Remember that it was reported that a person is two people."""
    db.conn.execute("UPDATE galleries SET reported_at = ? WHERE person_id = ?", (at, person_id))


def mark_stale(db: Database, person_ids: Collection[str]) -> None:
    """These people's galleries are put together again before they are used for long."""
    db.conn.executemany("UPDATE galleries SET stale = 1 WHERE person_id = ?", [(i,) for i in person_ids])


def forget_models(db: Database, model: str, at: str) -> int:
    """Remove what other models have measured: it compares with nothing any more. How many faces.

    The galleries stay, stale and empty, to be measured again. The change is remembered.
    """
    db.conn.execute("UPDATE OR REPLACE galleries SET model = ?, stale = 1 WHERE model <> ?", (model, model))
    forgotten = int(db.conn.execute("DELETE FROM embeddings WHERE model <> ?", (model,)).rowcount)
    if forgotten:
        key_value.put(db, key_value.MODEL_CHANGE, {"model": model, "at": at, "faces": forgotten})
    return forgotten


def prune(db: Database, keep: int = KEPT) -> int:
    """Remove the oldest vectors that are in no gallery and were ruled out for nobody. Return how many.

    Those of photos and videos in review stay: they are what the queue is sorted by.
    """
    return int(
        db.conn.execute(
            "DELETE FROM embeddings WHERE rowid IN (SELECT rowid FROM embeddings AS e"
            " WHERE person_id IS NULL AND NOT EXISTS"
            " (SELECT 1 FROM feedback AS t WHERE t.face_id = e.face_id) AND NOT EXISTS"
            " (SELECT 1 FROM photos AS p WHERE p.asset_id = e.asset_id AND p.state = 'review') AND NOT EXISTS"
            " (SELECT 1 FROM photos AS p WHERE e.asset_id LIKE 'film-%' AND p.state = 'review'"
            " AND p.id = CAST(substr(e.asset_id, 6) AS INTEGER))"
            " ORDER BY at DESC LIMIT -1 OFFSET ?)",
            (keep,),
        ).rowcount
    )
