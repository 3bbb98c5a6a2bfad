"""What thousands of tests would pay for again, each process makes once: TLS settings, ledger, drawings.

And servers end at once, and close no connection on a client that is only slow.
"""

from __future__ import annotations

import ast
import asyncio
import functools
import gc
import random
import sqlite3
import ssl
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import uvicorn
from sqlite_utils import Database

from smartsort.demo import samples
from smartsort.demo.scenes import HEAD, Drawing, Heads
from smartsort.files.decoders import Decoders
from smartsort.ledger import migrations


class SharedDecoders(Decoders):
    """Decoders that serve one world after the other. What ending them does, `test_files_decoders` shows."""

    def close(self) -> None:
        """They end with the process of the tests."""


DECODERS = SharedDecoders()

_migrate = migrations.migrate


@functools.cache
def empty_ledger() -> sqlite3.Connection:
    """A ledger that went through every migration, in memory."""
    made = sqlite3.connect(":memory:", check_same_thread=False)
    _migrate(Database(made))
    return made


def _copied(db: Database) -> None:
    """A new ledger is a copy of one that went through every migration; an older one goes through them."""
    if not db.table_names():
        empty_ledger().backup(db.conn)
    _migrate(db)


_draw_people = samples.draw_people
_DRAWN: dict[tuple[object, ...], tuple[Drawing, tuple[Any, ...]]] = {}


def _drawn(
    people: Sequence[str], size: tuple[int, int], rng: random.Random, head_height: Heads = HEAD
) -> Drawing:
    """What the same people drawn with the same random numbers give is drawn once."""
    key = (*people, size, rng.getstate(), head_height)
    if key not in _DRAWN:
        _DRAWN[key] = _draw_people(people, size, rng, head_height), rng.getstate()
    drawing, drawn_with = _DRAWN[key]
    rng.setstate(drawn_with)
    return drawing


class _EndsWhenTold:
    """`should_exit` of a server: it is told, where uvicorn looks ten times a second."""

    def __get__(self, server: uvicorn.Server, _: object) -> bool:
        return server.__dict__.get("ending", False)

    def __set__(self, server: uvicorn.Server, value: bool) -> None:
        server.__dict__["ending"] = value
        if value and "told" in server.__dict__:
            loop, told = server.__dict__["told"]
            loop.call_soon_threadsafe(told.set)


async def _main_loop(server: uvicorn.Server) -> None:
    loop, told, seconds = asyncio.get_running_loop(), asyncio.Event(), 0
    server.__dict__["told"] = (loop, told)
    while not await server.on_tick(10 * seconds):
        seconds += 1
        timer = loop.call_later(1, told.set)
        await told.wait()
        timer.cancel()
        told.clear()


def _end_servers_at_once() -> None:
    uvicorn.Server.should_exit = _EndsWhenTold()  # type: ignore[assignment]
    uvicorn.Server.main_loop = _main_loop  # type: ignore[method-assign]
    # What it sleeps elsewhere are tenths of a second until its connections have ended.
    prompt = SimpleNamespace(**vars(asyncio))
    prompt.sleep = lambda seconds: asyncio.sleep(min(seconds, 0.01))
    uvicorn.server.asyncio = prompt  # type: ignore[attr-defined]


_configure = uvicorn.Config.__init__


def _patient(config: uvicorn.Config, *given: Any, **more: Any) -> None:
    """A request that is sent as its idle connection ends, after 5 seconds, is lost: no test is about that."""
    _configure(config, *given, **{"timeout_keep_alive": 300, **more})


_parse = ast.parse


def _parsed(*given: Any, **more: Any) -> Any:
    """Parse, and collect no garbage meanwhile.

    A finalizer that parses, too, makes Python 3.11 raise SystemError. To write a traceback down is enough.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        return _parse(*given, **more)
    finally:
        if was_on:
            gc.enable()


def once_for_all_tests() -> None:
    """No test speaks TLS with another setting, and reading all certificates takes each client 24 ms."""
    ssl.create_default_context = functools.cache(ssl.create_default_context)
    migrations.migrate = _copied
    samples.draw_people = _drawn
    ast.parse = _parsed
    uvicorn.Config.__init__ = _patient  # type: ignore[method-assign]
    _end_servers_at_once()
