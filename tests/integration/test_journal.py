"""A death between disk and ledger: the journal says what was going on, and the next start finishes it."""

from __future__ import annotations

import errno
import os
from contextlib import suppress

import pytest
from tests.fakes import World, close_world, content_of, picture, write
from tests.faults.power import Machine, PowerCut, Volatile

from smartsort.actions import PersonSelector
from smartsort.actions.rearrange import Rearrange
from smartsort.audit import Audit
from smartsort.core.model import State
from smartsort.errors import StorageError
from smartsort.files.disk import Disk
from smartsort.files.placement import Placer
from smartsort.files.stamps import stamp
from smartsort.ledger import events, photos
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area
from smartsort.pipeline.arrival.claim import Claimer, Offered
from smartsort.pipeline.routing.route import Router
from smartsort.rescue.adopt import Adoption


class Died(BaseException):
    """The process ends here."""


class Steps:
    """Ends the process at the step it was told."""

    at = None

    def __call__(self, name):
        if name == self.at:
            raise Died


def opened(tmp_path, steps, disk=Disk, **more):
    return World(
        os.fspath(tmp_path / "root"),
        checkpoint=steps,
        placer=lambda guard: Placer(disk(steps), guard),
        **more,
    )


BELLA = [PersonSelector("Bella")]


async def come(world):
    await world.deliver("stranger_1.jpg", picture(1), xmp=b"<x/>")


async def be_decided(world):
    await world.settle()


async def be_approved(world):
    await world.actions.approve([1], BELLA, "eva")


async def be_rejected(world):
    await world.actions.reject([1], "eva")


async def be_purged(world):
    await world.actions.purge_expired(0)


BEFORE = {
    come: [],
    be_decided: [come],
    be_approved: [come, be_decided],
    be_rejected: [come, be_decided],
    be_purged: [come, be_decided, be_rejected],
}


@pytest.mark.parametrize(
    ("act", "at"),
    [
        (come, "claim:intent"),
        (come, "claim:placed"),
        (come, "claim:committed"),
        (be_decided, "route:placed"),
        (be_approved, "act:placed"),
        (be_approved, "act:committed"),
        (be_rejected, "act:placed"),
        (be_rejected, "act:committed"),
        (be_purged, "unlink"),
        (be_purged, "purge:removed"),
        (be_purged, None),
    ],
)
async def test_a_death_at_this_step_leaves_one_photo_and_no_open_act(tmp_path, act, at):
    steps = Steps()
    world = opened(tmp_path, steps)
    try:
        for earlier in BEFORE[act]:
            await earlier(world)
        world.clock.pass_by(days=1)
        steps.at = at
        await act(world)
    except Died:
        assert at is not None
    else:
        assert at is None
    finally:
        steps.at = None
        close_world(world)
    world = opened(tmp_path, steps, server=world.server, clock=world.clock)
    try:
        world.check()
        lying = [name for _, _, names in os.walk(world.context.layout.inbox) for name in names]
        claimed = world.ledger.read(lambda db: db.conn.execute("SELECT count(*) FROM photos").fetchone()[0])
        assert (claimed, sorted(lying)) in ((1, []), (0, ["stranger_1.jpg", "stranger_1.jpg.xmp"]))
        if claimed:
            await world.settle()
            world.check()
    finally:
        close_world(world)


@pytest.mark.parametrize(
    ("act", "stride"), [(come, 1), (be_purged, 1), (be_decided, 9), (be_approved, 9), (be_rejected, 9)]
)
@pytest.mark.timeout(300)
async def test_what_a_start_has_finished_outlasts_a_power_cut(tmp_path, act, stride):
    """Killed, the machine still has what the process had not waited for. Recovery has to wait for it."""
    through, step = False, 1
    while not through:
        place = tmp_path / str(step)
        machine = Machine(os.fspath(place / "stash"))

        def disk(_, machine=machine):
            return Volatile(machine)

        world = opened(place, machine.step, disk)
        try:
            for earlier in BEFORE[act]:
                await earlier(world)
            world.clock.pass_by(days=1)
            machine.left = step
            with suppress(PowerCut):
                await act(world)
                through = True
        finally:
            machine.left, machine.off = None, False
            close_world(world)
        close_world(opened(place, machine.step, disk, server=world.server, clock=world.clock))
        machine.forget(lambda: True)
        world = opened(place, machine.step, disk, server=world.server, clock=world.clock)
        try:
            await world.settle()
            world.check()
            assert Audit(world.context.layout, quick=True).run().findings == [], step
        finally:
            machine.forget(lambda: False)
            close_world(world)
        step += stride


