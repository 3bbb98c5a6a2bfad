"""Plain tables written beside our own, so that other tools can read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from sqlite_utils import Database

from smartsort.core.model import Category, Decision
from smartsort.core.wording import short
from smartsort.files.shown import shown
from smartsort.ledger.records import Photo
from smartsort.ledger.rows import insert, select


@dataclass(frozen=True, slots=True)
class Download:
    """A row of `downloads`: one per photo ever accepted. `file_path` is absolute, as shown to people."""

    file_path: str
    filename: str
    file_hash: str | None
    source: str
    download_date: str
    person_name: str | None = None
    auto_sorted: bool = False

    @classmethod
    def of(cls, photo: Photo, place: str, person_name: str | None, *, auto_sorted: bool) -> Download:
        """The row of a photo that is at `place`."""
        name, digest = shown(photo.original_name), photo.sha256
        return cls(place, name, digest, photo.source, photo.arrived_at, person_name, auto_sorted)


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """A row of `review_queue` with `action` pending."""

    file_path: str
    category: Category
    file_hash: str | None
    reason: str
    faces_detected: int
    suggested_person: str | None

    @classmethod
    def of(cls, photo: Photo, place: str, decision: Decision, category: Category) -> ReviewRow:
        """The row of a photo that waits at `place` because of a decision."""
        suggested = decision.suggested.name if decision.suggested else None
        reason, faces = short(decision.reason), decision.faces_detected
        return cls(place, category, photo.sha256, reason, faces, suggested)


def put_download(db: Database, photo_id: int, download: Download) -> None:
    """Write or renew the row of a photo."""
    put_downloads(db, [(photo_id, download)])


def put_downloads(db: Database, downloads: Sequence[tuple[int, Download]]) -> None:
    """Write or renew the rows of different photos."""
    if not downloads:
        return
    known = _with_a_row(db, "downloads", [photo_id for photo_id, _ in downloads])
    columns = tuple(Download.__dataclass_fields__)
    rows = {photo_id: astuple(download) for photo_id, download in downloads}
    # OR IGNORE here and below: an older table may hold file hashes or paths unique. A photo then keeps the
    # row it has, and a second copy has none of its own there.
    assignments = ", ".join(f"{column} = ?" for column in columns)
    db.conn.executemany(
        f"UPDATE OR IGNORE downloads SET {assignments} WHERE photo_id = ?",  # noqa: S608 - our own columns
        [(*row, photo_id) for photo_id, row in rows.items() if photo_id in known],
    )
    required = required_by_others(db)
    insert(
        db,
        "OR IGNORE INTO downloads",
        (*columns, "photo_id", *required),
        [(*row, photo_id, *required.values()) for photo_id, row in rows.items() if photo_id not in known],
    )


def _with_a_row(db: Database, table: str, photo_ids: Sequence[int], more: str = "") -> set[int]:
    """Return those of the photos that have a row in the table (for which `more` holds)."""
    rows = select(db, f"SELECT photo_id FROM {table} WHERE photo_id IN (*){more}", photo_ids)  # noqa: S608
    return {row[0] for row in rows}


_OURS = frozenset({*Download.__dataclass_fields__, "photo_id"})


def required_by_others(db: Database) -> dict[str, Any]:
    """Return columns an older `downloads` insists on and we do not fill, with a harmless value each."""
    values: dict[str, Any] = {}
    for _, name, kind, required, default, key in db.conn.execute("PRAGMA table_info(downloads)"):
        if required and default is None and not key and name not in _OURS:
            numeric = any(word in kind.upper() for word in ("INT", "REAL", "NUM"))
            values[name] = 0 if numeric else ""
    return values


_REVIEW_VALUES = ("file_path", "category", "file_hash", "reason", "faces_detected", "suggested_person")


def open_review(db: Database, photo_id: int, row: ReviewRow, at: str) -> None:
    """Put a photo into the queue. A pending row it already has is renewed."""
    open_reviews(db, [(photo_id, row)], at)


def open_reviews(db: Database, reviews: Sequence[tuple[int, ReviewRow]], at: str) -> None:
    """Put different photos into the queue. Pending rows they already have are renewed."""
    if not reviews:
        return
    pending = " AND action = 'pending'"
    known = _with_a_row(db, "review_queue", [photo_id for photo_id, _ in reviews], pending)
    rows = {
        photo_id: (r.file_path, r.category.value, r.file_hash, r.reason, r.faces_detected, r.suggested_person)
        for photo_id, r in reviews
    }
    assignments = ", ".join(f"{column} = ?" for column in _REVIEW_VALUES)
    db.conn.executemany(
        f"UPDATE review_queue SET {assignments} WHERE photo_id = ? AND action = 'pending'",  # noqa: S608
        [(*row, photo_id) for photo_id, row in rows.items() if photo_id in known],
    )
    insert(
        db,
        "INTO review_queue",
        (*_REVIEW_VALUES, "created_at", "action", "photo_id"),
        [(*row, at, "pending", photo_id) for photo_id, row in rows.items() if photo_id not in known],
    )


def close_review(db: Database, photo_id: int, action: str, by: str, at: str) -> None:
    """Note what became of a photo's pending row: `approved` or `rejected`."""
    db.conn.execute(
        "UPDATE review_queue SET action = ?, reviewed_by = ?, reviewed_at = ?"
        " WHERE photo_id = ? AND action = 'pending'",
        (action, by, at, photo_id),
    )


