"""Has Immich looked for faces on these photos? "No face" is a verdict only when it has.

A detection that failed looks like a photo without a face, and nothing in Immich's answers tells the two
apart. The proof is made of probes to its queue (`smartsort.core.completion.DetectionProbes`) and, where these
leave it open, of the machine learning service's own answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, replace

from smartsort.core.completion import DetectionProbes
from smartsort.errors import ImmichRejected
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.routing.evidence import EvidenceBuilder

MOST_PROBES = 10
"""Probes sent in one go. Mostly two are enough. A job that is done before it can be listed tells
nothing, and another probe has to be sent."""

LISTINGS_PER_PROBE = 200
BETWEEN_LISTINGS = 0.03
"""Seconds between two listings of a queue that is still being filled."""

BUSY_TRIES = 10
BUSY_SECONDS = 0.1
"""How often a probe is sent again, and after how long, while the queue works on the last one's photos."""

FEW = 8
"""So many photos are looked at before each probe. As long as detection fails, more would cost a call each
every time for nothing."""

AT_ONCE = 8
"""Concurrent requests. More only queue up inside Immich."""

_LEFT_OUT = "Immich has no preview of it, or its file was gone"


@dataclass(frozen=True, slots=True)
class DetectionProof:
    """What is known of the photos that were asked about. Of those in neither set it is not known."""

    finished: frozenset[str] = frozenset()
    """Detection is over: the faces that Immich shows from now on are all there are."""
    unfinished: frozenset[str] = frozenset()
    """Detection had failed and was started once more."""
    asked: bool = True
    """False when Immich would not be asked now."""
    doubt: str = ""
    """Why it could not be found out, of the photos in neither set, "" when there are none."""


class DetectionCheck:
    """Asks about photos without a face, one row of probes at a time.

    `evidence_builder` knows the machine learning service, if there is one, for what Immich's queue leaves
    open.
    """

    def __init__(self, context: Context, evidence_builder: EvidenceBuilder) -> None:
        self._context, self._evidence_builder = context, evidence_builder
        self._turn = asyncio.Lock()

    async def ask(self, asset_ids: Collection[str], reached: Collection[str] = ()) -> DetectionProof:
        """Find out whose detection is over, and have it started again where it failed.

        Nothing that is at work for these photos may be left in the chain's queues. Read the faces afterwards,
        not before: a photo may have been finished in between. `reached` are those just seen with a preview
        and not in the trash. Each of the others may cost a call, the rest some eight, however many photos.
        Raises ImmichError.
        """
        if not await self._context.server.detects_faces():
            return DetectionProof(doubt="face recognition is switched off in Immich")
        wanted, unsure = frozenset(asset_ids), frozenset(asset_ids) - frozenset(reached)
        # Before the probe: one that gets its preview after it was not reached by it.
        left_out = await self._left_out(unsure) if len(unsure) <= FEW else frozenset()
        known = await self._ask(wanted - left_out)
        if len(unsure) > FEW and known.finished & unsure:
            # Of many only those are looked at that it depends on, and then it is asked once more.
            left_out = await self._left_out(known.finished & unsure)
            known = await self._ask(wanted - left_out)
        return replace(known, doubt=known.doubt or _LEFT_OUT) if left_out else known

    async def _ask(self, wanted: frozenset[str]) -> DetectionProof:
        if not wanted:
            return DetectionProof()
        probes = DetectionProbes()
        async with self._turn:
            while len(probes) < MOST_PROBES and not probes.answered:
                if not await self._probe(probes):
                    break
                if wanted <= probes.unfinished:
                    break
        if not len(probes):
            return DetectionProof(asked=False, doubt="Immich is detecting faces for another client")
        unfinished = wanted & probes.unfinished
        if probes.answered:
            return DetectionProof(wanted - unfinished, unfinished)
        seen, unseen = await self._ask_the_service(wanted - unfinished)
        unfinished |= seen
        left = wanted - unfinished - unseen
        return DetectionProof(
            unseen, unfinished, doubt="its detection may have failed unseen" if left else ""
        )

    async def _probe(self, probes: DetectionProbes) -> bool:
        """Send one probe and follow it until its job is gone, False when that could not be seen."""
        for attempt in range(BUSY_TRIES if len(probes) else 1):
            if attempt:
                await asyncio.sleep(BUSY_SECONDS)
            probes.sent()
            try:
                return await self._follow(probes)
            except ImmichRejected as busy:
                probes.refused()
                if not busy.retryable:
                    raise
        return False

    async def _follow(self, probes: DetectionProbes) -> bool:
        """Have it put and list the queue meanwhile: its job may be over before the answer is there."""
        server = self._context.server
        put = asyncio.ensure_future(server.detect_missing_faces())
        try:
            for _ in range(LISTINGS_PER_PROBE):
                there = put.done()
                listing = await server.detection_jobs()
                probes.listed(listing)
                if listing.collective or there:
                    await put
                    if listing.full or probes.answered or not listing.collective:
                        return not listing.full
                await asyncio.sleep(BETWEEN_LISTINGS if listing.collective else 0)
            return False
        finally:
            put.cancel()
            await asyncio.gather(put, return_exceptions=True)

    async def _left_out(self, asset_ids: Collection[str]) -> frozenset[str]:
        """Return those that a probe does not reach: without a preview, in the trash, or gone since."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def reached(asset_id: str) -> bool:
            async with gate:
                found = await self._context.server.asset(asset_id)
                return found is not None and found.has_thumbnail and not found.trashed

        ids = sorted(asset_ids)
        answers = await asyncio.gather(*(reached(i) for i in ids))
        return frozenset(i for i, there in zip(ids, answers, strict=True) if not there)

    async def _ask_the_service(self, asset_ids: Collection[str]) -> tuple[frozenset[str], frozenset[str]]:
        """The photos on which the machine learning service sees a face, and those where it sees none."""
        measure = self._evidence_builder.measure
        faces: dict[str, bool | None] = {}
        for asset_id in sorted(asset_ids):
            if measure is None or not measure.available:
                break
            faces[asset_id] = await measure.sees_faces(asset_id)
        return (
            frozenset(i for i, found in faces.items() if found),
            frozenset(i for i, found in faces.items() if found is False),
        )
