"""The page when something goes wrong: slow and lost answers, sessions that end, other tabs and other people.

Each test is about what the page shows and what is done: never one photo in sight and another decided.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Route, expect
from tests.live_sidecar import BASE, LiveSidecar
from tests.web.browser import (
    Held,
    find,
    finished,
    looked,
    open_category,
    opened,
    press,
    queue,
    reach_for_undo,
    shown,
    state,
    toasts,
    visit,
)

pytestmark = pytest.mark.timeout(600)

SAMPLES = 90

ITEM = re.compile(r"/review/items/\d+$")


def test_a_slow_answer_never_replaces_a_newer_one(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    _first, second, third, *_ = queue(live)
    items = Held(page, ITEM)
    page.keyboard.press("j")
    page.keyboard.press("j")
    items.wait(2)
    items.go(1, 0)
    expect(page.locator(".desk h2").first).to_have_text(third["filename"])
    page.wait_for_timeout(200)
    assert shown(page) == third["filename"]
    assert state(live, second["id"]) == "pending"
    finished(page)


def test_nothing_is_decided_before_its_photo_is_in_sight(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    first, second, third, *_ = queue(live)
    items = Held(page, ITEM)
    press(page, "s")
    toasts(page, "was skipped")
    items.wait()
    for key in "arsx":
        page.keyboard.press(key)
    page.get_by_role("group", name="Decide").get_by_role("button", name="Reject").click()
    items.go()
    expect(page.locator(".desk h2").first).to_have_text(second["filename"])
    assert [state(live, one["id"]) for one in (first, second, third)] == ["pending"] * 3
    items = Held(page, ITEM)
    page.keyboard.press("j")
    items.wait()
    press(page, "r")
    page.wait_for_timeout(200)
    items.go()
    expect(page.locator(".desk h2").first).to_have_text(third["filename"])
    assert [state(live, one["id"]) for one in (second, third)] == ["pending"] * 2
    finished(page)


def test_a_photo_that_cannot_be_read_can_be_tried_again(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    first, second, *_ = queue(live)
    page.route(ITEM, lambda route: route.abort())
    page.keyboard.press("j")
    toasts(page, "does not answer")
    press(page, "r")
    assert [state(live, one["id"]) for one in (first, second)] == ["pending"] * 2
    page.unroute(ITEM)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".desk h2").first).to_have_text(second["filename"])
    finished(page)


def test_an_undo_never_overtakes_the_decision_before_it(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    first, second, *_ = queue(live)
    rejecting = Held(page, f"**/review/{second['id']}/reject", "POST")
    press(page, "r")
    toasts(page, f"{first['filename']} was rejected")
    expect(page.locator(".desk h2").first).to_have_text(second["filename"])
    expect(page.locator(".desk")).not_to_have_attribute("aria-busy", "true")
    press(page, "r")
    rejecting.wait()
    page.wait_for_timeout(1600)
    page.keyboard.press("u")
    toasts(page, "has not answered yet")
    rejecting.go()
    toasts(page, f"{second['filename']} was rejected")
    assert [state(live, one["id"]) for one in (first, second)] == ["rejected"] * 2
    expect(page.locator(".desk")).not_to_have_attribute("aria-busy", "true")
    page.keyboard.press("u")
    toasts(page, "Taken back.")
    # It stands where it stood, and is open again.
    expect(page.locator(".desk h2").first).to_have_text(second["filename"])
    assert [state(live, one["id"]) for one in (first, second)] == ["rejected", "pending"]
    finished(page)


def test_a_decision_without_an_answer_is_looked_up(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    first, *_ = queue(live)

    def done_and_lost(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route(f"**/review/{first['id']}/reject", done_and_lost)
    press(page, "r")
    toasts(page, "does not answer")
    expect(page.locator(".decided")).to_have_text("It was rejected.")
    press(page, "s")
    assert state(live, first["id"]) == "rejected"
    finished(page)


def test_a_person_picked_for_a_photo_that_left_is_given_to_no_other(
    chromium: Browser, live: LiveSidecar
) -> None:
    page = opened(chromium, live)
    first, second, *_ = queue(live)
    press(page, "P")
    expect(page.get_by_role("option").first).to_be_visible()
    live.client().post(f"{BASE}/review/{first['id']}/reject")
    expect(page.locator(".desk h2").first).to_have_text(second["filename"])
    page.keyboard.press("Enter")
    toasts(page, f"{first['filename']} was decided meanwhile")
    assert [state(live, one["id"]) for one in (first, second)] == ["rejected", "pending"]
    finished(page)


def test_the_person_chosen_with_the_arrows_is_the_one(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    stranger = next(one for one in queue(live, "unidentified") if one["faces_detected"] == 1)
    find(page, stranger)
    press(page, "P")
    expect(page.get_by_role("option").nth(2)).to_be_visible()
    chosen = page.get_by_role("option").nth(2).locator("bdi").inner_text()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    toasts(page, "→ faces/")
    item = live.client().get(f"{BASE}/review/items/{stranger['id']}").json()
    assert item["action"] == "approved"
    assert any(event["data"].get("person") == chosen or chosen in event["text"] for event in item["history"])
    finished(page)


def test_enter_on_a_slow_line_takes_no_one_else(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    first, *_ = queue(live)
    press(page, "P")
    expect(page.get_by_role("option").first).to_be_visible()
    people = Held(page, "**/people?*")
    page.keyboard.type("Mia")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    people.wait(3)  # a search for each letter; Enter waits for the last of them
    page.wait_for_timeout(200)
    people.lose()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("does not answer")
    assert state(live, first["id"]) == "pending"
    # What was typed is still there, and Enter tries again.
    expect(page.get_by_role("combobox")).to_have_value("Mia")
    page.keyboard.press("Escape")
    assert state(live, first["id"]) == "pending"
    finished(page)


def test_an_older_filter_never_replaces_a_newer_one(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    lists = Held(page, "**/review/queue?*category=*")
    page.get_by_role("button", name=re.compile("^duplicates")).first.click()
    page.get_by_role("button", name=re.compile("^unidentified")).first.click()
    lists.wait(2)
    lists.go(1, 0)
    names = [one["filename"] for one in queue(live, "unidentified")]
    expect(page.locator(".row bdi").first).to_have_text(names[0])
    expect(page.locator(".position")).to_contain_text(f"of {len(names)}, unidentified")
    page.wait_for_timeout(200)
    assert page.locator(".row bdi").first.inner_text() == names[0]
    expect(page.locator(".position")).to_contain_text(f"of {len(names)}, unidentified")
    finished(page)


def test_a_list_that_cannot_be_read_stays_and_is_tried_again(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    rows = page.locator(".row").evaluate_all("all => all.map((one) => one.id)")
    page.route("**/review/queue?*", lambda route: route.abort())
    page.get_by_role("button", name=re.compile("^duplicates")).first.click()
    toasts(page, "does not answer")
    listed = page.locator(".row").evaluate_all("all => all.map((one) => one.id)")
    # An offer that comes above the list takes the room of a row.
    same = min(len(rows), len(listed))
    assert same > 1
    assert listed[:same] == rows[:same]
    page.unroute("**/review/queue?*")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".position")).to_contain_text("duplicates")
    finished(page)


def test_a_skipped_photo_of_a_short_list_stands_last(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    open_category(page, "duplicates")
    first, second, *_ = queue(live, "duplicates")
    press(page, "s")
    toasts(page, "was skipped")
    expect(page.locator(".desk h2").first).to_have_text(second["filename"])
    # The news of it come a moment later, and must not put it first again.
    with page.expect_response(re.compile("/review/queue")):
        live.client().post(f"{BASE}/review/{queue(live, 'unidentified')[0]['id']}/skip")
    expect(page.locator(".row bdi").last).to_have_text(first["filename"])
    listed = page.locator(".row bdi").all_inner_texts()
    assert listed == [one["filename"] for one in queue(live, "duplicates")]
    finished(page)


def test_what_is_taken_back_elsewhere_stands_at_its_place(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    before = [one["id"] for one in queue(live)][:8]
    ids = page.locator(".row").evaluate_all("rows => rows.map((row) => Number(row.id.slice(4)))")
    assert ids[:8] == before
    done = live.client().post(f"{BASE}/review/{before[4]}/reject").json()
    expect(page.locator(f"#row-{before[4]}")).to_have_count(0)
    live.client().post(f"{BASE}/undo", json={"event": done["event"]})
    expect(page.locator(f"#row-{before[4]}")).to_have_count(1)
    ids = page.locator(".row").evaluate_all("rows => rows.map((row) => Number(row.id.slice(4)))")
    assert ids[:8] == before
    finished(page)


def test_keys_in_a_dialog_decide_nothing(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    first, *_ = queue(live)
    page.keyboard.press("M")
    asked = page.get_by_role("dialog")
    # A click on text takes the focus off the buttons.
    asked.get_by_text("Nothing happens before").click()
    for key in "arsxu":
        page.keyboard.press(key)
    page.wait_for_timeout(200)
    expect(page.get_by_role("dialog")).to_have_count(1)
    assert state(live, first["id"]) == "pending"
    assert queue(live)[0]["id"] == first["id"]
    finished(page)


def test_keys_work_after_a_mark(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    first, second, *_ = queue(live)
    page.get_by_label(f"Mark {first['filename']}", exact=True).first.click()
    expect(page.get_by_role("group", name="Marked photos")).to_contain_text("1 marked")
    # The focus stays where it was, though the list is drawn again.
    assert page.evaluate("document.activeElement.id") == f"mark-{first['id']}"
    page.keyboard.press("j")
    expect(page.locator(".desk h2").first).to_have_text(second["filename"])
    finished(page)


def test_the_focus_goes_back_after_a_dialog(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    first, second, *_ = queue(live)
    why = page.get_by_role("button", name="Why")
    why.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(why).to_be_focused()
    # Also where the button was drawn again below the dialog.
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    live.client().post(f"{BASE}/review/{first['id']}/reject")
    expect(page.locator(".desk h2").first).to_have_text(second["filename"])
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Why")).to_be_focused()
    looked(page)
    # A decision by keyboard alone leaves the focus on the button of the next photo.
    page.get_by_role("group", name="Decide").get_by_role("button", name="Skip").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".desk h2").first).not_to_have_text(second["filename"])
    expect(page.get_by_role("group", name="Decide").get_by_role("button", name="Skip")).to_be_focused()
    finished(page)


def test_a_link_to_a_photo_that_is_gone_shows_the_queue(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    visit(page, live, "review/987654321")
    toasts(page, "987654321 is not in the review queue")
    first = queue(live)[0]
    expect(page.locator(".desk h2").first).to_have_text(first["filename"])
    # It can be decided about, as if nothing had been asked for.
    expect(page.locator(".desk")).not_to_have_attribute("aria-busy", "true")
    press(page, "s")
    toasts(page, f"{first['filename']} was skipped")
    finished(page)


def test_an_undo_from_another_area_breaks_nothing(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    first, *_ = queue(live)
    press(page, "r")
    toasts(page, "was rejected")
    page.get_by_role("link", name="People").click()
    reach_for_undo(page)
    expect(page.locator(".cards li").first).to_be_visible()
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    toasts(page, "Taken back.")
    assert state(live, first["id"]) == "pending"
    expect(page.locator(".toast.bad")).to_have_count(0)
    finished(page)
