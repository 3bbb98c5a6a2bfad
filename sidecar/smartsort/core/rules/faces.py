"""Rules about whose faces are on a photo."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from smartsort.core.model import Box, BulkKind, Category, Face, Hint, Person, Reason
from smartsort.core.policy import Policy
from smartsort.core.reasons import ReasonKind, said
from smartsort.core.rules.base import Case, Change, ChangeKind, Try, names_of, rule, seen
from smartsort.core.similarity import day_of
from smartsort.core.suggestion import nearest, suggestions
from smartsort.core.words import listed, quantity


def _strangers_said(words: str, reason: Reason) -> str:
    text, best = said(words, reason), reason.numbers.get("similarity")
    if best is None:
        return text + (said(", closest: {names}.", reason) if reason.names else ".")
    if reason.names:
        return f"{text}, probably {listed(reason.names)} ({best:.2f})."
    return f"{text}. No person is close: {reason.detail} is the nearest with {best:.2f}."


BLURRED = 0.55
"""From here on a picture without a face may be too blurred. Real photos have 0.23 to 0.40, 0.54 to 0.68 when
blurred over a hundredth of their short side, and 0.67 to 0.79 over a sixty-fifth."""

_WAYS = {90: "to the right", 180: "upside down", 270: "to the left"}


def _no_face(reason: Reason) -> str:
    hint = ""
    if "turned" in reason.numbers:
        hint = f" Possibly rotated: turned {_WAYS[int(reason.numbers['turned'])]}, it shows a face."
    elif "blur" in reason.numbers:
        hint = " Possibly too blurred."
    return f"Immich finished looking and found no face.{hint}"


def _no_face_shortly(reason: Reason) -> str:
    hints = {"turned": ": possibly rotated", "blur": ": possibly too blurred"}
    return next((hint for name, hint in hints.items() if name in reason.numbers), "")


NO_FACES_DETECTED = ReasonKind("no_faces_detected", _no_face, _no_face_shortly)
ONLY_BACKGROUND_FACES = ReasonKind("only_background_faces", "{faces} found, all too small to count.")
ONLY_PASSING_FACES = ReasonKind(
    "only_passing_faces", "{faces} found in the frames, too small or too briefly seen to count."
)
ONLY_IGNORED_FACES = ReasonKind(
    "only_ignored_faces", "All faces on it are strangers whom you ignore: {faces}."
)
SAME_PERSON_TWICE = ReasonKind(
    "same_person_twice",
    "{names} is recognised twice on one picture. One of them is another person.",
    ": {names}",
)
UNKNOWN_FACE = ReasonKind(
    "unknown_face",
    lambda r: _strangers_said(quantity(int(r.numbers.get("faces", 1)), "unknown face"), r),
)
UNNAMED_PERSON = ReasonKind(
    "unnamed_person", lambda r: _strangers_said("{faces} of a person without a name in Immich", r)
)
AMBIGUOUS_NAME = ReasonKind("ambiguous_name", "More than one person is called {names}.", ": {names}")
RULED_OUT_PERSON = ReasonKind(
    "ruled_out_person", "Immich says {names}, but a user ruled this out.", ": {names}"
)
MIXED_PERSON = ReasonKind(
    "mixed_person", "Immich says {names}, but the faces under that name look like two people's.", ": {names}"
)
NOT_BORN_YET = ReasonKind(
    "not_born_yet", "Immich says {names}, who was not born yet ({detail}).", ": {names}"
)

A_FACE = ChangeKind("a_face", "there were the face of a wanted person on it, such as {names}")
NAMED = ChangeKind("named", "the unknown face were {names}")
WITHOUT_STRANGERS = ChangeKind(
    "without_strangers",
    lambda c: "the stranger were not on it" if c.value == 1 else f"the {c.value} strangers were not on it",
)
RECOGNISED_ONCE = ChangeKind("recognised_once", "only one of the faces were {names}")
ONE_OF_THAT_NAME = ChangeKind("one_of_that_name", "only one person were called {names}")
WITHOUT_DATE = ChangeKind("without_date", "the file did not say when it was taken", remote=True)
ONE_PERSON = ChangeKind("one_person", "a user said that all faces of {names} are one person's")
NOT_RULED_OUT = ChangeKind("not_ruled_out", "no user had ruled out {names}")


@rule(
    Category.UNIDENTIFIED,
    "noface_",
    NO_FACES_DETECTED,
    ONLY_BACKGROUND_FACES,
    ONLY_PASSING_FACES,
    ONLY_IGNORED_FACES,
    passed=lambda case, _: f"There is a face that counts ({quantity(len(case.large), 'face')}).",
)
def no_faces_detected(case: Case) -> Reason | None:
    """No face on it counts."""
    if not case.recognisable or case.counted:
        return None
    if case.ignored:
        return ONLY_IGNORED_FACES.reason(numbers={"faces": len(case.ignored)})
    if case.evidence.judged:
        kind = ONLY_BACKGROUND_FACES if case.evidence.judged is case.evidence.faces else ONLY_PASSING_FACES
        return kind.reason(numbers={"faces": len(case.evidence.judged)})
    hint = case.evidence.hint or Hint()
    if hint.turned:
        return NO_FACES_DETECTED.reason(numbers={"turned": hint.turned})
    blurred = {"blur": hint.blur} if hint.blur is not None and hint.blur >= BLURRED else {}
    return NO_FACES_DETECTED.reason(numbers=blurred)


@rule(
    Category.MULTIPLE_FACES,
    "multi_",
    SAME_PERSON_TWICE,
    passed="No person is on it twice.",
    bulk=BulkKind.GROUPS,
)
def same_person_twice(case: Case) -> Reason | None:
    """Two faces on it are one person's."""
    twice = names_of(_people_twice(case.counted))
    return SAME_PERSON_TWICE.reason(twice) if twice else None


