"""The `downloads` table of a tool that sorted photos before smartsort, opened to be read alone."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from smartsort.errors import SmartsortError
from smartsort.files.shown import shown

_NEEDED = ("file_path", "file_hash")
_WANTED = (*_NEEDED, "filename", "source", "download_date")
_ENDINGS = (".db", ".sqlite", ".sqlite3")
_MAGIC = b"SQLite format 3\0"
_DIGEST = re.compile(r"[0-9a-f]{64}")
CHUNK = 1000


class DownloadsUnusable(SmartsortError):
    """A file that is no database of downloads, or a damaged one."""


@dataclass(frozen=True, slots=True)
class OlderDownload:
    """A file that was downloaded before. `file_path` is absolute."""

    file_path: str
    filename: str
    file_hash: str
    source: str
    download_date: str


def beside(folder: str) -> list[str]:
    """Return the databases with a `downloads` table that lie beside a folder or in it."""
    found = []
    for place in (os.path.dirname(folder), folder):
        try:
            names = sorted(os.listdir(place))
        except OSError:
            continue
        paths = [os.path.join(place, name) for name in names if name.lower().endswith(_ENDINGS)]
        found += [path for path in paths if _begins_well(path) and _has_downloads(path)]
    return found


def count(path: str) -> tuple[int, int]:
    """Return how many files with a SHA-256 the table knows, and how many of them lie where it says.

    A path that the tool saw in another container leads nowhere. Raises DownloadsUnusable.
    """
    known = there = 0
    for chunk in chunks(path):
        known += len(chunk)
        there += sum(os.path.isfile(row.file_path) for row in chunk)
    return known, there


def chunks(path: str) -> Iterator[Sequence[OlderDownload]]:
    """Yield the rows with a SHA-256, a thousand at a time. Raises DownloadsUnusable."""
    folder = os.path.dirname(os.path.abspath(path))
    try:
        with _opened(path) as db:
            columns = {row[1] for row in db.execute("PRAGMA table_info(downloads)")}
            missing = [name for name in _NEEDED if name not in columns]
            if missing:
                what = f"has no column {' and '.join(missing)}" if columns else "is missing"
                raise _unusable(path, f"its table `downloads` {what}")
            wanted = ", ".join(name if name in columns else f"'' AS {name}" for name in _WANTED)
            rows = db.execute(f"SELECT {wanted} FROM downloads")  # noqa: S608 - the columns above
            while some := rows.fetchmany(CHUNK):
                yield [found for row in some if (found := _row(row, folder)) is not None]
    except (sqlite3.Error, OSError, UnicodeDecodeError) as problem:
        raise _unusable(path, str(problem)) from problem


def _row(row: Sequence[object], folder: str) -> OlderDownload | None:
    path, digest, name, source, date = (str(value or "") for value in row)
    digest = digest.lower()
    if not path or not _DIGEST.fullmatch(digest):
        return None
    path = os.path.normpath(os.path.join(folder, path))
    return OlderDownload(path, name or os.path.basename(path), digest, source, date)


def _unusable(path: str, why: str) -> DownloadsUnusable:
    return DownloadsUnusable(
        f"{shown(path)} cannot be used as the downloads of an older tool: {shown(why)}. Give another file "
        "with --downloads, or --no-downloads"
    )


def _begins_well(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _has_downloads(path: str) -> bool:
    try:
        with _opened(path) as db:
            return {"file_path", "file_hash"} <= {r[1] for r in db.execute("PRAGMA table_info(downloads)")}
    except (sqlite3.Error, OSError):
        return False


@contextmanager
def _opened(path: str) -> Iterator[sqlite3.Connection]:
    """Open it without a trace. Beside a write-ahead log SQLite would make files, so a copy is read."""
    if not _begins_well(path):
        raise _unusable(path, "it is no SQLite database")
    with tempfile.TemporaryDirectory() as place:
        if os.path.exists(f"{path}-wal"):
            copy = os.path.join(place, "copy.db")
            shutil.copyfile(path, copy)
            shutil.copyfile(f"{path}-wal", f"{copy}-wal")
            uri = f"file:{quote(copy)}"
        else:
            uri = f"file:{quote(os.fsencode(path))}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as db:
            db.execute("PRAGMA query_only = 1")
            yield db
