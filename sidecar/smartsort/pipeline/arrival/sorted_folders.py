"""What lies in a folder that a user has sorted before, and whose it is. Looks only, changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from smartsort.core.model import Person
from smartsort.core.sorted_folders import FolderMatch, match_folders
from smartsort.errors import SmartsortError
from smartsort.files.grouping import sorted_out
from smartsort.files.ignore import Ignore
from smartsort.files.inbox import Entry, InboxScan, Left, scan_inbox
from smartsort.files.media import Kind
from smartsort.files.probe import recognise
from smartsort.files.problems import FileProblem, FileVanished
from smartsort.files.requests import Method
from smartsort.files.shown import shown
from smartsort.files.space import space
from smartsort.files.temporary import method_for
from smartsort.ledger import adopted, older_downloads
from smartsort.ledger.records import Area
from smartsort.pipeline.engine.context import Context

LEFT_SHOWN = 100
"""Files that stay where they are and are listed. The others are counted."""

_MEDIA = frozenset({Kind.IMAGE, Kind.RAW, Kind.VIDEO})


class FolderRefused(SmartsortError):
    """A folder that smartsort does not adopt."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which folder is to be adopted, and how."""

    folder: str
    faces: bool
    """True: each sub-folder is a person's. False: nothing in it is sorted."""
    said: Mapping[str, str] = field(default_factory=dict)
    """People by sub-folder, as the user has named them."""
    rest: bool = False
    """Take what is nobody's or uncertain as unsorted. Else it stays."""
    move: bool = False
    downloads: str | None = None
    """The database of an older tool."""


@dataclass(slots=True)
class FolderCount:
    """One sub-folder, or the files beside the sub-folders (`name` ""): what is in it, and whose it is."""

    name: str
    match: FolderMatch | None = None
    photos: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Preview:
    """What adopting a folder would do."""

    wanted: Wanted
    folders: list[FolderCount] = field(default_factory=list)
    photos: dict[Method, int] = field(default_factory=dict)
    """How many come in by which method."""
    copied_bytes: int = 0
    free_bytes: int = 0
    left: list[Left] = field(default_factory=list)
    left_count: int = 0
    before: int = 0
    """Photos that were adopted before."""
    downloads: int = 0
    downloads_there: int = 0
    """Files that the older tool knows, and how many of them lie where it says."""

    def leave(self, path: str, why: str) -> None:
        """Count a file that stays."""
        self.left_count += 1
        if len(self.left) < LEFT_SHOWN:
            self.left.append(Left(path, why))

    @property
    def people(self) -> dict[str, Person]:
        """Whose the sub-folders are that are certain."""
        found = ((one.name, one.match.person) for one in self.folders if one.match is not None)
        return {name: person for name, person in found if person is not None}


def check_folder(context: Context, folder: str) -> str:
    """Return the folder's real path. Raises FolderRefused for one that cannot be adopted."""
    real = os.path.realpath(folder)
    layout = context.layout
    own = [os.path.realpath(p) for p in (*layout.guarded, layout.inbox, os.path.dirname(layout.ledger))]
    if not os.path.isabs(folder):
        raise FolderRefused(f"{shown(folder)} is no absolute path. Give the folder as smartsort sees it")
    if not os.path.isdir(real) or not os.access(real, os.R_OK | os.X_OK):
        raise FolderRefused(
            f"{shown(folder)} is no folder that smartsort can read. In a container, mount it and give the "
            "path there"
        )
    for place in own:
        if os.path.commonpath((real, place)) in (real, place):
            raise FolderRefused(
                f"{shown(folder)} overlaps with {shown(place)}, one of smartsort's own folders. Give another "
                "one"
            )
    return real


def parts_of(folder: str, ignore: Ignore) -> tuple[str, ...]:
    """Return the names of the sub-folders, and "" for the files beside them. Raises RootUnavailable."""
    return ("", *map(os.path.basename, scan_inbox(folder, ignore, deep=False, called=CALLED).folders))


