"""One file on its way to a name: by hard link, or through a temporary file filled by reflink or copy."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from hashlib import sha256 as new_sha256
from typing import Self

from smartsort.errors import StorageError
from smartsort.files.disk import NOT_OFFERED, Disk
from smartsort.files.hashing import sha256_of
from smartsort.files.problems import FileChanged, unreadable
from smartsort.files.requests import Linking, Method, Placed, PlaceRequest
from smartsort.files.shown import shown
from smartsort.files.stamps import FileStamp, check_unchanged, regular
from smartsort.files.temporary import NO_LINK, temporary_in

_NO_EXCLUSIVE_RENAME = NOT_OFFERED | {errno.EPERM}
"""EPERM is what old container sandboxes answer for system calls they do not know."""

_COPY_BYTES = 1 << 20


class FileTransfer:
    """One source on its way to a name: first by hard link, then through a temporary file that it owns."""

    def __init__(self, disk: Disk, request: PlaceRequest, source: FileStamp, *, links: bool = True) -> None:
        self.disk = disk
        self.request = request
        self.source = source
        self.temporary: str | None = None
        links = links and request.how is not Linking.APART
        self.method = Method.HARDLINK if links else Method.COPY

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        # Only ever the temporary file of our own making. Whatever failed, the source was not touched.
        if self.temporary is not None:
            try:
                self.disk.unlink(self.temporary)
            except FileNotFoundError:
                pass
            except OSError:
                self.disk.strays.add(self.temporary)

    def claim(self, target: str) -> Placed:
        """Make the name. `FileExistsError` when it is taken, other `OSError` as the kernel says."""
        if self.method is Method.COPY and self.temporary is None:
            self._fill()
        if self.method is Method.HARDLINK:
            try:
                self.disk.link(self.request.source, target)
            except OSError as error:
                if error.errno not in NO_LINK:
                    raise
                self._fill()
            else:
                return self._linked(target)
        if self.method is Method.SYMLINK:
            self.disk.symlink(self.request.source, target)
            return Placed(self.request.source, target, self.method, self.source, self.source)
        self._rename(target)
        return self._placed(target)

    def take_reservation(self, target: str, found: os.stat_result) -> Placed | None:
        """Fill an empty file that a crash left between reserving the name and renaming over it.

        Only where names are claimed in that way. Anywhere else an empty file belongs to the user.
        """
        if found.st_nlink != 1:
            return None
        if self.temporary is None:
            self._fill()
        if self._offers_exclusive():
            return None
        self.disk.rename_over(self._filled(), target)
        self.temporary = None
        return self._placed(target)

    def _linked(self, target: str) -> Placed:
        status = self.disk.lstat(target)
        made = FileStamp.of(status)
        if made != self.source:
            # The source was replaced or written to between the look and the link. The new name goes, unless
            # meanwhile it is the only one.
            if status.st_nlink > 1:
                self.disk.unlink(target)
            check_unchanged(self.request.source, made, self.source)
        return Placed(self.request.source, target, Method.HARDLINK, made, self.source)

    def _placed(self, target: str) -> Placed:
        made = regular(self.disk.lstat(target), target)
        return Placed(self.request.source, target, self.method, made, self.source)

    def _filled(self) -> str:
        if self.temporary is None:
            raise StorageError(f"{shown(self.request.source)} has no temporary copy")
        return self.temporary

    # The temporary file.

    def _fill(self) -> None:
        path = temporary_in(self.request.folder)
        try:
            reading = self.disk.open_source(self.request.source)
        except PermissionError as error:
            raise unreadable(error, self.request.source) from error
        try:
            check_unchanged(self.request.source, regular(os.fstat(reading), self.request.source), self.source)
            writing = self.disk.create(path)
            self.temporary = path
            try:
                self.method = self._write(reading, writing, path)
            finally:
                os.close(writing)
            if self.method is Method.SYMLINK:
                self.disk.unlink(path)
                self.temporary = None
            check_unchanged(self.request.source, FileStamp.of(os.fstat(reading)), self.source)
        finally:
            os.close(reading)

    def _write(self, reading: int, writing: int, path: str) -> Method:
        try:
            self.disk.clone(reading, writing)
        except OSError as error:
            if error.errno not in NOT_OFFERED | {errno.EXDEV, errno.EPERM, errno.EACCES}:
                raise
        else:
            self.disk.keep_attributes(reading, writing)
            return Method.REFLINK
        if self.request.how is Linking.NO_COPY:
            return Method.SYMLINK
        written = self._copy(reading, writing)
        self.disk.keep_attributes(reading, writing)
        self.disk.fsync(writing)
        self.disk.forget(writing)
        if self.request.sha256 is not None and written != self.request.sha256:
            raise FileChanged(
                f"{shown(self.request.source)} has other bytes than when it was first read. "
                "It stays as it is",
                self.request.source,
            )
        self.disk.checkpoint("read back")
        if sha256_of(path) != written:
            raise StorageError(
                f"a copy of {shown(self.request.source)} in {shown(self.request.folder)} did not read back "
                "as it was written. Check the disk or the network folder"
            )
        return Method.COPY

    def _copy(self, reading: int, writing: int) -> str:
        digest = new_sha256(usedforsecurity=False)
        buffer = memoryview(bytearray(min(_COPY_BYTES, max(self.source.size, 1))))
        # A file that grows faster than it is read would otherwise never end.
        left = self.source.size
        while left >= 0 and (count := self._read(reading, buffer)):
            left -= count
            digest.update(buffer[:count])
            self.disk.write(writing, buffer[:count])
        return digest.hexdigest()

    def _read(self, reading: int, buffer: memoryview) -> int:
        try:
            return os.readv(reading, (buffer,))
        except OSError as error:
            raise unreadable(error, self.request.source) from error

    # Claiming a name for the temporary file.

    def _rename(self, target: str) -> None:
        try:
            self.disk.rename_exclusive(self._filled(), target)
        except OSError as error:
            if error.errno not in _NO_EXCLUSIVE_RENAME:
                raise
        else:
            self.temporary = None
            return
        try:
            self.disk.link(self._filled(), target)
        except OSError as error:
            if error.errno not in NO_LINK:
                raise
        else:
            return  # the temporary name goes with the clean-up
        self._reserve(target)

    def _reserve(self, target: str) -> None:
        reservation = self.disk.create(target)
        try:
            mine = os.fstat(reservation)
        finally:
            os.close(reservation)
        found = self.disk.lstat(target)
        # Whoever wrote into or replaced the reservation in this instant has the name.
        if (found.st_dev, found.st_ino, found.st_size) != (mine.st_dev, mine.st_ino, 0):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        try:
            self.disk.rename_over(self._filled(), target)
        except OSError:
            with suppress(OSError):
                left = self.disk.lstat(target)
                if (left.st_dev, left.st_ino, left.st_size) == (mine.st_dev, mine.st_ino, 0):
                    self.disk.unlink(target)
            raise
        self.temporary = None

    def _offers_exclusive(self) -> bool:
        """True when a name can be claimed here without reserving it, tried with another temporary name.

        A taken name would not do: the kernel finds it taken before it asks the file system.
        """
        temporary = self._filled()
        other = temporary_in(self.request.folder)
        try:
            self.disk.rename_exclusive(temporary, other)
        except OSError:
            pass
        else:
            self.temporary = other
            return True
        try:
            self.disk.link(temporary, other)
        except OSError:
            return False
        with suppress(OSError):
            self.disk.unlink(other)
        return True
