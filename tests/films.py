"""Videos with people who appear, turn and leave, and a stand-in for the service that recognises them.

A face is a framed tile that carries who it is and how far it is turned, as cells of black and white. Codecs,
sizes and rotations leave it readable, and no model is needed to find it.
"""

from __future__ import annotations

import functools
import io
import os
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import av
from PIL import Image, ImageDraw, ImageFilter

from smartsort.core.model import Box
from smartsort.core.similarity import Vector, unit

_FRAME = (255, 0, 255)
_CELLS = 4
"""Across and down: four bits who, two how far turned, the others are the complement of the first."""

LENGTH = 512


class Cast(NamedTuple):
    """Somebody on the video: from when to when, in seconds, how large (share of the height), and where."""

    who: int
    begins: float
    ends: float
    height: float = 0.45
    middle: float = 0.5
    turns: bool = False


@dataclass(frozen=True, slots=True)
class Film:
    """A video to make."""

    seconds: float
    cast: tuple[Cast, ...]
    size: tuple[int, int] = (640, 360)
    rate: int | Fraction = 12
    codec: str = "libx264"
    container: str = "mp4"
    rotation: int = 0
    options: tuple[tuple[str, str], ...] = ()
    sound: bool = False
    jitter: bool = False
    """Frames are not equally long."""
    trc: int = 0
    start: float = 0.0
    """Where in the story it begins, as a trimmed copy does."""


def make(film: Film, path: str) -> str:
    """Write the video and return `path`. The same film is made once."""
    with open(path, "wb") as file:
        file.write(_made(film, os.path.splitext(path)[1]))
    return path


@functools.lru_cache(16)
def _made(film: Film, ending: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"film{ending}")
        _encode(film, path)
        with open(path, "rb") as file:
            return file.read()


def _encode(film: Film, path: str) -> None:
    """Write the video; its frames are drawn as they are needed."""
    with av.open(path, "w", format={"mkv": "matroska", "ts": "mpegts"}.get(film.container)) as output:
        stream = output.add_stream(film.codec, rate=film.rate, options=_options(film))
        width, height = film.size if film.rotation % 180 == 0 else film.size[::-1]
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuv420p10le" if film.trc else "yuv420p"
        if film.trc:
            stream.codec_context.color_trc = film.trc
        if film.rotation:
            stream.set_display_rotation(film.rotation)
        stream.time_base = Fraction(1, 1000)
        stream.codec_context.time_base = Fraction(1, 1000)
        rng, at, last = random.Random(7), 0.0, -1
        drawn: tuple[object, Any] = (None, None)
        while at < film.seconds - 1e-6:
            key = _scene_key(film, at + film.start)
            if key != drawn[0]:
                image = _drawn(film, at + film.start).rotate(-film.rotation, expand=True)
                drawn = (key, av.VideoFrame.from_image(image).reformat(format=stream.pix_fmt))
            frame = drawn[1]
            frame.pts = max(last + 1, round(at * 1000))
            last, frame.time_base = frame.pts, Fraction(1, 1000)
            output.mux(stream.encode(frame))
            at += (rng.choice((0.5, 1, 1, 3)) if film.jitter else 1) / film.rate
        output.mux(stream.encode(None))
    # The encoder of AV1 makes itself and us real-time where it may, and then nobody else gets a turn.
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def _options(film: Film) -> dict[str, str]:
    fast = {
        "libx264": {"preset": "ultrafast", "crf": "23"},
        "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"},
        "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "row-mt": "1"},
        "libsvtav1": {"preset": "12", "svtav1-params": "lp=2"},
    }.get(film.codec, {})
    return fast | dict(film.options)


def _there(film: Film, at: float) -> list[Cast]:
    return [one for one in film.cast if one.begins <= at < one.ends]


def _scene_key(film: Film, at: float) -> object:
    return int(at * 4), tuple(_there(film, at))


