"""Photos that were in Immich before smartsort: what would become of them, and how far it has come."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, StrictBool

from smartsort.api.schemas.base import RequestModel, ResponseModel, example, number

Portion = Annotated[int, Field(ge=1, le=2**53 - 1), BeforeValidator(number)]


class BackfillFolder(ResponseModel):
    """A folder below `faces/`, and how many photos would get a link there."""

    folder: str
    person: str | None
    """Whose it is. People share a folder of a rule."""
    photos: int


class BackfillLeft(ResponseModel):
    """A photo that smartsort does not link, by its path in Immich, and why."""

    path: str
    why: str


class Backfill(ResponseModel):
    """The plan as far as it is known, and what is done of it. While `working`, ask again."""

    model_config = example(
        working=False,
        seen=48210,
        outside=0,
        missing=12,
        differing=0,
        known=34102,
        to_judge=0,
        to_link=31004,
        to_ask=2551,
        linked=0,
        asked=0,
        people=[{"folder": "john_doe/2024", "person": "John Doe", "photos": 4120}],
        event=None,
        preview="482-1f0c9a7e55d2",
    )

    working: bool
    """smartsort lists, judges or links at this moment."""
    seen: int
    """Photos of the user that Immich has listed so far."""
    outside: int
    """Of these, photos outside `backfill.path_mapping`."""
    missing: int
    """Of these, photos with a person that are not on the disk."""
    differing: int
    """Of these, photos at whose path another file lies. smartsort does not link them."""
    left: list[BackfillLeft] = []
    """Some of the `differing` ones."""
    known: int
    """Photos with a person."""
    to_judge: int
    to_link: int
    to_ask: int
    linked: int
    asked: int
    """Photos that wait in the review queue."""
    people: list[BackfillFolder] = []
    """Where the photos `to_link` would go, the most first."""
    event: int | None = None
    """The event that undoes all links of this backfill."""
    preview: str = ""
    """Stands for exactly this plan. Give it with `apply`."""


class BackfillRequest(RequestModel):
    """Without `apply`, smartsort changes nothing."""

    model_config = example(apply=True, portion=1000, preview="482-1f0c9a7e55d2") | RequestModel.model_config

    apply: StrictBool = False
    portion: Portion | None = None
    """Link so many photos at most. All portions are one event."""
    preview: str | None = Field(default=None, min_length=1, max_length=100)
    """That of the plan to apply. What is not in that plan waits for the next one."""
