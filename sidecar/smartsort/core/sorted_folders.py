"""Folders of people that a user has sorted before: whose each of them is. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from smartsort.core.model import Person
from smartsort.core.naming import folder_key, spelled
from smartsort.core.person_ref import PersonRef
from smartsort.core.policy import called

LIKE = 0.8
"""From this likeness of two names on, one may be a short form or a misspelling of the other."""

LONGEST_NAME = 300


class Certainty(StrEnum):
    """How well a folder's name tells the person."""

    MATCHED = "matched"
    NEW = "new"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class FolderMatch:
    """Whose folder it is. `person` None while that is uncertain, its id "" for one Immich does not know."""

    folder: str
    certainty: Certainty
    why: str
    person: Person | None = None


def match_folders(
    folders: Sequence[str],
    people: Sequence[Person],
    listed: Iterable[PersonRef],
    said: Mapping[str, str],
) -> tuple[FolderMatch, ...]:
    """Return whose folders these are. `said` are people by folder that the user has named. Never a guess.

    Two folders of new people whose names would lead to one folder are uncertain.
    """
    entries = tuple(listed)
    found = [_match(folder, people, entries, said.get(folder)) for folder in folders]
    keys: dict[str, set[str]] = {}
    for one in found:
        if one.certainty is Certainty.NEW and one.person is not None:
            keys.setdefault(folder_key(one.person.name), set()).add(spelled(one.person.name))
    return tuple(
        FolderMatch(one.folder, Certainty.UNCERTAIN, "another new folder's name looks the same")
        if one.person is not None and len(keys.get(folder_key(one.person.name), ())) > 1
        else one
        for one in found
    )


def _match(
    folder: str, people: Sequence[Person], listed: Sequence[PersonRef], said: str | None
) -> FolderMatch:
    typed = folder if said is None else said
    name = " ".join(typed.split())
    if not typed.isprintable() or len(name) > LONGEST_NAME or not any(c.isalpha() for c in name):
        return FolderMatch(folder, Certainty.UNCERTAIN, "this is no name of a person")
    same = called(name, people)
    if len(same) == 1:
        why = "you said so" if said is not None else _why(name, same[0].name, "Immich")
        return FolderMatch(folder, Certainty.MATCHED, why, same[0])
    if same:
        names = ", ".join(p.name for p in same)
        return FolderMatch(folder, Certainty.UNCERTAIN, f"{len(same)} people of Immich fit: {names}")
    entries = called(name, listed)
    names_listed = {spelled(entry.name): entry.name for entry in entries}
    if len(names_listed) == 1:
        own = next(iter(names_listed.values()))
        return FolderMatch(folder, Certainty.MATCHED, _why(name, own, "your lists"), Person("", own))
    if names_listed:
        fit = ", ".join(names_listed.values())
        return FolderMatch(folder, Certainty.UNCERTAIN, f"{len(names_listed)} names of your lists fit: {fit}")
    if said is not None:
        return FolderMatch(folder, Certainty.NEW, "you said so", Person("", name))
    names_known = {one.name for some in (people, listed) for one in some if one.name}
    like = sorted(known for known in names_known if _alike(name, known))
    if like:
        return FolderMatch(folder, Certainty.UNCERTAIN, f"it is only similar to {', '.join(like)}")
    return FolderMatch(folder, Certainty.NEW, "nobody has a name like it", Person("", name))


def _why(name: str, own: str, where: str) -> str:
    if spelled(name) == spelled(own):
        return f"the name in {where}"
    return f"the folder form of {own} in {where}"


def _alike(one: str, other: str) -> bool:
    """Return True for a name that may be meant for another: some of its words, or a few other letters."""
    mine, theirs = _words(one), _words(other)
    if not mine or not theirs:
        return False
    if set(mine) <= set(theirs) or set(theirs) <= set(mine):
        return True
    if _likeness(" ".join(mine), " ".join(theirs)) >= LIKE:
        return True
    few, many = sorted((mine, theirs), key=len)
    return len(few) == 1 and any(_likeness(few[0], word) >= LIKE for word in many)


def _words(name: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in spelled(name)).split()


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()
