"""The actions, as the HTTP API and the command line call them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlite_utils import Database

from smartsort.actions import feedback, one_person
from smartsort.actions import follow as following
from smartsort.actions import undo as undoing
from smartsort.actions.acting import Agreed
from smartsort.actions.backfill import Backfilling
from smartsort.actions.copies import LAST_COPY, last_copies
from smartsort.actions.decide import defer, reject
from smartsort.actions.deletions import Deleting
from smartsort.actions.faces import FaceActions
from smartsort.actions.filing import Filing, open_shard
from smartsort.actions.person_resolver import known_people, resolve
from smartsort.actions.plan import Plan
from smartsort.actions.reevaluate import Wanted, planner
from smartsort.actions.relink import Relinking
from smartsort.actions.values import (
    NOT_TO_BE_DONE,
    ActionRefused,
    ActionResult,
    AmbiguousName,
    Batch,
    PersonSelector,
    UnknownPerson,
)
from smartsort.core.decision import decide
from smartsort.core.event_kinds import EventKind
from smartsort.core.model import BulkKind, Evidence, Person, SortedBefore, State
from smartsort.core.reasons import SORTED_BEFORE
from smartsort.core.templates import parse
from smartsort.core.what_if import Move
from smartsort.core.wording import sentence
from smartsort.ledger import photos
from smartsort.ledger.arrangement import Arrangement
from smartsort.ledger.records import Name, Photo
from smartsort.pipeline.recheck.renames import Renamed


class Actions(FaceActions, Deleting, Backfilling):
    """What a human does to photos. All calls take photo ids. `actor` is who did it, for the history.

    A call changes each photo whole or not at all. Photos that somebody else has changed meanwhile, whose
    files were changed by hand or that storage refuses stay as they are and say so. The others go on. What
    Immich has to hear waits in the outbox. `agreed` are the versions of a dry run: then only photos that
    are as they were in it are touched. Raises ActionRefused when the call makes sense for no photo,
    RootUnavailable when the folders are not there.
    """

    # --- review ------------------------------------------------------------------------------

    async def approve(
        self,
        photo_ids: Sequence[int],
        people: Sequence[PersonSelector],
        actor: str,
        *,
        face_id: str | None = None,
        faces: Mapping[int, str] | None = None,
        expect: Sequence[State] = (State.REVIEW,),
        include: Collection[BulkKind] | None = None,
        dry_run: bool = False,
        agreed: Agreed | None = None,
        group: int | None = None,
    ) -> Batch:
        """File photos under one or several people, under their original names.

        Without `people` each photo's suggested person is taken, when a measurement backs it. `face_id` tells
        which face is the first person's, where that is not obvious. `faces` does so by photo. With `include`
        photos of other kinds are left out. Raises UnknownPerson, AmbiguousName, ActionRefused.
        """
        known = await known_people(self._people)
        targets = resolve(people, known, self._context) if people else None
        async with self._lock:
            ids = list(dict.fromkeys((*photo_ids, *(agreed or ()))))
            evidence = await self._context.ledger.aread(lambda db: _evidence(db, ids))
            chosen = dict(faces or {})
            if face_id is not None:
                if len(ids) != 1:
                    raise ActionRefused("a face belongs to one photo. Approve that one alone")
                chosen[ids[0]] = face_id
            _check_faces(chosen, evidence)
            shard = await open_shard(self._context, evidence)
            filing = Filing(
                self._context, self._people, actor, known, targets, evidence, chosen, include, shard
            )
            batch = await self._act(
                photo_ids, filing.plan, actor, expect, dry_run=dry_run, agreed=agreed, group=group
            )
        return replace(batch, results=tuple(filing.with_kinds(one) for one in batch))

    async def refile(
        self,
        photo_ids: Sequence[int],
        people: Sequence[PersonSelector],
        actor: str,
        *,
        face_id: str | None = None,
        dry_run: bool = False,
    ) -> Batch:
        """File photos under other people than they are filed under. An automatic filing counts as wrong.

        Raises UnknownPerson, AmbiguousName.
        """
        if not people:
            raise ActionRefused("name the person to file the photos under")
        return await self.approve(
            photo_ids, people, actor, face_id=face_id, expect=(State.FILED,), dry_run=dry_run
        )

    async def file_as_said(self, said: Mapping[int, SortedBefore], group: int) -> None:
        """File photos that smartsort holds already as a user's folders say. `group`: that adoption's event.

        The rules decide as for photos that come from there. What a human has decided stays.
        """

        def look(db: Database) -> tuple[list[Photo], dict[int, Evidence], dict[int, list[Name]]]:
            ids = list(said)
            return photos.by_ids(db, ids), _evidence(db, ids), photos.names_of(db, ids)

        rows, evidence, names = await self._context.ledger.aread(look)
        policy, ambiguous = self._context.policy(), self._people.ambiguous
        wanted: dict[SortedBefore, list[int]] = {}
        for photo in rows:
            one, filed = said[photo.id], {name.person_id for name in names[photo.id]}
            open_ = photo.state is State.REVIEW or (photo.state is State.FILED and photo.auto_sorted)
            if not open_ or photo.id not in evidence or filed.issuperset(p.id for p in one.people):
                continue
            decision = decide(replace(evidence[photo.id], sorted_before=one), policy, ambiguous)
            if decision.reason.code == SORTED_BEFORE.code:
                wanted.setdefault(one, []).append(photo.id)
        for one, ids in wanted.items():
            people = [PersonSelector(p.name, p.id or None, create=not p.id) for p in one.people]
            await self.approve(ids, people, one.by, expect=(State.REVIEW, State.FILED), group=group)

    async def reject(
        self,
        photo_ids: Sequence[int],
        actor: str,
        *,
        expect: Sequence[State] = (State.REVIEW,),
        dry_run: bool = False,
        agreed: Agreed | None = None,
    ) -> Batch:
        """Move photos to the trash, where they stay for the retention time. Immich takes them offline.

        A duplicate whose other copy is gone or damaged by now is left waiting for that reason.
        """
        now = self._context.clock.now().astimezone()
        at = self._context.clock.text()

        async with self._lock:
            ids = list(photo_ids if agreed is None else agreed)
            last = await asyncio.to_thread(last_copies, self._context, ids, self._people.ambiguous)

            def plan(photo: Photo, before: Arrangement) -> Plan | ActionResult:
                if photo.id not in last:
                    return reject(photo, before, actor, now=now, at=at)
                why = f"photo {photo.id} may be the last copy: {sentence(last[photo.id][1].reason)}"
                return ActionResult(photo.id, "failed", problem=why, code="changed_by_hand")

            if not dry_run:
                await self._context.commit([change for change, _ in last.values()])
            return await self._act(photo_ids, plan, actor, expect, dry_run=dry_run, agreed=agreed)

    async def skip(
        self, photo_ids: Sequence[int], actor: str, *, dry_run: bool = False, agreed: Agreed | None = None
    ) -> Batch:
        """Leave photos for later: they are listed after all others."""
        async with self._lock:
            return await self._act(photo_ids, defer, actor, (State.REVIEW,), dry_run=dry_run, agreed=agreed)

    async def confirm(self, photo_ids: Sequence[int], actor: str) -> Batch:
        """Say that automatic filings are right: nothing moves, and galleries use the faces from now on."""
        async with self._lock:
            return await self._act(photo_ids, feedback.confirm, actor, (State.FILED,), dry_run=False)

    async def rule_out(
        self, photo_id: int, person: PersonSelector | None, actor: str, *, face_id: str | None = None
    ) -> Batch:
        """Say whom a waiting photo does not show (None: whoever is suggested).

        They are never suggested for it again and it is never filed under them. Faces like it reach less for
        them. Immich is told nothing. Raises UnknownPerson, AmbiguousName, ActionRefused.
        """
        known = await known_people(self._people) or ()
        async with self._lock:
            last = await self._context.ledger.aread(lambda db: photos.last_decision(db, photo_id))
            evidence: Evidence = last[4] if last else Evidence()
            found = feedback.person_to_rule_out(evidence, self._whom(person, evidence, known), face_id)
            if isinstance(found, str):
                raise ActionRefused(f"photo {photo_id}: {found}")
            after = feedback.without(evidence, found)
            decision = decide(after, self._context.policy(), self._people.ambiguous)

            def plan(photo: Photo, before: Arrangement) -> Plan | ActionResult:
                return feedback.rule_out(photo, before, found, after, decision)

            return await self._act([photo_id], plan, actor, (State.REVIEW,), dry_run=False)

    def _whom(
        self, choice: PersonSelector | None, evidence: Evidence, known: Sequence[Person]
    ) -> Person | None:
        """Return the person to rule out: those on the photo or suggested for it first, then everybody."""
        if choice is None:
            return None
        close = [f.person for f in evidence.judged if f.person is not None]
        close += [s.person for each in evidence.suggestions.values() for s in each]
        for people in (close, known):
            found = {p.id: p for p in feedback.one_of(people, choice.name, choice.id)}
            if len(found) > 1:
                ids = {i: p.name for i, p in found.items()}
                listed = ", ".join(f"{p.name} ({i})" for i, p in found.items())
                raise AmbiguousName(f"{len(ids)} people are called {choice.name}: {listed}. Give an id", ids)
            if found:
                return next(iter(found.values()))
        raise UnknownPerson(f"Immich has no person called {choice.name or choice.id}. Check the spelling")

    # --- other settings ----------------------------------------------------------------------

    async def foresee(self, moves: Sequence[Move], actor: str) -> Batch:
        """Return what `reevaluate` would do to these photos."""
        ids = [move.photo_id for move in moves if move.moves]
        plan = planner(self._context, moves)
        async with self._lock:
            return await self._act(ids, plan, actor, (State.FILED, State.REVIEW), dry_run=True)

    async def reevaluate(self, wanted: Wanted, since: str, actor: str, agreed: Agreed | None = None) -> Batch:
        """Change settings for good and move the past photos they are about. One event takes back both.

        `since` is a ledger time. What a human has decided stays. A photo that would be filed and was never
        measured costs one call to the machine learning service. With `agreed` (of `foresee`) only photos
        are moved that still go where they were to go.
        """
        if self._settings is None:
            raise ActionRefused("these settings cannot be changed at run time")
        async with self._lock:
            found = await self.past.effect(wanted.policy, since)
            moves = await self.past.measured(found.moves, wanted.policy)
            before = self._settings.snapshot()
            await asyncio.to_thread(self._settings.change, wanted.values, wanted.lists, actor)
            settings = {"before": before, "after": self._settings.snapshot()}
            data = {"what": EventKind.REEVALUATED, "photos": len(moves), "settings": settings}
            group = await self._group(data, actor, None)
            ids = [move.photo_id for move in moves]
            plan = planner(self._context, moves)
            states = (State.FILED, State.REVIEW)
            batch = await self._act(ids, plan, actor, states, dry_run=False, agreed=agreed, group=group)
            self._context.wakeups.notify_all()
            return Batch(batch.results, group)

    async def relink(self, actor: str, *, dry_run: bool = False, agreed: Agreed | None = None) -> Batch:
        """Move filed photos to where the template and the filing rules put them now. One event takes it back.

        Photos go on arriving meanwhile: the folders are theirs for a portion at a time.
        """
        if agreed is None and not dry_run:
            agreed = (await self.relink(actor, dry_run=True)).versions
        total = sum(version != NOT_TO_BE_DONE for version in (agreed or {}).values())
        relinking = await asyncio.to_thread(Relinking, self._context, await known_people(self._people) or ())
        results: list[ActionResult] = []
        group: int | None = None
        after: int | None = 0
        while after is not None:
            ids, after = await asyncio.to_thread(relinking.moving, after)
            seen = None if agreed is None else {i: agreed[i] for i in ids if i in agreed}
            async with self._lock:
                if group is None and total > 1:
                    data = {"what": EventKind.RELINKED, "photos": total}
                    group = await self._group(data, actor, None)
                results += await self._act(
                    ids, relinking.plan, actor, (State.FILED,), dry_run=dry_run, agreed=seen, group=group
                )
        return Batch(tuple(results), group)

    # --- people ------------------------------------------------------------------------------

    async def one_person(self, person_id: str, actor: str) -> int:
        """Say that a person who seems to be two people is one. The event, which can be undone.

        Photos that wait for this are judged again. Raises NotMixed for somebody else.
        """
        at = self._context.clock.text()
        async with self._lock:
            return await self._context.ledger.awrite(lambda db: one_person.say(db, person_id, actor, at))

    async def follow(self, renamed: Renamed, actor: str = "smartsort") -> Batch:
        """Move a person's photos into the folder of the new name. One event takes it back."""
        results: list[ActionResult] = []
        group: int | None = None
        async with self._lock:
            after = 0
            while found := await self._context.ledger.aread(
                lambda db, i=after: following.filed_there(db, renamed, i)  # type: ignore[misc]
            ):
                after = found[-1][0].id
                if group is None:
                    data = {"what": EventKind.RENAMED, "was": renamed.was, "person": renamed.name}
                    group = await self._group(data, actor, None)
                template = parse(self._context.policy().template)
                plans = [following.follow(photo, before, renamed, template) for photo, before in found]
                results += await self._rearrange.run(plans, actor, group)
        return Batch(tuple(results), group)

    # --- retention ---------------------------------------------------------------------------

    async def purge_expired(
        self,
        retention_days: float,
        now: datetime | None = None,
        limit: int = 500,
        *,
        ran_before: float | None = None,
    ) -> list[ActionResult]:
        """Remove for good what has been in the trash for longer than `retention_days`. Not undoable.

        The digests stay known, so that the same file is recognised when it comes again. At most `limit`
        photos. Call again while it returns as many. What turns out to be the last copy goes back to where
        it was: it was put away because of another copy, which is gone or damaged by now. `ran_before` leaves
        out photos that came when smartsort had run for longer, in seconds.
        """
        async with self._lock:
            now = now or self._context.clock.now()
            results = await self._purge.run(retention_days, now, limit, ran_before)
            kept = [one.photo_id for one in results if one.code == LAST_COPY]
            found = await self._context.ledger.aread(lambda db: undoing.put_away(db, kept))
            if found:
                await self._undo_all(found, undoing.AUTOMATIC, ())
            return results


def _evidence(db: Database, photo_ids: Sequence[int]) -> dict[int, Evidence]:
    found = {i: photos.last_decision(db, i) for i in photo_ids}
    return {i: decision[4] for i, decision in found.items() if decision is not None}


def _check_faces(chosen: Mapping[int, str], evidence: Mapping[int, Evidence]) -> None:
    for photo_id, face_id in chosen.items():
        faces = evidence[photo_id].faces if photo_id in evidence else ()
        if faces and all(face.id != face_id for face in faces):
            raise ActionRefused(
                f"photo {photo_id} has no face {face_id}. It has {', '.join(f.id for f in faces)}"
            )
