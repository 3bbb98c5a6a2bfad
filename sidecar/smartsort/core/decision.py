"""The decision: who is this photo filed under, or why does it wait.

A pure function of evidence and policy. Every rule of `RULES` runs and every reason is kept; the rule
that stands first in the table chooses the folder. A rule that raises sends the photo to review.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from smartsort.core.model import (
    Category,
    Comparison,
    CopyPlace,
    Decision,
    Evidence,
    Face,
    OtherCopy,
    Outcome,
    Person,
    Quality,
    Reason,
)
from smartsort.core.policy import MultipleFaces, OnDuplicate, Policy, WhenUnknown
from smartsort.core.suggestion import accepted, likeliest


@dataclass(frozen=True, slots=True)
class Case:
    """What a rule gets to see."""

    evidence: Evidence
    policy: Policy
    ambiguous: Collection[str]
    """Ids of people who share a name with somebody (`policy.names_shared`)."""

    @property
    def counted(self) -> tuple[Face, ...]:
        """The faces that count: all but the background, or the largest alone with `main_face`."""
        faces = tuple(f for f in self.evidence.faces if f.share >= self.policy.min_face_share)
        if self.policy.multiple_faces is MultipleFaces.MAIN_FACE and len(faces) > self.policy.max_faces:
            return (max(faces, key=lambda f: f.share),)
        return faces

    @property
    def recognisable(self) -> bool:
        """False when the faces say nothing: nobody could look for them, or, of a known file, nobody did."""
        evidence = self.evidence
        return evidence.unreadable is None and evidence.gave_up is None and evidence.other_copy is None


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table: where a photo goes when `check` gives a reason."""

    name: str
    category: Category
    prefix: str
    check: Callable[[Case], Reason | None]


def _unreadable(case: Case) -> Reason | None:
    if case.evidence.unreadable is None:
        return None
    return Reason("unreadable", detail=case.evidence.unreadable)


_COPY_CODES = {
    CopyPlace.LEDGER: "duplicate",
    CopyPlace.DOWNLOADS: "duplicate",
    CopyPlace.IMMICH: "duplicate",
    CopyPlace.TRASH: "rejected_before",
    CopyPlace.IMMICH_TRASH: "duplicate_in_immich_trash",
    CopyPlace.MISSING: "duplicate_of_missing",
    CopyPlace.DAMAGED: "duplicate_of_damaged",
}


def _where(copy: OtherCopy) -> str:
    return " ".join(filter(None, (copy.called, copy.problem)))


def _duplicate(case: Case) -> Reason | None:
    copy = case.evidence.other_copy
    return None if copy is None else Reason(_COPY_CODES[copy.place], detail=_where(copy))


def _near_duplicate(case: Case) -> Reason | None:
    copy = case.evidence.near_copy
    if copy is None:
        return None
    found = case.evidence.comparison
    return Reason("near_duplicate", numbers=_compared(found), detail=_where(copy))


def located(reasons: Iterable[Reason], evidence: Evidence) -> tuple[Reason, ...]:
    """Reasons that name the other copy, with the place where `evidence` knows it to be now."""
    copies = dict.fromkeys(_COPY_CODES.values(), evidence.other_copy) | {"near_duplicate": evidence.near_copy}
    return tuple(replace(r, detail=_where(copy)) if (copy := copies.get(r.code)) else r for r in reasons)


def _compared(found: Comparison | None) -> dict[str, float]:
    """Both sides in numbers, and in `better` which is the better copy: 1 this, -1 the other, 0 neither."""
    if found is None or found.other is None:
        return {}
    own, other = found.own, found.other
    return {
        "better": better_copy(own, other),
        "pixels": own.pixels,
        "other_pixels": other.pixels,
        "has_date": own.has_date,
        "other_has_date": other.has_date,
        "bytes": own.bytes,
        "other_bytes": other.bytes,
    }


_MORE = 1.02
"""Less of a difference than this is a matter of rounding or of a few bytes of metadata."""


def better_copy(own: Quality, other: Quality) -> int:
    """1 when `own` is the better copy, -1 when `other` is, 0 when neither.

    More pixels win; with as many, the copy that still says when it was taken; then the larger file.
    """
    for mine, theirs in (
        (own.pixels, other.pixels),
        (int(own.has_date), int(other.has_date)),
        (own.bytes, other.bytes),
    ):
        if mine > theirs * _MORE:
            return 1
        if theirs > mine * _MORE:
            return -1
    return 0


