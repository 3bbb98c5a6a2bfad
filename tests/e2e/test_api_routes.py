"""Every route against a sidecar that has sorted photos."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.live_sidecar import BASE, NOTHING_BY_ITSELF, LiveSidecar, live_sidecar

from smartsort.api.review import _cell, _csv_lines
from smartsort.api.schemas.control import ConfigView, ListView
from smartsort.api.schemas.decisions import ActionResultView, BulkActionResult
from smartsort.api.schemas.history import EventPage
from smartsort.api.schemas.people import PersonView
from smartsort.api.schemas.review import QueueItem, ReviewItem, ReviewPage, ReviewStats
from smartsort.api.schemas.state import DoctorReport, Status
from smartsort.api.schemas.statistics import Summary
from smartsort.core.naming import folder_name
from smartsort.demo.samples import BLACKLIST, WHITELIST

SAMPLES = 40


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    root = tmp_path_factory.mktemp("routes") / "root"
    with live_sidecar(root, SAMPLES, settings=NOTHING_BY_ITSELF) as running:
        yield running


@pytest.fixture
def client(live: LiveSidecar) -> httpx.Client:
    return live.client()


def answer(response: httpx.Response, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return response.json()


def queue(client: httpx.Client, **query: Any) -> ReviewPage:
    return ReviewPage.model_validate(answer(client.get(f"{BASE}/review/queue", params=query)))


def first(client: httpx.Client, category: str | None = None) -> QueueItem:
    """An item that waits; there are more of each category than tests that use one up."""
    return queue(client, **({"category": category} if category else {})).items[0]


# --- the thirteen rows -----------------------------------------------------------------------


def test_review_queue(client: httpx.Client) -> None:
    page = queue(client)
    since = [item.created_at for item in page.items]
    assert since == sorted(since, reverse=True)
    assert page.total == len(since) == sum(page.counts.values()) > 5
    assert page.next_cursor is None
    for item in page.items:
        assert Path(item.path).name.endswith(item.filename)
        assert item.size == Path(item.path).stat().st_size
        assert item.modified.endswith("+00:00")


def test_review_queue_of_a_category(client: httpx.Client) -> None:
    counts = queue(client).counts
    for category, count in counts.items():
        page = ReviewPage.model_validate(answer(client.get(f"{BASE}/review/queue/{category}")))
        assert {item.category for item in page.items} == {category}
        assert len(page.items) == page.total == count
        assert page.counts == counts
    assert answer(client.get(f"{BASE}/review/queue/nonsense"), 422)["code"] == "invalid"


def test_approve(live: LiveSidecar, client: httpx.Client) -> None:
    item = first(client, "multiple_faces")
    decided = ActionResultView.model_validate(
        answer(client.post(f"{BASE}/review/{item.id}/approve", json={"person": "john_doe"}))
    )
    assert decided.action == "approved"
    assert decided.person == "John Doe"
    assert decided.destination is not None
    assert decided.destination.startswith("faces/john_doe/")
    assert decided.path is not None
    assert Path(decided.path).is_file()
    assert not Path(item.path).exists()
    assert item.id not in {i.id for i in queue(client).items}


def test_reject(live: LiveSidecar, client: httpx.Client) -> None:
    item = first(client, "unidentified")
    decided = ActionResultView.model_validate(answer(client.post(f"{BASE}/review/{item.id}/reject")))
    assert decided.action == "rejected"
    assert decided.path is not None
    assert Path(decided.path).is_relative_to(live.root / "trash")
    assert Path(decided.path).is_file()


def test_review_stats(client: httpx.Client) -> None:
    stats = ReviewStats.model_validate(answer(client.get(f"{BASE}/review/stats")))
    page = queue(client)
    assert stats.total == page.total
    assert stats.by_category == page.counts
    assert stats.oldest == min(item.created_at for item in page.items)
    assert stats.median_age_seconds is not None
    assert stats.median_age_seconds >= 0


def test_status(live: LiveSidecar, client: httpx.Client) -> None:
    status = Status.model_validate(answer(client.get(f"{BASE}/status")))
    assert status.enabled
    assert status.ready
    assert status.immich == "connected"
    assert status.immich_version == "3.1.0"
    assert status.root == str(live.root)
    assert status.in_review == queue(client).total
    assert status.in_progress_by_state == {}
    assert status.immich_requests > 0
    assert status.estimated_wait_seconds is not None


def test_disable_and_enable(live: LiveSidecar, client: httpx.Client) -> None:
    off = Status.model_validate(answer(client.post(f"{BASE}/disable")))
    assert not off.enabled
    assert not live.sidecar.runtime_settings.enabled
    assert off.estimated_wait_seconds is None
    on = Status.model_validate(answer(client.post(f"{BASE}/enable")))
    assert on.enabled
    kinds = [e["kind"] for e in answer(client.get(f"{BASE}/events", params={"limit": 2}))["events"]]
    assert kinds == ["enabled", "disabled"]
    assert "enabled" in answer(client.get(f"{BASE}/config"))["changed"]


def test_config(client: httpx.Client) -> None:
    view = ConfigView.model_validate(answer(client.get(f"{BASE}/config")))
    assert view.whitelist == list(WHITELIST)
    assert view.config["whitelist"] == list(WHITELIST)
    assert view.config["thresholds"]["max_faces_per_image"] == 1
    assert view.config["immich"]["api_key"] == "********"
    assert "test-token" not in json.dumps(view.model_dump())


@pytest.mark.parametrize(("which", "before"), [("whitelist", WHITELIST), ("blacklist", BLACKLIST)])
def test_put_list(live: LiveSidecar, client: httpx.Client, which: str, before: tuple[str, ...]) -> None:
    path = f"{BASE}/config/{which}"
    try:
        names = ["John Doe", "Nobody Here", "john_doe"]
        view = ListView.model_validate(answer(client.put(path, json={"names": names})))
        assert view.names == ["John Doe", "Nobody Here"], "one person is listed once"
        assert view.unknown == ["Nobody Here"]
        assert any("Nobody Here" in warning for warning in view.warnings)
        assert ListView.model_validate(answer(client.get(path))).names == view.names
        entries = getattr(live.sidecar.runtime_settings.policy(), which)
        assert entries[0].id is not None, "a name Immich knows is kept with its id"
        assert entries[1].id is None
        assert answer(client.put(path, json={"add": ["x"]}), 422)["code"] == "invalid"
    finally:
        answer(client.put(path, json={"names": list(before)}))


def test_patch_list(client: httpx.Client) -> None:
    path = f"{BASE}/config/whitelist"
    try:
        view = answer(client.patch(path, json={"add": ["Lukas Müller"], "remove": ["sarah_smith"]}))
        assert view["names"] == [n for n in WHITELIST if n != "Sarah Smith"] + ["Lukas Müller"]
        again = answer(client.patch(path, json={"add": ["lukas_müller"], "remove": ["sarah_smith"]}))
        assert again["names"] == view["names"]
        assert answer(client.patch(path, json={"names": []}), 422)["code"] == "invalid"
    finally:
        answer(client.put(path, json={"names": list(WHITELIST)}))


@pytest.mark.parametrize("path", ["today", "summary", "summary?days=7"])
def test_statistics(client: httpx.Client, path: str) -> None:
    body = answer(client.get(f"{BASE}/stats/{path}"))
    documented = ["auto_sorted", "in_review", "by_person", "by_category", "success_rate"]
    assert list(body)[:5] == documented
    summary = Summary.model_validate(body)
    assert summary.accepted == SAMPLES
    assert summary.auto_sorted > 10
    assert summary.auto_sorted == sum(summary.by_person.values())
    assert set(summary.by_person) <= {folder_name(name) for name in WHITELIST}
    assert summary.in_review == sum(summary.by_category.values()) == queue(client).total
    whole = summary.auto_sorted + summary.in_review
    assert summary.success_rate == pytest.approx(100 * summary.auto_sorted / whole, abs=0.05)
    assert len(summary.by_day) == summary.days
    metrics = {metric.name: metric for metric in summary.metrics}
    assert metrics["duplicate_catch_rate"].value == 100.0
    assert metrics["duplicate_catch_rate"].met


# --- paging, search, export ------------------------------------------------------------------


def test_pages_fit_together(client: httpx.Client) -> None:
    whole = queue(client).items
    found: list[int] = []
    cursor: str | None = None
    while True:
        page = queue(client, limit=3, **({"cursor": cursor} if cursor else {}))
        assert page.total == len(whole)
        found += [item.id for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == [item.id for item in whole]


@pytest.mark.parametrize("cursor", ["x", "new:", "new:99999999999999999999", "later::1", "\x00"])
def test_a_foreign_cursor_is_refused(client: httpx.Client, cursor: str) -> None:
    problem = answer(client.get(f"{BASE}/review/queue", params={"cursor": cursor}), 422)
    assert problem["code"] == "invalid"


def test_search(client: httpx.Client) -> None:
    wanted = first(client)
    page = queue(client, search=wanted.filename)
    assert wanted.id in {item.id for item in page.items}
    assert page.total == len(page.items) < queue(client).total
    assert queue(client, search="100%_no such file").items == []


def test_export(client: httpx.Client) -> None:
    items = queue(client).items
    as_json = client.get(f"{BASE}/review/export", params={"format": "json"})
    assert [QueueItem.model_validate(i) for i in answer(as_json)] == items
    as_csv = client.get(f"{BASE}/review/export")
    assert as_csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="review-queue.csv"' in as_csv.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(as_csv.text)))
    assert [int(row["id"]) for row in rows] == [item.id for item in items]
    none = client.get(f"{BASE}/review/export", params={"format": "json", "search": "no such thing"})
    assert answer(none) == []


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_name_of_a_file_becomes_a_formula(start: str) -> None:
    """A spreadsheet would run `=HYPERLINK(...)` of a stranger's file name."""
    name = f"{start}cmd|' /C calc'!A0.jpg"
    [row] = csv.reader(io.StringIO(_csv_lines([[_cell(name), _cell(7), _cell(None), _cell("a=b.jpg")]])))
    assert row == [f"'{name}", "7", "", "a=b.jpg"]


