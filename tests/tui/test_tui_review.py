"""Reviewing by keyboard, without a socket."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.tui.driving import current, driving, loaded, screen_text, shown, shows, until
from tests.tui.fake_server import RunningServer, running
from tests.tui.pilot import KeyPilot
from tests.tui.sample import data
from tests.tui.sample.sidecar import SampleSidecar
from textual.command import CommandPalette

from smartsort.api.schemas.people import PersonView
from smartsort_tui.screens.dialogs import HelpScreen, PeopleRows, PersonPicker
from smartsort_tui.screens.item_view import picture_of
from smartsort_tui.screens.preview import Preview


async def test_the_whole_queue_is_reviewed_by_keyboard() -> None:
    sidecar = SampleSidecar(30)
    async with driving(sidecar) as pilot:
        screen = await loaded(pilot)
        later: set[int] = set()
        while len(screen.desk.queue):
            item = current(screen)
            await until(pilot, lambda item=item: shown(screen, item), "the item")  # type: ignore[misc]
            whole = screen.desk.item(item)
            assert whole is not None
            key = "1" if whole.suggestions else "r" if item in later or len(screen.desk.queue) == 1 else "s"
            if key == "s":
                later.add(item)
            await pilot.press(key)
            await until(pilot, lambda item=item: current(screen) != item, "the next item")  # type: ignore[misc]
        await until(pilot, lambda: not sidecar.pending, "the sidecar to have all decisions")
        await until(pilot, lambda: "Nothing waits" in screen_text(pilot), "the empty state")
    kinds = {event.kind for event in sidecar.decided.values()}
    assert kinds == {"approved", "rejected"}
    assert later
    assert len(sidecar.decided) == 30


async def test_the_next_item_is_there_when_a_decision_is_made() -> None:
    async with driving(SampleSidecar(23), images="halfblocks") as pilot:
        screen = await loaded(pilot)
        await until(pilot, lambda: screen.desk.item(22) and screen.desk.item(21), "the neighbours")
        pane, whole = screen.picture, screen.desk.item(22)
        assert whole is not None
        following = picture_of(whole)
        await until(pilot, lambda: pane._store.get((following, pane._frame(following))), "the next picture")
        waits = pane.waits
        await pilot.press("a")
        assert current(screen) == 22
        assert "IMG_000022" in screen.words.text
        assert "This is" in screen.words.text
        await until(pilot, lambda: pane._request == following, "its picture")
        assert pane.waits == waits
        assert pane._shown is not None


async def test_every_way_to_decide_sends_what_was_meant() -> None:
    sidecar = SampleSidecar(23)
    async with driving(sidecar) as pilot:
        screen = await loaded(pilot)
        await pilot.press("2")
        await until(pilot, lambda: 23 in sidecar.decided, "the decision")
        assert sidecar.decided[23].data["people"] == [data.suggestions(23)[1].person.name]
        await until(pilot, lambda: shown(screen, 22), "the next item")
        await pilot.press("enter")
        await until(pilot, lambda: 22 in sidecar.decided, "the decision")
        assert sidecar.decided[22].data["people"] == [data.suggestions(22)[0].person.name]


async def test_the_person_picker_files_under_one_or_several() -> None:
    sidecar = SampleSidecar(20)
    async with driving(sidecar) as pilot:
        await loaded(pilot)
        await pilot.press("P")
        await until(pilot, lambda: isinstance(pilot.app.screen, PersonPicker), "the picker")
        await until(pilot, lambda: "Zoë" in screen_text(pilot), "the people")
        await pilot.press(*"zoe", "enter")
        await until(pilot, lambda: 20 in sidecar.decided, "the decision")
        assert sidecar.decided[20].data["people"] == ["Zoë Żak"]
        await pilot.press("P")
        await until(pilot, lambda: isinstance(pilot.app.screen, PersonPicker), "the picker")
        await until(pilot, lambda: "Amara Okafor" in screen_text(pilot), "the people")
        await pilot.press(*"nadia", "tab", *["backspace"] * 5, *"sarah", "tab", "enter")
        await until(pilot, lambda: 19 in sidecar.decided, "the decision")
        assert sidecar.decided[19].data["people"] == ["Nadia, Sarah Smith"]


@asynccontextmanager
async def people_on_their_way() -> AsyncIterator[tuple[RunningServer, KeyPilot]]:
    """A review whose people are known, and will be asked for again without an answer."""
    with running(SampleSidecar(20)) as server:
        async with driving(url=server.url) as pilot:
            screen = await loaded(pilot)
            await pilot.press("P")
            await until(pilot, lambda: screen.desk.people, "the people")
            await pilot.press("escape")
            server.fake.held_back = "/people"
            yield server, pilot


async def test_a_picker_whose_people_come_again_leaves_the_cursor_on_whom_it_was_moved_to() -> None:
    async with people_on_their_way() as (server, pilot):
        await pilot.press("P", "down", "down")
        chosen = pilot.app.screen.query_one(PeopleRows).found[2].name
        await until(pilot, lambda: server.fake.waiting, "the question to be under way")
        server.fake.held_back = ""
        asked = [worker for worker in pilot.app.workers if worker.group == "people"]
        await until(pilot, lambda: all(worker.is_finished for worker in asked), "the answer")
        await pilot.press("enter")
        await until(pilot, lambda: 20 in server.fake.sidecar.decided, "the decision")
    assert server.fake.sidecar.decided[20].data["people"] == [chosen]


async def test_a_picker_whose_people_come_again_shows_who_is_found_first_under_the_cursor() -> None:
    async with people_on_their_way() as (server, pilot):
        await pilot.press("P", *"zo")
        rows = pilot.app.screen.query_one(PeopleRows)
        assert [person.name for person in rows.found] == ["Zoë Żak"]
        server.fake.sidecar.created.append(PersonView(id="person-99", name="Zo"))
        server.fake.held_back = ""
        await until(pilot, lambda: [person.name for person in rows.found][:1] == ["Zo"], "the people")
        assert rows.cursor == 0


async def test_a_new_person_is_created_once() -> None:
    sidecar = SampleSidecar(20)
    async with driving(sidecar) as pilot:
        screen = await loaded(pilot)
        for wanted, known in ((20, "Sarah Smith"), (19, "grete")):
            await pilot.press("N")
            await until(pilot, lambda: isinstance(pilot.app.screen, PersonPicker), "the dialog")
            await until(
                pilot,
                lambda known=known: known in [person.name for person in screen.desk.people],  # type: ignore[misc]
                "the people",
            )
            await pilot.press(*"grete", "enter")
            await until(pilot, lambda wanted=wanted: wanted in sidecar.decided, "the decision")  # type: ignore[misc]
    assert [person.name for person in sidecar.created] == ["grete"]


async def test_undo_brings_items_back_where_they_stood() -> None:
    sidecar = SampleSidecar(20)
    async with driving(sidecar) as pilot:
        screen = await loaded(pilot)
        await pilot.press("j", "j", "r", "r")
        await until(pilot, lambda: len(sidecar.decided) == 2, "the decisions")
        await pilot.press("u")
        await until(pilot, lambda: len(sidecar.decided) == 1 and current(screen) == 17, "the first undo")
        await pilot.press("u")
        await until(pilot, lambda: not sidecar.decided and current(screen) == 18, "the second undo")
        assert list(screen.desk.queue.ids()) == list(range(20, 0, -1))
        await pilot.press("u")
        await until(pilot, lambda: "no decision here to undo" in screen_text(pilot), "the message")


async def test_what_is_skipped_comes_last_and_back_with_undo() -> None:
    sidecar = SampleSidecar(20)
    async with driving(sidecar) as pilot:
        screen = await loaded(pilot)
        await pilot.press("s", "s")
        await until(pilot, lambda: sidecar.deferred == [20, 19], "the skipping")
        await until(pilot, lambda: len(screen.desk.queue) == 20, "the list")
        assert list(screen.desk.queue.ids()) == [*range(18, 0, -1), 20, 19]
        await pilot.press("u")
        await until(pilot, lambda: sidecar.deferred == [20] and current(screen) == 19, "the undo")
        assert list(screen.desk.queue.ids()) == [19, *range(18, 0, -1), 20]
        await pilot.press("ctrl+r")
        await until(pilot, lambda: screen.desk.queue.is_loaded and current(screen) == 19, "the list again")
        assert list(screen.desk.queue.ids()) == [19, *range(18, 0, -1), 20]


async def test_bulk_shows_what_will_happen_and_then_does_it() -> None:
    sidecar = SampleSidecar(40)
    async with driving(sidecar) as pilot:
        screen = await loaded(pilot)
        await pilot.press("m", "m", "m", "a")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "the preview")
        await shows(pilot, "File 3 photos?")
        await shows(pilot, "faces/")
        assert sidecar.decided == {}
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen, "the review")
        assert sidecar.decided == {}
        assert len(screen.rows.marked) == 3
        await pilot.press("r")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "the preview")
        await shows(pilot, "Reject 3 photos?")
        await pilot.press("enter")
        await until(pilot, lambda: sorted(sidecar.decided) == [38, 39, 40], "the rejections")
        await until(pilot, lambda: current(screen) == 37, "the list")
        await pilot.press("u")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "what would be taken back")
        await shows(pilot, "Take back 3 photos?")
        await shows(pilot, "3 photos rejected")
        await shows(pilot, "→ review/")
        await pilot.press("escape")
        await until(pilot, lambda: "nothing was undone" in screen_text(pilot), "the words")
        assert sorted(sidecar.decided) == [38, 39, 40]
        await pilot.press("u")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "the question again")
        await pilot.press("enter")
        await until(pilot, lambda: not sidecar.decided, "the undo")
        await until(pilot, lambda: len(screen.desk.queue) == 40, "the list")


async def test_many_are_put_off_at_once_and_back_with_one_undo() -> None:
    sidecar = SampleSidecar(20)
    async with driving(sidecar, size=(80, 24)) as pilot:
        screen = await loaded(pilot)
        await pilot.press("j", "m", "m", "m", "s")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "the preview")
        await shows(
            pilot,
            "Skip 3 photos?",
            "1  in review/",
            "after all others. No file moves",
            "Undo takes all of it back at once",
        )
        assert sidecar.deferred == []
        await pilot.press("escape")
        await until(pilot, lambda: "nothing was done" in screen_text(pilot), "the words")
        assert sidecar.deferred == []
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "the preview")
        await pilot.press("enter")
        await until(pilot, lambda: len(sidecar.deferred) == 3, "the putting off")
        await until(pilot, lambda: "3 photos skipped · u takes it back" in screen_text(pilot), "the words")
        skipped = sidecar.deferred
        assert sorted(skipped) == [17, 18, 19]
        assert list(screen.desk.queue.ids()) == [20, *range(16, 0, -1), *skipped]
        assert not screen.rows.marked
        assert [event.kind for event in sidecar.events] == ["deferred"] * 3 + ["bulk_action"]
        await pilot.press("u")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "what would be taken back")
        await shows(pilot, "3 photos skipped")
        await pilot.press("y")
        await until(pilot, lambda: not sidecar.deferred, "the undo")
        await until(pilot, lambda: list(screen.desk.queue.ids()) == list(range(20, 0, -1)), "the list")


async def test_one_marked_photo_is_taken_back_without_a_question() -> None:
    sidecar = SampleSidecar(20)
    async with driving(sidecar) as pilot:
        screen = await loaded(pilot)
        await pilot.press("m", "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "the preview")
        await pilot.press("enter")
        await until(pilot, lambda: 20 in sidecar.decided, "the rejection")
        await until(pilot, lambda: len(screen.desk.queue) == 19, "the list")
        await pilot.press("u")
        await until(pilot, lambda: not sidecar.decided, "the undo")
        await until(pilot, lambda: current(screen) == 20, "the list")


async def test_a_key_pressed_twice_asks_once() -> None:
    async with driving(SampleSidecar(20)) as pilot:
        screen = await loaded(pilot)
        await pilot.press("m", "m", "s", "s", "s")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "the preview")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen, "the review")


async def test_what_cannot_be_taken_back_any_more_is_said() -> None:
    sidecar = SampleSidecar(20)
    async with driving(sidecar) as pilot:
        await loaded(pilot)
        await pilot.press("m", "m", "s")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "the preview")
        await pilot.press("enter")
        await until(pilot, lambda: len(sidecar.deferred) == 2, "the putting off")
        await until(pilot, lambda: "u takes it back" in screen_text(pilot), "the words")
        sidecar.undoing.clear()
        await pilot.press("u")
        await until(pilot, lambda: "cannot be undone" in screen_text(pilot), "the words")
        assert not isinstance(pilot.app.screen, Preview)


async def test_mark_all_takes_what_the_filter_matches() -> None:
    sidecar = SampleSidecar(40)
    async with driving(sidecar) as pilot:
        screen = await loaded(pilot)
        await pilot.press("f")
        await until(pilot, lambda: len(screen.desk.queue) == 5, "the duplicates")
        await pilot.press("M", "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "the preview")
        await shows(pilot, "Reject 5 photos?")
        await pilot.press("enter")
        await until(pilot, lambda: len(sidecar.decided) == 5, "the rejections")
        assert {data.category(item) for item in sidecar.decided} == {"duplicates"}
        await until(pilot, lambda: "Nothing matches in Duplicates" in screen_text(pilot), "the empty filter")
        await pilot.press("escape")
        await until(pilot, lambda: len(screen.desk.queue) == 35, "the whole queue")


async def test_search_narrows_and_escape_widens() -> None:
    async with driving(SampleSidecar(200)) as pilot:
        screen = await loaded(pilot)
        await pilot.press("slash", *"0142", "enter")
        await until(pilot, lambda: len(screen.desk.queue) == 1 and current(screen) == 142, "the match")
        await pilot.press("slash", *"zzz")
        await until(pilot, lambda: "Nothing matches “zzz”" in screen_text(pilot), "the empty search")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: len(screen.desk.queue) == 200, "the whole queue")


async def test_the_list_is_exported(tmp_path: Path) -> None:
    async with driving(SampleSidecar(20), folder=str(tmp_path)) as pilot:
        await loaded(pilot)
        await pilot.press("e")
        await until(pilot, lambda: "exported to" in screen_text(pilot), "the export")
    files = sorted(os.listdir(tmp_path))
    assert files == ["smartsort-review-20250614-120000.csv"]
    rows = list(csv.DictReader((tmp_path / files[0]).read_text().splitlines()))
    assert [int(row["id"]) for row in rows] == list(range(20, 0, -1))


async def test_keys_can_be_set() -> None:
    sidecar = SampleSidecar(20)
    async with driving(sidecar, keys={"review.reject": "x"}) as pilot:
        await loaded(pilot)
        await shows(pilot, "x reject")
        await pilot.press("r")
        await pilot.pause()
        assert sidecar.decided == {}
        await pilot.press("x")
        await until(pilot, lambda: 20 in sidecar.decided, "the rejection")


async def test_help_names_the_keys_of_what_has_the_focus() -> None:
    async with driving(SampleSidecar(20), size=(100, 60)) as pilot:
        await loaded(pilot)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen), "the help")
        await shows(pilot, "Review: keys", "Reject: to the trash", "review.reject", "What has the focus")
        await pilot.press("escape")
        await pilot.press("f2", "question_mark")
        await until(pilot, lambda: "Statistics: keys" in screen_text(pilot), "the help of the statistics")


async def test_the_palette_does_what_keys_do() -> None:
    sidecar = SampleSidecar(20)
    async with driving(sidecar) as pilot:
        await loaded(pilot)
        await pilot.press("ctrl+p")
        await pilot.press(*"reject")
        await until(pilot, lambda: "Reject: to the trash" in screen_text(pilot), "the command")
        # Of the last letter: what is found for fewer letters is replaced.
        group = CommandPalette._GATHER_COMMANDS_GROUP
        await until(
            pilot, lambda: all(w.is_finished for w in pilot.app.workers if w.group == group), "all of them"
        )
        await pilot.press("down", "enter")
        await until(pilot, lambda: 20 in sidecar.decided, "the rejection")


async def test_the_mouse_chooses_rows_categories_areas_and_suggestions() -> None:
    sidecar = SampleSidecar(40)
    async with driving(sidecar, size=(100, 40)) as pilot:
        screen = await loaded(pilot)
        await pilot.click("#queue", offset=(5, 3))
        await until(pilot, lambda: current(screen) == 37, "the clicked row")
        await until(pilot, lambda: shown(screen, 37), "the item")
        line = screen.words.text.splitlines().index("[2] " + data.suggestions(37)[1].person.name + "  0.58")
        await pilot.click("#details", offset=(4, line))
        await until(pilot, lambda: 37 in sidecar.decided, "the filing")
        assert sidecar.decided[37].data["people"] == [data.suggestions(37)[1].person.name]
        await pilot.click("#categories", offset=(12, 0))
        await until(pilot, lambda: len(screen.desk.queue) == 5, "the duplicates")
        await pilot.click("#areas", offset=(20, 0))
        await until(pilot, lambda: pilot.app.current_mode == "statistics", "the statistics")


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (200, 50), (40, 12), (300, 80)])
async def test_every_size_shows_list_reasons_and_keys(size: tuple[int, int]) -> None:
    async with driving(SampleSidecar(40), size=size) as pilot:
        await loaded(pilot)
        await shows(pilot, "▶", "IMG_000040", "Why", "a approve", "? help")


async def test_a_face_can_be_chosen_for_a_group() -> None:
    sidecar = SampleSidecar(10)
    async with driving(sidecar, size=(100, 40)) as pilot:
        screen = await loaded(pilot)
        assert current(screen) == 10
        await pilot.press("o", "o")
        assert "▶2" in screen.words.text
        await pilot.press("1")
        await until(pilot, lambda: 10 in sidecar.decided, "the decision")


async def test_ten_thousand_items_are_a_list_like_any_other() -> None:
    async with driving(SampleSidecar(10_000)) as pilot:
        screen = await loaded(pilot)
        await pilot.press("G")
        await until(pilot, lambda: current(screen) == 1, "the last item")
        await until(pilot, lambda: shown(screen, 1), "its details")
        assert len(list(screen.desk.queue.rows())) <= 2000
        await pilot.press("g")
        await until(pilot, lambda: screen.desk.queue.row(0) is not None, "the first rows again")
        assert current(screen) == 10_000


async def test_the_sample_is_what_the_api_would_send() -> None:
    sidecar = SampleSidecar(20)
    answer = sidecar.answer("GET", f"{data.BASE}/review/queue", {"limit": "3"}, {}, b"")
    page = json.loads(answer.body)
    assert (page["total"], len(page["items"]), page["next_cursor"]) == (20, 3, "18")


async def test_where_one_is_and_what_is_marked_is_always_told() -> None:
    async with driving(SampleSidecar(40)) as pilot:
        await loaded(pilot)
        await shows(pilot, "1 of 40")
        await pilot.press("j", "m", "m")
        await until(pilot, lambda: "● 2 marked   4 of 40" in screen_text(pilot), "the marks")
        await pilot.press("escape")
        await until(pilot, lambda: "● 2 marked" not in screen_text(pilot), "no marks")


async def test_words_name_the_keys_that_are_set() -> None:
    async with driving(SampleSidecar(8), keys={"review.undo": "z", "review.person": "w"}) as pilot:
        screen = await loaded(pilot)
        await pilot.press("r")
        await until(pilot, lambda: "z takes it back" in screen_text(pilot), "the key")
        await until(pilot, lambda: shown(screen), "the item")
        while "No suggestion" not in screen.words.text:
            before = current(screen)
            await pilot.press("j")
            assert current(screen) != before, "each has a suggestion"
            await until(pilot, lambda: shown(screen), "the item")
        assert "w picks a person" in " ".join(screen.words.text.split())
