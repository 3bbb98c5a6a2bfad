"""The one primitive that touches photos: give a file another name, and only later remove the first.

    placer = Placer(guard=lambda: layout.check(root_id))
    move = placer.move(batch)      # names made, bytes and names on the disk
    ... commit the ledger ...
    move.finish()                  # only now the sources go

`place` makes names and never takes one away, `removal` takes one away and only when the bytes provably live
under another. Between the two the caller commits its ledger. Both are idempotent: after a kill they are
simply called again.

How a name is made, in this order, by what the file system can do:
- a hard link straight to the name: link(2) never replaces;
- else a temporary file beside the target (`.smartsort-….part`), filled by a reflink or by a copy that is
  read back and compared, then claimed without replacing by renameat2(RENAME_NOREPLACE); where that is not
  offered by a hard link from the temporary name; and where there are neither (FUSE and CIFS without both) by
  creating the name empty and exclusively, and renaming over this reservation of ours.

A name that is taken, in whatever spelling the file system takes for the same, leads to the next candidate.
"""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice

from smartsort.errors import SmartsortError, StorageError
from smartsort.files.capabilities import Capabilities, capabilities_of
from smartsort.files.disk import Disk
from smartsort.files.durable import Failed, KnownFolders, Pending
from smartsort.files.hashing import sha256_of
from smartsort.files.names import NAME_BYTES, NameRules, shortened
from smartsort.files.problems import (
    NO_SPACE,
    FileChanged,
    FileProblem,
    FileRefused,
    FileVanished,
    NameKept,
    NameLeft,
    NameTaken,
    storage_error,
)
from smartsort.files.requests import Linking, Method, Placed, PlaceRequest, Removed, RemoveRequest
from smartsort.files.shown import shown
from smartsort.files.stamps import FileStamp, check_unchanged, regular
from smartsort.files.temporary import clear_playground, methods_between, sweep_temporaries, temporary_in
from smartsort.files.transfer import FileTransfer

__all__ = [
    "Linking",
    "Method",
    "Move",
    "PlaceRequest",
    "Placed",
    "Placer",
    "RemoveRequest",
    "Removed",
    "methods_between",
    "sweep_temporaries",
]

_CANDIDATES_TRIED = 10_000
_SHORTER = (200, 143, 96, 48)
"""Name lengths tried when a name is too long: 143 is what eCryptfs leaves."""

_UNTRIED = Capabilities()

_UNREAD = "digest never computed"
"""Equal to no digest: a copy without a known digest may go by its stamps alone, never by its bytes."""


def _no_guard() -> None:
    """For folders that cannot be unmounted under us: tests."""


