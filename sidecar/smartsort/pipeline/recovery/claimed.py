"""The names of claimed files in `temp_downloads/`: the photo's id first, so that each explains itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from smartsort.core.event_kinds import EventKind
from smartsort.files.names import ANY_NAME, NameRules
from smartsort.files.shown import shown
from smartsort.ledger import adopted
from smartsort.ledger.records import Member, Name, NewEvent, Photo


def temp_name(photo_id: int, member: Member, original_name: str, rules: NameRules = ANY_NAME) -> str:
    """Return the claimed file's name in `temp_downloads/`, which takes names of these rules.

    It fits before it is tried: the journal has it before the file is there.
    """
    return rules.fitted(f"{photo_id}-{member.value}_{original_name}")


def photo_id_of(name: str) -> int | None:
    """Return the photo a claimed file belongs to, None for a name that is not ours."""
    head, _, rest = name.partition("-")
    return int(head) if rest and head.isascii() and head.isdigit() else None


def own_name(name: Name) -> str:
    """Return the name a file in `temp_downloads/` had before it was claimed."""
    return name.path.removeprefix(f"{name.photo_id}-{name.member.value}_")


def acceptance(photo: Photo, inbox: str, adoption: Mapping[str, Any] | None = None, **more: Any) -> NewEvent:
    """Return the event of a file that was taken in. For one from the inbox it has the path there.

    One from a folder that a user had sorted has what an undo needs to give it back.
    """
    if adoption is not None:
        return adopted.event_of(photo, adoption, **more)
    data = {"name": shown(photo.original_name), "source": photo.source, "origin": photo.origin, **more}
    if photo.origin == "inbox" and photo.origin_path is not None:
        data["path"] = shown(os.path.relpath(photo.origin_path, inbox))
    return NewEvent(EventKind.ACCEPTED, photo.id, data)
