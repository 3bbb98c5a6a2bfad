"""Copies of the ledger, made while it is in use, and putting one back."""

from __future__ import annotations

import glob
import logging
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from itertools import chain, count

from smartsort.errors import LedgerError, StorageError, StorageFull
from smartsort.files.placement import Placer
from smartsort.files.private import keep_private, make_private
from smartsort.files.problems import storage_error
from smartsort.files.shown import shown
from smartsort.ledger.connection import files_of, read_only
from smartsort.ledger.integrity import full_problem

log = logging.getLogger(__name__)

_NAME = re.compile(r"smartsort-(\d{8}T\d{6}Z)(-before-[\w-]+)?\.db")
_STAMP = "%Y%m%dT%H%M%SZ"

_PAGES = 4096
"""Copied at a time: 16 MB, a moment."""


class GivenUp(Exception):
    """The backup was not wanted any more. Nothing of it is left."""


def backup(
    ledger: str, folder: str, now: datetime, label: str = "", give_up: Callable[[], bool] = lambda: False
) -> str:
    """Copy a ledger as it is at this instant, check the copy, and return its path.

    Writers go on meanwhile. The copy appears under its name only when it is whole and on the disk. `give_up`
    is asked again and again. Once it is true, GivenUp is raised. Raises StorageError, StorageFull,
    LedgerError when the copy (and so perhaps the ledger) is damaged.
    """

    def go_on(*_: object) -> None:
        if give_up():
            raise GivenUp

    name = f"smartsort-{now.astimezone(UTC).strftime(_STAMP)}{label}.db"
    target = os.path.join(folder, name)
    temporary = f"{target}.part"
    with _storage(folder):
        Placer().make_folder(folder)
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        make_private(temporary)
    try:
        with closing(read_only(ledger).conn) as source, closing(sqlite3.connect(temporary)) as copy:
            # A read transaction around it all, so that no write makes it start again.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(copy, pages=_PAGES, progress=go_on)
            copy.execute("PRAGMA journal_mode = DELETE")
        check(temporary, give_up)
        go_on()
        with _storage(folder):
            _to_the_disk(temporary)
            os.replace(temporary, target)
            _to_the_disk(folder)
    except sqlite3.OperationalError as problem:
        go_on()
        if "full" in str(problem):
            raise StorageFull(f"no room for a backup of the ledger in {shown(folder)}") from problem
        raise StorageError(f"the ledger could not be backed up to {shown(folder)}: {problem}") from problem
    except sqlite3.DatabaseError as problem:
        raise LedgerError(f"the ledger {shown(ledger)} could not be copied: {problem}") from problem
    except LedgerError:
        go_on()  # a check that was broken off found nothing
        raise
    finally:
        with suppress(OSError):
            os.unlink(temporary)
    return target


def check(path: str, give_up: Callable[[], bool] = lambda: False) -> None:
    """Raises LedgerError unless the file is a sound ledger."""
    problem = full_problem(path, give_up, immutable=True)
    if problem is not None:
        raise LedgerError(f"{shown(path)} is damaged or no ledger: {problem}")
    try:
        with closing(read_only(path, immutable=True).conn) as copy:
            tables = {row[0] for row in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise LedgerError(f"{shown(path)} is damaged or no ledger: {error}") from error
    if "downloads" not in tables:
        raise LedgerError(f"{shown(path)} is no ledger of smartsort")


def newest_sound(folder: str) -> str | None:
    """Return the newest backup that is whole, None when there is none."""
    for path in backups(folder):
        try:
            check(path)
        except LedgerError as problem:
            log.warning("%s", problem)
        else:
            return path
    return None


def damaged(path: str, problem: str, folder: str) -> LedgerError:
    """Return the error for a damaged ledger. It names the newest sound backup of those in `folder`."""
    best = newest_sound(folder)
    if best is not None:
        remedy = (
            f"Stop smartsort and run `smartsort restore`, which puts the newest sound backup in its place: "
            f"{shown(best)}."
        )
    else:
        remedy = (
            f"There is no sound backup in {shown(folder)}. Stop smartsort and run "
            "`smartsort rebuild --force`, which makes a new ledger from the folders."
        )
    return LedgerError(f"the ledger {shown(path)} is damaged: {problem}. Photos are left alone. {remedy}")


def backups(folder: str) -> list[str]:
    """Return paths of the backups, newest first."""
    try:
        names = [name for name in os.listdir(folder) if _NAME.fullmatch(name)]
    except FileNotFoundError:
        return []
    return [os.path.join(folder, name) for name in sorted(names, reverse=True)]


def files_kept(ledger: str, folder: str) -> list[str]:
    """The ledger with its logs, its backups in `folder` and beside it, and ledgers that were replaced."""
    beside = os.path.dirname(os.path.abspath(ledger))
    replaced = glob.glob(f"{glob.escape(ledger)}.replaced-*")
    places = dict.fromkeys((folder, os.path.join(beside, "backup")))
    return [*files_of(ledger), *replaced, *(path for place in places for path in backups(place))]


def made_at(path: str) -> datetime:
    """Return when a backup was made, by its name."""
    found = _NAME.fullmatch(os.path.basename(path))
    if found is None:
        raise ValueError(f"{path} is no backup")
    return datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC)


