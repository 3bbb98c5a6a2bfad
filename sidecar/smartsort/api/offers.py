"""The order of work over HTTP: what settles several photos with one decision, before single photos."""

from __future__ import annotations

from fastapi import APIRouter

from smartsort.api.guard import BASE
from smartsort.api.near_misses import by_person, range_of
from smartsort.api.problems import GUARDED
from smartsort.api.schemas.review import Offer
from smartsort.api.security import Reviewer
from smartsort.api.serving import ApiContext, Ctx
from smartsort.api.strangers import groups_of, key_of
from smartsort.ledger import review_faces

router = APIRouter(prefix=f"{BASE}/review/offers", tags=["review"], responses=GUARDED)

MOST = 3
"""Offers in one answer: each decision changes what comes after it."""

LOOKED_AT = 24
"""The largest groups that are judged for it. There may be hundreds whose photos wait for more than a name."""


@router.get("")
async def offers(ctx: Ctx, _: Reviewer) -> list[Offer]:
    """List what to decide next: at most three groups of strangers or near misses, each of several photos.

    Whatever settles most photos with one decision comes first. Where the list is empty, or at its end, no
    decision settles more than one photo.
    """
    async with ctx.offering:
        policy = ctx.sidecar.runtime_settings.policy()
        state = policy, await ctx.sidecar.context.ledger.aread(review_faces.unnamed_state)
        if ctx.offers is None or ctx.offers[0] != state:
            ctx.offers = state, await _found(ctx)
        return ctx.offers[1]


async def _found(ctx: ApiContext) -> list[Offer]:
    found = []
    for id_, near in (await by_person(ctx)).items():
        name, photos = near[0][1].person.name, len(near)
        text = f"One yes files {photos} photos that might be {name} ({range_of(near)})"
        found.append(Offer(kind="near_misses", id=id_, photos=photos, text=text, names=[name]))
    for group in (await groups_of(ctx))[:LOOKED_AT]:
        size = len(group)
        # No group settles more photos than it has, and those that follow are no larger.
        if size < 2 or sum(one.photos >= size for one in found) >= MOST:
            break
        faces = {face.photo_id: [face.face_id] for face in group}
        photos = await ctx.sidecar.actions.settled_by_name(faces)
        of = f"{photos} of {size}" if photos < size else f"{size}"
        text = f"One name files {of} photos of a stranger"
        found.append(Offer(kind="strangers", id=key_of(group), photos=photos, text=text))
    several = (one for one in found if one.photos > 1)
    return sorted(several, key=lambda one: (-one.photos, one.kind != "strangers", one.text))[:MOST]
