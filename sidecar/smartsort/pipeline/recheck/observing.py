"""Photos that were in Immich before smartsort: who is on them, and what would become of them.

Two steps, a bounded number of photos each, and what they find is in the ledger before the next one. A page of
a search lists a thousand photos with the people on them. A photo with somebody named on it is then judged as
any other: one call for its faces. Nothing is changed, neither on the disk nor in Immich.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlite_utils import Database

from smartsort.core.backfill import Fate, fate, mapped
from smartsort.core.decision import decide
from smartsort.core.model import Evidence, Face, Outcome, Person, State
from smartsort.core.templates import folders_of
from smartsort.errors import ImmichRejected
from smartsort.files.media import Kind
from smartsort.files.shown import shown
from smartsort.files.stamps import FileStamp, stamp_or_none
from smartsort.ledger import observed, photos, shards
from smartsort.ledger.observed import Progress, Seen
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Photo
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.recheck import contents
from smartsort.pipeline.routing.evidence import EvidenceBuilder
from smartsort.pipeline.routing.people import People
from smartsort.ports import Owned

log = logging.getLogger(__name__)

PORTION = 100
"""Photos judged in one step."""

JUDGED = (State.OBSERVED, State.REVIEW)

FACES_AT_ONCE = 8

SAMPLES = 3
"""Photos of each mapped folder on a page whose content is compared."""

COMPARED = 50
"""Photos of a page whose content is compared because of their size or time."""

LEFT_SHOWN = 100
"""Photos that are not what lies at their paths, and are listed. The others are counted."""

_ANY = FileStamp(0, 0, 0, 0)
"""Of a photo that is known already nothing of its file is written."""

RECENT = timedelta(days=1)
"""So long after its upload a photo is looked at again and again: Immich recognises people late."""


class Pace:
    """Lets so many calls a minute pass, evenly."""

    def __init__(self, per_minute: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self._per_minute, self._monotonic = per_minute, monotonic
        self._next = 0.0

    async def turn(self) -> None:
        """Return when it is this call's turn."""
        now = self._monotonic()
        at = max(now, self._next)
        self._next = at + 60.0 / self._per_minute()
        if at > now:
            await asyncio.sleep(at - now)


class _Lying(NamedTuple):
    """A photo that is new, and what lies at its path."""

    one: Owned
    path: str
    stamp: FileStamp


