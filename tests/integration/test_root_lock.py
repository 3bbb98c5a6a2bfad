"""One sidecar per root, whatever becomes of the lock file."""

from __future__ import annotations

import errno
import fcntl
import os
import stat

import pytest
from tests.fakes import World, close_world, write

from smartsort.doctor.ledger_checks import sidecar_check
from smartsort.errors import StorageError
from smartsort.lock import LOCK_NAME, RootLock, RootLocked, holder_of


@pytest.fixture
def place(make):
    return make()


@pytest.mark.parametrize("then", ["deleted", "made again", "replaced by a folder's"])
def test_a_second_sidecar_is_refused_although_the_lock_file_was_deleted(place, root, then):
    lock = os.path.join(root, LOCK_NAME)
    os.unlink(lock)
    if then != "deleted":
        write(lock, b"" if then == "made again" else b'{"pid": 1}')
    assert holder_of(root) is not None
    assert sidecar_check(root).detail.startswith("at work")
    for _ in range(2):
        with pytest.raises(RootLocked, match="in use by another smartsort"):
            World(root)
    close_world(place)
    assert holder_of(root) is None
    again = World(root)
    assert str(os.getpid()) in (holder_of(root) or "")
    close_world(again)


def test_where_folders_cannot_be_locked_the_file_is_the_lock(place, root, monkeypatch):
    """As on NFS."""
    flock = fcntl.flock

    def no_folders(handle, how):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", no_folders)
    assert str(os.getpid()) in (holder_of(root) or "")
    with pytest.raises(RootLocked, match=f"process {os.getpid()}"):
        World(root)


def test_where_nothing_can_be_locked_nothing_starts(root, monkeypatch):
    def none(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    os.makedirs(root)
    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.raises(StorageError, match="cannot lock"):
        RootLock(root, "now")
    assert holder_of(root) is None
