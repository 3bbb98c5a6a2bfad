"""Which file it is, and whether it is still the same: device, inode, size and time."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from smartsort.files.problems import (
    FileChanged,
    FileProblem,
    FileVanished,
    NotAFile,
    storage_error,
    unreadable,
)
from smartsort.files.shown import shown


class FileStamp(NamedTuple):
    """One file at one moment. A write, a replacement or a changed time gives another stamp."""

    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileStamp:
        """The stamp in a stat result."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    def same_file(self, other: FileStamp) -> bool:
        """Return True when both are names of one inode."""
        return self.inode == other.inode and self.device == other.device

    def same_content(self, other: FileStamp) -> bool:
        """Return True when size and time agree, whatever the inode and its mount."""
        return self.size == other.size and self.mtime_ns == other.mtime_ns


def stamp(path: str) -> FileStamp:
    """Return the stamp of a regular file. Symbolic links are not followed.

    Raises FileVanished, NotAFile, or StorageError when the file cannot be looked at.
    """
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileVanished(f"{shown(path)} is gone", path) from error
    except OSError as error:
        raise storage_error(error, "look at", path) from error
    return regular(status, path)


def stamp_or_none(path: str) -> FileStamp | None:
    """As `stamp`, None where no regular file is."""
    try:
        return stamp(path)
    except FileProblem:
        return None


@contextmanager
def opened(path: str) -> Iterator[tuple[int, FileStamp]]:
    """The handle of a regular file, open to be read, and its stamp.

    Raises FileVanished, NotAFile, FileUnreadable or StorageError, also for what fails while it is open.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise FileVanished(f"{shown(path)} is gone", path) from error
    except OSError as error:
        if os.path.islink(path):
            raise NotAFile(f"{shown(path)} is a symbolic link, not a file", path) from error
        raise unreadable(error, path) from error
    try:
        yield handle, regular(os.fstat(handle), path)
    except OSError as error:
        raise unreadable(error, path) from error
    finally:
        os.close(handle)


def regular(status: os.stat_result, path: str) -> FileStamp:
    """Return the stamp in a stat result of `path`. Raises NotAFile unless it is a regular file."""
    if not stat.S_ISREG(status.st_mode):
        raise NotAFile(f"{shown(path)} is {kind_of_entry(status.st_mode)}, not a file", path)
    return FileStamp.of(status)


def kind_of_entry(mode: int) -> str:
    """Return what a mode says it is, for people."""
    for test, words in _KINDS:
        if test(mode):
            return words
    return "something unknown"


_KINDS = (
    (stat.S_ISREG, "a file"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISCHR, "a character device"),
)


def check_unchanged(path: str, now: FileStamp, expected: FileStamp | None) -> None:
    """Raises FileChanged when the file is not the expected one any more."""
    if expected is not None and now != expected:
        raise FileChanged(f"{shown(path)} has changed since it was looked at. It is looked at again", path)
