"""Routes about albums."""

import time
from typing import Any

from starlette.responses import Response

from smartsort.demo import shapes
from smartsort.demo.errors import no_access
from smartsort.demo.models import Album
from smartsort.demo.operations import Call, JsonResponse, Operations

operations = Operations()
route = operations.add


@route("GET", "/albums", "album.read")
async def list_albums(call: Call) -> Response:
    name = call.request.query_params.get("name")
    asset_id = call.request.query_params.get("assetId")
    mine = [
        album
        for album in call.state.albums.values()
        if album.owner_id == call.user.id
        and (name is None or album.name == name)
        and (asset_id is None or asset_id in album.asset_ids)
    ]
    mine.sort(key=lambda album: -album.created_at)
    return JsonResponse([shapes.album(call.state, album, with_assets=False) for album in mine])


@route("POST", "/albums", "album.create")
async def create(call: Call) -> Response:
    body = await call.body()
    name = call.field(body, "albumName", str, required=True)
    now = time.time()
    album = Album(
        call.state.new_id(), call.user.id, name, call.field(body, "description", str) or "", now, now
    )
    for asset_id in call.field(body, "assetIds", list) or []:
        album.asset_ids[call.asset(asset_id, "asset.share").id] = None
    call.state.albums[album.id] = album
    return JsonResponse(shapes.album(call.state, album, with_assets=True), 201)


@route("PUT", "/albums/{id}/assets", "albumAsset.create")
async def add_assets(call: Call) -> Response:
    album = _album(call, "albumAsset.create")
    results: list[dict[str, Any]] = []
    for asset_id in call.ids(await call.body()):
        asset = call.state.assets.get(asset_id)
        if asset_id in album.asset_ids:
            results.append({"id": asset_id, "success": False, "error": "duplicate"})
        elif asset is None or asset.owner_id != call.user.id:
            results.append({"id": asset_id, "success": False, "error": "no_permission"})
        else:
            album.asset_ids[asset_id] = None
            results.append({"id": asset_id, "success": True})
    album.updated_at = time.time()
    return JsonResponse(results)


@route("DELETE", "/albums/{id}/assets", "albumAsset.delete")
async def remove_assets(call: Call) -> Response:
    album = _album(call, "albumAsset.delete")
    results: list[dict[str, Any]] = []
    for asset_id in call.ids(await call.body()):
        if asset_id in album.asset_ids:
            del album.asset_ids[asset_id]
            results.append({"id": asset_id, "success": True})
        else:
            results.append({"id": asset_id, "success": False, "error": "not_found"})
    album.updated_at = time.time()
    return JsonResponse(results)


def _album(call: Call, permission: str) -> Album:
    album = call.state.albums.get(call.id())
    if album is None or album.owner_id != call.user.id:
        raise no_access(permission)
    return album
