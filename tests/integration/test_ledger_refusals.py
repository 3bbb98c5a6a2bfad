"""What the ledger and its backups say when something is wrong, and what they leave as it was."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from smartsort.errors import LedgerError, StorageError, StorageFull
from smartsort.ledger import backup as backups
from smartsort.ledger import integrity, key_value
from smartsort.ledger.connection import connect, read_only
from smartsort.ledger.database import Ledger

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return os.fspath(tmp_path / "smartsort.db")


@pytest.fixture
def ledger(path):
    with Ledger(path) as opened:
        yield opened


def said(call, *given):
    with pytest.raises((LedgerError, StorageError)) as refused:
        call(*given)
    return type(refused.value), str(refused.value)


def failing(code, text="it broke"):
    def work(_):
        problem = sqlite3.DatabaseError(text)
        problem.sqlite_errorcode = code
        raise problem

    return work


def test_the_writer_waits_for_the_disk_and_readers_only_read(ledger):
    def asked(db):
        names = ("busy_timeout", "foreign_keys", "cache_size", "journal_mode", "synchronous")
        return [db.conn.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert ledger.write(lambda db: db.conn.in_transaction)
    assert ledger.write(asked) == [10_000, 1, -4096, "wal", 2]
    assert ledger.read(asked)[:4] == [10_000, 1, -1024, "wal"]


def test_a_name_with_half_a_character_stops_no_statement(ledger):
    ledger.write(lambda db: db.conn.execute("INSERT INTO facts VALUES (?, '1')", ("caf\udce9",)))
    assert ledger.read(lambda db: db.conn.execute("SELECT count(*) FROM facts").fetchone()) == (1,)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_IOERR | 2 << 8])
def test_a_disk_without_room_says_where_to_make_some(ledger, code):
    why = f"the ledger {ledger.path} cannot grow: it broke. Free space there. Work goes on by itself."
    assert said(ledger.write, failing(code)) == (StorageFull, why)
    assert ledger.damaged is None


@pytest.mark.parametrize(
    "code",
    [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM],
)
def test_a_ledger_that_cannot_be_used_just_now_says_what_to_look_at(ledger, code):
    why = (
        f"the ledger {ledger.path} cannot be used: it broke. Is its disk mounted read-write, and does "
        "no other program hold it? Work goes on by itself."
    )
    assert said(ledger.write, failing(code)) == (StorageError, why)
    if code != sqlite3.SQLITE_READONLY:
        assert said(ledger.read, failing(code)) == (StorageError, why)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB])
def test_nothing_is_written_any_more_once_the_ledger_is_damaged(ledger, code):
    why = (
        f"the ledger {ledger.path} is damaged: it broke. Photos are left alone. Stop smartsort and "
        "run `smartsort restore`, which puts a backup in its place."
    )
    assert said(ledger.read, failing(code)) == (LedgerError, why)
    assert said(ledger.write, lambda db: key_value.put(db, "x", 1)) == (LedgerError, why)
    assert ledger.damaged == why
    assert said(ledger.read, failing(code, "again")) == (LedgerError, why)
    assert ledger.read(lambda db: key_value.get(db, "x")) is None


def test_a_fault_of_our_own_is_no_fault_of_the_disk(ledger):
    for ask in (ledger.read, ledger.write):
        with pytest.raises(sqlite3.OperationalError, match="syntax error"):
            ask(lambda db: db.conn.execute("SELEC"))
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        ledger.read(lambda db: key_value.put(db, "x", 1))


def test_a_closed_ledger_says_that_smartsort_stops(path):
    ledger = Ledger(path)
    ledger.close()
    why = f"the ledger {path} is closed, for smartsort stops. Ask again once it runs."
    assert said(ledger.write, lambda _: None) == (LedgerError, why)
    assert said(ledger.read, lambda _: None) == (LedgerError, why)


def test_what_is_no_ledger_says_to_restore_a_backup(path):
    with open(path, "wb") as file:
        file.write(b"no database at all, but long enough to be taken for one" * 99)
    why = (
        f"the ledger {path} cannot be opened: file is not a database. "
        "If the file is damaged, put a backup in its place (smartsort restore)."
    )
    assert said(Ledger, path) == (LedgerError, why)


# --- backups -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "error", "why"),
    [
        (
            sqlite3.OperationalError("database or disk is full"),
            StorageFull,
            "no room for a backup of the ledger in {folder}",
        ),
        (
            sqlite3.OperationalError("locked"),
            StorageError,
            "the ledger could not be backed up to {folder}: locked",
        ),
        (sqlite3.DatabaseError("malformed"), LedgerError, "the ledger {path} could not be copied: malformed"),
    ],
)
def test_a_backup_that_fails_says_why_and_leaves_nothing(ledger, monkeypatch, problem, error, why):
    def refuse(*_, **__):
        raise problem

    folder = os.path.join(os.path.dirname(ledger.path), "backup")
    monkeypatch.setattr(backups, "read_only", refuse)
    failed = said(backups.backup, ledger.path, folder, NOW)
    assert failed == (error, why.format(folder=folder, path=ledger.path))
    assert os.listdir(folder) == []


def test_a_backup_has_the_time_in_its_name_and_old_ones_go_but_for_the_last(ledger, tmp_path):
    folder = os.fspath(tmp_path / "backup")
    assert (backups.backups(folder), backups.newest_sound(folder)) == ([], None)
    days = [NOW.replace(day=day) for day in range(1, 6)]
    made = [backups.backup(ledger.path, folder, day) for day in days]
    before = [backups.backup(ledger.path, folder, day, "-before-m001") for day in days]
    names = [os.path.basename(each) for each in (made[0], before[0])]
    assert names == ["smartsort-20240501T120000Z.db", "smartsort-20240501T120000Z-before-m001.db"]
    assert backups.made_at(before[0]) == NOW
    assert backups.newest_sound(folder) == made[4]
    with pytest.raises(ValueError, match=r"^/x/other\.db is no backup$"):
        backups.made_at("/x/other.db")
    assert sorted(backups.thin_out(folder, 2)) == sorted([*made[:3], *before[:2]])
    assert backups.thin_out(folder, 0) == [made[3]]
    assert backups.backups(folder) == sorted([made[4], *before[2:]], reverse=True)
    kept = backups.files_kept(ledger.path, folder)
    endings = ("", "-wal", "-shm", "-journal")
    assert kept == [*(f"{ledger.path}{end}" for end in endings), *backups.backups(folder)]


def test_what_is_no_sound_ledger_is_no_backup(ledger, tmp_path):
    other, torn = (os.fspath(tmp_path / name) for name in ("other.db", "torn.db"))
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE photos (id)")
    with open(torn, "wb") as file:
        file.write(b"SQLite format 3\0" + b"x" * 5000)
    assert said(backups.check, other) == (LedgerError, f"{other} is no ledger of smartsort")
    error, why = said(backups.check, torn)
    assert error is LedgerError
    assert why.startswith(f"{torn} is damaged or no ledger: ")

    folder = os.fspath(tmp_path / "backup")
    rebuild = (
        f"There is no sound backup in {folder}. Stop smartsort and run "
        "`smartsort rebuild --force`, which makes a new ledger from the folders."
    )
    begin = "the ledger /l.db is damaged: it broke. Photos are left alone. "
    assert str(backups.damaged("/l.db", "it broke", folder)) == begin + rebuild
    sound = backups.backup(ledger.path, folder, NOW)
    with open(os.path.join(folder, "smartsort-20250501T120000Z.db"), "wb") as file:
        file.write(b"torn")
    restore = (
        "Stop smartsort and run `smartsort restore`, which puts the newest sound backup in its place: "
        f"{sound}."
    )
    assert str(backups.damaged("/l.db", "it broke", folder)) == begin + restore


def test_a_ledger_that_is_replaced_is_kept_with_its_log_under_a_name_of_its_own(path, tmp_path):
    with Ledger(path) as ledger:
        ledger.write(lambda db: key_value.put(db, "x", 1))
        copy = backups.backup(path, os.fspath(tmp_path / "backup"), NOW)
    for ending in ("-wal", "-shm"):
        with open(f"{path}{ending}", "wb") as file:
            file.write(ending.encode())
    first, second = f"{path}.replaced-20240501T120000Z", f"{path}.replaced-20240501T120000Z-2"
    mark = "INSERT INTO facts VALUES ('y', '2')"
    assert backups.put_in_place(copy, path, NOW, mark) == first
    assert sorted(os.path.basename(p) for p in os.listdir(tmp_path)) == sorted(
        ["backup", "smartsort.db", *(os.path.basename(first) + end for end in ("", "-shm", "-wal"))]
    )
    with Ledger(path) as ledger:
        assert ledger.read(lambda db: (key_value.get(db, "x"), key_value.get(db, "y"))) == (1, 2)
    assert backups.put_in_place(copy, path, NOW, "INSERT INTO nowhere VALUES (1)") == second
    third = f"{path}.replaced-20240501T120000Z-3"
    assert backups.set_aside(path, NOW) == third
    assert backups.set_aside(path, NOW) is None
    assert backups.files_kept(path, "/nowhere")[4:] == [
        *sorted(
            (first, f"{first}-shm", f"{first}-wal", second, third),
            key=backups.files_kept(path, "/nowhere").index,
        ),
        *backups.backups(os.fspath(tmp_path / "backup")),
    ]
    assert backups.put_in_place(copy, path, NOW) is None


# --- soundness ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (
            "INSERT INTO names (photo_id, area, path, method) VALUES (9, 'faces', 'a', 'copy')",
            "a row of names belongs to nothing",
        ),
        ("UPDATE photos SET sha256 = 'b'", "photo 1 and its names have other digests or sizes"),
        ("UPDATE photos SET size = 9", "photo 1 and its names have other digests or sizes"),
        ("UPDATE photos SET category = 'odd'", "photo 1 has an unknown category"),
    ],
)
def test_a_ledger_that_contradicts_itself_is_not_sound(path, statement, why):
    with Ledger(path):
        pass
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA ignore_check_constraints = 1")
        db.execute(
            "INSERT INTO photos (id, state, source, origin, original_name, size, mtime_ns, arrived_at,"
            " sha256) VALUES (1, 'filed', 'a', 'inbox', 'a.jpg', 3, 4, '2024', 'a')"
        )
        db.execute(
            "INSERT INTO names (photo_id, area, path, member, method, size, sha256)"
            " VALUES (1, 'faces', 'a.jpg', 'photo', 'hardlink', 3, 'a')"
        )
        db.commit()
    assert (integrity.full_problem(path), integrity.quick_problem(path)) == (None, None)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA ignore_check_constraints = 1")
        db.execute(statement)
        db.commit()
    assert integrity.full_problem(path) == why
    assert integrity.full_problem(path, lambda: True) is None
    assert said(backups.check, path) == (LedgerError, f"{path} is damaged or no ledger: {why}")


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (None, None),
        (sqlite3.SQLITE_BUSY, None),
        (sqlite3.SQLITE_ERROR, "it broke"),
        (sqlite3.SQLITE_CORRUPT | 1 << 8, "it broke"),
        (sqlite3.SQLITE_NOTADB, "it broke"),
    ],
)
def test_a_ledger_that_is_only_busy_is_not_damaged(path, monkeypatch, code, found):
    def refuse(*_, **__):
        problem = sqlite3.OperationalError("it broke")
        if code is not None:
            problem.sqlite_errorcode = code
        raise problem

    monkeypatch.setattr(integrity, "read_only", refuse)
    assert (integrity.full_problem(path), integrity.quick_problem(path)) == (found, found)
    assert integrity.full_problem(path, lambda: True) is None


def test_a_file_that_was_cut_to_nothing_is_told_from_one_that_is_not_there(path):
    assert not integrity.is_empty(path)
    with open(path, "wb"):
        assert integrity.is_empty(path)
    with Ledger(path), closing(read_only(path).conn) as db:
        assert not integrity.is_empty(path)
        with pytest.raises(sqlite3.OperationalError):
            db.execute("INSERT INTO facts VALUES ('x', '1')")
    with pytest.raises(sqlite3.OperationalError):
        connect(f"{path}.absent", read_only=True)
    assert not os.path.exists(f"{path}.absent")
