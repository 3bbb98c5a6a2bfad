"""What a reading of Immich's queues proves, and what it does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartsort.core.completion import (
    CHAIN,
    LISTING_LIMIT,
    RECOGNITION,
    DetectionProbes,
    Listing,
    QueueCount,
    QueueSnapshot,
    pending,
)


def look(**listings):
    """A look with these listings; all other queues are empty."""
    return QueueSnapshot(tuple(listings.get(name, Listing(name)) for name in CHAIN))


def holding(queue, *ids, **more):
    return {queue: Listing(queue, frozenset(ids), **more)}


def test_the_chain_runs_from_the_library_to_recognition():
    assert CHAIN[0] == "library"  # The row exists before its sidecar job does
    assert CHAIN[-2:] == ("faceDetection", RECOGNITION)
    assert LISTING_LIMIT == 1000


@pytest.mark.parametrize(
    "order",
    [CHAIN[::-1], CHAIN[1:], (*CHAIN, "ocr"), (CHAIN[1], CHAIN[0], *CHAIN[2:]), ()],
    ids=["backwards", "without library", "one more", "two swapped", "empty"],
)
def test_queues_read_in_another_order_prove_nothing(order):
    with pytest.raises(ValueError, match=r"Only .* proves anything"):
        QueueSnapshot(tuple(Listing(name) for name in order))


def test_a_photo_seen_nowhere_upstream_is_detected():
    assert look().detected({"a", "b"}) == {"a", "b"}
    assert look().detected(()) == frozenset()


@pytest.mark.parametrize("queue", CHAIN[:-1])
def test_a_photo_seen_in_any_queue_before_recognition_is_not_detected(queue):
    assert look(**holding(queue, "a")).detected({"a", "b"}) == {"b"}


def test_recognition_lists_face_ids_not_photos():
    assert look(**holding(RECOGNITION, "a")).detected({"a"}) == {"a"}


@pytest.mark.parametrize("queue", CHAIN[:-1])
@pytest.mark.parametrize("why", ["full", "collective"])
def test_a_full_listing_or_a_job_for_many_upstream_proves_nothing(queue, why):
    seen = look(**holding(queue, "x", **{why: True}))
    assert not seen.conclusive
    assert seen.detected({"a"}) == frozenset()


@pytest.mark.parametrize("why", ["full", "collective"])
def test_a_busy_recognition_does_not_hide_that_detection_is_over(why):
    seen = look(**holding(RECOGNITION, "f", **{why: True}))
    assert seen.conclusive
    assert seen.detected({"a"}) == {"a"}


IDS = st.frozensets(st.sampled_from("abcd"))


@given(IDS, st.tuples(*(st.tuples(IDS, st.booleans(), st.booleans()) for _ in CHAIN)))
def test_nothing_that_was_seen_is_ever_called_detected(assets, parts):
    seen = QueueSnapshot(
        tuple(
            Listing(name, ids, collective=collective, full=full)
            for name, (ids, collective, full) in zip(CHAIN, parts, strict=True)
        )
    )
    found = seen.detected(assets)
    assert found <= assets
    assert not any(found & part.ids for part in seen.listings[:-1])
    if any(part.full or part.collective for part in seen.listings[:-1]):
        assert not found


def test_pending_counts_the_chain_alone_and_paused_jobs_too():
    counts = {
        "faceDetection": QueueCount(active=1, waiting=2, delayed=3, paused=4, is_paused=True),
        "library": QueueCount(waiting=1),
        "ocr": QueueCount(waiting=100),
        "smartSearch": QueueCount(waiting=100, is_paused=True),
    }
    assert pending(counts) == 11
    assert pending({}) == 0


# --- what the numbers of a queue's jobs tell -------------------------------------------------


def asked(*steps):
    """Probes with what was listed after each: the number of the probe or None, then {number: asset}."""
    made = DetectionProbes()
    for number, jobs in steps:
        made.sent()
        seen = frozenset() if number is None else frozenset({number})
        made.listed(Listing("faceDetection", collective=bool(seen), collective_numbers=seen))
        made.listed(Listing("faceDetection", frozenset(jobs.values()), numbers=frozenset(jobs)))
    return made


def test_two_questions_that_follow_one_another_prove_that_nothing_was_unfinished():
    made = asked((7, {}), (8, {}))
    assert made.answered
    assert made.unfinished == set()


@pytest.mark.parametrize(
    "steps",
    [
        (),
        ((7, {}),),
        ((7, {}), (9, {})),  # one that nobody saw
        ((7, {8: "a"}), (10, {})),  # one was seen, one was not
        ((None, {}), (8, {})),
        ((7, {}), (None, {})),
        ((7, {}), (None, {}), (10, {})),
        ((7, {}), (3, {})),  # the queue was emptied and counts again
    ],
    ids=repr,
)
def test_a_number_that_nobody_accounts_for_leaves_it_open(steps):
    assert not asked(*steps).answered


@pytest.mark.parametrize(
    "steps",
    [
        ((7, {8: "a"}), (9, {})),
        ((7, {8: "a", 9: "b"}), (10, {11: "a"})),
        ((7, {}), (None, {}), (9, {})),  # a question nobody saw took a number too
        ((None, {}), (8, {}), (9, {})),
        ((7, {}), (9, {}), (10, {})),
    ],
    ids=repr,
)
def test_numbers_that_are_all_accounted_for_are_an_answer(steps):
    assert asked(*steps).answered


def test_the_first_job_of_a_queue_has_the_number_0_and_counts():
    assert asked((0, {}), (1, {})).answered
    assert asked((1, {}), (2, {})).answered


def test_what_was_seen_to_be_queued_stays_known():
    assert asked((7, {8: "a"}), (9, {10: "b"})).unfinished == {"a", "b"}


def test_a_question_that_is_still_listed_is_not_the_next_one():
    made = asked((7, {}), (7, {}))
    made.listed(Listing("faceDetection", collective=True, collective_numbers=frozenset({7, 8})))
    assert made.answered


unfinished_then = st.lists(st.sets(st.integers(0, 5), max_size=4), min_size=1, max_size=6)


@given(unfinished_then, st.data())
def test_an_answer_is_never_wrong(before, data):
    """A queue as Immich's, seen through any gaps: who is not found unfinished was finished when asked."""
    number, made, truth = data.draw(st.integers(0, 100)), DetectionProbes(), []
    for unfinished in before:
        made.sent()
        question, number = number, number + 1
        queued = {number + place: f"photo-{one}" for place, one in enumerate(sorted(unfinished))}
        number += len(queued) + data.draw(st.integers(0, 2))  # and perhaps somebody else's
        truth.append(set(queued.values()))
        if data.draw(st.booleans()):
            made.listed(Listing("faceDetection", collective=True, collective_numbers=frozenset({question})))
        seen = {n: photo for n, photo in queued.items() if data.draw(st.booleans())}
        made.listed(Listing("faceDetection", frozenset(seen.values()), numbers=frozenset(seen)))
        if made.answered:
            # Asked before the last question: one of those before it found all that was unfinished then.
            assert any(then <= made.unfinished for then in truth[:-1])
            return
