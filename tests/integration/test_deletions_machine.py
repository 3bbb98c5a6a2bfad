"""Reject, undo, trash, restore and empty, by either side, in any order, with crashes between them.

The machine runs a sidecar beside a demo Immich, over the real adapter. A small model says what has to come of
it: the last word counts, and smartsort hears Immich's words when it looks. `SMARTSORT_TEST_RUNS` sets how
many histories are tried.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.fakes import FakeClock, World, close_world, content_of
from tests.faulty_demo import DemoImmich, build_app

from smartsort.actions import NotUndoable
from smartsort.core.model import State
from smartsort.demo.run import IMMICH_LIBRARY, demo_settings
from smartsort.demo.samples import make_samples
from smartsort.immich import ImmichServer
from smartsort.ledger import events, photos
from smartsort.pipeline.recheck.deleted import TURNS

RUNS = int(os.environ.get("SMARTSORT_TEST_RUNS", "12"))
FINAL = Counter[str]()
"""How often each rule was used, for the report of a long run."""


PICK, DIE = st.integers(0, 2), st.integers(0, 9)
SAMPLES: list[bytes] = []
"""Photos of people whom the demo knows; looked for once."""


class Died(BaseException):
    """The process is killed."""


def one(found, pick):
    return found[pick % len(found)]


@dataclass
class Told:
    """What the model knows of one photo."""

    rejected: bool = False
    seen: str | None = None
    """The asset that smartsort has seen in Immich's trash, while that still stands."""
    vanished: bool = False
    """Immich forgot it without smartsort having seen it in the trash."""


