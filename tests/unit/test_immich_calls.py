"""The single calls, where recordings show too little: paging, limits, odd names, odd jobs."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from smartsort.core.completion import CHAIN, LISTING_LIMIT
from smartsort.errors import ImmichRejected, ImmichUnreachable
from smartsort.immich import ImmichServer
from smartsort.immich.assets import DIGESTS_PER_CALL, PATHS_PER_CALL, path_checksum
from smartsort.immich.people import PEOPLE_PER_PAGE


class Fake:
    """Answers by method and path, and keeps what was asked. `answers` maps "GET /path" to a JSON value, a
    response, or a function of the request."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers.pop("answers", {}) | answers
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers[f"{request.method} {request.url.path.removeprefix('/api')}"]
        if callable(answer):
            answer = answer(request)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.requests if request.content]

    def server(self) -> ImmichServer:
        return ImmichServer("http://i", "key", transport=httpx.MockTransport(self), retries=0)


def fake(**answers: Any) -> Fake:
    return Fake(**answers)


def check(known: Callable[[str], str | None]) -> Fake:
    """A bulk check where `known` tells the asset of a checksum."""

    def answer(request: httpx.Request) -> dict[str, Any]:
        results: list[dict[str, Any]] = []
        for asked in json.loads(request.content)["assets"]:
            asset = known(asked["checksum"])
            verdict = (
                {"action": "reject", "assetId": asset, "isTrashed": False} if asset else {"action": "accept"}
            )
            results.append({"id": asked["id"], **verdict})
        # Not in the order of the question: ids are what counts.
        return {"results": results[::-1]}

    return Fake(answers={"POST /assets/bulk-upload-check": answer})


def person(identity: str, name: str = "", **more: Any) -> dict[str, Any]:
    return {"id": identity, "name": name, "isHidden": False, "unheardOf": {"x": 1}, **more}


def test_the_checksum_of_a_path() -> None:
    digest = hashlib.sha1(b"path:/library/a.jpg").digest()
    assert base64.b64decode(path_checksum("/library/a.jpg")) == digest
    assert path_checksum(b"/library/a.jpg") == path_checksum("/library/a.jpg")
    assert base64.b64decode(path_checksum(b"/\xff.jpg")) == hashlib.sha1(b"path:/\xff.jpg").digest()
    assert path_checksum("/\udcff.jpg") == path_checksum(b"/\xff.jpg")


async def test_resolves_names_that_are_no_text() -> None:
    odd, gone = b"/library/\xff\xfe.jpg", "/library/gone.jpg"
    immich = check(lambda checksum: "a" if checksum == path_checksum(odd) else None)
    found = await immich.server().resolve([odd, gone])
    assert set(found) == {odd}
    assert (found[odd].id, found[odd].path) == ("a", "/library/\udcff\udcfe.jpg")


async def test_resolves_a_thousand_paths_per_call() -> None:
    paths = [f"/library/{number}.jpg" for number in range(2 * PATHS_PER_CALL + 1)]
    immich = check(lambda checksum: checksum)
    found = await immich.server().resolve(paths)
    assert sorted(found) == sorted(paths)
    assert all(ref.id == path_checksum(path) for path, ref in found.items())
    assert [len(body["assets"]) for body in immich.bodies] == [PATHS_PER_CALL, PATHS_PER_CALL, 1]


async def test_looks_up_five_thousand_digests_per_call() -> None:
    digests = [f"{number:040x}" for number in range(DIGESTS_PER_CALL + 1)]
    immich = check(lambda checksum: "up" if checksum == digests[-1] else None)
    found = await immich.server().uploads_with_content([*digests[:-1], digests[-1].upper()])
    assert {key.lower(): copy.asset_id for key, copy in found.items()} == {digests[-1]: "up"}
    assert len(immich.requests) == 2


async def test_ignores_a_rejection_without_an_asset() -> None:
    answer = {
        "results": [
            {"id": "0", "action": "reject", "reason": "unsupported-format"},
            {"id": "x", "action": "?"},
        ]
    }
    immich = Fake(answers={"POST /assets/bulk-upload-check": answer})
    assert await immich.server().resolve(["/a"]) == {}


