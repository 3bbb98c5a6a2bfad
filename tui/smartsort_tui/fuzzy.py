"""Finding a person by a few letters of the name.

`textual.fuzzy` tries every way in which the letters of a query can stand in a name. Ten letters against a
name of ninety took it a minute, in which the user interface stands still. It also knows accents as other
letters, and no exact name before the others.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from smartsort.api.schemas.people import PersonView


def folded(text: str) -> str:
    """Text for comparing: without accents and case, `_` as a space."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("_", " "))
    return "".join(char for char in decomposed if not unicodedata.combining(char)).strip()


def score(query: str, name: str) -> float | None:
    """How well a query fits a name. Higher is better. None when its letters are not all there in order."""
    wanted, text = folded(query), folded(name)
    if not wanted:
        return 0.0
    if wanted == text:
        return 1000.0
    at = text.find(wanted)
    if at >= 0:
        starts_word = at == 0 or text[at - 1] == " "
        return (500.0 if at == 0 else 400.0 if starts_word else 300.0) - len(text)
    points, position, previous = 0.0, 0, -2
    for char in wanted.replace(" ", ""):
        found = text.find(char, position)
        if found < 0:
            return None
        starts_word = found == 0 or text[found - 1] == " "
        points += 10.0 if starts_word else 6.0 if found == previous + 1 else 1.0
        previous, position = found, found + 1
    return points - len(text) / 10


def ranked(
    query: str, people: Iterable[PersonView], suggested: Sequence[str] = (), limit: int = 200
) -> list[PersonView]:
    """People that fit, best first. Among equals the suggested ones, then who has most photos."""
    place = {person: number for number, person in enumerate(suggested)}
    found = [
        (
            -points,
            place.get(person.id, len(place)),
            -(person.photos or 0),
            folded(person.name),
            person.id,
            person,
        )
        for person in people
        if person.name and (points := score(query, person.name)) is not None
    ]
    return [entry[-1] for entry in sorted(found, key=lambda entry: entry[:-1])[:limit]]


def same_name(name: str, people: Iterable[PersonView]) -> list[PersonView]:
    """Return the people whose name or folder this already is."""
    wanted = folded(name)
    return [person for person in people if wanted and wanted in (folded(person.name), folded(person.folder))]
