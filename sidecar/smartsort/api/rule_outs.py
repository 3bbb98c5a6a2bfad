"""Saying over HTTP who a photo does not show."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from fastapi.openapi.models import Example

from smartsort.actions import PersonSelector
from smartsort.api.action_results import check_pending, only
from smartsort.api.guard import BASE
from smartsort.api.history import PhotoId
from smartsort.api.problems import GUARDED, answers
from smartsort.api.schemas.decisions import ActionResultView
from smartsort.api.schemas.evaluation import RuleOut
from smartsort.api.security import Decider
from smartsort.api.serving import ApiContext, Ctx
from smartsort.core.model import Evidence
from smartsort.ledger import photos

router = APIRouter(prefix=BASE, tags=["review"], responses=GUARDED)

_EXAMPLES: dict[str, Example] = {
    "suggested": {"summary": "Not the suggested person", "value": {}},
    "name": {"summary": "Not John", "value": {"person": "john_doe"}},
}


@router.post("/review/{id}/rule-out", responses=answers(404, 409))
async def rule_out(
    ctx: Ctx,
    caller: Decider,
    id: PhotoId,  # noqa: A002
    ruled_out: Annotated[RuleOut, Body(openapi_examples=_EXAMPLES)],
) -> ActionResultView:
    """Rule out a person.

    Without `person` smartsort rules out the suggested person. With `face` the decision is about this face
    only. The photo stays in the queue. smartsort never suggests the person for this photo again, and never
    files it under them. Similar faces get a lower confidence for that person. smartsort does not tell Immich.
    """
    await check_pending(ctx, id)
    await _measured(ctx, id)
    choice = None
    if isinstance(ruled_out.person, str):
        choice = PersonSelector(name=ruled_out.person)
    elif ruled_out.person is not None:
        choice = PersonSelector(name=ruled_out.person.name, id=ruled_out.person.id)
    done = await ctx.sidecar.actions.rule_out(id, choice, caller.name, face_id=ruled_out.face)
    return await only(ctx, done, caller)


async def _measured(ctx: ApiContext, photo_id: int) -> None:
    """Have the faces measured, so that others can be held against them: at most one call for the photo."""
    measure, ledger = ctx.sidecar.measure, ctx.sidecar.context.ledger
    if measure is None:
        return
    photo, last = await ledger.aread(
        lambda db: (photos.get(db, photo_id), photos.last_decision(db, photo_id))
    )
    evidence: Evidence | None = last[4] if last else None
    if photo is not None and photo.asset_id is not None and evidence is not None and evidence.faces:
        await measure.suggestions(photo.asset_id, evidence.faces[0], evidence.faces)
