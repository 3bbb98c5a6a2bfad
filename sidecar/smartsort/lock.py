"""One sidecar per root: a lock that dies with its process.

The root itself is locked: unlike a file in it, it cannot be deleted and made again beside a working sidecar.
The lock file says who that is, and is the lock where a file system knows none for folders (NFS).
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import stat
import time
from typing import Any

from smartsort.errors import SmartsortError
from smartsort.files.problems import storage_error

LOCK_NAME = ".smartsort-lock"

_FOLDER = os.O_RDONLY | os.O_DIRECTORY


class RootLocked(SmartsortError):
    """Another sidecar works on this root."""


class RootLock:
    """An exclusive lock on a root, released by `close` or death.

    Raises RootLocked, saying who holds it, and StorageError where nothing can be locked.
    """

    def __init__(self, root: str, started: str) -> None:
        self._handles: list[int] = []
        try:
            for path, flags in ((root, _FOLDER), (os.path.join(root, LOCK_NAME), os.O_RDWR | os.O_CREAT)):
                self._handles.append(os.open(path, flags | os.O_CLOEXEC, 0o644))
                _lock(self._handles[-1])
        except BlockingIOError:
            self.close()
            raise RootLocked(
                f"{root} is in use by another smartsort ({_holder(root)}). Stop that one first, or give this "
                "one another root."
            ) from None
        except OSError as error:
            self.close()
            raise storage_error(error, "lock", root) from error
        text = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": started}).encode()
        os.ftruncate(self._handles[-1], 0)
        os.pwrite(self._handles[-1], text, 0)

    def close(self) -> None:
        """Give the root free."""
        while self._handles:
            os.close(self._handles.pop())


def _lock(handle: int) -> None:
    """Take it. An instant's wait is for somebody who only asks who holds it (`holder_of`)."""
    for last in (False, False, True):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if last:
                raise
            time.sleep(0.05)
        except OSError:
            if not stat.S_ISDIR(os.fstat(handle).st_mode):
                raise
            return  # no locks for folders here
        else:
            return


def holder_of(root: str) -> str | None:
    """Return who holds a root, in words, None when nobody does."""
    file = os.path.join(root, LOCK_NAME)
    if _is_locked(root, _FOLDER) or _is_locked(file, os.O_RDONLY):
        return _holder(root)
    return None


def _is_locked(path: str, flags: int) -> bool:
    try:
        handle = os.open(path, flags | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared and let go at once: two that only ask do not get in each other's way.
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # no locks for folders here
    else:
        return False
    finally:
        os.close(handle)


def _holder(root: str) -> str:
    try:
        with open(os.path.join(root, LOCK_NAME), "rb") as file:
            who: dict[str, Any] = json.loads(file.read(4096))
        return f"process {who['pid']} on {who['host']} since {who['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "whose lock file does not say which"
