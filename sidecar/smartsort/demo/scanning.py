"""Library scans: what is new, changed, gone or back under the import paths on the real disk."""

import asyncio
import contextlib
import logging
import os
import re
import stat
import time
from collections.abc import Iterator
from functools import lru_cache

from smartsort.demo.chain import PhotoChain
from smartsort.demo.jobs import Job, JobEngine
from smartsort.demo.media import kind_of
from smartsort.demo.models import Asset, Library
from smartsort.demo.state import DemoState
from smartsort.demo.timing import Timing

log = logging.getLogger(__name__)
# So many rows are made between two turns of the event loop.
ROWS_PER_TURN = 50

Found = tuple[str, int, int]


class LibraryScanner:
    """The library queue's jobs."""

    def __init__(self, state: DemoState, engine: JobEngine, chain: PhotoChain, timing: Timing) -> None:
        self._state = state
        self._engine = engine
        self._chain = chain
        self._timing = timing
        engine.handlers.update(
            {
                "LibrarySyncFilesQueueAll": self._look_for_new,
                "LibraryScanAssetsQueueAll": self._look_at_known,
                "LibrarySyncFiles": self._import,
                "LibrarySyncAssets": self._sync,
            }
        )

    def scan(self, library: Library) -> None:
        self._engine.add("library", "LibrarySyncFilesQueueAll", {"id": library.id})
        self._engine.add("library", "LibraryScanAssetsQueueAll", {"id": library.id})

    async def _look_for_new(self, job: Job) -> None:
        library = self._state.libraries.get(job.data["id"])
        if library is None:
            return
        found = await asyncio.to_thread(self._walk, library)
        fresh = [path for path, _, _ in found if self._state.asset_by_path(library.id, path) is None]
        if fresh:
            data = {"libraryId": library.id, "paths": fresh, "progressCounter": len(fresh)}
            self._engine.add("library", "LibrarySyncFiles", data)
        library.refreshed_at = time.time()

    async def _import(self, job: Job) -> None:
        library = self._state.libraries.get(job.data["libraryId"])
        if library is not None:
            found = await asyncio.to_thread(self._stat_all, job.data["paths"])
            await self._import_found(library, found)

    async def _import_found(self, library: Library, found: list[Found]) -> None:
        """Make the rows, and later their first jobs: in between a photo is in no queue but `library`."""
        made: list[Asset] = []
        for number, (path, modified_ns, size) in enumerate(found, 1):
            if self._state.asset_by_path(library.id, path) is None:
                asset = self._state.add_external_asset(library, path, modified_ns, size)
                asset.kind = kind_of(path) or asset.kind
                made.append(asset)
            if number % ROWS_PER_TURN == 0:
                await asyncio.sleep(0)
        if self._timing.row_to_sidecar_seconds:
            await asyncio.sleep(len(made) * self._timing.row_to_sidecar_seconds)
        for asset in made:
            self._chain.start(asset)

    async def _look_at_known(self, job: Job) -> None:
        library = self._state.libraries.get(job.data["id"])
        if library is None:
            return
        known = [asset.id for asset in self._state.library_assets(library.id)]
        if known:
            self._engine.add(
                "library",
                "LibrarySyncAssets",
                {
                    "libraryId": library.id,
                    "importPaths": list(library.import_paths),
                    "exclusionPatterns": list(library.exclusion_patterns),
                    "assetIds": known,
                    "progressCounter": len(known),
                    "totalAssets": len(known),
                },
            )

    async def _sync(self, job: Job) -> None:
        library = self._state.libraries.get(job.data["libraryId"])
        assets = [self._state.assets[i] for i in job.data["assetIds"] if i in self._state.assets]
        if library is None:
            return
        paths = [asset.path for asset in assets]
        there = {path: modified for path, modified, _ in await asyncio.to_thread(self._stat_all, paths)}
        for asset in assets:
            modified_ns = there.get(asset.path)
            if modified_ns is None or not is_wanted(library, asset.path):
                self._lose(asset)
            else:
                self._keep(asset, modified_ns)

    @staticmethod
    def _lose(asset: Asset) -> None:
        if not asset.is_offline:
            asset.is_offline = True
            asset.deleted_at = asset.deleted_at or time.time()
            asset.updated_at = time.time()

    def _keep(self, asset: Asset, modified_ns: int) -> None:
        if asset.is_offline:
            asset.is_offline = False
            if not asset.trashed_by_user:
                asset.deleted_at = None
            asset.updated_at = time.time()
        if asset.modified_ns != modified_ns and not asset.is_trashed:
            asset.modified_ns = modified_ns
            asset.updated_at = time.time()
            asset.detection_finished_at = None
            self._chain.start(asset)

    def _walk(self, library: Library) -> list[Found]:
        """Return every importable file, as Immich sees it: path, mtime, size. Symbolic links are followed."""
        found: list[Found] = []
        for import_path in library.import_paths:
            real_root = self._state.real_path(import_path)
            for real in _files_below(real_root):
                path = import_path.rstrip("/") + real[len(real_root.rstrip("/")) :]
                if is_importable(path) and is_wanted(library, path):
                    with contextlib.suppress(OSError):
                        status = os.stat(real)
                        found.append((path, status.st_mtime_ns, status.st_size))
        return found

    def _stat_all(self, paths: list[str]) -> list[Found]:
        found: list[Found] = []
        for path in paths:
            with contextlib.suppress(OSError):
                status = os.stat(self._state.real_path(path))
                if stat.S_ISREG(status.st_mode):
                    found.append((path, status.st_mtime_ns, status.st_size))
        return found


def is_importable(path: str) -> bool:
    """Return whether Immich imports a file of that name.

    It judges by the extension, and cannot read odd bytes.
    """
    if kind_of(path) is None:
        return False
    try:
        path.encode()
    except UnicodeEncodeError:
        log.warning("a file name is not UTF-8 and is left out: %r", path)
        return False
    return not os.path.basename(path).startswith(".")


def is_wanted(library: Library, path: str) -> bool:
    """Return whether a path is below an import path and matches no exclusion pattern."""
    below = any(path.startswith(root.rstrip("/") + "/") for root in library.import_paths)
    return below and not any(_pattern(pattern).fullmatch(path) for pattern in library.exclusion_patterns)


def _files_below(root: str) -> Iterator[str]:
    for folder, folders, names in os.walk(root, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            yield os.path.join(folder, name)


_WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


@lru_cache(maxsize=256)
def _pattern(glob: str) -> re.Pattern[str]:
    """A glob with `**`, `*` and `?` as a regular expression."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    return re.compile("".join(_WILD.get(part, re.escape(part)) for part in parts))
