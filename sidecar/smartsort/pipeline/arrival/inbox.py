"""The watched inbox: scan, wait until files are at rest, claim them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from smartsort.core.model import State
from smartsort.errors import SmartsortError, StorageError
from smartsort.files.ignore import Ignore
from smartsort.files.inbox import Entry, InboxScan, scan_inbox
from smartsort.files.settling import REST_SECONDS, SettleTracker
from smartsort.files.shown import shown
from smartsort.files.takeout import title_of
from smartsort.files.watch import hints
from smartsort.files.writers import is_finished, open_for_writing
from smartsort.ledger.records import Photo
from smartsort.pipeline.arrival.claim import Claimer, Offered, offer_of
from smartsort.pipeline.arrival.late import Latecomers, Sorted
from smartsort.pipeline.arrival.refusals import Refusals
from smartsort.pipeline.engine.context import Context

log = logging.getLogger(__name__)

_RECHECK_SHARE = 2
"""While files settle they are looked at this often per quiet time, or more often."""

_LATER_SECONDS = 2.0
"""Between two looks while the photo is on its way that something in the inbox belongs to."""

SLOWEST_BYTES = 5_000_000
"""Bytes in a second that the slowest disk copies."""


class InboxStage:
    """Claims what has come to rest in the inbox. Events are hints. The scan is the truth."""

    def __init__(self, context: Context, claimer: Claimer) -> None:
        self._context, self._claimer = context, claimer
        tuning = context.tuning
        self.ignore = Ignore(tuning.ignore)
        self._tracker = SettleTracker(
            settle_seconds=tuning.settle_seconds,
            companion_wait_seconds=tuning.companion_wait_seconds,
            second_look_seconds=min(1.0, tuning.settle_seconds),
            is_finished=is_finished,
            read_metadata=lambda path: context.decoders.metadata([path])[0],
            read_title=title_of,
        )
        self._late = Latecomers(context)
        self._hint = asyncio.Event()
        self._told: set[str] = set()
        self.refusals = Refusals()
        self.waiting = 0
        """Files that are not at rest yet, as of the last look."""
        self.unheard = ""
        """Why changes in the inbox are not heard of at once, "" while they are."""
        self.looked_at = context.clock.monotonic()
        """When the last look was over (monotonic)."""
        self.resting_since: dict[str, float] = {}
        """Files at rest that are not claimed yet, and since when (monotonic)."""
        self.busy_until = context.clock.monotonic()
        """Until then a look may take, for what it has to claim (monotonic)."""
        self.left_over: tuple[str, ...] = ()
        """Side files without a photo, which stay in the inbox."""

    async def listen(self, stop: asyncio.Event) -> None:
        """Turn the file system's events into hints until `stop` is set."""
        async for hint in hints(self._context.layout.inbox, stop, self._context.tuning.polling):
            self.unheard = "" if self._context.tuning.polling else hint.unheard
            self._hint.set()

    async def step(self) -> float:
        """Look once and claim what rests. Seconds until the next look is due (a hint shortens it).

        Raises StorageError for a folder that takes nothing.
        """
        await asyncio.to_thread(self._context.placer.guard)  # noticed here also when nothing else goes on
        scan = await asyncio.to_thread(scan_inbox, self._context.layout.inbox, self.ignore)
        self._tell(scan)
        look = await asyncio.to_thread(self._tracker.look, scan.entries)
        there = (*(arrival.photo for arrival in look.settled), *look.orphans)
        self.refusals.keep({entry.path for entry in there})
        await self._claimer.recover_open_claims()
        late = await asyncio.to_thread(self._late.sort, look.settled, look.orphans, look.news)
        self._tell_left(late.left, look.news)
        offered, held = await asyncio.to_thread(self._offers, late)
        now, size = self._context.clock.monotonic(), sum(each.stamp.size for each in offered)
        self.busy_until = now + size / SLOWEST_BYTES
        resting = [each.photo.path for each in late.own if not self._is_claimed(each.photo)]
        self.resting_since = {path: self.resting_since.get(path, now) for path in resting}
        results = await self._claimer.claim(offered) if offered else []
        refused = self._note(offered, results)
        joining = await self._join(late.joining)
        self.looked_at = self._context.clock.monotonic()
        soon = look.waiting + held + joining
        self.waiting = soon + late.later + len(self.refusals)
        if refused is not None:
            raise refused
        tuning = self._context.tuning
        settling = min(REST_SECONDS, tuning.settle_seconds / _RECHECK_SHARE)
        again = min(tuning.scan_interval_seconds, self.refusals.pause(self._context.clock.monotonic()))
        if late.later:
            again = min(again, _LATER_SECONDS)
        return await self._pause(settling if soon or offered else again)

    def _note(
        self, offered: Sequence[Offered], results: Sequence[Photo | SmartsortError]
    ) -> StorageError | None:
        """Remember the files that were refused. The error of a folder that takes nothing."""
        now = self._context.clock.monotonic()
        folder: StorageError | None = None
        for offer, result in zip(offered, results, strict=True):
            if isinstance(result, StorageError):
                folder = folder or result
            elif isinstance(result, SmartsortError) and self.refusals.note(offer.path, str(result), now):
                log.warning("left in the inbox for now: %s", result)
        return folder

    async def _join(self, offered: Sequence[Offered]) -> int:
        """Take over what belongs to photos that are there already. How many files may follow soon."""
        now = self._context.clock.monotonic()
        soon = 0
        for one in offered:
            if self._is_claimed(one) or self.refusals.waits(one.path, now):
                continue
            if open_for_writing(one.path) or not await asyncio.to_thread(self._late.is_whole, one):
                soon += 1
                continue
            try:
                results = await self._claimer.claim([one])
            except StorageError:
                raise
            except SmartsortError as problem:  # somebody was faster with that photo
                results = [problem]
            refused = self._note([one], results)
            if refused is not None:
                raise refused
            if isinstance(results[0], Photo):
                self._context.wakeups.notify(State.FILED, State.REVIEW)
        return soon

    async def _pause(self, seconds: float) -> float:
        """Wait for a hint here, so that a file that comes meanwhile is seen at once."""
        try:
            await asyncio.wait_for(self._hint.wait(), seconds)
        except TimeoutError:
            return 0.0
        self._hint.clear()
        return 0.0

    def wake(self) -> None:
        """Look at once."""
        self._hint.set()

    def _offers(self, late: Sorted) -> tuple[list[Offered], int]:
        """Return what can be claimed, and the number of photos that a slow writer still has open."""
        offers: list[Offered] = []
        held = 0
        now = self._context.clock.monotonic()
        for arrival in late.own:
            photo = arrival.photo
            if self.refusals.waits(photo.path, now):
                continue
            if self._is_claimed(photo):
                continue
            offer = offer_of(arrival, shown(photo.source) or "inbox")
            if any(open_for_writing(path) for path in offer.media):
                held += 1  # quiet, but not done
                continue
            offers.append(replace(offer, older=late.older.get(photo.path, ())))
        return offers, held

    def _tell_left(self, left: Sequence[Entry], news: Sequence[Entry]) -> None:
        """Say once which side files stay."""
        for orphan in left:
            if orphan in news:
                log.warning("%s is no photo and belongs to none: it stays in the inbox", shown(orphan.path))
        self.left_over = tuple(shown(orphan.path) for orphan in left)

    def _is_claimed(self, entry: Entry | Offered) -> bool:
        """Return whether it was taken and only its name could not be removed."""
        return (entry.path, entry.stamp.inode, entry.stamp.mtime_ns) in self._claimer.stuck

    def _tell(self, scan: InboxScan) -> None:
        """Say once what is left alone and will not go away by itself."""
        now = {left.path: left.why for left in scan.left if not left.temporary}
        for path in now.keys() - self._told:
            log.warning("%s is left alone: %s", shown(path), now[path])
        self._told = set(now)
