"""How values read on the screen. Pure. Widths are terminal cells."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

from rich.cells import cell_len, set_cell_size

from smartsort.api.schemas.base import Category

CATEGORIES = tuple(Category)
TITLES = {c.value: c.replace("_", " ").capitalize() for c in CATEGORIES}
# Three letters tell categories apart where there is no room, and without colour.
SHORT = {c.value: c[:3] for c in CATEGORIES} | {"unidentified": "unk"}
LABELS = {c.value: c.replace("_", " ") for c in CATEGORIES} | {
    "duplicates": "duplicate",
    "low_confidence": "low conf.",
    "multiple_faces": "multiple",
    "unwanted_person": "unwanted",
}
_UNITS = ("B", "kB", "MB", "GB", "TB")
_SECONDS = ((86400 * 365, "y"), (86400 * 7, "w"), (86400, "d"), (3600, "h"), (60, "min"))
# Marks that turn the direction of the text after them would reorder the rest of the line.
_DIRECTION_MARKS = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")


def shown(text: str) -> str:
    """Text of unknown origin made safe for one line: no control characters, no direction marks."""
    text = _DIRECTION_MARKS.sub("", text)
    return "".join("�" if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") else char for char in text)


def fit(text: str, width: int) -> str:
    """Exactly `width` cells: cut with an ellipsis, or filled with spaces."""
    text = shown(text)
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(set_cell_size(text, width - 1).rstrip() + "…", width)


def cut(text: str, width: int) -> str:
    """At most `width` cells."""
    return fit(text, width).rstrip()


def fit_name(name: str, width: int) -> str:
    """Return a file name cut in the middle, so that its end, where names differ, stays readable."""
    name = shown(name)
    if cell_len(name) <= width or width < 12:
        return fit(name, width)
    tail = ""
    # The extension and the figures before it, which tell names apart, in a narrow column too.
    room = max(width // 3, min(width // 2 + 1, 9))
    for char in reversed(name):
        if cell_len(char + tail) > room:
            break
        tail = char + tail
    head = set_cell_size(name, width - cell_len(tail) - 1)
    return set_cell_size(f"{head}…{tail}", width)


def size(size_bytes: int | None) -> str:
    """Bytes in the unit that reads best."""
    if size_bytes is None:
        return "unknown size"
    value = float(size_bytes)
    for unit in _UNITS:
        if value < 1000 or unit == _UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


def moment(text: str | None) -> datetime | None:
    """Return an ISO 8601 time of the API, None when it is none."""
    if not text:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else when.astimezone()


def age(text: str | None, now: datetime) -> str:
    """Return how long ago, in one unit: `3d`."""
    when = moment(text)
    return "" if when is None else duration((now - when).total_seconds())


def duration(seconds: float | None) -> str:
    """Return seconds in the unit that reads best."""
    if seconds is None:
        return "unknown"
    for length, unit in _SECONDS:
        if seconds >= length:
            return f"{seconds / length:.0f}{unit}"
    return "now" if seconds < 1 else f"{seconds:.0f}s"


def date(text: str | None) -> str:
    """Return a time to the minute, in the zone of this terminal."""
    when = moment(text)
    return "" if when is None else when.astimezone().strftime("%Y-%m-%d %H:%M")


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number and its noun, in the plural where it is not one."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def similarity(value: float | None) -> str:
    """Return a similarity of 0 to 1 with two decimals, nothing where there is none."""
    return "" if value is None else f"{value:.2f}"


def likeness(value: float | None) -> str:
    """Return how alike a face and a person are, None for one whom Immich assigned and nobody has measured."""
    return "not measured" if value is None else similarity(value)


def resolution(width: int | None, height: int | None) -> str:
    """Width and height in pixels, nothing where they are unknown."""
    return f"{width}×{height}" if width and height else ""
