"""What every request passes first: its token or session, the bounds of its body, and its stopwatch."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smartsort.api.problems import CODES, Refused, problem_response
from smartsort.api.schemas.problems import Problem
from smartsort.api.security import Caller, is_open, unauthorised
from smartsort.api.sessions import COOKIE, HEADER, Sessions, is_home_name

BASE = "/api/smart-download"

ANSWERS = f"{BASE}/answers"
"""Where a phone posts the token of a button."""

SESSION = f"{BASE}/session"
"""Where a browser signs in and out."""

BODY_BYTES = 1024 * 1024
"""Longest body of a JSON request. Ten thousand ids fit ten times."""

_STREAMED = ("multipart/", "application/octet-stream")

Observe = Callable[[str, str, int, float], None]
"""Called after a request with method, route, status and seconds."""


_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """Refuses requests without a known token or session before anything of them is read.

    The caller is left in `request.state.caller`. Bodies are bound in length and time except uploads to the
    intake, which bounds its own. `base_path` is what a reverse proxy leaves in front of every path.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        sessions: Sessions,
        observe: Observe,
        body_seconds: float,
        hosts: Sequence[str] = (),
        base_path: str = "",
    ) -> None:
        self._app, self._sessions, self._observe = app, sessions, observe
        self._body_seconds, self._hosts, self._base_path = body_seconds, hosts, base_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500
        scope = _below(scope, self._base_path)

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # What a user saw must not stay in a browser or a proxy for the next one.
                MutableHeaders(scope=message).setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            if self._base_path and scope["path"] == self._base_path:
                await RedirectResponse(f"{self._base_path}/", 308)(scope, receive, watched)
                return
            await self._guarded(scope, receive, watched)
        finally:
            self._observe(scope["method"], _route(scope), status, time.perf_counter() - began)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            caller = self._caller(scope, headers)
        except Refused as refused:
            await problem_response(refused.status, refused.problem, refused.headers)(scope, receive, send)
            return
        if caller is not None:
            scope.setdefault("state", {}).update(caller=caller, actor=caller.name)
        if _is_upload(scope, headers):
            await self._app(scope, receive, send)
            return
        length = headers.get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length) > BODY_BYTES:
            await problem_response(413, _too_large())(scope, receive, send)
            return
        await self._app(scope, _bounded(receive, self._body_seconds), send)

    def _caller(self, scope: Scope, headers: Headers) -> Caller | None:
        """Return who asks, None where no one has to say. Raises Refused for whom may not."""
        authorization = headers.get("authorization")
        if authorization is not None:
            caller = self._sessions.tokens.caller(authorization)
            if caller is not None or is_open(scope["path"]):
                return caller
            raise unauthorised()
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE)
        signing_in = scope["path"] == SESSION and scope["method"] == "POST"
        if scope["path"] == ANSWERS and scope["method"] == "POST":
            return None  # the button's token says what may be done
        at_home = is_home_name(headers.get("host", ""), self._hosts)
        if not at_home and (scope["path"] == "/" or signing_in or cookie):
            raise foreign_host(headers.get("host", ""))
        if is_open(scope["path"]) or signing_in:
            return None
        session = self._sessions.of_cookie(cookie)
        if session is None:
            raise unauthorised()
        given = headers.get(HEADER, "").encode("utf-8", "replace")
        if scope["method"] not in _READING and not hmac.compare_digest(given, session.word.encode()):
            raise Refused(403, "forbidden", f"a browser's request needs the session's word in {HEADER}")
        scope.setdefault("state", {}).update(session=session)
        return session.caller


def foreign_host(host: str) -> Refused:
    """Return the answer to a page under a name that is not this server's."""
    return Refused(
        421, "foreign_host", f"smartsort is not served as {host[:200]!r}. Add the name to api.hosts if it is"
    )


def _below(scope: Scope, base_path: str) -> Scope:
    """Return the request as if the proxy had taken its part of the path away. Many do, some do not."""
    path = scope["path"]
    if base_path and path.startswith(f"{base_path}/"):
        return {**scope, "path": path.removeprefix(base_path)}
    return scope


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
    """Return the route's template, so that the metrics do not grow with the ids asked for."""
    route: Any = scope.get("route")
    path = getattr(route, "path", None)
    return path if isinstance(path, str) else "unknown"
