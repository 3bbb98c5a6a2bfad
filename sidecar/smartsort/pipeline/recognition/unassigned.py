"""Has Immich try the faces that nobody was assigned to once more, when that may help.

Faces from before their person existed stay unassigned: two of somebody, and the third makes a person with one
face. It is asked once after people were named, and once after somebody unnamed was met on photos in review,
whoever wants it: the stage that waits for new photos or the one that looks after those in review.
"""

from __future__ import annotations

from collections.abc import Iterable

from smartsort.errors import ImmichRejected
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.routing.people import People

REFUSED_SECONDS = 1.0
"""Until it is asked again after recognition was at work."""


class Unassigned:
    """Starts recognition for faces without a person."""

    def __init__(self, context: Context, people: People) -> None:
        self._context, self._people = context, people
        self._asked_for: int | None = None
        self._met: frozenset[str] = frozenset()
        self._refused_until = 0.0

    def worth_trying(self, unnamed: Iterable[str] = ()) -> bool:
        """Return True when there were other people when recognition was last started.

        `unnamed` are the ids of people without a name, as met on photos.
        """
        return self._asked_for != self._people.version or not self._met.issuperset(unnamed)

    async def try_again(self, unnamed: Iterable[str] = ()) -> bool:
        """Start recognition for them, False while it is at work and has to be asked later.

        Raises ImmichError.
        """
        clock = self._context.clock
        if clock.monotonic() < self._refused_until:
            return False
        try:
            await self._context.server.recognise_unassigned_faces()
        except ImmichRejected as busy:
            if not busy.retryable:
                raise
            self._refused_until = clock.monotonic() + REFUSED_SECONDS
            return False
        self._asked_for = self._people.version
        self._met |= frozenset(unnamed)
        return True
