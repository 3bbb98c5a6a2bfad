"""What happens when a person changes in Immich: one test for each row of the table in the documentation."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import World, close_world

from smartsort.core.marks import is_ignored
from smartsort.core.model import Box, Face, Person, State
from smartsort.core.person_ref import PersonRef
from smartsort.core.policy import HiddenPeople, Policy
from smartsort.ledger import photos
from smartsort.ledger.policies import policy_from_json, policy_to_json

pytestmark = pytest.mark.usefixtures("ways_to_look")

PAGE = Path(__file__).parents[2] / "sidecar" / "docs" / "explanation" / "immich.md"


@pytest.fixture
def world(tmp_path):
    made = World(os.fspath(tmp_path / "root"), settings={"whitelist": []})
    yield made
    close_world(made)


async def deliver(world: World, *names: str) -> list[int]:
    ids = [await world.deliver(name) for name in names]
    await world.settle()
    await world.stage("renames")
    return ids


async def look(world: World) -> None:
    await world.sidecar.people.refresh(max_age=-1)
    await world.stage("renames")
    for _ in range(6):
        await world.stage("recheck")


def change(world: World, who: str, **values: object) -> Person:
    person = world.server.person(who)
    world.server.people_by_id[person.id] = replace(person, **values)
    return person


def give(world: World, photo: str, to: str | None) -> None:
    world.server.asset_at(photo).faces[0].person = world.server.person(to).id if to else None


def reason(world: World, photo_id: int) -> str:
    return world.ledger.read(lambda db: photos.last_decision(db, photo_id))[3][0].code


async def test_reassigned_a_filed_photo_stays_and_a_waiting_one_is_filed(world):
    filed, waiting = await deliver(world, "anna_1.jpg", "stranger_1.jpg")
    give(world, "anna_1.jpg", "Bella")
    give(world, "stranger_1.jpg", "Bella")
    await look(world)
    assert world.places(filed) == ["faces/anna/anna_1.jpg"]
    assert world.places(waiting) == ["faces/bella/stranger_1.jpg"]


async def test_hidden_filed_photos_stay_and_the_face_counts_no_more(world):
    filed, both = await deliver(world, "bella_1.jpg", "anna+bella_1.jpg")
    assert reason(world, both) == "multiple_faces"
    change(world, "Bella", hidden=True)
    await look(world)
    assert world.places(filed) == ["faces/bella/bella_1.jpg"]
    assert world.places(both) == ["faces/anna/anna+bella_1.jpg"]
    [alone] = await deliver(world, "bella_2.jpg")
    assert reason(world, alone) == "only_ignored_faces"
    change(world, "Bella", hidden=False)
    await look(world)
    assert world.places(alone) == ["faces/bella/bella_2.jpg"]


async def test_hidden_people_may_count_as_everybody(tmp_path):
    world = World(os.fspath(tmp_path / "root"), settings={"whitelist": [], "hidden_people": "count"})
    change(world, "Bella", hidden=True)
    [photo_id] = await deliver(world, "bella_1.jpg")
    assert world.places(photo_id) == ["faces/bella/bella_1.jpg"]
    close_world(world)


async def test_merged_filed_photos_follow(world):
    photo_id, _ = await deliver(world, "anna_1.jpg", "bella_1.jpg")
    gone = world.server.person("Anna")
    give(world, "anna_1.jpg", "Bella")
    del world.server.people_by_id[gone.id]
    await look(world)
    assert world.places(photo_id) == ["faces/bella/anna_1.jpg"]


async def test_deleted_filed_photos_stay_and_new_ones_wait(world):
    [photo_id] = await deliver(world, "anna_1.jpg")
    gone = world.server.person("Anna")
    give(world, "anna_1.jpg", None)
    del world.server.people_by_id[gone.id]
    await look(world)
    assert world.places(photo_id) == ["faces/anna/anna_1.jpg"]
    [new] = await deliver(world, "anna_2.jpg")
    assert reason(world, new) == "unknown_face"


async def test_unnamed_filed_photos_stay_and_new_ones_wait(world):
    [photo_id] = await deliver(world, "anna_1.jpg")
    person = change(world, "Anna", name="")
    await look(world)
    assert world.places(photo_id) == ["faces/anna/anna_1.jpg"]
    world.server.who = lambda _: ["Nobody"]
    [new] = await deliver(world, "unnamed_1.jpg")
    world.server.asset_at("unnamed_1.jpg").faces[0].person = person.id
    await look(world)
    assert world.photo(new).state is State.REVIEW
    assert reason(world, new) == "unnamed_person"


async def test_renamed_the_folder_follows(world):
    [photo_id] = await deliver(world, "anna_1.jpg")
    change(world, "Anna", name="Anna Smith")
    await look(world)
    assert world.places(photo_id) == ["faces/anna_smith/anna_1.jpg"]


async def test_a_new_birth_date_moves_no_filed_photo(world):
    [photo_id] = await deliver(world, "anna_1.jpg")
    change(world, "Anna", born="2030-01-01")
    await look(world)
    assert world.places(photo_id) == ["faces/anna/anna_1.jpg"]


def test_the_table_has_a_row_for_each_of_these():
    section = PAGE.read_text("utf-8").split("## When a person changes")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\w+)", section, re.MULTILINE)[1:]
    assert rows == ["reassigned", "hidden", "merged", "deleted", "unnamed", "renamed", "born"]


# --- the predicate ---------------------------------------------------------------------------

BELLA = Person("2", "Bella", hidden=True)
FACE = Face("f", Box(0, 0, 1, 1), 1, 1, BELLA)


def test_a_hidden_person_is_ignored_unless_the_whitelist_says_otherwise():
    assert is_ignored(FACE, {}, Policy())
    assert not is_ignored(replace(FACE, person=replace(BELLA, hidden=False)), {}, Policy())
    assert not is_ignored(FACE, {}, Policy(whitelist=(PersonRef("Bella"),)))
    assert is_ignored(FACE, {}, Policy(whitelist=(PersonRef("Anna"),)))
    assert not is_ignored(FACE, {}, Policy(hidden_people=HiddenPeople.COUNT))


def test_decisions_of_before_counted_hidden_people():
    old = policy_to_json(Policy()).replace('"hidden_people":"ignore",', "")
    assert "hidden_people" not in old
    assert policy_from_json(old).hidden_people is HiddenPeople.COUNT
    assert policy_from_json(policy_to_json(Policy())) == Policy()
