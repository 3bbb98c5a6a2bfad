"""The pane that shows the picture: fetched and drawn ahead, off the user interface's thread."""

# ruff: noqa: PLC0415  (Pillow comes after the first picture of the queue)
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

from smartsort_tui.api import ApiProblem, NotThere
from smartsort_tui.background import ended, work
from smartsort_tui.store import BoundedStore
from smartsort_tui.terminal import Terminal

if TYPE_CHECKING:
    from smartsort_tui.base import BaseApp
    from smartsort_tui.keyboard import Sight
    from smartsort_tui.pictures import Box, Frame

# Bytes as they came. A preview has about 300 kB.
FETCHED_BYTES = 12 * 1024 * 1024
# Drawn pictures: the one shown and a few ahead and behind.
DRAWN_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """A picture to show: one path, or two for copies side by side. `caption` says which is which."""

    paths: tuple[str, ...]
    boxes: tuple[Box, ...] = ()
    caption: str = ""
    crop: Box | None = None
    """The face to show of the first one, instead of all of it."""


class PictureSource:
    """Bytes of pictures, each fetched once while it is remembered."""

    def __init__(self, fetch: Callable[[str], Awaitable[bytes]]) -> None:
        self._fetch = fetch
        self._held: BoundedStore[bytes] = BoundedStore(FETCHED_BYTES)
        self._fetching: dict[str, asyncio.Task[bytes]] = {}

    async def get(self, path: str) -> bytes:
        """Return the picture's bytes. Raises ApiProblem."""
        held = self._held.get(path)
        if held is not None:
            return held
        task = self._fetching.get(path)
        if task is None:
            task = self._fetching[path] = asyncio.create_task(self._fetched(path))
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """End what is still being fetched."""
        await ended(self._fetching.values())

    async def _fetched(self, path: str) -> bytes:
        try:
            data = await self._fetch(path)
            self._held.put(path, data, len(data))
            return data
        finally:
            self._fetching.pop(path, None)


