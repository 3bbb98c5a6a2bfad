"""Other settings on past photos: what would move, moving it as one event, and taking that back."""

from __future__ import annotations

import os

import pytest
from tests.fakes import World, close_world
from tests.measured import Eye, measured_world

from smartsort.actions import PersonSelector, Wanted
from smartsort.actions import undo as undoing
from smartsort.core.decision import decide
from smartsort.core.model import State
from smartsort.core.person_ref import PersonRef
from smartsort.ledger import decisions, events, photos, spot_checks, statistics

EVER = ""


def other(world, lists=None, **values):
    """Settings that might be changed."""
    runtime_settings = world.sidecar.runtime_settings
    entries = {name: tuple(map(PersonRef, names)) for name, names in (lists or {}).items()}
    return Wanted(runtime_settings.policy_with(values, entries), values, entries)


@pytest.fixture
def world(tmp_path):
    made = World(
        os.fspath(tmp_path / "root"),
        settings={"whitelist": ["Anna", "Bella"], "blacklist": ["Carl"], "spot_check_rate": 1},
    )
    yield made
    close_world(made)


@pytest.fixture
def eye():
    return Eye()


@pytest.fixture
def measured(tmp_path, eye):
    made = measured_world(os.fspath(tmp_path / "root"), eye)
    made.actions.past._measure = made.sidecar.measure
    yield made
    close_world(made)


async def deliver(world, *names):
    ids = [await world.deliver(name) for name in names]
    await world.settle()
    return ids


async def what_if(world, wanted, since=EVER):
    return await world.actions.past.effect(wanted.policy, since)


async def recheck(world, runs=4):
    for _ in range(runs):
        await world.stage("recheck")


async def test_the_settings_in_force_move_nothing(world):
    await deliver(world, "anna_1.jpg", "stranger_1.jpg", "anna+bella_1.jpg", "carl_1.jpg", "none_1.jpg")
    found = await what_if(world, other(world))
    assert (found.looked_at, found.moves, found.kept) == (5, (), 0)
    assert found.before == found.after
    assert found.before == {"faces": 1, "unidentified": 2, "multiple_faces": 1, "unwanted_person": 1}


async def test_who_would_go_where_and_nothing_is_changed(world):
    ids = await deliver(world, "anna_1.jpg", "bella_1.jpg", "carl_1.jpg", "anna+bella_1.jpg")
    before = world.tree()
    found = await what_if(world, other(world, {"whitelist": ["Bella"], "blacklist": ["Anna"]}))
    assert {m.photo_id: m.way for m in found.moves} == {
        ids[0]: "faces -> unwanted_person",
        ids[2]: "unwanted_person -> unidentified",
        ids[3]: "multiple_faces -> unwanted_person",
    }
    assert found.ways == {
        "faces -> unwanted_person": 1,
        "unwanted_person -> unidentified": 1,
        "multiple_faces -> unwanted_person": 1,
    }
    assert world.tree() == before
    assert world.sidecar.runtime_settings.changed == ()


async def test_older_photos_are_left_out(world):
    await deliver(world, "anna_1.jpg")
    world.clock.pass_by(days=10)
    middle = world.clock.text()
    [younger] = await deliver(world, "anna_2.jpg")
    found = await what_if(world, other(world, {"blacklist": ["Anna"]}), middle)
    assert [m.photo_id for m in found.moves] == [younger]


async def test_what_a_human_has_decided_stays(world):
    approved, refiled, confirmed, rejected, undone, automatic = await deliver(
        world, "stranger_1.jpg", "anna_1.jpg", "anna_2.jpg", "stranger_2.jpg", "anna_3.jpg", "anna_4.jpg"
    )
    await world.actions.approve([approved], [PersonSelector("Anna")], "maria")
    await world.actions.refile([refiled], [PersonSelector("Bella")], "maria")
    await world.actions.refile([refiled], [PersonSelector("Anna")], "maria")
    await world.actions.confirm([confirmed], "maria")
    await spot_checks.catch_up(world.ledger, 1)
    await world.actions.reject([rejected], "maria")
    await undo_filing(world, undone)
    found = await what_if(world, other(world, {"blacklist": ["Anna"]}))
    assert (found.looked_at, found.kept) == (6, 5)
    assert [m.photo_id for m in found.moves] == [automatic]


async def undo_filing(world, photo_id):
    found = world.ledger.read(lambda db: events.of_photo(db, photo_id))
    await world.actions.undo(next(e.id for e in found if e.kind == "sorted"), "maria")


