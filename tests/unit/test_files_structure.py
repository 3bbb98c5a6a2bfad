"""The walkers of file structures: the last byte that has to be there, and the first that has not."""

from __future__ import annotations

import os
import struct
from datetime import UTC, datetime, timedelta

import pytest

from smartsort.files import structure
from smartsort.files.metadata import NOTHING
from smartsort.files.structure import Broken, Cut, Facts, Reader


@pytest.fixture
def reading(tmp_path):
    """A Reader of these bytes."""
    handles = []

    def read(data):
        path = tmp_path / "file"
        path.write_bytes(data)
        handles.append(os.open(path, os.O_RDONLY))
        return Reader(handles[-1])

    yield read
    for handle in handles:
        os.close(handle)


@pytest.fixture
def refused(reading):
    """What a walker says of these bytes, with the class that says whether more was going to come."""

    def said(walk, data, *more):
        with pytest.raises(Broken) as caught:
            walk(reading(data), *more)
        return type(caught.value), str(caught.value)

    return said


def test_bytes_beside_a_file_are_none(reading):
    reader = reading(b"abcd")
    assert [reader.at(at, 2) for at in (-1, 0, 1, 3, 4, 5)] == [b"", b"ab", b"bc", b"d", b"", b""]
    assert reader.exactly(2, 2, "It") == b"cd"
    with pytest.raises(Cut, match=r"^It ends in the middle$"):
        reader.exactly(3, 2, "It")


# TIFF.

SHORT, LONG, TEXT = 3, 4, 2


class Tiff:
    """A TIFF that is put together piece by piece."""

    def __init__(self, order="<", *, big=False, first=None):
        self.order, self.big = order, big
        self.word = "Q" if big else "I"
        mark = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "H", 43 if big else 42)
        head = mark + (struct.pack(order + "HH", 8, 0) if big else b"")
        self.start = len(head) + (8 if big else 4)
        self.data = head + struct.pack(order + self.word, self.start if first is None else first)

    def put(self, data):
        """Add bytes, and return where they are."""
        self.data += data
        return len(self.data) - len(data)

    def folder(self, *entries, after=0):
        """Add a directory of (tag, type, count, value): a number, or bytes that lie somewhere else."""
        table = struct.pack(self.order + ("Q" if self.big else "H"), len(entries))
        for tag, kind, count, value in entries:
            if isinstance(value, bytes):
                value = value.ljust(8 if self.big else 4, b"\0")  # noqa: PLW2901
            elif kind in (SHORT, LONG) and count == 1:
                raw = struct.pack(self.order + ("H" if kind == SHORT else "I"), value)
                value = raw.ljust(8 if self.big else 4, b"\0")  # noqa: PLW2901
            else:
                value = struct.pack(self.order + self.word, value)  # noqa: PLW2901
            table += struct.pack(self.order + "HH" + self.word, tag, kind, count) + value
        return self.put(table + struct.pack(self.order + self.word, after))


def words(order, kind, *numbers):
    return struct.pack(f"{order}{len(numbers)}{kind}", *numbers)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_says_what_its_directories_say(order, big, reading):
    made = Tiff(order, big=big, first=400)
    made.put(bytes(100 - len(made.data)))
    at = {
        text: made.put(text + b"\0")
        for text in (
            b"NIKON CORPORATION",
            b" NIKON Z 6  ",
            b"2024:05:17 12:30:05",
            b"+02:00\0\0\0",
            b"Other maker",
        )
    }
    make, model, taken, zone, other = at.values()
    sub = made.folder((256, LONG, 1, 6000), (257, LONG, 1, 4000))
    details = made.folder((36867, TEXT, 20, taken), (36881, TEXT, 10, zone), (256, LONG, 1, 99999))
    following = made.folder((256, SHORT, 1, 160), (257, SHORT, 1, 120), (271, TEXT, 12, other))
    made.put(bytes(400 - len(made.data)))
    made.folder(
        (256, SHORT, 1, 600),
        (257, SHORT, 1, 400),
        (271, TEXT, 18, make),
        (272, TEXT, 13, model),
        (330, LONG, 1, sub),
        (34665, LONG, 1, details),
        after=following,
    )
    facts = structure.tiff(reading(made.data), "TIFF")
    assert (facts.width, facts.height, facts.raw, facts.dng) == (6000, 4000, False, False)
    assert facts.make == "NIKON CORPORATION"
    assert facts.metadata.camera == "NIKON CORPORATION NIKON Z 6"
    assert facts.metadata.taken == datetime(2024, 5, 17, 10, 30, 5, tzinfo=UTC)
    assert facts.metadata.zoned
    for end in range(len(made.data) - 60, len(made.data)):
        with pytest.raises(Cut, match=r"^TIFF ends in the middle$"):
            structure.tiff(reading(made.data[:end]), "TIFF")