class Drawing(Widget):
    """A picture of half-block characters drawn before it gets here, or words, with a caption above it.

    Neither changes the layout: a new picture costs its own lines and nothing else.
    """

    DEFAULT_CSS = "Drawing { width: 100%; height: 1fr; color: $foreground-muted; }"

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[list[Segment]] = []
        self._caption = ""

    def draw(self, lines: list[list[Segment]], caption: str) -> None:
        self._lines, self._caption = lines, caption
        self.refresh()

    def write(self, text: str) -> None:
        """Words in place of a picture, wrapped."""
        width = max(1, self.size.width - 2)
        wrapped = [line.plain for line in Content(text).wrap(width)] if text else []
        self.draw([[Segment(line, self.rich_style)] for line in wrapped], "")

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        blank = self.rich_style
        above = 1 if self._caption else 0
        if above and y == 0:
            return _centred(Strip([Segment(self._caption, blank)]), width, blank)
        top = above + max(0, (height - above - len(self._lines)) // 2)
        if not top <= y < top + len(self._lines):
            return Strip.blank(width, blank)
        return _centred(Strip(self._lines[y - top]), width, blank)


def _centred(line: Strip, width: int, blank: Style) -> Strip:
    left = max(0, (width - line.cell_length) // 2)
    # What has no colour of its own is background, in a light theme too.
    coloured = [segment if segment.style else Segment(segment.text, blank) for segment in line]
    return Strip([Segment(" " * left, blank), *coloured]).adjust_cell_length(width, blank)


class PicturePane(Container):
    """One picture, its caption, or in words why there is none."""

    DEFAULT_CSS = """
    PicturePane {
        background: $background;
        & > #picture-place { height: 1fr; width: 100%; align: center middle; display: none; }
        &.-graphics > #picture-place { display: block; }
        &.-graphics > Drawing { height: auto; max-height: 1; display: none; }
        &.-graphics.-captioned > Drawing { display: block; height: 1; }
    }
    """

    def __init__(self, app: BaseApp, *, id: str, sight: Sight | None = None) -> None:  # noqa: A002
        """`sight`: no key counts while the picture is on its way."""
        super().__init__(id=id)
        self._sight = sight
        self._terminal = app.terminal
        self._source = PictureSource(app.fetch_picture)
        self._request: Request | None = None
        self._shown: tuple[Request, Frame] | None = None
        self._store: BoundedStore[Any] = BoundedStore(DRAWN_BYTES)
        self.waits = 0
        """How often a picture was not ready when it was asked for."""

    def compose(self) -> ComposeResult:
        yield Drawing()
        if self._terminal.images in ("kitty", "sixel"):
            with Container(id="picture-place"):
                yield _graphics(self._terminal)

    async def on_unmount(self) -> None:
        await self._source.aclose()

    def on_resize(self) -> None:
        if self._request is not None:
            self.show(self._request)

    def show(self, request: Request | None) -> None:
        """Show this picture as soon as it is there, until then none, never a wrong one."""
        self._request = request
        if self._terminal.images == "none":
            return
        if request is None:
            self.workers.cancel_group(self, "picture")
            self._clear("")
            return
        frame = self._frame(request)
        if frame is None or self._shown == (request, frame):
            self._awaits(False)
            return
        ready = self._store.get((request, frame))
        if ready is not None:
            self.workers.cancel_group(self, "picture")
            self._put(request, frame, ready)
            return
        self.waits += 1
        self._clear("…")
        self._awaits(True)
        work(self, "picture", self._load, request, frame, latest_only=True)

    def prefetch(self, request: Request) -> None:
        """Have this picture ready. A later call takes the place of an unfinished one."""
        frame = self._frame(request)
        if frame is not None and self._store.get((request, frame)) is None:
            work(self, "picture-ahead", self._prepared, request, frame, latest_only=True)

    def _frame(self, request: Request) -> Frame | None:
        """Return the room there is, None while there is none."""
        from smartsort_tui.pictures import Frame

        width, height = self.size
        height -= 1 if request.caption else 0
        if self._terminal.images == "none" or width < 4 or height < 2:
            return None
        return Frame(width, height, self._terminal.cell, self._terminal.colours)

    async def _load(self, request: Request, frame: Frame) -> None:
        from smartsort_tui.pictures import Undecodable

        try:
            ready = await self._prepared(request, frame)
        except Undecodable as problem:
            note = f"{problem}.\nIts file can still be filed or rejected."
        except NotThere:
            note = "There is no picture of this photo (yet)."
        except ApiProblem as problem:
            note = f"The picture did not come: {problem.detail}"
        else:
            if self._request == request:
                self._put(request, frame, ready)
            return
        if self._request == request:
            self._clear(note)

    async def _prepared(self, request: Request, frame: Frame) -> Any:
        """Return the picture as the terminal takes it. Raises ApiProblem or Undecodable."""
        from smartsort_tui import pictures

        key = (request, frame)
        ready = self._store.get(key)
        if ready is None:
            data = await asyncio.gather(*(self._source.get(path) for path in request.paths))
            draw = pictures.half_blocks if self._terminal.images == "halfblocks" else pictures.drawn
            ready = await asyncio.to_thread(draw, data, request.boxes, frame, request.crop)
            self._store.put(key, ready, _weight(ready))
        return ready

    def _put(self, request: Request, frame: Frame, ready: Any) -> None:
        self._shown = (request, frame)
        self._awaits(False)
        drawing = self.query_one(Drawing)
        if self._terminal.images == "halfblocks":
            drawing.draw(ready, request.caption)
            return
        drawing.draw([], request.caption)
        self.set_class(True, "-graphics")
        self.set_class(bool(request.caption), "-captioned")
        graphics = self.query_one("#picture-place").children[0]
        columns = max(1, round(ready.width / self._terminal.cell[0]))
        rows = max(1, round(ready.height / self._terminal.cell[1]))
        graphics.styles.width, graphics.styles.height = columns, rows
        graphics.image = ready  # type: ignore[attr-defined]

    def _clear(self, note: str) -> None:
        """Words instead of a picture."""
        self._shown = None
        self.remove_class("-graphics", "-captioned")
        self.query_one(Drawing).write(note)
        self._awaits(False)

    def _awaits(self, is_awaited: bool) -> None:
        if self._sight is not None:
            self._sight.awaits(is_awaited)


def _graphics(terminal: Terminal) -> Widget:
    """Return the widget for the protocol that was chosen. Textual-image's own guess is not asked."""
    from textual_image.widget import SixelImage, TGPImage

    return SixelImage() if terminal.images == "sixel" else TGPImage()


def _weight(ready: Any) -> int:
    """Bytes a drawn picture holds, roughly."""
    if isinstance(ready, list):
        return sum(200 * len(line) for line in ready)
    return int(ready.width * ready.height * 3)
