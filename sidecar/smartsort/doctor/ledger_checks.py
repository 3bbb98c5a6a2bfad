"""The ledger, the lock beside it and the inbox: looked at without disturbing a sidecar that runs."""

from __future__ import annotations

import ctypes
import json
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import quote

from sqlite_utils import Database

from smartsort.api.schemas.state import Check
from smartsort.config import Settings
from smartsort.doctor.findings import broken, passed, warned
from smartsort.doctor.judging_checks import judging_checks
from smartsort.files.filesystem import file_system, why_unheard
from smartsort.files.private import TOKEN_FILE, open_to_others
from smartsort.files.shown import shown
from smartsort.ledger import embeddings, key_value, review_faces, shards
from smartsort.ledger.backup import files_kept
from smartsort.ledger.shards import Shard
from smartsort.lock import LOCK_NAME

RESTORE = "Stop smartsort, put a backup in its place (`smartsort restore`), and start it again."

_IN_NONBLOCK = 0o4000
_IN_CREATE = 0x100


@dataclass(frozen=True, slots=True)
class LedgerView:
    """What the doctor needs of the ledger, and the line about it."""

    check: Check
    root_id: str | None = None
    shards: Sequence[Shard] = ()
    review_faces: tuple[int, int] = (0, 0)
    """Photos in review whose faces are measured, and those with faces."""
    people: Check | None = None
    judging: Sequence[Check] = ()
    """What it tells about the limit of wrong filings and the model for faces."""


def read_ledger(settings: Settings) -> LedgerView:
    """Return the ledger's integrity and what it remembers of the root. Opens it read-only."""
    path = os.fspath(settings.directories.ledger_file)
    name = "ledger"
    if not os.path.exists(path):
        return LedgerView(passed(name, f"{shown(path)} is made at the first start"))
    try:
        with closing(_connect(path)) as connection:
            problems = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
            if problems != ["ok"]:
                said = "; ".join(problems)
                return LedgerView(broken(name, f"{shown(path)} is damaged: {said}", RESTORE))
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            if not {"facts", "shards"} <= tables:
                text = f"{shown(path)} is not smartsort's yet. It is taken over at the first start"
                return LedgerView(passed(name, text))
            database = Database(connection)
            root_id, parts = key_value.get(database, "root_id"), shards.shards(database)
            faces = review_faces.progress(database) if "embeddings" in tables else (0, 0)
            people = _people_check(database)
            # A ledger of an earlier version gets these tables at the next start.
            judging = judging_checks(settings, database) if {"spot_checks", "galleries"} <= tables else ()
    except sqlite3.DatabaseError as error:
        return LedgerView(broken(name, f"{shown(path)} cannot be read: {error}", RESTORE))
    try:
        found = file_system(path)
    except OSError:
        found = None
    line = passed(name, "sound")
    if found is not None and not found.notifies:
        line = warned(
            name,
            f"sound, but on a network file system ({found.name}), where SQLite may lose what it wrote",
            "Put it on a local disk: directories.ledger_file.",
        )
    return LedgerView(line, root_id, parts, faces, people, judging)


def _people_check(database: Database) -> Check | None:
    """Whether faces under one name look like two people's, None in the ledger of a version before that."""
    table = database["galleries"]
    if not table.exists() or "groups" not in table.columns_dict:
        return None
    found = embeddings.mixed_people(database)
    if not found:
        return passed("people", "under each name the faces look like one person's, as far as they were seen")
    names = ", ".join(row.name for row in found)
    return warned(
        "people",
        f"the faces under one name look like two people's: {shown(names)}. smartsort files nothing there by "
        "itself",
        "Split them in Immich. For a person who is one, run `smartsort people one-person NAME`.",
    )


def privacy_check(root: str, ledger: str) -> Check:
    """Return whether other users may read the ledger, its backups or the API token."""
    name = "private files"
    paths = [*files_kept(ledger, os.path.join(root, "backup")), os.path.join(root, TOKEN_FILE)]
    found = open_to_others(paths)
    if not found:
        return passed(name, "the ledger, its backups and the API token are readable for their owner alone")
    first = f"{shown(found[0])}" + (f" and {len(found) - 1} more files" if len(found) > 1 else "")
    return warned(
        name,
        f"{first} can be read by other users",
        f"Restart smartsort, which takes them from others, or run `chmod 600` as their owner (smartsort runs "
        f"as user {os.geteuid()}).",
    )


