"""Whether a file that no decoder here can judge is complete, by walking its structure.

Each walker raises `Broken` with a short text for people, or returns what it learned on the way. They read
with `pread` in small pieces, never beyond the end, and never loop: offsets and counts in a file are claims.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from smartsort.files.metadata import NOTHING, Metadata, exif_time

_MAX_ENTRIES = 4096
_MAX_FOLDERS = 256
_MAX_BOXES = 1_000_000
_CHUNK = 1 << 20


class Broken(Exception):
    """The structure does not hold. The text says how."""


class Cut(Broken):
    """There was more, or was going to be."""


class Reader:
    """Random access to an open file of known size."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.size = os.fstat(handle).st_size

    def at(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes at `offset`, fewer at the end of the file."""
        if offset < 0 or offset >= self.size:
            return b""
        return os.pread(self.handle, count, offset)

    def exactly(self, offset: int, count: int, what: str) -> bytes:
        """`count` bytes at `offset`, or Broken."""
        found = self.at(offset, count)
        if len(found) < count:
            raise Cut(f"{what} ends in the middle")
        return found


@dataclass(slots=True)
class Facts:
    """What a structure says about its content, 0 and None where it says nothing."""

    width: int = 0
    height: int = 0
    metadata: Metadata = NOTHING
    make: str = ""
    raw: bool = False
    dng: bool = False


# TIFF and the raw formats built like it.

_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_TYPE_SIZES_BIG = {**_TYPE_SIZES, 16: 8, 17: 8, 18: 8}

_WIDTH, _HEIGHT, _COMPRESSION, _PHOTOMETRIC, _MAKE, _MODEL = 256, 257, 259, 262, 271, 272
_STRIPS, _STRIP_SIZES, _TILES, _TILE_SIZES = 273, 279, 324, 325
_SUB_FOLDERS, _EXIF, _GPS, _JPEG, _JPEG_SIZE = 330, 34665, 34853, 513, 514
_RAW_OFFSET, _DNG_VERSION, _TIME, _TAKEN, _TAKEN_OFFSET = 280, 50706, 306, 36867, 36881
_CFA, _LINEAR_RAW = 32803, 34892
_RAW_COMPRESSIONS = frozenset({32767, 32769, 32770, 32773 + 0xFFFF, 34713, 65000, 65535})
_OFFSETS_WITH_SIZES = ((_STRIPS, _STRIP_SIZES), (_TILES, _TILE_SIZES), (_JPEG, _JPEG_SIZE))
_UNKNOWN_OFFSET = 0xFFFFFFFF
"""Panasonic writes this where the strips begin elsewhere."""


@dataclass(slots=True)
class _Tiff:
    """One walk over the image file directories of a TIFF."""

    reader: Reader
    name: str
    order: str
    big: bool
    facts: Facts = field(default_factory=Facts)
    taken: tuple[str, str] = ("", "")
    changed: str = ""
    model: str = ""

    def number(self, raw: bytes) -> int:
        return int.from_bytes(raw, "little" if self.order == "<" else "big")

    def walk(self) -> Facts:
        if self.big:
            first = self.number(self.reader.exactly(8, 8, self.name))
        else:
            first = self.number(self.reader.exactly(4, 4, self.name))
        if first == 0:
            raise Cut(f"{self.name} was never finished")
        waiting, seen = [(first, True)], set[int]()
        while waiting:
            at, is_image = waiting.pop(0)
            if at in seen or at == 0:
                continue
            seen.add(at)
            if len(seen) > _MAX_FOLDERS:
                raise Broken(f"{self.name} has a damaged directory")
            waiting.extend(self.directory(at, is_image=is_image))
        taken = exif_time(*self.taken) or exif_time(self.changed)
        camera = " ".join(filter(None, (self.facts.make, self.model))) or None
        self.facts.metadata = Metadata(taken, bool(self.taken[1]), camera)
        return self.facts

    def directory(self, at: int, *, is_image: bool) -> Iterator[tuple[int, bool]]:
        """Check one directory. Yields the offsets of those it points to, and whether they are images."""
        count_size, entry_size, word = (8, 20, 8) if self.big else (2, 12, 4)
        count = self.number(self.reader.exactly(at, count_size, self.name))
        if not 0 < count <= _MAX_ENTRIES:
            raise Broken(f"{self.name} has a damaged directory")
        table = self.reader.exactly(at + count_size, count * entry_size + word, self.name)
        values: dict[int, list[int]] = {}
        for start in range(0, count * entry_size, entry_size):
            tag, values_here = self.entry(table[start : start + entry_size], word)
            values[tag] = values_here
        if is_image:
            self.image(values)
        for tag in (_SUB_FOLDERS, _EXIF, _GPS):
            yield from ((offset, tag == _SUB_FOLDERS) for offset in values.get(tag, ()))
        yield self.number(table[-word:]), True

    def entry(self, raw: bytes, word: int) -> tuple[int, list[int]]:
        """Return the tag and its whole numbers.

        Text is kept in the facts. Values elsewhere must be in the file.
        """
        tag, kind = self.number(raw[:2]), self.number(raw[2:4])
        count = self.number(raw[4 : 4 + word])
        size = (_TYPE_SIZES_BIG if self.big else _TYPE_SIZES).get(kind, 0)
        if size == 0:
            return tag, []  # private types are not ours to judge
        length = size * count
        if length <= word:
            data = raw[4 + word :][:length]
        else:
            where = self.number(raw[4 + word :])
            if where + length > self.reader.size:
                raise Cut(f"{self.name} ends in the middle")
            wanted = tag in _NUMBERS or tag in _TEXTS
            data = self.reader.at(where, min(length, _CHUNK * 4)) if wanted else b""
        if tag in _TEXTS and kind == 2:
            self.text(tag, data.decode("latin-1").strip("\0 "))
        if tag == _DNG_VERSION:
            self.facts.dng = self.facts.raw = True
        if tag not in _NUMBERS or kind not in _WHOLE:
            return tag, []
        return tag, [self.number(data[at : at + size]) for at in range(0, len(data) - size + 1, size)]

    def text(self, tag: int, said: str) -> None:
        if tag == _MAKE:
            self.facts.make = self.facts.make or said
        elif tag == _MODEL:
            self.model = self.model or said
        elif tag == _TAKEN:
            self.taken = (self.taken[0] or said, self.taken[1])
        elif tag == _TAKEN_OFFSET:
            self.taken = (self.taken[0], self.taken[1] or said)
        else:
            self.changed = self.changed or said

    def image(self, values: dict[int, list[int]]) -> None:
        """One image of the file: its data must lie inside."""
        width, height = (max(values.get(tag, [0]), default=0) for tag in (_WIDTH, _HEIGHT))
        if width * height > self.facts.width * self.facts.height:
            self.facts.width, self.facts.height = width, height
        # Both have one value. A damaged count would make numbers of what follows.
        if {_CFA, _LINEAR_RAW} & set(values.get(_PHOTOMETRIC, ())[:1]):
            self.facts.raw = True
        if _RAW_COMPRESSIONS & set(values.get(_COMPRESSION, ())[:1]):
            self.facts.raw = True
        for offsets_tag, sizes_tag in _OFFSETS_WITH_SIZES:
            offsets, sizes = values.get(offsets_tag, []), values.get(sizes_tag, [])
            for offset, size in zip(offsets, sizes, strict=False):
                if offset != _UNKNOWN_OFFSET and size and offset + size > self.reader.size:
                    raise Cut(f"{self.name} ends in the middle")
        for offset in values.get(_RAW_OFFSET, []) if self.name == "RW2" else ():
            if offset >= self.reader.size:
                raise Cut(f"{self.name} ends in the middle")


_WHOLE = frozenset({1, 3, 4, 13, 16, 18})
_TEXTS = frozenset({_MAKE, _MODEL, _TIME, _TAKEN, _TAKEN_OFFSET})
_NUMBERS = frozenset(
    {
        *(_WIDTH, _HEIGHT, _COMPRESSION, _PHOTOMETRIC, _STRIPS, _STRIP_SIZES, _TILES, _TILE_SIZES),
        *(_SUB_FOLDERS, _EXIF, _GPS, _JPEG, _JPEG_SIZE, _RAW_OFFSET),
    }
)


def tiff(reader: Reader, name: str, facts: Facts | None = None) -> Facts:
    """Walk every directory of a TIFF, a BigTIFF or a raw photo built like one.

    `facts` are filled in as far as the walk comes.
    """
    head = reader.exactly(0, 8, name)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in (b"+\0", b"\0+")
    return _Tiff(reader, name, order, big, facts or Facts()).walk()


# ISO base media: MP4, QuickTime, 3GP, HEIF, AVIF, CR3, JPEG 2000, JPEG XL.


_TOP_LEVEL = frozenset(
    {
        *(b"ftyp", b"styp", b"moov", b"mdat", b"moof", b"mfra", b"sidx", b"meta", b"free", b"skip", b"wide"),
        *(b"uuid", b"pdin", b"jp2h", b"jp2c", b"jxlc", b"jxlp", b"jxll", b"Exif", b"xml ", b"idat"),
    }
)


def boxes(reader: Reader, start: int, end: int, name: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield the boxes between two offsets as (type, start of its content, its end).

    Broken when one reaches beyond `end`. Stops at what is no box (padding, a maker's trailer).
    """
    at = start
    for _ in range(_MAX_BOXES):
        if at + 8 > end:
            return
        head = reader.exactly(at, 8, name)
        size, kind, content = int.from_bytes(head[:4], "big"), head[4:8], at + 8
        if size == 1:
            size, content = int.from_bytes(reader.exactly(at + 8, 8, name), "big"), at + 16
        elif size == 0 and kind != b"\0\0\0\0":
            size = end - at
        if size < content - at or not _is_type(kind):
            return
        if at + size > end:
            if start == 0 and kind not in _TOP_LEVEL:
                return
            raise Cut(f"{name} ends in the middle ({_parts(end, at + size)})")
        yield kind, content, at + size
        at += size


def _is_type(kind: bytes) -> bool:
    return all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in kind)


