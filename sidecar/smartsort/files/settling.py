"""When a file of the inbox is at rest."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from smartsort.files.grouping import (
    RAW,
    VIDEO,
    Group,
    GroupKind,
    by_name,
    clusters,
    cut_name,
    has_other_half,
    owner_of,
    rank_of,
    shots,
    sorted_out,
)
from smartsort.files.inbox import Entry
from smartsort.files.metadata import Metadata
from smartsort.files.sides import TAKEOUT, Side, titled
from smartsort.files.stamps import FileStamp

T = TypeVar("T")
_Owned = tuple[Entry, Side, Entry]
"""A side file, what its name says, and the medium it means."""

REST_SECONDS = 0.5
"""How long a finished file rests. The quiet time is for files of which nothing tells that."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A photo that is at rest, with what travels with it.

    `raw` and `video` are the other half of a shot and `why` tells what proves it. `sides` are its side files,
    each with what its name says and the half it means.
    """

    photo: Entry
    raw: Entry | None = None
    video: Entry | None = None
    sides: tuple[tuple[Entry, Side, Entry], ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class InboxScanResult:
    """What one look at the inbox found.

    `settled` is everything at rest, again in every look while it lies there. `waiting` is the number of
    files that are not. `orphans` are side files that waited in vain for their photo. `news` are those of
    them that no look before has told.
    """

    settled: tuple[Arrival, ...]
    waiting: int
    orphans: tuple[Entry, ...] = ()
    news: tuple[Entry, ...] = ()


@dataclass(slots=True)
class _Seen:
    stamp: FileStamp
    changed_ns: int
    since: float
    """When it was first seen like this, by the tracker's clock."""
    backlog: bool
    """It lay there at the first look of all."""
    finished_since: float | None = None
    """When it was first seen finished, as far as every look since has seen it so."""
    reopened: bool = False
    """It was written to after it had been seen finished: its writer closes it and goes on."""