def _blacklisted(case: Case) -> Reason | None:
    # Background faces count here: an unwanted person is unwanted at any size.
    # So does somebody whose name was taken away in Immich since: the entry knows their id.
    names = dict.fromkeys(
        f.person.name or entry.name
        for f in case.evidence.faces
        for entry in case.policy.blacklist
        if f.person and entry.means(f.person)
    )
    return Reason("blacklisted_person", names=tuple(names)) if names else None


def _gave_up(case: Case) -> Reason | None:
    if case.evidence.gave_up is None:
        return None
    return Reason("recognition_failed", detail=case.evidence.gave_up)


def _no_face(case: Case) -> Reason | None:
    if not case.recognisable or case.counted:
        return None
    if case.evidence.faces:
        return Reason("only_background_faces", numbers={"faces": len(case.evidence.faces)})
    return Reason("no_faces_detected")


def _too_many(case: Case) -> Reason | None:
    counted = case.counted
    if len(counted) <= case.policy.max_faces:
        return None
    everybody_wanted = all(f.person is not None and case.policy.wanted(f.person) for f in counted)
    if case.policy.multiple_faces is MultipleFaces.EACH_PERSON and everybody_wanted:
        return None
    return Reason(
        "multiple_faces",
        names=_names(f.person for f in counted),
        numbers={"faces": len(counted), "max_faces_per_image": case.policy.max_faces},
    )


def _same_person_twice(case: Case) -> Reason | None:
    people = [f.person for f in case.counted if f.person is not None]
    twice = _names(p for i, p in enumerate(people) if any(p.id == q.id for q in people[:i]))
    return Reason("same_person_twice", names=twice) if twice else None


def _unknown(case: Case) -> Reason | None:
    strangers = [f for f in case.counted if f.person is None or not f.person.name]
    if not strangers:
        return None
    closest = [s[0].person.name for f in strangers if (s := case.evidence.suggestions.get(f.id))]
    unnamed = all(f.person is not None for f in strangers)
    return Reason(
        "unnamed_person" if unnamed else "unknown_face",
        names=tuple(dict.fromkeys(closest)),
        numbers={"faces": len(strangers)},
    )


def _ambiguous(case: Case) -> Reason | None:
    names = _names(f.person for f in case.counted if f.person and f.person.id in case.ambiguous)
    return Reason("ambiguous_name", names=names) if names else None


def _denied(case: Case) -> Reason | None:
    names = _names(f.person for f in case.counted if f.person and f.person.id in case.evidence.denied)
    return Reason("denied_person", names=names) if names else None


def _not_wanted(case: Case) -> Reason | None:
    if not case.policy.whitelist:
        return None
    names = _names(
        f.person
        for f in case.counted
        if f.person and f.person.name and not case.policy.wanted(f.person)
        if not case.policy.blacklisted(f.person)
    )
    return Reason("not_in_whitelist", names=names) if names else None


def _low_confidence(case: Case) -> Reason | None:
    """The least certain counted face decides."""
    worst: Reason | None = None
    for face in case.counted:
        if face.person is None or not face.person.name or face.id in case.evidence.confirmed:
            continue
        reason = _confidence_of(case, face, face.person)
        if reason and (worst is None or _severity(reason) < _severity(worst)):
            worst = reason
    return worst


def _confidence_of(case: Case, face: Face, person: Person) -> Reason | None:
    measured = case.evidence.confidence.get(face.id)
    limits = case.policy.thresholds_for(person)
    if measured is None or measured.similarity is None:
        if case.policy.when_confidence_unknown is WhenUnknown.ACCEPT:
            return None
        why = measured.why_unknown if measured else None
        return Reason("confidence_unknown", names=(person.name,), detail=why or "nothing measures it")
    if measured.similarity < limits.min_confidence:
        numbers = {"confidence": measured.similarity, "min_confidence": limits.min_confidence}
        return Reason("low_confidence", names=(person.name,), numbers=numbers)
    if measured.margin is not None and measured.margin < limits.min_margin:
        rival = (measured.runner_up.name,) if measured.runner_up else ()
        numbers = {
            "confidence": measured.similarity,
            "margin": measured.margin,
            "min_margin": limits.min_margin,
        }
        return Reason("low_margin", names=(person.name, *rival), numbers=numbers)
    return None


def _severity(reason: Reason) -> float:
    return reason.numbers.get("confidence", -1.0)


