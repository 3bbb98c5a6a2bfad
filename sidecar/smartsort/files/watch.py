"""Hints that the inbox may have changed. The scan is the truth. A missed hint costs time, never a photo.

Measured with watchfiles 1.3: one non-UTF-8 name ends `awatch` with an error. A folder that is moved in or
made with its content reports only itself. A root that is removed and made again goes silent for good. A root
that does not exist raises or, with permission errors ignored, is waited for in silence. So its events are
never looked at, only that there were some. It is started again whenever it ends, and between events a scan is
asked for at an interval.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from watchfiles import awatch

from smartsort.files.filesystem import why_unheard
from smartsort.files.shown import shown

_HEARTBEAT_MS = 1_000
"""How often it is checked that the watched folder is still the one at the path."""

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 300.0


class HintKind(StrEnum):
    """Why a scan is asked for."""

    STARTED = "started"
    CHANGED = "changed"
    INTERVAL = "interval"


@dataclass(frozen=True, slots=True)
class Hint:
    """Ask for a scan. `unheard` says why changes are not heard of at once, "" while they are."""

    kind: HintKind
    unheard: str = ""


async def hints(
    folder: str,
    stop_event: asyncio.Event,
    polling: bool | None = None,
    *,
    interval_seconds: float = 60.0,
    poll_seconds: float = 10.0,
) -> AsyncGenerator[Hint, None]:
    """Yields when a scan is worth while: at once, after changes, and every `interval_seconds`.

    Changes while the caller is busy become one hint. Where nothing can be heard (network folders, FUSE,
    `polling`, no watches left, the folder missing) a hint comes every `poll_seconds` instead. `polling`
    False trusts inotify whatever the file system. Ends when `stop_event` is set. Never raises.
    """
    ear = _Ear(folder, polling)
    stopping = asyncio.create_task(stop_event.wait())
    listening = asyncio.create_task(ear.listen())
    try:
        yield Hint(HintKind.STARTED)
        while not stop_event.is_set():
            hearing = asyncio.create_task(ear.heard.wait())
            try:
                await asyncio.wait(
                    (stopping, hearing),
                    timeout=interval_seconds if ear.hears else poll_seconds,
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                hearing.cancel()
            if stop_event.is_set():
                return
            kind = HintKind.CHANGED if ear.heard.is_set() else HintKind.INTERVAL
            ear.heard.clear()
            yield Hint(kind, "" if ear.hears else ear.unheard)
    finally:
        stopping.cancel()
        listening.cancel()
        await asyncio.gather(stopping, listening, return_exceptions=True)


class _Ear:
    """Listens to one folder for as long as its task runs. Whatever ends a watch starts the next."""

    def __init__(self, folder: str, polling: bool | None) -> None:
        self.folder = folder
        self.polling = polling
        self.heard = asyncio.Event()
        self.hears = False
        self.unheard = ""

    async def listen(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            why = "as configured" if self.polling else None
            if self.polling is None:
                why = await asyncio.to_thread(why_unheard, self.folder)
            if why is not None:
                self._say(f"{shown(self.folder)} is looked at regularly instead of watched: {why}")
                return
            try:
                await self._watch()
                pause = _FIRST_PAUSE_SECONDS
            except Exception as error:  # noqa: BLE001 - also the ExceptionGroup of a non-UTF-8 name
                if self.hears:
                    pause = _FIRST_PAUSE_SECONDS
                self.hears = False
                if not _is_about_a_name(error):
                    self._say(
                        f"{shown(self.folder)} cannot be watched ({_said(error)}). It is looked at regularly "
                        f"and watching is tried again.{_remedy(error)}"
                    )
                # Whatever ended the watch may be the change that was waited for.
                self.heard.set()
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _watch(self) -> None:
        """Listen until the path leads to another folder. Raises what the watcher raises."""
        before = _identity(self.folder)
        if before is None:
            raise FileNotFoundError("it is not there")  # watchfiles would wait in silence
        # A watch sets its stop event when it is cancelled, so it must not be the caller's.
        own_stop = asyncio.Event()
        changes = awatch(
            self.folder,
            watch_filter=None,  # the default leaves out what source trees do not want watched
            debounce=400,
            step=100,
            stop_event=own_stop,
            rust_timeout=_HEARTBEAT_MS,
            yield_on_timeout=True,
            recursive=True,
            ignore_permission_denied=True,
        )
        try:
            stands = False
            async for events in changes:
                if events or not stands:
                    # What happened before the watch stood was heard by nobody.
                    self.heard.set()
                stands = self.hears = True
                if _identity(self.folder) != before:
                    self.heard.set()
                    return
        finally:
            own_stop.set()
            with suppress(Exception):
                await changes.aclose()

    def _say(self, unheard: str) -> None:
        self.unheard = unheard
        self.heard.set()


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_about_a_name(error: BaseException) -> bool:
    """Return True for the error a non-UTF-8 name causes, alone or in a group."""
    if isinstance(error, BaseExceptionGroup):
        return all(_is_about_a_name(each) for each in error.exceptions)
    return isinstance(error, UnicodeError) or "decode path" in str(error)


def _remedy(error: BaseException) -> str:
    said = _said(error).lower()
    if "limit" in said or "no space" in said or "too many" in said:
        return (
            " Raise fs.inotify.max_user_watches and fs.inotify.max_user_instances on the host (sysctl), "
            "or set inbox.polling to on."
        )
    return ""


def _said(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return shown((str(error) or type(error).__name__)[:200])
