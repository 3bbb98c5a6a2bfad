"""What goes over the wire: the shapes of the HTTP API, for the server, the terminal UI and other programs.

Times are ISO 8601 with a zone, sizes bytes, boxes pixels of the upright preview. The keys of `Result` and
`Summary` are those of the source document. The terminal UI imports this module, `judgement_schemas` and
nothing else of smartsort.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, field_validator

CategoryName = Literal["duplicates", "unidentified", "low_confidence", "multiple_faces", "unwanted_person"]
StateName = Literal[
    "arrived", "claimed", "hashed", "unique", "placed", "known",
    "filed", "review", "skipped", "rejected", "purged",
]  # fmt: skip
Scope = Literal["intake", "review", "admin"]

SOURCE_PATTERN = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$"
"""A source is one line of text."""


def _number(value: object) -> object:
    """Neither text that reads like a number nor true and false: whoever sends those means something else."""
    if isinstance(value, str | bool):
        raise ValueError("has to be a number")  # noqa: TRY004 - the error pydantic reports
    return value


RowId = Annotated[int, Field(ge=1, le=2**53 - 1), BeforeValidator(_number)]
ListedName = Annotated[str, Field(min_length=1, max_length=300)]


class Shape(BaseModel):
    """Answers may gain fields; a client ignores those it does not know."""

    model_config = ConfigDict(extra="ignore")


class Ask(Shape):
    """What a client sends. Unknown keys are refused: a typing error must not mean something else."""

    model_config = ConfigDict(extra="forbid")


def _asking(*, any_of: list[Any]) -> ConfigDict:
    """A configuration whose description says which keys belong together."""
    return ConfigDict(extra="forbid", json_schema_extra={"anyOf": any_of})


def _example(**values: Any) -> ConfigDict:
    """A configuration whose description shows this value."""
    return ConfigDict(extra="ignore", json_schema_extra={"examples": [values]})


class Problem(Shape):
    """Every error's body: what failed, on what, and what to do."""

    model_config = _example(detail="there is no item 7 in the queue", code="not_found", happened=None)

    detail: str
    code: str = "error"
    """Stable: `not_found`, `conflict`, `invalid`, `unauthorised`, `forbidden`, `immich`, `storage`, ..."""
    happened: EventView | None = None
    """With `conflict`: what somebody else did to the item meanwhile."""


# --- intake ----------------------------------------------------------------------------------


class UrlIntake(Ask):
    """A URL to download, and the source to file it as coming from."""

    url: str = Field(max_length=8192)
    source: str = Field(default="url", max_length=100, json_schema_extra={"pattern": SOURCE_PATTERN})


class Result(Shape):
    """What became of a photo, in the source document's words."""

    model_config = _example(
        status="success",
        action="sorted",
        destination="/data/faces/john_doe/IMG_1.jpg",
        reason="face_match_verified",
        person="John Doe",
        hash="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        category=None,
    )

    status: Literal["success", "error"]
    action: Literal["sorted", "reviewed", "skipped"] | None = None
    destination: str | None = None
    reason: str = ""
    person: str | None = None
    hash: str | None = None
    category: str | None = None


class ItemAccepted(Shape):
    """An item was taken in; ask `link` what became of it."""

    id: str
    link: str
    state: str
    result: Result | None = None
    """With `?wait=`: set once the item has arrived."""


class Item(Shape):
    """An item handed in over HTTP: a download under way or a photo."""

    id: str
    """Of the intake, not of the photo."""
    photo_id: int | None
    url: str | None
    source: str
    state: str
    """`downloading`, `failed`, or a photo's state."""
    problem: str | None = None
    created_at: str
    result: Result | None = None


class ItemPage(Shape):
    items: list[Item]
    next_cursor: str | None = None


class Have(Shape):
    """Whether content is known, asked before a download."""

    known: bool
    alive: bool = False
    """False when the only copy is in a trash."""
    place: str | None = None
    photo_id: int | None = None


# --- review ----------------------------------------------------------------------------------


class ReasonView(Shape):
    """Why: machine-readable, in the source document's short form, and as a sentence."""

    code: str
    short: str
    text: str
    names: list[str] = []
    numbers: dict[str, float] = {}
    detail: str = ""


