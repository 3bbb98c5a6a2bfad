"""Serving the demo Immich."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from smartsort.demo.app import build_app
from smartsort.demo.immich import DemoImmich
from smartsort.listening import listen

if TYPE_CHECKING:
    from typing import Self


class DemoServer:
    """A demo Immich that listens. `url` is its address without `/api`."""

    def __init__(self, demo: DemoImmich, host: str = "127.0.0.1", port: int = 0) -> None:
        self.demo = demo
        self._socket = listen(host, port)
        shown = host if host not in ("", "0.0.0.0") else "127.0.0.1"
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{shown}:{self.port}"
        config = uvicorn.Config(
            build_app(demo),
            http=_protocol(demo),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        self._server = _QuietServer(config)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Self":
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            if self._task.done():
                await self._task
            await asyncio.sleep(0.001)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._socket.close()


class _QuietServer(uvicorn.Server):
    """A server that leaves the process's signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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


@contextlib.asynccontextmanager
async def serve(demo: DemoImmich, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[DemoServer]:
    """Run a demo and listen on a port (0 takes a free one) as long as the context lasts."""
    async with demo.running(), DemoServer(demo, host, port) as server:
        yield server
