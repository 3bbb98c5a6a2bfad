"""The actions, as the HTTP API and the command line call them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlite_utils import Database

from smartsort.actions import follow as following
from smartsort.actions import judgement
from smartsort.actions import undo as undoing
from smartsort.actions.copies import LAST_COPY, last_copies
from smartsort.actions.decide import file_under, put_off, throw_away
from smartsort.actions.plan import Plan
from smartsort.actions.purge import Purge
from smartsort.actions.rearrange import BATCH, Rearrange, conflict
from smartsort.actions.rejudge import Adjustable, Rejudge, Wanted, planner
from smartsort.actions.values import (
    Acted,
    ActionRefused,
    AmbiguousName,
    Batch,
    Choice,
    NoSuchEvent,
    NotUndoable,
    UnknownPerson,
)
from smartsort.actions.whom import Whom, known_people, resolve
from smartsort.core.decision import decide
from smartsort.core.model import Evidence, Person, State
from smartsort.core.wording import sentence
from smartsort.files.shown import shown
from smartsort.ledger import arrangement, events, photos
from smartsort.ledger.arrangement import Arrangement
from smartsort.ledger.records import Area, Event, NewEvent, Photo
from smartsort.ledger.review import suggested_id
from smartsort.pipeline.context import Context
from smartsort.pipeline.people import People
from smartsort.pipeline.renames import Renamed
from smartsort.ports import Measuring

Planner = Callable[[Photo, Arrangement], Plan | Acted]

_WORD = {
    "approved": "approve",
    "refiled": "refile",
    "rejected": "reject",
    "undone": "undo",
    "skipped": "skip",
    "renamed": "rename",
    "confirmed": "confirm",
    "denied": "deny",
    "rejudged": "judge again",
}


class Actions:
    """What a human does to photos. All calls take photo ids; `actor` is who did it, for the history.

    A call changes each photo whole or not at all. Photos that somebody else has changed meanwhile, whose
    files were changed by hand or that storage refuses stay as they are and say so; the others go on. What
    Immich has to hear waits in the outbox. Raises ActionRefused when the call makes sense for no photo,
    RootUnavailable when the folders are not there.
    """

    def __init__(
        self,
        context: Context,
        people: People,
        settings: Adjustable | None = None,
        measure: Measuring | None = None,
    ) -> None:
        self._context, self._people, self._settings = context, people, settings
        self.past = Rejudge(context, people, measure)
        self._rearrange = Rearrange(context)
        self._purge = Purge(context)
        self._lock = context.arranging

    # --- review ------------------------------------------------------------------------------

    async def approve(
        self,
        photo_ids: Sequence[int],
        people: Sequence[Choice],
        actor: str,
        *,
        face_id: str | None = None,
        expect: Sequence[State] = (State.REVIEW,),
        dry_run: bool = False,
    ) -> Batch:
        """File photos under one or several people, under their original names.

        Without `people` each photo's suggested person is taken. `face_id` tells which face is the first
        person's, where that is not obvious. Raises UnknownPerson, AmbiguousName.
        """
        known = await known_people(self._people)
        whoms = resolve(people, known, self._context) if people else None
        async with self._lock:
            return await self._file(
                photo_ids, whoms, actor, expect, known=known, face_id=face_id, dry_run=dry_run
            )

    async def refile(
        self,
        photo_ids: Sequence[int],
        people: Sequence[Choice],
        actor: str,
        *,
        face_id: str | None = None,
        dry_run: bool = False,
    ) -> Batch:
        """File photos under other people than they are filed under; an automatic filing counts as wrong.

        Raises UnknownPerson, AmbiguousName.
        """
        if not people:
            raise ActionRefused("say under whom the photos are to be filed")
        return await self.approve(
            photo_ids, people, actor, face_id=face_id, expect=(State.FILED,), dry_run=dry_run
        )

    async def reject(
        self,
        photo_ids: Sequence[int],
        actor: str,
        *,
        expect: Sequence[State] = (State.REVIEW,),
        dry_run: bool = False,
    ) -> Batch:
        """Move photos to the trash, where they stay for the retention time; Immich takes them offline.

        A duplicate whose other copy is gone or damaged by now is left waiting for that reason.
        """
        now = self._context.clock.now().astimezone()
        at = self._context.clock.text()

        async with self._lock:
            ambiguous = self._people.ambiguous
            last = await asyncio.to_thread(last_copies, self._context, photo_ids, ambiguous)

            def plan(photo: Photo, before: Arrangement) -> Plan | Acted:
                if photo.id not in last:
                    return throw_away(photo, before, actor, now=now, at=at)
                why = f"photo {photo.id} may be the last copy: {sentence(last[photo.id][1].reason)}"
                return Acted(photo.id, "failed", problem=why, code="changed_by_hand")

            if not dry_run:
                await self._context.commit([change for change, _ in last.values()])
            return await self._act(photo_ids, plan, actor, expect, dry_run=dry_run)

    async def skip(self, photo_ids: Sequence[int], actor: str, *, dry_run: bool = False) -> Batch:
        """Leave photos for later: they are listed after all others."""
        async with self._lock:
            return await self._act(photo_ids, put_off, actor, (State.REVIEW,), dry_run=dry_run)

    async def confirm(self, photo_ids: Sequence[int], actor: str) -> Batch:
        """Say that automatic filings are right: nothing moves, and the faces teach from now on."""
        async with self._lock:
            return await self._act(photo_ids, judgement.confirm, actor, (State.FILED,), dry_run=False)

    async def deny(
        self, photo_id: int, person: Choice | None, actor: str, *, face_id: str | None = None
    ) -> Batch:
        """Say whom a waiting photo does not show (None: whoever is suggested).

        They are never suggested for it again and it is never filed under them; faces like it reach less for
        them. Immich is told nothing. Raises UnknownPerson, AmbiguousName, ActionRefused.
        """
        known = await known_people(self._people) or ()
        async with self._lock:
            last = await self._context.ledger.aread(lambda db: photos.last_decision(db, photo_id))
            evidence: Evidence = last[4] if last else Evidence()
            found = judgement.denial(evidence, self._whom(person, evidence, known), face_id)
            if isinstance(found, str):
                raise ActionRefused(f"photo {photo_id}: {found}")
            after = judgement.without(evidence, found)
            decision = decide(after, self._context.policy(), self._people.ambiguous)

            def plan(photo: Photo, before: Arrangement) -> Plan | Acted:
                return judgement.deny(photo, before, found, after, decision)

            return await self._act([photo_id], plan, actor, (State.REVIEW,), dry_run=False)

    def _whom(self, choice: Choice | None, evidence: Evidence, known: Sequence[Person]) -> Person | None:
        """The person a denial means: those on the photo or suggested for it first, then everybody."""
        if choice is None:
            return None
        close = [f.person for f in evidence.faces if f.person is not None]
        close += [s.person for each in evidence.suggestions.values() for s in each]
        for people in (close, known):
            found = {p.id: p for p in judgement.one_of(people, choice.name, choice.id)}
            if len(found) > 1:
                ids = {i: p.name for i, p in found.items()}
                listed = ", ".join(f"{p.name} ({i})" for i, p in found.items())
                raise AmbiguousName(f"{len(ids)} people are called {choice.name}: {listed}; give an id", ids)
            if found:
                return next(iter(found.values()))
        raise UnknownPerson(f"Immich knows nobody called {choice.name or choice.id}; check the spelling")

    # --- undo --------------------------------------------------------------------------------

    async def undo(self, event_id: int, actor: str, *, dry_run: bool = False) -> Batch:
        """Take back one event, or all of a bulk action; the undo of an undo does it again.

        Raises NoSuchEvent, NotUndoable.
        """
        async with self._lock:
            event = await self._context.ledger.aread(lambda db: events.get(db, event_id))
            if event is None:
                raise NoSuchEvent(
                    f"there is no event {event_id}; `smartsort undo --list` shows the last ones"
                )
            return await self._undo(event, actor, dry_run=dry_run)

    async def undo_photo(self, photo_id: int, actor: str, *, dry_run: bool = False) -> Batch:
        """Undo the newest decision about one photo, a human's or an automatic filing. Raises NotUndoable."""
        async with self._lock:
            event = await self._context.ledger.aread(lambda db: undoing.last_of_photo(db, photo_id))
            if event is None:
                raise NotUndoable(f"photo {photo_id} has no decision that could be undone")
            return await self._undo(event, actor, dry_run=dry_run)

    async def undo_last(self, actor_of: str | None = None, *, actor: str, dry_run: bool = False) -> Batch:
        """Take back the newest action of `actor_of`, or of any human, that still counts.

        Automatic filings are taken back by their own event or by `undo_since`. Raises NotUndoable.
        """
        async with self._lock:
            event = await self._context.ledger.aread(lambda db: undoing.last_of(db, actor_of))
            if event is None:
                raise NotUndoable("there is no action left that could be taken back")
            return await self._undo(event, actor, dry_run=dry_run)

    async def undo_since(self, at: datetime, actor: str, *, dry_run: bool = False) -> Batch:
        """Take back all that was done since `at`, newest first: human actions, undos, automatic filings.

        Every file gets the very name back that it had then.
        """
        text = at.astimezone(UTC).isoformat(timespec="milliseconds")
        async with self._lock:
            found = await self._context.ledger.aread(lambda db: undoing.since(db, text))
            settings = await self._context.ledger.aread(lambda db: undoing.settings_since(db, text))
            return await self._undo_all(found, actor, settings, dry_run=dry_run)

    async def _undo(self, event: Event, actor: str, *, dry_run: bool) -> Batch:
        ledger = self._context.ledger
        if not undoing.undoable(event):
            raise NotUndoable(f"event {event.id} ({event.kind}) is nothing that can be taken back")
        taken_back = await ledger.aread(lambda db: events.undone(db, event.id))
        if taken_back is not None:
            raise NotUndoable(
                f"event {event.id} is taken back already, by event {taken_back}; undo that one to redo it"
            )
        if event.photo_id is not None:
            return await self._undo_all([event], actor, None, dry_run=dry_run)
        found = await ledger.aread(lambda db: undoing.members(db, event))
        open_ones = await ledger.aread(lambda db: undoing.standing(db, found))
        if not open_ones and "settings" not in event.data:
            raise NotUndoable(f"all {len(found)} parts of event {event.id} are taken back already")
        return await self._undo_all(open_ones, actor, event, dry_run=dry_run)

    async def _undo_all(
        self, found: Sequence[Event], actor: str, groups: Event | Sequence[Event] | None, *, dry_run: bool
    ) -> Batch:
        """In waves, newest first. `groups` are taken back with them, for the settings they changed."""
        if dry_run:
            return Batch(await self._foresee_undo(found))
        group = None
        groups = [groups] if isinstance(groups, Event) else groups or ()
        if len(found) > 1 or groups:
            what: dict[str, Any] = {"what": "undone", "photos": len({e.photo_id for e in found})}
            settings = undoing.settings_before(groups)
            if settings is not None:
                # Undoing the undo puts them back again. First, so that nothing is judged by them meanwhile.
                what["settings"] = {"before": settings["after"], "after": settings["before"]}
                await self._restore_settings(settings, actor)
            group = await self._group(what, actor, groups[0].id if len(groups) == 1 else None)
        acted: list[Acted] = []
        done = 0
        while done < len(found):
            rest = found[done : done + BATCH]
            wave = await self._context.ledger.aread(lambda db, rest=rest: undoing.wave(db, rest))  # type: ignore[misc]
            acted += [one for one in wave if isinstance(one, Acted)]
            acted += await self._rearrange.run([one for one in wave if isinstance(one, Plan)], actor, group)
            done += len(wave)
        return Batch(tuple(acted), group)

    async def _foresee_undo(self, found: Sequence[Event]) -> tuple[Acted, ...]:
        """What would happen; of several events of one photo only the newest can be foreseen in full."""

        def foresee(db: Database) -> tuple[Acted, ...]:
            seen: set[int | None] = set()
            out: list[Acted] = []
            for event in found:
                if event.photo_id in seen:
                    out.append(Acted(event.photo_id or 0, "would_undo"))
                    continue
                seen.add(event.photo_id)
                plan = undoing.plan(db, event)
                out.append(plan if isinstance(plan, Acted) else self._would(plan))
            return tuple(out)

        return await self._context.ledger.aread(foresee)

    # --- other settings ----------------------------------------------------------------------

    async def rejudge(self, wanted: Wanted, since: str, actor: str) -> Batch:
        """Change settings for good and move the past photos they are about; one event takes back both.

        `since` is a ledger time. What a human has decided stays. A photo that would be filed and was never
        measured costs one call to the machine learning service.
        """
        if self._settings is None:
            raise ActionRefused("these settings cannot be changed at run time")
        async with self._lock:
            found = await self.past.effect(wanted.policy, since)
            moves = await self.past.measured(found.moves, wanted.policy)
            before = self._settings.snapshot()
            await asyncio.to_thread(self._settings.change, wanted.values, wanted.lists, actor)
            settings = {"before": before, "after": self._settings.snapshot()}
            data = {"what": "rejudged", "photos": len(moves), "settings": settings}
            group = await self._group(data, actor, None)
            ids = [move.photo_id for move in moves]
            plan = planner(self._context, moves)
            states = (State.FILED, State.REVIEW)
            batch = await self._act(ids, plan, actor, states, dry_run=False, group=group)
            self._context.bells.ring_all()
            return Batch(batch.acted, group)

    async def _restore_settings(self, settings: Mapping[str, Any], actor: str) -> None:
        """Settings as they were before, unless somebody has changed them since: theirs is the last word."""
        if self._settings is None or not self._settings.matches(settings["after"]):
            return
        await asyncio.to_thread(self._settings.restore, settings["before"], actor)
        self._context.bells.ring_all()

    # --- people ------------------------------------------------------------------------------

    async def follow(self, renamed: Renamed, actor: str = "smartsort") -> Batch:
        """Move a person's photos into the folder of the new name; one event takes it back."""
        acted: list[Acted] = []
        group: int | None = None
        async with self._lock:
            after = 0
            while found := await self._context.ledger.aread(
                lambda db, i=after: following.filed_there(db, renamed, i)  # type: ignore[misc]
            ):
                after = found[-1][0].id
                if group is None:
                    data = {"what": "renamed", "was": renamed.was, "person": renamed.name}
                    group = await self._group(data, actor, None)
                plans = [following.follow(photo, before, renamed) for photo, before in found]
                acted += await self._rearrange.run(plans, actor, group)
        return Batch(tuple(acted), group)

    # --- retention ---------------------------------------------------------------------------

    async def purge_expired(
        self, retention_days: float, now: datetime | None = None, limit: int = 500
    ) -> list[Acted]:
        """Remove for good what has been in the trash for longer than `retention_days`. Not undoable.

        The digests stay known, so that the same file is recognised when it comes again. At most `limit`
        photos; call again while it returns as many. What turns out to be the last copy goes back to where
        it was: it was put away because of another copy, which is gone or damaged by now.
        """
        async with self._lock:
            acted = await self._purge.run(retention_days, now or self._context.clock.now(), limit)
            kept = [one.photo_id for one in acted if one.code == LAST_COPY]
            found = await self._context.ledger.aread(lambda db: undoing.put_away(db, kept))
            if found:
                await self._undo_all(found, undoing.AUTOMATIC, None, dry_run=False)
            return acted

    # --- what they share ---------------------------------------------------------------------

    async def _file(
        self,
        photo_ids: Sequence[int],
        whoms: Sequence[Whom] | None,
        actor: str,
        expect: Sequence[State],
        *,
        known: Sequence[Person] | None,
        face_id: str | None,
        dry_run: bool,
    ) -> Batch:
        context = self._context
        at = context.clock.text()
        ids = list(dict.fromkeys(photo_ids))
        evidence = await context.ledger.aread(lambda db: _evidence(db, ids))
        if face_id is not None:
            _check_face(ids, evidence, face_id)

        def plan(photo: Photo, before: Arrangement) -> Plan | Acted:
            people = whoms
            if people is None:
                choice = _suggested(before, evidence.get(photo.id))
                if choice is None:
                    why = f"photo {photo.id} has no suggested person; say whose it is"
                    return Acted(photo.id, "failed", problem=why, code="no_suggestion")
                try:
                    people = resolve([choice], known, context)
                except ActionRefused as problem:
                    return Acted(photo.id, "failed", problem=str(problem), code=problem.code)
            albums = context.tuning.album_per_person
            return file_under(photo, before, people, actor, at=at, face_id=face_id, albums=albums)

        return await self._act(ids, plan, actor, expect, dry_run=dry_run)

    async def _act(
        self,
        photo_ids: Sequence[int],
        planner: Planner,
        actor: str,
        expect: Sequence[State],
        *,
        dry_run: bool,
        group: int | None = None,
    ) -> Batch:
        ids = list(dict.fromkeys(photo_ids))
        ledger = self._context.ledger
        rows = {p.id: p for p in await ledger.aread(lambda db: photos.by_ids(db, ids))}
        before = await ledger.aread(lambda db: arrangement.read(db, ids))
        answers: dict[int, Acted] = {}
        plans: list[Plan] = []
        for photo_id in ids:
            photo = rows.get(photo_id)
            if photo is None or photo.state not in expect:
                answers[photo_id] = await ledger.aread(lambda db, i=photo_id: _not_expected(db, i, expect))  # type: ignore[misc]
                continue
            plan = planner(photo, before[photo_id])
            if isinstance(plan, Acted):
                answers[photo_id] = plan
            elif dry_run:
                answers[photo_id] = self._would(plan)
            else:
                plans.append(plan)
        if plans and len(ids) > 1 and group is None:
            group = await self._group({"what": plans[0].kind, "photos": len(plans)}, actor, None)
        for acted in await self._rearrange.run(plans, actor, group):
            answers[acted.photo_id] = acted
        return Batch(tuple(answers[i] for i in ids), group)

    async def _group(self, data: dict[str, Any], actor: str, undoes: int | None) -> int:
        """The event that stands for a bulk action; written first, so that a crash leaves it undoable."""
        at = self._context.clock.text()
        event = NewEvent("group", None, data, actor, undoes)
        [group] = await self._context.ledger.awrite(lambda db: events.append(db, [event], at))
        return group

    def _would(self, plan: Plan) -> Acted:
        names = plan.foreseen()
        first = next(iter(names), None)
        path = None
        if first is not None:
            area, _, rest = first.partition("/")
            path = f"{shown(self._context.folder(Area(area)))}/{rest}"
        return Acted(
            plan.photo.id,
            f"would_{_WORD[plan.done]}",
            person=plan.person,
            names=names,
            path=path,
            companions=plan.companions,
        )


