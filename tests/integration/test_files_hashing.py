"""Digests of real files."""

import hashlib
import os

import pytest

from smartsort.core.model import Digests
from smartsort.files import hashing
from smartsort.files.hashing import digests, digests_of_all, sha256_of
from smartsort.files.problems import FileChanged, FileProblem, FileUnreadable, FileVanished, NotAFile
from smartsort.files.stamps import stamp


def written(path, data):
    path.write_bytes(data)
    return str(path)


def expected(data):
    return Digests(hashlib.sha256(data).hexdigest(), hashlib.sha1(data).hexdigest())


@pytest.mark.parametrize("size", [0, 1, 1000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_000_001])
def test_both_digests_in_one_read(tmp_path, size):
    data = os.urandom(size)
    path = written(tmp_path / "a", data)
    assert digests(path, stamp(path)) == expected(data)
    assert sha256_of(path) == expected(data).sha256


def test_many_at_once_keep_their_order_and_their_own_errors(tmp_path):
    files, wanted = [], []
    for number in range(300):
        data = os.urandom(number * 7)
        files.append((written(tmp_path / f"{number}", data), None))
        wanted.append(expected(data))
    files[17] = (str(tmp_path / "missing"), None)
    found = digests_of_all(files)
    assert isinstance(found[17], FileVanished)
    assert found[:17] + found[18:] == wanted[:17] + wanted[18:]
    assert digests_of_all([]) == []
    assert digests_of_all(files[:1]) == wanted[:1]


def test_names_that_are_no_utf8(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.jpg")
    with open(path, "wb") as file:
        file.write(b"x")
    assert digests(os.fsdecode(path)) == expected(b"x")


def test_a_file_that_is_another_one_is_not_hashed(tmp_path):
    path = written(tmp_path / "a", b"one")
    before = stamp(path)
    written(tmp_path / "a", b"three")
    with pytest.raises(FileChanged, match="has changed"):
        digests(path, before)


@pytest.mark.parametrize("change", ["grow", "shrink", "touch"])
def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path, change, monkeypatch):
    path = written(tmp_path / "a", bytes(3 << 20))
    real = os.readv
    reads = []

    def readv(handle, buffers):
        count = real(handle, buffers)
        reads.append(count)
        if change == "grow":
            with open(path, "ab") as file:
                file.write(bytes(2 << 20))
        elif change == "shrink":
            os.truncate(path, 1 << 20)
        else:
            os.utime(path, ns=(1, 1))
        return count

    monkeypatch.setattr(hashing.os, "readv", readv)
    with pytest.raises(FileChanged):
        digests(path)
    # An endless writer does not make an endless read.
    assert len(reads) < 10


def test_what_is_no_file_is_not_opened(tmp_path):
    target = written(tmp_path / "a", b"x")
    (tmp_path / "link").symlink_to(target)
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "."):
        with pytest.raises(NotAFile):
            digests(str(tmp_path / name))


def test_a_file_on_a_failing_disk_is_its_own_problem(tmp_path, monkeypatch):
    path = written(tmp_path / "a", b"x")

    def readv(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(hashing.os, "readv", readv)
    with pytest.raises(FileUnreadable, match="disk reports an error") as caught:
        digests(path)
    assert caught.value.path == path


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_so(tmp_path):
    path = written(tmp_path / "a", b"x")
    os.chmod(path, 0)
    with pytest.raises(FileProblem, match="permission denied"):
        digests(path)
