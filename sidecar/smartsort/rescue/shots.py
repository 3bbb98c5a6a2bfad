"""Which files of one of our folders travel with which photo.

smartsort made these folders, and some of them prove it: what stands in a photo's own folder of the library,
or has its number in `temp_downloads/`, belongs to it. Elsewhere two files are one shot when the ledger, or a
folder that proves it, has these two contents as one, or when they say so (`smartsort.files.grouping`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from smartsort.files import grouping
from smartsort.files.decoders import Decoders
from smartsort.files.grouping import GroupKind, half_name, rank_of
from smartsort.files.inbox import Entry
from smartsort.files.metadata import Metadata
from smartsort.files.stamps import FileStamp
from smartsort.ledger.records import Area, Member

_OWN_FOLDER = re.compile(r"[0-9a-f]{16}")
"""A photo's own folder in the library has the beginning of its digest as its name."""

_CLAIMED = re.compile(r"(\d+)-([a-z0-9]+)_(.*)", re.DOTALL)

_HALVES = {grouping.RAW: Member.RAW, grouping.VIDEO: Member.VIDEO}
_MEMBERS = {member.value: member for member in Member}


@dataclass(frozen=True, slots=True)
class Lying:
    """A file in one of our folders. `photo_id` is the photo of the ledger it is, None without an owner.

    `decided`: it is known already what it travels with.
    """

    absolute: str
    relative: str
    stamp: FileStamp
    sha256: str
    photo_id: int | None = None
    decided: bool = False

    @property
    def name(self) -> str:
        """Its own name."""
        return os.path.basename(self.relative)


Follower = tuple[Lying, Member, Lying | None]


class ShotsOfFolder:
    """The files of one folder. `pair` tells whether two contents are known to be one shot."""

    def __init__(
        self,
        area: Area,
        folder: str,
        lying: Sequence[Lying],
        pair: Callable[[str, str], bool],
        decoders: Decoders,
    ) -> None:
        self._area, self._folder, self._pair, self._decoders = area, folder, pair, decoders
        self._lying = {each.absolute: each for each in lying}
        self._leader: dict[str, Lying] = {}
        """By path: the photo that a half travels with."""

    def followers(self) -> Iterator[Follower]:
        """Yield files without an owner that travel with a photo, None where that photo is not here."""
        if self._area is Area.TEMP:
            yield from self._claimed()
            return
        entries = [Entry(each.absolute, "", each.stamp, 0) for each in self._lying.values()]
        media, sides = grouping.sorted_out(entries)
        own = _OWN_FOLDER.fullmatch(os.path.basename(self._folder)) if self._area is Area.LIBRARY else None
        for half, picture in self._of_own_folder(media, own[0]) if own else self._known(media):
            yield from self._follow(half, picture)
        for cluster in grouping.clusters(e for e in media if e.path not in self._leader):
            if cluster.may_be_shots and not own:
                yield from self._by_evidence(cluster)
        named = grouping.by_name(media)
        for entry, side in sides:
            each = self._lying[entry.path]
            if each.photo_id is not None:
                continue
            owner = grouping.owner_of(side, entry.folder, named)
            leader = None
            if owner is not None:
                leader = self._leader.get(owner.path, self._lying[owner.path])
            yield each, _MEMBERS[side.kind], leader

    def _follow(self, half: Entry, picture: Entry) -> Iterator[Follower]:
        each, leader = self._lying[half.path], self._lying[picture.path]
        self._leader[half.path] = leader
        if each.photo_id is None and not each.decided:
            yield each, _HALVES[rank_of(half)], leader

    def _claimed(self) -> Iterator[Follower]:
        """In `temp_downloads/` each name begins with the number of its photo and what the file is to it."""
        found = [(each, _CLAIMED.fullmatch(each.name)) for each in self._lying.values()]
        leaders = {m[1]: each for each, m in found if m and m[2] == Member.PHOTO.value}
        for each, match in found:
            member = _MEMBERS.get(match[2]) if match else None
            if match and member not in (None, Member.PHOTO) and each.photo_id is None:
                yield each, _MEMBERS[match[2]], leaders.get(match[1])

    def _of_own_folder(self, media: Sequence[Entry], digest: str) -> Iterator[tuple[Entry, Entry]]:
        photos = [e for e in media if self._lying[e.path].sha256.startswith(digest)]
        for half in media:
            if half in photos or rank_of(half) not in _HALVES or not photos:
                continue
            yield half, next((p for p in photos if half_name(half.name, p.name) == half.name), photos[0])

    def _known(self, media: Sequence[Entry]) -> Iterator[tuple[Entry, Entry]]:
        """Halves whose contents are known as one shot, with the picture of the likeliest name."""
        taken: set[tuple[str, int]] = set()
        for half in (e for e in media if rank_of(e) in _HALVES):
            pictures = [
                p
                for p in media
                if rank_of(p) not in _HALVES
                and grouping.shot_stem(p.name) == grouping.shot_stem(half.name)
                and (p.path, rank_of(half)) not in taken
                and self._pair(self._lying[half.path].sha256, self._lying[p.path].sha256)
            ]
            pictures.sort(key=lambda p: half_name(half.name, p.name) != half.name)
            if pictures:
                taken.add((pictures[0].path, rank_of(half)))
                yield half, pictures[0]

    def _by_evidence(self, cluster: grouping.Cluster) -> Iterator[Follower]:
        read: dict[str, Metadata] = {}
        # What a symbolic link to a photo of Immich says of itself, it says there.
        for entry, said in zip(
            cluster.media,
            self._decoders.metadata([os.path.realpath(e.path) for e in cluster.media]),
            strict=True,
        ):
            read[entry.path] = said
        for group in grouping.shots(cluster, lambda entry: read[entry.path]):
            if group.kind is not GroupKind.SINGLE:
                for half in group.members[1:]:
                    yield from self._follow(half, group.members[0])