def test_the_time_of_the_file_counts_where_no_time_of_taking_stands(reading):
    made = Tiff(first=40)
    when = made.put(b"2024:05:17 12:30:05\0")
    made.put(bytes(40 - len(made.data)))
    made.folder((306, TEXT, 20, when))
    facts = structure.tiff(reading(made.data), "TIFF")
    assert facts.metadata.taken == datetime(2024, 5, 17, 12, 30, 5, tzinfo=UTC)
    assert (facts.metadata.zoned, facts.metadata.camera) == (False, None)


def test_the_first_directory_that_names_a_thing_counts(reading):
    made = Tiff(first=200)
    texts = [
        made.put(text + b"\0")
        for text in (
            b"2024:05:17 12:30:05",
            b"2001:01:01 01:01:01",
            b"+02:00",
            b"+09:00",
            b"2002:02:02 02:02:02",
        )
    ]
    second = made.folder(
        (272, TEXT, 3, b"no\0"),
        (36867, TEXT, 20, texts[1]),
        (36881, TEXT, 7, texts[3]),
        (306, TEXT, 20, texts[4]),
    )
    made.put(bytes(200 - len(made.data)))
    made.folder(
        (272, TEXT, 3, b"X1\0"),
        (36867, TEXT, 20, texts[0]),
        (36881, TEXT, 7, texts[2]),
        after=second,
    )
    found = structure.tiff(reading(made.data), "TIFF").metadata
    assert (found.camera, found.taken) == ("X1", datetime(2024, 5, 17, 10, 30, 5, tzinfo=UTC))


def test_a_number_is_no_text_and_text_is_no_number(reading):
    made = Tiff()
    made.folder((271, SHORT, 1, 0x4141), (256, TEXT, 2, b"A\0"), (257, TEXT, 2, b"A\0"))
    facts = structure.tiff(reading(made.data), "TIFF")
    assert (facts.make, facts.width, facts.height) == ("", 0, 0)


@pytest.mark.parametrize(
    ("entries", "raw", "dng"),
    [
        ([(262, SHORT, 1, 32803)], True, False),
        ([(262, SHORT, 1, 34892)], True, False),
        ([(259, SHORT, 1, 34713)], True, False),
        ([(50706, 1, 4, b"\1\4\0\0")], True, True),
        ([(262, SHORT, 1, 2), (259, SHORT, 1, 1)], False, False),
        ([(262, SHORT, 2, 2 + (32803 << 16)), (259, SHORT, 2, 1 + (34713 << 16))], False, False),
    ],
)
def test_what_makes_a_tiff_a_raw_photo(entries, raw, dng, reading):
    made = Tiff()
    made.folder(*entries)
    facts = structure.tiff(reading(made.data), "TIFF")
    assert (facts.raw, facts.dng) == (raw, dng)


def test_facts_are_filled_in_as_far_as_the_walk_comes(reading):
    made, facts = Tiff(), Facts()
    made.folder((271, TEXT, 4, b"Abc\0"), after=5000)
    with pytest.raises(Cut):
        structure.tiff(reading(made.data), "TIFF", facts)
    assert facts.make == "Abc"


