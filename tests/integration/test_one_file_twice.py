"""Two photos that are one file on the disk: a user hard-linked it and handed in both names."""

import os

import pytest
from tests.fakes import World, close_world, picture, write

from smartsort.actions import PersonSelector
from smartsort.core.model import State
from smartsort.files.stamps import stamp
from smartsort.ledger import photos
from smartsort.ledger.records import Area
from smartsort.pipeline.arrival.claim import Offered


@pytest.fixture
def world(tmp_path):
    made = World(os.fspath(tmp_path / "root"))
    yield made
    close_world(made)


async def hand_in_twice(world: World, name: str, content: bytes, *, together: bool) -> list[int]:
    paths = []
    for source in ("one", "two"):
        folder = os.path.join(world.context.layout.inbox, source)
        os.makedirs(folder)
        paths.append(os.path.join(folder, name))
    write(paths[0], content)
    os.link(paths[0], paths[1])
    offered = [Offered(path, stamp(path), "test") for path in paths]
    taken = []
    for batch in [offered] if together else [[one] for one in offered]:
        taken += await world.sidecar.claimer.claim(batch)
        if not together:
            await world.settle()
    await world.settle()
    return [photo.id for photo in taken]


def own_paths(world: World, ids: list[int]) -> list[set[str]]:
    held = world.ledger.read(lambda db: photos.names_of(db, ids))
    assert all(os.path.isfile(world.context.absolute(name)) for i in ids for name in held[i])
    return [{n.path for n in held[i] if n.area is not Area.LIBRARY} for i in ids]


@pytest.mark.parametrize("together", [True, False])
async def test_each_of_two_unreadable_photos_has_a_name_of_its_own(world, together):
    ids = await hand_in_twice(world, "note.jpg", b"no picture", together=together)
    first, second = own_paths(world, ids)
    assert len(first) == len(second) == 1
    assert first != second
    for photo_id in ids:
        batch = await world.actions.reject([photo_id], "admin")
        assert batch.results[0].action == "rejected"
    first, second = own_paths(world, ids)
    assert len(first) == len(second) == 1
    assert first != second


async def test_a_duplicate_that_is_approved_stands_beside_the_photo(world):
    first, second = await hand_in_twice(world, "anna_1.jpg", picture(1), together=False)
    assert world.photo(first).state is State.FILED
    await world.actions.approve([second], [PersonSelector(name="Anna")], "admin")
    one, other = own_paths(world, [first, second])
    assert len(one) == len(other) == 1
    assert one.isdisjoint(other)
