"""Faces of photos in review are measured while nothing else is to be done."""

from __future__ import annotations

import pytest
from tests.fake_immich import FakeAsset, FakeFace
from tests.measured import DIRECTIONS, at, deliver, service

from smartsort.actions import PersonSelector
from smartsort.confidence import Measure
from smartsort.confidence.review_faces import CALLS_PER_HOUR
from smartsort.core.model import Box
from smartsort.core.suggestion import assigned, likeliest, suggestions
from smartsort.core.wording import sentence
from smartsort.ledger import embeddings, photos, review_faces
from smartsort.ledger.embeddings import Embedding


async def idle(world, steps=12):
    """Nothing is on its way for a while; the pauses of the worker in seconds."""
    return [await world.sidecar.measure.step() for _ in range(steps)]


def measured_faces(world):
    waiting, *_ = world.ledger.read(lambda db: review_faces.unnamed_since(db, (0, 0)))
    found = world.ledger.read(lambda db: list(review_faces.measured(db, waiting)))
    return {one.photo_id: one for one in found}


async def test_faces_in_review_are_measured_while_idle_the_newest_first_and_once(world, eye):
    ids = await deliver(world, "stranger_1.jpg", "none_2.jpg", "stranger+anna_3.jpg", "stranger_4.jpg")
    measure = world.sidecar.measure
    assert (eye.pictures, world.ledger.read(review_faces.progress)) == ([], (0, 3))
    before = measure.calls
    pauses = await idle(world)
    assert eye.pictures == ["stranger_4.jpg", "stranger+anna_3.jpg", "stranger_1.jpg"]
    assert (measure.calls - before) / (sum(pauses) / 3600) <= CALLS_PER_HOUR
    assert world.ledger.read(review_faces.progress) == (3, 3)
    one = measured_faces(world)[ids[3]]
    assert one.vector == pytest.approx(at(240.0 + 4.0))
    assert (one.asset_id, one.face.person) == (world.photo(ids[3]).asset_id, None)
    assert one.face in photos_faces(world, ids[3])


def photos_faces(world, photo_id):
    return world.ledger.read(lambda db: photos.last_decision(db, photo_id))[4].faces


async def test_arriving_photos_go_first_and_a_photo_in_trouble_holds_up_nothing(world, eye):
    await deliver(world, "stranger_1.jpg")
    new = await world.deliver("stranger_2.jpg")
    assert await world.sidecar.measure.step() > 0
    assert eye.pictures == []
    world.ledger.write(lambda db: db.conn.execute("UPDATE photos SET problem = 'x' WHERE id = ?", (new,)))
    await idle(world)
    assert eye.pictures == ["stranger_1.jpg"]


async def test_an_outage_ends_and_a_restart_goes_on_where_it_was(world, eye):
    await deliver(world, "stranger_1.jpg", "stranger_2.jpg")
    now = [0.0]
    measure = world.sidecar.measure
    measure._service._clock = lambda: now[0]
    eye.down = True
    await idle(world)
    assert eye.pictures == []
    eye.down, now[0] = False, 1000.0
    await idle(world)  # not the photo at which the service failed, which may be to blame
    assert eye.pictures == ["stranger_1.jpg"]
    world.sidecar.measure = Measure(world.context, world.sidecar.people, service(eye), patience_seconds=60)
    await idle(world)
    assert eye.pictures == ["stranger_1.jpg", "stranger_2.jpg"]


async def test_a_photo_that_cannot_be_measured_is_tried_again_later(world, eye):
    ids = await deliver(world, "stranger_1.jpg", "stranger_2.jpg")
    asset = world.server.assets[world.photo(ids[1]).asset_id]
    asset.has_preview = False
    await idle(world)
    assert eye.pictures == ["stranger_1.jpg"]
    asset.has_preview = True
    await idle(world)
    assert len(eye.pictures) == 1
    world.clock.pass_by(minutes=61)
    await idle(world)
    assert eye.pictures == ["stranger_1.jpg", "stranger_2.jpg"]


async def test_a_face_the_service_does_not_find_is_looked_for_once(world, eye):
    eye.blind = True
    await deliver(world, "stranger_1.jpg")
    await idle(world)
    assert eye.pictures == ["stranger_1.jpg"]
    assert world.ledger.read(review_faces.progress) == (1, 1)
    assert measured_faces(world) == {}


async def test_another_model_measures_the_photos_in_review_again(world, eye):
    await deliver(world, "stranger_1.jpg")
    measure = world.sidecar.measure
    await idle(world)
    measure._faces._given, measure._faces._model = "antelopev2", None
    await idle(world)
    assert eye.pictures == ["stranger_1.jpg"] * 2
    assert world.ledger.read(review_faces.model_in_use) == "antelopev2"


