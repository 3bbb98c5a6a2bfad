"""Deleting in Immich means rejecting, restoring there undoes it; and what must not be taken for it."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from datetime import timedelta

import pytest
from tests.fake_immich import FakeServer
from tests.fakes import World, close_world, content_of, picture

from smartsort.core.event_kinds import EventKind
from smartsort.core.model import State
from smartsort.errors import ImmichUnreachable
from smartsort.ledger import deletions, events, outbox
from smartsort.pipeline.engine.intact import Intact
from smartsort.pipeline.recheck.deleted import TURNS

pytestmark = pytest.mark.usefixtures("ways_to_look")

LONG = TURNS + 1
NAMES = ("anna_1.jpg", "anna_2.jpg", "bella_1.jpg")


@pytest.fixture
def root(tmp_path):
    return os.fspath(tmp_path / "root")


@pytest.fixture
def make(root):
    made: list[World] = []

    def make(**options) -> World:
        while made:
            close_world(made.pop())
        made.append(World(root, **options))
        return made[-1]

    yield make
    for world in made:
        close_world(world)


@pytest.fixture
def world(make):
    return make(settings={"immich.max_unconfirmed_deletions": 2})


async def filed(world: World, *names: str) -> list[int]:
    ids = [await world.deliver(name) for name in names]
    await world.settle()
    await world.sidecar.people.refresh()
    return ids


async def step(world: World, name: str) -> None:
    """One step of a stage. The outbox is woken for what it posts, and need not look by itself."""

    def posted() -> set[int]:
        return {m.id for m in world.ledger.read(lambda db: outbox.due(db, world.clock.text(), 1000))}

    before, woken = posted(), world.context.wakeups.subscribe(State.FILED, State.REVIEW)
    await world.stage(name)
    assert woken.is_set() or posted() <= before
    world.context.wakeups.unsubscribe(woken)


async def recheck(world: World, runs: int = 1) -> None:
    """So many runs; with `LONG` one of them is for what lies in our own trash."""
    for _ in range(runs):
        await step(world, "recheck")
        await world.tell()


def trash(world: World, *names: str) -> None:
    for name in names:
        world.server.asset_at(name).trashed_by_user = True


def restore(world: World, *names: str) -> None:
    for name in names:
        asset = world.server.asset_at(name)
        asset.restored, asset.trashed_by_user = asset.trashed_by_user and asset.offline, False


def forget(world: World, *names: str) -> None:
    """Immich's trash is emptied, or the photo is deleted for good at once."""
    for name in names:
        del world.server.assets[world.server.asset_at(name).id]


def kinds(world: World, photo_id: int) -> list[str]:
    return [e.kind for e in world.ledger.read(lambda db: events.of_photo(db, photo_id))]


def areas(world: World, photo_id: int) -> set[str]:
    return {name.area.value for name in world.names(photo_id)}


def held(world: World) -> list[int]:
    return world.ledger.read(deletions.held)


# --- the way there and back ------------------------------------------------------------------


async def test_a_photo_deleted_in_immich_is_rejected_and_its_file_waits(world):
    first, second, third = await filed(world, *NAMES)
    trash(world, "anna_1.jpg")
    await recheck(world)
    assert world.photo(first).state is State.REJECTED
    assert areas(world, first) == {"library"}
    assert not [path for path in world.tree() if path.startswith("faces/anna/anna_1")]
    assert world.places(second) == ["faces/anna/anna_2.jpg"]
    assert world.places(third) == ["faces/bella/bella_1.jpg"]
    [event] = world.ledger.read(lambda db: events.of_photo(db, first))[-1:]
    assert (event.kind, event.actor) == (EventKind.REMOVED_IN_IMMICH, "Immich")
    world.check()


async def test_restoring_it_in_immich_takes_that_back(world):
    [photo_id] = await filed(world, "anna_1.jpg")
    before = world.tree()
    trash(world, "anna_1.jpg")
    await recheck(world)
    restore(world, "anna_1.jpg")
    await recheck(world)
    assert world.photo(photo_id).state is State.FILED
    assert world.tree() == before
    await recheck(world, LONG)
    assert world.photo(photo_id).state is State.FILED
    world.check()