# --- one item, and deciding ------------------------------------------------------------------


def test_an_item_tells_everything(client: httpx.Client) -> None:
    item = first(client, "multiple_faces")
    full = ReviewItem.model_validate(answer(client.get(f"{BASE}/review/items/{item.id}")))
    assert full.faces_detected == len(full.faces) > 1
    assert [face.number for face in full.faces] == list(range(1, len(full.faces) + 1))
    assert [face.box[0] for face in full.faces] == sorted(face.box[0] for face in full.faces)
    assert full.reasons[0].code == "multiple_faces"
    assert full.text == full.reasons[0].text
    named = {face.person.name for face in full.faces if face.person and face.person.name}
    assert named <= {suggestion.person.name for suggestion in full.suggestions}
    assert full.suggestions[0].person.listed == "whitelist"
    assert full.width == 320
    assert full.asset_id
    assert full.action == "pending"
    assert full.state == "review"
    assert [event.kind for event in full.history] == ["accepted", "placed", "reviewed"]


def test_a_duplicate_shows_its_other_copy(client: httpx.Client) -> None:
    item = first(client, "duplicates")
    full = ReviewItem.model_validate(answer(client.get(f"{BASE}/review/items/{item.id}")))
    assert full.other_copy is not None
    assert full.other_copy.alive
    assert full.other_copy.path is not None
    assert full.other_copy.path.split("/")[0] in ("faces", "review", "library")
    for text in (item.text, full.text, full.reasons[0].text):
        assert full.other_copy.path in text, "the reason names the place where it is now"
    assert full.other_copy.size == item.size
    assert full.other_copy.thumbnail is not None
    picture = client.get(full.other_copy.thumbnail)
    assert picture.status_code == 200
    assert picture.headers["content-type"].startswith("image/")


