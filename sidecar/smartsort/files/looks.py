"""What a picture looks like, in 256 bits: copies that were shrunk or saved anew differ in a few of them."""

from __future__ import annotations

import os
import warnings
from functools import cache

SIDE = 16
"""The hash says of 16 x 16 places whether it gets darker to the right."""

ALIKE = 15
"""Pictures that differ in no more bits are copies of one another. Measured: copies at half the size or of
poor JPEG quality differ in up to 13, a picture with a part painted over in 17 and more, two shots in 55."""

_PARTS = 8
_PART_BITS = SIDE * SIDE // _PARTS
# Of ALIKE differing bits in so many parts, one part gets at most one: that makes likeness an index's work.
assert ALIKE // _PARTS <= 1  # noqa: S101 - a wrong constant would lose near-duplicates silently

_FLAT = 3.0
"""Grey levels of deviation below which a picture has nothing to be recognised by."""


def picture_hash(path: str) -> bytes | None:
    """The 32 bytes of a picture's hash, None for what cannot be decoded here or is all of one colour.

    Never raises: what cannot be hashed is compared with nothing.
    """
    from PIL import Image, ImageOps, ImageStat  # noqa: PLC0415 - only where pictures are hashed

    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        _know_heif()
        with warnings.catch_warnings(), os.fdopen(handle, "rb") as file, Image.open(file) as picture:
            warnings.simplefilter("ignore")
            picture.draft("L", (16 * SIDE, 16 * SIDE))  # JPEG: decoded at an eighth of the size at most
            upright = ImageOps.exif_transpose(picture).convert("L")
            small = upright.resize((SIDE + 1, SIDE), Image.Resampling.BOX, reducing_gap=None)
    except Exception:  # noqa: BLE001 - decoders raise anything, and the probe has judged the file already
        return None
    if ImageStat.Stat(small).stddev[0] < _FLAT:
        return None
    pixels = small.tobytes()
    bits = 0
    for row in range(SIDE):
        start = row * (SIDE + 1)
        for column in range(SIDE):
            bits = bits << 1 | (pixels[start + column] > pixels[start + column + 1])
    return bits.to_bytes(SIDE * SIDE // 8, "big")


@cache
def _know_heif() -> None:
    """Teach Pillow the pictures of iPhones, once and only where pictures are hashed."""
    from pillow_heif import register_heif_opener  # noqa: PLC0415 - loads a large library

    register_heif_opener(thumbnails=False)


def differing_bits(one: int, other: int) -> int:
    """How many bits of two hashes (as numbers) differ, 0 to 256."""
    return (one ^ other).bit_count()


def parts(value: int) -> list[int]:
    """Eight keys of a hash (as a number). Two hashes that are ALIKE share a key, but for one bit of it.

    Each part takes places from all over the picture: an even sky alone makes no two keys equal.
    """
    bits = f"{value:0{SIDE * SIDE}b}"
    return [part << _PART_BITS | int(bits[part::_PARTS], 2) for part in range(_PARTS)]


def keys_alike(value: int) -> list[int]:
    """The 264 keys one of which every hash that is ALIKE has: each part, and each with one bit flipped."""
    return [key ^ flip for key in parts(value) for flip in (0, *(1 << bit for bit in range(_PART_BITS)))]
