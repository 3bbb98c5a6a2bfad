"""Pictures of photos: from Immich where it has them, else drawn from the file, remembered within a bound."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi import Request, Response
from sqlite_utils import Database
from starlette.convertors import Convertor, register_url_convertor

from smartsort.api.problems import Refused
from smartsort.bootstrap import Sidecar
from smartsort.core.model import Category, Film
from smartsort.core.rules.frames import name_of
from smartsort.core.words import clocks
from smartsort.errors import ImmichError, ImmichRejected
from smartsort.files.contact_sheet import Mark
from smartsort.files.shown import shown
from smartsort.ledger import embeddings, films, photos
from smartsort.ledger.records import Area, Member, Name, Photo
from smartsort.ledger.review_faces import Stranger
from smartsort.pipeline.routing.near import file_of
from smartsort.ports import ThumbnailSize

CACHE_BYTES = 8 * 1024 * 1024
"""Some twenty previews, enough for those before and after the one that is looked at. It stays when nobody
looks any more, so it is part of what an idle sidecar takes."""

_DRAWN_AT_ONCE = 2
"""More would keep photos from being read: they are drawn by the same decoders."""

_SHOWN_OF_EACH = 6
"""Faces of each of two people."""

_SHORT_SIDE = {ThumbnailSize.THUMBNAIL: 250, ThumbnailSize.PREVIEW: 1440}
"""As Immich makes them."""

_AREAS = (Area.LIBRARY, Area.ORIGINAL, Area.REVIEW, Area.FACES, Area.TEMP, Area.TRASH)


class _Size(Convertor[str]):
    """Keeps a picture's address from catching those of other things below a photo."""

    regex = "|".join(ThumbnailSize)

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("picture", _Size())
SIZE = "{size:picture}"
"""The part of a route's path that names the size."""


