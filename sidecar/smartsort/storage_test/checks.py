"""The checks, each a question about the storage with its answer and what it means."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import StrEnum

from smartsort.files.disk import Disk
from smartsort.files.filesystem import file_system
from smartsort.files.problems import storage_error
from smartsort.files.shown import shown
from smartsort.files.space import space
from smartsort.files.temporary import methods_between
from smartsort.storage_test.crash_worker import SOURCE, TARGET, work

_FILES = 6
_BYTES = 300_000


class Verdict(StrEnum):
    """What a check came to. `note`: it works, in another way or slower."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class StorageCheck:
    """One answer."""

    name: str
    verdict: Verdict
    said: str


Answer = tuple[Verdict, str]


def try_storage(folder: str, told: Callable[[StorageCheck], None] = lambda _: None) -> list[StorageCheck]:
    """Try everything in a scratch folder inside `folder`, which is removed afterwards.

    Raises StorageError when nothing can be created there.
    """
    try:
        scratch = tempfile.mkdtemp(prefix=".smartsort-storage-test-", dir=folder)
    except OSError as error:
        raise storage_error(error, "write into", folder) from error
    found: list[StorageCheck] = []
    try:
        for name, check in _CHECKS:
            place = os.path.join(scratch, name.replace(" ", "-"))
            os.mkdir(place)
            try:
                answers = list(check(place))
            except OSError as error:
                answers = [(Verdict.BAD, f"failed: {error.strerror or error}")]
            for verdict, said in answers:
                found.append(StorageCheck(name, verdict, said))
                told(found[-1])
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return found


def _write(path: str, content: bytes = b"x") -> None:
    with open(path, "wb") as file:
        file.write(content)


def _what_it_is(place: str) -> Iterator[Answer]:
    found = file_system(place)
    room = space(place)
    inodes = "" if room.inodes is None else f", {room.inodes:,} more files"
    yield Verdict.GOOD, f"{found.name}, room for {room.bytes / 1e9:,.1f} GB{inodes}"
    if not found.notifies:
        yield Verdict.NOTE, "others can change it unheard: the inbox is looked at on a clock (inbox.polling)"


def _links(place: str) -> Iterator[Answer]:
    one, other = os.path.join(place, "one"), os.path.join(place, "other")
    _write(one)
    method = methods_between(place, place).value
    if method != "hardlink":
        yield Verdict.NOTE, f"no hard links: every name is a {method} and a copy takes its own space"
        return
    os.link(one, other)
    if not os.path.samefile(one, other) or os.stat(one).st_nlink != 2:
        yield Verdict.BAD, "a hard link is not the same file, or is not counted"
        return
    try:
        os.link(one, other)
    except FileExistsError:
        yield Verdict.GOOD, "hard links, and a link never replaces a name"
    else:
        yield Verdict.BAD, "a link silently replaced an existing name"


