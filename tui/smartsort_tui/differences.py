"""What differs between a photo and its other copy. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from smartsort.api.schemas.review import CopyView, ReviewItem
from smartsort_tui import wording


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of the comparison. `verdict` says in a word how this photo compares with the other copy."""

    what: str
    this: str
    other: str
    verdict: str


def differences(item: ReviewItem, other: CopyView, place: str) -> list[Difference]:
    """Size, resolution, date and place of both, in this order. Unknown values are said to be unknown.

    `place` is where the photo waits.
    """
    mine, theirs = _resolution(item.width, item.height), _resolution(other.width, other.height)
    return [
        Difference(
            "size",
            _bytes(item.size),
            _bytes(other.size),
            _verdict(item.size, other.size, "smaller", "larger"),
        ),
        Difference("resolution", mine[0], theirs[0], _verdict(mine[1], theirs[1], "smaller", "larger")),
        Difference(
            "taken",
            wording.date(item.taken_at) or "unknown",
            wording.date(other.taken_at) or "unknown",
            _verdict(_when(item.taken_at), _when(other.taken_at), "earlier", "later"),
        ),
        Difference("place", place, other.path or other.place, "" if other.alive else "only in a trash"),
    ]


def _verdict(mine: float | None, theirs: float | None, less: str, more: str) -> str:
    if mine is None or theirs is None:
        return ""
    return "same" if mine == theirs else less if mine < theirs else more


def _bytes(size: int | None) -> str:
    return "unknown" if size is None else wording.size(size)


def _resolution(width: int | None, height: int | None) -> tuple[str, int | None]:
    if width and height:
        return wording.resolution(width, height), width * height
    return "unknown", None


def _when(text: str | None) -> float | None:
    when = wording.moment(text)
    return when.timestamp() if when else None
