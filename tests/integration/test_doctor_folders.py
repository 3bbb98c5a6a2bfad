"""What the doctor says of real folders, ledgers, locks and inboxes."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from smartsort.bootstrap import layout_of, open_sidecar
from smartsort.config import Settings, load_settings
from smartsort.doctor import examine, ledger_checks
from smartsort.doctor.findings import passed
from smartsort.doctor.folder_checks import folders_check, links_check, root_check, space_check, standing
from smartsort.doctor.ledger_checks import LedgerView, inbox_check, read_ledger, sidecar_check
from smartsort.files.disk import Disk
from smartsort.files.filesystem import FileSystem
from smartsort.lock import LOCK_NAME, RootLock

NEW = LedgerView(passed("ledger", ""))


def settings(root: Path, **values: Any) -> Settings:
    return load_settings(None, {}, {"root": str(root), **values})


def test_a_root_that_is_new(tmp_path: Path) -> None:
    layout = layout_of(settings(tmp_path))
    assert root_check(layout, NEW, Disk()).verdict == "ok"
    assert folders_check(layout, Disk()).verdict == "ok"
    assert links_check(layout, Disk()).verdict == "ok"
    assert space_check(layout).verdict == "ok"
    assert list(tmp_path.iterdir()) == []
    assert standing(str(tmp_path / "a" / "b")) == str(tmp_path)
    missing = root_check(layout_of(settings(tmp_path / "none")), NEW, Disk())
    assert (missing.verdict, "missing" in missing.detail) == ("broken", True)


def test_a_root_that_cannot_be_written_by_this_user(tmp_path: Path) -> None:
    """As a user of its own: root may write anywhere."""
    if os.geteuid() != 0:
        tmp_path.chmod(0o555)
    prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    code = (
        "import sys; from smartsort.files.placement import methods_between\n"
        "try: methods_between(sys.argv[1], sys.argv[1])\n"
        "except Exception as error: print(error)"
    )
    folder = "/" if os.geteuid() == 0 else str(tmp_path)
    run = subprocess.run([*prefix, sys.executable, "-c", code, folder], capture_output=True, text=True)
    if run.returncode:
        pytest.skip(f"no other user can be tried here: {run.stderr[-200:]}")
    assert "permission denied. Give smartsort's user" in run.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is warned")
def test_root_working_in_somebody_elses_folder(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 2345)
    check = root_check(layout_of(settings(tmp_path)), NEW, Disk())
    assert check.verdict == "warning"
    assert "PUID=1234, PGID=2345" in check.remedy


def test_folders_in_each_others_way(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "review").symlink_to(tmp_path / "faces")
    layout = layout_of(settings(tmp_path / "x"))
    twisted = type(layout)(str(tmp_path), faces="faces", review="review")
    check = folders_check(twisted, Disk())
    assert (check.verdict, "the same folder" in check.detail) == ("broken", True)


# --- ledger ----------------------------------------------------------------------------------


def test_a_ledger_that_is_not_there_or_not_ours(tmp_path: Path) -> None:
    assert read_ledger(settings(tmp_path, **{"directories.ledger_file": "none.db"})).check.verdict == "ok"
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE downloads (file_path TEXT)")
    database.close()
    found = read_ledger(settings(tmp_path, **{"directories.ledger_file": "old.db"}))
    assert (found.check.verdict, found.root_id) == ("ok", None)
    path.write_bytes(b"no database at all" * 1000)
    assert read_ledger(settings(tmp_path, **{"directories.ledger_file": "old.db"})).check.verdict == "broken"


async def test_a_ledger_of_ours_is_read_and_not_changed(tmp_path: Path) -> None:
    ours = settings(tmp_path, **{"immich.url": "http://127.0.0.1:9", "immich.api_key": "k"})
    sidecar = open_sidecar(ours)
    await sidecar.close()
    before = (tmp_path / "smartsort.db").read_bytes()
    found = read_ledger(ours)
    assert found.check.verdict == "ok"
    assert found.root_id == json.loads((tmp_path / ".smartsort-root").read_text())["id"]
    assert (tmp_path / "smartsort.db").read_bytes() == before


async def test_a_ledger_on_a_network_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = settings(tmp_path, **{"immich.url": "http://127.0.0.1:9", "immich.api_key": "k"})
    sidecar = open_sidecar(ours)
    await sidecar.close()
    monkeypatch.setattr(ledger_checks, "file_system", lambda _: FileSystem("nfs", False, False))
    found = read_ledger(ours)
    assert (found.check.verdict, found.root_id is not None) == ("warning", True)
    assert "directories.ledger_file" in found.check.remedy


# --- lock ------------------------------------------------------------------------------------


def test_who_works_here(tmp_path: Path) -> None:
    assert "none has worked here yet" in sidecar_check(str(tmp_path)).detail
    lock = RootLock(str(tmp_path), "2026-01-01T00:00:00+00:00")
    try:
        said = sidecar_check(str(tmp_path)).detail
        assert said.startswith(f"at work: process {os.getpid()} on ")
        unseen = sidecar_check(str(tmp_path), "/nonexistent").detail
        assert unseen.startswith("none seen at work on this machine, last: ")
    finally:
        lock.close()
    (tmp_path / LOCK_NAME).write_text("{")
    assert "no process has written its name" in sidecar_check(str(tmp_path)).detail
    with open(tmp_path / LOCK_NAME, "rb") as free:
        fcntl.flock(free, fcntl.LOCK_EX | fcntl.LOCK_NB)


# --- inbox -----------------------------------------------------------------------------------


def test_an_inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = settings(tmp_path)
    assert "made at the first start" in inbox_check(ours).detail
    (tmp_path / "inbox" / "a").mkdir(parents=True)
    assert inbox_check(ours).detail.startswith("watched")
    assert "as set by inbox.polling" in inbox_check(settings(tmp_path, **{"inbox.polling": "on"})).detail

    class NoneLeft:
        """A kernel whose watches are all used, by whatever program."""

        def __init__(self, *_: object, **__: object) -> None:
            self.inotify_init1 = lambda _flags: os.open("/", os.O_RDONLY)

        def inotify_add_watch(self, *_: object) -> int:
            ctypes.set_errno(errno.ENOSPC)  # it returns the error before, which is any number
            return -1

    with monkeypatch.context() as patch:
        patch.setattr(ledger_checks.ctypes, "CDLL", NoneLeft)
        full = inbox_check(ours)
        assert (full.verdict, "max_user_watches" in full.remedy) == ("warning", True)
    limits = tmp_path / "limits"
    limits.mkdir()
    (limits / "max_user_watches").write_text("1\n")
    few = inbox_check(ours, str(limits))
    assert (few.verdict, "max_user_watches" in few.remedy) == ("warning", True)
    monkeypatch.setattr(ledger_checks, "_inotify_problem", lambda _: "Too many open files")
    none = inbox_check(ours)
    assert (none.verdict, "max_user_instances" in none.remedy) == ("warning", True)
    monkeypatch.setattr(ledger_checks, "why_unheard", lambda _: "it is on a share (nfs)")
    assert inbox_check(ours).verdict == "ok"
    off = inbox_check(settings(tmp_path, **{"inbox.polling": "off"}))
    assert (off.verdict, "found every 30 s" in off.detail) == ("warning", True)


# --- as a whole ------------------------------------------------------------------------------


async def test_without_an_immich_the_folders_are_looked_at_all_the_same(tmp_path: Path) -> None:
    report = await examine(settings(tmp_path, **{"immich.url": "http://127.0.0.1:9", "immich.api_key": "k"}))
    verdicts = {check.name: check.verdict for check in report.checks}
    assert verdicts["server"] == "broken"
    assert verdicts["root"] == verdicts["hard links"] == verdicts["free space"] == "ok"
    assert verdicts["permissions"] == "skipped"


async def test_a_file_with_a_key_that_others_may_read(tmp_path: Path) -> None:
    path = tmp_path / "smartsort.toml"
    path.write_text('[immich]\napi_key = "k3y-nobody-may-see"\n')
    path.chmod(0o644)
    report = await examine(load_settings(None, {}, {"root": str(tmp_path)}))
    (line,) = (check for check in report.checks if check.name == "settings")
    assert (line.verdict, line.remedy) == ("warning", f"chmod 600 {path}")
    assert "k3y-nobody-may-see" not in report.model_dump_json()
    path.chmod(0o600)
    report = await examine(load_settings(None, {}, {"root": str(tmp_path)}))
    assert next(check for check in report.checks if check.name == "settings").verdict == "ok"
