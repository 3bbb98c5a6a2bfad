"""Placing on real folders, and on folders that refuse what a test says they refuse."""

import errno
import os
import stat
from contextlib import suppress
from itertools import repeat

import pytest
from tests.disks import (
    ALL_DISKS,
    BYTES,
    SHA256,
    Refusing,
    content,
    everything_below,
    nfs_over_devices,
    place,
    placed,
    request,
    without_anything,
    without_links,
    written,
)

from smartsort.errors import RootUnavailable, StorageError, StorageFull
from smartsort.files.disk import Disk
from smartsort.files.placement import (
    Linking,
    Method,
    Placed,
    Placer,
    PlaceRequest,
    RemoveRequest,
)
from smartsort.files.problems import (
    FileChanged,
    FileProblem,
    FileUnreadable,
    FileVanished,
    NameLeft,
    NameTaken,
    NotAFile,
)
from smartsort.files.stamps import stamp


def test_a_photo_is_hard_linked_and_its_source_stays(photo, library):
    result = placed(request(photo, library / "shard/ab/abcdef", expected=stamp(photo), sha256=SHA256))
    assert result.method is Method.HARDLINK
    assert not result.already
    assert result.path == str(library / "shard/ab/abcdef/a.jpg")
    assert os.path.samefile(photo, result.path)
    assert result.stamp == stamp(photo) == result.source_stamp


@pytest.mark.parametrize(
    ("how", "disk", "method"),
    [
        (Linking.BYTES, Disk, Method.HARDLINK),
        (Linking.NO_COPY, Disk, Method.HARDLINK),
        (Linking.BYTES, without_links, Method.COPY),
        (Linking.NO_COPY, without_links, Method.SYMLINK),
        (Linking.NO_COPY, without_anything, Method.SYMLINK),
        (Linking.APART, without_links, Method.COPY),
    ],
)
def test_a_name_is_made_in_the_first_of_the_wanted_ways_that_the_disk_offers(
    how, disk, method, photo, library
):
    result = placed(request(photo, library, how=how), disk())
    assert result.method is method
    assert os.path.islink(result.path) is (method is Method.SYMLINK)
    assert content(result.path) == BYTES
    assert (result.stamp == stamp(photo)) is (method is not Method.COPY)
    assert everything_below(library) == ["a.jpg"]
    again = placed(request(photo, library, how=how, sha256=SHA256, adopt=True), disk())
    assert (again.path, again.already) == (result.path, True)


def test_what_is_written_to_a_name_that_is_apart_never_shows_under_the_other(photo, library):
    result = placed(request(photo, library, how=Linking.APART))
    assert result.method in (Method.REFLINK, Method.COPY)
    written(result.path, b"changed")
    assert content(photo) == BYTES


def test_a_source_that_cannot_be_read_is_named(photo, library, monkeypatch):
    def fails(_handle, _buffers):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "readv", fails)
    problem = place(request(photo, library), without_links())
    assert isinstance(problem, FileUnreadable)
    assert (problem.path, str(photo) in str(problem)) == (str(photo), True)
    assert everything_below(library) == []


def test_a_source_that_became_something_else_meanwhile_is_named(photo, library):
    class Swapped(type(without_links())):
        def open_source(self, path):
            os.close(super().open_source(path))
            return os.open("/dev/null", os.O_RDONLY)

    problem = place(request(photo, library), Swapped(link=errno.EPERM, clone=errno.EOPNOTSUPP))
    assert isinstance(problem, NotAFile)
    assert str(problem).startswith(f"{photo} is ")
    assert everything_below(library) == []


def test_a_copy_of_other_bytes_than_were_read_first_says_so(photo, library):
    problem = place(request(photo, library, sha256="0" * 64), without_links())
    assert str(problem) == f"{photo} has other bytes than when it was first read. It stays as it is"


def test_two_requests_of_one_batch_never_share_a_name(photo, library):
    twice = [request(photo, library, "a.jpg", "a_2.jpg") for _ in range(2)]
    assert [os.path.basename(result.path) for result in Placer().place(twice)] == ["a.jpg", "a_2.jpg"]


def test_a_file_where_a_folder_has_to_be_is_named(photo, tmp_path):
    written(tmp_path / "faces")
    problem = place(request(photo, tmp_path / "faces" / "anna"))
    assert str(problem).startswith(f"cannot use {tmp_path}/faces: ")


