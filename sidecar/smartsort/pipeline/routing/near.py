"""Near-duplicates: the same picture at another size or saved again.

Immich's own groups of look-alikes come first: one call tells the groups of all photos of a batch. Where
Immich has none, our own hash of the picture is compared with those of all older photos.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlite_utils import Database

from smartsort.core.model import Category, Comparison, CopyPlace, OtherCopy, Quality, State
from smartsort.errors import SmartsortError
from smartsort.files.media import Kind
from smartsort.ledger import feedback, films, photos, picture_hashes, shards
from smartsort.ledger.films import Copies
from smartsort.ledger.records import Area, Member, Name, Photo
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.engine.intact import Intact

_CLOCK_SKEW = timedelta(minutes=10)

_SAME_SHAPE = 0.03
"""Pictures whose sides differ by more than this share have been cut, or are others."""

_ALIVE = (State.PLACED, State.KNOWN, State.FILED, State.REVIEW)


@dataclass(frozen=True, slots=True)
class NearCopy:
    """The older photo that one is a near copy of."""

    copy: OtherCopy
    comparison: Comparison


class NearDuplicates:
    """Finds near copies among the photos of the ledger and in Immich."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def find(self, batch: Sequence[Photo]) -> Mapping[int, NearCopy]:
        """Return the near copies of photos that are about to be judged, by photo id. Raises ImmichError.

        Only older photos count: of two that come together the later one is the copy.
        """
        pictures = [p for p in batch if p.media_kind == Kind.IMAGE.value]
        videos = [p for p in batch if p.media_kind == Kind.VIDEO.value]
        found = await self._videos(videos) if videos else {}
        if pictures:
            found |= await self._by_immich(pictures)
            found |= await self._by_looks([p for p in pictures if p.id not in found])
        return found

    async def _videos(self, batch: Sequence[Photo]) -> dict[int, NearCopy]:
        """By what was found when they were looked through, Immich compares one frame only."""

        def read(db: Database) -> dict[int, NearCopy]:
            found = films.copies(db, [p.id for p in batch])
            near = {
                p.id: self._oldest(db, p, [(i, None) for i in own.alike])
                for p in batch
                if (own := found.get(p.id))
            }
            found |= films.copies(db, [i for c in near.values() if c and (i := c.copy.photo_id)])
            return {i: _of_videos(copy, found[i], found) for i, copy in near.items() if copy is not None}

        return await self._context.ledger.aread(read)

    # --- Immich's groups ---------------------------------------------------------------------

    async def _by_immich(self, batch: Sequence[Photo]) -> dict[int, NearCopy]:
        context = self._context
        group_of: dict[str, str] = {}
        for library_id, since in (await self._libraries(batch)).items():
            group_of |= await context.server.duplicate_ids(library_id, since)
        grouped = {p.id: group_of[p.asset_id] for p in batch if p.asset_id in group_of}
        if not grouped:
            return {}
        groups = await context.server.duplicate_groups()
        members = {group: list(groups.get(group, ())) for group in set(grouped.values())}
        return await context.ledger.aread(lambda db: self._choose(db, batch, grouped, members, group_of))

    async def _libraries(self, batch: Sequence[Photo]) -> dict[str, datetime]:
        """Return the libraries of these photos, and since when the oldest of them is there."""
        by_shard: dict[int, list[str]] = {}
        for photo in batch:
            if photo.shard is not None and photo.placed_at is not None:
                by_shard.setdefault(photo.shard, []).append(photo.placed_at)
        rows = await self._context.ledger.aread(shards.shards)
        return {
            row.library_id: datetime.fromisoformat(min(by_shard[row.number])).astimezone(UTC) - _CLOCK_SKEW
            for row in rows
            if row.number in by_shard and row.library_id is not None
        }

    def _choose(
        self,
        db: Database,
        batch: Sequence[Photo],
        grouped: Mapping[int, str],
        members: Mapping[str, Sequence[str]],
        new: Container[str],
    ) -> dict[int, NearCopy]:
        """`new` are assets of our own library, of which the ledger may not know some yet."""
        ours = picture_hashes.of_assets(db, [a for assets in members.values() for a in assets])
        found: dict[int, NearCopy] = {}
        for photo in batch:
            assets = [a for a in members.get(grouped.get(photo.id, ""), ()) if a != photo.asset_id]
            near = self._oldest(db, photo, [(ours[a], None) for a in assets if a in ours])
            foreign = next((a for a in sorted(assets) if a not in ours and a not in new), None)
            if near is None and foreign is not None and not self._told_apart(db, photo, None, foreign):
                copy = OtherCopy(CopyPlace.IMMICH, asset_id=foreign)
                near = NearCopy(copy, Comparison(_quality(photo)))
            if near is not None:
                found[photo.id] = near
        return found

    # --- our own hashes ----------------------------------------------------------------------

    async def _by_looks(self, batch: Sequence[Photo]) -> dict[int, NearCopy]:
        if not batch:
            return {}
        own = await self._hash(batch)
        return await self._context.ledger.aread(lambda db: self._compare(db, batch, own))

    async def _hash(self, batch: Sequence[Photo]) -> Mapping[int, bytes | None]:
        """Return the hashes of these photos. Those never made are made now, in a thread."""
        context = self._context
        ids = [p.id for p in batch]
        have = await context.ledger.aread(lambda db: picture_hashes.hashed(db, ids))
        missing = [i for i in ids if i not in have]
        if missing:
            names = await context.ledger.aread(lambda db: photos.names_of(db, missing))
            paths = {i: path for i in missing if (path := file_of(context, names[i])) is not None}
            made = await asyncio.to_thread(self._made, paths)
            await context.ledger.awrite(lambda db: picture_hashes.put(db, made))
            have |= made
        return have

    def _made(self, paths: Mapping[int, str]) -> dict[int, bytes | None]:
        probes = self._context.decoders.probe(list(paths.values()), self._context.tuning.max_pixels)
        return {
            photo_id: None if isinstance(found, SmartsortError) else found.look
            for photo_id, found in zip(paths, probes, strict=True)
        }

    def _compare(
        self, db: Database, batch: Sequence[Photo], own: Mapping[int, bytes | None]
    ) -> dict[int, NearCopy]:
        found: dict[int, NearCopy] = {}
        for photo in batch:
            value = own.get(photo.id)
            alike = picture_hashes.alike(db, value, photo.id) if value is not None else []
            near = self._oldest(db, photo, alike) if alike else None
            if near is not None:
                found[photo.id] = near
        return found

    # --- which of them -----------------------------------------------------------------------

    def _oldest(
        self, db: Database, photo: Photo, candidates: Sequence[tuple[int, int | None]]
    ) -> NearCopy | None:
        """The oldest living candidate, itself no copy if possible, that nobody has told apart from it."""
        distances = dict(candidates)
        older = (
            other
            for other in photos.by_ids(db, sorted(i for i in distances if i < photo.id))
            if other.state in _ALIVE
            and (distances[other.id] is None or _same_shape(photo, other))
            and not self._told_apart(db, photo, other.id, None)
        )
        intact = Intact(self._context)
        for other in sorted(older, key=lambda p: (p.category is Category.DUPLICATES, p.id)):
            copy = OtherCopy(CopyPlace.LEDGER, photo_id=other.id, asset_id=other.asset_id)
            # A picture that is damaged is no better copy, nor any.
            if intact.looked_at(copy, other.sha256 or "").alive:
                return NearCopy(copy, Comparison(_quality(photo), _quality(other), distances[other.id]))
        return None

    def _told_apart(self, db: Database, photo: Photo, other: int | None, asset_id: str | None) -> bool:
        return feedback.copy_key(other, asset_id) in feedback.not_the_same(db, photo.id)


