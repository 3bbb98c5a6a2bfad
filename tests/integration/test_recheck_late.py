"""Halves and side files that come after their photo was decided join it, and can be taken apart again."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from tests.fakes import World, close_world, picture, write
from tests.integration.test_recheck_groups import drop, files, reasons
from tests.shots import clip, photo, raw_photo

from smartsort.actions import PersonSelector
from smartsort.actions.values import NotUndoable
from smartsort.audit import Audit
from smartsort.core.model import Hint, State
from smartsort.errors import StorageError
from smartsort.files.layout import Layout
from smartsort.files.placement import Placer
from smartsort.ledger import events, photos, review, shots, takeout
from smartsort.ledger.records import Area, Member


@pytest.fixture
def world(tmp_path):
    made = World(
        os.fspath(tmp_path / "root"), settings={"inbox.settle_seconds": 0, "inbox.companion_wait_seconds": 0}
    )
    yield made
    close_world(made)


async def late(world: World, **content: bytes) -> None:
    """Put files into the inbox and have everything done about them."""
    await drop(world, **content)
    await world.stage("join")
    await world.settle()


def kinds(world: World, photo_id: int = 1) -> list[str]:
    return [event.kind for event in world.ledger.read(lambda db: events.of_photo(db, photo_id))]


def event_of(world: World, kind: str, photo_id: int = 1):
    found = world.ledger.read(lambda db: events.of_photo(db, photo_id))
    return [event for event in found if event.kind == kind][-1]


def count(world: World) -> int:
    return world.ledger.read(lambda db: db.conn.execute("SELECT count(*) FROM photos").fetchone()[0])


async def test_a_clip_joins_the_picture_that_is_filed(world):
    await drop(world, anna_1__jpg=photo(content_id="A"))
    assert files(world, "faces") == ["anna/anna_1.jpg"]
    await late(world, anna_1__MOV=clip(content_id="A"))
    assert files(world, "faces") == ["anna/anna_1.MOV", "anna/anna_1.jpg"]
    library = [path for path in files(world, "library") if not path.startswith(".")]
    assert len(library) == 2
    assert len({os.path.dirname(path) for path in library}) == 1
    assert files(world, "inbox") == files(world, "temp_downloads") == files(world, "review") == []
    assert count(world) == 1
    assert kinds(world)[-2:] == ["late", "joined"]
    assert event_of(world, "late").data["together_by"] == "content identifier"
    assert event_of(world, "joined").data["joined"] == ["anna_1.MOV"]
    assert world.photo(1).person_name == "Anna"
    world.check()


async def test_a_raw_photo_joins_its_jpeg_in_review_with_its_xmp(world):
    await drop(world, stranger_1__jpg=photo())
    await late(world, stranger_1__dng=raw_photo(), stranger_1__dng__xmp=b"<x/>")
    assert files(world, "review") == [
        "unidentified/unknown_stranger_1.dng",
        "unidentified/unknown_stranger_1.dng.xmp",
        "unidentified/unknown_stranger_1.jpg",
    ]
    assert count(world) == 1
    world.check()
    await world.actions.approve([1], [PersonSelector("Bella")], "maria")
    assert files(world, "faces") == [
        "bella/stranger_1.dng",
        "bella/stranger_1.dng.xmp",
        "bella/stranger_1.jpg",
    ]
    assert files(world, "review") == []
    world.check()


BARE = {"taken": None, "camera": None}


@pytest.mark.parametrize("picture_first", [True, False])
@pytest.mark.parametrize("names", [("anna_1__JPG", "anna_1_HEVC__MOV"), ("anna_1__MP__jpg", "anna_1__MP")])
async def test_names_that_programs_give_to_such_clips_alone_count_late_too(world, names, picture_first):
    shot = {names[0]: photo(**BARE), names[1]: clip(1.0)}
    first, second = names if picture_first else reversed(names)
    await drop(world, **{first: shot[first]})
    await late(world, **{second: shot[second]})
    assert len(files(world, "faces")) == 2
    assert world.ledger.read(lambda db: photos.count_in(db, State.FILED)) == 1
    world.check()


async def test_a_clip_joins_the_picture_and_not_its_duplicate(world):
    picture_of_it = photo(content_id="A")
    await drop(world, anna_1__jpg=picture_of_it)
    await drop(world, **{"anna_1(1)__jpg": picture_of_it})
    await late(world, anna_1__MOV=clip(content_id="A"))
    assert files(world, "faces") == ["anna/anna_1.MOV", "anna/anna_1.jpg"]
    world.check()


@pytest.mark.parametrize(
    "half",
    [clip(content_id="B"), clip(), clip(9.0, local="2024-05-01T10:00:00+02:00")],
    ids=["another identifier", "nothing said", "a film"],
)
async def test_without_evidence_it_stays_a_photo_of_its_own(world, half):
    await drop(world, anna_1__jpg=photo(content_id="A"))
    await late(world, anna_1__MOV=half)
    assert count(world) == 2
    assert kinds(world, 1)[-1] == "sorted"
    world.check()


async def test_a_broken_half_that_comes_late_goes_to_review_by_itself(world):
    await drop(world, anna_1__jpg=photo(content_id="A"))
    await late(world, anna_1__MOV=clip(content_id="A", faststart=True)[:-300])
    assert files(world, "faces") == ["anna/anna_1.jpg"]
    assert files(world, "review") == ["unidentified/unreadable_anna_1.MOV"]
    assert "ends in the middle" in reasons(world)["anna_1.MOV"][1]
    world.check()


async def test_a_half_waits_in_the_inbox_while_its_picture_is_on_its_way(world):
    await drop(world, anna_1__jpg=photo(content_id="A"))
    world.ledger.write(lambda db: photos.apply(db, [photos.Change(1, state=State.KNOWN)], "2024"))
    write(os.path.join(world.context.layout.inbox, "anna_1.MOV"), clip(content_id="A"))
    for _ in range(2):
        world.sidecar.inbox._hint.set()
        await world.sidecar.inbox.step()
    assert (world.sidecar.inbox.waiting, count(world)) == (1, 1)
    world.ledger.write(lambda db: photos.apply(db, [photos.Change(1, state=State.FILED)], "2024"))
    world.sidecar.inbox._hint.set()
    await world.sidecar.inbox.step()
    await world.stage("join")
    assert files(world, "faces") == ["anna/anna_1.MOV", "anna/anna_1.jpg"]
    world.check()


async def test_what_was_rejected_is_not_joined(world):
    await drop(world, anna_1__jpg=photo(content_id="A"))
    await world.actions.reject([1], "maria", expect=(State.FILED,))
    await late(world, anna_1__MOV=clip(content_id="A"))
    assert count(world) == 2
    assert files(world, "faces") == ["anna/anna_1.MOV"]
    world.check()


async def test_a_second_clip_does_not_join(world):
    await drop(world, anna_1__jpg=photo(content_id="A"), anna_1__MOV=clip(content_id="A"))
    await late(world, anna_1__mov=clip(content_id="A", seed=3))
    assert count(world) == 2
    world.check()


HALVES = {"MOV": clip(content_id="A"), "dng": raw_photo(content_id="A")}


@pytest.mark.parametrize("half", HALVES)
async def test_a_picture_that_comes_after_its_half_takes_it_in(world, half):
    await drop(world, **{f"stranger_1__{half}": HALVES[half]})
    assert files(world, "review") == [f"unidentified/unknown_stranger_1.{half}"]
    assert world.ledger.read(lambda db: db["films"].count) == (half == "MOV")  # a video of its own until then
    await late(world, stranger_1__jpg=photo(content_id="A"))
    assert files(world, "review") == sorted(
        [f"unidentified/unknown_stranger_1.{half}", "unidentified/unknown_stranger_1.jpg"]
    )
    assert len(files(world, "library")) == 2
    assert files(world, "temp_downloads") == []
    assert (world.photo(1).state, world.photo(2).state) == (State.PURGED, State.REVIEW)
    assert kinds(world, 1)[-1] == "folded"
    assert event_of(world, "folded", 1).data["into"] == 2
    assert event_of(world, "joined", 2).data["joined"] == [f"stranger_1.{half}"]
    [refused] = await world.actions.undo(event_of(world, "reviewed", 1).id, "maria")
    assert (refused.code, refused.problem) == ("not_undoable", "photo 1 is part of photo 2 since that came")
    pending = world.ledger.read(
        lambda db: db.conn.execute("SELECT photo_id FROM review_queue WHERE action = 'pending'").fetchall()
    )
    assert pending == [(2,)]
    assert Audit(Layout(world.root)).run().findings == []
    assert world.ledger.read(shots.older_halves) == []
    world.check()
    [approved] = await world.actions.approve([2], [PersonSelector("Bella")], "maria")
    assert approved.companions == (f"stranger_1.{half}",)
    assert files(world, "faces") == sorted([f"bella/stranger_1.{half}", "bella/stranger_1.jpg"])
    await world.actions.undo(event_of(world, "joined", 2).id, "maria")
    await world.settle()
    assert count(world) == 3
    assert files(world, "review") == [f"unidentified/unknown_stranger_1.{half}"]
    world.check()


class Measured:
    """A machine learning service that has just measured photo 2, and found the picture blurred."""

    version, available = 0, True

    def newly_measured(self):
        return [2]

    async def recall(self, asset_id, evidence):
        return replace(evidence, hint=Hint(blur=0.9))

    async def complete(self, asset_id, evidence, policy, ambiguous):
        return evidence


@pytest.mark.parametrize("new", ["a name", "a measure"])
async def test_what_is_new_about_a_picture_leaves_its_place_in_the_queue(world, monkeypatch, new):
    await drop(world, **{"stranger+stranger_1__dng": raw_photo(content_id="A")})
    await late(world, **{"stranger+stranger_1__jpg": photo(content_id="A")})
    waiting = [name.member for name in world.names(2) if name.area is Area.REVIEW]
    assert waiting == [Member.RAW, Member.PHOTO]  # the picture took the row of its half's name over
    before = world.ledger.read(lambda db: photos.last_decision(db, 2))
    if new == "a name":
        face = world.server.asset_at("stranger+stranger_1.jpg").faces[0]
        face.person = world.server.person("Anna").id
    else:
        [step] = [stage.step for stage in world.sidecar.runner._stages if stage.name == "recheck"]
        monkeypatch.setattr(step.__self__._evidence_builder, "measure", Measured())
    for _ in range(5):
        await world.stage("recheck")
    assert world.ledger.read(lambda db: photos.last_decision(db, 2)) != before
    [row] = world.ledger.read(review.page).rows
    assert row.path.endswith("/multi_stranger+stranger_1.jpg")
    assert Audit(Layout(world.root)).run().findings == []
    world.check()


async def test_a_joining_that_fails_leaves_the_half_its_place(world, monkeypatch):
    await drop(world, stranger_1__dng=raw_photo(content_id="A"))
    place, library = Placer.place, world.context.layout.library

    def full(self, batch):
        joining = len({request.folder for request in batch}) == 2
        failing = [joining and request.folder.startswith(library) for request in batch]
        good = iter(place(self, [one for one, fails in zip(batch, failing, strict=True) if not fails]))
        return [StorageError("no space left") if fails else next(good) for fails in failing]

    with monkeypatch.context() as patch:
        patch.setattr(Placer, "place", full)
        await late(world, stranger_1__jpg=photo(content_id="A"))
    assert kinds(world, 2)[-1] == "late"
    assert files(world, "review") == [
        "unidentified/unknown_stranger_1.dng",
        "unidentified/unknown_stranger_1.jpg",
    ]
    world.check()
    await world.stage("join")
    assert kinds(world, 2)[-1] == "joined"
    assert kinds(world, 1)[-1] == "folded"
    assert Audit(Layout(world.root)).run().findings == []
    world.check()


async def test_a_picture_does_not_take_in_what_is_not_its_half(world):
    await drop(world, anna_1__MOV=clip(content_id="B"), bella_1__MOV=clip(content_id="C"))
    await world.actions.reject([2], "maria", expect=(State.FILED,))
    await late(world, anna_1__jpg=photo(content_id="A"), bella_1__jpg=photo(2, content_id="C"))
    assert count(world) == 4
    assert world.ledger.read(shots.older_halves) == []
    assert files(world, "faces") == ["anna/anna_1.MOV", "anna/anna_1.jpg", "bella/bella_1.jpg"]
    world.check()


@pytest.mark.parametrize("half", ["MOV", "dng"])
async def test_the_same_half_once_more_is_a_duplicate(world, half):
    content = {"MOV": clip(content_id="A"), "dng": raw_photo()}[half]
    await drop(world, anna_1__jpg=photo(content_id="A"), **{f"anna_1__{half}": content})
    assert count(world) == 1
    await late(world, **{f"bella_1__{half}": content})
    assert reasons(world)[f"bella_1.{half}"][0] == "duplicate"
    assert files(world, "review") == [f"duplicates/duplicate_bella_1.{half}"]
    assert world.photo(2).duplicate_of == 1
    world.check()


async def test_a_joining_is_taken_back_and_the_half_goes_on_by_itself(world):
    await drop(world, anna_1__jpg=photo(content_id="A"))
    await late(world, anna_1__MOV=clip(content_id="A"))
    joined = event_of(world, "joined")
    [undone] = await world.actions.undo(joined.id, "maria")
    assert undone.ok, undone
    assert undone.companions == ("anna_1.MOV",)
    await world.settle()
    await late(world)
    assert count(world) == 2
    assert [name.member for name in world.names(1)] == [Member.PHOTO] * 2
    assert files(world, "faces") == ["anna/anna_1.MOV", "anna/anna_1.jpg"]
    assert world.photo(2).original_name == "anna_1.MOV"
    assert kinds(world, 1)[-2:] == ["split", "undone"]
    assert event_of(world, "undone", 1).data["of"] == "joined"
    world.check()
    for event, why in ((joined.id, "undone already"), (undone.event, "cannot be undone")):
        with pytest.raises(NotUndoable, match=why):
            await world.actions.undo(event, "maria")


async def test_what_was_done_before_the_joining_can_be_undone_and_takes_the_half_along(world):
    await drop(world, stranger_1__jpg=photo(content_id="A"))
    [approved] = await world.actions.approve([1], [PersonSelector("Bella")], "maria")
    await late(world, stranger_1__MOV=clip(content_id="A"))
    assert files(world, "faces") == ["bella/stranger_1.MOV", "bella/stranger_1.jpg"]
    [undone] = await world.actions.undo(approved.event, "maria")
    assert undone.ok, undone
    assert files(world, "faces") == []
    assert files(world, "review") == [
        "unidentified/unknown_stranger_1.MOV",
        "unidentified/unknown_stranger_1.jpg",
    ]
    world.check()
    [redone] = await world.actions.undo(undone.event, "maria")
    assert redone.ok, redone
    assert files(world, "faces") == ["bella/stranger_1.MOV", "bella/stranger_1.jpg"]
    assert files(world, "review") == []
    world.check()


async def test_rejecting_and_undoing_after_a_joining_moves_both(world):
    await drop(world, anna_1__jpg=photo(content_id="A"))
    await late(world, anna_1__MOV=clip(content_id="A"))
    [rejected] = await world.actions.reject([1], "maria", expect=(State.FILED,))
    assert rejected.companions == ("anna_1.MOV",)
    assert [os.path.basename(path) for path in files(world, "trash")] == ["anna_1.MOV", "anna_1.jpg"]
    assert files(world, "library") == files(world, "faces") == []
    [undone] = await world.actions.undo(rejected.event, "maria")
    assert undone.ok, undone
    assert files(world, "faces") == ["anna/anna_1.MOV", "anna/anna_1.jpg"]
    assert len(files(world, "library")) == 2
    world.check()


async def test_side_files_join_the_photo_of_their_name_that_came_from_their_folder(world):
    await drop(world, anna_1__jpg=picture(1), bella_1__jpg=picture(2))
    said = b'{"people": [{"name": "Ann Bird"}]}'
    await late(world, anna_1__jpg__json=said, anna_1__AAE=b"<plist/>", carl_1__jpg__json=said)
    assert files(world, "faces") == [
        "anna/anna_1.AAE",
        "anna/anna_1.jpg",
        "anna/anna_1.jpg.json",
        "bella/bella_1.jpg",
    ]
    assert files(world, "inbox") == ["carl_1.jpg.json"]
    assert [os.path.basename(path) for path in world.sidecar.inbox.left_over] == ["carl_1.jpg.json"]
    assert world.ledger.read(lambda db: takeout.get(db, 1)).people == ("Ann Bird",)
    with pytest.raises(NotUndoable, match="cannot be undone"):
        await world.actions.undo(event_of(world, "joined").id, "maria")
    world.check()


@pytest.mark.parametrize(
    "step", ["claim:intent", "claim:placed", "claim:committed", "act:intent", "act:placed", "act:committed"]
)
@pytest.mark.parametrize("picture_first", [True, False])
async def test_a_death_at_any_step_of_a_joining_loses_and_doubles_nothing(tmp_path, step, picture_first):
    class Died(BaseException):
        pass

    root = os.fspath(tmp_path / "root")
    armed = False

    def checkpoint(name: str) -> None:
        if armed and name == step:
            raise Died

    settings = {"inbox.settle_seconds": 0, "inbox.companion_wait_seconds": 0}
    first = World(root, settings=settings, checkpoint=checkpoint)
    pair = {"anna_1__jpg": photo(content_id="A"), "anna_1__MOV": clip(content_id="A")}
    before, after = pair if picture_first else reversed(pair)
    await drop(first, **{before: pair[before]})
    try:
        if not picture_first:
            await drop(first, **{after: pair[after]})
        armed = True
        await late(first, **({after: pair[after]} if picture_first else {}))
    except Died:
        pass
    else:
        raise AssertionError(f"never at {step}")
    close_world(first)

    second = World(root, settings=settings, server=first.server)
    try:
        await late(second)
        assert files(second, "faces") == ["anna/anna_1.MOV", "anna/anna_1.jpg"]
        assert files(second, "inbox") == files(second, "temp_downloads") == []
        assert count(second) == 2 - picture_first
        second.check()
    finally:
        close_world(second)
