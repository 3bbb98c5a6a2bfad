"""What happened, in words for a line: the photo it is about, and what became of it. Pure."""

from __future__ import annotations

import re
from typing import Any

from smartsort.api.schemas.history import EventView
from smartsort_tui import wording

# What smartsort puts before a name while its photo waits in review.
_REVIEW_PREFIX = re.compile(
    "^(duplicate|noface|unknown|notwhitelisted|lowconf|multi|unwanted|unreadable)_(?=.)"
)
_KINDS = {
    "accepted": "arrived",
    "placed": "placed",
    "reviewed": "to review",
    "deferred": "put off",
    "undone": "taken back",
    "taught": "taught",
    "not_taught": "not taught",
    "download_failed": "not loaded",
}


def kind_text(event: EventView) -> str:
    """The kind as a word or two."""
    return _KINDS.get(event.kind, event.kind.replace("_", " "))


def subject(event: EventView) -> str:
    """The name of the photo an event is about, as far as the event tells it; else empty."""
    data = event.data
    if isinstance(name := data.get("name"), str):
        return name
    if isinstance(placed := data.get("library"), str):
        return placed.rpartition("/")[2]
    places = _places(data.get("names"))
    for wanted in ("library", "faces"):
        if wanted in places:
            return places[wanted].rpartition("/")[2]
    if places:
        area, place = next(iter(places.items()))
        name = place.rpartition("/")[2]
        return _REVIEW_PREFIX.sub("", name) if area == "review" else name
    return ""


def _places(names: Any) -> dict[str, str]:
    """The places in an event, by area: pairs of an area and a path below it."""
    if not isinstance(names, list):
        return {}
    pairs = (pair for pair in names if isinstance(pair, list | tuple) and len(pair) == 2)
    return {area: place for area, place in pairs if isinstance(area, str) and isinstance(place, str)}


def what_happened(event: EventView) -> str:
    """What became of the photo, without its name, which stands beside it."""
    data = event.data
    category, reason = data.get("category"), data.get("reason")
    if event.kind == "reviewed" and category in wording.TITLES and isinstance(reason, str):
        return f"{wording.TITLES[category]}: {reason.replace('_', ' ')}"
    name = subject(event)
    text = event.text.removesuffix(f": {name}") if name else event.text
    return text or str(data or "")
