"""Files that smartsort writes beside the photos, after a power cut at each wait: whole, or not there yet."""

import asyncio
import errno
import os
import shutil
import tomllib
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest
from tests.disks import BYTES, SHA256, content, placed, request, written
from tests.power import power_cuts

from smartsort.api.security import kept_token
from smartsort.downloads.partial import PartialFile
from smartsort.errors import ConfigurationError, StorageError
from smartsort.files import durable, placement, temporary
from smartsort.files import layout as layout_module
from smartsort.files.disk import Disk
from smartsort.files.filesystem import FileSystem
from smartsort.files.layout import SENTINEL, Layout
from smartsort.files.placement import Placed, Placer, RemoveRequest
from smartsort.files.private import TOKEN_FILE, make_private
from smartsort.files.problems import FileRefused
from smartsort.files.temporary import methods_between
from smartsort.ledger import key_value
from smartsort.ledger.backup import backup, backups, check, put_in_place
from smartsort.ledger.database import Ledger
from smartsort.setup import file

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def test_what_was_received_is_there_when_it_is_said_to_be(tmp_path, monkeypatch):
    def receive(place):
        async def download():
            async with PartialFile(f"{place}/photo.part", 10**6) as partial:
                await partial.write(BYTES)
                await partial.finish(10**18)

        asyncio.run(download())
        return True

    def begun(place):
        (place / "photo.part").touch()

    for received, found in power_cuts(tmp_path, monkeypatch, receive, begun):
        if received:
            assert (found / "photo.part").read_bytes() == BYTES


def test_a_token_that_was_given_out_stays_the_token(tmp_path, monkeypatch):
    for token, found in power_cuts(tmp_path, monkeypatch, kept_token):
        if token is not None and (found / TOKEN_FILE).exists():
            assert kept_token(found) == token


def test_the_configuration_is_the_former_one_or_the_new_one(tmp_path, monkeypatch):
    def former(place):
        (place / "smartsort.toml").write_text("one = 1\n")

    def write(place):
        return os.path.basename(file.write(f"{place}/smartsort.toml", "two = 2\n", NOW))

    for kept, found in power_cuts(tmp_path, monkeypatch, write, former):
        now = tomllib.loads((found / "smartsort.toml").read_text())
        assert now in ({"one": 1}, {"two": 2})
        if now == {"two": 2} and kept and (found / kept).exists():
            assert (found / kept).read_text() == "one = 1\n"


def test_a_root_that_is_prepared_stays_prepared(tmp_path, monkeypatch):
    """Its folders may lie anywhere."""

    def layout(place):
        return Layout(f"{place}/data/root", library=f"{place}/disk/photos/library", inbox=f"{place}/in/box")

    for root_id, found in power_cuts(tmp_path, monkeypatch, lambda place: layout(place).prepare()):
        again = layout(found).prepare(root_id)
        assert root_id in (again, None)
        layout(found).check(again)


# --- the ledger's copies ---------------------------------------------------------------------


def mark_of(path):
    with Ledger(path) as ledger:
        return ledger.read(lambda db: key_value.get(db, "mark"))


def ledger_with(path, mark):
    with Ledger(os.fspath(path)) as ledger:
        ledger.write(lambda db: key_value.put(db, "mark", mark))


def test_a_backup_is_whole_or_not_there_and_stays_once_it_was_made(tmp_path, monkeypatch):
    def copied(place):
        return os.path.basename(backup(f"{place}/smartsort.db", f"{place}/far/backup", NOW))

    for made, found in power_cuts(
        tmp_path, monkeypatch, copied, lambda place: ledger_with(place / "smartsort.db", "old")
    ):
        folder = f"{found}/far/backup"
        for path in backups(folder):
            check(path)
        assert made is None or [os.path.basename(path) for path in backups(folder)] == [made]


def test_a_restored_ledger_is_the_former_one_or_the_copy(tmp_path, monkeypatch):
    ledger_with(tmp_path / "old.db", "old")
    ledger_with(tmp_path / "copy.db", "copy")

    def before(place):
        shutil.copy(tmp_path / "old.db", place / "smartsort.db")
        shutil.copy(tmp_path / "copy.db", place / "copy.db")

    def restore(place):
        put_in_place(f"{place}/copy.db", f"{place}/smartsort.db", NOW)
        return True

    for restored, found in power_cuts(tmp_path, monkeypatch, restore, before):
        if (found / "smartsort.db").exists():
            assert (
                mark_of(f"{found}/smartsort.db") == "copy"
                if restored
                else mark_of(f"{found}/smartsort.db") in ("old", "copy")
            )
        else:
            assert not restored
            assert any(mark_of(os.fspath(kept)) == "old" for kept in found.glob("smartsort.db.replaced-*"))