def test_unknown_items(client: httpx.Client) -> None:
    for call in (
        client.get(f"{BASE}/review/items/999999"),
        client.get(f"{BASE}/review/items/999999/thumbnail"),
        client.get(f"{BASE}/photos/999999/preview"),
        client.get(f"{BASE}/photos/999999/history"),
        client.post(f"{BASE}/review/999999/approve", json={}),
        client.post(f"{BASE}/review/999999/reject"),
        client.post(f"{BASE}/review/999999/skip"),
        client.post(f"{BASE}/undo", json={"event": 999999}),
        client.post(f"{BASE}/review/bulk/reject", json={"ids": [999999]}),
    ):
        assert answer(call, 404)["code"] == "not_found"


def test_the_second_of_two_learns_what_happened(live: LiveSidecar, client: httpx.Client) -> None:
    item = first(client, "unidentified")
    other = live.client()
    answer(client.post(f"{BASE}/review/{item.id}/approve", json={"person": "Zoë"}))
    problem = answer(other.post(f"{BASE}/review/{item.id}/reject"), 409)
    assert problem["code"] == "conflict"
    assert problem["happened"]["kind"] == "approved"
    assert problem["happened"]["actor"] == "admin"
    assert problem["happened"]["filename"] == item.filename
    assert "before" not in problem["happened"]["data"]
    again = ReviewItem.model_validate(answer(client.get(f"{BASE}/review/items/{item.id}")))
    assert again.action == "approved"


