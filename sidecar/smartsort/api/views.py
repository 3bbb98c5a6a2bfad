"""Ledger values as what goes over the wire."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlite_utils import Database

from smartsort.actions import undoable
from smartsort.api.guard import BASE
from smartsort.api.schemas.control import WrongLimit
from smartsort.api.schemas.history import EventView
from smartsort.api.schemas.people import FaceView, PersonView, SuggestionView
from smartsort.api.schemas.review import ReasonView
from smartsort.api.schemas.state import HealthIssueView, PhotoInProgress
from smartsort.core.model import Evidence, Face, Person, Reason, State, Suggestion, name_to_come
from smartsort.core.naming import folder_name
from smartsort.core.policy import Policy
from smartsort.core.suggestion import accepted, assigned, nearest, suggestions
from smartsort.core.wording import sentence, short
from smartsort.core.wording_events import event_sentence
from smartsort.core.wrong_limit import LimitInForce, in_words
from smartsort.files.shown import one_line, shown
from smartsort.ledger import events, photos
from smartsort.ledger.records import Event, Photo
from smartsort.pipeline.engine.health import HealthIssue

_MACHINE_ONLY = frozenset({"before", "after", "teach", "taught", "act"})
"""What an undo works from: of no use to a reader, and some of it long."""


def moment(mtime_ns: int) -> str:
    """Return a file time in ISO 8601 with a zone. Times no calendar has become the nearest one it has."""
    seconds = min(max(mtime_ns // 1_000_000_000, -62_135_596_800), 253_402_300_799)
    return datetime.fromtimestamp(seconds, UTC).isoformat()


# --- people and faces ------------------------------------------------------------------------


def person_view(
    person: Person, policy: Policy, photos: int | None = None, folder: str | None = None
) -> PersonView:
    """Return a person and the list they are on, if any.

    `folder` is the one below `faces/`, if it is known.
    """
    listed: Any = None
    if policy.blacklisted(person):
        listed = "blacklist"
    elif any(entry.means(person) for entry in policy.whitelist):
        listed = "whitelist"
    return PersonView(
        id=person.id,
        name=person.name,
        folder=(folder or folder_name(person.name)) if person.name else "",
        hidden=person.hidden,
        favourite=person.favourite,
        to_come=bool(name_to_come(person.id)),
        listed=listed,
        photos=photos,
    )


def suggestion_views(
    found: Iterable[Suggestion], policy: Policy, faces: Iterable[Face]
) -> list[SuggestionView]:
    """Suggestions, in the order given. `faces` are those they are about."""
    by_immich = {face.person.id for face in faces if face.person is not None}
    return [
        SuggestionView(
            person=person_view(s.person, policy),
            similarity=s.similarity,
            measured=s.similarity is not None,
            accepted=accepted(s, policy),
            assigned=s.person.id in by_immich,
        )
        for s in found
    ]


def face_views(evidence: Evidence, policy: Policy) -> list[FaceView]:
    """Return the faces of a photo, numbered from left to right."""

    def view(number: int, face: Face) -> FaceView:
        measured = evidence.confidence.get(face.id)
        runner_up = measured.runner_up if measured else None
        best = [one] if (one := nearest(evidence.judging((face,)))) is not None else []
        return FaceView(
            id=face.id,
            number=number,
            box=(face.box.x1, face.box.y1, face.box.x2, face.box.y2),
            image_width=face.image_width,
            image_height=face.image_height,
            person=person_view(face.person, policy) if face.person else None,
            confidence=measured.similarity if measured else None,
            margin=measured.margin if measured else None,
            runner_up=person_view(runner_up, policy) if runner_up else None,
            why_unknown=measured.why_unknown if measured else None,
            suggestions=suggestion_views(suggestions(evidence, face), policy, [face]),
            nearest=next(iter(suggestion_views(best, policy, [face])), None),
        )

    ordered = sorted(evidence.faces, key=lambda f: (f.box.x1, f.box.y1, f.id))
    return [view(number, face) for number, face in enumerate(ordered, 1)]


def closest(evidence: Evidence, ruled_out: Collection[str]) -> list[Suggestion]:
    """Everybody who is suggested for one of the faces, closest first, then those whom Immich assigned."""
    found = [one for face in evidence.judged for one in suggestions(evidence, face, ruled_out)]
    found.sort(key=lambda one: one.similarity or 0.0, reverse=True)
    best: dict[str, Suggestion] = {}
    for one in (*found, *assigned(evidence, ruled_out)):
        best.setdefault(one.person.id, one)
    return list(best.values())


def reason_views(reasons: Sequence[Reason]) -> list[ReasonView]:
    """Reasons with their words."""
    return [
        ReasonView(
            code=r.code,
            short=short(r),
            text=sentence(r),
            names=list(r.names),
            numbers={name: float(number) for name, number in r.numbers.items()},
            detail=r.detail,
        )
        for r in reasons
    ]


# --- events ----------------------------------------------------------------------------------


def _event_view(event: Event, filename: str | None, undone_by: int | None) -> EventView:
    """Return an event without what only a machine reads."""
    return EventView(
        id=event.id,
        at=event.at,
        actor=event.actor,
        kind=event.kind,
        photo_id=event.photo_id,
        filename=filename,
        text=event_sentence(event.kind, event.data, filename or ""),
        data={key: value for key, value in event.data.items() if key not in _MACHINE_ONLY},
        undoes=event.undoes,
        undone_by=undone_by,
        undoable=undone_by is None and undoable(event),
    )


def event_views(db: Database, found: Sequence[Event]) -> list[EventView]:
    """Events with the names of their photos, read at once, and what has become of them since."""
    ids = sorted({event.photo_id for event in found if event.photo_id is not None})
    names = {photo.id: shown(photo.original_name) for photo in photos.by_ids(db, ids)}
    return [
        _event_view(event, names.get(event.photo_id or 0), events.undone(db, event.id)) for event in found
    ]


# --- photos on their way ---------------------------------------------------------------------


def in_progress_view(photo: Photo) -> PhotoInProgress:
    """Return a photo that is not sorted yet, and since when it is where it is."""
    since = {State.PLACED: photo.placed_at, State.KNOWN: photo.known_at}.get(photo.state)
    return PhotoInProgress(
        photo_id=photo.id,
        filename=shown(photo.original_name),
        source=photo.source,
        state=photo.state,
        since=since or photo.arrived_at,
        problem=photo.problem,
    )


def health_issue_views(found: Iterable[HealthIssue]) -> list[HealthIssueView]:
    """Return what is in the way."""
    return [
        HealthIssueView(
            kind=t.kind,
            message=one_line(t.message),
            since=t.since,
            severity="notice" if t.notice else "problem",
        )
        for t in found
    ]


def wrong_limit(limit: LimitInForce) -> WrongLimit:
    """The limit of wrong filings with what it leads to."""
    found, seen = limit.outlook, limit.observed
    return WrongLimit(
        max_wrong_per_1000=limit.max_wrong_per_1000,
        min_confidence=found.min_confidence,
        by_hand=limit.by_hand,
        expected=round(found.expected, 2),
        low=round(found.low, 2),
        high=round(found.high, 2),
        certainty=round(100 * found.certainty, 1),
        checked=seen.checked,
        wrong=seen.wrong,
        text=in_words(limit),
    )


def picture_path(photo_id: int, size: str = "thumbnail") -> str:
    """Return where a photo's picture is served."""
    return f"{BASE}/photos/{photo_id}/{size}"