async def test_a_photo_in_review_is_rejected_too_and_comes_back_to_the_queue(world):
    [photo_id] = await filed(world, "stranger_1.jpg")
    trash(world, "stranger_1.jpg")
    await recheck(world, 2)
    assert world.photo(photo_id).state is State.REJECTED
    restore(world, "stranger_1.jpg")
    await recheck(world, 2)
    assert world.places(photo_id) == ["review/unidentified/unknown_stranger_1.jpg"]
    world.check()


async def test_after_the_grace_period_the_file_goes_to_the_trash_and_can_still_come_back(world):
    [photo_id] = await filed(world, "anna_1.jpg")
    content = content_of(os.path.join(world.root, world.places(photo_id)[0]))
    trash(world, "anna_1.jpg")
    await recheck(world)
    world.clock.pass_by(hours=23)
    await recheck(world)
    assert areas(world, photo_id) == {"library"}
    world.clock.pass_by(hours=2)
    await recheck(world)
    assert areas(world, photo_id) == {"trash"}
    assert world.server.asset_at("anna_1.jpg").offline
    world.check()
    restore(world, "anna_1.jpg")
    await recheck(world, LONG)
    assert world.photo(photo_id).state is State.FILED
    assert content_of(os.path.join(world.root, "faces", "anna", "anna_1.jpg")) == content
    assert not world.server.asset_at("anna_1.jpg").offline
    world.check()


async def test_emptying_immichs_trash_moves_the_file_at_once_and_no_scan_brings_it_back(world):
    [photo_id, _] = await filed(world, "anna_1.jpg", "bella_1.jpg")
    trash(world, "anna_1.jpg")
    await recheck(world)
    forget(world, "anna_1.jpg")
    await recheck(world)
    assert areas(world, photo_id) == {"trash"}
    await world.server.scan(world.server.libraries_made[0].id)
    assert not [a for a in world.server.assets.values() if a.path.endswith("anna_1.jpg")]
    await recheck(world, LONG)
    assert world.photo(photo_id).state is State.REJECTED
    world.check()


async def test_a_scan_between_emptying_and_the_look_makes_no_difference(world):
    [photo_id, _] = await filed(world, "anna_1.jpg", "bella_1.jpg")
    trash(world, "anna_1.jpg")
    await recheck(world)
    forget(world, "anna_1.jpg")
    await world.server.scan(world.server.libraries_made[0].id)
    await recheck(world, 2)
    assert (world.photo(photo_id).state, areas(world, photo_id)) == (State.REJECTED, {"trash"})
    assert world.server.asset_at("anna_1.jpg").offline


@pytest.mark.parametrize("scanned", [False, True])
async def test_deleted_for_good_while_nobody_looked_it_is_rejected_beside_a_witness(make, world, scanned):
    ids = await filed(world, *NAMES)
    forget(world, "anna_1.jpg")
    if scanned:
        await world.server.scan(world.server.libraries_made[0].id)
    world = make(server=world.server)
    for _ in range(3):
        await step(world, "reconcile")
    await world.tell()
    assert [world.photo(i).state for i in ids] == [State.REJECTED, State.FILED, State.FILED]
    assert areas(world, ids[0]) == {"trash"}
    world.check()


async def test_the_known_content_route_says_so(world):
    content = picture(99)
    photo_id = await world.deliver("anna_1.jpg", content)
    await world.settle()
    await world.sidecar.people.refresh()
    trash(world, "anna_1.jpg")
    await recheck(world)
    copy = Intact(world.context).copy_of(0, hashlib.sha256(content).hexdigest())
    assert copy is not None
    assert (copy.photo_id, copy.alive) == (photo_id, False)


# --- either side takes it back ---------------------------------------------------------------


@pytest.mark.parametrize("put_away", [False, True])
async def test_undone_in_smartsort_it_stays_although_immich_still_has_it_in_its_trash(world, put_away):
    [photo_id] = await filed(world, "anna_1.jpg")
    trash(world, "anna_1.jpg")
    await recheck(world)
    if put_away:
        world.clock.pass_by(days=2)
        await recheck(world)
        assert areas(world, photo_id) == {"trash"}
    batch = await world.actions.undo_photo(photo_id, "maria")
    assert batch.done == 1, batch.results
    await world.tell()
    await recheck(world, LONG)
    assert world.places(photo_id) == ["faces/anna/anna_1.jpg"]
    restore(world, "anna_1.jpg")
    await recheck(world, LONG)
    trash(world, "anna_1.jpg")
    await recheck(world, 2)
    assert world.photo(photo_id).state is State.REJECTED, "deleted once more, it is a new word"
    world.check()


