"""Items handed in over HTTP: downloads under way, uploads, and which photo each became."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any

from sqlite_utils import Database

from smartsort.core.event_kinds import EventKind
from smartsort.files.shown import from_ledger, to_ledger
from smartsort.ledger import events, photos
from smartsort.ledger.records import NewEvent, Photo, dumps


class SubmissionState(StrEnum):
    """Where an item is on its way. Afterwards its photo's state counts."""

    DOWNLOADING = "downloading"
    """Waits for its download, or is being downloaded."""
    RECEIVED = "received"
    """Its file is whole in `temp_downloads/` and about to be claimed."""
    ACCEPTED = "accepted"
    """Rest: it is a photo of the ledger."""
    FAILED = "failed"
    """Rest: there is no photo. `problem` says why."""


OPEN = (SubmissionState.DOWNLOADING, SubmissionState.RECEIVED)


@dataclass(frozen=True, slots=True)
class Submission:
    """One row of `submissions`. `part` is the file's path relative to `temp_downloads/`."""

    number: int
    id: str
    state: SubmissionState
    source: str
    url: str | None
    host: str
    name: str | None
    part: str | None
    resume: Mapping[str, Any]
    attempts: int
    spent_seconds: float
    not_before: str
    problem: str | None
    photo_id: int | None
    parent: str | None
    created_at: str
    finished_at: str | None


@dataclass(frozen=True, slots=True)
class NewSubmission:
    """An item about to be written. A `problem` makes it a failed one from the start."""

    id: str
    source: str
    url: str | None = None
    host: str = ""
    name: str | None = None
    part: str | None = None
    state: SubmissionState = SubmissionState.DOWNLOADING
    problem: str | None = None
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """An `Idempotency-Key`, whose it is, and the digest of what was sent with it."""

    actor: str
    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class Taken:
    """Items written, or with `before` those that an earlier request with the same key wrote."""

    items: list[Submission]
    before: bool = False


class KeyReused(Exception):
    """The same key came with another body. Nothing was written."""


_FIELDS = tuple(f.name for f in dataclasses.fields(Submission))
_COLUMNS = ", ".join(_FIELDS)
_OPEN = "state IN ('downloading', 'received')"


def _item(row: Sequence[Any]) -> Submission:
    values = dict(zip(_FIELDS, row, strict=True))
    values["state"] = SubmissionState(values["state"])
    values["resume"] = json.loads(values["resume"])
    for name in ("name", "part"):
        if values[name] is not None:
            values[name] = from_ledger(values[name])
    return Submission(**values)


# --- writing ---------------------------------------------------------------------------------


def add(db: Database, new: Sequence[NewSubmission], at: str, key: Key | None = None) -> Taken:
    """Write items, all or none. Raises KeyReused. A known key with the same body writes nothing."""
    if key is not None:
        row = db.conn.execute(
            "SELECT digest, items FROM idempotency WHERE actor = ? AND key = ?", (key.actor, key.key)
        ).fetchone()
        if row is not None:
            if row[0] != key.digest:
                raise KeyReused
            return Taken([item for i in json.loads(row[1]) if (item := get(db, i)) is not None], before=True)
    for one in new:
        _insert(db, one, at)
    if key is not None:
        db.conn.execute(
            "INSERT INTO idempotency (actor, key, digest, items, at) VALUES (?,?,?,?,?)",
            (key.actor, key.key, key.digest, dumps([one.id for one in new]), at),
        )
    _tell_failures(db, [n for n in new if n.problem is not None], at)
    return Taken([item for n in new if (item := get(db, n.id)) is not None])


def _insert(db: Database, item: NewSubmission, at: str) -> None:
    failed = item.problem is not None
    db.conn.execute(
        "INSERT INTO submissions (id, state, source, url, host, name, part, problem, parent, not_before,"
        " created_at, finished_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            item.id,
            (SubmissionState.FAILED if failed else item.state).value,
            item.source,
            item.url,
            item.host,
            None if item.name is None else to_ledger(item.name),
            None if item.part is None else to_ledger(item.part),
            item.problem,
            item.parent,
            at,
            at,
            at if failed else None,
        ),
    )


def _tell_failures(
    db: Database, failed: Iterable[NewSubmission | Submission], at: str, problem: str = ""
) -> None:
    happened = [
        NewEvent(
            EventKind.DOWNLOAD_FAILED,
            data={"item": f.id, "source": f.source, "reason": problem or f.problem or "", "host": f.host},
        )
        for f in failed
    ]
    if happened:
        events.append(db, happened, at)


