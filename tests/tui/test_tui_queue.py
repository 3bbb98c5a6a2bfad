"""The queue over pages that come and go, and decisions taken back."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from tests.tui.sample import data
from tests.tui.sample.sidecar import NOON

from smartsort.api.schemas.review import QueueItem, ReviewPage
from smartsort_tui.queue import PAGE_SIZE, PAGES_KEPT, Queue, Wanted


@functools.cache
def row_of(item: int) -> QueueItem:
    """The row of an item; the queue holds rows and never writes to one."""
    return data.row(item, NOON, 10**6)


class Pages:
    """A sidecar's queue, newest first, in answers of `PAGE_SIZE`."""

    def __init__(self, items: Sequence[int]) -> None:
        self.items = sorted(items, reverse=True)
        self.asked = 0

    def answer(self, wanted: Wanted) -> ReviewPage:
        self.asked += 1
        below = int(wanted.cursor) if wanted.cursor else 10**9
        left = [item for item in self.items if item < below]
        page = left[:PAGE_SIZE]
        return ReviewPage(
            items=[row_of(item) for item in page],
            total=len(self.items),
            counts={},
            next_cursor=str(page[-1]) if len(left) > PAGE_SIZE else None,
        )

    def fill(self, queue: Queue, first: int, last: int) -> None:
        while (wanted := queue.wanted(first, last)) is not None:
            queue.accept(wanted, self.answer(wanted))


def ids(queue: Queue) -> list[int]:
    return list(queue.ids())


def test_the_first_page_tells_how_many_there_are() -> None:
    pages, queue = Pages(range(1, 1001)), Queue()
    pages.fill(queue, 0, 20)
    assert (len(queue), queue.known, pages.asked) == (1000, PAGE_SIZE, 1)
    assert queue.row(0).id == 1000  # type: ignore[union-attr]
    assert queue.row(PAGE_SIZE) is None


def test_rows_far_away_are_dropped_and_fetched_again() -> None:
    pages, queue = Pages(range(1, 5001)), Queue()
    pages.fill(queue, 4990, 4999)
    assert queue.known == 5000
    assert len(list(queue.rows())) == PAGE_SIZE * PAGES_KEPT
    assert queue.row(0) is None
    asked = pages.asked
    pages.fill(queue, 0, 20)
    assert pages.asked == asked + 1
    assert queue.row(0).id == 5000  # type: ignore[union-attr]


def test_what_others_decided_is_gone_when_its_page_comes_again() -> None:
    pages, queue = Pages(range(1, 401)), Queue()
    pages.fill(queue, 0, 399)
    pages.items.remove(390)
    queue.distrust(0)
    pages.fill(queue, 0, 10)
    assert 390 not in ids(queue)
    assert ids(queue) == pages.items


def test_a_row_that_may_have_changed_is_there_until_its_page_has_come_again() -> None:
    pages, queue = Pages(range(1, 401)), Queue()
    pages.fill(queue, 0, 399)
    queue.distrust(0)
    assert queue.row(0) == row_of(400)
    asked = pages.asked
    pages.fill(queue, 0, 10)
    assert pages.asked == asked + 1
    assert queue.wanted(0, 399) is None


def test_what_others_undid_comes_back_with_its_page() -> None:
    pages = Pages(range(1, 401))
    pages.items.remove(390)
    queue = Queue()
    pages.fill(queue, 0, 399)
    pages.items = sorted([*pages.items, 390], reverse=True)
    queue.distrust(0)
    pages.fill(queue, 0, 10)
    assert sorted(ids(queue), reverse=True) == pages.items


def test_new_items_come_first_and_only_once() -> None:
    pages, queue = Pages(range(1, 301)), Queue()
    pages.fill(queue, 0, 299)
    pages.items = [302, 301, *pages.items]
    assert queue.merge_head(pages.answer(Wanted(None, None))) == 2
    assert queue.merge_head(pages.answer(Wanted(None, None))) == 0
    assert ids(queue) == pages.items
    queue.distrust(0)
    pages.fill(queue, 0, 301)
    assert ids(queue) == pages.items


def test_a_new_item_may_be_an_older_photo() -> None:
    """The queue is ordered by when a photo came into it; the ids are those of the photos."""
    pages, queue = Pages([300, 200, 100]), Queue()
    pages.fill(queue, 0, 2)
    pages.items = [150, *pages.items]
    assert queue.merge_head(pages.answer(Wanted(None, None))) == 1
    assert ids(queue) == [150, 300, 200, 100]


