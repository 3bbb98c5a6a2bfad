"""Statistics over HTTP: how well it goes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from smartsort.api.guard import BASE
from smartsort.api.problems import GUARDED
from smartsort.api.schemas.statistics import DayCount, Metric, ReviewFaces, SpotCheckResult, Summary
from smartsort.api.security import Reviewer
from smartsort.api.serving import ApiContext, Ctx
from smartsort.api.spot_checks import spot_check_result
from smartsort.api.views import wrong_limit
from smartsort.core.spot_checks import TARGET
from smartsort.core.words import digits_apart
from smartsort.ledger import review_faces, statistics
from smartsort.ledger.statistics import Totals, Waiting, What

router = APIRouter(prefix=f"{BASE}/stats", tags=["statistics"], responses=GUARDED)

AUTO_SORT_TARGET = 80
"""More than this many per cent are to be sorted automatically."""


@router.get("/today")
async def today(ctx: Ctx, _: Reviewer) -> Summary:
    """Get the statistics of today.

    The day begins at midnight in the server's time zone.
    """
    return await _summary(ctx, 1)


@router.get("/summary")
async def summary(
    ctx: Ctx, _: Reviewer, days: Annotated[int, Query(ge=1, le=3660, description="Today included.")] = 30
) -> Summary:
    """Get the statistics.

    They cover the last `days`, today included. A photo counts once, on the day of the last automatic decision
    about it.
    """
    return await _summary(ctx, days)


async def _summary(ctx: ApiContext, days: int) -> Summary:
    context = ctx.sidecar.context
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
    found = summarised(totals, waiting, came, days, await spot_check_result(ctx, since))
    found.limit = wrong_limit(ctx.sidecar.runtime_settings.limit())
    settled = await context.ledger.aread(lambda db: statistics.settled(db, since))
    found.decisions, found.key_presses = settled.decisions, settled.keys
    if settled.decisions:
        found.photos_per_decision = round(settled.photos / settled.decisions, 1)
    if settled.keys:
        found.photos_per_key_press = round(settled.photos_by_keys / settled.keys, 2)
    if ctx.sidecar.measure is not None:
        measured, of_all = await context.ledger.aread(review_faces.progress)
        found.review_faces = ReviewFaces(measured=measured, photos=of_all)
    return found


def summarised(
    totals: Totals,
    waiting: Waiting,
    came: Mapping[str, int],
    days: int,
    checks: SpotCheckResult | None = None,
) -> Summary:
    """Return the summary of counts. `came` are photos that came into review in these days and still wait."""
    standing = totals[What.SORTED] - totals[What.WRONG]
    in_review = sum(came.values())
    rate = percentage(standing, standing + in_review, AUTO_SORT_TARGET)
    return Summary(
        auto_sorted=standing,
        in_review=in_review,
        by_person=dict(totals.by_name.get(What.PERSON, {})),
        by_category=dict(came),
        success_rate=rate or 0.0,
        days=days,
        accepted=totals[What.ACCEPTED],
        approved=totals[What.APPROVED],
        rejected=totals[What.REJECTED],
        skipped=totals[What.SKIPPED],
        duplicates=totals[What.DUPLICATES],
        auto_resolved=totals[What.AUTO_RESOLVED],
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
        metrics=[
            Metric(
                name="auto_sort_rate",
                value=rate,
                target="> 80 %",
                met=None if rate is None else rate > AUTO_SORT_TARGET,
            ),
            _duplicates_caught(totals),
            _wrongly_sorted(totals, checks),
            Metric(name="waiting_in_review", value=waiting.total, target="< 50", met=waiting.total < 50),
        ],
        spot_checks=checks,
        queue_total=waiting.total,
        queue_age=dict(waiting.by_age),
    )


def percentage(part: int, whole: int, target: float | None = None) -> float | None:
    """Return the part in per cent, None of nothing: one decimal, or as many as tell it from `target`."""
    if not whole:
        return None
    share = 100 * part / whole
    return round(share, 1 if target is None else digits_apart(share, target, 1))


def _duplicates_caught(totals: Totals) -> Metric:
    caught = percentage(totals[What.DUPLICATES], totals[What.DUPLICATES] + totals[What.MISSED], 100)
    met = None if caught is None else not totals[What.MISSED]
    return Metric(name="duplicate_catch_rate", value=caught, target="100 %", met=met)


def _wrongly_sorted(totals: Totals, checks: SpotCheckResult | None) -> Metric:
    """Return what the spot checks say, and nothing before the first answer.

    The filings that users corrected are only some of the wrong ones: they can show that the goal is missed,
    never that it is met.
    """
    metric = Metric(name="wrongly_sorted_share", value=None, target=f"< {100 * TARGET:g} %", met=None)
    if checks is not None:
        metric.value, metric.met = checks.error_rate, checks.met
    corrected = percentage(totals[What.WRONG], totals[What.SORTED], 100 * TARGET) or 0.0
    if corrected >= 100 * TARGET:
        metric.value, metric.met = max(metric.value or 0.0, corrected), False
    return metric
