"""placed -> known -> routed: notice that Immich is done, by its REST API alone.

One watcher serves all waiting photos. A cheap count tells when a look is worth its calls; the look, read
upstream to downstream, is the proof (`smartsort.core.completion`). Then each photo costs one call: its faces.
"""

from __future__ import annotations

from collections.abc import Sequence

from smartsort.core.completion import CHAIN, RECOGNITION, Listing, QueueCount, QueueCounts, pending
from smartsort.core.model import State
from smartsort.ledger import photos
from smartsort.ledger.records import Photo
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.engine.runner import NothingProved
from smartsort.pipeline.recognition.detected import Detected
from smartsort.pipeline.recognition.pace import (
    EXPECTED_SHARE,
    FIRST_LOOK,
    FOLLOWING_SECONDS,
    FOLLOWING_SHARE,
    PATIENCE_SHARE,
    SHORTEST_PAUSE,
    Experience,
    LookPace,
)
from smartsort.pipeline.recognition.shelve import BACKLOG, Shelve

BLOCKED_SECONDS = 30.0
"""Until recognition is looked at again that seems to wait for the next photos; sooner when these are done."""

_OTHERS_TRAFFIC = 3
"""More pending jobs than this many per waiting photo are somebody else's: then counts never reach zero and
looks are made on the clock instead."""


