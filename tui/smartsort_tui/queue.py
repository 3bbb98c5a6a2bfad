"""The review queue as the screen sees it: positions over pages that come and go. Pure.

The queue may hold a hundred thousand items. Known are always the ids of all pages seen so far (a few bytes
each) and the cursor each page starts at. The rows themselves are kept for the pages used last.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, takewhile

from smartsort.api.schemas.review import QueueItem, ReviewPage

PAGE_SIZE = 200
PAGES_KEPT = 10


@dataclass(slots=True, eq=False)
class Page:
    """A stretch of the queue. `cursor` fetches it again."""

    cursor: str | None
    ids: array[int] = field(default_factory=lambda: array("q"))
    is_doubted: bool = False
    """It may have changed. Its rows are shown, and can be decided, until it has come again."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A page to fetch: one known before whose rows were dropped, or the next unknown one (`page` None)."""

    cursor: str | None
    page: Page | None


@dataclass(frozen=True, slots=True)
class Taken:
    """An item taken out, and where it stood, to put it back."""

    item: int
    row: QueueItem | None
    position: int


class Queue:
    """Positions 0 to `len(queue) - 1`, of which some are not loaded yet."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._pages: list[Page] = []
        self._starts: list[int] = [0]
        self._rows: OrderedDict[Page, dict[int, QueueItem]] = OrderedDict()
        self._next: str | None = None
        self._complete = False
        self._total = 0
        self._gone: set[int] = set()
        self._unconfirmed: dict[int, str | None] = {}

    # --- reading ----------------------------------------------------------------------------

    def __len__(self) -> int:
        known = self._starts[-1]
        return known if self._complete else max(known, self._total)

    @property
    def total(self) -> int:
        """How many wait as far as is known: the one number that is shown anywhere."""
        return self._total

    @property
    def is_loaded(self) -> bool:
        """False before the first page has come."""
        return bool(self._pages)

    @property
    def known(self) -> int:
        """Positions below this have an id."""
        return self._starts[-1]

    def row(self, position: int) -> QueueItem | None:
        """Return the row at a position, None while it is not loaded."""
        found = self._locate(position)
        if found is None:
            return None
        page, offset = found
        rows = self._rows.get(page)
        return rows.get(page.ids[offset]) if rows else None

    def id_at(self, position: int) -> int | None:
        """Return the photo at a position, None where no page is at hand."""
        found = self._locate(position)
        return found[0].ids[found[1]] if found else None

    def position_of(self, item: int) -> int | None:
        """Return where a photo stands, None when no page at hand has it."""
        for start, page in zip(self._starts, self._pages, strict=False):
            if item in page.ids:
                return start + page.ids.index(item)
        return None

    def rows(self) -> Iterator[QueueItem]:
        """Yield all rows at hand, in no order."""
        for rows in self._rows.values():
            yield from rows.values()

    def ids(self) -> Iterator[int]:
        """Yield all photos at hand, in their order."""
        for page in self._pages:
            yield from page.ids

    # --- loading ----------------------------------------------------------------------------

    def wanted(self, first: int, last: int) -> Wanted | None:
        """What to fetch next so that the rows `first` to `last` can be shown, None when they are there."""
        if not self._pages:
            return None if self._complete else Wanted(None, None)
        last = min(last, len(self) - 1)
        start = max(0, min(bisect_right(self._starts, max(first, 0)) - 1, len(self._pages) - 1))
        for index in range(start, len(self._pages)):
            if self._starts[index] > last:
                break
            page = self._pages[index]
            if page in self._rows and not page.is_doubted:
                self._rows.move_to_end(page)
            elif page.ids:
                return Wanted(page.cursor, page)
        if last >= self.known and not self._complete:
            return Wanted(self._next, None)
        return None

    def accept(self, wanted: Wanted, answer: ReviewPage) -> None:
        """Take in a page that was fetched because it was wanted."""
        self._take_counts(answer)
        rows = {row.id: row for row in answer.items if row.id not in self._gone}
        if wanted.page is not None:
            self._accept_again(wanted.page, rows, answer.next_cursor)
            return
        if wanted.cursor != self._next and self._pages:
            return
        page = Page(wanted.cursor, array("q", (item for item in rows if not self._holds(item))))
        self._pages.append(page)
        self._keep(page, {item: rows[item] for item in page.ids})
        self._next = answer.next_cursor
        self._complete = answer.next_cursor is None
        self._count()

    def merge_head(self, answer: ReviewPage) -> int:
        """Put items that are new since at the front. Returns how many."""
        if not self._pages:
            self.accept(Wanted(None, None), answer)
            return self.known
        self._take_counts(answer)
        # The answer is newest first, so what stands before the first known item is new.
        above = list(takewhile(lambda row: self.position_of(row.id) is None, answer.items))
        fresh = [row for row in above if row.id not in self._gone]
        if len(above) == len(answer.items) and answer.next_cursor is not None:
            # More have come than an answer holds: those between are asked for when they are in sight.
            first = self._pages[0]
            first.cursor = answer.next_cursor
            self._rows.pop(first, None)
            self._pages.insert(0, Page(None))
            self._rows[self._pages[0]] = {}
        if fresh:
            page = self._pages[0]
            page.ids = array("q", [row.id for row in fresh]) + page.ids
            if page in self._rows:
                self._rows[page].update({row.id: row for row in fresh})
        self._count()
        return len(fresh)

    def set_total(self, total: int) -> None:
        """Take over a newer count of what the filter matches."""
        self._total = total

    def replace(self, row: QueueItem) -> None:
        """Show a row as it now is."""
        position = self.position_of(row.id)
        if position is not None and (found := self._locate(position)) is not None:
            rows = self._rows.get(found[0])
            if rows is not None:
                rows[row.id] = row

    def distrust(self, position: int) -> None:
        """Have the page around a position fetched again, because it may have changed."""
        if (found := self._locate(position)) is not None:
            found[0].is_doubted = True

    def restart(self) -> None:
        """Forget the pages, as after another filter. Decisions on their way stay known."""
        self._pages, self._starts, self._next, self._complete, self._total = [], [0], None, False, 0
        self._rows.clear()

    # --- deciding ---------------------------------------------------------------------------

    def take(self, item: int) -> Taken | None:
        """Take an item out before the sidecar has confirmed, None when it is not in the queue."""
        position = self.position_of(item)
        if position is None:
            return None
        row = self.row(position)
        self._remove(position)
        self._gone.add(item)
        self._unconfirmed[item] = row.category if row is not None else None
        self._total = max(0, self._total - 1)
        self._less(self._unconfirmed[item])
        return Taken(item, row, position)

    def confirm(self, item: int) -> None:
        """The sidecar agrees that the item is gone."""
        self._unconfirmed.pop(item, None)

    def defer(self, taken: Taken) -> None:
        """The sidecar has put an item off: it comes last, now if the end is known, else with its page."""
        self.confirm(taken.item)
        self._gone.discard(taken.item)
        self._add(taken)
        if self._complete and self._pages:
            last = self._pages[-1]
            last.ids.append(taken.item)
            if last in self._rows and taken.row is not None:
                self._rows[last][taken.item] = taken.row
            else:
                self._rows.pop(last, None)
            self._count()

    def is_back(self, item: int) -> None:
        """Somebody has brought an item back that was decided here: it may be listed again."""
        self._gone.discard(item)

    def put_back(self, taken: Taken) -> int:
        """Put an item back where it stood. Returns its position now."""
        self._gone.discard(taken.item)
        self._unconfirmed.pop(taken.item, None)
        if (position := self.position_of(taken.item)) is not None:
            self._remove(position)
        else:
            self._add(taken)
        if not self._pages:
            self._pages.append(Page(None))
            self._count()
        index = max(0, min(bisect_right(self._starts, taken.position) - 1, len(self._pages) - 1))
        page = self._pages[index]
        offset = min(taken.position - self._starts[index], len(page.ids))
        page.ids.insert(offset, taken.item)
        if page in self._rows and taken.row is not None:
            self._rows[page][taken.item] = taken.row
        elif page in self._rows:
            del self._rows[page]
        self._count()
        return self._starts[index] + offset

    def drop(self, items: Iterable[int]) -> None:
        """Forget items somebody else has decided, or a bulk action of ours."""
        for item in items:
            if self.take(item) is not None:
                self.confirm(item)

    def _add(self, taken: Taken) -> None:
        self._total += 1
        if taken.row is not None:
            self.counts[taken.row.category] = self.counts.get(taken.row.category, 0) + 1

    def _take_counts(self, answer: ReviewPage) -> None:
        """The sidecar's counts, without what is decided here and on its way."""
        self.counts = dict(answer.counts)
        self._total = max(0, answer.total - len(self._unconfirmed))
        for category in self._unconfirmed.values():
            self._less(category)

    def _less(self, category: str | None) -> None:
        if category in self.counts:
            self.counts[category] = max(0, self.counts[category] - 1)

    # --- the inside -------------------------------------------------------------------------

    def _locate(self, position: int) -> tuple[Page, int] | None:
        if not 0 <= position < self.known:
            return None
        index = bisect_right(self._starts, position) - 1
        return self._pages[index], position - self._starts[index]

    def _remove(self, position: int) -> None:
        found = self._locate(position)
        if found is not None:
            page, offset = found
            item = page.ids.pop(offset)
            if page in self._rows:
                self._rows[page].pop(item, None)
            self._count()

    def _accept_again(self, page: Page, rows: dict[int, QueueItem], next_cursor: str | None) -> None:
        """The answer's order holds. What follows the last item known here belongs to later pages."""
        if page not in self._pages:
            return
        old = set(page.ids)
        order = list(rows)
        covered = max((place for place, item in enumerate(order) if item in old), default=-1)
        if covered < 0 and next_cursor is not None:
            # A gap: all of the answer lies before what is known.
            covered = len(order) - 1
        later: list[int] = []
        if next_cursor is not None:
            # The page has grown beyond one answer: the rest becomes a page of its own.
            reached = max((place for place, item in enumerate(page.ids) if item in rows), default=-1)
            later = list(page.ids[reached + 1 :])
        page.ids = array("q", order[: covered + 1])
        self._keep(page, {item: rows[item] for item in page.ids})
        if later:
            self._pages.insert(self._pages.index(page) + 1, Page(next_cursor, array("q", later)))
        self._count()

    def _holds(self, item: int) -> bool:
        # Pages follow each other in the sidecar's order, so only the last one can overlap.
        return bool(self._pages) and item in self._pages[-1].ids

    def _keep(self, page: Page, rows: dict[int, QueueItem]) -> None:
        page.is_doubted = False
        self._rows[page] = rows
        self._rows.move_to_end(page)
        while len(self._rows) > PAGES_KEPT:
            self._rows.popitem(last=False)

    def _count(self) -> None:
        self._starts = [0, *accumulate(len(page.ids) for page in self._pages)]
