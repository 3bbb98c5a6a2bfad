"""Opening the ledger, its one writer and its readers, and databases from before smartsort."""

import asyncio
import os
import sqlite3
import threading

import pytest
from sqlite_utils import Database

from smartsort.core.model import Category, CopyPlace, Decision, Evidence, Outcome, Reason, State
from smartsort.errors import LedgerError, StorageFull
from smartsort.ledger import key_value, photos, source_tables
from smartsort.ledger.copies import copies_of
from smartsort.ledger.database import Ledger
from smartsort.ledger.migrations import migrate, migrations
from smartsort.ledger.photos import Change, NewPhoto
from smartsort.ledger.records import Area, Member, Name
from smartsort.ledger.source_tables import Download, ReviewRow

AT = "2024-05-01T12:00:00.000+00:00"
SHA = "ab" * 32


@pytest.fixture
def path(tmp_path):
    return os.fspath(tmp_path / "smart sort?#%.db")


@pytest.fixture
def ledger(path):
    with Ledger(path) as opened:
        yield opened


def add(ledger, name="a.jpg", **more):
    new = NewPhoto("phone", "inbox", name, 3, 4, origin_path=f"/in/{name}", **more)
    [row] = ledger.write(lambda db: photos.add(db, [new], AT))
    return row.id


