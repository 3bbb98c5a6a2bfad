"""HTTP between the processes of the simulation, without sockets: it takes time, and fails as networks do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
from starlette.types import ASGIApp
from tests.simulation.clockwork import Loop, Process

TIMEOUT_SECONDS = 30.0
SLOWEST_SECONDS = 3.0


@dataclass
class Weather:
    """How well a line works. `down`: nobody answers; the others say how often something goes wrong."""

    down: bool = False
    lost_requests: float = 0.0
    lost_answers: float = 0.0
    slow: float = 0.0


Told = Callable[[str, str, int, bytes], None]
"""Called with method, path, status and the request's body after each exchange."""


class Http11Transport(httpx.AsyncBaseTransport):
    """The line to the application of another process; `server` gives both, or None while there is none."""

    def __init__(
        self,
        loop: Loop,
        server: Callable[[], tuple[Process, ASGIApp] | None],
        told: Told,
        wall: Callable[[], float],
    ) -> None:
        self._loop, self._server, self._told, self._wall = loop, server, told, wall
        self.weather = Weather()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        target, rng = request.url.raw_path.decode(), self._loop.rng
        body = await request.aread()
        limit = (request.extensions.get("timeout") or {}).get("read") or TIMEOUT_SECONDS
        await asyncio.sleep(self._latency())
        there = self._server()
        if there is None or self.weather.down or rng.random() < self.weather.lost_requests:
            self._told(request.method, target, 0, body)
            raise httpx.ConnectError("nobody answers", request=request)
        process, app = there
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        task = process.start(_serve(app, request.method, target, headers, body))
        done, _ = await asyncio.wait([task], timeout=limit)
        if not done:
            raise httpx.ReadTimeout("no answer in time", request=request)
        if task.cancelled() or not process.alive:
            raise httpx.ReadError("the other side died", request=request)
        if task.exception() is not None:
            self._told(request.method, target, 500, repr(task.exception()).encode())
            raise httpx.RemoteProtocolError("the connection was closed", request=request)
        status, answer_headers, content, whole = task.result()
        self._told(request.method, target, status, body)
        await asyncio.sleep(self._latency())
        if not whole or rng.random() < self.weather.lost_answers:
            raise httpx.ReadError("the answer was lost", request=request)
        answer_headers.append((b"date", formatdate(self._wall(), usegmt=True).encode()))
        return httpx.Response(status, headers=answer_headers, content=content, request=request)

    def _latency(self) -> float:
        rng = self._loop.rng
        return (
            rng.uniform(0.2, SLOWEST_SECONDS)
            if rng.random() < self.weather.slow
            else rng.uniform(0.0005, 0.01)
        )


async def _serve(
    app: ASGIApp, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes
) -> tuple[int, list[tuple[bytes, bytes]], bytes, bool]:
    parts = urlsplit(target)
    scope: dict[str, Any] = {
        "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "root_path": "",
        "path": unquote(parts.path), "raw_path": parts.path.encode(), "query_string": parts.query.encode(),
        "headers": headers, "client": ("10.0.0.2", 1), "server": ("10.0.0.1", 80), "state": {},
    }  # fmt: skip
    over = asyncio.Event()
    sent = False
    status, answer_headers, content, whole = 0, [], bytearray(), False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            await over.wait()
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status, answer_headers, whole
        if message["type"] == "http.response.start":
            status, answer_headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            content.extend(message.get("body", b""))
            whole = not message.get("more_body", False)
            if whole:
                over.set()

    await app(scope, receive, send)
    return status, answer_headers, bytes(content), whole


@dataclass(frozen=True)
class Answer:
    """What a client got; status 0 when there was no answer, and then nobody knows what was done."""

    status: int
    body: Any = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class Client:
    """A user's program at the API of the sidecar."""

    def __init__(self, wire: Http11Transport, token: str) -> None:
        self._wire, self._token = wire, token

    async def ask(
        self,
        method: str,
        path: str,
        sent: Any = None,
        *,
        content: bytes = b"",
        kind: str = "application/json",
        **headers: str,
    ) -> Answer:
        """One request below `/api/smart-download`."""
        body = content if sent is None else json.dumps(sent).encode()
        own = {
            "authorization": f"Bearer {self._token}",
            "content-type": kind,
            "content-length": str(len(body)),
        }
        request = httpx.Request(
            method, f"http://sidecar/api/smart-download{path}", content=body, headers=own | headers
        )
        try:
            got = await self._wire.handle_async_request(request)
        except httpx.HTTPError:
            return Answer(0)
        is_json = "json" in got.headers.get("content-type", "")
        return Answer(got.status_code, json.loads(got.content) if is_json and got.content else got.content)
