"""`smartsort demo` offers the API: with the token it is given, or with one it makes and prints."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from tests.live_sidecar import BASE

from smartsort.demo.samples import make_samples


def handed_in(api: str, headers: dict[str, str], folder: Path) -> None:
    """A URL with `?wait=60` gives the result."""
    [made, *_] = [
        s for s in make_samples(str(folder / "web"), 12, 99, size=(320, 240)) if s.category == "faces"
    ]
    picture = (folder / "web" / made.path).read_bytes()
    with picture_server(picture) as site:
        body = {"url": f"{site}/IMG_1.jpg", "source": "instagram"}
        answer = httpx.post(f"{api}?wait=60", json=body, headers=headers, timeout=90)
    assert answer.status_code == 200, answer.text
    result = answer.json()
    assert list(result) == ["status", "action", "destination", "reason", "person", "hash", "category"]
    assert (result["status"], result["action"]) == ("success", "sorted")
    assert result["reason"] == "face_match_verified"
    assert result["person"] == made.person
    assert Path(result["destination"]).read_bytes() == picture
    assert result["hash"] == hashlib.sha256(picture).hexdigest()


@contextmanager
def picture_server(picture: bytes) -> Iterator[str]:
    """The address of a web server that answers with this picture, whatever is asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(picture)))
            self.end_headers()
            self.wfile.write(picture)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


@pytest.mark.parametrize("token", ["given-on-the-command-line", None])
def test_the_demo_says_how_to_reach_it(tmp_path: Path, token: str | None) -> None:
    command = [sys.executable, "-c", "from smartsort.cli.main import main; main()", "demo"]
    command += ["--port", "0", "--count", "3", "--profile", "instant", "--dir", str(tmp_path)]
    command += ["--token", token] if token else []
    environment = {**os.environ, "SMARTSORT_API__ALLOW_PRIVATE_URLS": "127.0.0.1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        said = ""
        try:
            assert process.stdout is not None
            for line in process.stdout:
                said += line
                if "Ctrl-C" in line:
                    break
            address = re.search(r"HTTP API\s+(http://\S+)/docs", said)
            shown = re.search(r"Token\s+(\S+)", said)
            assert address is not None, said
            assert shown is not None, said
            assert token in (None, shown[1])
            assert len(shown[1]) >= 24
            url = f"{address[1]}{BASE}/status"
            headers = {"Authorization": f"Bearer {shown[1]}"}
            assert httpx.get(url, headers=headers, timeout=60).json()["ready"]
            assert httpx.get(url, timeout=60).status_code == 401
            handed_in(f"{address[1]}{BASE}", headers, tmp_path)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
    assert process.returncode == 0
