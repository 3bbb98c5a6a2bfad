"""Start-up: finish or take back what a crash left open, by comparing journal, ledger and disk.

Nothing here decides anything: a photo ends up in the state it was in before the act, or after it, and the
stages go on from there.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass

from sqlite_utils import Database

from smartsort.core.model import State
from smartsort.errors import SmartsortError
from smartsort.files.hashing import sha256_of
from smartsort.files.names import split_extension
from smartsort.files.placement import Drop, sweep_temporaries
from smartsort.files.problems import FileProblem
from smartsort.files.shown import shown
from smartsort.files.stamps import FileStamp, stamp
from smartsort.ledger import facts, photos
from smartsort.ledger.photos import TRASHED, Change, Intent, purged
from smartsort.ledger.records import Area, Member, Name, NewEvent, Photo
from smartsort.pipeline.accept import photo_id_of
from smartsort.pipeline.context import Context

log = logging.getLogger(__name__)

_STEM = 16
"""Letters of a photo's name that every name made from it begins with, after its prefix."""


@dataclass(slots=True)
class Recovered:
    """What start-up found and did."""

    claims_finished: int = 0
    claims_forgotten: int = 0
    routes_taken_back: int = 0
    actions_finished: int = 0
    leftovers_dropped: int = 0
    unknown: tuple[str, ...] = ()
    """Files in `temp_downloads/` that no photo of the ledger accounts for; they are left alone."""


