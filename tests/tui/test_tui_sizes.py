"""Terminals that change their size: the text is that of the size there is, and the focus stays."""

from __future__ import annotations

import pytest
from tests.tui.driving import current, driving, loaded, screen_text, until
from tests.tui.sample.sidecar import SampleSidecar
from tests.tui.screenshots import settled

from smartsort_tui.screens.dialogs import PersonPicker


async def text_after(
    before: tuple[str, ...], after: tuple[str, ...], first: tuple[int, int], last: tuple[int, int]
) -> str:
    """The screen of a terminal that had another size between the keys before and after."""
    async with driving(SampleSidecar(40, busy=True), size=first) as pilot:
        app = pilot.app
        for key in ("", *before):
            await pilot.press(*[key] * bool(key))
            await settled(app)  # type: ignore[arg-type]
        if first != last:
            await pilot.resize_terminal(*last)
        for key in ("", *after):
            await pilot.press(*[key] * bool(key))
            await settled(app)  # type: ignore[arg-type]
        return screen_text(pilot)


_TEXTS: dict[tuple[tuple[str, ...], tuple[str, ...], tuple[int, int]], str] = {}
"""What a terminal shows that always had its size."""


SMALLER, OUT_OF_NOTHING, NARROWER = ((200, 50), (80, 24)), ((20, 5), (80, 24)), ((80, 24), (60, 20))


@pytest.mark.parametrize(
    ("before", "after", "sizes"),
    [
        (("n",) * 4, (), SMALLER),
        (("n",) * 4, (), OUT_OF_NOTHING),
        (("n",) * 4, (), NARROWER),
        (("w",), ("escape",), OUT_OF_NOTHING),
        (("f2", "f1"), ("f2",), SMALLER),
        (("f3", "f1"), ("f3",), NARROWER),
        (("c", "f1"), ("c",), OUT_OF_NOTHING),
        (("f5", "f1"), ("f5",), SMALLER),
        (("n", "f4"), ("f1",), NARROWER),
    ],
)
async def test_another_size_gives_the_text_of_that_size(
    before: tuple[str, ...], after: tuple[str, ...], sizes: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    first, last = sizes
    key = (before, after, last)
    if key not in _TEXTS:
        _TEXTS[key] = await text_after(before, after, last, last)
    assert await text_after(before, after, first, last) == _TEXTS[key]


async def test_the_focus_survives_a_terminal_too_small() -> None:
    sidecar = SampleSidecar(40)
    async with driving(sidecar, size=(80, 24)) as pilot:
        screen = await loaded(pilot)
        await pilot.press("P")
        await pilot.resize_terminal(20, 5)
        await pilot.resize_terminal(80, 24)
        assert isinstance(pilot.app.screen, PersonPicker)
        await until(pilot, lambda: pilot.app.focused is not None, "the field to have the focus")
        await pilot.press(*"sar")
        await until(pilot, lambda: "Sarah" in screen_text(pilot), "the person")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.focused is screen.rows, "the list to have the focus")
        await pilot.press("down")
        await until(pilot, lambda: current(screen) == 39, "the next photo")
        for _ in range(2):
            await pilot.resize_terminal(20, 5)
            await pilot.press("question_mark", "escape")
            await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: pilot.app.focused is screen.rows, "the list to have the focus")
