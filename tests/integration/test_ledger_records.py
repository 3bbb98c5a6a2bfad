"""All that a decision looked at comes back as it was."""

from __future__ import annotations

import json
from dataclasses import fields, replace

from smartsort.core.model import (
    Box,
    Compared,
    Comparison,
    Confidence,
    CopyPlace,
    Evidence,
    Face,
    FaceMark,
    Film,
    FilmFace,
    Hint,
    MarkKind,
    Origin,
    OtherCopy,
    Person,
    Quality,
    Sighting,
    SortedBefore,
    Suggestion,
)
from smartsort.ledger.records import evidence_from_json, evidence_to_json

ANNA, BEN = Person("p1", "Anna"), Person("p2", "Ben")
FACE = Face("f1", Box(1, 2, 30, 40), 400, 300, ANNA)
EVIDENCE = Evidence(
    faces=(
        FACE,
        Face("f2", Box(5, 6, 70, 80), 400, 300, None),
        Face("f3", Box(5, 6, 7, 8), 40, 30, Person("p5", "Mia", True, True, "2019-05-01"), "manual"),
    ),
    other_copy=OtherCopy(CopyPlace.DAMAGED, "faces/anna/a.jpg", problem="is empty"),
    near_copy=OtherCopy(CopyPlace.IMMICH, asset_id="a7"),
    confidence={"f1": Confidence(0.7, 0.2, BEN, None, Compared(7, 2019, 2021), Suggestion(BEN, 0.5))},
    suggestions={"f2": (Suggestion(BEN, 0.5), Suggestion(ANNA, 0.4))},
    unreadable="empty",
    gave_up="it failed twice",
    comparison=Comparison(
        Quality(10, 20, has_date=True, seconds=2.5), Quality(30, 40, seconds=3.0, has_sound=True), 3
    ),
    ruled_out=frozenset({"p3", "p4"}),
    confirmed=frozenset({"f1"}),
    taken="2024-05-01T12:00:00",
    marks={"f2": FaceMark(MarkKind.LOCKED, "k", ANNA), "f1": FaceMark(MarkKind.IGNORED, "i", None, 0.8)},
    film=Film(
        times=(0.0, 1.5),
        faces=(FilmFace(FACE, (Sighting(0.0, Box(1, 2, 3, 4)), Sighting(1.5, Box(5, 6, 7, 8))), "poster"),),
    ),
    hint=Hint(90, 0.7),
    mixed=frozenset({"p2"}),
    origin=Origin("whatsapp", "Rome", "Pixel 8", "live"),
    sorted_before=SortedBefore((ANNA, Person("", "Rose")), "eva"),
)


def test_every_part_of_the_evidence_comes_back():
    usual = Evidence()
    assert [f.name for f in fields(Evidence) if getattr(EVIDENCE, f.name) == getattr(usual, f.name)] == []
    for evidence in (EVIDENCE, usual):
        back = evidence_from_json(evidence_to_json(evidence))
        for part in fields(Evidence):
            assert getattr(back, part.name) == getattr(evidence, part.name), part.name


def test_a_video_whose_frames_were_not_looked_at_says_why():
    for film in (Film(unknown="it was not looked through yet"), Film(broken="it ends too soon"), Film()):
        assert evidence_from_json(evidence_to_json(Evidence(film=film))).film == film


def test_faces_that_were_written_down_before_they_had_a_source_have_none():
    old = json.loads(evidence_to_json(Evidence(faces=(FACE,))))
    del old["faces"][0]["source"]
    assert evidence_from_json(json.dumps(old)).faces == (replace(FACE, source=""),)
