"""The JSON of assets, faces, people, albums and libraries, as each version writes it."""

import base64
import mimetypes
from datetime import UTC, datetime
from typing import Any

from smartsort.demo.models import Album, Asset, Face, Library, Person, User
from smartsort.demo.state import DemoState

NO_DURATION = "0:00:00.00000"


def z_time(seconds: float) -> str:
    """Return a time as most answers write it: milliseconds and a Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def offset_time(seconds: float) -> str:
    """Return a time as it comes out of the database in nested objects: microseconds and an offset."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "+00:00"


def user_brief(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "profileImagePath": "",
        "avatarColor": "gray",
        "profileChangedAt": offset_time(user.created_at),
    }


def user_full(user: User) -> dict[str, Any]:
    created = z_time(user.created_at)
    return {
        **user_brief(user),
        "profileChangedAt": created,
        "storageLabel": user.name.casefold(),
        "shouldChangePassword": False,
        "isAdmin": user.is_admin,
        "createdAt": created,
        "deletedAt": None,
        "updatedAt": created,
        "oauthId": "",
        "quotaSizeInBytes": None,
        "quotaUsageInBytes": 0,
        "status": "active",
        "license": None,
    }


def library(item: Library) -> dict[str, Any]:
    return {
        "id": item.id,
        "ownerId": item.owner_id,
        "name": item.name,
        "createdAt": z_time(item.created_at),
        "updatedAt": z_time(item.updated_at),
        "refreshedAt": None if item.refreshed_at is None else z_time(item.refreshed_at),
        # Immich counts only in /libraries/{id}/statistics.
        "assetCount": 0,
        "importPaths": item.import_paths,
        "exclusionPatterns": item.exclusion_patterns,
    }


def person(
    item: Person, *, nested: bool = False, state: DemoState | None = None, seen_by: str = ""
) -> dict[str, Any]:
    """Return a person. With `state` also who shares them, where the version tells that."""
    shared: dict[str, Any] = {}
    if state is not None and state.version.is_newest:
        users = [state.user(item.owner_id)] if seen_by not in ("", item.owner_id) else []
        sharing = [{**user_brief(user), "role": "viewer"} for user in users if user is not None]
        shared = {"sharedBy": sharing, "sharedWith": [], "otherPeople": []}
    path = f"/data/thumbs/{item.owner_id}/{item.id[:2]}/{item.id[2:4]}/{item.id}.jpeg"
    return {
        "id": item.id,
        "name": item.name,
        "birthDate": item.birth_date,
        "thumbnailPath": path if item.has_thumbnail else "",
        "isHidden": item.is_hidden,
        "isFavorite": item.is_favorite,
        "updatedAt": offset_time(item.updated_at) if nested else z_time(item.updated_at),
        **shared,
    }


def face_brief(item: Face) -> dict[str, Any]:
    return {
        "id": item.id,
        "boundingBoxX1": item.box[0],
        "boundingBoxY1": item.box[1],
        "boundingBoxX2": item.box[2],
        "boundingBoxY2": item.box[3],
        "imageWidth": item.image_size[0],
        "imageHeight": item.image_size[1],
        "sourceType": item.source_type,
    }


def face(state: DemoState, item: Face) -> dict[str, Any]:
    owner = state.people.get(item.person_id or "")
    seen_by = state.assets[item.asset_id].owner_id
    shown = None if owner is None else person(owner, nested=True, state=state, seen_by=seen_by)
    return {**face_brief(item), "person": shown}


def exif(asset: Asset) -> dict[str, Any]:
    decodable = asset.width is not None and asset.height is not None
    stored = (asset.width, asset.height) if asset.orientation < 5 else (asset.height, asset.width)
    return {
        "make": asset.make,
        "model": asset.model,
        "exifImageWidth": stored[0] if decodable else None,
        "exifImageHeight": stored[1] if decodable else None,
        "fileSizeInByte": asset.size,
        "orientation": None if asset.orientation == 1 else str(asset.orientation),
        "dateTimeOriginal": offset_time(asset.taken_at),
        "modifyDate": offset_time(asset.modified_ns / 1e9),
        "timeZone": None,
        "lensModel": None,
        "fNumber": None,
        "focalLength": None,
        "iso": None,
        "exposureTime": None,
        "latitude": None,
        "longitude": None,
        "city": None,
        "state": None,
        "country": None,
        "description": "",
        "projectionType": None,
        "rating": None,
    }


