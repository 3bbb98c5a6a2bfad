"""The demo Immich as tests need it: requests can go wrong, and it can be measured from outside.

Import its names from here instead of `smartsort.demo`, whose own server has no fault in its requests.
"""

import asyncio
import contextlib
import fnmatch
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from smartsort.demo import app, faults, immich, server
from smartsort.demo.errors import ApiError
from smartsort.demo.operations import JsonResponse
from smartsort.demo.server import DemoServer

Kind = Literal["status", "slow", "truncate", "html", "drop"]
KINDS = ("status", "slow", "truncate", "html", "drop")
WATCHER_SECONDS = {"instant": 0.05, "demo": 1.0, "real": 5.2}
WEB_PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in</body></html>"


@dataclass(slots=True)
class FaultRule:
    """One fault on the requests whose path matches `path` (`*` for any text) and whose method is `method`.

    `status` answers with that status instead. `slow` waits `seconds` first. `truncate` sends half the answer.
    `html` sends a web page with status 200. `drop` closes the connection in the middle of the answer. A rule
    applies with `probability`, and at most `times` times if that is given.
    """

    path: str
    kind: Kind = "status"
    method: str = "*"
    status: int = 500
    seconds: float = 0.0
    probability: float = 1.0
    times: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no kind of fault: {self.kind!r} (one of {', '.join(KINDS)})")

    def matches(self, method: str, path: str) -> bool:
        return self.method in ("*", method) and fnmatch.fnmatchcase(path, self.path)


@dataclass
class Faults(faults.Faults):
    """Those of the demo, and what goes wrong with requests.

    `down` closes every connection without a word (but those to `/demo/...`, which measure it).
    `extra_fields` adds unknown fields to every object of every answer.
    """

    down: bool = False
    extra_fields: bool = False
    rules: list[FaultRule] = field(default_factory=list)

    def add(self, path: str, kind: Kind = "status", **details: Any) -> FaultRule:
        """Add a rule and return it, so that it can be removed again."""
        rule = FaultRule(path, kind, **details)
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Switch every fault off."""
        for one in fields(self):
            if one.name != "_rng":
                setattr(self, one.name, getattr(Faults(self.seed), one.name))

    def pick(self, method: str, path: str) -> FaultRule | None:
        """Return the first rule that strikes this request. Counts it as used."""
        for rule in self.rules:
            if not rule.matches(method, path) or rule.times == 0:
                continue
            if rule.probability < 1.0 and self._rng.random() >= rule.probability:
                continue
            if rule.times is not None:
                rule.times -= 1
            return rule
        return None


class DemoImmich(immich.DemoImmich):
    """The demo with these faults."""

    FAULTS = Faults
    faults: Faults

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """As the demo does, and play Immich's own watcher where the settings say that it is on."""
        async with super().running():
            watcher = asyncio.create_task(_watch(self)) if self.settings.watch_libraries else None
            try:
                yield self
            finally:
                if watcher is not None:
                    watcher.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await watcher


async def _watch(demo: DemoImmich) -> None:
    """New files come in, and the row of a missing one goes at once."""
    state, scanner = demo.state, demo.scanner
    while True:
        await asyncio.sleep(WATCHER_SECONDS[demo.settings.profile])
        for library in list(state.libraries.values()):
            found = await asyncio.to_thread(scanner._walk, library)
            there = {path for path, _, _ in found}
            for asset in state.library_assets(library.id):
                if asset.path not in there:
                    state.remove_asset(asset.id)
            if any(state.asset_by_path(library.id, path) is None for path in there):
                await scanner._import_found(library, found)


def build_app(demo: DemoImmich) -> ASGIApp:
    """Return the demo's application with its faults before it."""
    return FaultLayer(app.build_app(demo), demo)


