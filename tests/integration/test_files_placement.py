"""Placing and dropping on real folders, and on folders that refuse what a test says they refuse."""

import errno
import hashlib
import os
import stat
from contextlib import suppress
from itertools import count, repeat

import pytest

from smartsort.errors import RootUnavailable, StorageError, StorageFull
from smartsort.files.disk import Disk
from smartsort.files.placement import (
    Drop,
    Dropped,
    Method,
    Placed,
    Placer,
    Placing,
    methods_between,
    sweep_temporaries,
)
from smartsort.files.problems import FileChanged, FileProblem, FileVanished, NotAFile
from smartsort.files.stamps import stamp

BYTES = b"the bytes of a photo" * 1000
SHA256 = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture
def inbox(tmp_path):
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def library(tmp_path):
    return tmp_path / "library"


@pytest.fixture
def elsewhere(tmp_path):
    """A folder on another file system."""
    place = f"/dev/shm/smartsort-test-{os.getpid()}"
    if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat(tmp_path).st_dev:
        pytest.skip("no second file system here")
    os.makedirs(place)
    yield place
    for folder, _, files in os.walk(place, topdown=False):
        for name in files:
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)


@pytest.fixture
def photo(inbox):
    return written(inbox / "a.jpg")


def written(path, data=BYTES, mtime_ns=1_600_000_000_123_456_789):
    path = os.fspath(path)
    with open(path, "wb") as file:
        file.write(data)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


def content(path):
    with open(path, "rb") as file:
        return file.read()


def everything_below(folder):
    return sorted(
        os.path.relpath(os.path.join(at, name), folder) for at, _, files in os.walk(folder) for name in files
    )


def place(wish, disk=None):
    (result,) = Placer(disk).place([wish])
    return result


def placed(wish, disk=None):
    result = place(wish, disk)
    assert isinstance(result, Placed), result
    return result


def wish(source, folder, *names, **more):
    return Placing(os.fspath(source), os.fspath(folder), names or ("a.jpg",), **more)


# Disks that refuse.


class Refusing(Disk):
    """Refuses single operations, as file systems do that do not know them."""

    def __init__(self, **refused):
        super().__init__()
        self.refused = refused

    def _check(self, operation, target=None):
        # The kernel finds a name taken before it asks the file system.
        if target is not None and os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "taken", target)
        if operation in self.refused:
            raise OSError(self.refused[operation], os.strerror(self.refused[operation]), target)

    def link(self, source, target):
        self._check("link", target)
        super().link(source, target)

    def clone(self, source, target):
        self._check("clone")
        super().clone(source, target)

    def rename_exclusive(self, source, target):
        self._check("rename_exclusive", target)
        super().rename_exclusive(source, target)

    def unlink(self, path):
        self._check("unlink")
        super().unlink(path)

    def write(self, handle, data):
        self._check("write")
        super().write(handle, data)

    def fsync_path(self, path, *, folder):
        self._check("fsync_path")
        super().fsync_path(path, folder=folder)

    def sync_file_system(self, path):
        self._check("sync_file_system")
        super().sync_file_system(path)


def without_links():
    return Refusing(link=errno.EPERM, clone=errno.EOPNOTSUPP)


def without_anything():
    """No links, no reflinks, no exclusive rename: FUSE and CIFS at their poorest."""
    return Refusing(link=errno.EOPNOTSUPP, clone=errno.ENOTTY, rename_exclusive=errno.EINVAL)


def nfs_over_devices():
    """Links work in one folder but not from the source: an NFS mount beside a local one."""

    class Nfs(Refusing):
        def link(self, source, target):
            self._check("", target)
            if os.path.dirname(source) != os.path.dirname(target):
                raise OSError(errno.EXDEV, "another device")
            Disk.link(self, source, target)

    return Nfs(clone=errno.EXDEV, rename_exclusive=errno.EINVAL)


ALL_DISKS = [Disk, without_links, without_anything, nfs_over_devices]


# Placing.


def test_a_photo_is_hard_linked_and_its_source_stays(photo, library):
    result = placed(wish(photo, library / "shard/ab/abcdef", expected=stamp(photo), sha256=SHA256))
    assert result.method is Method.HARDLINK
    assert not result.already
    assert result.path == str(library / "shard/ab/abcdef/a.jpg")
    assert os.path.samefile(photo, result.path)
    assert result.stamp == stamp(photo) == result.source_stamp