# --- photos, with the calls to the kernel themselves ------------------------------------------


class Copies(Disk):
    """Without hard links and reflinks."""

    def link(self, source, target):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), target)

    def clone(self, source, target):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))


def bytes_below(folder):
    return sorted(path.read_bytes() for path in folder.rglob("*.jpg"))


@pytest.mark.parametrize("as_a_whole", [False, True])
@pytest.mark.parametrize("disk", [Disk, Copies])
def test_a_photo_that_was_placed_stays_where_it_was_placed(tmp_path, monkeypatch, disk, as_a_whole):
    monkeypatch.setattr(durable, "_SYNC_AS_A_WHOLE", 0 if as_a_whole else 10**6)

    def of_the_folder(path):
        assert path.startswith(os.fspath(tmp_path))
        return FileSystem("ext4", notifies=True, syncs=True)

    monkeypatch.setattr(durable, "file_system", of_the_folder)

    def place_one(place):
        written(place / "a.jpg")  # whoever delivered it need not have waited
        placed(request(place / "a.jpg", place / "faces" / "anna", sha256=SHA256), disk())
        return True

    for done, found in power_cuts(tmp_path, monkeypatch, place_one):
        if done:
            assert (found / "faces" / "anna" / "a.jpg").read_bytes() == BYTES


@pytest.mark.parametrize("folder", ["faces/anna", "faces/2024/anna"])
def test_a_photo_stays_in_a_folder_that_a_killed_process_left(tmp_path, monkeypatch, folder):
    """That process made the folder, and was killed before it could wait for the one above."""

    def both(place):
        written(place / "a.jpg")
        (place / "faces").mkdir()

    def place_one(place):
        (place / folder).mkdir(parents=True)
        placer = Placer()
        placer.known_folders.areas = (f"{place}/faces",)
        [result] = placer.place([request(place / "a.jpg", place / folder, sha256=SHA256)])
        assert isinstance(result, Placed)
        return True

    for done, found in power_cuts(tmp_path, monkeypatch, place_one, both):
        if done:
            assert (found / folder / "a.jpg").read_bytes() == BYTES


def test_a_folder_is_waited_for_once(tmp_path):
    waited = []

    class Counting(Disk):
        def fsync_path(self, path, *, folder):
            super().fsync_path(path, folder=folder)
            waited.append(os.path.relpath(path, tmp_path))

    (tmp_path / "faces" / "anna").mkdir(parents=True)
    placer = Placer(Counting())
    placer.known_folders.areas = (f"{tmp_path}/faces",)
    for name in ("a.jpg", "b.jpg"):
        placer.place([request(written(tmp_path / name), tmp_path / "faces" / "anna", name)])
    assert sorted(waited) == ["faces", "faces/anna", "faces/anna", "faces/anna/a.jpg", "faces/anna/b.jpg"]


def test_a_folder_in_which_something_was_tried_out_is_waited_for(tmp_path):
    """An error at a photo: whether its folder takes any is tried. A file of that came back with the power."""
    waited, tried = [], []

    class Failing(Disk):
        def link(self, source, target):
            if target.endswith(".probe"):
                tried.append(os.path.relpath(os.path.dirname(target), tmp_path))
            elif "bella" in target:
                raise OSError(errno.EIO, os.strerror(errno.EIO), target)
            super().link(source, target)

        def fsync_path(self, path, *, folder):
            super().fsync_path(path, folder=folder)
            waited.append(os.path.relpath(path, tmp_path))

    for name in ("anna", "bella"):
        (tmp_path / "faces" / name).mkdir(parents=True)
    placer = Placer(Failing())
    placer.known_folders.areas = (f"{tmp_path}/faces",)
    batch = [
        request(written(tmp_path / f"{name}.jpg"), tmp_path / "faces" / name) for name in ("anna", "bella")
    ]
    good, bad = placer.place(batch)
    assert isinstance(good, Placed)
    assert isinstance(bad, FileRefused)
    assert tried == ["faces/bella"]
    assert "faces/bella" in waited