class Placer:
    """Places and drops batches of names.

    `guard` is called before and after each batch and raises RootUnavailable when the folders are not the
    ones that were prepared: an unmounted folder must neither be created again nor taken for empty.
    """

    def __init__(self, disk: Disk | None = None, guard: Callable[[], None] = _no_guard) -> None:
        self.disk = disk or Disk()
        self.guard = guard
        self.originals: tuple[str, ...] = ()
        """Folders of Immich with photos from before. Nothing in them is ever made or removed."""
        self.known_folders = KnownFolders()
        self._found: dict[int, Capabilities] = {}
        """What the file systems can do, by device."""

    def capabilities(self, folder: str, *, again: bool = False) -> Capabilities:
        """Return what the file system of an existing folder can do, tried once for each.

        Raises StorageError.
        """
        try:
            device = os.stat(folder or ".").st_dev
        except OSError as error:
            raise storage_error(error, "look at", folder) from error
        if again or device not in self._found:
            self._found[device] = capabilities_of(folder, self.disk)
        return self._found[device]

    def distrust_numbers(self, device: int) -> None:
        """Note that inode numbers of a device change: from now on only bytes tell what is one file."""
        known = self._found.get(device, Capabilities())
        self._found[device] = replace(known, numbers=False)

    def names_in(self, folder: str) -> NameRules:
        """Return which names a folder takes. All where that cannot be found out."""
        return self._able(folder).names

    def _able(self, folder: str) -> Capabilities:
        try:
            return self.capabilities(folder)
        except StorageError:
            return _UNTRIED  # placing says what is wrong

    def _numbers_of(self, file: FileStamp, folder: str) -> bool:
        """Return whether the inode number of a file in this folder tells which names are the same file."""
        return (self._found.get(file.device) or self._able(folder)).numbers

    def place(self, batch: Sequence[PlaceRequest]) -> list[Placed | SmartsortError]:
        """Place each file. Return its place or its error, in order. Folders that are missing are created.

        Returns when everything placed would survive a power cut. Raises RootUnavailable only.
        """
        self.guard()
        pending = Pending(self.disk, self.known_folders)
        results = [self._placed_or_error(request, pending) for request in batch]
        failed = pending.wait()
        self.guard()
        kept = [
            self._kept_or_error(request, result, failed) if isinstance(result, Placed) else result
            for request, result in zip(batch, results, strict=True)
        ]
        if failed.errors:  # a new folder that may not be there after a power cut is made again next time
            self.leave_folders(reversed(pending.new_folders))
        return kept

    def _kept_or_error(
        self, request: PlaceRequest, placed: Placed, failed: Failed
    ) -> Placed | SmartsortError:
        """Remove a name that may not survive a power cut, as far as the disk lets it."""
        result = failed.of(placed)
        undo = _undoing(request, placed)
        if isinstance(result, Placed) or undo is None:
            return result
        pending = Pending(self.disk)
        removed = self._removed_or_error(undo, pending)
        # The name has reached the disk where its folder has: what takes it away has to reach it, too.
        left = pending.wait().errors.keys() - failed.errors.keys()
        return result if isinstance(removed, Removed) and not left else NameLeft(str(result))

    def remove(self, batch: Sequence[RemoveRequest]) -> list[Removed | SmartsortError]:
        """Take each name away if its bytes provably live under the other name, in order.

        A name that is gone already is fine. Raises RootUnavailable only.
        """
        self.guard()
        pending = Pending(self.disk)
        results = [self._removed_or_error(request, pending) for request in batch]
        failed = pending.wait()
        return [failed.of(result) if isinstance(result, Removed) else result for result in results]

    def make_folder(self, folder: str) -> None:
        """Create a folder, and what is missing above it, for good. Raises StorageError, RootUnavailable."""
        self.guard()
        pending = Pending(self.disk, self.known_folders)
        pending.make_folder(folder)
        for error in pending.wait().errors.values():
            raise error

    def leave_folders(self, folders: Iterable[str]) -> None:
        """Remove those of the folders that have become empty. One that is not, or cannot go, stays."""
        self.guard()
        for folder in folders:
            with suppress(OSError):
                self.disk.rmdir(folder)

    def sweep_strays(self) -> None:
        """Remove temporary files that could not be removed at the time. Raises RootUnavailable."""
        self.guard()
        for path in list(self.disk.strays):
            if os.path.isdir(path):
                clear_playground(path, self.disk)
                continue
            with suppress(OSError):
                with suppress(FileNotFoundError):
                    self.disk.unlink(path)
                self.disk.strays.discard(path)

    def move(self, batch: Sequence[PlaceRequest]) -> Move:
        """Place a batch that is meant to leave its sources: commit the ledger, then `finish`."""
        return Move(self, tuple(batch), self.place(batch))

    # One file.

    def _placed_or_error(self, request: PlaceRequest, pending: Pending) -> Placed | SmartsortError:
        try:
            return self._place(request, pending)
        except SmartsortError as error:
            return error
        except OSError as error:
            said = storage_error(error, "place a file in", request.folder)
            if error.errno in NO_SPACE or pending.refuses(request.folder):
                return said
            return FileRefused(
                f"the folder takes other files, but not {shown(request.source)}: {said}", request.source
            )

    def _place(self, request: PlaceRequest, pending: Pending) -> Placed:
        if os.path.normpath(request.folder) != request.folder or "\0" in request.folder:
            # Whatever a folder was made of, it has no `..` that leads out of where it was put together.
            raise FileRefused(f"{shown(request.folder)} is not a plain folder", request.source)
        source = self._look(request.source)
        check_unchanged(request.source, source, request.expected)
        if below(os.path.join(request.folder, "name"), self.originals):
            raise FileProblem(
                f"{shown(request.folder)} holds photos of Immich. Nothing is put there", request.folder
            )
        pending.make_folder(request.folder)
        able = self._able(request.folder)
        with FileTransfer(self.disk, request, source, links=able.numbers) as transfer:
            tried = 0
            for name in islice(request.names, _CANDIDATES_TRIED):
                tried += 1
                fitted = able.names.fitted(_checked(name, request.source))
                placed = self._claim(transfer, fitted, pending)
                if placed is not None:
                    pending.add(placed)
                    return placed
        raise NameTaken(
            f"no free name for {shown(request.source)} in {shown(request.folder)}: "
            f"all {tried:,} that were tried are taken. Clear up that folder",
            request.source,
        )

    def _claim(self, transfer: FileTransfer, name: str, pending: Pending) -> Placed | None:
        """Return the place under this name, shortened if it has to be, None when the name is taken."""
        folder = transfer.request.folder
        again = True
        for candidate in _shorter_and_shorter(name):
            while True:
                target = os.path.join(folder, candidate)
                try:
                    return transfer.claim(target)
                except FileExistsError:
                    # Made in this batch it is another request's, though both may be one file.
                    return None if target in pending.made else self._ours_already(transfer, target)
                except FileNotFoundError:
                    self._look(transfer.request.source)
                    # The source is there, so the folder is not: somebody tidied up an empty one.
                    if not again:
                        raise
                    again = False
                    pending.make_folder(folder, surely=True)
                    continue
                except OSError as error:
                    if error.errno != errno.ENAMETOOLONG:
                        raise
                    break
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), name)

    def _ours_already(self, transfer: FileTransfer, target: str) -> Placed | None:
        request, source = transfer.request, transfer.source
        try:
            status = self.disk.lstat(target)
        except FileNotFoundError:
            return None
        if points_at(target, request.source):
            return Placed(request.source, target, Method.SYMLINK, source, source, already=True)
        if not stat.S_ISREG(status.st_mode):
            return None
        found = FileStamp.of(status)
        if self._numbers_of(found, transfer.request.folder) and found.same_file(source):
            check_unchanged(request.source, found, source)
            return Placed(request.source, target, Method.HARDLINK, found, source, already=True)
        if not request.adopt or request.sha256 is None:
            return None
        if found.size == 0 < source.size:
            return transfer.take_reservation(target, status)
        if found.size == source.size and sha256_of(target, found) == request.sha256:
            check_unchanged(request.source, self._look(request.source), source)
            return Placed(request.source, target, Method.COPY, found, source, already=True)
        return None

    # Dropping one name.

    def _removed_or_error(self, request: RemoveRequest, pending: Pending) -> Removed | SmartsortError:
        try:
            return self._remove(request, pending)
        except FileVanished as error:
            if error.path == request.path:
                # Whoever removed it may have been killed before the disk had it.
                pending.folders.setdefault(os.path.dirname(request.path))
                return Removed(request.path, already=True)
            return _not_there(request)
        except SmartsortError as error:
            return error
        except OSError as error:
            return storage_error(error, "remove", request.path)

    def _remove(self, request: RemoveRequest, pending: Pending) -> Removed:
        if below(request.path, self.originals):
            raise NameKept(f"{shown(request.path)} is kept: it was there before smartsort")
        if points_at(request.path, request.surviving_path):
            self.disk.unlink(request.path)
            pending.folders[os.path.dirname(request.path)] = None
            return Removed(request.path)
        leaving = self._look(request.path)
        try:
            status = self.disk.lstat(request.surviving_path)
            staying = regular(status, request.surviving_path)
        except (OSError, FileProblem) as error:
            raise _not_there(request) from error
        reliable = self._numbers_of(leaving, os.path.dirname(request.path))
        one_file = reliable and leaving.same_file(staying)
        if one_file or not reliable:
            known_once = one_file and status.st_nlink < 2
            if known_once or self._same_entry(request.path, request.surviving_path, reliable=reliable):
                raise NameKept(
                    f"{shown(request.path)} is kept: "
                    f"{shown(request.surviving_path)} is the same name and not another"
                )
        if one_file:
            check_unchanged(request.path, leaving, request.expected)
        else:
            self._compare(request, leaving, staying)
            check_unchanged(request.path, self._look(request.path), leaving)
        self.disk.unlink(request.path)
        pending.folders[os.path.dirname(request.path)] = leaving.device
        return Removed(request.path)

    def _compare(self, request: RemoveRequest, leaving: FileStamp, staying: FileStamp) -> None:
        if request.expected is not None:
            check_unchanged(request.path, leaving, request.expected)
        if request.sha256 is None:
            raise FileChanged(
                f"{shown(request.path)} is kept: it is another file than {shown(request.surviving_path)}",
                request.path,
            )
        if leaving.size != staying.size or (
            staying != request.kept and sha256_of(request.surviving_path, staying) != request.sha256
        ):
            raise NameKept(
                f"{shown(request.path)} is kept: {shown(request.surviving_path)} does not hold the same "
                "bytes. Compare the two by hand"
            )
        if request.expected is None and sha256_of(request.path, leaving) != request.sha256:
            raise FileChanged(
                f"{shown(request.path)} is kept: it has other bytes than expected", request.path
            )

    def _same_entry(self, one: str, other: str, *, reliable: bool = True) -> bool:
        """True when two paths are one name: the same folder, and names that differ in spelling at most."""
        first, second = os.path.split(one), os.path.split(other)
        if _folded(first[1]) != _folded(second[1]):
            return False
        if reliable:
            same = os.path.samestat(os.stat(first[0] or "."), os.stat(second[0] or "."))
        else:
            same = self._is_seen_in(first[0], second[0])
        if not same:
            return False
        # On a file system that tells the spellings apart, both stand in the folder.
        return first[1] == second[1] or not {first[1], second[1]} <= set(os.listdir(first[0] or "."))

    def _is_seen_in(self, one: str, other: str) -> bool:
        """Return whether two folders are one: a file made in the first stands in the second."""
        probe = temporary_in(one, "probe")
        os.close(self.disk.create(probe))
        try:
            return os.path.lexists(os.path.join(other, os.path.basename(probe)))
        finally:
            self.disk.unlink(probe)

    def _look(self, path: str) -> FileStamp:
        try:
            return regular(self.disk.lstat(path), path)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise FileVanished(f"{shown(path)} is gone", path) from error


