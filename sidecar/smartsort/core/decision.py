"""The decision: who is this photo filed under, or why does it wait.

A pure function of evidence and policy. Every rule of `RULES` runs and every reason is kept. The rule
that stands first in the table chooses the folder. A rule that raises sends the photo to review.
"""

from __future__ import annotations

from collections.abc import Collection

from smartsort.core.marks import marked
from smartsort.core.model import Category, Decision, Evidence, Face, Outcome, Person, Reason
from smartsort.core.policy import OnDuplicate, Policy
from smartsort.core.reasons import (
    CATEGORY_OFF,
    FACE_MATCH_VERIFIED,
    SORTED_BEFORE,
    UNDONE_FILING,
    compared_numbers,
)
from smartsort.core.rules import ASKED_OF_ADOPTED, RULES, copies
from smartsort.core.rules.base import Case, Rule, names_of
from smartsort.core.rules.frames import of_frames
from smartsort.core.rules.sorted_before import people_of
from smartsort.core.suggestion import surely

UNDONE_PREFIX = "undone_"
"""Of a photo that was filed by mistake and waits for a human."""


def rules_of(name: str, category: Category) -> tuple[str, tuple[str, ...]]:
    """(prefix, names of the rules) that the name of a waiting file tells, ("", ()) for one without a prefix.

    A folder may be switched off, so that its photos wait in `unidentified`.
    """
    possible = (r for r in RULES if category in (r.category, Category.UNIDENTIFIED))
    found = [rule for rule in possible if name.startswith(rule.prefix)]
    if found:
        return found[0].prefix, tuple(rule.name for rule in found)
    return (UNDONE_PREFIX, (UNDONE_FILING.code,)) if name.startswith(UNDONE_PREFIX) else ("", ())


def decide(
    evidence: Evidence,
    policy: Policy,
    ambiguous: Collection[str] = frozenset(),
    rules: tuple[Rule, ...] = RULES,
) -> Decision:
    """What becomes of the photo. Never raises: a rule that fails is a reason to ask a human."""
    evidence = marked(evidence)
    case = Case(evidence, policy, ambiguous)
    found = [(rule, reason) for rule in rules if (reason := rule.says(case)) is not None]
    own = people_of(case)
    if not found or (own and all(rule not in ASKED_OF_ADOPTED for rule, _ in found)):
        people = own or _distinct(case.counted)
        reason = SORTED_BEFORE.reason(names_of(own)) if own else _verified(case, people)
        return Decision(
            outcome=Outcome.SORTED,
            reasons=(reason, *(r for _, r in found), *of_frames(case)),
            people=people,
            policy_version=policy.version,
            faces_detected=len(evidence.judged),
            folders=policy.folders(evidence),
        )
    rule = found[0][0]
    outcome = Outcome.REVIEWED
    copy = evidence.other_copy
    # A copy that lies in a trash may vanish with it: then this file is the last one and is never skipped.
    if rule is copies.duplicate and policy.on_duplicate is OnDuplicate.SKIP and copy and copy.alive:
        outcome = Outcome.SKIPPED
    reasons = (*(r for _, r in found), *of_frames(case))
    category = rule.category
    if category not in policy.categories and category is not Category.UNIDENTIFIED:
        category = Category.UNIDENTIFIED
        reasons = (*reasons, CATEGORY_OFF.reason((rule.category.value,)))
    return Decision(
        outcome=outcome,
        reasons=reasons,
        category=category,
        prefix=rule.prefix,
        suggested=_suggested(case),
        policy_version=policy.version,
        faces_detected=len(evidence.judged),
    )


def _verified(case: Case, people: tuple[Person, ...]) -> Reason:
    measured = [
        (c.similarity, c)
        for f in case.counted
        if (c := case.evidence.confidence.get(f.id)) and c.similarity is not None
    ]
    numbers: dict[str, float] = {}
    if measured:
        similarity, least = min(measured, key=lambda one: one[0])
        numbers = {"confidence": similarity} | (compared_numbers(least) if len(people) == 1 else {})
    ignored = len(case.ignored)
    numbers |= {"ignored": ignored} if ignored else {}
    return FACE_MATCH_VERIFIED.reason(tuple(p.name for p in people), numbers)


def _suggested(case: Case) -> Person | None:
    """The likeliest person, when that is sure enough to be acted on."""
    found = surely(case.evidence, case.policy)
    return found.person if found is not None else None


def _distinct(faces: tuple[Face, ...]) -> tuple[Person, ...]:
    return tuple({f.person.id: f.person for f in faces if f.person is not None}.values())
