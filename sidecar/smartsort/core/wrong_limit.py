"""Which confidence keeps wrong filings below a limit, and how certain that is.

How likely a filing is wrong follows a logistic curve of its confidence. The benchmark of real faces gives the
usual curve, and how much households differ. The answers to spot checks turn it into a household's own curve.
That is a Bayesian logistic regression with the benchmark as a weak prior. Its certainty comes from the normal
distribution that fits the peak (Laplace's approximation).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from statistics import NormalDist

from smartsort.core.similarity import SAME_PERSON, Likeness, cosine, mean, unit

PIVOT = 0.6
"""The confidence at which the level of a curve is told."""

LEVEL, STEEPNESS = -3.52, 27.5
"""The benchmark: the logit of the chance that a filing at the pivot is wrong, and how fast it falls."""

LEVEL_SPREAD, STEEPNESS_SPREAD = 1.0, 8.0
"""Standard deviations of both between households."""

FLATTEST = 2.0
"""A curve that falls less would say that the confidence means nothing."""

STEPS = 60
"""Of Newton's method at most. It takes about 8."""

REACHED = (
    *((0.45, 0.902), (0.50, 0.896), (0.52, 0.893), (0.54, 0.887), (0.56, 0.878), (0.58, 0.866)),
    *((0.60, 0.851), (0.62, 0.832), (0.64, 0.812), (0.66, 0.784), (0.68, 0.756), (0.70, 0.725)),
    *((0.75, 0.639), (0.80, 0.512), (0.85, 0.352), (0.90, 0.193), (0.95, 0.068), (1.00, 0.0)),
)
"""The share of the benchmark's photos that reach a confidence."""

ALIKE, ALIKE_WEIGHT = 0.03, 0.02
"""The share of the benchmark's gallery faces that look like another named person. One of them counts for so
much of a wrong filing, more weight predicted the benchmark's wrong filings worse."""

CERTAINTY = 0.75
"""The probability with which the rate has to be within the limit. So 2 of 1,000 lead to 0.60."""

INTERVAL = 0.95

LOWEST, HIGHEST = 50, 80
"""Hundredths of confidence that a limit can lead to. Below, Immich takes no two faces for one person."""

ENOUGH = 50
"""New answers between two adjustments."""

MOST_UP, MOST_DOWN, SURE_DOWN = 0.03, 0.01, 0.9
"""How far one adjustment goes, and the certainty that it takes to go down."""

NEAR = 0.25
"""Two galleries whose middles are less alike have no faces that look like the other person."""


@dataclass(frozen=True)  # without slots, for the cached curve
class Observed:
    """What a household shows: checked filings, and `alike` of its `faces` that look like another person.

    `answers` has by hundredths of confidence how many were checked, and how many of them were wrong.
    """

    answers: tuple[tuple[int, int, int], ...] = ()
    faces: int = 0
    alike: int = 0

    @property
    def checked(self) -> int:
        """Filings with an answer."""
        return sum(number for _, number, _ in self.answers)

    @property
    def wrong(self) -> int:
        """Those of them that were wrong."""
        return sum(wrong for _, _, wrong in self.answers)

    @cached_property
    def curve(self) -> Curve:
        """The household's own curve."""
        return _fitted(self)


@dataclass(frozen=True, slots=True)
class Curve:
    """Logit of the chance to be wrong at the pivot, its fall, and the covariance of both."""

    level: float
    steepness: float
    variances: tuple[float, float, float]

    def rate(self, threshold: float, level: float = 0.0, steepness: float = 0.0) -> float:
        """Return the share of wrong ones among filings that reach a threshold.

        Of another curve, so much off.
        """
        fall = self.steepness + steepness
        middle = PIVOT + (self.level + level) / fall
        threshold = min(max(threshold, REACHED[0][0]), REACHED[-2][0])
        wrong = reached = 0.0
        for (start, above), (end, left) in itertools.pairwise(REACHED):
            first = max(start, threshold)
            if first < end:
                density = (above - left) / (end - start)
                reached += density * (end - first)
                # The integral of the logistic function.
                high, low = (math.log1p(math.exp(fall * (middle - at))) for at in (first, end))
                wrong += density * (high - low) / fall
        return wrong / reached

    def log_rate(self, threshold: float) -> NormalDist:
        """Return the natural logarithm of the rate, with its uncertainty."""
        rate = math.log(self.rate(threshold))
        by_level = (math.log(self.rate(threshold, level=0.01)) - rate) / 0.01
        by_fall = (math.log(self.rate(threshold, steepness=0.1)) - rate) / 0.1
        level, both, fall = self.variances
        return NormalDist(
            rate, math.sqrt(by_level**2 * level + 2 * by_level * by_fall * both + by_fall**2 * fall)
        )


