"""Statistics: daily totals kept up to date from the history, and counts of the queue.

A photo counts once, as it stands: on the day of the last automatic decision about it, in the zone of this
machine, however often it was re-evaluated. What a human takes back is taken back in the totals of the day it
happened, so a total is always what the history says now. The totals are small whatever the ledger holds, so
reading them costs the same for a thousand photos and a million.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sqlite_utils import Database

from smartsort.core.event_kinds import REJECTIONS, EventKind, stored
from smartsort.core.model import IN_PROGRESS, Category, Person
from smartsort.core.naming import folder_name
from smartsort.ledger import events, key_value, photos
from smartsort.ledger.database import Ledger
from smartsort.ledger.records import Event, Photo
from smartsort.ledger.rows import select

_UP_TO = "daily_totals_up_to"
_RULES = "daily_totals_rules"
RULES = 3
"""The number of the rules in `tally`. Totals that were counted by other ones are counted again."""

CHUNK = 2000
"""Events counted in one transaction: other writers get their turn in between."""

Tally = Counter[tuple[str, str, str]]
"""Photos by (day, what, name)."""


class What:
    """What is counted per day. In brackets what `name` holds, "" where nothing stands."""

    ACCEPTED = "accepted"
    """Photos taken in [source]."""
    SORTED = "sorted"
    """Photos whose last automatic decision filed them."""
    WRONG = "wrong"
    """Of these, those that a human undid or filed elsewhere."""
    PERSON = "person"
    """Standing automatic filings [folder of the person]. A photo under two people counts for both."""
    REVIEWED = "reviewed"
    """Photos whose last automatic decision sent them to review [category], a human's answer or none."""
    AUTO_RESOLVED = "auto_resolved"
    """Of the sorted photos, those that had waited in review."""
    SKIPPED = "skipped"
    """Duplicates that were put away as configured."""
    DUPLICATES = "duplicates"
    """Duplicates noticed, in review or skipped."""
    MISSED = "missed"
    """Photos filed although the same content had been accepted before."""
    APPROVED = "approved"
    """Photos a human approved."""
    REJECTED = "rejected"
    """Photos a human rejected."""


_DECIDED = (EventKind.SORTED, EventKind.REVIEWED, EventKind.SKIPPED, EventKind.REEVALUATED)


def local_day(at: str) -> str:
    """Return the day of a ledger time in this machine's zone, as YYYY-MM-DD."""
    return datetime.fromisoformat(at).astimezone().date().isoformat()


def tally(history: Sequence[Event], older_copy: bool = False) -> Tally:
    """Return what one photo's history, oldest event first, adds to the totals.

    A photo counts once: by the automatic decision that counts, and by the last decision of a human that
    stands, each on its day. `older_copy` tells that a photo accepted before it has the same content.
    """
    gone = taken_back(history)
    wrong = wrongly_sorted(history, gone)
    found: Tally = Counter()
    for event in history:
        if event.kind in (EventKind.ACCEPTED, EventKind.FOLDER_ADOPTED):
            found[local_day(event.at), What.ACCEPTED, str(event.data.get("source", ""))] += 1
    answers = (EventKind.APPROVED, *REJECTIONS)
    for event in [e for e in history if e.kind in answers and e.id not in gone][-1:]:
        what = What.REJECTED if event.kind in REJECTIONS else What.APPROVED
        found[local_day(event.at), what, ""] += 1
    decided, auto_resolved = _automatic(history, gone, wrong)
    if decided is None:
        return found
    day, outcome = local_day(decided.at), _outcome(decided)
    category = str(decided.data.get("category") or "")
    if outcome == "sorted":
        found[day, What.SORTED, ""] += 1
        found[day, What.AUTO_RESOLVED, ""] += auto_resolved
        found[day, What.MISSED, ""] += older_copy
        found[day, What.WRONG, ""] += decided.id in wrong
        for person in decided.data.get("people", ()) if decided.id not in wrong else ():
            found[day, What.PERSON, folder_name(str(person))] += 1
    else:
        found[day, What.REVIEWED, category] += outcome == "reviewed"
        found[day, What.SKIPPED, ""] += outcome == "skipped"
        found[day, What.DUPLICATES, ""] += category == Category.DUPLICATES
    return Counter({key: count for key, count in found.items() if count})


def _outcome(event: Event) -> str:
    """`sorted`, `reviewed` or `skipped` for an automatic decision, of photos re-evaluated as well."""
    return str(event.data.get("outcome", "")) if event.kind == EventKind.REEVALUATED else event.kind


