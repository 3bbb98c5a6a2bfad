"""What another policy makes of photos that were judged before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from smartsort.core.decision import decide
from smartsort.core.model import Decision, Evidence, Face, Outcome, Person
from smartsort.core.naming import folder_name
from smartsort.core.policy import Policy
from smartsort.core.templates import folders_of

FACES, SKIPPED = "faces", "skipped"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a photo is: `kind` is `faces`, `skipped` or a review category, `folders` those below `faces/`."""

    kind: str
    folders: frozenset[str] = frozenset()

    def __str__(self) -> str:
        if self.kind == FACES:
            return ", ".join(f"{FACES}/{folder}" for folder in sorted(self.folders))
        return self.kind

    def told(self, apart_from: Place) -> str:
        """Return its name. With the folders where it is about which of them."""
        return str(self) if apart_from.kind == FACES else self.kind


FolderOf = Callable[[Person], str]
"""A person's own folder below `faces/`. Who is kept apart from whom is not in a name."""


def _by_name(person: Person) -> str:
    return folder_name(person.name)


def place_of(decision: Decision, folder_of: FolderOf = _by_name) -> Place:
    """Return where a decision puts a photo."""
    if decision.outcome is Outcome.SORTED:
        return Place(FACES, frozenset(folders_of(decision.folders, decision.people, folder_of)))
    if decision.outcome is Outcome.SKIPPED or decision.category is None:
        return Place(SKIPPED)
    return Place(decision.category.value)


@dataclass(frozen=True, slots=True)
class Past:
    """A photo that was judged before: where it is now and what was seen on it."""

    photo_id: int
    place: Place
    evidence: Evidence
    by_human: bool = False
    """A human has decided about it: it stays where it is."""


@dataclass(frozen=True, slots=True)
class Move:
    """A photo that would go elsewhere."""

    photo_id: int
    before: Place
    after: Place
    evidence: Evidence
    decision: Decision

    @property
    def way(self) -> str:
        """`faces -> low_confidence`."""
        return f"{self.before.told(self.after)} -> {self.after.told(self.before)}"

    @property
    def moves(self) -> bool:
        """Duplicates stay where they are: whether they are put away is asked when they arrive."""
        return SKIPPED not in (self.after.kind, self.before.kind)

    @property
    def unmeasured(self) -> bool:
        """It would be filed, and nobody has measured yet how sure that is."""
        faces = {f.id for f in self.evidence.judged if f.person is not None} - self.evidence.confirmed
        return self.after.kind == FACES and not faces <= self.evidence.confidence.keys()


@dataclass(frozen=True, slots=True)
class Effect:
    """What a policy would do to past photos. `before` and `after` count all that were looked at, by kind."""

    looked_at: int
    kept: int
    """Photos a human has decided about."""
    before: Mapping[str, int]
    after: Mapping[str, int]
    moves: tuple[Move, ...]

    @property
    def ways(self) -> dict[str, int]:
        """Moves by way, the most frequent first."""
        return dict(Counter(move.way for move in self.moves).most_common())


def effect(
    photos: Iterable[Past],
    policy: Policy,
    ambiguous: Collection[str] = frozenset(),
    *,
    folder_of: FolderOf = _by_name,
) -> Effect:
    """Return what `policy` would do, compared with where the photos are. What a human has decided stays."""
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    moves: list[Move] = []
    kept = 0
    for one in photos:
        here = one.place
        if one.by_human:
            kept += 1
            before[here.kind] += 1
            after[here.kind] += 1
            continue
        decision = decide(one.evidence, policy, ambiguous)
        there = place_of(decision, folder_of)
        before[here.kind] += 1
        after[there.kind] += 1
        if here != there:
            moves.append(Move(one.photo_id, here, there, one.evidence, decision))
    return Effect(before.total(), kept, before, after, tuple(moves))


def renewed(evidence: Evidence, people: Mapping[str, Person]) -> Evidence:
    """Return the evidence with everybody's name of today (by id). Who is gone keeps the old one."""

    def today(face: Face) -> Face:
        person = face.person
        return face if person is None else replace(face, person=people.get(person.id, person))

    renamed = evidence.judging(map(today, evidence.judged))
    return replace(renamed, faces=tuple(map(today, evidence.faces)))