@pytest.mark.parametrize("disk", ALL_DISKS)
def test_placing_is_exact_on_every_kind_of_disk(disk, photo, library):
    os.chmod(photo, 0o640)
    result = placed(wish(photo, library, sha256=SHA256), disk())
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
    result = placed(wish(photo, f"{elsewhere}/x/y", sha256=SHA256))
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
    result = placed(wish(photo, library, "a.jpg", "a_2.jpg", "a_3.jpg", "a_4.jpg"), disk())
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
    result = placed(wish(photo, library, "IMG.JPG", "Café.jpg", "IMG_2.JPG"), disk)
    assert os.listdir(library) == ["IMG_2.JPG"]
    assert content(result.path) == BYTES


def test_names_that_are_no_utf8_work(inbox, library):
    name = os.fsdecode(b"caf\xe9 \xff.jpg")
    source = written(f"{inbox}/{name}")
    for disk in ALL_DISKS:
        result = placed(wish(source, library / disk.__name__, name), disk())
        assert os.fsencode(result.path).endswith(b"caf\xe9 \xff.jpg")
        assert content(result.path) == BYTES


@pytest.mark.parametrize("disk", ALL_DISKS)
def test_a_name_that_is_too_long_is_shortened_and_keeps_its_extension(disk, photo, library):
    result = placed(wish(photo, library, "ü" * 300 + ".jpg"), disk())
    name = os.path.basename(result.path)
    assert name.endswith(".jpg")
    assert len(name.encode()) <= 255
    again = placed(wish(written(library / "b"), library, "ü" * 300 + ".jpg", "ü" * 300 + "_2.jpg"), disk())
    assert again.path != result.path


def test_a_file_system_with_shorter_names_gets_shorter_ones(photo, library):
    class Short(Disk):
        def link(self, source, target):
            if len(os.fsencode(os.path.basename(target))) > 143:
                raise OSError(errno.ENAMETOOLONG, "too long")
            super().link(source, target)

    result = placed(wish(photo, library, "x" * 200 + ".jpg"), Short())
    assert len(os.path.basename(result.path)) == 143


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b", "\ud800"])
def test_a_name_that_is_none_is_refused(name, photo, library):
    assert isinstance(place(wish(photo, library, name)), FileProblem)
    assert everything_below(library) == []


def test_no_free_name_is_an_error_and_not_a_loop(photo, library):
    library.mkdir()
    written(library / "a.jpg", b"another")
    result = place(Placing(photo, str(library), repeat("a.jpg")))
    assert isinstance(result, StorageError)
    assert "no free name" in str(result)


def test_placing_again_finds_its_own_hard_link(photo, library):
    first = placed(wish(photo, library))
    second = placed(wish(photo, library, "a.jpg", "a_2.jpg"))
    assert second.already
    assert second.path == first.path
    assert everything_below(library) == ["a.jpg"]


@pytest.mark.parametrize("disk", [without_links, without_anything, nfs_over_devices])
def test_a_copy_is_taken_for_ours_only_in_recovery(disk, photo, library):
    first = placed(wish(photo, library), disk())
    recovered = placed(wish(photo, library, "a.jpg", "a_2.jpg", sha256=SHA256, adopt=True), disk())
    assert recovered.already
    assert recovered.path == first.path
    twin = placed(wish(photo, library, "a.jpg", "a_2.jpg", sha256=SHA256), disk())
    assert not twin.already
    assert twin.path.endswith("a_2.jpg")


def test_other_bytes_are_never_adopted(photo, library):
    library.mkdir()
    written(library / "a.jpg", bytes(len(BYTES)))
    result = placed(wish(photo, library, "a.jpg", "a_2.jpg", sha256=SHA256, adopt=True), without_links())
    assert result.path.endswith("a_2.jpg")


