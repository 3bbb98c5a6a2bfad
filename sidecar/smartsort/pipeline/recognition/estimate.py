"""How long would a photo wait that is dropped now? Told from how long the last ones did. Pure arithmetic."""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

SAMPLE = 1000
"""Photos looked at."""

ALONE = 10
"""Of these, photos that had the fewest others before them."""

RECENT = timedelta(minutes=3)
"""A pace is only believed when photos were sorted in the last minutes."""

Wait = tuple[datetime, datetime]
"""When a photo arrived and when it was sorted."""


def estimated_wait_seconds(
    waits: Sequence[Wait], unfinished: int, now: datetime, oldest: datetime | None = None
) -> float | None:
    """Return seconds until a photo dropped now is sorted, None when there is nothing to tell it from.

    `waits` are the last `SAMPLE` photos Immich recognised, newest first. `unfinished` are photos before it,
    the `oldest` of which arrived then. Without a backlog it is how long photos took that had nobody before
    them. With one, the backlog goes at the pace of the last minutes.
    """
    alone = _alone(waits)
    if unfinished == 0:
        return alone
    recent = [wait for wait in waits if now - wait[1] <= RECENT]
    if len(recent) < 2:
        return None
    # A pipeline that stands still makes the pace slower and slower, one that has nothing to do does not.
    begin = min(routed for _, routed in recent)
    working = max(_covered([*recent, (oldest or begin, now)], begin), 0.001)
    return max(alone or 0.0, unfinished * working / len(recent))


def _alone(waits: Sequence[Wait]) -> float | None:
    """Return the median wait of those with the fewest others sorted between their arrival and their own turn.

    A large delivery says little about one photo: most of its photos stood in line.
    """
    routed = sorted(routed for _, routed in waits)
    told = [
        (bisect_right(routed, end) - bisect_right(routed, arrived), (end - arrived).total_seconds())
        for arrived, end in waits
        # Of a full sample's oldest it is not known who was before them.
        if len(waits) < SAMPLE or arrived >= routed[0]
    ]
    return statistics.median(max(0.0, seconds) for _, seconds in sorted(told)[:ALONE]) if told else None


def _covered(times: Iterable[Wait], begin: datetime) -> float:
    """Return seconds since `begin` in which at least one of these was going on."""
    total, reached = 0.0, begin
    for start, end in sorted(times):
        if end > reached:
            total += (end - max(start, reached)).total_seconds()
            reached = end
    return total
