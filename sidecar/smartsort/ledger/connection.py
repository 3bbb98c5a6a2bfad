"""Connections to the ledger's file, and the files SQLite keeps beside it."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

from sqlite_utils import Database

from smartsort.files.shown import well_formed

BUSY_TIMEOUT_MS = 10_000
"""How long a statement waits for a lock that a backup or another program holds."""

_WRITER_CACHE_KIB = 4 * 1024
_READER_CACHE_KIB = 1024
"""Every thread that reads has a cache of its own. What they miss is in the system's. Seven caches of 8 MB
were 45 MB of an idle sidecar with 100,000 photos."""


class _Connection(sqlite3.Connection):
    """Takes every text: SQLite refuses half characters, and one such name must not stop the others."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        try:
            return super().execute(sql, parameters)
        except UnicodeEncodeError:
            return super().execute(sql, well_formed(parameters))


def files_of(path: str) -> tuple[str, ...]:
    """Return a ledger and what SQLite keeps beside it."""
    return path, f"{path}-wal", f"{path}-shm", f"{path}-journal"


def connect(path: str, *, read_only: bool, immutable: bool = False) -> Database:
    """Return a connection as the ledger's writer or one of its readers has it. Raises sqlite3.Error."""
    uri = f"file:{_quoted(path)}?mode={'ro' if read_only else 'rwc'}{'&immutable=1' if immutable else ''}"
    connection = sqlite3.connect(
        uri,
        uri=True,
        factory=_Connection,
        isolation_level=None,  # transactions are begun by us, as IMMEDIATE
        check_same_thread=False,
        timeout=BUSY_TIMEOUT_MS / 1000,
    )
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB if read_only else _WRITER_CACHE_KIB}")
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            # FULL: a commit that returned survives a power cut. Files are dropped on the strength of it.
            connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return Database(connection)


def read_only(path: str, *, immutable: bool = False) -> Database:
    """Return a connection that can only read, beside a running sidecar too. Raises sqlite3.Error.

    `immutable`: nobody writes the file meanwhile, and nothing is made beside it.
    """
    return connect(path, read_only=True, immutable=immutable)


def _quoted(path: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415 - only when a ledger is opened

    return quote(os.fsencode(os.path.abspath(path)))
