"""Photos that were in Immich before smartsort, over HTTP: the plan, and carrying it out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from fastapi.openapi.models import Example
from sqlite_utils import Database

from smartsort.actions.backfill import NO_MAPPING
from smartsort.api.guard import BASE
from smartsort.api.problems import GUARDED, Refused, answers
from smartsort.api.schemas.backfill import Backfill, BackfillFolder, BackfillLeft, BackfillRequest
from smartsort.api.security import Admin, Reviewer
from smartsort.api.serving import Ctx
from smartsort.ledger import observed

router = APIRouter(prefix=f"{BASE}/backfill", tags=["control"], responses=GUARDED)

_EXAMPLES: dict[str, Example] = {
    "plan": {"summary": "Only find out what would happen", "value": {}},
    "portion": {
        "summary": "Link a thousand photos",
        "value": {"apply": True, "portion": 1000, "preview": "482-1f0c9a7e55d2"},
    },
}


@router.get("")
async def plan(ctx: Ctx, _: Reviewer) -> Backfill:
    """Return what would become of the photos that are in Immich already, and what is done."""
    return await ctx.sidecar.context.ledger.aread(read_plan)


@router.post("", responses=answers(409))
async def start(
    ctx: Ctx, caller: Admin, asked: Annotated[BackfillRequest, Body(openapi_examples=_EXAMPLES)]
) -> Backfill:
    """List and judge the photos that are in Immich already. With `apply`, link them.

    The answer comes at once. smartsort goes on in the background, also after a restart: read the plan until
    it is not `working`. `apply` needs the `preview` of the plan that you saw, and touches only what was in
    that plan. A link below `faces/` is all that a photo gets. `undo` of `event` removes all links.
    Without `backfill.path_mapping`, while sorting is off, or when the settings have changed since, the answer
    is 409.
    """
    if asked.apply and asked.preview is None:
        raise Refused(422, "invalid", "apply needs the preview of the plan. Read the plan first")
    if not ctx.sidecar.context.layout.path_mapping:
        raise Refused(409, "conflict", NO_MAPPING)
    if not ctx.sidecar.runtime_settings.enabled:
        raise Refused(409, "conflict", "sorting is off, so nothing would be done. Run `smartsort enable`")
    actions = ctx.sidecar.actions
    if asked.apply:
        await actions.backfill_apply(caller.name, asked.portion, asked.preview)
    else:
        await actions.backfill_plan()
    return await ctx.sidecar.context.ledger.aread(read_plan)


def read_plan(db: Database) -> Backfill:
    """Return the plan as the ledger has it."""
    progress, totals = observed.progress(db), observed.totals(db)
    return Backfill(
        working=progress.listing or totals.due > 0 or progress.applying,
        seen=progress.counts.get("seen", 0),
        outside=progress.counts.get("outside", 0),
        missing=progress.counts.get("missing", 0),
        differing=progress.counts.get("differing", 0),
        left=[BackfillLeft(path=path, why=why) for path, why in progress.differing],
        known=totals.known,
        to_judge=totals.due,
        to_link=totals.link,
        to_ask=totals.ask,
        linked=totals.done,
        asked=totals.asked,
        people=[BackfillFolder(**one._asdict()) for one in totals.folders],
        event=progress.group,
        preview=f"{observed.judgements(db)}-{progress.policy}",
    )
