"""A power cut takes back what nobody had waited for: names, removals, folders, bytes. What the ledger
has committed stays.

The disk of this test is as unkind as POSIX allows: whatever was not followed by an fsync of the file or
folder (or a syncfs) may be undone, each thing by itself.
"""

from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
from contextlib import suppress

import pytest
from tests.fakes import World, close_world, picture

from smartsort.actions import Choice
from smartsort.audit import Audit, Weight
from smartsort.core.model import State
from smartsort.files import durable
from smartsort.files.disk import Disk
from smartsort.files.placement import Placer
from smartsort.ledger.database import Ledger

EVERY = int(os.environ.get("SMARTSORT_TEST_KILL_EVERY", "31"))
"""1 cuts the power at each single step."""


class PowerCut(BaseException):
    """The machine is off."""


class Machine:
    """Counts steps, cuts the power at one of them, and then forgets what was not on the disk."""

    def __init__(self, stash):
        self.stash, self.pending = stash, []
        self.left, self.off, self.steps = None, False, 0
        os.makedirs(stash, exist_ok=True)

    def step(self, _name=""):
        self.steps += 1
        if self.left is not None:
            self.left -= 1
            self.off |= self.left <= 0
        if self.off:
            raise PowerCut

    def forget(self, lost):
        """Undo what was pending, newest first, where `lost()` says so."""
        for kind, path, more in reversed(self.pending):
            if not lost():
                continue
            with suppress(FileNotFoundError):
                if kind == "name":
                    os.unlink(path)
                elif kind == "renamed":
                    os.rename(path, more)
                elif kind == "removed" and not os.path.lexists(path):
                    os.link(more, path)
                elif kind == "folder":
                    shutil.rmtree(path)
                elif kind == "bytes":
                    os.truncate(more, 0)
        for kind, _, more in self.pending:
            if kind == "bytes":
                os.close(more)
        self.pending = []


class Volatile(Disk):
    """Tells the machine what it has not waited for yet."""

    machine: Machine

    def __init__(self, machine):
        super().__init__(machine.step)
        self.machine = machine

    def _note(self, kind, path, more=None):
        self.machine.pending.append((kind, path, more))

    def link(self, source, target):
        super().link(source, target)
        self._note("name", target)

    def create(self, path):
        handle = super().create(path)
        self._note("name", path)
        self._note("bytes", path, os.dup(handle))
        return handle

    def rename_exclusive(self, source, target):
        super().rename_exclusive(source, target)
        self._note("renamed", target, source)

    def unlink(self, path):
        kept = os.path.join(self.machine.stash, str(len(os.listdir(self.machine.stash))))
        with suppress(FileNotFoundError):
            os.link(path, kept)
        super().unlink(path)
        self._note("removed", path, kept)

    def mkdir(self, path):
        super().mkdir(path)
        self._note("folder", path)

    def _safe(self, really):
        stay = []
        for entry in self.machine.pending:
            if not really(entry):
                stay.append(entry)
            elif entry[0] == "bytes":
                os.close(entry[2])
        self.machine.pending = stay

    def fsync(self, handle):
        super().fsync(handle)
        mine = os.fstat(handle)
        self._safe(lambda e: e[0] == "bytes" and os.path.samestat(os.fstat(e[2]), mine))

    def fsync_path(self, path, *, folder):
        super().fsync_path(path, folder=folder)
        if folder:
            self._safe(lambda e: e[0] != "bytes" and os.path.dirname(e[1]) == path)
            return
        mine = os.stat(path)
        self._safe(lambda e: e[0] == "bytes" and os.path.samestat(os.fstat(e[2]), mine))

    def sync_file_system(self, path):
        super().sync_file_system(path)
        self._safe(lambda _: True)


class VolatileCopies(Volatile):
    """The same without hard links."""

    def link(self, source, target):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), target, None, source)


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
    await world.actions.approve(strangers[:2], [Choice("Bella")], "eva")
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
