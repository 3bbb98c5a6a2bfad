"""What photos look like: a hash of each picture, to find near-duplicates with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlite_utils import Database

from smartsort.files.perceptual_hash import ALIKE, differing_bits, keys_alike, parts
from smartsort.ledger.rows import select

_COMPARED_AT_MOST = 5_000
"""Pictures with as much in common with thousands, such as scanned pages, are not held against all of them."""


def put(db: Database, hashes: Mapping[int, bytes | None]) -> None:
    """Remember hashes by photo id; None for a picture that has none. A photo's first hash stays."""
    db.conn.executemany(
        "INSERT OR IGNORE INTO picture_hashes (photo_id, hash) VALUES (?, ?)", list(hashes.items())
    )
    db.conn.executemany(
        "INSERT OR IGNORE INTO picture_hash_parts (part, photo_id) VALUES (?, ?)",
        [
            (part, photo_id)
            for photo_id, value in hashes.items()
            if value is not None
            for part in parts(int.from_bytes(value, "big"))
        ],
    )


def hashed(db: Database, photo_ids: Sequence[int]) -> dict[int, bytes | None]:
    """Those of the photos that were hashed, by id; None for a picture without a hash."""
    return dict(select(db, "SELECT photo_id, hash FROM picture_hashes WHERE photo_id IN (*)", photo_ids))


def alike(db: Database, value: bytes, before: int) -> list[tuple[int, int]]:
    """(photo id, differing bits) of the photos with an id below `before` that are ALIKE, by id.

    Reads a few hundred entries of an index, however many photos there are.
    """
    mine = int.from_bytes(value, "big")
    query = (
        "SELECT photo_id, hash FROM picture_hashes"
        " WHERE photo_id IN (SELECT DISTINCT photo_id FROM picture_hash_parts"
        " WHERE part IN (*) AND photo_id < ? LIMIT ?) ORDER BY photo_id"
    )
    rows = select(db, query, keys_alike(mine), after=(before, _COMPARED_AT_MOST))
    found = [(int(i), differing_bits(mine, int.from_bytes(other, "big"))) for i, other in rows]
    return [(photo_id, distance) for photo_id, distance in found if distance <= ALIKE]


def of_assets(db: Database, asset_ids: Sequence[str]) -> dict[str, int]:
    """Photo ids by asset id; assets that are not ours are missing."""
    return dict(select(db, "SELECT asset_id, id FROM photos WHERE asset_id IN (*)", asset_ids))