def test_approve_refuses_whom_nobody_knows(client: httpx.Client) -> None:
    item = first(client, "unidentified")
    problem = answer(client.post(f"{BASE}/review/{item.id}/approve", json={"person": "Jon Deo"}), 422)
    assert "Jon Deo" in problem["detail"]
    made = answer(
        client.post(f"{BASE}/review/{item.id}/approve", json={"person": {"name": "Aunt May", "create": True}})
    )
    assert made["destination"].startswith("faces/aunt_may/")


def test_skip_puts_an_item_last(client: httpx.Client) -> None:
    item = first(client)
    skipped = answer(client.post(f"{BASE}/review/{item.id}/skip"))
    assert skipped["action"] == "skipped"
    assert queue(client).items[-1].id == item.id
    answer(client.post(f"{BASE}/undo", json={"event": skipped["event"]}))
    assert first(client).id == item.id


def test_bulk_with_a_dry_run(client: httpx.Client) -> None:
    waiting = queue(client)
    selection = {"category": "unidentified", "dry_run": True}
    would = BulkActionResult.model_validate(answer(client.post(f"{BASE}/review/bulk/reject", json=selection)))
    assert would.done == waiting.counts["unidentified"]
    assert {one.action for one in would.decided} == {"would_reject"}
    assert queue(client).counts == waiting.counts
    ids = [one.id for one in would.decided][:2]
    done = BulkActionResult.model_validate(
        answer(client.post(f"{BASE}/review/bulk/reject", json={"ids": ids}))
    )
    assert [one.id for one in done.decided] == ids
    assert done.done == 2
    assert done.event is not None
    [event] = answer(client.get(f"{BASE}/events", params={"kind": "bulk_action", "limit": 1}))["events"]
    assert (event["id"], event["text"], event["filename"]) == (done.event, "Rejected: 2 photos", None)
    undone = BulkActionResult.model_validate(answer(client.post(f"{BASE}/undo", json={"event": done.event})))
    assert undone.done == 2
    assert queue(client).counts == waiting.counts


def test_bulk_of_one_is_taken_back_by_its_event_too(client: httpx.Client) -> None:
    waiting = queue(client)
    [chosen] = [item.id for item in waiting.items][:1]
    done = BulkActionResult.model_validate(
        answer(client.post(f"{BASE}/review/bulk/reject", json={"ids": [chosen]}))
    )
    assert done.event == done.decided[0].event is not None
    assert answer(client.post(f"{BASE}/undo", json={"event": done.event}))["done"] == 1
    assert queue(client).counts == waiting.counts


def test_bulk_skip_puts_many_last(client: httpx.Client) -> None:
    chosen = [item.id for item in queue(client, category="unidentified").items][:2]
    would = answer(client.post(f"{BASE}/review/bulk/skip", json={"ids": chosen, "dry_run": True}))
    assert {one["action"] for one in would["decided"]} == {"would_skip"}
    done = BulkActionResult.model_validate(
        answer(client.post(f"{BASE}/review/bulk/skip", json={"ids": chosen}))
    )
    assert (done.done, done.failed) == (2, 0)
    assert {item.id for item in queue(client).items[-2:]} == set(chosen)
    foreseen = answer(client.post(f"{BASE}/undo", json={"event": done.event, "dry_run": True}))
    assert {one["action"] for one in foreseen["decided"]} == {"would_undo"}
    assert {item.id for item in queue(client).items[-2:]} == set(chosen)
    assert answer(client.post(f"{BASE}/undo", json={"event": done.event}))["done"] == 2


