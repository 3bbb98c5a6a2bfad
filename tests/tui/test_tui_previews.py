"""A bulk action is what its preview showed: no photo that came since, and none that has changed."""

from __future__ import annotations

import os

import pytest
from tests.tui.driving import driving, loaded, screen_text, until
from tests.tui.fake_server import running
from tests.tui.sample import data
from tests.tui.sample.sidecar import SampleSidecar

from smartsort.api.schemas.decisions import BulkActionResult
from smartsort_tui.decisions import left_text
from smartsort_tui.screens.preview import Preview, bulk_preview, bulk_text

ROUNDS = int(os.environ.get("SMARTSORT_TEST_ROUNDS", "4"))


@pytest.mark.parametrize(
    ("key", "done"), [("r", "decided"), ("s", "deferred"), ("a", "decided"), ("2", "decided")]
)
async def test_fifty_arrivals_later_exactly_the_previewed_photos_are_done(key: str, done: str) -> None:
    for time in range(max(1, ROUNDS // 4)):
        with running(SampleSidecar(6 + time)) as server:
            sidecar = server.fake.sidecar
            async with driving(url=server.url) as pilot:
                await loaded(pilot)
                await pilot.press("M", key)
                await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "the preview")
                shown = [one for one in range(1, 7 + time) if key != "a" or data.suggestions(one)]
                for _ in range(50):
                    sidecar.arrive()
                await pilot.press("enter")
                await until(pilot, lambda: "takes it back" in screen_text(pilot), "the end")
            assert sorted(getattr(sidecar, done)) == shown
            assert len(sidecar.pending) == 50 + 6 + time - (len(shown) if done == "decided" else 0)


async def test_what_was_left_alone_is_told() -> None:
    sidecar = SampleSidecar(10)
    async with driving(sidecar) as pilot:
        await loaded(pilot)
        await pilot.press("M", "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "the preview")
        sidecar.decide_as_somebody(4)
        await pilot.press("enter")
        await until(
            pilot, lambda: "9 photos rejected, 1 left alone (it was decided" in screen_text(pilot), "words"
        )
    assert sidecar.decided[4].kind == "approved"


async def test_a_preview_is_taken_back_exactly() -> None:
    sidecar = SampleSidecar(10)
    async with driving(sidecar) as pilot:
        await loaded(pilot)
        await pilot.press("m", "m", "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "the preview")
        await pilot.press("enter")
        await until(pilot, lambda: len(sidecar.decided) == 2, "the rejections")
        await until(pilot, lambda: "takes it back" in screen_text(pilot), "the words")
        await pilot.press("u")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "what would be taken back")
        await pilot.press("enter")
        await until(pilot, lambda: not sidecar.decided, "the undo")


def test_what_an_approval_leaves_out_is_told_by_its_kind() -> None:
    foreseen = BulkActionResult.model_validate(
        {
            "decided": [
                {"id": 1, "action": "would_approve", "destination": "faces/nadia/a.jpg"},
                {"id": 2, "action": "excluded"},
                {"id": 3, "action": "excluded"},
            ],
            "done": 1,
            "failed": 0,
            "excluded": 2,
            "counts": {"strangers": 2, "groups": 1},
            "preview": "token",
        }
    )
    text = bulk_text("approve", foreseen).plain
    assert "2 photos left out (i includes them)" in text
    assert "2  of strangers" in text
    assert "1  of groups" in text
    assert text.count("faces/nadia/") == 1
    assert bulk_preview("approve", foreseen).check_action("include", ())
    foreseen.excluded = 0
    assert not bulk_preview("approve", foreseen).check_action("include", ())
    assert left_text(foreseen) == ""
