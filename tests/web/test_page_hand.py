"""What is under a hand stays: the page is drawn again, and no click, key or choice is lost or misdirected."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.live_sidecar import BASE, LiveSidecar
from tests.web.browser import (
    Held,
    find,
    finished,
    looked,
    opened,
    press,
    queue,
    resize,
    shown,
    state,
    toasts,
    wait_until,
)

pytestmark = pytest.mark.timeout(600)

SAMPLES = 60

ITEM = re.compile(r"/review/items/\d+$")


def skip_the_last(live: LiveSidecar) -> None:
    """News of a photo that stays where it stands: all that changes is that the list is read again."""
    live.client().post(f"{BASE}/review/{queue(live)[-1]['id']}/skip")


def without_offers(page: Page) -> None:
    """No offer comes above the list from now on, and moves it from under the pointer."""
    none = {"x-offers": "none"}
    page.route("**/review/offers", lambda route: route.fulfill(json=[], headers=none))
    with page.expect_response(lambda answer: "x-offers" in answer.headers):
        pass
    expect(page.locator(".offer")).to_be_hidden()


def test_a_click_on_a_row_counts_though_the_list_is_read_again(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    without_offers(page)
    *_, third = queue(live)[:3]
    page.locator(f"#open-{third['id']}").hover()
    page.mouse.down()
    with page.expect_response(re.compile("/review/queue")):
        skip_the_last(live)
    page.wait_for_timeout(100)
    page.mouse.up()
    expect(page.locator(".desk h2").first).to_have_text(third["filename"])
    finished(page)


def test_a_click_on_a_category_counts_though_the_list_is_read_again(
    chromium: Browser, live: LiveSidecar
) -> None:
    page = opened(chromium, live)
    without_offers(page)
    page.get_by_role("button", name=re.compile("^unidentified")).first.hover()
    page.mouse.down()
    with page.expect_response(re.compile("/review/queue")):
        skip_the_last(live)
    page.wait_for_timeout(100)
    page.mouse.up()
    expect(page.get_by_role("button", name=re.compile("^unidentified")).first).to_have_attribute(
        "aria-pressed", "true"
    )
    finished(page)


def test_a_late_answer_takes_no_one_back_who_went_on(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    first, _second, third, *_ = queue(live)
    rejecting = Held(page, "**/reject", "POST")
    press(page, "r")
    rejecting.wait()
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator(".desk h2").first).to_have_text(third["filename"])
    rejecting.go()
    toasts(page, f"{first['filename']} was rejected")
    expect(page.locator(f"#row-{first['id']}")).to_have_count(0)
    page.wait_for_timeout(200)
    assert shown(page) == third["filename"]
    assert page.locator(f"#open-{third['id']}").get_attribute("aria-current") == "true"
    finished(page)


KEY_AS_IT_COMES = """key => new MutationObserver((_, watch) => {
  if (document.querySelector(".desk h2")?.textContent !== window.before) {
    watch.disconnect();
    document.body.dispatchEvent(window.early || new KeyboardEvent("keydown", { key, bubbles: true }));
    window.pressed = true;
  }
}).observe(document.querySelector(".desk"), { childList: true, subtree: true })"""


def test_a_key_pressed_as_a_photo_comes_by_itself_is_not_meant_for_it(
    chromium: Browser, live: LiveSidecar
) -> None:
    page = opened(chromium, live)
    first, second, *_ = queue(live)
    page.evaluate("name => { window.before = name }", first["filename"])
    page.evaluate(KEY_AS_IT_COMES, "r")
    live.client().post(f"{BASE}/review/{first['id']}/reject")
    wait_until(page, "() => window.pressed")
    toasts(page, "Look first")
    looked(page)
    assert state(live, second["id"]) == "pending"
    # Who has seen it decides.
    press(page, "r")
    toasts(page, f"{second['filename']} was rejected")
    finished(page)


def test_a_key_pressed_before_the_photo_was_drawn_is_not_meant_for_it(
    chromium: Browser, live: LiveSidecar
) -> None:
    """On a busy machine a key reaches the page after the photo that it was pressed before."""
    page = opened(chromium, live)
    first, second, *_ = queue(live)
    page.evaluate("name => { window.before = name }", first["filename"])
    page.evaluate("() => { window.early = new KeyboardEvent('keydown', { key: 'r', bubbles: true }) }")
    page.evaluate(KEY_AS_IT_COMES, "r")
    page.keyboard.press("j")
    wait_until(page, "() => window.pressed")
    page.wait_for_timeout(300)
    assert [state(live, one["id"]) for one in (first, second)] == ["pending"] * 2
    finished(page)


def test_arrow_and_enter_typed_behind_a_name_mean_who_is_found(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    client = live.client()
    found = {
        letter: client.get(f"{BASE}/people", params={"search": letter, "limit": 50}).json()
        for letter in "aeio"
    }
    letter, people = next((letter, people) for letter, people in found.items() if len(people) > 1)
    first, *_ = queue(live)
    press(page, "P")
    expect(page.get_by_role("option").nth(1)).to_be_visible()
    answers = Held(page, "**/people?*")
    with page.expect_request("**/approve") as approved:
        for key in (letter, "ArrowDown", "Enter"):
            page.keyboard.press(key)
        answers.wait()
        answers.go()
    assert approved.value.post_data_json["person"] == {"id": people[1]["id"]}
    toasts(page, f"{first['filename']} → faces/")
    finished(page)


def test_whom_immich_does_not_know_yet_can_be_chosen_and_no_face_is_asked_for(
    chromium: Browser, live: LiveSidecar
) -> None:
    page = opened(chromium, live)
    one = live.client().get(f"{BASE}/people").json()[0]
    new = {**one, "id": "new Quentin Q", "name": "Quentin Q", "to_come": True}
    page.route("**/people?*", lambda route: route.fulfill(json=[new, one]))
    faces: list[str] = []
    page.on("request", lambda request: faces.append(request.url) if "new%20Quentin" in request.url else None)
    press(page, "P")
    expect(page.get_by_role("option").first).to_have_text(re.compile("Quentin Q"))
    expect(page.get_by_role("option").first.locator(".plus")).to_be_visible()
    page.route("**/approve", lambda route: route.abort())
    with page.expect_request("**/approve") as approved:
        page.keyboard.press("Enter")
    assert approved.value.post_data_json["person"] == {"id": new["id"]}
    assert faces == []
    page.context.close()


def test_an_explanation_belongs_to_the_photo_in_sight_and_comes_once(
    chromium: Browser, live: LiveSidecar
) -> None:
    page = opened(chromium, live)
    _first, second, *_ = queue(live)
    explained = Held(page, "**/explain")
    page.keyboard.press("w")
    explained.wait()
    page.keyboard.press("j")
    expect(page.locator(".desk h2").first).to_have_text(second["filename"])
    explained.go()
    page.wait_for_timeout(200)
    expect(page.get_by_role("dialog")).to_have_count(0)
    twice = Held(page, "**/explain")
    page.keyboard.press("w")
    page.keyboard.press("w")
    twice.wait(2)
    twice.go()
    expect(page.get_by_role("dialog")).to_have_count(1)
    finished(page)


def test_a_photo_drawn_again_is_read_on_from_the_same_place(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    several = next(one for one in queue(live) if one["faces_detected"] > 1)
    find(page, several)
    resize(page, 1440, 420)
    about = page.locator(".about")
    about.evaluate("one => { one.scrollTop = 120 }")
    assert about.evaluate("one => one.scrollTop") == 120
    drawn = about.element_handle()
    page.keyboard.press("o")
    wait_until(page, "one => !one.isConnected", drawn)
    assert about.evaluate("one => one.scrollTop") == 120
    finished(page)


def undo_button(page: Page) -> None:
    expect(page.get_by_role("status").get_by_role("button", name="Undo")).to_have_count(1)


def test_a_message_does_not_go_from_under_the_pointer(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live, messages_stay=False)
    page.clock.install()
    page.reload()
    expect(page.locator(".desk h2").first).to_be_visible()
    press(page, "s")
    toasts(page, "was skipped")
    page.get_by_role("status").get_by_role("button", name="Undo").hover()
    page.clock.fast_forward(20_000)
    undo_button(page)
    page.mouse.move(5, 5)
    page.clock.fast_forward(2_000)
    expect(page.locator(".toast")).to_have_count(0)
    finished(page)
