"""The decision: what holds whatever the photo and the policy."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.household import (
    HOUSEHOLD,
    JOHN,
    face,
    photo,
)

from smartsort.core.decision import decide
from smartsort.core.model import (
    Category,
    Compared,
    Confidence,
    CopyPlace,
    Decision,
    Evidence,
    OtherCopy,
    Outcome,
    Person,
    Suggestion,
)
from smartsort.core.person_ref import PersonRef
from smartsort.core.policy import (
    MultipleFaces,
    OnDuplicate,
    Policy,
    Thresholds,
    WhenUnknown,
)
from smartsort.core.rules import RULES
from smartsort.core.rules.base import Case, Rule
from smartsort.core.wording import REASON_CODES, sentence, short

NAMES = st.sampled_from(["", "John Doe", "john_doe", "Sarah Smith", "Victor Grey", "..."])
PEOPLE = st.builds(Person, st.sampled_from(["p-john", "p-sarah", "p-victor"]), NAMES)
ENTRIES = st.builds(PersonRef, NAMES, st.sampled_from([None, "p-john", "p-victor"]))
LISTS = st.lists(ENTRIES, max_size=2).map(tuple)
SHARES = st.sampled_from([0.0, 0.01, 0.2, 0.5])
SCORES = st.sampled_from([None, -1.0, 0.0, 0.3, 0.6, 0.9, 1.0])
COPIES = st.none() | st.builds(OtherCopy, st.sampled_from(CopyPlace), st.sampled_from([None, "a.jpg"]))
POLICIES = st.builds(
    Policy,
    whitelist=LISTS,
    blacklist=LISTS,
    thresholds=st.builds(Thresholds, st.sampled_from([0.0, 0.5]), st.sampled_from([0.0, 0.1])),
    person_thresholds=st.dictionaries(NAMES, st.just(Thresholds(0.8)), max_size=1),
    max_faces=st.integers(0, 3),
    min_face_area=st.sampled_from([0.0, 0.05]),
    when_confidence_unknown=st.sampled_from(WhenUnknown),
    multiple_faces=st.sampled_from(MultipleFaces),
    on_duplicate=st.sampled_from(OnDuplicate),
    categories=st.frozensets(st.sampled_from(Category)),
)


@st.composite
def evidences(draw):
    people = draw(st.lists(st.none() | PEOPLE, max_size=3))
    faces = tuple(face(person, draw(SHARES), str(n)) for n, person in enumerate(people))
    ids = st.sampled_from([f.id for f in faces] + ["of a face that is gone"])
    measured = st.builds(
        Confidence, SCORES, SCORES, st.none() | PEOPLE, st.sampled_from([None, "no service"])
    )
    closest = st.lists(st.builds(Suggestion, PEOPLE), max_size=2).map(tuple)
    # Mostly readable and new, else nothing would ever be filed.
    fresh = draw(st.integers(0, 3)) > 0
    return Evidence(
        faces,
        None if fresh else draw(COPIES),
        None if fresh else draw(COPIES),
        draw(st.dictionaries(ids, measured, max_size=3)),
        draw(st.dictionaries(ids, closest, max_size=1)),
        None if fresh else draw(st.sampled_from([None, "", "broken"])),
        None if fresh else draw(st.sampled_from([None, "it failed"])),
    )


AMBIGUOUS = st.frozensets(st.sampled_from(["p-john", "p-victor"]))


def _raises(_case):
    raise KeyError("not what it expected")


BROKEN = Rule("broken", Category.LOW_CONFIDENCE, "lowconf_", _raises, (), lambda *_: "It passed.")


@settings(max_examples=150)
@given(evidences(), POLICIES, AMBIGUOUS)
def test_whatever_is_seen_there_is_one_decision_with_a_reason(evidence, policy, ambiguous):
    decision = decide(evidence, policy, ambiguous)
    assert isinstance(decision, Decision)
    assert decision == decide(evidence, policy, ambiguous)
    assert decision.reasons
    assert {r.code for r in decision.reasons} <= REASON_CODES
    assert "rule_failed" not in {r.code for r in decision.reasons}
    for reason in decision.reasons:
        assert short(reason)
        assert sentence(reason).endswith(".")
    if decision.outcome is Outcome.SORTED:
        assert decision.category is None
        filed_only_if_wanted(decision, evidence, policy, ambiguous)
    else:
        assert decision.people == ()
        assert decision.category in {*policy.categories, Category.UNIDENTIFIED}
        assert decision.prefix
    if decision.outcome is Outcome.SKIPPED:
        assert evidence.other_copy is not None
        assert evidence.other_copy.alive
        assert policy.on_duplicate is OnDuplicate.SKIP


def filed_only_if_wanted(decision, evidence, policy, ambiguous):
    assert (evidence.unreadable, evidence.gave_up) == (None, None)
    assert (evidence.other_copy, evidence.near_copy) == (None, None)
    assert not any(f.person is not None and policy.blacklisted(f.person) for f in evidence.faces)
    counted = [f for f in evidence.faces if f.area_fraction >= policy.min_face_area]
    if policy.multiple_faces is MultipleFaces.MAIN_FACE and len(counted) > policy.max_faces:
        counted = [max(counted, key=lambda f: f.area_fraction)]
    assert counted
    for each in counted:
        assert each.person is not None
        assert each.person.name
        assert policy.wanted(each.person)
        assert each.person.id not in ambiguous
        assert each.person in decision.people
    assert len(decision.people) == len(counted)
    if policy.multiple_faces is not MultipleFaces.MAIN_FACE:
        # A stranger beside them counts.
        stranger = face(None, 1.0, "one more")
        more = dataclasses.replace(evidence, faces=(*evidence.faces, stranger))
        assert decide(more, policy, ambiguous).outcome is Outcome.REVIEWED


def test_a_rule_that_fails_says_which_it_is_and_why():
    reason = BROKEN.says(Case(photo(JOHN), HOUSEHOLD))
    assert sentence(reason) == (
        "The rule broken failed (KeyError: 'not what it expected'). Please report it."
    )


@given(evidences(), POLICIES, st.integers(0, len(RULES)))
def test_a_rule_that_raises_asks_a_human(evidence, policy, place):
    rules = (*RULES[:place], BROKEN, *RULES[place:])
    decision = decide(evidence, policy, rules=rules)
    assert decision.outcome is not Outcome.SORTED
    failed = next(r for r in decision.reasons if r.code == "rule_failed")
    assert failed.names == ("broken",)
    assert "not what it expected" in failed.detail


@pytest.mark.parametrize(
    ("taken", "born", "filed"),
    [
        ("2018-12-31T23:00:00+00:00", "2019-05-01", False),
        ("2019-05-01T00:00:00+00:00", "2019-05-01", True),  # the day itself
        ("2018-12-31T23:00:00+00:00", "", True),
        (None, "2019-05-01", True),
        ("2018-12-31T23:00:00+00:00", "in spring", True),
        ("yesterday", "2019-05-01", True),
    ],
)
def test_nobody_is_on_a_photo_that_was_taken_before_their_birth(taken, born, filed):
    anna = Person("id-anna", "Anna", born=born)
    policy = Policy(when_confidence_unknown=WhenUnknown.ACCEPT)
    found = decide(photo(anna, taken=taken), policy)
    assert (found.outcome is Outcome.SORTED) is filed
    if not filed:
        assert (found.reason.code, found.reason.names) == ("not_born_yet", ("Anna",))
        assert sentence(found.reason) == (
            "Immich says Anna, who was not born yet (taken on 2018-12-31, born on 2019-05-01)."
        )


def test_a_reason_tells_which_faces_the_number_rests_on():
    anna = Person("id-anna", "Anna")
    for similarity, years, words in (
        (
            0.71,
            (2019, 2021),
            "This is Anna (confidence 0.71, compared with 7 faces of Anna from 2019 to 2021).",
        ),
        (
            0.41,
            (2019, 2019),
            "Perhaps Anna: confidence 0.41 is below 0.60, compared with 7 faces of Anna of 2019.",
        ),
    ):
        measured = {face(anna).id: Confidence(similarity, compared=Compared(7, *years))}
        found = decide(photo(face(anna), confidence=measured), Policy())
        assert sentence(found.reason) == words


@pytest.mark.parametrize(("rival", "filed"), [(0.5, False), (0.44, True), (None, True)])
def test_people_who_were_mistaken_twice_need_a_larger_margin(rival, filed):
    anna, bella = Person("id-anna", "Anna"), Person("id-bella", "Bella")
    mistaken = None if rival is None else Suggestion(bella, rival)
    measured = {face(anna).id: Confidence(0.65, 0.14, bella, mistaken=mistaken)}
    found = decide(photo(face(anna), confidence=measured), Policy())
    assert (found.outcome is Outcome.SORTED) is filed
    if not filed:
        assert sentence(found.reason) == (
            "Torn between Anna and Bella: they are 0.15 apart, 0.20 is needed"
            " because one was taken for the other twice."
        )
