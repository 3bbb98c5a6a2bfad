"""The way out: resolve, check, and connect to exactly the address that was checked.

The check sits in the network backend, below redirects, keep-alive and retries: there is no way to a
socket that does not pass it. TLS and the Host header still see the name.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, cast

import httpcore
import httpx

from smartsort.downloads.addresses import Address, AllowList, UrlRefused, check_address, literal

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Addresses of a host, as texts. Raises OSError when there are none."""

CONNECT_SECONDS = 15.0
_ADDRESSES_TRIED = 4


async def system_resolver(host: str, port: int) -> list[str]:
    """Return the addresses the machine's own resolver gives."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to public addresses and to those that were allowed by hand, and to nothing else.

    A name with one refused address among its addresses is refused as a whole.
    """

    def __init__(self, allowed: AllowList, resolver: Resolver = system_resolver) -> None:
        self._allowed, self._resolver = allowed, resolver
        self._inner = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return a connection to a checked address of `host`. Raises UrlRefused or httpcore.ConnectError."""
        addresses = await self._addresses(host, port, timeout)
        problem: Exception | None = None
        for address in addresses[:_ADDRESSES_TRIED]:
            try:
                return await self._inner.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem or httpcore.ConnectError(f"{host} has no address")

    async def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise UrlRefused(f"{path}: only network addresses are fetched from")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int, seconds: float | None) -> list[Address]:
        written = literal(host)
        if written is not None:
            found = [written]
        else:
            try:
                async with asyncio.timeout(seconds):
                    texts = await self._resolver(host, port)
            except TimeoutError as problem:
                raise httpcore.ConnectTimeout(f"the name {host} could not be resolved in time") from problem
            except (OSError, UnicodeError) as problem:
                raise httpcore.ConnectError(f"the name {host} cannot be resolved") from problem
            found = [address for text in texts if (address := literal(text)) is not None]
            if len(found) != len(texts):
                raise UrlRefused(f"the name {host} resolves to something that is no address")
        for address in found:
            check_address(host, address, self._allowed)
        return found


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()


class GuardedTransport(httpx.AsyncBaseTransport):
    """An httpx transport over `GuardedBackend`: no proxy, no environment, no cookies, no retries.

    Raises httpcore's errors and UrlRefused.
    """

    def __init__(
        self, allowed: AllowList, *, resolver: Resolver = system_resolver, connections: int = 16
    ) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=5.0,
            http1=True,
            http2=False,
            network_backend=GuardedBackend(allowed, resolver),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Make one request and follow no redirect. The body is read by iterating `stream`."""
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer), request=request)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()
