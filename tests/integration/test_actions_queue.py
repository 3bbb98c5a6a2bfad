"""Reading the review queue: pages, search, order, counts, one item with everything."""

from __future__ import annotations

import os

import pytest
from tests.fakes import World, close_world, picture

from smartsort.actions import PersonSelector
from smartsort.actions.values import ActionResult, unless_storage
from smartsort.ledger import review


@pytest.fixture
def place(tmp_path):
    made = World(os.fspath(tmp_path / "root"), settings={"blacklist": ["Carl"]})
    yield made
    close_world(made)


async def filled(world, number=11):
    for i in range(number):
        await world.deliver(f"{('stranger', 'none', 'carl')[i % 3]}_{i}.jpg", source=f"source{i % 2}")
    await world.settle()


def walk(world, **wanted):
    rows, cursor = [], None
    while True:
        page = world.ledger.read(lambda db, c=cursor: review.page(db, cursor=c, **wanted))
        assert len(page.rows) <= wanted["limit"]
        rows += page.rows
        cursor = page.next_cursor
        if cursor is None:
            return [r.filename for r in rows]


async def test_pages_hold_everything_once_newest_first(place):
    await filled(place)
    whole = walk(place, limit=100)
    assert len(whole) == len(set(whole)) == 11
    ids = [r.id for r in place.ledger.read(review.page).rows]
    assert ids == sorted(ids, reverse=True)
    for limit in (1, 2, 3, 10, 11, 12):
        assert walk(place, limit=limit) == whole


async def test_what_was_put_off_comes_last_across_pages(place):
    await filled(place)
    rows = place.ledger.read(review.page).rows
    later = [rows[i].photo_id for i in (7, 0, 3)]
    for photo_id in later:
        await place.actions.skip([photo_id], "eva")
    expected = [r.filename for r in rows if r.photo_id not in later]
    expected += [next(r.filename for r in rows if r.photo_id == i) for i in later]
    for limit in (1, 2, 4, 8, 9, 20):
        assert walk(place, limit=limit) == expected


async def test_a_search_finds_a_backslash(place):
    await place.deliver("none_\\_1.jpg")
    await place.deliver("none_2.jpg")
    await place.settle()
    assert walk(place, limit=3, search="\\") == walk(place, limit=3, search="_\\_") == ["none_\\_1.jpg"]


async def test_an_action_on_a_photo_that_is_not_there_says_so(place):
    [gone] = await place.actions.approve([999], [PersonSelector("Anna")], "eva")
    assert (gone.action, gone.code, gone.problem) == ("failed", "not_found", "there is no photo 999")


def test_of_what_a_preview_promised_only_changes_since_are_named_so():
    done, full, gone = (
        ActionResult(1, "approved", event=3),
        ActionResult(1, "failed", problem="the disk is full", code="storage"),
        ActionResult(1, "failed", problem="it is filed by now", code="conflict"),
    )
    assert [unless_storage(one).action for one in (done, full, gone)] == ["approved", "failed", "changed"]


async def test_a_category_and_a_search_narrow_it(place):
    await filled(place)
    assert walk(place, limit=2, category="unwanted_person") == ["carl_8.jpg", "carl_5.jpg", "carl_2.jpg"]
    assert walk(place, limit=2, search="NONE_1") == ["none_10.jpg", "none_1.jpg"]
    assert walk(place, limit=2, search="blacklisted") == ["carl_8.jpg", "carl_5.jpg", "carl_2.jpg"]
    assert walk(place, limit=3, search="source1", category="unwanted_person") == ["carl_5.jpg"]
    # What LIKE takes for a wildcard is a letter like any other, and so is what takes that away.
    assert walk(place, limit=3, search="%") == walk(place, limit=3, search="a_i_o") == []
    assert walk(place, limit=3, search="\\") == []
    read = place.ledger.read
    assert read(lambda db: review.total(db, search="carl")) == 3
    assert read(review.total) == 11
    assert read(review.counts) == {"unidentified": 8, "unwanted_person": 3}
    assert len(read(lambda db: review.matching(db, category="unidentified"))) == 8


@pytest.mark.parametrize("cursor", ["", "new:", "new:x", "later:5", "new:1:2", "other:3", "later::x"])
async def test_a_cursor_that_is_not_ours_is_refused(place, cursor):
    with pytest.raises(ValueError, match="cursor"):
        place.ledger.read(lambda db: review.page(db, cursor=cursor))


async def test_one_item_with_everything(place):
    await place.deliver("stranger_1.jpg", picture(5))
    await place.settle()
    await place.deliver("copy_1.jpg", picture(5))
    await place.settle()
    copy, stranger = place.ledger.read(review.page).rows
    entry = place.ledger.read(lambda db: review.item(db, copy.photo_id))
    assert entry.other.photo_id == stranger.photo_id == entry.other_photo.id
    assert entry.row.reasons[0].code == "duplicate"
    assert [e.kind for e in entry.history] == ["accepted", "reviewed"]
    await place.actions.reject([stranger.photo_id], "eva")
    entry = place.ledger.read(lambda db: review.item(db, copy.photo_id))
    assert not entry.other.alive  # as it is now, not as it was when the copy came
    assert place.ledger.read(lambda db: review.item(db, 4711)) is None
    found = place.ledger.read(lambda db: review.conditions(db, [copy.photo_id, stranger.photo_id, 99]))
    assert found == {copy.photo_id: "pending", stranger.photo_id: "rejected"}


async def test_names_that_are_no_utf_8_are_read_and_approved(place):
    name = os.fsdecode(b"stranger_\xff.jpg")
    photo = await place.deliver(name)
    await place.settle()
    [row] = place.ledger.read(review.page).rows
    assert row.filename == name
    [acted] = await place.actions.approve([photo], [PersonSelector("Bella")], "eva")
    assert acted.names == (r"faces/bella/stranger_\xff.jpg",)
    [undone] = await place.actions.undo(acted.event, "eva")
    assert undone.ok
    place.check()
