"""What Google Takeout says about a photo in the JSON file beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from smartsort.files.sides import is_medium

_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Takeout:
    """`title` is the photo's own name, `people` those that Google Photos knows on it, `taken` in UTC."""

    title: str | None = None
    people: tuple[str, ...] = ()
    taken: datetime | None = None


def read_takeout(path: str) -> Takeout | None:
    """Return what the JSON file says, None for any other file. Blocking."""
    value: Any = None
    with suppress(OSError, ValueError, RecursionError):
        if os.path.getsize(path) <= _MOST_BYTES:
            with open(path, "rb") as file:
                value = json.load(file)
    if not isinstance(value, dict) or not ({"title", "photoTakenTime", "people"} & value.keys()):
        return None
    title, people = value.get("title"), value.get("people")
    names = (
        [each.get("name") for each in people if isinstance(each, dict)] if isinstance(people, list) else []
    )
    return Takeout(
        title if isinstance(title, str) else None,
        tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name.strip())),
        _time(value.get("photoTakenTime")),
    )


def title_of(path: str) -> str | None:
    """Return the name of the photo that a JSON file is about, None for albums and everything else."""
    found = read_takeout(path)
    return found.title if found and found.title and is_medium(found.title) else None


def _time(value: object) -> datetime | None:
    if isinstance(value, Mapping):
        with suppress(KeyError, ValueError, OverflowError, OSError, TypeError):
            return datetime.fromtimestamp(int(value["timestamp"]), UTC)
    return None
