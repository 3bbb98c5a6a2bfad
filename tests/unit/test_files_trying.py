"""What is found out about file systems by trying, what files are, and what errors say."""

from __future__ import annotations

import errno
import functools
import os
import pickle
import re
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import pytest

from smartsort.errors import StorageError, StorageFull
from smartsort.files import durable, filesystem, stamps, temporary
from smartsort.files.capabilities import Capabilities, capabilities_of
from smartsort.files.disk import Disk
from smartsort.files.filesystem import FileSystem
from smartsort.files.names import NameRules
from smartsort.files.problems import (
    FileChanged,
    FileUnreadable,
    FileVanished,
    NotAFile,
    storage_error,
    unreadable,
)
from smartsort.files.requests import Method
from smartsort.files.stamps import FileStamp

# What errors say.


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (
            errno.EACCES,
            "permission denied. Give smartsort's user read and write access to it (smartsort runs as",
        ),
        (
            errno.EPERM,
            "not permitted. Give smartsort's user the file, or write access to the folder (smartsort",
        ),
        (errno.EROFS, "the file system is mounted read-only. Mount it read-write for smartsort"),
        (errno.ENOENT, "the folder is gone. Is it mounted?"),
        (errno.EXDEV, "Invalid cross-device link. Look at the disk and the system log"),
    ],
)
def test_an_error_of_the_disk_says_what_to_do(number, remedy):
    said = storage_error(OSError(number, os.strerror(number)), "write into", "/a\nb")
    assert str(said).startswith(f"cannot write into /a\\nb: {remedy}")
    if "(" in remedy:
        who = f"(smartsort runs as user {os.geteuid()}, group {os.getegid()})"
        assert str(said).endswith(who)
    assert type(said) is StorageError


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_goes_on_by_itself(number):
    said = storage_error(OSError(number, "x"), "write", "/a")
    assert isinstance(said, StorageFull)
    assert str(said) == (
        "cannot write /a: no space, inodes or quota left. Free some and it goes on by itself"
    )


def test_an_error_without_a_number_says_itself():
    assert str(storage_error(OSError("odd"), "read", "/a")) == (
        "cannot read /a: odd. Look at the disk and the system log"
    )


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EIO, errno.EINVAL, errno.EUCLEAN])
def test_an_error_of_one_file_is_its_own(number):
    found = unreadable(OSError(number, "x"), "/a/b.jpg")
    assert isinstance(found, FileUnreadable)
    assert (found.path, str(found)) == (
        "/a/b.jpg",
        str(storage_error(OSError(number, "x"), "read", "/a/b.jpg")),
    )
    again = pickle.loads(pickle.dumps(found))
    assert (type(again), again.path, str(again)) == (FileUnreadable, found.path, str(found))
    assert type(unreadable(OSError(errno.ESTALE, "x"), "/a/b.jpg")) is StorageError


