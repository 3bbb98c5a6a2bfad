"""Folders of people: inside their base whatever the name, and the same for every spelling of it."""

import os
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartsort.core.model import Person
from smartsort.core.naming import FOLDER_BYTES, folder_name, same_name, shard_folder
from smartsort.core.policy import names_shared

LONG = "Wilhelmina Konstantinopolitanische " * 8


@pytest.mark.parametrize(
    ("person", "folder"),
    [
        ("John Doe", "john_doe"),
        ("john_doe", "john_doe"),
        ("  John   Doe ", "john_doe"),
        ("O'Brien-Smith, Jr.", "o_brien_smith_jr"),
        ("Zoë", "zoë"),
        ("Zoe\u0308", "zoë"),  # composed and decomposed are one name
        ("李雷", "李雷"),
        ("ﬁona", "fiona"),
        ("family_member_1", "family_member_1"),
        ("../../etc/passwd", "etc_passwd"),
        (".hidden", "hidden"),
        ("trailing. ", "trailing"),
        ("a/b\\c:d", "a_b_c_d"),
        ("con", "con_"),
        ("LPT1", "lpt1_"),
        ("a\nb\x00c", "a_b_c"),
    ],
)
def test_a_person_s_folder(person, folder):
    assert folder_name(person) == folder


@pytest.mark.parametrize("person", ["..", ".", "/", "🙂", "", "   ", "\ud800"])
def test_a_name_without_a_letter_gets_a_folder_of_its_own(person):
    assert folder_name(person).startswith("person_")
    assert folder_name(person) != folder_name(person + "!")


def test_long_names_stay_different():
    one, other = folder_name(LONG + "one"), folder_name(LONG + "other")
    assert one != other
    assert len(one.encode()) <= FOLDER_BYTES


def test_a_person_is_meant_as_typed_without_case_or_in_folder_form():
    assert same_name("John Doe", "john_doe")
    assert same_name("JOHN DOE", "john doe")
    assert same_name("STRASSE", "straße")
    assert not same_name("John Doe", "John Do")
    assert not same_name("Ana", "Anna")
    assert not same_name("", "")
    assert not same_name("", "person_e3b0c442")
    assert not same_name("..", "...")


@settings(max_examples=300)
@given(st.text(max_size=60) | st.text(min_size=100, max_size=300))
def test_no_name_leaves_its_folder(person):
    name = folder_name(person)
    assert name == os.path.basename(name)
    assert name not in ("", ".", "..")
    assert not name.startswith(".")
    assert not name.endswith((".", " "))
    assert len(name.encode()) <= FOLDER_BYTES
    assert all(c == "_" or c.isalnum() or unicodedata.category(c).startswith("M") for c in name)
    assert name == unicodedata.normalize("NFC", name)


@settings(max_examples=300)
@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_the_folder_form_of_a_name_means_the_person(person):
    """What people read as a folder's name they may write on a list."""
    assert same_name(folder_name(person), person)
    assert same_name(person, person)


def test_two_people_share_a_name_in_any_spelling():
    people = [
        Person("1", "John Doe"),
        Person("2", "john_doe"),
        Person("3", "Straße"),
        Person("4", "STRASSE"),
        Person("5", "Anna"),
        Person("6", ""),
        Person("7", ""),
    ]
    assert names_shared(people) == {"1", "2", "3", "4"}
    assert names_shared([]) == frozenset()


@given(
    st.lists(st.sampled_from(["John", "john", "J ohn", "j_ohn", "ß", "SS", "", "🙂", "person_1"]), max_size=6)
)
def test_a_name_is_shared_by_those_a_list_entry_would_mean(names):
    people = [Person(str(i), name) for i, name in enumerate(names)]
    shared = {p.id for p in people for q in people if p is not q and same_name(p.name, q.name)}
    assert names_shared(people) == shared


def test_shards_are_numbered_so_that_they_sort():
    assert shard_folder(1) == "shard-0001"
    assert sorted(map(shard_folder, (2, 10, 1))) == ["shard-0001", "shard-0002", "shard-0010"]
