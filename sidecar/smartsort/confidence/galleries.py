"""What people look like: a few confirmed faces of each, measured once and kept in the ledger."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlite_utils import Database

from smartsort.confidence.faces import Faces
from smartsort.core import mixed
from smartsort.core.model import Compared, Person, State
from smartsort.core.similarity import Likeness, Spread, Vector, around, day_of, unrelated_level
from smartsort.ledger import embeddings, feedback
from smartsort.ledger.embeddings import BY_HUMAN, BY_IMMICH, BY_SMARTSORT, Embedding, GalleryRow, Groups
from smartsort.ledger.rows import select
from smartsort.pipeline.engine.context import Context

log = logging.getLogger(__name__)

SIZE = 12
"""Faces of a gallery. More say little more, and each costs a call to the machine learning service once."""

EXAMINED = 2 * SIZE
"""Faces looked at to tell whether they are two people's. Of somebody who is on an eighth of the photos they
hold two faces in 82 % of the cases, the gallery in 45 %."""

LOOKED_AT = 1000
"""Assets of a person that are asked for: one call."""

TRUSTED_FOR = timedelta(days=7)
RETRIED_AFTER = timedelta(minutes=2)
"""A gallery is put together again after this time. One that is still small much sooner."""

MIXED_FOR = timedelta(minutes=10)
"""The same for a gallery of two people: somebody may have split them in Immich."""

ENOUGH = 5
"""Faces up to which smartsort's own filings fill a gallery. With more of them wrong filings double: one leads
to the next."""

SMALLEST_FACE = 32
"""Pixels of the preview. Smaller faces make poor examples."""


@dataclass(slots=True)
class _Loaded:
    """Everything the ledger knows, in memory."""

    rows: dict[str, GalleryRow] = field(default_factory=dict)
    faces: dict[str, list[Embedding]] = field(default_factory=dict)
    ruled_out: dict[str, list[Vector]] = field(default_factory=dict)
    ruled_out_ids: set[tuple[str, str]] = field(default_factory=set)
    mistaken: dict[str, frozenset[str]] = field(default_factory=dict)
    spread: dict[tuple[str, tuple[int, ...]], Spread] = field(default_factory=dict)
    """Of faces of galleries compared so far: it takes far longer than one comparison."""
    level: float | None = None
    """Of people who are not related, None until the first comparison."""
    collected_up_to: int = 0
    """`feedback.collected_up_to` at that time."""


class Galleries:
    """The galleries of all people, for one model at a time. `version` changes when any of them does."""

    def __init__(self, context: Context, faces: Faces) -> None:
        self._context, self._faces = context, faces
        self._model: str | None = None
        self._loaded = _Loaded()
        self._building: dict[str, asyncio.Lock] = {}
        self._using = asyncio.Lock()
        self.version = 0

    async def use(self, model: str) -> None:
        """Load what was measured with this model and forget what others have measured."""
        async with self._using:  # who comes while it is loaded must not compare with what was there before
            if model != self._model:
                at = self._context.clock.text()
                forgotten = await self._context.ledger.awrite(
                    lambda db: embeddings.forget_models(db, model, at)
                )
                self._model = model
                await self._load()
                if forgotten:
                    log.warning(
                        "Immich recognises faces with the model %s now. %d faces measured with another model "
                        "count no more. smartsort measures the galleries of %d people again while idle.",
                        model,
                        forgotten,
                        len(self._loaded.rows),
                    )
            elif await self._context.ledger.aread(feedback.behind):
                await self._collect_feedback()
            elif await self._context.ledger.aread(feedback.collected_up_to) != self._loaded.collected_up_to:
                await self._load()  # somebody else has read what humans said

    @property
    def model(self) -> str | None:
        """The name of the model in use, None before the first photo was measured."""
        return self._model

    def likeness(
        self, person: Person, without_asset: str | None = None, taken: str | None = None
    ) -> Likeness:
        """Return a person's gallery, of the years around `taken` where it has enough faces of them.

        Faces of `without_asset`, the photo that is judged, say nothing about it.
        """
        loaded, level = self._loaded, self.level
        faces = loaded.faces.get(person.id, ())
        days = [day_of(face.taken) for face in faces]
        chosen = around(days, day_of(taken))
        if (person.id, chosen) not in loaded.spread:
            loaded.spread[person.id, chosen] = Spread.of([faces[index].vector for index in chosen], level)
        used = [index for index in chosen if faces[index].asset_id != without_asset]
        years = [day.year for index in used if (day := days[index]) is not None]
        return Likeness(
            person,
            tuple(faces[index].vector for index in used),
            tuple(loaded.ruled_out.get(person.id, ())),
            loaded.spread[person.id, chosen],
            level,
            Compared(len(used), min(years), max(years))
            if taken and used and len(years) == len(used)
            else None,
        )

    @property
    def level(self) -> float:
        """How alike people who are not related look to this model."""
        loaded = self._loaded
        if loaded.level is None:
            largest = sorted(loaded.faces.values(), key=len, reverse=True)
            loaded.level = unrelated_level([f.vector for f in faces] for faces in largest)
        return loaded.level

    def likenesses(
        self, people: Iterable[Person], without_asset: str | None = None, taken: str | None = None
    ) -> list[Likeness]:
        """Return the galleries of those who have one."""
        return [self.likeness(p, without_asset, taken) for p in people if self._loaded.faces.get(p.id)]

    def has(self, person: Person) -> bool:
        """Return True once a person's gallery was put together, be it empty or out of date."""
        return person.id in self._loaded.rows

    def fresh(self, person: Person) -> bool:
        """Return True while a person's gallery need not be put together again."""
        row = self._loaded.rows.get(person.id)
        if row is None or row.stale or row.name != person.name:
            return False
        if row.groups is not None:
            return self._age(row) < MIXED_FOR
        small = len(self._loaded.faces.get(person.id, ())) < ENOUGH
        return self._age(row) < (RETRIED_AFTER if small else TRUSTED_FOR)

    def _age(self, row: GalleryRow) -> timedelta:
        return self._context.clock.now() - datetime.fromisoformat(row.refreshed_at)

    def mistaken(self, person: Person) -> frozenset[str]:
        """Return ids of those who were taken for a person twice, or the person for them."""
        return self._loaded.mistaken.get(person.id, frozenset())

    def stale(self, people: Iterable[Person]) -> list[Person]:
        """Return those whose gallery has to be looked at: out of date, of two people, or not examined yet.

        Out of date is what another model measured, and what a human said something about.
        """
        rows = {p: row for p in people if (row := self._loaded.rows.get(p.id)) is not None}
        old = [p for p, row in rows.items() if row.stale]
        split = [p for p, row in rows.items() if row.groups is not None and self._age(row) >= MIXED_FOR]
        return list(dict.fromkeys([*old, *split, *(p for p, row in rows.items() if not row.examined)]))

    @property
    def mixed(self) -> frozenset[str]:
        """Ids of the people who are two people, as last loaded."""
        return frozenset(i for i, row in self._loaded.rows.items() if row.groups is not None)

    async def forget_mixed(self, people: Iterable[Person]) -> None:
        """People who are gone from Immich, or have no name there, are two people no more."""
        gone = self.mixed - {p.id for p in people if p.name}
        for person_id in gone:
            await self._context.ledger.awrite(lambda db, i=person_id: embeddings.set_groups(db, i, None))  # type: ignore[misc]
        if gone:
            await self._load()

    def is_ruled_out(self, face_id: str, person_id: str) -> bool:
        """Return True when a human said that this very face is not that person's."""
        return (face_id, person_id) in self._loaded.ruled_out_ids

    async def refresh(self, person: Person) -> None:
        """Put a person's gallery together: human decisions first, then the person's photos in Immich.

        One call for the list. Each photo not measured before costs its faces, its preview and one call to the
        machine learning service. What was measured stays, also when this is broken off.
        """
        async with self._building.setdefault(person.id, asyncio.Lock()):
            if not self.fresh(person):
                await self._refresh(person, SIZE)

    async def examine(self, person: Person) -> None:
        """The same, with more faces than the gallery holds: they tell whether it is of two people."""
        async with self._building.setdefault(person.id, asyncio.Lock()):
            if person in self.stale([person]):
                await self._refresh(person, EXAMINED)

    async def grow(self, person: Person, face_id: str, taken: str | None) -> None:
        """Take a face just measured into a gallery that is still small. Costs no call."""
        model, at = self._model or "", self._context.clock.text()
        have = self._loaded.faces.get(person.id, ())
        if (
            len(have) >= ENOUGH
            or any(f.face_id == face_id for f in have)
            or self.is_ruled_out(face_id, person.id)
        ):
            return
        row = self._loaded.rows.get(person.id)
        members = {f.face_id: (f.said_by, f.taken) for f in have} | {face_id: (BY_SMARTSORT, taken)}
        await self._context.ledger.awrite(
            lambda db: embeddings.set_gallery(
                db,
                model,
                person_id=person.id,
                name=person.name,
                members=members,
                at=at,
                examined=row is not None and row.examined,
            )
        )
        await self._load(person.id)

    async def _refresh(self, person: Person, most: int) -> None:
        context, model = self._context, self._model or ""
        assets = await context.server.assets_of_person(person.id, LOOKED_AT)
        said, own = await context.ledger.aread(lambda db: _ours(db, list(assets)))
        dates = {**assets, **own}
        row = self._loaded.rows.get(person.id)
        # What made them two people before is looked at again, or they would be one for lack of faces.
        before = {asset for group in (row and row.groups) or () for _, asset in group if asset in assets}
        members: dict[str, tuple[int, str | None]] = {}
        looked_at: list[Embedding] = []
        examined = True
        for asset_id in dict.fromkeys((*_in_order(list(assets), said), *before)):
            full = len(members) >= (ENOUGH if said.get(asset_id) == BY_SMARTSORT else SIZE)
            if full and len(looked_at) >= most and asset_id not in before:
                examined = most >= EXAMINED
                continue
            face = await self._faces.of_person(asset_id, person.id, SMALLEST_FACE)
            if face is None or self.is_ruled_out(face.face_id, person.id):
                continue
            looked_at.append(face)
            if not full:
                members[face.face_id] = said.get(asset_id, BY_IMMICH), dates[asset_id]
        at, level = context.clock.text(), self.level

        def write(db: Database) -> None:
            embeddings.set_gallery(
                db, model, person_id=person.id, name=person.name, members=members, at=at, examined=examined
            )
            embeddings.set_groups(
                db, person.id, _two_people(looked_at, level, feedback.called_one_person(db))
            )
            embeddings.prune(db)

        await context.ledger.awrite(write)
        await self._load(person.id)

    async def _collect_feedback(self) -> None:
        at = self._context.clock.text()

        def collect(db: Database) -> frozenset[str]:
            touched: frozenset[str] = frozenset()
            while feedback.behind(db):
                touched |= feedback.collect_feedback(db, at)
            embeddings.mark_stale(db, touched)
            return touched

        if await self._context.ledger.awrite(collect):
            await self._load()

    async def _load(self, person_id: str | None = None) -> None:
        model = self._model or ""

        def load(db: Database) -> _Loaded:
            ruled_out = feedback.ruled_out_faces(db)
            vectors = embeddings.known(db, model, {d.face_id for d in ruled_out})
            found = _Loaded(
                rows=embeddings.galleries(db, model),
                faces=embeddings.gallery_faces(db, model, person_id),
                ruled_out_ids={(d.face_id, d.person_id) for d in ruled_out},
                mistaken=feedback.mistaken_people(db),
                collected_up_to=feedback.collected_up_to(db),
            )
            for one in ruled_out:
                if one.face_id in vectors:
                    found.ruled_out.setdefault(one.person_id, []).append(vectors[one.face_id])
            return found

        found = await self._context.ledger.aread(load)
        if person_id is not None:
            found.faces = {k: v for k, v in self._loaded.faces.items() if k != person_id} | found.faces
        self._loaded = found
        self.version += 1


