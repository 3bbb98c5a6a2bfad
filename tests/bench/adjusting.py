"""Does the least confidence settle where it keeps to the limit? Simulated answers to spot checks.

    python -m tests.bench.adjusting [--seeds 16] [--answers 300,1000,3000]

A household's chance of a wrong filing is the benchmark's times a factor, or falls less with the confidence
than the benchmark's does. Printed are the least confidence and the true rate of wrong filings per 1,000, at
the start and after so many answers. Then follow the share of runs within the limit, and how often the least
confidence changed its direction.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from smartsort.core.wrong_limit import (
    ENOUGH,
    LEVEL,
    PIVOT,
    REACHED,
    STEEPNESS,
    Curve,
    Observed,
    adjusted,
    threshold,
)

WORLDS = ((0.3, STEEPNESS), (1.0, STEEPNESS), (3.0, STEEPNESS), (10.0, STEEPNESS), (1.0, 14.0))
"""How many times the benchmark's chance at the pivot, and how fast it falls."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Where a run is after some answers; `rate` is the true one of wrong filings per 1,000."""

    min_confidence: float
    rate: float
    turns: int


def answers(curve: Curve, rng: random.Random) -> Iterator[tuple[float, bool]]:
    """Photos of a household: the confidence of each, and whether its filing is wrong."""
    while True:
        share = rng.random() * REACHED[0][1]
        for (start, above), (end, left) in itertools.pairwise(REACHED):
            if above >= share > left:
                confidence = start + (end - start) * (above - share) / (above - left)
                chance = 1 / (1 + math.exp(-curve.level - curve.steepness * (PIVOT - confidence)))
                yield confidence, rng.random() < chance
                break


def run(limit: float, curve: Curve, after: Sequence[int], seed: int) -> list[Reached]:
    """One household that answers every spot check, looked at after so many answers."""
    now, last, direction, turns = threshold(limit, Observed().curve), 0, 0.0, 0
    checked, wrong, found = Counter[int](), Counter[int](), []
    for confidence, is_wrong in answers(curve, random.Random(seed)):
        if confidence < now:
            continue
        checked[round(100 * confidence)] += 1
        wrong[round(100 * confidence)] += is_wrong
        number = checked.total()
        if number - last >= ENOUGH and number % 25 == 0:
            seen = Observed(tuple((at, checked[at], wrong[at]) for at in sorted(checked)))
            to = adjusted(now, limit, seen.curve)
            if to is not None:
                turns += (to - now) * direction < 0
                direction, now, last = to - now, to, number
        if number in after:
            found.append(Reached(now, 1000 * curve.rate(now), turns))
        if number >= max(after):
            return found
    return found


def household(factor: float, steepness: float) -> Curve:
    """The true curve of a household."""
    return Curve(LEVEL + math.log(factor), steepness, (0.0, 0.0, 0.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--answers", default="300,1000,3000")
    options = parser.parse_args()
    after = [int(part) for part in options.answers.split(",")]
    for limit, (factor, steepness) in itertools.product((2.0, 5.0), WORLDS):
        curve = household(factor, steepness)
        start = threshold(limit, Observed().curve)
        cells = [f"{start:.2f} {1000 * curve.rate(start):5.1f}"]
        runs = [run(limit, curve, after, seed) for seed in range(options.seeds)]
        for one in zip(*runs, strict=True):
            rate = statistics.fmean(each.rate for each in one)
            within = sum(each.rate <= limit for each in one) / len(one)
            turns = statistics.fmean(each.turns for each in one)
            mean = statistics.fmean(each.min_confidence for each in one)
            cells.append(f"{mean:.2f} {rate:5.2f}, {within:4.0%} within, {turns:.1f} turns")
        print(f"limit {limit:g}, {factor:g} times, falls by {steepness:g}: " + " | ".join(cells), flush=True)


if __name__ == "__main__":
    main()
