"""An event in the columns of a line. The sentence is the sidecar's. Pure."""

from __future__ import annotations

from smartsort.api.schemas.history import EventView

_KINDS = {
    "accepted": "arrived",
    "reviewed": "to review",
    "deferred": "skipped",
    "skipped": "duplicate",
    "undone": "undone",
    "download_failed": "not loaded",
    "bulk_action": "together",
}
"""Kinds whose own name says less in a narrow column, or is longer than it."""


def kind_text(event: EventView) -> str:
    """Return the kind as a word or two."""
    return _KINDS.get(event.kind, event.kind.replace("_", " "))


def what_happened(event: EventView) -> str:
    """Return the sidecar's sentence without the name of the photo, which stands beside it."""
    return event.text.removeprefix(f"{event.filename} ") if event.filename else event.text


def photo_name(event: EventView) -> str:
    """The name of the photo an event is about, its number where a sidecar gives no name, empty for none."""
    if event.filename:
        return event.filename
    return f"photo {event.photo_id}" if event.photo_id is not None else ""


def event_line(event: EventView) -> str:
    """Return the sentence, with the name of the photo where it is about one."""
    name = photo_name(event)
    return event.text if event.text.startswith(name) else f"{name}: {event.text}"