def test_a_file_is_known_by_its_stamp(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    status = path.stat()
    own = stamps.stamp(str(path))
    assert (
        own
        == FileStamp(status.st_dev, status.st_ino, 3, status.st_mtime_ns)
        == stamps.stamp_or_none(str(path))
    )
    assert own.same_file(own._replace(size=9, mtime_ns=9))
    assert not own.same_file(own._replace(inode=9))
    assert not own.same_file(own._replace(device=9))
    assert own.same_content(own._replace(inode=9, device=9))
    assert not own.same_content(own._replace(size=9))
    assert not own.same_content(own._replace(mtime_ns=9))
    stamps.check_unchanged("/a", own, None)
    stamps.check_unchanged("/a", own, own)
    with pytest.raises(FileChanged) as caught:
        stamps.check_unchanged("/a\n", own, own._replace(size=9))
    assert str(caught.value) == "/a\\n has changed since it was looked at. It is looked at again"
    assert caught.value.path == "/a\n"


def test_what_is_no_file_says_what_it_is(tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"")
    for path, words in (
        (tmp_path, "a folder"),
        (tmp_path / "link", "a symbolic link"),
        (tmp_path / "pipe", "a named pipe"),
        (Path("/dev/null"), "a character device"),
    ):
        with pytest.raises(NotAFile) as caught:
            stamps.stamp(str(path))
        assert (str(caught.value), caught.value.path) == (f"{path} is {words}, not a file", str(path))
        with pytest.raises(NotAFile) as caught, stamps.opened(str(path)):
            pass
        assert (str(caught.value), caught.value.path) == (f"{path} is {words}, not a file", str(path))
        assert stamps.stamp_or_none(str(path)) is None
    for path in (tmp_path / "missing", tmp_path / "file" / "below"):
        with pytest.raises(FileVanished) as caught:
            stamps.stamp(str(path))
        assert (str(caught.value), caught.value.path) == (f"{path} is gone", str(path))
    with pytest.raises(FileVanished) as caught, stamps.opened(str(tmp_path / "missing")):
        pass
    assert (str(caught.value), caught.value.path) == (f"{tmp_path}/missing is gone", f"{tmp_path}/missing")
    assert stamps.kind_of_entry(0o100644) == "a file"
    assert stamps.kind_of_entry(0o140000) == "a socket"
    assert stamps.kind_of_entry(0o060000) == "a block device"
    assert stamps.kind_of_entry(0) == "something unknown"


def test_an_open_file_is_closed_and_its_errors_are_its_own(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    seen = []

    def fails(handle, found):
        seen.append((handle, found, os.read(handle, 9)))
        raise OSError(errno.EIO, "x")

    with pytest.raises(FileUnreadable), stamps.opened(str(path)) as opened:
        fails(*opened)
    [(handle, found, data)] = seen
    assert (found, data) == (stamps.stamp(str(path)), b"abc")
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(handle)


# File systems.


@pytest.mark.parametrize(
    ("magic", "found"),
    [
        (0xEF53, FileSystem("ext4", True, True)),
        (0x6969, FileSystem("nfs", False, False)),
        (0x4D44, FileSystem("vfat", True, False)),
        (0x1234, FileSystem("0x1234", True, False)),
        (0xFE534D42 - (1 << 32), FileSystem("smb2", False, False)),
    ],
)
def test_a_file_system_is_known_by_its_number(magic, found, monkeypatch):
    asked = []

    def statfs(path, buffer):
        asked.append(path)
        buffer[0] = magic
        return 0

    monkeypatch.setattr(filesystem, "_libc", lambda: SimpleNamespace(statfs=statfs))
    assert filesystem.file_system("/a\udcff") == found
    assert asked == [b"/a\xff"]


def test_a_path_without_a_file_system_says_which():
    with pytest.raises(FileNotFoundError) as caught:
        filesystem.file_system("/nowhere/at/all")
    assert (caught.value.filename, caught.value.strerror) == ("/nowhere/at/all", "No such file or directory")


def test_mounts_inside_a_folder_may_be_unheard(tmp_path, monkeypatch):
    table = tmp_path / "mountinfo"
    table.write_bytes(
        b"1 2 0:1 / /data rw\n1 2 0:1 / /data/in\\040box rw - x\n1 2 0:1 / /database rw\nshort\n"
        b"1 2 0:1 /\n1 2 0:1 / /data/b\\134c rw\n"
    )
    assert filesystem.mounts_below("/data", str(table)) == ["/data/in box", "/data/b\\c"]
    assert filesystem.mounts_below("/data/", str(table)) == ["/data/in box", "/data/b\\c"]
    assert filesystem.mounts_below("/", str(table))[0] == "/data"
    assert filesystem.mounts_below("/data", str(tmp_path / "missing")) == []
    monkeypatch.setattr(filesystem, "mounts_below", lambda _: ["/data/a", "/data/b\n"])

    def found(place):
        if place == "/data/a":
            raise OSError
        return FileSystem("nfs", place == "/data", False)

    monkeypatch.setattr(filesystem, "file_system", found)
    said = "/data/b\\n is on a file system (nfs) that others change unheard"
    assert filesystem.why_unheard("/data") == said
    monkeypatch.setattr(filesystem, "mounts_below", lambda _: ["/data/a"])
    assert filesystem.why_unheard("/data") is None


# Temporary files, and folders that are tried out.


def test_a_temporary_name_is_its_writer_s_own_and_is_swept(tmp_path):
    folder = str(tmp_path)
    names = {temporary.temporary_in(folder) for _ in range(50)}
    assert len(names) == 50
    assert all(re.fullmatch(rf"{folder}/\.smartsort-[0-9a-f]{{16}}\.part", name) for name in names)
    part, probe = temporary.temporary_in(folder), temporary.temporary_in(folder, "probe")
    Path(part).write_bytes(b"")
    os.mkdir(probe)
    (Path(probe) / "a").write_bytes(b"")
    kept = [".smartsort-1.part", ".smartsort-root", "a.part", f"{os.path.basename(part)}x"]
    for name in kept:
        (tmp_path / name).write_bytes(b"")
    os.mkdir(tmp_path / ".smartsort-0123456789abcdef.part")
    assert temporary.sweep_temporaries(folder) == [part]
    assert sorted(os.listdir(folder)) == sorted([*kept, ".smartsort-0123456789abcdef.part"])
    assert temporary.sweep_temporaries(f"{folder}/missing") == []
    with pytest.raises(StorageError, match=f"cannot tidy up {folder}/a.part"):
        temporary.sweep_temporaries(f"{folder}/a.part")


class Failing(Disk):
    """A disk on which one call fails with a number."""

    def __init__(self, call, number):
        super().__init__()
        self.calls = []
        for name in ("link", "clone", "create", "open_source", "unlink", "rmdir", "mkdir", "rename_over"):
            setattr(
                self,
                name,
                functools.partial(self._do, name, getattr(self, name), number if name == call else 0),
            )

    def _do(self, name, real, number, *told):
        self.calls.append(name)
        if number:
            raise OSError(number, os.strerror(number))
        return real(*told)


@pytest.mark.parametrize(
    ("call", "number", "said"),
    [
        ("link", errno.EIO, "cannot write into {to}: the disk reports"),
        ("create", errno.EACCES, "cannot write into {source}: permission denied"),
    ],
)
def test_a_folder_that_cannot_be_tried_out_is_named(call, number, said, tmp_path):
    source, to = (str(tmp_path / name) for name in ("one", "two"))
    os.mkdir(source)
    os.mkdir(to)
    with pytest.raises(StorageError) as caught:
        temporary.methods_between(source, to, Failing(call, number))
    assert str(caught.value).startswith(said.format(source=source, to=to))
    assert os.listdir(source) == os.listdir(to) == []


@pytest.mark.parametrize("number", sorted(temporary.NO_LINK))
def test_how_a_file_comes_into_a_folder_is_tried_once(number, tmp_path):
    source, to = (str(tmp_path / name) for name in ("one", "two"))
    os.mkdir(source)
    os.mkdir(to)
    Path(source, "a").write_bytes(b"abc")
    assert temporary.methods_between(source, to) is temporary.method_for(f"{source}/a", to) is Method.HARDLINK
    found = temporary.methods_between(source, to, Failing("link", number))
    assert found in (Method.COPY, Method.REFLINK)
    assert temporary.method_for(f"{source}/a", to, Failing("link", number)) is found
    both = Failing("link", number)
    both.clone = lambda *_: None
    assert temporary.method_for(f"{source}/a", to, both) is Method.REFLINK
    assert (os.listdir(source), os.listdir(to)) == (["a"], [])
    before = len(os.listdir("/proc/self/fd"))
    failing = Failing("open_source", errno.EIO)
    failing.link = Failing("link", number).link
    with pytest.raises(StorageError, match=f"cannot read {source}/a"):
        temporary.method_for(f"{source}/a", to, failing)
    assert len(os.listdir("/proc/self/fd")) == before
    assert (os.listdir(source), os.listdir(to)) == (["a"], [])


def test_what_cannot_be_removed_is_remembered(tmp_path):
    made = Failing("unlink", errno.EACCES)
    path = str(tmp_path / "a")
    Path(path).write_bytes(b"")
    temporary._remove(path, made)
    assert made.strays == {path}
    temporary._remove(path, Disk())
    temporary._remove(path, Disk())
    assert not os.path.exists(path)
    stuck = Failing("rmdir", errno.EACCES)
    temporary.clear_playground(str(tmp_path), stuck)
    assert stuck.strays == {str(tmp_path)}
    stuck = Disk()
    stuck.strays = {str(tmp_path), "other"}
    temporary.clear_playground(str(tmp_path), stuck)
    assert (stuck.strays, tmp_path.exists()) == ({"other"}, False)
    stuck.strays.add(str(tmp_path))
    temporary.clear_playground(str(tmp_path), stuck)
    assert stuck.strays == {"other"}
    tmp_path.mkdir()


class Odd(Disk):
    """A file system that refuses names, or takes others for them."""

    def __init__(self, refuses=lambda _: False, becomes=lambda name: name):
        super().__init__()
        self._refuses, self._becomes = refuses, becomes

    def create(self, path):
        folder, name = os.path.split(path)
        if self._refuses(name):
            raise OSError(errno.EINVAL, "no")
        return super().create(os.path.join(folder, self._becomes(name)))


@pytest.mark.parametrize(
    ("disk", "rules"),
    [
        (Odd(), NameRules()),
        (Odd(lambda name: ":" in name or "\x01" in name), NameRules(refused=frozenset(":\x01"))),
        (Odd(becomes=lambda name: name.replace("?", "_")), NameRules(refused=frozenset("?"))),
        (Odd(becomes=lambda name: name.rstrip(". ")), NameRules(ends=frozenset(". "))),
        (Odd(lambda name: name == "nul.a"), NameRules(reserved=True)),
        (Odd(lambda name: name == "con"), NameRules(reserved=True)),
        (Odd(lambda name: "\udcff" in name), NameRules(any_bytes=False)),
        (Odd(lambda name: "\U0001f600" in name), NameRules(emoji=False)),
        (Odd(becomes=lambda name: unicodedata.normalize("NFD", name)), NameRules(form="NFD")),
        (Odd(becomes=lambda name: unicodedata.normalize("NFC", name)), NameRules(form="NFC")),
        (Odd(lambda name: len(os.fsencode(name)) > 200), NameRules(longest=200)),
        (Odd(lambda name: len(os.fsencode(name)) > 199), NameRules(longest=143)),
        (Odd(lambda name: len(os.fsencode(name)) > 142), NameRules(longest=96)),
        (Odd(lambda name: len(os.fsencode(name)) > 95), NameRules(longest=48)),
    ],
)
def test_what_names_a_file_system_takes_is_found_by_trying(disk, rules, tmp_path):
    assert capabilities_of(str(tmp_path), disk) == Capabilities(rules)
    assert os.listdir(tmp_path) == []


class Numbered(Disk):
    """A file system whose numbers a test makes up, by the last part of a name."""

    def __init__(self, links=True, **numbers):
        super().__init__()
        self._links, self._numbers = links, numbers

    def lstat(self, path):
        found = super().lstat(path)
        number, count = self._numbers.get(os.path.basename(path), (found.st_ino, found.st_nlink))
        return os.stat_result((found[0], number, found[2], count, *found[4:10]), {"st_mtime_ns": 1})

    def link(self, source, target):
        if not self._links:
            raise OSError(errno.EPERM, "no")
        super().link(source, target)


@pytest.mark.parametrize(
    ("disk", "numbers"),
    [
        (Numbered(), True),
        (Numbered(links=False), True),
        (Numbered(one=(1, 2), other=(1, 2), moved=(1, 1), another=(9, 1)), True),
        (Numbered(one=(1, 2), other=(2, 2), moved=(2, 1), another=(9, 1)), False),
        (Numbered(one=(1, 2), other=(1, 1), moved=(1, 1), another=(9, 1)), False),
        (Numbered(one=(1, 2), other=(1, 2), moved=(3, 1), another=(9, 1)), False),
        (Numbered(one=(1, 2), other=(1, 2), moved=(1, 1), another=(1, 1)), False),
        (Numbered(links=False, one=(1, 1), other=(1, 1), moved=(1, 1), another=(9, 1)), False),
        (Numbered(links=False, one=(1, 1), other=(2, 1), moved=(2, 1), another=(9, 1)), True),
    ],
)
def test_whether_numbers_tell_files_apart_is_found_by_trying(disk, numbers, tmp_path):
    assert capabilities_of(str(tmp_path), disk).numbers is numbers


def test_a_folder_in_which_nothing_can_be_tried_is_named(tmp_path):
    for call in ("mkdir", "create", "link"):
        with pytest.raises(StorageError, match=f"cannot write into {tmp_path}: "):
            capabilities_of(str(tmp_path), Failing(call, errno.EIO))
    assert os.listdir(tmp_path) == []


def test_each_of_two_disks_is_waited_for(monkeypatch):
    """One syncfs waits for one file system: a folder on the other would not survive a power cut."""
    waited = []
    made = SimpleNamespace(
        sync_file_system=waited.append, fsync_path=lambda path, folder: waited.append(path)
    )
    monkeypatch.setattr(durable, "file_system", lambda _: FileSystem("ext4", True, True))
    pending = durable.Pending(made)
    many = durable._SYNC_AS_A_WHOLE + 1
    pending.folders = {f"/{device}/{number}": device for device in (1, 2) for number in range(many)}
    assert pending.wait().errors == {}
    assert waited == ["/1/0", "/2/0"]


def test_a_file_that_went_away_is_no_problem_of_the_folder(tmp_path):
    source = tmp_path / "a.jpg"
    with pytest.raises(FileVanished, match=r"a\.jpg is gone"):
        temporary.method_for(str(source), str(tmp_path))

    class TakenAway(Disk):
        def link(self, source, target):
            os.unlink(source)
            super().link(source, target)

    source.write_bytes(b"a")
    with pytest.raises(FileVanished, match=r"a\.jpg is gone"):
        temporary.method_for(str(source), str(tmp_path), TakenAway())
    source.write_bytes(b"a")
    with pytest.raises(StorageError, match="cannot write into"):
        temporary.method_for(str(source), str(tmp_path / "gone"))
