"""What happens, as it happens: one watcher of the ledger for all who listen."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

from sse_starlette import ServerSentEvent

from smartsort.api.schemas.history import EventView
from smartsort.api.schemas.state import Status
from smartsort.api.state import StatusReader
from smartsort.api.views import event_views
from smartsort.bootstrap import Sidecar
from smartsort.ledger import events

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 15
"""A comment this often keeps proxies from closing a quiet stream."""

_LOOK_SECONDS = 0.5
"""Between two looks at the ledger while somebody listens. A notification of the pipeline makes it sooner."""

_STATUS_SECONDS = 1.0
"""At most one status message in this time."""

_PAGE = 500


class Live:
    """Wakes listeners when the ledger has new events or the status has changed."""

    def __init__(self, sidecar: Sidecar, status: StatusReader) -> None:
        self._sidecar, self._status = sidecar, status
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._last_event = 0
        self._last_status: Status | None = None
        self._status_number = 0
        self._over = False
        self.listeners = 0

    async def stream(self, after: int | None) -> AsyncIterator[ServerSentEvent]:
        """Messages for one listener until the sidecar stops: status, and events after `after` (None: new)."""
        ledger = self._sidecar.context.ledger
        position = after if after is not None else await ledger.aread(events.last_id)
        seen_status = -1
        self._begin()
        try:
            while True:
                while found := await self._events_after(position):
                    for view in found:
                        yield _message(view)
                        # Without a pause a client that has gone is only noticed at the end of the page.
                        await asyncio.sleep(0)
                    position = found[-1].id
                if self._status_number != seen_status and self._last_status is not None:
                    seen_status = self._status_number
                    yield ServerSentEvent(data=self._last_status.model_dump_json(), event="status")
                if self._over:
                    return
                async with self._changed:
                    await self._changed.wait_for(partial(self._is_news, position, seen_status))
        finally:
            self._end()

    def _is_news(self, position: int, seen_status: int) -> bool:
        return self._last_event > position or self._status_number != seen_status or self._over

    async def _events_after(self, position: int) -> list[EventView]:
        return await self._sidecar.context.ledger.aread(
            lambda db: event_views(db, events.after(db, position, _PAGE))
        )

    def _begin(self) -> None:
        self.listeners += 1
        if self._task is None or self._task.done():
            self._over = False
            self._task = asyncio.create_task(self._watch(), name="live events")

    def _end(self) -> None:
        self.listeners -= 1
        if self.listeners == 0 and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _watch(self) -> None:
        wakeup = self._sidecar.context.wakeups.subscribe()
        try:
            await self._look_until_stopped(wakeup)
        except Exception:
            # Listeners are sent away. They come back with the last event they saw and a new watcher.
            log.exception("watching for events failed")
        finally:
            self._sidecar.context.wakeups.unsubscribe(wakeup)
        async with self._changed:
            self._over = True
            self._changed.notify_all()

    async def _look_until_stopped(self, wakeup: asyncio.Event) -> None:
        context, stop = self._sidecar.context, self._sidecar.runner.stop
        looked_at = float("-inf")
        while not stop.is_set():
            last = await context.ledger.aread(events.last_id)
            now = context.clock.monotonic()
            status = self._last_status
            if now - looked_at >= _STATUS_SECONDS:
                looked_at = now
                status = await self._status.read()
            async with self._changed:
                if _differs(status, self._last_status):
                    self._last_status = status
                    self._status_number += 1
                self._last_event = last
                self._changed.notify_all()
            wakeup.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(wakeup.wait(), _LOOK_SECONDS)


_CHANGES_ALONE = {"immich_requests", "estimated_wait_seconds"}


def _differs(new: Status | None, old: Status | None) -> bool:
    if new is None or old is None:
        return new is not old
    return new.model_dump(exclude=_CHANGES_ALONE) != old.model_dump(exclude=_CHANGES_ALONE)


def _message(view: EventView) -> ServerSentEvent:
    return ServerSentEvent(data=json.dumps(view.model_dump(mode="json")), event=view.kind, id=str(view.id))
