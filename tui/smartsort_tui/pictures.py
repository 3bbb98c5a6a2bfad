"""Pictures from bytes to what a terminal draws. Nothing here touches a widget. It runs in a thread."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont
from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from smartsort.api.schemas.people import FaceView
from smartsort_tui.terminal import Colours

if TYPE_CHECKING:
    from smartsort.api.schemas.near_misses import NearMissFace

# A preview of Immich has 1440 pixels on its long side. A fake one must not fill the memory.
MAX_PIXELS = 40_000_000
# More pixels than this are not worth sending through a terminal.
MAX_DRAWN_PIXELS = 1_600_000
# Half-block pixels of a face from which a whole box leaves something of it to see.
WHOLE_BOX_PIXELS = 14
# Share of a face's size that is shown around it.
MARGIN_OF_FACE = 0.35
_INK = (20, 20, 20)
_PAPER = (255, 214, 10)
_GAP = 1


class Undecodable(Exception):
    """The bytes are no picture this program can draw. The message says why."""


@dataclass(frozen=True, slots=True)
class Box:
    """A face to draw: its number and its place as shares of the picture, 0 to 1."""

    number: int
    left: float
    top: float
    right: float
    bottom: float
    chosen: bool = False


def boxes_of(faces: Sequence[FaceView | NearMissFace], chosen_face: int | None = None) -> tuple[Box, ...]:
    """Return the faces the API names as boxes to draw. One without the size of its picture is left out."""
    return tuple(
        Box(
            face.number,
            face.box[0] / face.image_width,
            face.box[1] / face.image_height,
            face.box[2] / face.image_width,
            face.box[3] / face.image_height,
            chosen=face.number == chosen_face,
        )
        for face in faces
        if face.image_width > 0 and face.image_height > 0
    )


@dataclass(frozen=True, slots=True)
class Frame:
    """The room for a picture: character cells, and the pixels of one."""

    columns: int
    rows: int
    cell: tuple[int, int]
    colours: Colours = "truecolor"


def decode(data: bytes, largest: tuple[int, int]) -> Image.Image:
    """Return the picture, upright, not much larger than `largest`. Raises Undecodable."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            size = picture.size
            decoded = None
            if size[0] * size[1] <= MAX_PIXELS:
                picture.draft("RGB", (largest[0] * 2, largest[1] * 2))
                decoded = picture.convert("RGB")
    # Pillow's decoders raise nearly anything for broken files, warnings turned into errors included.
    except Exception as error:
        raise Undecodable(f"the picture does not decode ({type(error).__name__})") from error
    if decoded is None:
        raise Undecodable(f"the picture is too large ({size[0]}×{size[1]})")
    return decoded


def inner_size(size: tuple[int, int], frame: Frame) -> tuple[int, int]:
    """Columns and rows a picture fills inside a frame, its shape kept, at least one cell."""
    width, height = frame.columns * frame.cell[0], frame.rows * frame.cell[1]
    scale = min(width / size[0], height / size[1])
    columns = round(size[0] * scale / frame.cell[0])
    rows = round(size[1] * scale / frame.cell[1])
    return max(1, min(columns, frame.columns)), max(1, min(rows, frame.rows))


def close_up(picture: Image.Image, face: Box) -> Image.Image:
    """Return the face and some of what is around it."""
    across, down = (face.right - face.left) * MARGIN_OF_FACE, (face.bottom - face.top) * MARGIN_OF_FACE
    left, top = max(0.0, face.left - across) * picture.width, max(0.0, face.top - down) * picture.height
    right, bottom = (
        min(1.0, face.right + across) * picture.width,
        min(1.0, face.bottom + down) * picture.height,
    )
    return picture.crop((int(left), int(top), max(int(left) + 1, int(right)), max(int(top) + 1, int(bottom))))


def _opened(data: bytes, largest: tuple[int, int], crop: Box | None) -> Image.Image:
    """Return the picture, or the face of it that is wanted, for which all of its pixels count."""
    if crop is None:
        return decode(data, largest)
    return close_up(decode(data, (MAX_PIXELS, MAX_PIXELS)), crop)


