"""Photos that were in Immich before smartsort: who is on them, and what would become of them.

Two steps, a bounded number of photos each, and what they find is in the ledger before the next one. A page of
a search lists a thousand photos with the people on them. A photo with somebody named on it is then judged as
any other: one call for its faces. Nothing is changed, neither on the disk nor in Immich.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

from sqlite_utils import Database

from smartsort.core.backfill import Fate, fate, mapped
from smartsort.core.decision import decide
from smartsort.core.model import Evidence, Face, Outcome, Person, State
from smartsort.errors import ImmichRejected, SmartsortError
from smartsort.files.hashing import holds
from smartsort.files.media import Kind
from smartsort.files.shown import shown
from smartsort.files.stamps import FileStamp, stamp_or_none
from smartsort.ledger import observed, photos, shards
from smartsort.ledger.observed import Progress, Seen
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Photo
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.routing.evidence import EvidenceBuilder
from smartsort.pipeline.routing.people import People
from smartsort.ports import Owned

PORTION = 100
"""Photos judged in one step."""

JUDGED = (State.OBSERVED, State.REVIEW)

FACES_AT_ONCE = 8

SAMPLES = 3
"""Uploads of a page whose content is read: equal paths do not make it the same file."""

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


class Observing:
    """Lists and judges photos of Immich. Raises ImmichError. Nothing is lost then."""

    def __init__(self, context: Context, people: People, evidence_builder: EvidenceBuilder) -> None:
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
        seen, outside, missing = await asyncio.to_thread(self._look, listed)
        if progress.recent is None:
            for name, many in (("seen", len(listed)), ("outside", outside), ("missing", missing)):
                progress.counts[name] = progress.counts.get(name, 0) + many
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

    def _look(self, listed: Sequence[Owned]) -> tuple[list[Seen], int, int]:
        """Find the photos on the disk. What is not there cannot be linked. Runs in a worker thread."""
        context, seen, outside, missing = self._context, [], 0, 0
        unknown = context.ledger.read(lambda db: observed.unknown(db, [one.id for one in listed]))
        for one in listed:
            lies = mapped(one.path, context.layout.path_mapping)
            if lies is None:
                outside += 1
                continue
            if one.id not in unknown:
                found: FileStamp | None = FileStamp(0, 0, 0, 0)
            elif not one.people:
                continue
            else:
                found = stamp_or_none(lies)
            if found is None:
                missing += 1
                continue
            seen.append(_seen(one, found))
        others = self._other_files(listed, {one.asset_id for one in seen} & unknown)
        return [one for one in seen if one.asset_id not in others], outside, missing + len(others)

    def _other_files(self, listed: Sequence[Owned], fresh: Collection[str]) -> set[str]:
        """Return those of a few new uploads whose file is not what was uploaded, by their content.

        Raises SmartsortError when it is none of them: then the mapping leads into a wrong folder.
        """
        context = self._context
        some = [one for one in listed if one.id in fresh and one.library_id is None and one.checksum]
        some = some[:: max(1, len(some) // SAMPLES)][:SAMPLES]
        paths = {one.id: context.layout.original(one.path.lstrip("/")) for one in some}
        wrong = {one.id for one in some if not holds(paths[one.id], base64.b64decode(one.checksum))}
        if len(wrong) == SAMPLES:
            raise SmartsortError(
                f"{shown(paths[some[0].id])} is not the photo that Immich has at {shown(some[0].path)}, and "
                "others are not either. Correct backfill.path_mapping. Nothing is linked until then"
            )
        return wrong

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
        found: list[tuple[int, Fate | None, list[str]]] = []
        policy, ambiguous = context.policy(), self._people.ambiguous
        for entry in entries:
            decision = decide(entry.evidence, policy, ambiguous)
            becomes = fate(decision)
            folders = [context.person_folder(p) for p in decision.people] if becomes is Fate.LINK else []
            if decision.outcome is not Outcome.SKIPPED:
                values = {"faces_detected": decision.faces_detected}
                changes.append(Change(entry.photo.id, values=values, decision=(decision, entry.evidence)))
            found.append((entry.photo.id, becomes, folders))
        judged = {i for i, *_ in found}
        # Nobody with a name is on these, or Immich knows them no more. Filed ones: judged once they are not.
        found += [(i, None if i in filed else Fate.LEAVE, []) for i, *_ in due if i not in judged]
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
