"""A folder of people that somebody has sorted by hand, made of the demo's drawn photos."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from smartsort.core.naming import folder_name
from smartsort.demo.samples import FAMILY, make_samples


@dataclass
class SortedFolder:
    """Where it is, and which files (relative) of it show what."""

    path: Path
    right: list[str] = field(default_factory=list)
    """In the folder of the only person on it."""
    nobody: list[str] = field(default_factory=list)
    contradicted: list[str] = field(default_factory=list)
    unwanted: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    """The same bytes, in the folders of two people."""

    @property
    def taken(self) -> list[str]:
        everything = (self.right, self.nobody, self.contradicted, self.unwanted, self.new, self.twice)
        return [name for names in everything for name in names]


def make_sorted(path: Path, count: int = 60) -> SortedFolder:
    """Six folders of people, one of somebody new, and things that are no photos."""
    drawn = path.parent / "drawn"
    samples = make_samples(str(drawn), count, 5, size=(320, 240))
    found = SortedFolder(path)

    def put(person: str, sample: str, into: list[str], below: str = "") -> None:
        name = os.path.join(person, below, os.path.basename(sample))
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(drawn / sample, path / name)
        into.append(name)

    singles = [s for s in samples if s.kind == "single"]
    for index, sample in enumerate(singles[:-2]):
        put(folder_name(sample.person or ""), sample.path, found.right, "2024" if index % 3 else "")
    other = next(name for name in FAMILY if name != singles[-1].person)
    put(folder_name(other), singles[-1].path, found.contradicted)
    owner = singles[-2].person or ""
    for person in (owner, next(name for name in FAMILY if name != owner)):
        put(folder_name(person), singles[-2].path, found.twice)
    for sample in [s for s in samples if s.kind == "nobody"]:
        put(folder_name(FAMILY[0]), sample.path, found.nobody)
    for sample in [s for s in samples if s.kind == "blacklisted"]:
        put("victor_grey", sample.path, found.unwanted)
    for sample in [s for s in samples if s.kind == "stranger"][:2]:
        put("Grandma Rose", sample.path, found.new)
    (path / "john_doe" / "notes.pdf").write_bytes(b"%PDF-1.4 no photo")
    (path / "john_doe" / ".hidden.jpg").write_bytes(b"hidden")
    (path / "john_doe" / "link.jpg").symlink_to("notes.pdf")
    (path / "beside.jpg").write_bytes((drawn / singles[0].path).read_bytes() + b"\0")
    shutil.rmtree(drawn)
    return found


def picture_of(folder: Path) -> dict[str, object]:
    """Every name below a folder with its kind, bytes, time and mode: equal when nothing was changed."""
    found: dict[str, object] = {}
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            at = os.path.join(place, name)
            status = os.lstat(at)
            content = b"" if not os.path.isfile(at) or os.path.islink(at) else Path(at).read_bytes()
            found[os.path.relpath(at, folder)] = (
                *(status.st_mode, status.st_size, status.st_mtime_ns, status.st_ino),
                hashlib.sha256(content).hexdigest(),
            )
    return found
