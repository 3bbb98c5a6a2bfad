"""Room left on the file system of a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass

from smartsort.files.problems import storage_error


@dataclass(frozen=True, slots=True)
class Space:
    """Room for smartsort's user. `inodes` is None where the file system has no fixed number of them."""

    bytes: int
    total_bytes: int
    inodes: int | None


def space(folder: str) -> Space:
    """Return the room left in a folder's file system. Quotas are not seen. Raises StorageError."""
    try:
        found = os.statvfs(folder)
    except OSError as error:
        raise storage_error(error, "look at", folder) from error
    inodes = found.f_favail if found.f_files > 0 else None
    return Space(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize, inodes)
