"""Tests write to memory where there is enough: smartsort waits for the disk thousands of times, 7 ms each."""

from __future__ import annotations

import os
import tempfile

MEMORY = "/dev/shm"
NEEDED = 3 << 30
"""Bytes. A whole run writes one GiB, and pytest keeps the last three."""


def write_to_memory() -> None:
    """Temporary folders of this process and its children lie in memory, unless TMPDIR says where."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    found = os.statvfs(MEMORY)
    if found.f_bavail * found.f_frsize >= NEEDED:
        os.environ["TMPDIR"] = tempfile.tempdir = MEMORY


def another_disk(beside: os.PathLike[str] | str) -> str | None:
    """Return a folder for temporary files on another file system than this one, None without any."""
    here = os.stat(beside).st_dev
    folders = [folder for folder in (MEMORY, "/tmp", "/var/tmp") if os.access(folder, os.W_OK)]
    return next((folder for folder in folders if os.stat(folder).st_dev != here), None)
