"""Deletions in a demo Immich, over real sockets: the answer over HTTP, and what a downloader is told."""

from __future__ import annotations

import httpx
import pytest
from tests.live_sidecar import BASE, LiveSidecar, live_sidecar

from smartsort.core.model import State
from smartsort.ledger import photos


@pytest.fixture
def live(tmp_path):
    settings = {"immich.recheck_interval_seconds": 0.3, "immich.max_unconfirmed_deletions": 3}
    with live_sidecar(tmp_path / "root", 24, settings=settings) as running:
        yield running


def filed(live: LiveSidecar) -> list:
    return live.sidecar.context.ledger.read(lambda db: photos.in_state(db, State.FILED, 100))


def immich(live: LiveSidecar, method: str, path: str, body: object) -> None:
    url = str(live.sidecar.settings.immich.url).rstrip("/")
    answer = httpx.request(
        method, f"{url}/api{path}", json=body, headers={"x-api-key": live.demo.key}, timeout=60
    )
    assert answer.status_code < 300, answer.text


def test_a_deletion_there_is_a_rejection_here_and_back(live: LiveSidecar) -> None:
    client, ledger = live.client(), live.sidecar.context.ledger
    query = "SELECT sha256 FROM photos GROUP BY sha256 HAVING count(*) > 1"
    copies = {one for (one,) in ledger.read(lambda db: db.conn.execute(query).fetchall())}
    photo = next(one for one in filed(live) if one.sha256 not in copies)

    def state() -> State:
        return live.sidecar.context.ledger.read(lambda db: photos.get(db, photo.id)).state

    immich(live, "DELETE", "/assets", {"ids": [photo.asset_id]})
    live.wait_for(lambda: state() is State.REJECTED, "the rejection")
    known = client.get(f"{BASE}/known/{photo.sha256}").json()
    assert (known["known"], known["available"], known["rejected_by"]) == (True, False, "Immich")
    immich(live, "POST", "/trash/restore/assets", {"ids": [photo.asset_id]})
    live.wait_for(lambda: state() is State.FILED, "the restoration")
    known = client.get(f"{BASE}/known/{photo.sha256}").json()
    assert (known["available"], known["rejected_by"]) == (True, None)


def test_many_wait_and_are_answered_over_http(live: LiveSidecar) -> None:
    client, some = live.client(), filed(live)[:5]
    immich(live, "DELETE", "/assets", {"ids": [photo.asset_id for photo in some]})
    live.wait_for(lambda: client.get(f"{BASE}/deletions").json()["waiting"] == 5, "the question")
    asked = client.get(f"{BASE}/deletions").json()
    assert {one["id"] for one in asked["photos"]} == {photo.id for photo in some}
    live.wait_for(
        lambda: any(i["kind"] == "deletions" for i in client.get(f"{BASE}/status").json()["health_issues"]),
        "the notice",
    )
    done = client.post(f"{BASE}/deletions", json={"up_to": asked["up_to"], "meant": True}).json()
    assert (done["done"], done["failed"]) == (5, 0)
    undone = client.post(f"{BASE}/undo", json={"event": done["event"]}).json()
    assert undone["done"] == 5
    assert {photo.id for photo in some} <= {photo.id for photo in filed(live)}
