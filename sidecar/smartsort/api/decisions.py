"""Deciding over HTTP: approve, reject, skip and re-file, one photo or many."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from fastapi.openapi.models import Example

from smartsort.actions import Agreed, Batch
from smartsort.api.action_results import REDEEM, carry_out, check_pending, only, selectors_of
from smartsort.api.guard import BASE
from smartsort.api.history import PhotoId
from smartsort.api.problems import GUARDED, Refused, answers, preview_first
from smartsort.api.schemas.decisions import (
    ActionResultView,
    Approve,
    BulkActionResult,
    BulkApprove,
    Refile,
    Relink,
    Selection,
)
from smartsort.api.security import Admin, Decider, Reviewer
from smartsort.api.serving import ApiContext, Ctx
from smartsort.ledger import review

router = APIRouter(prefix=BASE, tags=["review"], responses=GUARDED)

_APPROVE_EXAMPLES: dict[str, Example] = {
    "suggested": {"summary": "The suggested person", "value": {}},
    "name": {"summary": "A person by name", "value": {"person": "john_doe"}},
    "new": {"summary": "A new person", "value": {"person": {"name": "Aunt May", "create": True}}},
    "both": {"summary": "Two people", "value": {"people": ["john_doe", "Sarah Smith"]}},
}
_REFILE_EXAMPLES = {name: example for name, example in _APPROVE_EXAMPLES.items() if name != "suggested"}
_SELECTION_EXAMPLES: dict[str, Example] = {
    "ids": {"summary": "These", "value": {"ids": [7, 8, 9]}},
    "redeem": REDEEM,
    "preview": {
        "summary": "What would happen to all duplicates",
        "value": {"category": "duplicates", "dry_run": True},
    },
}
_BULK_EXAMPLES: dict[str, Example] = {
    "ids": {"summary": "These, as John", "value": {"ids": [7, 8], "approve": {"person": "john_doe"}}},
    "preview": REDEEM,
    "suggested": {
        "summary": "A category, each as suggested. Only tell what would happen",
        "value": {"category": "low_confidence", "dry_run": True},
    },
}


@router.post("/review/bulk/approve", responses=answers(404, 409))
async def approve_many(
    ctx: Ctx, caller: Decider, chosen: Annotated[BulkApprove, Body(openapi_examples=_BULK_EXAMPLES)]
) -> BulkActionResult:
    """Approve many photos.

    Choose them by `ids`, by `category` and `search`, or with `everything`. A failure for one photo does not
    stop the others. Undo `event` to undo all of it.

    With `dry_run` the answer says what would happen. Its `preview` is a token for exactly these photos,
    people and states. Send `{"preview": "..."}` and nothing else to carry it out. A filter needs a preview
    first, `ids` do not. smartsort leaves photos alone that changed or arrived since and lists them in
    `changed`.

    The token is valid for an hour, for the client that got it, until smartsort restarts. Then the answer is
    409 (`preview_gone`). A second request with the token changes nothing and returns the first answer.

    An approval leaves out photos of `strangers`, `groups` (more faces than allowed), `blacklisted` people,
    people who are `not_whitelisted`, and files that are `not_pictures`. `counts` says how many. `include`
    takes them in. smartsort also takes them in if you name both `ids` and people, or one photo alone.
    """

    async def act(chosen: BulkApprove, agreed: Agreed | None) -> Batch:
        people = selectors_of(chosen.approve)
        # Whoever names a photo and a person, or one photo alone, has looked at it.
        named = bool(chosen.ids and people) or len(set(chosen.ids)) == 1
        return await ctx.sidecar.actions.approve(
            await _selected(ctx, chosen, agreed),
            people,
            caller.name,
            face_id=chosen.approve.face,
            faces=chosen.faces,
            include=None if named else chosen.include,
            dry_run=chosen.dry_run,
            agreed=agreed,
        )

    return await carry_out(ctx, caller, "approve", chosen, act)


@router.post("/review/bulk/reject", responses=answers(404, 409))
async def reject_many(
    ctx: Ctx, caller: Decider, chosen: Annotated[Selection, Body(openapi_examples=_SELECTION_EXAMPLES)]
) -> BulkActionResult:
    """Reject many photos.

    Their files go to the trash. You can undo it until the retention time is over. Choose and preview them as
    for the bulk approval.
    """

    async def act(chosen: Selection, agreed: Agreed | None) -> Batch:
        photo_ids = await _selected(ctx, chosen, agreed)
        return await ctx.sidecar.actions.reject(photo_ids, caller.name, dry_run=chosen.dry_run, agreed=agreed)

    return await carry_out(ctx, caller, "reject", chosen, act)


@router.post("/review/bulk/skip", responses=answers(404, 409))
async def skip_many(
    ctx: Ctx, caller: Decider, chosen: Annotated[Selection, Body(openapi_examples=_SELECTION_EXAMPLES)]
) -> BulkActionResult:
    """Skip many photos.

    They are listed after all others. Choose and preview them as for the bulk approval.
    """

    async def act(chosen: Selection, agreed: Agreed | None) -> Batch:
        photo_ids = await _selected(ctx, chosen, agreed)
        return await ctx.sidecar.actions.skip(photo_ids, caller.name, dry_run=chosen.dry_run, agreed=agreed)

    return await carry_out(ctx, caller, "skip", chosen, act)


_RELINK_EXAMPLES: dict[str, Example] = {
    "preview": {"summary": "What would move", "value": {"dry_run": True}},
    "redeem": REDEEM,
}


@router.post("/refile", responses=answers(409))
async def relink(
    ctx: Ctx, caller: Admin, what: Annotated[Relink, Body(openapi_examples=_RELINK_EXAMPLES)]
) -> BulkActionResult:
    """Move filed photos to where the template puts them now.

    Who is on a photo stays as it is, and so does a photo that a user has put somewhere by hand. Preview
    first. Undo `event` to undo all of it.
    """

    async def act(what: Relink, agreed: Agreed | None) -> Batch:
        if agreed is None and not what.dry_run:
            raise preview_first()
        return await ctx.sidecar.actions.relink(caller.name, dry_run=what.dry_run, agreed=agreed)

    return await carry_out(ctx, caller, "refile", what, act)


async def _selected(ctx: ApiContext, chosen: Selection, agreed: Agreed | None) -> list[int]:
    """Return the photos of a selection.

    Raises Refused for one that says nothing, or two things, or too much.
    """
    filtered = chosen.category is not None or bool(chosen.search) or chosen.everything
    if bool(chosen.ids) == filtered:
        raise Refused(
            422,
            "invalid",
            "choose by `ids`, or by `category` and `search`, or with `everything`",
        )
    if chosen.versions and not chosen.ids:
        raise Refused(422, "invalid", "`versions` are those of `ids`")
    if filtered and not chosen.dry_run and agreed is None:
        raise preview_first()
    ledger = ctx.sidecar.context.ledger
    if filtered:
        return await ledger.aread(lambda db: review.matching(db, chosen.category, chosen.search))
    if agreed is not None:
        return []  # all that were named have a version
    known = await ledger.aread(lambda db: review.conditions(db, chosen.ids))
    missing = [photo_id for photo_id in chosen.ids if photo_id not in known]
    if missing:
        raise Refused(404, "not_found", f"not in the review queue: {', '.join(map(str, missing[:20]))}")
    return list(dict.fromkeys(chosen.ids))


@router.post("/review/{id}/approve", responses=answers(404, 409))
async def approve(
    ctx: Ctx,
    caller: Decider,
    id: PhotoId,  # noqa: A002
    wanted: Annotated[Approve, Body(openapi_examples=_APPROVE_EXAMPLES)],
) -> ActionResultView:
    """Approve a photo.

    smartsort files it under a person, or under several, and tells Immich who it is.

    Without `person` and `people` the photo goes to its `suggested_person`. The similarity of that person was
    measured, and it is at least 0.5 or `min_confidence`, whichever is lower. A `suggestion` that is not
    `accepted` is a guess: name the person, or the answer is 422. smartsort refuses a name that no person in
    Immich has, unless `create` is set. So a typing error creates no new person.
    """
    await check_pending(ctx, id)
    batch = await ctx.sidecar.actions.approve([id], selectors_of(wanted), caller.name, face_id=wanted.face)
    return await only(ctx, batch, caller)


@router.post("/review/{id}/reject", responses=answers(404, 409))
async def reject(ctx: Ctx, caller: Decider, id: PhotoId) -> ActionResultView:  # noqa: A002
    """Reject a photo.

    Its file goes to the trash and stays there for `trash.retention_days`. Until then you can undo it.
    """
    await check_pending(ctx, id)
    return await only(ctx, await ctx.sidecar.actions.reject([id], caller.name), caller)


@router.post("/review/{id}/skip", responses=answers(404, 409))
async def skip(ctx: Ctx, caller: Decider, id: PhotoId) -> ActionResultView:  # noqa: A002
    """Skip a photo.

    It is listed after all others.
    """
    await check_pending(ctx, id)
    return await only(ctx, await ctx.sidecar.actions.skip([id], caller.name), caller)


@router.post("/photos/{photo_id}/refile", responses=answers(404, 409))
async def refile(
    ctx: Ctx,
    caller: Reviewer,
    photo_id: PhotoId,
    wanted: Annotated[Refile, Body(openapi_examples=_REFILE_EXAMPLES)],
) -> ActionResultView:
    """File a photo under another person.

    The photo is filed already. If smartsort had filed it, that filing counts as wrong.
    """
    if wanted.person is None and not wanted.people:
        raise Refused(422, "invalid", "name a person: `person` or `people`")
    batch = await ctx.sidecar.actions.refile(
        [photo_id], selectors_of(wanted), caller.name, face_id=wanted.face
    )
    return await only(ctx, batch)
