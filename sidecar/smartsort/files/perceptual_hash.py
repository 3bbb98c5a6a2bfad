"""What a picture looks like, in 256 bits: copies that were shrunk or saved again differ in a few of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from PIL.Image import Image

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

_CONTRAST_PER_STEP = 28
"""A picture of strong contrast has to get darker by a grey level for so many of deviation: in its even parts
the smallest differences are noise of the encoder."""


def picture_hash(picture: Image) -> bytes | None:
    """Return the 32 bytes of an upright picture's hash, None for one that is all of one colour."""
    from PIL import Image, ImageStat  # noqa: PLC0415 - only in a decoder process

    small = picture.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX)
    contrast = ImageStat.Stat(small).stddev[0]
    if contrast < _FLAT:
        return None
    pixels, least = small.tobytes(), int(contrast / _CONTRAST_PER_STEP)
    bits = 0
    for row in range(SIDE):
        start = row * (SIDE + 1)
        for column in range(SIDE):
            bits = bits << 1 | (pixels[start + column] > pixels[start + column + 1] + least)
    return bits.to_bytes(SIDE * SIDE // 8, "big")


def differing_bits(one: int, other: int) -> int:
    """Return how many bits of two hashes (as numbers) differ, 0 to 256."""
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


# --- videos ----------------------------------------------------------------------------------


class Look(NamedTuple):
    """The hash of a video's frame at a time in seconds."""

    at: float
    hash: bytes


_SHIFT = 0.5
"""Seconds: so exactly is it known how much a copy was trimmed at its beginning."""

_SHARED = 0.7
"""Of the moments that two videos have in common so many have to look alike, and at least three of them."""


def same_video(anchors: Sequence[Look], looks: Sequence[Look]) -> bool:
    """Return whether a video with these looks shows what another shows at its `anchors`, all of it or a part.

    Each pair that is alike votes for how far one is behind the other.
    """
    if not anchors or not looks:
        return False
    numbers = [(one.at, int.from_bytes(one.hash, "big")) for one in looks]
    votes: dict[int, set[float]] = {}
    for anchor in anchors:
        value = int.from_bytes(anchor.hash, "big")
        shifts = {
            round((anchor.at - at) / _SHIFT) for at, look in numbers if differing_bits(value, look) <= ALIKE
        }
        for shift in {near for one in shifts for near in (one - 1, one, one + 1)}:
            votes.setdefault(shift, set()).add(anchor.at)
    first, last = looks[0].at, looks[-1].at
    for shift, agreeing in votes.items():
        begin, end = first + (shift - 1) * _SHIFT, last + (shift + 1) * _SHIFT
        common = [one.at for one in anchors if begin <= one.at <= end]
        enough = max(min(3, len(anchors)), math.ceil(_SHARED * len(common)))
        if len(agreeing) >= enough:
            return True
    return False
