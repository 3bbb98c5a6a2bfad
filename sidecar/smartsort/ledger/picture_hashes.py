"""What photos look like: a hash of each picture and of moments of each video, to find near-duplicates."""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from sqlite_utils import Database

from smartsort.files.perceptual_hash import ALIKE, Look, differing_bits, keys_alike, parts
from smartsort.ledger.rows import select

_COMPARED_AT_MOST = 5_000
"""Pictures with as much in common with thousands, such as scanned pages, are not held against all of them."""


def put(db: Database, hashes: Mapping[int, bytes | None]) -> None:
    """Remember hashes by photo id, None for a picture that has none. A photo's first hash stays."""
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
    """Return those of the photos that were hashed, by id, None for a picture without a hash."""
    return dict(select(db, "SELECT photo_id, hash FROM picture_hashes WHERE photo_id IN (*)", photo_ids))


def alike(db: Database, value: bytes, before: int) -> list[tuple[int, int]]:
    """(photo id, differing bits) of the photos with an id below `before` that are ALIKE, by id.

    Reads a few hundred entries of an index, however many photos there are.
    """
    mine = int.from_bytes(value, "big")
    query = (
        "SELECT photo_id, hash FROM picture_hashes"
        " WHERE photo_id IN (SELECT DISTINCT photo_id FROM picture_hash_parts"
        " WHERE part IN (*) AND photo_id < ? LIMIT ?) AND length(hash) = 32 ORDER BY photo_id"
    )
    rows = select(db, query, keys_alike(mine), after=(before, _COMPARED_AT_MOST))
    found = [(int(i), differing_bits(mine, int.from_bytes(other, "big"))) for i, other in rows]
    return [(photo_id, distance) for photo_id, distance in found if distance <= ALIKE]


# --- videos ----------------------------------------------------------------------------------

_MOMENT = struct.Struct("<f32s")
_INDEXED_SECONDS = 0.7
"""Between two moments of a video that the index knows. Each is 8 entries. It is asked about all of a copy."""

_VIDEOS_COMPARED = 24
"""Those with the most in common. All episodes of a series have their opening titles in common."""


def put_video(db: Database, photo_id: int, looks: Sequence[Look]) -> None:
    """Remember what a video looks like at some moments."""
    packed = b"".join(_MOMENT.pack(one.at, one.hash) for one in looks)
    db.conn.execute(
        "INSERT OR REPLACE INTO picture_hashes (photo_id, hash) VALUES (?, ?)", (photo_id, packed or None)
    )
    db.conn.executemany(
        "INSERT OR IGNORE INTO picture_hash_parts (part, photo_id) VALUES (?, ?)",
        [(part, photo_id) for number in _indexed(looks) for part in parts(number)],
    )


def videos_in_common(db: Database, looks: Sequence[Look], before: int) -> dict[int, list[Look]]:
    """Return the looks of the videos with an id below `before` that have the most in common with these."""
    keys = {key for one in looks for key in keys_alike(int.from_bytes(one.hash, "big"))}
    query = "SELECT photo_id FROM picture_hash_parts WHERE part IN (*) AND photo_id < ?"
    common = Counter(i for (i,) in select(db, query, sorted(keys), after=(before,)))
    query = "SELECT photo_id, hash FROM picture_hashes WHERE photo_id IN (*) AND length(hash) <> 32"
    rows = select(db, query, [i for i, _ in common.most_common(_VIDEOS_COMPARED)])
    return {int(i): [Look(*_MOMENT.unpack(part)) for part in _moments(packed)] for i, packed in rows}


def _indexed(looks: Sequence[Look]) -> Iterator[int]:
    after = -math.inf
    for one in looks:
        if one.at >= after:
            after = one.at + _INDEXED_SECONDS
            yield int.from_bytes(one.hash, "big")


def _moments(packed: bytes) -> Iterator[bytes]:
    return (packed[at : at + _MOMENT.size] for at in range(0, len(packed), _MOMENT.size))


def of_assets(db: Database, asset_ids: Sequence[str]) -> dict[str, int]:
    """Photo ids by asset id. Assets that are not ours are missing."""
    return dict(select(db, "SELECT asset_id, id FROM photos WHERE asset_id IN (*)", asset_ids))