def test_a_decided_item_does_not_come_back_with_an_older_answer() -> None:
    pages, queue = Pages(range(1, 301)), Queue()
    stale = pages.answer(Wanted(None, None))
    pages.fill(queue, 0, 10)
    assert queue.take(300) is not None
    queue.merge_head(stale)
    queue.distrust(0)
    queue.accept(queue.wanted(0, 10), stale)  # type: ignore[arg-type]
    assert 300 not in ids(queue)
    assert len(queue) == 299


def test_a_refused_decision_puts_the_item_back_where_it_stood() -> None:
    pages, queue = Pages(range(1, 301)), Queue()
    pages.fill(queue, 0, 299)
    before = ids(queue)
    taken = queue.take(250)
    assert taken is not None
    assert taken.position == 50
    assert queue.put_back(taken) == 50
    assert ids(queue) == before
    assert queue.row(50).id == 250  # type: ignore[union-attr]


def test_an_item_put_off_comes_with_the_last_page() -> None:
    pages, queue = Pages(range(1, 301)), Queue()
    pages.fill(queue, 0, 10)
    early = queue.take(300)
    assert early is not None
    queue.defer(early)
    assert (len(queue), queue.position_of(300)) == (300, None)
    queue.restart()
    pages.fill(queue, 0, 299)
    late = queue.take(299)
    assert late is not None
    queue.defer(late)
    assert ids(queue)[-1] == 299
    assert queue.put_back(late) == 1
    assert ids(queue) == list(range(300, 0, -1))


def test_counts_follow_decisions() -> None:
    queue = Queue()
    page = Pages([1, 2, 3]).answer(Wanted(None, None))
    page.counts = {"low_confidence": 3}
    queue.accept(Wanted(None, None), page)
    taken = queue.take(1)
    assert taken is not None
    assert queue.counts["low_confidence"] == 2
    queue.put_back(taken)
    assert queue.counts["low_confidence"] == 3


@given(st.lists(st.tuples(st.integers(0, 700), st.booleans()), max_size=30), st.integers(0, 699))
def test_positions_and_ids_always_agree(steps: list[tuple[int, bool]], look: int) -> None:
    pages, queue = Pages(range(1, 701)), Queue()
    taken = []
    for position, take in steps:
        pages.fill(queue, position, position)
        item = queue.id_at(position)
        if take and item is not None:
            one = queue.take(item)
            assert one is not None
            taken.append(one)
            pages.items.remove(item)
        elif taken:
            back = taken.pop()
            queue.put_back(back)
            pages.items = sorted([*pages.items, back.item], reverse=True)
    pages.fill(queue, 0, 699)
    pages.fill(queue, look, look)
    assert len(queue) == queue.known == len(pages.items)
    assert sorted(ids(queue)) == sorted(pages.items)
    if look < len(queue):
        row = queue.row(look)
        assert row is not None
        assert queue.position_of(row.id) == look


def test_more_new_items_than_one_answer_holds_leave_no_gap() -> None:
    pages, queue = Pages(range(1, 301)), Queue()
    pages.fill(queue, 0, 299)
    pages.items = sorted([*pages.items, *range(301, 301 + 3 * PAGE_SIZE)], reverse=True)
    queue.merge_head(pages.answer(Wanted(None, None)))
    assert queue.total == len(pages.items)
    pages.fill(queue, 0, len(pages.items) - 1)
    assert ids(queue) == pages.items


def test_counts_leave_out_what_is_on_its_way_in_every_number() -> None:
    queue = Queue()
    page = Pages([1, 2, 3]).answer(Wanted(None, None))
    page.counts = {"unidentified": 3}
    queue.accept(Wanted(None, None), page)
    row = queue.row(0)
    assert row is not None
    page.counts = {row.category: 3}
    queue.take(row.id)
    queue.merge_head(page)
    assert (queue.total, queue.counts) == (2, {row.category: 2})


def test_an_item_brought_back_by_somebody_is_listed_again() -> None:
    pages, queue = Pages([1, 2, 3]), Queue()
    pages.fill(queue, 0, 2)
    queue.take(3)
    queue.confirm(3)
    queue.merge_head(pages.answer(Wanted(None, None)))
    assert ids(queue) == [2, 1]
    queue.is_back(3)
    queue.merge_head(pages.answer(Wanted(None, None)))
    assert ids(queue) == [3, 2, 1]
