"""Dropping and moving on real folders, and both killed at every step."""

import errno
import os
from itertools import count

import pytest
from tests.disks import (
    ALL_DISKS,
    BYTES,
    SHA256,
    Refusing,
    content,
    drop,
    everything_below,
    placed,
    request,
    without_links,
    written,
)

from smartsort.errors import StorageError
from smartsort.files.disk import Disk
from smartsort.files.placement import (
    Method,
    Placed,
    Placer,
    Removed,
    methods_between,
    sweep_temporaries,
)
from smartsort.files.problems import FileChanged, FileVanished, NotAFile
from smartsort.files.stamps import stamp

# Dropping.


def test_a_name_goes_when_the_same_inode_has_another(photo, library):
    other = placed(request(photo, library)).path
    assert drop(photo, other) == Removed(photo)
    assert not os.path.exists(photo)
    assert content(other) == BYTES
    assert drop(photo, other) == Removed(photo, already=True)


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
    assert isinstance(drop(photo, inbox / "A.JPG"), Removed)
    assert content(inbox / "A.JPG") == BYTES


def test_nothing_goes_while_the_other_place_is_missing(photo, library):
    assert isinstance(drop(photo, library / "a.jpg", sha256=SHA256), StorageError)
    library.mkdir()
    (library / "a.jpg").symlink_to(photo)
    assert isinstance(drop(photo, library / "a.jpg", sha256=SHA256), StorageError)
    assert content(photo) == BYTES


def test_a_symbolic_link_is_never_removed_nor_followed(photo, library, inbox):
    other = placed(request(photo, library)).path
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
    assert drop(photo, twin, sha256=SHA256) == Removed(photo)
    assert content(twin) == BYTES


def test_a_name_that_cannot_be_removed_is_an_error(photo, library):
    other = placed(request(photo, library)).path
    result = drop(photo, other, disk=Refusing(unlink=errno.EACCES))
    assert isinstance(result, StorageError)
    assert "remove" in str(result)


# Moving: two phases.


@pytest.mark.parametrize("disk", ALL_DISKS)
@pytest.mark.parametrize("digest", [SHA256, None])
def test_a_move_leaves_the_source_until_it_is_finished(disk, digest, photo, library):
    move = Placer(disk()).move([request(photo, library, sha256=digest)])
    assert content(photo) == content(move.results[0].path) == BYTES
    assert move.finish() == [Removed(photo)]
    assert not os.path.exists(photo)
    assert content(move.results[0].path) == BYTES
    with pytest.raises(RuntimeError):
        move.undo()


@pytest.mark.parametrize("disk", ALL_DISKS)
def test_a_move_can_be_undone_before_it_is_finished(disk, photo, library, inbox):
    was_there = placed(request(written(inbox / "b.jpg"), library, "b.jpg"))
    move = Placer(disk()).move(
        [request(photo, library), request(inbox / "b.jpg", library, "b.jpg", "b_2.jpg")]
    )
    move.undo()
    assert content(photo) == BYTES
    assert content(was_there.path) == BYTES
    assert everything_below(library) == ["b.jpg"]


@pytest.mark.parametrize("disk", ALL_DISKS)
def test_a_source_that_is_replaced_before_the_finish_stays(disk, photo, library, inbox):
    move = Placer(disk()).move([request(photo, library)])
    os.replace(written(inbox / "new", b"new bytes"), photo)
    (result,) = move.finish()
    assert isinstance(result, FileChanged)
    assert content(photo) == b"new bytes"
    assert content(library / "a.jpg") == BYTES


def test_what_was_not_placed_keeps_its_error_and_its_source(photo, library, inbox):
    move = Placer().move([request(inbox / "gone.jpg", library), request(photo, library)])
    finished = move.finish()
    assert isinstance(finished[0], FileVanished)
    assert finished[1] == Removed(photo)


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
            requests = [request(photo, library / "x", "a.jpg", "a_2.jpg", sha256=SHA256, adopt=adopt)]
            return Placer(disk).move(requests)

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
        move = Placer(failing).move([request(inbox / "a.jpg", library, sha256=SHA256)])
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


def test_a_disk_that_fails_while_it_is_tried_out_is_a_storage_error(tmp_path):
    def checkpoint(step):
        if step == "open source":
            raise OSError(errno.EIO, os.strerror(errno.EIO), step)

    class Foreign(Disk):
        def link(self, source, target):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(StorageError, match="cannot try out"):
        methods_between(str(tmp_path), str(tmp_path), Foreign(checkpoint))
    assert set(os.listdir("/proc/self/fd")) <= before
    assert os.listdir(tmp_path) == []


def test_a_reflink_keeps_time_and_mode(photo, library):
    class Cow(Refusing):
        def clone(self, source, target):
            os.write(target, os.pread(source, 1 << 20, 0))

    result = placed(request(photo, library), Cow(link=errno.EXDEV))
    assert result.method is Method.REFLINK
    assert os.stat(result.path).st_mtime_ns == 1_600_000_000_123_456_789
    assert content(result.path) == BYTES


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_copy_made_by_root_keeps_its_owner(photo, library):
    os.chown(photo, 12345, 23456)
    result = placed(request(photo, library), without_links())
    found = os.stat(result.path)
    assert (found.st_uid, found.st_gid) == (12345, 23456)


def test_a_removal_that_does_not_reach_the_disk_is_no_removal(photo, library):
    """A power cut may bring the name back, so nobody may rely on it."""
    kept = placed(request(photo, library)).path
    problem = drop(photo, kept, disk=Refusing(fsync_path=errno.EIO))
    assert isinstance(problem, StorageError)
    assert str(problem).startswith(f"cannot write {os.path.dirname(photo)}")
    assert content(kept) == BYTES


def test_a_stray_that_cannot_go_is_swept_the_next_time(tmp_path):
    disk = Refusing(unlink=errno.EBUSY)
    there, gone = written(tmp_path / "there"), os.fspath(tmp_path / "gone")
    disk.strays |= {there, gone}
    Placer(disk).sweep_strays()
    assert there in disk.strays
    disk.refused.clear()
    Placer(disk).sweep_strays()
    assert disk.strays == set()
    assert not os.path.exists(there)
