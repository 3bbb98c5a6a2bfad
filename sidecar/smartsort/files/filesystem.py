"""What kind of file system a path lies on, by the magic number statfs(2) gives."""

from __future__ import annotations

import ctypes
import os
import re
from dataclasses import dataclass
from functools import cache

from smartsort.files.shown import shown

_SYNCED_AS_A_WHOLE = {
    0xEF53: "ext4",
    0x58465342: "xfs",
    0x9123683E: "btrfs",
    0xF2F52010: "f2fs",
    0xCA451A4E: "bcachefs",
    0x2FC12FC1: "zfs",
    0x01021994: "tmpfs",
}
"""Local file systems whose syncfs is known to wait for everything. FUSE, for one, may do nothing."""

_CHANGED_BY_OTHERS = {
    0x6969: "nfs",
    0x517B: "smb",
    0xFF534D42: "cifs",
    0xFE534D42: "smb2",
    0x65735546: "fuse",  # sshfs, rclone, mergerfs, the shared folders of Docker Desktop
    0x01021997: "9p",
    0x00C36400: "ceph",
    0x5346414F: "afs",
    0x73757245: "coda",
    0x786F4256: "vboxsf",
    0x7C7C6673: "prl_fs",
    0xAAD7AAEA: "panfs",
    0x0BD00BD0: "lustre",
    0x47504653: "gpfs",
}
"""Where files appear without this kernel doing it, so inotify hears nothing."""

_WITHOUT_LINKS = {0x4D44: "vfat", 0x2011BAB0: "exfat", 0x5346544E: "ntfs", 0x7366746E: "ntfs3"}
_OTHERS = {0x794C7630: "overlay", **_WITHOUT_LINKS}


@dataclass(frozen=True, slots=True)
class FileSystem:
    """`name` is for people. `notifies`: inotify hears every change. `syncs`: syncfs can be relied on."""

    name: str
    notifies: bool
    syncs: bool


def file_system(path: str) -> FileSystem:
    """Return the file system of an existing path. Raises `OSError` as statfs does."""
    magic = _magic(path)
    name = _SYNCED_AS_A_WHOLE.get(magic) or _CHANGED_BY_OTHERS.get(magic) or _OTHERS.get(magic) or hex(magic)
    return FileSystem(name, notifies=magic not in _CHANGED_BY_OTHERS, syncs=magic in _SYNCED_AS_A_WHOLE)


def _magic(path: str) -> int:
    # The first member of struct statfs is the magic number, a machine word. The rest is not read.
    buffer = (ctypes.c_long * 64)()
    if _libc().statfs(os.fsencode(path), buffer) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return buffer[0] & 0xFFFFFFFF


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def mounts_below(folder: str, table: str = "/proc/self/mountinfo") -> list[str]:
    """Mount points inside a folder, empty where the kernel does not tell."""
    root = os.path.realpath(folder).rstrip("/") + "/"
    try:
        with open(table, "rb") as lines:
            points = [_unescaped(line.split(b" ")[4]) for line in lines if line.count(b" ") > 4]
    except OSError:
        return []
    return [point for point in points if point.startswith(root)]


def _unescaped(field: bytes) -> str:
    # The kernel writes space, tab, newline and backslash as three octal digits.
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda found: bytes((int(found[1], 8),)), field))


def why_unheard(folder: str) -> str | None:
    """Return why inotify may miss changes in a folder, None when it hears them all."""
    for place in (folder, *mounts_below(folder)):
        try:
            found = file_system(place)
        except OSError:
            continue
        if not found.notifies:
            return f"{shown(place)} is on a file system ({found.name}) that others change unheard"
    return None