def _people_twice(counted: Iterable[Face]) -> list[Person]:
    people = [f.person for f in counted if f.person is not None]
    return list({p.id: p for i, p in enumerate(people) if any(p.id == q.id for q in people[:i])}.values())


@rule(
    Category.UNIDENTIFIED,
    "unknown_",
    UNKNOWN_FACE,
    UNNAMED_PERSON,
    passed=lambda case, _: (
        "Every face that counts has a person with a name." if case.large else "There is no face that counts."
    ),
    bulk=BulkKind.STRANGERS,
)
def unknown_face(case: Case) -> Reason | None:
    """A face has no person, or its person has no name."""
    strangers = _strangers(case)
    if not strangers:
        return None
    kind = UNNAMED_PERSON if all(f.person is not None for f in strangers) else UNKNOWN_FACE
    numbers: dict[str, float] = {"faces": len(strangers)}
    found = [s[0] for f in strangers if (s := suggestions(case.evidence, f))]
    best = max((s.similarity or 0.0 for s in found), default=None)
    nobody = nearest(case.evidence.judging(strangers)) if best is None else None
    if nobody is not None:
        best = nobody.similarity
    if best is not None:
        numbers["similarity"] = best
    names = tuple(dict.fromkeys(s.person.name for s in found))
    return kind.reason(names, numbers, nobody.person.name if nobody is not None else "")


def _strangers(case: Case) -> list[Face]:
    return [f for f in case.counted if f.person is None or not f.person.name]


@rule(
    Category.UNIDENTIFIED,
    "unknown_",
    AMBIGUOUS_NAME,
    passed="No two people share the name of a person on it.",
)
def ambiguous_name(case: Case) -> Reason | None:
    """Two people in Immich share the name of a person on it."""
    found = names_of(_among(case, case.ambiguous))
    return AMBIGUOUS_NAME.reason(found) if found else None


@rule(
    Category.UNIDENTIFIED,
    "unknown_",
    RULED_OUT_PERSON,
    passed="No user has ruled out the person.",
)
def ruled_out_person(case: Case) -> Reason | None:
    """A user ruled out this person before."""
    found = names_of(_among(case, case.evidence.ruled_out))
    return RULED_OUT_PERSON.reason(found) if found else None


