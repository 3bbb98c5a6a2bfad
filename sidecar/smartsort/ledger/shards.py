"""The parts of the library that Immich scans one by one."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of the library: its own folder, its own external library in Immich."""

    number: int
    library_id: str | None
    photos: int


def open_shard(db: Database, limit: int) -> Shard:
    """Return the shard that takes photos now. The next number once the last has `limit` photos."""
    row = db.conn.execute(
        "SELECT number, library_id, photos FROM shards ORDER BY number DESC LIMIT 1"
    ).fetchone()
    if row is not None and row[2] < limit:
        return Shard(*row)
    number = (row[0] + 1) if row else 1
    db.conn.execute("INSERT INTO shards (number) VALUES (?)", (number,))
    return Shard(number, None, 0)


def shards(db: Database) -> list[Shard]:
    """Return all shards, oldest first."""
    return [
        Shard(*row)
        for row in db.conn.execute("SELECT number, library_id, photos FROM shards ORDER BY number")
    ]


def name_library(db: Database, number: int, library_id: str | None) -> None:
    """Remember which external library of Immich a shard is."""
    db.conn.execute("UPDATE shards SET library_id = ? WHERE number = ?", (library_id, number))


def grow_shard(db: Database, number: int, photos: int) -> None:
    """Count photos placed in a shard."""
    db.conn.execute("UPDATE shards SET photos = photos + ? WHERE number = ?", (photos, number))
