"""Restore and rebuild keep shots together, and give every photo its own file."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime

import pytest
from tests.fakes import TO_THE_LIBRARY, World, close_world, content_of
from tests.handed_in import KINDS, deliver_shot, shot
from tests.shots import TAKEN, clip, photo

from smartsort.actions import PersonSelector
from smartsort.audit import Audit, Weight
from smartsort.core.model import State
from smartsort.files.layout import Layout
from smartsort.files.placement import Method
from smartsort.ledger.backup import backup
from smartsort.ledger.records import Area, Member
from smartsort.pipeline.recovery.recover import Recovery
from smartsort.rescue import adopt
from smartsort.rescue.rebuild import rebuild, restore

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def described(root):
    """Every photo: where it stands, and its files with their bytes, whatever its number."""
    with closing(sqlite3.connect(f"{root}/smartsort.db")) as db:
        found = {}
        for i, state, category, person in db.execute("SELECT id, state, category, person_name FROM photos"):
            if state != "purged":
                found[i] = [state, category, (person or "").lower(), []]
        for i, area, path, member in db.execute("SELECT photo_id, area, path, member FROM names"):
            folder = {"temp": "temp_downloads"}.get(area, area)
            held = hashlib.sha256(content_of(f"{root}/{folder}/{path}")).hexdigest()[:12]
            found[i][3].append((area, path, member, held))
    return Counter((s, c, p, tuple(sorted(names))) for s, c, p, names in found.values())


def by_number(ledger):
    """Where the files of each photo lie."""
    with closing(sqlite3.connect(ledger)) as db:
        found = {i: set() for (i,) in db.execute("SELECT id FROM photos")}
        for i, *name in db.execute("SELECT photo_id, area, path, member FROM names"):
            found[i].add(tuple(name))
        return found


def clean(root):
    report = Audit(Layout(root)).run()
    assert report.weight is Weight.CLEAN, [(f.code, f.what) for f in report.findings]


async def everywhere(world):
    """Shots of each kind in each state a photo can rest in."""
    ids = {}
    for kind in KINDS:
        first = 100 * KINDS.index(kind)
        for number, stem in enumerate(("anna_1", "stranger_1", "anna_2", "bella_3", "anna_4")):
            name = f"{stem}{kind}"
            ids[name] = await deliver_shot(world, name, kind, seed=first + number)
        await world.settle()
        # Exact duplicates: one waits, one is filed for itself, one is rejected.
        for number, stem in enumerate(("first", "second", "third"), 5):
            name = f"anna_{number}{kind}{stem}"
            ids[name] = await deliver_shot(world, name, kind, seed=first)
            await world.settle()
        await world.actions.approve([ids[f"anna_6{kind}second"]], [PersonSelector("Bella")], "eva")
        await world.actions.reject([ids[f"anna_7{kind}third"]], "eva")
        await world.actions.reject([ids[f"anna_2{kind}"]], "eva", expect=(State.FILED,))
        await world.actions.refile(
            [ids[f"bella_3{kind}"]], [PersonSelector("Anna"), PersonSelector("Carl")], "eva"
        )
    await world.settle()
    return ids


@pytest.fixture
def world(root):
    made = World(root)
    yield made
    close_world(made)


def settings_of(world):
    return world.sidecar.settings


async def test_a_rebuilt_ledger_has_every_shot_as_one(world, root):
    await everywhere(world)
    settings = settings_of(world)
    close_world(world)
    clean(root)
    before = described(root)
    assert sum(before.values()) == 24
    await asyncio.to_thread(rebuild, settings, None, lambda _: None)
    assert described(root) == before
    clean(root)


@pytest.mark.parametrize("moment", ["empty", "claimed", "placed", "waiting", "settled"])
async def test_an_older_ledger_catches_up_with_shots_and_duplicates(world, root, moment, tmp_path):
    path = ""
    ids = {}
    for kind in KINDS:
        if moment == "empty" and not path:
            path = backup(world.ledger.path, f"{tmp_path}/kept", NOW)
        seed = 100 * KINDS.index(kind)
        for number, stem in enumerate(("anna_1", "stranger_1", "anna_2")):
            ids[stem + kind] = await deliver_shot(world, stem + kind, kind, seed=seed + number)
        if moment == "claimed":
            path = backup(world.ledger.path, f"{tmp_path}/kept", NOW)
        await world.sidecar.place_stage.ensure_library()
        for name in TO_THE_LIBRARY:
            await world.stage(name)
        if moment == "placed":
            path = backup(world.ledger.path, f"{tmp_path}/kept", NOW)
        await world.settle()
        if moment == "waiting":
            path = backup(world.ledger.path, f"{tmp_path}/kept", NOW)
        again = await deliver_shot(world, f"anna_5{kind}", kind, seed=seed)
        await world.settle()
        if moment == "settled":
            path = backup(world.ledger.path, f"{tmp_path}/kept", NOW)
        # The photo itself is rejected, and its duplicate becomes the one that is filed.
        await world.actions.reject([ids[f"anna_1{kind}"]], "eva", expect=(State.FILED,))
        await world.actions.approve([again], [PersonSelector("Anna")], "eva")
        await world.actions.refile([ids[f"anna_2{kind}"]], [PersonSelector("Bella")], "eva")
        await world.actions.approve([ids[f"stranger_1{kind}"]], [PersonSelector("Carl")], "eva")
    await world.settle()
    was = by_number(world.ledger.path)
    settings = settings_of(world)
    close_world(world)
    before = described(root)
    await asyncio.to_thread(restore, settings, path, None, lambda _: None)
    assert described(root) == before
    clean(root)
    # What the backup knew is the very photo it was: its history and decisions are its own.
    now, known = by_number(f"{root}/smartsort.db"), by_number(path).keys()
    assert {i: now[i] for i in known} == {i: was[i] for i in known}
    with closing(sqlite3.connect(f"{root}/smartsort.db")) as db:
        assert db.execute("SELECT count(*) FROM intents").fetchone() == (0,)


async def test_a_duplicate_is_never_given_the_row_of_the_photo_in_the_library(world, root, tmp_path):
    """Both lie elsewhere than the ledger has them; then rejecting the duplicate moved the library's file."""
    content = shot(1, "alone")["jpg"]
    first = await deliver_shot(world, "anna_1", "alone", content)
    await world.settle()
    path = backup(world.ledger.path, f"{tmp_path}/kept", NOW)
    again = await deliver_shot(world, "anna_2", "alone", content)
    await world.settle()
    assert world.photo(again).category == "duplicates"
    await world.actions.refile([first], [PersonSelector("Bella")], "eva")
    library = next(n for n in world.names(first) if n.area is Area.LIBRARY)
    settings, server, clock = settings_of(world), world.server, world.clock
    close_world(world)
    before = described(root)
    await asyncio.to_thread(restore, settings, path, None, lambda _: None)
    assert described(root) == before
    world = World(root, server=server, clock=clock)
    assert world.places(first) == ["faces/bella/anna_1.jpg"]
    [waiting] = world.ledger.read(lambda db: db.conn.execute("SELECT photo_id FROM review_queue").fetchall())
    await world.actions.reject([waiting[0]], "eva")
    assert content_of(world.context.absolute(library)) == content
    assert world.photo(first).state is State.FILED
    clean(root)
    close_world(world)


