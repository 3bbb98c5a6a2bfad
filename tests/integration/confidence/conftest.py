"""A world whose previews are measured."""

import os

import pytest
from tests.fakes import close_world
from tests.measured import Eye, measured_world


@pytest.fixture
def eye():
    return Eye()


@pytest.fixture
def world(tmp_path, eye):
    made = measured_world(os.fspath(tmp_path / "root"), eye)
    yield made
    close_world(made)
