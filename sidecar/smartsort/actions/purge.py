"""The end of the retention time: the one place that removes the last copy of anything.

It touches nothing but names the ledger knows in `trash/`, and only while their bytes are the photo's.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sqlite_utils import Database

from smartsort.actions.copies import LAST_COPY, kept_copies
from smartsort.actions.values import ActionResult
from smartsort.errors import ClockJumped, SmartsortError
from smartsort.files.durable import Pending
from smartsort.files.hashing import sha256_of
from smartsort.files.problems import FileChanged, FileVanished, storage_error
from smartsort.files.shown import shown
from smartsort.files.stamps import stamp
from smartsort.ledger import key_value, photos
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area, Member, Name, Photo
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.engine.runner import NothingProved

log = logging.getLogger(__name__)

BATCH = 50

LONGEST_PAUSE = 3600.0
"""Seconds between two looks at the trash."""


def expired(db: Database, before: str, limit: int, ran_before: float | None = None) -> list[Photo]:
    """Return photos that have been in the trash since before then, oldest first.

    Those with a problem are left out.

    `ran_before`: only those that were there when smartsort had run for so many seconds.
    """
    rows = db.conn.execute(
        "SELECT id FROM photos WHERE state IN ('rejected', 'skipped')"
        " AND coalesce(trashed_at, routed_at) < ?1 AND problem IS NULL"
        # What was deleted in Immich comes into the trash later.
        " AND NOT EXISTS (SELECT 1 FROM names WHERE photo_id = photos.id AND area = 'library')"
        " AND (?2 IS NULL OR coalesce(trashed_ran, 0) <= ?2)"
        " ORDER BY coalesce(trashed_at, routed_at), id LIMIT ?3",
        (before, ran_before, limit),
    ).fetchall()
    return photos.by_ids(db, [int(i) for (i,) in rows])


class Purge:
    """Removes expired photos from the trash, in the order intent, files, ledger."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def run(
        self, retention_days: float, now: datetime, limit: int, ran_before: float | None = None
    ) -> list[ActionResult]:
        """Return what became of each expired photo, oldest first. Raises RootUnavailable before it begins."""
        context = self._context
        before = (now.astimezone(UTC) - timedelta(days=retention_days)).isoformat(timespec="milliseconds")
        found = await context.ledger.aread(lambda db: expired(db, before, limit, ran_before))
        results: list[ActionResult] = []
        for start in range(0, len(found), BATCH):
            results += await self._batch(found[start : start + BATCH])
        return results

    async def _batch(self, batch: Sequence[Photo]) -> list[ActionResult]:
        context = self._context
        kept = await kept_copies(context, batch)
        for one in kept.values():
            log.warning("photo %s stays in the trash: %s", one.photo_id, one.problem)
        last = [one for one in kept.values() if one.code == LAST_COPY]
        await context.commit([Change(one.photo_id, values={"problem": one.problem}) for one in last])
        batch = [photo for photo in batch if photo.id not in kept]
        names = await context.ledger.aread(lambda db: photos.names_of(db, [p.id for p in batch]))
        context.checkpoint("purge:intent")
        await context.commit([Change(p.id, intent=("purge", {})) for p in batch])
        problems = await asyncio.to_thread(self._remove, batch, names)
        context.checkpoint("purge:removed")
        at = context.clock.text()

        def write(db: Database) -> list[ActionResult]:
            return [self._write(db, p, names[p.id], problems[p.id], at) for p in batch]

        results = await context.ledger.awrite(write)
        context.checkpoint("purge:committed")
        return [*kept.values(), *results]

    def _write(
        self, db: Database, photo: Photo, names: Sequence[Name], problem: SmartsortError | None, at: str
    ) -> ActionResult:
        if problem is None:
            [event] = photos.apply(db, [photos.purged(photo, names)], at)
            return ActionResult(photo.id, "purged", event=event)
        log.warning("photo %s stays in the trash: %s", photo.id, problem)
        kept = Change(photo.id, values={"problem": str(problem)}, intents_done=("purge",))
        photos.apply(db, [kept], at)
        return ActionResult(photo.id, "failed", problem=str(problem), code="changed_by_hand")

    def _remove(
        self, batch: Sequence[Photo], names: dict[int, list[Name]]
    ) -> dict[int, SmartsortError | None]:
        """Runs in a worker thread. The photo goes last: while it is there the photo is not purged."""
        self._context.placer.guard()
        problems: dict[int, SmartsortError | None] = {}
        pending = Pending(self._context.placer.disk)
        for photo in batch:
            try:
                ordered = sorted(names[photo.id], key=lambda n: n.member is Member.PHOTO)
                for name in ordered:
                    self._verify(photo, name)
                for name in ordered:
                    self._unlink(name, pending)
                problems[photo.id] = None
            except SmartsortError as problem:
                problems[photo.id] = problem
        for not_durable in pending.wait().errors.values():
            raise not_durable
        self._context.placer.guard()
        return problems

    def _verify(self, photo: Photo, name: Name) -> None:
        """Raises unless the name is one of the trash's and holds the bytes the ledger says."""
        path = self._context.absolute(name)
        if name.area is not Area.TRASH:
            raise FileChanged(f"{shown(path)} is not in the trash. Run `smartsort audit`", path)
        digest = name.sha256 or (photo.sha256 if name.member is Member.PHOTO else None)
        try:
            found = sha256_of(path, stamp(path))
        except FileVanished:
            return
        if digest is not None and found != digest:
            raise FileChanged(
                f"{shown(path)} has other bytes than were thrown away. Look at it by hand", path
            )

    def _unlink(self, name: Name, pending: Pending) -> None:
        path = self._context.absolute(name)
        # A name that is gone already may have been removed by a try that could not wait for the disk.
        pending.folders.setdefault(os.path.dirname(path))
        try:
            self._context.placer.disk.unlink(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise storage_error(error, "remove", path) from error


class Expire(Protocol):
    """Removes what has expired (`Actions.purge_expired`)."""

    def __call__(
        self, retention_days: float, *, ran_before: float | None
    ) -> Awaitable[Sequence[ActionResult]]:
        """Return what became of each expired photo."""
        ...


class Retention:
    """The maintenance step that keeps the promise of the retention time.

    A photo goes when the clock says so and smartsort has run for as long since it came into the trash. So a
    clock that is wrong for one start costs no photo. While smartsort does not run, no time passes.
    """

    def __init__(self, context: Context, purge: Expire, retention_days: float) -> None:
        self._context, self._purge, self._days = context, purge, retention_days
        self._noted = context.clock.monotonic()
        self._jumped: float | None = None

    async def step(self) -> bool | float:
        """Purge what has expired, True while there may be more, else seconds until the next look.

        Raises ClockJumped once for each jump of the clock.
        """
        ran = await self._observe()
        done = await self._purge(self._days, ran_before=ran - self._days * 86400)
        if done:
            gone = sum(one.ok for one in done)
            log.info("%s photos were removed from the trash for good after %s days", gone, self._days)
        if any(one.ok for one in done):
            return True
        # A short retention is looked after more often, so that "at once" means within a minute.
        pause = min(LONGEST_PAUSE, max(60.0, self._days * 3600))
        shown = self._jumped is not None and self._context.clock.monotonic() - self._jumped < LONGEST_PAUSE
        return NothingProved(pause) if shown else pause

    async def _observe(self) -> float:
        """Write down how long smartsort has run by now, in seconds, and what the clock says."""
        context = self._context
        now = context.clock.monotonic()
        passed, self._noted = now - self._noted, now
        seen = {
            "wall": context.clock.text(),
            "boot": _boot_id(),
            "up": time.clock_gettime(time.CLOCK_BOOTTIME),
        }

        def write(db: Database) -> tuple[float, dict[str, Any] | None]:
            ran = key_value.get(db, key_value.RAN, 0.0) + max(0.0, passed)
            before = key_value.get(db, _SEEN)
            key_value.put(db, key_value.RAN, ran)
            key_value.put(db, _SEEN, seen)
            return ran, before

        ran, before = await context.ledger.awrite(write)
        jump = _jump(before, seen) if before else 0.0
        if abs(jump) > JUMP_SECONDS:
            self._jumped = now
            raise ClockJumped(
                f"the clock of this machine jumped by {timedelta(seconds=round(jump))} to {seen['wall']}. "
                "Check its date and its time server (NTP). Photos in the trash stay until smartsort has run "
                "for the retention time."
            )
        return ran


_SEEN = "clock_seen"

JUMP_SECONDS = 600.0
"""Clocks that are set right by a time server move by less, but for the first time after a cold start."""


def _jump(before: Mapping[str, Any], now: Mapping[str, Any]) -> float:
    """By how many seconds the clock moved too far, after another boot of the machine only backwards."""
    wall = (datetime.fromisoformat(now["wall"]) - datetime.fromisoformat(before["wall"])).total_seconds()
    if before["boot"] and before["boot"] == now["boot"]:
        return float(wall - (now["up"] - before["up"]))
    return min(0.0, wall)


def _boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
