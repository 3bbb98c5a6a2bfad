"""Photos that were in Immich before smartsort: who is on them, and what is to become of each.

A photo is found by the people on it, so that a person who changes costs their own photos and no others.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from sqlite_utils import Database

from smartsort.core.backfill import Fate
from smartsort.core.model import State
from smartsort.files.shown import from_ledger, to_ledger
from smartsort.ledger import events, key_value, photos
from smartsort.ledger.photos import Change, NewPhoto
from smartsort.ledger.records import Area, Member, Name, dumps
from smartsort.ledger.rows import VALUES, delete, insert, select

SOURCE = "immich"
"""`photos.source` and `photos.origin` of these photos."""

PROGRESS = "backfill"


@dataclass(slots=True)
class Progress:
    """How far a backfill has come. Times are ISO 8601 texts with a zone."""

    passes: int = 0
    runs: int = 0
    """How many passes, and how many runs that make links, have begun."""
    listing: bool = False
    """A pass over Immich's photos is under way."""
    after: str | None = None
    """The pass goes on with photos taken then or later. Nothing depends on how many came before."""
    page: int = 1
    """Of the photos taken at that very moment, as far as there are more than one answer holds."""
    recent: str | None = None
    """The pass is about photos that Immich took in since then alone. None: about all."""
    began: str | None = None
    ended: str | None = None
    """When the last pass over all photos began and ended."""
    counts: dict[str, int] = field(default_factory=dict)
    """Of that pass: photos `seen`, `outside` the mapping, `missing` on the disk, `differing` from it."""
    differing: list[list[str]] = field(default_factory=list)
    """Of that pass: some of the `differing` ones, by Immich's path, each with the reason."""
    actor: str = ""
    """Who asked for the links that are being made, "" while nobody has."""
    applying: bool = False
    """Links and the questions of today are being made."""
    left: int = 0
    """Links that are still to be made in this portion."""
    up_to: int = 0
    """The last photo of this portion so far."""
    group: int | None = None
    """The event that stands for all of them."""
    complete: bool = False
    """Nothing was left to link. The next links are another event's."""
    shown: int = 0
    """The user has seen the plan as it was after so many judgements. What came later is not applied."""
    policy: str = ""
    """The settings by which all were judged."""
    day: str = ""
    asked: int = 0
    """The day of the last questions, and how many there were."""
    stored: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """As it was read."""


_OF_A_PASS = frozenset({"listing", "after", "page", "recent", "began", "ended", "counts", "differing"})
_OF_A_RUN = frozenset({"applying", "actor", "left", "up_to", "complete", "shown"})
_JUDGEMENTS = "backfill_judgements"


def progress(db: Database) -> Progress:
    """Return how far a backfill has come."""
    found: dict[str, Any] = key_value.get(db, PROGRESS, {})
    value = Progress(**found)
    value.stored = _values(value)
    return value


def put_progress(db: Database, value: Progress) -> None:
    """Remember what has changed of it since it was read.

    Somebody may have begun another pass or run meanwhile. What was about the one before is then dropped.
    """
    now, mine = _values(progress(db)), _values(value)
    changed = {key for key, part in mine.items() if part != value.stored[key]}
    for count, those in (("passes", _OF_A_PASS), ("runs", _OF_A_RUN)):
        if count not in changed and now[count] != value.stored[count]:
            changed -= those
    value.stored = now | {key: mine[key] for key in changed}
    key_value.put(db, PROGRESS, value.stored)


def _values(value: Progress) -> dict[str, Any]:
    return {key: part for key, part in asdict(value).items() if key != "stored"}


class Seen(NamedTuple):
    """A photo as Immich lists it. `path` is as Immich sees it, `people` names by id."""

    asset_id: str
    path: str
    people: Mapping[str, str]
    name: str
    kind: str
    taken: str | None
    size: int
    mtime_ns: int
    clip: str | None = None
    """Where the clip of a Live Photo lies, as Immich sees it."""


