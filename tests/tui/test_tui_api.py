"""The client: every failure becomes a state with words, and the event stream goes on after a break."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager

import pytest
from tests.tui.fake_server import RunningServer, running
from tests.tui.sample.sidecar import SampleSidecar

from smartsort.api.schemas.decisions import Approve
from smartsort.api.schemas.history import EventView
from smartsort.api.schemas.state import Status
from smartsort_tui import live
from smartsort_tui.api import (
    ApiProblem,
    Client,
    DecidedMeanwhile,
    NotSmartsort,
    NotThere,
    Refused,
    TokenRefused,
    Unreachable,
    base_url,
)
from smartsort_tui.live import Link, happenings


@pytest.fixture
def server() -> Iterator[RunningServer]:
    with running(SampleSidecar(20, token="right")) as server:
        yield server


@asynccontextmanager
async def client(url: str, token: str | None = "right") -> AsyncIterator[Client]:
    made = Client(url, token)
    try:
        yield made
    finally:
        await made.aclose()


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("host:8484", "http://host:8484/"),
        ("https://host/smartsort/", "https://host/smartsort/"),
        ("http://host:1/api/smart-download", "http://host:1/"),
        ("http://[::1]:8484", "http://[::1]:8484/"),
    ],
)
def test_an_address_may_be_typed_in_many_ways(typed: str, url: str) -> None:
    assert str(base_url(typed)) == url


@pytest.mark.parametrize("typed", ["", "htp://host", "http://", "http://[", "file:///etc/passwd", "a b://c"])
def test_a_nonsense_address_is_refused_in_words(typed: str) -> None:
    with pytest.raises(NotSmartsort, match="address"):
        base_url(typed)


def test_a_token_no_header_can_carry_is_refused_before_it_is_sent() -> None:
    with pytest.raises(TokenRefused):
        Client("http://host", "schlüssel")
    with pytest.raises(TokenRefused):
        Client("http://host", "two\nlines")


async def test_it_reads_the_queue_and_decides(server: RunningServer) -> None:
    async with client(server.url) as api:
        page = await api.queue(limit=5)
        assert [row.id for row in page.items] == [20, 19, 18, 17, 16]
        done = await api.decide("approve", 19, Approve())
        assert done.action == "approved"
        with pytest.raises(DecidedMeanwhile) as caught:
            await api.decide("reject", 19)
        assert caught.value.happened is not None
        assert caught.value.happened.kind == "approved"
        with pytest.raises(NotThere):
            await api.item(999)
        assert len(await api.picture(page.items[0].thumbnail)) > 1000


async def test_a_wrong_token_is_a_state_of_its_own(server: RunningServer) -> None:
    async with client(server.url, "wrong") as api:
        with pytest.raises(TokenRefused, match="missing or wrong"):
            await api.queue()


@pytest.mark.parametrize(
    ("fault", "expected"), [("html", NotSmartsort), ("garbage", NotSmartsort), ("503", Unreachable)]
)
async def test_what_is_not_smartsort_is_told_from_what_is_away(
    server: RunningServer, fault: str, expected: type[ApiProblem]
) -> None:
    server.fake.fault = fault
    async with client(server.url) as api:
        with pytest.raises(expected):
            await api.queue()


async def test_an_error_of_the_sidecar_carries_its_words(server: RunningServer) -> None:
    server.fake.fail_paths = {"/approve"}
    async with client(server.url) as api:
        with pytest.raises(Refused, match=r"asset\.update is missing"):
            await api.decide("approve", 20, Approve())


async def test_nothing_listening_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with client(f"http://127.0.0.1:{taken.getsockname()[1]}") as api:
            with pytest.raises(Unreachable, match="refused"):
                await api.queue()


async def test_a_host_that_does_not_exist_is_unreachable() -> None:
    async with client("http://nowhere.invalid") as api:
        with pytest.raises(Unreachable):
            await api.status()


async def test_an_answer_broken_off_is_unreachable() -> None:
    async def half(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(half, "127.0.0.1", 0)
    async with server, client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as api:
        with pytest.raises(Unreachable, match="broke off"):
            await api.queue()


async def test_events_go_on_without_a_gap_after_a_restart(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PAUSES_SECONDS", (0.05,))
    sidecar = server.fake.sidecar
    seen: list[object] = []
    async with client(server.url) as api, aclosing(happenings(api)) as stream:  # type: ignore[type-var]
        async for what in stream:
            seen.append(what)
            kinds = [type(one).__name__ for one in seen]
            if isinstance(what, Status) and kinds.count("Status") == 1:
                sidecar.decide_as_somebody(20)
            if isinstance(what, EventView) and what.photo_id == 20:
                await asyncio.to_thread(server.stop)
                sidecar.decide_as_somebody(17)
                await asyncio.to_thread(server.start)
            if isinstance(what, EventView) and what.photo_id == 17:
                break
    states = [one.state for one in seen if isinstance(one, Link)]
    assert states[0] == states[-1] == "connected"
    assert "lost" in states
    assert [one.id for one in seen if isinstance(one, EventView)] == [100, 101]


async def test_a_request_that_is_cancelled_closes_all_connections_that_have_grown_old(
    server: RunningServer,
) -> None:
    async with client(server.url) as api:
        await asyncio.gather(*(api.status() for _ in range(4)))
        pool = api._http._transport._pool  # type: ignore[attr-defined]
        old = [one._connection._network_stream for one in pool.connections]
        assert len(old) == 4
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        request = asyncio.create_task(api.status())
        while len(pool.connections) == 4:  # noqa: ASYNC110  (until the old ones are thrown out)
            await asyncio.sleep(0)
        request.cancel()
        await asyncio.wait([request])
        await api.status()
        assert [one._stream._transport.is_closing() for one in old] == [True] * 4


@pytest.mark.parametrize("turns", range(6))
async def test_requests_that_are_cancelled_take_no_connection_from_others(
    server: RunningServer, turns: int
) -> None:
    """As each letter of a name that is typed cancels the search for those before it."""
    async with client(server.url) as api:
        for _ in range(10):
            requests = [asyncio.create_task(api.status()) for _ in range(3)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for request in requests:
                request.cancel()
            await asyncio.wait(requests)
        await asyncio.gather(*(api.status() for _ in range(8)))


async def test_a_refused_stream_says_so(server: RunningServer) -> None:
    async with client(server.url, "wrong") as api, aclosing(happenings(api)) as stream:  # type: ignore[type-var]
        link = await anext(stream)
    assert isinstance(link, Link)
    assert link.state == "refused"
    assert isinstance(link.problem, TokenRefused)


def test_what_went_wrong_is_titled_in_words() -> None:
    kinds = [ApiProblem]
    for kind in kinds:
        kinds += kind.__subclasses__()
        assert re.fullmatch(r"[A-Za-z][a-z]+( [a-z]+)+", kind.title), kind
