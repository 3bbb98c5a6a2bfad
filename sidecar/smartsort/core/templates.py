"""Templates of folders: where below `faces/` a photo of a person goes.

Pure functions. Every rendered part is made by the function that makes folders of people (`core.naming`), so
none can be empty, hidden, `..` or absolute, and no template leads outside its folder.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import TypeVar

from smartsort.core.model import Evidence
from smartsort.core.naming import can_name, folder_name

PERSON = "{person}"
FIELDS = ("person", "year", "month", "source", "album", "camera")
UNDATED = "undated"
INSTEAD = {"year": UNDATED, "month": UNDATED, "source": "inbox", "album": "no_album", "camera": "no_camera"}
"""What stands for a value that a photo does not have."""

DEEPEST = 8
LONGEST = 400

_FIELD = re.compile(r"\{([^{}]*)\}")
_Someone = TypeVar("_Someone")


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was read. `parts` are its folders, outermost first."""

    parts: tuple[str, ...]

    @property
    def place_of_person(self) -> int | None:
        """Which of the parts is the person's folder, None when none is."""
        return self.parts.index(PERSON) if PERSON in self.parts else None

    def pattern(self, evidence: Evidence) -> str:
        """Return the folder for a photo, in which only `{person}` is left open."""
        found: list[str] = []
        for part in self.parts:
            rendered = part
            if part != PERSON:
                rendered = folder_name(_FIELD.sub(lambda m: _value(m[1], evidence), part))
            if rendered != UNDATED or UNDATED not in found:
                found.append(rendered)
        return "/".join(found)

    def matches(self, folder: str) -> bool:
        """Return True for a folder that it may have made."""
        made = (".+" if _FIELD.search(part) else re.escape(folder_name(part)) for part in self.parts)
        return re.fullmatch("/".join(made), folder) is not None

    def likely_people(self, folder: str) -> list[tuple[str, str]]:
        """(the folder up to it, it) of the parts of a folder that may be a person's, the likeliest first."""
        parts = folder.split("/")
        order = list(range(len(parts)))
        place = self.place_of_person
        if place is not None and place < len(parts):
            order.remove(place)
            order.insert(0, place)
        return [("/".join(parts[: index + 1]), parts[index]) for index in order]


OWN_FOLDER = Template((PERSON,))
"""One folder for each person."""


@lru_cache(maxsize=1000)
def parse(text: str, *, for_person: bool = True) -> Template:
    """Read a template. Raises ValueError with what is wrong with it, as the rest of a sentence.

    `for_person`: it has to keep people apart, so `{person}` has to be one of its folders.
    """
    if not text.strip() or not text.isprintable() or len(text) > LONGEST:
        raise ValueError(f"must be 1 to {LONGEST} printable characters such as {PERSON}/{{year}}")
    if text.startswith(("/", "~")) or "\\" in text:
        raise ValueError("must be relative, with / between folders: it lies below faces/")
    parts = tuple(part.strip() for part in text.split("/"))
    if len(parts) > DEEPEST:
        raise ValueError(f"must have at most {DEEPEST} folders")
    for part in parts:
        _check(part)
    if parts.count(PERSON) > 1:
        raise ValueError(f"must have {PERSON} once")
    if for_person and PERSON not in parts:
        raise ValueError(f"must have {PERSON} as one of its folders, or people would share theirs")
    return Template(parts)


def _check(part: str) -> None:
    if not part:
        raise ValueError("has an empty part. Write one / between two folders, and none at either end")
    if part in (".", ".."):
        raise ValueError(f"must not hold the part {part}")
    for name in _FIELD.findall(part):
        if name not in FIELDS:
            close = difflib.get_close_matches(name, FIELDS, n=1)
            hint = f"Did you mean {{{close[0]}}}?" if close else f"There are {', '.join(FIELDS)}"
            raise ValueError(f"has the unknown field {{{name}}}. {hint}")
    plain = _FIELD.sub("", part)
    if "{" in plain or "}" in plain:
        raise ValueError(f"has a brace without its other half in {part}")
    if PERSON in part and part != PERSON:
        # With text beside it, two people could get one folder.
        raise ValueError(f"must have {PERSON} as a folder of its own, with nothing beside it")
    if plain == part and not can_name(part):
        raise ValueError(f"has the part {part} without a letter or digit")


def _value(name: str, evidence: Evidence) -> str:
    day, origin = taken_on(evidence), evidence.origin
    if name in ("year", "month"):
        found = f"{day:%Y}".zfill(4) if day and name == "year" else f"{day:%m}" if day else ""
    else:
        found = getattr(origin, name) if origin is not None else ""
    return found if can_name(found) else INSTEAD[name]


def taken_on(evidence: Evidence) -> date | None:
    """Return the day a photo was taken, by the clock of its camera, None when it does not say."""
    if evidence.taken is None:
        return None
    try:
        return datetime.fromisoformat(evidence.taken).date()
    except ValueError:
        return None


def folders_of(
    patterns: Iterable[str], people: Iterable[_Someone], folder_of: Callable[[_Someone], str]
) -> dict[str, _Someone | None]:
    """Return the folders of a photo, each once, with the person whose it is. None: the people share it."""
    people = list(people)
    found: dict[str, _Someone | None] = {}
    for pattern in patterns:
        parts = pattern.split("/")
        for person in people if PERSON in parts else [None]:
            own = folder_of(person) if person is not None else ""
            found.setdefault("/".join(own if part == PERSON else part for part in parts), person)
    return found
