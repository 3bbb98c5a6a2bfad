"""Downloads against a site that misbehaves: resuming, limits, retries, and what the bytes turn out to be."""

import asyncio
import gc
import gzip
import os
from datetime import UTC, datetime, timedelta

import pytest
from tests.misbehaving_site import answer, open_intake, picture, site, until

from smartsort.downloads import queue
from smartsort.errors import StorageFull
from smartsort.ledger import events
from smartsort.ledger.submissions import SubmissionState

LAST_MODIFIED = "Wed, 21 Oct 2015 07:28:00 GMT"
BIG = 600_000


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(queue, "_FIRST_BACKOFF", 0.01)


@pytest.fixture
async def web():
    async with site() as found:
        yield found


@pytest.fixture
async def intake(tmp_path):
    found = open_intake(str(tmp_path / "root"), download={"max_retries": 3})
    yield found
    await found.close()


async def test_a_photo_keeps_its_name_time_source_and_url(intake, web):
    body = picture(5000)
    url = web.file(
        "/p/IMG_7.jpg",
        body,
        headers={"last-modified": LAST_MODIFIED, "content-disposition": 'attachment; filename="../Été.jpg"'},
    )
    [item] = await intake.fetch(url + "?token=abc", source="instagram")
    assert item.state is SubmissionState.ACCEPTED
    assert intake.photos() == [("Été.jpg", "instagram", "url")]
    assert intake.claimed() == [body]
    row = intake.context.ledger.read(
        lambda db: db.conn.execute("SELECT origin_url, mtime_ns FROM photos").fetchone()
    )
    assert row == (url + "?token=abc", 1445412480 * 10**9)
    assert intake.leftovers() == []


async def test_a_name_without_extension_gets_that_of_its_content(intake, web):
    await intake.fetch(web.file("/photo", picture(900)), web.file("/view.php", picture(901)))
    assert sorted(name for name, *_ in intake.photos()) == ["photo.jpg", "view.php.jpg"]


def cut(body, at, *, headers, honest=True):
    """Sends `at` bytes less than promised the first time, then goes on where it was asked to."""
    calls = []

    async def handle(request, writer):
        calls.append(request.headers)
        if len(calls) == 1:
            await answer(writer, 200, body[:at], {"content-length": str(len(body)), **headers})
            writer.close()
            return
        wanted = request.headers.get("range")
        if wanted is None or not honest:
            await answer(writer, 200, body, headers)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        part = {"content-range": f"bytes {start}-{len(body) - 1}/{len(body)}", **headers}
        await answer(writer, 206, body[start:], part)

    return handle, calls


@pytest.mark.parametrize("headers", [{"etag": '"v1"'}, {"last-modified": LAST_MODIFIED}])
async def test_a_broken_download_is_resumed_where_it_stopped(intake, web, headers):
    body = picture(BIG)
    web.handlers["/a.jpg"], calls = cut(body, 400_000, headers=headers)
    [item] = await intake.fetch(f"{web.url}/a.jpg")
    assert item.state is SubmissionState.ACCEPTED
    assert intake.claimed() == [body]
    [validator] = headers.values()
    assert calls[1]["if-range"] == validator
    assert 0 < int(calls[1]["range"].removeprefix("bytes=").rstrip("-")) <= 400_000


async def test_a_server_that_ignores_the_range_starts_over(intake, web):
    body = picture(BIG)
    web.handlers["/a.jpg"], _ = cut(body, 400_000, headers={"etag": '"v1"'}, honest=False)
    await intake.fetch(f"{web.url}/a.jpg")
    assert intake.claimed() == [body]


@pytest.mark.parametrize("headers", [{}, {"etag": 'W/"weak"'}, {"etag": '"v1"', "accept-ranges": "none"}])
async def test_without_a_strong_validator_nothing_is_resumed(intake, web, headers):
    body = picture(BIG)
    web.handlers["/a.jpg"], calls = cut(body, 400_000, headers=headers)
    await intake.fetch(f"{web.url}/a.jpg")
    assert "range" not in calls[1]
    assert intake.claimed() == [body]


