"""What the terminal can show, asked once before the screen is taken over.

textual-image asks by itself when it is imported, with a time-out of 100 ms: over a slow line the reply comes
late and is read as key presses. Here the questions go out first, then the slow imports run, and the reply to
the last question, which every terminal knows (DA1), says that no other reply will follow.
"""

# ruff: noqa: PLC0415  (these modules exist on POSIX only)
from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal

Colours = Literal["truecolor", "256", "16"]
ColourMode = Literal["auto", "truecolor", "256", "16"]
Images = Literal["kitty", "sixel", "halfblocks", "none"]
ImageMode = Literal["auto", "kitty", "sixel", "halfblocks", "none"]

_GRAPHICS_QUERY = "\x1b_Gi=4242,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
_CELL_SIZE_QUERY = "\x1b[16t"
_ATTRIBUTES_QUERY = "\x1b[c"
# Capabilities RGB, Tc and Co (XTGETTCAP). The colour that was set (DECRQSS), name and version (XTVERSION).
_COLOUR_QUERIES = "".join(f"\x1bP+q{name}\x1b\\" for name in ("524742", "5463", "436f"))
_SET_COLOUR_QUERY = "\x1b[48:2:1:2:3m\x1bP$qm\x1b\\\x1b[0m"
_VERSION_QUERY = "\x1b[>q"
QUESTIONS = (
    _COLOUR_QUERIES + _SET_COLOUR_QUERY + _VERSION_QUERY
    + _GRAPHICS_QUERY + _CELL_SIZE_QUERY + _ATTRIBUTES_QUERY
)  # fmt: skip
# These show questions they do not know as letters, or have no colours to ask for.
SIMPLE_TERMINALS = ("", "dumb", "linux", "vt100", "vt220")

_ATTRIBUTES = re.compile(rb"\x1b\[\?([0-9;]*)c")
_CELL_SIZE = re.compile(rb"\x1b\[6;(\d+);(\d+)t")
_GRAPHICS = re.compile(rb"\x1b_Gi=4242;([^\x1b]*)\x1b\\")
_TRUE_COLOUR = re.compile(rb"\x1bP1\+r(?:524742|5463)|\x1bP1\$r[0-9;:]*48[:;]2[:;]+(?:0?[:;])?1[:;]2[:;]3")
_COLOUR_COUNT = re.compile(rb"\x1bP1\+r436f=((?:[0-9a-f]{2})+)", re.IGNORECASE)
_TMUX = re.compile(rb"\x1bP>\|tmux ")
# Attribute 4 of DA1: the terminal draws sixels.
_SIXEL = b"4"
# Textual's names.
_SYSTEMS: dict[str, Colours] = {"truecolor": "truecolor", "256": "256", "standard": "16"}
DEFAULT_CELL = (10, 20)


@dataclass(frozen=True, slots=True)
class Terminal:
    """How pictures are drawn, and how many pixels a character cell has."""

    images: Images
    cell: tuple[int, int] = DEFAULT_CELL
    colours: Colours = "truecolor"


def understood(replies: bytes) -> tuple[bool, bool, tuple[int, int] | None]:
    """Kitty graphics, sixel, and the cell size, from the terminal's replies."""
    kitty = any(match[1].startswith(b"OK") for match in _GRAPHICS.finditer(replies))
    sixel = any(_SIXEL in match[1].split(b";")[1:] for match in _ATTRIBUTES.finditer(replies))
    size = _CELL_SIZE.search(replies)
    cell = (int(size[2]), int(size[1])) if size else None
    return kitty, sixel, cell if cell and all(cell) else None


def choose(
    mode: ImageMode,
    replies: bytes,
    env: Mapping[str, str],
    cell: tuple[int, int] | None,
    colours: ColourMode = "auto",
) -> Terminal:
    """Return the way to draw pictures.

    Pure. `cell` is what the system says, the terminal's own reply wins.
    """
    kitty, sixel, replied = understood(replies)
    size = replied or cell or DEFAULT_CELL
    depth = colours_of(replies, env) if colours == "auto" else colours
    if mode != "auto":
        return Terminal(mode, size, depth)
    # Konsole and WezTerm claim Kitty graphics but lack its Unicode placeholders. Both know sixel.
    if sixel:
        return Terminal("sixel", size, depth)
    if kitty:
        return Terminal("kitty", size, depth)
    colourless = bool(env.get("NO_COLOR")) or env.get("TERM", "") in SIMPLE_TERMINALS
    return Terminal("none" if colourless else "halfblocks", size, depth)


