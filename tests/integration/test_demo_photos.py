"""Photos in the demo Immich: the chain of queues, recognition, scans, files that come, change and go."""

import asyncio
import io
import itertools
import json
import os
import statistics

import httpx
import pytest
from PIL import Image
from tests.faulty_demo import DemoImmich, build_app
from tests.shots import write_regions

from smartsort.demo.embeddings import TWINS, distance, identity_of_name, of_face, of_identity
from smartsort.demo.regions import Region
from smartsort.demo.samples import PEOPLE, make_samples
from smartsort.demo.settings import DemoKey, DemoSettings
from smartsort.demo.state import path_checksum

MOUNT = "/mnt/photos"
CHAIN = (
    "library",
    "sidecar",
    "metadataExtraction",
    "storageTemplateMigration",
    "thumbnailGeneration",
    "faceDetection",
    "facialRecognition",
)


class Library:
    """A demo with one library on a real folder, and a client of it."""

    def __init__(self, demo, client, folder):
        self.demo = demo
        self.client = client
        self.folder = folder
        (self.library,) = demo.state.libraries.values()

    def photo(self, name, *people, size=(64, 48), orientation=1):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.new("RGB", size, (len(name) * 7 % 256, 90, 120)).save(path, "JPEG", exif=exif)
        write_regions(path, [Region(name, 0.1 + 0.2 * n, 0.2, 0.15, 0.4) for n, name in enumerate(people)])
        return path

    async def scan(self):
        answer = await self.client.post(f"/libraries/{self.library.id}/scan")
        assert answer.status_code == 204
        await self.demo.wait_idle()

    async def start(self, queue, **body):
        answer = await self.client.put(f"/jobs/{queue}", json={"command": "start", **body})
        assert answer.status_code == 200, answer.text
        await self.demo.wait_idle()

    def asset(self, name):
        return self.demo.state.asset_by_path(self.library.id, f"{MOUNT}/{name}")

    async def get(self, name):
        return (await self.client.get(f"/assets/{self.asset(name).id}")).json()

    async def names(self, name):
        faces = (await self.client.get("/faces", params={"id": self.asset(name).id})).json()
        return [face["person"] and face["person"]["name"] for face in faces]


async def until(condition):
    while not condition():  # noqa: ASYNC110  nobody tells when
        await asyncio.sleep(0.002)


@pytest.fixture
async def immich(tmp_path, request):
    options = getattr(request, "param", {})
    settings = DemoSettings(
        **{
            "profile": "instant",
            "mounts": {MOUNT: tmp_path},
            "import_paths": (MOUNT,),
            "people": ("John Doe",),
            **options,
        }
    )
    demo = DemoImmich(settings)
    transport = httpx.ASGITransport(build_app(demo))
    headers = {"x-api-key": demo.key}
    async with (
        demo.running(),
        httpx.AsyncClient(transport=transport, base_url="http://demo/api", headers=headers) as client,
    ):
        yield Library(demo, client, tmp_path)


async def test_a_known_person_is_recognised_at_once(immich):
    immich.photo("a.jpg", "john doe")
    immich.photo("nobody.jpg")
    await immich.scan()
    assert await immich.names("a.jpg") == ["John Doe"]
    assert await immich.names("nobody.jpg") == []
    assert set(immich.demo.finished) == {f"{MOUNT}/a.jpg", f"{MOUNT}/nobody.jpg"}


@pytest.mark.parametrize("immich", [{"profile": "demo", "duplicates": False}], indirect=True)
async def test_an_unfinished_photo_is_always_in_some_queue(immich):
    """Reading the queues from upstream to downstream, as a client does, never misses a photo."""
    for number in range(12):
        immich.photo(f"{number}.jpg", "John Doe")
    await immich.client.post(f"/libraries/{immich.library.id}/scan")
    engine, state = immich.demo.engine, immich.demo.state
    unseen_but_unfinished = set()
    while not (engine.is_idle and state.assets):
        seen, library_busy, known = set(), False, list(state.assets.values())
        for queue in CHAIN:
            for job in engine.listing(queue):
                face = state.faces.get(job["data"].get("id"))
                seen.add(face.asset_id if face is not None else job["data"].get("id"))
                library_busy |= queue == "library"
            await asyncio.sleep(0.001)
        for asset in known:
            if asset.id not in seen and not library_busy and asset.finished_at is None:
                unseen_but_unfinished.add(asset.path)
    assert unseen_but_unfinished == set()
    assert len(immich.demo.finished) == 12


