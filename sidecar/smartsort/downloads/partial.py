"""A file that is being received: written in blocks off the event loop, bounded, and flushed at its end."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, Self, TypeVar

from smartsort.errors import StorageFull
from smartsort.files.problems import storage_error
from smartsort.files.shown import shown
from smartsort.files.space import space

_T = TypeVar("_T")

_BLOCK = 1024 * 1024
RESERVE = 64 * 1024 * 1024
"""Bytes left free on the file system, for the ledger and for names."""


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class TooLarge(Exception):
    """More bytes came than are allowed."""


class PartialFile:
    """Appends to a file below `temp_downloads/`. `size` counts what it holds.

    Raises TooLarge beyond `limit` bytes, StorageFull and other StorageErrors when the disk cannot take it.
    Use as an async context manager. Leaving it closes the file and keeps what was written.
    """

    def __init__(self, path: str, limit: int, *, keep: bool = False, digest: bool = False) -> None:
        self.path, self.limit = path, limit
        self._buffer = bytearray()
        self._digest: _Hash | None = hashlib.sha256() if digest else None
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | (0 if keep else os.O_TRUNC)
        try:
            self._handle = os.open(path, flags, 0o666)
            self.size = os.lseek(self._handle, 0, os.SEEK_END)
        except OSError as error:
            raise storage_error(error, "write", path) from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def write(self, data: bytes) -> None:
        """Take bytes. They reach the disk in blocks of 1 MiB."""
        self.size += len(data)
        if self.size > self.limit:
            raise TooLarge
        self._buffer += data
        if len(self._buffer) >= _BLOCK:
            await self.flush()

    async def flush(self) -> None:
        """Hand what is buffered to the system."""
        if self._buffer:
            block, self._buffer = bytes(self._buffer), bytearray()
            await to_its_end(self._write, block)

    async def finish(self, mtime_ns: int | None = None) -> str | None:
        """Flush to the disk, set the time, close. Return the SHA-256 if it was asked for."""
        await self.flush()
        await to_its_end(self._sync, mtime_ns)
        self.close()
        return self._digest.hexdigest() if self._digest else None

    def close(self) -> None:
        """Close without flushing to the disk. What was handed over stays. Safe to call twice."""
        if self._handle >= 0:
            if self._buffer:
                with suppress(OSError):
                    os.write(self._handle, self._buffer)
                self._buffer.clear()
            os.close(self._handle)
            self._handle = -1

    def _write(self, block: bytes) -> None:
        view = memoryview(block)
        try:
            while view:
                view = view[os.write(self._handle, view) :]
        except OSError as error:
            raise storage_error(error, "write", self.path) from error
        if self._digest is not None:
            self._digest.update(block)

    def _sync(self, mtime_ns: int | None) -> None:
        try:
            if mtime_ns is not None:
                os.utime(self._handle, ns=(mtime_ns, mtime_ns))
            os.fsync(self._handle)
        except OSError as error:
            raise storage_error(error, "write", self.path) from error


async def to_its_end(work: Callable[..., _T], *arguments: object) -> _T:
    """Do it in a thread. Who breaks the wait off goes on when it has ended: until then it uses its file."""
    done = asyncio.get_running_loop().run_in_executor(None, functools.partial(work, *arguments))
    try:
        return await asyncio.shield(done)
    finally:
        while not done.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([done])
        done.exception()


def check_room(folder: str, wanted: int) -> None:
    """Raises StorageFull when a folder's file system has no room for so many bytes more."""
    free = space(folder).bytes
    if free < wanted + RESERVE:
        raise StorageFull(
            f"{shown(folder)} has {free:,} bytes free, too few for {wanted:,} more; "
            "free some and it goes on by itself"
        )


def remove(path: str) -> None:
    """Take a partial file away. One that is gone already is fine."""
    with suppress(FileNotFoundError):
        os.unlink(path)