async def test_undone_in_smartsort_and_emptied_in_immich_it_gets_a_new_asset(world):
    [photo_id] = await filed(world, "anna_1.jpg")
    old = world.photo(photo_id).asset_id
    trash(world, "anna_1.jpg")
    await recheck(world)
    await world.actions.undo_photo(photo_id, "maria")
    forget(world, "anna_1.jpg")
    await recheck(world, 3)
    await world.tell(minutes=3)
    assert world.places(photo_id) == ["faces/anna/anna_1.jpg"]
    assert world.photo(photo_id).asset_id not in (None, old)
    assert not world.ledger.read(deletions.rows)


async def test_a_new_asset_gets_the_album_of_the_old_one_and_its_person_once_the_faces_are_found(
    make, monkeypatch
):
    async def none_yet(_):
        return ()

    def untold():
        return world.ledger.read(lambda db: outbox.untold(db, [photo_id]))

    world = make(settings={"immich.album_per_person": True})
    [photo_id] = await filed(world, "anna_1.jpg")
    trash(world, "anna_1.jpg")
    await recheck(world)
    await world.actions.undo_photo(photo_id, "maria")
    forget(world, "anna_1.jpg")
    with monkeypatch.context() as patch:
        patch.setattr(world.server, "faces", none_yet)
        await recheck(world, 3)
        await world.tell(minutes=3)
        assert untold() == {photo_id}
    await world.tell(minutes=60)
    assert untold() == set()
    assert world.photo(photo_id).asset_id in world.server.described()["albums"]["Anna"]


async def test_a_photo_rejected_here_and_restored_there_comes_back(world):
    [photo_id] = await filed(world, "anna_1.jpg")
    trash(world, "anna_1.jpg")
    await recheck(world)
    await world.actions.undo_photo(photo_id, "maria")
    await world.actions.reject([photo_id], "maria", expect=(State.FILED,))
    await world.tell()
    assert areas(world, photo_id) == {"trash"}
    restore(world, "anna_1.jpg")
    await recheck(world, LONG)
    assert world.places(photo_id) == ["faces/anna/anna_1.jpg"]
    world.check()


@pytest.mark.parametrize("kept", [False, True], ids=["rejected", "undone"])
async def test_restored_as_another_asset_it_is_not_missed_after_the_next_start(make, world, kept):
    """The state machine found it: the ledger had the asset that was emptied meanwhile."""
    photo_id, _ = await filed(world, "anna_1.jpg", "bella_1.jpg")
    trash(world, "anna_1.jpg")
    await recheck(world)
    await world.actions.undo_photo(photo_id, "eva")
    forget(world, "anna_1.jpg")
    await world.server.scan(world.server.libraries_made[0].id)
    trash(world, "anna_1.jpg")
    await recheck(world)
    assert world.photo(photo_id).state is State.REJECTED
    if kept:
        await world.actions.undo_photo(photo_id, "eva")
    restore(world, "anna_1.jpg")
    await recheck(world, 2)
    assert world.photo(photo_id).asset_id == world.server.asset_at("anna_1.jpg").id
    world = make(server=world.server)
    for _ in range(3):
        await step(world, "reconcile")
    await world.tell(minutes=3)
    assert world.photo(photo_id).state is State.FILED
    assert world.places(photo_id) == ["faces/anna/anna_1.jpg"]
    world.check()


