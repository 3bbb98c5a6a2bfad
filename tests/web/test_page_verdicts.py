"""What the page lets you say for good: of faces, of people who may be two, of many deletions in Immich."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect
from sqlite_utils import Database
from tests.live_sidecar import BASE, NOTHING_BY_ITSELF, LiveSidecar, live_sidecar
from tests.web.browser import (
    DESK,
    PHONE,
    find,
    finished,
    opened,
    queue,
    reach_for_undo,
    resize,
    state,
    visit,
    wait_until,
)

from smartsort.confidence.galleries import Galleries
from smartsort.core.model import State
from smartsort.ledger import embeddings, photos

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    root = tmp_path_factory.mktemp("verdicts") / "root"
    with live_sidecar(root, 60, settings=NOTHING_BY_ITSELF, machine_learning=True) as running:
        running.run(running.sidecar.measure.measure_review())  # type: ignore[union-attr]
        yield running


def said(page: Page, text: str) -> None:
    expect(page.get_by_role("status").filter(has_text=text).first).to_be_visible()


def proper(page: Page) -> None:
    """A dialog that a screen reader understands, with targets for a thumb, that fits a phone."""
    resize(page, **PHONE)
    found = Axe().run(page)
    serious = [one for one in found.response["violations"] if one["impact"] in {"serious", "critical"}]
    assert [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in serious] == []
    for one in (
        page.get_by_role("dialog").last.locator("button:visible, input:visible, summary:visible").all()
    ):
        box = one.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44, one.evaluate("one => one.outerHTML")
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
    resize(page, **DESK)


def verdicts(live: LiveSidecar) -> list[dict]:
    return list(live.client().get(f"{BASE}/strangers/verdicts").json())


def for_good(page: Page, item: dict, button: str) -> None:
    find(page, item)
    page.locator("summary").filter(has_text="for good").click()
    page.get_by_role("button", name=button, exact=True).click()


def test_what_was_unfolded_stays_open_when_the_photo_is_drawn_again(
    chromium: Browser, live: LiveSidecar
) -> None:
    page = opened(chromium, live)
    stranger = next(one for one in queue(live, "unidentified") if one["faces_detected"] == 1)
    find(page, stranger)
    page.locator("summary").filter(has_text="for good").click()
    ignore = page.get_by_role("button", name="Ignore", exact=True)
    before = ignore.element_handle()
    # Someone else rules a person out: the page reads the photo again.
    someone = {"person": {"id": live.client().get(f"{BASE}/people").json()[0]["id"]}}
    event = live.client().post(f"{BASE}/review/{stranger['id']}/rule-out", json=someone).json()["event"]
    wait_until(page, "one => !one.isConnected", before)
    expect(ignore).to_be_visible()
    live.client().post(f"{BASE}/undo", json={"event": event})
    finished(page)


def test_a_face_is_ignored_and_the_verdict_revoked(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    stranger = next(one for one in queue(live, "unidentified") if one["faces_detected"] == 1)
    for_good(page, stranger, "Ignore")
    said(page, "is ignored")
    [known] = verdicts(live)
    assert (known["kind"], known["photos"]) == ("ignored", [stranger["id"]])
    visit(page, live, "faces")
    revoke = page.get_by_role("button", name="Revoke: Ignored")
    expect(revoke).to_be_visible()
    revoke.click()
    said(page, "1 done")
    reach_for_undo(page)
    expect(revoke).to_have_count(0)
    assert verdicts(live) == []
    page.get_by_role("status").get_by_role("button", name="Undo").last.click()
    said(page, "Taken back.")
    assert [one["kind"] for one in verdicts(live)] == ["ignored"]
    live.client().post(f"{BASE}/strangers/verdicts/{verdicts(live)[0]['key']}/revoke")
    finished(page)


def test_no_face_and_taking_it_back(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    stranger = next(one for one in queue(live, "unidentified") if one["faces_detected"] == 1)
    for_good(page, stranger, "Not a face")
    said(page, "is no face")
    reach_for_undo(page)
    assert [one["kind"] for one in verdicts(live)] == ["not_a_face"]
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    said(page, "Taken back.")
    assert verdicts(live) == []
    finished(page)


def test_a_face_is_locked_to_a_person_and_the_photo_filed(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    stranger = next(one for one in queue(live, "unidentified") if one["faces_detected"] == 1)
    for_good(page, stranger, "This is…")
    expect(page.get_by_role("option").first).to_be_visible()
    proper(page)
    page.get_by_role("combobox").fill("john doe")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    said(page, "is John Doe")
    reach_for_undo(page)
    assert [(one["kind"], one["person"]) for one in verdicts(live)] == [("locked", "John Doe")]
    assert state(live, stranger["id"]) == "approved"
    expect(page.locator(f"#row-{stranger['id']}")).to_have_count(0)
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    said(page, "Taken back.")
    assert verdicts(live) == []
    finished(page)


def test_a_group_is_certainly_a_person(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    visit(page, live, "faces")
    group = page.locator(".groups li").filter(has=page.get_by_role("button", name="Certainly…")).first
    group.get_by_role("button", name="Certainly…").click()
    page.get_by_role("combobox").fill("john doe")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    asked = page.get_by_role("dialog").filter(has_text="certainly John Doe?")
    expect(asked).to_be_visible()
    proper(page)
    assert verdicts(live) == []
    asked.get_by_role("button", name="Do it").click()
    said(page, " done.")
    reach_for_undo(page)
    expect(page.get_by_text("Certainly John Doe")).to_be_visible()
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    said(page, "Taken back.")
    assert verdicts(live) == []
    finished(page)


def test_what_settles_most_photos_comes_first_on_every_screen(chromium: Browser, live: LiveSidecar) -> None:
    client = live.client()

    def offers() -> list[dict]:
        return list(client.get(f"{BASE}/review/offers").json())

    best, then, *_ = before = offers()
    assert best["kind"] == "strangers"
    phone = opened(chromium, live, phone=True)
    shown = phone.get_by_role("button", name=f"Best next: {best['text']}")
    expect(shown).to_be_visible()
    box = shown.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= PHONE["width"]
    finished(phone)

    page = opened(chromium, live)
    expect(page.get_by_role("button", name=f"Best next: {best['text']}")).to_be_visible()
    page.keyboard.press("b")
    group = page.locator(f"[id='{best['id']}']")
    expect(group).to_be_focused()
    # A key or a click that comes at once only asks.
    group.get_by_role("button", name="Ignore").click()
    page.get_by_role("dialog").get_by_role("button", name="Do it").click()
    said(page, " done.")
    expect(page.get_by_role("button", name=f"Best next: {then['text']}")).to_be_visible()
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    said(page, "Taken back.")
    expect(page.get_by_role("button", name=f"Best next: {best['text']}")).to_be_visible()
    assert offers() == before
    assert verdicts(live) == []
    finished(page)


def test_someone_who_looks_like_two_people_is_one(
    chromium: Browser, live: LiveSidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def rest(*_: object) -> None:
        """What this test makes of the gallery is not measured again meanwhile."""

    monkeypatch.setattr(Galleries, "_refresh", rest)
    measure = live.sidecar.measure
    assert measure is not None
    building = measure.galleries._building
    live.wait_for(lambda: not any(one.locked() for one in building.copy().values()), "one under way")
    ledger, server = live.sidecar.context.ledger, live.sidecar.context.server
    people = live.client().get(f"{BASE}/people").json()
    john = next(one for one in people if one["name"] == "John Doe")
    assets = sorted({a for one in people for a in live.run(server.assets_of_person(one["id"], 9))})
    faces = [(face.id, asset) for asset in assets for face in live.run(server.faces(asset))]
    at = live.sidecar.context.clock.text()

    def two_people(db: Database) -> None:
        embeddings.set_gallery(db, "buffalo_l", person_id=john["id"], name="John Doe", members={}, at=at)
        embeddings.set_groups(db, john["id"], (tuple(faces[:2]), tuple(faces[2:])))

    ledger.write(two_people)
    page = opened(chromium, live)
    visit(page, live, "people")
    # Nothing is filed under them, so they stand first.
    expect(page.locator(".cards li bdi").first).to_have_text("John Doe")
    page.get_by_role("button", name="Is John Doe two people?").click()
    asked = page.get_by_role("dialog")
    expect(asked).to_contain_text("2 like one")
    expect(asked.get_by_role("img", name="Faces of both")).to_be_visible()
    proper(page)
    asked.get_by_role("button", name="One person").click()
    said(page, "John Doe is one person")
    reach_for_undo(page)
    expect(page.get_by_role("button", name="Is John Doe two people?")).to_have_count(0)
    mixed = {one["name"]: one["mixed"] for one in live.client().get(f"{BASE}/people").json()}
    assert mixed["John Doe"] == []
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Is John Doe two people?")).to_be_visible()
    ledger.write(lambda db: embeddings.set_groups(db, john["id"], None))
    finished(page)


def delete_in_immich(live: LiveSidecar, count: int) -> set[int]:
    """Delete filed photos there, so many that smartsort asks. Gives their ids."""
    some = live.sidecar.context.ledger.read(lambda db: photos.in_state(db, State.FILED, count))
    url = str(live.sidecar.settings.immich.url).rstrip("/")
    assert live.demo is not None
    key = {"x-api-key": live.demo.key}
    body = {"ids": [photo.asset_id for photo in some]}
    assert httpx.request("DELETE", f"{url}/api/assets", json=body, headers=key).status_code < 300
    client = live.client()
    live.wait_for(lambda: client.get(f"{BASE}/deletions").json()["waiting"] == count, "the question")
    return {photo.id for photo in some}


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[LiveSidecar]:
    """A sidecar that looks for deletions all the time, and asks from the fourth on."""
    settings = {"immich.recheck_interval_seconds": 0.3, "immich.max_unconfirmed_deletions": 3}
    with live_sidecar(tmp_path / "root", 30, settings=settings) as running:
        yield running


def test_many_deletions_are_answered(chromium: Browser, asking: LiveSidecar) -> None:
    live = asking
    page = opened(chromium, live)
    visit(page, live, "activity")
    expect(page.locator(".events li").first).to_be_visible()
    expect(page.locator(".notice")).to_have_count(0)
    ids = delete_in_immich(live, 5)
    # The notice comes by itself, as soon as smartsort has noticed.
    expect(page.locator(".notice")).to_contain_text("5 deletions in Immich wait for your answer")
    page.get_by_role("button", name="Answer…").click()
    asked = page.get_by_role("dialog", name="Were 5 deletions in Immich meant?")
    expect(asked).to_be_visible()
    names = {one["filename"] for one in live.client().get(f"{BASE}/deletions").json()["photos"]}
    assert set(asked.locator("li bdi:first-child").all_inner_texts()) == names
    proper(page)
    asked.get_by_role("button", name="Later").click()
    assert live.client().get(f"{BASE}/deletions").json()["waiting"] == 5
    visit(page, live, "health")
    page.get_by_role("button", name="Answer…").click()
    asked.get_by_role("button", name="Reject them").click()
    said(page, "Rejected: 5 done")
    reach_for_undo(page)
    expect(page.locator(".notice")).to_have_count(0)
    for one in ids:
        events = live.client().get(f"{BASE}/photos/{one}/history").json()["events"]
        assert "removed_in_immich" in [event["kind"] for event in events]
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    said(page, "Taken back.")
    finished(page)


def test_a_bulk_action_is_taken_back_after_a_look(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    ids = [one["id"] for one in queue(live, "duplicates")]
    live.client().post(f"{BASE}/review/bulk/reject", json={"ids": ids})
    visit(page, live, "activity")
    row = page.locator(".events li").filter(has_text=f"Rejected: {len(ids)} photos").first
    row.get_by_role("button", name="Undo").click()
    asked = page.get_by_role("dialog").filter(has_text=f"Take back {len(ids)} photos?")
    expect(asked).to_be_visible()
    proper(page)
    assert {state(live, one) for one in ids} == {"rejected"}
    asked.get_by_role("button", name="Do it").click()
    said(page, f"{len(ids)} done")
    assert {state(live, one) for one in ids} == {"pending"}
    page.get_by_role("button", name="History of").first.click()
    expect(page.get_by_role("dialog").locator(".events li").first).to_be_visible()
    proper(page)
    finished(page)


def test_categories_are_switched_and_all_settings_shown(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    visit(page, live, "settings")
    page.get_by_label("low confidence", exact=True).uncheck()
    page.get_by_role("button", name="What if").click()
    asked = page.get_by_role("dialog", name="What if")
    expect(asked).to_be_visible()
    proper(page)
    asked.get_by_role("button", name="Close").click()
    # What was changed on the form stays there until it is saved.
    expect(page.get_by_label("low confidence", exact=True)).not_to_be_checked()
    form = page.locator("fieldset").element_handle()
    page.get_by_role("button", name="Save").click()
    said(page, "Saved.")
    # What is ticked before the form is drawn again would be no change.
    wait_until(page, "one => !one.isConnected", form)
    config = live.client().get(f"{BASE}/config").json()["config"]
    assert config["review_categories"]["low_confidence"] in (False, {"enabled": False})
    page.get_by_label("low confidence", exact=True).check()
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        page.get_by_role("button", name="Save").click()
    page.get_by_text("All settings in force").click()
    expect(page.locator("dt").filter(has_text="immich.url")).to_be_visible()
    expect(page.locator("dt").filter(has_text="root").first).to_be_visible()
    finished(page)


def test_statistics_of_any_number_of_days(chromium: Browser, live: LiveSidecar) -> None:
    page = opened(chromium, live)
    known = live.client().get(f"{BASE}/stats/summary").json()
    settled = {"decisions": 4, "photos_per_decision": 2.5, "key_presses": 16, "photos_per_key_press": 0.62}
    page.route("**/stats/summary?days=30", lambda route: route.fulfill(json={**known, **settled}))
    visit(page, live, "statistics")
    expect(page.locator(".goals li").first).to_be_visible()
    words = "Left review: 2.5 photos a decision (4), 0.62 a key press."
    expect(page.get_by_text(words)).to_be_visible()
    with page.expect_request(lambda request: "summary?days=90" in request.url):
        page.get_by_role("spinbutton", name="days").fill("90")
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Waiting for")).to_be_visible()
    page.locator("h1").click()
    slow: list[Route] = []

    def keep(route: Route) -> None:
        slow.append(route)

    page.route("**/stats/summary?days=7", keep)
    page.keyboard.press("w")
    while not slow:
        page.wait_for_timeout(20)
    # From here on only the answer for today is drawn.
    drawn = page.locator(".goals").element_handle()
    page.keyboard.press("t")
    expect(page.get_by_role("button", name="Today")).to_have_attribute("aria-pressed", "true")
    wait_until(page, "one => !one.isConnected", drawn)
    before = page.locator(".goals").inner_text()
    slow[0].fulfill(json={**live.client().get(f"{BASE}/stats/summary").json(), "metrics": []})
    page.wait_for_timeout(200)
    assert page.locator(".goals").inner_text() == before
    finished(page)
