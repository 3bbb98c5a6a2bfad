"""Knowing when Immich is done: what is waited for, what is concluded, and what never is."""

import pytest
from tests.fakes import TO_THE_LIBRARY
from tests.faulty_immich import Busy, at_rest, reason_of, rounds, state

from smartsort.core.completion import CHAIN, RECOGNITION
from smartsort.core.filing import FACELESS_SECONDS
from smartsort.core.model import State
from smartsort.core.pace import FIRST_BATCH, TRICKLE
from smartsort.errors import ImmichRefused, ImmichUnreachable
from smartsort.ledger import photos
from smartsort.pipeline.recognition import detection_proof

DOWN = ImmichUnreachable("the fake Immich is down; wait")


# --- waiting ---------------------------------------------------------------------------------


@pytest.mark.parametrize("queue", CHAIN[:-1])
async def test_a_photo_at_work_anywhere_is_waited_for(place, server, queue):
    server.at_work[queue] = {"anna_1.jpg"}
    photo = await place.deliver("anna_1.jpg")
    await rounds(place, 12)
    assert state(place, photo) in (State.PLACED, State.KNOWN)
    assert server.calls_made["faces"] == 0
    server.at_work.clear()
    await at_rest(place)
    assert place.places(photo) == ["faces/anna/anna_1.jpg"]


async def test_faces_in_recognition_when_first_looked_at_are_read_again(place, server):
    server.at_work[RECOGNITION] = server.unassigned = {"anna_1.jpg"}
    photo = await place.deliver("anna_1.jpg")
    await rounds(place, 12)
    assert state(place, photo) is State.KNOWN
    server.at_work, server.unassigned = {}, set()
    await at_rest(place)
    assert place.places(photo) == ["faces/anna/anna_1.jpg"]


async def test_those_who_are_recognised_first_are_filed_first(place, server):
    server.at_work[RECOGNITION] = server.unassigned = {"bella_1.jpg"}
    first, second = await place.deliver("anna_1.jpg"), await place.deliver("bella_1.jpg")
    await rounds(place, 12)
    assert state(place, first) is State.FILED
    assert state(place, second) is State.KNOWN
    server.at_work, server.unassigned = {}, set()
    await at_rest(place)
    assert place.places(second) == ["faces/bella/bella_1.jpg"]


async def test_who_has_done_what_there_was_says_so_before_it_says_that_there_is_nothing(place):
    """A step that filed the last photo has spoken with Immich: what it met before is over."""
    photo = await place.deliver("anna_1.jpg")
    said = []
    while state(place, photo) is not State.FILED:
        await rounds(place, 1, stages=TO_THE_LIBRARY)
        said.append(await place.stage("recognise"))
    assert said[-1] is True
    assert await place.stage("recognise") is False


@pytest.mark.parametrize("why", ["collective", "full"])
@pytest.mark.parametrize("queue", ["library", "faceDetection"])
async def test_a_listing_that_proves_nothing_concludes_nothing(place, server, why, queue):
    getattr(server, why).add(queue)
    photo = await place.deliver("none_1.jpg")
    await rounds(place, 12)
    assert state(place, photo) in (State.PLACED, State.KNOWN)
    getattr(server, why).clear()
    await at_rest(place)
    assert reason_of(place, photo).code == "no_faces_detected"


async def test_a_failed_listing_proves_nothing(place, server):
    server.failing["look"] = [DOWN] * 3
    photo = await place.deliver("anna_1.jpg")
    await rounds(place, 3)
    assert state(place, photo) is State.KNOWN
    await at_rest(place)
    assert len(place.problems) == 3
    assert place.places(photo) == ["faces/anna/anna_1.jpg"]


