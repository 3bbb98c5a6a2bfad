"""Groups of faces that nobody has named: pure whatever the order, and never with two faces of one photo."""

from __future__ import annotations

import itertools
import random
from copy import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartsort.confidence import neighbours
from smartsort.confidence.neighbours import LENGTH, Neighbours, whole
from smartsort.core.groups import DAYS_APART, HINT, LINKED, Said, UnnamedFace, grouped, regrouped


def ids(faces, groups):
    return {frozenset(faces[index].id for index in group) for group in groups}


def links(faces, vectors, level=0.0):
    near = Neighbours(vectors.shape[1], level)
    near.put(faces, vectors)
    return near.links()


def of(faces, vectors):
    return grouped(faces, links(faces, vectors))


def people(sizes, seed=1, distance=0.1, length=128):
    """A face on a photo of its own for each, `distance` away from its person; and whose they are."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((len(sizes), length))
    whose = np.repeat(np.arange(len(sizes)), sizes)
    vectors = centres[whose] / np.linalg.norm(centres[whose], axis=1, keepdims=True)
    vectors += rng.standard_normal(vectors.shape) * (2 * distance / length) ** 0.5
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    faces = [UnnamedFace(f"face-{(n * 7919) % 10007:05}", n) for n in range(len(whose))]
    return faces, whole(vectors), whose


def test_each_person_is_a_group_the_largest_first():
    faces, vectors, whose = people([3, 9, 1, 5])
    groups = of(faces, vectors)
    assert [len(group) for group in groups] == [9, 5, 3, 1]
    assert all(len(set(whose[list(group)])) == 1 for group in groups)


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 14))
    photos = draw(st.lists(st.integers(1, 8), min_size=count, max_size=count))
    pairs = list(itertools.combinations(range(count), 2))
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    # Few values, so that there are ties.
    alike = draw(st.lists(st.sampled_from([0.4, 0.5, 0.6, 0.7]), min_size=len(chosen), max_size=len(chosen)))
    faces = [UnnamedFace(f"f{number:02}", photo) for number, photo in enumerate(photos)]
    return faces, [(one, other, value) for (one, other), value in zip(chosen, alike, strict=True)]


@given(graphs(), st.randoms())
def test_the_order_of_faces_and_links_changes_nothing(graph, rng):
    faces, found = graph
    order = rng.sample(range(len(faces)), len(faces))
    place = {index: position for position, index in enumerate(order)}
    turned = [(place[b], place[a], value) for a, b, value in rng.sample(found, len(found))]
    shuffled = [faces[index] for index in order]
    assert ids(faces, grouped(faces, found)) == ids(shuffled, grouped(shuffled, turned))


@given(graphs())
def test_each_face_is_in_one_group_and_no_photo_has_two_in_it(graph):
    faces, found = graph
    groups = grouped(faces, found)
    assert sorted(itertools.chain.from_iterable(groups)) == list(range(len(faces)))
    for group in groups:
        photos = [faces[index].photo_id for index in group]
        assert len(photos) == len(set(photos))


@given(graphs(), graphs())
def test_faces_that_are_like_none_of_them_change_no_group(graph, others):
    """What comes and what goes matters only to the faces that it is like."""
    faces, found = graph
    more = [UnnamedFace(f"g{face.id}", face.photo_id + 100) for face in others[0]]
    links_of_more = [(a + len(faces), b + len(faces), value) for a, b, value in others[1]]
    together = ids([*faces, *more], grouped([*faces, *more], [*found, *links_of_more]))
    assert together == ids(faces, grouped(faces, found)) | ids(more, grouped(more, others[1]))


def test_people_stay_together_while_photos_arrive_and_leave():
    faces, vectors, _ = people([12, 8, 6], distance=0.05)
    whole = ids(faces, of(faces, vectors))
    for seed in range(8):
        kept = sorted(random.Random(seed).sample(range(len(faces)), 18))
        some = [faces[index] for index in kept]
        assert ids(some, of(some, vectors[kept])) == {
            left for group in whole if (left := group & {face.id for face in some})
        }


def test_the_vectors_may_come_in_any_order():
    faces, vectors, _ = people([7, 5, 5, 2, 1], distance=0.25)
    order = random.Random(3).sample(range(len(faces)), len(faces))
    turned = [faces[index] for index in order]
    assert ids(faces, of(faces, vectors)) == ids(turned, of(turned, vectors[order]))


def test_two_faces_of_one_photo_are_two_people_however_alike():
    faces, vectors, _ = people([4])
    faces = [face._replace(photo_id=min(face.photo_id, 2)) for face in faces]
    assert sorted(len(group) for group in of(faces, vectors)) == [1, 3]


def test_faces_of_photos_many_years_apart_are_not_compared():
    faces, vectors, _ = people([2])
    apart = [face._replace(day=1 + index * (DAYS_APART + 1)) for index, face in enumerate(faces)]
    assert len(of(apart, vectors)) == 2
    middle = [UnnamedFace(f"between-{n}", 9 + n, day=1 + DAYS_APART // 2) for n in range(2)]
    assert len(of([*apart, *middle], np.concatenate([vectors, vectors]))) == 1


def test_a_person_without_a_name_of_immich_is_a_hint_and_not_the_truth():
    one = whole(np.array([[1, 0], [LINKED - HINT / 2, (1 - (LINKED - HINT / 2) ** 2) ** 0.5], [0, 1]]))
    faces = [UnnamedFace(name, number, "somebody") for number, name in enumerate("abc")]
    found = {(a, b): value for a, b, value in links(faces, one)}
    assert found[0, 1] == pytest.approx(LINKED + HINT / 2, abs=0.001)
    assert (0, 2) not in found
    assert len(list(links([face._replace(hint="") for face in faces], one))) == 1


def test_a_model_that_finds_strangers_alike_is_measured_from_there():
    faces, vectors, _ = people([6, 6], distance=0.05)
    towards = whole(np.concatenate([vectors / LENGTH * 0.4**0.5, np.full((12, 1), 0.6**0.5)], axis=1))
    assert len(of(faces, towards)) == 1
    assert len(grouped(faces, links(faces, towards, level=0.6))) == 2


def test_of_many_faces_only_those_of_a_bucket_are_compared(monkeypatch):
    monkeypatch.setattr("smartsort.confidence.neighbours.EXACT", 100)
    faces, vectors, whose = people([40, 30, 20] * 5, distance=0.05)
    groups = of(faces, vectors)
    assert all(len(set(whose[list(group)])) == 1 for group in groups)
    assert len(groups) < 40


class Followed:
    """Groups that are brought up to date as faces come and go."""

    def __init__(self, length):
        self.near, self.of = Neighbours(length), {}

    def put(self, come, vectors, gone=()):
        changed = set()
        for face_id in gone:
            slot = self.near.slot(face_id)
            rest = tuple(face for face in self.of.pop(slot) if face != slot)
            self.of |= dict.fromkeys(rest, rest)
            changed = (changed | set(rest)) - {slot}
        changed |= self.near.put(come, vectors, gone)
        for group in regrouped(self.near.faces, self.near.links, self.of, changed):
            self.of |= dict.fromkeys(group, group)

    def groups(self):
        return ids(self.near.faces, self.of.values())


def crowd(seed, count, rng):
    """Faces so close that chance joins and parts them, some of them equal, some on one photo."""
    faces, vectors, _ = people(
        [rng.randint(1, 9) for _ in range(count // 4)], seed, rng.choice([0.3, 0.6]), 16
    )
    for index in range(1, len(faces), 5):
        vectors[index] = vectors[index - 1]
    return [
        face._replace(
            photo_id=rng.randint(1, len(faces)), hint=rng.choice(["", "h"]), day=rng.choice([0, 1, 9_000])
        )
        for face in faces
    ], vectors


@pytest.mark.parametrize("exact", [10_000, 25])
@given(seed=st.integers(0, 10_000), rng=st.randoms())
@settings(max_examples=25, deadline=None)
def test_groups_that_are_brought_up_to_date_equal_those_of_all_faces_at_once(exact, seed, rng):
    """Of many faces so long as the buckets stay: which pairs are compared at all follows from them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "EXACT", exact)
        faces, vectors = crowd(seed, 40, rng)
        order = rng.sample(range(len(faces)), len(faces))
        first = order[: rng.randint(1, len(order))]
        followed = Followed(vectors.shape[1])
        followed.put([faces[index] for index in first], vectors[first])
        there, out = first, [index for index in order if index not in first]
        for _ in range(3):
            gone = rng.sample(there, rng.randint(0, len(there) // 3))
            come = rng.sample(out, rng.randint(0, min(5, len(out))))
            followed.put([faces[i] for i in come], vectors[come], [faces[i].id for i in gone])
            there = [index for index in there if index not in gone] + come
            out = [index for index in out if index not in come] + gone
            if exact > len(faces):
                some = [faces[index] for index in there]
                assert followed.groups() == ids(some, of(some, vectors[there]))
            again = copy(followed.near)
            slots = np.array(sorted(again.faces), np.int64)
            again._numbers = again._cut(again._found(slots))
            assert set(again._numbers) == set(followed.near._numbers)
            place = {slot: index for index, slot in enumerate(slots.tolist())}
            some = [again.faces[slot] for slot in place]
            found = grouped(some, ((place[one], place[other], alike) for one, other, alike in again.links()))
            assert followed.groups() == ids(some, found)


@given(graphs(), st.data())
def test_only_groups_that_a_change_concerns_are_new(graph, data):
    faces, found = graph
    change = data.draw(st.sampled_from(range(len(faces))))
    before = [one for one in found if change not in one[:2]]
    groups = {face: group for group in grouped(faces, before) for face in group}
    met = {change, *(face for one in found if change in one[:2] for face in one[:2])}

    def near(some):
        return [one for one in found if one[0] in some or one[1] in some]

    new = regrouped(faces, near, groups, met)
    again = {face for group in new for face in group}
    assert set(grouped(faces, found)) == {*new, *(g for g in groups.values() if again.isdisjoint(g))}


@st.composite
def sayings(draw, count):
    """What humans said of so many faces."""
    some = st.lists(st.integers(0, count - 1), max_size=4, unique=True)
    same = draw(st.lists(some, max_size=3))
    apart = [
        (one, [face for face in other if face not in one])
        for one, other in draw(st.lists(st.tuples(some, some), max_size=3))
    ]
    return Said(same, apart)


@given(graphs(), st.data(), st.randoms())
def test_what_humans_say_counts_before_what_is_alike(graph, data, rng):
    faces, found = graph
    said = data.draw(sayings(len(faces)))
    groups = grouped(faces, found, said)
    of = {face: group for group in groups for face in group}
    assert sorted(itertools.chain.from_iterable(groups)) == list(range(len(faces)))
    for group in groups:
        assert len({faces[index].photo_id for index in group}) == len(group)
    for one, other in said.apart:
        assert not any(of[a] == of[b] for a in one for b in other)
    if not said.apart and len(said.same) == 1:
        [same] = said.same
        if len({faces[index].photo_id for index in same}) == len(same):
            assert len({of[index] for index in same}) <= 1
    order = rng.sample(range(len(faces)), len(faces))
    place = {index: position for position, index in enumerate(order)}
    turned = [(place[b], place[a], value) for a, b, value in rng.sample(found, len(found))]
    shuffled = [faces[index] for index in order]
    assert ids(faces, groups) == ids(shuffled, grouped(shuffled, turned, said.within(place)))


@given(graphs(), st.data())
def test_only_groups_that_a_saying_concerns_are_new(graph, data):
    faces, found = graph
    said = data.draw(sayings(len(faces)))
    groups = {face: group for group in grouped(faces, found) for face in group}

    def near(some):
        return [one for one in found if one[0] in some or one[1] in some]

    concerned = {*itertools.chain(*said.same, *itertools.chain(*said.apart))}
    new = regrouped(faces, near, groups, concerned, said)
    again = {face for group in new for face in group}
    left = [group for group in groups.values() if again.isdisjoint(group)]
    assert set(grouped(faces, found, said)) == {*new, *left}


def test_nothing_is_no_group():
    assert grouped([], links([], np.empty((0, 4), np.int16))) == []
