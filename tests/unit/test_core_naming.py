"""Folders of people: inside their base whatever the name, and the same for every spelling of it."""

import os
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartsort.core.model import Person
from smartsort.core.naming import (
    FOLDER_BYTES,
    folder_key,
    folder_name,
    folder_names,
    same_name,
    shard_folder,
    spelled,
)
from smartsort.core.policy import called, names_shared

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


INVISIBLE = [
    *("❤️", "☀️", "☎︎", "🏴\U000e0067\U000e0062\U000e007f", "👨‍👩‍👧", "👍🏽", "🇩🇪", "#️⃣"),
    *(
        "\u3164",
        "\uffa0",
        "\u115f\u1160",
        "\u2800",
        "\u200b",
        "\u202e",
        "\u034f",
        "\u0301",
        "\ufeff",
        "\U000e0100",
    ),
    *("\u180b", "\u17b4", "\u00ad", "_", "\ue000", "\u3000"),
]


@pytest.mark.parametrize("person", INVISIBLE)
def test_a_name_without_a_visible_letter_gets_a_visible_folder(person):
    assert re.fullmatch("person_[0-9a-f]{8}", folder_name(person))
    assert len({folder_name(each) for each in INVISIBLE}) == len(INVISIBLE)


@pytest.mark.parametrize(
    ("person", "folder"), [("❤️ Anna", "anna"), ("1️⃣", "1️⃣"), ("Anna ❤️", "anna"), ("नि", "नि")]
)
def test_what_can_be_seen_of_a_name_is_its_folder(person, folder):
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


def test_two_people_share_a_name_as_people_read_it():
    people = [
        Person("1", "John Doe"),
        Person("2", "john_doe"),
        Person("3", "Straße"),
        Person("4", "STRASSE"),
        Person("5", "Anna  Marie"),
        Person("6", "anna\u200b marie"),
        Person("7", "Anna-Marie"),
        Person("8", "Zoë"),
        Person("9", "Zoe\u0308"),
        Person("10", ""),
        Person("11", ""),
    ]
    assert names_shared(people) == {"3", "4", "5", "6", "8", "9"}
    assert names_shared([]) == frozenset()


def test_a_name_means_who_is_spelled_so_before_who_has_the_folder():
    people = [Person("1", "Anna-Marie"), Person("2", "Anna Marie"), Person("3", "")]
    assert [p.id for p in called("anna marie", people)] == ["2"]
    assert [p.id for p in called("anna_marie", people)] == ["1", "2"]
    assert [p.id for p in called("Anna.Marie", people[:1])] == ["1"]
    assert [p.id for p in called(folder_name("Anna Marie", apart=True), people)] == ["2"]
    assert called("", people) == []


def test_a_person_kept_apart_has_a_folder_of_their_own():
    one, other = folder_name("Anna-Marie", apart=True), folder_name("Anna Marie", apart=True)
    assert len({one, other, folder_name("Anna Marie")}) == 3
    assert one.startswith("anna_marie_")
    assert len(folder_name(LONG, apart=True).encode()) <= FOLDER_BYTES
    assert {folder_name(LONG), folder_name("con", apart=True)} <= {*folder_names(LONG), *folder_names("con")}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Anna-Marie", "Anna Marie"),
        ("Straße", "STRASSE"),
        ("ǅ", "ǆ"),
        ("Anna\ufe0f", "Anna"),
        ("❤️ Anna", "☀️ Anna"),
        ("Zoë", "Zoe\u0308"),
    ],
)
def test_folders_that_are_one_to_a_disk_or_to_the_eye_are_noticed(one, other):
    assert folder_key(one) == folder_key(other)


def test_shards_are_numbered_so_that_they_sort():
    assert shard_folder(1) == "shard-0001"
    assert sorted(map(shard_folder, (2, 10, 1))) == ["shard-0001", "shard-0002", "shard-0010"]


@pytest.mark.parametrize("selector", ["\ufe00", "\ufe0f", "\U000e0100", "\U000e01ef", "\u034f"])
def test_what_only_selects_a_variant_makes_no_other_folder(selector):
    assert folder_key(f"An{selector}na") == folder_key("Anna") == "anna"


@pytest.mark.parametrize("mark", ["\u0301", "\ufe20", "\u0350"])
def test_any_other_mark_makes_another_folder(mark):
    assert folder_key(f"An{mark}na") != "anna"


def test_a_name_is_shortened_to_the_longest_that_fits():
    assert folder_name("a" * FOLDER_BYTES) == "a" * FOLDER_BYTES
    assert len(folder_name("a" * (FOLDER_BYTES + 1))) == FOLDER_BYTES
    assert re.fullmatch("a{110}_[0-9a-f]{8}", folder_name("a" * 110 + "_" + "b" * 20))
    assert re.fullmatch("a{110}_[0-9a-f]{8}", folder_name("_" + "a" * 110 + "_" + "b" * 20))


def test_spelled_as_people_read_it():
    assert spelled(" Anna \u200b Marie ") == "anna marie"
