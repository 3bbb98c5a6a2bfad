"""Judges photos in review again when Immich has learned, at the cost of a few calls however many wait.

Immich tells nobody that a face was named or given to somebody else: neither the asset nor the person looks
changed (measured on 3.1.0). But a page of a search names the people on a thousand photos, so that comparing
it with what the decisions rest on finds the photos that changed; only their faces are read again. Who was
named or renamed needs no call at all: the decisions hold the person's id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf

from sqlite_utils import Database

from smartsort.core.decision import decide
from smartsort.core.model import Category, Decision, Evidence, Face, Outcome, Person, Reason, State
from smartsort.core.wording import short
from smartsort.errors import ImmichRejected
from smartsort.files.shown import shown
from smartsort.ledger import embeddings, facts, photos, teachings
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area, Photo, evidence_from_json, reasons_from_json
from smartsort.ledger.source_tables import ReviewRow
from smartsort.pipeline.context import Context
from smartsort.pipeline.detection import Detections
from smartsort.pipeline.evidence import Gather
from smartsort.pipeline.people import People
from smartsort.pipeline.route import Router, Verdict

PAGES_PER_RUN = 3
"""Pages of a thousand photos that one run compares; a longer library is gone through in several."""

PORTION = 100
"""Photos judged again in one run; the next run follows at once while more are known to have changed."""

MEASURED_PER_RUN = 20
"""Photos whose confidence was unknown and that are measured in one run."""

FACES_AT_ONCE = 8
SHORT_PAUSE = 1.0
_CLOCK_SKEW = timedelta(minutes=10)

_ABOUT_CONFIDENCE = frozenset({"low_confidence", "low_margin", "confidence_unknown"})


@dataclass(frozen=True, slots=True)
class Waiting:
    """A photo in review, as far as its decision tells: who was on it, and why it waits."""

    photo_id: int
    asset_id: str
    shard: int
    placed_at: str
    decision_id: int
    code: str
    people: Mapping[str, str]
    """Names by id, as they were."""
    unassigned: bool
    """A face on it belongs to nobody."""


@dataclass(slots=True)
class _Sweep:
    """How far the library has been gone through."""

    shard: int = 0
    page: int = 1


@dataclass(slots=True)
class _Memory:
    waiting: dict[int, Waiting] = field(default_factory=dict)
    changed: dict[int, None] = field(default_factory=dict)
    """Photos to be judged again, in the order they were noticed."""
    sweep: _Sweep = field(default_factory=_Sweep)
    asked_for: int | None = None
    """The version of the people recognition was last started for."""
    recognising: bool = False
    ask_detection_at: float = -inf
    """When it is asked again about photos whose detection had failed (monotonic)."""
    detecting: bool = False
    """Detection was started again for some of them and is at work."""
    finished: set[int] = field(default_factory=set)
    """Of these photos, those whose detection is over now; they are about to be judged."""
    measured: int | None = None
    """The version of the galleries the waiting photos were last held against."""
    vain: dict[int, frozenset[str]] = field(default_factory=dict)
    """People seen on photos that could not be read or whose decision stayed the same."""


class Heal:
    """The stage that judges waiting photos again."""

    def __init__(
        self, context: Context, router: Router, people: People, gather: Gather, detections: Detections
    ) -> None:
        self._context, self._router, self._people = context, router, people
        self._gather, self._detections = gather, detections
        self._memory = _Memory()

    async def step(self) -> float:
        """One run; seconds until the next. Immich is asked nothing while nothing waits in review.

        At most ten calls to Immich, as many while a failed detection is repeated, and one for each photo that
        changed. Raises ImmichError.
        """
        context, memory = self._context, self._memory
        await self._learn()
        if not context.enabled():
            return context.tuning.look_again_seconds
        memory.waiting = await context.ledger.aread(lambda db: _read(db, memory.waiting))
        if not memory.waiting:
            self._memory = _Memory()
            return context.tuning.look_again_seconds
        people = {p.id: p for p in await self._people.refresh(max_age=0)}
        self._notice(_renamed(memory.waiting.values(), people, self._people.ambiguous))
        self._notice(await context.ledger.aread(self._told_apart))
        self._notice(await self._measured_anew())
        if await self._detecting():
            return SHORT_PAUSE
        if await self._recognising():
            return SHORT_PAUSE
        self._notice(await self._compared())
        await self._judge([i for i in memory.changed if i in memory.waiting][:PORTION])
        return SHORT_PAUSE if memory.changed else context.tuning.look_again_seconds

    def _notice(self, photo_ids: Iterable[int]) -> None:
        self._memory.changed.update(dict.fromkeys(photo_ids))

    async def _learn(self) -> None:
        """Take in what humans said, for those who are judged from now on."""
        ledger = self._context.ledger
        if not await ledger.aread(teachings.behind):
            return
        at = self._context.clock.text()

        def learn(db: Database) -> None:
            while teachings.behind(db):
                embeddings.mark_stale(db, teachings.learn(db, at))

        await ledger.awrite(learn)

    # --- who changed -------------------------------------------------------------------------

    def _told_apart(self, db: Database) -> list[int]:
        """Near-duplicates that are two pictures by a human's word."""
        found = []
        for one in self._memory.waiting.values():
            if one.code == "near_duplicate" and teachings.not_the_same(db, one.photo_id):
                last = photos.last_decision(db, one.photo_id)
                copy = last[4].near_copy if last else None
                if copy and teachings.copy_key(copy.photo_id, copy.asset_id) in teachings.not_the_same(
                    db, one.photo_id
                ):
                    found.append(one.photo_id)
        return found

    async def _measured_anew(self) -> list[int]:
        """Photos about whose confidence more is known now; found without asking Immich."""
        measure, memory = self._gather.measure, self._memory
        if measure is None:
            return []
        unknown = [w for w in memory.waiting.values() if w.code == "confidence_unknown"]
        found = [w.photo_id for w in unknown[:MEASURED_PER_RUN]] if measure.available else []
        if memory.measured == measure.version:
            return found
        about = [w.photo_id for w in memory.waiting.values() if w.code in _ABOUT_CONFIDENCE]
        for photo_id in about:
            last = await self._context.ledger.aread(lambda db, i=photo_id: photos.last_decision(db, i))  # type: ignore[misc]
            if last is None:
                continue
            evidence: Evidence = last[4]
            again = await measure.recall(memory.waiting[photo_id].asset_id, evidence)
            if again is not None and self._differs(last[1], last[3][0], self._decide(again)):
                found.append(photo_id)
        memory.measured = measure.version
        return found

    async def _detecting(self) -> bool:
        """Have detection repeated where it had failed, once a turn; True while Immich is at it.

        Immich never does so by itself. Photos that it has looked at now are judged again, face or none.
        """
        memory = self._memory
        failed = {w.asset_id: w.photo_id for w in memory.waiting.values() if w.code == "recognition_failed"}
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
        answer = await self._detections.ask(failed)
        if answer.finished:
            memory.finished |= {failed[asset_id] for asset_id in answer.finished}
            self._notice(memory.finished)
            memory.recognising = True  # their faces may not be assigned yet
        # Once more when that is done; what fails again then waits for the next turn.
        memory.detecting = bool(answer.unfinished) and not memory.detecting
        memory.ask_detection_at = now + self._context.tuning.look_again_seconds
        return memory.detecting

    async def _recognising(self) -> bool:
        """Have Immich try its unassigned faces again when people were named; True while it is at it."""
        memory, server = self._memory, self._context.server
        if memory.asked_for != self._people.version and any(w.unassigned for w in memory.waiting.values()):
            try:
                await server.recognise_unassigned_faces()
            except ImmichRejected as busy:
                if not busy.retryable:
                    raise
            else:
                memory.asked_for = self._people.version
            memory.recognising = True
        if memory.recognising:
            left = await server.recognition_jobs()
            memory.recognising = bool(left.ids) or left.collective
            if not memory.recognising:
                memory.sweep = _Sweep()  # what it has found is compared from the start
        return memory.recognising

    async def _compared(self) -> list[int]:
        """Go on comparing who is on the waiting photos; those on whom it is somebody else now."""
        memory = self._memory
        libraries = await self._context.ledger.aread(
            lambda db: {s.number: s.library_id for s in facts.shards(db) if s.library_id is not None}
        )
        shards = sorted({w.shard for w in memory.waiting.values()} & libraries.keys())
        found: list[int] = []
        for _ in range(PAGES_PER_RUN if shards else 0):
            sweep = memory.sweep
            shard = next((s for s in shards if s >= sweep.shard), None)
            if shard is None:
                memory.sweep = _Sweep()
                break
            if shard != sweep.shard:
                memory.sweep = sweep = _Sweep(shard)
            found += await self._page(shard, libraries[shard] or "", sweep)
        return found

    async def _page(self, shard: int, library_id: str, sweep: _Sweep) -> list[int]:
        here = {w.asset_id: w for w in self._memory.waiting.values() if w.shard == shard}
        since = min(w.placed_at for w in here.values())
        after = datetime.fromisoformat(since).astimezone(UTC) - _CLOCK_SKEW
        shows, more = await self._context.server.people_on(library_id, after, sweep.page)
        self._memory.sweep = _Sweep(shard, sweep.page + 1) if more else _Sweep(shard + 1)
        found = []
        for asset_id, people in shows.items():
            one = here.get(asset_id)
            if one is None or people == one.people.keys():
                continue
            if self._memory.vain.get(one.photo_id) != people:
                self._memory.vain[one.photo_id] = people
                found.append(one.photo_id)
        return found

    # --- judging -----------------------------------------------------------------------------

    async def _judge(self, photo_ids: Sequence[int]) -> None:
        """Read the faces of these photos and route those that belong elsewhere now."""
        if not photo_ids:
            return
        context = self._context
        rows = await context.ledger.aread(lambda db: photos.by_ids(db, photo_ids))
        last = {i: await context.ledger.aread(lambda db, i=i: photos.last_decision(db, i)) for i in photo_ids}  # type: ignore[misc]
        faces = await self._faces([p for p in rows if p.state is State.REVIEW])
        before = {i: found[4] for i, found in last.items() if found is not None}
        pairs = [(p, faces[p.id]) for p in rows if p.id in faces]
        believed = await self._proved(pairs)
        pairs = [(p, found) for p, found in pairs if p.id in believed]
        verdicts = await self._gather.verdicts(pairs, before)
        moving: list[Verdict] = []
        staying: list[tuple[Verdict, Decision]] = []
        for verdict in verdicts:
            found = last[verdict.photo.id]
            decision = self._decide(verdict.evidence)
            if found is None or self._differs(found[1], found[3][0], decision):
                moving.append(verdict)
            elif found[3][0].code != "undone_filing":
                staying.append((verdict, decision))
        async with context.arranging:
            now = await context.ledger.aread(lambda db: photos.by_ids(db, [p.id for p in rows]))
            still = {p.id for p in now if p.state is State.REVIEW}
            await self._router.route([v for v in moving if v.photo.id in still])
            await self._renew([pair for pair in staying if pair[0].photo.id in still])
        for photo_id in photo_ids:
            self._memory.changed.pop(photo_id, None)
            self._memory.finished.discard(photo_id)

    async def _proved(self, pairs: Sequence[tuple[Photo, tuple[Face, ...]]]) -> list[int]:
        """The ids of those whose faces may be believed: no face only where it is proved that there is none.

        Somebody may have had all faces detected anew; until that is done, or when it fails, there are none.
        """
        memory = self._memory
        believed = [p.id for p, faces in pairs if faces or p.id in memory.finished or self._is_faceless(p.id)]
        doubtful = {p.asset_id or "": p.id for p, _ in pairs if p.id not in believed}
        if doubtful:
            answer = await self._detections.ask(doubtful)
            believed += [doubtful[asset_id] for asset_id in answer.finished]
            for asset_id in doubtful.keys() - answer.finished:
                memory.vain.pop(doubtful[asset_id], None)  # so that it is noticed once more
        return believed

    def _is_faceless(self, photo_id: int) -> bool:
        one = self._memory.waiting.get(photo_id)
        return one is not None and one.code == "no_faces_detected"

    async def _faces(self, waiting: Sequence[Photo]) -> dict[int, tuple[Face, ...]]:
        """Faces by photo id, one call each; photos Immich does not know any more are missing."""
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
        """True when the photo belongs elsewhere, or waits for another reason."""
        if decision.outcome is Outcome.SORTED:
            return True
        if reason.code == "undone_filing":
            return False  # a human put it there; only an answer takes it away
        same = decision.category is not None and decision.category.value == category
        return not (same and decision.reason.code == reason.code)

    async def _renew(self, staying: Sequence[tuple[Verdict, Decision]]) -> None:
        """The same answer for new reasons: what is shown in review follows."""
        context = self._context
        ids = [v.photo.id for v, _ in staying]
        names = await context.ledger.aread(lambda db: photos.names_of(db, ids))
        changes = []
        for verdict, decision in staying:
            photo = verdict.photo
            place = next((n for n in names[photo.id] if n.area is Area.REVIEW), None)
            if place is None or decision.category is None:
                continue
            suggested = decision.suggested.name if decision.suggested else None
            changes.append(
                Change(
                    photo.id,
                    expect=(State.REVIEW,),
                    values={"faces_detected": decision.faces_detected},
                    decision=(decision, verdict.evidence),
                    review=ReviewRow(
                        shown(context.absolute(place)),
                        decision.category,
                        photo.sha256,
                        short(decision.reason),
                        decision.faces_detected,
                        suggested,
                    ),
                )
            )
        await context.commit(changes)


