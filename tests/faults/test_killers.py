"""Files that kill their reader, in the size of a CI run; the full one is `python -m tests.faults.killers`."""

from __future__ import annotations

import os

import pytest
from tests.fakes import World, close_world
from tests.faults import killers

from smartsort.core.model import State
from smartsort.files.decoders import Decoders
from smartsort.files.resources import Budget
from smartsort.ledger import photos

MIB = 1 << 20
SMALL_KILLERS = {
    "killer_1.png": lambda: killers.interlaced_png(6000, 6000),
    "killer_2.jpg": lambda: killers.flat("JPEG", 6000, 6000, progressive=True),
    "killer_3.gif": lambda: killers.flat("GIF", 6000, 6000),
    "killer_4.webp": lambda: killers.flat("WEBP", 6000, 6000, lossless=True),
    "killer_5.png": lambda: killers.png_bomb(200_000, 200_000),
}


@pytest.fixture
def place(tmp_path):
    made = World(os.fspath(tmp_path / "root"))
    made.context.decoders = Decoders(Budget(2, 60 * MIB, 80 * MIB))
    yield made
    made.context.decoders.release()
    close_world(made)


async def test_they_go_to_review_and_every_other_photo_is_filed(place):
    good, bad = [], {}
    for number, (name, make) in enumerate(SMALL_KILLERS.items()):
        good += [await place.deliver(f"anna_{number * 3 + n}.jpg") for n in range(3)]
        bad[await place.deliver(name, make())] = name
    await place.settle()
    assert [place.photo(photo).state for photo in good] == [State.FILED] * len(good)
    for photo, name in bad.items():
        assert place.photo(photo).state is State.REVIEW, name
        reason = place.ledger.read(lambda db, i=photo: photos.last_decision(db, i))[3][0]
        assert reason.code == "unreadable"
        expected = "too many pixels" if name == "killer_5.png" else "needs more than 80 MiB of memory"
        assert expected in reason.detail, name
        assert place.photo(photo).media_kind == "image"
    place.check()


def test_the_full_run_says_what_is_wrong():
    fine = killers.Outcome(0, 95, dict.fromkeys(killers.KILLERS, "unidentified"), 1, 0)
    assert fine.problems(95) == []
    bad = killers.Outcome(137, 90, {}, 1, 3)
    assert bad.problems(95)[:2] == ["it ended with 137", "90 of 95 photos are filed"]
    assert len(bad.problems(95)) == 2 + len(killers.KILLERS)