def thin_out(folder: str, keep: int) -> list[str]:
    """Remove all but the newest `keep` scheduled backups and the newest three of before a migration."""
    scheduled = [p for p in backups(folder) if "-before-" not in os.path.basename(p)]
    before = [p for p in backups(folder) if "-before-" in os.path.basename(p)]
    removed = [*scheduled[max(keep, 1) :], *before[3:]]
    for path in removed:
        with suppress(OSError):
            os.unlink(path)
    return removed


def before_migration(ledger: str, step: str) -> str:
    """Return a backup beside the ledger, before its schema is changed."""
    folder = os.path.join(os.path.dirname(os.path.abspath(ledger)), "backup")
    path = backup(ledger, folder, datetime.now(UTC), f"-before-{step}")
    log.info("the ledger was copied to %s before it is migrated", shown(path))
    return path


def put_in_place(copy: str, ledger: str, now: datetime, mark: str | None = None) -> str | None:
    """Make a copy of `copy` the ledger. Return where the replaced one went, None without one.

    `mark`: a statement carried out on the copy first, where it has the tables for it. Nobody may have the
    ledger open. Raises LedgerError for a copy that is damaged, StorageError.
    """
    check(copy)
    temporary = f"{ledger}.restoring"
    with _storage(os.path.dirname(ledger)):
        make_private(temporary)
        with open(copy, "rb") as reading, open(temporary, "wb") as writing:
            while block := reading.read(1 << 20):
                writing.write(block)
            writing.flush()
            os.fsync(writing.fileno())
        if mark is not None:
            with closing(sqlite3.connect(temporary)) as marking, suppress(sqlite3.OperationalError):
                marking.execute(mark)
                marking.commit()
        kept = set_aside(ledger, now)
        os.replace(temporary, ledger)
        _to_the_disk(os.path.dirname(ledger))
    return kept


def set_aside(ledger: str, now: datetime) -> str | None:
    """Rename a ledger that is to be replaced. Its new path, None when there was none. Raises OSError."""
    if not os.path.exists(ledger):
        return None
    keep_private(files_of(ledger))
    first = f"{ledger}.replaced-{now.astimezone(UTC).strftime(_STAMP)}"
    kept = next(
        name for name in chain([first], (f"{first}-{n}" for n in count(2))) if not os.path.exists(name)
    )
    # The log first: without its log the old ledger would merely be older, the new one with it wrong.
    for ending in ("-wal", "-shm", ""):
        if os.path.exists(f"{ledger}{ending}"):
            os.replace(f"{ledger}{ending}", f"{kept}{ending}")
    return kept


@contextmanager
def _storage(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_error(error, "write into", folder) from error


def _to_the_disk(path: str) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError) if os.path.isdir(path) else _storage(path):
            os.fsync(handle)
    finally:
        os.close(handle)
