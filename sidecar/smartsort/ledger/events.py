"""The history: append-only, and chained so that a changed past is noticed.

Each event's digest covers the digest before it, so an event cannot be altered, dropped or slipped in
without every later digest being wrong.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlite_utils import Database

from smartsort.core.event_kinds import current, stored
from smartsort.ledger.records import Event, NewEvent, dumps
from smartsort.ledger.rows import insert

GENESIS = "0" * 64

_COLUMNS = "id, at, actor, kind, photo_id, data, undoes, digest"


def _digest(before: str, at: str, event: NewEvent | Event, kind: str, data: str) -> str:
    """Return the digest over `kind` and `data` as they are stored."""
    text = dumps([before, at, event.actor, kind, event.photo_id, data, event.undoes])
    return hashlib.sha256(text.encode()).hexdigest()


def append(db: Database, events: Iterable[NewEvent], at: str) -> list[int]:
    """Write events in order. Return their ids. Call inside a write transaction."""
    execute = db.conn.execute
    row = execute("SELECT digest FROM events ORDER BY id DESC LIMIT 1").fetchone()
    before = row[0] if row else GENESIS
    # The number AUTOINCREMENT would give, known beforehand so that all rows are written as one.
    counted = execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    first = 1 + (counted[0] if counted else 0)
    rows: list[tuple[Any, ...]] = []
    for number, event in enumerate(events, first):
        data = dumps(dict(event.data))
        before = _digest(before, at, event, event.kind, data)
        rows.append((number, at, event.actor, event.kind, event.photo_id, data, event.undoes, before))
    insert(db, "INTO events", _COLUMNS.split(", "), rows)
    return [row[0] for row in rows]


_KIND_KEYS = ("of", "what")
"""Keys of an event's data whose value is the kind of other events."""


def _event(row: Sequence[Any]) -> Event:
    data = json.loads(row[5])
    data |= {key: current(data[key]) for key in _KIND_KEYS if isinstance(data.get(key), str)}
    return Event(row[0], row[1], row[2], current(row[3]), row[4], data, row[6], row[7])


def after(db: Database, event_id: int, limit: int) -> list[Event]:
    """Return the events that follow `event_id`, oldest first."""
    rows = db.conn.execute(
        f"SELECT {_COLUMNS} FROM events WHERE id > ? ORDER BY id LIMIT ?",  # noqa: S608 - our own columns
        (event_id, limit),
    )
    return [_event(row) for row in rows]


def before(
    db: Database, event_id: int | None, limit: int, *, photo_id: int | None = None, kind: str | None = None
) -> list[Event]:
    """Events older than `event_id` (None: the newest), newest first, of one photo or kind if asked."""
    wanted = {"id <": event_id, "photo_id =": photo_id}
    found: list[Event] = []
    # One query for each stored value: together SQLite would sort every event of the kind.
    for value in stored([kind]) if kind is not None else [None]:
        given = {column: v for column, v in (wanted | {"kind =": value}).items() if v is not None}
        where = f"WHERE {' AND '.join(f'{column} ?' for column in given)}" if given else ""
        rows = db.conn.execute(
            f"SELECT {_COLUMNS} FROM events {where} ORDER BY id DESC LIMIT ?",  # noqa: S608 - our own columns
            (*given.values(), limit),
        )
        found += [_event(row) for row in rows]
    return sorted(found, key=lambda event: -event.id)[:limit]


def of_photo(db: Database, photo_id: int) -> list[Event]:
    """Return a photo's whole history, oldest first."""
    rows = db.conn.execute(
        f"SELECT {_COLUMNS} FROM events WHERE photo_id = ? ORDER BY id",  # noqa: S608
        (photo_id,),
    )
    return [_event(row) for row in rows]


def get(db: Database, event_id: int) -> Event | None:
    """Return one event."""
    row = db.conn.execute(
        f"SELECT {_COLUMNS} FROM events WHERE id = ?",  # noqa: S608
        (event_id,),
    ).fetchone()
    return _event(row) if row else None


def last_id(db: Database) -> int:
    """Return the id of the newest event, 0 when there is none."""
    return int(db.conn.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0])


def undone(db: Database, event_id: int) -> int | None:
    """Return the event that took `event_id` back and has not been taken back itself, or None."""
    for (other,) in db.conn.execute("SELECT id FROM events WHERE undoes = ? ORDER BY id DESC", (event_id,)):
        if undone(db, int(other)) is None:
            return int(other)
    return None


_PAGE = 5000


def broken_links(db: Database, after: int = 0) -> Iterator[tuple[int, str]]:
    """Every event newer than `after` whose digest does not follow from the one before: (id, what is wrong).

    Read in pages, so that a long history neither fills the memory nor holds up a writer.
    """
    before, previous = GENESIS, 0
    if after:
        known = db.conn.execute(
            "SELECT id, digest FROM events WHERE id <= ? ORDER BY id DESC LIMIT 1", (after,)
        ).fetchone()
        previous, before = known or (0, GENESIS)
    while True:
        rows = db.conn.execute(
            f"SELECT {_COLUMNS} FROM events WHERE id > ? ORDER BY id LIMIT ?",  # noqa: S608
            (previous, _PAGE),
        ).fetchall()
        if not rows:
            break
        for row in rows:
            event = _event(row)
            if event.id != previous + 1:
                yield event.id, f"events {previous + 1} to {event.id - 1} are missing"
            if _digest(before, event.at, event, row[3], row[5]) != event.digest:
                yield event.id, "its digest does not follow from the event before it"
            before, previous = event.digest, event.id
    counted = db.conn.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    # Read after the last page: a writer may have gone on meanwhile, but never back.
    newest = last_id(db)
    if counted is not None and counted[0] > newest:
        yield newest, f"events {newest + 1} to {counted[0]} are missing at the end"
