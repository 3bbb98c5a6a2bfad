"""Figures about the sorting."""

from __future__ import annotations

from smartsort.api.schemas.base import ResponseModel, example
from smartsort.api.schemas.control import WrongLimit


class Metric(ResponseModel):
    """A goal. `value` and `met` are null while they are unknown."""

    name: str
    value: float | None
    target: str
    met: bool | None


class SpotCheckResult(ResponseModel):
    """What the spot checks say about all automatic filings, in per cent.

    `error_rate` is wrong of checked. The true rate lies between `low` and `high` in 95 of 100 cases (Wilson's
    score interval). All are null without an answer. `met` is null while the answers leave it open.
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
    """One day, in the server's time zone."""

    day: str
    sorted: int = 0
    reviewed: int = 0
    approved: int = 0
    rejected: int = 0


class Summary(ResponseModel):
    """Statistics of some days."""

    model_config = example(
        auto_sorted=145,
        in_review=23,
        by_person={"john_doe": 85, "sarah_smith": 60},
        by_category={"unidentified": 15, "duplicates": 8},
        success_rate=86.3,
        days=30,
    )

    auto_sorted: int
    """Automatic filings of these days that still stand."""
    in_review: int
    """Photos that came into review in these days and still wait."""
    by_person: dict[str, int]
    by_category: dict[str, int]
    success_rate: float
    """`auto_sorted` as a percentage of `auto_sorted` and `in_review` together. 0 if there are none."""
    days: int = 1
    accepted: int = 0
    approved: int = 0
    rejected: int = 0
    skipped: int = 0
    duplicates: int = 0
    auto_resolved: int = 0
    """Automatic filings of photos that had waited in review."""
    wrong: int = 0
    """Automatic filings that a human undid or corrected. They stay wrong if the photo is filed again."""
    by_source: dict[str, int] = {}
    by_day: list[DayCount] = []
    metrics: list[Metric] = []
    """`wrongly_sorted_share` is the rate in `spot_checks`. It is missed from 5 % of corrected filings on."""
    spot_checks: SpotCheckResult | None = None
    review_faces: ReviewFaces | None = None
    """The faces measured in review. Null without `immich.ml_url`."""
    limit: WrongLimit | None = None
    decisions: int = 0
    """Decisions of humans about photos in review. A bulk action is one."""
    photos_per_decision: float | None = None
    """Photos that left review by them, for each decision. Null before the first."""
    key_presses: int = 0
    """Keys that were pressed for decisions. Scripts press none, and the page counts none."""
    photos_per_key_press: float | None = None
    """Photos that left review by decisions with a key, for each key. Null before the first."""
    queue_total: int = 0
    queue_age: dict[str, int] = {}
    """Waiting photos by age: `hour`, `day`, `week`, `older`."""
