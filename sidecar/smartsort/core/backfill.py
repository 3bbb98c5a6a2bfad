"""What becomes of a photo that was in Immich before smartsort: a link, a question, or nothing."""

from __future__ import annotations

from enum import StrEnum

from smartsort.core.model import BulkKind, Category, Decision, Outcome
from smartsort.core.rules import RULES

_LEFT = frozenset(
    reason.code
    for rule in RULES
    if rule.bulk in (BulkKind.BLACKLISTED, BulkKind.NOT_WHITELISTED, BulkKind.NOT_PICTURES)
    for reason in rule.reasons
)
_ASKED = (Category.UNIDENTIFIED, Category.LOW_CONFIDENCE, Category.MULTIPLE_FACES)


class Fate(StrEnum):
    """What is to become of such a photo. Nothing else ever does."""

    LINK = "link"
    """It gets a link below `faces/`."""
    ASK = "ask"
    """Somebody with a name is on it, and you are asked."""
    LEAVE = "leave"
    """It stays as it is: you want nobody who is on it."""


def fate(decision: Decision) -> Fate:
    """Return what becomes of a photo with somebody on it who has a name."""
    if decision.outcome is Outcome.SORTED:
        return Fate.LINK
    if decision.category not in _ASKED or decision.reason.code in _LEFT:
        return Fate.LEAVE
    return Fate.ASK


def mapped(path: str, mapping: tuple[tuple[str, str], ...]) -> str | None:
    """Return where a path of Immich lies on this machine, None outside the mapping.

    The longest prefix counts. A prefix ends where a folder ends: `/data/a` says nothing of `/data/ab`.
    """
    found = [(ours, theirs) for theirs, ours in mapping if path.startswith(f"{theirs.rstrip('/')}/")]
    if not found or ".." in path.split("/"):
        return None
    ours, theirs = max(found, key=lambda pair: len(pair[1].rstrip("/")))
    return ours.rstrip("/") + path[len(theirs.rstrip("/")) :]