@pytest.mark.parametrize("emptied", ["before the undo", "after it", "after it, and scanned"])
async def test_emptied_unseen_it_counts_only_once_immich_had_the_file_back(make, world, emptied):
    """The state machine found it: Immich had the photo in its trash, and smartsort still waited for it."""
    photo_id, _ = await filed(world, "anna_1.jpg", "bella_1.jpg")
    trash(world, "anna_1.jpg")
    await world.actions.reject([photo_id], "eva", expect=(State.FILED,))
    await world.tell()
    if emptied == "before the undo":
        forget(world, "anna_1.jpg")
    await world.actions.undo_photo(photo_id, "eva")
    if emptied != "before the undo":
        await world.tell(minutes=1)
        forget(world, "anna_1.jpg")
    if emptied.endswith("scanned"):
        await world.server.scan(world.server.libraries_made[0].id)
    world = make(server=world.server)
    for _ in range(3):
        await step(world, "reconcile")
    await world.tell(minutes=3)
    wanted = State.FILED if emptied == "before the undo" else State.REJECTED
    assert world.photo(photo_id).state is wanted
    assert not world.ledger.read(outbox.next_due)
    world.check()


async def test_a_photo_that_has_a_new_asset_in_immichs_trash_gets_that_one(world):
    [photo_id] = await filed(world, "anna_1.jpg")
    await world.actions.reject([photo_id], "eva", expect=(State.FILED,))
    await world.tell()
    forget(world, "anna_1.jpg")
    await world.actions.undo_photo(photo_id, "eva")
    await world.server.scan(world.server.libraries_made[0].id)
    trash(world, "anna_1.jpg")
    await world.tell()
    assert world.photo(photo_id).asset_id == world.server.asset_at("anna_1.jpg").id
    await recheck(world)
    assert world.photo(photo_id).state is State.REJECTED
    world.check()


async def test_what_immich_has_not_heard_of_a_photo_does_not_hide_that_it_was_deleted(make, world):
    photo_id, _ = await filed(world, "anna_1.jpg", "bella_1.jpg")
    later = (world.clock.now() + timedelta(days=1)).isoformat(timespec="milliseconds")
    told = {"asset_id": world.photo(photo_id).asset_id, "album": "Holidays"}
    await world.ledger.awrite(lambda db: outbox.post(db, "album_add", photo_id, told, later))
    forget(world, "anna_1.jpg")
    world = make(server=world.server)
    for _ in range(3):
        await step(world, "reconcile")
    assert world.photo(photo_id).state is State.REJECTED


async def test_redone_in_smartsort_it_is_put_away_in_the_end(world):
    [photo_id] = await filed(world, "anna_1.jpg")
    trash(world, "anna_1.jpg")
    await recheck(world)
    restore(world, "anna_1.jpg")
    await recheck(world)
    [undone] = [
        e for e in world.ledger.read(lambda db: events.of_photo(db, photo_id)) if e.kind == EventKind.UNDONE
    ]
    assert undone.actor == "Immich"
    batch = await world.actions.undo(undone.id, "maria")
    assert batch.done == 1
    await recheck(world, LONG)
    assert world.photo(photo_id).state is State.REJECTED
    world.clock.pass_by(days=2)
    await recheck(world)
    assert areas(world, photo_id) == {"trash"}
    world.check()


# --- what is no user's word ------------------------------------------------------------------


async def test_what_smartsort_took_offline_itself_was_not_deleted_by_a_user(world):
    first, second = await filed(world, "anna_1.jpg", "bella_1.jpg")
    await world.actions.reject([first], "maria", expect=(State.FILED,))
    await world.tell()
    assert world.server.asset_at("anna_1.jpg").offline
    await recheck(world, 3)
    assert not world.ledger.read(deletions.rows)
    assert world.photo(second).state is State.FILED


async def test_a_library_that_immich_cannot_read_makes_photos_offline_and_rejects_none(world):
    ids = await filed(world, *NAMES)
    for asset in world.server.assets.values():
        asset.offline = True
    await recheck(world, LONG)
    assert {world.photo(i).state for i in ids} == {State.FILED}


async def test_a_library_that_is_being_removed_in_immich_rejects_none(world):
    """Immich marks all its photos as deleted, with their files there."""
    ids = await filed(world, "anna_1.jpg", "bella_1.jpg")
    trash(world, "anna_1.jpg", "bella_1.jpg")
    world.server.libraries_made.clear()
    await recheck(world, 3)
    assert {world.photo(i).state for i in ids} == {State.FILED}
    assert not world.ledger.read(deletions.rows)