async def test_a_half_that_came_after_the_backup_joins_its_photo(world, root, tmp_path):
    """The ledger knows the photo under all its names, and nothing of the clip beside it."""
    one = await deliver_shot(world, "anna_1", "live")
    await world.settle()
    video = [n for n in world.names(one) if n.member.value == "video"]
    settings = settings_of(world)
    close_world(world)
    before = described(root)
    path = backup(f"{root}/smartsort.db", f"{tmp_path}/kept", NOW)
    with closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM names WHERE member = 'video'")
        db.commit()
    await asyncio.to_thread(restore, settings, path, None, lambda _: None)
    assert len(video) == 2
    assert described(root) == before
    clean(root)


async def test_equal_names_alone_make_no_shot(world, root):
    """A photo and a video that happen to be called the same, side by side in the trash and in review/."""
    ids = []
    for name, content in (
        ("anna_1.jpg", photo(1)),
        ("anna_1.mov", clip(6.0, taken=TAKEN.replace(year=2021))),
    ):
        ids.append(await world.deliver(name, content, source=name))
    await world.settle()
    await world.actions.reject(ids, "eva", expect=(State.FILED, State.REVIEW))
    settings = settings_of(world)
    close_world(world)
    before = described(root)
    assert sum(before.values()) == 2
    await asyncio.to_thread(rebuild, settings, None, lambda _: None)
    assert described(root) == before
    clean(root)


