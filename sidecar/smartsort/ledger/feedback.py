"""What humans said that photos and faces are not: not this person, not the same picture.

It follows from what they did: a person ruled out, an undone or re-filed photo, a suggestion passed over when
a photo was approved, a near-duplicate filed all the same. What they take back is no longer said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from smartsort.core.event_kinds import EventKind, stored
from smartsort.core.model import Evidence
from smartsort.core.naming import same_name
from smartsort.core.suggestion import suggestions
from smartsort.ledger import events, key_value
from smartsort.ledger.records import Event, evidence_from_json
from smartsort.ledger.rows import select

_UP_TO = "feedback_up_to"
_KINDS = (
    *(EventKind.APPROVED, EventKind.REFILED, EventKind.RULED_OUT, EventKind.CONFIRMED),
    *(EventKind.UNDONE, EventKind.FACE_ASSIGNED, EventKind.FACE_UNASSIGNED),
)

CHUNK = 500
"""Events read at once."""


@dataclass(frozen=True, slots=True)
class RuledOut:
    """A face that is not a person's by a human's word."""

    photo_id: int
    face_id: str
    person_id: str


def ruled_out_faces(db: Database) -> list[RuledOut]:
    """Return every face with a person it does not show, oldest first."""
    rows = db.conn.execute(
        "SELECT photo_id, face_id, person_id FROM feedback WHERE kind = 'not_person' ORDER BY id"
    )
    return [RuledOut(*row) for row in rows]


def mistaken_people(db: Database) -> dict[str, frozenset[str]]:
    """Return who was taken for whom on two photos or more and moved there by a human.

    Return ids, both ways round.
    """
    found: dict[str, set[str]] = {}
    for one, other in db.conn.execute(
        "SELECT min(t.person_id, n.person_id) AS one, max(t.person_id, n.person_id) AS other"
        " FROM feedback AS t JOIN names AS n"
        " ON n.photo_id = t.photo_id AND n.area = 'faces' AND n.person_id <> t.person_id"
        " WHERE t.kind = 'not_person' GROUP BY one, other HAVING count(DISTINCT t.photo_id) >= 2"
    ):
        found.setdefault(str(one), set()).add(str(other))
        found.setdefault(str(other), set()).add(str(one))
    return {person_id: frozenset(others) for person_id, others in found.items()}


def ruled_out_people(db: Database, photo_ids: Sequence[int]) -> dict[int, frozenset[str]]:
    """Return ids of the people these photos do not show by a human's word. Photos without are missing."""
    found: dict[int, set[str]] = {}
    for photo_id in photo_ids:
        for (person_id,) in db.conn.execute(
            "SELECT person_id FROM ruled_out WHERE photo_id = ?1"
            " UNION SELECT person_id FROM feedback WHERE photo_id = ?1 AND kind = 'not_person'",
            (photo_id,),
        ):
            found.setdefault(photo_id, set()).add(str(person_id))
    return {photo_id: frozenset(people) for photo_id, people in found.items()}


def called_one_person(db: Database) -> list[frozenset[str]]:
    """Faces of which a human said that they are one person's: a set of ids for each time."""
    kinds = stored([EventKind.ONE_PERSON])
    rows = select(db, "SELECT id, data FROM events WHERE kind IN (*)", kinds)
    said = [json.loads(data)["one_person"] for i, data in rows if events.undone(db, int(i)) is None]
    return [frozenset(str(face) for group in one["groups"] for face, _ in group) for one in said]


def not_the_same(db: Database, photo_id: int) -> frozenset[str]:
    """Keys (`copy_key`) of the photos this one only resembles, by a human's word."""
    rows = db.conn.execute(
        "SELECT other FROM feedback WHERE kind = 'not_same' AND photo_id = ?1"
        " UNION SELECT 'photo:' || photo_id FROM feedback"
        " WHERE kind = 'not_same' AND other = 'photo:' || ?1",
        (photo_id,),
    )
    return frozenset(str(row[0]) for row in rows)


def copy_key(photo_id: int | None, asset_id: str | None) -> str:
    """Return how a near-duplicate is remembered: by our photo, else by Immich's asset."""
    return f"photo:{photo_id}" if photo_id is not None else f"asset:{asset_id}"


def say_not_same(db: Database, photo_id: int, other: str, at: str, event_id: int | None = None) -> None:
    """Remember that a photo and another (`copy_key`) are two pictures, not one."""
    _add(db, "not_same", photo_id, at, event_id, other=other)


# --- collecting it from what was done --------------------------------------------------------


def behind(db: Database) -> bool:
    """Return True when `collect_feedback` has something to read. Cheap."""
    return bool(_news(db, collected_up_to(db), 1))


def collected_up_to(db: Database) -> int:
    """Return the event up to which `collect_feedback` has read. It changes with every new feedback."""
    return int(key_value.get(db, _UP_TO, 0))


