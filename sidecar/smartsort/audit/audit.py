"""The audit as a whole: pages of photos, then our folders, then the history. Beside a running sidecar too.

What looks wrong is looked at again before it is reported, with the ledger read again: a photo that was just
being moved is fine the second time. Memory does not grow with the ledger, only with what is wrong.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

from sqlite_utils import Database

from smartsort.audit import folders as walk
from smartsort.audit import rows
from smartsort.audit.findings import Code, Finding, Weight
from smartsort.audit.folders import Stranger
from smartsort.audit.photo import PhotoCheck
from smartsort.audit.rows import Row
from smartsort.core.model import State
from smartsort.errors import LedgerError, SmartsortError
from smartsort.files.filesystem import file_system
from smartsort.files.hashing import sha256_of
from smartsort.files.layout import Layout
from smartsort.files.shown import shown
from smartsort.files.stamps import FileStamp
from smartsort.ledger import events
from smartsort.ledger.backup import damaged
from smartsort.ledger.connection import read_only
from smartsort.ledger.integrity import full_problem, quick_problem
from smartsort.ledger.records import Area, Member
from smartsort.lock import holder_of
from smartsort.pipeline.recovery.claimed import photo_id_of

MOST_FINDINGS = 20_000
"""More than this is not drift but another root. The rest is counted."""

_QUICK_SECONDS = 10.0
"""The longest a quick audit waits for the ledger's own check."""

_MOST_CROWDED = 200_000
_SLICE = 200
_LOOKS = (0.3, 0.7, 1.5, 3.0)
"""Seconds before each further look at what seems wrong, while a sidecar is at work."""


@dataclass(slots=True)
class Report:
    """What an audit found. `being_moved`: photos that a running sidecar was just moving."""

    photos: int = 0
    names: int = 0
    read_bytes: int = 0
    deep: bool = True
    running: str | None = None
    being_moved: int = 0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    left_out: int = 0

    @property
    def weight(self) -> Weight:
        """The worst of the findings. Those of a loss that was mended count as drift."""
        return max(
            (Weight.DRIFT if f.mended else f.weight for f in self.findings),
            default=Weight.CLEAN,
        )