class PersonView(Shape):
    """A person of Immich."""

    id: str
    name: str
    folder: str = ""
    hidden: bool = False
    favourite: bool = False
    listed: Literal["whitelist", "blacklist"] | None = None
    photos: int | None = None
    """Photos smartsort has filed under this person."""


class SuggestionView(Shape):
    person: PersonView
    similarity: float | None = None


class FaceView(Shape):
    """A face; `number` counts from 1, left to right, and is what is drawn on the picture."""

    id: str
    number: int
    box: tuple[int, int, int, int]
    image_width: int
    image_height: int
    person: PersonView | None = None
    confidence: float | None = None
    margin: float | None = None
    runner_up: PersonView | None = None
    why_unknown: str | None = None
    suggestions: list[SuggestionView] = []


class CopyView(Shape):
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


class QueueItem(Shape):
    """A photo that waits, as a row of the queue. `id` is the row's, used by all review calls."""

    model_config = _example(
        id=7,
        photo_id=23,
        category="low_confidence",
        filename="IMG_1.jpg",
        path="/data/review/low_confidence/lowconf_IMG_1.jpg",
        size=2481153,
        modified="2026-05-01T12:00:00+00:00",
        reason="low_confidence: 0.51",
        text="Perhaps John Doe: confidence 0.51 is below 0.60.",
        faces_detected=1,
        suggested_person="John Doe",
        suggested_person_id="1846d424-c17c-4279-a3c6-612f48268673",
        source="instagram",
        created_at="2026-05-01T12:00:09.470+00:00",
        thumbnail="/api/smart-download/review/items/7/thumbnail",
    )

    id: int
    photo_id: int
    category: CategoryName
    filename: str
    path: str
    size: int
    modified: str
    reason: str
    text: str
    """The deciding reason as a sentence."""
    faces_detected: int = 0
    suggested_person: str | None = None
    suggested_person_id: str | None = None
    source: str
    created_at: str
    thumbnail: str
    """Path of its small picture below this API."""


class ReviewPage(Shape):
    """A page of the queue, newest first. `total` counts everything the filter matches."""

    items: list[QueueItem]
    total: int
    counts: dict[str, int]
    """By category, without the filter."""
    next_cursor: str | None = None


class ReviewItem(QueueItem):
    """One waiting photo with everything known about it."""

    reasons: list[ReasonView] = []
    faces: list[FaceView] = []
    suggestions: list[SuggestionView] = []
    """Closest first, over all faces; the keys 1 to 9 of the terminal UI."""
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
    policy_version: str = ""
    action: Literal["pending", "approved", "rejected"] = "pending"
    """What became of it; an item that was decided can still be looked at and undone."""
    state: StateName | None = None
    places: list[str] = []
    """All places of the photo now, such as `review/unidentified/noface_IMG.jpg`."""
    history: list[EventView] = []


class PersonChoice(Ask):
    """Whom to file under: an id of Immich, or a name; `create` makes a person of a name nobody has."""

    model_config = _asking(
        any_of=[{"required": [key], "properties": {key: {"type": "string"}}} for key in ("id", "name")]
    )

    id: str | None = Field(default=None, max_length=100)
    name: str | None = Field(default=None, max_length=300)
    create: StrictBool = False


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


NamedPerson = Annotated[
    PersonChoice, BeforeValidator(_named, json_schema_input_type=ListedName | PersonChoice)
]
"""A name stands for a choice by that name."""


class Approve(Ask):
    """File under one person, or under several. `face` names the face to assign when it is not obvious.

    With neither `person` nor `people` the suggested person of each photo is taken.
    """

    person: ListedName | PersonChoice | None = None
    people: list[NamedPerson] = Field(default=[], max_length=50)
    face: str | None = Field(default=None, max_length=100)


class Refile(Approve):
    """As `Approve`; `person` or `people` has to be given."""

    model_config = _asking(
        any_of=[
            {"required": ["person"], "properties": {"person": {"type": ["string", "object"]}}},
            {"required": ["people"], "properties": {"people": {"minItems": 1}}},
        ]
    )


