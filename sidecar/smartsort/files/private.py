"""Files that only smartsort's user may read: the ledger with its logs and copies, and the API token."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

TOKEN_FILE = "api-token"  # noqa: S105 - a file's name
"""Below the root. Holds the API token that smartsort made because none was set."""

_OTHERS = 0o077


def make_private(path: str) -> None:
    """Create an empty file for its owner alone, or take a file that is there from all others.

    A file that belongs to another user keeps its mode. Raises OSError where it cannot be created.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    keep_private([path])


def keep_private(paths: Iterable[str]) -> None:
    """Take these files from all but their owner, where that can be done."""
    for path in open_to_others(paths):
        # By name: to close a file that SQLite has open would drop its locks.
        with suppress(OSError):
            os.chmod(path, os.stat(path).st_mode & ~_OTHERS & 0o7777)


def open_to_others(paths: Iterable[str]) -> list[str]:
    """Return those of the files that the group or everybody may read or write. Missing ones are no such."""
    found = []
    for path in paths:
        with suppress(OSError):
            if os.stat(path).st_mode & _OTHERS:
                found.append(path)
    return found
