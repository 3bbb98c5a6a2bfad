"""A multipart body, streamed straight into `temp_downloads/`: never whole in memory, never in /tmp."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import unquote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from smartsort.api.problems import Refused
from smartsort.downloads.naming import safe_name, with_media_extension
from smartsort.downloads.partial import PartialFile, TooLarge, check_room, remove
from smartsort.downloads.queue import new_id

MOST_FILES = 100
"""Files in one request."""
MOST_FIELD_BYTES = 8192
_FIELDS = frozenset({"source", "url"})
_SLOWEST = 1024
"""Bytes that must come within one stall time."""


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Bytes for the whole body, and seconds without any."""

    max_bytes: int
    stall_seconds: float


@dataclass(slots=True)
class _File:
    id: str
    name: str
    part: PartialFile
    pending: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A whole file on the disk. `part` is its name in `temp_downloads/`."""

    id: str
    part: str
    name: str


@dataclass(slots=True)
class Form:
    """What a multipart body held."""

    files: list[ReceivedFile] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    digest: str = ""
    """SHA-256 over names, fields and contents. Equal bodies give equal ones whatever their boundary."""


class _Receiver:
    """The parser's callbacks: they only collect, `drain` writes."""

    def __init__(self, temp: str, limits: UploadLimits, *, digest: bool) -> None:
        self._temp, self._limits, self._digest = temp, limits, digest
        self._header = [bytearray(), bytearray()]
        self._headers: dict[str, str] = {}
        self._field: str | None = None
        self._value = bytearray()
        self._file: _File | None = None
        self.files: list[_File] = []
        self._ended: list[_File] = []
        self.form = Form()
        self.sums: list[str] = []
        self.complete = False

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._part_begin,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def _part_begin(self) -> None:
        self._headers, self._field, self._file = {}, None, None
        self._value.clear()

    def _header_end(self) -> None:
        name, value = (part.decode("latin-1") for part in self._header)
        self._headers[name.lower()] = value
        self._header = [bytearray(), bytearray()]

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", ""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" not in options:
            self._field = name
            return
        if len(self.files) >= MOST_FILES:
            raise Refused(422, "invalid", f"more than {MOST_FILES} files in one request. Send several")
        # Browsers and curl write quotes and line breaks as %22, %0D and %0A, and other letters as UTF-8.
        given = unquote(options[b"filename"].decode("utf-8", "replace"))
        submission_id = new_id()
        path = os.path.join(self._temp, f".upload-{submission_id}.part")
        part = PartialFile(path, self._limits.max_bytes, digest=self._digest)
        self._file = _File(submission_id, safe_name(given), part)
        self.files.append(self._file)

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.pending.append(data[start:end])
            return
        if len(self._value) + end - start > MOST_FIELD_BYTES:
            raise Refused(
                413, "too_large", f"the field {self._field} is longer than {MOST_FIELD_BYTES} bytes"
            )
        self._value += data[start:end]

    def _part_end(self) -> None:
        if self._file is not None:
            self._ended.append(self._file)
        elif self._field in _FIELDS:
            try:
                self.form.fields[self._field] = self._value.decode("utf-8").strip()
            except UnicodeDecodeError as problem:
                raise Refused(422, "invalid", f"the field {self._field} is not UTF-8") from problem

    def _end(self) -> None:
        self.complete = True

    async def drain(self) -> None:
        """Write what came with the last chunk."""
        for file in self.files:
            pending, file.pending = file.pending, []
            for data in pending:
                await file.part.write(data)
        ended, self._ended = self._ended, []
        for file in ended:
            digest = await file.part.finish()
            name = await asyncio.to_thread(with_media_extension, file.name, file.part.path)
            self.form.files.append(ReceivedFile(file.id, os.path.basename(file.part.path), name))
            self.sums.append(f"{file.name}\0{digest}")

    def discard(self) -> None:
        """Take everything back."""
        for file in self.files:
            with suppress(OSError):
                file.part.close()
                remove(file.part.path)


async def receive(
    body: AsyncIterator[bytes],
    content_type: str,
    length: int | None,
    temp: str,
    limits: UploadLimits,
    *,
    digest: bool,
) -> Form:
    """Return the files of a multipart body, whole and flushed in `temp`, and its fields.

    Raises Refused (408 too slow, 413 too large, 422 not well-formed) or StorageError. Then nothing of it
    stays.
    """
    if length is not None and length > limits.max_bytes:
        raise _too_large(limits)
    await asyncio.to_thread(check_room, temp, length or 0)
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise Refused(422, "invalid", "the Content-Type names no boundary")
    receiver = _Receiver(temp, limits, digest=digest)
    try:
        await _parse(paced(body, limits.stall_seconds), boundary, receiver, limits)
    except (FormParserError, ValueError) as problem:
        await asyncio.to_thread(receiver.discard)
        raise Refused(422, "invalid", f"the multipart body is not well-formed: {problem}"[:300]) from problem
    except TooLarge as problem:
        await asyncio.to_thread(receiver.discard)
        raise _too_large(limits) from problem
    except BaseException:
        receiver.discard()
        raise
    if digest:
        text = "\0\0".join([*receiver.sums, repr(sorted(receiver.form.fields.items()))])
        receiver.form.digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    return receiver.form


async def _parse(
    body: AsyncIterator[bytes], boundary: bytes, receiver: _Receiver, limits: UploadLimits
) -> None:
    parser = MultipartParser(boundary, receiver.callbacks())  # type: ignore[arg-type]
    total = 0
    async for chunk in body:
        total += len(chunk)
        if total > limits.max_bytes:
            raise TooLarge
        parser.write(chunk)
        await receiver.drain()
    parser.finalize()
    if not receiver.complete:
        raise Refused(
            422, "invalid", "the body ends before its last boundary", headers={"Connection": "close"}
        )
    if not receiver.form.files:
        raise Refused(422, "invalid", "the body holds no file. Send one as -F file=@photo.jpg")


def _too_large(limits: UploadLimits) -> Refused:
    return Refused(
        413,
        "too_large",
        f"the upload is larger than {limits.max_bytes:,} bytes (api.max_upload_bytes)",
        headers={"Connection": "close"},
    )


async def paced(body: AsyncIterator[bytes], seconds: float) -> AsyncIterator[bytes]:
    """Yield the body's chunks. Refused with 408 when too little comes for too long."""
    loop = asyncio.get_running_loop()
    since, came = loop.time(), 0
    slow = Refused(
        408,
        "too_slow",
        f"nothing came for {seconds:g} s (api.upload_stall_timeout_seconds)",
        headers={"Connection": "close"},
    )
    while True:
        try:
            chunk = await asyncio.wait_for(anext(body), seconds)
        except StopAsyncIteration:
            return
        except TimeoutError as problem:
            raise slow from problem
        came += len(chunk)
        if loop.time() - since >= seconds:
            if came < _SLOWEST:
                raise slow
            since, came = loop.time(), 0
        if chunk:
            yield chunk
