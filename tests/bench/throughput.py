"""Photos through the whole pipeline while Immich answers at once: what smartsort itself can do."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bench.deliveries import through
from tests.bench.report import Figure, median

RUNS = 3


def run(scratch: str, *, quick: bool) -> Iterator[Figure]:
    """Photos per second, and what each costs: processor time, calls, bytes."""
    many = 600 if quick else 3000
    runs = [through(scratch, f"through-{n}", "instant", many) for n in range(1 if quick else RUNS)]
    pace = median([many / each.seconds for each in runs])
    yield Figure("throughput", f"{many} photos, Immich answers at once", pace, "photos/s", None, 300, True)
    yield Figure(
        "throughput", "the sidecar's processor time per photo", median([r.cpu_ms for r in runs]), "ms"
    )
    calls = median([r.calls for r in runs])
    yield Figure("frugality", f"calls per photo at {many}, Immich answers at once", calls, "calls", None, 1.2)
    yield Figure(
        "frugality", f"bytes fetched per photo at {many}", median([r.fetched for r in runs]), "bytes"
    )
