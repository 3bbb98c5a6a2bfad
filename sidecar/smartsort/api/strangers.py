"""Faces in review that nobody has named, over HTTP: groups, one picture of each, and what is said of them."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Body, Path, Request, Response
from fastapi.openapi.models import Example

from smartsort.actions import Agreed, Batch
from smartsort.api.action_results import REDEEM, bulk_result, carry_out, selectors_of
from smartsort.api.guard import BASE
from smartsort.api.people import IMAGE
from smartsort.api.pictures import answer
from smartsort.api.problems import GUARDED, Refused, answers
from smartsort.api.schemas.decisions import ActionResultView, BulkActionResult
from smartsort.api.schemas.strangers import (
    MarkFaces,
    NameFaces,
    StrangerFace,
    StrangerGroup,
    Strangers,
    Verdict,
)
from smartsort.api.security import Decider, Reviewer
from smartsort.api.serving import ApiContext, Ctx
from smartsort.core.model import MarkKind
from smartsort.core.rules.counting import MULTIPLE_FACES
from smartsort.core.rules.faces import UNKNOWN_FACE
from smartsort.core.words import quantity
from smartsort.ledger import face_marks, photos, review_faces
from smartsort.ledger.review_faces import Stranger

router = APIRouter(prefix=f"{BASE}/strangers", tags=["review"], responses=GUARDED)

_FACES = {"23": ["eae2025e-8233-4e23-9ff3-334b91b15f5d"]}
_NAME_EXAMPLES: dict[str, Example] = {
    "preview": {
        "summary": "What would happen",
        "value": {"faces": _FACES, "person": "John Doe", "dry_run": True},
    },
    "redeem": REDEEM,
}
_MARK_EXAMPLES: dict[str, Example] = {
    "ignored": {"summary": "A stranger", "value": {"faces": _FACES, "kind": "ignored"}},
    "locked": {
        "summary": "Certainly John",
        "value": {"faces": _FACES, "kind": "locked", "person": "John Doe"},
    },
    "redeem": REDEEM,
}
_REASONS = {MULTIPLE_FACES.code: "more faces than allowed", UNKNOWN_FACE.code: "another unknown face"}


@router.get("")
async def strangers(ctx: Ctx, _: Reviewer) -> Strangers:
    """List the faces in review that nobody has named, in groups of probably one person, the largest first.

    They need a machine learning service (`immich.ml_url`) and are measured while smartsort is idle.
    """
    groups = await groups_of(ctx)
    faces = [face for group in groups for face in group]
    sources = await _sources(ctx, faces)
    measured, waiting = await ctx.sidecar.context.ledger.aread(review_faces.progress)
    views = await asyncio.to_thread(lambda: [_view(group, sources) for group in groups])
    return Strangers(groups=views, faces=len(faces), measured=measured, waiting=waiting)


@router.get("/{id}/sheet", response_class=Response, responses={**IMAGE, **answers(404)})
async def sheet(
    ctx: Ctx,
    _: Reviewer,
    request: Request,
    id: Annotated[str, Path(pattern="^[0-9a-f]{16}$", examples=["3f1c9a0be2d45c77"])],  # noqa: A002
) -> Response:
    """Get the faces of a group as one picture, numbered, with the day and the source of each photo."""
    groups = await groups_of(ctx)
    group = await asyncio.to_thread(lambda: next((one for one in groups if key_of(one) == id), None))
    if group is None:
        raise Refused(
            404, "not_found", "There is no such group now, because other faces wait. List the groups again"
        )
    sources = await _sources(ctx, group)
    labels = [
        f"{number} {(face.taken or '')[:10]} {sources.get(face.photo_id, '')}"
        for number, face in enumerate(group, 1)
    ]
    return answer(await ctx.pictures.of_strangers(id, group, labels), request)


@router.post("/name", responses=answers(404, 409))
async def name(
    ctx: Ctx, caller: Decider, wanted: Annotated[NameFaces, Body(openapi_examples=_NAME_EXAMPLES)]
) -> BulkActionResult:
    """Say who some faces are. Photos that waited only for that are filed, and Immich is told each face.

    The others go on waiting. `event` takes all of it back.
    """

    async def act(wanted: NameFaces, agreed: Agreed | None) -> Batch:
        people = selectors_of(wanted)
        if not people or not wanted.faces:
            raise Refused(422, "invalid", "say which `faces` and which `person`, or give a `preview`")
        actions = ctx.sidecar.actions
        return await actions.name_faces(
            wanted.faces, people[0], caller.name, dry_run=wanted.dry_run, agreed=agreed
        )

    return _told(await carry_out(ctx, caller, "name", wanted, act))


@router.post("/mark", responses=answers(404, 409))
async def mark(
    ctx: Ctx, caller: Decider, wanted: Annotated[MarkFaces, Body(openapi_examples=_MARK_EXAMPLES)]
) -> BulkActionResult:
    """Say of faces for good that they do not matter, are no faces, or are certainly a person's.

    Or say which of them are one person, whatever the groups say: `same`, and `apart` from `others`.
    No photo moves then. The first two count for faces like these, too. `event` takes it back, and so does
    revoking the verdict.
    """

    async def act(wanted: MarkFaces, agreed: Agreed | None) -> Batch:
        people = selectors_of(wanted)
        if not wanted.faces:
            raise Refused(422, "invalid", "say which `faces`, or give a `preview`")
        kind, actions = MarkKind(wanted.kind), ctx.sidecar.actions
        if (kind is MarkKind.APART) is not bool(wanted.others):
            raise Refused(422, "invalid", "say which `others` they are `apart` from, and only then")
        if people and kind is not MarkKind.LOCKED:
            raise Refused(422, "invalid", "a `person` belongs to `locked` faces alone")
        if kind.is_grouping:
            return await actions.group_faces(
                wanted.faces, wanted.others, caller.name, dry_run=wanted.dry_run, agreed=agreed
            )
        return await actions.mark_faces(
            wanted.faces,
            kind,
            caller.name,
            choice=people[0] if people else None,
            dry_run=wanted.dry_run,
            agreed=agreed,
        )

    return _told(await carry_out(ctx, caller, "mark", wanted, act))


@router.get("/verdicts")
async def verdicts(ctx: Ctx, _: Reviewer) -> list[Verdict]:
    """List what was said of faces for good, the newest first."""
    found = await ctx.sidecar.context.ledger.aread(face_marks.groups)
    return [
        Verdict.model_validate(
            {
                "key": one.key,
                "kind": one.kind,
                "person": one.person_name,
                "photos": list(one.photos),
                "at": one.at,
            }
        )
        for one in found
    ]


@router.post("/verdicts/{key}/revoke", responses=answers(404, 409))
async def revoke(
    ctx: Ctx,
    caller: Reviewer,
    key: Annotated[str, Path(pattern="^[0-9a-f]{16}$", examples=["9a3c51d20be7f846"])],
) -> BulkActionResult:
    """Take back what was said of faces for good. Photos in review are judged again."""
    return bulk_result(await ctx.sidecar.actions.revoke_mark(key, caller.name))


async def groups_of(ctx: ApiContext) -> Sequence[tuple[Stranger, ...]]:
    """Return the groups, the largest first, none where nothing is measured."""
    measure = ctx.sidecar.measure
    return await measure.strangers() if measure is not None else ()


async def _sources(ctx: ApiContext, faces: Sequence[Stranger]) -> dict[int, str]:
    ids = [face.photo_id for face in faces]
    found = await ctx.sidecar.context.ledger.aread(lambda db: photos.by_ids(db, ids))
    return {photo.id: photo.source for photo in found}


def key_of(group: Sequence[Stranger]) -> str:
    """Return what a group is called as long as it has these faces."""
    ids = "\n".join(sorted(face.face_id for face in group))
    return hashlib.sha256(ids.encode()).hexdigest()[:16]


def _view(group: Sequence[Stranger], sources: dict[int, str]) -> StrangerGroup:
    days = sorted(face.taken for face in group if face.taken)
    key = key_of(group)
    return StrangerGroup(
        id=key,
        faces=[
            StrangerFace(
                id=face.face_id,
                photo_id=face.photo_id,
                taken=face.taken,
                source=sources.get(face.photo_id, ""),
            )
            for face in group
        ],
        sources=dict(Counter(sources.get(face.photo_id, "") for face in group)),
        first=days[0] if days else None,
        last=days[-1] if days else None,
        sheet=f"{BASE}/strangers/{key}/sheet",
    )


def _told(result: BulkActionResult) -> BulkActionResult:
    """The answer of a dry run with what would happen, such as `31 photos → faces/mia, 4 stay: ...`."""
    if result.preview is None:
        return result
    filed: Counter[str] = Counter(
        os.path.dirname(one.destination) for one in result.decided if _is_filed(one) and one.destination
    )
    parts = [f"{quantity(number, 'photo')} → {folder}" for folder, number in filed.most_common()]
    stay = Counter(one.stays for one in result.decided if one.stays)
    if stay:
        why = ", ".join(_REASONS.get(code, code.replace("_", " ")) for code, _ in stay.most_common())
        staying = quantity(stay.total(), "photo") if not parts else str(stay.total())
        parts.append(f"{staying} {'stays' if stay.total() == 1 else 'stay'}: {why}")
    result.text = ", ".join(parts)
    return result


def _is_filed(one: ActionResultView) -> bool:
    return one.stays is None and one.action in ("would_approve", "would_mark")
