"""What the tests of the page share: signing in, the queue as the API has it, and finding a photo."""

from __future__ import annotations

import re
import time
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, Error, Locator, Page, Request, Route, expect
from tests.live_sidecar import BASE, TOKEN, LiveSidecar

PATIENCE_MS = 90_000
expect.set_options(timeout=PATIENCE_MS)

DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


READING = re.compile(r"/review/(queue\?|items/\d+$)")
"""What the page asks by itself, as after news."""

MESSAGES_STAY = """{
  const later = window.setTimeout;
  window.setTimeout = (act, pause, ...more) =>
    later(act, pause === 8000 || pause === 12000 ? 3_600_000 : pause, ...more);
}"""
"""However slow the machine is, a message stands there until it is read and its Undo is clicked."""


def opened(
    chromium: Browser,
    live: LiveSidecar,
    *,
    phone: bool = False,
    light: bool = False,
    messages_stay: bool = True,
) -> Page:
    """The page, signed in, with its event stream. Whatever goes wrong in it fails the test (`said`)."""
    context = chromium.new_context(
        viewport=PHONE if phone else DESK,  # type: ignore[arg-type]
        has_touch=phone,
        is_mobile=phone,
        color_scheme="light" if light else "dark",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    if messages_stay:
        page.add_init_script(MESSAGES_STAY)
    said: list[str] = []
    foreign: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if "Refused to" in message.text else None)
    page.on("request", lambda request: None if _own(request.url, live) else foreign.append(request.url))
    page.said, page.foreign = said, foreign  # type: ignore[attr-defined]
    page.goto(live.url)
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(page.locator(".desk h2").first).to_be_visible()
    # The number comes with the first message of the event stream: what happens from now on is heard.
    expect(page.locator("#tab-review")).to_contain_text("(")
    return page


def visit(page: Page, live: LiveSidecar, where: str) -> None:
    """Go to an area. What the one before has drawn is gone then, and is not taken for the new one's."""
    page.locator("#main > *").evaluate_all("all => all.forEach((one) => { one.dataset.old = 'yes' })")
    page.goto(f"{live.url}/#{where}")
    expect(page.locator("#main > [data-old]")).to_have_count(0)


def resize(page: Page, width: int, height: int) -> None:
    """Give the window another size, and wait until the page has it."""
    page.set_viewport_size({"width": width, "height": height})
    wait_until(page, "([wide, high]) => innerWidth === wide && innerHeight === high", [width, height])


def _own(url: str, live: LiveSidecar) -> bool:
    return url.startswith((live.url, "data:", "blob:"))


def finished(page: Page) -> None:
    assert page.said == []  # type: ignore[attr-defined]
    assert page.foreign == []  # type: ignore[attr-defined]
    page.context.close()


def wait_until(page: Page, script: str, arg: object = None) -> None:
    """Until a function gives something true. Playwright's own wait evaluates text, which the page forbids."""
    end = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(script, arg):
        assert time.monotonic() < end, f"never true: {script}"
        page.wait_for_timeout(20)


def queue(live: LiveSidecar, category: str = "") -> list[dict]:
    path = f"{BASE}/review/queue/{category}" if category else f"{BASE}/review/queue"
    return list(live.client().get(path, params={"limit": 500}).json()["items"])


def shown(page: Page) -> str:
    return page.locator(".desk h2").first.inner_text()


def state(live: LiveSidecar, photo_id: int) -> str:
    return str(live.client().get(f"{BASE}/review/items/{photo_id}").json()["action"])


MARK = "one => { one.dataset.old = 'yes' }"
"""Marks what is drawn again, be it the same: what has no mark is new."""