def tables(ledger):
    return ledger.read(
        lambda db: {r[0] for r in db.conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    )


# --- opening ---------------------------------------------------------------------------------


def test_a_new_ledger_has_the_source_document_s_tables_with_their_columns(ledger):
    columns = {
        table: ledger.read(lambda db, t=table: [r[1] for r in db.conn.execute(f"PRAGMA table_info({t})")])
        for table in ("downloads", "review_queue")
    }
    indexes = ledger.read(
        lambda db: {r[0] for r in db.conn.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    )
    assert {
        "file_path", "filename", "file_hash", "source", "download_date", "person_name", "auto_sorted",
    } <= set(columns["downloads"])  # fmt: skip
    assert {
        "id", "file_path", "category", "file_hash", "reason", "faces_detected", "suggested_person",
        "created_at", "reviewed_at", "reviewed_by", "action",
    } <= set(columns["review_queue"])  # fmt: skip
    assert {
        "idx_downloads_person", "idx_downloads_auto_sorted", "idx_review_category", "idx_review_action",
    } <= indexes  # fmt: skip


def test_the_ledger_survives_a_power_cut_and_knows_its_keys(ledger):
    pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    values = ledger.write(lambda db: [db.conn.execute(f"PRAGMA {p}").fetchone()[0] for p in pragmas])
    assert values == ["wal", 2, 1, 10_000]


def test_opening_again_changes_nothing(path):
    with Ledger(path) as first:
        photo = add(first)
        before = tables(first)
    with Ledger(path) as second:
        assert tables(second) == before
        assert second.read(lambda db: photos.get(db, photo)).original_name == "a.jpg"


def test_a_file_that_is_no_database_is_refused_and_left_alone(path):
    content = b"these are my holiday notes\n" * 100
    with open(path, "wb") as file:
        file.write(content)
    with pytest.raises(LedgerError, match=r"cannot be opened.*put a backup in its place"):
        Ledger(path)
    with open(path, "rb") as file:
        assert file.read() == content


def test_a_ledger_in_a_missing_folder_says_so(tmp_path):
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger(os.fspath(tmp_path / "nowhere" / "smartsort.db"))


# --- a database from before smartsort --------------------------------------------------------

OLD = """CREATE TABLE downloads (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    file_path TEXT UNIQUE NOT NULL,
    filename TEXT NOT NULL,
    file_hash TEXT UNIQUE,
    source TEXT,
    download_date TEXT DEFAULT CURRENT_TIMESTAMP,
    platform TEXT NOT NULL,
    likes INTEGER NOT NULL,
    rating REAL NOT NULL DEFAULT 1.5
)"""


@pytest.fixture
def old(path):
    database = sqlite3.connect(path)
    database.execute(OLD)
    database.execute(
        "INSERT INTO downloads (file_path, filename, file_hash, source, platform, likes)"
        " VALUES ('/old/x.jpg', 'x.jpg', ?, 'instagram', 'ig', 12)",
        (SHA,),
    )
    database.commit()
    database.close()
    with Ledger(path) as opened:
        yield opened


def test_an_older_downloads_table_keeps_every_row_and_column(old):
    rows = old.read(
        lambda db: db.conn.execute(
            "SELECT file_path, file_hash, platform, likes, rating, person_name, auto_sorted, photo_id"
            " FROM downloads"
        ).fetchall()
    )
    assert rows == [("/old/x.jpg", SHA, "ig", 12, 1.5, None, 0, None)]


def test_its_hashes_count_as_duplicates(old):
    photo = add(old)
    found = old.read(lambda db: copies_of(db, {photo: SHA}))
    assert found[photo].place is CopyPlace.DOWNLOADS
    assert found[photo].path == "/old/x.jpg"
    assert found[photo].alive


def test_new_photos_are_written_beside_its_rows(old):
    photo = add(old)
    row = Download("/new/a.jpg", "a.jpg", "cd" * 32, "phone", AT, "Anna", auto_sorted=True)
    old.write(lambda db: source_tables.put_download(db, photo, row))
    assert old.read(lambda db: source_tables.download_of(db, photo)) == row
    required = old.read(
        lambda db: db.conn.execute(
            "SELECT platform, likes, rating FROM downloads WHERE photo_id = ?", (photo,)
        ).fetchone()
    )
    assert required == ("", 0, 1.5)


def test_a_second_copy_has_no_row_where_hashes_are_unique(old):
    photo = add(old)
    row = Download("/new/a.jpg", "a.jpg", SHA, "phone", AT)
    old.write(lambda db: source_tables.put_download(db, photo, row))
    assert old.read(lambda db: source_tables.download_of(db, photo)) is None
    assert old.read(lambda db: db.conn.execute("SELECT count(*) FROM downloads").fetchone()[0]) == 1


def test_a_path_that_is_unique_there_and_taken_stops_nothing(old):
    """Two photos may swap places between two commits; the older table must not bring the pipeline down."""
    first, second = add(old), add(old, "b.jpg")
    for photo, path, sha in ((first, "/f/a.jpg", "1" * 64), (second, "/f/b.jpg", "2" * 64)):
        old.write(
            lambda db, p=photo, f=path, s=sha: source_tables.put_download(
                db, p, Download(f, "n", s, "phone", AT)
            )
        )
    moved = Download("/f/a.jpg", "n", "2" * 64, "phone", AT)
    old.write(lambda db: source_tables.put_download(db, second, moved))
    assert old.read(lambda db: source_tables.download_of(db, first)).file_path == "/f/a.jpg"
    assert old.read(lambda db: source_tables.download_of(db, second)).file_hash == "2" * 64


def test_the_poorest_downloads_table_is_taken_over_too(path):
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE downloads (file_path TEXT, filename TEXT, file_hash TEXT)")
    database.execute("INSERT INTO downloads VALUES ('/old/x.jpg', 'x.jpg', ?)", (SHA,))
    database.commit()
    database.close()
    with Ledger(path) as ledger:
        photo = add(ledger)
        row = Download("/new/a.jpg", "a.jpg", "cd" * 32, "phone", AT)
        ledger.write(lambda db: source_tables.put_download(db, photo, row))
        assert ledger.read(lambda db: copies_of(db, {photo: SHA}))[photo].path == "/old/x.jpg"
        assert ledger.read(lambda db: source_tables.download_of(db, photo)) == row


def test_a_migration_that_fails_leaves_the_old_database_as_it_was(path, monkeypatch):
    database = sqlite3.connect(path)
    database.execute(OLD)
    # Somebody else's table with our name.
    database.execute("CREATE TABLE photos (mine TEXT)")
    database.commit()
    database.close()
    with pytest.raises(LedgerError):
        Ledger(path)
    database = sqlite3.connect(path)
    try:
        assert database.execute("SELECT * FROM photos").fetchall() == []
        assert database.execute("SELECT count(*) FROM downloads").fetchone() == (0,)
    finally:
        database.close()


def test_names_survive_the_migration_that_lets_side_files_travel(path):
    """The table is written again, for SQLite cannot change a CHECK."""
    before = Database(path)
    migrations.apply(before, stop_before="m051_companions")
    [photo] = photos.add(before, [NewPhoto("phone", "inbox", "a.jpg", 3, 4)], AT)
    names = [
        Name(photo.id, Area.LIBRARY, "aa/a.jpg", size=3, mtime_ns=4, sha256=SHA),
        Name(
            photo.id, Area.FACES, f"anna/{chr(0xDC80 + 70)}.jpg.xmp", Member.XMP, "copy", "person", 5, 6, None
        ),
        Name(photo.id, Area.FACES, "anna/a.MOV", Member.VIDEO),
    ]
    photos.apply(before, [Change(photo.id, names_added=tuple(names))], AT)
    with pytest.raises(sqlite3.IntegrityError):
        photos.apply(
            before, [Change(photo.id, names_added=(Name(photo.id, Area.FACES, "x", Member.AAE),))], AT
        )
    held = photos.names_of(before, [photo.id])
    before.conn.commit()
    before.close()
    with Ledger(path) as ledger:
        assert ledger.read(lambda db: photos.names_of(db, [photo.id])) == held
        every = tuple(Name(photo.id, Area.FACES, f"anna/{member}", member) for member in Member)
        ledger.write(lambda db: photos.apply(db, [Change(photo.id, names_added=every)], AT))
        assert len(ledger.read(lambda db: photos.names_of(db, [photo.id]))[photo.id]) == 3 + len(Member)
        found = ledger.read(
            lambda db: {
                row[0] for row in db.conn.execute("SELECT name FROM sqlite_master WHERE tbl_name = 'names'")
            }
        )
        assert found == {
            *("names", "idx_names_photo", "idx_names_halves", "idx_names_person"),
            "sqlite_autoindex_names_1",
        }
        with pytest.raises(sqlite3.IntegrityError):
            ledger.write(lambda db: db.conn.execute("UPDATE names SET member = 'nonsense'"))
        assert ledger.read(lambda db: db.conn.execute("PRAGMA foreign_key_check").fetchall()) == []


def test_migrating_twice_is_harmless(ledger):
    before = tables(ledger)
    migrate(ledger._writer)
    assert tables(ledger) == before


# --- writing and reading ---------------------------------------------------------------------


def test_a_write_that_raises_leaves_nothing(ledger):
    def half(db):
        key_value.put(db, "x", 1)
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        ledger.write(half)
    assert ledger.read(lambda db: key_value.get(db, "x")) is None
    ledger.write(lambda db: key_value.put(db, "x", 2))
    assert ledger.read(lambda db: key_value.get(db, "x")) == 2


def test_readers_cannot_write(ledger):
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        ledger.read(lambda db: key_value.put(db, "x", 1))


def test_many_threads_write_one_after_the_other(ledger):
    ledger.write(lambda db: key_value.put(db, "n", 0))

    def count():
        for _ in range(25):
            ledger.write(lambda db: key_value.put(db, "n", key_value.get(db, "n") + 1))
            ledger.read(lambda db: key_value.get(db, "n"))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.read(lambda db: key_value.get(db, "n")) == 200


async def test_a_cancelled_caller_does_not_cancel_the_transaction(ledger):
    begun, go = threading.Event(), threading.Event()

    def slow(db):
        begun.set()
        go.wait(60)
        key_value.put(db, "x", 1)

    task = asyncio.create_task(ledger.awrite(slow))
    assert await asyncio.to_thread(begun.wait, 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    await ledger.awrite(lambda _: None)
    assert await ledger.aread(lambda db: key_value.get(db, "x")) == 1


def test_shrinking_forgets_what_was_read_and_disturbs_nobody(ledger):
    """In the middle of a transaction and beside other readers, as it comes."""
    half, go, through = threading.Event(), threading.Event(), threading.Event()

    def slow(db):
        key_value.put(db, "x", 1)
        half.set()
        go.wait(60)
        key_value.put(db, "y", 2)

    def reads(db):
        rows = db.conn.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
        )
        first = next(rows)
        through.set()
        go.wait(60)
        return first, next(rows)

    found = []
    reader = threading.Thread(target=lambda: found.append(ledger.read(reads)))
    reader.start()
    writing = ledger._submit(slow)
    assert half.wait(60)
    assert through.wait(60)
    ledger.shrink()
    go.set()
    writing.result(60)
    reader.join()
    assert found == [((1,), (2,))]
    assert ledger.read(lambda db: (key_value.get(db, "x"), key_value.get(db, "y"))) == (1, 2)
    ledger.close()
    ledger.shrink()


def test_closing_finishes_what_is_queued_and_twice_is_harmless(path):
    ledger = Ledger(path)
    futures = [ledger._submit(lambda db, n=n: key_value.put(db, f"f{n}", n)) for n in range(20)]
    ledger.close()
    ledger.close()
    assert all(f.done() for f in futures)
    with pytest.raises(LedgerError, match="is closed"):
        ledger.write(lambda _: None)
    with Ledger(path) as again:
        assert again.read(lambda db: key_value.get(db, "f19")) == 19
    assert not os.path.exists(f"{path}-wal")


def test_a_thread_that_has_read_before_learns_that_the_ledger_is_closed(path):
    ledger = Ledger(path)
    assert ledger.read(lambda db: key_value.get(db, "x")) is None
    ledger.close()
    with pytest.raises(LedgerError, match="stops"):
        ledger.read(lambda db: key_value.get(db, "x"))


def test_a_full_disk_is_a_storage_error_and_the_last_commit_stays(ledger):
    ledger.write(lambda db: key_value.put(db, "x", 1))
    ledger.write(lambda db: db.conn.execute("PRAGMA max_page_count = 1"))
    with pytest.raises(StorageFull, match="cannot grow"):
        ledger.write(lambda db: key_value.put(db, "big", "x" * 5_000_000))
    assert ledger.read(lambda db: key_value.get(db, "x")) == 1
    ledger.write(lambda db: db.conn.execute("PRAGMA max_page_count = 1000000"))
    ledger.write(lambda db: key_value.put(db, "big", "x" * 5_000_000))


# --- the review queue's table ----------------------------------------------------------------


def test_the_review_queue_reads_as_the_source_document_wrote_it(ledger):
    photo = add(ledger)
    row = ReviewRow("/r/noface_a.jpg", Category.UNIDENTIFIED, SHA, "no_faces_detected", 0, None)
    decision = Decision(
        Outcome.REVIEWED, (Reason("no_faces_detected"),), "v", Category.UNIDENTIFIED, "noface_"
    )
    change = Change(photo, state=State.REVIEW, review=row, decision=(decision, Evidence()))
    ledger.write(lambda db: photos.apply(db, [change], AT))
    ledger.write(lambda db: photos.apply(db, [change], AT))  # repeated after a crash: renewed, not doubled
    rows = ledger.read(
        lambda db: db.conn.execute(
            "SELECT file_path, category, file_hash, reason, faces_detected, created_at, action"
            " FROM review_queue"
        ).fetchall()
    )
    assert rows == [("/r/noface_a.jpg", "unidentified", SHA, "no_faces_detected", 0, AT, "pending")]
    ledger.write(lambda db: photos.apply(db, [Change(photo, review_closed=("approved", "eva"))], AT))
    closed = ledger.read(
        lambda db: db.conn.execute("SELECT action, reviewed_by, reviewed_at FROM review_queue").fetchall()
    )
    assert closed == [("approved", "eva", AT)]


def test_a_photo_that_resolved_itself_leaves_the_queue_without_a_trace_there(ledger):
    photo = add(ledger)
    row = ReviewRow("/r/a.jpg", Category.UNIDENTIFIED, SHA, "unknown_face", 1, "Anna")
    ledger.write(lambda db: photos.apply(db, [Change(photo, review=row)], AT))
    ledger.write(lambda db: photos.apply(db, [Change(photo, review_closed=("withdrawn", "smartsort"))], AT))
    assert ledger.read(lambda db: db.conn.execute("SELECT count(*) FROM review_queue").fetchone()[0]) == 0
