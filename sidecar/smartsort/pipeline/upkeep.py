"""Work that no photo waits for: a backup of the ledger now and then."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from smartsort.files.shown import shown
from smartsort.ledger.backup import backup, backups, made_at, thin_out
from smartsort.pipeline.context import Context

log = logging.getLogger(__name__)

LONGEST_PAUSE = 3600.0


class Backups:
    """Copies the ledger on a schedule and keeps the newest few."""

    def __init__(self, context: Context, folder: str, interval_hours: float, keep: int) -> None:
        self._context, self._folder = context, folder
        self._interval, self._keep = timedelta(hours=interval_hours), keep

    async def step(self) -> float:
        """Make a backup if one is due; seconds until the next look. Raises StorageError, LedgerError."""
        if not self._interval:
            return LONGEST_PAUSE
        now = self._context.clock.now()
        done = [p for p in await asyncio.to_thread(backups, self._folder) if "-before-" not in p]
        due = made_at(done[0]) + self._interval if done else now
        if due <= now:
            path = await asyncio.to_thread(backup, self._context.ledger.path, self._folder, now)
            await asyncio.to_thread(thin_out, self._folder, self._keep)
            log.info("the ledger is backed up to %s", shown(path))
            due = now + self._interval
        return min(LONGEST_PAUSE, max(1.0, (due - now).total_seconds()))
