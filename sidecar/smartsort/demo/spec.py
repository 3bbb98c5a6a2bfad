"""The OpenAPI description of what the demo offers, as Immich serves its own under `/api/spec.json`.

Nothing of it is written down twice: the routes tell paths and rights, and what they answer about a small
made-up Immich tells the shapes.
"""

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.types import Message

from smartsort.demo import shapes
from smartsort.demo.errors import ApiError
from smartsort.demo.immich import DemoImmich
from smartsort.demo.models import Album, Face
from smartsort.demo.operations import Call, JsonResponse, Operation

NOBODY = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Example:
    """A request that shows a route: values of the path, the query and the body."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


async def describe(operations: Iterable[Operation], demo: DemoImmich) -> dict[str, Any]:
    """The description, from the answers of `demo`, which is filled and changed for it: give a fresh one."""
    examples = _examples(demo)
    paths: dict[str, dict[str, Any]] = {}
    # What reads comes before what writes, and what removes comes last.
    order = {"GET": 0, "POST": 1, "PUT": 2, "DELETE": 3}
    for operation in sorted(operations, key=lambda each: order[each.method]):
        example = examples.get((operation.method, operation.path), Example())
        entry = _entry(operation, example)
        entry["responses"] = await _responses(demo, operation, example)
        paths.setdefault(operation.path, {})[operation.method.lower()] = entry
    return {
        "openapi": "3.0.0",
        "info": {
            "title": "Immich",
            "description": "Immich API, as the demo offers it",
            "version": demo.state.version.number,
        },
        "servers": [{"url": "/api"}],
        "paths": paths,
        "components": {
            "securitySchemes": {"api_key": {"type": "apiKey", "in": "header", "name": "x-api-key"}}
        },
    }


def schema_of(value: Any, unseen: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the schema of a JSON value: every field it has is required, the items of a list are one schema.

    `unseen` has an item for lists that may be empty, by the name of their field.
    """
    if value is None:
        return {"nullable": True}
    if isinstance(value, dict):
        filled = {
            name: inner if inner != [] else (unseen or {}).get(name, []) for name, inner in value.items()
        }
        properties = {name: schema_of(inner, unseen) for name, inner in filled.items()}
        return {"type": "object", "properties": properties, "required": sorted(value)}
    if isinstance(value, list):
        items: dict[str, Any] = {}
        for number, inner in enumerate(value):
            items = schema_of(inner, unseen) if number == 0 else _merged(items, schema_of(inner, unseen))
        return {"type": "array", "items": items}
    for kind, name in ((bool, "boolean"), (int, "integer"), (float, "number")):
        if isinstance(value, kind):
            return {"type": name}
    return {"type": "string"}


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    merged = {**one, **other}
    if one.get("type") == other.get("type") == "object":
        ours, theirs = one["properties"], other["properties"]
        merged["properties"] = {
            name: _merged(ours[name], theirs[name])
            if name in ours and name in theirs
            else {**ours, **theirs}[name]
            for name in {**ours, **theirs}
        }
        merged["required"] = sorted(set(one["required"]) & set(other["required"]))
    return merged


def _entry(operation: Operation, example: Example) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", operation.path)
    ]
    parameters += [
        {"name": n, "in": "query", "schema": schema_of(value)} for n, value in example.query.items()
    ]
    entry: dict[str, Any] = {"operationId": operation.handler.__name__, "parameters": parameters}
    if example.body:
        body = {**schema_of(dict(example.body)), "required": []}
        entry["requestBody"] = {"content": {"application/json": {"schema": body}}}
    if not operation.public:
        entry["security"] = [{"api_key": []}]
    if operation.permission is not None:
        entry["x-immich-permission"] = operation.permission
    if operation.admin:
        entry["x-immich-admin-only"] = True
    return entry


async def _responses(demo: DemoImmich, operation: Operation, example: Example) -> dict[str, Any]:
    try:
        response = await operation.handler(_call(demo, operation, example))
    except ApiError:
        # No example shows this route: a file that is not there, an upload.
        return {"200": {"description": "", "content": {"application/octet-stream": {}}}}
    told: dict[str, Any] = {"description": ""}
    if isinstance(response, JsonResponse):
        answer = json.loads(bytes(response.body))
        told["content"] = {"application/json": {"schema": schema_of(answer, _unseen(demo))}}
    elif response.status_code == 200:
        told["content"] = {"application/octet-stream": {}}
    return {str(response.status_code): told}


def _unseen(demo: DemoImmich) -> dict[str, Any]:
    """Return what lists hold that the examples leave empty."""
    user, person = demo.state.users["admin"], next(iter(demo.state.people.values()), None)
    return {
        "people": [] if person is None else [shapes.person(person)],
        "albumUsers": [{"role": "editor", "user": shapes.user_brief(user)}],
    }


def _call(demo: DemoImmich, operation: Operation, example: Example) -> Call:
    query = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in example.query.items()
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": json.dumps(dict(example.body)).encode(), "more_body": False}

    scope = {
        "type": "http",
        "method": operation.method,
        "path": operation.path,
        "headers": [],
        "query_string": urlencode(query).encode(),
        "path_params": dict.fromkeys(re.findall(r"\{(\w+)\}", operation.path), NOBODY) | dict(example.path),
    }
    return Call(demo, Request(scope, receive), next(iter(demo.state.keys.values())))