def _parts(have: int, want: int) -> str:
    return f"{have:,} of at least {want:,} bytes"


def iso_media(reader: Reader, name: str, required: tuple[frozenset[bytes], ...]) -> Facts:
    """Walk the boxes of an ISO base media file. Of each set in `required` one box must be there.

    FFmpeg finds every missing sample of a movie, but misses 2 cuts of 51, of 3GP 5 of 52: those inside its
    last box. It reads neither CR3 nor JPEG XL.
    """
    facts, found = Facts(), set[bytes]()
    end, kind = 0, b""
    for kind, content, end in boxes(reader, 0, reader.size, name):
        found.add(kind)
        if kind == b"moov":
            _movie(reader, content, end, name, facts)
    if b"moof" in found and (kind == b"moof" or end < reader.size):
        # A movie in fragments may end after any of them, so every byte has to belong to one.
        raise Cut(f"{name} ends in the middle")
    missing = [alternatives for alternatives in required if not alternatives & found]
    if missing:
        if end + 8 > reader.size or b"mdat" in found:
            # A camera or a phone writes the index last: without it nothing can be played.
            raise Cut(f"{name} ends in the middle, its index is missing")
        raise Broken(f"{name} is damaged at byte {end:,}")
    return facts


_EPOCH_1904 = datetime(1904, 1, 1, tzinfo=UTC)


