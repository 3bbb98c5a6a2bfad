"""Before a photo is put away because of another copy: that copy is looked at once more."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from smartsort.actions.values import ActionResult
from smartsort.core.decision import decide
from smartsort.core.model import CopyPlace, Decision, Evidence, OtherCopy, State
from smartsort.errors import ImmichError
from smartsort.ledger import photos
from smartsort.ledger.copies import located
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Photo
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.engine.intact import Intact, no_longer, rejected_for_itself, relied_on, still_there
from smartsort.pipeline.recheck.suggestions import renewed, waits_at
from smartsort.pipeline.routing.route import PhotoEvidence

LAST_COPY = "last_copy"
"""The code of a photo that is not removed, because the copy it was put away for is not intact any more."""


def last_copies(
    context: Context, photo_ids: Sequence[int], ambiguous: Collection[str]
) -> dict[int, tuple[Change, Decision]]:
    """Waiting duplicates whose other copy is not intact any more, and how their reason changes. Blocking."""
    rows = [
        p for p in context.ledger.read(lambda db: photos.by_ids(db, photo_ids)) if p.state is State.REVIEW
    ]
    relying = {p.id for p in rows if context.ledger.read(lambda db, p=p: relied_on(db, p)) is not None}  # type: ignore[misc]
    names = context.ledger.read(lambda db: photos.names_of(db, list(relying)))
    intact, found = Intact(context), {}
    for photo in (p for p in rows if p.id in relying):
        # Of two copies that are rejected together neither is a reason for the other.
        lost = no_longer(context, photo, relying, intact=intact)
        place = waits_at(context, names[photo.id])
        if lost is None or lost[1].place is CopyPlace.TRASH or place is None:
            continue
        decision = decide(lost[0], context.policy(), ambiguous)
        change = renewed(PhotoEvidence(photo, lost[0]), decision, place)
        found[photo.id] = (change, decision)
    return found


async def kept_copies(context: Context, batch: Sequence[Photo]) -> dict[int, ActionResult]:
    """Photos in the trash that must stay, by id: `LAST_COPY`, or Immich cannot say whether it has them."""
    lost, in_immich = await asyncio.to_thread(_relying, context, batch)
    kept = {photo_id: _kept(photo_id, copy) for photo_id, copy in lost.items()}
    if in_immich:
        try:
            found = await context.server.uploads_with_content([p.sha1 for p in in_immich if p.sha1])
        except ImmichError as problem:
            return kept | {
                p.id: ActionResult(p.id, "failed", problem=str(problem), code="immich") for p in in_immich
            }
        for photo in in_immich:
            upload = found.get(photo.sha1 or "")
            if upload is None or upload.trashed:
                kept[photo.id] = _kept(photo.id, OtherCopy(CopyPlace.MISSING, "in Immich"))
    return kept


def _kept(photo_id: int, copy: OtherCopy) -> ActionResult:
    why = f"its other copy {copy.called} {copy.problem or 'is gone'}, and this may be the last one"
    return ActionResult(photo_id, "failed", problem=why, code=LAST_COPY)


def _relying(context: Context, batch: Sequence[Photo]) -> tuple[dict[int, OtherCopy], list[Photo]]:
    """(lost copies by photo id, photos whose other copy only Immich has). Runs in a worker thread."""
    intact = Intact(context)
    lost: dict[int, OtherCopy] = {}
    in_immich = []
    for photo in batch:
        relied = context.ledger.read(lambda db, p=photo: relied_on(db, p))  # type: ignore[misc]
        if relied is None:
            continue
        copy = still_there(context, intact, photo, relied[1])
        other = copy.photo_id
        if copy.place is CopyPlace.IMMICH:
            in_immich.append(photo)
        elif not copy.alive and not context.ledger.read(lambda db, i=other: rejected_for_itself(db, i)):  # type: ignore[misc]
            lost[photo.id] = copy
    seen = {photo_id: Evidence(other_copy=copy) for photo_id, copy in lost.items()}
    now = context.ledger.read(lambda db: located(db, seen))
    return {photo_id: one.other_copy for photo_id, one in now.items() if one.other_copy}, in_immich
