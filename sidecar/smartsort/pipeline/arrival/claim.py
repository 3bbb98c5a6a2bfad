"""arrived -> claimed: take files over, from the inbox or from whoever hands them in.

A file is claimed by linking it into `temp_downloads/` under a name that carries the photo's id. The
original name goes only after the ledger knows. So a kill at any instant leaves the file in the inbox, or
claimed, or both, and `smartsort.pipeline.recovery.recover` can tell which.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlite_utils import Database

from smartsort.core.event_kinds import EventKind
from smartsort.core.model import Digests, State
from smartsort.errors import SmartsortError, StorageError
from smartsort.files.names import NameRules
from smartsort.files.placement import Placed, PlaceRequest, Removed, RemoveRequest
from smartsort.files.problems import NameKept
from smartsort.files.settling import Arrival
from smartsort.files.shown import shown
from smartsort.files.stamps import FileStamp
from smartsort.ledger import adopted, photos, shots
from smartsort.ledger.photos import Change, NewPhoto
from smartsort.ledger.records import Area, Member, Name, NewEvent, Photo
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.recovery.claimed import acceptance, temp_name
from smartsort.pipeline.recovery.recover import Recovered, Recovery

log = logging.getLogger(__name__)

BATCH = 400
"""Files claimed between two commits."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A file somebody offers, with what travels with it. `stamp`: what it looked like when it settled."""

    path: str
    stamp: FileStamp
    source: str
    origin: str = "inbox"
    original_name: str = ""
    url: str | None = None
    companions: tuple[tuple[str, Member, FileStamp], ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Names that companions go on under, by path, where that is not their own."""
    why: str = ""
    """What proves that the halves of a shot belong together."""
    older: tuple[int, ...] = ()
    """Photos that prove to be halves of this one and came before it."""
    joins: Photo | None = None
    """A photo at rest that this belongs to, as its `member`, None for a new photo."""
    member: Member = Member.PHOTO
    keep_origin: bool = False
    """True for what stays where it is. It is linked or copied."""
    digests: Digests | None = None
    """Of its bytes, where they are known before it is claimed."""
    adoption: Mapping[str, Any] | None = None
    """What `ledger.adopted` notes of a photo from a folder that a user had sorted."""

    @property
    def media(self) -> list[str]:
        """The photo and the other halves of its shot."""
        halves = (path for path, member, _ in self.companions if member in (Member.RAW, Member.VIDEO))
        return [self.path, *halves]


def offer_of(arrival: Arrival, source: str) -> Offered:
    """Return what came to rest together as one offer."""
    photo = arrival.photo
    halves = [(arrival.raw, Member.RAW), (arrival.video, Member.VIDEO)]
    found = [(half, member) for half, member in halves if half is not None]
    found += [(entry, Member(side.kind)) for entry, side, _ in arrival.sides]
    return Offered(
        photo.path,
        photo.stamp,
        source=source,
        companions=tuple((each.path, member, each.stamp) for each, member in found),
        # `a.xmp` of a raw photo says whose it is from now on, also beside the picture.
        renamed={
            entry.path: f"{owner.name}{side.ending}"
            for entry, side, owner in arrival.sides
            if owner is not photo and side.whole
        },
        why=arrival.why,
    )


@dataclass(frozen=True, slots=True)
class _Taken:
    """A file that has its name in `temp_downloads/`."""

    name: Name
    placed: Placed


SETTLE_SECONDS = 60.0
"""Between two tries to remove what could not be removed from where it lay."""

UNREAD = "not read yet"
"""Equal to no digest: a verified copy may replace its source by its stamps alone."""


class Claimer:
    """Claims offered files, many at a time."""

    def __init__(self, context: Context, recovered: Recovered | None = None) -> None:
        self._context = context
        self._lock = asyncio.Lock()
        self._open: set[int] = set(recovered.open_claims if recovered else ())
        """Photos whose claim is not over. After an error they are recovered before the next claim."""
        self._settle_at = 0.0
        self.stuck: set[tuple[str, int, int]] = set(recovered.stuck if recovered else ())
        """(path, inode, mtime) of files that are claimed but could not be removed from where they lay."""

    async def claim(self, offered: Sequence[Offered]) -> list[Photo | SmartsortError]:
        """Take the files over: the photo's row, or why it stays where it is. In order.

        Raises StorageError (no space, root gone) before anything of a batch is changed for good.
        """
        results: list[Photo | SmartsortError] = []
        async with self._lock:
            await self._recover_open_claims()
            for start in range(0, len(offered), BATCH):
                try:
                    results += await self._claim(offered[start : start + BATCH])
                except BaseException:
                    self._settle_at = 0.0
                    raise
        return results

    async def recover_open_claims(self) -> None:
        """Take back, or finish, claims that met an error. Tried again now and then while it fails."""
        async with self._lock:
            await self._recover_open_claims()

    async def _recover_open_claims(self) -> None:
        # What is offered again must not become a second photo.
        context = self._context
        now = context.clock.monotonic()
        if not self._open or now < self._settle_at:
            return
        found = await asyncio.to_thread(Recovery(context).recover_claims, set(self._open))
        self.stuck, self._open = found.stuck, found.open_claims
        self._settle_at = now + SETTLE_SECONDS
        context.wakeups.notify(State.CLAIMED)

    async def _claim(self, batch: Sequence[Offered]) -> list[Photo | SmartsortError]:
        context = self._context
        at = context.clock.text()
        fresh = [o for o in batch if o.joins is None]
        new = [
            NewPhoto(
                source=o.source,
                origin=o.origin,
                original_name=o.original_name or os.path.basename(o.path),
                size=o.stamp.size,
                mtime_ns=o.stamp.mtime_ns,
                origin_path=o.path,
                origin_url=o.url,
            )
            for o in fresh
        ]

        rules = await asyncio.to_thread(context.placer.names_in, context.folder(Area.TEMP))

        def write_intents(db: Database) -> list[Photo]:
            added = iter(photos.add(db, new, at))
            rows = [o.joins or next(added) for o in batch]
            intents = [
                Change(row.id, intent=("claim", _journal(o, origins)))
                for row, o in zip(rows, batch, strict=True)
                for origins in [_origins(row.id, o, rules)]
            ]
            photos.apply(db, intents, at)
            return rows

        rows = await context.ledger.awrite(write_intents)
        self._open |= {row.id for row in rows}
        context.checkpoint("claim:intent")
        placed = await asyncio.to_thread(self._place, rows, batch, rules)
        context.checkpoint("claim:placed")

        good: list[tuple[Photo, Offered, list[_Taken]]] = []
        results: list[Photo | SmartsortError] = []
        refused: list[int] = []
        for row, offer, outcome in zip(rows, batch, placed, strict=True):
            if isinstance(outcome, SmartsortError):
                refused.append(row.id)
                results.append(outcome)
            else:
                good.append((row, offer, outcome))
                results.append(row)
        if refused:
            # A name that stays in `temp_downloads/` keeps its row, or the next photo would get its number.
            left = await asyncio.to_thread(Recovery(context).recover_claims, set(refused))
            self._open -= set(refused) - left.open_claims
        older = [(row.id, half) for row, offer, _ in good for half in offer.older]
        await context.commit(
            [self._claimed(row, offer, taken) for row, offer, taken in good],
            lambda db: _remember(db, older, good),
        )
        context.checkpoint("claim:committed")
        held = await self._drop(good)
        self._open -= {row.id for row, *_ in good} - held
        context.checkpoint("claim:dropped")
        # Whoever joins what came later waits for photos in the state of the one it belongs to.
        context.wakeups.notify(*{row.state for row, offer, _ in good if offer.joins is not None})
        return results

    def _place(
        self, rows: Sequence[Photo], batch: Sequence[Offered], rules: NameRules
    ) -> list[list[_Taken] | SmartsortError]:
        """Runs in a worker thread. A photo whose companion cannot be taken stays with it."""
        context = self._context
        temp = context.folder(Area.TEMP)
        requests: list[tuple[int, Member, PlaceRequest]] = []
        for index, (row, offer) in enumerate(zip(rows, batch, strict=True)):
            for path, member, stamp in ((offer.path, offer.member, offer.stamp), *offer.companions):
                name = temp_name(row.id, member, _own_name(offer, path), rules)
                requests.append((index, member, PlaceRequest(path, temp, [name], expected=stamp)))
        taken: list[list[_Taken]] = [[] for _ in batch]
        problems: dict[int, SmartsortError] = {}
        placed = context.placer.place([request for *_, request in requests])
        for (index, member, _), result in zip(requests, placed, strict=True):
            if isinstance(result, Placed):
                taken[index].append(_Taken(_name(rows[index].id, member, result), result))
            else:
                problems.setdefault(index, result)
        return [problems.get(index, those) for index, those in enumerate(taken)]

    def _claimed(self, row: Photo, offer: Offered, taken: list[_Taken]) -> Change:
        if offer.joins is not None:
            told = {"name": shown(os.path.basename(offer.path)), "together_by": offer.why, **_company(offer)}
            return Change(
                row.id,
                expect=(row.state,),
                names_added=tuple(t.name for t in taken),
                events=(NewEvent(EventKind.LATE, row.id, told),),
                intents_done=("claim",) if offer.keep_origin else (),
            )
        return Change(
            row.id,
            state=State.CLAIMED,
            expect=(State.ARRIVED,),
            values=asdict(offer.digests) if offer.digests else {},
            names_added=tuple(t.name for t in taken),
            events=(acceptance(row, self._context.layout.inbox, offer.adoption, **_company(offer)),),
            intents_done=("claim",) if offer.keep_origin else (),
        )

    async def _drop(self, good: Sequence[tuple[Photo, Offered, list[_Taken]]]) -> set[int]:
        """Remove the names in the inbox. What cannot go is remembered, so that it is not taken twice.

        Ids of photos of which a name stays.
        """
        context = self._context
        drops = [
            (
                row,
                t.placed.source_stamp,
                RemoveRequest(
                    t.placed.source,
                    t.placed.path,
                    sha256=UNREAD,
                    kept=t.placed.stamp,
                    expected=t.placed.source_stamp,
                ),
            )
            for row, offer, taken in good
            if not offer.keep_origin
            for t in taken
        ]
        if not drops:
            return set()
        results: Sequence[Removed | SmartsortError]
        try:
            results = await asyncio.to_thread(context.placer.remove, [d for *_, d in drops])
        except StorageError as problem:  # they are claimed all the same
            results = [problem] * len(drops)
        # The stages may have been faster: the bytes live under a later name than that of the claim.
        moved = {row.id for (row, *_), r in zip(drops, results, strict=True) if isinstance(r, NameKept)}
        if moved:
            moved -= (await asyncio.to_thread(Recovery(context).recover_claims, moved)).open_claims
        held: set[int] = set()
        told: set[str] = set()
        for (row, stamp, drop), result in zip(drops, results, strict=True):
            if isinstance(result, StorageError) and row.id not in moved:
                held.add(row.id)
                self.stuck.add((drop.path, stamp.inode, stamp.mtime_ns))
                if str(result) not in told:
                    log.warning("%s is claimed but stays where it lay: %s", shown(drop.path), result)
                told.add(str(result))
        done = sorted({row.id for row, *_ in drops} - held - moved)
        try:
            await context.commit([Change(i, intents_done=("claim",)) for i in done])
        except StorageError as problem:
            log.warning("%s", problem)
            held.update(done)
        return held


def _journal(offer: Offered, origins: list[list[str]]) -> dict[str, object]:
    adoption = {"adoption": dict(offer.adoption)} if offer.adoption else {}
    return {"keep": offer.keep_origin, "origins": origins, **adoption}


def _remember(
    db: Database,
    older: Sequence[tuple[int, int]],
    good: Sequence[tuple[Photo, Offered, list[_Taken]]],
) -> None:
    shots.remember_older(db, older)
    adopted.put(db, {row.id: offer.adoption for row, offer, _ in good if offer.adoption})


def _origins(photo_id: int, offer: Offered, rules: NameRules) -> list[list[str]]:
    """(member, name in `temp_downloads/`, where it lay) of each file, for the journal."""
    members = [(offer.path, offer.member), *((path, member) for path, member, _ in offer.companions)]
    return [[m.value, temp_name(photo_id, m, _own_name(offer, path), rules), path] for path, m in members]


def _company(offer: Offered) -> dict[str, object]:
    """Return what came along with a photo, and why, for its history."""
    if not offer.companions:
        return {}
    names = [shown(os.path.basename(path)) for path, *_ in offer.companions]
    return {"companions": names, **({"together_by": offer.why} if offer.why else {})}


def _own_name(offer: Offered, path: str) -> str:
    return offer.renamed.get(path, os.path.basename(path))


def _name(photo_id: int, member: Member, placed: Placed) -> Name:
    return Name(
        photo_id,
        Area.TEMP,
        os.path.basename(placed.path),
        member,
        placed.method.value,
        size=placed.stamp.size,
        mtime_ns=placed.stamp.mtime_ns,
    )
