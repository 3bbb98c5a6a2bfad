"""Photos and their names: reading them, and the one way to change them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlite_utils import Database

from smartsort.core.event_kinds import EventKind
from smartsort.core.model import (
    IN_FLIGHT,
    IN_PROGRESS,
    Category,
    Decision,
    Evidence,
    State,
)
from smartsort.files.shown import from_ledger, shown, to_ledger
from smartsort.ledger import events, key_value, outbox, source_tables
from smartsort.ledger.records import (
    Area,
    Member,
    Name,
    NewEvent,
    Photo,
    dumps,
    evidence_from_json,
    evidence_to_json,
    origin_of,
    reasons_from_json,
    reasons_to_json,
)
from smartsort.ledger.rows import delete, insert, select, update
from smartsort.ledger.source_tables import Download, ReviewRow

_FIELDS = Photo._fields
_COLUMNS = ", ".join(_FIELDS)


_STATE, _CATEGORY, _AUTO_SORTED, _NAME, _ORIGIN_PATH = (
    _FIELDS.index(name) for name in ("state", "category", "auto_sorted", "original_name", "origin_path")
)

_STATES = {each.value: each for each in State}
_AREAS = {each.value: each for each in Area}
_MEMBERS = {each.value: each for each in Member}
"""Looked up by the thousand: calling an enum takes ten times as long."""


def _photo(row: Sequence[Any]) -> Photo:
    values = list(row)
    values[_STATE] = _STATES[values[_STATE]]
    values[_CATEGORY] = Category(values[_CATEGORY]) if values[_CATEGORY] else None
    values[_AUTO_SORTED] = bool(values[_AUTO_SORTED])
    values[_NAME] = from_ledger(values[_NAME])
    if values[_ORIGIN_PATH] is not None:
        values[_ORIGIN_PATH] = from_ledger(values[_ORIGIN_PATH])
    return Photo._make(values)


class NewPhoto(NamedTuple):
    """A file that is about to be claimed: where it lies and what it looked like."""

    source: str
    origin: str
    original_name: str
    size: int
    mtime_ns: int
    origin_path: str | None = None
    origin_url: str | None = None


class Change(NamedTuple):
    """What one step changed about one photo, written whole or not at all.

    `expect` guards against two actors: the change is refused when the photo has left that state.
    `values` are columns of `photos`. `decision` adds a row to `decisions`.
    """

    photo_id: int
    state: State | None = None
    expect: tuple[State, ...] = ()
    values: Mapping[str, Any] = MappingProxyType({})
    names_added: tuple[Name, ...] = ()
    names_removed: tuple[tuple[Area, str], ...] = ()
    events: tuple[NewEvent, ...] = ()
    decision: tuple[Decision, Evidence] | None = None
    download: Download | None = None
    review: ReviewRow | None = None
    """Open (or renew) the photo's row in `review_queue`."""
    review_closed: tuple[str, str] | None = None
    """Close it: what became of it (`approved`, `rejected`, `withdrawn`) and by whom."""
    messages: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """What Immich has to be told: kind and data, into the outbox."""
    intent: tuple[str, Mapping[str, Any]] | None = None
    """Journal that this act is about to happen."""
    intents_done: tuple[str, ...] = ()
    """Acts journalled for this photo that have happened."""


class StaleChange(RuntimeError):
    """A photo was no longer in the state a change expected. Nothing was written."""

    def __init__(self, photo_id: int, expected: Iterable[State], found: State | None) -> None:
        self.photo_id, self.found = photo_id, found
        super().__init__(
            f"photo {photo_id} is {found.value if found else 'unknown'},"
            f" not {'/'.join(s.value for s in expected)}"
        )


# --- writing ---------------------------------------------------------------------------------


_NEW_VALUES = (
    *("id", "state", "source", "origin", "original_name", "origin_path", "origin_url"),
    *("size", "mtime_ns", "arrived_at"),
)


def add(db: Database, arrivals: Sequence[NewPhoto], at: str) -> list[Photo]:
    """Return rows for files about to be claimed, in state `arrived`."""
    # The number SQLite would give: known beforehand, the rows are written as one and not read back.
    first = 1 + db.conn.execute("SELECT coalesce(max(id), 0) FROM photos").fetchone()[0]
    rows = [
        Photo(
            id=first + index,
            state=State.ARRIVED,
            source=new.source,
            origin=new.origin,
            original_name=new.original_name,
            size=new.size,
            mtime_ns=new.mtime_ns,
            arrived_at=at,
            origin_path=new.origin_path,
            origin_url=new.origin_url,
        )
        for index, new in enumerate(arrivals)
    ]
    insert(
        db,
        "INTO photos",
        _NEW_VALUES,
        [
            (
                row.id,
                row.state.value,
                row.source,
                row.origin,
                to_ledger(row.original_name),
                None if row.origin_path is None else to_ledger(row.origin_path),
                row.origin_url,
                row.size,
                row.mtime_ns,
                at,
            )
            for row in rows
        ],
    )
    return rows


