"""Libraries with photos from before smartsort, closed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.earlier_library import Library
from tests.fakes import close_world


@pytest.fixture
def make(tmp_path) -> Iterator[Callable[..., Library]]:
    made: list[Library] = []

    def make(**options: Any) -> Library:
        made.append(Library(tmp_path, **options))
        return made[-1]

    yield make
    for one in made:
        close_world(one.world)


@pytest.fixture
def library(make) -> Library:
    found = make()
    for number in range(3):
        found.upload(f"a/anna_{number}.jpg")
    found.upload("b/bella_0.jpg", taken="2021-01-01T00:00:00.000Z")
    found.upload("b/anna+stranger_0.jpg", taken="2022-01-01T00:00:00.000Z")
    found.upload("b/none_0.jpg", taken="2022-01-02T00:00:00.000Z")
    found.upload("b/stranger_0.jpg", taken="2022-01-03T00:00:00.000Z")
    return found
