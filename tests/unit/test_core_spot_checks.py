"""The draw of spot checks, and the interval around what they find."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartsort.core.spot_checks import drawn, estimate


def test_the_draw_can_be_repeated_and_depends_on_the_key():
    first = [drawn("key", n, 0.1) for n in range(2000)]
    assert first == [drawn("key", n, 0.1) for n in range(2000)]
    assert first != [drawn("another", n, 0.1) for n in range(2000)]


@pytest.mark.parametrize("share", [0.02, 0.05, 0.5])
def test_about_the_share_is_drawn_evenly_over_the_ids(share):
    """Neither old photos nor new ones, neither odd ids nor even ones are drawn more often."""
    parts = [[drawn("key", n, share) for n in range(start, start + 20_000)] for start in (0, 20_000)]
    parts += [[drawn("key", n, share) for n in range(parity, 40_000, 2)] for parity in (0, 1)]
    for part in parts:
        spread = 4 * (share * (1 - share) / len(part)) ** 0.5
        assert abs(sum(part) / len(part) - share) < spread


def test_none_and_all():
    assert not any(drawn("key", n, 0.0) for n in range(1000))
    assert all(drawn("key", n, 1.0) for n in range(1000))


@given(st.integers(1, 10**6), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_holds_the_smaller_one(photo_id, one, other):
    small, large = sorted((one, other))
    assert drawn("key", photo_id, large) or not drawn("key", photo_id, small)


# From Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3.
KNOWN = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]


@pytest.mark.parametrize(("wrong", "checked", "low", "high"), KNOWN)
def test_the_interval_is_wilsons(wrong, checked, low, high):
    found = estimate(wrong, checked)
    assert found.error_rate == wrong / checked
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@given(st.integers(1, 5000), st.data())
def test_the_interval_holds_the_error_rate_and_stays_inside(checked, data):
    wrong = data.draw(st.integers(0, checked))
    found = estimate(wrong, checked)
    assert 0 <= found.low <= found.error_rate <= found.high <= 1


def test_at_its_ends_the_interval_touches_them():
    assert {estimate(0, checked).low for checked in range(1, 2000)} == {0.0}
    assert {estimate(checked, checked).high for checked in range(1, 2000)} == {1.0}


def test_nothing_checked_says_nothing():
    assert estimate(0, 0) is None


@pytest.mark.parametrize(
    ("wrong", "checked", "met"),
    [(0, 20, None), (0, 100, True), (1, 200, True), (4, 100, None), (20, 100, False)],
)
def test_the_target_is_met_or_missed_only_when_the_answers_say_so(wrong, checked, met):
    assert estimate(wrong, checked).meets_target is met
