"""Bad input and bad luck: each gives a clear state, none a traceback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.tui.driving import current, driving, loaded, review, screen_text, shown, shows, until
from tests.tui.fake_server import RunningServer, running
from tests.tui.sample import data
from tests.tui.sample.sidecar import SampleSidecar
from tests.tui.screenshots import settled

from smartsort_tui import live
from smartsort_tui.api import Client, Unreachable
from smartsort_tui.background import work
from smartsort_tui.screens import dialogs, queue_view
from smartsort_tui.screens.preview import Preview


@pytest.fixture(autouse=True)
def _quick_reconnect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAUSES_SECONDS", (0.1,))


@pytest.fixture
def server() -> Iterator[RunningServer]:
    with running(SampleSidecar(40, token="right")) as server:
        yield server


async def test_a_wrong_token(server: RunningServer) -> None:
    async with driving(url=server.url, token="wrong") as pilot:
        await until(pilot, lambda: "The token was refused" in screen_text(pilot), "the refusal")
        await shows(pilot, "--token-file")
        await shows(pilot, "does not know the token")
        await until(pilot, lambda: "✗ not connected" in screen_text(pilot), "the bar")
        await pilot.press("a", "r", "u", "m", "f2", "f3", "f4", "f5", "f1")


async def test_a_token_that_is_put_right_is_taken_up(server: RunningServer) -> None:
    async with driving(url=server.url, token="wrong") as pilot:
        await until(pilot, lambda: "The token was refused" in screen_text(pilot), "the refusal")
        server.fake.sidecar.token = "wrong"
        await until(pilot, lambda: "IMG_000040" in screen_text(pilot), "the queue")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:1", "No answer from smartsort"),
        ("htp://x", "This is not smartsort"),
        ("http://nowhere.invalid:8484", "No answer from smartsort"),
    ],
)
async def test_a_wrong_url(url: str, says: str) -> None:
    async with driving(url=url) as pilot:
        await until(pilot, lambda: says in screen_text(pilot), "the state")
        for key in ("a", "s", "P", "escape", "e", "u", "M", "a", "f2", "f3", "f4", "f5", "f6", "f7", "f8"):
            await pilot.press(key)
        await pilot.pause()


@pytest.mark.parametrize("fault", ["html", "garbage"])
async def test_something_else_answers(server: RunningServer, fault: str) -> None:
    server.fake.fault = fault
    async with driving(url=server.url, token="right") as pilot:
        await until(pilot, lambda: "This is not smartsort" in screen_text(pilot), "the state")
        server.fake.fault = ""
        await until(pilot, lambda: "IMG_000040" in screen_text(pilot), "the queue once it is smartsort")


async def test_the_sidecar_restarts(server: RunningServer) -> None:
    async with driving(url=server.url, token="right") as pilot:
        screen = await loaded(pilot)
        await until(pilot, lambda: pilot.app.link.state == "connected", "the connection")  # type: ignore[attr-defined]
        await pilot.press("j", "j")
        await asyncio.to_thread(server.stop)
        await until(pilot, lambda: "○ reconnecting" in screen_text(pilot), "the loss")
        await shows(pilot, "IMG_000040")
        await pilot.press("r")
        await until(pilot, lambda: "not connected: nothing can be decided" in screen_text(pilot), "the words")
        server.fake.sidecar.decide_as_somebody(40)
        await asyncio.to_thread(server.start)
        await until(pilot, lambda: "● connected" in screen_text(pilot), "the connection")
        await until(pilot, lambda: 40 not in list(screen.desk.queue.ids()), "what happened meanwhile")
        await until(pilot, lambda: current(screen) == 38, "the photo that was looked at")
        await pilot.press("r")
        await until(pilot, lambda: 38 in server.fake.sidecar.decided, "the decision")


async def test_the_first_connection_takes_nothing_away_that_a_key_needs() -> None:
    sidecar = SampleSidecar(23)
    async with driving(sidecar) as pilot:
        screen = await loaded(pilot)
        pilot.app.link_changed.publish(live.Link("connected"))  # type: ignore[attr-defined]
        assert screen.desk.item(23) is not None
        await pilot.press("x")
        await until(pilot, lambda: sidecar.ruled_out.get(23), "the first suggestion to be ruled out")


async def test_the_sidecar_stops_in_the_middle_of_a_bulk_action(server: RunningServer) -> None:
    async with driving(url=server.url, token="right") as pilot:
        screen = await loaded(pilot)
        await pilot.press("m", "m", "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, Preview), "the preview")
        server.fake.held_back = "/review/"
        await pilot.press("enter")
        await until(pilot, lambda: "under way" in screen_text(pilot), "the sending")
        server.fake.sidecar.decide_as_somebody(40, "rejected")
        await asyncio.to_thread(server.stop)
        await until(
            pilot, lambda: "in the middle" in screen_text(pilot) or "No answer" in screen_text(pilot), "words"
        )
        server.fake.held_back = ""
        await asyncio.to_thread(server.start)
        await until(pilot, lambda: "● connected" in screen_text(pilot), "the connection")
        await until(pilot, lambda: 40 not in list(screen.desk.queue.ids()), "what was done until then")
        assert 39 in list(screen.desk.queue.ids())


async def test_an_item_decided_by_somebody_else(server: RunningServer) -> None:
    async with driving(url=server.url, token="right") as pilot:
        screen = await loaded(pilot)
        await pilot.press("j")
        await until(pilot, lambda: shown(screen, 39), "the item")
        server.fake.is_silent = True
        server.fake.sidecar.decide_as_somebody(39)
        await pilot.press("r")
        await until(pilot, lambda: "decided meanwhile by somebody" in screen_text(pilot), "who it was")
        assert 39 not in list(screen.desk.queue.ids())
        await until(pilot, lambda: current(screen) == 38, "the next item")


async def test_others_decisions_leave_the_list_by_themselves(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However far apart the events come, they are told of in one go.
    monkeypatch.setattr(queue_view, "NEWS_PAUSE_SECONDS", 3600.0)
    async with driving(url=server.url, token="right") as pilot:
        screen = await loaded(pilot)
        await until(pilot, lambda: pilot.app.status is not None, "the event stream")  # type: ignore[attr-defined]
        await pilot.press("j", "j", "j")
        for item in (40, 30, 20):
            server.fake.sidecar.decide_as_somebody(item)
        await until(pilot, lambda: len(screen._left) == 3, "the news")
        assert len(screen.desk.queue) == 40
        screen._news.cancel()  # type: ignore[union-attr]
        screen._hear_news()
        await until(pilot, lambda: len(screen.desk.queue) == 37, "the list to follow")
        assert current(screen) == 37
        await shows(pilot, "3 photos left the queue")


async def test_a_refused_decision_comes_back_visibly(server: RunningServer) -> None:
    server.fake.fail_paths = {"/approve"}
    async with driving(url=server.url, token="right") as pilot:
        screen = await loaded(pilot)
        await pilot.press("j")
        await until(pilot, lambda: shown(screen, 39), "the item")
        await pilot.press("a")
        await until(pilot, lambda: "undone" in screen_text(pilot), "the roll-back")
        assert current(screen) == 39
        await shows(pilot, "▶! low IMG_000039", "asset.update is missing")
        assert server.fake.sidecar.decided == {}


async def test_pictures_that_do_not_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    sidecar = SampleSidecar(40, broken_pictures=frozenset({40}))
    async with driving(sidecar, images="halfblocks") as pilot:
        await until(pilot, lambda: "does not decode" in screen_text(pilot), "the words")
        await pilot.press("j")
        await until(pilot, lambda: "▀" in screen_text(pilot), "the next picture")


async def test_long_right_to_left_and_wide_names(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [
        "x" * 300,
        "مريم " * 20 + ".jpg",
        "家族写真" * 40 + ".jpg",
        "a\x1b[31mb\nc\u202egpj.exe",
        "🧑‍🧑‍🧒" * 30,
    ]
    monkeypatch.setattr(data, "filename", lambda item: names[item % len(names)])
    for size in ((80, 24), (200, 50), (40, 12)):
        async with driving(SampleSidecar(10), size=size) as pilot:
            await loaded(pilot)
            for key in ("j", "j", "j", "j", "r", "m", "M", "r", "escape", "P", "escape"):
                await pilot.press(key)
                await pilot.pause()
            text = screen_text(pilot)
            assert "\x1b" not in text
            assert "\u202e" not in text


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (39, 40), (200, 3)])
async def test_a_terminal_too_small(size: tuple[int, int]) -> None:
    async with driving(SampleSidecar(10), size=size, images="halfblocks") as pilot:
        await until(pilot, lambda: review(pilot).is_mounted, "the screen")
        await until(
            pilot, lambda: size[1] < 2 or size[0] < 12 or "Too small" in screen_text(pilot), "the words"
        )
        for key in ("j", "f2", "f3", "f4", "f5", "f1", "question_mark", "escape"):
            await pilot.press(key)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "▶" in screen_text(pilot), "the list when there is room again")


async def test_growing_and_shrinking_keeps_the_item() -> None:
    async with driving(SampleSidecar(100), images="halfblocks") as pilot:
        screen = await loaded(pilot)
        await pilot.press("G")
        await until(pilot, lambda: current(screen) == 1, "the last item")
        for size in ((40, 12), (250, 70), (80, 24)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda: "▶" in screen_text(pilot), "the cursor")
        assert current(screen) == 1


async def test_slow_answers_do_not_hold_up_keys(server: RunningServer) -> None:
    async with driving(url=server.url, token="right") as pilot:
        screen = await loaded(pilot)
        await until(pilot, lambda: screen.desk.item(38) is not None, "the neighbours")
        server.fake.held_back = "/reject"
        await pilot.press("r", "r", "j")
        assert current(screen) == 37
        assert server.fake.sidecar.decided == {}
        server.fake.held_back = ""
        await until(pilot, lambda: len(server.fake.sidecar.decided) == 2, "the decisions")


async def test_what_does_not_come_in_time_is_asked_for_again(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event stream goes on meanwhile, so nothing else would ever say that it may be there now."""
    monkeypatch.setattr(queue_view, "AGAIN_SECONDS", 0.05)
    late: list[str] = []

    def once(client: Client, name: str) -> None:
        ask = getattr(client, name)

        async def slow(*args: Any, **how: Any) -> Any:
            late.append(name)
            monkeypatch.setattr(client, name, ask)
            raise Unreachable("http://sample does not answer in time")

        monkeypatch.setattr(client, name, slow)

    async with driving(url=server.url, token="right") as pilot:
        screen = await loaded(pilot)
        await until(pilot, lambda: pilot.app.status is not None, "the event stream")  # type: ignore[attr-defined]
        client = pilot.app.client  # type: ignore[attr-defined]
        once(client, "queue")
        server.fake.sidecar.arrive()
        await until(pilot, lambda: "2 of 41" in screen_text(pilot), "what has come")
        once(client, "queue")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "1 of 41" in screen_text(pilot), "the queue")
        await until(pilot, lambda: shown(screen, 41), "the first item")
        await settled(pilot.app)  # type: ignore[arg-type]  (its neighbours, too)
        screen.desk._items.clear()
        once(client, "item")
        await pilot.press("j")
        await until(pilot, lambda: shown(screen, 40), "the item")
        monkeypatch.setattr(dialogs, "AGAIN_SECONDS", 0.05)
        once(client, "people")
        await pilot.press("P")
        await until(pilot, lambda: "Sarah" in screen_text(pilot), "the people")
    assert late == ["queue", "queue", "item", "people"]


