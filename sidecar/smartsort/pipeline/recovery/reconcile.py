"""Once after each start: compares the library with Immich, by path.

Somebody may have deleted assets, or the library, while smartsort was away, a scan brings the files back under
other ids. A thousand photos are asked for in a call. Nothing is concluded from an id alone. Photos that came
since the start were with Immich a moment ago and are left out.
"""

from __future__ import annotations

import logging

from sqlite_utils import Database

from smartsort.core.event_kinds import EventKind
from smartsort.core.model import AssetRef
from smartsort.files.shown import from_ledger
from smartsort.ledger import outbox, photos
from smartsort.ledger.photos import Change
from smartsort.ledger.records import NewEvent
from smartsort.pipeline.engine.context import Context

log = logging.getLogger(__name__)

BATCH = 1000
PAUSE_SECONDS = 0.2
_DONE_SECONDS = 3600.0

_Row = tuple[int, str | bytes, str | None, int | None]


class ReconcileStage:
    """Goes through the photos at rest once, in the background, while Immich answers."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._after = 0
        self._last = context.ledger.read(_newest)
        self._over = False
        self.changed = 0
        """Photos whose asset has another id now."""
        self.missing = 0
        """Photos in the library that Immich has no asset for. Their shards are scanned again."""

    async def step(self) -> float:
        """Compare one batch. Return seconds until the next. Raises ImmichError and goes on from there."""
        if self._over:
            return _DONE_SECONDS
        context = self._context
        found_rows = await context.ledger.aread(lambda db: in_library(db, self._after))
        rows = [row for row in found_rows if row[0] <= self._last]
        if not rows:
            self._over = True
            if self.changed or self.missing:
                log.info("Immich has %s photos under new ids and lacks %s", self.changed, self.missing)
            return _DONE_SECONDS
        paths = {row[0]: context.in_immich(from_ledger(row[1])) for row in rows}
        found = await context.server.resolve(list(paths.values()))
        await self._note(rows, {i: found[path] for i, path in paths.items() if path in found})
        self._after = rows[-1][0]
        return PAUSE_SECONDS

    async def _note(self, rows: list[_Row], found: dict[int, AssetRef]) -> None:
        at = self._context.clock.text()
        renewed = [
            (row, found[row[0]].id)
            for row in rows
            if row[0] in found and not found[row[0]].trashed and found[row[0]].id != row[2]
        ]
        lacking = [row for row in rows if row[0] not in found]
        self.changed += len(renewed)
        self.missing += len(lacking)
        shards = sorted({row[3] for row in lacking if row[3] is not None})
        if not renewed and not lacking:
            return

        def write(db: Database) -> None:
            for row, asset_id in renewed:
                if row[2] is not None:
                    # The outbox takes the new id over and says again what the old asset had been told.
                    outbox.post(db, "revive", row[0], {}, at)
                    continue
                event = NewEvent(EventKind.ASSET_RELINKED, row[0], {"asset": asset_id, "was": None})
                photos.apply(db, [Change(row[0], values={"asset_id": asset_id}, events=(event,))], at)
            for shard in shards if self._context.tuning.trigger_scan else ():
                outbox.post_once(db, "scan", {"shard": shard}, at)

        await self._context.ledger.awrite(write)


# CROSS and + keep SQLite from reading and sorting all names for every batch.
_IN_LIBRARY = (
    "SELECT p.id, n.path, p.asset_id, p.shard FROM photos AS p"
    " CROSS JOIN names AS n ON n.photo_id = p.id AND n.area = 'library' AND n.member = 'photo'"
    " WHERE p.id > ? AND +p.state IN ('filed', 'review') ORDER BY p.id LIMIT ?"
)


def _newest(db: Database) -> int:
    return int(db.conn.execute("SELECT coalesce(max(id), 0) FROM photos").fetchone()[0])


def in_library(db: Database, after: int) -> list[_Row]:
    """Return the next batch of photos in the library, by id."""
    return db.conn.execute(_IN_LIBRARY, (after, BATCH)).fetchall()
