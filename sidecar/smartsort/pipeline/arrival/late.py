"""Halves and side files that come after their photo was taken in: found in the ledger, by evidence.

A raw photo or clip is held against the pictures of its name, which are read as they lie in the library. A
side file belongs to the one photo of its name that came from its folder.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlite_utils import Database

from smartsort.core.model import IN_PROGRESS, State
from smartsort.errors import SmartsortError
from smartsort.files.grouping import IMAGE, RAW, VIDEO, names_a_half, rank_of_name, shot_stem
from smartsort.files.inbox import Entry
from smartsort.files.metadata import Metadata
from smartsort.files.settling import Arrival
from smartsort.files.shots import why_live, why_same_shot
from smartsort.files.sides import Side, side_of
from smartsort.files.stamps import FileStamp
from smartsort.ledger import observed, photos, shots
from smartsort.ledger.records import Area, Member, Name, Photo
from smartsort.pipeline.arrival.claim import Offered
from smartsort.pipeline.engine.context import Context

_MEMBERS = {RAW: Member.RAW, VIDEO: Member.VIDEO}
_TAKES = (State.FILED, State.REVIEW)
"""Photos that are joined. What was thrown away is not: a half of it is a photo for a human to look at."""


@dataclass(slots=True)
class Sorted:
    """What becomes of arrivals and side files: photos of their own, joined to a photo, or looked at again."""

    own: list[Arrival] = field(default_factory=list)
    older: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Halves in the ledger, by the path of the picture among `own` that came after them."""
    joining: list[Offered] = field(default_factory=list)
    later: int = 0
    """Files whose photo is still on its way."""
    left: list[Entry] = field(default_factory=list)


