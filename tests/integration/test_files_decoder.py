"""What a decoder process answers to each task, asked without the process."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image
from tests.footage import footage
from tests.shots import grain

from smartsort.files import decoder
from smartsort.files.contact_sheet import Mark
from smartsort.files.problems import FileVanished


def encoded(image, form="JPEG", **more):
    out = io.BytesIO()
    image.save(out, form, **more)
    return out.getvalue()


def scene(seed):
    """Something with large light and dark places."""
    rng = random.Random(seed)
    picture = Image.new("RGB", (320, 240), (90, 90, 90))
    for _ in range(40):
        x, y = rng.randrange(300), rng.randrange(220)
        picture.paste((rng.randrange(256),) * 3, (x, y, x + rng.randrange(20, 90), y + rng.randrange(20, 90)))
    return picture


@pytest.fixture
def put(tmp_path):
    def written(data):
        (tmp_path / "file").write_bytes(data)
        return str(tmp_path / "file")

    return written


def opened(data):
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(
    ("size", "side", "drawn"),
    [
        ((600, 400), 100, (150, 100)),
        ((400, 600), 100, (100, 150)),
        ((601, 400), 399, (599, 399)),
        ((600, 400), 400, (600, 400)),
        ((60, 40), 100, (60, 40)),
        ((2000, 4), 2, (1000, 2)),
    ],
)
def test_a_drawing_has_the_short_side_that_is_asked_for(size, side, drawn, put):
    found = opened(decoder.draw(put(encoded(Image.new("RGB", size, "red"), "PNG")), side, 10**7))
    assert (found.format, found.size, found.mode) == ("JPEG", drawn, "RGB")


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_is_drawn_on_white(mode, put):
    picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 0, 32, 64))
    found = opened(decoder.draw(put(encoded(picture.convert(mode), "PNG")), 64, 10**7))
    assert found.convert("L").getpixel((10, 30)) < 20
    assert found.convert("L").getpixel((54, 30)) > 235


def test_what_cannot_be_drawn_says_why(put):
    assert decoder.draw(put(b"no picture"), 9, 10**7) == "it is no picture that can be read here"
    assert decoder.draw(put(b"<svg></svg>"), 9, 10**7) == "it is no picture that can be read here"
    picture = encoded(grain((80, 60), 3), "PNG")
    assert decoder.draw(put(picture), 9, 99) == "it has too many pixels (80 x 60)"
    said = decoder.draw(put(picture[:200]), 9, 10**7)
    assert said == "it is no picture that can be read here (PNG is damaged (vipspng: libpng read error))"
    said = decoder.draw(put(b"FLV\x01" + bytes(99)), 9, 10**7)
    assert said.startswith("it is no picture that can be read here (")


def test_a_video_is_drawn_and_put_on_a_sheet_with_its_labels_and_boxes(put, monkeypatch):
    path = put(footage("mp4"))
    first = opened(decoder.draw(path, 32, 10**7))
    assert (first.format, min(first.size)) == ("JPEG", 32)
    asked = []
    monkeypatch.setattr(decoder, "contact_sheet", lambda *told: asked.append(told) or b"sheet")
    marks = [[Mark(0, 0, 1, 1, "x")], []]
    assert decoder.answer("frames_sheet", path, ([0.0, 0.5], ["a", "b"], marks)) == b"sheet"
    [(frames, labels, boxes)] = asked
    assert (labels, boxes) == (["a", "b"], marks)
    assert [min(opened(frame).size) <= 240 for frame in frames] == [True, True]
    assert isinstance(decoder.answer("frames_sheet", put(b"FLV\x01" + bytes(99)), ([0.0], ["a"], [])), str)
    assert decoder.answer("sheet", "", ([b"p"], ["a"], marks)) == b"sheet"
    assert asked[-1] == ([b"p"], ["a"], marks)


def test_whether_a_file_shows_a_picture(put):
    picture, other = scene(3), scene(4)
    path = put(encoded(picture, "PNG"))
    assert decoder.shows(path, encoded(picture.resize((160, 120)))) is True
    assert decoder.shows(path, encoded(other)) is False
    grey = Image.new("RGB", (320, 240), (90, 90, 90))
    assert decoder.shows(put(encoded(grey, "PNG")), encoded(grey)) is None
    assert decoder.shows(put(b"no picture"), encoded(picture)) is None


def test_whether_a_video_shows_a_picture_of_its_beginning(put, monkeypatch):
    path = put(footage("mp4"))
    first = decoder.draw(path, 90, 10**7)
    assert decoder.shows(path, first) is True
    seen = scene(3)
    grey = Image.new("RGB", (320, 240), (90, 90, 90))
    for pictures, found in (([seen, grey], False), ([grey], None), ([], None), ([seen], False)):
        monkeypatch.setattr(
            decoder, "beginnings", lambda _path, side, all_=pictures: all_ if side == 256 else 0
        )
        wanted = grey if pictures == [grey] else scene(9)
        assert decoder.shows(path, encoded(wanted)) is found


def test_one_file_never_stops_the_others(put, monkeypatch):
    def fails(_path, error):
        raise error

    monkeypatch.setitem(decoder.TASKS, "probe", fails)
    gone = FileVanished("gone", "/a")
    assert decoder.answer("probe", "/a", (gone,)) is gone
    said = decoder.answer("probe", "/a", (ValueError("a\n" + "b" * 300),))
    assert said == f"reading it failed (ValueError: a\\n{'b' * 197}). Please report it"
    for error in (MemoryError, ImportError):
        with pytest.raises(error):
            decoder.answer("probe", "/a", (error,))


def test_tasks_hand_on_what_they_are_asked(monkeypatch):
    asked = []
    for name in ("face_sheet", "frames", "same_video"):
        monkeypatch.setattr(decoder, name, lambda *told, **more: asked.append((told, more)))
    decoder.answer("face_sheet", "/a", (["g"], 5))
    decoder.answer("frames", "/a", (True,))
    decoder.answer("same_video", "", ([1], [2]))
    assert asked == [((["g"], 5), {}), (("/a",), {"copies": True}), (([1], [2]), {})]


def test_a_file_may_take_as_long_as_it_takes_to_read_it(tmp_path):
    path = tmp_path / "a"
    with open(path, "wb") as file:
        file.truncate(300_000_000)
    assert decoder.time_limit(str(path), 60) == decoder.time_limit(str(path), 60, "probe") == 360
    assert decoder.time_limit(str(path), 60, "frames") == 260
    with open(path, "wb") as file:
        file.truncate(1_999_999)
    assert decoder.time_limit(str(path), 60) == decoder.time_limit(str(path), 60, "frames") == 61
    assert decoder.time_limit(str(tmp_path / "missing"), 60) == 60


@pytest.mark.parametrize(("background", "timers", "alarms"), [(False, [], [7]), (True, [7], [70])])
def test_a_decoder_in_the_background_has_ten_times_as_long_on_the_clock(
    background, timers, alarms, monkeypatch
):
    set_, rung = [], []
    monkeypatch.setattr(decoder.signal, "setitimer", lambda which, seconds: set_.append((which, seconds)))
    monkeypatch.setattr(decoder.signal, "alarm", rung.append)
    decoder._limit(7, is_background=background)
    assert (set_, rung) == ([(decoder.signal.ITIMER_PROF, seconds) for seconds in timers], alarms)
