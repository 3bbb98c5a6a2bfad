"""What all areas share: the bar of areas, the line of messages, the bar of keys, and the smallest size."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen, ScreenResultType
from textual.widget import Widget
from textual.widgets import Static

from smartsort.api.schemas.history import Undo
from smartsort_tui import wording
from smartsort_tui.api import ApiProblem, Client, TokenRefused
from smartsort_tui.background import work
from smartsort_tui.base import AREAS, BaseApp
from smartsort_tui.keyboard import Sight
from smartsort_tui.live import Link
from smartsort_tui.widgets.bars import Bar, KeyBar, MessageBar, Part
from smartsort_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from smartsort.api.schemas.history import EventView
    from smartsort.api.schemas.state import Status

AnswerT = TypeVar("AnswerT")
SMALLEST = (40, 12)
AGE_SECONDS = 20.0
# To the next try, where the line is there and an answer was not.
AGAIN_SECONDS = 2.0
# Widths and heights from which a class holds. The style sheet says what changes.
WIDTHS: list[tuple[int, str]] = [
    (0, "-tiny"),
    (SMALLEST[0], "-narrow"),
    (76, "-normal"),
    (110, "-wide"),
    (150, "-vast"),
]
HEIGHTS: list[tuple[int, str]] = [(0, "-flat"), (SMALLEST[1], "-low"), (22, "-tall")]


class TooSmall(Static):
    """Stands alone when the terminal has no room for more."""

    def __init__(self) -> None:
        super().__init__(
            f"Too small.\nNeeds {SMALLEST[0]}×{SMALLEST[1]}.\nq quits.", markup=False, classes="too-small"
        )


class Front(Screen[ScreenResultType]):
    """What areas and dialogs share: sizes, the application, and the line of messages where there is one."""

    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS

    @property
    def smartsort(self) -> BaseApp:
        return cast("BaseApp", self.app)

    def on_resize(self) -> None:
        refocus(self)

    def say(self, text: str, tone: str = "plain") -> None:
        """Show a line of what happened."""
        self.query_one("#message", MessageBar).say(text, tone)

    def say_problem(self, problem: ApiProblem) -> None:
        self.say(f"{problem.title}: {problem.detail}", "bad")

    async def answer(self, ask: Callable[[Client], Awaitable[AnswerT]]) -> AnswerT | None:
        """Return what the sidecar answers, None, and words, when it does not."""
        try:
            return await ask(self.smartsort.client)
        except ApiProblem as problem:
            self.say_problem(problem)
            return None

    def action_move(self, rows: int) -> None:
        self.query_one(RowList).action_move(rows)

    def action_undo(self) -> None:
        work(self, "undo", self.undo_last)

    async def undo_last(self) -> None:
        """Take back what was decided here last."""


class AreaScreen(Front[None]):
    """One area of the program. `content` is what it shows between the bars."""

    AREA: ClassVar[str] = ""
    ASKS_AGAIN: ClassVar[bool] = True
    """Whether it asks for all of it whenever it comes to the front."""
    FOLLOWS: ClassVar[bool] = False
    """Whether it hears of every change while there is a connection."""
    HELP_TITLE: ClassVar[str] = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r,f9", "reload", "Reload", show=False, id="area.reload"),
    ]

    _told: str | None = None
    """What of the connection was said last: that it is lost, or why it is refused."""
    _place = ""
    _as_of: datetime | None = None
    """When what is shown was fetched."""
    _is_stale = False

    def content(self) -> Iterable[Widget]:
        """Return the widgets between the bars."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        self.sight = Sight(self.smartsort.keyboard)
        self.decided: list[tuple[int, str]] = []
        """Events of what was decided here, each with what to say when it is undone."""
        yield Bar(id="areas")
        yield from self.content()
        yield MessageBar(id="message")
        yield KeyBar(id="keys")
        yield TooSmall()

    def on_mount(self) -> None:
        app = self.smartsort
        app.link_changed.subscribe(self, self._link_changed)
        app.status_changed.subscribe(self, self._status_changed)
        app.happened.subscribe(self, self.happened)
        self.set_interval(AGE_SECONDS, self._draw_place_line)
        self._draw_areas()

    def on_screen_resume(self) -> None:
        if self.ASKS_AGAIN:
            self.connected()

    def on_resize(self) -> None:
        self._draw_areas()

    def say_place(self, text: str) -> None:
        """Show at the right end of that line where one is."""
        self._place = text
        self._draw_place_line()

    def is_fresh(self) -> None:
        """What is shown is what the sidecar has just said."""
        self._as_of, self._is_stale = self.smartsort.clock(), False
        self._draw_place_line()

    def is_stale(self) -> None:
        """What is shown could not be fetched again: from now on its age stands beside it."""
        self._is_stale = True
        self._draw_place_line()

    def _draw_place_line(self) -> None:
        if not self.is_mounted:
            return
        is_old = self._is_stale or self.smartsort.link.state in ("lost", "refused")
        age = wording.duration((self.smartsort.clock() - self._as_of).total_seconds()) if self._as_of else ""
        stale = (f"! {age} old" if age != "now" else "! not up to date") if is_old and age else ""
        self.query_one("#message", MessageBar).place(self._place, stale)

    def key(self, name: str) -> str:
        """Return the key that is set for a binding, as it is shown.

        For words that tell what can be pressed.
        """
        for active in self.active_bindings.values():
            if active.binding.id == name:
                return self.app.get_key_display(active.binding)
        return "?"

    def has_seen(self, what: str = "this") -> bool:
        """Return whether a key can be meant for what stands there. Says so if not."""
        if not self.sight.is_seen:
            how = "is on its way" if self.sight.is_awaited else "has only just come"
            self.say(f"look first: {what} {how}. Nothing is decided", "warn")
        return self.sight.is_seen

    # --- to be said by the areas ------------------------------------------------------------

    def connected(self) -> None:
        """The sidecar can be asked (again)."""

    def disconnected(self, problem: ApiProblem) -> None:
        """The sidecar cannot be asked."""
        self.say_problem(problem)

    def happened(self, event: EventView) -> None:
        """Something happened in the sidecar."""

    def status_is(self, status: Status) -> None:
        """The sidecar's status has changed."""

    def action_reload(self) -> None:
        """Ask everything again."""
        self.connected()

    def action_back(self) -> None:
        self.smartsort.action_area("review")

    async def undo_last(self) -> None:
        """Take back the last of `decided`."""
        if not self.decided:
            self.say("no decision here to undo", "warn")
            return
        event, text = self.decided.pop()  # at once: a second key takes back the one before it
        if await self.answer(lambda client: client.undo(Undo(event=event))) is None:
            self.decided.append((event, text))
        else:
            self.say(f"undone: {text}", "good")
            self.connected()

    # --- the bar of areas -------------------------------------------------------------------

    def _link_changed(self, link: Link) -> None:
        self._draw_areas()
        if self.FOLLOWS and self._as_of is not None and link.state != "connecting":
            # Every change came by itself until the line broke, and comes again now.
            self.is_fresh() if self._told is None else self._draw_place_line()
        else:
            self._draw_place_line()
        if link.state == "connected":
            self.connected()
            self._told = None
        elif link.problem is not None:
            # A loss is told once, not with every attempt to mend it, which may fail for another reason: what
            # is said to a key pressed meanwhile must stay.
            told = link.state if link.state == "lost" else link.problem.detail
            if told != self._told:
                self._told = told
                self.disconnected(link.problem)

    def _status_changed(self, status: Status) -> None:
        self._draw_areas()
        self.status_is(status)

    def _draw_areas(self) -> None:
        if not self.is_mounted:
            return
        width = self.size.width
        parts = [Part(" smartsort ", style="bar--key")] if width >= 110 else []
        for number, (name, title) in enumerate(AREAS, start=1):
            is_active = name == self.AREA
            if width < 62 and not is_active:
                text = f" F{number} "
            else:
                text = f" F{number} {title} " if width >= 100 else f"F{number} {title} "
            parts.append(Part(text, name, "bar--active" if is_active else "bar--plain"))
        self.query_one("#areas", Bar).set_parts(parts, [_link_part(self.smartsort, width)])

    def on_bar_pressed(self, message: Bar.Pressed) -> None:
        if message.bar.id == "areas":
            message.stop()
            self.smartsort.action_area(message.key)


