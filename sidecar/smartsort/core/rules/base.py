"""What rules are made of: what they see, what they say, and what would change that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from smartsort.core.marks import is_ignored
from smartsort.core.model import BulkKind, Category, Decision, Evidence, Face, Person, Reason
from smartsort.core.policy import MultipleFaces, Policy
from smartsort.core.reasons import RULE_FAILED, ReasonKind
from smartsort.core.words import listed


@dataclass(frozen=True, slots=True)
class Case:
    """All that a decision looks at."""

    evidence: Evidence
    policy: Policy
    ambiguous: Collection[str] = frozenset()
    """Ids of people who share a name with somebody (`policy.names_shared`)."""

    @property
    def large(self) -> tuple[Face, ...]:
        """The faces that are large enough to count, and of a video's those that last."""
        film = self.evidence.film
        large = (
            f
            for f in self.evidence.judged
            if f.area_fraction >= self.policy.min_face_area and not self.ignores(f)
        )
        if film is not None and film.is_judged:
            lasting = film.lasting
            return tuple(f for f in large if f.id in lasting)
        return tuple(large)

    def ignores(self, face: Face) -> bool:
        """Return True for a face that does not matter, whoever it is."""
        return is_ignored(face, self.evidence.marks, self.policy)

    @property
    def ignored(self) -> tuple[Face, ...]:
        """Those on it who do not matter."""
        return tuple(f for f in self.evidence.judged if self.ignores(f))

    @property
    def counted(self) -> tuple[Face, ...]:
        """The faces that count: all but the background, or the largest alone with `main_face`."""
        faces = self.large
        if self.policy.multiple_faces is MultipleFaces.MAIN_FACE and len(faces) > self.policy.max_faces:
            return (max(faces, key=lambda f: f.area_fraction),)
        return faces

    @property
    def recognisable(self) -> bool:
        """False when the faces say nothing: nobody could look for them, or, of a known file, nobody did."""
        evidence = self.evidence
        return evidence.unreadable is None and evidence.gave_up is None and evidence.other_copy is None


# --- rules -----------------------------------------------------------------------------------


class Phase(IntEnum):
    """What has to have happened to a photo before a rule has something to look at."""

    READ = 1
    COMPARED = 2
    RECOGNISED = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """Where a photo goes when `check` gives a reason, and everything that is said about it.

    `reasons` are the kinds it may give. `passed` is what it says of a photo that it lets pass.
    """

    name: str
    category: Category
    prefix: str
    check: Callable[[Case], Reason | None]
    reasons: tuple[ReasonKind, ...]
    passed: Callable[[Case, Decision], str]
    phase: Phase = Phase.RECOGNISED
    bulk: BulkKind | None = None
    """Photos that it holds back are approved in bulk only when this kind is asked for."""

    def says(self, case: Case) -> Reason | None:
        """Return the reason against filing the photo, None when there is none. Never raises."""
        try:
            return self.check(case)
        except Exception as problem:  # noqa: BLE001 - whatever it is, a human looks at the photo
            return RULE_FAILED.reason((self.name,), detail=f"{type(problem).__name__}: {problem}")


def rule(
    category: Category,
    prefix: str,
    *reasons: ReasonKind,
    passed: str | Callable[[Case, Decision], str],
    phase: Phase = Phase.RECOGNISED,
    bulk: BulkKind | None = None,
) -> Callable[[Callable[[Case], Reason | None]], Rule]:
    """Make a rule of a check. It has the check's name."""
    said = (lambda *_: passed) if isinstance(passed, str) else passed
    return lambda check: Rule(check.__name__.strip("_"), category, prefix, check, reasons, said, phase, bulk)


def names_of(people: Iterable[Person | None]) -> tuple[str, ...]:
    """Return the names of people, each once."""
    return tuple(dict.fromkeys(p.name for p in people if p is not None and p.name))


# --- what would change it --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChangeKind:
    """A setting or fact that might be otherwise.

    `words` is the end of "If ...", with `{names}`, `{value}` and `{now}` in it, or what makes it.
    """

    code: str
    words: str | Callable[[Change], str]
    looks: bool = False
    """It has the photo looked at."""
    remote: bool = False
    """People hardly have it in mind. It is told last."""


@dataclass(frozen=True, slots=True)
class Change:
    """One setting or fact otherwise: what it would be, what it is now, and whom it is about."""

    kind: ChangeKind
    value: str | float = ""
    now: str | float = ""
    names: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        """Which setting or fact."""
        return self.kind.code

    def __str__(self) -> str:
        words = self.kind.words
        if not isinstance(words, str):
            return words(self)
        return words.format(names=listed(self.names), value=self.value, now=self.now)


@dataclass(frozen=True, slots=True)
class Try:
    """A change, and what the decision would look at then."""

    change: Change
    then: Case


def seen(case: Case, change: Change, **evidence: Any) -> Try:
    """Return a try of other evidence."""
    return Try(change, replace(case, evidence=replace(case.evidence, **evidence)))


def configured(case: Case, change: Change, **policy: Any) -> Try:
    """Return a try of other settings."""
    return Try(change, replace(case, policy=replace(case.policy, **policy)))
