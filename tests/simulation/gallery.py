"""What people hand in: small pictures whose face regions say who is on them, clips, and what is no picture.

They are judged by the decoders of the product, but in this process: a decoder process per history would take
a hundred times as long, and when it answers would not follow from the seed. What a decoder says of some bytes
is remembered, since the same few hundred files come in every history.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from tests.shots import clip, photo

from smartsort.demo import jpeg
from smartsort.demo.regions import Region, region_xmp
from smartsort.files.decoder import answer
from smartsort.files.decoders import Decoders

SIDE = 16
GROUPS: tuple[tuple[str, ...], ...] = (
    ("Anna",), ("Bella",), ("Carl",), ("Victor",), ("Nadia",),
    ("",), (), ("Anna", "Bella"), ("Carl", ""), ("Victor", "Anna"),
)  # fmt: skip
KNOWN = ("Anna", "Bella", "Carl", "Victor")
"""Named in Immich beforehand. Nadia becomes somebody once three photos show her; "" stays a stranger."""


@dataclass(frozen=True)
class Shot:
    """One file with who is on it. `whole` False: it is no picture, and belongs into review."""

    content: bytes
    who: tuple[str, ...]
    ending: str = ".jpg"
    whole: bool = True

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@cache
def picture(number: int, content_id: str | None = None) -> Shot:
    """The picture of this number; another number shows other people or the same on another picture."""
    who = GROUPS[number % len(GROUPS)]
    left = 0.02 + (number % 97) / 970
    regions = [Region(name, left + 0.45 * at, 0.2, 0.4, 0.6 + number / 10000) for at, name in enumerate(who)]
    content = photo(number, taken=None, camera=None, content_id=content_id)
    return Shot(jpeg.with_xmp(content, region_xmp(regions, SIDE, SIDE)), who)


@cache
def moving(number: int) -> Shot:
    """The clip of a Live Photo; its picture is `picture(number, its content id)`."""
    return Shot(clip(0.3, content_id=content_id(number), seed=number), (), ".mov")


def content_id(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012d}"


@cache
def damaged(number: int) -> Shot:
    """What an aborted copy, an editor or a full disk leaves."""
    whole = picture(number).content
    content = (whole[: len(whole) // 2], f"no picture {number}".encode(), whole[:-2])[number % 3]
    return Shot(content, (), whole=False)


class Decoding(Decoders):
    """The decoders' answers without their processes."""

    _answers: ClassVar[dict[tuple[Any, ...], Any]] = {}

    def _ask(
        self, task: str, paths: Sequence[str], arguments: tuple[Any, ...], *, alone: bool = False
    ) -> list[Any]:
        return [self._answer(task, path, arguments) for path in paths]

    def _answer(self, task: str, path: str, arguments: tuple[Any, ...]) -> Any:
        try:
            with open(path, "rb") as file:
                key = (task, hashlib.sha256(file.read()).digest(), arguments)
        except OSError:
            return answer(task, path, arguments)
        if key not in self._answers:
            self._answers[key] = answer(task, path, arguments)
        return self._answers[key]
