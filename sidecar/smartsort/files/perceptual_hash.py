"""What a picture looks like, in 256 bits: copies that were shrunk or saved again differ in a few of them."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from statistics import mean, median
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


def looks_like(one: Image, other: Image) -> bool | None:
    """Return whether two upright pictures look the same, None for two even ones of the same colour."""
    mine, theirs = picture_hash(one), picture_hash(other)
    if mine is not None and theirs is not None:
        return differing_bits(int.from_bytes(mine, "big"), int.from_bytes(theirs, "big")) <= ALIKE
    from PIL import Image, ImageChops, ImageStat  # noqa: PLC0415 - only in a decoder process

    small = [each.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX) for each in (one, other)]
    return False if max(ImageStat.Stat(ImageChops.difference(*small)).mean) > _OTHER_COLOUR else None


_OTHER_COLOUR = 10.0
"""Levels of a colour. A poor JPEG changes an even one by up to 2."""


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


_SHIFT = 0.25
"""Seconds: so exactly is it found out first how much later one of two videos begins."""

_NEAR = 0.13
"""Seconds between two looks of one moment: they are four a second where a video is decoded."""

_OTHER = 45
"""Bits in which frames differ that show another scene. In between, the camera or somebody moved."""

_SHARED, _MOMENTS, _SPREAD = 0.85, 3, 0.4
"""The share of the moments of both that have to look alike, at least how many, and how far apart they lie: a
share of what both show. Opening titles that two films share are less of them."""

_COMMON = 0.5
"""So much of the shorter video the longer one has to show."""

_CLOSER, _NOISE = 0.5, 5
"""Of one moment are frames that differ in this share of the bits in which other moments differ. Where the
camera moves those are many: the two frames need not be of the very same time. Where it stands still they are
few, and so many bits are noise of the encoder."""

_AROUND, _STILL = 10.0, 0.03
"""Seconds around a moment in which a camera that stands still shows the same, and at which share it does.
One that moves may come by the same place again."""

_Moments = Sequence[tuple[float, int]]


def same_video(one: Sequence[Look], other: Sequence[Look]) -> bool:
    """Return whether two videos show the same, or one a part of the other. Both are in order."""
    mine, theirs = ([(at, int.from_bytes(value, "big")) for at, value in looks] for looks in (one, other))
    differing: dict[int, list[int]] = {}
    for at, value in mine:
        for there, look in theirs:
            differing.setdefault(round((at - there) / _SHIFT), []).append(differing_bits(value, look))
    needed = min(_MOMENTS, max(len(mine), len(theirs)))
    near = {shift: sum(one <= _OTHER for one in bits) for shift, bits in differing.items()}
    likely = sorted(
        (mean(bits), shift)
        for shift, bits in differing.items()
        if near[shift] and sum(near.get(shift + part, 0) for part in (-1, 0, 1)) >= needed
        if _common(mine, theirs, shift * _SHIFT)
    )[:_TRIED]
    return any(
        _Fit(mine, theirs, (shift + part / 4) * _SHIFT).is_one(needed)
        for _, shift in likely
        for part in range(-2, 3)
    )


_TRIED = 6
"""Differences between the beginnings, the likeliest first."""


def _common(mine: _Moments, theirs: _Moments, shift: float) -> tuple[float, float] | None:
    """Return from when to when both show something, None when it is too little."""
    begin, end = max(mine[0][0], theirs[0][0] + shift), min(mine[-1][0], theirs[-1][0] + shift)
    shorter = min(mine[-1][0] - mine[0][0], theirs[-1][0] - theirs[0][0])
    return (begin, end) if end >= begin + _COMMON * shorter - _NEAR else None


class _Fit:
    """Two videos, one of which begins `shift` seconds later."""

    def __init__(self, mine: _Moments, theirs: _Moments, shift: float) -> None:
        self._mine, self._theirs, self._shift = mine, theirs, shift
        times = [at + shift for at, _ in theirs]
        self._alike: list[float] = []
        self._bits: list[int] = []
        for at, value in mine:
            place = bisect(times, at)
            near = min(range(max(0, place - 1), min(place + 1, len(times))), key=lambda i: abs(times[i] - at))
            if abs(times[near] - at) <= _NEAR:
                self._bits.append(differing_bits(value, theirs[near][1]))
                if self._bits[-1] <= ALIKE or self._bits[-1] <= self._limit(at, value):
                    self._alike.append(at)

    def _limit(self, at: float, value: int) -> float:
        """Return in how many bits a frame of this moment may differ, by how far those of others do."""
        others = (
            differing_bits(value, look) for there, look in self._theirs if abs(there + self._shift - at) > 1
        )
        return min(_OTHER, _CLOSER * min(others, default=2 * _OTHER))

    def is_one(self, needed: int) -> bool:
        """Return whether enough moments look alike, all over what both show, and those more than others."""
        common = _common(self._mine, self._theirs, self._shift)
        if common is None or not self._alike:
            return False
        length = common[1] - common[0]
        apart = min(1.0, length / (2 * _MOMENTS)) or 1.0
        others = sum(bits > _OTHER for bits in self._bits)
        return (
            len({round(at / apart) for at in self._alike}) >= needed
            and len(self._alike) >= _SHARED * (len(self._alike) + others)
            and self._alike[-1] - self._alike[0] >= _SPREAD * length - _NEAR
            and median(self._bits) <= max(_NOISE, _CLOSER * self._still())
        )

    def _still(self) -> float:
        """Return in how many bits other moments of one scene differ, many if there are hardly any."""
        others = [
            differing_bits(value, look)
            for at, value in self._mine
            for there, look in self._theirs
            if 1 < abs(there + self._shift - at) <= _AROUND
        ]
        alike = [bits for bits in others if bits <= _OTHER]
        return median(alike) if len(alike) > _STILL * len(others) else 2 * _OTHER
