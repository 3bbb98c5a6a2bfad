"""When is Immich asked what about the photos in flight? A state machine without I/O and without a clock.

`receive` takes an event, `commands` gives what to do next; `smartsort.core.recogniser_messages` has both. The
way of a photo, with the event that moves it:

    placed --Resolved--> known --Looked--> detected --Listed--> through --FacesRead--> final --Concluded-->
                           ^                  ^                    |                     |
                           |                  |                    |                     | Tried: recognition
                           |                  +--------------------|---------------------+ goes on for it
                           |                                       | Shown, FacesRead: nobody on it
                           |  Answered: in doubt, after a rest     v
                           +----------------------------------- gathered --Answered: no face----Concluded-->

"Detected" and the answer are proofs (`smartsort.core.completion`), and so is "through"
(`smartsort.core.flight`). Counts are a hint and choose the moment of a look. A failed command proves nothing,
and what was due stays due. A restart forgets all of this: it costs calls, and every proof is made again.

This half waits for Immich; `smartsort.core.filing` is the half from "through" on.
"""

from __future__ import annotations

from collections import deque
from functools import singledispatchmethod

from smartsort.core import recogniser_messages as message
from smartsort.core.completion import CHAIN, RECOGNITION, QueueCount, QueueCounts, pending
from smartsort.core.filing import FEW, Filing, Limits
from smartsort.core.flight import Flight, InFlight, ids
from smartsort.core.pace import (
    EXPECTED_SHARE,
    FIRST_LOOK,
    FOLLOWING_SECONDS,
    FOLLOWING_SHARE,
    PATIENCE_SHARE,
    SHORTEST_PAUSE,
    Pace,
)

BLOCKED_SECONDS = 30.0
"""Until recognition is listed again that seems to wait for the next photos. Sooner when these are done."""

LOOKS_PER_SCAN = 3
"""Looks on an idle server that do not find a photo before its shard is scanned again: the scan missed it or
never ran."""

MOST_WAITS = 2
"""Looks that a search for photos that are done may wait for the others."""

_OTHERS_TRAFFIC = 3
"""More pending jobs than this many per waiting photo are other users' jobs. Then counts never reach zero and
looks are made on the clock."""

_NOT_IMPORTED = "Immich scanned the library and did not import it"


