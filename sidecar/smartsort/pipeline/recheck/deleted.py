"""Takes over what users delete in Immich and restore there.

A photo that lies in Immich's trash although its file is there was put there by a user. Immich itself puts
only photos there whose file it misses. One search shows all of these, so the same call a minute tells what
was deleted and what was restored. Before anything is concluded from it, the library has to be there: Immich
marks the photos of a library that is being removed as deleted too.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from sqlite_utils import Database

from smartsort.core.model import AT_REST, AssetRef, State
from smartsort.ledger import deletions, observed, shards
from smartsort.ledger.deletions import DONE, HELD, NEW, Deletion, Found
from smartsort.ledger.outbox import post, post_once
from smartsort.pipeline.engine.context import Context
from smartsort.ports import Shown

log = logging.getLogger(__name__)

AT_ONCE = timedelta(hours=1)
"""Deletions within this time count together."""

PORTION = 1000
"""Files that are moved into the trash in one look."""

WANTED = (State.FILED, State.REVIEW)
"""Photos at rest that a deletion rejects."""

TURNS = 10
"""Of so many looks one is for photos whose file is in the trash. The search leaves these out."""

THROWN_AT_ONCE = 100
"""Such photos in each look where one search shows them, too."""


class DeletionActs(Protocol):
    """What is done about deletions (`smartsort.actions.deletions`)."""

    def removed(self, photo_ids: Sequence[int]) -> Awaitable[object]:
        """Reject photos that were deleted in Immich."""
        ...

    def put_away(self, photo_ids: Sequence[int]) -> Awaitable[object]:
        """Move their files into the trash."""
        ...

    def restored(self, photo_ids: Sequence[int]) -> Awaitable[object]:
        """Take back their rejection."""
        ...


@dataclass(frozen=True, slots=True)
class Following:
    """How deletions in Immich are taken over: from how many on a user confirms them, and when files go."""

    at_most: int
    grace: timedelta
    switched_on: bool = True


class Deleted:
    """Looks into Immich's trash: one call while nothing changed."""

    def __init__(self, context: Context, acts: DeletionActs, how: Following) -> None:
        self._context, self._acts, self._how = context, acts, how
        self._turns = self._after = 0
        self._not_shown: set[int] = set()
        """Photos that Immich knows and no search shows."""

    async def look(self) -> bool:
        """Compare Immich's trash with ours, False when there was nothing to ask Immich about.

        Raises ImmichError. Nothing was concluded then.
        """
        if self._context.server.finds_together and await self.look_together(()) is not None:
            return True
        if not await self._anything():
            return False
        self._turns += 1
        if self._turns % TURNS == 0 and await self._in_our_trash():
            return True
        await self._compare(await self._context.server.in_trash(self._below))
        return True

    async def is_new(self, asset_ids: Collection[str]) -> bool:
        """Return True when one of these is in Immich's trash by a user's hand, and that is not known yet."""
        rows = await self._context.ledger.aread(deletions.rows)
        return self._how.switched_on and not {row.asset_id for row in rows}.issuperset(asset_ids)

    async def look_together(self, paths: Sequence[str]) -> Sequence[Shown] | None:
        """Compare Immich's trash with ours by a search that shows the photos at `paths`, too.

        Return what it shows, None when Immich refuses it. Raises ImmichError. Nothing was concluded then.
        """
        context, follows = self._context, await self._anything()
        thrown: list[Deletion] = []
        if follows:
            thrown = await context.ledger.aread(lambda db: deletions.thrown(db, self._after, THROWN_AT_ONCE))
        paths = [*paths, *(context.in_immich(row.path) for row in thrown)]
        if not paths and not follows:
            return ()
        shown = await context.server.shown(paths, self._below if follows else "")
        if shown is not None and follows:
            self._after = thrown[-1].photo_id if len(thrown) == THROWN_AT_ONCE else 0
            lie = [s for s in shown if s.trashed and not s.offline and s.path.startswith(f"{self._below}/")]
            await self._compare({s.id: s.path for s in lie})
            await self._compare_thrown(thrown, {s.id: s for s in shown})
        return shown

    async def look_at_originals(self) -> None:
        """As `look`, for photos from before smartsort. One call for each mapped folder. Raises ImmichError.

        What a user deletes there loses its links, and has them again once it is restored.
        """
        if not self._how.switched_on:
            return
        context, lying = self._context, dict[str, str]()
        for theirs, _ in context.layout.path_mapping:
            lying |= await context.server.in_trash(theirs.rstrip("/"))
        new = await context.ledger.aread(lambda db: deletions.new_originals(db, list(lying)))
        at, idle = context.clock.text(), [one[:3] for one in new if one[3] not in WANTED]
        await context.ledger.awrite(lambda db: deletions.note(db, idle, DONE, at))
        await self.note([one[:3] for one in new if one[3] in WANTED])
        await self.tidy()
        known = await context.ledger.aread(deletions.of_originals)
        for row in (row for row in known if row.asset_id not in lying):
            found = await context.server.asset(row.asset_id)
            if found is None:
                await context.ledger.awrite(lambda db, row=row: _forget_original(db, row))  # type: ignore[misc]
            elif not found.trashed:
                await self._restored([row])

    @property
    def _below(self) -> str:
        return self._context.tuning.library_path.rstrip("/")

    async def _anything(self) -> bool:
        """Do what Immich need not be asked about. Return False when there is nothing to ask it about."""
        await self.tidy()
        if not self._how.switched_on:
            await self._put_away()
            return False
        ledger = self._context.ledger
        return bool(await ledger.aread(deletions.rows)) or await ledger.aread(deletions.anything)

    async def _compare(self, seen: Mapping[str, str]) -> None:
        """Compare the photos that lie in Immich's trash, their paths by id, with what is known of them."""
        rows = await self._context.ledger.aread(deletions.rows)
        lying = {path.removeprefix(f"{self._below}/"): asset_id for asset_id, path in seen.items()}
        await self._missing(rows, lying)
        await self._new(rows, lying)
        await self.tidy()
        await self._put_away()

    async def tidy(self) -> None:
        """Do what is left to be done without asking Immich."""
        ledger = self._context.ledger
        rows = await ledger.aread(deletions.rows)
        at_rest = [row.photo_id for row in rows if row.answer == NEW and row.photo in WANTED]
        over = [row.photo_id for row in rows if row.answer != DONE and row.photo not in WANTED]
        if over:
            await ledger.awrite(lambda db: deletions.set_answer(db, over, DONE))
        if at_rest:
            log.info("%s photos were deleted in Immich and are rejected", len(at_rest))
            await self._acts.removed(at_rest)
        rows = await ledger.aread(deletions.rows)
        await self._emptied([row for row in rows if row.answer == DONE and not row.asset_id])
        await self._forget([row for row in rows if row.photo is State.PURGED])

    async def _put_away(self) -> None:
        """Move the files whose time in the library is over. A look goes before: they may be back by now."""
        ledger = self._context.ledger
        before = (self._context.clock.now() - self._how.grace).isoformat(timespec="milliseconds")
        due = await ledger.aread(lambda db: deletions.to_put_away(db, before, PORTION))
        if due:
            await self._acts.put_away(due)

    # --- what is new -------------------------------------------------------------------------

    async def _new(self, rows: Sequence[Deletion], lying: Mapping[str, str]) -> None:
        """Note deletions that were not seen before. Many at once wait for a user's word."""
        known = {row.path: row.asset_id for row in rows}
        paths = [path for path, asset_id in lying.items() if known.get(path) != asset_id]
        found = await self._context.ledger.aread(lambda db: deletions.at_paths(db, paths))
        found = {path: one for path, one in found.items() if one.state in AT_REST}
        if found:
            found = await self._in_a_library(found)
        await self.note([(one.photo_id, lying[path], path) for path, one in found.items()])

    async def note(self, seen: Sequence[tuple[int, str, str]], *, doubtful: bool = False) -> None:
        """Write down deletions (photo, asset, path) that are new."""
        if not seen:
            return
        clock, ledger = self._context.clock, self._context.ledger
        at = clock.text()
        lately = (clock.now() - AT_ONCE).isoformat(timespec="milliseconds")

        def write(db: Database) -> str:
            waiting = len(deletions.held(db))
            many = len(seen) + waiting + deletions.since(db, lately) > self._how.at_most
            answer = HELD if doubtful or waiting or many else NEW
            deletions.note(db, seen, answer, at)
            return answer

        if await ledger.awrite(write) == HELD:
            log.warning("%s photos were deleted in Immich and wait for a confirmation", len(seen))

    async def forgotten(self, gone: Sequence[tuple[int, str, int]], witnesses: Mapping[int, str]) -> set[int]:
        """Take over what Immich has forgotten (photo, path, shard), and was not seen in its trash before.

        Only beside a witness: the newest time of a photo of the shard that Immich still knows under its id.
        Without one it may have lost them all. What is newer than every witness may have been lost with a
        backup that was put back: a user decides. Returns the photos that were taken for deleted.
        """
        if not self._how.switched_on:
            return set()
        seen = {row.photo_id for row in await self._context.ledger.aread(deletions.rows)}
        new = [one for one in gone if one[0] not in seen]
        found = {path: Found(photo_id, State.FILED, shard, None) for photo_id, path, shard in new}
        found = await self._in_a_library({p: f for p, f in found.items() if f.shard in witnesses})
        ids = [one.photo_id for one in found.values()]
        placed = await self._context.ledger.aread(lambda db: deletions.placed_at(db, ids))
        sure = {path for path, f in found.items() if placed.get(f.photo_id, "") <= witnesses[f.shard or 0]}
        await self.note([(f.photo_id, "", path) for path, f in found.items() if path in sure])
        await self.note([(f.photo_id, "", p) for p, f in found.items() if p not in sure], doubtful=True)
        await self.tidy()
        return seen | set(ids)

    async def _in_a_library(self, found: Mapping[str, Found]) -> dict[str, Found]:
        """Return those whose library is there.

        Asked after the search: a library goes before its photos do.
        """
        there = {library.id for library in await self._context.server.libraries()}
        rows = await self._context.ledger.aread(shards.shards)
        good = {row.number for row in rows if row.library_id in there}
        return {path: one for path, one in found.items() if one.shard in good}

    # --- what is there no more ---------------------------------------------------------------

    async def _missing(self, rows: Sequence[Deletion], lying: Mapping[str, str]) -> None:
        """Photos that lay in Immich's trash with their file, and do not any more."""
        gone = [row for row in rows if not row.away and row.path not in lying and row.asset_id]
        if gone:
            refs = await self._resolved(gone)
            await self._restored([r for r in gone if _is_shown(r, refs)])
            await self._emptied([r for r in gone if _is_forgotten(r, refs)])

    async def _compare_thrown(self, thrown: Sequence[Deletion], shown: Mapping[str, Shown]) -> None:
        """As `_in_our_trash`, by what a search shows. What it does not show may be locked away."""
        known = {row.photo_id for row in await self._context.ledger.aread(deletions.rows)}
        found = [(row, shown[row.asset_id]) for row in thrown if row.asset_id in shown]
        back = [row for row, one in found if not one.trashed and (one.offline or row.photo_id in known)]
        await self._restored(back)
        unseen = [r for r in thrown if r.asset_id not in shown and r.photo_id in known - self._not_shown]
        if unseen:
            refs = await self._resolved(unseen)
            gone = [row for row in unseen if _is_forgotten(row, refs)]
            self._not_shown |= {row.photo_id for row in unseen} - {row.photo_id for row in gone}
            await self._emptied(gone)

    async def _in_our_trash(self) -> bool:
        """Look for photos that were restored in Immich although their file had left the library.

        Immich keeps a missing photo in its trash, so one that is not there was taken out by a user.
        """
        rows = await self._context.ledger.aread(deletions.rows)
        thrown = await self._context.ledger.aread(lambda db: deletions.thrown(db, self._after, PORTION))
        self._after = thrown[-1].photo_id if len(thrown) == PORTION else 0
        if not thrown:
            return False
        refs = await self._resolved(thrown)
        known = {row.photo_id for row in rows}
        shown = [r for r in thrown if _is_shown(r, refs)]
        await self._restored([r for r in shown if r.photo_id in known or await self._is_offline(r)])
        await self._emptied([r for r in thrown if r.photo_id in known and _is_forgotten(r, refs)])
        return True

    async def _is_offline(self, row: Deletion) -> bool:
        """Return False while Immich has not noticed yet that the file is gone."""
        found = await self._context.server.asset(row.asset_id)
        return found is not None and found.offline and not found.trashed

    async def _resolved(self, rows: Sequence[Deletion]) -> Mapping[int, AssetRef]:
        paths = {row.photo_id: self._context.in_immich(row.path) for row in rows}
        found = await self._context.server.resolve(list(paths.values()))
        return {photo_id: found[path] for photo_id, path in paths.items() if path in found}

    async def _restored(self, rows: Sequence[Deletion]) -> None:
        rejected = [row.photo_id for row in rows if row.photo in (State.REJECTED, State.OBSERVED)]
        if rejected:
            log.info("%s photos were restored in Immich and come back", len(rejected))
            await self._acts.restored(rejected)
        at = self._context.clock.text()

        def forget(db: Database) -> None:
            for photo_id in deletions.under_another_id(db, rows):
                post(db, "revive", photo_id, {}, at)  # or the next comparison misses the old asset
            deletions.forget(db, [row.photo_id for row in rows])

        if rows:  # of what cannot come back there is nothing more to be learnt
            await self._tell(forget)

    async def _emptied(self, rows: Sequence[Deletion]) -> None:
        """Immich has forgotten them. What waits for a word waits on. What is filed gets a new asset."""
        if not rows:
            return
        context = self._context
        held = [row.photo_id for row in rows if row.answer == HELD]
        await context.ledger.awrite(lambda db: deletions.gone(db, held))
        rows = [row for row in rows if row.answer != HELD]
        await self._acts.put_away([row.photo_id for row in rows if row.photo is State.REJECTED])
        kept = [row.photo_id for row in rows if row.photo in WANTED]
        at = context.clock.text()

        def find_again(db: Database) -> None:
            for photo_id in kept:
                post(db, "revive", photo_id, {}, at)
            for found in deletions.at_paths(db, [row.path for row in rows if row.photo_id in kept]).values():
                if context.tuning.trigger_scan and found.shard is not None:
                    post_once(db, "scan", {"shard": found.shard}, at)

        if kept:
            await self._tell(find_again)
        await self._forget(rows)

    async def _tell(self, post_messages: Callable[[Database], None]) -> None:
        await self._context.ledger.awrite(post_messages)
        self._context.wakeups.notify(State.FILED, State.REVIEW)  # the outbox listens to these

    async def _forget(self, rows: Sequence[Deletion]) -> None:
        ids = [row.photo_id for row in rows]
        if ids:
            await self._context.ledger.awrite(lambda db: deletions.forget(db, ids))


def _forget_original(db: Database, row: Deletion) -> None:
    observed.gone(db, [row.photo_id])
    deletions.forget(db, [row.photo_id])


def _is_shown(row: Deletion, refs: Mapping[int, AssetRef]) -> bool:
    """Return True for a photo that Immich knows as before and not as deleted."""
    ref = refs.get(row.photo_id)
    return ref is not None and ref.id == row.asset_id and not ref.trashed


def _is_forgotten(row: Deletion, refs: Mapping[int, AssetRef]) -> bool:
    """Return True for a photo that Immich has no row for any more, or a new one."""
    ref = refs.get(row.photo_id)
    return ref is None or ref.id != row.asset_id