def _exclusive(place: str) -> Iterator[Answer]:
    one, taken = os.path.join(place, "one"), os.path.join(place, "taken")
    _write(one, b"one")
    _write(taken, b"taken")
    try:
        Disk().rename_exclusive(one, taken)
    except FileExistsError:
        yield Verdict.GOOD, "a rename can refuse to replace"
    except OSError as error:
        yield (
            Verdict.NOTE,
            f"no exclusive rename ({errno.errorcode.get(error.errno or 0)}). Names are reserved",
        )
    else:
        yield Verdict.BAD, "an exclusive rename replaced a file"
        return
    with open(taken, "rb") as file:
        if file.read() != b"taken":
            yield Verdict.BAD, "a taken name lost its bytes"
    try:
        os.close(os.open(taken, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        yield Verdict.GOOD, "a name can be created exclusively"
    else:
        yield Verdict.BAD, "an exclusive creation opened an existing file"


def _names(place: str) -> Iterator[Answer]:
    _write(os.path.join(place, "Photo.JPG"))
    folds = os.path.exists(os.path.join(place, "photo.jpg"))
    yield (Verdict.NOTE, "upper and lower case are one name") if folds else (Verdict.GOOD, "case counts")
    composed = unicodedata.normalize("NFC", "été.jpg")
    _write(os.path.join(place, composed))
    same = os.path.exists(os.path.join(place, unicodedata.normalize("NFD", composed)))
    listed = composed in os.listdir(place)
    if same or not listed:
        yield (
            Verdict.NOTE,
            "spellings of an accent are one name" + ("" if listed else ", and it is rewritten"),
        )
    else:
        yield Verdict.GOOD, "names are bytes"
    try:
        _write(os.fsdecode(os.path.join(os.fsencode(place), b"caf\xe9.jpg")))
    except OSError:
        yield Verdict.NOTE, "names that are not UTF-8 are refused"
    for length in (255, 143):
        try:
            _write(os.path.join(place, "n" * length))
        except OSError:
            continue
        yield (Verdict.GOOD if length == 255 else Verdict.NOTE), f"names of {length} bytes"
        break


def _times(place: str) -> Iterator[Answer]:
    path = os.path.join(place, "timed")
    _write(path)
    wanted = 1_600_000_000_123_456_789
    os.utime(path, ns=(wanted, wanted))
    found = os.stat(path).st_mtime_ns
    if found == wanted:
        yield Verdict.GOOD, "times are kept to the nanosecond"
    else:
        yield (
            Verdict.NOTE,
            f"times are kept to {abs(found - wanted) / 1e9:.6f} s. Immich may look twice at copies",
        )


def _durable(place: str) -> Iterator[Answer]:
    path = os.path.join(place, "kept")
    _write(path)
    disk = Disk()
    disk.fsync_path(path, folder=False)
    disk.fsync_path(place, folder=True)
    yield Verdict.GOOD, "files and folders can be flushed"
    if file_system(place).syncs:
        disk.sync_file_system(place)
        yield Verdict.GOOD, "many at once too (syncfs)"


def _locks(place: str) -> Iterator[Answer]:
    path = os.path.join(place, "lock")
    first, second = (os.open(path, os.O_RDWR | os.O_CREAT) for _ in range(2))
    try:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield Verdict.GOOD, "a second smartsort on the same root would be kept out"
        else:
            yield Verdict.BAD, "locks do nothing here: two smartsorts on one root would not notice each other"
    finally:
        os.close(first)
        os.close(second)


def _database(place: str) -> Iterator[Answer]:
    path = os.path.join(place, "ledger.db")
    with closing(sqlite3.connect(path, timeout=0)) as one, closing(sqlite3.connect(path, timeout=0)) as other:
        mode = one.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        one.execute("CREATE TABLE t (x)")
        one.execute("BEGIN IMMEDIATE")
        one.execute("INSERT INTO t VALUES (1)")
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            held = True
        else:
            held = False
        one.execute("COMMIT")
    if mode != "wal" or not held:
        yield Verdict.BAD, "the ledger cannot live here. Put it on a local disk (directories.ledger_file)"
    elif not file_system(place).notifies:
        yield (
            Verdict.NOTE,
            "the ledger works, but a network folder is no place for it (directories.ledger_file)",
        )
    else:
        yield Verdict.GOOD, "the ledger can live here"


def _kills(place: str) -> Iterator[Answer]:
    for how in ("links", "copies"):
        yield _killed_at_every_step(os.path.join(place, how), how)


def _killed_at_every_step(place: str, how: str) -> Answer:
    content = {f"{i}.jpg": os.urandom(_BYTES + i) for i in range(_FILES)}
    wanted = {hashlib.sha256(data).hexdigest() for data in content.values()}

    def crash_worker(step: str, occurrence: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "smartsort.storage_test.crash_worker", place, step, str(occurrence), how],
            capture_output=True,
            text=True,
            check=False,
        )

    def fresh() -> None:
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(os.path.join(place, SOURCE))
        os.makedirs(os.path.join(place, TARGET))
        for name, data in content.items():
            _write(os.path.join(place, SOURCE, name), data)

    fresh()
    first = crash_worker("", 0)
    if first.returncode != 0:
        return Verdict.BAD, f"placing failed ({how}): {first.stderr.strip().splitlines()[-1:]}"
    steps: dict[str, int] = json.loads(first.stdout)
    kills = 0
    for step, count in steps.items():
        for occurrence in sorted({1, (count + 1) // 2}):
            fresh()
            killed = crash_worker(step, occurrence)
            kills += killed.returncode == -9
            lost = wanted - _digests(place)
            if lost:
                return (
                    Verdict.BAD,
                    f"killed at `{step}` ({how}): {len(lost)} of {_FILES} photos are not whole",
                )
            with suppress(OSError):
                work(place, lambda _: None, copies=how == "copies")
            if wanted - _digests(os.path.join(place, TARGET)):
                return Verdict.BAD, f"after a kill at `{step}` ({how}) the work could not be finished"
    return Verdict.GOOD, f"killed {kills} times at {len(steps)} steps ({how}): every photo whole each time"


def _digests(folder: str) -> set[str]:
    found = set()
    for place, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(place, name), "rb") as file:
                found.add(hashlib.file_digest(file, "sha256").hexdigest())
    return found


_CHECKS: tuple[tuple[str, Callable[[str], Iterator[Answer]]], ...] = (
    ("file system", _what_it_is),
    ("hard links", _links),
    ("exclusive names", _exclusive),
    ("spelling", _names),
    ("times", _times),
    ("flushing", _durable),
    ("locks", _locks),
    ("ledger", _database),
    ("kills", _kills),
)


def worst(checks: list[StorageCheck]) -> Verdict:
    """Return the worst verdict among them."""
    order = (Verdict.BAD, Verdict.NOTE, Verdict.GOOD)
    return min((t.verdict for t in checks), key=order.index, default=Verdict.GOOD)


def line(check: StorageCheck) -> str:
    """Return one check as a line of the report."""
    return f"{check.verdict.value:5} {check.name:16} {shown(check.said)}"