class Known(NamedTuple):
    """A photo as it is known already. Its paths are as Immich sees them, without the first slash."""

    photo_id: int
    state: State
    path: str
    people: str
    clip: str | None


def known(db: Database, asset_ids: Sequence[str]) -> dict[str, Known]:
    """Return what is known of these assets. Others are missing."""
    # CROSS and `+`: in this order. SQLite would rather begin with the names of all originals.
    query = (
        "SELECT p.asset_id, p.id, p.state, n.path, o.people, c.path FROM photos AS p"
        " CROSS JOIN observed AS o ON o.photo_id = p.id CROSS JOIN names AS n ON n.photo_id = p.id"
        " LEFT JOIN names AS c ON c.photo_id = p.id AND +c.area = 'original' AND c.member = 'video'"
        " WHERE +n.area = 'original' AND n.member = 'photo' AND p.asset_id IN (*)"
    )
    return {
        asset_id: Known(i, State(state), from_ledger(path), people, clip and from_ledger(clip))
        for asset_id, i, state, path, people, clip in select(db, query, asset_ids)
    }


def unknown(db: Database, asset_ids: Sequence[str]) -> set[str]:
    """Return those of the assets that no photo stands for."""
    query = "SELECT asset_id FROM photos WHERE asset_id IN (*)"
    return set(asset_ids) - {asset_id for (asset_id,) in select(db, query, asset_ids)}


def restored(db: Database, photo_id: int) -> None:
    """Know a photo again that a new ledger found a link of. Who is on it, the next pass tells."""
    db.conn.execute("INSERT OR IGNORE INTO observed (photo_id, people, due) VALUES (?, '[]', 0)", (photo_id,))


def _found_again(db: Database, listed: Sequence[Seen], before: Mapping[str, Known]) -> bool:
    """Give photos the ids that Immich has for their paths: it took them in again, or a ledger was lost.

    Return whether there were any.
    """
    paths = {to_ledger(one.path.lstrip("/")): one.asset_id for one in listed if one.asset_id not in before}
    query = "SELECT path, photo_id FROM names WHERE area = 'original' AND member = 'photo' AND path IN (*)"
    found = [(paths[path], photo_id) for path, photo_id in select(db, query, list(paths))]
    db.conn.executemany("UPDATE photos SET asset_id = ? WHERE id = ?", found)
    return bool(found)


def people_text(people: Mapping[str, str]) -> str:
    """Return people as text, the same for the same people."""
    return dumps(sorted(people.items()))


def observe(db: Database, listed: Sequence[Seen], at: str, *, everybody: bool = False) -> int:
    """Take in photos as Immich lists them now. Return how many are to be judged (again).

    New ones become photos in state `observed`, with `everybody` those that show nobody, too. A known one is
    due when others are on it than before.
    """
    asset_ids = [one.asset_id for one in listed]
    there = known(db, asset_ids)
    if _found_again(db, listed, there):
        there = known(db, asset_ids)
    fresh = [one for one in listed if one.asset_id not in there and (one.people or everybody)]
    added = photos.add(db, [NewPhoto(SOURCE, SOURCE, one.name, one.size, one.mtime_ns) for one in fresh], at)
    ids = {one.asset_id: photo.id for one, photo in zip(fresh, added, strict=True)}
    changes = [
        Change(
            ids[one.asset_id],
            state=State.OBSERVED,
            values={"asset_id": one.asset_id, "media_kind": one.kind, "taken_at": one.taken},
            names_added=(Name(ids[one.asset_id], Area.ORIGINAL, one.path.lstrip("/")),),
        )
        for one in fresh
    ]
    photos.apply(db, changes, at)
    _put_clips(db, listed, there, ids)
    for one in listed:
        before = there.get(one.asset_id)
        if before is not None and before.path != one.path.lstrip("/"):
            # Immich has moved its file: the storage template was changed.
            db.conn.execute(
                "UPDATE OR IGNORE names SET path = ? WHERE photo_id = ? AND area = 'original'",
                (to_ledger(one.path.lstrip("/")), before.photo_id),
            )
    changed = [
        (there[one.asset_id].photo_id if one.asset_id in there else ids[one.asset_id], one.people)
        for one in listed
        if one.asset_id in ids
        or (one.asset_id in there and there[one.asset_id].people != people_text(one.people))
    ]
    _put_people(db, changed)
    return len(changed)


