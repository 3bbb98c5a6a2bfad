"""Rules of the household on whole photos: the cookbook as it is printed, refiling, albums, and undo."""

from __future__ import annotations

import asyncio
import os
import re
import threading
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes import World, close_world
from tests.handed_in import moved_by_hand
from tests.integration.test_templates import opened as opened_once
from tests.integration.test_templates import shot

from smartsort.actions import PersonSelector
from smartsort.api.explanations import explained
from smartsort.audit import Audit
from smartsort.audit import audit as audits
from smartsort.audit.repair import Repair
from smartsort.config import load_settings
from smartsort.config.problems import InvalidSettings
from smartsort.config.sorting import Rule
from smartsort.core.filing_rules import FilingRule
from smartsort.core.model import Person, State
from smartsort.core.person_ref import PersonRef
from smartsort.doctor.judging_checks import judging_checks
from smartsort.ledger import events
from smartsort.ledger.database import Ledger
from smartsort.rescue.rebuild import rebuild

opened = opened_once
PAGE = (Path(__file__).parents[2] / "sidecar/docs/how-to/own-folders.md").read_text("utf-8")
FAMILY = ("Anna", "Ben", "Mia", "Tom", "Carl")
EACH = {"multiple_faces": "each_person"}


def recipes() -> dict[str, dict[str, Any]]:
    """The settings of each recipe of the cookbook, by its heading."""
    _, _, cookbook = PAGE.partition("## Ten rules")
    found = re.findall(r"^### (.+?)\n+```toml\n(.*?)```", cookbook, re.MULTILINE | re.DOTALL)
    return {title: tomllib.loads(text) for title, text in found}


@pytest.fixture
def made(tmp_path):
    worlds: list[World] = []

    def make(settings: dict[str, Any]) -> World:
        worlds.append(World(os.fspath(tmp_path / "root"), people=FAMILY, settings=settings))
        return worlds[-1]

    yield make
    for world in worlds:
        close_world(world)


async def arrive(
    world: World, name: str, *, year: int = 2024, camera: str = "Pixel 8", source: str = "test"
) -> int:
    photo = await world.deliver(name, shot(crc32(name.encode()) % 9999, year, camera), source=source)
    await world.settle()
    return photo


# One for each heading: photos as they arrive, and where each has to be.
SHOWN: dict[str, list[tuple[str, dict[str, Any], list[str]]]] = {
    "Photos of only the two of us": [
        ("anna+ben_1.jpg", {}, ["faces/us/2024"]),
        ("anna_1.jpg", {}, ["faces/anna"]),
        ("anna+mia_1.jpg", {}, ["faces/anna", "faces/mia"]),
        ("anna+ben+stranger_1.jpg", {}, ["review/multiple_faces"]),
    ],
    "Children by year": [
        ("mia_1.jpg", {"year": 2019}, ["faces/mia/2019"]),
        ("anna_1.jpg", {}, ["faces/anna"]),
    ],
    "Whoever is still a child": [
        ("mia_1.jpg", {"year": 2024}, ["faces/children/mia/2024"]),
        ("mia_2.jpg", {"year": 2025}, ["faces/mia"]),
        ("anna_1.jpg", {}, ["faces/anna"]),
    ],
    "Group photos of the family get one more link": [
        ("anna+ben+mia_1.jpg", {}, ["faces/anna", "faces/ben", "faces/family/2024", "faces/mia"]),
        ("anna+ben_1.jpg", {}, ["faces/anna", "faces/ben"]),
        ("anna+ben+carl_1.jpg", {}, ["faces/anna", "faces/ben", "faces/carl"]),
    ],
    "By source": [
        ("anna_1.jpg", {"source": "WhatsApp"}, ["faces/anna/from_whatsapp"]),
        ("anna_2.jpg", {"source": "camera"}, ["faces/anna"]),
    ],
    "A holiday": [
        ("anna_1.jpg", {}, ["faces/anna/rome_2024"]),
        ("anna_2.jpg", {"year": 2023}, ["faces/anna"]),
    ],
    "Videos apart": [("anna_1.jpg", {}, ["faces/anna"])],
    "An album for the grandparents, without strangers": [("mia_1.jpg", {}, ["faces/mia"])],
    "Everybody who is not family waits for you": [
        ("carl_1.jpg", {}, ["review/unidentified"]),
        ("anna_1.jpg", {}, ["faces/anna"]),
    ],
    "By camera, except for one person": [
        ("anna_1.jpg", {}, ["faces/anna/pixel_8"]),
        ("ben_1.jpg", {}, ["faces/ben"]),
    ],
}


