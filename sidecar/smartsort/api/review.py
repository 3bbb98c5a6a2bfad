"""The review queue over HTTP: reading it."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlite_utils import Database

from smartsort.api.examples import CSV
from smartsort.api.guard import BASE
from smartsort.api.history import PhotoId
from smartsort.api.people import IMAGE
from smartsort.api.pictures import SIZE, answer
from smartsort.api.problems import GUARDED, Answers, Refused, answers
from smartsort.api.review_views import other_picture as copy_picture
from smartsort.api.review_views import queue_item, review_item
from smartsort.api.schemas.base import Category
from smartsort.api.schemas.review import QueueItem, ReviewItem, ReviewPage, ReviewStats
from smartsort.api.security import Reviewer
from smartsort.api.serving import ApiContext, Ctx
from smartsort.ledger import review, statistics
from smartsort.ports import ThumbnailSize

router = APIRouter(prefix=f"{BASE}/review", tags=["review"], responses=GUARDED)

_EXPORT_PAGE = 500

_CURSOR = r"^(new|later:[0-9T:.+-]{20,40}):[0-9]{1,18}$"
Cursor = Annotated[str | None, Query(pattern=_CURSOR, description="`next_cursor` of the last page.")]
Limit = Annotated[int, Query(ge=1, le=500)]
Search = Annotated[
    str | None,
    Query(max_length=300, description="Part of the file name, the source, the reason or a person's name."),
]


@router.get("/queue")
async def queue(
    ctx: Ctx,
    _: Reviewer,
    cursor: Cursor = None,
    limit: Limit = 50,
    search: Search = None,
    category: Category | None = None,
) -> ReviewPage:
    """List the photos in review, newest first.

    Skipped photos come last. `category` and `search` (file name, source, reason, person) narrow the list.
    `total` counts what the filter matches, and `counts` covers the whole queue.
    """
    return await _page(ctx, category, search, cursor, limit)


@router.get("/queue/{category}")
async def queue_of_category(
    ctx: Ctx,
    _: Reviewer,
    category: Category,
    cursor: Cursor = None,
    limit: Limit = 50,
    search: Search = None,
) -> ReviewPage:
    """List one category, newest first."""
    return await _page(ctx, category, search, cursor, limit)


async def _page(
    ctx: ApiContext, category: Category | None, search: str | None, cursor: str | None, limit: int
) -> ReviewPage:
    policy = ctx.sidecar.runtime_settings.policy()

    def read(db: Database) -> ReviewPage:
        page = review.page(db, category, search, cursor, limit)
        counts = review.counts(db)
        whole = sum(counts.values()) if category is None else counts.get(category, 0)
        return ReviewPage(
            items=[queue_item(row, policy) for row in page.rows],
            total=review.total(db, category, search) if search else whole,
            counts=counts,
            next_cursor=page.next_cursor,
        )

    try:
        return await ctx.sidecar.context.ledger.aread(read)
    except (ValueError, OverflowError) as problem:
        raise Refused(422, "invalid", "`cursor` is not one this API gave") from problem


@router.get("/stats")
async def stats(ctx: Ctx, _: Reviewer) -> ReviewStats:
    """Count the photos in review.

    The answer says how many there are of each category, and how long they have waited.
    """
    now = ctx.sidecar.context.clock.now()
    waiting = await ctx.sidecar.context.ledger.aread(lambda db: statistics.waiting(db, now))
    return ReviewStats(
        total=waiting.total,
        by_category=dict(waiting.by_category),
        oldest=waiting.oldest,
        median_age_seconds=waiting.median_age_seconds(now),
    )


# --- export ----------------------------------------------------------------------------------

_COLUMNS = (
    "id", "category", "filename", "path", "size", "modified", "reason", "text", "faces_detected",
    "suggested_person", "source", "created_at",
)  # fmt: skip

_EXPORT: Answers = {
    200: {
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": CSV},
            "application/json": {
                "schema": {"type": "array", "items": {"$ref": "#/components/schemas/QueueItem"}}
            },
        },
        "description": "The whole queue.",
    }
}


@router.get("/export", response_class=Response, responses=_EXPORT)
async def export(
    ctx: Ctx,
    _: Reviewer,
    format: Literal["csv", "json"] = "csv",  # noqa: A002
    category: Category | None = None,
    search: Search = None,
) -> Response:
    """Export the queue.

    `category` and `search` narrow it. The queue may have any length.
    """
    pages = _all_pages(ctx, category, search)
    headers = {"Content-Disposition": f'attachment; filename="review-queue.{format}"'}
    if format == "json":
        return StreamingResponse(_json(pages), media_type="application/json", headers=headers)
    return StreamingResponse(_csv(pages), media_type="text/csv; charset=utf-8", headers=headers)


async def _all_pages(
    ctx: ApiContext, category: Category | None, search: str | None
) -> AsyncIterator[list[QueueItem]]:
    policy = ctx.sidecar.runtime_settings.policy()
    cursor: str | None = None
    while True:
        at = cursor
        page = await ctx.sidecar.context.ledger.aread(
            lambda db, at=at: review.page(db, category, search, at, _EXPORT_PAGE)  # type: ignore[misc]
        )
        yield [queue_item(row, policy) for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return


async def _json(pages: AsyncIterator[list[QueueItem]]) -> AsyncIterator[str]:
    between = "["
    async for page in pages:
        for item in page:
            yield f"{between}\n{item.model_dump_json()}"
            between = ","
    yield "[]\n" if between == "[" else "\n]\n"


async def _csv(pages: AsyncIterator[list[QueueItem]]) -> AsyncIterator[str]:
    yield _csv_lines([_COLUMNS])
    async for page in pages:
        rows = [item.model_dump() for item in page]
        yield _csv_lines([[_cell(row[name]) for name in _COLUMNS] for row in rows])


def _csv_lines(rows: Sequence[Sequence[object]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
"""What makes a formula of a cell. Some spreadsheets take the wide forms for the plain ones."""


def _cell(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: names of files come from strangers."""
    if isinstance(value, str) and value[:1] in _FORMULA:
        return f"'{value}"
    return "" if value is None else value


