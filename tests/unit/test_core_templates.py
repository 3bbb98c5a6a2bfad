"""Templates of folders: what they refuse, what they make, and that none leads out of its folder."""

from __future__ import annotations

import dataclasses
import os
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smartsort.core.model import Evidence, Origin, Person
from smartsort.core.naming import FOLDER_BYTES, folder_name
from smartsort.core.policy import Policy
from smartsort.core.templates import INSTEAD, OWN_FOLDER, folders_of, parse

ANNA, BEN = Person("1", "Anna"), Person("2", "Ben")
ROME = Evidence(
    taken="2024-07-05T12:00:00+02:00", origin=Origin("whatsapp", "Trip to Rome", "Apple iPhone 15")
)
UNKNOWN = Evidence(origin=Origin())


def own(person):
    return folder_name(person.name)


def rendered(text, evidence=ROME, people=(ANNA,)):
    return list(folders_of((parse(text).pattern(evidence),), people, own))


@pytest.mark.parametrize(
    ("template", "folder", "unknown"),
    [
        ("{person}", "anna", "anna"),
        ("{person}/{year}", "anna/2024", "anna/undated"),
        ("{year}/{person}", "2024/anna", "undated/anna"),
        ("{person}/{year}-{month}", "anna/2024_07", "anna/undated_undated"),
        ("{person}/{year}/{month}", "anna/2024/07", "anna/undated"),
        ("{source}/{person}", "whatsapp/anna", "inbox/anna"),
        ("{person}/{album}", "anna/trip_to_rome", "anna/no_album"),
        ("{person}/{camera}", "anna/apple_iphone_15", "anna/no_camera"),
        ("People/{person}/from {source}", "people/anna/from_whatsapp", "people/anna/from_inbox"),
    ],
)
def test_fields_become_folders_and_what_is_missing_has_a_word(template, folder, unknown):
    assert rendered(template) == [folder]
    assert rendered(template, UNKNOWN) == [unknown]
    assert rendered(template, Evidence()) == [unknown]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("", "printable"),
        ("  ", "printable"),
        ("{person}\n", "printable"),
        ("{person}\0", "printable"),
        ("{person}/" + "x" * 400, "printable"),
        ("/{person}", "relative"),
        ("~/{person}", "relative"),
        ("{person}\\{year}", "relative"),
        ("{person}//{year}", "empty part"),
        ("{person}/", "empty part"),
        ("{person}/ /x", "empty part"),
        ("../{person}", "must not hold"),
        ("{person}/..", "must not hold"),
        ("{person}/./x", "must not hold"),
        ("{person}/...", "letter or digit"),
        ("{person}/--", "letter or digit"),
        ("{person}/\u3164", "letter or digit"),
        ("{person}/{yaer}", "Did you mean {year}"),
        ("{person}/{0}", "There are person, year"),
        ("{person}/{year", "brace"),
        ("{person}/year}", "brace"),
        ("{person}/{{year}}", "brace"),
        ("{year}", "must have {person}"),
        ("{person}/{person}", "once"),
        ("{person}_{year}", "folder of its own"),
        ("by {person}", "folder of its own"),
        ("/".join(["{person}", *"abcdefgh"]), "at most 8"),
    ],
)
def test_a_template_that_cannot_be_meant_is_refused_with_what_is_wrong(template, said):
    with pytest.raises(ValueError, match=r"^(must|has)") as problem:
        parse(template)
    assert said in str(problem.value)


@pytest.mark.parametrize(
    ("template", "whole"),
    [
        ("", "must be 1 to 400 printable characters such as {person}/{year}"),
        ("/{person}", "must be relative, with / between folders: it lies below faces/"),
        ("{person}//x", "has an empty part. Write one / between two folders, and none at either end"),
        ("{person}/..", "must not hold the part .."),
        ("{person}/{yaer}", "has the unknown field {yaer}. Did you mean {year}?"),
        (
            "{person}/{0}",
            "has the unknown field {0}. There are person, year, month, source, album, camera",
        ),
        ("{person}/{year", "has a brace without its other half in {year"),
        ("by {person}", "must have {person} as a folder of its own, with nothing beside it"),
        ("{person}/--", "has the part -- without a letter or digit"),
        ("{year}", "must have {person} as one of its folders, or people would share theirs"),
        ("{person}/{person}", "must have {person} once"),
        ("/".join(["{person}", *"abcdefgh"]), "must have at most 8 folders"),
    ],
)
def test_what_is_wrong_is_the_rest_of_a_sentence(template, whole):
    with pytest.raises(ValueError, match=r"^(must|has)") as problem:
        parse(template)
    assert str(problem.value) == whole


