"""Keys one after the other: what a key means depends on what the key before it has opened.

Textual takes in keys as fast as they come, and a macro, a paste or a slow line brings many at once. Each
waits here until the effect of the one before it is there: messages are handled, the focus has moved, a dialog
is open. A key that decides counts only when what it decides about was on the screen as it was pressed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any

from textual import events
from textual.widget import Widget

from smartsort_tui.background import work

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen
    from textual.worker import Worker

# Groups of work that end in another screen or move the cursor: what the next key means is open until then.
OPENING = frozenset({"dialog", "question", "why", "undo", "what-if", "save", "lists", "switch"})
# Of these the picker needs no answer of the sidecar, and takes letters.
ASKING = OPENING - {"dialog"}
# What replaces a photo by itself has to be seen before a key can be meant for it.
REACTION_SECONDS = 0.4
# A key held down comes 10 to 40 times a second. A person presses one at most 8 times.
REPEAT_SECONDS = 0.12
# Looks at the message queues without a pause, then with one.
EAGER_LOOKS = 40
PAUSE_SECONDS = 0.003
# Looks in a row that must find nothing, and how long a message may take to be handled between two of them.
QUIET_ROUNDS = 2
HANDLING_SECONDS = 0.1


class Keyboard:
    """Lets keys, pastes and clicks through, one at a time."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._waiting: deque[events.Event] = deque()
        self._next: events.Event | None = None
        self._pressed = 0.0
        self._held = ""
        self._held_since = self._held_until = 0.0
        self._screen: Screen[Any] | None = None
        self._screen_since = 0.0
        self.is_at_work = False
        """Whether the effect of a key is still under way."""
        self.presses = 0
        """Keys that have taken effect so far. One held down is one, and so is a paste."""
        self._counted: tuple[str, float] | None = None

    def admits(self, event: events.Event) -> bool:
        """Return whether an event takes effect now. One that has to wait comes again when it may."""
        if event is self._next or isinstance(event, events.MouseMove):
            self._count(event)
            return True
        if isinstance(event, events.Key):
            self._look_at_key(event)
        if self.is_at_work:
            if isinstance(event, events.Key) and (asking := self._asking()):
                if event.key == "escape":
                    self._give_up(asking)
                    self._count(event)
                    return False
                if self._quits(event):
                    return True
            self._waiting.append(event)
            return False
        self._count(event)
        self._look_at_screen()
        self.is_at_work = True
        self._pressed = event.time
        work(self._app, "keys", self._one_by_one)
        return True

    def has_seen(self, since: float = 0.0) -> bool:
        """Whether the key at work was pressed after the screen, and what it shows `since`, were there."""
        return not self.is_at_work or self._pressed >= max(since, self._screen_since)

    def is_meant(self) -> None:
        """What follows was chosen by a person who saw it, though the screen has changed by that."""
        self._pressed = max(self._pressed, monotonic())

    async def _one_by_one(self) -> None:
        try:
            while True:
                await self._effect()
                self._look_at_screen()
                if not self._waiting:
                    return
                self._next = self._waiting.popleft()
                self._pressed = self._next.time
                self._app.post_message(self._next)
        finally:
            self.is_at_work = False

    async def _effect(self) -> None:
        """Until nothing is left of what the key has started that changes what the next one means."""
        looks = quiet = 0
        while quiet < QUIET_ROUNDS:
            if not (self._openers() or self._has_messages()) and await self._is_through():
                quiet += 1
                continue
            # Also where a widget closes and answers nothing more: whoever closes it needs a turn.
            quiet = 0
            await asyncio.sleep(0 if looks < EAGER_LOOKS else PAUSE_SECONDS)
            looks += 1

    def _has_messages(self) -> bool:
        """Return whether a message waits anywhere on the screen, or a widget is still being made."""
        nodes = self._app.screen.walk_children(Widget, with_self=True)
        return self._app.message_queue_size > 0 or any(
            node.message_queue_size > 0 or not node.is_mounted for node in nodes
        )

    async def _is_through(self) -> bool:
        """Wait for the message that each node on a key's way is handling, False when one takes long."""
        app = self._app
        way = (app.focused or app.screen).ancestors_with_self
        handled = [asyncio.Event() for _ in way]
        for node, event in zip(way, handled, strict=True):
            if not node.call_later(event.set):
                return False
        waits = [asyncio.ensure_future(event.wait()) for event in handled]
        # A screen that closes meanwhile never answers.
        _, pending = await asyncio.wait(waits, timeout=HANDLING_SECONDS)
        for wait in pending:
            wait.cancel()
        return not pending

    def _openers(self) -> list[Worker[Any]]:
        """Work for the screen in front that may open another one."""
        app = self._app
        return [
            worker
            for worker in app.workers
            if worker.group in OPENING and not worker.is_finished and worker.node.screen is app.screen
        ]

    def _asking(self) -> list[Worker[Any]]:
        """Return the work that holds keys up, when all of it waits for the sidecar."""
        openers = self._openers()
        return openers if all(worker.group in ASKING for worker in openers) else []

    def _give_up(self, openers: list[Worker[Any]]) -> None:
        """Forget the keys that wait, and what they wait for where nothing has been changed yet."""
        for event in self._waiting:
            self._count(event)
        self._waiting.clear()
        for worker in openers:
            if worker.group in ("question", "why", "what-if"):
                worker.cancel()

    def _quits(self, key: events.Key) -> bool:
        active = self._app.active_bindings.get(key.key)
        return active is not None and active.binding.action in ("quit", "app.quit")

    def _look_at_key(self, key: events.Key) -> None:
        """Have what a key held down repeats count as pressed when the repeating began."""
        if key.key != self._held or key.time - self._held_until > REPEAT_SECONDS:
            self._held, self._held_since = key.key, key.time
        self._held_until, key.time = key.time, self._held_since

    def _count(self, event: events.Event) -> None:
        """Count a key as it takes effect: one that waits belongs to the decision after the one at work."""
        if isinstance(event, events.Key):
            # Repeats of a key held down have the time of the first.
            is_new, self._counted = self._counted != (event.key, event.time), (event.key, event.time)
            self.presses += is_new
        elif isinstance(event, events.Paste):
            self.presses += 1

    def _look_at_screen(self) -> None:
        screen = self._app.screen
        if screen is not self._screen:
            self._screen_since = monotonic() if self._screen is not None else 0.0
            self._screen = screen


class Sight:
    """What a key would decide about, and since when that has been shown."""

    def __init__(self, keyboard: Keyboard) -> None:
        self._keyboard = keyboard
        self._what: object = None
        self._since = 0.0
        self.is_awaited = False
        """Whether the picture of it is on its way. No key can be meant for it before."""

    def shows(self, what: object) -> None:
        """Another photo or person stands there now, None for nothing to decide about."""
        if what != self._what:
            self._comes(by_itself=None not in (what, self._what))
            self._what = what

    def awaits(self, is_awaited: bool) -> None:
        """Have keys count from when the picture is there, or words of why there is none."""
        if is_awaited != self.is_awaited:
            self.is_awaited = is_awaited
            self._comes(by_itself=True)

    def _comes(self, *, by_itself: bool) -> None:
        pause = REACTION_SECONDS if by_itself and not self._keyboard.is_at_work else 0.0
        self._since = inf if self.is_awaited else monotonic() + pause

    @property
    def is_seen(self) -> bool:
        """Whether the key at work can be meant for it."""
        return not self.is_awaited and self._keyboard.has_seen(self._since)