class Observing:
    """Lists and judges photos of Immich. Raises ImmichError. Nothing is lost then."""

    def __init__(
        self,
        context: Context,
        people: People,
        evidence_builder: EvidenceBuilder,
        link_clips: Callable[[Sequence[int]], Awaitable[object]],
    ) -> None:
        self._link_clips = link_clips
        self._context, self._people, self._evidence_builder = context, people, evidence_builder
        self._pace = Pace(lambda: context.tuning.requests_per_minute, context.clock.monotonic)
        self._user_id: str | None = None
        self._named: dict[str, str] | None = None
        """Names by id of the people whose photos were judged by these names."""

    async def list_page(self, progress: Progress) -> None:
        """Take in the next page of a pass, and write how far it has come."""
        context = self._context
        if self._user_id is None:
            self._user_id = (await context.server.info()).user_id
        await self._pace.turn()
        page, more = await context.server.owned(progress.after, progress.page, progress.recent)
        own = await context.ledger.aread(lambda db: {s.library_id for s in shards.shards(db)} - {None})
        listed = [p for p in page if p.owner_id == self._user_id and p.library_id not in own]
        seen, fresh, live, counts = await asyncio.to_thread(self._look, listed)
        clips = await asyncio.to_thread(self._lying, await self._clips(list(live.values())))
        others = await self._others(fresh | clips)
        if others:
            log.warning(
                "%s photos of Immich are not linked, first: %s", len(others), next(iter(others.values()))
            )
        if progress.recent is None:
            for name, many in (("seen", len(listed)), *counts.items(), ("differing", len(others))):
                progress.counts[name] = progress.counts.get(name, 0) + many
            left = ([shown((fresh | clips)[i].one.path), why] for i, why in others.items())
            progress.differing = [*progress.differing, *left][:LEFT_SHOWN]
        seen += [_seen(at.one, at.stamp) for i, at in fresh.items() if i not in others]
        fits = {i: clips[one.clip_id] for i, one in live.items() if one.clip_id in clips.keys() - others}
        seen = [s._replace(clip=fits[s.asset_id].one.path) if s.asset_id in fits else s for s in seen]
        last = page[-1].taken if page else progress.after
        # More photos than a page holds may have been taken at one moment.
        progress.page = progress.page + 1 if last == progress.after else 1
        progress.after = last
        if not more:
            progress.listing = False
            if progress.recent is None:
                progress.ended = context.clock.text()
        at = context.clock.text()

        def write(db: Database) -> None:
            observed.observe(db, seen, at)
            observed.put_progress(db, progress)

        await context.ledger.awrite(write)

    def _look(
        self, listed: Sequence[Owned]
    ) -> tuple[list[Seen], dict[str, _Lying], dict[str, Owned], dict[str, int]]:
        """Find the photos on the disk: known ones, new ones and Live Photos by asset, and what was counted.

        What is not there cannot be linked. Live Photos whose clip is known are left out. Runs in a worker
        thread.
        """
        context, seen = self._context, []
        live: dict[str, Owned] = {}
        counts = {"outside": 0, "missing": 0}
        with_clip = [one.id for one in listed if one.clip_id]
        unknown = context.ledger.read(lambda db: observed.unknown(db, [one.id for one in listed]))
        known = context.ledger.read(lambda db: observed.known(db, with_clip))
        wanted: list[Owned] = []
        for one in listed:
            before = known.get(one.id)
            if mapped(one.path, context.layout.path_mapping) is None:
                counts["outside"] += 1
                continue
            if one.id not in unknown:
                seen.append(_seen(one, _ANY))
            elif one.people:
                wanted.append(one)
            if one.clip_id is None or (one.id in unknown and not one.people):
                continue
            if before is not None and before.clip and before.path == one.path.lstrip("/"):
                seen[-1] = seen[-1]._replace(clip=before.clip)
            else:
                live[one.id] = one
        fresh = self._lying(wanted)
        counts["missing"] = len(wanted) - len(fresh)
        return seen, fresh, live, counts

    def _lying(self, wanted: Iterable[Owned]) -> dict[str, _Lying]:
        """Return what lies on this machine of these photos, by asset. Runs in a worker thread."""
        found: dict[str, _Lying] = {}
        for one in wanted:
            path = mapped(one.path, self._context.layout.path_mapping)
            there = stamp_or_none(path) if path is not None else None
            if path is not None and there is not None:
                found[one.id] = _Lying(one, path, there)
        return found

    async def _clips(self, live: Sequence[Owned]) -> list[Owned]:
        """Return the clips of Live Photos. Most were taken when their photo was: a call lists a thousand."""
        server = self._context.server
        wanted = {one.clip_id for one in live if one.clip_id}
        taken = sorted(one.taken for one in live)
        found: dict[str, Owned] = {}
        after, page, more = taken[0] if taken else "", 1, bool(taken)
        while more and wanted > found.keys() and after <= taken[-1]:
            await self._pace.turn()
            listed, more = await server.owned(after, page, clips=True)
            found |= {one.id: one for one in listed if one.id in wanted}
            last = listed[-1].taken if listed else after
            after, page = last, page + 1 if last == after else 1
        for asset_id in wanted - found.keys():
            await self._pace.turn()
            clip = await server.owned_asset(asset_id)
            if clip is not None:
                found[asset_id] = clip
        return [one for one in found.values() if one.owner_id == self._user_id]

    async def _others(self, fresh: Mapping[str, _Lying]) -> dict[str, str]:
        """Return why new photos are not what lies at their paths, by asset: equal paths prove nothing.

        The content decides: of all whose size or time is not what Immich read, up to a number, and of samples
        of each mapped folder. Where all samples are others, the mapping leads into a wrong folder.
        """
        doubtful = {i: at for i, at in fresh.items() if not contents.as_read(at.one, at.stamp)}
        compared = list(doubtful)[:COMPARED]
        found = {i: why for i in compared if (why := await self._problem(fresh[i])) is not None}
        if found:
            rest = list(doubtful)[COMPARED:]
            found |= {i: f"{shown(fresh[i].path)} has another size or time than in Immich" for i in rest}
        for theirs, ours in self._context.layout.path_mapping:
            inside = [i for i, at in fresh.items() if at.one.path.startswith(f"{theirs.rstrip('/')}/")]
            sure = [i for i in inside if i not in doubtful]
            samples = sure[:: max(1, len(sure) // SAMPLES)][:SAMPLES]
            wrong = {i: why for i in samples if (why := await self._problem(fresh[i])) is not None}
            found |= wrong
            if len(wrong) == SAMPLES:
                why = f"{shown(ours)} holds other photos than {shown(theirs)}. Correct backfill.path_mapping"
                found |= {i: why for i in inside if i not in found}
        return found

    async def _problem(self, at: _Lying) -> str | None:
        if at.one.library_id is not None:
            await self._pace.turn()
        return await contents.problem(self._context.server, self._context.decoders, at.one, at.path)

    async def follow_people(self) -> bool:
        """Have the photos of people judged again who were named or renamed: theirs, and no others.

        Return whether there are such people.
        """
        context = self._context
        today = {p.id: p.name for p in self._people.known}
        if self._named is None:
            ids = list(today)
            self._named = await context.ledger.aread(lambda db: observed.names_by_person(db, ids))
        before = self._named
        changed = {i: name for i, name in today.items() if before.get(i) != name}
        gone = [i for i, name in before.items() if name and i not in today]
        if changed or gone:

            def write(db: Database) -> None:
                observed.changed_people(db, changed)
                observed.due_again(db, gone)

            await context.ledger.awrite(write)
        self._named = today
        return bool(changed or gone)

    async def judge_some(self) -> int:
        """Judge photos that are due, and write what is to become of them. Return how many there were."""
        context = self._context
        due = await context.ledger.aread(lambda db: observed.due(db, PORTION))
        if not due:
            return 0
        named = {one.photo_id: one for one in due if any(one.people.values())}
        rows = await context.ledger.aread(lambda db: photos.by_ids(db, list(named)))
        # What is filed follows a new name by itself (smartsort.pipeline.recheck.renames).
        filed = {photo.id for photo in rows if photo.state not in JUDGED}
        if filed:
            await self._link_clips(list(filed))
        rows = [photo for photo in rows if photo.id not in filed]
        await self._people.refresh()
        await self._people.keep_up(
            Person(i, name) for one in named.values() for i, name in one.people.items()
        )
        before = await context.ledger.aread(lambda db: _evidence(db, rows))
        remembered = {i: seen.faces for i, seen in before.items() if named[i].from_memory}
        faces = remembered | await self._faces([p for p in rows if p.id not in remembered])
        entries = await self._evidence_builder.build(
            [(p, faces[p.id]) for p in rows if p.id in faces], before
        )
        changes: list[Change] = []
        found: list[tuple[int, Fate | None, dict[str, str]]] = []
        policy, ambiguous = context.policy(), self._people.ambiguous
        for entry in entries:
            decision = decide(entry.evidence, policy, ambiguous)
            becomes = fate(decision)
            goes = folders_of(decision.folders, decision.people, context.person_folder)
            folders = {folder: person.name if person else "" for folder, person in goes.items()}
            if decision.outcome is not Outcome.SKIPPED:
                values = {"faces_detected": decision.faces_detected}
                changes.append(Change(entry.photo.id, values=values, decision=(decision, entry.evidence)))
            found.append((entry.photo.id, becomes, folders if becomes is Fate.LINK else {}))
        judged = {i for i, *_ in found}
        # Nobody with a name is on these, or Immich knows them no more. Filed ones: judged once they are not.
        found += [(i, None if i in filed else Fate.LEAVE, {}) for i, *_ in due if i not in judged]
        at = context.clock.text()

        def write(db: Database) -> None:
            photos.apply(db, changes, at)
            observed.judged(db, found)

        await context.ledger.awrite(write)
        return len(due)

    async def _faces(self, rows: Sequence[Photo]) -> dict[int, tuple[Face, ...]]:
        """Faces by photo id, one call each. Photos Immich does not know any more are missing."""
        gate = asyncio.Semaphore(FACES_AT_ONCE)

        async def read(photo: Photo) -> tuple[Face, ...] | None:
            async with gate:
                await self._pace.turn()
                try:
                    return tuple(await self._context.server.faces(photo.asset_id or ""))
                except ImmichRejected:
                    return None

        results = await asyncio.gather(*(read(photo) for photo in rows))
        return {p.id: found for p, found in zip(rows, results, strict=True) if found is not None}


def _evidence(db: Database, rows: Sequence[Photo]) -> dict[int, Evidence]:
    found = {p.id: photos.last_decision(db, p.id) for p in rows}
    return {i: last[4] for i, last in found.items() if last is not None}


def _seen(one: Owned, found: FileStamp) -> Seen:
    kind = Kind.VIDEO if one.is_video else Kind.IMAGE
    name = one.name if os.path.splitext(one.name)[1] else os.path.basename(one.path)
    return Seen(one.id, one.path, one.people, name, kind.value, one.local_time, found.size, found.mtime_ns)
