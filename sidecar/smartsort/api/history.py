"""What happened: pages, a live stream, and taking it back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Path, Query, Request, Response
from fastapi.openapi.models import Example
from sqlite_utils import Database
from sse_starlette import EventSourceResponse

from smartsort.actions import Agreed, Batch
from smartsort.api.action_results import REDEEM, carry_out
from smartsort.api.examples import MESSAGE
from smartsort.api.guard import BASE
from smartsort.api.live import HEARTBEAT_SECONDS
from smartsort.api.people import IMAGE
from smartsort.api.pictures import SIZE, answer
from smartsort.api.problems import GUARDED, Answers, Refused, answers, preview_first
from smartsort.api.schemas.decisions import BulkActionResult
from smartsort.api.schemas.history import EventPage, Undo
from smartsort.api.security import Caller, Reviewer
from smartsort.api.serving import ApiContext, Ctx
from smartsort.api.views import event_views
from smartsort.core.event_kinds import EventKind
from smartsort.ledger import events, photos
from smartsort.ports import ThumbnailSize

router = APIRouter(prefix=BASE, tags=["history"], responses=GUARDED)

LARGEST = 2**53 - 1
"""What every JSON reader holds exactly."""
PhotoId = Annotated[int, Path(ge=1, le=LARGEST, examples=[7])]

_MESSAGE: dict[str, Any] = {
    "title": "Message",
    "description": "One of the messages the stream goes on sending.",
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "id": {"type": "string", "description": "The id of the event. `status` messages have none."},
        "event": {"type": "string", "description": "The kind of the event, or `status`."},
        "data": {"type": "string", "description": "An EventView or a Status, as JSON."},
    },
}
_STREAM: Answers = {
    200: {
        "content": {"text/event-stream": {"schema": _MESSAGE, "example": MESSAGE}},
        "description": "Events with their ids, and `status` messages without.",
    }
}


@router.get("/events")
async def history(
    ctx: Ctx,
    _: Reviewer,
    cursor: Annotated[
        int | None, Query(ge=1, le=LARGEST, description="`next_cursor` of the last page.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    photo_id: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
    kind: Annotated[EventKind | None, Query(description="Only events of this kind.")] = None,
) -> EventPage:
    """List the events, newest first.

    `text` is the sentence for people. You can undo an event that is `undoable`. `undone_by` is the event that
    undid it.
    """

    def read(db: Database) -> EventPage:
        found = events.before(db, cursor, limit + 1, photo_id=photo_id, kind=kind)
        more = len(found) > limit
        shown = found[:limit]
        return EventPage(events=event_views(db, shown), next_cursor=str(shown[-1].id) if more else None)

    return await ctx.sidecar.context.ledger.aread(read)


@router.get("/photos/{photo_id}/history", responses=answers(404))
async def of_photo(ctx: Ctx, _: Reviewer, photo_id: PhotoId) -> EventPage:
    """Show a photo's history, oldest first."""

    def read(db: Database) -> EventPage | None:
        if photos.get(db, photo_id) is None:
            return None
        return EventPage(events=event_views(db, events.of_photo(db, photo_id)))

    page = await ctx.sidecar.context.ledger.aread(read)
    if page is None:
        raise Refused(404, "not_found", f"there is no photo {photo_id}")
    return page


@router.get(f"/photos/{{photo_id}}/{SIZE}", response_class=Response, responses={**IMAGE, **answers(404)})
async def picture(
    ctx: Ctx, _: Reviewer, request: Request, photo_id: PhotoId, size: ThumbnailSize
) -> Response:
    """Get the picture of any photo.

    It works whatever became of the photo: `thumbnail` (about 250 pixels) or `preview` (1440).
    """
    return answer(await ctx.pictures.of_photo(photo_id, size), request)


