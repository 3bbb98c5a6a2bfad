"""The queue on the screen: the list, the picture, the reasons; loading, following and finding."""

# ruff: noqa: PLC0415  (dialogs and Pillow come after the first picture of the queue)
from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from textual import events, on
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from smartsort.api.schemas.history import EventView
from smartsort.api.schemas.review import QueueItem, ReviewItem
from smartsort_tui import wording
from smartsort_tui.api import ApiProblem, DecidedMeanwhile, NotThere, TokenRefused
from smartsort_tui.background import work
from smartsort_tui.details import details, row_details
from smartsort_tui.live import Link
from smartsort_tui.review_desk import Desk
from smartsort_tui.screens.area import AreaScreen
from smartsort_tui.widgets.bars import Bar, CategoryBar
from smartsort_tui.widgets.lines import TextPane
from smartsort_tui.widgets.picture import PicturePane, PictureSource, Request
from smartsort_tui.widgets.queue_list import QueueList
from smartsort_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from smartsort.api.schemas.shapes import CategoryName

# Events after which a photo no longer waits.
LEFT = frozenset({"approved", "rejected", "skipped", "sorted", "refiled", "healed"})
# Events after which one may have come.
CAME = frozenset({"reviewed", "undone", "revived"})
# Rows asked for beyond those in sight, so that scrolling meets loaded rows.
AHEAD = 120
SEARCH_PAUSE_SECONDS = 0.25
# Holding a key down passes many items; only the one stayed on is asked for.
SETTLE_SECONDS = 0.06
# A few frames of Textual.
PAINT_SECONDS = 0.03
NEWS_PAUSE_SECONDS = 0.4
# Lines of the terminal below which the reasons are set without empty lines.
COMPACT_BELOW = 34


