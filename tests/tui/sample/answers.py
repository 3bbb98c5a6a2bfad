"""What the made-up sidecar sends back."""

from __future__ import annotations

from dataclasses import dataclass

from smartsort.api.schemas.base import ResponseModel
from smartsort.api.schemas.history import EventView
from smartsort.api.schemas.problems import Problem


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a status, a media type and bytes."""

    status: int
    media_type: str
    body: bytes


def json_answer(shape: ResponseModel, status: int = 200) -> Answer:
    """A shape of the API as its answer."""
    return Answer(status, "application/json", shape.model_dump_json().encode())


class Refusal(Exception):
    """A request that is refused, with the answer that says why."""

    def __init__(self, status: int, code: str, detail: str, happened: EventView | None = None) -> None:
        self.detail = detail
        self.answer = json_answer(Problem(detail=detail, code=code, happened=happened), status)
        super().__init__(detail)
