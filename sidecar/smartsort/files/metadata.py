"""What cameras and phones write into their files: the time, themselves, and which files belong together.

Read without decoding a picture or a frame, in a decoder process (`smartsort.files.decoders`).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, BinaryIO

from smartsort.files import media
from smartsort.files.media import Format

_MAKE, _MODEL, _ORIENTATION, _TIME, _EXIF = 0x010F, 0x0110, 0x0112, 0x0132, 0x8769
_TAKEN, _TAKEN_OFFSET, _TAKEN_FINE, _MAKER_NOTE, _SERIAL = 0x9003, 0x9011, 0x9291, 0x927C, 0xA431
_APPLE_CONTENT_ID = 0x0011


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file says about itself, None where it says nothing.

    `taken` is in UTC where `zoned` is False: the clock of most cameras has no zone, that of a video has UTC.
    `content_id` is Apple's: both halves of a Live Photo carry the same. `motion_photo` says that Google's
    or Samsung's metadata promise a video inside the picture or beside it.
    """

    taken: datetime | None = None
    zoned: bool = False
    camera: str | None = None
    duration_seconds: float | None = None
    content_id: str | None = None
    motion_photo: bool = False
    serial: str | None = None
    """Of the camera."""
    vague: bool = False
    """`taken` is QuickTime's own time, which should be UTC and which some cameras set to local time."""
    orientation: int = 1


NOTHING = Metadata()
_HEAD_BYTES = 1 << 20


def exif_time(text: str, offset: str = "") -> datetime | None:
    """Return an EXIF time. The camera's zone if it wrote one, else UTC: its clock has no zone."""
    try:
        return datetime.strptime(text.strip("\0 ")[:19], "%Y:%m:%d %H:%M:%S").replace(
            tzinfo=_zone(offset) or UTC
        )
    except ValueError:
        return None


def of_picture(exif: bytes | None, xmp: bytes | None) -> Metadata:
    """Return the metadata of a picture, from the blocks a decoder found in it. Damaged blocks say nothing."""
    from PIL.Image import Exif  # noqa: PLC0415 - only in a decoder process

    read = Exif()
    details: Mapping[int, Any] = {}
    with suppress(Exception):
        read.load(exif or b"")
        details = read.get_ifd(_EXIF)
    return _of_tags(read, details, xmp)


def of_raw(file: BinaryIO, found: Format) -> Metadata:
    """Return the metadata of a raw photo, or of another TIFF. Raises what Pillow raises for a damaged one."""
    from PIL.Image import Exif  # noqa: PLC0415 - as above

    read = Exif()
    if found is media.RAF:
        # A whole JPEG, whose place stands at byte 84.
        file.seek(84)
        start, length = struct.unpack(">II", file.read(8))
        file.seek(start)
        inside = file.read(min(length, _HEAD_BYTES))
        read.load(inside[inside.index(b"Exif\0\0") :])
    elif found is media.CR3:
        # The main directory and the details are boxes of their own.
        head, details = file.read(_HEAD_BYTES), Exif()
        read.load(_box(head, b"CMT1"))
        details.load(_box(head, b"CMT2"))
        return _of_tags(read, details, None)
    elif found in (media.ORF, media.RW2):
        # An ordinary TIFF but for its magic number.
        head = file.read(_HEAD_BYTES)
        read.load((b"MM\0*" if head[:2] == b"MM" else b"II*\0") + head[4:])
    else:
        read.load_from_fp(file)
    return _of_tags(read, read.get_ifd(_EXIF), None)


def _box(head: bytes, kind: bytes) -> bytes:
    at = head.index(kind)
    return head[at + 4 : at - 4 + int.from_bytes(head[at - 4 : at], "big")]


