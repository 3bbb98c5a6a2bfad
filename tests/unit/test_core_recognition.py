"""Whose faces recognition is through with, from what its queue showed."""

from hypothesis import given
from hypothesis import strategies as st

from smartsort.core.completion import LISTING_LIMIT, RECOGNITION, Listing
from smartsort.core.recognition import Cohorts


def queue(*faces, collective=False, full=False):
    return Listing(RECOGNITION, frozenset(faces), collective=collective, full=full)


def test_behind_a_queue_all_nobody_has_begun():
    cohorts = Cohorts()
    assert not cohorts.note({"a": 1}, queue("f1", collective=True))
    assert cohorts.left("a") is None
    assert not cohorts.through("a", None)
    assert not cohorts.through("a", ())
    assert cohorts.photo_ids == frozenset()


def test_a_full_listing_shows_neither_that_it_has_begun_nor_that_it_is_over():
    cohorts = Cohorts()
    many = [f"f{n}" for n in range(LISTING_LIMIT)]
    assert not cohorts.note({"a": 1}, queue(*many, full=True))
    assert cohorts.left("a") is None
    cohorts.note({"a": 1}, queue("mine"))
    cohorts.note({"a": 1}, queue(*many, full=True))
    assert cohorts.left("a") == {"mine"}


def test_photos_are_through_when_none_of_the_faces_of_that_moment_is_left():
    cohorts = Cohorts()
    assert cohorts.note({"a": 1, "b": 2}, queue("f1", "f2"))
    assert cohorts.photo_ids == {1, 2}
    assert not cohorts.through("a", None)
    assert not cohorts.note({"a": 1, "b": 2}, queue("f2"))
    assert not cohorts.through("a", None)
    assert cohorts.through("a", {"f1"}), "its own face is done, whoever else is waited for"
    assert not cohorts.through("b", {"f2"})
    cohorts.note({"a": 1, "b": 2}, queue())
    assert cohorts.through("a", None)
    assert cohorts.through("b", {"f2"})


def test_a_later_queue_all_is_of_later_photos():
    cohorts = Cohorts()
    cohorts.note({"a": 1}, queue("f1"))
    cohorts.note({"a": 1, "z": 9}, queue("f1", "f9", collective=True))
    assert cohorts.left("a") == {"f1"}
    assert cohorts.left("z") is None
    cohorts.note({"a": 1, "z": 9}, queue("f9", collective=True))
    assert cohorts.through("a", None)
    assert not cohorts.through("z", None)


def test_a_photo_that_recognition_was_started_for_again_waits_anew():
    cohorts = Cohorts()
    cohorts.note({"a": 1, "b": 2}, queue())
    cohorts.again({"a"})
    assert not cohorts.through("a", None)
    assert cohorts.through("b", None)
    cohorts.note({"a": 1, "b": 2}, queue("f1", collective=True))
    assert not cohorts.through("a", None)
    cohorts.note({"a": 1, "b": 2}, queue("f1"))
    assert cohorts.left("a") == {"f1"}


def test_photos_that_are_done_are_forgotten():
    cohorts = Cohorts()
    cohorts.note({"a": 1, "b": 2}, queue("f1", "f2"))
    cohorts.note({"b": 2}, queue("f2"))
    assert cohorts.photo_ids == {2}
    assert cohorts.waited_for(["a", "b"]) == 1


def test_photos_of_different_moments_wait_for_the_faces_of_both():
    cohorts = Cohorts()
    cohorts.note({"a": 1}, queue("f1", "f2"))
    cohorts.note({"a": 1, "b": 2}, queue("f2", "f3"))
    assert cohorts.left("b") == {"f2", "f3"}
    assert cohorts.waited_for(["a", "b", "nobody"]) == cohorts.waited_for(["b", "a"]) == 2
    assert cohorts.waited_for(["a"]) == 1


FACES = st.frozensets(st.integers(0, 12).map(lambda n: f"f{n}"))


@given(
    st.lists(
        st.tuples(
            FACES, st.booleans(), st.booleans(), st.frozensets(st.integers(0, 4).map(lambda n: f"a{n}"))
        ),
        min_size=1,
        max_size=12,
    ),
    FACES,
)
def test_nobody_is_through_while_a_face_of_theirs_has_been_seen_in_every_listing(looks, own):
    """A face that was never out of the queue keeps its photo waiting, whatever else was listed."""
    cohorts = Cohorts()
    for faces, collective, full, detected in looks:
        cohorts.note(
            {"mine": 0, **{a: int(a[1:]) + 1 for a in detected}},
            queue(*faces, "always", collective=collective, full=full),
        )
        assert not cohorts.through("mine", None)
        assert not cohorts.through("mine", own | {"always"})
