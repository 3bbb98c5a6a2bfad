"""The demo Immich as a server: keys, versions, faults, and the ways to start it."""

import json
import os
import subprocess
import sys

import httpx
import pytest
from tests.demo_server import COMMAND, serve_in_thread
from tests.faulty_demo import DemoImmich, serve

from smartsort.demo.settings import DEFAULT_KEY, DemoKey, DemoSettings
from smartsort.immich.conformance import compare

UNKNOWN = "00000000-0000-4000-8000-000000000000"
KEYS = (DemoKey(), DemoKey("limited", ("asset.read",)), DemoKey("owner", owner="owner"))


both_versions = pytest.mark.parametrize("version", ["2.5.6", "3.1.0"], indirect=True)


@pytest.fixture
def version(request):
    return getattr(request, "param", "3.1.0")


@pytest.fixture
async def server(version):
    settings = DemoSettings(version=version, profile="instant", keys=KEYS, people=("Anna", "Ana Lima", "Zoë"))
    async with serve(DemoImmich(settings)) as running:
        yield running


@pytest.fixture
async def client(server):
    async with httpx.AsyncClient(
        base_url=server.url + "/api", headers={"x-api-key": DEFAULT_KEY}, timeout=60
    ) as made:
        yield made


@both_versions
@pytest.mark.parametrize(
    "expected",
    [
        (None, "/people", 401, "Authentication required"),
        ("wrong", "/people", 401, "Invalid API key"),
        ("limited", "/people", 403, "Missing required permission: person.read"),
        ("limited", f"/assets/{UNKNOWN}", 400, "Not found or no asset.read access"),
        ("limited", "/queues", 403, "Missing required permission: queue.read"),
        ("owner", "/queues", 403, "Forbidden"),
        ("limited", "/api-keys/me", 200, None),
        (None, "/server/version", 200, None),
        (None, "/spec.json", 200, None),
        (DEFAULT_KEY, "/nowhere", 404, "Cannot GET /api/nowhere"),
    ],
)
async def test_keys_and_rights(server, version, expected):
    key, path, status, message = expected
    headers = {} if key is None else {"x-api-key": key}
    async with httpx.AsyncClient(base_url=server.url + "/api", headers=headers, timeout=60) as client:
        answer = await client.get(path)
    assert answer.status_code == status
    if message is not None:
        assert answer.json()["message"] == message
        assert ("correlationId" in answer.json()) == (version == "2.5.6")


async def test_a_key_can_be_revoked(server, client):
    server.demo.state.keys[DEFAULT_KEY].revoked = True
    assert (await client.get("/people")).json()["message"] == "Invalid API key"


@both_versions
async def test_what_the_versions_refuse(client, version):
    strict = version == "3.1.0"
    single = await client.get("/queues/ocr/jobs", params={"status": "active"})
    assert single.status_code == (400 if strict else 200)
    assert (await client.get("/queues/ocr/jobs", params={"status": ["active", "waiting"]})).status_code == 200
    assert (await client.get("/queues/nonsense/jobs")).status_code == 400
    empty = await client.post("/assets/bulk-upload-check", json={"assets": [{"id": "a", "checksum": ""}]})
    assert empty.status_code == (200 if strict else 400)
    assert (await client.post("/assets/bulk-upload-check", json={"assets": []})).status_code == 500
    text_for_number = await client.post("/search/metadata", json={"size": "5"})
    assert text_for_number.status_code == (400 if strict else 200)
    assert ("prerelease" in (await client.get("/server/version")).json()) == strict


async def test_people_are_made_named_merged_and_removed(client, server):
    made = await client.post("/people", json={"name": "New"})
    assert made.status_code == 201
    assert made.json()["thumbnailPath"] == ""
    new = made.json()["id"]
    listed = (await client.get("/people")).json()
    assert [p["name"] for p in listed["people"]] == ["Ana Lima", "Anna", "Zoë"], "nobody without photos"
    zoe = listed["people"][2]["id"]
    portrait = await client.get(f"/people/{zoe}/thumbnail")
    assert portrait.headers["content-type"] == "image/jpeg"
    assert (await client.get(f"/people/{new}/thumbnail")).status_code == 404
    page = (await client.get("/people", params={"size": 2})).json()
    assert (len(page["people"]), page["hasNextPage"], page["total"]) == (2, True, 3)
    hidden = await client.put(f"/people/{zoe}", json={"isHidden": True})
    assert hidden.json()["isHidden"] is True
    assert len((await client.get("/people")).json()["people"]) == 2
    assert (await client.get("/people", params={"withHidden": "true"})).json()["people"][-1]["id"] == zoe
    merged = await client.post(f"/people/{new}/merge", json={"ids": [zoe]})
    assert merged.json() == [{"id": zoe, "success": True}]
    gone = await client.get(f"/people/{zoe}")
    assert (gone.status_code, gone.json()["message"]) == (400, "Not found or no person.read access")


@pytest.mark.parametrize("wrong", ["2999-01-01", "1990-13-01", "x"])
async def test_a_birth_date_is_a_day_in_the_past(client, wrong):
    """Measured on 3.1.0, with this answer to each of them."""
    [anna, *_] = (await client.get("/people")).json()["people"]
    refused = await client.put(f"/people/{anna['id']}", json={"birthDate": wrong})
    assert (refused.status_code, refused.json()["errors"]) == (
        400,
        [{"code": "custom", "path": ["birthDate"], "message": "Birth date cannot be in the future"}],
    )
    for day in ("1990-05-01", None):
        changed = await client.put(f"/people/{anna['id']}", json={"birthDate": day})
        assert changed.json()["birthDate"] == day


