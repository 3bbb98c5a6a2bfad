"""For machines that watch over smartsort: alive, ready, metrics."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from smartsort import __version__
from smartsort.api.examples import METRICS
from smartsort.api.guard import BASE
from smartsort.api.problems import GUARDED, Answers
from smartsort.api.schemas.state import DoctorReport, Health, Ready
from smartsort.api.security import Intaker, Reviewer
from smartsort.api.serving import Ctx
from smartsort.api.views import health_issue_views
from smartsort.bootstrap import in_progress

router = APIRouter(tags=["health"])

_METRICS: Answers = {
    200: {
        "content": {"text/plain": {"schema": {"type": "string"}, "example": METRICS}},
        "description": "The metrics.",
    }
}


@router.get("/healthz")
async def healthz() -> Health:
    """Check that the process is alive.

    This needs no token.
    """
    return Health(version=__version__)


@router.get(
    "/readyz",
    responses={**GUARDED, 503: {"model": Ready, "description": "Something is in the way: `health_issues`."}},
)
async def readyz(ctx: Ctx, response: Response, _: Intaker) -> Ready:
    """Check that smartsort can sort.

    The answer is 200 while Immich is connected and no health issue stops smartsort. Otherwise it is 503 with
    the health issues.
    """
    sidecar = ctx.sidecar
    if not ctx.status.ready:
        response.status_code = 503
    waiting = await in_progress(sidecar)
    return Ready(
        status="ready" if ctx.status.ready else "waiting",
        enabled=sidecar.runtime_settings.enabled,
        immich=ctx.status.immich,
        health_issues=health_issue_views(sidecar.runner.health_issues.open),
        in_progress_by_state={state.value: count for state, count in waiting.items()},
    )


@router.get(f"{BASE}/doctor", responses=GUARDED)
async def doctor(ctx: Ctx, _: Reviewer) -> DoctorReport:
    """Run the doctor.

    The answer holds each check with its remedy, as `smartsort doctor` shows it. It takes seconds when Immich
    does not answer. It changes nothing.
    """
    from smartsort.doctor import examine  # noqa: PLC0415 - only when somebody asks

    async with ctx.examining:
        return await examine(ctx.sidecar.settings)


@router.get("/metrics", response_class=Response, responses={**GUARDED, **_METRICS})
async def metrics(ctx: Ctx, _: Intaker) -> Response:
    """Get the metrics.

    They have Prometheus' text format.
    """
    text = await ctx.meter.text(ctx.live.listeners)
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)
