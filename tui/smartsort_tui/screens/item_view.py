"""The item the cursor is on: its picture and its words, at once what is at hand, the rest when it comes."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import cast

from textual import on
from textual.content import Content

from smartsort.api.schemas.review import QueueItem, ReviewItem
from smartsort_tui.api import ApiProblem, DecidedMeanwhile, NotThere
from smartsort_tui.background import work
from smartsort_tui.details import details, row_details
from smartsort_tui.screens.queue_view import PAINT_SECONDS, QueueView
from smartsort_tui.widgets.picture import Request
from smartsort_tui.widgets.row_list import RowList

# Holding a key down passes many items. Only the one stayed on is asked for.
SETTLE_SECONDS = 0.06
# Lines of the terminal below which the reasons are set without empty lines.
COMPACT_BELOW = 34


class ItemView(QueueView):
    """The queue with everything about the item the cursor is on."""

    @on(RowList.Moved, "#queue")
    def _moved(self) -> None:
        self._chosen_face = None
        self._draw_item()
        self._load()

    def _show_sight(self) -> None:
        """What a key decides about: with marks on it is not the item alone, and marks come and go by keys."""
        row = self.desk.queue.row(self.rows.cursor)
        shown = (self.desk.item(row.id) if row is not None else None) or row
        marks = self._mark_count() > 0
        self.sight.shows((shown.id, shown.suggested_person_id, marks) if shown is not None else None)

    def _draw_item(self, *, again: bool = False) -> None:
        """Show the item the cursor is on: at once what is at hand, the rest when it comes."""
        row = self.desk.queue.row(self.rows.cursor)
        item = self.desk.item(row.id) if row is not None else None
        shown = item or row
        self._show_sight()
        self._draw_place()
        if shown is self._shown and not again:
            return
        changed = row is None or self._shown is None or row.id != self._shown.id
        self._shown = shown
        if shown is None:
            self.words.update("… loading" if len(self.desk.queue) else "")
            self.picture.show(None)
            return
        refused = self.rows.refused.get(shown.id)
        if item is not None:
            self.words.update(partial(self._details, item, refused))
            # The words are painted first: a picture costs a thousand coloured cells.
            self.call_after_refresh(self._draw_picture, item)
        else:
            self.words.update(partial(self._row_details, cast("QueueItem", row), refused))
            self.picture.show(None)
        if changed:
            self._told_of = None
            self.words.to_top()
        self._settle_soon()

    def _row_details(self, row: QueueItem, refused: str | None, width: int) -> Content:
        return row_details(row, width, refused, compact=self._is_compact)

    def _details(self, item: ReviewItem, refused: str | None, width: int) -> Content:
        explained = self.desk.explained(item.id)
        return details(
            item,
            width,
            refused,
            self._chosen_face,
            compact=self._is_compact,
            nobody=self._nobody_suggested(),
            changes=[change.text for change in explained.changes] if explained is not None else (),
        )

    @property
    def _is_compact(self) -> bool:
        return self.size.height < COMPACT_BELOW

    def _draw_picture(self, item: ReviewItem) -> None:
        if self._shown is item:
            self.picture.show(picture_of(item, self._chosen_face))

    def _nobody_suggested(self) -> str:
        """Return what can be done with a photo nobody is suggested for."""
        if self._nobody is None:
            pick, new, reject = map(self.key, ("review.person", "review.new_person", "review.reject"))
            self._nobody = f"No suggestion: {pick} picks a person, {new} names a new one, {reject} rejects."
        return self._nobody

    def _settle_soon(self) -> None:
        if self._settle is not None:
            self._settle.cancel()
        loop = asyncio.get_running_loop()
        # What is at hand is painted first. Fetching its neighbours must not hold that up.
        pause = PAINT_SECONDS if isinstance(self._shown, ReviewItem) else SETTLE_SECONDS
        self._settle = loop.call_later(pause, self._settled)

    def _settled(self) -> None:
        self._settle = None
        if self.is_mounted:
            work(self, "item", self._load_item, latest_only=True)

    async def _load_item(self) -> None:
        """Load the item in sight, then its neighbours and the picture of the next."""
        position = self.rows.cursor
        for place in (position, position + 1, position + 2, position - 1):
            row = self.desk.queue.row(place)
            if row is None:
                continue
            try:
                item = await self.desk.load_item(row.id)
            except DecidedMeanwhile as problem:
                self._decided_by_somebody(row.id, problem)
                return
            except ApiProblem as problem:
                if place == position:
                    if row.id != self._told_of:
                        self.say_problem(problem)
                    self.try_again(problem, self._settle_soon)
                return
            if place == position and self._shown is not None and self._shown.id == item.id:
                self._draw_item()
            elif place == position + 1:
                self.picture.prefetch(picture_of(item))
        await self._load_explained()

    async def _load_explained(self) -> None:
        """What would have changed the decision, last of all that is fetched for an item."""
        shown = self._shown
        if not isinstance(shown, ReviewItem) or not self._explains:
            return
        if self.desk.explained(shown.id) is not None:
            return
        try:
            await self.desk.load_explained(shown.id)
        except NotThere:
            # An older sidecar, or a photo that has just gone: neither is worth a word.
            self._explains = self.desk.item(shown.id) is None
        except ApiProblem:
            return
        else:
            if self._shown is shown:
                self._draw_item(again=True)

    def action_scroll_details(self, way: int) -> None:
        self.words.scroll_relative(y=way * max(1, self.words.size.height - 2), animate=False)


def picture_of(item: ReviewItem, chosen_face: int | None = None) -> Request:
    """Return what to draw for an item: its preview with the faces, beside the other copy of a duplicate."""
    from smartsort_tui.pictures import boxes_of  # noqa: PLC0415  (Pillow comes after the first words)

    boxes = boxes_of(item.faces, chosen_face)
    path = item.preview or item.thumbnail
    other = item.other_copy.thumbnail if item.other_copy is not None else None
    if other:
        return Request((path, other), boxes, "◧ this one   ◨ the other copy")
    return Request((path,), boxes)
