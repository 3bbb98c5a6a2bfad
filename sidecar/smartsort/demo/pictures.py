"""Reading photos: their header, a preview when somebody looks, a fingerprint that copies share."""

import calendar
import contextlib
import functools
import io
import os
import re
import warnings
from dataclasses import dataclass, replace
from typing import Any

from PIL import ExifTags, Image, ImageOps

from smartsort.demo.edge import read_edge
from smartsort.demo.regions import HEADER_BYTES, Region, drawn_for, face_regions, packet_of, sidecar_of
from smartsort.errors import SmartsortError
from smartsort.files.decoders import Decoders
from smartsort.files.media import Kind
from smartsort.files.shown import shown

PREVIEW_SHORT_SIDE = 1440
THUMBNAIL_SHORT_SIDE = 250
# Two pictures are copies of each other when their fingerprints differ by less than this, of 255, on average.
# Re-encoding and resizing drawn portraits stays under 2, two different ones differ by more than 12.
COPY_DISTANCE = 4.0
_FINGERPRINT_SIDE = 10
_TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What the metadata job learns from a file. Without a size the picture cannot be decoded."""

    size: tuple[int, int] | None
    orientation: int = 1
    taken_at: float | None = None
    make: str | None = None
    model: str | None = None
    regions: tuple[Region, ...] = ()


def read_facts(path: str) -> PictureFacts:
    """Return the facts of a photo from its header alone, and whether its data reaches the end.

    Raises OSError if the file cannot be read.
    """
    with open(path, "rb") as file:
        head = file.read(HEADER_BYTES)
        if head[:2] == b"\xff\xd8":
            length = os.fstat(file.fileno()).st_size
            file.seek(max(0, length - _TAIL_BYTES))
            return _jpeg_facts(path, head, file.read())
    return _other_facts(path)


def render(path: str, short_side: int, image_format: str) -> bytes:
    """The photo upright, its short side scaled down to `short_side` (never up), as JPEG or WEBP bytes."""
    with _opened(path, short_side) as image:
        # JPEG decodes at a half, a quarter or an eighth of its size for next to nothing.
        image.draft("RGB", _fitted(image.size, short_side))
        upright = ImageOps.exif_transpose(image)
        upright = upright if upright.mode == "RGB" else upright.convert("RGB")
        upright.thumbnail(_fitted(upright.size, short_side), Image.Resampling.BILINEAR, reducing_gap=2.0)
        # Nothing of the original's metadata goes into a preview.
        upright.info.clear()
        out = io.BytesIO()
        upright.save(out, image_format, quality=80)
        return out.getvalue()


def fingerprint(path: str) -> bytes:
    """A picture's colours on a coarse grid, upright: alike for copies that were re-encoded or resized."""
    with _opened(path, 160) as image:
        image.draft("RGB", (160, 160))
        upright = ImageOps.exif_transpose(image).convert("RGB")
        return upright.resize((_FINGERPRINT_SIDE, _FINGERPRINT_SIDE), Image.Resampling.BOX).tobytes()


def are_copies(one: bytes, other: bytes) -> bool:
    limit = COPY_DISTANCE * len(one)
    # A sample of the bytes settles nearly every pair.
    if sum(abs(a - b) for a, b in zip(one[::17], other[::17], strict=True)) > limit / 17 * 3 + 60:
        return False
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) < limit


def preview_size(width: int, height: int) -> tuple[int, int]:
    """Return the size of the preview of an upright photo: short side 1440, never enlarged."""
    short = min(width, height)
    if short <= PREVIEW_SHORT_SIDE:
        return width, height
    return round(width * PREVIEW_SHORT_SIDE / short), round(height * PREVIEW_SHORT_SIDE / short)


def crop(preview: bytes, box: tuple[int, int, int, int], image_size: tuple[int, int], side: int) -> bytes:
    """Return a square JPEG of `side` pixels around a box given in pixels of a picture of `image_size`."""
    with Image.open(io.BytesIO(preview)) as image:
        scale = image.width / image_size[0]
        x1, y1, x2, y2 = (value * scale for value in box)
        half = max(x2 - x1, y2 - y1) * 0.7
        middle_x, middle_y = (x1 + x2) / 2, (y1 + y2) / 2
        area = image.convert("RGB").crop(
            (round(middle_x - half), round(middle_y - half), round(middle_x + half), round(middle_y + half))
        )
        out = io.BytesIO()
        area.resize((side, side), Image.Resampling.BILINEAR).save(out, "JPEG", quality=80)
        return out.getvalue()


