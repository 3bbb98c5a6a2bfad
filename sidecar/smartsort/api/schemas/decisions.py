"""Decisions about photos in review."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool

from smartsort.api.schemas.base import (
    BulkKind,
    Category,
    Count,
    ListedName,
    PhotoId,
    RequestModel,
    ResponseModel,
    example,
    request_config,
)
from smartsort.api.schemas.people import NamedPerson, PersonChoice


class Approve(RequestModel):
    """The person or people to file a photo under. `face` names the face to assign, if that is not obvious.

    Without `person` and `people`, smartsort takes the suggested person of each photo.
    """

    person: ListedName | PersonChoice | None = None
    """A name, an id, or a new person."""
    people: list[NamedPerson] = Field(default=[], max_length=50)
    """Several people, each written like `person`."""
    face: str | None = Field(default=None, max_length=100)


class Refile(Approve):
    """As `Approve`. Give `person` or `people`."""

    model_config = request_config(
        any_of=[
            {"required": ["person"], "properties": {"person": {"type": ["string", "object"]}}},
            {"required": ["people"], "properties": {"people": {"minItems": 1}}},
        ]
    )


class Relink(RequestModel):
    """`dry_run` shows which photos would move. Its answer has a `preview` token: it moves exactly these."""

    model_config = request_config(
        any_of=[
            {
                "required": ["dry_run"],
                "properties": {"dry_run": {"const": True}, "preview": {"type": "null"}},
            },
            {
                "required": ["preview"],
                "properties": {"dry_run": {"const": False}, "preview": {"type": "string"}},
            },
        ]
    )

    dry_run: StrictBool = False
    preview: str | None = Field(default=None, min_length=1, max_length=100)
    """The token of a dry run. Give nothing else with it."""


PhotoKey = Annotated[int, Field(ge=1, le=2**53 - 1)]
"""A photo's id as the key of an object, where JSON has only text."""
PHOTOS_AS_KEYS: dict[str, Any] = {"propertyNames": {"pattern": "^[1-9][0-9]{0,14}$"}}
Version = Annotated[str, Field(min_length=1, max_length=100)]

FaceId = Annotated[str, Field(min_length=1, max_length=100)]

_NO_FILTER = {"category": {"type": "null"}, "search": {"enum": ["", None]}, "everything": {"const": False}}
_NO_PREVIEW = {"preview": {"type": "null"}}
_NO_FACE = {"approve": {"properties": {"face": {"type": "null"}}}}
_NO_APPROVAL = {
    "faces": {"maxProperties": 0},
    "include": {"maxItems": 0},
    "approve": {
        "properties": {"person": {"type": "null"}, "people": {"maxItems": 0}, "face": {"type": "null"}}
    },
}

_SELECTIONS: list[Any] = [
    {
        "required": ["ids"],
        "properties": {
            "ids": {"minItems": 1},
            **_NO_FILTER,
            **_NO_PREVIEW,
            **_NO_FACE,
        },
    },
    {
        "required": ["ids"],
        "properties": {
            "ids": {"minItems": 1, "maxItems": 1},
            **_NO_FILTER,
            **_NO_PREVIEW,
        },
    },
    {
        "required": ["preview"],
        "properties": {
            "preview": {"type": "string"},
            "ids": {"maxItems": 0},
            "versions": {"maxProperties": 0},
            "dry_run": {"const": False},
            **_NO_FILTER,
            **_NO_APPROVAL,
        },
    },
    *(
        {
            "required": [key, "dry_run"],
            "properties": {
                "ids": {"maxItems": 0},
                "versions": {"maxProperties": 0},
                "dry_run": {"const": True},
                key: said,
                **_NO_PREVIEW,
                **_NO_FACE,
            },
        }
        for key, said in (
            ("category", {"type": "string"}),
            ("search", {"type": "string", "minLength": 1}),
            ("everything", {"const": True}),
        )
    ),
]