async def test_the_jobs_of_a_photo_come_in_immichs_order(immich):
    done = []
    handlers = immich.demo.engine.handlers

    def noting(name, handler):
        def note(job):
            done.append((name, job.data))
            return handler(job)

        return note

    handlers["Ocr"] = lambda _job: None
    for name, handler in list(handlers.items()):
        handlers[name] = noting(name, handler)
    immich.photo("a.jpg", "John Doe")
    await immich.scan()
    asset, face = immich.asset("a.jpg"), immich.asset("a.jpg").face_ids[0]
    source = {"source": "upload", "id": asset.id}
    main = [
        ("SidecarCheck", source),
        ("AssetExtractMetadata", source),
        ("StorageTemplateMigrationSingle", source),
        ("AssetGenerateThumbnails", source),
        ("AssetDetectFaces", source),
        ("FacialRecognitionQueueAll", {"force": False}),
        ("FacialRecognition", {"id": face}),
    ]
    beside = [("SmartSearch", source), ("AssetDetectDuplicates", source)]
    assert [job for job in done if job in main] == main
    assert [job for job in done if job in beside] == beside
    assert ("Ocr", source) in done


async def test_faces_seen_before_their_person_existed_join_later(immich):
    for number in range(2):
        immich.photo(f"{number}.jpg", "Nadia")
        await immich.scan()
    assert await immich.names("0.jpg") == [None]
    immich.photo("2.jpg", "Nadia")
    await immich.scan()
    assert [await immich.names(f"{n}.jpg") for n in range(3)] == [[None], [None], [""]]
    assert (await immich.client.get("/people")).json()["people"][0]["name"] == "John Doe"
    (founded,) = [p for p in immich.demo.state.people.values() if p.anchor is None]
    listed = (await immich.client.get("/people")).json()
    assert founded.id not in [p["id"] for p in listed["people"]]
    assert listed["total"] == 2
    await immich.client.put(f"/people/{founded.id}", json={"name": "Nadia"})
    await immich.start("facialRecognition", force=False)
    assert [await immich.names(f"{n}.jpg") for n in range(3)] == [["Nadia"]] * 3


async def test_three_at_once_make_a_person_of_all(immich):
    for number in range(3):
        immich.photo(f"{number}.jpg", "Nadia")
    await immich.scan()
    assert [await immich.names(f"{n}.jpg") for n in range(3)] == [[""]] * 3


async def test_force_forgets_everybody(immich):
    immich.photo("a.jpg", "John Doe")
    await immich.scan()
    (john,) = immich.demo.state.people.values()
    await immich.start("facialRecognition", force=True)
    assert await immich.names("a.jpg") == [None]
    # The old person stays as a ghost: found by id, on no list.
    assert (await immich.client.get(f"/people/{john.id}")).status_code == 200
    assert (await immich.client.get("/people")).json()["people"] == []


async def test_nobody_is_assigned_while_detection_is_active(immich):
    engine = immich.demo.engine
    hold = asyncio.Event()

    async def wait(_job):
        await hold.wait()

    immich.photo("a.jpg", "John Doe")
    engine.handlers["Blocker"] = wait
    engine.add("faceDetection", "Blocker", {})
    await immich.client.post(f"/libraries/{immich.library.id}/scan")

    def listed():
        return [job["name"] for job in engine.listing("facialRecognition")]

    await until(lambda: len(listed()) == 2)
    await asyncio.sleep(0.02)  # what does not wait would go on
    assert listed() == ["FacialRecognitionQueueAll", "FacialRecognition"]
    assert immich.demo.finished == {}
    hold.set()
    await immich.demo.wait_idle()
    assert await immich.names("a.jpg") == ["John Doe"]