def _drawn(film: Film, at: float) -> Image.Image:
    """A slowly moving background, another one every twenty seconds, with the people of the moment."""
    width, height = film.size
    rng = random.Random(int(at // 20))
    # No red: only faces are magenta.
    coarse = Image.frombytes(
        "RGB", (8, 6), bytes(v // (1 + 3 * (n % 3 == 0)) for n, v in enumerate(rng.randbytes(144)))
    )
    picture = coarse.resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    quarter = int(at * 4)
    x = (quarter * 3 % 80) / 80 * width
    draw.rectangle((x, height * 0.9, x + width * 0.1, height), fill=(30, 200, 30))
    for one in _there(film, at):
        _draw_face(picture, one, quarter)
    return picture


def _draw_face(picture: Image.Image, one: Cast, quarter: int) -> None:
    side = max(24, round(one.height * picture.height))
    turn = random.Random(f"{one.who} {quarter}").choice((0, 0, 1, 2, 3)) if one.turns else 0
    left = round(one.middle * picture.width - side / 2) + quarter % 3
    top = (picture.height - side) // 2
    draw = ImageDraw.Draw(picture)
    draw.rectangle((left, top, left + side, top + side), fill=_FRAME)
    bits = [one.who >> n & 1 for n in range(4)] + [turn & 1, turn >> 1]
    cells = bits + [1 - bit for bit in bits] + [1, 0, 1, 0]
    margin, cell = side * 0.14, side * 0.72 / _CELLS
    for number, bit in enumerate(cells):
        x, y = left + margin + number % _CELLS * cell, top + margin + number // _CELLS * cell
        draw.rectangle((x, y, x + cell, y + cell), fill=(240,) * 3 if bit else (16,) * 3)


class Recognised(NamedTuple):
    """One face the stand-in found."""

    box: Box
    who: int
    turn: int


def recognise(jpeg: bytes) -> tuple[tuple[int, int], list[Recognised]]:
    """The size of a picture and the tiles on it that are whole."""
    picture = Image.open(io.BytesIO(jpeg)).convert("RGB")
    scale = max(1, min(picture.size) // 270)
    small = picture.reduce(scale) if scale > 1 else picture
    frame = Image.new("L", small.size)
    values = small.tobytes()
    triples = zip(values[::3], values[1::3], values[2::3], strict=True)
    frame.frombytes(bytes(255 if r > 130 and g < 120 and b > 130 else 0 for r, g, b in triples))
    frame = frame.filter(ImageFilter.MedianFilter(3))
    found = []
    for left, right in _runs(frame.reduce((1, frame.height)).tobytes(), 8):
        column = frame.crop((left, 0, right, frame.height))
        for top, bottom in _runs(column.reduce((column.width, 1)).tobytes(), 8):
            box = Box(left * scale, top * scale, right * scale, bottom * scale)
            one = _read(picture, box)
            if one is not None:
                found.append(one)
    return picture.size, found


def _runs(data: Sequence[int], least: int) -> Iterator[tuple[int, int]]:
    begun = None
    for at, value in enumerate([*data, 0]):
        if value > 3 and begun is None:
            begun = at
        elif value <= 3 and begun is not None:
            if at - begun >= least:
                yield begun, at
            begun = None


def _read(picture: Image.Image, box: Box) -> Recognised | None:
    width, height = box.x2 - box.x1, box.y2 - box.y1
    if not 0.8 < width / height < 1.25:
        return None
    grey = picture.convert("L")
    bits = []
    for number in range(_CELLS * _CELLS):
        x = box.x1 + width * (0.14 + 0.72 * (number % _CELLS + 0.5) / _CELLS)
        y = box.y1 + height * (0.14 + 0.72 * (number // _CELLS + 0.5) / _CELLS)
        bits.append(int(grey.getpixel((round(x), round(y))) > 110))
    if bits[6:12] != [1 - bit for bit in bits[:6]]:
        return None
    return Recognised(box, sum(bit << n for n, bit in enumerate(bits[:4])), bits[4] + 2 * bits[5])


@functools.cache
def vector(who: int, turn: int = 0, seed: object = "") -> Vector:
    """What a model says of somebody: the more they turn away, the less of them is left."""
    own = _direction(f"who {who}")
    alike = (0.86, 0.7, 0.52, 0.7)[turn] + random.Random(f"{who} {turn} {seed}").uniform(-0.06, 0.06)
    noise = _direction(f"noise {who} {turn} {seed}")
    rest = (1 - alike**2) ** 0.5
    return unit([*(alike * x for x in own), *(rest * x for x in noise)])


def _direction(seed: str) -> Vector:
    rng = random.Random(seed)
    return unit([rng.gauss(0, 1) for _ in range(LENGTH)])


def answer(jpeg: bytes, of: Callable[[int, int, object], Vector] = vector) -> dict[str, Any]:
    """What Immich's machine learning service would answer."""
    (width, height), found = recognise(jpeg)
    return {
        "imageWidth": width,
        "imageHeight": height,
        "facial-recognition": [
            {
                "boundingBox": {"x1": f.box.x1, "y1": f.box.y1, "x2": f.box.x2, "y2": f.box.y2},
                "embedding": str(list(of(f.who, f.turn, (f.box.x1, len(jpeg))))),
                "score": 0.9 - 0.06 * f.turn,
            }
            for f in found
        ],
    }
