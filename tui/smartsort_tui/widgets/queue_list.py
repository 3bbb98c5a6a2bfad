"""The rows of the review queue."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from smartsort_tui import wording
from smartsort_tui.queue import Queue
from smartsort_tui.widgets.row_list import Cells, RowList

# From this width on a row has room for the category as a word and for the person it could be.
ROOMY = 54
# Ages are of one moment for all rows, however few of them are drawn again, and are never older than this.
AGES_SECONDS = 20.0
LABEL_WIDTH = max(map(len, wording.LABELS.values()))


class QueueList(RowList):
    """Mark, category, name and age of what waits. A row not loaded yet says so."""

    def __init__(self, queue: Queue, clock: Callable[[], datetime], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._queue = queue
        self._clock = clock
        self.marked: set[int] = set()
        self.all_marked = False
        self.refused: dict[int, str] = {}
        """Items whose decision was refused, and why."""
        self._now = clock()

    def on_mount(self) -> None:
        self.set_interval(AGES_SECONDS, self.reload)

    def reload(self) -> None:
        """Draw again what the queue now holds."""
        self._now = self._clock()
        self.set_count(len(self._queue))

    def cells(self, position: int, width: int) -> Cells:
        row = self._queue.row(position)
        if row is None:
            return [(wording.fit("   … loading", width), "row--muted")]
        marked = self.all_marked or row.id in self.marked
        sign = ("! ", "row--bad") if row.id in self.refused else ("● " if marked else "  ", "row--mark")
        age = wording.age(row.created_at, self._now)
        who = f"→ {row.suggested_person}" if row.suggested_person else ""
        has_room = width >= ROOMY
        category = (wording.LABELS if has_room else wording.SHORT).get(row.category, "???")
        category_width = LABEL_WIDTH if has_room else 3
        who_width = min(24, width - 40) if has_room else 0
        name_width = width - 9 - category_width - (who_width + 1 if who_width else 0)
        cells: Cells = [
            sign,
            (wording.fit(category, category_width) + " ", "row--muted"),
            (wording.fit_name(row.filename, name_width), "row--plain"),
        ]
        if who_width:
            cells.append((" " + wording.fit(who, who_width), "row--muted"))
        return [*cells, (f"{age:>6}", "row--muted")]
