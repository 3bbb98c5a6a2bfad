"""How many photos to hand Immich at once, and how long to wait between two looks. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_BATCH = 8
"""Small, because Immich assigns nobody while any thumbnail or detection job is active: the first photos
of a big delivery should not wait for the last."""

GROWTH = 3
"""A batch is at most this many times as large as the one before."""

BATCH_SECONDS = 30.0
"""How long a batch should keep Immich busy. Long enough to lose next to nothing between two batches, short
enough that nobody waits long for a photo that is recognised but whose batch is not through."""

FIRST_LOOK = 0.05
"""Seconds from placing a batch to the first look at it: a fast server may be done by then."""

SHORTEST_PAUSE = 0.25
"""Seconds between two looks when the end is near."""


@dataclass(slots=True)
class Batches:
    """The bounded number of photos in flight, found by measuring the server's pace.

    It starts small, grows until a batch takes `BATCH_SECONDS` and follows the pace from there, never above
    `limit`; once the backlog is gone it starts small again. Times are monotonic seconds.
    """

    limit: int
    size: int = FIRST_BATCH
    _batch: tuple[float, int] | None = None

    def room(self, in_flight: int, waiting: int) -> int:
        """How many of `waiting` photos may be placed now.

        A trickle goes straight through. Of a backlog the next batch starts when the last is recognised,
        because photos that keep coming keep recognition from starting.
        """
        if in_flight == 0:
            return min(waiting, self.size, self.limit)
        if in_flight + waiting <= min(FIRST_BATCH, self.limit):
            return waiting
        return 0

    def placed(self, count: int, backlog: int, now: float) -> None:
        """Note that `count` photos were placed `now` and `backlog` are still to come."""
        if backlog == 0:
            self.size, self._batch = FIRST_BATCH, None
        elif count >= min(self.size, self.limit):
            self._batch = (now, count)

    def through(self, now: float) -> None:
        """Note that nothing is in flight any more: the last batch tells what the next should be."""
        if self._batch is None:
            return
        since, count = self._batch
        wanted = count * BATCH_SECONDS / max(now - since, 0.001)
        self.size = max(FIRST_BATCH, min(self.limit, count * GROWTH, round(wanted)))
        self._batch = None


@dataclass(slots=True)
class LookPace:
    """When to look at Immich's queues next, from how fast they empty.

    Half of what the rest seems to take at the pace seen so far, never more than `longest` seconds and never
    less than `SHORTEST_PAUSE`; less than that, but not than `soonest`, only in the first moments, because a
    fast server is through with a small batch by then. So a long wait costs few calls and its end is noticed
    at once.
    """

    longest: float
    soonest: float = FIRST_LOOK
    _first: tuple[float, int] | None = None

    def restart(self) -> None:
        """A new batch is on its way: forget the pace of the last."""
        self._first = None

    def pause(self, now: float, pending: int) -> float:
        """Seconds until the next look, given the jobs pending `now` (monotonic)."""
        if self._first is None or pending > self._first[1]:
            self._first = (now, pending)
            return self.soonest
        since, at_first = self._first
        done = at_first - pending
        remaining = pending * (now - since) / done if done > 0 else now - since
        shortest = min(SHORTEST_PAUSE, max(self.soonest, now - since))
        return min(self.longest, max(shortest, remaining / 2))