async def test_asks_nothing_for_nothing() -> None:
    """Immich answers an empty list with a 500."""
    immich = fake()
    server = immich.server()
    assert await server.resolve([]) == {}
    assert await server.uploads_with_content([]) == {}
    await server.set_visibility([], "archive")
    await server.add_to_album("id", [])
    await server.remove_from_album("id", [])
    assert await server.closest_people("f", 0) == []
    assert server.calls == {}


def pages(*every: list[dict[str, Any]], always_more: bool = False) -> Callable[[httpx.Request], Any]:
    def answer(request: httpx.Request) -> dict[str, Any]:
        number = int(request.url.params["page"])
        people = every[number - 1] if number <= len(every) else []
        return {"people": people, "total": 9, "hidden": 0, "hasNextPage": always_more or number < len(every)}

    return answer


async def test_reads_all_pages_of_people() -> None:
    immich = Fake(
        answers={"GET /people": pages([person("1", "Ann"), person("2")], [person("2"), person("3")])}
    )
    people = await immich.server().people()
    assert [(each.id, each.name) for each in people] == [("1", "Ann"), ("2", ""), ("3", "")]
    assert [dict(request.url.params) for request in immich.requests] == [
        {"withHidden": "true", "page": str(page), "size": str(PEOPLE_PER_PAGE)} for page in (1, 2)
    ]


async def test_stops_at_an_empty_page() -> None:
    immich = Fake(answers={"GET /people": pages([person("1")], always_more=True)})
    assert len(await immich.server().people()) == 1
    assert len(immich.requests) == 2


async def test_people_without_a_word_about_more_pages() -> None:
    immich = Fake(answers={"GET /people": {"people": [person("1", isHidden=True, isFavorite=True)]}})
    (one,) = await immich.server().people()
    assert (one.hidden, one.favourite) == (True, True)


async def test_closest_people_have_names() -> None:
    first = [person(f"u{number}") for number in range(100)]
    immich = Fake(
        answers={"GET /people": pages(first, [person("1", "Ann"), person("2", "Bo")], [person("3")])}
    )
    assert [each.name for each in await immich.server().closest_people("face", 1)] == ["Ann"]
    assert len(immich.requests) == 2
    assert immich.requests[0].url.params["closestAssetId"] == "face"


def queues(**jobs: list[dict[str, Any]]) -> Fake:
    answers: dict[str, Any] = {f"GET /queues/{name}/jobs": jobs.get(name, []) for name in CHAIN}
    zero = {"active": 0, "completed": 0, "failed": 0, "delayed": 0, "waiting": 0, "paused": 0}
    answers["GET /queues"] = [
        {"name": "faceDetection", "isPaused": True, "statistics": {**zero, "paused": 4, "active": 1}},
        {"name": "unheardOf", "isPaused": False, "statistics": zero},
    ]
    return Fake(answers=answers)


def job(name: str, **data: Any) -> dict[str, Any]:
    return {"id": "7", "name": name, "timestamp": 1, "data": data}


async def test_looks_at_the_chain_in_order_and_never_asks_for_a_status() -> None:
    immich = queues()
    look = await immich.server().queue_snapshot()
    assert [request.url.path for request in immich.requests] == [f"/api/queues/{name}/jobs" for name in CHAIN]
    assert not any(request.url.query for request in immich.requests)
    assert look.conclusive
    counts = await immich.server().queue_counts()
    assert counts["faceDetection"].is_paused
    assert counts["faceDetection"].pending == 5


async def test_a_look_is_whole_or_none() -> None:
    immich = queues()
    immich.answers["GET /queues/sidecar/jobs"] = httpx.Response(400, json={"message": "no"})
    with pytest.raises(ImmichRejected):
        await immich.server().queue_snapshot()


