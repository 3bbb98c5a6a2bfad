"""Cost per operation and memory with 1,000, 100,000 and 1,000,000 photos in the ledger."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from typing import Any

from sqlite_utils import Database
from tests.bench.ledgers import count, digest, fill
from tests.bench.report import Figure, median
from tests.bench.sidecar import resident_mb

from smartsort.ledger import photos, review, statistics
from smartsort.ledger.copies import copies_of
from smartsort.ledger.database import Ledger

ROUNDS = 100
WARM_UP = 5
TIMES = 5
"""So often an operation is done for one sample: some take no longer than the clock takes to be read."""


def run(scratch: str, *, quick: bool) -> Iterator[Figure]:
    """Each operation's cost at the larger sizes against its cost at the smallest."""
    sizes = (1_000, 20_000) if quick else (1_000, 100_000, 1_000_000)
    paths = {size: os.path.join(scratch, f"ledger-{size}.db") for size in sizes}
    for size, path in paths.items():
        with Ledger(path) as ledger:
            fill(ledger, size)
            count(ledger)
    for size, path in paths.items():
        memory = _in_a_process("memory", {size: path})["memory"]
        yield Figure("memory", f"a process that did all of it at {size:,}", memory, "MB", None, 150)
    for name, values in _in_a_process("costs", paths).items():
        for size, cost in zip(sizes[1:], values[1:], strict=True):
            what = f"{name} at {size:,}, vs at {sizes[0]:,}"
            yield Figure("flat cost", what, cost * 1000, "ms", values[0] * 1000, 1.5)
    for path in paths.values():
        os.unlink(path)


def _in_a_process(what: str, paths: dict[int, str]) -> dict[str, Any]:
    """The answer of `memory` or `costs` in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.scale", what, json.dumps(paths)]
    answer: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return answer


def operations(size: int, turn: int = 0) -> dict[str, Callable[[Database], object]]:
    """What is asked of a ledger with so many photos, by name. Each turn is about other photos."""
    today = date(2026, 11, 22)
    shas = {10**9 + n: digest((turn * 50 + n) * 7919 % size + 1) for n in range(50)}
    return {
        "duplicate check of 50": lambda db: copies_of(db, shas),
        "review page of 50": lambda db: review.page(db, limit=50),
        "statistics of 30 days": lambda db: statistics.totals(db, today - timedelta(days=30), today),
        "photos on their way": photos.in_progress,
    }


def memory(paths: dict[int, str]) -> dict[str, float]:
    """This process's memory in MB after everything was done several times."""
    for size, path in paths.items():
        with Ledger(path) as ledger:
            for operation in operations(size).values():
                for _ in range(WARM_UP):
                    ledger.read(operation)
            return {"memory": resident_mb()}
    raise ValueError("no ledger")


def costs(paths: dict[int, str]) -> dict[str, list[float]]:
    """By operation: median seconds of processor time for each ledger.

    The ledgers take turns, so that whatever else runs on this machine meets all of them alike.
    """
    with ExitStack() as stack:
        ledgers = {size: stack.enter_context(Ledger(path)) for size, path in paths.items()}
        samples: dict[str, dict[int, list[float]]] = {name: {s: [] for s in paths} for name in operations(1)}
        for turn in range(WARM_UP + ROUNDS):
            for size, ledger in ledgers.items():
                for name, operation in operations(size, turn).items():
                    started = time.process_time()
                    for _ in range(TIMES):
                        ledger.read(operation)
                    if turn >= WARM_UP:
                        samples[name][size].append((time.process_time() - started) / TIMES)
    return {name: [median(each) for each in by_size.values()] for name, by_size in samples.items()}


if __name__ == "__main__":
    ledgers_at = {int(size): path for size, path in json.loads(sys.argv[2]).items()}
    json.dump({"memory": memory, "costs": costs}[sys.argv[1]](ledgers_at), sys.stdout)
