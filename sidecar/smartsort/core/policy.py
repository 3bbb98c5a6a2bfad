"""What the household wants: lists, thresholds and switches, as one value with a version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TypeVar

from smartsort.core.filing_rules import FilingRule, FilingRules
from smartsort.core.model import Category, Person
from smartsort.core.naming import folder_name, folder_names, spelled
from smartsort.core.person_ref import PersonRef
from smartsort.core.templates import PERSON


class WhenUnknown(StrEnum):
    """What to do with a good match whose confidence nobody could measure."""

    ACCEPT = "accept"
    REVIEW = "review"


class MultipleFaces(StrEnum):
    """What to do with more faces than `max_faces_per_image`."""

    REVIEW = "review"
    EACH_PERSON = "each_person"
    """Link into each person's folder when every counted face is a wanted person, else review."""
    MAIN_FACE = "main_face"
    """The largest face decides alone."""


class HiddenPeople(StrEnum):
    """What people mean who are hidden in Immich."""

    IGNORE = "ignore"
    """As an ignored stranger: their faces do not count."""
    COUNT = "count"
    """As everybody else."""


class OnDuplicate(StrEnum):
    """What to do with an exact duplicate whose other copy is alive."""

    MOVE_TO_REVIEW = "move_to_review"
    SKIP = "skip"


_Named = TypeVar("_Named", Person, PersonRef)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How sure a match has to be: cosine similarity, and distance to the best other person."""

    min_confidence: float = 0.6
    min_margin: float = 0.0


@dataclass(frozen=True)  # without slots, for the cached version: every decision names it
class Policy:
    """All that the decision depends on besides the photo itself."""

    whitelist: tuple[PersonRef, ...] = ()
    """Empty: every named person is wanted."""
    blacklist: tuple[PersonRef, ...] = ()
    thresholds: Thresholds = Thresholds()
    person_thresholds: Mapping[str, Thresholds] = field(default_factory=dict)
    """By name as typed, compared like the lists."""
    max_faces: int = 1
    min_face_area: float = 0.0
    """Faces that cover less of the picture (0 to 1) are background and do not count."""
    when_confidence_unknown: WhenUnknown = WhenUnknown.ACCEPT
    multiple_faces: MultipleFaces = MultipleFaces.REVIEW
    on_duplicate: OnDuplicate = OnDuplicate.MOVE_TO_REVIEW
    hidden_people: HiddenPeople = HiddenPeople.IGNORE
    categories: frozenset[Category] = frozenset(Category)
    """The review categories that are switched on. The others fall through to `unidentified`."""
    template: str = PERSON
    """Where below `faces/` a photo goes (`smartsort.core.templates`)."""
    rules: tuple[FilingRule, ...] = ()
    """The household's own, as configured."""

    @cached_property
    def version(self) -> str:
        """Twelve hex digits that change when any of the values does."""
        plain = asdict(self)
        plain["categories"] = sorted(self.categories)
        if self.template == PERSON:
            del plain["template"]  # the version is as it was before there were templates
        if not self.rules:
            del plain["rules"]
        text = json.dumps(plain, sort_keys=True, ensure_ascii=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @cached_property
    def filing(self) -> FilingRules:
        """What says where a photo goes that is filed."""
        return FilingRules(self.rules, self.template)

    def blacklisted(self, person: Person) -> bool:
        """Return True for a person who must not be in anybody's folder."""
        return any(entry.means(person) for entry in self.blacklist)

    def wanted(self, person: Person) -> bool:
        """Return True for a named person who gets a folder."""
        if not person.name or self.blacklisted(person):
            return False
        return not self.whitelist or any(entry.means(person) for entry in self.whitelist)

    def thresholds_for(self, person: Person) -> Thresholds:
        """Return the person's own thresholds, or the common ones."""
        if not self.person_thresholds:
            return self.thresholds
        meant = called(person.name, [PersonRef(name) for name in self.person_thresholds])
        return self.person_thresholds[meant[0].name] if meant else self.thresholds


def names_shared(people: Sequence[Person]) -> frozenset[str]:
    """Return ids of named people whose name, as people read it, another person has too.

    Who is meant cannot be told then. Names that only have the same folder form are kept apart by the folder.
    """
    by_name: dict[str, list[Person]] = {}
    for person in people:
        if person.name:
            by_name.setdefault(spelled(person.name), []).append(person)
    return frozenset(p.id for same in by_name.values() if len(same) > 1 for p in same)


def same_humans(people: Iterable[Person], different: Iterable[str] = ()) -> dict[str, Person]:
    """Own people by the ids of those whom other users share under the same name: they are the same human.

    Not where several own people have the name, nor for the names in `different`. Without an own person of the
    name, the one with the smallest id stands for all that are shared.
    """
    apart = {spelled(name) for name in different}
    by_name: dict[str, list[Person]] = {}
    for person in people:
        if person.name and spelled(person.name) not in apart:
            by_name.setdefault(spelled(person.name), []).append(person)
    found: dict[str, Person] = {}
    for same in by_name.values():
        own = [p for p in same if not p.shared_by] or [min(same, key=lambda p: p.id)]
        if len(own) == 1:
            found |= {p.id: own[0] for p in same if p.id != own[0].id}
    return found


def called(name: str, known: Iterable[_Named]) -> list[_Named]:
    """Return those that a name means: who is spelled so, else who has this folder or the same folder form."""
    known = [one for one in known if one.name]
    wanted = spelled(name)
    exactly = [one for one in known if spelled(one.name) == wanted]
    if exactly or not name:
        return exactly
    forms = {wanted, spelled(folder_name(name))}
    return [one for one in known if not forms.isdisjoint(map(spelled, folder_names(one.name)))]
