"""What the adapter makes of bad answers, and what it never says."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from smartsort.errors import ImmichError, ImmichRefused, ImmichRejected, ImmichUnreachable
from smartsort.immich import ImmichServer
from smartsort.immich.answers import ADMIN, QueueBusy, UnknownId
from smartsort.ports import ThumbnailSize

KEY = "k3y-that-nobody-may-see"
ME = {"id": "me", "name": "Me", "isAdmin": True}


def server(answer: httpx.Response, url: str = "http://immich:2283/photos") -> ImmichServer:
    def handle(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    return ImmichServer(url, KEY, transport=httpx.MockTransport(handle), retries=0)


def json(status: int, **body: Any) -> httpx.Response:
    return httpx.Response(status, json=body)


def html(status: int) -> httpx.Response:
    return httpx.Response(status, html="<html>Log in</html>")


@pytest.mark.parametrize(
    "answer",
    [
        html(200),
        html(401),
        html(403),
        html(404),
        html(502),
        httpx.Response(200, content=b'[{"id": "f"', headers={"content-type": "application/json"}),
        httpx.Response(200, content=b"[\xff\xfe", headers={"content-type": "application/json"}),
        httpx.Response(200, json={}),
        httpx.Response(200, json=None),
        httpx.Response(200, json=[{"id": "a face without a box"}]),
        httpx.Response(200, json=["a text"]),
        httpx.Response(200),
        httpx.Response(204),
        httpx.Response(404, json=["no object"]),
        json(500, message="oops"),
        json(503),
    ],
)
async def test_what_is_not_immich_makes_photos_wait(answer: httpx.Response) -> None:
    with pytest.raises(ImmichUnreachable) as unreachable:
        await server(answer).faces("a")
    assert "/faces" in str(unreachable.value)
    assert KEY not in str(unreachable.value)


async def test_a_broken_person_is_not_nobody() -> None:
    """The generated model hands on a person that it cannot read as it came."""
    face = {
        **{f"boundingBox{corner}": 1 for corner in ("X1", "X2", "Y1", "Y2")},
        "id": "f",
        "imageWidth": 9,
        "imageHeight": 9,
        "person": {"id": "p"},
    }
    with pytest.raises(ImmichUnreachable, match="person"):
        await server(httpx.Response(200, json=[face])).faces("a")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed_with_the_key(status: int) -> None:
    asked = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(status, headers={"location": "https://elsewhere.example/api/faces?id=a"})

    immich = ImmichServer("http://immich", KEY, transport=httpx.MockTransport(handle))
    with pytest.raises(ImmichUnreachable, match=r"sends GET /api/faces on to https://elsewhere\."):
        await immich.faces("a")
    assert asked == ["http://immich/api/faces?id=a"]


async def test_says_which_permission_is_missing() -> None:
    answer = json(403, message="Missing required permission: face.read", error="Forbidden", statusCode=403)
    with pytest.raises(ImmichRefused, match=r"lacks the permission face\.read.*Add it") as refused:
        await server(answer).faces("a")
    assert refused.value.permission == "face.read"


async def test_says_that_the_owner_must_be_an_administrator() -> None:
    with pytest.raises(ImmichRefused, match="must be an administrator") as refused:
        await server(json(403, message="Forbidden")).scan("id")
    assert refused.value.permission == ADMIN


async def test_a_plain_refusal_names_the_permission_of_the_call() -> None:
    with pytest.raises(ImmichRefused, match=r"person\.create") as refused:
        await server(json(403, message="Forbidden")).create_person("Ann")
    assert refused.value.permission == "person.create"


@pytest.mark.parametrize("said", ["Invalid API key", "Authentication required"])
async def test_says_that_the_key_is_not_accepted(said: str) -> None:
    with pytest.raises(ImmichRefused, match=f"{said}.*Make a new key") as refused:
        await server(json(401, message=said)).faces("a")
    assert refused.value.permission == ""


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"message": ["id must be a UUID", "and more"]}, "id must be a UUID; and more"),
        ({"message": "Validation failed", "errors": [{"path": ["id"], "message": "Invalid"}]}, "id Invalid"),
        ({"message": "Bad", "errors": ["x"]}, "Bad: x"),
    ],
)
async def test_hands_on_what_immich_says(body: dict[str, Any], shown: str) -> None:
    with pytest.raises(ImmichRejected, match=shown) as rejected:
        await server(httpx.Response(400, json=body)).faces("a")
    assert rejected.value.status == 400


async def test_tells_unknown_ids_and_busy_queues_apart() -> None:
    with pytest.raises(UnknownId):
        await server(json(400, message="Not found or no asset.read access")).faces("a")
    with pytest.raises(QueueBusy) as busy:
        await server(json(400, message="Job is already running")).detect_missing_faces()
    assert busy.value.retryable


async def test_a_missing_picture_is_none_and_a_page_is_no_picture() -> None:
    missing = server(json(404, message="Asset media not found"))
    assert await missing.thumbnail("a", ThumbnailSize.PREVIEW) is None
    assert await missing.person_thumbnail("p") is None
    unknown = server(json(400, message="Not found or no person.read access"))
    assert await unknown.person_thumbnail("p") is None
    for answer in (html(200), httpx.Response(200, headers={"content-type": "image/webp"})):
        with pytest.raises(ImmichUnreachable):
            await server(answer).thumbnail("a", ThumbnailSize.PREVIEW)
    with pytest.raises(ImmichRejected):
        await server(json(410, message="gone")).thumbnail("a", ThumbnailSize.PREVIEW)
    with pytest.raises(ImmichRejected):
        await server(json(410, message="gone")).person_thumbnail("a")


async def test_ping_is_false_for_anything_but_immich() -> None:
    assert not await server(html(200)).ping()
    assert not await server(json(503)).ping()
    assert await server(json(200, res="pong")).ping()


async def test_the_key_is_sent_and_never_shown() -> None:
    keys = []

    def handle(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["x-api-key"])
        raise httpx.ConnectError("refused")

    immich = ImmichServer("http://immich", f" {KEY}\n", transport=httpx.MockTransport(handle), retries=0)
    with pytest.raises(ImmichError) as error:
        await immich.faces("a")
    assert keys == [KEY]
    raised = error.value
    shown = [str(raised), raised, raised.__cause__, immich, vars(immich), immich._client, vars(immich._http)]
    assert not [text for text in map(repr, shown) if KEY in text]


async def test_uses_the_administrators_key_where_one_is_needed() -> None:
    keys = {}

    def handle(request: httpx.Request) -> httpx.Response:
        keys[request.method, request.url.path] = request.headers["x-api-key"]
        if request.url.path.endswith("/users/me"):
            return httpx.Response(200, json=ME)
        if request.url.path.endswith("/version"):
            return json(200, major=3, minor=1, patch=0)
        if request.url.path.endswith("/api-keys/me"):
            return json(200, id="k", name="n", permissions=["all"])
        if request.method == "POST":
            return json(201, id="l", ownerId="me", name="n", importPaths=["/p"])
        return httpx.Response(200, json=[])

    immich = ImmichServer("http://i", "own", admin_api_key="admin", transport=httpx.MockTransport(handle))
    await immich.libraries()
    await immich.create_library("n", "/p")
    await immich.queue_counts()
    await immich.faces("a")
    assert keys == {
        ("GET", "/api/libraries"): "admin",
        ("POST", "/api/libraries"): "admin",
        ("GET", "/api/users/me"): "own",
        ("GET", "/api/queues"): "admin",
        ("GET", "/api/faces"): "own",
    }
    await immich.admin_info()
    assert (keys["GET", "/api/users/me"], keys["GET", "/api/api-keys/me"]) == ("admin", "admin")
    await immich.info()
    assert keys["GET", "/api/api-keys/me"] == "own"
