"""Settings and facts that might be otherwise for one photo, each as little as could matter."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from smartsort.core.decision import Case, decide
from smartsort.core.model import Box, Category, Confidence, Decision, Evidence, Face, Person
from smartsort.core.policy import (
    MultipleFaces,
    OnDuplicate,
    PersonRef,
    Policy,
    Thresholds,
    WhenUnknown,
    called,
)


@dataclass(frozen=True, slots=True)
class Change:
    """One setting or fact that might be otherwise.

    `code` says which, `value` what it would be and `now` what it is, `names` whom it is about.
    """

    code: str
    value: str | float = ""
    now: str | float = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a decision looks at."""

    evidence: Evidence
    policy: Policy
    ambiguous: frozenset[str]

    def decide(self) -> Decision:
        """What becomes of the photo."""
        return decide(self.evidence, self.policy, self.ambiguous)


@dataclass(frozen=True, slots=True)
class Try:
    """A change, and what the decision would look at then."""

    change: Change
    then: Inputs


def tries_of(inputs: Inputs) -> Iterator[Try]:
    """Changes that might send the photo elsewhere; whether they do, a decision tells."""
    yield from _about_copies(inputs)
    yield from _about_looking(inputs)
    yield from _about_thresholds(inputs)
    yield from _about_counting(inputs)
    yield from _about_faces(inputs)
    yield from _about_lists(inputs)
    yield from _about_folders(inputs)


def _seen(inputs: Inputs, change: Change, evidence: Evidence) -> Try:
    return Try(change, replace(inputs, evidence=evidence))


def _set(inputs: Inputs, change: Change, policy: Policy) -> Try:
    return Try(change, replace(inputs, policy=policy))


def _about_copies(inputs: Inputs) -> Iterator[Try]:
    evidence, policy = inputs.evidence, inputs.policy
    if evidence.other_copy is not None:
        yield _seen(inputs, Change("no_other_copy"), replace(evidence, other_copy=None))
        other = (
            OnDuplicate.SKIP if policy.on_duplicate is not OnDuplicate.SKIP else OnDuplicate.MOVE_TO_REVIEW
        )
        change = Change("on_duplicate", other.value, policy.on_duplicate.value)
        yield _set(inputs, change, replace(policy, on_duplicate=other))
    if evidence.near_copy is not None:
        yield _seen(inputs, Change("not_the_same"), replace(evidence, near_copy=None, comparison=None))


def _about_looking(inputs: Inputs) -> Iterator[Try]:
    """What nobody knows of a file that was not looked at: only that it would be judged then."""
    evidence = inputs.evidence
    if evidence.unreadable is not None:
        yield _seen(inputs, Change("readable"), replace(evidence, unreadable=None))
    if evidence.gave_up is not None:
        yield _seen(inputs, Change("recognised"), replace(evidence, gave_up=None))


def _about_thresholds(inputs: Inputs) -> Iterator[Try]:
    evidence, policy = inputs.evidence, inputs.policy
    counted = Case(evidence, policy, inputs.ambiguous).counted
    for face in counted:
        measured = evidence.confidence.get(face.id)
        if face.person is None or not face.person.name or measured is None or measured.similarity is None:
            continue
        limits = policy.thresholds_for(face.person)
        yield _confidence_try(inputs, face.person, limits, measured)
        if measured.margin is not None:
            yield _margin_try(inputs, face.person, limits, measured.margin)
        if face.id not in evidence.confirmed:
            confirmed = evidence.confirmed | {face.id}
            change = Change("confirmed", names=(face.person.name,))
            yield _seen(inputs, change, replace(evidence, confirmed=confirmed))
    unknown = [
        f for f in counted if f.person is not None and not evidence.confidence.get(f.id, Confidence()).known
    ]
    if unknown:
        other = next(each for each in WhenUnknown if each is not policy.when_confidence_unknown)
        change = Change("when_confidence_unknown", other.value, policy.when_confidence_unknown.value)
        yield _set(inputs, change, replace(policy, when_confidence_unknown=other))


