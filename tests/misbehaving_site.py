"""What tests of the intake share: a web site on loopback that misbehaves on demand, and a sidecar."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

from tests.faulty_demo import DemoImmich, serve

from smartsort.bootstrap import Sidecar, open_sidecar
from smartsort.config import load_settings
from smartsort.config.service import Api
from smartsort.core.policy import Policy
from smartsort.demo.run import demo_settings, sidecar_settings
from smartsort.downloads.guard import Resolver, system_resolver
from smartsort.downloads.queue import Downloads
from smartsort.files.layout import Layout
from smartsort.files.placement import Placer
from smartsort.ledger import submissions
from smartsort.ledger.database import Ledger
from smartsort.ledger.submissions import Submission
from smartsort.pipeline.arrival.claim import Claimer
from smartsort.pipeline.engine.context import Clock, Context, Tuning
from smartsort.service import listen, run

BASE = "/api/smart-download"
TOKEN = "test-token"
# The first bytes of a JPEG are enough for what only looks at the type; Immich never sees these.
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"


def picture(size: int, seed: int = 0) -> bytes:
    """Bytes that look like a JPEG and differ by seed."""
    block = hashlib.sha256(str(seed).encode()).digest()
    return (JPEG + block * (size // 32 + 1))[:size]


@dataclass
class Request:
    """One request as the site saw it."""

    method: str
    path: str
    headers: dict[str, str]


Handler = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Site:
    """A web server on loopback. `handlers` by path; `requests` as they came."""

    handlers: dict[str, Handler] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    connections: int = 0
    busy: int = 0
    busiest: int = 0
    url: str = ""
    port: int = 0

    def file(
        self,
        path: str,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        ranges: bool = True,
        status: int = 200,
    ) -> str:
        """Serve bytes under a path, by ranges if asked; the URL."""

        async def handle(request: Request, writer: asyncio.StreamWriter) -> None:
            given = {"content-type": "image/jpeg", **(headers or {})}
            start = 0
            wanted = request.headers.get("range", "")
            condition = request.headers.get("if-range")
            if ranges and wanted and condition in (given.get("etag"), given.get("last-modified")):
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(body) > 0:
                await answer(writer, 416, b"", {"content-range": f"bytes */{len(body)}"})
            elif start:
                given["content-range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                await answer(writer, 206, body[start:], given)
            else:
                await answer(writer, status, body, given)

        self.handlers[path] = handle
        return f"{self.url}{quote(path)}"

    def redirect(self, path: str, target: str, status: int = 302) -> str:
        """Answer with a redirect; the URL."""

        async def handle(_: Request, writer: asyncio.StreamWriter) -> None:
            await answer(writer, status, b"", {"location": target})

        self.handlers[path] = handle
        return f"{self.url}{path}"

    def counts(self) -> Counter[str]:
        """Requests by path."""
        return Counter(request.path for request in self.requests)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                first, *lines = head.decode("latin-1").strip().split("\r\n")
                method, path, _ = first.split(" ", 2)
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
                request = Request(method, path, headers)
                self.requests.append(request)
                if length := int(headers.get("content-length", 0)):
                    await reader.readexactly(length)
                self.busy += 1
                self.busiest = max(self.busiest, self.busy)
                try:
                    handler = self.handlers.get(unquote(path.partition("?")[0]))
                    if handler is None:
                        await answer(writer, 404, b"no such thing", {"content-type": "text/plain"})
                    else:
                        await handler(request, writer)
                finally:
                    self.busy -= 1
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass  # cancelled only by `site`, at its end
        finally:
            self.tasks.discard(task)
            writer.close()


async def answer(
    writer: asyncio.StreamWriter, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> None:
    """Write a whole answer; `content-length` can be overridden by a lie or by "" for none."""
    given = {"content-length": str(len(body)), **{k.lower(): v for k, v in (headers or {}).items()}}
    lines = [f"{name}: {value}" for name, value in given.items() if value]
    writer.write(
        f"HTTP/1.1 {status} X\r\n".encode() + "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + body
    )
    await writer.drain()
    if not given["content-length"]:
        writer.close()


async def until(condition: Callable[[], object]) -> None:
    """Wait for what no event tells: the disk, another process. The test's own time limit bounds it."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def site() -> AsyncIterator[Site]:
    """A site that runs."""
    found = Site()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0, limit=2**20)
    found.port = server.sockets[0].getsockname()[1]
    found.url = f"http://127.0.0.1:{found.port}"
    try:
        yield found
    finally:
        server.close()
        for task in list(found.tasks):
            task.cancel()
        await asyncio.gather(*found.tasks, return_exceptions=True)


