"""Reasons in words: every code has a short form and a sentence, with the numbers in them."""

import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smartsort.core.model import Reason
from smartsort.core.wording import REASON_CODES, sentence, short
from smartsort.core.words import clock, clocks

EXAMPLES = [
    # code, names, numbers, detail, the short form
    ("face_match_verified", ("John Doe",), {"confidence": 0.912}, "", "face_match_verified"),
    ("face_match_verified", ("John Doe", "Sarah"), {}, "", "face_match_verified"),
    ("duplicate", (), {}, "faces/john_doe/a.jpg", "duplicate"),
    ("rejected_before", (), {}, "trash/2024-01/a.jpg", "rejected_before"),
    ("duplicate_in_immich_trash", (), {}, "asset", "duplicate_in_immich_trash"),
    ("duplicate_of_missing", (), {}, "faces/john_doe/a.jpg", "duplicate_of_missing"),
    ("duplicate_of_damaged", (), {}, "faces/john_doe/a.jpg is empty", "duplicate_of_damaged"),
    ("near_duplicate", (), {}, "faces/john_doe/a.jpg", "near_duplicate"),
    ("blacklisted_person", ("Victor Grey",), {}, "", "blacklisted_person: Victor Grey"),
    ("no_faces_detected", (), {}, "", "no_faces_detected"),
    ("only_background_faces", (), {"faces": 2}, "", "only_background_faces"),
    ("multiple_faces", ("A", "B"), {"faces": 3, "max_faces_per_image": 1}, "", "multiple_faces (3 people)"),
    ("multiple_faces", (), {"faces": 3, "max_faces_per_image": 1}, "", "multiple_faces (3 people)"),
    ("same_person_twice", ("A",), {}, "", "same_person_twice: A"),
    ("unknown_face", ("Closest",), {"faces": 1}, "", "unknown_face"),
    ("unknown_face", (), {"faces": 2}, "", "unknown_face"),
    ("unnamed_person", (), {"faces": 1}, "", "unnamed_person"),
    ("ambiguous_name", ("John",), {}, "", "ambiguous_name: John"),
    ("ruled_out_person", ("John",), {}, "", "ruled_out_person: John"),
    ("not_born_yet", ("John",), {}, "taken on 2018-01-01, born on 2019-05-01", "not_born_yet: John"),
    ("mixed_person", ("John",), {}, "", "mixed_person: John"),
    ("not_in_whitelist", ("Lukas Müller",), {}, "", "not_in_whitelist: Lukas Müller"),
    ("low_confidence", ("A",), {"confidence": 0.4249, "min_confidence": 0.6}, "", "low_confidence: 0.42"),
    (
        "low_margin",
        ("A", "B"),
        {"confidence": 0.9, "margin": 0.012, "min_margin": 0.05},
        "",
        "low_margin: 0.01",
    ),
    ("confidence_unknown", ("A",), {}, "no ML service is configured", "confidence_unknown"),
    ("unreadable", (), {}, "the file is empty", "unreadable: the file is empty"),
    ("recognition_failed", (), {}, "face detection failed 3 times", "recognition_failed"),
    ("only_ignored_faces", (), {"faces": 2}, "", "only_ignored_faces"),
    ("only_passing_faces", (), {"faces": 2}, "", "only_passing_faces"),
    ("frames_unreadable", (), {}, "took 40 s", "frames_unreadable: took 40 s"),
    ("seen_in_frames", (), {}, "Anna in 11 of 14 frames", "seen_in_frames: Anna in 11 of 14 frames"),
    ("poster_differs", (), {}, "it shows Ben", "poster_differs: it shows Ben"),
    ("only_poster", (), {}, "nothing measures it", "only_poster: nothing measures it"),
    ("sorted_before", ("A",), {}, "", "sorted_before: A"),
    ("contradicted_folder", ("A",), {}, "B", "contradicted_folder: A"),
    ("undone_filing", ("A",), {}, "", "undone_filing: A"),
    ("filing_rule", ("us",), {}, "", "filing_rule"),
    ("filing_rule_fits", ("us",), {}, "", "filing_rule_fits"),
    ("asked_by_rule", ("us",), {}, "", "asked_by_rule: us"),
    ("category_off", ("duplicates",), {}, "", "category_off"),
    ("rule_failed", ("multiple_faces",), {}, "KeyError: 'x'", "rule_failed"),
    ("rebuilt", (), {}, "noface_", "rebuilt: noface_"),
    ("download_failed", (), {}, "the host is unknown", "download_failed"),
]


def test_there_is_an_example_of_every_code():
    assert {code for code, *_ in EXAMPLES} == REASON_CODES


