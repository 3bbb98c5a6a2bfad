"""The demo Immich as one object: its state, its jobs and what goes wrong with it."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from smartsort.demo.chain import PhotoChain
from smartsort.demo.faults import Faults
from smartsort.demo.jobs import JobEngine
from smartsort.demo.previews import Previews
from smartsort.demo.recognition import Recognition
from smartsort.demo.samples import make_album
from smartsort.demo.scanning import LibraryScanner
from smartsort.demo.settings import DemoSettings
from smartsort.demo.state import DemoState
from smartsort.demo.timing import PROFILES


class DemoImmich:
    """A server that behaves like Immich where it matters to smartsort.

    `state` is its data, `faults` what goes wrong with it, `requests` counts what it was asked by method and
    path template. `build_app` makes its web application, `serve` lets that listen. Use it from the thread
    of the event loop it is served on.
    """

    FAULTS = Faults

    def __init__(self, settings: DemoSettings | None = None) -> None:
        self.settings = settings or DemoSettings()
        self.state = DemoState(self.settings)
        self.faults = self.FAULTS(self.settings.seed)
        self.requests: Counter[tuple[str, str]] = Counter()
        self.timing = PROFILES[self.settings.profile]
        self.engine = JobEngine(
            self.state.version.queue_names, self.timing, random.Random(f"jobs:{self.settings.seed}")
        )
        self.recognition = Recognition(self.state, self.engine)
        self.chain = PhotoChain(self.state, self.engine, self.recognition, self.faults)
        self.scanner = LibraryScanner(self.state, self.engine, self.chain, self.timing)
        self.previews = Previews(self.state)

    @property
    def key(self) -> str:
        """The secret of the first API key."""
        return self.settings.keys[0].secret

    @property
    def finished(self) -> dict[str, float]:
        """When each photo's recognition ended, in seconds since 1970, by its path as Immich sees it."""
        return {a.path: a.finished_at for a in self.state.assets.values() if a.finished_at is not None}

    async def wait_idle(self, timeout_seconds: float = 60.0) -> None:
        """Return when no queue has anything to do. Raises TimeoutError."""
        until = time.monotonic() + timeout_seconds
        # Idle twice in a row: a scan that was just asked for has not reached its queue at the first look.
        while not (self.engine.is_idle and await self._still_idle()):
            if time.monotonic() > until:
                raise TimeoutError(f"the demo's queues were not empty after {timeout_seconds} s")
            await asyncio.sleep(0.005)

    async def _still_idle(self) -> bool:
        await asyncio.sleep(0.002)
        return self.engine.is_idle

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Put everything away at the end."""
        if self.settings.machine_learning:
            folder = self.state.upload_folder()
            for path in await asyncio.to_thread(make_album, folder, self.settings.people):
                self.chain.remember(path)
        try:
            yield self
        finally:
            await self.engine.close()
            self.state.close()
