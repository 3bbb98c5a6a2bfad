"""What every screen owes: text for the size there is, the focus where it was, true words that go again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from tests.tui.driving import driving, loaded, screen_text, shows, until
from tests.tui.fake_server import RunningServer, running
from tests.tui.sample.sidecar import SampleSidecar
from tests.tui.screenshots import settled

from smartsort_tui import live
from smartsort_tui.live import Link
from smartsort_tui.screens.activity import ActivityScreen
from smartsort_tui.screens.area import AreaScreen
from smartsort_tui.screens.dialogs import HelpScreen
from smartsort_tui.screens.preview import Preview
from smartsort_tui.widgets import bars

BULK = "/review/bulk/"


async def test_each_screen_hears_once_of_what_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(AreaScreen, "_link_changed", lambda screen, _: heard.append(type(screen).__name__))
    async with driving(SampleSidecar(4)) as pilot:
        await loaded(pilot)
        for key in ("f2", "f3", "f4", "f5", "f1", "c"):
            await pilot.press(key)
            await settled(pilot.app)  # type: ignore[arg-type]
        heard.clear()
        pilot.app.link_changed.publish(Link("connected"))  # type: ignore[attr-defined]
        await settled(pilot.app)  # type: ignore[arg-type]
    screens = ("Activity", "Configuration", "People", "Review", "SpotCheck", "Statistics")
    assert sorted(heard) == [f"{name}Screen" for name in screens]


@pytest.fixture(autouse=True)
def _quick_reconnect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAUSES_SECONDS", (0.1,))


@pytest.fixture
def server() -> Iterator[RunningServer]:
    with running(SampleSidecar(40)) as server:
        yield server


async def test_a_question_mark_shows_the_help_in_a_field_for_numbers() -> None:
    async with driving(SampleSidecar(20)) as pilot:
        await loaded(pilot)
        await pilot.press("f5")
        await until(pilot, lambda: "0.5" in screen_text(pilot), "the settings")
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen), "the help")
        await pilot.press("escape", "tab", "end", "7", ",")
        await until(pilot, lambda: "0.57," in screen_text(pilot), "the figure in the field")


async def test_what_if_reads_whole_in_a_small_terminal() -> None:
    async with driving(SampleSidecar(20), size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press("f5")
        await until(pilot, lambda: "0.5" in screen_text(pilot), "the settings")
        await pilot.press("tab", "end", *["backspace"] * 3, *"0.4", "f6")
        await until(pilot, lambda: "420" in screen_text(pilot), "the effect")
        text = await shows(pilot, "420", "Filed")
        assert "Low confidence" in text.partition("What it would")[2]
        assert "F…" not in text


async def test_messages_go_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    async with driving(SampleSidecar(20)) as pilot:
        await loaded(pilot)
        await pilot.press("r")
        await until(pilot, lambda: "takes it back" in screen_text(pilot), "the message")
        # Only now: on a busy machine a short message would be over before anybody looks.
        monkeypatch.setattr(bars, "STAYS_SECONDS", dict.fromkeys(bars.STAYS_SECONDS, 0.2))
        await pilot.press("s")
        await until(pilot, lambda: "takes it back" not in screen_text(pilot), "its end")
        await until(pilot, lambda: "1 of 19" in screen_text(pilot), "the answer")
        await until(pilot, lambda: "takes it back" not in screen_text(pilot), "its end")


# --- with Immich or the sidecar away ---------------------------------------------------------


async def test_a_list_is_changed_while_immich_is_away(server: RunningServer) -> None:
    async with driving(url=server.url) as pilot:
        await loaded(pilot)
        await pilot.press("f4")
        await until(pilot, lambda: "Sarah Smith" in screen_text(pilot), "the people")
        await settled(pilot.app)  # type: ignore[arg-type]
        server.fake.fail_paths = {"/people"}
        await pilot.press("w")
        await until(pilot, lambda: "is off the whitelist" in screen_text(pilot), "what was done")
        await until(pilot, lambda: "not up to date" in screen_text(pilot), "that the rest is older")
        assert "smartsort said no" not in screen_text(pilot)
        assert "John Doe" not in server.fake.sidecar.listed["whitelist"]
        row = next(line for line in screen_text(pilot).splitlines() if "▶" in line)
        assert "John Doe" in row
        assert "whitelist" not in row
        await pilot.press("b")
        await until(pilot, lambda: "is on the blacklist" in screen_text(pilot), "what was done")
        await shows(pilot, "✗ John Doe")


async def test_what_was_done_is_told_though_the_list_does_not_come_anew(server: RunningServer) -> None:
    async with driving(url=server.url) as pilot:
        await loaded(pilot)
        await pilot.press("x")
        server.fake.fail_paths = {"/review/items/"}
        await until(pilot, lambda: "takes it back" in screen_text(pilot), "what was done")
        await pilot.press("f3")
        await until(pilot, lambda: "u ruled out" in screen_text(pilot), "the events")
        server.fake.fail_paths = {"GET"}
        server.fake.fault = ""
        await pilot.press("u")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "the question")
        server.fake.fail_paths = {"/events"}
        await pilot.press("enter")
        await until(pilot, lambda: "undone: 1 photo" in screen_text(pilot), "what was done")


async def test_events_asked_for_twice_at_once_come(server: RunningServer) -> None:
    async with driving(url=server.url) as pilot:
        await loaded(pilot)
        server.fake.held_back = "/events"
        await pilot.press("f3")
        await until(pilot, lambda: server.fake.waiting, "the first question to be under way")
        activity = pilot.app.screen
        assert isinstance(activity, ActivityScreen)
        activity.connected()
        server.fake.held_back = ""
        await until(pilot, lambda: activity._as_of, "the events")


@pytest.mark.parametrize("area", ["f2", "f3", "f4", "f5", "c"])
async def test_without_a_connection_no_screen_says_connected(server: RunningServer, area: str) -> None:
    async with driving(url=server.url, size=(120, 36)) as pilot:
        await loaded(pilot)
        await until(pilot, lambda: "● connected" in screen_text(pilot), "the connection")
        await pilot.press(area)
        await settled(pilot.app)  # type: ignore[arg-type]
        await asyncio.to_thread(server.stop)
        await until(pilot, lambda: "○ reconnecting" in screen_text(pilot), "the loss")
        assert "connected" not in screen_text(pilot).replace("reconnecting", "").replace("not connected", "")
        assert "sorting is on" not in screen_text(pilot)
        await until(pilot, lambda: "not up to date" in screen_text(pilot), "that it is not up to date")
        await shows(pilot, str(server.port))
        await asyncio.to_thread(server.start)
        await until(pilot, lambda: "● connected" in screen_text(pilot), "the connection again")
        await until(pilot, lambda: "not up to date" not in screen_text(pilot), "what is new")


@pytest.mark.parametrize("area", ["f1", "f2", "f3", "f4", "f5", "c"])
async def test_without_a_server_every_screen_names_the_address_and_the_error(area: str) -> None:
    async with driving(url="http://127.0.0.1:1", size=(120, 36)) as pilot:
        await until(pilot, lambda: "No answer from smartsort" in screen_text(pilot), "the words")
        await pilot.press(area)
        await until(pilot, lambda: "Is the sidecar running" in screen_text(pilot), "what to do")
        await shows(pilot, "http://127.0.0.1:1/: Connection refused")
        assert "named nobody" not in screen_text(pilot)


# --- one number, and whose action it was -----------------------------------------------------


async def test_header_marks_and_preview_are_one_number_while_photos_arrive(server: RunningServer) -> None:
    server.fake.arriving = True
    async with driving(url=server.url, size=(120, 36)) as pilot:
        await loaded(pilot)
        await until(pilot, lambda: "All 40" not in screen_text(pilot), "an arrival")
        for _ in range(5):
            await pilot.press("M", "r")
            await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "the preview")
            await pilot.pause(0.6)
            text = screen_text(pilot)
            number = text.partition("Reject ")[2].partition(" photos?")[0]
            assert f"[All {number}]" in text
            assert f"● {number} marked" in text
            assert f"of {number}" in text
            await pilot.press("escape", "escape")
            await until(pilot, lambda n=number: f"[All {n}]" not in screen_text(pilot), "more arrivals")  # type: ignore[misc]


async def test_an_own_bulk_action_shows_how_far_it_is_and_is_no_news(server: RunningServer) -> None:
    sidecar = server.fake.sidecar
    async with driving(url=server.url, size=(120, 36)) as pilot:
        screen = await loaded(pilot)
        await until(pilot, lambda: pilot.app.status is not None, "the event stream")  # type: ignore[attr-defined]
        await pilot.press(*"mmmmmm", "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "the preview")
        server.fake.held_back = BULK
        await pilot.press("enter")
        await until(pilot, lambda: "rejecting 0 of 6" in screen_text(pilot), "the beginning")
        for item in (40, 39):
            sidecar.rejected(item, f"IMG_{item:06}.jpg", actor="api")
        await until(pilot, lambda: "rejecting 2 of 6" in screen_text(pilot), "the progress")
        assert "api:" not in screen_text(pilot)
        server.fake.held_back = ""
        await until(pilot, lambda: "6 photos rejected" in screen_text(pilot), "the end")
        assert "rejecting" not in screen_text(pilot)
        assert screen.desk.under_way is None