class QueueView(AreaScreen):
    """What waits, and everything about the item the cursor is on. Deciding is the review's."""

    def content(self) -> Iterable[Widget]:
        app = self.smartsort
        self.desk = Desk(lambda: app.client)
        self._category: CategoryName | None = None
        self._search = ""
        self._chosen_face: int | None = None
        self._shown: ReviewItem | QueueItem | None = None
        self._nobody: str | None = None
        self._explains = True
        self._left: dict[int, EventView] = {}
        self._has_news = False
        self._news: asyncio.TimerHandle | None = None
        self._settle: asyncio.TimerHandle | None = None
        self._searching: asyncio.TimerHandle | None = None
        self.rows = QueueList(self.desk.queue, app.clock, id="queue")
        self.picture = PicturePane(app.terminal, PictureSource(app.fetch_picture), id="picture")
        self.words = TextPane(id="details")
        self.notice = Static("", id="notice")
        yield CategoryBar(id="categories")
        yield Input(placeholder="search names and people; Enter keeps it, Esc clears", id="search")
        desk = Container(self.rows, Container(self.picture, self.words, id="item"), id="desk")
        yield Container(desk, self.notice, id="floor")

    def on_mount(self) -> None:
        super().on_mount()
        self.set_class(self.smartsort.terminal.images == "none", "-no-images")
        self.words.can_focus = False
        self.query_one("#search").display = False
        self.rows.focus()
        self._draw_notice()
        if self.smartsort.client is not None:
            self._load()

    async def on_unmount(self) -> None:
        for timer in (self._news, self._settle, self._searching):
            if timer is not None:
                timer.cancel()
        await self.desk.aclose()

    # --- loading ----------------------------------------------------------------------------

    def connected(self) -> None:
        self.desk.forget_answers()
        if self.desk.queue.is_loaded:
            self._refresh_head()
        self._load()

    def disconnected(self, link: Link) -> None:
        self._draw_notice()
        if self.desk.queue.is_loaded and link.problem is not None:
            self.say_problem(link.problem)

    def action_reload(self) -> None:
        self._restart()

    def _restart(self) -> None:
        """Load the queue from its beginning, as after another filter."""
        self.desk.restart(self._category, self._search)
        self.rows.cursor = 0
        self._shown = None
        self._draw_queue()
        self._load()

    @on(RowList.InSight, "#queue")
    def _in_sight(self) -> None:
        self._load()

    def _load(self) -> None:
        if self.desk.loading or not self.is_mounted:
            return
        first, last = self.rows.sight
        if self.desk.queue.wanted(first, last + AHEAD) is not None:
            work(self, "pages", self._load_pages)

    async def _load_pages(self) -> None:
        """Fetch pages until what is in sight, and some more, is there."""

        def target() -> tuple[int, int]:
            first, last = self.rows.sight
            return min(first, self.rows.cursor), max(last, self.rows.cursor) + AHEAD

        try:
            async for _ in self.desk.load(target, self.keeping_place):
                self.smartsort.is_answering()
                self._draw_queue()
        except ApiProblem as problem:
            self.smartsort.has_problem(problem)
            self._draw_notice()

    def _refresh_head(self) -> None:
        work(self, "head", self._load_head, latest_only=True)

    async def _load_head(self) -> None:
        try:
            page = await self.desk.ask_head()
        except ApiProblem:
            return
        # The photo looked at stays under the cursor; at the very top one wants to see what is new.
        with self.keeping_place(unless_first=True):
            self.desk.take_head(page, self.rows.cursor)
        self._draw_queue()
        self._load()

    def happened(self, event: EventView) -> None:
        """Somebody decided an item, or a photo has come: the list follows, many events in one go."""
        if event.photo_id in self.desk.own_photos:
            return
        if event.photo_id is not None and event.kind in LEFT:
            self._left[event.photo_id] = event
        elif event.kind in CAME:
            self._has_news = True
        else:
            return
        if self._news is None:
            loop = asyncio.get_running_loop()
            self._news = loop.call_later(NEWS_PAUSE_SECONDS, self._hear_news)

    def _hear_news(self) -> None:
        self._news = None
        if not self.is_mounted:
            return
        left, self._left = self._left, {}
        gone = [row for row in self.desk.queue.rows() if row.id in left]
        if gone:
            with self.keeping_place():
                self.desk.queue.drop(row.id for row in gone)
            self.rows.marked.difference_update(row.id for row in gone)
            last = left[gone[-1].id]
            more = f" and {len(gone) - 1:,} more" if len(gone) > 1 else ""
            self.say(f"{last.actor}: {last.text or last.kind}{more}", "warn")
            self._draw_queue()
        if self._has_news or len(gone) < len(left):
            self._has_news = False
            self._refresh_head()

    @contextmanager
    def keeping_place(self, *, unless_first: bool = False) -> Iterator[None]:
        """While the queue changes around it, the cursor stays on its item, as long as that is there."""
        rows, queue = self.rows, self.desk.queue
        item = queue.id_at(rows.cursor)
        keep = item is not None and not (unless_first and rows.cursor == 0)
        yield
        rows.set_count(len(queue))
        if keep and item is not None and (position := queue.position_of(item)) is not None:
            rows.cursor = position

    # --- drawing ----------------------------------------------------------------------------

    def _draw_queue(self) -> None:
        self.rows.reload()
        self._draw_counts()
        self._draw_notice()
        self._draw_item()

    def _draw_counts(self) -> None:
        queue = self.desk.queue
        counts = queue.counts if queue.is_loaded or queue.counts else None
        self.query_one(CategoryBar).show(counts, self._category, search=self._search)

    def _draw_notice(self) -> None:
        """Words in place of the queue while it is empty, and why."""
        queue, link = self.desk.queue, self.smartsort.link
        empty = not len(queue)
        self.set_class(empty, "-empty")
        if not empty:
            return
        if link.problem is not None and (not queue.is_loaded or link.state == "refused"):
            title, detail = self._problem_words(link.problem)
            text = Content.assemble(
                (f"✗ {title}\n\n", "bold $error"),
                wording.shown(detail),
                "\n\n",
                (link.problem.remedy, "$foreground-muted"),
            )
        elif not queue.is_loaded:
            text = Content(f"… asking {self.smartsort.settings.url}")
        elif self._search or self._category:
            what = f" “{wording.cut(self._search, 40)}”" if self._search else ""
            where = f" in {wording.TITLES[self._category]}" if self._category else ""
            text = Content(f"Nothing matches{what}{where}.\n\nEsc shows everything again.")
        else:
            checks = f"{self.key('review.checks')} shows automatic filings to check."
            text = Content(f"✓ Nothing waits for review.\n\nNew photos appear here by themselves. {checks}")
        self.notice.update(text)

    def _problem_words(self, problem: ApiProblem) -> tuple[str, str]:
        """Title and detail; of a token, where it was found matters more than what HTTP says of it."""
        if not isinstance(problem, TokenRefused):
            return problem.title, problem.detail
        settings = self.smartsort.settings
        if settings.token is None:
            return "A token is needed", f"{settings.url} wants to know who asks, and no token was found."
        return problem.title, f"{settings.url} does not know the token from {settings.token_from}."

    @on(RowList.Moved, "#queue")
    def _moved(self) -> None:
        self._chosen_face = None
        self._draw_item()
        self._load()

    def _draw_item(self, *, again: bool = False) -> None:
        """Show the item the cursor is on: at once what is at hand, the rest when it comes."""
        position = self.rows.cursor
        row = self.desk.queue.row(position)
        item = self.desk.item(row.id) if row is not None else None
        shown = item or row
        self._draw_place()
        if shown is self._shown and not again:
            return
        changed = row is None or self._shown is None or row.id != self._shown.id
        self._shown = shown
        width = max(20, self.words.scrollable_content_region.width)
        if shown is None:
            self.words.update("… loading" if len(self.desk.queue) else "")
            self.picture.show(None)
            return
        refused = self.rows.refused.get(shown.id)
        compact = self.size.height < COMPACT_BELOW
        if item is not None:
            explained = self.desk.explained(item.id)
            text = details(
                item,
                width,
                refused,
                self._chosen_face,
                compact=compact,
                nobody=self._nobody_suggested(),
                changes=[change.text for change in explained.changes] if explained is not None else (),
            )
            self.words.update(text)
            # The words are painted first: a picture costs a thousand coloured cells.
            self.call_after_refresh(self._draw_picture, item)
        else:
            self.words.update(row_details(cast("QueueItem", row), width, refused, compact=compact))
            self.picture.show(None)
        if changed:
            self.words.to_top()
        self._settle_soon()

    def _draw_picture(self, item: ReviewItem) -> None:
        if self._shown is item:
            self.picture.show(picture_of(item, self._chosen_face))

    def _nobody_suggested(self) -> str:
        """What can be done with a photo nobody is suggested for."""
        if self._nobody is None:
            pick, new, reject = map(self.key, ("review.person", "review.new_person", "review.reject"))
            self._nobody = (
                f"Nobody is suggested: {pick} picks a person, {new} names a new one, {reject} rejects."
            )
        return self._nobody

    def _draw_place(self) -> None:
        """`4 of 27`, and how many are marked."""
        total, marked = len(self.desk.queue), self._mark_count()
        text = f"{self.rows.cursor + 1:,} of {total:,}" if total else ""
        if marked and total:
            text = f"● {marked:,} marked   {text}"
        self.say_place(text)

    def _settle_soon(self) -> None:
        if self._settle is not None:
            self._settle.cancel()
        loop = asyncio.get_running_loop()
        # What is at hand is painted first; fetching its neighbours must not hold that up.
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
                    self.say_problem(problem)
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

    def on_resize(self) -> None:
        super().on_resize()
        if self.is_mounted:
            self.call_after_refresh(self._draw_counts)
            self.call_after_refresh(self._draw_item, again=True)

    def _decided_by_somebody(self, item: int, problem: DecidedMeanwhile) -> None:
        self.desk.queue.drop([item])
        self.rows.marked.discard(item)
        happened = problem.happened
        text = f"{happened.actor}: {happened.text}" if happened else problem.detail
        self.say(f"decided meanwhile by {text}", "warn")
        self._draw_queue()

    def _row(self) -> QueueItem | None:
        return self.desk.queue.row(self.rows.cursor)

    def _mark_count(self) -> int:
        return len(self.desk.queue) if self.rows.all_marked else len(self.rows.marked)

    # --- finding ----------------------------------------------------------------------------

    def action_move(self, rows: int) -> None:
        self.rows.action_move(rows)

    def action_filter(self, step: int) -> None:
        order: list[Any] = [None, *wording.CATEGORIES]
        self._filter(order[(order.index(self._category) + step) % len(order)])

    def _filter(self, category: CategoryName | None) -> None:
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
            self._filter(None if message.key == "all" else cast("CategoryName", message.key))

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
            self._draw_place()
            self.say("nothing is marked")
        elif self._search or self._category:
            self._search = ""
            self._filter(None)

    def action_scroll_details(self, way: int) -> None:
        self.words.scroll_relative(y=way * max(1, self.words.size.height - 2), animate=False)

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape" and self.query_one("#search").has_focus:
            event.stop()
            self.action_clear()


def picture_of(item: ReviewItem, chosen_face: int | None = None) -> Request:
    """What to draw for an item: its preview with the faces, beside the other copy of a duplicate."""
    from smartsort_tui.pictures import boxes_of

    boxes = boxes_of(item.faces, chosen_face)
    path = item.preview or item.thumbnail
    other = item.other_copy.thumbnail if item.other_copy is not None else None
    if other:
        return Request((path, other), boxes, "◧ this one   ◨ the other copy")
    return Request((path,), boxes)
