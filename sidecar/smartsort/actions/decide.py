"""What approving, re-filing, rejecting and skipping mean for one photo: plans, without doing anything."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from datetime import datetime

from smartsort.actions.person_resolver import TargetPerson
from smartsort.actions.plan import LibraryFolder, Plan, names_in, names_on, was_there
from smartsort.actions.undo import album_messages
from smartsort.actions.values import ActionResult
from smartsort.core.event_kinds import EventKind
from smartsort.core.filing_rules import Filed
from smartsort.core.model import State
from smartsort.core.templates import folders_of
from smartsort.files.media import Kind
from smartsort.ledger.arrangement import Arrangement
from smartsort.ledger.records import Area, Member, Photo


def file_under(
    photo: Photo,
    before: Arrangement,
    people: Sequence[TargetPerson],
    actor: str,
    *,
    into: Filed,
    at: str,
    face_id: str | None,
    albums: bool,
    library_folder: LibraryFolder | None = None,
) -> Plan | ActionResult:
    """File a photo under people, from the review queue or from other people's folders.

    A photo that smartsort could not read gets its `library_folder` as all others have: a
    human knows better. A duplicate is filed as a file of its own: Immich would make a second asset of a
    second copy, and linking the first copy would tie two photos together that may be rejected one by one.
    `into` says which folders and albums.
    """
    if library_folder is not None and photo.media_kind not in _SHOWN_BY_IMMICH:
        problem = before.review["reason"] if before.review else "it is neither"
        why = f"photo {photo.id} cannot be filed, for Immich takes pictures and videos only: {problem}"
        return ActionResult(photo.id, "failed", problem=why, code="not_a_photo")
    again = photo.state is State.FILED
    kind = EventKind.REFILED if again else EventKind.APPROVED
    plan = Plan(photo, before, kind, kind.value)
    folders = folders_of(into.folders, people, lambda target: target.folder)
    filed = [n for n in before.names if n.area is Area.FACES]
    there = {os.path.dirname(n.path) for n in filed if n.member is Member.PHOTO}
    # In a folder that people share, another person changes no name.
    same = any(folders.values()) or (photo.person_name, len(people)) == (people[0].name, 1)
    if again and same and there == folders.keys() and library_folder is None:
        return plan.failed("nothing_to_do", f"photo {photo.id} is filed there already")
    if library_folder is not None:
        plan.planned += names_on(library_folder, photo, before.names)
    for folder, target in folders.items():
        if folder not in there:
            person_id = target.id if target else None
            plan.planned += names_in(photo, before.names, Area.FACES, folder, person_id=person_id)
    leaving = [n for n in filed if os.path.dirname(n.path) not in folders]
    plan.removes = [*leaving, *(n for n in before.names if n.area is Area.REVIEW)]
    first = people[0]
    plan.person = first.name
    plan.values = {
        "state": State.FILED.value,
        "category": None,
        "person_id": first.id,
        "person_name": first.name,
        "auto_sorted": 0,
        "routed_at": at,
        "problem": None,
    }
    if library_folder is not None:
        plan.values |= {"shard": library_folder.number, "placed_at": at}
        plan.messages.append(("revive", {}))
    if not again:
        plan.closed = ("approved", actor)
    chosen = {target.id for target in people if target.id}
    were = {
        n.person_id: photo.person_name or "" for n in leaving if n.person_id and n.person_id not in chosen
    }
    if again and photo.person_id and photo.person_id not in chosen and not any(n.person_id for n in filed):
        were[photo.person_id] = photo.person_name or ""
    plan.ruled_out = {i: name for i, name in {**before.ruled_out, **were}.items() if i not in chosen}
    plan.data = {
        "from": photo.state.value,
        "category": photo.category.value if photo.category else None,
        "reason": before.review["reason"] if before.review and not again else None,
        "people": [target.name for target in people],
        "was": photo.person_name,
        "wrong": again and photo.auto_sorted,
    }
    assign_faces(plan, people, sorted(were), face_id=face_id, albums=albums, into=into.albums)
    return plan


_SHOWN_BY_IMMICH = frozenset({Kind.IMAGE, Kind.RAW, Kind.VIDEO})


def assign_faces(
    plan: Plan,
    people: Sequence[TargetPerson],
    instead: list[str],
    *,
    face_id: str | None,
    albums: bool,
    into: Sequence[str] = (),
) -> None:
    """Plan what Immich shall learn from it."""
    photo, before = plan.photo, plan.before
    new = "shard" in plan.values
    if photo.asset_id is None and not new:
        return
    names = frozenset(target.name for target in people)
    wanted = (names if albums else before.albums & names).union(into)
    plan.messages += album_messages(photo.asset_id, before, wanted)
    if before.visibility != "timeline":
        plan.messages.append(("visibility", {"asset_id": photo.asset_id, "visibility": "timeline"}))
    act = secrets.token_hex(8)
    teach = [
        {
            "face": face_id if number == 0 else None,
            "person": target.id,
            "name": target.name,
            "create": target.create,
            "instead": instead,
            "people": [each.id for each in people],
            **({"wait": True} if new else {}),
        }
        for number, target in enumerate(people)
    ]
    plan.messages += [("assign_face", {**message, "act": act}) for message in teach]
    plan.data |= {"act": act, "teach": teach}


def reject(
    photo: Photo,
    before: Arrangement,
    actor: str,
    *,
    now: datetime,
    at: str,
    kind: EventKind = EventKind.REJECTED,
) -> Plan:
    """Plan a rejection: the bytes go to the trash, out of Immich's sight. Every other name goes.

    A photo that was in Immich before stays where it is. Only its links go, and they do not come again.
    """
    plan = Plan(photo, before, kind, "rejected")
    stays = was_there(before.names)
    if not stays:
        plan.planned = names_in(photo, before.names, Area.TRASH, now.strftime("%Y-%m"))
    plan.removes = [n for n in before.names if n.area not in (Area.TRASH, Area.ORIGINAL)]
    plan.filed = not stays
    plan.values = {
        "state": State.OBSERVED.value if stays else State.REJECTED.value,
        "category": None,
        "person_id": None,
        "person_name": None,
        "auto_sorted": 0,
        "trashed_at": None if stays else at,
        "problem": None,
    }
    if photo.state is State.REVIEW:
        plan.closed = ("rejected", actor)
    plan.data = {
        "from": photo.state.value,
        "category": photo.category.value if photo.category else None,
        "reason": before.review["reason"] if before.review and photo.state is State.REVIEW else None,
        "was": photo.person_name,
    }
    return plan


def defer(photo: Photo, before: Arrangement) -> Plan:
    """Nothing changes but the place in the queue: after all others."""
    return Plan(photo, before, EventKind.DEFERRED, "skipped", deferred=True, filed=False)
