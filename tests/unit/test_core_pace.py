"""How many photos are handed to Immich at once, and how often it is looked at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartsort.core.pace import (
    BATCH_SECONDS,
    FIRST_BATCH,
    FIRST_BATCH_SECONDS,
    FIRST_LOOK,
    GROWTH,
    PAUSE_SHARE,
    SHORTEST_PAUSE,
    TRICKLE,
    WORTH_EXPECTING,
    Batches,
    Pace,
)


def test_a_trickle_goes_straight_through():
    batches = Batches(limit=120)
    for in_flight in range(TRICKLE):
        assert batches.room(in_flight, 1) == 1
        batches.placed(1, 0, 0.0)


def test_what_is_no_more_than_a_trickle_goes_at_once():
    assert Batches(limit=120).room(0, TRICKLE) == TRICKLE
    assert Batches(limit=120).room(0, TRICKLE + 1) == FIRST_BATCH


def test_the_first_batch_of_a_backlog_has_the_way_to_itself_for_a_while():
    batches = Batches(limit=120)
    assert not batches.first_under_way(0.0)
    batches.placed(FIRST_BATCH, 400, 0.0)
    assert batches.first_under_way(1.0)
    assert not batches.first_under_way(FIRST_BATCH_SECONDS)
    batches.through(2.0)
    assert not batches.first_under_way(2.1)
    batches.placed(batches.size, 380, 2.2)
    assert not batches.first_under_way(2.3)
    batches.placed(5, 0, 3.0)
    assert not batches.first_under_way(3.1), "nothing is left to make way"


def test_of_a_backlog_the_next_batch_waits_for_the_last():
    batches = Batches(limit=120)
    assert batches.room(0, 500) == FIRST_BATCH
    batches.placed(FIRST_BATCH, 492, 0.0)
    assert batches.room(FIRST_BATCH, 492) == 0
    assert batches.room(1, 492) == 0


def sizes_of(batches, waiting, seconds_per_photo):
    """Sizes of the batches in which a backlog goes to a server of this pace."""
    sizes, now = [], 0.0
    while waiting:
        batches.through(now)
        room = batches.room(0, waiting)
        waiting -= room
        batches.placed(room, waiting, now)
        now += room * seconds_per_photo
        sizes.append(room)
    return sizes


def test_batches_grow_threefold_up_to_the_limit_and_start_small_again_after_the_backlog():
    batches = Batches(limit=120)
    assert sizes_of(batches, 500, 0.0) == [4, 12, 36, 108, 120, 120, 100]
    assert batches.room(0, 500) == FIRST_BATCH


@given(st.integers(1, 300), st.lists(st.floats(0, 100), max_size=12))
def test_no_batch_is_larger_than_was_foretold(limit, seconds):
    batches, now = Batches(limit), 0.0
    for each in seconds:
        foretold = batches.next_at_most
        batches.through(now)
        room = batches.room(0, 10_000)
        assert room <= max(foretold, min(FIRST_BATCH, limit))
        batches.placed(room, 10_000, now)
        now += each


def test_batches_follow_the_pace_of_the_server():
    slow = sizes_of(Batches(limit=1000), 1000, BATCH_SECONDS / 50)
    assert slow[:4] == [4, 12, 36, 50]
    assert set(slow[3:-1]) == {50}
    assert max(sizes_of(Batches(limit=1000), 100, 60.0)) <= TRICKLE, "only the last few go together"


def test_a_limit_below_the_first_batch_counts():
    batches = Batches(limit=3)
    assert batches.room(0, 10) == 3
    assert batches.room(1, 2) == 2
    assert batches.room(2, 2) == 0


@given(
    st.integers(1, 300),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 60)), min_size=1, max_size=30),
)
def test_the_bound_holds_and_every_photo_has_its_turn(limit, hours):
    """Each hour some photos arrive and Immich finishes some of those in flight."""
    batches = Batches(limit)
    waiting = in_flight = 0

    def place():
        nonlocal waiting, in_flight
        room = batches.room(in_flight, waiting)
        assert 0 <= room <= waiting
        if room:
            waiting -= room
            batches.placed(room, waiting, 0.0)
            in_flight += room
        assert in_flight <= limit

    for arriving, finishing in hours:
        waiting += arriving
        place()
        in_flight -= min(in_flight, finishing)
        place()
    rounds = 0
    while waiting:
        in_flight = 0
        place()
        rounds += 1
        assert in_flight > 0, "an idle Immich is given nothing although photos wait"
    assert rounds <= 30 * 400


def test_a_look_is_taken_when_most_of_the_rest_should_be_over():
    pace = Pace(longest=5.0)
    pace.begin(60, 100.0)
    assert pace.pause(100.0, 60) == FIRST_LOOK
    assert pace.pause(110.0, 40) == 5.0  # 20 s for the rest, but never longer than asked for
    assert pace.pause(115.0, 10) == pytest.approx(PAUSE_SHARE * 10 * 15 / 50)
    assert pace.pause(115.1, 1) == SHORTEST_PAUSE


def test_no_progress_makes_looks_rarer_and_more_work_starts_anew():
    pace = Pace(longest=5.0)
    pace.begin(10, 0.0)
    pace.pause(0.0, 10)
    assert pace.pause(2.0, 10) == 1.0
    assert pace.pause(60.0, 10) == 5.0
    assert pace.pause(61.0, 30) == SHORTEST_PAUSE
    pace.begin(30, 62.0)
    assert pace.pause(62.0, 1) == FIRST_LOOK


def test_the_first_looks_follow_each_other_fast_and_then_no_faster_than_agreed():
    fast, now, pauses = Pace(longest=5.0), 10.0, []
    fast.begin(50, now)
    for pending in (4, 50, 4, 3, 2, 1):
        pauses.append(fast.pause(now, pending))
        now += pauses[-1]
    assert pauses == pytest.approx([0.05, 0.05, 0.1, 0.2, 0.25, 0.25])
    calm = Pace(longest=5.0, soonest=SHORTEST_PAUSE)
    calm.begin(9, 10.0)
    assert [calm.pause(10.0, 9), calm.pause(10.25, 1)] == [SHORTEST_PAUSE, SHORTEST_PAUSE]


@given(
    st.floats(0.3, 60),
    st.lists(st.tuples(st.floats(0, 1e4), st.integers(0, 10_000)), min_size=1, max_size=30),
)
def test_a_pause_is_never_shorter_nor_longer_than_agreed(longest, looks):
    pace = Pace(longest)
    now = 0.0
    for passed, pending in looks:
        now += passed
        assert FIRST_LOOK <= pace.pause(now, pending) <= max(longest, SHORTEST_PAUSE)


def test_where_it_is_known_how_long_it_should_take_the_first_pause_is_most_of_it():
    pace = Pace(longest=8.0, shortest=0.8, each=0.02)
    assert pace.begin(300, 0.0) == pytest.approx(6.0)
    assert pace.pause(2.0, 300) == pytest.approx(PAUSE_SHARE * 4.0)
    assert pace.pause(4.0, 150) == pytest.approx(PAUSE_SHARE * 2.0)  # what was seen since says two seconds
    assert pace.pause(5.9, 10) == 0.8
    pace.each = 1.0
    pace.begin(300, 10.0)
    assert pace.pause(10.0, 300) == 8.0


def test_the_next_batch_should_take_as_long_for_each_as_the_last():
    took = Pace(longest=5.0)
    assert took.begin(100, 0.0) == 0.0, "it is not known yet"
    assert took.left(0, 20.0) == 20.0
    assert took.begin(200, 20.0) == 40.0
    assert took.left(0, 40.0) == 20.0
    assert took.begin(100, 50.0) == 10.0
    assert took.begin(10_000, 50.0) == BATCH_SECONDS
    took.each = 60.0
    assert took.begin(TRICKLE - 1, 60.0) == 0.0, "a few are looked at as if it were not known"


def test_a_small_batch_tells_that_the_next_takes_no_less_and_short_waits_are_not_foretold():
    took = Pace(longest=5.0)
    took.begin(FIRST_BATCH, 0.0)
    took.left(0, 2.0)
    assert took.left(0, 60.0) == 0.0, "nothing was on its way"
    assert took.begin(FIRST_BATCH * GROWTH, 60.0) == 2.0
    took.begin(FIRST_BATCH, 60.0)
    took.left(0, 60.9)
    assert took.begin(FIRST_BATCH * GROWTH, 61.0) == 0.0
    assert took.begin(100, 61.0) >= WORTH_EXPECTING


def test_half_of_it_tells_the_pace_whatever_keeps_the_rest():
    took = Pace(longest=5.0)
    took.begin(100, 0.0)
    assert took.left(60, 4.0) == 4.0
    assert took.each == 0.0
    took.left(40, 6.0)
    assert took.begin(50, 6.0) == 5.0
    took.left(1, 1000.0)
    assert took.each == pytest.approx(994 / 49)