def remember_resume(db: Database, submission_id: str, resume: Mapping[str, Any]) -> None:
    """Note what a later request needs to go on where this one stops."""
    db.conn.execute("UPDATE submissions SET resume = ? WHERE id = ?", (dumps(dict(resume)), submission_id))


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that is whole. `others` are further files the same URL gave."""

    submission_id: str
    part: str
    name: str
    others: tuple[NewSubmission, ...] = field(default=())


def received(db: Database, arrived: Iterable[Arrived], at: str) -> None:
    """Files are whole and lie under these names."""
    for one in arrived:
        db.conn.execute(
            "UPDATE submissions SET state = 'received', part = ?, name = ?, problem = NULL, resume = '{}'"
            " WHERE id = ? AND state IN ('downloading', 'received')",
            (to_ledger(one.part), to_ledger(one.name), one.submission_id),
        )
        for other in one.others:
            _insert(db, other, at)


def accepted(db: Database, photo_of: Mapping[str, int], at: str) -> None:
    """Items (by id) have become photos (by id)."""
    db.conn.executemany(
        "UPDATE submissions SET state = 'accepted', photo_id = ?, part = NULL, problem = NULL,"
        " finished_at = ?"
        " WHERE id = ?",
        [(photo_id, at, submission_id) for submission_id, photo_id in photo_of.items()],
    )


def fail(db: Database, submission_id: str, problem: str, at: str) -> None:
    """An item is given up."""
    item = get(db, submission_id)
    if item is None or item.state not in OPEN:
        return
    db.conn.execute(
        "UPDATE submissions SET state = 'failed', problem = ?, part = NULL, finished_at = ?,"
        " attempts = attempts + 1 WHERE id = ?",
        (problem, at, submission_id),
    )
    _tell_failures(db, [item], at, problem)


def postpone(
    db: Database, submission_id: str, problem: str, not_before: str, *, attempts: int, spent_seconds: float
) -> None:
    """Try an item again later. `attempts` and `spent_seconds` are what it has used up so far."""
    db.conn.execute(
        "UPDATE submissions SET problem = ?, not_before = ?, attempts = ?, spent_seconds = ? WHERE id = ?",
        (problem, not_before, attempts, spent_seconds, submission_id),
    )


def reopen(db: Database, submission_id: str, host: str, actor: str, at: str) -> None:
    """Let a failed item be downloaded again, from its first byte and with all its tries."""
    item = get(db, submission_id)
    if item is None or item.state is not SubmissionState.FAILED:
        return
    db.conn.execute(
        "UPDATE submissions SET state = 'downloading', host = ?, resume = '{}', attempts = 0,"
        " spent_seconds = 0,"
        " not_before = ?, problem = NULL, finished_at = NULL WHERE id = ?",
        (host, at, submission_id),
    )
    data = {"item": item.id, "source": item.source, "host": host}
    events.append(db, [NewEvent(EventKind.DOWNLOAD_RETRIED, data=data, actor=actor)], at)


def forget_keys(db: Database, before: str) -> int:
    """Forget idempotency keys older than a time. Return how many."""
    return int(db.conn.execute("DELETE FROM idempotency WHERE at < ?", (before,)).rowcount)


# --- reading ---------------------------------------------------------------------------------


def _select(db: Database, where: str, values: Sequence[Any] = ()) -> Iterator[Submission]:
    query = f"SELECT {_COLUMNS} FROM submissions WHERE {where}"  # noqa: S608 - our own columns
    return map(_item, db.conn.execute(query, values))


def get(db: Database, submission_id: str) -> Submission | None:
    """Return one item."""
    return next(_select(db, "id = ?", (submission_id,)), None)


def by_ids(db: Database, ids: Sequence[str]) -> list[Submission]:
    """Return these items, in this order. Unknown ones are missing."""
    return [item for i in ids if (item := get(db, i)) is not None]


def page(
    db: Database, limit: int, before: int | None = None, state: SubmissionState | None = None
) -> list[Submission]:
    """Items with a number below `before`, newest first."""
    where = "number < ?1 AND (?2 IS NULL OR state = ?2) ORDER BY number DESC LIMIT ?3"
    return list(_select(db, where, (before if before is not None else 2**62, state, limit)))


def open_hosts(db: Database) -> list[str]:
    """Hosts that something is to be downloaded from, "" stands for uploads and finished files."""
    rows = db.conn.execute(f"SELECT DISTINCT host FROM submissions WHERE {_OPEN} ORDER BY host")  # noqa: S608
    return [row[0] for row in rows]


def due(db: Database, host: str, now: str, limit: int, without: Collection[str] = ()) -> list[Submission]:
    """Open items of one host whose time has come, oldest first, but for those in `without`."""
    where = f"{_OPEN} AND host = ? AND not_before <= ? ORDER BY number"
    found = (item for item in _select(db, where, (host, now)) if item.id not in without)
    return list(islice(found, limit))


def next_due(db: Database, after: str) -> str | None:
    """Return when the next open item falls due that was not due at `after`, None when there is none."""
    row = db.conn.execute(
        "SELECT min(not_before) FROM submissions WHERE state IN ('downloading', 'received')"
        " AND not_before > ?",
        (after,),
    ).fetchone()
    return str(row[0]) if row and row[0] is not None else None


def received_submissions(db: Database, limit: int) -> list[Submission]:
    """Items whose file is whole and not a photo yet, oldest first."""
    return list(_select(db, "state = 'received' ORDER BY number LIMIT ?", (limit,)))


def open_submissions(db: Database) -> list[Submission]:
    """Return all items under way, oldest first."""
    return list(_select(db, f"{_OPEN} ORDER BY number"))


def photo_from(db: Database, origin_path: str) -> Photo | None:
    """Return the photo that was claimed from a file handed in over HTTP, None when it never was."""
    row = db.conn.execute(
        "SELECT id FROM photos WHERE origin_path = ? AND origin IN ('url', 'upload') AND state <> 'arrived'",
        (to_ledger(origin_path),),
    ).fetchone()
    return photos.get(db, int(row[0])) if row else None