# --- one item --------------------------------------------------------------------------------


@router.get("/items/{id}", responses=answers(404))
async def item(ctx: Ctx, _: Reviewer, id: PhotoId) -> ReviewItem:  # noqa: A002
    """Show one photo in review.

    The answer holds all reasons, the faces with boxes in pixels of the upright preview, the suggestions with
    the closest first, the other copy of a duplicate, and the history. After the decision, `action` names it.
    """
    policy = ctx.sidecar.runtime_settings.policy()
    found = await ctx.sidecar.context.ledger.aread(lambda db: review_item(db, id, policy))
    if found is None:
        raise _unknown(id)
    return found


def _unknown(photo_id: int) -> Refused:
    return Refused(404, "not_found", f"photo {photo_id} is not in the review queue")


@router.get(f"/items/{{id}}/{SIZE}", response_class=Response, responses={**IMAGE, **answers(404)})
async def picture(
    ctx: Ctx,
    _: Reviewer,
    request: Request,
    id: PhotoId,  # noqa: A002
    size: ThumbnailSize,
) -> Response:
    """Get a photo's picture.

    It is upright: `thumbnail` (about 250 pixels) or `preview` (1440).
    """
    if not await ctx.sidecar.context.ledger.aread(lambda db: review.conditions(db, [id])):
        raise _unknown(id)
    return answer(await ctx.pictures.of_photo(id, size), request)


@router.get(f"/items/{{id}}/other/{SIZE}", response_class=Response, responses={**IMAGE, **answers(404)})
async def other_picture(
    ctx: Ctx,
    _: Reviewer,
    request: Request,
    id: PhotoId,  # noqa: A002
    size: ThumbnailSize,
) -> Response:
    """Get the other copy's picture.

    That is the photo which a duplicate repeats.
    """
    found = await ctx.sidecar.context.ledger.aread(lambda db: copy_picture(db, id))
    if found is None:
        raise Refused(404, "not_found", f"photo {id} has no other copy that can be shown")
    photo_id, asset_id = found
    if photo_id is not None:
        return answer(await ctx.pictures.of_photo(photo_id, size), request)
    return answer(await ctx.pictures.of_asset(asset_id or "", size), request)
