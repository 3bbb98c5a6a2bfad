"""Is it on, how is it: the status as one value."""

from __future__ import annotations

from datetime import datetime

from sqlite_utils import Database

from smartsort import __version__
from smartsort.api.schemas.state import Status
from smartsort.api.views import health_issue_views, in_progress_view
from smartsort.bootstrap import Sidecar
from smartsort.core.model import IN_PROGRESS, State
from smartsort.files.shown import shown
from smartsort.ledger import photos, statistics
from smartsort.ledger.records import Photo
from smartsort.pipeline.engine.health import HealthIssueKind
from smartsort.pipeline.recognition.estimate import SAMPLE, estimated_wait_seconds

IN_PROGRESS_SHOWN = 100
"""Photos on their way that the status lists, oldest first."""

LEFT_SHOWN = 100
"""Side files left in the inbox that the status lists."""


class StatusReader:
    """Puts the status together. The ledger is read in a worker thread."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._started_at = sidecar.context.clock.text()

    @property
    def ready(self) -> bool:
        """Immich is connected and nothing is in the way."""
        return self._sidecar.connected and not self._sidecar.runner.health_issues.blocked

    @property
    def immich(self) -> str:
        """`connected`, or what is wrong."""
        if self._sidecar.connected:
            return "connected"
        for issue in self._sidecar.runner.health_issues.open:
            if issue.kind in (HealthIssueKind.IMMICH, HealthIssueKind.PERMISSION):
                return shown(issue.message)
        return "not connected yet"

    @property
    def queues(self) -> dict[str, int]:
        """Jobs in Immich that photos wait for. Nothing is known of them while Immich does not answer."""
        counts = self._sidecar.recognise_stage.counts if self._sidecar.connected else {}
        return {name: count.pending for name, count in counts.items()}

    @property
    def immich_version(self) -> str | None:
        """Immich's version as it said when it was connected, None while it is not."""
        return self._sidecar.immich_version if self._sidecar.connected else None

    async def read(self) -> Status:
        """Return the status of this moment."""
        sidecar = self._sidecar
        context, settings = sidecar.context, sidecar.settings

        def look(db: Database) -> tuple[dict[State, int], list[Photo], int, list[tuple[str, str]]]:
            return (
                photos.in_progress(db),
                statistics.photos_in_progress(db, IN_PROGRESS_SHOWN),
                sum(statistics.waiting_by_category(db).values()),
                statistics.last_waits(db, SAMPLE),
            )

        by_state, moving, in_review, waits = await context.ledger.aread(look)
        estimate = None
        if sidecar.runtime_settings.enabled and self.ready:
            estimate = estimated_wait_seconds(
                [(datetime.fromisoformat(a), datetime.fromisoformat(r)) for a, r in waits],
                sum(by_state.values()),
                context.clock.now(),
                datetime.fromisoformat(moving[0].arrived_at) if moving else None,
            )
        return Status(
            enabled=sidecar.runtime_settings.enabled,
            ready=self.ready,
            version=__version__,
            immich=self.immich,
            immich_version=self.immich_version,
            immich_url=str(settings.immich.url) if settings.immich.url else None,
            root=shown(context.layout.root),
            inbox=shown(context.layout.inbox),
            inbox_waiting=sidecar.inbox.waiting,
            inbox_left=list(sidecar.inbox.left_over[:LEFT_SHOWN]),
            in_progress_by_state={state.value: by_state[state] for state in IN_PROGRESS if state in by_state},
            in_review=in_review,
            queues=self.queues,
            estimated_wait_seconds=None if estimate is None else round(estimate, 1),
            health_issues=health_issue_views(sidecar.runner.health_issues.open),
            in_progress=[in_progress_view(photo) for photo in moving],
            immich_requests=sum(context.server.calls.values()),
            started_at=self._started_at,
        )
