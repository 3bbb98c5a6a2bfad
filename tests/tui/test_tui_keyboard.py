"""Keys that come all at once, as from a macro, a paste or a slow line: none of them decides unseen."""

from __future__ import annotations

import asyncio
import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.tui.driving import answerable, current, driving, loaded, screen_text, shows, until
from tests.tui.fake_server import RunningServer, running
from tests.tui.pseudo_terminal import ESCAPE, PseudoTerminal, terminal
from tests.tui.sample.sidecar import SampleSidecar, near_miss_offers
from textual import events

from smartsort.api.guard import BASE
from smartsort.api.schemas.strangers import StrangerFace, StrangerGroup, Strangers
from smartsort_tui import keyboard
from smartsort_tui.api import Client
from smartsort_tui.screens.dialogs import PersonPicker
from smartsort_tui.screens.preview import Preview
from smartsort_tui.terminal import Images
from smartsort_tui.widgets.queue_list import QueueList

# A busy machine may be as slow as it likes with each of so many bursts.
pytestmark = pytest.mark.timeout(600)

F2, F3, F4, F5 = b"\x1bOQ", b"\x1bOR", b"\x1bOS", b"\x1b[15~"
# Every key that opens something, and behind it, in the same write, keys that decide.
BURSTS = {
    "search": b"/rob",
    "search kept": b"/rob\rars",
    "picker": b"Psar",
    "picker, a person and Enter": b"Psar\rrs",
    "new person": b"Nras\rx",
    "help": b"?rasx",
    "help closed": b"?qr",
    "why": b"wras",
    "spot checks": b"caxaP",
    "near misses": b"lnxau",
    "best next": b"bras1\r",
    "best next, and on": b"bbras1\r",
    "palette": b"\x10reject\rrs",
    "filter": b"fras1",
    "mark and preview": b"mr\ry",
    "all and preview": b"Ms\ry\r",
    "all and approve": b"Ma\ryr",
    "the next photo": b"jrsa",
    "the last photo": b"Gr1a",
    "statistics": F2 + b"ras",
    "activity": F3 + b"u\ryr",
    "people": F4 + b"wbra",
    "people, search": F4 + b"/wbra",
    "configuration": F5 + b"ras1",
    "next area": b"]rasu\r",
    "theme": b"\x14jr",
    "pasted": b"\x1b[200~rasx1M\rr\x1b[201~",
    "pasted into the search": b"/\x1b[200~rasx1M\rr\x1b[201~rs",
    "pasted into the picker": b"P\x1b[200~sar\x1b[201~\r",
}
ROUNDS = int(os.environ.get("SMARTSORT_TEST_BURST_ROUNDS", "1"))
# Items in the queue, photos arriving meanwhile, seconds to each answer.
QUEUES = {
    "ten": (10, False, 0.0),
    "ten thousand": (10_000, False, 0.0),
    "arriving": (4_002, True, 0.0),
    "slow": (40, False, 0.2),
}


def decided(sidecar: SampleSidecar) -> dict[str, Any]:
    """All that a key can have changed in the sidecar."""
    return copy.deepcopy(
        {
            "decided": {item: event.kind for item, event in sidecar.decided.items()},
            "skipped": sidecar.deferred,
            "ruled_out": {item: who for item, who in sidecar.ruled_out.items() if who},
            "checked": sidecar.checked,
            "lists": sidecar.listed,
            "created": [who.name for who in sidecar.created],
            "settings": sidecar.settings,
            "undone": [event.id for event in sidecar.events if event.kind == "undone"],
            "enabled": sidecar.enabled,
        }
    )


@pytest.fixture(params=QUEUES.values(), ids=QUEUES.keys())
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    count, arriving, delay = request.param
    sidecar = SampleSidecar(count, busy=True)
    sidecar.offers = near_miss_offers(sidecar)
    with running(sidecar, delay) as server:
        server.fake.arriving = arriving
        yield server


def back_to_review(screen: PseudoTerminal) -> None:
    for keys in (ESCAPE, ESCAPE, b"\x1bOP", ESCAPE, ESCAPE, b"g"):
        screen.write(keys)
        screen.settle(0.01)


def test_no_burst_decides_about_a_photo(server: RunningServer, tmp_path: Path) -> None:
    sidecar = server.fake.sidecar
    with terminal(server.url, tmp_path) as screen:
        screen.wait_for("1 of ")
        screen.settle(0.5)
        before = decided(sidecar)
        for _ in range(ROUNDS):
            for name, burst in BURSTS.items():
                screen.write(burst)
                screen.settle()
                back_to_review(screen)
                assert decided(sidecar) == before, name
        screen.settle(1.0)
        assert decided(sidecar) == before


