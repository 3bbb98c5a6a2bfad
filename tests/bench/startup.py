"""How long it takes until something can be used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
from tests.bench.ledgers import fill
from tests.bench.report import Figure, median
from tests.bench.sidecar import demo_server, resident_mb

from smartsort.ledger.database import Ledger

PORT = 18484
IDLE_SECONDS = 45.0
"""Until the memory is looked at: what starting needed has been given back by then."""


def run(scratch: str, *, quick: bool) -> Iterator[Figure]:
    """`--help`, and `serve` on an empty and on a large ledger."""
    times = [_timed([sys.executable, "-m", "smartsort.cli.main", "--help"]) for _ in range(5)]
    bare = [_timed([sys.executable, "-c", "pass"]) for _ in range(5)]
    yield Figure("start-up", "smartsort --help", median(times), "s", None, 0.25)
    yield Figure("start-up", "python that does nothing", median(bare), "s")
    for rows, limit in ((0, 1.5), (20_000 if quick else 1_000_000, 3.0)):
        seconds, memory = _serve(scratch, rows)
        yield Figure("start-up", f"serve ready with {rows:,} photos", seconds, "s", None, limit)
        yield Figure("memory", f"serve, idle, with {rows:,} photos", memory, "MB", None, 90)


def _timed(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def _serve(scratch: str, rows: int) -> tuple[float, float]:
    root = os.path.join(scratch, f"serve-{rows}")
    os.makedirs(root)
    if rows:
        with Ledger(os.path.join(root, "smartsort.db")) as ledger:
            fill(ledger, rows)
    with demo_server(os.path.join(root, "library"), "instant") as url:
        environment = {
            **os.environ,
            "SMARTSORT_ROOT": root,
            "SMARTSORT_IMMICH__URL": url,
            "SMARTSORT_IMMICH__API_KEY": "demo-api-key",
            "SMARTSORT_IMMICH__LIBRARY_PATH": "/mnt/bench",
            "SMARTSORT_API__PORT": str(PORT),
            "SMARTSORT_API__TOKEN": "token-of-the-benchmark",
        }
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "smartsort.cli.main", "serve"], env=environment, stderr=subprocess.DEVNULL
        )
        try:
            _until_ready()
            seconds = time.perf_counter() - started
            time.sleep(IDLE_SECONDS)
            return seconds, resident_mb(process.pid)
        finally:
            process.terminate()
            process.wait()
            shutil.rmtree(root)


def _until_ready() -> None:
    headers = {"authorization": "Bearer token-of-the-benchmark"}
    for _ in range(6000):
        try:
            if httpx.get(f"http://127.0.0.1:{PORT}/readyz", headers=headers).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.02)
    raise TimeoutError("serve was not ready in two minutes")