class Audit:
    """One audit of one root. Blocking. Opens the ledger for reading only."""

    def __init__(
        self, layout: Layout, *, quick: bool = False, progress: Callable[[int], None] | None = None
    ) -> None:
        self._layout = layout
        self._folders = {
            Area.TEMP: layout.temp_downloads,
            Area.LIBRARY: layout.library,
            Area.FACES: layout.faces,
            Area.REVIEW: layout.review,
            Area.TRASH: layout.trash,
        }
        self._deep = not quick
        self._progress = progress or (lambda _: None)
        self._check = PhotoCheck(self._folders, layout.original, deep=self._deep)
        self._report = Report(deep=self._deep)
        self._crowded: dict[tuple[int, int], int] = {}
        self._shared: list[Finding] = []
        self._moved: Counter[int] = Counter()
        self._companions: dict[str, list[int]] | None = None

    def run(self) -> Report:
        """Look at everything.

        Raises LedgerError without a ledger and for a damaged one, RootUnavailable without the folders.
        """
        path, folder = self._layout.ledger, os.path.join(self._layout.root, "backup")
        try:
            problem = None
            if os.path.exists(path):
                problem = full_problem(path) if self._deep else quick_problem(path, _QUICK_SECONDS)
            if problem is not None:
                raise damaged(path, problem, folder)
            return self._run()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the latter in SQLite's own messages
            raise damaged(path, str(error), folder) from error

    def _run(self) -> Report:
        began = time.monotonic()
        report = self._report
        report.running = holder_of(self._layout.root)
        ledger = open_for_reading(self._layout.ledger)
        with closing(ledger.conn) as db:
            root_id = db.execute(
                "SELECT json_extract(value, '$') FROM facts WHERE name = 'root_id'"
            ).fetchone()
            if root_id is not None:
                self._layout.check(root_id[0])
            suspects, strangers = self._first_look(db)
            wrong, strangers = self._look_again(db, suspects, strangers)
            self._conclude(db, wrong, strangers)
            # Hard links of one file, dropped into the inbox as two: a photo and its duplicate.
            report.findings += [f for f in self._shared if not rows.same_content(db, (f.photo_id, *f.others))]
            report.findings += _history(ledger, deep=self._deep)
            if root_id is not None:
                self._layout.check(root_id[0])
        if len(report.findings) > MOST_FINDINGS:
            report.left_out = len(report.findings) - MOST_FINDINGS
            report.findings = sorted(report.findings, key=lambda f: -f.weight)[:MOST_FINDINGS]
        report.seconds = time.monotonic() - began
        return report

    # --- the first look ----------------------------------------------------------------------

    def _first_look(self, db: sqlite3.Connection) -> tuple[list[int], list[Stranger]]:
        suspects: list[int] = []
        report = self._report
        # Threads hide the latency of a network folder and read in parallel. On a local disk a mere look at
        # names is over before a thread is told of it.
        local = file_system(self._layout.root).notifies
        count = 4 if self._deep else (1 if local else 8)
        with ThreadPoolExecutor(count, thread_name_prefix="audit") as workers:
            for page in rows.pages(db):
                slices = [page[i : i + _SLICE] for i in range(0, len(page), _SLICE)]
                for bad in workers.map(self._suspicious, slices):
                    suspects += bad
                report.photos += len(page)
                report.names += sum(len(row.names) for row in page)
                if self._deep:
                    report.read_bytes += sum(row.size for row in page)
                self._progress(report.photos)
        return suspects, list(walk.strangers(db, self._folders))

    def _suspicious(self, page: Sequence[Row]) -> list[int]:
        return [row.id for row in page if row.intents or self._check.check(row, self._crowd)]

    def _crowd(self, key: tuple[int, int], photo_id: int) -> None:
        """Two photos of different content must not be one file: then one of them is not there."""
        if len(self._crowded) >= _MOST_CROWDED:
            return
        first = self._crowded.setdefault(key, photo_id)
        if first != photo_id:
            what = f"photos {first} and {photo_id} are one and the same file"
            self._shared.append(Finding(Code.SHARED, what, photo_id, others=(first,)))

    # --- once more ---------------------------------------------------------------------------

    def _look_again(
        self, db: sqlite3.Connection, suspects: list[int], strangers: list[Stranger]
    ) -> tuple[list[Row], list[Stranger]]:
        """Return what is still wrong with the ledger read again.

        What is under way is counted and left out.
        """
        wrong = self._still_wrong(db, suspects)
        shared = {f.photo_id for f in self._shared}
        for pause in _LOOKS if self._report.running else ():
            if not wrong and not strangers and not shared:
                break
            time.sleep(pause)
            wrong = self._still_wrong(db, [row.id for row in wrong])
            strangers = [s for s in strangers if walk.still_there(db, s)]
        if self._report.running:
            # Read last: what was at rest at the first look may be under way now.
            moving = rows.some(db, rows.being_moved(db))
            ids = {row.id for row in moving}
            self._report.being_moved = len(ids & {row.id for row in wrong})
            wrong = [row for row in wrong if row.id not in ids]
            strangers = [s for s in strangers if not s.passing and not self._of_moving(s, moving)]
            strangers = [s for s in strangers if walk.still_there(db, s)]
        return wrong, strangers

    def _still_wrong(self, db: sqlite3.Connection, ids: Sequence[int]) -> list[Row]:
        return [row for row in rows.some(db, ids) if row.intents or self._check.check(row)]

    def _of_moving(self, stranger: Stranger, moving: Sequence[Row]) -> bool:
        """Return True for a name that was made for a photo under way and is not written down yet."""
        if stranger.stamp is None:
            return False
        for row in moving:
            like = {(row.size, row.mtime_ns), *((n.size, n.mtime_ns) for n in row.names)}
            if (stranger.stamp.size, stranger.stamp.mtime_ns) in like:
                return True
            if stranger.area is Area.TEMP and stranger.relative.startswith(f"{row.id}-"):
                return True
        return False

    # --- what it is --------------------------------------------------------------------------

    def _conclude(self, db: sqlite3.Connection, wrong: Sequence[Row], strangers: Sequence[Stranger]) -> None:
        findings = self._report.findings
        half_done = [row for row in wrong if row.intents]
        open_ids = {row.id for row in half_done}
        for row in wrong:
            if row.intents:
                findings += self._open(row)
            else:
                findings += self._check.check(row)
        missing = any(f.code in (Code.MISSING, Code.LOST, Code.TRASH_EMPTIED) for f in findings)
        for stranger in strangers:
            named = self._named(db, stranger, open_ids, hashing=missing or self._deep)
            if named.code is not Code.MOVED and self._of_moving(stranger, half_done):
                what = f"{shown(stranger.path)} belongs to a photo that was being moved"
                findings.append(_of(stranger, Code.LEFTOVER, what))
            elif named.code is Code.LEFTOVER and self._report.running:
                self._report.being_moved += 1
            else:
                findings.append(named)
        moved = {(f.photo_id, f.member) for f in findings if f.code is Code.MOVED}
        for found in findings:
            if found.code in (Code.LOST, Code.TRASH_EMPTIED) and (found.photo_id, found.member) in moved:
                found.code = Code.MISSING  # no bytes are: they were moved
                found.what = f"{shown(found.path or '')} is gone. Its bytes lie elsewhere in the folders"

    def _open(self, row: Row) -> Iterator[Finding]:
        """A photo a crash left in the middle of an act: it counts as safe while its bytes are somewhere."""
        what = f"photo {row.id} ({row.state.value}) was being moved when smartsort was stopped"
        yield Finding(Code.INTENT_OPEN, what, row.id)
        if row.state is State.ARRIVED:
            return
        for finding in self._check.check(row):
            if finding.code in (Code.LOST, Code.CORRUPT):
                yield finding

    def _named(
        self, db: sqlite3.Connection, stranger: Stranger, open_ids: set[int], *, hashing: bool
    ) -> Finding:
        def finding(code: Code, what: str, photo_id: int | None = None, digest: str | None = None) -> Finding:
            return _of(stranger, code, what, photo_id, digest)

        if stranger.passing:
            return finding(Code.LEFTOVER, walk.described(stranger))
        if stranger.stamp is None:
            return finding(Code.UNKNOWN, walk.described(stranger))
        if stranger.area is Area.TEMP and photo_id_of(stranger.relative) is not None:
            return finding(Code.LEFTOVER, f"{shown(stranger.path)}: left by a crash")
        if stranger.area is Area.LIBRARY and self._on_its_way(db, stranger):
            return finding(Code.LEFTOVER, f"{shown(stranger.path)}: its photo is on its way there")
        if not hashing and stranger.links < 2:
            return finding(Code.UNKNOWN, walk.described(stranger))
        try:
            digest = sha256_of(stranger.path, stranger.stamp)
        except SmartsortError as problem:
            return finding(Code.UNKNOWN, str(problem))
        return self._related(db, stranger, digest, open_ids, finding)

    def _on_its_way(self, db: sqlite3.Connection, stranger: Stranger) -> bool:
        """Return True for a file of a photo that is about to be placed there: placing again finds its own."""
        prefix = os.path.basename(os.path.dirname(stranger.relative))
        found = rows.some(db, rows.photos_like(db, prefix)) if prefix else []
        return self._of_moving(stranger, [row for row in found if row.state is State.UNIQUE])

    def _related(
        self,
        db: sqlite3.Connection,
        stranger: Stranger,
        digest: str,
        open_ids: set[int],
        finding: Callable[..., Finding],
    ) -> Finding:
        """Return what a file has to do with the photos of the same content."""
        same_file: int | None = None
        under_way: int | None = None
        elsewhere: list[int] = []
        for row in rows.some(db, rows.photos_with(db, digest)):
            held = {n: self._look(n) for n in row.names if n.member is Member.PHOTO}
            if row.id in open_ids or row.intents:
                under_way = row.id
            elif any(found is None for found in held.values()):
                elsewhere.append(row.id)
            if stranger.stamp is not None and any(
                found is not None and found.same_file(stranger.stamp) for found in held.values()
            ):
                same_file = row.id
        # An equal photo may be under way, but the file of one at rest is the one at rest.
        if under_way is not None and same_file not in elsewhere:
            what = f"{shown(stranger.path)}: photo {under_way} is under way"
            return finding(Code.LEFTOVER, what, under_way, digest)
        if elsewhere:
            # Of equal photos each was moved once, before one was moved twice.
            moved = min(elsewhere, key=lambda i: (i != same_file, self._moved[i], i))
            self._moved[moved] += 1
            what = f"{shown(stranger.path)} is photo {moved}, which the ledger has elsewhere"
            return finding(Code.MOVED, what, moved, digest)
        if same_file is not None:
            what = f"{shown(stranger.path)} is another name of photo {same_file}"
            return finding(Code.EXTRA_LINK, what, same_file, digest)
        for row in rows.some(db, self._travelling(db).get(digest, ())):
            gone = next((n for n in row.names if n.sha256 == digest and self._look(n) is None), None)
            if gone is not None and row.id not in open_ids:
                what = f"{shown(stranger.path)} is the {gone.member.value} of photo {row.id}"
                found: Finding = finding(
                    Code.MOVED, f"{what}, which the ledger has elsewhere", row.id, digest
                )
                found.member = gone.member
                return found
        return finding(Code.UNKNOWN, walk.described(stranger), None, digest)

    def _travelling(self, db: sqlite3.Connection) -> dict[str, list[int]]:
        """Return ids of photos by the digests of what travels with them.

        Read once there is something to explain.
        """
        if self._companions is None:
            self._companions = rows.companions(db)
        return self._companions

    def _look(self, name: object) -> FileStamp | None:
        try:
            looked = self._check.look(name)  # type: ignore[arg-type]
        except SmartsortError:
            return None
        return looked[0] if looked else None


