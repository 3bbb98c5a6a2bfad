"""The photos that Immich has and smartsort has not filed yet: what is known of each. Pure bookkeeping.

Immich's recognition assigns nobody before a job that stands for all ("queue-all") has been let through. Then
it takes one face after the other, whatever else is at work. So photos whose own faces were listed, or were
past it, when no queue-all was, wait for these faces alone. A later queue-all belongs to later photos.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from smartsort.core.completion import Listing
from smartsort.core.model import Face


@dataclass(slots=True)
class InFlight:
    """What is known of a photo. The events of `smartsort.core.recogniser` change it."""

    id: int
    asset: str = ""
    detected: bool = False
    """It is proved that detection is over: the face ids are final."""
    left: frozenset[str] | None = None
    """Faces it may have to wait for: all that recognition had left then. None: recognition has not begun."""
    faces: tuple[Face, ...] | None = None
    """As last read."""
    open: frozenset[str] = frozenset()
    """Of these, faces without a person that recognition still had."""
    gathered: float | None = None
    """Since when it shows nobody and waits for the probe."""
    proved: bool | None = None
    """Whether the probe found its detection finished. None when the faces read after it are judged."""
    suspect: bool = False
    """It was read without a face: one that comes is new, and its recognition may not have begun."""
    missed: int = 0
    """Looks on an idle server that did not find its asset."""
    asked: int = 0
    """Probes that gave no answer."""
    doubt: str = ""
    """Why the last probe left it open. "" when its detection had failed."""
    rests_until: float = 0.0

    @property
    def final(self) -> bool:
        """True when the faces were read after recognition was through with those without a person."""
        return self.faces is not None and not self.open

    @property
    def through(self) -> bool:
        """True when recognition has nothing left to do for it."""
        if self.left is None:
            return False
        return not self.left if self.faces is None else self.left.isdisjoint(self.open)

    def prove_again(self, *, detection: bool) -> None:
        """Immich is at work on it once more: what was read does not count, and recognition has not begun."""
        self.faces, self.open, self.left, self.proved = None, frozenset(), None, None
        if detection:
            self.detected, self.suspect, self.gathered = False, False, None


class Flight:
    """All photos in flight. `now` is the time of the last event, in monotonic seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.photos: dict[int, InFlight] = {}

    def update(self, assets: Mapping[int, str | None]) -> int:
        """Take in which photos there are. How many are new. A photo with another asset begins again."""
        known = self.photos
        self.photos = {
            i: known[i] if i in known and known[i].asset == (asset or "") else InFlight(i, asset or "")
            for i, asset in assets.items()
        }
        return len(self.photos.keys() - known.keys())

    @property
    def gathered(self) -> list[InFlight]:
        """Photos that show nobody and wait for the probe."""
        return [p for p in self.photos.values() if p.gathered is not None]

    @property
    def undetected(self) -> list[InFlight]:
        """Photos that detection may be at work on."""
        return [p for p in self.photos.values() if not p.detected and p.rests_until <= self.now]

    @property
    def detected(self) -> list[InFlight]:
        """Photos past detection that wait for recognition, or to be concluded."""
        return [p for p in self.photos.values() if p.detected and p.gathered is None]

    def begin(self, last: Listing) -> bool:
        """Take in a listing of recognition. True when it is seen to have begun with more photos."""
        if last.full:
            return False
        waited_for = {p.left for p in self.photos.values() if p.left is not None}
        rest = {left: left & last.ids for left in waited_for}  # photos that began together share a set
        begun = [p for p in self.photos.values() if p.detected and p.left is None and not last.collective]
        for photo in self.photos.values():
            photo.left = None if photo.left is None else rest[photo.left]
        for photo in begun:
            photo.left = last.ids
        return bool(begun)


def ids(photos: Iterable[InFlight]) -> tuple[int, ...]:
    """Their ids, in order."""
    return tuple(photo.id for photo in photos)
