"""What an action has left behind in a World: its events, rows of tables, messages to Immich."""

from __future__ import annotations

import json

from smartsort.ledger import events, photos


async def delivered(place, *names, **options):
    ids = [await place.deliver(name, **options) for name in names]
    await place.settle()
    return ids


def event_of(place, number):
    return place.ledger.read(lambda db: events.get(db, number))


def rows(place, query, *values):
    return place.ledger.read(lambda db: db.conn.execute(query, values).fetchall())


def outbox_of(place):
    found = rows(place, "SELECT kind, photo_id, data FROM outbox ORDER BY id")
    return [(kind, photo, json.loads(data)) for kind, photo, data in found]


def data_of(place, number):
    """Return what an event says, without the arrangements and the number of the act."""
    data = event_of(place, number).data
    return {key: value for key, value in data.items() if key not in ("before", "after", "act")}


def strangers(place, *photo_ids):
    last = {i: place.ledger.read(lambda db, i=i: photos.last_decision(db, i))[4] for i in photo_ids}
    return {i: [face.id for face in seen.faces if not face.person] for i, seen in last.items()}