async def test_a_disk_that_fails_while_the_trash_is_emptied_is_waited_for(tmp_path):
    machine = Machine(os.fspath(tmp_path / "stash"))

    class Failing(Volatile):
        failures = 0

        def fsync_path(self, path, *, folder):
            if self.failures and folder and "/trash/" in path:
                self.failures -= 1
                raise OSError(errno.EIO, os.strerror(errno.EIO), path)
            super().fsync_path(path, folder=folder)

    disk = Failing(machine)
    world = opened(tmp_path, Steps(), lambda _: disk)
    try:
        for act in BEFORE[be_purged]:
            await act(world)
            world.clock.pass_by(days=1)
        disk.failures = 1
        with pytest.raises(StorageError, match="the disk reports an error"):
            await be_purged(world)
        assert world.photo(1).state is State.REJECTED
        await be_purged(world)
        assert world.photo(1).state is State.PURGED
        machine.forget(lambda: True)  # the second try has waited for what the first one removed
        world.check()
    finally:
        close_world(world)


async def test_what_was_purged_stays_away_after_a_power_cut(tmp_path):
    machine = Machine(os.fspath(tmp_path / "stash"))
    world = opened(tmp_path, Steps(), lambda _: Volatile(machine))
    try:
        for act in (*BEFORE[be_purged], be_purged):
            await act(world)
            world.clock.pass_by(days=1)
    finally:
        close_world(world)
    machine.forget(lambda: True)
    world = opened(tmp_path, Steps(), server=world.server, clock=world.clock)
    try:
        assert world.photo(1).state is State.PURGED
        world.check()
    finally:
        close_world(world)


async def test_what_was_found_as_it_lies_has_no_open_act(tmp_path):
    """A restored ledger is behind the disk: what it had begun is over, whatever became of it."""
    world = opened(tmp_path, Steps())
    try:
        for act in (*BEFORE[be_approved], be_approved):
            await act(world)
        await world.context.commit([Change(1, intent=("drop", {"drops": []}))])
        os.rename(f"{world.root}/faces/bella", f"{world.root}/faces/carl")
        assert Adoption(world.context, lambda _: None).run().followed == 1
        world.check()
    finally:
        close_world(world)


class Full(Disk):
    """Takes no new name in one area once it is told to."""

    area = "nowhere"

    def link(self, source, target):
        if f"/{self.area}/" in target:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), target)
        super().link(source, target)


@pytest.mark.parametrize(
    ("act", "area"), [(come, "temp_downloads"), (be_decided, "review"), (be_approved, "faces")]
)
async def test_an_act_that_came_to_nothing_is_over(tmp_path, act, area):
    disk = Full()
    world = opened(tmp_path, Steps(), lambda _: disk)
    try:
        for earlier in BEFORE[act]:
            await earlier(world)
        disk.area = area
        with suppress(StorageError, AssertionError):  # the second is that nothing comes to rest
            await act(world)
        assert world.ledger.read(photos.open_intents) == []
        disk.area = "nowhere"
        world.clock.pass_by(minutes=5)
        if act is not come:
            await act(world)
            world.check()
    finally:
        close_world(world)


class Copies(Disk):
    """Knows no hard links, and ends the process while it copies a side file."""

    def link(self, source, target):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), target, None, source)

    def open_source(self, path):
        if path.endswith(".xmp") and self.dies:
            raise Died
        return super().open_source(path)

    dies = True


async def test_a_copy_whose_source_lost_its_bytes_is_the_photo(tmp_path):
    """Whoever filled the inbox had not flushed the file: a power cut took it there, and not from us."""
    disk = Copies()
    world = opened(tmp_path, Steps(), lambda _: disk)
    with suppress(Died):
        await come(world)
    close_world(world)
    disk.dies = False
    offered = f"{world.context.layout.inbox}/test/stranger_1.jpg"
    os.truncate(offered, 0)
    world = opened(tmp_path, Steps(), lambda _: disk, server=world.server, clock=world.clock)
    try:
        assert world.photo(1).state is State.CLAIMED
        [held] = world.names(1)
        assert content_of(world.context.absolute(held)) == picture(1)
        assert content_of(offered) == b""
        world.check()
    finally:
        close_world(world)


