"""Spot checks: drawn without holding up a filing, answered, counted, taken back."""

from __future__ import annotations

import os

import pytest
from tests.fakes import World, close_world

from smartsort.actions import PersonSelector
from smartsort.core.model import State
from smartsort.core.spot_checks import drawn
from smartsort.ledger import events, key_value, spot_checks, statistics

SHARE = 0.5


@pytest.fixture
def world(tmp_path):
    made = World(
        os.fspath(tmp_path / "root"),
        settings={"whitelist": ["Anna", "Bella"], "blacklist": ["Carl"], "spot_check_rate": SHARE},
    )
    yield made
    close_world(made)


async def deliver(world, *names):
    ids = [await world.deliver(name) for name in names]
    await world.settle()
    await spot_checks.catch_up(world.ledger, SHARE)
    return ids


def waiting(world):
    return [one.photo_id for one in world.ledger.read(spot_checks.waiting)]


async def counted(world):
    await spot_checks.catch_up(world.ledger, SHARE)
    found = world.ledger.read(spot_checks.counts)
    return found.right, found.wrong, found.open


def filing(world, photo_id):
    found = world.ledger.read(lambda db: events.of_photo(db, photo_id))
    return next(e.id for e in reversed(found) if e.kind == "sorted")


async def test_exactly_the_photos_of_the_keyed_draw_are_offered_and_only_filed_ones(world):
    ids = await deliver(world, *(f"anna_{n}.jpg" for n in range(20)), "stranger_1.jpg", "carl_1.jpg")
    key = world.ledger.read(lambda db: key_value.get(db, "root_id"))
    expected = [i for i in ids[:20] if drawn(key, i, SHARE)]
    assert 0 < len(expected) < 20
    assert waiting(world) == sorted(expected, reverse=True)


async def test_the_draw_follows_the_filing_and_a_share_of_nothing_draws_nothing(tmp_path):
    world = World(os.fspath(tmp_path / "root"), settings={"whitelist": ["Anna"], "spot_check_rate": 0})
    ids = [await world.deliver(f"anna_{n}.jpg") for n in range(5)]
    await world.settle()
    assert all(world.photo(i).state is State.FILED for i in ids)  # before anything was drawn
    assert world.ledger.read(spot_checks.behind)
    await world.stage("statistics")
    assert not world.ledger.read(spot_checks.behind)
    assert waiting(world) == []
    close_world(world)


async def test_confirmed_counts_as_right_moves_nothing_and_can_be_taken_back(world):
    await deliver(world, *(f"anna_{n}.jpg" for n in range(20)))
    before, first = world.tree(), waiting(world)[0]
    [acted] = await world.actions.confirm([first], "maria")
    assert (acted.action, acted.person) == ("confirmed", "Anna")
    assert world.tree() == before
    assert (await counted(world))[0] == 1
    assert first not in waiting(world)
    await world.actions.undo(acted.event, "maria")
    assert (await counted(world))[0] == 0
    assert first in waiting(world)
    world.check()


async def test_wrong_with_the_right_person_files_it_there_and_counts(world):
    await deliver(world, *(f"anna_{n}.jpg" for n in range(20)))
    first = waiting(world)[0]
    [acted] = await world.actions.refile([first], [PersonSelector("Bella")], "maria")
    assert world.places(first)[0].startswith("faces/bella/")
    assert (await counted(world))[:2] == (0, 1)
    world.ledger.write(statistics.count_chunk)
    assert world.ledger.read(statistics.totals_ever)["wrong"] == 1
    await world.actions.undo(acted.event, "maria")
    assert (await counted(world))[:2] == (0, 0)


async def test_wrong_with_nobody_named_goes_to_review_and_counts(world):
    await deliver(world, *(f"anna_{n}.jpg" for n in range(20)))
    first = waiting(world)[0]
    await world.actions.undo(filing(world, first), "maria")
    assert world.photo(first).state is State.REVIEW
    assert (await counted(world))[:2] == (0, 1)


async def test_the_last_word_counts(world):
    await deliver(world, *(f"anna_{n}.jpg" for n in range(20)))
    first = waiting(world)[0]
    await world.actions.confirm([first], "maria")
    await world.actions.refile([first], [PersonSelector("Bella")], "maria")
    assert (await counted(world))[:2] == (0, 1)


async def test_what_a_human_finds_wrong_unasked_counts_only_if_it_was_drawn(world):
    """Else the share would be of those people happened to look at."""
    ids = await deliver(world, *(f"anna_{n}.jpg" for n in range(20)))
    other = next(i for i in ids if i not in waiting(world))
    await world.actions.refile([other], [PersonSelector("Bella")], "maria")
    right, wrong, left = await counted(world)
    assert (right, wrong, left) == (0, 0, len(waiting(world)))


async def test_what_a_human_filed_is_nothing_to_confirm(world):
    [photo_id] = await deliver(world, "stranger_1.jpg")
    await world.actions.approve([photo_id], [PersonSelector("Anna")], "maria")
    [acted] = await world.actions.confirm([photo_id], "maria")
    assert (acted.ok, acted.code) == (False, "nothing_to_do")