def test_the_longest_and_the_deepest_template_are_read():
    assert len(parse("/".join(["{person}", *"abcdefg"])).parts) == 8
    assert parse("{person}/" + "x" * 391).parts[0] == "{person}"
    assert parse(" {person} / {year} ").parts == ("{person}", "{year}")
    assert parse("family", for_person=False).parts == ("family",)


def test_a_template_knows_the_folders_that_it_may_have_made():
    of_two = parse("Us Two/{year}", for_person=False)
    assert of_two.matches("us_two/2024")
    assert of_two.matches("us_two/undated")
    assert not of_two.matches("us_two")
    assert not of_two.matches("us_three/2024")
    assert not parse("a b", for_person=False).matches("a.b")


def test_a_day_that_cannot_be_read_is_no_day():
    assert rendered("{person}/{year}", dataclasses.replace(ROME, taken="last summer")) == ["anna/undated"]


HOSTILE = [
    "..",
    ".",
    "../../etc/passwd",
    "/etc",
    "a/b",
    "a\\b",
    "\0",
    "a\0b",
    "\x1b[2J",
    "x" * 300,
    "é" * 300,
    "name.",
    "name ",
    "...",
    "CON",
    "nul.txt",
    "com1",
    "e\u0301",
    "é",
    "\u202egpj.exe",
    "😀",
    "\u3164",
    "\udcff",
    "{year}",
    "{person}",
    "-rf",
    "~",
    "",
]
texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=300), st.text("./\\ \0\u2024\u2215", max_size=9))
parts = st.sampled_from(
    ["{person}", "{year}", "{month}", "{source}", "{album}", "{camera}", "x {source}{album}"]
)


@settings(max_examples=600, deadline=None)
@given(
    st.lists(parts, min_size=1, max_size=8).map("/".join),
    texts,
    st.builds(Origin, texts, texts, texts),
    st.one_of(st.none(), texts, st.datetimes().map(lambda when: when.isoformat())),
)
@example("{person}/{source}/{album}/{camera}", "..", Origin("..", "/", "\0"), "..")
def test_no_template_and_no_value_leads_out_of_its_folder(template, person, origin, taken):
    try:
        read = parse(template)
    except ValueError:
        return
    evidence = Evidence(taken=taken, origin=origin)
    [folder] = folders_of((read.pattern(evidence),), [Person("1", person)], own)
    base = "/photos/faces"
    assert os.path.normpath(f"{base}/{folder}") == f"{base}/{folder}"
    for part in folder.split("/"):
        assert part
        assert part == unicodedata.normalize("NFC", part)
        assert len(part.encode()) <= FOLDER_BYTES
        assert not part.startswith((".", "-", "~", " "))
        assert not part.endswith((".", " "))
        assert part.isprintable()
        assert part.rstrip("_") not in ("con", "nul", "com1") or part.endswith("_")


@settings(max_examples=300, deadline=None)
@given(texts, texts, st.lists(parts, min_size=1, max_size=4).map("/".join))
def test_two_people_of_two_folders_never_share_one(one, other, template):
    try:
        read = parse(template)
    except ValueError:
        return
    people = [Person("1", one), Person("2", other)]
    found = folders_of((read.pattern(ROME),), people, own)
    assert len(found) == len({own(person) for person in people})


def test_a_folder_comes_once_and_says_whose_it_is():
    found = folders_of(("{person}/2024", "family", "{person}/2024", "family"), [ANNA, BEN], own)
    assert found == {"anna/2024": ANNA, "ben/2024": BEN, "family": None}
    assert folders_of(("{person}",), iter([ANNA, BEN]), own) == {"anna": ANNA, "ben": BEN}
    assert folders_of(("family",), [], own) == {"family": None}


def test_the_part_of_the_person_is_the_likeliest_and_the_others_follow():
    assert [p for _, p in parse("{year}/{person}").likely_people("2024/anna")] == ["anna", "2024"]
    assert [p for _, p in parse("{year}/{person}").likely_people("anna")] == ["anna"]
    assert OWN_FOLDER.likely_people("anna/2024") == [("anna", "anna"), ("anna/2024", "2024")]
    assert parse("{year}/{person}").likely_people("2024/anna/x")[0] == ("2024/anna", "anna")


def test_the_words_for_what_is_missing_are_folders_as_they_are():
    assert {folder_name(word) for word in INSTEAD.values()} == set(INSTEAD.values())


def test_the_year_is_that_of_the_clock_of_the_camera():
    midnight = dataclasses.replace(ROME, taken="2025-01-01T00:30:00+09:00")
    assert rendered("{person}/{year}", midnight) == ["anna/2025"]
    long_ago = dataclasses.replace(ROME, taken="0824-01-01T00:30:00")
    assert rendered("{person}/{year}", long_ago) == ["anna/0824"]


def test_a_policy_without_a_template_has_the_version_it_always_had():
    assert Policy().version == "d3380a694a79"
    assert Policy(template="{person}/{year}").version != Policy().version
