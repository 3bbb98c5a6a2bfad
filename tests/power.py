"""What lies on the disk after a power cut, for code that calls `os` itself: only what was waited for.

The disk is as unkind as POSIX allows. A file's bytes are sure as they were at its last fsync, the names in a
folder as they were at the folder's. Everything since is there or not, each by itself, but a rename stays one
thing. What SQLite waits for in its own code does not count here.
"""

import itertools
import os
import shutil
import stat

from smartsort.files import disk


class PowerCut(BaseException):
    """The machine is off."""


class Platter:
    """What is surely on the disk below a folder. `cut_at`: the power goes at so many waits."""

    def __init__(self, folder, cut_at=None):
        self.folder, self.left = os.fspath(folder), cut_at
        self._kept, self.cut = [], None
        self.names, self.content = {}, {}
        self._everything()

    def _everything(self):
        for place, _, names in os.walk(self.folder):
            self._folder(place)
            for name in names:
                with open(os.path.join(place, name), "rb") as file:
                    self._file(file.fileno())

    def _number(self, handle):
        """An open descriptor keeps the number from going to another file."""
        self._kept.append(os.dup(handle))
        return os.fstat(handle).st_ino

    def _look(self, path):
        handle = os.open(path, os.O_PATH | os.O_NOFOLLOW)
        try:
            return self._number(handle)
        finally:
            os.close(handle)

    def _folder(self, path):
        handle = os.open(path, os.O_RDONLY)
        try:
            number = self._number(handle)
        finally:
            os.close(handle)
        self.names[number] = {name: self._look(os.path.join(path, name)) for name in os.listdir(path)}

    def _file(self, handle):
        with open(f"/proc/self/fd/{handle}", "rb") as again:
            self.content[self._number(handle)] = again.read()

    def step(self):
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.cut = self._now()  # what is tidied up after it never happened
                raise PowerCut

    def fsync(self, handle):
        """In place of `os.fsync`."""
        self.step()
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            self._folder(os.readlink(f"/proc/self/fd/{handle}"))
        else:
            self._file(handle)

    def syncfs(self, _handle):
        """In place of libc's."""
        self.step()
        self._everything()
        return 0

    def close(self):
        for handle in self._kept:
            os.close(handle)

    # --- after the cut -----------------------------------------------------------------------

    def outcomes(self, target):
        """Make each folder that may be found afterwards at `target`, one after the other."""
        now, contents = self.cut or self._now()
        units = self._units(now)
        unsure = any(written != self.content.get(inode, b"") for inode, written in contents.items())
        chosen = itertools.product((False, True), repeat=len(units)) if len(units) < 6 else _ends(len(units))
        for survived in chosen:
            for lost in ("", "empty", "zeros") if unsure else ("",):
                shutil.rmtree(target, ignore_errors=True)
                tree = {number: dict(self.names.get(number, {})) for number in {*now, *self.names}}
                for unit, there in zip(units, survived, strict=True):
                    for number, name, inode in unit if there else ():
                        tree[number].pop(name, None)
                        if inode is not None:
                            tree[number][name] = inode
                self._build(os.stat(self.folder).st_ino, tree, contents, lost, target)
                yield target

    def _now(self):
        tree, contents = {}, {}
        for place, folders, names in os.walk(self.folder):
            here = tree[os.stat(place).st_ino] = {}
            for name in (*folders, *names):
                path = os.path.join(place, name)
                here[name] = self._look(path)
                if name in names:
                    with open(path, "rb") as file:
                        contents[here[name]] = file.read()
        return tree, contents

    def _units(self, now):
        """Changes of names that come or go together: those of one file or folder, as a rename's two."""
        units = {}
        for number, names in now.items():
            sure = self.names.get(number, {})
            for name in {*names, *sure}:
                if names.get(name) != sure.get(name):
                    subject = names.get(name) or sure.get(name)
                    units.setdefault(subject, []).append((number, name, names.get(name)))
        return list(units.values())

    def _build(self, number, tree, contents, lost, target):
        os.makedirs(target)
        for name, inode in tree[number].items():
            path = os.path.join(target, name)
            if inode in tree:
                self._build(inode, tree, contents, lost, path)
                continue
            sure, written = self.content.get(inode, b""), contents.get(inode)
            if written is None or (lost and written != sure):
                written = sure.ljust(len(written or b""), b"\0") if lost == "zeros" else sure
            with open(path, "xb") as file:
                file.write(written)


def _ends(count):
    """Too many to try each: all, none, and each alone."""
    yield (True,) * count
    yield (False,) * count
    for one in range(count):
        yield tuple(n == one for n in range(count))


def power_cuts(tmp_path, monkeypatch, act, prepare=lambda place: None):
    """Run `act(place)` with a cut at each of its waits, and without one.

    Yields what it returned, None where it was cut off, and each folder as it may be found then.
    """
    for cut_at in itertools.count():
        place = tmp_path / f"cut {cut_at}"
        place.mkdir()
        prepare(place)
        platter = Platter(place, cut_at)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", platter.fsync)
            patch.setattr(disk._libc(), "syncfs", platter.syncfs)
            try:
                result, through = act(place), True
            except PowerCut:
                result, through = None, False
        try:
            for found in platter.outcomes(tmp_path / f"found {cut_at}"):
                yield (result if through else None), found
        finally:
            platter.close()
        if through:
            return
