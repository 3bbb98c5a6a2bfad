"""The least confidence that a limit of wrong filings leads to, and how it follows the spot checks."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.bench.adjusting import household, run

from smartsort.config.sorting import PRESETS
from smartsort.core.model import Person
from smartsort.core.similarity import Likeness, unit
from smartsort.core.wrong_limit import (
    CERTAINTY,
    HIGHEST,
    LOWEST,
    MOST_DOWN,
    MOST_UP,
    STEEPNESS,
    LimitInForce,
    Observed,
    adjusted,
    in_words,
    lookalikes,
    outlook,
    threshold,
)

NOTHING = Observed()
LIMITS = (0.1, 0.5, 1, 2, 5, 20)
answers = st.lists(
    st.tuples(st.integers(45, 99), st.integers(1, 300), st.integers(0, 5)),
    max_size=6,
    unique_by=lambda a: a[0],
).map(lambda found: tuple(sorted((at, max(n, wrong), wrong) for at, n, wrong in found)))


def test_each_preset_is_a_name_for_a_limit():
    found = {
        name: threshold(v["thresholds.max_wrong_per_1000"], NOTHING.curve) for name, v in PRESETS.items()
    }
    assert found == {"cautious": 0.68, "balanced": 0.6, "eager": 0.54}


@given(answers, st.integers(0, 500), st.integers(0, 500))
@settings(deadline=None)
def test_a_stricter_limit_never_asks_for_less_and_every_number_makes_sense(seen, faces, alike):
    curve = Observed(seen, faces, min(faces, alike)).curve
    found = [threshold(limit, curve) for limit in LIMITS]
    assert found == sorted(found, reverse=True)
    assert all(LOWEST / 100 <= one <= HIGHEST / 100 for one in found)
    for limit, least in zip(LIMITS, found, strict=True):
        told = outlook(least, limit, curve)
        assert 0 <= told.low <= told.high <= 1000
        assert told.low <= told.expected
        assert told.certainty >= CERTAINTY or least == HIGHEST / 100


@given(answers, st.integers(50, 95))
@settings(deadline=None)
def test_one_more_wrong_filing_never_lowers_the_threshold_and_a_right_one_never_raises_it(seen, at):
    """One that today's threshold would file."""
    before = threshold(2, Observed(seen).curve)
    at = max(at, round(100 * before))

    def with_one(wrong):
        known = {where: (n, bad) for where, n, bad in seen}
        n, bad = known.get(at, (0, 0))
        known[at] = n + 1, bad + wrong
        return Observed(tuple((where, *known[where]) for where in sorted(known)))

    assert threshold(2, with_one(1).curve) >= before - 0.011
    assert threshold(2, with_one(0).curve) <= before + 0.011


def test_the_answers_make_it_more_certain():
    def width(seen):
        found = outlook(0.6, 2, seen.curve)
        return math.log(found.high / found.low)

    few, many = Observed(((62, 20, 0), (80, 180, 1))), Observed(((62, 400, 4), (80, 3600, 4)))
    assert width(NOTHING) > width(few) > width(many)
    assert outlook(0.6, 2, many.curve).low <= 1000 * 8 / 4000 <= outlook(0.6, 2, many.curve).high


def test_the_step_up_is_as_the_answers_say_and_bounded():
    seen = Observed(((61, 4, 1), (62, 4, 1), (64, 4, 1), (80, 100, 0), (90, 100, 0)))
    assert (seen.checked, seen.wrong) == (212, 3)
    assert adjusted(0.6, 5, seen.curve) == pytest.approx(0.63)
    assert threshold(5, seen.curve) > 0.63
    assert adjusted(threshold(5, seen.curve), 5, seen.curve) is None


def test_it_falls_slowly_and_only_when_that_is_certain():
    some, many = (Observed(((62, n // 20, 0), (80, n - n // 20, 0))) for n in (100, 2000))
    assert threshold(2, some.curve) < 0.6
    assert adjusted(0.6, 2, some.curve) is None
    assert adjusted(0.6, 2, many.curve) == pytest.approx(0.6 - MOST_DOWN)


def test_a_limit_that_no_confidence_keeps_is_said_to_be_one():
    seen = Observed(((62, 20, 3), (75, 60, 6), (85, 100, 9), (95, 40, 4)))
    assert threshold(1, seen.curve) == HIGHEST / 100
    found = LimitInForce(1, False, seen, outlook(0.8, 1, seen.curve))
    assert not found.kept
    assert in_words(found).startswith("No confidence up to 0.80 leads to at most 1 wrong per 1,000.")


def test_it_says_who_has_set_the_confidence_and_how_certain_it_is():
    told = in_words(LimitInForce(2, False, NOTHING, outlook(0.6, 2, NOTHING.curve)))
    assert told == (
        "Confidence 0.60, for at most 2 wrong per 1,000. Expected: 1.5 (95% interval 0.1 to 7.0), "
        "at most 2 with a probability of 78%. Checked: 0 wrong of 0."
    )
    assert "set by hand" in in_words(LimitInForce(2, True, NOTHING, outlook(0.6, 2, NOTHING.curve)))


def test_a_household_of_people_who_look_alike_is_a_little_more_careful_and_never_much():
    usual = outlook(0.6, 2, NOTHING.curve).expected
    alike = [outlook(0.6, 2, Observed((), 200, n).curve).expected for n in (0, 6, 60, 200)]
    assert alike == sorted(alike)
    assert usual / 2 < alike[0] < usual
    assert usual < alike[-1] < 5 * usual
    assert alike[1] == pytest.approx(usual)


def test_faces_that_look_like_another_person_are_counted():
    rng = random.Random(1)

    def gallery(name, *centre):
        faces = [unit([c + rng.gauss(0, 0.1) for c in centre]) for _ in range(4)]
        return Likeness.of(Person(name, name), faces)

    anna, twin, carl = gallery("a", 1, 0, 0, 0), gallery("t", 1, 0.2, 0, 0), gallery("c", 0, 0, 1, 0)
    assert lookalikes([anna, carl]) == (8, 0)
    assert lookalikes([anna, twin, carl]) == (12, 8)
    assert lookalikes([]) == (0, 0)


@pytest.mark.parametrize(
    ("factor", "steepness", "start"),
    [(0.3, STEEPNESS, 0.44), (3, STEEPNESS, 4.2), (10, STEEPNESS, 13), (1, 14, 3.5)],
)
def test_the_loop_settles_below_the_limit_and_does_not_go_to_and_fro(factor, steepness, start):
    """Whether a household makes fewer wrong filings than the benchmark, more, or others."""
    curve = household(factor, steepness)
    assert 1000 * curve.rate(0.6) == pytest.approx(start, rel=0.05)
    runs = [run(2, curve, (1500,), seed) for seed in range(6)]
    assert sum(found.rate for [found] in runs) / len(runs) <= 2
    assert sum(found.turns for [found] in runs) / len(runs) <= 1.5


def test_no_step_is_larger_than_it_may_be():
    seen = Observed(((62, 60, 30),))
    assert adjusted(0.6, 2, seen.curve) == pytest.approx(0.6 + MOST_UP)
