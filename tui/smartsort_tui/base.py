"""What every screen stands on: the connection, its state, keys one at a time, areas, themes, export."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from textual import constants, events
from textual.app import App, ScreenStackError, SystemCommand
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.screen import Screen
from textual.signal import Signal
from textual.worker import Worker, WorkerState

from smartsort.api.schemas.history import EventView
from smartsort.api.schemas.state import Status
from smartsort_tui import themes
from smartsort_tui.api import ApiProblem, Client, Unreachable
from smartsort_tui.background import stopped, work
from smartsort_tui.clock import Clock, now
from smartsort_tui.keyboard import Keyboard
from smartsort_tui.live import Link, happenings
from smartsort_tui.settings import Settings, export_places
from smartsort_tui.terminal import Terminal

if TYPE_CHECKING:
    import httpx


AREAS = (
    ("review", "Review"),
    ("statistics", "Statistics"),
    ("activity", "Activity"),
    ("people", "People"),
    ("configuration", "Configuration"),
)
# Groups of work that must not be cut off by leaving.
CHANGES = ("decisions", "undo", "undo-many", "save", "lists", "switch", "export")
LEAVING_SECONDS = 15.0
_FUNCTION_KEY = re.compile(r"f\d{1,2}")


class BaseApp(App[None]):
    """The application as screens know it, `SmartsortApp` adds the screens."""

    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(f"f{number}", f"area('{name}')", title, show=False, id=f"app.{name}")
            for number, (name, title) in enumerate(AREAS, start=1)
        ),
        Binding("right_square_bracket", "next_area(1)", "Next area", show=False, id="app.next_area"),
        Binding("left_square_bracket", "next_area(-1)", "Previous area", show=False, id="app.previous_area"),
        Binding("q", "quit", "Quit", show=False, id="app.quit"),
        Binding("ctrl+t", "toggle_theme", "Light or dark", show=False, id="app.theme"),
    ]

    def __init__(
        self,
        settings: Settings,
        terminal: Terminal,
        *,
        clock: Clock = now,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.terminal = terminal
        self.clock = clock
        self._client: Client | ApiProblem
        self.link = Link("connecting")
        try:
            self._client = Client(
                settings.url, settings.token, transport=transport, presses=lambda: self.keyboard.presses
            )
        except ApiProblem as problem:
            self._client = problem
            self.link = Link("refused", problem)
        self.status: Status | None = None
        self.offered = ""
        """The group or person that an area is opened for (`screens.offers`)."""
        self.mishaps: list[BaseException] = []
        self.keyboard = Keyboard(self)
        self._is_leaving = False
        self.link_changed: Signal[Link] = Signal(self, "link")
        self.status_changed: Signal[Status] = Signal(self, "status")
        self.happened: Signal[EventView] = Signal(self, "happened")
        self.register_theme(themes.DARK)
        self.register_theme(themes.LIGHT)
        self.theme = settings.theme if settings.theme in self.available_themes else themes.DARK.name
        self.set_keymap(settings.keys)

    def on_mount(self) -> None:
        if isinstance(self._client, Client):
            work(self, "live", self._follow, self._client)
        else:
            self._link_is(self.link)

    async def on_unmount(self) -> None:
        # What was cancelled but has not ended may open a connection when the client is closed already.
        await stopped(self.workers)
        if isinstance(self._client, Client):
            await self._client.aclose()

    def get_driver_class(self) -> type[Driver]:
        """Have keys that arrive together carry one time, where Textual reads them itself."""
        if sys.platform == "win32" or constants.DRIVER:
            return super().get_driver_class()
        from smartsort_tui.driver import BurstDriver  # noqa: PLC0415  (needs what Windows lacks)

        return BurstDriver

    async def on_event(self, event: events.Event) -> None:
        """Take in what a person does one at a time. See `smartsort_tui.keyboard`."""
        comes_in = isinstance(event, (events.InputEvent, events.Paste)) and not event.is_forwarded
        if not comes_in or self.keyboard.admits(event):
            await super().on_event(event)

    # --- the connection ---------------------------------------------------------------------

    @property
    def client(self) -> Client:
        """Asks the sidecar. Raises ApiProblem where its address or the token cannot be used."""
        if isinstance(self._client, ApiProblem):
            raise self._client
        return self._client

    async def _follow(self, client: Client) -> None:
        async for what in happenings(client):
            if isinstance(what, Link):
                self._link_is(what)
            elif isinstance(what, Status):
                self.status = what
                self.status_changed.publish(what)
            else:
                self.happened.publish(what)

    def _link_is(self, link: Link) -> None:
        self.link = link
        self.link_changed.publish(link)

    def is_answering(self) -> None:
        """A call has worked: that is a connection, before the event stream says so."""
        if self.link.state == "connecting":
            self.link = Link("connected")

    def has_problem(self, problem: ApiProblem) -> None:
        """A call the screen depends on did not work."""
        if self.link.state == "connecting":
            self._link_is(Link("lost" if isinstance(problem, Unreachable) else "refused", problem))

    async def fetch_picture(self, path: str) -> bytes:
        """Return the bytes of a picture. Raises ApiProblem."""
        return await self.client.picture(path)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """An error nobody foresaw must be seen, and must not end the program."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            error = event.worker.error
            self.mishaps.append(error)
            self.log.error(event.worker.group, error)
            self.notify(
                f"{type(error).__name__}: {error}"[:200],
                title="An error in smartsort-tui itself. Please report it",
                severity="error",
                markup=False,
            )

    # --- areas ----------------------------------------------------------------------------

    def action_area(self, name: str) -> None:
        # A key that was typed ahead may arrive while the application closes, when screens are gone already.
        with suppress(ScreenStackError):
            if len(self.screen_stack) == 1 and name in self.MODES:
                self.switch_mode(name)

    def action_next_area(self, step: int) -> None:
        names = [name for name, _ in AREAS]
        here = self.current_mode if self.current_mode in names else "review"
        self.action_area(names[(names.index(here) + step) % len(names)])

    async def action_quit(self) -> None:
        """Leave, once the decisions already made have been sent. A second time leave at once."""
        if not self._is_leaving:
            self._is_leaving = True
            work(self, "quit", self._leave)
        else:
            self.exit()

    async def _leave(self) -> None:
        sending = [worker for worker in self.workers if worker.group in CHANGES and not worker.is_finished]
        if sending:
            self.notify(f"sending {len(sending)} decisions. Press q again to leave at once", markup=False)
        waits = [asyncio.ensure_future(worker.wait()) for worker in sending]
        if waits:
            await asyncio.wait(waits, timeout=LEAVING_SECONDS)
        self.exit()

    def get_key_display(self, binding: Binding) -> str:
        """Function keys as they stand on the keyboard: F6, not f6."""
        shown = super().get_key_display(binding)
        return shown.upper() if _FUNCTION_KEY.fullmatch(shown) else shown

    def action_toggle_theme(self) -> None:
        self.theme = themes.LIGHT.name if self.current_theme.dark else themes.DARK.name

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Yield the action of every key that has words, for the palette."""
        seen: set[str] = set()
        for active in screen.active_bindings.values():
            binding = active.binding
            words = binding.tooltip or binding.description
            if not words or not active.enabled or binding.action in seen or binding.system:
                continue
            seen.add(binding.action)
            yield SystemCommand(
                words[0].upper() + words[1:],
                f"key {self.get_key_display(binding)}",
                self._runner(binding.action, active.node),
            )
        yield from (
            command
            for command in super().get_system_commands(screen)
            if command.title in ("Theme", "Screenshot")
        )

    def _runner(self, action: str, node: Any) -> Callable[[], None]:
        def run() -> None:
            # The palette lay over what the command is for: it counts when the palette itself was seen.
            if self.keyboard.has_seen():
                self.keyboard.is_meant()
                self.call_later(self.run_action, action, node)

        return run

    # --- export -----------------------------------------------------------------------------

    def export(self, category: str | None, search: str, say: Callable[..., None]) -> None:
        """Save the queue as CSV: into the export folder, or as a download of the browser."""
        work(self, "export", self._export, category, search, say, latest_only=True)

    async def _export(self, category: str | None, search: str, say: Callable[..., None]) -> None:
        from smartsort_tui.export import export_file  # noqa: PLC0415  (rarely needed)

        say("exporting …")
        try:
            pieces = self.client.export("csv", category=category, search=search)
            places = export_places(self.settings.export_folder, os.environ)
            path = await export_file(pieces, places, self.clock())
        except ApiProblem as problem:
            say(f"{problem.title}: {problem.detail}", "bad")
        except OSError as problem:
            say(
                f"cannot write the export: {problem.strerror}: {problem.filename}. "
                "Set export_folder in tui.toml",
                "bad",
            )
        else:
            if self.is_web:
                self.deliver_binary(path, save_filename=path.name, mime_type="text/csv")
            say(f"exported to {path}", "good")
