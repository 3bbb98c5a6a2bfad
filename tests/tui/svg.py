"""A screenshot as Textual exports it, made to look right wherever it is shown.

Textual's SVG loads its font from a server, which a picture inside a page (GitHub's, for one) is not allowed
to do; it gives every character one cell, which squeezes Chinese and Japanese; and it draws half-block
pictures with the letters of whatever font there is, which leaves gaps. Here the fonts are those of the
reader's machine, wide characters have two cells, and block characters are rectangles.
"""

from __future__ import annotations

import html
import re
from itertools import groupby

from rich.cells import cell_len

FONTS = (
    'ui-monospace, "Cascadia Mono", "SF Mono", Menlo, Consolas, '
    '"DejaVu Sans Mono", "Liberation Mono", monospace'
)
# What Rich's template gives a cell, in pixels of the picture.
CELL_WIDTH = 12.2
CELL_HEIGHT = 24.4
# From the line on which letters stand up to the top of their cell.
ABOVE_BASELINE = 18.5

_FONT_FACE = re.compile(r"\s*@font-face \{[^}]*\}")
_FONT = re.compile(r"font-family: (?:Fira Code, monospace|arial);")
_NUMBER = re.compile(r"terminal-\d+")
_TEXT = re.compile(
    r'<text class="(?P<style>[^"]*)" x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)" textLength="[\d.]+" '
    r'(?P<clip>clip-path="[^"]*")>(?P<text>[^<]*)</text>'
)
# The part of its cell each block character fills: left, top, right, bottom as shares.
_BLOCKS: dict[str, tuple[float, float, float, float]] = {
    "█": (0, 0, 1, 1),
    "▀": (0, 0, 1, 0.5),
    "│": (0.46, 0, 0.54, 1),
    **{char: (0, 1 - eighths / 8, 1, 1) for eighths, char in enumerate("▁▂▃▄▅▆▇", start=1)},
    **{char: (0, 0, eighths / 8, 1) for eighths, char in enumerate("▏▎▍▌▋▊▉", start=1)},
}


def finished(svg: str) -> str:
    """The SVG with the reader's fonts, right widths and drawn blocks; the same screen gives the same text."""
    # The number is derived from the content by Rich and would change with everything.
    svg = _NUMBER.sub("terminal", svg)
    svg = _FONT_FACE.sub("", svg)
    svg = _FONT.sub(f"font-family: {FONTS};", svg)
    return _TEXT.sub(_drawn, svg)


def _drawn(match: re.Match[str]) -> str:
    text = html.unescape(match["text"])
    x, y = float(match["x"]), float(match["y"])
    pieces = []
    for (block, wide), group in groupby(text, key=lambda char: (_BLOCKS.get(char), cell_len(char) > 1)):
        run = "".join(group)
        width = round(CELL_WIDTH * cell_len(run), 2)
        if block is not None:
            pieces.append(_rectangles(match["style"], x, y, block, len(run)))
        elif run.strip():
            pieces.append(_words(match, run, x, width, wide=wide))
        x = round(x + width, 2)
    return "".join(pieces)


def _words(match: re.Match[str], run: str, x: float, width: float, *, wide: bool) -> str:
    style, y, clip = match["style"], match["y"], match["clip"]
    if not wide:
        shown = html.escape(run).replace(" ", "\xa0").replace("\xa0", "&#160;")
        return f'<text class="{style}" x="{x:g}" y="{y}" textLength="{width:g}" {clip}>{shown}</text>'
    # Each wide letter stands in the middle of its two cells: no font makes it exactly as wide as them.
    return "".join(
        f'<text class="{style}" x="{x + (2 * place + 1) * CELL_WIDTH:g}" y="{y}" text-anchor="middle" {clip}>'
        f"{html.escape(char)}</text>"
        for place, char in enumerate(run)
    )


def _rectangles(style: str, x: float, y: float, block: tuple[float, float, float, float], cells: int) -> str:
    """A run of one block character; blocks as wide as their cell become one rectangle."""
    left, top, right, bottom = block
    upper, high = y - ABOVE_BASELINE + top * CELL_HEIGHT, (bottom - top) * CELL_HEIGHT
    spans = (
        [(x, cells * CELL_WIDTH)]
        if right - left == 1
        else [(x + (place + left) * CELL_WIDTH, (right - left) * CELL_WIDTH) for place in range(cells)]
    )
    return "".join(
        f'<rect class="{style}" x="{start:g}" y="{upper:g}" width="{wide:g}" height="{high:g}" '
        'shape-rendering="crispEdges"/>'
        for start, wide in spans
    )
