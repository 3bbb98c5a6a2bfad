"""Full disks, vanished mounts and slow stops: intake pauses loudly, nothing is lost, it goes on by itself."""

# ruff: noqa: ASYNC230 - small files of the test's own

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from contextlib import contextmanager, suppress

import httpx
import pytest
from tests.faults.deliveries import Stock, judge
from tests.faults.world import world

from smartsort.api.app import create_app
from smartsort.audit import Audit, Weight
from smartsort.bootstrap import open_sidecar
from smartsort.files.layout import SENTINEL, Layout
from smartsort.lock import RootLocked

COUNT = 24

TOKEN = {"authorization": "Bearer a-token-for-tests-only-0123456789"}

needs_mounts = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    made = Stock(str(tmp_path_factory.mktemp("stock")))
    made.make(COUNT)
    return made


@contextmanager
def small_disk(folder, megabytes):
    os.makedirs(folder, exist_ok=True)
    options = f"size={megabytes}m,mode=0777"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False)
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(path, leave=0):
    """Take all space but `leave` bytes."""
    # Unbuffered: a buffer that cannot be written fails once more when the file is closed.
    with open(path, "wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(65536))
    if leave:
        os.truncate(path, max(0, os.stat(path).st_size - leave))


async def proved(here, stock, ledger=None):
    await here.sorted(len(stock.deliveries))
    assert await here.until(lambda: not here.health_issues())
    layout = here.sidecar.context.layout
    await here.stop()
    report = await asyncio.to_thread(Audit(layout).run)
    assert report.weight is Weight.CLEAN, [f.what for f in report.findings]
    verdict = judge(here.root, stock.deliveries, ledger)
    assert verdict.good, str(verdict)


@needs_mounts
@pytest.mark.parametrize("leave", [0, 120_000])
async def test_the_root_is_full(tmp_path, stock, leave):
    root = str(tmp_path / "root")
    with small_disk(root, 24):
        async with world(root) as here:
            await here.start()
            stock.deliver(stock.deliveries[:4], here.inbox)
            await here.sorted(4)
            stock.deliver(stock.deliveries[4:], here.inbox)
            fill(f"{root}/filler", leave)
            assert await here.until(lambda: "storage" in here.health_issues() or leave), here.health_issues()
            await asyncio.sleep(0.5)
            if not leave:
                assert "storage" in here.health_issues(), here.health_issues()
            os.unlink(f"{root}/filler")
            await proved(here, stock)


@needs_mounts
async def test_the_ledger_alone_is_full(tmp_path, stock):
    root, ledger = str(tmp_path / "root"), str(tmp_path / "ledger")
    with small_disk(ledger, 8):
        path = f"{ledger}/smartsort.db"
        async with world(root, **{"directories.ledger_file": path}) as here:
            await here.start()
            stock.deliver(stock.deliveries[:4], here.inbox)
            await here.sorted(4)
            fill(f"{ledger}/filler")
            stock.deliver(stock.deliveries[4:], here.inbox)
            assert await here.until(lambda: "storage" in here.health_issues()), here.health_issues()
            os.unlink(f"{ledger}/filler")
            await proved(here, stock, path)


@needs_mounts
@pytest.mark.parametrize("how", ["full", "read-only"])
@pytest.mark.parametrize("area", ["faces", "library"])
async def test_one_folder_takes_nothing(tmp_path, stock, how, area):
    """It stays reported, although the inbox goes well; nothing is lost, and it goes on by itself."""
    root = str(tmp_path / "root")
    disk = os.path.join(root, area)

    def remount(option):
        subprocess.run(["mount", "-o", f"remount,{option}", disk], check=True)

    with small_disk(disk, 8):
        async with world(root, **{"inbox.scan_interval_seconds": 0.2}) as here:
            sidecar = await here.start()
            told = []
            announce = sidecar.runner.health_issues._announce
            sidecar.runner.health_issues._announce = lambda t, began: (
                told.append((t.kind, began)),
                announce(t, began),
            )
            stock.deliver(stock.deliveries[:4], here.inbox)
            await here.sorted(4)
            if how == "full":
                fill(f"{disk}/filler")
            else:
                remount("ro")
            stock.deliver(stock.deliveries[4:], here.inbox)
            assert await here.until(lambda: "storage" in here.health_issues()), here.health_issues()
            assert await here.until(lambda: not any(names for _, _, names in os.walk(here.inbox)))
            before = told.count(("storage", True))
            await asyncio.sleep(1.0)  # several looks at the inbox, several tries
            assert told.count(("storage", True)) == before == 1
            assert "storage" in here.health_issues()
            if how == "full":
                os.unlink(f"{disk}/filler")
            else:
                remount("rw")
            await proved(here, stock)


@pytest.mark.parametrize("how", ["unmounted", "another", "missing"])
@pytest.mark.parametrize("area", ["library", "faces"])
async def test_a_mount_that_vanishes_pauses_everything(tmp_path, stock, how, area):
    token = {"api.token": TOKEN["authorization"].removeprefix("Bearer ")}
    async with world(str(tmp_path / "root"), **token) as here:
        sidecar = await here.start()
        stock.deliver(stock.deliveries[:4], here.inbox)
        await here.sorted(4)
        folder = os.path.join(here.root, area)
        os.rename(folder, f"{folder}.away")
        if how != "missing":
            os.makedirs(folder)
        if how == "another":
            with open(os.path.join(folder, SENTINEL), "w") as file:
                file.write('{"id": "somebody else\'s"}')
        stock.deliver(stock.deliveries[4:], here.inbox)
        assert await here.until(lambda: "root" in here.health_issues())
        assert area in here.health_issues()["root"]
        scans = sidecar.context.server.calls.get("scan_library", 0)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(create_app(sidecar)), base_url="http://127.0.0.1", headers=TOKEN
        ) as client:
            answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert any(t["kind"] == "root" for t in answer.json()["health_issues"])
        await asyncio.sleep(0.5)
        assert sidecar.context.server.calls.get("scan_library", 0) == scans
        left = [] if how == "missing" else [n for n in os.listdir(folder) if n != SENTINEL]
        assert left == []
        assert await here.at_rest() == 4
        if how != "missing":
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, SENTINEL))
            os.rmdir(folder)
        os.rename(f"{folder}.away", folder)
        await proved(here, stock)


