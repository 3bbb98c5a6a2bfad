"""Errors over HTTP: one body for all of them, and the statuses each route documents."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from smartsort.actions import ActionRefused
from smartsort.api.schemas.history import EventView
from smartsort.api.schemas.problems import Problem
from smartsort.errors import (
    ConfigurationError,
    ImmichError,
    LedgerError,
    SmartsortError,
    StorageError,
)
from smartsort.files.shown import shown

log = logging.getLogger(__name__)

Answers = dict[int | str, dict[str, Any]]

_MEANINGS = {
    401: "No token, or an unknown one (`unauthorised`).",
    403: "The token lacks a scope (`forbidden`).",
    404: "It does not exist (`not_found`).",
    408: "The body did not arrive in time (`too_slow`).",
    409: "Another client or smartsort was faster (`conflict`). `happened` is that event.",
    413: "The body is longer than allowed (`too_large`).",
    422: "The request is not valid (`invalid`).",
    503: "Immich (`immich`), a folder (`storage`) or the ledger (`ledger`) cannot be used at the moment.",
}

_SAID = {
    401: ("this needs a token: send the header `Authorization: Bearer TOKEN`", "unauthorised"),
    403: ("this needs a token with the scope review. downloader has intake", "forbidden"),
    404: ("photo 7 is not in the review queue", "not_found"),
    408: ("the body did not come within 30 s (api.upload_stall_timeout_seconds)", "too_slow"),
    409: ("photo 7 was approved already by admin at 2026-05-01T12:00:09.470+00:00", "conflict"),
    413: ("the body is longer than 1048576 bytes", "too_large"),
    422: ("body.min_confidence: Input should be less than or equal to 1", "invalid"),
    503: ("Immich at http://immich:2283 does not answer", "immich"),
}

CODES = {
    400: "invalid",
    401: "unauthorised",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    409: "conflict",
    413: "too_large",
    415: "invalid",
    422: "invalid",
}


RETRY_SECONDS = "30"
"""When to ask again after a 503. About how often smartsort itself looks for Immich and the disk."""


class Refused(Exception):
    """A request that is answered with a Problem."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        happened: EventView | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.headers = status, headers
        self.problem = Problem(detail=detail, code=code, happened=happened)


def preview_first() -> Refused:
    """Return the answer to a bulk action that nobody has seen the effect of."""
    return Refused(
        422,
        "invalid",
        "preview first: ask with `dry_run`, then give the `preview` of its answer and nothing else",
    )


def answers(*statuses: int) -> Answers:
    """Return the `responses` of a route: these statuses with a Problem as their body."""
    return {status: _answer(status) for status in statuses}


def _answer(status: int) -> dict[str, Any]:
    # A reference, not a model: the framework would build a validator of its own for each of these answers
    # of each route, some three hundred. The model itself is named once, by the intake's 415.
    detail, code = _SAID[status]
    body = {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "example": {"detail": detail, "code": code, "happened": None},
    }
    return {"description": _MEANINGS[status], "content": {"application/json": body}}


GUARDED = answers(401, 403, 408, 413, 422, 503)
"""What every route behind a token may answer."""


def problem_response(status: int, problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the answer for a problem."""
    return JSONResponse(problem.model_dump(mode="json"), status_code=status, headers=headers)


def _validation(problem: RequestValidationError) -> Problem:
    """Return what did not fit and where. Never the value, which may be a secret."""
    parts = []
    for error in problem.errors():
        place = ".".join(str(part) for part in error["loc"])
        parts.append(f"{place}: {error['msg']}")
    return Problem(detail=shown("; ".join(parts[:20])) or "the request does not fit", code="invalid")


_REFUSED = {"forbidden": 403, "not_found": 404, "not_undoable": 409, "preview_gone": 409}
"""Statuses of refused actions by their code. The others do not fit the request (422)."""


def _status_of(problem: SmartsortError) -> tuple[int, str]:
    if isinstance(problem, ActionRefused):
        return _REFUSED.get(problem.code, 422), problem.code
    table: tuple[tuple[type[SmartsortError], int, str], ...] = (
        (ImmichError, 503, "immich"),
        (StorageError, 503, "storage"),
        (LedgerError, 503, "ledger"),
        (ConfigurationError, 422, "invalid"),
    )
    return next(((status, code) for kind, status, code in table if isinstance(problem, kind)), (503, "error"))


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _allowed(routes: Sequence[APIRoute], path: str) -> str | None:
    """The methods a path has, for `Allow`: the framework names those of the first route that fits only."""
    found = {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}
    return ", ".join(sorted(found)) or None


def install(app: FastAPI, routes: Sequence[APIRoute]) -> None:
    """Have the application answer every error with a Problem. `routes` are those of the API."""

    @app.exception_handler(Refused)
    async def refused(_: Request, problem: Refused) -> Response:
        return problem_response(problem.status, problem.problem, problem.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, problem: RequestValidationError) -> Response:
        found = _validation(problem)
        if any(error["loc"] == ("body",) for error in problem.errors()) and not _is_json(request):
            # What curl sends with -d alone. What else is wrong with it says nothing then.
            found.detail = "send the body as JSON, with the header `Content-Type: application/json`"
        return problem_response(422, found)

    @app.exception_handler(HTTPException)
    async def http(request: Request, problem: HTTPException) -> Response:
        status = 422 if problem.status_code == 400 else problem.status_code
        detail = str(problem.detail)
        if status == 404 and detail == "Not Found":
            detail = f"there is nothing at {shown(request.url.path)}. See /docs"
        elif status == 405:
            detail = f"{request.method} is not for {shown(request.url.path)}. See /docs"
        headers = dict(problem.headers) if problem.headers else {}
        if status == 405 and (allowed := _allowed(routes, request.url.path)):
            headers = {name: value for name, value in headers.items() if name.lower() != "allow"}
            headers["Allow"] = allowed
        return problem_response(status, Problem(detail=detail, code=CODES.get(status, "error")), headers)

    @app.exception_handler(SmartsortError)
    async def ours(_: Request, problem: SmartsortError) -> Response:
        status, code = _status_of(problem)
        headers = {"Retry-After": RETRY_SECONDS} if status == 503 else None
        return problem_response(status, Problem(detail=shown(str(problem)), code=code), headers)

    @app.exception_handler(Exception)
    async def bug(request: Request, problem: Exception) -> Response:
        log.error("%s %s failed", request.method, shown(request.url.path), exc_info=problem)
        return problem_response(
            500, Problem(detail="smartsort failed at this. Its log says where. Please report it.")
        )
