"""Everything that lies in our folders without an owner, read and sorted into files that are one photo.

Kept in a temporary database, so that a library of a million photos fits.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from smartsort.audit import folders as walk
from smartsort.errors import SmartsortError
from smartsort.files.hashing import digests_of_all
from smartsort.files.shown import from_ledger, to_ledger
from smartsort.files.stamps import FileStamp
from smartsort.ledger.records import Area, Member

_AT_ONCE = 200
_ORDER = (Area.LIBRARY, Area.FACES, Area.REVIEW, Area.TRASH, Area.TEMP)


@dataclass(frozen=True, slots=True)
class Found:
    """One name on the disk."""

    area: Area
    path: str
    stamp: FileStamp
    member: Member


@dataclass(frozen=True, slots=True)
class Cluster:
    """All names of one file (one inode) and its digests, and the XMP files that lie beside these names."""

    sha256: str
    sha1: str
    names: tuple[Found, ...]

    @property
    def own(self) -> list[Found]:
        """The names of the photo itself."""
        return [f for f in self.names if f.member is Member.PHOTO]


class Inventory:
    """The unaccounted files of one root."""

    def __init__(self, folders: Mapping[Area, str]) -> None:
        self._folders = folders
        # An empty name: on the disk when it grows, gone when it is closed.
        self._db = sqlite3.connect("")
        self._db.execute(
            "CREATE TABLE files (area TEXT, rank INTEGER, path ANY, device INTEGER, inode INTEGER,"
            " size INTEGER, mtime_ns INTEGER, member TEXT, leader ANY, sha256 TEXT, sha1 TEXT,"
            " PRIMARY KEY (area, path))"
        )
        self._db.execute("CREATE INDEX by_inode ON files(device, inode)")
        self._db.execute("CREATE INDEX by_leader ON files(area, leader)")
        self.unreadable: list[str] = []

    def close(self) -> None:
        """Forget everything."""
        self._db.close()

    def read(self, ledger: sqlite3.Connection, progress: Callable[[int], None]) -> int:
        """Find and hash; how many names there are."""
        for stranger in walk.strangers(ledger, self._folders):
            if stranger.stamp is None:
                continue
            now = stranger.stamp
            leader = _leader_of(stranger.area, stranger.relative)
            self._db.execute(
                "INSERT OR IGNORE INTO files VALUES (?,?,?,?,?,?,?,?,?,NULL,NULL)",
                (
                    stranger.area.value,
                    _ORDER.index(stranger.area),
                    to_ledger(stranger.relative),
                    now.device,
                    now.inode,
                    now.size,
                    now.mtime_ns,
                    (Member.PHOTO if leader is None else Member.XMP).value,
                    None if leader is None else to_ledger(leader),
                ),
            )
        self._hash(progress)
        return int(self._db.execute("SELECT count(*) FROM files").fetchone()[0])

    def _hash(self, progress: Callable[[int], None]) -> None:
        """Every inode once."""
        done = 0
        while True:
            rows = self._db.execute(
                "SELECT area, path, device, inode, size, mtime_ns FROM files WHERE sha256 IS NULL"
                " GROUP BY device, inode LIMIT ?",
                (_AT_ONCE,),
            ).fetchall()
            if not rows:
                return
            wanted = [(self._absolute(r[0], r[1]), FileStamp(*r[2:])) for r in rows]
            for row, result, (path, _) in zip(rows, digests_of_all(wanted), wanted, strict=True):
                if isinstance(result, SmartsortError):
                    self.unreadable.append(f"{path}: {result}")
                    self._db.execute("DELETE FROM files WHERE device = ? AND inode = ?", row[2:4])
                    continue
                self._db.execute(
                    "UPDATE files SET sha256 = ?, sha1 = ? WHERE device = ? AND inode = ?",
                    (result.sha256, result.sha1, *row[2:4]),
                )
            done += len(rows)
            progress(done)

    def clusters(self) -> Iterator[Cluster]:
        """Files, those that stand in the library first."""
        keys = self._db.execute(
            "SELECT device, inode, min(rank) FROM files WHERE member = 'photo' GROUP BY device, inode"
            " ORDER BY min(rank), min(path)"
        ).fetchall()
        for device, inode, _ in keys:
            rows = self._db.execute(
                "SELECT area, path, device, inode, size, mtime_ns, sha256, sha1 FROM files"
                " WHERE device = ? AND inode = ? AND member = 'photo' ORDER BY rank, path",
                (device, inode),
            ).fetchall()
            names = [Found(Area(r[0]), from_ledger(r[1]), FileStamp(*r[2:6]), Member.PHOTO) for r in rows]
            followers = [xmp for name in names for xmp in self.beside(name.area, name.path)]
            yield Cluster(rows[0][6], rows[0][7], (*names, *followers))

    def beside(self, area: Area, path: str) -> list[Found]:
        """XMP files that belong to the photo at a path."""
        leader = to_ledger(_leader_key(area, path))
        rows = self._db.execute(
            "SELECT path, device, inode, size, mtime_ns FROM files WHERE area = ? AND leader = ?",
            (area.value, leader),
        )
        return [Found(area, from_ledger(r[0]), FileStamp(*r[1:]), Member.XMP) for r in rows]

    def digest(self, name: Found) -> str | None:
        """The SHA-256 of a name."""
        row = self._db.execute(
            "SELECT sha256 FROM files WHERE area = ? AND path = ?", (name.area.value, to_ledger(name.path))
        ).fetchone()
        return row[0] if row else None

    def _absolute(self, area: str, path: str | bytes) -> str:
        return f"{self._folders[Area(area)]}/{from_ledger(path)}"


def _leader_key(area: Area, path: str) -> str:
    """What an XMP file and its photo have in common."""
    if area is Area.TEMP:
        return path.split("-", 1)[0]
    return path


def _leader_of(area: Area, path: str) -> str | None:
    """The key of the photo an XMP file belongs to, None for a photo."""
    if area is Area.TEMP:
        head, _, rest = path.partition("-")
        return head if rest.startswith("xmp_") else None
    return path[: -len(".xmp")] if os.path.basename(path).lower().endswith(".xmp") else None
