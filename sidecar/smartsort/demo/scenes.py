"""Drawn people in drawn places."""

import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw

from smartsort.demo.portraits import MOODS, SHIRTS, draw_person, look_of

Colour = tuple[int, int, int]
Size = tuple[int, int]
Heads = tuple[float, float]
# Heights of heads, as shares of the picture: close, ordinary, and far away.
PORTRAIT: Heads = (0.72, 0.78)
HEAD: Heads = (0.42, 0.56)
FAR: Heads = (0.07, 0.085)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture's JPEG bytes without metadata, and where the faces on it are."""

    content: bytes
    boxes: tuple[tuple[float, float, float, float], ...]


def draw_people(
    people: Sequence[str], size: tuple[int, int], rng: random.Random, head_height: Heads = HEAD
) -> Drawing:
    """Draw at twice the size, which smooths every edge when it is scaled down."""
    width, height = size[0] * 2, size[1] * 2
    canvas = _scene((width, height), rng)
    draw = ImageDraw.Draw(canvas)
    boxes: list[tuple[float, float, float, float]] = []
    for number, name in enumerate(people):
        share = width / len(people)
        head = min(height * rng.uniform(*head_height), share * 0.62)
        middle_x = round(share * (number + 0.5 + rng.uniform(-0.12, 0.12)))
        middle_y = round(height * rng.uniform(0.42, 0.56))
        left, top, right, bottom = draw_person(
            draw,
            (middle_x, middle_y),
            round(head),
            look_of(name),
            mood=rng.choice(MOODS),
            shirt=rng.choice(SHIRTS),
        )
        boxes.append((left / width, top / height, (right - left) / width, (bottom - top) / height))
    return Drawing(encoded(canvas.reduce(2), 88), tuple(boxes))


