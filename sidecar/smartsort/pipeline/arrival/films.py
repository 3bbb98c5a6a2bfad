"""Looks through videos before they are placed: who is in them, and what they look like.

One video at a time, in a thread and a decoder of its own, which makes way for all others: photos go on as if
there were no videos. A video that hangs or ends its decoder has cost that one process, and waits for a human.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlite_utils import Database

from smartsort.core.model import Film, State
from smartsort.errors import SmartsortError
from smartsort.files.decoders import Decoders
from smartsort.files.frames import Frames
from smartsort.files.problems import FileProblem, FileVanished
from smartsort.ledger import films, photos, picture_hashes
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Photo
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.routing.near import file_of
from smartsort.ports import Measuring

_T = TypeVar("_T")

NOT_MEASURED = "smartsort knows no machine learning service (`immich.ml_url`)"


class VideoStage:
    """The stage that looks through videos.

    `measure` None: nobody tells who is in them. `look` says whether copies of them are wanted.
    """

    takes = films.WAITING

    def __init__(
        self, context: Context, measure: Measuring | None, decoders: Decoders, *, look: bool
    ) -> None:
        self._context, self._measure, self._decoders, self._look = context, measure, decoders, look
        self._thread = ThreadPoolExecutor(1, "videos")

    def close(self) -> None:
        """End the decoder, also in the middle of a video. Blocking."""
        self._decoders.close()
        self._thread.shutdown()

    async def _beside(self, work: Callable[[], _T]) -> _T:
        """Do it in the thread of the videos: those that photos need would be used up by waiting ones."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def step(self) -> bool:
        """Look through one video, False when none waits."""
        context = self._context
        if not context.enabled():
            return False
        photo = await context.ledger.aread(films.next_video)
        if photo is None:
            await self._beside(self._decoders.release)
            return False
        try:
            await self._watch(photo)
        except FileProblem as problem:  # the disk's: it says nothing about the video, which has another turn
            await context.commit([Change(photo.id, expect=self.takes, values={"problem": str(problem)})])
            return True
        context.wakeups.notify(State.UNIQUE)
        return True

    async def _watch(self, photo: Photo) -> Film:
        """Look through a video and remember what was seen. Raises as `_frames` does."""
        found = await self._frames(photo)
        film = await self._film(photo, found)
        at, ledger, alike = self._context.clock.text(), self._context.ledger, list[int]()
        if self._look:  # beside the writer: photos would wait for each video that this one is held against
            alike = await self._beside(lambda: self._alike(found, photo.id))

        def write(db: Database) -> None:
            films.put(db, photo, film, at, films.Copies(found.seconds, found.has_sound, tuple(alike)))
            picture_hashes.put_video(db, photo.id, found.looks)

        await ledger.awrite(write)
        return film

    def _alike(self, found: Frames, before: int) -> list[int]:
        """Ids of the older videos that show the same. The decoder compares: Python's lock is for photos."""
        read = self._context.ledger.read
        others = read(lambda db: picture_hashes.videos_in_common(db, found.looks, before))
        return sorted(i for i, looks in others.items() if self._decoders.same_video(looks, found.looks))

    async def _frames(self, photo: Photo) -> Frames:
        """Raises FileProblem or StorageError for what cannot be read now, SmartsortError at the end."""
        names = (await self._context.ledger.aread(lambda db: photos.names_of(db, [photo.id])))[photo.id]
        path = file_of(self._context, names)
        wanted = self._look or self._measure is not None
        if path is None or not wanted:
            return Frames()
        found = await self._beside(lambda: self._decoders.frames(path, copies=self._look))
        if isinstance(found, FileVanished):
            return Frames()  # moved meanwhile, as a duplicate is
        if isinstance(found, SmartsortError):
            raise found
        return found

    async def again(self, photo: Photo, film: Film) -> Film:
        """Look once more at a video whose faces nobody could be asked about. As it was while that is so."""
        if self._measure is None or not self._measure.available:
            return film
        try:
            return await self._watch(photo)
        except SmartsortError:
            return film

    async def _film(self, photo: Photo, found: Frames) -> Film:
        if found.problem:
            return Film(broken=found.problem)
        if self._measure is None:
            return Film(unknown=NOT_MEASURED)
        if not found.frames:
            return Film(unknown="its file is not there now")
        return await self._measure.watch(photo.id, found.frames)