def test_a_folder_that_cannot_be_made_is_named(photo, tmp_path):
    class Full(Disk):
        def mkdir(self, path):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    problem = place(request(photo, tmp_path / "faces" / "anna"), Full())
    assert str(problem).startswith(f"cannot create {tmp_path}/faces: the file system is mounted read-only")


def test_a_folder_that_does_not_reach_the_disk_is_named(photo, library):
    library.mkdir()
    problem = place(request(photo, library), Refusing(fsync_path=errno.EIO))
    assert str(problem).startswith(f"cannot write {library}")


def test_a_symbolic_link_takes_the_next_free_name(photo, library):
    library.mkdir()
    written(library / "a.jpg", b"another")
    result = placed(request(photo, library, "a.jpg", "a_2.jpg", how=Linking.NO_COPY), without_links())
    assert (os.path.basename(result.path), result.method) == ("a_2.jpg", Method.SYMLINK)
    assert content(library / "a.jpg") == b"another"


@pytest.mark.parametrize("disk", ALL_DISKS)
def test_placing_is_exact_on_every_kind_of_disk(disk, photo, library):
    os.chmod(photo, 0o640)
    result = placed(request(photo, library, sha256=SHA256), disk())
    found = os.stat(result.path)
    assert content(result.path) == BYTES
    assert found.st_mtime_ns == 1_600_000_000_123_456_789
    assert stat.S_IMODE(found.st_mode) == 0o640
    assert everything_below(library) == ["a.jpg"]
    assert content(photo) == BYTES
    assert (result.method is Method.HARDLINK) == (disk is Disk)


def test_another_file_system_gets_a_verified_copy_with_its_times_and_attributes(photo, elsewhere):
    with suppress(OSError):
        os.setxattr(photo, "user.smartsort.test", b"kept")
    result = placed(request(photo, f"{elsewhere}/x/y", sha256=SHA256))
    assert result.method is Method.COPY
    assert content(result.path) == BYTES
    assert os.stat(result.path).st_mtime_ns == 1_600_000_000_123_456_789
    assert os.listdir(f"{elsewhere}/x/y") == ["a.jpg"]
    if "user.smartsort.test" in os.listxattr(photo):
        try:
            os.setxattr(f"{elsewhere}/x/y", "user.probe", b"")
        except OSError:
            pytest.skip("the other file system has no user attributes")
        assert os.getxattr(result.path, "user.smartsort.test") == b"kept"


@pytest.mark.parametrize("disk", ALL_DISKS)
def test_a_taken_name_is_never_overwritten(disk, photo, library):
    library.mkdir()
    other = written(library / "a.jpg", b"another photo")
    (library / "a_2.jpg").symlink_to(library / "nowhere")
    (library / "a_3.jpg").mkdir()
    result = placed(request(photo, library, "a.jpg", "a_2.jpg", "a_3.jpg", "a_4.jpg"), disk())
    assert result.path.endswith("/a_4.jpg")
    assert content(other) == b"another photo"
    assert content(result.path) == BYTES
    assert os.path.islink(library / "a_2.jpg")
    assert everything_below(library) == ["a.jpg", "a_2.jpg", "a_4.jpg"]


@pytest.mark.parametrize("disk", ALL_DISKS)
def test_a_name_that_differs_in_case_or_normal_form_only_is_taken_where_the_disk_says_so(
    disk, photo, library
):
    """What a case-insensitive folder does is to answer EEXIST for a name that is not in its listing."""
    disk = disk()

    def exists_in_another_spelling(target):
        if os.path.basename(target).lower() in ("img.jpg", "café.jpg"):
            raise FileExistsError(errno.EEXIST, "taken in another spelling", target)

    for operation in ("link", "rename_exclusive"):
        real = getattr(disk, operation)
        setattr(
            disk,
            operation,
            lambda source, target, real=real: (exists_in_another_spelling(target), real(source, target)),
        )
    real_create = disk.create
    disk.create = lambda path: (exists_in_another_spelling(path), real_create(path))[1]
    result = placed(request(photo, library, "IMG.JPG", "Café.jpg", "IMG_2.JPG"), disk)
    assert os.listdir(library) == ["IMG_2.JPG"]
    assert content(result.path) == BYTES


def test_names_that_are_no_utf8_work(inbox, library):
    name = os.fsdecode(b"caf\xe9 \xff.jpg")
    source = written(f"{inbox}/{name}")
    for disk in ALL_DISKS:
        result = placed(request(source, library / disk.__name__, name), disk())
        assert os.fsencode(result.path).endswith(b"caf\xe9 \xff.jpg")
        assert content(result.path) == BYTES


