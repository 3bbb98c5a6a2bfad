"""Events over the API name their photo, at one look into the ledger however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from smartsort.api.views import event_views
from smartsort.ledger import events
from smartsort.ledger.database import Ledger
from smartsort.ledger.records import NewEvent

NOON = "2026-05-04T12:00:00.000+00:00"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(str(tmp_path / "smartsort.db")) as opened:
        yield opened


def photo(db: Database, photo_id: int, name: bytes) -> None:
    db.conn.execute(
        "INSERT INTO photos (id, state, source, origin, original_name, size, mtime_ns, arrived_at)"
        " VALUES (?, 'filed', 'phone', 'inbox', ?, 1, 1, ?)",
        (photo_id, name.decode("utf-8", "surrogateescape"), NOON),
    )


def test_each_event_has_its_photos_name_or_none(ledger: Ledger) -> None:
    def happen(db: Database) -> None:
        photo(db, 1, "春の庭.jpg".encode())
        photo(db, 2, b"IMG_2.jpg")
        told = {"names": [["faces", "john_doe/IMG_2_20260504_120000.jpg"]], "people": ["John Doe"]}
        new = [NewEvent("sorted", 2, told), NewEvent("enabled"), NewEvent("reviewed", 1)]
        events.append(db, new, NOON)

    ledger.write(happen)
    views = ledger.read(lambda db: event_views(db, events.after(db, 0, 10)))
    assert [(view.photo_id, view.filename) for view in views] == [
        (2, "IMG_2.jpg"),
        (None, None),
        (1, "春の庭.jpg"),
    ]


@pytest.mark.parametrize("number", [2, 400])
def test_names_are_read_once_a_page(ledger: Ledger, number: int) -> None:
    def happen(db: Database) -> None:
        for photo_id in range(1, number + 1):
            photo(db, photo_id, b"IMG_%d.jpg" % photo_id)
        events.append(db, [NewEvent("sorted", photo_id) for photo_id in range(1, number + 1)], NOON)

    ledger.write(happen)
    asked: list[str] = []

    def read(db: Database) -> list[str | None]:
        found = events.after(db, 0, 500)
        db.conn.set_trace_callback(asked.append)
        try:
            return [view.filename for view in event_views(db, found)]
        finally:
            db.conn.set_trace_callback(None)

    assert ledger.read(read) == [f"IMG_{photo_id}.jpg" for photo_id in range(1, number + 1)]
    assert len([statement for statement in asked if "FROM photos" in statement]) == 1