def _automatic(
    history: Sequence[Event], gone: Collection[int], wrong: Collection[int]
) -> tuple[Event | None, bool]:
    """The automatic decision about a photo that counts, and whether it filed one that had waited in review.

    It is the last one: what Immich has learned since, or other settings, take the place of what was decided
    before. Only a filing that a human found wrong keeps its place, whatever became of the photo: that it was
    corrected in Immich and then filed again makes the mistake no smaller.
    """
    last: Event | None = None
    auto_resolved = False
    for event in history:
        if event.kind not in _DECIDED:
            continue
        # Taken back, all but a filing mean that the photo is re-evaluated, or as it was before.
        if event.kind != EventKind.SORTED and event.id in gone:
            continue
        if last is not None and last.id in wrong:
            break
        auto_resolved = event.kind == EventKind.SORTED and last is not None and _outcome(last) == "reviewed"
        last = event
    return last, auto_resolved


def taken_back(history: Sequence[Event]) -> set[int]:
    """Return ids of events that one of these, the oldest first, takes back and that are not done again."""
    found: set[int] = set()
    for event in reversed(history):
        if event.undoes is not None and event.id not in found:
            found.add(event.undoes)
    return found


def wrongly_sorted(history: Sequence[Event], taken_back: Collection[int]) -> set[int]:
    """Return ids of automatic filings that a human undid or filed elsewhere, as things stand now."""
    wrong: set[int] = set()
    last_sorted: int | None = None
    for event in history:
        if event.kind == EventKind.SORTED:
            last_sorted = event.id
            if event.id in taken_back:
                wrong.add(event.id)
        elif event.kind == EventKind.REEVALUATED and event.id not in taken_back:
            last_sorted = event.id if _outcome(event) == "sorted" else None
        elif event.kind in (EventKind.APPROVED, *REJECTIONS, EventKind.REVIEWED):
            last_sorted = None
        elif event.kind == EventKind.REFILED and event.id not in taken_back and last_sorted is not None:
            wrong.add(last_sorted)
    return wrong


# --- keeping the totals ----------------------------------------------------------------------


def count_chunk(db: Database, limit: int = CHUNK) -> int:
    """Bring the totals forward by up to `limit` events. How many there were. Inside a write transaction."""
    up_to = _counted_up_to(db)
    if up_to == 0:
        db.conn.execute("DELETE FROM daily_totals")
        key_value.put(db, _RULES, RULES)
    rows = db.conn.execute(
        "SELECT id, photo_id FROM events WHERE id > ? ORDER BY id LIMIT ?", (up_to, limit)
    ).fetchall()
    if not rows:
        return 0
    reached = int(rows[-1][0])
    change: Tally = Counter()
    for photo_id in dict.fromkeys(int(row[1]) for row in rows if row[1] is not None):
        # Later events of the photo belong to a later chunk.
        history = [event for event in events.of_photo(db, photo_id) if event.id <= reached]
        older = _has_older_copy(db, photo_id)
        change.update(tally(history, older))
        change.subtract(tally([event for event in history if event.id <= up_to], older))
    db.conn.executemany(
        "INSERT INTO daily_totals (day, what, name, photos) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (day, what, name) DO UPDATE SET photos = photos + excluded.photos",
        [(*key, count) for key, count in change.items() if count],
    )
    key_value.put(db, _UP_TO, reached)
    return len(rows)


def _has_older_copy(db: Database, photo_id: int) -> bool:
    query = (
        "SELECT 1 FROM photos AS older JOIN photos AS own ON older.sha256 = own.sha256"
        " WHERE own.id = ? AND older.id < own.id LIMIT 1"
    )
    return db.conn.execute(query, (photo_id,)).fetchone() is not None


def uncounted(db: Database) -> int:
    """Events that are not in the totals yet."""
    return events.last_id(db) - _counted_up_to(db)


def _counted_up_to(db: Database) -> int:
    """Return the last event in the totals, 0 when they are to be counted from the start."""
    return int(key_value.get(db, _UP_TO, 0)) if key_value.get(db, _RULES) == RULES else 0


async def catch_up(ledger: Ledger) -> None:
    """Count everything that has happened up to now. A few milliseconds unless nobody did for long."""
    left = await ledger.aread(uncounted)
    while left > 0 and (counted := await ledger.awrite(count_chunk)):
        left -= counted


