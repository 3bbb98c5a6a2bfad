"""A sidecar on a temporary root beside an Immich in memory. Shared by tests of many themes."""

from __future__ import annotations

import asyncio
import io
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from PIL import Image
from tests.fake_immich import LIBRARY_PATH, FakeServer, by_name
from tests.once import DECODERS

from smartsort.bootstrap import Sidecar, open_sidecar
from smartsort.config import load_settings
from smartsort.core.model import (
    Category,
    Decision,
    Outcome,
    State,
    Suggestion,
)
from smartsort.core.wording_events import EVENT_KINDS
from smartsort.errors import SmartsortError
from smartsort.files.placement import Placer
from smartsort.files.shown import from_ledger
from smartsort.files.stamps import stamp
from smartsort.ledger import events, photos
from smartsort.ledger.database import Ledger
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area, Member, Name, Photo
from smartsort.pipeline.arrival.claim import Offered
from smartsort.pipeline.engine.context import Clock

TO_THE_LIBRARY = ("examine", "deduplicate", "videos", "place")
STAGES = (*TO_THE_LIBRARY, "recognise")
"""The stages that a photo goes through, in this order."""


def picture(seed: int, width: int = 16, height: int = 16) -> bytes:
    """A small JPEG; another seed, other bytes."""
    image = Image.new("RGB", (width, height), (seed % 256, seed // 256 % 256, seed // 65536 % 256))
    out = io.BytesIO()
    image.save(out, "JPEG", comment=str(seed).encode())
    return out.getvalue()


def write(path: str, content: bytes) -> None:
    """A new file."""
    with open(path, "xb") as file:
        file.write(content)


def append(path: str, content: bytes) -> None:
    """Somebody edits a file by hand."""
    with open(path, "ab") as file:
        file.write(content)


def shorten(path: str, by: int) -> None:
    """Take `by` bytes off the end."""
    os.truncate(path, os.path.getsize(path) - by)


def content_of(path: str) -> bytes:
    """A file's bytes."""
    with open(path, "rb") as file:
        return file.read()


class FakeClock(Clock):
    """Time that passes by a millisecond whenever somebody looks, and by hand.

    `ahead`: seconds of running time. They pass by hand only, so no test waits and none is too slow.
    """

    def __init__(self) -> None:
        self.at = datetime(2024, 5, 1, 12, tzinfo=UTC)
        self.ahead = 0.0
        super().__init__(now=self._now, monotonic=lambda: 1000.0 + self.ahead)

    def _now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def pass_by(self, **much: float) -> None:
        """Let time go by: keyword arguments of timedelta."""
        self.at += timedelta(**much)


def suggest(ledger: Ledger, photo_id: int, close: Sequence[Suggestion], at: str) -> None:
    """Have the faces of a waiting photo measured as so much like these people."""
    _, category, version, reasons, evidence, _ = ledger.read(lambda db: photos.last_decision(db, photo_id))
    evidence = replace(evidence, suggestions={face.id: tuple(close) for face in evidence.faces})
    decision = Decision(Outcome.REVIEWED, reasons, version, Category(category))
    change = Change(photo_id, decision=(decision, evidence))
    ledger.write(lambda db: photos.apply(db, [change], at))


class World:
    """A sidecar on a temporary root with a FakeServer; its stages are stepped by hand."""

    def __init__(
        self,
        root: str,
        *,
        people: Sequence[str] = ("Anna", "Bella", "Carl"),
        who: Callable[[str], Sequence[str | None]] | None = None,
        settings: Mapping[str, Any] | None = None,
        checkpoint: Callable[[str], None] = lambda _: None,
        placer: Callable[[Callable[[], None]], Placer] = lambda guard: Placer(guard=guard),
        server: FakeServer | None = None,
        clock: FakeClock | None = None,
    ) -> None:
        self.root = root
        self.server = server or FakeServer(os.path.join(root, "library"), people, who or by_name)
        self.clock = clock or FakeClock()
        values = {
            "root": root,
            "immich.url": "http://immich.test",
            "immich.api_key": "key",
            "immich.library_path": LIBRARY_PATH,
            "api.token": "token-for-tests",
        }
        self.sidecar: Sidecar = open_sidecar(
            load_settings(None, env={}, overrides=values | dict(settings or {})),
            server=self.server,
            clock=self.clock,
            checkpoint=checkpoint,
            placer=placer,
        )
        self.context = self.sidecar.context
        self.context.decoders = DECODERS
        self.ledger = self.context.ledger
        self.actions = self.sidecar.actions
        self._seeds = itertools.count(1)

    async def deliver(
        self, name: str, content: bytes | None = None, source: str = "test", xmp: bytes | None = None
    ) -> int:
        """Put a file into the inbox and have it claimed; the photo's id."""
        folder = os.path.join(self.context.layout.inbox, source)
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, name)
        write(path, content if content is not None else picture(next(self._seeds)))
        companions = ()
        if xmp is not None:
            write(f"{path}.xmp", xmp)
            companions = ((f"{path}.xmp", Member.XMP, stamp(f"{path}.xmp")),)
        offered = Offered(path, stamp(path), source, companions=companions)
        [taken] = await self.sidecar.claimer.claim([offered])
        if isinstance(taken, SmartsortError):
            raise taken
        return taken.id

    async def settle(self, turns: int = 200) -> None:
        """Let every photo come to rest, and Immich hear everything that is due."""
        if not self.sidecar.connected:
            await self.sidecar.place_stage.ensure_library()
            self.sidecar.connected = True
        for _ in range(turns):
            for name in STAGES:
                await self.stage(name)
            if not self.ledger.read(photos.in_progress):
                break
            self.clock.ahead += 0.1  # a step that is taken too soon does not look at Immich
            await asyncio.sleep(0)
        else:
            raise AssertionError(f"never at rest: {self.ledger.read(photos.in_progress)}")
        await self.tell()

    async def stage(self, name: str) -> object:
        """One step of a stage."""
        stage = next(s for s in self.sidecar.runner._stages if s.name == name)
        return await stage.step()

    async def tell(self, minutes: int = 0) -> None:
        """Deliver the outbox; with `minutes` also what was postponed for so long."""
        for _ in range(minutes + 1):
            for _ in range(1000):
                if await self.stage("outbox") is not True:
                    break
            self.clock.pass_by(minutes=1 if minutes else 0)

    def photo(self, photo_id: int) -> Photo:
        found = self.ledger.read(lambda db: photos.get(db, photo_id))
        assert found is not None
        return found

    def suggest(self, photo_id: int, **similarities: float) -> None:
        """Have the faces of a waiting photo measured as so much like these people."""
        close = [Suggestion(self.server.person(name), much) for name, much in similarities.items()]
        suggest(self.ledger, photo_id, close, self.clock.text())

    def names(self, photo_id: int) -> list[Name]:
        return self.ledger.read(lambda db: photos.names_of(db, [photo_id]))[photo_id]

    def places(self, photo_id: int) -> list[str]:
        """Names of the photo itself outside the library, sorted."""
        return sorted(
            f"{n.area.value}/{n.path}"
            for n in self.names(photo_id)
            if n.area is not Area.LIBRARY and n.member is Member.PHOTO
        )

    def tree(self) -> dict[str, tuple[int, int]]:
        """Every file of our folders with inode and mtime; the inbox left out."""
        found = {}
        for area in ("temp_downloads", "library", "faces", "review", "trash"):
            for folder, _, names in os.walk(os.path.join(self.root, area)):
                for name in names:
                    path = os.path.join(folder, name)
                    if name != ".smartsort-root":
                        status = os.lstat(path)
                        found[os.path.relpath(path, self.root)] = (status.st_ino, status.st_mtime_ns)
        return found

    def check(self) -> None:
        """Ledger and disk agree: every name is there, nothing else is, every photo has its bytes."""
        names = self.ledger.read(
            lambda db: db.conn.execute("SELECT area, path, photo_id, member FROM names").fetchall()
        )
        known = {
            os.path.relpath(f"{self.context.folder(Area(area))}/{from_ledger(path)}", self.root): (
                photo_id,
                member,
            )
            for area, path, photo_id, member in names
        }
        tree = self.tree()
        # What Immich had before lies in a folder of its own.
        ours = {path for path in known if not path.startswith(".outside-path-mapping/")}
        assert set(tree) == ours
        held = {photo_id for photo_id, member in known.values() if member == "photo"}
        rows = self.ledger.read(lambda db: db.conn.execute("SELECT id, state FROM photos").fetchall())
        assert held == {i for i, state in rows if state != State.PURGED.value}
        assert not self.ledger.read(photos.open_intents)
        self._check_sentences()

    def _check_sentences(self) -> None:
        """Every event is told in words, with names and never with ids."""
        from smartsort.api.views import event_views

        history = self.ledger.read(lambda db: event_views(db, events.after(db, 0, 10_000)))
        ids = [*self.server.people_by_id, *(asset.id for asset in self.server.assets.values())]
        for event in history:
            assert event.kind in EVENT_KINDS
            assert event.text.startswith(event.filename or event.text[0].upper())
            told = event.text.removeprefix(event.filename or "")
            assert "None" not in told, event
            assert not [one for one in ids if one in told], event

    async def close(self) -> None:
        await self.sidecar.close()


@contextmanager
def world(root: os.PathLike[str] | str, **options: Any) -> Iterator[World]:
    """A World that is closed in the end."""
    made = World(os.fspath(root), **options)
    try:
        yield made
    finally:
        close_world(made)


def close_world(made: World) -> None:
    """Close without needing a loop: the server of a World has nothing to wait for."""
    if made.sidecar.videos is not None:
        made.sidecar.videos.close()
    made.sidecar.context.decoders.close()
    if made.sidecar._workers is not None:
        made.sidecar._workers.shutdown(wait=True, cancel_futures=True)
    if made.sidecar._examine is not None:
        made.sidecar._examine.close()
    made.ledger.close()
    if made.sidecar._lock is not None:
        made.sidecar._lock.close()