_NOTHING_ELSE = {"category": {"type": "null"}, "search": {"enum": ["", None]}, "everything": {"const": False}}
_SELECTIONS: list[Any] = [
    {"required": ["ids"], "properties": {"ids": {"minItems": 1}, **_NOTHING_ELSE}},
    *(
        {"required": [key], "properties": {"ids": {"maxItems": 0}, key: said}}
        for key, said in (
            ("category", {"type": "string"}),
            ("search", {"type": "string", "minLength": 1}),
            ("everything", {"const": True}),
        )
    ),
]


class Selection(Ask):
    """Items by id, or all that a filter matches. `dry_run` only tells what would happen."""

    model_config = _asking(any_of=_SELECTIONS)

    ids: list[RowId] = Field(default=[], max_length=10_000)
    category: CategoryName | None = None
    search: str | None = Field(default=None, max_length=300)
    everything: StrictBool = False
    """Needed to act on the whole queue without any other filter."""
    dry_run: StrictBool = False


class BulkApprove(Selection):
    """A `face` belongs to one photo, so it goes with one id alone."""

    approve: Approve = Approve()


class Decided(Shape):
    """What an action did to one item. `event` undoes it."""

    model_config = _example(
        id=7,
        photo_id=23,
        action="approved",
        destination="faces/john_doe/IMG_1.jpg",
        path="/data/faces/john_doe/IMG_1.jpg",
        person="John Doe",
        event=4711,
        problem=None,
    )

    id: int
    """Of the queue's row; 0 for a photo that has none."""
    photo_id: int
    action: Literal[
        "approved", "refiled", "rejected", "skipped", "confirmed", "denied", "rejudged", "undone", "failed",
        "would_approve", "would_refile", "would_reject", "would_skip", "would_undo",
    ]  # fmt: skip
    destination: str | None = None
    path: str | None = None
    person: str | None = None
    event: int | None = None
    problem: str | None = None


class BulkDecided(Shape):
    """What a bulk action did (or, in a dry run, would do); `event` undoes all of it."""

    decided: list[Decided]
    done: int
    failed: int
    event: int | None = None


class ReviewStats(Shape):
    """Counts of the queue."""

    model_config = _example(
        total=23,
        by_category={"unidentified": 15, "duplicates": 8},
        oldest="2026-05-01T12:00:09.470+00:00",
        median_age_seconds=5400.0,
    )

    total: int
    by_category: dict[str, int]
    oldest: str | None = None
    median_age_seconds: float | None = None


# --- history and control ---------------------------------------------------------------------


class EventView(Shape):
    """Something that happened; `undoable` events can be given to undo."""

    id: int
    at: str
    actor: str
    kind: str
    photo_id: int | None = None
    text: str = ""
    data: dict[str, Any] = {}
    undoes: int | None = None
    undone_by: int | None = None
    undoable: bool = False


class EventPage(Shape):
    events: list[EventView]
    next_cursor: str | None = None


_GIVEN: dict[str, Any] = {
    "event": {"type": "integer"},
    "last": {"const": True},
    "since": {"type": "string"},
}
_NOT_GIVEN: dict[str, Any] = {"event": {"type": "null"}, "last": {"const": False}, "since": {"type": "null"}}


class Undo(Ask):
    """Take back one event, the last action (`last`), or all actions since a time.

    `dry_run` only tells what would happen.
    """

    model_config = _asking(
        any_of=[{"required": [key], "properties": {**_NOT_GIVEN, key: _GIVEN[key]}} for key in _GIVEN]
    )

    event: RowId | None = None
    last: StrictBool = False
    since: str | None = Field(default=None, max_length=40, json_schema_extra={"format": "date-time"})
    """ISO 8601; without a zone it is the server's."""
    dry_run: StrictBool = False


class TroubleView(Shape):
    kind: str
    message: str
    since: str


class InFlight(Shape):
    """A photo on its way."""

    photo_id: int
    filename: str
    source: str
    state: StateName
    since: str
    problem: str | None = None


class Status(Shape):
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
    unfinished: dict[str, int] = {}
    in_review: int = 0
    queues: dict[str, int] = {}
    """Jobs pending in Immich's queues as last seen."""
    estimated_wait_seconds: float | None = None
    """For a photo dropped now; None when unknown."""
    troubles: list[TroubleView] = []
    in_flight: list[InFlight] = []
    calls_to_immich: int = 0
    started_at: str = ""


class Health(Shape):
    """The process is alive."""

    status: Literal["ok"] = "ok"
    version: str


