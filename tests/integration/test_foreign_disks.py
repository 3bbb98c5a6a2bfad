"""Disks of other systems: names they refuse, inode numbers that tell nothing, single files they refuse."""

from __future__ import annotations

import errno
import logging
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.disks import ALL_DISKS, SHA256, Picky, Renumbering, content, written
from tests.fakes import TO_THE_LIBRARY, World, close_world

from smartsort.bootstrap import layout_of
from smartsort.config import load_settings
from smartsort.core.model import State
from smartsort.doctor.folder_checks import links_check, names_check
from smartsort.errors import StorageFull
from smartsort.files.capabilities import capabilities_of
from smartsort.files.disk import Disk
from smartsort.files.names import ANY_NAME, NAME_BYTES, NameRules
from smartsort.files.placement import Method, Placer, RemoveRequest
from smartsort.files.problems import FileRefused, NameKept
from smartsort.files.shown import shown
from smartsort.ledger.records import Area

ODD = [
    "anna_Screenshot 2024-05-01 12:30:45.jpg",
    "anna_what?*.jpg",
    'anna_"quoted" <a|b>.jpg',
    "anna_back\\slash.jpg",
    "anna_dots...",
    "anna_space ",
    f"anna_{'x' * 250}"[:255],
]


@pytest.fixture
def start(tmp_path):
    made = []

    def new(disk=None, **options):
        root = os.fspath(tmp_path / "root")
        made.append(World(root, placer=lambda guard: Placer(disk, guard), **options))
        return made[-1]

    yield new
    for world in made:
        close_world(world)


def on_disk(world, area):
    folder = world.context.folder(area)
    return sorted(n for at, _, names in os.walk(folder) for n in names if not n.startswith("."))


# --- what a disk can do ----------------------------------------------------------------------


@pytest.mark.parametrize("disk", ALL_DISKS)
def test_disks_of_linux_take_every_name(tmp_path, disk):
    found = capabilities_of(os.fspath(tmp_path), disk())
    assert (found.names, found.numbers, found.names.told()) == (ANY_NAME, True, "")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "disk",
    [
        Picky(),
        Picky(errno.EPERM),
        Picky(errno.EIO),
        Picky(errno.ENOENT),
        Picky(errno.EEXIST),
        Picky(taking=True),
    ],
)
def test_refused_names_are_found_whatever_the_answer(tmp_path, disk):
    rules = capabilities_of(os.fspath(tmp_path), disk).names
    assert rules.refused == set(':?*"<>|\\')
    assert rules.ends == set(". ")
    assert "characters" in rules.told()
    assert os.listdir(tmp_path) == []


def test_short_names_are_found(tmp_path):
    assert capabilities_of(os.fspath(tmp_path), Picky(longest=150)).names.longest == 143


@pytest.mark.parametrize("one_for_all", [False, True])
def test_numbers_that_tell_nothing_are_found(tmp_path, one_for_all):
    assert not capabilities_of(os.fspath(tmp_path), Renumbering(one_for_all=one_for_all)).numbers


RULES = st.builds(
    NameRules,
    refused=st.frozensets(st.sampled_from(':?*"<>|\\\x01\x7f')),
    ends=st.frozensets(st.sampled_from(". ")),
    reserved=st.booleans(),
    any_bytes=st.booleans(),
    emoji=st.booleans(),
    form=st.sampled_from([None, "NFC", "NFD"]),
    longest=st.sampled_from([96, 143, NAME_BYTES]),
)
NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=300)


@given(
    RULES, NAMES | st.sampled_from(["con", "NUL.jpg", "a.", ". .", "e\u0301.jpg", "\udcff.jpg", "😀" * 80])
)
def test_a_fitted_name_fits_and_stays(rules, name):
    fitted = rules.fitted(name)
    assert rules.fitted(fitted) == fitted
    assert fitted
    assert not set(fitted) & rules.refused
    assert fitted[-1] not in rules.ends
    assert len(os.fsencode(fitted)) <= rules.longest
    if rules == ANY_NAME and len(os.fsencode(name)) <= NAME_BYTES:
        assert fitted == name