async def test_faces_in_review_are_kept_however_many_others_there_are(world, eye):
    ids = await deliver(world, "stranger_1.jpg", "stranger_2.jpg")
    await idle(world)
    await world.actions.reject([ids[0]], "maria")
    frames = [Embedding(f"film-{i}-1", f"film-{i}", at(0.0)) for i in ids]  # as if both were videos
    world.ledger.write(lambda db: embeddings.put(db, "buffalo_l", frames, "2024-05-01"))
    assert world.ledger.write(lambda db: embeddings.prune(db, keep=0)) == 2
    assert list(measured_faces(world)) == [ids[1]]
    left = world.ledger.read(lambda db: embeddings.known(db, "buffalo_l", [f.face_id for f in frames]))
    assert list(left) == [f"film-{ids[1]}-1"]


def known(world, photo_id):
    """The evidence of the newest decision, and its reason as a sentence."""
    last = world.ledger.read(lambda db: photos.last_decision(db, photo_id))
    return last[4], sentence(last[3][0])


async def test_what_was_measured_while_idle_is_suggested_without_another_call(world, eye):
    await deliver(world, *(f"anna_{n}.jpg" for n in (0, 5, 10)))
    DIRECTIONS["near"], DIRECTIONS["far"] = 40.0, 250.0
    try:
        near, far = await deliver(world, "near_0.jpg", "far_0.jpg")
        assert known(world, near)[1] == "1 unknown face."
        await idle(world)
        pictures, asked = len(eye.pictures), world.server.calls["faces"]
        await world.stage("recheck")
    finally:
        del DIRECTIONS["near"], DIRECTIONS["far"]
    evidence, said = known(world, near)
    [found] = suggestions(evidence, evidence.faces[0])
    assert said == f"1 unknown face, probably Anna ({found.similarity:.2f})."
    assert found.similarity > 0.7
    evidence, said = known(world, far)
    assert suggestions(evidence, evidence.faces[0]) == ()
    assert "No person is close: Anna is the nearest with 0.00." in said
    assert (len(eye.pictures), world.server.calls["faces"]) == (pictures, asked)


async def test_the_gallery_of_somebody_close_is_made_when_they_have_none(world, eye):
    """A person whose photos Immich knew before smartsort came is suggested, too."""
    [photo_id] = await deliver(world, "stranger_5.jpg")
    carl = world.server.person("Carl").id
    for n in range(3):
        face = FakeFace(f"before-{n}", Box(0, 0, 400, 400), carl)
        world.server.assets[f"b{n}"] = FakeAsset(f"b{n}", f"/elsewhere/carl_{n}.jpg", faces=[face])
    DIRECTIONS["stranger"] = 125.0
    try:
        await idle(world)
        await world.stage("recheck")
    finally:
        del DIRECTIONS["stranger"]
    evidence, _ = known(world, photo_id)
    assert [s.person.name for s in suggestions(evidence, evidence.faces[0])] == ["Carl"]


async def test_suggestions_follow_the_galleries(world, eye):
    """Who is named later is suggested for photos that were measured long ago."""
    DIRECTIONS["mia"] = 200.0
    try:
        ids = await deliver(world, "mia_0.jpg", "mia_3.jpg")
        await idle(world)
        await world.stage("recheck")
        evidence, _ = known(world, ids[1])
        assert suggestions(evidence, evidence.faces[0]) == ()
        await world.actions.approve([ids[0]], [PersonSelector("Mia", create=True)], "maria")
        await world.tell()
        await world.sidecar.people.refresh(0)
        await idle(world)
        for _ in range(2):
            await world.stage("recheck")
    finally:
        del DIRECTIONS["mia"]
    evidence, _ = known(world, ids[1])
    assert [s.person.name for s in suggestions(evidence, evidence.faces[0])] == ["Mia"]


async def test_what_immich_says_is_told_with_our_number_beside_it(world, eye):
    await deliver(world, *(f"anna_{n}.jpg" for n in (0, 5, 10)), "bella_0.jpg")
    [pair] = await deliver(world, "anna+bella_75.jpg")
    await idle(world)
    await world.stage("recheck")
    evidence, _ = known(world, pair)
    by_immich = {one.person.name: one.similarity for one in assigned(evidence)}
    assert by_immich["Anna"] < 0.5  # 75 degrees off
    assert likeliest(evidence).person.name == "Bella"