async def test_a_failed_detection_looks_like_no_faces_until_it_is_asked_for_again(immich):
    immich.photo("ok.jpg", "John Doe")
    await immich.scan()
    immich.demo.faults.ml_failing = True
    immich.photo("a.jpg", "John Doe")
    immich.photo("nobody.jpg")
    await immich.scan()
    assert await immich.names("a.jpg") == []
    assert [name for name, _, _ in immich.demo.engine.failures] == ["AssetDetectFaces"] * 2
    immich.demo.faults.ml_failing = False
    await immich.scan()
    assert await immich.names("a.jpg") == [], "nothing retries by itself"
    queued = []
    detect = immich.demo.engine.handlers["AssetDetectFaces"]
    immich.demo.engine.handlers["AssetDetectFaces"] = lambda job: (
        queued.append(job.data["id"]),
        detect(job),
    )[1]
    await immich.start("faceDetection", force=False)
    assert set(queued) == {immich.asset("a.jpg").id, immich.asset("nobody.jpg").id}
    assert await immich.names("a.jpg") == ["John Doe"]
    queued.clear()
    await immich.start("faceDetection", force=False)
    assert queued == []
    await immich.start("faceDetection")
    assert len(queued) == 3


async def test_a_missing_file_goes_offline_and_comes_back_as_itself(immich):
    path = immich.photo("sub/a.jpg", "John Doe")
    await immich.scan()
    before = await immich.get("sub/a.jpg")
    await immich.client.post("/albums", json={"albumName": "x", "assetIds": [before["id"]]})
    aside = immich.folder.parent / "aside.jpg"
    os.rename(path, aside)
    await immich.scan()
    offline = await immich.get("sub/a.jpg")
    assert (offline["isOffline"], offline["isTrashed"]) == (True, True)
    checked = await immich.client.post(
        "/assets/bulk-upload-check",
        json={"assets": [{"id": "x", "checksum": path_checksum(f"{MOUNT}/sub/a.jpg").hex()}]},
    )
    assert checked.json()["results"] == [
        {"id": "x", "action": "reject", "reason": "duplicate", "assetId": before["id"], "isTrashed": True}
    ]
    assert (await immich.client.get("/albums")).json()[0]["assetCount"] == 0
    found = await immich.client.post("/search/metadata", json={"originalPath": "sub/a"})
    assert found.json()["assets"]["count"] == 0
    os.rename(aside, path)
    await immich.scan()
    back = await immich.get("sub/a.jpg")
    assert (back["id"], back["isOffline"], back["isTrashed"]) == (before["id"], False, False)
    assert back["people"][0]["name"] == "John Doe"
    assert (await immich.client.get("/albums")).json()[0]["assetCount"] == 1


async def test_a_photo_trashed_by_its_user_stays_trashed(immich):
    path = immich.photo("a.jpg", "John Doe")
    await immich.scan()
    asset_id = immich.asset("a.jpg").id
    assert (await immich.client.request("DELETE", "/assets", json={"ids": [asset_id]})).status_code == 204
    await immich.scan()
    shown = await immich.get("a.jpg")
    assert (shown["isTrashed"], shown["isOffline"]) == (True, False)
    deleted = await immich.client.request("DELETE", "/assets", json={"ids": [asset_id], "force": True})
    assert deleted.status_code == 204
    await immich.demo.wait_idle()
    assert immich.asset("a.jpg") is None
    assert path.exists(), "the library is mounted read-only"
    await immich.scan()
    assert immich.asset("a.jpg").id != asset_id


@pytest.mark.parametrize("immich", [{"library_read_only": False}], indirect=True)
async def test_a_writable_library_loses_the_file(immich):
    path = immich.photo("a.jpg")
    await immich.scan()
    await immich.client.request("DELETE", "/assets", json={"ids": [immich.asset("a.jpg").id], "force": True})
    await immich.demo.wait_idle()
    assert not path.exists()


async def test_a_broken_file_stays_without_thumbnail_until_it_changes(immich):
    path = immich.folder / "a.jpg"
    path.write_bytes(b"")
    (immich.folder / "notes.txt").write_text("not imported")
    await immich.scan()
    assert (await immich.get("a.jpg"))["thumbhash"] is None
    assert (await immich.client.get(f"/assets/{immich.asset('a.jpg').id}/thumbnail")).status_code == 404
    assert len(immich.demo.state.assets) == 1
    immich.photo("a.jpg", "John Doe")
    os.utime(path, (1_000_000, 1_000_000))
    await immich.scan()
    assert await immich.names("a.jpg") == ["John Doe"]


async def test_a_changed_file_keeps_the_face_at_the_same_place(immich):
    path = immich.photo("a.jpg", "John Doe")
    await immich.scan()
    (face_id,) = immich.asset("a.jpg").face_ids
    immich.photo("a.jpg", "Somebody Else", "John Doe")
    os.utime(path, (2_000_000, 2_000_000))
    await immich.scan()
    assert immich.asset("a.jpg").face_ids[0] == face_id
    assert await immich.names("a.jpg") == ["John Doe", "John Doe"]
    immich.photo("a.jpg")
    os.utime(path, (3_000_000, 3_000_000))
    await immich.scan()
    assert await immich.names("a.jpg") == []


