"""A pilot that waits for what its keys do, where Textual's waits until the machine seems to be idle."""

from __future__ import annotations

import asyncio
from typing import Any

import textual.app
from textual.drivers.headless_driver import HeadlessDriver
from textual.message import Message
from textual.pilot import Pilot


class KeyPilot(Pilot[None]):
    """Presses keys as a person does who looks at what each has done."""

    async def press(self, *keys: str) -> None:
        """Press keys, each when the one before has taken effect."""
        for key in keys:
            await self.type(key)
            # Of `smartsort_tui.keyboard`: it ends when nothing is left that changes what the next key means.
            effects = [worker._task for worker in self.app.workers if worker.group == "keys"]
            if tasks := [task for task in effects if task is not None]:
                await asyncio.wait(tasks)
            await self._wait_for_screen()

    async def type(self, *keys: str) -> None:
        """Press keys that have to wait, because the sidecar does not answer the one before."""
        await self.app._press_keys(keys)
        await self._wait_for_screen()

    async def pause(self, delay: float | None = None) -> None:
        """Until the messages of all widgets are handled. A `delay` comes on top."""
        await self._wait_for_screen()
        await asyncio.sleep(delay or 0)
        if self.app._running:
            self.app.screen._on_timer_update()

    async def _wait_for_screen(self, timeout: float = 60.0) -> bool:  # noqa: ASYNC109  (as Textual has it)
        """Until the messages that wait now are handled, or whoever should handle them is gone."""
        if not self.app._running or not self.app.screen_stack:
            return False
        nodes = [self.app, *self.app.screen.walk_children(with_self=True)]
        handled = [(node, asyncio.Event()) for node in nodes]
        waited = [(node, event) for node, event in handled if node.call_later(event.set)]
        end = asyncio.get_running_loop().time() + timeout
        while left := [node for node, event in waited if node.is_running and not event.is_set()]:
            if self.app._exception_event.is_set():
                return False
            assert asyncio.get_running_loop().time() < end, f"messages that are never handled: {left}"
            await asyncio.sleep(0.001)
        return True


async def _at_once(*_: Any) -> None:
    """Keys wait for each other: nothing has to wait for the machine."""


def _send_message(self: HeadlessDriver, message: Message) -> None:
    """In the queue at once, and not after some turns of the loop."""
    self._app.post_message(message)


textual.app.wait_for_idle = _at_once  # type: ignore[attr-defined]
HeadlessDriver.send_message = _send_message  # type: ignore[method-assign]
