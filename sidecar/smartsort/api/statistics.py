"""Statistics over HTTP: how well it goes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from smartsort.api.guard import BASE
from smartsort.api.problems import GUARDED
from smartsort.api.schemas.statistics import DayCount, Metric, Summary
from smartsort.api.security import Reviewer
from smartsort.api.serving import Here, Serving
from smartsort.api.spot_checks import share_of_wrong
from smartsort.ledger import statistics
from smartsort.ledger.statistics import Totals, Waiting, What

router = APIRouter(prefix=f"{BASE}/stats", tags=["statistics"], responses=GUARDED)


@router.get("/today")
async def today(here: Here, _: Reviewer) -> Summary:
    """As `stats/summary` for today, from midnight in the server's zone."""
    return await _summary(here, 1)


@router.get("/summary")
async def summary(
    here: Here, _: Reviewer, days: Annotated[int, Query(ge=1, le=3660, description="Today included.")] = 30
) -> Summary:
    """What happened in the last days, and whether the goals are met.

    `auto_sorted` are automatic filings that still stand, `in_review` photos that came into the queue in
    these days and still wait, `success_rate` the share of the former in both, in per cent.
    """
    return await _summary(here, days)


async def _summary(here: Serving, days: int) -> Summary:
    context = here.sidecar.context
    await statistics.catch_up(context.ledger)
    now = context.clock.now()
    last = now.astimezone().date()
    first = last - timedelta(days=days - 1)
    # Local midnight by the calendar: a day of a clock change has 23 or 25 hours.
    midnight = datetime(first.year, first.month, first.day).astimezone()
    since = midnight.astimezone(UTC).isoformat(timespec="milliseconds")
    totals, waiting, came = await context.ledger.aread(
        lambda db: (
            statistics.totals(db, first, last),
            statistics.waiting(db, now),
            statistics.waiting_by_category(db, since),
        )
    )
    summary = summarised(totals, waiting, came, days)
    summary.spot_checks = await share_of_wrong(here, since)
    return summary


def summarised(totals: Totals, waiting: Waiting, came: Mapping[str, int], days: int) -> Summary:
    """The summary of counts. `came` are photos that came into review in these days and still wait."""
    standing = totals[What.SORTED] - totals[What.WRONG]
    in_review = sum(came.values())
    return Summary(
        auto_sorted=standing,
        in_review=in_review,
        by_person=dict(totals.by_name.get(What.PERSON, {})),
        by_category=dict(came),
        success_rate=percentage(standing, standing + in_review) or 0.0,
        days=days,
        accepted=totals[What.ACCEPTED],
        approved=totals[What.APPROVED],
        rejected=totals[What.REJECTED],
        skipped=totals[What.SKIPPED],
        duplicates=totals[What.DUPLICATES],
        healed=totals[What.HEALED],
        wrong=totals[What.WRONG],
        by_source=dict(totals.by_name.get(What.ACCEPTED, {})),
        by_day=[
            DayCount(
                day=day,
                sorted=counts.get(What.SORTED, 0) - counts.get(What.WRONG, 0),
                reviewed=counts.get(What.REVIEWED, 0),
                approved=counts.get(What.APPROVED, 0),
                rejected=counts.get(What.REJECTED, 0),
            )
            for day, counts in totals.by_day.items()
        ],
        metrics=_metrics(totals, standing, waiting),
        queue_total=waiting.total,
        queue_age=dict(waiting.by_age),
    )


def percentage(part: int, whole: int) -> float | None:
    """The part in per cent to one decimal, None of nothing."""
    return round(100 * part / whole, 1) if whole else None


def _metrics(totals: Totals, standing: int, waiting: Waiting) -> list[Metric]:
    """The success metrics of the source document."""
    rate = percentage(standing, totals[What.SORTED] + totals[What.REVIEWED])
    caught = percentage(totals[What.DUPLICATES], totals[What.DUPLICATES] + totals[What.MISSED])
    wrong = percentage(totals[What.WRONG], totals[What.SORTED])
    return [
        Metric(name="auto_sort_rate", value=rate, target="> 80 %", met=None if rate is None else rate > 80),
        Metric(
            name="duplicate_catch_rate",
            value=caught,
            target="100 %",
            met=None if caught is None else not totals[What.MISSED],
        ),
        Metric(
            name="wrongly_sorted_share", value=wrong, target="< 5 %", met=None if wrong is None else wrong < 5
        ),
        Metric(name="waiting_in_review", value=waiting.total, target="< 50", met=waiting.total < 50),
    ]
