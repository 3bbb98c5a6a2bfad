"""HTTP/1.1 to one server, over asyncio's own streams: the lowest layer under the Immich client.

httpx's own transport takes 1.4 ms of processor time per request (its pool looks at every connection before
and after each request), four times what all the rest of a call takes. With one call per photo that was what
limited smartsort. This one takes 0.3 ms. It does only what Immich needs: one address, short answers read
whole.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from asyncio.staggered import staggered_race
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import h11
import httpx

READ_BYTES = 64 * 1024

NEXT_SECONDS = 0.25
"""Until the next address of a name is tried as well. In containers names often have an IPv6 address first
where only IPv4 answers."""

_CONNECTION_LOST = "the server closed the connection without an answer"


@dataclass(slots=True)
class _Connection:
    """One connection. `since` is when it became idle, in monotonic seconds."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    protocol: h11.Connection = field(default_factory=lambda: h11.Connection(h11.CLIENT))
    since: float = 0.0


class Http11Transport(httpx.AsyncBaseTransport):
    """A pool of at most `connections` connections. One idle for `keep_alive_seconds` is not used again.

    Answers come back read to their end. Raises httpx's own exceptions, and of those that mean "not sent"
    (`ConnectError`, `ConnectTimeout`, `PoolTimeout`) only before the first byte was written: who repeats
    requests relies on that. `verify` is as for httpx.
    """

    def __init__(self, connections: int, keep_alive_seconds: float, *, verify: bool = True) -> None:
        self._keep_alive_seconds = keep_alive_seconds
        self._verify = verify
        self._gate = asyncio.Semaphore(connections)
        self._idle: list[_Connection] = []
        self._is_closed = False
        self._context: ssl.SSLContext | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer to one request."""
        limits: dict[str, float | None] = request.extensions.get("timeout", {})
        if self._gate.locked():
            with _within(httpx.PoolTimeout, "no connection became free"):
                await asyncio.wait_for(self._gate.acquire(), limits.get("pool"))
        else:
            await self._gate.acquire()
        connection: _Connection | None = None
        try:
            connection = self._rested() or await self._dial(request.url, limits.get("connect"))
            response = await self._exchange(connection, request, limits)
            states = connection.protocol.our_state, connection.protocol.their_state
            if states == (h11.DONE, h11.DONE) and not self._is_closed:
                connection.protocol.start_next_cycle()
                connection.since = time.monotonic()
                self._idle.append(connection)
                connection = None
        finally:
            # Whatever broke off, cancellation included, leaves half an answer behind.
            if connection is not None:
                connection.writer.close()
            self._gate.release()
        return response

    def _rested(self) -> _Connection | None:
        """Return the connection used last that is still good. The others grow old and go."""
        while self._idle:
            connection = self._idle.pop()
            if (
                time.monotonic() - connection.since < self._keep_alive_seconds
                and not connection.reader.at_eof()
            ):
                return connection
            connection.writer.close()
        return None

    async def _dial(self, url: httpx.URL, seconds: float | None) -> _Connection:
        secure = url.scheme == "https"
        if secure and self._context is None:
            self._context = httpx.create_ssl_context(verify=self._verify)
        host, port = url.raw_host.decode("ascii"), url.port or (443 if secure else 80)
        with _within(httpx.ConnectTimeout, "no connection in time"):
            try:
                async with asyncio.timeout(seconds):
                    reader, writer = await asyncio.open_connection(
                        sock=await _connected(host, port),
                        ssl=self._context if secure else None,
                        server_hostname=host if secure else None,
                    )
            except TimeoutError:
                raise
            except OSError as error:
                raise httpx.ConnectError(str(error)) from error
        return _Connection(reader, writer)

    async def _exchange(
        self, connection: _Connection, request: httpx.Request, limits: dict[str, float | None]
    ) -> httpx.Response:
        body = await request.aread()
        protocol = connection.protocol
        with _broken_as(httpx.WriteError):
            connection.writer.write(_sent(protocol, request, body))
            if connection.writer.transport.get_write_buffer_size():
                with _within(httpx.WriteTimeout, "the server takes no more"):
                    async with asyncio.timeout(limits.get("write")):
                        await connection.writer.drain()
        head: h11.Response | None = None
        content: list[bytes] = []
        with _broken_as(httpx.ReadError):
            while True:
                event = protocol.next_event()
                if event is h11.NEED_DATA:
                    with _within(httpx.ReadTimeout, "no answer in time"):
                        async with asyncio.timeout(limits.get("read")):
                            data = await connection.reader.read(READ_BYTES)
                    if not data and protocol.their_state is h11.SEND_RESPONSE:
                        raise httpx.RemoteProtocolError(_CONNECTION_LOST)
                    protocol.receive_data(data)
                elif isinstance(event, h11.Response):
                    head = event
                elif isinstance(event, h11.Data):
                    content.append(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage):
                    break
                elif not isinstance(event, h11.InformationalResponse):
                    raise httpx.RemoteProtocolError(_CONNECTION_LOST)
        if head is None:
            raise httpx.RemoteProtocolError(_CONNECTION_LOST)
        return httpx.Response(
            head.status_code, headers=head.headers.raw_items(), content=b"".join(content), request=request
        )

    async def aclose(self) -> None:
        """Close the connections that are idle. One in use closes itself when its answer is there."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().writer.close()


async def _connected(host: str, port: int) -> socket.socket:
    """Return a socket that is connected to one of the addresses of a name.

    asyncio's own way loses a socket that is connected in the moment in which the caller gives up.
    """
    loop, made = asyncio.get_running_loop(), list[socket.socket]()

    async def attempt(family: int, kind: int, protocol: int, address: Any) -> None:
        one = socket.socket(family, kind, protocol)
        try:
            one.setblocking(False)
            await loop.sock_connect(one, address)
        except BaseException:
            one.close()
            raise
        made.append(one)

    addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    attempts = [partial(attempt, each[0], each[1], each[2], each[4]) for each in addresses]
    try:
        _, _, problems = await staggered_race(attempts, NEXT_SECONDS)
    except BaseException:
        for one in made:
            one.close()
        raise
    if not made:
        raise next(each for each in problems if each is not None)
    for late in made[1:]:
        late.close()
    return made[0]


def _sent(protocol: h11.Connection, request: httpx.Request, body: bytes) -> bytes:
    try:
        head = protocol.send(
            h11.Request(
                method=request.method.encode("ascii"),
                target=request.url.raw_path,
                headers=request.headers.raw,
            )
        )
        content = protocol.send(h11.Data(data=body)) if body else b""
        end = protocol.send(h11.EndOfMessage())
    except h11.LocalProtocolError as error:
        raise httpx.LocalProtocolError(str(error)) from error
    return b"".join(part for part in (head, content, end) if part)


@contextmanager
def _within(late: Callable[[str], httpx.TimeoutException], message: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise late(message) from error


@contextmanager
def _broken_as(broken: Callable[[str], httpx.NetworkError]) -> Iterator[None]:
    try:
        yield
    except h11.RemoteProtocolError as error:
        raise httpx.RemoteProtocolError(str(error)) from error
    except OSError as error:
        raise broken(str(error) or type(error).__name__) from error
