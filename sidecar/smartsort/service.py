"""The sidecar as a process: signals, the HTTP server and the stages in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

from smartsort.bootstrap import Sidecar, open_sidecar
from smartsort.listening import listen

if TYPE_CHECKING:
    import socket

    import uvicorn

    from smartsort.config import Settings

log = logging.getLogger(__name__)


def http_server(sidecar: Sidecar) -> uvicorn.Server:
    """Return the HTTP server of a sidecar, not started. It leaves the process's signals to us."""
    import uvicorn as web  # noqa: PLC0415

    from smartsort.api.app import create_app  # noqa: PLC0415
    from smartsort.api.connections import ACCEPTED_AT_ONCE, IDLE_SECONDS, LimitedProtocol  # noqa: PLC0415

    class Server(web.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = web.Config(
        create_app(sidecar),
        http=LimitedProtocol,
        ws="none",
        backlog=ACCEPTED_AT_ONCE,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=3,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=list(sidecar.settings.api.trusted_proxies),
    )
    return Server(config)


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Photos under way are finished within a bound or resumed next time."""
    listening = listen(settings.api.host, settings.api.port)
    try:
        sidecar = await asyncio.to_thread(open_sidecar, settings)
    except BaseException:
        listening.close()
        raise
    try:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, sidecar.stop)
        await run(sidecar, listening)
    finally:
        await sidecar.close()


async def run(sidecar: Sidecar, listening: socket.socket) -> None:
    """Serve HTTP on a listening socket and run the stages until the sidecar is stopped."""
    host, port = listening.getsockname()[:2]
    server = http_server(sidecar)
    web_task = asyncio.create_task(server.serve(sockets=[listening]), name="http")
    layout = sidecar.context.layout
    log.info("smartsort listens on http://%s:%s, inbox %s", host, port, layout.inbox)
    try:
        await sidecar.run()
    finally:
        server.should_exit = True
        await web_task
        listening.close()
