"""One event loop with time of its own: waiting costs nothing, and the same seed gives the same order.

Threads run inline, after a little while that the seed chooses, so that everything may come between a step and
its result. Whatever a process that died had under way ends there.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import selectors
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import Context, ContextVar
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import anyio.to_thread
from tests.once import empty_ledger

from smartsort.immich import transport
from smartsort.ledger.database import Ledger
from smartsort.runtime_settings import settings as runtime_settings

BEGINNING = datetime(2024, 5, 1, 12, tzinfo=UTC).timestamp()
"""Long before any file is made: no ctime is ever old enough to say that a file is at rest."""

MOST_STEPS = 3_000_000
"""Turns of the loop in one history; more means that something spins."""


class Stuck(AssertionError):
    """Nothing is left to happen, or time stands still while things happen."""


class Process:
    """A program of the simulation. Its tasks end with it, and `step` is called around each commit."""

    def __init__(self, name: str) -> None:
        self.name, self.alive = name, True
        self.step: Callable[[str], None] = lambda _: None
        self.tasks: dict[asyncio.Task[Any], None] = {}

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task of this process."""
        token = _process.set(self)
        try:
            return asyncio.ensure_future(work)
        finally:
            _process.reset(token)

    def die(self) -> None:
        """End at once: every task is cancelled where it is, and no thread's work begins any more."""
        self.alive = False
        for task in list(self.tasks):
            task.cancel()

    async def gone(self) -> None:
        """Return when the last of its tasks is over."""
        while self.tasks:
            await asyncio.wait(list(self.tasks))


_process: ContextVar[Process | None] = ContextVar("process", default=None)


def current() -> Process | None:
    """The process that is running."""
    return _process.get()


class _NoFiles(selectors.SelectSelector):
    """Nothing ever comes from outside: instead of waiting, the clock is put forward."""

    loop: Loop

    def select(self, timeout: float | None = None) -> list[Any]:
        self.loop.pass_by(timeout)
        return []


class Loop(asyncio.SelectorEventLoop):
    """The event loop. `rng` decides how long everything takes."""

    def __init__(self, rng: random.Random) -> None:
        selector = _NoFiles()
        selector.loop = self
        self.now, self.rng, self.turns, self._still = 0.0, rng, 0, 0
        super().__init__(selector)
        self.set_task_factory(_task)

    def time(self) -> float:
        return self.now

    def pass_by(self, timeout: float | None) -> None:
        """Go on to the next moment at which something happens."""
        if timeout is None:
            raise Stuck("nothing is left to happen, and the history is not over")
        self.turns += 1
        self._still = 0 if timeout > 0 else self._still + 1
        self.now += max(0.0, timeout)
        if self.turns > MOST_STEPS or self._still > 100_000:
            raise Stuck("it spins: time does not get on")

    def _write_to_self(self) -> None:
        """No thread has to wake it."""

    def a_moment(self) -> float:
        """How long one step of the disk or of a thread takes."""
        return self.rng.uniform(0.2, 0.8) if self.rng.random() < 0.01 else self.rng.uniform(0.0001, 0.004)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Run the function here, a moment later; a process that died begins nothing."""
        future, owner = self.create_future(), current()

        def work() -> None:
            if owner is not None and not owner.alive:
                future.cancel()
                return
            try:
                result = func(*args)
            except BaseException as problem:
                if not future.cancelled():
                    future.set_exception(problem)
            else:
                if not future.cancelled():
                    future.set_result(result)

        self.call_later(self.a_moment(), work)
        return future


def _task(loop: Any, work: Any, context: Context | None = None) -> asyncio.Task[Any]:
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, context=context)
    owner = current() if context is None else context.get(_process)
    if owner is not None:
        owner.tasks[task] = None
        task.add_done_callback(lambda done: owner.tasks.pop(done, None))
    return task


def _submit(ledger: Ledger, work: Callable[[Any], Any]) -> Future[Any]:
    """The ledger's writer without its thread."""
    answer: Future[Any] = Future()
    try:
        step = owner.step if (owner := current()) is not None else lambda _: None
        step("commit")
        result = ledger._transact(work)
        step("commit done")
        answer.set_result(result)
    except BaseException as problem:
        answer.set_exception(problem)
    return answer


async def _awrite(ledger: Ledger, work: Callable[[Any], Any]) -> Any:
    answer = ledger._submit(work)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Loop)
    await asyncio.sleep(loop.a_moment())
    return answer.result()


async def _in_thread(func: Callable[..., Any], *args: Any, **_: Any) -> Any:
    """As `anyio.to_thread.run_sync`, which has threads of its own: FastAPI runs plain functions in them."""
    return await asyncio.get_running_loop().run_in_executor(None, func, *args)


@contextmanager
def clockwork(seed: int) -> Iterator[Loop]:
    """The loop, and everything that tells time telling its time."""
    empty_ledger()  # made once in a process, with secrets that are not this history's
    loop = Loop(random.Random(f"loop:{seed}"))

    class Now(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(BEGINNING + loop.now, tz)

    kept, own = random.getstate(), random.Random(f"secrets:{seed}")
    random.seed(seed)
    with (
        patch.object(secrets, "token_hex", lambda size=16: own.randbytes(size).hex()),
        patch.object(secrets, "token_urlsafe", lambda size=16: own.randbytes(size).hex()),
        patch.object(uuid, "uuid4", lambda: uuid.UUID(int=own.getrandbits(128), version=4)),
        patch.object(time, "time", lambda: BEGINNING + loop.now),
        patch.object(time, "monotonic", lambda: 1000.0 + loop.now),
        patch.object(time, "clock_gettime", lambda _: 1000.0 + loop.now),
        patch.object(transport, "datetime", Now),
        patch.object(runtime_settings, "datetime", Now),
        patch.object(anyio.to_thread, "run_sync", _in_thread),
        patch.object(Ledger, "_submit", _submit),
        patch.object(Ledger, "awrite", _awrite),
    ):
        try:
            yield loop
        finally:
            random.setstate(kept)
            loop.close()


def run(loop: Loop, work: Awaitable[Any]) -> Any:
    """What the coroutine gives."""
    return loop.run_until_complete(work)
