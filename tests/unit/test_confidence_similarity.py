"""The arithmetic of confidence: cosines, galleries, margins, faces ruled out, boxes."""

from __future__ import annotations

import math
import random
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartsort.core.model import Box, Face, Person
from smartsort.core.similarity import (
    LEAST_AGREEMENT,
    Likeness,
    Spread,
    around,
    closest,
    confidence,
    cosine,
    day_of,
    matched,
    overlap,
    scaled,
    unit,
    unrelated_level,
)

ANNA, BELLA, CARL = (Person(f"id-{name}", name) for name in ("Anna", "Bella", "Carl"))


def at(angle: float):
    """A vector in the plane: the cosine of two is the cosine of the angle between them."""
    return (math.cos(math.radians(angle)), math.sin(math.radians(angle)))


def likeness(person, *angles, ruled_out=()):
    return Likeness(person, tuple(map(at, angles)), tuple(map(at, ruled_out)))


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


def test_similarity_is_half_the_nearest_face_and_half_the_middle_of_the_gallery():
    """A relative may be like one of the photos; rarely like the person as well."""
    anna = Likeness.of(ANNA, [at(10), at(40)])  # two faces tell nothing of their spread
    mean = (math.cos(math.radians(10)) + math.cos(math.radians(40))) / 2
    assert anna.similarity(at(0)) == pytest.approx((math.cos(math.radians(10)) + mean) / 2)
    of_four = Likeness(ANNA, tuple(map(at, (-40, -30, 30, 40))), spread=Spread(agreement=0.9, length=0.9))
    nearest, other = math.cos(math.radians(30)), math.cos(math.radians(40))
    expected = (nearest / math.sqrt(0.9) + (nearest + other) / 2 / 0.9) / 2
    assert of_four.similarity(at(0)) == pytest.approx(expected)


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
    assert sum(found) / len(found) == pytest.approx(1 - distance + 0.03, abs=0.06)
    plain = sum(sorted(cosine(centre, face) for face in anna.faces)[-3:]) / 3
    assert plain < 1 - scatter + 0.1  # without the correction even a perfect photo falls short


def test_a_gallery_of_several_people_makes_nothing_easier():
    rng = random.Random(3)
    strangers = [unit([rng.gauss(0, 1) for _ in range(512)]) for _ in range(12)]
    assert Spread.of(strangers).agreement == LEAST_AGREEMENT
    assert Likeness.of(ANNA, strangers).similarity(strangers[0]) < 1


def regular(count, alike=0.6):
    """Vectors that are all this much alike."""
    apart = math.sqrt(1 - alike)
    return [unit([math.sqrt(alike), *(apart * (i == n) for i in range(count))]) for n in range(count)]


def test_of_few_faces_the_agreement_is_what_galleries_usually_reach():
    """It used to start at 1: 44% of the photos of people with three faces went to review for nothing."""
    assert Spread.of(()) == Spread.of(regular(1)) == Spread.of(regular(2)) == Spread(1.0, 1.0)
    assert [Spread.of(regular(n)).agreement for n in (3, 5, 12)] == pytest.approx([0.6] * 3)
    alike, mixed = (Spread.of(regular(3, each)).agreement for each in (0.9, 0.1))
    assert alike == pytest.approx((2 * 0.9 + 4 * 0.6) / 6)
    assert mixed == LEAST_AGREEMENT


def people_of(rng, count, common):
    """Galleries of unrelated people, as a model sees them to which everybody is so much alike."""

    def crowded(vector):
        return (*(math.sqrt(1 - common) * v for v in vector), math.sqrt(common))

    galleries = []
    for _ in range(count):
        centre = unit([rng.gauss(0, 1) for _ in range(100)])
        noise = [unit([rng.gauss(0, 1) for _ in range(100)]) for _ in range(5)]
        faces = [unit([c + 0.9 * n for c, n in zip(centre, each, strict=True)]) for each in noise]
        galleries.append([crowded(face) for face in faces])
    return galleries


@pytest.mark.parametrize("count", [3, 8, 60])
def test_sixty_percent_means_the_same_for_a_model_to_which_everybody_is_alike(count):
    plain, crowd = (people_of(random.Random(5), count, common) for common in (0.0, 0.38))
    assert unrelated_level(plain) < 0.05
    level = unrelated_level(crowd)
    assert level == pytest.approx(0.38, abs=0.08)
    found = {}
    for name, galleries, zero in (("plain", plain, unrelated_level(plain)), ("crowd", crowd, level)):
        people = [
            Likeness.of(Person(str(n), str(n)), faces[:4], level=zero) for n, faces in enumerate(galleries)
        ]
        own = [likes.similarity(faces[4]) for likes, faces in zip(people, galleries, strict=True)]
        other = [likes.similarity(galleries[n - 1][4]) for n, likes in enumerate(people)]
        found[name] = (sum(own) / count, sum(other) / count)
    assert found["crowd"] == pytest.approx(found["plain"], abs=0.1)


def test_a_level_that_relatives_alone_could_make_is_not_subtracted():
    """Two siblings are alike to every model; and one person alone tells nothing."""
    siblings = [[at(0)] * 3, [at(76)] * 3]
    assert unrelated_level(siblings) == 0
    assert unrelated_level([[at(0)] * 2, [at(5)] * 2]) == 0  # too few faces
    assert unrelated_level([regular(5)]) == unrelated_level([]) == unrelated_level([(), ()]) == 0


