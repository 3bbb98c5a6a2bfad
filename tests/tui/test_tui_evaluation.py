"""Not this person, why, and spot checks."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.live_sidecar import NOTHING_BY_ITSELF, REVIEW_TOKEN, live_sidecar
from tests.tui.driving import current, driving, loaded, press_keys, screen_text, shown, shows, until
from tests.tui.sample import data
from tests.tui.sample.sidecar import SampleSidecar

from smartsort_tui.charts import result_text
from smartsort_tui.screens.dialogs import PersonPicker
from smartsort_tui.screens.near_misses import NearMissScreen
from smartsort_tui.screens.spot_checks import SpotCheckScreen
from smartsort_tui.screens.why import WhyScreen


async def test_the_first_suggestion_is_ruled_out_and_back_with_undo() -> None:
    sidecar = SampleSidecar(23)
    async with driving(sidecar) as pilot:
        screen = await loaded(pilot)
        first, second = (one.person for one in data.suggestions(23)[:2])
        await pilot.press("x")
        await until(pilot, lambda: f"is not {first.name} ·" in screen_text(pilot), "the words")
        await until(pilot, lambda: f"[1] {second.name}" in screen.words.text, "the others")
        assert current(screen) == 23
        assert len(screen.desk.queue) == 23
        await pilot.press("u")
        await until(pilot, lambda: f"[1] {first.name}" in screen.words.text, "the first again")
        assert sidecar.ruled_out[23] == set()
        assert current(screen) == 23


async def test_nobody_is_ruled_out_where_nobody_is_suggested() -> None:
    async with driving(SampleSidecar(4)) as pilot:
        screen = await loaded(pilot)
        assert screen.desk.item(4).suggestions == []  # type: ignore[union-attr]
        await pilot.press("x")
        await until(pilot, lambda: "there is no suggestion to rule out" in screen_text(pilot), "the words")


async def test_the_details_say_what_would_change_the_decision_and_the_dialog_says_all() -> None:
    async with driving(SampleSidecar(23)) as pilot:
        screen = await loaded(pilot)
        await until(pilot, lambda: "What would change it" in screen.words.text, "the explanation")
        await pilot.press("w")
        await until(pilot, lambda: isinstance(pilot.app.screen, WhyScreen), "the dialog")
        await until(pilot, lambda: "✓ No person on it is on the" in screen_text(pilot), "the rules")
        await shows(pilot, "✗ ")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen, "the review")


async def test_spot_checks_are_confirmed_called_wrong_and_taken_back() -> None:
    sidecar = SampleSidecar(5)
    async with driving(sidecar, images="halfblocks") as pilot:
        await loaded(pilot)
        await pilot.press("c")
        await until(pilot, lambda: "Is this John Doe?" in screen_text(pilot), "the first check")
        await shows(pilot, "5 wait, 40 answered, 2.5 % wrong (0.4 to 12.9), target < 5 %: still open")
        await until(pilot, lambda: "▀" in screen_text(pilot), "its picture")
        await pilot.press("a")
        await until(pilot, lambda: sidecar.checked == {80_000: True}, "the answer")
        await until(pilot, lambda: "Is this Sarah Smith?" in screen_text(pilot), "the next")
        await pilot.press("x")
        await until(pilot, lambda: sidecar.checked.get(80_001) is False, "the other answer")
        await until(pilot, lambda: "to review · u takes it back" in screen_text(pilot), "its words")
        await pilot.press("u")
        await until(pilot, lambda: sidecar.unchecked[0] == 80_001, "the undo")
        await until(pilot, lambda: "Is this Sarah Smith?" in screen_text(pilot), "the check again")
        await pilot.press("P")
        await until(pilot, lambda: isinstance(pilot.app.screen, PersonPicker), "the picker")
        await press_keys(pilot, [*"nadia", "enter"], "Nadia")
        await until(pilot, lambda: sidecar.checked.get(80_001) is False, "who it is")
        assert "Nadia" in sidecar.events[-1].text
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.current_mode == "review", "the review")


async def test_a_check_answered_by_somebody_else_says_so_and_one_refused_comes_back() -> None:
    sidecar = SampleSidecar(5)
    async with driving(sidecar) as pilot:
        await loaded(pilot)
        await pilot.press("c")
        await until(pilot, lambda: "Is this John Doe?" in screen_text(pilot), "the first check")
        sidecar.unchecked.remove(80_000)
        await pilot.press("a")
        await until(pilot, lambda: "answered meanwhile" in screen_text(pilot), "the words")
        assert sidecar.checked == {}
        sidecar.token = "another"
        await pilot.press("a")
        await until(pilot, lambda: "undone: IMG_80001.jpg" in screen_text(pilot), "the refusal")
        checks = pilot.app.screen
        assert isinstance(checks, SpotCheckScreen)
        assert checks.rows.current is not None
        assert checks.rows.current.photo_id == 80_001


async def test_all_checks_answered() -> None:
    sidecar = SampleSidecar(5)
    sidecar.unchecked.clear()
    async with driving(sidecar, size=(60, 20)) as pilot:
        await loaded(pilot)
        await pilot.press("c")
        await until(pilot, lambda: "Nothing waits for a check" in screen_text(pilot), "the empty state")
        await pilot.press("a", "x", "P", "u")
        await until(pilot, lambda: "no answer here to undo" in screen_text(pilot), "the words")


def test_a_share_not_known_yet_is_not_made_up() -> None:
    assert result_text(None) == "Spot checks"


@pytest.mark.timeout(600)
async def test_ruling_out_explaining_and_checking_against_the_demo(tmp_path: Path) -> None:
    with live_sidecar(tmp_path, 20, settings={**NOTHING_BY_ITSELF, "spot_check_rate": 1.0}) as live:
        async with driving(url=live.url, token=REVIEW_TOKEN, size=(120, 40)) as pilot:
            screen = await loaded(pilot)
            while not (item := shown(screen)) or not item.suggestions:
                await pilot.press("j")
                await until(pilot, lambda: shown(screen), "the next item")
            first = item.suggestions[0].person.id
            await pilot.press("x")
            await until(pilot, lambda: "u takes it back" in screen_text(pilot), "the person ruled out")
            await until(
                pilot,
                lambda: (
                    (now := screen.desk.item(item.id))
                    and first not in [one.person.id for one in now.suggestions[:1]]
                ),
                "the other suggestions",
            )
            await pilot.press("w")
            await until(pilot, lambda: "The rules" in screen_text(pilot), "the explanation")
            await pilot.press("escape", "c")
            await until(pilot, lambda: "Is this " in screen_text(pilot), "a check")
            await pilot.press("a")
            await until(pilot, lambda: "u takes it back" in screen_text(pilot), "the confirmation")
            await pilot.press("x")
            await until(pilot, lambda: "to review ·" in screen_text(pilot), "the correction")


async def test_near_misses_are_filed_all_but_the_crossed_out_one_and_taken_back() -> None:
    sidecar = SampleSidecar(40)
    async with driving(sidecar, images="halfblocks") as pilot:
        await loaded(pilot)
        await pilot.press("l")
        await until(
            pilot, lambda: "4 faces might be John Doe (0.45 to 0.51)" in screen_text(pilot), "the list"
        )
        screen = pilot.app.screen
        assert isinstance(screen, NearMissScreen)
        faces = [row.face for row in screen.rows.items[1:5]]
        await pilot.press("x")
        await until(pilot, lambda: "go to a face" in screen_text(pilot), "the words")
        await pilot.press("n", "n", "x")
        await until(pilot, lambda: "crossed out: a files 3 photos" in screen_text(pilot), "the count")
        await until(pilot, lambda: screen.sight.is_seen, "the picture")
        await pilot.press("a")
        await until(pilot, lambda: "3 photos → John Doe · u takes it back" in screen_text(pilot), "done")
        assert {face.photo_id for face in faces if face} & set(sidecar.pending) == {faces[1].photo_id}  # type: ignore[union-attr]
        await pilot.press("u")
        await until(pilot, lambda: "undone: 3 photos" in screen_text(pilot), "undone")
        assert {face.photo_id for face in faces if face} <= set(sidecar.pending)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is not screen, "the review")
