"""What the ledger says of each photo, read in pages in the order of the ids."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from smartsort.core.model import State
from smartsort.files.shown import from_ledger, to_ledger
from smartsort.ledger.records import Area, Member, Name
from smartsort.ledger.rows import chunks

PAGE = 2000
"""Photos read at once: each page is a short transaction of its own, so a running sidecar is not held up."""


@dataclass(slots=True)
class Row:
    """One photo as the ledger accounts for it."""

    id: int
    state: State
    sha256: str | None
    size: int
    mtime_ns: int
    origin_path: str | None
    names: list[Name] = field(default_factory=list)
    intents: int = 0
    pending: list[str] = field(default_factory=list)
    """`file_path` of its pending rows in `review_queue`."""
    routed: bool = False
    download: tuple[str | None, str | None] | None = None
    """(`file_path`, `file_hash`) of its row in `downloads`."""


def pages(db: sqlite3.Connection) -> Iterator[list[Row]]:
    """Yield all photos, `PAGE` at a time."""
    after = 0
    while True:
        last = db.execute(
            "SELECT max(id) FROM (SELECT id FROM photos WHERE id > ? ORDER BY id LIMIT ?)", (after, PAGE)
        ).fetchone()[0]
        if last is None:
            return
        yield _read(db, "BETWEEN ? AND ?", (after + 1, last))
        after = last


def some(db: sqlite3.Connection, ids: Sequence[int]) -> list[Row]:
    """Return these photos. Unknown ids are missing."""
    found: list[Row] = []
    for chunk in chunks(ids):
        found += _read(db, f"IN ({','.join('?' * len(chunk))})", chunk)
    return found


def _read(db: sqlite3.Connection, which: str, values: Sequence[int]) -> list[Row]:
    def each(what: str, more: str = "") -> Iterator[Any]:
        """Return the rows of these photos in a table. The first column is the photo's id."""
        found = db.execute(f"SELECT {what} WHERE photo_id {which} {more}", values)
        return (row for row in found if row[0] in rows)

    # One transaction, so that a photo and its names are of one moment.
    db.execute("BEGIN")
    try:
        rows = {
            r[0]: Row(
                r[0],
                State(r[1]),
                r[2],
                r[3],
                r[4],
                None if r[5] is None else from_ledger(r[5]),
                routed=r[6] is not None,
            )
            for r in db.execute(
                "SELECT id, state, sha256, size, mtime_ns, origin_path, routed_at FROM photos"  # noqa: S608
                f" WHERE id {which} ORDER BY id",
                values,
            )
        }
        names = "photo_id, area, path, member, method, person_id, size, mtime_ns, sha256, id FROM names"
        for r in each(names, "ORDER BY id"):
            rows[r[0]].names.append(Name(r[0], Area(r[1]), from_ledger(r[2]), Member(r[3]), *r[4:]))
        for photo_id, count in each("photo_id, count(*) FROM intents", "GROUP BY photo_id"):
            rows[photo_id].intents = count
        for photo_id, path in each("photo_id, file_path FROM review_queue", "AND action = 'pending'"):
            rows[photo_id].pending.append(path)
        for photo_id, path, digest in each("photo_id, file_path, file_hash FROM downloads"):
            rows[photo_id].download = (path, digest)
        return list(rows.values())
    finally:
        db.execute("COMMIT")


def accounted(db: sqlite3.Connection, area: Area, paths: Sequence[str]) -> set[str]:
    """Return those of the paths (relative to the area) that the ledger has a name for."""
    found: set[str] = set()
    for chunk in chunks([to_ledger(path) for path in paths]):
        marks = ",".join("?" * len(chunk))
        found.update(
            from_ledger(r[0])
            for r in db.execute(
                f"SELECT path FROM names WHERE area = ? AND path IN ({marks})",  # noqa: S608
                (area.value, *chunk),
            )
        )
    return found


def photos_with(db: sqlite3.Connection, sha256: str) -> list[int]:
    """Return ids of the photos with this digest, oldest first."""
    return [r[0] for r in db.execute("SELECT id FROM photos WHERE sha256 = ? ORDER BY id", (sha256,))]


def companions(db: sqlite3.Connection) -> dict[str, list[int]]:
    """Return ids of the photos that XMP files, raw photos and videos travel with, by the digest of these."""
    found: dict[str, list[int]] = {}
    sql = "SELECT DISTINCT sha256, photo_id FROM names WHERE member <> 'photo' AND sha256 IS NOT NULL"
    for digest, photo_id in db.execute(sql):
        found.setdefault(digest, []).append(photo_id)
    return found


def same_content(db: sqlite3.Connection, ids: Sequence[int | None]) -> bool:
    """Return True when the ledger has one digest for all of these photos."""
    marks = ",".join("?" * len(ids))
    found = db.execute(f"SELECT DISTINCT sha256 FROM photos WHERE id IN ({marks})", ids).fetchall()  # noqa: S608
    return len(found) == 1 and found[0][0] is not None


def being_moved(db: sqlite3.Connection) -> list[int]:
    """Return ids of the photos with an open intent at this moment."""
    return [r[0] for r in db.execute("SELECT DISTINCT photo_id FROM intents")]


def photos_like(db: sqlite3.Connection, prefix: str) -> list[int]:
    """Return ids of the photos whose digest begins like this (a folder of the library is named so)."""
    rows = db.execute("SELECT id FROM photos WHERE sha256 >= ? AND sha256 < ?", (prefix, f"{prefix}g"))
    return [r[0] for r in rows]


def parts_under_way(db: sqlite3.Connection) -> set[str]:
    """First components of the paths in `temp_downloads/` that downloads and uploads are using."""
    rows = db.execute(
        "SELECT part FROM submissions WHERE part IS NOT NULL AND state IN ('downloading', 'received')"
    )
    return {from_ledger(r[0]).split("/", 1)[0] for r in rows}
