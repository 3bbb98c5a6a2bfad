"""Photos that were in Immich before smartsort get their links, a portion at a time, as one undoable event.

What is to become of each stands in the ledger (`smartsort.pipeline.recheck.observing`). So whatever ends the
process, the next start goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlite_utils import Database

from smartsort.actions.acting import Acting
from smartsort.actions.join import beside
from smartsort.actions.plan import Plan, source_of
from smartsort.actions.reevaluate import reevaluated
from smartsort.actions.undo import AUTOMATIC
from smartsort.actions.values import ActionRefused, ActionResult, Batch, PreviewGone
from smartsort.core.backfill import Fate, fate
from smartsort.core.decision import decide
from smartsort.core.event_kinds import EventKind
from smartsort.core.model import Evidence, Outcome, State
from smartsort.core.what_if import Move, Place, place_of
from smartsort.ledger import events, observed, photos
from smartsort.ledger.arrangement import Arrangement
from smartsort.ledger.observed import ALL, Progress
from smartsort.ledger.records import Area, Member, NewEvent, Photo
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.recheck.deleted import Deleted
from smartsort.pipeline.recheck.observing import RECENT, Observing

LINKED_AT_ONCE = 100
"""Photos that get their links in one step."""

EVERY_DAY = 86_400.0

NO_MAPPING = (
    "smartsort does not know where Immich's photos lie. Set backfill.path_mapping and run `smartsort doctor`."
)


class Backfilling(Acting):
    """Links photos of Immich below `faces/`. Nothing else ever happens to them."""

    async def backfill_plan(self) -> None:
        """Begin to list and judge the photos of Immich, or go on with it. Raises ActionRefused."""
        await self._begin(lambda _: None)

    async def backfill_apply(
        self, actor: str, portion: int | None = None, preview: str | None = None
    ) -> None:
        """List and judge, then make the links of `portion` photos (None: of all).

        `preview` is that of the plan the user saw: what was not in it waits for the next plan. None: all that
        is known by then. All portions are one event until nothing is left or that event is undone. Raises
        ActionRefused.
        """
        shown = ALL if preview is None else self._shown(preview)

        def change(progress: Progress) -> None:
            progress.runs += 1
            progress.applying, progress.actor, progress.shown = True, actor, shown
            progress.left, progress.up_to = portion or ALL, 0

        await self._begin(change)

    def _shown(self, preview: str) -> int:
        number, _, version = preview.partition("-")
        if version != self._context.policy().version or not number.isdecimal():
            raise PreviewGone("settings have changed since this plan was made. Look at the plan again")
        return int(number)

    async def _begin(self, change: Callable[[Progress], None]) -> None:
        if not self._context.layout.path_mapping:
            raise ActionRefused(NO_MAPPING)
        at, version = self._context.clock.text(), self._context.policy().version

        def write(db: Database) -> None:
            progress = observed.progress(db)
            if not (progress.listing and progress.recent is None):
                start(progress, at, None)
            observed.due_without_fate(db)
            if progress.policy != version:
                observed.due_from_memory(db)
                progress.policy = version
            change(progress)
            observed.put_progress(db, progress)

        await self._context.ledger.awrite(write)
        self._context.wakeups.notify(State.OBSERVED)

    async def link_some(self, progress: Progress, ids: Sequence[int], wanted: Fate, actor: str) -> Batch:
        """Link photos, or ask about them, by what the ledger knows. `progress` is written afterwards.

        A photo of which the settings of today want something else is left to be judged again.
        """
        context = self._context
        async with self._lock:
            evidence = await context.ledger.aread(lambda db: _evidence(db, ids))
            policy, ambiguous, at = context.policy(), self._people.ambiguous, context.clock.text()

            def plan(photo: Photo, before: Arrangement) -> Plan | ActionResult:
                seen = evidence[photo.id]
                decision = decide(seen, policy, ambiguous)
                if fate(decision) is not wanted:
                    why = f"photo {photo.id} stays as it is by the settings of today"
                    return ActionResult(photo.id, "failed", problem=why, code="nothing_to_do")
                after = place_of(decision, context.person_folder)
                move = Move(photo.id, Place(photo.state.value), after, seen, decision)
                planned = reevaluated(photo, before, move, context, EventKind.BACKFILLED)
                if isinstance(planned, Plan):
                    planned.values["routed_at"] = at
                return planned

            states = (State.OBSERVED, State.REVIEW)
            group = progress.group if actor != AUTOMATIC else None
            batch = await self._act(ids, plan, actor, states, dry_run=False, group=group)
            stale = [one.photo_id for one in batch if one.code == "nothing_to_do"]

            def write(db: Database) -> None:
                observed.due_from_memory(db, stale)
                observed.acted_on(db, ids)
                observed.put_progress(db, progress)

            await context.ledger.awrite(write)
            return batch

    async def link_clips(self, ids: Sequence[int]) -> Batch:
        """Link clips beside photos that have their links: Immich has made them Live Photos since."""

        def plan(photo: Photo, before: Arrangement) -> Plan | ActionResult:
            clip = source_of(before.names, Member.VIDEO)
            links = [n for n in before.names if n.area is not Area.ORIGINAL]
            plan = Plan(photo, before, EventKind.BACKFILLED, EventKind.BACKFILLED.value, filed=False)
            if clip is not None and clip.area is Area.ORIGINAL:
                plan.planned = beside(before, links, clip)
            if not plan.planned:
                return plan.failed("nothing_to_do", f"photo {photo.id} has no clip without a link")
            plan.person = photo.person_name
            plan.data = {"outcome": Outcome.SORTED.value, "people": [photo.person_name]}
            return plan

        async with self._lock:
            progress = await self._context.ledger.aread(observed.progress)
            return await self._act(ids, plan, AUTOMATIC, (State.FILED,), dry_run=False, group=progress.group)

    async def is_undone(self, event_id: int) -> bool:
        """Return whether an event is taken back."""
        return await self._context.ledger.aread(lambda db: events.undone(db, event_id)) is not None

    async def open_group(self, progress: Progress) -> None:
        """Make sure of the event that the links belong to: a new one once the last is complete or undone."""
        ledger, group = self._context.ledger, progress.group
        if not progress.complete and group is not None and not await self.is_undone(group):
            return
        planned = await ledger.aread(observed.totals)
        data = {"what": EventKind.BACKFILLED, "photos": planned.link}
        event = NewEvent(EventKind.BULK_ACTION, None, data, progress.actor)
        at = self._context.clock.text()

        def write(db: Database) -> None:
            [progress.group] = events.append(db, [event], at)
            progress.complete = False
            observed.put_progress(db, progress)

        await ledger.awrite(write)


class BackfillStage:
    """The stage that lists, judges and links, and follows new uploads where that is switched on."""

    takes = (State.OBSERVED,)

    def __init__(self, context: Context, acts: Backfilling, observing: Observing, deleted: Deleted) -> None:
        self._context, self._acts, self._observing, self._deleted = context, acts, observing, deleted
        self._looked_at: float | None = None

    async def step(self) -> bool:
        """Do the next bit. Return whether there may be more."""
        context = self._context
        if not (context.layout.path_mapping and context.enabled()):
            return False
        progress = await context.ledger.aread(observed.progress)
        if progress.listing:
            if progress.recent is not None and not await self._is_quiet():
                return False
            if progress.after is None and progress.page == 1:
                await self._deleted.look_at_originals()
            await self._observing.list_page(progress)
            return True
        if await self._observing.judge_some():
            return True
        if progress.left and await self._link(progress):
            return True
        if await self._ask(progress):
            return True
        if progress.applying:
            progress.applying = False
            await self._put(progress)
        return progress.ended is not None and await self._follow(progress)

    async def _link(self, progress: Progress) -> bool:
        if self._context.policy().version != progress.policy:
            progress.left = 0  # what would be linked is not what was judged
            await self._put(progress)
            return False
        if progress.up_to == 0:
            # What was undone as a whole before is wanted again.
            some = [await self._waiting(fate, 0, 1, ALL, progress.shown) for fate in (Fate.LINK, Fate.ASK)]
            if any(some):
                await self._acts.open_group(progress)
            if some[0]:
                progress.up_to = some[0][0] - 1  # what is linked already is not looked through again
        elif progress.group is not None and await self._acts.is_undone(progress.group):
            progress.left = 0  # somebody has changed their mind on the way
            await self._put(progress)
            return False
        at_once = min(LINKED_AT_ONCE, progress.left)
        since = progress.group or 0
        ids = await self._waiting(Fate.LINK, progress.up_to, at_once, since, progress.shown)
        if not ids:
            progress.left, progress.complete = 0, True
            await self._put(progress)
            return False
        progress.left, progress.up_to = progress.left - len(ids), ids[-1]
        await self._acts.link_some(progress, ids, Fate.LINK, progress.actor)
        return True

    async def _ask(self, progress: Progress) -> bool:
        """Answers that Immich has by now, and the questions of today."""
        context = self._context
        group = progress.group
        stands = group is not None and not await self._acts.is_undone(group)
        if not (stands or context.tuning.follow):
            return False
        actor = progress.actor if stands else AUTOMATIC
        found = await context.ledger.aread(lambda db: observed.resolved(db, LINKED_AT_ONCE))
        if found and (await self._acts.link_some(progress, found, Fate.LINK, actor)).done:
            return True
        today = context.clock.now().astimezone().date().isoformat()
        if progress.day != today:
            progress.day, progress.asked = today, 0
        room = min(LINKED_AT_ONCE, context.tuning.questions_per_day - progress.asked)
        since = progress.group or 0 if stands else 0
        shown = ALL if context.tuning.follow else progress.shown
        ids = await self._waiting(Fate.ASK, 0, room, since, shown) if room > 0 else []
        if not ids:
            return False
        progress.asked += len(ids)
        return bool((await self._acts.link_some(progress, ids, Fate.ASK, actor)).done)

    async def _follow(self, progress: Progress) -> bool:
        """Look for new uploads, and once a day at all photos."""
        context = self._context
        if await self._observing.follow_people():
            return True
        if not context.tuning.follow:
            return False
        ids = await context.ledger.aread(lambda db: observed.fresh(db, LINKED_AT_ONCE))
        if ids and (await self._acts.link_some(progress, ids, Fate.LINK, AUTOMATIC)).done:
            return True
        now, pause = context.clock.monotonic(), context.tuning.recheck_interval_seconds
        if self._looked_at is not None and now - self._looked_at < pause:
            return False
        self._looked_at = now
        at = context.clock.now()
        last = datetime.fromisoformat(progress.began or "")
        recent = None if (at - last).total_seconds() >= EVERY_DAY else (at - RECENT).isoformat()
        start(progress, context.clock.text(), recent)
        await self._put(progress)
        return True

    async def _is_quiet(self) -> bool:
        """Return whether Immich is done with what it was given: before that, faces are missing."""
        counts = await self._context.server.queue_counts()
        return not any(count.pending for count in counts.values())

    async def _waiting(self, fate: Fate, after: int, limit: int, since: int, shown: int) -> list[int]:
        return await self._context.ledger.aread(
            lambda db: observed.waiting(db, fate, after, limit, undone_since=since, shown=shown)
        )

    async def _put(self, progress: Progress) -> None:
        await self._context.ledger.awrite(lambda db: observed.put_progress(db, progress))


def start(progress: Progress, at: str, recent: str | None) -> None:
    """Begin a pass over all photos, or over those that Immich took in since `recent`."""
    progress.passes += 1
    progress.listing, progress.after, progress.page, progress.recent = True, None, 1, recent
    if recent is None:
        progress.began, progress.counts, progress.differing = at, {}, []


def _evidence(db: Database, photo_ids: Sequence[int]) -> dict[int, Evidence]:
    found = {i: photos.last_decision(db, i) for i in photo_ids}
    return {
        i: photos.with_origin(db, i, decision[4]) if decision is not None else Evidence()
        for i, decision in found.items()
    }