def encoded(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _scene(size: Size, rng: random.Random) -> Image.Image:
    """Return a background of this size. Which one, and how it looks, is up to `rng`."""
    return rng.choice(_SCENES)(size, rng)


def _beach(size: Size, rng: random.Random) -> Image.Image:
    width, height = size
    picture = _gradient(size, _vary((96, 170, 228), rng), (226, 240, 248))
    draw = ImageDraw.Draw(picture)
    horizon = round(height * rng.uniform(0.4, 0.6))
    sun, radius = (rng.randrange(width), round(horizon * rng.uniform(0.2, 0.6))), height // 11
    draw.ellipse(_around(sun, radius), fill=(255, 240, 190))
    draw.rectangle((0, horizon, width, height), fill=_vary((46, 132, 168), rng))
    sand = round(height * rng.uniform(0.7, 0.85))
    draw.ellipse((-width // 2, sand, width * 3 // 2, height * 2), fill=_vary((236, 212, 160), rng))
    for _ in range(rng.randrange(1, 4)):
        _sail(draw, rng.randrange(width), horizon, height // rng.randrange(9, 16))
    return picture


def _mountains(size: Size, rng: random.Random) -> Image.Image:
    width, height = size
    picture = _gradient(size, _vary((120, 150, 214), rng), (250, 214, 190))
    draw = ImageDraw.Draw(picture)
    for layer, colour in enumerate(((138, 148, 184), (98, 116, 150), (64, 92, 104))):
        base = height * (0.45 + 0.17 * layer)
        points = [(0.0, float(height)), (0.0, base)]
        x = 0.0
        while x < width:
            x += width * rng.uniform(0.08, 0.2)
            points.append((x, base - height * rng.uniform(-0.05, 0.24)))
        draw.polygon([*points, (float(width), float(height))], fill=_vary(colour, rng))
    return picture


def _city(size: Size, rng: random.Random) -> Image.Image:
    width, height = size
    picture = _gradient(size, _vary((28, 32, 72), rng), _vary((204, 116, 120), rng))
    draw = ImageDraw.Draw(picture)
    x = 0
    while x < width:
        wide, tall = rng.randrange(width // 14, width // 6), round(height * rng.uniform(0.25, 0.75))
        draw.rectangle((x, height - tall, x + wide, height), fill=_vary((52, 50, 76), rng))
        step = max(8, width // 50)
        for window_x in range(x + step, x + wide - step, step * 2):
            for window_y in range(height - tall + step, height - step, step * 2):
                if rng.random() < 0.45:
                    area = (window_x, window_y, window_x + step, window_y + step)
                    draw.rectangle(area, fill=(255, 220, 140))
        x += wide + rng.randrange(width // 60 + 1)
    return picture


def _park(size: Size, rng: random.Random) -> Image.Image:
    width, height = size
    picture = _gradient(size, _vary((150, 206, 238), rng), (232, 244, 226))
    draw = ImageDraw.Draw(picture)
    meadow = round(height * rng.uniform(0.55, 0.7))
    draw.rectangle((0, meadow, width, height), fill=_vary((122, 178, 92), rng))
    for _ in range(rng.randrange(4, 9)):
        x, crown = rng.randrange(width), round(height * rng.uniform(0.08, 0.19))
        foot = meadow + rng.randrange(height // 12)
        draw.rectangle((x - crown // 8, foot - crown * 2, x + crown // 8, foot), fill=(112, 80, 56))
        draw.ellipse(_around((x, foot - crown * 2), crown), fill=_vary((70, 138, 76), rng))
    return picture


def _room(size: Size, rng: random.Random) -> Image.Image:
    width, height = size
    wall = _vary(rng.choice(((222, 206, 182), (186, 206, 198), (216, 190, 196), (196, 204, 226))), rng)
    picture = _gradient(size, wall, tuple(max(0, part - 26) for part in wall))
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.randrange(1, 4)):
        x, y = rng.randrange(width * 3 // 4), rng.randrange(height // 3)
        wide, tall = width // rng.randrange(5, 9), height // rng.randrange(4, 7)
        draw.rectangle((x, y, x + wide, y + tall), fill=(92, 72, 58))
        edge = max(3, width // 120)
        inside = (x + edge, y + edge, x + wide - edge, y + tall - edge)
        draw.rectangle(inside, fill=_vary((150, 170, 160), rng, 70))
    floor = round(height * 0.82)
    draw.rectangle((0, floor, width, height), fill=_vary((150, 110, 82), rng))
    sofa = _vary((110, 120, 160), rng, 60)
    left = rng.randrange(-width // 5, width // 2)
    draw.rounded_rectangle((left, height * 0.58, left + width * 0.6, height * 0.95), height // 16, fill=sofa)
    return picture


def _lights(size: Size, rng: random.Random) -> Image.Image:
    width, height = size
    picture = _gradient(size, _vary((62, 36, 52), rng), _vary((120, 66, 60), rng))
    layer = Image.new("RGB", (width // 2, height // 2))
    draw = ImageDraw.Draw(layer)
    for _ in range(40):
        colour = rng.choice(((90, 64, 30), (90, 40, 40), (40, 60, 80), (80, 76, 50)))
        spot = (rng.randrange(width // 2), rng.randrange(height // 2))
        draw.ellipse(_around(spot, rng.randrange(height // 40, height // 12)), fill=colour)
    return ImageChops.add(picture, layer.resize(size))


_SCENES: tuple[Callable[[Size, random.Random], Image.Image], ...] = (
    _beach,
    _mountains,
    _city,
    _park,
    _room,
    _lights,
)


def _gradient(size: Size, top: tuple[int, ...], bottom: tuple[int, ...]) -> Image.Image:
    strip = Image.new("RGB", (1, 2))
    strip.putdata([tuple(top), tuple(bottom)])
    return strip.resize(size, Image.Resampling.BILINEAR)


def _around(middle: tuple[int, int], radius: int) -> tuple[int, int, int, int]:
    return middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius


def _vary(colour: Colour, rng: random.Random, amount: int = 24) -> Colour:
    red, green, blue = (min(255, max(0, part + rng.randint(-amount, amount))) for part in colour)
    return red, green, blue


def _sail(draw: ImageDraw.ImageDraw, x: int, water: int, size: int) -> None:
    draw.polygon([(x, water - size), (x, water), (x + size * 2 // 3, water)], fill=(250, 250, 246))
