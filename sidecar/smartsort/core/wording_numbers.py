"""Numbers as text, with as many digits as it takes to tell a value from the limit it is compared with."""

from __future__ import annotations

_MOST_DIGITS = 17
"""Two different floating-point numbers between 0 and 1 never need more."""


def digits_apart(value: float, limit: float, least: int = 2) -> int:
    """How many decimals show which of two numbers is larger; at least `least`, and that of equal ones."""
    if value == limit:
        return least
    enough = (n for n in range(least, _MOST_DIGITS) if f"{value:.{n}f}" != f"{limit:.{n}f}")
    return next(enough, _MOST_DIGITS)


def side_by_side(value: float, limit: float, least: int = 2) -> tuple[str, str]:
    """Both numbers with the same number of decimals: `0.597` and `0.600`."""
    digits = digits_apart(value, limit, least)
    return f"{value:.{digits}f}", f"{limit:.{digits}f}"
