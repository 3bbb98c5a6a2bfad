"""The reason of a duplicate names the place where the other copy is now, not the one where it was then."""

from __future__ import annotations

import io
import os
import random
import re

import pytest
from PIL import Image
from tests.fakes import World, close_world, picture

from smartsort.actions import PersonSelector
from smartsort.api.explanations import explained
from smartsort.api.review_views import queue_item, review_item
from smartsort.core.model import State
from smartsort.core.policy import Policy
from smartsort.ledger import review


@pytest.fixture
def place(tmp_path):
    made = World(os.fspath(tmp_path / "root"), settings={"deduplication.near_duplicates": True})
    yield made
    close_world(made)


def drawn(comment):
    """The same picture each time, in another file."""
    out = io.BytesIO()
    image = Image.frombytes("L", (20, 20), random.Random(1).randbytes(400)).resize((200, 200))
    image.convert("RGB").save(out, "JPEG", comment=comment)
    return out.getvalue()


def shown(world, photo_id):
    """Every sentence about the duplicate: its row in the queue, its page, its explanation."""

    def read(db):
        row = next(row for row in review.page(db).rows if row.photo_id == photo_id)
        item = review_item(db, photo_id, Policy())
        explanation = explained(db, photo_id, Policy())
        texts = [queue_item(row, Policy()).text, item.text, item.reasons[0].text, explanation.summary]
        texts += [rule.text for rule in explanation.rules if rule.verdict == "decided"]
        return texts, item.reasons[0].detail, item.other_copy.path

    texts, detail, path = world.ledger.read(read)
    assert all(detail in text for text in texts), texts
    assert not any(re.search(r"\btemp/|temp_downloads|\d+-photo_", text) for text in texts), texts
    return detail, path


async def test_the_place_of_now_is_shown(place):
    """Both files arrive together: the first has only a temporary place when the second is judged."""
    content = picture(7)
    first = await place.deliver("stranger_1.jpg", content)
    second = await place.deliver("again.jpg", content)
    await place.settle()
    assert shown(place, second) == ("review/unidentified/unknown_stranger_1.jpg",) * 2

    [approved] = await place.actions.approve([first], [PersonSelector("Bella")], "eva")
    assert shown(place, second) == ("faces/bella/stranger_1.jpg",) * 2

    await place.actions.undo(approved.event, "eva")
    await place.actions.reject([first], "eva")
    assert shown(place, second) == (f"stranger_1.jpg (photo {first}), in the trash", None)

    place.clock.pass_by(days=40)
    await place.actions.purge_expired(30)
    assert shown(place, second) == (f"stranger_1.jpg (photo {first}), deleted since", None)


async def test_a_near_copy_is_shown_where_it_is(place):
    """The same for pictures that only look alike."""
    first, second = [await place.deliver(f"anna_{n}.jpg", drawn(comment=f"{n}".encode())) for n in (1, 2)]
    await place.settle()
    assert place.places(second) == ["review/duplicates/duplicate_anna_2.jpg"]
    assert shown(place, second) == ("faces/anna/anna_1.jpg",) * 2
    await place.actions.reject([first], "eva", expect=(State.FILED,))
    assert shown(place, second) == (f"anna_1.jpg (photo {first}), in the trash", None)


async def test_a_copy_that_arrives_while_the_first_is_on_its_way(place):
    """Nothing is stored that would be wrong a minute later."""
    content = picture(7)
    first = await place.deliver("stranger_1.jpg", content)
    await place.deliver("again.jpg", content)
    for _ in range(3):
        for stage in ("examine", "deduplicate"):
            await place.stage(stage)
    kept = place.ledger.read(lambda db: db.conn.execute("SELECT reasons, evidence FROM decisions").fetchall())
    assert kept
    assert not any("-photo_" in column or "temp/" in column for row in kept for column in row)
    [row] = place.ledger.read(review.page).rows
    assert queue_item(row, Policy()).text == (
        f"The same file is here already: stranger_1.jpg (photo {first}), not sorted yet."
    )
