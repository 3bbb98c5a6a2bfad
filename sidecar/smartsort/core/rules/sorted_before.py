"""The user's word: the folder of a person that a photo lay in when smartsort adopted it."""

from __future__ import annotations

from collections.abc import Iterator

from smartsort.core.model import Category, Evidence, Face, Person, Reason
from smartsort.core.reasons import ReasonKind
from smartsort.core.rules.base import Case, Change, ChangeKind, Try, names_of, rule, seen
from smartsort.core.suggestion import suggestions

CONTRADICTED_FOLDER = ReasonKind(
    "contradicted_folder",
    "It lay in your folder of {names}, but Immich sees {detail} there and no other face.",
    ": {names}",
)
NO_FOLDER = ChangeKind("no_folder", "it had not lain in the folder of {names}", remote=True)


def people_of(case: Case) -> tuple[Person, ...]:
    """Return whose folders the photo lay in, without those whom a human has ruled out since."""
    said = case.evidence.sorted_before
    return tuple(p for p in said.people if p.id not in case.evidence.ruled_out) if said is not None else ()


@rule(
    Category.UNIDENTIFIED,
    "contradicted_",
    CONTRADICTED_FOLDER,
    passed="No folder that it lay in contradicts the faces.",
)
def contradicted_folder(case: Case) -> Reason | None:
    """It comes from your own folder of a person, and every face on it is another person's."""
    people = {p.id for p in people_of(case)}
    named = [f.person for f in case.counted if f.person is not None and f.person.name]
    if not people or not named or len(named) < len(case.counted) or any(p.id in people for p in named):
        return None
    return CONTRADICTED_FOLDER.reason(names_of(people_of(case)), detail=", ".join(names_of(named)))


def face_of(evidence: Evidence, person: Person) -> Face | None:
    """Return the free face that is the person's: the only one there is, or the one most like them.

    None where the person has a face already, and where it would be a guess.
    """
    faces, said = evidence.judged, evidence.sorted_before
    on_it = {f.person.id for f in faces if f.person is not None}
    missing = [p for p in said.people if p.id not in on_it] if said is not None else []
    free = [f for f in faces if f.id not in evidence.marks and (f.person is None or not f.person.name)]
    if person not in missing or not free:
        return None
    if len(missing) == len(free) == 1:
        return free[0]
    first = {f.id: found[0] for f in free if (found := suggestions(evidence, f, evidence.ruled_out))}
    like = [f for f in free if f.id in first and first[f.id].person.id == person.id]
    return max(like, key=lambda f: first[f.id].similarity or 0.0, default=None)


def tries(case: Case) -> Iterator[Try]:
    """Without the folder."""
    people = people_of(case)
    if people:
        yield seen(case, Change(NO_FOLDER, names=names_of(people)), sorted_before=None)
