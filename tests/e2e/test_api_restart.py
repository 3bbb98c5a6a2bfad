"""What the monitoring says after the work is done, and after a restart."""

from __future__ import annotations

from pathlib import Path

import httpx
from tests.live_sidecar import BASE, NOTHING_BY_ITSELF, live_sidecar

from smartsort.demo.samples import make_samples

VERSION = 'immich="3.1.0"'


def metrics(client: httpx.Client) -> dict[str, float]:
    """By name and labels, without what is of the process alone and what grows by itself."""
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith("smartsort_")]
    own = ("smartsort_process_", "smartsort_http_request_", "smartsort_review_oldest_seconds")
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith(own))
    return {name: float(value) for name, value in pairs}


def test_metrics_survive_a_restart(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with live_sidecar(root, 20) as live:
        client = live.client()
        item = client.get(f"{BASE}/review/queue").json()["items"][0]["id"]
        client.post(f"{BASE}/review/{item}/approve", json={"person": "john_doe"}).raise_for_status()
        # The jobs that photos waited for were counted before the last of them was filed.
        live.wait_for(lambda: client.get(f"{BASE}/status").json()["queues"] == {}, "empty queues")
        assert VERSION in client.get("/metrics").text
        before = metrics(client)
    with live_sidecar(root) as live:
        client = live.client()
        assert VERSION in client.get("/metrics").text
        after = metrics(client)
    calls = {name for name in before if name.startswith("smartsort_immich_calls_total")}
    assert {'smartsort_immich_calls_total{operation="list_faces"}'} <= calls
    for name, value in before.items():
        # Starting costs calls, and Immich may still have heard of the approval.
        assert after[name] >= value if name in calls else after[name] == value, name


def test_immichs_version_is_what_it_said_when_it_was_connected(tmp_path: Path) -> None:
    """It is not asked again by whoever looks at the status, who would wait for its answer."""
    with live_sidecar(tmp_path / "root", settings=NOTHING_BY_ITSELF) as live:
        assert live.demo is not None
        live.demo.faults.down = True
        client = live.client()
        assert client.get(f"{BASE}/status").json()["immich_version"] == "3.1.0"
        assert VERSION in client.get("/metrics").text


def test_no_jobs_are_told_of_when_no_photo_waits(tmp_path: Path) -> None:
    with live_sidecar(tmp_path / "root", profile="real") as live:
        client = live.client()
        seen: list[dict[str, int]] = []

        def done() -> bool:
            status = client.get(f"{BASE}/status").json()
            seen.append(status["queues"])
            return live.all_sorted(8) and status["queues"] == {}

        make_samples(str(live.root / "inbox"), 8, 3, size=(320, 240))
        live.wait_for(done, "empty queues")
        assert any(sum(queues.values()) for queues in seen), "jobs are told of while photos wait"
        assert "smartsort_immich_jobs{" not in client.get("/metrics").text