async def test_applied_as_one_event_that_takes_back_photos_and_settings(world):
    ids = await deliver(
        world, "anna_1.jpg", "anna_2.jpg", "bella_1.jpg", "carl_1.jpg", "anna+bella_1.jpg", "stranger_1.jpg"
    )
    before, places = world.tree(), [world.places(i) for i in ids]
    wanted = other(world, {"blacklist": ["Anna"]}, multiple_faces="each_person")
    batch = await world.actions.reevaluate(wanted, EVER, "maria")
    assert (batch.done, batch.failed) == (4, 0)
    assert world.places(ids[0]) == ["review/unwanted_person/unwanted_anna_1.jpg"]
    assert world.places(ids[3]) == ["review/unidentified/notwhitelisted_carl_1.jpg"]
    assert world.sidecar.runtime_settings.policy() == wanted.policy
    world.check()
    await recheck(world)  # what waits is re-evaluated by the same settings
    assert world.places(ids[0]) == ["review/unwanted_person/unwanted_anna_1.jpg"]
    assert not (await what_if(world, other(world))).moves

    back = await world.actions.undo(batch.event, "maria")
    assert back.failed == 0
    assert world.tree() == before
    assert [world.places(i) for i in ids] == places
    assert world.sidecar.runtime_settings.changed == ()
    await recheck(world)
    assert [world.places(i) for i in ids] == places
    world.check()

    again = await world.actions.undo(back.event, "maria")
    assert again.failed == 0
    assert world.sidecar.runtime_settings.policy() == wanted.policy
    assert world.places(ids[0]) == ["review/unwanted_person/unwanted_anna_1.jpg"]
    world.check()


async def test_who_is_unwanted_no_more_shows_in_immich_again_and_who_is_now_does_not(tmp_path):
    settings = {"blacklist": ["Carl"], "immich.archive_unwanted": True}
    world = World(os.fspath(tmp_path / "root"), settings=settings)
    await deliver(world, "anna_1.jpg", "carl_1.jpg")

    def shown():
        return [world.server.asset_at(name).visibility for name in ("anna_1.jpg", "carl_1.jpg")]

    assert shown() == ["timeline", "archive"]
    batch = await world.actions.reevaluate(other(world, {"blacklist": ["Anna"]}), EVER, "maria")
    group = world.ledger.read(lambda db: events.get(db, batch.event))
    assert world.ledger.read(lambda db: undoing.admins_own(db, [group])) == {batch.event}
    await world.tell()
    assert shown() == ["archive", "timeline"]
    assert sorted((one.photo_id, one.person) for one in batch) == [(1, None), (2, "Carl")]
    close_world(world)


async def test_from_review_into_folders_and_the_statistics_follow(world):
    [first, *_] = await deliver(world, "anna+bella_1.jpg", "anna_1.jpg")
    await statistics.catch_up(world.ledger)
    before = world.ledger.read(statistics.totals_ever)
    batch = await world.actions.reevaluate(other(world, multiple_faces="each_person"), EVER, "maria")
    assert world.places(first) == ["faces/anna/anna+bella_1.jpg", "faces/bella/anna+bella_1.jpg"]
    assert world.photo(first).auto_sorted
    await statistics.catch_up(world.ledger)
    after = world.ledger.read(statistics.totals_ever)
    assert (after["sorted"], after.get("reviewed", 0)) == (before["sorted"] + 1, before["reviewed"] - 1)
    assert not after.get("wrong")
    await world.actions.undo(batch.event, "maria")
    await statistics.catch_up(world.ledger)
    totals = {k: v for k, v in world.ledger.read(statistics.totals_ever).items() if v}
    assert totals == {k: v for k, v in before.items() if v}


async def test_settings_somebody_changed_since_are_left_alone(world):
    await deliver(world, "anna_1.jpg")
    batch = await world.actions.reevaluate(other(world, {"blacklist": ["Anna"]}), EVER, "maria")
    world.sidecar.runtime_settings.set_policy({"max_faces_per_image": 3}, "tom")
    await world.actions.undo(batch.event, "maria")
    assert world.sidecar.runtime_settings.policy().max_faces == 3
    assert [entry.name for entry in world.sidecar.runtime_settings.blacklist] == ["Anna"]


async def test_settings_alone_can_be_taken_back_as_well(world):
    batch = await world.actions.reevaluate(other(world, min_confidence=0.9), EVER, "maria")
    assert (len(batch), world.sidecar.runtime_settings.policy().thresholds.min_confidence) == (0, 0.9)
    await world.actions.undo(batch.event, "maria")
    assert world.sidecar.runtime_settings.policy().thresholds.min_confidence == 0.6


@pytest.mark.parametrize("more", [0, 1])
async def test_taking_back_all_since_then_takes_back_the_settings_too(world, more):
    ids = await deliver(world, "anna_1.jpg", "bella_1.jpg")
    since, before = world.clock.now(), world.sidecar.runtime_settings.policy()
    await world.actions.reevaluate(other(world, {"blacklist": ["Anna"]}), EVER, "maria")
    for _ in range(more):
        await world.actions.reevaluate(other(world, min_confidence=0.9), EVER, "maria")
    changed = world.sidecar.runtime_settings.policy()
    back = await world.actions.undo_since(since, "tom")
    assert world.sidecar.runtime_settings.policy() == before
    assert world.places(ids[0]) == ["faces/anna/anna_1.jpg"]
    assert list(await world.actions.undo_since(since, "tom")) == []
    assert world.sidecar.runtime_settings.policy() == before
    await world.actions.undo(back.event, "tom")
    assert world.sidecar.runtime_settings.policy() == changed
    assert world.places(ids[0]) == ["review/unwanted_person/unwanted_anna_1.jpg"]
    world.check()


