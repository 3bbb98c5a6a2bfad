"""placed -> known -> routed: notice that Immich is done, by its REST API alone.

One watcher serves all waiting photos. A cheap count tells when a look is worth its calls; the look, read
upstream to downstream, is the proof (`smartsort.core.completion`). Then each photo costs one call: its faces.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from smartsort.core.completion import CHAIN, RECOGNITION, Listing, QueueCounts, pending
from smartsort.core.model import Evidence, Face, State
from smartsort.errors import ImmichRejected, ImmichUnreachable
from smartsort.ledger import photos
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area, Member, Photo
from smartsort.pipeline.context import Context
from smartsort.pipeline.detection import Detection, Detections
from smartsort.pipeline.evidence import Gather
from smartsort.pipeline.pace import FIRST_LOOK, SHORTEST_PAUSE, LookPace
from smartsort.pipeline.people import People
from smartsort.pipeline.route import Router, Verdict
from smartsort.pipeline.runner import NothingProved
from smartsort.pipeline.shelve import BACKLOG, Shelve

FACES_AT_ONCE = 8
"""Concurrent requests for faces; more only queue up inside Immich."""

FIRST_PORTION = 32
LARGEST_PORTION = 256
"""Photos routed in one commit; doubled from the first to the largest, so that the first photos are filed
soon and the many are cheap: each portion costs two commits and two flushes whatever its size."""

_OTHERS_TRAFFIC = 3
"""More pending jobs than this many per waiting photo are somebody else's: then counts never reach zero and
looks are made on the clock instead."""

FACELESS_SECONDS = 60.0
"""How long photos without a face are gathered, while others follow, before it is asked about all of them: the
proof costs some ten calls, and detection has to be idle for it."""

_CLOCK_SKEW = timedelta(minutes=10)


_NOTHING = Listing(RECOGNITION)
"""What recognition has left for photos whose own faces it is through with."""


@dataclass(slots=True)
class _Cohort:
    """Photos whose faces were in recognition, or past it, when no queue-all was, and the faces it still had.

    Immich assigns nobody before a queue-all has been let through, and then one face after the other. Once
    none of `open_faces` is left, all of these are final, whatever a later queue-all (of other photos) holds.
    """

    assets: dict[str, int]
    """Their photos' ids, by asset."""
    open_faces: frozenset[str]


@dataclass(slots=True)
class _Waiting:
    """What the watcher remembers between looks; all of it can be found out again after a restart."""

    detected: set[str] = field(default_factory=set)
    """Assets whose detection is proved to be over."""
    faces: dict[str, tuple[Face, ...]] = field(default_factory=dict)
    """Faces of those, read after the proof."""
    open_faces: dict[str, frozenset[str]] = field(default_factory=dict)
    """Of those, the faces recognition still had when they were read."""
    faceless: dict[int, Photo] = field(default_factory=dict)
    """Photos without a face, by id, until it is asked whether detection is over for them."""
    faceless_since: float = 0.0
    """Since when the oldest of them waits (monotonic)."""
    asked: dict[str, int] = field(default_factory=dict)
    """How often it was asked in vain whether detection is over, by asset."""
    doubt: dict[str, str] = field(default_factory=dict)
    """Of those, why it could not be found out; "" where it is known that detection had failed."""
    rest_until: dict[str, float] = field(default_factory=dict)
    """Of those, when they are looked at again (monotonic)."""
    cohorts: list[_Cohort] = field(default_factory=list)
    seen_in_recognition: int | None = None
    unresolved: dict[int, int] = field(default_factory=dict)
    """Looks that did not find an asset for a placed photo, by photo id."""


