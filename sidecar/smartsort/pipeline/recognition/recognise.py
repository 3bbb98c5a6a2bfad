"""placed -> known -> routed: has Immich asked when `smartsort.core.recogniser` wants it, and nothing else.

The recogniser decides, the stage carries out and tells it what came of it. One stage serves all waiting
photos.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sqlite_utils import Database

from smartsort.core.completion import QueueCounts
from smartsort.core.filing import Limits
from smartsort.core.model import State
from smartsort.core.recogniser import Recogniser
from smartsort.core.recogniser_messages import Command, Event, Failed, Sleep, Waiting
from smartsort.ledger import films, photos
from smartsort.ledger.records import Photo
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.engine.runner import NothingProved
from smartsort.pipeline.recognition.executor import CommandExecutor
from smartsort.pipeline.recognition.place import BACKLOG, PlaceStage


class RecogniseStage:
    """Waits for Immich, then has every finished photo decided and routed."""

    takes = (State.PLACED, State.KNOWN)

    def __init__(self, context: Context, place_stage: PlaceStage, executor: CommandExecutor) -> None:
        self._context, self._place_stage, self._executor = context, place_stage, executor
        tuning = context.tuning
        self._recogniser = Recogniser(
            Limits(
                tuning.wait_time_seconds, tuning.max_retries, tuning.retry_if_no_faces, tuning.trigger_scan
            )
        )

    @property
    def counts(self) -> QueueCounts:
        """The queue counts last seen while photos wait. What users are told about the wait."""
        return self._recogniser.counts if self._context.enabled() else {}

    def is_resting(self, photo: Photo) -> bool:
        """Return True for a photo that shows nobody and is asked about later, together with others."""
        return self._recogniser.is_resting(photo.id)

    async def step(self) -> bool | float | None:
        """Do what is due. Seconds until more is. When no photo is waiting: whether this step did something.

        Raises ImmichError, and StorageError for what could not be filed. The photos go on waiting.
        """
        context, recogniser = self._context, self._recogniser
        if not context.enabled():
            return None

        def read(db: Database) -> tuple[list[Photo], bool]:
            waiting = photos.in_state(db, self.takes, 4 * context.tuning.max_in_flight)
            return waiting, films.any_ready(db, BACKLOG)

        waiting, more = await context.ledger.aread(read)
        self._executor.photos = {p.id: p for p in waiting}
        recogniser.receive(Waiting({p.id: p.asset_id for p in waiting}, more), context.clock.monotonic())
        worked = False
        while True:
            commands = recogniser.commands(context.clock.monotonic())
            self._let_through()
            sleep = commands[0]
            if not isinstance(sleep, Sleep):
                await self._carry_out(commands)
                worked = True
            elif sleep.until is None:
                return worked
            else:
                pause = max(0.0, sleep.until - context.clock.monotonic())
                # A look without an attempt to file says nothing about whether that works again.
                return NothingProved(pause) if sleep.stuck else pause

    async def _carry_out(self, commands: Sequence[Command]) -> None:
        """Run them side by side. The first that fails ends the others."""
        running = [asyncio.ensure_future(self._executor.run(command)) for command in commands]
        try:
            for command, each in zip(commands, running, strict=True):
                event: Event | None = Failed(command)
                try:
                    event = await each
                finally:
                    if event is not None:
                        self._recogniser.receive(event, self._context.clock.monotonic())
        finally:
            for each in running:
                each.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _let_through(self) -> None:
        """Tell the place stage which photos no longer keep recognition from starting: others may follow."""
        through = self._recogniser.let_through
        if through - self._place_stage.let_through:
            self._context.wakeups.notify(State.HASHED, State.UNIQUE)
        self._place_stage.let_through = through
