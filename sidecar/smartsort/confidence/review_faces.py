"""Measures the faces of photos in review, one photo at a time, the newest first."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from smartsort.confidence.faces import Faces
from smartsort.ledger import photos, review_faces
from smartsort.pipeline.engine.context import Context

CALLS_PER_HOUR = 600
"""Pictures sent to the machine learning service while idle. Each takes it a second or two without a GPU."""

LISTED = 20
"""Photos looked up at a time. Newer ones that come meanwhile wait for two minutes."""

RETRIED_AFTER = timedelta(hours=1)
"""A photo that could not be measured makes way for the others for so long."""


class ReviewFaces:
    """The faces of photos in review. What was measured is in the ledger, so a restart goes on."""

    def __init__(self, context: Context, faces: Faces) -> None:
        self._context, self._faces = context, faces
        self._next: deque[int] = deque()
        self._all_measured: tuple[str, int] | None = None
        """The model and the newest decision at which nothing was left to measure."""
        self._failed: dict[int, datetime] = {}
        """When these photos are tried again."""

    async def step(self, model: str) -> bool:
        """Measure one photo that was not measured with this model; False when there is none.

        Raises FaceServiceUnavailable, ImmichError, TimeoutError. That photo is then tried again later.
        """
        photo_id = await self._following(model)
        if photo_id is None:
            return False
        self._failed[photo_id] = self._context.clock.now() + RETRIED_AFTER
        [photo] = await self._context.ledger.aread(lambda db: photos.by_ids(db, [photo_id]))
        last = await self._context.ledger.aread(lambda db: photos.last_decision(db, photo_id))
        if photo.asset_id is not None and last is not None:
            await self._faces.vectors(photo.asset_id, last[4].faces)
        del self._failed[photo_id]
        return True

    async def _following(self, model: str) -> int | None:
        now, ledger = self._context.clock.now(), self._context.ledger
        self._failed = {photo_id: at for photo_id, at in self._failed.items() if at > now}
        if not self._next:
            state = model, await ledger.aread(review_faces.newest_decision)
            if state == self._all_measured:
                return None
            limit = LISTED + len(self._failed)
            found = await ledger.aread(lambda db: review_faces.unmeasured(db, model, limit))
            self._next.extend(photo_id for photo_id in found if photo_id not in self._failed)
            self._all_measured = None if found else state
        return self._next.popleft() if self._next else None
