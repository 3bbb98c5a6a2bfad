"""The household's own rules: where a photo goes that the decision files.

All rules are looked at. Of those that fit, the one with the highest priority decides, of equal ones the one
that stands first in the configuration. What a rule of `core.rules` holds back, none of these files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from smartsort.core.model import Evidence, Person, Reason
from smartsort.core.naming import spelled
from smartsort.core.person_ref import PersonRef
from smartsort.core.reasons import ASKED_BY_RULE, FILING_RULE, FILING_RULE_FITS
from smartsort.core.templates import PERSON, parse, taken_on

ASKED_PREFIX = "rule_"
"""Of a photo that waits because a filing rule says so."""


@dataclass(frozen=True, slots=True)
class FilingRule:
    """One rule: its conditions, all of which have to hold, and what becomes of the photo.

    An empty condition holds. `strangers` are the least and the most faces of nobody with a name.
    """

    name: str
    priority: int = 0
    all: tuple[PersonRef, ...] = ()
    any: tuple[PersonRef, ...] = ()
    none: tuple[PersonRef, ...] = ()
    only: tuple[PersonRef, ...] = ()
    strangers: tuple[int, int | None] = (0, None)
    min_people: int = 0
    younger_than: int = 0
    """Years. A person on it has to be younger, by the date of birth in Immich."""
    source: tuple[str, ...] = ()
    date_from: date | None = None
    date_to: date | None = None
    kind: tuple[str, ...] = ()
    """`photo`, `video` or `live`."""
    folder: str = ""
    """Instead of the common template."""
    also: str = ""
    """One folder more."""
    album: str = ""
    review: bool = False
    """A human decides."""

    @property
    def people(self) -> tuple[PersonRef, ...]:
        """Everybody it names."""
        return (*self.all, *self.any, *self.none, *self.only)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the rules look at: who is on a photo, how many strangers, and where it comes from."""

    people: tuple[Person, ...]
    strangers: int
    evidence: Evidence
    decided: bool = False
    """A human has decided. No rule asks again."""

    @classmethod
    def by_hand(cls, people: Iterable[Person], evidence: Evidence) -> Seen:
        """A human says who is on it. Every face beyond that is a stranger's."""
        people = tuple(people)
        return cls(people, max(0, len(evidence.judged) - len(people)), evidence, decided=True)


@dataclass(frozen=True, slots=True)
class Filed:
    """Where a photo goes, as in `Decision`, and the rules that fit, the deciding one first."""

    folders: tuple[str, ...]
    albums: tuple[str, ...] = ()
    fits: tuple[FilingRule, ...] = ()

    @property
    def asks(self) -> bool:
        """True when a human is to decide."""
        return bool(self.fits) and self.fits[0].review

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The rules that fit, as reasons."""
        first = ASKED_BY_RULE if self.asks else FILING_RULE
        return tuple((FILING_RULE_FITS if n else first).reason((r.name,)) for n, r in enumerate(self.fits))


class _Ready(NamedTuple):
    """A rule whose people are bits of numbers, and whose conditions are ready to be looked at."""

    all: int
    any: int
    none: int
    only: int
    least: int
    most: int | None
    min_people: int
    younger_than: int
    sources: frozenset[str]
    days: tuple[date, date] | None
    kinds: tuple[str, ...]
    rule: FilingRule


class FilingRules:
    """Rules made ready, so that a hundred of them cost microseconds."""

    def __init__(self, rules: Sequence[FilingRule], template: str) -> None:
        self.rules = tuple(sorted(rules, key=lambda rule: -rule.priority))
        self._template = parse(template)
        named = dict.fromkeys(entry for rule in self.rules for entry in rule.people)
        self._bits = {entry: 1 << number for number, entry in enumerate(named)}
        self._of_people: dict[Person, int] = {}
        self._ready = [self._made_ready(rule) for rule in self.rules]

    def _made_ready(self, rule: FilingRule) -> _Ready:
        people = (rule.all, rule.any, rule.none, rule.only)
        every, some, no, only = (sum({self._bits[e] for e in entries}) for entries in people)
        dated = rule.date_from is not None or rule.date_to is not None
        days = (rule.date_from or date.min, rule.date_to or date.max) if dated else None
        sources = frozenset(map(spelled, rule.source))
        least, most = rule.strangers
        return _Ready(
            *(every, some, no, only),
            *(least, most, rule.min_people, rule.younger_than),
            *(sources, days, rule.kind, rule),
        )

    def _names(self, *fields: str) -> bool:
        text = " ".join(
            (*self._template.parts, *(r.folder for r in self.rules), *(r.also for r in self.rules))
        )
        return any(f"{{{field}}}" in text for field in fields)

    @property
    def names_camera(self) -> bool:
        """True when a folder is named after the camera."""
        return self._names("camera")

    @property
    def needs_metadata(self) -> bool:
        """True when something rests on what only the file of a photo tells: when it was taken, the camera."""
        dated = any(rule.date_from or rule.date_to or rule.younger_than for rule in self.rules)
        return dated or self._names("year", "month", "camera")

    def is_shared(self, folder: str) -> bool:
        """Return True for a folder below `faces/` that a rule gives to several people together."""
        texts = {
            text for rule in self.rules for text in (rule.folder, rule.also) if text and PERSON not in text
        }
        return any(parse(text, for_person=False).matches(folder) for text in texts)

    def filed(self, seen: Seen) -> Filed:
        """Return where a photo goes."""
        fits = self.fitting(seen)
        rule = fits[0] if fits else None
        template = self._template
        if rule is not None and rule.folder:
            template = parse(rule.folder, for_person=False)
        folders = [template.pattern(seen.evidence)]
        if rule is not None and rule.also:
            folders.append(parse(rule.also, for_person=False).pattern(seen.evidence))
        albums = (rule.album,) if rule is not None and rule.album else ()
        return Filed(tuple(dict.fromkeys(folders)), albums, fits)

    def fitting(self, seen: Seen) -> tuple[FilingRule, ...]:
        """Return the rules that fit, the deciding one first."""
        if not self._ready:
            return ()
        each = [self._bits_of(person) for person in seen.people]
        there = 0
        for bits in each:
            there |= bits
        count, strangers = len(each), seen.strangers
        day, origin = taken_on(seen.evidence), seen.evidence.origin
        source, kind = (spelled(origin.source or "inbox"), origin.kind) if origin is not None else ("", "")
        youngest = min((age for p in seen.people if (age := _age(p, day)) is not None), default=None)
        found: list[FilingRule] = []
        for every, some, no, only, least, most, people, age, sources, days, kinds, rule in self._ready:
            if (
                there & every == every
                and (not some or there & some)
                and not there & no
                and least <= strangers
                and (most is None or strangers <= most)
                and people <= count
                and (not only or all(bits & only for bits in each))
                and (not age or (youngest is not None and youngest < age))
                and (not sources or source in sources)
                and (days is None or (day is not None and days[0] <= day <= days[1]))
                and (not kinds or kind in kinds)
            ):
                found.append(rule)
        return tuple(rule for rule in found if not (rule.review and seen.decided))

    def _bits_of(self, person: Person) -> int:
        bits = self._of_people.get(person)
        if bits is None:
            bits = sum(bit for entry, bit in self._bits.items() if entry.means(person))
            self._of_people[person] = bits
        return bits


def _age(person: Person, day: date | None) -> int | None:
    """Return how old a person was then, in years, None when a date is missing."""
    if day is None or not person.born:
        return None
    try:
        born = date.fromisoformat(person.born[:10])
    except ValueError:
        return None
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