class Hosts:
    """A name server: each look-up of a name takes the next of its answers, the last one for ever."""

    def __init__(self, names: Mapping[str, list[list[str]]]) -> None:
        self.names = {name: list(answers) for name, answers in names.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        answers = self.names.get(host.rstrip("."))
        if answers is None:
            raise OSError(f"no such name: {host}")
        return answers.pop(0) if len(answers) > 1 else answers[0]


@dataclass
class Intake:
    """Downloads without Immich: what they claim stays claimed."""

    context: Context
    claimer: Claimer
    downloads: Downloads

    async def fetch(self, *urls: str, source: str = "test") -> list[Submission]:
        """Hand URLs in, work until none is open, and tell how they ended."""
        taken = await self.downloads.submit([(url, source) for url in urls])
        await self.work()
        return [self.item(item.id) for item in taken.items]

    def item(self, submission_id: str) -> Submission:
        found = self.context.ledger.read(lambda db: submissions.get(db, submission_id))
        assert found is not None
        return found

    async def work(self) -> None:
        while self.context.ledger.read(submissions.open_submissions):
            await self.downloads.step()
        await until(lambda: not self.downloads._running)  # a failed one tidies up after its last word

    def photos(self) -> list[tuple[str, str, str]]:
        """(original name, source, origin) of the photos of the ledger."""
        rows = self.context.ledger.read(
            lambda db: db.conn.execute(
                "SELECT original_name, source, origin FROM photos ORDER BY id"
            ).fetchall()
        )
        return [tuple(row) for row in rows]

    def leftovers(self) -> list[str]:
        """Partial files."""
        return sorted(
            n for n in os.listdir(self.context.layout.temp_downloads) if n.startswith((".d", ".u", ".g"))
        )

    def claimed(self) -> list[bytes]:
        """Contents of the claimed files."""
        temp = self.context.layout.temp_downloads
        names = sorted(n for n in os.listdir(temp) if n[0].isdigit())
        return [Path(temp, n).read_bytes() for n in names]

    async def close(self) -> None:
        await self.downloads.close()
        self.context.ledger.close()


def open_intake(
    root: str,
    *,
    resolver: Resolver = system_resolver,
    checkpoint: Callable[[str], None] = lambda _: None,
    clock: Clock | None = None,
    **api: object,
) -> Intake:
    """Downloads of a root, recovered. Keywords are those of `api`; `download` is a mapping."""
    layout = Layout(root)
    layout.prepare()
    ledger = Ledger(layout.ledger)
    context = Context(
        ledger=ledger,
        server=None,  # type: ignore[arg-type]
        layout=layout,
        placer=Placer(),
        policy=Policy,
        enabled=lambda: True,
        tuning=Tuning(),
        clock=clock or Clock(),
        checkpoint=checkpoint,
    )
    claimer = Claimer(context)
    settings = Api.model_validate({"allow_private_urls": ["127.0.0.1"], **api})
    downloads = Downloads(context, claimer, settings, resolver=resolver)
    downloads.recover()
    return Intake(context, claimer, downloads)


@dataclass
class Running:
    """A sidecar that runs with its HTTP server on the demo Immich."""

    sidecar: Sidecar
    url: str
    demo: DemoImmich

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {TOKEN}"}


@contextlib.asynccontextmanager
async def running(
    root: str, *, resolver: Resolver = system_resolver, **settings: object
) -> AsyncIterator[Running]:
    """A sidecar on a demo Immich without delays. Keywords with `__` for dots."""
    os.makedirs(os.path.join(root, "library"), exist_ok=True)
    demo = DemoImmich(demo_settings(root, "instant", "3.1.0", people_from_regions=False))
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    async with serve(demo) as immich:
        values = sidecar_settings(root, immich.url, demo.key, port, own_photos=False)
        values |= {"api.token": TOKEN, "api.allow_private_urls": ["127.0.0.1"]}
        values |= {key.replace("__", "."): value for key, value in settings.items()}
        sidecar = await asyncio.to_thread(
            open_sidecar, load_settings(None, env={}, overrides=values), resolver=resolver
        )
        task = asyncio.create_task(run(sidecar, listening))
        try:
            yield Running(sidecar, f"http://127.0.0.1:{port}", demo)
        finally:
            sidecar.stop()
            await task
            await sidecar.close()
