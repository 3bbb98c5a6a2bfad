"""The machines of one history: a sidecar that may die at any step, its disk, and an Immich beside it."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import httpx
from fastapi import FastAPI
from starlette.types import ASGIApp
from tests.faults.power import Machine, PowerCut, Volatile, VolatileCopies
from tests.faulty_demo import DemoImmich, build_app
from tests.simulation.clockwork import BEGINNING, Loop, Process
from tests.simulation.gallery import KNOWN, Decoding
from tests.simulation.wire import Client, Http11Transport

from smartsort.api.app import create_app
from smartsort.bootstrap import Sidecar, open_sidecar
from smartsort.config import load_settings
from smartsort.demo import pictures
from smartsort.demo.run import IMMICH_LIBRARY
from smartsort.demo.settings import DEFAULT_KEY, DemoKey, DemoSettings
from smartsort.errors import SmartsortError, StorageFull
from smartsort.files.placement import Placer
from smartsort.immich import ImmichServer
from smartsort.pipeline.engine.context import Clock

USERS_KEY = "key-of-the-app"
TOKENS = {"anna": "token-of-anna-000000", "bert": "token-of-bert-000000"}
GROWS = frozenset({"create", "write", "link", "mkdir", "commit"})
TOUCHES = GROWS | {"unlink", "fsync", "fsync folder", "fsync file", "syncfs", "rename exclusive"}


_built: dict[str, FastAPI] = {}
"""The one application; what it works on is the state of the sidecar that lives."""


class Trace:
    """What happened, line by line; two runs of one seed have the same digest."""

    def __init__(self, now: Callable[[], float], *, verbose: bool = False) -> None:
        self._now, self._verbose, self.lines = now, verbose, list[str]()

    def __call__(self, who: str, what: str) -> None:
        line = f"{self._now():10.3f} {who:9} {what}"
        self.lines.append(line)
        if self._verbose:
            print(line, flush=True)

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.lines).encode("utf-8", "surrogateescape")).hexdigest()


class Storage(Machine):
    """The power-cut model with a full disk and with single errors; the process on it dies with a cut."""

    def __init__(self, stash: str, trace: Trace, died: Callable[[], None]) -> None:
        super().__init__(stash)
        self.full, self.errors_in = False, 0
        self.kinds: dict[str, None] = {}
        """The steps that there have been, by name."""
        self.ends_at = ""
        """The step at which the process ends."""
        self._trace, self._died = trace, died

    def step(self, name: str = "") -> None:
        was_off = self.off
        self.kinds.setdefault(name)
        if name == self.ends_at:
            self.left = 1
        try:
            super().step(name)
        except PowerCut:
            if not was_off:
                self._trace("disk", f"off at {name}")
                self._died()
            raise
        self._trace("disk", name)
        if self.full and name in GROWS:
            raise _refused(errno.ENOSPC, name)
        if self.errors_in and name in TOUCHES:
            self.errors_in -= 1
            if not self.errors_in:
                self._trace("disk", f"error at {name}")
                raise _refused(errno.EIO, name)


def _refused(number: int, name: str) -> Exception:
    if name == "commit":
        return StorageFull("the ledger cannot grow: the simulated disk refuses")
    return OSError(number, os.strerror(number))


@dataclass
class Plan:
    """What the seed decided for a whole history."""

    profile: str
    settings: dict[str, Any]
    slow_scans: float
    disk: type[Volatile]
    learning: bool
    """Whether there is a machine learning service that smartsort may ask."""

    @classmethod
    def of(cls, rng: random.Random) -> Plan:
        settings: dict[str, Any] = {
            "inbox.settle_seconds": rng.choice((0.2, 2.0)),
            "inbox.scan_interval_seconds": rng.choice((2.0, 10.0)),
            "immich.recheck_interval_seconds": rng.choice((5.0, 60.0)),
            "immich.max_in_flight": rng.choice((2, 1000)),
            "blacklist": ["Victor"],
            "whitelist": rng.choice(([], ["Anna", "Bella", "Nadia"])),
            "multiple_faces": rng.choice(("review", "each_person", "main_face")),
            "deduplication.action_on_duplicate": rng.choice(("move_to_review", "skip")),
            "immich.album_per_person": rng.random() < 0.3,
            "immich.archive_unwanted": rng.random() < 0.3,
            **((rng.random() < 0.1 and {"trash.retention_days": 0, "trash.allow_zero": True}) or {}),
        }
        return cls(
            rng.choice(("instant", "demo", "real")),
            settings,
            rng.choice((0.0, 0.0, 8.0, 40.0)),
            rng.choice((Volatile, Volatile, Volatile, VolatileCopies)),
            rng.random() < 0.2,
        )


class World:
    """Root, sidecar and Immich. `findings` gathers what should not have happened."""

    def __init__(self, root: str, seed: int, loop: Loop, trace: Trace) -> None:
        self.root, self.loop, self.trace = os.path.join(root, "data"), loop, trace
        self.rng = random.Random(f"plan:{seed}")
        self.plan = Plan.of(self.rng)
        self.findings: list[str] = []
        self.storage = Storage(os.path.join(root, "stash"), trace, self._went_off)
        self.inbox = os.path.join(self.root, "inbox")
        os.makedirs(self.inbox)
        os.makedirs(os.path.join(self.root, "library"))
        self.demo = DemoImmich(
            DemoSettings(
                profile=self.plan.profile,  # type: ignore[arg-type]
                seed=seed,
                mounts={IMMICH_LIBRARY: os.path.join(self.root, "library")},
                keys=(DemoKey(), DemoKey(USERS_KEY)),
                people=KNOWN,
                duplicates=False,
                machine_learning=self.plan.learning,
            )
        )
        self._slow_down()
        self.immich, immich = Process("immich"), build_app(self.demo)
        self.to_learning = Http11Transport(
            loop, lambda: (self.immich, immich), self._asked("sidecar"), self.wall
        )
        self.to_immich = Http11Transport(
            loop, lambda: (self.immich, immich), self._asked("sidecar"), self.wall
        )
        self.app_to_immich = Http11Transport(
            loop, lambda: (self.immich, immich), self._asked("app"), self.wall
        )
        self.to_sidecar = Http11Transport(loop, self._serving, self._asked("user"), self.wall)
        self.process: Process | None = None
        self.sidecar: Sidecar | None = None
        self.app: ASGIApp | None = None
        self.died, self.lives = asyncio.Event(), 0

    def wall(self) -> float:
        return BEGINNING + self.loop.now

    def finding(self, text: str) -> None:
        """Note what should not have happened."""
        self.trace("FINDING", text)
        self.findings.append(text)

    def client(self, name: str) -> Client:
        return Client(self.to_sidecar, TOKENS[name])

    def _slow_down(self) -> None:
        timing = self.demo.timing
        slow = {
            **timing.seconds,
            "LibrarySyncFilesQueueAll": timing.of("LibrarySyncFilesQueueAll", 0, self.rng),
        }
        slow["LibrarySyncFilesQueueAll"] += self.plan.slow_scans
        self.demo.timing = self.demo.engine._timing = replace(timing, seconds=slow)

    def _serving(self) -> tuple[Process, ASGIApp] | None:
        if self.process is None or self.app is None or not self.process.alive:
            return None
        return self.process, self.app

    def _asked(self, who: str) -> Callable[[str, str, int, bytes], None]:
        def told(method: str, path: str, status: int, body: bytes) -> None:
            self.trace(who, f"{method} {path} {status} {body.decode('latin-1') if len(body) < 300 else ''}")
            if who == "sidecar":
                taken_out = "/albums/" in path
                if method == "DELETE" and not taken_out:
                    self.finding(f"smartsort asked Immich to delete: {path}")
                if b'"force": true' in body or b'"force":true' in body:
                    self.finding(f"smartsort forced a job: {path}")
            elif who == "user" and status == 500:
                self.finding(f"the API failed: {method} {path} {body!r}")

        return told

    # --- the sidecar -----------------------------------------------------------------------------

    async def start(self) -> bool:
        """Start a sidecar; False when it could not, and has to be started again later."""
        self.lives += 1
        self.died.clear()
        self.storage.off = False
        process = Process(f"sidecar-{self.lives}")
        process.step = self.storage.step
        self.process = process
        self.trace("operator", f"start {process.name}")
        try:
            return await process.start(self._start(process))
        except (PowerCut, asyncio.CancelledError):
            if process.alive:
                raise
            return False
        except SmartsortError as problem:
            self.trace("sidecar", f"does not start: {problem}")
            process.die()
            return False

    async def _start(self, process: Process) -> bool:
        overrides = {
            "root": self.root,
            "immich.url": "http://immich",
            "immich.api_key": DEFAULT_KEY,
            "immich.library_path": IMMICH_LIBRARY,
            "inbox.polling": "on",
            "api.token": "token-of-the-admin-0",
            "api.tokens": [{"name": n, "token": t, "scopes": ["admin"]} for n, t in TOKENS.items()],
            **self.plan.settings,
        }
        if self.plan.learning:
            overrides |= {"immich.ml_url": "http://learning", "immich.ml_timeout_seconds": 10.0}
        clock = Clock(
            now=lambda: datetime.fromtimestamp(self.wall(), UTC), monotonic=lambda: 1000.0 + self.loop.now
        )
        server = ImmichServer("http://immich", DEFAULT_KEY, transport=self.to_immich, jitter=self.rng.random)
        sidecar = open_sidecar(
            load_settings(None, env={}, overrides=overrides),
            server=server,
            clock=clock,
            placer=lambda guard: Placer(self.plan.disk(self.storage), guard),
            checkpoint=self.storage.step,
        )
        sidecar.context.decoders = Decoding()
        if sidecar.measure is not None:
            service = sidecar.measure._service
            service._clock = clock.monotonic
            service._http = httpx.AsyncClient(base_url=service.url, transport=self.to_learning, timeout=10)
        sidecar.inbox._tracker.clock, sidecar.inbox._tracker.wall_clock = clock.monotonic, self.wall
        self.sidecar = sidecar
        app = create_app(sidecar)
        app.state.serving.previews._monotonic = clock.monotonic
        # FastAPI builds routes at their first request, which costs more than a history's requests together.
        _built.setdefault("app", app).state = app.state
        self.app = _built["app"]
        process.start(self._run(sidecar, process))
        return True

    async def _run(self, sidecar: Sidecar, process: Process) -> None:
        try:
            await sidecar.run()
        except Exception as problem:
            if process.alive:
                self.finding(f"the sidecar ended: {problem!r}")

    def _went_off(self) -> None:
        if self.process is not None:
            self.process.die()
        self.died.set()

    async def kill(self) -> None:
        """End the sidecar in the middle of whatever it does."""
        self.trace("operator", "kill")
        self.storage.off = True
        self._went_off()
        await self.buried()

    async def buried(self, *, power: bool = False) -> None:
        """What is left of a dead sidecar goes; with `power` so does what its disk had not written."""
        process, sidecar = self.process, self.sidecar
        self.process = self.sidecar = self.app = None
        if process is not None:
            await process.gone()
        if sidecar is not None:
            assert sidecar._workers is not None
            sidecar._workers.shutdown()
            sidecar.context.ledger.close()
            assert sidecar._lock is not None
            sidecar._lock.close()
        self.storage.left, self.storage.ends_at = None, ""
        # Without a power cut the machine still has all of it, and may lose it to a later one.
        if power:
            self.storage.forget(lambda: self.rng.random() < 0.6)

    async def stop(self) -> None:
        """End the sidecar in good order."""
        sidecar, process = self.sidecar, self.process
        assert sidecar is not None
        assert process is not None
        self.trace("operator", "stop")
        sidecar.stop()
        while any(not task.done() for task in process.tasks) and self.process is process:
            await asyncio.sleep(0.1)
            if self.died.is_set():
                return
        try:
            await process.start(sidecar.close())
        except PowerCut:
            return
        self.process = self.sidecar = self.app = None


class _Listening(logging.Handler):
    """Errors in the log are findings, for no stage may meet a bug."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.WARNING)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        self._world.trace("log", f"{record.levelname} {text.replace(self._world.root, '')}")
        alive = self._world.process is not None and self._world.process.alive
        if record.levelno >= logging.ERROR and alive:
            cause = record.exc_info[1] if record.exc_info else None
            if isinstance(cause, PowerCut):
                return
            self._world.finding(f"logged: {text} {cause!r}")


@contextmanager
def listening(world: World) -> Iterator[None]:
    """Hear the log of the sidecar, and let the demo decode in this process."""
    logger = logging.getLogger("smartsort")
    handler, before = _Listening(world), (logger.level, logger.propagate)
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    decoding = Decoding()
    with patch.object(pictures, "_decoders", lambda: decoding):
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(before[0])
            logger.propagate = before[1]