async def test_an_outage_concludes_nothing(world):
    [photo_id, _] = await filed(world, "anna_1.jpg", "bella_1.jpg")
    trash(world, "anna_1.jpg")
    await recheck(world)
    world.server.down = True
    for _ in range(6):
        with pytest.raises(ImmichUnreachable):
            await step(world, "recheck")
    world.server.down = False
    await recheck(world, 2)
    assert (world.photo(photo_id).state, areas(world, photo_id)) == (State.REJECTED, {"library"})


async def test_an_immich_that_has_lost_all_photos_is_given_them_again(make, world):
    """A reset, another library, another user's key: without a witness nothing is taken for a deletion."""
    ids = await filed(world, *NAMES)
    forget(world, *NAMES)
    world = make(server=world.server)
    for _ in range(3):
        await step(world, "reconcile")
    await world.tell(minutes=3)
    assert {world.photo(i).state for i in ids} == {State.FILED}
    assert not world.ledger.read(deletions.rows)


async def test_what_came_after_the_backup_that_immich_was_restored_from_waits_for_a_word(make, world):
    [old] = await filed(world, "anna_1.jpg")
    world.clock.pass_by(days=1)
    [new] = await filed(world, "bella_1.jpg")
    forget(world, "bella_1.jpg")
    world = make(server=world.server)
    for _ in range(3):
        await step(world, "reconcile")
    assert world.photo(new).state is State.FILED
    assert held(world) == [new]
    await world.actions.answer(10, "maria", reject=False)
    await recheck(world, 2)
    await world.tell(minutes=3)
    assert {world.photo(i).state for i in (old, new)} == {State.FILED}
    assert world.photo(new).asset_id == world.server.asset_at("bella_1.jpg").id


async def test_a_file_that_is_gone_on_our_side_too_was_not_deleted_in_immich(make, world):
    ids = await filed(world, *NAMES)
    path = next(n for n in world.names(ids[0]) if n.area.value == "library").path
    os.rename(os.path.join(world.root, "library", path), os.path.join(world.root, "elsewhere"))
    forget(world, "anna_1.jpg")
    world = make(server=world.server)
    for _ in range(3):
        await step(world, "reconcile")
    assert world.photo(ids[0]).state is State.FILED
    os.rename(os.path.join(world.root, "elsewhere"), os.path.join(world.root, "library", path))


async def test_switched_off_nothing_is_asked_and_nothing_happens(make):
    world = make(settings={"immich.follow_deletions": False})
    [photo_id] = await filed(world, "anna_1.jpg")
    trash(world, "anna_1.jpg")
    before = Counter(world.server.calls_made)
    await recheck(world, 3)
    assert world.photo(photo_id).state is State.FILED
    assert Counter(world.server.calls_made) == before


# --- many at once ----------------------------------------------------------------------------


async def test_more_than_so_many_wait_for_a_word_and_are_then_taken_over(world):
    ids = await filed(world, *NAMES)
    trash(world, *NAMES)
    await recheck(world, 4)
    assert {world.photo(i).state for i in ids} == {State.FILED}
    assert held(world) == ids
    await world.stage("watchdog")
    [issue] = [i for i in world.sidecar.runner.health_issues.open if i.kind == "deletions"]
    assert issue.message.startswith("3 photos were deleted in Immich")
    batch = await world.actions.answer(world.ledger.read(deletions.newest_held), "maria", reject=True)
    assert batch.done == 3
    assert {world.photo(i).state for i in ids} == {State.REJECTED}
    await world.stage("watchdog")
    assert not [i for i in world.sidecar.runner.health_issues.open if i.kind == "deletions"]
    undone = await world.actions.undo(batch.event, "maria")
    assert undone.done == 3
    world.check()


async def test_declined_they_stay_and_are_not_asked_about_again(world):
    ids = await filed(world, *NAMES)
    trash(world, *NAMES)
    await recheck(world)
    await world.actions.answer(world.ledger.read(deletions.newest_held), "maria", reject=False)
    await recheck(world, LONG)
    assert {world.photo(i).state for i in ids} == {State.FILED}
    assert held(world) == []
    restore(world, *NAMES)
    await recheck(world, 2)
    assert not world.ledger.read(deletions.rows)


