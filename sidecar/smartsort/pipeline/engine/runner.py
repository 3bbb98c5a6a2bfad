"""Runs the stages side by side until it is told to stop, and lets none of them stop the others."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from smartsort.core.model import State
from smartsort.errors import (
    ClockJumped,
    ImmichError,
    ImmichRefused,
    ImmichUnreachable,
    LedgerError,
    RootUnavailable,
    SmartsortError,
    StorageError,
)
from smartsort.ledger import photos
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.engine.health import HealthIssueKind, HealthIssues

log = logging.getLogger(__name__)

FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 30.0
"""Seconds between two tries while something is wrong. Doubled from the first to the longest."""

RETRY_PROBLEMS_SECONDS = 60.0
IDLE_SECONDS = 30.0
"""A stage looks for work this often even when no notification comes."""

DRAIN_SECONDS = 8.0
"""How long a step that is under way may take to finish after SIGTERM. Docker kills after 10."""


class NothingProved(float):
    """Seconds until a step wants to try again what failed. Until then its health issues go on."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage as the runner sees it.

    `step` does a batch and tells how it went: True for "there may be more", False for "nothing to do", a
    number for "again in so many seconds", None for "nothing to do until it is notified". A number that is
    `NothingProved` ends no health issue. `uses` names the
    kinds of health issues about which a step that did something proves that they need not go on.
    `after_seconds`: from the start until the first step.
    """

    name: str
    takes: tuple[State, ...]
    step: Callable[[], Awaitable[bool | float | None]]
    uses: tuple[HealthIssueKind, ...] = ()
    after_seconds: float = 0.0


class Runner:
    """One task per stage. `stop` is set to end it. Steps under way are finished within a bound.

    `longest_backoff`: seconds. No health issue that is over is noticed later than after this.
    """

    def __init__(
        self,
        context: Context,
        stages: list[Stage],
        health_issues: HealthIssues,
        *,
        first_backoff: float = FIRST_BACKOFF,
        longest_backoff: float = LONGEST_BACKOFF,
        retry_problems: float = RETRY_PROBLEMS_SECONDS,
        drain: float = DRAIN_SECONDS,
    ) -> None:
        self.first_backoff, self.longest_backoff = first_backoff, longest_backoff
        self.retry_problems, self.drain, self.idle = retry_problems, drain, IDLE_SECONDS
        self._context, self._stages, self.health_issues = context, stages, health_issues
        self.stop = asyncio.Event()
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Work until `stop` is set. Raises only what no stage can wait out (a broken ledger)."""
        stages = [*self._stages, Stage("retries", (), self._retry_problems)]
        tasks = [asyncio.create_task(self._work(stage), name=f"stage {stage.name}") for stage in stages]
        stopper = asyncio.create_task(self.stop.wait(), name="stop")
        try:
            await asyncio.wait([stopper, *tasks], return_when=asyncio.FIRST_COMPLETED)
            self.stop.set()
            self._context.wakeups.notify_all()
            _, late = await asyncio.wait(tasks, timeout=self.drain)
            for task in late:
                log.warning(
                    "%s did not finish in %s s. It is resumed at the next start",
                    task.get_name(),
                    self.drain,
                )
                task.cancel()
        finally:
            stopper.cancel()
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _work(self, stage: Stage) -> None:
        backoff, wakeup = self.first_backoff, self._context.wakeups.subscribe(*stage.takes)
        stale = False
        if stage.after_seconds:
            await self._sleep(stage.after_seconds)
        while not self.stop.is_set():
            if self._context.ledger.damaged is not None:
                await self._give_up(stage)
                return
            self.health_issues.busy(stage.name)
            try:
                result = await stage.step()
            except Exception as problem:
                if isinstance(problem, LedgerError):
                    if self._context.ledger.damaged is None:
                        raise
                    await self._give_up(stage)
                    return
                if isinstance(problem, photos.StaleChange) and not stale:
                    # A human was faster with one of the photos, and nothing was written: look again.
                    stale = True
                    continue
                self._note(stage, problem)
                # Jitter keeps several sidecars from knocking at the same instant.
                await self._sleep(backoff * random.uniform(0.8, 1.2), self._over)  # noqa: S311
                backoff = min(self.longest_backoff, backoff * 2)
                continue
            backoff, stale = self.first_backoff, False
            if result is None or result is False:
                self.health_issues.idle(stage.name)
            elif isinstance(result, NothingProved):
                pass
            elif self.health_issues.well(stage.name, *stage.uses):
                self._over.set()  # whoever backed off because of it need not wait longer
                self._over = asyncio.Event()
            if result is True:
                await asyncio.sleep(0)
            elif result is not None and result is not False:
                await self._sleep(result)
            else:
                await self._sleep(self.idle, wakeup)
                wakeup.clear()

    async def _give_up(self, stage: Stage) -> None:
        """With a damaged ledger nothing is begun any more. smartsort stays, to say so."""
        self.health_issues.begin(HealthIssueKind.LEDGER, self._context.ledger.damaged or "", stage.name)
        await self.stop.wait()

    def _note(self, stage: Stage, problem: Exception) -> None:
        kind = kind_of(problem)
        if kind is HealthIssueKind.BUG:
            log.error("stage %s failed. It tries again", stage.name, exc_info=problem)
        self.health_issues.begin(kind, str(problem) or type(problem).__name__, stage.name)

    async def _sleep(self, seconds: float, sooner: asyncio.Event | None = None) -> None:
        """Wait, but not beyond `stop`, nor beyond `sooner`."""
        events = [self.stop] if sooner is None else [self.stop, sooner]
        waiters = [asyncio.ensure_future(event.wait()) for event in events]
        try:
            await asyncio.wait(waiters, timeout=max(seconds, 0.0), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()

    async def _retry_problems(self) -> float:
        if await self._context.ledger.awrite(photos.retry_problems):
            self._context.wakeups.notify_all()
        return self.retry_problems


def kind_of(problem: BaseException) -> HealthIssueKind:
    """Return which kind of health issue an error is."""
    kinds: tuple[tuple[type[BaseException], HealthIssueKind], ...] = (
        (ImmichUnreachable, HealthIssueKind.IMMICH),
        (ImmichRefused, HealthIssueKind.PERMISSION),
        (ImmichError, HealthIssueKind.IMMICH),
        (RootUnavailable, HealthIssueKind.ROOT),
        (StorageError, HealthIssueKind.STORAGE),
        (ClockJumped, HealthIssueKind.CLOCK),
        (SmartsortError, HealthIssueKind.SMARTSORT),
    )
    return next((name for kind, name in kinds if isinstance(problem, kind)), HealthIssueKind.BUG)
