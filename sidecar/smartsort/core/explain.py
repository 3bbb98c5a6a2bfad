"""How a photo was judged, rule by rule, and the nearest changes that would have sent it elsewhere.

A pure function of what the ledger stores of a decision. What would change it is not told from memory: each
change of a setting or a fact is tried, and those that lead elsewhere are kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from smartsort.core.decision import decide, filed_by_rules
from smartsort.core.filing_rules import Filed
from smartsort.core.marks import marked
from smartsort.core.model import Category, Decision, Evidence, Outcome, Reason
from smartsort.core.policy import Policy
from smartsort.core.reasons import ASKED_BY_RULE
from smartsort.core.rules import RULES, THEMES
from smartsort.core.rules.base import Case, Change, ChangeKind, Rule, Try, configured
from smartsort.core.what_if import Place, place_of


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule said. `reason` None: it had nothing against the photo."""

    rule: Rule
    reason: Reason | None
    decided: bool = False
    """This rule chose the folder."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Changes that lead elsewhere, and where to."""

    changes: tuple[Change, ...]
    decision: Decision
    unmeasured: bool = False
    """It would be filed, and nobody has measured how sure that is."""
    open: bool = False
    """Nobody has looked at the photo, so all that is known is that Immich would."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, what every rule said, and what would change it."""

    case: Case
    decision: Decision
    verdicts: tuple[Verdict, ...]
    filed: Filed | None
    """What the household's own rules say, None where they were not asked."""
    alternatives: tuple[Alternative, ...]

    @property
    def looked_at(self) -> bool:
        """False when Immich was never asked, or could not tell, who is on it."""
        return bool(self.case.evidence.faces) or self.case.recognisable


def explain(evidence: Evidence, policy: Policy, ambiguous: Collection[str] = frozenset()) -> Explanation:
    """Why this evidence was judged so under this policy, and what would have led elsewhere."""
    case = Case(marked(evidence), policy, frozenset(ambiguous))
    decision = decide(evidence, policy, ambiguous)
    verdicts = tuple(_verdicts(case, decision))
    asked = decision.outcome is Outcome.SORTED or decision.reason.code == ASKED_BY_RULE.code
    filed = filed_by_rules(case) if asked else None
    return Explanation(case, decision, verdicts, filed, _alternatives(case, decision))


def _verdicts(case: Case, decision: Decision) -> Iterator[Verdict]:
    decided = decision.outcome is Outcome.SORTED
    for rule in RULES:
        reason = rule.says(case)
        yield Verdict(rule, reason, decided=reason is not None and not decided)
        decided = decided or reason is not None


# --- what would change it --------------------------------------------------------------------


CATEGORY_OFF = ChangeKind("category_off", "`review_categories.{value}` were switched off", remote=True)
CATEGORY_ON = ChangeKind("category_on", "`review_categories.{value}` were switched on")


def _alternatives(case: Case, decision: Decision) -> tuple[Alternative, ...]:
    """Single changes that lead elsewhere. Where none of them files the photo, pairs that do."""
    here = place_of(decision)
    tries = list(tries_of(case))
    if not case.evidence.faces and not case.recognisable:
        unseen = [replace(_alternative(t), open=t.change.kind.looks) for t in tries]
        return tuple(a for a in unseen if a.open or _leaves(a, here))
    found = [a for one in tries if _leaves(a := _alternative(one), here)]
    if decision.outcome is not Outcome.SORTED and not any(_files(a) for a in found):
        pair = next(filter(_files, _pairs(tries)), None)
        found += [pair] if pair is not None else []
    found.sort(key=lambda a: (len(a.changes), not _files(a), a.changes[0].kind.remote))
    return tuple(found)


def tries_of(case: Case) -> Iterator[Try]:
    """Changes that might send the photo elsewhere. Whether they do, a decision tells."""
    for theme in THEMES:
        yield from theme.tries(case)
    policy, category = case.policy, _decide(case).category
    if category is not None and category is not Category.UNIDENTIFIED:
        change = Change(CATEGORY_OFF, category.value)
        yield configured(case, change, categories=policy.categories - {category})
    for missing in sorted(set(Category) - policy.categories):
        change = Change(CATEGORY_ON, missing.value)
        yield configured(case, change, categories=policy.categories | {missing})


def _pairs(tries: Iterable[Try]) -> Iterator[Alternative]:
    """Yield two changes. The second one is made to what the first has left, so that it fits."""
    for one in tries:
        for other in tries_of(one.then):
            if other.change.kind is not one.change.kind:
                yield _alternative(other, one.change)


def _alternative(last: Try, *before: Change) -> Alternative:
    case, decision = last.then, _decide(last.then)
    measured = case.evidence.confidence.keys() | case.evidence.confirmed
    unmeasured = decision.outcome is Outcome.SORTED and any(f.id not in measured for f in case.counted)
    return Alternative((*before, last.change), decision, unmeasured)


def _decide(case: Case) -> Decision:
    return decide(case.evidence, case.policy, case.ambiguous)


def _leaves(alternative: Alternative, here: Place) -> bool:
    return place_of(alternative.decision) != here


def _files(alternative: Alternative) -> bool:
    return alternative.decision.outcome is Outcome.SORTED
