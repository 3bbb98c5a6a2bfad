"""Automatic filings that are offered for a check, and what became of each.

They are drawn after the fact from the history, so that filing never waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from smartsort.core.event_kinds import REJECTIONS, EventKind
from smartsort.core.spot_checks import drawn
from smartsort.core.wrong_limit import Observed
from smartsort.ledger import events, key_value, statistics
from smartsort.ledger.database import Ledger
from smartsort.ledger.records import Event

_UP_TO = "spot_checks_up_to"

CHUNK = 2000
"""Events read in one transaction."""

RIGHT, WRONG, GONE = "right", "wrong", "gone"
"""Verdicts. `gone`: the filing was replaced before anybody checked it, and nobody said that it was wrong."""

_REPLACED = frozenset(
    {
        *(EventKind.SORTED, EventKind.APPROVED, *REJECTIONS, EventKind.REVIEWED),
        *(EventKind.REEVALUATED, EventKind.PURGED),
    }
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A filing that waits for an answer."""

    event_id: int
    photo_id: int
    filed_at: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Drawn filings by what became of them."""

    right: int = 0
    wrong: int = 0
    open: int = 0

    @property
    def checked(self) -> int:
        """Those with an answer."""
        return self.right + self.wrong


# --- drawing ---------------------------------------------------------------------------------


def draw_chunk(db: Database, share: float, limit: int = CHUNK) -> int:
    """Go on by up to `limit` events. How many there were. Inside a write transaction."""
    up_to: int = key_value.get(db, _UP_TO, 0)
    rows = db.conn.execute(
        "SELECT id, kind, photo_id, at FROM events WHERE id > ? ORDER BY id LIMIT ?", (up_to, limit)
    ).fetchall()
    if not rows:
        return 0
    key = str(key_value.get(db, "root_id", ""))
    touched: dict[int, None] = {}
    for event_id, kind, photo_id, at in rows:
        if photo_id is None:
            continue
        if kind == EventKind.SORTED and drawn(key, photo_id, share):
            db.conn.execute(
                "INSERT OR IGNORE INTO spot_checks (event_id, photo_id, filed_at) VALUES (?, ?, ?)",
                (event_id, photo_id, at),
            )
        touched[int(photo_id)] = None
    for photo_id in touched:
        _judge(db, photo_id)
    key_value.put(db, _UP_TO, int(rows[-1][0]))
    return len(rows)


def _judge(db: Database, photo_id: int) -> None:
    rows = db.conn.execute("SELECT event_id FROM spot_checks WHERE photo_id = ?", (photo_id,)).fetchall()
    if not rows:
        return
    history = events.of_photo(db, photo_id)
    db.conn.executemany(
        "UPDATE spot_checks SET verdict = ? WHERE event_id = ?",
        [(verdict(history, int(event_id)), int(event_id)) for (event_id,) in rows],
    )


def verdict(history: Sequence[Event], filing: int) -> str | None:
    """Return what a photo's history says of one automatic filing (its event's id), None while nothing does.

    A human's last word counts: a filing that was confirmed and later filed elsewhere was wrong.
    """
    taken_back = statistics.taken_back(history)
    if filing in statistics.wrongly_sorted(history, taken_back):
        return WRONG
    for event in history:
        if event.id <= filing or event.id in taken_back:
            continue
        if event.kind == EventKind.CONFIRMED:
            return RIGHT
        if event.kind in _REPLACED:
            return GONE
    return None


def behind(db: Database) -> bool:
    """Return True when something happened since the last draw, cheap."""
    return events.last_id(db) > int(key_value.get(db, _UP_TO, 0))


async def catch_up(ledger: Ledger, share: float) -> None:
    """Draw from everything that has happened up to now. A few milliseconds unless nobody did for long."""
    while await ledger.aread(behind):
        await ledger.awrite(lambda db: draw_chunk(db, share))


# --- reading ---------------------------------------------------------------------------------


def waiting(db: Database, before: int | None = None, limit: int = 50) -> list[Drawn]:
    """Filings that wait for an answer, newest first, with an event older than `before`."""
    rows = db.conn.execute(
        "SELECT event_id, photo_id, filed_at FROM spot_checks INDEXED BY idx_spot_checks_open"
        " WHERE verdict IS NULL AND event_id < ? ORDER BY event_id DESC LIMIT ?",
        (before if before is not None else 2**63 - 1, limit),
    )
    return [Drawn(*row) for row in rows]


def drawn_filing(db: Database, photo_id: int) -> tuple[int, str | None] | None:
    """(event, verdict) of the newest drawn filing of a photo, None for a photo that was never drawn."""
    row = db.conn.execute(
        "SELECT event_id, verdict FROM spot_checks WHERE photo_id = ? ORDER BY event_id DESC LIMIT 1",
        (photo_id,),
    ).fetchone()
    return (int(row[0]), row[1]) if row else None


def counts(db: Database, since: str = "") -> Counts:
    """Filings drawn at or after `since` (a ledger time), by verdict. Those that are gone left out."""
    rows = db.conn.execute(
        "SELECT coalesce(verdict, 'open'), count(*) FROM spot_checks WHERE filed_at >= ? GROUP BY verdict",
        (since,),
    )
    found = {str(name): int(number) for name, number in rows}
    return Counts(found.get(RIGHT, 0), found.get(WRONG, 0), found.get("open", 0))


def observed(db: Database) -> Observed:
    """What the answers and the galleries say about this household, for the model in use.

    A filing without a confidence is left out: no threshold has decided about it.
    """
    model = key_value.get(db, key_value.MODEL_CHANGE, {})
    household = key_value.get(db, key_value.HOUSEHOLD, {})
    rows = db.conn.execute(
        "SELECT CAST(round(100 * json_extract(d.reasons, '$[0].numbers.confidence')) AS INTEGER)"
        " AS hundredths, count(*), sum(s.verdict = 'wrong') FROM spot_checks AS s JOIN decisions AS d"
        " ON d.id = (SELECT max(id) FROM decisions"
        " WHERE photo_id = s.photo_id AND at = s.filed_at AND outcome = 'sorted')"
        " WHERE s.verdict IN ('right', 'wrong') AND s.filed_at >= ? GROUP BY hundredths"
        " HAVING hundredths IS NOT NULL ORDER BY hundredths",
        (model.get("at", ""),),
    )
    return Observed(
        tuple((int(at), int(checked), int(wrong)) for at, checked, wrong in rows),
        household.get("faces", 0),
        household.get("alike", 0),
    )
