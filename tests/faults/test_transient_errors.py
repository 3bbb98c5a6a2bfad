"""A step that fails now and then, at any system call or commit, without the process ever ending.

A kill is followed by a start that clears up. An error is not: what was begun has to be finished, or taken
back, by the same process.
"""

from __future__ import annotations

import errno
import os
import random
from contextlib import suppress

import pytest
from tests import fakes
from tests.faults.deliveries import Stock
from tests.faults.test_storage_faults import proved
from tests.faults.world import world

from smartsort.actions import PersonSelector
from smartsort.audit import Audit, Weight
from smartsort.core.model import State
from smartsort.errors import RootUnavailable, SmartsortError, StorageFull
from smartsort.files.disk import Disk
from smartsort.files.placement import Placer
from smartsort.ledger import events, photos
from smartsort.ledger.database import Ledger
from smartsort.pipeline.arrival import claim
from smartsort.pipeline.recovery import recover

COUNT = 24
SEEDS = range(int(os.environ.get("SMARTSORT_TEST_SEEDS", "1")))


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    made = Stock(str(tmp_path_factory.mktemp("stock")))
    made.make(COUNT)
    return made


class Stumbling:
    """Raises at first and then with this chance while `on`; `times` counts how often it did.

    Of photos that come together, few commits may be all there are: with the chance alone, none might fail.
    """

    def __init__(self, chance, seed):
        self._chance, self._rng = chance, random.Random(seed)
        self.on, self.times = True, 0

    def __call__(self, problem):
        if self.on and (not self.times or self._rng.random() < self._chance):
            self.times += 1
            raise problem


class Copying(Disk):
    """A disk without hard links."""

    def link(self, source, target):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), target, None, source)


def fails_at_commits(stumbling, monkeypatch, disk):
    transact = Ledger._transact

    def stumble(self, work):
        def or_not(db):
            result = work(db)
            stumbling(StorageFull("the ledger cannot grow"))
            return result

        return transact(self, or_not)

    monkeypatch.setattr(Ledger, "_transact", stumble)
    return lambda guard: Placer(disk(), guard)


def fails_at_system_calls(stumbling, monkeypatch, disk):
    def checkpoint(step):
        number = stumbling._rng.choice((errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES))
        if not step.endswith(" done"):
            stumbling(OSError(number, os.strerror(number), step))

    return lambda guard: Placer(disk(checkpoint), guard)


def fails_at_guards(stumbling, monkeypatch, disk):
    def guarded(guard):
        def check():
            guard()
            stumbling(RootUnavailable("library/ is missing"))

        return Placer(disk(), check)

    return guarded


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("disk", [Disk, Copying])
@pytest.mark.parametrize(
    ("faults", "chance"), [(fails_at_commits, 0.2), (fails_at_system_calls, 0.02), (fails_at_guards, 0.1)]
)
async def test_what_fails_on_the_way_is_done_in_the_end(
    *, tmp_path, stock, monkeypatch, faults, chance, disk, seed
):
    monkeypatch.setattr(recover, "TIDY_SECONDS", 0.1)
    monkeypatch.setattr(claim, "SETTLE_SECONDS", 0.1)
    stumbling = Stumbling(chance, seed)
    placer = faults(stumbling, monkeypatch, disk)
    async with world(str(tmp_path / "root")) as here:
        stumbling.on = False
        await here.start(placer=placer)
        stumbling.on = True
        stock.deliver(stock.deliveries, here.inbox)

        async def enough():
            return stumbling.times >= 12 or await here.at_rest() == len(stock.deliveries)

        assert await here.until(enough)
        assert stumbling.times
        stumbling.on = False
        context = here.sidecar.context
        assert await here.until(lambda: not (context.needs_recovery or context.placer.disk.strays))
        await proved(here, stock)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("disk", [Disk, Copying])
@pytest.mark.parametrize(
    ("faults", "chance"), [(fails_at_commits, 0.15), (fails_at_system_calls, 0.05), (fails_at_guards, 0.1)]
)
async def test_actions_that_fail_leave_nothing_behind(*, tmp_path, monkeypatch, faults, chance, disk, seed):
    """Decisions of humans, and taking them back, while folders and ledger fail now and then."""
    stumbling = Stumbling(chance, seed)
    placer = faults(stumbling, monkeypatch, disk)
    stumbling.on = False
    here = fakes.World(os.fspath(tmp_path / "root"), placer=placer)
    try:
        for n in range(4):
            await here.deliver(f"stranger_{n}.jpg", xmp=b"<x/>" if n % 2 else None)
            await here.deliver(f"anna_{n}.jpg")
        await here.settle()
        ids = list(range(1, 9))
        stumbling.on = True
        chances = random.Random(seed)
        for _ in range(60):
            some = chances.sample(ids, 3)
            last = here.ledger.read(events.last_id)
            act = chances.choice(
                (
                    lambda some=some: here.actions.approve(some, [PersonSelector("Bella")], "eva"),
                    lambda some=some: here.actions.refile(some, [PersonSelector("Carl")], "eva"),
                    lambda some=some: here.actions.reject(some, "eva", expect=(State.REVIEW, State.FILED)),
                    lambda last=last: here.actions.undo(last, "eva"),
                    lambda: here.actions.undo_last(actor="eva"),
                )
            )
            with suppress(SmartsortError):
                await act()
        assert stumbling.times > 5
        stumbling.on = False
        await here.stage("tidy")
        assert not here.context.needs_recovery
        await here.settle()
        here.check()
        report = Audit(here.context.layout).run()
        assert report.weight is Weight.CLEAN, [f.what for f in report.findings]
        assert len(here.ledger.read(lambda db: photos.by_ids(db, ids))) == len(ids)
    finally:
        stumbling.on = False
        fakes.close_world(here)
