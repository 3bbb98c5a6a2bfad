"""The browser: nobody in without the token, and a token sent once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.ports import reserved_port
from tests.tui.fake_server import running
from tests.tui.sample.sidecar import SampleSidecar

from smartsort_tui.settings import Settings, SettingsProblem
from smartsort_tui.web import COOKIE, Guard, child_command, child_environment, serve


def test_the_guard_opens_for_the_token_only() -> None:
    guard = Guard("right", "127.0.0.1", 8485)
    assert guard.opens("wrong") is None
    word = guard.opens(" right\n")
    assert word is not None
    assert word != "right"
    assert guard.is_known(word)
    for stranger in (None, "", "right", word + "x", "ü"):
        assert not guard.is_known(stranger)


@pytest.mark.parametrize(
    ("host", "origin", "expected"),
    [
        ("127.0.0.1:8485", None, True),
        ("localhost:8485", "http://localhost:8485", True),
        ("127.0.0.1:8485", "http://evil.example", False),
        ("evil.example:8485", None, False),
        ("evil.example:8485", "http://evil.example:8485", False),
    ],
)
def test_pages_of_others_cannot_use_this_browser(host: str, origin: str | None, expected: bool) -> None:
    assert Guard("t", "127.0.0.1", 8485).is_expected(host, origin) is expected


def test_without_a_token_nothing_is_served() -> None:
    with pytest.raises(SettingsProblem, match="needs the sidecar's token"):
        serve(Settings(), "127.0.0.1", 0)


def test_the_token_is_given_to_the_child_by_its_environment() -> None:
    settings = Settings(url="http://x", token="geheim")
    assert "geheim" not in child_command()
    assert child_environment(settings)["SMARTSORT_TOKEN"] == "geheim"


@asynccontextmanager
async def served(token: str) -> AsyncIterator[str]:
    """`smartsort-tui --web` in a process of its own, on a sample sidecar; its address."""
    with reserved_port() as port, running(SampleSidecar(20, token=token)) as sidecar:
        env = {**os.environ, "SMARTSORT_URL": sidecar.url, "SMARTSORT_TOKEN": token}
        command = [
            sys.executable,
            "-m",
            "smartsort_tui",
            "--web",
            "--web-port",
            str(port),
            "--images",
            "none",
        ]
        process = subprocess.Popen(  # noqa: ASYNC220  (started once, before anything waits)
            command, env=env, stderr=subprocess.PIPE, text=True
        )
        try:
            assert process.stderr is not None
            line = await asyncio.to_thread(process.stderr.readline)
            assert "in a browser" in line
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.communicate(timeout=60)


async def test_the_browser_gets_the_review_after_the_token() -> None:
    aiohttp = pytest.importorskip("aiohttp")
    pytest.importorskip("textual_serve")
    jar = aiohttp.CookieJar(unsafe=True)
    async with served("right") as url, aiohttp.ClientSession(cookie_jar=jar) as browser:
        for _ in range(100):
            with contextlib.suppress(aiohttp.ClientConnectionError):
                async with browser.get(url) as page:
                    assert "Give the sidecar's token" in await page.text()
                break
            await asyncio.sleep(0.1)
        for path in ("/ws", "/static/js/textual.js", "/download/x"):
            async with browser.get(url + path) as answer:
                assert answer.status == 401
        async with browser.get(url, headers={"Host": "evil.example"}) as answer:
            assert answer.status == 421
        async with browser.post(f"{url}/login", data={"token": "wrong"}) as answer:
            assert answer.status == 401
        async with browser.post(f"{url}/login", data={"token": "right"}) as answer:
            assert answer.status == 200
            assert "ws" in await answer.text()
        assert {cookie.key for cookie in jar} == {COOKIE}
        seen = b""
        async with browser.ws_connect(f"{url}/ws?width=80&height=24") as line:
            async with asyncio.timeout(60):
                while b"IMG_000020" not in seen:
                    message = await line.receive()
                    assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT)
                    if isinstance(message.data, bytes):
                        seen += message.data
