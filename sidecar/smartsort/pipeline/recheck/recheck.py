"""Judges photos in review again when Immich has learned, at the cost of a call a minute however many wait.

That call also tells whether Immich is there (`smartsort.pipeline.recheck.changed_people`). Faces are read
again only for photos that changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

from sqlite_utils import Database

from smartsort.core.decision import decide
from smartsort.core.model import Decision, Evidence, Face, Outcome, Reason, State
from smartsort.core.reasons import UNDONE_FILING
from smartsort.core.rules.confidence import CONFIDENCE_UNKNOWN, low_confidence
from smartsort.core.rules.faces import MIXED_PERSON, NO_FACES_DETECTED
from smartsort.core.rules.looking import RECOGNITION_FAILED
from smartsort.errors import ImmichRejected
from smartsort.ledger import embeddings, face_marks, feedback, outbox, photos
from smartsort.ledger.records import Photo
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.recheck.changed_people import PAGES_IN_A_HURRY, ChangedPeople
from smartsort.pipeline.recheck.deleted import Deleted
from smartsort.pipeline.recheck.suggestions import Suggestions, renewed, waits_at
from smartsort.pipeline.recheck.waiting import Waiting, read, told_apart
from smartsort.pipeline.recognition.detection_proof import DetectionCheck
from smartsort.pipeline.recognition.unassigned import Unassigned
from smartsort.pipeline.routing.evidence import EvidenceBuilder
from smartsort.pipeline.routing.people import PEOPLE_SECONDS, People
from smartsort.pipeline.routing.route import PhotoEvidence, Router

PORTION = 100
"""Photos re-evaluated in one run. The next run follows at once while more are known to have changed."""

MEASURED_PER_RUN = 20
"""Photos whose confidence was unknown and that are measured in one run."""

FACES_AT_ONCE = 8
SHORT_PAUSE = 1.0

_ABOUT_CONFIDENCE = frozenset(kind.code for kind in (*low_confidence.reasons, MIXED_PERSON))


@dataclass(slots=True)
class _Memory:
    waiting: dict[int, Waiting] = field(default_factory=dict)
    changed: dict[int, None] = field(default_factory=dict)
    """Photos to be re-evaluated, in the order they were noticed."""
    recognising: bool = False
    """Recognition may still assign faces of these photos."""
    recognised: bool = False
    """It is done, and what it has found is not known yet."""
    ask_detection_at: float = -inf
    """When it is asked again about photos whose detection had failed (monotonic)."""
    detecting: bool = False
    """Detection was started again for some of them and is at work."""
    finished: set[int] = field(default_factory=set)
    """Of these photos, those whose detection is over now. They are about to be judged."""
    measured: tuple[int, frozenset[str], object] | None = None
    """The versions of galleries and marks, and who is two people, that waiting photos were held against."""


class RecheckStage:
    """The stage that judges waiting photos again."""

    def __init__(
        self,
        context: Context,
        router: Router,
        people: People,
        evidence_builder: EvidenceBuilder,
        *,
        detection_check: DetectionCheck,
        unassigned: Unassigned,
        deleted: Deleted,
    ) -> None:
        self._context, self._router, self._people = context, router, people
        self._evidence_builder, self._detection_check, self._unassigned = (
            evidence_builder,
            detection_check,
            unassigned,
        )
        self._memory = _Memory()
        self._changed_people = ChangedPeople(context, people)
        self._suggestions = Suggestions(context, people, evidence_builder)
        self._deleted, self._deleted_next = deleted, False
        self.looked_at = context.clock.monotonic()
        """When the last run was over (monotonic)."""

    @property
    def people_hint(self) -> str:
        """What to say of people who stand twice in Immich's list, "" for nothing."""
        return self._people.hint

    @property
    def due(self) -> tuple[int, ...]:
        """Photos that are to be re-evaluated now, in the order they were noticed."""
        memory = self._memory
        return () if memory.detecting or memory.recognising else tuple(memory.changed)

    async def step(self) -> float:
        """Make one run. Return seconds until the next.

        One call to Immich while nothing changed, some ten while a failed detection or recognition is
        repeated, and one for each photo that changed. Raises ImmichError.
        """
        pause = await self._run()
        self.looked_at = self._context.clock.monotonic()
        return pause

    async def _run(self) -> float:
        context, memory = self._context, self._memory
        await self._collect_feedback()
        if not context.enabled():
            return context.tuning.recheck_interval_seconds
        memory.waiting = await context.ledger.aread(lambda db: read(db, memory.waiting))
        if not memory.waiting:
            self._memory = _Memory()
            self._changed_people = ChangedPeople(context, self._people)
            if self._people.age > PEOPLE_SECONDS:
                await self._people.refresh()  # a folder follows a name although no photo comes
            else:
                await self._deleted.look()
            return context.tuning.recheck_interval_seconds
        memory.changed = {i: None for i in memory.changed if i in memory.waiting}
        self._notice(await context.ledger.aread(lambda db: told_apart(db, memory.waiting)))
        self._notice(await self._measured_anew())
        await self._suggestions.follow(memory.waiting)
        if not (memory.changed or memory.detecting or memory.recognising):
            await self._look()
        if await self._detecting():
            return SHORT_PAUSE
        if await self._recognising():
            return SHORT_PAUSE
        if memory.recognised:
            memory.recognised = False
            self._changed_people.start_over()
            await self._look()
        await self._judge([i for i in memory.changed if i in memory.waiting][:PORTION])
        return SHORT_PAUSE if memory.changed else context.tuning.recheck_interval_seconds

    async def _look(self) -> None:
        """Ask Immich once: about people and its trash together, or by turns where no search tells both."""
        waiting, people = self._memory.waiting, self._changed_people
        if self._people.age > PEOPLE_SECONDS:
            self._notice(await people.look_at_people(waiting))
            if not people.hurried:
                return
        if self._context.server.finds_together and await self._look_together():
            return
        turn_of_trash, self._deleted_next = self._deleted_next, not self._deleted_next
        asked = turn_of_trash and await self._deleted.look()
        if asked and not people.hurried:
            return
        self._notice(await people.look(waiting))
        if people.thrown and not asked and await self._deleted.is_new(people.thrown):
            await self._deleted.look()
        people.thrown.clear()

    async def _look_together(self) -> bool:
        """Ask by one search, or by a few while something is known to have changed. False when refused."""
        waiting, people = self._memory.waiting, self._changed_people
        for _ in range(PAGES_IN_A_HURRY):
            portion = people.next_portion(waiting)
            paths = [self._context.in_immich(one.path) for one in portion]
            shown = await self._deleted.look_together(paths)
            if shown is None:
                return False
            shows = {one.id: one.people for one in shown if not one.trashed}
            self._notice(await people.compare(waiting, portion, shows))
            if not people.hurried:
                break
        return True

    def _notice(self, photo_ids: Iterable[int]) -> None:
        self._memory.changed.update(dict.fromkeys(photo_ids))

    async def _collect_feedback(self) -> None:
        """Take in what humans said, for those who are judged from now on."""
        ledger = self._context.ledger
        if not await ledger.aread(feedback.behind):
            return
        at = self._context.clock.text()

        def collect(db: Database) -> None:
            while feedback.behind(db):
                embeddings.mark_stale(db, feedback.collect_feedback(db, at))

        await ledger.awrite(collect)

    # --- who changed -------------------------------------------------------------------------

    async def _measured_anew(self) -> list[int]:
        """Return photos about whose confidence more is known now. Found without asking Immich."""
        measure, memory = self._evidence_builder.measure, self._memory
        if measure is None:
            return []
        unknown = [w for w in memory.waiting.values() if w.code == CONFIDENCE_UNKNOWN.code or w.unwatched]
        found = [w.photo_id for w in unknown[:MEASURED_PER_RUN]] if measure.available else []
        mixed, marked = await self._context.ledger.aread(
            lambda db: (embeddings.mixed_ids(db), face_marks.version(db))
        )
        known = measure.version, mixed, marked
        if memory.measured == known:
            return found
        waiting = memory.waiting.values()
        about = [w.photo_id for w in waiting if w.code in _ABOUT_CONFIDENCE or (w.stranger and any(marked))]
        for photo_id in about:
            last = await self._context.ledger.aread(lambda db, i=photo_id: photos.last_decision(db, i))  # type: ignore[misc]
            if last is None:
                continue
            evidence: Evidence = last[4]
            again = await measure.recall(memory.waiting[photo_id].asset_id, evidence)
            if again is not None and self._differs(last[1], last[3][0], self._decide(again)):
                found.append(photo_id)
        memory.measured = known
        return found

    async def _detecting(self) -> bool:
        """Have detection repeated where it had failed, once a turn, True while Immich is at it.

        Immich never does so by itself. Photos that it has looked at now are re-evaluated, face or none.
        """
        memory = self._memory
        failed = {
            w.asset_id: w.photo_id for w in memory.waiting.values() if w.code == RECOGNITION_FAILED.code
        }
        now = self._context.clock.monotonic()
        if memory.detecting:
            left = await self._context.server.detection_jobs()
            if left.ids or left.collective:
                return True
        elif now < memory.ask_detection_at:
            return False
        if not failed:
            memory.detecting = False
            return False
        answer = await self._detection_check.ask(failed)
        if answer.finished:
            memory.finished |= {failed[asset_id] for asset_id in answer.finished}
            self._notice(memory.finished)
            memory.recognising = True  # their faces may not be assigned yet
        # Once more when that is done. What fails again then waits for the next turn.
        memory.detecting = bool(answer.unfinished) and not memory.detecting
        memory.ask_detection_at = now + self._context.tuning.recheck_interval_seconds
        return memory.detecting

    async def _recognising(self) -> bool:
        """Have Immich try its unassigned faces again when that may help, True while it is at it."""
        memory = self._memory
        unnamed = {i for w in memory.waiting.values() for i, name in w.people.items() if not name}
        if self._unassigned.worth_trying(unnamed) and any(w.unassigned for w in memory.waiting.values()):
            # Refused while it is at work, which it may be for long: then it is asked in the next turn.
            memory.recognising |= await self._unassigned.try_again(unnamed)
        if memory.recognising:
            left = await self._context.server.recognition_jobs()
            memory.recognising = bool(left.ids) or left.collective
            memory.recognised = not memory.recognising
        return memory.recognising

    # --- judging -----------------------------------------------------------------------------

    async def _judge(self, photo_ids: Sequence[int]) -> None:
        """Read the faces of these photos and route those that belong elsewhere now."""
        if not photo_ids:
            return
        context = self._context
        # What Immich shows of a photo is old as long as it has not heard what a human said about it.
        untold = await context.ledger.aread(lambda db: outbox.untold(db, photo_ids))
        rows = await context.ledger.aread(
            lambda db: photos.by_ids(db, [i for i in photo_ids if i not in untold])
        )
        last = {i: await context.ledger.aread(lambda db, i=i: photos.last_decision(db, i)) for i in photo_ids}  # type: ignore[misc]
        faces = await self._faces([p for p in rows if p.state is State.REVIEW])
        before = {i: found[4] for i, found in last.items() if found is not None}
        pairs = [(p, faces[p.id]) for p in rows if p.id in faces]
        believed = await self._proved(pairs)
        pairs = [(p, found) for p, found in pairs if p.id in believed]
        entries = await self._evidence_builder.build(pairs, before)
        moving: list[PhotoEvidence] = []
        staying: list[tuple[PhotoEvidence, Decision]] = []
        for entry in entries:
            found = last[entry.photo.id]
            decision = self._decide(entry.evidence)
            if found is None or self._differs(found[1], found[3][0], decision):
                moving.append(entry)
            elif found[3][0].code != UNDONE_FILING.code:
                staying.append((entry, decision))
        async with context.arranging:
            now = await context.ledger.aread(lambda db: photos.by_ids(db, [p.id for p in rows]))
            still = {p.id for p in now if p.state is State.REVIEW}
            await self._router.route([v for v in moving if v.photo.id in still])
            await self._renew([pair for pair in staying if pair[0].photo.id in still])
        for photo_id in untold:
            self._changed_people.doubt(photo_id)  # so that it is noticed once more
        for photo_id in photo_ids:
            self._memory.changed.pop(photo_id, None)
            self._memory.finished.discard(photo_id)

    async def _proved(self, pairs: Sequence[tuple[Photo, tuple[Face, ...]]]) -> list[int]:
        """The ids of those whose faces may be believed: no face only where it is proved that there is none.

        Somebody may have had all faces detected again. Until that is done, or when it fails, there are none.
        """
        memory = self._memory
        believed = [p.id for p, faces in pairs if faces or p.id in memory.finished or self._is_faceless(p.id)]
        doubtful = {p.asset_id or "": p.id for p, _ in pairs if p.id not in believed}
        if doubtful:
            answer = await self._detection_check.ask(doubtful)
            believed += [doubtful[asset_id] for asset_id in answer.finished]
            for asset_id in doubtful.keys() - answer.finished:
                self._changed_people.doubt(doubtful[asset_id])  # so that it is noticed once more
        return believed

    def _is_faceless(self, photo_id: int) -> bool:
        one = self._memory.waiting.get(photo_id)
        return one is not None and one.code == NO_FACES_DETECTED.code

    async def _faces(self, waiting: Sequence[Photo]) -> dict[int, tuple[Face, ...]]:
        """Faces by photo id, one call each. Photos Immich does not know any more are missing."""
        gate = asyncio.Semaphore(FACES_AT_ONCE)

        async def read(photo: Photo) -> tuple[Face, ...] | None:
            async with gate:
                try:
                    return tuple(await self._context.server.faces(photo.asset_id or ""))
                except ImmichRejected:
                    return None  # a new asset or none: nothing is concluded from a missing id

        results = await asyncio.gather(*(read(photo) for photo in waiting))
        return {p.id: found for p, found in zip(waiting, results, strict=True) if found is not None}

    def _decide(self, evidence: Evidence) -> Decision:
        return decide(evidence, self._context.policy(), self._people.ambiguous)

    def _differs(self, category: str | None, reason: Reason, decision: Decision) -> bool:
        """Return True when the photo belongs elsewhere, or waits for another reason."""
        if decision.outcome is Outcome.SORTED:
            return True
        if reason.code == UNDONE_FILING.code:
            return False  # a human put it there. Only an answer takes it away
        same = decision.category is not None and decision.category.value == category
        return not (same and decision.reason.code == reason.code)

    async def _renew(self, staying: Sequence[tuple[PhotoEvidence, Decision]]) -> None:
        """The same answer for new reasons: what is shown in review follows."""
        context = self._context
        ids = [v.photo.id for v, _ in staying]
        names = await context.ledger.aread(lambda db: photos.names_of(db, ids))
        changes = []
        for entry, decision in staying:
            place = waits_at(context, names[entry.photo.id])
            if place is not None:
                changes.append(renewed(entry, decision, place))
        await context.commit(changes)