async def test_settings_changed_by_hand_since_then_stay_when_all_is_taken_back(world):
    [photo] = await deliver(world, "anna_1.jpg")
    since = world.clock.now()
    await world.actions.reevaluate(other(world, {"blacklist": ["Anna"]}), EVER, "maria")
    world.sidecar.runtime_settings.set_policy({"max_faces_per_image": 3}, "tom")
    await world.actions.reevaluate(other(world, min_confidence=0.9), EVER, "maria")
    await world.actions.undo_since(since, "maria")
    policy = world.sidecar.runtime_settings.policy()
    assert (policy.max_faces, policy.thresholds.min_confidence) == (3, 0.6)
    assert [entry.name for entry in world.sidecar.runtime_settings.blacklist] == ["Anna"]
    assert world.places(photo) == ["faces/anna/anna_1.jpg"]


async def test_measured_numbers_are_used_and_what_was_never_measured_is_measured_first(measured, eye):
    ids = await deliver(
        measured, "anna_0.jpg", "anna_5.jpg", "anna_10.jpg", "anna_48.jpg", "carl_0.jpg", "anna+bella_3.jpg"
    )
    calls = len(eye.pictures)
    stricter = await what_if(measured, other(measured, min_confidence=0.9))
    assert [m.photo_id for m in stricter.moves] == [ids[3]]
    assert not stricter.moves[0].unmeasured
    looser = other(measured, {"blacklist": [], "whitelist": []}, max_faces_per_image=2)
    found = await what_if(measured, looser)
    assert {m.photo_id for m in found.moves if m.unmeasured} == {ids[4], ids[5]}
    assert len(eye.pictures) == calls  # telling costs nothing
    batch = await measured.actions.reevaluate(looser, EVER, "maria")
    assert batch.failed == 0
    assert eye.pictures[calls:].count("carl_0.jpg") == 1
    assert eye.pictures[calls:].count("anna+bella_3.jpg") == 1
    evidence = measured.ledger.read(lambda db: photos.last_decision(db, ids[4]))[4]
    assert evidence.confidence
    measured.check()


async def test_who_is_not_sure_enough_when_measured_stays(measured, eye):
    ids = await deliver(measured, *(f"anna_{n}.jpg" for n in (0, 5, 10)), "carl_0.jpg", "anna+bella_80.jpg")
    batch = await measured.actions.reevaluate(other(measured, max_faces_per_image=2), EVER, "maria")
    # Anna's face is 80 degrees away from her others: it would be filed if nobody looked.
    assert measured.photo(ids[4]).state is State.REVIEW
    assert measured.places(ids[4]) == ["review/low_confidence/lowconf_anna+bella_80.jpg"]
    assert batch.failed == 0
    measured.check()


async def test_a_renamed_person_is_no_move(world):
    [photo_id] = await deliver(world, "anna_1.jpg")
    await world.stage("renames")
    anna = world.server.person("Anna")
    world.server.people_by_id[anna.id] = type(anna)(anna.id, "Anna Smith")
    await world.sidecar.people.refresh(max_age=-1)
    await world.stage("renames")
    assert world.places(photo_id) == ["faces/anna_smith/anna_1.jpg"]
    assert not (await what_if(world, other(world))).moves


async def test_every_decision_is_stored_with_all_that_it_rests_on(world):
    """Decided again from the stored evidence and the stored settings, each comes out as it was."""
    world.server._add_person("anna")  # now two people share a name
    await deliver(world, "anna_1.jpg", "bella_1.jpg", "carl_1.jpg", "anna+stranger_1.jpg", "none_1.jpg")
    world.sidecar.runtime_settings.set_policy({"max_faces_per_image": 2})
    await deliver(world, "anna_2.jpg", "stranger_2.jpg", "bella+stranger_2.jpg")
    ids = [
        row[0] for row in world.ledger.read(lambda db: db.conn.execute("SELECT id FROM photos").fetchall())
    ]
    versions = set()
    for photo_id in ids:
        stored = world.ledger.read(lambda db, i=photo_id: decisions.last_decided(db, i))
        versions.add(stored.policy_version)
        assert stored.policy is not None
        assert stored.policy.version == stored.policy_version
        again = decide(stored.evidence, stored.policy, stored.ambiguous)
        assert (again.outcome, again.category, again.reasons) == (
            stored.outcome,
            stored.category,
            stored.reasons,
        )
    assert len(versions) == 2
