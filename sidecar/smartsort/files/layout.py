"""The folders of one root, and the proof that they are the right ones.

Every folder that may be a mount of its own holds a small file with the root's id. While a mount is missing
its empty mount point has none, so nothing is created there and nothing is concluded from its emptiness.
"""

from __future__ import annotations

import json
import os
import uuid
from contextlib import suppress
from dataclasses import dataclass

from smartsort.core.backfill import mapped
from smartsort.core.model import Category
from smartsort.errors import ConfigurationError, RootUnavailable
from smartsort.files.disk import Disk
from smartsort.files.durable import Pending
from smartsort.files.problems import storage_error
from smartsort.files.shown import shown

SENTINEL = ".smartsort-root"
"""Without a media extension, so that Immich takes no notice of it."""

_SENTINEL_BYTES = 65536
_SHARED_DIGITS = 2
_PREFIX_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders. Each but the root may be given to lie elsewhere, all are absolute."""

    root: str
    inbox: str = ""
    temp_downloads: str = ""
    library: str = ""
    faces: str = ""
    review: str = ""
    trash: str = ""
    ledger: str = ""
    path_mapping: tuple[tuple[str, str], ...] = ()
    """Folders of Immich with photos from before smartsort, and where this machine sees each."""

    def __post_init__(self) -> None:
        root = os.path.abspath(self.root)
        object.__setattr__(self, "root", root)
        for field, name in _DEFAULTS.items():
            object.__setattr__(self, field, os.path.abspath(os.path.join(root, getattr(self, field) or name)))

    def review_folder(self, category: Category) -> str:
        """Return where photos of one review category wait."""
        return os.path.join(self.review, category.value)

    @property
    def outside(self) -> str:
        """Return a folder that never is: originals outside the mapping are nowhere on this machine."""
        return os.path.join(self.root, ".outside-path-mapping")

    def original(self, path: str) -> str:
        """Return where a file of Immich lies on this machine. `path` is Immich's, without its first slash.

        What has the same path here is another file, so without a mapping there is nothing.
        """
        return mapped(f"/{path}", self.path_mapping) or os.path.join(self.outside, path)

    def person_folder(self, folder_name: str) -> str:
        """Return where one person's photos are filed.

        `folder_name` is already the folder form of the name.
        """
        return os.path.join(self.faces, folder_name)

    def library_folder(self, shard: str, sha256: str) -> str:
        """Where a photo with this digest stands in a shard, beside others whose digest begins alike."""
        return f"{self.library}/{shard}/{sha256[:_SHARED_DIGITS]}"

    def own_library_folder(self, shard: str, sha256: str) -> str:
        """Where it stands by itself: with files that travel with it, or when its name is another's there."""
        return f"{self.library_folder(shard, sha256)}/{sha256[:_PREFIX_DIGITS]}"

    @property
    def guarded(self) -> tuple[str, ...]:
        """The folders that hold the root's id. Not the inbox: it belongs to whoever fills it."""
        return (self.root, self.temp_downloads, self.library, self.faces, self.review, self.trash)

    def conflicts(self) -> list[str]:
        """Return what is wrong with the folders' places, in sentences, empty when nothing is."""
        found = []
        places = {name: os.path.realpath(getattr(self, name)) for name in _DEFAULTS if name != "ledger"}
        for inner, outer in ((a, b) for a in places for b in places if a != b):
            if places[inner] == places[outer]:
                if inner < outer:
                    found.append(f"{inner} and {outer} are the same folder, {shown(places[inner])}")
            elif _is_below(places[inner], places[outer]):
                found.append(f"{inner} ({shown(places[inner])}) lies inside {outer} ({shown(places[outer])})")
        for theirs, ours in self.path_mapping:
            # Nothing is ever made or removed in such a folder, so smartsort could not work in it.
            real = os.path.realpath(ours)
            for name, place in places.items():
                if place == real or _is_below(place, real) or _is_below(real, place):
                    found.append(
                        f"backfill.path_mapping maps {theirs} to {shown(ours)}, which overlaps {name} "
                        f"({shown(place)})"
                    )
        root = os.path.realpath(self.root)
        for name, place in places.items():
            if place == root or _is_below(root, place):
                found.append(f"{name} ({shown(place)}) contains the root ({shown(root)})")
        return found

    def prepare(self, expected_id: str | None = None) -> str:
        """Create what is missing and return the root's id.

        `expected_id` is the id the ledger remembers, None for a root that is new to it. A root with another
        id or, if one is expected, without it is refused before anything is created. Raises
        ConfigurationError for folders that lie inside each other, RootUnavailable, StorageError.
        """
        conflicts = self.conflicts()
        if conflicts:
            raise ConfigurationError(f"the folders get in each other's way: {'; '.join(conflicts)}")
        if expected_id is not None:
            _check_sentinel(self.root, expected_id)
        sentinel = _read_sentinel(self.root)
        root_id = sentinel.id if sentinel else uuid.uuid4().hex
        signed = sentinel.folders if sentinel else frozenset()
        own = [folder for folder in self.guarded if folder != self.root]
        for folder in own:
            # Signed once and not now: its disk is missing, and its mount point must not be taken for it.
            if os.path.relpath(folder, self.root) in signed:
                _check_sentinel(folder, root_id)
        reviews = map(self.review_folder, Category)
        _make_folders(*self.guarded, self.inbox, *reviews, os.path.dirname(self.ledger))
        if sentinel is None:
            # A start that is cut off from here on goes on with this id, and not with another one.
            _write_sentinel(self.root, _Sentinel(root_id))
        for folder in own:
            if _read_sentinel(folder) is None:
                _write_sentinel(folder, _Sentinel(root_id))
        # Only now the root's own names the others: it says that they are there.
        complete = signed | {os.path.relpath(folder, self.root) for folder in own}
        if complete != signed:
            _write_sentinel(self.root, _Sentinel(root_id, complete))
        self.check(root_id)
        return root_id

    def in_use(self) -> str | None:
        """Return a file in the folders of a root that was prepared before, None when there is none."""
        if _read_sentinel(self.root) is None:
            return None
        for folder in (self.library, self.faces, self.review, self.trash, self.temp_downloads):
            for place, _, names in os.walk(folder):
                found = next((name for name in names if not name.startswith(SENTINEL)), None)
                if found is not None:
                    return os.path.join(place, found)
        return None

    def check(self, expected_id: str) -> None:
        """Raises RootUnavailable unless every guarded folder is there and is the prepared one."""
        for folder in self.guarded:
            _check_sentinel(folder, expected_id)


