"""Near-duplicates: Immich's groups, our own hashes, which copy is better, and "not the same"."""

from __future__ import annotations

import io
import os
import random
from typing import ClassVar

import pytest
from PIL import Image, ImageDraw
from tests.fake_immich import LIBRARY_PATH, FakeAsset, FakeServer, by_name
from tests.fakes import World, close_world

from smartsort.actions import PersonSelector
from smartsort.core.model import State
from smartsort.core.wording import sentence
from smartsort.files.perceptual_hash import ALIKE, differing_bits
from smartsort.files.probe import probe
from smartsort.ledger import decisions, events, photos


def drawing(seed: int, size=(640, 480), *, quality=90, fmt="JPEG", exif_date=False, flip=False) -> bytes:
    """A picture with something on it; the same seed is the same picture at any size."""
    rng = random.Random(seed)
    image = Image.new("RGB", (640, 480), tuple(rng.randrange(256) for _ in range(3)))
    pen = ImageDraw.Draw(image)
    for _ in range(40):
        x, y, r = rng.randrange(640), rng.randrange(480), rng.randrange(20, 120)
        pen.ellipse((x - r, y - r, x + r, y + r), fill=tuple(rng.randrange(256) for _ in range(3)))
    if flip:
        pen.rectangle((100, 100, 400, 300), fill=(250, 250, 250))
    image = image.resize(size)
    exif = Image.Exif()
    if exif_date:
        exif[0x0132] = "2024:05:01 12:00:00"
        exif.get_ifd(0x8769)[0x9003] = "2024:05:01 12:00:00"
    out = io.BytesIO()
    image.save(out, fmt, quality=quality, exif=exif)
    return out.getvalue()


def hash_of(tmp_path, content: bytes) -> int | None:
    path = tmp_path / f"{len(os.listdir(tmp_path))}.bin"
    path.write_bytes(content)
    value = probe(os.fspath(path)).look
    return None if value is None else int.from_bytes(value, "big")


@pytest.mark.parametrize("seed", range(6))
def test_copies_are_alike_and_other_pictures_are_not(tmp_path, seed):
    mine = hash_of(tmp_path, drawing(seed))
    for copy in (
        drawing(seed, quality=30),
        drawing(seed, size=(320, 240)),
        drawing(seed, size=(160, 120), quality=50),
        drawing(seed, fmt="PNG"),
        drawing(seed, fmt="WEBP", quality=40),
    ):
        assert differing_bits(mine, hash_of(tmp_path, copy)) <= ALIKE
    for other in (drawing(seed + 100), drawing(seed, flip=True)):
        assert differing_bits(mine, hash_of(tmp_path, other)) > ALIKE


def test_what_cannot_be_hashed_is_compared_with_nothing(tmp_path):
    flat = io.BytesIO()
    Image.new("RGB", (200, 200), (10, 20, 30)).save(flat, "PNG")
    for content in (b"", b"no picture", drawing(1)[:300], flat.getvalue()):
        assert hash_of(tmp_path, content) is None


@pytest.fixture
def world(tmp_path):
    made = World(os.fspath(tmp_path / "root"), settings={"deduplication.near_duplicates": True})
    yield made
    close_world(made)


def reason(world, photo_id):
    return world.ledger.read(lambda db: decisions.last_decided(db, photo_id)).reasons[0]


async def test_a_smaller_copy_goes_to_duplicates_and_the_better_one_is_named(world):
    first = await world.deliver("anna_1.jpg", drawing(1, exif_date=True))
    await world.settle()
    second = await world.deliver("anna_2.jpg", drawing(1, size=(320, 240)))
    await world.settle()
    assert world.places(first) == ["faces/anna/anna_1.jpg"]
    assert world.places(second) == ["review/duplicates/duplicate_anna_2.jpg"]
    why = reason(world, second)
    assert (why.code, why.detail, why.numbers["better"]) == ("near_duplicate", "faces/anna/anna_1.jpg", -1)
    said = sentence(why)
    assert "The other is the better copy: 0.3 megapixels against 0.1" in said
    assert "when it was taken" in said
    assert world.photo(second).duplicate_of == first
    copy = world.ledger.read(lambda db: photos.last_decision(db, second))[4].near_copy
    assert (copy.photo_id, copy.asset_id) == (first, world.photo(first).asset_id)


async def test_the_better_copy_may_come_second(world):
    await world.deliver("anna_1.jpg", drawing(1, size=(320, 240)))
    await world.settle()
    second = await world.deliver("anna_2.jpg", drawing(1))
    await world.settle()
    assert "This is the better copy" in sentence(reason(world, second))


