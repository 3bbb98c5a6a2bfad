"""Watches the ledger's events and sends messages. What cannot be sent is tried again within a bound."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlite_utils import Database

from smartsort.ledger import events, key_value
from smartsort.notify.messages import Digest, Message, health_message, is_quiet, seconds_until_loud
from smartsort.notify.senders import NotDelivered, Sender, senders_of
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.engine.health import HealthIssue

if TYPE_CHECKING:
    from smartsort.config.service import Notify

log = logging.getLogger(__name__)

ATTEMPTS = 6
"""Tries per message and address, over about half an hour. Then it is given up."""
_FIRST_RETRY_SECONDS = 30.0
_MOST_PENDING = 50
"""Messages kept for addresses that do not answer. Beyond that the oldest is dropped."""
_SAME_ISSUE_SECONDS = 900.0
"""A health issue that comes and goes is told once in this time."""
_IDLE_SECONDS = 30.0
_BURST_SECONDS = 0.3
"""The pipeline rings for every batch. Looking once for several is enough."""
_PAGE = 500
_CURSOR, _PENDING = "notify_after", "notify_pending"


@dataclass(frozen=True, slots=True)
class _Delivery:
    """One message on its way to one address."""

    id: str
    sender: str
    message: Message
    attempts: int
    not_before: str

    @classmethod
    def kept(cls, value: dict[str, Any]) -> _Delivery:
        """From the ledger, which keeps the fields."""
        return cls(**{**value, "message": Message(**value["message"])})


class Notifier:
    """Sends digests, and health issues at once. `step` is a stage. An address that fails raises nothing."""

    def __init__(self, context: Context, settings: Notify, senders: Sequence[Sender] | None = None) -> None:
        self._context, self._settings = context, settings
        found = senders_of(settings) if senders is None else list(senders)
        self._senders = {sender.name: sender for sender in found}
        self._wake = asyncio.Event()
        self._health_issues: deque[Message] = deque(maxlen=_MOST_PENDING)
        self._told: dict[tuple[str, str], datetime] = {}
        self._open: set[tuple[str, str]] = set()
        self._after: int | None = None
        self._noted = 0
        self._sending: set[str] = set()
        self._wakeup: asyncio.Event | None = None
        self._closed = False

    @property
    def active(self) -> bool:
        """False when there is nobody to tell."""
        return bool(self._senders)

    @property
    def addresses(self) -> int:
        """How many are told."""
        return len(self._senders)

    def health_issue(self, issue: HealthIssue, *, began: bool) -> None:
        """Tell at once that something is wrong, and later that it is over if it was told."""
        if not self.active or "health" not in self._settings.events:
            return
        now, key = self._context.clock.now(), (issue.kind, issue.about)
        if began:
            last = self._told.get(key)
            if last is not None and (now - last).total_seconds() < _SAME_ISSUE_SECONDS:
                return
            self._told[key] = now
            self._open.add(key)
        elif key not in self._open:
            return
        else:
            self._open.discard(key)
        self._health_issues.append(
            health_message(issue.kind, issue.message, self._context.clock.text(), began=began)
        )
        self.wake()

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    async def step(self) -> float:
        """Send what is due, then wait for a health issue, an event or the next due time."""
        if not self.active:
            return await self._pause(_IDLE_SECONDS)
        self._wake.clear()
        if self._wakeup is not None:
            self._wakeup.clear()
        pause = min(await self._send_health_issues(), await self._digest(), await self._deliver())
        return await self._pause(pause)

    async def test(self) -> list[str]:
        """Send a message to every address. Return what went wrong, empty when nothing did."""
        message = Message(
            "test", "smartsort: test", "Messages from smartsort arrive.", self._context.clock.text()
        )
        outcomes = await asyncio.gather(*(self._send(sender, message) for sender in self._senders.values()))
        return [problem for problem in outcomes if problem]

    def close(self) -> None:
        """Send nothing more. What is pending is kept for the next start."""
        self._closed = True
        self.wake()

    # --- what to tell ------------------------------------------------------------------------

    async def _send_health_issues(self) -> float:
        if self._health_issues:
            messages = list(self._health_issues)
            self._health_issues.clear()
            await self._context.ledger.awrite(lambda db: self._post(db, messages))
        return _IDLE_SECONDS

    async def _digest(self) -> float:
        """Return seconds until the next digest can be due."""
        ledger, settings = self._context.ledger, self._settings
        if self._after is None:
            self._after = self._noted = await ledger.awrite(_cursor)
        after = self._after
        digest, last = await ledger.aread(lambda db: self._read(db, after))
        if digest.empty:
            self._after = last
            if last - self._noted >= _PAGE:  # not at every step: a note costs a commit
                await ledger.awrite(lambda db: key_value.put(db, _CURSOR, last))
                self._noted = last
            return _IDLE_SECONDS
        now = self._context.clock.now()
        due = datetime.fromisoformat(digest.first_at) + timedelta(seconds=settings.digest_seconds)
        wait = max((due - now).total_seconds(), seconds_until_loud(now.astimezone(), settings.quiet_between))
        if wait > 0:
            return wait
        message = digest.message(self._context.clock.text(), settings.address)

        def post(db: Database) -> None:
            self._post(db, [message])
            key_value.put(db, _CURSOR, last)

        await ledger.awrite(post)
        self._after = self._noted = last
        return 0.0

    def _read(self, db: Database, after: int) -> tuple[Digest, int]:
        digest = Digest(self._settings.events)
        while page := events.after(db, after, _PAGE):
            digest.add(page)
            after = page[-1].id
        return digest, after

    # --- sending -----------------------------------------------------------------------------

    def _post(self, db: Database, messages: Sequence[Message]) -> None:
        """Note messages for every address, in the transaction of `db`."""
        now = self._context.clock.text()
        pending = key_value.get(db, _PENDING, [])
        pending += [
            asdict(_Delivery(secrets.token_hex(8), name, message, 0, now))
            for message in messages
            for name in self._senders
        ]
        if len(pending) > _MOST_PENDING:
            log.warning("%d messages were dropped: too many wait to be sent", len(pending) - _MOST_PENDING)
        key_value.put(db, _PENDING, pending[-_MOST_PENDING:])

    async def _deliver(self) -> float:
        """Send what is due, all addresses side by side. Return the seconds until the next is due."""
        ledger = self._context.ledger
        stored = await ledger.aread(lambda db: key_value.get(db, _PENDING, []))
        pending = [_Delivery.kept(value) for value in stored]
        now = self._context.clock.now()
        due = [
            d for d in pending if datetime.fromisoformat(d.not_before) <= now and not self._is_held(d, now)
        ]
        by_sender: dict[str, list[_Delivery]] = {}
        for delivery in due:
            by_sender.setdefault(delivery.sender, []).append(delivery)
        await asyncio.gather(*(self._deliver_to(name, batch) for name, batch in by_sender.items()))
        stored = await ledger.aread(lambda db: key_value.get(db, _PENDING, []))
        times = [datetime.fromisoformat(value["not_before"]) for value in stored]
        if not times:
            return _IDLE_SECONDS
        return max(1.0, min(_IDLE_SECONDS, (min(times) - self._context.clock.now()).total_seconds()))

    def _is_held(self, delivery: _Delivery, now: datetime) -> bool:
        quiet = is_quiet(now.astimezone(), self._settings.quiet_between)
        return quiet and delivery.message.kind == "digest"

    async def _deliver_to(self, name: str, batch: Sequence[_Delivery]) -> None:
        """One after the other. The first failure keeps the rest for later, in order."""
        sender = self._senders.get(name)
        for delivery in batch:
            if self._closed:
                return
            problem = None if sender is None else await self._send(sender, delivery.message)
            if problem is None:
                await self._record_outcome(delivery, None)
                continue
            attempts = delivery.attempts + 1
            if attempts >= ATTEMPTS:
                log.warning("a message was given up after %d tries: %s", attempts, problem)
                await self._record_outcome(delivery, None)
                continue
            log.info("a message is sent again later: %s", problem)
            later = self._context.clock.now() + timedelta(seconds=_FIRST_RETRY_SECONDS * 2**delivery.attempts)
            due = later.astimezone(UTC).isoformat(timespec="milliseconds")
            await self._record_outcome(delivery, replace(delivery, attempts=attempts, not_before=due))
            return

    async def _record_outcome(self, delivery: _Delivery, again: _Delivery | None) -> None:
        def change(db: Database) -> None:
            pending = key_value.get(db, _PENDING, [])
            changed = [
                asdict(again) if value["id"] == delivery.id and again else value
                for value in pending
                if value["id"] != delivery.id or again is not None
            ]
            key_value.put(db, _PENDING, changed)

        await self._context.ledger.awrite(change)

    async def _send(self, sender: Sender, message: Message) -> str | None:
        """Return what went wrong, None when it was sent.

        A sender that hangs keeps its own thread, nothing else.
        """
        if sender.name in self._sending:
            return f"{sender.name}: the message before it is still on its way"
        loop = asyncio.get_running_loop()
        done: asyncio.Future[str | None] = loop.create_future()

        def tell(problem: str | None) -> None:
            # Not when its thread has ended, which is later: the next message would wait for nothing.
            self._sending.discard(sender.name)
            if not done.done():
                done.set_result(problem)

        def work() -> None:
            problem: str | None = None
            try:
                sender.send(message)
            except NotDelivered as refused:
                problem = str(refused)
            except Exception as bug:  # noqa: BLE001 - a plugin's error, whose words may hold the address
                problem = f"{sender.name} failed ({type(bug).__name__})"
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(tell, problem)

        self._sending.add(sender.name)
        threading.Thread(target=work, name=f"notify {sender.name}", daemon=True).start()
        try:
            return await asyncio.wait_for(done, self._settings.timeout_seconds + 5.0)
        except TimeoutError:
            return f"{sender.name} did not answer in {self._settings.timeout_seconds:g} s"

    async def _pause(self, seconds: float) -> float:
        """Wait for a health issue, or for a change in the pipeline when a digest may begin."""
        if self._wakeup is None and self.active:
            self._wakeup = self._context.wakeups.subscribe()
        waits = [asyncio.ensure_future(self._wake.wait())]
        if self._wakeup is not None and seconds >= _IDLE_SECONDS:
            waits.append(asyncio.ensure_future(self._wakeup.wait()))
        try:
            await asyncio.wait(waits, timeout=max(seconds, 0.0), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._wakeup is not None and self._wakeup.is_set():
            await asyncio.sleep(_BURST_SECONDS)
        return 0.0


def _cursor(db: Database) -> int:
    """Return the last event that was told. At the very first start all there are: nobody wants old news."""
    known: int | None = key_value.get(db, _CURSOR)
    if known is None:
        known = events.last_id(db)
        key_value.put(db, _CURSOR, known)
    return known
