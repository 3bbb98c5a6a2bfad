"""Has another photo the same bytes? Asked about every new photo, answered with two questions for a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlite_utils import Database

from smartsort.core.model import IN_PROGRESS, CopyPlace, Evidence, OtherCopy, State
from smartsort.files.shown import shown
from smartsort.ledger import photos
from smartsort.ledger.records import Area, Member, Name, Photo
from smartsort.ledger.rows import select

MOST = 8
"""Copies of each kind that are looked at: a photo may have thousands, and one intact copy is enough."""

_DEAD = (State.REJECTED, State.SKIPPED, State.PURGED)


def copies_of(db: Database, digests: Mapping[int, str]) -> dict[int, OtherCopy]:
    """For each photo id the other copy of its SHA-256, where there is one.

    A living copy is preferred to one in the trash, a photo of ours to a row of an older `downloads`.
    The photo's own row never counts, so a step repeated after a crash does not see itself.
    """
    found: dict[int, OtherCopy] = {}
    elsewhere = _elsewhere(db, digests)
    for photo_id, sha256 in digests.items():
        copies = candidates(db, photo_id, sha256) if photo_id in elsewhere else []
        if copies:
            found[photo_id] = copies[0]
    return found


def _elsewhere(db: Database, digests: Mapping[int, str]) -> set[int]:
    """Return those whose digest another row has as well: most have none, and two questions tell it of all."""
    rows: dict[str, set[int | None]] = {}
    for query in (
        "SELECT sha256, id FROM photos WHERE sha256 IN (*)",
        f"SELECT sha256, photo_id FROM names WHERE {_HALVES} AND sha256 IN (*)",  # noqa: S608
        "SELECT file_hash, NULL FROM downloads WHERE file_hash IN (*) AND photo_id IS NULL",
    ):
        for sha256, photo_id in select(db, query, sorted(set(digests.values()))):
            rows.setdefault(sha256, set()).add(photo_id)
    return {photo_id for photo_id, sha256 in digests.items() if rows.get(sha256, set()) - {photo_id}}


def candidates(db: Database, photo_id: int, sha256: str) -> list[OtherCopy]:
    """All other copies of a SHA-256 the ledger knows of, as in `copies_of`, the preferred one first."""
    # Of two equal files on their way together the older row is the photo, the younger its duplicate.
    rows = db.conn.execute(
        "SELECT id, state FROM photos WHERE sha256 = ?1 AND id <> ?2"
        " AND (id < ?2 OR state NOT IN ('arrived', 'claimed', 'hashed'))"
        # What was filed as a duplicate of this very photo says nothing about it.
        " AND (duplicate_of IS NULL OR duplicate_of <> ?2) ORDER BY duplicate_of IS NOT NULL, id",
        (sha256, photo_id),
    ).fetchall()
    rows += db.conn.execute(
        "SELECT DISTINCT photos.id, state FROM names JOIN photos ON photos.id = photo_id"  # noqa: S608
        f" WHERE {_HALVES} AND names.sha256 = ?1 AND photos.id <> ?2"
        " AND (photos.id < ?2 OR state NOT IN ('arrived', 'claimed', 'hashed'))",
        (sha256, photo_id),
    ).fetchall()
    living = [row for row in rows if State(row[1]) not in _DEAD]
    older = db.conn.execute(
        "SELECT file_path FROM downloads WHERE file_hash = ? AND photo_id IS NULL LIMIT ?", (sha256, MOST)
    ).fetchall()
    dead = sorted((row for row in rows if row not in living), key=lambda r: State(r[1]) is State.SKIPPED)
    return [
        *(OtherCopy(CopyPlace.LEDGER, photo_id=row[0]) for row in living[:MOST]),
        *(OtherCopy(CopyPlace.DOWNLOADS, row[0]) for row in older),
        *(OtherCopy(CopyPlace.TRASH, photo_id=row[0]) for row in dead[:MOST]),
    ]


def names_of_content(db: Database, sha256: str) -> list[Name]:
    """Return all names of the photos that are, or hold as a companion, these bytes."""
    ids = db.conn.execute(
        "SELECT id FROM photos WHERE sha256 = ?1"  # noqa: S608
        f" UNION SELECT photo_id FROM names WHERE {_HALVES} AND sha256 = ?1",
        (sha256,),
    ).fetchall()
    return [name for names in photos.names_of(db, [row[0] for row in ids]).values() for name in names]


_HALVES = "member IN ('raw', 'video')"
"""A raw photo or clip that travels with its picture is a copy too."""


def holding(names: Sequence[Name], sha256: str) -> list[Name]:
    """Return those of a photo's names that should hold these bytes: its raw photo's or clip's, or its own."""
    halves = [n for n in names if n.member in (Member.RAW, Member.VIDEO) and n.sha256 == sha256]
    return halves or [n for n in names if n.member is Member.PHOTO]


# --- where they are now ----------------------------------------------------------------------

_SHOWN_FIRST = {Area.FACES: 0, Area.REVIEW: 1, Area.LIBRARY: 2}

_WITHOUT_A_PATH = {
    State.REJECTED: ", in the trash",
    State.SKIPPED: ", in the trash",
    State.PURGED: ", deleted since",
    **dict.fromkeys(IN_PROGRESS, ", not sorted yet"),
}


def located(db: Database, evidence: Mapping[int, Evidence]) -> dict[int, Evidence]:
    """Return the evidence of photos, by their ids, with the copies in it where they are at this moment."""
    copies = [copy for one in evidence.values() for copy in (one.other_copy, one.near_copy)]
    others = {copy.photo_id for copy in copies if copy is not None and copy.photo_id is not None}
    names = photos.names_of(db, sorted(others))
    rows = {
        photo.id: photo for photo in photos.by_ids(db, sorted(others | evidence.keys() if others else ()))
    }

    def now(photo_id: int, copy: OtherCopy | None) -> OtherCopy | None:
        other = rows.get(copy.photo_id or 0) if copy is not None else None
        if copy is None or other is None:
            return copy
        own = holding(names[other.id], (rows[photo_id].sha256 or "") if photo_id in rows else "")
        path, name = _here(other, own)
        return replace(copy, path=path, name=name)

    return {
        i: replace(one, other_copy=now(i, one.other_copy), near_copy=now(i, one.near_copy))
        for i, one in evidence.items()
    }


def _here(photo: Photo, names: Sequence[Name]) -> tuple[str | None, str]:
    """Return its path for people. In the trash and on its way it has only one that means nothing to them."""
    name = f"{shown(photo.original_name)} (photo {photo.id}){_WITHOUT_A_PATH.get(photo.state, '')}"
    own = [n for n in names if n.area in _SHOWN_FIRST]
    best = min(own, key=lambda n: (_SHOWN_FIRST[n.area], n.id), default=None)
    return shown(f"{best.area.value}/{best.path}") if best else None, name