async def test_others_photos_at_work_do_not_keep_ours_waiting_for_ever(place, server):
    """On a busy server the counts never reach zero; then looks are made on the clock."""
    from smartsort.core.completion import QueueCount

    async def busy():
        server._call("queue_counts")
        return {"thumbnailGeneration": QueueCount(active=3, waiting=5000)}

    server.queue_counts = busy
    photo = await place.deliver("anna_1.jpg")
    await at_rest(place)
    assert place.places(photo) == ["faces/anna/anna_1.jpg"]


async def test_nothing_is_asked_while_nothing_waits(place, server):
    await place.deliver("anna_1.jpg")
    await at_rest(place)
    before = server.calls_made.total()
    await rounds(place, 20, seconds=30)
    assert server.calls_made.total() == before


# --- no face ---------------------------------------------------------------------------------


async def test_no_face_is_proved_before_it_is_said(place, server):
    photo = await place.deliver("none_1.jpg")
    await at_rest(place)
    assert reason_of(place, photo).code == "no_faces_detected"
    assert server.calls_made["detect_missing_faces"] == 2
    assert server.calls_made["faces"] == 2, "once more, after the proof"


async def test_a_photo_without_a_preview_was_never_looked_at(place, server):
    """Immich leaves it out of the question, so the question proves nothing about it."""
    photo = await place.deliver("none_1.jpg")
    await rounds(place, 1)
    for asset in server.assets.values():
        asset.has_preview = False
    await at_rest(place)
    assert reason_of(place, photo).code == "recognition_failed"
    assert "no preview" in reason_of(place, photo).detail


async def test_a_detection_that_failed_is_asked_for_again_and_finds_the_face(place, server):
    """A failed detection looks like no face."""
    server.undetected = {"anna_1.jpg"}
    photo = await place.deliver("anna_1.jpg")
    await at_rest(place)
    assert place.places(photo) == ["faces/anna/anna_1.jpg"]


async def test_a_detection_that_failed_and_then_finds_nobody_is_no_face(place, server):
    server.undetected = {"none_1.jpg"}
    photo = await place.deliver("none_1.jpg")
    await at_rest(place)
    assert reason_of(place, photo).code == "no_faces_detected"
    assert server.calls_made["detect_missing_faces"] == 3


@pytest.mark.parametrize("name", ["anna_1.jpg", "none_1.jpg"])
async def test_while_machine_learning_fails_no_face_is_never_concluded(place, server, name):
    server.undetected, server.ml_failing = {name}, True
    photo = await place.deliver(name)
    await at_rest(place)
    assert place.places(photo) == [f"review/unidentified/unknown_{name}"]
    assert reason_of(place, photo).code == "recognition_failed"
    assert "failed 3 times" in reason_of(place, photo).detail
    assert server.calls_made["detect_missing_faces"] == place.context.tuning.max_retries + 1


async def test_one_failed_detection_does_not_hold_up_the_others(place, server):
    server.undetected, server.ml_failing = {"none_bad.jpg"}, True
    bad = await place.deliver("none_bad.jpg")
    good = [await place.deliver(f"none_{n}.jpg") for n in range(3)]
    await at_rest(place)
    assert {reason_of(place, i).code for i in good} == {"no_faces_detected"}
    assert reason_of(place, bad).code == "recognition_failed"


@pytest.mark.parametrize("name", ["anna_1.jpg", "none_1.jpg"])
async def test_a_detection_that_fails_before_anybody_sees_it_is_not_no_face(place, server, name):
    """Measured on 3.1.0 with machine learning down: the jobs are gone before the queue can be listed."""
    server.undetected, server.ml_failing, server.fails_unseen = {name}, True, True
    photo = await place.deliver(name)
    await at_rest(place)
    assert reason_of(place, photo).code == "recognition_failed"
    assert "could not be proved" in reason_of(place, photo).detail


