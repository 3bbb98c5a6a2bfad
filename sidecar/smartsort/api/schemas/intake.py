"""Photos handed in."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from smartsort.api.schemas.base import RequestModel, ResponseModel

SOURCE_PATTERN = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$"
"""A source is one line of text."""


class UrlIntake(RequestModel):
    """A URL to download, and the source to note with the photo."""

    url: str = Field(max_length=8192)
    source: str = Field(default="url", max_length=100, json_schema_extra={"pattern": SOURCE_PATTERN})


class Result(ResponseModel):
    """What became of a photo."""

    status: Literal["success", "error"]
    action: Literal["sorted", "reviewed", "skipped"] | None = None
    destination: str | None = None
    reason: str = ""
    person: str | None = None
    hash: str | None = None
    category: str | None = None


class SubmissionAccepted(ResponseModel):
    """A submission that smartsort accepted. `link` shows what became of it."""

    id: str
    link: str
    state: str
    result: Result | None = None
    """With `wait`: the result, if there is one already."""


class Submission(ResponseModel):
    """A submission: a download in progress or a photo."""

    id: str
    """The id of the submission, not of the photo."""
    photo_id: int | None
    url: str | None
    source: str
    state: str
    """`downloading`, `failed`, or a photo's state."""
    problem: str | None = None
    created_at: str
    result: Result | None = None


class SubmissionPage(ResponseModel):
    """A page of submissions, and the cursor of the next one."""

    items: list[Submission]
    next_cursor: str | None = None


class KnownContent(ResponseModel):
    """Whether smartsort or Immich has this content."""

    known: bool
    available: bool = False
    """False if the only copy is in a trash."""
    place: str | None = None
    photo_id: int | None = None
    rejected_by: str | None = None
    """Who rejected it. `Immich` when a user deleted it there."""
