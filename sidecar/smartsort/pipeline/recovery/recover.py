"""Finish or take back what a crash or an error left open, by comparing journal, ledger and disk.

Nothing here decides anything: a photo ends up in the state it was in before the act, or after it, and the
stages go on from there. What cannot be done now (a folder that may not be written) stays in the journal.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlite_utils import Database

from smartsort.core.model import AT_REST, State
from smartsort.errors import SmartsortError, StorageError
from smartsort.files.durable import Pending
from smartsort.files.hashing import sha256_of
from smartsort.files.names import candidates, split_extension
from smartsort.files.placement import points_at, sweep_temporaries
from smartsort.files.problems import NameKept
from smartsort.files.requests import Placed, PlaceRequest, RemoveRequest
from smartsort.files.shown import shown
from smartsort.files.stamps import stamp_or_none
from smartsort.ledger import adopted, outbox, photos
from smartsort.ledger.copies import names_of_content
from smartsort.ledger.photos import TRASHED, Change, Intent, purged
from smartsort.ledger.records import Area, Member, Name, Photo
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.recovery.claimed import acceptance, photo_id_of

log = logging.getLogger(__name__)

TIDY_SECONDS = 60.0
"""Between two looks at what acts that met an error left behind."""

_TAKEN_BACK = ("route", "arrange")
"""Acts whose new names are taken back when the ledger never heard of them."""

_FINISHED = ("drop", "purge")
"""Acts the ledger knows of, whose old names go."""

_STEM = 16
"""Letters of a photo's name that every name made from it begins with, after its prefix."""


@dataclass(slots=True)
class Recovered:
    """What start-up found and did."""

    unknown: tuple[str, ...] = ()
    """Files in `temp_downloads/` that no photo of the ledger accounts for. They are left alone."""
    stuck: set[tuple[str, int, int]] = field(default_factory=set)
    """(path, inode, mtime) of files that are claimed and could not be removed from where they lay."""
    open_claims: set[int] = field(default_factory=set)
    """Photos whose claim could not be finished."""


