"""Photos in review that resolve themselves: late names, late faces, merges; and those that must not."""

from __future__ import annotations

import io
import os
import random
from collections import Counter

import pytest
from PIL import Image
from tests.disks import without_links
from tests.fakes import World, append, close_world, picture

from smartsort.actions import PersonSelector
from smartsort.core.model import State
from smartsort.errors import RootUnavailable, StorageError
from smartsort.files.placement import Placer
from smartsort.ledger import events, photos, review, statistics

pytestmark = pytest.mark.usefixtures("ways_to_look")


def assign(world: World, name: str, person: str | None, face: int = 0) -> None:
    """A face named or given to somebody else in Immich's own app."""
    found = world.server.asset_at(name).faces[face]
    found.person = world.server.person(person).id if person else None


def kinds(world: World, photo_id: int) -> list[str]:
    return [e.kind for e in world.ledger.read(lambda db: events.of_photo(db, photo_id))]


@pytest.fixture
def world(tmp_path):
    made = World(
        os.fspath(tmp_path / "root"), settings={"whitelist": ["Anna", "Bella"], "blacklist": ["Carl"]}
    )
    yield made
    close_world(made)


async def deliver(world: World, *names: str) -> list[int]:
    ids = [await world.deliver(name) for name in names]
    await world.settle()
    return ids


async def recheck(world: World, runs: int = 5) -> None:
    """Runs enough for both looks about people: those between them are for Immich's trash."""
    for _ in range(runs):
        await world.stage("recheck")


async def test_a_face_named_later_files_the_photo_and_says_so(world):
    [photo_id] = await deliver(world, "stranger_1.jpg")
    assert world.places(photo_id) == ["review/unidentified/unknown_stranger_1.jpg"]
    assign(world, "stranger_1.jpg", "Anna")
    await recheck(world)
    assert world.places(photo_id) == ["faces/anna/stranger_1.jpg"]
    assert os.listdir(os.path.join(world.root, "review", "unidentified")) == []
    assert kinds(world, photo_id)[-2:] == ["sorted", "auto_resolved"]
    assert not world.ledger.read(review.page).rows
    assert world.ledger.read(lambda db: db.conn.execute("SELECT count(*) FROM intents").fetchone())[0] == 0
    world.ledger.write(statistics.count_chunk)
    assert world.ledger.read(statistics.totals_ever)["auto_resolved"] == 1


async def test_an_approval_that_is_taken_back_is_not_repeated_before_immich_has_heard_of_it(world):
    [photo_id] = await deliver(world, "stranger_1.jpg")
    [approved] = await world.actions.approve([photo_id], [PersonSelector("Anna")], "maria")
    await world.tell()
    assert world.server.asset_at("stranger_1.jpg").faces[0].person == world.server.person("Anna").id
    [undone] = await world.actions.undo(approved.event, "maria")
    assert undone.ok
    await recheck(world)
    assert world.photo(photo_id).state is State.REVIEW
    await world.tell()
    await recheck(world)
    assert world.photo(photo_id).state is State.REVIEW


async def test_what_was_healed_can_be_taken_back_and_stays_so(world):
    [photo_id] = await deliver(world, "stranger_1.jpg")
    assign(world, "stranger_1.jpg", "Anna")
    await recheck(world)
    [sorted_event] = [
        e for e in world.ledger.read(lambda db: events.of_photo(db, photo_id)) if e.kind == "sorted"
    ]
    [undone] = await world.actions.undo(sorted_event.id, "maria")
    assert undone.ok
    await recheck(world, 5)
    assert world.photo(photo_id).state is State.REVIEW
    assign(world, "stranger_1.jpg", "Bella")
    await recheck(world)
    assert world.places(photo_id) == ["faces/bella/stranger_1.jpg"]


async def test_somebody_unnamed_gets_a_name(world):
    person = world.server._add_person("")
    [photo_id] = await deliver(world, "stranger_1.jpg")
    world.server.asset_at("stranger_1.jpg").faces[0].person = person.id
    await recheck(world)
    assert world.photo(photo_id).state is State.REVIEW
    world.server.people_by_id[person.id] = type(person)(person.id, "Bella Two")
    world.sidecar.runtime_settings.set_list("whitelist", ())
    await recheck(world)
    assert world.places(photo_id) == ["faces/bella_two/stranger_1.jpg"]


async def test_a_late_face_of_an_unwanted_person_moves_within_review(world):
    [photo_id] = await deliver(world, "stranger_1.jpg")
    assign(world, "stranger_1.jpg", "Carl")
    await recheck(world)
    assert world.places(photo_id) == ["review/unwanted_person/unwanted_stranger_1.jpg"]
    assert world.ledger.read(review.page).rows[0].reason == "blacklisted_person: Carl"
    assert "auto_resolved" not in kinds(world, photo_id)