def _not_expected(db: Database, photo_id: int, expect: Sequence[State]) -> Acted:
    photo = photos.get(db, photo_id)
    if photo is None:
        return Acted(photo_id, "failed", problem=f"there is no photo {photo_id}", code="not_found")
    found = conflict(db, photo_id)
    if found.happened is not None:
        return found
    states = " or ".join(state.value for state in expect)
    why = f"photo {photo_id} is {photo.state.value}, not {states}; wait until it is"
    return Acted(photo_id, "failed", problem=why, code="conflict")


def _evidence(db: Database, photo_ids: Sequence[int]) -> dict[int, Evidence]:
    found = {i: photos.last_decision(db, i) for i in photo_ids}
    return {i: decision[4] for i, decision in found.items() if decision is not None}


def _check_face(photo_ids: Sequence[int], evidence: dict[int, Evidence], face_id: str) -> None:
    if len(photo_ids) != 1:
        raise ActionRefused("a face belongs to one photo; approve that one alone")
    faces = evidence[photo_ids[0]].faces if photo_ids[0] in evidence else ()
    if faces and all(face.id != face_id for face in faces):
        raise ActionRefused(
            f"photo {photo_ids[0]} has no face {face_id}; it has {', '.join(f.id for f in faces)}"
        )


def _suggested(before: Arrangement, evidence: Evidence | None) -> Choice | None:
    """The suggested person, by id where the evidence tells it: then a shared name is no question."""
    name = before.review["suggested_person"] if before.review else None
    return Choice(name=name, id=suggested_id(name, evidence)) if name else None
