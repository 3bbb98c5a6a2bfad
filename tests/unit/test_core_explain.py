"""Explanations: what is told is what the decision did, and every change that is told leads where it says."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.household import ELSEWHERE, HOUSEHOLD, JOHN, LUKAS, SARAH, UNNAMED, VICTOR, face, photo, refs, sure
from tests.unit.test_core_decision import REVIEWED, SORTED

from smartsort.core import explain as explaining
from smartsort.core.decision import decide
from smartsort.core.explain import explain, tries_of
from smartsort.core.model import Category, Confidence, Evidence, Film, Outcome, SortedBefore, Suggestion
from smartsort.core.policy import MultipleFaces, OnDuplicate, Policy, Thresholds, WhenUnknown
from smartsort.core.rules import THEMES
from smartsort.core.rules.base import Case, ChangeKind
from smartsort.core.what_if import place_of
from smartsort.core.wording_explained import alternative, rules, seen, summary
from smartsort.core.words import above, at_most

CASES = [case[:2] for case in (*REVIEWED, *SORTED)]


def words(evidence, policy, ambiguous=frozenset()):
    return words_of(explain(evidence, policy, ambiguous))


def words_of(found):
    return [
        summary(found),
        *seen(found),
        *(text for _, text in rules(found)),
        *(alternative(one) for one in found.alternatives),
    ]


def told(evidence, policy, ambiguous=frozenset()):
    """What would change it, in words."""
    return [alternative(one) for one in explain(evidence, policy, ambiguous).alternatives]


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_every_kind_of_decision_is_explained_in_words(case):
    found = explain(*case)
    assert found.decision == decide(*case)
    lines = words(*case)
    for line in lines:
        assert line.endswith("."), line
        assert line[0].isupper() or line[0].isdigit(), line
    assert not any("{" in line or "None" in line for line in lines)
    deciding = [verdict for verdict in found.verdicts if verdict.decided]
    if found.decision.outcome is Outcome.SORTED:
        assert deciding == []
    else:
        assert [verdict.reason for verdict in deciding] == [found.decision.reason]
    assert found.alternatives, "something would always change it"


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_what_is_said_to_lead_elsewhere_does(case):
    found = explain(*case)
    here = place_of(found.decision)
    for one in found.alternatives:
        assert one.open or place_of(one.decision) != here
        [first, *rest] = one.changes
        then = [t.then for t in tries_of(Case(*case)) if t.change == first]
        for second in rest:
            then = [t.then for other in then for t in tries_of(other) if t.change == second]
        assert one.decision in [decide(other.evidence, other.policy, other.ambiguous) for other in then]


@pytest.mark.parametrize("case", [c[:2] for c in REVIEWED], ids=range(len(REVIEWED)))
def test_for_every_photo_in_review_something_is_told_that_would_file_it_or_have_it_looked_at(case):
    found = explain(*case)
    assert any(a.open or a.decision.outcome is Outcome.SORTED for a in found.alternatives)


@pytest.mark.parametrize("digits", [2, 4])
def test_no_number_is_above_itself(digits):
    """0.58 is not a whole number of hundredths to a processor: 0.59 is the next one, not 0.58."""
    for number in range(10**digits + 1):
        value = number / 10**digits
        assert at_most(value, digits) == value
        assert above(value, digits) == (number + 1) / 10**digits


@given(st.floats(0, 1), st.sampled_from([2, 4]))
def test_the_next_numbers_enclose_a_value(value, digits):
    assert at_most(value, digits) <= value < above(value, digits)
    assert above(value, digits) - at_most(value, digits) < 1.01 * 10**-digits


@example(0.58, 0.5)
@given(st.floats(0, 1), st.floats(0, 1))
def test_a_threshold_that_is_told_is_enough_and_hardly_more(similarity, least):
    policy = dataclasses.replace(HOUSEHOLD, thresholds=Thresholds(round(least, 2)))
    evidence = sure(photo(JOHN), similarity)
    [one] = [a for a in explain(evidence, policy).alternatives if a.changes[0].code == "min_confidence"] or [
        None
    ]
    if one is None:
        assert round(least, 2) == 0.0 or similarity >= 1  # nothing further to go
        return
    value = one.changes[0].value
    assert abs(value - similarity) <= 0.01 + 1e-9
    was_filed = decide(evidence, policy).outcome is Outcome.SORTED
    assert (one.decision.outcome is Outcome.SORTED) is not was_filed


def test_low_confidence():
    lines = told(sure(photo(JOHN), 0.583, 0.2, SARAH), HOUSEHOLD)
    lower = "If `thresholds.min_confidence` were 0.58 or less for John Doe (now 0.60)"
    assert f"{lower}, it would be filed under John Doe." in lines
    assert "If you confirmed in Immich that it is John Doe, it would be filed under John Doe." in lines


def test_a_person_with_own_thresholds_is_told_those():
    policy = dataclasses.replace(HOUSEHOLD, person_thresholds={"john_doe": Thresholds(0.8, 0.1)})
    lines = told(sure(photo(JOHN), 0.7, 0.3, SARAH), policy)
    assert any("0.70 or less for John Doe (now 0.80)" in line for line in lines)


def test_digits_tell_why_it_passed():
    """Whose match is nearest to its own threshold, with the digits that show on which side it is."""
    own = Policy(
        person_thresholds={"Sarah Smith": Thresholds(0.5, 0.0)}, thresholds=Thresholds(0.6, 0.05), max_faces=2
    )
    john, sarah = photo(JOHN, SARAH).faces
    confidence = {john.id: Confidence(0.9, 0.3), sarah.id: Confidence(0.5004, 0.3)}
    found = words(dataclasses.replace(photo(JOHN, SARAH), confidence=confidence), own)
    assert "The confidence is high enough: 0.5004, 0.5000 is needed, and 0 of margin." in found


def test_a_small_face_tells_how_large_it_has_to_be():
    [line] = seen(explain(photo(face(JOHN, share=0.009)), Policy(min_face_area=0.0095)))
    assert "covers 0.90% of the picture, too small to count (0.95% is needed)" in line


@pytest.mark.parametrize(
    ("evidence", "policy", "said"),
    [
        (photo(JOHN), Policy(), "1 face counts, 1 allowed."),
        (photo(JOHN, SARAH), Policy(max_faces=2), "2 faces count, 2 allowed."),
    ],
)
def test_how_many_faces_count_is_told(evidence, policy, said):
    assert said in words(sure(evidence), policy)


def test_what_was_not_measured_is_told_with_what_becomes_of_it():
    accepting = dataclasses.replace(HOUSEHOLD, when_confidence_unknown=WhenUnknown.ACCEPT)
    sorted_all_the_same = "The confidence of the match was not measured, and the settings accept that."
    assert sorted_all_the_same in words(photo(JOHN), accepting)
    of_no_use = "The confidence of the match was not measured, because it would have changed nothing."
    assert of_no_use in words(photo(LUKAS), accepting)


@pytest.mark.parametrize(
    ("policy", "somebody"),
    [
        (HOUSEHOLD, "john_doe"),
        (Policy(), "somebody"),
        (Policy(whitelist=refs("Victor Grey", "Sarah Smith"), blacklist=refs("Victor Grey")), "Sarah Smith"),
    ],
)
def test_who_could_be_on_it_is_somebody_wanted(policy, somebody):
    wanted = f"If there were the face of a wanted person on it, such as {somebody}, it would be filed under"
    assert any(line.startswith(f"{wanted} {somebody}") for line in told(Evidence(), policy))


def test_of_many_faces_only_as_many_as_are_allowed_need_be_larger():
    crowd = sure(photo(*(face(JOHN, share, name=f"f{share}") for share in (0.1, 0.4, 0.2, 0.3))))
    lines = told(crowd, HOUSEHOLD)
    assert any("`thresholds.min_face_area` were 0.3001 (now 0)" in line for line in lines)


def test_somebody_else_may_be_nearer():
    for margin, where in ((-0.12, "0.12 further away"), (0.12, "0.12 nearer"), (0.0, "0.00 nearer")):
        [line] = seen(explain(sure(photo(JOHN), 0.7, margin, SARAH), HOUSEHOLD))
        assert f"{where} than Sarah Smith" in line


def test_a_higher_threshold_is_told_as_one():
    lines = told(sure(photo(JOHN), 0.9), HOUSEHOLD)
    assert any(
        "`thresholds.min_confidence` were 0.91 or more for John Doe (now 0.60)" in line for line in lines
    )


def test_where_a_photo_went_is_told():
    skipping = dataclasses.replace(HOUSEHOLD, on_duplicate=OnDuplicate.SKIP)
    for policy, where in ((HOUSEHOLD, "put into review/duplicates"), (skipping, "put away as a duplicate")):
        assert summary(explain(photo(other_copy=ELSEWHERE), policy)).startswith(f"It was {where}: ")
    assert summary(explain(sure(photo(JOHN)), HOUSEHOLD)).startswith("It was filed under John Doe: ")


def test_of_a_file_that_nobody_could_read_only_that_is_told():
    assert [v.rule.name for v, _ in rules(explain(Evidence(unreadable="empty"), HOUSEHOLD))] == ["unreadable"]
    compared = rules(explain(photo(other_copy=ELSEWHERE), HOUSEHOLD))
    assert [v.rule.name for v, _ in compared] == ["unreadable", "duplicate"]


def test_margin():
    policy = dataclasses.replace(HOUSEHOLD, thresholds=Thresholds(0.6, 0.05))
    lines = told(sure(photo(JOHN), 0.8, 0.031, SARAH), policy)
    assert any("`thresholds.min_margin` were 0.03 or less" in line and "filed" in line for line in lines)


def test_a_stranger_beside():
    lines = told(sure(photo(face(JOHN, 0.3), face(None, 0.01))), HOUSEHOLD)
    assert "If the stranger were not on it, it would be filed under John Doe." in lines
    assert any("`thresholds.min_face_area` were 0.0101 (now 0)" in line for line in lines)
    assert any("`multiple_faces` were main_face" in line and "John Doe" in line for line in lines)


def test_two_things_at_once_when_one_is_not_enough():
    lines = told(sure(photo(LUKAS), 0.5), HOUSEHOLD)
    assert not any(line.count(" and ") == 0 and "filed" in line for line in lines)
    assert any(
        "whitelist" in line and "min_confidence" in line and "filed under Lukas" in line for line in lines
    )
    unwanted = told(photo(VICTOR), HOUSEHOLD)
    assert any("not on the blacklist and Victor Grey were on the whitelist" in line for line in unwanted)


def test_an_unknown_face_is_told_who_it_might_be():
    evidence = photo(None)
    evidence = dataclasses.replace(
        evidence, suggestions={evidence.faces[0].id: (Suggestion(VICTOR, 0.5), Suggestion(SARAH, 0.43))}
    )
    assert told(evidence, HOUSEHOLD)[0].startswith("If the unknown face were Sarah Smith, it would be filed")
    assert "Closest: Victor Grey (0.50) and Sarah Smith (0.43)." in seen(explain(evidence, HOUSEHOLD))[0]


def test_nothing_is_said_about_faces_nobody_looked_for():
    for evidence in (photo(other_copy=ELSEWHERE), Evidence(unreadable="empty")):
        found = explain(evidence, HOUSEHOLD)
        assert "not asked" in seen(found)[0]
        assert {v.rule.name for v, _ in rules(found)} <= {"unreadable", "duplicate"}
        assert any(a.open for a in found.alternatives)
        assert all(r.code != "no_faces_detected" for r in found.decision.reasons)


def test_names_people_ruled_out_and_twins():
    shared = told(photo(JOHN), HOUSEHOLD, {JOHN.id})
    assert any(line.startswith("If only one person were called John Doe") for line in shared)
    ruled_out = told(dataclasses.replace(photo(JOHN), ruled_out=frozenset({JOHN.id})), HOUSEHOLD)
    assert any("no user had ruled out John Doe" in line for line in ruled_out)
    twice = told(photo(JOHN, JOHN), dataclasses.replace(HOUSEHOLD, max_faces=2))
    assert any("only one of the faces were John Doe" in line for line in twice)


SWITCHED_OFF = dataclasses.replace(HOUSEHOLD, categories=frozenset(Category) - {Category.LOW_CONFIDENCE})
EVERY_CHANGE = [
    *CASES,
    (photo(face(JOHN, 0.3), face(None, 0.01)), dataclasses.replace(HOUSEHOLD, min_face_area=0.05)),
    (photo(JOHN, JOHN), dataclasses.replace(HOUSEHOLD, max_faces=2)),
    (dataclasses.replace(photo(JOHN), ruled_out=frozenset({JOHN.id})), HOUSEHOLD),
    (dataclasses.replace(photo(JOHN), mixed=frozenset({JOHN.id})), HOUSEHOLD),
    (sure(photo(JOHN), 0.3), SWITCHED_OFF),
    (photo(UNNAMED), HOUSEHOLD),
    (dataclasses.replace(photo(JOHN), sorted_before=SortedBefore((SARAH,), "eva")), HOUSEHOLD),
    (Evidence(film=Film(broken="took longer than 40 s to decode")), HOUSEHOLD),
    (
        dataclasses.replace(photo(dataclasses.replace(JOHN, born="2019-05-01")), taken="2018-01-01"),
        HOUSEHOLD,
    ),
]
"""Photos of which every change is told once at least."""

SETTINGS = {
    "max_faces": lambda p: p.max_faces,
    "multiple_faces": lambda p: p.multiple_faces.value,
    "min_face_area": lambda p: p.min_face_area,
    "on_duplicate": lambda p: p.on_duplicate.value,
    "when_confidence_unknown": lambda p: p.when_confidence_unknown.value,
}


@pytest.mark.parametrize("case", EVERY_CHANGE, ids=range(len(EVERY_CHANGE)))
def test_what_is_told_of_a_change_is_what_is_tried(case):
    case = Case(*case, frozenset({JOHN.id}))
    for one in tries_of(case):
        assert one.then != case, one.change
        setting = SETTINGS.get(one.change.code)
        if setting is not None:
            told_of = (one.change.now, one.change.value)
            assert told_of == (setting(case.policy), setting(one.then.policy)), one.change


def test_every_change_has_words_and_every_word_is_used():
    found = [t.change for case in EVERY_CHANGE for t in tries_of(Case(*case, frozenset({JOHN.id})))]
    kinds = [one for module in (*THEMES, explaining) for one in vars(module).values()]
    assert {one.kind for one in found} == {one for one in kinds if isinstance(one, ChangeKind)}
    assert len({one.code for one in found}) == len({one.kind for one in found})
    assert all(map(str, found))


people = st.sampled_from([None, JOHN, SARAH, VICTOR, LUKAS, UNNAMED])
policies = st.builds(
    Policy,
    whitelist=st.sampled_from([(), refs("john_doe"), refs("John Doe", "Sarah Smith")]),
    blacklist=st.sampled_from([(), refs("Victor Grey")]),
    thresholds=st.builds(Thresholds, st.floats(0, 1), st.floats(0, 0.3)),
    max_faces=st.integers(1, 3),
    min_face_area=st.sampled_from([0.0, 0.05, 0.3]),
    when_confidence_unknown=st.sampled_from(WhenUnknown),
    multiple_faces=st.sampled_from(MultipleFaces),
    on_duplicate=st.sampled_from(OnDuplicate),
    categories=st.frozensets(st.sampled_from(Category)),
)


@given(st.lists(st.tuples(people, st.floats(0.001, 0.5)), max_size=4), st.data(), policies)
def test_it_never_fails_and_never_contradicts_the_decision(on_it, data, policy):
    faces = tuple(face(person, share, name=f"f{n}") for n, (person, share) in enumerate(on_it))
    measured = {
        f.id: Confidence(data.draw(st.floats(0, 1)), data.draw(st.floats(-1, 1)), SARAH)
        for f in faces
        if data.draw(st.booleans())
    }
    evidence = Evidence(
        faces=faces,
        confidence=measured,
        ruled_out=data.draw(st.sampled_from([frozenset(), frozenset({JOHN.id})])),
        other_copy=data.draw(st.sampled_from([None, ELSEWHERE])),
    )
    found = explain(evidence, policy, {LUKAS.id})
    assert found.decision == decide(evidence, policy, {LUKAS.id})
    assert all(words_of(found))
