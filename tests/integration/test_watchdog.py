"""Steps that make no progress without an error: the photo is named within a minute. Waits are none."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import replace

import pytest
from tests.disks import written
from tests.fakes import STAGES, FakeClock, World, close_world, picture

from smartsort.core.completion import RECOGNITION, Listing, QueueCount, QueueSnapshot
from smartsort.core.model import State
from smartsort.errors import SmartsortError
from smartsort.files.layout import SENTINEL
from smartsort.files.watch import Hint, HintKind
from smartsort.ledger import photos
from smartsort.pipeline import watchdog
from smartsort.pipeline.arrival import inbox as module
from smartsort.pipeline.engine.runner import NothingProved, kind_of

TURN = ("inbox", *STAGES, "outbox", "recheck", "renames")


class Lane:
    """A world whose time is passed by hand, five seconds in a turn of all stages."""

    def __init__(self, root, **settings):
        clock = FakeClock()
        self.now = 1000.0
        clock.monotonic = lambda: self.now
        values = {"inbox.settle_seconds": 1, "immich.max_retries": 50, **settings}
        self.world = World(os.fspath(root), clock=clock, settings=values)
        self.health_issues = self.world.sidecar.runner.health_issues
        self.world.sidecar.inbox._pause = self._at_once
        self.world.sidecar.inbox._tracker.clock = clock.monotonic

    async def _at_once(self, seconds):
        return 0.0

    def drop(self, name="anna_1.jpg"):
        folder = os.path.join(self.world.context.layout.inbox, "phone")
        os.makedirs(folder, exist_ok=True)
        written(os.path.join(folder, name), picture(len(name)))

    def stop(self, name):
        """The stage does nothing and says so, as often as it is asked."""

        async def nothing():
            return False

        stages = self.world.sidecar.runner._stages
        stages[:] = [replace(s, step=nothing) if s.name == name else s for s in stages]

    async def turn(self):
        self.now += watchdog.LOOK_SECONDS
        self.world.clock.pass_by(seconds=watchdog.LOOK_SECONDS)
        for name in TURN:
            try:
                await self.world.stage(name)
            except SmartsortError as problem:
                self.health_issues.begin(kind_of(problem), str(problem), name)
            else:
                self.health_issues.well(name)
        if not isinstance(await self.world.stage("watchdog"), NothingProved):
            self.health_issues.well("watchdog")

    async def minute(self, minutes=1):
        if not self.world.sidecar.connected:
            await self.world.sidecar.place_stage.ensure_library()
            self.world.sidecar.connected = True
        for _ in range(int(60 * minutes / watchdog.LOOK_SECONDS)):
            await self.turn()

    @property
    def found(self):
        return next((t.message for t in self.health_issues.open if t.kind == watchdog.KIND), "")


@pytest.fixture
def lane(tmp_path):
    made = []

    def new(**settings):
        made.append(Lane(tmp_path / "root", **settings))
        return made[-1]

    yield new
    for one in made:
        close_world(one.world)


def _no_offers(lane):
    lane.world.sidecar.inbox._offers = lambda settled: ([], 0)


def _no_listing(lane):
    async def nothing(paths):
        return {}

    lane.world.server.resolve = nothing


def _no_recognition(lane):
    """A job that stands for all is listed for ever, and the counts do not show it."""
    blocked, look = Listing(RECOGNITION, collective=True), lane.world.server.queue_snapshot

    async def jobs():
        return blocked

    async def whole(libraries):
        return QueueSnapshot((*(await look(libraries)).listings[:-1], blocked))

    lane.world.server.recognition_jobs, lane.world.server.queue_snapshot = jobs, whole


def _no_routing(lane):
    async def nothing(verdicts):
        return []

    lane.world.sidecar.router.route = nothing


STILL = {
    "inbox": (lambda lane: lane.stop("inbox"), "inbox/phone/anna_1.jpg is stuck at claiming it"),
    "claim": (_no_offers, "inbox/phone/anna_1.jpg is stuck at claiming it"),
    "examine": (lambda lane: lane.stop("examine"), "photo 1 (anna_1.jpg) is stuck at reading it"),
    "deduplicate": (lambda lane: lane.stop("deduplicate"), "photo 1 (anna_1.jpg) is stuck at comparing"),
    "placing": (lambda lane: lane.stop("place"), "photo 1 (anna_1.jpg) is stuck at placing it"),
    "listing": (_no_listing, "photo 1 (anna_1.jpg) is stuck at finding it in Immich"),
    "recognise": (
        lambda lane: lane.stop("recognise"),
        "photo 1 (anna_1.jpg) is stuck at finding it",
    ),
    "recognition": (_no_recognition, "photo 1 (anna_1.jpg) is stuck at recognising or filing it"),
    "routing": (_no_routing, "photo 1 (anna_1.jpg) is stuck at recognising or filing it"),
}


@pytest.mark.parametrize("step", STILL)
async def test_a_photo_without_progress_is_named_within_a_minute(lane, step):
    still, told = STILL[step]
    one = lane()
    await one.minute(0.25)
    still(one)
    one.drop()
    # It takes some turns of five seconds until a photo comes to the later steps.
    await one.minute(1.25 if step in ("recognition", "routing") else 1)
    assert told in one.found, (one.found, one.world.ledger.read(photos.in_progress))
    assert one.health_issues.blocked


async def test_a_message_that_is_never_told_is_named(lane):
    one = lane(**{"immich.album_per_person": True})
    one.stop("outbox")
    one.drop()
    await one.minute(0.25)
    assert one.world.photo(1).state is State.FILED
    await one.minute()
    assert "photo 1 (anna_1.jpg) is stuck at telling Immich (album_add)" in one.found


@pytest.mark.parametrize("whole", [True, False])
async def test_a_photo_in_review_that_is_never_judged_again_is_named(lane, whole):
    one = lane(**{"immich.recheck_interval_seconds": 5})
    one.drop("stranger_1.jpg")
    await one.minute(0.5)
    assert one.world.photo(1).state is State.REVIEW
    if whole:
        one.stop("recheck")
    else:

        async def nothing(photo_ids):
            return None

        recheck = next(s for s in one.world.sidecar.runner._stages if s.name == "recheck").step.__self__
        recheck._judge = nothing
    asset = one.world.server.asset_at("stranger_1.jpg")
    asset.faces[0].person = one.world.server.person("Anna").id
    await one.world.sidecar.people.refresh(max_age=-1)
    await one.minute(1.25)
    assert "photo 1 (stranger_1.jpg) is stuck at judging it again" in one.found


async def test_what_goes_on_again_is_over(lane):
    one = lane()
    stages = list(one.world.sidecar.runner._stages)
    one.stop("examine")
    one.drop()
    await one.minute()
    assert one.found
    one.world.sidecar.runner._stages[:] = stages
    await one.minute(0.5)
    assert not one.health_issues.open
    assert one.world.photo(1).state is State.FILED


# --- waits that are none ---------------------------------------------------------------------


async def test_nothing_is_said_of_photos_that_are_sorted(lane):
    one = lane()
    for n in range(3):
        one.drop(f"anna_{n}.jpg")
        one.drop(f"none_{n}.jpg")
        one.drop(f"stranger_{n}.jpg")
    for _ in range(30):
        await one.minute(0.1)
        assert not one.found
    assert not one.world.ledger.read(photos.in_progress)


async def test_a_busy_immich_is_waited_for(lane):
    one = lane()
    _no_recognition(one)

    async def busy():
        return {"facialRecognition": QueueCount(waiting=100, active=1)}

    one.drop()
    one.world.server.queue_counts = busy
    await one.minute(5)
    assert not one.found


async def test_an_immich_that_is_down_has_its_own_trouble(lane):
    one = lane()
    await one.minute(0.25)
    one.world.server.down = True
    one.drop()
    await one.minute(3)
    assert not one.found
    assert [t.kind for t in one.health_issues.open] == ["immich"]


async def test_sorting_that_is_switched_off_is_waited_for(lane):
    one = lane()
    one.world.sidecar.runtime_settings.set_enabled(False, "maria")
    one.drop()
    await one.minute(3)
    assert not one.found


async def test_a_file_that_is_being_written_is_waited_for(lane):
    one = lane()
    one.drop()
    path = os.path.join(one.world.context.layout.inbox, "phone", "anna_1.jpg")
    writer = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        await one.minute(3)
        assert not one.found
    finally:
        os.close(writer)


async def test_immich_s_own_scans_are_waited_for(lane):
    one = lane(**{"immich.trigger_scan": False})
    _no_listing(one)
    one.drop()
    await one.minute(3)
    assert not one.found


async def test_a_photo_with_a_problem_is_named_with_it(lane):
    one = lane()
    one.drop()
    one.stop("place")
    met = "UPDATE photos SET problem = 'the disk says no' WHERE id = 1"
    for _ in range(12):
        one.world.ledger.write(lambda db: db.execute(met))
        await one.turn()
    assert "photo 1 (anna_1.jpg) is stuck at placing it in the library: the disk says no" in one.found


# --- what works, but not as it should --------------------------------------------------------


async def test_an_inbox_that_cannot_be_watched_is_noticed_and_keeps_nothing_from_being_sorted(lane, caplog):
    one = lane()
    one.world.sidecar.inbox.unheard = "the inbox cannot be watched (limit)"
    one.drop()
    await one.minute(0.5)
    [notice] = one.health_issues.open
    assert (notice.kind, notice.notice, "limit" in notice.message) == ("watch", True, True)
    assert not one.health_issues.blocked
    assert one.world.photo(1).state is State.FILED
    assert [r.getMessage() for r in caplog.records].count(
        "notice (watch): the inbox cannot be watched (limit)"
    ) == 1
    one.world.sidecar.inbox.unheard = ""
    await one.turn()
    assert not one.health_issues.open


async def test_what_is_said_of_watching_comes_from_the_inbox_s_hints(lane, monkeypatch):
    inbox = lane().world.sidecar.inbox

    async def hints(folder, stop, polling):
        for unheard in ("nothing is heard", ""):
            yield Hint(HintKind.INTERVAL, unheard)
            told.append(inbox.unheard)

    told = []
    monkeypatch.setattr(module, "hints", hints)
    await inbox.listen(asyncio.Event())
    assert told == ["nothing is heard", ""]


async def test_inode_numbers_that_change_are_noticed_and_no_longer_relied_on(lane):
    one = lane()
    await one.minute(0.1)
    assert not one.health_issues.open
    sentinel = os.path.join(one.world.context.layout.faces, SENTINEL)
    os.rename(sentinel, f"{sentinel}-old")
    shutil.copy2(f"{sentinel}-old", sentinel)
    os.unlink(f"{sentinel}-old")
    await one.turn()
    [notice] = one.health_issues.open
    assert (notice.kind, notice.notice) == ("inodes", True)
    one.drop()
    await one.minute(0.5)
    assert one.world.photo(1).state is State.FILED
    assert {n.method for n in one.world.names(1)} == {"copy"}
