"""Photos that a user has deleted in Immich: what was seen there, and what smartsort has made of it.

A row stands as long as the photo lies in Immich's trash by the user's hand. So the same deletion is acted on
once, and whoever takes it back in smartsort is not overruled by it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlite_utils import Database

from smartsort.core.event_kinds import EventKind
from smartsort.core.model import State
from smartsort.files.shown import from_ledger, to_ledger
from smartsort.ledger.rows import delete, insert, select

NEW, HELD, DONE = "new", "held", "done"
"""To be acted on, waiting for a user's word, acted on or not to be acted on."""


class Deletion(NamedTuple):
    """One row. `path` is that in the library, `away`: the file is there no more.

    `asset_id` is "" once Immich has forgotten the photo.
    """

    id: int
    photo_id: int
    asset_id: str
    path: str
    answer: str
    photo: State
    away: bool


class Found(NamedTuple):
    """A photo of ours at a path of the library."""

    photo_id: int
    state: State
    shard: int | None
    asset_id: str | None


_ROWS = (
    "SELECT d.id, d.photo_id, d.asset_id, d.path, d.answer, p.state, NOT EXISTS (SELECT 1 FROM names AS n"
    " WHERE n.photo_id = d.photo_id AND n.area = 'library' AND n.member = 'photo')"
    " FROM deletions AS d JOIN photos AS p ON p.id = d.photo_id"
)


def rows(db: Database) -> list[Deletion]:
    """Return all of them, in the order they were seen."""
    found = db.conn.execute(f"{_ROWS} ORDER BY d.id")
    return [Deletion(r[0], r[1], r[2], from_ledger(r[3]), r[4], State(r[5]), bool(r[6])) for r in found]


def held(db: Database, up_to: int | None = None) -> list[int]:
    """Ids of photos whose deletion waits for a user's word, with `up_to` only rows of ids up to that."""
    found = db.conn.execute(
        "SELECT photo_id FROM deletions WHERE answer = 'held' AND (?1 IS NULL OR id <= ?1) ORDER BY id",
        (up_to,),
    )
    return [row[0] for row in found]


def newest_held(db: Database) -> int:
    """Return the highest id of a row that waits for a user's word, 0 when none does."""
    return int(
        db.conn.execute("SELECT coalesce(max(id), 0) FROM deletions WHERE answer = 'held'").fetchone()[0]
    )


def at_paths(db: Database, paths: Iterable[str]) -> dict[str, Found]:
    """Return photos by their path in the library. Paths of no photo are missing."""
    query = (
        "SELECT n.path, p.id, p.state, p.shard, p.asset_id FROM names AS n JOIN photos AS p"
        " ON p.id = n.photo_id WHERE n.area = 'library' AND n.member = 'photo' AND n.path IN (*)"
    )
    found = select(db, query, [to_ledger(path) for path in paths])
    return {from_ledger(r[0]): Found(r[1], State(r[2]), r[3], r[4]) for r in found}


def of_originals(db: Database) -> list[Deletion]:
    """Return those of photos that were in Immich before smartsort."""
    # `+area` here and below: by their photos. SQLite would rather begin with the names of all originals.
    query = (
        "SELECT photo_id FROM names WHERE +area = 'original' AND photo_id IN (SELECT photo_id FROM deletions)"
    )
    those = {row[0] for row in db.conn.execute(query)}
    return [row for row in rows(db) if row.photo_id in those]


def new_originals(db: Database, asset_ids: Sequence[str]) -> list[tuple[int, str, str, State]]:
    """Photo, asset, path in Immich and state of photos from before smartsort whose deletion is not known."""
    query = (
        "SELECT p.id, p.asset_id, n.path, p.state FROM photos AS p JOIN names AS n ON n.photo_id = p.id"
        " AND +n.area = 'original' AND n.member = 'photo' WHERE p.asset_id IN (*) AND NOT EXISTS"
        " (SELECT 1 FROM deletions AS d WHERE d.photo_id = p.id AND d.asset_id = p.asset_id)"
    )
    return [(i, asset, from_ledger(path), State(at)) for i, asset, path, at in select(db, query, asset_ids)]


