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
from collections.abc import Iterable, Iterator

from tests.bench.ledgers import fill
from tests.bench.report import Figure, median
from tests.bench.sidecar import resident_mb

from smartsort.audit import Audit
from smartsort.files.layout import Layout
from smartsort.ledger import key_value
from smartsort.ledger.database import Ledger

RUNS = 3
LONG = 1_000_000
"""Photos from which on one run is enough: it takes a minute or more."""


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
                [sys.executable, "-m", "tests.bench.audit", root, str(1 if size >= LONG else RUNS)],
                stdout=subprocess.PIPE,
                check=True,
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


_NAMES = (
    "SELECT here.path, other.area, other.path, here.size, here.mtime_ns FROM photos AS p"
    " CROSS JOIN names AS here ON here.photo_id = p.id AND here.area = 'library'"
    " CROSS JOIN names AS other ON other.photo_id = p.id AND other.area <> 'library' ORDER BY p.id"
)
"""Read as they are made: two million names are half a gigabyte."""


def _make(layout: Layout, size: int) -> None:
    root_id = layout.prepare()
    with Ledger(layout.ledger) as ledger:
        fill(ledger, size, layout.root)
        ledger.write(lambda db: key_value.put(db, "root_id", root_id))
        ledger.read(lambda db: _make_files(layout, db.conn.execute(_NAMES)))


def _make_files(layout: Layout, names: Iterable[tuple[str, str, str, int, int]]) -> None:
    areas = {"faces": layout.faces, "review": layout.review}
    there: set[str] = set()
    for own, area, other, length, mtime_ns in names:
        first, second = f"{layout.library}/{own}", f"{areas[area]}/{other}"
        for folder in (os.path.dirname(first), os.path.dirname(second)):
            if folder not in there:
                os.makedirs(folder, exist_ok=True)
                there.add(folder)
        with open(first, "wb") as file:
            file.truncate(length)
        os.utime(first, ns=(mtime_ns, mtime_ns))
        os.link(first, second)


def measure(root: str, runs: int) -> dict[str, float]:
    """Median seconds of one audit, and this process's memory in MB afterwards."""
    times = []
    for _ in range(runs):
        report = Audit(Layout(root), quick=True).run()
        if report.findings:
            raise AssertionError(f"the audit found {report.findings[0].what}")
        times.append(report.seconds)
    return {"seconds": median(times), "memory": resident_mb()}


if __name__ == "__main__":
    json.dump(measure(sys.argv[1], int(sys.argv[2])), sys.stdout)