class Recovery:
    """Blocking: call it in a thread. `run` goes before any stage, `recover_photos` before a photo's act."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._done = Recovered()
        self._offered_again = False

    def run(self) -> Recovered:
        """Bring ledger and disk together again. Repeating it, or being killed in it, is harmless."""
        needs_recovery = self._context.needs_recovery
        self._sweep()
        for intent in self._context.ledger.read(photos.open_intents):
            if not self._resolve(intent):
                (self._done.open_claims if intent.act == "claim" else needs_recovery).add(intent.photo_id)
        needs_recovery |= self._leftovers()
        self._context.ledger.write(photos.retry_problems)
        return self._done

    def recover_photos(self, photo_ids: Collection[int], *, making: bool = True) -> None:
        """As `run` for those of these photos whose last act met an error. Nobody may be moving them.

        What cannot be recovered stays in `needs_recovery`. `making` False: names that were made are left,
        somebody may be about to use them. Only old ones go.
        """
        needs_recovery = self._context.needs_recovery
        wanted = needs_recovery.intersection(photo_ids)
        if wanted:
            acts = (*_TAKEN_BACK, *_FINISHED)
            left = self._settle_acts(wanted, acts if making else _FINISHED, acts)
            needs_recovery -= wanted - left - self._leftovers(wanted)

    def recover_claims(self, photo_ids: Collection[int]) -> Recovered:
        """As `run` for these claims, which nobody may be working on. `open_claims` are those that stay open.

        What still lies where it was offered will be offered again: its claim is taken back.
        """
        self._offered_again = True
        self._done.open_claims = self._settle_acts(photo_ids, ("claim",), ("claim",))
        return self._done

    def _settle_acts(
        self, photo_ids: Collection[int], acts: Sequence[str], concerning: Sequence[str]
    ) -> set[int]:
        """Settle these acts. Ids of the photos of which one of those `concerning` stays open."""
        found = self._context.ledger.read(photos.open_intents)
        return {
            intent.photo_id
            for intent in found
            if intent.photo_id in photo_ids
            and intent.act in concerning
            and not (intent.act in acts and self._resolve(intent))
        }

    def _resolve(self, intent: Intent) -> bool:
        """Return False when something of it is still open."""
        photo = self._context.ledger.read(lambda db: photos.get(db, intent.photo_id))
        if photo is None:
            return True
        if intent.act == "claim":
            return self._claim(intent, photo)
        if intent.act in _TAKEN_BACK:
            return self._route(intent, photo)
        if intent.act == "drop":
            return self._finish(intent, photo)
        if intent.act == "purge":
            return self._purge(photo)
        return True

    # --- temporary files of copies -----------------------------------------------------------

    def _sweep(self) -> None:
        layout = self._context.layout
        folders = [layout.root, *(self._context.folder(area) for area in Area)]
        for area in (Area.FACES, Area.REVIEW, Area.TRASH):
            folders += _folders_in(self._context.folder(area))
        waiting = self._context.ledger.read(lambda db: photos.in_state(db, State.UNIQUE, 100_000))
        shards = [os.path.basename(folder) for folder in _folders_in(self._context.folder(Area.LIBRARY))]
        for folder_of in (layout.library_folder, layout.own_library_folder):
            folders += sorted({folder_of(shard, p.sha256 or "") for shard in shards for p in waiting})
        # The inbox is tried too, and is somebody else's: nothing of ours stays there.
        for place, below, names in os.walk(layout.inbox):
            if any(name.startswith(".smartsort-") for name in (*below, *names)):
                folders.append(place)
        for folder in folders:
            sweep_temporaries(folder)

    # --- claims ------------------------------------------------------------------------------

    def _claim(self, intent: Intent, photo: Photo) -> bool:
        context = self._context
        temp = context.folder(Area.TEMP)
        origins = [(Member(m), name, origin) for m, name, origin in intent.data["origins"]]
        if photo.state is State.ARRIVED:
            names = []
            for member, name, _ in origins:
                found = stamp_or_none(os.path.join(temp, name))
                if found is not None:
                    names.append(
                        Name(photo.id, Area.TEMP, name, member, size=found.size, mtime_ns=found.mtime_ns)
                    )
            taken = {n.path for n in names}
            whole = all(name in taken or stamp_or_none(origin) is None for _, name, origin in origins)
            there = any(m is Member.PHOTO and stamp_or_none(origin) is not None for m, _, origin in origins)
            offered = self._offered_again and all(
                stamp_or_none(origin) is not None for _, name, origin in origins if name in taken
            )
            again = (there and not whole) or offered
            if again and self._differs(temp, taken, origins):
                # A power cut took bytes that whoever filled the inbox had not flushed. The copy is whole.
                again = False
            if again or not any(n.member is Member.PHOTO for n in names):
                # Not all was taken, or not for good: it lies where it was dropped, and is taken together.
                if not self._offered_whole(photo.id, [(name, origin) for _, name, origin in origins]):
                    return False
                context.ledger.write(lambda db: photos.forget_unclaimed(db, [photo.id]))
                return True
            if not self._on_the_disk([os.path.join(temp, n.path) for n in names]):
                return False
            adoption = intent.data.get("adoption")
            if adoption:
                context.ledger.write(lambda db: adopted.put(db, {photo.id: adoption}))
            self._write(
                Change(
                    photo.id,
                    state=State.CLAIMED,
                    expect=(State.ARRIVED,),
                    names_added=tuple(names),
                    events=(acceptance(photo, context.layout.inbox, adoption, recovered=True),),
                )
            )
        elif photo.state in AT_REST and not self._not_joined(photo, origins):
            return False
        if not intent.data.get("keep"):
            held = context.ledger.read(lambda db: photos.names_of(db, [photo.id]))[photo.id]
            for member, name, origin in origins:
                home = next(
                    (n for n in held if n.path == name), next((n for n in held if n.member is member), None)
                )
                if home is None:
                    continue
                place = context.absolute(home)
                if not self._drop(RemoveRequest(origin, place, sha256=self._digest(place))):
                    lying = stamp_or_none(origin)
                    if lying is not None:
                        self._done.stuck.add((origin, lying.inode, lying.mtime_ns))
            if {path for path, *_ in self._done.stuck}.intersection(origin for *_, origin in origins):
                return False
        self._write(Change(photo.id, intents_done=("claim",)))
        return True

    def _differs(self, temp: str, taken: Collection[str], origins: Sequence[tuple[Member, str, str]]) -> bool:
        """Return whether a file has other bytes where it was offered than where it was taken to."""
        pairs = [(os.path.join(temp, name), origin) for _, name, origin in origins if name in taken]
        return any(stamp_or_none(origin) and not self._same(place, origin) for place, origin in pairs)

    def _not_joined(self, photo: Photo, origins: Sequence[tuple[Member, str, str]]) -> bool:
        """What was to join a photo at rest, and is not in the ledger, goes back to be offered again."""
        context = self._context
        held = {n.path for n in context.ledger.read(lambda db: photos.names_of(db, [photo.id]))[photo.id]}
        back = [(name, origin) for _, name, origin in origins if name not in held and stamp_or_none(origin)]
        return self._offered_whole(photo.id, back)

    def _offered_whole(self, photo_id: int, files: Iterable[tuple[str, str]]) -> bool:
        """Remove these (name in `temp_downloads/`, where it was offered): they will be offered again."""
        drops = []
        for name, origin in files:
            place = os.path.join(self._context.folder(Area.TEMP), name)
            try:
                survivor = self._survivor(photo_id, place, origin)
            except SmartsortError as problem:
                log.warning("%s", problem)
                return False
            drops.append(RemoveRequest(place, survivor, sha256=self._digest(survivor)))
        return self._drop_all(drops)

    def _survivor(self, photo_id: int, place: str, origin: str) -> str:
        """Return where the bytes of `place` are, too: where they were offered, as a rule.

        A power cut may have taken them there. They are then offered beside it, under the first free name.
        """
        stamp = stamp_or_none(place)
        if stamp is None or self._same(place, origin):
            return origin
        if home := self._home_of(place, photo_id):
            return self._context.absolute(home)
        # The same name at each start, should this one end here.
        names = candidates(os.path.basename(origin), datetime.fromtimestamp(stamp.mtime_ns / 1e9, UTC))
        request = PlaceRequest(place, os.path.dirname(origin), names, sha256=sha256_of(place), adopt=True)
        [placed] = self._context.placer.place([request])
        if not isinstance(placed, Placed):
            raise placed
        return placed.path

    # --- routes ------------------------------------------------------------------------------

    def _route(self, intent: Intent, photo: Photo) -> bool:
        """Take back names that were made and never written down. The photo is routed again."""
        context = self._context
        held = context.ledger.read(lambda db: photos.names_of(db, [photo.id]))[photo.id]
        drops: list[RemoveRequest] = []
        for area_name, folder, _prefix in intent.data["targets"]:
            area = Area(area_name)
            sweep_temporaries(os.path.join(context.folder(area), folder))
            drops += [
                RemoveRequest(path, context.absolute(source), sha256=self._known(source, photo))
                for source in held
                for path in self._twins(area, folder, source, photo)
            ]
        if not self._drop_all(drops):
            return False
        self._write(Change(photo.id, intents_done=(intent.act,)))
        return True

    def _known(self, source: Name, photo: Photo) -> str | None:
        """Return the digest of a name. An original from before was never read, and is read now."""
        known = source.sha256 or photo.sha256
        if known is None and source.area is Area.ORIGINAL:
            return self._digest(self._context.absolute(source))
        return known

    # --- actions -----------------------------------------------------------------------------

    def _finish(self, intent: Intent, photo: Photo) -> bool:
        """Remove the old names, once the ledger knows the new ones. Immich looks at the shard again."""
        context = self._context
        held = context.ledger.read(lambda db: photos.names_of(db, [photo.id]))[photo.id]
        known = {context.absolute(n) for n in held}
        drops = [
            RemoveRequest(path, self._lives_on(path, surviving_path, held), sha256=sha256)
            for path, surviving_path, sha256 in intent.data["drops"]
            if path not in known
        ]
        if not self._drop_all(drops):
            return False
        at = context.clock.text()

        def write(db: Database) -> None:
            photos.apply(db, [Change(photo.id, intents_done=("drop",))], at)
            shard = intent.data.get("scan")
            if shard is not None and context.tuning.trigger_scan:
                outbox.post_once(db, "scan", {"shard": shard}, at)

        context.ledger.write(write)
        return True

    def _lives_on(self, path: str, expected: str, held: Iterable[Name]) -> str:
        """Return where the bytes of a name are, too: a stage may have moved the photo on meanwhile."""
        if stamp_or_none(expected) is None and (home := self._first_same(path, held)):
            return self._context.absolute(home)
        return expected

    def _purge(self, photo: Photo) -> bool:
        """The photo's own name goes last: while it is there, the next purge goes on with what is left."""
        held = self._context.ledger.read(lambda db: photos.names_of(db, [photo.id]))[photo.id]
        own = [n for n in held if n.member is Member.PHOTO]
        gone = [n for n in held if stamp_or_none(self._context.absolute(n)) is None]
        if not self._on_the_disk([self._context.absolute(n) for n in gone]):
            return False
        if photo.state in TRASHED and all(n in gone for n in own):
            self._write(purged(photo, held))
        else:
            removed = tuple((n.area, n.path) for n in gone if n not in own)
            self._write(Change(photo.id, names_removed=removed, intents_done=("purge",)))
        return True

    def _on_the_disk(self, paths: Iterable[str]) -> bool:
        """Wait for names that are there, or gone: whoever was killed may not have. False when it fails."""
        pending = Pending(self._context.placer.disk)
        for path in paths:
            found = stamp_or_none(path)
            pending.folders.setdefault(os.path.dirname(path))
            if found is not None:
                pending.files.append((path, found.device))
        problems = pending.wait().errors.values()
        for problem in problems:
            log.warning("%s", problem)
        return not problems

    def _twins(self, area: Area, folder: str, source: Name, photo: Photo) -> Iterator[str]:
        """Yield names in a target folder that are the same file as `source` and that no row knows."""
        context = self._context
        place = os.path.join(context.folder(area), folder)
        original = stamp_or_none(context.absolute(source))
        if original is None:
            return
        try:
            with os.scandir(place) as found:
                entries = list(found)
        except FileNotFoundError:
            return
        told = context.absolute(source)
        stem = "" if area is Area.LIBRARY else split_extension(photo.original_name)[0][:_STEM]
        fitted = context.placer.names_in(place).fitted(stem).rstrip("_")
        for entry in entries:
            # A copy or a symbolic link has an inode of its own, but its photo's name, so not every file there
            # is looked at.
            if entry.inode() != original.inode and stem not in entry.name and fitted not in entry.name:
                continue
            seen = stamp_or_none(entry.path)
            points = seen is None and points_at(entry.path, told)
            same = seen is not None and (seen.same_file(original) or seen.same_content(original))
            if not (points or same):
                continue
            relative = os.path.join(folder, entry.name)
            if context.ledger.read(lambda db, r=relative: photos.name_at(db, area, r)) is None:  # type: ignore[misc]
                yield entry.path

    # --- what is left in temp_downloads ------------------------------------------------------

    def _leftovers(self, photo_ids: Collection[int] | None = None) -> set[int]:
        """Temporary names whose photo has moved on go once the bytes are proved to be elsewhere.

        Of these photos, or of all. Ids of photos of which one could not go.
        """
        context = self._context
        temp = context.folder(Area.TEMP)
        unknown: list[str] = []
        left: set[int] = set()
        with os.scandir(temp) as found:
            entries = list(found)
        for entry in entries:
            photo_id = photo_id_of(entry.name)
            if photo_id is None or (photo_ids is not None and photo_id not in photo_ids):
                continue
            if context.ledger.read(lambda db, n=entry.name: photos.name_at(db, Area.TEMP, n)):  # type: ignore[misc]
                continue
            home = self._home_of(entry.path, photo_id)
            if home is not None:
                there = context.absolute(home)
                if not self._drop(RemoveRequest(entry.path, there, sha256=self._digest(there))):
                    left.add(photo_id)
                continue
            unknown.append(entry.path)
            log.warning("%s belongs to no photo of the ledger. It is left alone", shown(entry.path))
        self._done.unknown = tuple(unknown)
        return left

    def _home_of(self, path: str, photo_id: int) -> Name | None:
        """Return where the bytes of a temporary name are. After a restore that photo may have another id."""
        ledger = self._context.ledger
        if home := self._first_same(path, ledger.read(lambda db: photos.names_of(db, [photo_id]))[photo_id]):
            return home
        digest = self._digest(path)
        return (
            self._first_same(path, ledger.read(lambda db: names_of_content(db, digest))) if digest else None
        )

    def _first_same(self, path: str, names: Iterable[Name]) -> Name | None:
        return next((name for name in names if self._same(path, self._context.absolute(name))), None)

    def _same(self, path: str, home: str) -> bool:
        one, other = stamp_or_none(path), stamp_or_none(home)
        if one is None or other is None or one.size != other.size:
            return False
        return one.same_file(other) or sha256_of(path) == sha256_of(home)

    # --- the acts ----------------------------------------------------------------------------

    def _drop(self, drop: RemoveRequest) -> bool:
        """Return False when the name could not go now.

        What is another file by now is somebody's and stays.
        """
        return self._drop_all([drop])

    def _drop_all(self, drops: Sequence[RemoveRequest]) -> bool:
        done = True
        for result in self._context.placer.remove(drops):
            if isinstance(result, StorageError):
                log.warning("%s", result)
                done &= isinstance(result, NameKept)
        return done

    def _digest(self, path: str) -> str | None:
        try:
            return sha256_of(path)
        except SmartsortError:
            return None

    def _write(self, change: Change) -> None:
        at = self._context.clock.text()
        self._context.ledger.write(lambda db: photos.apply(db, [change], at))


class TidyStage:
    """The maintenance step that clears up after acts that met an error and are not tried again."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def step(self) -> float:
        """Settle what can be. Seconds until the next look. Raises RootUnavailable."""
        context = self._context
        if context.placer.disk.strays:
            await asyncio.to_thread(context.placer.sweep_strays)
        if not context.needs_recovery:
            return TIDY_SECONDS
        async with context.arranging:
            ids = set(context.needs_recovery)
            rows = await context.ledger.aread(lambda db: photos.by_ids(db, list(ids)))
            # The stages may be using a photo on its way, so there only old names are dropped.
            resting = {photo.id for photo in rows if photo.state in AT_REST}
            gone = ids - {photo.id for photo in rows}
            context.needs_recovery -= gone
            await asyncio.to_thread(Recovery(context).recover_photos, resting)
            await asyncio.to_thread(lambda: Recovery(context).recover_photos(ids - resting, making=False))
        context.wakeups.notify(State.FILED, State.REVIEW)  # the outbox listens to these
        return TIDY_SECONDS


def _folders_in(folder: str) -> list[str]:
    try:
        return [entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
