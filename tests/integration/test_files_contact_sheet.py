"""Pictures on a contact sheet."""

import io

import pytest
from PIL import Image

from smartsort.files.contact_sheet import TILE, Mark, contact_sheet
from smartsort.files.decoders import Decoders


def encoded(colour, size=(800, 600)):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue()


COLOURS = ["red", "lime", "blue", "white", "magenta", "cyan", "yellow"]


@pytest.fixture
def decoders():
    found = Decoders()
    yield found
    found.release()


def test_every_picture_is_on_the_sheet_in_its_shape_with_its_boxes(decoders):
    pictures = [encoded(colour) for colour in COLOURS]
    marks = [[Mark(0.25, 0.25, 0.75, 0.75, "Ann")]] + [[]] * 6
    data = decoders.contact_sheet(pictures, [f"0:0{n}" for n in range(7)], marks)
    sheet = Image.open(io.BytesIO(data)).convert("RGB")
    assert 0.5 < sheet.width / sheet.height < 2.5
    firsts = {}
    for y in range(0, sheet.height, 4):
        for x in range(0, sheet.width, 4):
            red, green, blue = sheet.getpixel((x, y))
            firsts.setdefault((red > 128, green > 128, blue > 128), (x, y))
    assert len(firsts) == 8  # seven colours, and the paper
    x, y = firsts[True, False, False]
    beside = [sheet.getpixel((x + TILE[0] // 4 + dx, y + TILE[1] // 2))[1] for dx in range(-6, 7)]
    assert max(beside) > 120  # the line of the box on the red picture
    assert sheet.getpixel((x + TILE[0] // 2, y + TILE[1] // 2))[1] < 60


@pytest.mark.parametrize("size", [(10, 4000), (4000, 10), (1, 1), (320, 240)])
def test_pictures_of_any_shape_fit(size):
    sheet = Image.open(io.BytesIO(contact_sheet([encoded("red", size), encoded("blue")], ["a", "b"])))
    assert sheet.width < 3 * TILE[0]


def test_boxes_beside_the_picture_or_turned_inside_out_do_no_harm():
    marks = [[Mark(0.9, 0.9, 1.4, 1.2, "a long name that does not fit"), Mark(0.6, 0.6, 0.2, 0.2)]]
    assert contact_sheet([encoded("red")], ["x"], marks)


def test_what_cannot_be_drawn_is_told(decoders):
    assert "failed" in decoders.contact_sheet([b"no picture"], ["x"])
    with pytest.raises(ValueError, match="no pictures"):
        contact_sheet([], [])
