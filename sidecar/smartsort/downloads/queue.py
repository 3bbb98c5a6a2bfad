"""The downloads: what waits, what runs, what is tried again, and what is given up."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from smartsort.downloads.addresses import AllowList, UrlRefused, checked_url, without_query
from smartsort.downloads.fetch import DownloadFailed, Fetcher, Limits, PageInstead
from smartsort.downloads.gallery import Gallery
from smartsort.downloads.guard import GuardedTransport, Resolver, system_resolver
from smartsort.downloads.handover import Handover, part_path, with_file
from smartsort.downloads.naming import with_media_extension
from smartsort.downloads.partial import remove
from smartsort.downloads.waiting import Arrivals
from smartsort.errors import SmartsortError, StorageError
from smartsort.files.problems import FileProblem, FileVanished
from smartsort.files.shown import shown
from smartsort.ledger import submissions
from smartsort.ledger.records import Area
from smartsort.ledger.submissions import Key, NewSubmission, Submission, SubmissionState, Taken
from smartsort.pipeline.arrival.claim import Claimer
from smartsort.pipeline.engine.context import Context

if TYPE_CHECKING:
    from sqlite_utils import Database

    from smartsort.config.service import Api

log = logging.getLogger(__name__)

IDLE_SECONDS = 30.0
_FIRST_BACKOFF, _LONGEST_BACKOFF = 1.0, 300.0
_STORAGE_SECONDS = 30.0
"""How long an item waits when the disk cannot take it. That is no try of the item's own."""
_KEYS_KEPT = timedelta(days=30)
_RANDOM = random.SystemRandom()
_PREFIXES = (".upload-", ".download-", ".gallery-")


def new_id() -> str:
    """Return an id nobody can guess."""
    return secrets.token_hex(10)


class NotRetried(SmartsortError):
    """There is nothing to download again."""


