"""Whose faces recognition is through with, from what its queue showed."""

from hypothesis import given
from hypothesis import strategies as st

from smartsort.core.completion import LISTING_LIMIT, RECOGNITION, Listing
from smartsort.core.flight import Flight


def queue(*faces, collective=False, full=False):
    return Listing(RECOGNITION, frozenset(faces), collective=collective, full=full)


def detected(*photos):
    """Photos whose detection is over; each has its id for an asset."""
    flight = Flight()
    flight.update({i: f"a{i}" for i in photos})
    for photo in flight.photos.values():
        photo.detected = True
    return flight, *(flight.photos[i] for i in photos)


def test_behind_a_queue_all_no_photo_has_begun():
    flight, photo = detected(1)
    assert not flight.begin(queue("f1", collective=True))
    assert photo.left is None
    assert not photo.through
    photo.faces = ()
    assert not photo.through


def test_a_full_listing_shows_neither_that_it_has_begun_nor_that_it_is_over():
    flight, photo = detected(1)
    many = [f"f{n}" for n in range(LISTING_LIMIT)]
    assert not flight.begin(queue(*many, full=True))
    assert photo.left is None
    flight.begin(queue("mine"))
    flight.begin(queue(*many, full=True))
    assert photo.left == {"mine"}


def test_photos_are_through_when_none_of_the_faces_of_that_moment_is_left():
    flight, a, b = detected(1, 2)
    assert flight.begin(queue("f1", "f2"))
    assert a.left is b.left, "photos that began together share what they wait for"
    assert not a.through
    assert not flight.begin(queue("f2"))
    assert a.left is b.left
    assert not a.through
    a.faces = b.faces = ()
    a.open, b.open = frozenset({"f1"}), frozenset({"f2"})
    assert a.through, "its own face is done, whoever else is waited for"
    assert not b.through
    flight.begin(queue())
    assert b.through


def test_a_later_queue_all_is_of_later_photos():
    flight, first, later = detected(1, 9)
    later.detected = False
    flight.begin(queue("f1"))
    later.detected = True
    flight.begin(queue("f1", "f9", collective=True))
    assert first.left == {"f1"}
    assert later.left is None
    flight.begin(queue("f9", collective=True))
    assert first.through
    assert not later.through


def test_a_photo_that_recognition_was_started_for_again_waits_anew():
    flight, a, b = detected(1, 2)
    flight.begin(queue())
    a.prove_again(detection=False)
    assert not a.through
    assert b.through
    flight.begin(queue("f1", collective=True))
    assert not a.through
    flight.begin(queue("f1"))
    assert a.left == {"f1"}


def test_a_photo_with_another_asset_begins_anew_and_is_not_new():
    flight, photo = detected(1)
    assert flight.update({1: "a1"}) == 0
    assert flight.photos[1] is photo
    assert flight.update({1: None, 2: None}) == 1
    assert not flight.photos[1].detected


FACES = st.frozensets(st.integers(0, 12).map(lambda n: f"f{n}"))


@given(
    st.lists(
        st.tuples(FACES, st.booleans(), st.booleans(), st.frozensets(st.integers(1, 5))),
        min_size=1,
        max_size=12,
    ),
    FACES,
)
def test_no_photo_is_through_while_a_face_of_it_has_been_seen_in_every_listing(looks, own):
    """A face that was never out of the queue keeps its photo waiting, whatever else was listed."""
    flight, mine, *others = detected(*range(6))
    for faces, collective, full, there in looks:
        for photo in others:
            photo.detected = photo.id in there
        flight.begin(queue(*faces, "always", collective=collective, full=full))
        mine.faces = None
        assert not mine.through
        mine.faces, mine.open = (), own | {"always"}
        assert not mine.through