@pytest.mark.parametrize("disk", ALL_DISKS)
def test_a_name_that_is_too_long_is_shortened_and_keeps_its_extension(disk, photo, library):
    result = placed(request(photo, library, "ü" * 300 + ".jpg"), disk())
    name = os.path.basename(result.path)
    assert name.endswith(".jpg")
    assert len(name.encode()) <= 255
    again = placed(request(written(library / "b"), library, "ü" * 300 + ".jpg", "ü" * 300 + "_2.jpg"), disk())
    assert again.path != result.path


def test_a_file_system_with_shorter_names_gets_shorter_ones(photo, library):
    class Short(Disk):
        def link(self, source, target):
            if len(os.fsencode(os.path.basename(target))) > 143:
                raise OSError(errno.ENAMETOOLONG, "too long")
            super().link(source, target)

    result = placed(request(photo, library, "x" * 200 + ".jpg"), Short())
    assert len(os.path.basename(result.path)) == 143


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b", "\ud800"])
def test_a_name_that_is_none_is_refused(name, photo, library):
    assert isinstance(place(request(photo, library, name)), FileProblem)
    assert everything_below(library) == []


def test_no_free_name_is_an_error_and_not_a_loop(photo, library):
    library.mkdir()
    written(library / "a.jpg", b"another")
    result = place(PlaceRequest(photo, str(library), repeat("a.jpg")))
    assert isinstance(result, NameTaken)
    assert "no free name" in str(result)


def test_placing_again_finds_its_own_hard_link(photo, library):
    first = placed(request(photo, library))
    second = placed(request(photo, library, "a.jpg", "a_2.jpg"))
    assert second.already
    assert second.path == first.path
    assert everything_below(library) == ["a.jpg"]


@pytest.mark.parametrize("disk", [without_links, without_anything, nfs_over_devices])
def test_a_copy_is_taken_for_ours_only_in_recovery(disk, photo, library):
    first = placed(request(photo, library), disk())
    recovered = placed(request(photo, library, "a.jpg", "a_2.jpg", sha256=SHA256, adopt=True), disk())
    assert recovered.already
    assert recovered.path == first.path
    twin = placed(request(photo, library, "a.jpg", "a_2.jpg", sha256=SHA256), disk())
    assert not twin.already
    assert twin.path.endswith("a_2.jpg")


def test_other_bytes_are_never_adopted(photo, library):
    library.mkdir()
    written(library / "a.jpg", bytes(len(BYTES)))
    result = placed(request(photo, library, "a.jpg", "a_2.jpg", sha256=SHA256, adopt=True), without_links())
    assert result.path.endswith("a_2.jpg")


def test_an_empty_reservation_of_a_crash_is_filled_only_where_names_are_reserved(photo, library):
    library.mkdir()
    written(library / "a.jpg", b"")
    adopt = {"sha256": SHA256, "adopt": True}
    for disk in (Disk, without_links, nfs_over_devices):
        assert placed(
            request(photo, library, "a.jpg", f"{disk.__name__}.jpg", **adopt), disk()
        ).path.endswith(f"{disk.__name__}.jpg")
    result = placed(request(photo, library, "a.jpg", "b.jpg", **adopt), without_anything())
    assert result.path.endswith("/a.jpg")
    assert content(result.path) == BYTES
    assert not [name for name in os.listdir(library) if name.startswith(".smartsort")]


def test_a_reservation_somebody_writes_into_is_theirs(photo, library):
    class Intruder(Refusing):
        def create(self, path):
            handle = super().create(path)
            if path.endswith("/a.jpg"):
                written(path, b"theirs")
            return handle

    disk = Intruder(link=errno.EPERM, clone=errno.ENOTTY, rename_exclusive=errno.EINVAL)
    result = placed(request(photo, library, "a.jpg", "b.jpg"), disk)
    assert content(library / "a.jpg") == b"theirs"
    assert content(result.path) == BYTES
    assert result.path.endswith("/b.jpg")


@pytest.mark.parametrize("number", [errno.EMLINK, errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_where_no_link_is_to_be_had_a_copy_is(number, photo, library):
    result = placed(request(photo, library), Refusing(link=number))
    assert result.method in (Method.COPY, Method.REFLINK)
    assert content(result.path) == BYTES


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("operation", ["link", "write", "fsync_path"])
def test_a_full_disk_says_so_leaves_nothing_half_done_and_touches_no_source(
    number, operation, photo, library
):
    refused = {operation: number}
    if operation == "write":
        refused |= {"link": errno.EXDEV, "clone": errno.EXDEV}
    before = stamp(photo)
    result = place(request(photo, library), Refusing(**refused))
    assert isinstance(result, StorageFull)
    assert stamp(photo) == before
    assert content(photo) == BYTES
    assert everything_below(library) == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EIO, errno.ESTALE])
