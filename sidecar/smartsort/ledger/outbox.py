"""Messages to Immich that wait for their delivery."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from smartsort.ledger.records import dumps


@dataclass(frozen=True, slots=True)
class Message:
    """Something Immich has to be told once it can be."""

    id: int
    kind: str
    photo_id: int | None
    data: Mapping[str, Any]
    attempts: int


def post(db: Database, kind: str, photo_id: int | None, data: Mapping[str, Any], not_before: str) -> None:
    """Put a message into the outbox, and remember what Immich will then have been told."""
    if photo_id is not None:
        _remember(db, kind, photo_id, data)
    db.conn.execute(
        "INSERT INTO outbox (kind, photo_id, data, not_before) VALUES (?,?,?,?)",
        (kind, photo_id, dumps(dict(data)), not_before),
    )


def post_once(db: Database, kind: str, data: Mapping[str, Any], not_before: str) -> None:
    """Put a message about no photo into the outbox in place of the same one that waits there.

    The earlier one may be on its way: Immich may have looked before what this one is about.
    """
    post(db, kind, None, data, not_before)
    db.conn.execute(
        "DELETE FROM outbox WHERE kind = ? AND photo_id IS NULL AND data = ? AND id < last_insert_rowid()",
        (kind, dumps(dict(data))),
    )


def _remember(db: Database, kind: str, photo_id: int, data: Mapping[str, Any]) -> None:
    execute = db.conn.execute
    if kind == "visibility":
        execute("DELETE FROM told WHERE photo_id = ? AND kind = 'visibility'", (photo_id,))
        if data["visibility"] != "timeline":
            execute("INSERT INTO told VALUES (?, 'visibility', ?)", (photo_id, data["visibility"]))
    elif kind == "album_add":
        execute("INSERT OR IGNORE INTO told VALUES (?, 'album', ?)", (photo_id, data["album"]))
    elif kind == "album_remove":
        execute(
            "DELETE FROM told WHERE photo_id = ? AND kind = 'album' AND value = ?", (photo_id, data["album"])
        )


def due(db: Database, now: str, limit: int) -> list[Message]:
    """Messages whose time has come, oldest first. Of each photo only the first that is not delivered.

    So what is said about one photo arrives in the order it was said, also when a message is postponed.
    """
    rows = db.conn.execute(
        "SELECT id, kind, photo_id, data, attempts FROM outbox AS o WHERE not_before <= ? AND NOT EXISTS"
        " (SELECT 1 FROM outbox AS p WHERE p.photo_id = o.photo_id AND p.id < o.id) ORDER BY id LIMIT ?",
        (now, limit),
    )
    return [Message(r[0], r[1], r[2], json.loads(r[3]), r[4]) for r in rows]


def untold(db: Database, photo_ids: Collection[int], kind: str | None = None) -> set[int]:
    """Return those of these photos about which a message, with `kind` one of it, has not been delivered."""
    query = "SELECT DISTINCT photo_id FROM outbox WHERE photo_id IS NOT NULL AND coalesce(kind = ?, 1)"
    found = db.conn.execute(query, (kind,))
    return {photo_id for (photo_id,) in found} & set(photo_ids)


def next_due(db: Database) -> str | None:
    """Return when the next message is due, None when there is none."""
    when: str | None = db.conn.execute("SELECT min(not_before) FROM outbox").fetchone()[0]
    return when


def delivered(db: Database, ids: list[int]) -> None:
    """Remove messages that were delivered, or that never can be."""
    db.conn.executemany("DELETE FROM outbox WHERE id = ?", [(i,) for i in ids])


def revise(db: Database, message_id: int, data: Mapping[str, Any]) -> None:
    """Change what a message says, before it is delivered."""
    db.conn.execute("UPDATE outbox SET data = ? WHERE id = ?", (dumps(dict(data)), message_id))


def postpone(db: Database, message_id: int, not_before: str, problem: str) -> None:
    """Try a message again later."""
    db.conn.execute(
        "UPDATE outbox SET attempts = attempts + 1, not_before = ?, problem = ? WHERE id = ?",
        (not_before, problem, message_id),
    )
