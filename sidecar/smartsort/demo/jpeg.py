"""JPEG files as a row of segments: headers read without decoding, metadata put in beside the pixels."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

EXIF_MARK = b"Exif\x00\x00"
XMP_MARK = b"http://ns.adobe.com/xap/1.0/\x00"
# A segment's length field counts itself and has 16 bits.
LARGEST_PAYLOAD = 65_533
_FRAME_STARTS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})


class NotAJpegError(ValueError):
    """The bytes are no JPEG, or end inside its header."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One header segment: its marker byte, where it begins, and its payload without marker and length."""

    marker: int
    start: int
    payload: bytes

    @property
    def end(self) -> int:
        return self.start + 4 + len(self.payload)


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """What stands before the picture data. `width` and `height` are of the stored, unrotated picture."""

    width: int
    height: int
    exif: bytes | None
    xmp: bytes | None


def segments(data: bytes) -> Iterator[Segment]:
    """Yield the header segments of a JPEG up to and including the start of scan.

    Raises NotAJpegError where `data` ends before that or is something else.
    """
    if data[:2] != b"\xff\xd8":
        raise NotAJpegError("does not begin like a JPEG")
    at = 2
    while True:
        if at + 4 > len(data):
            raise NotAJpegError(f"ends inside its header at byte {at}")
        if data[at] != 0xFF:
            raise NotAJpegError(f"has no marker at byte {at}")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _WITHOUT_LENGTH:
            at += 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if length < 2 or at + 2 + length > len(data):
            raise NotAJpegError(f"ends inside a segment at byte {at}")
        yield Segment(marker, at, data[at + 4 : at + 2 + length])
        if marker == 0xDA:
            return
        at += 2 + length


def read_header(data: bytes) -> JpegHeader:
    """Return the size and the metadata blocks of a JPEG. Raises NotAJpegError."""
    size: tuple[int, int] | None = None
    exif = xmp = None
    for segment in segments(data):
        if segment.marker == 0xE1 and segment.payload.startswith(EXIF_MARK):
            exif = segment.payload
        elif segment.marker == 0xE1 and segment.payload.startswith(XMP_MARK):
            xmp = segment.payload[len(XMP_MARK) :]
        elif segment.marker in _FRAME_STARTS and len(segment.payload) >= 5:
            height, width = struct.unpack_from(">HH", segment.payload, 1)
            size = (width, height)
    if size is None:
        raise NotAJpegError("has no picture in it")
    return JpegHeader(*size, exif, xmp)


def with_xmp(data: bytes, packet: bytes) -> bytes:
    """The JPEG with this XMP packet instead of the one it may have: every other byte stays as it is."""
    return _with_block(data, XMP_MARK, XMP_MARK + packet)


def with_exif(data: bytes, block: bytes) -> bytes:
    """The JPEG with this Exif block, which begins with its own mark, instead of the one it may have."""
    return _with_block(data, EXIF_MARK, block)


def _with_block(data: bytes, mark: bytes, payload: bytes) -> bytes:
    if len(payload) > LARGEST_PAYLOAD:
        raise ValueError(f"the metadata has {len(payload)} bytes, a JPEG segment holds {LARGEST_PAYLOAD}")
    insert_at = 2
    old: list[Segment] = []
    for segment in segments(data):
        is_block = segment.marker == 0xE1
        if is_block and segment.payload.startswith(mark):
            old.append(segment)
        elif segment.marker == 0xE0 or (is_block and segment.payload.startswith(EXIF_MARK)):
            # Exif stays before XMP, and JFIF before both.
            insert_at = segment.end
    new = b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload
    changes = [(insert_at, insert_at, new), *((segment.start, segment.end, b"") for segment in old)]
    out = bytearray()
    at = 0
    for start, end, insert in sorted(changes):
        out += data[at:start] + insert
        at = end
    return bytes(out + data[at:])
