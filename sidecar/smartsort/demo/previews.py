"""Previews and thumbnails: drawn when somebody looks, in a thread, and kept."""

import asyncio
import hashlib
from collections import OrderedDict
from typing import Literal

from smartsort.demo.models import Asset, Person
from smartsort.demo.pictures import PREVIEW_SHORT_SIDE, THUMBNAIL_SHORT_SIDE, crop, render
from smartsort.demo.portraits import portrait_jpeg
from smartsort.demo.state import DemoState

Kind = Literal["preview", "thumbnail"]
KEPT = 256
PERSON_SIDE = 250


class Previews:
    """The rendered pictures of one demo, the latest of them in memory."""

    def __init__(self, state: DemoState) -> None:
        self._state = state
        self._kept: OrderedDict[tuple[str, Kind, int], bytes] = OrderedDict()
        self._shown: dict[str, str] = {}

    async def get(self, asset: Asset, kind: Kind) -> bytes:
        """Return a preview (JPEG) or thumbnail (WEBP). Raises OSError if the file cannot be read any more."""
        key = (asset.id, kind, asset.modified_ns)
        content = self._kept.get(key)
        if content is None:
            side, image_format = (
                (PREVIEW_SHORT_SIDE, "JPEG") if kind == "preview" else (THUMBNAIL_SHORT_SIDE, "WEBP")
            )
            content = await asyncio.to_thread(render, asset.real_path, side, image_format)
            if kind == "preview":
                self._shown[hashlib.sha256(content).hexdigest()] = asset.id
        self._kept[key] = content
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return content

    async def of_person(self, person: Person) -> bytes | None:
        """Return the face a person is shown with. A drawing of somebody known from before the demo began."""
        face = self._state.faces.get(person.feature_face_id or "")
        if face is None:
            if person.anchor is None:
                return None
            return await asyncio.to_thread(portrait_jpeg, person.name, PERSON_SIDE)
        try:
            preview = await self.get(self._state.assets[face.asset_id], "preview")
        except OSError:
            return None
        return await asyncio.to_thread(crop, preview, face.box, face.image_size, PERSON_SIDE)

    def asset_shown(self, preview: bytes) -> Asset | None:
        """Return which asset a preview that was handed out is of."""
        return self._state.assets.get(self._shown.get(hashlib.sha256(preview).hexdigest(), ""))
