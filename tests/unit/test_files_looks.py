"""What pictures and videos look like, and where things stand on a sheet, down to the bit and the pixel."""

from __future__ import annotations

import io
import itertools
import math
import random
from types import SimpleNamespace

import pytest
from PIL import Image

from smartsort.files import contact_sheet as sheets
from smartsort.files import frames, signatures
from smartsort.files.contact_sheet import FACE, TILE, Mark, contact_sheet, face_sheet
from smartsort.files.frames import Frame, _bests, _Candidate, _Chosen, _fewer, grid
from smartsort.files.perceptual_hash import (
    ALIKE,
    Look,
    differing_bits,
    keys_alike,
    looks_like,
    parts,
    picture_hash,
    same_video,
)
from smartsort.files.signatures import format_of, what_else


def stripes(*, step=10, start=0):
    """A picture that gets darker to the right in its left half, and brighter in its right one."""
    levels = [start + step * min(at, 16 - at) for at in range(17)]
    return Image.frombytes("L", (17, 16), bytes(255 - level for level in levels) * 16)


def test_each_bit_says_whether_a_place_gets_darker_to_the_right():
    row = [1] * 8 + [0] * 8
    assert picture_hash(stripes()) == int("".join(map(str, row * 16)), 2).to_bytes(32, "big")
    top = Image.new("L", (17, 16), 200)
    top.paste(stripes().crop((0, 0, 17, 4)), (0, 0))
    assert picture_hash(top) == int("".join(map(str, row * 4 + [0] * 16 * 12)), 2).to_bytes(32, "big")


def test_a_step_counts_from_a_grey_level_for_each_28_of_contrast():
    left, right = Image.new("L", (17, 16), 255), Image.new("L", (17, 16), 0)
    for step, counts in ((3, 0), (4, 0), (5, 1), (6, 1)):
        picture = left.copy()
        picture.paste(right.crop((0, 0, 9, 16)), (8, 0))
        picture.paste(255 - step, (1, 0, 8, 16))  # the contrast is 127: a step has to be more than 4
        assert int.from_bytes(picture_hash(picture), "big").bit_count() == 16 * (1 + counts)


@pytest.mark.parametrize(("other", "has_one"), [(5, False), (6, True)])
def test_a_picture_without_contrast_has_no_look(other, has_one):
    picture = Image.new("L", (34, 32), 100)
    picture.paste(100 + other, (0, 0, 34, 16))
    assert (picture_hash(picture) is not None) is has_one


def test_even_pictures_are_told_apart_by_their_colour():
    def even(*colour):
        return Image.new("RGB", (40, 30), colour)

    assert looks_like(even(100, 100, 100), even(100, 110, 100)) is None
    assert looks_like(even(100, 100, 100), even(100, 111, 100)) is False
    assert looks_like(even(100, 100, 100), stripes()) is False
    assert looks_like(stripes(), even(100, 100, 100)) is False
    assert looks_like(stripes(), stripes(step=8)) is True
    assert looks_like(stripes(), stripes().transpose(Image.Transpose.FLIP_LEFT_RIGHT)) is True
    assert looks_like(stripes(), stripes().rotate(90).resize((17, 16))) is False


def test_the_keys_of_a_hash():
    assert parts(0) == [part << 32 for part in range(8)]
    assert parts((1 << 256) - 1) == [part << 32 | 0xFFFFFFFF for part in range(8)]
    assert parts(1) == [*(part << 32 for part in range(7)), 7 << 32 | 1]
    assert parts(1 << 255) == [1 << 31, *(part << 32 for part in range(1, 8))]
    keys = keys_alike(0)
    assert len(set(keys)) == 8 * 33
    assert set(keys[:33]) == {0, *(1 << bit for bit in range(32))}
    assert differing_bits(0b1100, 0b1010) == 2


def takes(seed, count=80, seconds=0.25):
    """Looks of a video in which everything changes all the time."""
    rng = random.Random(seed)
    return [Look(number * seconds, rng.randbytes(32)) for number in range(count)]


def later(looks, seconds, flipped=0):
    """The same looks so many seconds later, each with so many bits of noise."""
    noise = (1 << flipped) - 1
    return [
        Look(look.at + seconds, (int.from_bytes(look.hash, "big") ^ noise).to_bytes(32, "big"))
        for look in looks
    ]


