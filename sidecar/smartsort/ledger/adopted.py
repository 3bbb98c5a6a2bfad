"""Folders that a user had sorted before: which photos came from them, whose they are, and how far it is."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from sqlite_utils import Database

from smartsort.core.event_kinds import EventKind
from smartsort.core.model import IN_PROGRESS, SortedBefore
from smartsort.files.shown import from_ledger, shown, to_ledger
from smartsort.ledger import events, key_value, observed
from smartsort.ledger.records import Member, NewEvent, Photo, dumps, sorted_before_from
from smartsort.ledger.rows import delete, insert, select
from smartsort.ledger.source_tables import required_by_others

_RUN = "adoption"


class OldDownload(Protocol):
    """A file that the older tool had downloaded."""

    file_path: str
    filename: str
    file_hash: str
    source: str
    download_date: str


def put(db: Database, photos: Mapping[int, Mapping[str, Any]]) -> None:
    """Note by photo which adoption (`run`) took it, where its bytes lie (`paths`), and what that says.

    `said` is None where the folders say nothing.
    """
    rows = [
        (to_ledger(path), i, one["run"], dumps(one["said"]) if one["said"] else None)
        for i, one in photos.items()
        for path in one["paths"]
    ]
    insert(db, "OR REPLACE INTO adopted", ("path", "photo_id", "run", "said"), rows)


def event_of(photo: Photo, adoption: Mapping[str, Any], **more: Any) -> NewEvent:
    """Return the event of an adopted photo, with what an undo needs to give it back."""
    said = adoption["said"]
    told = {"group": adoption["run"], "path": shown(adoption["path"]), "moved": adoption["moved"]}
    told["people"] = [name for _, name in said["people"]] if said else []
    told |= {"origins": adoption["origins"], "source": photo.source}
    return NewEvent(EventKind.FOLDER_ADOPTED, photo.id, {**told, **more}, adoption["by"])


def of_half(db: Database, photo_id: int, member: Member) -> dict[str, Any] | None:
    """Return the adoption of a half that leaves its photo, None for one that was not adopted with it."""
    came = [e for e in events.of_photo(db, photo_id) if e.kind == EventKind.FOLDER_ADOPTED]
    path = dict(came[-1].data["origins"]).get(member.value) if came else None
    if path is None:
        return None
    event = came[-1]
    row = db.conn.execute(
        "SELECT said FROM adopted WHERE photo_id = ? AND said IS NOT NULL", (photo_id,)
    ).fetchone()
    return {
        "run": event.data["group"],
        "by": event.actor,
        "moved": event.data["moved"],
        "said": json.loads(row[0]) if row else None,
        "path": path,
        "paths": [path],
        "origins": [[Member.PHOTO.value, path]],
    }


def said(db: Database, photo_ids: Sequence[int]) -> dict[int, SortedBefore]:
    """Return whose folders these photos lay in, by photo. Others are missing."""
    query = "SELECT photo_id, said FROM adopted WHERE said IS NOT NULL AND photo_id IN (*)"
    return {i: sorted_before_from(json.loads(text)) for i, text in select(db, query, photo_ids)}


def paths_of(db: Database, photo_id: int) -> set[str]:
    """Return where the bytes of an adopted photo lay."""
    rows = db.conn.execute("SELECT path FROM adopted WHERE photo_id = ?", (photo_id,))
    return {from_ledger(row[0]) for row in rows}


def forget(db: Database, photo_ids: Collection[int]) -> None:
    """Forget that photos were adopted: they were given back."""
    delete(db, "adopted", "photo_id", list(photo_ids))


def unsay(db: Database, photo_id: int) -> None:
    """Forget what the folder says of a photo: a human has taken back that it was filed so."""
    db.conn.execute("UPDATE adopted SET said = NULL WHERE photo_id = ?", (photo_id,))


def taken_from(db: Database, paths: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """Return (photo, size, mtime_ns) of the photos adopted from these paths and not given back, by path."""
    wanted = {to_ledger(path): path for path in paths}
    query = "SELECT path, id, size, mtime_ns FROM adopted JOIN photos ON id = photo_id WHERE path IN (*)"
    return {wanted[path]: (i, size, at) for path, i, size, at in select(db, query, list(wanted))}


def unfinished(db: Database, run: int) -> int:
    """Return how many photos of an adoption are still on their way."""
    query = (
        "SELECT count(DISTINCT id) FROM adopted JOIN photos ON id = photo_id WHERE run = ? AND state IN (*)"
    )
    [[count]] = select(db, query, [state.value for state in IN_PROGRESS], before=(run,))
    return int(count)


def counts(db: Database, run: int) -> dict[str, int]:
    """Return how many photos of an adoption are in each state, without those that Immich had."""
    query = (
        "SELECT state, count(DISTINCT id) FROM adopted JOIN photos ON id = photo_id"
        " WHERE run = ? AND origin <> ? GROUP BY state"
    )
    return dict(db.conn.execute(query, (run, observed.SOURCE)).fetchall())


# --- the adoption under way --------------------------------------------------------------------


def current(db: Database) -> dict[str, Any] | None:
    """Return the last adoption, over or not, None before the first."""
    found: dict[str, Any] | None = key_value.get(db, _RUN)
    return found


def write(db: Database, run: Mapping[str, Any]) -> None:
    """Write down how far an adoption is."""
    key_value.put(db, _RUN, dict(run))


def stop(db: Database, event: int) -> None:
    """End an adoption: nothing more is taken from its folder. What it knew of older downloads goes."""
    now = current(db)
    if now is not None and now["event"] == event and now["state"] == "running":
        write(db, {**now, "state": "stopped"})


# --- an older `downloads` ----------------------------------------------------------------------


def put_downloads(db: Database, run: int, rows: Sequence[OldDownload]) -> int:
    """Take over rows of an older `downloads`: their digests are known content. Return how many are new."""
    there = dict(
        select(
            db,
            "SELECT file_hash, file_path FROM downloads WHERE photo_id IS NULL AND file_hash IN (*)",
            [row.file_hash for row in rows],
        )
    )
    new = [row for row in rows if there.get(row.file_hash) != row.file_path]
    required = required_by_others(db)
    columns = ("file_path", "filename", "file_hash", "source", "download_date", *required)
    for row in new:
        made = db.conn.execute(
            f"INSERT OR IGNORE INTO downloads ({', '.join(columns)})"  # noqa: S608 - columns of its own
            f" VALUES ({', '.join('?' * len(columns))})",
            (row.file_path, row.filename, row.file_hash, row.source, row.download_date, *required.values()),
        )
        if made.rowcount:
            db.conn.execute("INSERT INTO adopted_downloads VALUES (?, ?)", (made.lastrowid, run))
    return len(new)


def forget_downloads(db: Database, run: int) -> None:
    """Take the rows out again that an adoption brought."""
    db.conn.execute(
        "DELETE FROM downloads WHERE photo_id IS NULL AND rowid IN"
        " (SELECT download_id FROM adopted_downloads WHERE run = ?)",
        (run,),
    )
    db.conn.execute("DELETE FROM adopted_downloads WHERE run = ?", (run,))
