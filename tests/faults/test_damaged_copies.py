"""A copy that was edited, emptied, replaced or damaged is no copy: nothing is put away because of it."""

from __future__ import annotations

import hashlib
import os

import pytest
from tests.fakes import TO_THE_LIBRARY, World, close_world, content_of, picture, write

from smartsort.actions import PersonSelector
from smartsort.audit import Audit, Weight
from smartsort.audit import audit as audits
from smartsort.core.model import State
from smartsort.files.stamps import stamp
from smartsort.ledger import decisions, photos, review
from smartsort.pipeline.arrival.claim import Offered
from smartsort.ports import UploadCopy

MONTH = 60 * 24 * 40


def in_place(path, content):
    """Write over a file without a new inode."""
    with open(path, "r+b") as file:
        file.truncate(0)
        file.write(content)


def empty(path):
    os.truncate(path, 0)


def edit(path):
    in_place(path, picture(4711))


def corrupt(path):
    """Other bytes, the same size and time: a failing disk."""
    before = os.stat(path)
    with open(path, "r+b") as file:
        file.seek(before.st_size // 2)
        byte = file.read(1)
        file.seek(before.st_size // 2)
        file.write(bytes([byte[0] ^ 0xFF]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path):
    """As an editor does that writes a new file and renames it over the old one."""
    write(f"{path}.new", picture(4712))
    os.replace(f"{path}.new", path)


def remove(path):
    os.unlink(path)


DAMAGES = [empty, edit, corrupt, replace, remove]


@pytest.fixture
def make(tmp_path):
    made = []

    def new(**settings):
        made.append(World(os.fspath(tmp_path / "root"), settings=settings))
        return made[-1]

    yield new
    for world in made:
        close_world(world)


@pytest.fixture
def skipping(make):
    return make(**{"deduplication.action_on_duplicate": "skip"})


@pytest.fixture
def place(make):
    return make()


async def sorted_one(world, name="anna_1.jpg", **options):
    photo = await world.deliver(name, **options)
    await world.settle()
    return photo


def damage_all(world, photo, how):
    """Every name of a photo; hard links are one file."""
    seen = set()
    for name in world.names(photo):
        path = world.context.absolute(name)
        if how in (replace, remove) or os.stat(path).st_ino not in seen:
            seen.add(os.stat(path).st_ino)
            how(path)


def held(world, content):
    """How many files below the root have these bytes; the inbox left out."""
    return sum(content_of(os.path.join(world.root, path)) == content for path in world.tree())


def reason(world, photo):
    [row] = [r for r in world.ledger.read(review.page).rows if r.photo_id == photo]
    return row.reason


def detail(world, photo):
    return world.ledger.read(lambda db: decisions.last_decided(db, photo)).reasons[0].detail


# --- what arrives ----------------------------------------------------------------------------


@pytest.mark.parametrize("how", DAMAGES)
async def test_a_photo_whose_only_copy_is_damaged_is_not_skipped(skipping, how):
    first = await sorted_one(skipping, content=picture(7))
    damage_all(skipping, first, how)
    again = await sorted_one(skipping, "anna_2.jpg", content=picture(7))
    assert skipping.photo(again).state is State.REVIEW
    wanted = "duplicate_of_missing" if how is remove else "duplicate_of_damaged"
    assert reason(skipping, again) == wanted
    assert "faces/anna/anna_1.jpg" in detail(skipping, again)
    [acted] = await skipping.actions.approve([again], [PersonSelector("Anna")], "eva")
    assert acted.ok
    assert held(skipping, picture(7)) == 1


@pytest.mark.parametrize("how", DAMAGES)
async def test_one_intact_copy_among_damaged_ones_is_enough(place, how):
    first = await sorted_one(place, content=picture(7))
    second = await sorted_one(place, "anna_2.jpg", content=picture(7))
    damage_all(place, first, how)
    place.sidecar.runtime_settings.set_policy({"action_on_duplicate": "skip"})
    third = await sorted_one(place, "anna_3.jpg", content=picture(7))
    assert place.photo(third).state is State.SKIPPED
    assert place.photo(third).duplicate_of == second


async def test_a_touched_copy_is_still_a_copy(skipping):
    first = await sorted_one(skipping, content=picture(7))
    for name in skipping.names(first):
        os.utime(skipping.context.absolute(name), ns=(10**18, 10**18))
    again = await sorted_one(skipping, "anna_2.jpg", content=picture(7))
    assert skipping.photo(again).state is State.SKIPPED


@pytest.mark.parametrize("how", DAMAGES)
async def test_a_row_of_an_older_table_counts_only_while_its_file_has_these_bytes(skipping, tmp_path, how):
    old, spare = os.fspath(tmp_path / "old.jpg"), os.fspath(tmp_path / "spare.jpg")
    write(old, picture(8))
    write(spare, picture(8))
    sha256 = hashlib.sha256(picture(8)).hexdigest()

    def insert(db):
        for path in (old, spare):
            db.conn.execute("INSERT INTO downloads (file_path, file_hash) VALUES (?, ?)", (path, sha256))

    skipping.ledger.write(insert)
    how(old)
    first = await sorted_one(skipping, content=picture(8))
    assert skipping.photo(first).state is State.SKIPPED
    await skipping.actions.undo((await events_of(skipping, first, "skipped"))[-1], "eva")
    how(spare)
    await skipping.settle()
    assert skipping.photo(first).state is State.FILED


async def events_of(world, photo, kind):
    from smartsort.ledger import events

    found = await world.ledger.aread(lambda db: events.of_photo(db, photo))
    return [e.id for e in found if e.kind == kind]


async def test_the_photo_itself_is_no_copy_of_its_row_in_an_older_table(skipping):
    """A collection of before, handed in from where the table says it lies."""
    path = f"{skipping.context.layout.inbox}/anna_1.jpg"
    write(path, picture(8))
    sha256 = hashlib.sha256(picture(8)).hexdigest()
    sql = "INSERT INTO downloads (file_path, file_hash) VALUES (?, ?)"
    skipping.ledger.write(lambda db: db.conn.execute(sql, (path, sha256)))
    [taken] = await skipping.sidecar.claimer.claim([Offered(path, stamp(path), "test")])
    await skipping.settle()
    assert skipping.photo(taken.id).state is State.FILED


async def test_a_copy_without_the_sidecar_of_this_one_does_not_make_it_superfluous(skipping):
    await sorted_one(skipping, content=picture(7))
    again = await sorted_one(skipping, "anna_2.jpg", content=picture(7), xmp=b"<x/>")
    assert skipping.photo(again).state is State.REVIEW
    assert "lacks the xmp" in detail(skipping, again)
    await skipping.actions.approve([again], [PersonSelector("Anna")], "eva")
    third = await sorted_one(skipping, "anna_3.jpg", content=picture(7), xmp=b"<x/>")
    assert skipping.photo(third).state is State.SKIPPED


# --- near duplicates -------------------------------------------------------------------------


async def near_pair(world, how=None):
    """A photo, then damaged, and another that Immich finds nearly equal."""
    first = await sorted_one(world, content=picture(5, 64, 64))
    if how is not None:
        damage_all(world, first, how)
    second = await world.deliver("anna_2.jpg", content=picture(6))
    for name in TO_THE_LIBRARY:
        await world.stage(name)
    await world.server.scan(world.server.libraries_made[0].id)
    assets = [world.photo(first).asset_id, world.server.asset_at("anna_2.jpg").id]
    world.server.look_alikes = {"g": assets}
    await world.settle()
    return first, second


@pytest.mark.parametrize("how", [None, *DAMAGES])
async def test_a_damaged_picture_is_no_better_copy(make, how):
    world = make(**{"deduplication.near_duplicates": True})
    _, second = await near_pair(world, how)
    assert world.photo(second).state is (State.REVIEW if how is None else State.FILED)


@pytest.mark.parametrize("how", [None, *DAMAGES])
@pytest.mark.parametrize("when", ["before the rejection", "after it"])
async def test_a_near_copy_goes_only_while_the_other_is_intact(make, how, when):
    world = make(**{"deduplication.near_duplicates": True})
    first, second = await near_pair(world)
    if how is not None and when == "before the rejection":
        damage_all(world, first, how)
    [acted] = await world.actions.reject([second], "eva")
    if how is not None and when == "before the rejection":
        assert not acted.ok
        assert "faces/anna/anna_1.jpg" in detail(world, second)
        [acted] = await world.actions.reject([second], "eva")
        assert acted.ok
        return
    if how is not None:
        damage_all(world, first, how)
    world.clock.pass_by(minutes=MONTH)
    [purged] = await world.actions.purge_expired(30)
    assert purged.ok is (how is None)
    assert held(world, picture(6)) == (0 if how is None else 2)


# --- a human rejects -------------------------------------------------------------------------


@pytest.mark.parametrize("how", DAMAGES)
async def test_a_duplicate_is_not_rejected_for_a_copy_that_was_damaged_since(place, how):
    first = await sorted_one(place, content=picture(7))
    again = await sorted_one(place, "anna_2.jpg", content=picture(7))
    assert reason(place, again) == "duplicate"
    damage_all(place, first, how)
    [foreseen] = await place.actions.reject([again], "eva", dry_run=True)
    assert not foreseen.ok
    assert reason(place, again) == "duplicate"
    [acted] = await place.actions.reject([again], "eva")
    assert (acted.ok, acted.code) == (False, "changed_by_hand")
    assert acted.problem.startswith(f"photo {again} may be the last copy: ")
    assert place.photo(again).state is State.REVIEW
    assert reason(place, again) in ("duplicate_of_damaged", "duplicate_of_missing")
    # Now the reason says so, and a human may insist.
    [acted] = await place.actions.reject([again], "eva")
    assert acted.ok


async def test_two_duplicates_rejected_together_are_no_reason_for_each_other(place):
    first = await sorted_one(place, content=picture(7))
    copies = [await sorted_one(place, f"anna_{n}.jpg", content=picture(7)) for n in (2, 3)]
    damage_all(place, first, corrupt)
    batch = await place.actions.reject(copies, "eva")
    assert batch.done == 0
    assert {reason(place, i) for i in copies} == {"duplicate_of_damaged"}


async def test_a_photo_and_its_duplicate_may_be_rejected_together(place):
    first = await sorted_one(place, "stranger_1.jpg", content=picture(7))
    again = await sorted_one(place, "stranger_2.jpg", content=picture(7))
    batch = await place.actions.reject([first, again], "eva")
    assert batch.done == 2
    place.clock.pass_by(minutes=MONTH)
    assert {a.photo_id for a in await place.actions.purge_expired(30) if a.ok} == {first, again}


# --- the end of the retention time -----------------------------------------------------------


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("by", ["smartsort", "eva"])
async def test_the_last_intact_copy_is_not_purged(make, how, by):
    skip = {"deduplication.action_on_duplicate": "skip"} if by == "smartsort" else {}
    world = make(**skip)
    first = await sorted_one(world, content=picture(7))
    again = await sorted_one(world, "anna_2.jpg", content=picture(7))
    if by == "eva":
        await world.actions.reject([again], by)
    assert world.photo(again).state in photos.TRASHED
    damage_all(world, first, how)
    world.clock.pass_by(minutes=MONTH)
    [kept] = await world.actions.purge_expired(30)
    assert not kept.ok
    await world.settle()
    assert held(world, picture(7)) == 1
    assert world.photo(again).state is State.REVIEW
    if by == "smartsort":
        assert reason(world, again) in ("duplicate_of_damaged", "duplicate_of_missing")
    assert await world.actions.purge_expired(30) == []


async def test_a_duplicate_is_purged_while_its_copy_is_intact_or_was_rejected_for_itself(skipping):
    first = await sorted_one(skipping, content=picture(7))
    again = await sorted_one(skipping, "anna_2.jpg", content=picture(7))
    other = await sorted_one(skipping, "stranger_3.jpg", content=picture(8))
    same = await sorted_one(skipping, "stranger_4.jpg", content=picture(8))
    await skipping.actions.reject([other], "eva")
    skipping.clock.pass_by(minutes=MONTH)
    done = await skipping.actions.purge_expired(30)
    assert {a.photo_id for a in done if a.ok} == {again, other, same}
    assert skipping.photo(first).state is State.FILED


@pytest.mark.parametrize("now", ["there", "gone", "trashed", "silent"])
async def test_what_immich_alone_has_is_asked_for_again_before_the_last_file_goes(skipping, now):
    sha1 = hashlib.sha1(picture(7)).hexdigest()
    skipping.server.uploads[sha1] = UploadCopy("up-1", False)
    photo = await sorted_one(skipping, content=picture(7))
    assert skipping.photo(photo).state is State.SKIPPED
    skipping.clock.pass_by(minutes=MONTH)
    if now == "gone":
        del skipping.server.uploads[sha1]
    elif now == "trashed":
        skipping.server.uploads[sha1] = UploadCopy("up-1", True)
    skipping.server.down = now == "silent"
    [acted] = await skipping.actions.purge_expired(30)
    assert acted.ok is (now == "there")
    skipping.server.down = False
    await skipping.settle()
    if now == "there":
        assert skipping.photo(photo).state is State.PURGED
    elif now == "silent":
        assert skipping.photo(photo).state is State.SKIPPED
        [acted] = await skipping.actions.purge_expired(30)
        assert acted.ok
    else:
        assert held(skipping, picture(7)) == (1 if now == "trashed" else 2)
        assert skipping.photo(photo).state is not State.SKIPPED


# --- before a download -----------------------------------------------------------------------


@pytest.mark.parametrize("how", [None, *DAMAGES])
async def test_what_is_damaged_is_worth_downloading_again(place, how):
    from smartsort.api.intake import _Intake

    first = await sorted_one(place, content=picture(7))
    if how is not None:
        damage_all(place, first, how)
    said = await _Intake(place.sidecar).have(hashlib.sha256(picture(7)).hexdigest())
    assert (said.known, said.available) == (True, how is None)


async def test_an_audit_after_all_of_it_is_clean(skipping, monkeypatch):
    monkeypatch.setattr(audits, "_LOOKS", ())  # nothing is being moved
    first = await sorted_one(skipping, content=picture(7))
    damage_all(skipping, first, edit)
    await sorted_one(skipping, "anna_2.jpg", content=picture(7))
    assert Audit(skipping.context.layout).run().weight is Weight.DRIFT
