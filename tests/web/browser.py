"""What the tests of the page share: signing in, the queue as the API has it, and finding a photo."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect
from tests.live_sidecar import BASE, TOKEN, LiveSidecar

PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)

DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


def opened(chromium: Browser, live: LiveSidecar, *, phone: bool = False, light: bool = False) -> Page:
    """The page, signed in. Whatever goes wrong in it fails the test (`said`)."""
    context = chromium.new_context(
        viewport=PHONE if phone else DESK,  # type: ignore[arg-type]
        has_touch=phone,
        is_mobile=phone,
        color_scheme="light" if light else "dark",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
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
    return page


def _own(url: str, live: LiveSidecar) -> bool:
    return url.startswith((live.url, "data:", "blob:"))


def finished(page: Page) -> None:
    assert page.said == []  # type: ignore[attr-defined]
    assert page.foreign == []  # type: ignore[attr-defined]
    page.context.close()


def queue(live: LiveSidecar, category: str = "") -> list[dict]:
    path = f"{BASE}/review/queue/{category}" if category else f"{BASE}/review/queue"
    return list(live.client().get(path, params={"limit": 500}).json()["items"])


def shown(page: Page) -> str:
    return page.locator(".desk h2").first.inner_text()


def state(live: LiveSidecar, photo_id: int) -> str:
    return str(live.client().get(f"{BASE}/review/items/{photo_id}").json()["action"])


def find(page: Page, item: dict) -> None:
    """Open an item wherever it stands in the queue: only rows in sight are drawn."""
    back = page.get_by_role("button", name="Back to the list")
    if back.is_visible():
        back.click()
    page.get_by_role("searchbox").fill(item["filename"])
    page.get_by_role("searchbox").blur()
    # The search opens what it finds first; a gesture before that would be on a picture that is replaced.
    expect(page.locator(".desk h2").first).to_have_text(item["filename"])
    page.locator(f"#row-{item['id']}").get_by_role("button").click()
    expect(page.locator(".desk h2").first).to_have_text(item["filename"])


def open_category(page: Page, category: str) -> None:
    page.get_by_role("button", name=re.compile(f"^{category.replace('_', ' ')}")).first.click()
    # Keys count for the photo in sight, and that is one of another category until this one is read.
    expect(page.locator(".position")).to_contain_text(category.replace("_", " "))


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