# --- names -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [{}, {"error": errno.EIO}, {"longest": 143}, {"taking": True}])
async def test_every_name_finds_its_place_and_the_ledger_keeps_it(start, kind):
    world = start(Picky(**kind))
    ids = [await world.deliver(name) for name in [*ODD, "bella_1.jpg"]]
    await world.settle()
    assert [world.photo(i).state for i in ids] == [State.FILED] * len(ids)
    assert [world.photo(i).original_name for i in ids] == [*ODD, "bella_1.jpg"]
    assert not world.sidecar.runner.health_issues.open
    rules = world.context.placer.capabilities(world.root).names
    for area in (Area.FACES, Area.LIBRARY):
        names = on_disk(world, area)
        assert len(names) == len(ids)
        assert all(rules.fitted(name) == name for name in names)
    assert "anna_Screenshot 2024-05-01 12_30_45.jpg" in on_disk(world, Area.FACES)
    assert on_disk(world, Area.TEMP) == []
    recorded = {world.context.absolute(n) for i in ids for n in world.names(i)}
    assert {os.path.basename(path) for path in recorded} >= set(on_disk(world, Area.FACES))


async def test_back_on_a_disk_of_linux_a_photo_has_its_own_name(start):
    world = start(Picky())
    photo = await world.deliver("anna_12:30.jpg")
    await world.settle()
    assert on_disk(world, Area.FACES) == ["anna_12_30.jpg"]
    close_world(world)
    again = start()
    again.server.__dict__.update(world.server.__dict__)
    await again.actions.reject([photo], "maria", expect=(State.FILED,))
    assert on_disk(again, Area.TRASH) == ["anna_12:30.jpg"]


def test_the_doctor_says_which_names_a_disk_takes(tmp_path):
    layout = layout_of(load_settings(None, {}, {"root": str(tmp_path)}))
    assert names_check(layout, Disk()).detail == "any name can be used"
    found = names_check(layout, Picky())
    assert (found.verdict, shown(str(tmp_path)) in found.detail) == ("ok", True)
    assert ": < > ?" in found.detail


# --- numbers ---------------------------------------------------------------------------------


async def test_without_stable_numbers_photos_are_copied_and_filed(start):
    world = start(Renumbering())
    ids = [await world.deliver(name) for name in ("anna_1.jpg", "bella_1.jpg", "none_1.jpg")]
    await world.settle()
    assert [world.photo(i).state for i in ids] == [State.FILED, State.FILED, State.REVIEW]
    methods = {n.method for i in ids for n in world.names(i)}
    assert methods == {Method.COPY.value}
    assert on_disk(world, Area.TEMP) == []
    assert not world.sidecar.runner.health_issues.open
    batch = await world.actions.reject(ids[2:], "maria")
    assert batch.done == 1


def test_the_doctor_says_that_numbers_tell_nothing(tmp_path):
    layout = layout_of(load_settings(None, {}, {"root": str(tmp_path)}))
    found = links_check(layout, Renumbering())
    assert (found.verdict, "inode numbers" in found.detail) == ("warning", True)
    assert "hybrid-hash" in found.remedy


def test_equal_numbers_do_not_prove_one_file(tmp_path):
    """Two files of one number: neither goes because of the other."""
    disk = Renumbering(one_for_all=True)
    one, other = written(tmp_path / "a.jpg"), written(tmp_path / "b.jpg", b"other bytes")
    os.link(one, tmp_path / "c.jpg")
    placer = Placer(disk)
    [result] = placer.remove([removal(one, other)])
    assert isinstance(result, NameKept) or "kept" in str(result)
    assert content(one) != content(other)


def test_one_name_in_two_spellings_is_never_dropped_for_itself(tmp_path):
    """The same folder by two paths, on a disk whose numbers do not tell that it is one."""
    disk = Renumbering(one_for_all=True)
    (tmp_path / "real").mkdir()
    (tmp_path / "again").symlink_to(tmp_path / "real")
    one = written(tmp_path / "real" / "a.jpg")
    placer = Placer(disk)
    [result] = placer.remove([removal(one, tmp_path / "again" / "a.jpg")])
    assert isinstance(result, NameKept)
    assert content(one)


def removal(path, surviving_path):
    return RemoveRequest(os.fspath(path), os.fspath(surviving_path), sha256=SHA256)


# --- one file that is refused ----------------------------------------------------------------