@dataclass(slots=True)
class Move:
    """A batch that has been placed and still has its sources.

    `results` are those of `Placer.place`. After the ledger has been committed, `finish` drops the sources
    of what was placed. If the commit failed, `undo` takes the new names away again. Neither ever happens by
    itself: after a crash both names exist, and placing again finds its own.
    """

    placer: Placer
    batch: tuple[PlaceRequest, ...]
    results: list[Placed | SmartsortError]
    done: bool = field(default=False, init=False)

    def finish(self) -> list[Removed | SmartsortError]:
        """Remove the sources. What was not placed keeps its error. In order."""
        return self._drop_each(
            lambda request, placed: RemoveRequest(
                placed.source,
                surviving_path=placed.path,
                sha256=request.sha256 or _UNREAD,
                kept=placed.stamp,
                expected=placed.source_stamp,
            )
        )

    def undo(self) -> list[Removed | SmartsortError]:
        """Remove the names that this move made. Those that were there before stay. In order."""
        return self._drop_each(_undoing)

    def _drop_each(
        self, request_for: Callable[[PlaceRequest, Placed], RemoveRequest | None]
    ) -> list[Removed | SmartsortError]:
        if self.done:
            raise RuntimeError("this move is finished or undone already")
        self.done = True
        answers: list[Removed | SmartsortError | None] = []
        requests: list[RemoveRequest] = []
        for request, placed in zip(self.batch, self.results, strict=True):
            if isinstance(placed, SmartsortError):
                answers.append(placed)
                continue
            removal = request_for(request, placed)
            answers.append(Removed(placed.path, already=True) if removal is None else None)
            if removal is not None:
                requests.append(removal)
        removed = iter(self.placer.remove(requests))
        return [next(removed) if answer is None else answer for answer in answers]


