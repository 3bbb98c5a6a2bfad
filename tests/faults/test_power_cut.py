"""A power cut takes back what nobody had waited for: names, removals, folders, bytes. What the ledger
has committed stays.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil

import pytest
from tests.fakes import World, close_world, picture
from tests.faults.power import Machine, PowerCut, Volatile, VolatileCopies

from smartsort.actions import PersonSelector
from smartsort.audit import Audit, Weight
from smartsort.core.model import State
from smartsort.files import durable
from smartsort.files.disk import Disk
from smartsort.files.placement import Placer
from smartsort.ledger.database import Ledger

EVERY = int(os.environ.get("SMARTSORT_TEST_KILL_EVERY", "31"))
"""1 cuts the power at each single step."""


def opened(root, machine, disk, **options):
    return World(
        root,
        checkpoint=machine.step,
        placer=lambda guard: Placer(disk(machine) if disk else Disk(), guard),
        **options,
    )


async def a_life(world, contents):
    """Photos come, are sorted, approved, rejected, brought back and purged."""

    async def deliver(name, number, **more):
        contents.add(hashlib.sha256(picture(number)).hexdigest())
        return await world.deliver(name, picture(number), **more)

    anna = await deliver("anna_1.jpg", 1)
    strangers = [await deliver(f"stranger_{n}.jpg", 10 + n, xmp=b"<x/>") for n in range(3)]
    await deliver("copy_1.jpg", 1)
    await world.settle()
    await world.actions.approve(strangers[:2], [PersonSelector("Bella")], "eva")
    [gone, *_] = await world.actions.reject([anna, strangers[2]], "eva", expect=(State.FILED, State.REVIEW))
    await world.actions.undo(gone.event, "eva")
    world.clock.pass_by(days=60)
    await world.actions.purge_expired(30)


def proved(world, contents, inbox):
    world.check()
    report = Audit(world.context.layout).run()
    assert report.weight is Weight.CLEAN, [f.what for f in report.findings]
    rows = world.ledger.read(
        lambda db: db.conn.execute("SELECT sha256 FROM photos WHERE sha256 IS NOT NULL").fetchall()
    )
    lying = set()
    for place, _, names in os.walk(inbox):
        for name in names:
            with open(os.path.join(place, name), "rb") as file:
                lying.add(hashlib.sha256(file.read()).hexdigest())
    assert contents <= {sha for (sha,) in rows} | lying


@pytest.mark.parametrize("sync", ["each", "as a whole"])
@pytest.mark.parametrize("disk", [Volatile, VolatileCopies])
@pytest.mark.timeout(600)
async def test_a_power_cut_at_any_step_loses_nothing(tmp_path, monkeypatch, disk, sync):
    if sync == "each":
        monkeypatch.setattr(durable, "_SYNC_AS_A_WHOLE", 10**6)
    transact = Ledger._transact
    cuts = 0
    at = 1 + EVERY // 2
    through = False
    while not through:
        rng = random.Random(at)
        root = os.fspath(tmp_path / str(at))
        machine = Machine(os.fspath(tmp_path / f"{at}.stash"))

        def writes(self, work, machine=machine):
            machine.step()
            return transact(self, work)

        contents: set[str] = set()
        world = opened(root, machine, disk)
        monkeypatch.setattr(Ledger, "_transact", writes)
        machine.left = at
        try:
            await a_life(world, contents)
        except PowerCut:
            cuts += 1
        else:
            through = True
        finally:
            monkeypatch.setattr(Ledger, "_transact", transact)
            close_world(world)
        machine.forget(lambda rng=rng, at=at: at % 2 or rng.random() < 0.5)
        machine.left, machine.off = None, False
        world = opened(root, machine, None, server=world.server, clock=world.clock)
        try:
            await world.settle()
            proved(world, contents, world.context.layout.inbox)
        finally:
            close_world(world)
        shutil.rmtree(root)
        at += EVERY
    if os.environ.get("SMARTSORT_TEST_REPORT"):
        print(f"{disk.__name__}, {sync}: {cuts} power cuts over {machine.steps} steps")
    assert cuts > 8