def test_a_directory_has_up_to_4096_entries(reading, refused):
    most = [(1, SHORT, 1, 0)] * 4096
    made = Tiff()
    made.folder((256, SHORT, 1, 7), *most[1:])
    assert structure.tiff(reading(made.data), "TIFF")
    made = Tiff()
    made.folder((256, SHORT, 1, 7), *most)
    assert refused(structure.tiff, made.data, "TIFF") == (Broken, "TIFF has a damaged directory")
    made = Tiff()
    made.folder()
    assert refused(structure.tiff, made.data, "TIFF") == (Broken, "TIFF has a damaged directory")


def test_a_file_has_up_to_256_directories(reading, refused):
    made = Tiff()
    for number in range(256):
        made.folder((256, SHORT, 1, 7), after=len(made.data) + 18 if number < 255 else 0)
    assert structure.tiff(reading(made.data), "TIFF")
    made.data = made.data[:-4] + struct.pack("<I", len(made.data))
    made.folder((256, SHORT, 1, 7))
    assert refused(structure.tiff, made.data, "TIFF") == (Broken, "TIFF has a damaged directory")


def test_a_first_directory_has_to_be_named(refused):
    assert refused(structure.tiff, Tiff(first=0).data + bytes(50), "TIFF") == (Cut, "TIFF was never finished")
    assert refused(structure.tiff, Tiff(big=True, first=0).data + bytes(50), "ORF") == (
        Cut,
        "ORF was never finished",
    )


def test_directories_that_lead_back_are_read_once(reading):
    made = Tiff()
    made.folder((330, LONG, 1, 8), (34665, LONG, 1, 0), (34853, LONG, 1, 8), (256, SHORT, 1, 5), after=8)
    made.put(bytes(8))
    assert structure.tiff(reading(made.data), "TIFF")


def test_each_of_several_pictures_inside_is_looked_at(reading):
    made = Tiff(first=100)
    subs = [made.folder((256, LONG, 1, size), (257, LONG, 1, size)) for size in (10, 30)]
    listed = made.put(words("<", "I", *subs))
    made.put(bytes(100 - len(made.data)))
    made.folder((330, LONG, 2, listed), (256, LONG, 1, 20), (257, LONG, 1, 20))
    facts = structure.tiff(reading(made.data), "TIFF")
    assert (facts.width, facts.height) == (30, 30)


def test_values_lie_inside_the_file(reading, refused):
    made = Tiff(first=8)
    made.folder((700, LONG, 5, 26))
    made.put(bytes(20))
    assert structure.tiff(reading(made.data), "TIFF")
    assert refused(structure.tiff, made.data[:-1], "TIFF") == (Cut, "TIFF ends in the middle")
    private = Tiff()
    private.folder((700, 99, 5, 5000))
    assert structure.tiff(reading(private.data), "TIFF")


@pytest.mark.parametrize("kind", range(1, 14))
def test_every_type_has_its_size(kind, reading, refused):
    size = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}[kind]
    made = Tiff()
    made.folder((700, kind, 6, 26))
    made.put(bytes(6 * size))
    assert structure.tiff(reading(made.data), "TIFF")
    assert refused(structure.tiff, made.data[:-1], "TIFF") == (Cut, "TIFF ends in the middle")


@pytest.mark.parametrize(("offsets", "sizes"), [(273, 279), (324, 325), (513, 514)])
def test_the_data_of_each_image_lies_inside_the_file(offsets, sizes, reading, refused):
    def image(offset, size):
        made = Tiff()
        made.folder((offsets, LONG, 1, offset), (sizes, LONG, 1, size))
        made.put(bytes(100 - len(made.data)))
        return made.data

    for offset, size in [(60, 40), (0xFFFFFFFF, 1), (5000, 0)]:
        assert structure.tiff(reading(image(offset, size)), "TIFF")
    assert refused(structure.tiff, image(60, 41), "TIFF") == (Cut, "TIFF ends in the middle")
    assert refused(structure.tiff, image(5000, 1), "TIFF") == (Cut, "TIFF ends in the middle")


