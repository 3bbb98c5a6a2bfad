"""Carries plans out: intent, names, ledger, drop. The order in which nothing can be lost.

Each photo is changed whole or not at all. One that somebody else has changed meanwhile is left alone and
says so, the others go on.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlite_utils import Database

from smartsort.actions.give_back import giving_back
from smartsort.actions.join import splits_of
from smartsort.actions.plan import Plan, PlannedName, digest_in, places, source_of
from smartsort.actions.values import IMMICH, ActionResult
from smartsort.core.event_kinds import REJECTIONS, EventKind
from smartsort.core.model import State
from smartsort.errors import SmartsortError, StorageError
from smartsort.files.hashing import sha256_of
from smartsort.files.placement import Method, Placed, PlaceRequest, Removed, RemoveRequest
from smartsort.files.problems import FileChanged, FileVanished, NameKept, NameLeft
from smartsort.files.shown import shown
from smartsort.files.stamps import stamp, stamp_or_none
from smartsort.ledger import (
    adopted,
    arrangement,
    deletions,
    events,
    face_marks,
    observed,
    outbox,
    photos,
    shards,
    source_tables,
)
from smartsort.ledger.photos import Change
from smartsort.ledger.records import STAYS, Area, Event, Member, Name, NewEvent
from smartsort.ledger.shots import split_off
from smartsort.ledger.source_tables import Download, ReviewRow
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.recovery.recover import Recovery

log = logging.getLogger(__name__)

BATCH = 100
"""Photos changed between two commits."""

ACTS = (
    *(EventKind.SORTED, EventKind.FILED_AS_ADOPTED, EventKind.REVIEWED, EventKind.SKIPPED),
    *(EventKind.APPROVED, EventKind.REFILED, *REJECTIONS, EventKind.DEFERRED, EventKind.RULED_OUT),
    *(
        EventKind.REEVALUATED,
        EventKind.BACKFILLED,
        EventKind.FACES_NAMED,
        EventKind.FACES_MARKED,
        EventKind.UNDONE,
        EventKind.RENAMED,
        EventKind.RELINKED,
        EventKind.PURGED,
    ),
)
"""Events that change a photo's arrangement."""


