"""Near misses over HTTP: whom faces in review might belong to. A bulk approval answers them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlite_utils import Database

from smartsort.api.guard import BASE
from smartsort.api.people import IMAGE, PersonId
from smartsort.api.pictures import answer
from smartsort.api.problems import GUARDED, Refused, answers
from smartsort.api.schemas.near_misses import NearMisses, NearMissFace
from smartsort.api.security import Reviewer
from smartsort.api.serving import ApiContext, Ctx
from smartsort.api.views import person_view
from smartsort.core.near_misses import CATEGORIES, NearMiss, near_miss
from smartsort.core.words import quantity
from smartsort.errors import ImmichError
from smartsort.files.contact_sheet import ACROSS, Mark
from smartsort.files.shown import shown
from smartsort.ledger import review_faces
from smartsort.ledger.review_faces import Seen
from smartsort.ports import ThumbnailSize

router = APIRouter(prefix=f"{BASE}/review/near-misses", tags=["review"], responses=GUARDED)

PAGE, _ACROSS = 24, 6
"""Faces of one contact sheet, and of one of its rows: more are too small to be told apart in a terminal."""


@router.get("")
async def near_misses(ctx: Ctx, _: Reviewer) -> list[NearMisses]:
    """Faces in review that might be a known person's, by person. Who has most of them comes first.

    Only measured faces that are alone on their photo count. Say yes with `POST /review/bulk/approve`: the ids
    without those you exclude, the person, and the `faces`. Its `event` takes all of it back.
    """
    found = await by_person(ctx)
    policy = ctx.sidecar.runtime_settings.policy()
    views = []
    for some in found.values():
        person, low, high = some[0][1].person, some[-1][1].similarity, some[0][1].similarity
        might = f"{quantity(len(some), 'face')} might be {person.name} ({range_of(some)})"
        views.append(
            NearMisses(
                person=person_view(person, policy),
                text=might,
                low=low,
                high=high,
                sheet=f"{router.prefix}/{person.id}/sheet",
                faces=[_face(number, *one) for number, one in enumerate(some, 1)],
            )
        )
    return sorted(views, key=lambda view: (-len(view.faces), view.person.name))


@router.get("/{id}/sheet", response_class=Response, responses={**IMAGE, **answers(404)})
async def sheet(
    ctx: Ctx,
    _: Reviewer,
    request: Request,
    id: PersonId,  # noqa: A002
    page: Annotated[int, Query(ge=1, le=10_000, description="Of 24 faces each.")] = 1,
) -> Response:
    """One picture of the faces that might be this person's, numbered as in the list."""
    some = (await by_person(ctx)).get(id, [])[(page - 1) * PAGE : page * PAGE]
    faces: list[tuple[bytes, Mark]] = []
    for number, (photo, one) in enumerate(some, (page - 1) * PAGE + 1):
        try:
            picture = await ctx.pictures.of_photo(photo.photo_id, ThumbnailSize.PREVIEW)
        except (Refused, ImmichError):
            continue
        label = f"{number}   {one.similarity:.2f}   {(photo.taken or '')[:4]}"
        faces.append((picture.content, Mark(*one.face.place, label)))
    if not faces:
        raise Refused(404, "not_found", f"no face in review might be the person {id}, or Immich shows none")
    across = min(_ACROSS, max(ACROSS, len(faces)))
    face_sheet = ctx.sidecar.context.decoders.face_sheet
    return answer(await ctx.pictures.sheet("the contact sheet", face_sheet, [faces], across), request)


async def by_person(ctx: ApiContext) -> dict[str, list[tuple[Seen, NearMiss]]]:
    """Return the near misses of each person, the closest first."""
    policy = ctx.sidecar.runtime_settings.policy()

    def read(db: Database) -> dict[str, list[tuple[Seen, NearMiss]]]:
        found: dict[str, list[tuple[Seen, NearMiss]]] = {}
        for photo in review_faces.compared(db, CATEGORIES):
            one = near_miss(photo.evidence, policy, photo.ruled_out)
            if one is not None:
                found.setdefault(one.person.id, []).append((photo, one))
        for some in found.values():
            some.sort(key=lambda pair: (-pair[1].similarity, pair[0].photo_id))
        return found

    return await ctx.sidecar.context.ledger.aread(read)


def _face(number: int, photo: Seen, one: NearMiss) -> NearMissFace:
    return NearMissFace(
        photo_id=photo.photo_id,
        number=number,
        face=one.face.id,
        box=(one.face.box.x1, one.face.box.y1, one.face.box.x2, one.face.box.y2),
        image_width=one.face.image_width,
        image_height=one.face.image_height,
        similarity=one.similarity,
        filename=shown(photo.filename),
        source=photo.source,
        taken_at=photo.taken,
        thumbnail=f"{BASE}/review/items/{photo.photo_id}/thumbnail",
        preview=f"{BASE}/review/items/{photo.photo_id}/preview",
    )


def range_of(near: Sequence[tuple[Seen, NearMiss]]) -> str:
    """Return how close these are, the closest given first: `0.42 to 0.52`."""
    high, low = (f"{one.similarity:.2f}" for _, one in (near[0], near[-1]))
    return low if low == high else f"{low} to {high}"
