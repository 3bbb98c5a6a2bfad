"""What cameras and phones write into their files, down to the field."""

from __future__ import annotations

import io
import struct
from datetime import UTC, datetime, timedelta, timezone

import pytest
from PIL import Image

from smartsort.files import media
from smartsort.files.metadata import NOTHING, Metadata, exif_time, of_picture, of_raw, of_video

NOON = datetime(2024, 5, 1, 12, 30, 5, tzinfo=UTC)


def exif(tags, details=(), order="<"):
    made = Image.Exif()
    made.endian = order
    for tag, value in dict(tags).items():
        made[tag] = value
    if details:
        made.get_ifd(0x8769).update(dict(details))
    return made.tobytes()


MAKE, MODEL, TURN, TIME = 0x010F, 0x0110, 0x0112, 0x0132
TAKEN, OFFSET, FINE, NOTE, SERIAL = 0x9003, 0x9011, 0x9291, 0x927C, 0xA431


def test_a_picture_says_what_its_camera_wrote():
    details = {TAKEN: "2024:05:01 14:30:05", OFFSET: "+02:00", FINE: "25", SERIAL: " 4711 \0"}
    found = of_picture(
        exif({MAKE: " Canon\0", MODEL: "R5 ", TURN: 6, TIME: "2001:01:01 01:01:01"}, details), None
    )
    assert found == Metadata(
        NOON + timedelta(seconds=0.25), zoned=True, camera="Canon R5", serial="4711", orientation=6
    )
    assert found.taken.utcoffset() == timedelta(hours=2)


def test_a_picture_says_only_what_its_camera_wrote():
    assert of_picture(exif({TIME: "2024:05:01 12:30:05"}), None) == Metadata(NOON)
    assert of_picture(exif({MAKE: "Canon"}), None) == Metadata(camera="Canon")
    assert of_picture(exif({MODEL: "R5", TURN: 9}), None) == Metadata(camera="R5")
    assert of_picture(exif({TURN: 8}), None) == Metadata(orientation=8)
    assert of_picture(exif({TURN: 0}), None) == NOTHING
    assert of_picture(exif({TIME: "2024:05:01 12:30:05"}, {OFFSET: "+02:00"}), None) == Metadata(NOON)
    assert of_picture(exif({}, {TAKEN: "2024:05:01 12:30:05", FINE: "x"}), None) == Metadata(NOON)
    assert of_picture(exif({}, {TAKEN: "never", OFFSET: "+02:00", FINE: "5"}), None) == NOTHING
    assert of_picture(None, None) == of_picture(b"damaged", b"") == NOTHING


@pytest.mark.parametrize(
    ("said", "taken", "zoned"),
    [
        (b'exif:DateTimeOriginal="2024-05-01T12:30:05"', NOON, False),
        (b'xmp:CreateDate="2024-05-01T14:30:05+02:00"', NOON, True),
        (b"<photoshop:DateCreated>2024-05-01T12:30:05Z<", NOON, True),
        (b"xmp:CreateDate='2024-99-01T14:30:05'", None, False),
        (b'xmp:Other="2024-05-01T12:30:05"', None, False),
    ],
)
def test_xmp_says_when_a_picture_was_taken_where_exif_does_not(said, taken, zoned):
    found = of_picture(None, said)
    assert (found.taken, found.zoned) == (taken, zoned)
    found = of_picture(exif({TIME: "2023:01:01 00:00:00"}), said)
    assert (found.taken, found.zoned) == (datetime(2023, 1, 1, tzinfo=UTC), False)


@pytest.mark.parametrize("name", [b"MotionPhoto", b"MicroVideo"])
def test_xmp_promises_a_video_inside(name):
    for said in (b'GCamera:%s="1"', b"<GCamera:%s>1<", b"GCamera:%s='1'"):
        assert of_picture(None, said % name) == Metadata(motion_photo=True)
    assert of_picture(None, b'GCamera:%s="0"' % name) == of_picture(exif({}), None) == NOTHING


@pytest.mark.parametrize(
    ("text", "offset", "found"),
    [
        ("2024:05:01 12:30:05", "", NOON),
        ("\0 2024:05:01 12:30:05 \0", "", NOON),
        ("2024:05:01 12:30:05.25", "", NOON),
        ("2024:05:01 14:30:05", "+02:00", NOON),
        ("2024:05:01 10:15:05", "-02:15", NOON),
        ("2024:05:02 12:29:05", "+23:59", NOON),
        ("2024:05:01 12:30:05", "+24:00", NOON),
        ("2024:05:01 12:30:05", "02:00", NOON),
        ("2024:05:01 12:30:05", "002:00", NOON),
        ("2024:05:01 12:30:05", "+02:000", NOON),
        ("2024:05:01 12:30:05", "+x2:00", NOON),
        ("2024:05:01 12:30:05", "+02:x0", NOON),
        ("    :  :     :  :  ", "", None),
        ("", "+02:00", None),
    ],
)
def test_the_time_of_exif(text, offset, found):
    assert exif_time(text, offset) == found