def test_a_video_is_the_same_whenever_it_begins_and_in_both_directions():
    one = takes(1)
    for shift, noise in itertools.product((0.0, 0.1, 3.0, 7.6, 30.0), (0, ALIKE)):
        other = later(one, shift, noise)
        assert same_video(one, other)
        assert same_video(other, one)
    assert not same_video(one, takes(2))
    assert not same_video(one, later(one, 0, 70))


def test_half_of_the_shorter_video_has_to_be_in_the_longer_one():
    one, other = takes(1), takes(2)
    assert same_video(one, one[20:60])
    assert same_video(one[:40], later(one[18:58], 100))  # 22 of 40 moments
    assert not same_video(one[:40], later(one[24:64], 100))
    assert not same_video(
        one[:40] + later(other[:40], 10), later(takes(3)[:40], 0) + later(takes(4)[:40], 10)
    )


def test_a_seventh_of_the_moments_may_be_others():
    one, rng = takes(1), random.Random(5)
    for every, same in ((10, True), (4, False)):
        other = [
            Look(look.at, rng.randbytes(32)) if number % every == 0 else look
            for number, look in enumerate(one)
        ]
        assert same_video(one, other) is same


def test_what_two_videos_share_lies_all_over_both():
    """Opening titles are no copy."""
    one, other = takes(1), takes(2)
    gaps = [look for number, look in enumerate(other) if number % 20 == 0]
    assert not same_video(one[:20] + gaps[1:], one[:20] + takes(3)[20::20])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_moments_are_all_compared(count):
    one = takes(1, count, 1.0)
    assert same_video(one, one)
    assert not same_video(one, takes(2, count, 1.0))


# Frames.


@pytest.mark.parametrize(
    ("seconds", "count", "step"),
    [(0, 1, 0), (-1, 1, 0), (8, 8, 1), (8.1, 9, 1), (15.9, 16, 1), (16, 8, 2), (1, 8, 0.125), (7.9, 16, 0.5)],
)
def test_moments_are_a_power_of_two_of_a_second_apart(seconds, count, step):
    assert grid(seconds) == [number * step for number in range(count)]


def candidate(at, sharpness, look):
    return _Candidate(at, None, sharpness, look)


def test_of_each_scene_the_sharpest_frame_is_kept():
    scene, same, other = 0, (1 << 70) - 1, (1 << 71) - 1
    first = candidate(1, 5.0, scene)
    assert _bests([first]) == [first]
    blurred, sharp, cut = candidate(2, 4.0, same), candidate(2, 6.0, same), candidate(2, 1.0, other)
    assert _bests([first, blurred]) == [first]
    assert _bests([first, sharp]) == [sharp]
    assert _bests([first, cut]) == [first, cut]
    assert _bests([cut, first, sharp]) == [cut, sharp]
    even = candidate(2, 0.0, None)
    assert _bests([first, even]) == [first]
    assert _bests([even, first]) == [first]
    assert _bests([cut, even, first]) == [cut, first]


def test_of_too_many_frames_the_least_sharp_of_a_slot_with_several_go_first():
    def chosen(at, sharpness, first):
        return _Chosen(Frame(at, b"", 1, 1), sharpness, first)

    firsts = [chosen(2 * at, 1.0, True) for at in range(14)]
    extra = [chosen(2 * at + 1, sharpness, False) for at, sharpness in enumerate((5.0, 9.0, 7.0))]
    found = _fewer([*firsts, *extra])
    assert [c.frame.at for c in found] == sorted([*range(0, 28, 2), 3, 5])
    many = [chosen(at, 1.0, True) for at in range(17)]
    assert _fewer([*many, *extra]) == many


def test_hdr_has_the_levels_of_an_ordinary_screen():
    assert [frames._of_hlg(level / 20) for level in range(0, 21, 2)] == HLG
    assert [frames._of_pq(level / 20) for level in range(0, 21, 2)] == PQ


HLG = [0, 44, 81, 115, 144, 169, 195, 223, 252, 255, 255]
PQ = [0, 17, 42, 79, 129, 188, 245, 255, 255, 255, 255]


