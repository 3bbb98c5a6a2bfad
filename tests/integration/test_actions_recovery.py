"""Actions killed at every step, on file systems with and without hard links, and storage that fails."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

import pytest
from tests.fakes import World, append, close_world, picture

from smartsort.actions import PersonSelector
from smartsort.core.model import State
from smartsort.files.disk import Disk
from smartsort.files.placement import Placer
from smartsort.ledger import events
from smartsort.ledger.copies import copies_of

BELLA = [PersonSelector("Bella", create=True)]


class Killed(BaseException):
    """The process ends here."""


class Bomb:
    """Ends the process at the n-th step after it is armed; counts them when it is not."""

    def __init__(self):
        self.left = None
        self.steps = []

    def arm(self, steps):
        self.left, self.steps = steps, []

    def __call__(self, step):
        self.steps.append(step)
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                raise Killed(step)


class NoLinks(Disk):
    """A file system without hard links."""

    def link(self, source, target):
        self.checkpoint("link")
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), target)


def opened(root, bomb, disk, **options):
    return World(
        root,
        checkpoint=bomb,
        placer=lambda guard: Placer(disk(bomb), guard),
        settings={"immich.album_per_person": True},
        **options,
    )


async def approve(world, ids):
    await world.actions.approve(ids, BELLA, "eva")


async def refile(world, ids):
    await world.actions.refile([ids[3]], BELLA, "eva")


async def relink(world, ids):
    """Move what is filed to where another template puts it."""
    policy = replace(world.context.policy(), template="{source}/{person}")
    world.context.policy = lambda: policy
    await world.actions.relink("eva")


async def reject(world, ids):
    await world.actions.reject(ids, "eva", expect=(State.REVIEW, State.FILED))


async def restore(world, ids):
    """Take back a rejection that was made before."""
    await world.actions.undo_last(actor="eva")


async def unfile(world, ids):
    found = world.ledger.read(lambda db: events.of_photo(db, ids[3]))
    await world.actions.undo(next(e.id for e in found if e.kind == "sorted"), "eva")


async def judge_again(world, ids):
    for photo_id in (ids[0], ids[2]):
        found = world.ledger.read(lambda db, i=photo_id: events.of_photo(db, i))
        await world.actions.undo(next(e.id for e in found if e.kind == "reviewed"), "eva")


async def purge(world, ids):
    await world.actions.purge_expired(0)


EVERY = int(os.environ.get("SMARTSORT_TEST_KILL_EVERY", "6"))
"""1 kills at each single step."""

PREPARED = {restore: reject, purge: reject}


async def run_until_it_is_through(tmp_path, disk, act, every):
    """Kill at step 1, 1 + every, ...; after each a restart; returns how often it was killed."""
    kills = 0
    step = 1
    while True:
        root = os.fspath(tmp_path / f"{step}")
        bomb = Bomb()
        world = opened(root, bomb, disk)
        try:
            ids = [
                await world.deliver("stranger_1.jpg", picture(1), xmp=b"<x/>"),
                await world.deliver("none_1.jpg", picture(2)),
            ]
            await world.settle()
            ids.append(await world.deliver("copy_1.jpg", picture(1)))
            ids.append(await world.deliver("anna_1.jpg", picture(3)))
            await world.settle()
            if act in PREPARED:
                await PREPARED[act](world, ids)
                await world.tell(minutes=1)
                world.clock.pass_by(days=1)
            before = {i: (world.photo(i).state, world.places(i)) for i in ids}
            bomb.arm(step)
            try:
                await act(world, ids)
            except Killed:
                kills += 1
                through = False
            else:
                through = True
        finally:
            bomb.arm(None)
            close_world(world)
        world = opened(root, Bomb(), disk, server=world.server, clock=world.clock)
        try:
            world.check()
            for photo_id, was in before.items():
                now = world.photo(photo_id).state, world.places(photo_id)
                assert now == was or now[0] is not was[0] or now[1] != was[1]
                if now[0] is was[0] and act not in (refile, relink):
                    assert now == was  # before the act, as if nothing had been begun
            await world.settle()
            await world.tell(minutes=3)
            world.check()
            for photo_id in ids:
                photo = world.photo(photo_id)
                if photo.asset_id is not None:
                    gone = photo.state in (State.REJECTED, State.PURGED)
                    assert world.server.assets[photo.asset_id].offline is gone, (step, photo.state)
            if through:
                if os.environ.get("SMARTSORT_TEST_REPORT"):
                    print(act.__name__, disk.__name__, "kills:", kills)
                return kills
        finally:
            close_world(world)
        step += every


@pytest.mark.parametrize("act", [approve, refile, relink, reject, restore, unfile, judge_again, purge])
@pytest.mark.timeout(300)
async def test_killed_at_many_steps_with_hard_links(tmp_path, act):
    kills = await run_until_it_is_through(tmp_path, Disk, act, every=1 if act is purge else EVERY)
    assert kills > 1


@pytest.mark.parametrize("act", [approve, reject, restore])
@pytest.mark.timeout(300)
async def test_killed_on_a_file_system_without_hard_links(tmp_path, act):
    assert await run_until_it_is_through(tmp_path, NoLinks, act, every=4 * EVERY) > 3


async def test_a_full_disk_leaves_the_photo_where_it_was(tmp_path):
    class Full(Disk):
        full = False

        def link(self, source, target):
            if self.full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), target)
            super().link(source, target)

    disk = Full()
    world = World(os.fspath(tmp_path / "root"), placer=lambda guard: Placer(disk, guard))
    try:
        photo = await world.deliver("stranger_1.jpg")
        await world.settle()
        tree = world.tree()
        disk.full = True
        [acted] = await world.actions.approve([photo], BELLA, "eva")
        assert (acted.action, acted.code) == ("failed", "storage")
        assert "space" in acted.problem
        disk.full = False
        assert world.tree() == tree
        world.check()
        [acted] = await world.actions.approve([photo], BELLA, "eva")
        assert acted.ok
    finally:
        close_world(world)


async def test_a_root_that_went_away_changes_nothing(tmp_path):
    root = os.fspath(tmp_path / "root")
    world = World(root)
    try:
        photo = await world.deliver("stranger_1.jpg")
        await world.settle()
        tree = world.tree()
        os.rename(f"{root}/faces/.smartsort-root", f"{tmp_path}/away")
        [acted] = await world.actions.approve([photo], BELLA, "eva")
        assert (acted.action, acted.code) == ("failed", "storage")
        os.rename(f"{tmp_path}/away", f"{root}/faces/.smartsort-root")
        assert world.tree() == tree
        [acted] = await world.actions.approve([photo], BELLA, "eva")
        assert acted.ok
        world.check()
    finally:
        close_world(world)


async def test_the_retention_time_removes_only_what_is_older_and_only_what_was_thrown_away(tmp_path):
    world = World(os.fspath(tmp_path / "root"))
    try:
        kept, old, young, edited = [await world.deliver(f"stranger_{i}.jpg") for i in range(4)]
        await world.settle()
        await world.actions.reject([old, edited], "eva")
        world.clock.pass_by(days=20)
        await world.actions.reject([young], "eva")
        name = next(n for n in world.names(edited) if n.area == "trash")
        append(f"{world.root}/trash/{name.path}", b"not what was thrown away")
        world.clock.pass_by(days=11)
        acted = {a.photo_id: a for a in await world.actions.purge_expired(30)}
        assert {i: a.action for i, a in acted.items()} == {old: "purged", edited: "failed"}
        assert acted[edited].code == "changed_by_hand"
        assert "other bytes" in acted[edited].problem
        assert world.photo(edited).problem == acted[edited].problem
        assert world.photo(old).state is State.PURGED
        assert [world.photo(i).state for i in (kept, young, edited)] == [
            State.REVIEW,
            State.REJECTED,
            State.REJECTED,
        ]
        assert await world.actions.purge_expired(30) == []  # the edited one waits for a human
        world.check()
        # It is still recognised, and its rejection can no longer be taken back.
        rejected = world.ledger.read(lambda db: [e for e in events.of_photo(db, old) if e.kind == "rejected"])
        [refused] = await world.actions.undo(rejected[0].id, "eva")
        assert "removed for good" in refused.problem
        copy = world.ledger.read(lambda db: copies_of(db, {kept: world.photo(old).sha256}))[kept]
        assert (copy.photo_id, copy.alive) == (old, False)
    finally:
        close_world(world)


async def test_without_hard_links_everything_goes_the_same_way(tmp_path):
    world = World(os.fspath(tmp_path / "root"), placer=lambda guard: Placer(NoLinks(), guard))
    try:
        photo = await world.deliver("stranger_1.jpg", xmp=b"<x/>")
        await world.settle()
        at_first = sorted(world.tree())
        [a] = await world.actions.approve([photo], BELLA, "eva")
        [b] = await world.actions.reject([photo], "eva", expect=(State.FILED,))
        world.check()
        await world.actions.undo(b.event, "eva")
        await world.actions.undo(a.event, "eva")
        assert sorted(world.tree()) == at_first
        world.check()
    finally:
        close_world(world)
