"""The confidence of filed photos, and the galleries that it is measured with."""

from __future__ import annotations

import math
import os

import pytest
from tests.fakes import close_world
from tests.measured import DIRECTIONS, decided, deliver, measured_world, service

from smartsort.actions import PersonSelector
from smartsort.confidence import Measure
from smartsort.core.model import Compared, State
from smartsort.ledger import embeddings, photos


async def test_it_tells_whether_there_is_a_face_at_all(world, eye):
    [photo_id] = await deliver(world, "anna_5.jpg")
    asset_id = world.photo(photo_id).asset_id
    measure = world.sidecar.measure
    assert await measure.sees_faces(asset_id) is True
    eye.blind = True
    assert await measure.sees_faces(asset_id) is False
    assert await measure.sees_faces("nobody's") is None
    eye.down = True
    assert await measure.sees_faces(asset_id) is None
    assert not measure.available


async def test_a_face_far_from_the_others_goes_to_low_confidence(world):
    await deliver(world, "anna_0.jpg", "anna_5.jpg", "anna_10.jpg")
    near, far = await deliver(world, "anna_8.jpg", "anna_70.jpg")
    reason, found = decided(world, near)
    assert world.photo(near).state is State.FILED
    assert found.similarity > 0.98
    assert reason.numbers["confidence"] == found.similarity
    reason, found = decided(world, far)
    assert reason.code == "low_confidence"
    assert found.similarity < 0.6
    assert world.places(far) == ["review/low_confidence/lowconf_anna_70.jpg"]


async def test_the_first_of_a_person_is_unknown_and_says_why(world):
    [first] = await deliver(world, "anna_0.jpg")
    _, found = decided(world, first)
    assert (found.similarity, world.photo(first).state) == (None, State.FILED)
    assert "no other face of Anna" in found.why_unknown


async def test_the_margin_is_to_the_next_best_also_when_nobody_wants_that_one(tmp_path, eye):
    DIRECTIONS["dora"] = 45.0
    try:
        world = measured_world(os.fspath(tmp_path / "root"), eye, **{"thresholds.min_margin": 0.1})
        world.server._add_person("Dora")
        await deliver(world, *(f"anna_{n}.jpg" for n in (0, 5)), *(f"dora_{n}.jpg" for n in (0, 1)))
        for photo in world.ledger.read(lambda db: photos.in_state(db, State.REVIEW, 10)):
            await world.actions.approve(
                [photo.id], [PersonSelector("Dora")], "maria"
            )  # neither wanted nor unwanted
        await world.tell()
        [between] = await deliver(world, "anna_25.jpg")
        reason, found = decided(world, between)
        assert reason.code == "low_margin"
        assert (reason.names, found.runner_up.name) == (("Anna", "Dora"), "Dora")
        assert found.margin < 0.1
        close_world(world)
    finally:
        del DIRECTIONS["dora"]


async def test_no_photo_that_goes_to_review_anyway_is_measured_and_none_twice(world, eye):
    await deliver(
        world,
        "anna_0.jpg",
        "anna_1.jpg",
        "carl_0.jpg",
        "stranger_0.jpg",
        "anna+bella_0.jpg",
        "none_1.jpg",
        "anna_2.jpg",
    )
    await deliver(world, "anna_3.jpg", "bella_0.jpg")
    assert sorted(eye.pictures) == ["anna_0.jpg", "anna_1.jpg", "anna_2.jpg", "anna_3.jpg", "bella_0.jpg"]


@pytest.mark.parametrize("choice", ["accept", "review"])
async def test_a_service_that_is_down_leaves_it_unknown_until_it_is_back(tmp_path, eye, choice):
    world = measured_world(os.fspath(tmp_path / "root"), eye, when_confidence_unknown=choice)
    world.sidecar.measure._service._clock = lambda: now[0]
    now, eye.down = [0.0], True
    [photo_id] = await deliver(world, "anna_0.jpg")
    _, found = decided(world, photo_id)
    assert not found.known
    assert "cannot be reached" in found.why_unknown
    assert world.photo(photo_id).state is (State.FILED if choice == "accept" else State.REVIEW)
    if choice == "review":
        # Faces confirmed by a human are there by now, and so is the service.
        eye.down, now[0] = False, 1000.0
        [other] = await deliver(world, "anna_1.jpg")
        await world.actions.approve([other], [PersonSelector("Anna")], "maria")
        await world.tell()
        for _ in range(3):
            await world.stage("recheck")
        assert world.photo(photo_id).state is State.FILED
        assert decided(world, photo_id)[1].known
    close_world(world)