def _two_people(faces: Sequence[Embedding], level: float, said: Iterable[Collection[str]]) -> Groups | None:
    """Return the faces in two groups when they are two people's.

    `said`: faces that a human called one person's.
    """
    places = {face.face_id: index for index, face in enumerate(faces)}
    same = [[places[face_id] for face_id in ids if face_id in places] for ids in said]
    try:
        found = mixed.groups([face.vector for face in faces], level, same)
    except ValueError:  # vectors of different lengths
        return None
    if found is None:
        return None
    return tuple(tuple((faces[index].face_id, faces[index].asset_id) for index in group) for group in found)


_WAITING = -1
"""Ours, and nobody has confirmed yet who is on it."""


def _ours(db: Database, asset_ids: Sequence[str]) -> tuple[dict[str, int], dict[str, str | None]]:
    """Return who filed these assets, as far as they are ours: a human, smartsort by itself, or nobody yet.

    And when they were taken, as the files tell it: of a file that does not, Immich takes another date.
    """
    found: dict[str, int] = {}
    dates: dict[str, str | None] = {}
    query = (
        "SELECT asset_id, state, taken_at, auto_sorted AND NOT EXISTS (SELECT 1 FROM spot_checks AS s"
        " WHERE s.photo_id = photos.id AND s.verdict = 'right') FROM photos WHERE asset_id IN (*)"
    )
    for asset_id, state, taken, unseen in select(db, query, asset_ids):
        filed = BY_SMARTSORT if unseen else BY_HUMAN
        found[str(asset_id)] = filed if state == State.FILED.value else _WAITING
        dates[str(asset_id)] = taken
    return found, dates


def _in_order(assets: Sequence[str], said: Mapping[str, int]) -> list[str]:
    """Human decisions first, then what was in Immich before, what smartsort filed itself last.

    Among Immich's own the photos are spread over the person's whole time: faces change with the years.
    """
    groups: dict[int, list[str]] = {BY_HUMAN: [], BY_IMMICH: [], BY_SMARTSORT: []}
    for asset_id in assets:
        who = said.get(asset_id, BY_IMMICH)
        if who != _WAITING:
            groups[who].append(asset_id)
    return [*groups[BY_HUMAN], *_spread(groups[BY_IMMICH]), *groups[BY_SMARTSORT]]


def _spread(assets: Sequence[str]) -> list[str]:
    """`EXAMINED` of a list at most, spread over all of it, and the first half of them as well."""
    step = max(1.0, len(assets) / EXAMINED)
    chosen = [assets[int(index * step)] for index in range(min(len(assets), EXAMINED))]
    return [*chosen[::2], *chosen[1::2]]
