"""Tells Immich what it has to hear about routed photos, as often as it takes."""

from __future__ import annotations

import logging
from collections import defaultdict
from datetime import timedelta

from smartsort.errors import ImmichRejected
from smartsort.ledger import facts
from smartsort.ledger.facts import Message
from smartsort.pipeline.context import Context

log = logging.getLogger(__name__)

BATCH = 500
ATTEMPTS = 8
"""Tries before a message that Immich itself refuses is given up; an unreachable Immich is waited for."""


class Outbox:
    """Delivers messages: visibility and albums. Several photos share a call where Immich lets them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._albums: dict[str, str] | None = None

    async def step(self) -> bool:
        """Deliver what is due. Raises ImmichError when Immich cannot be reached or refuses the key."""
        context = self._context
        now = context.clock.text()
        messages = await context.ledger.aread(lambda db: facts.due(db, now, BATCH))
        if not messages:
            return False
        groups: dict[tuple[str, str], list[Message]] = defaultdict(list)
        for message in messages:
            groups[message.kind, str(message.data.get("visibility") or message.data.get("album"))].append(
                message
            )
        for (kind, value), group in groups.items():
            try:
                await self._deliver(kind, value, [str(m.data["asset_id"]) for m in group])
            except ImmichRejected as problem:
                await self._one_by_one(kind, value, group, problem)
            else:
                await context.ledger.awrite(lambda db, g=group: facts.delivered(db, [m.id for m in g]))  # type: ignore[misc]
        return True

    async def _deliver(self, kind: str, value: str, asset_ids: list[str]) -> None:
        server = self._context.server
        if kind == "visibility":
            await server.set_visibility(asset_ids, value)
        elif kind == "album_add":
            album = (await self._known_albums()).get(value)
            if album is None:
                (await self._known_albums())[value] = await server.create_album(value, asset_ids)
            else:
                await server.add_to_album(album, asset_ids)
        elif kind == "album_remove":
            album = (await self._known_albums()).get(value)
            if album is not None:
                await server.remove_from_album(album, asset_ids)

    async def _known_albums(self) -> dict[str, str]:
        if self._albums is None:
            self._albums = dict(await self._context.server.albums())
        return self._albums

    async def _one_by_one(self, kind: str, value: str, group: list[Message], problem: ImmichRejected) -> None:
        """One unknown id refuses a whole call: find it, so that it holds up nobody else."""
        context = self._context
        self._albums = None
        for message in group:
            try:
                if len(group) > 1:
                    await self._deliver(kind, value, [str(message.data["asset_id"])])
                else:
                    raise problem
            except ImmichRejected as refused:
                if message.attempts + 1 >= ATTEMPTS:
                    log.warning("gave up telling Immich about photo %s: %s", message.photo_id, refused)
                    await context.ledger.awrite(lambda db, m=message: facts.delivered(db, [m.id]))  # type: ignore[misc]
                    continue
                later = context.clock.now() + timedelta(minutes=2**message.attempts)
                text = later.isoformat(timespec="milliseconds")
                await context.ledger.awrite(
                    lambda db, m=message, t=text, r=refused: facts.postpone(db, m.id, t, str(r))  # type: ignore[misc]
                )
            else:
                await context.ledger.awrite(lambda db, m=message: facts.delivered(db, [m.id]))  # type: ignore[misc]
