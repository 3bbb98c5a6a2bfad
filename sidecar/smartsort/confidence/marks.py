"""Strangers and things that a human has marked, recognised on other photos by what they look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from smartsort.confidence.faces import Faces
from smartsort.core.marks import recognised
from smartsort.core.model import Evidence, Face, FaceMark, Person
from smartsort.core.policy import Policy
from smartsort.core.similarity import Likeness, Vector
from smartsort.ledger import face_marks, photos
from smartsort.pipeline.engine.context import Context


class Marks:
    """The marked faces as the model in use sees them."""

    def __init__(self, context: Context, faces: Faces) -> None:
        self._context, self._faces = context, faces
        self._loaded: tuple[str, object] | None = None
        self._examples: list[tuple[FaceMark, Likeness]] = []

    async def load(self, model: str) -> bool:
        """Read what has changed, False when there is nothing that a face could be like."""
        state = model, await self._context.ledger.aread(face_marks.version)
        if state != self._loaded:
            found = await self._context.ledger.aread(lambda db: face_marks.examples(db, model))
            self._examples = [(mark, Likeness.of(Person(mark.key, ""), faces)) for mark, faces in found]
            self._loaded = state
        return bool(self._examples)

    def put_on(
        self,
        evidence: Evidence,
        vectors: Mapping[str, Vector],
        people: Sequence[Likeness],
        policy: Policy,
        level: float,
    ) -> Evidence:
        """Return the evidence with the marks of strangers that are like marked ones.

        A human's own word stays.
        """
        said = {i: mark for i, mark in evidence.marks.items() if mark.similarity is None}
        examples = [(mark, replace(likeness, level=level)) for mark, likeness in self._examples]
        found = {
            face.id: mark
            for face in strangers(evidence)
            if face.id in vectors and face.id not in said
            if (mark := recognised(vectors[face.id], examples, people, policy)) is not None
        }
        return replace(evidence, marks={**found, **said})

    async def step(self, model: str) -> bool:
        """Measure the marks of one photo that this model has not measured, False when there is none.

        Raises FaceServiceUnavailable, ImmichError.
        """
        ledger = self._context.ledger
        photo_id = await ledger.aread(lambda db: face_marks.unmeasured(db, model))
        if photo_id is None:
            return False
        [photo] = await ledger.aread(lambda db: photos.by_ids(db, [photo_id]))
        marks = (await ledger.aread(lambda db: face_marks.of_photos(db, [photo_id])))[photo_id]
        faces = await self._context.server.faces(photo.asset_id or "")
        # Immich shows no face there while it looks for all of them again. The picture still does.
        there = {
            mark: next((f for f in faces if mark.is_at(f)), None) or mark.as_face(f"mark-{photo_id}-{number}")
            for number, mark in enumerate(marks)
        }
        looked_for = {face.id: face for face in (*faces, *there.values())}
        vectors = await self._faces.vectors(photo.asset_id or "", list(looked_for.values()))
        found = {mark: vectors.get(face.id) for mark, face in there.items()}
        await ledger.awrite(lambda db: face_marks.measured(db, photo_id, model, found))
        return True


def strangers(evidence: Evidence) -> list[Face]:
    """Return the faces that belong to nobody with a name."""
    return [f for f in evidence.judged if f.person is None or not f.person.name]
