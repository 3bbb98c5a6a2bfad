"""What people, their other programs and their file systems do to files while smartsort has them."""

# ruff: noqa: ASYNC230, ASYNC240 - small files of the test's own

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from datetime import timedelta

import pytest
from tests.fakes import World, append, close_world, picture, write

from smartsort.actions import PersonSelector
from smartsort.audit import Audit, Code, Weight
from smartsort.audit import audit as audits
from smartsort.audit.repair import Repair
from smartsort.bootstrap import open_sidecar
from smartsort.core.model import State
from smartsort.errors import LedgerError
from smartsort.files.disk import Disk
from smartsort.files.media import IMAGE_EXTENSIONS, RAW_EXTENSIONS, VIDEO_EXTENSIONS
from smartsort.files.placement import Placer
from smartsort.files.stamps import stamp
from smartsort.files.temporary import temporary_in
from smartsort.ledger import key_value, review
from smartsort.pipeline.arrival.claim import Offered
from smartsort.rescue.adopt import Adoption
from smartsort.rescue.offline import offline_context
from smartsort.rescue.rebuild import rebuild


@pytest.fixture(autouse=True)
def _one_look(monkeypatch):
    """Here smartsort moves nothing while an audit looks: what is wrong at once stays so."""
    monkeypatch.setattr(audits, "_LOOKS", ())


@pytest.fixture
def place(tmp_path):
    made = World(os.fspath(tmp_path / "root"))
    yield made
    close_world(made)


@pytest.fixture
def skipping(tmp_path):
    made = World(os.fspath(tmp_path / "root"), settings={"deduplication.action_on_duplicate": "skip"})
    yield made
    close_world(made)


async def sorted_one(world, name="anna_1.jpg", **options):
    photo = await world.deliver(name, **options)
    await world.settle()
    return photo


def audit(world, *, quick=False):
    return Audit(world.context.layout, quick=quick).run()


def found(report):
    return {f.code for f in report.findings}


# --- a duplicate of something that is not there any more -------------------------------------


@pytest.mark.parametrize("what", ["both names", "only the library", "only the person's"])
async def test_a_copy_whose_original_was_deleted_by_hand_is_not_skipped(skipping, what):
    """It is the last copy; in the trash it would be gone after the retention time."""
    first = await sorted_one(skipping, content=picture(7))
    for name in skipping.names(first):
        if what == "both names" or (name.area == "library") == (what == "only the library"):
            os.unlink(skipping.context.absolute(name))
    again = await sorted_one(skipping, "anna_2.jpg", content=picture(7))
    if what != "both names":
        assert skipping.photo(again).state is State.SKIPPED
        return
    assert skipping.photo(again).state is State.REVIEW
    [row] = skipping.ledger.read(review.page).rows
    assert (row.photo_id, row.reason) == (again, "duplicate_of_missing")
    [acted] = await skipping.actions.approve([again], [PersonSelector("Anna")], "eva")
    assert acted.ok


async def test_a_row_of_an_older_downloads_table_vouches_only_for_a_file_that_is_there(skipping, tmp_path):
    old = tmp_path / "old.jpg"
    write(os.fspath(old), picture(8))
    import hashlib

    def insert(db):
        db.conn.execute(
            "INSERT INTO downloads (file_path, filename, file_hash) VALUES (?, 'old.jpg', ?)",
            (os.fspath(old), hashlib.sha256(picture(8)).hexdigest()),
        )

    skipping.ledger.write(insert)
    assert skipping.photo(await sorted_one(skipping, content=picture(8))).state is State.SKIPPED
    old.unlink()
    assert skipping.photo(await sorted_one(skipping, "b.jpg", content=picture(8))).state is State.REVIEW


# --- files that go on changing ---------------------------------------------------------------


async def test_a_file_that_grows_after_it_was_read_is_read_again(place):
    """A writer on another machine that paused for longer than the quiet time still has the file open."""
    photo = await place.deliver("anna_1.jpg")
    await place.stage("examine")
    assert place.photo(photo).state is State.HASHED
    [name] = place.names(photo)
    append(place.context.absolute(name), b"the rest")
    await place.settle()
    held = place.photo(photo)
    assert held.state is State.FILED
    assert all(n.sha256 == held.sha256 and n.size == held.size for n in place.names(photo))
    assert audit(place).weight is Weight.CLEAN


async def test_a_file_that_grows_before_it_is_read_is_known_as_it_was_read(place):
    photo = await place.deliver("anna_1.jpg")
    [name] = place.names(photo)
    append(place.context.absolute(name), b"the rest")
    await place.settle()
    assert place.photo(photo).size == os.stat(place.context.absolute(place.names(photo)[0])).st_size
    assert audit(place).weight is Weight.CLEAN