def _of(
    stranger: Stranger, code: Code, what: str, photo_id: int | None = None, digest: str | None = None
) -> Finding:
    return Finding(code, what, photo_id, stranger.path, stranger.area, stranger.relative, sha256=digest)


def open_for_reading(path: str) -> Database:
    """Return a read-only connection to a ledger of this version. Raises LedgerError."""
    if not os.path.exists(path):
        raise LedgerError(
            f"there is no ledger at {shown(path)}. If it is lost, `smartsort restore` puts a backup in its "
            "place and `smartsort rebuild` makes a new one from the folders."
        )
    try:
        db = read_only(path)
        db.conn.execute("SELECT 1 FROM submissions LIMIT 1").fetchone()
    except (sqlite3.Error, UnicodeDecodeError) as problem:
        raise LedgerError(
            f"the ledger {shown(path)} cannot be read: {problem}. If it is of an older version, start "
            "smartsort once. If it is damaged, `smartsort restore` puts a backup in its place."
        ) from problem
    return db


_TAIL = 20_000
"""Events whose chain a quick audit follows."""


def _history(db: Database, *, deep: bool) -> Iterator[Finding]:
    last = events.last_id(db)
    after = 0 if deep else max(0, last - _TAIL)
    for event_id, what in events.broken_links(db, after):
        yield Finding(Code.CHAIN, f"event {event_id}: {what}")