def test_a_burst_is_text_for_what_its_first_key_opens(server: RunningServer, tmp_path: Path) -> None:
    sidecar = server.fake.sidecar
    server.fake.arriving = False
    with terminal(server.url, tmp_path) as screen:
        screen.wait_for("1 of ")
        screen.settle(0.5)
        screen.write(b"/sarah")
        screen.wait_for("/sarah ")
        screen.write(ESCAPE)
        screen.wait_for(f"1 of {len(sidecar.pending):,}")
        screen.settle(0.6)
        first = sidecar.pending[-1]
        screen.write(b"Psara")
        screen.wait_for("1 person")
        screen.settle(0.6)
        screen.write(b"\r")
        screen.wait_for("takes it back")
    assert sidecar.decided[first].data["people"] == ["Sarah Smith"]
    assert len(sidecar.decided) == 1


async def test_a_photo_that_arrives_leaves_the_one_looked_at_under_the_cursor() -> None:
    with running(SampleSidecar(20)) as server:
        async with driving(url=server.url) as pilot:
            screen = await loaded(pilot)
            server.fake.sidecar.arrive()
            await until(pilot, lambda: "2 of 21" in screen_text(pilot), "the arrival")
            assert current(screen) == 20
            await pilot.press("r")
            await until(pilot, lambda: 20 in server.fake.sidecar.decided, "the rejection")


async def test_a_key_pressed_as_the_photo_vanishes_is_not_meant_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keyboard, "REACTION_SECONDS", 600.0)
    with running(SampleSidecar(20)) as server:
        sidecar = server.fake.sidecar
        async with driving(url=server.url) as pilot:
            screen = await loaded(pilot)
            await until(pilot, lambda: pilot.app.status is not None, "the event stream")  # type: ignore[attr-defined]
            sidecar.decide_as_somebody(20)
            await until(pilot, lambda: current(screen) == 19, "the list to follow")
            await pilot.press("r")
            await until(pilot, lambda: "look first" in screen_text(pilot), "the words")
            assert list(sidecar.decided) == [20]
            await pilot.press("j", "k", "r")
            await until(pilot, lambda: 19 in sidecar.decided, "the rejection")


async def test_a_key_on_a_list_that_is_closing_leaves_a_turn_to_what_closes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closing = refused = 0
    call_later = QueueList.call_later

    def refuse(self: QueueList, callback: Any) -> bool:
        nonlocal refused
        if not closing:
            return call_later(self, callback)
        refused += 1
        assert refused < 1000, "it asks again and again, and nothing else has a turn"
        return False

    def closed() -> None:
        nonlocal closing
        closing = 0

    monkeypatch.setattr(QueueList, "call_later", refuse)
    async with driving(SampleSidecar(20)) as pilot:
        screen = await loaded(pilot)
        keyboard = pilot.app.keyboard  # type: ignore[attr-defined]
        await until(pilot, lambda: not keyboard.is_at_work, "the keyboard at rest")
        closing = 1
        pilot.app.post_message(events.Key("j", "j"))
        await until(pilot, lambda: refused, "a list that refuses")
        asyncio.get_running_loop().call_soon(closed)
        await until(pilot, lambda: not keyboard.is_at_work, "the end of the key")
        assert current(screen) == 19


async def test_a_key_held_down_decides_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyboard, "REPEAT_SECONDS", 600.0)
    with running(SampleSidecar(20)) as server:
        sidecar = server.fake.sidecar
        async with driving(url=server.url) as pilot:
            screen = await loaded(pilot)
            for number, photo in enumerate((20, 19), start=1):
                # The answer would say something else where the words are looked for.
                server.fake.held_back = "/reject"
                await pilot.press("r")
                await until(pilot, lambda: current(screen) == 20 - number, "the next photo")  # noqa: B023
                await pilot.press("r", "r")
                await until(pilot, lambda: "look first" in screen_text(pilot), "the words")
                server.fake.held_back = ""
                await until(pilot, lambda: photo in sidecar.decided, "the rejection")  # noqa: B023
                await shows(pilot, "takes it back")
                assert len(sidecar.decided) == number
                await pilot.press("k")


def test_a_burst_that_takes_the_marks_away_decides_about_no_photo(tmp_path: Path) -> None:
    sidecar = SampleSidecar(40)
    with running(sidecar) as server, terminal(server.url, tmp_path) as screen:
        screen.wait_for("1 of ")
        screen.settle(0.5)
        before = decided(sidecar)
        for burst in (b"Mr", b"Ma", b"Ms"):
            screen.write(b"M")
            screen.wait_for("40 marked")
            screen.settle(0.5)
            screen.write(burst)
            screen.wait_for("look first")
            screen.settle(0.5)
            assert decided(sidecar) == before


