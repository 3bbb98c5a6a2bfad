"""The page for whoever reads it with a screen reader, a thumb, a small screen, or without motion."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect
from tests.live_sidecar import LiveSidecar
from tests.web.browser import AREAS, READING, Held, finished, opened, queue, resize, too_small, visit

pytestmark = pytest.mark.timeout(600)

SAMPLES = 60


@pytest.mark.parametrize("light", [False, True], ids=["dark", "light"])
def test_a_screen_reader_finds_its_way(chromium: Browser, live: LiveSidecar, light: bool) -> None:
    page = opened(chromium, live, light=light)
    for area, complete in AREAS.items():
        visit(page, live, area)
        expect(page.locator(complete).first).to_be_visible()
        found = Axe().run(page)
        serious = [one for one in found.response["violations"] if one["impact"] in {"serious", "critical"}]
        listed = [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in serious]
        assert (area, listed) == (area, [])
    finished(page)


def test_it_fits_every_screen(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    for area, complete in AREAS.items():
        visit(page, live, area)
        expect(page.locator(complete).first).to_be_visible()
        for width in (320, 390, 768, 1024, 1440):
            resize(page, width, 700)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (area, width)
    finished(page)


def test_every_target_has_room_for_a_thumb(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live, phone=True)
    for area, complete in AREAS.items():
        visit(page, live, area)
        expect(page.locator(complete).first).to_be_visible()
        targets = "button:visible, select:visible, input:visible, summary:visible, nav a"
        assert (area, too_small(page.locator(targets))) == (area, [])
    several = next(one for one in queue(live) if one["faces_detected"] > 1)
    visit(page, live, f"review/{several['id']}")
    expect(page.locator(".desk h2").first).to_have_text(several["filename"])
    expect(page.locator(".frame img")).to_have_js_property("complete", value=True)
    hit = page.locator(".face").first.evaluate(
        """one => { const box = one.getBoundingClientRect();
        const reach = Math.max(box.width, 44) / 2 - 1;
        const hit = document.elementFromPoint(box.x + box.width / 2 - reach, box.y + box.height / 2);
        return hit === one ? "" : [hit?.outerHTML, JSON.stringify(box)].join(" ") }"""
    )
    assert hit == ""
    finished(page)


def test_nothing_moves_for_whoever_wants_that(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    for area in AREAS:
        visit(page, live, area)
        moving = page.evaluate(
            """() => [...document.querySelectorAll("*")].filter((one) => {
            const style = getComputedStyle(one);
            return parseFloat(style.transitionDuration) > 0 || style.animationName !== "none" }).length"""
        )
        assert (area, moving) == (area, 0)
    finished(page)


@pytest.mark.parametrize("opens", ["M", "?", "P", "w", "account", "session"])
def test_a_screen_reader_finds_its_way_in_dialogs(chromium: Browser, live: LiveSidecar, opens: str) -> None:
    page = opened(chromium, live)
    if opens == "account":
        page.get_by_role("button", name="Account of").click()
    elif opens == "session":
        # The click shall be what notices, and none of the requests that come by themselves.
        Held(page, READING)
        page.context.clear_cookies()
        page.get_by_role("button", name="Why").click()
        expect(page.get_by_label("Token")).to_be_visible()
    else:
        page.keyboard.press(opens)
    expect(page.get_by_role("dialog")).to_be_visible()
    if opens == "P":
        expect(page.get_by_role("option").first).to_be_visible()
    found = Axe().run(page)
    serious = [one for one in found.response["violations"] if one["impact"] in {"serious", "critical"}]
    assert [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in serious] == []
    # The focus is in the dialog and stays there.
    for _ in range(12):
        inside = page.evaluate(
            "Boolean(document.activeElement.closest('dialog')) || document.activeElement === document.body"
        )
        assert inside
        page.keyboard.press("Tab")
    finished(page)
