"""A list of any length that draws only the rows in sight."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from smartsort_tui.widgets.lines import Lines

ItemT = TypeVar("ItemT")
Cells = list[tuple[str, str]]
"""A row as texts with the name of a component class each, together as wide as the list."""


class RowList(Lines, can_focus=True):
    """Rows by number. What stands in a row is said by `cells` of the class built on it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", "Next", show=False, id="list.down"),
        Binding("up", "move(-1)", "Previous", show=False, id="list.up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="list.page_down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="list.page_up"),
        Binding("home,g", "to(0)", "First", show=False, id="list.first"),
        Binding("end,G", "to(-1)", "Last", show=False, id="list.last"),
        Binding("enter", "choose", "Choose", show=False, id="list.choose"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "row--plain", "row--cursor", "row--muted", "row--mark", "row--bad", "row--good",
    }  # fmt: skip
    DEFAULT_CSS = """
    RowList {
        & > .row--plain { color: $foreground; }
        & > .row--muted { color: $text-muted; }
        & > .row--mark { color: $accent; text-style: bold; }
        & > .row--bad { color: $error; text-style: bold; }
        & > .row--good { color: $success; }
        & > .row--cursor { background: $surface-lighten-2; color: $foreground; text-style: bold; }
        &:focus > .row--cursor { background: $primary; color: $block-cursor-foreground; text-style: bold; }
    }
    """

    cursor: reactive[int] = reactive(0, repaint=False)

    class Moved(Message):
        """The cursor stands on another row, or the row below it has changed."""

        def __init__(self, rows: RowList, position: int) -> None:
            super().__init__()
            self.rows = rows
            self.position = position

        @property
        def control(self) -> RowList:
            return self.rows

    class Chosen(Moved):
        """Enter was pressed on a row."""

    class Clicked(Moved):
        """A row was clicked."""

    class InSight(Message):
        """Rows `first` to `last` are drawn."""

        def __init__(self, rows: RowList, first: int, last: int) -> None:
            super().__init__()
            self.rows = rows
            self.first = first
            self.last = last

        @property
        def control(self) -> RowList:
            return self.rows

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._count = 0
        self._styles_of: dict[str, Style] = {}

    # --- to be said by the list built on it -------------------------------------------------

    def cells(self, position: int, width: int) -> Cells:
        """Return what stands in a row."""
        raise NotImplementedError

    # --- state ------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        return self._count

    def set_count(self, count: int) -> None:
        """Say how many rows there are. The cursor stays on the list."""
        self._count = count
        if count and self.cursor >= count:
            self.cursor = count - 1
        self.set_line_count(count)

    def validate_cursor(self, position: int) -> int:
        return max(0, min(position, self._count - 1)) if self._count else 0

    def watch_cursor(self, old: int, new: int) -> None:
        if old != new:
            self._bring_into_sight(new)
            self.refresh_line(old)
            self.refresh_line(new)
            self.post_message(self.Moved(self, new))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._tell_sight()

    def on_resize(self) -> None:
        self.set_line_count(self._count)
        self._bring_into_sight(self.cursor)
        self._tell_sight()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_of.clear()

    @property
    def sight(self) -> tuple[int, int]:
        """The first and the last row drawn."""
        top = self.scroll_offset.y
        return top, top + max(1, self.scrollable_content_region.height) - 1

    def _tell_sight(self) -> None:
        self.post_message(self.InSight(self, *self.sight))

    def _bring_into_sight(self, position: int) -> None:
        height = self.scrollable_content_region.height
        if height <= 0:
            return
        top = self.scroll_offset.y
        if position < top:
            self.scroll_to(y=position, animate=False, force=True)
        elif position >= top + height:
            self.scroll_to(y=position - height + 1, animate=False, force=True)

    # --- drawing ----------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        position = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        if position >= self._count or width <= 0:
            return Strip.blank(width, self._style("row--plain"))
        is_cursor = position == self.cursor
        pointer = "▶" if is_cursor else " "
        cells = [(pointer, "row--plain"), *self.cells(position, width - 1)]
        if is_cursor:
            style = self._style("row--cursor")
            segments = [Segment(text, style) for text, _ in cells]
        else:
            segments = [Segment(text, self._style(name)) for text, name in cells]
        return Strip(segments).adjust_cell_length(
            width, self._style("row--cursor" if is_cursor else "row--plain")
        )

    def _style(self, name: str) -> Style:
        # The focus changes the cursor's style without any notice to this widget.
        key = f"{name}:{self.has_focus}"
        style = self._styles_of.get(key)
        if style is None:
            style = self._styles_of[key] = self.get_component_rich_style(name)
        return style

    # --- acting -----------------------------------------------------------------------------

    def action_move(self, rows: int) -> None:
        self.cursor += rows

    def action_page(self, pages: int) -> None:
        self.cursor += pages * max(1, self.scrollable_content_region.height - 1)

    def action_to(self, position: int) -> None:
        self.cursor = self._count - 1 if position < 0 else position

    def action_choose(self) -> None:
        if self._count:
            self.post_message(self.Chosen(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        position = event.y + self.scroll_offset.y
        if 0 <= position < self._count:
            self.cursor = position
            self.post_message(self.Clicked(self, position))


class ItemList(RowList, Generic[ItemT]):
    """Rows of which each stands for an item at hand."""

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.items: list[ItemT] = []

    def show(self, items: list[ItemT]) -> None:
        """Show these, from the first on."""
        self.items = items
        self.set_count(len(items))

    @property
    def current(self) -> ItemT | None:
        """The item the cursor is on, None on an empty list."""
        return self.items[self.cursor] if self.cursor < len(self.items) else None