async def test_each_name_of_a_file_is_an_asset(immich):
    path = immich.photo("a.jpg", "John Doe")
    os.link(path, immich.folder / "b.jpg")
    immich.photo("@eaDir/c.jpg")
    immich.photo(".hidden/d.jpg")
    await immich.scan()
    assert {a.path for a in immich.demo.state.assets.values()} == {f"{MOUNT}/a.jpg", f"{MOUNT}/b.jpg"}


async def test_boxes_are_pixels_of_the_upright_preview(immich):
    immich.photo("a.jpg", "John Doe", size=(4000, 2000), orientation=6)
    await immich.scan()
    (face,) = (await immich.client.get("/faces", params={"id": immich.asset("a.jpg").id})).json()
    assert (face["imageWidth"], face["imageHeight"]) == (1440, 2880)
    corners = [face[f"boundingBox{corner}"] for corner in ("X1", "Y1", "X2", "Y2")]
    assert corners == [576, 288, 1152, 720]
    preview = await immich.client.get(
        f"/assets/{immich.asset('a.jpg').id}/thumbnail", params={"size": "preview"}
    )
    with Image.open(io.BytesIO(preview.content)) as image:
        assert (image.size, image.format, image.getexif()) == ((1440, 2880), "JPEG", {})
    shown = await immich.get("a.jpg")
    assert (shown["width"], shown["height"], shown["exifInfo"]["orientation"]) == (2000, 4000, "6")


@pytest.mark.parametrize("immich", [{"duplicates": True}], indirect=True)
async def test_copies_share_a_duplicate_id(immich):
    samples = make_samples(immich.folder, 23, size=(320, 240))
    await immich.scan()
    groups = (await immich.client.get("/duplicates")).json()
    paths = {frozenset(a["originalPath"].removeprefix(MOUNT + "/") for a in g["assets"]) for g in groups}
    assert paths == {frozenset((s.path, s.copy_of)) for s in samples if s.copy_of}
    assert len(paths) == 2


@pytest.mark.parametrize("immich", [{"people_from_regions": True, "people": ()}], indirect=True)
async def test_people_come_from_regions_when_asked_for(immich):
    immich.photo("a.jpg", "Zoë", "stranger 1", "")
    immich.photo("b.jpg", "ZOË")
    await immich.scan()
    faces = (await immich.client.get("/faces", params={"id": immich.asset("a.jpg").id})).json()
    assert [(f["sourceType"], f["person"] and f["person"]["name"]) for f in faces] == [
        ("exif", "Zoë"),
        ("machine-learning", None),
        ("machine-learning", None),
    ]
    assert len(immich.demo.state.people) == 1


@pytest.mark.parametrize("immich", [{"watch_libraries": True}], indirect=True)
async def test_the_watcher_takes_the_row_with_the_file(immich):
    path = immich.photo("a.jpg", "John Doe")
    await until(lambda: immich.asset("a.jpg"))
    await immich.demo.wait_idle()
    path.unlink()
    await until(lambda: immich.asset("a.jpg") is None)
    assert immich.demo.state.faces == {}


async def predicted(immich, name):
    """What the machine learning service sees on a photo's preview."""
    asset = immich.asset(name)
    preview = await immich.client.get(f"/assets/{asset.id}/thumbnail", params={"size": "preview"})
    entries = '{"facial-recognition": {"detection": {"modelName": "m"}, "recognition": {"modelName": "m"}}}'
    answer = await immich.client.post(
        "http://demo/predict", data={"entries": entries}, files={"image": ("p.jpg", preview.content)}
    )
    return answer.json()["facial-recognition"]


@pytest.mark.parametrize("immich", [{"machine_learning": True}], indirect=True)
async def test_machine_learning_sees_the_faces_that_immich_has_missed(immich):
    immich.demo.faults.ml_faces_refused = True
    immich.photo("a.jpg", "John Doe")
    await immich.scan()
    assert immich.asset("a.jpg").face_ids == []
    immich.demo.faults.ml_faces_refused = False
    assert len(await predicted(immich, "a.jpg")) == 1