def apply(db: Database, changes: Iterable[Change], at: str) -> list[int]:
    """Write changes as one transaction's part. Return the ids of their events.

    Raises StaleChange (and with it undoes the whole transaction) when a photo has left the state a
    change expects.
    """
    happened: list[NewEvent] = []
    for together in _each_photo_once(changes):
        _apply_together(db, together, at)
        for change in together:
            happened.extend(change.events)
    return events.append(db, happened, at)


def _each_photo_once(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """Yield the changes in order, cut where a photo comes again: what is left can be written kind by kind."""
    together: list[Change] = []
    seen: set[int] = set()
    for change in changes:
        if change.photo_id in seen:
            yield together
            together, seen = [], set()
        seen.add(change.photo_id)
        together.append(change)
    if together:
        yield together


def _apply_together(db: Database, changes: Sequence[Change], at: str) -> None:
    """Changes of different photos, kind by kind."""
    _check_states(db, changes)
    _set_columns(db, changes)
    _remove_names(db, [name for change in changes for name in change.names_removed])
    _add_names(db, [name for change in changes for name in change.names_added])
    insert(
        db,
        "INTO decisions",
        ("photo_id", "at", "outcome", "category", "policy_version", "reasons", "evidence"),
        [(c.photo_id, at, *_decision_row(*c.decision)) for c in changes if c.decision is not None],
    )
    source_tables.put_downloads(db, [(c.photo_id, c.download) for c in changes if c.download is not None])
    for change in changes:
        if change.review_closed is not None:
            _close_review(db, change.photo_id, *change.review_closed, at)
        for kind, data in change.messages:
            outbox.post(db, kind, change.photo_id, data, at)
    source_tables.open_reviews(db, [(c.photo_id, c.review) for c in changes if c.review is not None], at)
    done: dict[str, list[int]] = {}
    for change in changes:
        for act in change.intents_done:
            done.setdefault(act, []).append(change.photo_id)
    for act, photo_ids in done.items():
        delete(db, "intents", "photo_id", photo_ids, act=act)
    insert(
        db,
        "INTO intents",
        ("photo_id", "act", "data", "at"),
        [(c.photo_id, c.intent[0], dumps(dict(c.intent[1])), at) for c in changes if c.intent is not None],
    )


def _check_states(db: Database, changes: Sequence[Change]) -> None:
    """Raises StaleChange for the first photo that is not in a state its change expects."""
    guarded = [change for change in changes if change.expect]
    ids = [change.photo_id for change in guarded]
    found = dict(select(db, "SELECT id, state FROM photos WHERE id IN (*)", ids))
    for change in guarded:
        state = found.get(change.photo_id)
        if state not in change.expect:
            raise StaleChange(change.photo_id, change.expect, None if state is None else State(state))


def _set_columns(db: Database, changes: Sequence[Change]) -> None:
    """Write the columns and states, together for all photos of which the same columns change."""
    rows: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for change in changes:
        values = dict(change.values)
        if change.state is not None:
            values["state"] = change.state.value
        if values:
            rows.setdefault(tuple(values), []).append((change.photo_id, *values.values()))
    for columns, those in rows.items():
        update(db, "photos", columns, those)
    trashed = [
        change.photo_id for change in changes if (change.state or change.values.get("state")) in TRASHED
    ]
    if trashed:
        ran = key_value.get(db, key_value.RAN, 0.0)
        update(db, "photos", ("trashed_ran",), [(photo_id, ran) for photo_id in trashed])


def _decision_row(decision: Decision, evidence: Evidence) -> tuple[Any, ...]:
    return (
        decision.outcome.value,
        decision.category.value if decision.category else None,
        decision.policy_version,
        reasons_to_json(decision.reasons),
        evidence_to_json(evidence),
    )


def _close_review(db: Database, photo_id: int, action: str, by: str, at: str) -> None:
    if action == "withdrawn":
        source_tables.withdraw_review(db, photo_id)
    else:
        source_tables.close_review(db, photo_id, action, by, at)


_NAME_VALUES = ("photo_id", "area", "path", "member", "method", "person_id", "size", "mtime_ns", "sha256")
_NAME_AGAIN = "ON CONFLICT (area, path) DO UPDATE SET " + ", ".join(
    f"{column} = excluded.{column}" for column in _NAME_VALUES if column not in ("area", "path")
)
"""Repeating a step after a crash writes the same name again."""


def _add_names(db: Database, names: Sequence[Name]) -> None:
    rows = [
        (
            name.photo_id,
            name.area.value,
            to_ledger(name.path),
            name.member.value,
            name.method,
            name.person_id,
            name.size,
            name.mtime_ns,
            name.sha256,
        )
        for name in names
    ]
    insert(db, "INTO names", _NAME_VALUES, rows, _NAME_AGAIN)


def _remove_names(db: Database, names: Sequence[tuple[Area, str]]) -> None:
    paths: dict[Area, list[str | bytes]] = {}
    for area, path in names:
        paths.setdefault(area, []).append(to_ledger(path))
    for area, those in paths.items():
        delete(db, "names", "path", those, area=area.value)


def forget_unclaimed(db: Database, ids: Sequence[int]) -> None:
    """Remove rows of files that were never claimed: they stayed where they were, or went away."""
    for photo_id in ids:
        db.conn.execute("DELETE FROM intents WHERE photo_id = ?", (photo_id,))
        db.conn.execute("DELETE FROM adopted WHERE photo_id = ?", (photo_id,))
        db.conn.execute("DELETE FROM photos WHERE id = ? AND state = 'arrived'", (photo_id,))


TRASHED = (State.REJECTED, State.SKIPPED)


def purged(photo: Photo, names: Sequence[Name]) -> Change:
    """Return what the ledger says of a photo whose last name is gone for good."""
    data = {"names": [[n.area.value, shown(n.path)] for n in names], "sha256": photo.sha256}
    return Change(
        photo.id,
        state=State.PURGED,
        expect=TRASHED,
        names_removed=tuple((n.area, n.path) for n in names),
        events=(NewEvent(EventKind.PURGED, photo.id, data),),
        intents_done=("purge",),
    )


def retry_problems(db: Database) -> int:
    """Give photos that are on their way and met a problem another turn. Return how many."""
    marks = ",".join("?" * len(IN_PROGRESS))
    return int(
        db.conn.execute(
            f"UPDATE photos SET problem = NULL WHERE state IN ({marks}) AND problem IS NOT NULL",  # noqa: S608
            [s.value for s in IN_PROGRESS],
        ).rowcount
    )


# --- reading ---------------------------------------------------------------------------------


def _select(db: Database, where: str, values: Sequence[Any], after: Sequence[Any] = ()) -> list[Photo]:
    query = f"SELECT {_COLUMNS} FROM photos WHERE {where}"  # noqa: S608
    return [_photo(row) for row in select(db, query, values, after=after)]


def by_ids(db: Database, ids: Sequence[int]) -> list[Photo]:
    """Return these photos, in the order of the ids. Unknown ids are missing."""
    found = {photo.id: photo for photo in _select(db, "id IN (*)", ids)}
    return [found[i] for i in ids if i in found]


def get(db: Database, photo_id: int) -> Photo | None:
    """Return one photo, None when there is none of this id."""
    found = by_ids(db, [photo_id])
    return found[0] if found else None


def in_state(
    db: Database,
    states: State | Sequence[State],
    limit: int,
    after: int = 0,
    *,
    of_bytes: tuple[int, int] = (0, 1 << 62),
) -> list[Photo]:
    """Return photos in one of the states, oldest first, at most `limit`, with an id above `after`.

    `of_bytes`: from how many bytes on, and below how many. Photos with a problem are left out. They have
    another turn after `retry_problems`.
    """
    wanted = [states] if isinstance(states, State) else states
    where = "state IN (*) AND id > ? AND size >= ? AND size < ? AND problem IS NULL ORDER BY id LIMIT ?"
    return _select(db, where, wanted, (after, *of_bytes, limit))


def with_problem(db: Database, limit: int) -> list[Photo]:
    """Return photos on their way that met a problem, oldest first."""
    return _select(db, "state IN (*) AND problem IS NOT NULL ORDER BY id LIMIT ?", IN_PROGRESS, (limit,))


def ids_in_state(db: Database, state: State, limit: int) -> list[int]:
    """As `in_state`, the ids alone."""
    rows = db.conn.execute(
        "SELECT id FROM photos WHERE state = ? AND problem IS NULL ORDER BY id LIMIT ?", (state.value, limit)
    )
    return [row[0] for row in rows]


def count_by_state(db: Database) -> dict[State, int]:
    """Return how many photos are in each state. States without photos are missing."""
    rows = db.conn.execute("SELECT state, count(*) FROM photos GROUP BY state")
    return {State(state): int(count) for state, count in rows}


def in_progress(db: Database) -> dict[State, int]:
    """As `count_by_state` for photos still on their way. Its cost does not grow with the ledger."""
    rows = select(db, "SELECT state, count(*) FROM photos WHERE state IN (*) GROUP BY state", IN_PROGRESS)
    return {State(state): int(count) for state, count in rows}


def people_with_photos(db: Database) -> list[str]:
    """Ids of the people under whom a photo is filed."""
    filed = "SELECT DISTINCT person_id FROM photos WHERE state = 'filed' AND person_id IS NOT NULL"
    rows = db.conn.execute(filed)
    return [str(person_id) for (person_id,) in rows]


def count_in(db: Database, *states: State) -> int:
    """Return how many photos are in these states and may go on: those with a problem hold up no others."""
    [[count]] = select(db, "SELECT count(*) FROM photos WHERE state IN (*) AND problem IS NULL", states)
    return int(count)


def in_flight(db: Database, without: Collection[int] = ()) -> int:
    """Return how many photos are in the library and not decided yet.

    Those waiting for proof of no face or with a problem are left out, and so are those of the ids `without`.
    """
    counted = "SELECT count(*) FROM photos WHERE detection_asked_at IS NULL AND problem IS NULL"
    [[total]] = select(db, f"{counted} AND state IN (*)", IN_FLIGHT)
    # `+state`: by their ids, of which there are few, and not by the index on states.
    states = " OR ".join("+state = ?" for _ in IN_FLIGHT)
    of_these = select(db, f"{counted} AND ({states}) AND id IN (*)", list(without), before=IN_FLIGHT)
    return int(total - sum(count for (count,) in of_these))


_NAME_COLUMNS = "photo_id, area, path, member, method, person_id, size, mtime_ns, sha256, id"


def _name(row: Sequence[Any]) -> Name:
    return Name(row[0], _AREAS[row[1]], from_ledger(row[2]), _MEMBERS[row[3]], *row[4:])


def names_of(db: Database, ids: Sequence[int]) -> dict[int, list[Name]]:
    """Return all names of these photos, by photo id, in the order they were given."""
    found: dict[int, list[Name]] = {i: [] for i in ids}
    query = f"SELECT {_NAME_COLUMNS} FROM names WHERE photo_id IN (*) ORDER BY id"  # noqa: S608
    for row in select(db, query, ids):
        found[row[0]].append(_name(row))
    return found


def name_at(db: Database, area: Area, path: str) -> Name | None:
    """Return the name at a path, None when the ledger knows of none."""
    row = db.conn.execute(
        f"SELECT {_NAME_COLUMNS} FROM names WHERE area = ? AND path = ?",  # noqa: S608
        (area.value, to_ledger(path)),
    ).fetchone()
    return _name(row) if row else None


def last_decision(db: Database, photo_id: int) -> tuple[Any, ...] | None:
    """(outcome, category, policy version, reasons, evidence, at) of the newest decision, or None."""
    row = db.conn.execute(
        "SELECT outcome, category, policy_version, reasons, evidence, at FROM decisions"
        " WHERE photo_id = ? ORDER BY id DESC LIMIT 1",
        (photo_id,),
    ).fetchone()
    if row is None:
        return None
    evidence = with_origin(db, photo_id, evidence_from_json(row[4]))
    return (row[0], row[1], row[2], reasons_from_json(row[3]), evidence, row[5])


def with_origin(db: Database, photo_id: int, evidence: Evidence) -> Evidence:
    """Return the evidence with where the photo comes from. What an older version stored lacks that."""
    if evidence.origin is not None or (photo := get(db, photo_id)) is None:
        return evidence
    origin = origin_of(photo, names_of(db, [photo_id])[photo_id])
    return replace(evidence, taken=photo.taken_at, origin=origin)


@dataclass(frozen=True, slots=True)
class Intent:
    """An act that was about to happen when the journal was written."""

    id: int
    photo_id: int
    act: str
    data: Mapping[str, Any]
    at: str


def open_intents(db: Database) -> list[Intent]:
    """Return what a crash left open, oldest first, empty after a clean stop."""
    rows = db.conn.execute("SELECT id, photo_id, act, data, at FROM intents ORDER BY id")
    return [Intent(row[0], row[1], row[2], json.loads(row[3]), row[4]) for row in rows]