def test_every_strip_lies_inside_the_file(reading, refused):
    def strips(*offsets):
        made = Tiff(first=40)
        where = made.put(words("<", "I", *offsets)), made.put(words("<", "I", *[10] * len(offsets)))
        made.put(bytes(40 - len(made.data)))
        made.folder((273, LONG, len(offsets), where[0]), (279, LONG, len(offsets), where[1]))
        made.put(bytes(100 - len(made.data)))
        return made.data

    assert structure.tiff(reading(strips(50, 60, 90)), "TIFF")
    assert structure.tiff(reading(strips(50, 0xFFFFFFFF, 90)), "TIFF")
    assert refused(structure.tiff, strips(50, 60, 91), "TIFF") == (Cut, "TIFF ends in the middle")
    assert refused(structure.tiff, strips(91, 60, 50), "TIFF") == (Cut, "TIFF ends in the middle")


def test_panasonic_says_where_its_data_begins(reading, refused):
    def panasonic(offset):
        made = Tiff()
        made.folder((280, LONG, 1, offset))
        made.put(bytes(100 - len(made.data)))
        return made.data

    assert structure.tiff(reading(panasonic(99)), "RW2")
    assert refused(structure.tiff, panasonic(100), "RW2") == (Cut, "RW2 ends in the middle")
    assert structure.tiff(reading(panasonic(100)), "TIFF")


# ISO base media.


def box(kind, content=b"", size=None):
    return (8 + len(content) if size is None else size).to_bytes(4, "big") + kind + content


def large(kind, content=b"", size=None):
    long = 16 + len(content) if size is None else size
    return box(kind, long.to_bytes(8, "big") + content, 1)


def walked(reader, start=0):
    return list(structure.boxes(reader, start, reader.size, "MP4"))


def test_boxes_are_read_to_the_end(reading):
    data = box(b"ftyp", b"abcd") + large(b"mdat", b"efg") + box(b"free") + box(b"\xa9xyz", b"12", 0)
    assert walked(reading(data)) == [
        (b"ftyp", 8, 12),
        (b"mdat", 28, 31),
        (b"free", 39, 39),
        (b"\xa9xyz", 47, 49),
    ]


@pytest.mark.parametrize(
    "rest",
    [
        b"1234567",
        bytes(8),
        box(b"free", b"", 7),
        large(b"free", b"x", 15),
        box(b"fr\x1fe"),
        box(b"fr\x7fe"),
        box(b"junk", b"", 99),
    ],
    ids=range(7),
)
def test_what_is_no_box_ends_them(rest, reading):
    assert walked(reading(box(b"ftyp") + rest)) == [(b"ftyp", 8, 8)]


def test_a_space_and_a_tilde_are_letters_of_a_type(reading):
    assert [kind for kind, *_ in walked(reading(box(b"jp2 ") + box(b"~abc")))] == [b"jp2 ", b"~abc"]


def test_a_box_beyond_the_end_was_cut(refused):
    said = (Cut, "MP4 ends in the middle (20 of at least 1,008 bytes)")
    assert refused(walked, box(b"ftyp") + box(b"mdat", b"1234", 1000)) == said
    assert refused(walked, bytes(8) + box(b"junk", b"1234", 1000), 8) == said


MOVIE = (frozenset({b"moov"}), frozenset({b"mdat", b"moof"}))


def test_a_movie_without_its_index_was_cut_off_where_its_bytes_are_there(refused):
    missing = (Cut, "MOV ends in the middle, its index is missing")
    assert (
        refused(structure.iso_media, box(b"ftyp") + box(b"mdat", b"x") + bytes(20), "MOV", MOVIE) == missing
    )
    assert refused(structure.iso_media, box(b"ftyp") + bytes(7), "MOV", MOVIE) == missing
    broken = (Broken, "MOV is damaged at byte 1,008")
    assert refused(structure.iso_media, box(b"ftyp", bytes(1000)) + bytes(8), "MOV", MOVIE) == broken
    assert refused(structure.iso_media, box(b"moov", bytes(1000)) + bytes(20), "MOV", MOVIE) == broken


def test_of_each_set_of_boxes_one_is_enough(reading):
    for data in (box(b"moov") + box(b"mdat"), box(b"mdat") + box(b"moov") + bytes(20)):
        assert structure.iso_media(reading(data), "MOV", MOVIE) == Facts()