class Downloads:
    """Runs the downloads of one root. `recover` first, then `step` again and again. `close` at the end."""

    def __init__(
        self, context: Context, claimer: Claimer, api: Api, *, resolver: Resolver = system_resolver
    ) -> None:
        self._context, self.settings = context, api.download
        self._allowed, self._resolver = AllowList.of(api.allow_private_urls), resolver
        self.handover = Handover(context, claimer)
        self.arrivals = Arrivals(context.wakeups.subscribe)
        self._gallery = Gallery(self.settings) if self.settings.gallery else None
        self._fetcher: Fetcher | None = None
        self._running: dict[str, tuple[str, asyncio.Task[None]]] = {}
        self._wake = asyncio.Event()
        self._failure: Exception | None = None
        self._closed = False

    # --- handing in --------------------------------------------------------------------------

    async def submit(self, urls: Sequence[tuple[str, str]], key: Key | None = None) -> Taken:
        """Write (url, source) pairs down. They are downloaded even if the process dies now.

        A URL that may not be fetched becomes a failed item that says why. Raises KeyReused.
        """
        new = [self._new(url, source) for url, source in urls]
        at = self._context.clock.text()
        taken = await self._context.ledger.awrite(lambda db: submissions.add(db, new, at, key))
        self.wake()
        return taken

    def _new(self, url: str, source: str) -> NewSubmission:
        try:
            host = checked_url(url).host
        except UrlRefused as problem:
            return NewSubmission(new_id(), source, url, problem=_problem(problem))
        return NewSubmission(new_id(), source, url, host=host)

    async def retry(self, submission_id: str, actor: str) -> Submission | None:
        """Download a failed item's URL again. Return the item as it is now, None for an unknown id.

        Raises NotRetried when it has not failed or has no URL of its own, UrlRefused when its URL may not be
        fetched.
        """

        def change(db: Database) -> Submission | None:
            item = submissions.get(db, submission_id)
            if item is None:
                return None
            url = _url_to_retry(item)
            submissions.reopen(db, item.id, checked_url(url).host, actor, self._context.clock.text())
            return submissions.get(db, item.id)

        item = await self._context.ledger.awrite(change)
        self.wake()
        return item

    async def hand_over(self, received: Sequence[Submission]) -> None:
        """Give uploaded files to the pipeline. One it cannot take now is tried again by `step`."""
        results = await asyncio.gather(
            *(self.handover.hand_over(item) for item in received), return_exceptions=True
        )
        self.wake()
        for result in results:
            if isinstance(result, SmartsortError):
                log.warning("an upload waits in temp_downloads: %s", result)
            elif isinstance(result, BaseException):
                raise result

    def discard(self, parts: Sequence[str]) -> None:
        """Remove uploaded files (names in `temp_downloads/`) that no item owns."""
        for part in parts:
            remove(os.path.join(self._context.folder(Area.TEMP), part))

    def wake(self) -> None:
        """Look for work at once."""
        self._wake.set()

    # --- working -----------------------------------------------------------------------------

    def recover(self) -> None:
        """After a start, before anything runs: put items right with the disk, and sweep what nobody owns.

        Blocking.
        """
        context = self._context
        kept: set[str] = set()
        for item in context.ledger.read(submissions.open_submissions):
            path = part_path(context, item)
            if item.state is SubmissionState.DOWNLOADING:
                kept.add(path)
            elif (
                photo := context.ledger.read(partial(submissions.photo_from, origin_path=path))
            ) is not None:
                done = {item.id: photo.id}
                context.ledger.write(partial(submissions.accepted, photo_of=done, at=context.clock.text()))
            elif os.path.lexists(path):
                kept.add(path)
            else:
                problem = "download_failed: its file was lost before it was filed"
                context.ledger.write(
                    partial(submissions.fail, submission_id=item.id, problem=problem, at=context.clock.text())
                )
        self._sweep(kept)
        before = (context.clock.now() - _KEYS_KEPT).isoformat(timespec="milliseconds")
        context.ledger.write(lambda db: submissions.forget_keys(db, before))

    def _sweep(self, kept: set[str]) -> None:
        with suppress(FileNotFoundError), os.scandir(self._context.folder(Area.TEMP)) as entries:
            for entry in list(entries):
                if not entry.name.startswith(_PREFIXES):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if not any(path.startswith(entry.path + "/") for path in kept):
                        shutil.rmtree(entry.path, ignore_errors=True)
                elif entry.path not in kept:
                    remove(entry.path)

    async def step(self) -> float:
        """Start what is due, then wait until something ends, is handed in, or falls due.

        Raises StorageError when the disk takes no downloads. What waits goes on waiting.
        """
        self._wake.clear()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        now = self._context.clock.text()
        await self._start_due(now)
        seconds = await self._seconds_to_next(now)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
        return 0.0

    async def _start_due(self, now: str) -> None:
        if self._closed or len(self._running) >= self.settings.concurrency:
            return
        ledger = self._context.ledger
        busy = Counter(host for host, _ in self._running.values())
        hosts = await ledger.aread(submissions.open_hosts)
        _RANDOM.shuffle(hosts)  # with more hosts than slots, none is always the last
        for host in hosts:
            room = min(
                self.settings.concurrency - len(self._running),
                self.settings.concurrency_per_host - busy[host],
            )
            if room <= 0:
                continue
            running = frozenset(self._running)
            due = await ledger.aread(
                lambda db, h=host, r=room, w=running: submissions.due(db, h, now, r, w)  # type: ignore[misc]
            )
            for item in due:
                task = asyncio.create_task(self._run(item), name=f"download {item.id}")
                self._running[item.id] = (item.host, task)

    async def _seconds_to_next(self, now: str) -> float:
        """Return seconds until something falls due that was not at `now`.

        What was due then has been started or waits for a slot, and a slot that falls free wakes us.
        """
        when = await self._context.ledger.aread(lambda db: submissions.next_due(db, now))
        if when is None:
            return IDLE_SECONDS
        seconds = (datetime.fromisoformat(when) - self._context.clock.now()).total_seconds()
        return min(IDLE_SECONDS, max(0.0, seconds))

    async def _run(self, item: Submission) -> None:
        try:
            await self._bring_in_or_note(item, time.monotonic())
        except Exception as problem:  # noqa: BLE001 - told by `step`; one download never stops the others
            self._failure = problem
            if not isinstance(problem, StorageError):  # the ledger takes nothing: it is tried again as it was
                with suppress(Exception):
                    await self._again_later(item, "an internal error, see the log")
        finally:
            self._running.pop(item.id, None)
            self.arrivals.notify()
            self.wake()

    async def _bring_in_or_note(self, item: Submission, began: float) -> None:
        """Bring it in, or write down why not. Raises StorageError when that cannot be written either."""
        try:
            await self._bring_in(item)
        except (UrlRefused, DownloadFailed) as problem:
            await self._failed(item, problem, time.monotonic() - began)
        except FileVanished as problem:
            again = DownloadFailed(f"its file went away: {problem}", again=True)
            await self._failed(item, again, time.monotonic() - began)
        except (FileProblem, StorageError) as problem:
            self._failure = problem if isinstance(problem, StorageError) else None
            await self._again_later(item, str(problem))

    async def _again_later(self, item: Submission, why: str) -> None:
        await self._postpone(item, why, _STORAGE_SECONDS, item.attempts, item.spent_seconds)

    async def _bring_in(self, item: Submission) -> None:
        others: tuple[NewSubmission, ...] = ()
        if item.state is SubmissionState.DOWNLOADING:
            left = self.settings.timeout_seconds - item.spent_seconds
            if left <= 0:
                raise DownloadFailed(f"it took longer than {self.settings.timeout_seconds:g} s")
            try:
                async with asyncio.timeout(left):
                    item, others = await self._download(item)
            except TimeoutError as problem:
                raise DownloadFailed(f"it took longer than {self.settings.timeout_seconds:g} s") from problem
        await self.handover.hand_over(item, others)
        part = item.part or ""
        if "/" in part:
            with suppress(OSError):  # others of the same page may still lie there
                os.rmdir(os.path.dirname(part_path(self._context, item)))

    async def _download(self, item: Submission) -> tuple[Submission, tuple[NewSubmission, ...]]:
        path = part_path(self._context, item)

        async def remember(resume: Mapping[str, object]) -> None:
            await self._context.ledger.awrite(lambda db: submissions.remember_resume(db, item.id, resume))

        try:
            fetched = await self._fetching().fetch(item.url or "", path, item.resume, remember)
        except PageInstead:
            if self._gallery is None:
                raise
            found = await self._gallery.collect(item.url or "", self._context.folder(Area.TEMP), item.id)
            first, *rest = found
            others = tuple(
                NewSubmission(
                    new_id(), item.source, item.url, item.host, name=f.name, part=f.part,
                    state=SubmissionState.RECEIVED, parent=item.id,
                )
                for f in rest
            )  # fmt: skip
            return with_file(item, first.part, first.name), others
        name = await asyncio.to_thread(with_media_extension, fetched.name, path)
        return with_file(item, os.path.basename(path), name), ()

    def _fetching(self) -> Fetcher:
        if self._fetcher is None:
            transport = GuardedTransport(
                self._allowed, resolver=self._resolver, connections=self.settings.concurrency + 2
            )
            limits = Limits(
                self.settings.max_bytes, self.settings.stall_timeout_seconds, self.settings.max_redirects
            )
            self._fetcher = Fetcher(transport, limits, self._context.clock.now)
        return self._fetcher

    # --- when it does not work ---------------------------------------------------------------

    async def _failed(self, item: Submission, problem: UrlRefused | DownloadFailed, spent: float) -> None:
        attempts = item.attempts + 1
        again = isinstance(problem, DownloadFailed) and problem.again
        spent += item.spent_seconds
        if again and attempts <= self.settings.max_retries and spent < self.settings.timeout_seconds:
            backoff = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2**item.attempts) * _RANDOM.uniform(0.8, 1.2)
            after = problem.after if isinstance(problem, DownloadFailed) else None
            await self._postpone(item, _problem(problem), max(backoff, after or 0.0), attempts, spent)
            return
        log.warning("download of %s given up: %s", shown(without_query(item.url or "")), shown(str(problem)))
        at = self._context.clock.text()
        await self._context.ledger.awrite(lambda db: submissions.fail(db, item.id, _problem(problem), at))
        await asyncio.to_thread(remove, part_path(self._context, item))

    async def _postpone(
        self, item: Submission, problem: str, seconds: float, attempts: int, spent: float
    ) -> None:
        later = (self._context.clock.now() + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
        await self._context.ledger.awrite(
            lambda db: submissions.postpone(
                db, item.id, problem, later, attempts=attempts, spent_seconds=spent
            )
        )

    async def close(self) -> None:
        """Break off what runs. It goes on at the next start where it stopped."""
        self._closed = True
        self.arrivals.close()
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.handover.finish()
        if self._fetcher is not None:
            await self._fetcher.aclose()
            self._fetcher = None
        self.wake()


def _url_to_retry(item: Submission) -> str:
    if item.state is not SubmissionState.FAILED:
        state = "a photo already" if item.state is SubmissionState.ACCEPTED else "still in progress"
        raise NotRetried(f"the item {item.id} has not failed, it is {state}")
    if item.parent is not None:
        raise NotRetried(f"the item {item.id} came with the page of another item. Hand the page in again")
    # An upload may name where its file came from. Nobody asked to fetch that.
    if item.url is None or (item.name is not None and not item.host):
        raise NotRetried(f"the file of the item {item.id} was uploaded and is lost. Hand it in again")
    return item.url


def _problem(problem: Exception) -> str:
    return f"download_failed: {problem}"