@given(st.lists(vectors, min_size=1, max_size=8), vectors)
def test_similarity_stays_between_nothing_and_the_same(gallery, face):
    likes = Likeness.of(ANNA, [unit(v) for v in gallery])
    assert LEAST_AGREEMENT <= likes.spread.agreement <= 1
    assert 0 < likes.spread.length <= 1 + 1e-9
    assert 0 <= likes.similarity(unit(face)) <= 1


def test_one_wrong_face_in_a_gallery_makes_nobody_certain():
    """Immich follows any one near face; the middle of the gallery stays where the person is."""
    anna = likeness(ANNA, 0, 5, 10, 100)  # the last one is really somebody else's
    assert anna.similarity(at(140)) < 0.6


def test_margin_is_to_the_best_other_whoever_that_is():
    found = confidence(
        at(10), likeness(ANNA, 0), [likeness(BELLA, 60), likeness(CARL, 30), likeness(ANNA, 10)]
    )
    assert found.runner_up == CARL
    assert found.margin == pytest.approx(math.cos(math.radians(10)) - math.cos(math.radians(20)))


def test_somebody_who_was_mistaken_before_is_named_also_when_another_is_closer():
    others = [likeness(BELLA, 60), likeness(CARL, 30)]
    found = confidence(at(10), likeness(ANNA, 0), others, {BELLA.id})
    assert (found.runner_up, found.mistaken.person) == (CARL, BELLA)
    assert found.mistaken.similarity == pytest.approx(math.cos(math.radians(50)))
    assert confidence(at(10), likeness(ANNA, 0), others).mistaken is None


def test_an_empty_gallery_is_unknown_and_nothing_is_made_up():
    found = confidence(at(0), Likeness(ANNA, ()), [likeness(BELLA, 0)])
    assert (found.similarity, found.margin, found.known) == (None, None, False)
    assert "Anna" in found.why_unknown
    assert confidence(at(0), likeness(ANNA, 0), []).margin is None


def test_a_ruled_out_face_reaches_nothing_and_its_likes_less():
    plain, corrected = likeness(ANNA, 0, 5, 10), likeness(ANNA, 0, 5, 10, ruled_out=(50,))
    assert corrected.similarity(at(50)) == 0
    assert corrected.similarity(at(45)) < plain.similarity(at(45)) - 0.2
    assert corrected.similarity(at(3)) == plain.similarity(at(3))


@given(st.floats(0, 180), st.floats(0, 180))
def test_ruling_out_never_makes_anybody_more_alike(face, ruled_out):
    plain, corrected = likeness(ANNA, 0, 20), likeness(ANNA, 0, 20, ruled_out=(ruled_out,))
    assert 0 <= corrected.similarity(at(face)) <= plain.similarity(at(face)) + 1e-9


def test_the_closest_are_ordered():
    found = closest(at(0), [likeness(BELLA, 40), likeness(ANNA, 10), likeness(CARL, 90)], 5)
    assert [s.person for s in found] == [ANNA, BELLA, CARL]
    assert found[0].similarity > found[1].similarity > found[2].similarity


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


def test_a_photo_is_compared_with_faces_of_the_years_around_it():
    """Children change. The span widens until it holds enough faces; a missing date is no help."""
    days = [date(2005 + n, 6, 1) for n in range(15)]
    assert around(days, None) == tuple(range(15))
    assert around(days, date(2012, 6, 1)) == tuple(range(3, 12))  # four years before and after
    assert around(days, date(2019, 6, 1)) == tuple(range(6, 15))  # eight years
    assert around(days[:5], date(2005, 1, 1)) == tuple(range(5))  # too few: all of them
    assert around([None] * 12, date(2012, 1, 1)) == tuple(range(12))
    assert around([*[None] * 4, *[date(2012, 1, 1)] * 8], date(2012, 2, 1)) == tuple(range(4, 12))


@pytest.mark.parametrize("text", [None, "", "soon", "2019-13-40"])
def test_a_time_that_is_none_is_no_day(text):
    assert day_of(text) is None
    assert day_of("2019-05-01T12:00:00+02:00") == date(2019, 5, 1)


UNIT_VECTORS = st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(any).map(unit)


@given(
    st.lists(st.lists(UNIT_VECTORS, min_size=1, max_size=6), min_size=1, max_size=5),
    st.lists(UNIT_VECTORS, min_size=1, max_size=3),
)
def test_whatever_faces_galleries_hold_a_similarity_is_a_number_from_0_to_1(galleries, faces):
    """Also in galleries of several people, whose faces differ more than strangers do."""
    level = unrelated_level([*galleries, *galleries])
    for gallery in galleries:
        for at in (level, 0.5, 0.8):
            likeness = Likeness.of(ANNA, gallery, level=at)
            assert all(0.0 <= likeness.similarity(face) <= 1.0 for face in faces)


def test_a_gallery_of_opposites_has_the_least_length():
    opposites = [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)]
    assert Spread.of(opposites, 0.4).length == pytest.approx(math.sqrt(0.5))


def test_one_face_under_two_names_is_no_model_that_sees_everybody_alike():
    assert unrelated_level([[(1.0, 0.0)] * 3] * 9) < 1