@pytest.mark.parametrize("taken_back_before", [False, True])
@pytest.mark.parametrize("left", [b"", None], ids=["emptied", "gone"])
async def test_a_side_file_whose_source_lost_its_bytes_is_offered_again_from_the_copy(
    tmp_path, left, taken_back_before
):
    """The photo's own name in `temp_downloads/` was not on the disk yet: all is offered again."""
    disk = Copies()
    world = opened(tmp_path, Steps(), lambda _: disk)
    with suppress(Died):
        await come(world)
    close_world(world)
    disk.dies = False
    temp, offered = world.context.folder(Area.TEMP), f"{world.context.layout.inbox}/test"
    os.unlink(f"{temp}/1-photo_stranger_1.jpg")
    write(f"{temp}/1-xmp_stranger_1.jpg.xmp", b"<x/>")
    os.unlink(f"{offered}/stranger_1.jpg.xmp")
    if left is not None:
        write(f"{offered}/stranger_1.jpg.xmp", left)
    if taken_back_before:  # and killed there
        disk.unlink = lambda *args: (_ for _ in ()).throw(Died)
        with pytest.raises(Died):
            opened(tmp_path, Steps(), lambda _: disk, server=world.server, clock=world.clock)
        del disk.unlink
        world.clock.pass_by(days=1)
    world = opened(tmp_path, Steps(), lambda _: disk, server=world.server, clock=world.clock)
    try:
        assert [name for name in os.listdir(temp) if not name.startswith(".")] == []
        lying = {content_of(f"{offered}/{name}"): name for name in sorted(os.listdir(offered))}
        assert len(lying) == len(os.listdir(offered)) == (2 if left is None else 3)
        assert lying[picture(1)] == "stranger_1.jpg"
        assert lying[b"<x/>"].startswith("stranger_1.jpg")
        assert (lying[b"<x/>"] == "stranger_1.jpg.xmp") is (left is None)
        world.check()
    finally:
        close_world(world)


async def test_a_file_that_is_to_stay_where_it_lies_is_taken_without_an_open_act(tmp_path):
    """Otherwise every start would go through the claims of a whole folder again."""
    world = opened(tmp_path, Steps())
    path = os.fspath(tmp_path / "anna_1.jpg")
    write(path, picture(1))
    [taken] = await world.sidecar.claimer.claim([Offered(path, stamp(path), "test", keep_origin=True)])
    assert world.photo(taken.id).state is State.CLAIMED
    assert world.ledger.read(photos.open_intents) == []
    assert content_of(path) == picture(1)
    close_world(world)


async def test_a_photo_that_is_rejected_as_soon_as_it_waits_leaves_no_name_behind(tmp_path, monkeypatch):
    """The name in `temp_downloads/` goes last: by then a human has moved the photo on."""
    world, leave = opened(tmp_path, Steps()), Router._leave

    async def later(router, done):
        await world.actions.reject([route.photo.id for route in done], "eva")
        await leave(router, done)

    monkeypatch.setattr(Router, "_leave", later)
    try:
        photo = await world.deliver("broken.jpg", b"no picture")
        await world.stage("examine")
        assert world.photo(photo).state is State.REJECTED
        await world.stage("tidy")
        world.check()
        assert not world.context.needs_recovery
    finally:
        close_world(world)


async def test_a_photo_that_is_judged_again_before_its_old_name_goes_leaves_none_there(tmp_path, monkeypatch):
    world, drop = opened(tmp_path, Steps()), Rearrange._drop

    async def later(self, plans):
        await world.stage("examine")
        await drop(self, plans)

    try:
        photo = await world.deliver("broken.jpg", b"no picture")
        await world.stage("examine")
        reviewed = world.ledger.read(events.last_id)
        monkeypatch.setattr(Rearrange, "_drop", later)
        await world.actions.undo(reviewed, "eva")
        assert world.photo(photo).state is State.REVIEW
        await world.stage("tidy")
        world.check()
        assert not world.context.needs_recovery
        assert world.ledger.read(photos.open_intents) == []
    finally:
        close_world(world)


async def test_a_photo_that_is_sorted_before_its_name_in_the_inbox_goes_leaves_none_there(
    tmp_path, monkeypatch
):
    """That name goes once the claim is written down: from then on the stages may be faster."""
    world, drop = opened(tmp_path, Steps()), Claimer._drop

    async def later(claimer, good):
        await world.stage("examine")
        return await drop(claimer, good)

    monkeypatch.setattr(Claimer, "_drop", later)
    try:
        photo = await world.deliver("broken.jpg", b"no picture")
        assert world.photo(photo).state is State.REVIEW
        assert os.listdir(f"{world.context.layout.inbox}/test") == []
        assert not world.sidecar.claimer.stuck
        world.check()
    finally:
        close_world(world)