class Shown:
    """A frame of FFmpeg, whose pictures are of one grey."""

    rotation, color_trc = 0, 1

    def __init__(self, width, height, picture=None):
        self.width, self.height, self._picture, self.asked = width, height, picture, []

    def reformat(self, width, height, form, interpolation=None):
        self.asked.append((width, height, form, interpolation))
        picture = (self._picture or Image.new("L", (width, height), 128)).resize((width, height))
        plane = type("Plane", (), {"line_size": width, "__bytes__": lambda _: picture.tobytes()})
        return SimpleNamespace(planes=[plane()], to_image=lambda: picture.convert("RGB"))


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((3840, 2160), (1920, 1080)),
        ((1080, 1920), (1080, 1920)),
        ((640, 480), (640, 480)),
        ((2161, 2161), (1080, 1080)),
    ],
)
def test_a_frame_is_as_large_as_faces_need(size, wanted):
    frame = Shown(*size)
    assert frames._upright(frame, 1080).size == wanted
    assert frame.asked == [(*wanted, "rgb24", None)]


@pytest.mark.parametrize(
    ("turn", "where"), [(0, (0, 0)), (90, (0, 1)), (180, (1, 1)), (270, (1, 0)), (-90, (1, 0)), (45, (0, 0))]
)
def test_a_frame_is_turned(turn, where):
    picture = Image.new("L", (2, 2))
    picture.putpixel((0, 0), 255)
    found = frames._turned(picture, turn)
    assert [at for at in itertools.product((0, 1), (0, 1)) if found.getpixel(at)] == [where]


@pytest.mark.parametrize(
    ("bars", "kept"),
    [
        ((0, 0, 0, 0), (160, 90)),
        ((0, 10, 0, 10), (160, 70)),
        ((0, 10, 0, 14), (160, 70)),
        ((20, 0, 22, 0), (120, 90)),
        ((20, 10, 20, 10), (120, 70)),
        ((0, 2, 0, 2), (160, 90)),
        ((0, 3, 0, 3), (160, 84)),
        ((3, 0, 3, 0), (154, 90)),
        ((0, 30, 0, 0), (160, 90)),
    ],
)
def test_black_bars_are_cut_off_where_there_are_two(bars, kept):
    left, top, right, bottom = bars
    picture = Image.new("L", (160, 90), 24)
    picture.paste(25, (left, top, 160 - right, 90 - bottom))
    frame = Shown(1600, 900, picture)
    assert frames._small(frame).size == kept
    assert frame.asked == [(160, 90, "gray", "AREA")]
    assert frames._small(Shown(1600, 900, Image.new("L", (160, 90), 24))).size == (160, 90)
    assert frames._small(Shown(1600, 10)).size == (160, 16)
    assert frames._small(Shown(10, 1600)).size == (17, 160)


# Sheets.


def encoded(colour, size=(800, 600)):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue()