def _of_tags(tags: Mapping[int, Any], details: Mapping[int, Any], xmp: bytes | None) -> Metadata:
    offset = _text(details.get(_TAKEN_OFFSET))
    taken = exif_time(_text(details.get(_TAKEN)), offset) or exif_time(_text(tags.get(_TIME)))
    zoned = taken is not None and _zone(offset) is not None and bool(details.get(_TAKEN))
    if taken is None:
        taken, zoned = _xmp_time(xmp or b"")
    elif (fine := _text(details.get(_TAKEN_FINE))).isdecimal():
        taken += timedelta(seconds=float(f"0.{fine}"))
    orientation = tags.get(_ORIENTATION, 1)
    return Metadata(
        taken,
        zoned,
        camera=" ".join(filter(None, (_text(tags.get(_MAKE)), _text(tags.get(_MODEL))))) or None,
        content_id=_apple_content_id(details.get(_MAKER_NOTE)),
        motion_photo=_MOTION_PHOTO.search(xmp or b"") is not None,
        serial=_text(details.get(_SERIAL)) or None,
        orientation=orientation if orientation in range(1, 9) else 1,
    )


def of_video(container: Mapping[str, str], duration_seconds: float | None) -> Metadata:
    """Return the metadata of a video, from its container's as FFmpeg names them."""
    taken, zoned = _iso_time(container.get("com.apple.quicktime.creationdate", ""))
    vague = taken is None
    if taken is None:
        taken, zoned = _iso_time(container.get("creation_time", ""))
    if taken is not None and taken.year <= _NEVER_SET:
        taken, zoned = None, False
    make, model = (container.get(f"com.apple.quicktime.{key}", "") for key in ("make", "model"))
    return Metadata(
        taken,
        zoned,
        camera=" ".join(filter(None, (make.strip(), model.strip()))) or None,
        duration_seconds=duration_seconds,
        content_id=container.get("com.apple.quicktime.content.identifier") or None,
        vague=vague,
    )


_NEVER_SET = 1904
"""QuickTime counts from here, and a clock that was never set says zero."""

_MOTION_PHOTO = re.compile(rb"""(?:MotionPhoto|MicroVideo)(?:=["']|>)\s*1\s*["'<]""")
_XMP_TIME = re.compile(
    rb"""(?:exif:DateTimeOriginal|photoshop:DateCreated|xmp:CreateDate)(?:=["']|>)\s*([0-9T:.+Zz-]{10,35})"""
)


def _zone(offset: str) -> timezone | None:
    if len(offset) != 6 or offset[0] not in "+-" or not (offset[1:3] + offset[4:6]).isdigit():
        return None
    distance = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
    if distance >= timedelta(hours=24):
        return None
    return timezone(distance if offset[0] == "+" else -distance)


def _iso_time(text: str) -> tuple[datetime | None, bool]:
    """Return a time, and whether it says its zone."""
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        return None, False
    return (read, True) if read.tzinfo else (read.replace(tzinfo=UTC), False)


def _xmp_time(xmp: bytes) -> tuple[datetime | None, bool]:
    found = _XMP_TIME.search(xmp)
    return _iso_time(found[1].decode("ascii")) if found else (None, False)


def _text(value: object) -> str:
    return value.strip("\0 ") if isinstance(value, str) else ""


def _apple_content_id(note: object) -> str | None:
    """Return the identifier in an iPhone's maker note, which is a directory of its own."""
    if not isinstance(note, bytes) or not note.startswith(b"Apple iOS\0"):
        return None
    with suppress(struct.error, UnicodeDecodeError):
        order = "<" if note[12:14] == b"II" else ">"
        (count,) = struct.unpack_from(order + "H", note, 14)
        for at in range(16, 16 + 12 * min(count, 200), 12):
            tag, kind, length, offset = struct.unpack_from(order + "HHII", note, at)
            if (tag, kind) == (_APPLE_CONTENT_ID, 2) and offset + length <= len(note):
                return note[offset : offset + length].rstrip(b"\0").decode("ascii") or None
    return None