async def test_a_picture_that_was_turned_with_its_regions_shows_no_face(immich):
    """A program may turn the pixels and copy the metadata: the regions then lie elsewhere."""
    upright, turned = (immich.photo(name, "John Doe") for name in ("upright.jpg", "turned.jpg"))
    with Image.open(turned) as picture:
        xmp = picture.info["xmp"]
        picture.transpose(Image.Transpose.ROTATE_90).save(turned, "JPEG", xmp=xmp)
    await immich.scan()
    assert upright.exists()
    assert await immich.names("upright.jpg") == ["John Doe"]
    assert await immich.names("turned.jpg") == []


@pytest.mark.parametrize("immich", [{"machine_learning": True}], indirect=True)
async def test_machine_learning_sees_in_a_preview_what_immich_saw(immich):
    immich.photo("a.jpg", "John Doe")
    immich.photo("b.jpg", "John Doe")
    immich.photo("c.jpg", "Nadia")
    await immich.scan()
    vectors = {}
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        asset = immich.asset(name)
        (face,) = await predicted(immich, name)
        assert tuple(face["boundingBox"].values()) == immich.demo.state.faces[asset.face_ids[0]].box
        vectors[name] = json.loads(face["embedding"])
    close = sum(a * b for a, b in zip(vectors["a.jpg"], vectors["b.jpg"], strict=True))
    far = sum(a * b for a, b in zip(vectors["a.jpg"], vectors["c.jpg"], strict=True))
    assert len(vectors["a.jpg"]) == 512
    assert close > 0.6
    assert far < 0.3
    assert (await immich.client.get("http://demo/ping")).text == "pong"


@pytest.mark.parametrize("immich", [{"machine_learning": True, "people": PEOPLE}], indirect=True)
async def test_recognition_goes_by_what_machine_learning_would_measure(immich):
    """Whoever has a person is near one of their faces and nearer to none of somebody else; others are far."""
    make_samples(immich.folder, 60, size=(320, 240))
    await immich.scan()
    # Faces that were looked at before their person existed get it the next time.
    await immich.start("facialRecognition", force=False)
    state, recognition = immich.demo.state, immich.demo.recognition
    known = [face for face in state.faces.values() if face.person_id is not None]
    assert len(known) > 3 * len(PEOPLE)
    for face in state.faces.values():
        others = [(distance(*map(recognition.embedding, (face, o))), o) for o in known if o is not face]
        near = [(far, other.person_id) for far, other in others if far <= 0.5]
        assert near if face.person_id is not None else not near, face
        if near:
            assert min(near)[1] == face.person_id, face


def test_embeddings_are_spread_like_those_of_real_faces():
    twins = [of_identity(identity_of_name(name)) for name in TWINS]
    assert distance(*twins) == pytest.approx(0.035)
    people = [of_identity(f"name:{number}") for number in range(60)]
    apart = [1 - distance(a, b) for a, b in itertools.combinations(people, 2)]
    assert statistics.mean(apart) == pytest.approx(0, abs=0.01)
    assert statistics.stdev(apart) == pytest.approx(0.09, abs=0.01)
    faces = [of_face("name:1", str(pose), 0.4) for pose in range(60)]
    alike = [1 - distance(a, b) for a, b in itertools.combinations(faces, 2)]
    assert 0.5 < min(alike) < 0.65 < statistics.mean(alike) < 0.8 < max(alike) < 0.95
    assert distance(of_face("name:1", "x", 0.1), people[1]) > distance(of_face("name:1", "x", 0.3), people[1])


@pytest.mark.parametrize(
    "immich", [{"library_owner": "owner", "keys": (DemoKey(owner="owner"), DemoKey("a"))}], indirect=True
)
async def test_a_library_of_somebody_without_admin_rights(immich):
    immich.photo("a.jpg", "John Doe")
    headers = {"x-api-key": "a"}
    refused = await immich.client.post(f"/libraries/{immich.library.id}/scan")
    assert (refused.status_code, refused.json()) == (403, {"message": "Forbidden"})
    await immich.client.post(f"/libraries/{immich.library.id}/scan", headers=headers)
    await immich.demo.wait_idle()
    assert await immich.names("a.jpg") == ["John Doe"]
    foreign = await immich.client.get(f"/assets/{immich.asset('a.jpg').id}", headers=headers)
    assert (foreign.status_code, foreign.json()["message"]) == (400, "Not found or no asset.read access")
