"""The metrics, with what they say of themselves."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from unittest.mock import MagicMock

from tools.reference import markdown

from smartsort.api.metrics import Counts, Metrics
from smartsort.ledger.statistics import Waiting

_ENDS = {"counter": "_total", "info": "_info"}


def table() -> str:
    """Return every metric with its help."""
    metrics = Metrics(MagicMock(), MagicMock(queues={}))
    of_photos = Counts({}, {}, Waiting())
    families = [
        *metrics.families(of_photos, datetime.now(UTC), None, Counter(), 0),
        *metrics.process.collect(),
    ]
    return markdown.table(
        ("metric", "what"),
        ((f"`{one.name}{_ENDS.get(one.type, '')}`", one.documentation) for one in families),
    )
