"""The order of work: what settles most photos is offered first, and following it saves keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from tests.live_sidecar import NOTHING_BY_ITSELF, REVIEW_TOKEN, live_sidecar
from tests.tui.driving import (
    answerable,
    current,
    driving,
    foreseen,
    loaded,
    press_keys,
    review,
    screen_text,
    shown,
    until,
)
from tests.tui.sample.sidecar import SampleSidecar, near_miss_offers
from tests.tui.test_tui_demo import keys_for, looked
from textual.pilot import Pilot

from smartsort.api.schemas.review import Offer
from smartsort.demo.samples import STRANGERS, iter_samples, iter_strangers
from smartsort_tui.api import Client
from smartsort_tui.screens import offers
from smartsort_tui.screens.dialogs import PersonPicker
from smartsort_tui.screens.near_misses import NearMissScreen
from smartsort_tui.screens.offers import OfferBar, OfferingArea
from smartsort_tui.screens.review import ReviewScreen
from smartsort_tui.screens.strangers import StrangersScreen

NAMES = ("Cleo", "Dev", "Ewa", "Finn", "Gus", "Hedi", "Ines", "Jiri", "Kim", "Nils", "Otto", "Peg")


def offered(pilot: Pilot[None]) -> str:
    bar = pilot.app.screen.query_one(OfferBar)
    return bar._left[-1].text.strip() if bar.display else ""


async def in_area(pilot: Pilot[None], kind: type[OfferingArea]) -> OfferingArea:
    await until(pilot, lambda: isinstance(pilot.app.screen, kind), kind.AREA)
    screen = cast("OfferingArea", pilot.app.screen)
    await until(pilot, lambda: screen._offers is not None and screen.offered_ids(), "the list")
    return screen


async def test_the_offer_is_in_sight_follows_the_queue_and_leaves_the_photo_where_it_is() -> None:
    sidecar = SampleSidecar()
    [john] = near_miss_offers(sidecar)
    async with driving(sidecar, size=(80, 24)) as pilot:
        screen = await loaded(pilot)
        await until(pilot, lambda: screen._offers == (), "an answer")
        assert offered(pilot) == ""
        await pilot.press("b")
        await until(pilot, lambda: "no decision settles several photos now" in screen_text(pilot), "words")

        sidecar.offers = [john]
        await until(pilot, lambda: offered(pilot) == f"best next: {john.text}", "the offer")
        waiting = current(screen)
        await looked(pilot, screen)
        await pilot.press("b")
        await in_area(pilot, NearMissScreen)
        await until(pilot, lambda: offered(pilot) == "Single photos come next", "what comes next")
        await answerable(pilot)
        await pilot.press("b")
        await until(pilot, lambda: pilot.app.screen is screen, "the review")
        assert current(screen) == waiting

        sidecar.offers = []
        await until(pilot, lambda: offered(pilot) == "", "the end of the offer")


async def test_an_answer_that_takes_longer_than_the_next_look_comes_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(offers, "LOOK_SECONDS", 0.01)
    ask = Client.offers

    async def slow(client: Client) -> list[Offer]:
        await asyncio.sleep(0.2)
        return await ask(client)

    monkeypatch.setattr(Client, "offers", slow)
    sidecar = SampleSidecar()
    sidecar.offers = near_miss_offers(sidecar)
    async with driving(sidecar, size=(80, 24)) as pilot:
        await loaded(pilot)
        await until(pilot, lambda: offered(pilot), "the offer")


async def name_group(pilot: Pilot[None], name: str) -> int:
    """Name the group the cursor is on as a new person. Gives how many keys that took."""
    await answerable(pilot)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, PersonPicker), "the picker")
    await answerable(pilot)
    await pilot.press(*name)
    await until(pilot, lambda: f"new person “{name}”" in screen_text(pilot), name)
    # The picker offers who is called nearly the same before somebody new.
    down = ["down"] * (pilot.app.screen.query_one("RowList").count - 1)  # type: ignore[attr-defined]
    await pilot.press(*down)
    await foreseen(pilot)
    await pilot.press("enter")
    await until(pilot, lambda: not isinstance(pilot.app.screen, PersonPicker), "the end of the question")
    return len(name) + len(down) + 2


async def follow(pilot: Pilot[None], who: Callable[[int], str], waiting: Callable[[], int]) -> int:
    """Go to what is offered and settle it. Gives how many keys that took."""
    await answerable(pilot)
    before, keys = waiting(), 0
    if not offered(pilot).startswith("then"):
        await pilot.press("b")
        keys += 1
    await until(pilot, lambda: not isinstance(pilot.app.screen, ReviewScreen), "an area")
    area = await in_area(pilot, type(pilot.app.screen))  # type: ignore[arg-type]
    await until(pilot, lambda: not area.smartsort.offered, "what was offered")
    await answerable(pilot)
    if isinstance(area, StrangersScreen):
        group = area.rows.current
        assert group is not None
        keys += await name_group(pilot, who(group.faces[0].photo_id))
    else:
        await pilot.press("a")
        keys += 1
    await until(pilot, lambda: waiting() <= before - 2, "several photos to go")
    busy = ("decisions", "strangers", "near")
    await until(
        pilot,
        lambda: pilot.app.screen is area and all(w.is_finished for w in pilot.app.workers if w.group in busy),
        "the end of the decision",
    )
    area._offers = None
    area.look_for_offers()
    await until(pilot, lambda: area._offers is not None, "what is next")
    return keys


@pytest.mark.timeout(600)
async def test_following_the_offers_empties_the_demos_queue_with_half_the_keys(tmp_path: Path) -> None:
    root = tmp_path / "root"
    samples = {Path(s.path).name: s for s, _ in iter_samples(root / "inbox", 60, size=(320, 240))}
    strangers = {Path(s.path).name for s in iter_strangers(root / "inbox")}
    named: set[str] = set()
    with live_sidecar(root, machine_learning=True, settings=NOTHING_BY_ITSELF) as live:
        live.wait_for(lambda: live.all_sorted(len(samples) + len(strangers)), "the photos", 240)
        assert live.sidecar.measure is not None
        live.run(live.sidecar.measure.measure_review())
        client = live.client()

        def waiting() -> int:
            return int(client.get("/api/smart-download/review/stats").json()["total"])

        def who(photo: int) -> str:
            filename = client.get(f"/api/smart-download/review/items/{photo}").json()["filename"]
            if filename in strangers:
                return NAMES[int(filename[8:10]) - 1]
            [name] = samples[filename].people
            named.add(name)
            return name

        async with driving(url=live.url, token=REVIEW_TOKEN, size=(80, 24)) as pilot:
            screen = await loaded(pilot)
            await until(pilot, lambda: "best next: One name files 6 of 7" in screen_text(pilot), "the offer")
            start = waiting()
            alone = sum(
                len(keys_for(samples[row.filename], named)) if row.filename in samples else 1
                for row in screen.desk.queue.rows()
            )
            # A stranger's first photo takes `N`, the name and Enter; the next `P`, two letters and Enter.
            alone += sum(len(n) + 1 + 3 * (s - 2) for n, s in zip(NAMES, STRANGERS, strict=True))
            keys = decisions = 0
            named.clear()
            while cast("OfferingArea", pilot.app.screen)._offers:
                keys += await follow(pilot, who, waiting)
                decisions += 1
            await answerable(pilot)
            await pilot.press("b")
            keys += 1
            await until(pilot, lambda: pilot.app.screen is review(pilot), "the review")
            assert (start - waiting()) / decisions > 3
            await until(pilot, lambda: screen.desk.queue.total == waiting(), "the rest")
            while waiting():
                await until(pilot, lambda: shown(screen) or not waiting(), "the item")
                # From here to the key nothing else has a turn: it is meant for what stands there now.
                if (item := shown(screen)) is None:
                    continue
                if item.filename in samples:
                    name = (samples[item.filename].people or ("",))[0]
                    pressed = keys_for(samples[item.filename], named)
                else:
                    # One that was looked at again while its group was named has waited on.
                    name = who(item.id)
                    pressed = ["1"] if item.suggestions else ["P", *name[:2].lower(), "enter"]
                await press_keys(pilot, pressed, name)
                keys += len(pressed)
                await until(pilot, lambda item=item: current(screen) != item.id, "the next item")  # type: ignore[misc]
            await until(pilot, lambda: "Nothing waits" in screen_text(pilot), "the empty queue")
        assert keys < 0.55 * alone, (keys, alone)
        # The keys are those that the statistics show.
        summary = client.get("/api/smart-download/stats/summary", params={"days": 2}).json()
        assert summary["key_presses"] == keys
        assert summary["photos_per_key_press"] == round(start / keys, 2)
