"""Notices photos that make no progress although no stage met an error, and names them.

A photo may wait for a long time: for Immich, for a folder that is full, for photos before it. Each of these
waits shows elsewhere, as a health issue or as other photos that go on. What is left is a photo that stays
where it is while nothing keeps it there.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from smartsort.core.completion import pending
from smartsort.core.mixed import mixed_person
from smartsort.core.model import IN_FLIGHT, IN_PROGRESS, State
from smartsort.errors import SmartsortError
from smartsort.files.inbox import scan_inbox
from smartsort.files.layout import SENTINEL
from smartsort.files.shown import shown
from smartsort.files.stamps import FileStamp, stamp
from smartsort.files.writers import open_for_writing
from smartsort.ledger import deletions, embeddings, films, outbox, photos, submissions
from smartsort.ledger.outbox import Message
from smartsort.ledger.records import Photo
from smartsort.ledger.submissions import Submission
from smartsort.pipeline.arrival.inbox import SLOWEST_BYTES, InboxStage
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.engine.health import HealthIssueKind, HealthIssues
from smartsort.pipeline.engine.runner import NothingProved
from smartsort.pipeline.recheck.recheck import RecheckStage
from smartsort.pipeline.recognition.recognise import RecogniseStage

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
PATIENCE_SECONDS = 40.0
"""How long a photo may stay where it is: longer than the longest pause between two tries of a stage."""

KIND = HealthIssueKind.PROGRESS
_NAMED = 5
_OLDEST = 50

_STAGES = {
    State.ARRIVED: ("inbox", "downloads"),
    State.CLAIMED: ("examine", "examine large files"),
    State.HASHED: ("deduplicate", "connection"),
    State.UNIQUE: ("place", "connection"),
    State.PLACED: ("recognise", "connection"),
    State.KNOWN: ("recognise", "connection"),
}
_DOING = {
    State.ARRIVED: "claiming it",
    State.CLAIMED: "reading it",
    State.HASHED: "comparing it with known photos",
    State.UNIQUE: "placing it in the library",
    State.PLACED: "finding it in Immich",
    State.KNOWN: "recognising or filing it",
}


@dataclass(frozen=True, slots=True)
class _Wait:
    """Something that should go on. `mark` changes when it does. `seconds` is how long it may take."""

    key: Hashable
    mark: Hashable
    text: str
    seconds: float = PATIENCE_SECONDS


class Watchdog:
    """The stage that looks for photos without progress. Only in doubt it asks Immich."""

    def __init__(
        self,
        context: Context,
        inbox: InboxStage,
        recognise: RecogniseStage,
        recheck: RecheckStage,
        health_issues: HealthIssues,
    ) -> None:
        self._context, self._inbox, self._recognise, self._recheck = context, inbox, recognise, recheck
        self._health_issues = health_issues
        self._since: dict[Hashable, tuple[Hashable, float]] = {}
        self._named: set[Hashable] = set()
        self._numbers: dict[tuple[str, int], FileStamp] = {}
        """The stamps of the root's own files as first seen, by folder and device."""

    async def step(self) -> float:
        """Look once. Seconds until the next look."""
        self._note(HealthIssueKind.WATCH, self._inbox.unheard)
        self._note(HealthIssueKind.INODES, await asyncio.to_thread(self._unreliable))
        await self._mixed()
        self._note(HealthIssueKind.SHARED_PEOPLE, self._recheck.people_hint)
        self._note(HealthIssueKind.DELETIONS, await self._context.ledger.aread(_deletions))
        waits = await self._lying() + await self._handed_in() + await self._photos_in_progress()
        waits += await self._told() + await self._rechecked()
        now = self._context.clock.monotonic()
        self._since = {
            wait.key: known
            if (known := self._since.get(wait.key)) is not None and known[0] == wait.mark
            else (wait.mark, now)
            for wait in waits
        }
        late = [wait for wait in waits if now - self._since[wait.key][1] >= wait.seconds]
        for wait in late:
            if wait.key not in self._named:
                log.warning("no progress: %s", wait.text)
        self._named = {wait.key for wait in late}
        if not late:
            return LOOK_SECONDS
        more = f", and {len(late) - _NAMED} more" if len(late) > _NAMED else ""
        text = "; ".join(wait.text for wait in late[:_NAMED])
        self._health_issues.begin(KIND, f"no progress: {text}{more}", "watchdog")
        return NothingProved(LOOK_SECONDS)

    # --- what works, but not as it should ------------------------------------------------------

    def _note(self, kind: HealthIssueKind, message: str) -> None:
        if message:
            self._health_issues.begin(kind, message, kind, notice=True)
        else:
            self._health_issues.over(kind)

    def _unreliable(self) -> str:
        """Return what to say of folders whose inode numbers change or do not tell what is one file."""
        placer, found = self._context.placer, dict[int, str]()
        for folder in self._context.layout.guarded:
            try:
                now = stamp(os.path.join(folder, SENTINEL))
                before = self._numbers.setdefault((folder, now.device), now)
                if not before.same_file(now) and before.same_content(now):
                    placer.distrust_numbers(now.device)
                if not placer.capabilities(folder).numbers:
                    found.setdefault(now.device, shown(folder))
            except SmartsortError:
                continue  # whoever works there says what is wrong
        if not found:
            return ""
        return (
            f"Inode numbers do not tell what is one file in {', '.join(found.values())}. Photos are copied "
            "there instead of linked and take their space again. `smartsort doctor` says what helps."
        )

    async def _mixed(self) -> None:
        """Tell of people who are two people. A message is sent once, and none again after a restart."""
        ledger, kind, at = self._context.ledger, HealthIssueKind.MIXED_PERSON, self._context.clock.text()
        found = {row.person_id: row for row in await ledger.aread(embeddings.mixed_people)}
        for person_id, row in found.items():
            text = mixed_person(row.name, [len(group) for group in row.groups or ()])
            new = row.reported_at is None
            self._health_issues.begin(kind, text, kind, notice=True, about=person_id, sent=new)
            if new:
                await ledger.awrite(lambda db, i=person_id: embeddings.reported(db, i, at))  # type: ignore[misc]
        for issue in self._health_issues.open:
            if issue.kind is kind and issue.about not in found:
                self._health_issues.over(kind, issue.about)

    # --- the inbox ---------------------------------------------------------------------------

    async def _lying(self) -> list[_Wait]:
        """Return files at rest that are not claimed. While nobody looks at the inbox, all that lie there."""
        inbox, context = self._inbox, self._context
        now = context.clock.monotonic()
        if self._health_issues.met_by("inbox") or now < inbox.busy_until:
            return []
        found, seconds = list(inbox.resting_since), PATIENCE_SECONDS
        if now - inbox.looked_at > context.tuning.scan_interval_seconds + LOOK_SECONDS:
            seconds = 2 * LOOK_SECONDS  # that nobody looks has lasted long enough
            scan = await asyncio.to_thread(scan_inbox, context.layout.inbox, inbox.ignore)
            found += [each.path for each in scan.entries]
        lying = await asyncio.to_thread(_finished, found)
        return [
            _Wait(
                ("file", path),
                path,
                _about(shown(path), "claiming it", inbox.refusals.problem(path)),
                seconds,
            )
            for path in lying
        ]

    async def _handed_in(self) -> list[_Wait]:
        """Uploads and downloads whose file is whole and not claimed."""
        if self._health_issues.met_by("downloads"):
            return []
        found = await self._context.ledger.aread(lambda db: submissions.received_submissions(db, _OLDEST))
        return [
            _Wait(
                ("item", i.id),
                i.state,
                _about(_item(i), "claiming it", i.problem or ""),
            )
            for i in found
        ]

    # --- photos on their way -----------------------------------------------------------------

    async def _photos_in_progress(self) -> list[_Wait]:
        """Return photos with a problem, and the oldest of each state that nothing keeps there."""
        context = self._context

        def read(db: Database) -> tuple[list[Photo], list[Photo], int]:
            oldest = [p for state in IN_PROGRESS for p in photos.in_state(db, state, _OLDEST)]
            unwatched = films.unwatched(db, [p.id for p in oldest])
            oldest = [p for p in oldest if p.id not in unwatched]
            return photos.with_problem(db, _OLDEST), oldest, photos.in_flight(db)

        troubled, oldest, in_flight = await context.ledger.aread(read)
        first: dict[State, Photo] = {}
        for photo in oldest:
            if photo.state in first or photo.detection_asked_at or self._recognise.is_resting(photo):
                continue
            if not self._is_kept(photo.state, in_flight, {p.state for p in oldest}):
                first[photo.state] = photo
        found = [*troubled, *first.values()]
        if any(p.state in IN_FLIGHT for p in first.values()) and await self._immich_is_busy(first):
            found = [p for p in found if p.state not in IN_FLIGHT or p.problem]
        return [
            _Wait(
                ("photo", p.id),
                p.state,
                _about(f"photo {p.id} ({shown(p.original_name)})", _DOING[p.state], p.problem or ""),
                PATIENCE_SECONDS + p.size / SLOWEST_BYTES,
            )
            for p in found
        ]

    def _is_kept(self, state: State, in_flight: int, states: set[State]) -> bool:
        """Return whether something that shows elsewhere keeps photos in a state."""
        context = self._context
        if self._health_issues.met_by(*_STAGES[state]) or (
            state is not State.ARRIVED and not context.enabled()
        ):
            return True
        if state is State.PLACED:
            return not context.tuning.trigger_scan  # Immich scans when it likes
        if state is State.UNIQUE:
            return in_flight > 0
        return state is State.HASHED and (in_flight > 0 or State.UNIQUE in states)

    async def _immich_is_busy(self, first: dict[State, Photo]) -> bool:
        """Return whether Immich has jobs. It is asked only when a photo has waited for long."""
        now = self._context.clock.monotonic()
        keys = [("photo", p.id) for p in first.values() if p.state in IN_FLIGHT]
        long = PATIENCE_SECONDS - LOOK_SECONDS
        if not any(now - self._since[key][1] >= long for key in keys if key in self._since):
            return False
        try:
            return pending(await self._context.server.queue_counts()) > 0
        except SmartsortError:
            return True  # the stages that need it say so

    # --- what Immich has to be told, and photos in review --------------------------------------

    async def _told(self) -> list[_Wait]:
        """Return the oldest message that is due."""
        if self._health_issues.met_by("outbox", "connection"):
            return []
        now = self._context.clock.text()
        due: Sequence[Message] = await self._context.ledger.aread(lambda db: outbox.due(db, now, 1))
        names = await self._names([m.photo_id for m in due if m.photo_id is not None])
        return [
            _Wait(("message", m.id), m.attempts, _about(names(m.photo_id), f"telling Immich ({m.kind})", ""))
            for m in due
        ]

    async def _rechecked(self) -> list[_Wait]:
        """Return the first photo in review that is to be re-evaluated."""
        recheck, context = self._recheck, self._context
        if self._health_issues.met_by("recheck", "connection") or not context.enabled():
            return []
        due = list(recheck.due[:1])
        late = context.clock.monotonic() - recheck.looked_at - context.tuning.recheck_interval_seconds
        if not due and late > LOOK_SECONDS:
            rows = await context.ledger.aread(lambda db: photos.in_state(db, State.REVIEW, 1))
            due = [photo.id for photo in rows if photo.asset_id]
        names = await self._names(due)
        return [_Wait(("review", i), i, _about(names(i), "judging it again", "")) for i in due]

    async def _names(self, ids: Sequence[int]) -> Callable[[int | None], str]:
        rows = await self._context.ledger.aread(lambda db: photos.by_ids(db, ids))
        known = {photo.id: f"photo {photo.id} ({shown(photo.original_name)})" for photo in rows}
        return lambda photo_id: known.get(photo_id or 0, "no single photo")


def _finished(paths: Sequence[str]) -> list[str]:
    """Return those that are still there and that no process writes into."""
    return [path for path in dict.fromkeys(paths) if os.path.lexists(path) and not open_for_writing(path)]


def _deletions(db: Database) -> str:
    """What to say of deletions in Immich that wait for a word."""
    count = len(deletions.held(db))
    if not count:
        return ""
    what = "1 photo was deleted" if count == 1 else f"{count:,} photos were deleted"
    return (
        f"{what} in Immich, and smartsort waits for your word. Confirm or decline it in the terminal UI "
        "(Activity, d), or with `smartsort deletions`. Until then nothing happens to them."
    )


def _item(item: Submission) -> str:
    return f"item {item.id} ({shown(item.name or '')})"


def _about(what: str, doing: str, problem: str) -> str:
    return f"{what} is stuck at {doing}{f': {problem}' if problem else ''}"
