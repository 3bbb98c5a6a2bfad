"""Whose a sub-folder is, what its word decides, and which face is the person's."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.household import HOUSEHOLD, JOHN, LUKAS, SARAH, UNNAMED, VICTOR, face, photo

from smartsort.core.decision import decide
from smartsort.core.model import (
    Category,
    CopyPlace,
    Evidence,
    FaceMark,
    MarkKind,
    OtherCopy,
    Outcome,
    Person,
    SortedBefore,
    Suggestion,
)
from smartsort.core.person_ref import PersonRef
from smartsort.core.rules.sorted_before import face_of
from smartsort.core.sorted_folders import Certainty, match_folders
from smartsort.core.wording import sentence
from smartsort.ledger.records import evidence_from_json, evidence_to_json

NEW = Person("", "Rose")
PEOPLE = (
    Person("1", "John Doe"),
    Person("2", "Anna"),
    Person("3", "Anna"),
    Person("4", "李雷"),
    Person("5", ""),
)
LISTED = (PersonRef("Sarah Smith"), PersonRef("Lea O'Neill"))


@pytest.mark.parametrize(
    ("folder", "certainty", "person"),
    [
        ("john_doe", "matched", "John Doe"),
        ("John Doe", "matched", "John Doe"),
        ("JOHN  DOE", "matched", "John Doe"),
        ("李雷", "matched", "李雷"),
        ("sarah_smith", "matched", "Sarah Smith"),
        ("lea_o_neill", "matched", "Lea O'Neill"),
        ("anna", "uncertain", None),
        ("jon", "uncertain", None),
        ("john", "uncertain", None),
        ("doe_john", "uncertain", None),
        ("Sara Smith", "uncertain", None),
        ("2019", "uncertain", None),
        ("...", "uncertain", None),
        ("caf\udce9", "uncertain", None),
        ("a\nb", "uncertain", None),
        ("x" * 301, "uncertain", None),
        ("Rose", "new", "Rose"),
        ("grandma_rose", "new", "grandma_rose"),
    ],
)
def test_a_name_tells_whose_it_is_or_is_not_guessed(folder, certainty, person):
    [found] = match_folders([folder], PEOPLE, LISTED, {})
    assert (found.certainty, found.person and found.person.name) == (certainty, person)
    assert found.why


@pytest.mark.parametrize(
    ("folder", "said", "why"),
    [
        ("John Doe", None, "the name in Immich"),
        ("JOHN  DOE", None, "the name in Immich"),
        ("john_doe", None, "the folder form of John Doe in Immich"),
        ("sarah_smith", None, "the folder form of Sarah Smith in your lists"),
        ("x", "john_doe", "you said so"),
        ("x", "Somebody New", "you said so"),
        ("2019", None, "this is no name of a person"),
        ("anna", None, "2 people of Immich fit: Anna, Anna"),
        ("jon", None, "it is only similar to John Doe"),
        ("Rose", None, "nobody has a name like it"),
    ],
)
def test_it_says_why(folder, said, why):
    [found] = match_folders([folder], PEOPLE, LISTED, {folder: said} if said else {})
    assert found.why == why


def test_two_entries_of_a_list_that_fit_are_uncertain_and_one_entry_twice_is_not():
    listed = (PersonRef("Lea"), PersonRef("LEA"), PersonRef("Le-a"))
    [lea] = match_folders(["lea"], (), listed, {})
    assert (lea.certainty, lea.person.name.lower()) == (Certainty.MATCHED, "lea")
    [both] = match_folders(["le_a"], (), (*listed, PersonRef("Le a")), {})
    assert (both.certainty, both.why) == ("uncertain", "2 names of your lists fit: Le-a, Le a")


def test_a_name_of_300_letters_is_one():
    assert match_folders(["x" * 300], (), (), {})[0].certainty is Certainty.NEW


@pytest.mark.parametrize(
    ("folder", "alike"),
    [
        ("Doe", True),
        ("John Peter Doe", True),
        ("Jon Doe", True),
        ("Johnn", True),
        ("Peter", False),
        ("Jane Roe", False),
        ("Peter Jon", False),
    ],
)
def test_some_of_the_words_or_a_few_other_letters_may_be_meant_for_somebody(folder, alike):
    [found] = match_folders([folder], [Person("1", "John Doe"), Person("2", "...")], (), {})
    assert (found.certainty is Certainty.UNCERTAIN) is alike


def test_what_the_user_says_counts():
    said = {"jon": "John Doe", "oma": "Rose", "x": "Anna"}
    found = {one.folder: one for one in match_folders(list(said), PEOPLE, LISTED, said)}
    assert (found["jon"].certainty, found["jon"].person) == (Certainty.MATCHED, PEOPLE[0])
    assert (found["oma"].certainty, found["oma"].person) == (Certainty.NEW, NEW)
    assert found["x"].certainty is Certainty.UNCERTAIN  # there are two of the name


def test_new_people_who_would_share_a_folder_are_uncertain():
    found = match_folders(["Ro-se", "ro se", "Max"], PEOPLE, LISTED, {})
    assert [one.certainty for one in found] == ["uncertain", "uncertain", "new"]
    assert [one.why for one in found[:2]] == ["another new folder's name looks the same"] * 2
    assert (found[0].person, found[2].person) == (None, Person("", "Max"))


@given(st.lists(st.text(max_size=12), max_size=5, unique=True), st.lists(st.text(max_size=12), max_size=5))
def test_a_certain_folder_has_a_person_and_no_other_has_one(folders, names):
    people = [Person(str(n), name) for n, name in enumerate(names)]
    found = match_folders(folders, people, (), {})
    assert [one.folder for one in found] == folders
    for one in found:
        assert (one.person is None) is (one.certainty is Certainty.UNCERTAIN)
        assert one.certainty is not Certainty.MATCHED or one.person in people


def sorted_as(evidence: Evidence, *people: Person) -> Evidence:
    return dataclasses.replace(evidence, sorted_before=SortedBefore(people, "eva"))


@pytest.mark.parametrize(
    "evidence",
    [
        photo(),
        photo(None),
        photo(UNNAMED),
        photo(SARAH, None),
        photo(SARAH, LUKAS),
        photo(SARAH),
        Evidence(gave_up="it failed twice"),
        photo(LUKAS, SARAH, None),
    ],
)
def test_the_word_of_the_folder_files_it(evidence):
    decision = decide(sorted_as(evidence, SARAH), HOUSEHOLD)
    assert (decision.outcome, decision.people) == (Outcome.SORTED, (SARAH,))
    assert decision.reason.code == "sorted_before"


def test_two_folders_file_it_twice_and_somebody_new_counts_as_well():
    assert decide(sorted_as(photo(SARAH), SARAH, NEW), HOUSEHOLD).people == (SARAH, NEW)


@pytest.mark.parametrize(
    ("evidence", "code", "category"),
    [
        (photo(JOHN), "contradicted_folder", Category.UNIDENTIFIED),
        (photo(JOHN, LUKAS), "contradicted_folder", Category.UNIDENTIFIED),
        (photo(SARAH, VICTOR), "blacklisted_person", Category.UNWANTED_PERSON),
        (Evidence(unreadable="empty"), "unreadable", Category.UNIDENTIFIED),
        (Evidence(other_copy=OtherCopy(CopyPlace.LEDGER, photo_id=3)), "duplicate", Category.DUPLICATES),
    ],
)
def test_what_contradicts_it_waits_with_a_reason(evidence, code, category):
    decision = decide(sorted_as(evidence, SARAH), HOUSEHOLD)
    assert (decision.reason.code, decision.category) == (code, category)


def test_a_folder_of_an_unwanted_person_waits():
    assert decide(sorted_as(photo(), VICTOR), HOUSEHOLD).reason.code == "blacklisted_person"


def test_who_was_ruled_out_since_is_not_meant():
    evidence = dataclasses.replace(sorted_as(photo(), SARAH), ruled_out=frozenset({SARAH.id}))
    assert decide(evidence, HOUSEHOLD).reason.code == "no_faces_detected"


def test_the_free_face_is_the_persons_where_that_is_no_guess():
    mine, other = face(None, 0.3, name="mine"), face(None, 0.1, name="other")
    named = face(JOHN, 0.2, name="john")
    assert face_of(sorted_as(photo(mine, named), SARAH), SARAH) == mine
    assert face_of(sorted_as(photo(mine, other), SARAH), SARAH) is None
    assert face_of(sorted_as(photo(face(SARAH, 0.3)), SARAH), SARAH) is None
    assert face_of(sorted_as(photo(mine), SARAH, JOHN), SARAH) is None
    assert face_of(sorted_as(photo(named), SARAH), SARAH) is None


def test_of_several_free_faces_the_one_most_like_the_person_is_theirs():
    near, nearer, other = (face(None, 0.3, name=name) for name in ("near", "nearer", "other"))
    measured = {
        near.id: (Suggestion(SARAH, 0.5),),
        nearer.id: (Suggestion(SARAH, 0.6), Suggestion(LUKAS, 0.5)),
        other.id: (Suggestion(LUKAS, 0.9), Suggestion(SARAH, 0.8)),
    }
    evidence = dataclasses.replace(sorted_as(photo(near, nearer, other), SARAH), suggestions=measured)
    assert face_of(evidence, SARAH) == nearer
    assert face_of(evidence, LUKAS) is None
    marks = {nearer.id: FaceMark(MarkKind.IGNORED, "k")}
    assert face_of(dataclasses.replace(evidence, marks=marks), SARAH) == near
    ruled_out = dataclasses.replace(evidence, ruled_out=frozenset({LUKAS.id}))
    assert face_of(ruled_out, SARAH) == other


def test_a_contradiction_says_whom_the_folder_and_whom_the_faces_mean():
    decision = decide(sorted_as(photo(JOHN, LUKAS), SARAH), HOUSEHOLD)
    assert sentence(decision.reason) == (
        "It lay in your folder of Sarah Smith, but Immich sees John Doe, Lukas there and no other face."
    )


def test_it_is_kept_with_the_decision():
    evidence = sorted_as(photo(None), SARAH, NEW)
    back = evidence_from_json(evidence_to_json(evidence))
    assert [(p.id, p.name) for p in back.sorted_before.people] == [(SARAH.id, SARAH.name), ("", "Rose")]
    assert back.sorted_before.by == "eva"
