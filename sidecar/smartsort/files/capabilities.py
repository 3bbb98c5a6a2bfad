"""What the file system of a folder can do, found out by doing it once: names, and numbers of files.

Only the listing tells what a name became: some file systems refuse a name, others quietly take another one.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from smartsort.files.disk import Disk
from smartsort.files.names import ANY_NAME, NAME_BYTES, Form, NameRules
from smartsort.files.problems import storage_error
from smartsort.files.stamps import FileStamp
from smartsort.files.temporary import NO_LINK, clear_playground, temporary_in

_LETTERS = ':?*"<>|\\\x01\x7f'
_ENDS = ". "
_ACCENT = "\u00e9"
_LENGTHS = (NAME_BYTES, 200, 143, 96)
"""143 is what eCryptfs leaves."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """`names`: which names it takes. `numbers`: an inode number tells which names are one file."""

    names: NameRules = ANY_NAME
    numbers: bool = True


def capabilities_of(folder: str, disk: Disk) -> Capabilities:
    """Try a folder's file system, in a sub-folder that is gone afterwards. Raises StorageError."""
    try:
        with _playground(folder, disk) as place:
            rules = NameRules(
                refused=frozenset(c for c in _LETTERS if not _takes(f"a{c}b", place, disk)),
                ends=frozenset(c for c in _ENDS if not _takes(f"ab{c}", place, disk)),
                reserved=not all(_takes(name, place, disk) for name in ("con", "nul.a")),
                any_bytes=_takes(os.fsdecode(b"a\xff"), place, disk),
                emoji=_takes("a\U0001f600", place, disk),
                form=_form(place, disk),
                longest=next((n for n in _LENGTHS if _takes("a" * n, place, disk)), 48),
            )
            numbers = _tells_files_apart(place, disk)
            _make(os.path.join(place, "z"), disk)  # or all of this says nothing about names
    except OSError as error:
        raise storage_error(error, "write into", folder) from error
    return Capabilities(rules, numbers)


@contextmanager
def _playground(folder: str, disk: Disk) -> Iterator[str]:
    place = temporary_in(folder, "probe")
    try:
        disk.mkdir(place)
        _make(os.path.join(place, "a"), disk)
        yield place
    finally:
        clear_playground(place, disk)


def _make(path: str, disk: Disk) -> None:
    os.close(disk.create(path))


def _takes(name: str, place: str, disk: Disk) -> bool:
    try:
        _make(os.path.join(place, name), disk)
    except OSError:
        return False
    return name in os.listdir(place)


def _form(place: str, disk: Disk) -> Form | None:
    """Return the one Unicode form that all names get, None where each stays as it is."""
    for written in ("NFC", "NFD"):
        takes = _takes(unicodedata.normalize(written, f"{written}{_ACCENT}"), place, disk)
        other: Form = "NFD" if written == "NFC" else "NFC"
        if not takes and unicodedata.normalize(other, f"{written}{_ACCENT}") in os.listdir(place):
            return other
    return None


def _tells_files_apart(place: str, disk: Disk) -> bool:
    """Return whether names of one file show one number, others another one, before and after a rename."""
    one, other, moved = (os.path.join(place, name) for name in ("one", "other", "moved"))
    _make(one, disk)
    try:
        disk.link(one, other)
    except OSError as error:
        if error.errno not in NO_LINK:
            raise
        _make(other, disk)
        linked = False
    else:
        linked = True
    first, second = disk.lstat(one), disk.lstat(other)
    disk.rename_over(other, moved)
    third = disk.lstat(moved)
    another = os.path.join(place, "another")
    _make(another, disk)
    apart = not FileStamp.of(first).same_file(FileStamp.of(disk.lstat(another)))
    same = FileStamp.of(first).same_file(FileStamp.of(second))
    kept = FileStamp.of(second).same_file(FileStamp.of(third))
    return apart and kept and same is linked and (not linked or second.st_nlink == 2)