def _movie(reader: Reader, start: int, end: int, name: str, facts: Facts) -> None:
    for kind, content, stop in boxes(reader, start, end, name):
        if kind == b"mvhd":
            head = reader.at(content, 12)
            seconds = int.from_bytes(head[4:12] if head[:1] == b"\1" else head[4:8], "big")
            if 0 < seconds < 2**33:
                facts.metadata = Metadata(_EPOCH_1904 + timedelta(seconds=seconds))
        elif kind == b"trak":
            for inner, _, inner_stop in boxes(reader, content, stop, name):
                if inner == b"tkhd":
                    # The last two words of a track header are its size, 16.16 fixed point.
                    width, height = struct.unpack(">II", reader.exactly(inner_stop - 8, 8, name))
                    if width * height > (facts.width * facts.height) << 32:
                        facts.width, facts.height = width >> 16, height >> 16


def unwritten_end(reader: Reader, name: str, closed: Callable[[bytes], bool] = lambda _: False) -> None:
    """Broken when a file of compressed data ends in zeros: room was made for it and never filled.

    The decoders of these formats take zeros for a grey picture and say nothing. Zeros behind a picture that
    is `closed`, given all bytes, are padding.
    """
    tail = reader.at(max(0, reader.size - _UNWRITTEN), _UNWRITTEN)
    if not any(tail) and not closed(reader.at(0, reader.size)):
        raise Cut(f"{name} ends in zeros, it was never written to its end")


_UNWRITTEN = 256
"""So many zeros at the end are no chance."""


# RIFF: AVI.


def riff(reader: Reader, name: str) -> None:
    """A RIFF file is as long as it says. AVI files over a gigabyte are several in a row.

    FFmpeg finds every missing sample of an AVI, but misses 2 cuts of 52: those inside the index.
    """
    at = 0
    while at + 12 <= reader.size:
        head = reader.exactly(at, 12, name)
        if head[:4] != b"RIFF":
            return
        size = int.from_bytes(head[4:8], "little")
        if size in (0, 0xFFFFFFFF):
            raise Cut(f"{name} was never finished")
        end = at + 8 + size
        if end > reader.size:
            raise Cut(f"{name} ends in the middle ({_parts(reader.size, end)})")
        at = end + size % 2


