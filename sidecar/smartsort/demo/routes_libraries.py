"""Routes about external libraries."""

import asyncio
import os
import time
from typing import Any

from starlette.responses import Response

from smartsort.demo import shapes
from smartsort.demo.errors import ApiError, invalid
from smartsort.demo.operations import Call, JsonResponse, Operations, no_content
from smartsort.demo.state import EXCLUSION_PATTERNS

operations = Operations()
route = operations.add


@route("GET", "/libraries", "library.read", admin=True)
async def list_libraries(call: Call) -> Response:
    if call.demo.faults.library_gone:
        return JsonResponse([])
    return JsonResponse([shapes.library(item) for item in call.state.libraries.values()])


@route("POST", "/libraries", "library.create", admin=True)
async def create(call: Call) -> Response:
    body = await call.body()
    owner_id = call.uuid(body.get("ownerId"), "ownerId")
    name = call.field(body, "name", str) or "New External Library"
    patterns = call.field(body, "exclusionPatterns", list)
    made = call.state.add_library(
        owner_id,
        name,
        call.field(body, "importPaths", list) or [],
        EXCLUSION_PATTERNS if patterns is None else patterns,
    )
    return JsonResponse(shapes.library(made), 201)


@route("GET", "/libraries/{id}", "library.read", admin=True)
async def get(call: Call) -> Response:
    return JsonResponse(shapes.library(call.library(call.id())))


@route("PUT", "/libraries/{id}", "library.update", admin=True)
async def update(call: Call) -> Response:
    library = call.library(call.id())
    body = await call.body()
    if (name := call.field(body, "name", str)) is not None:
        library.name = name
    if (paths := call.field(body, "importPaths", list)) is not None:
        if len(set(paths)) < len(paths):
            raise invalid(call.state.version, "importPaths", "without the same item twice")
        for verdict in await _verdicts(call, paths):
            if not verdict["isValid"]:
                raise ApiError(400, f"Invalid import path: {verdict['message']}")
        library.import_paths = paths
    if (patterns := call.field(body, "exclusionPatterns", list)) is not None:
        library.exclusion_patterns = patterns
    library.updated_at = time.time()
    return JsonResponse(shapes.library(library))


@route("POST", "/libraries/{id}/scan", "library.update", admin=True)
async def scan(call: Call) -> Response:
    call.demo.scanner.scan(call.library(call.id()))
    return no_content()


async def _verdicts(call: Call, paths: list[str]) -> list[dict[str, Any]]:
    real = [call.state.real_path(path) for path in paths]
    return await asyncio.to_thread(lambda: [_check(*pair) for pair in zip(paths, real, strict=True)])


def _check(path: str, real: str) -> dict[str, Any]:
    if not os.path.isabs(path):
        why = f"Import path must be absolute, try {os.path.join('/usr/src/app', path)}"
    elif not os.path.exists(real):
        why = "Path does not exist (ENOENT)"
    elif not os.path.isdir(real):
        why = "Not a directory"
    elif not os.access(real, os.R_OK):
        why = "Lacking read permission for folder"
    else:
        return {"importPath": path, "isValid": True}
    return {"importPath": path, "isValid": False, "message": why}
