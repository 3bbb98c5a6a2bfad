"""The edge of the demo's films: cells of black and white that tell whose faces a frame shows, and where.

The demo recognises nobody, and a frame has no metadata. As on real film the edge says what is beside it, and
it outlives any codec.
"""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from smartsort.demo.regions import Region
from smartsort.demo.samples import NEWCOMER, PEOPLE

HEIGHT = 1 / 24
"""Of the edge, as a share of the picture's."""

_NAMES = ("", *PEOPLE, NEWCOMER)
_STRANGERS = 32
"""From this number on."""

_BITS, _FACES = 6, 2
_STEPS = (1 << _BITS) - 1
_HEAD = (1, 0, 1, 1)
_CELLS = len(_HEAD) + _FACES * 5 * _BITS + _BITS


def draw_edge(picture: Image.Image, faces: Sequence[Region]) -> None:
    """Draw the edge of a picture with two faces at most. Strangers are `stranger 1` to `stranger 31`."""
    numbers = [_number(face) for face in faces] + [[0] * 5] * (_FACES - len(faces))
    values = [value for face in numbers for value in face]
    values.append(sum(values) % (_STEPS + 1))
    bits = [*_HEAD, *(value >> bit & 1 for value in values for bit in range(_BITS))]
    draw, top = ImageDraw.Draw(picture), round(picture.height * (1 - HEIGHT))
    for place, bit in enumerate(bits):
        left, right = (picture.width * at / _CELLS for at in (place, place + 1))
        draw.rectangle((left, top, right, picture.height), fill=(236, 236, 232) if bit else (22, 22, 26))


def read_edge(picture: Image.Image) -> tuple[Region, ...]:
    """Return the faces of a frame. None where there is no edge."""
    row = round(picture.height * (1 - HEIGHT / 2))
    grey = picture.crop((0, row, picture.width, row + 1)).convert("L")
    bits = [int(_level(grey, round((place + 0.5) * picture.width / _CELLS)) > 128) for place in range(_CELLS)]
    rest = bits[len(_HEAD) :]
    values = [
        sum(bit << n for n, bit in enumerate(rest[at : at + _BITS])) for at in range(0, len(rest), _BITS)
    ]
    if tuple(bits[: len(_HEAD)]) != _HEAD or values[-1] != sum(values[:-1]) % (_STEPS + 1):
        return ()
    return tuple(
        Region(_name(who), *(value / _STEPS for value in place))
        for who, *place in (values[at : at + 5] for at in range(0, len(values) - 1, 5))
        if who
    )


def _number(face: Region) -> list[int]:
    who = (
        _STRANGERS + int(face.name.split()[1])
        if face.name.startswith("stranger")
        else _NAMES.index(face.name)
    )
    return [who, *(round(share * _STEPS) for share in (face.left, face.top, face.width, face.height))]


def _name(number: int) -> str:
    if number >= _STRANGERS:
        return f"stranger {number - _STRANGERS}"
    return _NAMES[number] if number < len(_NAMES) else ""


def _level(grey: Image.Image, column: int) -> int:
    level = grey.getpixel((min(column, grey.width - 1), 0))
    return level if isinstance(level, int) else 0
