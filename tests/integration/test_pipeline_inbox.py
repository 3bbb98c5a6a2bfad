"""The watched inbox with real files and the kernel's leases: nothing is taken that is still being written."""

from __future__ import annotations

import asyncio
import os

import pytest
from tests.fakes import World, append, close_world, picture, write

from smartsort.core.model import State
from smartsort.files.settling import REST_SECONDS
from smartsort.files.writers import open_for_writing
from smartsort.ledger import photos


@pytest.fixture
def world(tmp_path):
    path = os.fspath(tmp_path / "lease")
    write(path, b"x")
    if open_for_writing(path) is None:
        pytest.skip("this file system gives no leases")
    made = World(
        os.fspath(tmp_path / "root"),
        settings={"inbox.settle_seconds": 600, "inbox.companion_wait_seconds": 0},
    )
    yield made
    close_world(made)


async def look(world: World) -> int:
    """One look at the inbox; how many photos have been claimed."""
    world.sidecar.inbox._hint.set()
    await world.sidecar.inbox.step()
    return world.ledger.read(lambda db: photos.count_in(db, State.CLAIMED))


async def looks(world: World) -> int:
    """Two looks with the rest that a finished file needs between them."""
    await look(world)
    await asyncio.sleep(REST_SECONDS + 0.1)
    return await look(world)


def place(world: World) -> str:
    return os.path.join(world.context.layout.inbox, "anna_1.jpg")


async def test_a_finished_photo_is_taken_without_the_quiet_time(world):
    await look(world)
    write(place(world), picture(1))
    assert await looks(world) == 1


async def test_half_a_photo_of_a_writer_that_closes_and_opens_again_is_not_taken(world):
    await look(world)
    content = picture(1)
    write(place(world), content[:300])
    assert await looks(world) == 0
    append(place(world), content[300:])
    assert await looks(world) == 1


async def test_a_whole_photo_that_is_written_to_again_needs_the_quiet_time(world):
    await look(world)
    write(place(world), picture(1))
    await look(world)
    append(place(world), picture(2))
    assert await looks(world) == 0
    assert await looks(world) == 0


async def test_a_photo_that_is_open_for_writing_waits_and_is_counted(world):
    await look(world)
    write(place(world), picture(1))
    handle = os.open(place(world), os.O_WRONLY)
    try:
        assert await looks(world) == 0
        assert world.sidecar.inbox.waiting == 1
    finally:
        os.close(handle)
    assert await looks(world) == 1


async def test_a_file_without_an_end_of_its_own_needs_the_quiet_time(world):
    await look(world)
    write(place(world), b"II*\0" + bytes(500))
    assert await looks(world) == 0
