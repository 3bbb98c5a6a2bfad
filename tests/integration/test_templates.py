"""Folders by a template: filing, approving, moving what is filed already, and all that looks at folders."""

from __future__ import annotations

import asyncio
import io
import os
from zlib import crc32

import pytest
from PIL import Image
from tests.fakes import World, close_world, picture
from tests.handed_in import moved_by_hand

from smartsort.actions import PersonSelector
from smartsort.audit import Audit, Weight
from smartsort.audit import audit as audits
from smartsort.audit.repair import Repair
from smartsort.core.model import Person, State
from smartsort.core.naming import folder_name
from smartsort.files.placement import Placer, PlaceRequest
from smartsort.files.problems import FileRefused
from smartsort.ledger import events
from smartsort.ledger.database import Ledger
from smartsort.rescue.rebuild import rebuild

YEARS = "{person}/{year}"
ANNA = [PersonSelector("Anna")]


def shot(seed: int, year: int | None = 2024, camera: str = "Pixel 8") -> bytes:
    """A small JPEG of this year and camera."""
    image = Image.open(io.BytesIO(picture(seed)))
    exif = Image.Exif()
    exif[0x0110] = camera
    if year is not None:
        exif[0x0132] = f"{year}:07:05 12:00:00"
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif, comment=str(seed).encode())
    return out.getvalue()


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Nothing moves here while it is looked at."""
    monkeypatch.setattr(audits, "_LOOKS", ())


@pytest.fixture
def opened(tmp_path):
    """Worlds on one root, each beside the same Immich; the one before is closed."""
    made: list[World] = []

    def open_world(template: str = "{person}", **more) -> World:
        if made:
            close_world(made[-1])
            more = {"server": made[-1].server, "clock": made[-1].clock} | more
        settings = {"filing.template": template} | more.pop("settings", {})
        made.append(World(os.fspath(tmp_path / "root"), settings=settings, **more))
        return made[-1]

    yield open_world
    close_world(made[-1])


async def filed(world: World, *names: str, year: int | None = 2024) -> list[int]:
    ids = [await world.deliver(name, shot(crc32(name.encode()) % 9999, year)) for name in names]
    await world.settle()
    await world.stage("renames")
    return ids


def folders(world: World) -> list[str]:
    """Folders below `faces/`, empty ones too."""
    base = os.path.join(world.root, "faces")
    return sorted(os.path.relpath(place, base) for place, _, _ in os.walk(base) if place != base)


async def moved(world: World):
    """The answer of a dry run, and that of the move."""
    plan = await world.actions.relink("eva", dry_run=True)
    done = await world.actions.relink("eva", agreed=plan.versions)
    assert (plan.done, plan.failed) == (done.done, done.failed)
    return done


async def test_photos_go_where_the_template_says_by_themselves_and_by_hand(opened):
    world = opened("{year}/{person}/{camera}")
    first, waiting = await filed(world, "anna_1.jpg", "stranger_1.jpg")
    [undated] = await filed(world, "anna_2.jpg", year=None)
    assert world.places(first) == ["faces/2024/anna/pixel_8/anna_1.jpg"]
    assert world.places(undated) == ["faces/undated/anna/pixel_8/anna_2.jpg"]
    await world.actions.approve([waiting], ANNA, "eva")
    assert world.places(waiting) == ["faces/2024/anna/pixel_8/stranger_1.jpg"]
    await world.actions.refile([waiting], [PersonSelector("Bella")], "eva")
    assert world.places(waiting) == ["faces/2024/bella/pixel_8/stranger_1.jpg"]
    await world.actions.undo_last(actor="eva")
    await world.actions.undo_last(actor="eva")
    assert world.photo(waiting).state is State.REVIEW
    assert folders(world) == ["2024", "2024/anna", "2024/anna/pixel_8", *folders(world)[3:]]
    assert not any("bella" in folder for folder in folders(world))
    world.check()


async def test_a_changed_template_moves_what_is_filed_as_one_event_and_its_undo_is_exact(opened):
    world = opened()
    await filed(world, "anna_1.jpg", "bella_1.jpg", "stranger_1.jpg")
    await filed(world, "anna_2.jpg", year=2019)
    [by_hand] = await filed(world, "stranger_2.jpg")
    await world.actions.approve([by_hand], ANNA, "eva")
    before = world.tree()
    world = opened(YEARS)
    assert world.tree() == before
    plan = await world.actions.relink("eva", dry_run=True)
    assert {one.action for one in plan} == {"would_move"}
    assert world.tree() == before
    done = await world.actions.relink("eva", agreed=plan.versions)
    assert (done.done, done.failed) == (4, 0)
    assert folders(world) == ["anna", "anna/2019", "anna/2024", "bella", "bella/2024"]
    assert world.places(by_hand) == ["faces/anna/2024/stranger_2.jpg"]
    assert not world.photo(by_hand).auto_sorted
    world.check()
    assert (await world.actions.relink("eva")).done == 0
    assert (await world.actions.undo(done.event, "eva", admin=True)).done == 4
    assert world.tree() == before
    assert folders(world) == ["anna", "bella"]
    world.check()


async def test_only_what_a_dry_run_has_shown_is_moved(opened):
    world = opened()
    first, second = await filed(world, "anna_1.jpg", "bella_1.jpg")
    world = opened(YEARS)
    plan = await world.actions.relink("eva", dry_run=True)
    await world.actions.refile([first], [PersonSelector("Carl")], "eva")
    done = await world.actions.relink("eva", agreed=plan.versions)
    assert done.done == 1
    assert world.places(first) == ["faces/carl/2024/anna_1.jpg"]
    assert world.places(second) == ["faces/bella/2024/bella_1.jpg"]


@pytest.mark.parametrize("step", ["act:intent", "act:placed", "act:committed", "act:dropped"])
async def test_a_move_that_is_killed_is_finished_or_taken_back_and_goes_on(opened, monkeypatch, step):
    class Killed(BaseException):
        """The process ends here."""

    monkeypatch.setattr("smartsort.actions.rearrange.BATCH", 2)
    world = opened()
    await filed(world, *(f"anna_{n}.jpg" for n in range(5)))
    before = world.tree()
    seen: list[str] = []

    def bomb(at: str) -> None:
        seen.append(at)
        if at == step and seen.count(at) == 2:
            raise Killed

    world = opened(YEARS, checkpoint=bomb)
    with pytest.raises(Killed):
        await world.actions.relink("eva")
    world = opened(YEARS)
    world.check()
    await world.actions.relink("eva")
    assert folders(world) == ["anna", "anna/2024"]
    world.check()
    groups = [
        e.id for e in world.ledger.read(lambda db: events.before(db, None, 99)) if e.kind == "bulk_action"
    ]
    for group in groups:
        await world.actions.undo(group, "eva", admin=True)
    for photo in range(1, 6):
        found = world.ledger.read(lambda db, i=photo: events.of_photo(db, i))
        if world.places(photo) != [f"faces/anna/anna_{photo - 1}.jpg"]:
            await world.actions.undo(found[-1].id, "eva", admin=True)
    assert world.tree() == before


async def test_what_a_user_has_put_somewhere_by_hand_stays_there(opened):
    world = opened()
    first, second = await filed(world, "anna_1.jpg", "anna_2.jpg")
    moved_by_hand(world, "faces/anna/anna_1.jpg", "faces/anna/best/anna_1.jpg")
    base = os.path.join(world.root, "faces", "anna")
    os.link(f"{base}/anna_2.jpg", f"{base}/best/two.jpg")
    Repair(world.context).run(Audit(world.context.layout).run())
    assert world.photo(first).person_name == "Anna"
    assert len(world.places(second)) == 2
    before = world.tree()
    world = opened(YEARS)
    await moved(world)
    assert world.tree() == before


async def test_two_people_of_one_folder_form_are_kept_apart_on_every_level(opened):
    world = opened("{source}/{person}/{year}", people=("Anna-Marie", "Anna Marie"))
    first, second = await filed(world, "anna-marie_1.jpg", "anna marie_1.jpg")
    own = folder_name("Anna Marie", apart=True)
    assert world.places(first) == ["faces/test/anna_marie/2024/anna-marie_1.jpg"]
    assert world.places(second) == [f"faces/test/{own}/2024/anna marie_1.jpg"]
    again = opened("{source}/{person}/{year}")
    assert again.context.person_folder(world.server.person("Anna Marie")) == own
    assert (await again.actions.relink("eva")).done == 0


async def test_a_folder_follows_a_new_name_wherever_it_stands(opened):
    world = opened("{source}/{person}/{year}")
    first, other = await filed(world, "anna_1.jpg", "bella_1.jpg")
    before = world.tree()
    anna = world.server.person("Anna")
    world.server.people_by_id[anna.id] = Person(anna.id, "Anna Smith")
    await world.sidecar.people.refresh(max_age=-1)
    await world.stage("renames")
    assert world.places(first) == ["faces/test/anna_smith/2024/anna_1.jpg"]
    assert world.places(other) == ["faces/test/bella/2024/bella_1.jpg"]
    assert folders(world) == [
        *("test", "test/anna_smith", "test/anna_smith/2024", "test/bella", "test/bella/2024"),
    ]
    [group] = [e for e in world.ledger.read(lambda db: events.before(db, None, 9)) if e.kind == "bulk_action"]
    await world.actions.undo(group.id, "eva")
    assert world.tree() == before


async def test_a_photo_that_is_moved_to_a_new_year_of_somebody_is_theirs(opened):
    world = opened("{year}/{person}")
    [first, _] = await filed(world, "anna_1.jpg", "bella_1.jpg")
    moved_by_hand(world, "faces/2024/anna/anna_1.jpg", "faces/1999/bella/anna_1.jpg")
    Repair(world.context).run(Audit(world.context.layout).run())
    assert world.photo(first).person_name == "Bella"
    assert world.photo(first).person_id == world.server.person("Bella").id
    assert Audit(world.context.layout).run().weight is Weight.CLEAN


async def test_a_name_that_only_smartsort_knows_is_found_below_a_year(opened):
    world = opened("{year}/{person}")
    one, two = await filed(world, "stranger_1.jpg", "none_1.jpg")
    await world.actions.approve([one], [PersonSelector("Aunt May", create=True)], "eva")
    world.server.down = True
    await world.actions.approve([two], [PersonSelector("Aunt May")], "eva")
    assert world.places(two) == ["faces/2024/aunt_may/none_1.jpg"]


async def test_a_new_ledger_finds_the_people_and_the_years_of_the_folders(opened):
    world = opened("{year}/{person}")
    ids = await filed(world, "anna_1.jpg", "bella_1.jpg")
    before = {name.rpartition("/")[2] for i in ids for name in world.places(i)}
    settings, server, tree = world.sidecar.settings, world.server, world.tree()
    close_world(world)
    await asyncio.to_thread(rebuild, settings, server, lambda _: None)
    with Ledger(os.path.join(world.root, "smartsort.db")) as ledger:
        found = ledger.read(
            lambda db: db.conn.execute("SELECT person_name, person_id FROM photos ORDER BY 1").fetchall()
        )
    assert found == [(name, server.person(name).id) for name in ("Anna", "Bella")]
    assert before == {"anna_1.jpg", "bella_1.jpg"}
    again = opened("{year}/{person}", server=server)
    # Nobody had read when they were taken since. They are read, and stay.
    assert (await again.actions.relink("eva")).done == 0
    assert again.tree() == tree


async def test_what_if_shows_another_template_and_applies_it_with_one_undo(opened):
    from smartsort.actions import Wanted

    world = opened()
    await filed(world, "anna_1.jpg", "bella_1.jpg")
    before = world.tree()
    values = {"filing_template": YEARS}
    wanted = Wanted(world.sidecar.runtime_settings.policy_with(values), values, {})
    effect = await world.actions.past.effect(wanted.policy, "")
    assert effect.ways == {"faces/anna -> faces/anna/2024": 1, "faces/bella -> faces/bella/2024": 1}
    done = await world.actions.reevaluate(wanted, "", "eva")
    assert folders(world) == ["anna", "anna/2024", "bella", "bella/2024"]
    assert world.context.policy().template == YEARS
    await world.actions.undo(done.event, "eva", admin=True)
    assert world.tree() == before
    assert world.context.policy().template == "{person}"


@pytest.mark.parametrize("folder", ["a/../..", "..", "a//b", "a/./b", "a/", "a/..", "/x", "a\0b"])
def test_the_primitive_places_nothing_in_a_folder_that_leads_elsewhere(tmp_path, folder):
    source = tmp_path / "photo.jpg"
    source.write_bytes(b"photo")
    (tmp_path / "faces").mkdir()
    before = sorted(tmp_path.rglob("*"))
    [result] = Placer().place([PlaceRequest(str(source), f"{tmp_path}/faces/{folder}", ["photo.jpg"])])
    assert isinstance(result, FileRefused)
    assert sorted(tmp_path.rglob("*")) == before


async def test_nothing_is_concluded_of_a_file_that_nobody_has_read_and_that_cannot_be_read(
    opened, monkeypatch
):
    world = opened()
    [photo] = await filed(world, "anna_1.jpg")
    world.ledger.write(lambda db: db.conn.execute("UPDATE photos SET camera = NULL, taken_at = NULL"))
    world = opened("{person}/{year}/{camera}")
    refused = [None]
    monkeypatch.setattr(world.context.decoders, "metadata_if_read", lambda _: refused)
    assert (await world.actions.relink("eva")).done == 0
    assert world.places(photo) == ["faces/anna/anna_1.jpg"]
    monkeypatch.undo()
    assert (await world.actions.relink("eva")).done == 1
    assert world.places(photo) == ["faces/anna/2024/pixel_8/anna_1.jpg"]


async def test_what_travels_with_a_photo_and_equal_names_move_along_and_back(opened):
    world = opened()
    first = await world.deliver("anna_1.jpg", shot(1), xmp=b"<x/>")
    second = await world.deliver("anna_1.jpg", shot(2, 2019), source="other", xmp=b"<y/>")
    await world.settle()
    await world.stage("renames")
    before = world.tree()
    world = opened("{source}/{person}")
    done = await world.actions.relink("eva")
    faces = sorted(path for path in world.tree() if path.startswith("faces/"))
    assert faces == [
        *("faces/other/anna/anna_1.jpg", "faces/other/anna/anna_1.jpg.xmp"),
        *("faces/test/anna/anna_1.jpg", "faces/test/anna/anna_1.jpg.xmp"),
    ]
    assert world.places(first) == ["faces/test/anna/anna_1.jpg"]
    assert world.places(second) == ["faces/other/anna/anna_1.jpg"]
    world.check()
    await world.actions.undo(done.event, "eva", admin=True)
    assert world.tree() == before