def _put_clips(
    db: Database, listed: Sequence[Seen], before: Mapping[str, Known], fresh: Mapping[str, int]
) -> None:
    """Know the clips of Live Photos as Immich has them now. A file is the clip of one photo."""
    for one in listed:
        there, clip = before.get(one.asset_id), one.clip.lstrip("/") if one.clip else None
        photo_id = there.photo_id if there else fresh.get(one.asset_id)
        if photo_id is None or clip == (there.clip if there else None):
            continue
        if there is not None and clip is None and there.state is not State.OBSERVED:
            continue  # its clip stands beside it, and is made of this one
        name = {"photo_id": photo_id, "area": Area.ORIGINAL.value, "member": Member.VIDEO.value}
        db.conn.execute(
            "DELETE FROM names WHERE photo_id = :photo_id AND area = :area AND member = :member", name
        )
        if clip is not None:
            columns, values = (*name, "path"), (*name.values(), to_ledger(clip))
            insert(db, "OR IGNORE INTO names", columns, [values])
            if there is not None:
                db.conn.execute("UPDATE observed SET due = 2 WHERE due = 0 AND photo_id = ?", (photo_id,))


def _put_people(db: Database, changed: Sequence[tuple[int, Mapping[str, str]]]) -> None:
    delete(db, "observed_people", "photo_id", [photo_id for photo_id, _ in changed])
    insert(
        db,
        "INTO observed",
        ("photo_id", "people", "due"),
        [(photo_id, people_text(people), 1) for photo_id, people in changed],
        "ON CONFLICT (photo_id) DO UPDATE SET people = excluded.people, due = 1",
    )
    insert(
        db,
        "INTO observed_people",
        ("person_id", "photo_id"),
        [(person_id, photo_id) for photo_id, people in changed for person_id in people],
    )


def changed_people(db: Database, people: Mapping[str, str]) -> int:
    """Have the photos of these people (names by id, of today) judged again. Return how many they are."""
    count = 0
    for person_id, name in people.items():
        after = 0
        while rows := db.conn.execute(
            "SELECT o.photo_id, o.people FROM observed_people AS i JOIN observed AS o USING (photo_id)"
            " WHERE i.person_id = ? AND i.photo_id > ? ORDER BY i.photo_id LIMIT ?",
            (person_id, after, VALUES),
        ).fetchall():
            after = rows[-1][0]
            texts = [(photo_id, dict(json.loads(text))) for photo_id, text in rows]
            stale = [(i, named | {person_id: name}) for i, named in texts if named.get(person_id) != name]
            _put_people(db, stale)
            count += len(stale)
    return count


def due_again(db: Database, people: Collection[str]) -> None:
    """Have the photos of people judged again who are gone: somebody has merged or forgotten them."""
    for person_id in people:
        db.conn.execute(
            "UPDATE observed SET due = 1 WHERE photo_id IN"
            " (SELECT photo_id FROM observed_people WHERE person_id = ?)",
            (person_id,),
        )


def names_by_person(db: Database, known: Collection[str]) -> dict[str, str]:
    """Return the name under which each of these people was last seen on a photo. Costs a look for each."""
    found: dict[str, str] = {}
    for person_id in known:
        row = db.conn.execute(
            "SELECT o.people FROM observed_people AS i JOIN observed AS o USING (photo_id)"
            " WHERE i.person_id = ? LIMIT 1",
            (person_id,),
        ).fetchone()
        if row is not None:
            found[person_id] = dict(json.loads(row[0])).get(person_id, "")
    return found


