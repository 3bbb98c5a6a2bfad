"""placed -> known -> routed: notice that Immich is done, by its REST API alone.

One watcher serves all waiting photos. A cheap count tells when a look is worth its calls; the look, read
upstream to downstream, is the proof (`smartsort.core.completion`). Then each photo costs one call: its faces.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from smartsort.core.completion import CHAIN, RECOGNITION, Listing, QueueCounts, pending
from smartsort.core.model import Evidence, Face, State, Suggestion
from smartsort.errors import ImmichRejected, ImmichUnreachable
from smartsort.ledger import photos
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area, Member, Photo
from smartsort.pipeline.context import Context
from smartsort.pipeline.pace import SHORTEST_PAUSE, LookPace
from smartsort.pipeline.people import People
from smartsort.pipeline.route import Router, Verdict
from smartsort.pipeline.shelve import Shelve

FACES_AT_ONCE = 8
"""Concurrent requests for faces; more only queue up inside Immich."""

SUGGESTIONS = 5

_OTHERS_TRAFFIC = 3
"""More pending jobs than this many per waiting photo are somebody else's: then counts never reach zero and
looks are made on the clock instead."""

_CLOCK_SKEW = timedelta(minutes=10)

_LISTINGS_PER_QUESTION = 200


@dataclass(slots=True)
class _Waiting:
    """What the watcher remembers between looks; all of it can be found out again after a restart."""

    detected: set[str] = field(default_factory=set)
    """Assets whose detection is proved to be over."""
    faces: dict[str, tuple[Face, ...]] = field(default_factory=dict)
    """Faces of those, read after the proof."""
    unfinished_detection: set[str] = field(default_factory=set)
    """Assets that `detect_missing_faces` was seen to queue."""
    asked: dict[str, int] = field(default_factory=dict)
    """How often missing faces were asked for, by asset."""
    seen_in_recognition: int | None = None
    unresolved: dict[int, int] = field(default_factory=dict)
    """Looks that did not find an asset for a placed photo, by photo id."""


class Recognise:
    """Waits for Immich, then has every finished photo decided and routed."""

    takes = (State.PLACED, State.KNOWN)

    def __init__(self, context: Context, router: Router, people: People, shelve: Shelve) -> None:
        self._context, self._router, self._people, self._shelve = context, router, people, shelve
        self._pace = LookPace(longest=context.tuning.wait_time_seconds)
        self._memory = _Waiting()
        self._looked_at = 0.0
        self._recognition_asked_for: int | None = None
        self._batch: frozenset[int] = frozenset()
        self.counts: QueueCounts = {}
        """The queue counts last seen; what people are told about the wait."""

    async def step(self) -> float | None:
        """Look once. Seconds until the next look, None when no photo is waiting.

        Raises ImmichError; the photos go on waiting.
        """
        context = self._context
        if not context.enabled():
            return None
        waiting = await context.ledger.aread(
            lambda db: photos.in_state(db, (State.PLACED, State.KNOWN), 4 * context.tuning.max_in_flight)
        )
        if not waiting:
            self._memory = _Waiting()
            self._pace.restart()
            return None
        ids = frozenset(p.id for p in waiting)
        if not ids <= self._batch:
            self._pace.restart()
        self._batch = ids

        self.counts = await context.server.queue_counts()
        if self._all_detected(waiting):
            return await self._while_recognising(waiting)
        upstream = pending(self.counts) - self._recognition_pending()
        if upstream > 0 and not self._overdue(upstream, len(waiting)):
            return self._pace.pause(context.clock.monotonic(), upstream)

        known = await self._resolve(waiting, idle=upstream == 0)
        if not known:
            return self._pace.pause(context.clock.monotonic(), max(upstream, 1))
        look = await context.server.look()
        self._looked_at = context.clock.monotonic()
        self._memory.detected |= look.detected({p.asset_id for p in known if p.asset_id})
        finished = [p for p in known if p.asset_id in self._memory.detected]
        if not finished:
            return self._pace.pause(context.clock.monotonic(), max(upstream, 1))
        return await self._conclude(finished, look.listings[-1], len(known))

    # --- waiting for detection ---------------------------------------------------------------

    def _recognition_pending(self) -> int:
        count = self.counts.get(RECOGNITION)
        return count.pending if count else 0

    def _all_detected(self, waiting: Sequence[Photo]) -> bool:
        return all(p.asset_id is not None and p.asset_id in self._memory.detected for p in waiting)

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
            missing = [p for p in placed if p.id not in {c.photo_id for c in changes}]
            if missing and idle:
                await self._not_imported(missing)
        fresh = await context.ledger.aread(lambda db: photos.by_ids(db, [p.id for p in waiting]))
        return [p for p in fresh if p.state is State.KNOWN]

    async def _not_imported(self, missing: Sequence[Photo]) -> None:
        """Immich is idle and has no asset for these: scan again, in the end give up on them."""
        context = self._context
        gave_up: list[Verdict] = []
        shards: set[int] = set()
        for photo in missing:
            looks = self._memory.unresolved[photo.id] = self._memory.unresolved.get(photo.id, 0) + 1
            if looks > 3 * (context.tuning.max_retries + 1):
                why = "Immich scanned the library and did not import it"
                gave_up.append(Verdict(photo, Evidence(gave_up=why)))
            elif looks % 3 == 0 and photo.shard is not None:
                # Three looks on an idle server without it: the scan missed it or never ran.
                shards.add(photo.shard)
        for shard in shards:
            library_id = await self._shelve.library_of(shard)
            if library_id is not None and context.tuning.trigger_scan:
                await context.server.scan(library_id)
        await self._router.route(gave_up)

    # --- waiting for recognition -------------------------------------------------------------

    async def _while_recognising(self, waiting: Sequence[Photo]) -> float | None:
        """Detection is over for all: file those whose faces are assigned while the rest goes on."""
        context = self._context
        left = self._recognition_pending()
        if left == 0:
            listing = await context.server.recognition_jobs()
            return await self._conclude(list(waiting), listing, len(waiting))
        if left == self._memory.seen_in_recognition:
            return SHORTEST_PAUSE
        self._memory.seen_in_recognition = left
        assigned: set[str] = set()
        for shard in {p.shard for p in waiting if p.shard is not None}:
            library_id = await self._shelve.library_of(shard)
            placed = [p.placed_at for p in waiting if p.shard == shard and p.placed_at]
            if library_id is not None and placed:
                since = datetime.fromisoformat(min(placed)).astimezone(UTC) - _CLOCK_SKEW
                assigned |= await context.server.assets_with_people(library_id, since)
        listing = await context.server.recognition_jobs()
        ready = [p for p in waiting if p.asset_id in assigned]
        await self._conclude(ready, listing, len(waiting))
        return 2 * SHORTEST_PAUSE

    async def _conclude(self, finished: list[Photo], last: Listing, known: int) -> float | None:
        """Read the faces of photos whose detection is over and judge those that are final.

        `last` is the recognition queue, read after the proof and before the faces.
        """
        context = self._context
        await self._people.refresh()
        await self._read_faces(finished)
        verdicts: list[Verdict] = []
        no_face: list[Photo] = []
        unassigned: list[Photo] = []
        for photo in finished:
            asset_id = photo.asset_id or ""
            faces = self._memory.faces.get(asset_id)
            if faces is None:
                continue
            if _in_recognition(last, faces):
                self._memory.faces.pop(asset_id)  # to be read again once it is through
                continue
            if not faces and self._must_ask(photo):
                no_face.append(photo)
            elif not faces and photo.asset_id in self._memory.unfinished_detection:
                why = f"face detection failed {self._memory.asked.get(asset_id, 0)} times"
                verdicts.append(Verdict(photo, Evidence(gave_up=why)))
            elif self._worth_another_recognition(faces):
                unassigned.append(photo)
            else:
                verdicts.append(Verdict(photo, await self._evidence(faces)))
        if unassigned:
            self._recognition_asked_for = self._people.version
            await context.server.recognise_unassigned_faces()
            for photo in unassigned:
                self._memory.faces.pop(photo.asset_id or "", None)
        if no_face:
            faceless = await self._ask_for_missing_faces(no_face)
            verdicts += [Verdict(photo, Evidence()) for photo in faceless]
        done = await self._router.route(verdicts)
        self._forget([v.photo for v in verdicts if v.photo.id in set(done)])
        left = known - len(done)
        return SHORTEST_PAUSE if left > 0 else 0.0

    async def _read_faces(self, finished: Sequence[Photo]) -> None:
        gate = asyncio.Semaphore(FACES_AT_ONCE)

        async def read(asset_id: str) -> None:
            async with gate:
                self._memory.faces[asset_id] = tuple(await self._context.server.faces(asset_id))

        wanted = sorted({p.asset_id for p in finished if p.asset_id and p.asset_id not in self._memory.faces})
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

    async def _evidence(self, faces: Sequence[Face]) -> Evidence:
        strangers = [f for f in faces if f.person is None or not f.person.name]
        suggestions: dict[str, tuple[Suggestion, ...]] = {}
        if strangers:
            # One call a photo: the largest unknown face is the one a human is asked about first.
            largest = max(strangers, key=lambda f: f.share)
            closest = await self._context.server.closest_people(largest.id, SUGGESTIONS)
            suggestions[largest.id] = tuple(Suggestion(p) for p in closest if p.name)
        return Evidence(faces=tuple(faces), suggestions=suggestions)

    # --- no face: not a verdict yet ----------------------------------------------------------

    def _must_ask(self, photo: Photo) -> bool:
        """True while it is not proved that detection ran: a failed detection looks like no face."""
        tuning = self._context.tuning
        if not tuning.retry_if_no_faces:
            return False
        return self._memory.asked.get(photo.asset_id or "", 0) <= tuning.max_retries

    async def _ask_for_missing_faces(self, without: Sequence[Photo]) -> list[Photo]:
        """Have Immich queue exactly the photos whose detection never finished; the photos it did not queue.

        For these it is proved that there is no face. The others go on waiting. The queue is read without
        a pause until the job that fills it is gone: a detection that fails at once is gone soon after.
        """
        context, memory = self._context, self._memory
        assets = {p.asset_id for p in without if p.asset_id}
        await context.server.detect_missing_faces()
        seen: set[str] = set()
        for _ in range(_LISTINGS_PER_QUESTION):
            listing = await context.server.detection_jobs()
            seen |= listing.ids
            if not listing.collective:
                break
        else:
            # Still filling the queue: nothing is proved, the next look asks again.
            seen |= assets
        for asset_id in assets:
            memory.asked[asset_id] = memory.asked.get(asset_id, 0) + 1
        memory.unfinished_detection |= seen & assets
        memory.detected -= seen
        for asset_id in seen & assets:
            memory.faces.pop(asset_id, None)
        now = context.clock.text()
        queued = [p for p in without if p.asset_id in seen]
        await context.commit(
            [
                Change(p.id, values={"detection_asked_at": now, "retries": memory.asked[p.asset_id or ""]})
                for p in queued
            ]
        )
        return [p for p in without if p.asset_id not in seen]

    def _forget(self, done: Sequence[Photo]) -> None:
        for photo in done:
            asset_id = photo.asset_id or ""
            self._memory.detected.discard(asset_id)
            self._memory.faces.pop(asset_id, None)
            self._memory.asked.pop(asset_id, None)
            self._memory.unfinished_detection.discard(asset_id)
            self._memory.unresolved.pop(photo.id, None)


def _in_recognition(last: Listing, faces: Sequence[Face]) -> bool:
    """True while recognition may still assign one of the faces."""
    open_faces = [f for f in faces if f.person is None]
    if not open_faces:
        return False
    return last.collective or last.full or any(f.id in last.ids for f in open_faces)
