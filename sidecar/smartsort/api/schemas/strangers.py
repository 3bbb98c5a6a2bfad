"""Faces that nobody has named, in groups of one person each, and what is said of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from smartsort.api.schemas.base import ListedName, RequestModel, ResponseModel, example, request_config
from smartsort.api.schemas.decisions import PHOTOS_AS_KEYS, PhotoKey
from smartsort.api.schemas.people import PersonChoice

FaceMarkKind = Literal["ignored", "not_a_face", "locked", "same", "apart"]

_GROUP = {
    "id": "3f1c9a0be2d45c77",
    "faces": [
        {"id": "eae2025e-8233-4e23-9ff3-334b91b15f5d", "photo_id": 23, "taken": None, "source": "phone"}
    ],
    "sources": {"phone": 1},
    "first": None,
    "last": None,
    "sheet": "/api/smart-download/strangers/3f1c9a0be2d45c77/sheet",
}


class StrangerFace(ResponseModel):
    """A face of a photo in review."""

    id: str
    photo_id: int
    taken: str | None = None
    source: str = ""


class StrangerGroup(ResponseModel):
    """Faces of probably one person, the newest photo first."""

    model_config = example(**_GROUP)

    id: str
    """Another one when the group has other faces."""
    faces: list[StrangerFace]
    sources: dict[str, int] = {}
    """Photos by source."""
    first: str | None = None
    last: str | None = None
    """When the oldest and the newest of them was taken."""
    sheet: str
    """Path of one picture with the faces, below this API."""


class Strangers(ResponseModel):
    """The groups, the largest first, and how far the faces are measured."""

    model_config = example(groups=[_GROUP], faces=1, measured=20, waiting=23)

    groups: list[StrangerGroup]
    faces: int = 0
    measured: int = 0
    """Photos in review whose faces are measured."""
    waiting: int = 0
    """Photos in review that show a face."""


_FacesByPhoto = Annotated[
    dict[PhotoKey, list[str]], Field(max_length=10_000, json_schema_extra=PHOTOS_AS_KEYS)
]
_FACES = {"faces": {"minProperties": 1}, "preview": {"type": "null"}}
_ALONE = {"others": {"maxProperties": 0}}
_NOBODY = {"person": {"type": "null"}}
_PERSON = {"person": {"type": ["string", "object"]}}
_PREVIEW = {
    "preview": {"type": "string"},
    "faces": {"maxProperties": 0},
    **_NOBODY,
    "dry_run": {"const": False},
}


class NameFaces(RequestModel):
    """Faces by photo, at most one on each, and who they are.

    `dry_run` only shows what would happen. Its answer has a `preview` token. Send the token alone to do that.
    """

    model_config = request_config(
        any_of=[
            {"required": ["faces", "person"], "properties": {**_FACES, **_PERSON}},
            {"required": ["preview"], "properties": _PREVIEW},
        ]
    )

    faces: _FacesByPhoto = {}
    person: ListedName | PersonChoice | None = None
    dry_run: StrictBool = False
    preview: str | None = Field(default=None, min_length=1, max_length=100)
    """The token of a dry run. Give nothing else with it."""


class MarkFaces(NameFaces):
    """Faces by photo, and what they are for good. `person` is that of a locked face.

    Faces that are `apart` are not the person of the `others`. Those are one.
    """

    model_config = request_config(
        any_of=[
            {
                "required": ["faces"],
                "properties": {**_FACES, **_ALONE, **_NOBODY, "kind": {"enum": ["ignored", "not_a_face"]}},
            },
            {
                "required": ["faces", "kind", "person"],
                "properties": {**_FACES, **_PERSON, **_ALONE, "kind": {"const": "locked"}},
            },
            {
                "required": ["faces", "kind"],
                "properties": {**_FACES, **_ALONE, **_NOBODY, "kind": {"const": "same"}},
            },
            {
                "required": ["faces", "kind", "others"],
                "properties": {
                    **_FACES,
                    **_NOBODY,
                    "others": {"minProperties": 1},
                    "kind": {"const": "apart"},
                },
            },
            {"required": ["preview"], "properties": {**_PREVIEW, **_ALONE, "kind": {"const": "ignored"}}},
        ]
    )

    kind: FaceMarkKind = "ignored"
    others: _FacesByPhoto = {}


class Verdict(ResponseModel):
    """What was said of some faces at once. `key` takes it back."""

    model_config = example(
        key="9a3c51d20be7f846",
        kind="locked",
        person="John Doe",
        photos=[23],
        at="2026-05-01T12:00:09.470+00:00",
    )

    key: str
    kind: FaceMarkKind
    person: str | None = None
    photos: list[int]
    """The newest first."""
    at: str