def test_bulk_approve_files_nobody_on_a_guess(client: httpx.Client) -> None:
    """The demo measures no similarity here, so nobody is suggested."""
    body: dict[str, Any] = {"everything": True, "dry_run": True}
    would = BulkActionResult.model_validate(answer(client.post(f"{BASE}/review/bulk/approve", json=body)))
    assert would.done == 0
    assert would.excluded > 0
    assert would.counts["groups"] >= 1
    everybody = body | {"include": list(would.counts)}
    would = BulkActionResult.model_validate(
        answer(client.post(f"{BASE}/review/bulk/approve", json=everybody))
    )
    assert (would.done, would.excluded) == (0, 0)
    assert all("no suggested person. Name" in (one.problem or "") for one in would.decided)
    named = body | {"category": "multiple_faces", "everything": False, "approve": {"person": "john_doe"}}
    left = BulkActionResult.model_validate(answer(client.post(f"{BASE}/review/bulk/approve", json=named)))
    assert left.done == 0
    named["include"] = ["groups"]
    some = BulkActionResult.model_validate(answer(client.post(f"{BASE}/review/bulk/approve", json=named)))
    assert {one.person for one in some.decided if one.action == "would_approve"} == {"John Doe"}


def test_an_approval_without_a_person_needs_a_measurement(client: httpx.Client) -> None:
    items = queue(client).items
    item = next(i for i in items if i.reason == "unknown_face")
    assert (item.suggestion, item.nearest) == (None, None)
    problem = answer(client.post(f"{BASE}/review/{item.id}/approve", json={}), 422)
    assert problem["code"] == "no_suggestion"
    assert "no suggested person" in problem["detail"]


@pytest.mark.parametrize("selection", [{}, {"ids": [1], "category": "duplicates"}, {"dry_run": True}])
def test_a_selection_has_to_say_one_thing(client: httpx.Client, selection: dict[str, Any]) -> None:
    problem = answer(client.post(f"{BASE}/review/bulk/reject", json=selection), 422)
    assert "ids" in problem["detail"]


@pytest.mark.parametrize("body", [{}, {"last": True, "event": 1}, {"since": "yesterday"}])
def test_an_undo_has_to_say_one_thing(client: httpx.Client, body: dict[str, Any]) -> None:
    assert answer(client.post(f"{BASE}/undo", json=body), 422)["code"] == "invalid"


def test_undo_of_a_filing_counts_as_wrong(live: LiveSidecar, client: httpx.Client) -> None:
    page = EventPage.model_validate(
        answer(client.get(f"{BASE}/events", params={"kind": "sorted", "limit": 1}))
    )
    event = page.events[0]
    assert event.undoable
    before = Summary.model_validate(answer(client.get(f"{BASE}/stats/summary")))
    undone = BulkActionResult.model_validate(answer(client.post(f"{BASE}/undo", json={"event": event.id})))
    assert undone.decided[0].action == "undone"
    after = Summary.model_validate(answer(client.get(f"{BASE}/stats/summary")))
    assert after.wrong == before.wrong + 1
    assert after.auto_sorted == before.auto_sorted - 1
    history = EventPage.model_validate(answer(client.get(f"{BASE}/photos/{event.photo_id}/history"))).events
    taken_back = next(e for e in history if e.id == event.id)
    assert taken_back.undone_by == history[-1].id
    assert not taken_back.undoable
    conflict = answer(client.post(f"{BASE}/undo", json={"event": event.id}), 409)
    assert conflict["code"] in ("conflict", "not_undoable")
    answer(client.post(f"{BASE}/undo", json={"event": history[-1].id}))
    restored = Summary.model_validate(answer(client.get(f"{BASE}/stats/summary")))
    assert (restored.wrong, restored.auto_sorted) == (before.wrong, before.auto_sorted)


def test_undo_last_is_ones_own(live: LiveSidecar, client: httpx.Client) -> None:
    item = first(client)
    answer(client.post(f"{BASE}/review/{item.id}/reject"))
    undone = answer(client.post(f"{BASE}/undo", json={"last": True}))
    assert [one["id"] for one in undone["decided"]] == [item.id]