class Latecomers:
    """Finds the photo that something belongs to which came later. Blocking."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._open: set[str] = set()
        """Side files whose photo is still on its way, or was to take them."""
        self._broken: set[tuple[str, FileStamp]] = set()
        """Halves that no decoder reads."""

    def sort(self, settled: Sequence[Arrival], orphans: Sequence[Entry], news: Sequence[Entry]) -> Sorted:
        """Sort what rests in the inbox. `news` are the side files not looked at before."""
        found = Sorted()
        for arrival in settled:
            self._half(arrival, found)
        pictures = [a.photo for a in found.own if a.raw is None and a.video is None]
        pictures = [entry for entry in pictures if rank_of_name(entry.name) == IMAGE]

        def older(db: Database) -> list[tuple[Entry, list[Photo]]]:
            return [(entry, shots.lone_halves(db, shots.stem_of(entry.name))) for entry in pictures]

        for entry, rows in self._context.ledger.read(older) if pictures else ():
            if rows:
                found.older[entry.path] = self._older_halves(entry, rows)
        fresh = {entry.path for entry in news} | self._open
        self._open = set()
        for entry in orphans:
            if entry.path not in fresh or not self._side_file(entry, found):
                found.left.append(entry)
        return found

    def is_whole(self, offered: Offered) -> bool:
        """False for a broken half: the next look takes it as a photo of its own, and it goes to review."""
        if offered.member not in _MEMBERS.values():
            return True
        [probe] = self._context.decoders.probe([offered.path], self._context.tuning.max_pixels)
        if not isinstance(probe, SmartsortError) and probe.problem is None:
            return True
        self._broken.add((offered.path, offered.stamp))
        return False

    def _half(self, arrival: Arrival, found: Sorted) -> None:
        entry, member = arrival.photo, _MEMBERS.get(rank_of_name(arrival.photo.name))
        lone = arrival.raw is None and arrival.video is None and (entry.path, entry.stamp) not in self._broken
        members = {member, *(Member(side.kind) for _, side, _ in arrival.sides)}
        match = self._picture_of(entry, members) if lone and member else None
        if match is None or member is None:
            found.own.append(arrival)
            return
        photo, why = match
        if photo.state in IN_PROGRESS:
            found.later += 1
            return
        found.joining.append(_joining(entry, member, photo, why, arrival.sides))

    def _picture_of(self, entry: Entry, members: set[Member | None]) -> tuple[Photo, str] | None:
        """The picture in the ledger that a raw photo or clip proves to belong to, and what proves it."""
        rows = [
            (photo, names)
            for photo, names in self._known(shots.stem_of(entry.name))
            if rank_of_name(photo.original_name) == IMAGE
            and shot_stem(photo.original_name) == shot_stem(entry.name)
            and not any(name.member in members for name in names)
        ]
        if not rows:
            return None
        paths = [self._context.absolute(_own(names)) for _, names in rows]
        half, *pictures = self._context.decoders.metadata([entry.path, *paths])
        proved = []
        for (photo, _), picture in zip(rows, pictures, strict=True):
            why = _why(picture, half, photo.original_name, entry.name, together=_beside(photo, entry))
            if why is not None:
                # A picture before its duplicates, and of equal ones the newest.
                proved.append((why != "content identifier", photo.duplicate_of is not None, photo, why))
        proved.sort(key=lambda match: match[:2])
        return proved[0][2:] if proved else None

    def _older_halves(self, entry: Entry, rows: Sequence[Photo]) -> tuple[int, ...]:
        """Those raw photos and clips in the ledger that prove to belong to a picture which comes now."""
        open_ones = self._with_names(rows)
        lone = [
            (photo, names)
            for photo, names in open_ones
            if shot_stem(photo.original_name) == shot_stem(entry.name)
            and all(name.member is Member.PHOTO for name in names)
        ]
        if not lone:
            return ()
        paths = [self._context.absolute(_own(names)) for _, names in lone]
        picture, *halves = self._context.decoders.metadata([entry.path, *paths])
        found: dict[int, int] = {}
        for (photo, _), half in zip(lone, halves, strict=True):
            why = _why(picture, half, entry.name, photo.original_name, together=_beside(photo, entry))
            if why is not None:
                found.setdefault(rank_of_name(photo.original_name), photo.id)
        return tuple(found.values())

    def _side_file(self, entry: Entry, found: Sorted) -> bool:
        """Return whether the side file has a photo, which takes it or is still on its way."""
        side = side_of(entry.name)
        if side is None or not side.base:
            return False
        member = Member(side.kind)
        rows = [
            (photo, names)
            for photo, names in self._known(side.base)
            if _beside(photo, entry)
            and side.base in (photo.original_name, os.path.splitext(photo.original_name)[0])
        ]
        if len(rows) != 1 or any(name.member is member for name in rows[0][1]):
            return False
        photo = rows[0][0]
        self._open.add(entry.path)
        if photo.state in IN_PROGRESS:
            found.later += 1
        else:
            found.joining.append(_joining(entry, member, photo, "name"))
        return True

    def _known(self, stem: str) -> list[tuple[Photo, list[Name]]]:
        """Return photos of a name that can be joined now or soon, with their names, newest first."""
        return self._with_names(self._context.ledger.read(lambda db: shots.named(db, stem)))

    def _with_names(self, rows: Sequence[Photo]) -> list[tuple[Photo, list[Name]]]:
        if not rows:
            return []
        ours = [p for p in rows if p.origin != observed.SOURCE]  # nothing is put beside a file of Immich
        open_ones = [p for p in ours if p.state in _TAKES or (p.state in IN_PROGRESS and p.problem is None)]
        names = self._context.ledger.read(lambda db: photos.names_of(db, [p.id for p in open_ones]))
        return [(p, names[p.id]) for p in open_ones if any(n.member is Member.PHOTO for n in names[p.id])]


def _beside(photo: Photo, entry: Entry) -> bool:
    """Return True when the photo came from the folder the file lies in."""
    return photo.origin_path is not None and os.path.dirname(photo.origin_path) == entry.folder


def _why(picture: Metadata, half: Metadata, name: str, half_name: str, *, together: bool) -> str | None:
    """Return what proves that two files are one shot. What rests on names needs files of one folder."""
    if rank_of_name(half_name) == RAW:
        return why_same_shot(picture, half)
    why = why_live(picture, half, named=names_a_half(half_name, name))
    return why if together or why in ("content identifier", "capture time") else None


def _own(names: Sequence[Name]) -> Name:
    order = (Area.LIBRARY, Area.TEMP, Area.REVIEW, Area.FACES, Area.TRASH)
    return min((n for n in names if n.member is Member.PHOTO), key=lambda n: order.index(n.area))


def _joining(
    entry: Entry, member: Member, photo: Photo, why: str, sides: Sequence[tuple[Entry, Side, Entry]] = ()
) -> Offered:
    return Offered(
        entry.path,
        entry.stamp,
        source=photo.source,
        companions=tuple((each.path, Member(side.kind), each.stamp) for each, side, _ in sides),
        renamed={each.path: f"{entry.name}{side.ending}" for each, side, _ in sides if side.whole},
        why=why,
        joins=photo,
        member=member,
    )