def _connect(path: str) -> sqlite3.Connection:
    place = quote(os.fsencode(os.path.abspath(path)))
    connection = sqlite3.connect(f"file:{place}?mode=ro", uri=True, timeout=5)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        # In a folder that cannot be written the write-ahead log's index cannot be made: nobody writes either.
        connection.close()
        connection = sqlite3.connect(f"file:{place}?immutable=1", uri=True)
    return connection


def sidecar_check(root: str, locks: str = "/proc/locks") -> Check:
    """Return whether a sidecar works on the root.

    The lock itself is not touched: a start meanwhile must succeed.
    """
    path = os.path.join(root, LOCK_NAME)
    locked = _locked_inodes(locks)
    at_work = any(os.path.exists(place) and os.stat(place).st_ino in locked for place in (root, path))
    try:
        with open(path, encoding="utf-8") as file:
            who = json.loads(file.read(4096))
        holder = f"process {who['pid']} on {who['host']} since {who['since']}"
    except FileNotFoundError:
        if not at_work:
            return passed("sidecar", "none has worked here yet")
        holder = "its lock file was deleted"
    except (OSError, ValueError, KeyError, TypeError):
        if not at_work:
            return passed("sidecar", "no process has written its name into the lock")
        holder = "its lock file does not say which"
    if at_work:
        return passed("sidecar", f"at work: {holder}")
    return passed("sidecar", f"none seen at work on this machine, last: {holder}")


def _locked_inodes(table: str) -> set[int]:
    """Inodes of all files locked as a whole, as far as the kernel shows them to this process."""
    found = set()
    try:
        with open(table, encoding="ascii", errors="replace") as lines:
            for line in lines:
                # "3: FLOCK  ADVISORY  WRITE 1234 00:2f:567890 0 EOF". A waiter has "->" behind the number.
                parts = line.split()
                if len(parts) > 5 and parts[1] == "FLOCK" and parts[5].count(":") == 2:
                    found.add(int(parts[5].rpartition(":")[2]))
    except (OSError, ValueError):
        return set()
    return found


def inbox_check(settings: Settings, limits: str = "/proc/sys/fs/inotify") -> Check:
    """Return whether new files in the inbox are heard of at once, or only in the regular looks."""
    name, folder = "inbox", os.fspath(settings.directories.inbox_dir)
    every = settings.inbox.scan_interval_seconds
    if not os.path.isdir(folder):
        return passed(name, f"{shown(folder)} is made at the first start")
    if settings.inbox.polling == "on":
        return passed(name, "looked at regularly, as set by inbox.polling")
    unheard = why_unheard(folder)
    if unheard is not None:
        if settings.inbox.polling == "off":
            return warned(
                name,
                f"{unheard}. New files are found every {every:g} s",
                "Set inbox.polling to auto, or inbox.scan_interval_seconds lower.",
            )
        return passed(name, f"{unheard}. It is looked at regularly instead")
    problem = _inotify_problem(folder)
    if problem is not None:
        return warned(
            name,
            f"the kernel gives no file events ({problem}). New files are found every {every:g} s",
            "Raise fs.inotify.max_user_watches and fs.inotify.max_user_instances on the host (sysctl), "
            "or set inbox.polling to on.",
        )
    folders = sum(1 for _ in os.walk(folder))
    most = _number(os.path.join(limits, "max_user_watches"))
    if most is not None and folders > most:
        return warned(
            name,
            f"{folders} folders are more than the kernel watches ({most}). New files there are found every "
            f"{every:g} s",
            "Raise fs.inotify.max_user_watches on the host (sysctl).",
        )
    return passed(name, f"watched, and looked at every {every:g} s")


def _inotify_problem(folder: str) -> str | None:
    """Return why one more folder cannot be watched: the limits are shared with all programs of this user."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.inotify_init1(_IN_NONBLOCK)
    if handle < 0:
        return os.strerror(ctypes.get_errno())
    try:
        if libc.inotify_add_watch(handle, os.fsencode(folder), _IN_CREATE) < 0:
            return os.strerror(ctypes.get_errno())
    finally:
        os.close(handle)
    return None


def _number(path: str) -> int | None:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None
