"""The rule about how sure a match is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from smartsort.core.model import Category, Confidence, Decision, Face, Outcome, Person, Reason
from smartsort.core.person_ref import PersonRef
from smartsort.core.policy import WhenUnknown, called
from smartsort.core.reasons import ReasonKind, compared, compared_numbers
from smartsort.core.rules.base import Case, Change, ChangeKind, Try, configured, rule, seen
from smartsort.core.words import above, at_most, listed, side_by_side


def _measured(reason: Reason, name: str) -> tuple[str, str]:
    """Return what was measured, and what was needed."""
    value = reason.numbers[name]
    return side_by_side(value, reason.numbers.get(f"min_{name}", value))


def _too_low(reason: Reason) -> str:
    numbers = " is below ".join(_measured(reason, "confidence"))
    return f"Perhaps {', '.join(reason.names)}: confidence {numbers}{compared(reason)}."


LOW_CONFIDENCE = ReasonKind(
    "low_confidence",
    _too_low,
    lambda r: f": {_measured(r, 'confidence')[0]}",
)
MISTAKEN_MARGIN = 0.2
"""Of two people of whom one was twice taken for the other, as long as no setting asks for more."""


def _torn(reason: Reason) -> str:
    numbers = " apart, ".join(_measured(reason, "margin"))
    why = " because one was taken for the other twice" if "mistaken" in reason.numbers else ""
    return f"Torn between {' and '.join(reason.names)}: they are {numbers} is needed{why}."


LOW_MARGIN = ReasonKind(
    "low_margin",
    _torn,
    lambda r: f": {_measured(r, 'margin')[0]}",
)
CONFIDENCE_UNKNOWN = ReasonKind(
    "confidence_unknown", "Perhaps {names}, but the confidence is unknown: {detail}."
)


def _threshold(key: str, one: Change) -> str:
    value, now = float(one.value), float(one.now)
    more = "or less" if value <= now else "or more"
    wanted, there = side_by_side(value, now)
    return f"`{key}` were {wanted} {more} for {listed(one.names)} (now {there})"


MIN_CONFIDENCE = ChangeKind("min_confidence", lambda c: _threshold("thresholds.min_confidence", c))
MIN_MARGIN = ChangeKind("min_margin", lambda c: _threshold("thresholds.min_margin", c))
CONFIRMED = ChangeKind("confirmed", "you confirmed in Immich that it is {names}")
WHEN_CONFIDENCE_UNKNOWN = ChangeKind(
    "when_confidence_unknown", "`when_confidence_unknown` were {value} (now {now})"
)


def _sure_enough(case: Case, decision: Decision) -> str:
    evidence, policy = case.evidence, case.policy
    people = [(f.id, f.person) for f in case.counted if f.person and f.person.name]
    if not people:
        return "No named person is on it, so there is no match to measure."
    known = [
        (face_id, measured.similarity, policy.thresholds_for(person))
        for face_id, person in people
        if (measured := evidence.confidence.get(face_id)) and measured.similarity is not None
    ]
    judged = [
        (similarity, limits) for face_id, similarity, limits in known if face_id not in evidence.confirmed
    ]
    if not known and decision.outcome is Outcome.SORTED:
        return "The confidence of the match was not measured, and the settings accept that."
    if not known:
        return "The confidence of the match was not measured, because it would have changed nothing."
    if not judged:
        return "A human assigned every face on it."
    # Of several people the one who came closest to being refused: each may have a threshold of their own.
    similarity, limits = min(judged, key=lambda one: one[0] - one[1].min_confidence)
    value, least = side_by_side(similarity, limits.min_confidence)
    return f"The confidence is high enough: {value}, {least} is needed, and {limits.min_margin:g} of margin."


@rule(
    Category.LOW_CONFIDENCE, "lowconf_", LOW_CONFIDENCE, LOW_MARGIN, CONFIDENCE_UNKNOWN, passed=_sure_enough
)
def low_confidence(case: Case) -> Reason | None:
    """A face is below `thresholds.min_confidence`, or its margin is below `thresholds.min_margin`."""
    found = [
        reason
        for face in case.counted
        if face.person is not None and face.person.name and face.id not in case.evidence.confirmed
        if (reason := _confidence_of(case, face, face.person)) is not None
    ]
    return min(found, key=lambda reason: reason.numbers.get("confidence", -1.0), default=None)


def _confidence_of(case: Case, face: Face, person: Person) -> Reason | None:
    measured = case.evidence.confidence.get(face.id)
    limits = case.policy.thresholds_for(person)
    if measured is None or measured.similarity is None:
        if case.policy.when_confidence_unknown is WhenUnknown.ACCEPT:
            return None
        why = measured.why_unknown if measured else None
        return CONFIDENCE_UNKNOWN.reason((person.name,), detail=why or "smartsort does not measure it")
    if measured.similarity < limits.min_confidence:
        numbers = {"confidence": measured.similarity, "min_confidence": limits.min_confidence}
        numbers |= compared_numbers(measured)
        return LOW_CONFIDENCE.reason((person.name,), numbers)
    if measured.margin is not None and measured.margin < limits.min_margin:
        runner_up = (measured.runner_up.name,) if measured.runner_up else ()
        numbers = {
            "confidence": measured.similarity,
            "margin": measured.margin,
            "min_margin": limits.min_margin,
        }
        return LOW_MARGIN.reason((person.name, *runner_up), numbers)
    rival = measured.mistaken
    if rival is not None and rival.similarity is not None:
        margin = measured.similarity - rival.similarity
        if margin < max(MISTAKEN_MARGIN, limits.min_margin):
            numbers = {
                "confidence": measured.similarity,
                "margin": margin,
                "min_margin": max(MISTAKEN_MARGIN, limits.min_margin),
                "mistaken": 1,
            }
            return LOW_MARGIN.reason((person.name, rival.person.name), numbers)
    return None


def tries(case: Case) -> Iterator[Try]:
    """Other thresholds, and a human's word."""
    evidence, policy = case.evidence, case.policy
    for face in case.counted:
        measured = evidence.confidence.get(face.id)
        if face.person is None or not face.person.name or measured is None or measured.similarity is None:
            continue
        yield _with_limit(case, MIN_CONFIDENCE, face.person, measured.similarity)
        if measured.margin is not None:
            yield _with_limit(case, MIN_MARGIN, face.person, measured.margin, least=0.0)
        if face.id not in evidence.confirmed:
            change = Change(CONFIRMED, names=(face.person.name,))
            yield seen(case, change, confirmed=evidence.confirmed | {face.id})
    known = evidence.confidence
    if any(f.person is not None and not known.get(f.id, Confidence()).known for f in case.counted):
        now = policy.when_confidence_unknown
        other = next(each for each in WhenUnknown if each is not now)
        change = Change(WHEN_CONFIDENCE_UNKNOWN, other.value, now.value)
        yield configured(case, change, when_confidence_unknown=other)


def _with_limit(case: Case, kind: ChangeKind, person: Person, measured: float, least: float = -1.0) -> Try:
    """Return a limit that the measured value just reaches, or just misses.

    The person's own, if they have some.
    """
    limits, own = case.policy.thresholds_for(person), case.policy.person_thresholds
    now: float = getattr(limits, kind.code)
    # Shown with two digits, so these have to be enough: down to reach it, up to miss it.
    value = max(least, at_most(measured, 2)) if measured < now else above(measured, 2)
    change, limits = Change(kind, value, now, (person.name,)), replace(limits, **{kind.code: value})
    meant = called(person.name, [PersonRef(name) for name in own])
    if not meant:
        return configured(case, change, thresholds=limits)
    return configured(case, change, person_thresholds={**own, meant[0].name: limits})
