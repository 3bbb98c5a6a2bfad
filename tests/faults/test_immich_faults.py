"""An Immich that lies for an hour: nothing is misfiled, nothing is stuck, and it goes on when it is over."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import time
from collections import Counter
from contextlib import closing

import httpx
import pytest
from tests.faults.deliveries import Stock, judge
from tests.faults.world import World, world
from tests.faulty_demo import DemoImmich, exposed
from tests.ports import reserved_port

from smartsort import bootstrap
from smartsort.audit import Audit, Weight
from smartsort.demo.run import demo_settings
from smartsort.demo.samples import make_samples
from smartsort.files.layout import Layout
from smartsort.immich.http11 import Http11Transport

COUNT = 24


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    made = Stock(str(tmp_path_factory.mktemp("stock")))
    made.make(COUNT)
    return made


async def proved(here: World, stock: Stock) -> None:
    """Everything arrived where it belongs: no fault became a verdict."""
    await here.sorted(len(stock.deliveries))
    await here.stop()
    report = await asyncio.to_thread(Audit(Layout(here.root)).run)
    assert report.weight is Weight.CLEAN, [f.what for f in report.findings]
    verdict = judge(here.root, stock.deliveries)
    assert verdict.good, str(verdict)


def down(here):
    here.demo.faults.down = True


def every_call_500(here):
    here.demo.faults.add("/api/*", "status", status=500)


def one_in_three(here):
    here.demo.faults.add("/api/*", "status", status=502, probability=0.3)


def slow(here):
    here.demo.faults.add("/api/*", "slow", seconds=3.0)  # longer than the time limit of 2 s


def truncated(here):
    here.demo.faults.add("/api/*", "truncate", probability=0.7)


def proxy_page(here):
    here.demo.faults.add("/api/*", "html")


def hang_up(here):
    here.demo.faults.add("/api/*", "drop", probability=0.5)


def listings(here):
    here.demo.faults.listing_error_rate = 0.5


def revoked(here):
    here.demo.state.keys[here.demo.key].revoked = True


def no_library(here):
    here.demo.faults.library_gone = True


def new_fields(here):
    here.demo.faults.extra_fields = True


def over(here):
    here.demo.faults.clear()
    here.demo.state.keys[here.demo.key].revoked = False


FAULTS = [
    down,
    every_call_500,
    one_in_three,
    slow,
    truncated,
    proxy_page,
    hang_up,
    listings,
    revoked,
    no_library,
    new_fields,
]


CASES = [
    *((fault, "in mid-run") for fault in FAULTS),
    *((fault, "from the start") for fault in (down, one_in_three, revoked, no_library)),
]


@pytest.mark.parametrize(("fault", "when"), CASES, ids=lambda v: getattr(v, "__name__", v))
async def test_a_fault_only_makes_photos_wait(tmp_path, stock, fault, when):
    async with world(str(tmp_path / "root")) as here:
        if when == "from the start":
            fault(here)
            await here.start()
            stock.deliver(stock.deliveries, here.inbox)
        else:
            await here.start()
            stock.deliver(stock.deliveries, here.inbox)
            await here.sorted(COUNT // 4)
            fault(here)
        await asyncio.sleep(0.6)
        over(here)
        await told_of_recovery(here, f"{fault.__name__} {when}")
        await proved(here, stock)


async def told_of_recovery(here: World, what: str) -> None:
    """For the report: how long until nothing is in the way any more; tries are at most 0.5 s apart here."""
    began = time.monotonic()
    assert await here.until(lambda: not here.health_issues() and here.sidecar.connected)
    if os.environ.get("SMARTSORT_TEST_REPORT"):
        print(f"{what}: nothing in the way {time.monotonic() - began:.2f} s after it was over")


async def test_trouble_is_told_and_ends(tmp_path, stock):
    async with world(str(tmp_path / "root")) as here:
        await here.start()
        down(here)
        stock.deliver(stock.deliveries, here.inbox)
        assert await here.until(lambda: "immich" in here.health_issues())
        over(here)
        revoked(here)
        assert await here.until(lambda: "permission" in here.health_issues())
        over(here)
        await proved_without_trouble(here, stock)


async def proved_without_trouble(here: World, stock: Stock) -> None:
    await here.sorted(len(stock.deliveries))
    assert await here.until(lambda: not here.health_issues())
    await proved(here, stock)


async def test_failing_recognition_is_not_no_face(tmp_path):
    """Only what has no face is said to have none, while machine learning fails and afterwards.

    With the pace of a real server: a job that fails has been in its queue before.
    """
    samples = make_samples(tmp_path / "stock", COUNT, size=(120, 90), reuse_drawings=True)
    with_faces = {os.path.basename(s.path) for s in samples if s.people and s.is_readable}
    often = {"immich.wait_time_seconds": 0.3}
    async with world(str(tmp_path / "root"), profile="demo", **often) as here:
        here.demo.faults.ml_failing = True
        await here.start()
        shutil.copytree(tmp_path / "stock", here.inbox, dirs_exist_ok=True)
        assert await here.until(lambda: len(here.demo.engine.failures) > 2)
        await asyncio.sleep(0.5)
        over(here)
        await here.sorted(len(samples))
        await here.stop()
        found = _tree(os.path.join(here.root, "review", "unidentified"))
        said = {name.removeprefix("noface_") for name in found if name.startswith("noface_")}
        assert not said & with_faces, said & with_faces


async def test_people_wiped_by_a_forced_recognition(tmp_path, stock):
    """Somebody starts recognition again for all: people and names are gone. Nobody is filed wrongly."""
    async with world(str(tmp_path / "root")) as here:
        await here.start()
        half = len(stock.deliveries) // 2
        stock.deliver(stock.deliveries[:half], here.inbox)
        await here.sorted(half)
        before = _tree(os.path.join(here.root, "faces"))
        people = dict(here.demo.state.people)
        here.demo.state.people.clear()
        for face in here.demo.state.faces.values():
            face.person_id = None
        stock.deliver(stock.deliveries[half:], here.inbox)
        await here.sorted(len(stock.deliveries))
        wrong = {path for path in _tree(os.path.join(here.root, "faces")) if path not in before}
        assert not wrong, wrong
        here.demo.state.people.update(people)
        await here.stop()
        report = await asyncio.to_thread(Audit(Layout(here.root)).run)
        assert report.weight is Weight.CLEAN, [f.what for f in report.findings]


@pytest.mark.parametrize("forgets", [False, True])
async def test_immich_is_restarted_in_mid_run(tmp_path, stock, forgets):
    """It goes away and comes back: with what it knew, or without (somebody put an old backup back)."""
    root = str(tmp_path / "root")
    os.makedirs(os.path.join(root, "library"))
    os.makedirs(os.path.join(root, "inbox"))
    settings = demo_settings(root, "instant", "3.1.0", people_from_regions=False)
    before, after = DemoImmich(settings), DemoImmich(settings)
    with reserved_port() as port:
        async with before.running(), after.running():
            async with exposed(before, port=port) as server:
                here = World(root, before, server.url)
                await here.start()
                stock.deliver(stock.deliveries[: COUNT // 2], here.inbox)
                await here.sorted(COUNT // 4)
            stock.deliver(stock.deliveries[COUNT // 2 :], here.inbox)
            assert await here.until(lambda: "immich" in here.health_issues())
            async with exposed(after if forgets else before, port=port):
                await proved(here, stock)


async def test_a_request_under_way_as_its_client_is_closed_leaves_no_connection() -> None:
    asked, answer = asyncio.Event(), asyncio.Event()
    left: list[bytes] = []

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await answer.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        left.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    async with server:
        transport = Http11Transport(1, 60.0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        request = asyncio.create_task(transport.handle_async_request(httpx.Request("GET", url)))
        await asked.wait()
        await transport.aclose()
        answer.set()
        assert (await request).status_code == 200
        assert transport._idle == []
        while not left:  # noqa: ASYNC110  (the other end sees that the connection is closed)
            await asyncio.sleep(0.001)


async def test_assets_that_were_deleted_and_imported_again(tmp_path, stock, monkeypatch):
    """Somebody deletes the assets in Immich; the next scan brings them back under other ids."""
    monkeypatch.setattr(bootstrap, "LATER_SECONDS", 0.1)
    async with world(str(tmp_path / "root")) as here:
        await here.start()
        stock.deliver(stock.deliveries, here.inbox)
        await here.sorted(len(stock.deliveries))
        await here.stop()
        with closing(sqlite3.connect(os.path.join(here.root, "smartsort.db"))) as db:
            db.execute("UPDATE photos SET asset_id = 'gone-' || id WHERE asset_id IS NOT NULL")
            db.commit()
        sidecar = await here.start()

        async def recovered() -> bool:
            return not await sidecar.context.ledger.aread(
                lambda db: db.conn.execute(
                    "SELECT count(*) FROM photos WHERE asset_id LIKE 'gone-%'"
                ).fetchone()[0]
            )

        assert await here.until(recovered)
        await proved(here, stock)


def _tree(folder):
    return Counter(
        os.path.relpath(os.path.join(place, name), folder)
        for place, _, names in os.walk(folder)
        for name in names
        if not name.startswith(".")
    )