def test_the_cookbook_has_ten_recipes_and_each_is_tried():
    assert len(recipes()) == 10
    assert recipes().keys() == SHOWN.keys()


@pytest.mark.parametrize("title", list(SHOWN))
async def test_a_recipe_does_what_its_heading_says(made, title):
    world = made(recipes()[title])
    mia = world.server.person("Mia")
    world.server.people_by_id[mia.id] = replace(mia, born="2019-05-01")
    for name, how, places in SHOWN[title]:
        photo = await arrive(world, name, **how)
        assert [os.path.dirname(place) for place in world.places(photo)] == places
    world.check()


async def test_a_video_goes_where_its_recipe_says(made):
    world = made(recipes()["Videos apart"])
    photo = await arrive(world, "anna_1.jpg")
    world.ledger.write(lambda db: db.conn.execute("UPDATE photos SET media_kind = 'video'"))
    assert (await world.actions.relink("eva")).done == 1
    assert world.places(photo) == ["faces/anna/videos/anna_1.jpg"]


async def test_the_albums_of_the_recipes_hold_what_they_should(made):
    world = made(recipes()["An album for the grandparents, without strangers"])
    mia, anna = await arrive(world, "mia_1.jpg"), await arrive(world, "anna_1.jpg")
    album = world.server.albums_by_name["For grandma"][1]
    assert album == {world.photo(mia).asset_id}
    assert world.photo(anna).asset_id not in album
    [filed] = [e for e in world.ledger.read(lambda db: events.of_photo(db, mia)) if e.kind == "sorted"]
    await world.actions.undo(filed.id, "eva")
    await world.tell(minutes=1)
    assert world.server.albums_by_name["For grandma"][1] == set()
    await world.actions.approve([mia], [PersonSelector("Mia")], "eva")
    await world.tell(minutes=1)
    assert world.server.albums_by_name["For grandma"][1] == {world.photo(mia).asset_id}


async def test_a_crash_before_immich_hears_of_an_album_loses_nothing(made, tmp_path):
    given_settings = recipes()["A holiday"]
    world = made(given_settings)
    world.server.down = False
    photo = await arrive(world, "anna_1.jpg")
    other = await world.deliver("anna_2.jpg", shot(7))
    monkey = world.server.add_to_album

    async def fails(*_):
        raise BaseException("killed")  # noqa: TRY002 - whatever ends the process

    world.server.add_to_album = fails
    with pytest.raises(BaseException, match="killed"):
        await world.settle()
    world.server.add_to_album = monkey
    close_world(world)
    again = World(world.root, settings=given_settings, server=world.server, clock=world.clock)
    try:
        await again.settle()
        held = world.server.albums_by_name["Rome 2024"][1]
        assert held == {again.photo(photo).asset_id, again.photo(other).asset_id}
    finally:
        close_world(again)


US = {"name": "us", "all": ["Anna", "Ben"], "only": ["Anna", "Ben"], "folder": "us/{year}"}