async def test_copies_instead_of_links_keep_shots_together_too(world, root, monkeypatch, tmp_path):
    """faces/ and review/ on another disk: every name is a file of its own."""
    from smartsort.files import transfer

    def no_links(*_, **__):
        raise OSError(18, "Invalid cross-device link")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", no_links)
        patch.setattr(transfer.os, "link", no_links)
        for kind in KINDS:
            for stem in ("anna_1", "stranger_1"):
                await deliver_shot(world, stem + kind, kind)
        await world.settle()
    settings = settings_of(world)
    close_world(world)
    before = described(root)
    inodes = [
        len({os.stat(f"{root}/{a}/{p}").st_ino for a, p, *_ in names}) == len(names) for *_, names in before
    ]
    assert all(inodes)
    monkeypatch.setattr(adopt, "methods_between", lambda *_: Method.COPY)
    await asyncio.to_thread(rebuild, settings, None, lambda _: None)
    assert described(root) == before
    clean(root)


async def test_a_name_that_a_kill_left_behind_leaves_the_ledger_too(world, root, tmp_path):
    """The backup has the photo in temp_downloads/, and a kill left that name beside the library's."""
    one = await deliver_shot(world, "anna_1", "live")
    for name in ("examine", "deduplicate"):
        await world.stage(name)
    path = backup(world.ledger.path, f"{tmp_path}/kept", NOW)
    temp = [world.context.absolute(n) for n in world.names(one)]
    for each in temp:
        os.link(each, f"{each}.kept")
    await world.settle()
    for each in temp:
        os.rename(f"{each}.kept", each)
    settings = settings_of(world)
    close_world(world)
    await asyncio.to_thread(restore, settings, path, None, lambda _: None)
    clean(root)
    assert os.listdir(f"{root}/temp_downloads") == [".smartsort-root"]


@pytest.mark.parametrize("linked", [True, False])
async def test_what_was_claimed_and_still_lies_in_the_inbox_is_not_taken_twice(world, root, linked):
    """A kill came between the claim and the drop, and the journal is lost with the ledger.

    Another file of the same name, time and bytes is another delivery, and stays.
    """
    await deliver_shot(world, "anna_1", "live")
    temp = f"{root}/temp_downloads"
    for name in os.listdir(temp):
        if not name.startswith("."):
            own = f"{root}/inbox/shots/{name.partition('_')[2]}"
            os.link(f"{temp}/{name}", own) if linked else shutil.copy2(f"{temp}/{name}", own)
    settings = settings_of(world)
    close_world(world)
    await asyncio.to_thread(rebuild, settings, None, lambda _: None)
    left = sorted(os.listdir(f"{root}/inbox/shots"))
    assert left == ([] if linked else sorted(n.partition("_")[2] for n in os.listdir(temp) if n[0] != "."))
    clean(root)


async def test_a_temporary_name_goes_although_its_photo_has_another_id_now(world, root):
    """A rebuild numbers the photos again, so the id in the name of a leftover may be another photo's."""
    await deliver_shot(world, "anna_1", "live")
    await deliver_shot(world, "ben_1", "live")
    await world.settle()
    held = next(n for n in world.names(2) if n.area is Area.LIBRARY and n.member is Member.PHOTO)
    os.link(f"{root}/library/{held.path}", f"{root}/temp_downloads/1-photo_IMG_0001.jpeg")
    shutil.copy2(f"{root}/library/{held.path}", f"{root}/temp_downloads/77-photo_IMG_0001.jpeg")
    shutil.copy2(f"{root}/smartsort.db", f"{root}/temp_downloads/2-photo_another.jpeg")
    await asyncio.to_thread(Recovery(world.context).run)
    assert sorted(os.listdir(f"{root}/temp_downloads")) == [".smartsort-root", "2-photo_another.jpeg"]


async def test_what_a_killed_process_tried_a_disk_with_is_cleared_up(world, root):
    await deliver_shot(world, "anna_1", "live")
    settings = settings_of(world)
    close_world(world)
    places = [
        f"{root}/{area}/.smartsort-0123456789abcdef.probe"
        for area in (".", "library", "faces", "inbox/shots")
    ]
    for place in places:
        os.mkdir(place)
        shutil.copy2(f"{root}/smartsort.db", f"{place}/a")
    await asyncio.to_thread(rebuild, settings, None, lambda _: None)
    assert not [path for path in places if os.path.basename(path) in os.listdir(os.path.dirname(path))]
    clean(root)
