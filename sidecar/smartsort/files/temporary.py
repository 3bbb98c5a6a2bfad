"""Temporary files beside photos: their names, what a crash left of them, and a try with an empty one."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat

from smartsort.errors import StorageError
from smartsort.files.disk import NOT_OFFERED, Disk
from smartsort.files.problems import storage_error
from smartsort.files.requests import Method
from smartsort.files.stamps import FileStamp, stamp

NO_LINK = NOT_OFFERED | {errno.EXDEV, errno.EMLINK, errno.EPERM}
"""A hard link is not to be had: another mount, too many already, a file system without them, or a foreign
owner (`fs.protected_hardlinks`). A copy may still be."""

_TEMPORARY = re.compile(r"\.smartsort-[0-9a-f]{16}\.(part|probe)")


def temporary_in(folder: str, ending: str = "part") -> str:
    """Return a name in this folder that no other writer has, and that a start clears up."""
    return os.path.join(folder, f".smartsort-{secrets.token_hex(8)}.{ending}")


def sweep_temporaries(folder: str, disk: Disk | None = None) -> list[str]:
    """Remove the temporary files a crash left in this folder (not below). Return the paths removed.

    Only while nobody places there: at start-up, when the root is locked. Such a file is never the only
    place of anything: it is made from a source that stays until the ledger is committed.
    """
    disk = disk or Disk()
    removed = []
    try:
        # By the beginning of the name first: a person's folder may hold a hundred thousand others.
        ours = [name for name in os.listdir(folder) if name.startswith(".smartsort-")]
        for path in (os.path.join(folder, name) for name in ours if _TEMPORARY.fullmatch(name)):
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode):
                disk.unlink(path)
                removed.append(path)
            elif stat.S_ISDIR(mode) and path.endswith(".probe"):
                clear_playground(path, disk)
    except FileNotFoundError:
        return removed
    except OSError as error:
        raise storage_error(error, "tidy up", folder) from error
    return removed


def clear_playground(place: str, disk: Disk) -> None:
    """Remove a folder that names were tried in, also one that a crash left."""
    try:
        for name in os.listdir(place):
            disk.unlink(os.path.join(place, name))
        disk.rmdir(place)
        disk.strays.discard(place)
    except FileNotFoundError:
        disk.strays.discard(place)
    except OSError:
        disk.strays.add(place)


def _remove(path: str, disk: Disk) -> None:
    try:
        disk.unlink(path)
    except FileNotFoundError:
        pass
    except OSError:
        disk.strays.add(path)


def methods_between(source_folder: str, target_folder: str, disk: Disk | None = None) -> Method:
    """Return how files come from one folder into the other, found out by doing it once with an empty name.

    Raises StorageError when a folder cannot be written.
    """
    disk = disk or Disk()
    source = temporary_in(source_folder, "probe")
    target = temporary_in(target_folder, "probe")
    try:
        reading = disk.create(source)
    except OSError as error:
        raise storage_error(error, "write into", source_folder) from error
    try:
        try:
            os.write(reading, b"smartsort tries what this file system can do\n")
            os.fsync(reading)
        except OSError as error:
            raise storage_error(error, "write into", source_folder) from error
        try:
            return _try_methods(disk, source, target, target_folder)
        except OSError as error:
            raise storage_error(error, "try out", target_folder) from error
    finally:
        os.close(reading)
        for path in (source, target):
            _remove(path, disk)


def method_for(source: str, target_folder: str, disk: Disk | None = None) -> Method:
    """Return how this file comes into a folder, found out by doing it once. Nothing beside it is changed.

    Raises FileVanished, or StorageError when the folder cannot be written.
    """
    disk = disk or Disk()
    target = temporary_in(target_folder, "probe")
    try:
        stamp(source)
        return _try_methods(disk, source, target, target_folder)
    except OSError as error:
        raise storage_error(error, "read", source) from error
    except StorageError:
        stamp(source)  # who took it away meanwhile is not the folder's problem
        raise
    finally:
        _remove(target, disk)


def _try_methods(disk: Disk, source: str, target: str, folder: str) -> Method:
    try:
        disk.link(source, target)
    except OSError as error:
        if error.errno not in NO_LINK:
            raise storage_error(error, "write into", folder) from error
    else:
        if FileStamp.of(disk.lstat(source)).same_file(FileStamp.of(disk.lstat(target))):
            return Method.HARDLINK
        disk.unlink(target)  # by its number it is another file: what was linked could not be recognised
    try:
        writing = disk.create(target)
    except OSError as error:
        raise storage_error(error, "write into", folder) from error
    try:
        reading = disk.open_source(source)
    except OSError:
        os.close(writing)
        raise
    try:
        disk.clone(reading, writing)
    except OSError:
        return Method.COPY
    else:
        return Method.REFLINK
    finally:
        os.close(reading)
        os.close(writing)
