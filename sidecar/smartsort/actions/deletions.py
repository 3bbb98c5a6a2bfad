"""What a user deletes in Immich is rejected, and what they restore there comes back."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlite_utils import Database

from smartsort.actions import undo as undoing
from smartsort.actions.decide import reject
from smartsort.actions.plan import Plan, in_library
from smartsort.actions.reversal import Reversing
from smartsort.actions.values import IMMICH, ActionResult, Batch
from smartsort.core.event_kinds import EventKind
from smartsort.core.model import State
from smartsort.ledger import arrangement, deletions, photos
from smartsort.ledger.arrangement import Arrangement
from smartsort.ledger.records import STAYS, Photo

log = logging.getLogger(__name__)


class Deleting(Reversing):
    """The deletions in Immich, as actions of a user there. Nothing here asks Immich anything."""

    async def removed(self, photo_ids: Sequence[int], confirmed_by: str | None = None) -> Batch:
        """Reject photos that were deleted in Immich. Their file stays in the library for now.

        Of a photo from before smartsort only the links go.
        """
        now, at = self._context.clock.now().astimezone(), self._context.clock.text()

        def plan(photo: Photo, before: Arrangement) -> Plan:
            kind = EventKind.REMOVED_IN_IMMICH
            plan = reject(photo, before, IMMICH, now=now, at=at, kind=kind)
            plan.planned = []
            plan.removes = [n for n in before.names if n.area not in STAYS]
            plan.data |= {"confirmed_by": confirmed_by} if confirmed_by else {}
            return plan

        async with self._lock:
            return await self._act(photo_ids, plan, IMMICH, (State.FILED, State.REVIEW), dry_run=False)

    async def put_away(self, photo_ids: Sequence[int]) -> None:
        """Move the files of such photos into the trash, where the retention time begins for them."""
        now, at = self._context.clock.now().astimezone(), self._context.clock.text()

        def plans(db: Database) -> list[Plan]:
            before = arrangement.read(db, photo_ids)
            rows = [photo for photo in photos.by_ids(db, photo_ids) if photo.state is State.REJECTED]
            kind = EventKind.PUT_AWAY
            found = [reject(photo, before[photo.id], IMMICH, now=now, at=at, kind=kind) for photo in rows]
            return [plan for plan in found if in_library(plan.before.names)]

        async with self._lock:
            found = await self._context.ledger.aread(plans)
            await self._rearrange.run(found, undoing.AUTOMATIC)

    async def restored(self, photo_ids: Sequence[int]) -> Batch:
        """Take back the rejection of photos that were restored in Immich, whoever had rejected them."""
        async with self._lock:
            found = await self._context.ledger.aread(lambda db: undoing.put_away(db, photo_ids))
            return await self._undo_all(found, IMMICH, ())

    async def answer(self, up_to: int, actor: str, *, reject: bool) -> Batch:
        """Say whether deletions that waited for a word were meant. Rows above `up_to` came later and wait on.

        Confirmed, they are taken over. Declined, the photos stay where they are.
        """
        ledger = self._context.ledger
        ids = await ledger.aread(lambda db: deletions.held(db, up_to))
        answer = deletions.NEW if reject else deletions.DONE
        await ledger.awrite(lambda db: deletions.set_answer(db, ids, answer))
        if reject:
            return await self.removed(ids, actor)
        log.info("%s declined the deletion of %s photos in Immich, which stay", actor, len(ids))
        return Batch(tuple(ActionResult(i, "kept") for i in ids))