# --- reading ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Totals:
    """Totals of some days, first and last included."""

    first: date
    last: date
    by_what: Mapping[str, int]
    by_name: Mapping[str, Mapping[str, int]]
    """By what, then by name, largest first."""
    by_day: Mapping[str, Mapping[str, int]]
    """By day (every one of them, oldest first), then by what."""

    def __getitem__(self, what: str) -> int:
        """Return how many photos, 0 for what has never happened."""
        return self.by_what.get(what, 0)


def totals(db: Database, first: date, last: date) -> Totals:
    """Return the totals from one day to another."""
    by_what: Counter[str] = Counter()
    names: dict[str, Counter[str]] = {}
    days: dict[str, Counter[str]] = {
        (first + timedelta(days=n)).isoformat(): Counter() for n in range(max(0, (last - first).days + 1))
    }
    for day, what, name, count in db.conn.execute(
        "SELECT day, what, name, photos FROM daily_totals WHERE day BETWEEN ? AND ?",
        (first.isoformat(), last.isoformat()),
    ):
        by_what[what] += count
        days[day][what] += count
        names.setdefault(what, Counter())[name] += count
    by_name = {
        what: {name: count for name, count in sorted(found.items(), key=lambda i: (-i[1], i[0])) if count > 0}
        for what, found in names.items()
    }
    return Totals(first, last, by_what, by_name, days)


def totals_ever(db: Database) -> dict[str, int]:
    """Return all totals by what, for counters that never start again."""
    rows = db.conn.execute("SELECT what, sum(photos) FROM daily_totals GROUP BY what")
    return {str(what): int(count) for what, count in rows}


@dataclass(frozen=True, slots=True)
class Waiting:
    """Photos in the review queue. `by_age` has the keys `hour`, `day`, `week` and `older`."""

    total: int = 0
    by_category: Mapping[str, int] = field(default_factory=dict)
    oldest: str | None = None
    median: str | None = None
    by_age: Mapping[str, int] = field(default_factory=dict)

    def median_age_seconds(self, now: datetime) -> float | None:
        """Return how long half of the photos have waited at least, None when none waits."""
        if self.median is None:
            return None
        return max(0.0, (now - datetime.fromisoformat(self.median)).total_seconds())


# Named, because SQLite would take the index of the actions and read every row.
_WAITING = "FROM review_queue INDEXED BY idx_review_waiting WHERE action = 'pending' AND photo_id IS NOT NULL"

_AGES = (("hour", timedelta(hours=1)), ("day", timedelta(days=1)), ("week", timedelta(days=7)))


def waiting_by_category(db: Database, since: str | None = None) -> dict[str, int]:
    """Return photos that wait in review, by category, with `since` only those that came at or after it."""
    rows = db.conn.execute(
        f"SELECT category, count(*) {_WAITING} AND created_at >= ? GROUP BY category",
        (since or "",),
    )
    return {str(category): int(count) for category, count in sorted(rows, key=lambda r: (-r[1], r[0]))}


