"""Activity: photos on their way, what Immich is busy with, and all that happened, with undo."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ScreenResultType
from textual.widget import Widget
from textual.widgets import Static

from smartsort.api.schemas.decisions import BulkActionResult, DeletionAnswer
from smartsort.api.schemas.history import EventView, Undo
from smartsort.api.schemas.state import PhotoInProgress, Status
from smartsort_tui import wording
from smartsort_tui.api import ApiProblem
from smartsort_tui.background import ask, work
from smartsort_tui.clock import Clock
from smartsort_tui.decisions import left_text
from smartsort_tui.event_words import event_line, kind_text, photo_name, what_happened
from smartsort_tui.screens.area import AreaScreen, Dialog, Front, TooSmall, link_words
from smartsort_tui.screens.preview import deletions_question, undo_agreed
from smartsort_tui.widgets.bars import KeyBar, MessageBar
from smartsort_tui.widgets.lines import Fitted
from smartsort_tui.widgets.row_list import Cells, ItemList, RowList

EVENTS_KEPT = 2000
EVENTS_PER_PAGE = 100
FLIGHTS_SHOWN = 5
# The way of a photo, for a glance at how far it has come.
STAGES = ("arrived", "claimed", "hashed", "unique", "placed", "known")


class EventRows(ItemList[EventView]):
    """Events, newest first (or, in a photo's history, oldest first)."""

    def __init__(self, clock: Clock, *, id: str, with_names: bool = True) -> None:  # noqa: A002
        super().__init__(id=id)
        self._clock = clock
        self._with_names = with_names

    def cells(self, position: int, width: int) -> Cells:
        event = self.items[position]
        sign = "u" if event.undoable and event.undone_by is None else " "
        if event.undone_by is not None:
            sign = "×"
        actor = 11 if width >= 96 else 0
        name = max(12, min(30, width // 4)) if self._with_names else 0
        cells: Cells = [
            (f"{when(event.at, self._clock())} ", "row--muted"),
            (f"{sign} ", "row--mark"),
            (wording.fit(kind_text(event), 10) + " ", "row--plain"),
            (wording.fit_name(photo_name(event), name) + " ", "row--plain") if name else ("", "row--plain"),
            (wording.fit(what_happened(event), max(4, width - 20 - name - actor - bool(name))), "row--muted"),
        ]
        if actor:
            cells.append((" " + wording.fit(event.actor, actor - 1), "row--muted"))
        return cells


def when(at: str, now: datetime) -> str:
    """Six cells: the time of day for today, else the day."""
    text, moment = wording.date(at), wording.moment(at)
    if moment is None:
        return " " * 6
    is_today = moment.astimezone().date() == now.astimezone().date()
    return f"{text[-5:] if is_today else text[5:10]:<6}"


class Undoing(Front[ScreenResultType]):
    """Events in rows, each of which can be taken back."""

    def action_undo(self) -> None:
        event = self.query_one(EventRows).current
        if event is None or not event.undoable or event.undone_by is not None:
            self.say("this cannot be undone", "warn")
            return
        ask(self, self._undo_asked, event)

    async def _undo_asked(self, event: EventView) -> None:
        token = await self.answer(
            lambda _: undo_agreed(self.smartsort, event.id, event_line(event), self.say)
        )
        if token is not None:
            work(self, "undo-many", self._undo, token)

    async def _undo(self, token: str) -> None:
        done = await self.answer(lambda client: client.undo(Undo(preview=token)))
        if done is not None:
            await self.is_undone(done)

    async def is_undone(self, done: BulkActionResult) -> None:
        """Say what was taken back, and show what is so now."""
        raise NotImplementedError


class ActivityScreen(AreaScreen, Undoing[None]):
    """What happens now, and what happened."""

    AREA = "activity"
    AUTO_FOCUS = "#events"
    FOLLOWS = True
    HELP_TITLE = "Activity"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "h",
            "history",
            "history",
            id="activity.history",
            tooltip="All that happened to this photo (Enter)",
        ),
        Binding("u", "undo", "undo", id="activity.undo", tooltip="Take back this event"),
        Binding(
            "d",
            "deletions",
            "deletions",
            id="activity.deletions",
            tooltip="Answer whether deletions in Immich were meant",
        ),
        Binding("j", "move(1)", "Next", show=False, id="activity.next"),
        Binding("k", "move(-1)", "Previous", show=False, id="activity.previous"),
    ]
    DEFAULT_CSS = """
    ActivityScreen {
        & #now { height: auto; max-height: 50%; padding: 0 1; border-bottom: solid $panel; }
        & #events { height: 1fr; }
    }
    """

    def content(self) -> Iterable[Widget]:
        self._cursor: str | None = None
        self._loading = 0
        self.rows = EventRows(self.smartsort.clock, id="events")
        yield Fitted("… loading", id="now")
        yield Static("What happened   u can be undone   × was undone", classes="pane-title")
        yield self.rows

    def on_mount(self) -> None:
        self.rows.focus()

    def connected(self) -> None:
        self._draw_now()
        work(self, "events", self._load, None, latest_only=True)

    def disconnected(self, problem: ApiProblem) -> None:
        super().disconnected(problem)
        self._draw_now()

    def happened(self, event: EventView) -> None:
        if any(event.id == known.id for known in self.rows.items[:50]):
            return
        self.rows.show([event, *self.rows.items][:EVENTS_KEPT])
        if self.rows.cursor:
            self.rows.cursor += 1

    def status_is(self, status: Status) -> None:  # noqa: ARG002  (drawn with the connection)
        self._draw_now()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The key for deletions is there while some wait for an answer."""
        if action == "deletions":
            status = self.smartsort.status
            return status is not None and any(i.kind == "deletions" for i in status.health_issues)
        return super().check_action(action, parameters)

    def action_deletions(self) -> None:
        ask(self, self._ask_about_deletions)

    async def _ask_about_deletions(self) -> None:
        found = await self.answer(lambda client: client.deletions())
        if found is None:
            return
        if not found.waiting:
            self.say("no deletion waits for an answer")
            return
        meant = await self.app.push_screen_wait(deletions_question(found))
        if meant is not None:
            work(self, "deletions", self._answer_deletions, DeletionAnswer(up_to=found.up_to, meant=meant))

    async def _answer_deletions(self, said: DeletionAnswer) -> None:
        done = await self.answer(lambda client: client.answer_deletions(said))
        if done is not None:
            what = "rejected" if said.meant else "kept"
            self.say(f"{what}: {wording.count(done.done, 'photo')}", "good")
            await self._load(None, said=True)

    def _draw_now(self) -> None:
        app = self.smartsort
        now, lost = self.query_one("#now", Fitted), link_words(app)
        if lost:
            now.fit(lambda _: lost)
        elif (status := app.status) is not None:
            now.fit(lambda width: now_text(status, width, app.clock))

    def on_row_list_in_sight(self, message: RowList.InSight) -> None:
        if self._cursor is not None and not self._loading and message.last >= self.rows.count - 20:
            work(self, "events", self._load, self._cursor)

    async def _load(self, cursor: str | None, *, said: bool = False) -> None:
        if cursor is not None and self._loading:
            return  # never for the first page: what is under way may be what this takes the place of
        if said:
            self.workers.cancel_group(self, "events")  # asked for before that was done
        self._loading += 1
        try:
            page = await self.smartsort.client.events(cursor=cursor, limit=EVENTS_PER_PAGE)
        except ApiProblem as problem:
            self.is_stale()
            if not said:
                self.say_problem(problem)
            return
        finally:
            self._loading -= 1
        self.is_fresh()
        self._cursor = page.next_cursor if len(self.rows.items) < EVENTS_KEPT else None
        self.rows.show([*self.rows.items, *page.events] if cursor else page.events)

    def on_row_list_chosen(self) -> None:
        self.action_history()

    def action_history(self) -> None:
        event = self.rows.current
        if event is None or event.photo_id is None:
            why = "nothing has happened yet" if event is None else "this event is of no single photo"
            self.say(why, "warn")
            return
        self.app.push_screen(HistoryScreen(event.photo_id), lambda _: self.connected())

    async def is_undone(self, done: BulkActionResult) -> None:
        failed = f", {done.failed:,} stay as they are" if done.failed else ""
        text = f"undone: {wording.count(done.done, 'photo')}{failed}{left_text(done)}"
        self.say(text, "warn" if done.failed or done.changed else "good")
        await self._load(None, said=True)


class HistoryScreen(Dialog[None], Undoing[None]):
    """All that happened to one photo, with undo at each step."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "close", id="dialog.cancel"),
        Binding("u", "undo", "undo this step", id="history.undo", tooltip="Take back this step"),
        Binding("j", "move(1)", "Next", show=False, id="history.next"),
        Binding("k", "move(-1)", "Previous", show=False, id="history.previous"),
    ]
    DEFAULT_CSS = """
    HistoryScreen .dialog EventRows { height: 1fr; background: $surface; margin-top: 0; }
    """

    def __init__(self, photo: int) -> None:
        super().__init__()
        self._photo = photo

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog dialog--tall"):
            yield Static(Content(f"Photo {self._photo}"), classes="dialog-title")
            yield EventRows(self.smartsort.clock, id="history", with_names=False)
            with VerticalScroll():
                yield Static("", id="event-words", markup=False)
            yield MessageBar(id="message")
            yield KeyBar()
        yield TooSmall()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).can_focus = False
        self.query_one(EventRows).focus()
        work(self, "history", self._load, latest_only=True)

    async def _load(self, *, said: bool = False) -> None:
        try:
            page = await self.smartsort.client.history(self._photo)
        except ApiProblem as problem:
            what = "undone, but its history cannot be loaded:  " if said else ""
            self.say(f"{what}{problem.title}: {problem.detail}", "bad")
            return
        rows = self.query_one(EventRows)
        rows.show(page.events)
        rows.cursor = len(page.events) - 1
        self.on_row_list_moved()

    def on_row_list_moved(self) -> None:
        event = self.query_one(EventRows).current
        if event is not None:
            text = f"{wording.date(event.at)} by {event.actor}\n{wording.shown(event.text)}"
            name = wording.cut(photo_name(event), 80)
            self.query_one(".dialog-title", Static).update(Content(f"Everything that happened to {name}"))
            self.query_one("#event-words", Static).update(text)

    async def is_undone(self, done: BulkActionResult) -> None:  # noqa: ARG002  (a step is a photo's)
        self.say("undone", "good")
        await self._load(said=True)


