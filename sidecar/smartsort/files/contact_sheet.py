"""A contact sheet: pictures in rows, each with a label and with boxes on it. For decoder processes."""

from __future__ import annotations

import io
import math
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw as Pen
    from PIL.ImageFont import FreeTypeFont, ImageFont

TILE = (320, 240)
"""Pixels a picture may fill. It keeps its shape."""

_GAP, _LABEL = 6, 22
_PAPER, _INK, _LINE = (24, 24, 24), (235, 235, 235), (255, 214, 10)


class Mark(NamedTuple):
    """A box on a picture, as shares of its sides from 0 to 1, and what stands beside it."""

    left: float
    top: float
    right: float
    bottom: float
    text: str = ""


def contact_sheet(
    pictures: Sequence[bytes | Picture],
    labels: Sequence[str],
    marks: Sequence[Sequence[Mark]] = (),
    tile: tuple[int, int] = TILE,
    columns: int = 0,
) -> bytes:
    """Return the pictures (encoded, or as Pillow has them) on one sheet as JPEG.

    Without `columns` it is about as wide as it is high.
    `labels` has a text for each picture, `marks` the boxes of each or nothing. Raises ValueError without a
    picture, OSError for one that cannot be decoded.
    """
    from PIL import Image, ImageDraw  # noqa: PLC0415 - only when something is drawn

    if not pictures:
        raise ValueError("a contact sheet of no pictures")
    small = [_fitted(picture, tile) for picture in pictures]
    cell = max(one.width for one in small) + _GAP, max(one.height for one in small) + _LABEL + _GAP
    columns = columns or min(len(small), max(1, round(math.sqrt(len(small) * cell[1] / cell[0] * 4 / 3))))
    size = columns * cell[0] + _GAP, math.ceil(len(small) / columns) * cell[1] + _GAP
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (picture, label) in enumerate(zip(small, labels, strict=True)):
        left, top = _GAP + number % columns * cell[0], _GAP + number // columns * cell[1]
        sheet.paste(picture, (left, top))
        for mark in marks[number] if marks else ():
            _draw_mark(draw, mark, (left, top), picture.size)
        draw.text((left + 2, top + picture.height + 2), label, fill=_INK, font=_font(_LABEL - 7))
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=85)
    return out.getvalue()


FACE, ACROSS = (160, 160), 3
"""Pixels of a face, and how many stand beside each other."""


def face_sheet(groups: Sequence[Sequence[tuple[bytes, Mark]]], across: int = ACROSS) -> bytes:
    """Faces at places of encoded pictures on one sheet as JPEG, each group from a new row on.

    A place's text stands below its face. The faces of every second group are framed. Raises ValueError
    without a face, OSError for a picture that cannot be decoded.
    """
    from PIL import Image  # noqa: PLC0415 - as above

    faces: list[Picture] = []
    frames: list[list[Mark]] = []
    labels: list[str] = []
    for number, group in enumerate(groups):
        row = [_face(picture, place) for picture, place in group]
        row += [Image.new("RGB", FACE, _PAPER)] * (-len(row) % across)
        faces += row
        labels += [place.text for _, place in group] + [""] * (len(row) - len(group))
        framed = [Mark(0, 0, 0.99, 0.99)] if number % 2 else []
        frames += [framed if index < len(group) else [] for index in range(len(row))]
    return contact_sheet(faces, labels, frames, FACE, across)


def _face(picture: bytes, place: Mark) -> Picture:
    """Return a square around a face, somewhat larger than it."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - as above

    whole = ImageOps.exif_transpose(Image.open(io.BytesIO(picture))).convert("RGB")
    left, right = place.left * whole.width, place.right * whole.width
    top, bottom = place.top * whole.height, place.bottom * whole.height
    side = max(right - left, bottom - top, 1.0) * 1.3
    x, y = (left + right - side) / 2, (top + bottom - side) / 2
    # What lies beside the picture is black.
    return whole.crop((round(x), round(y), round(x + side), round(y + side))).resize(FACE)


def _fitted(picture: bytes | Picture, tile: tuple[int, int]) -> Picture:
    from PIL import Image  # noqa: PLC0415 - as above

    opened = Image.open(io.BytesIO(picture)) if isinstance(picture, bytes) else picture
    opened.draft("RGB", tile)  # a JPEG is decoded at a fraction of its size
    small = opened.convert("RGB")
    small.thumbnail(tile)
    return small


def _draw_mark(draw: Pen, mark: Mark, at: tuple[int, int], size: tuple[int, int]) -> None:
    left, top = at[0] + mark.left * size[0], at[1] + mark.top * size[1]
    right, bottom = at[0] + mark.right * size[0], at[1] + mark.bottom * size[1]
    if right <= left or bottom <= top:
        return
    draw.rectangle((left, top, right, bottom), outline=_LINE, width=2)
    text = _plain(mark.text)
    if text:
        font = _font(13)
        wide = draw.textlength(text, font=font) + 4
        below = min(bottom, at[1] + size[1] - 16)
        draw.rectangle((left, below, left + wide, below + 16), fill=_LINE)
        draw.text((left + 2, below), text, fill=_PAPER, font=font)


def _plain(text: str) -> str:
    """Return the letters that the font has: accents go, and other scripts."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().strip()


def _font(size: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont as Fonts  # noqa: PLC0415 - as above

    return Fonts.load_default(size=size)
