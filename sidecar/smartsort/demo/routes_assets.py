"""Routes about assets: knowing them, looking at them, changing them, taking them away."""

import asyncio
import base64
import binascii
import hashlib
import os
import time
from typing import Any

from starlette.datastructures import UploadFile
from starlette.responses import Response

from smartsort.demo import shapes
from smartsort.demo.errors import ApiError, invalid
from smartsort.demo.media import kind_of
from smartsort.demo.models import Asset
from smartsort.demo.operations import Call, JsonResponse, Operations, no_content
from smartsort.demo.previews import Kind

operations = Operations()
route = operations.add
VISIBILITIES = ("archive", "timeline", "hidden", "locked")


@route("POST", "/assets/bulk-upload-check", "asset.upload")
async def bulk_upload_check(call: Call) -> Response:
    items = call.field(await call.body(), "assets", list, required=True)
    if not items:
        # Immich builds an empty IN () of this.
        raise ApiError(500, "Internal server error")
    return JsonResponse({"results": [_check(call, item) for item in items]})


@route("POST", "/assets", "asset.upload")
async def upload(call: Call) -> Response:
    async with call.request.form() as form:
        sent = form.get("assetData")
        if not isinstance(sent, UploadFile):
            raise invalid(call.state.version, "assetData", "a file")
        content, name = await sent.read(), os.path.basename(sent.filename or "upload.jpg")
        clip = call.asset(str(form["livePhotoVideoId"])) if "livePhotoVideoId" in form else None
    checksum = hashlib.sha1(content, usedforsecurity=False).digest()
    known = call.state.asset_by_checksum(call.user.id, checksum)
    if known is not None:
        return JsonResponse({"id": known.id, "status": "duplicate"}, 200)
    asset_id, now = call.state.new_id(), time.time()
    folder = os.path.join(call.state.upload_folder(), call.user.id)
    real_path = os.path.join(folder, asset_id + os.path.splitext(name)[1])
    await asyncio.to_thread(_write, real_path, content)
    asset = call.state.add_asset(
        Asset(
            asset_id,
            call.user.id,
            None,
            f"/data/upload/{call.user.id}/{os.path.basename(real_path)}",
            real_path,
            checksum,
            int(now * 1e9),
            now,
            now,
            original_name=name,
            size=len(content),
            taken_at=now,
            kind=kind_of(name) or "IMAGE",
            clip_id=clip.id if clip else None,
        )
    )
    if clip is not None:
        clip.visibility = "hidden"
    call.demo.engine.add("metadataExtraction", "AssetExtractMetadata", {"id": asset.id, "source": "upload"})
    return JsonResponse({"id": asset.id, "status": "created"}, 201)


@route("GET", "/assets/{id}", "asset.read")
async def get(call: Call) -> Response:
    return JsonResponse(shapes.asset_full(call.state, call.asset(call.id())))


@route("GET", "/assets/{id}/thumbnail", "asset.view")
async def thumbnail(call: Call) -> Response:
    asset = call.asset(call.id(), "asset.view")
    size = call.request.query_params.get("size", "thumbnail")
    if asset.thumbhash is None or size not in {"thumbnail", "preview", "fullsize"}:
        raise ApiError(404, "Asset media not found")
    kind: Kind = "thumbnail" if size == "thumbnail" else "preview"
    try:
        content = await call.demo.previews.get(asset, kind)
    except OSError as error:
        raise ApiError(404, "Asset media not found") from error
    return Response(content, media_type="image/webp" if kind == "thumbnail" else "image/jpeg")


@route("PUT", "/assets", "asset.update")
async def update_many(call: Call) -> Response:
    body = await call.body()
    # One id that is unknown or foreign refuses the whole call.
    assets = [call.asset(asset_id, "asset.update") for asset_id in call.ids(body)]
    for asset in assets:
        _change(call, asset, body)
    return no_content()


