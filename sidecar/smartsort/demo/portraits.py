"""Drawn people: friendly heads that are told apart at a glance, the same for the same name."""

import functools
import io
import random
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
HairStyle = Literal["short", "long", "bob", "bun", "curly", "bald", "quiff"]
Mood = Literal["smile", "laugh", "calm", "wink"]
MOODS: tuple[Mood, ...] = ("smile", "laugh", "calm", "wink")
SKINS: tuple[Colour, ...] = (
    (255, 224, 196),
    (244, 202, 166),
    (226, 176, 134),
    (190, 134, 92),
    (141, 92, 62),
    (102, 66, 46),
)
HAIRS: tuple[Colour, ...] = (
    (38, 28, 26),
    (84, 52, 34),
    (140, 88, 46),
    (222, 180, 98),
    (180, 74, 40),
    (150, 150, 156),
    (120, 70, 130),
)
STYLES: tuple[HairStyle, ...] = ("short", "long", "bob", "bun", "curly", "bald", "quiff")
EYES: tuple[Colour, ...] = ((70, 110, 170), (92, 132, 84), (96, 62, 38), (60, 50, 46))
SHIRTS: tuple[Colour, ...] = (
    (218, 84, 76),
    (64, 126, 188),
    (72, 160, 120),
    (240, 186, 72),
    (138, 98, 176),
    (236, 236, 236),
    (52, 62, 84),
    (236, 140, 168),
)
WHITE: Colour = (252, 252, 250)
INK: Colour = (58, 44, 44)


@dataclass(frozen=True, slots=True)
class Look:
    """What makes one person recognisable."""

    skin: Colour
    hair: Colour
    style: HairStyle
    eyes: Colour
    beard: bool = False
    glasses: bool = False
    freckles: bool = False
    earrings: bool = False
    round_face: bool = False


_KNOWN_LOOKS = {
    "John Doe": Look(SKINS[1], HAIRS[1], "short", EYES[0], beard=True),
    "Sarah Smith": Look(SKINS[0], HAIRS[4], "long", EYES[1], freckles=True),
    "Zoë": Look(SKINS[2], HAIRS[6], "bob", EYES[2], earrings=True, round_face=True),
    "李雷": Look(SKINS[1], HAIRS[0], "quiff", EYES[3], glasses=True),
    "Amara Okafor": Look(SKINS[5], HAIRS[0], "curly", EYES[3], earrings=True),
    "Lukas Müller": Look(SKINS[0], HAIRS[3], "short", EYES[0], glasses=True, round_face=True),
    "Victor Grey": Look(SKINS[2], HAIRS[5], "bald", EYES[3], beard=True, glasses=True),
    "Lina Berg": Look(SKINS[1], HAIRS[2], "long", EYES[1], freckles=True, round_face=True),
    "Mira Berg": Look(SKINS[1], HAIRS[2], "long", EYES[1], freckles=True, round_face=True),
    "Nadia": Look(SKINS[3], HAIRS[0], "bun", EYES[2], earrings=True),
}


@functools.lru_cache(maxsize=1024)
def look_of(name: str) -> Look:
    """The look of a name: drawn up for the sample people, made up for everybody else."""
    known = _KNOWN_LOOKS.get(name.rstrip(" 0123456789"))
    if known is not None:
        return known
    rng = random.Random(f"look:{name}")
    style = rng.choice(STYLES)
    return Look(
        rng.choice(SKINS),
        rng.choice(HAIRS),
        style,
        rng.choice(EYES),
        beard=style in ("short", "bald", "quiff") and rng.random() < 0.4,
        glasses=rng.random() < 0.3,
        freckles=rng.random() < 0.2,
        earrings=rng.random() < 0.3,
        round_face=rng.random() < 0.4,
    )


def portrait_jpeg(name: str, side: int) -> bytes:
    """Return a square portrait of somebody, as JPEG bytes."""
    canvas = Image.new("RGB", (side * 2, side * 2), (214, 226, 236))
    draw_person(
        ImageDraw.Draw(canvas),
        (side, round(side * 0.92)),
        round(side * 0.95),
        look_of(name),
        mood="smile",
        shirt=SHIRTS[1],
    )
    out = io.BytesIO()
    canvas.reduce(2).save(out, "JPEG", quality=85)
    return out.getvalue()


