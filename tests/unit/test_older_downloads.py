"""The `downloads` table of an older tool: read without a trace, or refused with one clear message."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from tests.sorted_folders import picture_of

from smartsort.ledger import older_downloads
from smartsort.ledger.older_downloads import DownloadsUnusable, OlderDownload

DIGEST = "ab" * 32


def database(path, columns="file_path TEXT, file_hash TEXT", rows=(("a.jpg", DIGEST),)):
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"CREATE TABLE downloads ({columns})")
        db.executemany("INSERT INTO downloads VALUES (?, ?)", rows)
        db.commit()
    return str(path)


def read(path):
    return [row for chunk in older_downloads.chunks(path) for row in chunk]


def test_rows_with_a_digest_are_read_with_absolute_paths(tmp_path):
    rows = [("a.jpg", DIGEST.upper()), ("/x/b.jpg", "cd" * 32), ("c.jpg", "md5"), (None, DIGEST), ("d", None)]
    path = database(tmp_path / "it's 50%?.db", rows=rows)
    (tmp_path / "a.jpg").write_bytes(b"there")
    before = picture_of(tmp_path)
    assert [(row.file_path, row.filename, row.file_hash) for row in read(path)] == [
        (str(tmp_path / "a.jpg"), "a.jpg", DIGEST),
        ("/x/b.jpg", "b.jpg", "cd" * 32),
    ]
    assert older_downloads.count(path) == (2, 1)
    assert older_downloads.beside(str(tmp_path / "faces")) == [path]
    assert picture_of(tmp_path) == before


def test_what_stands_in_a_write_ahead_log_counts_and_nothing_is_made_beside_it(tmp_path):
    with closing(sqlite3.connect(tmp_path / "media.db")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE downloads (file_path TEXT, file_hash TEXT)")
        db.execute("INSERT INTO downloads VALUES ('a.jpg', ?)", (DIGEST,))
        db.commit()
        before = picture_of(tmp_path)
        assert len(read(str(tmp_path / "media.db"))) == 1
        assert picture_of(tmp_path) == before


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "no SQLite"), (b"SQLite format 3\0" + b"\xff" * 5000, "cannot be used")]
)
def test_another_file_is_refused(tmp_path, content, said):
    (tmp_path / "x.db").write_bytes(content)
    with pytest.raises(DownloadsUnusable, match=said):
        read(str(tmp_path / "x.db"))
    assert older_downloads.beside(str(tmp_path / "faces")) == []
    with pytest.raises(DownloadsUnusable):
        read(str(tmp_path / "gone.db"))


def test_another_schema_is_refused(tmp_path):
    other = database(tmp_path / "other.db", "file_path TEXT, md5 TEXT")
    with pytest.raises(DownloadsUnusable, match="has no column file_hash"):
        read(other)
    with closing(sqlite3.connect(tmp_path / "empty.db")) as db:
        db.execute("CREATE TABLE something (x)")
    with pytest.raises(DownloadsUnusable, match="`downloads` is missing"):
        read(str(tmp_path / "empty.db"))


def test_what_the_tool_wrote_beside_path_and_digest_is_kept(tmp_path):
    columns = "file_hash TEXT, file_path TEXT, source TEXT, download_date TEXT, filename TEXT, more TEXT"
    path = tmp_path / "tool.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"CREATE TABLE downloads ({columns})")
        row = (DIGEST, "in/../a.jpg", "whatsapp", "2020-01-02", "Beach.jpg", "x")
        db.execute("INSERT INTO downloads VALUES (?, ?, ?, ?, ?, ?)", row)
        db.execute("INSERT INTO downloads (file_hash, file_path) VALUES (?, 'b.jpg')", ("cd" * 32,))
        db.commit()
    one, two = read(str(path))
    assert one == OlderDownload(str(tmp_path / "a.jpg"), "Beach.jpg", DIGEST, "whatsapp", "2020-01-02")
    assert two == OlderDownload(str(tmp_path / "b.jpg"), "b.jpg", "cd" * 32, "", "")


def test_many_rows_come_a_thousand_at_a_time(tmp_path):
    path = database(tmp_path / "x.db", rows=[(f"{n}.jpg", DIGEST) for n in range(1001)])
    assert [len(chunk) for chunk in older_downloads.chunks(path)] == [1000, 1]
    assert older_downloads.count(path) == (1001, 0)


def test_databases_beside_a_folder_and_in_it_are_found(tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    there = [database(tmp_path / "b.SQLITE3"), database(tmp_path / "c.sqlite"), database(folder / "a.db")]
    database(tmp_path / "other.db", "x TEXT, file_hash TEXT")
    database(tmp_path / "copy.txt")
    (tmp_path / "broken.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    assert older_downloads.beside(str(folder)) == there
    assert older_downloads.beside(str(tmp_path / "gone" / "faces")) == []


def test_a_refusal_says_on_what_why_and_what_to_do(tmp_path):
    path = database(tmp_path / "x.db", "a TEXT, b TEXT")
    with pytest.raises(DownloadsUnusable) as problem:
        read(path)
    assert str(problem.value) == (
        f"{path} cannot be used as the downloads of an older tool: its table `downloads` has no column "
        "file_path and file_hash. Give another file with --downloads, or --no-downloads"
    )