def _confidence_try(inputs: Inputs, person: Person, limits: Thresholds, measured: Confidence) -> Try:
    similarity = measured.similarity or 0.0
    # Shown with two digits, so these have to be enough: down to reach it, up to miss it.
    value = _down(similarity) if similarity < limits.min_confidence else _up(similarity)
    own = replace(limits, min_confidence=value)
    change = Change("min_confidence", value, limits.min_confidence, (person.name,))
    return _set(inputs, change, _with_limits(inputs.policy, person, own))


def _margin_try(inputs: Inputs, person: Person, limits: Thresholds, margin: float) -> Try:
    value = max(0.0, _down(margin)) if margin < limits.min_margin else _up(margin)
    change = Change("min_margin", value, limits.min_margin, (person.name,))
    return _set(inputs, change, _with_limits(inputs.policy, person, replace(limits, min_margin=value)))


def _down(value: float) -> float:
    return math.floor(value * 100) / 100


def _up(value: float) -> float:
    return math.floor(value * 100 + 1) / 100


def _with_limits(policy: Policy, person: Person, limits: Thresholds) -> Policy:
    """The person's own limits where they have some, else everybody's."""
    meant = called(person.name, [PersonRef(name) for name in policy.person_thresholds])
    own = meant[0].name if meant else None
    if own is None:
        return replace(policy, thresholds=limits)
    return replace(policy, person_thresholds={**policy.person_thresholds, own: limits})


def _about_counting(inputs: Inputs) -> Iterator[Try]:
    evidence, policy = inputs.evidence, inputs.policy
    shares = sorted(f.share for f in evidence.faces)
    big = [share for share in shares if share >= policy.min_face_share]
    if len(big) > policy.max_faces:
        change = Change("max_faces", len(big), policy.max_faces)
        yield _set(inputs, change, replace(policy, max_faces=len(big)))
        # Just so many that the allowed number is left, if they differ in size at all.
        share = _share_above(big[-policy.max_faces - 1])
        if share <= big[-policy.max_faces]:
            change = Change("min_face_share", share, policy.min_face_share)
            yield _set(inputs, change, replace(policy, min_face_share=share))
    elif len(big) > 1:
        change = Change("max_faces", len(big) - 1, policy.max_faces)
        yield _set(inputs, change, replace(policy, max_faces=len(big) - 1))
    if len(big) < len(shares):
        share = 0.0
        change = Change("min_face_share", share, policy.min_face_share)
        yield _set(inputs, change, replace(policy, min_face_share=share))
    if len(big) > policy.max_faces:
        for choice in MultipleFaces:
            if choice is not policy.multiple_faces:
                change = Change("multiple_faces", choice.value, policy.multiple_faces.value)
                yield _set(inputs, change, replace(policy, multiple_faces=choice))


def _share_above(share: float) -> float:
    """The next share with four digits."""
    return math.floor(share * 10_000 + 1) / 10_000


def _about_faces(inputs: Inputs) -> Iterator[Try]:
    evidence, policy = inputs.evidence, inputs.policy
    somebody = Person("somebody", policy.whitelist[0].name if policy.whitelist else "somebody")
    counted = Case(evidence, policy, inputs.ambiguous).counted
    strangers = [f for f in counted if f.person is None or not f.person.name]
    if strangers:
        person = _wanted_suggestion(evidence, strangers[0], policy) or _wanted_person(policy, somebody)
        named = {f.id for f in strangers[:1]}
        faces = tuple(replace(f, person=person) if f.id in named else f for f in evidence.faces)
        yield _seen(inputs, Change("named", names=(person.name,)), replace(evidence, faces=faces))
        rest = tuple(f for f in evidence.faces if f not in strangers)
        if rest:
            change = Change("without_strangers", len(strangers))
            yield _seen(inputs, change, replace(evidence, faces=rest))
    if not evidence.faces:
        person = _wanted_person(policy, somebody)
        whole = _one_face(person)
        yield _seen(inputs, Change("a_face", names=(person.name,)), replace(evidence, faces=(whole,)))
    twice = _people_twice(counted)
    if twice:
        first = {f.person.id: f for f in reversed(evidence.faces) if f.person is not None}
        faces = tuple(f for f in evidence.faces if f.person is None or first[f.person.id] is f)
        change = Change("recognised_once", names=tuple(p.name for p in twice))
        yield _seen(inputs, change, replace(evidence, faces=faces))
    shared = [f.person for f in counted if f.person is not None and f.person.id in inputs.ambiguous]
    if shared:
        change = Change("one_of_that_name", names=tuple(dict.fromkeys(p.name for p in shared)))
        yield Try(change, replace(inputs, ambiguous=frozenset()))
    said = [f.person for f in counted if f.person is not None and f.person.id in evidence.denied]
    if said:
        change = Change("not_denied", names=tuple(dict.fromkeys(p.name for p in said)))
        yield _seen(inputs, change, replace(evidence, denied=frozenset()))


