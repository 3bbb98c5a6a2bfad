"""What humans said of faces for good: at its place on the photo, with what the face looks like."""

from __future__ import annotations

import os

import pytest

from smartsort.core.model import Box, Face, FaceMark, MarkKind, Person
from smartsort.ledger import face_marks, photos
from smartsort.ledger.database import Ledger
from smartsort.ledger.face_marks import PER_MARK, PlacedMark
from smartsort.ledger.photos import Change, NewPhoto

AT, LATER = "2024-05-01T12:00:00.000+00:00", "2024-05-02T12:00:00.000+00:00"
ANNA = Person("p1", "Anna")


@pytest.fixture
def ledger(tmp_path):
    with Ledger(os.fspath(tmp_path / "smartsort.db")) as opened:
        new = [NewPhoto("inbox", "inbox", f"{n}.jpg", 3, 4) for n in range(1, 16)]
        opened.write(lambda db: photos.add(db, new, AT))
        yield opened


def face(left, name="f", size=(1000, 500)):
    return Face(name, Box(left, 0, left + 100, 100), *size, None)


def mark(left, kind="ignored", key="k", person=None, at=AT):
    return PlacedMark.on(face(left), MarkKind(kind), key, person, at)


def put(ledger, photo_id, *marks):
    ledger.write(lambda db: face_marks.replace(db, photo_id, marks))


def of(ledger, photo_id):
    return ledger.read(lambda db: face_marks.of_photos(db, [photo_id])).get(photo_id, ())


def test_a_mark_is_found_at_its_place_whatever_the_size_of_the_picture(ledger):
    put(ledger, 1, mark(500, "locked", "b", ANNA), mark(100), mark(300, "same"))
    found = of(ledger, 1)
    assert [(one.key, one.kind, one.person_id, one.person_name, one.at) for one in found] == [
        ("k", "ignored", None, None, AT),
        ("k", "same", None, None, AT),
        ("b", "locked", "p1", "Anna", AT),
    ]
    faces = [
        Face("small", Box(10, 0, 20, 10), 100, 50, None),
        Face("moved", Box(540, 0, 640, 100), 1000, 500, None),
        face(300, "grouped"),
        face(800, "new"),
    ]
    assert face_marks.on_faces(found, faces) == {"small": FaceMark(MarkKind.IGNORED, "k")}
    assert face_marks.on_faces(found, [face(520)]) == {"f": FaceMark(MarkKind.LOCKED, "b", ANNA)}
    assert of(ledger, 2) == ()


def test_marks_that_replace_others_keep_what_was_measured_at_the_same_place(ledger):
    first, second = mark(100), mark(300)
    put(ledger, 1, first, second)
    ledger.write(lambda db: face_marks.measured(db, 1, "m", {first: (1.0, 0.0), second: (0.0, 1.0)}))
    put(ledger, 1, mark(100, "not_a_face", "n"), mark(500))
    found = ledger.read(lambda db: face_marks.examples(db, "m"))
    assert found == [(FaceMark(MarkKind.NOT_A_FACE, "n"), [(1.0, 0.0)])]
    put(ledger, 1)
    assert of(ledger, 1) == ()
    assert ledger.read(lambda db: face_marks.examples(db, "m")) == []


def test_what_was_marked_together_is_a_group_the_newest_first(ledger):
    put(ledger, 1, mark(100, key="old"), mark(300, key="old"))
    put(ledger, 2, mark(100, key="old", at=LATER), mark(300, "locked", "new", ANNA, LATER))
    put(ledger, 3, mark(100, "rest", "apart"))
    found = {group.key: group for group in ledger.read(face_marks.groups)}
    assert (found["old"].kind, found["old"].photos, found["old"].at) == ("ignored", (2, 1), LATER)
    assert (found["new"].person_name, found["new"].photos) == ("Anna", (2,))
    assert found["apart"].kind == "apart"
    [own] = ledger.read(lambda db: face_marks.groups(db, "new"))
    assert own == found["new"]
    grouping = ledger.read(face_marks.grouping)
    assert [(photo_id, one.kind, one.key) for photo_id, one in grouping] == [(3, "rest", "apart")]
    assert grouping[0][1].is_grouping
    assert not of(ledger, 1)[0].is_grouping


def test_photos_in_immich_are_measured_once_for_each_model_and_so_many_faces_count_for_a_mark(ledger):
    assert ledger.read(face_marks.any_example) is False
    put(ledger, 1, mark(100, "locked", "l", ANNA))
    ledger.write(lambda db: photos.apply(db, [Change(1, values={"asset_id": "a1"})], AT))
    assert ledger.read(face_marks.any_example) is False
    assert ledger.read(lambda db: face_marks.unmeasured(db, "m")) is None
    put(ledger, 2, mark(100))
    assert ledger.read(face_marks.any_example) is True
    assert ledger.read(lambda db: face_marks.unmeasured(db, "m")) is None
    ledger.write(lambda db: photos.apply(db, [Change(2, values={"asset_id": "a2"})], AT))
    assert ledger.read(lambda db: face_marks.unmeasured(db, "m")) == 2
    before = ledger.read(face_marks.version)
    ledger.write(lambda db: face_marks.measured(db, 2, "m", {mark(100): None}))
    assert ledger.read(lambda db: face_marks.unmeasured(db, "m")) is None
    assert ledger.read(lambda db: face_marks.unmeasured(db, "other")) == 2
    assert ledger.read(face_marks.version) == before
    ledger.write(lambda db: face_marks.measured(db, 2, "m", {mark(100): (1.0, 0.0)}))
    assert ledger.read(face_marks.version) != before
    for photo_id in range(3, 4 + PER_MARK):
        put(ledger, photo_id, mark(100, at=LATER))
        vector = {mark(100): (float(photo_id), 0.0)}
        ledger.write(lambda db, i=photo_id, v=vector: face_marks.measured(db, i, "m", v))
    [(of_all, vectors)] = ledger.read(lambda db: face_marks.examples(db, "m"))
    assert of_all == FaceMark(MarkKind.IGNORED, "k")
    assert [vector[0] for vector in vectors] == [float(n) for n in range(3 + PER_MARK, 3, -1)]
    assert ledger.read(lambda db: face_marks.examples(db, "other")) == []