_DEFAULTS = {
    "inbox": "inbox",
    "temp_downloads": "temp_downloads",
    "library": "library",
    "faces": "faces",
    "review": "review",
    "trash": "trash",
    "ledger": "smartsort.db",
}


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")


@dataclass(frozen=True, slots=True)
class _Sentinel:
    """The root's id. In the root itself also which folders were signed, relative to it."""

    id: str
    folders: frozenset[str] = frozenset()


def _make_folders(*folders: str) -> None:
    pending = Pending(Disk())
    for folder in folders:
        pending.make_folder(folder)
    for error in pending.wait().errors.values():
        raise error


def _read_sentinel(folder: str) -> _Sentinel | None:
    """Return what a folder's sentinel says, None where there is none.

    RootUnavailable when it cannot be read.
    """
    path = os.path.join(folder, SENTINEL)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            written = os.read(handle, _SENTINEL_BYTES).decode("utf-8", "replace")
        finally:
            os.close(handle)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RootUnavailable(str(storage_error(error, "read", path))) from error
    try:
        said = json.loads(written)
        return _Sentinel(str(said["id"]), frozenset(map(str, said.get("folders", ()))))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RootUnavailable(
            f"{shown(path)} is damaged. If this really is the folder smartsort prepared, write the line "
            f'{{"id": "the id of the other folders\' {SENTINEL}"}} into it'
        ) from error


def _check_sentinel(folder: str, expected_id: str) -> None:
    found = _read_sentinel(folder)
    if found is not None and found.id == expected_id:
        return
    if found is not None:
        raise RootUnavailable(
            f"{shown(folder)} belongs to another root ({shown(found.id)}, not {shown(expected_id)}). "
            "Is the right disk mounted there?"
        )
    if not os.path.isdir(folder):
        raise RootUnavailable(f"{shown(folder)} is missing or no folder. Is its disk mounted?")
    raise RootUnavailable(
        f"{shown(folder)} is not the one smartsort prepared, {SENTINEL} is not in it. Is its disk mounted? "
        f'If it really is this one, put the file back with the line {{"id": "{shown(expected_id)}"}}'
    )


def _write_sentinel(folder: str, sentinel: _Sentinel) -> None:
    path = os.path.join(folder, SENTINEL)
    said: dict[str, object] = {"id": sentinel.id}
    if sentinel.folders:
        said["folders"] = sorted(sentinel.folders)
    # Written beside and renamed, so that no crash leaves half of one.
    temporary = f"{path}-{uuid.uuid4().hex[:8]}"
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            os.write(handle, f"{json.dumps(said)}\n".encode("ascii"))
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(temporary, path)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with suppress(OSError):  # some network folders know no fsync of a folder
                os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        raise storage_error(error, "write into", folder) from error
