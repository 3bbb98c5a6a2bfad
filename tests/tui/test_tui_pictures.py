"""Pictures: decoded or refused, boxes on them, two beside each other, memory bounded."""

from __future__ import annotations

import asyncio
import io

import pytest
from PIL import Image, ImageStat
from rich.color import ColorSystem
from rich.segment import Segment
from tests.tui.sample.pictures import photo

from smartsort_tui.api import NotThere
from smartsort_tui.pictures import (
    Box,
    Frame,
    Undecodable,
    decode,
    dithered,
    drawn,
    half_blocks,
    inner_size,
)
from smartsort_tui.store import BoundedStore
from smartsort_tui.terminal import Colours
from smartsort_tui.widgets.picture import PictureSource

FRAME = Frame(40, 12, (10, 20))


def text(line: list[Segment]) -> str:
    return "".join(segment.text for segment in line)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff nothing", b"<html>", photo(1, 1)[:900]])
def test_what_is_no_picture_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(Undecodable, match="does not decode"):
        decode(data, (100, 100))


def test_a_picture_too_large_is_not_decoded() -> None:
    file = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(file, "PNG")
    with pytest.raises(Undecodable, match=r"too large|does not decode"):
        decode(file.getvalue(), (100, 100))


@pytest.mark.parametrize("size", [(480, 360), (1000, 10), (10, 1000), (1, 1)])
def test_a_picture_keeps_its_shape_inside_its_frame(size: tuple[int, int]) -> None:
    columns, rows = inner_size(size, FRAME)
    assert 1 <= columns <= FRAME.columns
    assert 1 <= rows <= FRAME.rows


def test_half_blocks_carry_the_number_of_each_face() -> None:
    boxes = [Box(1, 0.1, 0.2, 0.3, 0.6), Box(2, 0.6, 0.2, 0.8, 0.6, chosen=True)]
    lines = half_blocks([photo(1, 2)], boxes, FRAME)
    assert len(lines) <= FRAME.rows
    whole = "\n".join(text(line) for line in lines)
    assert "1" in whole
    assert "▸2" in whole
    assert {len(text(line)) for line in lines} == {inner_size((480, 360), FRAME)[0]}


def test_boxes_outside_the_picture_are_drawn_at_its_edge() -> None:
    boxes = [Box(1, -0.5, -0.5, 1.5, 1.5), Box(2, 0.9, 0.9, 0.1, 0.1)]
    assert half_blocks([photo(1, 1)], boxes, FRAME)
    assert drawn([photo(1, 1)], boxes, FRAME).size[0] <= 400


def test_two_copies_stand_beside_each_other() -> None:
    one = half_blocks([photo(1, 1)], [], FRAME)
    two = half_blocks([photo(1, 1), photo(2, 1, (100, 300))], [], FRAME)
    assert len(text(two[0])) <= FRAME.columns
    assert len(text(two[0])) != len(text(one[0]))
    picture = drawn([photo(1, 1), photo(2, 1)], [], FRAME)
    assert picture.width <= 400
    assert picture.height < 240


def test_boxes_are_drawn_on_the_picture() -> None:
    plain, boxed = (drawn([photo(1, 1)], boxes, FRAME) for boxes in ([], [Box(1, 0.2, 0.2, 0.6, 0.8)]))
    assert plain.size == boxed.size
    assert plain.tobytes() != boxed.tobytes()


def test_the_store_forgets_the_oldest_first_and_stays_below_its_bound() -> None:
    store: BoundedStore[str] = BoundedStore(100)
    for number in range(50):
        store.put(number, str(number), 30)
        store.get(0)
    assert [number for number in range(50) if store.get(number)] == [0, 48, 49]
    assert store.get(0) == "0"


async def test_a_picture_is_fetched_once_while_it_is_remembered() -> None:
    asked = []

    async def fetch(path: str) -> bytes:
        asked.append(path)
        await asyncio.sleep(0)
        if path == "missing":
            raise NotThere("no")
        return b"x"

    source = PictureSource(fetch)
    assert await asyncio.gather(source.get("a"), source.get("a"), source.get("b")) == [b"x"] * 3
    assert sorted(asked) == ["a", "b"]
    for _ in range(2):
        with pytest.raises(NotThere):
            await source.get("missing")
    assert asked.count("missing") == 2


@pytest.mark.parametrize(("colours", "most"), [("truecolor", 10**6), ("256", 240), ("16", 16)])
def test_a_face_keeps_its_shades_in_fewer_colours(colours: Colours, most: int) -> None:
    """Each patch of a soft slope comes out near its own brightness; the nearest colour would not."""
    slope = Image.linear_gradient("L").resize((64, 64)).convert("RGB").point(lambda value: 60 + value // 3)
    mixed = dithered(slope, colours)
    assert len(mixed.getcolors(4096) or ()) <= most
    for row in range(0, 64, 16):
        patch = (0, row, 64, row + 16)
        wanted = ImageStat.Stat(slope.crop(patch).convert("L")).mean[0]
        assert abs(ImageStat.Stat(mixed.crop(patch).convert("L")).mean[0] - wanted) < 9


@pytest.mark.parametrize(
    ("colours", "system"), [("256", ColorSystem.EIGHT_BIT), ("16", ColorSystem.STANDARD)]
)
def test_the_mixed_colours_are_the_terminals_own(colours: Colours, system: ColorSystem) -> None:
    frame = Frame(30, 10, (10, 20), colours)
    styles = [segment.style for line in half_blocks([photo(1, 1)], (), frame) for segment in line]
    used = {style.color for style in styles if style is not None and style.color is not None}
    shown = {colour.downgrade(system).get_truecolor() for colour in used}
    assert len(used) > 3
    assert len(shown) >= len(used) * 0.8


def test_pictures_of_unequal_height_stand_side_by_side() -> None:
    tall, wide = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (300, 400), (200, 0, 0)).save(tall, "PNG")
    Image.new("RGB", (400, 200), (0, 0, 200)).save(wide, "PNG")
    for pair in ((tall, wide), (wide, tall)):
        lines = half_blocks([one.getvalue() for one in pair], (), FRAME)
        assert len({len(text(line)) for line in lines}) == 1
        assert len(lines) > 3
