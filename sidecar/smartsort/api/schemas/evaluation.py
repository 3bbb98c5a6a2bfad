"""Evaluation: spot checks, people ruled out, explanations, other settings on past photos."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from smartsort.api.schemas.base import ListedName, RequestModel, ResponseModel, example
from smartsort.api.schemas.control import WrongLimit
from smartsort.api.schemas.people import FaceView, NamedPerson, PersonChoice
from smartsort.api.schemas.statistics import SpotCheckResult

_CHECK = {
    "photo_id": 31,
    "event": 118,
    "filename": "IMG_31.jpg",
    "path": "/data/faces/john_doe/IMG_31.jpg",
    "people": ["John Doe"],
    "confidence": 0.71,
    "text": "This is John Doe (confidence 0.71).",
    "filed_at": "2026-05-01T12:00:09.470+00:00",
    "thumbnail": "/api/smart-download/photos/31/thumbnail",
    "preview": "/api/smart-download/photos/31/preview",
}
_RESULT = {"checked": 40, "wrong": 1, "pending": 6, "error_rate": 2.5, "low": 0.44, "high": 12.88}


class RuleOut(RequestModel):
    """The person whom a photo does not show. Default: the suggested person. `face`: only this face."""

    person: ListedName | PersonChoice | None = None
    face: str | None = Field(default=None, max_length=100)


class SpotCheck(ResponseModel):
    """A random automatic filing that waits for your answer."""

    photo_id: int
    event: int
    """Of the filing."""
    filename: str
    path: str
    people: list[str]
    """Under whom it is filed."""
    confidence: float | None = None
    text: str
    """Why it was filed there."""
    filed_at: str
    faces: list[FaceView] = Field(default=[])
    thumbnail: str
    preview: str
    companions: list[str] = []
    """Files that are filed with it."""


class SpotCheckPage(ResponseModel):
    """Filings that wait for an answer, newest first, and the result of the answers so far."""

    model_config = example(items=[_CHECK], result=_RESULT, next_cursor="118")

    items: list[SpotCheck]
    result: SpotCheckResult
    next_cursor: str | None = None


class WrongFiling(RequestModel):
    """The right person or people. Without either, the photo goes to review."""

    person: ListedName | PersonChoice | None = None
    people: list[NamedPerson] = Field(default=[], max_length=50)
    face: str | None = Field(default=None, max_length=100)


class PhotoMove(ResponseModel):
    """A past photo that would go elsewhere."""

    photo_id: int
    filename: str
    before: str
    """`faces/john_doe`, a review category or `skipped`."""
    after: str
    text: str
    """Why it would be there."""
    unmeasured: bool = False
    """It would be filed without a measured confidence. `apply` measures it first."""


class WhatIfReport(ResponseModel):
    """What other settings would do to the photos of some days, compared with where they are now."""

    model_config = example(
        days=90,
        evaluated=500,
        decided_by_human=35,
        before={"faces": 430, "low_confidence": 20, "unidentified": 50},
        after={"faces": 429, "low_confidence": 21, "unidentified": 50},
        moves={"faces -> low_confidence": 1},
        photos=[
            {
                "photo_id": 31,
                "filename": "IMG_31.jpg",
                "before": "faces/john_doe",
                "after": "low_confidence",
                "text": "Perhaps John Doe: confidence 0.66 is below 0.70.",
                "unmeasured": False,
            }
        ],
        omitted=0,
    )

    days: int
    evaluated: int
    decided_by_human: int
    """Of these, photos that a human has decided about. They stay where they are."""
    before: dict[str, int]
    after: dict[str, int]
    moves: dict[str, int]
    """By "from -> to"."""
    photos: list[PhotoMove]
    limit: WrongLimit | None = None
    """What these settings lead to."""
    omitted: int = 0
    """Moves beyond those in `photos`."""
    preview: str | None = None
    """The token for `apply`: it changes the settings and moves exactly these photos."""


class Redeem(RequestModel):
    """The `preview` of a report."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"preview": "vX3kT0yGm6Zk2mE0xqPz1w"}]}
    )

    preview: str = Field(min_length=1, max_length=100)


class RuleView(ResponseModel):
    """What one rule said about the photo."""

    rule: str
    verdict: Literal["passed", "matched", "decided"]
    """`decided` chose the folder. `matched` applied as well, but a rule before it chose."""
    text: str


class ChangeView(ResponseModel):
    """What would have led elsewhere. `to` is a folder kind: `faces`, a review category or `skipped`."""

    text: str
    to: str
    changes: list[str]
    """Codes, such as `min_confidence`. If there are several, all of them are needed."""


class Explained(ResponseModel):
    """How smartsort decided about a photo, in words."""

    model_config = example(
        photo_id=31,
        filename="IMG_31.jpg",
        state="review",
        places=["review/low_confidence/lowconf_IMG_31.jpg"],
        summary="It was put into review/low_confidence: Perhaps John Doe: confidence 0.58 is below 0.60.",
        decided_at="2026-05-01T12:00:09.470+00:00",
        by_human=None,
        seen=["Face 1 covers 12% of the picture, Immich says it is John Doe, confidence 0.58."],
        rules=[
            {
                "rule": "duplicate",
                "verdict": "passed",
                "text": "The photo shows no blacklisted person.",
            }
        ],
        changes=[
            {
                "text": "If you confirmed in Immich that it is John Doe, it would be filed.",
                "to": "faces",
                "changes": ["confirmed"],
            }
        ],
        policy_version="0a1b2c3d4e5f",
        stored_settings_used=True,
    )

    photo_id: int
    filename: str
    state: str
    places: list[str]
    """Where it is now, such as `faces/john_doe/IMG_1.jpg`."""
    summary: str
    decided_at: str | None = None
    """Null while it is in progress."""
    by_human: str | None = None
    """What a human decided about it since, if anything."""
    seen: list[str] = Field(default=[])
    rules: list[RuleView] = Field(default=[])
    changes: list[ChangeView] = Field(default=[])
    policy_version: str = ""
    stored_settings_used: bool = True
    """False: the settings of that time are not stored, so smartsort used today's."""