async def test_changed_rules_move_what_is_filed_there_and_back_and_the_undo_is_exact(opened):
    world = opened(people=FAMILY, settings=EACH)
    both = await arrive(world, "anna+ben_1.jpg")
    alone = await arrive(world, "anna_1.jpg")
    by_hand = await arrive(world, "anna+stranger_1.jpg")
    await world.actions.approve([by_hand], [PersonSelector("Anna"), PersonSelector("Ben")], "eva")
    await world.stage("renames")
    before = world.tree()
    world = opened(settings=EACH | {"rules": [US | {"album": "Us"}]})
    there = await world.actions.relink("eva")
    await world.tell(minutes=1)
    assert there.done == 2
    assert world.places(both) == ["faces/us/2024/anna+ben_1.jpg"]
    assert world.places(by_hand) == ["faces/us/2024/anna+stranger_1.jpg"]
    assert world.places(alone) == ["faces/anna/anna_1.jpg"]
    assert len(world.server.albums_by_name["Us"][1]) == 2
    world.check()
    # Without the rule each finds back to its people, although no name tells who they are.
    world = opened(settings=EACH)
    back = await world.actions.relink("eva")
    assert back.done == 2
    assert {os.path.dirname(p) for i in (both, by_hand) for p in world.places(i)} == {
        "faces/anna",
        "faces/ben",
    }
    await world.actions.undo(back.event, "eva", admin=True)
    await world.actions.undo(there.event, "eva", admin=True)
    await world.tell(minutes=1)
    assert world.tree() == before
    assert world.server.albums_by_name["Us"][1] == set()
    world.check()


async def test_what_is_filed_by_hand_follows_the_rules_too(made):
    world = made(EACH | {"rules": [US, {"name": "ask", "review": True, "priority": 5}]})
    photo = await arrive(world, "anna+ben_1.jpg")
    assert world.places(photo) == ["review/unidentified/rule_anna+ben_1.jpg"]
    await world.actions.approve([photo], [PersonSelector("Anna"), PersonSelector("Ben")], "eva")
    assert world.photo(photo).state is State.FILED
    assert world.places(photo) == ["faces/us/2024/anna+ben_1.jpg"]


async def test_a_filing_in_a_shared_folder_that_is_undone_rules_all_of_them_out(made):
    world = made(EACH | {"rules": [US]})
    photo = await arrive(world, "anna+ben_1.jpg")
    assert world.places(photo) == ["faces/us/2024/anna+ben_1.jpg"]
    [filed] = [e for e in world.ledger.read(lambda db: events.of_photo(db, photo)) if e.kind == "sorted"]
    await world.actions.undo(filed.id, "eva")
    ruled_out = world.ledger.read(
        lambda db: db.conn.execute("SELECT person_name FROM ruled_out ORDER BY 1").fetchall()
    )
    assert ruled_out == [("Anna",), ("Ben",)]


