"""Many deletions in Immich at once, which a human confirms or declines."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from fastapi.openapi.models import Example
from sqlite_utils import Database

from smartsort.api.action_results import bulk_result
from smartsort.api.guard import BASE
from smartsort.api.problems import GUARDED
from smartsort.api.schemas.decisions import BulkActionResult, DeletedPhoto, DeletionAnswer, Deletions
from smartsort.api.security import Reviewer
from smartsort.api.serving import Ctx
from smartsort.files.shown import shown
from smartsort.ledger import deletions, photos

router = APIRouter(prefix=f"{BASE}/deletions", tags=["review"], responses=GUARDED)

SHOWN = 100

_EXAMPLES: dict[str, Example] = {
    "meant": {"summary": "They were meant: reject the photos", "value": {"up_to": 812, "meant": True}},
    "not meant": {"summary": "Keep the photos", "value": {"up_to": 812, "meant": False}},
}


@router.get("")
async def waiting(ctx: Ctx, _: Reviewer) -> Deletions:
    """List the deletions in Immich that wait for your answer.

    smartsort asks when you delete more than `immich.max_unconfirmed_deletions` photos within an hour. Until
    you answer, nothing happens to these photos. At most 100 of them are listed.
    """

    def read(db: Database) -> Deletions:
        ids = deletions.held(db)
        listed = [
            DeletedPhoto(id=photo.id, filename=shown(photo.original_name), person=photo.person_name)
            for photo in photos.by_ids(db, ids[:SHOWN])
        ]
        return Deletions(waiting=len(ids), up_to=deletions.newest_held(db), photos=listed)

    return await ctx.sidecar.context.ledger.aread(read)


@router.post("")
async def answer(
    ctx: Ctx, caller: Reviewer, said: Annotated[DeletionAnswer, Body(openapi_examples=_EXAMPLES)]
) -> BulkActionResult:
    """Confirm deletions, which rejects the photos, or decline them, which keeps the photos.

    `up_to` comes from the list, so photos that you delete after you read it wait on. `undo` takes the
    rejection back.
    """
    return bulk_result(await ctx.sidecar.actions.answer(said.up_to, caller.name, reject=said.meant))
