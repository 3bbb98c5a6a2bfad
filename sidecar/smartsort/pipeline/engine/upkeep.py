"""Work that no photo waits for: a backup of the ledger now and then, and memory given back."""

from __future__ import annotations

import asyncio
import ctypes
import logging
from collections.abc import Callable
from datetime import timedelta

from smartsort.files.shown import shown
from smartsort.ledger import photos
from smartsort.ledger.backup import GivenUp, backup, backups, damaged, made_at, thin_out
from smartsort.ledger.integrity import full_problem
from smartsort.pipeline.engine.context import Context

log = logging.getLogger(__name__)

LONGEST_PAUSE = 3600.0


class Backups:
    """Copies the ledger on a schedule and keeps the newest few."""

    def __init__(
        self,
        context: Context,
        folder: str,
        interval_hours: float,
        keep: int,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._context, self._folder, self._stopping = context, folder, stopping
        self._interval, self._keep = timedelta(hours=interval_hours), keep

    async def step(self) -> float:
        """Make a backup if one is due. Seconds until the next look. Raises StorageError, LedgerError."""
        if not self._interval:
            return LONGEST_PAUSE
        now = self._context.clock.now()
        done = [p for p in await asyncio.to_thread(backups, self._folder) if "-before-" not in p]
        due = made_at(done[0]) + self._interval if done else now
        if due <= now:
            ledger = self._context.ledger.path
            try:
                path = await asyncio.to_thread(backup, ledger, self._folder, now, give_up=self._stopping)
            except GivenUp:
                return LONGEST_PAUSE
            await asyncio.to_thread(thin_out, self._folder, self._keep)
            log.info("the ledger is backed up to %s", shown(path))
            due = now + self._interval
        return min(LONGEST_PAUSE, max(1.0, (due - now).total_seconds()))


CHECK_SECONDS = 24 * 3600.0
"""Between two full checks of the ledger."""


class Integrity:
    """Reads the ledger in full now and then: what is damaged is noticed before it is needed."""

    def __init__(self, context: Context, folder: str, stopping: Callable[[], bool] = lambda: False) -> None:
        self._context, self._folder, self._stopping = context, folder, stopping

    async def step(self) -> float:
        """Check the ledger. Return seconds until the next time. Raises LedgerError for a damaged one."""
        ledger = self._context.ledger
        problem = await asyncio.to_thread(full_problem, ledger.path, self._stopping)
        if problem is not None:
            error = await asyncio.to_thread(damaged, ledger.path, problem, self._folder)
            ledger.damaged = str(error)
            self._context.wakeups.notify_all()
            raise error
        return CHECK_SECONDS


TRIM_SECONDS = 20.0

MALLOC_TRIM: Callable[[int], object] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""Only the GNU C library has it."""


class Memory:
    """Gives memory back to the system while nothing is on its way.

    The ledger's connections keep what they have read, 8 MB with a large ledger, and the C library what was
    freed in the middle of its heap, for as long as the process lives. Idle decoders end in any case.
    """

    def __init__(self, context: Context, trim: Callable[[int], object] | None = MALLOC_TRIM) -> None:
        self._context, self._trim = context, trim

    async def step(self) -> float:
        """Trim if nothing is on its way. Return seconds until the next time."""
        await asyncio.to_thread(self._context.decoders.release, TRIM_SECONDS / 2)
        if not await self._context.ledger.aread(photos.in_progress):
            await asyncio.to_thread(self._give_back)
        return TRIM_SECONDS

    def _give_back(self) -> None:
        self._context.ledger.shrink()
        if self._trim is not None:
            self._trim(0)
