"""`smartsort submissions`: what was handed in over HTTP, and trying again what failed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.live_sidecar import BASE, INTAKE_TOKEN, TOKEN, LiveSidecar

from smartsort.cli.main import cli


def run(live: LiveSidecar, *arguments: str, token: str = TOKEN) -> Result:
    return CliRunner().invoke(cli, ["submissions", *arguments, "--url", live.url, "--token", token])


def hand_in(live: LiveSidecar, count: int) -> list[dict[str, Any]]:
    """Items that fail at once: this machine's own addresses are refused."""
    urls = [{"url": f"http://127.0.0.1:9/{n}.jpg", "source": "blog"} for n in range(count)]
    answer = live.client(INTAKE_TOKEN).post(BASE, json=urls, params={"wait": 30})
    assert [one["status"] for one in answer.json()] == ["error"] * count
    found: list[dict[str, Any]] = live.client().get(f"{BASE}/submissions").json()["items"]
    return found


def test_listing_and_retrying(live: LiveSidecar) -> None:
    items = hand_in(live, 3)
    listed = run(live, "list", "--state", "failed", "--limit", "2", "--json")
    assert listed.exit_code == 0, listed.output
    assert json.loads(listed.output) == items[:2]
    assert "3 shown" in run(live, "list").output
    assert "0 shown" in run(live, "list", "--state", "downloading").output

    one = run(live, "retry", items[0]["id"], token=INTAKE_TOKEN)
    assert one.exit_code == 0, one.output
    assert "1 retried, 0 refused" in one.output
    live.wait_for(lambda: "3 shown" in run(live, "list", "--state", "failed").output, "it to fail again")
    every = run(live, "retry", "--failed")
    assert "3 retried, 0 refused" in every.output
    retried = live.client().get(f"{BASE}/events", params={"kind": "download_retried"}).json()["events"]
    assert [event["actor"] for event in retried] == ["admin"] * 3 + ["downloader"]


def test_what_is_refused_is_named_and_the_others_go_on(live: LiveSidecar) -> None:
    [item] = hand_in(live, 1)
    said = run(live, "retry", "0" * 20, "../status", item["id"])
    assert said.exit_code == 1
    assert "there is no submission" in said.output
    assert f"{item['id']}: downloading" in said.output
    assert "1 retried, 2 refused" in said.output


@pytest.mark.parametrize("arguments", [[], ["abc", "--failed"]])
def test_one_of_both_has_to_be_given(live: LiveSidecar, arguments: list[str]) -> None:
    assert run(live, "retry", *arguments).exit_code == 2
