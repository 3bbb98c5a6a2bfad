"""The other areas while news come: what is half typed, ticked or open there stays, answers are shown once."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import APIResponse, Browser, Page, Route, expect
from tests.live_sidecar import BASE, NOTHING_BY_ITSELF, LiveSidecar, live_sidecar
from tests.web.browser import Held, finished, opened, queue, toasts, visit, wait_until

from smartsort.demo.samples import iter_strangers

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    root = tmp_path_factory.mktemp("areas") / "root"
    count = len(list(iter_strangers(root / "inbox")))
    with live_sidecar(root, settings=NOTHING_BY_ITSELF, machine_learning=True) as running:
        running.wait_for(lambda: running.all_sorted(count), "the strangers", 300)
        running.run(running.sidecar.measure.measure_review())  # type: ignore[union-attr]
        yield running


def groups(page: Page, live: LiveSidecar) -> list[dict]:
    """The groups of strangers that are shown, as the API has them."""
    visit(page, live, "faces")
    found = live.client().get(f"{BASE}/strangers").json()["groups"]
    several = [one for one in found if len(one["faces"]) > 1]
    # Near misses and spot checks are cards, too, and may be there before the strangers.
    expect(page.locator(f"[id='{several[0]['id']}']")).to_be_visible()
    return several


def test_a_number_that_is_half_typed_outlasts_news(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    visit(page, live, "statistics")
    expect(page.locator(".goals li").first).to_be_visible()
    page.get_by_role("spinbutton", name="days").press("ControlOrMeta+a")
    page.keyboard.type("9")
    with page.expect_response(re.compile("stats/summary")):
        live.client().post(f"{BASE}/review/{queue(live)[-1]['id']}/skip")
    with page.expect_request(lambda request: "summary?days=90" in request.url):
        page.keyboard.type("0")
        page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Month")).to_have_attribute("aria-pressed", "false")
    finished(page)


def test_who_was_left_out_stays_left_out_when_the_list_is_read_again(
    chromium: Browser, live: LiveSidecar
) -> None:
    page = opened(chromium, live)
    first, second, *_ = groups(page, live)
    cards = page.locator(".groups li")
    out = second["faces"][0]
    cards.nth(1).locator("summary").click()
    cards.nth(1).get_by_role("checkbox").first.check()
    # A decision about another group, and its undo, draw all of them again.
    with page.expect_response(re.compile("/strangers$")):
        cards.nth(0).get_by_role("button", name="Ignore").click()
        page.get_by_role("dialog").get_by_role("button", name="Do it").click()
    toasts(page, " done.")
    with page.expect_response(re.compile("/strangers$")):
        page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(page.locator(f"[id='left-{first['faces'][0]['id']}']")).to_be_visible()
    opened_ones = page.locator("details[open]")
    expect(opened_ones).to_have_count(1)
    expect(opened_ones.get_by_role("checkbox").first).to_be_checked()
    card = cards.filter(has=page.locator("details[open]"))
    with page.expect_request(re.compile("/strangers/mark")) as asked:
        card.get_by_role("button", name="Not a face").click()
    chosen = [face for faces in asked.value.post_data_json["faces"].values() for face in faces]
    assert sorted(chosen) == sorted(face["id"] for face in second["faces"] if face["id"] != out["id"])
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    finished(page)


def test_enter_held_down_answers_one_question(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    groups(page, live)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    page.locator(".groups li").first.get_by_role("button", name="Name…").focus()
    page.keyboard.down("Enter")
    expect(page.get_by_role("option").first).to_be_visible()
    for _ in range(5):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    page.wait_for_timeout(200)
    expect(page.get_by_role("dialog")).to_have_count(1)
    assert asked == []
    page.keyboard.press("Escape")
    visit(page, live, "review")
    expect(page.locator(".desk h2").first).to_be_visible()
    before = [one["id"] for one in queue(live)]
    page.get_by_role("group", name="Decide").get_by_role("button", name="Skip").focus()
    first = page.locator(".desk h2").first.inner_text()
    page.keyboard.down("Enter")
    expect(page.locator(".desk h2").first).not_to_have_text(first)
    for _ in range(5):
        page.keyboard.down("Enter")
        page.wait_for_timeout(50)
    page.keyboard.up("Enter")
    assert [one["id"] for one in queue(live)] == [*before[1:], before[0]]
    finished(page)


def test_a_double_click_asks_once(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    groups(page, live)
    foreseen = Held(page, "**/strangers/mark", "POST")
    page.locator(".groups li").first.get_by_role("button", name="Ignore").dblclick()
    foreseen.wait()
    foreseen.go()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.wait_for_timeout(200)
    expect(page.get_by_role("dialog")).to_have_count(1)
    finished(page)


def test_a_list_of_people_that_is_open_stays_open(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    visit(page, live, "people")
    lists = page.get_by_role("combobox")
    expect(lists.nth(1)).to_be_visible()
    other = lists.nth(1).element_handle()
    drawn = lists.nth(0).element_handle()
    chosen = lists.nth(0).get_attribute("id")
    lists.nth(0).select_option("blacklist")
    toasts(page, "is unwanted now")
    wait_until(page, "one => !one.isConnected", drawn)
    expect(page.locator(f"#{chosen}")).to_have_value("blacklist")
    assert other.evaluate("one => one.isConnected")
    # What could not be done is not shown as done.
    page.route("**/config/blacklist", lambda route: route.abort())
    page.locator(f"#{chosen}").select_option("")
    toasts(page, "does not answer")
    expect(page.locator(f"#{chosen}")).to_have_value("blacklist")
    page.unroute("**/config/blacklist")
    page.locator(f"#{chosen}").select_option("")
    toasts(page, "is on no list now")
    finished(page)


def test_what_is_typed_while_settings_are_saved_stays(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    visit(page, live, "settings")
    faces = page.get_by_label("Most faces on a photo")
    before = faces.input_value()
    faces.fill("17")
    saving = Held(page, "**/config", "PATCH")
    page.get_by_role("button", name="Save").click()
    saving.wait()
    page.get_by_label("Smallest face that counts").fill("0.017")
    form = page.locator("fieldset").element_handle()
    saving.go()
    toasts(page, "Saved.")
    wait_until(page, "one => !one.isConnected", form)
    expect(page.get_by_label("Smallest face that counts")).to_have_value("0.017")
    expect(page.get_by_label("Smallest face that counts")).to_be_focused()
    expect(faces).to_have_value("17")
    assert re.search('"max_faces_per_image": ?17', live.client().get(f"{BASE}/config").text)
    page.get_by_label("Smallest face that counts").fill("")
    faces.fill(before)
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        page.get_by_role("button", name="Save").click()
    finished(page)


def test_what_happens_while_the_activity_is_read_stays_on_it(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    read: list[tuple[Route, APIResponse]] = []
    page.route("**/events?*", lambda route: read.append((route, route.fetch())))
    visit(page, live, "activity")
    expect(page.get_by_role("heading", name="Activity")).to_be_visible()
    while not read:
        page.wait_for_timeout(50)
    done = live.client().post(f"{BASE}/review/{queue(live)[-1]['id']}/skip").json()
    event = page.locator(f"#event-{done['event']}")
    expect(event).to_be_visible()
    route, answer = read[0]
    route.fulfill(response=answer)
    expect(page.locator(".events li").nth(5)).to_be_visible()
    expect(event).to_be_visible()
    finished(page)
