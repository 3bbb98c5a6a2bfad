"""The machine learning service as it is and as it fails, and the galleries made with it."""

from __future__ import annotations

import asyncio
import json
import math
import os

import httpx
import pytest
from tests.fake_immich import FakeAsset, FakeFace, FakeServer, by_name
from tests.fakes import World, close_world

from smartsort.actions import PersonSelector
from smartsort.confidence import FaceService, FaceServiceUnavailable, Measure
from smartsort.confidence.review_faces import CALLS_PER_HOUR
from smartsort.core.model import Box, Compared, State
from smartsort.core.suggestion import assigned, likeliest, suggestions
from smartsort.core.wording import sentence
from smartsort.ledger import embeddings, photos, review_faces
from smartsort.ledger.embeddings import Embedding
from smartsort.ports import FaceModel, ThumbnailSize

MODEL = FaceModel("buffalo_l", 0.7)


def service(handler, timeout=60.0, clock=None):
    more = {} if clock is None else {"clock": clock}
    return FaceService("http://ml.test:3003", timeout, transport=httpx.MockTransport(handler), **more)


def answer(*faces, width=1440, height=1440):
    """What the service says: (box, vector) of each face."""
    return {
        "facial-recognition": [
            {
                "boundingBox": dict(zip(("x1", "y1", "x2", "y2"), map(float, box), strict=True)),
                "embedding": json.dumps(list(vector)),
                "score": 0.9,
            }
            for box, vector in faces
        ],
        "imageWidth": width,
        "imageHeight": height,
    }


async def test_speaks_the_protocol():
    seen = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append((request.method, request.url.path, request.read()))
        return httpx.Response(200, json=answer(((1, 2, 30, 40), (3.0, 4.0))))

    asked = service(handler)
    found = await asked.faces(b"the picture", MODEL)
    [(method, path, body)] = seen
    assert (method, path) == ("POST", "/predict")
    assert b'name="image"' in body
    assert b"the picture" in body
    assert b'"detection": {"modelName": "buffalo_l", "options": {"minScore": 0.7}}' in body
    assert (found.width, found.height) == (1440, 1440)
    assert found.faces[0].vector == pytest.approx((0.6, 0.8))  # of length 1, whatever the service sends
    await asked.aclose()


JUNK = {
    "an HTML page": lambda _: httpx.Response(200, text="<html>log in</html>"),
    "a status": lambda _: httpx.Response(500, json={"detail": "out of memory"}),
    "a redirect": lambda _: httpx.Response(302, headers={"location": "http://elsewhere.test"}),
    "a list": lambda _: httpx.Response(200, json=[1, 2]),
    "no faces in it": lambda _: httpx.Response(200, json={"imageWidth": 1, "imageHeight": 1}),
    "no direction": lambda _: httpx.Response(200, json=answer(((0, 0, 1, 1), (0.0, 0.0)))),
    "no numbers": lambda _: httpx.Response(
        200, json=answer(((0, 0, 1, 1), (1.0,))) | {"facial-recognition": [{"embedding": "[1,"}]}
    ),
    "no size": lambda _: httpx.Response(200, json={"facial-recognition": []}),
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
async def test_anything_else_is_unavailable_and_never_a_face(junk):
    with pytest.raises(FaceServiceUnavailable, match=r"ml\.test"):
        await service(junk).faces(b"", MODEL)


async def test_a_slow_answer_is_broken_off_and_the_service_left_alone_for_a_while():
    now, calls = [0.0], []

    async def handler(_: httpx.Request) -> httpx.Response:
        calls.append(1)
        await asyncio.sleep(30)
        return httpx.Response(200, json=answer())

    asked = service(handler, timeout=0.05, clock=lambda: now[0])
    for _ in range(5):
        with pytest.raises(FaceServiceUnavailable, match=r"did not answer in 0\.05 s"):
            await asked.faces(b"", MODEL)
    assert (len(calls), asked.available) == (1, False)
    now[0] = 11.0
    assert asked.available
    with pytest.raises(FaceServiceUnavailable):
        await asked.faces(b"", MODEL)
    now[0] = 22.0
    assert not asked.available  # twice as long the second time
    assert len(calls) == 2


# --- with a pipeline -------------------------------------------------------------------------


def at(angle: float) -> tuple[float, float, float]:
    return (math.cos(math.radians(angle)), math.sin(math.radians(angle)), 0.0)


class Gallery(FakeServer):
    """Its previews are file names, and the angle is in the name: `anna_5.jpg` is 5 degrees off."""

    async def thumbnail(self, asset_id, size):
        self._call("thumbnail")
        assert size is ThumbnailSize.PREVIEW
        asset = self._asset(asset_id)
        return (os.path.basename(asset.path).encode(), "image/jpeg") if asset.has_preview else None


DIRECTIONS = {"anna": 0.0, "bella": 60.0, "carl": 120.0}


class Eye:
    """A service that sees the faces of `Gallery`'s previews."""

    def __init__(self) -> None:
        self.pictures: list[str] = []
        self.down = self.blind = False
        self.length = 3

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("refused")
        body = request.read()
        start = body.index(b"image/jpeg\r\n\r\n") + len(b"image/jpeg\r\n\r\n")
        name = body[start : body.index(b"\r\n", start)].decode()
        self.pictures.append(name)
        stem, _, rest = os.path.splitext(name)[0].partition("_")
        off = float(rest.partition("x")[0] or 0)
        faces = []
        for number, person in enumerate(stem.split("+")):
            size = 400 - 50 * number
            vector = at(DIRECTIONS.get(person, 240.0) + off)[: self.length]
            faces.append(((100 * number, 0, 100 * number + size, size), vector))
        return httpx.Response(200, json=answer(*([] if self.blind else faces)))


def measured_world(root, eye, **settings) -> World:
    server = Gallery(os.path.join(root, "library"), ["Anna", "Bella", "Carl"], by_name)
    world = World(
        root, server=server, settings={"whitelist": ["Anna", "Bella"], "blacklist": ["Carl"]} | settings
    )
    sidecar = world.sidecar
    measure = Measure(
        world.context, sidecar.people, service(eye, clock=world.clock.monotonic), patience_seconds=5
    )
    sidecar.recognise_stage._executor.evidence_builder.measure = measure
    sidecar.measure = measure
    return world


@pytest.fixture
def eye():
    return Eye()


@pytest.fixture
def world(tmp_path, eye):
    made = measured_world(os.fspath(tmp_path / "root"), eye)
    yield made
    close_world(made)


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


async def deliver(world, *names):
    ids = [await world.deliver(name) for name in names]
    await world.settle()
    return ids


def decided(world, photo_id):
    """(first reason, confidence of the first face)"""
    last = world.ledger.read(lambda db: photos.last_decision(db, photo_id))
    found = list(last[4].confidence.values())
    return last[3][0], found[0] if found else None


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


# --- photos in review ------------------------------------------------------------------------


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
    world.sidecar.measure = Measure(world.context, world.sidecar.people, service(eye), patience_seconds=5)
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
