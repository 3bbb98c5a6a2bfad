"""Spot checks, people ruled out, explanations and other settings on past photos, by HTTP and by command."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from tests.fakes import suggest
from tests.live_sidecar import BASE, NOTHING_BY_ITSELF, REVIEW_TOKEN, TOKEN, LiveSidecar, live_sidecar

from smartsort.api.schemas.decisions import ActionResultView, BulkActionResult
from smartsort.api.schemas.evaluation import Explained, SpotCheckPage, WhatIfReport
from smartsort.api.schemas.review import ReviewItem
from smartsort.api.schemas.statistics import Summary
from smartsort.cli.main import cli
from smartsort.core.model import Suggestion

SAMPLES = 40
SETTINGS = {"spot_check_rate": 1, **NOTHING_BY_ITSELF}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    root = tmp_path_factory.mktemp("evaluation") / "root"
    with live_sidecar(root, SAMPLES, settings=SETTINGS) as running:
        yield running


@pytest.fixture
def client(live: LiveSidecar) -> httpx.Client:
    return live.client()


def answer(response: httpx.Response, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return response.json()


def command(live: LiveSidecar, *arguments: object, status: int = 0) -> str:
    """What a command prints."""
    where = ["--url", live.url, "--token", TOKEN]
    done = CliRunner().invoke(cli, [*map(str, arguments), *where], env={"COLUMNS": "160"})
    assert done.exit_code == status, done.output
    return done.output


# --- spot checks -----------------------------------------------------------------------------


def page(client: httpx.Client, **query: Any) -> SpotCheckPage:
    return SpotCheckPage.model_validate(answer(client.get(f"{BASE}/spot-checks", params=query)))


@pytest.fixture
def unchecked(tmp_path: Path) -> Iterator[httpx.Client]:
    """Of a sidecar of its own, whose filings no user has decided about."""
    with live_sidecar(tmp_path / "root", 16, settings=SETTINGS) as running:
        yield running.client()


def test_all_filings_are_offered_page_by_page(unchecked: httpx.Client) -> None:
    whole = page(unchecked, limit=200)
    filed = answer(unchecked.get(f"{BASE}/events", params={"kind": "sorted", "limit": 500}))["events"]
    assert {one.event for one in whole.items} == {event["id"] for event in filed}
    first = page(unchecked, limit=3)
    second = page(unchecked, limit=3, cursor=first.next_cursor)
    assert [one.event for one in (*first.items, *second.items)] == [one.event for one in whole.items[:6]]
    one = first.items[0]
    assert one.people
    assert one.people[0] in one.text
    assert len(one.faces) == 1
    assert unchecked.get(one.thumbnail).headers["content-type"].startswith("image/")


def test_confirming_counts_in_the_statistics(client: httpx.Client) -> None:
    one = page(client).items[0]
    decided = ActionResultView.model_validate(
        answer(client.post(f"{BASE}/spot-checks/{one.photo_id}/confirm"))
    )
    assert (decided.action, decided.person) == ("confirmed", one.people[0])
    result = Summary.model_validate(answer(client.get(f"{BASE}/stats/summary"))).spot_checks
    assert result is not None
    assert result.checked >= 1
    assert result.low is not None
    assert result.high is not None
    assert result.low <= (result.error_rate or 0.0) <= result.high
    assert one.photo_id not in {other.photo_id for other in page(client, limit=200).items}
    again = answer(client.post(f"{BASE}/spot-checks/{one.photo_id}/confirm"), 409)
    assert "confirmed already" in again["detail"]


def test_wrong_files_elsewhere_or_into_review(client: httpx.Client) -> None:
    one = next(i for i in page(client).items if i.people == ["John Doe"])
    path = f"{BASE}/spot-checks/{one.photo_id}/wrong"
    before = answer(client.get(f"{BASE}/stats/summary"))["spot_checks"]["wrong"]
    moved = ActionResultView.model_validate(answer(client.post(path, json={"person": "Sarah Smith"})))
    assert (moved.action, moved.destination) == ("refiled", f"faces/sarah_smith/{one.filename}")
    other = page(client).items[0]
    asked = answer(client.post(f"{BASE}/spot-checks/{other.photo_id}/wrong", json={}))
    assert asked["destination"].startswith("review/unidentified/undone_")
    assert answer(client.get(f"{BASE}/stats/summary"))["spot_checks"]["wrong"] == before + 2
    unknown = answer(client.post(f"{BASE}/spot-checks/999999/confirm"), 404)
    assert "not drawn" in unknown["detail"]


def test_spot_checks_from_the_command_line(live: LiveSidecar, client: httpx.Client) -> None:
    first, second = page(client).items[:2]
    assert str(first.photo_id) in command(live, "spot-check", "list")
    assert "confirmed" in command(live, "spot-check", "confirm", first.photo_id)
    assert "review/unidentified" in command(live, "spot-check", "wrong", second.photo_id)
    told = command(live, "stats")
    assert "wrongly sorted, by spot checks" in told
    assert "95% interval" in told


# --- not this person -------------------------------------------------------------------------


def guess(item: ReviewItem) -> str | None:
    """Who it may be, and not surely."""
    assert item.suggested_person is None
    return item.suggestion.person if item.suggestion else None


def stranger(live: LiveSidecar, client: httpx.Client, number: int = 0) -> ReviewItem:
    """A waiting item somebody is suggested for, as if the demo measured faces here."""
    items = answer(client.get(f"{BASE}/review/queue/unidentified"))["items"]
    found = [i["id"] for i in items if i["reason"] == "unknown_face"]
    context = live.sidecar.context
    close = [Suggestion(person, 0.48) for person in live.sidecar.people.known if person.name][:3]
    suggest(context.ledger, found[number], close, context.clock.text())
    return ReviewItem.model_validate(answer(client.get(f"{BASE}/review/items/{found[number]}")))


def test_not_this_person(live: LiveSidecar, client: httpx.Client) -> None:
    item = stranger(live, client)
    assert [s.similarity for s in item.suggestions] == [0.48] * 3
    ruled_out = ActionResultView.model_validate(
        answer(client.post(f"{BASE}/review/{item.id}/rule-out", json={}))
    )
    assert (ruled_out.action, ruled_out.person) == ("ruled_out", guess(item))
    after = ReviewItem.model_validate(answer(client.get(f"{BASE}/review/items/{item.id}")))
    assert after.action == "pending"
    assert guess(after) != guess(item)
    assert ruled_out.person not in [s.person.name for s in after.suggestions]
    assert ruled_out.person not in [s.person.name for face in after.faces for s in face.suggestions]
    back = answer(client.post(f"{BASE}/undo", json={"event": ruled_out.event}))
    assert back["done"] == 1
    again = ReviewItem.model_validate(answer(client.get(f"{BASE}/review/items/{item.id}")))
    assert guess(again) == guess(item)


def test_not_this_person_says_what_is_wrong(live: LiveSidecar, client: httpx.Client) -> None:
    item = stranger(live, client)
    assert answer(client.post(f"{BASE}/review/999999/rule-out", json={}), 404)["code"] == "not_found"
    nobody = answer(client.post(f"{BASE}/review/{item.id}/rule-out", json={"person": "Nobody At All"}), 422)
    assert "Nobody At All" in nobody["detail"]
    face = answer(client.post(f"{BASE}/review/{item.id}/rule-out", json={"face": "no-such-face"}), 422)
    assert "no-such-face" in face["detail"]


def test_ruling_out_from_the_command_line(live: LiveSidecar, client: httpx.Client) -> None:
    item = stranger(live, client, 1)
    told = command(live, "review", "rule-out", item.id, "--person", guess(item))
    assert f"photo {item.id} is not {guess(item)}" in told


# --- other settings on past photos -----------------------------------------------------------


def test_what_if_lists_and_applies_and_undo_takes_it_back(live: LiveSidecar, client: httpx.Client) -> None:
    change = {"blacklist": ["Amara Okafor"], "max_faces_per_image": 20}
    report = WhatIfReport.model_validate(answer(client.post(f"{BASE}/what-if", json=change)))
    assert report.evaluated == SAMPLES
    assert report.moves["faces -> unwanted_person"] > 0
    assert sum(report.moves.values()) == len(report.photos) + report.omitted
    short = WhatIfReport.model_validate(answer(client.post(f"{BASE}/what-if?limit=1", json=change)))
    assert (len(short.photos), short.omitted) == (1, len(report.photos) - 1)
    assert "faces/amara_okafor" in {one.before for one in report.photos}
    before = tree(live)
    redeem = {"preview": report.preview}
    done = BulkActionResult.model_validate(answer(client.post(f"{BASE}/what-if/apply", json=redeem)))
    assert done.failed == 0
    assert done.event is not None
    assert {one.action for one in done.decided} == {"reevaluated"}
    assert tree(live) != before
    assert answer(client.get(f"{BASE}/config/blacklist"))["names"] == ["Amara Okafor"]
    undone = BulkActionResult.model_validate(answer(client.post(f"{BASE}/undo", json={"event": done.event})))
    assert undone.failed == 0
    assert tree(live) == before
    assert answer(client.get(f"{BASE}/config/blacklist"))["names"] == ["Victor Grey"]


def tree(live: LiveSidecar) -> set[str]:
    """All names of photos below `faces/` and `review/`."""
    return {
        str(path.relative_to(live.root))
        for area in ("faces", "review")
        for path in (live.root / area).rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def test_what_if_takes_no_nonsense_and_applies_for_an_admin(live: LiveSidecar, client: httpx.Client) -> None:
    assert answer(client.post(f"{BASE}/what-if", json={}))["moves"] == {}
    assert answer(client.post(f"{BASE}/what-if", json={"min_confidense": 0.7}), 422)["code"] == "invalid"
    assert answer(client.post(f"{BASE}/what-if", json={"min_confidence": 7}), 422)["code"] == "invalid"
    reviewer = live.client(REVIEW_TOKEN)
    assert answer(reviewer.post(f"{BASE}/what-if", json={"min_confidence": 0.7}))["evaluated"] == SAMPLES
    refused = reviewer.post(f"{BASE}/what-if/apply", json={"preview": "made up"})
    assert answer(refused, 403)["code"] == "forbidden"


def test_what_if_from_the_command_line(live: LiveSidecar, client: httpx.Client) -> None:
    before = answer(client.get(f"{BASE}/config"))["config"]["thresholds"]
    told = command(live, "what-if", "--max-faces", "20", "--days", "30")
    assert "multiple_faces -> " in told
    assert f"of {SAMPLES} photos of the last 30 days" in told
    applied = command(live, "what-if", "--max-faces", "20", "--apply", "--yes")
    event = re.search(r"Undo: `smartsort undo --event (\d+)`", applied)
    assert event is not None, applied
    command(live, "undo", "--event", event[1])
    assert answer(client.get(f"{BASE}/config"))["config"]["thresholds"]["max_faces_per_image"] == 1
    nothing = command(live, "what-if", "--min-margin", "0.04", "--apply", "--yes")
    assert "no photo moves, and the settings are changed" in nothing
    # It is the last action, although it is of no photo. So an older one stays.
    waiting = answer(client.get(f"{BASE}/review/stats"))["total"]
    command(live, "undo", "last")
    assert answer(client.get(f"{BASE}/config"))["config"]["thresholds"] == before
    assert answer(client.get(f"{BASE}/review/stats"))["total"] == waiting
    # Settings that were changed again since are not what it left, so the action before it is the last.
    item = answer(client.get(f"{BASE}/review/queue"))["items"][0]["id"]
    answer(client.post(f"{BASE}/review/{item}/reject"))
    command(live, "what-if", "--min-margin", "0.03", "--apply", "--yes")
    answer(client.patch(f"{BASE}/config", json={"min_margin": before["min_margin"]}))
    command(live, "undo", "last")
    assert answer(client.get(f"{BASE}/review/items/{item}"))["action"] == "pending"
    assert answer(client.get(f"{BASE}/config"))["config"]["thresholds"] == before
    assert "days 0 would go elsewhere" in command(live, "what-if")


def test_rules_are_tried_from_a_file_and_changed_in_it_alone(
    live: LiveSidecar, client: httpx.Client, tmp_path: Path
) -> None:
    before = tree(live)
    rules = tmp_path / "copy.toml"
    rules.write_text('[immich]\napi_key = "stays here"\n\n[[rules]]\nname = "old"\nfolder = "old/{person}"\n')
    told = command(live, "what-if", "--rules", str(rules))
    assert re.search(r"faces/(\w+) -> faces/old/\1\b", told), told
    assert tree(live) == before
    rule = {"name": "summer", "date_from": "2024-06-01", "album": "Summer"}
    found = answer(client.post(f"{BASE}/what-if", json={"rules": [rule]}))
    assert (found["moves"], found["preview"]) == ({}, None)
    for wrong in ([rule, rule], [{"name": "x"}], [{"name": "x", "folder": "../x"}]):
        assert answer(client.post(f"{BASE}/what-if", json={"rules": wrong}), 422)["code"] == "invalid"
    env = {"SMARTSORT_URL": live.url, "SMARTSORT_TOKEN": TOKEN}
    refused = CliRunner().invoke(cli, ["what-if", "--rules", str(rules), "--apply"], env=env)
    assert refused.exit_code == 2
    assert "restart smartsort and run" in " ".join(refused.output.split())
    text = rules.read_text()
    rules.write_text(text.replace("[[rules]]", "[[smart_download.rules]]").replace("[immich]", "[other]"))
    assert command(live, "what-if", "--rules", str(rules)) == told
    for text, said in (("[[rules]\n", "is not valid TOML"), ("enabled = true\n", "has no [[rules]]")):
        rules.write_text(text)
        refused = CliRunner().invoke(cli, ["what-if", "--rules", str(rules)], env=env)
        assert refused.exit_code == 2
        assert said in " ".join(refused.output.split())


# --- explanations ----------------------------------------------------------------------------


def explanation(client: httpx.Client, photo_id: int) -> Explained:
    return Explained.model_validate(answer(client.get(f"{BASE}/photos/{photo_id}/explain")))


def test_every_decision_of_the_demo_can_be_explained_in_words(client: httpx.Client) -> None:
    """All of them, whatever became of the photo: what was seen, what each rule said, what would change it."""
    places = set()
    for photo_id in range(1, SAMPLES + 1):
        found = explanation(client, photo_id)
        places.add(found.places[0].split("/")[0 if found.state == "filed" else 1])
        assert found.stored_settings_used
        assert found.decided_at
        assert found.seen
        assert found.rules
        assert found.changes
        decided = [rule for rule in found.rules if rule.verdict == "decided"]
        by_no_rule = found.summary.startswith("It was filed") or "a user undid that" in found.summary
        assert len(decided) == (0 if by_no_rule else 1)
        parts = [r.text for r in found.rules] + [c.text for c in found.changes]
        for text in (found.summary, *found.seen, *parts):
            assert text.endswith("."), text
            assert "None" not in text
            assert len(text.split()) > 2
    # The demo has photos of every kind.
    assert places >= {"faces", "duplicates", "unidentified", "multiple_faces", "unwanted_person"}


def test_what_a_human_did_since_is_told(client: httpx.Client) -> None:
    item = answer(client.get(f"{BASE}/review/queue/multiple_faces"))["items"][0]
    answer(client.post(f"{BASE}/review/{item['id']}/approve", json={"person": "john_doe"}))
    found = explanation(client, item["id"])
    assert found.by_human is not None
    assert "was approved as John Doe" in found.by_human
    assert found.places[0].startswith("faces/john_doe/")
    assert found.summary.startswith("It was put into review/multiple_faces")


def test_a_filing_that_was_taken_back_is_explained_by_that(client: httpx.Client) -> None:
    one = page(client).items[0]
    undone = answer(client.post(f"{BASE}/undo", json={"event": one.event}))
    found = explanation(client, one.photo_id)
    why = f"It was filed under {one.people[0]}, and a user undid that."
    assert found.summary == f"It was put into review/unidentified: {why}"
    answer(client.post(f"{BASE}/undo", json={"event": undone["decided"][0]["event"]}))


def test_explaining_a_file(live: LiveSidecar, client: httpx.Client) -> None:
    item = answer(client.get(f"{BASE}/review/queue"))["items"][0]
    inside = str(Path(item["path"]).relative_to(live.root))
    for name in (item["path"], inside, f"./{inside}", Path(inside).name):
        found = Explained.model_validate(answer(client.get(f"{BASE}/explain", params={"file": name})))
        assert found.photo_id == item["id"], name
    assert answer(client.get(f"{BASE}/explain?file=/etc/passwd"), 404)["code"] == "not_found"
    assert answer(client.get(f"{BASE}/explain?file=nothing-like-it.jpg"), 404)["code"] == "not_found"
    assert answer(client.get(f"{BASE}/photos/999999/explain"), 404)["code"] == "not_found"


def test_explaining_from_the_command_line(live: LiveSidecar, client: httpx.Client) -> None:
    item = answer(client.get(f"{BASE}/review/queue/unwanted_person"))["items"][0]
    for what in (item["id"], item["path"], item["filename"]):
        told = command(live, "explain", what)
        assert "It was put into review/unwanted_person: Victor Grey is on the blacklist." in told
        assert "What would change it:" in told
        assert "If Victor Grey were not on the blacklist" in told
    assert json.loads(command(live, "explain", item["id"], "--json"))["photo_id"] == item["id"]
    refused = CliRunner().invoke(cli, ["explain", "nobody.jpg", "--url", live.url, "--token", TOKEN])
    assert "no photo has the name nobody.jpg" in str(refused.exception)
