"""claimed -> hashed: is it a picture or video, and which bytes is it? Unreadable files go to review."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

from sqlite_utils import Database

from smartsort.core.model import CopyPlace, Digests, OtherCopy, State
from smartsort.errors import SmartsortError, StorageError
from smartsort.files.hashing import digests
from smartsort.files.media import Kind
from smartsort.files.probe import Probe, recognise
from smartsort.files.stamps import FileStamp, stamp
from smartsort.files.takeout import Takeout, read_takeout
from smartsort.ledger import photos, picture_hashes, takeout
from smartsort.ledger.copies import copies_of
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area, Member, Name, Photo
from smartsort.ledger.shots import Split, split_off
from smartsort.pipeline.arrival.suspects import DEADLY, Suspects
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.engine.intact import Intact
from smartsort.pipeline.recovery.claimed import own_name
from smartsort.pipeline.routing.route import PhotoEvidence, Router

BATCH = 256
"""Photos examined together, and written together if that takes no longer than `LONGEST_UNWRITTEN`."""

LONGEST_UNWRITTEN = 0.5
"""Seconds: large photos take long to decode, and the first of a delivery should not wait for 255 others."""

SLICE_BYTES = 8_000_000
SLICE_PHOTOS = 32
"""What one worker thread is given in one go: handing over a small file takes longer than reading it."""

LARGE_BYTES = 100_000_000
"""Of a file that is read beside the others, which would wait for seconds or minutes: a film."""

BATCH_OF_CHECKSUMS = 1000

_LAST, _LATER = 19, 1.0
"""The niceness of the thread that reads large files, and seconds until it looks again."""

_UNREAD = Probe(Kind.OTHER, "")
"""Of a file that is still to be decoded."""


class _Examined(NamedTuple):
    photo: Photo
    digests: Digests
    stamp: FileStamp
    """Of the photo as it was read: a slow writer may have gone on since it was claimed."""
    names: tuple[Name, ...]
    """Those of its names of which digest, size or time are new."""
    probe: Probe
    splits: tuple[Split, ...] = ()
    """Halves that go on by themselves, because they or the photo are broken."""
    takeout: Takeout | None = None
    """What Google Takeout says about the photo."""


class ExamineStage:
    """Reads every claimed file for both digests, and has it decoded, off the event loop.

    `look` says whether the hash of what pictures look like is wanted.
    """

    takes = (State.CLAIMED,)

    def __init__(
        self, context: Context, router: Router, workers: ThreadPoolExecutor, *, look: bool = True
    ) -> None:
        self._context, self._router, self._workers, self._look = context, router, workers, look
        self._suspects = Suspects(context.ledger)
        self._reader = ThreadPoolExecutor(1, "large files", initializer=os.nice, initargs=(_LAST,))

    def close(self) -> None:
        """Wait for the large file that is being read. Blocking."""
        self._reader.shutdown(cancel_futures=True)

    async def large_step(self) -> bool | float:
        """Examine one large file, False when none was waiting. Raises as `step` does."""
        context = self._context
        if not context.enabled():
            return False
        if await self._suspects.deaths():
            return _LATER  # `step` reads by itself what may have ended smartsort
        batch = await context.ledger.aread(
            lambda db: photos.in_state(db, State.CLAIMED, 1, of_bytes=(LARGE_BYTES, sys.maxsize))
        )
        if not batch:
            return False
        await self._suspects.begin([batch[0].id], "large")
        names = await context.ledger.aread(lambda db: photos.names_of(db, [batch[0].id]))
        loop = asyncio.get_running_loop()
        read = await loop.run_in_executor(self._reader, self._examine_all, batch, names, {})
        await self._note([(batch[0], read[0])])
        await self._suspects.begin([], "large")
        return True

    async def step(self) -> bool:
        """Examine one batch, False when nothing was waiting. Raises StorageError (a folder is at fault)."""
        context = self._context
        if not context.enabled():
            return False  # an unreadable file would be routed
        deaths = await self._suspects.deaths()
        of_bytes = (0, sys.maxsize if deaths else LARGE_BYTES)
        batch = await context.ledger.aread(
            lambda db: photos.in_state(db, State.CLAIMED, BATCH, of_bytes=of_bytes)
        )
        if not batch:
            return False
        suspect = next((photo for photo in batch if photo.id in deaths), None)
        if suspect is not None:
            batch = [suspect]
        await self._suspects.begin([photo.id for photo in batch])
        names = await context.ledger.aread(lambda db: photos.names_of(db, [p.id for p in batch]))
        loop = asyncio.get_running_loop()
        started = [
            (part, loop.run_in_executor(self._workers, self._examine_all, part, names, deaths))
            for part in slices(batch)
        ]
        results: list[tuple[Photo, _Examined | SmartsortError]] = []
        written = loop.time()
        for part, answer in started:  # in order: of two equal files the older one is the photo
            results += zip(part, await answer, strict=True)
            if suspect is not None:
                await self._suspects.end(suspect.id)
            if loop.time() - written >= LONGEST_UNWRITTEN:
                await self._note(results)
                results, written = [], loop.time()
        await self._note(results)
        return True

    async def _note(self, results: Sequence[tuple[Photo, _Examined | SmartsortError]]) -> None:
        """Write what was found out. Raises StorageError afterwards where a folder is at fault."""
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
        self, part: list[Photo], names: dict[int, list[Name]], deaths: dict[int, int]
    ) -> list[_Examined | SmartsortError]:
        """Runs in a worker thread."""
        read = [self._digest(photo, names[photo.id], deaths.get(photo.id, 0)) for photo in part]
        unread = [item for item in read if isinstance(item, _Examined) and item.probe is _UNREAD]
        wanted = [
            (item, name)
            for item in unread
            for name in names[item.photo.id]
            if name.member in (Member.PHOTO, Member.RAW, Member.VIDEO)
        ]
        paths = [self._context.absolute(name) for _, name in wanted]
        seen: dict[int, list[tuple[Name, Probe | SmartsortError]]] = {}
        probes = self._context.decoders.probe(paths, self._context.tuning.max_pixels)
        for (item, name), found in zip(wanted, probes, strict=True):
            seen.setdefault(item.photo.id, []).append((name, found))
        return [
            _judged(item, seen[item.photo.id])
            if isinstance(item, _Examined) and item.photo.id in seen
            else item
            for item in read
        ]

    def _digest(self, photo: Photo, names: list[Name], deaths: int) -> _Examined | SmartsortError:
        """Return the digests of a photo and what travels with it, and why it is not to be decoded."""
        path = self._context.absolute(next(n for n in names if n.member is Member.PHOTO))
        most_bytes = self._context.tuning.max_file_bytes
        try:
            now = stamp(path)
            found = digests(path, now)
            read = (
                n._replace(size=now.size, mtime_ns=now.mtime_ns)
                if n.member is Member.PHOTO
                else self._read(n)
                for n in names
            )
            said = self._takeout(names)
            changed = tuple(new for new, old in zip(read, names, strict=True) if new != old)
            if deaths >= DEADLY:
                why = f"smartsort was ended {deaths} times while it read the file, maybe for want of memory"
                probe = replace(recognise(path), problem=why)
            elif most_bytes and photo.size > most_bytes:
                probe = replace(recognise(path), problem=f"larger than {most_bytes:,} bytes")
            else:
                probe = _UNREAD
        except SmartsortError as problem:
            return problem
        return _Examined(photo, found, now, changed, probe, takeout=said)

    def _takeout(self, names: Sequence[Name]) -> Takeout | None:
        beside = next((n for n in names if n.member is Member.TAKEOUT), None)
        return read_takeout(self._context.absolute(beside)) if beside else None

    def _read(self, companion: Name) -> Name:
        path = self._context.absolute(companion)
        now = stamp(path)
        return companion._replace(size=now.size, mtime_ns=now.mtime_ns, sha256=digests(path, now).sha256)

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
                    "camera": item.probe.metadata.camera or "",
                    "taken_at": taken.isoformat() if (taken := item.probe.metadata.taken) else None,
                },
                names_added=item.names,
            )
            for item in done
        ]
        splits = [split for item in done for split in item.splits]
        if splits:
            at = context.clock.text()
            await context.ledger.awrite(lambda db: split_off(db, splits, at))
            context.wakeups.notify(State.CLAIMED)
        hashes = {
            i.photo.id: i.probe.look
            for i in done
            if self._look and i.probe.kind is Kind.IMAGE and i.probe.problem is None
        }
        said = {item.photo.id: item.takeout for item in done if item.takeout is not None}

        def write_more(db: Database) -> None:
            picture_hashes.put(db, hashes)
            takeout.put(db, said)

        await context.commit(changes, write_more)
        unreadable = {i.photo.id: i.probe.problem for i in done if i.probe.problem is not None}
        if unreadable:
            fresh = await context.ledger.aread(lambda db: photos.by_ids(db, list(unreadable)))
            await self._router.route(
                [PhotoEvidence.unreadable(photo, unreadable[photo.id]) for photo in fresh]
            )


def _judged(item: _Examined, seen: list[tuple[Name, Probe | SmartsortError]]) -> _Examined | SmartsortError:
    """With what its files are. Of a good photo the broken halves go, of a broken one the good halves."""
    halves: list[tuple[Name, Probe]] = []
    own = item.probe
    for name, found in seen:
        if isinstance(found, SmartsortError):
            return found
        if name.member is Member.PHOTO:
            own = found
            if own.kind is Kind.XMP:  # never a photo in Immich, and beside another photo its side file
                own = replace(own, problem="not a picture or video (XMP)")
        elif name.area is Area.TEMP:
            halves.append((name, found))
    whole = own.problem is None
    splits = tuple(
        Split(item.photo, name, own_name(name), half.problem or f"{item.photo.original_name}: {own.problem}")
        for name, half in halves
        if (half.problem is None) is not whole
    )
    leaving = {split.half.path for split in splits}
    kept = tuple(name for name in item.names if name.path not in leaving)
    return item._replace(probe=own, names=kept, splits=splits)


def slices(batch: Sequence[Photo]) -> Iterator[list[Photo]]:
    """Yield the photos in order, in portions that are worth a thread's while."""
    part: list[Photo] = []
    for photo in batch:
        part.append(photo)
        if len(part) == SLICE_PHOTOS or sum(p.size for p in part) >= SLICE_BYTES:
            yield part
            part = []
    if part:
        yield part


