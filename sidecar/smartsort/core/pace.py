"""How many photos to hand Immich at once, and how long to wait between two looks. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_BATCH = 4
"""Small, because Immich assigns nobody while any thumbnail or detection job is active: the first photos
of a big delivery should not wait for the last."""

FIRST_BATCH_SECONDS = 10.0
"""How long everything else makes way for it at most."""

TRICKLE = 8
"""So many photos are no batch: they are handed over as they come, at once."""

GROWTH = 3
"""A batch is at most this many times as large as the one before."""

BATCH_SECONDS = 45.0
"""How long a batch should keep Immich busy. Long enough to lose next to nothing between two batches and to
make a look at its queues, some twenty calls, cheap. Short enough that nobody waits long for a photo that is
detected but whose batch is not through."""

FIRST_LOOK = 0.05
"""Seconds from placing a batch to the first look at it: a fast server may be done by then."""

SHORTEST_PAUSE = 0.25
"""Seconds between two looks when the end is near."""


@dataclass(slots=True)
class Batches:
    """The bounded number of photos in flight, found by measuring the server's pace.

    It starts small, grows until a batch takes `BATCH_SECONDS` and follows the pace from there, never above
    `limit`. Once the backlog is gone it starts small again. Times are monotonic seconds.
    """

    limit: int
    size: int = FIRST_BATCH
    _batch: tuple[float, int] | None = None

    def room(self, in_flight: int, waiting: int) -> int:
        """Return how many of `waiting` photos may be placed now.

        A trickle goes straight through. Of a backlog the next batch starts when the last is recognised,
        because photos that keep coming keep recognition from starting.
        """
        if in_flight + waiting <= min(TRICKLE, self.limit):
            return waiting
        if in_flight == 0:
            return min(waiting, self.size, self.limit)
        return 0

    def placed(self, count: int, backlog: int, now: float) -> None:
        """Note that `count` photos were placed `now` and `backlog` are still to come."""
        if backlog == 0:
            self.size, self._batch = FIRST_BATCH, None
        elif count >= min(self.size, self.limit):
            self._batch = (now, count)

    @property
    def next_at_most(self) -> int:
        """The most photos that the next batch may take."""
        return min(self.limit, self.size * GROWTH)

    def first_under_way(self, now: float) -> bool:
        """True while Immich has the first few photos of a backlog: somebody may be waiting for just these.

        Not for long: a server that is away or at work for others holds up nothing but its own photos.
        """
        return (
            self._batch is not None
            and self.size == FIRST_BATCH
            and now - self._batch[0] < FIRST_BATCH_SECONDS
        )

    def through(self, now: float) -> None:
        """Note that nothing is in flight any more: the last batch tells what the next should be."""
        if self._batch is None:
            return
        since, count = self._batch
        wanted = count * BATCH_SECONDS / max(now - since, 0.001)
        self.size = max(FIRST_BATCH, min(self.limit, count * GROWTH, round(wanted)))
        self._batch = None


PAUSE_SHARE = 0.6
"""Of what the rest seems to take, how much passes before the next look."""

EXPECTED_SHARE = 0.7
"""Of the time a batch should take, how much passes before the first look."""

WORTH_EXPECTING = 1.0
"""Seconds. What should be done sooner is looked at as if it were not known."""

PATIENCE_SHARE = 0.01
"""Of the time a batch was on its way, how long its end may go unnoticed, at least `SHORTEST_PAUSE`."""

FOLLOWING_SHARE = 0.04
FOLLOWING_SECONDS = 0.45
"""As many seconds, or this share of the time a batch was in detection, may pass between two looks at its
recognition: photos become final one by one then, and whoever waited long can wait for a moment more."""


@dataclass(slots=True)
class Pace:
    """When to look at Immich's queues next, from how fast they empty and how long the last batch took.

    A pause is most of what the rest seems to take, never more than `longest` seconds and never less than
    `shortest`. Less than that, but not than `soonest`, only in the first moments, because a fast server is
    through with a small batch by then. So a long wait costs few calls and its end is noticed at once. Times
    are monotonic seconds.
    """

    longest: float
    soonest: float = FIRST_LOOK
    shortest: float = SHORTEST_PAUSE
    each: float = 0.0
    """Seconds per piece of the last batch, 0 before one is through."""
    _since: float = 0.0
    _count: int = 0
    """What began then and is not half over."""
    _ends: float = 0.0
    _first: tuple[float, int] | None = None

    def begin(self, count: int, now: float) -> float:
        """So many are on their way from now on: the seconds this should take, 0 when it is not known.

        Never more than a batch may take: the server was at work for others, and may not be any more.
        """
        self._since, self._count, self._first = now, count, None
        expected = min(self.each * count, BATCH_SECONDS) if count >= TRICKLE else 0.0
        expected = expected if expected >= WORTH_EXPECTING else 0.0
        self._ends = now + expected
        return expected

    def left(self, count: int, now: float) -> float:
        """So many are left of what began: the seconds it took so far, 0 when nothing was on its way.

        Half of it tells what a piece takes, because the last few may be kept waiting by something else. A
        small batch tells only that the next one, which is larger, takes no less.
        """
        took, began = now - self._since, self._count
        if not began:
            return 0.0
        if 2 * count <= began:
            self.each = took / max(began - count, FIRST_BATCH * GROWTH)
            self._count = 0
        return took

    def pause(self, now: float, pending: int) -> float:
        """Return seconds until the next look, given the jobs pending `now`."""
        shortest = min(self.shortest, max(self.soonest, now - self._since))
        if self._first is None or pending > self._first[1]:
            self._first = (now, pending)
            pause, self._ends = PAUSE_SHARE * (self._ends - now), now
            return max(shortest, min(self.longest, pause))
        since, at_first = self._first
        done = at_first - pending
        pause = PAUSE_SHARE * pending * (now - since) / done if done > 0 else (now - since) / 2
        return max(shortest, min(self.longest, pause))
