"""When a file of the inbox is at rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from smartsort.files.grouping import RAW, VIDEO, GroupKind, groups, has_other_half, rank_of
from smartsort.files.inbox import Entry
from smartsort.files.stamps import FileStamp

REST_SECONDS = 0.5
"""How long a finished file rests. The quiet time is for files of which nothing tells that."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A photo that is at rest, with what travels with it.

    `raw` and `video` are the other half of a shot; `sidecars` are XMP files, `xmp_of_raw` tells that they are
    the raw photo's.
    """

    photo: Entry
    sidecars: tuple[Entry, ...] = ()
    raw: Entry | None = None
    video: Entry | None = None
    xmp_of_raw: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the inbox found.

    `settled` is everything at rest, again in every look while it lies there. `waiting` is the number of
    files that are not. `orphans` are sidecars that waited in vain; each is told once and stays where it is.
    """

    settled: tuple[Arrival, ...]
    waiting: int
    orphans: tuple[Entry, ...]


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

    A file is at rest when its size, times and inode have been the same for `quiet_seconds`, from the first
    look that saw it so. It rests sooner where looks over `REST_SECONDS` see it the same and finished, unless
    its writer has gone on after such a look before. What lay there at the very first look (a backlog at
    start-up) rests sooner if two looks at least `second_look_seconds` apart saw it the same and both its
    mtime and its ctime are older than the quiet time: a writer at work would have changed the ctime, which
    cannot be set back.

    A photo waits for sidecars that lie beside it until they are at rest, at most `companion_wait_seconds`;
    a sidecar waits as long for its photo, and so does the lone half of what usually comes in two: a raw
    photo, a HEIC picture, a MOV. Both halves of a shot settle together. A shot with two sidecars is taken
    apart: a photo has one at most.
    """

    quiet_seconds: float
    companion_wait_seconds: float = 60.0
    second_look_seconds: float = 1.0
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    is_finished: Callable[[str], bool | None] = lambda _path: None
    """Whether no process writes a file and its end is there; None when nothing can tell."""
    _seen: dict[str, _Seen] = field(default_factory=dict, init=False)
    _looked: bool = field(default=False, init=False)
    _told: set[str] = field(default_factory=set, init=False)

    def look(self, entries: Sequence[Entry]) -> Look:
        """Feed one scan's entries; files that are not among them are forgotten."""
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
        old = seen.backlog and wall - _last_change(entry) >= self.quiet_seconds
        young = REST_SECONDS < self.quiet_seconds > now - seen.since
        if young and not old and not seen.reopened:
            finished = self.is_finished(entry.path)
            if finished is False and seen.finished_since is not None:
                seen.reopened = True
            if not finished:
                seen.finished_since = None
            elif seen.finished_since is None:
                seen.finished_since = now
        return seen

    def _judge(self, entries: Sequence[Entry], now: float, wall: float) -> Look:
        resting = {entry.path for entry in entries if self._rests(entry, now, wall)}
        grouped = groups(entries)
        settled: list[Arrival] = []
        waiting = 0
        for group in grouped.groups:
            together = len(group.sidecars) <= 1
            for photo in group.members[:1] if together else group.members:
                others = group.members[1:] if together else ()
                sidecars = tuple(xmp for xmp, owner in group.sidecars if together or owner == photo)
                at_rest = tuple(xmp for xmp in sidecars if xmp.path in resting)
                whole = len(at_rest) == len(sidecars) and not (
                    group.kind is GroupKind.SINGLE and not sidecars and has_other_half(photo)
                )
                patient = self._age(photo, now) < self.quiet_seconds + self.companion_wait_seconds
                # The other half of a shot is waited for as long as it grows; an XMP file only for a while.
                moving = any(each.path not in resting for each in (photo, *others))
                if moving or (not whole and patient):
                    waiting += 1 + len(others) + len(sidecars)
                    continue
                settled.append(
                    Arrival(
                        photo,
                        at_rest,
                        raw=next((e for e in others if rank_of(e) == RAW), None),
                        video=next((e for e in others if rank_of(e) == VIDEO), None),
                        xmp_of_raw=any(
                            rank_of(owner) == RAW and owner != photo for _, owner in group.sidecars
                        ),
                    )
                )
                waiting += len(sidecars) - len(at_rest)
        alone = [
            xmp
            for xmp in grouped.orphans
            if xmp.path in resting and self._age(xmp, now) >= self.companion_wait_seconds
        ]
        waiting += len(grouped.orphans) - len(alone)
        told = {xmp.path for xmp in alone}
        news = tuple(xmp for xmp in alone if xmp.path not in self._told)
        self._told = told
        return Look(tuple(settled), waiting, news)

    def _age(self, entry: Entry, now: float) -> float:
        return now - self._seen[entry.path].since

    def _rests(self, entry: Entry, now: float, wall: float) -> bool:
        seen = self._seen[entry.path]
        age = now - seen.since
        if age >= self.quiet_seconds:
            return True
        if seen.finished_since is not None and not seen.reopened:
            return now - seen.finished_since >= REST_SECONDS
        old = wall - _last_change(entry) >= self.quiet_seconds
        return seen.backlog and age >= self.second_look_seconds and old


def _last_change(entry: Entry) -> float:
    return max(entry.stamp.mtime_ns, entry.changed_ns) / 1e9
