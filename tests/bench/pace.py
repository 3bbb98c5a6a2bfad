"""Beside a demo Immich of real timing: total time, time to first, calls, and an idle sidecar.

Such an Immich waits more than it computes (seven photos a second), so that ours and the yardstick run side by
side, each in processes of its own, and all of it takes as long as the longest alone: eight minutes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

from tests.bench.deliveries import Delivery, alone, calls_while_idle, through
from tests.bench.report import Figure, median

ROUNDS = 3
IDLE_SECONDS = 120.0
SETTLE_SECONDS = 40.0
"""Between two large deliveries, and before the small ones: hashing a delivery keeps every core busy."""


def run(scratch: str, *, quick: bool) -> Iterator[Figure]:
    """The small deliveries are measured while the large one is on its way."""
    small, large = (30, 60) if quick else (300, 3000)
    with ProcessPoolExecutor(max_workers=6, mp_context=get_context("spawn")) as pool:

        def deliver(name: str, profile: str, count: int, *, bounded: bool = True) -> Future[Delivery]:
            return pool.submit(through, scratch, name, profile, count, bounded=bounded)

        many = deliver("large", "real", large)
        time.sleep(1 if quick else SETTLE_SECONDS)
        many_alone = pool.submit(alone, scratch, "large-alone", "real", large)
        unbounded = deliver("large-unbounded", "real", large, bounded=False)
        time.sleep(1 if quick else SETTLE_SECONDS)
        singles, ours, theirs = [], [], []
        for number in range(1 if quick else ROUNDS):
            singles.append(deliver(f"single-{number}", "real", 1).result())
            beside = pool.submit(alone, scratch, f"small-alone-{number}", "real", small)
            ours.append(deliver(f"small-{number}", "real", small).result())
            theirs.append(beside.result())
        idle = pool.submit(calls_while_idle, scratch, "idle", 10 if quick else IDLE_SECONDS)
        demo = deliver("demo", "demo", 60 if quick else 600).result()

        one = median([each.first for each in singles])
        yield Figure(
            "throughput",
            f"{small} photos at a real pace, vs Immich alone",
            median([each.seconds for each in ours]),
            "s",
            median(theirs),
            1.05,
        )
        yield Figure(
            "frugality", f"calls per photo at {small}, real pace", median([r.calls for r in ours]), "calls"
        )
        yield Figure("time to first", f"first of {small}", median([r.first for r in ours]), "s", one, 3.0)
        yield Figure("time to first", "one photo alone", one, "s")
        yield Figure(
            "latency", f"{demo_count(quick)} photos, Immich finished to filed", demo.delay, "s", None, 0.6
        )
        yield Figure(
            "frugality", f"calls per photo at {demo_count(quick)}, demo pace", demo.calls, "calls", None, 1.4
        )
        made = idle.result()
        minutes = (10 if quick else IDLE_SECONDS) / 60
        # Whatever they are for: the health check is whichever call there is a minute.
        yield Figure(
            "frugality",
            "calls a minute when idle, photos in review",
            sum(made.values()) / minutes,
            "calls",
            None,
            1.0,
        )
        total = many.result()
        yield Figure(
            "throughput",
            f"{large} photos at a real pace, vs Immich alone",
            total.seconds,
            "s",
            many_alone.result(),
            1.05,
        )
        yield Figure(
            "time to first", f"first of {large} dropped at once, vs one alone", total.first, "s", one, 3.0
        )
        yield Figure(
            "time to first",
            f"{large} in total, vs all handed over at once",
            total.seconds,
            "s",
            unbounded.result().seconds,
            1.05,
        )
        yield Figure("frugality", f"calls per photo at {large}, real pace", total.calls, "calls", None, 1.2)
        yield Figure("latency", f"{large} photos at a real pace, Immich finished to filed", total.delay, "s")


def demo_count(quick: bool) -> int:
    """Photos at the pace of `smartsort demo`."""
    return 60 if quick else 600