def test_an_empty_reservation_of_a_crash_is_filled_only_where_names_are_reserved(photo, library):
    library.mkdir()
    written(library / "a.jpg", b"")
    adopt = {"sha256": SHA256, "adopt": True}
    for disk in (Disk, without_links, nfs_over_devices):
        assert placed(wish(photo, library, "a.jpg", f"{disk.__name__}.jpg", **adopt), disk()).path.endswith(
            f"{disk.__name__}.jpg"
        )
    result = placed(wish(photo, library, "a.jpg", "b.jpg", **adopt), without_anything())
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
    result = placed(wish(photo, library, "a.jpg", "b.jpg"), disk)
    assert content(library / "a.jpg") == b"theirs"
    assert content(result.path) == BYTES
    assert result.path.endswith("/b.jpg")


@pytest.mark.parametrize("number", [errno.EMLINK, errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_where_no_link_is_to_be_had_a_copy_is(number, photo, library):
    result = placed(wish(photo, library), Refusing(link=number))
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
    result = place(wish(photo, library), Refusing(**refused))
    assert isinstance(result, StorageFull)
    assert stamp(photo) == before
    assert content(photo) == BYTES
    assert everything_below(library) == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EIO, errno.ESTALE])
def test_other_errors_name_the_folder_and_what_to_do(number, photo, library):
    result = place(wish(photo, library), Refusing(link=number))
    assert isinstance(result, StorageError)
    assert not isinstance(result, StorageFull)
    assert str(library) in str(result)
    assert ";" in str(result)
    assert content(photo) == BYTES


def test_one_bad_file_does_not_stop_the_batch(inbox, library):
    good, other = written(inbox / "good.jpg"), written(inbox / "other.jpg", b"other")
    os.symlink(good, inbox / "link.jpg")
    os.mkfifo(inbox / "pipe.jpg")
    results = Placer().place(
        [
            wish(good, library, "1.jpg"),
            wish(inbox / "gone.jpg", library, "2.jpg"),
            wish(inbox / "link.jpg", library, "3.jpg"),
            wish(inbox / "pipe.jpg", library, "4.jpg"),
            wish(inbox, library, "5.jpg"),
            wish(other, library, "6.jpg"),
        ]
    )
    assert [type(each) for each in results] == [Placed, FileVanished, NotAFile, NotAFile, NotAFile, Placed]
    assert everything_below(library) == ["1.jpg", "6.jpg"]


@pytest.mark.parametrize("disk", ALL_DISKS)
def test_a_file_that_is_not_the_expected_one_is_not_placed(disk, photo, library):
    expected = stamp(photo)
    written(photo, BYTES, mtime_ns=5)
    assert isinstance(place(wish(photo, library, expected=expected), disk()), FileChanged)
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
    result = place(wish(photo, library, expected=stamp(photo)), sly)
    assert isinstance(result, FileChanged)
    assert content(photo) == b"new bytes"
    assert everything_below(library) == []


def test_a_file_that_is_written_to_while_it_is_copied_is_not_placed(photo, library):
    class Growing(Refusing):
        def write(self, handle, data):
            super().write(handle, data)
            with open(photo, "ab") as file:
                file.write(b"more")

    result = place(wish(photo, library), Growing(link=errno.EXDEV, clone=errno.EXDEV))
    assert isinstance(result, FileChanged)
    assert everything_below(library) == []


def test_other_bytes_than_the_digest_says_are_not_placed(photo, library):
    result = place(wish(photo, library, sha256="0" * 64), without_links())
    assert isinstance(result, FileChanged)
    assert everything_below(library) == []


def test_a_copy_that_does_not_read_back_is_not_placed(photo, library):
    class Lying(Refusing):
        def write(self, handle, data):
            super().write(handle, memoryview(bytes(len(data))))

    result = place(wish(photo, library, sha256=SHA256), Lying(link=errno.EXDEV, clone=errno.EXDEV))
    assert isinstance(result, StorageError)
    assert "did not read back" in str(result)
    assert everything_below(library) == []
    assert content(photo) == BYTES


def test_a_folder_that_somebody_tidied_away_is_made_again(inbox, library):
    class Tidy(Disk):
        done = False

        def link(self, source, target):
            if not self.done:
                self.done = True
                os.rmdir(os.path.dirname(target))
            super().link(source, target)

    result = placed(wish(written(inbox / "a.jpg"), library / "x"), Tidy())
    assert content(result.path) == BYTES


