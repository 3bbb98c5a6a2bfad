"""Lists and settings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool, field_validator

from smartsort.api.schemas.base import Category, ListedName, RequestModel, ResponseModel, example, number

Scope = Literal["intake", "review", "admin"]


class ListReplace(RequestModel):
    """The whole list."""

    names: list[ListedName] = Field(max_length=10_000)


class ListChange(RequestModel):
    """Names to add and to remove."""

    add: list[ListedName] = Field(default=[], max_length=10_000)
    remove: list[ListedName] = Field(default=[], max_length=10_000)


class ListView(ResponseModel):
    """A list, and its names that Immich does not know."""

    model_config = example(
        names=["john_doe", "Sarah Smith"],
        unknown=["Sarah Smith"],
        ambiguous=[],
        warnings=["Immich has no person called Sarah Smith. The names count when Immich has them."],
    )

    names: list[str]
    unknown: list[str] = []
    ambiguous: list[str] = []
    warnings: list[str] = []


class WrongLimit(ResponseModel):
    """The limit of wrong filings, the least confidence that it leads to, and how certain that is.

    `expected` are wrong ones of 1,000. 95 times of 100 there are `low` to `high`. With a probability of
    `certainty` per cent they are within the limit. `by_hand`: `min_confidence` itself is set, and the limit
    changes nothing.
    """

    max_wrong_per_1000: float
    min_confidence: float
    by_hand: bool
    expected: float
    low: float
    high: float
    certainty: float
    checked: int
    """Filings with an answer to their spot check and with a confidence."""
    wrong: int
    text: str
    """All of this in words."""


class ConfigView(ResponseModel):
    """The settings in force, secrets masked. `changed` are keys changed at run time."""

    config: dict[str, Any]
    whitelist: list[str]
    blacklist: list[str]
    changed: list[str] = []
    limit: WrongLimit | None = None


def _template(text: str) -> str:
    # The terminal UI takes these shapes and no more of the core than it needs.
    from smartsort.core.templates import parse  # noqa: PLC0415

    parse(text)
    return text


class ConfigPatch(RequestModel):
    """Settings that you may change at run time. A key that is null stays as it is.

    From `max_wrong_per_1000` follows the least confidence. Of it and `min_confidence` the last one counts.
    """

    max_wrong_per_1000: float | None = Field(default=None, ge=0.1, le=100)
    min_confidence: float | None = Field(default=None, ge=-1, le=1)
    min_margin: float | None = Field(default=None, ge=0, le=2)
    max_faces_per_image: int | None = Field(default=None, ge=1, le=1000)
    min_face_area: float | None = Field(default=None, ge=0, le=1)
    when_confidence_unknown: Literal["accept", "review"] | None = None
    multiple_faces: Literal["review", "each_person", "main_face"] | None = None
    action_on_duplicate: Literal["move_to_review", "skip"] | None = None
    review_categories: dict[Category, StrictBool] | None = None
    filing_template: Annotated[str, Field(max_length=400), AfterValidator(_template)] | None = None

    _numbers = field_validator(
        "max_wrong_per_1000",
        "min_confidence",
        "min_margin",
        "max_faces_per_image",
        "min_face_area",
        mode="before",
    )(number)