@pytest.mark.parametrize(
    "part",
    [
        {"content-range": "bytes 5-599999/600000"},
        {"content-range": f"bytes 400000-{BIG}/{BIG + 1}"},
        {},
    ],
)
async def test_a_range_of_something_else_starts_over(intake, web, part):
    """Another offset, another size, no offset at all: the two halves would not fit."""
    body, calls = picture(BIG), []

    async def handle(request, writer):
        calls.append(request.headers)
        if len(calls) == 1:
            await answer(writer, 200, body[:400_000], {"content-length": str(BIG), "etag": '"v1"'})
            writer.close()
        elif len(calls) == 2:
            await answer(writer, 206, body[400_000:], {"etag": '"v1"', **part})
        else:
            await answer(writer, 200, body, {"etag": '"v1"'})

    web.handlers["/a.jpg"] = handle
    await intake.fetch(f"{web.url}/a.jpg")
    assert "range" not in calls[2]
    assert intake.claimed() == [body]


async def test_a_download_goes_on_after_a_restart(tmp_path, web):
    body, calls = picture(2_000_000), []
    stopped = asyncio.Event()

    async def handle(request, writer):
        calls.append(request.headers)
        start = int(request.headers.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if start == 0:
            await answer(writer, 200, body[:1_500_000], {"content-length": str(len(body)), "etag": '"v1"'})
            await stopped.wait()
            return
        part = {"content-range": f"bytes {start}-{len(body) - 1}/{len(body)}", "etag": '"v1"'}
        await answer(writer, 206, body[start:], part)

    web.handlers["/a.jpg"] = handle
    root = str(tmp_path / "root")
    intake = open_intake(root)
    taken = await intake.downloads.submit([(f"{web.url}/a.jpg", "x")])
    step = asyncio.create_task(intake.downloads.step())
    path = os.path.join(intake.context.layout.temp_downloads, f".download-{taken.items[0].id}.part")
    await until(lambda: os.path.exists(path) and os.path.getsize(path) >= 2**20)
    await intake.close()
    step.cancel()
    stopped.set()

    intake = open_intake(root)
    await intake.work()
    assert intake.claimed() == [body]
    assert int(calls[1]["range"].removeprefix("bytes=").rstrip("-")) >= 2**20
    await intake.close()


async def test_what_was_not_flushed_before_a_power_cut_is_not_trusted(tmp_path, web, monkeypatch):
    """After the machine restarted, the tail of a partial file may be zeros."""
    body = picture(BIG)
    web.handlers["/a.jpg"], calls = cut(body, 400_000, headers={"etag": '"v1"'})
    root = str(tmp_path / "root")
    intake = open_intake(root, download={"max_retries": 3})
    monkeypatch.setattr(queue, "_FIRST_BACKOFF", 1000.0)
    await intake.downloads.submit([(f"{web.url}/a.jpg", "x")])
    intake.downloads.arrivals.notify()
    while not calls or intake.downloads._running:
        await intake.downloads.step()
    await intake.close()
    monkeypatch.setattr("smartsort.downloads.fetch.boot_id", lambda: "another")
    intake = open_intake(root)
    intake.context.ledger.write(lambda db: db.conn.execute("UPDATE submissions SET not_before = created_at"))
    await intake.work()
    assert "range" not in calls[1]
    assert intake.claimed() == [body]
    await intake.close()


async def test_a_page_never_becomes_a_photo(intake, web):
    page = b"<!DOCTYPE html><html><body>404, but politely</body></html>"
    urls = [
        web.file("/a.jpg", page),
        web.file("/b.jpg", b"\n\n <html>", headers={"content-type": "image/jpeg"}),
        web.file("/c", b"please log in", headers={"content-type": "text/html"}),
    ]
    for item in await intake.fetch(*urls):
        assert (item.state, item.attempts) == (SubmissionState.FAILED, 1)
        assert item.problem == "download_failed: the server sent a web page, not a photo"
    assert intake.photos() == []
    assert intake.leftovers() == []


async def test_a_photo_with_a_wrong_label_is_still_one(intake, web):
    [item] = await intake.fetch(web.file("/a", picture(2000), headers={"content-type": "text/html"}))
    assert item.state is SubmissionState.ACCEPTED


async def test_a_compressed_body_is_refused_before_it_is_unpacked(intake, web):
    """A decompression bomb: a megabyte that would be a gigabyte."""
    bomb = gzip.compress(b"\0" * 10_000_000)
    [item] = await intake.fetch(web.file("/a.jpg", bomb, headers={"content-encoding": "gzip"}))
    assert "compressed body" in item.problem
    assert web.requests[0].headers["accept-encoding"] == "identity"
    assert len(web.requests) == 1


async def test_too_large_is_refused_by_its_promise_and_cut_off_without_one(tmp_path, web):
    intake = open_intake(str(tmp_path / "root"), download={"max_bytes": 100_000})
    sent = 0

    async def endless(_, writer):
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: image/jpeg\r\n\r\n" + picture(1000))
        while True:
            writer.write(b"\0" * 65536)
            await writer.drain()
            sent += 65536

    web.handlers["/endless.jpg"] = endless
    honest, cut_off = await intake.fetch(web.file("/big.jpg", picture(100_001)), f"{web.url}/endless.jpg")
    assert "larger than 100,000 bytes" in honest.problem
    assert "larger than 100,000 bytes" in cut_off.problem
    assert (honest.attempts, cut_off.attempts) == (1, 1)
    assert sent < 50_000_000
    assert intake.leftovers() == []
    await intake.close()


async def test_a_body_that_stalls_or_trickles_is_given_up(tmp_path, web):
    intake = open_intake(str(tmp_path / "root"), download={"stall_timeout_seconds": 0.5, "max_retries": 0})

    async def silent(*_):
        await asyncio.Event().wait()

    async def stall(_, writer):
        await answer(writer, 200, picture(2000), {"content-length": "90000"})
        await silent()

    async def trickle(_, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + picture(1500))
        while True:
            writer.write(b"\0")
            await writer.drain()
            await asyncio.sleep(0.1)

    web.handlers |= {"/stall.jpg": stall, "/trickle.jpg": trickle, "/silent.jpg": silent}
    for item in await intake.fetch(*(f"{web.url}/{name}.jpg" for name in ("stall", "trickle", "silent"))):
        assert item.problem == "download_failed: nothing came for 0.5 s"
    await intake.close()


async def test_the_time_for_one_download_is_bounded_retries_included(tmp_path, web):
    intake = open_intake(str(tmp_path / "root"), download={"timeout_seconds": 0.5, "max_retries": 100})

    async def slow(_, writer):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 90000000\r\n\r\n" + picture(1500))
        while True:
            writer.write(b"\0" * 5000)
            await writer.drain()
            await asyncio.sleep(0.02)

    web.handlers["/slow.jpg"] = slow
    [item] = await intake.fetch(f"{web.url}/slow.jpg")
    assert item.problem == "download_failed: it took longer than 0.5 s"
    await intake.close()


async def test_transient_answers_are_tried_again_others_are_not(intake, web):
    body = picture(3000)
    tries = {"n": 0}

    async def flaky(_, writer):
        tries["n"] += 1
        if tries["n"] < 3:
            await answer(writer, 503, b"busy", {"retry-after": "0.01"})
        else:
            await answer(writer, 200, body)

    web.handlers["/flaky.jpg"] = flaky
    good, gone, down = await intake.fetch(
        f"{web.url}/flaky.jpg", f"{web.url}/gone.jpg", web.file("/down.jpg", b"", status=500)
    )
    assert good.state is SubmissionState.ACCEPTED
    assert (gone.problem, gone.attempts) == ("download_failed: the server answered 404", 1)
    assert (down.problem, down.attempts) == ("download_failed: the server answered 500", 4)
    assert web.counts() == {"/flaky.jpg": 3, "/gone.jpg": 1, "/down.jpg": 4}


async def test_a_failed_download_is_an_event_without_the_url(intake, web):
    await intake.fetch(f"{web.url}/gone.jpg?token=secret")
    [event] = intake.context.ledger.read(lambda db: events.after(db, 0, 10))
    assert event.kind == "download_failed"
    assert event.data["reason"] == "download_failed: the server answered 404"
    assert "secret" not in str(event.data)


async def test_redirects_are_followed_within_a_bound(intake, web):
    web.file("/end.jpg", picture(800))
    web.redirect("/1", "/2", 301)
    web.redirect("/2", "//127.0.0.1:" + str(web.port) + "/3", 307)
    web.redirect("/3", f"{web.url}/end.jpg", 308)
    web.redirect("/loop", "/loop")
    good, loop = await intake.fetch(f"{web.url}/1", f"{web.url}/loop")
    assert good.state is SubmissionState.ACCEPTED
    assert intake.photos() == [("end.jpg", "test", "url")]
    assert loop.problem == "download_failed: more than 5 redirects"
    assert web.counts()["/loop"] == 6


async def test_no_cookies_are_kept_and_no_credentials_sent(intake, web):
    await intake.fetch(web.file("/a.jpg", picture(10_000), headers={"set-cookie": "a=1"}))
    await intake.fetch(web.file("/b.jpg", picture(10_001)))
    for request in web.requests:
        assert not {"cookie", "authorization", "referer"} & set(request.headers)


async def test_downloads_from_one_host_are_bounded_and_others_are_not_held_up(tmp_path, web):
    intake = open_intake(str(tmp_path / "root"), download={"concurrency": 6, "concurrency_per_host": 3})
    full = asyncio.Event()

    async def handle(_, writer):
        if web.busy == 3:
            full.set()
        await full.wait()
        await asyncio.sleep(0.05)  # one too many would come meanwhile
        await answer(writer, 200, picture(500, len(web.requests)))

    web.handlers["/a.jpg"] = handle
    found = await intake.fetch(*(f"{web.url}/a.jpg?{n}" for n in range(20)))
    assert all(item.state is SubmissionState.ACCEPTED for item in found)
    assert web.busiest == 3
    await intake.close()


async def test_a_full_disk_makes_downloads_wait_and_says_so(intake, web, monkeypatch):
    def full(folder, wanted):
        raise StorageFull(f"{folder} is full")

    monkeypatch.setattr("smartsort.downloads.fetch.check_room", full)
    monkeypatch.setattr(queue, "_STORAGE_SECONDS", 0.01)
    await intake.downloads.submit([(web.file("/a.jpg", picture(1000)), "x")])

    async def steps():
        for _ in range(10):
            await intake.downloads.step()

    with pytest.raises(StorageFull):
        await steps()
    monkeypatch.setattr("smartsort.downloads.fetch.check_room", lambda folder, wanted: None)
    await intake.work()
    assert len(intake.photos()) == 1


@pytest.mark.parametrize("refusal", ["no room", "not there"])
async def test_a_download_that_cannot_even_be_noted_is_told_by_the_stage(intake, web, monkeypatch, refusal):
    def full(*args, **more):
        raise StorageFull("it is full")

    async def steps():
        for _ in range(20):
            await asyncio.wait_for(intake.downloads.step(), 20)

    unheard = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    url = web.file("/a.jpg", picture(1000))
    await intake.downloads.submit([(url if refusal == "no room" else f"{web.url}/none.jpg", "x")])
    with monkeypatch.context() as taken:
        if refusal == "no room":
            taken.setattr("smartsort.downloads.fetch.check_room", full)
        taken.setattr(queue.submissions, "postpone", full)
        taken.setattr(queue.submissions, "fail", full)
        for _ in range(2):  # it is tried again, and told again
            with pytest.raises(StorageFull, match="it is full"):
                await steps()
    gc.collect()
    assert unheard == []
    await intake.work()
    assert len(intake.photos()) == (refusal == "no room")


async def test_an_empty_file_is_a_failure(intake, web):
    [item] = await intake.fetch(web.file("/a.jpg", b""))
    assert item.problem == "download_failed: the server sent an empty file"


async def test_a_date_from_the_future_is_not_believed(intake, web):
    url = web.file("/a.jpg", picture(700), headers={"last-modified": "Wed, 21 Oct 2115 07:28:00 GMT"})
    await intake.fetch(url)
    [[mtime_ns]] = intake.context.ledger.read(
        lambda db: db.conn.execute("SELECT mtime_ns FROM photos").fetchall()
    )
    assert mtime_ns / 1e9 <= datetime.now(UTC).timestamp()


async def test_what_falls_due_while_we_look_is_not_slept_over(intake, web, monkeypatch):
    """Due a moment after the look for due items, a moment before the look for the next one."""
    monkeypatch.setattr(queue, "IDLE_SECONDS", 1000.0)
    real, looked = intake.downloads._start_due, []

    async def slow_look(now):
        await real(now)
        if not looked:
            looked.append(now)
            await asyncio.sleep(0.05)

    web.file("/a.jpg", picture(600))
    await intake.downloads.submit([(f"{web.url}/a.jpg", "x")])
    soon = (datetime.now(UTC) + timedelta(seconds=0.03)).isoformat(timespec="milliseconds")
    intake.context.ledger.write(lambda db: db.conn.execute("UPDATE submissions SET not_before = ?", (soon,)))
    monkeypatch.setattr(intake.downloads, "_start_due", slow_look)
    await asyncio.wait_for(intake.work(), 60)
    assert len(intake.photos()) == 1