def due_from_memory(db: Database, photo_ids: Sequence[int] | None = None) -> None:
    """Have photos (None: all that were) judged again by the faces that are known: the settings changed."""
    query = "UPDATE observed SET due = 2 WHERE due = 0 AND fate IS NOT NULL"
    if photo_ids is None:
        db.conn.execute(query)
    else:
        db.conn.executemany(f"{query} AND photo_id = ?", [(i,) for i in photo_ids])


def due_without_fate(db: Database) -> None:
    """Have photos judged that changed while they were filed, and are filed no more."""
    db.conn.execute(
        "UPDATE observed SET due = 1 WHERE fate IS NULL AND due = 0"
        " AND (SELECT state FROM photos WHERE id = photo_id) = 'observed'"
    )


def gone(db: Database, photo_ids: Sequence[int]) -> None:
    """Immich has these photos no more: nothing becomes of them."""
    db.conn.executemany(
        "UPDATE observed SET fate = NULL, folders = NULL, due = 0 WHERE photo_id = ?",
        [(i,) for i in photo_ids],
    )


class Due(NamedTuple):
    """A photo that is to be judged, with names by id of the people on it."""

    photo_id: int
    people: Mapping[str, str]
    from_memory: bool


def due(db: Database, limit: int) -> list[Due]:
    """Return photos that are to be judged, the oldest first."""
    rows = db.conn.execute(
        "SELECT photo_id, people, due FROM observed WHERE due > 0 ORDER BY photo_id LIMIT ?", (limit,)
    )
    return [Due(photo_id, dict(json.loads(people)), how == 2) for photo_id, people, how in rows]


def judged(db: Database, found: Iterable[tuple[int, Fate | None, Mapping[str, str]]]) -> None:
    """Write what is to become of photos: the folders below `faces/`, each with the name of whose it is.

    Without a fate a photo is judged when the next backfill begins and it is still, or again, `observed`.
    """
    number = judgements(db) + 1
    key_value.put(db, _JUDGEMENTS, number)
    db.conn.executemany(
        "UPDATE observed SET due = 0, fate = ?1, fresh = ?2, folders = ?3,"
        " judged = CASE WHEN fate IS ?1 AND folders IS ?3 THEN judged ELSE ?4 END WHERE photo_id = ?5",
        [
            (
                fate and fate.value,
                int(fate is Fate.LINK),
                dumps(dict(folders)) if folders else None,
                number,
                i,
            )
            for i, fate, folders in found
        ],
    )


def judgements(db: Database) -> int:
    """Return how often photos were judged so far, some at once each time."""
    return int(key_value.get(db, _JUDGEMENTS, 0))


# By `p.id`, so that they are asked of what is still `observed` alone, and not of all that is filed.
_REJECTED = "EXISTS (SELECT 1 FROM review_queue AS q WHERE q.photo_id = p.id AND q.action = 'rejected')"
_UNDONE = (
    "EXISTS (SELECT 1 FROM events AS e WHERE e.photo_id = p.id AND e.kind = 'undone'"
    " AND (e.id > ? OR json_extract(e.data, '$.group') IS NULL))"
)
_DELETED = "EXISTS (SELECT 1 FROM deletions AS d WHERE d.photo_id = p.id)"

_WAITS = (
    "observed AS o CROSS JOIN photos AS p ON p.id = o.photo_id WHERE p.state = 'observed'"
    f" AND NOT {_REJECTED} AND NOT {_UNDONE} AND NOT {_DELETED}"
)

ALL = 1 << 60