class Ready(Shape):
    """Whether it can sort: Immich is connected and nothing is in the way."""

    status: Literal["ready", "waiting"]
    enabled: bool
    immich: str
    troubles: list[TroubleView] = []
    unfinished: dict[str, int] = {}


class ListReplace(Ask):
    """The whole list."""

    names: list[ListedName] = Field(max_length=10_000)


class ListChange(Ask):
    """Names to add and to remove; what is so already is no error."""

    add: list[ListedName] = Field(default=[], max_length=10_000)
    remove: list[ListedName] = Field(default=[], max_length=10_000)


class ListView(Shape):
    """A list as it now is, and names on it that Immich does not know (accepted, with a warning)."""

    model_config = _example(
        names=["john_doe", "Sarah Smith"],
        unknown=["Sarah Smith"],
        ambiguous=[],
        warnings=["Immich knows nobody called Sarah Smith; the names count once somebody has them."],
    )

    names: list[str]
    unknown: list[str] = []
    ambiguous: list[str] = []
    warnings: list[str] = []


class MessagesTested(Shape):
    """How many addresses a test message went to, and what was wrong with those that did not take it."""

    addresses: int
    problems: list[str] = []


class ConfigView(Shape):
    """The settings in force, secrets masked. `changed` are keys changed at run time."""

    config: dict[str, Any]
    whitelist: list[str]
    blacklist: list[str]
    changed: list[str] = []


class ConfigPatch(Ask):
    """Settings that may change at run time; a key that is None stays as it is."""

    min_confidence: float | None = Field(default=None, ge=-1, le=1)
    min_margin: float | None = Field(default=None, ge=0, le=2)
    max_faces_per_image: int | None = Field(default=None, ge=1, le=1000)
    min_face_share: float | None = Field(default=None, ge=0, le=1)
    when_confidence_unknown: Literal["accept", "review"] | None = None
    multiple_faces: Literal["review", "each_person", "main_face"] | None = None
    action_on_duplicate: Literal["move_to_review", "skip"] | None = None
    review_categories: dict[CategoryName, StrictBool] | None = None

    _numbers = field_validator(
        "min_confidence", "min_margin", "max_faces_per_image", "min_face_share", mode="before"
    )(_number)


class WhatIf(Shape):
    """What other settings would have done to the last photos."""

    looked_at: int
    before: dict[str, int]
    after: dict[str, int]
    """Photos by folder kind: `faces` and the categories."""
    moves: dict[str, int]
    """By "from -> to"."""


# --- statistics ------------------------------------------------------------------------------


class Metric(Shape):
    """A success metric of the source document and whether it is met."""

    name: str
    value: float | None
    target: str
    met: bool | None


class SpotCheckShare(Shape):
    """What the spot checks say of all automatic filings; shares in per cent.

    `share` is wrong of checked, and the true share lies from `low` to `high` 95 times of 100 (Wilson's score
    interval). All are null while nothing is checked; `met` is null while the answers leave it open.
    """

    checked: int
    wrong: int
    open: int
    """Drawn and not answered yet."""
    share: float | None = None
    low: float | None = None
    high: float | None = None
    target: str = "< 5 %"
    met: bool | None = None


class Summary(Shape):
    """Statistics over some days, with the source document's keys first."""

    model_config = _example(
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
    healed: int = 0
    wrong: int = 0
    """Automatic filings that a human undid or filed elsewhere."""
    by_source: dict[str, int] = {}
    by_day: list[DayCount] = []
    metrics: list[Metric] = []
    spot_checks: SpotCheckShare | None = None
    queue_total: int = 0
    queue_age: dict[str, int] = {}
    """Waiting photos by age: `hour`, `day`, `week`, `older`."""


class DayCount(Shape):
    """One day of the time series, in the server's zone."""

    day: str
    sorted: int = 0
    reviewed: int = 0
    approved: int = 0
    rejected: int = 0


class Check(Shape):
    """One line of the doctor."""

    name: str
    verdict: Literal["ok", "warning", "broken", "skipped"]
    detail: str = ""
    remedy: str = ""


class DoctorReport(Shape):
    checks: list[Check]
    status: Literal["ok", "degraded", "broken"]


for _shape in (Problem, ReviewItem, Summary):
    _shape.model_rebuild()
