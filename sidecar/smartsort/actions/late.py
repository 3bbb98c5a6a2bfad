"""The stage that joins what came later to the photo it belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from sqlite_utils import Database

from smartsort.actions.join import join, waiting
from smartsort.actions.rearrange import Rearrange
from smartsort.files.hashing import sha256_of
from smartsort.files.takeout import read_takeout
from smartsort.ledger import arrangement, photos, shots, takeout
from smartsort.ledger.arrangement import Arrangement
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Member
from smartsort.pipeline.context import Context

LATE_SECONDS = 60.0
"""Between two looks for what came later and could not be joined."""


class JoinLate:
    """Carries out what `smartsort.pipeline.late` found out."""

    def __init__(self, context: Context) -> None:
        self._context, self._rearrange = context, Rearrange(context)

    async def step(self) -> float:
        """Join all there is; seconds until the next look. Raises StorageError (a folder is at fault)."""
        ledger = self._context.ledger
        async with self._context.arranging:
            ids = await ledger.aread(shots.to_be_joined)
            if ids:
                before = await asyncio.to_thread(self._read, ids)
                rows = await ledger.aread(lambda db: photos.by_ids(db, ids))
                await self._rearrange.run([join(photo, before[photo.id]) for photo in rows], "smartsort")
        return LATE_SECONDS

    def _read(self, ids: list[int]) -> Mapping[int, Arrangement]:
        """Runs in a worker thread: the photos as they are, with the digests of what came later."""
        context = self._context
        found = context.ledger.read(lambda db: arrangement.read(db, ids))
        late = [name for before in found.values() for name in waiting(before)]
        read = [n._replace(sha256=sha256_of(context.absolute(n))) for n in late if n.sha256 is None]
        beside = [n for n in late if n.member is Member.TAKEOUT]
        said = {n.photo_id: one for n in beside if (one := read_takeout(context.absolute(n)))}
        at = context.clock.text()

        def write(db: Database) -> dict[int, Arrangement]:
            photos.apply(db, [Change(n.photo_id, names_added=(n,)) for n in read], at)
            takeout.put(db, said)
            return arrangement.read(db, ids)

        return context.ledger.write(write)