def waiting(db: Database, now: datetime) -> Waiting:
    """Return the queue: how many, since when."""
    execute = db.conn.execute
    by_category = waiting_by_category(db)
    total = sum(by_category.values())
    if not total:
        return Waiting(by_age=dict.fromkeys(("hour", "day", "week", "older"), 0))
    oldest = execute(f"SELECT min(created_at) {_WAITING}").fetchone()[0]
    # Walks half of a small covering index. A median has no cheaper way.
    (median,) = execute(
        f"SELECT created_at {_WAITING} ORDER BY created_at LIMIT 1 OFFSET ?",
        ((total - 1) // 2,),
    ).fetchone()
    by_age: dict[str, int] = {}
    counted = 0
    for name, age in _AGES:
        since = (now - age).astimezone(UTC).isoformat(timespec="milliseconds")
        younger = execute(f"SELECT count(*) {_WAITING} AND created_at >= ?", (since,)).fetchone()[0]
        by_age[name] = younger - counted
        counted = younger
    by_age["older"] = total - counted
    return Waiting(total, by_category, oldest, median, by_age)


# Left to itself SQLite takes the index of the states and sorts.
_FILED_BY_PERSON = (
    "SELECT person_id, count(*) FROM photos INDEXED BY idx_photos_filed"
    " WHERE state = 'filed' AND person_id IS NOT NULL GROUP BY person_id"
)

# Filed under a name, a name on its way to Immich that was not taken back, and a face locked to a name.
_TO_COME = """
    SELECT id, sum(filed) FROM (
        SELECT ?1 || person_name AS id, count(*) AS filed FROM photos INDEXED BY idx_photos_filed
        WHERE state = 'filed' AND person_id IS NULL AND person_name IS NOT NULL GROUP BY person_name
        UNION ALL SELECT ?1 || json_extract(data, '$.name'), 0 FROM outbox AS o
        WHERE kind = 'assign_face' AND json_extract(data, '$.create') AND NOT EXISTS (
            SELECT 1 FROM outbox AS back WHERE back.photo_id = o.photo_id AND back.kind = 'reassign_face'
            AND json_extract(back.data, '$.act') = json_extract(o.data, '$.act'))
        UNION ALL SELECT person_id, 0 FROM face_marks WHERE person_id GLOB ?1 || '*')
    GROUP BY id"""


def filed_by_person(db: Database) -> dict[str, int]:
    """Return photos filed now, by the id of the (first) person they are filed under.

    A name without an id has that of `Person.to_come`, with 0 photos where only faces have the name.
    """
    execute, to_come = db.conn.execute, Person.to_come("").id
    rows = (*execute(_FILED_BY_PERSON), *execute(_TO_COME, (to_come,)))
    return {str(person_id): int(count) for person_id, count in rows}


def oldest_in_progress(db: Database, states: Iterable[str]) -> dict[str, str]:
    """By state: when the photo arrived that has been in it, or before it, for longest."""
    query = "SELECT arrived_at FROM photos WHERE state = ? ORDER BY id LIMIT 1"
    oldest = {state: db.conn.execute(query, (state,)).fetchone() for state in states}
    return {state: str(row[0]) for state, row in oldest.items() if row is not None}


def last_waits(db: Database, limit: int) -> list[tuple[str, str]]:
    """(arrived, routed) of the photos Immich recognised last, newest first, for estimates."""
    rows = db.conn.execute(
        "SELECT arrived_at, routed_at FROM photos WHERE routed_at IS NOT NULL AND recognised_at IS NOT NULL"
        " ORDER BY routed_at DESC LIMIT ?",
        (limit,),
    )
    return [(str(arrived), str(routed)) for arrived, routed in rows]


def photos_in_progress(db: Database, limit: int) -> list[Photo]:
    """Return photos that are not at rest, oldest first, those with a problem included."""
    rows = select(
        db, "SELECT id FROM photos WHERE state IN (*) ORDER BY id LIMIT ?", IN_PROGRESS, after=(limit,)
    )
    return photos.by_ids(db, [int(row[0]) for row in rows])


# --- decisions of humans -----------------------------------------------------------------------

_SETTLING = (EventKind.APPROVED, *REJECTIONS, EventKind.FACES_MARKED)
_DECIDING = (*_SETTLING, EventKind.DEFERRED, EventKind.RULED_OUT, EventKind.FACES_NAMED)


@dataclass(frozen=True, slots=True)
class Settled:
    """Photos that humans took out of review, with how many decisions, and those of them `by_keys`.

    `keys` were pressed for all decisions, those that were taken back too.
    """

    photos: int
    decisions: int
    photos_by_keys: int
    keys: int


def settled(db: Database, since: str) -> Settled:
    """Return what humans took out of review since a ledger time.

    A bulk action is one decision. What was taken back since does not count.
    """
    query = (
        "SELECT e.photo_id, e.kind, coalesce(json_extract(e.data, '$.group'), e.id),"
        " json_extract(e.data, '$.people') IS NOT NULL,"
        " EXISTS (SELECT 1 FROM key_presses WHERE event_id = coalesce(json_extract(e.data, '$.group'), e.id))"
        " FROM events AS e"
        " WHERE e.at >= ? AND e.kind IN (*) AND NOT EXISTS (SELECT 1 FROM events AS u WHERE u.undoes = e.id)"
    )
    rows = select(db, query, stored(_DECIDING), before=(since,))
    left = [row for row in rows if row[1] in _SETTLING and (row[1] != EventKind.FACES_MARKED or row[3])]
    keys = db.conn.execute(
        "SELECT total(k.keys) FROM key_presses AS k JOIN events AS e ON e.id = k.event_id WHERE e.at >= ?",
        (since,),
    ).fetchone()[0]
    return Settled(
        photos=len({row[0] for row in left}),
        decisions=len({row[2] for row in rows}),
        photos_by_keys=len({row[0] for row in left if row[4]}),
        keys=int(keys),
    )


def count_keys(db: Database, event_id: int, keys: int) -> None:
    """Remember how many keys a human pressed for a decision. What is known already stays."""
    db.conn.execute("INSERT OR IGNORE INTO key_presses (event_id, keys) VALUES (?, ?)", (event_id, keys))