def draw_person(
    draw: ImageDraw.ImageDraw,
    middle: tuple[int, int],
    height: int,
    look: Look,
    *,
    mood: Mood,
    shirt: Colour,
) -> tuple[int, int, int, int]:
    """Draw a head of `height` pixels around `middle`, with shoulders below. Returns the box of the face."""
    pen = _Pen(draw, middle, height / 2, look)
    pen.body(shirt)
    pen.hair_behind()
    pen.head()
    pen.features(mood)
    pen.hair_before()
    pen.extras()
    return pen.face_box()


class _Pen:
    """Draws in units of half a head, with 0, 0 in the middle of the face."""

    def __init__(self, draw: ImageDraw.ImageDraw, middle: tuple[int, int], unit: float, look: Look) -> None:
        self._draw = draw
        self._x, self._y = middle
        self._unit = unit
        self._look = look
        self._wide = 0.86 if look.round_face else 0.76

    def face_box(self) -> tuple[int, int, int, int]:
        return self._box(-self._wide, -1.0, self._wide, 1.0)

    def body(self, shirt: Colour) -> None:
        self._round((-1.7, 1.15, 1.7, 4.6), shirt, 1.0)
        self._round((-0.34, 0.6, 0.34, 1.5), _darker(self._look.skin, 0.9), 0.2)
        self._oval((-0.42, 1.05, 0.42, 1.6), _darker(self._look.skin, 0.9))

    def hair_behind(self) -> None:
        hair = self._look.hair
        wide = self._wide
        if self._look.style == "long":
            self._round((-wide - 0.22, -1.05, wide + 0.22, 1.75), hair, 0.7)
        elif self._look.style == "bob":
            self._round((-wide - 0.2, -1.08, wide + 0.2, 0.75), hair, 0.6)
        elif self._look.style == "bun":
            self._oval((-0.42, -1.75, 0.42, -0.9), hair)
            self._oval((-wide - 0.08, -1.1, wide + 0.08, 0.5), hair)
        elif self._look.style == "curly":
            for x, y in _CURLS:
                self._oval((x - 0.42, y - 0.42, x + 0.42, y + 0.42), hair)

    def head(self) -> None:
        skin, wide = self._look.skin, self._wide
        for side in (-1, 1):
            self._oval((side * wide - 0.16, -0.16, side * wide + 0.16, 0.3), _darker(skin, 0.92))
        self._oval((-wide, -1.0, wide, 1.0), skin)
        for side in (-1, 1):
            self._oval(
                (side * 0.48 - 0.17, 0.2, side * 0.48 + 0.17, 0.44), _blend(skin, (236, 110, 100), 0.28)
            )

    def features(self, mood: Mood) -> None:
        look = self._look
        if look.beard:
            self._chord(
                (-self._wide * 0.93, -0.5, self._wide * 0.93, 0.98),
                _blend(look.hair, look.skin, 0.12),
                12,
                168,
            )
            self._oval((-0.42, 0.34, 0.42, 0.84), look.skin)
        for side in (-1, 1):
            x = side * 0.34
            if mood == "wink" and side == 1:
                self._arc((x - 0.17, -0.2, x + 0.17, 0.1), 190, 350, 0.055)
            else:
                self._oval((x - 0.19, -0.24, x + 0.19, 0.12), WHITE)
                self._oval((x - 0.115, -0.19, x + 0.115, 0.06), look.eyes)
                self._oval((x - 0.06, -0.13, x + 0.06, 0.0), INK)
                self._oval((x - 0.075, -0.15, x - 0.015, -0.085), WHITE)
            self._arc((x - 0.22, -0.48, x + 0.22, -0.16), 205, 335, 0.075, _darker(look.hair, 0.8))
        self._arc((-0.12, 0.02, 0.12, 0.3), 20, 160, 0.05, _darker(look.skin, 0.75))
        if mood == "laugh":
            self._chord((-0.34, 0.2, 0.34, 0.74), (142, 46, 52), 0, 180)
            self._chord((-0.27, 0.36, 0.27, 0.56), WHITE, 0, 180)
        elif mood == "calm":
            self._arc((-0.24, 0.3, 0.24, 0.58), 30, 150, 0.06, (170, 74, 70))
        else:
            self._arc((-0.34, 0.1, 0.34, 0.6), 20, 160, 0.07, (170, 64, 64))

    def hair_before(self) -> None:
        hair, wide = self._look.hair, self._wide
        style = self._look.style
        if style == "bald":
            return
        self._chord((-wide - 0.05, -1.12, wide + 0.05, 0.55), hair, 200, 340)
        if style == "quiff":
            self._oval((-0.62, -1.36, 0.5, -0.72), hair)
            self._oval((-0.1, -1.42, 0.66, -0.8), hair)
        elif style in ("long", "bob"):
            self._chord((-wide - 0.1, -1.2, 0.5, -0.2), hair, 150, 330)
            for side in (-1, 1):
                x = side * (wide + 0.06)
                self._round((x - 0.13, -0.5, x + 0.13, 0.7 if style == "bob" else 1.3), hair, 0.12)
        elif style == "curly":
            for x, y in _CURLS[:9]:
                self._oval((x * 0.92 - 0.26, y - 0.1, x * 0.92 + 0.26, y + 0.42), hair)

    def extras(self) -> None:
        look = self._look
        if look.freckles:
            for x, y in ((-0.5, 0.16), (-0.4, 0.24), (-0.56, 0.27), (0.5, 0.16), (0.4, 0.24), (0.56, 0.27)):
                self._oval((x - 0.025, y - 0.025, x + 0.025, y + 0.025), _darker(look.skin, 0.75))
        if look.glasses:
            for side in (-1, 1):
                self._ring((side * 0.36 - 0.28, -0.33, side * 0.36 + 0.28, 0.2), 0.055)
            self._arc((-0.12, -0.2, 0.12, 0.05), 200, 340, 0.055)
        if look.earrings:
            for side in (-1, 1):
                x = side * (self._wide + 0.06)
                self._oval((x - 0.07, 0.3, x + 0.07, 0.46), (244, 206, 84))

    def _box(self, left: float, top: float, right: float, bottom: float) -> tuple[int, int, int, int]:
        unit = self._unit
        return (
            round(self._x + left * unit),
            round(self._y + top * unit),
            round(self._x + right * unit),
            round(self._y + bottom * unit),
        )

    def _width(self, units: float) -> int:
        return max(1, round(units * self._unit))

    def _oval(self, box: tuple[float, float, float, float], colour: Colour) -> None:
        self._draw.ellipse(self._box(*box), fill=colour)

    def _ring(self, box: tuple[float, float, float, float], width: float) -> None:
        self._draw.ellipse(self._box(*box), outline=INK, width=self._width(width))

    def _round(self, box: tuple[float, float, float, float], colour: Colour, radius: float) -> None:
        self._draw.rounded_rectangle(self._box(*box), self._width(radius), fill=colour)

    def _chord(
        self, box: tuple[float, float, float, float], colour: Colour, start: float, end: float
    ) -> None:
        self._draw.chord(self._box(*box), start, end, fill=colour)

    def _arc(
        self,
        box: tuple[float, float, float, float],
        start: float,
        end: float,
        width: float,
        colour: Colour = INK,
    ) -> None:
        self._draw.arc(self._box(*box), start, end, fill=colour, width=self._width(width))


_CURLS = (
    (-0.85, -0.3),
    (-0.75, -0.65),
    (-0.5, -0.92),
    (-0.2, -1.05),
    (0.12, -1.08),
    (0.42, -0.97),
    (0.68, -0.74),
    (0.84, -0.4),
    (0.0, -1.0),
    (-0.92, 0.05),
    (0.92, 0.05),
    (-0.86, 0.4),
    (0.86, 0.4),
)


def _darker(colour: Colour, factor: float) -> Colour:
    return round(colour[0] * factor), round(colour[1] * factor), round(colour[2] * factor)


def _blend(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