def drawn(data: Sequence[bytes], boxes: Sequence[Box], frame: Frame, crop: Box | None = None) -> Image.Image:
    """Return one picture, or two side by side, in the terminal's pixels, with the faces of the first one."""
    shares = _shares(frame, len(data))
    pictures = []
    for number, (piece, share) in enumerate(zip(data, shares, strict=True)):
        picture = _opened(piece, _pixels(share), crop if number == 0 else None)
        columns, rows = inner_size(picture.size, share)
        size = columns * frame.cell[0], rows * frame.cell[1]
        if size[0] * size[1] > MAX_DRAWN_PIXELS:
            scale = (MAX_DRAWN_PIXELS / (size[0] * size[1])) ** 0.5
            size = int(size[0] * scale), int(size[1] * scale)
        picture = picture.resize(size, Image.Resampling.BILINEAR)
        if number == 0:
            _draw_boxes(picture, boxes)
        pictures.append(picture)
    return pictures[0] if len(pictures) == 1 else _beside(pictures, frame.cell[0] * _GAP)


def half_blocks(
    data: Sequence[bytes], boxes: Sequence[Box], frame: Frame, crop: Box | None = None
) -> list[list[Segment]]:
    """Return the same as lines of text: two pixels per cell, and the numbers of the faces as letters."""
    shares = _shares(frame, len(data))
    lines: list[list[Segment]] = []
    for number, (piece, share) in enumerate(zip(data, shares, strict=True)):
        picture = _opened(piece, (share.columns * 4, share.rows * 8), crop if number == 0 else None)
        columns, rows = inner_size(picture.size, share)
        picture = picture.resize((columns, rows * 2), Image.Resampling.BOX)
        picture = dithered(picture, frame.colours)
        labels = _draw_thin(picture, boxes) if number == 0 else {}
        part = _cells(picture, labels, 0xF8 if frame.colours == "truecolor" else 0xFF)
        lines = part if number == 0 else _joined(lines, part)
    return lines