def test_the_photo_id_is_the_only_id_of_a_photo(client: httpx.Client) -> None:
    items = queue(client).items
    # A photo that went through the queue before has more rows there than photos have ids.
    again = items[0]
    answer(client.post(f"{BASE}/review/{again.id}/approve", json={"person": "Zoë"}))
    answer(client.post(f"{BASE}/undo", json={"photo": again.id}))
    for item in queue(client).items:
        explained = answer(client.get(f"{BASE}/photos/{item.id}/explain"))
        assert (explained["photo_id"], explained["filename"]) == (item.id, item.filename)
        full = ReviewItem.model_validate(answer(client.get(f"{BASE}/review/items/{item.id}")))
        assert (full.id, full.filename, full.action) == (item.id, item.filename, "pending")
        assert {event.photo_id for event in full.history} == {item.id}


def test_undo_of_a_photo_leaves_the_rest_of_a_bulk_action(client: httpx.Client) -> None:
    one, other = [item.id for item in queue(client).items][:2]
    done = BulkActionResult.model_validate(
        answer(client.post(f"{BASE}/review/bulk/reject", json={"ids": [one, other]}))
    )
    undone = BulkActionResult.model_validate(answer(client.post(f"{BASE}/undo", json={"photo": one})))
    assert [(d.id, d.action) for d in undone.decided] == [(one, "undone")]
    waiting = {item.id for item in queue(client).items}
    assert one in waiting
    assert other not in waiting
    answer(client.post(f"{BASE}/undo", json={"event": done.event}))
    assert answer(client.post(f"{BASE}/undo", json={"photo": 999999}), 409)["code"] == "not_undoable"


def test_refile(client: httpx.Client) -> None:
    event = answer(client.get(f"{BASE}/events", params={"kind": "sorted", "limit": 1}))["events"][0]
    other = "Zoë" if event["data"]["people"] != ["Zoë"] else "John Doe"
    path = f"{BASE}/photos/{event['photo_id']}/refile"
    assert answer(client.post(path, json={}), 422)["code"] == "invalid"
    decided = answer(client.post(path, json={"person": other}))
    assert decided["action"] == "refiled"
    assert decided["person"] == other
    answer(client.post(f"{BASE}/undo", json={"event": decided["event"]}))


# --- people, settings ------------------------------------------------------------------------


def test_people(client: httpx.Client) -> None:
    people = [PersonView.model_validate(p) for p in answer(client.get(f"{BASE}/people"))]
    assert {*WHITELIST, *BLACKLIST} <= {p.name for p in people}
    counts = [p.photos or 0 for p in people]
    assert counts == sorted(counts, reverse=True)
    assert {p.name for p in people if p.listed == "blacklist"} == set(BLACKLIST)
    found = answer(client.get(f"{BASE}/people", params={"search": "ZOE"}))
    assert [p["name"] for p in found] == ["Zoë"]
    assert len(answer(client.get(f"{BASE}/people", params={"limit": 2}))) == 2
    assert len(answer(client.get(f"{BASE}/people", params={"named": False}))) >= len(people)


def test_config_patch_and_reset(live: LiveSidecar, client: httpx.Client) -> None:
    change = {"min_confidence": 0.8, "review_categories": {"low_confidence": False}}
    view = ConfigView.model_validate(answer(client.patch(f"{BASE}/config", json=change)))
    assert view.config["thresholds"]["min_confidence"] == 0.8
    assert view.config["review_categories"]["low_confidence"] is False
    assert view.config["review_categories"]["duplicates"] is True
    assert {"thresholds.min_confidence", "review_categories"} <= set(view.changed)
    assert live.sidecar.context.policy().thresholds.min_confidence == 0.8
    for wrong in ({"min_confidence": 2}, {"min_confidence": "0.5"}, {"min_confidance": 0.5}):
        assert answer(client.patch(f"{BASE}/config", json=wrong), 422)["code"] == "invalid"
    assert answer(client.patch(f"{BASE}/config", json={}))["config"] == view.config
    reset = ConfigView.model_validate(answer(client.delete(f"{BASE}/config")))
    assert reset.changed == []
    assert reset.config["thresholds"]["min_confidence"] == 0.6


