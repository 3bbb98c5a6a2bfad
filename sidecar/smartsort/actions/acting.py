"""What all actions share: photos are looked at, planned, and changed or left alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlite_utils import Database

from smartsort.actions.plan import Plan
from smartsort.actions.purge import Purge
from smartsort.actions.rearrange import Rearrange, conflict
from smartsort.actions.reevaluate import AdjustableSettings, Reevaluation
from smartsort.actions.values import NOT_TO_BE_DONE, ActionResult, Batch, changed, unless_storage
from smartsort.core.event_kinds import EventKind
from smartsort.core.model import State
from smartsort.files.shown import shown
from smartsort.ledger import arrangement, events, photos
from smartsort.ledger.arrangement import Arrangement
from smartsort.ledger.records import Area, NewEvent, Photo
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.routing.people import People
from smartsort.ports import Measuring

Agreed = Mapping[int, str]
"""Versions of a dry run (`Batch.versions`) or of the photos (`arrangement.version`), by photo."""

Planner = Callable[[Photo, Arrangement], Plan | ActionResult]

_WORD = {
    "approved": "approve",
    "refiled": "refile",
    "rejected": "reject",
    "undone": "undo",
    "skipped": "skip",
    "renamed": "rename",
    "relinked": "move",
    "confirmed": "confirm",
    "ruled_out": "rule out",
    "named": "name",
    "marked": "mark",
    "reevaluated": "re-evaluate",
    "backfilled": "link",
}


class Acting:
    """The tools of all actions, and the one way they take to the photos."""

    def __init__(
        self,
        context: Context,
        people: People,
        settings: AdjustableSettings | None = None,
        measure: Measuring | None = None,
    ) -> None:
        self._context, self._people, self._settings = context, people, settings
        self._measure = measure
        self.past = Reevaluation(context, people, measure)
        self._rearrange = Rearrange(context)
        self._purge = Purge(context)
        self._lock = context.arranging

    async def _act(
        self,
        photo_ids: Sequence[int],
        planner: Planner,
        actor: str,
        expect: Sequence[State],
        *,
        dry_run: bool,
        agreed: Agreed | None = None,
        group: int | None = None,
    ) -> Batch:
        ids = list(dict.fromkeys((*photo_ids, *(agreed or ()))))
        if agreed is not None:
            ids = [i for i in ids if agreed.get(i) != NOT_TO_BE_DONE]
        ledger = self._context.ledger
        rows = {p.id: p for p in await ledger.aread(lambda db: photos.by_ids(db, ids))}
        before = await ledger.aread(lambda db: arrangement.read(db, ids))
        answers: dict[int, ActionResult] = {}
        plans: list[Plan] = []
        for photo_id in ids:
            photo = rows.get(photo_id)
            if agreed is not None and photo_id not in agreed:
                answers[photo_id] = changed(photo_id, f"photo {photo_id} came after the preview")
                continue
            if photo is None or photo.state not in expect:
                answers[photo_id] = await ledger.aread(lambda db, i=photo_id: _not_expected(db, i, expect))  # type: ignore[misc]
                continue
            plan = planner(photo, before[photo_id])
            if isinstance(plan, ActionResult):
                answers[photo_id] = plan
            elif agreed is not None and not plan.is_as(agreed[photo_id]):
                answers[photo_id] = changed(photo_id, f"photo {photo_id} is not as it was when you saw it")
            elif dry_run:
                answers[photo_id] = self._would(plan)
            else:
                plans.append(plan)
        if plans and len(ids) > 1 and group is None:
            group = await self._group({"what": plans[0].kind, "photos": len(plans)}, actor, None)
        for result in await self._rearrange.run(plans, actor, group):
            answers[result.photo_id] = result
        found = (answers[i] for i in ids)
        return Batch(tuple(found if agreed is None else map(unless_storage, found)), group)

    async def _group(self, data: dict[str, Any], actor: str, undoes: int | None) -> int:
        """Return the event that stands for a bulk action.

        Written first, so that a crash leaves it undoable.
        """
        at = self._context.clock.text()
        event = NewEvent(EventKind.BULK_ACTION, None, data, actor, undoes)
        [group] = await self._context.ledger.awrite(lambda db: events.append(db, [event], at))
        return group

    def _would(self, plan: Plan) -> ActionResult:
        names = plan.foreseen()
        first = next(iter(names), None)
        path = None
        if first is not None:
            area, _, rest = first.partition("/")
            path = f"{shown(self._context.folder(Area(area)))}/{rest}"
        return ActionResult(
            plan.photo.id,
            f"would_{_WORD[plan.done]}",
            person=plan.person,
            names=names,
            path=path,
            stays=plan.data.get("stays", ""),
            version=plan.version,
            companions=plan.companions,
        )


def _not_expected(db: Database, photo_id: int, expect: Sequence[State]) -> ActionResult:
    photo = photos.get(db, photo_id)
    if photo is None:
        return ActionResult(photo_id, "failed", problem=f"there is no photo {photo_id}", code="not_found")
    found = conflict(db, photo_id)
    if found.happened is not None:
        return found
    states = " or ".join(state.value for state in expect)
    why = f"photo {photo_id} is {photo.state.value}, not {states}. Wait until it is"
    return ActionResult(photo_id, "failed", problem=why, code="conflict")
