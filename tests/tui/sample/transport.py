"""The made-up sidecar for a client in the same process: no socket, the event stream included."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
from tests.tui.sample.sidecar import SampleSidecar


class SampleTransport(httpx.AsyncBaseTransport):
    """Answers what a client asks."""

    def __init__(self, sidecar: SampleSidecar) -> None:
        self._sidecar = sidecar

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = {key.lower(): value for key, value in request.headers.items()}
        if request.url.path.endswith("/events/stream") and self._sidecar.is_known(headers):
            return httpx.Response(
                200, headers={"content-type": "text/event-stream"}, stream=_Stream(self._sidecar)
            )
        answer = self._sidecar.answer(
            request.method,
            request.url.path,
            dict(request.url.params),
            headers,
            await request.aread(),
        )
        return httpx.Response(answer.status, headers={"content-type": answer.media_type}, content=answer.body)


class _Stream(httpx.AsyncByteStream):
    """The status once, then silence until the client hangs up."""

    def __init__(self, sidecar: SampleSidecar) -> None:
        self._sidecar = sidecar

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield f"event: status\ndata: {self._sidecar.status().model_dump_json()}\n\n".encode()
        await asyncio.Event().wait()
