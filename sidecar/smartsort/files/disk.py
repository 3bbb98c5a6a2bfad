"""The system calls that change or prove something, in one object that tests can make fail.

Every call announces itself to `checkpoint` by name before and after it happens (`link`, `link done`), so a
test can raise an `OSError` or end the process at each of them. Nothing here decides anything.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_FICLONE = 0x40049409
"""`_IOW(0x94, 9, int)`, the same number on every architecture Python runs Linux on."""

NOT_OFFERED = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOTTY})
"""What a file system answers that does not know an operation at all."""


def _nothing(_step: str) -> None:
    """The checkpoint of everyday runs."""


class Disk:
    """System calls on paths and descriptors. Each raises `OSError` as the kernel does."""

    def __init__(self, checkpoint: Callable[[str], None] = _nothing) -> None:
        self.checkpoint = checkpoint
        self.strays: set[str] = set()
        """Temporary files of our own that could not be removed."""

    def lstat(self, path: str) -> os.stat_result:
        """Return what is at `path`, a symbolic link itself and not its target."""
        return os.lstat(path)

    def link(self, source: str, target: str) -> None:
        """A second name for a file. Never replaces, never follows a symbolic link."""
        self.checkpoint("link")
        os.link(source, target, follow_symlinks=False)
        self.checkpoint("link done")

    def symlink(self, source: str, target: str) -> None:
        """A name that points at `source`. Never replaces."""
        self.checkpoint("symlink")
        os.symlink(source, target)
        self.checkpoint("symlink done")

    def rename_exclusive(self, source: str, target: str) -> None:
        """Rename without replacing: `FileExistsError` when the name is taken, EINVAL where not offered."""
        self.checkpoint("rename exclusive")
        _renameat2(source, target)
        self.checkpoint("rename exclusive done")

    def rename_over(self, source: str, target: str) -> None:
        """Rename, replacing `target`. Only ever used on an empty file of our own."""
        self.checkpoint("rename over")
        os.rename(source, target)
        self.checkpoint("rename over done")

    def unlink(self, path: str) -> None:
        """Remove one name."""
        self.checkpoint("unlink")
        os.unlink(path)
        self.checkpoint("unlink done")

    def rmdir(self, path: str) -> None:
        """Remove a folder, which has to be empty. It need not stay away after a power cut."""
        self.checkpoint("rmdir")
        os.rmdir(path)
        self.checkpoint("rmdir done")

    def mkdir(self, path: str) -> None:
        """Make one folder. Its parent exists."""
        self.checkpoint("mkdir")
        os.mkdir(path)
        self.checkpoint("mkdir done")

    def open_source(self, path: str) -> int:
        """Return a descriptor to read a file with, never a symbolic link, never blocking on a pipe."""
        self.checkpoint("open source")
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)

    def create(self, path: str) -> int:
        """Return a descriptor of a new, empty file. `FileExistsError` when the name is taken."""
        self.checkpoint("create")
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        self.checkpoint("create done")
        return handle

    def clone(self, source: int, target: int) -> None:
        """Make `target` share the blocks of `source`: a reflink."""
        self.checkpoint("clone")
        fcntl.ioctl(target, _FICLONE, source)
        self.checkpoint("clone done")

    def write(self, handle: int, data: memoryview) -> None:
        """Write all of `data`."""
        self.checkpoint("write")
        while data:
            data = data[os.write(handle, data) :]
        self.checkpoint("write done")

    def keep_attributes(self, source: int, target: int) -> None:
        """Give `target` the owner (where allowed), mode, user attributes and times of `source`."""
        self.checkpoint("attributes")
        status = os.fstat(source)
        own = os.fstat(target)
        if (status.st_uid, status.st_gid) != (own.st_uid, own.st_gid):
            with suppress(OSError):
                os.fchown(target, status.st_uid, status.st_gid)
        # FAT, exFAT and many network folders know no modes.
        with suppress(OSError):
            # The owner can always read it back, also where the source was readable by its group only.
            os.fchmod(target, status.st_mode & 0o777 | 0o400)
        _copy_user_attributes(source, target)
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.checkpoint("attributes done")

    def fsync(self, handle: int) -> None:
        """Wait until the file's bytes and times are on the disk."""
        self.checkpoint("fsync")
        os.fsync(handle)
        self.checkpoint("fsync done")

    def forget(self, handle: int) -> None:
        """Ask the kernel to drop the file from its cache, so that a re-read asks the disk."""
        with suppress(OSError):
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)

    def fsync_path(self, path: str, *, folder: bool) -> None:
        """Wait until a file or a folder is on the disk. No error where folders know no fsync."""
        self.checkpoint("fsync folder" if folder else "fsync file")
        flags = os.O_RDONLY | os.O_CLOEXEC | (os.O_DIRECTORY if folder else os.O_NOFOLLOW | os.O_NONBLOCK)
        handle = os.open(path, flags)
        try:
            os.fsync(handle)
        except OSError as error:
            if not folder or error.errno not in NOT_OFFERED:
                raise
        finally:
            os.close(handle)
        self.checkpoint("fsync folder done" if folder else "fsync file done")

    def sync_file_system(self, path: str) -> None:
        """Wait until everything on the file system of `path` is on the disk (syncfs)."""
        self.checkpoint("syncfs")
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if _libc().syncfs(handle) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), path)
        finally:
            os.close(handle)
        self.checkpoint("syncfs done")


def _copy_user_attributes(source: int, target: int) -> None:
    # Only `user.`: the others (security, system, trusted) belong to the machine, not to the photo.
    with suppress(OSError):
        for name in os.listxattr(source):
            if name.startswith("user."):
                os.setxattr(target, name, os.getxattr(source, name))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _renameat2(source: str, target: str) -> None:
    libc = _libc()
    if not hasattr(libc, "renameat2"):  # musl before 1.2.6 and glibc before 2.28
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), target)
    done = libc.renameat2(
        _AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), ctypes.c_uint(_RENAME_NOREPLACE)
    )
    if done != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), source, None, target)
