"""Parts of sentences: lists, counts, and numbers with the digits it takes to tell a value from its limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_MOST_DIGITS = 17
"""Two different floating-point numbers between 0 and 1 never need more."""


def listed(names: Iterable[str]) -> str:
    """Return names with "and" before the last one."""
    *first, last = [*names] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def quantity(number: int, noun: str) -> str:
    """Return a number of things: `1 face`, `2 faces`."""
    return f"{number} {noun if number == 1 else noun + 's'}"


def clock(seconds: float, decimals: int = 1) -> str:
    """Return a time in a video: `0:07.2`, or `1:02:03` from an hour on."""
    minutes, rest = divmod(round(seconds, decimals), 60)
    if minutes < 60:
        return f"{int(minutes)}:{rest:0{3 + decimals}.{decimals}f}"
    return f"{int(minutes) // 60}:{int(minutes) % 60:02}:{int(rest):02}"


def clocks(seconds: Sequence[float]) -> list[str]:
    """Return times in one video, with two decimals if one does not tell them apart."""
    told = [clock(at) for at in seconds]
    return told if len(set(told)) == len(set(seconds)) else [clock(at, 2) for at in seconds]


def digits_apart(value: float, limit: float, least: int = 2) -> int:
    """How many decimals show which of two numbers is larger, at least `least`, and that of equal ones."""
    if value == limit:
        return least
    enough = (n for n in range(least, _MOST_DIGITS) if f"{value:.{n}f}" != f"{limit:.{n}f}")
    return next(enough, _MOST_DIGITS)


def side_by_side(value: float, limit: float, least: int = 2) -> tuple[str, str]:
    """Return both numbers with the same number of decimals: `0.597` and `0.600`."""
    digits = digits_apart(value, limit, least)
    return f"{value:.{digits}f}", f"{limit:.{digits}f}"


def at_most(value: float, digits: int) -> float:
    """Return the largest number with so many decimals that is not above a value."""
    near = round(value, digits)
    return near if near <= value else round(near - 10.0**-digits, digits)


def above(value: float, digits: int) -> float:
    """Return the smallest number with so many decimals that is above a value."""
    near = round(value, digits)
    return near if near > value else round(near + 10.0**-digits, digits)
