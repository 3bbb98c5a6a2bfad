"""The policy as a value: who is wanted, and a version that tells two policies apart."""

import dataclasses

import pytest

from smartsort.core.filing_rules import FilingRule
from smartsort.core.model import Category, Person
from smartsort.core.person_ref import PersonRef
from smartsort.core.policy import (
    HiddenPeople,
    MultipleFaces,
    OnDuplicate,
    Policy,
    Thresholds,
    WhenUnknown,
    names_shared,
    same_humans,
)

JOHN = Person("p-john", "John Doe")

CHANGES = [
    {"whitelist": (PersonRef("John Doe"),)},
    {"whitelist": (PersonRef("John Doe", "p-john"),)},
    {"blacklist": (PersonRef("John Doe"),)},
    {"thresholds": Thresholds(0.61)},
    {"thresholds": Thresholds(0.6, 0.01)},
    {"person_thresholds": {"John Doe": Thresholds(0.6)}},
    {"max_faces": 2},
    {"min_face_area": 0.01},
    {"when_confidence_unknown": WhenUnknown.REVIEW},
    {"multiple_faces": MultipleFaces.EACH_PERSON},
    {"multiple_faces": MultipleFaces.MAIN_FACE},
    {"on_duplicate": OnDuplicate.SKIP},
    {"hidden_people": HiddenPeople.COUNT},
    {"categories": frozenset(Category) - {Category.DUPLICATES}},
    {"template": "{person}/{year}"},
    {"rules": (FilingRule("us", folder="us"),)},
]


def test_every_value_is_part_of_the_version():
    assert {name for change in CHANGES for name in change} == {f.name for f in dataclasses.fields(Policy)}
    versions = {Policy().version} | {Policy(**change).version for change in CHANGES}
    assert len(versions) == len(CHANGES) + 1
    assert all(len(v) == 12 and int(v, 16) >= 0 for v in versions)


def test_the_same_policy_has_the_same_version():
    one = Policy(person_thresholds={"a": Thresholds(), "b": Thresholds()}, categories=frozenset(Category))
    other = Policy(
        person_thresholds={"b": Thresholds(), "a": Thresholds()}, categories=frozenset([*Category])
    )
    assert one.version == other.version


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        (Policy(), True),
        (Policy(whitelist=(PersonRef("john_doe"),)), True),
        (Policy(whitelist=(PersonRef("JOHN DOE"),)), True),
        (Policy(whitelist=(PersonRef("Sarah"),)), False),
        (Policy(whitelist=(PersonRef("Sarah", "p-john"),)), True),
        (Policy(whitelist=(PersonRef("John Doe", "p-other"),)), False),
        (Policy(blacklist=(PersonRef("john doe"),)), False),
        # On both lists: unwanted.
        (Policy(whitelist=(PersonRef("John Doe"),), blacklist=(PersonRef("John Doe"),)), False),
    ],
)
def test_who_is_wanted(policy, wanted):
    assert policy.wanted(JOHN) is wanted


def test_somebody_without_a_name_gets_no_folder():
    assert not Policy().wanted(Person("p", ""))
    assert not Policy(whitelist=(PersonRef("", "p"),)).wanted(Person("p", ""))
    assert Policy(blacklist=(PersonRef("Victor", "p"),)).blacklisted(Person("p", ""))


def test_a_person_s_own_thresholds_are_found_in_any_spelling():
    own = Thresholds(0.9, 0.1)
    policy = Policy(person_thresholds={"john_doe": own})
    assert policy.thresholds_for(JOHN) == own
    assert policy.thresholds_for(Person("p", "Sarah")) == Thresholds()


def test_an_own_and_a_shared_person_of_one_name_are_one():
    own, theirs, other = Person("1", "Anna"), Person("2", "ANNA", shared_by="bert"), Person("3", "Bella")
    assert same_humans([own, theirs, other]) == {"2": own}
    assert same_humans([own, theirs], different=["anna"]) == {}


def test_two_own_people_of_one_name_stay_ambiguous():
    people = [Person("1", "Anna"), Person("2", "Anna"), Person("3", "Anna", shared_by="bert")]
    assert same_humans(people) == {}
    assert names_shared(people) == {"1", "2", "3"}


def test_whom_two_others_share_is_one_too():
    people = [Person("2", "Anna", shared_by="carl"), Person("1", "Anna", shared_by="bert")]
    assert same_humans(people) == {"2": people[1]}


def test_who_has_no_name_is_nobody_else():
    assert same_humans([Person("1", ""), Person("2", "", shared_by="bert")]) == {}