def waiting(
    db: Database, fate: Fate, after: int, limit: int, *, undone_since: int, shown: int = ALL
) -> list[int]:
    """Return photos of a fate that nothing was done about yet, by id, with ids above `after`.

    Left out are those of which a human said that they are not to be linked, and those whose link a human
    has undone by itself, or with others after the event `undone_since`, and what was judged after `shown`.
    """
    rows = db.conn.execute(
        f"SELECT o.photo_id FROM {_WAITS} AND o.fate = ? AND o.photo_id > ? AND o.judged <= ?"  # noqa: S608
        " ORDER BY o.photo_id LIMIT ?",
        (undone_since, fate.value, after, shown, limit),
    )
    return [photo_id for (photo_id,) in rows]


def wanted_since(db: Database, value: Progress) -> int:
    """Return the event that the next links belong to: what was undone since is not wanted again."""
    group = value.group
    goes_on = group is not None and not value.complete and events.undone(db, group) is None
    return group if group is not None and goes_on else ALL


def fresh(db: Database, limit: int) -> list[int]:
    """Return photos that were judged since anything was done about them and that belong to somebody.

    As `waiting`, without any of which a human has undone a link. Its cost does not grow with the ledger.
    """
    rows = db.conn.execute(
        f"SELECT o.photo_id FROM {_WAITS} AND o.fresh = 1 AND +o.fate = ? ORDER BY o.photo_id LIMIT ?",  # noqa: S608
        (0, Fate.LINK.value, limit),
    )
    return [photo_id for (photo_id,) in rows]


def acted_on(db: Database, photo_ids: Sequence[int]) -> None:
    """Note that these photos had their turn, whatever came of it."""
    db.conn.executemany("UPDATE observed SET fresh = 0 WHERE photo_id = ?", [(i,) for i in photo_ids])


def resolved(db: Database, limit: int) -> list[int]:
    """Return photos that wait for an answer which Immich knows by now."""
    rows = db.conn.execute(
        "SELECT p.id FROM photos AS p JOIN observed AS o ON o.photo_id = p.id"
        " WHERE p.state = 'review' AND p.origin = ? AND o.fate = 'link' ORDER BY p.id LIMIT ?",
        (SOURCE, limit),
    )
    return [photo_id for (photo_id,) in rows]


class Folder(NamedTuple):
    """A folder below `faces/`, whose it is (None: people share it), and how many links it would get."""

    folder: str
    person: str | None
    photos: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What a backfill would do, and what it has done. `folders`: where links would go, the most first."""

    known: int
    due: int
    link: int
    ask: int
    leave: int
    done: int
    asked: int
    folders: Sequence[Folder]


def totals(db: Database) -> Totals:
    """Count all photos by what is to become of them. Its cost grows with their number."""
    execute, since = db.conn.execute, wanted_since(db, progress(db))
    by_fate = dict(
        execute(f"SELECT o.fate, count(*) FROM {_WAITS} GROUP BY o.fate", (since,)).fetchall()  # noqa: S608
    )
    states: dict[str, int] = dict(
        execute(
            "SELECT p.state, count(*) FROM observed AS o JOIN photos AS p ON p.id = o.photo_id"
            " GROUP BY p.state"
        ).fetchall()
    )
    folders: list[Any] = execute(
        "SELECT j.key, nullif(j.value, ''), count(*) AS many"  # noqa: S608
        f" FROM {_WAITS.replace(' WHERE', ', json_each(o.folders) AS j WHERE', 1)} AND o.fate = 'link'"
        " GROUP BY 1, 2 ORDER BY many DESC, 1",
        (since,),
    ).fetchall()
    [[waiting_for]] = execute("SELECT count(*) FROM observed WHERE due > 0").fetchall()
    return Totals(
        known=sum(states.values()),
        due=waiting_for,
        link=by_fate.get(Fate.LINK.value, 0),
        ask=by_fate.get(Fate.ASK.value, 0),
        leave=by_fate.get(Fate.LEAVE.value, 0),
        done=states.get(State.FILED.value, 0),
        asked=states.get(State.REVIEW.value, 0),
        folders=[Folder(*row) for row in folders],
    )