# Textual takes the styles of the first base alone.
class Dialog(ModalScreen[ScreenResultType], Front[ScreenResultType]):
    """A question over an area."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel", id="dialog.cancel"),
    ]

    def action_cancel(self) -> None:
        self.dismiss(None)


class Reading(Dialog[ScreenResultType]):
    """A dialog to read: a title, words that scroll, and the keys. `tall` takes all of the height."""

    def __init__(self, title: str, text: Content, *, tall: bool = True) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._tall = tall

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog dialog--tall" if self._tall else "dialog"):
            yield Static(Content(self._title), classes="dialog-title")
            with VerticalScroll():
                yield Static(self._text)
            yield KeyBar()
        yield TooSmall()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()


def refocus(screen: Screen[Any]) -> None:
    """Give the focus back that was lost while the terminal was too small to show anything."""

    def again() -> None:
        is_hidden = screen.has_class("-tiny") or screen.has_class("-flat")
        if screen.focused is None and not is_hidden:
            nodes = screen.query(screen.AUTO_FOCUS or "*")
            screen.set_focus(next((node for node in nodes if node.focusable), None))

    screen.call_after_refresh(again)


def link_words(app: BaseApp) -> Content:
    """Return why there is no connection, to which address, and what to do, empty while there is one."""
    link = app.link
    if link.state not in ("lost", "refused") or link.problem is None:
        return Content("")
    title, detail = link.problem.title, link.problem.detail
    if isinstance(link.problem, TokenRefused):
        origin = f"the token is from {app.settings.token_from}" if app.settings.token else "none was found"
        detail = f"{app.settings.url}: {detail}. {origin}"
    return Content.assemble(
        (f"○ {title}\n", "bold $error"),
        wording.shown(detail),
        (f"\n{link.problem.remedy}" if link.problem.remedy else "", "$foreground-muted"),
    )


def _link_part(app: BaseApp, width: int) -> Part:
    link, status = app.link, app.status
    short = width < 76
    if link.state == "connected":
        if status is not None and not status.enabled:
            return Part(" ‖ off " if short else " ‖ sorting is off ", style="bar--warn")
        if status is not None and status.immich != "connected":
            return Part(" ! Immich " if short else " ! Immich is away ", style="bar--warn")
        return Part(" ● " if short else " ● connected ", style="bar--good")
    if link.state == "connecting":
        return Part(" … " if short else " … connecting ", style="bar--muted")
    if link.state == "lost":
        return Part(" ○ lost " if short else " ○ reconnecting ", style="bar--bad")
    return Part(" ✗ no " if short else " ✗ not connected ", style="bar--bad")
