"""Everything that lies in our folders and that the ledger has no name for."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from smartsort.audit import rows
from smartsort.files.ignore import Ignore
from smartsort.files.layout import SENTINEL
from smartsort.files.shown import shown
from smartsort.files.stamps import FileStamp, kind_of_entry
from smartsort.ledger.records import Area

_AT_ONCE = 1000
_OURS = ".smartsort-"


@dataclass(frozen=True, slots=True)
class Stranger:
    """Something without a name in the ledger. `stamp` is None for what is no file. `why` then says why.

    `passing`: a temporary file of smartsort itself.
    """

    area: Area
    relative: str
    path: str
    stamp: FileStamp | None
    links: int = 1
    why: str = ""
    passing: bool = False


def strangers(db: sqlite3.Connection, folders: Mapping[Area, str]) -> Iterator[Stranger]:
    """Yield all of them, folder by folder. System litter (`Thumbs.db`, `@eaDir`) is passed over."""
    ignore = Ignore()
    for area, folder in folders.items():
        batch: list[os.DirEntry[str]] = []
        waiting = [folder]
        while waiting:
            place = waiting.pop()
            try:
                with os.scandir(place) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            if ignore.folder(entry.name) is None:
                                waiting.append(entry.path)
                            continue
                        # Across folders: in the library nearly every photo has one of its own.
                        batch.append(entry)
                        if len(batch) >= _AT_ONCE:
                            yield from _unaccounted(db, area, folder, batch, ignore)
                            batch.clear()
            except (FileNotFoundError, NotADirectoryError):
                continue  # tidied up while we looked
            except OSError as error:
                why = f"the folder cannot be read: {error.strerror}"
                yield Stranger(area, os.path.relpath(place, folder), place, None, why=why)
        yield from _unaccounted(db, area, folder, batch, ignore)


def still_there(db: sqlite3.Connection, stranger: Stranger) -> bool:
    """Return False when it is gone by now, or has got a name."""
    if rows.accounted(db, stranger.area, [stranger.relative]):
        return False
    return os.path.lexists(stranger.path)


def _unaccounted(
    db: sqlite3.Connection, area: Area, folder: str, batch: list[os.DirEntry[str]], ignore: Ignore
) -> Iterator[Stranger]:
    start = len(folder) + 1
    relative = {entry.path[start:]: entry for entry in batch}
    known = rows.accounted(db, area, list(relative))
    under_way = rows.parts_under_way(db) if area is Area.TEMP else set()
    for path, entry in relative.items():
        if path in known or entry.name == SENTINEL or path.split("/", 1)[0] in under_way:
            continue
        if entry.name.startswith(_OURS) or (area is Area.TEMP and entry.name.startswith(".upload-")):
            yield Stranger(area, path, entry.path, None, why="a temporary file of smartsort", passing=True)
            continue
        if ignore.file(entry.name) is not None:
            continue
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(status.st_mode):
            yield Stranger(area, path, entry.path, None, why=kind_of_entry(status.st_mode))
            continue
        yield Stranger(area, path, entry.path, FileStamp.of(status), status.st_nlink)


def described(stranger: Stranger) -> str:
    """Return what it is, for people."""
    return f"{shown(stranger.path)}: {stranger.why or 'no photo of the ledger'}"
