"""When the faces under one name are taken for those of two people."""

from __future__ import annotations

import math

import pytest

from smartsort.core.mixed import groups, mixed_person


def at(*angles: float) -> list[tuple[float, ...]]:
    """Faces in a plane: their angle tells how alike they are."""
    return [(math.cos(math.radians(angle)), math.sin(math.radians(angle))) for angle in angles]


def around(level: float, *angles: float) -> list[tuple[float, ...]]:
    """The same as a model sees them to which strangers are so much alike."""
    part, rest = math.sqrt(level), math.sqrt(1 - level)
    return [(part, rest * x, rest * y) for x, y in at(*angles)]


def test_faces_of_two_people_are_told_apart():
    assert groups(at(0, 90, 5, 95, 10)) == ((0, 2, 4), (1, 3))


@pytest.mark.parametrize(
    "angles",
    [
        (),
        (0, 90),
        (0, 5, 10, 15),
        (0, 5, 10, 90),  # one face that is like no other tells nothing
        (0, 5, 70, 72),  # as alike as faces of one person are over the years
    ],
)
def test_faces_of_one_person_are_not(angles):
    assert groups(at(*angles)) is None


def test_a_single_strange_face_hides_nobody():
    faces = [(x, y, 0.0) for x, y in at(0, 5, 90, 95)]
    assert groups([*faces, (-0.5, -0.5, 0.7)]) == ((0, 1), (2, 3))


def test_the_line_is_a_quarter():
    below, above = math.degrees(math.acos(0.249)), math.degrees(math.acos(0.251))
    assert groups(at(0, 0, below, below)) is not None
    assert groups(at(0, 0, above, above)) is None


def test_what_strangers_have_in_common_does_not_count():
    strangers, one = around(0.38, 0, 5, 90, 95), around(0.38, 0, 5, 60, 65)
    assert groups(strangers) is None  # their cosine is 0.38
    assert groups(strangers, 0.38) == ((0, 1), (2, 3))
    assert groups(one, 0.38) is None


def test_what_a_human_called_one_person_is_never_split():
    faces = at(0, 5, 90, 95)
    assert groups(faces, same=[[0, 1, 2, 3]]) is None
    assert groups(faces, same=[[0, 2], [2, 3], [1, 3]]) is None  # said in parts
    assert groups(faces, same=[[]]) == ((0, 1), (2, 3))


def test_a_third_person_is_found_beside_two_who_are_one():
    third = [(0.0, 0.0, 1.0), (0.0, 0.1, 0.995)]
    faces = [(x, y, 0.0) for x, y in at(0, 5, 90, 95)]
    assert groups([*faces, *third], same=[range(4)]) == ((0, 1, 2, 3), (4, 5))
    more = [(x, y, 0.0) for x, y in at(92, 97)]  # like some of those he was asked about
    assert groups([*faces, *more], same=[range(4)]) is None


def test_faces_of_different_models_are_not_compared():
    with pytest.raises(ValueError, match="dimensions"):
        groups([(1.0, 0.0), (1.0, 0.0, 0.0)])


def test_it_tells_what_to_do():
    text = mixed_person("Anna", [8, 4])
    assert "the name Anna look like two people's: 8 like one, 4 like the other." in text
    assert "smartsort people one-person" in text
