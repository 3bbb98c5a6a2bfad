"""The OpenAPI description of what the demo offers, as Immich serves its own under `/api/spec.json`."""

import re
from collections.abc import Iterable
from typing import Any

from smartsort.demo.operations import Operation
from smartsort.demo.versions import ImmichVersion


def describe(operations: Iterable[Operation], version: ImmichVersion) -> dict[str, Any]:
    """Paths, methods, rights and path parameters; no bodies."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        entry: dict[str, Any] = {
            "operationId": operation.handler.__name__,
            "parameters": [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in re.findall(r"\{(\w+)\}", operation.path)
            ],
            "responses": {"200": {"description": ""}},
        }
        if not operation.public:
            entry["security"] = [{"api_key": []}]
        if operation.permission is not None:
            entry["x-immich-permission"] = operation.permission
        if operation.admin:
            entry["x-immich-admin-only"] = True
        paths.setdefault(operation.path, {})[operation.method.lower()] = entry
    return {
        "openapi": "3.0.0",
        "info": {
            "title": "Immich",
            "description": "Immich API, as the demo offers it",
            "version": version.number,
        },
        "servers": [{"url": "/api"}],
        "paths": paths,
        "components": {
            "securitySchemes": {"api_key": {"type": "apiKey", "in": "header", "name": "x-api-key"}}
        },
    }
