"""What happens in the sidecar, as it happens: its Server-Sent Events, kept up across restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

import httpx
from httpx_sse import EventSource, SSEError
from pydantic import ValidationError

from smartsort.api.schemas.history import EventView
from smartsort.api.schemas.state import Status
from smartsort_tui.api import (
    ApiProblem,
    Client,
    NotSmartsort,
    NotThere,
    Unreachable,
    _problem,
    _unreachable,
)

# The sidecar sends a comment every 15 s. Silence for three of them means the line is dead.
SILENCE_SECONDS = 45.0
POLL_SECONDS = 5.0
PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)


@dataclass(frozen=True, slots=True)
class Link:
    """How the connection is. `refused` needs a person, `lost` mends itself."""

    state: Literal["connecting", "connected", "lost", "refused"]
    problem: ApiProblem | None = None


Happening = Link | Status | EventView


def pause_seconds(attempt: int) -> float:
    """Return how long to wait before the given attempt to connect again, counted from 0."""
    return PAUSES_SECONDS[min(attempt, len(PAUSES_SECONDS) - 1)]


async def happenings(client: Client) -> AsyncIterator[Happening]:
    """Everything that happens, for ever: changes of the link, the status, events without a gap."""
    last_event: int | None = None
    attempt = 0
    while True:
        problem: ApiProblem
        try:
            async for what in _connected(client, last_event):
                attempt = 0
                if isinstance(what, EventView):
                    last_event = what.id
                yield what
            problem = Unreachable(f"{client.url} closed the line")
        except ApiProblem as error:
            problem = error
        pause = pause_seconds(attempt)
        attempt += 1
        state: Literal["lost", "refused"] = "lost" if isinstance(problem, Unreachable) else "refused"
        yield Link(state, problem)
        await asyncio.sleep(pause)


async def _connected(client: Client, last_event: int | None) -> AsyncIterator[Happening]:
    try:
        async for what in _streamed(client, last_event):
            yield what
    except NotThere:
        async for what in _polled(client):
            yield what


async def _streamed(client: Client, last_event: int | None) -> AsyncIterator[Happening]:
    http, path, headers = client.stream_request(last_event)
    headers |= {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    timeout = httpx.Timeout(SILENCE_SECONDS, connect=http.timeout.connect)
    try:
        async with http.stream("GET", path, headers=headers, timeout=timeout) as response:
            if response.is_error:
                await response.aread()
                raise _problem(response)
            source = EventSource(response)
            connected = False
            async for event in source.aiter_sse():
                if not connected:
                    connected = True
                    yield Link("connected")
                if (what := _understood(event.event, event.data)) is not None:
                    yield what
    except SSEError as error:
        raise NotSmartsort(f"{client.url}: {error}") from error
    except httpx.HTTPError as error:
        raise _unreachable(error, client.url) from error


def _understood(kind: str, data: str) -> Status | EventView | None:
    """Return the event's content, None for what a newer sidecar says that this client does not know."""
    try:
        return Status.model_validate_json(data) if kind == "status" else EventView.model_validate_json(data)
    except ValidationError:
        return None


async def _polled(client: Client) -> AsyncIterator[Happening]:
    """For a sidecar without the event stream."""
    connected = False
    while True:
        status = await client.status()
        if not connected:
            connected = True
            yield Link("connected")
        yield status
        await asyncio.sleep(POLL_SECONDS)