def below(path: str, folders: Iterable[str]) -> bool:
    """Return True for a path inside one of the folders, by the names alone."""
    return any(os.path.normpath(path).startswith(f"{folder.rstrip('/')}/") for folder in folders)


def points_at(path: str, target: str) -> bool:
    """Return True for a symbolic link that says `target`."""
    try:
        return os.readlink(path) == target
    except OSError:
        return False


def _undoing(request: PlaceRequest, placed: Placed) -> RemoveRequest | None:
    """Return what takes a name away that was made just now, None for one that was there before."""
    if placed.already:
        return None
    return RemoveRequest(
        placed.path,
        surviving_path=placed.source,
        sha256=request.sha256 or _UNREAD,
        kept=placed.source_stamp,
        expected=placed.stamp,
    )


def _not_there(request: RemoveRequest) -> NameKept:
    return NameKept(
        f"{shown(request.path)} is kept: its bytes should live on at {shown(request.surviving_path)}, "
        "which is not there. Is its folder mounted?"
    )


def _checked(name: str, source: str) -> str:
    usable = name not in ("", ".", "..") and "/" not in name and "\0" not in name
    if usable and not name.isascii():
        try:
            os.fsencode(name)
        except UnicodeEncodeError:
            usable = False
    if not usable:
        raise FileProblem(f"{shown(name)} cannot be the name of {shown(source)}", source)
    return name


def _shorter_and_shorter(name: str) -> Iterator[str]:
    yield name
    length = len(os.fsencode(name))
    for limit in (NAME_BYTES, *_SHORTER):
        if limit < length:
            yield shortened(name, limit)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
