"""Disks that refuse what a test says they refuse, and placing and dropping one file on them."""

import errno
import hashlib
import os

from smartsort.files.disk import Disk
from smartsort.files.placement import Drop, Placed, Placer, Placing

BYTES = b"the bytes of a photo" * 1000
SHA256 = hashlib.sha256(BYTES).hexdigest()


def written(path, data=BYTES, mtime_ns=1_600_000_000_123_456_789):
    path = os.fspath(path)
    with open(path, "wb") as file:
        file.write(data)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


def content(path):
    with open(path, "rb") as file:
        return file.read()


def everything_below(folder):
    return sorted(
        os.path.relpath(os.path.join(at, name), folder) for at, _, files in os.walk(folder) for name in files
    )


def place(wish, disk=None):
    (result,) = Placer(disk).place([wish])
    return result


def placed(wish, disk=None):
    result = place(wish, disk)
    assert isinstance(result, Placed), result
    return result


def wish(source, folder, *names, **more):
    return Placing(os.fspath(source), os.fspath(folder), names or ("a.jpg",), **more)


def drop(*args, disk=None, **more):
    (result,) = Placer(disk).drop([Drop(*map(os.fspath, args), **more)])
    return result


class Refusing(Disk):
    """Refuses single operations, as file systems do that do not know them."""

    def __init__(self, **refused):
        super().__init__()
        self.refused = refused

    def _check(self, operation, target=None):
        # The kernel finds a name taken before it asks the file system.
        if target is not None and os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "taken", target)
        if operation in self.refused:
            raise OSError(self.refused[operation], os.strerror(self.refused[operation]), target)

    def link(self, source, target):
        self._check("link", target)
        super().link(source, target)

    def clone(self, source, target):
        self._check("clone")
        super().clone(source, target)

    def rename_exclusive(self, source, target):
        self._check("rename_exclusive", target)
        super().rename_exclusive(source, target)

    def unlink(self, path):
        self._check("unlink")
        super().unlink(path)

    def write(self, handle, data):
        self._check("write")
        super().write(handle, data)

    def fsync_path(self, path, *, folder):
        self._check("fsync_path")
        super().fsync_path(path, folder=folder)

    def sync_file_system(self, path):
        self._check("sync_file_system")
        super().sync_file_system(path)


def without_links():
    return Refusing(link=errno.EPERM, clone=errno.EOPNOTSUPP)


def without_anything():
    """No links, no reflinks, no exclusive rename: FUSE and CIFS at their poorest."""
    return Refusing(link=errno.EOPNOTSUPP, clone=errno.ENOTTY, rename_exclusive=errno.EINVAL)


def nfs_over_devices():
    """Links work in one folder but not from the source: an NFS mount beside a local one."""

    class Nfs(Refusing):
        def link(self, source, target):
            self._check("", target)
            if os.path.dirname(source) != os.path.dirname(target):
                raise OSError(errno.EXDEV, "another device")
            Disk.link(self, source, target)

    return Nfs(clone=errno.EXDEV, rename_exclusive=errno.EINVAL)


ALL_DISKS = [Disk, without_links, without_anything, nfs_over_devices]
