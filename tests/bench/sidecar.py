"""Sidecars and demo servers for the benchmarks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Self

from tests.demo_server import COMMAND
from tests.fake_immich import FakeServer, by_name

from smartsort.bootstrap import open_sidecar
from smartsort.config import load_settings
from smartsort.core.model import State
from smartsort.demo.samples import BLACKLIST, PEOPLE, WHITELIST
from smartsort.ledger import photos
from smartsort.pipeline.engine.runner import Runner
from smartsort.ports import PhotoServer

IMMICH_LIBRARY = "/mnt/bench"


def settings_for(root: str, url: str, **more: Any) -> Any:
    """Settings of a sidecar on `root` beside an Immich at `url`."""
    values: Mapping[str, Any] = {
        "root": root,
        "immich.url": url,
        "immich.api_key": "demo-api-key",
        "immich.library_path": IMMICH_LIBRARY,
        "inbox.settle_seconds": 0.2,
        "whitelist": list(WHITELIST),
        "blacklist": list(BLACKLIST),
        "api.token": "token-of-the-benchmark",
    }
    return load_settings(None, env={}, overrides={**values, **more})


class Bench:
    """A sidecar whose stages are stepped by hand, beside a fake Immich that answers at once."""

    def __init__(self, root: str, max_in_flight: int, server: PhotoServer | None = None) -> None:
        os.makedirs(root)
        server = server or FakeServer(os.path.join(root, "library"), ("Anna",), by_name)
        more = {"immich.max_in_flight": max_in_flight, "immich.library_path": "/mnt/photos/library"}
        self.sidecar = open_sidecar(settings_for(root, "http://immich.test", **more), server=server)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.sidecar.close()

    async def step(self, name: str) -> object:
        """One step of a stage."""
        stage = next(s for s in self.sidecar.runner._stages if s.name == name)
        return await stage.step()

    @contextlib.asynccontextmanager
    async def running(self, *names: str) -> AsyncIterator[None]:
        """These stages run side by side meanwhile, as in the sidecar."""
        whole = self.sidecar.runner
        stages = [stage for stage in whole._stages if stage.name in names]
        runner = Runner(self.sidecar.context, stages, whole.health_issues)
        running = asyncio.create_task(runner.run())
        try:
            yield
        finally:
            runner.stop.set()
            await running

    async def count(self, state: str) -> int:
        """Photos in a state."""
        counts = await self.sidecar.context.ledger.aread(photos.count_by_state)
        return counts.get(State(state), 0)

    def ledger_bytes(self) -> int:
        """What the ledger takes on the disk."""
        path = self.sidecar.context.ledger.path
        return sum(os.path.getsize(p) for p in (path, f"{path}-wal", f"{path}-shm") if os.path.exists(p))


@contextlib.contextmanager
def demo_server(library: str, profile: str, *options: str) -> Iterator[str]:
    """A demo Immich in a process of its own; its address."""
    os.makedirs(library, exist_ok=True)
    command = [sys.executable, COMMAND, "--library-root", library]
    command += ["--import-path", IMMICH_LIBRARY, "--profile", profile, *options]
    for person in PEOPLE:
        command += ["--person", person]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def resident_mb(pid: int | str = "self", what: str = "VmRSS") -> float:
    """Resident memory of a process in MB (10^6)."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        line = next(line for line in file if line.startswith(what))
    return int(line.split()[1]) * 1024 / 1e6


def most_mb(pid: int | str) -> float:
    """The most resident memory that a process had so far, in MB (10^6)."""
    return resident_mb(pid, "VmHWM")
