"""How long it takes until something can be used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
from tests.bench.ledgers import count, fill
from tests.bench.report import Figure, median
from tests.bench.sidecar import demo_server, resident_mb

from smartsort.ledger.database import Ledger

PORT, TOKEN = 18484, "token-of-the-benchmark"
STARTS = 3
IDLE_SECONDS = 45.0
"""Until the memory is looked at: what starting needed has been given back by then."""


def run(scratch: str, *, quick: bool) -> Iterator[Figure]:
    """`--help`, and `serve` on an empty and on a large ledger."""
    python = installed(scratch)
    times = [_timed([sys.executable, "-m", "smartsort.cli.main", "--help"], python) for _ in range(5)]
    bare = [_timed([sys.executable, "-c", "pass"], python) for _ in range(5)]
    yield Figure("start-up", "smartsort --help", median(times[1:]), "s", None, 0.25)
    yield Figure("start-up", "python that does nothing", median(bare[1:]), "s")
    for rows, limit in ((0, 1.5), (20_000 if quick else 1_000_000, 3.0)):
        seconds, memory = _serve(scratch, rows, python)
        yield Figure("start-up", f"serve ready with {rows:,} photos", seconds, "s", None, limit)
        yield Figure("memory", f"serve, idle, with {rows:,} photos", memory, "MB", None, 90)


def installed(scratch: str) -> dict[str, str]:
    """An environment in which Python compiles what it imports once, as when it is installed."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": os.path.join(scratch, "pycache")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def _timed(command: list[str], environment: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def _serve(scratch: str, rows: int, python: dict[str, str]) -> tuple[float, float]:
    """Seconds until it is ready, the median of some starts but the first, and its memory when idle in MB."""
    root = os.path.join(scratch, f"serve-{rows}")
    os.makedirs(root)
    if rows:
        with Ledger(os.path.join(root, "smartsort.db")) as ledger:
            fill(ledger, rows)
            count(ledger)
    with demo_server(os.path.join(root, "library"), "instant") as url:
        environment = environment_of(python, root, url)
        times = [_start(environment, 0.0)[0] for _ in range(STARTS)]
        last, memory = _start(environment, IDLE_SECONDS)
    shutil.rmtree(root)
    return median([*times[1:], last]), memory


def environment_of(python: dict[str, str], root: str, url: str) -> dict[str, str]:
    """The settings of a sidecar beside the demo Immich at `url`."""
    return {
        **python,
        "SMARTSORT_ROOT": root,
        "SMARTSORT_IMMICH__URL": url,
        "SMARTSORT_IMMICH__API_KEY": "demo-api-key",
        "SMARTSORT_IMMICH__LIBRARY_PATH": "/mnt/bench",
        "SMARTSORT_API__PORT": str(PORT),
        "SMARTSORT_API__TOKEN": TOKEN,
    }


def _start(environment: dict[str, str], idle_seconds: float) -> tuple[float, float]:
    """Seconds until `serve` is ready, and its memory in MB after some idle seconds."""
    command = [sys.executable, "-m", "smartsort.cli.main", "serve"]
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        until_ready()
        seconds = time.perf_counter() - started
        time.sleep(idle_seconds)
        return seconds, resident_mb(process.pid)
    finally:
        process.terminate()
        process.wait()


def until_ready() -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    for _ in range(6000):
        try:
            if httpx.get(f"http://127.0.0.1:{PORT}/readyz", headers=headers).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.02)
    raise TimeoutError("serve was not ready in two minutes")
