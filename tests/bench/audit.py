"""`smartsort audit --quick` with a file on the disk for every row: what it costs per photo, and its memory.

The files are as long as photos and take no room: they are holes. A million of them and their links still take
some minutes to make and to remove.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

from tests.bench.ledgers import fill
from tests.bench.report import Figure, median
from tests.bench.sidecar import resident_mb

from smartsort.audit import Audit
from smartsort.files.layout import Layout
from smartsort.ledger import facts
from smartsort.ledger.database import Ledger

RUNS = 3


def run(scratch: str, *, quick: bool) -> Iterator[Figure]:
    """Milliseconds per photo at each size against the smallest."""
    sizes = (1_000, 10_000) if quick else (1_000, 100_000, 1_000_000)
    smallest: float | None = None
    for size in sizes:
        root = os.path.join(scratch, f"audit-{size}")
        os.makedirs(root)
        try:
            _make(Layout(root), size)
            answer = subprocess.run(
                [sys.executable, "-m", "tests.bench.audit", root], stdout=subprocess.PIPE, check=True
            )
        finally:
            shutil.rmtree(root)
        measured = json.loads(answer.stdout)
        cost = measured["seconds"] * 1000 / size
        what = f"audit --quick of {size:,} photos, each"
        if smallest is None:
            smallest = cost
            yield Figure("flat cost", what, cost, "ms")
        else:
            yield Figure("flat cost", f"{what}, vs of {sizes[0]:,}", cost, "ms", smallest, 1.5)
        yield Figure("memory", f"audit --quick of {size:,} photos", measured["memory"], "MB", None, 150)


def _make(layout: Layout, size: int) -> None:
    root_id = layout.prepare()
    areas = {"library": layout.library, "faces": layout.faces, "review": layout.review}
    with Ledger(layout.ledger) as ledger:
        fill(ledger, size, layout.root)
        ledger.write(lambda db: facts.put(db, "root_id", root_id))
        rows = ledger.read(
            lambda db: db.conn.execute(
                "SELECT photo_id, area, path, size, mtime_ns FROM names ORDER BY photo_id, area <> 'library'"
            ).fetchall()
        )
    first = ""
    for _, area, path, length, mtime_ns in rows:
        place = f"{areas[area]}/{path}"
        with suppress(FileExistsError):
            os.makedirs(os.path.dirname(place))
        if area == "library":
            first = place
            with open(place, "wb") as file:
                file.truncate(length)
            os.utime(place, ns=(mtime_ns, mtime_ns))
        else:
            os.link(first, place)


def measure(root: str) -> dict[str, float]:
    """Median seconds of one audit, and this process's memory in MB afterwards."""
    times = []
    for _ in range(RUNS):
        report = Audit(Layout(root), quick=True).run()
        if report.findings:
            raise AssertionError(f"the audit found {report.findings[0].what}")
        times.append(report.seconds)
    return {"seconds": median(times), "memory": resident_mb()}


if __name__ == "__main__":
    json.dump(measure(sys.argv[1]), sys.stdout)
