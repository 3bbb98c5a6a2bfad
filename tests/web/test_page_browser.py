"""The page in a real browser: every action of the review, a phone, dark and light, and screen readers.

Chromium has to be installed; without one these tests are skipped, and `.ci/run` installs it.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import APIResponse, Browser, Response, Route, expect
from tests.live_sidecar import BASE, LiveSidecar
from tests.web.browser import (
    DESK,
    PHONE,
    find,
    finished,
    open_category,
    opened,
    press,
    queue,
    reach_for_undo,
    shown,
    state,
    visit,
    wait_until,
)

# The first test waits for the whole sidecar and its photos, too: a busy machine may be as slow as it likes.
pytestmark = pytest.mark.timeout(600)

SAMPLES = 90


def test_the_whole_review_by_keyboard(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    sure = next(one for one in queue(live) if one["suggested_person"])
    find(page, sure)
    press(page, "a")
    expect(page.get_by_role("status").filter(has_text="→ faces/")).to_be_visible()
    assert state(live, sure["id"]) == "approved"
    page.keyboard.press("u")
    expect(page.get_by_role("status").filter(has_text="Taken back.")).to_be_visible()
    assert state(live, sure["id"]) == "pending"
    # The undo ends by opening it again. What is done before that would be overtaken.
    expect(page.locator(".desk h2").first).to_have_text(sure["filename"])
    page.keyboard.press("Escape")

    page.get_by_role("searchbox").fill("")
    page.get_by_role("searchbox").blur()
    expect(page.locator(".rows .row")).not_to_have_count(1)
    # The rows are drawn before the first of them is opened.
    first = queue(live)[0]["filename"]
    expect(page.locator(".desk h2").first).to_have_text(first)
    page.keyboard.press("j")
    expect(page.locator(".desk h2").first).not_to_have_text(first)
    expect(page.get_by_role("navigation", name="Photos")).to_contain_text(f"2 of {len(queue(live))}")
    page.get_by_role("button", name="Previous photo").click()
    expect(page.locator(".desk h2").first).to_have_text(first)
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator(".desk h2").first).to_have_text(first)
    before = queue(live)
    press(page, "r")
    expect(page.get_by_role("status").filter(has_text="was rejected")).to_be_visible()
    assert state(live, before[0]["id"]) == "rejected"
    # A key counts once the next photo is open: before that, it would be for a photo that you have not seen.
    expect(page.locator(".desk h2").first).to_have_text(before[1]["filename"])
    press(page, "s")
    expect(page.get_by_role("status").filter(has_text="was skipped")).to_be_visible()
    assert [one["id"] for one in queue(live)][-1] == before[1]["id"]
    expect(page.locator(".desk h2").first).to_have_text(before[2]["filename"])
    page.keyboard.press("w")
    expect(page.get_by_role("dialog").get_by_role("heading", name="Why")).to_be_visible()
    finished(page)


def test_a_key_held_down_decides_once(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    count = len(queue(live))
    for _ in range(8):
        page.keyboard.down("r")
    page.keyboard.up("r")
    expect(page.get_by_role("status").filter(has_text="was rejected")).to_be_visible()
    assert len(queue(live)) == count - 1
    finished(page)


def test_a_new_person_and_one_by_type_ahead(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    open_category(page, "unidentified")
    stranger = next(one for one in queue(live, "unidentified") if one["faces_detected"] == 1)
    find(page, stranger)
    press(page, "P")
    # Typed in one burst: what is chosen belongs to the whole name and not to its beginning.
    page.keyboard.type("Mia <b>Lindgren")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="→ faces/mia")).to_be_visible()
    # A picker shows whom Immich knows by now, and looks once for what is typed.
    people = live.client()
    live.wait_for(lambda: "Mia <b>Lindgren" in people.get(f"{BASE}/people").text, "the new person")
    other = queue(live, "unidentified")[0]
    find(page, other)
    press(page, "P")
    page.keyboard.type("mia")
    expect(page.get_by_role("option", name="Mia <b>Lindgren", exact=False).first).to_be_visible()
    page.keyboard.press("Enter")
    expect(
        page.get_by_role("status").filter(has_text=re.compile(f"{re.escape(other['filename'])} → faces/mia"))
    ).to_be_visible()
    finished(page)


def test_not_this_person(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    sure = next(one for one in queue(live) if one["suggested_person"])
    find(page, sure)
    press(page, "x")
    expect(
        page.get_by_role("status").filter(has_text=f"does not show {sure['suggested_person']}")
    ).to_be_visible()
    assert state(live, sure["id"]) == "pending"
    finished(page)


def test_duplicates_stand_side_by_side_and_are_rejected_together(
    chromium: Browser, live: LiveSidecar
) -> None:
    page = opened(chromium, live)
    open_category(page, "duplicates")
    expect(page.locator(".photo.other img")).to_be_visible()
    expect(page.locator(".copies")).to_contain_text("The other copy")
    count = len(queue(live, "duplicates"))
    page.keyboard.press("M")
    page.get_by_role("dialog").get_by_role("button", name="Reject").click()
    asked = page.get_by_role("dialog").filter(has_text=f"reject {count} photos?")
    expect(asked).to_be_visible()
    assert len(queue(live, "duplicates")) == count
    asked.get_by_role("button", name="Do it").click()
    expect(page.get_by_role("status").filter(has_text=f"{count} done")).to_be_visible()
    reach_for_undo(page)
    assert queue(live, "duplicates") == []
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status").filter(has_text="Taken back.")).to_be_visible()
    assert len(queue(live, "duplicates")) == count
    finished(page)


def test_a_group_of_strangers_is_named_once_and_taken_back(chromium: Browser, live: LiveSidecar) -> None:
    live.run(live.sidecar.measure.measure_review())  # type: ignore[union-attr]
    page = opened(chromium, live)
    visit(page, live, "faces")
    group = page.locator(".groups li").filter(has=page.get_by_role("button", name="Name…")).first
    expect(group.get_by_role("img")).to_be_visible()
    waiting = len(queue(live))
    group.get_by_role("button", name="Name…").click()
    page.keyboard.type("Solveig")
    page.keyboard.press("Enter")
    asked = page.get_by_role("dialog").filter(has_text="photos: Solveig?")
    expect(asked).to_be_visible()
    assert len(queue(live)) == waiting
    asked.get_by_role("button", name="Do it").click()
    done = page.get_by_role("status").filter(has_text=" done.")
    expect(done).to_be_visible()
    reach_for_undo(page)
    assert len(queue(live)) < waiting
    done.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status").filter(has_text="Taken back.")).to_be_visible()
    assert len(queue(live)) == waiting
    finished(page)


def test_an_older_list_of_strangers_never_replaces_a_newer_one(chromium: Browser, live: LiveSidecar) -> None:
    live.run(live.sidecar.measure.measure_review())  # type: ignore[union-attr]
    page = opened(chromium, live)
    visit(page, live, "faces")
    groups = page.locator(".groups li").filter(has=page.get_by_role("button", name="Name…"))
    expect(groups.first).to_be_visible()
    count = groups.count()
    held: list[tuple[Route, APIResponse]] = []

    def arrived(route: Route) -> None:
        if held:
            route.fallback()
        else:
            held.append((route, route.fetch()))

    page.route("**/strangers", arrived)
    groups.first.get_by_role("button", name="Ignore").click()
    page.get_by_role("dialog").get_by_role("button", name="Do it").click()
    reach_for_undo(page)
    while not held:
        page.wait_for_timeout(20)
    with page.expect_response("**/strangers"):
        page.get_by_role("status").get_by_role("button", name="Undo").last.click()
    route, answer = held[0]
    with page.expect_response("**/strangers"):
        route.fulfill(response=answer)
    page.wait_for_timeout(200)
    expect(groups).to_have_count(count)
    finished(page)


def test_what_the_terminal_decides_leaves_the_page(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    first = queue(live)[0]
    expect(page.locator(".desk h2").first).to_have_text(first["filename"])
    live.client().post(f"{BASE}/review/{first['id']}/reject")
    expect(page.locator(f"#row-{first['id']}")).to_have_count(0)
    expect(page.locator(".desk h2").first).not_to_have_text(first["filename"])
    finished(page)


def test_a_conflict_is_explained_and_nothing_is_done_twice(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    first = queue(live)[0]
    # The stream is cut off, so that the page cannot know.
    page.route("**/events/stream", lambda route: route.abort())
    page.reload()
    expect(page.locator(".desk h2").first).to_have_text(first["filename"])
    live.client().post(f"{BASE}/review/{first['id']}/reject")
    press(page, "s")
    expect(page.locator(".toast.bad")).to_contain_text("already")
    assert state(live, first["id"]) == "rejected"
    finished(page)


def test_every_photo_by_touch(chromium: Browser, live: LiveSidecar) -> None:
    """One tap or swipe for each photo, on a screen of 390 by 844."""
    page = opened(chromium, live, phone=True)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    taps = 0
    for _ in range(6):
        name = shown(page)
        page.get_by_role("group", name="Decide").get_by_role("button", name="Skip").tap()
        taps += 1
        expect(page.locator(".desk h2").first).not_to_have_text(name)
    assert taps == 6
    for box in page.locator(".actions button:visible").all():
        size = box.bounding_box()
        assert size is not None
        assert min(size["width"], size["height"]) >= 44
    finished(page)


@pytest.mark.parametrize(
    ("way", "says"), [("right", "→ faces/"), ("up", "was skipped"), ("left", "does not show")]
)
def test_swipes(chromium: Browser, live: LiveSidecar, way: str, says: str) -> None:
    page = opened(chromium, live, phone=True)
    sure = next(one for one in queue(live) if one["suggested_person"])
    find(page, sure)
    # A picture that is still to come moves what is under the finger.
    wait_until(page, "() => document.querySelector('.frame img').naturalWidth > 0")
    box = page.locator(".photo").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 + 60
    dx, dy = {"right": (160, 5), "left": (-160, 5), "up": (5, -160)}[way]
    touch = page.context.new_cdp_session(page)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for part in range(1, 9):
        at = {"x": x + dx * part / 8, "y": y + dy * part / 8}
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [at]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.get_by_role("status").filter(has_text=says)).to_be_visible()
    finished(page)


def test_a_link_signs_in_and_leaves_no_trace(chromium: Browser, live: LiveSidecar) -> None:
    path = live.client().post(f"{BASE}/session/link").json()["path"]
    page = chromium.new_page()
    page.goto(live.url + path)
    expect(page.get_by_role("navigation", name="Areas")).to_be_visible()
    assert "link=" not in page.url
    page.close()


def test_it_weighs_little(chromium: Browser, live: LiveSidecar) -> None:
    context = chromium.new_context(viewport=DESK)  # type: ignore[arg-type]
    page = context.new_page()
    answers: list[Response] = []

    def came(answer: Response) -> None:
        answers.append(answer)

    page.on("response", came)
    page.goto(live.url)
    expect(page.get_by_label("Token")).to_be_visible()
    sizes = {answer.url: len(answer.body()) for answer in answers if "/page/" in answer.url}
    assert 10 < sum(sizes.values()) / 1000 < 100, sorted(sizes.items())
    # Less than half of that goes over the line.
    script = context.request.get(f"{live.url}/page/review.js")
    assert script.headers["content-encoding"] == "gzip"
    context.close()