async def test_leaving_waits_for_decisions_photos_in_progress(server: RunningServer) -> None:
    async with driving(url=server.url, token="right") as pilot:
        await loaded(pilot)
        server.fake.held_back = "/reject"
        await pilot.press("r", "r", "q")
        said = pilot.app._notifications
        await until(pilot, lambda: any("sending 2 decisions" in one.message for one in said), "the words")
        assert not pilot.app._exit
        server.fake.held_back = ""
        await until(pilot, lambda: not pilot.app.is_running or pilot.app._exit, "the end")
    assert sorted(server.fake.sidecar.decided) == [39, 40]


@pytest.mark.parametrize("keys", [["q"], ["e", "q", "q"], ["f2", "f3", "f4", "q"], ["w", "q"]])
async def test_leaving_closes_what_is_still_being_asked(server: RunningServer, keys: list[str]) -> None:
    """Whatever the sidecar has not answered yet, no connection outlives the program."""
    async with driving(url=server.url, token="right", images="halfblocks") as pilot:
        await loaded(pilot)
        keyboard = pilot.app.keyboard  # type: ignore[attr-defined]
        server.fake.held_back = "/"
        await pilot.press("G")
        for key in keys:
            await until(
                pilot,
                lambda: server.fake.waiting and (not keyboard.is_at_work or keyboard._asking()),
                "a request that is not answered",
            )
            await pilot.type(key)
        await until(pilot, lambda: pilot.app._exit, "the end")
    end = time.monotonic() + 60
    while server.connections:
        assert time.monotonic() < end, f"{server.connections} connections are still open"
        await asyncio.sleep(0.01)


