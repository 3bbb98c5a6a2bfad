"""How a photo was judged, rule by rule, and the nearest changes that would have sent it elsewhere.

A pure function of what the ledger stores of a decision. What would change it is not told from memory: each
change of a setting or a fact is tried, and those that lead elsewhere are kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from smartsort.core.changes import Change, Inputs, Try, tries_of
from smartsort.core.decision import RULES, Case
from smartsort.core.model import Decision, Evidence, Outcome, Reason
from smartsort.core.policy import Policy
from smartsort.core.what_if import Place, place_of


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule said; `reason` None: it had nothing against the photo."""

    rule: str
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

    evidence: Evidence
    policy: Policy
    decision: Decision
    verdicts: tuple[Verdict, ...]
    alternatives: tuple[Alternative, ...]

    @property
    def looked_at(self) -> bool:
        """False when Immich was never asked, or could not tell, who is on it."""
        return bool(self.evidence.faces) or Case(self.evidence, self.policy, ()).recognisable


def explain(evidence: Evidence, policy: Policy, ambiguous: Collection[str] = frozenset()) -> Explanation:
    """Why this evidence was judged so under this policy, and what would have led elsewhere."""
    inputs = Inputs(evidence, policy, frozenset(ambiguous))
    decision = inputs.decide()
    return Explanation(
        evidence, policy, decision, _verdicts(inputs, decision), _alternatives(inputs, decision)
    )


def _verdicts(inputs: Inputs, decision: Decision) -> tuple[Verdict, ...]:
    case = Case(inputs.evidence, inputs.policy, inputs.ambiguous)
    found: list[Verdict] = []
    decided = False
    for rule in RULES:
        try:
            reason = rule.check(case)
        except Exception as problem:  # noqa: BLE001 - as `decide` does
            reason = Reason("rule_failed", names=(rule.name,), detail=f"{type(problem).__name__}: {problem}")
        first = reason is not None and not decided and decision.outcome is not Outcome.SORTED
        decided = decided or first
        found.append(Verdict(rule.name, reason, first))
    return tuple(found)


# --- what would change it --------------------------------------------------------------------


def _alternatives(inputs: Inputs, decision: Decision) -> tuple[Alternative, ...]:
    """Single changes that lead elsewhere; where none of them files the photo, pairs that do."""
    here = place_of(decision)
    tries = list(tries_of(inputs))
    if not inputs.evidence.faces and not Case(inputs.evidence, inputs.policy, ()).recognisable:
        unseen = [_alternative((t.change,), t.then) for t in tries]
        return tuple(
            replace(a, open=a.changes[0].code in _LOOK)
            for a in unseen
            if a.changes[0].code in _LOOK or _leaves(a, here)
        )
    found = [a for one in tries if (a := _alternative((one.change,), one.then)) and _leaves(a, here)]
    if decision.outcome is not Outcome.SORTED and not any(_files(a) for a in found):
        pair = next(filter(_files, _pairs(tries)), None)
        found += [pair] if pair is not None else []
    found.sort(key=lambda a: (len(a.changes), not _files(a), a.changes[0].code in _REMOTE))
    return tuple(found)


_LOOK = frozenset({"no_other_copy", "readable", "recognised"})
"""Changes that have the photo looked at."""

_REMOTE = frozenset({"category_off", "blacklist_add"})
"""Changes people hardly have in mind; told last."""


def _pairs(tries: Iterable[Try]) -> Iterator[Alternative]:
    """Two changes; the second one is made to what the first has left, so that it fits."""
    for one in tries:
        for other in tries_of(one.then):
            if other.change.code != one.change.code:
                yield _alternative((one.change, other.change), other.then)


def _alternative(changes: tuple[Change, ...], then: Inputs) -> Alternative:
    decision = then.decide()
    measured = then.evidence.confidence.keys() | then.evidence.confirmed
    counted = Case(then.evidence, then.policy, then.ambiguous).counted
    unmeasured = decision.outcome is Outcome.SORTED and any(f.id not in measured for f in counted)
    return Alternative(changes, decision, unmeasured)


def _leaves(alternative: Alternative, here: Place) -> bool:
    return place_of(alternative.decision) != here


def _files(alternative: Alternative) -> bool:
    return alternative.decision.outcome is Outcome.SORTED
