"""People whose names have one folder form, or a form that cannot be seen: each has a folder of their own."""

from __future__ import annotations

import os

import pytest
from tests.fakes import World, close_world

from smartsort.actions.values import AmbiguousName, PersonSelector
from smartsort.core.naming import folder_name, former_folder_name
from smartsort.ledger import key_value, photos
from smartsort.ledger.person_folders import person_of_folder
from smartsort.ledger.records import Area

NAMES = ("Anna-Marie", "Anna Marie", "❤️", "☀️", "Bella")
APART = folder_name("Anna Marie", apart=True)


@pytest.fixture
def start(tmp_path):
    made = []

    def new(*people, **settings):
        made.append(World(os.fspath(tmp_path / "root"), people=people or NAMES, settings=settings))
        return made[-1]

    yield new
    for world in made:
        close_world(world)


async def filed(world, *names):
    ids = [await world.deliver(name) for name in names]
    await world.settle()
    return ids


async def look(world):
    await world.sidecar.people.refresh(max_age=-1)
    await world.stage("renames")


def folders(world):
    base = os.path.join(world.root, "faces")
    return {
        name: sorted(os.listdir(os.path.join(base, name)))
        for name in sorted(os.listdir(base))
        if not name.startswith(".")
    }


async def test_two_names_of_one_folder_form_are_filed_apart(start):
    world = start()
    await filed(world, "anna-marie_1.jpg", "anna marie_1.jpg")
    assert folders(world) == {"anna_marie": ["anna-marie_1.jpg"], APART: ["anna marie_1.jpg"]}
    assert world.context.person_folder(world.server.person("Anna Marie")) == APART


async def test_whose_photos_came_first_keeps_the_folder(start):
    world = start("Bella", "Anna-Marie")
    await filed(world, "anna-marie_1.jpg")
    # An id that comes before in every order: what counts is whose photos are there.
    world.server.people_by_id["a"] = type(world.server.person("Bella"))("a", "Anna Marie")
    await look(world)
    await filed(world, "anna marie_1.jpg", "anna-marie_2.jpg")
    assert folders(world) == {
        "anna_marie": ["anna-marie_1.jpg", "anna-marie_2.jpg"],
        APART: ["anna marie_1.jpg"],
    }
    [group] = [p for p in await world.sidecar.people.refresh() if p.name == "Anna Marie"]
    assert person_of_folder(world.ledger._reader(), APART) == (group.id, "Anna Marie")


async def test_apart_is_apart_after_a_restart_and_after_the_other_is_gone(start):
    world = start()
    await filed(world, "anna-marie_1.jpg", "anna marie_1.jpg")
    del world.server.people_by_id[world.server.person("Anna-Marie").id]
    await look(world)
    close_world(world)
    again = start(*NAMES[1:])
    marie = again.server.person("Anna Marie")
    again.server.people_by_id = {"person-2": type(marie)("person-2", "Anna Marie")}
    assert again.context.apart == {"person-2"}
    await look(again)
    assert list(folders(again)) == ["anna_marie", APART]
    assert again.context.person_folder(again.server.person("Anna Marie")) == APART


async def test_a_person_kept_apart_is_followed_by_a_new_name(start):
    world = start()
    await filed(world, "anna-marie_1.jpg", "anna marie_1.jpg")
    await world.stage("renames")
    marie = world.server.person("Anna Marie")
    world.server.people_by_id[marie.id] = type(marie)(marie.id, "Marie")
    await look(world)
    assert folders(world) == {"anna_marie": ["anna-marie_1.jpg"], "marie": ["anna marie_1.jpg"]}


async def test_emoji_have_visible_folders_of_their_own(start):
    world = start()
    await filed(world, "❤️_1.jpg", "☀️_1.jpg")
    assert folders(world) == {
        folder_name("❤️"): ["❤️_1.jpg"],
        folder_name("☀️"): ["☀️_1.jpg"],
    }


async def test_photos_of_a_shared_invisible_folder_follow_their_people(start):
    world = start(follow_renames=False)
    heart, sun = await filed(world, "❤️_1.jpg", "☀️_1.jpg")
    await world.stage("renames")
    shared = former_folder_name("❤️")
    base = os.path.join(world.root, "faces")
    os.mkdir(os.path.join(base, shared))
    for photo_id in (heart, sun):
        # As a version before this one filed them.
        name = next(n for n in world.names(photo_id) if n.area is Area.FACES)
        path = f"{shared}/{os.path.basename(name.path)}"
        os.rename(os.path.join(base, name.path), os.path.join(base, path))
        os.rmdir(os.path.join(base, os.path.dirname(name.path)))
        world.ledger.write(
            lambda db, p=path, i=name.id: db.execute("UPDATE names SET path = ? WHERE id = ?", (p, i))
        )
    close_world(world)
    again = start()
    again.server.people_by_id = dict(world.server.people_by_id)
    await look(again)
    assert folders(again) == {folder_name("❤️"): ["❤️_1.jpg"], folder_name("☀️"): ["☀️_1.jpg"]}


async def test_the_message_says_which_case_it_is(start):
    world = start("Anna-Marie", "Anna Marie", "Carl", "Carl")
    photo, same = await filed(world, "bella_1.jpg", "carl_1.jpg")
    last = world.ledger.read(lambda db: photos.last_decision(db, same))
    assert last[3][0].code == "ambiguous_name"
    with pytest.raises(AmbiguousName, match="2 people are called carl"):
        await world.actions.approve([photo], [PersonSelector(name="carl")], "maria")
    with pytest.raises(AmbiguousName, match="2 people have the folder name anna_marie"):
        await world.actions.approve([photo], [PersonSelector(name="anna_marie")], "maria")
    batch = await world.actions.approve([photo], [PersonSelector(name="anna marie")], "maria")
    assert batch.done == 1
    assert folders(world) == {APART: ["bella_1.jpg"]}


async def test_a_new_person_of_the_same_folder_form_is_another(start):
    world = start("Anna-Marie")
    photo, _ = await filed(world, "bella_1.jpg", "anna-marie_1.jpg")
    await world.actions.approve([photo], [PersonSelector(name="Anna Marie", create=True)], "maria")
    await world.stage("outbox")
    await look(world)
    assert folders(world) == {"anna_marie": ["anna-marie_1.jpg"], APART: ["bella_1.jpg"]}
    assert world.context.person_folder(world.server.person("Anna Marie")) == APART


async def test_other_settings_do_not_move_who_is_kept_apart(start):
    world = start()
    await filed(world, "anna-marie_1.jpg", "anna marie_1.jpg")
    found = await world.actions.past.effect(world.context.policy(), "2000-01-01")
    assert found.looked_at == 2
    assert not found.moves


async def test_nothing_is_remembered_where_nobody_shares_a_folder(start):
    world = start("Bella")
    await filed(world, "bella_1.jpg")
    assert world.ledger.read(lambda db: key_value.get(db, "people_apart")) is None