def find(page: Page, item: dict) -> None:
    """Open an item wherever it stands in the queue: only rows in sight are drawn."""
    back = page.get_by_role("button", name="Back to the list")
    if back.is_visible():
        back.click()
    heading = page.locator(".desk h2").first
    heading.evaluate(MARK)
    with page.expect_response(re.compile(r"/review/queue\?.*search=")):
        page.get_by_role("searchbox").fill(item["filename"])
    page.get_by_role("searchbox").blur()
    # The search opens what it finds first, be it open or not: a gesture before that would be on a picture
    # that is replaced.
    expect(heading).not_to_have_attribute("data-old", "yes")
    expect(heading).to_have_text(item["filename"])
    page.locator(f"#row-{item['id']}").get_by_role("button").click()
    expect(page.locator(".desk h2").first).to_have_text(item["filename"])


def looked(page: Page) -> None:
    """What came by itself was in sight long enough that a key or a click can be meant for it."""
    page.wait_for_timeout(450)


def press(page: Page, key: str) -> None:
    """Press a key that decides about the photo in sight, again if that has only just come."""
    page.evaluate("() => document.querySelectorAll('.toast').forEach((one) => { one.dataset.old = 'yes' })")
    page.keyboard.press(key)
    if page.locator(".toast:not([data-old])", has_text="Look first").count():
        looked(page)
        press(page, key)


def too_small(targets: Locator) -> list[str]:
    """Those of the targets that a thumb misses, in one question to the browser."""
    return targets.evaluate_all(
        """all => all.filter((one) => {
          // A box in a label, and the frame of a face, are hit beside what is drawn of them.
          if (one.matches(".face") || one.closest("label")) return false;
          const box = one.getBoundingClientRect();
          return Math.min(box.width, box.height) < 44;
        }).map((one) => one.outerHTML)"""
    )


def open_category(page: Page, category: str) -> None:
    heading = page.locator(".desk h2").first
    heading.evaluate(MARK)
    page.get_by_role("button", name=re.compile(f"^{category.replace('_', ' ')}")).first.click()
    # Keys count for the photo in sight, and that is another one until this category is read.
    expect(heading).not_to_have_attribute("data-old", "yes")
    expect(page.locator(".position")).to_contain_text(category.replace("_", " "))


class Held:
    """Requests that match wait until they are let through with `go`, or lost with `lose`."""

    def __init__(self, page: Page, address: str | re.Pattern[str], method: str = "GET") -> None:
        self._page, self._method = page, method
        self._routes: list[Route] = []
        self._holds = True
        page.route(address, self._arrived)
        # That it is to ask first reaches the page on a way of its own, and a key could be faster.
        page.route("**/is-held", lambda route: route.fulfill(body=""))
        while not page.evaluate("() => fetch('/is-held').then((answer) => answer.ok)"):
            page.wait_for_timeout(10)

    def _arrived(self, route: Route, request: Request) -> None:
        if self._holds and request.method == self._method:
            self._routes.append(route)
        else:
            route.fallback()

    def wait(self, count: int = 1) -> None:
        for _ in range(PATIENCE_MS // 50):
            if len(self._routes) >= count:
                return
            self._page.wait_for_timeout(50)
        pytest.fail(f"{count} requests were waited for, {len(self._routes)} came")

    def go(self, *order: int) -> None:
        """Let them through, in this order, and whatever comes later."""
        self._holds = False
        for at in order or range(len(self._routes)):
            with self._page.expect_response(self._routes[at].request.url):
                self._routes[at].continue_()

    def release(self) -> None:
        """Let them through, if there are any and the page still waits for them."""
        self._holds = False
        for route in self._routes:
            with suppress(Error):
                route.continue_()

    def lose(self) -> None:
        self._holds = False
        for route in self._routes:
            route.abort()


def toasts(page: Page, text: str) -> None:
    expect(page.get_by_role("status").filter(has_text=text).first).to_be_visible()


def reach_for_undo(page: Page) -> None:
    """Put the pointer on the newest Undo: its message stays while a test asks the API this and that."""
    page.get_by_role("status").get_by_role("button", name="Undo").last.hover()


AREAS = {
    "review": ".actions",
    "faces": ".groups li",
    "statistics": ".goals li",
    "activity": ".events li",
    "people": ".cards li",
    "settings": ".field",
    "health": ".checks li",
}
"""The areas, and what shows that one is complete."""