QUICKTIME = "com.apple.quicktime"


def test_a_video_says_what_its_phone_wrote():
    said = {
        f"{QUICKTIME}.creationdate": "2024-05-01T14:30:05+0200",
        "creation_time": "2001-01-01T00:00:00Z",
        f"{QUICKTIME}.make": " Apple ",
        f"{QUICKTIME}.model": "iPhone 15 ",
        f"{QUICKTIME}.content.identifier": "A-1",
    }
    found = of_video(said, 2.5)
    assert found == Metadata(NOON, True, "Apple iPhone 15", 2.5, "A-1")
    assert found.taken.tzinfo == timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({}, Metadata(vague=True)),
        ({"creation_time": "2024-05-01T12:30:05.000000Z"}, Metadata(NOON, True, vague=True)),
        ({"creation_time": " 2024-05-01T12:30:05 "}, Metadata(NOON, False, vague=True)),
        ({"creation_time": "1904-06-01T00:00:00Z"}, Metadata(vague=True)),
        (
            {"creation_time": "1905-01-01T00:00:00Z"},
            Metadata(datetime(1905, 1, 1, tzinfo=UTC), True, vague=True),
        ),
        ({f"{QUICKTIME}.creationdate": "1904-01-01T00:00:00Z"}, NOTHING),
        ({f"{QUICKTIME}.creationdate": "x", "creation_time": "x"}, Metadata(vague=True)),
        ({f"{QUICKTIME}.make": "Apple"}, Metadata(camera="Apple", vague=True)),
        ({f"{QUICKTIME}.content.identifier": ""}, Metadata(vague=True)),
    ],
)
def test_a_video_says_only_what_its_phone_wrote(said, found):
    assert of_video(said, None) == found


def note(*entries, order="<", head=b"Apple iOS\0\0\1", rest=b""):
    """An iPhone's maker note."""
    table = b"".join(struct.pack(order + "HHII", *entry) for entry in entries)
    return head + {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "H", len(entries)) + table + rest


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_halves_of_a_live_photo_are_named_in_the_maker_note(order):
    def named(*entries, **more):
        made = note(*entries, order=order, **more)
        return of_picture(exif({}, {NOTE: made}), None).content_id

    assert named((17, 2, 6, 28), rest=b"ABC-1\0") == "ABC-1"
    assert named((1, 9, 1, 0), (17, 2, 6, 40), rest=b"ABC-1\0") == "ABC-1"
    assert named((1, 2, 6, 40), (17, 2, 6, 46), rest=b"OTHER\0ABC-1\0") == "ABC-1"
    assert named((17, 9, 6, 28), rest=b"ABC-1\0") is None
    assert named((17, 2, 7, 28), rest=b"ABC-1\0") is None
    assert named((17, 2, 2, 28), rest=b"\0\0") is None
    assert named((17, 2, 6, 28), rest=b"\xff\xff\xff\xff\xff\0") is None
    assert named((17, 2, 6, 28), head=b"Other iOS\0\0\1", rest=b"ABC-1\0") is None
    assert named(*[(1, 9, 1, 0)] * 199, (17, 2, 6, 2416), rest=b"ABC-1\0") == "ABC-1"
    assert named(*[(1, 9, 1, 0)] * 200, (17, 2, 6, 2428), rest=b"ABC-1\0") is None
    assert of_picture(exif({}, {NOTE: b"Apple iOS\0\0\1II"}), None).content_id is None


def raw(magic=b"II*\0"):
    """A TIFF with a camera and a time, behind this magic number."""
    made = exif({MAKE: "Maker", TIME: "2024:05:01 12:30:05"}, {SERIAL: "1"})[6:]
    return magic + made[4:]


def test_raw_photos_say_the_same():
    said = Metadata(NOON, camera="Maker", serial="1")
    for magic, found in ((b"II*\0", media.CR2), (b"IIRO", media.ORF), (b"IIU\0", media.RW2)):
        assert of_raw(io.BytesIO(raw(magic)), found) == said
    jpeg = b"\xff\xd8\xff\xe1\0\0Exif\0\0" + raw()
    raf = b"FUJIFILM".ljust(84, b"\0") + struct.pack(">II", 200, len(jpeg))
    assert of_raw(io.BytesIO(raf.ljust(200, b"\0") + jpeg), media.RAF) == said
    main = exif({MAKE: "Maker", TIME: "2024:05:01 12:30:05"})[6:]
    details = exif({SERIAL: "1"})[6:]
    boxes = b"".join(
        struct.pack(">I", 8 + len(part)) + kind + part for kind, part in ((b"CMT1", main), (b"CMT2", details))
    )
    assert of_raw(io.BytesIO(bytes(20) + boxes + bytes(20)), media.CR3) == said


def test_an_orf_may_have_its_numbers_the_other_way_round():
    made = b"MMOR" + exif({MAKE: "Maker"}, order=">")[10:]
    assert of_raw(io.BytesIO(made), media.ORF) == Metadata(camera="Maker")
