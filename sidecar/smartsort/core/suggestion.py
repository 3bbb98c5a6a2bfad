"""Whom a photo probably shows: what was measured well enough to be suggested, and to be acted on."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from smartsort.core.model import Evidence, Face, Person, Suggestion
from smartsort.core.policy import Policy

SUGGESTED = 0.42
"""The similarity from which a person is suggested. Of strangers' faces, 2 of 100 reach it. Of named people's
faces that Immich gave to nobody it is 63 of 100, and of these 97 are right."""

SUGGESTED_AGAINST_IMMICH = 0.60
"""The same for a face of a person without a name: Immich has found others that are more like it."""

ACCEPTED, ACCEPTED_MARGIN = 0.52, 0.10
"""The similarity, and the distance to the next person, from which an approval needs no name."""


def suggestions(
    evidence: Evidence, face: Face, ruled_out: Collection[str] = frozenset()
) -> tuple[Suggestion, ...]:
    """Return the people suggested for a face, closest first."""
    line = SUGGESTED if face.person is None or face.person.name else SUGGESTED_AGAINST_IMMICH
    return tuple(s for s in _measured(evidence, face, ruled_out) if (s.similarity or 0.0) >= line)


def likeliest(evidence: Evidence, ruled_out: Collection[str] = frozenset()) -> Suggestion | None:
    """Return whom the photo probably shows: the first suggestion for the largest face that has any."""
    found = (suggestions(evidence, face, ruled_out) for face in _largest_first(evidence))
    return next((some[0] for some in found if some), None)


def nearest(evidence: Evidence, ruled_out: Collection[str] = frozenset()) -> Suggestion | None:
    """Return the best that was measured for the largest measured face, close or not, None before."""
    found = (_measured(evidence, face, ruled_out) for face in _largest_first(evidence))
    return next((some[0] for some in found if some), None)


def assigned(evidence: Evidence, ruled_out: Collection[str] = frozenset()) -> Iterator[Suggestion]:
    """Yield the people to whom Immich gives a face, the largest face first, with what was measured."""
    for face in _largest_first(evidence):
        if face.person is not None and face.person.name and not _is_out(face.person, evidence, ruled_out):
            measured = _measured(evidence, face, ruled_out)
            yield next((s for s in measured if s.person.id == face.person.id), Suggestion(face.person))


def surely(evidence: Evidence, policy: Policy, ruled_out: Collection[str] = frozenset()) -> Suggestion | None:
    """Return whom an approval without a name files the photo under.

    Nobody where it waits for another question: which of several people, whether of an unwanted one or of a
    duplicate at all.
    """
    found = likeliest(evidence, ruled_out)
    if found is None or not accepted(found, policy) or policy.blacklisted(found.person):
        return None
    if evidence.near_copy is not None or evidence.other_copy is not None:
        return None
    others = {
        some[0].person.id for face in evidence.judged if (some := suggestions(evidence, face, ruled_out))
    }
    others |= {one.person.id for one in assigned(evidence, ruled_out)}
    return found if others == {found.person.id} else None


def accepted(suggestion: Suggestion, policy: Policy) -> bool:
    """Return True when a photo may be filed under this person without naming them.

    Photos wait because they miss `min_confidence`, so this asks for less where less files a photo.
    """
    enough = min(ACCEPTED, policy.thresholds_for(suggestion.person).min_confidence)
    apart = suggestion.margin is None or suggestion.margin >= ACCEPTED_MARGIN
    return suggestion.similarity is not None and suggestion.similarity >= enough and apart


def _largest_first(evidence: Evidence) -> list[Face]:
    return sorted(evidence.judged, key=lambda face: -face.area_fraction)


def _is_out(person: Person, evidence: Evidence, ruled_out: Collection[str]) -> bool:
    return person.id in evidence.ruled_out or person.id in ruled_out


def _measured(evidence: Evidence, face: Face, ruled_out: Collection[str]) -> list[Suggestion]:
    """Everybody the face was compared with and who is remembered, closest first, with their margins."""
    found = {s.person.id: s for s in evidence.suggestions.get(face.id, ()) if s.similarity is not None}
    own = evidence.confidence.get(face.id)
    if face.person is not None and own is not None and own.similarity is not None:
        rival = own.runner_up
        margin = None if rival is not None and _is_out(rival, evidence, ruled_out) else own.margin
        found[face.person.id] = Suggestion(face.person, own.similarity, margin)
    left = [
        s
        for s in found.values()
        if s.person.id not in evidence.mixed and not _is_out(s.person, evidence, ruled_out)
    ]
    left.sort(key=_similarity, reverse=True)
    return [_with_margin(one, left) for one in left]


def _with_margin(one: Suggestion, everybody: list[Suggestion]) -> Suggestion:
    others = [_similarity(one) - _similarity(s) for s in everybody if s is not one]
    margins = [*others, *([one.margin] if one.margin is not None else [])]
    return replace(one, margin=min(margins, default=None))


def _similarity(suggestion: Suggestion) -> float:
    return suggestion.similarity or 0.0
