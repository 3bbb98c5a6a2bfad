"""Serving the demo Immich."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from smartsort.demo.app import build_app
from smartsort.demo.immich import DemoImmich
from smartsort.listening import listen


@dataclass(frozen=True, slots=True)
class DemoServer:
    """A demo Immich that listens. `url` is its address without `/api`."""

    demo: DemoImmich
    url: str
    port: int


class _QuietServer(uvicorn.Server):
    """A server that leaves the process's signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def exposed(
    demo: DemoImmich,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    app: ASGIApp | None = None,
    protocol: type[asyncio.Protocol] = H11Protocol,
) -> AsyncIterator[DemoServer]:
    """Listen on a port (0 takes a free one) as long as the context lasts."""
    config = uvicorn.Config(
        app or build_app(demo),
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=75,  # longer than any client keeps an idle connection
        timeout_graceful_shutdown=1,
    )
    server = _QuietServer(config)
    with contextlib.closing(listen(host, port)) as bound:
        task = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            while not server.started:
                if task.done():
                    await task
                await asyncio.sleep(0.001)
            shown = host if host not in ("", "0.0.0.0") else "127.0.0.1"
            number: int = bound.getsockname()[1]
            yield DemoServer(demo, f"http://{shown}:{number}", number)
        finally:
            server.should_exit = True
            await task


@contextlib.asynccontextmanager
async def serve(demo: DemoImmich, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[DemoServer]:
    """Run a demo and listen as long as the context lasts."""
    async with demo.running(), exposed(demo, host, port) as server:
        yield server
