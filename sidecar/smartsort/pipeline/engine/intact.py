"""Is another copy of a photo intact? Its bytes are read before anything is concluded from it.

A name in the ledger, a size or a time proves nothing: a file may have been edited in place, emptied, replaced
or damaged by its disk. Only files that matter for a conclusion are read, in a worker thread, each once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sqlite_utils import Database

from smartsort.core.model import CopyPlace, Evidence, OtherCopy, Outcome, State
from smartsort.core.rules.copies import ANOTHER_COPY_IS_THERE
from smartsort.errors import SmartsortError
from smartsort.files.hashing import sha256_of
from smartsort.files.problems import FileVanished
from smartsort.files.shown import from_ledger
from smartsort.files.stamps import FileStamp, stamp, stamp_or_none
from smartsort.ledger import adopted, photos, source_tables
from smartsort.ledger.copies import candidates, holding
from smartsort.ledger.records import Area, Member, Name, Photo
from smartsort.pipeline.engine.context import Context

_TRAVELS = tuple(member for member in Member if member is not Member.PHOTO)
"""What is lost with a photo that is put away, unless the other copy has it too."""

_GONE = "is gone"
_ORDER = (Area.FACES, Area.REVIEW, Area.LIBRARY, Area.TRASH, Area.TEMP, Area.ORIGINAL)


class Intact:
    """Looks for intact copies. Blocking. Make one per batch: it remembers the digests it has read."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._read: dict[FileStamp, str] = {}

    def copy_of(self, photo_id: int, sha256: str, without: Collection[int] = ()) -> OtherCopy | None:
        """Return the first intact copy of a photo, without one the first damaged, missing or rejected one.

        Rows of an older `downloads` count only while their file has these bytes. None: there is no copy.
        Copies of the ids in `without` do not count. Raises RootUnavailable.
        """
        self._context.placer.guard()
        found, own, came_from = self._context.ledger.read(
            lambda db: (
                candidates(db, photo_id, sha256),
                photos.names_of(db, [photo_id])[photo_id],
                adopted.paths_of(db, photo_id),
            )
        )
        needed = [n for n in own if n.member in _TRAVELS and n.sha256 is not None]
        held = {self._context.absolute(n) for n in own} | came_from
        best: OtherCopy | None = None
        for copy in found:
            if copy.photo_id in without:
                continue
            if copy.place is CopyPlace.DOWNLOADS:
                path = from_ledger(copy.path) if copy.path else ""
                if path in held or needed or self._problem(path, sha256) or _is_one_of(path, held):
                    continue
                return copy
            if not copy.alive:
                best = best or copy
                continue
            looked = self.looked_at(copy, sha256, needed)
            if looked.alive:
                return looked
            best = best or looked
        return best

    def looked_at(self, copy: OtherCopy, sha256: str, needed: Collection[Name] = ()) -> OtherCopy:
        """Return a copy of the ledger as it is now: intact, or what is wrong with it."""
        known: list[Name] = []
        problems: list[str] = []
        while (names := self._names(copy)) != known:  # a photo under way may have moved on meanwhile
            known, problems = names, []
            for name in holding(names, sha256):
                problem = self._problem(self._context.absolute(name), sha256, name.size)
                if problem is None:
                    lacking = self._lacking(names, needed)
                    if lacking is None:
                        return copy
                    problem = f"lacks the {lacking} of this one"
                problems.append(problem)
        told = next((p for p in problems if p != _GONE), None) if known else None
        if told is None:
            return replace(copy, place=CopyPlace.MISSING)
        return replace(copy, place=CopyPlace.DAMAGED, problem=told)

    def _names(self, copy: OtherCopy) -> list[Name]:
        other = copy.photo_id or 0
        held = self._context.ledger.read(lambda db: photos.names_of(db, [other]))[other]
        return sorted(held, key=lambda n: (_ORDER.index(n.area), n.id))

    def _lacking(self, names: Collection[Name], needed: Collection[Name]) -> str | None:
        for wanted in needed:
            there = (n for n in names if n.member is wanted.member)
            if all(self._problem(self._context.absolute(n), wanted.sha256 or "", n.size) for n in there):
                return wanted.member.value
        return None

    def _problem(self, path: str, sha256: str, size: int | None = None) -> str | None:
        """Return what is wrong with a file that should hold these bytes, None when it does."""
        try:
            now = stamp(path)
            if now.size == 0:
                return "is empty"
            if size is not None and now.size != size:
                return f"has {now.size:,} bytes and not {size:,}"
            if now not in self._read:
                self._read[now] = sha256_of(path, now)
        except FileVanished:
            return _GONE
        except SmartsortError as problem:
            return f"cannot be read ({problem})"
        return None if self._read[now] == sha256 else "has other bytes now"


