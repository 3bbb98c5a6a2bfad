"""What files ask the machine: system calls that tests can make fail, memory and processors of a container."""

from __future__ import annotations

import ctypes
import errno
import os

import pytest

from smartsort.files import disk, resources
from smartsort.files.disk import Disk
from smartsort.files.resources import OWN_BYTES, Budget, budget, memory_limit, processor_count

MIB = 1 << 20


def test_every_call_that_changes_something_says_so_before_and_after(tmp_path):
    steps = []
    made, here = Disk(steps.append), str(tmp_path)
    at = {name: f"{here}/{name}" for name in "abcdefg"}

    def said(call, *arguments, **more):
        steps.clear()
        call(*arguments, **more)
        return steps[:]

    assert said(made.mkdir, at["a"]) == ["mkdir", "mkdir done"]
    assert said(made.rmdir, at["a"]) == ["rmdir", "rmdir done"]
    steps.clear()
    handle = made.create(at["b"])
    assert steps == ["create", "create done"]
    assert os.fstat(handle).st_mode & 0o777 == 0o600
    assert said(made.write, handle, memoryview(b"abc")) == ["write", "write done"]
    assert said(made.fsync, handle) == ["fsync", "fsync done"]
    assert said(made.link, at["b"], at["c"]) == ["link", "link done"]
    assert said(made.symlink, at["b"], at["d"]) == ["symlink", "symlink done"]
    assert said(made.rename_over, at["c"], at["d"]) == ["rename over", "rename over done"]
    assert said(made.rename_exclusive, at["b"], at["e"]) == ["rename exclusive", "rename exclusive done"]
    assert said(made.fsync_path, at["e"], folder=False) == ["fsync file", "fsync file done"]
    assert said(made.fsync_path, here, folder=True) == ["fsync folder", "fsync folder done"]
    assert said(made.sync_file_system, here) == ["syncfs", "syncfs done"]
    steps.clear()
    source = made.open_source(at["e"])
    assert (steps, os.read(source, 9)) == (["open source"], b"abc")
    assert said(made.keep_attributes, source, handle) == ["attributes", "attributes done"]
    assert said(made.unlink, at["e"]) == ["unlink", "unlink done"]
    os.close(source)
    os.close(handle)


def test_blocks_are_shared_by_the_call_that_the_kernel_has_for_it(tmp_path, monkeypatch):
    steps, asked = [], []
    monkeypatch.setattr(disk.fcntl, "ioctl", lambda *told: asked.append(told))
    Disk(steps.append).clone(3, 4)
    assert (steps, asked) == (["clone", "clone done"], [(4, 0x40049409, 3)])


def test_nothing_is_replaced_and_no_link_is_followed(tmp_path):
    made, one, other, pointer = Disk(), tmp_path / "one", tmp_path / "other", tmp_path / "pointer"
    one.write_bytes(b"1")
    other.write_bytes(b"2")
    pointer.symlink_to(one)
    for call in (made.link, made.symlink, made.rename_exclusive):
        with pytest.raises(FileExistsError) as caught:
            call(str(one), str(other))
        assert (caught.value.filename, caught.value.filename2) == (str(one), str(other))
    for call in (made.create, made.mkdir):
        with pytest.raises(FileExistsError):
            call(str(other))
    for call in (made.open_source, lambda path: made.fsync_path(path, folder=False)):
        with pytest.raises(OSError, match="symbolic") as caught:
            call(str(pointer))
        assert caught.value.errno == errno.ELOOP
    with pytest.raises(NotADirectoryError):
        made.fsync_path(str(one), folder=True)
    with pytest.raises(NotADirectoryError):
        made.sync_file_system(str(one))
    made.link(str(pointer), str(tmp_path / "second"))
    assert (tmp_path / "second").is_symlink()
    assert (one.read_bytes(), other.read_bytes()) == (b"1", b"2")


def test_a_machine_without_an_exclusive_rename_offers_none(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "_libc", object)
    with pytest.raises(OSError, match="not implemented") as caught:
        Disk().rename_exclusive("/one", "/other")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSYS, "/other")


def test_a_file_system_that_cannot_wait_says_why(tmp_path, monkeypatch):
    def syncfs(_handle):
        ctypes.set_errno(errno.EIO)
        return -1

    monkeypatch.setattr(disk, "_libc", lambda: type("Libc", (), {"syncfs": staticmethod(syncfs)}))
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="Input/output error") as caught:
        Disk().sync_file_system(str(tmp_path))
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, str(tmp_path))
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EIO])
def test_only_folders_may_know_no_fsync(number, tmp_path, monkeypatch):
    def fsync(_handle):
        raise OSError(number, "no")

    monkeypatch.setattr(os, "fsync", fsync)
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(OSError, match="no"):
        Disk().fsync_path(str(tmp_path / "a"), folder=False)
    if number == errno.EINVAL:
        Disk().fsync_path(str(tmp_path), folder=True)
    else:
        with pytest.raises(OSError, match="no"):
            Disk().fsync_path(str(tmp_path), folder=True)