class Recognise:
    """Waits for Immich, then has every finished photo decided and routed."""

    takes = (State.PLACED, State.KNOWN)

    def __init__(self, context: Context, shelve: Shelve, detected: Detected) -> None:
        self._context, self._shelve, self._detected = context, shelve, detected
        self._left_before = 0
        """Faces that photos in recognition waited for when it was last looked at."""
        self._detecting, self._recognising = Experience(), Experience()
        self._pace = LookPace(longest=context.tuning.wait_time_seconds)
        self._recognition_pace = LookPace(longest=FOLLOWING_SECONDS, soonest=SHORTEST_PAUSE)
        self._looked_at = 0.0
        self._counts_due = self._recognition_due = 0.0
        self._stuck = False
        """The last attempt to file photos failed."""
        self._batch: frozenset[int] = frozenset()
        self.counts: QueueCounts = {}
        """The queue counts last seen while photos wait; what people are told about the wait."""

    def is_resting(self, photo: Photo) -> bool:
        """True for a photo that shows nobody and is asked about later, together with others."""
        faceless = self._detected.faceless
        return photo in faceless and not faceless.overdue

    async def step(self) -> float | None:
        """Look once. Seconds until the next look, None when no photo is waiting.

        Raises ImmichError; the photos go on waiting.
        """
        pause = await self._step()
        # A look without an attempt to file says nothing about whether that works again.
        return NothingProved(pause) if pause is not None and self._stuck else pause

    async def _step(self) -> float | None:
        context = self._context
        if not context.enabled():
            self.counts = {}
            return None
        waiting = await context.ledger.aread(
            lambda db: photos.in_state(db, (State.PLACED, State.KNOWN), 4 * context.tuning.max_in_flight)
        )
        if not waiting:
            self._detected.clear()
            self._detecting, self._recognising = Experience(), Experience()
            self._batch = frozenset()
            self._shelve.let_through = frozenset()
            self._stuck = False
            self.counts = {}
            self._pace.restart()
            self._recognition_pace = LookPace(longest=FOLLOWING_SECONDS, soonest=SHORTEST_PAUSE)
            return None
        now = context.clock.monotonic()
        ids = frozenset(p.id for p in waiting)
        new = ids - self._batch
        self._batch = ids
        if new:
            expected = self._detecting.begin(len(new), now)
            rest = (1 - EXPECTED_SHARE) * expected
            self._pace.restart(rest, max(SHORTEST_PAUSE, PATIENCE_SHARE * expected))
            self._recognition_pace.restart(shortest=self._recognition_pace.shortest)
            self._counts_due = now + EXPECTED_SHARE * expected
            return FIRST_LOOK
        rests = {p.id: self._detected.faceless.resting_until(p) for p in waiting}
        awake = [p for p in waiting if rests[p.id] <= now]
        if not awake:
            return max(SHORTEST_PAUSE, min(rests.values()) - now)
        return await self._look(awake)

    async def _look(self, waiting: Sequence[Photo]) -> float:
        """Look at whatever it is time for; seconds until the next look."""
        context, ours = self._context, self._detected
        detected = [p for p in waiting if p.asset_id in ours.assets and p not in ours.faceless]
        others = [p for p in waiting if p.asset_id not in ours.assets]
        due: list[float] = []
        asking = ours.faceless.worth_asking and await self._may_ask(more=bool(others))
        if detected or asking:
            if asking or context.clock.monotonic() >= self._recognition_due:
                last = await context.server.recognition_jobs()
                await self._while_recognising(detected, last, more=bool(others))
            due.append(self._recognition_due)
        if others:
            if context.clock.monotonic() >= self._counts_due:
                self._counts_due = context.clock.monotonic() + await self._while_detecting(others)
            due.append(self._counts_due)
        # None due: photos that show nobody are left, and others about to follow.
        return max(0.0, min(due) - context.clock.monotonic()) if due else SHORTEST_PAUSE

    # --- waiting for detection ---------------------------------------------------------------

    async def _while_detecting(self, waiting: Sequence[Photo]) -> float:
        """See whether detection is over for some of these; seconds until it is worth another look."""
        context, ours = self._context, self._detected
        self.counts = await context.server.queue_counts()
        upstream = pending(self.counts) - self._recognition_pending()
        if upstream > 0 and not self._overdue(upstream, len(waiting)):
            return self._pace.pause(context.clock.monotonic(), upstream)

        known, missing = await ours.imports.resolve(waiting)
        if missing and upstream == 0:
            await ours.route(await ours.imports.not_imported(missing))
        if known:
            look = await context.server.look(await ours.libraries(waiting))
            self._looked_at = context.clock.monotonic()
            over = look.detected({p.asset_id for p in known if p.asset_id})
            finished = [p for p in known if p.asset_id in over]
            ours.assets |= {p.asset_id: p.id for p in finished if p.asset_id}
            if finished:
                more = len(finished) < len(waiting)
                took = self._detecting.left(0, self._looked_at) if not more else 0.0
                self._recognition_pace.restart(shortest=max(SHORTEST_PAUSE, PATIENCE_SHARE * took))
                self._recognition_pace.longest = min(
                    context.tuning.wait_time_seconds, max(FOLLOWING_SECONDS, FOLLOWING_SHARE * took)
                )
                await self._while_recognising(finished, look.listings[-1], more=more)
                if not more:
                    return max(0.0, self._recognition_due - context.clock.monotonic())
        return self._pace.pause(context.clock.monotonic(), max(upstream, 1))

    def _recognition_pending(self) -> int:
        count = self.counts.get(RECOGNITION)
        return count.pending if count else 0

    def _overdue(self, upstream: int, waiting: int) -> bool:
        """True when the counts cannot tell about our photos, because others' jobs are among them."""
        if upstream <= _OTHERS_TRAFFIC * waiting + len(CHAIN):
            return False
        return self._context.clock.monotonic() - self._looked_at >= self._context.tuning.wait_time_seconds

    # --- waiting for recognition -------------------------------------------------------------

    async def _while_recognising(self, detected: Sequence[Photo], last: Listing, *, more: bool) -> None:
        """Detection is over for these: file those whose faces are assigned while the rest goes on.

        `last` is what recognition has to do, read after the proof; Immich runs one job at a time. `more`
        tells that detection has other photos of ours.
        """
        ours, now = self._detected, self._context.clock.monotonic()
        if not last.full:
            jobs = QueueCount(waiting=len(last.ids) + last.collective)
            self.counts = {**(self.counts if more else {}), RECOGNITION: jobs}
        if ours.cohorts.note(ours.assets, last):
            # What went before was waiting for the queue-all.
            expected = self._recognising.begin(len(last.ids), now)
            self._recognition_pace.restart(expected, self._recognition_pace.shortest)
        may_ask = await self._may_ask(more=more)
        stuck = self._stuck
        if stuck:
            self._shelve.let_through = frozenset()  # nothing more is handed over while nothing can be filed
        elif not (may_ask and ours.faceless.worth_asking):
            self._let_through()
        self._stuck = True
        finished = [p for p in detected if ours.through(p)]
        others = [p for p in detected if not ours.through(p)]
        begun = [p for p in others if ours.cohorts.left(p.asset_id or "") is not None]
        left = ours.cohorts.waited_for(p.asset_id or "" for p in begun)
        moved, self._left_before = left != self._left_before, left
        if begun or not others:
            self._recognising.left(left, now)
        await ours.conclude(finished, begun if moved else [])
        if may_ask and ours.faceless.worth_asking and (not others or ours.faceless.overdue):
            await ours.ask_about_faceless()
        self._stuck = stuck and not finished
        if not self._stuck:
            self._let_through()
        now = self._context.clock.monotonic()
        if not others:
            left_over = [p for p in finished if p.asset_id in ours.assets and p not in ours.faceless]
            self._recognition_due = now + (SHORTEST_PAUSE if left_over else 0.0)
        elif more and last.collective and len(begun) == len(others) and not moved:
            # Theirs are behind the queue-all of the photos in detection: looked at when that is over.
            self._recognition_due = now + BLOCKED_SECONDS
        else:
            pending_faces = left if len(begun) == len(others) else len(last.ids) + 1
            self._recognition_due = now + self._recognition_pace.pause(now, pending_faces)

    def _let_through(self) -> None:
        """Tell the shelves which photos no longer keep recognition from starting: others may follow."""
        through = self._detected.cohorts.photo_ids
        if through - self._shelve.let_through:
            self._detected.ring_for_more()
        self._shelve.let_through = through

    async def _may_ask(self, *, more: bool) -> bool:
        """Whether now is the time for the question about photos that show nobody.

        Detection has to be idle for it, so the next batch is held back for that moment.
        """
        if more:
            return False
        backlog = await self._context.ledger.aread(lambda db: photos.count_in(db, *BACKLOG))
        return backlog == 0 or self._detected.faceless.overdue
