"""The retention time counts how long smartsort has run: a wrong clock costs no photo."""

from __future__ import annotations

import os

import pytest
from tests.fakes import FakeClock, World, close_world

from smartsort.actions import purge
from smartsort.core.model import State
from smartsort.errors import ClockJumped
from smartsort.ledger import key_value
from smartsort.pipeline.engine.runner import NothingProved, kind_of

DAY = 24 * 60


class Machine(FakeClock):
    """A machine whose wall clock, running time and uptime are set by hand, in minutes."""

    def __init__(self) -> None:
        super().__init__()
        self.minutes = 0.0
        self.monotonic = lambda: 1000.0 + self.ahead + self.minutes * 60

    def run(self, minutes: float) -> None:
        """Time goes by while smartsort runs."""
        self.minutes += minutes
        self.pass_by(minutes=minutes)


@pytest.fixture
def machine(monkeypatch):
    made = Machine()
    monkeypatch.setattr(purge.time, "clock_gettime", lambda _: made.minutes * 60)
    monkeypatch.setattr(purge, "_boot_id", lambda: "boot 1")
    return made


@pytest.fixture
def make(root, machine):
    made = []

    def new(**more):
        made.append(World(root, clock=machine, **more))
        return made[-1]

    yield new
    for world in made:
        close_world(world)


async def rejected(world):
    photo = await world.deliver(f"stranger_{len(world.tree())}.jpg")
    await world.settle()
    await world.actions.reject([photo], "eva")
    return photo


async def hourly(world, machine, hours):
    for _ in range(hours):
        machine.run(60)
        while await world.stage("retention") is True:
            pass


async def test_a_start_with_the_clock_ahead_purges_nothing_and_the_jump_is_told(make, machine):
    world = make()
    await world.stage("retention")
    photo = await rejected(world)
    server = world.server
    close_world(world)
    machine.run(1)
    machine.pass_by(days=40)
    world = make(server=server)
    with pytest.raises(ClockJumped, match=r"jumped by 40 days.*NTP"):
        await world.stage("retention")
    assert kind_of(ClockJumped()) == "clock"
    # It is shown for a while, and nothing goes meanwhile.
    assert isinstance(await world.stage("retention"), NothingProved)
    assert world.photo(photo).state is State.REJECTED
    machine.run(61)
    assert not isinstance(await world.stage("retention"), NothingProved)
    assert world.photo(photo).state is State.REJECTED


async def test_after_another_boot_with_the_clock_ahead_nothing_goes_either(make, machine, monkeypatch):
    """Nothing tells whether the machine was off for so long; the photo waits for running time."""
    world = make()
    await world.stage("retention")
    photo = await rejected(world)
    server = world.server
    close_world(world)
    machine.pass_by(days=40)
    monkeypatch.setattr(purge, "_boot_id", lambda: "boot 2")
    world = make(server=server)
    await world.stage("retention")
    assert world.photo(photo).state is State.REJECTED
    await hourly(world, machine, 29 * 24)
    assert world.photo(photo).state is State.REJECTED
    await hourly(world, machine, 26)
    assert world.photo(photo).state is State.PURGED


async def test_a_clock_that_is_set_back_is_told_and_costs_nothing(make, machine, monkeypatch):
    world = make()
    await world.stage("retention")
    photo = await rejected(world)
    machine.run(60)
    machine.pass_by(days=-400)
    monkeypatch.setattr(purge, "_boot_id", lambda: "boot 2")
    with pytest.raises(ClockJumped, match="jumped by -400 days"):
        await world.stage("retention")
    await hourly(world, machine, 31 * 24)
    assert world.photo(photo).state is State.REJECTED, "until the clock says so too"


async def test_without_a_jump_a_photo_goes_after_the_retention_time(make, machine):
    world = make()
    await world.stage("retention")
    first = await rejected(world)
    await hourly(world, machine, 15 * 24)
    second = await rejected(world)
    await hourly(world, machine, 15 * 24 + 2)
    assert (world.photo(first).state, world.photo(second).state) == (State.PURGED, State.REJECTED)
    await hourly(world, machine, 15 * 24)
    assert world.photo(second).state is State.PURGED


async def test_running_time_is_kept_over_restarts_and_the_time_between_does_not_count(make, machine):
    world = make()
    await world.stage("retention")
    photo = await rejected(world)
    server = world.server
    for _ in range(4):
        await hourly(world, machine, 7 * 24)
        close_world(world)
        machine.run(10 * DAY)  # the machine is on, smartsort is not
        world = make(server=server)
        await world.stage("retention")
    assert world.photo(photo).state is State.REJECTED
    ran = world.ledger.read(lambda db: key_value.get(db, key_value.RAN))
    assert ran == pytest.approx(28 * 86400, abs=3600)
    await hourly(world, machine, 2 * 24 + 1)
    assert world.photo(photo).state is State.PURGED


async def test_a_photo_that_is_rejected_again_waits_anew(make, machine):
    world = make()
    await world.stage("retention")
    photo = await rejected(world)
    await hourly(world, machine, 20 * 24)
    [undone] = await world.actions.undo_last("eva", actor="eva")
    assert undone.ok
    await world.actions.reject([photo], "eva")
    await hourly(world, machine, 20 * 24)
    assert world.photo(photo).state is State.REJECTED
    await hourly(world, machine, 11 * 24)
    assert world.photo(photo).state is State.PURGED


async def test_no_retention_time_means_at_once(make, machine):
    world = make(settings={"trash.retention_days": 0, "trash.allow_zero": True})
    photo = await rejected(world)
    machine.run(1)
    while await world.stage("retention") is True:
        pass
    assert world.photo(photo).state is State.PURGED
    assert os.listdir(f"{world.root}/trash") != []


async def test_a_small_correction_is_no_jump(make, machine):
    world = make()
    await world.stage("retention")
    machine.run(60)
    machine.pass_by(minutes=5)
    assert await world.stage("retention") == purge.LONGEST_PAUSE
