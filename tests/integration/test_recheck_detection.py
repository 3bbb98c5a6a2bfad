"""Photos in review whose detection failed, or whose faces are gone: asked about again, never faceless."""

import os

import pytest
from tests.fake_immich import FakeServer
from tests.fakes import close_world
from tests.faulty_immich import FaultyImmich, FaultyWorld, at_rest

from smartsort.errors import ImmichUnreachable
from smartsort.ledger import photos
from smartsort.pipeline.recognition.detection_proof import FEW


@pytest.fixture
def place(tmp_path):
    made = FaultyWorld(os.fspath(tmp_path / "root"), settings={"immich.recheck_interval_seconds": 60})
    yield made
    close_world(made)


@pytest.fixture
def server(place):
    return place.server


def code(place, photo):
    return place.ledger.read(lambda db: photos.last_decision(db, photo))[3][0].code


async def fail(place, *names):
    """Photos that went to review because machine learning was down."""
    place.server.undetected, place.server.ml_failing, place.server.fails_unseen = set(names), True, True
    ids = [await place.deliver(name) for name in names]
    await at_rest(place)
    assert {code(place, i) for i in ids} == {"recognition_failed"}
    return ids


async def turn(place, runs=6):
    """One turn of rechecking: the run and those that follow it at once."""
    for _ in range(runs):
        if await place.stage("recheck") > 1.0:
            break
        place.clock.pass_by(seconds=1)
    place.clock.pass_by(seconds=61)


async def test_when_machine_learning_is_back_they_leave_review_in_one_turn(place, server):
    anna, none = await fail(place, "anna_1.jpg", "none_1.jpg")
    server.ml_failing = server.fails_unseen = False
    await turn(place)
    await turn(place)
    assert place.places(anna) == ["faces/anna/anna_1.jpg"]
    assert code(place, none) == "no_faces_detected"


async def test_as_long_as_it_is_down_they_stay(place, server):
    ids = await fail(place, "anna_1.jpg", "none_1.jpg")
    for _ in range(5):
        await turn(place)
    assert {code(place, i) for i in ids} == {"recognition_failed"}


async def test_a_person_seen_a_moment_before_is_no_proof_of_no_face(place, server, monkeypatch):
    """The search still shows who was on it, the faces are gone already."""
    [anna] = await fail(place, "anna_1.jpg")
    monkeypatch.setattr(FaultyImmich, "people_on", FakeServer.people_on)
    await turn(place)
    assert code(place, anna) == "recognition_failed"


async def test_it_is_asked_once_a_turn(place, server):
    await fail(place, "anna_1.jpg")
    await turn(place)
    before = server.calls_made["detect_missing_faces"]
    place.clock.pass_by(seconds=-50)
    for _ in range(5):
        await place.stage("recheck")
    assert server.calls_made["detect_missing_faces"] == before


async def test_nothing_is_asked_about_photos_that_wait_for_another_reason(place, server):
    await place.deliver("stranger_1.jpg")
    await at_rest(place)
    before = server.calls_made["detect_missing_faces"]
    await turn(place)
    assert server.calls_made["detect_missing_faces"] == before


async def test_immich_gone_meanwhile_concludes_nothing(place, server):
    [anna] = await fail(place, "anna_1.jpg")
    server.ml_failing = server.fails_unseen = False
    server.failing["detection_jobs"] = [ImmichUnreachable("gone")]
    with pytest.raises(ImmichUnreachable):
        await place.stage("recheck")
    assert code(place, anna) == "recognition_failed"
    await turn(place)
    await turn(place)
    assert place.places(anna) == ["faces/anna/anna_1.jpg"]


async def test_faces_that_are_detected_anew_do_not_make_a_photo_faceless(place, server):
    """Somebody starts face detection for everything: until it is done no photo has a face."""
    name = "anna+bella_1.jpg"
    photo = await place.deliver(name)
    await at_rest(place)
    assert code(place, photo) == "multiple_faces"
    faces = server.asset_at(name).faces
    server.asset_at(name).faces = []
    server.undetected, server.ml_failing = {name}, True
    for _ in range(3):
        await turn(place)
    assert code(place, photo) == "multiple_faces"
    server.ml_failing = False
    server.asset_at(name).faces = faces[:1]
    for _ in range(3):
        await turn(place)
    assert place.places(photo) == ["faces/anna/anna+bella_1.jpg"]


async def test_many_photos_that_fail_cost_no_call_each_until_their_detection_is_over(place, server):
    names = [f"none_{n}.jpg" for n in range(FEW + 4)]
    ids = await fail(place, *names)
    before = server.calls_made["asset"]
    for _ in range(3):
        await turn(place)
    assert server.calls_made["asset"] == before
    server.ml_failing = server.fails_unseen = False
    await turn(place)
    await turn(place)
    assert {code(place, i) for i in ids} == {"no_faces_detected"}
    assert server.calls_made["asset"] - before == len(names)


async def test_of_many_one_without_a_preview_is_left_out_of_the_proof(place, server):
    names = [f"none_{n}.jpg" for n in range(FEW + 4)]
    ids = await fail(place, *names)
    server.asset_at("none_3.jpg").has_preview = False
    server.ml_failing = server.fails_unseen = False
    for _ in range(3):
        await turn(place)
    assert {code(place, i) for i in ids} - {code(place, ids[3])} == {"no_faces_detected"}
    assert code(place, ids[3]) == "recognition_failed"
