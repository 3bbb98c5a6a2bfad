"""`smartsort serve` in a process of its own with nothing but environment variables, beside a demo Immich."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
from tests.demo_server import serve_in_thread
from tests.ports import reserved_port

from smartsort.demo.samples import make_samples
from smartsort.demo.settings import DEFAULT_KEY, DemoSettings


class Process:
    """A program whose output is kept line by line."""

    def __init__(self, *command, **environment):
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("SMARTSORT_")}
        self._process = subprocess.Popen(
            [sys.executable, *map(os.fspath, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=inherited | {"NO_COLOR": "1", "PYTHONUNBUFFERED": "1"} | environment,
        )
        self.said = ""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            with self._news:
                self.said += line
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def wait_for(self, pattern, seconds=60):
        with self._news:
            self._news.wait_for(lambda: re.search(pattern, self.said) or not self._reader.is_alive(), seconds)
            found = re.search(pattern, self.said)
            assert found is not None, f"never said {pattern!r}:\n{self.said}"
            return found

    def end(self, number=signal.SIGTERM):
        self._process.send_signal(number)
        code = self._process.wait(60)
        self._reader.join(60)
        self._process.stdout.close()
        return code


@contextmanager
def running(*command, **environment):
    process = Process(*command, **environment)
    try:
        yield process
    finally:
        if process._process.poll() is None:
            process._process.kill()
            process._process.wait(60)
        process._reader.join(60)
        process._process.stdout.close()


@contextmanager
def demo_immich(root, port=0):
    (root / "library").mkdir(parents=True, exist_ok=True)
    settings = DemoSettings(
        profile="instant",
        mounts={"/mnt/photos": root / "library"},
        import_paths=("/mnt/photos",),
        people=("John Doe", "Sarah Smith"),
    )
    with serve_in_thread(settings, port) as server:
        yield server.url


def serve(root, url, **more):
    return running(
        "-m",
        "smartsort.cli.main",
        "serve",
        "--port",
        "0",
        SMARTSORT_ROOT=os.fspath(root),
        SMARTSORT_IMMICH__URL=url,
        SMARTSORT_IMMICH__LIBRARY_PATH="/mnt/photos",
        SMARTSORT_INBOX__SETTLE_SECONDS="0.1",
        SMARTSORT_WHITELIST="john_doe",
        **{"SMARTSORT_IMMICH__API_KEY": DEFAULT_KEY} | more,
    )


def healthz(process):
    address = process.wait_for(r"listens on (http://[\d.]+:\d+)")[1]
    return httpx.get(f"{address}/healthz", timeout=60)


def until(ready, what, seconds=60):
    end = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)
    return found


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"


@pytest.fixture
def samples(tmp_path):
    """Paths of John, Sarah (not on the whitelist here) and of a broken file."""
    folder = tmp_path / "samples"
    made = make_samples(folder, 32, size=(320, 240))
    singles = {s.person: folder / s.path for s in made if s.kind == "single"}
    [broken] = [folder / s.path for s in made if s.kind == "empty"]
    return singles["John Doe"], singles["Sarah Smith"], broken


def libraries(url):
    answer = httpx.get(f"{url}/api/libraries", headers={"x-api-key": DEFAULT_KEY}, timeout=60)
    return sorted(library["importPaths"][0] for library in answer.json())


def test_photos_dropped_into_the_inbox_are_sorted(root, samples):
    john, sarah, broken = samples
    with demo_immich(root) as url:
        with serve(root, url) as sidecar:
            sidecar.wait_for("connected to Immich 3.1.0")
            assert healthz(sidecar).status_code == 200
            assert libraries(url) == ["/mnt/photos", "/mnt/photos/shard-0001"]
            shutil.copyfile(john, root / "inbox" / "a.jpg")
            (root / "inbox" / "phone").mkdir()
            shutil.copyfile(sarah, root / "inbox" / "phone" / "b.jpg")
            shutil.copyfile(broken, root / "inbox" / "phone" / "c.jpg")
            until((root / "faces" / "john_doe" / "a.jpg").exists, "John's photo")
            unidentified = root / "review" / "unidentified"
            until((unidentified / "notwhitelisted_b.jpg").exists, "Sarah's photo")
            until((unidentified / "unreadable_c.jpg").exists, "the broken file")
            assert (root / "faces" / "john_doe" / "a.jpg").read_bytes() == john.read_bytes()
            until(lambda: os.listdir(root / "inbox" / "phone") == [], "the last name in the inbox to go")
            assert sidecar.end() == 0
            assert "Traceback" not in sidecar.said
            assert DEFAULT_KEY not in sidecar.said

        # The next start finds the library instead of making another.
        with serve(root, url) as sidecar:
            sidecar.wait_for("connected to Immich 3.1.0")
            assert libraries(url) == ["/mnt/photos", "/mnt/photos/shard-0001"]
            shutil.copyfile(john, root / "inbox" / "again.jpg")
            until((root / "review" / "duplicates" / "duplicate_again.jpg").exists, "the duplicate")
            assert sidecar.end(signal.SIGINT) == 0


def test_an_immich_that_is_not_there_yet_only_makes_photos_wait(root, samples):
    john, *_ = samples
    with reserved_port() as port, serve(root, f"http://127.0.0.1:{port}") as sidecar:
        sidecar.wait_for(r"health issue \(immich\).*cannot be reached")
        assert healthz(sidecar).status_code == 200
        shutil.copyfile(john, root / "inbox" / "a.jpg")
        until(lambda: not (root / "inbox" / "a.jpg").exists(), "the photo to be accepted")
        assert list((root / "temp_downloads").glob("*a.jpg"))
        with demo_immich(root, port):
            sidecar.wait_for("connected to Immich")
            sidecar.wait_for(r"health issue over \(immich\)")
            until((root / "faces" / "john_doe" / "a.jpg").exists, "the photo")
            assert sidecar.end() == 0


def test_a_second_sidecar_on_the_root_is_refused(root):
    with demo_immich(root) as url, serve(root, url) as first:
        first.wait_for("connected")
        with serve(root, url) as second:
            second.wait_for("is in use by another smartsort")
            assert second._process.wait(60) == 2
        assert first.end() == 0


def test_a_wrong_key_is_said_once_and_photos_wait(root, samples):
    john, *_ = samples
    with demo_immich(root) as url, serve(root, url, SMARTSORT_IMMICH__API_KEY="wrong") as sidecar:
        sidecar.wait_for(r"health issue \(permission\)")
        shutil.copyfile(john, root / "inbox" / "a.jpg")
        until(lambda: not (root / "inbox" / "a.jpg").exists(), "the photo to be accepted")
        assert healthz(sidecar).status_code == 200
        assert sidecar.end() == 0
        assert sidecar.said.count("health issue (permission)") == 1


@pytest.mark.parametrize("from_file", [True, False])
def test_the_environment_says_where_the_api_listens_and_for_whom(root, tmp_path, from_file):
    """And the log is JSON, line by line, without token, key or the query of a URL."""
    token = "a-token-of-the-environment"
    (tmp_path / "token").write_text(f"{token}\n")
    environment = {
        "SMARTSORT_ROOT": os.fspath(root),
        "SMARTSORT_IMMICH__LIBRARY_PATH": "/mnt/photos",
        "SMARTSORT_IMMICH__API_KEY": DEFAULT_KEY,
        "SMARTSORT_API__HOST": "127.0.0.2",
        "SMARTSORT_LOG__FORMAT": "json",
    }
    if from_file:
        environment["SMARTSORT_API__TOKEN_FILE"] = os.fspath(tmp_path / "token")
    else:
        environment["SMARTSORT_API__TOKEN"] = token
    serving = ("-m", "smartsort.cli.main", "serve")
    with (
        demo_immich(root) as url,
        reserved_port("127.0.0.2") as port,
        running(*serving, SMARTSORT_IMMICH__URL=url, SMARTSORT_API__PORT=str(port), **environment) as sidecar,
    ):
        sidecar.wait_for("connected to Immich")
        api = f"http://127.0.0.2:{port}/api/smart-download"
        allowed = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"{api}/status", headers=allowed, timeout=60).json()["ready"]
        assert httpx.get(f"{api}/status", timeout=60).status_code == 401
        assert not (root / "api-token").exists()
        refused = {"url": "http://127.0.0.1:9/a.jpg?key=secret"}
        httpx.post(f"{api}?wait=30", json=refused, headers=allowed, timeout=60)
        sidecar.wait_for("given up")
        assert sidecar.end() == 0
    lines = [json.loads(line) for line in sidecar.said.splitlines()]
    assert {"event", "level", "logger", "timestamp"} <= set.intersection(*map(set, lines))
    for secret in (token, DEFAULT_KEY, "secret"):
        assert secret not in sidecar.said
