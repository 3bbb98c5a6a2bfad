"""Ledgers with many photos, made fast."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from sqlite_utils import Database

from smartsort.core.naming import shard_folder
from smartsort.ledger import events, spot_checks, statistics
from smartsort.ledger.database import Ledger
from smartsort.ledger.records import NewEvent

WAITING = 200
"""Photos in review, whatever the size: a queue is worked off, a collection grows."""

LATELY = 800
"""Photos of the last thirty days, whatever the size: what grows with a collection is its past, and what is
shown of the present should not cost more for it."""

SHARD = 20_000
"""Photos in one library of Immich, as `immich.shard_size` has it."""

CHUNK = 20_000
END = datetime(2026, 11, 22, 12, tzinfo=UTC)


def fill(ledger: Ledger, count: int, root: str = "/data", waiting: int | None = None) -> None:
    """`count` photos at rest below `root`, the newest `waiting` of them in review: of most ledgers `WAITING`.

    `LATELY` of them came in the last thirty days, the others evenly over the five years before.
    """
    waiting = min(WAITING, count // 5) if waiting is None else waiting
    for start in range(1, count + 1, CHUNK):
        last = min(count, start + CHUNK - 1)
        ledger.write(lambda db, a=start, b=last: _fill(db, (a, b), count, root, waiting))  # type: ignore[misc]


def count(ledger: Ledger) -> None:
    """What a sidecar does with a history while it grows: daily totals, and the draw of spot checks."""
    while ledger.read(statistics.uncounted):
        ledger.write(statistics.count_chunk)
    while ledger.read(spot_checks.behind):
        ledger.write(lambda db: spot_checks.draw_chunk(db, 0.05))


def _fill(db: Database, part: tuple[int, int], count: int, root: str, waiting: int) -> None:
    rows = list(_rows(*part, count, waiting))
    execute = db.conn.executemany
    execute(
        "INSERT INTO photos (id, state, source, origin, original_name, size, mtime_ns, sha256, sha1, shard,"
        " category, person_name, auto_sorted, media_kind, media_type, extension, arrived_at, routed_at)"
        " VALUES (?,?,'phone','inbox',?,4000000,?,?,?,?,?,?,?,'image','image/jpeg','jpg',?,?)",
        [(*r[:6], _shard(r[0]), *r[6:-1]) for r in rows],
    )
    execute(
        "INSERT INTO names (photo_id, area, path, size, mtime_ns, sha256) VALUES (?,'library',?,4000000,?,?)",
        [(r[0], f"{shard_folder(_shard(r[0]))}/{r[4][:2]}/{r[2]}", r[3], r[4]) for r in rows],
    )
    execute(
        "INSERT INTO names (photo_id, area, path, size, mtime_ns, sha256) VALUES (?,?,?,4000000,?,?)",
        [(r[0], _area(r), f"{r[-1]}/{r[2]}", r[3], r[4]) for r in rows],
    )
    execute(
        "INSERT INTO downloads (file_path, filename, file_hash, source, download_date, person_name,"
        " auto_sorted, photo_id) VALUES (?,?,?,'phone',?,?,?,?)",
        [(f"{root}/{_area(r)}/{r[-1]}/{r[2]}", r[2], r[4], r[9], r[7], r[8], r[0]) for r in rows],
    )
    execute(
        "INSERT INTO review_queue (file_path, category, file_hash, reason, faces_detected, created_at,"
        " action, photo_id) VALUES (?,?,?,'no_faces_detected',0,?,'pending',?)",
        [(f"{root}/review/{r[-1]}/{r[2]}", r[6], r[4], r[9], r[0]) for r in rows if r[1] == "review"],
    )
    execute(
        "INSERT INTO decisions (photo_id, at, outcome, category, policy_version, reasons, evidence)"
        " VALUES (?,?,?,?,'bench','[{\"code\":\"no_faces_detected\"}]','{}')",
        [(r[0], r[9], "sorted" if r[1] == "filed" else "reviewed", r[6]) for r in rows],
    )
    for at, same in groupby(rows, key=lambda r: str(r[9])):
        events.append(db, (event for r in same for event in _history(r)), at)


def _history(row: tuple[Any, ...]) -> Iterator[NewEvent]:
    yield NewEvent("accepted", row[0], {"source": "phone"})
    if row[1] == "filed":
        yield NewEvent("sorted", row[0], {"people": [row[7]]})
    else:
        yield NewEvent("reviewed", row[0], {"category": row[6]})


def digest(number: int) -> str:
    """What stands for the SHA-256 of a photo: as far from that of the next photo as a real one."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def _shard(photo_id: int) -> int:
    return (photo_id - 1) // SHARD + 1


def _area(row: tuple[Any, ...]) -> str:
    return "faces" if row[1] == "filed" else "review"


def _rows(first: int, last: int, count: int, waiting_count: int) -> Iterator[tuple[Any, ...]]:
    lately = min(LATELY, count - 1)
    for number in range(first, last + 1):
        waiting = number > count - waiting_count
        age = count - number
        if age < lately:
            moment = END - timedelta(days=30) * age / lately
        else:
            # Whole days: photos of one day share a time, as those of one delivery nearly do.
            moment = END - timedelta(days=30 + 5 * 365 * (age - lately) // (count - lately))
        at = moment.isoformat(timespec="milliseconds")
        person = f"Person {number % 40}"
        yield (
            number,
            "review" if waiting else "filed",
            f"IMG_{number:07}.jpg",
            1_700_000_000_000_000_000 + number,
            digest(number),
            digest(number)[:40],
            "unidentified" if waiting else None,
            None if waiting else person,
            0 if waiting else 1,
            at,
            at,
            "unidentified" if waiting else f"person_{number % 40}",
        )
