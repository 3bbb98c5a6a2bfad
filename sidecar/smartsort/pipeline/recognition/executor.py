"""Carries out what the recogniser wants: calls to Immich, and what the ledger has to know of the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import singledispatchmethod

from smartsort.core import recogniser_messages as message
from smartsort.core.model import Face, State
from smartsort.errors import ImmichRejected, ImmichUnreachable
from smartsort.files.media import Kind
from smartsort.ledger import photos
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area, Member, Photo
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.recognition.detection_proof import DetectionCheck
from smartsort.pipeline.recognition.place import PlaceStage
from smartsort.pipeline.recognition.unassigned import Unassigned
from smartsort.pipeline.routing.evidence import EvidenceBuilder
from smartsort.pipeline.routing.people import People
from smartsort.pipeline.routing.route import PhotoEvidence, Router
from smartsort.ports import Listed

AT_ONCE = 8
"""Concurrent requests for faces. More only queue up inside Immich."""

VIDEO_SECONDS = 0.2
"""How long photos that are finished meanwhile wait for the evidence of a video that is concluded alone."""


class CommandExecutor:
    """One method per command. Each raises ImmichError, and whoever files StorageError."""

    def __init__(
        self,
        context: Context,
        router: Router,
        people: People,
        place_stage: PlaceStage,
        evidence_builder: EvidenceBuilder,
        *,
        detection_check: DetectionCheck,
        unassigned: Unassigned,
    ) -> None:
        self._context, self._router, self._people, self._place_stage = context, router, people, place_stage
        self.evidence_builder, self._detection_check, self._unassigned = (
            evidence_builder,
            detection_check,
            unassigned,
        )
        self._measuring: dict[
            tuple[int, str | None, tuple[Face, ...]], asyncio.Task[list[PhotoEvidence]]
        ] = {}
        self.photos: dict[int, Photo] = {}
        """The photos that commands are about, as the ledger has them."""

    @singledispatchmethod
    async def run(self, command: message.Command) -> message.Event | None:
        """Carry out a command. What came of it, if anything did."""
        raise TypeError(f"no command of the recogniser: {command!r}")

    @run.register
    async def _take_counts(self, _: message.TakeCounts) -> message.Event:
        return message.Counted(await self._context.server.queue_counts())

    @run.register
    async def _take_look(self, command: message.TakeLook) -> message.Event:
        """Only scans of the libraries these photos are in make a look inconclusive."""
        return message.Looked(
            await self._context.server.queue_snapshot(await self._libraries(command.photos))
        )

    @run.register
    async def _list_faces(self, _: message.ListFaces) -> message.Event:
        return message.Listed(await self._context.server.recognition_jobs())

    @run.register
    async def _resolve(self, command: message.Resolve) -> message.Event:
        context = self._context
        names = await context.ledger.aread(lambda db: photos.names_of(db, command.photos))
        paths = {
            i: context.in_immich(n.path)
            for i in command.photos
            for n in names[i]
            if n.area is Area.LIBRARY and n.member is Member.PHOTO
        }
        found = await context.server.resolve(list(paths.values()))
        assets = {i: found[path].id for i, path in paths.items() if path in found}
        now = context.clock.text()
        await context.commit(
            [
                Change(
                    i, state=State.KNOWN, expect=(State.PLACED,), values={"asset_id": asset, "known_at": now}
                )
                for i, asset in assets.items()
            ]
        )
        fresh = await context.ledger.aread(lambda db: photos.by_ids(db, list(assets)))
        self.photos |= {p.id: p for p in fresh}
        return message.Resolved({p.id: p.asset_id or "" for p in fresh if p.state is State.KNOWN})

    @run.register
    async def _rescan(self, command: message.Rescan) -> None:
        shards = {self.photos[i].shard for i in command.photos}
        for shard in sorted(s for s in shards if s is not None):
            await self._place_stage.check_readable(shard)
            await self._place_stage.scan(shard)

    @run.register
    async def _search(self, command: message.Search) -> message.Event:
        placed = [at for i in command.photos if (at := self.photos[i].placed_at)]
        found: dict[str, Listed] = {}
        if placed:
            since = datetime.fromisoformat(min(placed)).astimezone(UTC)
            for library_id in await self._libraries(command.photos):
                found |= await self._context.server.listed(library_id, since)
        shown = {i: one for i in command.photos if (one := found.get(self._asset(i))) is not None}
        return message.Shown(
            {i for i, one in shown.items() if one.people},
            {i for i, one in shown.items() if not one.people},
            {i for i, one in shown.items() if one.has_preview},
        )

    @run.register
    async def _read_faces(self, command: message.ReadFaces) -> message.Event:
        """Read faces, and the people when they are old or a photo contradicts them.

        An asset id changes when a user deletes the asset in Immich and a scan imports the file again: its
        path is asked for once more, and nothing is concluded from a missing id. Raises when no photo could be
        read.
        """
        gate = asyncio.Semaphore(AT_ONCE)

        async def read(photo_id: int) -> tuple[Face, ...]:
            async with gate:
                return tuple(await self._context.server.faces(self._asset(photo_id)))

        results = await asyncio.gather(*map(read, command.photos), return_exceptions=True)
        faces: dict[int, tuple[Face, ...]] = {}
        gone: set[int] = set()
        problem: ImmichUnreachable | None = None
        for photo_id, result in zip(command.photos, results, strict=True):
            match result:
                case tuple():
                    faces[photo_id] = result
                case ImmichRejected():
                    gone.add(photo_id)
                case ImmichUnreachable():
                    problem = result
                case _:
                    raise result
        if problem is not None and not (faces or gone):
            raise problem
        values: Mapping[str, None] = {"asset_id": None, "known_at": None}
        await self._context.commit([Change(i, state=State.PLACED, values=values) for i in gone])
        if any(faces.values()):
            await self._people.refresh()
            await self._people.keep_up(f.person for found in faces.values() for f in found if f.person)
        return message.FacesRead(faces, gone, self._unassigned.worth_trying())

    @run.register
    async def _try_again(self, _: message.TryAgain) -> message.Event:
        return message.Tried(await self._unassigned.try_again())

    @run.register
    async def _ask_detection(self, command: message.AskDetection) -> message.Event:
        ids = {self._asset(i): i for i in command.photos}
        answer = await self._detection_check.ask(ids, [self._asset(i) for i in command.reached])
        # Recognition was through with them. A queue-all that is there now belongs to later photos.
        last = await self._context.server.recognition_jobs() if answer.asked else None
        finished, unfinished = {ids[a] for a in answer.finished}, {ids[a] for a in answer.unfinished}
        return message.Answered(last, finished, unfinished, answer.doubt)

    @run.register
    async def _conclude(self, command: message.Conclude) -> message.Event:
        """Photos that were routed have left the bounded flight: others may follow."""
        now, times = self._context.clock.text(), command.in_vain
        asked = [
            Change(i, values={"detection_asked_at": now, "retries": count}) for i, count in times.items()
        ]
        await self._context.commit(asked)
        given_up = [(self.photos[c.photo], c.gave_up) for c in command.conclusions if c.gave_up]
        entries = await self.evidence_builder.given_up(given_up)
        known = [(self.photos[c.photo], c.faces) for c in command.conclusions if not c.gave_up]
        done = await self._router.route([*entries, *await self._evidence(known)])
        if done:
            self._context.wakeups.notify(State.HASHED, State.UNIQUE)
        return message.Concluded(set(done))

    async def _evidence(self, known: Sequence[tuple[Photo, tuple[Face, ...]]]) -> list[PhotoEvidence]:
        """Return the evidence of photos, and of those videos of which it is complete.

        A video is held against everybody, or looked through again. That goes on beside, and the recogniser
        concludes it once more.
        """
        videos = [one for one in known if one[0].media_kind == Kind.VIDEO.value]
        for key in [key for key in self._measuring if key[0] not in self.photos]:
            self._measuring.pop(key).cancel()  # moved or trashed meanwhile: nobody asks for it any more
        tasks = []
        for photo, faces in videos:
            key = photo.id, photo.asset_id, faces
            if key not in self._measuring:
                task = asyncio.create_task(self.evidence_builder.build([(photo, faces)]))
                task.add_done_callback(_heard)
                self._measuring[key] = task
            tasks.append(key)
        entries = await self.evidence_builder.build([one for one in known if one not in videos])
        if tasks and not entries:  # most take no longer
            await asyncio.wait([self._measuring[key] for key in tasks], timeout=VIDEO_SECONDS)
        over = [self._measuring.pop(key) for key in tasks if self._measuring[key].done()]
        return [*entries, *(entry for task in over for entry in task.result())]

    def _asset(self, photo_id: int) -> str:
        return self.photos[photo_id].asset_id or ""

    async def _libraries(self, photo_ids: Iterable[int]) -> set[str]:
        """Return the external libraries these photos are in."""
        shards = {self.photos[i].shard for i in photo_ids}
        found = [
            await self._place_stage.library_of(shard) for shard in sorted(s for s in shards if s is not None)
        ]
        return {library_id for library_id in found if library_id is not None}


def _heard(task: asyncio.Task[list[PhotoEvidence]]) -> None:
    """Of several that fail the first is told; of a video that is moved meanwhile nobody asks."""
    if not task.cancelled():
        task.exception()