@rule(
    Category.UNIDENTIFIED,
    "unknown_",
    NOT_BORN_YET,
    passed="Each person on it was born by then, as far as Immich knows.",
)
def not_born_yet(case: Case) -> Reason | None:
    """It is older than the date of birth that Immich has for a person on it."""
    early = _unborn(case)
    if not early:
        return None
    detail = f"taken on {day_of(case.evidence.taken)}, born on {day_of(early[0].born)}"
    return NOT_BORN_YET.reason(names_of(early), detail=detail)


@rule(
    Category.UNIDENTIFIED,
    "unknown_",
    MIXED_PERSON,
    passed="Under each name on it the faces look like one person's.",
)
def mixed_person(case: Case) -> Reason | None:
    """The faces that Immich has under a name on it look like two people's."""
    found = names_of(_among(case, case.evidence.mixed))
    return MIXED_PERSON.reason(found) if found else None


def _unborn(case: Case) -> list[Person]:
    taken = day_of(case.evidence.taken)
    people = [f.person for f in case.counted if f.person is not None and f.person.name]
    return [p for p in people if taken is not None and (born := day_of(p.born)) is not None and taken < born]


def _among(case: Case, ids: Iterable[str]) -> list[Person]:
    return [f.person for f in case.counted if f.person is not None and f.person.id in ids]


def tries(case: Case) -> Iterator[Try]:
    """Other people on it, or people known better."""
    evidence = case.evidence
    strangers = _strangers(case)
    if strangers:
        person = _wanted_suggestion(case, strangers[0]) or _wanted_person(case.policy)
        faces = tuple(replace(f, person=person) if f.id == strangers[0].id else f for f in evidence.judged)
        yield _judging(case, Change(NAMED, names=(person.name,)), faces)
        rest = tuple(f for f in evidence.judged if f not in strangers)
        if rest:
            yield _judging(case, Change(WITHOUT_STRANGERS, len(strangers)), rest)
    if not evidence.judged:
        person = _wanted_person(case.policy)
        whole = Face("a-face", Box(0, 0, 1, 1), 1, 1, person)
        yield seen(case, Change(A_FACE, names=(person.name,)), faces=(whole,), film=None)
    twice = _people_twice(case.counted)
    if twice:
        first = {f.person.id: f for f in reversed(evidence.judged) if f.person is not None}
        faces = tuple(f for f in evidence.judged if f.person is None or first[f.person.id] is f)
        yield _judging(case, Change(RECOGNISED_ONCE, names=tuple(p.name for p in twice)), faces)
    shared = _among(case, case.ambiguous)
    if shared:
        change = Change(ONE_OF_THAT_NAME, names=tuple(dict.fromkeys(p.name for p in shared)))
        yield Try(change, replace(case, ambiguous=frozenset()))
    said = _among(case, evidence.ruled_out)
    if said:
        change = Change(NOT_RULED_OUT, names=tuple(dict.fromkeys(p.name for p in said)))
        yield seen(case, change, ruled_out=frozenset())
    mixed = _among(case, evidence.mixed)
    if mixed:
        change = Change(ONE_PERSON, names=tuple(dict.fromkeys(p.name for p in mixed)))
        yield seen(case, change, mixed=frozenset())
    if _unborn(case):
        yield seen(case, Change(WITHOUT_DATE), taken=None)


def _judging(case: Case, change: Change, faces: tuple[Face, ...]) -> Try:
    return Try(change, replace(case, evidence=case.evidence.judging(faces)))


def _wanted_suggestion(case: Case, face: Face) -> Person | None:
    people = (s.person for s in suggestions(case.evidence, face))
    return next((person for person in people if case.policy.wanted(person)), None)


def _wanted_person(policy: Policy) -> Person:
    """Somebody of the whitelist as an example."""
    people = (Person(entry.id or "somebody", entry.name) for entry in policy.whitelist)
    return next((person for person in people if policy.wanted(person)), Person("somebody", "somebody"))