@pytest.mark.parametrize("example", EXAMPLES, ids=[e[0] for e in EXAMPLES])
def test_the_words_of_a_reason(example):
    code, names, numbers, detail, expected = example
    reason = Reason(code, names, numbers, detail)
    assert short(reason) == expected
    words = sentence(reason)
    assert words[0].isupper() or words[0].isdigit()
    assert words.endswith(".")
    assert ".." not in words
    for name in names:
        assert name in words
    if detail and code != "duplicate_in_immich_trash":
        assert detail in words
    assert "{" not in words


def test_one_face_and_several():
    assert sentence(Reason("unknown_face", numbers={"faces": 1})).startswith("1 unknown face.")
    assert sentence(Reason("unknown_face", numbers={"faces": 2})).startswith("2 unknown faces.")


def test_several_names_are_a_list():
    assert sentence(Reason("undone_filing", ("John", "Sarah"))).startswith("It was filed under John, Sarah, ")


def test_two_who_are_taken_for_each_other_are_told_why():
    margin = {"confidence": 0.9, "margin": 0.1, "min_margin": 0.2}
    torn = "Torn between A and B: they are 0.10 apart, 0.20 is needed"
    assert sentence(Reason("low_margin", ("A", "B"), margin)) == f"{torn}."
    mistaken = Reason("low_margin", ("A", "B"), {**margin, "mistaken": 1})
    assert sentence(mistaken) == f"{torn} because one was taken for the other twice."


@pytest.mark.parametrize(
    ("better", "said"),
    [
        (1, ". This is the better copy: 0.3 megapixels against 0.1, it still says when it was taken"),
        (-1, ". The other is the better copy: the file is larger"),
        (0, ""),
    ],
)
def test_the_better_copy_is_told_with_what_makes_it_better(better, said):
    numbers = {"better": better, "pixels": 300_000, "other_pixels": 100_000, "has_date": 1}
    numbers |= {"other_has_date": 0, "bytes": 10, "other_bytes": 20}
    found = sentence(Reason("near_duplicate", numbers=numbers, detail="faces/a.jpg"))
    assert found == f"It looks like another copy of faces/a.jpg{said}."


def test_a_code_from_a_newer_ledger_is_shown_as_it_is():
    assert short(Reason("sunburnt")) == sentence(Reason("sunburnt")) == "sunburnt"


def numbers_in(text):
    return [float(found) for found in re.findall(r"-?\d+\.\d+", text)]


SHARES = st.floats(0, 1)


@given(SHARES, SHARES)
@example(0.597, 0.6)
@example(0.5999999999999999, 0.6)
@example(math.nextafter(0.6, 0), 0.6)
@example(0.0, 5e-324)
def test_a_value_and_its_limit_are_told_apart(value, limit):
    """What is below a limit is below it in the text as well; no more digits than that takes."""
    low, high = sorted((value, limit))
    if low == high or high < 1e-15:
        return
    confidence = {"confidence": low, "min_confidence": high}
    margin = {"confidence": 0.9, "margin": low, "min_margin": high}
    for reason in (Reason("low_confidence", ("A",), confidence), Reason("low_margin", ("A", "B"), margin)):
        shown, needed = numbers_in(sentence(reason))
        assert shown < needed
        assert short(reason).endswith(f": {re.search(r'[0-9]+[.][0-9]+', sentence(reason))[0]}")


def test_two_digits_are_enough_where_they_differ():
    reason = Reason("low_confidence", ("A",), {"confidence": 0.4249, "min_confidence": 0.6})
    assert sentence(reason) == "Perhaps A: confidence 0.42 is below 0.60."
    reason = Reason("low_confidence", ("A",), {"confidence": 0.5971, "min_confidence": 0.6})
    assert sentence(reason) == "Perhaps A: confidence 0.597 is below 0.600."


def test_pixels_are_told_apart():
    numbers = {"better": 1, "pixels": 12_030_000, "other_pixels": 12_010_000}
    numbers |= dict.fromkeys(("has_date", "other_has_date", "bytes", "other_bytes"), 1)
    assert "12.03 megapixels against 12.01" in sentence(Reason("near_duplicate", numbers=numbers, detail="x"))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        *[(7.24, "0:07.2"), (3599.0, "59:59.0"), (3600.0, "1:00:00"), (3723.9, "1:02:03")],
        *[(59.96, "1:00.0"), (3599.97, "1:00:00")],
    ],
)
def test_times_in_a_video(seconds, said):
    assert clock(seconds) == said


def test_times_in_a_short_video_are_told_apart():
    assert clocks([0.083, 0.167, 0.25]) == ["0:00.08", "0:00.17", "0:00.25"]
    assert clocks([0.0, 0.5, 1.25]) == ["0:00.0", "0:00.5", "0:01.2"]