class Rearrange:
    """The engine of all actions. `actor` is who did it, `group` the event that stands for all of a batch."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def run(self, plans: Sequence[Plan], actor: str, group: int | None = None) -> list[ActionResult]:
        """Carry plans out, what became of each, in order. Raises RootUnavailable before anything is done."""
        results: list[ActionResult] = []
        for start in range(0, len(plans), BATCH):
            results += await self._batch(plans[start : start + BATCH], actor, group)
        return results

    async def _batch(self, plans: Sequence[Plan], actor: str, group: int | None) -> list[ActionResult]:
        context = self._context
        await asyncio.to_thread(self._look, plans)
        good = [p for p in plans if p.problem is None]
        moving = [p for p in good if p.planned or p.removes]
        try:
            context.checkpoint("act:intent")
            await context.commit([Change(p.photo.id, intent=("arrange", _targets(p))) for p in moving])
            try:
                await asyncio.to_thread(self._place, good)
            except SmartsortError as problem:  # the root went away
                for plan in good:
                    plan.problem = problem
            context.checkpoint("act:placed")
            done = [p for p in good if p.problem is None]
            with context.giving_up({drop.path for plan in done for drop in self._drops(plan)}):
                results = await self._commit(done, actor, group)
                context.checkpoint("act:committed")
                await self._drop([p for p in done if results.get(p.photo.id, _NOTHING).ok])
        except BaseException:
            # Whatever of it happened: the journal knows, and the next act looks there first.
            context.needs_recovery.update(p.photo.id for p in moving)
            raise
        await self._take_back([p for p in moving if not results.get(p.photo.id, _NOTHING).ok])
        context.checkpoint("act:dropped")
        context.wakeups.notify(State.FILED, State.REVIEW)  # the outbox listens to these
        return [results.get(p.photo.id) or _problem(p) for p in plans]

    # --- before ------------------------------------------------------------------------------

    def _look(self, plans: Sequence[Plan]) -> None:
        """Runs in a worker thread: files that are not as the ledger knows them are left to a human."""
        ids = [plan.photo.id for plan in plans]
        Recovery(self._context).recover_photos(ids)
        for plan in plans:
            if plan.photo.id in self._context.needs_recovery:
                plan.problem = StorageError(
                    f"what an act on photo {plan.photo.id} left behind cannot be cleared up yet. See the log "
                    "for the folder that refuses it"
                )
            if plan.problem is not None or not (plan.planned or plan.removes):
                continue
            if plan.origins:
                plan.problem = giving_back(self._context, plan)
                continue
            if any(name.area is Area.ORIGINAL for name in plan.removes):
                plan.problem = NameKept(f"photo {plan.photo.id} was in Immich before and is never moved")
            for name in plan.before.names if plan.problem is None else ():
                problem = self._changed_by_hand(name, needed=any(w.source == name for w in plan.planned))
                if problem is not None:
                    plan.problem = problem
                    break

    def _changed_by_hand(self, name: Name, *, needed: bool) -> SmartsortError | None:
        path = self._context.absolute(name)
        if name.method == Method.SYMLINK and os.path.islink(path):
            return None  # it holds no bytes
        try:
            found = stamp(path)
        except FileVanished as problem:
            if needed:
                return FileVanished(f"{problem}. Run `smartsort audit` to see what became of it", path)
            return None
        except SmartsortError as problem:
            return problem
        # Of a copy only the bytes that count matter: what travels with a photo may be edited freely.
        if name.member is not Member.PHOTO or name.size is None or name.mtime_ns is None:
            return None
        if (found.size, found.mtime_ns) != (name.size, name.mtime_ns):
            return FileChanged(
                f"{shown(path)} was changed by hand. Run `smartsort audit --repair` first, so that the "
                "ledger knows the file as it is now",
                path,
            )
        return None

    # --- making names ------------------------------------------------------------------------

    def _place(self, plans: Sequence[Plan]) -> None:
        """Runs in a worker thread: photos first, then what travels with them under their names."""
        for photos_first in (True, False):
            todo = [
                (plan, planned)
                for plan in plans
                if plan.problem is None
                for planned in plan.planned
                if (planned.source.member is Member.PHOTO) is photos_first
            ]
            if not todo:
                continue
            for plan, _ in todo:
                plan.placing = True
            results = self._context.placer.place([self._placing(plan, planned) for plan, planned in todo])
            for plan, _ in todo:
                plan.placing = False
            for (plan, planned), result in zip(todo, results, strict=True):
                if isinstance(result, Placed):
                    plan.placed.append((planned, _name(plan, planned, result)))
                    plan.problem = plan.problem or _read_digest(plan, result.path)
                else:
                    plan.placing |= isinstance(result, NameLeft)
                    plan.problem = plan.problem or result

    def _placing(self, plan: Plan, planned: PlannedName) -> PlaceRequest:
        context = self._context
        leader = next(
            (
                os.path.basename(n.path)
                for n in plan.after
                if n.member is Member.PHOTO
                and (n.area, os.path.dirname(n.path)) == (planned.area, planned.folder)
            ),
            plan.photo.original_name,
        )
        in_library = planned.area is Area.LIBRARY
        return PlaceRequest(
            source=context.absolute(planned.source),
            folder=context.place(planned.area, planned.folder),
            names=context.free_names(
                planned.source,
                planned.area,
                planned.folder,
                planned.names(leader, context.clock.now().astimezone()),
            ),
            sha256=digest_in(plan, planned.source),
            how=context.link_of(planned.source),
            # In the library the folder's name is the content's digest: the same bytes there are these.
            adopt=in_library and digest_in(plan, planned.source) is not None,
        )

    # --- the ledger --------------------------------------------------------------------------

    async def _commit(self, plans: Sequence[Plan], actor: str, group: int | None) -> dict[int, ActionResult]:
        if not plans:
            return {}
        context = self._context
        at = context.clock.text()

        def write(db: Database) -> dict[int, ActionResult]:
            return {plan.photo.id: self._write(db, plan, actor, group, at) for plan in plans}

        results = await context.ledger.awrite(write)
        context.wakeups.notify(*{State(p.values["state"]) for p in plans if "state" in p.values})
        if any(p.splits for p in plans):
            context.wakeups.notify(State.CLAIMED)
        return results

    def _write(self, db: Database, plan: Plan, actor: str, group: int | None, at: str) -> ActionResult:
        """Return one photo's part of the transaction."""
        photo_id = plan.photo.id
        now = arrangement.read(db, [photo_id]).get(photo_id)
        if now is None or not (now.same_as(plan.before) and _paths(now.names) == _paths(plan.before.names)):
            return conflict(db, photo_id)
        photos.apply(db, [self._change(plan, actor)], at)
        self._extras(db, plan, actor, at)
        after = arrangement.read(db, [photo_id])[photo_id]
        data = {
            **plan.data,
            "person": plan.person,
            "names": [[n.area.value, shown(n.path)] for n in plan.after if n.member is Member.PHOTO],
            **({"companions": list(plan.companions)} if plan.companions else {}),
            "before": arrangement.to_json(plan.before),
            "after": arrangement.to_json(after),
            **({"group": group} if group is not None else {}),
        }
        [event] = events.append(db, [NewEvent(plan.kind, photo_id, data, actor, plan.undoes)], at)
        found = places(plan.after)
        return ActionResult(
            photo_id,
            plan.done,
            person=plan.person,
            names=tuple(shown(path) for path in found),
            path=self._path(plan),
            event=event,
            companions=plan.companions,
        )

    def _change(self, plan: Plan, actor: str) -> Change:
        photo, place = plan.photo, self._path(plan)
        wanted = plan.restore
        download = None
        if wanted is None and plan.filed and place is not None:
            person, automatic = plan.values.get("person_name"), bool(plan.values.get("auto_sorted"))
            download = Download.of(photo, place, person, auto_sorted=automatic)
        review = None
        if plan.waiting is not None and place is not None and plan.waiting.decision.category is not None:
            decision = plan.waiting.decision
            review = ReviewRow.of(photo, place, decision, plan.waiting.decision.category)
        closed = plan.closed
        if plan.withdrawn:
            closed = ("withdrawn", actor)
        return Change(
            photo.id,
            values=plan.values,
            names_added=tuple(name for _, name in plan.placed),
            names_removed=tuple((n.area, n.path) for n in plan.removes),
            decision=(plan.waiting.decision, plan.waiting.evidence) if plan.waiting else None,
            download=download,
            review=review,
            review_closed=closed,
            messages=tuple(plan.messages),
            intents_done=("arrange",),
            intent=("drop", self._leaving(plan)) if plan.removes or plan.touches_library else None,
        )

    def _extras(self, db: Database, plan: Plan, actor: str, at: str) -> None:
        photo_id = plan.photo.id
        if plan.origins:
            adopted.forget(db, [photo_id])
            observed.due_from_memory(db, [photo_id])  # of one that Immich has: its folder says nothing more
            source_tables.forget_download(db, photo_id)
        elif plan.data.get("of") == EventKind.FILED_AS_ADOPTED:
            adopted.unsay(db, photo_id)
        if plan.splits:
            split_off(db, splits_of(plan), at, actor)
        if actor == IMMICH:
            deletions.answered(db, photo_id, restored=plan.kind == EventKind.UNDONE)
        if plan.deferred:
            source_tables.defer_review(db, photo_id, at)
        if "shard" in plan.values:
            shards.grow_shard(db, plan.values["shard"], 1)
        if plan.restore is not None:
            arrangement.put_back(db, photo_id, self._where_it_lies(plan, plan.restore), at)
            return
        if plan.ruled_out is not None:
            arrangement.set_ruled_out(db, photo_id, plan.ruled_out)
        if plan.marks is not None:
            face_marks.replace(db, photo_id, plan.marks)

    def _where_it_lies(self, plan: Plan, wanted: arrangement.Arrangement) -> arrangement.Arrangement:
        """Return the restored rows with the path as it is: a name that was taken meanwhile became another."""
        place = self._path(plan)
        if place is None or _paths(plan.after) == _paths(wanted.names):
            return wanted
        review = wanted.review
        if review is not None and review["action"] == "pending":
            review = {**review, "file_path": place}
        download = replace(wanted.download, file_path=place) if wanted.download else None
        return replace(wanted, review=review, download=download)

    def _leaving(self, plan: Plan) -> dict[str, Any]:
        """Return what recovery needs to finish: names to go, each with the name its bytes live on under."""
        return {
            "drops": [[d.path, d.surviving_path, d.sha256] for d in self._drops(plan)],
            "scan": plan.shard if plan.touches_library else None,
        }

    def _path(self, plan: Plan) -> str | None:
        """Return where the photo is, as shown to people."""
        own = [n for n in plan.after if n.member is Member.PHOTO]
        outside = [n for n in own if n.area not in STAYS]
        first = next(iter(outside or own), None)
        return shown(self._context.absolute(first)) if first else None

    # --- after -------------------------------------------------------------------------------

    def _drops(self, plan: Plan) -> list[RemoveRequest]:
        drops = []
        for name in plan.removes:
            stays = source_of(plan.after, name.member) or plan.heir
            place = self._context.absolute(stays) if stays else plan.origins.get(name.member)
            if place is not None:
                digest = digest_in(plan, name)
                drops.append(RemoveRequest(self._context.absolute(name), place, sha256=digest))
        return drops

    async def _drop(self, plans: Sequence[Plan]) -> None:
        """Names go, then Immich looks again at the shards: in this order, or it would look too early."""
        context = self._context
        drops = [(plan, drop) for plan in plans for drop in self._drops(plan)]
        held: set[int] = set()
        if drops:
            results: Sequence[Removed | SmartsortError]
            people = context.folders_above(n for p in plans for n in p.removes if n.area is Area.FACES)
            try:
                results = await asyncio.to_thread(context.placer.remove, [drop for _, drop in drops])
                await asyncio.to_thread(context.placer.leave_folders, people)
            except StorageError as problem:
                results = [problem] * len(drops)
            kept = [drop for (_, drop), r in zip(drops, results, strict=True) if isinstance(r, NameKept)]
            moved = await asyncio.to_thread(
                lambda: [drop for drop in kept if stamp_or_none(drop.surviving_path) is None]
            )
            for (plan, drop), result in zip(drops, results, strict=True):
                if isinstance(result, SmartsortError) and drop not in moved:
                    log.warning("%s", result)
                # What fails is tried again, and so is what has moved on. A changed file is a human's.
                if drop in moved or (isinstance(result, StorageError) and not isinstance(result, NameKept)):
                    held.add(plan.photo.id)
        context.needs_recovery |= held
        shards = {p.shard for p in plans if p.touches_library and p.shard is not None}
        at = context.clock.text()

        def finish(db: Database) -> None:
            changes = [Change(p.photo.id, intents_done=("drop",)) for p in plans if p.photo.id not in held]
            photos.apply(db, changes, at)
            if context.tuning.trigger_scan:
                for shard in sorted(shards):
                    outbox.post_once(db, "scan", {"shard": shard}, at)

        try:
            await context.ledger.awrite(finish)
        except StorageError as problem:  # it is done all the same. Only the journal does not know yet
            log.warning("%s", problem)
            context.needs_recovery.update(p.photo.id for p in plans)

    async def _take_back(self, plans: Sequence[Plan]) -> None:
        """Names that were made for plans which came to nothing."""
        if not plans:
            return
        context = self._context
        made = [(plan, planned, n) for plan in plans for planned, n in plan.placed]
        left = {p.photo.id for p in plans if p.placing}
        try:
            # A name that was there already stays: it is another photo's, or this one's own.
            known = await context.ledger.aread(
                lambda db: {
                    (n.area, n.path) for _, _, n in made if photos.name_at(db, n.area, n.path) is not None
                }
            )
            drops = [
                (
                    plan.photo.id,
                    RemoveRequest(
                        context.absolute(n),
                        surviving_path=context.absolute(planned.source),
                        sha256=digest_in(plan, planned.source),
                    ),
                )
                for plan, planned, n in made
                if (n.area, n.path) not in known
            ]
            results = await asyncio.to_thread(context.placer.remove, [drop for _, drop in drops])
            left |= {i for (i, _), r in zip(drops, results, strict=True) if isinstance(r, StorageError)}
            back = [p.photo.id for p in plans if p.photo.id not in left]
            await context.commit([Change(i, intents_done=("arrange",)) for i in back])
        except StorageError as problem:
            log.warning("names that no photo needs are removed later: %s", problem)
            left = {p.photo.id for p in plans}
        context.needs_recovery |= left