def _one_face(person: Person) -> Face:
    return Face("a-face", Box(0, 0, 1, 1), 1, 1, person)


def _wanted_suggestion(evidence: Evidence, face: Face, policy: Policy) -> Person | None:
    found = (s.person for s in evidence.suggestions.get(face.id, ()) if s.person.id not in evidence.denied)
    return next((person for person in found if policy.wanted(person)), None)


def _wanted_person(policy: Policy, somebody: Person) -> Person:
    """Somebody of the whitelist as an example."""
    for entry in policy.whitelist:
        person = Person(entry.id or "somebody", entry.name)
        if policy.wanted(person):
            return person
    return somebody


def _people_twice(counted: Iterable[Face]) -> list[Person]:
    people = [f.person for f in counted if f.person is not None]
    return list({p.id: p for i, p in enumerate(people) if any(p.id == q.id for q in people[:i])}.values())


def _about_lists(inputs: Inputs) -> Iterator[Try]:
    evidence, policy = inputs.evidence, inputs.policy
    counted = Case(evidence, policy, inputs.ambiguous).counted
    unwanted = {
        f.person.id: f.person for f in evidence.faces if f.person is not None and policy.blacklisted(f.person)
    }
    if unwanted:
        kept = tuple(e for e in policy.blacklist if not any(e.means(p) for p in unwanted.values()))
        names = tuple(p.name for p in unwanted.values() if p.name)
        yield _set(inputs, Change("blacklist_remove", names=names), replace(policy, blacklist=kept))
    people = {f.person.id: f.person for f in counted if f.person is not None and f.person.name}
    missing = [p for p in people.values() if not policy.wanted(p) and not policy.blacklisted(p)]
    if missing:
        entries = (*policy.whitelist, *(PersonRef(p.name, p.id) for p in missing))
        change = Change("whitelist_add", names=tuple(p.name for p in missing))
        yield _set(inputs, change, replace(policy, whitelist=entries))
    wanted = [p for p in people.values() if policy.wanted(p)]
    listed = [e for e in policy.whitelist if any(e.means(p) for p in wanted)]
    if wanted and listed and len(listed) < len(policy.whitelist):
        kept = tuple(e for e in policy.whitelist if e not in listed)
        change = Change("whitelist_remove", names=tuple(p.name for p in wanted))
        yield _set(inputs, change, replace(policy, whitelist=kept))
    if wanted:
        entries = (*policy.blacklist, *(PersonRef(p.name, p.id) for p in wanted))
        change = Change("blacklist_add", names=tuple(p.name for p in wanted))
        yield _set(inputs, change, replace(policy, blacklist=entries))


def _about_folders(inputs: Inputs) -> Iterator[Try]:
    policy, category = inputs.policy, inputs.decide().category
    if category is not None and category is not Category.UNIDENTIFIED:
        change = Change("category_off", category.value)
        yield _set(inputs, change, replace(policy, categories=policy.categories - {category}))
    for missing in sorted(set(Category) - policy.categories):
        change = Change("category_on", missing.value)
        yield _set(inputs, change, replace(policy, categories=policy.categories | {missing}))