@pytest.mark.parametrize(
    ("queue", "entry", "collective", "ids"),
    [
        ("faceDetection", job("AssetDetectFaces", id="a"), False, {"a"}),
        ("faceDetection", job("AssetDetectFacesQueueAll", force=False), True, set()),
        ("facialRecognition", job("FacialRecognitionQueueAll", force=False), True, set()),
        ("facialRecognition", job("FacialRecognition", id="f", deferred=True), False, {"f"}),
        ("storageTemplateMigration", job("StorageTemplateMigration"), True, set()),
        ("metadataExtraction", job("OfTheFuture", ids=["a", "b"]), True, set()),
        ("sidecar", job("SidecarQueueAll", id="not a photo"), True, set()),
        ("library", job("LibrarySyncFiles", libraryId="l", paths=["/a"]), True, set()),
        ("library", job("LibraryScanAssetsQueueAll", id="l"), True, set()),
        ("library", job("OfTheFuture"), True, set()),
    ],
)
async def test_tells_jobs_of_one_photo_from_jobs_of_many(
    queue: str, entry: dict[str, Any], collective: bool, ids: set[str]
) -> None:
    look = await queues(**{queue: [entry]}).server().queue_snapshot()
    (part,) = [each for each in look.listings if each.queue == queue]
    assert (part.collective, part.ids, part.full) == (collective, ids, False)


@pytest.mark.parametrize(
    ("of_interest", "conclusive"), [(None, False), (["mine"], True), (["theirs"], False), ([], True)]
)
async def test_a_scan_of_another_library_says_nothing(
    of_interest: list[str] | None, conclusive: bool
) -> None:
    immich = queues(
        library=[job("LibrarySyncFiles", libraryId="theirs"), job("LibrarySyncFilesQueueAll", id="theirs")]
    )
    assert (await immich.server().queue_snapshot(of_interest)).conclusive is conclusive


async def test_a_scan_that_names_no_library_may_be_ours() -> None:
    assert not (await queues(library=[job("OfTheFuture")]).server().queue_snapshot(["mine"])).conclusive


@pytest.mark.parametrize(
    ("count", "full"), [(LISTING_LIMIT - 1, False), (LISTING_LIMIT, True), (LISTING_LIMIT + 1, True)]
)
async def test_a_long_listing_is_full(count: int, full: bool) -> None:
    jobs = [job("AssetGenerateThumbnails", id=str(number)) for number in range(count)]
    look = await queues(thumbnailGeneration=jobs).server().queue_snapshot()
    assert look.listings[4].full is full
    assert look.conclusive is not full


async def test_reads_the_numbers_of_jobs() -> None:
    jobs = [
        job("AssetDetectFacesQueueAll") | {"id": "41"},
        job("AssetDetectFaces", id="a") | {"id": "42"},
        job("AssetDetectFaces", id="b") | {"id": "a-text"},
        {key: value for key, value in job("AssetDetectFaces", id="c").items() if key != "id"},
    ]
    listing = await queues(faceDetection=jobs).server().detection_jobs()
    assert listing.collective_numbers == {41}
    assert listing.numbers == {42}
    assert listing.ids == {"a", "b", "c"}


async def test_reads_single_queues() -> None:
    immich = queues(faceDetection=[job("AssetDetectFaces", id="a")], facialRecognition=[job("X", id="f")])
    server = immich.server()
    assert (await server.detection_jobs()).ids == {"a"}
    assert (await server.recognition_jobs()).ids == {"f"}
    assert server.calls == {"list_jobs": 2}


async def test_never_forces() -> None:
    state = {"queueStatus": {"isActive": False, "isPaused": False}, "jobCounts": {}}
    immich = Fake(answers={"PUT /jobs/faceDetection": state, "PUT /jobs/facialRecognition": state})
    server = immich.server()
    await server.detect_missing_faces()
    await server.recognise_unassigned_faces()
    assert immich.bodies == [{"command": "start", "force": False}] * 2


async def test_keeps_no_cookies() -> None:
    """A client that keeps them acts as a session, not as the key."""
    answer = httpx.Response(200, json=[], headers={"set-cookie": "immich_access_token=x; Path=/"})
    immich = Fake(answers={"GET /faces": lambda _request: answer})
    server = immich.server()
    await server.faces("a")
    await server.faces("a")
    assert "cookie" not in immich.requests[1].headers
    assert not list(server._http.cookies.jar)


