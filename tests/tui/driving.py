"""Driving the terminal UI in tests: start it, wait for what must become true, read the screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, cast

import httpx
from rich.console import RenderableType
from tests.tui.pilot import KeyPilot
from tests.tui.sample.sidecar import NOON, SampleSidecar
from tests.tui.sample.transport import SampleTransport
from textual._compositor import Compositor
from textual._context import visible_screen_stack
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot

from smartsort.api.schemas.review import ReviewItem
from smartsort_tui import base, keyboard, live
from smartsort_tui.api import Client
from smartsort_tui.app import SmartsortApp
from smartsort_tui.screens.dialogs import PeopleRows, PersonPicker
from smartsort_tui.screens.review import ReviewScreen
from smartsort_tui.settings import Settings
from smartsort_tui.terminal import Images, Terminal
from smartsort_tui.widgets import bars

_RULES: dict[Any, list[RuleSet]] = {}
_parse_rules = Stylesheet._parse_rules


def _parsed_once(self: Stylesheet, *arguments: Any, **named: Any) -> list[RuleSet]:
    """The rules of a style sheet: every start of the application would parse the same ones again."""
    key = (arguments, *sorted(named.items()), *sorted(self._variables.items()))
    if key not in _RULES:
        _RULES[key] = _parse_rules(self, *arguments, **named)
    return _RULES[key]


Stylesheet._parse_rules = _parsed_once  # type: ignore[method-assign]
_render_update = Compositor.render_update


def _looked_at(self: Compositor, full: bool = False, **how: Any) -> RenderableType | None:
    """No terminal is there to draw on: a screen is drawn when a test looks at it, and not before as well."""
    if full:
        return _render_update(self, full=True, **how)
    self._dirty_regions.clear()
    return None


Compositor.render_update = _looked_at  # type: ignore[method-assign]
# Tests press a key as fast again as no person does, and mean it; what is on the screen they have read.
keyboard.REPEAT_SECONDS = keyboard.REACTION_SECONDS = 0.0
# However slow the machine is, what was said stands there until it is read, and a server has its time.
bars.STAYS_SECONDS = dict.fromkeys(bars.STAYS_SECONDS, 3600.0)
base.LEAVING_SECONDS = 3600.0
live.SILENCE_SECONDS = 3600.0
SmartsortApp.NOTIFICATION_TIMEOUT = 3600.0
# The same hash, without a call of Python for each of five hundred rules whenever a widget is styled.
RuleSet.__hash__ = object.__hash__  # type: ignore[method-assign]


@asynccontextmanager
async def driving(
    sidecar: SampleSidecar | None = None,
    *,
    url: str = "http://sample",
    token: str | None = None,
    size: tuple[int, int] = (100, 30),
    images: Images = "none",
    keys: dict[str, str] | None = None,
    folder: str | None = None,
    immich_url: str | None = None,
) -> AsyncIterator[KeyPilot]:
    """The application on a sample sidecar without a socket, or on a URL; no error may have gone unseen."""
    app = SmartsortApp(
        Settings(url=url, token=token, keys=keys or {}, export_folder=folder, immich_url=immich_url),
        Terminal(images),
        clock=lambda: NOON,
        transport=SampleTransport(sidecar) if sidecar is not None else None,
    )
    app.animation_level = "none"
    if isinstance(app._client, Client):
        app._client._http.timeout = httpx.Timeout(3600.0)
    async with app.run_test(size=size):
        yield KeyPilot(app)
    assert not app.mishaps, app.mishaps


async def until(pilot: Pilot[None], so: Callable[[], object], what: str, seconds: float = 90) -> None:
    """Until it is so; fails, showing the screen, when it never is."""
    loop = asyncio.get_running_loop()
    asked = loop.time()
    end = asked + seconds
    while not so():
        assert asked < end, f"waited in vain for {what}; the screen is\n{screen_text(pilot)}"
        # Asking takes a quarter of the time at most: rendering a whole screen is not for nothing.
        await asyncio.sleep(max(0.01, 3 * (loop.time() - asked)))
        asked = loop.time()
    await pilot.pause()


async def shows(pilot: Pilot[None], *texts: str) -> str:
    """Until all of these stand on the screen together. Gives the screen."""
    seen = ""

    def is_there() -> bool:
        nonlocal seen
        seen = screen_text(pilot)
        return all(text in seen for text in texts)

    await until(pilot, is_there, repr(texts))
    return seen


async def answerable(pilot: Pilot[None]) -> None:
    """Until a key counts: the one before has taken effect, and what stands there was there long enough."""
    keyboard = cast("SmartsortApp", pilot.app).keyboard

    def is_answerable() -> bool:
        sight = getattr(pilot.app.screen, "sight", None)
        return not keyboard.is_at_work and (sight is None or monotonic() >= sight._since)

    await until(pilot, is_answerable, "a key to count")


async def press_keys(pilot: KeyPilot, keys: Iterable[str], who: str) -> None:
    """Press keys. A picker offers whom it knew before: Enter waits until the person meant is first."""
    for key in keys:
        picker = pilot.app.screen
        if key == "enter" and isinstance(picker, PersonPicker):
            rows = picker.query_one(PeopleRows)
            await until(pilot, lambda: [*(p.name for p in rows.found), rows.new_name][0] == who, who)  # noqa: B023
        await pilot.press(key)


async def foreseen(pilot: Pilot[None]) -> None:
    """Until the picker shows what its choice would come to, and has shown it long enough."""
    picker = pilot.app.screen
    assert isinstance(picker, PersonPicker)
    await until(pilot, lambda: picker._foreseen is not None, "what would happen")
    await until(pilot, lambda: monotonic() >= picker._ahead._since, "a key to count")


def review(pilot: Pilot[None]) -> ReviewScreen:
    """The review screen, whatever lies over it."""
    return next(screen for screen in pilot.app.screen_stack if isinstance(screen, ReviewScreen))


async def loaded(pilot: Pilot[None]) -> ReviewScreen:
    """The review screen once its first item is shown whole."""
    await until(pilot, lambda: pilot.app.screen_stack, "a screen")
    screen = review(pilot)
    await until(pilot, lambda: cast("SmartsortApp", pilot.app).status is not None, "the event stream")
    await until(pilot, lambda: screen.is_mounted and screen.desk.queue.is_loaded, "the queue")
    if len(screen.desk.queue):
        await until(pilot, lambda: shown(screen), "the first item")
    return screen


def shown(screen: ReviewScreen, item: int | None = None) -> ReviewItem | None:
    """The item the cursor is on, or this one, once all of it is shown and a key can be meant for it."""
    here = current(screen)
    whole = screen.desk.item(here) if item in (None, here) else None
    return whole if screen._shown is whole else None


def current(screen: ReviewScreen) -> int:
    """The id of the item the cursor is on."""
    return screen.desk.queue.id_at(screen.rows.cursor) or 0


def screen_text(pilot: Pilot[None]) -> str:
    """What the terminal shows, as lines of text."""
    width, height = pilot.app.size
    visible_screen_stack.set(pilot.app._background_screens)  # what stands below a dialog
    # Once: it renders the whole screen, and tests ask for it until it says what they wait for.
    strips = pilot.app.screen._compositor.render_strips()[:height]
    return "\n".join("".join(segment.text for segment in strip)[: width * 2].rstrip() for strip in strips)
