"""Immich's queues: how long they are, what is in them, and the two commands that fill gaps.

What was seen in every recording of both versions: a listing shows waiting and running jobs only, because a
job is removed as soon as it has ended, well or badly. A job does not tell its status. So no `status` is asked
for, and every job that is listed counts as not finished.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from immich_client.api.queues import list_jobs, list_queues, start_queue
from immich_client.models.job import Job
from immich_client.models.queue_command import QueueCommand
from smartsort.core.completion import (
    CHAIN,
    LISTING_LIMIT,
    RECOGNITION,
    Listing,
    QueueCount,
    QueueCounts,
    QueueSnapshot,
)
from smartsort.immich.connection import Connection, known

LIBRARY = "library"
DETECTION = "faceDetection"


class QueueCalls(Connection):
    """Calls that are about queues and jobs. The key's owner must be an administrator for all of them."""

    async def queue_counts(self) -> QueueCounts:
        """Job counts of all queues: one cheap call, a hint but not a proof."""
        found = await self._read("list_queues", list_queues.asyncio_detailed(client=self._client))
        return {
            queue.name: QueueCount(
                active=int(queue.statistics.active),
                waiting=int(queue.statistics.waiting),
                delayed=int(queue.statistics.delayed),
                paused=int(queue.statistics.paused),
                is_paused=bool(queue.is_paused),
            )
            for queue in found
        }

    async def queue_snapshot(self, libraries: Collection[str] | None = None) -> QueueSnapshot:
        """Return the queues of the chain, one after the other, upstream first.

        `queue_counts` are asked apart.

        A listing that fails is repeated before the next one is read, and raises when it keeps failing: a look
        is whole or there is none. `libraries` narrows which libraries' scans make it inconclusive: a long
        scan of somebody else's library says nothing about these. None: all of them.
        """
        return QueueSnapshot(listings=tuple([await self._listing(queue, libraries) for queue in CHAIN]))

    async def recognition_jobs(self) -> Listing:
        """Return the last queue of the chain alone. Enough once `look` has proved that detection is over."""
        return await self._listing(RECOGNITION, None)

    async def detection_jobs(self) -> Listing:
        """Return the `faceDetection` queue alone. Shows what `detect_missing_faces` has queued."""
        return await self._listing(DETECTION, None)

    async def _listing(self, queue: str, libraries: Collection[str] | None) -> Listing:
        jobs = await self._read("list_jobs", list_jobs.asyncio_detailed(queue, client=self._client))
        return listing(queue, jobs, libraries)

    async def detect_missing_faces(self) -> None:
        """Queue face detection for exactly the photos whose detection never finished.

        Raises `QueueBusy`, which is retryable, when the queue is at work.
        """
        await self._start(DETECTION)

    async def recognise_unassigned_faces(self) -> None:
        """Queue recognition for faces without a person. Raises `QueueBusy` as above."""
        await self._start(RECOGNITION)

    async def _start(self, queue: str) -> None:
        # `force` is always said and always false: left out, Immich does everything again, true, it throws
        # people and their names away.
        body = QueueCommand(command="start", force=False)
        await self._read("start_queue", start_queue.asyncio_detailed(queue, client=self._client, body=body))


def listing(queue: str, jobs: Sequence[Job], libraries: Collection[str] | None = None) -> Listing:
    """Return what the jobs of one queue say.

    A job with an id in its data counts as that id. One without stands for more than one photo, whatever it
    is called, and so do those named "...QueueAll" and those of the queue `library`. Since a job does not
    tell its status, a listing is full as soon as all its jobs together could be those of one status.
    """
    ids = set()
    collective = False
    numbers: dict[bool, set[int]] = {True: set(), False: set()}
    for job in jobs:
        own = job.data.additional_properties.get("id")
        one = queue != LIBRARY and isinstance(own, str) and not job.name.endswith("QueueAll")
        number = known(job.id, "")
        if number.isascii() and number.isdigit():
            numbers[one].add(int(number))
        if queue == LIBRARY:
            library = job.data.additional_properties.get("libraryId", own)
            collective |= libraries is None or not isinstance(library, str) or library in libraries
        elif one:
            ids.add(str(own))
        else:
            collective = True
    return Listing(
        queue=queue,
        ids=frozenset(ids),
        collective=collective,
        full=len(jobs) >= LISTING_LIMIT,
        numbers=frozenset(numbers[True]),
        collective_numbers=frozenset(numbers[False]),
    )