def test_other_errors_name_the_folder_and_what_to_do(number, photo, library):
    result = place(request(photo, library), Refusing(link=number))
    assert isinstance(result, StorageError)
    assert not isinstance(result, StorageFull)
    assert str(library) in str(result)
    assert ". " in str(result)
    assert content(photo) == BYTES


def test_one_bad_file_does_not_stop_the_batch(inbox, library):
    good, other = written(inbox / "good.jpg"), written(inbox / "other.jpg", b"other")
    os.symlink(good, inbox / "link.jpg")
    os.mkfifo(inbox / "pipe.jpg")
    results = Placer().place(
        [
            request(good, library, "1.jpg"),
            request(inbox / "gone.jpg", library, "2.jpg"),
            request(inbox / "link.jpg", library, "3.jpg"),
            request(inbox / "pipe.jpg", library, "4.jpg"),
            request(inbox, library, "5.jpg"),
            request(other, library, "6.jpg"),
        ]
    )
    assert [type(each) for each in results] == [Placed, FileVanished, NotAFile, NotAFile, NotAFile, Placed]
    assert everything_below(library) == ["1.jpg", "6.jpg"]


@pytest.mark.parametrize("disk", ALL_DISKS)
def test_a_file_that_is_not_the_expected_one_is_not_placed(disk, photo, library):
    expected = stamp(photo)
    written(photo, BYTES, mtime_ns=5)
    assert isinstance(place(request(photo, library, expected=expected), disk()), FileChanged)
    assert everything_below(library) == []


@pytest.mark.parametrize("disk", ALL_DISKS)
def test_a_file_that_is_replaced_at_the_last_moment_is_not_taken_for_the_old_one(disk, photo, inbox, library):
    class Replaced(type(disk())):
        done = False

        def _swap(self):
            if not self.done:
                self.done = True
                os.replace(written(inbox / "new", b"new bytes"), photo)

        def link(self, source, target):
            if source == photo:
                self._swap()
            super().link(source, target)

    sly = Replaced(**getattr(disk(), "refused", {}))
    result = place(request(photo, library, expected=stamp(photo)), sly)
    assert isinstance(result, FileChanged)
    assert content(photo) == b"new bytes"
    assert everything_below(library) == []


def test_a_file_that_is_written_to_while_it_is_copied_is_not_placed(photo, library):
    class Growing(Refusing):
        def write(self, handle, data):
            super().write(handle, data)
            with open(photo, "ab") as file:
                file.write(b"more")

    result = place(request(photo, library), Growing(link=errno.EXDEV, clone=errno.EXDEV))
    assert isinstance(result, FileChanged)
    assert everything_below(library) == []


def test_other_bytes_than_the_digest_says_are_not_placed(photo, library):
    result = place(request(photo, library, sha256="0" * 64), without_links())
    assert isinstance(result, FileChanged)
    assert everything_below(library) == []


def test_a_copy_that_does_not_read_back_is_not_placed(photo, library):
    class Lying(Refusing):
        def write(self, handle, data):
            super().write(handle, memoryview(bytes(len(data))))

    result = place(request(photo, library, sha256=SHA256), Lying(link=errno.EXDEV, clone=errno.EXDEV))
    assert isinstance(result, StorageError)
    assert "did not read back" in str(result)
    assert everything_below(library) == []
    assert content(photo) == BYTES


def test_a_folder_that_somebody_tidied_away_is_made_again(inbox, library):
    class Tidy(Disk):
        done = False

        def link(self, source, target):
            if not self.done and ".probe/" not in target:
                self.done = True
                os.rmdir(os.path.dirname(target))
            super().link(source, target)

    result = placed(request(written(inbox / "a.jpg"), library / "x"), Tidy())
    assert content(result.path) == BYTES


def test_a_file_in_the_way_of_a_folder_is_an_error(photo, library):
    library.mkdir()
    written(library / "faces")
    assert isinstance(place(request(photo, library / "faces/john")), StorageError)


# Waiting for the disk.


