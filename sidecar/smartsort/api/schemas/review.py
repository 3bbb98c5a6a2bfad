"""The review queue, and everything known about one photo."""

from __future__ import annotations

from typing import Literal

from smartsort.api.schemas.base import Category, ResponseModel, State, example
from smartsort.api.schemas.history import EventView
from smartsort.api.schemas.people import FaceView, SuggestionView


class ReasonView(ResponseModel):
    """A reason: its code, a short form, and a sentence."""

    code: str
    short: str
    text: str
    names: list[str] = []
    numbers: dict[str, float] = {}
    detail: str = ""


class CopyView(ResponseModel):
    """The other copy of a duplicate and what is known of it."""

    place: str
    path: str | None = None
    photo_id: int | None = None
    asset_id: str | None = None
    alive: bool = True
    size: int | None = None
    width: int | None = None
    height: int | None = None
    taken_at: str | None = None
    thumbnail: str | None = None
    """Path of its picture below this API."""


class Suggested(ResponseModel):
    """Whom a photo may show, by a measured similarity.

    `accepted`: sure enough to approve it without naming the person.
    """

    person: str
    person_id: str
    similarity: float | None = None
    measured: bool = False
    accepted: bool = False


class QueueItem(ResponseModel):
    """A photo in review, as a row of the queue. `id` is the photo's."""

    id: int
    category: Category
    filename: str
    path: str
    size: int
    modified: str
    reason: str
    text: str
    """The deciding reason as a sentence."""
    faces_detected: int = 0
    suggestion: Suggested | None = None
    """Who is close enough to be suggested. Null when nobody is, or nothing is measured yet."""
    nearest: Suggested | None = None
    """Who is most like the face, close or not. Null while no face is measured."""
    suggested_person: str | None = None
    """Whom approving without a person files it under: an accepted suggestion, if no other person is on it."""
    suggested_person_id: str | None = None
    source: str
    created_at: str
    thumbnail: str
    """Path of its small picture below this API."""
    companions: list[str] = []
    """Files that travel with it: the raw photo, the clip of a Live Photo, side files."""


class ReviewPage(ResponseModel):
    """A page of the queue, newest first. `total` counts everything the filter matches."""

    items: list[QueueItem]
    total: int
    counts: dict[str, int]
    """By category, without the filter."""
    next_cursor: str | None = None


class Offer(ResponseModel):
    """One decision that settles several photos, and why it comes before single ones."""

    model_config = example(
        kind="strangers",
        id="3f1c9a0be2d45c77",
        photos=6,
        text="One name files 6 of 7 photos of a stranger",
    )

    kind: Literal["strangers", "near_misses"]
    """Which list shows it."""
    id: str
    """Of the group of strangers, or of the known person."""
    photos: int
    """How many leave the queue with that decision."""
    text: str
    names: list[str] = []
    """Names in the text."""


class ReviewItem(QueueItem):
    """A photo in review with everything known about it."""

    reasons: list[ReasonView] = []
    faces: list[FaceView] = []
    suggestions: list[SuggestionView] = []
    """Who is suggested, closest first, then whom Immich assigned: the keys 1 to 9 of the terminal UI."""
    other_copy: CopyView | None = None
    width: int | None = None
    height: int | None = None
    taken_at: str | None = None
    media_type: str | None = None
    sha256: str | None = None
    asset_id: str | None = None
    origin: str = ""
    origin_url: str | None = None
    preview: str = ""
    frames: str | None = None
    """Of a video that was looked through, the path of the sheet of its frames."""
    policy_version: str = ""
    version: str = ""
    """Changes with the photo's files, decision, suggestion and state. See `versions` of bulk actions."""
    action: Literal["pending", "approved", "rejected"] = "pending"
    """The decision about it. You can still read and undo a photo after its decision."""
    state: State | None = None
    places: list[str] = []
    """All places of the photo now, such as `review/unidentified/noface_IMG.jpg`."""
    history: list[EventView] = []


class ReviewStats(ResponseModel):
    """Counts of the queue."""

    model_config = example(
        total=23,
        by_category={"unidentified": 15, "duplicates": 8},
        oldest="2026-05-01T12:00:09.470+00:00",
        median_age_seconds=5400.0,
    )

    total: int
    by_category: dict[str, int]
    oldest: str | None = None
    median_age_seconds: float | None = None
