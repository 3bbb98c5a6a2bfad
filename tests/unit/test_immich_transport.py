"""What is repeated, how often, and after which pauses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import inf

import httpx
import pytest
from tests.ports import reserved_port

from smartsort.errors import ImmichRefused, ImmichRejected, ImmichUnreachable
from smartsort.immich import ImmichServer
from smartsort.immich.transport import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Traffic, retry_after

Answer = httpx.Response | Exception
NO_FACES = httpx.Response(200, json=[])


class Script:
    """Gives one answer after the other, the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def server(self, **options: object) -> ImmichServer:
        return ImmichServer(
            "http://immich:2283",
            "secret-key",
            transport=httpx.MockTransport(self),
            sleep=self.sleep,
            jitter=lambda: 0.5,
            **options,
        )


def failure(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"message": "not now"}, headers=headers)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_repeats_a_call_that_only_reads(status: int) -> None:
    script = Script(failure(status), failure(status), NO_FACES)
    server = script.server()
    assert await server.faces("a") == []
    assert server.calls == {"list_faces": 3}
    assert script.pauses == [FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS]


async def test_gives_up_after_the_last_retry() -> None:
    script = Script(failure(500))
    server = script.server(retries=2)
    with pytest.raises(ImmichUnreachable, match="status 500") as unreachable:
        await server.faces("a")
    assert unreachable.value.retryable
    assert server.calls == {"list_faces": 3}


async def test_does_not_repeat_what_will_stay_wrong() -> None:
    script = Script(failure(400))
    with pytest.raises(ImmichRejected):
        await script.server().faces("a")
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    ("call", "repeated"),
    [
        (lambda server: server.resolve(["/a"]), True),
        (lambda server: server.validate_import_path("id", "/a"), True),
        (lambda server: server.duplicate_ids("lib", datetime(2026, 1, 1, tzinfo=UTC)), True),
        (lambda server: server.set_visibility(["a"], "archive"), True),
        (lambda server: server.assign_face("f", "p"), True),
        (lambda server: server.detect_missing_faces(), True),
        (lambda server: server.scan("id"), False),
        (lambda server: server.create_person("Ann"), False),
        (lambda server: server.create_album("Ann", []), False),
        (lambda server: server.remove_from_album("id", ["a"]), False),
    ],
)
@pytest.mark.parametrize("answer", [failure(503), httpx.ReadError("gone")])
async def test_repeats_only_what_does_no_harm(
    call: Callable[[ImmichServer], object], repeated: bool, answer: Answer
) -> None:
    script = Script(answer)
    with pytest.raises(ImmichUnreachable):
        await call(script.server())
    assert len(script.requests) == (4 if repeated else 1)


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow")])
async def test_repeats_anything_that_never_left(error: Exception) -> None:
    script = Script(error, httpx.Response(204))
    server = script.server()
    await server.scan("id")
    assert server.calls == {"scan_library": 2}


async def test_repeats_a_time_out_once() -> None:
    script = Script(httpx.ReadTimeout("too slow"))
    with pytest.raises(ImmichUnreachable, match="in time"):
        await script.server().faces("a")
    assert len(script.requests) == 2


async def test_a_ping_neither_waits_nor_raises() -> None:
    script = Script(httpx.ConnectError("refused"))
    assert not await script.server().ping()
    assert script.pauses == []


@pytest.mark.parametrize(("asked", "pause"), [("7", 7.0), ("86400", LONGEST_PAUSE_SECONDS), ("soon", 0.25)])
async def test_honours_retry_after_up_to_a_ceiling(asked: str, pause: float) -> None:
    script = Script(failure(503, **{"retry-after": asked}), NO_FACES)
    await script.server().faces("a")
    assert script.pauses == [pause]


def test_reads_retry_after() -> None:
    now = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
    assert retry_after("12", now) == 12.0
    assert retry_after("Fri, 01 May 2026 12:00:09 GMT", now) == 9.0
    assert retry_after("Fri, 01 May 2026 11:00:00 GMT", now) == 0.0
    assert retry_after("", now) is None
    assert retry_after("-5", now) is None


async def test_tells_how_long_there_was_no_good_answer() -> None:
    script = Script(NO_FACES, failure(400), failure(403), NO_FACES, httpx.ReadError("gone"))
    server = script.server(retries=0)
    assert server.silent_seconds == inf
    await server.faces("a")
    assert 0 <= server.silent_seconds < 60
    with pytest.raises(ImmichRejected):
        await server.faces("unknown")
    assert server.silent_seconds < 60, "not to know an id is an answer"
    with pytest.raises(ImmichRefused):
        await server.faces("a")
    assert server.silent_seconds == inf, "a key that is refused is none"
    await server.faces("a")
    assert server.silent_seconds < 60
    with pytest.raises(ImmichUnreachable):
        await server.faces("a")
    assert server.silent_seconds == inf


async def test_a_server_that_falls_silent_is_so_for_as_long_as_it_is() -> None:
    traffic = Traffic()
    traffic.answered(200, "", 100.0)
    assert traffic.silent_seconds(130.0) == 30.0
    traffic.answered(503, "", 140.0)
    assert traffic.silent_seconds(140.0) == inf


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(hours=-3), timedelta(days=2)])
async def test_photos_placed_since_are_listed_by_immich_s_own_clock(ahead: timedelta) -> None:
    """A photo placed at noon by our clock is listed whatever Immich's clock says."""
    then = datetime.now(UTC) + ahead
    page = {"assets": {"items": [], "nextPage": None, "total": 0, "count": 0}}
    script = Script(httpx.Response(200, json=page, headers={"date": format_datetime(then, usegmt=True)}))
    server = script.server()
    placed = datetime.now(UTC) - timedelta(seconds=5)
    await server.listed("library", placed)
    await server.listed("library", placed)
    before, after = (json.loads(request.content)["createdAfter"] for request in script.requests)
    assert placed - datetime.fromisoformat(before) == pytest.approx(
        timedelta(minutes=10), abs=timedelta(seconds=1)
    )
    margin = placed + ahead - datetime.fromisoformat(after)
    assert timedelta(seconds=30) < margin < timedelta(seconds=90)


async def test_a_server_that_does_not_tell_the_time_is_given_ten_minutes() -> None:
    page = {"assets": {"items": [], "nextPage": None, "total": 0, "count": 0}}
    script = Script(httpx.Response(200, json=page, headers={"date": "soon"}))
    server = script.server()
    placed = datetime.now(UTC)
    for _ in range(2):
        await server.listed("library", placed)
        asked = datetime.fromisoformat(json.loads(script.requests[-1].content)["createdAfter"])
        assert placed - asked >= timedelta(minutes=9)


async def test_an_answer_cut_short_on_the_wire_is_asked_for_again() -> None:
    answers = [b"Content-Length: 90\r\n\r\n[", b"Content-Length: 2\r\n\r\n[]"]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + answers.pop(0))
        writer.close()
        await writer.wait_closed()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    script = Script(NO_FACES)
    async with listener, ImmichServer(f"http://127.0.0.1:{port}", "key", sleep=script.sleep) as server:
        assert await server.faces("a") == []
    assert server.calls == {"list_faces": 2}
    assert answers == []


async def test_nobody_listening_is_unreachable() -> None:
    with reserved_port() as port:
        async with ImmichServer(f"http://127.0.0.1:{port}", "key", retries=0) as server:
            with pytest.raises(ImmichUnreachable, match="cannot be reached"):
                await server.faces("a")
