"""How well are people suggested for photos in review, and what would a bulk approval by suggestion get right?

Part of `tests.bench.judgement --faces`. The photos are those that `balanced` leaves in review, and the
suggestions smartsort's own (`smartsort.core.suggestion`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from tests.bench.household import Household

from smartsort.core import suggestion
from smartsort.core.decision import decide
from smartsort.core.model import Category, Evidence, Outcome, Person
from smartsort.core.policy import Policy
from smartsort.core.similarity import Likeness, closest, unrelated_level

GALLERY, REMEMBERED = 12, 5
LINES = tuple(number / 100 for number in range(20, 62, 2))
MOST_STRANGERS, LEAST_RIGHT = 0.03, 0.97


@dataclass(frozen=True)
class Waiting:
    """A photo in review: its evidence with everybody who is close, and under whom it should be filed."""

    evidence: Evidence
    truth: str | None
    category: Category | None


def waiting(household: Household, measured: Sequence[Evidence], policy: Policy) -> Iterator[Waiting]:
    """The photos of a household that wait for review."""
    galleries = {i: [f.vector for f in faces[:GALLERY]] for i, faces in household.confirmed.items()}
    level = unrelated_level(galleries.values())
    likenesses = [
        Likeness.of(Person(i, household.names[i]), own, level=level) for i, own in galleries.items()
    ]
    for shot, evidence in zip(household.shots, measured, strict=True):
        decision = decide(evidence, policy)
        if decision.outcome is Outcome.SORTED:
            continue
        close = {
            face.id: closest(seen.vector, likenesses, REMEMBERED)
            for face, seen in zip(evidence.faces, shot.faces, strict=True)
        }
        yield Waiting(replace(evidence, suggestions=close), shot.truth, decision.category)


@dataclass(frozen=True)
class Figures:
    """Counts of photos in review."""

    strangers: int
    suggested_strangers: int
    known: int
    suggested_known: int
    right: int
    approved: int
    approved_right: int

    def row(self) -> dict[str, float]:
        """As `--json` writes them, shares in per cent."""
        return {
            "strangers": self.strangers,
            "strangers_with_suggestion": _percent(self.suggested_strangers, self.strangers),
            "known": self.known,
            "known_with_suggestion": _percent(self.suggested_known, self.known),
            "right": _percent(self.right, self.suggested_known),
            "approved": self.approved,
            "approved_right": _percent(self.approved_right, self.approved),
        }


def _percent(part: int, whole: int) -> float:
    return round(100 * part / max(1, whole), 2)


def figures(photos: Iterable[Waiting], policy: Policy, *categories: Category) -> Figures:
    """What is suggested for these photos, of some categories or of all."""
    counted = [one for one in photos if not categories or one.category in categories]
    found = [(one, suggestion.likeliest(one.evidence)) for one in counted]
    strangers = [guess for one, guess in found if one.truth is None]
    known = [(one.truth, guess.person.name) for one, guess in found if one.truth is not None and guess]
    approved = [one for one, guess in found if guess is not None and suggestion.accepted(guess, policy)]
    names = {id(one): guess.person.name for one, guess in found if guess is not None}
    return Figures(
        len(strangers),
        sum(guess is not None for guess in strangers),
        len(found) - len(strangers),
        len(known),
        sum(truth == name for truth, name in known),
        len(approved),
        sum(one.truth == names[id(one)] for one in approved),
    )


@contextmanager
def lines(suggested: float, accepted: float = suggestion.ACCEPTED, **others: float) -> Iterator[None]:
    """Other lines than those smartsort has; `others` by the name of the constant."""
    wanted = {"SUGGESTED": suggested, "ACCEPTED": accepted, **others}
    before = {name: getattr(suggestion, name) for name in wanted}
    for name, value in wanted.items():
        setattr(suggestion, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(suggestion, name, value)


def chosen(photos: Sequence[Waiting], policy: Policy) -> tuple[float, float]:
    """The lowest lines that reach the goals for these photos: of a suggestion, and of an approval."""
    unknown = Category.UNIDENTIFIED

    def strangers(line: float) -> float:
        with lines(line):
            found = figures(photos, policy, unknown)
        return found.suggested_strangers / max(1, found.strangers)

    def wrong(line: float) -> float:
        with lines(suggestion.SUGGESTED, line):
            found = figures(photos, policy, unknown)
        return 1 - found.approved_right / max(1, found.approved)

    suggested = next((line for line in LINES if strangers(line) <= MOST_STRANGERS), LINES[-1])
    accepted = next(
        (line for line in LINES if line >= suggested and wrong(line) <= 1 - LEAST_RIGHT), LINES[-1]
    )
    return suggested, accepted


def line(title: str, found: Figures) -> str:
    """The figures for people."""
    row = found.row()
    return (
        f"{title:46} strangers {found.strangers:5} {row['strangers_with_suggestion']:6.2f}%   known"
        f" {found.known:5} {row['known_with_suggestion']:6.2f}%, right {row['right']:6.2f}%   approved"
        f" {found.approved:4}, right {row['approved_right']:6.2f}%"
    )
