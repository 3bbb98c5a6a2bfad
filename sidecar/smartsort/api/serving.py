"""What the routes work with: the sidecar and what the API itself keeps for the life of the process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Request

from smartsort.api.live import Live
from smartsort.api.metrics import Metrics
from smartsort.api.pictures import Pictures
from smartsort.api.previews import Previews
from smartsort.api.schemas.review import Offer
from smartsort.api.sessions import Sessions
from smartsort.api.state import StatusReader
from smartsort.bootstrap import Sidecar


@dataclass(slots=True)
class ApiContext:
    """One per application."""

    sidecar: Sidecar
    status: StatusReader
    pictures: Pictures
    live: Live
    meter: Metrics
    sessions: Sessions
    previews: Previews = field(default_factory=Previews)
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while settings are read, changed and written."""
    offers: tuple[object, list[Offer]] | None = None
    """What was offered last, and of which state of the queue."""
    offering: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while that is found: who asks meanwhile gets the same."""
    examining: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the doctor looks: it makes probe files, and one look at a time is enough."""


def serving(request: Request) -> ApiContext:
    """Return the application's tools."""
    return cast("ApiContext", request.app.state.serving)


Ctx = Annotated[ApiContext, Depends(serving)]
