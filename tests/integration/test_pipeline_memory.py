"""Memory is given back when nothing is on its way, and never in the middle of work."""

import os

import pytest
from tests.fakes import close_world
from tests.faulty_immich import FaultyWorld, at_rest

from smartsort.pipeline.engine.upkeep import TRIM_SECONDS, Memory


@pytest.fixture
def place(tmp_path):
    world = FaultyWorld(os.fspath(tmp_path / "root"))
    yield world
    close_world(world)


async def test_it_is_given_back_only_while_nothing_is_on_its_way(place):
    asked = []
    memory = Memory(place.context, trim=asked.append)
    await place.deliver("anna_1.jpg")
    assert await memory.step() == TRIM_SECONDS
    assert asked == []
    await at_rest(place)
    assert await memory.step() == TRIM_SECONDS
    assert asked == [0]


async def test_where_it_cannot_be_given_back_nothing_is_tried(place):
    assert await Memory(place.context, trim=None).step() == TRIM_SECONDS
