"""Videos that exist as their frames' hashes only: smartsort's own player goes through them in no time.

So what is looked at of a film of two hours is known in a second, for any distance of its key frames. Each bit
of a hash changes with time as those of drawn videos do (`tests.bench.copies`), and some are wrong.
"""

from __future__ import annotations

import functools
import random
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import sin, tau
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

from smartsort.files import frames
from smartsort.files.frames import Frames

BASE = Fraction(1, 1000)
BITS = 256


@dataclass(frozen=True, slots=True)
class Part:
    """From when, and how long, a film shows something."""

    what: str
    begins: float
    seconds: float
    scene: float = 1e9
    """Seconds until it shows something else."""
    motion: float = 0.4
    """How fast it changes: 0.4 is a camera in a hand, of which 20 bits differ after a tenth of a second."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """A film made of parts, and how it is encoded."""

    parts: tuple[Part, ...]
    key_seconds: float = 2.0
    rate: float = 15
    noise: float = 0.02
    """The share of bits that are wrong."""

    @property
    def seconds(self) -> float:
        """How long it is."""
        return sum(part.seconds for part in self.parts)

    def cut(self, begins: float, seconds: float, **changed: Any) -> Simulated:
        """A copy that shows so many seconds from there."""
        at, parts = 0.0, []
        for part in self.parts:
            first, last = max(at, begins), min(at + part.seconds, begins + seconds)
            if last > first:
                parts.append(replace(part, begins=part.begins + first - at, seconds=last - first))
            at += part.seconds
        return replace(self, parts=tuple(parts), **changed)

    def look(self, at: float) -> bytes:
        """The hash of its frame at a time in seconds."""
        noise = random.Random(f"{self} {at:.3f}")
        wrong = sum(1 << bit for bit in range(BITS) if noise.random() < self.noise)
        for part in self.parts:
            if at < part.seconds or part is self.parts[-1]:
                at += part.begins
                break
            at -= part.seconds
        value = 0
        for speed, phase in _scene(part.what, int(at / part.scene)):
            value = value << 1 | (sin(speed * part.motion * at + phase) > 0)
        return (value ^ wrong).to_bytes(BITS // 8, "big")


@functools.lru_cache(256)
def _scene(what: str, number: int) -> list[tuple[float, float]]:
    rng = random.Random(f"{what} {number}")
    return [(tau * rng.uniform(0.5, 1.5), rng.uniform(0, tau)) for _ in range(BITS)]


class _Stream:
    """What smartsort's player uses of FFmpeg's stream and container."""

    time_base, start_time, format = BASE, 0, SimpleNamespace(name="mov,mp4")

    def __init__(self, film: Simulated) -> None:
        self.film, self.duration = film, round(film.seconds * 1000)
        self.average_rate = film.rate
        self.codec_context = SimpleNamespace(width=320, height=180, thread_count=1, skip_frame="")
        self.streams, self.index_entries = SimpleNamespace(audio=()), self
        self._keys = range(0, len(self), max(1, round(film.key_seconds * film.rate)))
        self._next = self.decoded = 0

    def __len__(self) -> int:
        return round(self.film.seconds * self.film.rate)

    def __getitem__(self, number: int) -> Any:
        return SimpleNamespace(timestamp=round(number / self.film.rate * 1000))

    def search_timestamp(self, at: int, *, backward: bool) -> int:
        return self._keys[max(0, bisect_right(self._keys, at / 1000 * self.film.rate + 1e-6) - 1)]

    def seek(self, at: int, *, stream: object, backward: bool) -> None:
        self._next = self.search_timestamp(at, backward=backward)

    def demux(self, _stream: object) -> Iterator[Any]:
        while self._next < len(self):
            number, self._next = self._next, self._next + 1
            yield SimpleNamespace(pts=self[number].timestamp, is_keyframe=number in self._keys)

    def decode(self, packet: Any) -> list[Any]:
        if packet is None:
            return []
        self.decoded += 1
        return [SimpleNamespace(time=packet.pts / 1000, film=self.film)]


@dataclass(frozen=True, slots=True)
class Seen:
    """What smartsort saw, and how many frames and key frames it decoded for that."""

    frames: Frames
    decoded: int


@functools.lru_cache(256)
def looked_through(film: Simulated) -> Seen:
    """Look through it. Its pictures are empty."""
    stream = cast("Any", _Stream(film))

    def candidate(frame: Any, at: float) -> frames._Candidate:
        return frames._Candidate(at, frame, 0.0, int.from_bytes(film.look(at), "big"))

    with (
        patch.object(frames, "_candidate", candidate),
        patch.object(frames, "_small", lambda frame: frame),
        patch.object(frames.perceptual_hash, "picture_hash", lambda frame: film.look(frame.time)),
        patch.object(frames, "_shown", lambda one, _side: frames.Frame(one.at, b"", 320, 180)),
    ):
        return Seen(frames._looked_through(stream, stream, 1080, copies=True), stream.decoded)
