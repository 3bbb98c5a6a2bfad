"""Ledgers with many photos, made fast."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlite_utils import Database

from smartsort.ledger import events
from smartsort.ledger.database import Ledger
from smartsort.ledger.records import NewEvent

WAITING = 200
"""Photos in review, whatever the size: a queue is worked off, a collection grows."""

CHUNK = 20_000
END = datetime(2026, 11, 22, 12, tzinfo=UTC)


def fill(ledger: Ledger, count: int) -> None:
    """`count` photos at rest, evenly over five years, the newest `WAITING` of them in review."""
    for start in range(1, count + 1, CHUNK):
        last = min(count, start + CHUNK - 1)
        ledger.write(lambda db, a=start, b=last: _fill(db, a, b, count))  # type: ignore[misc]


def _fill(db: Database, first: int, last: int, count: int) -> None:
    rows = list(_rows(first, last, count))
    execute = db.conn.executemany
    execute(
        "INSERT INTO photos (id, state, source, origin, original_name, size, mtime_ns, sha256, sha1, shard,"
        " category, person_name, auto_sorted, media_kind, media_type, extension, arrived_at, routed_at)"
        " VALUES (?,?,'phone','inbox',?,4000000,?,?,?,1,?,?,?,'image','image/jpeg','jpg',?,?)",
        [r[:-1] for r in rows],
    )
    execute(
        "INSERT INTO names (photo_id, area, path, size, mtime_ns, sha256) VALUES (?,'library',?,4000000,?,?)",
        [(r[0], f"shard-0001/{r[4][:2]}/{r[4][:16]}/{r[2]}", r[3], r[4]) for r in rows],
    )
    execute(
        "INSERT INTO names (photo_id, area, path, size, mtime_ns, sha256) VALUES (?,?,?,4000000,?,?)",
        [(r[0], "faces" if r[1] == "filed" else "review", f"{r[-1]}/{r[2]}", r[3], r[4]) for r in rows],
    )
    execute(
        "INSERT INTO downloads (file_path, filename, file_hash, source, download_date, person_name,"
        " auto_sorted, photo_id) VALUES (?,?,?,'phone',?,?,?,?)",
        [(f"/data/{r[-1]}/{r[2]}", r[2], r[4], r[9], r[7], r[8], r[0]) for r in rows],
    )
    execute(
        "INSERT INTO review_queue (file_path, category, file_hash, reason, faces_detected, created_at,"
        " action, photo_id) VALUES (?,?,?,'no_faces_detected',0,?,'pending',?)",
        [(f"/data/review/{r[2]}", r[6], r[4], r[9], r[0]) for r in rows if r[1] == "review"],
    )
    execute(
        "INSERT INTO decisions (photo_id, at, outcome, category, policy_version, reasons, evidence)"
        " VALUES (?,?,?,?,'bench','[{\"code\":\"no_faces_detected\"}]','{}')",
        [(r[0], r[9], "sorted" if r[1] == "filed" else "reviewed", r[6]) for r in rows],
    )
    for r in rows:
        kind = "sorted" if r[1] == "filed" else "reviewed"
        happened = [NewEvent("accepted", r[0], {"source": "phone"}), NewEvent(kind, r[0], {"people": [r[7]]})]
        events.append(db, happened, r[9])


def _rows(first: int, last: int, count: int) -> Iterator[tuple[object, ...]]:
    step = timedelta(days=5 * 365) / count
    for number in range(first, last + 1):
        waiting = number > count - min(WAITING, count // 5)
        at = (END - step * (count - number)).isoformat(timespec="milliseconds")
        person = f"Person {number % 40}"
        yield (
            number,
            "review" if waiting else "filed",
            f"IMG_{number:07}.jpg",
            1_700_000_000_000_000_000 + number,
            f"{number:064x}",
            f"{number:040x}",
            "unidentified" if waiting else None,
            None if waiting else person,
            0 if waiting else 1,
            at,
            at,
            "unidentified" if waiting else f"person_{number % 40}",
        )