async def test_a_second_sidecar_is_told_who_is_at_work(tmp_path):
    async with world(str(tmp_path / "root")) as here:
        await here.start()
        with pytest.raises(RootLocked, match=f"process {os.getpid()}"):
            await asyncio.to_thread(open_sidecar, here.settings)


async def test_whoever_asks_while_smartsort_stops_learns_that_it_stops(tmp_path, stock):
    async with world(str(tmp_path / "root"), **{"api.token": TOKEN["authorization"][7:]}) as here:
        sidecar = await here.start()
        stock.deliver(stock.deliveries[:4], here.inbox)
        await here.sorted(4)
        app = create_app(sidecar)
        # An error would be raised here, beside its answer of 500.
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", headers=TOKEN
        ) as client:

            async def ask():
                found = {}
                for path, methods in app.openapi()["paths"].items():
                    for method in methods:
                        at = re.sub(r"\{\w+\}", "1", path)
                        if at.endswith(("/events/stream", "/review/export")):
                            continue  # their answers have begun before they need the ledger
                        sent = {"json": {}} if method in ("post", "put", "patch") else {}
                        found[method, path] = await client.request(method, at, **sent)
                return found

            await ask()  # so that each thread has read from the ledger
            await here.stop()
            found = await ask()
        failed = {asked: got.text for asked, got in found.items() if got.status_code == 500}
        assert failed == {}
        what_if = found["post", "/api/smart-download/what-if"]
        assert (what_if.status_code, what_if.json()["code"]) == (503, "ledger")
        assert "stops" in what_if.json()["detail"]


async def test_stopping_does_not_wait_for_an_immich_that_hangs(tmp_path, stock):
    async with world(str(tmp_path / "root")) as here:
        sidecar = await here.start()
        sidecar.runner.drain = 0.2
        server = sidecar.context.server
        before = sum(server.calls.values())
        here.demo.faults.add("/api/*", "slow", seconds=3600)
        stock.deliver(stock.deliveries, here.inbox)
        assert await here.until(lambda: sum(server.calls.values()) > before)
        async with asyncio.timeout(90):
            await here.stop()
        here.demo.faults.clear()
        report = await asyncio.to_thread(Audit(Layout(here.root), quick=True).run)
        assert report.weight is not Weight.LOSS
        await here.start()
        await proved(here, stock)