async def test_others_unfinished_photos_that_fail_unseen_leave_it_open(place, server):
    """A number is missing and nobody knows whose it is."""
    server.undetected, server.ml_failing, server.fails_unseen = {"none_bad.jpg"}, True, True
    bad, good = await place.deliver("none_bad.jpg"), await place.deliver("none_1.jpg")
    await rounds(place, 8)
    assert {state(place, bad), state(place, good)} == {State.KNOWN}
    server.fails_unseen = False
    await at_rest(place)
    assert reason_of(place, good).code == "no_faces_detected"
    assert reason_of(place, bad).code == "recognition_failed"


async def test_a_question_nobody_saw_is_put_again(place, server):
    server.questions_unseen = 3
    photo = await place.deliver("none_1.jpg")
    await at_rest(place)
    assert reason_of(place, photo).code == "no_faces_detected"
    assert server.calls_made["detect_missing_faces"] == 5


async def test_without_numbers_nothing_is_proved(place, server):
    server.questions_unseen = 1000
    photo = await place.deliver("none_1.jpg")
    await at_rest(place)
    assert reason_of(place, photo).code == "recognition_failed"


async def test_while_face_recognition_is_switched_off_nothing_is_no_face(place, server):
    server.recognition_off = True
    photo = await place.deliver("none_1.jpg")
    await at_rest(place)
    assert reason_of(place, photo).code == "recognition_failed"
    assert "switched off" in reason_of(place, photo).detail
    assert server.calls_made["detect_missing_faces"] == 0


async def test_photos_that_rest_cost_nothing_and_hold_nobody_up(place, server):
    server.undetected, server.ml_failing = {"none_bad.jpg"}, True
    await place.deliver("none_bad.jpg")
    for _ in range(100):
        await rounds(place, 1, seconds=0.1)
        if server.calls_made["detect_missing_faces"]:
            break
    before = server.calls_made.total()
    await rounds(place, 5, seconds=0.5)
    assert server.calls_made.total() == before
    other = await place.deliver("anna_1.jpg")
    await rounds(place, 4, seconds=0.3)
    assert place.places(other) == ["faces/anna/anna_1.jpg"]


async def test_the_machine_learning_service_decides_what_the_queue_leaves_open(place, server):
    """Its answer for the very preview: no face is no face, and a face means that detection has failed."""
    server.undetected, server.ml_failing, server.fails_unseen = {"none_1.jpg", "anna_1.jpg"}, True, True
    service = Service({"none_1.jpg": False, "anna_1.jpg": True}, server)
    place.sidecar.recognise_stage._executor.evidence_builder.measure = service
    none, anna = await place.deliver("none_1.jpg"), await place.deliver("anna_1.jpg")
    await at_rest(place)
    assert reason_of(place, none).code == "no_faces_detected"
    assert reason_of(place, anna).code == "recognition_failed"
    assert "failed 3 times" in reason_of(place, anna).detail


async def test_a_machine_learning_service_that_is_down_is_asked_once(place, server):
    server.undetected, server.ml_failing, server.fails_unseen = {"none_"}, True, True
    server.undetected = {f"none_{n}.jpg" for n in range(5)}
    service = Service({}, server)
    place.sidecar.recognise_stage._executor.evidence_builder.measure = service
    ids = [await place.deliver(f"none_{n}.jpg") for n in range(5)]
    await at_rest(place)
    assert {reason_of(place, i).code for i in ids} == {"recognition_failed"}
    assert service.calls == 1


class Service:
    """A machine learning service that sees faces as scripted, by the end of the path; else it is down."""

    def __init__(self, sees, server):
        self.sees, self.server, self.calls, self.available, self.version = sees, server, 0, True, 0

    async def sees_faces(self, asset_id):
        self.calls += 1
        path = self.server.assets[asset_id].path
        found = next((sees for name, sees in self.sees.items() if path.endswith(name)), None)
        self.available = found is not None
        return found

    async def complete(self, asset_id, evidence, policy, ambiguous):
        return evidence

    async def recall(self, asset_id, evidence):
        return None


