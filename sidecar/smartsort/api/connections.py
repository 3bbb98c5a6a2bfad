"""Limits for connections, so that callers without a token cannot keep smartsort from its work.

A connection is a stranger's until it has sent a request with a token that is known. Strangers get little time
and little room. Where room is short the oldest of them leaves for a newcomer, who may have a token.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Iterable
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger(__name__)

HEAD_SECONDS = 10.0
"""For the head of a request, and for a body that is no longer waited for."""

STRANGER_SECONDS = 60.0
"""For a stranger altogether: nothing that is answered without a token takes long."""

IDLE_SECONDS = 75
"""After that an idle connection is closed. Who asks at that moment gets no answer, so clients and reverse
proxies have to give it up first: httpx after 5 s, nginx after 60 s."""

SLOW_SECONDS = 1.0
MOST_STRANGERS = 64
MOST_STRANGERS_AT_ONE_ADDRESS = 32
MOST_CONNECTIONS = 512

ACCEPTED_AT_ONCE = 64
"""The event loop takes so many from the kernel before one of them can be refused."""

RESERVED_FILES = 256
"""Descriptors that filing needs: photos, the ledger, watches, connections to Immich."""


def most_connections() -> int:
    """As many as the process may have beside the files that it works with."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(16, min(MOST_CONNECTIONS, allowed - RESERVED_FILES, allowed // 2))


class LimitedProtocol(H11Protocol):
    """uvicorn's protocol with limits. Each connection knows when it `began`, in seconds of the event loop."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, and let another one go where there are too many."""
        super().connection_made(cast("asyncio.Transport", transport))
        self.began = self.loop.time()
        self._is_known = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._stranger_timer = self.loop.call_later(STRANGER_SECONDS, self._leave_as_stranger)
        self._await_head()
        self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._stranger_timer.cancel()
        self._head_arrived()

    def data_received(self, data: bytes) -> None:
        """Read on. The head of a request has to be complete in time."""
        self._is_known = not self.is_stranger
        super().data_received(data)
        if self.in_request:
            self._head_arrived()
        else:
            self._await_head()

    @property
    def is_stranger(self) -> bool:
        """True until a request had a token that is known (`smartsort.api.guard` leaves the caller there)."""
        scope: Any = self.scope
        return not self._is_known and (scope is None or "caller" not in scope["state"])

    @property
    def in_request(self) -> bool:
        """True from the head of a request until its answer is complete."""
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.leave)

    def _head_arrived(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _leave_as_stranger(self) -> None:
        if self.is_stranger:
            self.leave()

    def leave(self) -> None:
        """End the connection at once, whatever is still to be read or written."""
        self.connections.discard(self)
        self.transport.abort()

    def _make_room(self) -> None:
        there = cast("set[LimitedProtocol]", self.connections)
        strangers = [one for one in there if one.is_stranger]
        if len(there) > most_connections():
            self._refuse(strangers, "in all")
            return
        # A client that opens many at once has not had the time to send a token on each. One that is there
        # waits for its turn.
        slow = [one for one in strangers if one.began < self.began - SLOW_SECONDS and not one.in_request]
        same = [one for one in slow if one.client and self.client and one.client[0] == self.client[0]]
        if len(same) > MOST_STRANGERS_AT_ONE_ADDRESS:
            self._refuse(same, f"from {self.client[0] if self.client else 'one address'}")
        elif len(slow) > MOST_STRANGERS:
            self._refuse(slow, "in all")

    def _refuse(self, strangers: Iterable[LimitedProtocol], where: str) -> None:
        min(strangers, key=lambda one: one.began).leave()
        log.warning("Too many connections without a token %s: the oldest one was closed.", where)
