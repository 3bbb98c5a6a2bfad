"""The queue engine: named queues of jobs with Immich's concurrency, listings and pauses."""

import asyncio
import inspect
import itertools
import logging
import random
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from smartsort.demo.timing import CONCURRENCY, REFUSED_SECONDS, Timing

log = logging.getLogger(__name__)
# Immich asks its queue for the jobs 0 to 1000, both included.
LISTED_PER_STATUS = 1001
# How long finished jobs may hold the event loop before requests get their turn.
SLICE_SECONDS = 0.004


class JobFailedError(Exception):
    """A job failed: as in Immich only a log line tells."""


@dataclass(slots=True)
class Job:
    """One job. `timestamp` is in milliseconds."""

    id: str
    queue: str
    name: str
    timestamp: int
    data: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "timestamp": self.timestamp, "data": self.data}


Handler = Callable[[Job], Awaitable[None] | None]
Gate = Callable[[Job], bool]


@dataclass(slots=True)
class Queue:
    name: str
    concurrency: int
    # Ordered: taking from the front of a plain dict gets slower with every job taken.
    waiting: OrderedDict[str, Job] = field(default_factory=OrderedDict)
    active: dict[str, Job] = field(default_factory=dict)
    names: Counter[str] = field(default_factory=Counter)
    paused: bool = False
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    scheduled: bool = False

    def counts(self) -> dict[str, int]:
        """Immich's counts: what is done or failed is forgotten at once, so both stay 0."""
        waiting = len(self.waiting)
        return {
            "active": len(self.active),
            "completed": 0,
            "failed": 0,
            "delayed": 0,
            "waiting": 0 if self.paused else waiting,
            "paused": waiting if self.paused else 0,
        }


class JobEngine:
    """Runs the jobs of all queues on the running event loop.

    A job's handler runs at the end of its time and adds what follows before the job leaves its queue, so that
    a photo is always to be seen somewhere. A job whose name has a gate waits, active, until the gate opens.
    One that is `refused` ends within milliseconds, so that hardly anybody ever sees it.
    """

    def __init__(self, queue_names: Iterable[str], timing: Timing, rng: random.Random) -> None:
        self.queues = {name: Queue(name, CONCURRENCY.get(name, 1)) for name in queue_names}
        self.handlers: dict[str, Handler] = {}
        self.gates: dict[str, Gate] = {}
        self.refused: Gate = lambda _: False
        self.failures: list[tuple[str, dict[str, Any], str]] = []
        self._timing = timing
        self._rng = rng
        self._due: deque[Job] = deque()
        self._pumping = False
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()

    def add(
        self,
        queue_name: str,
        name: str,
        data: dict[str, Any],
        *,
        job_id: str | None = None,
        only_one: bool = False,
        first: bool = False,
    ) -> None:
        """Put a job into a queue. It starts when the event loop comes round.

        With a `job_id`, or as the `only_one` of its name, it is dropped while such a one is there. `first`
        puts it before those that wait.
        """
        queue = self.queues[queue_name]
        number = next(queue.numbers)  # one that is dropped uses its number all the same
        identifier = job_id or str(number)
        if identifier in queue.waiting or identifier in queue.active:
            return
        if only_one and queue.names[name]:
            return
        queue.waiting[identifier] = Job(identifier, queue_name, name, int(time.time() * 1000), data)
        queue.names[name] += 1
        if first:
            queue.waiting.move_to_end(identifier, last=False)
        self._schedule(queue)

    def pause(self, queue_name: str, *, paused: bool) -> None:
        queue = self.queues[queue_name]
        queue.paused = paused
        self._schedule(queue)

    def clear(self, queue_name: str) -> None:
        """Forget the jobs that wait in a queue."""
        queue = self.queues[queue_name]
        queue.names.subtract(job.name for job in queue.waiting.values())
        queue.waiting.clear()

    def listing(self, queue_name: str, statuses: Iterable[str] | None = None) -> list[dict[str, Any]]:
        """Return the jobs of a queue as Immich lists them: by status, newest first, at most 1,001 of each."""
        queue = self.queues[queue_name]
        waiting_status = "paused" if queue.paused else "waiting"
        wanted = ("active", waiting_status) if statuses is None else tuple(statuses)
        listed: list[Job] = []
        for status in dict.fromkeys(wanted):
            held: Mapping[str, Job] = {}
            if status == "active":
                held = queue.active
            elif status == waiting_status:
                held = queue.waiting
            listed.extend(itertools.islice(reversed(list(held.values())), LISTED_PER_STATUS))
        return [job.as_json() for job in listed]

    @property
    def is_idle(self) -> bool:
        return not any(queue.active or (queue.waiting and not queue.paused) for queue in self.queues.values())

    def has_active(self, queue_name: str) -> bool:
        return bool(self.queues[queue_name].active)

    async def close(self) -> None:
        """Stop: jobs that run are dropped, as with a server that is switched off."""
        self._closed = True
        # Those just made have to begin first: what a task awaits is left behind when it never began.
        await asyncio.sleep(0)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _schedule(self, queue: Queue) -> None:
        if not queue.scheduled and not self._closed:
            queue.scheduled = True
            asyncio.get_running_loop().call_soon(self._start_waiting, queue)

    def _start_waiting(self, queue: Queue) -> None:
        queue.scheduled = False
        loop = asyncio.get_running_loop()
        while (
            queue.waiting and not queue.paused and len(queue.active) < queue.concurrency and not self._closed
        ):
            identifier, job = queue.waiting.popitem(last=False)
            queue.active[identifier] = job
            seconds = self._timing.of(job.name, len(queue.active) - 1, self._rng)
            if self.refused(job):
                seconds = min(seconds, REFUSED_SECONDS)
            if seconds > 0:
                loop.call_later(seconds, self._end, job)
            else:
                self._due.append(job)
        if self._due and not self._pumping:
            self._pumping = True
            loop.call_soon(self._pump)

    def _pump(self) -> None:
        until = time.monotonic() + SLICE_SECONDS
        while self._due and time.monotonic() < until:
            self._end(self._due.popleft())
        self._pumping = bool(self._due)
        if self._pumping:
            asyncio.get_running_loop().call_soon(self._pump)

    def _end(self, job: Job) -> None:
        if self._closed:
            return
        gate = self.gates.get(job.name)
        if gate is not None and not gate(job):
            asyncio.get_running_loop().call_later(self._timing.gate_poll_seconds, self._end, job)
            return
        handler = self.handlers.get(job.name)
        try:
            outcome = handler(job) if handler is not None else None
        except Exception as error:  # noqa: BLE001  a job's failure must not stop its queue
            self._note_failure(job, error)
            outcome = None
        if inspect.isawaitable(outcome):
            task = asyncio.ensure_future(self._finish_later(job, outcome))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._leave(job)

    async def _finish_later(self, job: Job, outcome: Awaitable[None]) -> None:
        try:
            await outcome
        except Exception as error:  # noqa: BLE001  as above
            self._note_failure(job, error)
        self._leave(job)

    def _leave(self, job: Job) -> None:
        queue = self.queues[job.queue]
        if queue.active.pop(job.id, None) is not None:
            queue.names[job.name] -= 1
        self._schedule(queue)

    def _note_failure(self, job: Job, error: Exception) -> None:
        self.failures.append((job.name, job.data, str(error)))
        if isinstance(error, JobFailedError):
            log.info("%s failed: %s", job.name, error)
        else:
            log.error("%s failed", job.name, exc_info=error)
