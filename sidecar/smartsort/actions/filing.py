"""Filing as a plan for each of many photos: whom it is taken for, and whether it was asked for at all."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlite_utils import Database

from smartsort.actions.decide import file_under
from smartsort.actions.person_resolver import TargetPerson, resolve
from smartsort.actions.plan import LibraryFolder, Plan, in_library
from smartsort.actions.values import ActionRefused, ActionResult, PersonSelector
from smartsort.core.decision import decide
from smartsort.core.filing_rules import Filed, Seen
from smartsort.core.marks import marked
from smartsort.core.model import BulkKind, Evidence, Person, Suggestion
from smartsort.core.naming import shard_folder
from smartsort.core.policy import Policy
from smartsort.core.rules import RULES
from smartsort.core.suggestion import ACCEPTED, ACCEPTED_MARGIN, likeliest, nearest, surely
from smartsort.ledger import shards
from smartsort.ledger.arrangement import Arrangement
from smartsort.ledger.records import Photo, origin_of
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.routing.people import People

_KINDS = {reason.code: rule.bulk for rule in RULES if rule.bulk for reason in rule.reasons}
"""By the code of the reason for which a photo waits."""


@dataclass(frozen=True, slots=True)
class Filing:
    """An approval of photos. `targets` None: each under its suggested person, `include` None: all kinds."""

    context: Context
    people: People
    actor: str
    known: Sequence[Person] | None
    targets: tuple[TargetPerson, ...] | None
    evidence: Mapping[int, Evidence]
    faces: Mapping[int, str]
    """Which face of a photo is the first person's, where that is not obvious."""
    include: Collection[BulkKind] | None
    shard: int | None
    """Where photos that were never placed get their place (`open_shard`)."""
    _kinds: dict[int, frozenset[BulkKind]] = field(default_factory=dict)

    def plan(self, photo: Photo, before: Arrangement) -> Plan | ActionResult:
        """Return what becomes of one photo, or why it is left as it is."""
        left_out = sorted(self.kinds(photo.id) - set(self.include)) if self.include is not None else ()
        if left_out:
            why = f"photo {photo.id} is left out. Include {' and '.join(left_out)} to approve it too"
            return ActionResult(photo.id, "excluded", problem=why, code="excluded")
        targets = self.targets if self.targets is not None else self._suggested(photo, before)
        if isinstance(targets, ActionResult):
            return targets
        context = self.context
        return file_under(
            photo,
            before,
            targets,
            self.actor,
            into=self.filed(photo, before, targets),
            at=context.clock.text(),
            face_id=self.faces.get(photo.id),
            albums=context.tuning.album_per_person,
            library_folder=self._library_folder(photo, before),
        )

    def filed(self, photo: Photo, before: Arrangement, targets: Sequence[TargetPerson]) -> Filed:
        """Return where a photo goes that a human files under these people."""
        known = self.evidence.get(photo.id, Evidence())
        evidence = replace(marked(known), taken=photo.taken_at, origin=origin_of(photo, before.names))
        born = {person.id: person for person in self.known or ()}
        people = [born.get(t.id or "", Person(t.id or "", t.name)) for t in targets]
        return self.context.policy().filing.filed(Seen.by_hand(people, evidence))

    def _library_folder(self, photo: Photo, before: Arrangement) -> LibraryFolder | None:
        """Return the place of a photo that is kept from Immich only because smartsort could not read it."""
        evidence = self.evidence.get(photo.id)
        never_placed = photo.sha256 is not None and not in_library(before.names)
        if self.shard is None or evidence is None or evidence.unreadable is None or not never_placed:
            return None
        layout = self.context.layout
        folder = layout.own_library_folder(shard_folder(self.shard), photo.sha256 or "")
        return LibraryFolder(self.shard, os.path.relpath(folder, layout.library))

    def kinds(self, photo_id: int) -> frozenset[BulkKind]:
        """Return what makes a photo one of those that are not approved unless they are asked for."""
        if photo_id not in self._kinds:
            policy = self.context.policy()
            evidence = self.evidence.get(photo_id)
            decision = decide(evidence, policy, self.people.ambiguous) if evidence is not None else None
            reasons = decision.reasons if decision is not None else ()
            found = {_KINDS[reason.code] for reason in reasons if reason.code in _KINDS}
            if self.targets is None and decision is not None and decision.suggested is not None:
                strangers = [r for r in reasons if _KINDS.get(r.code) is BulkKind.STRANGERS]
                if all(reason.numbers.get("faces") == 1 for reason in strangers):
                    found.discard(BulkKind.STRANGERS)  # a measurement says whose face it is
            self._kinds[photo_id] = frozenset(found | set(_targets(self.targets or (), policy)))
        return self._kinds[photo_id]

    def with_kinds(self, one: ActionResult) -> ActionResult:
        """Return the answer with the photo's kinds, for the counts of a preview."""
        return replace(one, kinds=self.kinds(one.photo_id))

    def _suggested(self, photo: Photo, before: Arrangement) -> tuple[TargetPerson, ...] | ActionResult:
        evidence = self.evidence.get(photo.id, Evidence())
        found = surely(evidence, self.context.policy(), before.ruled_out)
        if found is None:
            best = likeliest(evidence, before.ruled_out) or nearest(evidence, before.ruled_out)
            guess = "" if best is None else f". {best.person.name} is {_how_sure(best)}"
            why = f"photo {photo.id} has no suggested person{guess}. Name the person."
            return ActionResult(photo.id, "failed", problem=why, code="no_suggestion")
        try:
            choice = PersonSelector(name=found.person.name, id=found.person.id)
            return resolve([choice], self.known, self.context)
        except ActionRefused as problem:
            return ActionResult(photo.id, "failed", problem=str(problem), code=problem.code)


def _how_sure(best: Suggestion) -> str:
    similarity = f"similarity {best.similarity:.2f}"
    if best.margin is not None and best.margin < ACCEPTED_MARGIN:
        return f"too near to the next person ({similarity}, {best.margin:.2f} apart)"
    if (best.similarity or 0.0) >= ACCEPTED:
        return f"close ({similarity}), but the photo waits for another reason"
    return f"too unlike ({similarity})"


def _targets(targets: Iterable[TargetPerson], policy: Policy) -> Iterable[BulkKind]:
    for target in targets:
        person = Person(target.id or "", target.name)
        if policy.blacklisted(person):
            yield BulkKind.BLACKLISTED
        elif policy.whitelist and not policy.wanted(person):
            yield BulkKind.NOT_WHITELISTED


async def open_shard(context: Context, evidence: Mapping[int, Evidence]) -> int | None:
    """Return the shard for photos of which one could not be read, None where all could.

    It is the newest that Immich has a library for, and the open one before Immich has any.
    """
    if all(found.unreadable is None for found in evidence.values()):
        return None

    def number(db: Database) -> int:
        known = [shard.number for shard in shards.shards(db) if shard.library_id is not None]
        return known[-1] if known else shards.open_shard(db, context.tuning.shard_size).number

    return await context.ledger.awrite(number)
