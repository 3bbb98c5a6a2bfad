"""From a whole file in `temp_downloads/` to a photo of the ledger, many at a time and exactly once.

Order: the ledger knows that the file is whole, the pipeline claims it, the ledger knows which photo it
became. A kill between the last two is repaired by the file's unique name, which the photo's row keeps.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace

from sqlite_utils import Database

from smartsort.errors import SmartsortError
from smartsort.files.problems import FileProblem
from smartsort.files.stamps import FileStamp, stamp
from smartsort.ledger import submissions
from smartsort.ledger.records import Area
from smartsort.ledger.submissions import Arrived, NewSubmission, Submission
from smartsort.pipeline.arrival.claim import Claimer, Offered
from smartsort.pipeline.engine.context import Context


@dataclass(slots=True)
class _Waiting:
    item: Submission
    others: tuple[NewSubmission, ...]
    done: asyncio.Future[int | SmartsortError]


class Handover:
    """Gives finished files to the pipeline. Calls that come together share their transactions."""

    def __init__(self, context: Context, claimer: Claimer) -> None:
        self._context, self._claimer = context, claimer
        self._waiting: list[_Waiting] = []
        self._under_way: dict[str, asyncio.Future[int | SmartsortError]] = {}
        self._task: asyncio.Task[None] | None = None

    async def hand_over(self, item: Submission, others: tuple[NewSubmission, ...] = ()) -> int:
        """Return the photo that `item` (its `part` and `name` set) became.

        `others` are further items that its URL gave. They are written with it and handed over later.
        Raises FileProblem or StorageError. Then the item stays open.
        """
        done = self._under_way.get(item.id)
        if done is None:
            done = self._under_way[item.id] = asyncio.get_running_loop().create_future()
            done.add_done_callback(lambda _: self._under_way.pop(item.id, None))
            self._waiting.append(_Waiting(item, others, done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name="hand over")
        # Shielded: another caller may wait for the same item.
        result = await asyncio.shield(done)
        if isinstance(result, SmartsortError):
            raise result
        return result

    async def finish(self) -> None:
        """Wait for what is under way."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await self._hand_over(batch)
            except SmartsortError as problem:
                _resolve(batch, problem)
            except BaseException as problem:
                for waiting in batch:
                    if not waiting.done.done():
                        waiting.done.set_exception(
                            problem if isinstance(problem, Exception) else asyncio.CancelledError()
                        )
                raise

    async def _hand_over(self, batch: list[_Waiting]) -> None:
        context = self._context
        at = context.clock.text()
        arrived = [Arrived(w.item.id, w.item.part or "", w.item.name or "photo", w.others) for w in batch]
        await context.ledger.awrite(lambda db: submissions.received(db, arrived, at))
        context.checkpoint("handover:received")
        paths = {w.item.id: part_path(context, w.item) for w in batch}
        known = await context.ledger.aread(lambda db: _known(db, paths))
        fresh: list[_Waiting] = []
        offers: list[Offered] = []
        stamps = await asyncio.to_thread(_stamps, [paths[w.item.id] for w in batch])
        for waiting, found in zip(batch, stamps, strict=True):
            if waiting.item.id in known:
                continue
            if isinstance(found, SmartsortError):
                _resolve([waiting], found)
                continue
            fresh.append(waiting)
            offers.append(_offer(waiting.item, paths[waiting.item.id], found))
        results = await self._claimer.claim(offers) if offers else []
        photo_of = dict(known)
        for waiting, result in zip(fresh, results, strict=True):
            if isinstance(result, SmartsortError):
                _resolve([waiting], result)
            else:
                photo_of[waiting.item.id] = result.id
        context.checkpoint("handover:claimed")
        await context.ledger.awrite(lambda db: submissions.accepted(db, photo_of, context.clock.text()))
        context.checkpoint("handover:linked")
        for waiting in batch:
            if waiting.item.id in photo_of:
                _resolve([waiting], photo_of[waiting.item.id])


def _resolve(batch: list[_Waiting], result: int | SmartsortError) -> None:
    """Tell those who still wait. A download that was broken off meanwhile does not."""
    for waiting in batch:
        if not waiting.done.done():
            waiting.done.set_result(result)


def _stamps(paths: list[str]) -> list[FileStamp | SmartsortError]:
    found: list[FileStamp | SmartsortError] = []
    for path in paths:
        try:
            found.append(stamp(path))
        except SmartsortError as problem:
            found.append(problem)
    return found


def _known(db: Database, paths: dict[str, str]) -> dict[str, int]:
    return {
        submission_id: photo.id
        for submission_id, path in paths.items()
        if (photo := submissions.photo_from(db, path)) is not None
    }


def _offer(item: Submission, path: str, found: FileStamp) -> Offered:
    return Offered(
        path,
        found,
        source=item.source,
        origin="url" if item.host else "upload",
        original_name=item.name or "photo",
        url=item.url,
    )


def part_path(context: Context, item: Submission) -> str:
    """Return where an item's file lies.

    It never leaves `temp_downloads/`. Raises FileProblem for another place.
    """
    temp = context.folder(Area.TEMP)
    part = item.part or f".download-{item.id}.part"
    path = os.path.normpath(os.path.join(temp, part))
    if not path.startswith(temp.rstrip("/") + "/"):
        raise FileProblem(f"the file of item {item.id} would lie outside {temp}", path)
    return path


def with_file(item: Submission, part: str, name: str) -> Submission:
    """Return the item with the file it got."""
    return replace(item, part=part, name=name)
