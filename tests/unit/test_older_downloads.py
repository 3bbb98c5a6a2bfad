"""The `downloads` table of an older tool: read without a trace, or refused with one clear message."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from tests.sorted_folders import picture_of

from smartsort.ledger import older_downloads
from smartsort.ledger.older_downloads import DownloadsUnusable

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
    before = picture_of(tmp_path)
    assert [(row.file_path, row.filename, row.file_hash) for row in read(path)] == [
        (str(tmp_path / "a.jpg"), "a.jpg", DIGEST),
        ("/x/b.jpg", "b.jpg", "cd" * 32),
    ]
    assert older_downloads.count(path) == 2
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
