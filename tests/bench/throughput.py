"""Photos through the whole pipeline: per second, per call, and against Immich left to itself."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Iterator

import httpx
from tests.bench.report import Figure
from tests.bench.sidecar import IMMICH_LIBRARY, demo_server, settings_for

from smartsort.bootstrap import open_sidecar
from smartsort.core.model import AT_REST, State
from smartsort.demo.samples import make_samples
from smartsort.ledger import photos

KEY = {"x-api-key": "demo-api-key"}


def run(scratch: str, *, quick: bool) -> Iterator[Figure]:
    """At once, at a real server's pace, and what one photo alone takes."""
    many = 600 if quick else 3000
    seconds, first, calls, fetched = _through(scratch, "instant", many)
    yield Figure(
        "throughput",
        f"{many} photos, Immich answers at once",
        many / seconds,
        "photos/s",
        None,
        300,
        least=True,
    )
    yield Figure("frugality", f"calls per photo at {many}", calls, "calls", None, 1.2)
    yield Figure("frugality", f"bytes fetched per photo at {many}", fetched, "bytes")
    alone, *_ = _through(scratch, "real", 1)
    for count in (60,) if quick else (300, 3000):
        theirs = _immich_alone(scratch, count)
        ours, first, *_ = _through(scratch, "real", count)
        yield Figure("throughput", f"{count} photos at a real pace, vs Immich alone", ours, "s", theirs, 1.05)
        yield Figure(
            "time to first", f"first of {count} dropped at once, vs one alone", first, "s", alone, 3.0
        )


def _samples(inbox: str, count: int) -> None:
    make_samples(inbox, count, size=(320, 240), reuse_drawings=True)


def _through(scratch: str, profile: str, count: int) -> tuple[float, float, float, float]:
    """(seconds until all are at rest, until the first is filed, calls per photo, bytes fetched per photo)."""
    root = os.path.join(scratch, f"through-{profile}-{count}")
    os.makedirs(root)
    _samples(os.path.join(root, "inbox"), count)
    with demo_server(os.path.join(root, "library"), profile) as url:
        result = asyncio.run(_run(root, url, count))
    shutil.rmtree(root)
    return result


async def _run(root: str, url: str, count: int) -> tuple[float, float, float, float]:
    sidecar = open_sidecar(settings_for(root, url))
    started = time.perf_counter()
    first = 0.0
    task = asyncio.create_task(sidecar.run())
    while True:
        counts = await sidecar.context.ledger.aread(photos.count_by_state)
        rest = sum(counts.get(state, 0) for state in AT_REST)
        if counts.get(State.FILED) and not first:
            first = time.perf_counter() - started
        if rest >= count:
            break
        await asyncio.sleep(0.02)
    seconds = time.perf_counter() - started
    server = sidecar.context.server
    calls = sum(server.calls.values()) / count
    fetched = getattr(server, "received_bytes", 0) / count
    sidecar.stop()
    await task
    await sidecar.close()
    return seconds, first, calls, fetched


def _immich_alone(scratch: str, count: int) -> float:
    """Seconds the demo Immich needs for the same files when somebody simply puts them into its library."""
    root = os.path.join(scratch, f"alone-{count}")
    library = os.path.join(root, "library")
    _samples(library, count)
    with demo_server(library, "real") as url, httpx.Client(base_url=f"{url}/api", headers=KEY) as client:
        found = [lib for lib in client.get("/libraries").json() if IMMICH_LIBRARY in lib["importPaths"]]
        started = time.perf_counter()
        client.post(f"/libraries/{found[0]['id']}/scan").raise_for_status()
        while True:
            time.sleep(0.2)
            queues = client.get("/queues").json()
            busy = sum(q["statistics"]["active"] + q["statistics"]["waiting"] for q in queues)
            if not busy and time.perf_counter() - started > 1:
                break
        seconds = time.perf_counter() - started
    shutil.rmtree(root)
    return seconds