async def test_what_comes_after_the_question_was_shown_is_not_part_of_the_answer(world):
    ids = await filed(world, *NAMES, "carl_1.jpg")
    trash(world, *NAMES)
    await recheck(world)
    shown = world.ledger.read(deletions.newest_held)
    trash(world, "carl_1.jpg")
    await recheck(world)
    batch = await world.actions.answer(shown, "maria", reject=True)
    assert [one.photo_id for one in batch] == ids[:3]
    assert world.photo(ids[3]).state is State.FILED
    assert held(world) == [ids[3]]


async def test_drop_by_drop_is_many_at_once_too(world):
    ids = await filed(world, *NAMES)
    for name in NAMES:
        trash(world, name)
        await recheck(world)
        world.clock.pass_by(minutes=5)
    assert [world.photo(i).state for i in ids] == [State.REJECTED, State.REJECTED, State.FILED]
    assert held(world) == [ids[2]]


async def test_restored_while_they_wait_the_question_is_over(world):
    await filed(world, *NAMES)
    trash(world, *NAMES)
    await recheck(world)
    assert held(world)
    restore(world, *NAMES)
    await recheck(world)
    assert not held(world)


async def test_emptied_while_they_wait_the_question_stays_and_costs_no_call(world):
    ids = await filed(world, *NAMES, "carl_1.jpg")
    trash(world, *NAMES)
    await recheck(world)
    forget(world, *NAMES)
    await recheck(world)
    before = Counter(world.server.calls_made)
    await recheck(world, 4)
    asked = Counter(world.server.calls_made) - before
    assert asked == {"shown" if world.server.finds_together else "in_trash": 4}
    await world.actions.answer(world.ledger.read(deletions.newest_held), "maria", reject=True)
    await recheck(world)
    assert {world.photo(i).state for i in ids[:3]} == {State.REJECTED}
    assert areas(world, ids[0]) == {"trash"}
    world.check()


# --- retention -------------------------------------------------------------------------------


async def test_no_retention_time_ends_before_the_file_is_in_the_trash(make):
    world = make(settings={"trash.retention_days": 0, "trash.allow_zero": True})
    [photo_id] = await filed(world, "anna_1.jpg")
    trash(world, "anna_1.jpg")
    await recheck(world)
    world.clock.pass_by(hours=1)
    assert not await world.actions.purge_expired(0)
    assert world.photo(photo_id).problem is None
    world.clock.pass_by(days=2)
    await recheck(world)
    world.clock.pass_by(minutes=1)
    assert [one.action for one in await world.actions.purge_expired(0)] == ["purged"]
    restore(world, "anna_1.jpg")
    await recheck(world, LONG)
    assert world.photo(photo_id).state is State.PURGED
    assert not world.ledger.read(deletions.rows)


# --- crashes ---------------------------------------------------------------------------------


class Died(Exception):
    pass


@pytest.mark.parametrize("point", ["act:intent", "act:placed", "act:committed", "act:dropped"])
@pytest.mark.parametrize("what", ["trash", "restore", "put away"])
async def test_killed_in_the_middle_it_ends_as_if_nothing_had_happened(make, point, what):
    world = make()
    [photo_id, _] = await filed(world, "anna_1.jpg", "bella_1.jpg")
    server: FakeServer = world.server
    trash(world, "anna_1.jpg")
    if what != "trash":
        await recheck(world)
    if what == "restore":
        restore(world, "anna_1.jpg")
    if what == "put away":
        world.clock.pass_by(days=2)

    def die(name: str) -> None:
        if name == point:
            raise Died

    world.context.checkpoint = die
    with pytest.raises(Died):
        await step(world, "recheck")
    world = make(server=server, clock=world.clock)
    await world.sidecar.people.refresh()
    await recheck(world, 2)
    assert not world.ledger.read(outbox.next_due)
    wanted = {"trash": {"library"}, "restore": {"library", "faces"}, "put away": {"trash"}}
    assert areas(world, photo_id) == wanted[what]
    changing = {EventKind.REMOVED_IN_IMMICH, EventKind.UNDONE, EventKind.PUT_AWAY}
    assert all(count == 1 for count in Counter(k for k in kinds(world, photo_id) if k in changing).values())
    world.check()
