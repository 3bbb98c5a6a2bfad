"""RAW and JPEG, Live Photos and XMP files: they arrive together, are decided once and filed together."""

from __future__ import annotations

import os
from datetime import datetime

import pytest
from tests.fakes import World, close_world, content_of, write
from tests.shots import clip, photo, raw_photo

from smartsort.actions import PersonSelector
from smartsort.core.model import State
from smartsort.files.inbox import Entry
from smartsort.files.metadata import Metadata
from smartsort.files.settling import SettleTracker
from smartsort.files.stamps import FileStamp
from smartsort.ledger import events, photos

# When they settle.


class Watch:
    def __init__(self, quiet: float = 2.0, companion: float = 5.0) -> None:
        self.now = 0.0
        self.tracker = SettleTracker(quiet, companion, clock=lambda: self.now, wall_clock=lambda: 1e9)
        self.tracker.read_metadata = lambda path: Metadata(
            datetime(2024, 5, 1), camera="one", content_id="id"
        )
        self.tracker.look([])

    def look(self, now: float, **sizes: int):
        self.now = now
        entries = [
            Entry(f"/inbox/{name.replace('__', '.')}", "", FileStamp(1, 1, size, 1), 1)
            for name, size in sorted(sizes.items())
        ]
        return self.tracker.look(entries)


def shown(look):
    return [
        (a.photo.name, a.raw.name if a.raw else None, a.video.name if a.video else None) for a in look.settled
    ]


def test_both_halves_settle_together():
    watch = Watch()
    watch.look(0, IMG__JPG=1, IMG__CR2=1)
    assert shown(watch.look(2.1, IMG__JPG=1, IMG__CR2=1)) == [("IMG.JPG", "IMG.CR2", None)]


def test_a_half_that_still_grows_is_waited_for_as_long_as_it_grows():
    watch = Watch()
    for second in range(30):
        look = watch.look(second, IMG__HEIC=1, IMG__MOV=second)
        assert (shown(look), look.waiting) == ([], 2)
    watch.look(30, IMG__HEIC=1, IMG__MOV=99)
    assert shown(watch.look(33, IMG__HEIC=1, IMG__MOV=99)) == [("IMG.HEIC", None, "IMG.MOV")]


@pytest.mark.parametrize("half", ["IMG__HEIC", "IMG__CR2", "IMG__MOV"])
def test_a_lone_half_waits_for_the_other_and_then_comes_alone(half):
    watch = Watch()
    watch.look(0, **{half: 1})
    assert shown(watch.look(3, **{half: 1})) == []
    assert shown(watch.look(8, **{half: 1})) == [(half.replace("__", "."), None, None)]


def test_a_jpeg_or_mp4_waits_for_nothing():
    watch = Watch()
    watch.look(0, IMG__JPG=1, CLIP__MP4=1)
    assert len(watch.look(2.1, IMG__JPG=1, CLIP__MP4=1).settled) == 2


def test_a_shot_with_two_sidecars_is_taken_apart():
    watch = Watch()
    files = {"IMG__JPG": 1, "IMG__CR2": 1, "IMG__JPG__xmp": 1, "IMG__CR2__xmp": 1}
    watch.look(0, **files)
    assert sorted(shown(watch.look(9, **files))) == [("IMG.CR2", None, None), ("IMG.JPG", None, None)]


# What becomes of them.


@pytest.fixture
def world(tmp_path):
    made = World(
        os.fspath(tmp_path / "root"), settings={"inbox.settle_seconds": 0, "inbox.companion_wait_seconds": 0}
    )
    yield made
    close_world(made)


async def drop(world: World, **files: bytes) -> None:
    """Put files into the inbox and have the inbox stage take them."""
    for name, content in files.items():
        write(os.path.join(world.context.layout.inbox, name.replace("__", ".")), content)
    scan = world.sidecar.inbox
    scan._hint.set()
    await scan.step()
    scan._hint.set()
    await scan.step()
    await world.settle()


def only_photo(world: World) -> int:
    rows = world.ledger.read(lambda db: db.conn.execute("SELECT id FROM photos").fetchall())
    assert len(rows) == 1
    return rows[0][0]


def files(world: World, area: str) -> list[str]:
    base = os.path.join(world.root, area)
    return sorted(
        os.path.relpath(os.path.join(folder, name), base)
        for folder, _, names in os.walk(base)
        for name in names
        if not name.startswith(".smartsort")
    )


async def test_raw_jpeg_and_the_raws_sidecar_are_filed_as_one(world):
    await drop(world, anna_1__jpg=photo(), anna_1__dng=raw_photo(), anna_1__xmp=b"<x/>")
    photo_id = only_photo(world)
    assert files(world, "faces") == ["anna/anna_1.dng", "anna/anna_1.dng.xmp", "anna/anna_1.jpg"]
    assert len(files(world, "library")) == 3
    assert len({os.path.dirname(path) for path in files(world, "library")}) == 1
    assert files(world, "inbox") == files(world, "temp_downloads") == []
    assert world.photo(photo_id).state is State.FILED
    assert len(world.ledger.read(lambda db: db.conn.execute("SELECT id FROM decisions").fetchall())) == 1