@pytest.mark.parametrize("keep_time", [False, True])
async def test_a_library_file_edited_through_its_link_is_noticed_and_never_dropped(place, keep_time):
    """faces/ and library/ are one inode: an editor that writes in place changes what Immich has."""
    photo = await sorted_one(place)
    path = os.path.join(place.root, place.places(photo)[0])
    before = os.stat(path)
    with open(path, "r+b") as file:
        file.seek(before.st_size // 2)
        file.write(b"edited by hand")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + (0 if keep_time else 10**9)))
    if keep_time:
        assert found(audit(place)) == {Code.CORRUPT}
        return
    assert found(audit(place, quick=True)) == {Code.EDITED} == found(audit(place))
    with open(path, "rb") as file:
        edited = file.read()
    for act in (
        place.actions.reject([photo], "eva", expect=(State.FILED,)),
        place.actions.refile([photo], [PersonSelector("Bella")], "eva"),
    ):
        [acted] = await act
        assert (acted.ok, acted.code) == (False, "changed_by_hand")
    report = audit(place)
    assert await asyncio.to_thread(Repair(place.context).run, report) == 1
    assert audit(place).weight is Weight.CLEAN
    [acted] = await place.actions.reject([photo], "eva", expect=(State.FILED,))
    [name] = place.names(photo)
    with open(place.context.absolute(name), "rb") as file:
        assert file.read() == edited
    assert acted.ok


async def test_two_hard_links_of_one_file_in_the_inbox_are_a_photo_and_its_duplicate(place):
    inbox = place.context.layout.inbox
    write(f"{inbox}/anna_1.jpg", picture(3))
    os.link(f"{inbox}/anna_1.jpg", f"{inbox}/anna_2.jpg")
    offers = [Offered(f"{inbox}/anna_{n}.jpg", stamp(f"{inbox}/anna_{n}.jpg"), "test") for n in (1, 2)]
    first, second = await place.sidecar.claimer.claim(offers)
    await place.settle()
    assert {place.photo(first.id).state, place.photo(second.id).state} == {State.FILED, State.REVIEW}
    assert audit(place).weight is Weight.CLEAN
    await place.actions.reject([second.id], "eva")
    place.clock.pass_by(minutes=60 * 24 * 40)
    [purged] = await place.actions.purge_expired(30)
    assert (purged.action, purged.photo_id) == ("purged", second.id)
    assert audit(place).weight is Weight.CLEAN


async def test_photos_moved_between_people_by_hand_can_still_be_undone(place):
    photo = await sorted_one(place)
    old = os.path.join(place.root, place.places(photo)[0])
    os.makedirs(f"{place.root}/faces/bella", exist_ok=True)
    moved = f"{place.root}/faces/bella/mine.jpg"
    os.rename(old, moved)
    report = audit(place)
    await asyncio.to_thread(Repair(place.context).run, report)
    assert audit(place).weight is Weight.CLEAN
    [acted] = await place.actions.refile([photo], [PersonSelector("Anna")], "eva")
    assert acted.ok
    [undone] = await place.actions.undo(acted.event, "eva")
    assert place.places(photo) == ["faces/bella/mine.jpg"]
    assert undone.ok
    assert audit(place).weight is Weight.CLEAN


async def test_an_absurd_time_holds_up_nobody(place):
    inbox = place.context.layout.inbox
    write(f"{inbox}/anna_1.jpg", picture(1))
    write(f"{inbox}/anna_2.jpg", picture(2))
    year_2400 = 13_569_465_600 * 10**9
    os.utime(f"{inbox}/anna_1.jpg", ns=(year_2400, year_2400))
    if os.stat(f"{inbox}/anna_1.jpg").st_mtime_ns != year_2400:
        pytest.skip("this file system knows no such year")
    from smartsort.files.inbox import scan_inbox

    scan = scan_inbox(inbox)
    assert [os.path.basename(e.path) for e in scan.entries] == ["anna_2.jpg"]
    assert [left.why for left in scan.left] == ["its time lies beyond the year 2262. Give it another (touch)"]


async def test_same_name_size_and_time_are_still_two_photos(place):
    one, other = picture(21), picture(22)
    size = max(len(one), len(other))  # data after a picture does no harm
    ids = []
    for source, content in (("a", one), ("b", other)):
        path = f"{place.context.layout.inbox}/{source}/anna_1.jpg"
        os.makedirs(os.path.dirname(path))
        write(path, content.ljust(size, b"\0"))
        os.utime(path, ns=(10**18, 10**18))
        [taken] = await place.sidecar.claimer.claim([Offered(path, stamp(path), source)])
        ids.append(taken.id)
    await place.settle()
    assert [place.photo(i).state for i in ids] == [State.FILED, State.FILED]
    assert len({place.places(i)[0] for i in ids}) == 2


def test_immich_takes_no_notice_of_temporary_files():
    """What is being copied into `library/` has a name that is no medium's."""
    ending = os.path.splitext(temporary_in("library"))[1].removeprefix(".")
    assert ending not in IMAGE_EXTENSIONS | RAW_EXTENSIONS | VIDEO_EXTENSIONS


class Stubborn(Disk):
    """An inbox that nothing may be removed from."""

    allowed = False

    def unlink(self, path):
        if "/inbox/" in path and not Stubborn.allowed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        super().unlink(path)