class Stubborn(Disk):
    """Takes every file but those of one name."""

    def __init__(self, word, error=errno.EACCES):
        super().__init__()
        self.word, self.error, self.tries = word, error, 0

    def _check(self, path):
        if self.word in os.path.basename(path):
            self.tries += 1
            raise OSError(self.error, os.strerror(self.error), path)

    def link(self, source, target):
        self._check(target)
        super().link(source, target)

    def rename_exclusive(self, source, target):
        self._check(target)
        super().rename_exclusive(source, target)

    def create(self, path):
        self._check(path)
        return super().create(path)


@pytest.mark.parametrize("error", [errno.EACCES, errno.EIO, errno.EINVAL, errno.ENOENT, errno.EBADMSG])
async def test_a_photo_that_no_folder_takes_holds_up_no_other(start, error):
    world = start(Stubborn("anna_bad", error))
    with pytest.raises(FileRefused, match="takes other files"):
        await world.deliver("anna_bad.jpg")
    os.unlink(os.path.join(world.context.layout.inbox, "test", "anna_bad.jpg"))
    world.context.placer.disk.word = "nothing"
    bad = await world.deliver("anna_bad.jpg")
    world.context.placer.disk.word = "anna_bad"
    others = [await world.deliver(f"bella_{n}.jpg") for n in range(12)]
    for name in TO_THE_LIBRARY:
        await world.stage(name)
    assert world.photo(bad).state is State.UNIQUE
    assert "takes other files" in (world.photo(bad).problem or "")
    with pytest.raises(AssertionError, match=r"never at rest: .*UNIQUE: '[a-z]*'>: 1}"):
        await world.settle(turns=20)
    assert [world.photo(i).state for i in others] == [State.FILED] * 12
    world.context.placer.disk.word = "nothing"
    await world.sidecar.runner._retry_problems()
    await world.settle()
    assert world.photo(bad).state is State.FILED


async def test_a_photo_that_its_person_s_folder_refuses_keeps_no_batch_waiting(start):
    world = start()
    disk = world.context.placer.disk = Stubborn("anna_bad")
    disk._check = lambda path: None if "faces/anna" not in path else Stubborn._check(disk, path)
    bad = await world.deliver("anna_bad.jpg")
    for name in (*TO_THE_LIBRARY, *["recognise"] * 10):
        await world.stage(name)
    assert (world.photo(bad).state, bool(world.photo(bad).problem)) == (State.KNOWN, True)
    others = [await world.deliver(f"bella_{n}.jpg") for n in range(20)]
    with pytest.raises(AssertionError, match=r"never at rest: .*KNOWN: '[a-z]*'>: 1}"):
        await world.settle(turns=20)
    assert [world.photo(i).state for i in others] == [State.FILED] * 20


async def test_a_file_that_is_refused_is_tried_ever_more_rarely_and_logged_once(start, caplog):
    disk = Stubborn("anna_bad")
    world = start(disk, settings={"inbox.settle_seconds": 0})
    folder = world.context.layout.inbox
    for name in ("anna_bad.jpg", "bella_1.jpg"):
        written(os.path.join(folder, name))
    now = [0.0]
    world.context.clock.monotonic = lambda: now[0]
    inbox = world.sidecar.inbox

    async def at_once(_seconds):
        return 0.0

    inbox._pause = at_once
    with caplog.at_level(logging.INFO):
        for _ in range(300):
            now[0] += 1
            await inbox.step()
    told = [r for r in caplog.records if "left in the inbox" in r.getMessage()]
    assert len(told) == 1
    assert "anna_bad.jpg" in told[0].getMessage()
    assert disk.tries < 60
    assert os.listdir(folder) == ["anna_bad.jpg"]
    assert inbox.waiting == 1
    disk.word = "nothing"
    now[0] += 61
    await inbox.step()
    assert os.listdir(folder) == []


async def test_an_inbox_whose_photos_no_folder_takes_is_a_trouble(start):
    class Full(Disk):
        def link(self, source, target):
            raise OSError(errno.ENOSPC, "full", target)

    world = start(settings={"inbox.settle_seconds": 0})
    written(os.path.join(world.context.layout.inbox, "anna_1.jpg"))
    world.context.placer.disk = Full()
    with pytest.raises(StorageFull, match="no space"):
        await world.sidecar.inbox.step()
