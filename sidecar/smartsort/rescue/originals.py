"""Which files of our folders are links to photos that were in Immich before smartsort.

A hard link is the same file, a symbolic link leads there, and a copy has the same bytes. So the links are not
taken for photos of their own, which smartsort could reject or throw away.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator

from smartsort.core.model import Category
from smartsort.errors import RootUnavailable, SmartsortError
from smartsort.files.hashing import sha256_of
from smartsort.files.layout import Layout
from smartsort.files.placement import below
from smartsort.files.shown import from_ledger, shown, to_ledger
from smartsort.files.stamps import FileStamp, stamp_or_none
from smartsort.ledger.records import Area
from smartsort.rescue.inventory import Cluster, Found

_ASKED = tuple(
    f"{c.value}/" for c in (Category.UNIDENTIFIED, Category.LOW_CONFIDENCE, Category.MULTIPLE_FACES)
)
"""Folders of questions about such photos. What lies in the others was handed in."""


def check_mounted(layout: Layout) -> None:
    """Raise RootUnavailable where a mapped folder is missing: its links would count as photos."""
    for _, ours in layout.path_mapping:
        if not os.path.isdir(ours):
            raise RootUnavailable(
                f"{shown(ours)} is not there. Mount it, or take it out of backfill.path_mapping: smartsort "
                "has to see which of its links show photos of Immich"
            )


def leads_to(layout: Layout, path: str) -> FileStamp | None:
    """Return the stamp of the photo of Immich that a symbolic link leads to, None for anything else."""
    ours = tuple(folder for _, folder in layout.path_mapping)
    if not os.path.islink(path) or not below(os.readlink(path), ours):
        return None
    return stamp_or_none(os.path.realpath(path))


class Originals:
    """The files of `backfill.path_mapping`. They are looked through once, and only if that is needed."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._db: sqlite3.Connection | None = None

    def close(self) -> None:
        """Forget everything."""
        if self._db is not None:
            self._db.close()

    def same_file(self, cluster: Cluster) -> str | None:
        """Return the path in Immich, without its first slash, of the photo that is this very file."""
        if not self._may_be(cluster):
            return None
        first = cluster.own[0].stamp
        query = "SELECT path FROM originals WHERE device = ? AND inode = ? ORDER BY path"
        row = self._read().execute(query, (first.device, first.inode)).fetchone()
        return from_ledger(row[0]) if row else None

    def same_bytes(self, cluster: Cluster) -> str | None:
        """As `same_file`, for a copy. Reads the files of its size."""
        if not self._may_be(cluster):
            return None
        query = "SELECT path FROM originals WHERE size = ? ORDER BY path"
        paths = (from_ledger(row[0]) for row in self._read().execute(query, (cluster.own[0].stamp.size,)))
        return next((path for path in paths if self._digest(path) == cluster.sha256), None)

    def _may_be(self, cluster: Cluster) -> bool:
        return bool(self._layout.path_mapping) and all(map(_is_link_or_question, cluster.own))

    def _digest(self, path: str) -> str | None:
        try:
            return sha256_of(self._layout.original(path))
        except SmartsortError:
            return None

    def _read(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = sqlite3.connect("")
            self._db.execute("CREATE TABLE originals (path ANY PRIMARY KEY, device, inode, size)")
            self._db.executemany("INSERT OR IGNORE INTO originals VALUES (?, ?, ?, ?)", self._files())
            self._db.execute("CREATE INDEX by_inode ON originals(device, inode)")
            self._db.execute("CREATE INDEX by_size ON originals(size)")
        return self._db

    def _files(self) -> Iterator[tuple[str | bytes, int, int, int]]:
        for theirs, ours in self._layout.path_mapping:
            start = ours.rstrip("/")
            for folder, _, names in os.walk(start):
                for name in names:
                    path = f"{folder}/{name}"
                    found = stamp_or_none(path)
                    there = f"{theirs.rstrip('/')}{path.removeprefix(start)}".lstrip("/")
                    if found is not None and self._layout.original(there) == path:
                        yield to_ledger(there), found.device, found.inode, found.size


def _is_link_or_question(found: Found) -> bool:
    return found.area is Area.FACES or (found.area is Area.REVIEW and found.path.startswith(_ASKED))
