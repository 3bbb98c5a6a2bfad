"""Statistics, activity, people and configuration."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from tests.tui.driving import driving, loaded, screen_text, shows, until
from tests.tui.sample.sidecar import SampleSidecar
from tests.tui.screenshots import settled
from textual.widgets import Checkbox, Input

from smartsort.api.schemas.history import Undo
from smartsort.api.schemas.people import PersonView
from smartsort_tui.screens.activity import HistoryScreen
from smartsort_tui.screens.people import FACE_PAUSE_SECONDS, PeopleScreen
from smartsort_tui.screens.preview import DeletionsMeant, Preview


async def test_statistics_show_targets_plots_and_counts() -> None:
    async with driving(SampleSidecar(60), size=(120, 60)) as pilot:
        await loaded(pilot)
        await pilot.press("f2")
        await until(pilot, lambda: "Filed by person" in screen_text(pilot), "the statistics")
        await until(pilot, lambda: "✗ waiting in review" in screen_text(pilot), "the targets")
        await shows(
            pilot,
            "not met",
            "✓ duplicates caught",
            "the last 30 days",
            "instagram",
            "under a week",
            "█",
        )
        await pilot.press("w")
        await until(pilot, lambda: "the last 7 days" in screen_text(pilot), "the week")


async def test_statistics_of_an_empty_sidecar() -> None:
    async with driving(SampleSidecar(0), size=(80, 24)) as pilot:
        await pilot.press("f2")
        await until(pilot, lambda: "sorted automatically" in screen_text(pilot), "the statistics")


async def test_activity_shows_what_is_on_its_way_and_what_happened() -> None:
    async with driving(SampleSidecar(10, busy=True)) as pilot:
        await loaded(pilot)
        await pilot.press("f3")
        await until(pilot, lambda: "blurry.jpg" in screen_text(pilot), "the events")
        await shows(
            pilot,
            "4 photos in progress",
            "sorted in about 5min",
            "face detection 1,204",
            "! Immich has not",
        )


async def test_a_photos_history_offers_undo_at_each_step() -> None:
    sidecar = SampleSidecar(10)
    async with driving(sidecar) as pilot:
        await loaded(pilot)
        await pilot.press("r")
        await until(pilot, lambda: 10 in sidecar.decided, "the rejection")
        await pilot.press("f3")
        await until(pilot, lambda: "rejected" in screen_text(pilot), "the event")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, HistoryScreen), "the history")
        await until(pilot, lambda: "arrived from" in screen_text(pilot), "its steps")
        await pilot.press("u")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "what would be taken back")
        await shows(pilot, "IMG_000010.jpg was rejected")
        await pilot.press("enter")
        await until(pilot, lambda: not sidecar.decided, "the undo")
        await until(pilot, lambda: "undone" in screen_text(pilot), "the message")


async def test_an_event_is_taken_back_once_it_was_shown_what_that_does() -> None:
    sidecar = SampleSidecar(10)
    async with driving(sidecar, size=(110, 30)) as pilot:
        await loaded(pilot)
        await pilot.press("m", "m", "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "the preview")
        await pilot.press("enter")
        await until(pilot, lambda: len(sidecar.decided) == 2, "the rejections")
        await pilot.press("f3")
        await until(pilot, lambda: "Rejected: 2 photos" in screen_text(pilot), "the bulk action")
        await shows(pilot, "IMG_000010.jpg")
        await pilot.press("u")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "what would be taken back")
        await shows(pilot, "Take back 2 photos?")
        await shows(pilot, "→ review/")
        await pilot.press("escape")
        await until(pilot, lambda: "nothing was undone" in screen_text(pilot), "the words")
        assert len(sidecar.decided) == 2
        await pilot.press("u")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "the question again")
        await pilot.press("enter")
        await until(pilot, lambda: not sidecar.decided, "the undo")
        await until(pilot, lambda: "undone: 2 photos" in screen_text(pilot), "the message")


@pytest.mark.parametrize(("key", "meant"), [("y", True), ("k", False), ("escape", None)])
async def test_many_deletions_in_immich_are_asked_about(key: str, meant: bool | None) -> None:
    sidecar = SampleSidecar(10)
    sidecar.deleted = list(range(1, 63))
    async with driving(sidecar, size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press("f3")
        await until(pilot, lambda: "62 photos were deleted" in screen_text(pilot), "the notice")
        await pilot.press("d")
        await until(pilot, lambda: isinstance(pilot.app.screen, DeletionsMeant), "the question")
        await shows(pilot, "Were 62 deletions in Immich meant?", "IMG_000001.jpg", "and 54 more")
        await pilot.press(key)
        await until(pilot, lambda: not isinstance(pilot.app.screen, DeletionsMeant), "the answer")
        await until(pilot, lambda: sidecar.meant is meant, "what was said")
        assert len(sidecar.deleted) == (62 if meant is None else 0)


async def test_the_key_for_deletions_is_there_only_while_some_wait() -> None:
    async with driving(SampleSidecar(10)) as pilot:
        await loaded(pilot)
        await pilot.press("f3")
        await until(pilot, lambda: "What happened" in screen_text(pilot), "the area")
        await pilot.press("d")
        assert "deletions" not in screen_text(pilot)


async def test_people_are_put_on_lists_and_taken_off() -> None:
    sidecar = SampleSidecar(10)
    async with driving(sidecar, images="halfblocks") as pilot:
        await loaded(pilot)
        await pilot.press("f4")
        await until(pilot, lambda: "John Doe" in screen_text(pilot), "the people")
        await until(pilot, lambda: "▀" in screen_text(pilot), "the face")
        await pilot.press("b")
        await until(pilot, lambda: "John Doe" in sidecar.listed["blacklist"], "the blacklist")
        assert "John Doe" not in sidecar.listed["whitelist"]
        await until(pilot, lambda: "✗ John Doe" in screen_text(pilot), "the sign")
        await pilot.press("b")
        await until(pilot, lambda: "John Doe" not in sidecar.listed["blacklist"], "off the list")
        await pilot.press("slash", *"nad", "enter", "w")
        await until(pilot, lambda: "Nadia" in sidecar.listed["whitelist"], "the whitelist")


async def test_people_asked_for_before_a_list_was_changed_do_not_come_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers, late = 0, asyncio.Event()
    async with driving(SampleSidecar(10)) as pilot:
        await loaded(pilot)
        await pilot.press("f4")
        await shows(pilot, "John Doe")
        await settled(pilot.app)  # type: ignore[arg-type]
        client = pilot.app.client  # type: ignore[attr-defined]
        ask = client.people

        async def people() -> list[PersonView]:
            nonlocal answers
            found: list[PersonView] = await ask()
            answers += 1
            if answers == 1:
                await late.wait()
            return found

        monkeypatch.setattr(client, "people", people)
        screen = pilot.app.screen
        assert isinstance(screen, PeopleScreen)
        screen.connected()
        await until(pilot, lambda: answers == 1, "an answer that is late")
        await pilot.press("b")
        await shows(pilot, "John Doe is on the blacklist")
        await until(pilot, lambda: answers == 2, "the answer to what was done")
        late.set()
        await settled(pilot.app)  # type: ignore[arg-type]
        assert [one.listed for one in screen.rows.items if one.name == "John Doe"] == ["blacklist"]


async def test_of_somebody_whom_immich_does_not_know_yet_no_face_is_asked_for() -> None:
    sidecar = SampleSidecar(10)
    sidecar.created.append(PersonView(id="new Quentin", name="Quentin", to_come=True))
    async with driving(sidecar, images="halfblocks", size=(110, 34)) as pilot:
        await loaded(pilot)
        await pilot.press("f4")
        await until(pilot, lambda: "▀" in screen_text(pilot), "a face")
        await pilot.press("slash", *"quent", "enter")
        await until(pilot, lambda: "Immich does not know this person yet" in screen_text(pilot), "the words")
        await until(pilot, lambda: "▀" not in screen_text(pilot), "no face")
        assert "to come" in screen_text(pilot)
        await asyncio.sleep(2 * FACE_PAUSE_SECONDS)
        assert cast("PeopleScreen", pilot.app.screen).face._request is None


async def test_who_undoes_again_before_the_answer_takes_back_the_decision_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    answered = asyncio.Event()

    async def undo(what: Undo) -> object:
        asked.append(what.event or 0)
        await answered.wait()
        return what

    async with driving(SampleSidecar(10)) as pilot:
        await loaded(pilot)
        await pilot.press("f4")
        await shows(pilot, "John Doe")
        screen = pilot.app.screen
        assert isinstance(screen, PeopleScreen)
        screen.decided += [(1, "the first"), (2, "the second")]
        monkeypatch.setattr(pilot.app.client, "undo", undo)  # type: ignore[attr-defined]
        screen.action_undo()
        screen.action_undo()
        await until(pilot, lambda: len(asked) == 2, "both questions")
        answered.set()
        await shows(pilot, "undone: the first")
    assert asked == [2, 1]


async def test_somebody_who_seems_to_be_two_people_is_one_by_a_key_and_that_is_undone() -> None:
    sidecar = SampleSidecar(10)
    async with driving(sidecar, images="halfblocks", size=(110, 34)) as pilot:
        await loaded(pilot)
        await pilot.press("f4")
        await until(pilot, lambda: "two people" in screen_text(pilot), "the people")
        assert "one person" not in screen_text(pilot)  # not asked of everybody
        await pilot.press("o", "j", "j", "j")
        await until(pilot, lambda: "8 like one, 4 like" in screen_text(pilot), "the words")
        await until(pilot, lambda: sidecar.requests["GET mixed"] > 0, "the picture")
        await until(pilot, lambda: "one, and in frames the other" in screen_text(pilot), "its caption")
        await pilot.press("o")
        await until(pilot, lambda: not sidecar.mixed, "the word")
        await until(pilot, lambda: "is one person. Photos that waited" in screen_text(pilot), "the message")
        await pilot.press("u")
        await until(pilot, lambda: bool(sidecar.mixed), "the undo")
        await until(pilot, lambda: "smartsort asks about it again" in screen_text(pilot), "the message")
        people = pilot.app.screen
        assert isinstance(people, PeopleScreen)
        await until(pilot, lambda: people.rows.current and people.rows.current.mixed, "the question")
        sidecar.mixed.clear()
        await pilot.press("o")
        await until(pilot, lambda: "there is no people/person-3" in screen_text(pilot), "the problem")


async def test_nothing_is_saved_before_its_effect_was_seen() -> None:
    sidecar = SampleSidecar(10)
    async with driving(sidecar, size=(110, 34)) as pilot:
        await loaded(pilot)
        await pilot.press("f5")
        await until(pilot, lambda: "0.5" in screen_text(pilot), "the settings")
        pilot.app.screen.query_one("#min_confidence", Input).value = "0.4"
        await pilot.pause()
        await pilot.press("f7")
        await until(pilot, lambda: "low_confidence → faces" in screen_text(pilot), "the effect")
        await until(pilot, lambda: "look at the effect first" in screen_text(pilot), "the words")
        assert sidecar.settings["min_confidence"] == 0.5
        await pilot.press("f7")
        await until(pilot, lambda: sidecar.settings["min_confidence"] == 0.4, "the saving")


async def test_a_limit_of_wrong_filings_leads_to_a_confidence_and_says_how_certain_that_is() -> None:
    sidecar = SampleSidecar(10)
    async with driving(sidecar, size=(140, 44)) as pilot:
        await loaded(pilot)
        await pilot.press("f5")
        await until(
            pilot, lambda: "for at most 5 wrong per 1,000" in screen_text(pilot), "the limit in force"
        )
        await shows(pilot, "95% interval")
        pilot.app.screen.query_one("#max_wrong_per_1000", Input).value = "8"
        await pilot.pause()
        await pilot.press("f7")
        await until(pilot, lambda: "for at most 8" in screen_text(pilot), "where it would lead")
        assert sidecar.settings["max_wrong_per_1000"] == 5
        await pilot.press("f7")
        await until(pilot, lambda: sidecar.settings["max_wrong_per_1000"] == 8, "the saving")
        field = pilot.app.screen.query_one("#min_confidence", Input)
        await until(pilot, lambda: field.value == f"{sidecar.settings['min_confidence']:g}", "the number")


async def test_a_confidence_set_by_hand_leaves_the_limit_empty_and_a_limit_takes_its_place() -> None:
    sidecar = SampleSidecar(10)
    async with driving(sidecar, size=(140, 44)) as pilot:
        await loaded(pilot)
        sidecar.set_by_hand = True
        await pilot.press("f5")
        await until(pilot, lambda: "set by hand" in screen_text(pilot), "who has set it")
        field = pilot.app.screen.query_one("#max_wrong_per_1000", Input)
        assert field.value == ""
        field.value = "5"
        await pilot.pause()
        await pilot.press("f7")
        await until(pilot, lambda: "for at most 5" in screen_text(pilot), "where it would lead")
        await pilot.press("f7")
        await until(pilot, lambda: not sidecar.set_by_hand, "the saving")


async def test_a_setting_that_cannot_be_is_named() -> None:
    async with driving(SampleSidecar(10), size=(110, 34)) as pilot:
        await loaded(pilot)
        await pilot.press("f5")
        await until(pilot, lambda: "0.5" in screen_text(pilot), "the settings")
        field = pilot.app.screen.query_one("#min_confidence", Input)
        field.value = "often"
        await pilot.press("f6")
        await until(pilot, lambda: "'often' is no number" in screen_text(pilot), "the words")
        field.value = "7"
        await pilot.press("f6")
        await until(
            pilot, lambda: "min_confidence: Input should be less than" in screen_text(pilot), "the words"
        )


async def test_a_category_tells_without_colour_whether_it_is_on() -> None:
    async with driving(SampleSidecar(5)) as pilot:
        await loaded(pilot)
        await pilot.press("f5")
        await until(pilot, lambda: "[✓] Duplicates" in screen_text(pilot), "the form")
        pilot.app.screen.query_one("#category-duplicates", Checkbox).toggle()
        await until(pilot, lambda: "[ ] Duplicates" in screen_text(pilot), "the change")


async def test_categories_and_the_switch() -> None:
    sidecar = SampleSidecar(10)
    async with driving(sidecar, size=(110, 34)) as pilot:
        await loaded(pilot)
        await pilot.press("f5")
        await until(pilot, lambda: "0.5" in screen_text(pilot), "the settings")
        pilot.app.screen.query_one("#category-duplicates", Checkbox).value = False
        await pilot.pause()
        await pilot.press("f6")
        await until(pilot, lambda: "this is what it would do" in screen_text(pilot), "the effect")
        await pilot.press("f7")
        await until(pilot, lambda: sidecar.settings["review_categories"]["duplicates"] is False, "the saving")
        await pilot.press("f8")
        await until(pilot, lambda: not sidecar.enabled, "the switch")
        await until(pilot, lambda: "‖ sorting is off" in screen_text(pilot), "the bar")


async def test_the_doctor_is_shown_where_the_sidecar_has_one() -> None:
    async with driving(SampleSidecar(10), size=(110, 34)) as pilot:
        await loaded(pilot)
        await pilot.press("f5")
        await until(pilot, lambda: "The doctor says: degraded" in screen_text(pilot), "the doctor")
        text = await shows(pilot, "! confidence", "fine: Immich, permissions, hard links")
        assert text.index("! confidence") < text.index("fine: Immich")


async def test_areas_are_reached_by_brackets_too() -> None:
    async with driving(SampleSidecar(10)) as pilot:
        await loaded(pilot)
        await pilot.press("right_square_bracket", "right_square_bracket")
        await until(pilot, lambda: pilot.app.current_mode == "activity", "the activity")
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: pilot.app.current_mode == "statistics", "the statistics")


async def test_light_and_dark() -> None:
    async with driving(SampleSidecar(10)) as pilot:
        await loaded(pilot)
        await pilot.press("ctrl+t")
        assert pilot.app.theme == "smartsort-light"
        await pilot.press("ctrl+t")
        assert pilot.app.theme == "smartsort-dark"
