"""People who are renamed, merged or get new ids in Immich: folders follow, nothing goes to a wrong one."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from tests.fakes import World, close_world

from smartsort.core.model import Person
from smartsort.ledger import events, statistics
from smartsort.pipeline.routing.people import PEOPLE_SECONDS


@pytest.fixture
def world(tmp_path):
    made = World(os.fspath(tmp_path / "root"), settings={"whitelist": []})
    yield made
    close_world(made)


async def filed(world: World, *names: str) -> list[int]:
    ids = [await world.deliver(name) for name in names]
    await world.settle()
    await world.stage("renames")
    return ids


def rename(world: World, old: str, new: str) -> None:
    person = world.server.person(old)
    world.server.people_by_id[person.id] = Person(person.id, new)


async def look(world: World) -> None:
    await world.sidecar.people.refresh(max_age=-1)
    await world.stage("renames")


def folders(world: World) -> dict[str, list[str]]:
    base = os.path.join(world.root, "faces")
    found = {name: os.path.join(base, name) for name in sorted(os.listdir(base)) if not name.startswith(".")}
    return {name: sorted(os.listdir(path)) for name, path in found.items()}


async def test_the_folder_follows_and_one_event_takes_it_back(world):
    first, _, other = await filed(world, "anna_1.jpg", "anna_2.jpg", "bella_1.jpg")
    rename(world, "Anna", "Anna Smith")
    await look(world)
    assert folders(world)["anna_smith"] == ["anna_1.jpg", "anna_2.jpg"]
    assert "anna" not in folders(world)
    assert folders(world)["bella"] == ["bella_1.jpg"]
    assert world.photo(first).person_name == "Anna Smith"
    assert world.photo(other).person_name == "Bella"
    [group] = [
        e for e in world.ledger.read(lambda db: events.before(db, None, 50)) if e.kind == "bulk_action"
    ]
    assert group.data["was"] == "Anna"
    batch = await world.actions.undo(group.id, "maria")
    assert batch.done == 2
    assert folders(world)["anna"] == ["anna_1.jpg", "anna_2.jpg"]
    await look(world)
    assert folders(world)["anna"] == ["anna_1.jpg", "anna_2.jpg"]
    while world.ledger.write(statistics.count_chunk):
        pass
    assert world.ledger.read(statistics.totals_ever).get("wrong", 0) == 0


async def test_a_rename_is_heard_of_although_no_photo_comes(world):
    await filed(world, "anna_1.jpg")
    rename(world, "Anna", "Anna Smith")
    await world.stage("connection")
    await world.stage("renames")
    assert "anna" in folders(world)
    world.clock.ahead += PEOPLE_SECONDS + 1
    before = Counter(world.server.calls_made)
    await world.stage("connection")
    assert Counter(world.server.calls_made) - before == {"people": 1}
    await world.stage("renames")
    assert list(folders(world)) == ["anna_smith"]


async def test_switched_off_the_folder_stays(tmp_path):
    world = World(os.fspath(tmp_path / "root"), settings={"follow_renames": False})
    await filed(world, "anna_1.jpg")
    rename(world, "Anna", "Anna Smith")
    await look(world)
    assert folders(world) == {"anna": ["anna_1.jpg"]}
    close_world(world)


async def test_a_name_somebody_else_has_is_never_followed(world):
    await filed(world, "anna_1.jpg", "bella_1.jpg")
    rename(world, "Anna", "Bella")
    await look(world)
    assert folders(world) == {"anna": ["anna_1.jpg"], "bella": ["bella_1.jpg"]}


async def test_a_new_spelling_of_the_same_folder_moves_nothing(world):
    await filed(world, "anna_1.jpg")
    rename(world, "Anna", "ANNA")
    await look(world)
    assert folders(world) == {"anna": ["anna_1.jpg"]}
    assert not [e for e in world.ledger.read(lambda db: events.before(db, None, 50)) if e.kind == "renamed"]


async def test_merged_into_another_person_the_photos_go_along(world):
    first, _, _ = await filed(world, "anna_1.jpg", "anna_2.jpg", "bella_1.jpg")
    gone, stays = world.server.person("Anna"), world.server.person("Bella")
    for asset in world.server.assets.values():
        for face in asset.faces:
            face.person = stays.id if face.person == gone.id else face.person
    del world.server.people_by_id[gone.id]
    await look(world)
    assert folders(world)["bella"] == ["anna_1.jpg", "anna_2.jpg", "bella_1.jpg"]
    assert world.names(first)[-1].person_id == stays.id


async def test_after_recognition_was_forced_people_are_found_by_their_photos(world):
    """New ids, and the names given again by hand: nothing moves, the ids are taken over."""
    [photo_id] = await filed(world, "anna_1.jpg")
    old = world.server.person("Anna")
    del world.server.people_by_id[old.id]
    new = world.server._add_person("Anna")
    world.server.asset_at("anna_1.jpg").faces[0].person = new.id
    await look(world)
    assert folders(world) == {"anna": ["anna_1.jpg"]}
    assert {n.person_id for n in world.names(photo_id) if n.person_id} == {new.id}


async def test_vanished_and_found_nowhere_nothing_moves(world):
    [photo_id] = await filed(world, "anna_1.jpg")
    old = world.server.person("Anna")
    del world.server.people_by_id[old.id]
    world.server.asset_at("anna_1.jpg").faces[0].person = None
    calls = world.server.calls["faces"]
    await look(world)
    rename(world, "Carl", "Carlo")
    await look(world)
    assert folders(world) == {"anna": ["anna_1.jpg"]}
    assert {n.person_id for n in world.names(photo_id) if n.person_id} == {old.id}
    assert world.server.calls["faces"] == calls + 1  # asked once, not at every look