async def test_another_model_is_never_compared_with(world, eye):
    await deliver(world, "anna_0.jpg", "anna_1.jpg")
    eye.length = 2
    [photo_id] = await deliver(world, "anna_2.jpg")
    _, found = decided(world, photo_id)
    assert (found.similarity, found.why_unknown) == (None, "the machine learning service uses another model")


async def test_a_changed_model_name_starts_anew(tmp_path, eye):
    root = os.fspath(tmp_path / "root")
    world = measured_world(root, eye)
    await deliver(world, "anna_0.jpg", "anna_1.jpg")
    galleries = world.sidecar.measure.galleries
    await galleries.use("antelopev2")
    assert not world.ledger.read(lambda db: embeddings.gallery_faces(db, "buffalo_l"))
    assert not galleries.likenesses(await world.server.people())
    close_world(world)


async def test_human_decisions_come_first_in_a_gallery_and_waiting_photos_not_at_all(world):
    ids = await deliver(world, *(f"anna_{n}.jpg" for n in range(6)), "anna+bella_9.jpg")
    await world.actions.refile([ids[0]], [PersonSelector("Bella")], "maria")
    await world.actions.refile([ids[0]], [PersonSelector("Anna")], "maria")
    await world.tell()
    galleries = world.sidecar.measure.galleries
    await galleries.use("buffalo_l")
    anna = world.server.person("Anna")
    assert not galleries.fresh(anna)  # a human has said something about her
    await galleries.refresh(anna)
    rows = world.ledger.read(lambda db: embeddings.gallery_faces(db, "buffalo_l", anna.id))[anna.id]
    assert rows[0].asset_id == world.photo(ids[0]).asset_id
    assert [row.said_by for row in rows] == [embeddings.BY_HUMAN] + [embeddings.BY_SMARTSORT] * 4
    assert world.photo(ids[6]).asset_id not in {row.asset_id for row in rows}


async def test_a_wrong_filing_lowers_what_its_likes_can_reach(world):
    await deliver(world, "anna_0.jpg", "anna_2.jpg", "anna_4.jpg")
    [sister] = await deliver(world, "anna_50.jpg")
    before = decided(world, sister)[1].similarity
    assert world.photo(sister).state is State.FILED
    await world.actions.refile([sister], [PersonSelector("Bella")], "maria")
    await world.tell()
    [like] = await deliver(world, "anna_49.jpg")
    [far] = await deliver(world, "anna_3.jpg")
    reason, found = decided(world, like)
    assert reason.code == "low_confidence"
    assert found.similarity < before - 0.2
    assert decided(world, far)[1].similarity > 0.95


async def test_measured_suggestions_for_a_stranger_when_a_human_looks(world, eye):
    ids = await deliver(world, "anna_0.jpg", "bella_0.jpg", "stranger_0.jpg")
    DIRECTIONS["stranger"] = 50.0
    try:
        photo = world.photo(ids[2])
        faces = await world.server.faces(photo.asset_id)
        found = await world.sidecar.measure.suggestions(photo.asset_id, faces[0], faces)
    finally:
        del DIRECTIONS["stranger"]
    assert [s.person.name for s in found] == ["Bella", "Anna"]
    assert found[0].similarity == pytest.approx(math.cos(math.radians(10)), abs=1e-5)
    assert eye.pictures.count("stranger_0.jpg") == 1


async def test_galleries_survive_a_restart_without_another_call(world, eye):
    await deliver(world, "anna_0.jpg", "anna_1.jpg", "anna_2.jpg")
    count = len(eye.pictures)
    again = Measure(world.context, world.sidecar.people, service(eye))
    await again.galleries.use("buffalo_l")
    assert len(again.galleries.likeness(world.server.person("Anna")).faces) == 3
    assert len(eye.pictures) == count


