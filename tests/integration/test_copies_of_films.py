"""Copies of films of any length are found, wherever they are cut. Equal titles make no copies."""

import random
from dataclasses import replace

import pytest
from tests.bench.copies import Index
from tests.simulated_videos import Part, Simulated, looked_through

from smartsort.files.perceptual_hash import same_video

TITLES = Part("titles", 0, 45, scene=3)


def film(seconds, scene=1e9, motion=0.4, key_seconds=2.0):
    return Simulated((Part(f"{seconds} s", 0, seconds, scene, motion),), key_seconds, 25)


def looks(one):
    return looked_through(one).frames.looks


def copies(one):
    seconds = one.seconds
    cut = 0.313 * seconds
    yield "beginning cut", one.cut(cut, seconds - cut)
    yield "end cut", one.cut(0, seconds - cut)
    yield "both cut", one.cut(cut / 2, seconds - cut)
    yield "a third", one.cut(cut, seconds / 3)
    intro = replace(TITLES, seconds=min(TITLES.seconds, 0.3 * seconds))
    yield "other intro", replace(one, parts=(intro, *one.parts))


@pytest.mark.parametrize(
    ("seconds", "keys"),
    [
        (1.5, (2.0, 1.0)),
        (8, (1.0, 10.0)),
        (60, (10.0, 4.17)),
        (300, (10.0, 4.17)),
        (300, (2.0, 2.0)),
        (1200, (1.0, 10.0)),
        (1200, (10.0, 2.0)),
        (7200, (2.0, 10.0)),
    ],
    ids=str,
)
def test_a_copy_is_found_wherever_it_is_cut_and_whatever_the_key_frames(seconds, keys):
    one = film(seconds, scene=4.7 if keys[0] == 1 else 1e9, motion=0.2, key_seconds=keys[0])
    there = Index()
    there.put(1, looked_through(one).frames)
    for kind, cut in copies(one):
        copy = replace(cut, key_seconds=keys[1], noise=0.03)
        assert same_video(looks(one), looks(copy)), kind
        assert there.alike(looked_through(copy).frames) == [1], kind


@pytest.mark.parametrize("motion", [0.02, 0.4], ids=["calm", "by hand"])
@pytest.mark.parametrize("seconds", [30, 150, 1300])
def test_episodes_with_the_same_titles_and_parts_of_one_recording_are_no_copies(seconds, motion):
    rng = random.Random(seconds)
    share = 0.4
    titles = Part("titles", 0, share * seconds, 3, motion)
    films = []
    for number, key in enumerate((2.0, 10.0, 1.0)):
        own = Part(f"episode {number}", 0, rng.uniform(0.9, 1.1) * seconds * (1 - share), 5, motion)
        before = replace(own, begins=own.seconds, seconds=0.05 * number * seconds)
        films.append(Simulated((before, titles, own) if number else (titles, own), key, 25, 0.03))
    whole = film(2 * seconds, motion=motion)
    films += [whole.cut(0, seconds), whole.cut(seconds, seconds, key_seconds=10.0)]
    for number, one in enumerate(films):
        assert not any(same_video(looks(other), looks(one)) for other in films[:number])


def test_only_looks_with_something_in_common_are_compared():
    there = Index()
    there.put(1, looked_through(film(60)).frames)
    assert there.alike(looked_through(film(61)).frames) == []