def _fitted(observed: Observed) -> Curve:
    """Return the peak of the posterior distribution, by Newton's method."""
    usual = ALIKE * observed.faces
    weight = min(ALIKE_WEIGHT, 1.0 / usual) if usual else 0.0
    # The mean factor between households is 1, so that its median is less.
    expected = LEVEL - LEVEL_SPREAD**2 / 2 + math.log((1 + weight * observed.alike) / (1 + weight * usual))
    level, fall = expected, STEEPNESS
    variances = (0.0, 0.0, 0.0)
    for _ in range(STEPS):
        up, up_fall = (expected - level) / LEVEL_SPREAD**2, (STEEPNESS - fall) / STEEPNESS_SPREAD**2
        own, both, own_fall = 1 / LEVEL_SPREAD**2, 0.0, 1 / STEEPNESS_SPREAD**2
        for at, number, wrong in observed.answers:
            below = PIVOT - at / 100
            chance = 1 / (1 + math.exp(-level - fall * below))
            up += wrong - number * chance
            up_fall += (wrong - number * chance) * below
            known = number * chance * (1 - chance)
            own, both, own_fall = own + known, both + known * below, own_fall + known * below**2
        size = own * own_fall - both**2
        step, step_fall = (own_fall * up - both * up_fall) / size, (own * up_fall - both * up) / size
        # A step that is too large overshoots where the logistic function is flat.
        part = min(1.0, 1.0 / max(abs(step), abs(step_fall) / 5.0, 1.0))
        level, fall = level + part * step, max(FLATTEST, fall + part * step_fall)
        variances = (own_fall / size, -both / size, own / size)
        if abs(step) + abs(step_fall) < 1e-6:
            break
    return Curve(level, fall, variances)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a threshold leads to, in wrong filings per 1,000.

    The rate lies from `low` to `high` 95 times of 100, and within the limit with the probability `certainty`.
    """

    min_confidence: float
    expected: float
    low: float
    high: float
    certainty: float


def outlook(threshold: float, limit: float, curve: Curve) -> Outlook:
    """Return what a threshold leads to, `limit` in wrong filings per 1,000."""
    found = curve.log_rate(threshold)
    ends = (found.inv_cdf(0.5 + side * INTERVAL / 2) for side in (-1, 1))
    # A share has an end where the normal distribution has none.
    low, expected, high = (
        1000 * math.exp(min(0.0, log)) for log in (next(ends), found.mean + found.variance / 2, next(ends))
    )
    return Outlook(threshold, expected, low, high, _certainty(threshold, limit, curve))


@dataclass(frozen=True, slots=True)
class LimitInForce:
    """How the least confidence comes about. `by_hand`: you have set it, so that the limit changes nothing."""

    max_wrong_per_1000: float
    by_hand: bool
    observed: Observed
    outlook: Outlook

    @property
    def kept(self) -> bool:
        """False when no threshold keeps to the limit with enough certainty."""
        return (
            self.by_hand or self.outlook.certainty >= CERTAINTY or self.outlook.min_confidence < HIGHEST / 100
        )


def in_words(limit: LimitInForce) -> str:
    """Return what the limit leads to and how certain that is."""
    found, seen = limit.outlook, limit.observed
    most = f"{limit.max_wrong_per_1000:g}"
    how = "set by hand" if limit.by_hand else f"for at most {most} wrong per 1,000"
    least = f"Confidence {found.min_confidence:.2f}, {how}."
    if not limit.kept:
        least = f"No confidence up to {found.min_confidence:.2f} leads to at most {most} wrong per 1,000."
    return (
        f"{least} Expected: {found.expected:.1f} (95% interval {found.low:.1f} to {found.high:.1f}), at most "
        f"{most} with a probability of {100 * found.certainty:.0f}%. Checked: {seen.wrong} wrong of "
        f"{seen.checked}."
    )


def _certainty(threshold: float, limit: float, curve: Curve) -> float:
    return curve.log_rate(threshold).cdf(math.log(limit / 1000))


@lru_cache
def threshold(limit: float, curve: Curve, certainty: float = CERTAINTY) -> float:
    """Return the lowest confidence that keeps to a limit (wrong filings per 1,000) with enough certainty."""
    found = (at / 100 for at in range(LOWEST, HIGHEST))
    return next((one for one in found if _certainty(one, limit, curve) >= certainty), HIGHEST / 100)


def adjusted(now: float, limit: float, curve: Curve) -> float | None:
    """Return the next threshold on the way to where the answers lead, None where it is.

    It rises faster than it falls, and takes more certainty to fall, so that it does not go to and fro.
    """
    wanted = threshold(limit, curve)
    if wanted > now:
        return round(min(wanted, now + MOST_UP), 2)
    if threshold(limit, curve, SURE_DOWN) < now:
        return round(now - MOST_DOWN, 2)
    return None


def lookalikes(people: Sequence[Likeness]) -> tuple[int, int]:
    """Return how many faces there are in these galleries, and how many look like another of the people.

    Each is judged as if its own person had no name.
    """
    known = [one for one in people if one.faces]
    middles = [unit(mean(one.faces)) for one in known]
    close: dict[int, set[int]] = {}
    for one, other in itertools.combinations(range(len(known)), 2):
        # The middles of two galleries are closer than their faces are.
        if cosine(middles[one], middles[other]) >= known[one].level + NEAR:
            close.setdefault(one, set()).add(other)
            close.setdefault(other, set()).add(one)
    found = 0
    for index, others in close.items():
        for face in known[index].faces:
            found += any((known[other].similarity(face) or 0.0) >= SAME_PERSON for other in others)
    return sum(len(one.faces) for one in known), found