def _is_one_of(path: str, held: Collection[str]) -> bool:
    """Return True for another name of one of these files: it is no other copy."""
    one = stamp_or_none(path)
    others = (stamp_or_none(each) for each in held)
    return one is not None and any(other is not None and one.same_file(other) for other in others)


def relied_on(db: Database, photo: Photo) -> tuple[Evidence, OtherCopy] | None:
    """The copy because of which a photo waits as a duplicate, or was put away as one, None for no such."""
    decision = photos.last_decision(db, photo.id)
    if decision is None or decision[3][0].code not in ANOTHER_COPY_IS_THERE:
        return None
    if decision[0] != Outcome.SKIPPED:
        row = source_tables.newest_review(db, photo.id)
        if row is None or row["action"] not in ("pending", "rejected"):
            return None  # approved first, and then it was rejected for what it shows
    evidence: Evidence = decision[4]
    copy = evidence.other_copy or evidence.near_copy
    return (evidence, copy) if copy is not None and copy.alive else None


def still_there(
    context: Context, intact: Intact, photo: Photo, copy: OtherCopy, without: Collection[int] = ()
) -> OtherCopy:
    """Return the copy that a photo is, or was, put away for, as it is now. Blocking.

    Where Immich alone has it, nothing is asked here.
    """
    sha256 = photo.sha256
    other = None
    if copy.photo_id is not None:
        other = context.ledger.read(lambda db: photos.get(db, copy.photo_id or 0))
        sha256 = other.sha256 if other is not None else sha256
    if sha256 is None:
        return replace(copy, place=CopyPlace.MISSING)
    if sha256 == photo.sha256:
        found = intact.copy_of(photo.id, sha256, without)
        if copy.place is CopyPlace.IMMICH and not (found and found.alive):
            return copy
        return found or replace(copy, place=CopyPlace.MISSING)
    if other is not None and other.state in (*photos.TRASHED, State.PURGED):
        return replace(copy, place=CopyPlace.TRASH)
    return intact.looked_at(copy, sha256)


def no_longer(
    context: Context, photo: Photo, without: Collection[int] = (), *, intact: Intact | None = None
) -> tuple[Evidence, OtherCopy] | None:
    """What became of the copy that a photo relies on: the evidence with it, when it is gone or damaged.

    Blocking. None while it is there, or where no copy is relied on.
    """
    relied = context.ledger.read(lambda db: relied_on(db, photo))
    if relied is None:
        return None
    evidence, copy = relied
    now = still_there(context, intact or Intact(context), photo, copy, without)
    if now.alive:
        return None
    if evidence.other_copy is not None:
        return replace(evidence, other_copy=now), now
    return replace(evidence, near_copy=now, comparison=None), now


def rejected_for_itself(db: Database, photo_id: int | None) -> bool:
    """Return True for a photo a human rejected for what it shows, and not because another copy was there."""
    photo = photos.get(db, photo_id) if photo_id is not None else None
    return (
        photo is not None and photo.state in (State.REJECTED, State.PURGED) and relied_on(db, photo) is None
    )
