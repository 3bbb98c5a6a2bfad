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
from smartsort.files.decoders import Decoders
from smartsort.files.hashing import digests_of_all
from smartsort.files.shown import from_ledger, to_ledger
from smartsort.files.stamps import FileStamp
from smartsort.ledger.records import Area, Member
from smartsort.rescue.shots import Lying, ShotsOfFolder

_AT_ONCE = 200
_ORDER = (Area.LIBRARY, Area.FACES, Area.REVIEW, Area.TRASH, Area.TEMP, Area.ORIGINAL)
"""What a shot is shows best in the library. What was found there counts for the other folders."""

_FOUND = "area, path, device, inode, size, mtime_ns, member, sha256, sha1"


@dataclass(frozen=True, slots=True)
class Found:
    """One name on the disk, and what the file is to its photo."""

    area: Area
    path: str
    stamp: FileStamp
    member: Member
    sha256: str = ""
    sha1: str = ""


@dataclass(frozen=True, slots=True)
class Cluster:
    """All names of one file (one inode) and its digests, and those of the files that travel with it."""

    sha256: str
    sha1: str
    names: tuple[Found, ...]

    @property
    def own(self) -> list[Found]:
        """The names of the photo itself."""
        return [f for f in self.names if f.member is Member.PHOTO]


