"""The page behind a real nginx, Caddy and Traefik, with the configurations of the guide, below a path."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.live_sidecar import BASE, TOKEN, LiveSidecar, live_sidecar
from tests.ports import reserved_port

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
CADDY = shutil.which("caddy")
TRAEFIK = shutil.which("traefik")
NAME = "photos.example.org"
GUIDE = Path(__file__).parents[2] / "sidecar" / "docs" / "how-to" / "browser.md"
NUMBERS = itertools.count(1)

AROUND = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{}}
http {{
  access_log off; absolute_redirect off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; {location} }}
}}
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    settings = {"api.hosts": [NAME], "api.base_path": "/smartsort"}
    with live_sidecar(tmp_path_factory.mktemp("proxied") / "root", 8, settings=settings) as running:
        yield running


@dataclass
class Front:
    """A proxy, and how it is reached."""

    url: str
    trusts: ssl.SSLContext | bool = True

    def client(self) -> httpx.Client:
        """A client that speaks to the proxy alone, from an address that no other client has."""
        transport = httpx.HTTPTransport(verify=self.trusts, local_address=f"127.0.1.{next(NUMBERS)}")
        return httpx.Client(
            transport=transport,
            base_url=self.url,
            headers={"Host": NAME},
            timeout=60,
            event_hooks={"request": [_named]},
        )


def _named(request: httpx.Request) -> None:
    request.extensions["sni_hostname"] = NAME


@pytest.fixture(scope="module", params=["nginx", "caddy", "traefik"])
def front(
    request: pytest.FixtureRequest, live: LiveSidecar, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    program, proxy = {"nginx": (NGINX, _nginx), "caddy": (CADDY, _caddy), "traefik": (TRAEFIK, _traefik)}[
        request.param
    ]
    if program is None:
        pytest.skip(f"{request.param} is not installed")
    with (
        reserved_port() as port,
        proxy(program, live, tmp_path_factory.mktemp(request.param), port) as running,
    ):
        yield running


@pytest.fixture
def browser(front: Front) -> Iterator[httpx.Client]:
    with front.client() as client:
        yield client


def _documented(language: str, live: LiveSidecar) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return str(found).replace("127.0.0.1:8484", live.url.removeprefix("http://"))


@contextmanager
def _nginx(program: str, live: LiveSidecar, folder: Path, port: int) -> Iterator[Front]:
    around = AROUND.format(folder=folder, port=port, location=_documented("nginx", live))
    (folder / "nginx.conf").write_text(around)
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with _running(command, port):
        yield Front(f"http://127.0.0.1:{port}")


@contextmanager
def _caddy(program: str, live: LiveSidecar, folder: Path, port: int) -> Iterator[Front]:
    """With HTTPS, as Caddy always has it, and certificates that it makes for itself once it listens."""
    authority = folder / "caddy/pki/authorities/local/root.crt"
    site = _documented("caddyfile", live).replace("{\n", "{\n    bind 127.0.0.1\n", 1)
    around = (
        "admin off",
        "local_certs",
        "skip_install_trust",
        "auto_https disable_redirects",
        f"https_port {port}",
    )
    (folder / "Caddyfile").write_text("{\n" + "\n".join(around) + "\n}\n" + site)
    command = [program, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    home = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}

    with _running(command, port, home) as process:
        _until(authority.exists, process, "the authority of Caddy")
        front = Front(f"https://127.0.0.1:{port}", ssl.create_default_context(cafile=authority))
        with front.client() as client:
            _until(lambda: _answers(client), process, "the certificate of Caddy")
        yield front


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/smartsort/").is_success
    except httpx.ConnectError:  # such as a handshake that Caddy has no certificate for yet
        return False


@contextmanager
def _traefik(program: str, live: LiveSidecar, folder: Path, port: int) -> Iterator[Front]:
    """With the rule of the labels in a file: there are no containers here that could bear labels."""
    labels = _documented("yaml", live)
    [rule] = re.findall(r"routers\.smartsort\.rule=(.*)", labels)
    assert "services.smartsort.loadbalancer.server.port=8484" in labels
    http = {
        "routers": {"smartsort": {"rule": rule, "service": "smartsort"}},
        "services": {"smartsort": {"loadBalancer": {"servers": [{"url": live.url}]}}},
    }
    (folder / "traefik.yml").write_text(json.dumps({"http": http}))
    command = [program, f"--entrypoints.web.address=127.0.0.1:{port}", "--global.checknewversion=false"]
    command += ["--global.sendanonymoususage=false", f"--providers.file.filename={folder}/traefik.yml"]
    with _running(command, port):
        front = Front(f"http://127.0.0.1:{port}")
        with front.client() as client:
            live.wait_for(lambda: client.get("/smartsort/").status_code != 404, "the routes of Traefik")
        yield front


@contextmanager
def _running(
    command: list[str], port: int, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})})
    try:
        _until(lambda: _listens(port), process, f"a proxy at port {port}")
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _listens(port: int) -> bool:
    with closing(socket.socket()) as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def _until(ready: Callable[[], bool], process: subprocess.Popen[bytes], what: str) -> None:
    until = time.monotonic() + 60
    while not ready():
        assert process.poll() is None, f"the proxy ended before there was {what}"
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.05)


def test_the_page_and_all_its_files_come_below_the_path(browser: httpx.Client) -> None:
    page = browser.get("/smartsort", follow_redirects=True)
    assert (page.status_code, page.url.path) == (200, "/smartsort/")
    files = re.findall(r'(?:href|src)="(page/[^"]+)"', page.text)
    assert len(files) > 10
    for name in files:
        assert browser.get(f"/smartsort/{name}").status_code == 200, name


def test_a_session_begins_acts_and_hears_what_happens(browser: httpx.Client, live: LiveSidecar) -> None:
    answer = browser.post(f"/smartsort{BASE}/session", json={"token": TOKEN})
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert "Path=/smartsort/" in cookie
    assert ("Secure" in cookie) == (browser.base_url.scheme == "https")
    word = {"X-Smartsort-Session": answer.json()["word"]}
    browser.headers["Cookie"] = cookie.partition(";")[0]
    [first, *_] = browser.get(f"/smartsort{BASE}/review/queue").json()["items"]
    assert browser.get(f"/smartsort{first['thumbnail']}").headers["content-type"].startswith("image/")
    with browser.stream("GET", f"/smartsort{BASE}/events/stream", params={"after": 0}) as stream:
        # The proxy hands each message on at once.
        line = next(one for one in stream.iter_lines() if one.startswith("event:"))
    assert line
    done = browser.post(f"/smartsort{BASE}/review/{first['id']}/skip", headers=word)
    assert done.json()["action"] == "skipped"
    assert browser.post(f"/smartsort{BASE}/review/{first['id']}/skip").status_code == 403


def test_wrong_tokens_count_for_the_address_behind_the_proxy(
    front: Front, browser: httpx.Client, live: LiveSidecar
) -> None:
    """Else one guest who guesses keeps everybody out who comes through the proxy."""
    with front.client() as guest:
        guesses = [
            guest.post(f"/smartsort{BASE}/session", json={"token": "wrong"}).status_code for _ in range(11)
        ]
    assert guesses == [401] * 10 + [429]
    assert browser.post(f"/smartsort{BASE}/session", json={"token": TOKEN}).status_code == 200
    assert live.client(token=None).post(f"{BASE}/session", json={"token": TOKEN}).status_code == 200
