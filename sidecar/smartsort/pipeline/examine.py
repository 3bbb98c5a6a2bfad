"""claimed -> hashed: is it a picture or video, and which bytes is it? Unreadable files go to review."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

from smartsort.core.model import CopyPlace, Digests, Evidence, OtherCopy, State
from smartsort.errors import SmartsortError, StorageError
from smartsort.files.hashing import digests
from smartsort.files.media import Kind
from smartsort.files.probe import Probe, probe
from smartsort.files.shown import shown
from smartsort.files.stamps import FileStamp, stamp
from smartsort.ledger import photos
from smartsort.ledger.copies import copies_of
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Member, Name, Photo
from smartsort.pipeline.context import Context
from smartsort.pipeline.intact import Intact
from smartsort.pipeline.route import Router, Verdict

log = logging.getLogger(__name__)

BATCH = 256
"""Photos examined together, and written together if that takes no longer than `LONGEST_UNWRITTEN`."""

LONGEST_UNWRITTEN = 0.5
"""Seconds: large photos take long to decode, and the first of a delivery should not wait for 255 others."""

SLICE_BYTES = 8_000_000
SLICE_PHOTOS = 32
"""What one worker thread is given in one go: handing over a small file takes longer than reading it."""

BATCH_OF_CHECKSUMS = 1000


class _Examined(NamedTuple):
    photo: Photo
    probe: Probe
    digests: Digests
    stamp: FileStamp
    """Of the photo as it was read: a slow writer may have gone on since it was claimed."""
    names: tuple[Name, ...]
    """Those of its names of which digest, size or time are new."""


class Examine:
    """Reads every claimed file for both digests and decodes it, off the event loop."""

    takes = (State.CLAIMED,)

    def __init__(self, context: Context, router: Router, workers: ThreadPoolExecutor) -> None:
        self._context, self._router, self._workers = context, router, workers

    async def step(self) -> bool:
        """Examine one batch; False when nothing was waiting. Raises StorageError (a folder is at fault)."""
        context = self._context
        if not context.enabled():
            return False  # an unreadable file would be routed
        batch = await context.ledger.aread(lambda db: photos.in_state(db, State.CLAIMED, BATCH))
        if not batch:
            return False
        names = await context.ledger.aread(lambda db: photos.names_of(db, [p.id for p in batch]))
        loop = asyncio.get_running_loop()
        started = [
            (part, loop.run_in_executor(self._workers, self._examine_all, part, names))
            for part in slices(batch)
        ]
        results: list[tuple[Photo, _Examined | SmartsortError]] = []
        written = loop.time()
        for part, answer in started:  # in order: of two equal files the older one is the photo
            results += zip(part, await answer, strict=True)
            if loop.time() - written >= LONGEST_UNWRITTEN:
                await self._note(results)
                results, written = [], loop.time()
        await self._note(results)
        return True

    async def _note(self, results: Sequence[tuple[Photo, _Examined | SmartsortError]]) -> None:
        """Write what was found out; raises StorageError afterwards where a folder is at fault."""
        self._context.checkpoint("examine:read")
        await self._write([result for _, result in results if isinstance(result, _Examined)])
        errors = [(photo, result) for photo, result in results if isinstance(result, SmartsortError)]
        await self._context.commit(
            [
                Change(photo.id, values={"problem": str(error)})
                for photo, error in errors
                if not isinstance(error, StorageError)
            ]
        )
        for _, error in errors:
            if isinstance(error, StorageError):
                raise error

    def _examine_all(
        self, part: list[Photo], names: dict[int, list[Name]]
    ) -> list[_Examined | SmartsortError]:
        return [self._examine(photo, names[photo.id]) for photo in part]

    def _examine(self, photo: Photo, names: list[Name]) -> _Examined | SmartsortError:
        """Runs in a worker thread."""
        context = self._context
        path = context.absolute(next(n for n in names if n.member is Member.PHOTO))
        try:
            now = stamp(path)
            found = digests(path, now)
            read = (
                n._replace(size=now.size, mtime_ns=now.mtime_ns)
                if n.member is Member.PHOTO
                else self._read(n)
                for n in names
            )
            changed = tuple(new for new, old in zip(read, names, strict=True) if new != old)
            seen = self._probed(photo, path, names)
        except SmartsortError as problem:
            return problem
        return _Examined(photo, seen, found, now, changed)

    def _probed(self, photo: Photo, path: str, names: list[Name]) -> Probe:
        """What the file is. A file that no decoder was prepared for must not hold up the others."""
        most_bytes, most_pixels = self._context.tuning.max_file_bytes, self._context.tuning.max_pixels
        if most_bytes and photo.size > most_bytes:
            return Probe(Kind.OTHER, "", problem=f"larger than {most_bytes:,} bytes")
        try:
            seen = probe(path, max_pixels=most_pixels) if most_pixels else probe(path)
            if seen.problem is None:
                seen = replace(seen, problem=self._problem_of_half(names))
        except SmartsortError:
            raise
        except Exception as error:
            log.exception("examining %s failed", shown(path))
            why = f"examining it failed ({type(error).__name__}: {error}); please report it"
            return Probe(Kind.OTHER, "", problem=why)
        return seen

    def _read(self, companion: Name) -> Name:
        path = self._context.absolute(companion)
        now = stamp(path)
        return companion._replace(size=now.size, mtime_ns=now.mtime_ns, sha256=digests(path, now).sha256)

    def _problem_of_half(self, names: list[Name]) -> str | None:
        """What is wrong with the raw photo or video that travels along: nothing broken enters the library."""
        for name in names:
            if name.member in (Member.RAW, Member.VIDEO):
                problem = probe(self._context.absolute(name)).problem
                if problem is not None:
                    return f"its {name.member.value} half: {problem}"
        return None

    async def _write(self, done: list[_Examined]) -> None:
        context = self._context
        changes = [
            Change(
                item.photo.id,
                expect=(State.CLAIMED,),
                state=State.HASHED if item.probe.problem is None else None,
                values={
                    "size": item.stamp.size,
                    "mtime_ns": item.stamp.mtime_ns,
                    "sha256": item.digests.sha256,
                    "sha1": item.digests.sha1,
                    "media_kind": item.probe.kind.value,
                    "media_type": item.probe.media_type,
                    "extension": item.probe.extension,
                    "width": item.probe.width,
                    "height": item.probe.height,
                    "taken_at": item.probe.taken.isoformat() if item.probe.taken else None,
                },
                names_added=item.names,
            )
            for item in done
        ]
        await context.commit(changes)
        unreadable = {i.photo.id: i.probe.problem for i in done if i.probe.problem is not None}
        if unreadable:
            fresh = await context.ledger.aread(lambda db: photos.by_ids(db, list(unreadable)))
            await self._router.route(
                [Verdict(photo, Evidence(unreadable=unreadable[photo.id])) for photo in fresh]
            )


def slices(batch: Sequence[Photo]) -> Iterator[list[Photo]]:
    """The photos in order, in portions that are worth a thread's while."""
    part: list[Photo] = []
    for photo in batch:
        part.append(photo)
        if len(part) == SLICE_PHOTOS or sum(p.size for p in part) >= SLICE_BYTES:
            yield part
            part = []
    if part:
        yield part


