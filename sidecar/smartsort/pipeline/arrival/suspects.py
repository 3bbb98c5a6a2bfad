"""Which file was being read when smartsort itself died, so that no file ends it again and again.

Before files are read they are written down, a batch at a time. What stands there at a start was being read
when the last process ended: each is read by itself then. The one that was being read by itself when smartsort
died once more is not read a third time.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlite_utils import Database

from smartsort.core.model import State
from smartsort.ledger import key_value, photos
from smartsort.ledger.database import Ledger

_READING, _DEATHS = "being_read", "died_reading"

DEADLY = 2
"""Deaths after which a file is not read any more."""


class Suspects:
    """The photos that were being read when a process died."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._deaths: dict[int, int] | None = None
        self._reading: dict[str, list[int]] = {}

    async def deaths(self) -> dict[int, int]:
        """Return how often smartsort died while it read each, by photo id.

        Of those that are still to be read.
        """
        if self._deaths is None:
            self._deaths = await self._ledger.awrite(_take_over)
        return self._deaths

    async def begin(self, photo_ids: Sequence[int], reader: str = "") -> None:
        """Write down that these are about to be read, and nothing else is by this reader."""
        self._reading[reader] = list(photo_ids)
        reading = sorted(i for ids in self._reading.values() for i in ids)
        await self._ledger.awrite(lambda db: key_value.put(db, _READING, reading))

    async def end(self, photo_id: int) -> None:
        """Smartsort has read it and is alive."""
        deaths = await self.deaths()
        deaths.pop(photo_id, None)

        def write(db: Database) -> None:
            clear(db)
            key_value.put(db, _DEATHS, deaths)

        await self._ledger.awrite(write)


def clear(db: Database) -> None:
    """Nothing is being read. Written by a sidecar that ends as it should."""
    key_value.forget(db, _READING)


def _take_over(db: Database) -> dict[int, int]:
    deaths = {int(photo_id): count for photo_id, count in key_value.get(db, _DEATHS, {}).items()}
    reading: list[int] = key_value.get(db, _READING, [])
    for photo_id in reading:
        deaths[photo_id] = deaths.get(photo_id, 0) + 1
    waiting = {photo.id for photo in photos.by_ids(db, list(deaths)) if photo.state is State.CLAIMED}
    deaths = {photo_id: count for photo_id, count in deaths.items() if photo_id in waiting}
    if reading:
        key_value.put(db, _DEATHS, deaths)
        clear(db)
    return deaths
