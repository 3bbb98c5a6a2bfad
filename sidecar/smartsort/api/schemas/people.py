"""People, faces and suggestions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictBool

from smartsort.api.schemas.base import VISIBLE, ListedName, RequestModel, ResponseModel, request_config


class PersonView(ResponseModel):
    """A person of Immich, or with `to_come` one whom Immich does not list yet: the id stands for the name."""

    id: str
    name: str
    folder: str = ""
    hidden: bool = False
    favourite: bool = False
    to_come: bool = False
    listed: Literal["whitelist", "blacklist"] | None = None
    photos: int | None = None
    """Photos smartsort has filed under this person."""
    mixed: list[int] = []
    """Where the faces under this name look like two people's: how many of those seen are like each."""


class OnePerson(ResponseModel):
    """What was said of a person, `event` undoes it."""

    event: int


class SuggestionView(ResponseModel):
    """Whom a face may be: by its measured similarity, or because Immich has `assigned` the person to it.

    `similarity` is null where it was not measured (`measured` is false). Of an assigned person it may be low.
    """

    person: PersonView
    similarity: float | None = None
    measured: bool = False
    accepted: bool = False
    """Sure enough to be acted on without naming the person."""
    assigned: bool = False
    """Immich says so, whatever was measured."""


class FaceView(ResponseModel):
    """A face. `number` counts from 1, left to right, as drawn on the picture."""

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
    """Who is close enough to be suggested, closest first."""
    nearest: SuggestionView | None = None
    """Who is most like it, close or not. Null while it is not measured."""


class PersonChoice(RequestModel):
    """A person: an id of Immich, or a name. `create` makes a person if Immich has none of that name."""

    model_config = request_config(
        any_of=[
            {"required": ["id"], "properties": {"id": {"type": "string", "minLength": 1}}},
            {"required": ["name"], "properties": {"name": {"type": "string", "pattern": VISIBLE}}},
        ]
    )

    id: str | None = Field(default=None, max_length=310)
    name: str | None = Field(default=None, max_length=300)
    create: StrictBool = False


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


NamedPerson = Annotated[
    PersonChoice, BeforeValidator(_named, json_schema_input_type=ListedName | PersonChoice)
]
"""A name stands for a choice by that name."""