def _read(db: Database, known: Mapping[int, Waiting]) -> dict[int, Waiting]:
    """The photos in review that Immich knows, duplicates left out; what was read before is not read again."""
    rows = db.conn.execute(
        "SELECT p.id, p.asset_id, p.shard, p.placed_at, (SELECT max(d.id) FROM decisions AS d"
        " WHERE d.photo_id = p.id) FROM photos AS p WHERE p.state = 'review' AND p.asset_id IS NOT NULL"
        " AND p.shard IS NOT NULL AND p.placed_at IS NOT NULL"
    ).fetchall()
    found: dict[int, Waiting] = {}
    for photo_id, asset_id, shard, placed_at, decision_id in rows:
        before = known.get(photo_id)
        if before is not None and (before.decision_id, before.asset_id) == (decision_id, asset_id):
            found[photo_id] = before
            continue
        row = db.conn.execute(
            "SELECT reasons, evidence, category FROM decisions WHERE id = ?", (decision_id,)
        ).fetchone()
        if row is None:
            continue
        reasons, evidence = reasons_from_json(row[0]), evidence_from_json(row[1])
        if row[2] == Category.DUPLICATES.value and reasons[0].code != "near_duplicate":
            continue
        found[photo_id] = Waiting(
            photo_id,
            asset_id,
            shard,
            placed_at,
            decision_id,
            reasons[0].code,
            {f.person.id: f.person.name for f in evidence.faces if f.person is not None},
            any(f.person is None for f in evidence.faces),
        )
    return found


def _renamed(
    waiting: Iterable[Waiting], people: Mapping[str, Person], ambiguous: Collection[str]
) -> list[int]:
    """Photos with a person who has another name now, or shares their name with nobody any more."""
    found = []
    for one in waiting:
        renamed = any(i in people and people[i].name != name for i, name in one.people.items())
        unique = one.code == "ambiguous_name" and not any(i in ambiguous for i in one.people)
        if renamed or unique:
            found.append(one.photo_id)
    return found