class Compare:
    """hashed -> unique: holds the content against the ledger and against Immich's uploads.

    `wanted` tells how many photos could be placed now: Immich is asked, in one call for all, only when the
    answer is of use. Duplicates the ledger knows are routed at once.
    """

    takes = (State.HASHED,)

    def __init__(self, context: Context, router: Router, wanted: Callable[[int], Awaitable[int]]) -> None:
        self._context, self._router, self._wanted = context, router, wanted
        self._compared: set[int] = set()

    async def step(self) -> bool:
        """Compare what is waiting; raises ImmichError and leaves the photos waiting."""
        context = self._context
        if not context.enabled():
            return False
        ids = await context.ledger.aread(lambda db: photos.ids_in_state(db, State.HASHED, BATCH_OF_CHECKSUMS))
        if not ids:
            self._compared.clear()
            return False
        if await self._wanted(len(ids)) == 0:
            fresh = [i for i in ids if i not in self._compared] if context.tuning.check_hash else []
            if fresh:
                await self._without_known(await context.ledger.aread(lambda db: photos.by_ids(db, fresh)))
            return False
        # Once more: what was looked up before may have gained an older twin meanwhile.
        self._compared.clear()
        batch = await context.ledger.aread(lambda db: photos.in_state(db, State.HASHED, BATCH_OF_CHECKSUMS))
        uploads: dict[int, OtherCopy] = {}
        if context.tuning.check_hash:
            batch = await self._without_known(batch)
            uploads = await self._uploads(batch)
        await context.commit(
            [Change(p.id, expect=(State.HASHED,), state=State.UNIQUE) for p in batch if p.id not in uploads]
        )
        await self._router.route(
            [Verdict(p, Evidence(other_copy=uploads[p.id])) for p in batch if p.id in uploads]
        )
        return True

    async def _without_known(self, batch: list[Photo]) -> list[Photo]:
        """Route the photos the ledger has another copy of; the others."""
        wanted = {p.id: p.sha256 for p in batch if p.sha256 and p.id not in self._compared}
        if not wanted:
            return batch
        copies = await self._context.ledger.aread(lambda db: copies_of(db, wanted))
        if copies:
            copies = await asyncio.to_thread(self._intact, {i: wanted[i] for i in copies})
        self._compared |= wanted.keys()
        await self._router.route(
            [Verdict(p, Evidence(other_copy=copies[p.id])) for p in batch if p.id in copies]
        )
        return [p for p in batch if p.id not in copies]

    def _intact(self, digests: dict[int, str]) -> dict[int, OtherCopy]:
        """Runs in a worker thread: what is known of the others' files counts only while it is true."""
        intact = Intact(self._context)
        found = {photo_id: intact.copy_of(photo_id, sha256) for photo_id, sha256 in digests.items()}
        return {photo_id: copy for photo_id, copy in found.items() if copy is not None}

    async def _uploads(self, rest: list[Photo]) -> dict[int, OtherCopy]:
        if not rest:
            return {}
        found = await self._context.server.uploads_with_content([p.sha1 for p in rest if p.sha1])
        copies: dict[int, OtherCopy] = {}
        for photo in rest:
            upload = found.get(photo.sha1 or "")
            if upload is not None:
                place = CopyPlace.IMMICH_TRASH if upload.trashed else CopyPlace.IMMICH
                copies[photo.id] = OtherCopy(place, asset_id=upload.asset_id)
        return copies
