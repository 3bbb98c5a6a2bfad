"""What every request passes first: its token, the length of its body, and the watch that times it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smartsort.api.problems import CODES, problem_response
from smartsort.api.schemas.problems import Problem
from smartsort.api.security import OPEN_FOLDER, OPEN_PATHS, Tokens, unauthorised

BASE = "/api/smart-download"

BODY_BYTES = 1024 * 1024
"""Longest body of a JSON request; ten thousand ids fit ten times."""

_STREAMED = ("multipart/", "application/octet-stream")

Observe = Callable[[str, str, int, float], None]
"""Called after a request with method, route, status and seconds."""


class Guard:
    """Refuses requests without a known token before anything of them is read.

    The caller is left in `request.state.caller`. Bodies are bound in length and time except uploads to the
    intake, which bounds its own.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens, observe: Observe, body_seconds: float) -> None:
        self._app, self._tokens, self._observe = app, tokens, observe
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._guarded(scope, receive, watched)
        finally:
            self._observe(scope["method"], _route(scope), status, time.perf_counter() - began)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if scope["path"] not in OPEN_PATHS and not scope["path"].startswith(OPEN_FOLDER):
            caller = self._tokens.caller(headers.get("authorization"))
            if caller is None:
                refused = unauthorised()
                await problem_response(401, refused.problem, refused.headers)(scope, receive, send)
                return
            scope.setdefault("state", {}).update(caller=caller, actor=caller.name)
        if _is_upload(scope, headers):
            await self._app(scope, receive, send)
            return
        length = headers.get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length) > BODY_BYTES:
            await problem_response(413, _too_large())(scope, receive, send)
            return
        await self._app(scope, _bounded(receive, self._body_seconds), send)


def _is_upload(scope: Scope, headers: Headers) -> bool:
    return scope["path"].rstrip("/") == BASE and headers.get("content-type", "").lower().startswith(_STREAMED)


def _too_large() -> Problem:
    return Problem(detail=f"the body is longer than {BODY_BYTES} bytes", code=CODES[413])


def _bounded(receive: Receive, seconds: float) -> Receive:
    """Reading that ends with a 413 once a body is too long, and with a 408 once it has taken too long."""
    read, whole = 0, False
    until: float | None = None

    async def bounded() -> Message:
        nonlocal read, whole, until
        if whole:
            return await receive()  # waits for the client to leave, however long it stays
        until = until or asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError as problem:
            words = f"the body did not come within {seconds:g} s (api.upload_stall_timeout_seconds)"
            raise HTTPException(408, words, headers={"Connection": "close"}) from problem
        whole = not message.get("more_body", False)
        read += len(message.get("body", b""))
        if read > BODY_BYTES:
            raise HTTPException(413, _too_large().detail)
        return message

    return bounded


def _route(scope: Scope) -> str:
    """The route's template, so that the metrics do not grow with the ids asked for."""
    route: Any = scope.get("route")
    path = getattr(route, "path", None)
    return path if isinstance(path, str) else "unknown"
