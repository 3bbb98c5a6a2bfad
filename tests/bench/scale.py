"""Cost per operation and memory with 1,000, 100,000 and 1,000,000 photos in the ledger."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from sqlite_utils import Database
from tests.bench.ledgers import fill
from tests.bench.report import Figure, median
from tests.bench.sidecar import resident_mb

from smartsort.ledger import photos, review, statistics
from smartsort.ledger.database import Ledger

REPEATS = 200


def run(scratch: str, *, quick: bool) -> Iterator[Figure]:
    """Each operation's cost at the largest size against its cost at the smallest."""
    sizes = (1_000, 20_000) if quick else (1_000, 100_000, 1_000_000)
    costs: dict[str, list[float]] = {}
    for size in sizes:
        path = os.path.join(scratch, f"ledger-{size}.db")
        with Ledger(path) as ledger:
            fill(ledger, size)
        answer = subprocess.run(
            [sys.executable, "-m", "tests.bench.scale", path, str(size)], stdout=subprocess.PIPE, check=True
        )
        measured = json.loads(answer.stdout)
        yield Figure(
            "memory", f"a process that did all of it at {size:,}", measured.pop("memory"), "MB", None, 150
        )
        for name, seconds in measured.items():
            costs.setdefault(name, []).append(seconds * 1000)
    for name, values in costs.items():
        for size, cost in zip(sizes[1:], values[1:], strict=True):
            yield Figure("flat cost", f"{name} at {size:,}, vs at {sizes[0]:,}", cost, "ms", values[0], 1.5)
    for size in sizes:
        os.unlink(os.path.join(scratch, f"ledger-{size}.db"))


def _operations(size: int) -> dict[str, Callable[[Database], object]]:
    today = date(2026, 11, 22)
    shas = {10**9 + n: f"{n * 7919 % size + 1:064x}" for n in range(50)}
    return {
        "duplicate check of 50": lambda db: photos.copies_of(db, shas),
        "review page of 50": lambda db: review.page(db, limit=50),
        "statistics of 30 days": lambda db: statistics.totals(db, today - timedelta(days=30), today),
        "photos on their way": photos.unfinished,
    }


def measure(path: str, size: int) -> dict[str, float]:
    """Median seconds of each operation, and this process's memory in MB afterwards."""
    results: dict[str, float] = {}
    with Ledger(path) as ledger:
        while ledger.read(statistics.uncounted):
            ledger.write(statistics.count_chunk)
        operations = _operations(size)
        times: dict[str, list[float]] = {name: [] for name in operations}
        for _ in range(REPEATS):
            for name, operation in operations.items():
                # Processor time: what else runs on this machine is not this operation's cost.
                started = time.process_time()
                ledger.read(operation)
                times[name].append(time.process_time() - started)
        results |= {name: median(each) for name, each in times.items()}
        results["memory"] = resident_mb()
    return results


if __name__ == "__main__":
    json.dump(measure(sys.argv[1], int(sys.argv[2])), sys.stdout)
