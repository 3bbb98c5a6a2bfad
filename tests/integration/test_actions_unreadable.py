"""A human overrules the probe: an unreadable photo gets into the library, or it is said why it cannot."""

from __future__ import annotations

import os

import pytest
from tests.fakes import World, close_world, picture
from tests.footage import footage

from smartsort.actions import PersonSelector
from smartsort.core.model import State
from smartsort.ledger import outbox, shards
from smartsort.ledger.records import Area, Member

BELLA = [PersonSelector("Bella")]


@pytest.fixture
def root(tmp_path):
    return os.fspath(tmp_path / "root")


@pytest.fixture
def place(root):
    made = World(root)
    yield made
    close_world(made)


def cut():
    return picture(3, 640, 480)[:900]


async def unreadable(world, name="stranger_1.jpg", content=None, **options):
    photo_id = await world.deliver(name, cut() if content is None else content, **options)
    await world.settle()
    assert world.photo(photo_id).state is State.REVIEW
    assert not any(n.area is Area.LIBRARY for n in world.names(photo_id))
    return photo_id


def in_library(world, photo_id):
    return [os.path.basename(n.path) for n in world.names(photo_id) if n.area is Area.LIBRARY]


async def test_approving_places_it_and_immich_learns_whose_face_it_is(place):
    photo = await unreadable(place, xmp=b"<x/>")
    scans = place.server.calls_made["scan"]
    [acted] = await place.actions.approve([photo], BELLA, "eva")
    assert acted.names == ("faces/bella/stranger_1.jpg",)
    assert [(one.number, one.photos) for one in place.ledger.read(shards.shards)] == [(1, 1)]
    assert sorted(in_library(place, photo)) == ["stranger_1.jpg", "stranger_1.jpg.xmp"]
    assert sorted(os.listdir(f"{place.root}/faces/bella")) == ["stranger_1.jpg", "stranger_1.jpg.xmp"]
    assert os.listdir(f"{place.root}/review/unidentified") == []
    await place.tell(minutes=2)
    assert place.server.calls_made["scan"] == scans + 1
    row = place.photo(photo)
    assert (row.state, row.person_name, row.shard) == (State.FILED, "Bella", 1)
    asset = place.server.asset_at("stranger_1.jpg")
    assert row.asset_id == asset.id
    assert asset.faces[0].person == place.server.person("Bella").id
    place.check()


async def test_a_photo_whose_name_has_no_digest_of_its_own_is_placed_by_that_of_the_photo(place):
    photo = await unreadable(place)
    place.ledger.write(lambda db: db.conn.execute("UPDATE names SET sha256 = NULL"))
    [acted] = await place.actions.approve([photo], BELLA, "eva")
    assert acted.ok
    digest = place.photo(photo).sha256
    assert [name.sha256 for name in place.names(photo)] == [digest] * 2
    place.check()


async def test_a_video_and_a_wrong_name_are_placed_as_immich_reads_them(place):
    photo = await unreadable(place, "stranger_2.txt", footage("mov")[:900])
    await place.actions.approve([photo], BELLA, "eva")
    assert in_library(place, photo) == ["stranger_2.txt.mov"]
    place.check()


@pytest.mark.parametrize("content", [b"just some words\n" * 30, b"", footage("mp4", picture=False)])
async def test_what_is_no_picture_is_not_filed_and_says_why(place, content):
    photo = await unreadable(place, content=content)
    [acted] = await place.actions.approve([photo], BELLA, "eva")
    assert (acted.action, acted.code) == ("failed", "not_a_photo")
    assert "pictures and videos only" in acted.problem
    assert place.places(photo) == ["review/unidentified/unreadable_stranger_1.jpg"]
    assert place.photo(photo).state is State.REVIEW
    place.check()


async def test_it_is_taken_back_and_done_again(place):
    photo = await unreadable(place, xmp=b"<x/>")
    [acted] = await place.actions.approve([photo], BELLA, "eva")
    await place.tell(minutes=2)
    [undone] = await place.actions.undo(acted.event, "eva")
    await place.tell(minutes=2)
    assert in_library(place, photo) == []
    assert place.places(photo) == ["review/unidentified/unreadable_stranger_1.jpg"]
    assert place.photo(photo).state is State.REVIEW
    assert len([n for n in place.names(photo) if n.member is Member.XMP]) == 1
    await place.actions.undo(undone.event, "eva")
    await place.tell(minutes=2)
    assert place.places(photo) == ["faces/bella/stranger_1.jpg"]
    assert len(in_library(place, photo)) == 2
    assert place.server.asset_at("stranger_1.jpg").faces[0].person == place.server.person("Bella").id
    place.check()


async def test_immich_is_not_asked_for_what_was_taken_back_before_it_heard_of_it(place):
    photo = await unreadable(place)
    [acted] = await place.actions.approve([photo], BELLA, "eva")
    await place.actions.undo(acted.event, "eva")
    await place.tell()
    assert place.ledger.read(outbox.next_due) is None
    assert place.server.calls_made["resolve"] == 0
    place.check()


@pytest.mark.parametrize("step", ["act:intent", "act:placed", "act:committed", "act:dropped"])
async def test_a_kill_at_any_step_leaves_it_whole(root, step):
    class Killed(BaseException):
        """The process is gone."""

    def dies(name):
        if armed and name == step:
            raise Killed

    armed = []
    first = World(root, checkpoint=dies)
    photo = await unreadable(first, xmp=b"<x/>")
    armed.append(True)
    with pytest.raises(Killed):
        await first.actions.approve([photo], BELLA, "eva")
    close_world(first)
    second = World(root, server=first.server)
    done = step in ("act:committed", "act:dropped")
    assert second.photo(photo).state is (State.FILED if done else State.REVIEW)
    assert len(in_library(second, photo)) == (2 if done else 0)
    library = [name for _, _, names in os.walk(f"{root}/library") for name in names if "stranger" in name]
    assert len(library) == (2 if done else 0)
    if not done:
        await second.actions.approve([photo], BELLA, "eva")
    assert len(in_library(second, photo)) == 2
    second.check()
    close_world(second)


async def test_what_was_filed_without_a_place_gets_one_when_it_is_filed_again(place):
    photo = await unreadable(place)
    await place.actions.approve([photo], BELLA, "eva")
    [acted] = await place.actions.refile([photo], [PersonSelector("Carl")], "eva")
    assert acted.action == "refiled"
    assert len(in_library(place, photo)) == 1


async def test_a_dry_run_names_the_folder_of_the_person(place):
    photo = await unreadable(place)
    [acted] = await place.actions.approve([photo], BELLA, "eva", dry_run=True)
    assert acted.action == "would_approve"
    assert any(name.startswith("faces/bella/") for name in acted.names)
    assert in_library(place, photo) == []
