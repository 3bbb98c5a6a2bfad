"""What lies in the inbox, and since when it has been at rest.

A scan is the truth, events are only hints to scan. Nothing but regular files is ever opened, and nothing is
followed. What is left alone is reported with its reason.
"""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from smartsort.errors import RootUnavailable
from smartsort.files.ignore import Ignore
from smartsort.files.media import IMAGE_EXTENSIONS, RAW_EXTENSIONS, VIDEO_EXTENSIONS
from smartsort.files.names import split_extension
from smartsort.files.problems import storage_error
from smartsort.files.shown import shown
from smartsort.files.stamps import FileStamp, kind_of_entry


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in the inbox. `source` is the first sub-folder's name, "" for a file in the inbox itself."""

    path: str
    source: str
    stamp: FileStamp
    changed_ns: int
    """When anything about it changed last (ctime): nobody can set it back, unlike the mtime."""

    @property
    def name(self) -> str:
        """The file's own name."""
        return os.path.basename(self.path)

    @property
    def folder(self) -> str:
        """The folder it lies in."""
        return os.path.dirname(self.path)


@dataclass(frozen=True, slots=True)
class Left:
    """Something in the inbox that is left alone, and why. `temporary`: it is expected to go by itself."""

    path: str
    why: str
    temporary: bool = False


@dataclass(frozen=True, slots=True)
class InboxScan:
    """One look at the whole inbox, in the order of the paths."""

    entries: tuple[Entry, ...]
    left: tuple[Left, ...]


def scan_inbox(folder: str, ignore: Ignore | None = None) -> InboxScan:
    """Everything in the inbox and its sub-folders.

    Raises RootUnavailable when the inbox itself cannot be read; a sub-folder that cannot is reported and the
    others are read.
    """
    ignore = ignore or Ignore()
    entries: list[Entry] = []
    left: list[Left] = []
    folders = [(folder, "")]
    while folders:
        place, source = folders.pop()
        try:
            with os.scandir(place) as found:
                for item in found:
                    below = _look_at(item, source, ignore, entries, left)
                    if below is not None:
                        folders.append((below, source or item.name))
        except FileNotFoundError as error:
            if place == folder:
                raise RootUnavailable(f"the inbox {shown(folder)} is gone; is its disk mounted?") from error
        except OSError as error:
            if place == folder:
                raise RootUnavailable(str(storage_error(error, "read the inbox", folder))) from error
            left.append(Left(place, str(storage_error(error, "read the folder", place))))
    entries.sort(key=lambda entry: entry.path)
    left.sort(key=lambda each: each.path)
    return InboxScan(tuple(entries), tuple(left))


def _look_at(
    item: os.DirEntry[str], source: str, ignore: Ignore, entries: list[Entry], left: list[Left]
) -> str | None:
    """Sort one directory entry; returns the path of a folder that is to be entered."""
    try:
        status = item.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None  # gone between listing and looking: the next scan knows better
    except OSError as error:
        left.append(Left(item.path, str(storage_error(error, "look at", item.path))))
        return None
    if stat.S_ISDIR(status.st_mode):
        why = ignore.folder(item.name)
        if why is None:
            return item.path
        left.append(Left(item.path, why, temporary=True))
    elif not stat.S_ISREG(status.st_mode):
        left.append(Left(item.path, f"it is {kind_of_entry(status.st_mode)}, not a file"))
    elif (why := ignore.file(item.name)) is not None:
        left.append(Left(item.path, why, temporary=True))
    elif abs(status.st_mtime_ns) > _LAST_TIME_NS:
        left.append(Left(item.path, "its time lies beyond the year 2262; give it another (touch)"))
    elif not os.access(item.path, os.R_OK):
        left.append(Left(item.path, "it may not be read; give smartsort's user read access"))
    else:
        entries.append(Entry(item.path, source, FileStamp.of(status), status.st_ctime_ns))
    return None


_LAST_TIME_NS = 2**63 - 1
"""Nanoseconds in 64 bits, which is all that databases and most programs keep."""


# Files that belong together.


class GroupKind(StrEnum):
    """Why files belong together, beside their sidecars."""

    SINGLE = "single"
    RAW_AND_IMAGE = "raw_and_image"
    LIVE_PHOTO = "live_photo"


@dataclass(frozen=True, slots=True)
class Group:
    """Files of one moment. `members` has the picture to look at first; `sidecars` are (XMP, whose) pairs."""

    kind: GroupKind
    members: tuple[Entry, ...]
    sidecars: tuple[tuple[Entry, Entry], ...] = ()


@dataclass(frozen=True, slots=True)
class Groups:
    """All entries, grouped. `orphans` are sidecars whose photo is not there."""

    groups: tuple[Group, ...]
    orphans: tuple[Entry, ...]


