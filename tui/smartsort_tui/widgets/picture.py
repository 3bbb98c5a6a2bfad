"""The pane that shows the picture: fetched and drawn ahead, off the user interface's thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.segment import Segment
from textual.app import ComposeResult
from textual.containers import Container
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from smartsort_tui.api import ApiProblem, NotThere
from smartsort_tui.terminal import Terminal

if TYPE_CHECKING:
    from smartsort_tui.pictures import BoundedStore, Box, Frame

# Bytes as they came; a preview has about 300 kB.
FETCHED_BYTES = 12 * 1024 * 1024
# Drawn pictures: the one shown and a few ahead and behind.
DRAWN_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """A picture to show: one path, or two for copies side by side; `caption` says which is which."""

    paths: tuple[str, ...]
    boxes: tuple[Box, ...] = ()
    caption: str = ""


class PictureSource:
    """Bytes of pictures, each fetched once while it is remembered."""

    def __init__(self, fetch: Callable[[str], Awaitable[bytes]]) -> None:
        from smartsort_tui.pictures import BoundedStore

        self._fetch = fetch
        self._held: BoundedStore[bytes] = BoundedStore(FETCHED_BYTES)
        self._fetching: dict[str, asyncio.Task[bytes]] = {}

    async def get(self, path: str) -> bytes:
        """The picture's bytes. Raises ApiProblem."""
        held = self._held.get(path)
        if held is not None:
            return held
        task = self._fetching.get(path)
        if task is None:
            task = self._fetching[path] = asyncio.create_task(self._fetched(path))
        return await asyncio.shield(task)

    async def _fetched(self, path: str) -> bytes:
        try:
            data = await self._fetch(path)
            self._held.put(path, data, len(data))
            return data
        finally:
            self._fetching.pop(path, None)


class HalfBlocks(Widget):
    """Lines of half-block characters, drawn before they get here."""

    DEFAULT_CSS = "HalfBlocks { width: 100%; height: 100%; }"

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[list[Segment]] = []

    def set_lines(self, lines: list[list[Segment]]) -> None:
        self._lines = lines
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        top = max(0, (height - len(self._lines)) // 2)
        blank = self.rich_style
        if not top <= y < top + len(self._lines):
            return Strip.blank(width, blank)
        line = Strip(self._lines[y - top])
        left = max(0, (width - line.cell_length) // 2)
        return Strip([Segment(" " * left, blank), *line]).adjust_cell_length(width, blank)


class PicturePane(Container):
    """One picture, its caption, or in words why there is none."""

    DEFAULT_CSS = """
    PicturePane {
        background: $background;
        & > #picture-caption { height: 1; width: 100%; color: $text-muted; text-align: center; display: none; }
        & > #picture-note { height: 1fr; width: 100%; content-align: center middle; color: $text-muted; padding: 0 1; }
        & > #picture-place { height: 1fr; width: 100%; align: center middle; }
    }
    """

    def __init__(self, terminal: Terminal, source: PictureSource, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._terminal = terminal
        self._source = source
        self._request: Request | None = None
        self._shown: tuple[Request, Frame] | None = None
        self._drawn: BoundedStore[Any] | None = None
        self.waits = 0
        """How often a picture was not ready when it was asked for."""

    def compose(self) -> ComposeResult:
        yield Static("", id="picture-caption", markup=False)
        yield Static("", id="picture-note", markup=False)
        with Container(id="picture-place"):
            if self._terminal.images == "halfblocks":
                yield HalfBlocks()
            elif self._terminal.images != "none":
                yield _graphics(self._terminal)

    def on_mount(self) -> None:
        self._note("")

    def on_resize(self) -> None:
        if self._request is not None:
            self.show(self._request)

    def show(self, request: Request | None) -> None:
        """Show this picture as soon as it is there; until then none, never a wrong one."""
        self._request = request
        if self._terminal.images == "none":
            return
        if request is None:
            self.workers.cancel_group(self, "picture")
            self._clear("")
            return
        frame = self._frame(request)
        if frame is None or self._shown == (request, frame):
            return
        ready = self._store.get((request, frame))
        if ready is not None:
            self.workers.cancel_group(self, "picture")
            self._put(request, frame, ready)
            return
        self.waits += 1
        self._clear("…")
        self.run_worker(partial(self._load, request, frame), group="picture", exclusive=True, exit_on_error=False)

    def prefetch(self, request: Request) -> None:
        """Have this picture ready; a later call takes the place of an unfinished one."""
        frame = self._frame(request)
        if frame is not None and self._store.get((request, frame)) is None:
            self.run_worker(
                partial(self._prepared, request, frame), group="picture-ahead", exclusive=True, exit_on_error=False
            )

    @property
    def _store(self) -> BoundedStore[Any]:
        if self._drawn is None:
            from smartsort_tui.pictures import BoundedStore

            self._drawn = BoundedStore(DRAWN_BYTES)
        return self._drawn

    def _frame(self, request: Request) -> Frame | None:
        """The room there is; None while there is none."""
        from smartsort_tui.pictures import Frame

        width, height = self.size
        height -= 1 if request.caption else 0
        if self._terminal.images == "none" or width < 4 or height < 2:
            return None
        return Frame(width, height, self._terminal.cell)

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
        """The picture as the terminal takes it. Raises ApiProblem or Undecodable."""
        from smartsort_tui import pictures

        key = (request, frame)
        ready = self._store.get(key)
        if ready is None:
            data = await asyncio.gather(*(self._source.get(path) for path in request.paths))
            draw = pictures.half_blocks if self._terminal.images == "halfblocks" else pictures.drawn
            ready = await asyncio.to_thread(draw, data, request.boxes, frame)
            self._store.put(key, ready, _weight(ready))
        return ready

    def _put(self, request: Request, frame: Frame, ready: Any) -> None:
        self._shown = (request, frame)
        self._caption(request.caption)
        self._note(None)
        place = self.query_one("#picture-place").children[0]
        if isinstance(place, HalfBlocks):
            place.set_lines(ready)
            return
        columns = max(1, round(ready.width / self._terminal.cell[0]))
        rows = max(1, round(ready.height / self._terminal.cell[1]))
        place.styles.width, place.styles.height = columns, rows
        place.image = ready  # type: ignore[attr-defined]

    def _clear(self, note: str) -> None:
        self._shown = None
        self._note(note)

    def _note(self, text: str | None) -> None:
        """Words instead of a picture; None shows the picture."""
        self.query_one("#picture-note", Static).update(text or "")
        self.query_one("#picture-note").display = text is not None
        self.query_one("#picture-place").display = text is None

    def _caption(self, text: str) -> None:
        caption = self.query_one("#picture-caption", Static)
        caption.update(text)
        caption.display = bool(text)


def _graphics(terminal: Terminal) -> Widget:
    """The widget for the protocol that was chosen; textual-image's own guess is not asked."""
    from textual_image.widget import SixelImage, TGPImage

    return SixelImage() if terminal.images == "sixel" else TGPImage()


def _weight(ready: Any) -> int:
    """Bytes a drawn picture holds, roughly."""
    if isinstance(ready, list):
        return sum(200 * len(line) for line in ready)
    return int(ready.width * ready.height * 3)
