"""The web application: routing, keys and rights, and counting."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from smartsort.demo import (
    routes_albums,
    routes_assets,
    routes_jobs,
    routes_libraries,
    routes_people,
    routes_search,
    routes_server,
)
from smartsort.demo.errors import ApiError
from smartsort.demo.immich import DemoImmich
from smartsort.demo.ml import MachineLearning
from smartsort.demo.models import ApiKey
from smartsort.demo.operations import Call, JsonResponse, Operation
from smartsort.demo.settings import DemoSettings
from smartsort.demo.spec import describe

OPERATIONS: tuple[Operation, ...] = tuple(
    operation
    for module in (
        routes_server,
        routes_libraries,
        routes_jobs,
        routes_search,
        routes_assets,
        routes_people,
        routes_albums,
    )
    for operation in module.operations.all
)
_DESCRIBED: dict[str, dict[str, Any]] = {}
"""Descriptions by version. Made once a process, for they cost a quarter of a second."""


def build_app(demo: DemoImmich) -> ASGIApp:
    """Return the application of one demo server."""
    # Routes without a parameter first: /people/{id} must not take what is meant for another one.
    ordered = sorted(OPERATIONS, key=lambda operation: "{" in operation.path)
    routes = [
        Route(f"/api{operation.path}", _endpoint(demo, operation), methods=[operation.method])
        for operation in ordered
    ]
    routes.append(Route("/api/spec.json", _spec(demo)))
    if demo.settings.machine_learning:
        learning = MachineLearning(demo.recognition, demo.previews)
        routes.append(Route("/ping", learning.ping))
        routes.append(Route("/predict", learning.predict, methods=["POST"]))
    return Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: _not_found(demo),
            Exception: _crash(demo),
        },
    )


def _endpoint(demo: DemoImmich, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    template = f"/api{operation.path}"

    async def endpoint(request: Request) -> Response:
        demo.requests[operation.method, template] += 1
        try:
            key = None if operation.public else authorise(demo, request, operation)
            response = await operation.handler(Call(demo, request, key))
        except ApiError as error:
            response = JsonResponse(error.body(demo.state.version), error.status)
        return response

    return endpoint


def authorise(demo: DemoImmich, request: Request, operation: Operation) -> ApiKey:
    """Return the key a request came with, if it is good for this route, else the error Immich gives."""
    secret = request.headers.get("x-api-key") or request.query_params.get("apiKey")
    if not secret:
        raise ApiError(401, "Authentication required")
    key = demo.state.keys.get(secret)
    if key is None or key.revoked:
        raise ApiError(401, "Invalid API key")
    if operation.admin and not key.user.is_admin:
        raise ApiError(403, "Forbidden")
    if operation.permission is not None and not key.grants(operation.permission):
        raise ApiError(403, f"Missing required permission: {operation.permission}")
    return key


def _spec(demo: DemoImmich) -> Callable[[Request], Awaitable[Response]]:
    version = demo.settings.version

    async def endpoint(_request: Request) -> Response:
        if version not in _DESCRIBED:
            fresh = DemoImmich(DemoSettings(version=version, profile="instant"))
            async with fresh.running():
                _DESCRIBED[version] = await describe(OPERATIONS, fresh)
        return JsonResponse(_DESCRIBED[version])

    return endpoint


def _not_found(demo: DemoImmich) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        told = ApiError(404 if status == 405 else status, f"Cannot {request.method} {request.url.path}")
        return JsonResponse(told.body(demo.state.version), told.status)

    return handle


def _crash(demo: DemoImmich) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(_request: Request, _error: Exception) -> Response:
        told = ApiError(500, "Internal server error")
        with contextlib.suppress(Exception):
            return JsonResponse(told.body(demo.state.version), 500)
        return Response(status_code=500)

    return handle
