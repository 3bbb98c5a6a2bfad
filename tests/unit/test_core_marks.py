"""What humans said about faces for good decides, and decides nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smartsort.core.decision import decide
from smartsort.core.marks import recognised
from smartsort.core.model import Box, Category, Evidence, Face, FaceMark, MarkKind, Outcome, Person
from smartsort.core.person_ref import PersonRef
from smartsort.core.policy import Policy
from smartsort.core.similarity import Likeness
from smartsort.core.wording import sentence

ANNA, VICTOR = Person("a", "Anna"), Person("v", "Victor")
POLICY = Policy(blacklist=(PersonRef("Victor"),))


def face(name, person=None, left=0):
    return Face(name, Box(left, 0, left + 40, 40), 400, 300, person)


def beside(*people, **marks):
    faces = [face("own", people[0]), *(face(f"f{n}", p, 100 * n) for n, p in enumerate(people[1:], 1))]
    return Evidence(tuple(faces), marks={i: FaceMark(MarkKind(kind), "k") for i, kind in marks.items()})


def test_an_ignored_stranger_does_not_count_and_the_reason_says_so():
    decision = decide(beside(ANNA, None, f1="ignored"), POLICY)
    assert (decision.outcome, decision.people) == (Outcome.SORTED, (ANNA,))
    assert sentence(decision.reason) == "This is Anna. 1 ignored."
    assert decide(beside(ANNA, None), POLICY).category is Category.MULTIPLE_FACES


@pytest.mark.parametrize("kind", ["ignored", "not_a_face"])
def test_beside_somebody_unwanted_it_does_not_help(kind):
    assert decide(beside(VICTOR, None, f1=kind), POLICY).category is Category.UNWANTED_PERSON
    assert decide(beside(ANNA, None, VICTOR, f1=kind), POLICY).category is Category.UNWANTED_PERSON


def test_who_has_a_name_by_now_is_not_ignored():
    assert decide(beside(ANNA, VICTOR, f1="ignored"), POLICY).category is Category.UNWANTED_PERSON
    bella = Person("b", "Bella")
    assert decide(beside(ANNA, bella, f1="ignored"), POLICY).category is Category.MULTIPLE_FACES


def test_nobody_but_ignored_strangers_is_a_reason_of_its_own():
    decision = decide(beside(None, None, own="ignored", f1="ignored"), POLICY)
    assert decision.reason.code == "only_ignored_faces"
    assert "2 faces" in sentence(decision.reason)
    assert decide(beside(None, own="not_a_face"), POLICY).reason.code == "no_faces_detected"


def test_a_locked_face_is_its_person_whatever_immich_takes_it_for():
    evidence = replace(beside(VICTOR), marks={"own": FaceMark(MarkKind.LOCKED, "k", ANNA)})
    decision = decide(evidence, replace(POLICY, when_confidence_unknown="review"))
    assert (decision.outcome, decision.people) == (Outcome.SORTED, (ANNA,))


def likeness(*faces, person=None):
    return Likeness(person or Person("key", ""), faces)


def test_a_face_like_an_ignored_one_is_ignored_unless_it_is_more_like_somebody_with_a_name():
    mark = FaceMark(MarkKind.IGNORED, "key")
    near, far = (0.8, 0.6), (0.5, 0.75**0.5)
    found = recognised(near, [(mark, likeness((1.0, 0.0)))], (), POLICY)
    assert found is not None
    assert found.similarity == pytest.approx(0.8)
    assert recognised(far, [(mark, likeness((1.0, 0.0)))], (), POLICY) is None
    anna = likeness((0.9, 0.19**0.5), person=ANNA)
    assert recognised(near, [(mark, likeness((1.0, 0.0)))], [anna], POLICY) is None


def test_what_is_no_face_has_to_be_much_alike():
    mark = FaceMark(MarkKind.NOT_A_FACE, "key")
    assert recognised((0.65, (1 - 0.65**2) ** 0.5), [(mark, likeness((1.0, 0.0)))], (), POLICY) is None
    assert recognised((0.75, (1 - 0.75**2) ** 0.5), [(mark, likeness((1.0, 0.0)))], (), POLICY) is not None
