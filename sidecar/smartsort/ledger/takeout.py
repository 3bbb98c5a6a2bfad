"""What Google Takeout says about photos: evidence for people to look at, which decides nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from sqlite_utils import Database

from smartsort.files.takeout import Takeout
from smartsort.ledger.records import dumps
from smartsort.ledger.rows import insert

_AGAIN = "ON CONFLICT (photo_id) DO UPDATE SET people = excluded.people, taken_at = excluded.taken_at"


def put(db: Database, said: Mapping[int, Takeout]) -> None:
    """Remember what was said, by photo id."""
    rows = [
        (photo_id, dumps(list(one.people)), one.taken.isoformat() if one.taken else None)
        for photo_id, one in said.items()
    ]
    insert(db, "INTO takeout", ("photo_id", "people", "taken_at"), rows, _AGAIN)


def get(db: Database, photo_id: int) -> Takeout | None:
    """Return what was said of a photo, None for nothing."""
    row = db.conn.execute("SELECT people, taken_at FROM takeout WHERE photo_id = ?", (photo_id,)).fetchone()
    if row is None:
        return None
    taken = datetime.fromisoformat(row[1]).astimezone(UTC) if row[1] else None
    return Takeout(people=tuple(json.loads(row[0])), taken=taken)
