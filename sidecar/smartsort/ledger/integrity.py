"""Is the ledger sound? Quickly at a start, in full in the background, and before a backup counts as one.

A page may be damaged for months before somebody reads it. What a damaged ledger says must not move files.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing

from smartsort.core.model import Category
from smartsort.ledger.connection import read_only

_ASK_SECONDS = 0.1

START_SECONDS = 2.0
"""The longest a start waits for the quick check. A larger ledger is checked in the background."""

_OTHER_FILE = (
    "SELECT p.id FROM photos AS p JOIN names AS n ON n.photo_id = p.id WHERE p.sha256 IS NOT NULL"
    " AND n.member = 'photo' AND n.area <> 'temp' AND n.sha256 IS NOT NULL AND NOT EXISTS"
    " (SELECT 1 FROM names AS m WHERE m.photo_id = p.id AND m.sha256 = p.sha256"
    " AND coalesce(m.size, p.size) = p.size) LIMIT 1"
)
"""A photo whose digest and size none of its names has: SQLite does not see a letter that became another."""


def quick_problem(path: str, seconds: float = START_SECONDS) -> str | None:
    """Return what is wrong with a ledger as far as can be found within a time, None for nothing."""
    end = time.monotonic() + seconds
    return _checked(path, "quick_check", lambda: time.monotonic() > end)


def full_problem(
    path: str, give_up: Callable[[], bool] = lambda: False, *, immutable: bool = False
) -> str | None:
    """Return what is wrong with a ledger, read in full, with what it says twice, None for nothing.

    Once `give_up` is true the check is broken off and has found nothing. `immutable`: a file nobody writes.
    """
    return _checked(path, "integrity_check", give_up, immutable=immutable)


def _checked(path: str, check: str, give_up: Callable[[], bool], *, immutable: bool = False) -> str | None:
    try:
        with closing(read_only(path, immutable=immutable).conn) as connection:
            stop = threading.Event()
            watch = threading.Thread(target=_interrupted, args=(connection, give_up, stop), daemon=True)
            watch.start()
            try:
                [(said,), *_] = connection.execute(f"PRAGMA {check}(1)").fetchall()
                found = None if said == "ok" else str(said).replace("*** in database main ***\n", "")
                if found is None and check == "integrity_check":
                    found = _contradiction(connection)
            finally:
                stop.set()
                watch.join()
            # Broken off half-way it finds pages that nobody uses.
            return None if give_up() else found
    except sqlite3.OperationalError as problem:
        return None if give_up() or not _damage(problem) else str(problem)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as problem:  # the latter in SQLite's own messages
        return str(problem)


def _interrupted(connection: sqlite3.Connection, give_up: Callable[[], bool], stop: threading.Event) -> None:
    while not stop.wait(_ASK_SECONDS):
        if give_up():
            connection.interrupt()


def _damage(problem: sqlite3.OperationalError) -> bool:
    """Return False for a ledger that is only busy, or that cannot be read just now."""
    return getattr(problem, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )


def _contradiction(connection: sqlite3.Connection) -> str | None:
    orphans = connection.execute("PRAGMA foreign_key_check").fetchone()
    if orphans is not None:
        return f"a row of {orphans[0]} belongs to nothing"
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {"names", "photos"} <= tables:
        return None
    found = connection.execute(_OTHER_FILE).fetchone()
    if found is not None:
        return f"photo {found[0]} and its names have other digests or sizes"
    words = tuple(Category)
    unknown = f"SELECT id FROM photos WHERE category NOT IN ({','.join('?' * len(words))}) LIMIT 1"  # noqa: S608
    found = connection.execute(unknown, words).fetchone()
    return None if found is None else f"photo {found[0]} has an unknown category"


def is_empty(path: str) -> bool:
    """Return True for a file that was cut to nothing, which SQLite takes for a new database."""
    try:
        return os.path.getsize(path) == 0
    except FileNotFoundError:
        return False
