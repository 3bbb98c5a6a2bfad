"""How long would a photo wait that is dropped now? Told from how long the last ones did. Pure arithmetic."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import datetime, timedelta

SAMPLE = 60
"""Photos looked at."""

RECENT = timedelta(minutes=3)
"""A pace is only believed when photos were sorted in the last minutes."""


def estimated_wait_seconds(
    waits: Sequence[tuple[datetime, datetime]], unfinished: int, now: datetime
) -> float | None:
    """Seconds until a photo dropped now is sorted, None when there is nothing to tell it from.

    `waits` are (arrived, routed) of the last photos Immich recognised, newest first; `unfinished` are
    photos before it. Without a backlog it is the median of the quick half of those waits, as the slow half
    stood in a queue itself. With one, the backlog goes at the pace of the last minutes.
    """
    if not waits:
        return None
    seconds = sorted(max(0.0, (routed - arrived).total_seconds()) for arrived, routed in waits)
    alone = statistics.median(seconds[: (len(seconds) + 1) // 2])
    if unfinished == 0:
        return alone
    recent = [routed for _, routed in waits if now - routed <= RECENT]
    if len(recent) < 2:
        return None
    # From the first of them to now: a pipeline that stands still makes the pace slower and slower.
    elapsed = max((now - min(recent)).total_seconds(), 0.001)
    return max(alone, unfinished * elapsed / len(recent))
