"""Embeddings of the faces Immich shows: made from the preview Immich itself has used, once per photo."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

from smartsort.confidence.service import FaceService, FaceServiceUnavailable, Seen
from smartsort.core.model import Face, Hint
from smartsort.core.similarity import Vector, matched
from smartsort.errors import ImmichRejected
from smartsort.files.blur import TURNS
from smartsort.ledger import embeddings
from smartsort.ledger.embeddings import Embedding
from smartsort.pipeline.engine.context import Context
from smartsort.ports import FaceModel, ThumbnailSize

DEFAULT_MODEL = FaceModel("buffalo_l", 0.7)
"""What Immich uses unless its administrator chose otherwise."""

MODEL_ASKED_EVERY = timedelta(hours=1)

AT_ONCE = 2
"""Pictures sent at the same time. Immich wants something of the service too."""


class Faces:
    """Measures the faces of assets. `model` overrides what Immich tells, "" does not."""

    def __init__(self, context: Context, service: FaceService, model: str = "") -> None:
        self._context, self.service = context, service
        self._given = model
        self._model: FaceModel | None = None
        self._asked_at: float | None = None
        self._asking = asyncio.Lock()
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def model(self) -> FaceModel:
        """The model that counts now: the setting's, Immich's own if the key may read it, else the default."""
        async with self._asking:
            return await self._current()

    async def _current(self) -> FaceModel:
        now = self._context.clock.monotonic()
        if self._model is None or now - (self._asked_at or 0.0) > MODEL_ASKED_EVERY.total_seconds():
            told = await self._context.server.face_model()
            chosen = told or DEFAULT_MODEL
            self._model = FaceModel(self._given, chosen.min_score) if self._given else chosen
            self._asked_at = now
        return self._model

    async def vectors(self, asset_id: str, faces: Sequence[Face]) -> Mapping[str, Vector]:
        """Embeddings by face id. A face the service did not find at its place is missing.

        No call at all when they were looked for before, else the preview and one call for all faces of the
        photo. Raises FaceServiceUnavailable, ImmichError.
        """
        model = await self.model()
        ids = [face.id for face in faces]
        have = await self._context.ledger.aread(lambda db: embeddings.looked_for(db, model.name, ids))
        if len(have) < len(faces):
            seen = await self._look_at(asset_id, model)
            places = matched(faces, [face.box for face in seen.faces], seen.width, seen.height)
            have |= {face_id: seen.faces[index].vector for face_id, index in places.items()}
            at = self._context.clock.text()
            rows = [Embedding(face_id, asset_id, have.get(face_id, ())) for face_id in ids]
            await self._context.ledger.awrite(lambda db: embeddings.put(db, model.name, rows, at))
        return {face_id: vector for face_id, vector in have.items() if vector}

    async def any_on(self, asset_id: str) -> bool:
        """Return whether the service finds a face on an asset, in the preview that Immich itself has sent it.

        Raises FaceServiceUnavailable, ImmichError.
        """
        return bool((await self._look_at(asset_id, await self.model())).faces)

    async def hint(self, asset_id: str) -> Hint:
        """Find out why an asset may have no face: one call for each way to turn its preview.

        Raises FaceServiceUnavailable, ImmichError.
        """
        model = await self.model()
        async with self._gate:
            preview = await self._preview(asset_id)
            looked = await asyncio.to_thread(self._context.decoders.turned, preview)
            if isinstance(looked, str):
                return Hint()
            best, hint = 0.0, Hint(blur=looked.blur)
            for angle, picture in zip(TURNS, looked.pictures, strict=True):
                score = max(
                    (one.score for one in (await self.service.faces(picture, model)).faces), default=0.0
                )
                if score > best:
                    best, hint = score, Hint(angle, looked.blur)
        return hint

    async def _look_at(self, asset_id: str, model: FaceModel) -> Seen:
        async with self._gate:
            return await self.service.faces(await self._preview(asset_id), model)

    async def _preview(self, asset_id: str) -> bytes:
        self.service.check()
        preview = await self._context.server.thumbnail(asset_id, ThumbnailSize.PREVIEW)
        if preview is None:
            raise FaceServiceUnavailable("Immich has no preview of the photo")
        return preview[0]

    async def of_person(self, asset_id: str, person_id: str, smallest: int) -> Embedding | None:
        """Return the face of a person on an asset, None when it is not there, too small or not found again.

        Raises FaceServiceUnavailable, ImmichError.
        """
        try:
            faces = await self._context.server.faces(asset_id)
        except ImmichRejected:
            return None  # gone since it was listed
        own = [face for face in faces if face.person is not None and face.person.id == person_id]
        # Twice on one photo: one of the two is somebody else, and nobody knows which.
        if len(own) != 1 or min(own[0].box.x2 - own[0].box.x1, own[0].box.y2 - own[0].box.y1) < smallest:
            return None
        vector = (await self.vectors(asset_id, faces)).get(own[0].id)
        return None if vector is None else Embedding(own[0].id, asset_id, vector, person_id)