@contextlib.asynccontextmanager
async def exposed(demo: DemoImmich, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[DemoServer]:
    """Listen on a port (0 takes a free one) as long as the context lasts."""
    measured = Starlette(routes=[*_measuring(demo), Mount("/", build_app(demo))])
    async with server.exposed(demo, host, port, app=measured, protocol=_protocol(demo)) as found:
        yield found


@contextlib.asynccontextmanager
async def serve(demo: DemoImmich, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[DemoServer]:
    """Run a demo and listen as long as the context lasts."""
    async with demo.running(), exposed(demo, host, port) as found:
        yield found


class FaultLayer:
    """Stands before the application and spoils what the demo's faults say."""

    def __init__(self, app: ASGIApp, demo: DemoImmich) -> None:
        self._app = app
        self._demo = demo

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        rule = self._demo.faults.pick(scope["method"], scope["path"])
        if rule is None:
            await self._answer(scope, receive, send)
        elif rule.kind == "slow":
            await asyncio.sleep(rule.seconds)
            await self._answer(scope, receive, send)
        elif rule.kind == "html":
            await HTMLResponse(WEB_PAGE)(scope, receive, send)
        elif rule.kind == "status":
            error = ApiError(rule.status, "Injected fault")
            await JsonResponse(error.body(self._demo.state.version), rule.status)(scope, receive, send)
        else:
            await self._cut(rule, scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._demo.faults.extra_fields or scope["path"] == "/api/spec.json":
            await self._app(scope, receive, send)
            return
        start, content = await self._collected(scope, receive)
        if dict(start["headers"]).get(b"content-type", b"").startswith(b"application/json"):
            response = JsonResponse(_extended(json.loads(content)), start["status"])
            await response(scope, receive, send)
        else:
            await send(start)
            await send({"type": "http.response.body", "body": content})

    async def _collected(self, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
        start: Message = {"type": "http.response.start", "status": 200, "headers": []}
        content = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                content.extend(message.get("body", b""))

        await self._app(scope, receive, collect)
        return start, bytes(content)

    async def _cut(self, rule: FaultRule, scope: Scope, receive: Receive, send: Send) -> None:
        """Send half of the answer: as if it were the whole, or promising more before the connection ends."""
        start, content = await self._collected(scope, receive)
        half = content[: len(content) // 2]
        promised = len(half) if rule.kind == "truncate" else len(content) + 1
        headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        headers.append((b"content-length", str(promised).encode()))
        await send({"type": "http.response.start", "status": start["status"], "headers": headers})
        await send({"type": "http.response.body", "body": half, "more_body": rule.kind == "drop"})


def _extended(value: Any) -> Any:
    if isinstance(value, list):
        return [_extended(item) for item in value]
    if isinstance(value, dict):
        return {**{name: _extended(item) for name, item in value.items()}, "fieldOfTheFuture": {"is": "new"}}
    return value


def _protocol(demo: DemoImmich) -> type[asyncio.Protocol]:
    """Return the HTTP protocol, which hangs up while the demo is down: no status, no bytes, nobody there."""

    class HangsUp(H11Protocol):
        def data_received(self, data: bytes) -> None:
            if demo.faults.down and b" /demo/" not in data[:64]:
                transport: Any = self.transport
                transport.abort()
                return
            super().data_received(data)

    return HangsUp


def _measuring(demo: DemoImmich) -> list[Route]:
    """Routes under `/demo`, which no Immich has, without a key."""

    async def finished(_request: Request) -> Response:
        return JsonResponse(demo.finished)

    async def requests(request: Request) -> Response:
        if request.method == "DELETE":
            demo.requests.clear()
        return JsonResponse({f"{method} {path}": count for (method, path), count in demo.requests.items()})

    async def status(_request: Request) -> Response:
        return JsonResponse(
            {
                "idle": demo.engine.is_idle,
                "assets": len(demo.state.assets),
                "faces": len(demo.state.faces),
                "people": len(demo.state.people),
                "failures": [
                    {"name": name, "data": data, "error": error} for name, data, error in demo.engine.failures
                ],
            }
        )

    return [
        Route("/demo/finished", finished),
        Route("/demo/requests", requests, methods=["GET", "DELETE"]),
        Route("/demo/status", status),
    ]
