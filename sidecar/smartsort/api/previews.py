"""Previews of bulk actions: a token stands for exactly what a dry run showed, and is redeemed once.

They are kept in memory: an hour is long enough to look at one, and after a restart it is made again.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from smartsort.api.problems import Refused
from smartsort.api.security import Caller

Answer = TypeVar("Answer")

SECONDS = 3600.0
MOST_PREVIEWS = 32
MOST_PHOTOS = 400_000
"""Of one caller. The oldest previews give way, so that no caller can crowd out another."""


@dataclass(slots=True)
class _Preview:
    action: str
    caller: Caller
    asked: Any
    agreed: Mapping[int, str]
    until: float
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    answer: Any = None


class Previews:
    """What callers were shown and may still redeem. `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._kept: dict[str, _Preview] = {}

    def keep(self, action: str, caller: Caller, asked: Any, agreed: Mapping[int, str]) -> str:
        """Return the token for what a dry run showed. `asked` is what has to be asked again to do it."""
        token = secrets.token_urlsafe(16)
        self._kept[token] = _Preview(action, caller, asked, agreed, self._monotonic() + SECONDS)
        self._make_room(caller)
        return token

    async def redeem(
        self,
        token: str,
        action: str,
        caller: Caller,
        act: Callable[[Any, Mapping[int, str]], Awaitable[Answer]],
    ) -> Answer:
        """Do what was previewed, once: whoever asks again, as after a lost answer, gets the first answer.

        Raises Refused (409) for a token that is not known, or is for something else.
        """
        kept = self._kept.get(token)
        if kept is None or kept.caller != caller or kept.until < self._monotonic():
            raise Refused(
                409,
                "preview_gone",
                "this preview is not known: it is more than an hour old, another token's, or from before a "
                "restart of smartsort. Preview again.",
            )
        if kept.action != action:
            raise Refused(409, "conflict", f"this preview is for {kept.action}, not for {action}")
        async with kept.lock:
            if kept.answer is None:
                kept.answer = await act(kept.asked, kept.agreed)
            answer: Answer = kept.answer
            return answer

    def _make_room(self, caller: Caller) -> None:
        now = self._monotonic()
        self._kept = {token: kept for token, kept in self._kept.items() if kept.until >= now}
        own = [(token, kept) for token, kept in self._kept.items() if kept.caller == caller]
        photos = 0
        for number, (token, kept) in enumerate(reversed(own)):
            photos += len(kept.agreed)
            if number > 0 and (number >= MOST_PREVIEWS or photos > MOST_PHOTOS):
                del self._kept[token]