RULES = (
    Rule("unreadable", Category.UNIDENTIFIED, "unreadable_", _unreadable),
    Rule("duplicate", Category.DUPLICATES, "duplicate_", _duplicate),
    Rule("near_duplicate", Category.DUPLICATES, "duplicate_", _near_duplicate),
    Rule("blacklisted", Category.UNWANTED_PERSON, "unwanted_", _blacklisted),
    Rule("gave_up", Category.UNIDENTIFIED, "unknown_", _gave_up),
    Rule("no_face", Category.UNIDENTIFIED, "noface_", _no_face),
    Rule("too_many", Category.MULTIPLE_FACES, "multi_", _too_many),
    Rule("same_person_twice", Category.MULTIPLE_FACES, "multi_", _same_person_twice),
    Rule("unknown", Category.UNIDENTIFIED, "unknown_", _unknown),
    Rule("ambiguous", Category.UNIDENTIFIED, "unknown_", _ambiguous),
    Rule("denied", Category.UNIDENTIFIED, "unknown_", _denied),
    Rule("not_wanted", Category.UNIDENTIFIED, "notwhitelisted_", _not_wanted),
    Rule("low_confidence", Category.LOW_CONFIDENCE, "lowconf_", _low_confidence),
)
"""In order of priority for the folder."""

UNDONE_PREFIX = "undone_"
"""Of a photo that was filed by mistake and waits for a human."""


def rules_of(name: str, category: Category) -> tuple[str, tuple[str, ...]]:
    """(prefix, names of the rules) that the name of a waiting file tells; ("", ()) for one without a prefix.

    A folder may be switched off, so that its photos wait in `unidentified`.
    """
    possible = (r for r in RULES if category in (r.category, Category.UNIDENTIFIED))
    found = tuple(rule.name for rule in possible if name.startswith(rule.prefix))
    if found:
        return next(rule.prefix for rule in RULES if rule.name == found[0]), found
    return (UNDONE_PREFIX, ("undone_filing",)) if name.startswith(UNDONE_PREFIX) else ("", ())


def decide(
    evidence: Evidence,
    policy: Policy,
    ambiguous: Collection[str] = frozenset(),
    rules: tuple[Rule, ...] = RULES,
) -> Decision:
    """What becomes of the photo. Never raises: a rule that fails is a reason to ask a human."""
    case = Case(evidence, policy, ambiguous)
    found: list[tuple[Rule, Reason]] = []
    for rule in rules:
        try:
            reason = rule.check(case)
        except Exception as problem:  # noqa: BLE001 - whatever it is, a human looks at the photo
            reason = Reason("rule_failed", names=(rule.name,), detail=f"{type(problem).__name__}: {problem}")
        if reason is not None:
            found.append((rule, reason))

    if not found:
        people = _distinct(case.counted)
        return Decision(
            outcome=Outcome.SORTED,
            reasons=(_verified(case, people),),
            people=people,
            policy_version=policy.version,
            faces_detected=len(evidence.faces),
        )
    rule, reason = found[0]
    outcome = Outcome.REVIEWED
    copy = evidence.other_copy
    # A copy that lies in a trash may vanish with it: then this file is the last one and is never skipped.
    if rule.name == "duplicate" and policy.on_duplicate is OnDuplicate.SKIP and copy and copy.alive:
        outcome = Outcome.SKIPPED
    reasons = tuple(r for _, r in found)
    category = rule.category
    if category not in policy.categories and category is not Category.UNIDENTIFIED:
        category = Category.UNIDENTIFIED
        reasons = (*reasons, Reason("category_off", names=(rule.category.value,)))
    return Decision(
        outcome=outcome,
        reasons=reasons,
        category=category,
        prefix=rule.prefix,
        suggested=_suggested(case),
        policy_version=policy.version,
        faces_detected=len(evidence.faces),
    )


def _verified(case: Case, people: tuple[Person, ...]) -> Reason:
    measured = [
        c.similarity
        for f in case.counted
        if (c := case.evidence.confidence.get(f.id)) and c.similarity is not None
    ]
    numbers = {"confidence": min(measured)} if measured else {}
    return Reason("face_match_verified", names=tuple(p.name for p in people), numbers=numbers)


def _suggested(case: Case) -> Person | None:
    """The likeliest person, when that is sure enough to be acted on."""
    found = likeliest(case.evidence)
    return found.person if found is not None and accepted(found, case.policy) else None


def _distinct(faces: tuple[Face, ...]) -> tuple[Person, ...]:
    return tuple({f.person.id: f.person for f in faces if f.person is not None}.values())


def _names(people: Iterable[Person | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(p.name for p in people if p is not None and p.name))