# EBML: Matroska and WebM.

SEGMENT = b"\x18\x53\x80\x67"
_UNTIL_THE_END = {(1 << (7 * length)) - 1 for length in range(1, 9)}


def ebml(reader: Reader, name: str) -> None:
    """Broken when the segment behind the head reaches beyond the end. FFmpeg misses 35 cuts of 52."""
    size, at = _ebml_size(reader, 4, name)
    at += size
    if reader.exactly(at, 4, name) != SEGMENT:
        raise Broken(f"{name} is damaged at byte {at:,}")
    size, at = _ebml_size(reader, at + 4, name)
    if size not in _UNTIL_THE_END and at + size > reader.size:
        raise Cut(f"{name} ends in the middle ({_parts(reader.size, at + size)})")


def _ebml_size(reader: Reader, at: int, name: str) -> tuple[int, int]:
    first = reader.exactly(at, 1, name)[0]
    length = 9 - first.bit_length()
    if length > 8:
        raise Broken(f"{name} is damaged at byte {at:,}")
    raw = reader.exactly(at, length, name)
    return int.from_bytes(raw, "big") & ((1 << (7 * length)) - 1), at + length


# Pictures of several frames. Immich shows the first. Decoders say nothing about others that are not there.


def png(reader: Reader) -> None:
    """The chunks of an animation up to the end of the last that there is."""
    at, animated = 8, False
    while head := reader.at(at, 8):
        at += 12 + int.from_bytes(head[:4], "big")
        animated |= head[4:8] == b"acTL"
        if head[4:8] == b"IEND" or not head[4:8].isalpha():
            return
        if animated and at > reader.size:
            raise Cut("PNG ends in the middle")


def gif(reader: Reader) -> None:
    """The blocks up to the trailer, or to the end of a block: some writers leave the trailer out."""
    head = reader.exactly(0, 13, "GIF")
    at = 13 + _colours(head[10])
    while (kind := reader.at(at, 1)) in (b"!", b","):
        at += 2 if kind == b"!" else 10 + _colours(reader.exactly(at + 9, 1, "GIF")[0]) + 1
        while length := reader.exactly(at, 1, "GIF")[0]:
            at += 1 + length
        at += 1


def _colours(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


# Raw formats with a head of their own.


def raf(reader: Reader) -> None:
    """Fuji: a table of offsets and lengths at byte 84."""
    head = reader.exactly(84, 24, "RAF")
    for at in (0, 8, 16):
        offset, length = struct.unpack(">II", head[at : at + 8])
        if offset + length > reader.size:
            raise Cut("RAF ends in the middle")


def mrw(reader: Reader) -> None:
    """Minolta: the picture follows the head."""
    if int.from_bytes(reader.exactly(4, 4, "MRW"), "big") + 8 >= reader.size:
        raise Cut("MRW ends in the middle")


def x3f(reader: Reader) -> None:
    """Sigma: the last word points to the directory."""
    where = int.from_bytes(reader.exactly(reader.size - 4, 4, "X3F"), "little")
    if reader.at(where, 4) != b"SECd":
        raise Cut("X3F ends in the middle")


def crw(reader: Reader) -> None:
    """Canon's old form: the last word says where the directory begins inside the heap."""
    heap = int.from_bytes(reader.exactly(2, 4, "CRW"), "little")
    where = heap + int.from_bytes(reader.exactly(reader.size - 4, 4, "CRW"), "little")
    entries = int.from_bytes(reader.at(where, 2), "little")
    if where >= reader.size - 4 or not 0 < entries < _MAX_ENTRIES:
        raise Cut("CRW ends in the middle")


# Streams.


def transport_stream(reader: Reader) -> None:
    """Cut when the last packet is not whole. FFmpeg misses 49 cuts of 51."""
    if reader.size % (188 if reader.at(0, 1) == b"G" else 192):
        raise Cut("MPEG transport stream ends in the middle of a packet")


def asf(reader: Reader) -> None:
    """Cut when one of the objects up to the end is not whole. FFmpeg misses 48 cuts of 52."""
    at = 0
    while at + 24 <= reader.size:
        size = int.from_bytes(reader.exactly(at + 16, 8, "Windows Media"), "little")
        if size < 24:
            raise Cut("Windows Media was never finished" if at else "Windows Media is damaged")
        at += size
    if at > reader.size:
        raise Cut(f"Windows Media ends in the middle ({_parts(reader.size, at)})")
