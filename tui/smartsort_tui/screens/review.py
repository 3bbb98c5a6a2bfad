"""The review: the queue, the picture, the reasons, and the keys that decide."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from smartsort.api.schemas import Approve, EventView, PersonChoice, PersonView, QueueItem, ReviewItem
from smartsort_tui import wording
from smartsort_tui.api import ApiProblem, DecidedMeanwhile
from smartsort_tui.decisions import Decision, Marks, approve_as, face_for, marked_text, suggested
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
    from smartsort.api.schemas import BulkDecided, CategoryName

# Events after which a photo no longer waits.
LEFT = frozenset({"approved", "rejected", "skipped", "sorted", "refiled"})
# Rows asked for beyond those in sight, so that scrolling meets loaded rows.
AHEAD = 120
SEARCH_PAUSE_SECONDS = 0.25
# Holding a key down passes many items; only the one stayed on is asked for.
SETTLE_SECONDS = 0.06
NEWS_PAUSE_SECONDS = 0.4
# Lines of the terminal below which the reasons are set without empty lines.
COMPACT_BELOW = 34


class ReviewScreen(AreaScreen):
    """The screen where a person spends time."""

    AREA = "review"
    HELP_TITLE = "Review"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "approve", "approve", id="review.approve", tooltip="File under the first suggestion"),
        Binding("r", "reject", "reject", id="review.reject", tooltip="Reject: to the trash, can be undone"),
        Binding("s", "skip", "skip", id="review.skip", tooltip="Leave it where it is, out of the queue"),
        Binding("u", "undo", "undo", id="review.undo", tooltip="Take back the last decision made here"),
        Binding("P", "person", "person", id="review.person", tooltip="Pick one or more people"),
        Binding("N", "new_person", "new", id="review.new_person", tooltip="File under a new person"),
        Binding("slash", "search", "search", id="review.search", tooltip="Search names and people"),
        Binding("f", "filter(1)", "filter", id="review.filter", tooltip="Next category"),
        Binding("F", "filter(-1)", "Previous category", show=False, id="review.filter_back"),
        Binding("m", "mark", "mark", id="review.mark", tooltip="Mark this one for a bulk action"),
        Binding("M", "mark_all", "all", id="review.mark_all", tooltip="Mark or unmark all that match"),
        Binding("e", "export", "export", id="review.export", tooltip="Save the list as CSV"),
        Binding("n,j", "move(1)", "Next", show=False, id="review.next"),
        Binding("p,k", "move(-1)", "Previous", show=False, id="review.previous"),
        *(
            Binding(
                str(number),
                f"suggestion({number})",
                f"File under suggestion {number}",
                show=False,
                id=f"review.suggestion_{number}",
            )
            for number in range(1, 10)
        ),
        Binding("o", "face", "Next face", show=False, id="review.face", tooltip="Say which face is meant"),
        Binding("escape", "clear", "Clear search and marks", show=False, id="review.clear"),
        Binding("ctrl+d", "scroll_details(1)", "Scroll the reasons down", show=False, id="review.details_down"),
        Binding("ctrl+u", "scroll_details(-1)", "Scroll the reasons up", show=False, id="review.details_up"),
    ]

    def content(self) -> Iterable[Widget]:
        app = self.smartsort
        self.desk = Desk(lambda: app.client)
        self._category: CategoryName | None = None
        self._search = ""
        self._chosen_face: int | None = None
        self._shown: ReviewItem | QueueItem | None = None
        self._news: asyncio.TimerHandle | None = None
        self._settle: asyncio.TimerHandle | None = None
        self._searching: asyncio.TimerHandle | None = None
        self.rows = QueueList(self.desk.queue, app.clock, id="queue")
        self.picture = PicturePane(app.terminal, PictureSource(app.fetch_picture), id="picture")
        self.words = TextPane(id="details")
        self.notice = Static("", id="notice")
        yield CategoryBar(id="categories")
        yield Input(placeholder="search names and people; Enter keeps it, Esc clears", id="search")
        yield self.notice
        yield Container(
            self.rows,
            Container(self.picture, self.words, id="item"),
            id="desk",
        )

    def on_mount(self) -> None:
        super().on_mount()
        self.set_class(self.smartsort.terminal.images == "none", "-no-images")
        self.words.can_focus = False
        self.query_one("#search").display = False
        self.rows.focus()
        self._draw_notice()
        if self.smartsort.client is not None:
            self._load()

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
            self.run_worker(self._load_pages, group="pages", exit_on_error=False)

    async def _load_pages(self) -> None:
        """Fetch pages until what is in sight, and some more, is there."""

        def target() -> tuple[int, int]:
            first, last = self.rows.sight
            return min(first, self.rows.cursor), max(last, self.rows.cursor) + AHEAD

        try:
            async for _ in self.desk.load(target):
                self.smartsort.is_answering()
                self._draw_queue()
        except ApiProblem as problem:
            self.smartsort.has_problem(problem)
            self._draw_notice()

    def _refresh_head(self) -> None:
        self.run_worker(self._load_head, group="head", exclusive=True, exit_on_error=False)

    async def _load_head(self) -> None:
        try:
            fresh = await self.desk.load_head(self.rows.cursor)
        except ApiProblem:
            return
        if fresh and self.rows.cursor > 0:
            # The photo looked at stays where it is; what is new is above it.
            with self.prevent(RowList.Moved):
                self.rows.set_count(len(self.desk.queue))
                self.rows.cursor += fresh
        self._draw_queue()
        self._load()

    def happened(self, event: EventView) -> None:
        """Somebody decided an item, or a photo has come: the list follows."""
        if event.photo_id is not None and event.kind in LEFT:
            item = self.desk.queue.item_of_photo(event.photo_id)
            if item is not None:
                self.desk.queue.drop([item])
                self.say(f"{event.actor}: {event.text}", "warn")
                self._draw_queue()
                return
        if self._news is None:
            loop = asyncio.get_running_loop()
            self._news = loop.call_later(NEWS_PAUSE_SECONDS, self._hear_news)

    def _hear_news(self) -> None:
        self._news = None
        if self.is_mounted and self.desk.queue.is_loaded:
            self._refresh_head()

    # --- drawing ----------------------------------------------------------------------------

    def _draw_queue(self) -> None:
        self.rows.reload()
        self._draw_counts()
        self._draw_notice()
        self._draw_item()

    def _draw_counts(self) -> None:
        self.query_one(CategoryBar).show(self.desk.queue.counts, self._category, search=self._search)

    def _draw_notice(self) -> None:
        """Words in place of the queue while it is empty, and why."""
        queue, link = self.desk.queue, self.smartsort.link
        empty = not len(queue)
        self.set_class(empty, "-empty")
        if not empty:
            return
        if link.problem is not None and (not queue.is_loaded or link.state == "refused"):
            text = Content.assemble(
                (f"✗ {link.problem.title}\n\n", "bold $error"),
                wording.shown(link.problem.detail),
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
            text = Content("✓ Nothing waits for review.\n\nNew photos appear here by themselves.")
        self.notice.update(text)

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
            self.words.update(details(item, width, refused, self._chosen_face, compact=compact))
            self.picture.show(picture_of(item, self._chosen_face))
        else:
            self.words.update(row_details(cast("QueueItem", row), width, refused, compact=compact))
            self.picture.show(None)
        if changed:
            self.words.to_top()
        self._settle_soon()

    def _settle_soon(self) -> None:
        if self._settle is not None:
            self._settle.cancel()
        loop = asyncio.get_running_loop()
        # After a decision the next item is at hand; then nothing has to settle before the one after it is.
        pause = 0.0 if isinstance(self._shown, ReviewItem) else SETTLE_SECONDS
        self._settle = loop.call_later(pause, self._settled)

    def _settled(self) -> None:
        self._settle = None
        if self.is_mounted:
            self.run_worker(self._load_item, group="item", exclusive=True, exit_on_error=False)

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

    def on_resize(self) -> None:
        super().on_resize()
        if self.is_mounted:
            self.call_after_refresh(self._draw_counts)
            self.call_after_refresh(self._draw_item, again=True)

    # --- deciding ---------------------------------------------------------------------------

    @on(RowList.Chosen, "#queue")
    def _chosen(self) -> None:
        self.action_approve()

    def action_approve(self) -> None:
        if marks := self._marks():
            self._bulk("File", marks, Approve())
            return
        row = self._row()
        if row is None:
            return
        item = self.desk.item(row.id)
        if item is not None and (decision := suggested(item, 1, self._chosen_face)) is not None:
            self._decide(row, decision)
        elif item is None and row.suggested_person_id:
            choice = PersonChoice(id=row.suggested_person_id, name=row.suggested_person)
            self._decide(row, approve_as([choice], None))
        else:
            self.say("nobody is suggested: choose whom this is", "warn")
            self.action_person()

    def action_suggestion(self, number: int) -> None:
        row = self._row()
        item = self.desk.item(row.id) if row is not None else None
        if row is None or item is None:
            return
        decision = suggested(item, number, self._chosen_face)
        if decision is None:
            self.say(f"there is no suggestion {number}", "warn")
        elif marks := self._marks():
            self._bulk("File", marks, cast("Approve", decision.approve))
        else:
            self._decide(row, decision)

    def action_reject(self) -> None:
        if marks := self._marks():
            self._bulk("Reject", marks, None)
        elif (row := self._row()) is not None:
            self._decide(row, Decision("reject"))

    def action_skip(self) -> None:
        if self._marks():
            self.say("skip is for one photo at a time: Esc unmarks", "warn")
        elif (row := self._row()) is not None:
            self._decide(row, Decision("skip"))

    def _row(self) -> QueueItem | None:
        return self.desk.queue.row(self.rows.cursor)

    def _decide(self, row: QueueItem, decision: Decision) -> None:
        """Take the item out at once and send the decision; if it is refused, the item comes back marked."""
        if self.smartsort.link.state in ("lost", "refused"):
            self.say("not connected: nothing can be decided now", "bad")
            return
        sent = self.desk.take(row, decision)
        if sent is None:
            return
        self.rows.refused.pop(row.id, None)
        self.rows.marked.discard(row.id)
        self._chosen_face = None
        self.say(f"{sent.text} …")
        self._draw_queue()
        self._load()
        self.run_worker(partial(self._send, row, decision, sent), group="decisions", exit_on_error=False)

    async def _send(self, row: QueueItem, decision: Decision, sent: Any) -> None:
        try:
            await self.desk.send(row.id, decision, sent)
        except DecidedMeanwhile as problem:
            self._decided_by_somebody(row.id, problem)
        except ApiProblem as problem:
            self._refused(row, f"{problem.title}: {problem.detail}")
        else:
            self.say(f"{sent.text} · u takes it back", "good")
            self._draw_notice()

    def _refused(self, row: QueueItem, why: str) -> None:
        """The item is back in the list: show where, and why."""
        self.rows.refused[row.id] = why
        position = self.desk.queue.position_of(row.id)
        self.rows.reload()
        if position is not None:
            self.rows.cursor = position
        self._draw_queue()
        self._draw_item(again=True)
        self.say(f"taken back: {wording.cut(row.filename, 40)}: {why}", "bad")

    def _decided_by_somebody(self, item: int, problem: DecidedMeanwhile) -> None:
        self.desk.queue.drop([item])
        self.rows.marked.discard(item)
        happened = problem.happened
        text = f"{happened.actor}: {happened.text}" if happened else problem.detail
        self.say(f"decided meanwhile by {text}", "warn")
        self._draw_queue()

    def action_undo(self) -> None:
        self.run_worker(self._undo, group="undo", exit_on_error=False)

    async def _undo(self) -> None:
        if not self.desk.can_undo:
            self.say("nothing decided here to take back; Activity (F3) has the history", "warn")
            return
        self.say("taking back …")
        try:
            text, position = await self.desk.undo()
        except ApiProblem as problem:
            self.say_problem(problem)
            return
        self.rows.reload()
        if position is None:
            self._restart()
        else:
            self.rows.cursor = position
            self._draw_queue()
        self.say(f"taken back: {text}", "good")

    # --- people -----------------------------------------------------------------------------

    def action_person(self) -> None:
        self._ask_person(only_new=False)

    def action_new_person(self) -> None:
        self._ask_person(only_new=True)

    def _ask_person(self, *, only_new: bool) -> None:
        row = self._row()
        if row is not None:
            self.run_worker(partial(self._asked_person, row, only_new=only_new), group="dialog", exit_on_error=False)

    async def _asked_person(self, row: QueueItem, *, only_new: bool) -> None:
        from smartsort_tui.screens.dialogs import PersonPicker

        marks = self._marks()
        item = self.desk.item(row.id)
        likeness = {s.person.id: s.similarity or 0.0 for s in item.suggestions} if item else {}
        number = self._mark_count() if marks else 1
        title = "Who is this?" if not marks else f"Who is on these {wording.count(number, 'photo')}?"
        picker = PersonPicker(self.desk.people, likeness=likeness, title=title, only_new=only_new)
        self.run_worker(partial(self._load_people, picker), group="people", exclusive=True, exit_on_error=False)
        choices = await self.app.push_screen_wait(picker)
        if not choices:
            return
        decision = approve_as(choices, None)
        if marks:
            self._bulk("File", marks, cast("Approve", decision.approve))
            return
        face = face_for(item, choices[0].id, self._chosen_face) if item and len(choices) == 1 else None
        self._decide(row, approve_as(choices, face))

    async def _load_people(self, picker: Any) -> None:
        try:
            people: list[PersonView] = await self.desk.load_people()
        except ApiProblem as problem:
            self.say_problem(problem)
            return
        picker.people_known(people)

    def action_face(self) -> None:
        item = self._shown
        if not isinstance(item, ReviewItem) or len(item.faces) < 2:
            self.say("there is only one face to mean", "warn")
            return
        numbers = [None, *(face.number for face in item.faces)]
        self._chosen_face = numbers[(numbers.index(self._chosen_face) + 1) % len(numbers)]
        which = f"face {self._chosen_face} is meant" if self._chosen_face else "smartsort finds the face"
        self.say(which)
        self._draw_item(again=True)

    # --- many at once -----------------------------------------------------------------------

    def action_mark(self) -> None:
        item = self.desk.queue.id_at(self.rows.cursor)
        if item is None:
            return
        self.rows.all_marked = False
        self.rows.marked ^= {item}
        self.rows.refresh()
        self.rows.action_move(1)
        self._say_marks()

    def action_mark_all(self) -> None:
        self.rows.all_marked = not self.rows.all_marked
        self.rows.marked.clear()
        self.rows.refresh()
        self._say_marks()

    def _say_marks(self) -> None:
        number = self._mark_count()
        self.say(marked_text(number, everything=self.rows.all_marked) if number else "nothing is marked")

    def _mark_count(self) -> int:
        return len(self.desk.queue) if self.rows.all_marked else len(self.rows.marked)

    def _marks(self) -> Marks | None:
        if not self._mark_count():
            return None
        return Marks(tuple(self.rows.marked), self.rows.all_marked, self._category, self._search)

    def _bulk(self, verb: str, marks: Marks, approve: Approve | None) -> None:
        self.run_worker(partial(self._bulk_asked, verb, marks, approve), group="dialog", exit_on_error=False)

    async def _bulk_asked(self, verb: str, marks: Marks, approve: Approve | None) -> None:
        from smartsort_tui.screens.dialogs import BulkPreview

        self.say("looking what would happen …")
        try:
            preview = await self.desk.bulk(marks, approve, dry_run=True)
            self.say("")
            if not await self.app.push_screen_wait(BulkPreview(verb, preview)):
                self.say("nothing was done; the marks are still there (Esc unmarks)")
                return
            self.say(f"{wording.count(preview.done, 'photo')} under way …")
            done = await self.desk.bulk(marks, approve, dry_run=False)
        except ApiProblem as problem:
            self.say(
                f"{problem.title} in the middle: what was done until then is done. "
                "The list shows what is left when it answers again.",
                "bad",
            )
            self._refresh_head()
            return
        self._bulk_done(verb, marks, done)

    def _bulk_done(self, verb: str, marks: Marks, done: BulkDecided) -> None:
        self.rows.marked.clear()
        self.rows.all_marked = False
        for one in done.decided:
            if one.action == "failed":
                self.rows.refused[one.id] = one.problem or "refused"
        if marks.everything:
            self._restart()
        else:
            self._draw_queue()
            self._load()
        past = "filed" if verb == "File" else "rejected"
        failed = f", {done.failed:,} refused (marked !)" if done.failed else ""
        self.say(
            f"{wording.count(done.done, 'photo')} {past}{failed} · u takes it back",
            "warn" if done.failed else "good",
        )

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
            self.say("nothing is marked")
        elif self._search or self._category:
            self._search = ""
            self._filter(None)

    def action_scroll_details(self, way: int) -> None:
        self.words.scroll_relative(y=way * max(1, self.words.size.height - 2), animate=False)

    def action_export(self) -> None:
        self.smartsort.export(self._category, self._search, self.say)

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape" and self.query_one("#search").has_focus:
            event.stop()
            self.action_clear()

    @property
    def is_searching(self) -> bool:
        return bool(self.query_one("#search").has_focus)


def picture_of(item: ReviewItem, chosen_face: int | None = None) -> Request:
    """What to draw for an item: its preview with the faces, beside the other copy of a duplicate."""
    from smartsort_tui.pictures import Box

    boxes = tuple(
        Box(
            face.number,
            face.box[0] / face.image_width,
            face.box[1] / face.image_height,
            face.box[2] / face.image_width,
            face.box[3] / face.image_height,
            chosen=face.number == chosen_face,
        )
        for face in item.faces
        if face.image_width > 0 and face.image_height > 0
    )
    path = item.preview or item.thumbnail
    other = item.other_copy.thumbnail if item.other_copy is not None else None
    if other:
        return Request((path, other), boxes, "◧ this one   ◨ the other copy")
    return Request((path,), boxes)