def asset_brief(state: DemoState, item: Asset) -> dict[str, Any]:
    """Return an asset as a search lists it, without people."""
    shown: dict[str, Any] = {"id": item.id, "createdAt": z_time(item.created_at)}
    if not state.version.is_third:
        shown["deviceAssetId"] = item.original_name
        shown["deviceId"] = "Library Import"
    shown |= {
        "ownerId": item.owner_id,
        "libraryId": item.library_id,
        "type": item.kind,
        "originalPath": item.path,
        "originalFileName": item.original_name,
        "originalMimeType": mimetypes.guess_type(item.path)[0] or "application/octet-stream",
        "thumbhash": item.thumbhash,
        "fileCreatedAt": z_time(item.taken_at),
        "fileModifiedAt": z_time(item.modified_ns / 1e9),
        "localDateTime": z_time(item.taken_at),
        "updatedAt": z_time(item.updated_at),
        "isFavorite": item.is_favorite,
        "isArchived": item.visibility == "archive",
        "isTrashed": item.is_trashed,
        "visibility": item.visibility,
        "duration": NO_DURATION if not state.version.is_third else None,
        "livePhotoVideoId": item.clip_id,
        "people": [],
        "checksum": base64.b64encode(item.checksum).decode(),
        "isOffline": item.is_offline,
        "hasMetadata": item.has_metadata,
        "duplicateId": item.duplicate_id,
        "resized": True,
        "width": item.width,
        "height": item.height,
        "isEdited": False,
    }
    return shown


def asset_with_people(state: DemoState, item: Asset) -> dict[str, Any]:
    """Return an asset with the people on it, hidden ones too.

    Version 2 also tells their faces and the rest.
    """
    shown = asset_brief(state, item)
    faces = [state.faces[face_id] for face_id in item.face_ids]
    people: dict[str, dict[str, Any]] = {}
    for each in faces:
        owner = state.people.get(each.person_id or "")
        if owner is None:
            continue
        shown_person = person(owner, nested=True, state=state, seen_by=item.owner_id)
        entry = people.setdefault(owner.id, shown_person)
        if not state.version.is_third:
            entry.setdefault("faces", []).append(face_brief(each))
    shown["people"] = list(people.values())
    if not state.version.is_third:
        shown["unassignedFaces"] = [face_brief(each) for each in faces if each.person_id is None]
    return shown


def asset_full(state: DemoState, item: Asset) -> dict[str, Any]:
    """Return an asset as GET /assets/{id} tells it."""
    owner = state.user(item.owner_id)
    shown = asset_with_people(state, item)
    shown["owner"] = None if owner is None else user_brief(owner)
    shown["tags"] = []
    shown["stack"] = None
    if item.has_metadata:
        shown["exifInfo"] = exif(item)
    return shown


def album(state: DemoState, item: Album, *, with_assets: bool) -> dict[str, Any]:
    """Return an album. What is trashed or offline is not in it as long as that lasts."""
    owner = state.user(item.owner_id)
    inside = [state.assets[asset_id] for asset_id in item.asset_ids if not state.assets[asset_id].is_trashed]
    inside.sort(key=lambda asset: -asset.taken_at)
    shown: dict[str, Any] = {
        "albumName": item.name,
        "description": item.description,
        "albumThumbnailAssetId": inside[0].id if inside else None,
        "createdAt": z_time(item.created_at),
        "updatedAt": z_time(item.updated_at),
        "id": item.id,
        "albumUsers": [],
        "shared": False,
        "hasSharedLink": False,
        "assetCount": len(inside),
        "isActivityEnabled": True,
        "order": "desc",
    }
    if inside:
        shown["startDate"] = offset_time(inside[-1].taken_at)
        shown["endDate"] = offset_time(inside[0].taken_at)
    brief = None if owner is None else user_brief(owner)
    if not state.version.is_third:
        shown["ownerId"] = item.owner_id
        shown["owner"] = brief
        listed = inside if with_assets else []
        shown["assets"] = [{**asset_brief(state, asset), "exifInfo": exif(asset)} for asset in listed]
    else:
        shown["albumUsers"] = [{"user": brief, "role": "owner"}]
    return shown
