"""The lowest layer under the Immich client: connections, answers, and everything a server can do instead."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import shutil
import socket
import ssl
import subprocess
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from tests.ports import reserved_port

from smartsort.errors import ImmichUnreachable
from smartsort.immich import ImmichServer
from smartsort.immich.http11 import Http11Transport

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Peer:
    """A server of a few lines. `connections` and `requests` are what it has seen."""

    def __init__(self, *answers: bytes | Answer) -> None:
        self.answers = list(answers)
        self.connections = 0
        self.requests: list[bytes] = []
        self.at_once = self.most_at_once = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                body = await reader.readexactly(int(length[0].split(b":")[1])) if length else b""
                self.requests.append(head + body)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if isinstance(answer, bytes):
                    writer.write(answer)
                    await writer.drain()
                else:
                    await answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.at_once -= 1
            writer.close()


@contextlib.asynccontextmanager
async def listening(peer: Peer, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    server = await asyncio.start_server(peer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http{'s' if context else ''}://127.0.0.1:{port}"
    finally:
        server.close()
        await server.wait_closed()


async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def say_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


@contextlib.asynccontextmanager
async def wired(
    connections: int = 2, keep_alive: float = 600.0, **options: bool
) -> AsyncIterator[Http11Transport]:
    wire = Http11Transport(connections, keep_alive, **options)
    try:
        yield wire
    finally:
        await wire.aclose()
        await asyncio.sleep(0)  # closed connections say good-bye


async def get(wire: Http11Transport, url: str, **timeouts: float) -> httpx.Response:
    limits = {"connect": 60.0, "read": 60.0, "write": 60.0, "pool": 60.0, **timeouts}
    return await wire.handle_async_request(httpx.Request("GET", url, extensions={"timeout": limits}))


async def test_one_connection_serves_one_request_after_the_other() -> None:
    peer = Peer(OK)
    async with listening(peer) as url, wired() as wire:
        for _ in range(5):
            response = await get(wire, f"{url}/api/server/ping?a=b%20c")
            assert (response.status_code, response.content) == (200, b"hi")
    assert peer.connections == 1
    assert peer.requests[0].startswith(b"GET /api/server/ping?a=b%20c HTTP/1.1\r\n")


async def test_no_more_connections_than_agreed_and_whoever_waits_has_a_turn() -> None:
    async def slow(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.01)
        writer.write(OK)

    peer = Peer(slow)
    async with listening(peer) as url, wired(connections=3) as wire:
        answers = await asyncio.gather(*(get(wire, url) for _ in range(20)))
    assert len(answers) == 20
    assert peer.most_at_once == peer.connections == 3


async def test_who_waits_too_long_for_a_connection_has_not_been_sent() -> None:
    there = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        there.set()
        await reader.read()

    peer = Peer(hold)
    async with listening(peer) as url, wired(connections=1) as wire:
        first = asyncio.create_task(get(wire, url))
        await there.wait()
        with pytest.raises(httpx.PoolTimeout):
            await get(wire, url, pool=0.01)
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first
    assert len(peer.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfour\r\n3\r\n...\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nfour...",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%s"
        % (len(gzip.compress(b"four...")), gzip.compress(b"four...")),
    ],
    ids=["chunked", "informational", "compressed"],
)
async def test_answers_come_whole_however_they_are_sent(answer: bytes) -> None:
    peer = Peer(answer)
    async with listening(peer) as url, wired() as wire:
        assert (await get(wire, url)).content == b"four..."
        assert (await get(wire, url)).content == b"four..."
    assert peer.connections == 1


async def test_a_connection_the_server_gives_up_is_not_used_again() -> None:
    closing = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi"
    until_the_end = b"HTTP/1.1 200 OK\r\n\r\nhi"

    async def then_leave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(until_the_end)
        writer.close()

    peer = Peer(closing, then_leave, OK)
    async with listening(peer) as url, wired() as wire:
        for _ in range(3):
            assert (await get(wire, url)).content == b"hi"
    assert peer.connections == 3


async def test_a_connection_idle_for_too_long_or_closed_meanwhile_is_not_used_again() -> None:
    async def answer_and_leave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await writer.drain()
        writer.close()

    peer = Peer(OK)
    async with listening(peer) as url, wired(keep_alive=0.0) as wire:
        await get(wire, url)
        await get(wire, url)
    assert peer.connections == 2
    peer = Peer(answer_and_leave)
    async with listening(peer) as url, wired() as wire:
        await get(wire, url)
        await asyncio.sleep(0.02)
        await get(wire, url)
    assert peer.connections == 2


async def test_of_a_name_with_several_addresses_one_that_answers_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    async def addresses(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        found = ("127.0.0.2", "127.0.0.1")  # the server is at the second one
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    peer = Peer(OK)
    async with listening(peer) as url, wired() as wire:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", addresses)
        assert (await get(wire, url.replace("127.0.0.1", "immich.test"))).content == b"hi"
    assert (asked, peer.connections) == (["immich.test"], 1)


async def test_nobody_there_is_told_apart_from_nobody_answering(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer(hang_up)
    async with listening(peer) as url, wired() as wire:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await get(wire, url)
    with reserved_port() as port:
        async with wired() as wire:
            with pytest.raises(httpx.ConnectError):
                await get(wire, f"http://127.0.0.1:{port}")

    async def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    async with wired() as wire:
        with pytest.raises(httpx.ConnectError):
            await get(wire, "http://no-such-host.invalid")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhalf",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"",
    ],
    ids=["short", "chunk", "no HTTP", "nothing"],
)
async def test_an_answer_cut_short_is_no_answer(answer: bytes) -> None:
    async def cut(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    peer = Peer(cut, OK)
    async with listening(peer) as url, wired() as wire:
        with pytest.raises(httpx.RemoteProtocolError):
            await get(wire, url)
        assert (await get(wire, url)).content == b"hi"
    assert peer.connections == 2


@pytest.mark.parametrize("turns", range(8))
async def test_a_connection_that_comes_as_the_time_ends_is_closed(turns: int) -> None:
    """After a pause of the whole machine both are there at once, and asyncio forgets the connection."""
    peer, loop = Peer(OK), asyncio.get_running_loop()

    def pause() -> None:
        nonlocal turns
        if turns:
            turns -= 1
            loop.call_soon(pause)
        else:
            time.sleep(0.02)

    async with listening(peer) as url, wired() as wire:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            loop.call_soon(pause)
            with contextlib.suppress(httpx.ConnectTimeout):
                await get(wire, url, connect=0.01)
            for _ in range(50):
                await asyncio.sleep(0)
            gc.collect()
        await wire.aclose()
    assert [str(each.message) for each in said] == []


async def test_silence_ends_in_time_and_takes_its_connection_along() -> None:
    peer = Peer(say_nothing, OK)
    async with listening(peer) as url, wired(connections=1) as wire:
        with pytest.raises(httpx.ReadTimeout):
            await get(wire, url, read=0.02)
        assert (await get(wire, url)).content == b"hi"
    assert peer.connections == 2


async def test_a_call_given_up_leaves_no_half_answer_for_the_next() -> None:
    started = asyncio.Event()

    async def half(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK[:20])
        started.set()
        await asyncio.sleep(0.05)

    peer = Peer(half, OK)
    async with listening(peer) as url, wired(connections=1) as wire:
        task = asyncio.create_task(get(wire, url))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await get(wire, url)).content == b"hi"


async def test_what_must_not_be_repeated_is_sent_once_even_if_the_server_hangs_up() -> None:
    peer = Peer(hang_up)
    async with listening(peer) as url, ImmichServer(url, "key") as server:
        with pytest.raises(ImmichUnreachable):
            await server.create_person("Anna")
    assert len(peer.requests) == 1
    assert peer.requests[0].endswith(b'{"name":"Anna"}')


async def test_the_key_goes_along_and_no_cookie_ever() -> None:
    pong = b'HTTP/1.1 200 OK\r\nset-cookie: session=evil\r\ncontent-length: 14\r\n\r\n{"res":"pong"}'
    peer = Peer(pong)
    async with listening(peer) as url, ImmichServer(url, "the-key") as server:
        await server.ping()
        await server.ping()
    heads = [request.lower() for request in peer.requests]
    assert all(b"x-api-key: the-key" in head and b"cookie" not in head for head in heads)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
async def test_certificates_are_checked_unless_told_otherwise(tmp_path: object) -> None:
    key, certificate = f"{tmp_path}/key.pem", f"{tmp_path}/certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    command += ["-subj", "/CN=127.0.0.1", "-keyout", key, "-out", certificate]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    peer = Peer(OK)
    async with listening(peer, context) as url:
        async with wired() as wire:
            with pytest.raises(httpx.ConnectError, match="certificate"):
                await get(wire, url)
        async with wired(verify=False) as wire:
            assert (await get(wire, url)).content == b"hi"