def colours_of(replies: bytes, env: Mapping[str, str]) -> Colours:
    """Return how many colours the terminal shows. Pure.

    Its own reply counts more than TERM: `docker exec` makes it xterm, and SSH leaves COLORTERM out.
    """
    if (said := _SYSTEMS.get(env.get("TEXTUAL_COLOR_SYSTEM", ""))) is not None:
        return said
    term = env.get("TERM", "")
    if env.get("COLORTERM", "").lower() in ("truecolor", "24bit") or term.endswith("-direct"):
        return "truecolor"
    # tmux answers none of these questions. It takes every colour and shows the nearest its own terminal has.
    if _TRUE_COLOUR.search(replies) or _TMUX.search(replies):
        return "truecolor"
    if (count := _COLOUR_COUNT.search(replies)) is not None:
        number = bytes.fromhex(count[1].decode())
        return "256" if number.isdigit() and int(number) >= 256 else "16"
    return "16" if term in SIMPLE_TERMINALS or term.endswith("-16color") else "256"


def tell(colours: Colours, env: MutableMapping[str, str]) -> None:
    """Have the libraries draw in so many colours: they ask the environment, once, when they start."""
    env.pop("COLORTERM", None)
    if colours == "truecolor":
        env["COLORTERM"] = "truecolor"
    else:
        env["TERM"] = f"xterm-{colours}color"


class Probe:
    """Asks at once, answers later: what is imported in between costs no waiting."""

    def __init__(self, mode: ImageMode, colours: ColourMode = "auto") -> None:
        self._wish: ImageMode = mode
        self._colours: ColourMode = colours
        self._descriptor: int | None = None
        self._saved: list[Any] | None = None
        has_question = mode not in ("halfblocks", "none") or (colours == "auto" and mode != "none")
        if has_question and os.environ.get("TERM", "") not in SIMPLE_TERMINALS and _is_terminal():
            self._ask()

    def _ask(self) -> None:
        import termios
        import tty

        descriptor = sys.__stdin__.fileno()  # type: ignore[union-attr]
        try:
            self._saved = termios.tcgetattr(descriptor)
            tty.setcbreak(descriptor, termios.TCSANOW)
        except termios.error:
            return
        self._descriptor = descriptor
        os.write(sys.__stdout__.fileno(), QUESTIONS.encode())  # type: ignore[union-attr]

    def answer(self, timeout_seconds: float = 1.0) -> Terminal:
        """Return what the terminal can do.

        Waits at most the time-out, and drops a reply that is later still.
        """
        replies = self._replies(timeout_seconds)
        return choose(self._wish, replies, os.environ, _cell_of_system(), self._colours)

    def _replies(self, timeout_seconds: float) -> bytes:
        if self._descriptor is None:
            return b""
        import select
        import termios

        replies = b""
        end = time.monotonic() + timeout_seconds
        try:
            while not _ATTRIBUTES.search(replies) and (left := end - time.monotonic()) > 0:
                ready, _, _ = select.select([self._descriptor], [], [], left)
                if not ready or not (piece := os.read(self._descriptor, 1024)):
                    break
                replies += piece
            if not _ATTRIBUTES.search(replies):
                termios.tcflush(self._descriptor, termios.TCIFLUSH)
        finally:
            if self._saved is not None:
                termios.tcsetattr(self._descriptor, termios.TCSANOW, self._saved)
            self._descriptor = None
        return replies


def _is_terminal() -> bool:
    return bool(
        sys.platform != "win32"
        and sys.__stdin__
        and sys.__stdout__
        and sys.__stdin__.isatty()
        and sys.__stdout__.isatty()
    )


def _cell_of_system() -> tuple[int, int] | None:
    """Pixels per cell as the pseudo-terminal knows them, None where it does not (often over SSH)."""
    if not _is_terminal():
        return None
    import fcntl
    import struct
    import termios

    try:
        packed = fcntl.ioctl(sys.__stdout__.fileno(), termios.TIOCGWINSZ, bytes(8))  # type: ignore[union-attr]
    except OSError:
        return None
    rows, columns, width, height = struct.unpack("HHHH", packed)
    if not (rows and columns and width and height):
        return None
    return max(1, width // columns), max(1, height // rows)


@contextlib.contextmanager
def quiet_import(cell: tuple[int, int]) -> Iterator[None]:
    """While textual-image is imported: standard output is no terminal, so it asks nothing.

    It takes the cell size from the two variables.
    """
    real = sys.__stdout__
    os.environ["TEXTUAL_CELL_WIDTH"], os.environ["TEXTUAL_CELL_HEIGHT"] = map(str, cell)
    try:
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            sys.__stdout__ = nowhere  # type: ignore[misc]
            yield
    finally:
        sys.__stdout__ = real  # type: ignore[misc]