async def test_recognition_is_started_once_when_somebody_was_named(world):
    await deliver(world, "stranger_1.jpg", "stranger_2.jpg")
    asked = world.server.calls["recognise_unassigned_faces"]
    await recheck(world, 4)
    assert world.server.calls["recognise_unassigned_faces"] <= asked + 1
    world.server._add_person("Dora")
    await recheck(world, 4)
    assert world.server.calls["recognise_unassigned_faces"] <= asked + 2


async def test_it_costs_a_few_calls_whatever_the_queues_length(world):
    await deliver(world, *(f"stranger_{n}.jpg" for n in range(40)))
    await recheck(world, 4)
    before = dict(world.server.calls_made)
    assign(world, "stranger_7.jpg", "Anna")
    assign(world, "stranger_8.jpg", "Bella")
    await recheck(world, 4)
    after = world.server.calls_made
    made = {name: after[name] - before.get(name, 0) for name in after if after[name] > before.get(name, 0)}
    assert made.pop("faces") == 2
    assert sum(made.values()) <= 10, made
    counts = world.ledger.read(photos.count_by_state)
    assert counts == {State.FILED: 2, State.REVIEW: 38}


async def test_nothing_is_asked_about_people_when_nothing_waits(world):
    await deliver(world, "anna_1.jpg")
    before = Counter(world.server.calls_made)
    await world.stage("recheck")
    asked = Counter(world.server.calls_made) - before
    assert asked == {"shown" if world.server.finds_together else "in_trash": 1}


async def test_nothing_is_asked_when_there_is_nothing(world):
    await world.sidecar.people.refresh()
    before = Counter(world.server.calls_made)
    await world.stage("recheck")
    assert Counter(world.server.calls_made) == before


async def test_the_same_answer_for_another_reason_is_shown_and_no_event(world):
    [photo_id] = await deliver(world, "stranger+stranger_1.jpg")
    assert world.photo(photo_id).category == "multiple_faces"
    before = kinds(world, photo_id)
    assign(world, "stranger+stranger_1.jpg", "Anna")
    await recheck(world)
    assert kinds(world, photo_id) == before
    last = world.ledger.read(lambda db: photos.last_decision(db, photo_id))
    assert last[3][0].names == ("Anna",)
    decisions = "SELECT count(*) FROM decisions"
    counted = world.ledger.read(lambda db: db.conn.execute(decisions).fetchone()[0])
    await recheck(world, 3)
    assert world.ledger.read(lambda db: db.conn.execute(decisions).fetchone()[0]) == counted


async def test_duplicates_and_what_a_human_decided_are_left_alone(world):
    content = picture(4711)
    first, second = [await world.deliver(name, content) for name in ("stranger_1.jpg", "copy.jpg")]
    await world.settle()
    assert world.photo(second).category == "duplicates"
    await world.actions.reject([first], "maria")
    assign(world, "stranger_1.jpg", "Anna")
    await recheck(world)
    assert world.photo(first).state is State.REJECTED
    assert world.photo(second).state is State.REVIEW


async def test_a_suggestion_passed_over_is_not_filed_later(world):
    [photo_id] = await deliver(world, "stranger_1.jpg")
    world.suggest(photo_id, Anna=0.45, Carl=0.3)
    await world.actions.approve([photo_id], [PersonSelector("Bella")], "maria")
    [event] = [e for e in world.ledger.read(lambda db: events.of_photo(db, photo_id)) if e.kind == "approved"]
    await recheck(world)
    rows = world.ledger.read(
        lambda db: db.conn.execute("SELECT kind, photo_id, person_id FROM feedback").fetchall()
    )
    assert rows == [("not_person", photo_id, world.server.person("Anna").id)]
    await world.actions.undo(event.id, "maria")
    await deliver(world, "stranger_2.jpg")
    await recheck(world)
    left = world.ledger.read(lambda db: db.conn.execute("SELECT count(*) FROM feedback").fetchone())
    assert left[0] == 0


async def test_killed_between_ledger_and_drop_the_name_in_review_goes_at_the_next_start(tmp_path):
    class Killed(BaseException):
        pass

    def kill(step: str) -> None:
        if step == "route:committed" and armed:
            raise Killed

    armed: list[bool] = []
    world = World(os.fspath(tmp_path / "root"), checkpoint=kill)
    [photo_id] = await deliver(world, "stranger_1.jpg")
    assign(world, "stranger_1.jpg", "Anna")
    armed.append(True)
    with pytest.raises(Killed):
        await recheck(world)
    assert os.listdir(os.path.join(world.root, "review", "unidentified")) == ["unknown_stranger_1.jpg"]
    await world.sidecar.close()
    again = World(world.root, server=world.server, clock=world.clock)
    assert again.places(photo_id) == ["faces/anna/stranger_1.jpg"]
    assert os.listdir(os.path.join(world.root, "review", "unidentified")) == []
    await again.sidecar.close()


def open_acts(world: World) -> list[tuple[int, str]]:
    return [(i.photo_id, i.act) for i in world.ledger.read(photos.open_intents)]


