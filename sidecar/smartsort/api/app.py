"""The HTTP application."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline

from smartsort import __version__
from smartsort.api import (
    control,
    decisions,
    explanations,
    health,
    history,
    intake,
    page,
    people,
    problems,
    review,
    rule_outs,
    spot_checks,
    statistics,
    what_if,
)
from smartsort.api.examples import add_examples
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
Hand photos over, review what needs a human, configure, count.

Everything but `/healthz` and these descriptions needs a token: `Authorization: Bearer TOKEN`. Tokens have
the scopes `intake` (hand photos in, status), `review` (also look and decide) or `admin` (also configure).
Errors have one shape, `Problem`; its `code` is stable.
"""

_TAGS = [
    {"name": "intake", "description": "Handing photos over by URL and upload."},
    {"name": "review", "description": "What waits for a human, and deciding it."},
    {"name": "people", "description": "The people of Immich."},
    {"name": "history", "description": "What happened, live and in the past, and taking it back."},
    {"name": "control", "description": "On, off and settings."},
    {"name": "statistics", "description": "How well it goes."},
    {"name": "health", "description": "For machines that watch over smartsort."},
]

_MODULES = (
    intake,
    review,
    decisions,
    rule_outs,
    explanations,
    spot_checks,
    people,
    history,
    control,
    what_if,
    statistics,
    health,
)
"""In the order of the page."""


def _operation_id(route: APIRoute) -> str:
    """What a generated client calls a route: `review_item`, `intake_item`."""
    return f"{route.endpoint.__module__.rpartition('.')[2]}_{route.name}"


def _completed(description: dict[str, Any]) -> dict[str, Any]:
    """The description with examples, and with the beginning of each route's text as its title."""
    for methods in description["paths"].values():
        for operation in methods.values():
            operation["summary"] = re.split(r"[.;:](?:\s|$)", operation["description"], maxsplit=1)[0]
    return add_examples(description)


def create_app(sidecar: Sidecar) -> FastAPI:
    """The application for one sidecar. Raises ConfigurationError when there is no token and none is made."""
    sessions = Sessions(Tokens.of(sidecar.settings), sidecar.context.clock.now)
    status = StatusReader(sidecar)
    meter = Metrics(sidecar, status)
    # The page comes from here: a home server's page must not depend on somebody else's being reachable.
    app = FastAPIOffline(
        title="smartsort",
        version=__version__,
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        static_url=DOCS_FOLDER.rstrip("/"),
    )
    app.state.sidecar = sidecar
    app.state.serving = ApiContext(sidecar, status, Pictures(sidecar), Live(sidecar, status), meter, sessions)
    routers = [module.router for module in _MODULES]
    for router in routers:
        app.include_router(router)
    problems.install(app, [route for one in routers for route in one.routes if isinstance(route, APIRoute)])
    page.install(app)
    describe = app.openapi
    app.openapi = lambda: _completed(describe())  # type: ignore[method-assign]
    app.add_middleware(
        Guard,
        sessions=sessions,
        observe=meter.observe,
        body_seconds=sidecar.settings.api.upload_stall_timeout_seconds,
        hosts=sidecar.settings.api.hosts,
        base_path=sidecar.settings.api.base_path or "",
    )
    return app