def now_text(status: Status, width: int, clock: Clock) -> Content:
    """Return the state of things in a few lines: on or off, Immich, the wait, photos on their way."""
    lines = [_state_line(status)]
    queues = {name: jobs for name, jobs in status.queues.items() if jobs}
    # The counts are from when smartsort last looked, and it looks only while photos are on their way.
    if queues and (status.in_progress or any(status.in_progress_by_state.values())):
        busy = ", ".join(f"{queue_title(name)} {jobs:,}" for name, jobs in sorted(queues.items()))
        lines.append(Content(wording.cut(f"Immich works on: {busy}", width)))
    wait = status.estimated_wait_seconds
    if wait is not None:
        lines.append(Content(f"A photo dropped now is sorted in about {wording.duration(wait)}."))
    lines += [
        Content.styled(wording.cut(f"! {issue.message}", width), "bold $warning")
        for issue in status.health_issues
    ]
    lines.append(Content.styled(_flight_title(status), "bold $accent"))
    lines += [_flight(flight, width, clock) for flight in status.in_progress[:FLIGHTS_SHOWN]]
    if len(status.in_progress) > FLIGHTS_SHOWN:
        lines.append(
            Content.styled(f"and {len(status.in_progress) - FLIGHTS_SHOWN} more", "$foreground-muted")
        )
    return Content("\n").join(lines)


