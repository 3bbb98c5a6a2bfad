"""Confidence for the decision: measured where it can change something, and never made up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from smartsort.confidence import films
from smartsort.confidence.faces import Faces
from smartsort.confidence.films import SUGGESTED
from smartsort.confidence.galleries import Galleries
from smartsort.confidence.marks import Marks, strangers
from smartsort.confidence.review_faces import CALLS_PER_HOUR, RIVALS, ReviewFaces
from smartsort.confidence.service import FaceService, FaceServiceUnavailable
from smartsort.confidence.strangers import Strangers
from smartsort.core import similarity
from smartsort.core.decision import decide
from smartsort.core.model import (
    IN_PROGRESS,
    Confidence,
    Evidence,
    Face,
    Film,
    Outcome,
    Person,
    Suggestion,
)
from smartsort.core.policy import Policy, WhenUnknown
from smartsort.core.similarity import Likeness, Vector
from smartsort.errors import ImmichError
from smartsort.files.frames import Frame
from smartsort.ledger import embeddings, face_marks, photos, review_faces
from smartsort.ledger.embeddings import Embedding
from smartsort.ledger.review_faces import Stranger
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.routing.people import People

log = logging.getLogger(__name__)

RENEW_SECONDS, LOOK_SECONDS = 20.0, 120.0
"""Between two galleries put together again, and between two looks whether there is something to measure."""

FILM_PATIENCE = 8
"""Times as long as for a photo: a video is held against everybody who has a name."""


class Measure:
    """Completes the evidence of a photo with confidence and measured suggestions.

    At most one call to the machine learning service for the photo, and none for one that goes to review
    anyway. `patience_seconds` bounds the whole: then the confidence is unknown, and says why.
    """

    def __init__(
        self,
        context: Context,
        people: People,
        service: FaceService,
        *,
        model: str = "",
        patience_seconds: float = 15.0,
    ) -> None:
        self._context, self._people, self._service = context, people, service
        self._faces = Faces(context, service, model)
        self.galleries = Galleries(context, self._faces)
        self._review = ReviewFaces(context, people, self._faces, self.galleries)
        self._marks = Marks(context, self._faces)
        self._strangers = Strangers(context)
        self._patience = patience_seconds
        self._comparing = asyncio.Lock()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._service.aclose()

    @property
    def calls(self) -> int:
        """Pictures sent to the machine learning service so far."""
        return self._service.calls

    @property
    def available(self) -> bool:
        """False while the machine learning service is left alone after a failure."""
        return self._service.available

    @property
    def version(self) -> int:
        """Changes when a photo judged before might be judged otherwise now."""
        return self.galleries.version

    def everybody(self) -> list[Likeness]:
        """Return the galleries of all named people that are in memory."""
        return self.galleries.likenesses(p for p in self._people.known if p.name)

    async def complete(
        self, asset_id: str, evidence: Evidence, policy: Policy, ambiguous: Collection[str]
    ) -> Evidence:
        """Return the evidence with what could be measured.

        Never raises for what Immich or the service does.
        """
        if evidence.film is not None and evidence.film.is_judged:
            evidence = await self._film(asset_id, evidence, evidence.film)
            if evidence.film is not None and evidence.film.is_judged:
                return await self._with_mixed(evidence)
        evidence = await self._with_mixed(await self._marked(asset_id, evidence, policy))
        measured = _needs_confidence(evidence, policy, ambiguous)
        if not measured:
            return await self.recall(asset_id, evidence) or evidence
        try:
            async with asyncio.timeout(self._patience):
                found = await self._confidence(asset_id, evidence, measured, policy)
        except TimeoutError:
            found = _unknown(measured, f"measuring took longer than {self._patience:g} s")
        except (FaceServiceUnavailable, ImmichError) as problem:
            found = _unknown(measured, str(problem))
        evidence = await self._with_mixed(replace(evidence, confidence=found))
        if decide(evidence, policy, ambiguous).outcome is Outcome.SORTED:
            return evidence
        again = await self.recall(asset_id, evidence)  # who else it may be, measured by the way
        return replace(evidence, suggestions=again.suggestions) if again is not None else evidence

    async def _with_mixed(self, evidence: Evidence) -> Evidence:
        """Name those on it who are two people, and suggest none of them to anybody."""
        mixed = await self._context.ledger.aread(embeddings.mixed_ids)
        suggestions = {
            face_id: tuple(s for s in given if s.person.id not in mixed)
            for face_id, given in evidence.suggestions.items()
        }
        people = {f.person.id for f in evidence.judged if f.person is not None}
        return replace(evidence, mixed=mixed & people, suggestions=suggestions)

    async def suggestions(self, asset_id: str, face: Face, faces: Sequence[Face]) -> tuple[Suggestion, ...]:
        """The people a face is most like, for a human who looks at it: one call unless measured before.

        Empty when nothing can be measured. Never raises for what Immich or the service does.
        """
        try:
            async with asyncio.timeout(self._patience):
                await self.galleries.use((await self._faces.model()).name)
                vector = (await self._faces.vectors(asset_id, faces)).get(face.id)
        except (TimeoutError, FaceServiceUnavailable, ImmichError):
            return ()
        return () if vector is None else self._closest(asset_id, face, vector, None)

    def newly_measured(self) -> list[int]:
        """Return photos in review that were looked at since this was asked last."""
        found, self._review.fresh = self._review.fresh, []
        return found

    async def strangers(self) -> Sequence[tuple[Stranger, ...]]:
        """Return the measured faces in review that nobody has named, by person, the largest group first."""
        return await self._strangers.groups(self.galleries.level)

    async def sees_faces(self, asset_id: str) -> bool | None:
        """Return whether the service finds a face on this photo: one call. None when it cannot tell now."""
        try:
            async with asyncio.timeout(self._patience):
                return await self._faces.any_on(asset_id)
        except (TimeoutError, FaceServiceUnavailable, ImmichError):
            return None

    async def watch(self, photo_id: int, frames: Sequence[Frame]) -> Film:
        """Return the faces in a video's frames, kept for `complete`.

        Unknown, and why, when none can be measured. One call for each frame. Never raises for what Immich or
        the service does.
        """
        try:
            found = await films.watched(self._faces, photo_id, frames)
            await self.galleries.use(found.model)
        except (FaceServiceUnavailable, ImmichError) as problem:
            return Film(unknown=str(problem))
        at = self._context.clock.text()
        rows = [Embedding(face_id, f"film-{photo_id}", vector) for face_id, vector in found.vectors.items()]
        await self._context.ledger.awrite(lambda db: embeddings.put(db, found.model, rows, at))
        return found.film

    async def recall(self, asset_id: str, evidence: Evidence) -> Evidence | None:
        """The evidence as it would be measured now, from memory alone: how sure a match is, and who is close.

        None when something would have to be measured first.
        """
        hint = self._review.hints.pop(asset_id, None)
        if hint is not None and not evidence.faces:
            return replace(evidence, hint=hint)
        ledger, ids = self._context.ledger, [face.id for face in evidence.faces]
        model = self.galleries.model or await ledger.aread(review_faces.model_in_use)
        was_mixed = evidence.mixed
        if model is not None and evidence.film is not None and evidence.film.is_judged:
            seen = await self._film_vectors(evidence.film, model)
            if seen is None:
                return None
            if self.galleries.model is None:
                await self.galleries.use(model)
            return await self._with_mixed(await self._of_film(asset_id, evidence, evidence.film, seen))
        if model is None:
            return None
        vectors = await ledger.aread(lambda db: embeddings.known(db, model, ids))
        strange = [face.id for face in strangers(evidence)]
        marked = bool(strange) and await self._marks.load(model)
        if marked:
            known = {face_id: vectors[face_id] for face_id in strange if face_id in vectors}
            evidence = self._with_marks(asset_id, evidence, known, self._context.policy())
        people = [p for p in self._people.known if p.name]
        if not people:
            return evidence if marked else None
        before = [face_id for face_id, measured in evidence.confidence.items() if measured.known]
        evidence = await self._with_mixed(evidence)
        if not vectors.keys() >= set(before):
            return None
        if not vectors:
            return evidence if was_mixed or marked else None
        if self.galleries.model is None:
            await self.galleries.use(model)
        found, close = dict(evidence.confidence), {}
        for face in evidence.faces:
            vector = vectors.get(face.id)
            if vector is None:
                continue
            if face.person is not None and face.person.name and face.id not in evidence.confirmed:
                found[face.id] = self._compare(asset_id, face.person, vector, people, evidence.taken)
            close[face.id] = self._closest(asset_id, face, vector, evidence.taken)
        return await self._with_mixed(replace(evidence, confidence=found, suggestions=close))

    async def step(self) -> float:
        """Measure something while nothing is on its way. Return seconds until the next time.

        That is one stale gallery, else one photo in review or a gallery to compare it with. Of a gallery put
        together for a photo it looks at more faces, which tell whether it is of two people. Never raises for
        what Immich or the service does.
        """
        under_way = await self._context.ledger.aread(lambda db: photos.count_in(db, *IN_PROGRESS))
        if under_way or not self.available:
            return RENEW_SECONDS
        calls = self.calls
        try:
            async with asyncio.timeout(self._patience):
                await self.galleries.use((await self._faces.model()).name)
                if self._people.known:
                    await self.galleries.forget_mixed(self._people.known)
                stale = self.galleries.stale(self._people.known)
                if stale:
                    await self.galleries.examine(stale[0])
                    return max(RENEW_SECONDS, self._pause_after(calls))
                if await self._marks.step(self.galleries.model or ""):
                    return max(RENEW_SECONDS, self._pause_after(calls))
                if not await self._review.step():
                    return RENEW_SECONDS if self.galleries.mixed else LOOK_SECONDS
        except (TimeoutError, FaceServiceUnavailable, ImmichError) as problem:
            log.info("faces could not be measured while idle: %s", problem or "it took too long")
            return RENEW_SECONDS
        return self._pause_after(calls)

    async def measure_review(self) -> None:
        """Measure the faces of all photos in review now, as far as Immich and the service answer."""
        try:
            await self.galleries.use((await self._faces.model()).name)
            while await self._review.step():
                pass
        except (TimeoutError, FaceServiceUnavailable, ImmichError) as problem:
            log.info("faces in review could not be measured: %s", problem)

    def _pause_after(self, calls: int) -> float:
        """Return seconds that keep what was measured since so many calls within the hourly budget."""
        return 3600 / CALLS_PER_HOUR * max(1, self.calls - calls)

    async def _marked(self, asset_id: str, evidence: Evidence, policy: Policy) -> Evidence:
        """The evidence with the marks of strangers: one call unless measured, none where nothing is marked.

        A stranger who cannot be measured now counts.
        """
        try:
            async with asyncio.timeout(self._patience):
                if not strangers(evidence) or not await self._context.ledger.aread(face_marks.any_example):
                    return evidence
                model = (await self._faces.model()).name
                await self.galleries.use(model)
                if not await self._marks.load(model):
                    return evidence
                vectors = await self._faces.vectors(asset_id, evidence.faces)
        except (TimeoutError, FaceServiceUnavailable, ImmichError):
            return evidence
        return self._with_marks(asset_id, evidence, vectors, policy)

    def _with_marks(
        self, asset_id: str, evidence: Evidence, vectors: Mapping[str, Vector], policy: Policy
    ) -> Evidence:
        galleries = self.galleries
        people = galleries.likenesses((p for p in self._people.known if p.name), asset_id, evidence.taken)
        return self._marks.put_on(evidence, vectors, people, policy, galleries.level)

    # --- confidence --------------------------------------------------------------------------

    async def _confidence(
        self, asset_id: str, evidence: Evidence, measured: Sequence[Face], policy: Policy
    ) -> dict[str, Confidence]:
        galleries = self.galleries
        await galleries.use((await self._faces.model()).name)
        vectors = await self._faces.vectors(asset_id, evidence.faces)
        found: dict[str, Confidence] = {}
        for face in measured:
            person, vector = face.person, vectors.get(face.id)
            if person is None:
                continue
            if vector is None:
                found[face.id] = Confidence(why_unknown="the machine learning service did not find this face")
                continue
            people = await self._ensure(face, person, policy)
            async with self._comparing:  # so that of several first photos of a person only one has nobody
                result = self._compare(asset_id, person, vector, people, evidence.taken)
                least = policy.thresholds_for(person).min_confidence
                first = not galleries.likeness(person, asset_id).faces
                if first or (result.similarity is not None and result.similarity >= least):
                    await galleries.grow(person, face.id, evidence.taken)
            found[face.id] = result
        return found

    def _compare(
        self, asset_id: str, person: Person, vector: Vector, people: Sequence[Person], taken: str | None
    ) -> Confidence:
        try:
            own = self.galleries.likeness(person, asset_id, taken)
            others = self.galleries.likenesses((p for p in people if p.id != person.id), asset_id, taken)
            return similarity.confidence(vector, own, others, self.galleries.mistaken(person))
        except ValueError:  # vectors of different lengths
            return Confidence(why_unknown="the machine learning service uses another model")

    async def _ensure(self, face: Face, person: Person, policy: Policy) -> Sequence[Person]:
        """Have galleries of the person and of those it could be mistaken for. Everybody who has a name.

        A gallery that is only old is used as it is when it cannot be renewed now.
        """
        people = [p for p in await self._people.refresh() if p.name]
        listed = {p.id for p in people if policy.blacklisted(p) or (policy.whitelist and policy.wanted(p))}
        missing = [p for p in people if not self.galleries.fresh(p)]
        wanted = [person, *(p for p in missing if p.id in listed)]
        if any(p.id not in listed and p.id != person.id for p in missing):
            closest = await self._context.server.closest_people(face.id, RIVALS)
            wanted += [self._people.own(p) for p in closest if p.name]
        for one in {p.id: p for p in wanted}.values():
            if not self.galleries.fresh(one):
                await self.galleries.refresh(one)
        return people

    # --- videos ------------------------------------------------------------------------------

    async def _film(self, asset_id: str, evidence: Evidence, film: Film) -> Evidence:
        """Return the evidence with everybody in the frames.

        Where that takes too long, Immich's frame decides.
        """
        shown: Mapping[str, Vector] = {}
        try:
            async with asyncio.timeout(FILM_PATIENCE * self._patience):
                await self.galleries.use((await self._faces.model()).name)
                for person in await self._people.refresh():
                    if person.name and not self.galleries.fresh(person):
                        await self.galleries.refresh(person)
                shown = await self._faces.vectors(asset_id, evidence.faces)
            vectors = await self._film_vectors(film, self.galleries.model or "")
            why = "its faces have to be measured again: Immich uses another model"
        except TimeoutError:
            vectors, why = None, f"measuring took longer than {FILM_PATIENCE * self._patience:g} s"
        except (FaceServiceUnavailable, ImmichError) as problem:
            vectors, why = None, str(problem)
        if vectors is None:
            return replace(evidence, film=replace(film, unknown=why))
        film = films.with_poster(film, vectors, shown)
        return await self._of_film(asset_id, evidence, film, vectors)

    async def _film_vectors(self, film: Film, model: str) -> Mapping[str, Vector] | None:
        """Return what was measured in the frames, None when some of it is not there any more."""
        ids = [one.face.id for one in film.faces]
        vectors = await self._context.ledger.aread(lambda db: embeddings.known(db, model, ids))
        return vectors if len(vectors) == len(ids) else None

    async def _of_film(
        self, asset_id: str, evidence: Evidence, film: Film, vectors: Mapping[str, Vector]
    ) -> Evidence:
        alike = partial(self.galleries.likenesses, without_asset=asset_id, taken=evidence.taken)
        everybody = alike(p for p in self._people.known if p.name and p.id not in evidence.ruled_out)
        assigned = alike(f.person for f in evidence.faces if f.person is not None)
        # In a thread: 500 faces and 20 people are a second, in which nothing else would have a turn.
        film, suggestions, found = await asyncio.to_thread(
            films.compared,
            evidence,
            film,
            vectors,
            everybody,
            own=(*assigned, *everybody),
            mistaken=self.galleries.mistaken,
        )
        confirmed = {one.face.id for one in film.faces if one.poster in evidence.confirmed}
        marks = {one.face.id: mark for one in film.faces if (mark := evidence.marks.get(one.poster or ""))}
        evidence = replace(
            evidence,
            film=film,
            confidence=found,
            suggestions={**evidence.suggestions, **suggestions},
            confirmed=evidence.confirmed | confirmed,
            marks={**evidence.marks, **marks},
        )
        if strangers(evidence) and await self._marks.load(self.galleries.model or ""):
            evidence = self._with_marks(asset_id, evidence, vectors, self._context.policy())
        return evidence

    def _closest(
        self, asset_id: str, face: Face, vector: Vector, taken: str | None
    ) -> tuple[Suggestion, ...]:
        mixed = self.galleries.mixed
        people = (p for p in self._people.known if p.name and p.id not in mixed)
        likenesses = self.galleries.likenesses(people, asset_id, taken)
        try:
            found = similarity.closest(vector, likenesses, SUGGESTED + 1)
        except ValueError:  # vectors of different lengths
            return ()
        return tuple(s for s in found if not self.galleries.is_ruled_out(face.id, s.person.id))[:SUGGESTED]


def _needs_confidence(evidence: Evidence, policy: Policy, ambiguous: Collection[str]) -> list[Face]:
    """Return the faces whose confidence decides: none when the photo goes to review whatever it is."""
    trusting = replace(policy, when_confidence_unknown=WhenUnknown.ACCEPT)
    decision = decide(replace(evidence, confidence={}), trusting, ambiguous)
    if decision.outcome is not Outcome.SORTED:
        return []
    filed: Mapping[str, Person] = {p.id: p for p in decision.people}
    return [
        f
        for f in evidence.faces
        if f.person is not None and f.person.id in filed and f.id not in evidence.confirmed
    ]


def _unknown(faces: Sequence[Face], why: str) -> dict[str, Confidence]:
    return {face.id: Confidence(why_unknown=why) for face in faces}