class Selection(RequestModel):
    """Photos by id, or all that a filter matches, or what a `preview` showed.

    `dry_run` only shows what would happen. Its answer has a `preview` token. A filter needs a dry run first.
    Then send the token alone: smartsort touches exactly what the dry run showed.
    """

    model_config = request_config(any_of=_SELECTIONS)

    ids: list[PhotoId] = Field(default=[], max_length=10_000)
    category: Category | None = None
    search: str | None = Field(default=None, max_length=300)
    versions: dict[PhotoKey, Version] = Field(default={}, max_length=10_000, json_schema_extra=PHOTOS_AS_KEYS)
    """With `ids`: the `version` of each photo as you saw it. smartsort leaves changed photos alone."""
    everything: StrictBool = False
    """Needed to act on the whole queue without any other filter."""
    dry_run: StrictBool = False
    preview: str | None = Field(default=None, min_length=1, max_length=100)
    """The token of a dry run. Give nothing else with it."""


class BulkApprove(Selection):
    """A selection and the people to file it under.

    A `face` belongs to one photo, so it needs one id alone. `faces` has one for each of several.

    smartsort leaves out photos of strangers, groups, blacklisted people and people who are not on the
    whitelist. It also leaves out files that are no pictures. `include` takes them in, and so does naming
    both photos and people.
    """

    approve: Approve = Approve()
    include: list[BulkKind] = Field(default=[], max_length=len(BulkKind))
    faces: dict[PhotoKey, FaceId] = Field(default={}, max_length=10_000, json_schema_extra=PHOTOS_AS_KEYS)
    """Which face of a photo is the person's, where that is not obvious."""


class ActionResultView(ResponseModel):
    """What an action did to one photo. `id` is the photo's. Undo `event` to reverse it."""

    id: int
    action: Literal[
        "approved", "refiled", "rejected", "skipped", "confirmed", "ruled_out", "reevaluated", "undone",
        "named", "marked", "kept", "failed", "would_approve", "would_refile", "would_reject", "would_skip",
        "would_undo", "would_name", "would_mark", "would_move", "excluded", "relinked",
    ]  # fmt: skip
    destination: str | None = None
    path: str | None = None
    person: str | None = None
    event: int | None = None
    problem: str | None = None
    stays: str | None = None
    """In a dry run about faces: the code of the reason for which the photo goes on waiting."""
    companions: list[str] = []
    """Files that go the same way: the raw photo, the clip of a Live Photo, side files."""


class DeletedPhoto(ResponseModel):
    """A photo that was deleted in Immich."""

    id: int
    filename: str
    person: str | None = None


class Deletions(ResponseModel):
    """Deletions in Immich that wait for an answer. `up_to` belongs into it."""

    model_config = example(waiting=1, up_to=812, photos=[{"id": 23, "filename": "a.jpg", "person": "Anna"}])

    waiting: int
    up_to: int
    photos: list[DeletedPhoto]


class DeletionAnswer(RequestModel):
    """Whether the deletions that were listed were meant."""

    up_to: Count
    meant: StrictBool


class LeftAlone(ResponseModel):
    """A photo that smartsort did not touch: it changed or arrived after the preview."""

    id: int
    reason: str


class BulkActionResult(ResponseModel):
    """What a bulk action did, or in a dry run would do. Undo `event` to reverse all of it."""

    decided: list[ActionResultView]
    """Of an undo the first 10,000 photos, and all that failed."""
    done: int
    failed: int
    event: int | None = None
    excluded: int = 0
    """Photos left out of an approval because their kind was not included."""
    counts: dict[str, int] = {}
    """Of an approval: the photos by what leaves them out (`strangers`, `groups` and so on)."""
    changed: list[LeftAlone] = []
    """With a preview: the photos that smartsort left alone, and why."""
    text: str = ""
    """Of a dry run about faces: what would happen, in words."""
    preview: str | None = None
    """Of a dry run: the token that does exactly this. It is valid for an hour, for this client, once."""
