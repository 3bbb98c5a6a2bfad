"""A decoder process: reads files for the sidecar, and may die of one without taking the sidecar along.

Run as `python -m smartsort.files.decoder SOCKET BYTES SECONDS BACKGROUND` by `smartsort.files.decoders`. It
takes batches of tasks from the socket and answers each by itself, so that the sidecar knows which one it died
of.
"""

from __future__ import annotations

import io
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from smartsort.errors import SmartsortError
from smartsort.files import pictures
from smartsort.files.blur import turned
from smartsort.files.contact_sheet import TILE, Mark, contact_sheet, face_sheet
from smartsort.files.frames import beginnings, frames, pictures_at
from smartsort.files.media import Kind
from smartsort.files.perceptual_hash import looks_like, same_video
from smartsort.files.probe import MAX_PIXELS, opened, probe, read_metadata
from smartsort.files.shown import shown
from smartsort.files.signatures import HEAD_BYTES, format_of
from smartsort.files.structure import Broken, Reader
from smartsort.files.videos import NothingToSee

if TYPE_CHECKING:
    from PIL import Image

OUT_OF_MEMORY = 77
"""The exit code of a decoder that asked for more memory than it may have."""

SLOWEST_BYTES_A_SECOND = 1_000_000
"""What a slow file server gives."""

_READ_OF_FRAMES = 200_000_000
"""Bytes around the frames of a long film."""


def draw(path: str, short_side: int, max_pixels: int) -> bytes | str:
    """Return an upright picture of the file as JPEG, or a short text saying why there is none."""
    from PIL import Image  # noqa: PLC0415 - only when something is drawn

    upright = _upright(path, short_side, max_pixels)
    if isinstance(upright, bytes | str):
        return upright
    scale = short_side / max(1, min(upright.size))
    if scale < 1:
        sides = max(1, round(upright.width * scale)), max(1, round(upright.height * scale))
        upright = upright.resize(sides, Image.Resampling.LANCZOS)
    if upright.mode in ("RGBA", "LA"):
        upright = upright.convert("RGBA")
        flat = Image.new("RGB", upright.size, "white")
        flat.paste(upright, mask=upright.getchannel("A"))
        upright = flat
    out = io.BytesIO()
    upright.save(out, "JPEG", quality=82)
    return out.getvalue()


def _upright(path: str, short_side: int, max_pixels: int) -> Image.Image | bytes | str:
    """Return a picture, or the first frame of a video as JPEG, or why there is none."""
    with opened(path) as file:
        found = format_of(Reader(file.fileno()).at(0, HEAD_BYTES))
        try:
            upright = None
            if found is not None and found in pictures.DECODED:
                upright = pictures.opened(file, found, max_pixels).shrunk(short_side)
            elif found is not None and found.kind is Kind.VIDEO:
                return pictures_at(path, [0.0], short_side)[0]
        except pictures.TooManyPixels as problem:
            return f"it has {problem}"
        except (Broken, NothingToSee) as problem:
            return f"it is no picture that can be read here ({problem})"
    return upright or "it is no picture that can be read here"


def shows(path: str, picture: bytes) -> bool | None:
    """Return whether a file shows what an encoded picture shows, None where that cannot be told.

    Immich's picture of a video is a key frame of its beginning.
    """
    from PIL import Image  # noqa: PLC0415 - only when something is compared

    upright = _upright(path, _COMPARED, MAX_PIXELS)
    if isinstance(upright, str):
        return None
    with Image.open(io.BytesIO(picture)) as there:
        wanted = there.convert("RGB")
    mine = beginnings(path, _COMPARED) if isinstance(upright, bytes) else [upright]
    found = {looks_like(one, wanted) for one in mine}
    return True if True in found else False if found == {False} else None


_COMPARED = 256
"""Pixels of the short side that are enough to compare pictures."""


def sheet(_path: str, pictures: list[bytes], labels: list[str], marks: list[list[Mark]]) -> bytes:
    """Return a contact sheet of encoded pictures. Raises OSError for one that cannot be decoded."""
    return contact_sheet(pictures, labels, marks)


def frames_sheet(path: str, times: list[float], labels: list[str], marks: list[list[Mark]]) -> bytes | str:
    """Return a contact sheet of a video's frames, or a short text saying why there is none."""
    try:
        return contact_sheet(pictures_at(path, times, min(TILE)), labels, marks)
    except (Broken, NothingToSee) as problem:
        return str(problem)


TASKS: dict[str, Callable[..., Any]] = {
    "probe": probe,
    "metadata": read_metadata,
    "draw": draw,
    "sheet": sheet,
    "face_sheet": lambda _path, groups, across: face_sheet(groups, across),
    "turned": turned,
    "shows": shows,
    "frames": lambda path, copies: frames(path, copies=copies),
    "frames_sheet": frames_sheet,
    "same_video": lambda _path, one, other: same_video(one, other),
}


def answer(task: str, path: str, arguments: tuple[Any, ...]) -> Any:
    """Return what a task returns, or the problem it met. Raises MemoryError, ImportError."""
    try:
        return TASKS[task](path, *arguments)
    except (MemoryError, ImportError):
        raise
    except SmartsortError as problem:
        return problem
    except Exception as error:  # noqa: BLE001 - one file never stops the others
        return f"reading it failed ({type(error).__name__}: {shown(str(error))[:200]}). Please report it"


def time_limit(path: str, seconds: int, task: str = "") -> int:
    """The seconds a file may take: `seconds` and the time it takes to read it, or some frames of it."""
    try:
        size = os.stat(path).st_size
        return seconds + min(size, _READ_OF_FRAMES if task == "frames" else size) // SLOWEST_BYTES_A_SECOND
    except OSError:
        return seconds


def _confine(most_bytes: int, *, is_background: bool) -> None:
    """Let the kernel take this process rather than the sidecar, and bound what it may take itself."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # meant for the sidecar, which ends this one when it ends
    if is_background:
        os.nice(_LAST)
    resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


_LAST = 19
"""The niceness of a process that makes way for all others."""

_PATIENCE = 10
"""Times as long on the clock as on the processor, for one that makes way."""


def _limit(seconds: int, *, is_background: bool) -> None:
    """End this process when it takes longer, 0: not any more."""
    if is_background:
        signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.alarm(seconds * (_PATIENCE if is_background else 1))


def main(socket: int, most_bytes: int, seconds: int, is_background: int = 0) -> None:
    """Answer until the sidecar closes the socket. Memory and time are bounded by the kernel."""
    _confine(most_bytes, is_background=bool(is_background))
    connection = Connection(socket)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            while True:
                task, paths, arguments = connection.recv()
                for path in paths:
                    _limit(time_limit(path, seconds, task), is_background=bool(is_background))
                    connection.send(answer(task, path, arguments))
                _limit(0, is_background=bool(is_background))
        except MemoryError:
            os._exit(OUT_OF_MEMORY)


if __name__ == "__main__":
    if len(sys.argv) == 1:  # a human asks whether everything is there
        import av
        import pillow_heif

        pictures.load_vips()
        sys.stdout.write(f"FFmpeg {av.ffmpeg_version_info}, libheif {pillow_heif.libheif_version()}\n")
    else:
        main(*(int(argument) for argument in sys.argv[1:]))
