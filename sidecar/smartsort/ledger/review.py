"""Reading the review queue: pages, counts, one photo with everything known about it.

Newest first. Skipped photos come after all others. Pages are found by key, never by counting, so a
page costs the same in a queue of ten and of a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlite_utils import Database

from smartsort.core.model import Category, CopyPlace, Evidence, OtherCopy, Reason
from smartsort.core.reasons import current
from smartsort.core.rules.copies import located as placed
from smartsort.files.shown import from_ledger
from smartsort.ledger import arrangement, events, feedback, photos
from smartsort.ledger.copies import copies_of, located
from smartsort.ledger.records import Event, Name, Photo, evidence_from_json, reasons_from_json
from smartsort.ledger.rows import select
from smartsort.ledger.shots import companions_of


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A photo that waits. `id` is the row's and stays in here: everybody else goes by the photo's.

    `path` absolute, as shown to people, `mtime_ns` of the file.

    `reasons` and `evidence` are those of the newest decision, the deciding reason first, none for rows from
    before smartsort.
    """

    id: int
    photo_id: int
    category: Category
    filename: str
    path: str
    size: int
    mtime_ns: int
    reason: str
    reasons: tuple[Reason, ...]
    faces_detected: int
    evidence: Evidence
    ruled_out: frozenset[str]
    """Ids of people a human said it does not show."""
    source: str
    created_at: str
    deferred_at: str | None
    asset_id: str | None
    companions: tuple[str, ...]
    """Names of the files that travel with it."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of the queue. `next_cursor` asks for those that follow, None at the end."""

    rows: tuple[QueueRow, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """One row with everything known: the photo, its names, the newest decision and the history."""

    row: QueueRow
    photo: Photo
    names: tuple[Name, ...]
    policy_version: str
    other: OtherCopy | None
    """The copy a duplicate duplicates, where it is now."""
    other_photo: Photo | None
    history: tuple[Event, ...]
    """Oldest first."""
    version: str
    """See `arrangement.version`."""


# --- the queue -------------------------------------------------------------------------------

_PENDING = "r.action = 'pending'"
_COLUMNS = (
    "r.id, r.photo_id, r.category, p.original_name, r.file_path, p.size, p.mtime_ns, r.reason,"
    " r.faces_detected, p.source, r.created_at, r.deferred_at, p.asset_id"
)


@dataclass(frozen=True, slots=True)
class _Filter:
    category: str | None
    search: str | None

    def clauses(self) -> tuple[list[str], list[Any]]:
        where: list[str] = []
        values: list[Any] = []
        if self.category is not None:
            where.append("r.category = ?")
            values.append(self.category)
        if self.search:
            pattern = _like(self.search)
            columns = ("p.original_name", "r.reason", "r.suggested_person", "p.source")
            where.append("(" + " OR ".join(rf"{c} LIKE ? ESCAPE '\'" for c in columns) + ")")
            values += [pattern] * len(columns)
        return where, values


def _like(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"


def page(
    db: Database,
    category: str | None = None,
    search: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page:
    """Waiting photos that match, newest first. `search` looks into name, reason, person and source.

    Raises ValueError for a cursor that is not one of ours.
    """
    wanted = _Filter(category, search)
    part, key = _read_cursor(cursor)
    found: list[Sequence[Any]] = []
    if part == "new":
        found = _newest(db, wanted, key[0] if key else None, limit + 1)
        key = ()
    if len(found) <= limit:
        found += _deferred(db, wanted, key, limit + 1 - len(found))
    more = len(found) > limit
    rows = tuple(_rows(db, found[:limit]))
    return Page(rows, _cursor(rows[-1]) if more and rows else None)


def _newest(db: Database, wanted: _Filter, before: int | None, limit: int) -> list[Sequence[Any]]:
    where, values = wanted.clauses()
    if before is not None:
        where.append("r.id < ?")
        values.append(before)
    where = [_PENDING, "r.deferred_at IS NULL", *where]
    # Named, because without statistics SQLite takes the index on `action`, which is no help.
    index = "idx_review_newest" if wanted.category is None else "idx_review_newest_of"
    return _select(db, where, values, index=index, order="r.id DESC", limit=limit)


def _deferred(db: Database, wanted: _Filter, after: tuple[Any, ...], limit: int) -> list[Sequence[Any]]:
    """Return what was skipped longest ago comes first."""
    where, values = wanted.clauses()
    if after:
        where.append("(r.deferred_at, r.id) > (?, ?)")
        values += after
    where = [_PENDING, "r.deferred_at IS NOT NULL", *where]
    return _select(db, where, values, index="idx_review_deferred", order="r.deferred_at, r.id", limit=limit)


def _select(
    db: Database, where: Sequence[str], values: Sequence[Any], *, index: str, order: str, limit: int
) -> list[Sequence[Any]]:
    # CROSS JOIN keeps SQLite from starting with the photos: the queue is the smaller side and in order.
    return db.conn.execute(
        f"SELECT {_COLUMNS} FROM review_queue AS r INDEXED BY {index}"  # noqa: S608
        " CROSS JOIN photos AS p ON p.id = r.photo_id"
        f" WHERE {' AND '.join(where)} ORDER BY {order} LIMIT ?",
        (*values, limit),
    ).fetchall()


def _cursor(last: QueueRow) -> str:
    return f"later:{last.deferred_at}:{last.id}" if last.deferred_at is not None else f"new:{last.id}"


def _read_cursor(cursor: str | None) -> tuple[str, tuple[Any, ...]]:
    if cursor is None:
        return "new", ()
    part, _, rest = cursor.partition(":")
    when, _, number = rest.rpartition(":")
    numeric = number.isascii() and number.isdigit()
    if part not in ("new", "later") or not numeric or (part == "new") != (not when):
        raise ValueError(f"{cursor!r} is no cursor of the review queue. Leave it out to begin again")
    return part, (int(number),) if part == "new" else (when, int(number))


def total(db: Database, category: str | None = None, search: str | None = None) -> int:
    """Return how many waiting photos match."""
    where, values = _Filter(category, search).clauses()
    if search:
        sql = "SELECT count(*) FROM review_queue AS r CROSS JOIN photos AS p ON p.id = r.photo_id"
    else:
        sql = "SELECT count(*) FROM review_queue AS r INDEXED BY idx_review_counts"
        where.append("r.photo_id IS NOT NULL")
    row = db.conn.execute(f"{sql} WHERE {' AND '.join([_PENDING, *where])}", values).fetchone()
    return int(row[0])


def counts(db: Database) -> dict[str, int]:
    """Waiting photos by category. Categories without any are missing."""
    rows = db.conn.execute(
        "SELECT category, count(*) FROM review_queue INDEXED BY idx_review_counts"
        " WHERE action = 'pending' AND photo_id IS NOT NULL GROUP BY category"
    )
    return {str(category): int(number) for category, number in rows}


def matching(
    db: Database, category: str | None = None, search: str | None = None, limit: int = 100_000
) -> list[int]:
    """Photo ids of all waiting photos that match, newest first."""
    where, values = _Filter(category, search).clauses()
    rows = db.conn.execute(
        "SELECT r.photo_id FROM review_queue AS r CROSS JOIN photos AS p ON p.id = r.photo_id"  # noqa: S608
        f" WHERE {' AND '.join([_PENDING, *where])} ORDER BY r.id DESC LIMIT ?",
        (*values, limit),
    )
    return [int(photo_id) for (photo_id,) in rows]


def conditions(db: Database, photo_ids: Sequence[int]) -> dict[int, str]:
    """`pending`, `approved` or `rejected` by photo id. Photos that were never in review are missing."""
    rows = select(
        db, "SELECT photo_id, action FROM review_queue WHERE photo_id IN (*) ORDER BY id", photo_ids
    )
    return {int(photo_id): str(action) for photo_id, action in rows}


def row(db: Database, photo_id: int) -> QueueRow | None:
    """Return the newest row of a photo, pending or closed, None when there is none."""
    found = db.conn.execute(
        f"SELECT {_COLUMNS} FROM review_queue AS r JOIN photos AS p ON p.id = r.photo_id WHERE r.id ="  # noqa: S608
        " (SELECT id FROM review_queue WHERE photo_id = ? ORDER BY id DESC LIMIT 1)",
        (photo_id,),
    ).fetchall()
    return next(_rows(db, found), None)


def item(db: Database, photo_id: int) -> QueueEntry | None:
    """Return the newest row of a photo with everything known about it, None when there is none."""
    found = row(db, photo_id)
    photo = photos.get(db, found.photo_id) if found else None
    if found is None or photo is None:
        return None
    decision = photos.last_decision(db, photo.id)
    other, other_photo = _other_copy(db, photo, found.evidence)
    return QueueEntry(
        row=found,
        photo=photo,
        names=tuple(photos.names_of(db, [photo.id])[photo.id]),
        policy_version=decision[2] if decision else "",
        other=other,
        other_photo=other_photo,
        history=tuple(events.of_photo(db, photo.id)),
        version=arrangement.version(arrangement.read(db, [photo.id])[photo.id]),
    )


def _other_copy(db: Database, photo: Photo, evidence: Evidence) -> tuple[OtherCopy | None, Photo | None]:
    """Return where the other copy is now, which need not be where it was when the photo was judged."""
    held = (CopyPlace.LEDGER, CopyPlace.TRASH)
    if photo.sha256 is not None and evidence.other_copy is not None and evidence.other_copy.place in held:
        evidence = replace(
            evidence, other_copy=copies_of(db, {photo.id: photo.sha256}).get(photo.id, evidence.other_copy)
        )
    evidence = located(db, {photo.id: evidence})[photo.id]
    known = evidence.other_copy or evidence.near_copy
    known_id = known.photo_id if known else None
    return known, photos.get(db, known_id) if known_id is not None else None


def _rows(db: Database, found: Iterable[Sequence[Any]]) -> Iterator[QueueRow]:
    found = list(found)
    ids = [r[1] for r in found]
    decisions, ruled_out = _decisions(db, ids), feedback.ruled_out_people(db, ids)
    names = photos.names_of(db, ids)
    for r in found:
        reasons, evidence = decisions.get(r[1], ((), Evidence()))
        yield QueueRow(
            id=r[0],
            photo_id=r[1],
            category=Category(r[2]),
            filename=from_ledger(r[3]),
            path=r[4],
            size=r[5],
            mtime_ns=r[6],
            reason=current(r[7] or ""),
            reasons=reasons,
            faces_detected=r[8] or 0,
            evidence=evidence,
            ruled_out=ruled_out.get(r[1], frozenset()),
            source=r[9],
            created_at=r[10] or "",
            deferred_at=r[11],
            asset_id=r[12],
            companions=tuple(companions_of(from_ledger(r[3]), names[r[1]])),
        )


def _decisions(db: Database, ids: Sequence[int]) -> dict[int, tuple[tuple[Reason, ...], Evidence]]:
    query = (
        "SELECT photo_id, reasons, evidence FROM decisions WHERE id IN"
        " (SELECT max(id) FROM decisions WHERE photo_id IN (*) GROUP BY photo_id)"
    )
    rows = select(db, query, ids)
    told = {photo_id: reasons_from_json(reasons) for photo_id, reasons, _ in rows}
    seen = located(db, {photo_id: evidence_from_json(evidence) for photo_id, _, evidence in rows})
    return {i: (placed(reasons, seen[i]), seen[i]) for i, reasons in told.items()}
