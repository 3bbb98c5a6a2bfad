"""Photos in flight whose detection is over: who is on them, and who is read when.

Photos that show somebody are read at once and routed when nobody on them can change any more; of many, those
that show nobody wait until it is proved that Immich has looked (`smartsort.pipeline.recognition.faceless`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from smartsort.core.model import Face, State
from smartsort.core.recognition import Cohorts
from smartsort.ledger.records import Photo
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.recognition.detection import Detections
from smartsort.pipeline.recognition.face_readings import FaceReadings, portions
from smartsort.pipeline.recognition.faceless import Faceless
from smartsort.pipeline.recognition.imports import Imports
from smartsort.pipeline.recognition.shelve import Shelve
from smartsort.pipeline.recognition.unassigned import Unassigned
from smartsort.pipeline.routing.evidence import Gather
from smartsort.pipeline.routing.people import People
from smartsort.pipeline.routing.route import Router, Verdict
from smartsort.ports import Listed

FIRST_PORTION = 32
LARGEST_PORTION = 256
"""Photos routed in one commit; doubled from the first to the largest, so that the first photos are filed
soon and the many are cheap: each portion costs two commits and two flushes whatever its size."""

FEW = 8
"""So many photos are read one by one; of more, one search tells first who shows nobody."""


class Detected:
    """What is remembered of photos whose detection is over, and what is done with them.

    All of it can be found out again after a restart.
    """

    def __init__(
        self,
        context: Context,
        router: Router,
        people: People,
        shelve: Shelve,
        gather: Gather,
        *,
        detections: Detections,
        unassigned: Unassigned,
    ) -> None:
        self._context, self._router, self._people, self._shelve = context, router, people, shelve
        self._gather, self._detections, self._unassigned = gather, detections, unassigned
        self.clear()

    def clear(self) -> None:
        """Remember nothing: no photo is in flight."""
        self.imports = Imports(self._context, self._shelve)
        self.assets: dict[str, int] = {}
        """Photos, by asset, whose detection is proved to be over."""
        self.cohorts = Cohorts()
        self.readings = FaceReadings(self._context)
        self.faceless = Faceless(self._context, self._detections, self.readings)

    def through(self, photo: Photo) -> bool:
        """True when recognition has nothing left to do for this photo."""
        asset_id = photo.asset_id or ""
        return self.cohorts.through(asset_id, self.readings.unassigned(asset_id))

    async def libraries(self, waiting: Sequence[Photo]) -> set[str]:
        """The external libraries these photos are in: only their scans make a look inconclusive."""
        shards = {p.shard for p in waiting if p.shard is not None}
        found = [await self._shelve.library_of(shard) for shard in sorted(shards)]
        return {library_id for library_id in found if library_id is not None}

    async def conclude(self, finished: list[Photo], others: list[Photo]) -> None:
        """Route the photos that are done: `finished` are those recognition is through with.

        Raises ImmichError, and StorageError for what could not be filed; then they stay as they are.
        """
        await self._in_portions(await self._worth_reading(finished, others))

    async def _worth_reading(self, finished: list[Photo], others: list[Photo]) -> list[Photo]:
        """Of photos recognition is through with, and of others, those whose faces are worth reading now.

        Those that show nobody wait: they may have no face, and are read after it is proved that detection is
        over. Of the others those that show somebody may be done.
        """
        unread = [p for p in finished if self.readings.of(p.asset_id or "") is None]
        others = [p for p in others if self.readings.of(p.asset_id or "") is None]
        wait = self._context.tuning.retry_if_no_faces and len(unread) > FEW
        if not (others or wait):
            return finished
        shown = await self._listed([*(unread if wait else ()), *others])
        if wait:
            self.faceless.gather(p for p in unread if _shows_nobody(p, shown))
        somebody = [p for p in others if (one := shown.get(p.asset_id or "")) is not None and one.people]
        return [*(p for p in finished if p not in self.faceless), *somebody]

    async def _listed(self, waiting: Sequence[Photo]) -> Mapping[str, Listed]:
        """What a search shows of these photos, and of others, by asset; some may be missing."""
        placed = [p.placed_at for p in waiting if p.placed_at]
        if not placed:
            return {}
        since = datetime.fromisoformat(min(placed)).astimezone(UTC)
        found: dict[str, Listed] = {}
        for library_id in await self.libraries(waiting):
            found |= await self._context.server.listed(library_id, since)
        return found

    async def _in_portions(self, some: Sequence[Photo]) -> None:
        """As `_judge`, in portions, so that the first photos are filed before the last is read.

        The faces of a portion are read while the one before is being filed.
        """
        parts = list(portions(some, FIRST_PORTION, LARGEST_PORTION))
        if not parts:
            return
        await self._people.refresh()
        reading = asyncio.ensure_future(self._read(parts[0]))
        try:
            for portion, following in zip(parts, [*parts[1:], []], strict=True):
                await reading
                reading = asyncio.ensure_future(self._read(following))
                await self._judge(portion)
            await reading
        finally:
            if not reading.done():
                reading.cancel()
                with suppress(asyncio.CancelledError):
                    await reading

    async def _read(self, portion: Sequence[Photo]) -> None:
        lost = await self.readings.read(portion, self.cohorts.left)
        self._forget(lost)

    async def _judge(self, portion: Sequence[Photo]) -> None:
        """Route those of the photos whose faces, read already, are final."""
        found = {p.id: self.readings.of(p.asset_id or "") or () for p in portion}
        await self._people.keep_up(f.person for faces in found.values() for f in faces if f.person)
        ready: list[tuple[Photo, Sequence[Face]]] = []
        unassigned: list[Photo] = []
        for photo in portion:
            if not self.readings.final(photo.asset_id or ""):
                continue
            faces = found[photo.id]
            if not faces and self._context.tuning.retry_if_no_faces:
                self.faceless.gather([photo])
            elif any(f.person is None for f in faces) and self._unassigned.worth_trying():
                unassigned.append(photo)
            else:
                ready.append((photo, faces))
        if unassigned and await self._unassigned.try_again():
            self._prove_again(unassigned, detection=False)
        await self.route(await self._gather.verdicts(ready))

    async def ask_about_faceless(self) -> None:
        """Find out which of the gathered photos have no face and route all of them. Raises as `conclude`."""
        asked = self.faceless.gathered
        reached: list[str] = []
        if len(asked) > FEW:
            shown = await self._listed(asked)
            reached = [asset_id for asset_id, one in shown.items() if one.has_preview]
        found = await self.faceless.ask(reached)
        self._prove_again(found.again, detection=True)
        verdicts = found.in_vain + await self._gather.verdicts([(photo, ()) for photo in found.faceless])
        await self.route(verdicts)
        await self._judge(found.strangers)
        self._forget(found.lost)

    async def route(self, verdicts: Sequence[Verdict]) -> None:
        """Route these and remember nothing of those that are."""
        if not verdicts:
            return
        done = set(await self._router.route(verdicts))
        if done:
            self.ring_for_more()
        self._forget([v.photo for v in verdicts if v.photo.id in done])

    def ring_for_more(self) -> None:
        """Wake who hands over photos: some have left the bounded flight."""
        self._context.bells.ring(State.HASHED, State.UNIQUE)

    def _prove_again(self, some: Sequence[Photo], *, detection: bool) -> None:
        """Immich is at work on these once more: what was read of them does not count."""
        assets = {p.asset_id or "" for p in some}
        self.readings.forget(assets)
        self.cohorts.again(assets)
        if detection:
            for asset_id in assets:
                self.assets.pop(asset_id, None)

    def _forget(self, done: Sequence[Photo]) -> None:
        self._prove_again(done, detection=True)
        for photo in done:
            self.faceless.forget(photo)
            self.imports.forget(photo.id)


def _shows_nobody(photo: Photo, shown: Mapping[str, Listed]) -> bool:
    """True only for a photo that was found: what is missing from a search may show anybody."""
    one = shown.get(photo.asset_id or "")
    return one is not None and not one.people
