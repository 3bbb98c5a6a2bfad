"""Callers without a token cannot keep smartsort from its work, and what they do does not fill the log."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from tests.live_sidecar import BASE, TOKEN, LiveSidecar, live_sidecar
from tests.sidecar_process import sidecar_in_a_process
from uvicorn.server import ServerState

from smartsort.api import connections
from smartsort.api.connections import IDLE_SECONDS, LimitedProtocol
from smartsort.cli.logged import MOST, WINDOW_SECONDS, LimitedHandler
from smartsort.demo.samples import make_samples
from smartsort.service import http_server

HALF_OPEN = 1000
FILES = 512
PHOTOS = 12


@contextlib.contextmanager
def half_open(url: str, count: int) -> Iterator[Callable[[], int]]:
    """So many connections that have sent half a request's head; one that is closed is opened again."""
    address = (urlsplit(url).hostname or "", urlsplit(url).port or 0)
    over, opened = threading.Event(), [0]
    sockets: list[socket.socket] = []

    def open_one() -> socket.socket:
        made = socket.create_connection(address, timeout=60)
        made.sendall(b"POST /api/smart-download HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        made.setblocking(False)
        opened[0] += 1
        return made

    def is_closed(one: socket.socket) -> bool:
        try:
            return one.recv(1) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def keep_open() -> None:
        while not over.is_set():
            for place, one in enumerate(sockets):
                if is_closed(one):
                    one.close()
                    with contextlib.suppress(OSError):
                        sockets[place] = open_one()
            over.wait(0.05)

    while len(sockets) < count:
        with contextlib.suppress(OSError):
            sockets.append(open_one())
    worker = threading.Thread(target=keep_open)
    worker.start()
    try:
        yield lambda: opened[0]
    finally:
        over.set()
        worker.join()
        for one in sockets:
            one.close()


@pytest.fixture
def many_files() -> Iterator[None]:
    """As many descriptors as the test itself needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = HALF_OPEN + 500
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_a_thousand_half_open_connections_stop_nothing(tmp_path: Path) -> None:
    root, log = tmp_path / "root", tmp_path / "log"
    with log.open("wb") as written, sidecar_in_a_process(root, files=FILES, log=written) as url:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with half_open(url, HALF_OPEN) as opened:
            make_samples(str(root / "inbox"), PHOTOS, 7, size=(320, 240))
            until = time.monotonic() + 90
            answered = 0
            while time.monotonic() < until:
                # Each time a new connection: one more among the thousand, from the same address.
                with contextlib.suppress(httpx.TransportError):
                    status = httpx.get(f"{url}{BASE}/status", headers=headers, timeout=60).json()
                    answered += 1
                    summary = httpx.get(f"{url}{BASE}/stats/summary", headers=headers, timeout=60).json()
                    if summary["accepted"] >= PHOTOS and not status["in_progress_by_state"]:
                        metrics = httpx.get(f"{url}/metrics", headers=headers, timeout=60).text
                        break
                time.sleep(0.2)
            else:
                pytest.fail(f"after {answered} answers not all photos are at rest")
        assert opened() >= HALF_OPEN
        held = next(line for line in metrics.splitlines() if line.startswith("smartsort_process_open_fds "))
        assert float(held.split()[1]) < FILES
    lines = log.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 100, lines[:20]
    assert not any("Too many open files" in line for line in lines)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    with live_sidecar(tmp_path_factory.mktemp("connections") / "root") as running:
        yield running


def connected(live: LiveSidecar) -> socket.socket:
    parts = urlsplit(live.url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=60)


AUTHORISED = f"Authorization: Bearer {TOKEN}\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "GET /healthz HTTP/1.1\r\n",
        "POST /api/smart-download HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab",
        f"GET /healthz HTTP/1.1\r\nHost: x\r\n{AUTHORISED}\r\nGET /he",
        f"GET /api/smart-download/status HTTP/1.1\r\nHost: x\r\n{AUTHORISED}\r\nGET /he",
    ],
    ids=["nothing", "half a head", "half a body without a token", "half a second head", "and with a token"],
)
def test_what_does_not_come_in_time_is_not_waited_for(
    live: LiveSidecar, monkeypatch: pytest.MonkeyPatch, sent: str
) -> None:
    """Also when a byte comes now and then: uvicorn alone would begin to wait again."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 1.0)
    with connected(live) as one:
        one.sendall(sent.encode())
        one.settimeout(0.2)
        for _ in range(150):
            try:
                if one.recv(65536) == b"":
                    break
            except TimeoutError:
                with contextlib.suppress(OSError):
                    one.sendall(b"x")
            except OSError:
                break
        else:
            pytest.fail("still connected")


def test_a_stranger_leaves_in_the_end_whatever_it_asks(
    live: LiveSidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "STRANGER_SECONDS", 1.0)
    with connected(live) as one:
        one.settimeout(5)
        for _ in range(150):
            try:
                one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                if one.recv(65536) == b"":
                    break
            except OSError:
                break
            time.sleep(0.1)
        else:
            pytest.fail("still connected")


def test_many_at_once_with_a_token_are_all_answered(live: LiveSidecar) -> None:
    request = f"GET {BASE}/status HTTP/1.1\r\nHost: x\r\n{AUTHORISED}\r\n".encode()
    with contextlib.ExitStack() as open_ones:
        many = []
        for _ in range(200):
            many.append(open_ones.enter_context(connected(live)))
            many[-1].sendall(request)
        answers = [one.recv(65536) for one in many]
    assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 200 OK"}


class Line(asyncio.Transport):
    """The server's end of a connection."""

    def __init__(self) -> None:
        super().__init__({"peername": ("10.0.0.1", 4), "sockname": ("10.0.0.2", 8)})
        self.sent, self.over = b"", False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def abort(self) -> None:
        self.over = True

    close = abort

    def is_closing(self) -> bool:
        return self.over

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def test_a_request_that_waits_for_its_turn_is_no_slow_strangers() -> None:
    """On a slow machine the token is there, and was not looked at yet."""

    async def app(scope: object, receive: object, send: object) -> None:
        raise AssertionError("its turn does not come in this test")

    config = uvicorn.Config(app, http=LimitedProtocol, ws="none", log_config=None, lifespan="off")
    config.load()
    state, lines = ServerState(), []
    loop = asyncio.get_running_loop()
    now = loop.time()

    def connect(seconds_ago: float, said: bytes = b"") -> None:
        one = LimitedProtocol(config=config, server_state=state, app_state={})
        lines.append(Line())
        one.connection_made(lines[-1])
        if said:
            one.data_received(said)
        one.began -= seconds_ago

    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(loop, "time", lambda: now)  # all of it happens in one instant
            for _ in range(100):
                connect(5.0, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            connect(0.0)
            assert [one.over for one in lines] == [False] * 101
            for _ in range(100):
                connect(5.0)
            assert sum(one.over for one in lines) == 67
    finally:
        for one in list(state.connections):
            one.connection_lost(None)
        for task in state.tasks:
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)


async def test_who_had_a_token_is_no_stranger_while_the_next_request_waits_for_its_turn() -> None:
    async def app(scope: Any, receive: object, send: Any) -> None:
        if scope["path"] == "/known":
            scope["state"]["caller"] = "somebody"
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(app, http=LimitedProtocol, ws="none", log_config=None, lifespan="off")
    config.load()
    state, line = ServerState(), Line()
    one = LimitedProtocol(config=config, server_state=state, app_state={})
    one.connection_made(line)
    try:
        assert one.is_stranger
        one.data_received(b"GET /known HTTP/1.1\r\nHost: x\r\n\r\n")
        assert one.is_stranger  # its token was not looked at yet
        await asyncio.gather(*state.tasks)
        assert line.sent.startswith(b"HTTP/1.1 204")
        assert not one.is_stranger
        one.data_received(b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n")
        one._leave_as_stranger()  # after STRANGER_SECONDS
        assert not line.over
    finally:
        one.connection_lost(None)
        await asyncio.gather(*state.tasks, return_exceptions=True)


def test_clients_and_proxies_give_an_idle_connection_up_before_the_sidecar_does(live: LiveSidecar) -> None:
    assert http_server(live.sidecar).config.timeout_keep_alive == IDLE_SECONDS
    kept = httpx.Limits().keepalive_expiry
    assert kept is not None
    assert max(kept, 60) < IDLE_SECONDS  # nginx keeps one to the sidecar for 60 s


# --- the log ---------------------------------------------------------------------------------


def test_warnings_of_one_statement_are_counted_after_some() -> None:
    clock, out = [0.0], StringIO()
    handler = LimitedHandler(out, lambda: clock[0])
    log = logging.getLogger("smartsort.test_api_connections")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)

    def complain(number: int) -> None:
        log.warning("cannot open %s", f"IMG_{number}.jpg")

    for number in range(1000):
        complain(number)
        log.info("filed %d", number)
    assert out.getvalue().count("cannot open") == MOST
    assert out.getvalue().count("filed") == 1000, "what is done is told in full"
    log.warning("something else")
    clock[0] = WINDOW_SECONDS
    log.info("later")
    told = out.getvalue().splitlines()
    assert told[-3:] == [
        "something else",
        f"cannot open IMG_999.jpg (repeated {1000 - MOST} times)",
        "later",
    ]
    complain(0)
    assert out.getvalue().splitlines()[-1] == "cannot open IMG_0.jpg"
    for number in range(MOST + 2):
        complain(number)
    handler.close()
    assert out.getvalue().splitlines()[-1].endswith("(repeated 3 times)")
