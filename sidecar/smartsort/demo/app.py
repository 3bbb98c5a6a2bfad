"""The web application: routing, keys and rights, counting, and the faults on top."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smartsort.demo import (
    routes_albums,
    routes_assets,
    routes_control,
    routes_jobs,
    routes_libraries,
    routes_people,
    routes_search,
    routes_server,
)
from smartsort.demo.errors import ApiError
from smartsort.demo.faults import FaultRule
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

WEB_PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in</body></html>"


def build_app(demo: DemoImmich) -> ASGIApp:
    """Return the application of one demo server."""
    # Routes without a parameter first: /people/{id} must not take what is meant for another one.
    ordered = sorted(OPERATIONS, key=lambda operation: "{" in operation.path)
    routes = [
        Route(f"/api{operation.path}", _endpoint(demo, operation), methods=[operation.method])
        for operation in ordered
    ]
    routes.append(Route("/api/spec.json", _spec(demo)))
    routes.extend(routes_control.routes(demo))
    if demo.settings.machine_learning:
        learning = MachineLearning(demo.recognition, demo.previews)
        routes.append(Route("/ping", learning.ping))
        routes.append(Route("/predict", learning.predict, methods=["POST"]))
    application = Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: _not_found(demo),
            Exception: _crash(demo),
        },
    )
    return FaultLayer(application, demo)


class FaultLayer:
    """Stands before the application and spoils what the demo's faults say."""

    def __init__(self, app: ASGIApp, demo: DemoImmich) -> None:
        self._app = app
        self._demo = demo

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/demo/"):
            await self._app(scope, receive, send)
            return
        rule = self._demo.faults.pick(scope["method"], scope["path"])
        if rule is None:
            await self._app(scope, receive, send)
        elif rule.kind == "slow":
            await asyncio.sleep(rule.seconds)
            await self._app(scope, receive, send)
        elif rule.kind == "html":
            await HTMLResponse(WEB_PAGE)(scope, receive, send)
        elif rule.kind == "status":
            error = ApiError(rule.status, "Injected fault")
            await JsonResponse(error.body(self._demo.state.version), rule.status)(scope, receive, send)
        else:
            await self._cut(rule, scope, receive, send)

    async def _cut(self, rule: FaultRule, scope: Scope, receive: Receive, send: Send) -> None:
        """Send half of the answer: as if it were the whole, or promising more before the connection ends."""
        start: Message = {"type": "http.response.start", "status": 200, "headers": []}
        content = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                content.extend(message.get("body", b""))

        await self._app(scope, receive, collect)
        half = bytes(content[: len(content) // 2])
        promised = len(half) if rule.kind == "truncate" else len(content) + 1
        headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        headers.append((b"content-length", str(promised).encode()))
        await send({"type": "http.response.start", "status": start["status"], "headers": headers})
        await send({"type": "http.response.body", "body": half, "more_body": rule.kind == "drop"})


def _endpoint(demo: DemoImmich, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    template = f"/api{operation.path}"

    async def endpoint(request: Request) -> Response:
        demo.requests[operation.method, template] += 1
        try:
            key = None if operation.public else authorise(demo, request, operation)
            response = await operation.handler(Call(demo, request, key))
        except ApiError as error:
            response = JsonResponse(error.body(demo.state.version), error.status)
        if demo.faults.extra_fields and isinstance(response, JsonResponse):
            return _with_extra_fields(response)
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


def _with_extra_fields(response: JsonResponse) -> JsonResponse:
    import json  # noqa: PLC0415  only with this fault

    def extend(value: Any) -> Any:
        if isinstance(value, list):
            return [extend(item) for item in value]
        if isinstance(value, dict):
            return {**{name: extend(item) for name, item in value.items()}, "fieldOfTheFuture": {"is": "new"}}
        return value

    return JsonResponse(extend(json.loads(bytes(response.body))), response.status_code)


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
