"""How many filings of real faces are wrong at each least confidence, and what a limit of wrong ones leads to.

A part of `python -m tests.bench.judgement --faces FILE.npz`. The same photos come again with each seed, and a
few pairs of relatives make most of the wrong filings. So the intervals count as many photos as would vary
as much if each were independent of the others (the design effect of Kish), at most each photo once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.bench.embeddings import People, families, friends, mixed
from tests.bench.household import Household

from smartsort.config.sorting import PRESETS
from smartsort.core import wrong_limit
from smartsort.core.decision import decide
from smartsort.core.model import Evidence, Outcome
from smartsort.core.policy import Policy
from smartsort.core.spot_checks import estimate
from smartsort.core.wrong_limit import LEVEL_SPREAD, PIVOT, STEEPNESS_SPREAD, Curve, Observed

CURVE = (0.50, 0.52, 0.54, 0.56, 0.58, 0.60, 0.62, 0.64, 0.66, 0.68, 0.70, 0.75)
LIMITS = tuple(values["thresholds.max_wrong_per_1000"] for values in PRESETS.values())


@dataclass(frozen=True, slots=True)
class Filing:
    """A photo that only its confidence keeps from being filed. `cluster` is its family or its person."""

    cluster: object
    confidence: float
    wrong: bool


@dataclass(frozen=True, slots=True)
class Filings:
    """Those of some households, of which `to_file` photos should be filed and each came `times` times."""

    found: Sequence[Filing]
    to_file: int
    times: int

    @classmethod
    def of(
        cls, worlds: Iterable[tuple[object, Household, Sequence[Evidence]]], policy: Policy, times: int
    ) -> Filings:
        """What a policy without a least confidence makes of households."""
        found, to_file = [], 0
        for cluster, household, evidence in worlds:
            to_file += household.to_file
            for shot, each in zip(household.shots, evidence, strict=True):
                decision = decide(each, policy)
                confidence = decision.reason.numbers.get("confidence")
                if decision.outcome is Outcome.SORTED and confidence is not None:
                    right = [person.name for person in decision.people] == [shot.truth]
                    found.append(Filing(cluster or shot.truth, confidence, not right))
        return cls(found, to_file, times)

    def at(self, threshold: float) -> dict[str, float]:
        """Wrong ones of 1,000 with the interval of 95%, and the percentage in review."""
        filed, wrong = Counter[object](), Counter[object]()
        for one in self.found:
            if one.confidence >= threshold:
                filed[one.cluster] += 1
                wrong[one.cluster] += one.wrong
        photos, rate = filed.total(), wrong.total() / max(1, filed.total())
        effect = float(self.times)
        if wrong.total():
            spread = sum((wrong[key] - rate * number) ** 2 for key, number in filed.items())
            effect = max(effect, spread * len(filed) / (len(filed) - 1) / (photos * rate * (1 - rate)))
        sure = estimate(wrong.total() / effect, photos / effect)
        low, high = (sure.low, sure.high) if sure else (0.0, 1.0)
        return {
            "min_confidence": threshold,
            "wrong_per_1000": round(1000 * rate, 2),
            "low": round(1000 * low, 2),
            "high": round(1000 * high, 2),
            "review": round(100 * (1 - (photos - wrong.total()) / self.to_file), 1),
            "photos": photos,
        }

    def curve(self) -> Curve:
        """The usual curve of households like these: a logistic regression of filings from 0.50 on.

        Where nothing is wrong it is that of the core.
        """
        level, fall = -3.5, 25.0
        if not any(one.wrong for one in self.found if one.confidence >= 0.5):
            return Observed().curve
        known = [(PIVOT - one.confidence, one.wrong) for one in self.found if one.confidence >= 0.5]
        for _ in range(40):
            up = up_fall = own = both = own_fall = 0.0
            for below, wrong in known:
                chance = 1 / (1 + math.exp(-level - fall * below))
                weight = chance * (1 - chance)
                up, up_fall = up + wrong - chance, up_fall + (wrong - chance) * below
                own, both, own_fall = own + weight, both + weight * below, own_fall + weight * below**2
            size = own * own_fall - both**2
            step, step_fall = (own_fall * up - both * up_fall) / size, (own * up_fall - both * up) / size
            level, fall = level + max(-1.0, min(1.0, step)), fall + max(-5.0, min(5.0, step_fall))
        return Curve(level - LEVEL_SPREAD**2 / 2, fall, (LEVEL_SPREAD**2, 0.0, STEEPNESS_SPREAD**2))


def print_limits(
    people: People, seeds: Sequence[int], policy: Policy, measured
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Print what each least confidence and each limit leads to; both as `--json` writes them."""

    def of_families(only: Sequence[int], **how) -> Filings:
        worlds = (
            (family, household, measured(household))
            for family in only
            for seed in seeds
            for household in families(people, seed, only=[family], **how)
        )
        return Filings.of(worlds, policy, len(seeds))

    everybody = sorted(people.families)
    unnamed = of_families(everybody, unnamed=True)
    usual = unnamed.curve()
    print(
        f"\nthe usual curve: level {usual.level + LEVEL_SPREAD**2 / 2:.2f}, steepness {usual.steepness:.1f}"
    )
    households = {
        "relative_unnamed": unnamed,
        "all_named": of_families(everybody, unnamed=False),
        "relative_unnamed, doubtful too": of_families(everybody, unnamed=True, clean=False),
        **{
            f"unrelated, {size} faces": Filings.of(
                ((None, h, measured(h)) for h in (friends(people, seed, size) for seed in seeds[:3])),
                policy,
                3,
            )
            for size in (3, 5, 10)
        },
        "two people mixed": Filings.of(
            ((i, h, measured(h)) for seed in seeds[:2] for i, h in enumerate(mixed(people, seed))), policy, 2
        ),
    }
    rows: list[dict[str, object]] = []
    print("wrong per 1,000 (95% interval) / in review %, by least confidence")
    for name, filings in households.items():
        found = [filings.at(threshold) for threshold in CURVE]
        rows += [{"household": name, **row} for row in found]
        print(
            f"{name}\n" + "\n".join(f"  {row['min_confidence']:.2f}{_line(row)}" for row in found), flush=True
        )
    halves = [of_families(everybody[start::2], unnamed=True) for start in (0, 1)]
    limits: list[dict[str, object]] = []
    print("a limit, with the curve of one half of the families, on the other half")
    for half, (chosen, reported) in enumerate((halves, halves[::-1]), 1):
        for limit in LIMITS:
            row = reported.at(wrong_limit.threshold(limit, chosen.curve()))
            limits.append({"limit": limit, "half": half, **row})
            print(f"  at most {limit:g}: {row['min_confidence']:.2f}{_line(row)}", flush=True)
    return rows, limits


def _line(row: dict[str, float]) -> str:
    return f"{row['wrong_per_1000']:8.2f} ({row['low']:.1f} to {row['high']:.1f}) /{row['review']:5.1f}"