_MOST_ON_A_SHEET, _STRANGERS_ACROSS = 30, 6
"""Faces of a group of strangers that are shown, and how many stand beside each other."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Bytes to show, their media type and a tag that changes with them."""

    content: bytes
    media_type: str
    tag: str

    @classmethod
    def of(cls, content: bytes, media_type: str) -> Picture:
        """A picture with its tag."""
        return cls(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


class Pictures:
    """Finds pictures. Two who ask for one at the same time cost one call."""

    def __init__(self, sidecar: Sidecar, cache_bytes: int = CACHE_BYTES) -> None:
        self._sidecar = sidecar
        self._limit = cache_bytes
        self._kept: OrderedDict[tuple[str, str, str], Picture] = OrderedDict()
        self.kept_bytes = 0
        self._asked: dict[tuple[str, str, str], asyncio.Task[Picture]] = {}
        self._drawing = asyncio.Semaphore(_DRAWN_AT_ONCE)

    async def of_photo(self, photo_id: int, size: ThumbnailSize) -> Picture:
        """Return a photo's picture.

        Raises Refused (404) for a photo that is unknown or cannot be shown, ImmichError when only Immich has
        the picture and does not answer.
        """
        return await self._once(("photo", str(photo_id), size), lambda: self._find(photo_id, size))

    async def of_frames(self, photo_id: int) -> Picture:
        """Return the frames of a video on one sheet, with their times and with boxes around the faces.

        Raises Refused (404) for what is no video that was looked through.
        """

        async def draw() -> Picture:
            context = self._sidecar.context
            film, names = await context.ledger.aread(lambda db: _film_of(db, photo_id))
            if film is None or not film.times:
                raise Refused(404, "not_found", f"photo {photo_id} is no video that was looked through")
            return await self.sheet("the frames", self._draw_frames, film, names)

        return await self._once(("frames", str(photo_id), ""), draw)

    async def of_asset(self, asset_id: str, size: ThumbnailSize) -> Picture:
        """Return the picture of an asset of Immich. Raises Refused (404) or ImmichError."""

        async def ask() -> Picture:
            found = await self._sidecar.context.server.thumbnail(asset_id, size)
            if found is None:
                raise Refused(404, "not_found", f"Immich has no picture of the asset {asset_id} (yet)")
            return Picture.of(*found)

        return await self._once(("asset", asset_id, size), ask)

    async def of_person(self, person_id: str) -> Picture:
        """Return a person's face. Raises Refused (404) or ImmichError."""

        async def ask() -> Picture:
            try:
                found = await self._sidecar.context.server.person_thumbnail(person_id)
            except ImmichRejected:
                found = None  # not even an id to Immich
            if found is None:
                raise Refused(404, "not_found", f"Immich has no picture of the person {person_id} (yet)")
            return Picture.of(*found)

        return await self._once(("person", person_id, ""), ask)

    async def of_mixed(self, person_id: str) -> Picture:
        """Faces of both people whom Immich keeps under one name. Raises Refused (404) or ImmichError."""
        context = self._sidecar.context
        rows = await context.ledger.aread(embeddings.mixed_people)
        row = next((one for one in rows if one.person_id == person_id), None)
        if row is None:
            raise Refused(404, "not_found", f"the person {person_id} is not taken for two people")
        groups = [await self._faces(group) for group in row.groups or ()]
        if not all(groups):
            raise Refused(404, "not_found", f"Immich shows no faces of {row.name} (yet)")
        return await self.sheet(f"the faces of {row.name}", context.decoders.face_sheet, groups)

    async def of_strangers(self, key: str, group: Sequence[Stranger], labels: Sequence[str]) -> Picture:
        """Faces on one sheet, each with its label. Those of the newest photos where there are many.

        Raises Refused (404) or ImmichError.
        """

        async def draw() -> Picture:
            found: list[tuple[bytes, Mark]] = []
            for face, label in zip(group[:_MOST_ON_A_SHEET], labels, strict=False):
                preview = await self.of_photo(face.photo_id, ThumbnailSize.PREVIEW)
                found.append((preview.content, Mark(*face.place, label)))
            face_sheet = self._sidecar.context.decoders.face_sheet
            return await self.sheet("the faces", face_sheet, [found], _STRANGERS_ACROSS)

        return await self._once(("strangers", key, ""), draw)

    async def sheet(self, what: str, draw: Callable[..., bytes | str], *given: object) -> Picture:
        """Return one picture of several, drawn from what is given. Raises Refused (404) with `what`."""
        async with self._drawing:
            drawn = await asyncio.to_thread(draw, *given)
        if isinstance(drawn, str):
            raise Refused(404, "not_found", f"{what} cannot be shown: {drawn}")
        return Picture.of(drawn, "image/jpeg")

    async def _faces(self, group: Sequence[tuple[str, str]]) -> list[tuple[bytes, Mark]]:
        """Previews and places of some faces, as far as Immich still has them."""
        found: list[tuple[bytes, Mark]] = []
        for face_id, asset_id in group:
            if len(found) == _SHOWN_OF_EACH:
                break
            try:
                faces = await self._sidecar.context.server.faces(asset_id)
                face = next(one for one in faces if one.id == face_id)
                preview = await self.of_asset(asset_id, ThumbnailSize.PREVIEW)
            except (ImmichRejected, StopIteration, Refused):
                continue
            found.append((preview.content, Mark(*face.place)))
        return found

    async def _once(self, key: tuple[str, str, str], find: Callable[[], Awaitable[Picture]]) -> Picture:
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept

        async def find_and_keep() -> Picture:
            try:
                picture = await find()
                self._keep(key, picture)
                return picture
            finally:
                del self._asked[key]

        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(find_and_keep(), name="picture")
            # Whoever asked may have left. Then nobody is told what went wrong.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        # Shielded: one who leaves does not take the picture away from the others.
        return await asyncio.shield(task)

    def _keep(self, key: tuple[str, str, str], picture: Picture) -> None:
        if len(picture.content) > self._limit // 4:
            return
        self._kept[key] = picture
        self.kept_bytes += len(picture.content)
        while self.kept_bytes > self._limit:
            _, dropped = self._kept.popitem(last=False)
            self.kept_bytes -= len(dropped.content)

    async def _find(self, photo_id: int, size: ThumbnailSize) -> Picture:
        context = self._sidecar.context
        photo = await context.ledger.aread(lambda db: photos.get(db, photo_id))
        if photo is None:
            raise Refused(404, "not_found", f"there is no photo {photo_id}")
        problem_with_immich: ImmichError | None = None
        for asset_id in await self._assets(photo):
            try:
                found = await context.server.thumbnail(asset_id, size)
            except ImmichError as problem:
                problem_with_immich = problem  # the file may be here. It shows the same picture
                break
            if found is not None:
                return Picture.of(*found)
        names = (await context.ledger.aread(lambda db: photos.names_of(db, [photo.id])))[photo.id]
        async with self._drawing:
            drawn = await asyncio.to_thread(self._draw, names, size)
        if isinstance(drawn, Picture):
            return drawn
        if problem_with_immich is not None:
            raise problem_with_immich
        raise Refused(404, "not_found", f"{shown(photo.original_name)} cannot be shown: {drawn}")

    async def _assets(self, photo: Photo) -> list[str]:
        """Assets of Immich that show this photo: its own, or that of the copy with the same bytes."""
        if photo.asset_id is not None:
            return [photo.asset_id]
        if photo.category is not Category.DUPLICATES:
            return []

        def look(db: Database) -> list[str]:
            decision = photos.last_decision(db, photo.id)
            copy = decision[4].other_copy if decision else None
            found = [copy.asset_id] if copy and copy.asset_id else []
            if copy and copy.photo_id and (other := photos.get(db, copy.photo_id)):
                found += [other.asset_id] if other.asset_id else []
            return found

        return await self._sidecar.context.ledger.aread(look)

    def _draw_frames(self, film: Film, names: Sequence[Name]) -> bytes | str:
        """Runs in a worker thread."""
        path = file_of(self._sidecar.context, names)
        if path is None:
            return "its file is gone"
        # The most seen first, as `explain` lists them.
        return self._sidecar.context.decoders.frames_sheet(
            path, film.times, clocks(film.times), [_marks(film, at) for at in film.times]
        )

    def _draw(self, names: Sequence[Name], size: ThumbnailSize) -> Picture | str:
        """Return the picture from the file itself, or why there is none. Runs in a worker thread."""
        own = sorted((n for n in names if n.member is Member.PHOTO), key=lambda n: _AREAS.index(n.area))
        why = "its file is gone"
        for name in own:
            path = self._sidecar.context.absolute(name)
            if not os.path.lexists(path):
                continue
            context = self._sidecar.context
            drawn = context.decoders.draw(path, _SHORT_SIDE[size], context.tuning.max_pixels)
            if isinstance(drawn, bytes):
                return Picture.of(drawn, "image/jpeg")
            why = drawn
        return why


def _film_of(db: Database, photo_id: int) -> tuple[Film | None, list[Name]]:
    """Who is in a video by its last decision, or before that what was seen in it, and where it lies."""
    decision = photos.last_decision(db, photo_id)
    film = decision[4].film if decision else None
    return film or films.of_photos(db, [photo_id]).get(photo_id), photos.names_of(db, [photo_id])[photo_id]


def _marks(film: Film, at: float) -> list[Mark]:
    return [
        Mark(
            *seen.box.shares(face.face.image_width, face.face.image_height),
            f"{number} {name_of(face)}",
        )
        for number, face in enumerate(film.faces, 1)
        for seen in face.seen
        if seen.at == at and face.face.image_width and face.face.image_height
    ]


def answer(picture: Picture, request: Request) -> Response:
    """Return the picture, or 304 when the client has it."""
    headers = {"ETag": picture.tag, "Cache-Control": "private, max-age=300"}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if picture.tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(picture.content, media_type=picture.media_type, headers=headers)
