"""The stage that joins what came later to the photo it belongs to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import NamedTuple

from sqlite_utils import Database

from smartsort.actions.join import fold, join, waiting
from smartsort.actions.rearrange import Rearrange
from smartsort.core.model import IN_PROGRESS, State
from smartsort.errors import SmartsortError, StorageError
from smartsort.files.grouping import RAW, VIDEO, rank_of_name
from smartsort.files.hashing import sha256_of
from smartsort.files.stamps import stamp
from smartsort.files.takeout import read_takeout
from smartsort.ledger import arrangement, photos, shots, takeout
from smartsort.ledger.arrangement import Arrangement
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area, Member, Name, Photo
from smartsort.pipeline.arrival.claim import Claimer, Offered
from smartsort.pipeline.engine.context import Context

log = logging.getLogger(__name__)

_JOINED = (State.FILED, State.REVIEW)
_MEMBERS = {RAW: Member.RAW, VIDEO: Member.VIDEO}


class _Pair(NamedTuple):
    """A picture and the raw photo or clip that came before it, with their names."""

    picture: Photo
    half: Photo
    names: list[Name]
    half_names: list[Name]


class JoinLate:
    """Carries out what `smartsort.pipeline.arrival.late` found out."""

    def __init__(self, context: Context, claimer: Claimer) -> None:
        self._context, self._claimer, self._rearrange = context, claimer, Rearrange(context)

    async def step(self) -> None:
        """Join all there is. Raises StorageError (a folder is at fault)."""
        ledger = self._context.ledger
        async with self._context.arranging:
            pairs = await ledger.aread(shots.older_halves)
            ready = [pair for pair in pairs if await self._hand_over(*pair)]
            ids = await ledger.aread(shots.to_be_joined)
            if ids:
                before = await asyncio.to_thread(self._read, ids)
                rows = await ledger.aread(lambda db: photos.by_ids(db, ids))
                await self._rearrange.run([join(photo, before[photo.id]) for photo in rows], "smartsort")
            for pair in ready:
                await self._fold(*pair)

    async def _pair(self, picture_id: int, half_id: int) -> _Pair | None:
        """Return a picture and its older half with their names, None for a pair that will never be one shot.

        Neither may be thrown away, a duplicate or, once it is at rest, outside the library.
        """
        ledger, ids = self._context.ledger, [picture_id, half_id]
        rows = {photo.id: photo for photo in await ledger.aread(lambda db: photos.by_ids(db, ids))}
        names = await ledger.aread(lambda db: photos.names_of(db, ids))
        for photo_id in ids:
            photo = rows.get(photo_id)
            if photo is None or photo.state not in (*IN_PROGRESS, *_JOINED) or photo.duplicate_of:
                return None
            if photo.state in _JOINED and all(n.area is not Area.LIBRARY for n in names[photo_id]):
                return None
        return _Pair(rows[picture_id], rows[half_id], names[picture_id], names[half_id])

    async def _hand_over(self, picture_id: int, half_id: int) -> bool:
        """Give the picture the bytes of its older half as well. True when the half can end."""
        pair = await self._pair(picture_id, half_id)
        if pair is not None and any(photo.state in IN_PROGRESS for photo in (pair.picture, pair.half)):
            return False
        member = _MEMBERS[rank_of_name(pair.half.original_name)] if pair else Member.PHOTO
        held = next((n for n in pair.names if n.member is member), None) if pair else None
        if pair is None or (held is not None and held.sha256 not in (None, pair.half.sha256)):
            await self._context.ledger.awrite(lambda db: shots.forget_older(db, [(picture_id, half_id)]))
            return False
        if held is not None:
            return True
        path = self._context.absolute(min(pair.half_names, key=lambda n: n.area is not Area.LIBRARY))
        try:
            offered = Offered(
                path,
                await asyncio.to_thread(stamp, path),
                pair.half.source,
                renamed={path: pair.half.original_name},
                why=f"photo {pair.half.id}, which came before it",
                joins=pair.picture,
                member=member,
                keep_origin=True,
            )
            [result] = await self._claimer.claim([offered])
        except StorageError:
            raise
        except SmartsortError as problem:
            result = problem
        if isinstance(result, SmartsortError):
            log.warning("photo %s is not joined to photo %s yet: %s", half_id, picture_id, result)
        return isinstance(result, Photo)

    async def _fold(self, picture_id: int, half_id: int) -> None:
        """End the older half once the picture has its bytes in all its places."""
        ledger, pair = self._context.ledger, await self._pair(picture_id, half_id)
        if pair is None:
            return
        picture, half = pair.picture, pair.half
        heir = next((n for n in pair.names if n.sha256 == half.sha256 and n.area is Area.LIBRARY), None)
        if heir is None:
            return
        before = await ledger.aread(lambda db: arrangement.read(db, [half_id]))
        [result] = await self._rearrange.run([fold(half, before[half_id], picture, heir)], "smartsort")
        if result.ok:
            await ledger.awrite(lambda db: shots.forget_older(db, [(picture_id, half_id)]))

    def _read(self, ids: list[int]) -> Mapping[int, Arrangement]:
        """Runs in a worker thread: the photos as they are, with the digests of what came later."""
        context = self._context
        found = context.ledger.read(lambda db: arrangement.read(db, ids))
        late = [name for before in found.values() for name in waiting(before)]
        read = [n._replace(sha256=sha256_of(context.absolute(n))) for n in late if n.sha256 is None]
        beside = [n for n in late if n.member is Member.TAKEOUT]
        said = {n.photo_id: one for n in beside if (one := read_takeout(context.absolute(n)))}
        at = context.clock.text()

        def write(db: Database) -> dict[int, Arrangement]:
            photos.apply(db, [Change(n.photo_id, names_added=(n,)) for n in read], at)
            takeout.put(db, said)
            return arrangement.read(db, ids)

        return context.ledger.write(write)