def _news(db: Database, up_to: int, limit: int) -> list[Event]:
    found: list[int] = []
    for kind in stored(_KINDS):
        rows = db.conn.execute(
            "SELECT id FROM events WHERE kind = ? AND id > ? ORDER BY id LIMIT ?", (kind, up_to, limit)
        )
        found += [int(row[0]) for row in rows]
    return [event for i in sorted(found)[:limit] if (event := events.get(db, i)) is not None]


def collect_feedback(db: Database, at: str) -> frozenset[str]:
    """Read what humans did since the last time. Ids of the people about whom something was learned.

    At most 500 events. Call again while `behind`. Inside a write transaction.
    """
    news = _news(db, collected_up_to(db), CHUNK)
    touched: set[str] = set()
    for event in news:
        if event.kind in (EventKind.FACE_ASSIGNED, EventKind.FACE_UNASSIGNED):
            ids = (event.data.get(key) for key in ("person", "was", "from", "to"))
            touched |= {str(person_id) for person_id in ids if person_id}
        elif event.photo_id is not None:
            touched |= _collect_from(db, event, event.photo_id, at)
    if news:
        key_value.put(db, _UP_TO, news[-1].id)
    return frozenset(touched)


def _collect_from(db: Database, event: Event, photo_id: int, at: str) -> set[str]:
    touched: set[str] = set()
    if event.undoes is not None:
        # Taken back: what followed from it is no longer said. The undo restores who is ruled out.
        touched |= _forget(db, event.undoes)
        undone = events.get(db, event.undoes)
        first = events.get(db, undone.undoes) if undone is not None and undone.undoes is not None else None
        if first is not None:  # an undo was taken back: what was done first counts again
            return touched | _collect_from(db, first, photo_id, at)
    if event.kind == EventKind.RULED_OUT:
        person_id = str(event.data["person_id"])
        for face_id in event.data["faces"]:
            _add(db, "not_person", photo_id, at, event.id, face_id=str(face_id), person_id=person_id)
        return touched | {person_id}
    evidence = _evidence_before(db, photo_id, event)
    if evidence is None:
        return touched
    if event.kind == EventKind.CONFIRMED:
        # Their galleries take the face in as one that a human has seen.
        return touched | {f.person.id for f in evidence.judged if f.person is not None and f.person.name}
    if event.kind in (EventKind.APPROVED, EventKind.REFILED):
        chosen = [str(name) for name in event.data.get("people", ())]
        for face_id, person_id, name in _passed_over(evidence):
            if any(same_name(name, each) for each in chosen):
                db.conn.execute(  # said otherwise before, and this is the last word
                    "DELETE FROM feedback WHERE photo_id = ? AND person_id = ?", (photo_id, person_id)
                )
                touched.add(person_id)
            else:
                _add(db, "not_person", photo_id, at, event.id, face_id=face_id, person_id=person_id)
                touched.add(person_id)
        if event.kind == EventKind.APPROVED and evidence.near_copy is not None:
            other = copy_key(evidence.near_copy.photo_id, evidence.near_copy.asset_id)
            say_not_same(db, photo_id, other, at, event.id)
    elif event.data.get("wrong"):
        for person_id, _ in db.conn.execute(
            "SELECT person_id, person_name FROM ruled_out WHERE photo_id = ?", (photo_id,)
        ).fetchall():
            for face in evidence.judged:
                if face.person is not None and face.person.id == person_id:
                    _add(db, "not_person", photo_id, at, event.id, face_id=face.id, person_id=person_id)
                    touched.add(person_id)
    return touched


def _passed_over(evidence: Evidence) -> Iterator[tuple[str, str, str]]:
    """(face, person, name) a human saw suggested for a lone face: by Immich's match, else the closest."""
    if len(evidence.judged) != 1:
        return  # nobody can tell which of the faces was meant
    face = evidence.judged[0]
    if face.person is not None and face.person.name:
        yield face.id, face.person.id, face.person.name
        return
    for suggestion in suggestions(evidence, face)[:1]:
        yield face.id, suggestion.person.id, suggestion.person.name


def _evidence_before(db: Database, photo_id: int, event: Event) -> Evidence | None:
    """Return what the photo's decision looked at when the human acted."""
    row = db.conn.execute(
        "SELECT evidence FROM decisions WHERE photo_id = ? AND at <= ? ORDER BY id DESC LIMIT 1",
        (photo_id, event.at),
    ).fetchone()
    return evidence_from_json(row[0]) if row else None


def _add(
    db: Database,
    kind: str,
    photo_id: int,
    at: str,
    event_id: int | None,
    *,
    face_id: str | None = None,
    person_id: str | None = None,
    other: str | None = None,
) -> None:
    db.conn.execute(
        "INSERT OR IGNORE INTO feedback (kind, photo_id, face_id, person_id, other, event_id, at)"
        " VALUES (?,?,?,?,?,?,?)",
        (kind, photo_id, face_id, person_id, other, event_id, at),
    )


def _forget(db: Database, event_id: int) -> set[str]:
    rows = db.conn.execute("SELECT person_id FROM feedback WHERE event_id = ?", (event_id,)).fetchall()
    db.conn.execute("DELETE FROM feedback WHERE event_id = ?", (event_id,))
    return {str(row[0]) for row in rows if row[0] is not None}
