"""What humans said about faces for good, and what it does to the evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from smartsort.core.model import Evidence, Face, FaceMark, MarkKind
from smartsort.core.policy import HiddenPeople, Policy
from smartsort.core.similarity import Likeness, Vector

SAME_THING = 0.7
"""How alike a face has to be to one that is no face: only the same statue or print is so much alike."""


def marked(evidence: Evidence) -> Evidence:
    """Return the evidence with what humans said: what is no face is gone, a locked face has its person.

    A person that was locked stays who a human said, whatever Immich takes the face for.
    """
    if not evidence.marks:
        return evidence
    marks = evidence.marks
    locked = {i: mark.person for i, mark in marks.items() if mark.kind is MarkKind.LOCKED and mark.person}
    faces = [
        replace(face, person=locked.get(face.id, face.person))
        for face in evidence.judged
        if face.id not in marks or marks[face.id].kind is not MarkKind.NOT_A_FACE
    ]
    return replace(evidence.judging(faces), confirmed=evidence.confirmed | locked.keys())


def is_ignored(face: Face, marks: Mapping[str, FaceMark], policy: Policy) -> bool:
    """Return True for a stranger who does not matter, and for a person who is hidden in Immich.

    A stranger who has a name by now counts, and so does a hidden person who is on the whitelist.
    """
    if face.person is not None and face.person.hidden and policy.hidden_people is HiddenPeople.IGNORE:
        return not (policy.whitelist and policy.wanted(face.person))
    mark = marks.get(face.id)
    nameless = face.person is None or not face.person.name
    return nameless and mark is not None and mark.kind is MarkKind.IGNORED


def recognised(
    vector: Vector, marks: Iterable[tuple[FaceMark, Likeness]], people: Sequence[Likeness], policy: Policy
) -> FaceMark | None:
    """Return the mark of which this face is another example, None when it is more like somebody with a name.

    An ignored stranger has to be as alike as somebody has to be to be filed.
    """
    needed = {MarkKind.IGNORED: policy.thresholds.min_confidence, MarkKind.NOT_A_FACE: SAME_THING}
    found = [
        (similarity, mark)
        for mark, likeness in marks
        if mark.kind in needed
        and (similarity := likeness.similarity(vector)) is not None
        and similarity >= needed[mark.kind]
    ]
    if not found:
        return None
    similarity, mark = max(found, key=lambda one: one[0])
    rivals = (likeness.similarity(vector) or 0.0 for likeness in people if likeness.person.name)
    return None if max(rivals, default=0.0) >= similarity else replace(mark, similarity=similarity)
