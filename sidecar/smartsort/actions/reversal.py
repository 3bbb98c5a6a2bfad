"""Undoing over events: which of them are meant, who may undo them, and in which order they go."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlite_utils import Database

from smartsort.actions import one_person
from smartsort.actions import undo as undoing
from smartsort.actions.acting import Acting, Agreed
from smartsort.actions.plan import Plan
from smartsort.actions.rearrange import BATCH
from smartsort.actions.values import (
    NOT_TO_BE_DONE,
    SETTINGS,
    ActionResult,
    Batch,
    NeedsAdmin,
    NoSuchEvent,
    NotUndoable,
    changed,
)
from smartsort.core.event_kinds import EventKind
from smartsort.ledger import adopted, events
from smartsort.ledger.records import Event

LISTED = 10_000
"""Photos of an undo that have a result each. Of further ones only what failed has."""

_ADMINS = "event {} belongs to a change of settings. Undoing it needs a token with the scope admin"


class Reversing(Acting):
    """The undo of everything the other actions do."""

    async def undo(
        self,
        event_id: int,
        actor: str,
        *,
        admin: bool = True,
        dry_run: bool = False,
        agreed: Agreed | None = None,
    ) -> Batch:
        """Take back one event, or all of a bulk action. The undo of an undo does it again.

        Without `admin` what only an administrator could do stays done. Raises NoSuchEvent, NotUndoable,
        NeedsAdmin.
        """
        async with self._lock:
            event = await self._context.ledger.aread(lambda db: events.get(db, event_id))
            if event is None:
                raise NoSuchEvent(
                    f"there is no event {event_id}. `smartsort undo --list` shows the last ones"
                )
            return await self._undo(event, actor, admin=admin, dry_run=dry_run, agreed=agreed)

    async def undo_photo(
        self, photo_id: int, actor: str, *, admin: bool = True, dry_run: bool = False
    ) -> Batch:
        """Undo the newest decision about one photo, a human's or an automatic filing.

        Raises NotUndoable, NeedsAdmin.
        """
        async with self._lock:
            event = await self._context.ledger.aread(lambda db: undoing.last_of_photo(db, photo_id))
            if event is None:
                raise NotUndoable(f"photo {photo_id} has no decision that could be undone")
            return await self._undo(event, actor, admin=admin, dry_run=dry_run)

    async def undo_last(
        self, actor_of: str | None = None, *, actor: str, admin: bool = True, dry_run: bool = False
    ) -> Batch:
        """Take back the newest action of `actor_of`, or of any human, that still counts.

        Automatic filings are taken back by their own event or by `undo_since`. Raises NotUndoable,
        NeedsAdmin.
        """
        async with self._lock:
            event = await self._context.ledger.aread(
                lambda db: undoing.last_of(db, actor_of, self._is_in_force)
            )
            if event is None:
                raise NotUndoable("there is no action left to undo")
            return await self._undo(event, actor, admin=admin, dry_run=dry_run)

    async def undo_since(
        self,
        at: datetime,
        actor: str,
        *,
        automatic: bool = False,
        admin: bool = True,
        dry_run: bool = False,
        agreed: Agreed | None = None,
    ) -> Batch:
        """Take back what humans did since `at`, newest first. With `automatic` what smartsort did, too.

        Every file gets the very name back that it had then. Without `admin` what only an administrator could
        do is left alone and said so.
        """
        text = at.astimezone(UTC).isoformat(timespec="milliseconds")
        async with self._lock:
            found = await self._context.ledger.aread(lambda db: undoing.since(db, text, automatic=automatic))
            groups = await self._context.ledger.aread(lambda db: undoing.settings_since(db, text))
            said = await self._context.ledger.aread(lambda db: undoing.said_since(db, text))
            if agreed is not None:
                shown = agreed.get(SETTINGS, "").split()
                groups = [group for group in groups if str(group.id) in shown]
                said = [event for event in said if str(event.id) in shown]
            refused: list[ActionResult] = []
            if not admin:
                needs = await self._context.ledger.aread(lambda db: undoing.admins_own(db, found))
                refused = [
                    ActionResult(
                        event.photo_id or 0, "failed", problem=_ADMINS.format(event.id), code="forbidden"
                    )
                    for event in found
                    if event.id in needs
                ]
                found, groups = [event for event in found if event.id not in needs], []
            batch = await self._undo_all(found, actor, groups, dry_run=dry_run, agreed=agreed)
            await self._say_again(said, actor, dry_run=dry_run)
        settings = tuple(event.id for event in (*groups, *said))
        return replace(batch, results=(*batch.results, *refused), settings=settings)

    async def _undo(
        self, event: Event, actor: str, *, admin: bool, dry_run: bool, agreed: Agreed | None = None
    ) -> Batch:
        ledger = self._context.ledger
        if not admin and await ledger.aread(lambda db: bool(undoing.admins_own(db, [event]))):
            raise NeedsAdmin(_ADMINS.format(event.id))
        if not undoing.undoable(event):
            raise NotUndoable(f"event {event.id} ({event.kind}) cannot be undone")
        adoption = event.data.get("what") == EventKind.FOLDER_ADOPTED
        taken_back = await ledger.aread(lambda db: events.undone(db, event.id))
        # So large that a crash may well have ended its undo on the way. Then the rest is undone now.
        large = event.data.get("what") in (EventKind.FOLDER_ADOPTED, EventKind.BACKFILLED)
        if taken_back is not None and not (large and await self._is_left(event)):
            raise NotUndoable(
                f"event {event.id} is undone already, by event {taken_back}. Undo that one to redo it"
            )
        if "one_person" in event.data:
            return replace(await self._say_again([event], actor, dry_run=dry_run), undoes=event.id)
        if event.photo_id is not None:
            batch = await self._undo_all([event], actor, (), dry_run=dry_run, agreed=agreed)
            return replace(batch, undoes=event.id)
        if adoption and not dry_run:
            await self._end_adoption(event)
        found = await ledger.aread(lambda db: undoing.members(db, event))
        open_ones = await ledger.aread(lambda db: undoing.standing(db, found))
        if not admin and await ledger.aread(lambda db: bool(undoing.admins_own(db, open_ones))):
            raise NeedsAdmin(_ADMINS.format(event.id))
        if not open_ones and "settings" not in event.data and not adoption:
            raise NotUndoable(f"all {len(found)} parts of event {event.id} are undone already")
        if not (found or adoption or self._is_in_force(event)):
            raise NotUndoable(
                f"the settings have changed since event {event.id}. Undo the later change first, or change "
                "them again"
            )
        groups = [event] if taken_back is None else []
        batch = await self._undo_all(open_ones, actor, groups, dry_run=dry_run, agreed=agreed)
        return replace(batch, undoes=event.id)

    def _is_in_force(self, event: Event) -> bool:
        """Return whether the settings are as a bulk action has left them."""
        after = event.data["settings"]["after"]
        return self._settings is not None and self._settings.matches(after, exactly=True)

    async def _is_left(self, event: Event) -> bool:
        """Return whether a part of a bulk action stands: a photo could not be given back."""
        return await self._context.ledger.aread(
            lambda db: bool(undoing.standing(db, undoing.members(db, event)))
        )

    async def _end_adoption(self, event: Event) -> None:
        """Take nothing more from the folder, and forget what it told of older downloads.

        Raises NotUndoable while photos of it are on their way.
        """

        def end(db: Database) -> int:
            adopted.stop(db, event.id)
            open_ones = adopted.unfinished(db, event.id)
            if not open_ones:
                adopted.forget_downloads(db, event.id)
            return open_ones

        open_ones = await self._context.ledger.awrite(end)
        if open_ones:
            raise NotUndoable(
                f"{open_ones} photos of event {event.id} are still on their way. smartsort takes nothing "
                "more from the folder. Undo it again when `smartsort status` shows no photo on its way"
            )

    async def _say_again(self, found: Sequence[Event], actor: str, *, dry_run: bool) -> Batch:
        """Take back that faces are one person's, nothing moves at once, but photos are judged again."""
        group, at = None, self._context.clock.text()
        for event in () if dry_run else found:
            group = await self._context.ledger.awrite(
                lambda db, e=event: one_person.take_back(db, e, actor, at)  # type: ignore[misc]
            )
        return Batch((), group)

    async def _undo_all(
        self,
        found: Sequence[Event],
        actor: str,
        groups: Sequence[Event],
        *,
        dry_run: bool = False,
        agreed: Agreed | None = None,
    ) -> Batch:
        """In waves, newest first. `groups` are taken back with them, for the settings they changed."""
        versions: Mapping[int, str] = {}
        if dry_run or agreed is not None:
            versions = await self._context.ledger.aread(lambda db: undoing.versions(db, found))
        if dry_run:
            return Batch(await self._foresee_undo(found, versions))
        left: list[ActionResult] = []
        if agreed is not None:
            agreed = {i: version for i, version in agreed.items() if i != SETTINGS}
            idle = {i for i, version in agreed.items() if version == NOT_TO_BE_DONE}
            as_shown = {i for i, version in versions.items() if agreed.get(i) == version}
            left = [
                changed(i, f"photo {i} is not as it was when you saw it")
                for i in dict.fromkeys((*versions, *agreed))
                if i not in as_shown and i not in idle
            ]
            found = [event for event in found if event.photo_id in as_shown]
        group = None
        if len(found) > 1 or groups:
            what: dict[str, Any] = {"what": EventKind.UNDONE, "photos": len({e.photo_id for e in found})}
            settings = undoing.settings_before(groups)
            if settings is not None:
                # Undoing the undo puts them back again. First, so that nothing is judged by them meanwhile.
                what["settings"] = {"before": settings["after"], "after": settings["before"]}
                await self._restore_settings(settings, actor)
            group = await self._group(what, actor, groups[0].id if len(groups) == 1 else None)
        results: list[ActionResult] = []
        done = unlisted = 0
        while done < len(found):
            rest = found[done : done + BATCH]
            wave = await self._context.ledger.aread(lambda db, rest=rest: undoing.wave(db, rest))  # type: ignore[misc]
            told = [one for one in wave if isinstance(one, ActionResult)]
            told += await self._rearrange.run([one for one in wave if isinstance(one, Plan)], actor, group)
            if len(results) >= LISTED:
                unlisted += sum(one.ok for one in told)
                told = [one for one in told if not one.ok]
            results += told
            done += len(wave)
        return Batch((*results, *left), group, unlisted=unlisted)

    async def _foresee_undo(
        self, found: Sequence[Event], versions: Mapping[int, str]
    ) -> tuple[ActionResult, ...]:
        """Return what would happen.

        Of several events of one photo only the newest can be foreseen in full.
        """

        def foresee(db: Database) -> tuple[ActionResult, ...]:
            seen: set[int] = set()
            out: list[ActionResult] = []
            for event in found:
                photo_id = event.photo_id or 0
                one = ActionResult(photo_id, "would_undo")
                if photo_id not in seen:
                    plan = undoing.plan(db, event)
                    one = plan if isinstance(plan, ActionResult) else self._would(plan)
                seen.add(photo_id)
                out.append(replace(one, version=versions.get(photo_id, "")))
            return tuple(out)

        return await self._context.ledger.aread(foresee)

    async def _restore_settings(self, settings: Mapping[str, Any], actor: str) -> None:
        """Settings as they were before, unless somebody has changed them since: theirs is the last word."""
        if self._settings is None or not self._settings.matches(settings["after"]):
            return
        await asyncio.to_thread(self._settings.restore, settings["before"], actor)
        self._context.wakeups.notify_all()
