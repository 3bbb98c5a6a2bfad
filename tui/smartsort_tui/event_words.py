"""What happened, in words for a line. Pure."""

from __future__ import annotations

from smartsort.api.schemas.history import EventView
from smartsort_tui import wording

_KINDS = {
    "accepted": "arrived",
    "placed": "placed",
    "reviewed": "to review",
    "deferred": "put off",
    "undone": "taken back",
    "taught": "taught",
    "not_taught": "not taught",
    "download_failed": "not loaded",
    "group": "together",
}


def kind_text(event: EventView) -> str:
    """The kind as a word or two."""
    return _KINDS.get(event.kind, event.kind.replace("_", " "))


def what_happened(event: EventView) -> str:
    """What became of the photo, without its name, which stands beside it."""
    data = event.data
    category, reason = data.get("category"), data.get("reason")
    if event.kind == "reviewed" and category in wording.TITLES and isinstance(reason, str):
        return f"{wording.TITLES[category]}: {reason.replace('_', ' ')}"
    text = event.text.removesuffix(f": {event.filename}") if event.filename else event.text
    return text or str(data or "")


def photo_name(event: EventView) -> str:
    """The name of the photo an event is about, its number where a sidecar gives no name, empty for none."""
    if event.filename:
        return event.filename
    return f"photo {event.photo_id}" if event.photo_id is not None else ""


def event_line(event: EventView) -> str:
    """The photo and what became of it, in one line."""
    name = photo_name(event)
    return f"{name}: {what_happened(event)}" if name else what_happened(event)