async def test_old_vectors_nobody_needs_are_dropped_and_the_others_kept(world):
    ids = await deliver(world, *(f"anna_{n}.jpg" for n in range(8)))
    await world.actions.refile([ids[7]], [PersonSelector("Bella")], "maria")
    await world.settle()
    await world.sidecar.measure.galleries.use("buffalo_l")  # learns that this face is not Anna's

    def faces(db):
        rows = db.conn.execute("SELECT asset_id FROM embeddings").fetchall()
        return {asset_id for (asset_id,) in rows}

    before = world.ledger.read(faces)
    world.ledger.write(lambda db: embeddings.prune(db, keep=0))
    left = world.ledger.read(faces)
    members = world.ledger.read(lambda db: embeddings.gallery_faces(db, "buffalo_l"))
    assert left < before
    assert {f.asset_id for found in members.values() for f in found} <= left
    assert world.photo(ids[7]).asset_id in left


async def test_a_reason_names_the_years_that_a_face_was_compared_with(world):
    """Faces of ours have the date of the file, others the one that Immich has; it costs no call more."""
    ids = await deliver(world, *(f"anna_{n}.jpg" for n in range(5)))
    galleries, anna = world.sidecar.measure.galleries, world.server.person("Anna")
    later = "2021-03-04T00:00:00+00:00"
    dates = [(f"{2015 + number}-01-01T00:00:00+00:00", photo_id) for number, photo_id in enumerate(ids)]

    def write(db):
        db.conn.executemany("UPDATE photos SET taken_at = ? WHERE id = ?", dates)
        embeddings.mark_stale(db, [anna.id])

    world.ledger.write(write)
    await galleries._load()
    await galleries.refresh(anna)
    found = galleries.likeness(anna, taken=later).compared
    assert found == Compared(5, 2015, 2019)
    assert galleries.likeness(anna).compared is None  # the photo has no date
    asset_id = world.photo(ids[0]).asset_id
    assert galleries.likeness(anna, asset_id, later).compared == Compared(4, 2016, 2019)


async def test_another_model_is_noticed_without_a_photo_and_the_galleries_are_measured_anew(
    world, eye, caplog
):
    await deliver(world, *(f"anna_{n}.jpg" for n in range(3)), "bella_0.jpg")
    measure, anna = world.sidecar.measure, world.server.person("Anna")
    before = len(eye.pictures)
    assert await measure.step() > 60  # nothing to do
    assert len(eye.pictures) == before
    measure._faces._given, measure._faces._model = "antelopev2", None  # as an hour later
    pauses = [await measure.step() for _ in range(4)]  # Carl has an empty one
    assert [pause > 60 for pause in pauses] == [False, False, False, True]
    assert "the model antelopev2 now. 4 faces measured with another" in caplog.text
    assert "the galleries of 3 people" in caplog.text
    assert sorted(eye.pictures[before:]) == ["anna_0.jpg", "anna_1.jpg", "anna_2.jpg", "bella_0.jpg"]
    assert len(measure.galleries.likeness(anna).faces) == 3


async def test_a_photo_on_its_way_goes_before_the_galleries(world, eye):
    await deliver(world, "anna_0.jpg", "anna_1.jpg")
    measure = world.sidecar.measure
    await measure.galleries.use("antelopev2")
    await world.deliver("anna_2.jpg")
    before = len(eye.pictures)
    assert await measure.step() < 60
    assert len(eye.pictures) == before
    eye.down = True
    await world.settle()
    assert await measure.step() < 60  # a service that is down is no health issue


async def test_two_people_whose_photos_were_moved_twice_are_told_apart_with_more_care(world):
    await deliver(world, *(f"anna_{n}.jpg" for n in range(3)), "bella_0.jpg")
    moved = await deliver(world, "anna_20.jpg", "anna_21.jpg")
    galleries = world.sidecar.measure.galleries
    anna, bella = world.server.person("Anna"), world.server.person("Bella")
    for count, photo_id in enumerate(moved, 1):
        await world.actions.refile([photo_id], [PersonSelector("Bella")], "maria")
        await world.tell()
        await galleries.use("buffalo_l")
        both = galleries.mistaken(anna), galleries.mistaken(bella)
        assert both == ((frozenset(), frozenset()) if count < 2 else ({bella.id}, {anna.id}))
