"""Screenshots show the same on every page and machine."""

from __future__ import annotations

import re

import pytest
from tests.tui.svg import CELL_HEIGHT, CELL_WIDTH, finished


def line(text: str, x: float = 0.0) -> str:
    """A piece of text as Rich writes it."""
    return (
        f'<text class="terminal-42-r1" x="{x:g}" y="20" textLength="{len(text) * CELL_WIDTH:g}" '
        f'clip-path="url(#terminal-42-line-0)">{text}</text>'
    )


def test_nothing_is_loaded_from_elsewhere() -> None:
    svg = (
        "<svg><style>\n    @font-face {\n"
        '        font-family: "Fira Code";\n'
        '        src: url("https://fonts.example/f.woff2") format("woff2");\n    }\n'
        "    .terminal-42-matrix { font-family: Fira Code, monospace; }</style></svg>"
    )
    shown = finished(svg)
    assert "url(" not in shown
    assert "Fira" not in shown
    assert ", monospace;" in shown


def test_the_number_of_the_content_is_left_out() -> None:
    assert "42" not in finished(line("abc"))


def test_half_blocks_are_rectangles_that_touch() -> None:
    shown = finished(line("▀▀▀") + line("█", x=3 * CELL_WIDTH))
    assert "<text" not in shown
    found = [
        [float(number) for number in match]
        for match in re.findall(r'x="([\d.]+)" y="[\d.]+" width="([\d.]+)" height="([\d.]+)"', shown)
    ]
    (left, wide, high), (next_left, _, whole) = found
    assert left + wide == pytest.approx(next_left)
    assert high == pytest.approx(CELL_HEIGHT / 2)
    assert whole == pytest.approx(CELL_HEIGHT)


def test_blocks_narrower_than_their_cell_stay_apart() -> None:
    assert finished(line("▏▏")).count("<rect") == 2


def test_wide_letters_have_two_cells_and_what_follows_stands_behind_them() -> None:
    shown = finished(line("写真_1"))
    places = dict(re.findall(r'x="([\d.]+)"[^>]*>([^<]+)<', shown))
    assert {letter: round(float(x) / CELL_WIDTH, 2) for x, letter in places.items()} == {
        "写": 1.0,
        "真": 3.0,
        "_1": 4.0,
    }


def test_text_keeps_its_escapes() -> None:
    assert "a&lt;b&#160;&amp;" in finished(line("a&lt;b&#160;&amp;"))
