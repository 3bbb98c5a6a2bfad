"""SHA-256 and SHA-1 of a file in one read."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from smartsort.core.model import Digests
from smartsort.errors import SmartsortError
from smartsort.files.stamps import FileStamp, check_unchanged, opened

_BUFFER_BYTES = 1 << 20
_THREADS = min(4, os.cpu_count() or 1)
"""Hashing is bound by processor, then by disk: more threads than this only compete with Immich."""

_buffers = threading.local()


def digests(path: str, expected: FileStamp | None = None) -> Digests:
    """Return both digests of a regular file, read once.

    Raises FileChanged when it is not the file `expected` describes or is written to meanwhile,
    FileVanished, NotAFile, FileUnreadable, and StorageError when the folder and not the file is at fault.
    """
    sha256 = hashlib.sha256(usedforsecurity=False)
    sha1 = hashlib.sha1(usedforsecurity=False)
    for block in _blocks(path, expected):
        # hashlib lets other threads run while it works on blocks this large.
        sha256.update(block)
        sha1.update(block)
    return Digests(sha256.hexdigest(), sha1.hexdigest())


def holds(path: str, sha1: bytes) -> bool:
    """Return whether a file has this SHA-1. Raises as `digests` does."""
    return digests(path).sha1 == sha1.hex()


def sha256_of(path: str, expected: FileStamp | None = None) -> str:
    """Return the SHA-256 alone, to verify a copy. Raises as `digests` does."""
    sha256 = hashlib.sha256(usedforsecurity=False)
    for block in _blocks(path, expected):
        sha256.update(block)
    return sha256.hexdigest()


def digests_of_all(
    files: Sequence[tuple[str, FileStamp | None]],
) -> list[Digests | SmartsortError]:
    """Return both digests of many files, in order, on a few threads. One file's error stands in its place."""
    if len(files) < 2 or _THREADS < 2:
        return [_digests_or_error(file) for file in files]
    with ThreadPoolExecutor(min(_THREADS, len(files)), thread_name_prefix="hash") as pool:
        size = max(1, min(64, len(files) // (_THREADS * 4)))
        parts = [files[at : at + size] for at in range(0, len(files), size)]
        done = pool.map(lambda part: [_digests_or_error(file) for file in part], parts)
        return [result for part in done for result in part]


def _digests_or_error(file: tuple[str, FileStamp | None]) -> Digests | SmartsortError:
    try:
        return digests(*file)
    except SmartsortError as error:
        return error


def _blocks(path: str, expected: FileStamp | None) -> Iterator[memoryview]:
    """Yield the file's bytes in blocks of one reused buffer, checked before and after to be one file."""
    with opened(path) as (handle, before):
        check_unchanged(path, before, expected)
        buffer = _buffer()
        read = 0
        # Not beyond its size: what grows faster than it is read would never end, and is found out below.
        while read < before.size and (count := os.readv(handle, (buffer,))):
            read += count
            yield buffer[:count]
        after = FileStamp.of(os.fstat(handle))
        check_unchanged(path, after if read == before.size else after._replace(size=read), before)


def _buffer() -> memoryview:
    view: memoryview | None = getattr(_buffers, "view", None)
    if view is None:
        view = _buffers.view = memoryview(bytearray(_BUFFER_BYTES))
    return view
