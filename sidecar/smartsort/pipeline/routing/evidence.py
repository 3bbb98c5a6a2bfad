"""From the faces of photos to the evidence their decision rests on, for new photos and for waiting ones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from sqlite_utils import Database

from smartsort.core.model import (
    Comparison,
    Evidence,
    Face,
    FaceMark,
    Film,
    Person,
    Quality,
    SortedBefore,
)
from smartsort.core.policy import called
from smartsort.files.media import Kind
from smartsort.ledger import adopted, face_marks, feedback, films, photos
from smartsort.ledger.records import Photo, origin_of
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.routing.near import NearCopy, NearDuplicates
from smartsort.pipeline.routing.people import People
from smartsort.pipeline.routing.route import PhotoEvidence
from smartsort.ports import Measuring

NOT_YET = "it was not looked through yet"
AT_ONCE = 4
"""Photos whose evidence is gathered at the same time."""


class EvidenceBuilder:
    """Gathers the evidence of photos.

    `near` None: near-duplicates do not matter. `measure` None: nobody tells how sure a match is.
    """

    def __init__(
        self,
        context: Context,
        people: People,
        near: NearDuplicates | None = None,
        measure: Measuring | None = None,
    ) -> None:
        self._context, self._people = context, people
        self._near, self.measure = near, measure
        self.watch_again: Callable[[Photo, Film], Awaitable[Film]] | None = None
        """Looks through a video again of which nobody knows who is in it."""

    async def build(
        self,
        found: Sequence[tuple[Photo, Sequence[Face]]],
        before: Mapping[int, Evidence] | None = None,
    ) -> list[PhotoEvidence]:
        """Return photos with everything the decision needs to know, in order.

        `before` is older evidence by photo id, of photos that are re-evaluated: a near copy counts on unless
        a human has told the two apart, and a face that has another person now was given to them by a human.
        Raises ImmichError.
        """
        if not found:
            return []
        ids = [photo.id for photo, _ in found]
        before = before or {}
        ruled_out = await self._context.ledger.aread(lambda db: feedback.ruled_out_people(db, ids))
        marks = await self._context.ledger.aread(lambda db: face_marks.of_photos(db, ids))
        said = await self._said(ids)
        fresh = [photo for photo, _ in found if photo.id not in before]
        copies = dict(await self._near.find(fresh)) if self._near and fresh else {}
        videos = [photo.id for photo, _ in found if photo.media_kind == Kind.VIDEO.value]
        seen = await self._context.ledger.aread(lambda db: films.of_photos(db, videos)) if videos else {}
        copies |= await self._context.ledger.aread(lambda db: _still_copies(db, before))
        names = await self._context.ledger.aread(lambda db: photos.names_of(db, ids))
        origins = {photo.id: origin_of(photo, names[photo.id]) for photo, _ in found}
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(photo: Photo, faces: Sequence[Face]) -> PhotoEvidence:
            copy, faces = copies.get(photo.id), self._people.on(faces)
            evidence = Evidence(
                faces=faces,
                near_copy=copy.copy if copy else None,
                comparison=copy.comparison if copy else None,
                ruled_out=ruled_out.get(photo.id, frozenset()),
                confirmed=self._confirmed(faces, before.get(photo.id)),
                taken=photo.taken_at,
                origin=origins[photo.id],
                marks=self._today(face_marks.on_faces(marks.get(photo.id, ()), faces)),
                film=seen.get(photo.id, Film(unknown=NOT_YET) if photo.id in videos else None),
                hint=before[photo.id].hint if photo.id in before and not faces else None,
                sorted_before=said.get(photo.id),
            )
            async with gate:
                if self.measure is not None and photo.asset_id is not None:
                    evidence = await self._measured(self.measure, photo, photo.asset_id, evidence)
            return PhotoEvidence(photo, evidence)

        return list(await asyncio.gather(*(one(photo, faces) for photo, faces in found)))

    async def given_up(self, given: Sequence[tuple[Photo, str]]) -> list[PhotoEvidence]:
        """Return photos that Immich did not recognise in time, each with the reason."""
        ids = [photo.id for photo, _ in given]
        said = await self._said(ids)
        names = await self._context.ledger.aread(lambda db: photos.names_of(db, ids))

        def evidence(photo: Photo, why: str) -> Evidence:
            origin = origin_of(photo, names[photo.id])
            own = said.get(photo.id)
            return Evidence(gave_up=why, taken=photo.taken_at, origin=origin, sorted_before=own)

        return [PhotoEvidence(photo, evidence(photo, why)) for photo, why in given]

    async def _said(self, photo_ids: Sequence[int]) -> dict[int, SortedBefore]:
        """Return whose folders the photos lay in, with the people as Immich knows them now."""
        found = await self._context.ledger.aread(lambda db: adopted.said(db, photo_ids))
        return {
            i: replace(one, people=tuple(dict.fromkeys(map(self._person, one.people))))
            for i, one in found.items()
        }

    async def _measured(
        self, measure: Measuring, photo: Photo, asset_id: str, evidence: Evidence
    ) -> Evidence:
        policy, ambiguous = self._context.policy(), self._people.ambiguous
        found = await measure.complete(asset_id, evidence, policy, ambiguous)
        if found.film is not None and found.film.unknown and self.watch_again is not None:
            film = await self.watch_again(photo, found.film)
            if film.is_judged:
                found = await measure.complete(asset_id, replace(evidence, film=film), policy, ambiguous)
        return found

    def _today(self, marks: Mapping[str, FaceMark]) -> dict[str, FaceMark]:
        """Return the marks with the people as Immich knows them now: a merge or a reset gives others ids."""
        return {
            i: replace(mark, person=mark.person and self._person(mark.person)) for i, mark in marks.items()
        }

    def _person(self, person: Person) -> Person:
        same = [p for p in self._people.known if p.id == person.id] or called(person.name, self._people.known)
        return same[0] if len(same) == 1 else person

    def _confirmed(self, faces: Sequence[Face], before: Evidence | None) -> frozenset[str]:
        """Faces that a human has moved from one person to another in Immich. Recognition never does that."""
        if before is None:
            return frozenset()
        # A person who is gone was merged or forgotten: then the faces went along and nobody looked at them.
        there = {p.id for p in self._people.known}
        was = {f.id: f.person.id for f in before.faces if f.person is not None and f.person.id in there}
        moved = {f.id for f in faces if f.person is not None and was.get(f.id, f.person.id) != f.person.id}
        kept = {f.id for f in faces if f.id in before.confirmed and f.person is not None and f.id in was}
        return frozenset(moved | kept)


def _still_copies(db: Database, before: Mapping[int, Evidence]) -> dict[int, NearCopy]:
    found = {}
    for photo_id, evidence in before.items():
        copy, compared = evidence.near_copy, evidence.comparison
        if copy is None:
            continue
        if feedback.copy_key(copy.photo_id, copy.asset_id) not in feedback.not_the_same(db, photo_id):
            found[photo_id] = NearCopy(copy, compared or Comparison(Quality()))
    return found
