"""Other settings on past photos over HTTP: what they would do, and doing it as one event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Annotated

from fastapi import APIRouter, Body, Query
from fastapi.openapi.models import Example
from sqlite_utils import Database

from smartsort.actions import Agreed, Wanted
from smartsort.api.action_results import bulk_result
from smartsort.api.guard import BASE
from smartsort.api.problems import GUARDED, Refused, answers
from smartsort.api.schemas.decisions import BulkActionResult
from smartsort.api.schemas.evaluation import PhotoMove, Redeem, WhatIfReport
from smartsort.api.schemas.what_if import OtherSettings
from smartsort.api.security import Admin, Reviewer
from smartsort.api.serving import ApiContext, Ctx
from smartsort.api.views import wrong_limit
from smartsort.core.naming import same_name
from smartsort.core.person_ref import PersonRef
from smartsort.core.rules.copies import located
from smartsort.core.what_if import Effect, Move
from smartsort.core.wording import sentence
from smartsort.errors import ImmichError
from smartsort.files.shown import shown
from smartsort.ledger import copies, photos
from smartsort.runtime_settings import LISTS

router = APIRouter(prefix=f"{BASE}/what-if", tags=["control"], responses=GUARDED)

_EXAMPLES: dict[str, Example] = {
    "stricter": {"summary": "Ask more often", "value": {"min_confidence": 0.7}},
    "list": {"summary": "Only these two", "value": {"whitelist": ["john_doe", "Sarah Smith"]}},
}

Days = Annotated[int, Query(ge=1, le=3660, description="How far back.")]
Settings = Annotated[OtherSettings, Body(openapi_examples=_EXAMPLES)]


@router.post("")
async def what_if(
    ctx: Ctx,
    caller: Reviewer,
    settings: Settings,
    days: Days = 90,
    limit: Annotated[int, Query(ge=1, le=5000, description="How many photos to list.")] = 500,
) -> WhatIfReport:
    """List the photos that would move.

    smartsort decides again about the photos of the last `days` with other settings or lists. It compares the
    result with where the photos are now. It changes nothing. Without a setting, it applies the settings in
    force to photos that it decided with others. `decided_by_human` counts the photos that stay for that
    reason. `rules` can only be tried, so there is no `preview` then.
    """
    wanted = _wanted(ctx, settings)
    await _know_people(ctx)
    since = _since(ctx, days)
    found = await ctx.sidecar.actions.past.effect(wanted.policy, since)
    listed = found.moves[:limit]
    moves = await ctx.sidecar.context.ledger.aread(lambda db: _photo_moves(db, listed))
    shown = report(found, moves, days)
    shown.limit = wrong_limit(ctx.sidecar.runtime_settings.limit(wanted.values))
    if caller.may("admin") and settings.rules is None:
        batch = await ctx.sidecar.actions.foresee(found.moves, caller.name)
        asked = _Asked(settings, since, wanted.policy.version)
        shown.preview = ctx.previews.keep("what-if", caller, asked, batch.versions)
    return shown


@dataclass(frozen=True, slots=True)
class _Asked:
    settings: OtherSettings
    since: str
    policy_version: str


@router.post("/apply", responses=answers(409))
async def apply(ctx: Ctx, caller: Admin, asked: Redeem) -> BulkActionResult:
    """Apply a what-if report.

    smartsort changes the settings for good and moves the photos. Both are one event, so `undo` reverses both.
    Photos that a human has decided about stay, and so do duplicates. smartsort leaves photos alone that
    changed or arrived since the report. It first measures each photo that it would file but has never
    measured. If the settings have changed since the report, the answer is 409.
    """

    async def act(asked: _Asked, agreed: Agreed) -> BulkActionResult:
        async with ctx.changing:
            wanted = _wanted(ctx, asked.settings)
            if wanted.policy.version != asked.policy_version:
                raise Refused(409, "conflict", "the settings have changed since the preview. Preview again")
            await _know_people(ctx)
            return bulk_result(await ctx.sidecar.actions.reevaluate(wanted, asked.since, caller.name, agreed))

    return await ctx.previews.redeem(asked.preview, "what-if", caller, act)


def _wanted(ctx: ApiContext, settings: OtherSettings) -> Wanted:
    given = settings.model_dump(mode="json", exclude_none=True, exclude={"rules"})
    names = {name: given.pop(name) for name in LISTS if name in given}
    runtime_settings = ctx.sidecar.runtime_settings
    lists = {name: _entries(names[name], getattr(runtime_settings, name)) for name in names}
    rules = settings.rules
    if rules is not None and len({rule.name for rule in rules}) < len(rules):
        raise Refused(422, "invalid", "each rule needs a name of its own")
    return Wanted(runtime_settings.policy_with(given, lists, rules), given, lists)


def _entries(names: Sequence[str], there: Sequence[PersonRef]) -> tuple[PersonRef, ...]:
    """Return the list. People who are on it already keep the ids they were bound to."""
    found: list[PersonRef] = []
    for name in (" ".join(name.split()) for name in names):
        if not name or not name.isprintable():
            raise Refused(422, "invalid", "a name has to have printable letters")
        if not any(same_name(name, entry.name) for entry in found):
            known = next((entry for entry in there if same_name(entry.name, name)), None)
            found.append(known or PersonRef(name))
    return tuple(found)


async def _know_people(ctx: ApiContext) -> None:
    """Names of today, so that nobody who was renamed seems to move. Without Immich those last known."""
    try:
        await ctx.sidecar.people.refresh(max_age=60)
    except ImmichError:
        return


def _since(ctx: ApiContext, days: int) -> str:
    now = ctx.sidecar.context.clock.now()
    return (now - timedelta(days=days)).astimezone(UTC).isoformat(timespec="milliseconds")


def report(found: Effect, listed: list[PhotoMove], days: int) -> WhatIfReport:
    """Return an effect as what goes over the wire."""
    return WhatIfReport(
        days=days,
        evaluated=found.looked_at,
        decided_by_human=found.kept,
        before=dict(found.before),
        after=dict(found.after),
        moves=found.ways,
        photos=listed,
        omitted=len(found.moves) - len(listed),
    )


def _photo_moves(db: Database, moves: Sequence[Move]) -> list[PhotoMove]:
    names = {p.id: shown(p.original_name) for p in photos.by_ids(db, [move.photo_id for move in moves])}
    evidence = copies.located(db, {move.photo_id: move.evidence for move in moves})
    return [
        PhotoMove(
            photo_id=move.photo_id,
            filename=names.get(move.photo_id, ""),
            before=str(move.before),
            after=str(move.after),
            text=sentence(located(move.decision.reasons, evidence[move.photo_id])[0]),
            unmeasured=move.unmeasured,
        )
        for move in moves
    ]