async def test_the_client_is_closed_when_nothing_asks_any_more(server: RunningServer) -> None:
    """A request that takes its time to end is waited for: one that goes on would open a connection again."""
    order: list[str] = []

    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            order.append("the request has ended")

    async with driving(url=server.url, token="right") as pilot:
        await loaded(pilot)
        client = pilot.app.client  # type: ignore[attr-defined]
        aclose = client.aclose

        async def closing() -> None:
            order.append("the client is closed")
            await aclose()

        client.aclose = closing
        worker = work(pilot.app, "pages", stubborn)
        await until(pilot, lambda: worker.is_running, "the request")
    assert order == ["the request has ended", "the client is closed"]


async def test_keys_reach_the_list_although_the_queue_came_late(server: RunningServer) -> None:
    # What is shown until the first answer must not take the focus away from the list.
    server.fake.fault = "503"
    async with driving(url=server.url, token="right", size=(80, 24)) as pilot:
        await until(pilot, lambda: "No answer" in screen_text(pilot), "the first words")
        await pilot.press("M", "j")
        server.fake.fault = ""
        await until(pilot, lambda: "IMG_000040" in screen_text(pilot), "the queue")
        screen = review(pilot)
        await pilot.press("j", "j")
        await until(pilot, lambda: current(screen) == 38, "the cursor moved by the keys")
        assert pilot.app.focused is screen.rows
        assert not screen.rows.all_marked
        await shows(pilot, "3 of 40")


async def test_a_search_that_found_nothing_leaves_the_words_their_width(server: RunningServer) -> None:
    async with driving(url=server.url, token="right", size=(80, 24)) as pilot:
        screen = await loaded(pilot)
        await pilot.press("slash", *"zzz", "enter")
        await until(pilot, lambda: "Nothing matches" in screen_text(pilot), "the empty state")
        await pilot.press("escape")
        await until(pilot, lambda: "1 of 40" in screen_text(pilot), "the queue")
        words = "Unidentified · from phone"
        await until(pilot, lambda: screen.words.text.splitlines()[1:2] == [words], "their width")
        assert pilot.app.focused is screen.rows