CALLED = "the folder"


def scan_part(folder: str, part: str, ignore: Ignore) -> InboxScan:
    """Return what lies in a sub-folder and below, or beside the sub-folders. Raises RootUnavailable."""
    return scan_inbox(os.path.join(folder, part) if part else folder, ignore, deep=bool(part), called=CALLED)


def preview(context: Context, wanted: Wanted, people: Sequence[Person], ignore: Ignore) -> Preview:
    """Return what would be done. Blocking. Raises FolderRefused, DownloadsUnusable, RootUnavailable."""
    found = Preview(wanted)
    parts = parts_of(wanted.folder, ignore)
    unknown = set(wanted.said) - set(parts)
    if unknown:
        names = ", ".join(shown(name) for name in sorted(unknown))
        raise FolderRefused(f"{shown(wanted.folder)} has no sub-folder {names}. Check --map")
    policy = context.policy()
    listed = (*policy.whitelist, *policy.blacklist)
    folders = [part for part in parts if part]
    matches = match_folders(folders, people, listed, wanted.said) if wanted.faces else ()
    by_name = {match.folder: match for match in matches}
    methods: dict[tuple[str, int, int, int], Method] = {}
    for part in parts:
        one = FolderCount(part, by_name.get(part))
        scan = scan_part(wanted.folder, part, ignore)
        for left in scan.left:
            found.leave(left.path, left.why)
        taken = is_taken(wanted, one.match)
        photos = list(_photos(scan, found))
        paths = [entry.path for entry in photos]
        before = context.ledger.read(lambda db, paths=paths: adopted.taken_from(db, paths))  # type: ignore[misc]
        for entry in photos:
            if is_unchanged(entry, before):
                found.before += 1
                continue
            if taken:
                try:
                    method = _method(context, entry, methods)
                except FileProblem as problem:
                    found.leave(entry.path, str(problem))
                    continue
                found.photos[method] = found.photos.get(method, 0) + 1
                found.copied_bytes += entry.stamp.size if method is Method.COPY else 0
            one.photos += 1
            one.bytes += entry.stamp.size
        if part or one.photos:
            found.folders.append(one)
    found.free_bytes = space(context.folder(Area.TEMP)).bytes
    if wanted.downloads is not None:
        found.downloads, found.downloads_there = older_downloads.count(wanted.downloads)
    return found


def is_unchanged(entry: Entry, before: Mapping[str, tuple[int, int, int]]) -> bool:
    """Return whether this very file was adopted before (`ledger.adopted.taken_from`)."""
    return before.get(entry.path, ())[1:] == (entry.stamp.size, entry.stamp.mtime_ns)


def is_taken(wanted: Wanted, match: FolderMatch | None) -> bool:
    """Return whether the files of a sub-folder are adopted at all."""
    return not wanted.faces or wanted.rest or (match is not None and match.person is not None)


def _photos(scan: InboxScan, found: Preview) -> Iterator[Entry]:
    media, _ = sorted_out(scan.entries)
    for entry in media:
        why = no_photo(entry.path)
        if why is None:
            yield entry
        else:
            found.leave(entry.path, why)


def no_photo(path: str) -> str | None:
    """Return why a file is no photo by its first bytes, None for a picture, a raw photo or a video."""
    try:
        probe = recognise(path)
    except SmartsortError as problem:
        return str(problem)
    return None if probe.kind in _MEDIA else probe.problem or "not a picture or video"


def _method(context: Context, entry: Entry, known: dict[tuple[str, int, int, int], Method]) -> Method:
    """Return how a file comes in: tried with one file of each folder and owner. Raises FileVanished."""
    try:
        status = os.lstat(entry.path)
    except FileNotFoundError as error:
        raise FileVanished(f"{shown(entry.path)} is gone", entry.path) from error
    key = (entry.folder, status.st_dev, status.st_uid, status.st_mode)
    if key not in known:
        known[key] = method_for(entry.path, context.folder(Area.TEMP))
    return known[key]
