"""What happened, and taking it back."""

from __future__ import annotations

from typing import Any

from pydantic import Field, StrictBool

from smartsort.api.schemas.base import PhotoId, RequestModel, ResponseModel, request_config


class EventView(ResponseModel):
    """Something that happened; `undoable` events can be given to undo. `id` is the event's.

    `filename` is the photo's own name, null for what is of no single photo. `text` is a sentence; one about a
    photo begins with that name.
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
    """Undo the newest decision about a photo, one event, the last action (`last`), or all since a time.

    `dry_run` only tells what would happen; its answer has a `preview` token. `since` needs a dry run first,
    and is then asked for with the token alone.
    """

    model_config = request_config(any_of=_UNDOS)

    photo: PhotoId | None = None
    """Its id, as in the review queue; of a bulk action only this photo's part is undone."""
    event: PhotoId | None = None
    last: StrictBool = False
    since: str | None = Field(default=None, max_length=40, json_schema_extra={"format": "date-time"})
    """ISO 8601; without a zone it is the server's."""
    automatic: StrictBool = False
    """With `since`: automatic filings, too."""
    dry_run: StrictBool = False
    preview: str | None = Field(default=None, min_length=1, max_length=100)
    """The token of a dry run; nothing else is given with it."""
