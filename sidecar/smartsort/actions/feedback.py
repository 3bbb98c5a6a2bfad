"""What humans say about a decision: this filing is right, this is not that person."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace

from smartsort.actions.plan import Plan, Waiting, names_in
from smartsort.actions.values import ActionResult
from smartsort.core.event_kinds import EventKind
from smartsort.core.model import Decision, Evidence, Face, Outcome, Person
from smartsort.core.policy import called
from smartsort.core.suggestion import suggestions
from smartsort.ledger.arrangement import Arrangement
from smartsort.ledger.records import Area, Member, Photo


def confirm(photo: Photo, before: Arrangement) -> Plan | ActionResult:
    """Confirm an automatic filing. Nothing moves. The face counts as confirmed from now on."""
    plan = Plan(photo, before, EventKind.CONFIRMED, "confirmed", filed=False, person=photo.person_name)
    if not photo.auto_sorted:
        return plan.failed("nothing_to_do", f"photo {photo.id} was filed by a human already")
    plan.data = {"people": [photo.person_name] if photo.person_name else []}
    return plan


@dataclass(frozen=True, slots=True)
class PersonRuledOut:
    """Somebody who is not on a photo, and the faces that were taken, or could be taken, for them."""

    person: Person
    faces: tuple[Face, ...]


def person_to_rule_out(
    evidence: Evidence, person: Person | None, face_id: str | None
) -> PersonRuledOut | str:
    """Return whom and what a human means, or why that cannot be told.

    `person` None: whoever is suggested. Without `face_id` it is about all faces that Immich gives to the
    person or that they are suggested for. Where there is none of these, about a lone face.
    """
    faces = tuple(f for f in evidence.judged if face_id is None or f.id == face_id)
    if not faces:
        return "it has no face" if face_id is None else f"it has no face {face_id}"
    if person is None:
        person = _first_suggested(evidence, faces)
        if person is None:
            return "it has no suggestion. Name the person"
    meant = tuple(f for f in faces if _could_be(evidence, f, person))
    if not meant and len(faces) == 1:
        meant = faces
    return PersonRuledOut(person, meant)


def _first_suggested(evidence: Evidence, faces: Iterable[Face]) -> Person | None:
    for face in sorted(faces, key=lambda f: -f.area_fraction):
        found = [face.person] if face.person is not None and face.person.name else []
        found += [s.person for s in suggestions(evidence, face)]
        for person in found:
            if person.id not in evidence.ruled_out:
                return person
    return None


def _could_be(evidence: Evidence, face: Face, person: Person) -> bool:
    if face.person is not None and face.person.id == person.id:
        return True
    return any(s.person.id == person.id for s in suggestions(evidence, face))


def without(evidence: Evidence, ruled_out: PersonRuledOut) -> Evidence:
    """Return the evidence without this person: they are suggested for none of its faces any more."""
    person_id = ruled_out.person.id
    return replace(
        evidence,
        ruled_out=evidence.ruled_out | {person_id},
        suggestions={
            face_id: tuple(s for s in found if s.person.id != person_id)
            for face_id, found in evidence.suggestions.items()
        },
    )


def rule_out(
    photo: Photo, before: Arrangement, ruled_out: PersonRuledOut, evidence: Evidence, decision: Decision
) -> Plan | ActionResult:
    """Plan a ruling out: a photo does not show a person. It goes on waiting, for the reason that is left.

    `evidence` and `decision` are those without this person (`without`).
    """
    person = ruled_out.person
    plan = Plan(photo, before, EventKind.RULED_OUT, "ruled_out", filed=False, person=person.name)
    if person.id in before.ruled_out:
        return plan.failed("nothing_to_do", f"that photo {photo.id} does not show {person.name} is known")
    plan.ruled_out = {**before.ruled_out, person.id: person.name}
    plan.data = {
        "person_id": person.id,
        "people": [person.name],
        "faces": [face.id for face in ruled_out.faces],
    }
    if decision.outcome is Outcome.REVIEWED and decision.category is not None:
        plan.waiting = Waiting(decision, evidence)
        move_within_review(plan, decision)
    return plan


def move_within_review(plan: Plan, decision: Decision) -> None:
    """Plan the other folder and prefix that another reason may mean."""
    if decision.category is None:
        return
    photo, here = plan.photo, [n for n in plan.before.names if n.area is Area.REVIEW]
    wanted = os.path.join(decision.category.value, decision.prefix)
    if all(n.path.startswith(wanted) for n in here if n.member is Member.PHOTO):
        return
    plan.planned = names_in(
        photo, plan.before.names, Area.REVIEW, decision.category.value, prefix=decision.prefix
    )
    plan.removes = here
    plan.values["category"] = decision.category.value
    plan.filed = True  # its row in `downloads` follows


def one_of(people: Iterable[Person], name: str | None, person_id: str | None) -> list[Person]:
    """Return the people an id or a name means. Several when a name is shared."""
    if person_id:
        return [p for p in people if p.id == person_id]
    return called(name or "", people)
