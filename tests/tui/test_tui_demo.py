"""The whole way: a sidecar beside the demo Immich, reviewed over HTTP by keyboard from start to empty."""

from __future__ import annotations

import statistics
from pathlib import Path
from time import monotonic

import pytest
from tests.live_sidecar import NOTHING_BY_ITSELF, REVIEW_TOKEN, TOKEN, live_sidecar
from tests.tui.driving import current, driving, loaded, press_keys, screen_text, shown, until
from textual.pilot import Pilot

from smartsort.core.naming import folder_name
from smartsort.demo.samples import Sample, make_samples
from smartsort_tui.screens.review import ReviewScreen
from smartsort_tui.wording import TITLES

# As in the tests of the page: a busy machine may be as slow as it likes with a whole sidecar.
pytestmark = pytest.mark.timeout(600)

SAMPLES = 60


def keys_for(sample: Sample, named: set[str]) -> list[str]:
    """What a person presses who knows what is on a sample photo; `named` are the people Immich got by now."""
    if sample.kind == "far":
        return ["a"]
    if sample.category in ("low_confidence", "multiple_faces"):
        return ["1"]  # of two people who are close, or on it, one has to be chosen
    if sample.kind != "newcomer":
        return ["r"]
    [name] = sample.people
    if name in named:
        return ["P", *name[:2].lower(), "enter"]
    named.add(name)
    return ["N", *name, "enter"]


async def test_the_demo_queue_is_reviewed_by_keyboard_from_start_to_empty(tmp_path: Path) -> None:
    """Each photo as it is right, with one key mostly, and four for a person who is not suggested."""
    samples = {Path(s.path).name: s for s in make_samples(tmp_path / "same", SAMPLES, size=(320, 240))}
    pressed: dict[str, list[str]] = {}
    named: set[str] = set()
    with live_sidecar(tmp_path / "root", SAMPLES, machine_learning=True, settings=NOTHING_BY_ITSELF) as live:
        async with driving(url=live.url, token=REVIEW_TOKEN, images="halfblocks", size=(120, 40)) as pilot:
            screen = await loaded(pilot)
            start = len(screen.desk.queue)
            assert start >= 10
            decided = 0
            later: set[int] = set()
            while len(screen.desk.queue):
                await looked(pilot, screen)
                # From here to the key nothing else has a turn: it is meant for what stands there now.
                if (whole := shown(screen)) is None:
                    continue
                item = whole.id
                assert TITLES[whole.category] in screen.words.text
                if not later:
                    later.add(item)
                    await pilot.press("s")
                else:
                    keys = keys_for(samples[whole.filename], named)
                    name = (samples[whole.filename].people or ("",))[0]
                    pressed[whole.filename] = keys
                    await press_keys(pilot, keys, name)
                decided += 1
                await until(pilot, lambda item=item: current(screen) != item, "the next item")  # type: ignore[misc]
                await until(pilot, lambda: not screen.rows.refused, f"no refusal of {whole.filename}")
            await until(pilot, lambda: "Nothing waits" in screen_text(pilot), "the empty state")
            # The last answers may still be on their way.
            await until(
                pilot,
                lambda: all(not group.startswith("decisions") for group in _busy(pilot)),
                "the last decision",
            )
            assert screen.rows.refused == {}
            assert decided == start + len(later)
            assert later
        counts = live.client().get("/api/smart-download/review/stats").json()
        assert counts["total"] == 0
        for filename, sample in samples.items():
            if sample.kind in ("far", "twin", "newcomer"):
                [name] = sample.people
                assert (live.root / "faces" / folder_name(name) / filename).exists(), filename
    assert statistics.median(map(len, pressed.values())) == 1
    picked = [keys for keys in pressed.values() if keys[0] == "P"]
    assert picked
    assert max(map(len, picked)) <= 4


async def looked(pilot: Pilot[None], screen: ReviewScreen) -> None:
    """Until all of a photo is shown and a person can have seen it; keys before that decide nothing."""
    await until(
        pilot,
        lambda: shown(screen) is not None and monotonic() > screen.sight._since,
        "a look",
    )


def _busy(pilot: object) -> list[str]:
    return [worker.group for worker in pilot.app.workers if not worker.is_finished]  # type: ignore[attr-defined]


async def test_the_areas_of_the_demo(tmp_path: Path) -> None:
    with live_sidecar(tmp_path, 20, settings=NOTHING_BY_ITSELF) as live:
        async with driving(url=live.url, token=TOKEN, images="halfblocks", size=(120, 50)) as pilot:
            screen = await loaded(pilot)
            await until(pilot, lambda: "● connected" in screen_text(pilot), "the event stream")
            await looked(pilot, screen)
            await pilot.press("r")
            await until(pilot, lambda: "u takes it back" in screen_text(pilot), "the rejection")
            before = len(screen.desk.queue)
            await pilot.press("u")
            await until(pilot, lambda: len(screen.desk.queue) == before + 1, "the undo")
            await until(pilot, lambda: "undone" in screen_text(pilot), "its words")
            await pilot.press("f2")
            await until(pilot, lambda: "sorted by themselves" in screen_text(pilot), "the statistics")
            await pilot.press("f3")
            await until(pilot, lambda: "undone" in screen_text(pilot), "the activity")
            await pilot.press("f4")
            await until(pilot, lambda: "John Doe" in screen_text(pilot), "the people")
            await pilot.press("f5")
            await until(pilot, lambda: "sorting is on" in screen_text(pilot), "the configuration")
            await pilot.press("f6")
            await until(pilot, lambda: "nothing is changed" in screen_text(pilot), "the form")
            await pilot.press("f8")
            await until(pilot, lambda: "sorting is off" in screen_text(pilot), "the switch")
            await until(pilot, lambda: "The doctor says" in screen_text(pilot), "the doctor")