async def test_a_busy_detection_is_asked_again_later(place, server):
    server.failing["detect_missing_faces"] = [Busy(), Busy()]
    photo = await place.deliver("none_1.jpg")
    await at_rest(place)
    assert reason_of(place, photo).code == "no_faces_detected"
    assert server.calls_made["detect_missing_faces"] == 4
    assert place.problems == []


async def test_while_the_queue_is_filled_nothing_is_proved(place, server, monkeypatch):
    """The job that queues missing detections is still there: not seen does not mean not queued."""
    from smartsort.core.completion import Listing

    monkeypatch.setattr(detection_proof, "BETWEEN_LISTINGS", 0)

    async def filling():
        server._call("detection_jobs")
        return Listing("faceDetection", collective=True)

    server.detection_jobs = filling
    photo = await place.deliver("none_1.jpg")
    await rounds(place, 10)
    assert place.places(photo) != ["review/unidentified/noface_none_1.jpg"]


async def test_without_the_retry_no_face_is_taken_at_its_word(make):
    place = make(settings={"immich.retry_if_no_faces": False})
    photo = await place.deliver("none_1.jpg")
    await at_rest(place)
    assert reason_of(place, photo).code == "no_faces_detected"
    assert place.server.calls_made["detect_missing_faces"] == 0


async def test_a_key_that_may_not_start_a_queue_keeps_the_photo_waiting(place, server):
    refused = ImmichRefused("the key lacks job.create", "job.create")
    server.failing["detect_missing_faces"] = [refused] * 4
    photo = await place.deliver("none_1.jpg")
    await rounds(place, 5)
    assert state(place, photo) is State.KNOWN
    await at_rest(place)
    assert reason_of(place, photo).code == "no_faces_detected"
    assert refused in place.problems


# --- nobody assigned -------------------------------------------------------------------------


async def test_a_face_from_before_its_person_is_tried_once_more(place, server):
    """Faces seen before their person existed stay unassigned."""
    server.unassigned = {"anna_1.jpg"}
    photo = await place.deliver("anna_1.jpg")
    await at_rest(place)
    assert place.places(photo) == ["faces/anna/anna_1.jpg"]
    assert server.calls_made["recognise_unassigned_faces"] == 1


async def test_strangers_are_tried_once_not_for_ever(place, server):
    photos_ = [await place.deliver(f"stranger_{n}.jpg") for n in range(3)]
    await at_rest(place)
    assert {reason_of(place, i).code for i in photos_} == {"unknown_face"}
    assert server.calls_made["recognise_unassigned_faces"] == 1
    photos_.append(await place.deliver("stranger_9.jpg"))
    await at_rest(place)
    assert server.calls_made["recognise_unassigned_faces"] == 1


async def test_a_person_named_since_makes_them_worth_another_try(place, server):
    await place.deliver("stranger_1.jpg")
    await at_rest(place)
    server._add_person("Dora")
    # As Immich: a person is listed once a photo shows them.
    place.clock.pass_by(minutes=1)
    server.who = lambda path: ("Dora",) if "dora" in path else (None,)
    await place.deliver("dora_1.jpg")
    await at_rest(place)
    place.clock.pass_by(minutes=1)
    await place.deliver("stranger_2.jpg")
    await at_rest(place)
    assert server.calls_made["recognise_unassigned_faces"] == 2


async def test_a_busy_recognition_is_asked_again_later(place, server):
    server.unassigned = {"anna_1.jpg"}
    server.failing["recognise_unassigned_faces"] = [Busy(), Busy()]
    photo = await place.deliver("anna_1.jpg")
    await at_rest(place)
    assert place.places(photo) == ["faces/anna/anna_1.jpg"]
    assert place.problems == []


# --- one batch after the other ---------------------------------------------------------------


async def waiting_in(place, state):
    return sorted(p.original_name for p in place.ledger.read(lambda db: photos.in_state(db, state, 100)))


async def backlog(place, *names):
    """Photos ready to be handed to Immich, in this order."""
    found = [await place.deliver(name) for name in names]
    while place.ledger.read(photos.in_progress).get(State.CLAIMED):
        await place.stage("examine")
    return found


