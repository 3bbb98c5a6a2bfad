"""The faces in review that nobody has named, in groups of one person each."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from sqlite_utils import Database

from smartsort.core.groups import NOTHING, Group, Said, UnnamedFace, grouped, regrouped
from smartsort.core.model import MarkKind
from smartsort.core.similarity import day_of
from smartsort.ledger import face_marks, review_faces
from smartsort.ledger.review_faces import Stranger
from smartsort.pipeline.engine.context import Context

if TYPE_CHECKING:
    from smartsort.confidence.buckets import Vectors
    from smartsort.confidence.neighbours import Neighbours


class Strangers:
    """Groups them, and brings the groups up to date when other faces wait: only those that it concerns."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._grouping = asyncio.Lock()
        self._state: object = None
        self._groups: Sequence[tuple[Stranger, ...]] = ()
        self._known = _Known()

    async def groups(self, level: float) -> Sequence[tuple[Stranger, ...]]:
        """Return the groups, the largest first, the newest photo of each first.

        `level` is how alike unrelated people look to the model (`core.similarity.unrelated_level`).
        """
        async with self._grouping:
            least = self._context.policy().min_face_area
            state = await self._context.ledger.aread(review_faces.unnamed_state), level, least
            if state != self._state:
                self._groups = await self._context.ledger.aread(lambda db: self._renewed(db, level, least))
                self._state = state
            return self._groups

    def _renewed(self, db: Database, level: float, least: float) -> Sequence[tuple[Stranger, ...]]:
        """Runs in a thread of the ledger's readers."""
        settings = review_faces.model_in_use(db), level, least
        if settings != self._known.settings:
            self._known = _Known(settings)
        try:
            return self._known.renewed(db, level, least)
        except BaseException:
            self._known = _Known()  # half of it may be new
            raise


class _Known:
    """The faces that wait, as they were read last, and their groups."""

    def __init__(self, settings: object = None) -> None:
        self.settings = settings
        self._seen = (0, 0)
        """The newest decision and the newest measured face."""
        self._photos: dict[int, list[str]] = {}
        """The faces of each photo in review."""
        self._strangers: dict[str, Stranger] = {}
        self._near: Neighbours | None = None
        self._of: dict[int, Group] = {}
        """The group of each face, both by slot."""
        self._views: dict[Group, tuple[Stranger, ...]] = {}
        self._said = NOTHING

    def renewed(self, db: Database, level: float, least: float) -> list[tuple[Stranger, ...]]:
        """Return the groups as of now."""
        waiting, changed, self._seen = review_faces.unnamed_since(db, self._seen)
        again = (changed & waiting) | (waiting - self._photos.keys())
        left = (self._photos.keys() - waiting) | again
        gone = [face_id for photo_id in left for face_id in self._photos.pop(photo_id, ())]
        for face_id in gone:
            del self._strangers[face_id]
        unnamed, vectors = self._read(db, again, least)
        if self._near is None:
            if not unnamed:
                return []
            # numpy takes 25 MB, for those who look at strangers.
            from smartsort.confidence.neighbours import Neighbours  # noqa: PLC0415

            self._near = Neighbours(vectors.shape[1], level)
        touched = self._without(self._near, gone) | self._near.put(unnamed, vectors, gone)
        self._regroup(self._near, touched | self._hear(db, self._near))
        return sorted(self._views.values(), key=lambda view: (-len(view), min(one.face_id for one in view)))

    def _read(
        self, db: Database, photo_ids: Collection[int], least: float
    ) -> tuple[list[UnnamedFace], Vectors]:
        """Return the faces of these photos that wait for a name, and what was measured of them."""
        from smartsort.confidence.neighbours import of_ledger, rows  # noqa: PLC0415

        marked = review_faces.marked(db, photo_ids)
        self._photos |= {photo_id: [] for photo_id in photo_ids}
        found: list[UnnamedFace] = []
        packed, length = bytearray(), self._near.length if self._near is not None else 0
        for one in review_faces.measured(db, photo_ids):
            face, person = one.face, one.face.person
            if (person is not None and person.name) or face.id in marked or face.area_fraction < least:
                continue
            vector = of_ledger(one.packed)
            if len(vector) != (length or len(vector)) or face.id in self._strangers:
                continue  # of a model with another length: it is measured again
            length = len(vector)
            self._photos[one.photo_id].append(face.id)
            self._strangers[face.id] = Stranger(face.id, one.photo_id, one.asset_id, face.place, one.taken)
            day, hint = day_of(one.taken), person.id if person is not None else ""
            found.append(UnnamedFace(face.id, one.photo_id, hint, day.toordinal() if day else 0))
            packed += vector.tobytes()
        return found, rows(packed, length)

    def _without(self, near: Neighbours, gone: Iterable[str]) -> frozenset[int]:
        """Take faces out of their groups. Return who is left in these."""
        left: set[int] = set()
        for slot in map(near.slot, gone):
            group = self._of.pop(slot)
            self._views.pop(group)
            rest = tuple(face for face in group if face != slot)
            self._views |= {rest: ()} if rest else {}
            self._of |= dict.fromkeys(rest, rest)
            left = (left | set(rest)) - {slot}
        return frozenset(left)

    def _hear(self, db: Database, near: Neighbours) -> frozenset[int]:
        """Read what humans said of groups. Return the slots of those of whom something else is said."""
        found: dict[str, tuple[list[int], list[int]]] = {}
        for photo_id, mark in face_marks.grouping(db):
            slots = [
                near.slot(face_id)
                for face_id in self._photos.get(photo_id, ())
                if mark.lies_at(self._strangers[face_id].place)
            ]
            found.setdefault(mark.key, ([], []))[mark.kind == MarkKind.APART].extend(slots)
        said = Said([same for same, _ in found.values()], [both for both in found.values() if all(both)])
        old, self._said = self._said, said
        others = [one for one in (*old.same, *said.same) if (one in old.same) is not (one in said.same)]
        halves = [one for one in (*old.apart, *said.apart) if (one in old.apart) is not (one in said.apart)]
        changed = chain(*others, *chain(*halves))
        return frozenset(slot for slot in changed if slot in near.faces)

    def _regroup(self, near: Neighbours, changed: frozenset[int]) -> None:
        if len(changed) == len(near.faces):
            slots = sorted(near.faces)
            place = {slot: position for position, slot in enumerate(slots)}
            links = ((place[one], place[other], alike) for one, other, alike in near.links())
            faces = [near.faces[slot] for slot in slots]
            found = grouped(faces, links, self._said.within(place))
            groups = [tuple(slots[position] for position in group) for group in found]
        else:
            groups = regrouped(near.faces, near.links, self._of, changed, self._said)
        for group in groups:
            for face in group:
                self._views.pop(self._of.get(face, ()), None)
        for group in groups:
            self._of |= dict.fromkeys(group, group)
            strangers = [self._strangers[near.faces[face].id] for face in group]
            self._views[group] = tuple(sorted(strangers, key=lambda one: -one.photo_id))