def _shares(frame: Frame, count: int) -> list[Frame]:
    if count == 1:
        return [frame]
    return [Frame(max(1, (frame.columns - _GAP) // 2), frame.rows, frame.cell)] * count


def _pixels(frame: Frame) -> tuple[int, int]:
    return frame.columns * frame.cell[0], frame.rows * frame.cell[1]


def _beside(pictures: Sequence[Image.Image], gap: int) -> Image.Image:
    width = sum(picture.width for picture in pictures) + gap * (len(pictures) - 1)
    canvas = Image.new("RGB", (width, max(picture.height for picture in pictures)), _INK)
    left = 0
    for picture in pictures:
        canvas.paste(picture, (left, 0))
        left += picture.width + gap
    return canvas


def _draw_boxes(picture: Image.Image, boxes: Sequence[Box]) -> None:
    draw = ImageDraw.Draw(picture)
    height = max(14, min(picture.height // 12, 40))
    font = ImageFont.load_default(size=height * 0.8)
    for box in boxes:
        left, top = box.left * picture.width, box.top * picture.height
        right, bottom = box.right * picture.width - 1, box.bottom * picture.height - 1
        if right <= left or bottom <= top:
            continue
        # Light inside dark is seen on any picture.
        draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=_INK, width=3 if box.chosen else 1)
        draw.rectangle((left, top, right, bottom), outline=_PAPER, width=4 if box.chosen else 2)
        text = str(box.number)
        wide = draw.textlength(text, font=font) + height * 0.5
        draw.rectangle((left, top, left + wide, top + height), fill=_PAPER)
        draw.text((left + height * 0.25, top), text, fill=_INK, font=font)


def _draw_thin(picture: Image.Image, boxes: Sequence[Box]) -> dict[tuple[int, int], str]:
    """Boxes one pixel wide. Returns which cell (column, row) shows which digit."""
    draw = ImageDraw.Draw(picture)
    labels: dict[tuple[int, int], str] = {}
    for box in boxes:
        left = min(int(box.left * picture.width), picture.width - 1)
        top = min(int(box.top * picture.height), picture.height - 1)
        right = min(max(left, int(box.right * picture.width)), picture.width - 1)
        bottom = min(max(top, int(box.bottom * picture.height)), picture.height - 1)
        _outline(draw, (left, top, right, bottom))
        text = f"▸{box.number}" if box.chosen else str(box.number)
        for offset, char in enumerate(text):
            labels[(min(left + offset, picture.width - 1), top // 2)] = char
    return labels


def _outline(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int]) -> None:
    """A box around a face. Of a face of few pixels only the corners, or nothing of it would be seen."""
    left, top, right, bottom = box
    if min(right - left, bottom - top) >= WHOLE_BOX_PIXELS:
        draw.rectangle(box, outline=_PAPER)
        return
    arm = max(1, min(right - left, bottom - top) // 4)
    for x, inwards in ((left, arm), (right, -arm)):
        for y, down in ((top, arm), (bottom, -arm)):
            draw.line((x, y, x + inwards, y), fill=_PAPER)
            draw.line((x, y, x, y + down), fill=_PAPER)


def dithered(picture: Image.Image, colours: Colours) -> Image.Image:
    """The picture in the colours of a terminal with few of them, mixed so that a face keeps its shades."""
    if colours == "truecolor":
        return picture
    values = _sixteen() if colours == "16" else _cube_and_greys()
    palette = Image.new("P", (1, 1))
    palette.putpalette((values * 48)[: 256 * 3] if colours == "16" else values)
    return picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).convert("RGB")


def _sixteen() -> list[int]:
    low = [
        value for code in range(8) for value in (170 * (code & 1), 170 * (code >> 1 & 1), 170 * (code >> 2))
    ]
    low[10] = 85  # brown, the dark one of yellow
    return low + [255 if value else 85 for value in [*low[:10], 170, *low[11:]]]


def _cube_and_greys() -> list[int]:
    """Return the colours 16 to 255 of a terminal with 256. The first 16 are of its theme."""
    steps = (0, 95, 135, 175, 215, 255)
    cube = [value for red in steps for green in steps for blue in steps for value in (red, green, blue)]
    return cube + [8 + 10 * grey for grey in range(24) for _ in range(3)]


def _cells(picture: Image.Image, labels: dict[tuple[int, int], str], kept_bits: int) -> list[list[Segment]]:
    width, height = picture.size
    pixels = picture.tobytes()
    styles: dict[bytes, Style] = {}
    label_style = Style(color=Color.from_rgb(*_INK), bgcolor=Color.from_rgb(*_PAPER), bold=True)
    stride = width * 3
    lines = []
    for row in range(height // 2):
        upper, lower = row * 2 * stride, (row * 2 + 1) * stride
        line: list[Segment] = []
        run, run_style = 0, None
        for column in range(width):
            at = column * 3
            if (char := labels.get((column, row))) is not None:
                if run and run_style is not None:
                    line.append(Segment("▀" * run, run_style))
                run, run_style = 0, None
                line.append(Segment(char, label_style))
                continue
            # Five bits per channel look the same at this size and make far fewer styles.
            key = bytes(
                value & kept_bits
                for value in pixels[upper + at : upper + at + 3] + pixels[lower + at : lower + at + 3]
            )
            style = styles.get(key)
            if style is None:
                style = styles[key] = Style(color=Color.from_rgb(*key[:3]), bgcolor=Color.from_rgb(*key[3:]))
            if style is run_style:
                run += 1
                continue
            if run and run_style is not None:
                line.append(Segment("▀" * run, run_style))
            run, run_style = 1, style
        if run and run_style is not None:
            line.append(Segment("▀" * run, run_style))
        lines.append(line)
    return lines


def _joined(left: list[list[Segment]], right: list[list[Segment]]) -> list[list[Segment]]:
    """Return two pictures side by side. The lower one stands in the middle, and every line is as wide."""
    rows = max(len(left), len(right))
    gap = Segment(" " * _GAP)
    return [
        [*mine, gap, *theirs]
        for mine, theirs in zip(_as_high(left, rows), _as_high(right, rows), strict=True)
    ]


def _as_high(lines: list[list[Segment]], rows: int) -> list[list[Segment]]:
    blank = [Segment(" " * sum(segment.cell_length for segment in lines[0]))] if lines else []
    above = (rows - len(lines)) // 2
    return [[*blank] for _ in range(above)] + lines + [[*blank] for _ in range(rows - len(lines) - above)]