async def test_copies_leave_review_with_what_travels_along(tmp_path):
    """Without hard links each name is a file of its own. It goes because the other has the same bytes."""
    world = World(os.fspath(tmp_path / "root"), placer=lambda guard: Placer(without_links(), guard))
    photo_id = await world.deliver("stranger_1.jpg", xmp=b"<x/>")
    await world.settle()
    assign(world, "stranger_1.jpg", "Anna")
    await recheck(world)
    assert sorted(world.places(photo_id)) == ["faces/anna/stranger_1.jpg"]
    assert os.listdir(os.path.join(world.root, "review", "unidentified")) == []
    assert sorted(os.listdir(os.path.join(world.root, "faces", "anna"))) == [
        "stranger_1.jpg",
        "stranger_1.jpg.xmp",
    ]
    [filed] = [e for e in world.ledger.read(lambda db: events.of_photo(db, photo_id)) if e.kind == "sorted"]
    assert filed.data["companions"] == ["stranger_1.jpg.xmp"]
    assert open_acts(world) == []
    world.check()
    await world.sidecar.close()


async def test_a_copy_stays_in_review_when_the_other_is_damaged_meanwhile(tmp_path):
    def damage(step: str) -> None:
        if step == "route:committed" and library:
            before = os.stat(library[0])
            os.truncate(library[0], 0)
            append(library[0], bytes(before.st_size))

    library: list[str] = []
    world = World(
        os.fspath(tmp_path / "root"),
        checkpoint=damage,
        placer=lambda guard: Placer(without_links(), guard),
    )
    [photo_id] = await deliver(world, "stranger_1.jpg")
    assign(world, "stranger_1.jpg", "Anna")
    library += [world.context.absolute(n) for n in world.names(photo_id) if n.area == "library"]
    await recheck(world)
    assert world.places(photo_id) == ["faces/anna/stranger_1.jpg"]
    assert os.listdir(os.path.join(world.root, "review", "unidentified")) == ["unknown_stranger_1.jpg"]
    # To wait does not help: it is the audit's now.
    assert (open_acts(world), world.context.needs_recovery) == ([], set())
    await world.sidecar.close()


@pytest.mark.parametrize("stay", [1, 2])
async def test_what_cannot_leave_review_now_leaves_it_later(world, monkeypatch, stay):
    def refuse(placer, batch):
        if stay == len(batch):
            raise RootUnavailable("the folder is gone")
        return [StorageError("the disk reports an error"), *remove(placer, batch[1:])]

    remove = Placer.remove
    ids = await deliver(world, "stranger_1.jpg", "stranger_2.jpg")
    for n in (1, 2):
        assign(world, f"stranger_{n}.jpg", "Anna")
    with monkeypatch.context() as patch:
        patch.setattr(Placer, "remove", refuse)
        await recheck(world)
    assert [world.photo(i).state for i in ids] == [State.FILED] * 2
    review_folder = os.path.join(world.root, "review", "unidentified")
    assert len(os.listdir(review_folder)) == stay
    assert {act for _, act in open_acts(world)} == {"drop"}
    assert {photo_id for photo_id, _ in open_acts(world)} == world.context.needs_recovery
    assert len(open_acts(world)) == stay
    await world.stage("tidy")
    assert os.listdir(review_folder) == []
    assert (open_acts(world), world.context.needs_recovery) == ([], set())
    world.check()


async def test_a_near_copy_stays_one_whoever_is_renamed(tmp_path):
    world = World(os.fspath(tmp_path / "root"), settings={"deduplication.near_duplicates": True})
    first, second = [await world.deliver(f"anna_{n}.jpg", noisy(n)) for n in (1, 2)]
    await world.settle()
    assert world.places(second) == ["review/duplicates/duplicate_anna_2.jpg"]
    anna = world.server.person("Anna")
    world.server.people_by_id[anna.id] = type(anna)(anna.id, "Anna Smith")
    await recheck(world)
    assert world.places(second) == ["review/duplicates/duplicate_anna_2.jpg"]
    assert world.photo(second).duplicate_of == first
    close_world(world)


async def test_a_face_moved_to_another_person_by_hand_needs_no_measuring(world):
    """Recognition gives faces to people and never from one to another: only a human does that."""
    [photo_id] = await deliver(world, "dora_1.jpg")
    world.sidecar.runtime_settings.set_policy({"when_confidence_unknown": "review"})
    dora = world.server._add_person("Dora")
    world.server.asset_at("dora_1.jpg").faces[0].person = dora.id
    await recheck(world)
    assert world.photo(photo_id).state is State.REVIEW  # not on the whitelist
    assign(world, "dora_1.jpg", "Anna")
    await recheck(world)
    assert world.places(photo_id) == ["faces/anna/dora_1.jpg"]


def noisy(seed: int) -> bytes:
    """The same picture each time, in another file."""
    rng = random.Random(1)
    image = Image.frombytes("L", (20, 20), bytes(rng.randrange(256) for _ in range(400))).resize((200, 200))
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", comment=str(seed).encode())
    return out.getvalue()
