"""What files say about the shot they belong to: identifiers, capture time, camera, length.

Read for files whose names make them candidates for one shot. Nothing is decoded, and a file that says nothing
or cannot be read gives no evidence.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from smartsort.files import media
from smartsort.files.media import Kind
from smartsort.files.probe import format_of, quiet

if TYPE_CHECKING:
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile

CLIP_SECONDS = 4.5
"""The longest clip of a Live Photo or motion photo: Apple's take three seconds, Google's up to four."""

_TOGETHER = timedelta(seconds=5)
"""Between the picture of a shot and its clip, which begins earlier and is written later."""

_SAME_INSTANT = timedelta(milliseconds=10)
_ZONE_STEP = timedelta(minutes=15)
_ZONES = (timedelta(hours=-12), timedelta(hours=14))

_MAKE, _MODEL, _DETAILS, _SERIAL = 0x010F, 0x0110, 0x8769, 0xA431
_TAKEN, _TAKEN_FINE, _TAKEN_ZONE, _MAKER_NOTE = 0x9003, 0x9291, 0x9011, 0x927C
_APPLE_NOTE, _APPLE_CONTENT_ID = b"Apple iOS\0", 0x0011
_MOTION = re.compile(
    rb"""(?:MotionPhoto|MicroVideo)(?:\s*=\s*["']|>)1\b|Semantic\s*=\s*["']MotionPhoto["']"""
)
_RAW_HEAD_BYTES = 1 << 20
_CR3_EXIF, _CR3_DETAILS = b"CMT1", b"CMT2"


@dataclass(frozen=True, slots=True)
class Moment:
    """A capture time as it was written. `zone` None: without a zone.

    `vague`: QuickTime's own time, which should be UTC and which some cameras set to local time.
    """

    wall: datetime
    zone: timedelta | None = None
    fine: bool = False
    """It has fractions of a second."""
    vague: bool = False


@dataclass(frozen=True, slots=True)
class Shot:
    """What one file says. `seconds` is the length of a video, None for anything else."""

    content_id: str | None = None
    taken: Moment | None = None
    camera: tuple[str, str] | None = None
    serial: str | None = None
    seconds: float | None = None
    motion: bool = False
    """A picture that says it has a clip (Google's motion photo)."""


def same_time(one: Moment | None, other: Moment | None) -> bool | None:
    """Whether two capture times are within seconds of each other, None when one is missing.

    Two zones make them comparable, and so do two times as on the wall of one place. QuickTime's own time and
    a camera's without a zone differ by a zone that nothing tells. Zones are whole quarters of an hour, so a
    difference of such is taken: by chance one of ninety pairs agrees, and their names and the clip's length
    have to fit as well.
    """
    if one is None or other is None:
        return None
    apart = one.wall - other.wall
    vague = one.vague or other.vague
    if one.zone is not None and other.zone is not None:
        return abs(apart - (one.zone - other.zone)) <= _TOGETHER or (vague and abs(apart) <= _TOGETHER)
    if not vague:
        return abs(apart) <= _TOGETHER
    zone = apart if other.vague else -apart
    rest = abs(zone - round(zone / _ZONE_STEP) * _ZONE_STEP)
    return rest <= _TOGETHER and _ZONES[0] - _TOGETHER <= zone <= _ZONES[1] + _TOGETHER


def why_live(picture: Shot, clip: Shot, *, named: bool = False) -> str | None:
    """What proves that a clip is the moving half of a picture, None for two photos.

    `named`: the clip has a name that a program gives to such halves alone (icloudpd's `_HEVC.MOV`, Google's
    `.MP`); that counts where the files do not say otherwise.
    """
    if picture.content_id and clip.content_id:
        return "content identifier" if picture.content_id == clip.content_id else None
    if clip.seconds is None or clip.seconds > CLIP_SECONDS:
        return None
    together = same_time(picture.taken, clip.taken)
    if together is False:
        return None
    if picture.motion:
        return "motion photo"
    if together:
        return "capture time"
    return "name" if named else None


def why_same_shot(one: Shot, other: Shot) -> str | None:
    """What proves that a raw photo and a picture are one shot: the camera and the instant."""
    if one.camera is None or one.camera != other.camera or one.taken is None or other.taken is None:
        return None
    if one.serial and other.serial and one.serial != other.serial:
        return None
    first, second = one.taken.wall, other.taken.wall
    if one.taken.fine and other.taken.fine:
        same = abs(first - second) <= _SAME_INSTANT
    else:
        same = first.replace(microsecond=0) == second.replace(microsecond=0)
    return "camera and capture time" if same else None


def read_shot(path: str) -> Shot:
    """What a file says about its shot; nothing for a file that cannot be read. Blocking."""
    with suppress(Exception), quiet():
        with open(path, "rb") as file:
            found = format_of(file.read(4096))
        if found is None:
            return Shot()
        if found.kind is Kind.VIDEO:
            return _of_video(path)
        if found is media.HEIF:
            return _of_heif(path)
        if found is media.JPEG:
            return _of_jpeg(path)
        if found is media.CR3:
            return _of_cr3(path)
        if found is media.RAF:
            return _of_raf(path)
        if found.kind is Kind.RAW or found is media.TIFF:
            return _of_tiff(path)
    return Shot()


def _of_video(path: str) -> Shot:
    import av  # noqa: PLC0415 - FFmpeg is loaded where a clip is looked at

    with av.open(path) as container:
        video = next((s for s in container.streams.video), None)
        if video is None or container.duration is None:
            return Shot()
        said = {**video.metadata, **container.metadata}
        seconds = container.duration / av.time_base
    key = "com.apple.quicktime."
    camera = _camera(said.get(f"{key}make"), said.get(f"{key}model"))
    return Shot(
        content_id=said.get(f"{key}content.identifier") or None,
        taken=_iso(said.get(f"{key}creationdate")) or _iso(said.get("creation_time"), vague=True),
        camera=camera,
        seconds=seconds,
    )


def _iso(text: str | None, *, vague: bool = False) -> Moment | None:
    if not text:
        return None
    at = datetime.fromisoformat(text)
    if at.year < 1971:  # QuickTime counts from 1904, and zero is no time
        return None
    zone = at.utcoffset()
    return Moment(at.replace(tzinfo=None), zone, at.microsecond != 0, vague)


def _of_jpeg(path: str) -> Shot:
    with _jpeg(path) as image:
        return _with_motion(_of_exif(image.getexif()), image.info.get("xmp"))


def _jpeg(source: str | io.BytesIO) -> JpegImageFile:
    """By its own decoder: `Image.open` refuses pictures of more pixels than it likes."""
    from PIL.JpegImagePlugin import JpegImageFile  # noqa: PLC0415 - an idle sidecar needs no pictures

    return JpegImageFile(source)


def _of_heif(path: str) -> Shot:
    import pillow_heif  # noqa: PLC0415 - a HEIF decoder is loaded where one is needed

    info = pillow_heif.open_heif(path, convert_hdr_to_8bit=False).info
    return _with_motion(_of_raw_exif(info.get("exif") or b""), info.get("xmp"))


def _with_motion(shot: Shot, xmp: object) -> Shot:
    return replace(shot, motion=isinstance(xmp, bytes) and _MOTION.search(xmp) is not None)


def _of_tiff(path: str) -> Shot:
    with open(path, "rb") as file:
        head = file.read(_RAW_HEAD_BYTES)
    # Olympus and Panasonic have a magic number of their own before an ordinary TIFF.
    order = b"II*\0" if head[:2] == b"II" else b"MM\0*"
    return _of_raw_exif(order + head[4:])


def _of_raf(path: str) -> Shot:
    """Fuji's raw photos have a whole JPEG inside, whose place stands at byte 84."""
    with open(path, "rb") as file:
        file.seek(84)
        start, length = (int.from_bytes(file.read(4), "big") for _ in range(2))
        file.seek(start)
        inside = io.BytesIO(file.read(min(length, _RAW_HEAD_BYTES)))
    with _jpeg(inside) as image:
        return _of_exif(image.getexif())


def _of_cr3(path: str) -> Shot:
    """Canon keeps each part of the EXIF data in a box of its own, near the beginning."""
    with open(path, "rb") as file:
        head = file.read(_RAW_HEAD_BYTES)
    return _of_tags(_exif(_box(head, _CR3_EXIF)), _exif(_box(head, _CR3_DETAILS)))


def _box(head: bytes, kind: bytes) -> bytes:
    at = head.index(kind)
    return head[at + 4 : at - 4 + int.from_bytes(head[at - 4 : at], "big")]


def _of_raw_exif(data: bytes) -> Shot:
    return _of_exif(_exif(data))


def _exif(data: bytes) -> Image.Exif:
    from PIL import Image  # noqa: PLC0415 - as above

    exif = Image.Exif()
    exif.load(data)
    return exif


def _of_exif(exif: Image.Exif) -> Shot:
    return _of_tags(exif, exif.get_ifd(_DETAILS))


def _of_tags(exif: Mapping[int, Any], details: Mapping[int, Any]) -> Shot:
    note = details.get(_MAKER_NOTE)
    return Shot(
        content_id=_apple_content_id(note) if isinstance(note, bytes) else None,
        taken=_exif_moment(details),
        camera=_camera(exif.get(_MAKE), exif.get(_MODEL)),
        serial=_text(details.get(_SERIAL)) or None,
    )


def _camera(make: object, model: object) -> tuple[str, str] | None:
    first, second = (_text(each).casefold() for each in (make, model))
    return (first, second) if first and second else None


def _exif_moment(tags: Mapping[int, Any]) -> Moment | None:
    with suppress(ValueError):
        wall = datetime.strptime(_text(tags.get(_TAKEN))[:19], "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007
        zone = None
        with suppress(ValueError):
            zone = datetime.strptime(_text(tags.get(_TAKEN_ZONE)), "%z").utcoffset()
        fine = _text(tags.get(_TAKEN_FINE))
        if fine.isdigit():
            wall += timedelta(seconds=float(f"0.{fine}"))
        return Moment(wall, zone, fine.isdigit())
    return None


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.strip("\0 ") if isinstance(value, str) else ""


def _apple_content_id(note: bytes) -> str | None:
    """Tag 17 of Apple's maker note: a TIFF directory, counted from the note's own beginning."""
    if not note.startswith(_APPLE_NOTE) or note[12:14] != b"MM":
        return None
    for index in range(int.from_bytes(note[14:16], "big")):
        entry = note[16 + 12 * index :][:12]
        if int.from_bytes(entry[:2], "big") == _APPLE_CONTENT_ID:
            count, at = (int.from_bytes(entry[i : i + 4], "big") for i in (4, 8))
            return _text(note[at : at + count]) or None
    return None
