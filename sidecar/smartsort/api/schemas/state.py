"""Is it on, how is it, and what is wrong with it."""

from __future__ import annotations

from typing import Literal

from smartsort.api.schemas.base import ResponseModel, State


class HealthIssueView(ResponseModel):
    """What keeps photos from being sorted, or is worth knowing, and since when."""

    kind: str
    message: str
    since: str
    severity: Literal["problem", "notice"] = "problem"
    """A notice keeps no photo from being sorted."""


class PhotoInProgress(ResponseModel):
    """A photo in progress."""

    photo_id: int
    filename: str
    source: str
    state: State
    since: str
    problem: str | None = None


class Status(ResponseModel):
    """Is it on, how is it."""

    enabled: bool
    ready: bool
    version: str
    immich: str
    """`connected` or what is wrong."""
    immich_version: str | None = None
    immich_url: str | None = None
    root: str
    inbox: str
    inbox_waiting: int = 0
    inbox_left: list[str] = []
    """Side files of no photo, such as the JSON of an album: they stay in the inbox. The first of them."""
    in_progress_by_state: dict[str, int] = {}
    in_review: int = 0
    queues: dict[str, int] = {}
    """Jobs pending in Immich's queues as last seen."""
    estimated_wait_seconds: float | None = None
    """For a photo dropped now; None when unknown."""
    health_issues: list[HealthIssueView] = []
    in_progress: list[PhotoInProgress] = []
    immich_requests: int = 0
    started_at: str = ""


class Health(ResponseModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"
    version: str


class Ready(ResponseModel):
    """Whether it can sort: Immich is connected and nothing is in the way."""

    status: Literal["ready", "waiting"]
    enabled: bool
    immich: str
    health_issues: list[HealthIssueView] = []
    in_progress_by_state: dict[str, int] = {}


class MessagesTested(ResponseModel):
    """How many addresses a test message went to, and what was wrong with those that did not take it."""

    addresses: int
    problems: list[str] = []


class Check(ResponseModel):
    """One line of the doctor."""

    name: str
    verdict: Literal["ok", "warning", "broken", "skipped"]
    detail: str = ""
    remedy: str = ""


class DoctorReport(ResponseModel):
    """All checks of the doctor, and the worst of them in one word."""

    checks: list[Check]
    status: Literal["ok", "degraded", "broken"]
