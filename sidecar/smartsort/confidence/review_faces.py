"""Measures the faces of photos in review, one photo at a time, the newest first."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

from smartsort.confidence.faces import Faces
from smartsort.confidence.galleries import Galleries
from smartsort.core.model import Face, Hint, Person
from smartsort.ledger import photos, review_faces
from smartsort.ledger.photos import people_with_photos
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.routing.people import People

CALLS_PER_HOUR = 600
"""Pictures sent to the machine learning service while idle. Each takes it a second or two without a GPU."""

LISTED = 20
"""Photos looked up at a time. Newer ones that come meanwhile wait for two minutes."""

RIVALS = 5
"""People asked of Immich as the closest ones, where not everybody has a gallery yet."""

RETRIED_AFTER = timedelta(hours=1)
"""A photo or a gallery that could not be measured makes way for the others for so long."""


class ReviewFaces:
    """The faces of photos in review. What was measured is in the ledger, so a restart goes on."""

    def __init__(self, context: Context, people: People, faces: Faces, galleries: Galleries) -> None:
        self._context, self._people = context, people
        self._faces, self._galleries = faces, galleries
        self._next: deque[int] = deque()
        self._all_measured: tuple[str, int] | None = None
        """The model and the newest decision at which nothing was left to measure."""
        self.hints: dict[str, Hint] = {}
        """Of photos without a face, by asset, until a decision has taken them in."""
        self._later: dict[int | str, datetime] = {}
        """When photos and people's galleries that were tried in vain are tried again."""
        self.fresh: list[int] = []
        """Photos just measured. Who judges them again takes them out."""

    async def step(self) -> bool:
        """Look at one photo, or at one gallery to compare them with, False when there is none.

        Raises FaceServiceUnavailable, ImmichError, TimeoutError. The same is then tried again later.
        """
        ledger, photo_id = self._context.ledger, await self._following()
        if photo_id is None:
            return await self._gallery_of(await ledger.aread(people_with_photos))
        [photo] = await ledger.aread(lambda db: photos.by_ids(db, [photo_id]))
        last = await ledger.aread(lambda db: photos.last_decision(db, photo_id))
        if photo.asset_id is None or last is None:
            return True
        self._put_off(photo_id)
        faces = last[4].faces
        if not faces:  # it stays put off until the hint has become part of a decision
            self.hints[photo.asset_id] = await self._faces.hint(photo.asset_id)
            self.fresh.append(photo_id)
            return True
        if await self._gallery_of(await self._close_to(faces)):
            self._next.appendleft(photo_id)
        else:
            await self._faces.vectors(photo.asset_id, faces)
            self.fresh.append(photo_id)
        del self._later[photo_id]
        return True

    async def _gallery_of(self, person_ids: Sequence[str]) -> bool:
        """Put together the gallery of the first of these named people without one, False if there is none."""
        missing = {p.id: p for p in await self._missing()}
        person = next((missing[person_id] for person_id in person_ids if person_id in missing), None)
        if person is not None:
            self._put_off(person.id)
            await self._galleries.refresh(person)
        return person is not None

    async def _missing(self) -> list[Person]:
        people = self._people.known or await self._people.refresh()
        return [p for p in people if p.name and p.id not in self._later and not self._galleries.has(p)]

    def _put_off(self, what: int | str) -> None:
        self._later[what] = self._context.clock.now() + RETRIED_AFTER

    async def _following(self) -> int | None:
        now, ledger, model = self._context.clock.now(), self._context.ledger, self._galleries.model or ""
        self._later = {what: at for what, at in self._later.items() if at > now}
        if not self._next:
            state = model, await ledger.aread(review_faces.newest_decision)
            if state == self._all_measured:
                return None
            limit = LISTED + len(self._later)
            found = await ledger.aread(lambda db: review_faces.unmeasured(db, model, limit))
            self._next.extend(photo_id for photo_id in found if photo_id not in self._later)
            self._all_measured = None if found else state
        return self._next.popleft() if self._next else None

    async def _close_to(self, faces: Sequence[Face]) -> list[str]:
        """Ids of the people on a photo, and of those Immich finds closest to its largest unknown face."""
        found = [face.person for face in faces if face.person is not None and face.person.name]
        strangers = [face for face in faces if face.person is None or not face.person.name]
        if strangers and await self._missing():
            largest = max(strangers, key=lambda face: face.area_fraction)
            found += await self._context.server.closest_people(largest.id, RIVALS)
        return [person.id for person in found]
