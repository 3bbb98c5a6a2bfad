"""What lies in the inbox.

A scan is the truth, events are only hints to scan. Nothing but regular files is ever opened, and nothing is
followed. What is left alone is reported with its reason.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from smartsort.errors import RootUnavailable
from smartsort.files.ignore import Ignore
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
    folders: tuple[str, ...] = ()
    """Sub-folders that were not looked into."""


def scan_inbox(
    folder: str, ignore: Ignore | None = None, *, deep: bool = True, called: str = "the inbox"
) -> InboxScan:
    """Everything in the inbox and its sub-folders, with `deep` False in itself alone.

    Raises RootUnavailable when the inbox itself cannot be read. A sub-folder that cannot is reported and the
    others are read.
    """
    ignore = ignore or Ignore()
    entries: list[Entry] = []
    left: list[Left] = []
    folders = [(folder, "")]
    apart: list[str] = []
    while folders:
        place, source = folders.pop()
        try:
            with os.scandir(place) as found:
                for item in found:
                    below = _look_at(item, source, ignore, entries, left)
                    if below is not None and not deep:
                        apart.append(below)
                    elif below is not None:
                        folders.append((below, source or item.name))
        except FileNotFoundError as error:
            if place == folder:
                raise RootUnavailable(f"{called} {shown(folder)} is gone. Is its disk mounted?") from error
        except OSError as error:
            if place == folder:
                raise RootUnavailable(str(storage_error(error, f"read {called}", folder))) from error
            left.append(Left(place, str(storage_error(error, "read the folder", place))))
    entries.sort(key=lambda entry: entry.path)
    left.sort(key=lambda each: each.path)
    return InboxScan(tuple(entries), tuple(left), tuple(sorted(apart)))


def _look_at(
    item: os.DirEntry[str], source: str, ignore: Ignore, entries: list[Entry], left: list[Left]
) -> str | None:
    """Sort one directory entry. Returns the path of a folder that is to be entered."""
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
        left.append(Left(item.path, "its time lies beyond the year 2262. Give it another (touch)"))
    elif not os.access(item.path, os.R_OK):
        left.append(Left(item.path, "it may not be read. Give smartsort's user read access"))
    else:
        entries.append(Entry(item.path, source, FileStamp.of(status), status.st_ctime_ns))
    return None


_LAST_TIME_NS = 2**63 - 1
"""Nanoseconds in 64 bits, which is all that databases and most programs keep."""