async def test_a_rule_means_the_same_person_after_a_rename_in_immich(made):
    rules = [{"name": "mine", "any": ["Anna"], "folder": "mine"}]
    world = made({"rules": rules})
    people = await world.sidecar.people.refresh(max_age=-1)
    world.sidecar.runtime_settings.bind(people)
    anna = world.server.person("Anna")
    world.server.people_by_id[anna.id] = Person(anna.id, "Annabel")
    world.server.who = lambda _: ("Annabel",)
    photo = await arrive(world, "anna_1.jpg")
    assert world.places(photo) == ["faces/mine/anna_1.jpg"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"name": "x"}, "neither folder, also, album nor review"),
        ({"name": "x", "folder": "a", "review": True}, "has review and folder"),
        ({"name": "x", "folder": "../a"}, "must not hold the part .."),
        ({"name": "x", "also": "/a"}, "must be relative"),
        ({"name": "x", "folder": "{person}_{year}"}, "folder of its own"),
        ({"name": "x", "folder": "a", "date_from": "2024-07-05", "date_to": "2024-07-04"}, "ends before"),
        ({"name": "x", "folder": "a", "strangers": "few"}, "true, false, or the most"),
        ({"name": "x", "folder": "a", "strangers": -1}, "true, false, or the most"),
        ({"name": "x", "folder": "a", "type": ["film"]}, "photo"),
        ({"name": "x", "folder": "a", "who": ["Anna"]}, "is no setting"),
        ({"folder": "a"}, "must be set"),
        ({"name": "two\nlines", "folder": "a"}, "rules.0.name"),
        ({"name": "x", "album": "a\0b"}, "rules.0.album"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_when_smartsort_starts(tmp_path, rule, said):
    with pytest.raises(InvalidSettings, match=re.escape(said)):
        load_settings(None, env={}, overrides={"root": os.fspath(tmp_path), "rules": [rule]})


def test_two_rules_of_one_name_are_refused(tmp_path):
    rules = [{"name": "x", "folder": "a"}, {"name": "x", "folder": "b"}]
    with pytest.raises(InvalidSettings, match="'x' twice"):
        load_settings(None, env={}, overrides={"root": os.fspath(tmp_path), "rules": rules})


def test_the_page_names_every_key_of_a_rule():
    said = set(re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE, re.MULTILINE))
    keys = {key for cell in said for key in re.findall(r"`(\w+)`", cell)}
    assert Rule.model_fields.keys() - {"name", "priority"} <= keys
    assert "`priority`" in PAGE


TEMPLATES = ("{person}", "{person}/{year}", "{year}/{person}", "{source}/{person}/{camera}", "all/{person}")
RULES = st.builds(
    FilingRule,
    st.sampled_from("abc"),
    st.integers(-1, 1),
    any=st.sampled_from([(), (PersonRef("Anna"),), (PersonRef("Ben"), PersonRef("Mia"))]),
    only=st.sampled_from([(), (PersonRef("Anna"), PersonRef("Ben"))]),
    min_people=st.integers(0, 2),
    folder=st.sampled_from(["", "us", "us/{year}", "{person}/x", "{album}/{person}"]),
    also=st.sampled_from(["", "family", "family/{person}"]),
    album=st.sampled_from(["", "Us"]),
)


async def test_moves_are_planned_without_a_read_on_the_event_loop(opened, monkeypatch):
    world = opened(people=FAMILY, settings=EACH | {"rules": [US]})
    both = await arrive(world, "anna+ben_1.jpg")
    await world.stage("renames")
    world = opened(settings=EACH | {"rules": [{"name": "apart", "min_people": 2, "folder": "{person}/both"}]})
    read, on_the_loop = Ledger.read, []

    def watched(ledger, work):
        if threading.current_thread() is threading.main_thread():
            on_the_loop.append(work)
        return read(ledger, work)

    monkeypatch.setattr(Ledger, "read", watched)
    assert (await world.actions.relink("eva")).done == 1
    assert on_the_loop == []
    assert world.places(both) == ["faces/anna/both/anna+ben_1.jpg", "faces/ben/both/anna+ben_1.jpg"]


async def test_any_rules_move_photos_once_into_each_folder_and_the_undo_is_exact(opened):
    world = opened(people=FAMILY, settings=EACH)
    names = ("anna_1.jpg", "anna+ben_1.jpg", "ben+mia_1.jpg", "anna+ben+mia_1.jpg")
    ids = [await arrive(world, name, year=2020 + n) for n, name in enumerate(names)]
    ids.append(await arrive(world, "stranger_1.jpg"))
    await world.actions.approve(ids[-1:], [PersonSelector("Anna"), PersonSelector("Mia")], "eva")
    await world.stage("renames")
    await world.tell(minutes=1)
    before, immich, plain = world.tree(), world.server.described(), world.context.policy()

    async def there_and_back(template: str, rules: list[FilingRule]) -> None:
        policy = replace(plain, template=template, rules=tuple(rules))
        world.context.policy = lambda: policy
        there = await world.actions.relink("eva")
        assert there.failed == 0
        assert not (await world.actions.relink("eva", dry_run=True)).done
        for photo in ids:
            folders = [os.path.dirname(place) for place in world.places(photo)]
            assert len(folders) == len(set(folders)) > 0
        world.check()
        await world.tell(minutes=1)
        event = there.event or next((one.event for one in there), None)
        if event is not None:
            await world.actions.undo(event, "eva", admin=True)
        await world.tell(minutes=1)
        assert world.tree() == before
        assert world.server.described() == immich

    # The examples of hypothesis are drawn beforehand: the world runs in this loop.
    drawn: list[tuple[str, list[FilingRule]]] = []

    @settings(max_examples=25, deadline=None, database=None)
    @given(st.sampled_from(TEMPLATES), st.lists(RULES, max_size=3))
    def draw(template: str, rules: list[FilingRule]) -> None:
        drawn.append((template, rules))

    draw()
    for template, rules in drawn:
        await there_and_back(template, rules)