class Recogniser:
    """Decides when Immich is asked what, and which photos are done. Times are monotonic seconds.

    Whenever a sleep is over, tell it first what is `Waiting`. Then carry out its commands and give the answer
    of each, or `Failed`, to `receive`, until it wants to sleep.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._reset()

    def _reset(self) -> None:
        """No photo is in flight."""
        self._flight = Flight()
        self._filing = Filing(self._flight, self._limits)
        self.counts: QueueCounts = {}
        """The queue counts last seen while photos wait: what users see of the wait."""
        self.let_through: frozenset[int] = frozenset()
        """Photos recognition has begun with: the next batch may follow them."""
        self._queue: deque[message.Command] = deque()
        self._detection = Pace(longest=self._limits.wait_seconds)
        self._recognition = Pace(longest=FOLLOWING_SECONDS, soonest=SHORTEST_PAUSE)
        self._counts_due = self._faces_due = self._looked_at = 0.0
        self._upstream = 0
        """Pending jobs before recognition, as last counted."""
        self._left = 0
        """Faces that photos in recognition waited for when it was last listed."""
        self._progress = False
        """Some of them have left since who is on these photos was last searched."""
        self._waited = 0
        """So many times that search has waited for others."""

    def is_resting(self, photo_id: int) -> bool:
        """Return True for a photo that shows nobody and is asked about later, together with others."""
        return any(p.id == photo_id for p in self._flight.gathered) and not self._filing.overdue

    def commands(self, now: float) -> tuple[message.Command, ...]:
        """Return what to do next. Several are carried out side by side and answered in their order."""
        self._flight.now = now
        commands = (self._queue.popleft(),) if self._queue else self._filing.commands()
        if self._filing.stuck:
            self.let_through = frozenset()
        elif not self._filing.may_ask:
            self.let_through = frozenset(p.id for p in self._flight.photos.values() if p.left is not None)
        return commands or (self._filing.probe() or self._due(),)

    def _due(self) -> message.Command:
        """Look at whatever it is time for, or sleep until then."""
        flight = self._flight
        if not flight.photos:
            return message.Sleep(None)
        due = [p.rests_until for p in flight.photos.values() if p.rests_until > flight.now]
        if flight.detected:
            if flight.now >= self._faces_due:
                return message.ListFaces()
            due.append(self._faces_due)
        if flight.undetected:
            if flight.now >= self._counts_due:
                return message.TakeCounts()
            due.append(self._counts_due)
        # None due: photos that show nobody are left, and others about to follow.
        return message.Sleep(min(due, default=flight.now + SHORTEST_PAUSE), self._filing.stuck)

    # --- events ------------------------------------------------------------------------------------

    def receive(self, event: message.Event, now: float) -> None:
        """Take in what happened."""
        self._flight.now = now
        self._receive(event)

    @singledispatchmethod
    def _receive(self, event: message.Event) -> None:
        self._filing.receive(event)

    @_receive.register
    def _waiting(self, event: message.Waiting) -> None:
        """New photos have just been handed to Immich, or smartsort has started."""
        if not event.photos:
            self._reset()
            return
        self._filing.backlog = event.backlog
        new, now = self._flight.update(event.photos), self._flight.now
        if new:
            expected = self._detection.begin(new, now)
            self._detection.shortest = max(SHORTEST_PAUSE, PATIENCE_SHARE * expected)
            self._counts_due, self._upstream = now + EXPECTED_SHARE * expected, new
            self._queue.append(message.Sleep(now + FIRST_LOOK, self._filing.stuck))

    @_receive.register
    def _counted(self, event: message.Counted) -> None:
        """Nothing upstream of recognition: time for the proof."""
        flight, self.counts = self._flight, event.counts
        self._upstream = pending(self.counts) - self.counts.get(RECOGNITION, QueueCount()).pending
        others = self._upstream > _OTHERS_TRAFFIC * len(flight.undetected) + len(CHAIN)
        if self._upstream > 0 and not (others and flight.now - self._looked_at >= self._limits.wait_seconds):
            self._count_later()
            return
        placed = ids(p for p in flight.undetected if not p.asset)
        self._queue.append(message.Resolve(placed) if placed else message.TakeLook(ids(flight.undetected)))

    def _count_later(self) -> None:
        now = self._flight.now
        self._counts_due = now + self._detection.pause(now, max(self._upstream, 1))

    @_receive.register
    def _resolved(self, event: message.Resolved) -> None:
        """Look for the photos that have an asset, at once."""
        waiting = self._flight.undetected
        for photo in waiting:
            photo.asset = event.assets.get(photo.id, photo.asset)
        missing = [p for p in waiting if not p.asset]
        if missing and self._upstream == 0 and self._limits.scans:
            self._not_imported(missing)
        if len(missing) < len(waiting):
            self._queue.append(message.TakeLook(ids(waiting)))
        else:
            self._count_later()
            self._faces_due = min(self._faces_due, self._counts_due)

    def _not_imported(self, missing: list[InFlight]) -> None:
        """Immich is idle and does not know these: have it scan again, and give up in the end."""
        for photo in missing:
            photo.missed += 1
        most = LOOKS_PER_SCAN * (self._limits.max_retries + 1)
        if again := ids(p for p in missing if p.missed % LOOKS_PER_SCAN == 0):
            self._queue.append(message.Rescan(again))
        if given_up := [message.Conclusion(p.id, gave_up=_NOT_IMPORTED) for p in missing if p.missed > most]:
            self._queue.append(message.Conclude(tuple(given_up), {}))

    @_receive.register
    def _looked(self, event: message.Looked) -> None:
        """The proof. Its last listing tells about recognition."""
        flight = self._flight
        self._looked_at = flight.now
        waiting = {p.asset: p for p in flight.undetected if p.asset}
        over = event.look.detected(waiting)
        for asset in over:
            waiting[asset].detected = True
        if over:
            took = 0.0 if flight.undetected else self._detection.left(0, flight.now)
            longest = max(FOLLOWING_SECONDS, FOLLOWING_SHARE * took)
            self._recognition.longest = min(self._limits.wait_seconds, longest)
            self._recognition.soonest = max(SHORTEST_PAUSE, PATIENCE_SHARE * took)
            self._recognition.shortest = self._recognition.soonest
            self._listed(message.Listed(event.look.listings[-1]))
        if flight.undetected:
            self._count_later()

    @_receive.register
    def _listed(self, event: message.Listed) -> None:
        """File the photos whose faces have left recognition, one by one, while it goes on with the rest."""
        flight, now, last, more = self._flight, self._flight.now, event.listing, bool(self._flight.undetected)
        if not last.full:
            jobs = QueueCount(waiting=len(last.ids) + last.collective)
            self.counts = {**(self.counts if more else {}), RECOGNITION: jobs}
        fresh = flight.begin(last)
        if fresh:
            self._recognition.begin(len(last.ids), now)  # what went before was waiting for the queue-all
        waiting = [p for p in flight.detected if not p.through]
        begun = [p for p in waiting if p.left is not None]
        left = len(frozenset[str]().union(*(p.left for p in begun if p.left is not None)))
        moved, self._left = left != self._left, left
        if begun or not waiting:
            self._recognition.left(left, now)
        if not waiting:
            pause = SHORTEST_PAUSE
        elif more and last.collective and not moved and (len(begun) == len(waiting) or self._upstream):
            # Theirs are behind the queue-all of the photos in detection: listed when that is over.
            pause = BLOCKED_SECONDS
        else:
            pause = self._recognition.pause(now, left if len(begun) == len(waiting) else len(last.ids) + 1)
        self._faces_due = now + pause
        # A search for those that are done can wait a little, when the others are about to be.
        self._progress |= moved
        soon = len(begun) > FEW and (fresh or pause <= self._recognition.shortest)
        self._waited = self._waited + 1 if soon and self._waited < MOST_WAITS else 0
        worthwhile = self._progress and not self._waited
        self._progress &= not worthwhile
        self._filing.plan([p for p in flight.detected if p.through], begun if worthwhile else [])

    @_receive.register
    def _failed(self, event: message.Failed) -> None:
        """What was due is due again. What a folder lacks that cannot be scanned says nothing."""
        self._queue.clear()
        if isinstance(event.command, message.FILING):
            self._filing.stuck, self._faces_due = True, self._flight.now
            self._filing.forget_plans()
        elif isinstance(event.command, message.Rescan):
            for photo in self._flight.undetected:
                photo.missed -= not photo.asset
