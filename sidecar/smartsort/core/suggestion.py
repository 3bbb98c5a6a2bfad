"""Who a photo probably shows, and whether that may be acted on without a human's explicit choice."""

from __future__ import annotations

from collections.abc import Collection

from smartsort.core.model import Evidence, Suggestion
from smartsort.core.policy import Policy
from smartsort.core.similarity import SAME_PERSON


def likeliest(evidence: Evidence, ruled_out: Collection[str] = frozenset()) -> Suggestion | None:
    """Whom the photo probably shows: the assigned person of the largest face, else the closest suggestion."""
    for face in sorted(evidence.judged, key=lambda f: -f.area_fraction):
        found = evidence.suggestions.get(face.id, ())
        if face.person is not None and face.person.name:
            measured = evidence.confidence.get(face.id)
            found = (Suggestion(face.person, measured.similarity if measured else None), *found)
        for one in found:
            if one.person.id not in evidence.ruled_out | evidence.mixed and one.person.id not in ruled_out:
                return one
    return None


def accepted(suggestion: Suggestion, policy: Policy) -> bool:
    """True when a photo may be filed under this person without naming them.

    Immich orders people without a distance, so its order alone is a guess. Photos wait because they miss
    `min_confidence`, so this asks for less: as much as Immich itself asks of two faces of one person.
    """
    enough = min(SAME_PERSON, policy.thresholds_for(suggestion.person).min_confidence)
    return suggestion.similarity is not None and suggestion.similarity >= enough
