"""Events and undo."""

from __future__ import annotations

from typing import Any

from pydantic import Field, StrictBool

from smartsort.api.schemas.base import PhotoId, RequestModel, ResponseModel, request_config


class EventView(ResponseModel):
    """One entry of the history. You can undo it if it is `undoable`. `id` is the event's.

    `filename` is the photo's own name, null if the event is not about one photo. `text` is a sentence. About
    a photo, it begins with that name.
    """

    id: int
    at: str
    actor: str
    kind: str
    photo_id: int | None = None
    filename: str | None = None
    text: str = ""
    data: dict[str, Any] = {}
    undoes: int | None = None
    undone_by: int | None = None
    undoable: bool = False


class EventPage(ResponseModel):
    """A page of events, and the cursor of the next one."""

    events: list[EventView]
    next_cursor: str | None = None


_GIVEN: dict[str, Any] = {
    "photo": {"type": "integer"},
    "event": {"type": "integer"},
    "last": {"const": True},
}

_NOT_GIVEN: dict[str, Any] = {
    "preview": {"type": "null"},
    "photo": {"type": "null"},
    "event": {"type": "null"},
    "last": {"const": False},
    "since": {"type": "null"},
}


_UNDOS: list[Any] = [
    *({"required": [key], "properties": {**_NOT_GIVEN, key: said}} for key, said in _GIVEN.items()),
    {
        "required": ["since", "dry_run"],
        "properties": {**_NOT_GIVEN, "since": {"type": "string"}, "dry_run": {"const": True}},
    },
    {
        "required": ["preview"],
        "properties": {
            **_NOT_GIVEN,
            "preview": {"type": "string"},
            "automatic": {"const": False},
            "dry_run": {"const": False},
        },
    },
]


class Undo(RequestModel):
    """The events to undo: the newest decision about a photo, one event, the last action, or all since a time.

    `dry_run` only shows what would happen. Its answer has a `preview` token. `since` needs a dry run first.
    Then send the token alone.
    """

    model_config = request_config(any_of=_UNDOS)

    photo: PhotoId | None = None
    """The photo's id. Of a bulk action, smartsort undoes only this photo's part."""
    event: PhotoId | None = None
    last: StrictBool = False
    since: str | None = Field(default=None, max_length=40, json_schema_extra={"format": "date-time"})
    """ISO 8601. Without a zone, it is the server's."""
    automatic: StrictBool = False
    """With `since`: undo automatic filings, too."""
    dry_run: StrictBool = False
    preview: str | None = Field(default=None, min_length=1, max_length=100)
    """The token of a dry run. Give nothing else with it."""