@pytest.mark.parametrize(
    "data", [box(b"moov") + box(b"moof"), box(b"moov") + box(b"moof") + box(b"mdat") + b"\0"]
)
def test_a_movie_in_fragments_ends_with_the_bytes_of_one(data, refused):
    assert refused(structure.iso_media, data, "MP4", ()) == (Cut, "MP4 ends in the middle")


def test_a_movie_in_fragments_that_is_whole(reading):
    structure.iso_media(reading(box(b"moov") + box(b"moof") + box(b"mdat", b"x")), "MP4", ())


def track(width, height):
    return box(
        b"trak",
        box(b"free", b"abc") + box(b"tkhd", bytes(20) + struct.pack(">II", width << 16, height << 16)),
    )


def movie(*inside):
    return box(b"moov", b"".join(inside)) + box(b"mdat")


def test_a_movie_is_as_large_as_its_largest_track(reading):
    for tracks in [(0, 0), (640, 480), (64, 48)], [(64, 48), (640, 480)], [(10, 10), (640, 480), (0, 0)]:
        facts = structure.iso_media(reading(movie(*(track(*size) for size in tracks))), "MP4", MOVIE)
        assert (facts.width, facts.height) == (640, 480)
    facts = structure.iso_media(reading(movie(track(1, 1), track(1, 1))), "MP4", MOVIE)
    assert (facts.width, facts.height) == (1, 1)


@pytest.mark.parametrize(
    ("head", "seconds"),
    [
        (struct.pack(">III", 0, 3_000_000_000, 5), 3_000_000_000),
        (struct.pack(">IQ", 1 << 24, 4_000_000_000), 4_000_000_000),
        (struct.pack(">IQ", 1 << 24, 2**33 - 1), 2**33 - 1),
        (struct.pack(">III", 0, 1, 5), 1),
        (struct.pack(">III", 0, 0, 5), None),
        (struct.pack(">IQ", 1 << 24, 2**33), None),
    ],
)
def test_a_movie_counts_its_seconds_from_1904(head, seconds, reading):
    facts = structure.iso_media(reading(movie(box(b"mvhd", head + bytes(8)), track(2, 1))), "MP4", MOVIE)
    taken = datetime(1904, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds) if seconds else None
    assert facts.metadata.taken == taken
    assert seconds or facts.metadata == NOTHING
    assert (facts.width, facts.height) == (2, 1)


# Others.


def test_256_zeros_at_the_end_were_never_written(reading, refused):
    structure.unwritten_end(reading(b"\1" + bytes(255)), "JPEG")
    structure.unwritten_end(reading(bytes(500) + b"\1" + bytes(255)), "JPEG")
    said = (Cut, "JPEG ends in zeros, it was never written to its end")
    assert refused(structure.unwritten_end, b"\1" + bytes(256), "JPEG") == said
    assert refused(structure.unwritten_end, bytes(10), "JPEG") == said
    whole, seen = b"\1\2" + bytes(300), []
    structure.unwritten_end(reading(whole), "JPEG", lambda data: not seen.append(data))
    assert seen == [whole]


def riff(length, size=None):
    return b"RIFF" + (length if size is None else size).to_bytes(4, "little") + b"AVI ".ljust(length, b"\1")


def test_an_avi_is_as_long_as_it_says(reading, refused):
    for data in (
        riff(4),
        riff(20) + riff(30),
        riff(21) + b"\0" + riff(30),
        riff(20) + b"JUNK" * 5,
        riff(20) + b"RIFF" * 2,
    ):
        structure.riff(reading(data), "AVI")
    for size in (0, 0xFFFFFFFF):
        assert refused(structure.riff, riff(20, size), "AVI") == (Cut, "AVI was never finished")
    said = (Cut, "AVI ends in the middle (1,035 of at least 1,036 bytes)")
    assert refused(structure.riff, riff(1028)[:-1], "AVI") == said
    said = (Cut, "AVI ends in the middle (57 of at least 58 bytes)")
    assert refused(structure.riff, riff(11) + b"\0" + riff(30)[:-1], "AVI") == said


