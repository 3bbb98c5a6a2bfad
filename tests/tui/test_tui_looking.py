"""A closer look: the photo over the whole screen, a face beside a portrait, the page in Immich."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from tests.tui.driving import current, driving, loaded, screen_text, shown, shows, until
from tests.tui.fake_server import running
from tests.tui.pseudo_terminal import terminal
from tests.tui.sample import data
from tests.tui.sample.sidecar import NOON, SampleSidecar

from smartsort_tui.pictures import Box, Frame, close_up, drawn
from smartsort_tui.screens.looking import LookScreen, face_in_question, immich_page
from smartsort_tui.widgets.picture import PicturePane


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
async def test_the_photo_and_the_face_fill_the_screen(size: tuple[int, int]) -> None:
    sidecar = SampleSidecar(42)
    async with driving(sidecar, images="halfblocks", size=size) as pilot:
        screen = await loaded(pilot)
        assert current(screen) == 42
        await pilot.press("z")
        await until(pilot, lambda: isinstance(pilot.app.screen, LookScreen), "the look")
        pane = pilot.app.screen.query_one(PicturePane)
        await until(
            pilot,
            lambda: pane.size.width == size[0] and pane.size.height >= size[1] - 2,
            "the whole screen",
        )
        await until(pilot, lambda: "▀" in screen_text(pilot), "the photo")
        await pilot.press("z")
        await until(pilot, lambda: "face 1 of 3  |  [1]" in screen_text(pilot), "the face")
        first = data.suggestions(42)[0]
        await shows(pilot, f"{first.person.name}, {first.similarity}")
        await until(pilot, lambda: pane._shown is not None, "the pictures")
        request = pane._shown[0]  # type: ignore[index]
        assert request.crop is not None
        assert request.paths[1].endswith(f"/people/{first.person.id}/thumbnail")
        await pilot.press("right")
        await until(
            pilot, lambda: data.suggestions(42)[1].person.name in screen_text(pilot), "the next person"
        )
        await pilot.press("o")
        await until(pilot, lambda: "face 2 of 3" in screen_text(pilot), "the next face")
        await pilot.press("r", "a", "s", "escape")
        await until(pilot, lambda: pilot.app.screen is screen, "the review")
    assert sidecar.decided == {}


async def test_a_video_shows_its_contact_sheet_first_and_the_poster_frame_on_a_key() -> None:
    async with driving(SampleSidecar(4), images="halfblocks") as pilot:
        screen = await loaded(pilot)
        item = shown(screen)
        assert item is not None
        frames = "/api/smart-download/photos/4/frames"
        video = item.model_copy(update={"frames": frames})
        look = LookScreen(video, pilot.app.client, face_in_question(item, None), is_close=False)
        pilot.app.push_screen(look)
        await until(pilot, lambda: "its frames" in screen_text(pilot), "the contact sheet")
        assert look._request().paths == (frames,)
        await pilot.press("f")
        assert look._request().paths[0] == item.preview
        await pilot.press("f")
        assert look._request().paths == (frames,)
        await pilot.press("escape")
        pilot.app.push_screen(LookScreen(item, pilot.app.client, None, is_close=False))
        await until(pilot, lambda: item.filename in screen_text(pilot), "the photo")
        assert "frames" not in screen_text(pilot)


async def test_a_photo_without_a_face_says_so() -> None:
    async with driving(SampleSidecar(4), images="halfblocks") as pilot:
        screen = await loaded(pilot)
        while data.face_count(current(screen)):
            await pilot.press("j")
            await until(pilot, lambda: shown(screen), "the item")
        await pilot.press("Z")
        await until(pilot, lambda: "there is no face" in screen_text(pilot), "the words")


def test_the_face_in_question_is_the_chosen_one_then_one_nobody_is_sure_about() -> None:
    item = data.whole(42, NOON, 42)
    assert face_in_question(item, 3) is item.faces[2]
    known = [face.model_copy(update={"person": data.person(1)}) for face in item.faces]
    unsure = known[1].model_copy(update={"person": None, "suggestions": data.suggestions(42)})
    item = item.model_copy(update={"faces": [known[0], unsure, known[2]]})
    assert face_in_question(item, None) is unsure
    assert face_in_question(item.model_copy(update={"faces": []}), None) is None


def test_a_close_up_is_the_face_in_all_its_pixels() -> None:
    picture = Image.new("RGB", (4000, 3000), (10, 10, 10))
    picture.paste((250, 0, 0), (1000, 750, 1400, 1250))
    face = Box(1, 0.25, 0.25, 0.35, 0.4167)
    assert close_up(picture, face).size == pytest.approx((680, 850), abs=2)
    file = io.BytesIO()
    picture.save(file, "PNG")
    shown = drawn([file.getvalue()], (), Frame(40, 20, (10, 20)), face)
    assert shown.getpixel((shown.width // 2, shown.height // 2))[0] > 200  # type: ignore[index]
    edge = close_up(picture, Box(1, 0.0, 0.0, 1.0, 1.0))
    assert edge.size == picture.size


def test_the_page_in_immich_is_a_link_and_can_be_copied(tmp_path: Path) -> None:
    with running(SampleSidecar(5)) as server, terminal(server.url, tmp_path, size=(80, 24)) as screen:
        screen.wait_for("1 of 5")
        address = "http://immich-server:2283/photos/asset-5"
        while address not in screen.text:
            # What makes the address may still be on its way.
            screen.write(b"O")
            screen.settle(0.5)
        screen.settle(0.5)
        said = screen.said.decode(errors="replace")
    assert "http://immich-server:2283/photos/asset-5" in screen.text
    assert "\x1b]8;" in said
    assert ";http://immich-server:2283/photos/asset-5\x1b\\" in said


async def test_the_address_for_a_browser_can_be_set() -> None:
    async with driving(SampleSidecar(5), immich_url="https://photos.example/") as pilot:
        await loaded(pilot)
        await pilot.press("O")
        await until(
            pilot, lambda: "https://photos.example/photos/asset-5" in screen_text(pilot), "the address"
        )
        assert "set immich_url" not in screen_text(pilot)
    assert immich_page("http://a/", "x/y") == "http://a/photos/x%2Fy"
