"""One delivery of photos through a sidecar beside a demo Immich, or through a demo Immich alone."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from tests.bench.report import median
from tests.bench.sidecar import IMMICH_LIBRARY, demo_server, settings_for

from smartsort.bootstrap import Sidecar, open_sidecar
from smartsort.core.model import AT_REST
from smartsort.demo.samples import make_samples

KEY = {"x-api-key": "demo-api-key"}
_MORE_THAN_A_BATCH = 10**6


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one delivery took. Seconds count from the start of the sidecar, with all files in the inbox."""

    seconds: float
    """Until the last photo was at rest."""
    first: float
    """Until the first photo was filed."""
    calls: float
    """Calls to Immich per photo."""
    fetched: float
    """Bytes of Immich's answers per photo."""
    cpu_ms: float
    """Processor time of the sidecar per photo."""
    delay: float
    """Median seconds from "Immich has recognised the last face" to "filed"."""
    operations: dict[str, int] = field(default_factory=dict)


def samples(folder: str, count: int) -> None:
    """Small photos, because reading large ones is measured in `intake`."""
    make_samples(folder, count, size=(320, 240), reuse_drawings=True)


def through(
    scratch: str,
    name: str,
    profile: str,
    count: int,
    *,
    bounded: bool = True,
    videos: Sequence[str] = (),
    **more: Any,
) -> Delivery:
    """Deliver `count` photos at once; `bounded` False hands all of them to Immich together.

    `videos` are files that come along, and that nobody waits for. `more` are settings.
    """
    root = os.path.join(scratch, name)
    os.makedirs(root)
    samples(os.path.join(root, "inbox"), count)
    for number, path in enumerate(videos):
        copy_of(path, os.path.join(root, "inbox"), number)
    try:
        with demo_server(os.path.join(root, "library"), profile) as url:
            return asyncio.run(_run(root, url, count, bounded=bounded, more=more))
    finally:
        shutil.rmtree(root)


def copy_of(video: str, folder: str, number: int) -> None:
    """Put a video into a folder, with something behind it by which each number is another file."""
    copy = shutil.copy(video, os.path.join(folder, f"{number}-{os.path.basename(video)}"))
    with open(copy, "ab") as file:
        file.write(bytes(16 + number))


async def _run(root: str, url: str, count: int, *, bounded: bool, more: dict[str, Any]) -> Delivery:
    more = more if bounded else more | {"immich.max_in_flight": 10_000}
    sidecar = open_sidecar(settings_for(root, url, **more))
    if not bounded:
        sidecar.place_stage.batches.size = _MORE_THAN_A_BATCH
    before, used = time.time(), _processor_seconds()
    task = asyncio.create_task(sidecar.run())
    await _until_at_rest(sidecar, count)
    used = _processor_seconds() - used
    filed, routed = await sidecar.context.ledger.aread(_times)
    server = sidecar.context.server
    result = Delivery(
        seconds=max(routed.values()) - before,
        first=(min(filed) if filed else max(routed.values())) - before,
        calls=sum(server.calls.values()) / count,
        fetched=getattr(server, "received_bytes", 0) / count,
        cpu_ms=used * 1000 / count,
        delay=_delay(url, routed),
        operations=dict(server.calls),
    )
    sidecar.stop()
    await task
    await sidecar.close()
    return result


async def _until_at_rest(sidecar: Sidecar, count: int) -> None:
    at_rest = 0
    while at_rest < count:
        await asyncio.sleep(0.05)
        at_rest = await sidecar.context.ledger.aread(_photos_at_rest)


def _photos_at_rest(db: Any) -> int:
    """Videos come along in one benchmark, and are not counted."""
    states = ",".join(f"'{state.value}'" for state in AT_REST)
    query = f"SELECT count(*) FROM photos WHERE state IN ({states}) AND media_kind IS NOT 'video'"
    return int(db.conn.execute(query).fetchone()[0])


def _times(db: Any) -> tuple[list[float], dict[str, float]]:
    """When photos were filed, and when each was routed, by its path below `library/`."""
    rows = db.conn.execute(
        "SELECT p.state, p.routed_at, n.path FROM photos p"
        " LEFT JOIN names n ON n.photo_id = p.id AND n.area = 'library' AND n.member = 'photo'"
        " WHERE p.routed_at IS NOT NULL AND p.media_kind IS NOT 'video'"
    ).fetchall()
    moments = [(state, datetime.fromisoformat(at).timestamp(), path) for state, at, path in rows]
    filed = [moment for state, moment, _ in moments if state == "filed"]
    return filed, {path or f"no path {n}": moment for n, (_, moment, path) in enumerate(moments)}


def _delay(url: str, routed: dict[str, float]) -> float:
    with urllib.request.urlopen(f"{url}/demo/finished") as answer:
        finished: dict[str, float] = json.load(answer)
    paths = {path.removeprefix(f"{IMMICH_LIBRARY}/"): at for path, at in finished.items()}
    waited = [moment - paths[path] for path, moment in routed.items() if path in paths]
    return median(waited) if waited else 0.0


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def alone(scratch: str, name: str, profile: str, count: int) -> float:
    """Seconds the demo Immich needs for the same files when somebody simply puts them into its library.

    From the scan until it has recognised the last of them: what it does afterwards (text recognition) is no
    longer waited for here, as smartsort does not wait for it either.
    """
    root = os.path.join(scratch, name)
    library = os.path.join(root, "library")
    samples(library, count)
    try:
        with demo_server(library, profile) as url, httpx.Client(base_url=url, headers=KEY) as client:
            found = client.get("/api/libraries").json()
            ours = next(lib for lib in found if IMMICH_LIBRARY in lib["importPaths"])
            started = time.time()
            client.post(f"/api/libraries/{ours['id']}/scan").raise_for_status()
            while True:
                time.sleep(0.2)
                status = client.get("/demo/status").json()
                if status["idle"] and status["assets"] >= count:
                    return max(client.get("/demo/finished").json().values()) - started
    finally:
        shutil.rmtree(root)


def calls_while_idle(scratch: str, name: str, seconds: float) -> dict[str, int]:
    """Calls that reach Immich in so many seconds, by operation, after a few photos have been sorted."""
    root = os.path.join(scratch, name)
    os.makedirs(root)
    samples(os.path.join(root, "inbox"), 12)

    async def run(url: str) -> dict[str, int]:
        sidecar = open_sidecar(settings_for(root, url))
        task = asyncio.create_task(sidecar.run())
        await _until_at_rest(sidecar, 12)
        await asyncio.sleep(5)
        async with httpx.AsyncClient(base_url=url) as client:
            await client.delete("/demo/requests")
            await asyncio.sleep(seconds)
            made: dict[str, int] = (await client.get("/demo/requests")).json()
        sidecar.stop()
        await task
        await sidecar.close()
        return made

    try:
        with demo_server(os.path.join(root, "library"), "instant") as url:
            return asyncio.run(run(url))
    finally:
        shutil.rmtree(root)
