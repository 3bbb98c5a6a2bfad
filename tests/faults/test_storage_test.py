"""`smartsort doctor --test-storage DIR` on this machine's own storage."""

from __future__ import annotations

import errno
import json
import os

import pytest
from click.testing import CliRunner

from smartsort.cli.main import cli
from smartsort.files.disk import Disk
from smartsort.files.filesystem import FileSystem
from smartsort.storage_test import checks
from smartsort.storage_test.checks import Verdict, try_storage, worst


@pytest.mark.timeout(600)
def test_a_storage_that_works(tmp_path):
    result = CliRunner().invoke(cli, ["doctor", "--test-storage", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "every photo whole each time" in result.output
    assert os.listdir(tmp_path) == []


def test_for_machines(tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "_CHECKS", (("times", checks._times),))
    result = CliRunner().invoke(cli, ["doctor", "--json", "--test-storage", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert [t["name"] for t in json.loads(result.output)["checks"]] == ["times"]


def test_a_trial_that_fails_is_told_and_cleared_up(tmp_path, monkeypatch):
    def broken(place):
        raise OSError(5, "Input/output error")
        yield

    monkeypatch.setattr(checks, "_CHECKS", (("broken", broken), ("times", checks._times)))
    found = try_storage(str(tmp_path))
    assert worst(found) is Verdict.BAD
    assert "Input/output error" in found[0].said
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("step", ["fsync file", "fsync folder", "syncfs"])
def test_a_storage_that_cannot_wait_is_bad(tmp_path, monkeypatch, step):
    def refused(name):
        if name == step:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(checks, "_CHECKS", (("flushing", checks._durable),))
    monkeypatch.setattr(checks, "Disk", lambda: Disk(refused))
    monkeypatch.setattr(checks, "file_system", lambda _: FileSystem("ext4", notifies=True, syncs=True))
    assert worst(try_storage(str(tmp_path))) is Verdict.BAD
