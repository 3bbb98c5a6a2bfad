"""The queue on the screen: the list, the picture, the reasons. Loading and following."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from smartsort.api.schemas.history import EventView
from smartsort.api.schemas.review import QueueItem, ReviewItem
from smartsort_tui import wording
from smartsort_tui.api import ApiProblem, DecidedMeanwhile, TokenRefused, Unreachable
from smartsort_tui.background import work
from smartsort_tui.review_desk import Desk
from smartsort_tui.screens.area import AGAIN_SECONDS
from smartsort_tui.screens.offers import OfferBar, OfferingArea
from smartsort_tui.widgets.bars import CategoryBar
from smartsort_tui.widgets.lines import TextPane
from smartsort_tui.widgets.picture import PicturePane
from smartsort_tui.widgets.queue_list import QueueList
from smartsort_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from smartsort.api.schemas.base import Category

# Events after which a photo no longer waits.
LEFT = frozenset({"approved", "rejected", "skipped", "sorted", "refiled", "auto_resolved"})
# Events after which one may have come.
BACK = frozenset({"undone", "asset_relinked"})
CAME = BACK | {"reviewed"}
# Rows asked for beyond those in sight, so that scrolling meets loaded rows.
AHEAD = 120
# A few frames of Textual.
PAINT_SECONDS = 0.03
NEWS_PAUSE_SECONDS = 0.4


class QueueView(OfferingArea):
    """What waits. The classes built on it show the item the cursor is on, find, mark and decide."""

    AUTO_FOCUS = "#queue"
    ASKS_AGAIN = False
    FOLLOWS = True

    def content(self) -> Iterable[Widget]:
        app = self.smartsort
        self.desk = Desk(lambda: app.client)
        self._category: Category | None = None
        self._search = ""
        self._chosen_face: int | None = None
        self._shown: ReviewItem | QueueItem | None = None
        self._nobody: str | None = None
        self._told_of: int | None = None
        """The photo of which the line of messages says what was done. That matters more than its details."""
        self._explains = True
        self._left: dict[int, EventView] = {}
        self._has_news = False
        self._news: asyncio.TimerHandle | None = None
        self._settle: asyncio.TimerHandle | None = None
        self._searching: asyncio.TimerHandle | None = None
        self.rows = QueueList(self.desk.queue, app.clock, id="queue")
        self.picture = PicturePane(app, id="picture")
        self.words = TextPane(id="details")
        self.notice = Static("", id="notice")
        yield CategoryBar(id="categories")
        yield OfferBar(id="offers")
        yield Input(placeholder="search names and people. Enter keeps it, Esc clears", id="search")
        desk = Container(self.rows, Container(self.picture, self.words, id="item"), id="desk")
        yield Container(desk, self.notice, id="floor")

    def on_mount(self) -> None:
        self.set_class(self.smartsort.terminal.images == "none", "-no-images")
        self.words.can_focus = False
        self.query_one("#search").display = False
        self.rows.focus()
        self._draw_notice()
        self._load()

    async def on_unmount(self) -> None:
        for timer in (self._news, self._settle, self._searching):
            if timer is not None:
                timer.cancel()
        await self.desk.aclose()

    # --- loading ----------------------------------------------------------------------------

    def connected(self) -> None:
        if self._told is not None:
            # What was answered just before the line was there the first time is true: a key may need it now.
            self.desk.forget_answers()
        if self.desk.queue.is_loaded:
            self._refresh_head()
        self._load()

    def disconnected(self, problem: ApiProblem) -> None:
        self._draw_notice()
        if self.desk.queue.is_loaded:
            super().disconnected(problem)

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
                self.is_fresh()
                self._draw_queue()
        except ApiProblem as problem:
            self.smartsort.has_problem(problem)
            self._draw_notice()
            self.try_again(problem, self._load)

    def try_again(self, problem: ApiProblem, act: Callable[[], None]) -> None:
        """Ask soon for what did not come in time. A line that is lost says itself when it is back."""
        if isinstance(problem, Unreachable) and self.smartsort.link.state == "connected":
            self.set_timer(AGAIN_SECONDS, act)

    def _refresh_head(self) -> None:
        work(self, "head", self._load_head, latest_only=True)

    async def _load_head(self) -> None:
        try:
            page = await self.desk.ask_head()
        except ApiProblem as problem:
            self.try_again(problem, self._refresh_head)
            return
        self.is_fresh()
        # The photo looked at stays under the cursor: the key that is about to be pressed is meant for it.
        with self.keeping_place():
            self.desk.take_head(page, self.rows.cursor)
        self._draw_queue()
        self._load()

    def happened(self, event: EventView) -> None:
        """Somebody decided an item, or a photo has come: the list follows, many events in one go."""
        if event.photo_id is not None and event.kind in BACK:
            self.desk.is_back(event.photo_id)
        if event.photo_id in self.desk.own_photos:
            self._follow_own(event.photo_id)
            return
        if event.photo_id is not None and event.kind in LEFT:
            self._left[event.photo_id] = event
        elif event.kind in CAME:
            self._has_news = True
        else:
            return
        self._hear_soon()

    def _hear_soon(self) -> None:
        if self._news is None:
            loop = asyncio.get_running_loop()
            self._news = loop.call_later(NEWS_PAUSE_SECONDS, self._hear_news)

    def _follow_own(self, photo: int | None) -> None:
        """An own bulk action takes minutes for thousands of photos: show how far it has come."""
        if photo is not None and self.desk.under_way is not None:
            self.desk.under_way.is_done(photo)
            self._hear_soon()

    def _hear_news(self) -> None:
        self._news = None
        if not self.is_mounted or not self.is_active:
            return
        left, self._left = self._left, {}
        gone = [row for row in self.desk.queue.rows() if row.id in left]
        if gone:
            with self.keeping_place():
                self.desk.queue.drop(row.id for row in gone)
            self.rows.marked.difference_update(row.id for row in gone)
            last = left[gone[-1].id]
            several = f"{len(gone):,} photos left the queue, at last by " if len(gone) > 1 else ""
            self.say(f"{several}{last.actor}: {last.text or last.kind}", "warn")
            self._draw_queue()
        if self.desk.under_way is not None:
            self._draw_place()
        if self._has_news or len(gone) < len(left):
            self._has_news = False
            self._refresh_head()

    def on_screen_resume(self) -> None:
        self._draw_counts()
        if (self._left or self._has_news) and self._news is None:
            self._hear_news()

    @contextmanager
    def keeping_place(self) -> Iterator[None]:
        """While the queue changes around it, the cursor stays on its item, as long as that is there."""
        rows, queue = self.rows, self.desk.queue
        item = queue.id_at(rows.cursor)
        yield
        rows.set_count(len(queue))
        if item is not None and (position := queue.position_of(item)) is not None:
            rows.cursor = position

    # --- drawing ----------------------------------------------------------------------------

    def _draw_queue(self) -> None:
        self.rows.reload()
        self._draw_counts()
        self._draw_notice()
        self._draw_item()

    def _draw_counts(self) -> None:
        if not self.is_active:
            # Under a question the numbers stay those it was asked with.
            return
        queue = self.desk.queue
        counts = queue.counts if queue.is_loaded or queue.counts else None
        self.query_one(CategoryBar).show(counts, self._category, queue.total, search=self._search)
        self._draw_place()

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
        """Title and detail. Of a token, where it was found matters more than what HTTP says of it."""
        if not isinstance(problem, TokenRefused):
            return problem.title, problem.detail
        settings = self.smartsort.settings
        if settings.token is None:
            return "A token is needed", f"{settings.url} wants to know who asks, and no token was found."
        return problem.title, f"{settings.url} does not know the token from {settings.token_from}."

    def _decided_by_somebody(self, item: int, problem: DecidedMeanwhile) -> None:
        self.desk.queue.drop([item])
        self.rows.marked.discard(item)
        happened = problem.happened
        text = f"{happened.actor}: {happened.text}" if happened else problem.detail
        self.say(f"decided meanwhile by {text}", "warn")
        self._draw_queue()

    def _draw_item(self, *, again: bool = False) -> None:
        """Show the item the cursor is on."""
        raise NotImplementedError

    def _draw_place(self) -> None:
        """`4 of 27`, and how many are marked."""
        if not self.is_active:
            return
        total, marked = self.desk.queue.total, self._mark_count()
        text = f"{self.rows.cursor + 1:,} of {total:,}" if total else ""
        if marked and total:
            text = f"● {marked:,} marked   {text}"
        if self.desk.under_way is not None:
            text = f"… {self.desk.under_way}   {text}"
        self.say_place(text)

    def _row(self) -> QueueItem | None:
        return self.desk.queue.row(self.rows.cursor)

    def _mark_count(self) -> int:
        return self.desk.queue.total if self.rows.all_marked else len(self.rows.marked)
