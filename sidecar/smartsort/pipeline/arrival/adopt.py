"""Adopts a folder that a user has sorted before, in portions. What a kill interrupts is taken up at a start.

Photos go the way of all others from `claimed` on. What the folder says of them is noted with the claim, so
that no decision comes before it. Whoever lies in two folders, with the same bytes, is one photo of both.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from sqlite_utils import Database

from smartsort.core.event_kinds import EventKind
from smartsort.core.model import CopyPlace, Digests, OtherCopy, Person, SortedBefore, State
from smartsort.errors import SmartsortError, StorageError
from smartsort.files.hashing import digests_of_all, sha256_of
from smartsort.files.ignore import Ignore
from smartsort.files.inbox import Entry, Left
from smartsort.files.settling import Arrival, SettleTracker
from smartsort.files.shown import shown
from smartsort.files.stamps import stamp_or_none
from smartsort.files.takeout import title_of
from smartsort.files.writers import is_finished, open_for_writing
from smartsort.ledger import adopted, events, older_downloads, photos
from smartsort.ledger.copies import copies_of
from smartsort.ledger.records import NewEvent, sorted_before_from
from smartsort.pipeline.arrival.adopted_uploads import AdoptedUploads, InImmich
from smartsort.pipeline.arrival.claim import Claimer, Offered, offer_of
from smartsort.pipeline.arrival.sorted_folders import (
    LEFT_SHOWN,
    FolderRefused,
    Preview,
    Wanted,
    check_folder,
    is_unchanged,
    no_photo,
    parts_of,
    preview,
    scan_part,
)
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.engine.intact import Intact
from smartsort.pipeline.routing.people import People

log = logging.getLogger(__name__)

PORTION, PORTION_BYTES = 200, 256_000_000
"""Photos read and claimed together, and bytes of them: a user's action waits for the claim."""

WINDOW = 5000
"""Files that are watched together until they rest, but never less than a sub-folder."""

_NO_PHOTO = 2**62
"""Above every photo id: a look for copies then sees every photo."""


@dataclass(slots=True)
class _Twins:
    """What lies in several people's folders with the same bytes, by digest."""

    people: dict[str, list[Person]] = field(default_factory=dict)
    paths: dict[str, list[str]] = field(default_factory=dict)


@dataclass(slots=True)
class _Pass:
    """One walk through the folder."""

    run: dict[str, Any]
    wanted: Wanted
    people: Mapping[str, Person]
    parts: deque[str]
    twins: _Twins
    ready: deque[tuple[str, Arrival]] = field(default_factory=deque)
    """At rest, each with its sub-folder."""


class AdoptionActs(Protocol):
    """What is done about photos that smartsort holds already (`smartsort.actions`)."""

    def file_as_said(self, said: Mapping[int, SortedBefore], group: int) -> Awaitable[None]:
        """File them as the folders say."""
        ...