@dataclass(slots=True)
class SettleTracker:
    """Tells which files are at rest, from one scan to the next. Pure but for its two clocks.

    A file is at rest when its size, times and inode have been the same for `settle_seconds`, from the first
    look that saw it so. It rests sooner where looks over `REST_SECONDS` see it the same and finished, unless
    its writer has gone on after such a look before. What lay there at the very first look (a backlog at
    start-up) rests sooner if two looks at least `second_look_seconds` apart saw it the same and both its
    mtime and its ctime are older than the quiet time: a writer at work would have changed the ctime, which
    cannot be set back.

    A photo waits for side files that lie beside it until they are at rest, at most
    `companion_wait_seconds`. A side file waits as long for its photo, and so does the lone half of what
    usually comes in two: a raw photo, a HEIC picture, a MOV. Candidates for one shot settle together. A shot
    with two side files of one kind is taken apart: a photo has one at most.
    """

    settle_seconds: float
    companion_wait_seconds: float = 60.0
    second_look_seconds: float = 1.0
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    is_finished: Callable[[str], bool | None] = lambda _path: None
    """Whether no process writes a file and its end is there, None when nothing can tell."""
    read_metadata: Callable[[str], Metadata] = lambda _path: Metadata()
    """What a camera wrote into a file. Called for candidates for one shot that are at rest."""
    read_title: Callable[[str], str | None] = lambda _path: None
    """The photo that a Takeout JSON names inside."""
    _seen: dict[str, _Seen] = field(default_factory=dict, init=False)
    _looked: bool = field(default=False, init=False)
    _told: set[str] = field(default_factory=set, init=False)
    _read: dict[str, tuple[FileStamp, Any]] = field(default_factory=dict, init=False)
    """What was read of files that lie there."""

    def look(self, entries: Sequence[Entry]) -> InboxScanResult:
        """Feed one scan's entries. Files that are not among them are forgotten. Reads files: blocking."""
        now, wall = self.clock(), self.wall_clock()
        self._seen = {entry.path: self._seen_now(entry, now, wall) for entry in entries}
        self._looked = True
        return self._judge(entries, now, wall)

    def _seen_now(self, entry: Entry, now: float, wall: float) -> _Seen:
        before = self._seen.get(entry.path)
        if before and (before.stamp, before.changed_ns) == (entry.stamp, entry.changed_ns):
            seen = before
        else:
            seen = _Seen(entry.stamp, entry.changed_ns, now, backlog=not self._looked)
            if before is not None:
                seen.reopened = before.reopened or before.finished_since is not None
        old = seen.backlog and wall - _last_change(entry) >= self.settle_seconds
        young = REST_SECONDS < self.settle_seconds > now - seen.since
        if young and not old and not seen.reopened:
            finished = self.is_finished(entry.path)
            if finished is False and seen.finished_since is not None:
                seen.reopened = True
            if not finished:
                seen.finished_since = None
            elif seen.finished_since is None:
                seen.finished_since = now
        return seen

    def _judge(self, entries: Sequence[Entry], now: float, wall: float) -> InboxScanResult:
        self._read = {path: read for path, read in self._read.items() if path in self._seen}
        resting = {entry.path for entry in entries if self._rests(entry, now, wall)}
        media, sides = sorted_out(entries)
        owned, orphans = self._owned(media, sides, resting)
        settled: list[Arrival] = []
        waiting = 0
        for cluster in clusters(media):
            if not cluster.may_be_shots:
                found = [Group(GroupKind.SINGLE, (entry,)) for entry in cluster.media]
            elif all(entry.path in resting for entry in cluster.media):
                found = shots(cluster, self._metadata)
            else:
                # A half is waited for as long as it grows: before, nothing tells whether it is one.
                waiting += sum(1 + len(owned.get(entry.path, ())) for entry in cluster.media)
                continue
            for group in found:
                arrivals, held = self._arrivals(group, owned, resting, now)
                settled += arrivals
                waiting += held
        lying = [e for e in orphans if e.path in resting and self._age(e, now) >= self.companion_wait_seconds]
        waiting += len(orphans) - len(lying)
        news = tuple(entry for entry in lying if entry.path not in self._told)
        self._told = {entry.path for entry in lying}
        return InboxScanResult(tuple(settled), waiting, tuple(lying), news)

    def _arrivals(
        self, group: Group, owned: dict[str, list[_Owned]], resting: set[str], now: float
    ) -> tuple[list[Arrival], int]:
        """Return what of a group can be taken now, and how many of its files are not at rest."""
        kinds = Counter(side.kind for member in group.members for _, side, _ in owned.get(member.path, ()))
        apart = any(count > 1 for count in kinds.values())
        parts = [(member,) for member in group.members] if apart else [group.members]
        arrivals, waiting = [], 0
        for members in parts:
            photo, *others = members
            sides = [each for member in members for each in owned.get(member.path, ())]
            at_rest = tuple(each for each in sides if each[0].path in resting)
            lone = group.kind is GroupKind.SINGLE and not sides and has_other_half(photo)
            whole = len(at_rest) == len(sides) and not lone
            patient = self._age(photo, now) < self.settle_seconds + self.companion_wait_seconds
            if photo.path not in resting or (not whole and patient):
                waiting += len(members) + len(sides)
                continue
            halves = {rank_of(other): other for other in others}
            arrivals.append(Arrival(photo, halves.get(RAW), halves.get(VIDEO), at_rest, group.why))
            waiting += len(sides) - len(at_rest)
        return arrivals, waiting

    def _owned(
        self, media: Sequence[Entry], sides: Sequence[tuple[Entry, Side]], resting: set[str]
    ) -> tuple[dict[str, list[_Owned]], list[Entry]]:
        """Side files by the path of the medium they mean, one of a kind each, and those that mean none."""
        owned: dict[str, list[_Owned]] = {}
        orphans: list[Entry] = []
        names = by_name(media) if sides else {}
        for entry, side in sides:
            owner = owner_of(side, entry.folder, names)
            if owner is None and side.kind == TAKEOUT and entry.path in resting:
                title = self._remembered(entry, self.read_title)
                owner = owner_of(titled(side, title), entry.folder, names) if title else None
                owner = owner or cut_name(entry, side, media)
            theirs = owned.setdefault(owner.path, []) if owner else []
            if owner is None or any(side.kind == other.kind for _, other, _ in theirs):
                orphans.append(entry)
            else:
                theirs.append((entry, side, owner))
        return owned, orphans

    def _metadata(self, entry: Entry) -> Metadata:
        return self._remembered(entry, self.read_metadata)

    def _remembered(self, entry: Entry, read: Callable[[str], T]) -> T:
        known = self._read.get(entry.path)
        if known is None or known[0] != entry.stamp:
            known = self._read[entry.path] = (entry.stamp, read(entry.path))
        found: T = known[1]
        return found

    def _age(self, entry: Entry, now: float) -> float:
        return now - self._seen[entry.path].since

    def _rests(self, entry: Entry, now: float, wall: float) -> bool:
        seen = self._seen[entry.path]
        age = now - seen.since
        if age >= self.settle_seconds:
            return True
        if seen.finished_since is not None and not seen.reopened:
            return now - seen.finished_since >= REST_SECONDS
        old = wall - _last_change(entry) >= self.settle_seconds
        return seen.backlog and age >= self.second_look_seconds and old


def _last_change(entry: Entry) -> float:
    return max(entry.stamp.mtime_ns, entry.changed_ns) / 1e9
