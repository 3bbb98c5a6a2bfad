"""Notices people who were renamed in Immich, merged into others, or given new ids.

Ids count, names are looked up: a person who is renamed keeps the id, so the folder can follow. An id that
vanishes is found again by what Immich says of the photos filed under it. What cannot be told stays as it is.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from smartsort.core.model import Person
from smartsort.core.naming import folder_name, folder_names, former_folder_name
from smartsort.core.policy import called
from smartsort.errors import ImmichRejected
from smartsort.ledger import key_value
from smartsort.ledger.person_folders import PEOPLE_NAMES
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.routing.people import People

log = logging.getLogger(__name__)

SAMPLE = 5
"""Photos of a vanished person whose faces are read: as many calls, once."""

PAUSE_SECONDS = 15.0
"""Between two looks at the people the other stages have read."""

_GONE = "people_gone"


@dataclass(frozen=True, slots=True)
class Renamed:
    """A person whose own folder has another name now. `left` are those that the photos may lie in."""

    person_id: str
    was: str
    name: str
    folder: str
    left: tuple[str, ...]


class RenamesStage:
    """The stage that follows people. `follow` moves the folder, None when that is switched off."""

    def __init__(
        self, context: Context, people: People, follow: Callable[[Renamed], Awaitable[object]] | None
    ) -> None:
        self._context, self._people, self._follow = context, people, follow
        self._seen: int | None = None

    async def step(self) -> float:
        """Compare the people as last read with those photos are filed under.

        Return seconds until the next time.

        Asks nobody unless an id is gone. Raises ImmichError. Then it is done again.
        """
        if self._people.known and self._seen != self._people.version:
            await self._compare({p.id: p for p in self._people.known if p.name})
        return PAUSE_SECONDS

    async def _compare(self, people: Mapping[str, Person]) -> None:
        version = self._people.version
        ledger = self._context.ledger
        known: Mapping[str, str] = await ledger.aread(lambda db: key_value.get(db, PEOPLE_NAMES, {}))
        gone: Sequence[str] = await ledger.aread(lambda db: key_value.get(db, _GONE, []))
        filed = await ledger.aread(_filed_under)
        missing = [i for i in filed if i not in people and i in known and i not in gone]
        for person_id in missing:
            found = await self._found_again(person_id, known[person_id], people)
            if found is None:
                continue
            await ledger.awrite(lambda db, old=person_id, new=found.id: _rebind(db, old, new))  # type: ignore[misc]
            log.info("%s has a new id in Immich. Photos filed under the old one follow", found.name)
            await self._move(found, known[person_id])
        for person_id, person in people.items():
            if person_id in filed and person_id in known:
                await self._move(person, known[person_id])
        names = {i: p.name for i, p in people.items()}
        kept = {i: name for i, name in known.items() if i in filed and i not in names}
        still = [i for i in (*gone, *missing) if i in kept]

        def remember(db: Database) -> None:
            key_value.put(db, PEOPLE_NAMES, {**kept, **names})
            key_value.put(db, _GONE, still)

        await ledger.awrite(remember)
        self._seen = version

    async def _move(self, person: Person, was: str) -> None:
        folder = self._context.person_folder(person)
        before = folder_name(was, apart=person.id in self._context.apart)
        # What cannot be seen of a name was once part of its folder, and several people shared that.
        moved = folder != before or former_folder_name(was) not in ("", folder_name(was))
        left = tuple(name for name in folder_names(was) if name != folder)
        if self._follow is None or not moved:
            return
        if person.id in self._people.ambiguous:
            log.warning(
                "%s is called %s now, as another person is. The photos stay in the folder %s",
                was,
                person.name,
                folder_name(was),
            )
            return
        await self._follow(Renamed(person.id, was, person.name, folder, left))

    async def _found_again(self, person_id: str, name: str, people: Mapping[str, Person]) -> Person | None:
        """Return who is on the photos filed under an id that is gone: the one person most of them show now.

        Of the same name if nobody is on them. None when that is nobody, or several, or still the old one.
        """
        assets = await self._context.ledger.aread(lambda db: _sample(db, person_id))
        seen: Counter[str] = Counter()
        for asset_id in assets:
            try:
                faces = self._people.on(await self._context.server.faces(asset_id))
            except ImmichRejected:
                continue
            if any(f.person is not None and f.person.id == person_id for f in faces):
                return None  # only not listed, for instance because all photos are archived
            seen.update({f.person.id for f in faces if f.person is not None and f.person.id in people})
        if seen:
            best, count = seen.most_common(1)[0]
            return people[best] if 2 * count > len(assets) else None
        same = called(name, people.values())
        return same[0] if len(same) == 1 else None


def _filed_under(db: Database) -> frozenset[str]:
    rows = db.conn.execute(
        "SELECT DISTINCT person_id FROM names WHERE area = 'faces' AND person_id IS NOT NULL"
    )
    return frozenset(str(row[0]) for row in rows)


def _sample(db: Database, person_id: str) -> list[str]:
    """Return the newest photos filed under this person alone. Of a video Immich knows one frame."""
    rows = db.conn.execute(
        "SELECT p.asset_id FROM names AS n JOIN photos AS p ON p.id = n.photo_id"
        " WHERE n.area = 'faces' AND n.member = 'photo' AND n.person_id = ? AND p.asset_id IS NOT NULL"
        " AND p.faces_detected = 1 AND p.media_kind IS NOT 'video' ORDER BY p.id DESC LIMIT ?",
        (person_id, SAMPLE),
    )
    return [str(row[0]) for row in rows]


def _rebind(db: Database, old: str, new: str) -> None:
    for table in ("names", "photos", "ruled_out", "feedback"):
        db.conn.execute(
            f"UPDATE OR IGNORE {table} SET person_id = ? WHERE person_id = ?",  # noqa: S608 - our own tables
            (new, old),
        )