class AdoptionStage:
    """Previews, begins and carries out one adoption at a time."""

    def __init__(
        self,
        context: Context,
        people: People,
        claimer: Claimer,
        acts: AdoptionActs,
        uploads: AdoptedUploads,
    ) -> None:
        self._context, self._people, self._claimer, self._acts = context, people, claimer, acts
        self._uploads = uploads
        self._ignore = Ignore(context.tuning.ignore)
        self._pass: _Pass | None = None

    # --- asked for ---------------------------------------------------------------------------

    async def preview(self, wanted: Wanted) -> Preview:
        """Return what adopting a folder would do. Raises FolderRefused, DownloadsUnusable, ImmichError."""
        folder = await asyncio.to_thread(check_folder, self._context, wanted.folder)
        people = await self._people.refresh() if wanted.faces else ()
        found = await asyncio.to_thread(
            preview, self._context, replace(wanted, folder=folder), people, self._ignore
        )
        if wanted.move and not os.access(folder, os.W_OK):
            raise FolderRefused(f"smartsort may not move files out of {shown(folder)}. Leave out --move")
        return found

    async def begin(self, found: Preview, actor: str) -> dict[str, Any]:
        """Begin what was previewed. Raises FolderRefused while another folder is being adopted."""
        if found.copied_bytes > found.free_bytes:
            raise FolderRefused(
                f"{found.copied_bytes:,} bytes would be copied, and {found.free_bytes:,} are free. Make room "
                "first"
            )
        context, wanted = self._context, found.wanted
        people = {name: [person.id, person.name] for name, person in found.people.items()}
        at = context.clock.text()

        def write(db: Database) -> dict[str, Any]:
            now = adopted.current(db)
            if now is not None and now["state"] == "running":
                raise FolderRefused(
                    f"{shown(now['folder'])} is being adopted. Wait until that is done, or undo event "
                    f"{now['event']}"
                )
            data = {"what": EventKind.FOLDER_ADOPTED, "folder": shown(wanted.folder)}
            [event] = events.append(db, [NewEvent(EventKind.BULK_ACTION, None, data, actor)], at)
            run = {
                "event": event,
                "state": "running",
                "by": actor,
                "people": people,
                "folder": wanted.folder,
                "faces": wanted.faces,
                "rest": wanted.rest,
                "move": wanted.move,
                "downloads": wanted.downloads,
                "photos": sum(found.photos.values()),
                "known": 0,
                "left": [],
                "left_count": 0,
                "taken_over": 0,
            }
            adopted.write(db, run)
            return run

        run = await context.ledger.awrite(write)
        context.wakeups.notify_all()
        return run

    # --- done --------------------------------------------------------------------------------

    async def step(self) -> bool | float | None:
        """Take one portion over. Raises StorageError, RootUnavailable, ImmichError and goes on from there."""
        run = await self._context.ledger.aread(adopted.current)
        if run is None or run["state"] != "running":
            self._pass = None
            return None
        if self._pass is None or self._pass.run["event"] != run["event"]:
            self._pass = await self._begin_pass(run)
        now = self._pass
        if not now.ready and now.parts:
            await self._watch(now)
            return True
        await self._claimer.recover_open_claims()
        counted, portion = dict(now.run), _portion(now.ready)
        try:
            good, before = await self._read(now, portion)
            uploads = await self._uploads.among(good)
            await self._say(now, good, uploads)
            good = [o for o in good if all(o is not one.offer for one in uploads)]
            async with self._context.arranging:  # an undo of it comes before a portion or after it
                still = await self._context.ledger.aread(adopted.current)
                if still is None or still["state"] != "running":
                    return True
                await self._take(now, good, before)
                await self._uploads.take([one for one in uploads if one.offer.path not in before])
                now.run["known"] += len(uploads)
                over = not (now.ready or now.parts)
                state = "done" if over else "running"
                await self._context.ledger.awrite(lambda db: adopted.write(db, {**now.run, "state": state}))
        except BaseException:
            now.ready.extendleft(reversed(portion))
            now.run = counted
            raise
        if over:
            log.info("the folder %s is adopted (event %s)", shown(now.wanted.folder), run["event"])
        return True

    async def _begin_pass(self, run: dict[str, Any]) -> _Pass:
        wanted = Wanted(
            run["folder"], run["faces"], rest=run["rest"], move=run["move"], downloads=run["downloads"]
        )
        people = {name: Person(i, called) for name, (i, called) in run["people"].items()}
        parts = await asyncio.to_thread(parts_of, wanted.folder, self._ignore)
        taken = [part for part in parts if part in people or wanted.rest or not wanted.faces]
        run = {**run, "known": 0, "left": [], "left_count": 0}
        await self._take_downloads(run, taken)
        twins = await asyncio.to_thread(self._twins, wanted.folder, [p for p in taken if p in people], people)
        return _Pass(run, wanted, people, deque(taken), twins)

    async def _take_downloads(self, run: dict[str, Any], taken: Collection[str]) -> None:
        """Note what the older tool knew. What lies in the adopted folder counts by itself."""
        if run["downloads"] is None:
            return
        inside = [os.path.join(run["folder"], part, "") for part in taken]

        def take() -> None:
            for chunk in older_downloads.chunks(run["downloads"]):
                rows = [row for row in chunk if not any(row.file_path.startswith(p) for p in inside)]
                self._context.ledger.write(
                    lambda db, rows=rows: adopted.put_downloads(db, run["event"], rows)  # type: ignore[misc]
                )

        try:
            await asyncio.to_thread(take)
        except older_downloads.DownloadsUnusable as problem:
            log.warning("%s", problem)

    def _twins(self, folder: str, parts: Sequence[str], people: Mapping[str, Person]) -> _Twins:
        """Return what lies in several people's folders. Only files of one size can be the same."""
        first: dict[int, str] = {}
        several: set[int] = set()
        for part in parts:
            for entry in scan_part(folder, part, self._ignore).entries:
                if first.setdefault(entry.stamp.size, part) != part:
                    several.add(entry.stamp.size)
        found = _Twins()
        for part in parts if several else ():
            for entry in scan_part(folder, part, self._ignore).entries:
                if entry.stamp.size in several:
                    self._note_twin(found, entry, people[part])
        return found

    def _note_twin(self, found: _Twins, entry: Entry, person: Person) -> None:
        try:
            digest = sha256_of(entry.path, entry.stamp)
        except SmartsortError:
            return  # it is told of when it is its turn
        those = found.people.setdefault(digest, [])
        if person not in those:
            those.append(person)
        found.paths.setdefault(digest, []).append(entry.path)

    # --- what rests --------------------------------------------------------------------------

    async def _watch(self, now: _Pass) -> None:
        """Wait until the files of the next sub-folders rest. What does not stays."""
        tuning = self._context.tuning
        tracker = SettleTracker(
            settle_seconds=tuning.settle_seconds,
            companion_wait_seconds=0.0,
            is_finished=is_finished,
            read_metadata=lambda path: self._context.decoders.metadata([path])[0],
            read_title=title_of,
        )
        parts, entries, left = await asyncio.to_thread(self._next_parts, now)
        await asyncio.to_thread(tracker.look, entries)
        await asyncio.sleep(tuning.settle_seconds)
        again: list[Entry] = []
        part_of: dict[str, str] = {}
        for part in parts:
            scan = await asyncio.to_thread(scan_part, now.wanted.folder, part, self._ignore)
            again += scan.entries
            part_of |= dict.fromkeys((entry.path for entry in scan.entries), part)
        look = await asyncio.to_thread(tracker.look, again)
        settled = {entry.path for each in look.settled for entry in _files(each)}
        for part in parts:
            now.parts.remove(part)
        now.ready.extend((part_of[each.photo.path], each) for each in look.settled)
        alone = {entry.path for entry in look.orphans}
        left += [Left(path, "it belongs to no photo there") for path in sorted(alone)]
        waiting = sorted(part_of.keys() - settled - alone)
        left += [Left(path, "it still changes, or belongs to a file that does") for path in waiting]
        self._leave(now, left)

    def _next_parts(self, now: _Pass) -> tuple[list[str], list[Entry], list[Left]]:
        parts: list[str] = []
        entries: list[Entry] = []
        left: list[Left] = []
        for part in now.parts:
            if entries and len(entries) >= WINDOW:
                break
            scan = scan_part(now.wanted.folder, part, self._ignore)
            parts.append(part)
            entries += scan.entries
            left += scan.left
        return parts, entries, left

    def _leave(self, now: _Pass, left: Sequence[Left]) -> None:
        run = now.run
        run["left_count"] += len(left)
        told = [[shown(one.path), one.why] for one in left]
        run["left"] = [*run["left"], *told][:LEFT_SHOWN]

    # --- what is taken -----------------------------------------------------------------------

    async def _read(
        self, now: _Pass, portion: Sequence[tuple[str, Arrival]]
    ) -> tuple[list[Offered], Mapping[str, tuple[int, int, int]]]:
        """Read a portion. What is no photo stays. With what was adopted from these paths before."""
        paths = [each.photo.path for _, each in portion]
        before = await self._context.ledger.aread(lambda db: adopted.taken_from(db, paths))
        offers = [
            (part, offer_of(each, "adopted"))
            for part, each in portion
            if not is_unchanged(each.photo, before)
        ]
        return await asyncio.to_thread(self._examine, now, offers, before), before

    async def _say(self, now: _Pass, good: Sequence[Offered], uploads: Sequence[InImmich]) -> None:
        """Have the folders' word count for photos that are held already."""
        said = {
            o.digests.sha256: (o.path, o.adoption["said"])
            for o in good
            if o.digests is not None and o.adoption is not None and o.adoption["said"]
        }
        known = await self._known({digest: path for digest, (path, _) in said.items()})
        held = {
            copy.photo_id: sorted_before_from(said[digest][1])
            for digest, copy in known.items()
            if copy.photo_id is not None
        }
        held |= await self._uploads.placed(uploads)
        if held:
            await self._acts.file_as_said(held, now.run["event"])

    async def _take(
        self, now: _Pass, good: Sequence[Offered], before: Mapping[str, tuple[int, int, int]]
    ) -> None:
        """Claim a portion. What is known already stays."""
        context = self._context
        known = await self._known({o.digests.sha256: o.path for o in good if o.digests is not None})
        fresh: dict[str, Offered] = {}
        for offer in good:
            digest = offer.digests.sha256 if offer.digests else ""
            if digest not in known and digest not in fresh:
                fresh[digest] = offer
            elif digest in fresh:
                now.run["known"] += offer.path not in (fresh[digest].adoption or {})["paths"]
            else:
                # Of bytes in two folders, the second file is no other copy that was known.
                photo_id = before[offer.path][0] if offer.path in before else None
                now.run["known"] += known[digest].photo_id != photo_id or photo_id is None
        offered = list(fresh.values())
        results = await self._claimer.claim(offered) if offered else []
        context.checkpoint("adopt:claimed")
        problems = [(o, r) for o, r in zip(offered, results, strict=True) if isinstance(r, SmartsortError)]
        for _, problem in problems:
            if isinstance(problem, StorageError):
                raise problem
        self._leave(now, [Left(offer.path, str(problem)) for offer, problem in problems])
        context.wakeups.notify(State.CLAIMED)

    def _examine(
        self, now: _Pass, offers: Sequence[tuple[str, Offered]], before: Mapping[str, tuple[int, int, int]]
    ) -> list[Offered]:
        """Return the photos with their digests and with what the folder says. Runs in a worker thread."""
        good: list[tuple[str, Offered]] = []
        for part, offer in offers:
            why = no_photo(offer.path)
            if why is None and any(open_for_writing(path) for path in offer.media):
                why = "a program has it open for writing"
            if why is None and offer.path in before and self._is_held(offer, before[offer.path][0]):
                why = "it was edited after it was adopted. Run `smartsort audit --repair`"
            if why is None:
                good.append((part, offer))
            else:
                self._leave(now, [Left(offer.path, why)])
        found: list[Offered] = []
        read = digests_of_all([(offer.path, offer.stamp) for _, offer in good])
        for (part, offer), digests in zip(good, read, strict=True):
            if isinstance(digests, StorageError):
                raise digests
            if isinstance(digests, SmartsortError):
                self._leave(now, [Left(offer.path, str(digests))])
            else:
                found.append(self._offer(now, part, offer, digests))
        return found

    def _is_held(self, offer: Offered, photo_id: int) -> bool:
        """Return whether a photo's own file is this very one, by another name."""
        context = self._context
        names = context.ledger.read(lambda db: photos.names_of(db, [photo_id]))[photo_id]
        stamps = (stamp_or_none(context.absolute(name)) for name in names)
        return any(found is not None and found.same_file(offer.stamp) for found in stamps)

    def _offer(self, now: _Pass, part: str, offer: Offered, digests: Digests) -> Offered:
        own = [now.people[part]] if part in now.people else []
        people = now.twins.people.get(digests.sha256, own) or own
        said = {"people": [[p.id, p.name] for p in people], "by": now.run["by"]} if people else None
        adoption = {
            "run": now.run["event"],
            "by": now.run["by"],
            "said": said,
            "moved": now.wanted.move,
            "path": offer.path,
            "paths": sorted({offer.path, *now.twins.paths.get(digests.sha256, ())}),
            "origins": [["photo", offer.path], *([m.value, path] for path, m, _ in offer.companions)],
        }
        return replace(
            offer, origin="add", keep_origin=not now.wanted.move, digests=digests, adoption=adoption
        )

    async def _known(self, digests: Mapping[str, str]) -> dict[str, OtherCopy]:
        """Return intact copies by digest. The file itself, under another name of it, is no copy."""
        numbers = {_NO_PHOTO + n: digest for n, digest in enumerate(digests)}
        found = await self._context.ledger.aread(lambda db: copies_of(db, numbers))

        def intact() -> dict[str, OtherCopy]:
            look = Intact(self._context)
            copies = {numbers[i]: look.copy_of(i, numbers[i]) for i in found}
            return {
                digest: copy
                for digest, copy in copies.items()
                if copy is not None and copy.alive and not _is_same(copy, digests[digest])
            }

        return await asyncio.to_thread(intact)


def _portion(ready: deque[tuple[str, Arrival]]) -> list[tuple[str, Arrival]]:
    found: list[tuple[str, Arrival]] = []
    size = 0
    while ready and len(found) < PORTION and (not found or size < PORTION_BYTES):
        found.append(ready.popleft())
        size += sum(entry.stamp.size for entry in _files(found[-1][1]))
    return found


def _is_same(copy: OtherCopy, path: str) -> bool:
    if copy.place is not CopyPlace.DOWNLOADS or copy.path is None:
        return False
    one, other = stamp_or_none(copy.path), stamp_or_none(path)
    return one is not None and other is not None and one.same_file(other)


def _files(arrival: Arrival) -> list[Entry]:
    halves = [half for half in (arrival.raw, arrival.video) if half is not None]
    return [arrival.photo, *halves, *(entry for entry, *_ in arrival.sides)]
