"""Handing in photos over HTTP: URLs, uploads, results, and bodies that mean harm."""

# ruff: noqa: ASYNC240 - a look at a small local file does not hold the loop up

import asyncio
import hashlib
import json
import os
import select
import socket
import tracemalloc
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from tests.misbehaving_site import BASE, TOKEN, picture, running, site, until

from smartsort.core.naming import folder_name
from smartsort.demo.samples import make_samples
from smartsort.downloads import queue
from smartsort.ledger import submissions
from smartsort.ledger.submissions import NewSubmission

WAIT = {"wait": "60"}


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(queue, "_FIRST_BACKOFF", 0.01)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Sample photos with what should become of each, as (name, bytes, sample)."""
    folder = tmp_path_factory.mktemp("samples")
    found = make_samples(str(folder), count=12, seed=3, size=(320, 240))
    return [(os.path.basename(s.path), (folder / s.path).read_bytes(), s) for s in found]


@pytest.fixture
async def sidecar(tmp_path, request):
    settings = {"api__max_upload_bytes": 3_000_000, **getattr(request, "param", {})}
    async with running(str(tmp_path / "root"), **settings) as found:
        yield found


@pytest.fixture
async def web():
    async with site() as found:
        yield found


@pytest.fixture
async def client(sidecar):
    async with httpx.AsyncClient(base_url=sidecar.url, headers=sidecar.headers, timeout=90) as found:
        yield found


def sorted_sample(samples):
    return next(entry for entry in samples if entry[2].category == "faces")


def temp_files(sidecar):
    return [n for n in os.listdir(sidecar.sidecar.context.layout.temp_downloads) if n != ".smartsort-root"]


async def test_a_url_with_wait_gives_the_result_of_the_source_document(sidecar, client, web, samples):
    name, body, sample = sorted_sample(samples)
    url = web.file(f"/{name}", body)
    answer = await client.post(BASE, json={"url": url, "source": "instagram"}, params=WAIT)
    assert answer.status_code == 200
    root = sidecar.sidecar.context.layout.root
    assert answer.json() == {
        "status": "success",
        "action": "sorted",
        "destination": f"{root}/faces/{folder_name(sample.person)}/{name}",
        "reason": "face_match_verified",
        "person": answer.json()["person"],
        "hash": hashlib.sha256(body).hexdigest(),
        "category": None,
    }
    assert Path(answer.json()["destination"]).is_file()
    again = await client.post(BASE, json={"url": url}, params=WAIT)
    assert (again.json()["action"], again.json()["reason"], again.json()["category"]) == (
        "reviewed",
        "duplicate",
        "duplicates",
    )


async def test_without_wait_it_is_accepted_with_a_link(client, web, samples):
    name, body, _ = sorted_sample(samples)
    answer = await client.post(BASE, json={"url": web.file(f"/{name}", body)})
    assert answer.status_code == 202
    accepted = answer.json()
    assert answer.headers["location"] == accepted["link"] == f"{BASE}/submissions/{accepted['id']}"
    item = (await client.get(accepted["link"], params=WAIT)).json()
    assert item["state"] == "filed"
    assert item["result"]["action"] == "sorted"
    assert item["source"] == "url"
    assert item["photo_id"] is not None


async def test_a_list_is_answered_by_a_list_in_its_order(client, web, samples):
    urls = [web.file(f"/{n}", body) for n, body, _ in samples]
    body = [{"url": url, "source": "s"} for url in [*urls, f"{web.url}/gone.jpg", "http://10.0.0.1/"]]
    answer = await client.post(BASE, json=body, params=WAIT)
    assert answer.status_code == 200
    results = answer.json()
    assert len(results) == len(body)
    for (_, content, sample), result in zip(samples, results[:-2], strict=True):
        assert result["status"] == "success", (sample, result)
        assert result["hash"] == hashlib.sha256(content).hexdigest()
        if sample.category == "faces" and sample.kind != "exact_copy":
            assert result["action"] in ("sorted", "reviewed")
    assert results[-2]["reason"] == "download_failed: the server answered 404"
    assert results[-1]["reason"].startswith("download_failed: 10.0.0.1 is a private address")
    assert [r["status"] for r in results[-2:]] == ["error", "error"]


async def test_items_are_listed_newest_first_by_pages(client, web):
    await client.post(BASE, json=[{"url": f"{web.url}/{n}.jpg"} for n in range(7)], params=WAIT)
    seen, cursor = [], None
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(f"{BASE}/submissions", params=params)).json()
        seen += [item["url"].rsplit("/", 1)[1] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"{n}.jpg" for n in reversed(range(7))]
    failed = (await client.get(f"{BASE}/submissions", params={"state": "failed"})).json()["items"]
    assert len(failed) == 7
    assert (await client.get(f"{BASE}/submissions", params={"state": "downloading"})).json()["items"] == []


async def test_a_failed_download_can_be_retried(sidecar, client, web, samples):
    name, body, _ = sorted_sample(samples)
    url = f"{web.url}/{name}"
    failed = (await client.post(BASE, json={"url": url, "source": "blog"}, params=WAIT)).json()
    assert failed["reason"] == "download_failed: the server answered 404"
    [item] = (await client.get(f"{BASE}/submissions", params={"state": "failed"})).json()["items"]
    web.file(f"/{name}", body)
    retry = f"{BASE}/submissions/{item['id']}/retry"
    answer = await client.post(retry, params=WAIT)
    assert answer.status_code == 200, answer.text
    assert answer.headers["location"] == f"{BASE}/submissions/{item['id']}"
    assert (answer.json()["status"], answer.json()["action"]) == ("success", "sorted")
    again = (await client.get(f"{BASE}/submissions/{item['id']}")).json()
    assert (again["state"], again["problem"], again["source"]) == ("filed", None, "blog")
    await until(lambda: not temp_files(sidecar))  # the last name goes once the ledger has the new ones
    second = await client.post(retry)
    assert (second.status_code, second.json()["code"]) == (409, "conflict")
    assert "a photo already" in second.json()["detail"]
    history = (await client.get(f"{BASE}/events", params={"kind": "download_retried"})).json()["events"]
    assert [(e["actor"], e["data"]["item"]) for e in history] == [("admin", item["id"])]


async def test_a_retried_download_has_all_its_tries_again(sidecar, client, web):
    url = web.file("/down.jpg", b"", status=503)
    settings = sidecar.sidecar.downloads.settings
    first = (await client.post(BASE, json={"url": url})).json()
    for tries in (1, 2):
        item = (await client.get(first["link"], params=WAIT)).json()
        assert item["state"] == "failed"
        assert web.counts()["/down.jpg"] == tries * (1 + settings.max_retries)
        if tries == 1:
            assert (await client.post(f"{first['link']}/retry")).json()["state"] == "downloading"


async def test_what_cannot_be_retried_says_why(sidecar, client, web):
    unknown = await client.post(f"{BASE}/submissions/{'0' * 20}/retry")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    refused = (await client.post(BASE, json={"url": "http://user:secret@a.example/"}, params=WAIT)).json()
    assert refused["status"] == "error"
    [item] = (await client.get(f"{BASE}/submissions", params={"state": "failed"})).json()["items"]
    answer = await client.post(f"{BASE}/submissions/{item['id']}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "user name" in answer.json()["detail"]
    assert "secret" not in answer.text

    gone = {"problem": "download_failed: its file was lost before it was filed"}
    lost = NewSubmission("a" * 20, "phone", "http://127.0.0.1/kept", name="a.jpg", **gone)
    child = NewSubmission("b" * 20, "blog", web.url, "127.0.0.1", name="b.jpg", parent=item["id"], **gone)
    context = sidecar.sidecar.context
    await context.ledger.awrite(lambda db: submissions.add(db, [lost, child], context.clock.text()))
    for one, why in ((lost, "Hand it in again"), (child, "Hand the page in again")):
        answer = await client.post(f"{BASE}/submissions/{one.id}/retry")
        assert answer.status_code == 409
        assert why in answer.json()["detail"]
    assert not web.requests


async def test_have_tells_whether_content_is_known(client, web, samples):
    name, body, _ = sorted_sample(samples)
    digest = hashlib.sha256(body).hexdigest()
    unknown = {"known": False, "available": False, "place": None, "photo_id": None, "rejected_by": None}
    assert (await client.get(f"{BASE}/known/{digest}")).json() == unknown
    await client.post(BASE, json={"url": web.file(f"/{name}", body)}, params=WAIT)
    have = (await client.get(f"{BASE}/known/{digest.upper()}")).json()
    assert (have["known"], have["available"], have["place"]) == (True, True, "ledger")
    assert (await client.get(f"{BASE}/known/xyz")).status_code == 422


async def test_uploads_of_one_and_of_several_files(sidecar, client, samples):
    name, body, sample = sorted_sample(samples)
    one = await client.post(
        BASE, files={"file": (name, body)}, data={"source": "phone", "url": "https://a/b"}, params=WAIT
    )
    assert one.status_code == 200
    assert one.json()["destination"].endswith(f"/faces/{folder_name(sample.person)}/{name}")
    files = [("file", (n, content)) for n, content, _ in samples[:4]]
    several = await client.post(BASE, files=files, params=WAIT)
    assert len(several.json()) == 4
    listed = (await client.get(f"{BASE}/submissions")).json()["items"]
    assert [i["source"] for i in listed] == ["upload"] * 4 + ["phone"]
    assert listed[-1]["url"] == "https://a/b"
    await until(lambda: not temp_files(sidecar))


NAMES = (
    "../../../etc/cron.d/x.jpg",
    "..\\..\\x.jpg",
    "/etc/passwd",
    "a/b/c.jpg",
    ".hidden",
    "\u202egpj.x",
    "",
)


async def test_a_name_never_leaves_its_folder(sidecar, client):
    layout = sidecar.sidecar.context.layout
    for number, given in enumerate(NAMES):
        boundary = "b0undary"
        disposition = f'Content-Disposition: form-data; name="file"; filename="{given}"'
        body = (
            f"--{boundary}\r\n{disposition}\r\n\r\n".encode()
            + picture(900, number)
            + f"\r\n--{boundary}--\r\n".encode()
        )
        headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
        answer = await client.post(BASE, content=body, headers=headers, params=WAIT)
        assert answer.status_code == 200, answer.text
        # A picture that breaks off: unreadable, so it waits for a human.
        assert os.path.dirname(answer.json()["destination"]) == f"{layout.review}/unidentified"


async def test_idempotency_keys(client, web, samples):
    name, body, _ = sorted_sample(samples)
    url = web.file(f"/{name}", body)
    key = {"Idempotency-Key": "k-1"}
    first = await client.post(BASE, json={"url": url}, headers=key)
    again = await client.post(BASE, json={"url": url}, headers=key)
    assert first.json()["id"] == again.json()["id"]
    other = await client.post(BASE, json={"url": url + "?x"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "invalid")
    up = {"Idempotency-Key": "k-2"}
    one = await client.post(BASE, files={"file": (name, body)}, headers=up)
    two = await client.post(BASE, files={"file": (name, body)}, headers=up)
    assert one.json()["id"] == two.json()["id"]
    three = await client.post(BASE, files={"file": (name, body + b"x")}, headers=up)
    assert three.status_code == 422
    assert (await client.get(first.json()["link"], params=WAIT)).json()["state"] == "filed"
    assert web.counts()[f"/{name}"] == 1


FORM = "multipart/form-data; boundary=b"
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
FIELD = b'--b\r\nContent-Disposition: form-data; name="source"\r\n\r\n'
BODIES = [
    (b"", "application/json", 422),
    (b"[]", "application/json", 422),
    (b"{}", "application/json", 422),
    (b"null", "application/json", 422),
    (b'{"url": 1}', "application/json", 422),
    (b'{"url": "http://a/", "sorce": "instagram"}', "application/json", 422),
    (b'{"url": "http://a/"}, {"url": "http://b/"}', "application/json", 422),
    (b'{"url": "http://a/\\ud800"}', "application/json", 422),
    (b'{"url": "http://a/", "source": "a\\u0000b"}', "application/json", 422),
    (b'{"url": "http://a/", "source": "' + b"x" * 101 + b'"}', "application/json", 422),
    (b'{"url": "' + b"x" * 9000 + b'"}', "application/json", 422),
    (b"[" * 100_000, "application/json", 422),
    (json.dumps([{"url": "http://a/"}] * 1001).encode(), "application/json", 422),
    (b" " * 1_100_000, "application/json", 413),
    (b"\xff\xfe", "application/json", 422),
    (b"url=http://a/", "application/x-www-form-urlencoded", 415),
    (b"x", "text/plain", 415),
    (b"x", "multipart/form-data", 422),
    (b"x", FORM, 422),
    (b"x", "multipart/form-data; boundary=" + "b" * 300, 422),
    (b"--b\r\n\r\nx\r\n--b--\r\n", FORM, 422),
    (PART + b"half", FORM, 422),
    (b"--b\r\n" + b"X: y\r\n" * 1000 + b"\r\n\r\n--b--\r\n", FORM, 422),
    (FIELD + b"x" * 9000 + b"\r\n--b--\r\n", FORM, 413),
]  # fmt: skip


async def test_bodies_that_do_not_fit_are_refused_and_leave_nothing(sidecar, client):
    for body, kind, status in BODIES:
        answer = await client.post(BASE, content=body, headers={"content-type": kind})
        assert answer.status_code == status, (body[:80], kind, answer.text)
        assert answer.json()["detail"]
        assert temp_files(sidecar) == []
    assert (await client.get(f"{BASE}/submissions")).json()["items"] == []


async def test_without_a_token_nothing_is_read(sidecar, client):
    answer = await client.post(BASE, json={"url": "http://a/"}, headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401
    assert (await client.get(f"{BASE}/submissions/{'0' * 20}")).status_code == 404
    assert (await client.get(f"{BASE}/submissions/../../etc")).status_code == 404


async def raw(sidecar, head, *chunks, pause=0.0, path=BASE):
    """Speaks HTTP by hand: the status of the answer, or None when the connection was just closed."""
    host, port = sidecar.url.removeprefix("http://").split(":")
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}:{port}", f"Authorization: Bearer {TOKEN}", *head]

    def speak():
        text = b""
        with socket.create_connection((host, int(port)), timeout=60) as line:
            line.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
            # Who answers before all has come closes while we still send; the answer is there all the same.
            with suppress(ConnectionError):
                for chunk in chunks:
                    line.sendall(chunk)
                    if select.select([line], [], [], pause)[0]:
                        break
            with suppress(ConnectionError):
                while block := line.recv(65536):
                    text += block
        return int(text.split(b" ")[1]) if text else None

    return await asyncio.to_thread(speak)


MULTIPART = f"Content-Type: {FORM}"


@pytest.mark.parametrize("sidecar", [{"api__upload_stall_timeout_seconds": 0.5}], indirect=True)
async def test_a_slow_body_is_cut_off(sidecar):
    head = [MULTIPART, "Content-Length: 100000"]
    assert await raw(sidecar, head, PART) == 408
    assert await raw(sidecar, head, PART, *[b"x"] * 200, pause=0.05) == 408
    as_json = ["Content-Type: application/json", "Content-Length: 100"]
    assert await raw(sidecar, as_json, b'{"url"') == 408
    assert await raw(sidecar, as_json, *[b" "] * 90, pause=0.05, path=f"{BASE}/undo") == 408
    assert temp_files(sidecar) == []


async def test_an_endless_body_is_cut_off(sidecar):
    head = [MULTIPART, "Transfer-Encoding: chunked"]
    block = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    first = f"{len(PART):x}\r\n".encode() + PART + b"\r\n"
    assert await raw(sidecar, head, first, *[block] * 2000) in (413, None)
    assert await raw(sidecar, [MULTIPART, "Content-Length: 3000001"], PART) == 413
    assert temp_files(sidecar) == []


async def test_a_connection_that_breaks_leaves_nothing(sidecar):
    host, port = sidecar.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    lines = [f"POST {BASE} HTTP/1.1", f"Host: {host}:{port}", f"Authorization: Bearer {TOKEN}", MULTIPART]
    writer.write(
        "\r\n".join([*lines, "Content-Length: 900000"]).encode() + b"\r\n\r\n" + PART + b"x" * 500_000
    )
    await writer.drain()
    await until(lambda: temp_files(sidecar))
    writer.close()
    await until(lambda: not temp_files(sidecar))


async def test_an_upload_costs_no_memory(tmp_path):
    """64 MiB here; the size does not matter, which is the point."""
    size = int(os.environ.get("SMARTSORT_TEST_UPLOAD_MIB", "64"))

    async def body():
        yield PART + picture(2000)
        for _ in range(size):
            yield bytes(2**20)
        yield b"\r\n--b--\r\n"

    async with (
        running(str(tmp_path / "root"), api__max_upload_bytes=2**40) as sidecar,
        httpx.AsyncClient(base_url=sidecar.url, headers=sidecar.headers, timeout=600) as client,
    ):
        kind = {"content-type": FORM}
        tracemalloc.start()
        try:
            answer = await client.post(BASE, content=body(), headers=kind)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert answer.status_code == 202, answer.text
        print(f"{size} MiB uploaded, peak of traced memory {peak / 2**20:.1f} MiB")
        assert peak < 24 * 2**20