def opened(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


@pytest.mark.parametrize(
    ("count", "columns", "across", "down"),
    [
        (1, 0, 1, 1),
        (2, 0, 1, 2),
        (3, 0, 2, 2),
        (7, 0, 3, 3),
        (12, 0, 4, 3),
        (30, 0, 6, 5),
        (7, 2, 2, 4),
        (3, 5, 5, 1),
    ],
)
def test_a_sheet_is_about_as_wide_as_it_is_high(count, columns, across, down):
    found = opened(contact_sheet([encoded("red")] * count, [""] * count, columns=columns))
    assert found.size == (across * (320 + 6) + 6, down * (240 + 22 + 6) + 6)


def test_each_picture_has_its_place():
    colours = ["red", "lime", "blue"]
    pictures = [Image.new("RGB", (320, 240), colour) for colour in colours]
    found = opened(contact_sheet(pictures, ["", "", ""], columns=2))
    bright = [Image.new("RGB", (1, 1), colour).getpixel((0, 0)) for colour in colours]
    for (left, top), colour in zip([(6, 6), (332, 6), (6, 274)], bright, strict=True):
        for x, y in itertools.product((left + 2, left + 317), (top + 2, top + 237)):
            assert math.dist(found.getpixel((x, y)), colour) < 40
        for x, y in ((left - 4, top + 100), (left + 100, top - 4), (left + 100, top + 247)):
            assert math.dist(found.getpixel((x, y)), (24, 24, 24)) < 20


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn, in order."""
    from PIL import ImageDraw

    calls = []

    class Pen:
        def __init__(self, sheet):
            self.sheet = sheet

        def rectangle(self, box, **how):
            calls.append(("box", box, how))

        def text(self, at, text, **how):
            how["font"] = how["font"].size
            calls.append(("text", at, text, how))

        def textlength(self, text, font):
            return len(text) * font.size

    monkeypatch.setattr(ImageDraw, "Draw", Pen)
    return calls


INK, PAPER, LINE = (235, 235, 235), (24, 24, 24), (255, 214, 10)


def test_labels_stand_below_the_pictures_and_texts_at_the_foot_of_their_boxes(drawn):
    marks = [
        [],
        [Mark(0.25, 0.5, 0.75, 0.75, "  Zoë Ж "), Mark(0, 0, 1, 1, "all"), Mark(0.5, 0.1, 0.5, 0.2, "x")],
    ]
    contact_sheet([encoded("red"), encoded("red", (400, 200))], ["one", "two"], marks, columns=2)
    assert drawn == [
        ("text", (8, 248), "one", {"fill": INK, "font": 15}),
        ("box", (412.0, 86.0, 572.0, 126.0), {"outline": LINE, "width": 2}),
        ("box", (412.0, 126.0, 412.0 + 43, 142.0), {"fill": LINE}),
        ("text", (414.0, 126.0), "Zoe", {"fill": PAPER, "font": 13}),
        ("box", (332, 6, 652, 166), {"outline": LINE, "width": 2}),
        ("box", (332, 150, 332 + 43, 166), {"fill": LINE}),
        ("text", (334, 150), "all", {"fill": PAPER, "font": 13}),
        ("text", (334, 168), "two", {"fill": INK, "font": 15}),
    ]


def test_a_box_turned_inside_out_or_of_no_height_is_not_drawn(drawn):
    for mark in (Mark(0.6, 0, 0.4, 1), Mark(0, 0.6, 1, 0.4), Mark(0.5, 0, 0.5, 1), Mark(0, 0.5, 1, 0.5)):
        contact_sheet([encoded("red")], [""], [[mark]])
    assert [call[0] for call in drawn] == ["text"] * 4


def test_faces_stand_in_rows_of_their_groups_and_every_second_group_is_framed(monkeypatch):
    asked = []
    monkeypatch.setattr(sheets, "contact_sheet", lambda *told: asked.append(told))
    picture, place = encoded("red"), Mark(0.4, 0.4, 0.6, 0.6)
    groups = [[(picture, place._replace(text=text)) for text in texts] for texts in ("ab", "cdef", "g")]
    face_sheet(groups)
    ((faces, labels, marks, tile, across),) = asked
    assert labels == ["a", "b", "", "c", "d", "e", "f", "", "", "g", "", ""]
    frame = [Mark(0, 0, 0.99, 0.99)]
    assert marks == [[], [], [], frame, frame, frame, frame, [], [], [], [], []]
    assert [face.getpixel((80, 80))[0] > 200 for face in faces] == [bool(label) for label in labels]
    assert faces[2].getpixel((0, 0)) == PAPER
    assert ({face.size for face in faces}, tile, across) == ({FACE}, (160, 160), 3)
    asked.clear()
    face_sheet(groups, 5)
    assert (asked[0][1], asked[0][4]) == (
        ["a", "b", "", "", "", "c", "d", "e", "f", "", "g", "", "", "", ""],
        5,
    )


def test_a_face_is_shown_with_what_is_around_it(monkeypatch):
    cropped = []
    real = Image.Image.crop
    monkeypatch.setattr(Image.Image, "crop", lambda self, box: cropped.append(box) or real(self, box))
    for place in (Mark(0.25, 0.5, 0.5, 0.6), Mark(0.1, 0.2, 0.15, 0.7), Mark(0.5, 0.5, 0.5, 0.5)):
        sheets._face(encoded("red"), place)
    assert cropped == [
        (300 - 130, 330 - 130, 300 + 130, 330 + 130),
        (100 - 195, 270 - 195, 100 + 195, 270 + 195),
        (399, 299, 401, 301),
    ]


def test_a_picture_keeps_its_shape_in_its_tile():
    for size, fitted in (((800, 600), TILE), ((600, 800), (180, 240)), ((100, 50), (100, 50))):
        assert sheets._fitted(encoded("red", size), TILE).size == fitted
        assert sheets._fitted(Image.new("L", size), TILE).mode == "RGB"


# Signatures.


@pytest.mark.parametrize(("offset", "magic", "found"), signatures._MAGIC)
def test_a_signature_stands_at_its_place_only(offset, magic, found):
    head = (b"II*\0" if found.extension == "cr2" else b"").ljust(offset, b"\1") + magic
    assert format_of(head.ljust(100, b"\1")) is found
    assert format_of(b"\1" + head[1:].ljust(100, b"\1")) is not found or offset


@pytest.mark.parametrize(
    ("head", "extension"),
    [
        (b"MM\0*1234CR\x02", "cr2"),
        (b"II+\x001234CR\x02", "tif"),
        (b"12341234CR\x02", None),
        (b"RIFF1234WEBP", "webp"),
        (b"RIFF1234AVI ", "avi"),
        (b"RIFF1234WAVE", None),
        (b"1234RIFFAVI ", None),
        (b"\x1a\x45\xdf\xa3webm" + signatures.SEGMENT, "webm"),
        (b"\x1a\x45\xdf\xa3matroska" + signatures.SEGMENT + b"webm", "mkv"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "avif"),
        (b"\0\0\0\x14ftypmif1\0\0\0\0mif1avif", "heic"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1avif", "heic"),
        (b"\0\0\0\x18ftypmsf1\0\0\0\0avisxxxx", "avif"),
        (b"\0\0\0\x18ftypmif1avif\0\0\0\0xxxx", "heic"),
        (b"\0\0\0\x18ftypqt  \0\0\0\0", "mov"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "mp4"),
        (b"\0\0\0\x18moov", "mov"),
        (b"\0\0\0\x18mdat", "mov"),
        (b"\0\0\0\x18free", "mov"),
        (b"\0\0\0\x18skip", "mov"),
        (b"\0\0\0\x18wide", "mov"),
        (b"\0\0\0\x18pnot", "mov"),
        (b"\0\0\0\x18ever", None),
        (b"BM1234\0\0\0\0" + b"1" * 17, "bmp"),
        (b"BM1234\0\0\0\0" + b"1" * 16, None),
        (b"BM1234\0\0\0\1" + b"1" * 17, None),
        (b"XM1234\0\0\0\0" + b"1" * 17, None),
        ((b"G" + b"\1" * 187) * 4, "mts"),
        ((b"\1\1\1\1G" + b"\1" * 187) * 4, "mts"),
        ((b"G" + b"\1" * 187) * 2 + b"\1" * 300, None),
        (b"\1" * 188 + (b"G" + b"\1" * 187) * 3, None),
        ((b"G" + b"\1" * 187) * 3 + b"\1" * 12, None),
        ((b"G" + b"\1" * 187) * 3 + b"\1" * 13, "mts"),
        (b"\xef\xbb\xbf <x:xmpmeta>", "xmp"),
        (b"\n<rdf:RDF>", "xmp"),
        (b"<?xpacket begin", "xmp"),
        (b"text <?xpacket <rdf:RDF> <svg", None),
        (b"<?xml?><svg>", "svg"),
        (b"<HTML><svg>", None),
        (b"<p>", None),
    ],
)  # fmt: skip
def test_what_a_head_announces(head, extension):
    found = format_of(head)
    assert (found and found.extension) == extension


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"", "empty file"),
        (bytes(9), "nothing but zeros, the file was never written"),
        *((magic + b"\1\xff\xff", f"not a picture or video ({name})") for magic, name in signatures._OTHER),
        (b"\n<HTML>", "not a picture or video (web page)"),
        (b"<!DOCTYPE HTML>", "not a picture or video (web page)"),
        (b" " * 1019 + b"<html", "not a picture or video (web page)"),
        (b" " * 1020 + b"<html", "not a picture or video (text)"),
        ("Grüße\n".encode(), "not a picture or video (text)"),
        ("Grüße, ü".encode()[:-1], "not a picture or video (text)"),
        ("12345ü".encode(), "not a picture or video (text)"),
        ("12345ü".encode()[:-1], "not a picture or video (unknown content)"),
        (b"12345678\xff", "not a picture or video (text)"),
        (b"1234567\xff", "not a picture or video (unknown content)"),
        (b"abc\1abcdefgh", "not a picture or video (unknown content)"),
        (b"\xff\xfe" * 9, "not a picture or video (unknown content)"),
    ],
)
def test_what_no_medium_is(head, said):
    assert what_else(head) == said