async def test_a_live_photo_goes_to_review_and_out_of_it_as_one(world):
    await drop(world, stranger_1__jpg=photo(content_id="A"), stranger_1__MOV=clip(content_id="A"))
    photo_id = only_photo(world)
    assert files(world, "review") == [
        "unidentified/unknown_stranger_1.MOV",
        "unidentified/unknown_stranger_1.jpg",
    ]
    assert world.ledger.read(lambda db: db["films"].count) == 0  # the photo decides, and costs what it did
    video = content_of(os.path.join(world.root, "review", "unidentified", "unknown_stranger_1.MOV"))
    world.server.asset_at("stranger_1.jpg").faces[0].person = world.server.person("Anna").id
    for _ in range(3):
        await world.stage("recheck")
    assert files(world, "faces") == ["anna/stranger_1.MOV", "anna/stranger_1.jpg"]
    assert files(world, "review") == []
    [event] = [e for e in world.ledger.read(lambda db: events.of_photo(db, photo_id)) if e.kind == "sorted"]
    await world.actions.undo(event.id, "maria")
    assert files(world, "faces") == []
    await world.actions.approve([photo_id], [PersonSelector("Bella")], "maria")
    assert files(world, "faces") == ["bella/stranger_1.MOV", "bella/stranger_1.jpg"]
    assert content_of(os.path.join(world.root, "faces", "bella", "stranger_1.MOV")) == video
    await world.actions.reject([photo_id], "maria", expect=(State.FILED,))
    assert files(world, "faces") == []
    assert files(world, "library") == []
    assert [os.path.basename(path) for path in files(world, "trash")] == ["stranger_1.MOV", "stranger_1.jpg"]


def reasons(world: World) -> dict[str, tuple[str, str]]:
    """Code and detail of why each photo is where it is, by its name."""
    rows = world.ledger.read(lambda db: db.conn.execute("SELECT id, original_name FROM photos").fetchall())
    found = {name: world.ledger.read(lambda db, i=i: photos.last_decision(db, i)) for i, name in rows}
    return {name: (last[3][0].code, last[3][0].detail) for name, last in found.items()}


@pytest.mark.parametrize(
    "half",
    [b"", clip(content_id="A")[:-300], clip(content_id="A", faststart=True)[:-300]],
    ids=["empty", "cut", "cut behind its index"],
)
async def test_a_broken_clip_does_not_take_its_picture_with_it(world, half):
    await drop(world, anna_1__jpg=photo(content_id="A"), anna_1__MOV=half)
    assert files(world, "faces") == ["anna/anna_1.jpg"]
    assert files(world, "review") == ["unidentified/unreadable_anna_1.MOV"]
    code, detail = reasons(world)["anna_1.MOV"]
    assert code == "unreadable"
    assert "empty" in detail or "ends in the middle" in detail
    world.check()


async def test_a_broken_raw_photo_does_not_take_its_picture_with_it(world):
    broken = raw_photo()[:-10]
    await drop(world, anna_1__jpg=photo(), anna_1__dng=broken)
    assert files(world, "faces") == ["anna/anna_1.jpg"]
    assert files(world, "review") == ["unidentified/unreadable_anna_1.dng"]
    world.check()


async def test_a_broken_picture_does_not_take_its_halves_with_it(world):
    files_of_it = {"anna_1__jpg": photo(content_id="A")[:-60], "anna_1__MOV": clip(content_id="A")}
    await drop(world, **files_of_it, anna_1__jpg__xmp=b"<x/>")
    assert files(world, "faces") == ["anna/anna_1.MOV"]
    assert files(world, "review") == [
        "unidentified/unreadable_anna_1.jpg",
        "unidentified/unreadable_anna_1.jpg.xmp",
    ]
    world.check()


async def test_the_history_says_what_was_split_and_why(world):
    await drop(
        world, anna_1__jpg=photo(content_id="A"), anna_1__MOV=clip(content_id="A", faststart=True)[:-300]
    )
    first, second = (world.ledger.read(lambda db, i=i: events.of_photo(db, i)) for i in (1, 2))
    [split] = [e for e in first if e.kind == "split"]
    assert split.data["name"] == "anna_1.MOV"
    assert split.data["photo"] == 2
    assert "ends in the middle" in split.data["reason"]
    [accepted] = [e for e in second if e.kind == "accepted"]
    assert accepted.data["split_from"] == 1


async def test_pairs_without_evidence_are_two_photos(world):
    bare = {"taken": None, "camera": None}
    await drop(
        world,
        anna_1__jpg=photo(**bare),
        anna_1__MOV=clip(),
        bella_1__jpg=photo(2),
        bella_1__dng=raw_photo(**bare),
    )
    assert files(world, "faces") == [
        "anna/anna_1.MOV",
        "anna/anna_1.jpg",
        "bella/bella_1.dng",
        "bella/bella_1.jpg",
    ]
    assert len(reasons(world)) == 4


async def test_a_duplicate_shot_is_one_duplicate_with_its_raw(world):
    content, raw = photo(), raw_photo()
    await drop(world, anna_1__jpg=content, anna_1__dng=raw)
    await drop(world, anna_2__jpg=content, anna_2__dng=raw)
    assert files(world, "review") == ["duplicates/duplicate_anna_2.dng", "duplicates/duplicate_anna_2.jpg"]
    assert len(world.ledger.read(lambda db: db.conn.execute("SELECT id FROM photos").fetchall())) == 2
    second = [e for e in world.ledger.read(lambda db: events.of_photo(db, 2)) if e.kind == "reviewed"]
    await world.actions.undo(second[-1].id, "maria")
    await world.settle()
    assert files(world, "review") == ["duplicates/duplicate_anna_2.dng", "duplicates/duplicate_anna_2.jpg"]