HEAD = b"\x1a\x45\xdf\xa3"


def test_a_segment_reaches_as_far_as_it_says(reading, refused):
    head = HEAD + b"\x83abc" + structure.SEGMENT
    for size in (b"\x85", b"\x40\x05", b"\xff", b"\x01" + b"\xff" * 7, b"\x08\0\0\0\5", b"\x84"):
        structure.ebml(reading(head + size + b"12345"), "Matroska")
    for size, want in ((b"\x86", 19), (b"\x43\xe8", 1014), (b"\x10\0\x03\xe8", 1016)):
        have = len(head + size) + 5
        assert refused(structure.ebml, head + size + b"12345", "Matroska") == (
            Cut,
            f"Matroska ends in the middle ({have} of at least {want:,} bytes)",
        )
    assert refused(structure.ebml, HEAD + b"\x40\x03abcXXXX\x81", "WebM") == (
        Broken,
        "WebM is damaged at byte 9",
    )
    far = HEAD + b"\x47\xd0" + bytes(2010)
    assert refused(structure.ebml, far, "WebM") == (Broken, "WebM is damaged at byte 2,006")
    assert refused(structure.ebml, HEAD + bytes(20), "WebM") == (Broken, "WebM is damaged at byte 4")
    long = HEAD + b"\x47\xd0" + bytes(2000) + structure.SEGMENT + bytes(20)
    assert refused(structure.ebml, long, "WebM") == (Broken, "WebM is damaged at byte 2,010")
    for end in (4, 5, 8, 11, 12):
        assert refused(structure.ebml, (head + b"\x40")[:end], "WebM") == (Cut, "WebM ends in the middle")


def chunk(kind, content=b""):
    return len(content).to_bytes(4, "big") + kind + content + b"\xcc" * 4


def test_an_animated_png_has_its_chunks_to_the_end(reading, refused):
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13))
    frames = chunk(b"acTL", bytes(8)) + chunk(b"fcTL", bytes(26)) + chunk(b"fdAT", b"\1" * 50)
    end = chunk(b"IEND")
    structure.png(reading(head + frames + end))
    structure.png(reading(head + frames + end + b"anything"))
    structure.png(reading(head + frames))
    structure.png(reading((head + chunk(b"IDAT", b"\1" * 50))[:-10]))
    structure.png(reading(head + chunk(b"acTL", bytes(8)) + b"\0\0\x99\0\x01\x02\x03\x04"))
    for data in ((head + frames)[:-1], (head + frames)[:-40]):
        assert refused(structure.png, data) == (Cut, "PNG ends in the middle")


def gif(colours=0x80, *blocks):
    return (
        b"GIF89a" + bytes(4) + bytes([colours, 0, 0]) + bytes(6 if colours & 0x80 else 0) + b"".join(blocks)
    )


def picture(colours=0, *parts):
    table = bytes(3 << (colours & 7) + 1) if colours & 0x80 else b""
    return b"," + bytes(8) + bytes([colours]) + table + b"\x08" + b"".join(parts) + b"\0"


def test_a_gif_has_its_blocks_to_the_end(reading, refused):
    extension = b"!\xf9\x04abcd\0"
    data = b"\x03abc", b"\xff" + b"\1" * 255
    for blocks in ([], [picture(0, *data)], [extension, picture(0x81, *data), extension, picture(7, *data)]):
        for colours in (0, 0x80, 3):
            for trailer in (b"", b";", b";more"):
                structure.gif(reading(gif(colours, *blocks) + trailer))
    whole = gif(0x80, extension, picture(0x82, b"\x03abc"))
    for end in range(len(whole) - 6, len(whole)):
        assert refused(structure.gif, whole[:end]) == (Cut, "GIF ends in the middle")
    for end in (12, len(gif()) + 1, len(gif()) + 4, len(gif(0x80, extension)) + 5):
        assert refused(structure.gif, whole[:end]) == (Cut, "GIF ends in the middle")


