"""The decision: who is this photo filed under, or why does it wait.

A pure function of evidence and policy. Every rule of `RULES` runs and every reason is kept. The rule
that stands first in the table chooses the folder. A rule that raises sends the photo to review.
"""

from __future__ import annotations

from collections.abc import Collection

from smartsort.core.filing_rules import ASKED_PREFIX, Filed, Seen
from smartsort.core.marks import marked
from smartsort.core.model import Category, Decision, Evidence, Face, Outcome, Person, Reason
from smartsort.core.policy import OnDuplicate, Policy
from smartsort.core.reasons import (
    ASKED_BY_RULE,
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
    of_no_rule = ((UNDONE_PREFIX, UNDONE_FILING), (ASKED_PREFIX, ASKED_BY_RULE))
    return next(((prefix, (kind.code,)) for prefix, kind in of_no_rule if name.startswith(prefix)), ("", ()))


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
        filed = filed_by_rules(case)
        if filed.asks:
            return Decision(
                outcome=Outcome.REVIEWED,
                reasons=(*filed.reasons, *of_frames(case)),
                category=Category.UNIDENTIFIED,
                prefix=ASKED_PREFIX,
                suggested=_suggested(case),
                policy_version=policy.version,
                faces_detected=len(evidence.judged),
            )
        reason = SORTED_BEFORE.reason(names_of(own)) if own else _verified(case, people)
        return Decision(
            outcome=Outcome.SORTED,
            reasons=(reason, *filed.reasons, *(r for _, r in found), *of_frames(case)),
            people=people,
            policy_version=policy.version,
            faces_detected=len(evidence.judged),
            folders=filed.folders,
            albums=filed.albums,
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


def filed_by_rules(case: Case) -> Filed:
    """Return where a photo goes that is filed.

    A filing rule sees every person with a name, and all other faces as strangers.
    """
    own, judged = people_of(case), case.evidence.judged
    named = tuple(f for f in judged if f.person is not None and f.person.name and not case.ignores(f))
    seen = Seen(_distinct(named), len(judged) - len(named), case.evidence)
    return case.policy.filing.filed(Seen.by_hand(own, case.evidence) if own else seen)


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
