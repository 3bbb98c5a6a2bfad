"""Scrolling lines whose number changes without a new layout of the screen, and a text drawn that way.

A list that shrinks with every decision and words that change with every key would otherwise have the whole
screen arranged and drawn again. Only their own lines are.
"""

from __future__ import annotations

from collections.abc import Callable

from rich.style import Style
from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget
from textual.widgets import Static


class Lines(ScrollView):
    """A viewport over lines. The scrollbar always has its column."""

    DEFAULT_CSS = """
    Lines {
        background: $background;
        color: $foreground;
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        scrollbar-color: $secondary;
    }
    """

    def set_line_count(self, count: int) -> None:
        """Say how many lines there are. The view stays where it is as far as it can."""
        size = Size(self.scrollable_content_region.width, count)
        if size != self.virtual_size:
            # Assigning it would have the whole screen arranged again.
            self.set_reactive(vars(Widget)["virtual_size"], size)
            bar = self.vertical_scrollbar
            bar.window_virtual_size = count
            bar.window_size = self.scrollable_content_region.height
            bar.refresh()
            self.scroll_y = self.validate_scroll_y(self.scroll_y)
        self.refresh()


Maker = Callable[[int], Content]
"""Makes a text for a width in cells."""
NARROWEST = 20


class Fitted(Static):
    """Text made again for every width it gets."""

    _make: Maker | None = None
    _made_for = 0

    def fit(self, make: Maker) -> None:
        """Show another text."""
        self._make, self._made_for = make, 0
        self.on_resize()

    def on_resize(self) -> None:
        width = self.size.width
        if self._make is not None and width and width != self._made_for:
            self._made_for = width
            self.update(self._make(max(NARROWEST, width)))


class TextPane(Lines):
    """Text that is wrapped, scrolled, and can be clicked."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._make: Maker = lambda _: Content("")
        self._content = Content("")
        self._strips: list[Strip] | None = None

    @property
    def text(self) -> str:
        """What is shown, without styles."""
        return self._content.plain

    def update(self, text: Maker | Content | str) -> None:
        """Show another text. The view stays where it is."""
        fixed = Content(text) if isinstance(text, str) else text
        self._make = fixed if callable(fixed) else lambda _: fixed
        self._remake()

    def _remake(self) -> None:
        content = self._make(max(NARROWEST, self.scrollable_content_region.width))
        if content != self._content or content.spans != self._content.spans:
            self._content = content
            self._forget()

    def to_top(self) -> None:
        self.scroll_to(y=0, animate=False, force=True)

    def on_resize(self) -> None:
        self._remake()
        self._forget()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips = None

    def _forget(self) -> None:
        self._strips = None
        self.set_line_count(len(self._drawn))

    @property
    def _drawn(self) -> list[Strip]:
        if self._strips is None:
            width = self.scrollable_content_region.width
            if width <= 0:
                return []
            self._strips = Visual.to_strips(self, self._content, width, None, self.visual_style)
        return self._strips

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        strips = self._drawn
        place = y + self.scroll_offset.y
        blank: Style = self.rich_style
        if place >= len(strips):
            return Strip.blank(width, blank)
        return strips[place].adjust_cell_length(width, blank)