def test_a_folder_that_was_made_for_good_stays(tmp_path, monkeypatch):
    def make(place):
        Placer().make_folder(f"{place}/library/0001")
        return True

    for done, found in power_cuts(tmp_path, monkeypatch, make):
        assert not done or (found / "library" / "0001").is_dir()


def test_a_name_that_was_dropped_does_not_come_back(tmp_path, monkeypatch):
    def both(place):
        written(place / "a.jpg")
        (place / "faces").mkdir()
        os.link(place / "a.jpg", place / "faces" / "a.jpg")

    def drop(place):
        Placer().remove(
            [RemoveRequest(f"{place}/a.jpg", surviving_path=f"{place}/faces/a.jpg", sha256=SHA256)]
        )
        return True

    for done, found in power_cuts(tmp_path, monkeypatch, drop, both):
        assert bytes_below(found) == [BYTES] * (1 if done or not (found / "a.jpg").exists() else 2)


def test_a_name_that_a_killed_process_removed_does_not_come_back(tmp_path, monkeypatch):
    """That process was killed before it could wait for the folder."""

    def both(place):
        written(place / "a.jpg")
        (place / "faces").mkdir()
        os.link(place / "a.jpg", place / "faces" / "a.jpg")

    def drop_again(place):
        os.unlink(place / "a.jpg")
        [removed] = Placer().remove([RemoveRequest(f"{place}/a.jpg", f"{place}/faces/a.jpg", sha256=SHA256)])
        return removed.already

    for done, found in power_cuts(tmp_path, monkeypatch, drop_again, both):
        assert not (done and (found / "a.jpg").exists())


def test_a_symbolic_link_that_was_dropped_does_not_come_back(tmp_path, monkeypatch):
    def both(place):
        written(place / "a.jpg")
        (place / "faces").mkdir()
        os.symlink(place / "a.jpg", place / "faces" / "a.jpg")

    def drop(place):
        [removed] = Placer().remove([RemoveRequest(f"{place}/faces/a.jpg", f"{place}/a.jpg")])
        return not removed.already

    for done, found in power_cuts(tmp_path, monkeypatch, drop, both):
        assert not (done and os.path.lexists(found / "faces" / "a.jpg"))
        assert (found / "a.jpg").read_bytes() == BYTES


def test_a_folder_that_is_full_only_once_it_is_waited_for_takes_nothing(tmp_path, monkeypatch):
    """Network folders and quotas take bytes first and refuse them at the fsync."""

    def full(_handle):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=str(tmp_path)):
        methods_between(os.fspath(tmp_path), os.fspath(tmp_path))
    assert os.listdir(tmp_path) == []


def test_a_copy_is_read_back_from_the_disk_and_not_from_memory(tmp_path, monkeypatch):
    """The system forgets only what it has written: without a wait the copy would be compared with itself."""
    written(tmp_path / "a.jpg")
    on_disk = set()

    def forget(handle, *_):
        if handle in on_disk:
            with open(f"/proc/self/fd/{handle}", "r+b") as file:
                file.write(b"what a failing disk has made of it")

    monkeypatch.setattr(os, "fsync", on_disk.add)
    monkeypatch.setattr(os, "posix_fadvise", forget)
    [result] = Placer(Copies()).place([request(tmp_path / "a.jpg", tmp_path / "faces", sha256=SHA256)])
    assert isinstance(result, StorageError)
    assert "did not read back" in str(result)
    assert (tmp_path / "a.jpg").read_bytes() == BYTES
    assert os.listdir(tmp_path / "faces") == []


# --- names that are taken ----------------------------------------------------------------------


@pytest.mark.parametrize("way", ["link", "rename_exclusive"])
def test_the_kernel_replaces_no_name(tmp_path, way):
    """Asked itself: the disks of other tests answer for it."""
    one = written(tmp_path / "one.jpg")
    (tmp_path / "taken.jpg").write_bytes(b"somebody's")
    with pytest.raises(FileExistsError):
        getattr(Disk(), way)(one, f"{tmp_path}/taken.jpg")
    with pytest.raises(FileExistsError):
        Disk().create(f"{tmp_path}/taken.jpg")
    assert (tmp_path / "taken.jpg").read_bytes() == b"somebody's"
    assert os.path.exists(one)


