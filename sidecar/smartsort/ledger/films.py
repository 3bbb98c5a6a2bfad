"""Videos: what was seen in their frames, for those that wait for Immich and those judged again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from smartsort.core.model import Film, State
from smartsort.files.media import Kind
from smartsort.ledger import photos
from smartsort.ledger.records import Photo, dumps, film_from, film_to
from smartsort.ledger.rows import select

WAITING = (State.HASHED, State.UNIQUE)
"""States in which a video is looked at."""


@dataclass(frozen=True, slots=True)
class Copies:
    """What tells copies of a video apart from it and from each other.

    `alike` are the ids of older videos that show the same.
    """

    seconds: float = 0.0
    has_sound: bool = False
    alike: tuple[int, ...] = ()


_WATCHED = "EXISTS (SELECT 1 FROM films AS f WHERE f.photo_id = photos.id AND f.sha256 IS photos.sha256)"
"""These very bytes were looked at: a file may have been written on, or replaced by hand."""


def put(db: Database, photo: Photo, film: Film, at: str, copies: Copies) -> None:
    """Remember what was seen in a video, instead of what was known of it before."""
    db.conn.execute(
        "INSERT OR REPLACE INTO films (photo_id, sha256, film, seconds, has_sound, alike, at)"
        " VALUES (?,?,?,?,?,?,?)",
        (
            photo.id,
            photo.sha256,
            dumps(film_to(film)),
            copies.seconds,
            int(copies.has_sound),
            dumps(list(copies.alike)),
            at,
        ),
    )


def copies(db: Database, photo_ids: Sequence[int]) -> dict[int, Copies]:
    """Return what tells copies of these videos apart, by photo id."""
    query = "SELECT photo_id, seconds, has_sound, alike FROM films WHERE photo_id IN (*)"
    return {
        int(photo_id): Copies(seconds, bool(has_sound), tuple(json.loads(found)))
        for photo_id, seconds, has_sound, found in select(db, query, photo_ids)
    }


def of_photos(db: Database, photo_ids: Sequence[int]) -> dict[int, Film]:
    """Return what was seen in these videos, by photo id. Those that nobody has looked at are missing."""
    query = (
        "SELECT photos.id, films.film FROM photos JOIN films ON films.photo_id = photos.id"
        " AND films.sha256 IS photos.sha256 WHERE photos.id IN (*)"
    )
    return {int(photo_id): film_from(json.loads(film)) for photo_id, film in select(db, query, photo_ids)}


def next_video(db: Database) -> Photo | None:
    """Return the oldest waiting video that nobody has looked at."""
    row = db.conn.execute(
        "SELECT id FROM photos WHERE state IN (?, ?) AND media_kind = ? AND problem IS NULL"  # noqa: S608 - our own
        f" AND NOT {_WATCHED} ORDER BY id LIMIT 1",
        (*(state.value for state in WAITING), Kind.VIDEO.value),
    ).fetchone()
    return photos.get(db, row[0]) if row else None


_READY = (
    f" FROM photos WHERE state IN (*) AND problem IS NULL AND NOT (media_kind IS 'video' AND NOT {_WATCHED})"
)
"""Without the videos that nobody has looked at: they hold up no other photo."""


def count_ready(db: Database, *states: State) -> int:
    """Return how many photos are in these states and may go on."""
    [[count]] = select(db, f"SELECT count(*){_READY}", states)
    return int(count)


def any_ready(db: Database, states: Sequence[State]) -> bool:
    """Return whether a photo in one of these states may go on."""
    return bool(select(db, f"SELECT 1{_READY} LIMIT 1", states))


def looked_at(db: Database, limit: int) -> list[Photo]:
    """Return photos that may be placed, oldest first: videos only once they were looked at."""
    ids = [
        row[0]
        for row in select(db, f"SELECT id{_READY} ORDER BY id LIMIT ?", (State.UNIQUE,), after=(limit,))
    ]
    return photos.by_ids(db, ids)


def unwatched(db: Database, photo_ids: Sequence[int]) -> set[int]:
    """Those of the photos that are videos and wait to be looked at, which has bounds of its own."""
    query = f"SELECT id FROM photos WHERE media_kind = ? AND state IN (?, ?) AND NOT {_WATCHED} AND id IN (*)"  # noqa: S608
    before = (Kind.VIDEO.value, *(state.value for state in WAITING))
    return {int(row[0]) for row in select(db, query, photo_ids, before=before)}
