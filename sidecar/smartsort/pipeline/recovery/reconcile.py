"""After each start, and once a day: compares the library with Immich, by path.

Somebody may have deleted assets, or the library, while smartsort was away. A scan brings the files back under
other ids. A thousand photos are asked for in a call. Nothing is concluded from an id alone. Photos that came
since the start were with Immich a moment ago and are left out.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence

from sqlite_utils import Database

from smartsort.core.event_kinds import EventKind
from smartsort.core.model import AssetRef, State
from smartsort.files.shown import from_ledger
from smartsort.ledger import outbox
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area, NewEvent
from smartsort.pipeline.engine.context import Context

log = logging.getLogger(__name__)

BATCH = 1000
PAUSE_SECONDS = 0.2
_LOOK_SECONDS = 3600.0
_DAY_SECONDS = 86_400.0

_Row = tuple[int, str | bytes, str | None, int | None, str | None]

Forgotten = Callable[[Sequence[tuple[int, str, int]], Mapping[int, str]], Awaitable[set[int]]]
"""Is given photos that Immich has forgotten, and for each shard when its newest photo came that Immich knows.
Returns those that were deleted on purpose."""


class ReconcileStage:
    """Goes through the photos at rest in the background, while Immich answers."""

    def __init__(self, context: Context, forgotten: Forgotten) -> None:
        self._context, self._forgotten = context, forgotten
        self._over_at: float | None = None
        self._begin()
        self.changed = 0
        """Photos whose asset has another id now."""
        self.missing = 0
        """Photos in the library that Immich has no asset for. Their shards are scanned again."""

    def _begin(self) -> None:
        self._after = 0
        self._last: int = self._context.ledger.read(_newest)
        self._gone: list[tuple[_Row, AssetRef | None]] = []
        self._witnesses: dict[int, str] = {}

    async def step(self) -> float:
        """Compare one batch. Return seconds until the next. Raises ImmichError and goes on from there."""
        context = self._context
        if self._over_at is not None:
            if context.clock.monotonic() - self._over_at < _DAY_SECONDS:
                return _LOOK_SECONDS
            self._over_at = None
            self._begin()
        found_rows = await context.ledger.aread(lambda db: in_library(db, self._after))
        rows = [row for row in found_rows if row[0] <= self._last]
        if not rows:
            await self._end()
            self._over_at = context.clock.monotonic()
            return _LOOK_SECONDS
        paths = {row[0]: context.in_immich(from_ledger(row[1])) for row in rows}
        found = await context.server.resolve(list(paths.values()))
        await self._note(rows, {i: found[path] for i, path in paths.items() if path in found})
        self._after = rows[-1][0]
        return PAUSE_SECONDS

    async def _note(self, rows: list[_Row], found: dict[int, AssetRef]) -> None:
        """Remember who is known, and who is not any more. Assets of those that had none are taken over."""
        events = []
        for row in rows:
            photo_id, _, asset_id, shard, placed_at = row
            ref = found.get(photo_id)
            if ref is not None and ref.id == asset_id:
                if not ref.trashed and shard is not None:
                    self._witnesses[shard] = max(self._witnesses.get(shard, ""), placed_at or "")
            elif asset_id is not None or ref is None:
                if ref is None or not ref.trashed:
                    self._gone.append((row, ref))
            elif not ref.trashed:
                event = NewEvent(EventKind.ASSET_RELINKED, photo_id, {"asset": ref.id, "was": None})
                events.append(Change(photo_id, values={"asset_id": ref.id}, events=(event,)))
        self.changed += len(events)
        await self._context.commit(events)

    async def _end(self) -> None:
        """What Immich has forgotten was deleted by a user, or is looked for again."""
        gone = await asyncio.to_thread(lambda: [each for each in self._gone if self._lies_there(each[0])])
        rows = [row for row, _ in gone]
        ids = [row[0] for row in rows]
        # Immich may have forgotten these while their file was away, and that is no user's word.
        awaited = await self._context.ledger.aread(lambda db: outbox.untold(db, ids, "revive"))
        asked = [
            (row[0], from_ledger(row[1]), row[3])
            for row in rows
            if row[2] is not None and row[3] is not None and row[0] not in awaited
        ]
        deleted = await self._forgotten(asked, self._witnesses) if asked else set()
        await self._look_again([each for each in self._gone if each[0][0] not in deleted])
        if self.changed or self.missing:
            log.info("Immich has %s photos under new ids and lacks %s", self.changed, self.missing)
        self._gone = []

    def _lies_there(self, row: _Row) -> bool:
        """Return whether the file is in the library now: what Immich cannot see either says nothing."""
        return os.path.lexists(f"{self._context.folder(Area.LIBRARY)}/{from_ledger(row[1])}")

    async def _look_again(self, gone: Sequence[tuple[_Row, AssetRef | None]]) -> None:
        at = self._context.clock.text()
        renewed = [row[0] for row, ref in gone if ref is not None]
        lacking = [row for row, ref in gone if ref is None]
        self.changed += len(renewed)
        self.missing += len(lacking)
        shards = sorted({row[3] for row in lacking if row[3] is not None})

        def write(db: Database) -> None:
            for photo_id in renewed:
                # The outbox takes the new id over and says again what the old asset had been told.
                outbox.post(db, "revive", photo_id, {}, at)
            for shard in shards if self._context.tuning.trigger_scan else ():
                outbox.post_once(db, "scan", {"shard": shard}, at)

        if gone:
            await self._context.ledger.awrite(write)
            self._context.wakeups.notify(State.FILED, State.REVIEW)  # the outbox listens to these


# CROSS and + keep SQLite from reading and sorting all names for every batch.
_IN_LIBRARY = (
    "SELECT p.id, n.path, p.asset_id, p.shard, p.placed_at FROM photos AS p"
    " CROSS JOIN names AS n ON n.photo_id = p.id AND n.area = 'library' AND n.member = 'photo'"
    " WHERE p.id > ? AND +p.state IN ('filed', 'review') ORDER BY p.id LIMIT ?"
)


def _newest(db: Database) -> int:
    return int(db.conn.execute("SELECT coalesce(max(id), 0) FROM photos").fetchone()[0])


def in_library(db: Database, after: int) -> list[_Row]:
    """Return the next batch of photos in the library, by id."""
    return db.conn.execute(_IN_LIBRARY, (after, BATCH)).fetchall()