class Sides(RuleBasedStateMachine):
    """Two sides that both decide about the same photos."""

    @initialize(version=st.sampled_from(("3.1.0", "3.2")))
    def begin(self, version):
        self.loop = asyncio.new_event_loop()
        self.root = tempfile.mkdtemp(prefix="smartsort-sides-")
        os.makedirs(os.path.join(self.root, "library"))
        made = demo_settings(self.root, "instant", version, people_from_regions=False)
        self.demo = DemoImmich(made)
        self.app = build_app(self.demo)
        self.world = None
        self.clock = FakeClock()
        self.die_in = 0
        self.do(self._start())
        if not SAMPLES:
            SAMPLES.extend(self.do(self._samples()))
            close_world(self.world)
            self.loop.close()
            shutil.rmtree(self.root)
            return self.begin(version)
        self.ids = self.do(self._arrive())
        self.model = {photo_id: Told() for photo_id in self.ids[:-1]}  # the last one is left in peace
        self.contents = {i: self._bytes(i) for i in self.ids}
        return None

    def do(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def _transport(self):
        return httpx.ASGITransport(self.app)

    async def _start(self):
        server = ImmichServer("http://demo", self.demo.key, transport=self._transport())
        server.people_by_id, server.assets = {}, {}
        self.die_in = 0
        self.world = World(
            self.root,
            server=server,
            clock=self.clock,
            checkpoint=self._checkpoint,
            settings={
                "whitelist": [],
                "immich.library_path": IMMICH_LIBRARY,
                "immich.recheck_interval_seconds": 1,
                "log.level": "error",
            },
        )
        await self.world.stage("connection")
        assert server.finds_together == (self.demo.state.version.number >= "3.2")
        await self.world.sidecar.people.refresh()

    def _checkpoint(self, _name):
        if self.die_in:
            self.die_in -= 1
            if not self.die_in:
                raise Died

    async def _arrive(self):
        """Three photos that the histories are about, and one that is left in peace."""
        ids = [await self.world.deliver(f"{n}.jpg", content) for n, content in enumerate(SAMPLES)]
        await self.world.settle()
        await self.demo.wait_idle()
        assert {self.world.photo(i).state for i in ids} == {State.FILED}
        return ids

    async def _samples(self):
        """Four photos of people whom the demo knows."""
        folder = tempfile.mkdtemp(prefix="samples-", dir=self.root)
        make_samples(folder, 40, 0, size=(160, 120))
        found = sorted(os.path.join(place, name) for place, _, names in os.walk(folder) for name in names)
        contents = {}
        for path in [path for path in found if path.endswith(".jpg")][:24]:
            content = content_of(path)
            photo_id = await self.world.deliver(os.path.basename(path), content)
            contents[photo_id] = content
        await self.world.settle()
        rows = self.world.ledger.read(lambda db: photos.by_ids(db, list(contents)))
        filed = [photo.id for photo in rows if photo.state is State.FILED][:4]
        shutil.rmtree(folder)
        return [contents[photo_id] for photo_id in filed]

    # --- the parts -----------------------------------------------------------------------------

    async def _restart(self):
        close_world(self.world)
        await self._start()
        for _ in range(3):
            await self.world.stage("reconcile")
        await self._tell()

    async def _tell(self):
        for _ in range(2):
            await self.world.tell(minutes=1)  # a message that came too early is repeated
            await self.demo.wait_idle()

    async def _looks(self):
        for _ in range(TURNS + 1):
            await self.world.stage("recheck")
            await self._tell()

    async def _ask(self, method, path, body=None):
        headers = {"x-api-key": self.demo.key}
        async with httpx.AsyncClient(
            transport=self._transport(), base_url="http://demo/api", headers=headers
        ) as client:
            answer = await client.request(method, path, json=body)
            assert answer.status_code < 300, answer.text
        await self.demo.wait_idle()

    def _act(self, coroutine):
        """Do something that may be killed; True when it was, and smartsort has been started again."""
        try:
            self.do(coroutine)
        except Died:
            FINAL["died"] += 1
            self.do(self._restart())
            self._restarted()
            return True
        finally:
            self.die_in = 0
        self.do(self._tell())
        return False

    def _state(self, photo_id):
        return self.world.photo(photo_id).state

    def _areas(self, photo_id):
        return {name.area.value for name in self.world.names(photo_id)}

    def _bytes(self, photo_id):
        name = self.world.names(photo_id)[0]
        return content_of(self.world.context.absolute(name))

    def _asset(self, photo_id):
        """What Immich has at the photo's path."""
        path = self._library_path(photo_id)
        return next((a for a in self.demo.state.assets.values() if a.path == path), None)

    def _library_path(self, photo_id):
        placed = next(
            e for e in self.world.ledger.read(lambda db: events.of_photo(db, photo_id)) if e.kind == "placed"
        )
        return f"{IMMICH_LIBRARY}/{placed.data['library']}"

    def _in(self, state):
        return [photo_id for photo_id in self.ids[:-1] if self._state(photo_id) is state]

    def _assets(self, wanted):
        found = [self._asset(photo_id) for photo_id in self.ids[:-1]]
        return [asset for asset in found if asset is not None and wanted(asset)]

    def _in_immichs_trash(self):
        return self._assets(lambda asset: asset.trashed_by_user)

    def _online(self):
        return self._assets(lambda asset: not asset.is_offline and not asset.trashed_by_user)

    # --- smartsort's side ----------------------------------------------------------------------

    @precondition(lambda self: self._in(State.FILED))
    @rule(pick=PICK, die=DIE)
    def reject(self, pick, die):
        photo_id = one(self._in(State.FILED), pick)
        FINAL["reject"] += 1
        self.die_in = die
        self._act(self.world.actions.reject([photo_id], "eva", expect=(State.FILED,)))
        told = self.model[photo_id]
        told.rejected = self._state(photo_id) is State.REJECTED
        told.vanished &= not told.rejected

    @precondition(lambda self: self._in(State.REJECTED))
    @rule(pick=PICK, die=DIE)
    def undo(self, pick, die):
        photo_id = one(self._in(State.REJECTED), pick)
        FINAL["undo"] += 1
        self.die_in = die
        with contextlib.suppress(NotUndoable):
            self._act(self.world.actions.undo_photo(photo_id, "eva"))
        self.model[photo_id].rejected = self._state(photo_id) is State.REJECTED

    @rule(die=DIE)
    def look(self, die):
        FINAL["look"] += 1
        self._hear()
        self.die_in = die
        if self._act(self._looks()):
            self.do(self._looks())
        self._compare()

    @rule()
    def restart(self):
        FINAL["restart"] += 1
        self.do(self._restart())
        self._restarted()
        self._compare()

    @rule()
    def a_day_goes_by(self):
        self.clock.pass_by(hours=25)

    # --- Immich's side -------------------------------------------------------------------------

    @precondition(lambda self: self._online())
    @rule(pick=PICK)
    def trash(self, pick):
        FINAL["trash"] += 1
        self.do(self._ask("DELETE", "/assets", {"ids": [one(self._online(), pick).id]}))

    @precondition(lambda self: self._in_immichs_trash())
    @rule(pick=PICK)
    def restore(self, pick):
        FINAL["restore"] += 1
        asset = one(self._in_immichs_trash(), pick)
        self.do(self._ask("POST", "/trash/restore/assets", {"ids": [asset.id]}))

    @precondition(lambda self: self._in_immichs_trash())
    @rule()
    def empty(self):
        FINAL["empty"] += 1
        before = {i: self._asset(i) for i in self.model}
        self.do(self._ask("POST", "/trash/empty"))
        for photo_id, told in self.model.items():
            gone = before[photo_id] is not None and self._asset(photo_id) is None
            told.vanished |= gone and not told.seen and not told.rejected

    @rule()
    def scan(self):
        FINAL["scan"] += 1
        library = next(iter(self.demo.state.libraries.values()))
        self.do(self._ask("POST", f"/libraries/{library.id}/scan"))

    # --- what has to come of it ----------------------------------------------------------------

    def _hear(self):
        """The words of Immich that smartsort hears when it looks."""
        for photo_id, told in self.model.items():
            asset = self._asset(photo_id)
            away = self._areas(photo_id) == {"trash"}
            if told.seen is not None and (asset is None or asset.id != told.seen):
                told.seen = None  # emptied: what was said before goes on
            elif told.seen is not None and not asset.is_trashed:
                told.seen, told.rejected = None, False
            if asset is None:
                continue
            if told.seen is None and asset.trashed_by_user and not away:
                told.seen, told.rejected, told.vanished = asset.id, True, False
            elif away and asset.is_offline and not asset.is_trashed:
                told.rejected = False

    def _restarted(self):
        """A start compares the library with Immich, and so sees what was deleted for good unseen."""
        for photo_id, told in self.model.items():
            asset = self._asset(photo_id)
            if told.vanished and (asset is None or not asset.trashed_by_user):
                told.rejected, told.vanished = True, False

    def _compare(self):
        for photo_id in self.ids:
            wanted = self.model.get(photo_id, Told())
            state, areas = self._state(photo_id), self._areas(photo_id)
            assert state is (State.REJECTED if wanted.rejected else State.FILED), (photo_id, wanted)
            if wanted.rejected:
                assert areas in ({"library"}, {"trash"})
            else:
                assert areas == {"library", "faces"}
            assert self._bytes(photo_id) == self.contents[photo_id]

    def teardown(self):
        if getattr(self, "world", None) is None:
            return
        try:
            self._hear()
            self.do(self._looks())
            self.do(self._restart())
            self._restarted()
            self.clock.pass_by(hours=25)
            self._hear()
            self.do(self._looks())
            self._compare()
            self.world.check()
            for photo_id, told in self.model.items():
                asset = self._asset(photo_id)
                if told.rejected:
                    assert self._areas(photo_id) == {"trash"}
                    assert asset is None or asset.is_trashed
                else:
                    assert asset is not None
                    assert not asset.is_offline
                    assert asset.is_trashed == (told.seen is not None)
        finally:
            close_world(self.world)
            self.loop.close()
            shutil.rmtree(self.root)


@pytest.mark.timeout(3600)
def test_both_sides_end_in_the_same_state():
    run_state_machine_as_test(
        Sides,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(dict(FINAL))
