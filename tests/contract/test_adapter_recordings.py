"""The adapter against what real servers answered: one suite, held against every recorded version."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
from tests.recordings import (
    MAIN_KEY,
    OTHER_KEY,
    SHARED,
    VERSIONS,
    Replay,
    ScanReplay,
    assets_by_path,
    recorded,
    recorded_id,
)

from smartsort.core.completion import CHAIN, pending
from smartsort.core.model import Box
from smartsort.errors import ImmichRefused, ImmichRejected
from smartsort.immich import ImmichServer
from smartsort.ports import Library, ThumbnailSize, UploadCopy

pytestmark = [*SHARED, pytest.mark.parametrize("version", VERSIONS)]

UNKNOWN = "00000000-0000-4000-8000-000000000000"


async def _no_wait(_seconds: float) -> None:
    return None


def connect(replay: Callable[[httpx.Request], httpx.Response], key: str = MAIN_KEY) -> ImmichServer:
    return ImmichServer(
        "http://immich:2283",
        key,
        transport=httpx.MockTransport(replay),
        sleep=_no_wait,
        jitter=lambda: 0.5,
    )


def answers(version: str, method: str, path: str, step: str | None = None) -> list[object]:
    return [
        each.response
        for each in recorded(version)
        if (each.method, each.path) == (method, path) and step in (None, each.step) and each.status < 300
    ]


def library_id(version: str) -> str:
    return answers(version, "GET", "/libraries")[-1][0]["id"]


async def test_tells_version_owner_and_permissions(version: str) -> None:
    info = await connect(Replay(version, "01")).info()
    assert info.version == version
    assert info.user_is_admin
    assert info.user_id == answers(version, "GET", "/users/me")[0]["id"]
    assert info.permissions == {"all"}


async def test_pings(version: str) -> None:
    assert await connect(Replay(version, "01")).ping()


async def test_reads_the_public_switches(version: str) -> None:
    features = await connect(Replay(version, "01")).features()
    assert features.facial_recognition
    assert not features.imports_faces


async def test_says_that_the_key_is_invalid(version: str) -> None:
    with pytest.raises(ImmichRefused, match="Invalid API key") as refused:
        await connect(Replay(version, "01"), OTHER_KEY).info()
    assert refused.value.permission == ""


@pytest.mark.parametrize(
    ("call", "permission"),
    [
        (ImmichServer.queue_counts, "queue.read"),
        (ImmichServer.libraries, "library.read"),
    ],
)
async def test_names_the_missing_permission(
    version: str, call: Callable[[ImmichServer], object], permission: str
) -> None:
    with pytest.raises(ImmichRefused, match=permission) as refused:
        await call(connect(Replay(version, "01"), OTHER_KEY))
    assert refused.value.permission == permission
    assert refused.value.retryable is False


async def test_makes_and_lists_libraries(version: str) -> None:
    server = connect(Replay(version, "01", "02"))
    assert await server.libraries() == []
    made = await server.create_library("smartsort", "/mnt/smartsort")
    assert made == Library(library_id(version), "smartsort", ("/mnt/smartsort",))
    assert await server.libraries() == [made]


async def test_says_why_an_import_path_cannot_be_read(version: str) -> None:
    """Immich refuses an update in the words of its verdicts, and these were recorded."""
    verdicts = {
        verdict["importPath"]: verdict.get("message")
        for each in recorded(version)
        if each.path.endswith("/validate") and each.status == 200
        for verdict in each.response["importPaths"]
    }
    relative = next(path for path in verdicts if not path.startswith("/"))
    library = {**answers(version, "GET", "/libraries")[-1][0], "importPaths": ["/mnt/smartsort"]}
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json=library)
        paths = json.loads(request.content)["importPaths"]
        asked.append(paths)
        guard = (verdicts[relative] or "").replace(relative, paths[1])
        said = verdicts[paths[0]] or guard
        return httpx.Response(400, json={"message": f"Invalid import path: {said}"})

    server = connect(answer)
    assert await server.validate_import_path(library["id"], "/mnt/smartsort") is None
    assert "ENOENT" in (await server.validate_import_path(library["id"], "/nonexistent") or "")
    for paths in asked:
        assert not paths[1].startswith("/"), "without it Immich would take the path over"
        assert "/mnt/smartsort" in paths, "the library's own stay whatever happens"
        assert len(set(paths)) == len(paths), "Immich refuses the same twice"


async def test_watches_a_scan_to_its_end(version: str) -> None:
    """The whole scan: no photo that was once finished is ever seen busy again, and at the end all are."""
    replay = ScanReplay(version, "03")
    server = connect(replay)
    await server.scan(library_id(version))
    assets = {asset["id"] for path, asset in assets_by_path(version).items() if "near_dup" not in path}
    await server.queue_counts()
    look = await server.queue_snapshot()
    assert look.listings[0].collective, "the library is still being walked"
    assert look.detected(assets) == frozenset()
    looks, seen, detected = 1, set(), set()
    while not replay.ended:
        counts = await server.queue_counts()
        look = await server.queue_snapshot()
        looks += 1
        busy = frozenset().union(*(part.ids for part in look.listings[:-1])) & assets
        seen |= busy
        assert not detected & busy
        detected |= look.detected(seen)
    assert len(seen) > 10
    assert look.detected(assets) == assets
    assert not look.listings[-1].ids
    assert pending(counts) == 0
    assert server.calls["list_jobs"] == len(CHAIN) * looks + 1, "one listing failed and was repeated"


async def test_reads_the_queues_in_chain_order(version: str) -> None:
    replay = Replay(version, "08")
    server = connect(replay)
    await server.queue_counts()
    await server.queue_snapshot()
    assert replay.asked == [("GET", "/queues"), *(("GET", f"/queues/{name}/jobs") for name in CHAIN)]


async def test_resolves_paths(version: str) -> None:
    server = connect(Replay(version, "04"))
    names = ("p1/0.jpg", "p2/3.jpg", "junk.jpg")
    paths = [f"/mnt/smartsort/{name}" for name in names]
    found = await server.resolve([*paths, "/mnt/smartsort/nothing.jpg"])
    assert {path: ref.id for path, ref in found.items()} == {
        f"/mnt/smartsort/{name}": recorded_id(version, name) for name in names
    }
    assert all(ref.path == path for path, ref in found.items())
    assert server.calls == {"check_uploads": 1}


async def test_resolves_offline_and_trashed_photos(version: str) -> None:
    server = connect(Replay(version, "11"))
    found = await server.resolve(["/mnt/smartsort/p3/2.jpg", "/mnt/smartsort/p3/1.jpg"])
    assert [ref.trashed for ref in found.values()] == [True, True]


async def test_tells_offline_from_trashed(version: str) -> None:
    server = connect(Replay(version, "11"))
    offline = await server.asset(recorded_id(version, "p3/2.jpg"))
    trashed = await server.asset(recorded_id(version, "p3/1.jpg"))
    assert offline is not None
    assert trashed is not None
    assert (offline.offline, offline.trashed) == (True, True)
    assert (trashed.offline, trashed.trashed) == (False, True)


async def test_finds_uploads_by_content(version: str) -> None:
    (known, _, unknown) = (
        each["checksum"] for each in recorded_body(version, "10", "/assets/bulk-upload-check")["assets"]
    )
    found = await connect(Replay(version, "10")).uploads_with_content([known, unknown])
    upload = answers(version, "POST", "/assets", "10")[0]["id"]
    assert found == {known: UploadCopy(upload, trashed=False)}


def recorded_body(version: str, step: str, path: str) -> dict[str, list[dict[str, str]]]:
    return next(each.body for each in recorded(version) if (each.step, each.path) == (step, path))


async def test_reads_a_photo(version: str) -> None:
    server = connect(Replay(version, "04"))
    good = await server.asset(recorded_id(version, "p1/0.jpg"))
    junk = await server.asset(recorded_id(version, "junk.jpg"))
    assert good is not None
    assert junk is not None
    assert good.path == "/mnt/smartsort/p1/0.jpg"
    assert (good.visibility, good.has_thumbnail, good.duplicate_id) == ("timeline", True, None)
    assert not junk.has_thumbnail


async def test_does_not_know_an_unknown_photo(version: str) -> None:
    server = connect(Replay(version, "04"))
    assert await server.asset(UNKNOWN) is None
    with pytest.raises(ImmichRejected, match="Not found") as rejected:
        await server.faces(UNKNOWN)
    assert rejected.value.status == 400


async def test_says_what_is_wrong_with_a_malformed_id(version: str) -> None:
    with pytest.raises(ImmichRejected, match=r"(?i)uuid"):
        await connect(Replay(version, "04")).asset("not-a-uuid")


async def test_reads_faces(version: str) -> None:
    server = connect(Replay(version, "04"))
    (face,) = await server.faces(recorded_id(version, "p1/0.jpg"))
    assert face.box == Box(1042, 721, 1332, 1013)
    assert (face.image_width, face.image_height, face.source) == (1920, 1440, "machine-learning")
    assert face.person is not None
    assert face.person.name == ""
    two = await server.faces(recorded_id(version, "two_faces.jpg"))
    assert len({each.person.id for each in two if each.person}) == 2
    (stranger,) = await server.faces(recorded_id(version, "stranger.jpg"))
    assert stranger.person is None
    assert await server.faces(recorded_id(version, "no_face.jpg")) == []


async def test_lists_photos_with_their_people_and_previews(version: str) -> None:
    server = connect(Replay(version, "04"))
    found = await server.listed(library_id(version), datetime(2026, 1, 1, tzinfo=UTC))
    [person] = found[recorded_id(version, "p1/0.jpg")].people
    assert person
    assert not found[recorded_id(version, "stranger.jpg")].people
    assert sum(bool(one.people) for one in found.values()) == 13
    assert found[recorded_id(version, "p1/0.jpg")].has_preview
    assert not found[recorded_id(version, "junk.jpg")].has_preview


async def test_fetches_thumbnails(version: str) -> None:
    server = connect(Replay(version, "04"))
    found = await server.thumbnail(recorded_id(version, "p1/0.jpg"), ThumbnailSize.THUMBNAIL)
    assert found is not None
    assert (len(found[0]), found[1]) == (6338, "image/webp")
    assert await server.thumbnail(recorded_id(version, "junk.jpg"), ThumbnailSize.THUMBNAIL) is None


async def test_lists_people(version: str) -> None:
    server = connect(Replay(version, "05"))
    unnamed = await server.people()
    assert [person.name for person in unnamed] == ["", "", ""]
    named = await server.people()
    assert [person.name for person in named] == ["John Doe", "Sarah Smith", ""]
    assert {person.id for person in named} == {person.id for person in unnamed}


async def test_lists_named_people_by_closeness(version: str) -> None:
    server = connect(Replay(version, "04", "05"))
    (stranger,) = await server.faces(recorded_id(version, "stranger.jpg"))
    assert [person.name for person in await server.closest_people(stranger.id, 5)] == [
        "John Doe",
        "Sarah Smith",
    ]
    assert [person.name for person in await server.closest_people(stranger.id, 1)] == ["John Doe"]


async def test_shows_a_person(version: str) -> None:
    server = connect(Replay(version, "05"))
    john = (await server.people(), await server.people())[1][0]
    found = await server.person_thumbnail(john.id)
    assert found is not None
    assert (len(found[0]), found[1]) == (8679, "image/jpeg")


async def test_assigns_a_face_to_a_new_person(version: str) -> None:
    server = connect(Replay(version, "06"))
    person = await server.create_person("New Person")
    assert person.name == "New Person"
    face_id = next(
        each.body["id"] for each in recorded(version) if each.step == "06" and each.path.startswith("/faces/")
    )
    await server.assign_face(face_id, person.id)
    (face,) = await server.faces(recorded_id(version, "stranger.jpg"))
    assert face.person == person
    with pytest.raises(ImmichRejected, match="Not found"):
        await server.assign_face(UNKNOWN, person.id)


async def test_archives(version: str) -> None:
    server = connect(Replay(version, "07"))
    two = recorded_id(version, "two_faces.jpg")
    await server.set_visibility([two], "archive")
    archived = await server.asset(two)
    assert archived is not None
    assert archived.visibility == "archive"


async def test_keeps_an_album(version: str) -> None:
    server = connect(Replay(version, "07"))
    first = recorded_id(version, "p1/0.jpg")
    album = await server.create_album("John Doe", [first])
    ids = next(
        each.body["ids"]
        for each in recorded(version)
        if each.path.startswith("/albums/") and each.method == "PUT"
    )
    assert ids[0] == first, "one that is in the album already, and one that is not"
    await server.add_to_album(album, ids)


async def test_knows_its_own_albums(version: str) -> None:
    """Nobody recorded the list; it holds what the making of an album answered."""
    made = answers(version, "POST", "/albums")[0]
    me = answers(version, "GET", "/users/me")[0]
    shared = {**made, "id": "other", "albumName": "Theirs", "ownerId": "somebody", "albumUsers": []}
    older = {**made, "id": "older", "createdAt": "2020-01-01T00:00:00.000Z"}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, json=me if request.url.path.endswith("/users/me") else [older, made, shared]
        )

    assert await connect(answer).albums() == {"John Doe": "older"}


async def test_lists_photos_that_look_alike(version: str) -> None:
    (group,) = (await connect(Replay(version, "08")).duplicate_groups()).values()
    assert len(group) == 2


async def test_asks_for_what_was_missed(version: str) -> None:
    server = connect(Replay(version, "09"))
    before = len(answers(version, "GET", "/queues/faceDetection/jobs", "09"))
    for _ in range(before):
        listing = await server.detection_jobs()
        if listing.collective:
            break
    assert listing.collective, "the job that looks for what is missing"
    assert not listing.ids
    [question] = listing.collective_numbers
    listing = await server.detection_jobs()
    assert len(listing.ids) == 1
    assert not listing.collective
    assert listing.numbers == {question + 1}, "jobs are numbered one by one"
    await server.detect_missing_faces()
    await server.recognise_unassigned_faces()
    assert (await server.recognition_jobs()).collective in (True, False)
