"""Simple drawn photos: a sky, a meadow and a head for every face."""

from __future__ import annotations

import functools
import io

from PIL import Image, ImageDraw

from smartsort.files.contact_sheet import Mark, face_sheet

SIZE = (480, 360)
_SKIES = ((150, 196, 236), (244, 190, 150), (120, 140, 190), (196, 220, 214))
_FIELDS = ((104, 150, 84), (178, 160, 98), (84, 120, 110), (140, 110, 90))
_SKINS = ((244, 202, 166), (190, 134, 92), (141, 92, 62), (255, 224, 196))
_HAIRS = ((38, 28, 26), (140, 88, 46), (222, 180, 98), (150, 150, 156))


def face_boxes(count: int) -> list[tuple[int, int, int, int]]:
    """Where the heads are, left to right, in pixels of `SIZE`."""
    if not count:
        return []
    width = min(120, SIZE[0] // (count + 1))
    step = SIZE[0] / (count + 1)
    return [
        (
            int(step * (place + 1) - width / 2),
            110 + 18 * (place % 2),
            int(step * (place + 1) + width / 2),
            110 + 18 * (place % 2) + int(width * 1.25),
        )
        for place in range(count)
    ]


@functools.lru_cache(maxsize=64)
def photo(seed: int, faces: int, size: tuple[int, int] = SIZE) -> bytes:
    """A JPEG; the same arguments give the same picture."""
    picture = Image.new("RGB", SIZE, _SKIES[seed % len(_SKIES)])
    draw = ImageDraw.Draw(picture)
    draw.ellipse((SIZE[0] - 100, 20, SIZE[0] - 40, 80), fill=(255, 236, 160))
    draw.rectangle((0, 250, *SIZE), fill=_FIELDS[(seed // 4) % len(_FIELDS)])
    for place, (left, top, right, bottom) in enumerate(face_boxes(faces)):
        who = seed + place * 7
        wide, high = right - left, bottom - top
        shirt = ((who * 53) % 200 + 30, (who * 31) % 200 + 30, (who * 91) % 200 + 30)
        draw.rounded_rectangle((left - wide // 3, bottom - 4, right + wide // 3, SIZE[1]), 30, fill=shirt)
        draw.ellipse((left - 6, top - 12, right + 6, bottom - high // 4), fill=_HAIRS[who % len(_HAIRS)])
        draw.ellipse((left, top, right, bottom), fill=_SKINS[who % len(_SKINS)])
        eye = top + high * 2 // 5
        for side in (left + wide // 3, right - wide // 3):
            draw.ellipse((side - 5, eye - 5, side + 5, eye + 5), fill=(40, 40, 50))
        mouth = (left + wide // 3, top + high // 2, right - wide // 3, bottom - high // 6)
        draw.arc(mouth, 20, 160, fill=(140, 50, 50), width=4)
    if size != SIZE:
        picture = picture.resize(size)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    return file.getvalue()


@functools.lru_cache(maxsize=4)
def sheet(*groups: int) -> bytes:
    """Faces of several people, as the sidecar draws them."""
    place = Mark(165 / 480, 90 / 360, 315 / 480, 240 / 360)
    return face_sheet([[(photo(5 + 6 * person, 1), place)] * count for person, count in enumerate(groups)])