def test_a_copy_has_the_mode_and_the_times_of_its_source_and_its_owner_can_read_it(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"1")
    other.write_bytes(b"2")
    for mode, given in ((0o644, 0o644), (0o070, 0o470), (0o2755, 0o755)):
        os.chmod(one, mode)
        os.utime(one, ns=(1_000_000_007, 2_000_000_009))
        with open(one, "rb") as source, open(other, "r+b") as target:
            Disk().keep_attributes(source.fileno(), target.fileno())
        status = other.stat()
        assert status.st_mode & 0o7777 == given
        assert (status.st_atime_ns, status.st_mtime_ns) == (1_000_000_007, 2_000_000_009)


def test_a_copy_gets_the_owner_of_its_source_where_that_is_allowed(tmp_path, monkeypatch):
    asked = []
    (tmp_path / "one").write_bytes(b"")

    def chown(handle, user, group):
        asked.append((handle, user, group))
        raise PermissionError

    real = os.fstat

    def fstat(handle):
        found = real(handle)
        return (
            os.stat_result((*found[:4], 7, 8, *found[6:]), found_times(found)) if handle == source else found
        )

    def found_times(found):
        return {"st_atime_ns": found.st_atime_ns, "st_mtime_ns": found.st_mtime_ns}

    monkeypatch.setattr(os, "fchown", chown)
    source, target = (os.open(tmp_path / "one", os.O_RDWR) for _ in range(2))
    Disk().keep_attributes(source, target)
    assert asked == []
    monkeypatch.setattr(os, "fstat", fstat)
    Disk().keep_attributes(source, target)
    assert asked == [(target, 7, 8)]
    os.close(source)
    os.close(target)


@pytest.mark.parametrize(
    ("memory", "processors", "found"),
    [
        (OWN_BYTES + 1024 * MIB, 8, Budget(4, 256 * MIB, 1024 * MIB)),
        (OWN_BYTES + 1024 * MIB, 2, Budget(2, 512 * MIB, 1024 * MIB)),
        (OWN_BYTES + 511 * MIB, 8, Budget(1, 511 * MIB, 511 * MIB)),
        (OWN_BYTES + 9000 * MIB, 3, Budget(3, 2048 * MIB, 9000 * MIB)),
        (0, 8, Budget(1, 128 * MIB, 128 * MIB)),
    ],
)
def test_what_decoding_may_take(memory, processors, found):
    assert budget(memory, processors) == found


def test_what_decoding_may_take_is_the_machine_s_without_numbers(monkeypatch):
    monkeypatch.setattr(resources, "memory_limit", lambda: OWN_BYTES + 1000 * MIB)
    monkeypatch.setattr(resources, "processor_count", lambda: 3)
    assert budget() == Budget(3, 1000 * MIB // 3, 1000 * MIB)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of 8,000 pages and 16 processors, whose cgroups are written down."""
    own, root = tmp_path / "own", tmp_path / "cgroup"
    monkeypatch.setattr(resources, "_OWN_CGROUPS", str(own))
    monkeypatch.setattr(resources, "_CGROUPS", str(root))
    pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 8000}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    monkeypatch.setattr(os, "sched_getaffinity", lambda who: set(range(16)) if who == 0 else set())

    def written(text="", **files):
        own.write_text(text)
        for path, content in files.items():
            place = root / path.replace("__", "/").replace("_in_", ".").replace("--", "_")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(content)

    return written


def test_half_of_a_machine_without_limits(machine):
    assert (memory_limit(), processor_count()) == (16_384_000, 16)
    machine("0::/\n", memory_in_max="max\n", cpu_in_max="max 100000\n")
    assert (memory_limit(), processor_count()) == (16_384_000, 16)


def test_the_least_limit_of_the_groups_above_counts(machine):
    machine(
        "0::/a/../b\n",
        memory_in_max="9000\n",
        a__memory_in_max="5000\n",
        a__b__memory_in_max="7000\n",
        cpu_in_max="500000 100000\n",
        a__cpu_in_max="600000 100000\n",
        a__b__cpu_in_max="90000 20000\n",
    )
    assert (memory_limit(), processor_count()) == (5000, 5)
    machine("0::/a\n", cpu_in_max="1 100000\n")
    assert processor_count() == 1
    machine("0::/other\n", memory_in_max="99999999999\n")
    assert memory_limit() == 16_384_000


def test_the_groups_of_version_1_have_a_place_for_each_controller(machine):
    machine(
        "5:cpu,cpuacct:/x\n4:memory:/x:y\n3:freezer:/x\n",
        **{
            "memory__x:y__memory_in_limit--in--bytes": "6000\n",
            "cpu,cpuacct__x__cpu_in_cfs--quota--us": "250000\n",
            "freezer__x__memory_in_limit--in--bytes": "1\n",
            "freezer__x__cpu_in_cfs--quota--us": "1\n",
            "memory__x:y__memory_in_max": "2\n",
        },
    )
    assert (memory_limit(), processor_count()) == (6000, 3)
    machine(**{"cpu,cpuacct__x__cpu_in_cfs--quota--us": "-1\n"})
    assert processor_count() == 16
