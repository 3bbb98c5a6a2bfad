"""placed -> known: which asset Immich has made of each photo in the library."""

from __future__ import annotations

from collections.abc import Sequence

from smartsort.core.model import State
from smartsort.ledger import photos
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area, Member, Photo
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.recognition.shelve import Shelve
from smartsort.pipeline.routing.route import Verdict

LOOKS_PER_SCAN = 3
"""Looks on an idle server that do not find a photo before its shard is scanned again: the scan missed it or
never ran."""

_NOT_IMPORTED = "Immich scanned the library and did not import it"


class Imports:
    """Finds assets by path, a thousand in a call, and has shards scanned again that Immich has not read."""

    def __init__(self, context: Context, shelve: Shelve) -> None:
        self._context, self._shelve = context, shelve
        self._in_vain: dict[int, int] = {}
        """Looks that did not find an asset for a placed photo, by photo id."""

    async def resolve(self, waiting: Sequence[Photo]) -> tuple[list[Photo], list[Photo]]:
        """Give placed photos their asset ids: those that have one now, and those Immich does not know."""
        context = self._context
        placed = [p for p in waiting if p.asset_id is None]
        if not placed:
            return list(waiting), []
        names = await context.ledger.aread(lambda db: photos.names_of(db, [p.id for p in placed]))
        paths = {
            p.id: context.in_immich(n.path)
            for p in placed
            for n in names[p.id]
            if n.area is Area.LIBRARY and n.member is Member.PHOTO
        }
        found = await context.server.resolve(list(paths.values()))
        now = context.clock.text()
        changes = [
            Change(
                p.id,
                state=State.KNOWN,
                expect=(State.PLACED,),
                values={"asset_id": found[paths[p.id]].id, "known_at": now},
            )
            for p in placed
            if p.id in paths and paths[p.id] in found
        ]
        await context.commit(changes)
        resolved = {change.photo_id for change in changes}
        fresh = await context.ledger.aread(lambda db: photos.by_ids(db, [p.id for p in waiting]))
        return [p for p in fresh if p.state is State.KNOWN], [p for p in placed if p.id not in resolved]

    async def not_imported(self, missing: Sequence[Photo]) -> list[Verdict]:
        """Immich is idle and has no asset for these: scan again; verdicts of those given up in the end.

        Nobody is given up without scans of our own: then it is Immich that decides when it looks.
        """
        context = self._context
        if not context.tuning.trigger_scan:
            return []
        looks = {p.id: self._in_vain.get(p.id, 0) + 1 for p in missing}
        shards = {p.shard for p in missing if p.shard is not None and looks[p.id] % LOOKS_PER_SCAN == 0}
        for shard in sorted(shards):
            await self._shelve.check_readable(shard)
            await self._shelve.scan(shard)
        self._in_vain |= looks
        most = LOOKS_PER_SCAN * (context.tuning.max_retries + 1)
        return [Verdict.given_up(p, _NOT_IMPORTED) for p in missing if looks[p.id] > most]

    def forget(self, photo_id: int) -> None:
        """Remember nothing of a photo that is somewhere else now."""
        self._in_vain.pop(photo_id, None)
