"""What became of each photo, as rows for tables."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from smartsort.core.event_kinds import EventKind
from smartsort.core.wording import short
from smartsort.files.shown import shown
from smartsort.ledger import events, photos
from smartsort.ledger.records import Area, Member


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """One photo: how it was delivered (relative to the inbox), where it is, why, and since when."""

    delivered: str
    companions: tuple[str, ...]
    """How the files were delivered that travel with it."""
    places: tuple[str, ...]
    folders: tuple[str, ...]
    reason: str
    library: str | None
    routed_at: float | None


def outcomes(db: Database, inbox: str) -> list[OutcomeRow]:
    """Return all photos of the ledger, in the order they came."""
    ids = [int(row[0]) for row in db.conn.execute("SELECT id FROM photos ORDER BY id")]
    names = photos.names_of(db, ids)
    rows: list[OutcomeRow] = []
    for photo in photos.by_ids(db, ids):
        own = [n for n in names[photo.id] if n.member is Member.PHOTO]
        places = [n for n in own if n.area in (Area.FACES, Area.REVIEW, Area.TRASH)]
        decision = photos.last_decision(db, photo.id)
        origin = photo.origin_path or photo.original_name
        delivered = shown(os.path.relpath(origin, inbox)) if origin.startswith(inbox) else shown(origin)
        rows.append(
            OutcomeRow(
                delivered=delivered,
                companions=tuple(
                    os.path.join(os.path.dirname(delivered), name) for name in _companions(db, photo.id)
                ),
                places=tuple(shown(f"{n.area.value}/{n.path}") for n in places),
                folders=tuple(f"{n.area.value}/{os.path.dirname(n.path)}" for n in places),
                reason=short(decision[3][0]) if decision else photo.state.value,
                library=next((n.path for n in own if n.area is Area.LIBRARY), None),
                routed_at=datetime.fromisoformat(photo.routed_at).timestamp() if photo.routed_at else None,
            )
        )
    return rows


def _companions(db: Database, photo_id: int) -> list[str]:
    """Return the names that the files which travel with a photo came under."""
    found: list[str] = []
    for event in events.of_photo(db, photo_id):
        if event.kind in (EventKind.ACCEPTED, EventKind.LATE):
            found += [event.data["name"]] if event.kind == EventKind.LATE else []
            found += event.data.get("companions", ())
        elif event.kind == EventKind.SPLIT:
            found = [name for name in found if name != event.data["name"]]
    return found
