"""Worlds with an Immich in memory that has its moods, closed when their test is over."""

import os

import pytest
from tests.fake_immich import FakeServer
from tests.fakes import close_world
from tests.faulty_immich import FaultyWorld


@pytest.fixture
def root(tmp_path):
    return os.fspath(tmp_path / "root")


@pytest.fixture
def make(root):
    made = []

    def new(**options):
        made.append(FaultyWorld(root, **options))
        return made[-1]

    yield new
    for world in made:
        close_world(world)


@pytest.fixture
def place(make):
    return make()


@pytest.fixture
def server(place):
    return place.server


@pytest.fixture(params=[False, True], ids=["by_turns", "together"])
def ways_to_look(request, monkeypatch):
    """Both ways in which recheck asks an Immich: of 3.1 and before, and since 3.2."""
    monkeypatch.setattr(FakeServer, "finds_together", request.param)