async def test_a_merge_takes_over_the_birth_date_and_refuses_strange_people(client):
    """Measured on 3.1.0."""
    made = [await client.post("/people", json=body) for body in ({"name": "A"}, {"birthDate": "1990-05-01"})]
    new, old = (each.json()["id"] for each in made)
    itself = await client.post(f"/people/{new}/merge", json={"ids": [new]})
    assert (itself.status_code, itself.json()["message"]) == (400, "Cannot merge a person into themselves")
    merged = await client.post(f"/people/{new}/merge", json={"ids": [UNKNOWN, old]})
    assert merged.json() == [
        {"id": UNKNOWN, "success": False, "error": "no_permission"},
        {"id": old, "success": True},
    ]
    assert (await client.get(f"/people/{new}")).json()["birthDate"] == "1990-05-01"


async def test_pausing_and_starting_queues(client, server):
    server.demo.engine.pause("faceDetection", paused=True)
    started = await client.put("/jobs/faceDetection", json={"command": "start", "force": False})
    assert started.json()["jobCounts"]["paused"] == 1
    listed = await client.get("/queues/faceDetection/jobs")
    assert [(job["name"], job["data"]) for job in listed.json()] == [
        ("AssetDetectFacesQueueAll", {"force": False})
    ]
    server.demo.engine.clear("faceDetection")
    counts = {queue["name"]: queue["statistics"] for queue in (await client.get("/queues")).json()}
    assert counts["faceDetection"]["paused"] == 0


async def test_requests_are_counted_by_template(server, client):
    await client.get(f"/assets/{UNKNOWN}")
    await client.get(f"/assets/{UNKNOWN[:-1]}1")
    assert server.demo.requests["GET", "/api/assets/{id}"] == 2
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as outside:
        assert (await outside.get("/demo/requests")).json() == {"GET /api/assets/{id}": 2}
        assert (await outside.get("/demo/finished")).json() == {}
        await outside.delete("/demo/requests")
    assert not server.demo.requests


async def test_faults(server, client):
    faults = server.demo.faults

    def fault(**values):
        faults.clear()
        for name, value in values.items():
            setattr(faults, name, value)

    def rule(kind, **more):
        faults.clear()
        faults.add("/api/people*", kind, **more)

    rule("status", status=503)
    assert (await client.get("/people")).status_code == 503
    assert (await client.get("/users/me")).status_code == 200
    rule("html")
    page = await client.get("/people")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    rule("truncate")
    with pytest.raises(json.JSONDecodeError):
        (await client.get("/people")).json()
    rule("drop")
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get("/people")
    rule("slow", seconds=60)
    with pytest.raises(httpx.ReadTimeout):
        await client.get("/people", timeout=httpx.Timeout(60, read=0.05))
    fault(extra_fields=True)
    assert "fieldOfTheFuture" in (await client.get("/people")).json()["people"][0]
    fault(listing_error_rate=1.0)
    assert (await client.get("/queues/ocr/jobs")).json()["message"] == "Failed to get queue jobs"
    fault(face_recognition_off=True)
    assert (await client.get("/server/features")).json()["facialRecognition"] is False
    fault(library_gone=True)
    assert (await client.get("/libraries")).json() == []
    fault(down=True)
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            await client.get("/people")
    faults.clear()
    assert (await client.get("/people")).status_code == 200


@both_versions
async def test_the_description_names_every_route_and_what_smartsort_needs_of_it(client):
    described = (await client.get("/spec.json")).json()
    assert [str(finding) for finding in compare(described)] == []
    assert described["paths"]["/people/{id}"]["put"]["x-immich-permission"] == "person.update"
    assert described["paths"]["/queues"]["get"]["x-immich-admin-only"] is True
    assert "security" not in described["paths"]["/server/ping"]["get"]


async def test_a_limited_key_made_through_the_api(client, server):
    made = (await client.post("/api-keys", json={"name": "x", "permissions": ["person.read"]})).json()
    answer = await client.get("/people", headers={"x-api-key": made["secret"]})
    assert answer.status_code == 200
    refused = await client.get("/users/me", headers={"x-api-key": made["secret"]})
    assert refused.json()["message"] == "Missing required permission: user.read"


def test_served_in_a_thread():
    with serve_in_thread(DemoSettings(profile="instant")) as server:
        assert httpx.get(server.url + "/api/server/ping", timeout=60).json() == {"res": "pong"}
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url + "/api/server/ping")


def test_served_by_a_process_of_its_own(tmp_path):
    command = [
        sys.executable,
        COMMAND,
        "--library-root",
        str(tmp_path),
        "--import-path",
        "/mnt/photos",
        "--person",
        "李雷",
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUTF8": "1"}
    ) as process:
        try:
            url = process.stdout.readline().strip()
            headers = {"x-api-key": DEFAULT_KEY}
            (library,) = httpx.get(url + "/api/libraries", headers=headers, timeout=60).json()
            people = httpx.get(url + "/api/people", headers=headers, timeout=60).json()["people"]
        finally:
            process.kill()
    assert library["importPaths"] == ["/mnt/photos"]
    assert [person["name"] for person in people] == ["李雷"]
