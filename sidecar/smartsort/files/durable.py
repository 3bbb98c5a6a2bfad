"""Making folders, and waiting until a batch of changes is on the disk, each folder once."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from smartsort.errors import SmartsortError, StorageError
from smartsort.files.disk import Disk
from smartsort.files.filesystem import file_system
from smartsort.files.problems import storage_error, unreadable
from smartsort.files.requests import Method, Placed, Removed
from smartsort.files.temporary import methods_between

_SYNC_AS_A_WHOLE = 4
"""With more folders and files than this one syncfs is cheaper than an fsync each: measured on ext4, 1,000
new folders take 20 ms against 163."""


class KnownFolders:
    """Folders below `areas` that are on the disk, as far as this process has waited for them.

    One that was there before may be left by a process that was killed before it could wait.
    """

    def __init__(self) -> None:
        self.areas: tuple[str, ...] = ()
        self.safe: set[str] = set()

    def doubts(self, folder: str) -> bool:
        """Return whether a power cut may still take this folder away."""
        return folder not in self.safe and any(folder.startswith(f"{area}/") for area in self.areas)


class Pending:
    """What a batch has changed and has to wait for, each folder once."""

    def __init__(self, disk: Disk, known: KnownFolders | None = None) -> None:
        self.disk = disk
        self._known = known or KnownFolders()
        self.folders: dict[str, int | None] = {}
        self.files: list[tuple[str, int]] = []
        self.made: set[str] = set()
        """Names that were made for requests of this batch."""
        self.new_folders: list[str] = []
        """Folders that were made, the upper ones first."""
        self._there: set[str] = set()
        self._refusing: dict[str, bool] = {}

    def add(self, placed: Placed) -> None:
        """A file that was placed: its bytes, its folder."""
        self.made.add(placed.path)
        own = placed.method is not Method.SYMLINK  # whose stamp is its target's
        self.folders[os.path.dirname(placed.path)] = placed.stamp.device if own else None
        if placed.method is Method.SYMLINK:
            return  # no bytes of ours
        # A name may be older than its bytes' way to the disk: whoever wrote the source need not have waited.
        self.files.append((placed.path, placed.stamp.device))

    def make_folder(self, folder: str, *, surely: bool = False) -> None:
        """Create the folder and what is missing above it. `surely`: do not trust what was seen before."""
        if surely:
            self._there.clear()
        if folder in self._there or not folder:
            return
        parent = os.path.dirname(folder)
        # Below a folder that was made or seen just now most are new: making it tells whether it is.
        if parent in self._there or not os.path.isdir(folder):
            if parent != folder:
                self.make_folder(parent)
            try:
                self.disk.mkdir(folder)
                self.new_folders.append(folder)
            except FileExistsError:
                if not os.path.isdir(folder):
                    raise storage_error(
                        NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)), "use", folder
                    ) from None
            except OSError as error:
                raise storage_error(error, "create", folder) from error
            self.folders.setdefault(parent)
        self._there.add(folder)
        if self._known.doubts(folder):
            self.folders.setdefault(parent)
            self.make_folder(parent)

    def refuses(self, folder: str) -> bool:
        """Return whether a folder takes no file at all: then an error in it is not about a single file."""
        if folder not in self._refusing:
            self.folders.setdefault(folder)  # what was tried there is gone for good then
            try:
                methods_between(folder, folder, self.disk)
            except StorageError:
                self._refusing[folder] = True
            else:
                self._refusing[folder] = False
        return self._refusing[folder]

    def wait(self) -> Failed:
        """Wait until all of it is on the disk. Return what could not be written."""
        failed = Failed()
        by_device: dict[int, tuple[list[str], list[str]]] = {}
        for path, device in self.files:
            by_device.setdefault(device, ([], []))[0].append(path)
        for folder, known in self.folders.items():
            if known is None:
                try:
                    device = os.stat(folder or ".").st_dev
                except FileNotFoundError:
                    continue  # gone with all that was in it
                except OSError as error:
                    failed.add(folder, error)
                    continue
            else:
                device = known
            by_device.setdefault(device, ([], []))[1].append(folder)
        for files, folders in by_device.values():
            self._wait_on_one_device(files, folders, failed)
        if failed.errors:
            self._known.safe.difference_update(self.new_folders)
        else:
            self._known.safe |= self._there
        return failed

    def _wait_on_one_device(self, files: list[str], folders: list[str], failed: Failed) -> None:
        if folders and len(files) + len(folders) > _SYNC_AS_A_WHOLE:
            try:
                if file_system(folders[0] or ".").syncs:
                    self.disk.sync_file_system(folders[0] or ".")
                    return
            except FileNotFoundError:
                pass  # that one folder is gone. The others are asked one by one
            except OSError as error:
                for folder in folders:
                    failed.add(folder, error)
                return
        for path in files:
            with failed.noting(path):
                try:
                    self.disk.fsync_path(path, folder=False)
                except PermissionError as error:
                    # Linked, but not readable: this file's problem, not its folder's.
                    failed.errors[path] = unreadable(error, path)
        for path in folders:
            with failed.noting(path):
                self.disk.fsync_path(path or ".", folder=True)


_Result = TypeVar("_Result", Placed, Removed)


class Failed:
    """Files and folders that could not be written to the disk, and why."""

    def __init__(self) -> None:
        self.errors: dict[str, SmartsortError] = {}

    def add(self, path: str, error: OSError) -> None:
        """Note that this path cannot be written to."""
        self.errors[path] = storage_error(error, "write", path)

    @contextmanager
    def noting(self, path: str) -> Iterator[None]:
        """Note an OSError for this path. One that is gone already is none."""
        try:
            yield
        except FileNotFoundError:
            pass  # removed since, by somebody tidying up
        except OSError as error:
            self.add(path, error)

    def of(self, result: _Result) -> _Result | SmartsortError:
        """The result, or why it cannot be relied on: a folder above it may go with a power cut, too."""
        place = result.path if self.errors else ""
        while place not in self.errors and place != os.path.dirname(place):
            place = os.path.dirname(place)
        return self.errors.get(place) or result
