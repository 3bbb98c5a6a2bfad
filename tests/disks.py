"""Disks that refuse what a test says they refuse, and placing and dropping one file on them."""

import errno
import hashlib
import os

from smartsort.files.disk import Disk
from smartsort.files.placement import Placed, Placer, PlaceRequest, RemoveRequest

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


def place(request, disk=None):
    (result,) = Placer(disk).place([request])
    return result


def placed(request, disk=None):
    result = place(request, disk)
    assert isinstance(result, Placed), result
    return result


def request(source, folder, *names, **more):
    return PlaceRequest(os.fspath(source), os.fspath(folder), names or ("a.jpg",), **more)


def drop(*args, disk=None, **more):
    (result,) = Placer(disk).remove([RemoveRequest(*map(os.fspath, args), **more)])
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


class Picky(Disk):
    """Takes no names that Windows does not, as exFAT, NTFS and most SMB shares. `error`: what it answers.

    `taking`: it takes them and makes other names of them, as some shares do.
    """

    def __init__(self, error=errno.EINVAL, longest=255, *, taking=False):
        super().__init__()
        self.error, self.longest, self.taking = error, longest, taking

    def _named(self, path):
        folder, name = os.path.split(path)
        if len(os.fsencode(name)) > self.longest:
            raise OSError(errno.ENAMETOOLONG, "too long", path)
        if set(name) & set(':?*"<>|\\') or name[-1] in ". " or name.split(".")[0].lower() == "con":
            if not self.taking:
                raise OSError(self.error, os.strerror(self.error), path)
            name = "".join("\uf000" if c in ':?*"<>|\\' else c for c in name.rstrip(". "))
        return os.path.join(folder, name)

    def link(self, source, target):
        super().link(source, self._named(target))

    def create(self, path):
        return super().create(self._named(path))

    def rename_exclusive(self, source, target):
        super().rename_exclusive(source, self._named(target))

    def rename_over(self, source, target):
        super().rename_over(source, self._named(target))

    def mkdir(self, path):
        super().mkdir(self._named(path))


class Renumbering(Disk):
    """Shows another inode for each name of a file, as FUSE file systems without stable inode numbers.

    `one_for_all`: it shows the same for every file instead.
    """

    def __init__(self, *, one_for_all=False):
        super().__init__()
        self.one_for_all = one_for_all

    def lstat(self, path):
        found = os.lstat(path)
        if found.st_nlink == 1 and not self.one_for_all:
            return found
        number = (
            1 if self.one_for_all else int.from_bytes(hashlib.sha256(os.fsencode(path)).digest()[:4], "big")
        )
        fields = list(found)
        fields[1] = number
        return os.stat_result(
            fields,
            {
                key: getattr(found, key)
                for key in ("st_atime_ns", "st_mtime_ns", "st_ctime_ns", "st_blksize", "st_blocks", "st_rdev")
            },
        )