@route("DELETE", "/assets", "asset.delete")
async def delete(call: Call) -> Response:
    body = await call.body()
    assets = [call.asset(asset_id, "asset.delete") for asset_id in call.ids(body)]
    for asset in assets:
        asset.deleted_at = asset.deleted_at or time.time()
        asset.trashed_by_user = True
        asset.updated_at = time.time()
        if call.field(body, "force", bool):
            call.demo.engine.add("backgroundTask", "AssetDelete", {"id": asset.id, "deleteOnDisk": True})
    return no_content()


@route("POST", "/trash/restore/assets", "asset.delete")
async def restore(call: Call) -> Response:
    assets = [call.asset(asset_id, "asset.delete") for asset_id in call.ids(await call.body())]
    return JsonResponse({"count": _restore(assets)})


@route("POST", "/trash/empty", "asset.delete")
async def empty_trash(call: Call) -> Response:
    assets = _trashed(call)
    for asset in assets:
        call.demo.engine.add("backgroundTask", "AssetDelete", {"id": asset.id, "deleteOnDisk": True})
    return JsonResponse({"count": len(assets)})


@route("GET", "/duplicates", "duplicate.read")
async def duplicates(call: Call) -> Response:
    groups: dict[str, list[Asset]] = {}
    for asset in call.state.assets.values():
        if asset.duplicate_id and asset.owner_id == call.user.id and asset.in_timeline:
            groups.setdefault(asset.duplicate_id, []).append(asset)
    for assets in groups.values():
        if len(assets) == 1:
            # Reading the groups clears what is left over of one, in Immich too.
            assets[0].duplicate_id = None
    return JsonResponse([_group(call, *item) for item in groups.items() if len(item[1]) > 1])


def _check(call: Call, item: Any) -> dict[str, Any]:
    version = call.state.version
    if not isinstance(item, dict):
        raise invalid(version, "assets", "a list of objects")
    checksum = call.field(item, "checksum", str, required=True)
    if not checksum and not version.is_third:
        raise invalid(version, "assets.0.checksum", "a non-empty string")
    asset = call.state.asset_by_checksum(call.user.id, digest(checksum))
    if asset is None:
        return {"id": item.get("id"), "action": "accept"}
    return {
        "id": item.get("id"),
        "action": "reject",
        "reason": "duplicate",
        "assetId": asset.id,
        "isTrashed": asset.is_trashed,
    }


def digest(checksum: str) -> bytes:
    """The bytes of a checksum: base64 when it has the length of a SHA-1 in base64, else hexadecimal."""
    try:
        return base64.b64decode(checksum) if len(checksum) == 28 else bytes.fromhex(checksum)
    except (ValueError, binascii.Error):
        return b""


def _change(call: Call, asset: Asset, body: dict[str, Any]) -> None:
    visibility = call.field(body, "visibility", str)
    if visibility is not None:
        if visibility not in VISIBILITIES:
            raise invalid(call.state.version, "visibility", f"one of: {', '.join(VISIBILITIES)}")
        asset.visibility = visibility
    favorite = call.field(body, "isFavorite", bool)
    if favorite is not None:
        asset.is_favorite = favorite
    asset.updated_at = time.time()


def _trashed(call: Call) -> list[Asset]:
    """What the user threw away. A photo that a scan did not find is neither restored nor emptied."""
    return [a for a in call.state.assets.values() if a.trashed_by_user and a.owner_id == call.user.id]


def _restore(assets: list[Asset]) -> int:
    assets = [asset for asset in assets if asset.trashed_by_user]
    for asset in assets:
        asset.deleted_at = None
        asset.trashed_by_user = False
        asset.updated_at = time.time()
    return len(assets)


def _group(call: Call, duplicate_id: str, assets: list[Asset]) -> dict[str, Any]:
    assets = sorted(assets, key=lambda asset: asset.taken_at)
    shown = [{**shapes.asset_brief(call.state, a), "exifInfo": shapes.exif(a)} for a in assets]
    if call.state.version.is_third:
        for each in shown:
            each["tags"] = []
    group: dict[str, Any] = {"duplicateId": duplicate_id, "assets": shown}
    if call.state.version.is_third:
        group["suggestedKeepAssetIds"] = [max(assets, key=lambda asset: asset.size).id]
    return group


def _write(path: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