class Recovery:
    """Runs once, before any stage; blocking, call it in a thread."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._done = Recovered()

    def run(self) -> Recovered:
        """Bring ledger and disk together again. Repeating it, or being killed in it, is harmless."""
        self._sweep()
        for intent in self._context.ledger.read(photos.open_intents):
            photo = self._context.ledger.read(lambda db, i=intent.photo_id: photos.get(db, i))  # type: ignore[misc]
            if photo is None:
                continue
            if intent.act == "claim":
                self._claim(intent, photo)
            elif intent.act in ("route", "arrange"):
                self._route(intent, photo)
            elif intent.act == "drop":
                self._finish(intent, photo)
            elif intent.act == "purge":
                self._purge(photo)
        self._leftovers()
        self._context.ledger.write(photos.retry_problems)
        return self._done

    # --- temporary files of copies -----------------------------------------------------------

    def _sweep(self) -> None:
        folders = [self._context.folder(Area.TEMP)]
        for area in (Area.FACES, Area.REVIEW, Area.TRASH):
            folders += _folders_in(self._context.folder(area))
        waiting = self._context.ledger.read(lambda db: photos.in_state(db, State.UNIQUE, 100_000))
        for photo in waiting:
            library = self._context.folder(Area.LIBRARY)
            for shard in _folders_in(library):
                folders.append(
                    self._context.layout.library_folder(os.path.basename(shard), photo.sha256 or "")
                )
        for folder in folders:
            sweep_temporaries(folder)

    # --- claims ------------------------------------------------------------------------------

    def _claim(self, intent: Intent, photo: Photo) -> None:
        context = self._context
        temp = context.folder(Area.TEMP)
        origins = [(Member(m), name, origin) for m, name, origin in intent.data["origins"]]
        if photo.state is State.ARRIVED:
            names = []
            for member, name, _ in origins:
                found = _stamp(os.path.join(temp, name))
                if found is not None:
                    names.append(
                        Name(photo.id, Area.TEMP, name, member, size=found.size, mtime_ns=found.mtime_ns)
                    )
            taken = {n.path for n in names}
            whole = all(name in taken or _stamp(origin) is None for _, name, origin in origins)
            there = any(m is Member.PHOTO and _stamp(origin) is not None for m, _, origin in origins)
            if not any(n.member is Member.PHOTO for n in names) or (there and not whole):
                # Not all was taken: it lies where it was dropped and the next scan takes it together.
                for _, name, origin in origins:
                    self._drop(Drop(os.path.join(temp, name), origin, sha256=self._digest(origin)))
                context.ledger.write(lambda db: photos.forget_unclaimed(db, [photo.id]))
                self._done.claims_forgotten += 1
                return
            data = {"name": shown(photo.original_name), "source": photo.source, "origin": photo.origin}
            self._write(
                Change(
                    photo.id,
                    state=State.CLAIMED,
                    expect=(State.ARRIVED,),
                    names_added=tuple(names),
                    events=(NewEvent("accepted", photo.id, data | {"recovered": True}),),
                )
            )
            self._done.claims_finished += 1
        if not intent.data.get("keep"):
            held = context.ledger.read(lambda db: photos.names_of(db, [photo.id]))[photo.id]
            for member, name, origin in origins:
                home = next(
                    (n for n in held if n.path == name), next((n for n in held if n.member is member), None)
                )
                if home is not None:
                    self._drop(
                        Drop(origin, context.absolute(home), sha256=self._digest(context.absolute(home)))
                    )
        self._write(Change(photo.id, intents_done=True))

    # --- routes ------------------------------------------------------------------------------

    def _route(self, intent: Intent, photo: Photo) -> None:
        """Take back names that were made and never written down; the photo is routed anew."""
        context = self._context
        held = context.ledger.read(lambda db: photos.names_of(db, [photo.id]))[photo.id]
        for area_name, folder, _prefix in intent.data["targets"]:
            area = Area(area_name)
            sweep_temporaries(os.path.join(context.folder(area), folder))
            for source in held:
                for path in self._twins(area, folder, source, photo):
                    self._drop(Drop(path, context.absolute(source), sha256=source.sha256 or photo.sha256))
        self._write(Change(photo.id, intents_done=True))
        self._done.routes_taken_back += 1

    # --- actions -----------------------------------------------------------------------------

    def _finish(self, intent: Intent, photo: Photo) -> None:
        """The ledger knows the new names: the old ones go, and Immich looks at the shard again."""
        context = self._context
        held = context.ledger.read(lambda db: photos.names_of(db, [photo.id]))[photo.id]
        known = {context.absolute(n) for n in held}
        for path, because_of, sha256 in intent.data["drops"]:
            if path not in known:
                self._drop(Drop(path, because_of, sha256=sha256))
        at = context.clock.text()

        def write(db: Database) -> None:
            photos.apply(db, [Change(photo.id, intents_done=True)], at)
            shard = intent.data.get("scan")
            if shard is not None and context.tuning.trigger_scan:
                facts.post_once(db, "scan", {"shard": shard}, at)

        context.ledger.write(write)
        self._done.actions_finished += 1

    def _purge(self, photo: Photo) -> None:
        """The photo's own name goes last: while it is there, the next purge goes on with what is left."""
        held = self._context.ledger.read(lambda db: photos.names_of(db, [photo.id]))[photo.id]
        own = [n for n in held if n.member is Member.PHOTO]
        gone = [n for n in held if _stamp(self._context.absolute(n)) is None]
        if photo.state in TRASHED and all(n in gone for n in own):
            self._write(purged(photo, held))
        else:
            removed = tuple((n.area, n.path) for n in gone if n not in own)
            self._write(Change(photo.id, names_removed=removed, intents_done=True))

    def _twins(self, area: Area, folder: str, source: Name, photo: Photo) -> Iterator[str]:
        """Names in a target folder that are the same file as `source` and that no row knows."""
        context = self._context
        place = os.path.join(context.folder(area), folder)
        original = _stamp(context.absolute(source))
        if original is None:
            return
        try:
            entries = list(os.scandir(place))
        except FileNotFoundError:
            return
        stem = "" if area is Area.LIBRARY else split_extension(photo.original_name)[0][:_STEM]
        for entry in entries:
            # A copy has an inode of its own, but its photo's name; so not every file there is looked at.
            if entry.inode() != original.inode and stem not in entry.name:
                continue
            found = _stamp(entry.path)
            if found is None:
                continue
            copied = found.same_content(original)
            if not (found.same_file(original) or copied):
                continue
            relative = os.path.join(folder, entry.name)
            if context.ledger.read(lambda db, r=relative: photos.name_at(db, area, r)) is None:  # type: ignore[misc]
                yield entry.path

    # --- what is left in temp_downloads ------------------------------------------------------

    def _leftovers(self) -> None:
        """Temporary names whose photo has moved on: drop them once the bytes are proved to be elsewhere."""
        context = self._context
        temp = context.folder(Area.TEMP)
        unknown: list[str] = []
        for entry in os.scandir(temp):
            photo_id = photo_id_of(entry.name)
            if photo_id is None:
                continue
            if context.ledger.read(lambda db, n=entry.name: photos.name_at(db, Area.TEMP, n)):  # type: ignore[misc]
                continue
            held = context.ledger.read(lambda db, i=photo_id: photos.names_of(db, [i]))[photo_id]  # type: ignore[misc]
            if not any(self._drop_if_same(entry.path, context.absolute(n)) for n in held):
                unknown.append(entry.path)
                log.warning("%s belongs to no photo of the ledger; it is left alone", shown(entry.path))
        self._done.unknown = tuple(unknown)

    def _drop_if_same(self, path: str, home: str) -> bool:
        one, other = _stamp(path), _stamp(home)
        if one is None or other is None or one.size != other.size:
            return False
        if not one.same_file(other) and sha256_of(path) != sha256_of(home):
            return False
        return self._drop(Drop(path, home, sha256=self._digest(home)))

    # --- the acts ----------------------------------------------------------------------------

    def _drop(self, drop: Drop) -> bool:
        [result] = self._context.placer.drop([drop])
        if isinstance(result, FileProblem):
            return False
        if isinstance(result, SmartsortError):
            log.warning("%s", result)
            return False
        self._done.leftovers_dropped += not result.already
        return True

    def _digest(self, path: str) -> str | None:
        try:
            return sha256_of(path)
        except SmartsortError:
            return None

    def _write(self, change: Change) -> None:
        at = self._context.clock.text()
        self._context.ledger.write(lambda db: photos.apply(db, [change], at))


def _stamp(path: str) -> FileStamp | None:
    try:
        return stamp(path)
    except FileProblem:
        return None


def _folders_in(folder: str) -> list[str]:
    try:
        return [entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