def test_a_file_in_the_way_of_a_folder_is_an_error(photo, library):
    library.mkdir()
    written(library / "faces")
    assert isinstance(place(wish(photo, library / "faces/john")), StorageError)


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
    Placer(Counting()).place([wish(sources[0], library, "x.jpg")])
    assert sorted(waited) == sorted([str(library.parent), str(library)])
    waited.clear()
    Placer(Counting()).place([wish(source, library, os.path.basename(source)) for source in sources])
    assert waited == ["all"] or sorted(waited) == [str(library)]


@pytest.mark.parametrize("number", [1, 20])
def test_what_did_not_reach_the_disk_is_not_called_placed(number, inbox, library):
    disk = Refusing(fsync_path=errno.EIO, sync_file_system=errno.EIO)
    sources = [written(inbox / f"{n}.jpg") for n in range(number)]
    results = Placer(disk).place([wish(source, library, os.path.basename(source)) for source in sources])
    assert all(isinstance(result, StorageError) for result in results)
    # A name that may not survive a power cut does not stay.
    assert everything_below(library) == []
    again = Placer().place([wish(source, library, os.path.basename(source)) for source in sources])
    assert all(isinstance(result, Placed) for result in again)


def test_a_copy_is_on_the_disk_before_it_has_its_name(photo, library):
    steps = []
    Placer(
        type("Traced", (Refusing,), {})(link=errno.EXDEV, clone=errno.EXDEV)
    )  # a fresh class keeps the checkpoint of this test its own
    disk = Refusing(link=errno.EXDEV, clone=errno.EXDEV)
    disk.checkpoint = steps.append
    placed(wish(photo, library), disk)
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
        Placer(guard=missing).place([wish(photo, library)])
    assert not library.exists()
    copy = placed(wish(photo, library))
    with pytest.raises(RootUnavailable):
        Placer(guard=missing).drop([Drop(photo, copy.path)])
    assert os.path.exists(photo)


def test_a_root_that_vanishes_during_the_batch_is_noticed(photo, library):
    answers = iter((None, RootUnavailable("unmounted")))

    def guard():
        answer = next(answers)
        if answer:
            raise answer

    with pytest.raises(RootUnavailable):
        Placer(guard=guard).place([wish(photo, library)])


# Dropping.


def drop(*args, disk=None, **more):
    (result,) = Placer(disk).drop([Drop(*map(os.fspath, args), **more)])
    return result


def test_a_name_goes_when_the_same_inode_has_another(photo, library):
    other = placed(wish(photo, library)).path
    assert drop(photo, other) == Dropped(photo)
    assert not os.path.exists(photo)
    assert content(other) == BYTES
    assert drop(photo, other) == Dropped(photo, already=True)


def test_the_only_name_never_goes(photo, inbox, library):
    os.symlink(inbox, inbox.parent / "same")
    for other in (photo, f"{inbox}/./a.jpg", inbox.parent / "same/a.jpg", f"{inbox}/../inbox/a.jpg"):
        assert isinstance(drop(photo, other), StorageError)
    # A third name elsewhere does not make one name two.
    os.link(photo, inbox.parent / "third")
    for other in (photo, inbox.parent / "same/a.jpg"):
        assert isinstance(drop(photo, other), StorageError)
    assert content(photo) == BYTES


def test_names_that_differ_in_case_are_two_where_both_are_listed(photo, inbox):
    os.link(photo, inbox / "A.JPG")
    assert isinstance(drop(photo, inbox / "A.JPG"), Dropped)
    assert content(inbox / "A.JPG") == BYTES


def test_nothing_goes_while_the_other_place_is_missing(photo, library):
    assert isinstance(drop(photo, library / "a.jpg", sha256=SHA256), StorageError)
    library.mkdir()
    (library / "a.jpg").symlink_to(photo)
    assert isinstance(drop(photo, library / "a.jpg", sha256=SHA256), StorageError)
    assert content(photo) == BYTES


def test_a_symbolic_link_is_never_removed_nor_followed(photo, library, inbox):
    other = placed(wish(photo, library)).path
    os.symlink(photo, inbox / "link.jpg")
    assert isinstance(drop(inbox / "link.jpg", other), NotAFile)
    assert os.path.islink(inbox / "link.jpg")


