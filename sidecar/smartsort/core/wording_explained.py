"""An explanation in words: what was seen, what each rule said, what would change it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from smartsort.core.changes import Change
from smartsort.core.decision import Case
from smartsort.core.explain import Alternative, Explanation, Verdict
from smartsort.core.model import Decision, Face, Outcome, Person, Suggestion
from smartsort.core.wording import sentence
from smartsort.core.wording_numbers import side_by_side

# --- where it is -----------------------------------------------------------------------------


def destination(decision: Decision) -> str:
    """Where a decision puts a photo, as the end of a sentence."""
    if decision.outcome is Outcome.SORTED:
        return f"filed under {_and(p.name for p in decision.people)}"
    if decision.outcome is Outcome.SKIPPED or decision.category is None:
        return "put away as a duplicate"
    return f"put into review/{decision.category.value}"


def summary(found: Explanation) -> str:
    """The decision and its reason."""
    return f"It was {destination(found.decision)}: {sentence(found.decision.reason)}"


# --- what was seen ---------------------------------------------------------------------------


def seen(found: Explanation) -> list[str]:
    """One line for each face, from left to right; one that says why, where there is none."""
    evidence = found.evidence
    if not evidence.faces:
        return [
            "Immich looked at it and found no face."
            if found.looked_at
            else "Who is on it was not asked: that was decided before."
        ]
    ordered = sorted(evidence.faces, key=lambda f: (f.box.x1, f.box.y1, f.id))
    return [_face(number, face, found) for number, face in enumerate(ordered, 1)]


def _face(number: int, face: Face, found: Explanation) -> str:
    evidence = found.evidence
    share, needed = _percent(face.share, found.policy.min_face_share)
    parts = [f"Face {number} covers {share} of the picture"]
    if face.share < found.policy.min_face_share:
        parts.append(f"too small to count ({needed} is needed)")
    if face.person is None:
        parts.append("Immich knows nobody it belongs to")
    elif not face.person.name:
        parts.append("Immich knows the person, but nobody has named them")
    else:
        parts.append(f"Immich says it is {face.person.name}")
        parts += _sureness(face, face.person, found)
    text = ", ".join(parts) + "."
    suggestions = evidence.suggestions.get(face.id, ())
    if suggestions:
        text += f" Closest: {_and(map(_suggested, suggestions))}."
    return text


def _suggested(one: Suggestion) -> str:
    return one.person.name if one.similarity is None else f"{one.person.name} ({one.similarity:.2f})"


def _sureness(face: Face, person: Person, found: Explanation) -> list[str]:
    evidence = found.evidence
    if face.id in evidence.confirmed:
        return ["and a human gave it to them there"]
    measured = evidence.confidence.get(face.id)
    if measured is None:
        if found.decision.outcome is Outcome.SORTED:
            return ["nothing measures how sure that is"]
        return []  # it would have changed nothing
    if measured.similarity is None:
        return [f"how sure that is nobody knows: {measured.why_unknown}"]
    limits = found.policy.thresholds_for(person)
    parts = [f"confidence {side_by_side(measured.similarity, limits.min_confidence)[0]}"]
    if measured.margin is not None and measured.runner_up is not None:
        nearer = "nearer" if measured.margin >= 0 else "further away"
        margin, _ = side_by_side(abs(measured.margin), limits.min_margin)
        parts.append(f"{margin} {nearer} than {measured.runner_up.name}")
    return parts


# --- what each rule said ---------------------------------------------------------------------


def _counted(found: Explanation) -> int:
    return sum(face.share >= found.policy.min_face_share for face in found.evidence.faces)


def _not_too_many(found: Explanation) -> str:
    count, allowed = _counted(found), found.policy.max_faces
    counting = f"{_faces(count)} {'counts' if count == 1 else 'count'}, {allowed} allowed"
    if count <= allowed:
        return f"{counting}."
    return f"{counting}, but `multiple_faces = {found.policy.multiple_faces.value}` lets them pass."


def _sure_enough(found: Explanation) -> str:
    evidence, policy = found.evidence, found.policy
    people = [(f.id, f.person) for f in Case(evidence, policy, ()).counted if f.person and f.person.name]
    if not people:
        return "There is nobody to be sure about."
    known = [
        (face_id, measured.similarity, policy.thresholds_for(person))
        for face_id, person in people
        if (measured := evidence.confidence.get(face_id)) and measured.similarity is not None
    ]
    judged = [
        (similarity, limits) for face_id, similarity, limits in known if face_id not in evidence.confirmed
    ]
    if not known and found.decision.outcome is Outcome.SORTED:
        return "How sure the match is was not measured, and the settings accept that."
    if not known:
        return "How sure the match is was not measured: it would have changed nothing."
    if not judged:
        return "A human gave every face on it to its person."
    # Of several people the one who came closest to being refused: each may have a threshold of their own.
    similarity, limits = min(judged, key=lambda one: one[0] - one[1].min_confidence)
    value, least = side_by_side(similarity, limits.min_confidence)
    return f"The match is sure enough: {value}, {least} is needed, and {limits.min_margin:g} of margin."


_PASSED: dict[str, Callable[[Explanation], str]] = {
    "unreadable": lambda _: "It is a picture that can be read.",
    "duplicate": lambda _: "No other file with the same content was known.",
    "near_duplicate": lambda _: "No near copy of it was found.",
    "blacklisted": lambda _: "Nobody on it is on the blacklist.",
    "gave_up": lambda _: "Immich finished looking at it.",
    "no_face": lambda e: f"There is a face that counts ({_faces(_counted(e))}).",
    "too_many": _not_too_many,
    "same_person_twice": lambda _: "Nobody is on it twice.",
    "unknown": lambda e: "Every face that counts has a person with a name." if _counted(e) else _NOBODY,
    "ambiguous": lambda _: "Nobody on it shares their name with somebody else.",
    "denied": lambda _: "Nobody has said that it is not who Immich says.",
    "not_wanted": lambda e: (
        "Everybody with a name is wanted: the whitelist is empty."
        if not e.policy.whitelist
        else "Nobody on it is missing on the whitelist."
    ),
    "low_confidence": _sure_enough,
}

_NOBODY = "There is no face that counts."


def rules(found: Explanation) -> list[tuple[Verdict, str]]:
    """What each rule said, in the order of their priority; rules nobody could ask are left out."""
    asked = found.verdicts
    if not found.looked_at:
        before = {"unreadable"} if found.evidence.unreadable is not None else {"unreadable", "duplicate"}
        asked = tuple(v for v in asked if v.reason is not None or v.rule in before)
    return [(v, sentence(v.reason) if v.reason is not None else _PASSED[v.rule](found)) for v in asked]


# --- what would change it --------------------------------------------------------------------

_CHANGES: dict[str, Callable[[Change], str]] = {
    "no_other_copy": lambda _: "the other copy did not exist",
    "not_the_same": lambda _: "somebody said that the two are not the same picture",
    "on_duplicate": lambda c: f"`deduplication.action_on_duplicate` were {c.value} (now {c.now})",
    "readable": lambda _: "the file could be read as a picture",
    "recognised": lambda _: "Immich could finish looking at it",
    "min_confidence": lambda c: _threshold("thresholds.min_confidence", c),
    "min_margin": lambda c: _threshold("thresholds.min_margin", c),
    "confirmed": lambda c: f"somebody confirmed in Immich that it is {_and(c.names)}",
    "when_confidence_unknown": lambda c: f"`when_confidence_unknown` were {c.value} (now {c.now})",
    "max_faces": lambda c: f"`thresholds.max_faces_per_image` were {c.value} (now {c.now})",
    "min_face_share": lambda c: (
        f"`thresholds.min_face_share` were {float(c.value):g} (now {float(c.now):g})"
        + (", so that smaller faces did not count" if float(c.value) > float(c.now) else "")
    ),
    "multiple_faces": lambda c: f"`multiple_faces` were {c.value} (now {c.now})",
    "named": lambda c: f"the unknown face were {_and(c.names)}",
    "without_strangers": lambda c: (
        "the stranger were not on it" if c.value == 1 else f"the {c.value} strangers were not on it"
    ),
    "a_face": lambda c: f"there were the face of somebody wanted on it, such as {_and(c.names)}",
    "recognised_once": lambda c: f"only one of the faces were {_and(c.names)}",
    "one_of_that_name": lambda c: f"only one person were called {_and(c.names)}",
    "not_denied": lambda c: f"nobody had said that it is not {_and(c.names)}",
    "blacklist_remove": lambda c: f"{_and(c.names) or 'that person'} were not on the blacklist",
    "blacklist_add": lambda c: f"{_and(c.names)} were on the blacklist",
    "whitelist_add": lambda c: f"{_and(c.names)} were on the whitelist",
    "whitelist_remove": lambda c: f"{_and(c.names)} were not on the whitelist",
    "category_off": lambda c: f"`review_categories.{c.value}` were switched off",
    "category_on": lambda c: f"`review_categories.{c.value}` were switched on",
}

CHANGE_CODES = frozenset(_CHANGES)
"""Every code a `Change` may carry."""


def change(one: Change) -> str:
    """A change as the end of "If ..."."""
    return _CHANGES[one.code](one)


def alternative(one: Alternative) -> str:
    """What would have to be otherwise, and where the photo would be then."""
    condition = " and ".join(change(each) for each in one.changes)
    if one.open:
        return f"If {condition}, Immich would be asked who is on it."
    where = f"it would be {destination(one.decision)}"
    if one.unmeasured:
        where += " (how sure that is would be measured first, where it can be)"
    return f"If {condition}, {where}."


def _threshold(key: str, one: Change) -> str:
    value, now = float(one.value), float(one.now)
    more = "or less" if value <= now else "or more"
    wanted, there = side_by_side(value, now)
    return f"`{key}` were {wanted} {more} for {_and(one.names)} (now {there})"


# --- shared ----------------------------------------------------------------------------------


def _and(names: Iterable[str]) -> str:
    listed = list(names)
    if len(listed) < 2:
        return "".join(listed)
    return f"{', '.join(listed[:-1])} and {listed[-1]}"


def _faces(count: int) -> str:
    return f"{count} face" if count == 1 else f"{count} faces"


def _percent(share: float, limit: float) -> tuple[str, str]:
    value, least = side_by_side(100 * share, 100 * limit, 1 if share < 0.1 else 0)
    return f"{value}%", f"{least}%"