def withdraw_review(db: Database, photo_id: int) -> None:
    """Remove a pending row that no human has judged (the photo resolved itself)."""
    db.conn.execute("DELETE FROM review_queue WHERE photo_id = ? AND action = 'pending'", (photo_id,))


_REVIEW_COLUMNS = (
    *("id", *_REVIEW_VALUES),
    *("created_at", "reviewed_at", "reviewed_by", "action", "deferred_at"),
)


def newest_review(db: Database, photo_id: int) -> dict[str, Any] | None:
    """The newest row a photo has in the queue, pending or closed, as plain values, None without one."""
    row = db.conn.execute(
        f"SELECT {', '.join(_REVIEW_COLUMNS)} FROM review_queue WHERE photo_id = ?"  # noqa: S608 - our columns
        " ORDER BY id DESC LIMIT 1",
        (photo_id,),
    ).fetchone()
    return dict(zip(_REVIEW_COLUMNS, row, strict=True)) if row else None


def put_review_back(db: Database, photo_id: int, row: Mapping[str, Any] | None) -> None:
    """Make `row` (from `newest_review`) the photo's newest row again. Rows opened since go."""
    execute = db.conn.execute
    execute("DELETE FROM review_queue WHERE photo_id = ? AND id > ?", (photo_id, row["id"] if row else 0))
    if row is None:
        return
    columns = ", ".join((*_REVIEW_COLUMNS, "photo_id"))
    marks = ", ".join("?" * (len(_REVIEW_COLUMNS) + 1))
    assignments = ", ".join(f"{c} = excluded.{c}" for c in _REVIEW_COLUMNS[1:])
    execute(
        f"INSERT INTO review_queue ({columns}) VALUES ({marks})"  # noqa: S608
        f" ON CONFLICT (id) DO UPDATE SET {assignments}",
        (*(row[c] for c in _REVIEW_COLUMNS), photo_id),
    )


def defer_review(db: Database, photo_id: int, at: str) -> None:
    """List a photo's pending row after all others."""
    db.conn.execute(
        "UPDATE review_queue SET deferred_at = ? WHERE photo_id = ? AND action = 'pending'", (at, photo_id)
    )


def download_of(db: Database, photo_id: int) -> Download | None:
    """Return the row of `downloads` that belongs to a photo."""
    row = db.conn.execute(
        "SELECT file_path, filename, file_hash, source, download_date, person_name, auto_sorted"
        " FROM downloads WHERE photo_id = ? LIMIT 1",
        (photo_id,),
    ).fetchone()
    return Download(row[0], row[1], row[2], row[3], row[4], row[5], bool(row[6])) if row else None


def forget_download(db: Database, photo_id: int) -> None:
    """Remove the row of a photo that smartsort does not hold any more."""
    db.conn.execute("DELETE FROM downloads WHERE photo_id = ?", (photo_id,))