async def test_an_explanation_says_which_rules_fit(made):
    world = made(EACH | {"rules": [US, {"name": "kids", "any": ["Mia"], "also": "kids"}]})
    photo = await arrive(world, "anna+ben_1.jpg")
    found = world.ledger.read(lambda db: explained(db, photo, world.context.policy()))
    assert [(rule.rule, rule.verdict, rule.text) for rule in found.rules[-2:]] == [
        ("us", "decided", "Your rule us says where it goes."),
        ("kids", "passed", "Your rule kids does not fit."),
    ]


async def test_a_folder_that_people_share_is_never_taken_for_a_person(made, monkeypatch):
    monkeypatch.setattr(audits, "_LOOKS", ())
    family = {"name": "family", "min_people": 2, "also": "family/{year}"}
    world = made(EACH | {"rules": [family]})
    both, alone = await arrive(world, "anna+ben_1.jpg"), await arrive(world, "anna_1.jpg")
    await world.stage("renames")
    moved_by_hand(world, "faces/anna/anna_1.jpg", "faces/family/2024/anna_1.jpg")
    Repair(world.context).run(Audit(world.context.layout).run())
    assert world.photo(alone).person_name == "Anna"
    world.check()
    configured, server, places = world.sidecar.settings, world.server, world.places(both)
    close_world(world)
    await asyncio.to_thread(rebuild, configured, server, lambda _: None)
    with Ledger(os.path.join(world.root, "smartsort.db")) as ledger:
        found = ledger.read(
            lambda db: db.conn.execute("SELECT person_name, person_id FROM photos ORDER BY 1").fetchall()
        )
        names = ledger.read(
            lambda db: db.conn.execute("SELECT path, person_id FROM names WHERE area = 'faces'").fetchall()
        )
    assert ("Anna", server.person("Anna").id) in found
    assert {f"faces/{path}" for path, _ in names} >= set(places)
    assert {person for path, person in names if path.startswith("family/")} == {None}


async def test_the_doctor_says_whom_no_rule_can_mean(made):
    rules = [US, {"name": "typo", "any": ["Mai", "mia"], "folder": "x"}]
    world = made(EACH | {"rules": rules})

    def told() -> list[tuple[str, str]]:
        checks = world.ledger.read(lambda db: judging_checks(world.sidecar.settings, db))
        return [(check.verdict, check.detail) for check in checks if check.name == "rules"]

    assert told() == []  # Immich was not asked yet
    await world.sidecar.people.refresh(max_age=-1)
    await world.stage("renames")
    assert told() == [("warning", "Immich has no person called Mai (in typo)")]
    mia = world.server.person("Mia")
    world.server.people_by_id[mia.id] = replace(mia, name="Mai")
    await world.sidecar.people.refresh(max_age=-1)
    await world.stage("renames")
    # The name was bound to the person, who is called otherwise now.
    assert told() == [("ok", "2 rules, and Immich knows whom they name")]