# --- errors, health --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        (lambda c: c.get("/nothing/here"), 404, "not_found"),
        (lambda c: c.get(f"{BASE}/photos/1/nonsense"), 404, "not_found"),
        (lambda c: c.put(f"{BASE}/status"), 405, "method_not_allowed"),
        (lambda c: c.post(f"{BASE}/review/1/approve", json={"persn": "Zoë"}), 422, "invalid"),
        (lambda c: c.get(f"{BASE}/review/items/seven"), 422, "invalid"),
        (lambda c: c.get(f"{BASE}/review/items/{2**64}"), 422, "invalid"),
        (lambda c: c.get(f"{BASE}/stats/summary?days=0"), 422, "invalid"),
        (lambda c: c.post(f"{BASE}/review/1/approve", content=b"{"), 422, "invalid"),
        (lambda c: c.post(f"{BASE}/undo", content=b"\xff\xfe{"), 422, "invalid"),
        (lambda c: c.post(f"{BASE}/undo", content=b" " * (1024 * 1024 + 1)), 413, "too_large"),
        (lambda c: c.post(f"{BASE}/undo", content=iter([b" " * 700_000] * 2)), 413, "too_large"),
    ],
)
def test_every_error_is_a_problem(
    client: httpx.Client, call: Callable[[httpx.Client], httpx.Response], status: int, code: str
) -> None:
    problem = answer(call(client), status)
    assert set(problem) == {"detail", "code", "happened"}
    assert problem["code"] == code
    assert problem["detail"]


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/config", "DELETE, GET, PATCH"),
        ("/config/whitelist", "GET, PATCH, PUT"),
        ("/photos/1/refile", "POST"),
        ("/photos/1/thumbnail", "GET"),
        ("/review/bulk/approve", "POST"),
    ],
)
def test_an_undeclared_method_is_told_the_declared_ones(
    client: httpx.Client, path: str, methods: str
) -> None:
    response = client.request("TRACE", f"{BASE}{path}")
    assert answer(response, 405)["code"] == "method_not_allowed"
    assert response.headers["allow"] == methods


def test_a_body_that_is_not_said_to_be_json_is_told_how(client: httpx.Client) -> None:
    """What `curl -d` does when nobody tells it."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    problem = answer(client.post(f"{BASE}/undo", content=b'{"last": true}', headers=form), 422)
    assert "Content-Type: application/json" in problem["detail"]


def test_several_people_may_be_named_by_name(client: httpx.Client) -> None:
    item = first(client, "multiple_faces")
    body = {"ids": [item.id], "dry_run": True, "approve": {"people": ["john_doe", {"name": "Zoë"}]}}
    would = answer(client.post(f"{BASE}/review/bulk/approve", json=body))
    assert would["done"] == 1
    assert would["decided"][0]["destination"].count("faces/") == 2


@pytest.mark.usefixtures("unhurried_doctor")
def test_the_doctor(live: LiveSidecar, client: httpx.Client) -> None:
    report = DoctorReport.model_validate(answer(client.get(f"{BASE}/doctor")))
    verdicts = {check.name: check.verdict for check in report.checks}
    assert len(verdicts) > 5
    assert verdicts["settings"] in ("ok", "warning")
    assert report.status in ("ok", "degraded")
    assert live.demo.key not in report.model_dump_json()


def test_a_test_message_tells_what_did_not_arrive(client: httpx.Client) -> None:
    assert answer(client.post(f"{BASE}/notify/test")) == {"addresses": 0, "problems": []}


def test_health(live: LiveSidecar, client: httpx.Client) -> None:
    assert answer(live.client(token=None).get("/healthz"))["status"] == "ok"
    ready = answer(client.get("/readyz"))
    assert ready["status"] == "ready"
    assert ready["health_issues"] == []


def test_metrics(client: httpx.Client) -> None:
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    values = {
        line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
        for line in response.text.splitlines()
        if not line.startswith("#")
    }
    assert all(name.startswith("smartsort_") for name in values)
    assert values["smartsort_accepted_photos_total"] == SAMPLES
    assert values["smartsort_immich_connected"] == 1
    assert values['smartsort_immich_calls_total{operation="list_queues"}'] > 0
    states = [value for name, value in values.items() if name.startswith("smartsort_photos{")]
    assert sum(states) == SAMPLES
    assert not any("/review/items/1" in name for name in values), "routes, not addresses"
