"""Past photos re-evaluated with other settings: what would move, and the plan that moves them.

The plan changes the settings and moves the photos as one event, and its undo takes both back: settings left
as they were would lead the photos back by and by.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from smartsort.actions.plan import Plan, Waiting, names_in, was_there
from smartsort.actions.undo import album_messages
from smartsort.actions.values import ActionResult
from smartsort.core.decision import decide
from smartsort.core.event_kinds import EventKind
from smartsort.core.model import Decision, Outcome, State
from smartsort.core.person_ref import PersonRef
from smartsort.core.policy import Policy
from smartsort.core.rules.lists import BLACKLISTED_PERSON
from smartsort.core.templates import folders_of
from smartsort.core.what_if import Effect, FolderOf, Move, effect, place_of
from smartsort.core.wording import short
from smartsort.errors import SmartsortError
from smartsort.ledger import decisions
from smartsort.ledger.arrangement import Arrangement
from smartsort.ledger.records import Area, Member, Photo
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.routing.people import People
from smartsort.ports import Measuring


class AdjustableSettings(Protocol):
    """What a plan needs of `smartsort.runtime_settings`."""

    def change(self, values: Mapping[str, Any], lists: Mapping[str, Sequence[PersonRef]], actor: str) -> None:
        """Change settings and lists for good."""
        ...

    def snapshot(self) -> dict[str, Any]:
        """Return what was changed at run time, as plain values."""
        ...

    def matches(self, snapshot: Mapping[str, Any], *, exactly: bool = False) -> bool:
        """Return True when nobody has changed anything since.

        `exactly`: nor has smartsort adjusted anything.
        """
        ...

    def restore(self, snapshot: Mapping[str, Any], actor: str) -> None:
        """Make settings and lists what they were."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """Other settings: the policy they amount to, and what is to be changed for it."""

    policy: Policy
    values: Mapping[str, Any]
    lists: Mapping[str, Sequence[PersonRef]]


class Reevaluation:
    """Judges past photos from what the ledger knows. `measure` None: nobody tells how sure a match is."""

    def __init__(self, context: Context, people: People, measure: Measuring | None) -> None:
        self._context, self._people, self._measure = context, people, measure

    async def effect(self, policy: Policy, since: str) -> Effect:
        """Return what a policy would do to the photos that came to where they are since then.

        Changes nothing.
        """
        people = {p.id: p for p in self._people.known}
        ambiguous = self._people.ambiguous
        return await self._context.ledger.aread(
            lambda db: effect(
                decisions.since(db, since, people), policy, ambiguous, folder_of=self._context.person_folder
            )
        )

    async def measured(self, moves: Sequence[Move], policy: Policy) -> list[Move]:
        """The moves that are left once those that would be filed unmeasured are measured: one call each."""
        found: list[Move] = []
        for move in moves:
            if not move.moves:
                continue
            one = await self._measured_one(move, policy) if move.unmeasured else move
            if one is not None:
                found.append(one)
        return found

    async def _measured_one(self, move: Move, policy: Policy) -> Move | None:
        photo_id = move.photo_id
        row = await self._context.ledger.aread(
            lambda db: db.conn.execute("SELECT asset_id FROM photos WHERE id = ?", (photo_id,)).fetchone()
        )
        if self._measure is None or row is None or row[0] is None:
            return move
        evidence = await self._measure.complete(row[0], move.evidence, policy, self._people.ambiguous)
        decision = decide(evidence, policy, self._people.ambiguous)
        after = place_of(decision, self._context.person_folder)
        if after == move.before:
            return None
        return replace(move, evidence=evidence, decision=decision, after=after)


def planner(context: Context, moves: Sequence[Move]) -> Callable[[Photo, Arrangement], Plan | ActionResult]:
    """Return how each of the photos goes where it belongs now."""
    by_photo = {move.photo_id: move for move in moves}

    def plan(photo: Photo, before: Arrangement) -> Plan | ActionResult:
        move = by_photo.get(photo.id)
        if move is None:
            why = f"photo {photo.id} stays where it is, now that it was measured"
            return ActionResult(photo.id, "failed", problem=why, code="nothing_to_do")
        return reevaluated(photo, before, move, context)

    return plan


def reevaluated(
    photo: Photo,
    before: Arrangement,
    move: Move,
    context: Context,
    kind: EventKind = EventKind.REEVALUATED,
) -> Plan | ActionResult:
    """Plan a re-evaluation: the photo gets the names of its new decision and loses the others."""
    decision = move.decision
    plan = Plan(photo, before, kind, kind.value)
    if decision.outcome is Outcome.SKIPPED:
        return plan.failed("nothing_to_do", f"photo {photo.id} is a duplicate and stays where it is")
    plan.waiting = Waiting(decision, move.evidence)
    plan.data = {
        "from": photo.state.value,
        "outcome": decision.outcome.value,
        "category": decision.category.value if decision.category else None,
        "people": [p.name for p in decision.people],
        "reason": short(decision.reason),
        "way": move.way,
    }
    if decision.outcome is Outcome.SORTED:
        _file(plan, decision, context.person_folder)
    else:
        _ask(plan, decision)
    _tell_immich(plan, decision, context)
    return plan


def _file(plan: Plan, decision: Decision, folder_of: FolderOf) -> None:
    photo, before = plan.photo, plan.before
    people = folders_of(decision.folders, decision.people, folder_of)
    filed = [n for n in before.names if n.area is Area.FACES]
    there = {os.path.dirname(n.path) for n in filed if n.member is Member.PHOTO}
    for folder, person in people.items():
        if folder not in there:
            person_id = person.id if person else None
            plan.planned += names_in(photo, before.names, Area.FACES, folder, person_id=person_id)
    plan.removes = [n for n in filed if os.path.dirname(n.path) not in people]
    plan.removes += [n for n in before.names if n.area is Area.REVIEW]
    first = decision.people[0]
    plan.person = first.name
    plan.withdrawn = photo.state is State.REVIEW
    plan.values = {
        "state": State.FILED.value,
        "category": None,
        "person_id": first.id,
        "person_name": first.name,
        "auto_sorted": 1,
        "faces_detected": decision.faces_detected,
    }


def _ask(plan: Plan, decision: Decision) -> None:
    photo, before = plan.photo, plan.before
    category = decision.category
    if category is None:
        raise SmartsortError(f"photo {photo.id} waits for no reason. Please report it")
    plan.planned = names_in(photo, before.names, Area.REVIEW, category.value, prefix=decision.prefix)
    plan.removes = [n for n in before.names if n.area in (Area.FACES, Area.REVIEW)]
    plan.values = {
        "state": State.REVIEW.value,
        "category": category.value,
        "person_id": None,
        "person_name": None,
        "auto_sorted": 0,
        "faces_detected": decision.faces_detected,
    }


def _tell_immich(plan: Plan, decision: Decision, context: Context) -> None:
    photo, before, tuning = plan.photo, plan.before, context.tuning
    if photo.asset_id is None:
        return
    names = frozenset(person.name for person in decision.people)
    own = names if tuning.album_per_person else before.albums & names
    plan.messages += album_messages(photo.asset_id, before, own.union(decision.albums))
    if was_there(before.names):
        return  # where it shows in Immich is the user's own choice
    unwanted = tuning.archive_unwanted and decision.reason.code == BLACKLISTED_PERSON.code
    visibility = "archive" if unwanted else "timeline"
    if before.visibility != visibility:
        plan.messages.append(("visibility", {"asset_id": photo.asset_id, "visibility": visibility}))