class DeduplicateStage:
    """hashed -> unique: holds the content against the ledger and against Immich's uploads.

    `wanted` tells how many photos could be placed now: Immich is asked, in one call for all, only when the
    answer is of use. Duplicates the ledger knows are routed at once.
    """

    takes = (State.HASHED,)

    def __init__(self, context: Context, router: Router, wanted: Callable[[int], Awaitable[int]]) -> None:
        self._context, self._router, self._wanted = context, router, wanted
        self._compared: set[int] = set()

    async def step(self) -> bool:
        """Compare what is waiting. Raises ImmichError and leaves the photos waiting."""
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
        await self._router.route([PhotoEvidence.known(p, uploads[p.id]) for p in batch if p.id in uploads])
        context.wakeups.notify(State.UNIQUE)  # the place stage waits for these, even if all are duplicates
        return True

    async def _without_known(self, batch: list[Photo]) -> list[Photo]:
        """Route the photos the ledger has another copy of. Return the others."""
        wanted = {p.id: p.sha256 for p in batch if p.sha256 and p.id not in self._compared}
        if not wanted:
            return batch
        copies = await self._context.ledger.aread(lambda db: copies_of(db, wanted))
        if copies:
            copies = await asyncio.to_thread(self._intact, {i: wanted[i] for i in copies})
        self._compared |= wanted.keys()
        await self._router.route([PhotoEvidence.known(p, copies[p.id]) for p in batch if p.id in copies])
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
