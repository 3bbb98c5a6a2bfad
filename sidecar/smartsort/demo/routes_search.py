"""The route that searches assets by their metadata."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from starlette.responses import Response

from smartsort.demo import shapes
from smartsort.demo.errors import invalid
from smartsort.demo.models import Asset
from smartsort.demo.operations import Call, JsonResponse, Operations
from smartsort.demo.routes_assets import VISIBILITIES
from smartsort.demo.search_filter import like, matcher, plain

operations = Operations()
route = operations.add
LARGEST_PAGE = 1000
DEFAULT_PAGE = 250
_CURSOR = "page-"


@route("POST", "/search/metadata", "asset.read")
async def search_metadata(call: Call) -> Response:
    body = await call.body()
    size = call.field(body, "size", int) or DEFAULT_PAGE
    page = call.field(body, "page", int) or 1
    filters = call.state.version.is_newest
    by_filter = call.field(body, "filter", dict) if filters else None
    if by_filter is not None:
        page = _page_of(call, body)
    if not 1 <= size <= LARGEST_PAGE:
        raise invalid(call.state.version, "size", f"between 1 and {LARGEST_PAGE}")
    newest_first = (call.field(body, "order", str) or "desc") == "desc"
    assets = call.state.assets.values()
    matching = _matching(call, body) if by_filter is None else filter(matcher(call, by_filter), assets)
    found = sorted(matching, key=lambda asset: (asset.taken_at, asset.id), reverse=newest_first)
    shown = found[(page - 1) * size : page * size]
    following = str(page + 1) if len(found) > page * size else None
    by_page = following if by_filter is None else None
    by_cursor = _CURSOR + following if following and by_filter is not None else None
    return JsonResponse(
        {
            "albums": {"total": 0, "count": 0, "items": [], "facets": []},
            "assets": {
                "total": len(shown),
                "count": len(shown),
                "items": [_item(call, asset, body) for asset in shown],
                "facets": [],
                "nextPage": by_page,
                **({"nextCursor": by_cursor} if filters else {}),
            },
        }
    )


def _page_of(call: Call, body: dict[str, Any]) -> int:
    """Return the page that a cursor leads to."""
    cursor = call.field(body, "cursor", str)
    number = (cursor or f"{_CURSOR}1").removeprefix(_CURSOR)
    if not number.isdecimal():
        raise invalid(call.state.version, "cursor", "a cursor of an answer")
    return int(number)


def _matching(call: Call, body: dict[str, Any]) -> Iterator[Asset]:
    path = call.field(body, "originalPath", str)
    pattern = None if path is None else like(path)
    visibility = call.field(body, "visibility", str)
    if visibility is not None and visibility not in VISIBILITIES:
        raise invalid(call.state.version, "visibility", f"one of: {', '.join(VISIBILITIES)}")
    by_itself = ("timeline", "archive") if call.state.version.is_third else ("timeline",)
    seen = by_itself if visibility is None else (visibility,)
    with_deleted = call.field(body, "withDeleted", bool)
    with_exif = call.field(body, "withExif", bool)
    people = set(call.field(body, "personIds", list) or [])
    equals = {
        "library_id": call.field(body, "libraryId", str),
        "is_offline": call.field(body, "isOffline", bool),
    }
    after = {
        "deleted_at": _time(call, body, "trashedAfter"),
        "created_at": _time(call, body, "createdAfter"),
        "taken_at": _time(call, body, "takenAfter"),
    }
    for asset in call.state.assets.values():
        if asset.owner_id != call.user.id or (asset.is_trashed and not with_deleted):
            continue
        if asset.visibility not in seen:
            continue
        if any(value is not None and getattr(asset, name) != value for name, value in equals.items()):
            continue
        if any(least is not None and (getattr(asset, name) or 0) < least for name, least in after.items()):
            continue
        if pattern is not None and not pattern.search(plain(asset.path)):
            continue
        if with_exif and not asset.has_metadata:
            continue
        if people and not people <= {call.state.faces[face_id].person_id for face_id in asset.face_ids}:
            continue
        yield asset


def _item(call: Call, asset: Asset, body: dict[str, Any]) -> dict[str, Any]:
    with_people = call.field(body, "withPeople", bool)
    shape = shapes.asset_with_people if with_people else shapes.asset_brief
    shown = shape(call.state, asset)
    if call.field(body, "withExif", bool):
        shown["exifInfo"] = shapes.exif(asset)
    return shown


def _time(call: Call, body: dict[str, Any], name: str) -> float | None:
    text = call.field(body, name, str)
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise invalid(call.state.version, name, "a date") from error
