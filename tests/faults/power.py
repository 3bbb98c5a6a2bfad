"""A disk that loses with the power whatever nobody has waited for: names, removals, folders, bytes.

It is as unkind as POSIX allows: whatever was not followed by an fsync of the file or folder (or a syncfs) may
be undone, each thing by itself. Files are told apart by descriptors, so whoever throws a Machine away calls
`forget` first.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress

from smartsort.files.disk import Disk


class PowerCut(BaseException):
    """The machine is off."""


class Machine:
    """Counts steps, cuts the power at one of them, and then forgets what was not on the disk."""

    def __init__(self, stash):
        self.stash, self.pending = stash, []
        self.left, self.off, self.steps = None, False, 0
        os.makedirs(stash, exist_ok=True)

    def step(self, _name=""):
        self.steps += 1
        if self.left is not None:
            self.left -= 1
            self.off |= self.left <= 0
        if self.off:
            raise PowerCut

    def forget(self, lost):
        """Undo what was pending, newest first, where `lost()` says so."""
        for kind, path, more in reversed(self.pending):
            if not lost():
                continue
            with suppress(FileNotFoundError):
                if kind == "name":
                    os.unlink(path)
                elif kind == "renamed":
                    os.rename(path, more)
                elif kind == "removed" and not os.path.lexists(path):
                    os.link(more, path)
                elif kind == "folder":
                    shutil.rmtree(path)
                elif kind == "bytes":
                    os.truncate(f"/proc/self/fd/{more}", 0)  # it may be open for reading only
        for kind, _, more in self.pending:
            if kind == "bytes":
                os.close(more)
        self.pending = []


class Volatile(Disk):
    """Tells the machine what it has not waited for yet."""

    machine: Machine

    def __init__(self, machine):
        super().__init__(machine.step)
        self.machine = machine

    def _note(self, kind, path, more=None):
        self.machine.pending.append((kind, path, more))

    def link(self, source, target):
        super().link(source, target)
        self._note("name", target)

    def create(self, path):
        handle = super().create(path)
        self._note("name", path)
        self._note("bytes", path, os.dup(handle))
        return handle

    def rename_exclusive(self, source, target):
        super().rename_exclusive(source, target)
        self._note("renamed", target, source)

    def unlink(self, path):
        kept = os.path.join(self.machine.stash, str(len(os.listdir(self.machine.stash))))
        with suppress(FileNotFoundError):
            os.link(path, kept)
        super().unlink(path)
        self._note("removed", path, kept)

    def mkdir(self, path):
        super().mkdir(path)
        self._note("folder", path)

    def _safe(self, really):
        stay = []
        for entry in self.machine.pending:
            if not really(entry):
                stay.append(entry)
            elif entry[0] == "bytes":
                os.close(entry[2])
        self.machine.pending = stay

    def fsync(self, handle):
        super().fsync(handle)
        mine = os.fstat(handle)
        self._safe(lambda e: e[0] == "bytes" and os.path.samestat(os.fstat(e[2]), mine))

    def fsync_path(self, path, *, folder):
        super().fsync_path(path, folder=folder)
        if folder:
            self._safe(lambda e: e[0] != "bytes" and os.path.dirname(e[1]) == path)
            return
        mine = os.stat(path)
        self._safe(lambda e: e[0] == "bytes" and os.path.samestat(os.fstat(e[2]), mine))

    def sync_file_system(self, path):
        super().sync_file_system(path)
        self._safe(lambda _: True)


class VolatileCopies(Volatile):
    """The same without hard links."""

    def link(self, source, target):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), target, None, source)
