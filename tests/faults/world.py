"""A sidecar and a demo Immich in this process, for faults that need no kill."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.faults.running import settings_for
from tests.faulty_demo import DemoImmich, serve
from tests.once import DECODERS

from smartsort.bootstrap import Sidecar, open_sidecar
from smartsort.config import load_settings
from smartsort.core.model import AT_REST
from smartsort.demo.run import demo_settings
from smartsort.immich import ImmichServer
from smartsort.ledger import photos


@dataclass
class World:
    root: str
    demo: DemoImmich
    url: str
    more: dict[str, Any] = field(default_factory=dict)
    sidecar: Sidecar | None = None
    _task: asyncio.Task[None] | None = None

    @property
    def inbox(self) -> str:
        return os.path.join(self.root, "inbox")

    @property
    def settings(self) -> Any:
        return load_settings(None, env={}, overrides=settings_for(self.root, self.url, **self.more))

    async def start(self, **arguments: Any) -> Sidecar:
        """A sidecar whose retries are counted in tenths of a second.

        No stage looks for work by itself: where a wake-up is missing, a test waits in vain.
        """
        server = ImmichServer(self.url, self.demo.key, timeout_seconds=2.0, retries=1, sleep=_shortly)
        sidecar = await asyncio.to_thread(open_sidecar, self.settings, server=server, **arguments)
        sidecar.context.decoders = DECODERS
        runner = sidecar.runner
        runner.first_backoff, runner.longest_backoff, runner.retry_problems = 0.05, 0.4, 0.5
        runner.idle = 3600.0
        self.sidecar = sidecar
        self._task = asyncio.create_task(sidecar.run())
        return sidecar

    async def stop(self) -> float:
        """Seconds it took to stop in good order."""
        began = time.monotonic()
        if self.sidecar is not None and self._task is not None:
            self.sidecar.stop()
            await self._task
            await self.sidecar.close()
            self.sidecar = None
        return time.monotonic() - began

    async def at_rest(self) -> int:
        assert self.sidecar is not None
        counts = await self.sidecar.context.ledger.aread(photos.count_by_state)
        return sum(counts.get(state, 0) for state in AT_REST)

    async def until(self, condition: Callable[[], Any], seconds: float = 90) -> bool:
        """True when a condition (plain or awaitable) comes true; a limit for hanging, not a measure."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return True
            if self._task is not None and self._task.done():
                await self._task
                return False
            await asyncio.sleep(0.03)
        return False

    async def sorted(self, count: int, seconds: float = 60) -> None:
        async def done() -> bool:
            return await self.at_rest() >= count

        if not await self.until(done, seconds):
            assert self.sidecar is not None
            states = await self.sidecar.context.ledger.aread(photos.count_by_state)
            raise AssertionError(f"{await self.at_rest()} of {count}: {states}, {self.health_issues()}")

    def health_issues(self) -> dict[str, str]:
        assert self.sidecar is not None
        return {t.kind: t.message for t in self.sidecar.runner.health_issues.open}


async def _shortly(_seconds: float) -> None:
    await asyncio.sleep(0.01)


@asynccontextmanager
async def world(root: str, *, profile: Any = "instant", **more: Any) -> AsyncIterator[World]:
    os.makedirs(os.path.join(root, "library"), exist_ok=True)
    os.makedirs(os.path.join(root, "inbox"), exist_ok=True)
    demo = DemoImmich(demo_settings(root, profile, "3.1.0", people_from_regions=False))
    async with serve(demo) as server:
        made = World(root, demo, server.url, more)
        try:
            yield made
        finally:
            demo.faults.clear()
            with suppress(asyncio.CancelledError):
                await made.stop()