_NOTHING = ActionResult(0, "failed")


def conflict(db: Database, photo_id: int) -> ActionResult:
    """Return the answer for a photo somebody else got to first, with what they did."""
    happened = newest_act(db, photo_id)
    if happened is None:
        return ActionResult(photo_id, "failed", problem=f"there is no photo {photo_id}", code="not_found")
    did = f"{happened.kind} by {happened.actor} at {happened.at} (event {happened.id})"
    return ActionResult(
        photo_id,
        "failed",
        problem=f"photo {photo_id} has changed meanwhile: {did}. Look at it again",
        code="conflict",
        happened=happened,
    )


def newest_act(db: Database, photo_id: int) -> Event | None:
    """Return the last event that changed where a photo is or what it counts as."""
    found = [e for e in events.of_photo(db, photo_id) if e.kind in ACTS]
    return found[-1] if found else None


def _problem(plan: Plan) -> ActionResult:
    problem = plan.problem
    code = "file"
    if isinstance(problem, FileChanged | FileVanished):
        code = "changed_by_hand"
    elif isinstance(problem, StorageError):
        code = "storage"
    return plan.failed(code, str(problem))


def _targets(plan: Plan) -> dict[str, Any]:
    pairs = dict.fromkeys((w.area.value, w.folder) for w in plan.planned)
    return {"targets": [[area, folder, ""] for area, folder in pairs]}


def _read_digest(plan: Plan, path: str) -> SmartsortError | None:
    """Note the digest of a copy of which only the original is known: without it nothing could remove it."""
    planned, name = plan.placed[-1]
    if name.sha256 is None and name.method in (Method.REFLINK, Method.COPY):
        try:
            digest = sha256_of(path)
        except SmartsortError as problem:
            return problem
        plan.placed[-1] = planned, name._replace(sha256=digest)
    return None


def _name(plan: Plan, planned: PlannedName, placed: Placed) -> Name:
    name = planned.source.placed_in(
        planned.area, planned.folder, placed, planned.person_id, digest_in(plan, planned.source)
    )
    return name._replace(photo_id=plan.photo.id)  # what joins a photo was another one's


def _paths(names: Sequence[Name]) -> set[tuple[Area, str]]:
    return {(n.area, n.path) for n in names}
