"""One photo: do its names on the disk hold what the ledger says? Looks only, changes nothing."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from smartsort.audit.findings import Code, Finding
from smartsort.audit.rows import Row
from smartsort.core.model import State
from smartsort.errors import SmartsortError
from smartsort.files.hashing import sha256_of
from smartsort.files.problems import FileVanished
from smartsort.files.requests import Method
from smartsort.files.shown import shown
from smartsort.files.stamps import FileStamp, regular
from smartsort.ledger.records import Area, Member, Name

TRASHED = (State.REJECTED, State.SKIPPED)
_MINE = (State.CLAIMED, State.HASHED, State.UNIQUE)
_IN_LIBRARY = (State.PLACED, State.KNOWN)


@dataclass(frozen=True, slots=True)
class _Seen:
    name: Name
    path: str
    stamp: FileStamp
    links: int


class PhotoCheck:
    """Compares photos with the disk. `deep`: every byte is read again."""

    def __init__(self, folders: Mapping[Area, str], original: Callable[[str], str], *, deep: bool) -> None:
        self._folders, self._original, self._deep = folders, original, deep

    def path(self, name: Name) -> str:
        """Return where a name lies."""
        if name.area is Area.ORIGINAL:
            return self._original(name.path)
        return f"{self._folders[name.area]}/{name.path}"

    def check(self, row: Row, crowded: Callable[[tuple[int, int], int], None] | None = None) -> list[Finding]:
        """Return what is wrong with a photo.

        `crowded` hears of files that have more names than the ledger knows.
        """
        found = [*self._rows(row), *self._state(row)]
        by_member: dict[Member, list[Name]] = {Member.PHOTO: []}
        for name in row.names:
            by_member.setdefault(name.member, []).append(name)
        for member, names in by_member.items():
            found += self._member(row, member, names, crowded)
        return found

    def look(self, name: Name) -> tuple[FileStamp, int] | None:
        """Return what lies at a name and how many names it has, None for nothing. Raises SmartsortError."""
        path = self.path(name)
        try:
            # A symbolic link of ours counts for what it shows. What it shows is looked at as the original.
            status = os.stat(path) if name.method == Method.SYMLINK else os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise SmartsortError(f"{shown(path)} cannot be looked at: {error.strerror}") from error
        return regular(status, path), status.st_nlink

    # --- the ledger with itself --------------------------------------------------------------

    def _state(self, row: Row) -> Iterator[Finding]:
        places = Counter(n.area for n in row.names if n.member is Member.PHOTO)
        if not _fits(row, places):
            held = ", ".join(f"{count} in {area.value}/" for area, count in places.items()) or "none"
            yield Finding(
                Code.MISPLACED, f"photo {row.id} is {row.state.value}, but its names are: {held}", row.id
            )

    def _rows(self, row: Row) -> Iterator[Finding]:
        # By its end only: the same root has other paths inside and outside a container.
        places = tuple(f"/{shown(n.path)}" for n in row.names if n.member is Member.PHOTO)
        wanted = row.state is State.REVIEW
        if len(row.pending) != wanted:
            what = (
                f"photo {row.id} is {row.state.value} and has {len(row.pending)} pending rows in review_queue"
            )
            yield Finding(Code.REVIEW_ROW, what, row.id)
        elif wanted and not row.pending[0].endswith(places):
            yield Finding(
                Code.REVIEW_ROW,
                f"review_queue has photo {row.id} at {row.pending[0]}, where it is not",
                row.id,
            )
        if row.state not in (State.FILED, State.REVIEW) or not row.routed or row.download is None:
            return
        path, digest = row.download
        if not (path or "").endswith(places) or digest != row.sha256:
            yield Finding(
                Code.DOWNLOAD_ROW, f"downloads has photo {row.id} at {path}, or with another digest", row.id
            )

    # --- the ledger with the disk ------------------------------------------------------------

    def _member(
        self,
        row: Row,
        member: Member,
        names: Sequence[Name],
        crowded: Callable[[tuple[int, int], int], None] | None,
    ) -> list[Finding]:
        found: list[Finding] = []
        was_there = any(name.area is Area.ORIGINAL for name in names)
        seen: list[_Seen] = []
        missing: list[Name] = []
        for name in names:
            try:
                looked = self.look(name)
            except SmartsortError as problem:
                found.append(_finding(Code.UNREADABLE, str(problem), row, name, self.path(name)))
                continue
            if looked is None:
                if name.area is not Area.ORIGINAL:  # what Immich does with its own files is no loss of ours
                    missing.append(name)
            else:
                seen.append(_Seen(name, self.path(name), *looked))
        if names and not seen and not found and not was_there:
            return [self._gone(row, member, names)]
        for name in missing:
            what = (
                f"{shown(self.path(name))} is gone. Its bytes live on at {shown(seen[0].path)}"
                if seen
                else f"{shown(self.path(name))} shows a photo that Immich has no more"
            )
            found.append(_finding(Code.MISSING, what, row, name, self.path(name)))
        if seen:
            found += self._compare(row, member, seen)
        if crowded is not None and member is Member.PHOTO and not was_there:
            links = Counter((s.stamp.device, s.stamp.inode) for s in seen)
            for each in seen:
                key = (each.stamp.device, each.stamp.inode)
                if each.links > links[key]:
                    crowded(key, row.id)
        return found

    def _gone(self, row: Row, member: Member, names: Sequence[Name]) -> Finding:
        path = self.path(names[0])
        if row.state in TRASHED:
            return _finding(
                Code.TRASH_EMPTIED, f"{shown(path)} was removed from the trash by hand", row, names[0], path
            )
        what = f"{shown(path)} is gone, and so is every other name of photo {row.id} ({member.value})"
        return _finding(Code.LOST, what, row, names[0], path)

    def _compare(self, row: Row, member: Member, seen: list[_Seen]) -> Iterator[Finding]:
        """Yield every file once, however many names it has."""
        anchor = next((s for s in seen if s.name.area in (Area.LIBRARY, Area.ORIGINAL)), seen[0])
        done: set[tuple[int, int]] = set()
        for each in (anchor, *(s for s in seen if s is not anchor)):
            stamp, name = each.stamp, each.name
            key = (stamp.device, stamp.inode)
            linked = anchor.name.area in (Area.LIBRARY, Area.ORIGINAL) or anchor.name.method == "hardlink"
            strange = linked and name.method == "hardlink" and not stamp.same_file(anchor.stamp)
            if key in done and not strange:
                if None not in (name.sha256, anchor.name.sha256) and name.sha256 != anchor.name.sha256:
                    what = (
                        f"the ledger has another digest for {shown(each.path)} than for {shown(anchor.path)}"
                    )
                    yield _finding(Code.EDITED, what, row, name, each.path)
                continue
            done.add(key)
            yield from self._content(row, member, each, strange=strange)

    def _content(self, row: Row, member: Member, each: _Seen, *, strange: bool) -> Iterator[Finding]:
        name, stamp, path = each.name, each.stamp, each.path
        expected = name.sha256 or (row.sha256 if member is Member.PHOTO else None)
        same_stamp = (name.size is None or name.size == stamp.size) and (
            name.mtime_ns is None or name.mtime_ns == stamp.mtime_ns
        )
        digest = None
        if expected is not None and (self._deep or (strange and stamp.size == name.size)):
            try:
                digest = sha256_of(path, stamp)
            except FileVanished:
                return  # looked at again by whoever called
            except SmartsortError as problem:
                yield _finding(Code.UNREADABLE, str(problem), row, name, path)
                return
        same_bytes = digest == expected if digest is not None and expected is not None else None
        if strange:
            if same_bytes or (same_bytes is None and same_stamp):
                what = f"{shown(path)} is a file of its own now, with the same bytes"
                yield _finding(Code.UNLINKED, what, row, name, path, digest=digest)
            else:
                what = f"{shown(path)} is another file than photo {row.id}"
                yield _finding(Code.REPLACED, what, row, name, path, digest=digest)
        elif same_stamp and same_bytes is False:
            what = f"{shown(path)} has other bytes, although size and time are the same"
            yield _finding(Code.CORRUPT, what, row, name, path, digest=digest)
        elif not same_stamp and same_bytes:
            yield _finding(Code.TOUCHED, f"{shown(path)} has another time", row, name, path, digest=digest)
        elif not same_stamp:
            what = f"{shown(path)} was changed: {stamp.size:,} bytes, not {name.size or 0:,}, or another time"
            yield _finding(Code.EDITED, what, row, name, path, digest=digest)


def _fits(row: Row, places: Counter[Area]) -> bool:
    """Return True when a photo in this state has its names in these folders."""
    if row.state is State.ARRIVED:
        return not places and row.intents > 0
    if row.state in _MINE:
        return places == Counter({Area.TEMP: 1})
    if row.state in _IN_LIBRARY:
        return places == Counter({Area.LIBRARY: 1})
    if row.state in TRASHED:
        # What a user deletes in Immich stays in the library for a while.
        return places in (Counter({Area.TRASH: 1}), Counter({Area.LIBRARY: 1}))
    if row.state is State.PURGED:
        return not places
    if row.state is State.OBSERVED:
        return places == Counter({Area.ORIGINAL: 1})
    own = Area.FACES if row.state is State.FILED else Area.REVIEW
    rest = {area: count for area, count in places.items() if area is not own}
    return (
        places[own] >= 1
        and (row.state is State.FILED or places[own] == 1)
        and rest in ({}, {Area.LIBRARY: 1}, {Area.ORIGINAL: 1})
    )


def _finding(code: Code, what: str, row: Row, name: Name, path: str, *, digest: str | None = None) -> Finding:
    return Finding(
        code,
        what,
        row.id,
        path,
        name.area,
        name.path,
        name.member,
        sha256=digest,
    )
