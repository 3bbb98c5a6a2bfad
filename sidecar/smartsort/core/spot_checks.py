"""Which automatic filings are offered for a check, and what the answers say about all of them."""

from __future__ import annotations

import hashlib
import hmac
import math
from dataclasses import dataclass

Z_95 = 1.959963984540054
"""The normal distribution's quantile for a two-sided interval of 95%."""

TARGET = 0.05
"""Fewer than this share of the automatic filings may be wrong."""

_RANGE = 2**64


def drawn(key: str, photo_id: int, share: float) -> bool:
    """Return True for the photos that are checked: about `share` (0 to 1) of all, whatever is on them.

    A keyed hash of the id decides, so the draw can be repeated, nothing about the photo can sway it, and a
    larger share holds all photos of a smaller one.
    """
    digest = hmac.new(key.encode(), str(photo_id).encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") < share * _RANGE


@dataclass(frozen=True, slots=True)
class Estimate:
    """The share of wrong filings, with the interval the true share is in 95 times of 100, all 0 to 1."""

    error_rate: float
    low: float
    high: float

    @property
    def meets_target(self) -> bool | None:
        """None while the answers leave it open."""
        if self.high < TARGET:
            return True
        return False if self.low >= TARGET else None


def estimate(wrong: float, checked: float) -> Estimate | None:
    """Wilson's score interval for `wrong` of `checked`, None of nothing.

    Wilson's, because it stays inside 0 to 1 and says something sensible of none wrong among a few, where the
    textbook's plus and minus says that all is certain.
    """
    if checked <= 0:
        return None
    error_rate = wrong / checked
    square = Z_95**2 / checked
    centre = (error_rate + square / 2) / (1 + square)
    half = Z_95 / (1 + square) * math.sqrt(error_rate * (1 - error_rate) / checked + square / (4 * checked))
    # At the ends the interval touches them exactly. Rounding must not leave a trace of it.
    low = 0.0 if wrong == 0 else max(0.0, centre - half)
    high = 1.0 if wrong == checked else min(1.0, centre + half)
    return Estimate(error_rate, low, high)
