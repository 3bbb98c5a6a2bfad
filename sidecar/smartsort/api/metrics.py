"""Metrics for Prometheus. Totals come from the ledger, so they go on counting after a restart.

Only requests to this API and the figures of the process are those of this process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlite_utils import Database

from smartsort import __version__
from smartsort.api.state import StatusReader
from smartsort.bootstrap import Sidecar
from smartsort.core.model import IN_FLIGHT, IN_PROGRESS, Category, State
from smartsort.ledger import key_value, photos, statistics
from smartsort.ledger.statistics import Waiting, What

_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)

_TOTALS = {
    What.ACCEPTED: "Photos taken in.",
    What.SORTED: "Photos whose last automatic decision filed them.",
    What.WRONG: "Sorted photos that a human undid or filed elsewhere.",
    What.REVIEWED: "Photos whose last automatic decision sent them to review, answered ones included.",
    What.AUTO_RESOLVED: "Sorted photos that had waited in review.",
    What.SKIPPED: "Duplicates put away as configured.",
    What.DUPLICATES: "Duplicates noticed.",
    What.MISSED: "Photos filed although the same content had been accepted before.",
    What.APPROVED: "Photos a human approved.",
    What.REJECTED: "Photos a human rejected.",
}
_NAMES = {What.DUPLICATES: "duplicate", What.MISSED: "missed_duplicate"}
_CALLS = "immich_requests"
_ONLY_GROWS = frozenset({What.ACCEPTED})
"""A photo that is re-evaluated, or an undo, takes from all others: a counter must not go down."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of photos, as the ledger has them."""

    by_state: dict[State, int]
    ever: dict[str, int]
    waiting: Waiting
    oldest: dict[str, str] = field(default_factory=dict)


class _Snapshot(Collector):
    """Metric families that were read already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


class Metrics:
    """The metrics of one application."""

    def __init__(self, sidecar: Sidecar, status: StatusReader) -> None:
        self._sidecar, self._status = sidecar, status
        self.process = CollectorRegistry()
        """Metrics that start again with the process."""
        ProcessCollector(namespace="smartsort", registry=self.process)
        self._requests = Histogram(
            "smartsort_http_request_seconds",
            "Requests to this API.",
            ("method", "route", "status"),
            registry=self.process,
            buckets=_BUCKETS,
        )

        self._calls_before: Counter[str] | None = None
        """Calls to Immich of earlier processes, by operation."""

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note a request."""
        known = method if method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS") else "other"
        self._requests.labels(known, route, str(status)).observe(seconds)

    async def text(self, listeners: int) -> bytes:
        """Everything in Prometheus' text format."""
        context = self._sidecar.context
        await statistics.catch_up(context.ledger)
        now = context.clock.now()

        def read(db: Database) -> Counts:
            return Counts(
                photos.count_by_state(db),
                statistics.totals_ever(db),
                statistics.waiting(db, now),
                statistics.oldest_in_progress(db, [s.value for s in IN_PROGRESS]),
            )

        counts = await context.ledger.aread(read)
        version = self._status.immich_version
        calls = await self._calls_ever()
        snapshot = CollectorRegistry()
        snapshot.register(_Snapshot(self.families(counts, now, version, calls, listeners)))
        return generate_latest(snapshot) + generate_latest(self.process)

    def families(
        self, counts: Counts, now: datetime, version: str | None, calls: Counter[str], listeners: int
    ) -> Iterator[Metric]:
        """Yield all metrics but those of `process`."""
        yield from self._of_photos(counts, now)
        yield from self._of_immich(version, calls)
        yield from self._of_sidecar(listeners)

    async def _calls_ever(self) -> Counter[str]:
        """Calls to Immich by operation. What is told is kept first, so that no restart tells less."""
        ledger = self._sidecar.context.ledger
        if self._calls_before is None:
            self._calls_before = Counter(await ledger.aread(lambda db: key_value.get(db, _CALLS, {})))
        calls = self._calls_before + Counter(self._sidecar.context.server.calls)
        await ledger.awrite(lambda db: key_value.put(db, _CALLS, dict(calls)))
        return calls

    def _of_photos(self, counts: Counts, now: datetime) -> Iterator[Metric]:
        states = GaugeMetricFamily("smartsort_photos", "Photos by state.", labels=["state"])
        for state in State:
            states.add_metric([state.value], counts.by_state.get(state, 0))
        yield states
        yield GaugeMetricFamily(
            "smartsort_in_flight_photos",
            "Photos in the library that Immich has not recognised yet.",
            sum(counts.by_state.get(state, 0) for state in IN_FLIGHT),
        )
        for what, text in _TOTALS.items():
            name = f"smartsort_{_NAMES.get(what, what)}_photos"
            kind = CounterMetricFamily if what in _ONLY_GROWS else GaugeMetricFamily
            yield kind(name, text, value=counts.ever.get(what, 0))
        waiting = GaugeMetricFamily(
            "smartsort_review_photos", "Photos waiting in review, by category.", labels=["category"]
        )
        for category in Category:
            waiting.add_metric([category.value], counts.waiting.by_category.get(category.value, 0))
        yield waiting
        yield GaugeMetricFamily(
            "smartsort_review_oldest_seconds",
            "Age of the photo that has waited longest in review, 0 when none waits.",
            _age(counts.waiting.oldest, now),
        )
        oldest = GaugeMetricFamily(
            "smartsort_in_progress_oldest_seconds",
            "Age of the oldest photo in progress, by state, 0 when there is none.",
            labels=["state"],
        )
        for state in IN_PROGRESS:
            oldest.add_metric([state.value], _age(counts.oldest.get(state.value), now))
        yield oldest

    def _of_immich(self, version: str | None, counted: Counter[str]) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "smartsort_immich_connected", "1 while Immich is connected.", int(self._sidecar.connected)
        )
        calls = CounterMetricFamily(
            "smartsort_immich_calls",
            "HTTP requests made to Immich, retries included.",
            labels=["operation"],
        )
        for operation, count in sorted(counted.items()):
            calls.add_metric([operation], count)
        yield calls
        jobs = GaugeMetricFamily(
            "smartsort_immich_jobs",
            "Jobs in Immich's queues that photos wait for. None while no photo waits.",
            labels=["queue"],
        )
        for queue, pending in self._status.queues.items():
            jobs.add_metric([queue], pending)
        yield jobs
        yield InfoMetricFamily(
            "smartsort_build", "Versions.", {"version": __version__, "immich": version or "unknown"}
        )

    def _of_sidecar(self, listeners: int) -> Iterator[Metric]:
        sidecar = self._sidecar
        yield GaugeMetricFamily(
            "smartsort_enabled", "1 while sorting is switched on.", int(sidecar.runtime_settings.enabled)
        )
        health_issues = GaugeMetricFamily(
            "smartsort_health_issue", "1 for each kind of health issue that goes on.", labels=["kind"]
        )
        for kind in dict.fromkeys(issue.kind for issue in sidecar.runner.health_issues.open):
            health_issues.add_metric([kind], 1)
        yield health_issues
        yield GaugeMetricFamily(
            "smartsort_inbox_files", "Files in the inbox that may still change.", sidecar.inbox.waiting
        )
        yield GaugeMetricFamily("smartsort_event_listeners", "Clients listening to the events.", listeners)


def _age(since: str | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - datetime.fromisoformat(since)).total_seconds())
