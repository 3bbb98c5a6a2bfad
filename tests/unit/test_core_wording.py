"""Reasons in words: every code has a short form and a sentence, with the numbers in them."""

import pytest

from smartsort.core.model import Reason
from smartsort.core.wording import REASON_CODES, sentence, short

EXAMPLES = [
    # code, names, numbers, detail, the source document's short form
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
    ("denied_person", ("John",), {}, "", "denied_person: John"),
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
    ("undone_filing", ("A",), {}, "", "undone_filing: A"),
    ("category_off", ("duplicates",), {}, "", "category_off"),
    ("rule_failed", ("too_many",), {}, "KeyError: 'x'", "rule_failed"),
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
    assert sentence(Reason("unknown_face", numbers={"faces": 1})).startswith("1 face nobody")
    assert sentence(Reason("unknown_face", numbers={"faces": 2})).startswith("2 faces nobody")


def test_a_code_from_a_newer_ledger_is_shown_as_it_is():
    assert short(Reason("sunburnt")) == sentence(Reason("sunburnt")) == "sunburnt"
