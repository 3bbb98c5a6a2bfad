"""An inbox with a photo, a library, and a folder on another file system."""

import tempfile

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
    with tempfile.TemporaryDirectory(prefix="smartsort-test-", dir=disk) as place:
        yield place


@pytest.fixture
def photo(inbox):
    return written(inbox / "a.jpg")