def note(db: Database, seen: Sequence[tuple[int, str, str]], answer: str, at: str) -> None:
    """Write down deletions: photo id, asset id and path of each. What was known about a photo is replaced."""
    seen = sorted(seen)
    forget(db, [photo_id for photo_id, *_ in seen])
    columns = ("photo_id", "asset_id", "path", "answer", "at")
    values = [(photo_id, asset, to_ledger(path), answer, at) for photo_id, asset, path in seen]
    insert(db, "INTO deletions", columns, values)


def set_answer(db: Database, photo_ids: Collection[int], answer: str) -> None:
    """Say what becomes of deletions."""
    db.conn.executemany(
        "UPDATE deletions SET answer = ? WHERE photo_id = ?", [(answer, i) for i in photo_ids]
    )


def gone(db: Database, photo_ids: Collection[int]) -> None:
    """Immich has forgotten the photos whose deletion waits for a word."""
    db.conn.executemany("UPDATE deletions SET asset_id = '' WHERE photo_id = ?", [(i,) for i in photo_ids])


def forget(db: Database, photo_ids: Sequence[int]) -> None:
    """The photos lie in Immich's trash no more."""
    delete(db, "deletions", "photo_id", photo_ids)


def under_another_id(db: Database, some: Iterable[Deletion]) -> list[int]:
    """Photos whose asset in Immich is not the one that the ledger has."""
    by_photo = {row.photo_id: row.asset_id for row in some}
    found = select(db, "SELECT id, asset_id FROM photos WHERE id IN (*)", sorted(by_photo))
    return [photo_id for photo_id, asset_id in found if asset_id != by_photo[photo_id]]


def answered(db: Database, photo_id: int, *, restored: bool) -> None:
    """A deletion, or a restoration, has taken effect, written together with it."""
    if restored:
        forget(db, [photo_id])
    else:
        set_answer(db, [photo_id], DONE)


def since(db: Database, at: str) -> int:
    """Return how many photos were rejected since then because they were deleted in Immich."""
    row = db.conn.execute(
        "SELECT count(*) FROM events WHERE kind = ? AND at >= ?", (EventKind.REMOVED_IN_IMMICH.value, at)
    )
    return int(row.fetchone()[0])


def to_put_away(db: Database, before: str, limit: int) -> list[int]:
    """Rejected photos whose file has been left in the library since before then, oldest first."""
    found = db.conn.execute(
        "SELECT p.id FROM photos AS p JOIN names AS n ON n.photo_id = p.id AND n.area = 'library'"
        " AND n.member = 'photo' WHERE p.state = 'rejected' AND coalesce(p.trashed_at, '') < ?"
        " AND p.problem IS NULL ORDER BY p.id LIMIT ?",
        (before, limit),
    )
    return [row[0] for row in found]


def thrown(db: Database, after: int, limit: int) -> list[Deletion]:
    """Rejected photos of ids above `after` whose file has left the library, with the path it had there."""
    found = db.conn.execute(
        "SELECT p.id, p.asset_id, (SELECT json_extract(n.value, '$[1]') FROM events AS e,"
        " json_each(e.data, '$.before.names') AS n WHERE e.photo_id = p.id"
        " AND json_extract(n.value, '$[0]') = 'library' AND json_extract(n.value, '$[2]') = 'photo'"
        " ORDER BY e.id DESC LIMIT 1) AS path FROM photos AS p WHERE p.state = 'rejected' AND p.id > ?"
        " AND p.asset_id IS NOT NULL AND path IS NOT NULL AND NOT EXISTS (SELECT 1 FROM names AS l"
        " WHERE l.photo_id = p.id AND l.area = 'library') ORDER BY p.id LIMIT ?",
        (after, limit),
    )
    return [Deletion(0, row[0], row[1], row[2], DONE, State.REJECTED, away=True) for row in found]


def anything(db: Database) -> bool:
    """Return False while no photo of ours is in the library: then there is nothing to ask about."""
    return db.conn.execute("SELECT 1 FROM names WHERE area = 'library' LIMIT 1").fetchone() is not None


def placed_at(db: Database, photo_ids: Sequence[int]) -> Mapping[int, str]:
    """Return when photos came into the library."""
    return dict(select(db, "SELECT id, coalesce(placed_at, '') FROM photos WHERE id IN (*)", photo_ids))
