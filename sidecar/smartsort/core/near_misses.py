"""Photos that wait although a known person is close: one look may settle all of a person's."""

from __future__ import annotations

from dataclasses import dataclass

from smartsort.core.model import Category, Evidence, Face, Person
from smartsort.core.policy import Policy
from smartsort.core.rules.base import Case
from smartsort.core.suggestion import assigned, suggestions

CATEGORIES = (Category.UNIDENTIFIED, Category.LOW_CONFIDENCE)
"""Where photos wait because it is not sure enough who is on them."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A face that might be a person's: the only one on its photo that counts."""

    person: Person
    face: Face
    similarity: float


def near_miss(evidence: Evidence, policy: Policy, ruled_out: frozenset[str] = frozenset()) -> NearMiss | None:
    """Who is close to the one face that counts, None where a yes to them would not settle the photo."""
    counted = Case(evidence, policy).counted
    if len(counted) != 1 or evidence.near_copy is not None or evidence.other_copy is not None:
        return None
    [face] = counted
    found = next(iter(suggestions(evidence, face, ruled_out)), None)
    if found is None or found.similarity is None or policy.blacklisted(found.person):
        return None
    others = {one.person.id for one in assigned(evidence, ruled_out)} - {found.person.id}
    if others - ({face.person.id} if face.person is not None else set()):
        return None
    return NearMiss(found.person, face, found.similarity)
