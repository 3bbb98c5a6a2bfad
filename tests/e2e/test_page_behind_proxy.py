"""The page behind a real nginx, with the configuration of the guide: below a path, over forwarded headers."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from tests.live_sidecar import BASE, TOKEN, LiveSidecar, live_sidecar

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
GUIDE = Path(__file__).parents[2] / "sidecar" / "docs" / "how-to" / "browser.md"

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

AROUND = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen unix:{folder}/front.sock; {location} }}
}}
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    settings = {"api.hosts": ["photos.example.org"], "api.base_path": "/smartsort"}
    with live_sidecar(tmp_path_factory.mktemp("proxied") / "root", 8, settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
def browser(live: LiveSidecar, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client that speaks to nginx alone. Its socket's path has to be short."""
    folder = tmp_path_factory.mktemp("nginx")
    [location] = re.findall(r"```nginx\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    location = location.replace("http://127.0.0.1:8484", live.url)
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder, location=location))
    command = [
        str(NGINX),
        "-p",
        str(folder),
        "-c",
        str(folder / "nginx.conf"),
        "-e",
        str(folder / "error.log"),
    ]
    process = subprocess.Popen(command)
    try:
        _until_it_listens(folder / "front.sock", process)
        transport = httpx.HTTPTransport(uds=str(folder / "front.sock"))
        with httpx.Client(transport=transport, base_url="http://photos.example.org") as client:
            yield client
    finally:
        process.terminate()
        process.wait(20)


def _until_it_listens(path: Path, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        with closing(socket.socket(socket.AF_UNIX)) as one:
            if one.connect_ex(str(path)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"nginx does not listen on {path}")


def test_the_page_and_all_its_files_come_below_the_path(browser: httpx.Client) -> None:
    page = browser.get("/smartsort/")
    assert page.status_code == 200
    files = re.findall(r'(?:href|src)="(page/[^"]+)"', page.text)
    assert len(files) > 10
    for name in files:
        assert browser.get(f"/smartsort/{name}").status_code == 200, name


def test_a_session_begins_acts_and_hears_what_happens(browser: httpx.Client, live: LiveSidecar) -> None:
    answer = browser.post(f"/smartsort{BASE}/session", json={"token": TOKEN})
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert "Path=/smartsort/" in cookie
    word = {"X-Smartsort-Session": answer.json()["word"]}
    browser.headers["Cookie"] = cookie.partition(";")[0]
    [first, *_] = browser.get(f"/smartsort{BASE}/review/queue").json()["items"]
    assert browser.get(f"/smartsort{first['thumbnail']}").headers["content-type"].startswith("image/")
    with browser.stream("GET", f"/smartsort{BASE}/events/stream", params={"after": 0}) as stream:
        # nginx hands each message on at once.
        line = next(one for one in stream.iter_lines() if one.startswith("event:"))
    assert line
    done = browser.post(f"/smartsort{BASE}/review/{first['id']}/skip", headers=word)
    assert done.json()["action"] == "skipped"
    assert browser.post(f"/smartsort{BASE}/review/{first['id']}/skip").status_code == 403


def test_wrong_tokens_count_for_the_address_behind_the_proxy(
    browser: httpx.Client, live: LiveSidecar
) -> None:
    """Else one guest who guesses keeps everybody out who comes through the proxy."""
    guesses = [
        browser.post(f"/smartsort{BASE}/session", json={"token": "wrong"}, headers={"Cookie": ""})
        for _ in range(11)
    ]
    assert guesses[-1].status_code == 429
    assert live.client(token=None).post(f"{BASE}/session", json={"token": TOKEN}).status_code == 200