@router.get("/photos/{photo_id}/frames", response_class=Response, responses={**IMAGE, **answers(404)})
async def frames(ctx: Ctx, _: Reviewer, request: Request, photo_id: PhotoId) -> Response:
    """The frames of a video that were looked at, on one sheet, with times and with boxes around the faces."""
    return answer(await ctx.pictures.of_frames(photo_id), request)


@router.get("/events/stream", response_class=EventSourceResponse, responses=_STREAM)
async def stream(
    ctx: Ctx,
    _: Reviewer,
    last_event_id: Annotated[
        str | None, Header(description="The last event that you saw. smartsort first sends all after it.")
    ] = None,
    after: Annotated[int | None, Query(ge=0, le=LARGEST, description="As Last-Event-ID.")] = None,
) -> Response:
    """Stream the events.

    These are Server-Sent Events. A message of the history has the event's id, its kind as `event`, and an
    EventView as data. A client that reconnects with `Last-Event-ID` or `after` misses nothing. Without it,
    the stream begins now. A message named `status` carries the status when it has changed. It has no id. A
    comment comes every 15 seconds.
    """
    position = after
    if last_event_id is not None and last_event_id.strip():
        given = last_event_id.strip()
        if not (given.isascii() and given.isdigit() and len(given) < 19):
            raise Refused(422, "invalid", "Last-Event-ID has to be the id of an event, a whole number")
        position = int(given)
    return EventSourceResponse(ctx.live.stream(position), ping=HEARTBEAT_SECONDS)


_UNDO_EXAMPLES: dict[str, Example] = {
    "photo": {"summary": "The last decision about a photo", "value": {"photo": 23}},
    "event": {"summary": "One event", "value": {"event": 4711}},
    "last": {"summary": "The last action of this token", "value": {"last": True}},
    "foresee": {
        "summary": "What that would do",
        "value": {"since": "2026-05-01T18:00:00+02:00", "dry_run": True},
    },
    "redeem": REDEEM,
}


@router.post("/undo", responses=answers(404, 409))
async def undo(
    ctx: Ctx, caller: Reviewer, what: Annotated[Undo, Body(openapi_examples=_UNDO_EXAMPLES)]
) -> BulkActionResult:
    """Undo events.

    Name one of these: `photo` (the newest decision about it), `event` (a filing, a decision or a whole bulk
    action), `last` (the last action of this token), or `since` (what people did since then). `since` with
    `automatic` also undoes what smartsort filed, and it needs a preview.

    With `dry_run` the answer only says what would happen. You can undo an undo. If a later event stands in
    the way, the answer is 409 and names it. A change of settings needs the scope `admin`.
    """

    async def act(what: Undo, agreed: Agreed | None) -> Batch:
        return await _undo(ctx, caller, what, agreed)

    return await carry_out(ctx, caller, "undo", what, act)


async def _undo(ctx: ApiContext, caller: Caller, what: Undo, agreed: Agreed | None) -> Batch:
    if sum(given is not None for given in (what.photo, what.event, what.since)) + what.last != 1:
        raise Refused(422, "invalid", "give exactly one of `photo`, `event`, `last` and `since`")
    actions, admin = ctx.sidecar.actions, caller.may("admin")
    if what.photo is not None:
        return await actions.undo_photo(what.photo, caller.name, admin=admin, dry_run=what.dry_run)
    if what.event is not None:
        return await actions.undo(what.event, caller.name, admin=admin, dry_run=what.dry_run, agreed=agreed)
    if what.last:
        return await actions.undo_last(caller.name, actor=caller.name, admin=admin, dry_run=what.dry_run)
    if not what.dry_run and agreed is None:
        raise preview_first()
    try:
        since = datetime.fromisoformat(what.since or "").astimezone()
    except (ValueError, OverflowError, OSError) as problem:
        raise Refused(422, "invalid", f"`since` is no ISO 8601 time: {problem}") from problem
    return await actions.undo_since(
        since, caller.name, automatic=what.automatic, admin=admin, dry_run=what.dry_run, agreed=agreed
    )