def queue_title(name: str) -> str:
    """Return a queue of Immich as words: `faceDetection` reads face detection."""
    return "".join(f" {char.lower()}" if char.isupper() else char for char in name)


def _state_line(status: Status) -> Content:
    sorting = (
        ("● sorting is on", "bold $success") if status.enabled else ("‖ sorting is off", "bold $warning")
    )
    version = f" {status.immich_version}" if status.immich_version else ""
    immich = f"Immich{version}: {wording.shown(status.immich)}"
    return Content.assemble(
        sorting, f"  {immich}  in review: {status.in_review:,}  smartsort {status.version}"
    )


def _flight_title(status: Status) -> str:
    number = max(len(status.in_progress), sum(status.in_progress_by_state.values()))
    waiting = f", {wording.count(status.inbox_waiting, 'file')} in the inbox" if status.inbox_waiting else ""
    return (
        f"{wording.count(number, 'photo')} in progress{waiting}"
        if number or waiting
        else "No photo is in progress"
    )


def _flight(flight: PhotoInProgress, width: int, clock: Clock) -> Content:
    stage = STAGES.index(flight.state) + 1 if flight.state in STAGES else len(STAGES)
    meter = "■" * stage + "□" * (len(STAGES) - stage)
    since = wording.age(flight.since, clock())
    name = wording.fit_name(flight.filename, max(12, min(36, width - 36)))
    text = f"{meter} {flight.state:<8} {name} {since:>5} "
    if flight.problem:
        return Content.assemble(
            text, (wording.cut(f"! {flight.problem}", max(4, width - len(text))), "bold $warning")
        )
    return Content(text)
