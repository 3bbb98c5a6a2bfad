"""Whether somebody is still writing a file."""

from __future__ import annotations

import fcntl
import os
import signal

_HEAD_BYTES = 16
_MOST_BOXES = 64

_ENDINGS = (
    (b"\xff\xd8\xff", b"\xff\xd9"),
    (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
    (b"GIF8", b"\x3b"),
)
"""How files that begin so end."""

_INDEXES = (b"moov", b"meta")


def open_for_writing(path: str) -> bool | None:
    """Return True when a process on this machine has the file open for writing, None when nothing can tell.

    The kernel grants a read lease only while there is no writer. The lease is given back at once. When
    another process opens the file in between, the kernel sends a signal whose default is to be ignored. Its
    usual SIGIO would end the process. Works on local file systems and for files of our own user (or as root).
    """
    handle = _opened(path)
    if handle is None:
        return None
    try:
        return _is_written(handle)
    finally:
        os.close(handle)


def is_finished(path: str) -> bool | None:
    """Return True when no process writes the file and it ends as its format does, None when nothing can tell.

    The ending counts because some writers close a file halfway and open it again.
    """
    handle = _opened(path)
    if handle is None:
        return None
    try:
        written = _is_written(handle)
        if written is None:
            return None
        if written:
            return False
        return True if _ends_whole(handle) else None
    except OSError:
        return None
    finally:
        os.close(handle)


def _opened(path: str) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None


def _is_written(handle: int) -> bool | None:
    try:
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False


def _ends_whole(handle: int) -> bool:
    size = os.fstat(handle).st_size
    head = os.pread(handle, _HEAD_BYTES, 0)
    for beginning, ending in _ENDINGS:
        if head.startswith(beginning):
            return os.pread(handle, len(ending), max(0, size - len(ending))) == ending
    if head[:4] == b"RIFF":
        return size == int.from_bytes(head[4:8], "little") + 8
    return head[4:8] == b"ftyp" and _boxes_end_at(handle, size)


def _boxes_end_at(handle: int, size: int) -> bool:
    """Return True when the boxes of a HEIC, MOV or MP4 file, its index among them, fill it exactly."""
    at, indexed = 0, False
    for _ in range(_MOST_BOXES):
        head = os.pread(handle, _HEAD_BYTES, at)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:
            return False
        indexed |= head[4:8] in _INDEXES
        at += length
        if at >= size:
            return at == size and indexed
    return False
