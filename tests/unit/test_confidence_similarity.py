"""The arithmetic of confidence: cosines, galleries, margins, denied faces, boxes."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartsort.core.model import Box, Face, Person
from smartsort.core.similarity import (
    LEAST_AGREEMENT,
    Likeness,
    agreement,
    closest,
    confidence,
    cosine,
    matched,
    overlap,
    scaled,
    unit,
)

ANNA, BELLA, CARL = (Person(f"id-{name}", name) for name in ("Anna", "Bella", "Carl"))


def at(angle: float):
    """A vector in the plane: the cosine of two is the cosine of the angle between them."""
    return (math.cos(math.radians(angle)), math.sin(math.radians(angle)))


def likeness(person, *angles, denied=()):
    return Likeness(person, tuple(map(at, angles)), tuple(map(at, denied)))


vectors = st.lists(st.floats(-10, 10), min_size=8, max_size=8).filter(lambda v: math.hypot(*v) > 1e-3)


@given(vectors, vectors)
def test_the_cosine_of_unit_vectors_is_their_product(one, other):
    a, b = unit(one), unit(other)
    assert cosine(a, b) == pytest.approx(sum(x * y for x, y in zip(a, b, strict=True)), abs=1e-9)
    assert -1 - 1e-9 <= cosine(a, b) <= 1 + 1e-9
    assert math.hypot(*a) == pytest.approx(1)


@pytest.mark.parametrize("bad", [(0.0, 0.0), (math.nan, 1.0), (math.inf, 1.0), ()])
def test_no_direction_is_no_vector(bad):
    with pytest.raises(ValueError, match="direction"):
        unit(bad)


def test_vectors_of_two_models_do_not_compare():
    with pytest.raises(ValueError):
        cosine((1.0, 0.0), (1.0, 0.0, 0.0))


def test_similarity_is_the_mean_of_the_nearest_three():
    anna = likeness(ANNA, 10, 20, 30, 180)
    expected = sum(math.cos(math.radians(a)) for a in (10, 20, 30)) / 3
    assert anna.similarity(at(0)) == pytest.approx(expected)


def away(rng, centre, distance):
    """A vector of 512 numbers so far (cosine distance) from another."""
    noise = unit([rng.gauss(0, 1) for _ in range(512)])
    along = sum(a * b for a, b in zip(noise, centre, strict=True))
    across = unit([n - along * c for n, c in zip(noise, centre, strict=True)])
    cos = 1 - distance
    return unit([cos * c + math.sqrt(1 - cos * cos) * a for c, a in zip(centre, across, strict=True)])


@pytest.mark.parametrize("scatter", [0.1, 0.2, 0.3])
@pytest.mark.parametrize("distance", [0.1, 0.3, 0.4, 0.5])
def test_similarity_is_the_cosine_to_the_person_however_much_the_gallery_scatters(scatter, distance):
    """0.6 means the same for people whose photos differ a lot and for those whose photos are all alike."""
    rng = random.Random(11)
    centre = unit([rng.gauss(0, 1) for _ in range(512)])
    anna = Likeness.of(ANNA, [away(rng, centre, scatter) for _ in range(12)])
    found = [anna.similarity(away(rng, centre, distance)) for _ in range(20)]
    # A little above it: the nearest few are those whose noise happens to agree.
    assert sum(found) / len(found) == pytest.approx(1 - distance + 0.01, abs=0.03)
    plain = Likeness(ANNA, anna.faces).similarity(centre)
    assert plain < 1 - scatter + 0.1  # without the correction even a perfect photo falls short


def test_a_gallery_of_several_people_makes_nothing_easier():
    rng = random.Random(3)
    strangers = [unit([rng.gauss(0, 1) for _ in range(512)]) for _ in range(12)]
    assert agreement(strangers) == LEAST_AGREEMENT
    assert Likeness.of(ANNA, strangers).similarity(strangers[0]) < 0.6


def test_a_small_gallery_does_not_know_itself_yet():
    def regular(count):
        """Vectors that are all 0.6 alike."""
        return [
            unit([math.sqrt(0.6), *(math.sqrt(0.4) * (i == n) for i in range(count))]) for n in range(count)
        ]

    assert agreement(()) == agreement(regular(1)) == 1
    assert [agreement(regular(n)) for n in (2, 3, 4, 5, 9)] == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.6])


@given(st.lists(vectors, min_size=1, max_size=8), vectors)
def test_similarity_stays_between_nothing_and_the_same(gallery, face):
    likes = Likeness.of(ANNA, [unit(v) for v in gallery])
    assert LEAST_AGREEMENT <= likes.agreement <= 1
    assert 0 <= likes.similarity(unit(face)) <= 1


def test_one_wrong_face_in_a_gallery_makes_nobody_certain():
    """Immich follows any one near face; the mean of three does not."""
    anna = likeness(ANNA, 0, 5, 10, 80)  # the last one is really somebody else's
    assert anna.similarity(at(80)) < 0.6


def test_margin_is_to_the_best_other_whoever_that_is():
    found = confidence(
        at(10), likeness(ANNA, 0), [likeness(BELLA, 60), likeness(CARL, 30), likeness(ANNA, 10)]
    )
    assert found.runner_up == CARL
    assert found.margin == pytest.approx(math.cos(math.radians(10)) - math.cos(math.radians(20)))


def test_an_empty_gallery_is_unknown_and_nothing_is_made_up():
    found = confidence(at(0), Likeness(ANNA, ()), [likeness(BELLA, 0)])
    assert (found.similarity, found.margin, found.known) == (None, None, False)
    assert "Anna" in found.why_unknown
    assert confidence(at(0), likeness(ANNA, 0), []).margin is None


def test_a_denied_face_reaches_nothing_and_its_likes_less():
    plain, taught = likeness(ANNA, 0, 5, 10), likeness(ANNA, 0, 5, 10, denied=(50,))
    assert taught.similarity(at(50)) == 0
    assert taught.similarity(at(45)) < plain.similarity(at(45)) - 0.2
    assert taught.similarity(at(3)) == plain.similarity(at(3))


@given(st.floats(0, 180), st.floats(0, 180))
def test_a_denial_never_makes_anybody_more_alike(face, denied):
    plain, taught = likeness(ANNA, 0, 20), likeness(ANNA, 0, 20, denied=(denied,))
    assert 0 <= taught.similarity(at(face)) <= plain.similarity(at(face)) + 1e-9


def test_suggestions_are_ordered_and_nobody_far_off_is_one():
    found = closest(at(0), [likeness(BELLA, 40), likeness(ANNA, 10), likeness(CARL, 90)], 5)
    assert [s.person for s in found] == [ANNA, BELLA]
    assert found[0].similarity > found[1].similarity


def test_boxes_are_matched_best_first_and_each_once():
    faces = [
        Face("a", Box(0, 0, 100, 100), 1000, 1000, None),
        Face("b", Box(50, 0, 150, 100), 1000, 1000, None),
    ]
    found = [Box(48, 0, 150, 100), Box(500, 500, 600, 600), Box(2, 0, 101, 100)]
    assert matched(faces, found, 1000, 1000) == {"a": 2, "b": 0}
    assert matched(faces, [Box(2, 0, 101, 100)], 1000, 1000) == {"a": 0}


def test_boxes_of_another_size_of_the_picture_are_scaled():
    assert scaled(Box(10, 20, 30, 40), 100, 200, 200, 400) == Box(20, 40, 60, 80)
    faces = [Face("a", Box(10, 10, 110, 110), 1440, 1440, None)]
    assert matched(faces, [Box(5, 5, 55, 55)], 720, 720) == {"a": 0}


def test_overlap_of_boxes():
    assert overlap(Box(0, 0, 10, 10), Box(0, 0, 10, 10)) == 1
    assert overlap(Box(0, 0, 10, 10), Box(10, 0, 20, 10)) == 0
    assert overlap(Box(0, 0, 10, 10), Box(5, 0, 15, 10)) == pytest.approx(1 / 3)


def test_siblings_are_told_apart_by_the_margin():
    rng = random.Random(7)

    def face(centre, distance):
        noise = unit([rng.gauss(0, 1) for _ in range(512)])
        along = sum(a * b for a, b in zip(noise, centre, strict=True))
        across = unit([n - along * c for n, c in zip(noise, centre, strict=True)])
        cos = 1 - distance
        return unit([cos * c + math.sqrt(1 - cos * cos) * a for c, a in zip(centre, across, strict=True)])

    anna = unit([rng.gauss(0, 1) for _ in range(512)])
    bella = face(anna, 0.45)  # a sister
    galleries = [
        Likeness(person, tuple(face(centre, 0.1) for _ in range(8)))
        for person, centre in ((ANNA, anna), (BELLA, bella))
    ]
    mine = confidence(face(bella, 0.15), galleries[0], galleries)
    assert mine.runner_up == BELLA
    assert mine.margin < 0
    assert confidence(face(anna, 0.15), galleries[0], galleries).margin > 0.2
