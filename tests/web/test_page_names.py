"""Names as people have them: from right to left, very long, with emoji and with markup, on every screen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.live_sidecar import BASE, LiveSidecar, live_sidecar
from tests.web.browser import AREAS, finished, opened, press, queue, resize, visit

from smartsort.demo.samples import make_samples

pytestmark = pytest.mark.timeout(600)

LONG = "Wolfeschlegelsteinhausenbergerdorff" * 6
NAMES = [
    "فاطمة الزهراء بنت محمد",
    "שרה בן־גוריון (אמא)",
    LONG[:200],
    "👩‍👩‍👧‍👦 Zoë 🇳🇴",
    "<img src=x onerror=document.title='broken'>&amp;",
    "Ana\u202eBob",
]
SCREENS = [(320, 700), (390, 844), (1440, 900)]


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    """A sidecar whose files and people bear these names."""
    root = tmp_path_factory.mktemp("names") / "root"
    make_samples(str(root / "inbox"), 60, size=(320, 240))
    photos = sorted(path for path in (root / "inbox").rglob("*.jp*g"))
    for number, path in enumerate(photos):
        stem = NAMES[number % len(NAMES)].replace("/", "∕").encode()[:200].decode(errors="ignore")
        os.rename(path, path.with_name(f"{stem} {number}{path.suffix}"))
    settings = {"immich.recheck_interval_seconds": 0.3}
    with live_sidecar(root, settings=settings, machine_learning=True) as running:
        running.wait_for(lambda: running.all_sorted(60), "the photos to be sorted", 300)
        running.run(running.sidecar.measure.measure_review())  # type: ignore[union-attr]
        rename(running)
        # From here on nothing that waits is looked at again.
        context = running.sidecar.context
        context.tuning = replace(context.tuning, recheck_interval_seconds=86_400)
        running.wait_for(lambda: running.run(running.rests()), "the stages to be at rest")
        yield running


def rename(live: LiveSidecar) -> None:
    """Give the people of Immich these names, the one with most photos first."""
    url = str(live.sidecar.settings.immich.url).rstrip("/")
    assert live.demo is not None
    key = {"x-api-key": live.demo.key}
    people = live.client().get(f"{BASE}/people").json()
    for person, name in zip(people, NAMES, strict=False):
        answer = httpx.put(f"{url}/api/people/{person['id']}", json={"name": name}, headers=key)
        assert answer.status_code == 200, answer.text
    expected = {name for _, name in zip(people, NAMES, strict=False)}

    def told() -> bool:
        return expected <= {one["name"] for one in live.client().get(f"{BASE}/people").json()}

    live.wait_for(told, "the new names")
    live.wait_for(lambda: any(one["suggested_person"] in expected for one in queue(live)), "them in review")


def too_wide(page: Page) -> list[str]:
    """What reaches beyond the screen, or beyond a box that cannot be scrolled sideways."""
    return page.evaluate(
        """() => {
          const wide = document.documentElement.clientWidth;
          const scrolls = (one) => { for (; one; one = one.parentElement) {
            if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(one).overflowX)
              && one.getBoundingClientRect().right <= wide + 1) return true;
          } return false; };
          const found = [];
          if (document.documentElement.scrollWidth > wide) found.push("the page itself");
          const main = document.getElementById("main");
          if (main.scrollWidth > main.clientWidth)
            found.push(`main: ${main.scrollWidth} of ${main.clientWidth}`);
          for (const one of document.querySelectorAll("#app *, dialog, dialog *, #toasts *")) {
            const box = one.getBoundingClientRect();
            const out = box.width && box.height && (box.right > wide + 1 || box.left < -1);
            if (out && !scrolls(one.parentElement) && !one.matches(".skip"))
              found.push(`${one.tagName}.${one.className}: ${box.left | 0} to ${box.right | 0}`);
          }
          return found;
        }"""
    )


@pytest.mark.parametrize("light", [False, True], ids=["dark", "light"])
def test_every_area_holds_every_name(chromium: Browser, named: LiveSidecar, light: bool) -> None:
    page = opened(chromium, named, light=light)
    for area, complete in AREAS.items():
        visit(page, named, area)
        expect(page.locator(complete).first).to_be_visible()
        for width, height in SCREENS:
            resize(page, width, height)
            assert (area, width, too_wide(page)) == (area, width, [])
    assert page.title() != "broken"
    finished(page)


def test_every_photo_and_dialog_holds_every_name(chromium: Browser, named: LiveSidecar) -> None:
    page = opened(chromium, named)
    items = queue(named)
    visit(page, named, f"review/{items[0]['id']}")
    # By key from photo to photo, and once over the list for each screen: less to wait for than a page each.
    for (width, height), key in zip(SCREENS, "jkj", strict=True):
        resize(page, width, height)
        for place, item in enumerate(items if key == "j" else reversed(items)):
            if place:
                page.keyboard.press(key)
            expect(page.locator(".desk h2").first).to_have_text(item["filename"])
            page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true })")
            assert (item["filename"], width, too_wide(page)) == (item["filename"], width, [])
    press(page, "P")
    expect(page.get_by_role("option").first).to_be_visible()
    for width, height in SCREENS:
        resize(page, width, height)
        assert ("picker", width, too_wide(page)) == ("picker", width, [])
    finished(page)


def test_a_name_from_right_to_left_stands_by_itself(chromium: Browser, named: LiveSidecar) -> None:
    """It turns nothing around that stands beside it, and an override in a name ends with the name."""
    page = opened(chromium, named)
    visit(page, named, "people")
    expect(page.locator(".cards li").first).to_be_visible()
    for name in NAMES:
        card = page.locator(".cards li").filter(has_text=name[:30]).first
        if card.count():
            expect(card.locator("bdi")).to_have_text(name)
            assert card.locator("bdi").evaluate("one => getComputedStyle(one).unicodeBidi") == "isolate"
    visit(page, named, "activity")
    expect(page.locator(".events li").first).to_be_visible()
    loose = page.evaluate(
        """() => [...document.querySelectorAll("#main *")].filter((one) => one.children.length === 0
          && /[\\u0590-\\u06ff\\u202e]/.test(one.textContent) && !one.closest("bdi, [dir=auto]"))
          .map((one) => one.outerHTML.slice(0, 120))"""
    )
    assert loose == []
    finished(page)
