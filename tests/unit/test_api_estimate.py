"""The estimate people are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from smartsort.pipeline.recognition.estimate import SAMPLE, estimated_wait_seconds

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def waits(*pairs: tuple[float, float]) -> list[tuple[datetime, datetime]]:
    """(seconds since it was sorted, seconds it took), newest first."""
    return [
        (NOW - timedelta(seconds=ago + took), NOW - timedelta(seconds=ago)) for ago, took in sorted(pairs)
    ]


def test_nothing_is_made_up() -> None:
    assert estimated_wait_seconds([], 0, NOW) is None
    assert estimated_wait_seconds([], 5, NOW) is None
    assert estimated_wait_seconds(waits((3600, 2), (3700, 2)), 5, NOW) is None, "an hour ago is no pace"


def test_without_a_backlog_it_is_what_photos_took() -> None:
    assert estimated_wait_seconds(waits((9000, 3)), 0, NOW) == 3
    assert estimated_wait_seconds(waits((600, 2), (500, 9), (400, 3)), 0, NOW) == 3


def test_a_backlog_goes_at_the_pace_of_the_last_minutes() -> None:
    ten_in_ten_seconds = waits(*((float(n), 2.0) for n in range(1, 11)))
    assert estimated_wait_seconds(ten_in_ten_seconds, 100, NOW) == pytest.approx(100)
    later = NOW + timedelta(seconds=60)
    stuck = estimated_wait_seconds(ten_in_ten_seconds, 100, later, NOW)
    assert stuck is not None
    assert stuck > 600, "who stands still does not get faster by waiting"


def delivered(
    count: int, ago: float, each: float = 0.2, first: float = 3.0
) -> list[tuple[datetime, datetime]]:
    """A delivery at once, sorted one after the other; the last one so many seconds ago. Newest first."""
    arrived = NOW - timedelta(seconds=ago + first + each * (count - 1))
    took = [first + each * number for number in range(count)]
    return [(arrived, arrived + timedelta(seconds=seconds)) for seconds in reversed(took)]


def test_a_delivery_does_not_make_the_next_photo_slow() -> None:
    """Its last photos took a minute, because 299 were before them."""
    assert estimated_wait_seconds(delivered(300, ago=5), 0, NOW) == pytest.approx(3.9)
    single = waits((600.0, 2.9), (900.0, 3.1), (1200.0, 3.0))
    found = estimated_wait_seconds([*delivered(300, ago=5), *single], 0, NOW)
    assert found is not None
    assert found < 5
    assert estimated_wait_seconds(delivered(SAMPLE, ago=5)[: SAMPLE - 1], 0, NOW) is not None
    assert estimated_wait_seconds(delivered(2 * SAMPLE, ago=5)[:SAMPLE], 0, NOW) is None, "all stood in line"


def test_a_pause_does_not_make_the_pace_slow() -> None:
    paused = delivered(100, ago=150)
    found = estimated_wait_seconds(paused, 5, NOW, NOW - timedelta(seconds=1))
    assert found is not None
    assert found < 5
