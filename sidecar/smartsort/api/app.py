"""The HTTP application."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline

from smartsort import __version__
from smartsort.api import (
    adoption,
    backfill,
    control,
    decisions,
    deletions,
    explanations,
    health,
    history,
    intake,
    near_misses,
    offers,
    page,
    people,
    problems,
    review,
    rule_outs,
    spot_checks,
    statistics,
    strangers,
    what_if,
)
from smartsort.api.description import complete
from smartsort.api.guard import Guard
from smartsort.api.live import Live
from smartsort.api.metrics import Metrics
from smartsort.api.pictures import Pictures
from smartsort.api.security import DOCS_FOLDER, Tokens
from smartsort.api.serving import ApiContext
from smartsort.api.sessions import Sessions
from smartsort.api.state import StatusReader
from smartsort.bootstrap import Sidecar

_DESCRIPTION = """\
Hand photos in, review them, change settings, and read statistics.

Everything but `/healthz` and these descriptions needs a token: `Authorization: Bearer TOKEN`. A token has
the scope `intake` (hand photos in, read the status), `review` (also read and decide) or `admin` (also
change settings). Every error has the shape `Problem`, and its `code` is stable.
"""

_TAGS = [
    {"name": "intake", "description": "Hand photos in by URL and upload."},
    {"name": "review", "description": "Photos that wait for a decision."},
    {"name": "people", "description": "Immich's people."},
    {"name": "history", "description": "What happened, and how to undo it."},
    {"name": "control", "description": "Status, switch, settings and lists."},
    {"name": "statistics", "description": "Figures about the sorting."},
    {"name": "health", "description": "For monitoring."},
]

_MODULES = (
    intake,
    adoption,
    review,
    decisions,
    rule_outs,
    offers,
    near_misses,
    explanations,
    spot_checks,
    strangers,
    deletions,
    people,
    history,
    control,
    what_if,
    backfill,
    statistics,
    health,
)
"""In the order of the page."""


def _operation_id(route: APIRoute) -> str:
    """Return what a generated client calls a route: `review_item`, `intake_item`."""
    return f"{route.endpoint.__module__.rpartition('.')[2]}_{route.name}"


def described_app() -> FastAPI:
    """Return the application with its routes and its description, without a sidecar."""
    # smartsort serves the page itself: it has to work without the internet.
    app = FastAPIOffline(
        title="smartsort",
        version=__version__,
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        static_url=DOCS_FOLDER.rstrip("/"),
    )
    routers = [module.router for module in _MODULES]
    for router in routers:
        app.include_router(router)
    problems.install(app, [route for one in routers for route in one.routes if isinstance(route, APIRoute)])
    page.install(app)
    describe = app.openapi
    app.openapi = lambda: complete(describe())  # type: ignore[method-assign]
    return app


def create_app(sidecar: Sidecar) -> FastAPI:
    """Return the application for one sidecar. Raises ConfigurationError if no token can be had."""
    sessions = Sessions(Tokens.of(sidecar.settings), sidecar.context.clock.now)
    status = StatusReader(sidecar)
    meter = Metrics(sidecar, status)
    app = described_app()
    app.state.sidecar = sidecar
    app.state.serving = ApiContext(sidecar, status, Pictures(sidecar), Live(sidecar, status), meter, sessions)
    app.add_middleware(
        Guard,
        sessions=sessions,
        observe=meter.observe,
        body_seconds=sidecar.settings.api.upload_stall_timeout_seconds,
        hosts=sidecar.settings.api.hosts,
        base_path=sidecar.settings.api.base_path or "",
    )
    return app
