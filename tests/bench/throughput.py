"""Photos through the whole pipeline while Immich answers at once: what smartsort itself can do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from tests.bench.deliveries import through
from tests.bench.report import Figure, median

from smartsort.core.decision import decide
from smartsort.core.filing_rules import FilingRule
from smartsort.core.model import Box, Evidence, Face, Origin, Person
from smartsort.core.person_ref import PersonRef
from smartsort.core.policy import MultipleFaces, Policy

RUNS = 3
RULES = 100


def run(scratch: str, *, quick: bool) -> Iterator[Figure]:
    """Photos per second, and what each costs: processor time, calls, bytes."""
    many = 600 if quick else 3000
    runs = [through(scratch, f"through-{n}", "instant", many) for n in range(1 if quick else RUNS)]
    cost = rules_cost(2_000 if quick else 20_000)
    yield Figure(
        "rules", f"{RULES} filing rules on a photo, processor time", cost * 1e6, "µs", None, limit=50.0
    )
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


def rules_cost(photos: int) -> float:
    """Seconds of processor time that a hundred rules add to the decision about a photo of three people."""
    people = [Person(f"id-{n}", f"Person {n}", born="2019-05-01") for n in range(30)]
    names = [PersonRef(person.name) for person in people]
    rules = tuple(
        FilingRule(
            f"rule {n}",
            priority=n % 7,
            all=(names[n % 30],) if n % 3 == 0 else (),
            any=(names[n % 30], names[(n + 1) % 30]) if n % 3 == 1 else (),
            none=(names[(n + 5) % 30],),
            only=tuple(names[n % 20 : n % 20 + 10]) if n % 2 else (),
            strangers=(0, n % 3),
            younger_than=n % 4 * 3,
            source=("whatsapp", "camera") if n % 5 == 0 else (),
            date_from=date(2010 + n % 20, 1, 1) if n % 2 else None,
            kind=("photo",) if n % 4 == 0 else (),
            folder="{person}/{year}",
        )
        for n in range(RULES)
    )
    policy = Policy(max_faces=5, multiple_faces=MultipleFaces.EACH_PERSON)
    shown = [
        Evidence(
            faces=tuple(
                Face(f"f-{k}", Box(10 * k, 0, 10 * k + 9, 9), 100, 100, people[(n + 7 * k) % 30])
                for k in range(3)
            ),
            taken=f"20{10 + n % 15}-07-05T12:00:00",
            origin=Origin("whatsapp", "", "Pixel 8"),
        )
        for n in range(300)
    ]

    def seconds(policy: Policy) -> float:
        for evidence in shown:
            decide(evidence, policy)
        began = time.process_time()
        for number in range(photos):
            decide(shown[number % len(shown)], policy)
        return (time.process_time() - began) / photos

    return seconds(replace(policy, rules=rules)) - seconds(policy)