def _examples(demo: DemoImmich) -> dict[tuple[str, str], Example]:
    """Fill a demo with one of everything: two photos are copies of each other, a third is in the trash."""
    state = demo.state
    user = state.users["admin"]
    library = state.add_library(user.id, "demo", ["/example/photos"], [])
    person = state.add_person(user.id, "Jo", anchored=True)
    assets = [state.add_external_asset(library, f"/example/photos/{name}.jpg", 0, 1) for name in "abc"]
    for number, asset in enumerate(assets):
        asset.has_metadata, asset.thumbhash, asset.duplicate_id = True, "AAAA", NOBODY
        asset.width, asset.height, asset.make, asset.model = 4, 3, "", ""
        for assigned in (person.id, None):
            face_id = state.new_id()
            state.add_face(
                Face(face_id, asset.id, (0, 0, 1, number + 1), (4, 3), face_id, person_id=assigned)
            )
    trashed = assets.pop()
    trashed.deleted_at, trashed.trashed_by_user = time.time(), True
    demo.engine.pause("faceDetection", paused=True)
    demo.engine.add("faceDetection", "AssetDetectFaces", {"id": assets[0].id})
    face_id = assets[0].face_ids[0]
    one, this = {"id": assets[0].id}, {"ids": [asset.id for asset in assets]}
    of_person, of_library = {"id": person.id}, {"id": library.id}
    of_queue = {"name": "faceDetection"}
    checks = [{"id": "x", "checksum": assets[0].checksum.hex()}, {"id": "y", "checksum": "00" * 20}]
    album = {"albumName": "Jo", "assetIds": [assets[0].id]}
    search = {
        "libraryId": library.id,
        "originalPath": "a",
        "createdAfter": "2000-01-01T00:00:00.000Z",
        "takenAfter": "1970-01-01T00:00:00.000Z",
        "order": "asc",
        "visibility": "timeline",
        "withDeleted": True,
        "trashedAfter": "2000-01-01T00:00:00.000Z",
        "isOffline": False,
        "withPeople": True,
        "withExif": True,
        "personIds": [person.id],
        "page": 1,
        "size": 10,
    }
    if state.version.is_newest:
        conditions = {
            "checksum": {"in": [assets[0].checksum.hex()]},
            "isOffline": {"eq": False},
            "originalPath": {"startsWith": "/example"},
            "trashedAt": {"gt": "2000-01-01T00:00:00.000Z"},
        }
        branches = [{name: condition} for name, condition in conditions.items()]
        search |= {"filter": {"or": branches}, "cursor": "page-1"}
    listing = {"withHidden": True, "closestAssetId": face_id, "page": 1, "size": 10}
    new_library = {"ownerId": user.id, "name": "demo", "importPaths": ["/example/photos"]}
    examples = {
        ("POST", "/api-keys"): Example(body={"name": "a", "permissions": ["all"]}),
        ("POST", "/libraries"): Example(body=new_library),
        ("PUT", "/jobs/{name}"): Example(of_queue, body={"command": "start", "force": False}),
        ("POST", "/assets/bulk-upload-check"): Example(body={"assets": checks}),
        ("GET", "/assets/{id}/thumbnail"): Example(one, {"size": "preview"}),
        ("PUT", "/assets"): Example(body={**this, "visibility": "timeline"}),
        ("DELETE", "/assets"): Example(body={**this, "force": False}),
        ("POST", "/search/metadata"): Example(body=search),
        ("GET", "/faces"): Example(query=one),
        ("PUT", "/faces/{id}"): Example(of_person, body={"id": face_id}),
        ("GET", "/people"): Example(query=listing),
        ("POST", "/people"): Example(body={"name": "Jo"}),
        ("PUT", "/people/{id}"): Example(of_person, body={"name": "Jo", "isHidden": False}),
        ("POST", "/people/{id}/merge"): Example(of_person, body={"ids": []}),
        ("POST", "/albums"): Example(body=album),
    }
    album_id = {"id": _add_album(demo, assets[0].id)}
    for method in ("PUT", "DELETE"):
        examples[method, "/albums/{id}/assets"] = Example(album_id, body={"ids": [*this["ids"], NOBODY]})
    examples["PUT", "/libraries/{id}"] = Example(of_library, body={"importPaths": [state.upload_folder()]})
    for method, path, ids in (
        ("GET", "/assets/{id}", one),
        ("GET", "/libraries/{id}", of_library),
        ("POST", "/libraries/{id}/scan", of_library),
        ("GET", "/queues/{name}/jobs", of_queue),
        ("GET", "/people/{id}", of_person),
        ("GET", "/people/{id}/thumbnail", of_person),
    ):
        examples[method, path] = Example(ids)
    return examples


def _add_album(demo: DemoImmich, asset_id: str) -> str:
    user = demo.state.users["admin"]
    album = Album(demo.state.new_id(), user.id, "Jo", "", 0.0, 0.0, {asset_id: None})
    demo.state.albums[album.id] = album
    return album.id
