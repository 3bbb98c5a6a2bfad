"""What photos look like: a hash of each picture, to find near-duplicates with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlite_utils import Database

CHUNK = 500
"""Values in one IN (...) list."""


def put(db: Database, hashes: Mapping[int, bytes | None]) -> None:
    """Remember hashes by photo id; None for a picture that has none."""
    db.conn.executemany(
        "INSERT INTO looks (photo_id, hash) VALUES (?, ?)"
        " ON CONFLICT (photo_id) DO UPDATE SET hash = excluded.hash",
        list(hashes.items()),
    )


def hashed(db: Database, photo_ids: Sequence[int]) -> dict[int, bytes | None]:
    """Those of the photos that were hashed, by id; None for a picture without a hash."""
    found: dict[int, bytes | None] = {}
    for start in range(0, len(photo_ids), CHUNK):
        part = list(photo_ids[start : start + CHUNK])
        marks = ",".join("?" * len(part))
        rows = db.conn.execute(f"SELECT photo_id, hash FROM looks WHERE photo_id IN ({marks})", part)  # noqa: S608
        found.update((int(photo_id), value) for photo_id, value in rows)
    return found


def after(db: Database, photo_id: int, limit: int) -> list[tuple[int, bytes]]:
    """Hashes of photos with an id above `photo_id`, in that order."""
    rows = db.conn.execute(
        "SELECT photo_id, hash FROM looks WHERE photo_id > ? AND hash IS NOT NULL ORDER BY photo_id LIMIT ?",
        (photo_id, limit),
    )
    return [(int(i), value) for i, value in rows]


def of_assets(db: Database, asset_ids: Sequence[str]) -> dict[str, int]:
    """Photo ids by asset id; assets that are not ours are missing."""
    found: dict[str, int] = {}
    for start in range(0, len(asset_ids), CHUNK):
        part = list(asset_ids[start : start + CHUNK])
        marks = ",".join("?" * len(part))
        rows = db.conn.execute(f"SELECT asset_id, id FROM photos WHERE asset_id IN ({marks})", part)  # noqa: S608
        found.update((str(asset_id), int(photo_id)) for asset_id, photo_id in rows)
    return found