async def test_of_two_that_come_together_the_later_is_the_copy(world):
    first = await world.deliver("anna_1.jpg", drawing(1))
    second = await world.deliver("anna_2.jpg", drawing(1, quality=40))
    await world.settle()
    assert world.photo(first).state is State.FILED
    assert reason(world, second).code == "near_duplicate"


class Grouping(FakeServer):
    """Groups by file name; what is no file name of ours is the id of somebody else's asset."""

    by_name: ClassVar[dict[str, list[str]]] = {}

    async def duplicate_groups(self):
        self._call("duplicate_groups")
        ids = {os.path.basename(a.path): a.id for a in self.assets.values()}
        return {group: [ids.get(n, n) for n in names] for group, names in self.by_name.items()}

    async def duplicate_ids(self, library_id, created_after):
        groups = await self.duplicate_groups()
        self._call("duplicate_ids")
        return {asset: group for group, assets in groups.items() for asset in assets if asset in self.assets}


async def test_immichs_groups_come_first_also_for_assets_that_are_not_ours(tmp_path):
    root = os.fspath(tmp_path / "root")
    server = Grouping(os.path.join(root, "library"), ["Anna"], by_name)
    server.by_name = {
        "one": ["anna_1.jpg", "anna_2.jpg"],
        "two": ["anna_3.jpg", "foreign-1"],
        "three": ["x", "y"],
    }
    world = World(root, server=server, settings={"deduplication.near_duplicates": True})
    first, second, third = [await world.deliver(f"anna_{n}.jpg", drawing(n)) for n in (1, 2, 3)]
    await world.settle()
    assert world.photo(first).state is State.FILED
    assert (reason(world, second).code, world.photo(second).duplicate_of) == ("near_duplicate", first)
    assert (reason(world, third).code, reason(world, third).detail) == (
        "near_duplicate",
        "asset foreign-1 in Immich",
    )
    assert server.calls["duplicate_ids"] == 1
    close_world(world)


async def test_an_asset_of_our_own_that_the_ledger_does_not_know_yet_is_no_copy_elsewhere(tmp_path):
    root = os.fspath(tmp_path / "root")
    server = Grouping(os.path.join(root, "library"), ["Anna"], by_name)
    server.by_name = {"one": ["anna_1.jpg", "late.jpg"]}
    world = World(root, server=server, settings={"deduplication.near_duplicates": True})
    server.assets["late"] = FakeAsset("late", f"{LIBRARY_PATH}/shard-0001/late.jpg")
    first = await world.deliver("anna_1.jpg", drawing(1))
    await world.settle()
    assert world.photo(first).state is State.FILED
    close_world(world)


async def test_switched_off_nobody_looks(tmp_path):
    world = World(os.fspath(tmp_path / "root"))
    await world.deliver("anna_1.jpg", drawing(1))
    second = await world.deliver("anna_2.jpg", drawing(1, quality=40))
    await world.settle()
    assert world.photo(second).state is State.FILED
    assert "duplicate_ids" not in world.server.calls
    close_world(world)


async def test_not_the_same_is_remembered(world):
    first = await world.deliver("anna_1.jpg", drawing(1))
    second = await world.deliver("anna_2.jpg", drawing(1, quality=40))
    await world.settle()
    await world.actions.approve([second], [PersonSelector("Anna")], "maria")
    approved = world.ledger.read(lambda db: events.of_photo(db, second))[-1]
    await world.deliver("stranger_9.jpg", drawing(9))
    await world.settle()
    await world.stage("recheck")  # learns from what was done
    said = world.ledger.read(
        lambda db: db.conn.execute("SELECT kind, photo_id, other FROM feedback").fetchall()
    )
    assert said == [("not_same", second, f"photo:{first}")]
    await world.actions.undo(approved.id, "maria")
    await world.stage("recheck")
    assert not world.ledger.read(lambda db: db.conn.execute("SELECT * FROM feedback").fetchall())


async def test_told_apart_in_review_the_photo_is_judged_again(world):
    from smartsort.ledger import feedback

    first = await world.deliver("anna_1.jpg", drawing(1))
    second = await world.deliver("anna_2.jpg", drawing(1, quality=40))
    await world.settle()
    world.ledger.write(lambda db: feedback.say_not_same(db, second, f"photo:{first}", "2024-05-01"))
    for _ in range(2):
        await world.stage("recheck")
    assert world.places(second) == ["faces/anna/anna_2.jpg"]


async def test_a_rejected_photo_is_nobodys_original(world):
    first = await world.deliver("stranger_1.jpg", drawing(1))
    await world.settle()
    await world.actions.reject([first], "maria")
    second = await world.deliver("anna_2.jpg", drawing(1, quality=40))
    await world.settle()
    assert world.photo(second).state is State.FILED
