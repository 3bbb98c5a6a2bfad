"""Fetching one URL into a file: redirects, resuming, limits, and what the answer turns out to be."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

import httpcore
import httpx

from smartsort import __version__
from smartsort.downloads.addresses import UrlRefused, checked_url
from smartsort.downloads.guard import CONNECT_SECONDS
from smartsort.downloads.naming import boot_id, download_name, looks_like_page, modified_ns
from smartsort.downloads.partial import PartialFile, TooLarge, check_room
from smartsort.errors import SmartsortError
from smartsort.files.sides import refusal

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_HEAD_BYTES = 1024
_RESUME_FROM = 256 * 1024
"""Smaller files are fetched again rather than resumed: noting how to resume costs a write to the ledger."""
_SLOWEST = 1024
"""Bytes that must come within one stall time. Fewer is a body that is meant to last."""
_LONGEST_RETRY_AFTER = 600.0
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


class DownloadFailed(SmartsortError):
    """A URL gave no photo. `again`: another try may help, `after`: not before so many seconds."""

    def __init__(self, message: str, *, again: bool = False, after: float | None = None) -> None:
        super().__init__(message)
        self.again, self.after = again, after


class PageInstead(DownloadFailed):
    """The URL leads to a web page."""


class _StartOver(Exception):
    """What was received before is of another file. Begin at its first byte."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, seconds and counts, as `api.download` has them."""

    max_bytes: int
    stall_seconds: float
    max_redirects: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is whole and on the disk."""

    name: str
    size: int


Remember = Callable[[Mapping[str, object]], Awaitable[None]]


class Fetcher:
    """Fetches URLs through a guarded transport. One for all downloads. Close it."""

    def __init__(
        self, transport: httpx.AsyncBaseTransport, limits: Limits, now: Callable[[], datetime]
    ) -> None:
        self._transport, self._limits, self._now = transport, limits, now
        self._boot = boot_id()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def fetch(self, url: str, path: str, resume: Mapping[str, object], remember: Remember) -> Fetched:
        """Fetch `url` into `path`, going on with what lies there if `resume` says how.

        `remember` is given what a later call needs as `resume`. Raises DownloadFailed, UrlRefused or
        StorageError. What was received so far stays in `path`.
        """
        if resume.get("boot") != self._boot or not _size(path):
            resume = {}
        try:
            return await self._fetch(url, path, resume, remember)
        except _StartOver:
            return await self._fetch(url, path, {}, remember)

    async def _fetch(self, url: str, path: str, resume: Mapping[str, object], remember: Remember) -> Fetched:
        headers = {
            "User-Agent": f"smartsort/{__version__}",
            "Accept": "image/*, video/*;q=0.9, */*;q=0.5",
            # A compressed body is how a small answer becomes an endless file.
            "Accept-Encoding": "identity",
        }
        have = _size(path) if resume else 0
        validator = resume.get("etag") or resume.get("modified")
        if have and isinstance(validator, str):
            headers |= {"Range": f"bytes={have}-", "If-Range": validator}
        else:
            have = 0
        try:
            answer, final = await self._follow(checked_url(url), headers)
            try:
                return await self._receive(
                    answer,
                    url=url,
                    final=str(final),
                    path=path,
                    have=have,
                    resume=resume,
                    remember=remember,
                )
            finally:
                await answer.aclose()
        except (httpcore.TimeoutException, TimeoutError) as problem:
            seconds = self._limits.stall_seconds
            raise DownloadFailed(f"nothing came for {seconds:g} s", again=True) from problem
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError) as problem:
            words = str(problem) or "the connection broke"
            raise DownloadFailed(words[:200], again=True) from problem
        except TooLarge as problem:
            raise DownloadFailed(_too_large(self._limits.max_bytes)) from problem

    async def _follow(self, url: httpx.URL, headers: Mapping[str, str]) -> tuple[httpx.Response, httpx.URL]:
        stall = self._limits.stall_seconds
        timeouts = {"connect": min(CONNECT_SECONDS, stall), "read": stall, "write": stall, "pool": None}
        for _ in range(self._limits.max_redirects + 1):
            request = httpx.Request("GET", url, headers=dict(headers), extensions={"timeout": timeouts})
            # Not only between bytes: headers that trickle in are bounded as a whole.
            async with asyncio.timeout(CONNECT_SECONDS + 2 * stall):
                answer = await self._transport.handle_async_request(request)
            target = answer.headers.get("location")
            if answer.status_code not in _REDIRECTS or not target:
                return answer, url
            await answer.aclose()
            url = _joined(url, target)
        raise DownloadFailed(f"more than {self._limits.max_redirects} redirects")

    async def _receive(
        self,
        answer: httpx.Response,
        *,
        url: str,
        final: str,
        path: str,
        have: int,
        resume: Mapping[str, object],
        remember: Remember,
    ) -> Fetched:
        headers, status = answer.headers, answer.status_code
        start, total = 0, None
        if have and status in (206, 416):
            start, total = _continues(answer, have, resume)
        elif status != 200:
            raise _refused(answer, self._now())
        if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise DownloadFailed("the server sent a compressed body although none was asked for")
        mtime = modified_ns(headers.get("last-modified"), self._now())
        name = download_name(headers.get("content-disposition"), final, url)
        if status == 416:
            async with PartialFile(path, self._limits.max_bytes, keep=True) as part:
                await part.finish(mtime)
            return Fetched(name, have)
        length = _length(headers)
        total = total if total is not None else (None if length is None else start + length)
        if total is not None and total > self._limits.max_bytes:
            raise DownloadFailed(_too_large(self._limits.max_bytes))
        await asyncio.to_thread(check_room, os.path.dirname(path), (total or 0) - start)

        body = aiter(self._paced(answer))
        head = b"" if start else await _head(body)
        if not start and looks_like_page(head, headers.get("content-type", "")):
            raise PageInstead("the server sent a web page, not a photo")
        if not start and (problem := refusal(name, head)) is not None:
            raise DownloadFailed(problem)
        if total is None or total >= _RESUME_FROM:
            await remember(self._how_to_resume(headers, total))
        async with PartialFile(path, self._limits.max_bytes, keep=start > 0) as part:
            if part.size != start:
                raise _StartOver
            await part.write(head)
            async for chunk in body:
                await part.write(chunk)
            if total is not None and part.size != total:
                raise DownloadFailed(f"{part.size:,} of {total:,} bytes came", again=True)
            if part.size == 0:
                raise DownloadFailed("the server sent an empty file", again=True)
            await part.finish(mtime)
            return Fetched(name, part.size)

    async def _paced(self, answer: httpx.Response) -> AsyncIterator[bytes]:
        """Yield the body. Raises TimeoutError when it only trickles."""
        stall = self._limits.stall_seconds
        since, came = time.monotonic(), 0
        async for chunk in _stream(answer):
            came += len(chunk)
            elapsed = time.monotonic() - since
            if elapsed >= stall:
                if came < _SLOWEST:
                    raise TimeoutError
                since, came = time.monotonic(), 0
            yield chunk

    def _how_to_resume(self, headers: httpx.Headers, total: int | None) -> dict[str, object]:
        etag, modified = headers.get("etag", ""), headers.get("last-modified", "")
        found: dict[str, object] = {"boot": self._boot}
        if headers.get("accept-ranges", "").strip().lower() == "none":
            return {}
        if etag.startswith('"'):
            found["etag"] = etag
        elif modified:
            found["modified"] = modified
        else:
            return {}
        return found | ({"total": total} if total is not None else {})


async def _stream(answer: httpx.Response) -> AsyncIterator[bytes]:
    # Not aiter_raw: the transport's bytes are wanted as they come, and nothing may decode them.
    stream = answer.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        raise DownloadFailed("the answer has no body that can be read")
    async for chunk in stream:
        yield chunk


async def _head(body: AsyncIterator[bytes]) -> bytes:
    """Enough of the body to see what it is."""
    head = b""
    while len(head) < _HEAD_BYTES:
        chunk = await anext(body, b"")
        if not chunk:
            break
        head += chunk
    return head


def _joined(url: httpx.URL, target: str) -> httpx.URL:
    """Return where a redirect leads, checked as if it had been handed in."""
    if target.partition(":")[0].lower() in ("http", "https") and ":" in target:
        return checked_url(target)
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", target):
        raise UrlRefused("a redirect leads to something that is neither http:// nor https://")
    try:
        return checked_url(str(url.join(target)))
    except (httpx.InvalidURL, ValueError) as problem:
        raise UrlRefused("a redirect leads to a URL that is not well-formed") from problem


def _continues(answer: httpx.Response, have: int, resume: Mapping[str, object]) -> tuple[int, int | None]:
    """(first byte, whole size) of an answer that goes on where we stopped. Raises _StartOver."""
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    whole = int(found[3]) if found and found[3] != "*" else None
    known = resume.get("total")
    if whole is not None and known is not None and whole != known:
        raise _StartOver
    if answer.status_code == 416:
        if whole != have:
            raise _StartOver
        return have, whole
    etag = answer.headers.get("etag")
    if found is None or found[1] is None or int(found[1]) != have:
        raise _StartOver
    if etag and resume.get("etag") and etag != resume["etag"]:
        raise _StartOver
    return have, whole if whole is not None else int(found[2]) + 1


def _refused(answer: httpx.Response, now: datetime) -> DownloadFailed:
    status = answer.status_code
    if status < 400:
        return DownloadFailed(f"the server answered {status} and sent no file")
    again = status in _TRANSIENT
    after = _retry_after(answer.headers.get("retry-after"), now) if again else None
    return DownloadFailed(f"the server answered {status}", again=again, after=after)


def _retry_after(header: str | None, now: datetime) -> float | None:
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - now).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    # NaN compares false with everything.
    return min(seconds, _LONGEST_RETRY_AFTER) if seconds > 0 else None


def _length(headers: httpx.Headers) -> int | None:
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _too_large(limit: int) -> str:
    return f"it is larger than {limit:,} bytes (api.download.max_bytes)"


def _size(path: str) -> int:
    try:
        return os.stat(path, follow_symlinks=False).st_size
    except OSError:
        return 0
