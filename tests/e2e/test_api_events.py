"""The event stream: replay, live messages, status, many listeners, and the end of the sidecar."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from httpx_sse import ServerSentEvent, connect_sse
from tests.live_sidecar import BASE, LiveSidecar, live_sidecar

from smartsort.api.schemas.history import EventPage, EventView
from smartsort.api.schemas.state import Status

STREAM = f"{BASE}/events/stream"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    with live_sidecar(tmp_path_factory.mktemp("events") / "root", 12) as running:
        yield running


def messages(client: httpx.Client, count: int, **kwargs: object) -> list[ServerSentEvent]:
    """The first so many messages of the history."""
    found: list[ServerSentEvent] = []
    with connect_sse(client, "GET", STREAM, **kwargs) as source:  # type: ignore[arg-type]
        assert source.response.status_code == 200
        for message in source.iter_sse():
            if message.event != "status":
                found.append(message)
            if len(found) == count:
                break
    return found


def test_replay_after_an_event(live: LiveSidecar) -> None:
    client = live.client()
    newest = EventPage.model_validate(client.get(f"{BASE}/events", params={"limit": 5}).json()).events
    start = newest[-1].id - 1
    for kwargs in ({"headers": {"Last-Event-ID": str(start)}}, {"params": {"after": start}}):
        found = messages(client, 5, **kwargs)
        assert [int(m.id) for m in found] == sorted(e.id for e in newest)
        views = [EventView.model_validate(json.loads(m.data)) for m in found]
        assert views == sorted(newest, key=lambda e: e.id)
        assert [m.event for m in found] == [v.kind for v in views]
        assert all(v.filename for v in views if v.photo_id is not None)


def test_replay_of_everything_is_complete(live: LiveSidecar) -> None:
    client = live.client()
    last = client.get(f"{BASE}/events", params={"limit": 1}).json()["events"][0]["id"]
    found = messages(client, last, params={"after": 0})
    assert [int(m.id) for m in found] == list(range(1, last + 1))


@pytest.mark.parametrize("position", ["x", "-1", "1.5", "9" * 30])
def test_a_position_that_is_none(live: LiveSidecar, position: str) -> None:
    response = live.client().get(STREAM, headers={"Last-Event-ID": position})
    assert response.status_code == 422
    assert response.json()["code"] == "invalid"


@dataclass
class Listener:
    """Collects what one client hears, in a thread."""

    live: LiveSidecar

    def __post_init__(self) -> None:
        self.heard: list[ServerSentEvent] = []
        self.opened = threading.Event()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()
        assert self.opened.wait(60)

    def _listen(self) -> None:
        with connect_sse(self.live.client(), "GET", STREAM) as source:
            for message in source.iter_sse():
                self.heard.append(message)
                if message.event == "status":
                    self.opened.set()
        self.ended.set()


def test_what_happens_reaches_every_listener(tmp_path: Path) -> None:
    with live_sidecar(tmp_path / "root", 6) as live:
        client = live.client()
        listeners = [Listener(live) for _ in range(3)]
        assert live.sidecar.recognise_stage is not None
        first = Status.model_validate(json.loads(listeners[0].heard[0].data))
        assert listeners[0].heard[0].event == "status"
        assert listeners[0].heard[0].id == ""
        assert first.enabled
        client.post(f"{BASE}/disable")
        live.wait_for(
            lambda: all(any(m.event == "disabled" for m in each.heard) for each in listeners),
            "all listeners to hear of it",
        )

        def told_off(each: Listener) -> bool:
            return any(m.event == "status" and not json.loads(m.data)["enabled"] for m in each.heard)

        live.wait_for(lambda: all(map(told_off, listeners)), "the status to follow")
        assert "smartsort_event_listeners 3.0" in client.get("/metrics").text
        live.loop.call_soon_threadsafe(live.sidecar.stop)
        for each in listeners:
            assert each.ended.wait(60), "the stream ends with the sidecar"
            assert [m.event for m in each.heard if m.event != "status"] == ["disabled"]


def test_nobody_listens_nothing_watches(live: LiveSidecar) -> None:
    serving = live.run(_serving(live))
    messages(live.client(), 1, params={"after": 0})
    live.wait_for(lambda: (serving.listeners, serving._task) == (0, None), "nobody to listen or watch")


async def _serving(live: LiveSidecar):
    import gc

    from smartsort.api.live import Live

    return next(o for o in gc.get_objects() if isinstance(o, Live) and o._sidecar is live.sidecar)


def test_history_pages(live: LiveSidecar) -> None:
    client = live.client()
    found: list[int] = []
    cursor: str | None = None
    while True:
        query = {"limit": 7} | ({"cursor": cursor} if cursor else {})
        page = EventPage.model_validate(client.get(f"{BASE}/events", params=query).json())
        found += [event.id for event in page.events]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == list(range(found[0], 0, -1))
    assert all(event.text for event in page.events)
    one = EventPage.model_validate(client.get(f"{BASE}/events", params={"photo_id": 1}).json())
    whole = EventPage.model_validate(client.get(f"{BASE}/photos/1/history").json())
    assert one.events == whole.events[::-1]
