"""Spot checks over HTTP: a random share of the automatic filings is offered for confirmation."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query
from fastapi.openapi.models import Example
from sqlite_utils import Database

from smartsort.api.action_results import only, selectors_of
from smartsort.api.guard import BASE
from smartsort.api.history import LARGEST, PhotoId
from smartsort.api.problems import GUARDED, Refused, answers
from smartsort.api.schemas.decisions import ActionResultView, Approve
from smartsort.api.schemas.evaluation import SpotCheck, SpotCheckPage, WrongFiling
from smartsort.api.schemas.statistics import SpotCheckResult
from smartsort.api.security import Reviewer
from smartsort.api.serving import ApiContext, Ctx
from smartsort.api.views import face_views, picture_path
from smartsort.core.model import Evidence
from smartsort.core.policy import Policy
from smartsort.core.spot_checks import TARGET, estimate
from smartsort.core.wording import sentence
from smartsort.core.words import digits_apart
from smartsort.files.shown import shown
from smartsort.ledger import photos, spot_checks
from smartsort.ledger.records import Area, Member
from smartsort.ledger.shots import companions_of
from smartsort.ledger.spot_checks import Drawn

router = APIRouter(prefix=f"{BASE}/spot-checks", tags=["review"], responses=GUARDED)

_WRONG_EXAMPLES: dict[str, Example] = {
    "person": {"summary": "It is another person", "value": {"person": "Sarah Smith"}},
    "unknown": {"summary": "It is not that person. Ask later who it is", "value": {}},
}


@router.get("")
async def waiting(
    ctx: Ctx,
    _: Reviewer,
    cursor: Annotated[
        int | None, Query(ge=1, le=LARGEST, description="`next_cursor` of the last page.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> SpotCheckPage:
    """List the spot checks, newest first.

    A spot check is a random automatic filing that waits for your answer. `spot_check_rate` sets how many
    smartsort draws. `result` estimates from all answers how many filings are wrong.
    """
    await _catch_up(ctx)
    policy = ctx.sidecar.runtime_settings.policy()

    def read(db: Database) -> tuple[list[SpotCheck], str | None]:
        found = spot_checks.waiting(db, cursor, limit + 1)
        views = [view for one in found[:limit] if (view := _view(db, one, ctx, policy)) is not None]
        return views, str(found[limit - 1].event_id) if len(found) > limit else None

    items, next_cursor = await ctx.sidecar.context.ledger.aread(read)
    return SpotCheckPage(items=items, result=await spot_check_result(ctx), next_cursor=next_cursor)


@router.post("/{photo_id}/confirm", responses=answers(404, 409))
async def confirm(ctx: Ctx, caller: Reviewer, photo_id: PhotoId) -> ActionResultView:
    """Confirm a filing.

    The photo shows this person. Its face is a confirmed one from now on.
    """
    await _drawn(ctx, photo_id)
    return await only(ctx, await ctx.sidecar.actions.confirm([photo_id], caller.name))


@router.post("/{photo_id}/wrong", responses=answers(404, 409))
async def wrong(
    ctx: Ctx,
    caller: Reviewer,
    photo_id: PhotoId,
    really: Annotated[WrongFiling, Body(openapi_examples=_WRONG_EXAMPLES)],
) -> ActionResultView:
    """Correct a filing.

    It counts as wrong, and smartsort remembers who it is not. Name the right `person` or `people`. Without
    either, the photo goes to review.
    """
    filing = await _drawn(ctx, photo_id)
    actions = ctx.sidecar.actions
    if really.person is None and not really.people:
        return await only(ctx, await actions.undo(filing, caller.name, admin=caller.may("admin")))
    choices = selectors_of(Approve(person=really.person, people=really.people))
    return await only(ctx, await actions.refile([photo_id], choices, caller.name, face_id=really.face))


async def _drawn(ctx: ApiContext, photo_id: int) -> int:
    """Return the event of the filing that is to be checked. Raises Refused."""
    await _catch_up(ctx)
    found = await ctx.sidecar.context.ledger.aread(lambda db: spot_checks.drawn_filing(db, photo_id))
    if found is None:
        raise Refused(
            404,
            "not_found",
            f"photo {photo_id} was not drawn for a spot check. One that is filed wrongly goes elsewhere with "
            f"{BASE}/photos/{photo_id}/refile",
        )
    event_id, verdict = found
    if verdict is not None:
        said = {spot_checks.RIGHT: "confirmed", spot_checks.WRONG: "found to be wrong"}
        raise Refused(
            409, "conflict", f"the filing of photo {photo_id} was {said.get(verdict, 'replaced')} already"
        )
    return event_id


async def _catch_up(ctx: ApiContext) -> None:
    sidecar = ctx.sidecar
    await spot_checks.catch_up(sidecar.context.ledger, sidecar.settings.spot_check_rate)


async def spot_check_result(ctx: ApiContext, since: str = "") -> SpotCheckResult:
    """Return what the answers about filings since then say."""
    await _catch_up(ctx)
    counts = await ctx.sidecar.context.ledger.aread(lambda db: spot_checks.counts(db, since))
    found = estimate(counts.wrong, counts.checked)
    result = SpotCheckResult(checked=counts.checked, wrong=counts.wrong, pending=counts.open)
    if found is not None:
        result.error_rate, result.low, result.high = (
            round(100 * part, digits_apart(100 * part, 100 * TARGET))
            for part in (found.error_rate, found.low, found.high)
        )
        result.met = found.meets_target
    return result


def _view(db: Database, one: Drawn, ctx: ApiContext, policy: Policy) -> SpotCheck | None:
    photo = photos.get(db, one.photo_id)
    last = photos.last_decision(db, one.photo_id)
    if photo is None or last is None:
        return None
    evidence: Evidence = last[4]
    context = ctx.sidecar.context
    held = photos.names_of(db, [photo.id])[photo.id]
    names = [n for n in held if n.area is Area.FACES and n.member is Member.PHOTO]
    return SpotCheck(
        photo_id=photo.id,
        event=one.event_id,
        filename=shown(photo.original_name),
        path=shown(context.absolute(names[0])) if names else "",
        people=list(last[3][0].names) or ([photo.person_name] if photo.person_name else []),
        confidence=last[3][0].numbers.get("confidence"),
        text=sentence(last[3][0]),
        filed_at=one.filed_at,
        faces=face_views(evidence, policy),
        thumbnail=picture_path(photo.id),
        preview=picture_path(photo.id, "preview"),
        companions=companions_of(photo.original_name, held),
    )
