"""Finding in the queue: the search and the categories."""

from __future__ import annotations

import asyncio
from typing import Any

from textual import events, on
from textual.widgets import Input

from smartsort.api.schemas.base import Category
from smartsort_tui import wording
from smartsort_tui.screens.item_view import ItemView
from smartsort_tui.widgets.bars import Bar

SEARCH_PAUSE_SECONDS = 0.25


class FindingView(ItemView):
    """The queue narrowed to what is looked for."""

    def action_filter(self, step: int) -> None:
        order: list[Any] = [None, *wording.CATEGORIES]
        self._filter(order[(order.index(self._category) + step) % len(order)])

    def _filter(self, category: Category | None) -> None:
        self._category = category
        self.rows.marked.clear()
        self.rows.all_marked = False
        self._restart()

    @on(Bar.Pressed, "#categories")
    def _category_pressed(self, message: Bar.Pressed) -> None:
        message.stop()
        if message.key == "search":
            self.action_search()
        else:
            self._filter(None if message.key == "all" else Category(message.key))

    def action_search(self) -> None:
        field = self.query_one("#search", Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#search")
    def _search_typed(self, message: Input.Changed) -> None:
        if self._searching is not None:
            self._searching.cancel()
        loop = asyncio.get_running_loop()
        self._searching = loop.call_later(SEARCH_PAUSE_SECONDS, self._search_for, message.value)

    @on(Input.Submitted, "#search")
    def _search_kept(self, message: Input.Submitted) -> None:
        self._search_for(message.value)
        self.query_one("#search").display = False
        self.rows.focus()

    def _search_for(self, text: str) -> None:
        text = text.strip()[:300]
        if text != self._search and self.is_mounted:
            self._search = text
            self.rows.all_marked = False
            self._restart()

    def action_clear(self) -> None:
        field = self.query_one("#search", Input)
        field.value = ""
        field.display = False
        self.rows.focus()
        if self._mark_count():
            self.rows.marked.clear()
            self.rows.all_marked = False
            self.rows.refresh()
            self._show_sight()
            self._draw_place()
            self.say("nothing is marked")
        elif self._search or self._category:
            self._search = ""
            self._filter(None)

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape" and self.query_one("#search").has_focus:
            event.stop()
            self.action_clear()
