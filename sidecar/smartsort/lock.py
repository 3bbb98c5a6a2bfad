"""One sidecar per root: a lock that dies with its process."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from typing import Any

from smartsort.errors import SmartsortError

LOCK_NAME = ".smartsort-lock"


class RootLocked(SmartsortError):
    """Another sidecar works on this root."""


class RootLock:
    """An exclusive lock on a root. Raises RootLocked, saying who holds it; released by `close` or death."""

    def __init__(self, root: str, started: str) -> None:
        self._path = os.path.join(root, LOCK_NAME)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            _lock(self._file)
        except OSError:
            holder = _holder(self._file)
            os.close(self._file)
            raise RootLocked(
                f"{root} is in use by another smartsort ({holder}). Stop that one first, or give this one "
                "another root."
            ) from None
        text = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": started}).encode()
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, text, 0)

    def close(self) -> None:
        """Give the root free."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _lock(handle: int) -> None:
    """Take it; an instant's wait is for somebody who only asks who holds it (`holder_of`)."""
    for last in (False, False, True):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if last:
                raise
            time.sleep(0.05)
        else:
            return


def holder_of(root: str) -> str | None:
    """Who holds a root, in words; None when nobody does."""
    try:
        handle = os.open(os.path.join(root, LOCK_NAME), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        # Shared and let go at once: two that only ask do not get in each other's way.
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _holder(handle)
    else:
        return None
    finally:
        os.close(handle)


def _holder(handle: int) -> str:
    try:
        who: dict[str, Any] = json.loads(os.pread(handle, 4096, 0))
        return f"process {who['pid']} on {who['host']} since {who['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "which has not written its name yet"
