"""The ledger, its copies and the API token are readable for their owner alone."""

from __future__ import annotations

import os
import shutil
import stat
from datetime import UTC, datetime

import pytest
from tests.fakes import World, close_world

from smartsort.api.security import kept_token
from smartsort.config import load_settings
from smartsort.doctor.ledger_checks import privacy_check
from smartsort.files.private import TOKEN_FILE, make_private
from smartsort.ledger.backup import backup, backups, files_kept
from smartsort.ledger.database import Ledger
from smartsort.rescue.rebuild import rebuild, restore

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def everybody_may_read():
    """The most open umask there is."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(*paths):
    return {os.path.basename(p): oct(stat.S_IMODE(os.stat(p).st_mode)) for p in paths if os.path.exists(p)}


def private(found):
    return found and set(found.values()) == {"0o600"}


def test_all_that_a_sidecar_makes_is_private(root):
    world = World(root)
    ledger = world.ledger.path
    backup(ledger, f"{root}/backup", NOW)
    kept_token(root)
    assert private(
        modes(ledger, f"{ledger}-wal", f"{ledger}-shm", *backups(f"{root}/backup"), f"{root}/{TOKEN_FILE}")
    )
    assert privacy_check(root, ledger).verdict == "ok"
    close_world(world)
    settings = load_settings(None, env={}, overrides={"root": root})
    restore(settings, None, None, lambda _: None)
    rebuild(settings, None, lambda _: None)
    found = files_kept(ledger, f"{root}/backup")
    assert len([p for p in found if ".replaced-" in p]) >= 2
    assert private(modes(*found))


def test_what_an_older_version_left_open_is_closed_at_the_start_and_told_by_the_doctor(root):
    world = World(root)
    ledger = world.ledger.path
    backup(ledger, f"{root}/backup", NOW)
    kept_token(root)
    close_world(world)
    shutil.copy(ledger, f"{ledger}.replaced-20250101T000000Z")
    left = [*files_kept(ledger, f"{root}/backup"), f"{root}/{TOKEN_FILE}"]
    for path in filter(os.path.exists, left):
        os.chmod(path, 0o644)
    told = privacy_check(root, ledger)
    assert (told.verdict, "can be read by other users" in told.detail) == ("warning", True)
    world = World(root)
    kept_token(root)
    assert private(modes(*left, f"{ledger}-wal", f"{ledger}-shm"))
    assert privacy_check(root, ledger).verdict == "ok"
    close_world(world)


def test_a_log_that_a_crash_left_open_is_closed_too(root, tmp_path):
    os.makedirs(root)
    path = f"{root}/smartsort.db"
    ledger = Ledger(path)
    ledger.write(lambda db: db.conn.execute("INSERT INTO facts VALUES ('x', '1')"))
    for ending in ("", "-wal"):
        shutil.copy(f"{path}{ending}", tmp_path / f"copy.db{ending}")
    ledger.close()
    copy = os.fspath(tmp_path / "copy.db")
    for ending in ("", "-wal"):
        os.chmod(f"{copy}{ending}", 0o666)
    with Ledger(copy) as again:
        assert private(modes(copy, f"{copy}-wal", f"{copy}-shm"))
        assert again.read(lambda db: db.conn.execute("SELECT value FROM facts").fetchone()) == ("1",)


def test_a_file_that_is_there_keeps_its_content(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"content")
    make_private(os.fspath(path))
    assert (path.read_bytes(), private(modes(path))) == (b"content", True)
