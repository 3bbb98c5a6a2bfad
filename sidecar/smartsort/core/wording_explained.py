"""An explanation in words: what was seen, what each rule said, what would change it."""

from __future__ import annotations

from typing import Literal

from smartsort.core.explain import Alternative, Explanation, Verdict
from smartsort.core.model import Decision, Face, Film, FilmFace, Outcome, Person, Suggestion
from smartsort.core.rules.base import Phase
from smartsort.core.rules.frames import counted, name_of
from smartsort.core.suggestion import nearest, suggestions
from smartsort.core.wording import sentence
from smartsort.core.words import clock, clocks, listed, quantity, side_by_side

# --- where it is -----------------------------------------------------------------------------


def destination(decision: Decision) -> str:
    """Return where a decision puts a photo, as the end of a sentence."""
    if decision.outcome is Outcome.SORTED:
        return f"filed under {listed(p.name for p in decision.people)}"
    if decision.outcome is Outcome.SKIPPED or decision.category is None:
        return "put away as a duplicate"
    return f"put into review/{decision.category.value}"


def summary(found: Explanation) -> str:
    """Return the decision and its reason."""
    return f"It was {destination(found.decision)}: {sentence(found.decision.reason)}"


# --- what was seen ---------------------------------------------------------------------------


def seen(found: Explanation) -> list[str]:
    """Return one line for each face, from left to right. One that says why, where there is none.

    Of a video first those in its frames, the most seen first, with the times at which they are seen.
    """
    evidence = found.case.evidence
    film = evidence.film
    if film is not None and film.is_judged:
        frames = [_in_frames(one, film, found) for one in film.faces] or [counted(film) + "."]
        return [*frames, *(_on_poster(face) for face in evidence.faces)]
    if not evidence.faces:
        return [
            "Immich looked at it and found no face."
            if found.looked_at
            else "Immich was not asked who is on it, because another rule had decided before."
        ]
    ordered = sorted(evidence.faces, key=lambda f: (f.box.x1, f.box.y1, f.id))
    return [_face(number, face, found) for number, face in enumerate(ordered, 1)]


def _in_frames(one: FilmFace, film: Film, found: Explanation) -> str:
    share, _ = _percent(one.face.area_fraction, found.case.policy.min_face_area)
    name = name_of(one)
    parts = [
        f"{name[:1].upper() + name[1:]} in {len(one.seen)} of {quantity(len(film.times), 'frame')}",
        f"{share} of the picture at best",
    ]
    if one.face not in found.case.counted:
        parts.append("too small or too brief to count")
    if one.face.person is not None and one.face.person.name:
        parts += _sureness(one.face, one.face.person, found)
    said = dict(zip(film.times, clocks(film.times), strict=True))
    text = ", ".join(parts) + f". Seen at {listed(said.get(s.at) or clock(s.at) for s in one.seen)}."
    suggestions = found.case.evidence.suggestions.get(one.face.id, ())
    return text + (f" Closest: {listed(map(_suggested, suggestions))}." if suggestions else "")


def _on_poster(face: Face) -> str:
    who = face.person.name if face.person is not None and face.person.name else "a person without a name"
    return f"On the poster frame, Immich says it is {who}."


def _face(number: int, face: Face, found: Explanation) -> str:
    evidence = found.case.evidence
    share, needed = _percent(face.area_fraction, found.case.policy.min_face_area)
    parts = [f"Face {number} covers {share} of the picture"]
    if face.area_fraction < found.case.policy.min_face_area:
        parts.append(f"too small to count ({needed} is needed)")
    if face.person is None:
        parts.append("Immich assigns it to no person")
    elif not face.person.name:
        parts.append("Immich knows the person without a name")
    else:
        parts.append(f"Immich says it is {face.person.name}")
        parts += _sureness(face, face.person, found)
    text = ", ".join(parts) + "."
    close = suggestions(evidence, face)
    best = nearest(evidence.judging((face,)))
    if close:
        text += f" Closest: {listed(map(_suggested, close))}."
    elif best is not None and best.person != face.person:
        text += f" No person is close: {_suggested(best)} is the nearest."
    return text


def _suggested(one: Suggestion) -> str:
    return f"{one.person.name} ({one.similarity:.2f})"


def _sureness(face: Face, person: Person, found: Explanation) -> list[str]:
    evidence = found.case.evidence
    if face.id in evidence.confirmed:
        return ["and a human assigned it there"]
    measured = evidence.confidence.get(face.id)
    if measured is None:
        if found.decision.outcome is Outcome.SORTED:
            return ["smartsort does not measure the confidence"]
        return []  # it would have changed nothing
    if measured.similarity is None:
        return [f"confidence unknown: {measured.why_unknown}"]
    limits = found.case.policy.thresholds_for(person)
    parts = [f"confidence {side_by_side(measured.similarity, limits.min_confidence)[0]}"]
    if measured.margin is not None and measured.runner_up is not None:
        nearer = "nearer" if measured.margin >= 0 else "further away"
        margin, _ = side_by_side(abs(measured.margin), limits.min_margin)
        parts.append(f"{margin} {nearer} than {measured.runner_up.name}")
    return parts


# --- what each rule said ---------------------------------------------------------------------


def rules(found: Explanation) -> list[tuple[Verdict, str]]:
    """Return what each rule said, in the order of their priority. Rules nobody could ask are left out."""
    asked, case = found.verdicts, found.case
    if not found.looked_at:
        reached = Phase.READ if case.evidence.unreadable is not None else Phase.COMPARED
        asked = tuple(v for v in asked if v.reason is not None or v.rule.phase <= reached)
    return [
        (v, sentence(v.reason) if v.reason is not None else v.rule.passed(case, found.decision))
        for v in asked
    ]


def filing_rules(found: Explanation) -> list[tuple[str, Literal["passed", "matched", "decided"], str]]:
    """Return each of the household's own rules by name, and what it said, in the order of their priority."""
    filed, rules = found.filed, found.case.policy.filing.rules
    if filed is None:
        return []
    reasons = dict(zip(filed.fits, filed.reasons, strict=True))
    return [
        (rule.name, "decided" if rule is filed.fits[0] else "matched", sentence(reasons[rule]))
        if rule in reasons
        else (rule.name, "passed", f"Your rule {rule.name} does not fit.")
        for rule in rules
    ]


# --- what would change it --------------------------------------------------------------------


def alternative(one: Alternative) -> str:
    """Return what would have to be otherwise, and where the photo would be then."""
    condition = " and ".join(map(str, one.changes))
    if one.open:
        return f"If {condition}, Immich would be asked who is on it."
    where = f"it would be {destination(one.decision)}"
    if one.unmeasured:
        where += " (smartsort would measure the confidence first, if it can)"
    return f"If {condition}, {where}."


def _percent(share: float, limit: float) -> tuple[str, str]:
    value, least = side_by_side(100 * share, 100 * limit, 1 if share < 0.1 else 0)
    return f"{value}%", f"{least}%"