def file_of(context: Context, names: Iterable[Name]) -> str | None:
    """Return where a photo lies, in the library if it is there, None for one without a name."""
    own = [n for n in names if n.member is Member.PHOTO]
    best = next((n for n in own if n.area is Area.LIBRARY), own[0] if own else None)
    return context.absolute(best) if best else None


def _of_videos(near: NearCopy, own: Copies, known: Mapping[int, Copies]) -> NearCopy:
    """With how long the two are, and whether they have sound."""
    other, compared = known.get(near.copy.photo_id or 0), near.comparison
    if other is None or compared.other is None:
        return near
    mine = replace(compared.own, seconds=own.seconds, has_sound=own.has_sound)
    theirs = replace(compared.other, seconds=other.seconds, has_sound=other.has_sound)
    return NearCopy(near.copy, replace(compared, own=mine, other=theirs))


def _quality(photo: Photo) -> Quality:
    pixels = (photo.width or 0) * (photo.height or 0)
    return Quality(pixels, photo.size, photo.taken_at is not None)


def _same_shape(one: Photo, other: Photo) -> bool:
    if not (one.width and one.height and other.width and other.height):
        return True
    here, there = one.width / one.height, other.width / other.height
    return abs(here - there) <= _SAME_SHAPE * max(here, there)
