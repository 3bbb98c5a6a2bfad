"""Sends requests, counts them, and repeats those that may be repeated."""

from __future__ import annotations

import email.utils
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf

import httpx

from smartsort.immich.operations import Operation

TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that may be another one a moment later. 500 is among them: Immich answers so now and then for a
queue that is busy and for a photo that is just being read in."""

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 30.0
"""However long Retry-After asks for: the photos wait in the ledger, not in a request."""

_REFUSED = 300
_GOOD_REFUSALS = frozenset({400, 404})

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_NEVER = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.ProxyError)


@dataclass(frozen=True, slots=True)
class CallContext:
    """What the request under way is for, how often it may be repeated, and with which of the keys."""

    operation: Operation
    retries: int
    as_admin: bool


current_call: ContextVar[CallContext] = ContextVar("current_call")
"""Set around every call of the generated client, which passes nothing through to the transport."""


@dataclass(slots=True)
class Traffic:
    """What has gone over the wire so far."""

    calls: Counter[str] = field(default_factory=Counter)
    clock_ahead: timedelta | None = None
    """How far the clock of the other side is ahead of ours, None before it told the time."""
    _answered_at: float = -inf
    _date: str = ""

    def silent_seconds(self, now: float) -> float:
        """Return seconds between the last good answer and `now` (monotonic). Infinite after a failure."""
        return now - self._answered_at

    def failed(self) -> None:
        """Note that a request got no answer."""
        self._answered_at = -inf

    def answered(self, status: int, date: str, now: float) -> None:
        """Note an answer. That Immich does not know an id, or is at work, is a good one."""
        self._answered_at = now if status < _REFUSED or status in _GOOD_REFUSALS else -inf
        if date == self._date:
            return  # nothing new within a second
        self._date = date
        with suppress(ValueError):
            moment = email.utils.parsedate_to_datetime(date)
            if moment.tzinfo is not None:
                self.clock_ahead = moment - datetime.now(UTC)


class RetryTransport(httpx.AsyncBaseTransport):
    """Repeats what may be repeated, with growing pauses and jitter, and reads every answer to its end.

    A request that never left is repeated whatever it was. One that may have arrived only when its operation
    is `repeatable`. A time-out is repeated once: it has cost its full time already. After the last attempt
    the error or the answer goes through as it is.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        traffic: Traffic,
        *,
        sleep: Callable[[float], Awaitable[None]],
        jitter: Callable[[], float],
    ) -> None:
        self._inner = inner
        self._traffic = traffic
        self._sleep = sleep
        self._jitter = jitter

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request as often as its call allows."""
        current = current_call.get()
        attempt = 0
        while True:
            self._traffic.calls[current.operation.name] += 1
            asked: float | None = None
            try:
                response = await self._exchange(request)
            except httpx.TransportError as error:
                if attempt >= _allowed(error, current):
                    raise
            else:
                if attempt >= current.retries or not current.operation.repeatable:
                    return response
                if response.status_code not in TEMPORARY:
                    return response
                asked = retry_after(response.headers.get("retry-after", ""), datetime.now(UTC))
            await self._sleep(self._pause(attempt, asked))
            attempt += 1

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        """Return one request, its answer read here so that one cut short counts as a failed attempt."""
        try:
            response = await self._inner.handle_async_request(request)
            try:
                await response.aread()
            finally:
                await response.aclose()
        except httpx.TransportError:
            self._traffic.failed()
            raise
        self._traffic.answered(response.status_code, response.headers.get("date", ""), time.monotonic())
        return response

    def _pause(self, attempt: int, asked: float | None) -> float:
        pause: float = FIRST_PAUSE_SECONDS * 2**attempt * (0.5 + self._jitter())
        return min(max(pause, asked or 0.0), LONGEST_PAUSE_SECONDS)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def _allowed(error: httpx.TransportError, current: CallContext) -> int:
    if isinstance(error, _NEVER):
        return 0
    if isinstance(error, _NOT_SENT):
        return current.retries
    if not current.operation.repeatable:
        return 0
    return min(1, current.retries) if isinstance(error, httpx.TimeoutException) else current.retries


def retry_after(value: str, now: datetime) -> float | None:
    """Return seconds that a Retry-After header asks for, as a number or a date, None when it says nothing."""
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