async def test_escape_gives_up_a_question_the_sidecar_does_not_answer() -> None:
    with running(SampleSidecar(20)) as server:
        async with driving(url=server.url) as pilot:
            screen = await loaded(pilot)
            server.fake.held_back = "/review/bulk/"
            await pilot.press("m")
            await pilot.type("r", "y", "r", "j")
            assert current(screen) == 19
            await until(pilot, lambda: server.fake.waiting, "the question to be under way")
            await pilot.type("escape")
            await pilot.press("j")
            await until(pilot, lambda: current(screen) == 18, "the list to follow again")
            assert not isinstance(pilot.app.screen, Preview)
            assert server.fake.sidecar.decided == {}


async def test_a_new_person_is_offered_only_when_the_others_are_known() -> None:
    with running(SampleSidecar(20)) as server:
        async with driving(url=server.url) as pilot:
            await loaded(pilot)
            server.fake.held_back = "/people"
            await pilot.press("P", *"sarah smith", "enter")
            assert isinstance(pilot.app.screen, PersonPicker)
            assert "new person" not in screen_text(pilot)
            server.fake.held_back = ""
            await until(pilot, lambda: "Sarah" in screen_text(pilot), "the people")
    assert server.fake.sidecar.created == []


async def test_who_is_named_by_a_decision_on_its_way_is_offered_once_it_is_answered() -> None:
    with running(SampleSidecar(20)) as server:
        async with driving(url=server.url) as pilot:
            screen = await loaded(pilot)
            server.fake.held_back = "/approve"
            await pilot.press("N", *"Quentin", "enter")
            await until(pilot, lambda: server.fake.waiting and len(screen.desk.queue) == 19, "the decision")
            await answerable(pilot)
            await pilot.press("P", *"quen")
            await until(pilot, lambda: "new person “quen”" in screen_text(pilot), "the people before")
            server.fake.held_back = ""
            await until(pilot, lambda: "Quentin" in screen_text(pilot), "who was just named")


STRANGERS = Strangers(
    groups=[
        StrangerGroup(
            id="one", faces=[StrangerFace(id="a", photo_id=20)], sheet=f"{BASE}/review/near-misses/one/sheet"
        )
    ]
)


async def _strangers(_: Client) -> Strangers:
    return STRANGERS


@pytest.mark.parametrize(
    ("area", "keys", "path"),
    [
        ("t", ("m", "i", "enter"), "/sheet"),
        ("l", ("a", "enter"), "/sheet"),
        ("l", ("j", "enter"), "/preview"),
        ("c", ("enter",), "/preview"),
    ],
)
async def test_no_key_decides_about_a_picture_that_is_on_its_way(
    monkeypatch: pytest.MonkeyPatch, area: str, keys: tuple[str, ...], path: str
) -> None:
    monkeypatch.setattr(Client, "strangers", _strangers)
    with running(SampleSidecar(40)) as server:
        sidecar = server.fake.sidecar
        async with driving(url=server.url, images="halfblocks", size=(120, 40)) as pilot:
            await loaded(pilot)
            waiting, unchecked = list(sidecar.pending), list(sidecar.unchecked)

            def is_decided() -> bool:
                is_asked = isinstance(pilot.app.screen, PersonPicker)
                return is_asked or [*sidecar.pending, *sidecar.unchecked] != [*waiting, *unchecked]

            server.fake.held_back = path
            await pilot.press(area)
            for key in keys:
                if key == "j":
                    await until(pilot, lambda: pilot.app.screen.rows.count, "the list")  # type: ignore[attr-defined]
                    await pilot.press(key)
                else:
                    await until(pilot, lambda: pilot.app.screen.sight.is_awaited, "a picture to come")  # type: ignore[attr-defined]
                    await pilot.press(key)
                    await until(pilot, lambda: "look first: " in screen_text(pilot), "the words")
                    assert "is on its way" in screen_text(pilot)
                    pilot.app.screen.say("")  # type: ignore[attr-defined]
            assert not is_decided()
            server.fake.held_back = ""
            await until(pilot, lambda: not pilot.app.screen.sight.is_awaited, "the picture")  # type: ignore[attr-defined]
            await answerable(pilot)
            await pilot.press("enter")
            await until(pilot, is_decided, "the decision")


@pytest.mark.parametrize("images", ["none", "halfblocks"])
async def test_without_a_picture_the_words_are_decided_about(
    monkeypatch: pytest.MonkeyPatch, images: Images
) -> None:
    """A terminal without pictures, and a picture that does not come."""
    monkeypatch.setattr(Client, "strangers", _strangers)
    with running(SampleSidecar(40)) as server:
        server.fake.fail_paths = {"/sheet"}
        async with driving(url=server.url, images=images) as pilot:
            await loaded(pilot)
            await pilot.press("t")
            await until(pilot, lambda: "1 photo of probably" in screen_text(pilot), "the group")
            if images != "none":
                await until(pilot, lambda: "picture did not come" in screen_text(pilot), "the words")
            await answerable(pilot)
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, PersonPicker), "the picker")