def test_each_folder_is_waited_for_once(inbox, library):
    waited = []

    class Counting(Disk):
        def fsync_path(self, path, *, folder):
            if folder:
                waited.append(path)
            super().fsync_path(path, folder=folder)

        def sync_file_system(self, path):
            waited.append("all")
            super().sync_file_system(path)

    sources = [written(inbox / f"{n}.jpg") for n in range(20)]
    Placer(Counting()).place([request(sources[0], library, "x.jpg")])
    assert sorted(waited) == sorted([str(library.parent), str(library)])
    waited.clear()
    Placer(Counting()).place([request(source, library, os.path.basename(source)) for source in sources])
    assert waited == ["all"] or sorted(waited) == [str(library)]


@pytest.mark.parametrize("number", [1, 20])
def test_what_did_not_reach_the_disk_is_not_called_placed(number, inbox, library):
    disk = Refusing(fsync_path=errno.EIO, sync_file_system=errno.EIO)
    sources = [written(inbox / f"{n}.jpg") for n in range(number)]
    results = Placer(disk).place([request(source, library, os.path.basename(source)) for source in sources])
    assert all(isinstance(result, StorageError) for result in results)
    # A name that may not survive a power cut does not stay.
    assert everything_below(library) == []
    again = Placer().place([request(source, library, os.path.basename(source)) for source in sources])
    assert all(isinstance(result, Placed) for result in again)


class FileFails(Disk):
    """Cannot write a file's bytes through, and a folder only so many times."""

    folders = 1 << 30

    def fsync_path(self, path, *, folder):
        self.folders -= folder
        if not folder or self.folders < 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        super().fsync_path(path, folder=folder)


def test_a_name_that_reached_the_disk_is_taken_away_for_good(photo, library):
    """Its folder was written through, so a power cut would bring it back."""
    disk = FileFails()
    placer = Placer(disk)
    placer.place([request(photo, library)])  # it has got to know the folder
    disk.folders = enough = 10
    [result] = placer.place([request(photo, library)])
    assert isinstance(result, StorageError)
    assert not isinstance(result, NameLeft)
    disk.folders = enough - disk.folders - 1
    [result] = placer.place([request(photo, library)])
    assert isinstance(result, NameLeft)
    assert everything_below(library) == []


def test_a_copy_is_on_the_disk_before_it_has_its_name(photo, library):
    steps = []
    Placer(
        type("Traced", (Refusing,), {})(link=errno.EXDEV, clone=errno.EXDEV)
    )  # a fresh class keeps the checkpoint of this test its own
    disk = Refusing(link=errno.EXDEV, clone=errno.EXDEV)
    disk.checkpoint = steps.append
    placed(request(photo, library), disk)
    order = [
        step for step in steps if step in ("fsync done", "read back", "rename exclusive", "fsync folder done")
    ]
    assert order[:3] == ["fsync done", "read back", "rename exclusive"]
    assert order[3:]


# The guard.


def test_nothing_is_created_while_the_root_is_missing(photo, library):
    def missing():
        raise RootUnavailable("the root is not mounted")

    with pytest.raises(RootUnavailable):
        Placer(guard=missing).place([request(photo, library)])
    assert not library.exists()
    copy = placed(request(photo, library))
    with pytest.raises(RootUnavailable):
        Placer(guard=missing).remove([RemoveRequest(photo, copy.path)])
    assert os.path.exists(photo)


def test_a_root_that_vanishes_during_the_batch_is_noticed(photo, library):
    answers = iter((None, RootUnavailable("unmounted")))

    def guard():
        answer = next(answers)
        if answer:
            raise answer

    with pytest.raises(RootUnavailable):
        Placer(guard=guard).place([request(photo, library)])


def test_a_file_in_a_new_folder_is_not_placed_before_the_folder_is_on_the_disk(tmp_path):
    class Failing(Disk):
        waited = ()

        def fsync_path(self, path, *, folder):
            if path == os.fspath(tmp_path) and path not in self.waited:
                self.waited = (path,)
                raise OSError(errno.EIO, os.strerror(errno.EIO), path)
            super().fsync_path(path, folder=folder)
            self.waited = (*self.waited, path)

    disk, folder = Failing(), tmp_path / "2024-05"
    source = written(tmp_path / "a.jpg")
    assert isinstance(place(request(source, folder), disk), StorageError)
    assert not folder.exists()
    disk.waited = (os.fspath(tmp_path),)
    placed(request(source, folder), disk)
    assert disk.waited.count(os.fspath(tmp_path)) == 2  # the folder above was waited for once more
