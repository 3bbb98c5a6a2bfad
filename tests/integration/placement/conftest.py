"""An inbox with a photo, a library, and a folder on another file system."""

import os

import pytest
from tests.disks import written
from tests.memory import another_disk


@pytest.fixture
def inbox(tmp_path):
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def library(tmp_path):
    return tmp_path / "library"


@pytest.fixture
def elsewhere(tmp_path):
    """A folder on another file system."""
    disk = another_disk(tmp_path)
    if disk is None:
        pytest.skip("no second file system here")
    place = f"{disk}/smartsort-test-{os.getpid()}"
    os.makedirs(place)
    yield place
    for folder, _, files in os.walk(place, topdown=False):
        for name in files:
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)


@pytest.fixture
def photo(inbox):
    return written(inbox / "a.jpg")
