"""Strangers reviewed by keyboard on the demo: one decision for all photos of a person, counted in keys."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.live_sidecar import NOTHING_BY_ITSELF, REVIEW_TOKEN, live_sidecar
from tests.tui.driving import answerable, driving, foreseen, loaded, screen_text, shows, until
from tests.tui.sample.sidecar import SampleSidecar
from tests.tui.screenshots import settled
from textual.pilot import Pilot

from smartsort.api.schemas.decisions import BulkActionResult
from smartsort.api.schemas.history import Undo
from smartsort.api.schemas.strangers import StrangerFace, StrangerGroup, Strangers
from smartsort.core.model import State
from smartsort.demo.samples import STRANGERS, iter_strangers
from smartsort.ledger import photos
from smartsort_tui.screens import dialogs
from smartsort_tui.screens.dialogs import PeopleRows, PersonPicker
from smartsort_tui.screens.preview import Preview
from smartsort_tui.screens.strangers import LeaveOut, StrangersScreen, numbers_of
from smartsort_tui.screens.verdicts import VerdictRows, Verdicts

# As in the tests of the page: a busy machine may be as slow as it likes with a whole sidecar.
pytestmark = pytest.mark.timeout(600)

SETTLED_BY_NAME = sum(STRANGERS) - len(STRANGERS)
"""On the last photo of each stranger there is somebody else, too: it waits for that."""


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("3 7-9", {3, 7, 8, 9}), ("", set()), ("2,4", {2, 4}), ("9-7", set()), ("x", set())],
)
def test_numbers_of_faces_are_read_as_people_type_them(text: str, numbers: set[int]) -> None:
    assert numbers_of(text) == numbers


async def test_a_list_asked_for_before_a_decision_does_not_come_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    groups = [
        StrangerGroup(id=name, faces=[StrangerFace(id=name, photo_id=1)], sheet="/sheet")
        for name in ("one", "two")
    ]
    old, late, under_way = Strangers(groups=groups), asyncio.Event(), asyncio.Event()
    lists = [old, old, Strangers(groups=groups[:1])]

    async def strangers() -> Strangers:
        found = lists[0] if len(lists) == 1 else lists.pop(0)
        if len(lists) == 1 and found is old:
            under_way.set()
            await late.wait()
        return found

    async def undo(_: Undo) -> BulkActionResult:
        return BulkActionResult(decided=[], done=1, failed=0)

    async with driving(SampleSidecar(5)) as pilot:
        await loaded(pilot)
        client = pilot.app.client  # type: ignore[attr-defined]
        monkeypatch.setattr(client, "strangers", strangers)
        monkeypatch.setattr(client, "undo", undo)
        await pilot.press("t")
        screen = pilot.app.screen
        assert isinstance(screen, StrangersScreen)
        if not under_way.is_set():
            screen.connected()
        await until(pilot, under_way.is_set, "the question to be under way")
        screen.decided.append((7, "it"))
        await pilot.press("u")
        await until(pilot, lambda: screen.rows.count == 1, "the group that is left")
        late.set()
        await settled(pilot.app)  # type: ignore[arg-type]
        assert screen.rows.count == 1


async def asked(pilot: Pilot[None], kind: type, what: str) -> None:
    """Until a dialog is there and was seen long enough to answer it."""
    await until(pilot, lambda: isinstance(pilot.app.screen, kind) and pilot.app.screen.is_mounted, what)
    await answerable(pilot)


async def test_all_strangers_are_named_with_two_keys_and_a_name_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    samples = list(iter_strangers(root / "inbox"))
    with live_sidecar(root, machine_learning=True, settings=NOTHING_BY_ITSELF) as live:
        live.wait_for(lambda: live.all_sorted(len(samples)), "the strangers")
        assert live.sidecar.measure is not None
        live.run(live.sidecar.measure.measure_review())

        def filed() -> int:
            counts = live.sidecar.context.ledger.read(photos.count_by_state)
            return counts.get(State.FILED, 0)

        async with driving(url=live.url, token=REVIEW_TOKEN, images="halfblocks", size=(80, 24)) as pilot:
            await loaded(pilot)
            await until(pilot, lambda: "best next: One name files 6 of 7" in screen_text(pilot), "the offer")
            await pilot.press("b")
            await until(
                pilot,
                lambda: isinstance(pilot.app.screen, StrangersScreen) and pilot.app.screen.rows.count >= 12,
                "the groups",
            )
            screen = pilot.app.screen
            assert isinstance(screen, StrangersScreen)
            await shows(pilot, "7 photos  2024-03-01 to 03-07")
            # Whoever is faster than what is shown is asked once more.
            with monkeypatch.context() as patched:
                patched.setattr(dialogs, "AHEAD_SECONDS", 600)
                await answerable(pilot)
                await pilot.press("enter")
                await asked(pilot, PersonPicker, "the picker")
                await pilot.press(*"Uwe")
                await until(pilot, lambda: "new person “Uwe”" in screen_text(pilot), "Uwe")
                await answerable(pilot)
                await pilot.press("enter")
                await asked(pilot, Preview, "the preview")
                await shows(pilot, "6 photos → faces/uwe, 1 stays: more faces than allowed")
                await pilot.press("escape")
                await until(pilot, lambda: pilot.app.screen is screen, "the strangers")
                assert filed() == 0
            keys = 0
            for number in range(len(STRANGERS)):
                # Names as unlike each other as can be: the picker offers who is called nearly the same.
                name = 3 * "abcdefghijklm"[number].upper()
                await answerable(pilot)
                await pilot.press("enter")
                await asked(pilot, PersonPicker, "the picker")
                await pilot.press(*name)
                picker = pilot.app.screen
                await until(pilot, lambda name=name: f"new person “{name}”" in screen_text(pilot), name)  # type: ignore[misc]
                assert isinstance(picker, PersonPicker)
                down = ["down"] * (picker.query_one(PeopleRows).count - 1)
                await pilot.press(*down)
                await foreseen(pilot)
                await shows(pilot, "stays: more faces than allowed")
                await pilot.press("enter")
                keys += 2 + len(name) + len(down)
                rest = sum(STRANGERS[number + 1 :])
                await until(
                    pilot,
                    lambda rest=rest: (
                        sum(len(g.faces) for g in screen.rows.items if len(g.faces) > 1) == rest
                    ),  # type: ignore[misc]
                    "the other groups",
                )
            # The last group leaves the list at its first photo, and its others are filed after that.
            await until(pilot, lambda: filed() == SETTLED_BY_NAME, "the last photo")
            # One decision was one photo before; a name is typed once for a person, not once for a photo.
            assert SETTLED_BY_NAME / len(STRANGERS) > 3
            assert keys < 5.3 * len(STRANGERS)
            await pilot.press("u")
            await until(pilot, lambda: filed() < SETTLED_BY_NAME, "the undo")


async def test_faces_are_left_out_groups_joined_and_strangers_ignored(tmp_path: Path) -> None:
    root = tmp_path / "root"
    samples = list(iter_strangers(root / "inbox"))
    with live_sidecar(root, machine_learning=True, settings=NOTHING_BY_ITSELF) as live:
        live.wait_for(lambda: live.all_sorted(len(samples)), "the strangers")
        assert live.sidecar.measure is not None
        live.run(live.sidecar.measure.measure_review())
        async with driving(url=live.url, token=REVIEW_TOKEN, size=(100, 30)) as pilot:
            await loaded(pilot)
            await pilot.press("t")
            await until(
                pilot,
                lambda: isinstance(pilot.app.screen, StrangersScreen) and pilot.app.screen.rows.count >= 12,
                "the groups",
            )
            screen = pilot.app.screen
            assert isinstance(screen, StrangersScreen)
            await pilot.press("x")
            await asked(pilot, LeaveOut, "the question which")
            await pilot.press("2", "minus", "3", "enter")
            await until(
                pilot, lambda: "5 photos of probably one person. Left out: 2, 3" in screen_text(pilot), "it"
            )
            await pilot.press("m")
            await until(pilot, lambda: screen.rows.cursor == 1, "the next row")
            await until(
                pilot, lambda: "11 photos of probably one person, in 2 groups" in screen_text(pilot), "both"
            )
            await pilot.press("m")
            await answerable(pilot)
            await pilot.press("up")
            await answerable(pilot)
            await pilot.press("i")
            await asked(pilot, Preview, "the preview")
            await pilot.press("enter")
            # The two faces that were left out are a group of their own.
            rest = sorted([*STRANGERS[2:], 2])
            await until(
                pilot,
                lambda: sorted(len(g.faces) for g in screen.rows.items if len(g.faces) > 1) == rest,
                "the rest",
            )


async def test_groups_are_split_and_joined_for_good_locked_and_all_that_is_revoked(tmp_path: Path) -> None:
    root = tmp_path / "root"
    samples = list(iter_strangers(root / "inbox"))
    with live_sidecar(root, machine_learning=True, settings=NOTHING_BY_ITSELF) as live:
        live.wait_for(lambda: live.all_sorted(len(samples)), "the strangers")
        assert live.sidecar.measure is not None
        live.run(live.sidecar.measure.measure_review())

        async with driving(url=live.url, token=REVIEW_TOKEN, size=(80, 24)) as pilot:
            await loaded(pilot)
            await pilot.press("t")
            await until(
                pilot,
                lambda: isinstance(pilot.app.screen, StrangersScreen) and pilot.app.screen.rows.count >= 12,
                "the groups",
            )
            screen = pilot.app.screen
            assert isinstance(screen, StrangersScreen)

            def sizes() -> list[int]:
                return [len(group.faces) for group in screen.rows.items if len(group.faces) > 1]

            await answerable(pilot)
            await pilot.press("S")
            await until(pilot, lambda: "x says first which faces are others" in screen_text(pilot), "a hint")
            await pilot.press("x")
            await asked(pilot, LeaveOut, "the question which")
            await pilot.press("2", "minus", "3", "enter")
            await until(pilot, lambda: "out: 2, 3" in screen_text(pilot), "the numbers")
            await answerable(pilot)
            await pilot.press("S")
            await until(pilot, lambda: sizes() == sorted([*STRANGERS[1:], 5, 2], reverse=True), "the split")

            await answerable(pilot)
            await pilot.press("m", "m")
            await until(pilot, lambda: len(screen.rows.marked) == 2, "two marks")
            chosen = sum(len(g.faces) for g in screen.rows.items if g.id in screen.rows.marked)
            await answerable(pilot)
            await pilot.press("J")
            await until(pilot, lambda: sizes()[0] == chosen, "one group")

            await answerable(pilot)
            await pilot.press("home", "L")
            await asked(pilot, PersonPicker, "the picker")
            await pilot.press(*"Ann")
            await answerable(pilot)
            await pilot.press("enter")
            await asked(pilot, Preview, "the preview")
            await shows(pilot, "Certainly")
            await pilot.press("escape")

            await until(pilot, lambda: pilot.app.screen is screen, "the strangers")
            await pilot.press("v")
            await asked(pilot, Verdicts, "the verdicts")
            await until(pilot, lambda: "are two people" in screen_text(pilot), "what was said")
            await shows(pilot, "are one person")
            for left in (1, 0):
                await answerable(pilot)
                await pilot.press("d")
                rows = pilot.app.screen.query_one(VerdictRows)
                await until(pilot, lambda rows=rows, left=left: rows.count == left, "it is gone")  # type: ignore[misc]
            await pilot.press("escape")
            await until(pilot, lambda: sizes() == sorted(STRANGERS, reverse=True), "the groups of before")
