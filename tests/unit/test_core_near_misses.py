"""Faces that might be a known person's: where one yes settles the photo, and nowhere else."""

from __future__ import annotations

import dataclasses

import pytest

from smartsort.core.model import Box, CopyPlace, Evidence, Face, OtherCopy, Person, Suggestion
from smartsort.core.near_misses import near_miss
from smartsort.core.person_ref import PersonRef
from smartsort.core.policy import Policy

ANNA, BELLA = Person("a", "Anna"), Person("b", "Bella")
POLICY = Policy(min_face_area=0.01)


def face(name: str, side: int = 300, person: Person | None = None) -> Face:
    return Face(name, Box(0, 0, side, side), 1000, 1000, person)


def seen(*faces: Face, **close: float) -> Evidence:
    people = {"anna": ANNA, "bella": BELLA}
    found = tuple(Suggestion(people[name], much) for name, much in close.items())
    return Evidence(faces=faces, suggestions={faces[0].id: found})


@pytest.mark.parametrize(
    "evidence",
    [
        seen(face("f"), anna=0.47, bella=0.44),
        seen(face("f", person=ANNA), anna=0.47),
        seen(face("f"), face("behind", 50), anna=0.47),
        seen(face("f", person=BELLA), anna=0.47, bella=0.2),
    ],
)
def test_the_one_face_that_counts_might_be_somebody(evidence):
    found = near_miss(evidence, POLICY)
    assert (found.person, found.face.id, found.similarity) == (ANNA, "f", 0.47)


COPY = OtherCopy(CopyPlace.LEDGER, photo_id=1)


@pytest.mark.parametrize(
    "evidence",
    [
        seen(face("f"), anna=0.41),
        seen(face("f"), face("beside"), anna=0.47),
        seen(face("f"), face("behind", 50, BELLA), anna=0.47),
        dataclasses.replace(seen(face("f"), anna=0.47), near_copy=COPY),
        dataclasses.replace(seen(face("f"), anna=0.47), ruled_out=frozenset({"a"})),
        Evidence(),
    ],
)
def test_nobody_is_named_where_a_yes_would_not_settle_it(evidence):
    assert near_miss(evidence, POLICY) is None


def test_an_unwanted_person_is_no_near_miss():
    evidence = seen(face("f"), anna=0.47)
    assert near_miss(evidence, dataclasses.replace(POLICY, blacklist=(PersonRef("Anna"),))) is None
    assert near_miss(evidence, POLICY, frozenset({"a"})) is None
