"""Which of two copies is the better one, and what a reason tells about both."""

import dataclasses

import pytest
from tests.household import ELSEWHERE, HOUSEHOLD, JOHN, photo, sure

from smartsort.core.decision import decide
from smartsort.core.model import Comparison, Quality
from smartsort.core.rules.copies import better_copy, located


@pytest.mark.parametrize(
    ("own", "other", "better"),
    [
        (Quality(1_000_000, 10, has_date=False), Quality(500_000, 20, has_date=True), 1),
        (Quality(1_000_000, 10, has_date=True), Quality(1_010_000, 20, has_date=False), 1),
        (Quality(1_000_000, 1_000), Quality(1_000_000, 2_000), -1),
        (Quality(1_000_000, 1_000), Quality(1_020_000, 1_020), 0),
        (Quality(1_000_000, 1_000), Quality(1_020_001, 1_020), -1),
    ],
)
def test_more_pixels_then_the_date_then_the_larger_file_make_the_better_copy(own, other, better):
    assert better_copy(own, other) == better
    assert better_copy(other, own) == -better


def test_a_near_copy_is_told_with_both_sides_in_numbers():
    sides = Comparison(Quality(12, 34, has_date=True), Quality(56, 78, has_date=False))
    evidence = sure(photo(JOHN, near_copy=ELSEWHERE, comparison=sides))
    reason = decide(evidence, HOUSEHOLD).reason
    assert (reason.code, reason.detail) == ("near_duplicate", ELSEWHERE.path)
    assert reason.numbers == {
        "better": -1,
        "pixels": 12,
        "other_pixels": 56,
        "has_date": True,
        "other_has_date": False,
        "bytes": 34,
        "other_bytes": 78,
    }
    alone = dataclasses.replace(evidence, comparison=Comparison(Quality(12, 34)))
    assert decide(alone, HOUSEHOLD).reason.numbers == {}


def test_reasons_name_the_place_where_the_copy_is_now():
    moved = dataclasses.replace(ELSEWHERE, path="faces/sarah_smith/a.jpg", problem="is empty")
    near, exact = photo(JOHN, near_copy=ELSEWHERE), photo(JOHN, other_copy=ELSEWHERE)
    for then, now in (
        (near, dataclasses.replace(near, near_copy=moved)),
        (exact, dataclasses.replace(exact, other_copy=moved)),
    ):
        reasons = decide(then, HOUSEHOLD).reasons
        first, *others = located(reasons, now)
        assert first == dataclasses.replace(reasons[0], detail="faces/sarah_smith/a.jpg is empty")
        assert tuple(others) == reasons[1:]
    assert located(decide(near, HOUSEHOLD).reasons, photo(JOHN)) == decide(near, HOUSEHOLD).reasons