async def test_the_next_batch_follows_as_soon_as_recognition_of_the_last_has_begun(place, server):
    first = [f"anna_{n}.jpg" for n in range(FIRST_BATCH)]
    others = [f"bella_{n}.jpg" for n in range(TRICKLE)]
    await backlog(place, *first, *others)
    server.at_work[RECOGNITION], server.unassigned = set(first), set(first)
    server.collective.add(RECOGNITION)
    await rounds(place, 12)
    assert await waiting_in(place, State.UNIQUE) == others, "they would keep the queue-all waiting"
    server.collective.clear()
    await rounds(place, 3)
    assert await waiting_in(place, State.UNIQUE) == []
    assert place.ledger.read(photos.count_by_state)[State.KNOWN] == FIRST_BATCH + TRICKLE
    server.at_work, server.unassigned = {}, set()
    await at_rest(place)
    assert place.ledger.read(photos.count_by_state) == {State.FILED: FIRST_BATCH + TRICKLE}


async def test_a_stranger_is_not_kept_waiting_by_the_queue_all_of_later_photos(place, server):
    await place.deliver("stranger_0.jpg")
    await at_rest(place)  # for these people recognition was started once; it would not be again
    server.at_work[RECOGNITION] = {"stranger_1.jpg", "anna_1.jpg"}
    stranger = await place.deliver("stranger_1.jpg")
    await rounds(place, 6)
    assert state(place, stranger) is State.KNOWN
    server.at_work = {"thumbnailGeneration": {"bella_1.jpg"}}
    server.collective.add(RECOGNITION)
    later = await place.deliver("bella_1.jpg")
    await rounds(place, 6)
    assert reason_of(place, stranger).code == "unknown_face"
    assert state(place, later) is not State.FILED


async def test_a_stranger_behind_a_queue_all_is_waited_for(place, server):
    server.collective.add(RECOGNITION)
    stranger = await place.deliver("stranger_1.jpg")
    await rounds(place, 12)
    assert state(place, stranger) is State.KNOWN
    server.collective.clear()
    server.full.add(RECOGNITION)
    await rounds(place, 12)
    assert state(place, stranger) is State.KNOWN
    server.full.clear()
    await at_rest(place)
    assert reason_of(place, stranger).code == "unknown_face"


async def test_photos_without_a_face_are_asked_about_together_when_nothing_else_is_to_come(place, server):
    """The question costs calls and needs detection at rest; every batch of a backlog would ask it."""
    names = [name for n in range(20) for name in (f"anna_{n}.jpg", f"none_{n}.jpg")]
    await backlog(place, *names)
    await at_rest(place)
    assert place.ledger.read(photos.count_by_state) == {State.FILED: 20, State.REVIEW: 20}
    assert server.calls_made["detects_faces"] == 1


async def test_photos_without_a_face_do_not_wait_for_the_end_of_a_long_backlog(place, server):
    await backlog(place, "none_1.jpg", *(f"anna_{n}.jpg" for n in range(FIRST_BATCH + 20)))
    slow = [f"anna_{n}.jpg" for n in range(FIRST_BATCH - 1)]
    server.at_work[RECOGNITION], server.unassigned = set(slow), set(slow)
    server.collective.add(RECOGNITION)
    await rounds(place, 12)
    server.collective.clear()  # the next batch is handed over and stays in detection
    server.at_work["faceDetection"] = {f"anna_{n}.jpg" for n in range(FIRST_BATCH, FIRST_BATCH + 20)}
    await rounds(place, 6, seconds=FACELESS_SECONDS / 3)
    assert server.calls_made["detects_faces"] == 0, "detection is at work"
    server.at_work.pop("faceDetection")
    server.at_work[RECOGNITION], server.unassigned = set(), set()
    await rounds(place, 8)
    assert server.calls_made["detects_faces"] == 1
    await at_rest(place)
