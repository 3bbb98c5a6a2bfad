"""Lines with parts that can be clicked: areas, categories, keys, and the line that says what happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.screen import Screen
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from smartsort_tui import wording

# How long a message stays, by its tone.
STAYS_SECONDS = {"good": 8.0, "plain": 8.0, "warn": 15.0, "bad": 30.0}


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar. `key` says what was clicked."""

    text: str
    key: str = ""
    style: str = "bar--plain"


class Bar(Widget):
    """One line of parts. What does not fit is left out at the right."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "bar--plain", "bar--active", "bar--muted", "bar--key", "bar--good", "bar--bad", "bar--warn",
    }  # fmt: skip
    DEFAULT_CSS = """
    Bar {
        height: 1;
        width: 100%;
        background: $panel;
        color: $foreground;
        & > .bar--plain { color: $foreground; background: $panel; }
        & > .bar--active { color: $block-cursor-foreground; background: $primary; text-style: bold; }
        & > .bar--muted { color: $text-muted; background: $panel; }
        & > .bar--key { color: $accent; background: $panel; text-style: bold; }
        & > .bar--good { color: $success; background: $panel; }
        & > .bar--bad { color: $error; background: $panel; text-style: bold; }
        & > .bar--warn { color: $warning; background: $panel; text-style: bold; }
    }
    """

    class Pressed(Message):
        """A part was clicked."""

        def __init__(self, bar: Bar, key: str) -> None:
            super().__init__()
            self.bar = bar
            self.key = key

        @property
        def control(self) -> Bar:
            return self.bar

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._left: Sequence[Part] = ()
        self._right: Sequence[Part] = ()

    def set_parts(self, left: Sequence[Part], right: Sequence[Part] = ()) -> None:
        """Show these. The right ones keep their place when room is short."""
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    def _fitting(self, width: int) -> list[Part]:
        room = width - sum(cell_len(part.text) for part in self._right)
        parts: list[Part] = []
        for part in self._left:
            needed = cell_len(part.text)
            if needed > room:
                if not part.key and room > 1:
                    parts.append(Part(wording.cut(part.text, room), style=part.style))
                    room -= cell_len(parts[-1].text)
                # A key without its word, or half of it, says nothing.
                while parts and part.key and parts[-1].key == part.key:
                    room += cell_len(parts.pop().text)
                break
            parts.append(part)
            room -= needed
        return [*parts, Part(" " * max(0, room)), *self._right]

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        plain = self.get_component_rich_style("bar--plain")
        if y:
            return Strip.blank(width, plain)
        segments = [
            Segment(part.text, self.get_component_rich_style(part.style)) for part in self._fitting(width)
        ]
        return Strip(segments).adjust_cell_length(width, plain)

    def on_click(self, event: events.Click) -> None:
        left = 0
        for part in self._fitting(self.size.width):
            left += cell_len(part.text)
            if event.x < left:
                if part.key:
                    self.post_message(self.Pressed(self, part.key))
                return


class CategoryBar(Bar):
    """The categories with their counts. The names shorten when the line is short."""

    _asked: Callable[[], None] = staticmethod(lambda: None)

    def on_resize(self) -> None:
        self._asked()

    def show(
        self, counts: dict[str, int] | None, active: str | None, total: int, *, search: str = ""
    ) -> None:
        """`active` None stands for all categories, `counts` None for not known yet.

        `total` is how many the filter matches.
        """
        self._asked = partial(self.show, counts, active, total, search=search)
        known = counts or {}
        entries = [("", "All", "All", sum(known.values()))] + [
            (name, wording.TITLES[name], wording.SHORT[name], known.get(name, 0))
            for name in wording.CATEGORIES
        ]
        suffix = [Part(f" /{wording.cut(search, 16)} {total:,} ", "search", "bar--key")] if search else []
        for place in (1, 2):
            parts = []
            for entry in entries:
                is_active = (active or "") == entry[0]
                number = total if is_active and not search else entry[3]
                text = f"{entry[place]} {number:,}" if counts is not None else entry[place]
                parts.append(
                    Part(
                        f"[{text}]" if is_active else f" {text} ",
                        entry[0] or "all",
                        "bar--active" if is_active else "bar--plain",
                    )
                )
            if sum(cell_len(part.text) for part in [*parts, *suffix]) <= self.size.width or place == 2:
                self.set_parts(parts, suffix)
                return


class KeyBar(Bar):
    """The keys that work now, most useful first. `?` tells the rest."""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self.call_after_refresh(self._changed, self.screen)

    def _changed(self, screen: Screen[object]) -> None:
        if not self.is_attached or screen is not self.screen:
            return
        parts: list[Part] = []
        seen: set[str] = set()
        # A key set in tui.toml keeps the place of the one it replaces.
        order = {one.id: place for place, one in enumerate(self.screen.BINDINGS) if isinstance(one, Binding)}
        for active in sorted(
            self.screen.active_bindings.values(), key=lambda one: order.get(one.binding.id, len(order))
        ):
            binding = active.binding
            if not binding.show or not active.enabled or binding.action in seen:
                continue
            seen.add(binding.action)
            key = self.app.get_key_display(binding)
            parts += [
                Part(f" {key}", binding.action, "bar--key"),
                Part(f" {binding.description} ", binding.action),
            ]
        self.set_parts(parts, [Part(" ?", "app.help", "bar--key"), Part(" help ", "app.help")])

    async def on_bar_pressed(self, message: Bar.Pressed) -> None:
        message.stop()
        await self.screen.run_action(message.key)


class MessageBar(Bar):
    """One line: what happened last, and at its right end where one is."""

    DEFAULT_CSS = """
    MessageBar { background: $background; }
    MessageBar > .bar--plain, MessageBar > .bar--good, MessageBar > .bar--bad, MessageBar > .bar--warn,
    MessageBar > .bar--muted { background: $background; }
    """
    _going: Timer | None = None
    SYMBOLS: ClassVar[dict[str, str]] = {"good": "✓", "bad": "✗", "warn": "!", "plain": "·"}

    def say(self, text: str, tone: str = "plain") -> None:
        """`tone` is good, bad, warn or plain. Each has its own sign, colour only repeats it.

        It goes by itself, a fault later than a success, and what is still under way stays.
        """
        text = wording.shown(text)
        said = [Part(f" {self.SYMBOLS[tone]} {text}", style=f"bar--{tone}")] if text else []
        self.set_parts(said, self._right)
        if self._going is not None:
            self._going.stop()
        under_way = text.endswith("…")
        self._going = None if under_way or not text else self.set_timer(STAYS_SECONDS[tone], self._gone)

    def place(self, text: str, stale: str = "") -> None:
        """Where one is, at the right end, and how old what is shown is. Messages leave it alone."""
        parts = [Part(f" {stale} ", style="bar--warn")] if stale else []
        self.set_parts(self._left, [*parts, Part(f" {text} ", style="bar--muted")] if text else parts)

    def _gone(self) -> None:
        self.set_parts([], self._right)
