"""Tells Immich what it has to hear about routed photos, as often as it takes."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from smartsort.errors import ImmichRejected
from smartsort.ledger import outbox, photos, shards
from smartsort.ledger.outbox import Message
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.routing.face_assignment import KINDS, FaceAssigner, NotYetError
from smartsort.pipeline.routing.people import People

log = logging.getLogger(__name__)

BATCH = 500
ATTEMPTS = 8
"""Tries before a message that Immich itself refuses is given up. An unreachable Immich is waited for."""

PATIENCE = 80
"""Tries before something that Immich has not done yet is given up: with the longest pause six hours."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 300.0
"""Seconds between two tries, doubled from the first to the longest."""

LISTEN_SECONDS = 2.0
"""While a message is postponed, new ones are looked for this often."""


class OutboxStage:
    """Delivers messages: visibility, albums, scans, faces. Several photos share a call where Immich lets.

    Of each photo one message is under way at a time, in the order they were posted.
    """

    def __init__(self, context: Context, people: People | None = None) -> None:
        self._context = context
        self._assigner = FaceAssigner(context, people or People(context))
        self._albums: dict[str, str] | None = None

    async def step(self) -> bool | float:
        """Deliver what is due. Raises ImmichError when Immich cannot be reached or refuses the key."""
        context = self._context
        now = context.clock.text()
        messages = await context.ledger.aread(lambda db: outbox.due(db, now, BATCH))
        if not messages:
            return await self._until_next()
        for kind, value, group in _groups(messages):
            if kind in KINDS:
                for message in group:
                    await self._about_faces(message)
                continue
            try:
                await self._deliver(kind, value, await self._assets(group))
            except ImmichRejected as problem:
                await self._one_by_one(kind, value, group, problem)
            else:
                await self._done(group)
        return True

    async def _until_next(self) -> bool | float:
        when = await self._context.ledger.aread(outbox.next_due)
        if when is None:
            return False
        left = (datetime.fromisoformat(when) - self._context.clock.now()).total_seconds()
        return min(max(left, 0.05), LISTEN_SECONDS)

    async def _assets(self, group: Sequence[Message]) -> list[str]:
        """Asset ids of the photos as the ledger knows them now: an id can change while a message waits."""
        ids = [m.photo_id for m in group if m.photo_id is not None]
        rows = {p.id: p for p in await self._context.ledger.aread(lambda db: photos.by_ids(db, ids))}
        found: list[str] = []
        for message in group:
            row = rows.get(message.photo_id or 0)
            asset_id = (row.asset_id if row else None) or message.data.get("asset_id")
            if asset_id is not None:
                found.append(str(asset_id))
        return found

    async def _deliver(self, kind: str, value: str, asset_ids: list[str]) -> None:
        server = self._context.server
        if kind == "visibility":
            await server.set_visibility(asset_ids, value)
        elif kind == "scan":
            await self._scan(int(value))
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

    async def _scan(self, shard: int) -> None:
        """Have Immich look at one shard again: files have left it or are back."""
        rows = await self._context.ledger.aread(shards.shards)
        library_id = next((row.library_id for row in rows if row.number == shard), None)
        if library_id is not None:
            await asyncio.to_thread(self._context.placer.guard)  # an unmounted library must not be scanned
            await self._context.server.scan(library_id)

    async def _about_faces(self, message: Message) -> None:
        try:
            await self._assigner.deliver(message)
        except NotYetError as problem:
            await self._put_off(message, problem, PATIENCE)
        except ImmichRejected as problem:
            await self._put_off(message, problem, ATTEMPTS)

    async def _known_albums(self) -> dict[str, str]:
        if self._albums is None:
            self._albums = dict(await self._context.server.albums())
        return self._albums

    async def _one_by_one(self, kind: str, value: str, group: list[Message], problem: ImmichRejected) -> None:
        """One unknown id refuses a whole call: find it, so that it holds up nobody else."""
        self._albums = None
        for message in group:
            try:
                if len(group) > 1:
                    await self._deliver(kind, value, await self._assets([message]))
                else:
                    raise problem
            except ImmichRejected as refused:
                await self._put_off(message, refused, ATTEMPTS)
            else:
                await self._done([message])

    async def _put_off(self, message: Message, problem: Exception, tries: int) -> None:
        context = self._context
        if message.attempts + 1 >= tries:
            log.warning("gave up telling Immich about photo %s: %s", message.photo_id, problem)
            await self._done([message])
            return
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**message.attempts)
        later = (context.clock.now() + timedelta(seconds=pause)).isoformat(timespec="milliseconds")
        await context.ledger.awrite(lambda db: outbox.postpone(db, message.id, later, str(problem)))

    async def _done(self, group: Sequence[Message]) -> None:
        await self._context.ledger.awrite(lambda db: outbox.delivered(db, [m.id for m in group]))


def _groups(messages: Sequence[Message]) -> list[tuple[str, str, list[Message]]]:
    """Messages that share a call: of one kind, about one album, visibility or shard."""
    groups: dict[tuple[str, str], list[Message]] = defaultdict(list)
    for message in messages:
        value = next((message.data[k] for k in ("visibility", "album", "shard") if k in message.data), "")
        groups[message.kind, str(value)].append(message)
    return [(kind, value, group) for (kind, value), group in groups.items()]
