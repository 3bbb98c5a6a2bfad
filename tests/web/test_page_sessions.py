"""Sessions that end, other tabs, and a dead line: nothing is done in another name, and nothing is lost."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from tests.live_sidecar import BASE, INTAKE_TOKEN, REVIEW_TOKEN, TOKEN, LiveSidecar
from tests.web.browser import READING, Held, finished, opened, press, queue, state, toasts

pytestmark = pytest.mark.timeout(600)

SAMPLES = 40


def sign_in_again(page: Page, token: str = TOKEN) -> None:
    asked = page.get_by_role("dialog", name="smartsort")
    expect(asked).to_be_visible()
    asked.get_by_label("Token").fill(token)
    page.keyboard.press("Enter")


def test_a_session_that_ends_asks_and_then_does_what_was_meant(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    first, second, *_ = queue(live)
    # The key shall be what notices, and none of the requests that come by themselves.
    reading = Held(page, READING)
    page.context.clear_cookies()
    press(page, "r")
    sign_in_again(page)
    reading.release()
    toasts(page, f"{first['filename']} was rejected")
    expect(page.locator(".desk h2").first).to_have_text(second["filename"])
    assert state(live, first["id"]) == "rejected"
    finished(page)


def test_a_session_that_ends_keeps_what_was_typed(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    first, *_ = queue(live)
    press(page, "P")
    expect(page.get_by_role("option").first).to_be_visible()
    # What is typed shall be what notices, and none of the requests that come by themselves.
    reading = Held(page, READING)
    page.context.clear_cookies()
    # One letter: of several, one might be refused only after whoever was asked has said no.
    page.keyboard.type("W")
    asked = page.get_by_role("dialog", name="smartsort")
    expect(asked).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "token"
    # Whoever does not sign in now loses nothing.
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("Your session is over")
    expect(page.get_by_role("combobox")).to_have_value("W")
    page.get_by_role("combobox").fill("Wilhelmine")
    sign_in_again(page)
    reading.release()
    expect(page.get_by_role("option", name="New person: Wilhelmine")).to_be_visible()
    expect(page.get_by_role("combobox")).to_have_value("Wilhelmine")
    assert state(live, first["id"]) == "pending"
    page.get_by_role("combobox").press("Enter")
    toasts(page, "→ faces/wilhelmine")
    finished(page)


def test_a_refusal_that_comes_after_the_sign_in_asks_no_second_time(
    chromium: Browser, live: LiveSidecar
) -> None:
    page = opened(chromium, live)
    press(page, "P")
    expect(page.get_by_role("option").first).to_be_visible()
    late: list[Route] = []
    page.route("**/people?*", lambda route: route.fallback() if late else late.append(route))
    page.keyboard.type("W")
    while not late:
        page.wait_for_timeout(20)
    reading = Held(page, READING)
    page.context.clear_cookies()
    page.keyboard.type("i")
    sign_in_again(page)
    reading.release()
    expect(page.get_by_role("option", name="New person: Wi")).to_be_visible()
    with page.expect_response(late[0].request.url):
        late[0].fulfill(status=401, json={"detail": "The session is over."})
    page.wait_for_timeout(200)
    expect(page.get_by_role("dialog", name="smartsort")).to_have_count(0)
    expect(page.get_by_role("combobox")).to_have_value("Wi")
    finished(page)


def test_another_person_who_signs_in_starts_over(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    first, *_ = queue(live)
    reading = Held(page, READING)
    page.context.clear_cookies()
    press(page, "r")
    sign_in_again(page, REVIEW_TOKEN)
    reading.release()
    expect(page.get_by_role("button", name="Account of reviewer")).to_be_visible()
    assert state(live, first["id"]) == "pending"
    finished(page)


def test_two_tabs(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    first, second, *_ = queue(live)
    # Signing in again in another tab gives a new session, whose word the first tab does not know.
    other = page.context.new_page()
    other.goto(live.url)
    expect(other.locator(".desk h2").first).to_be_visible()
    other.evaluate(
        """([base, token]) => fetch(`${base}/session`, { method: "POST",
        headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }) })""",
        [BASE, TOKEN],
    )
    press(page, "r")
    toasts(page, f"{first['filename']} was rejected")
    # What one tab decides leaves the other.
    for tab in (page, other):
        expect(tab.locator(".desk h2").first).to_have_text(second["filename"])
    # Someone else signs in beside it: nothing is done in their name.
    other.evaluate(
        """([base, token]) => fetch(`${base}/session`, { method: "POST",
        headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }) })""",
        [BASE, INTAKE_TOKEN],
    )
    press(page, "r")
    toasts(page, "Another tab has signed in as downloader")
    assert state(live, second["id"]) == "pending"
    finished(page)


def test_what_happens_while_the_line_is_dead_is_caught_up(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    first, second, third, *_ = queue(live)
    page.route("**/events/stream", lambda route: route.abort())
    page.context.set_offline(True)
    press(page, "r")
    toasts(page, "does not answer")
    assert state(live, first["id"]) == "pending"
    live.client().post(f"{BASE}/review/{second['id']}/reject")
    page.unroute("**/events/stream")
    page.context.set_offline(False)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator(f"#row-{second['id']}")).to_have_count(0)
    expect(page.locator(".desk")).not_to_have_attribute("aria-busy", "true")
    page.keyboard.press("j")
    expect(page.locator(".desk h2").first).to_have_text(third["filename"])
    finished(page)


def test_a_lost_connection_is_said(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    page.route("**/events/stream", lambda route: route.abort())
    page.reload()
    expect(page.locator("#state")).to_have_text("No connection to smartsort")
    page.unroute("**/events/stream")
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("#state")).not_to_have_text("No connection to smartsort")
    finished(page)
