"""The open ledger: its one writer and its readers."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Self, TypeVar

from sqlite_utils import Database

from smartsort.errors import LedgerError, StorageError, StorageFull
from smartsort.files.private import keep_private, make_private
from smartsort.ledger.backup import before_migration
from smartsort.ledger.connection import connect, files_of

T = TypeVar("T")
Work = Callable[[Database], T]

_NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
"""A full disk is an I/O error to SQLite where its shared memory cannot grow."""

_NOT_NOW = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
)
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def _keep_a_copy(db: Database, path: str) -> None:
    """A backup of a ledger (or of a database from before smartsort) that is about to be migrated."""
    from smartsort.ledger.migrations import migrations  # noqa: PLC0415 - as in Ledger

    pending = migrations.pending(db)
    if pending and db.table_names():
        before_migration(path, pending[0].name)


class Ledger:
    """An open ledger. Use as a context manager, or call `close`.

    `write` runs a function in the writer thread inside one `BEGIN IMMEDIATE` transaction: all of it is
    committed, or nothing. `read` runs one on a read-only connection of the calling thread. The `a...`
    forms do the same for asyncio without blocking the event loop.

    Raises LedgerError when the file cannot be opened, is damaged or no ledger, StorageFull when a commit
    finds no space, StorageError when it may not write. All leave the last committed state.
    """

    def __init__(self, path: str) -> None:
        from smartsort.ledger.migrations import migrate  # noqa: PLC0415 - imports the schema only here

        self.path = path
        self.damaged: str | None = None
        """What is wrong with it. From then on nothing is written any more."""
        try:
            with suppress(OSError):  # SQLite says what is wrong
                make_private(path)
                keep_private(files_of(path))
            self._writer = connect(path, read_only=False)
            try:
                _keep_a_copy(self._writer, path)
                migrate(self._writer)
            except BaseException:
                self._writer.close()
                raise
        except (sqlite3.DatabaseError, UnicodeDecodeError) as problem:
            raise LedgerError(
                f"the ledger {path} cannot be opened: {problem}. "
                "If the file is damaged, put a backup in its place (smartsort restore)."
            ) from problem
        self._readers = threading.local()
        self._open_readers: list[Database] = []
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[tuple[Work[object], Future[object]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="ledger-writer", daemon=True)
        self._closed = False
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Finish what is queued, fold the write-ahead log in and close. Safe to call twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._jobs.put(None)
        self._thread.join()
        with self._lock:
            for reader in self._open_readers:
                reader.close()
            self._open_readers.clear()
        if self.damaged is None:
            with suppress(sqlite3.Error):
                self._writer.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._writer.close()

    # --- writing -----------------------------------------------------------------------------

    def write(self, work: Work[T]) -> T:
        """Return what `work(db)` returned, once its transaction is committed."""
        return self._submit(work).result()

    async def awrite(self, work: Work[T]) -> T:
        """As `write`, awaitable. Cancelling the caller does not cancel the transaction."""
        return await asyncio.shield(asyncio.wrap_future(self._submit(work)))

    def _submit(self, work: Work[T]) -> Future[T]:
        if self.damaged is not None:
            raise LedgerError(self.damaged)
        future: Future[T] = Future()
        with self._lock:  # behind the end of the queue nothing would ever be done
            if self._closed:
                raise self._gone()
            self._jobs.put((work, future))  # type: ignore[arg-type]
        return future

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, future = job
            try:
                future.set_result(self._transact(work))
            except BaseException as problem:  # noqa: BLE001 - belongs to whoever waits
                future.set_exception(problem)

    def _transact(self, work: Work[T]) -> T:
        connection = self._writer.conn
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._writer)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.DatabaseError as problem:
            self._explain(problem)
            raise
        return result

    def _explain(self, problem: sqlite3.DatabaseError) -> None:
        """Raises what an error of SQLite means to a person, nothing where only we can be at fault."""
        if self._closed and isinstance(problem, sqlite3.ProgrammingError):
            raise self._gone() from problem
        # Extended codes carry the plain one in their lowest byte.
        code = getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in _NO_ROOM:
            raise StorageFull(
                f"the ledger {self.path} cannot grow: {problem}. Free space there. Work goes on by itself."
            ) from problem
        if code in _NOT_NOW:
            raise StorageError(
                f"the ledger {self.path} cannot be used: {problem}. Is its disk mounted read-write, and does "
                "no other program hold it? Work goes on by itself."
            ) from problem
        if code in _DAMAGED:
            self.damaged = self.damaged or (
                f"the ledger {self.path} is damaged: {problem}. Photos are left alone. Stop smartsort and "
                "run `smartsort restore`, which puts a backup in its place."
            )
            raise LedgerError(self.damaged) from problem

    def _gone(self) -> LedgerError:
        return LedgerError(f"the ledger {self.path} is closed, for smartsort stops. Ask again once it runs.")

    def shrink(self) -> None:
        """Forget what the connections keep of the file in memory. They read it again when it is needed.

        What a transaction at work needs stays. May be called from any thread.
        """
        with self._lock:
            for database in () if self._closed else (self._writer, *self._open_readers):
                database.conn.execute("PRAGMA shrink_memory")

    # --- reading -----------------------------------------------------------------------------

    def read(self, work: Work[T]) -> T:
        """Return what `work(db)` returned, on this thread's own read-only connection."""
        try:
            return work(self._reader())
        except sqlite3.DatabaseError as problem:
            if (
                getattr(problem, "sqlite_errorcode", 0) != sqlite3.SQLITE_READONLY
            ):  # a reader that writes is our own fault
                self._explain(problem)
            raise

    async def aread(self, work: Work[T]) -> T:
        """As `read`, in a thread of the default pool."""
        return await asyncio.to_thread(self.read, work)

    def _reader(self) -> Database:
        reader: Database | None = getattr(self._readers, "database", None)
        if reader is None:
            if self._closed:
                raise self._gone()
            reader = connect(self.path, read_only=True)
            self._readers.database = reader
            with self._lock:
                self._open_readers.append(reader)
        return reader
