"""An Immich in memory that has bad days, beside the FakeServer of `tests.fakes` that never has one."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from tests.fake_immich import FakeAsset, FakeServer, by_name
from tests.fakes import STAGES, FakeClock, World

from smartsort.core.completion import CHAIN, RECOGNITION, Listing, QueueCount, QueueCounts, QueueSnapshot
from smartsort.core.model import Face, Reason, State
from smartsort.errors import ImmichError, ImmichRejected
from smartsort.ledger import photos
from smartsort.ports import Listed


class Busy(ImmichRejected):
    """What starting a queue that is at work gives."""

    retryable = True

    def __init__(self) -> None:
        super().__init__("Job is already running", 400)


class FaultyImmich(FakeServer):
    """Does what a test says, until it is told otherwise; names are endings of paths.

    `at_work` maps queues to photos seen in them (faces of these in recognition); `collective` and `full` are
    queues whose listing proves nothing. Detection of photos in `undetected` has not finished: it shows no
    face, and does so still after it was asked for again while `ml_failing`. Faces of photos in `unassigned`
    get their person when recognition is asked for. With `fails_unseen` a repeated detection is gone before
    the queue can be listed, and so are the next `questions_unseen` questions. `failing` holds errors by call,
    raised in order.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.at_work: dict[str, set[str]] = {}
        self.collective: set[str] = set()
        self.full: set[str] = set()
        self.undetected: set[str] = set()
        self.unassigned: set[str] = set()
        self.failing: dict[str, list[Exception]] = {}
        self.ml_failing = False
        self.imports = True
        self.readable = True
        self.before: dict[str, Callable[[], None]] = {}
        self.fails_unseen = False
        self.questions_unseen = 0
        self.recognition_off = False

    def _call(self, name: str) -> None:
        super()._call(name)
        if name in self.before:
            self.before.pop(name)()
        if self.failing.get(name):
            raise self.failing[name].pop(0)

    def _import(self, path: str) -> None:
        if self.imports:
            super()._import(path)

    def _listing(self, queue: str) -> Listing:
        return Listing(
            queue, self._seen_in(queue), collective=queue in self.collective, full=queue in self.full
        )

    def _seen_in(self, queue: str) -> frozenset[str]:
        names = self.at_work.get(queue, set())
        assets = [a for a in self.assets.values() if _among(a, names)]
        if queue == RECOGNITION:
            return frozenset(f.id for a in assets for f in a.faces)
        return frozenset(a.id for a in assets)

    async def queue_counts(self) -> QueueCounts:
        self._call("queue_counts")
        return {
            name: QueueCount(waiting=len(self._seen_in(name)) + (name in self.collective)) for name in CHAIN
        }

    async def queue_snapshot(self, libraries: Collection[str] | None = None) -> QueueSnapshot:
        self._call("look")
        return QueueSnapshot(tuple(self._listing(name) for name in CHAIN))

    async def recognition_jobs(self) -> Listing:
        self._call("recognition_jobs")
        return self._listing(RECOGNITION)

    async def detection_jobs(self) -> Listing:
        self._call("detection_jobs")
        found = self._detection_listing()
        return replace(found, ids=found.ids | self._seen_in("faceDetection"))

    async def detect_missing_faces(self) -> None:
        self._call("detect_missing_faces")
        unfinished = [a.id for a in self.assets.values() if _among(a, self.undetected)]
        self._ask_for(unfinished, question_seen=not self.questions_unseen)
        if self.questions_unseen:
            self.questions_unseen -= 1
        if self.fails_unseen:
            self._queued = {}
        if not self.ml_failing:
            self.undetected.clear()

    async def detects_faces(self) -> bool:
        self._call("detects_faces")
        return not self.recognition_off

    async def recognise_unassigned_faces(self) -> None:
        self._call("recognise_unassigned_faces")
        self.unassigned.clear()

    async def faces(self, asset_id: str) -> Sequence[Face]:
        found = await super().faces(asset_id)
        asset = self.assets[asset_id]
        if _among(asset, self.undetected):
            return []
        if _among(asset, self.unassigned):
            return [Face(f.id, f.box, f.image_width, f.image_height, None) for f in found]
        return found

    async def listed(self, library_id: str, placed_after: datetime) -> Mapping[str, Listed]:
        found = await super().listed(library_id, placed_after)
        nobody = (*self.unassigned, *self.undetected)
        return {
            i: replace(one, people=frozenset()) if _among(self.assets[i], nobody) else one
            for i, one in found.items()
        }

    async def people_on(
        self, library_id: str, created_after: datetime, page: int
    ) -> tuple[Mapping[str, Mapping[str, str]], frozenset[str], bool]:
        found, thrown, more = await super().people_on(library_id, created_after, page)
        nobody: Mapping[str, str] = {}
        shown = {i: nobody if _among(self.assets[i], self.undetected) else who for i, who in found.items()}
        return shown, thrown, more

    async def validate_import_path(self, library_id: str, import_path: str) -> str | None:
        self._call("validate_import_path")
        return None if self.readable else "Path does not exist (ENOENT)"

    def delete(self, name: str) -> FakeAsset:
        """As a user who deletes an asset for good: the row goes, the file stays, a scan imports it again."""
        asset = self.asset_at(name)
        del self.assets[asset.id]
        return asset


def _among(asset: FakeAsset, names: Iterable[str]) -> bool:
    return any(asset.path.endswith(name) for name in names)


class FaultyWorld(World):
    """A World with a FaultyImmich, whose clock is all the time there is. `problems`: what stages raised."""

    server: FaultyImmich

    def __init__(self, root: str, *, server: FaultyImmich | None = None, **options: Any) -> None:
        people = options.pop("people", ("Anna", "Bella", "Carl", "Victor"))
        faulty = server or FaultyImmich(os.path.join(root, "library"), people, by_name)
        super().__init__(root, server=faulty, clock=options.pop("clock", SteadyClock()), **options)
        self.problems: list[ImmichError] = []


class SteadyClock(FakeClock):
    """A FakeClock whose monotonic time passes with its other one."""

    def __init__(self) -> None:
        super().__init__()
        self.monotonic = self._seconds

    def _seconds(self) -> float:
        return self.at.timestamp()


async def rounds(
    place: FaultyWorld, count: int, seconds: float = 1.0, stages: Sequence[str] = STAGES
) -> None:
    """So many turns of the stages, each after a while; errors of Immich leave photos waiting."""
    for _ in range(count):
        for name in stages:
            try:
                await place.stage(name)
            except ImmichError as problem:
                place.problems.append(problem)
        place.clock.pass_by(seconds=seconds)


async def at_rest(place: FaultyWorld, turns: int = 60) -> None:
    """Until every photo is at rest; fails when that never happens."""
    for _ in range(turns):
        await rounds(place, 1)
        if not place.ledger.read(photos.in_progress):
            return
    raise AssertionError(f"never at rest: {place.ledger.read(photos.in_progress)}")


def state(place: FaultyWorld, photo: int) -> State:
    """Where a photo is on its way."""
    return place.photo(photo).state


def reason_of(place: FaultyWorld, photo: int) -> Reason:
    """Why a photo is where it is: the deciding reason of its newest decision."""
    found = place.ledger.read(lambda db: photos.last_decision(db, photo))
    assert found is not None
    return found[3][0]
