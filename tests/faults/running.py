"""Processes of the fault tests: the demo Immich, which survives every kill, and the sidecars that do not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from typing import Any

from tests.demo_server import COMMAND

from smartsort.demo.run import IMMICH_LIBRARY
from smartsort.demo.samples import BLACKLIST, PEOPLE, WHITELIST
from smartsort.demo.settings import DEFAULT_KEY

REPOSITORY = os.path.abspath(os.path.join(__file__, "../../.."))


class Immich:
    """A demo Immich in a process of its own."""

    def __init__(self, library: str) -> None:
        os.makedirs(library, exist_ok=True)
        people = [word for name in PEOPLE for word in ("--person", name)]
        arguments = ["--library-root", library, "--import-path", IMMICH_LIBRARY, "--profile", "instant"]
        self._process = subprocess.Popen(
            [sys.executable, COMMAND, *arguments, *people],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Any:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json", "x-api-key": DEFAULT_KEY},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._process.stdout.close()


class ForkServer:
    """Starts sidecars; see `forkserver.py`."""

    def __init__(self, log: str) -> None:
        self._log = open(log, "ab")  # noqa: SIM115 - as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.forkserver"],
            env={**os.environ, "PYTHONPATH": REPOSITORY},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def order(self, **what: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._log.close()


class Run:
    """One sidecar process."""

    def __init__(self, forkserver: ForkServer, settings: dict[str, Any], ready: str, **kill: Any) -> None:
        self._forkserver, self._ready = forkserver, ready
        if os.path.exists(ready):
            os.unlink(ready)
        self.pid: int = forkserver.order(settings=settings, ready=ready, **kill)
        self.status: int | None = None

    def alive(self) -> bool:
        if self.status is None:
            self.status = self._forkserver.order(wait=self.pid)
        return self.status is None

    def is_ready(self) -> bool:
        return os.path.exists(self._ready)

    def until(self, condition: Any, seconds: float) -> bool:
        """True when the condition came true while it lived and within the time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return True
            if not self.alive():
                return False
            time.sleep(0.02)
        return False

    def kill(self) -> None:
        if self.alive():
            os.kill(self.pid, signal.SIGKILL)
            self._gone(60)

    def stop(self, seconds: float = 90) -> float:
        """Stop it in good order; how long that took."""
        began = time.monotonic()
        if self.alive():
            os.kill(self.pid, signal.SIGTERM)
            self._gone(seconds)
        return time.monotonic() - began

    def _gone(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                raise TimeoutError(f"the sidecar did not end within {seconds} s")
            time.sleep(0.01)


def settings_for(root: str, url: str, **more: Any) -> dict[str, Any]:
    """Settings of a sidecar for fault tests: short quiet times, the demo's people."""
    return {
        "root": root,
        "immich.url": url,
        "immich.api_key": DEFAULT_KEY,
        "immich.library_path": IMMICH_LIBRARY,
        "inbox.settle_seconds": 0.1,
        "inbox.companion_wait_seconds": 1.0,
        "inbox.scan_interval_seconds": 1.0,
        "api.port": 0,
        "log.level": "warning",
        "whitelist": list(WHITELIST),
        "blacklist": list(BLACKLIST),
        **more,
    }