def test_a_copy_goes_only_when_its_bytes_are_proven(photo, library, inbox):
    library.mkdir()
    twin = written(library / "twin.jpg")
    assert isinstance(drop(photo, twin), FileChanged)
    assert isinstance(drop(photo, twin, sha256="0" * 64), StorageError)
    assert isinstance(drop(photo, written(library / "half.jpg", BYTES[:-1]), sha256=SHA256), StorageError)
    rotten = written(library / "rotten.jpg", bytes(len(BYTES)))
    assert isinstance(drop(photo, rotten, sha256=SHA256), StorageError)
    assert isinstance(drop(photo, twin, sha256=SHA256, expected=stamp(twin)), FileChanged)
    changed = written(inbox / "changed.jpg", bytes(len(BYTES)))
    assert isinstance(drop(changed, twin, sha256=SHA256), FileChanged)
    assert content(photo) == BYTES
    assert drop(photo, twin, sha256=SHA256) == Dropped(photo)
    assert content(twin) == BYTES


def test_a_name_that_cannot_be_removed_is_an_error(photo, library):
    other = placed(wish(photo, library)).path
    result = drop(photo, other, disk=Refusing(unlink=errno.EACCES))
    assert isinstance(result, StorageError)
    assert "remove" in str(result)


# Moving: two phases.


@pytest.mark.parametrize("disk", ALL_DISKS)
@pytest.mark.parametrize("digest", [SHA256, None])
def test_a_move_leaves_the_source_until_it_is_finished(disk, digest, photo, library):
    move = Placer(disk()).move([wish(photo, library, sha256=digest)])
    assert content(photo) == content(move.results[0].path) == BYTES
    assert move.finish() == [Dropped(photo)]
    assert not os.path.exists(photo)
    assert content(move.results[0].path) == BYTES
    with pytest.raises(RuntimeError):
        move.undo()


@pytest.mark.parametrize("disk", ALL_DISKS)
def test_a_move_can_be_undone_before_it_is_finished(disk, photo, library, inbox):
    was_there = placed(wish(written(inbox / "b.jpg"), library, "b.jpg"))
    move = Placer(disk()).move([wish(photo, library), wish(inbox / "b.jpg", library, "b.jpg", "b_2.jpg")])
    move.undo()
    assert content(photo) == BYTES
    assert content(was_there.path) == BYTES
    assert everything_below(library) == ["b.jpg"]


@pytest.mark.parametrize("disk", ALL_DISKS)
def test_a_source_that_is_replaced_before_the_finish_stays(disk, photo, library, inbox):
    move = Placer(disk()).move([wish(photo, library)])
    os.replace(written(inbox / "new", b"new bytes"), photo)
    (result,) = move.finish()
    assert isinstance(result, FileChanged)
    assert content(photo) == b"new bytes"
    assert content(library / "a.jpg") == BYTES


def test_what_was_not_placed_keeps_its_error_and_its_source(photo, library, inbox):
    move = Placer().move([wish(inbox / "gone.jpg", library), wish(photo, library)])
    finished = move.finish()
    assert isinstance(finished[0], FileVanished)
    assert finished[1] == Dropped(photo)


# A kill at every step.


class KilledError(BaseException):
    """The process ended: from here on nothing reaches the disk."""


def killed_at(step, disk):
    numbers = count()
    dead = []

    def checkpoint(_name):
        if dead or next(numbers) == step:
            dead.append(True)
            raise KilledError

    disk.checkpoint = checkpoint
    return disk


def some_bytes_somewhere(*folders):
    for folder in folders:
        for name in everything_below(folder):
            if (
                not os.path.basename(name).startswith(".smartsort")
                and content(os.path.join(folder, name)) == BYTES
            ):
                return True
    return False


