"""The connection to one Immich: one HTTP client, one key, and the way every call is made."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Self, TypeVar

import httpx

from immich_client.client import Client
from immich_client.types import File, Response, Unset
from smartsort.errors import ImmichRejected
from smartsort.immich.address import ApiKeys, api_address
from smartsort.immich.answers import UnknownId, media_type, unanswered, unreadable
from smartsort.immich.http11 import Http11Transport
from smartsort.immich.http_client import ImmichHttpClient
from smartsort.immich.operations import Operation, operations
from smartsort.immich.transport import CallContext, RetryTransport, Traffic, current_call

T = TypeVar("T")

_NOT_FOUND = 404
_UNKNOWN_SKEW = timedelta(minutes=10)
_KNOWN_SKEW = timedelta(minutes=1)
"""What is allowed for between the clock of Immich's answers and the one of its database."""

CONNECTIONS = 8
"""At once. Immich has work of its own to do."""

KEEP_ALIVE_SECONDS = 3.0
"""Below the five seconds after which Immich's own web server closes an idle connection: a request sent at
that very moment would be lost, and one that must not be repeated would fail."""


class Connection:
    """Base of the parts of `ImmichServer`. See there for the arguments."""

    finds_together = False
    """See `smartsort.ports.ImmichServer`."""

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        admin_api_key: str = "",
        verify_tls: bool = True,
        timeout_seconds: float = 30.0,
        connect_timeout_seconds: float = 5.0,
        retries: int = 3,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.address = api_address(url)
        self._retries = retries
        self._traffic = Traffic()
        self._http = ImmichHttpClient(
            self.address,
            ApiKeys(api_key, admin_api_key),
            RetryTransport(
                transport or Http11Transport(CONNECTIONS, KEEP_ALIVE_SECONDS, verify=verify_tls),
                self._traffic,
                sleep=sleep,
                jitter=jitter,
            ),
            httpx.Timeout(timeout_seconds, connect=connect_timeout_seconds),
        )
        self._client = Client(base_url=self.address).set_async_httpx_client(self._http)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def calls(self) -> Mapping[str, int]:
        """HTTP requests made so far, retries included, by operation name: a copy."""
        return MappingProxyType(dict(self._traffic.calls))

    @property
    def silent_seconds(self) -> float:
        """Seconds since the last good answer. Infinite before one and after a call that failed."""
        return self._traffic.silent_seconds(time.monotonic())

    def _in_its_time(self, moment: datetime) -> datetime:
        """Return the moment by Immich's clock, rather too early than too late."""
        ahead = self._traffic.clock_ahead
        return moment - _UNKNOWN_SKEW if ahead is None else moment + ahead - _KNOWN_SKEW

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _ask(
        self,
        operation: str,
        answer: Awaitable[Response[T]],
        *,
        retries: int | None = None,
        as_admin: bool = False,
    ) -> Response[T]:
        """Return the answer to one call of the generated client, checked, `smartsort.errors` for a bad one.

        `as_admin` takes the administrator's key for an operation that does not need it.
        """
        asked = operations()[operation]
        tries = self._retries if retries is None else retries
        with self._call_context(CallContext(asked, tries, as_admin or asked.admin)):
            return await answer

    async def _get_json(self, operation: Operation) -> Any:
        """As `_ask`, for a GET that the generated client does not know: the JSON of the answer."""
        with self._call_context(CallContext(operation, self._retries, operation.admin)):
            return (await self._http.request("GET", operation.path)).json()

    @contextmanager
    def _call_context(self, current: CallContext) -> Iterator[None]:
        """Tells the transport what the request is for, and names what goes wrong."""
        token = current_call.set(current)
        what = f"{current.operation.method} {current.operation.path}"
        try:
            yield
        except httpx.HTTPError as error:
            raise unanswered(what, self.address, error) from error
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            # Raised by the generated models for an answer that lacks a field or was cut short.
            raise unreadable(what, error) from error
        finally:
            current_call.reset(token)

    async def _read(
        self,
        operation: str,
        answer: Awaitable[Response[T]],
        *,
        retries: int | None = None,
        as_admin: bool = False,
    ) -> T:
        """As `_ask`, for the operations that answer with something: what they answered."""
        parsed = (await self._ask(operation, answer, retries=retries, as_admin=as_admin)).parsed
        if parsed is None:
            asked = operations()[operation]
            raise unreadable(f"{asked.method} {asked.path}", ValueError("nothing in it"))
        return parsed

    async def _picture(self, operation: str, answer: Awaitable[Response[File]]) -> tuple[bytes, str] | None:
        """As `_ask`, for a picture: bytes and media type, None when there is none, or nobody to have one."""
        try:
            found = await self._ask(operation, answer)
        except ImmichRejected as error:
            if error.status == _NOT_FOUND or isinstance(error, UnknownId):
                return None
            raise
        return found.content, media_type(found.headers)


def known(value: T | Unset, default: T) -> T:
    """Return the value of a field that need not be there."""
    return default if isinstance(value, Unset) else value


def chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Return the items in order, `size` at a time, nothing for no items."""
    return [items[start : start + size] for start in range(0, len(items), size)]
