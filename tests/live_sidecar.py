"""A whole sidecar on real sockets, in its own thread, beside a demo Immich or one that is there already."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
from tests.faulty_demo import DemoImmich, exposed, serve
from tests.once import DECODERS

from smartsort.bootstrap import Sidecar, open_sidecar
from smartsort.config import load_settings
from smartsort.demo.run import IMMICH_LIBRARY, demo_settings, sidecar_settings
from smartsort.demo.samples import make_samples
from smartsort.demo.settings import Profile
from smartsort.downloads.guard import Resolver, system_resolver
from smartsort.ledger import photos
from smartsort.ledger.records import Area
from smartsort.listening import listen
from smartsort.service import run

T = TypeVar("T")
BASE = "/api/smart-download"
LIMIT_SECONDS = 300.0
"""A limit for hanging, not a measure."""
NOTHING_BY_ITSELF = {"immich.recheck_interval_seconds": 86_400}
"""Settings of a test that decides by hand. However long it takes, no waiting photo is looked at meanwhile."""
TOKEN = "test-token-of-the-admin"
REVIEW_TOKEN = "test-token-of-a-reviewer"
INTAKE_TOKEN = "test-token-of-a-downloader"
ASKING = {
    f"stage {name}"
    for name in (
        *("connection", "adopt", "deduplicate", "place", "recognise", "recheck", "renames"),
        *("backfill", "outbox", "reconcile"),
    )
}


@dataclass
class LiveSidecar:
    """A running sidecar. `client` speaks to it as the admin, or with another token."""

    url: str
    root: Path
    sidecar: Sidecar
    demo: DemoImmich | None
    """None beside another Immich."""
    loop: asyncio.AbstractEventLoop
    _clients: list[httpx.Client] = field(default_factory=list)

    def client(self, token: str | None = TOKEN) -> httpx.Client:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        client = httpx.Client(base_url=self.url, headers=headers, timeout=60)
        self._clients.append(client)
        return client

    def run(self, work: Awaitable[T]) -> T:
        """What a coroutine gives, run in the sidecar's own loop."""

        async def waited() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(waited(), self.loop).result(LIMIT_SECONDS)

    def wait_for(self, ready: Callable[[], bool], what: str, seconds: float = LIMIT_SECONDS) -> None:
        """Until it is so; fails when it never is."""
        until = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < until, f"waited {seconds} s in vain for {what}"
            time.sleep(0.02)

    async def rests(self) -> bool:
        """True when each stage that asks Immich has had its turn and waits for the next.

        Whatever has just woken one shows within a few turns of the loop.
        """
        for _ in range(20):
            tasks = {task.get_name(): task.get_coro() for task in asyncio.all_tasks()}
            steps = [work.cr_await for name, work in tasks.items() if name in ASKING]
            if len(steps) < len(ASKING) or any(getattr(s, "__name__", "") != "_sleep" for s in steps):
                return False
            await asyncio.sleep(0)
        return True

    def all_sorted(self, count: int) -> bool:
        """True when so many photos are at rest, none is on its way, and the names that they left are gone.

        Names go after the ledger has the new ones: a photo is at rest before its last one went.
        """
        ledger = self.sidecar.context.ledger
        counts = ledger.read(photos.count_by_state)
        unfinished = bool(ledger.read(photos.in_progress)) or bool(ledger.read(photos.open_intents))
        return sum(counts.values()) >= count and not unfinished and not self._left()

    def _left(self) -> set[str]:
        """Names in `temp_downloads/` that no photo has any more."""
        rows = self.sidecar.context.ledger.read(
            lambda db: db.conn.execute("SELECT path FROM names WHERE area = ?", (Area.TEMP,)).fetchall()
        )
        there = os.listdir(self.sidecar.context.layout.temp_downloads)
        return {name for name in there if not name.startswith(".")} - {path for (path,) in rows}


@contextmanager
def live_sidecar(
    root: Path,
    samples: int = 0,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    profile: Profile = "instant",
    *,
    resolver: Resolver = system_resolver,
    machine_learning: bool = False,
    beside: Mapping[str, Any] | None = None,
    demo_options: Mapping[str, Any] | None = None,
) -> Iterator[LiveSidecar]:
    """A sidecar on `root` that has sorted so many sample photos when it is handed out.

    With `machine_learning` it measures faces, as `smartsort demo` does. `beside` are the settings that lead
    to an Immich that is there already. Without them a demo Immich is started, with `demo_options`.
    """
    if samples:
        make_samples(str(root / "inbox"), samples, seed, size=(320, 240))
    (root / "library").mkdir(parents=True, exist_ok=True)
    started: list[LiveSidecar | BaseException] = []
    ready = threading.Event()

    async def main() -> None:
        listening = listen("127.0.0.1", 0)
        async with AsyncExitStack() as stack:
            demo, server = None, dict(beside or {})
            if beside is None:
                made = demo_settings(
                    str(root), profile, "3.1.0", people_from_regions=False, machine_learning=machine_learning
                )
                demo = DemoImmich(replace(made, **(demo_options or {})))
                immich = await stack.enter_async_context(serve(demo))
                learning = await stack.enter_async_context(exposed(demo))
                ml_url = learning.url if machine_learning else None
                server = sidecar_settings(str(root), immich.url, demo.key, 0, own_photos=False, ml_url=ml_url)
            values = {
                "immich.library_path": IMMICH_LIBRARY,
                **server,
                "root": str(root),
                "log.level": "warning",
                "inbox.settle_seconds": 0.05,
                "api.port": 0,
                "api.token": TOKEN,
                "api.tokens": [
                    {"name": "reviewer", "token": REVIEW_TOKEN, "scopes": ["review"]},
                    {"name": "downloader", "token": INTAKE_TOKEN, "scopes": ["intake"]},
                ],
                **(settings or {}),
            }
            loaded = load_settings(None, env={}, overrides=values)
            sidecar = await asyncio.to_thread(open_sidecar, loaded, resolver=resolver)
            sidecar.context.decoders = DECODERS
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            started.append(LiveSidecar(url, root, sidecar, demo, asyncio.get_running_loop()))
            ready.set()
            try:
                await run(sidecar, listening)
            finally:
                await sidecar.close()

    def thread() -> None:
        try:
            asyncio.run(main())
        except BaseException as problem:
            started.append(problem)
            ready.set()
            raise

    worker = threading.Thread(target=thread, name="sidecar", daemon=True)
    worker.start()
    assert ready.wait(LIMIT_SECONDS)
    live = started[0]
    if isinstance(live, BaseException):
        raise live
    try:
        live.wait_for(lambda: live.sidecar.connected, "the connection to Immich")
        if samples:
            live.wait_for(lambda: live.all_sorted(samples), "the samples to be sorted", 300)
        yield live
    finally:
        for client in live._clients:
            client.close()
        with suppress(RuntimeError):  # where a test has stopped it, its loop may be closed
            live.loop.call_soon_threadsafe(live.sidecar.stop)
        worker.join(LIMIT_SECONDS)
        assert not worker.is_alive()
