"""Boxes that share a place, and who is closest; how alike two faces are: `test_confidence_similarity.py`."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from smartsort.core.model import Box, Confidence, Face, Person, Suggestion
from smartsort.core.similarity import (
    NEAREST,
    Likeness,
    closest,
    confidence,
    matched,
    mean,
    nearest_mean,
    overlap,
    scaled,
    unit,
)

ANNA, BELLA, CARL = (Person(str(n), name) for n, name in enumerate(("Anna", "Bella", "Carl")))


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        (Box(0, 0, 4, 4), Box(0, 0, 4, 4), 1.0),
        (Box(0, 0, 4, 4), Box(2, 1, 6, 5), 6 / 26),
        (Box(2, 1, 6, 5), Box(0, 0, 4, 4), 6 / 26),
        (Box(0, 0, 4, 4), Box(3, 0, 7, 4), 4 / 28),
        (Box(0, 0, 4, 4), Box(0, 3, 4, 7), 4 / 28),
        (Box(0, 0, 4, 4), Box(0, 10, 4, 14), 0.0),
        (Box(0, 0, 4, 4), Box(10, 0, 14, 4), 0.0),
        (Box(0, 0, 4, 4), Box(10, 10, 14, 14), 0.0),
        (Box(0, 0, 0, 4), Box(0, 0, 0, 4), 0.0),
        (Box(0, 0, 4, 0), Box(0, 0, 4, 0), 0.0),
    ],
)
def test_the_shared_part_of_two_boxes(one, other, share):
    assert overlap(one, other) == share


def face(name, *box):
    return Face(name, Box(*box), 100, 100, None)


def test_the_best_pairs_come_first_and_each_box_is_used_once():
    faces = [face("worse", 0, 0, 10, 10), face("better", 1, 0, 11, 10)]
    assert matched(faces, [Box(1, 0, 11, 10)], 100, 100) == {"better": 0}
    assert matched(faces[::-1], [Box(1, 0, 11, 10)], 100, 100) == {"better": 0}
    assert matched(faces[:1], [Box(1, 0, 11, 10), Box(0, 0, 10, 10)], 100, 100) == {"worse": 1}


def test_half_of_the_common_area_is_not_one_place():
    assert matched([face("f", 0, 0, 10, 10)], [Box(0, 0, 10, 5)], 100, 100) == {}
    assert matched([face("f", 0, 0, 10, 10)], [Box(0, 0, 10, 6)], 100, 100) == {"f": 0}


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0), (10, 10)])
def test_a_picture_without_a_size_or_of_the_same_size_leaves_the_box(size):
    box = Box(1, 2, 3, 4)
    assert scaled(box, *size, 10, 10) == box


def test_a_picture_of_one_pixel_is_scaled_as_any_other():
    assert scaled(Box(0, 0, 1, 1), 1, 1, 10, 20) == Box(0, 0, 10, 20)
    assert scaled(Box(1, 1, 2, 2), 4, 2, 8, 8) == Box(2, 4, 4, 8)


def test_the_mean_of_the_nearest_faces_leaves_out_those_far_off():
    near, far = (1.0, 0.0), (0.0, 1.0)
    assert nearest_mean(near, [far] * 9 + [near] * NEAREST) == nearest_mean(near, [near] * NEAREST) == 1.0


def test_faces_of_two_models_have_no_mean():
    with pytest.raises(ValueError, match="argument 2"):
        mean([(1.0, 0.0), (1.0,)])


def test_an_embedding_of_zeros_says_what_is_wrong():
    with pytest.raises(ValueError, match=r"^an embedding without a direction$"):
        unit((0.0, 0.0))


def test_a_likeness_is_of_its_person():
    assert Likeness.of(ANNA, [(1.0, 0.0)]).person == ANNA


@dataclass
class Like:
    """So much like any face."""

    person: Person
    much: float | None
    compared: None = None

    def similarity(self, _vector):
        return self.much


def test_the_margin_is_to_the_best_other_and_the_first_of_two():
    found = confidence((), Like(ANNA, 0.75), [Like(BELLA, 0.25), Like(ANNA, 1.0), Like(CARL, 0.5)])
    assert found == Confidence(0.75, 0.25, CARL)
    found = confidence((), Like(ANNA, 0.75), [Like(BELLA, 0.5), Like(CARL, 0.5)])
    assert found == Confidence(0.75, 0.25, BELLA)


def test_who_has_no_face_to_compare_with_is_no_rival():
    assert confidence((), Like(ANNA, 0.75), [Like(BELLA, None)]) == Confidence(0.75)
    found = confidence((), Like(ANNA, 0.75), [Like(BELLA, 0.5), Like(CARL, None)])
    assert found == Confidence(0.75, 0.25, BELLA)
    assert confidence((), Like(ANNA, None), [Like(BELLA, 0.5)]).why_unknown


def test_the_closest_are_those_with_a_name_and_a_gallery_best_first():
    people = [
        Like(ANNA, 0.3),
        Like(BELLA, 0.1),
        Like(CARL, 0.4),
        Like(Person("9", ""), 1.0),
        Like(Person("8", "Dora"), None),
    ]
    wanted = (Suggestion(CARL, 0.4), Suggestion(ANNA, 0.3), Suggestion(BELLA, 0.1))
    assert closest((), people, 3) == wanted
    assert closest((), people, 1) == wanted[:1]