def test_the_tables_of_colours_of_a_gif_have_their_sizes(refused):
    for size in range(8):
        head = b"GIF89a" + bytes(4) + bytes([0x80 | size, 0, 0]) + b"!" * (3 * 2 ** (size + 1))
        assert refused(structure.gif, head + b"!\xfe\x05x") == (Cut, "GIF ends in the middle")


@pytest.mark.parametrize("which", range(3))
def test_each_part_of_a_raf_lies_inside_the_file(which, reading, refused):
    def raf(length):
        parts = [(0, 0)] * which + [(200, length)] + [(0, 0)] * (2 - which)
        return (
            b"FUJIFILM".ljust(84, b"\0") + b"".join(struct.pack(">II", *part) for part in parts) + bytes(192)
        )

    structure.raf(reading(raf(100)))
    assert refused(structure.raf, raf(101)) == (Cut, "RAF ends in the middle")
    assert refused(structure.raf, raf(100)[:107]) == (Cut, "RAF ends in the middle")


def test_an_mrw_has_a_picture_behind_its_head(reading, refused):
    structure.mrw(reading(b"\0MRM" + struct.pack(">I", 100) + bytes(101)))
    assert refused(structure.mrw, b"\0MRM" + struct.pack(">I", 100) + bytes(100)) == (
        Cut,
        "MRW ends in the middle",
    )
    assert refused(structure.mrw, b"\0MRM\0\0\0") == (Cut, "MRW ends in the middle")


def test_an_x3f_ends_with_where_its_directory_is(reading, refused):
    structure.x3f(reading(b"FOVb" + b"SECd" + struct.pack("<I", 4)))
    assert refused(structure.x3f, b"FOVb" + b"SECx" + struct.pack("<I", 4)) == (Cut, "X3F ends in the middle")
    assert refused(structure.x3f, b"FOV") == (Cut, "X3F ends in the middle")


def crw(entries, where, size, heap=20):
    data = b"II" + struct.pack("<I", heap) + b"HEAPCCDR"
    data = data.ljust(heap + where, b"\0") + struct.pack("<H", entries)
    return data.ljust(size - 4, b"\0")[: size - 4] + struct.pack("<I", where)


def test_a_crw_ends_with_where_its_directory_is(reading, refused):
    for entries in (1, 4095):
        structure.crw(reading(crw(entries, 30, 80)))
        structure.crw(reading(crw(entries, 54, 80)))
    structure.crw(reading(crw(1, 1, 80, heap=74)))
    cut = (Cut, "CRW ends in the middle")
    assert refused(structure.crw, crw(0, 30, 80)) == cut
    assert refused(structure.crw, crw(4096, 30, 80)) == cut
    assert refused(structure.crw, crw(1, 1, 80, heap=75)) == cut
    assert refused(structure.crw, b"II\1\0\0") == cut
    assert refused(structure.crw, b"II\1") == cut


@pytest.mark.parametrize("packet", [b"G" + bytes(187), bytes(4) + b"G" + bytes(187)])
def test_a_transport_stream_is_of_whole_packets(packet, reading, refused):
    structure.transport_stream(reading(packet * 3))
    said = (Cut, "MPEG transport stream ends in the middle of a packet")
    assert refused(structure.transport_stream, packet * 3 + b"G") == said
    assert refused(structure.transport_stream, packet[:-1]) == said


def asf(size, length=24):
    return (bytes(16) + size.to_bytes(8, "little")).ljust(length, b"\1")


def test_windows_media_is_of_whole_objects(reading, refused):
    for data in (asf(24) * 2, asf(30, 30) + asf(24), asf(24) + bytes(23)):
        structure.asf(reading(data))
    for size in (0, 23):
        assert refused(structure.asf, asf(size)) == (Cut, "Windows Media is damaged")
        assert refused(structure.asf, asf(24) + asf(size)) == (Cut, "Windows Media was never finished")
    assert refused(structure.asf, asf(24) + asf(1000)) == (
        Cut,
        "Windows Media ends in the middle (48 of at least 1,024 bytes)",
    )
    assert refused(structure.asf, asf(30, 29)) == (
        Cut,
        "Windows Media ends in the middle (29 of at least 30 bytes)",
    )
