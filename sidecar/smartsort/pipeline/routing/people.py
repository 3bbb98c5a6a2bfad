"""Immich's people, asked for when something hints at a change and remembered for a while."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from smartsort.core.model import Face, Person
from smartsort.core.naming import folder_name
from smartsort.core.policy import names_shared, same_humans
from smartsort.core.words import listed
from smartsort.ledger.person_folders import keep_apart, kept_apart
from smartsort.pipeline.engine.context import Context

log = logging.getLogger(__name__)

FRESH_SECONDS = 60.0
"""How old the people may be for new photos. Whoever is on one and not listed, or not under that name, has
them read at once, so this is only about people on none of the photos, who share a name since."""


PEOPLE_SECONDS = 900.0
"""How old the people may get. Then the call that an idle sidecar makes anyway reads them."""


class People:
    """All people of Immich and which of them share a name.

    `version` changes whenever somebody is added, named or renamed: then faces that nobody was assigned to
    are worth another look.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        context.apart = context.ledger.read(kept_apart)
        self._people: tuple[Person, ...] = ()
        self._read_at: float | None = None
        self._expired_at = -math.inf
        """An answer to what was asked before that may lack somebody."""
        self._unlisted: frozenset[tuple[str, str]] = frozenset()
        """People on photos, by id and name, that the list lacked although it was just read."""
        self._own: Mapping[str, Person] = {}
        self._shared: tuple[Person, ...] = ()
        """People whom others share and who are own people too. `_own` tells which, by their ids."""
        self.ambiguous: frozenset[str] = frozenset()
        self.noticed: list[Callable[[Sequence[Person]], object]] = []
        """Called, in a worker thread, with the people whenever somebody was added, named or renamed."""

    async def refresh(self, max_age: float = FRESH_SECONDS) -> Sequence[Person]:
        """Return the people, not older than `max_age` seconds."""
        if self.age >= max_age:
            before = None if self._read_at is None else self.version
            asked = self._context.clock.monotonic()
            everybody = await self._context.server.people()
            self._own = same_humans(everybody, self._context.tuning.different_people)
            self._shared = tuple(p for p in everybody if p.id in self._own)
            self._people = tuple(p for p in everybody if p.id not in self._own)
            self._read_at = asked if asked >= self._expired_at else None
            self.ambiguous = names_shared(self._people)
            if self.version != before:
                await self._keep_apart()
                for listener in self.noticed:
                    await asyncio.to_thread(listener, self._people)
        return self._people

    async def _keep_apart(self) -> None:
        context = self._context
        before = context.apart
        context.apart = await context.ledger.awrite(lambda db: keep_apart(db, self._people))
        for person in self._people:
            if person.id in context.apart - before:
                log.info(
                    "photos of %s go to the folder %s: another person's name has the same folder form, %s",
                    person.name,
                    context.person_folder(person),
                    folder_name(person.name),
                )

    async def keep_up(self, seen: Iterable[Person]) -> None:
        """Read the people again when one of these, just seen on a photo, is missing or has another name.

        Who stays missing is no news again: Immich leaves out those with archived photos only.
        """
        named = {(p.id, p.name) for p in seen if p.name}
        if named <= self._listed() | self._unlisted:
            return
        await self.refresh(max_age=0)
        self._unlisted |= named - self._listed()

    def _listed(self) -> frozenset[tuple[str, str]]:
        return frozenset((p.id, p.name) for p in (*self._people, *self._shared) if p.name)

    def own(self, person: Person) -> Person:
        """The own person who is the same human as one that another user shares, else the person itself."""
        return self._own.get(person.id, person)

    def on(self, faces: Iterable[Face]) -> tuple[Face, ...]:
        """Return the faces, each of an own person where there is one."""
        return tuple(f if f.person is None else replace(f, person=self.own(f.person)) for f in faces)

    @property
    def hint(self) -> str:
        """What to say of people who stand twice in Immich's list, "" for nothing."""
        if not self._shared:
            return ""
        twice = listed(tuple(dict.fromkeys(f"{p.name} ({p.shared_by})" for p in self._shared)))
        return (
            f"Other users share people with you who have the names of your own: {twice}. smartsort takes "
            "them for the same. Merge them in Immich. If they are different people, list the names in "
            "immich.different_people."
        )

    def expire(self) -> None:
        """Have the people read again when they are next asked for: smartsort has made one."""
        self._read_at, self._expired_at = None, self._context.clock.monotonic()

    @property
    def age(self) -> float:
        """Seconds since the people were read, infinite before."""
        return math.inf if self._read_at is None else self._context.clock.monotonic() - self._read_at

    @property
    def known(self) -> Sequence[Person]:
        """The people as last read, empty before."""
        return self._people

    @property
    def version(self) -> int:
        """A number for the set of named people as last read."""
        return hash(self._listed())
