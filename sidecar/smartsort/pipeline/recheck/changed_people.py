"""Which photos in review show somebody else now? One question to Immich at a time.

Immich tells nobody that a face was named or given to somebody else: neither the asset nor the person looks
changed (measured on 3.1.0). Two answers show it. A page of a search names the people on a thousand photos:
whoever came, went or got another name on a photo that waits. The list of people shows who was named or
renamed anywhere. They are asked for by turns, so that nothing new costs one call. A difference is followed up
at once, and changes come in bursts: after one the whole library is gone through in a hurry.

Where a search takes branches, it shows just the photos that wait, and the trash with them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from smartsort.core.model import Person
from smartsort.core.rules.faces import AMBIGUOUS_NAME
from smartsort.ledger import shards
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.recheck.waiting import Waiting
from smartsort.pipeline.routing.people import People

PAGES_IN_A_HURRY = 3
"""Pages of a turn while something is known to have changed, one otherwise."""

AT_ONCE = 700
"""Photos that wait in one search. With them the trash mostly fits into its page of a thousand."""

_CLOCK_SKEW = timedelta(minutes=10)


class ChangedPeople:
    """Goes through the people and the library by turns, comparing both with what decisions rest on."""

    def __init__(self, context: Context, people: People) -> None:
        self._context, self._people = context, people
        self._shard, self._page = 0, 1
        self._after = 0
        self._hurry = False
        self.thrown: set[str] = set()
        """Assets seen on these pages that a user has thrown away in Immich."""
        self._vain: dict[int, Mapping[str, str]] = {}
        """People seen on photos that could not be read or whose decision stayed the same."""

    @property
    def hurried(self) -> bool:
        """True while something is known to have changed."""
        return self._hurry

    def start_over(self) -> None:
        """Recognition was at work: the library is gone through from its beginning, and at once."""
        self._shard, self._page, self._after, self._hurry = 0, 1, 0, True

    def doubt(self, photo_id: int) -> None:
        """What was seen on this photo was not believed. Let it be noticed once more."""
        self._vain.pop(photo_id, None)

    async def look(self, waiting: Mapping[int, Waiting]) -> list[int]:
        """Return the photos that changed, as far as this turn tells. One call while nothing did.

        Raises ImmichError. The turn is then over.
        """
        found = await self._some_pages(waiting)
        if found:
            await self._people.refresh(max_age=0)
        return [*found, *self._renamed(waiting)]

    async def look_at_people(self, waiting: Mapping[int, Waiting]) -> list[int]:
        """Return the photos that changed, as far as the list of people tells. One call."""
        before = self._people.version
        await self._people.refresh(max_age=0)
        self._hurry |= self._people.version != before
        return self._renamed(waiting)

    def _renamed(self, waiting: Mapping[int, Waiting]) -> list[int]:
        people = {p.id: p for p in self._people.known}
        return renamed(waiting.values(), people, self._people.ambiguous)

    def next_portion(self, waiting: Mapping[int, Waiting]) -> list[Waiting]:
        """Return the photos whose turn it is to be searched for, from the first again after the last."""
        ids = sorted(waiting)
        portion = [i for i in ids if i > self._after][:AT_ONCE] or ids[:AT_ONCE]
        self._after = portion[-1] if portion and portion[-1] != ids[-1] else 0
        return [waiting[i] for i in portion]

    async def compare(
        self,
        waiting: Mapping[int, Waiting],
        portion: Sequence[Waiting],
        shows: Mapping[str, Mapping[str, str]],
    ) -> list[int]:
        """Return the photos that changed: some by what a search shows (names by asset), others by a name."""
        found = self._changed(shows, {w.asset_id: w for w in portion})
        await self._keep_up(shows)
        if found:
            await self._people.refresh(max_age=0)
        self._hurry = (self._hurry or bool(found)) and self._after > 0
        return [*found, *self._renamed(waiting)]

    async def _some_pages(self, waiting: Mapping[int, Waiting]) -> list[int]:
        """Compare the next page of the library, or the next few. From its beginning after its end."""
        libraries = await self._context.ledger.aread(
            lambda db: {s.number: s.library_id for s in shards.shards(db) if s.library_id is not None}
        )
        numbers = sorted({w.shard for w in waiting.values()} & libraries.keys())
        found: list[int] = []
        for _ in range((PAGES_IN_A_HURRY if self._hurry else 1) if numbers else 0):
            shard = next((s for s in numbers if s >= self._shard), numbers[0])
            if shard != self._shard:
                self._shard, self._page = shard, 1
            here = {w.asset_id: w for w in waiting.values() if w.shard == shard}
            found += await self._next_page(libraries[shard] or "", here)
            if self._shard > numbers[-1]:
                self._hurry = bool(found)
                break
        self._hurry |= bool(found)
        return found

    async def _next_page(self, library_id: str, here: Mapping[str, Waiting]) -> list[int]:
        since = min(w.placed_at for w in here.values())
        after = datetime.fromisoformat(since).astimezone(UTC) - _CLOCK_SKEW
        shows, thrown, more = await self._context.server.people_on(library_id, after, self._page)
        self.thrown |= thrown
        if more:
            self._page += 1
        else:
            self._shard, self._page = self._shard + 1, 1
        await self._keep_up(shows)
        return self._changed(shows, here)

    async def _keep_up(self, shows: Mapping[str, Mapping[str, str]]) -> None:
        """Read the people again when somebody shown has a name that the list lacks."""
        named = {Person(i, name) for names in shows.values() for i, name in names.items()}
        await self._people.keep_up(named)

    def _changed(self, shows: Mapping[str, Mapping[str, str]], here: Mapping[str, Waiting]) -> list[int]:
        found = []
        for asset_id, names in shows.items():
            own = (self._people.own(Person(i, name)) for i, name in names.items())
            people, one = {p.id: p.name for p in own}, here.get(asset_id)
            if one is None or people == one.people or self._vain.get(one.photo_id) == people:
                continue
            self._vain[one.photo_id] = people
            found.append(one.photo_id)
        return found


def renamed(
    waiting: Iterable[Waiting], people: Mapping[str, Person], ambiguous: Collection[str]
) -> list[int]:
    """Return photos with a person who was renamed, hidden or shown, or who shares their name no more."""
    found = []
    for one in waiting:
        other_name = any(i in people and people[i].name != name for i, name in one.people.items())
        unique = one.code == AMBIGUOUS_NAME.code and not any(i in ambiguous for i in one.people)
        hidden = any(i in people and people[i].hidden != (i in one.hidden) for i in one.people)
        if other_name or unique or hidden:
            found.append(one.photo_id)
    return found
