"""The time, in one place, so that screenshots and tests can stop it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

Clock = Callable[[], datetime]


def now() -> datetime:
    """Return the time here, with its zone."""
    return datetime.now().astimezone()
