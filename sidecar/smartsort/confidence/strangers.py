"""The faces in review that nobody has named, in groups of one person each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sqlite_utils import Database

from smartsort.core.groups import UnnamedFace, grouped
from smartsort.core.similarity import day_of
from smartsort.ledger import review_faces
from smartsort.ledger.review_faces import ReviewFace, Stranger
from smartsort.pipeline.engine.context import Context


class Strangers:
    """Groups them, and once more when other faces wait. What they rest on is dropped at once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._state: object = None
        self._groups: Sequence[tuple[Stranger, ...]] = ()
        self._grouping = asyncio.Lock()

    async def groups(self, level: float) -> Sequence[tuple[Stranger, ...]]:
        """Return the groups, the largest first, the newest photo of each first.

        `level` is how alike unrelated people look to the model (`core.similarity.unrelated_level`).
        """
        async with self._grouping:
            least = self._context.policy().min_face_area
            state = await self._context.ledger.aread(review_faces.unnamed_state), level, least
            if state != self._state:
                self._groups = await self._context.ledger.aread(lambda db: _groups(db, level, least))
                self._state = state
            return self._groups


def _groups(db: Database, level: float, least: float) -> list[tuple[Stranger, ...]]:
    """Runs in a thread of the ledger's readers."""
    # numpy takes 25 MB, for those who look at strangers.
    from smartsort.confidence.neighbours import halved, links, rows  # noqa: PLC0415

    marked = review_faces.marked(db)
    packed, found, unnamed = bytearray(), [], []
    length = 0
    for one in review_faces.measured(db):
        person = one.face.person
        if (person is not None and person.name) or one.face.id in marked or one.face.area_fraction < least:
            continue
        if length not in (0, len(one.packed)):
            continue  # of a model with another length: it is measured again
        length = len(one.packed)
        packed += halved(one.packed)
        found.append(_stranger(one))
        day = day_of(one.taken)
        hint = person.id if person is not None else ""
        unnamed.append(UnnamedFace(one.face.id, one.photo_id, hint, day.toordinal() if day else 0))
    if not found:
        return []
    vectors = rows(bytes(packed), len(found))
    groups = grouped(unnamed, links(unnamed, vectors, level))
    return [
        tuple(sorted((found[index] for index in group), key=lambda one: -one.photo_id)) for group in groups
    ]


def _stranger(one: ReviewFace) -> Stranger:
    return Stranger(one.face.id, one.photo_id, one.asset_id, one.face.place, one.taken)
