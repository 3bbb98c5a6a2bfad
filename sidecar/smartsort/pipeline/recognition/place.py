"""unique -> placed: put photos into the open shard of `library/`, in batches Immich can digest."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlite_utils import Database

from smartsort.core.event_kinds import EventKind
from smartsort.core.model import State
from smartsort.core.naming import shard_folder
from smartsort.core.pace import Batches
from smartsort.errors import ImmichError, ImmichRejected, SmartsortError, StorageError
from smartsort.files.media import acceptable_for
from smartsort.files.names import candidates, library_name
from smartsort.files.placement import Placed, PlaceRequest, Removed, RemoveRequest
from smartsort.files.problems import NameTaken
from smartsort.files.shown import shown
from smartsort.files.stamps import stamp
from smartsort.ledger import films, photos, shards
from smartsort.ledger.photos import Change, apply
from smartsort.ledger.records import Area, Member, Name, NewEvent, Photo
from smartsort.ledger.shards import Shard
from smartsort.ledger.shots import companion_name
from smartsort.pipeline.engine.context import Context

log = logging.getLogger(__name__)

BACKLOG = (State.ARRIVED, State.CLAIMED, State.HASHED, State.UNIQUE)


class _InLibrary(NamedTuple):
    """A name in `library/` and the temporary one it was made from."""

    source: Name
    name: Name


class _Placement(NamedTuple):
    """A file of a photo, the folder in `library/` it shall have a name in, and the names to try."""

    photo: Photo
    source: Name
    folder: str
    names: Iterable[str]


class PlaceStage:
    """Places new photos once into the library, where they stay, and has Immich scan that shard."""

    takes = (State.UNIQUE,)

    def __init__(self, context: Context) -> None:
        self._context = context
        self.batches = Batches(limit=context.tuning.max_in_flight)
        self.let_through: frozenset[int] = frozenset()
        """Photos in flight that recognition has begun with: they do not keep the next batch waiting."""
        self._libraries: dict[int, str] = {}

    async def step(self) -> bool:
        """Place as many as the bound allows, False when there is nothing to place or no room.

        Raises ImmichError while the library cannot be made sure of: then nothing is placed. Raises
        StorageError for what the library did not take, after everything else is placed.
        """
        context = self._context
        if not context.enabled():
            return False
        waiting, coming = await context.ledger.aread(
            lambda db: (films.count_ready(db, State.UNIQUE), films.count_ready(db, State.HASHED))
        )
        room = await self.room(waiting)
        if room == 0 or (coming and await self.room(waiting + coming) > waiting):
            return False  # those that are about to be compared go along: a batch costs calls
        batch = await context.ledger.aread(lambda db: films.looked_at(db, room))
        if not batch:
            return False
        shard = await context.ledger.awrite(lambda db: shards.open_shard(db, context.tuning.shard_size))
        await self._library(shard)
        placed, problem = await self._place(batch, shard)
        backlog = await context.ledger.aread(lambda db: films.count_ready(db, *BACKLOG))
        self.batches.placed(len(batch), backlog, context.clock.monotonic())
        if placed:
            await self.scan(shard.number)
        if problem is not None:
            raise problem
        return True

    async def room(self, waiting: int) -> int:
        """Return how many of `waiting` photos may be placed now, 0 while sorting is switched off."""
        if not self._context.enabled():
            return 0
        let_through = self.let_through
        in_flight = await self._context.ledger.aread(lambda db: photos.in_flight(db, let_through))
        if in_flight == 0:
            self.batches.through(self._context.clock.monotonic())
        return self.batches.room(in_flight, waiting)

    async def _library(self, shard: Shard) -> str:
        """Return the external library of a shard: the remembered one, one with its path, or a new one."""
        known = self._libraries.get(shard.number)
        if known is not None:
            return known
        context = self._context
        path = context.in_immich(shard_folder(shard.number))
        folder = os.path.join(context.folder(Area.LIBRARY), shard_folder(shard.number))
        await asyncio.to_thread(context.placer.make_folder, folder)
        libraries = await context.server.libraries()
        found = next((lib for lib in libraries if path in (p.rstrip("/") for p in lib.import_paths)), None)
        if found is None:
            found = await context.server.create_library(f"smartsort {shard.number}", path)
        await context.ledger.awrite(lambda db: shards.name_library(db, shard.number, found.id))
        self._libraries[shard.number] = found.id
        return found.id

    async def scan(self, number: int) -> None:
        """Have Immich look at a shard again, unless `trigger_scan` leaves that to Immich itself."""
        context = self._context
        library_id = await self.library_of(number)
        if library_id is None or not context.tuning.trigger_scan:
            return
        try:
            await asyncio.to_thread(context.placer.guard)  # an unmounted library must not be scanned
            await context.server.scan(library_id)
        except ImmichRejected:
            await context.server.scan(await self._library_again(number))

    async def _library_again(self, number: int) -> str:
        """Somebody has deleted the library in Immich: it is found or made again."""
        self._libraries.clear()
        rows = await self._context.ledger.aread(shards.shards)
        return await self._library(next(r for r in rows if r.number == number))

    async def check_readable(self, number: int) -> None:
        """Raises ImmichError when Immich cannot read a shard's folder: what it lacks then says nothing."""
        path = self._context.in_immich(shard_folder(number))
        library_id = await self.library_of(number)
        if library_id is None:
            return
        try:
            problem = await self._context.server.validate_import_path(library_id, path)
        except ImmichRejected:
            found = await self._library_again(number)
            problem = await self._context.server.validate_import_path(found, path)
        if problem is not None:
            raise ImmichError(
                f"Immich cannot read its library {path}: {problem}. Photos wait. Mount library/ there "
                "(the setting immich.library_path says where Immich sees it)."
            )

    async def library_of(self, shard: int) -> str | None:
        """Return the library id of a shard, None while it has none."""
        if shard in self._libraries:
            return self._libraries[shard]
        rows = await self._context.ledger.aread(shards.shards)
        return next((row.library_id for row in rows if row.number == shard), None)

    async def ensure_library(self) -> str:
        """Make sure that the open shard has its library. Used at start-up."""
        context = self._context
        shard = await context.ledger.awrite(lambda db: shards.open_shard(db, context.tuning.shard_size))
        return await self._library(shard)

    async def _place(self, batch: list[Photo], shard: Shard) -> tuple[int, StorageError | None]:
        """Return how many were placed, and what the library refused to take."""
        context = self._context
        ids = [p.id for p in batch]
        names = await context.ledger.aread(lambda db: photos.names_of(db, ids))
        changed = await asyncio.to_thread(self._changed, names)
        if changed:
            again = [Change(i, state=State.CLAIMED, expect=(State.UNIQUE,)) for i in sorted(changed)]
            await context.commit(again)
            batch = [p for p in batch if p.id not in changed]
        at = context.clock.now().astimezone()
        context.checkpoint("place:start")

        def carry_out() -> dict[int, list[_InLibrary] | SmartsortError]:
            return self._carry_out(batch, names, shard, at)

        results = await asyncio.to_thread(carry_out)
        context.checkpoint("place:placed")
        changes, failed, drops = [], [], []
        now = context.clock.text()
        for photo in batch:
            result = results[photo.id]
            if isinstance(result, SmartsortError):
                failed.append((photo, result))
                continue
            leaving = [n for n in names[photo.id] if n.area is Area.TEMP]
            changes.append(
                Change(
                    photo.id,
                    state=State.PLACED,
                    expect=(State.UNIQUE,),
                    values={"shard": shard.number, "placed_at": now, "problem": None},
                    names_added=tuple(entry.name for entry in result),
                    names_removed=tuple((n.area, n.path) for n in leaving),
                    events=(NewEvent(EventKind.PLACED, photo.id, {"library": result[0].name.path}),),
                )
            )
            drops += [
                (
                    photo.id,
                    RemoveRequest(context.absolute(s.source), context.absolute(s.name), sha256=s.name.sha256),
                )
                for s in result
            ]

        def write(db: Database) -> None:
            apply(db, changes, now)
            shards.grow_shard(db, shard.number, len(changes))

        await context.ledger.awrite(write)
        context.wakeups.notify(State.PLACED)
        context.checkpoint("place:committed")
        await self._leave(drops)
        of_files = [(p, problem) for p, problem in failed if not isinstance(problem, StorageError)]
        await context.commit([Change(p.id, values={"problem": str(problem)}) for p, problem in of_files])
        refused = next((problem for _, problem in failed if isinstance(problem, StorageError)), None)
        return len(changes), refused

    async def _leave(self, drops: list[tuple[int, RemoveRequest]]) -> None:
        """The names in `temp_downloads/` go. What cannot go now explains itself and goes later."""
        results: Sequence[Removed | SmartsortError]
        try:
            results = await asyncio.to_thread(self._context.placer.remove, [drop for _, drop in drops])
        except StorageError as problem:
            results = [problem] * len(drops)
        self._context.needs_recovery.update(
            photo_id
            for (photo_id, _), result in zip(drops, results, strict=True)
            if isinstance(result, StorageError)
        )

    def _changed(self, names: dict[int, list[Name]]) -> set[int]:
        """Runs in a worker thread: photos that were written to since they were read, and are read again.

        Somebody may still hold the file open, or have another hard link to it.
        """
        found: set[int] = set()
        for photo_id, held in names.items():
            for name in held:
                path = self._context.absolute(name)
                try:
                    now = stamp(path)
                except SmartsortError:
                    continue  # placing says what is wrong
                if (now.size, now.mtime_ns) != (name.size, name.mtime_ns):
                    log.warning("%s has changed since it was read. It is read again", shown(path))
                    found.add(photo_id)
        return found

    def _carry_out(
        self, batch: list[Photo], names: dict[int, list[Name]], shard: Shard, at: datetime
    ) -> dict[int, list[_InLibrary] | SmartsortError]:
        """Runs in a worker thread: photos first, then what travels with them under their names.

        A photo that comes alone stands beside others, for a folder costs more than all else about a photo.
        With companions it has one of its own: Immich takes a neighbour's `IMG.xmp` for that of `IMG.png` too.
        """
        shared, own = self._folders(shard)
        firsts = [(p, next(n for n in names[p.id] if n.member is Member.PHOTO)) for p in batch]
        alone = [
            _Placement(p, n, shared(p), (self._library_name(p),)) for p, n in firsts if len(names[p.id]) == 1
        ]
        results = self._place_all(alone)
        apart = [
            _Placement(p, n, own(p), candidates(self._library_name(p), at))
            for p, n in firsts
            if p.id not in results or isinstance(results[p.id], NameTaken)
        ]
        results |= self._place_all(apart)
        followers = [
            _Placement(p, n, own(p), candidates(companion_name(n, os.path.basename(placed[0].name.path)), at))
            for p in batch
            for n in names[p.id]
            if n.member is not Member.PHOTO and isinstance(placed := results[p.id], list)
        ]
        self._place_all(followers, results)
        return results

    def _folders(self, shard: Shard) -> tuple[Callable[[Photo], str], Callable[[Photo], str]]:
        layout, number = self._context.layout, shard_folder(shard.number)
        return (
            lambda photo: layout.library_folder(number, photo.sha256 or ""),
            lambda photo: layout.own_library_folder(number, photo.sha256 or ""),
        )

    def _library_name(self, photo: Photo) -> str:
        return library_name(photo.original_name, photo.extension or "", acceptable_for(photo.media_type))

    def _place_all(
        self,
        requests: Sequence[_Placement],
        results: dict[int, list[_InLibrary] | SmartsortError] | None = None,
    ) -> dict[int, list[_InLibrary] | SmartsortError]:
        """Return what was placed of each photo, added to `results`.

        An error of one of its files stands for all.
        """
        results = {} if results is None else results
        if not requests:
            return results
        context = self._context
        placements = [
            PlaceRequest(
                source=context.absolute(source),
                folder=folder,
                names=names,
                sha256=_digest(photo, source),
                adopt=context.tuning.check_hash,  # with it no other photo can have these bytes here
            )
            for photo, source, folder, names in requests
        ]
        base = f"{context.folder(Area.LIBRARY)}/"
        for (photo, source, *_), result in zip(requests, context.placer.place(placements), strict=True):
            so_far = results.setdefault(photo.id, [])
            if not isinstance(so_far, list):
                continue
            if not isinstance(result, Placed):
                results[photo.id] = result
                continue
            name = Name(
                photo.id,
                Area.LIBRARY,
                result.path.removeprefix(base),
                source.member,
                result.method.value,
                size=result.stamp.size,
                mtime_ns=result.stamp.mtime_ns,
                sha256=_digest(photo, source),
            )
            so_far.append(_InLibrary(source, name))
        return results


def _digest(photo: Photo, source: Name) -> str | None:
    return photo.sha256 if source.member is Member.PHOTO else source.sha256
