"""The estimate people are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from smartsort.pipeline.estimate import estimated_wait_seconds

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
    burst = [(float(n), float(n)) for n in range(1, 41)]
    assert estimated_wait_seconds(waits(*burst), 0, NOW) == pytest.approx(10.5), "the last ones stood in line"


def test_a_backlog_goes_at_the_pace_of_the_last_minutes() -> None:
    ten_in_ten_seconds = waits(*((float(n), 2.0) for n in range(1, 11)))
    assert estimated_wait_seconds(ten_in_ten_seconds, 100, NOW) == pytest.approx(100)
    later = NOW + timedelta(seconds=60)
    stuck = estimated_wait_seconds(ten_in_ten_seconds, 100, later)
    assert stuck is not None
    assert stuck > 600, "who stands still does not get faster by waiting"
