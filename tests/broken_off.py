"""A wait that is broken off while a step of it is under way in a thread."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest


async def broken_off(
    waiting: Coroutine[Any, Any, Any],
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    step: str,
    work: Callable[..., Any] | None = None,
) -> None:
    """Cancel it while `owner` is at this step, twice: a time-out, and the end of smartsort meanwhile.

    `work` takes the place of the step. Returns when the step has ended, too.
    """
    work = work or getattr(owner, step)
    begun, on, ended = threading.Event(), threading.Event(), threading.Event()

    def held(*arguments: Any) -> Any:
        begun.set()
        on.wait(60)
        try:
            return work(*arguments)
        finally:
            ended.set()

    monkeypatch.setattr(owner, step, held)
    task = asyncio.create_task(waiting)
    assert await asyncio.to_thread(begun.wait, 60)
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
    on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, 60)
