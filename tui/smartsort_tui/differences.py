"""What differs between a photo and its other copy. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from smartsort.api.schemas import CopyView, ReviewItem
from smartsort_tui import wording


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of the comparison; `verdict` says in a word how this photo compares with the other copy."""

    what: str
    this: str
    other: str
    verdict: str


def differences(item: ReviewItem, other: CopyView) -> list[Difference]:
    """Size, resolution, date and place of both, in this order; unknown values are said to be unknown."""
    return [
        _compared("size", _bytes(item.size), _bytes(other.size), item.size, other.size, "smaller", "larger"),
        _compared(
            "resolution",
            wording.resolution(item.width, item.height) or "unknown",
            wording.resolution(other.width, other.height) or "unknown",
            _pixels(item.width, item.height),
            _pixels(other.width, other.height),
            "smaller",
            "larger",
        ),
        _compared(
            "taken",
            wording.date(item.taken_at) or "unknown",
            wording.date(other.taken_at) or "unknown",
            _when(item.taken_at),
            _when(other.taken_at),
            "earlier",
            "later",
        ),
        Difference("place", item.path, other.path or other.place, "" if other.alive else "only in a trash"),
    ]


def _compared(
    what: str, this: str, other: str, mine: float | None, theirs: float | None, less: str, more: str
) -> Difference:
    if mine is None or theirs is None:
        return Difference(what, this, other, "")
    verdict = "same" if mine == theirs else less if mine < theirs else more
    return Difference(what, this, other, verdict)


def _bytes(size: int | None) -> str:
    return "unknown" if size is None else wording.size(size)


def _pixels(width: int | None, height: int | None) -> int | None:
    return width * height if width and height else None


def _when(text: str | None) -> float | None:
    when = wording.moment(text)
    return when.timestamp() if when else None