def groups(entries: Iterable[Entry]) -> Groups:
    """What belongs together, by name alone and within one folder; the order of the entries is kept.

    - `a.jpg.xmp` belongs to `a.jpg`; `a.xmp` to the photos `a.*`: to the raw photo if there is one (raw
      developers write this form), else to the picture, else to the video.
    - a raw photo and a picture of one stem are one shot; a HEIC or JPEG and a MOV or MP4 of one stem are a
      Live Photo, and with a raw photo too all three are one group.

    Extensions are compared without case, stems as written. Two pictures of one stem (`a.jpg`, `a.png`) are
    two photos: each stays single, and so do the others of that stem.
    """
    photos: dict[tuple[str, str], list[Entry]] = {}
    by_path: dict[tuple[str, str], Entry] = {}
    sidecars: list[Entry] = []
    for entry in entries:
        stem, extension = split_extension(entry.name)
        if extension.lower() == "xmp":
            sidecars.append(entry)
        else:
            photos.setdefault((entry.folder, stem), []).append(entry)
            by_path[entry.folder, entry.name] = entry
    owned: dict[str, list[Entry]] = {}
    orphans: list[Entry] = []
    for sidecar in sidecars:
        owner = _owner_of(sidecar, photos, by_path)
        if owner is None:
            orphans.append(sidecar)
        else:
            owned.setdefault(owner.path, []).append(sidecar)
    found = [
        Group(kind, members, tuple((xmp, member) for member in members for xmp in owned.get(member.path, ())))
        for same_stem in photos.values()
        for kind, members in _shots(same_stem)
    ]
    return Groups(tuple(found), tuple(orphans))


def _owner_of(
    sidecar: Entry, photos: dict[tuple[str, str], list[Entry]], by_path: dict[tuple[str, str], Entry]
) -> Entry | None:
    stem, _ = split_extension(sidecar.name)
    whole = by_path.get((sidecar.folder, stem))
    if whole is not None:
        return whole
    # Ranks 0 to 2 can have a sidecar of this form, anything else cannot.
    ranked = sorted(photos.get((sidecar.folder, stem), ()), key=lambda entry: (_rank(entry), entry.path))
    return ranked[0] if ranked and _rank(ranked[0]) < _NO_MEDIUM else None


_RAW, _VIDEO, _NO_MEDIUM = 0, 2, 3


def _rank(entry: Entry) -> int:
    extension = split_extension(entry.name)[1].lower()
    for rank, extensions in enumerate((RAW_EXTENSIONS, IMAGE_EXTENSIONS, VIDEO_EXTENSIONS)):
        if extension in extensions:
            return rank
    return _NO_MEDIUM


def _shots(same_stem: Sequence[Entry]) -> list[tuple[GroupKind, tuple[Entry, ...]]]:
    single: list[tuple[GroupKind, tuple[Entry, ...]]] = [(GroupKind.SINGLE, (entry,)) for entry in same_stem]
    if len(same_stem) == 1:
        return single
    raw, image, video, other = ([each for each in same_stem if _rank(each) == rank] for rank in range(4))
    if other or len(image) != 1 or len(raw) > 1 or len(video) > 1:
        return single
    if video and not _may_be_live(image[0], video[0]):
        return single
    kind = GroupKind.LIVE_PHOTO if video else GroupKind.RAW_AND_IMAGE
    return [(kind, (*image, *raw, *video))]


def _has_other_half(entry: Entry) -> bool:
    """True for files that cameras and telephones mostly write in two; JPEG and MP4 mostly come alone."""
    extension = split_extension(entry.name)[1].lower()
    return extension in ("heic", "heif", "mov") or extension in RAW_EXTENSIONS


def _may_be_live(image: Entry, video: Entry) -> bool:
    still, moving = (split_extension(each.name)[1].lower() for each in (image, video))
    return still in ("heic", "heif", "jpg", "jpeg") and moving in ("mov", "mp4")


# When a file is at rest.


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


@dataclass(slots=True)
class SettleTracker:
    """Tells which files are at rest, from one scan to the next. Pure but for its two clocks.

    A file is at rest when its size, times and inode have been the same for `quiet_seconds`, from the first
    look that saw it so. What lay there at the very first look (a backlog at start-up) rests sooner if two
    looks at least `second_look_seconds` apart saw it the same and both its mtime and its ctime are older
    than the quiet time: a writer at work would have changed the ctime, which cannot be set back.

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
    _seen: dict[str, _Seen] = field(default_factory=dict, init=False)
    _looked: bool = field(default=False, init=False)
    _told: set[str] = field(default_factory=set, init=False)

    def look(self, entries: Sequence[Entry]) -> Look:
        """Feed one scan's entries; files that are not among them are forgotten."""
        now, wall = self.clock(), self.wall_clock()
        seen: dict[str, _Seen] = {}
        for entry in entries:
            before = self._seen.get(entry.path)
            if before and (before.stamp, before.changed_ns) == (entry.stamp, entry.changed_ns):
                seen[entry.path] = before
            else:
                seen[entry.path] = _Seen(entry.stamp, entry.changed_ns, now, backlog=not self._looked)
        self._seen = seen
        self._looked = True
        return self._judge(entries, now, wall)

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
                    group.kind is GroupKind.SINGLE and not sidecars and _has_other_half(photo)
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
                        raw=next((e for e in others if _rank(e) == _RAW), None),
                        video=next((e for e in others if _rank(e) == _VIDEO), None),
                        xmp_of_raw=any(
                            _rank(owner) == _RAW and owner != photo for _, owner in group.sidecars
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
        last_change = max(entry.stamp.mtime_ns, entry.changed_ns) / 1e9
        return seen.backlog and age >= self.second_look_seconds and wall - last_change >= self.quiet_seconds


def open_for_writing(path: str) -> bool | None:
    """True when a process on this machine has the file open for writing, None when nobody can tell.

    A read lease is only granted while there is no writer. It is given back at once; if somebody opens the
    file in between, the kernel tells us by a signal whose default is to be ignored, not by SIGIO, which
    would end the process. Works on local file systems and for files of our own user (or as root).
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    else:
        return False
    finally:
        os.close(handle)
