"""The faces of photos that wait, each read once wherever one reading is enough."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from smartsort.core.model import Face, State
from smartsort.errors import ImmichRejected, ImmichUnreachable
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Photo
from smartsort.pipeline.engine.context import Context

AT_ONCE = 8
"""Concurrent requests for faces; more only queue up inside Immich."""

Left = Callable[[str], frozenset[str] | None]
"""The faces recognition has left for an asset, as listed before the reading; None: any it may have."""


class FaceReadings:
    """What Immich showed of each photo, and whether recognition was through with it by then."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._faces: dict[str, tuple[Face, ...]] = {}
        self._open: dict[str, frozenset[str]] = {}
        """Faces without a person that recognition still had when they were read, by asset."""

    def of(self, asset_id: str) -> tuple[Face, ...] | None:
        """The faces as last read, None before."""
        return self._faces.get(asset_id)

    def unassigned(self, asset_id: str) -> frozenset[str] | None:
        """Faces that nobody was assigned to yet when they were read, None before."""
        return self._open.get(asset_id)

    def final(self, asset_id: str) -> bool:
        """True when they were read after recognition was through with each face that has no person."""
        return asset_id in self._faces and not self._open[asset_id]

    async def read(self, wanted: Iterable[Photo], left: Left) -> list[Photo]:
        """Read those that are not final; the photos whose asset is gone, which are placed photos again.

        An asset id changes when somebody deletes the asset in Immich and a scan imports the file again: the
        path is asked once more, and nothing is concluded from a missing id. Raises ImmichError when none
        could be read.
        """
        photos = [p for p in wanted if p.asset_id and not self.final(p.asset_id)]
        gate = asyncio.Semaphore(AT_ONCE)

        async def read(asset_id: str) -> None:
            before = left(asset_id)
            async with gate:
                faces = tuple(await self._context.server.faces(asset_id))
            nobody = frozenset(f.id for f in faces if f.person is None)
            self._faces[asset_id] = faces
            self._open[asset_id] = nobody if before is None else nobody & before

        results = await asyncio.gather(*(read(p.asset_id or "") for p in photos), return_exceptions=True)
        lost: list[Photo] = []
        for photo, result in zip(photos, results, strict=True):
            if isinstance(result, ImmichRejected):
                lost.append(photo)
            elif isinstance(result, BaseException) and not isinstance(result, ImmichUnreachable):
                raise result
        unreachable = [r for r in results if isinstance(r, ImmichUnreachable)]
        if unreachable and len(unreachable) == len(results):
            raise unreachable[0]
        await self._context.commit(
            [Change(p.id, state=State.PLACED, values={"asset_id": None, "known_at": None}) for p in lost]
        )
        return lost

    def forget(self, asset_ids: Iterable[str]) -> None:
        """Read these anew when they are asked for."""
        for asset_id in asset_ids:
            self._faces.pop(asset_id, None)
            self._open.pop(asset_id, None)


def portions(finished: Sequence[Photo], first: int, largest: int) -> Iterable[Sequence[Photo]]:
    """The photos in order, in portions that double from the first size to the largest."""
    start, size = 0, first
    while start < len(finished):
        yield finished[start : start + size]
        start, size = start + size, min(2 * size, largest)
