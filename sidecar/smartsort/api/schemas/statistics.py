"""How well it goes."""

from __future__ import annotations

from smartsort.api.schemas.base import ResponseModel, example


class Metric(ResponseModel):
    """A success metric; `value` and `met` are null while they are not known yet."""

    name: str
    value: float | None
    target: str
    met: bool | None


class SpotCheckResult(ResponseModel):
    """What the spot checks say of all automatic filings; shares in per cent.

    `error_rate` is wrong of checked, and the true rate lies from `low` to `high` 95 times of 100 (Wilson's
    score interval). All are null while nothing is checked; `met` is null while the answers leave it open.
    """

    checked: int
    wrong: int
    pending: int
    """Drawn and not answered yet."""
    error_rate: float | None = None
    low: float | None = None
    high: float | None = None
    target: str = "< 5 %"
    met: bool | None = None


class ReviewFaces(ResponseModel):
    """The faces of photos in review, which smartsort measures while idle. Duplicates are left out."""

    measured: int
    """Photos whose faces are all measured."""
    photos: int
    """Photos in review with a face."""


class DayCount(ResponseModel):
    """One day of the time series, in the server's zone."""

    day: str
    sorted: int = 0
    reviewed: int = 0
    approved: int = 0
    rejected: int = 0


class Summary(ResponseModel):
    """Statistics over some days, with the success metrics first."""

    model_config = example(
        auto_sorted=145,
        in_review=23,
        by_person={"john_doe": 85, "sarah_smith": 60},
        by_category={"unidentified": 15, "duplicates": 8},
        success_rate=86.3,
        days=30,
    )

    auto_sorted: int
    in_review: int
    by_person: dict[str, int]
    by_category: dict[str, int]
    success_rate: float
    days: int = 1
    accepted: int = 0
    approved: int = 0
    rejected: int = 0
    skipped: int = 0
    duplicates: int = 0
    auto_resolved: int = 0
    wrong: int = 0
    """Automatic filings that a human undid or filed elsewhere."""
    by_source: dict[str, int] = {}
    by_day: list[DayCount] = []
    metrics: list[Metric] = []
    spot_checks: SpotCheckResult | None = None
    review_faces: ReviewFaces | None = None
    """Null without Immich's machine learning service."""
    queue_total: int = 0
    queue_age: dict[str, int] = {}
    """Waiting photos by age: `hour`, `day`, `week`, `older`."""
