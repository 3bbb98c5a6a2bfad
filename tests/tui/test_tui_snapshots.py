"""Every screen as SVG, compared with what is kept in `snapshots`; the documentation shows some of them.

After a change that is meant: python -m tests.tui.screenshots --all tests/tui/snapshots
and python -m tests.tui.screenshots sidecar/docs/images; then look at them.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from tests.tui.screenshots import SHOTS, SHOWN, Shot, take

SNAPSHOTS = Path(__file__).parent / "snapshots"
IMAGES = Path(__file__).parents[2] / "sidecar" / "docs" / "images"


def text_of(svg: str) -> str:
    """The words of a picture, for a readable difference."""
    words = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    return "\n".join(html.unescape(word).rstrip() for word in words)


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
async def test_the_screen_is_as_it_was(shot: Shot) -> None:
    kept = (SNAPSHOTS / f"{shot.name}.svg").read_text(encoding="utf-8")
    taken = await take(shot)
    assert text_of(taken) == text_of(kept)
    assert taken == kept


@pytest.mark.parametrize("name", SHOWN)
def test_the_documentation_shows_what_is_tested(name: str) -> None:
    shown = (IMAGES / f"{name}.svg").read_text(encoding="utf-8")
    assert shown == (SNAPSHOTS / f"{name}.svg").read_text(encoding="utf-8")


def test_nothing_is_kept_that_no_screen_makes() -> None:
    assert sorted(path.stem for path in SNAPSHOTS.glob("*.svg")) == sorted(shot.name for shot in SHOTS)


def test_every_picture_is_shown_in_the_documentation() -> None:
    text = (IMAGES.parent / "reference" / "terminal-ui.md").read_text(encoding="utf-8")
    assert [name for name in SHOWN if f"images/{name}.svg" not in text] == []


def test_the_readme_shows_a_picture_that_is_there() -> None:
    root = IMAGES.parents[2]
    shown = re.findall(
        r"!\[[^\]]+\]\((sidecar/docs/images/[^)]+)\)", (root / "README.md").read_text(encoding="utf-8")
    )
    assert shown
    assert [path for path in shown if not (root / path).is_file()] == []


@pytest.mark.parametrize("name", SHOWN)
def test_a_picture_loads_nothing_from_elsewhere(name: str) -> None:
    svg = (IMAGES / f"{name}.svg").read_text(encoding="utf-8")
    assert "@font-face" not in svg
    assert re.search(r"(?:href|src)=|@import", svg) is None
    assert set(re.findall(r"url\(([^)]*)\)", svg)) <= set(re.findall(r"url\((#[^)]*)\)", svg))
