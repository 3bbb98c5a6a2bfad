"""Waiting for something to have happened, as many at a time as there are requests that wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

_PAUSE_SECONDS = 0.03
"""Changes come in bursts. Looking once for several is enough."""


class Arrivals:
    """Lets many wait on one subscription, which exists only while one of them waits."""

    def __init__(self, subscribe: Callable[[], asyncio.Event]) -> None:
        self._subscribe = subscribe
        self._wakeup: asyncio.Event | None = None
        self._changed = asyncio.Event()
        self._waiting = 0
        self._pump: asyncio.Task[None] | None = None
        self._closed = False

    def close(self) -> None:
        """Let nobody wait any longer: requests that wait would hold up the end of the process."""
        self._closed = True
        self._changed.set()

    def notify(self) -> None:
        """Something changed that no notification of the pipeline covers."""
        if self._wakeup is not None:
            self._wakeup.set()

    async def until(self, look: Callable[[], Awaitable[T | None]], seconds: float) -> T | None:
        """Return what `look` found, looking again at every change, None when `seconds` are over."""
        if self._wakeup is None:
            self._wakeup = self._subscribe()
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        self._waiting += 1
        try:
            while True:
                self._start()
                changed = self._changed
                found = await look()
                left = end - loop.time()
                if found is not None or left <= 0 or self._closed:
                    return found
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), left)
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            self._waiting -= 1
            if not self._waiting and self._pump is not None:
                self._pump.cancel()
                self._pump = None

    def _start(self) -> None:
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._work(), name="arrivals")

    async def _work(self) -> None:
        wakeup = self._wakeup
        while wakeup is not None:
            await wakeup.wait()
            wakeup.clear()
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()
