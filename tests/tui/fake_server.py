"""The sample sidecar behind a real socket, with the faults a network has. Run by itself for the benchmark:

python -m tests.tui.fake_server --count 100000 --delay 0.2   (first line of output: its URL)
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import datetime

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from tests.ports import reserved_port
from tests.tui.sample.sidecar import BASE, SampleSidecar


class FakeServer:
    """The application; change `delay`, `fault` and `fail_paths` while it runs."""

    def __init__(self, sidecar: SampleSidecar, delay: float = 0.0) -> None:
        self.sidecar = sidecar
        self.delay = delay
        self.fault = ""
        """`html`, `503`, `garbage`, `drop_bulk` or nothing."""
        self.fail_paths: set[str] = set()
        self.arriving = False
        """A photo comes into the queue twenty times a second."""
        self.held_back = ""
        """Requests whose path has this in it are not answered for now."""
        self.is_silent = False
        """The event stream says nothing for now."""
        self.stopping = False
        self.waiting = 0
        """Requests whose answer is held back."""
        self.first_request = 0.0
        self.app = Starlette(
            routes=[
                Route(f"{BASE}/events/stream", self._stream),
                Route("/{path:path}", self._answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
            ]
        )

    async def _answer(self, request: Request) -> Response:
        self.first_request = self.first_request or time.time()
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.held_back and self.held_back in request.url.path:
            await self._let_go()
        if request.url.path == "/first-request":
            return Response(json.dumps(self.first_request))
        if (broken := self._broken(request)) is not None:
            return broken
        try:
            body = await request.body()
        except ClientDisconnect:
            # The program has moved on to another item: nobody waits for this one.
            return Response(status_code=400)
        answer = self.sidecar.answer(
            request.method,
            request.url.path,
            dict(request.query_params),
            {key.lower(): value for key, value in request.headers.items()},
            body,
        )
        return Response(answer.body, answer.status, media_type=answer.media_type)

    async def _let_go(self) -> None:
        self.waiting += 1
        try:
            while self.held_back:  # noqa: ASYNC110  (set from another thread)
                await asyncio.sleep(0.01)
        finally:
            self.waiting -= 1

    def _broken(self, request: Request) -> Response | None:
        if self.fault == "html":
            return Response("<html><title>Welcome to nginx</title></html>", media_type="text/html")
        if self.fault == "503":
            return Response("<html>Bad gateway</html>", 503, media_type="text/html")
        if self.fault == "garbage":
            return Response(b'{"items": 7', media_type="application/json")
        if any(part in request.url.path for part in self.fail_paths):
            problem = {"detail": "Immich refuses: asset.update is missing", "code": "immich"}
            return Response(json.dumps(problem), 503, media_type="application/json")
        return None

    async def _stream(self, request: Request) -> Response:
        self.first_request = self.first_request or time.time()
        headers = {key.lower(): value for key, value in request.headers.items()}
        if (broken := self._broken(request)) is not None:
            return broken
        if not self.sidecar.is_known(headers):
            answer = self.sidecar.answer("GET", f"{BASE}/status", {}, headers, b"")
            return Response(answer.body, answer.status, media_type=answer.media_type)
        last = headers.get("last-event-id")
        return StreamingResponse(self._events(int(last) if last else None), media_type="text/event-stream")

    async def _events(self, last: int | None) -> AsyncIterator[bytes]:
        sidecar = self.sidecar
        if last is None:
            last = sidecar.events[-1].id if sidecar.events else 0
        yield f"event: status\ndata: {sidecar.status().model_dump_json()}\n\n".encode()
        while not self.stopping:
            if self.arriving:
                sidecar.arrive()
            for event in [event for event in sidecar.events if event.id > last and not self.is_silent]:
                last = event.id
                yield f"id: {event.id}\nevent: {event.kind}\ndata: {event.model_dump_json()}\n\n".encode()
            await asyncio.sleep(0.05)


class RunningServer:
    """A fake server in a thread of its own; `stop` and `start` again on the same port."""

    def __init__(self, fake: FakeServer, port: int) -> None:
        self.fake, self.port = fake, port
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self.fake.stopping = False
        config = uvicorn.Config(
            self.fake.app,
            "127.0.0.1",
            self.port,
            log_level="error",
            lifespan="off",
            # What is held back is never answered.
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    @property
    def connections(self) -> int:
        """How many clients' connections are open."""
        return len(self._server.server_state.connections) if self._server is not None else 0

    def stop(self) -> None:
        self.fake.stopping = True
        if self._server is not None and self._thread is not None and self._thread.is_alive():
            self._server.should_exit = True
            self._thread.join(60)
            assert not self._thread.is_alive(), "the server does not end"


@contextlib.contextmanager
def running(sidecar: SampleSidecar, delay: float = 0.0) -> Iterator[RunningServer]:
    with reserved_port() as port:
        server = RunningServer(FakeServer(sidecar, delay), port)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token")
    options = parser.parse_args()
    sidecar = SampleSidecar(
        options.count, token=options.token, busy=True, clock=lambda: datetime.now().astimezone()
    )
    with reserved_port(port=options.port) as port, contextlib.suppress(KeyboardInterrupt):
        server = RunningServer(FakeServer(sidecar, options.delay), port)
        server.start()
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
