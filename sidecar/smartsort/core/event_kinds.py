"""What can happen. The values stand in the hash chain of the history, so old values stay readable."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class EventKind(StrEnum):
    """The kinds of events; `core.wording_events` has a sentence for each."""

    ACCEPTED = "accepted"
    """A file was taken in."""
    LATE = "late"
    """A file that belongs to the photo came later."""
    JOINED = "joined"
    """Such files were put beside the photo."""
    FOLDED = "folded"
    """It was such a file, and is a part of the photo that came later."""
    SPLIT = "split"
    """A file that had come with a photo goes on as a photo of its own."""
    PLACED = "placed"
    """It is in the library, where Immich sees it."""
    SORTED = "sorted"
    """It was filed automatically."""
    REVIEWED = "reviewed"
    """It was sent to review."""
    SKIPPED = "skipped"
    """An exact duplicate was put away as configured."""
    AUTO_RESOLVED = "auto_resolved"
    """It left review by itself, because Immich has learned since."""

    APPROVED = "approved"
    REFILED = "refiled"
    REJECTED = "rejected"
    DEFERRED = "deferred"
    """It was skipped: it is listed after the others."""
    CONFIRMED = "confirmed"
    """A spot check was answered with yes."""
    RULED_OUT = "ruled_out"
    """It does not show the person who was suggested."""
    REEVALUATED = "reevaluated"
    """Other settings were applied to it."""
    ONE_PERSON = "one_person"
    """A human said that a person's faces are one person's, although they seem to be two people's."""
    RENAMED = "renamed"
    """Its person has another name in Immich now."""
    UNDONE = "undone"
    BULK_ACTION = "bulk_action"
    """A bulk action; the events of its photos name it."""
    PURGED = "purged"
    """Its time in the trash has ended."""

    FACE_ASSIGNED = "face_assigned"
    """A face was assigned in Immich."""
    FACE_UNASSIGNED = "face_unassigned"
    """That was taken back."""
    IMMICH_UPDATE_FAILED = "immich_update_failed"
    ASSET_RELINKED = "asset_relinked"
    """Immich has an asset for it again."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    LIST_CHANGED = "list_changed"
    """The whitelist or the blacklist was changed."""
    SETTINGS_CHANGED = "settings_changed"
    DOWNLOAD_FAILED = "download_failed"
    DOWNLOAD_RETRIED = "download_retried"

    ADOPTED = "adopted"
    """The audit or a rebuild found it on the disk."""
    MOVED_BY_HAND = "moved_by_hand"
    LINKED_BY_HAND = "linked_by_hand"
    EDITED_BY_HAND = "edited_by_hand"
    REPLACED_BY_HAND = "replaced_by_hand"
    LINKED_AGAIN = "linked_again"
    """A name that was missing was made again."""
    LOST = "lost"


_OLD = {
    "healed": EventKind.AUTO_RESOLVED,
    "denied": EventKind.RULED_OUT,
    "rejudged": EventKind.REEVALUATED,
    "group": EventKind.BULK_ACTION,
    "taught": EventKind.FACE_ASSIGNED,
    "untaught": EventKind.FACE_UNASSIGNED,
    "not_taught": EventKind.IMMICH_UPDATE_FAILED,
    "revived": EventKind.ASSET_RELINKED,
    "listed": EventKind.LIST_CHANGED,
    "configured": EventKind.SETTINGS_CHANGED,
}
"""Earlier values. Rows keep them: rewriting a row would break the hash chain."""


def current(stored: str) -> str:
    """Return today's value for a stored kind; an unknown one stays as it is."""
    return _OLD.get(stored, stored)


def stored(kinds: Iterable[str]) -> list[str]:
    """Return every value that rows may hold for these kinds, for a query by kind."""
    wanted = set(kinds)
    return [*wanted, *(old for old, kind in _OLD.items() if kind in wanted)]