async def test_what_may_not_be_removed_from_the_inbox_is_not_taken_twice(tmp_path, monkeypatch):
    root = os.fspath(tmp_path / "root")
    options = {"placer": lambda guard: Placer(Stubborn(), guard)}
    world = World(root, **options)
    await sorted_one(world)
    lying = f"{root}/inbox/test/anna_1.jpg"
    server, clock = world.server, world.clock
    for _ in range(2):  # not before a restart, not after it
        claimer = world.sidecar.claimer
        now = stamp(lying)
        assert claimer.stuck == {(lying, now.inode, now.mtime_ns)}
        assert audit(world).weight is Weight.CLEAN or found(audit(world)) == {Code.INTENT_OPEN}
        close_world(world)
        world = World(root, server=server, clock=clock, **options)
    monkeypatch.setattr(Stubborn, "allowed", True)
    await world.sidecar.claimer.recover_open_claims()
    assert not os.path.exists(lying)
    assert not world.sidecar.claimer.stuck
    world.check()
    assert audit(world).weight is Weight.CLEAN
    close_world(world)


# --- the trash -------------------------------------------------------------------------------


async def test_purge_and_undo_at_once_end_in_one_of_both(place):
    """Whoever comes first: either the photo is back, whole, or the undo says that it is gone for good."""
    ids = [await place.deliver(f"stranger_{n}.jpg") for n in range(12)]
    await place.settle()
    batch = await place.actions.reject(ids, "eva")
    place.clock.pass_by(minutes=60 * 24 * 40)
    undo = [place.actions.undo(one.event, "eva") for one in batch]
    results = await asyncio.gather(*undo[:6], place.actions.purge_expired(30), *undo[6:])
    purged = {one.photo_id for one in results[6] if one.ok}
    for photo_id, [undone] in zip(ids, (*results[:6], *results[7:]), strict=True):
        state = place.photo(photo_id).state
        assert state is (State.PURGED if photo_id in purged else State.REVIEW)
        assert undone.ok is (photo_id not in purged)
    assert audit(place).weight is Weight.CLEAN
    place.check()


async def test_nothing_is_purged_while_the_clock_has_not_passed_the_retention_time(place):
    photo = await sorted_one(place, "stranger_1.jpg")
    await place.actions.reject([photo], "eva")
    now = place.clock.now()
    assert await place.actions.purge_expired(30, now + timedelta(days=29, hours=23)) == []
    assert len(await place.actions.purge_expired(30, now + timedelta(days=30, hours=1))) == 1


# --- the ledger ------------------------------------------------------------------------------


async def test_a_root_with_photos_is_not_begun_anew_without_its_ledger(tmp_path):
    """The ledger's disk is not mounted: a new, empty ledger would take every photo for unknown."""
    root, ledger = tmp_path / "root", tmp_path / "disk" / "ledger.db"
    options = {"directories.ledger_file": os.fspath(ledger)}
    world = World(os.fspath(root), settings=options)
    await sorted_one(world)
    settings, server = world.sidecar.settings, world.server
    close_world(world)
    away = tmp_path / "away"
    shutil.move(ledger.parent, away)
    ledger.parent.mkdir()
    with pytest.raises(LedgerError, match="has been in use"):
        open_sidecar(settings, server=server)
    assert os.listdir(ledger.parent) == []
    ledger.parent.rmdir()
    shutil.move(away, ledger.parent)
    again = World(os.fspath(root), settings=options)
    assert again.photo(1).state is State.FILED
    close_world(again)


async def test_a_root_whose_photos_never_came_may_begin_anew(tmp_path):
    world = World(os.fspath(tmp_path / "root"))
    close_world(world)
    os.unlink(tmp_path / "root" / "smartsort.db")
    close_world(World(os.fspath(tmp_path / "root")))


async def test_a_rebuild_that_was_interrupted_is_not_taken_for_a_ledger(tmp_path, monkeypatch):
    world = World(os.fspath(tmp_path / "root"))
    photo = await sorted_one(world)
    settings, server = world.sidecar.settings, world.server
    close_world(world)
    adopt = Adoption._adopt

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Adoption, "_adopt", killed)
    os.unlink(tmp_path / "root" / "smartsort.db")
    with pytest.raises(KeyboardInterrupt):
        await asyncio.to_thread(rebuild, settings, None, lambda _: None)
    with pytest.raises(LedgerError, match="rebuild` was interrupted"):
        open_sidecar(settings, server=server)
    monkeypatch.setattr(Adoption, "_adopt", adopt)
    await asyncio.to_thread(rebuild, settings, None, lambda _: None)
    with offline_context(settings) as context:
        assert context.ledger.read(lambda db: key_value.get(db, key_value.CATCHING_UP)) is None
        assert context.ledger.read(lambda db: db.conn.execute("SELECT count(*) FROM photos").fetchone()) == (
            1,
        )
    assert photo == 1


async def test_a_damaged_ledger_stops_the_sidecar_with_a_word_and_not_with_a_loop(place):
    def broken(_db):
        import sqlite3

        problem = sqlite3.DatabaseError("database disk image is malformed")
        problem.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise problem

    with pytest.raises(LedgerError, match="restore"):
        place.ledger.write(broken)
    with pytest.raises(LedgerError, match="restore"):
        place.ledger.read(broken)
