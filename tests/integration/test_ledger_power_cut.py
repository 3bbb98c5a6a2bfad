"""A commit that returned survives a power cut: files are dropped on the strength of it."""

import _sqlite3
import ctypes
import os
import sqlite3

import pytest

from smartsort.ledger import key_value
from smartsort.ledger.database import Ledger

X_SYNC = 4
"""The place of xSync behind the version in `sqlite3_io_methods`."""
METHODS = 18

Sync = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
Open = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p
)


class Methods(ctypes.Structure):
    """`sqlite3_io_methods`: what SQLite calls on an open file."""

    _fields_ = [("version", ctypes.c_int), ("calls", ctypes.c_void_p * METHODS)]


class FileSystem(ctypes.Structure):
    """The beginning of `sqlite3_vfs`."""

    _fields_ = [
        ("version", ctypes.c_int), ("size", ctypes.c_int), ("longest", ctypes.c_int),
        ("next", ctypes.c_void_p), ("name", ctypes.c_char_p), ("data", ctypes.c_void_p),
        ("open", ctypes.c_void_p),
    ]  # fmt: skip


def _sqlite():
    """The SQLite that Python uses; its symbols are hidden where it is a part of Python itself."""
    return ctypes.CDLL(getattr(_sqlite3, "__file__", None))


reachable = pytest.mark.skipif(
    not hasattr(_sqlite(), "sqlite3_vfs_find"), reason="SQLite is built into Python"
)


@pytest.fixture
def on_disk():
    """Path -> bytes as they were when SQLite last waited for them."""
    library = _sqlite()
    library.sqlite3_vfs_find.restype = ctypes.POINTER(FileSystem)
    system = library.sqlite3_vfs_find(None).contents
    original = system.open
    sure, kept = {}, []

    def opened(vfs, name, file, flags, out):
        code = Open(original)(vfs, name, file, flags, out)
        methods = ctypes.c_void_p.from_address(file)
        if code == 0 and name and methods.value:
            path = os.fsdecode(ctypes.string_at(name))
            own = Methods.from_buffer_copy(Methods.from_address(methods.value))
            sync = Sync(own.calls[X_SYNC])

            def synced(file, how):
                code = sync(file, how)
                with open(path, "rb") as content:
                    sure[path] = content.read()
                return code

            mine = Sync(synced)
            own.calls[X_SYNC] = ctypes.cast(mine, ctypes.c_void_p).value
            kept.extend((own, mine))
            methods.value = ctypes.addressof(own)
        return code

    mine = Open(opened)
    system.open = ctypes.cast(mine, ctypes.c_void_p).value
    try:
        yield sure
    finally:
        system.open = original


@reachable
def test_a_commit_that_returned_survives_a_power_cut(tmp_path, on_disk):
    path = os.fspath(tmp_path / "smartsort.db")
    with Ledger(path) as ledger:
        for number in range(3):
            ledger.write(lambda db, n=number: key_value.put(db, "number", n))
            found = tmp_path / f"found {number}.db"
            found.write_bytes(on_disk[path])
            (tmp_path / f"{found.name}-wal").write_bytes(on_disk[f"{path}-wal"])
            with Ledger(os.fspath(found)) as again:
                assert again.read(lambda db: key_value.get(db, "number")) == number


@reachable
def test_the_model_forgets_what_was_not_waited_for(tmp_path, on_disk):
    path = os.fspath(tmp_path / "careless.db")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    assert path not in on_disk


def test_the_writer_waits_at_each_commit(tmp_path):
    with Ledger(os.fspath(tmp_path / "smartsort.db")) as ledger:
        full = 2
        assert ledger.write(lambda db: db.execute("PRAGMA synchronous").fetchone()) == (full,)
