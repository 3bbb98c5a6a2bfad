"""Pages that are no photo, through gallery-dl or yt-dlp (the extra `smartsort[gallery]`), if switched on.

These programs look names up and connect by themselves: the check of addresses that downloads otherwise
pass does not bind them. The page's own URL has passed it when they are called, what the page refers to
has not. That is why `api.download.gallery` is off unless somebody switches it on.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smartsort.downloads.fetch import DownloadFailed
from smartsort.downloads.naming import safe_name
from smartsort.downloads.partial import to_its_end
from smartsort.files.ignore import ignored
from smartsort.files.media import Kind
from smartsort.files.signatures import format_of

if TYPE_CHECKING:
    from smartsort.config.service import Downloads as Settings

MOST_FILES = 500
"""Files taken from one page."""
_WATCH_SECONDS = 1.0
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "XDG_CONFIG_HOME")
"""What the programs see of our environment: no key and no token of ours."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file of a page. `part` is relative to `temp_downloads/`."""

    part: str
    name: str


class Gallery:
    """Lets gallery-dl, and for what it does not know yt-dlp, collect the files of a page."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def collect(self, url: str, temp: str, submission_id: str) -> Sequence[Found]:
        """Return the files of the page, at least one, in a folder of their own below `temp`.

        Raises DownloadFailed when neither program is installed or none finds anything.
        """
        folder = f".gallery-{submission_id}"
        target = os.path.join(temp, folder)
        said: list[str] = []
        try:
            for program, arguments in (("gallery-dl", self._gallery_dl), ("yt-dlp", self._yt_dlp)):
                executable = _find(program)
                if executable is None:
                    continue
                await to_its_end(_fresh, target)
                words = await self._run([executable, *arguments(target), "--", url], target)
                found = await to_its_end(_files, target, folder)
                if found:
                    return found
                said.append(f"{program}: {words or 'found nothing'}")
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, target, ignore_errors=True)
            raise
        await asyncio.to_thread(shutil.rmtree, target, ignore_errors=True)
        if not said:
            raise DownloadFailed("a web page, and neither gallery-dl nor yt-dlp is installed to read it")
        raise DownloadFailed("a web page without photos: " + "; ".join(said))

    def _gallery_dl(self, target: str) -> list[str]:
        return [
            "--no-input", "--no-part", "--no-colors", "--quiet", "--no-postprocessors",
            "--directory", target,
            "--range", f"1-{MOST_FILES}",
            "--filesize-max", str(self._settings.max_bytes),
            "--http-timeout", f"{self._settings.stall_timeout_seconds:g}",
            "--retries", str(self._settings.max_retries),
        ]  # fmt: skip

    def _yt_dlp(self, target: str) -> list[str]:
        return [
            # Its configuration may run programs after each download (--exec).
            "--ignore-config", "--no-exec", "--no-cache-dir", "--no-part", "--no-progress", "--quiet",
            "--paths", target,
            "--output", "%(title).120B [%(id)s].%(ext)s",
            "--max-downloads", str(MOST_FILES),
            "--max-filesize", str(self._settings.max_bytes),
            "--socket-timeout", f"{self._settings.stall_timeout_seconds:g}",
            "--retries", str(self._settings.max_retries),
        ]  # fmt: skip

    async def _run(self, command: Sequence[str], target: str) -> str:
        """Return what the program complained about last, without URLs' queries.

        Its exit status does not matter.
        """
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            cwd=target,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            start_new_session=True,
        )
        reading = asyncio.create_task(_last_line(process.stderr))
        try:
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(reading), _WATCH_SECONDS)
                if reading.done():
                    break
                if await asyncio.to_thread(_bytes_in, target) > self._settings.max_bytes:
                    raise DownloadFailed(
                        f"it is larger than {self._settings.max_bytes:,} bytes (api.download.max_bytes)"
                    )
            await process.wait()
            return reading.result()
        finally:
            reading.cancel()
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


def _find(program: str) -> str | None:
    """Beside our own interpreter first: that is where the extra installs it."""
    beside = os.path.join(os.path.dirname(sys.executable), program)
    return beside if os.access(beside, os.X_OK) else shutil.which(program)


def _fresh(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)


def _files(target: str, folder: str) -> list[Found]:
    """Return photos and videos, in the order of their names, laid side by side. All else in there is removed.

    Temporary files, empty ones and links are not taken.
    """
    taken: list[str] = []
    for place, folders, names in os.walk(target):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            if os.path.islink(path) or not os.path.isfile(path) or not os.path.getsize(path):
                continue
            if ignored(name) is None and _is_medium(path):
                taken.append(path)
    # The marks keep them apart from what the program wrote, whatever that is called.
    marked = [f".{number}.taken" for number in range(min(len(taken), MOST_FILES))]
    for path, mark in zip(taken, marked, strict=False):
        os.rename(path, os.path.join(target, mark))
    with os.scandir(target) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            elif entry.name not in marked:
                os.unlink(entry.path)
    return [
        Found(os.path.join(folder, mark), safe_name(os.path.basename(path)))
        for path, mark in zip(taken, marked, strict=False)
    ]


def _is_medium(path: str) -> bool:
    """By its first bytes: what else lies there describes the photos (.json, .txt)."""
    with open(path, "rb") as stream:
        found = format_of(stream.read(4096))
    return found is not None and found.kind is not Kind.XMP


def _bytes_in(folder: str) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


async def _last_line(stream: asyncio.StreamReader | None) -> str:
    last = b""
    while stream is not None and (chunk := await stream.read(4096)):
        last = (last + chunk)[-4096:]
    lines = [line for line in last.decode("utf-8", "replace").splitlines() if line.strip()]
    return re.sub(r"[?#]\S+", "", lines[-1].strip())[:200] if lines else ""