@pytest.mark.parametrize("disk", ALL_DISKS)
def test_a_kill_at_every_step_loses_nothing_and_is_finished_by_doing_it_again(disk, tmp_path):
    steps = 0
    for step in count():
        inbox, library = tmp_path / f"{step}/inbox", tmp_path / f"{step}/library"
        inbox.mkdir(parents=True)
        library.mkdir()
        photo = written(inbox / "a.jpg")
        other = written(library / "a.jpg", b"another photo")

        def go(disk, inbox=inbox, library=library, adopt=False):
            photo = inbox / "a.jpg"
            wishes = [wish(photo, library / "x", "a.jpg", "a_2.jpg", sha256=SHA256, adopt=adopt)]
            return Placer(disk).move(wishes)

        try:
            move = go(killed_at(step, disk()))
            move.finish()
            finished = True
        except KilledError:
            finished = False
        assert content(other) == b"another photo"
        assert some_bytes_somewhere(inbox, library), f"lost at step {step}"
        if finished:
            break
        steps += 1
        # What a start does: tidy up, do it again, and drop.
        sweep_temporaries(str(library / "x"))
        if os.path.exists(photo):
            move = go(disk(), adopt=True)
            assert isinstance(move.results[0], Placed), move.results
            move.finish()
        assert not os.path.exists(photo)
        assert everything_below(library) == ["a.jpg", "x/a.jpg"], f"after a kill at step {step}"
        assert content(library / "x/a.jpg") == BYTES
    assert steps > 8


@pytest.mark.parametrize("disk", ALL_DISKS)
def test_an_error_at_every_step_loses_nothing_and_leaves_no_temporary_file(disk, tmp_path):
    for step in count():
        inbox, library = tmp_path / f"{step}/inbox", tmp_path / f"{step}/library"
        inbox.mkdir(parents=True)
        written(inbox / "a.jpg")
        numbers = count()
        raised = []

        def checkpoint(name, step=step, numbers=numbers, raised=raised):
            if next(numbers) == step and not name.endswith(" done"):
                raised.append(name)
                raise OSError(errno.EIO, "the disk is dying")

        failing = disk()
        failing.checkpoint = checkpoint
        move = Placer(failing).move([wish(inbox / "a.jpg", library, sha256=SHA256)])
        move.finish()
        assert some_bytes_somewhere(tmp_path / f"{step}"), (step, raised)
        if raised and raised[0] != "unlink":
            assert not [name for name in everything_below(library) if ".smartsort" in name], (step, raised)
        if next(numbers) < step:
            break


# Temporary files and what a file system can do.


def test_only_our_temporary_files_are_swept(tmp_path):
    ours = written(tmp_path / ".smartsort-0123456789abcdef.part")
    for name in (".smartsort-root", "a.part", ".smartsort-xyz.part", "x.smartsort-0123456789abcdef.part"):
        written(tmp_path / name)
    (tmp_path / ".smartsort-fedcba9876543210.part").mkdir()
    assert sweep_temporaries(str(tmp_path)) == [ours]
    assert len(os.listdir(tmp_path)) == 5
    assert sweep_temporaries(str(tmp_path / "missing")) == []


def test_the_method_between_two_folders_is_found_by_trying(tmp_path, elsewhere):
    for name in "ab":
        (tmp_path / name).mkdir()
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    assert methods_between(a, b) is Method.HARDLINK
    assert methods_between(a, elsewhere) is Method.COPY
    assert methods_between(a, b, without_links()) is Method.COPY
    assert os.listdir(a) == os.listdir(b) == os.listdir(elsewhere) == []
    with pytest.raises(StorageError):
        methods_between(a, str(tmp_path / "missing"))
    with pytest.raises(StorageError):
        methods_between(str(tmp_path / "missing"), a)
    assert os.listdir(a) == []


def test_a_reflink_keeps_time_and_mode(photo, library):
    class Cow(Refusing):
        def clone(self, source, target):
            os.write(target, os.pread(source, 1 << 20, 0))

    result = placed(wish(photo, library), Cow(link=errno.EXDEV))
    assert result.method is Method.REFLINK
    assert os.stat(result.path).st_mtime_ns == 1_600_000_000_123_456_789
    assert content(result.path) == BYTES


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_copy_made_by_root_keeps_its_owner(photo, library):
    os.chown(photo, 12345, 23456)
    result = placed(wish(photo, library), without_links())
    found = os.stat(result.path)
    assert (found.st_uid, found.st_gid) == (12345, 23456)