async def test_a_photo_with_fields_missing_and_words_unheard_of() -> None:
    answer = {
        "id": "a",
        "originalPath": "/a",
        "isOffline": False,
        "isTrashed": False,
        "visibility": "invisible",
        "thumbhash": None,
        "brandNew": [1],
    }
    found = await Fake(answers={"GET /assets/a": answer}).server().asset("a")
    assert found is not None
    assert (found.visibility, found.duplicate_id, found.has_thumbnail) == ("invisible", None, False)


async def test_reads_all_pages_of_a_search() -> None:
    def answer(request: httpx.Request) -> dict[str, Any]:
        page = json.loads(request.content)["page"]
        base = {"isOffline": False, "isTrashed": False, "visibility": "timeline", "thumbhash": "x"}
        items = [
            {"id": f"{page}{name}", "originalPath": name, "duplicateId": group, **base}
            for name, group in (("a", "g"), ("b", None))
        ]
        return {"assets": {"items": items, "nextPage": "2" if page == 1 else None}}

    server = Fake(answers={"POST /search/metadata": answer}).server()
    assert await server.duplicate_ids("lib", datetime(2026, 1, 1, tzinfo=UTC)) == {"1a": "g", "2a": "g"}


async def test_an_album_takes_no_unknown_photo() -> None:
    outcomes = [
        {"id": "a", "success": False, "error": "duplicate"},
        {"id": "b", "success": False, "error": "not_found"},
        {"id": "c", "success": True},
    ]
    immich = Fake(answers={"PUT /albums/x/assets": outcomes, "DELETE /albums/x/assets": outcomes[1:]})
    with pytest.raises(
        ImmichRejected, match="1 photos could not be put into the album, the first b: not_found"
    ):
        await immich.server().add_to_album("x", ["a", "b", "c"])
    await immich.server().remove_from_album("x", ["b", "c"])
    assert immich.bodies[1] == {"ids": ["b", "c"]}


async def test_an_album_without_an_owner_is_nobodys() -> None:
    album = {"id": "1", "albumName": "A", "createdAt": "2026-01-01T00:00:00Z"}
    owner = {"role": "owner", "user": {"id": "me"}}
    albums = [album, {**album, "id": "2", "albumUsers": [owner]}]
    me = {"id": "me", "name": "Me", "isAdmin": False}
    immich = Fake(answers={"GET /albums": albums, "GET /users/me": me})
    server = immich.server()
    assert await server.albums() == {"A": "2"}
    assert await server.albums() == {"A": "2"}
    assert server.calls == {"get_me": 1, "list_albums": 2}


async def test_reads_the_administrators_settings() -> None:
    recognition = {"enabled": True, "modelName": "m", "minScore": 0.7, "maxDistance": 0.5, "minFaces": 3}
    answer = {
        "library": {"watch": {"enabled": True}, "scan": {}},
        "machineLearning": {"enabled": False, "facialRecognition": recognition},
        "metadata": {"faces": {"import": True}},
        "notifications": {"smtp": {"transport": {"password": "secret"}}},
    }
    settings = await Fake(answers={"GET /system-config": answer}).server().system_settings()
    assert (settings.watches_libraries, settings.imports_faces) == (True, True)
    assert "secret" not in repr(settings)


async def test_a_path_is_never_valid_by_agreement() -> None:
    """An Immich that took the paths over would have changed a library: it is changed back, and said."""
    library = {"id": "l", "ownerId": "me", "name": "n", "importPaths": ["/own"]}
    immich = Fake(answers={"GET /libraries/l": library, "PUT /libraries/l": library})
    with pytest.raises(ImmichUnreachable, match="removed it again"):
        await immich.server().validate_import_path("l", "/a")
    sent = [json.loads(each.content)["importPaths"] for each in immich.requests if each.method == "PUT"]
    assert [paths[0] for paths in sent] == ["/a", "/own"]
    assert sent[0][2:] == sent[1] == ["/own"]
