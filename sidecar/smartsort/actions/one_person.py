"""Saying that the faces of a person who seems to be two people are one person's, and taking that back."""

from __future__ import annotations

from typing import Any

from sqlite_utils import Database

from smartsort.actions.values import NotMixed
from smartsort.core.event_kinds import EventKind
from smartsort.ledger import embeddings, events
from smartsort.ledger.records import Event, NewEvent


def say(db: Database, person_id: str, actor: str, at: str) -> int:
    """Remember it of the faces that were shown. Return the event. Inside a write transaction.

    It holds for these faces under whatever name Immich keeps them. Raises NotMixed for a person who is
    not taken for two.
    """
    row = next((one for one in embeddings.mixed_people(db) if one.person_id == person_id), None)
    if row is None:
        raise NotMixed(f"the person {person_id} is not taken for two people. There is nothing to say")
    said = {"id": person_id, "name": row.name, "groups": row.groups, "said": True}
    return _write(db, NewEvent(EventKind.ONE_PERSON, data={"one_person": said}, actor=actor), at)


def take_back(db: Database, event: Event, actor: str, at: str) -> int:
    """Take that back, or an undo of it. Return the event. Inside a write transaction."""
    said = event.data["one_person"]
    data: dict[str, Any] = {"what": EventKind.UNDONE, "photos": 0}
    data["one_person"] = {**said, "said": not said["said"]}
    return _write(db, NewEvent(EventKind.BULK_ACTION, data=data, actor=actor, undoes=event.id), at)


def _write(db: Database, event: NewEvent, at: str) -> int:
    said = event.data["one_person"]
    embeddings.set_groups(db, said["id"], None if said["said"] else embeddings.groups_of(said["groups"]))
    [event_id] = events.append(db, [event], at)
    return event_id
