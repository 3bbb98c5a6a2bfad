"""Errors."""

from __future__ import annotations

from smartsort.api.schemas.base import ResponseModel, example
from smartsort.api.schemas.history import EventView


class Problem(ResponseModel):
    """Every error's body: what failed, on what, and what to do."""

    model_config = example(detail="photo 7 is not in the review queue", code="not_found", happened=None)

    detail: str
    code: str = "error"
    """A stable code, such as `not_found`, `conflict` or `invalid`."""
    happened: EventView | None = None
    """With `conflict`: the event that came first."""
