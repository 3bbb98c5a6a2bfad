"""The log's last stop: one statement cannot fill a disk."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import TextIO

WINDOW_SECONDS = 60.0
MOST = 20
"""Warnings of one statement in a window."""


class LimitedHandler(logging.StreamHandler[TextIO]):
    """Writes at most `MOST` warnings of one statement a minute, and then how many more there were.

    What makes two warnings the same is the statement they come from, not the names in their texts.
    """

    def __init__(self, stream: TextIO | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._monotonic = monotonic
        self._began = monotonic()
        self._counts: Counter[tuple[str, int]] = Counter()
        self._last: dict[tuple[str, int], logging.LogRecord] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, unless its statement has written enough in this minute."""
        if self._monotonic() - self._began >= WINDOW_SECONDS:
            self._sum_up()
        if record.levelno >= logging.WARNING:
            statement = (record.pathname, record.lineno)
            self._counts[statement] += 1
            if self._counts[statement] > MOST:
                self._last[statement] = record
                return
        super().emit(record)

    def close(self) -> None:
        """Write what was held back."""
        self._sum_up()
        super().close()

    def _sum_up(self) -> None:
        held, counts = self._last, self._counts
        self._began, self._last, self._counts = self._monotonic(), {}, Counter()
        for statement, last in held.items():
            more = counts[statement] - MOST
            last.msg, last.args = f"{last.getMessage()} (repeated {more} times)", ()
            super().emit(last)
