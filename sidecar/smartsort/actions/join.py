"""Joining what came later to the photo it belongs to, and taking that back.

What was taken over lies in `temp_downloads/` as a name of the photo. It gets a name beside each name the
photo has: in the library, under people, in review.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from smartsort.actions.plan import Plan, PlannedName, source_of
from smartsort.core.event_kinds import EventKind
from smartsort.core.model import State
from smartsort.files.names import ANY_NAME
from smartsort.files.shown import shown
from smartsort.ledger.arrangement import Arrangement
from smartsort.ledger.records import Area, Event, Member, Name, Photo
from smartsort.ledger.shots import Split, companions_of
from smartsort.pipeline.recovery.claimed import own_name, temp_name

HALVES = (Member.RAW, Member.VIDEO)


def waiting(before: Arrangement) -> list[Name]:
    """Return the names of a photo at rest that are still to be joined."""
    return [n for n in before.names if n.area is Area.TEMP and n.member is not Member.PHOTO]


def join(photo: Photo, before: Arrangement) -> Plan:
    """Give what came later a name wherever the photo has one."""
    late = waiting(before)
    plan = Plan(photo, before, EventKind.JOINED, "joined", filed=False, removes=late)
    plan.planned = [planned for name in late for planned in beside(before, before.names, name)]
    plan.data = {
        "joined": companions_of(photo.original_name, late),
        "members": [name.member.value for name in late],
    }
    return plan


def fold(half: Photo, before: Arrangement, picture: Photo, heir: Name) -> Plan:
    """End a half that is part of its picture now. Its bytes live on there."""
    plan = Plan(half, before, EventKind.FOLDED, "folded", filed=False, withdrawn=True, heir=heir)
    plan.removes = list(before.names)
    # Its digest is that of the half of the picture now, and says nothing about a photo that is gone.
    plan.values = {"state": State.PURGED.value, "category": None, "problem": None, "sha256": None}
    plan.data = {"into": picture.id, "name": shown(picture.original_name)}
    return plan


def beside(before: Arrangement, wanted: Sequence[Name], companion: Name) -> list[PlannedName]:
    """Return the names that a companion still needs to stand beside each of the photo's `wanted` names."""
    there = {(n.area, os.path.dirname(n.path)) for n in before.names if n.member is companion.member}
    planned = []
    for own in wanted:
        place = (own.area, os.path.dirname(own.path))
        if own.member is Member.PHOTO and own.area is not Area.TEMP and place not in there:
            there.add(place)
            planned.append(PlannedName(*place, companion, None, own.person_id))
    return planned


def apart(photo: Photo, now: Arrangement, event: Event) -> Plan | None:
    """Take a joining back: each half goes on as a photo of its own. None when it is no part any more."""
    members = [member for member in HALVES if member.value in event.data["members"]]
    plan = Plan(photo, now, EventKind.UNDONE, "undone", filed=False, undoes=event.id, data={"of": event.kind})
    for member in members:
        source = source_of(now.names, member)
        if source is None:
            continue
        own = os.path.basename(source.path) if source.area is not Area.TEMP else own_name(source)
        plan.planned.append(PlannedName(Area.TEMP, "", source, temp_name(photo.id, member, own, ANY_NAME)))
        plan.removes += [n for n in now.names if n.member is member and n.area is not Area.TEMP]
    if not plan.planned:
        return None
    plan.splits = True
    plan.data["split"] = [planned.source.member.value for planned in plan.planned]
    return plan


def splits_of(plan: Plan) -> list[Split]:
    """Return the halves that become photos of their own once the plan is carried out."""
    reason = "a human said that they do not belong together"
    return [Split(plan.photo, name, own_name(name), reason) for _, name in plan.placed]
