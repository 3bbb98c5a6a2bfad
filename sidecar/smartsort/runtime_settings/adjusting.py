"""The least confidence follows the answers to spot checks, a bounded step at a time."""

from __future__ import annotations

import asyncio
import logging
import statistics
from collections.abc import Callable, Sequence

from sqlite_utils import Database

from smartsort.core import wrong_limit
from smartsort.core.similarity import Likeness
from smartsort.core.wrong_limit import Observed
from smartsort.ledger import events, key_value, spot_checks
from smartsort.pipeline.engine.context import Context
from smartsort.runtime_settings.settings import RuntimeSettings

log = logging.getLogger(__name__)

LOOK_SECONDS = 3600.0
"""Between two comparisons of all galleries with each other: 200 of them take some tenths of a second."""

_ADJUSTED_AT = "adjusted_at_answers"
"""How many answers there were at the last adjustment. An undo leaves it, so that new answers are awaited."""


class Adjusting:
    """Looks at the answers, and at the galleries now and then. `galleries` are those of all named people."""

    def __init__(
        self,
        context: Context,
        runtime_settings: RuntimeSettings,
        galleries: Callable[[], Sequence[Likeness]],
    ) -> None:
        self._context, self._settings, self._galleries = context, runtime_settings, galleries
        self._looked_at: float | None = None
        self._seen = 0

    async def step(self) -> None:
        """Take one step towards where the answers lead, if there are enough new ones."""
        await self._look()
        ledger = self._context.ledger
        newest = await ledger.aread(events.last_id)
        if newest == self._seen:
            return
        self._seen = newest
        observed = await ledger.aread(spot_checks.observed)
        if observed == self._settings.observed:
            return
        self._settings.observed = observed
        limit, checked = self._settings.limit(), observed.checked
        adjusted_at = int(await ledger.aread(lambda db: key_value.get(db, _ADJUSTED_AT, 0)))
        # There are fewer answers than before when they were undone, or Immich has another model.
        if limit.by_hand or 0 <= checked - adjusted_at < wrong_limit.ENOUGH or checked < wrong_limit.ENOUGH:
            return
        now = limit.outlook.min_confidence
        to = wrong_limit.adjusted(now, limit.max_wrong_per_1000, observed.curve)
        if to is None:
            return
        why = _why(limit.max_wrong_per_1000, now, to, observed)
        await ledger.awrite(lambda db: key_value.put(db, _ADJUSTED_AT, checked))
        await asyncio.to_thread(self._settings.adjust, to, why)
        log.info("the least confidence is adjusted: %s", why)

    async def _look(self) -> None:
        """Measure the household: how many faces of its galleries look like another person."""
        now = self._context.clock.monotonic()
        if self._looked_at is not None and now - self._looked_at < LOOK_SECONDS:
            return
        people = self._galleries()
        if not people:
            return
        self._looked_at = now
        faces, alike = await asyncio.to_thread(wrong_limit.lookalikes, people)
        found = {
            "faces": faces,
            "alike": alike,
            "agreement": round(statistics.median(one.spread.agreement for one in people), 3),
            "level": round(people[0].level, 3),
        }

        def remember(db: Database) -> None:
            if key_value.get(db, key_value.HOUSEHOLD) != found:
                key_value.put(db, key_value.HOUSEHOLD, found)

        await self._context.ledger.awrite(remember)


def _why(limit: float, before: float, after: float, observed: Observed) -> str:
    return (
        f"{observed.wrong} of {observed.checked} checked were wrong, limit {limit:g} per 1,000, "
        f"so {before:.2f} became {after:.2f}"
    )
