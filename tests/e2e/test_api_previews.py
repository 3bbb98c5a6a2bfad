"""A bulk action applies to exactly what was previewed, whatever arrives or changes in between."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import click
import httpx
import pytest
from click.testing import CliRunner
from tests.live_sidecar import BASE, NOTHING_BY_ITSELF, REVIEW_TOKEN, TOKEN, LiveSidecar, live_sidecar

from smartsort.api.previews import MOST_PREVIEWS, SECONDS, Previews
from smartsort.api.problems import Refused
from smartsort.api.schemas.decisions import BulkActionResult
from smartsort.api.security import Caller
from smartsort.cli.main import cli

ROUNDS = int(os.environ.get("SMARTSORT_TEST_ROUNDS", "4"))
ARRIVALS = 50


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    root = tmp_path_factory.mktemp("previews") / "root"
    with live_sidecar(root, 12, settings={**NOTHING_BY_ITSELF, "inbox.settle_seconds": 0.0}) as running:
        yield running


@pytest.fixture
def client(live: LiveSidecar) -> httpx.Client:
    return live.client()


@pytest.fixture(scope="module")
def arrive(live: LiveSidecar) -> Callable[[int], None]:
    """Has so many files come into review: none of them is a picture, so nobody has to recognise it."""
    numbers = itertools.count()
    inbox = live.root / "inbox" / "phone"
    inbox.mkdir(parents=True, exist_ok=True)

    def come(count: int) -> None:
        before = waiting(live)
        ledger = live.sidecar.context.ledger
        first = ledger.read(lambda db: db["photos"].count)
        for number in itertools.islice(numbers, count):
            (inbox / f"arrival_{number}.jpg").write_bytes(b"no picture %d" % number)
        live.wait_for(lambda: live.all_sorted(first + count), "the arrivals to be at rest")
        live.wait_for(lambda: len(waiting(live) - before) == count, "the arrivals")

    return come


def waiting(live: LiveSidecar) -> set[int]:
    with httpx.Client(base_url=live.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60) as client:
        found: set[int] = set()
        params: dict[str, Any] = {"limit": 500}
        while True:
            page = client.get(f"{BASE}/review/queue", params=params).raise_for_status().json()
            found |= {item["id"] for item in page["items"]}
            if page["next_cursor"] is None:
                return found
            params["cursor"] = page["next_cursor"]


def post(client: httpx.Client, route: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
    answer = client.post(f"{BASE}{route}", json=body)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


EVERYTHING = {"everything": True, "dry_run": True}


def test_the_api_does_exactly_what_was_previewed(
    live: LiveSidecar, client: httpx.Client, arrive: Callable[[int], None]
) -> None:
    for number in range(ROUNDS):
        before = waiting(live)
        route = f"/review/bulk/{('reject', 'skip')[number % 2]}"
        plan = post(client, route, EVERYTHING)
        assert {one["id"] for one in plan["decided"]} == before
        arrive(ARRIVALS)
        done = post(client, route, {"preview": plan["preview"]})
        assert {one["id"] for one in done["decided"]} == before, f"round {number}"
        assert (done["done"], done["failed"]) == (len(before), 0)
        came = waiting(live) - before
        assert {one["id"] for one in done["changed"]} == came
        assert len(came) == ARRIVALS
        if "reject" in route:
            assert waiting(live) == came


def test_the_command_does_exactly_what_was_shown(
    live: LiveSidecar, arrive: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    where = ["--url", live.url, "--token", TOKEN]
    asked: list[str] = []

    def answered(question: str, **_: Any) -> bool:
        asked.append(question)
        arrive(ARRIVALS)
        return True

    monkeypatch.setattr("smartsort.cli.sidecar.on_a_terminal", lambda: True)
    monkeypatch.setattr(click, "confirm", answered)
    for number in range(ROUNDS):
        before = waiting(live)
        command = ("reject", "skip")[number % 2]
        result = CliRunner().invoke(cli, ["review", command, "--all", *where], env={"COLUMNS": "200"})
        assert result.exit_code == 0, (result.output, result.exception)
        assert asked[-1] == f"{command.capitalize()} {len(before)} photos?"
        assert f"{len(before)} done, 0 failed" in result.output
        assert f"{ARRIVALS} left alone" in result.output
        came = waiting(live) - before
        assert len(came) == ARRIVALS
        if command == "reject":
            assert waiting(live) == came


def test_what_changed_since_is_left_alone(
    live: LiveSidecar, client: httpx.Client, arrive: Callable[[int], None]
) -> None:
    arrive(4)
    rejected, skipped, *others = sorted(waiting(live))
    plan = post(client, "/review/bulk/reject", EVERYTHING)
    post(client, f"/review/{rejected}/reject", {})
    post(client, f"/review/{skipped}/skip", {})
    done = post(client, "/review/bulk/reject", {"preview": plan["preview"]})
    assert {one["id"] for one in done["decided"]} == set(others)
    reasons = {one["id"]: one["reason"] for one in done["changed"]}
    assert set(reasons) == {rejected, skipped}
    assert "rejected by admin" in reasons[rejected]
    assert "not as it was when you saw it" in reasons[skipped]
    assert waiting(live) == {skipped}


def test_a_second_redemption_is_answered_and_does_nothing(
    live: LiveSidecar, client: httpx.Client, arrive: Callable[[int], None]
) -> None:
    arrive(2)
    plan = post(client, "/review/bulk/reject", EVERYTHING)
    first = post(client, "/review/bulk/reject", {"preview": plan["preview"]})
    post(client, "/undo", {"event": first["event"]})
    assert post(client, "/review/bulk/reject", {"preview": plan["preview"]}) == first
    assert waiting(live) >= {one["id"] for one in first["decided"]}


def test_a_preview_belongs_to_its_caller_and_its_action(
    live: LiveSidecar, client: httpx.Client, arrive: Callable[[int], None]
) -> None:
    arrive(1)
    there = waiting(live)
    plan = post(client, "/review/bulk/reject", EVERYTHING)
    problem = post(client, "/review/bulk/skip", {"preview": plan["preview"]}, 409)
    assert "for reject, not for skip" in problem["detail"]
    token = {"preview": plan["preview"]}
    assert post(live.client(REVIEW_TOKEN), "/review/bulk/reject", token, 409)["code"] == "preview_gone"
    assert post(client, "/review/bulk/reject", {"preview": "made up"}, 409)["code"] == "preview_gone"
    assert post(client, "/review/bulk/reject", {**token, "ids": [1]}, 422)["code"] == "invalid"
    for _ in range(MOST_PREVIEWS):
        post(client, "/review/bulk/skip", EVERYTHING)
    assert post(client, "/review/bulk/reject", token, 409)["code"] == "preview_gone"
    assert waiting(live) == there


async def test_a_preview_expires() -> None:
    clock = [0.0]
    previews = Previews(lambda: clock[0])
    eva = Caller("eva", frozenset({"review"}))
    token = previews.keep("reject", eva, None, {7: "as it was"})

    async def act(_: Any, agreed: Any) -> BulkActionResult:
        return BulkActionResult(decided=[], done=len(agreed), failed=0)

    assert (await previews.redeem(token, "reject", eva, act)).done == 1
    clock[0] = SECONDS + 1
    with pytest.raises(Refused, match="more than an hour old"):
        await previews.redeem(token, "reject", eva, act)


@pytest.mark.parametrize("action", ["approve", "reject", "skip"])
@pytest.mark.parametrize("chosen", [{"everything": True}, {"category": "unidentified"}, {"search": "a"}])
def test_a_filter_is_previewed_first(client: httpx.Client, action: str, chosen: dict[str, Any]) -> None:
    assert "preview first" in post(client, f"/review/bulk/{action}", chosen, 422)["detail"]
    assert "preview first" in post(client, "/undo", {"since": "2026-05-01T18:00"}, 422)["detail"]


def test_undo_since_is_previewed_and_leaves_what_was_done_after(
    live: LiveSidecar, client: httpx.Client, arrive: Callable[[int], None]
) -> None:
    arrive(3)
    one, other, third = sorted(waiting(live))[-3:]
    since = live.sidecar.context.clock.text()
    post(client, f"/review/{one}/reject", {})
    post(client, f"/review/{other}/reject", {})
    plan = post(client, "/undo", {"since": since, "dry_run": True})
    assert {d["id"] for d in plan["decided"]} == {one, other}
    post(client, f"/review/{third}/reject", {})
    post(client, "/undo", {"photo": other})
    done = post(client, "/undo", {"preview": plan["preview"]})
    assert [d["id"] for d in done["decided"]] == [one]
    assert {c["id"] for c in done["changed"]} == {other, third}
    assert third not in waiting(live)


def test_the_undo_of_the_last_action_stays_that_action(
    live: LiveSidecar, client: httpx.Client, arrive: Callable[[int], None]
) -> None:
    arrive(2)
    one, other = sorted(waiting(live))[-2:]
    post(client, f"/review/{one}/reject", {})
    plan = post(client, "/undo", {"last": True, "dry_run": True})
    post(client, f"/review/{other}/reject", {})
    assert [d["id"] for d in post(client, "/undo", {"preview": plan["preview"]})["decided"]] == [one]


def test_what_if_moves_exactly_what_was_listed_and_not_with_other_settings(
    live: LiveSidecar, client: httpx.Client
) -> None:
    wanted = {"blacklist": ["John Doe", "Sarah Smith", "Zoë", "Amara Okafor"]}
    since = live.sidecar.context.clock.text()
    report = post(client, "/what-if", wanted)
    shown = {move["photo_id"] for move in report["photos"]}
    assert len(shown) > 1
    changed = min(shown)
    post(client, f"/photos/{changed}/refile", {"person": "李雷"})
    done = post(client, "/what-if/apply", {"preview": report["preview"]})
    assert {one["id"] for one in done["decided"]} == shown - {changed}
    assert [one["id"] for one in done["changed"]] == [changed]
    reviewer = live.client(REVIEW_TOKEN)
    assert post(reviewer, "/what-if", wanted)["preview"] is None
    for event in (done["event"], *(one["event"] for one in done["decided"])):
        assert post(reviewer, "/undo", {"event": event}, 403)["code"] == "forbidden"
    blacklist = client.get(f"{BASE}/config/blacklist").json()
    plan = post(reviewer, "/undo", {"since": since, "dry_run": True})
    assert {d["id"] for d in plan["decided"] if d["action"] == "would_undo"} <= {changed}
    assert sum("scope admin" in (d["problem"] or "") for d in plan["decided"]) == len(shown) - 1
    post(reviewer, "/undo", {"preview": plan["preview"]})
    assert client.get(f"{BASE}/config/blacklist").json() == blacklist
    plan = post(client, "/undo", {"since": since, "dry_run": True})
    undone = post(client, "/undo", {"preview": plan["preview"]})
    assert client.get(f"{BASE}/config/blacklist").json() != blacklist
    for event in (undone["event"], *(d["event"] for d in undone["decided"])):
        assert post(reviewer, "/undo", {"event": event}, 403)["code"] == "forbidden"
    report = post(client, "/what-if", wanted)
    client.patch(f"{BASE}/config", json={"min_margin": 0.07}).raise_for_status()
    assert "have changed" in post(client, "/what-if/apply", {"preview": report["preview"]}, 409)["detail"]
    client.delete(f"{BASE}/config").raise_for_status()


def test_a_refiling_is_previewed_by_an_admin_and_moves_exactly_what_was_shown(
    live: LiveSidecar, client: httpx.Client
) -> None:
    assert post(client, "/refile", {}, 422)["code"] == "invalid"
    reviewer = live.client(REVIEW_TOKEN)
    assert post(reviewer, "/refile", {"dry_run": True}, 403)["code"] == "forbidden"
    assert post(client, "/refile", {"dry_run": True})["decided"] == []
    client.patch(f"{BASE}/config", json={"filing_template": "all/{person}"}).raise_for_status()
    plan = post(client, "/refile", {"dry_run": True})
    assert plan["done"] > 1
    assert {one["action"] for one in plan["decided"]} == {"would_move"}
    moved = min(one["id"] for one in plan["decided"])
    post(client, f"/photos/{moved}/refile", {"person": "李雷"})
    done = post(client, "/refile", {"preview": plan["preview"]})
    assert {one["id"] for one in done["decided"]} == {one["id"] for one in plan["decided"]} - {moved}
    assert all(one["destination"].startswith("faces/all/") for one in done["decided"])
    assert post(reviewer, "/undo", {"event": done["event"]}, 403)["code"] == "forbidden"
    assert post(client, "/undo", {"event": done["event"]})["done"] == done["done"]
    client.delete(f"{BASE}/config").raise_for_status()


def test_photos_that_are_named_can_be_named_with_their_versions(
    live: LiveSidecar, client: httpx.Client, arrive: Callable[[int], None]
) -> None:
    arrive(3)
    one, other, third = sorted(waiting(live))[-3:]
    seen = {i: client.get(f"{BASE}/review/items/{i}").json()["version"] for i in (one, other)}
    post(client, f"/review/{other}/skip", {})
    named = {"ids": [one, other, third], "versions": seen}
    would = post(client, "/review/bulk/reject", {**named, "dry_run": True})
    assert {d["id"] for d in would["decided"]} == {one, third}
    done = post(client, "/review/bulk/reject", named)
    assert {d["id"] for d in done["decided"]} == {one, third}
    assert [c["id"] for c in done["changed"]] == [other]
    assert post(client, "/review/bulk/reject", {"everything": True, "dry_run": True, "versions": seen}, 422)


def test_undo_since_asks_on_a_terminal(
    live: LiveSidecar,
    client: httpx.Client,
    arrive: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arrive(1)
    photo = max(waiting(live))
    since = live.sidecar.context.clock.text()
    post(client, f"/review/{photo}/reject", {})
    where = ["--url", live.url, "--token", TOKEN]
    monkeypatch.setattr("smartsort.cli.sidecar.on_a_terminal", lambda: True)
    runner = CliRunner()
    declined = runner.invoke(cli, ["undo", "--since", since, *where], input="n\n", env={"COLUMNS": "200"})
    assert declined.exit_code == 1
    assert "would_undo" in declined.output
    assert "Nothing has changed yet" in declined.output
    assert "Undo 1 actions?" in declined.output
    assert photo not in waiting(live)
    agreed = runner.invoke(cli, ["undo", "--since", since, *where], input="y\n", env={"COLUMNS": "200"})
    assert (agreed.exit_code, "1 done" in agreed.output) == (0, True), agreed.output
    assert photo in waiting(live)