class CopiesByLink(Copies):
    """Without exclusive renames, and with links within a folder."""

    def link(self, source, target):
        if os.path.dirname(source) != os.path.dirname(target):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), target)
        Disk.link(self, source, target)

    def rename_exclusive(self, source, target):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), target)


@pytest.mark.parametrize("disk", [Disk, Copies, CopiesByLink])
def test_a_photo_takes_the_next_name_whatever_the_way(tmp_path, disk):
    written(tmp_path / "a.jpg")
    faces = tmp_path / "faces"
    faces.mkdir()
    (faces / "a.jpg").write_bytes(b"somebody's")
    found = placed(request(tmp_path / "a.jpg", faces, "a.jpg", "a_2.jpg", sha256=SHA256), disk())
    assert found.path == f"{faces}/a_2.jpg"
    assert (faces / "a.jpg").read_bytes() == b"somebody's"
    assert (faces / "a_2.jpg").read_bytes() == BYTES


@pytest.mark.parametrize("disk", [Copies, CopiesByLink])
def test_not_even_a_random_name_is_replaced(tmp_path, monkeypatch, disk):
    """A reservation that a crash left asks with another temporary name how names are claimed here."""
    written(tmp_path / "a.jpg")
    faces = tmp_path / "faces"
    faces.mkdir()
    (faces / "a.jpg").touch()
    drawn = iter(["0" * 16, "1" * 16])
    monkeypatch.setattr(temporary.secrets, "token_hex", lambda _: next(drawn))
    taken = faces / f".smartsort-{'1' * 16}.part"
    taken.write_bytes(b"somebody's")
    monkeypatch.setattr(placement.Placer, "_able", lambda *_: placement._UNTRIED)
    Placer(disk()).place([request(tmp_path / "a.jpg", faces, "a.jpg", sha256=SHA256, adopt=True)])
    assert taken.read_bytes() == b"somebody's"


def test_a_probe_replaces_no_file(tmp_path, monkeypatch):
    drawn = iter(["0" * 16, "1" * 16])
    monkeypatch.setattr(temporary.secrets, "token_hex", lambda _: next(drawn))
    taken = tmp_path / f".smartsort-{'1' * 16}.probe"
    taken.write_bytes(b"somebody's")
    read = []

    class Reading(Disk):
        def unlink(self, path):
            with open(path, "rb") as file:
                read.append(file.read())
            super().unlink(path)

    with pytest.raises(StorageError, match="File exists"):
        methods_between(os.fspath(tmp_path), os.fspath(tmp_path), Reading())
    assert b"somebody's" in read  # it goes as a probe that a crash left, and not by being written over


def test_a_sentinel_replaces_no_other_file(tmp_path, monkeypatch):
    monkeypatch.setattr(layout_module.uuid, "uuid4", lambda: UUID(int=0))
    monkeypatch.setattr(os, "unlink", lambda _: None)
    root = tmp_path / "root"
    root.mkdir()
    taken = root / f"{SENTINEL}-00000000"
    taken.write_bytes(b"somebody's")
    with pytest.raises(StorageError, match="File exists"):
        Layout(os.fspath(root)).prepare()
    assert content(taken) == b"somebody's"


def test_a_link_that_leads_away_is_not_written_through(tmp_path):
    for name, make in ((TOKEN_FILE, lambda _: kept_token(tmp_path)), ("ledger.db", make_private)):
        os.symlink(tmp_path / "elsewhere", tmp_path / name)
        with suppress(ConfigurationError):
            make(os.fspath(tmp_path / name))
        assert not (tmp_path / "elsewhere").exists()


def test_the_copy_of_a_configuration_replaces_none(tmp_path, monkeypatch):
    """Two setups at the same second both find the name free."""
    path, taken = tmp_path / "smartsort.toml", tmp_path / "taken"
    path.write_text("one = 1\n")
    taken.write_text("zero = 0\n")
    monkeypatch.setattr(file, "_free", lambda _: os.fspath(taken))
    with pytest.raises(StorageError):
        file.write(os.fspath(path), "two = 2\n", NOW)
    assert (path.read_text(), taken.read_text()) == ("one = 1\n", "zero = 0\n")