class Recognise:
    """Waits for Immich, then has every finished photo decided and routed."""

    takes = (State.PLACED, State.KNOWN)

    def __init__(
        self,
        context: Context,
        router: Router,
        people: People,
        shelve: Shelve,
        gather: Gather,
        *,
        detections: Detections,
    ) -> None:
        self._context, self._router, self._people, self._shelve = context, router, people, shelve
        self._gather, self._detections = gather, detections
        self._pace = LookPace(longest=context.tuning.wait_time_seconds)
        self._recognition_pace = LookPace(
            longest=min(1.0, context.tuning.wait_time_seconds), soonest=SHORTEST_PAUSE
        )
        self._memory = _Waiting()
        self._looked_at = 0.0
        self._counts_due = self._recognition_due = 0.0
        self._stuck = False
        """The last attempt to file photos failed."""
        self._recognition_asked_for: int | None = None
        self._batch: frozenset[int] = frozenset()
        self.counts: QueueCounts = {}
        """The queue counts last seen; what people are told about the wait."""

    async def step(self) -> float | None:
        """Look once. Seconds until the next look, None when no photo is waiting.

        Raises ImmichError; the photos go on waiting.
        """
        pause = await self._step()
        # A look without an attempt to file says nothing about whether that works again.
        return NothingProved(pause) if pause is not None and self._stuck else pause

    async def _step(self) -> float | None:
        context = self._context
        if not context.enabled():
            return None
        waiting = await context.ledger.aread(
            lambda db: photos.in_state(db, (State.PLACED, State.KNOWN), 4 * context.tuning.max_in_flight)
        )
        if not waiting:
            self._memory = _Waiting()
            self._batch = frozenset()
            self._shelve.let_through = frozenset()
            self._stuck = False
            self._pace.restart()
            return None
        ids = frozenset(p.id for p in waiting)
        new = ids - self._batch
        self._batch = ids
        if new:
            self._pace.restart()
            self._recognition_pace.restart()
            self._counts_due = 0.0
            return FIRST_LOOK

        now = context.clock.monotonic()
        resting = self._memory.rest_until
        awake = [p for p in waiting if resting.get(p.asset_id or "", now) <= now]
        if not awake:
            return max(SHORTEST_PAUSE, min(resting[p.asset_id or ""] for p in waiting) - now)
        return await self._look(awake)

    async def _look(self, waiting: Sequence[Photo]) -> float:
        """Look at whatever it is time for; seconds until the next look."""
        context, memory = self._context, self._memory
        detected = [p for p in waiting if p.asset_id in memory.detected and p.id not in memory.faceless]
        others = [p for p in waiting if p.asset_id not in memory.detected]
        due: list[float] = []
        asking = bool(memory.faceless) and await self._may_ask(more=bool(others))
        if detected or asking:
            if asking or context.clock.monotonic() >= self._recognition_due:
                last = await context.server.recognition_jobs()
                await self._while_recognising(detected, last, more=bool(others))
            due.append(self._recognition_due)
        if others:
            if context.clock.monotonic() >= self._counts_due:
                self._counts_due = context.clock.monotonic() + await self._while_detecting(others)
            due.append(self._counts_due)
        # None due: photos without a face alone are left, and others about to follow.
        return max(0.0, min(due) - context.clock.monotonic()) if due else SHORTEST_PAUSE

    async def _while_detecting(self, waiting: Sequence[Photo]) -> float:
        """See whether detection is over for some of these; seconds until it is worth another look."""
        context = self._context
        self.counts = await context.server.queue_counts()
        upstream = pending(self.counts) - self._recognition_pending()
        if upstream > 0 and not self._overdue(upstream, len(waiting)):
            return self._pace.pause(context.clock.monotonic(), upstream)

        known = await self._resolve(waiting, idle=upstream == 0)
        if known:
            look = await context.server.look(await self._libraries(waiting))
            self._looked_at = context.clock.monotonic()
            self._memory.detected |= look.detected({p.asset_id for p in known if p.asset_id})
            finished = [p for p in known if p.asset_id in self._memory.detected]
            if finished:
                more = len(finished) < len(waiting)
                await self._while_recognising(finished, look.listings[-1], more=more)
                if not more:
                    return max(0.0, self._recognition_due - context.clock.monotonic())
        return self._pace.pause(context.clock.monotonic(), max(upstream, 1))

    # --- waiting for detection ---------------------------------------------------------------

    def _recognition_pending(self) -> int:
        count = self.counts.get(RECOGNITION)
        return count.pending if count else 0

    def _overdue(self, upstream: int, waiting: int) -> bool:
        """True when the counts cannot tell about our photos, because others' jobs are among them."""
        if upstream <= _OTHERS_TRAFFIC * waiting + len(CHAIN):
            return False
        return self._context.clock.monotonic() - self._looked_at >= self._context.tuning.wait_time_seconds

    async def _resolve(self, waiting: Sequence[Photo], *, idle: bool) -> list[Photo]:
        """Give placed photos their asset ids; the photos that have one, as the ledger now says."""
        context = self._context
        placed = [p for p in waiting if p.asset_id is None]
        if placed:
            names = await context.ledger.aread(lambda db: photos.names_of(db, [p.id for p in placed]))
            paths = {
                p.id: context.in_immich(n.path)
                for p in placed
                for n in names[p.id]
                if n.area is Area.LIBRARY and n.member is Member.PHOTO
            }
            found = await context.server.resolve(list(paths.values()))
            now = context.clock.text()
            changes = [
                Change(
                    p.id,
                    state=State.KNOWN,
                    expect=(State.PLACED,),
                    values={"asset_id": found[paths[p.id]].id, "known_at": now},
                )
                for p in placed
                if p.id in paths and paths[p.id] in found
            ]
            await context.commit(changes)
            resolved = {change.photo_id for change in changes}
            missing = [p for p in placed if p.id not in resolved]
            if missing and idle:
                await self._not_imported(missing)
        fresh = await context.ledger.aread(lambda db: photos.by_ids(db, [p.id for p in waiting]))
        return [p for p in fresh if p.state is State.KNOWN]

    async def _not_imported(self, missing: Sequence[Photo]) -> None:
        """Immich is idle and has no asset for these: scan again, in the end give up on them.

        Never without scans of our own: then it is Immich that decides when it looks.
        """
        context = self._context
        if not context.tuning.trigger_scan:
            return
        looks = {p.id: self._memory.unresolved.get(p.id, 0) + 1 for p in missing}
        # Three looks on an idle server without it: the scan missed it or never ran.
        for shard in sorted({p.shard for p in missing if p.shard is not None and looks[p.id] % 3 == 0}):
            await self._shelve.check_readable(shard)
            await self._shelve.scan(shard)
        self._memory.unresolved |= looks
        gave_up = [p for p in missing if looks[p.id] > 3 * (context.tuning.max_retries + 1)]
        why = "Immich scanned the library and did not import it"
        await self._router.route([Verdict(p, Evidence(gave_up=why)) for p in gave_up])

    # --- waiting for recognition -------------------------------------------------------------

    async def _libraries(self, waiting: Sequence[Photo]) -> set[str]:
        """The external libraries these photos are in: only their scans make a look inconclusive."""
        shards = {p.shard for p in waiting if p.shard is not None}
        found = [await self._shelve.library_of(shard) for shard in sorted(shards)]
        return {library_id for library_id in found if library_id is not None}

    async def _while_recognising(self, detected: Sequence[Photo], last: Listing, *, more: bool) -> None:
        """Detection is over for these: file those whose faces are assigned while the rest goes on.

        `last` is what recognition has to do, read after the proof; Immich runs one job at a time. `more`
        tells that detection has other photos of ours.
        """
        context, memory = self._context, self._memory
        final = self._final(detected, last)
        asking = await self._may_ask(more=more)
        stuck = self._stuck
        if stuck:
            self._shelve.let_through = frozenset()  # nothing more is handed over while nothing can be filed
        elif not asking:
            self._let_through()
        self._stuck = True
        finished = [p for p in detected if p.asset_id in final]
        others = [p for p in detected if p.asset_id not in final]
        await self._conclude(finished, _NOTHING)
        if memory.faceless and (asking or await self._may_ask(more=more)):
            await self._judge_faceless(list(memory.faceless.values()))
            memory.faceless.clear()
        self._stuck = stuck and not finished
        if not self._stuck:
            self._let_through()
        if not others:
            left_over = [p for p in finished if p.asset_id in memory.detected and p.id not in memory.faceless]
            self._recognition_due = context.clock.monotonic() + (SHORTEST_PAUSE if left_over else 0.0)
            return
        left = len(last.ids)
        if left != memory.seen_in_recognition:
            memory.seen_in_recognition = left
            assigned: set[str] = set()
            for library_id in await self._libraries(others):
                placed = [p.placed_at for p in others if p.placed_at]
                since = datetime.fromisoformat(min(placed)).astimezone(UTC) - _CLOCK_SKEW
                assigned |= await context.server.assets_with_people(library_id, since)
            await self._conclude([p for p in others if p.asset_id in assigned], last)
        now = context.clock.monotonic()
        self._recognition_due = now + self._recognition_pace.pause(now, left)

    async def _may_ask(self, *, more: bool) -> bool:
        """Whether now is the time for the question about photos without a face.

        Detection has to be idle for it, so the next batch is held back for that moment.
        """
        if more:
            return False
        counts = await self._context.ledger.aread(photos.unfinished)
        if not any(counts.get(state) for state in BACKLOG):
            return True
        waited = self._context.clock.monotonic() - self._memory.faceless_since
        return bool(self._memory.faceless) and waited >= FACELESS_SECONDS

    def _let_through(self) -> None:
        """Tell the shelves which photos no longer keep recognition from starting: others may follow."""
        through = frozenset(i for cohort in self._memory.cohorts for i in cohort.assets.values())
        if through - self._shelve.let_through:
            self._ring_for_more()
        self._shelve.let_through = through

    def _final(self, detected: Sequence[Photo], last: Listing) -> set[str]:
        """Assets whose own faces recognition is through with."""
        memory = self._memory
        for cohort in memory.cohorts:
            cohort.assets = {a: i for a, i in cohort.assets.items() if a in memory.detected}
            if not last.full:
                cohort.open_faces &= last.ids
        memory.cohorts = [cohort for cohort in memory.cohorts if cohort.assets]
        if not last.collective and not last.full:
            known = {asset for cohort in memory.cohorts for asset in cohort.assets}
            fresh = {p.asset_id: p.id for p in detected if p.asset_id and p.asset_id not in known}
            if fresh:
                self._recognition_pace.restart()  # what went before was waiting for the queue-all
                memory.cohorts.append(_Cohort(fresh, last.ids))
        return {asset for cohort in memory.cohorts if not cohort.open_faces for asset in cohort.assets}

    async def _conclude(self, finished: list[Photo], last: Listing) -> int:
        """As `_judge`, in portions, so that the first photos are filed before the last is read.

        The faces of a portion are read while the one before is being filed.
        """
        if not finished:
            return 0
        await self._people.refresh()
        done = 0
        portions = list(_portions(finished))
        reading = asyncio.ensure_future(self._read_faces(portions[0], last))
        try:
            for portion, following in zip(portions, [*portions[1:], []], strict=True):
                await reading
                reading = asyncio.ensure_future(self._read_faces(following, last))
                done += await self._judge(portion, last)
            await reading
        finally:
            if not reading.done():
                reading.cancel()
                with suppress(asyncio.CancelledError):
                    await reading
        return done

    async def _judge(self, finished: Sequence[Photo], last: Listing) -> int:
        """Route those of the photos whose faces, read already, are final; how many.

        `last` is the recognition queue, read after the proof and before the faces.
        """
        context, memory = self._context, self._memory
        ready: list[tuple[Photo, Sequence[Face]]] = []
        unassigned: list[Photo] = []
        for photo in finished:
            asset_id = photo.asset_id or ""
            faces = memory.faces.get(asset_id)
            if faces is None or _in_recognition(last, faces):
                continue
            if not faces and context.tuning.retry_if_no_faces:
                if not memory.faceless:
                    memory.faceless_since = context.clock.monotonic()
                memory.faceless[photo.id] = photo
            elif self._worth_another_recognition(faces):
                unassigned.append(photo)
            else:
                ready.append((photo, faces))
        if unassigned:
            await self._recognise_again(unassigned)
        return await self._route(await self._gather.verdicts(ready))

    async def _judge_faceless(self, without: Sequence[Photo]) -> int:
        """Route those photos without a face whose detection is proved to be over; how many."""
        answer = await self._detections.ask({p.asset_id for p in without if p.asset_id})
        if not answer.asked:
            return 0  # the next look comes back to these
        unproved = [p for p in without if p.asset_id not in answer.finished]
        await self._rest(unproved, answer)
        most = self._context.tuning.max_retries
        in_vain = [p for p in unproved if self._memory.asked.get(p.asset_id or "", 0) > most]
        verdicts = [Verdict(p, Evidence(gave_up=self._why_in_vain(p))) for p in in_vain]
        proved = await self._still_faceless([p for p in without if p.asset_id in answer.finished])
        verdicts += await self._gather.verdicts([(photo, ()) for photo in proved])
        return await self._route(verdicts)

    async def _still_faceless(self, finished: Sequence[Photo]) -> list[Photo]:
        """Those that have no face even now: a detection may be queued and over between two listings."""
        gate = asyncio.Semaphore(FACES_AT_ONCE)

        async def faceless(photo: Photo) -> bool:
            async with gate:
                try:
                    return not await self._context.server.faces(photo.asset_id or "")
                except ImmichRejected:
                    return False  # gone since; found out when its faces are read again

        answers = await asyncio.gather(*(faceless(p) for p in finished))
        for photo, none in zip(finished, answers, strict=True):
            if not none:
                # Faces after all: it goes through the whole proof once more.
                self._memory.detected.discard(photo.asset_id or "")
                self._memory.faces.pop(photo.asset_id or "", None)
        return [p for p, none in zip(finished, answers, strict=True) if none]

    async def _route(self, verdicts: Sequence[Verdict]) -> int:
        done = set(await self._router.route(verdicts))
        if done:
            self._ring_for_more()
        self._forget([v.photo for v in verdicts if v.photo.id in done])
        return len(done)

    def _ring_for_more(self) -> None:
        """Photos have left the bounded flight."""
        self._context.bells.ring(State.HASHED, State.UNIQUE)

    async def _recognise_again(self, unassigned: Sequence[Photo]) -> None:
        """Have Immich try the faces that nobody was assigned to once more, now that people have changed."""
        try:
            await self._context.server.recognise_unassigned_faces()
        except ImmichRejected as busy:
            if not busy.retryable:
                raise
            return
        self._recognition_asked_for = self._people.version
        again = {p.asset_id or "" for p in unassigned}
        for asset_id in again:
            self._memory.faces.pop(asset_id, None)
        for cohort in self._memory.cohorts:
            cohort.assets = {a: i for a, i in cohort.assets.items() if a not in again}

    async def _read_faces(self, finished: Sequence[Photo], last: Listing) -> None:
        """Faces not read yet, and those read while recognition still had one of them."""
        gate = asyncio.Semaphore(FACES_AT_ONCE)

        async def read(asset_id: str) -> None:
            async with gate:
                faces = tuple(await self._context.server.faces(asset_id))
            self._memory.faces[asset_id] = faces
            open_faces = frozenset(f.id for f in faces if f.person is None)
            self._memory.open_faces[asset_id] = open_faces if last.collective else open_faces & last.ids

        known, before = self._memory.faces, self._memory.open_faces
        assets = {p.asset_id for p in finished if p.asset_id}
        wanted = sorted(a for a in assets if a not in known or (before.get(a, frozenset()) - last.ids))
        results = await asyncio.gather(*(read(a) for a in wanted), return_exceptions=True)
        gone: set[str] = set()
        for asset_id, result in zip(wanted, results, strict=True):
            if isinstance(result, ImmichRejected):
                gone.add(asset_id)
            elif isinstance(result, BaseException) and not isinstance(result, ImmichUnreachable):
                raise result
        unreachable = [r for r in results if isinstance(r, ImmichUnreachable)]
        if unreachable and len(unreachable) == len(results):
            raise unreachable[0]
        # An asset id changes when somebody deletes the asset in Immich and a scan imports the file again:
        # the path is asked once more, and nothing is concluded from a missing id.
        lost = [p for p in finished if p.asset_id in gone]
        self._forget(lost)
        await self._context.commit(
            [Change(p.id, state=State.PLACED, values={"asset_id": None, "known_at": None}) for p in lost]
        )

    def _worth_another_recognition(self, faces: Sequence[Face]) -> bool:
        """Faces from before their person existed stay unassigned: ask again when people have changed."""
        if not any(f.person is None for f in faces):
            return False
        return self._recognition_asked_for != self._people.version

    # --- no face: not a verdict yet ----------------------------------------------------------

    async def _rest(self, unproved: Sequence[Photo], answer: Detection) -> None:
        """Leave photos alone for a while whose detection was started again or could not be judged."""
        context, memory = self._context, self._memory
        until = context.clock.monotonic() + context.tuning.wait_time_seconds
        for photo in unproved:
            asset_id = photo.asset_id or ""
            memory.asked[asset_id] = memory.asked.get(asset_id, 0) + 1
            memory.rest_until[asset_id] = until
            memory.doubt[asset_id] = "" if asset_id in answer.unfinished else answer.doubt
            memory.detected.discard(asset_id)
            memory.faces.pop(asset_id, None)
        now = context.clock.text()
        await context.commit(
            [
                Change(p.id, values={"detection_asked_at": now, "retries": memory.asked[p.asset_id or ""]})
                for p in unproved
            ]
        )

    def _why_in_vain(self, photo: Photo) -> str:
        asset_id = photo.asset_id or ""
        times, doubt = self._memory.asked.get(asset_id, 0), self._memory.doubt.get(asset_id, "")
        if doubt:
            return f"asked {times} times, it could not be proved that it was looked at: {doubt}"
        return f"face detection failed {times} times"

    def _forget(self, done: Sequence[Photo]) -> None:
        for photo in done:
            asset_id = photo.asset_id or ""
            self._memory.detected.discard(asset_id)
            self._memory.faces.pop(asset_id, None)
            self._memory.open_faces.pop(asset_id, None)
            self._memory.asked.pop(asset_id, None)
            self._memory.rest_until.pop(asset_id, None)
            self._memory.doubt.pop(asset_id, None)
            self._memory.unresolved.pop(photo.id, None)


def _portions(finished: Sequence[Photo]) -> Iterator[Sequence[Photo]]:
    start, size = 0, FIRST_PORTION
    while start < len(finished):
        yield finished[start : start + size]
        start, size = start + size, min(2 * size, LARGEST_PORTION)


def _in_recognition(last: Listing, faces: Sequence[Face]) -> bool:
    """True while recognition may still assign one of the faces."""
    open_faces = [f for f in faces if f.person is None]
    if not open_faces:
        return False
    return last.collective or last.full or any(f.id in last.ids for f in open_faces)
