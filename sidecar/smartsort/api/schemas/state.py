"""The status and the health of smartsort."""

from __future__ import annotations

from typing import Literal

from smartsort.api.schemas.base import ResponseModel, State


class HealthIssueView(ResponseModel):
    """A health issue, and since when it exists."""

    kind: str
    message: str
    since: str
    severity: Literal["problem", "notice"] = "problem"
    """A notice stops no photo."""


class PhotoInProgress(ResponseModel):
    """A photo in progress."""

    photo_id: int
    filename: str
    source: str
    state: State
    since: str
    problem: str | None = None


class Status(ResponseModel):
    """The status of smartsort."""

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
    """The first side files without a photo, such as the JSON of an album. They stay in the inbox."""
    in_progress_by_state: dict[str, int] = {}
    in_review: int = 0
    queues: dict[str, int] = {}
    """Jobs in Immich's queues that photos wait for."""
    estimated_wait_seconds: float | None = None
    """The estimate for a photo that you hand in now. Null if smartsort cannot estimate it."""
    health_issues: list[HealthIssueView] = []
    in_progress: list[PhotoInProgress] = []
    immich_requests: int = 0
    started_at: str = ""


class Health(ResponseModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"
    version: str


class Ready(ResponseModel):
    """Whether smartsort can sort: Immich is connected, and no health issue stops it."""

    status: Literal["ready", "waiting"]
    enabled: bool
    immich: str
    health_issues: list[HealthIssueView] = []
    in_progress_by_state: dict[str, int] = {}


class MessagesTested(ResponseModel):
    """How many addresses got a test message, and the problems of those that did not accept it."""

    addresses: int
    problems: list[str] = []


class Check(ResponseModel):
    """One line of the doctor."""

    name: str
    verdict: Literal["ok", "warning", "broken", "skipped"]
    detail: str = ""
    remedy: str = ""


class DoctorReport(ResponseModel):
    """All checks of the doctor, and the worst result in one word."""

    checks: list[Check]
    status: Literal["ok", "degraded", "broken"]