class Inventory:
    """The unaccounted files of one root."""

    def __init__(
        self,
        folders: Mapping[Area, str],
        decoders: Decoders,
        leads_to: Callable[[str], FileStamp | None] = lambda _: None,
    ) -> None:
        """`leads_to` tells what a symbolic link of ours shows."""
        self._folders, self._decoders, self._leads_to = folders, decoders, leads_to
        # An empty name: on the disk when it grows, gone when it is closed.
        self._db = sqlite3.connect("")
        # `leader` is the inode, and `photo` the photo of the ledger, that a file travels with.
        self._db.execute(
            "CREATE TABLE files (area TEXT, rank INTEGER, folder ANY, path ANY, device INTEGER,"
            " inode INTEGER, size INTEGER, mtime_ns INTEGER, sha256 TEXT, sha1 TEXT,"
            " member TEXT NOT NULL DEFAULT 'photo', leader INTEGER, leader_device INTEGER, photo INTEGER,"
            " PRIMARY KEY (area, path))"
        )
        self._db.execute("CREATE INDEX by_folder ON files(area, folder)")
        self._db.execute("CREATE INDEX by_inode ON files(device, inode)")
        self._db.execute("CREATE INDEX by_digest ON files(sha256) WHERE member = 'photo'")
        self._db.execute("CREATE INDEX by_leader ON files(leader_device, leader) WHERE leader IS NOT NULL")
        self._db.execute("CREATE INDEX by_photo ON files(photo) WHERE photo IS NOT NULL")
        self._db.execute("CREATE TABLE pairs (half TEXT, photo TEXT, member TEXT, PRIMARY KEY (half, photo))")
        self.unreadable: list[str] = []

    def close(self) -> None:
        """Forget everything."""
        self._db.close()

    def read(self, ledger: sqlite3.Connection, progress: Callable[[int], None]) -> int:
        """Find, hash and group the files. Return how many names there are."""
        for stranger in walk.strangers(ledger, self._folders):
            now = stranger.stamp or self._leads_to(stranger.path)
            if now is None:
                continue
            self._db.execute(
                "INSERT OR IGNORE INTO files (area, rank, folder, path, device, inode, size, mtime_ns)"
                " VALUES (?,?,?,?,?,?,?,?)",
                (
                    stranger.area.value,
                    _ORDER.index(stranger.area),
                    to_ledger(os.path.dirname(stranger.relative)),
                    to_ledger(stranger.relative),
                    now.device,
                    now.inode,
                    now.size,
                    now.mtime_ns,
                ),
            )
        self._hash(progress)
        self._group(ledger)
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
            wanted = [(os.path.realpath(self._absolute(r[0], r[1])), FileStamp(*r[2:])) for r in rows]
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

    # --- what travels with what --------------------------------------------------------------

    def _group(self, ledger: sqlite3.Connection) -> None:
        """Folder by folder, the library first: shots known there are known by their bytes elsewhere."""
        self._db.executemany(
            "INSERT OR IGNORE INTO pairs VALUES (?, ?, ?)",
            ledger.execute(
                "SELECT n.sha256, p.sha256, n.member FROM names AS n JOIN photos AS p ON p.id = n.photo_id"
                " WHERE n.member IN ('raw', 'video') AND n.sha256 IS NOT NULL AND p.sha256 IS NOT NULL"
            ),
        )
        found = self._db.execute(
            "SELECT DISTINCT rank, area, folder FROM files ORDER BY rank, folder"
        ).fetchall()
        for _, area, folder in found:
            lying = [*self._strangers(area, folder), *self._accounted(ledger, area, folder)]
            shots = ShotsOfFolder(Area(area), from_ledger(folder), lying, self._pair, self._decoders)
            for each, member, leader in shots.followers():
                self._follows(each, member, leader)

    def _strangers(self, area: str, folder: str | bytes) -> Iterator[Lying]:
        for row in self._db.execute(
            f"SELECT {_FOUND}, leader FROM files WHERE area = ? AND folder = ? ORDER BY path",  # noqa: S608
            (area, folder),
        ).fetchall():
            path, now = from_ledger(row[1]), FileStamp(*row[2:6])
            decided = row[6] != Member.PHOTO.value
            yield Lying(self._absolute(area, row[1]), path, now, row[7], decided=decided)

    def _accounted(self, ledger: sqlite3.Connection, area: str, folder: str | bytes) -> Iterator[Lying]:
        """The photos the ledger has in the folder: a file that came later may travel with one of them."""
        start = f"{from_ledger(folder)}/" if folder else ""
        low, high = to_ledger(start), to_ledger(f"{start[:-1]}0" if start else "\U0010ffff")
        for path, photo_id, sha256, size, mtime_ns in ledger.execute(
            "SELECT n.path, p.id, p.sha256, p.size, p.mtime_ns FROM names AS n JOIN photos AS p"
            " ON p.id = n.photo_id WHERE n.area = ? AND n.member = 'photo' AND n.path >= ? AND n.path < ?",
            (area, low, high),
        ):
            relative = from_ledger(path)
            absolute = self._absolute(area, path)
            if os.path.dirname(relative) == from_ledger(folder) and os.path.lexists(absolute):
                now = FileStamp(0, 0, size, mtime_ns)
                yield Lying(absolute, relative, now, sha256 or "", photo_id=photo_id)

    def _pair(self, half: str, photo: str) -> bool:
        """Return True for two contents that are known to be halves of one shot."""
        return bool(
            self._db.execute("SELECT 1 FROM pairs WHERE half = ? AND photo = ?", (half, photo)).fetchone()
        )

    def _follows(self, each: Lying, member: Member, leader: Lying | None) -> None:
        """All names of the file. Without a leader it is a side file that belongs to nothing here."""
        if leader is not None and member in (Member.RAW, Member.VIDEO):
            self._db.execute(
                "INSERT OR IGNORE INTO pairs VALUES (?, ?, ?)", (each.sha256, leader.sha256, member.value)
            )
        of: tuple[int | None, int | None, int | None] = (None, None, None)
        if leader is not None and leader.photo_id is not None:
            of = (None, None, leader.photo_id)
        elif leader is not None:
            of = (leader.stamp.inode, leader.stamp.device, None)
        self._db.execute(
            "UPDATE files SET member = ?, leader = ?, leader_device = ?, photo = ?"
            " WHERE device = ? AND inode = ? AND (member = 'photo' OR leader IS NULL AND photo IS NULL)",
            (member.value, *of, each.stamp.device, each.stamp.inode),
        )

    # --- what was found ----------------------------------------------------------------------

    def contents(self) -> Iterator[list[Cluster]]:
        """Yield files with what travels with them, those of the same bytes together.

        Return the library's first.
        """
        digests = self._db.execute(
            "SELECT sha256 FROM files WHERE member = 'photo' GROUP BY sha256 ORDER BY min(rank), min(path)"
        ).fetchall()
        for (sha256,) in digests:
            keys = self._db.execute(
                "SELECT device, inode FROM files WHERE sha256 = ? AND member = 'photo'"
                " GROUP BY device, inode ORDER BY min(rank), min(path)",
                (sha256,),
            ).fetchall()
            yield [self._cluster(device, inode) for device, inode in keys]

    def claimed(self, now: FileStamp) -> list[tuple[str, str]]:
        """Where a file of the inbox may have been claimed to: paths of its inode or its like, digests."""
        rows = self._db.execute(
            "SELECT area, path, sha256 FROM files WHERE device = ?1 AND inode = ?2"
            " UNION SELECT area, path, sha256 FROM files WHERE area = 'temp' AND size = ?3 AND mtime_ns = ?4",
            now,
        )
        return [(self._absolute(area, path), sha256) for area, path, sha256 in rows.fetchall()]

    def _cluster(self, device: int, inode: int) -> Cluster:
        own = self._names("device = ? AND inode = ? AND member = 'photo'", device, inode)
        followers = self._names("leader_device = ? AND leader = ?", device, inode)
        return Cluster(own[0].sha256, own[0].sha1, (*own, *followers))

    def travelling_with(self, photo_id: int) -> list[Found]:
        """Return files without an owner that travel with a photo the ledger has."""
        return self._names("photo = ?", photo_id)

    def joined(self) -> list[int]:
        """Return ids of the photos of the ledger that files without an owner travel with."""
        rows = self._db.execute("SELECT DISTINCT photo FROM files WHERE photo IS NOT NULL ORDER BY photo")
        return [int(i) for (i,) in rows]

    def _names(self, which: str, *values: int) -> list[Found]:
        rows = self._db.execute(f"SELECT {_FOUND} FROM files WHERE {which} ORDER BY rank, path", values)  # noqa: S608
        return [
            Found(Area(r[0]), from_ledger(r[1]), FileStamp(*r[2:6]), Member(r[6]), r[7], r[8]) for r in rows
        ]

    def _absolute(self, area: str, path: str | bytes) -> str:
        return f"{self._folders[Area(area)]}/{from_ledger(path)}"
