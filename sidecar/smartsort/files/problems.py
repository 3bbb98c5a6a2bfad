"""What can be wrong with one file, and what an errno means to a person.

SmartsortError
├── FileProblem        one file cannot be taken; the others go on
│   ├── FileVanished   it is gone
│   ├── FileChanged    it is not the file that was looked at
│   ├── FileUnreadable it may not be read, or the disk fails on it
│   ├── FileRefused    its folder takes other files, but not this one
│   │   └── NameTaken  every name that was allowed is another file's
│   └── NotAFile       a folder, a symbolic link, a pipe, a device
└── StorageError ...   a whole folder cannot (see `smartsort.errors`)
    ├── NameKept       a name stays, because its bytes are not proved to live elsewhere
    └── NameLeft       a name was made, is not safe, and could not be taken away again
"""

from __future__ import annotations

import errno
import os

from smartsort.errors import SmartsortError, StorageError, StorageFull
from smartsort.files.shown import shown


class FileProblem(SmartsortError):
    """One file cannot be taken. `path` is the file."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.path = path

    def __reduce__(self) -> tuple[type[FileProblem], tuple[str, str]]:
        """Problems come from decoder processes, too."""
        return type(self), (str(self), self.path)


class FileVanished(FileProblem):
    """The file is gone."""


class FileChanged(FileProblem):
    """The file is not, or no longer, the one that was looked at."""


class FileUnreadable(FileProblem):
    """The file may not be read, or the disk fails on just this one."""


class FileRefused(FileProblem):
    """The folder takes other files, but not this one. It holds up no other photo."""


class NameTaken(FileRefused):
    """Every name that a file was allowed to have is another's."""


class NotAFile(FileProblem):
    """Something that is no regular file. It is never followed nor opened."""


class NameKept(StorageError):
    """A name that stays, because its bytes are not proved to live under another. Waiting does not help."""


class NameLeft(StorageError):
    """A new name that may not survive a power cut, and could not be taken away again."""


NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The file system is full, of bytes or of inodes, or the quota is."""


def storage_error(error: OSError, doing: str, path: str) -> StorageError:
    """Return the error to raise for a failed system call: what failed, on what, what to do.

    `doing` completes "cannot …": "write", "link into", "read".
    """
    number = error.errno or 0
    what = f"cannot {doing} {shown(path)}"
    if number in NO_SPACE:
        return StorageFull(f"{what}: no space, inodes or quota left. Free some and it goes on by itself")
    remedy = _REMEDIES.get(number)
    if remedy is None:
        remedy = f"{error.strerror or error}. Look at the disk and the system log"
    if number in (errno.EACCES, errno.EPERM):
        remedy += f" (smartsort runs as user {os.geteuid()}, group {os.getegid()})"
    return StorageError(f"{what}: {remedy}")


def unreadable(error: OSError, path: str) -> FileUnreadable | StorageError:
    """Return the error for a file that could not be read: its own problem, or its folder's."""
    said = storage_error(error, "read", path)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EIO, errno.EINVAL, errno.EUCLEAN):
        return FileUnreadable(str(said), path)
    return said


_REMEDIES = {
    errno.EACCES: "permission denied. Give smartsort's user read and write access to it",
    errno.EPERM: "not permitted. Give smartsort's user the file, or write access to the folder",
    errno.EROFS: "the file system is mounted read-only. Mount it read-write for smartsort",
    errno.EIO: "the disk reports an error. Look at the system log before anything else",
    errno.ESTALE: "the network folder was replaced on its server. Mount it again",
    errno.ENOENT: "the folder is gone. Is it mounted?",
    errno.ENOTDIR: "a part of the path is no folder",
    errno.ENAMETOOLONG: "the name is too long for this file system, even shortened",
    errno.ELOOP: "a symbolic link stands in the way",
    errno.EMFILE: "too many open files. Raise the limit (ulimit -n)",
    errno.ENFILE: "too many open files on this machine",
    errno.ENOTCONN: "the network folder is not connected. Mount it again",
    errno.EHOSTDOWN: "the file server does not answer",
    errno.ETIMEDOUT: "the file server does not answer",
}