def _jpeg_facts(path: str, head: bytes, tail: bytes) -> PictureFacts:
    # A file with something behind its picture (a motion photo) is decoded to be sure. Nearly none is.
    if b"\xff\xd9" not in tail:
        return _other_facts(path)
    try:
        with Image.open(io.BytesIO(head)) as image:
            size, exif = image.size, image.getexif()
    except (OSError, SyntaxError, ValueError):
        return _other_facts(path)
    regions = tuple(face_regions(path))
    if _is_turned(head, size, exif):
        regions = ()  # a detector sees no face that lies on its side
    return _with_exif(path, PictureFacts(size, regions=regions), exif)


def _is_turned(head: bytes, size: tuple[int, int], exif: Image.Exif) -> bool:
    """Whether the pixels were turned by a quarter after the regions were drawn, and nothing tells so."""
    width, height = size
    upright = exif.get(ExifTags.Base.Orientation, 1) in range(5)
    return upright and drawn_for(packet_of(head)) == (height, width) and width != height


def _other_facts(path: str) -> PictureFacts:
    """Of what libvips decodes, as Immich does. Pillow may know less of it."""
    seen = _decoders().probe([path])[0]
    if isinstance(seen, SmartsortError) or seen.problem is not None:
        return PictureFacts(None)
    if seen.kind is Kind.VIDEO:
        with _opened(path, min(seen.width, seen.height)) as shown_frame:
            return PictureFacts((seen.width, seen.height), regions=read_edge(shown_frame.convert("RGB")))
    if seen.kind is not Kind.IMAGE:
        return PictureFacts(None)
    facts = PictureFacts((seen.width, seen.height), regions=tuple(face_regions(path)))
    _register_heif()
    with contextlib.suppress(Exception), Image.open(path) as image:
        return _with_exif(path, replace(facts, size=image.size), image.getexif())
    return facts


def _with_exif(path: str, facts: PictureFacts, exif: Image.Exif) -> PictureFacts:
    if sidecar_of(path) is not None:
        facts = replace(facts, regions=tuple(face_regions(path)))
    if not exif:
        return facts
    orientation = exif.get(ExifTags.Base.Orientation, 1)
    taken: Any = None
    with contextlib.suppress(Exception):
        taken = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
    return replace(
        facts,
        orientation=orientation if orientation in range(1, 9) else 1,
        taken_at=_exif_time(taken or exif.get(ExifTags.Base.DateTime)),
        make=_text(exif.get(ExifTags.Base.Make)),
        model=_text(exif.get(ExifTags.Base.Model)),
    )


def _exif_time(value: Any) -> float | None:
    match = re.match(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)", str(value or ""))
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    try:
        return float(calendar.timegm((year, month, day, hour, minute, second)))
    except (ValueError, OverflowError):
        return None


def _text(value: Any) -> str | None:
    text = str(value).strip("\x00 ") if value is not None else ""
    return text or None


def _fitted(size: tuple[int, int], short_side: int) -> tuple[int, int]:
    short = min(size)
    if short <= short_side:
        return size
    return max(1, round(size[0] * short_side / short)), max(1, round(size[1] * short_side / short))


_LARGE = 30_000_000
"""Pixels from which a picture is decoded where it cannot take all memory: Immich has its own container."""


def _opened(path: str, short_side: int) -> Image.Image:
    """Return a picture of which only the head is read yet, or a small one of what is too much for Pillow."""
    _register_heif()
    with contextlib.suppress(Exception):
        image = Image.open(path)
        if image.width * image.height <= _LARGE:
            return image
        image.close()
    drawn = _decoders().draw(path, short_side, 0)
    if isinstance(drawn, str):
        raise OSError(f"{shown(path)}: {drawn}")
    return Image.open(io.BytesIO(drawn))


@functools.cache
def _decoders() -> Decoders:
    return Decoders()


@functools.cache
def _register_heif() -> None:
    """Teach Pillow HEIC, where that is installed, the first time a picture that is no JPEG comes."""
    warnings.filterwarnings("ignore", module="PIL")  # about odd metadata, into the demo's own output
    with contextlib.suppress(ImportError):
        from pillow_heif import register_heif_opener  # noqa: PLC0415  the demo runs without it

        register_heif_opener()
