"""Videos, read as Immich reads them: by FFmpeg, every packet and one frame.

Every sample that the index of a file names has to lie in it. What has no such index, and what is cut behind
its last sample, `smartsort.files.structure` finds. Runs in a decoder process only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from typing import TYPE_CHECKING

from smartsort.files import media, metadata
from smartsort.files.media import Format
from smartsort.files.shown import shown
from smartsort.files.structure import Broken, Reader

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_DEMUXERS = {
    **dict.fromkeys((media.MP4, media.MOV, media.THREEGP), "mov"),
    **dict.fromkeys((media.MATROSKA, media.WEBM), "matroska"),
    media.AVI: "avi",
    media.TRANSPORT_STREAM: "mpegts",
    media.MPEG: "mpeg",
    media.WMV: "asf",
    media.FLV: "flv",
    media.MXF: "mxf",
}
"""Named, because what FFmpeg recognises by itself includes playlists that lead to other files."""

_BARE_STREAM = b"\0\0\x01\xb3"


@dataclass(frozen=True, slots=True)
class Watched:
    """A video with something to see, and its upright size."""

    width: int
    height: int
    metadata: metadata.Metadata


class NothingToSee(Exception):
    """A container without a video. The text says what is in it."""


def watch(file: BufferedReader, found: Format, *, whole: bool = True) -> Watched:
    """Read the video in an open file to its end, or only its head.

    Raises NothingToSee, Broken, MemoryError.
    """
    with opened(file, found) as (container, stream):
        frame = _read(container, stream, found) if whole else None
        return _watched(container, stream, frame)


@contextmanager
def opened(file: BufferedReader, found: Format | None) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container in an open file, and the video in it. Raises as `watch` does, also while it is open."""
    import av.error  # noqa: PLC0415 - only in a decoder process

    if found not in _DEMUXERS:
        raise NothingToSee("no video")
    bare = found is media.MPEG and file.peek(4).startswith(_BARE_STREAM)
    try:
        form = "mpegvideo" if bare else _DEMUXERS[found]
        with av.open(_Source(file), "r", form, buffer_size=_READ_BYTES) as container:
            yield container, _video_of(container)
    except av.error.MemoryError as error:
        raise MemoryError(str(error)) from error
    except av.error.BlockingIOError as error:
        if error.filename == _NAMELESS:  # it looks for a packet in vain
            raise Broken(f"{found.name} is damaged") from error
        raise MemoryError(str(error)) from error  # no thread could be started
    except av.error.FFmpegError as error:
        raise Broken(f"{found.name} is damaged ({shown(str(error.strerror)[:120])})") from error


class _Source:
    """The open file as PyAV reads it, whatever is put in its place meanwhile.

    FFmpeg takes an error of the disk for the end of the file. PyAV raises the error that this raised.
    """

    def __init__(self, file: BufferedReader) -> None:
        self._reader, self._at = Reader(file.fileno()), 0

    def read(self, count: int) -> bytes:
        found = self._reader.at(self._at, count)
        self._at += len(found)
        return found

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_CUR: self._at, os.SEEK_END: self._reader.size}.get(whence, 0)
        return self._at

    def tell(self) -> int:
        return self._at


_NAMELESS = "<none>"
"""What PyAV calls a container that it reads from here, in an error of that."""

_READ_BYTES = 1 << 16
"""At once."""


def _video_of(container: InputContainer) -> VideoStream:
    """Return the video of the highest bit rate, as Immich does. The picture on a cover is none."""
    from av.stream import Disposition  # noqa: PLC0415 - only in a decoder process

    candidates = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if candidates:
        return max(candidates, key=lambda one: one.codec_context.bit_rate or 0 if one.codec_context else -1)
    raise NothingToSee("sound" if container.streams.audio else "no video in it")


def _read(container: InputContainer, stream: VideoStream, found: Format) -> VideoFrame:
    """Return the first frame that can be decoded, which Immich shows. Then the packets to the end."""
    from av.error import FFmpegError  # noqa: PLC0415 - only in a decoder process

    if stream.codec_context is None:
        raise Broken(f"{found.name} is of a kind that FFmpeg cannot decode, and Immich neither")
    frame, last_is_cut = None, False
    for packet in container.demux():
        if packet.size:
            last_is_cut = packet.is_corrupt
        if packet.stream is stream and packet.has_sidedata("encryption_info"):
            raise Broken(f"{found.name} is encrypted")
        if frame is None and packet.stream is stream:
            with suppress(FFmpegError):
                frame = next(iter(stream.decode(packet)), None)
    beyond = any(e.pos + e.size > container.size for each in container.streams for e in each.index_entries)
    if beyond or (last_is_cut and found is not media.TRANSPORT_STREAM):
        raise Broken(f"{found.name} ends in the middle")
    if frame is None:
        raise Broken(f"{found.name} is damaged (none of its pictures can be decoded)")
    return frame


def _watched(container: InputContainer, stream: VideoStream, frame: VideoFrame | None) -> Watched:
    seconds = container.duration / 1_000_000 if container.duration else None
    read = metadata.of_video({**stream.metadata, **container.metadata}, seconds)
    context = stream.codec_context
    width, height = (context.width, context.height) if context else (0, 0)
    if frame is not None and frame.rotation % 180:
        width, height = height, width
    return Watched(width, height, read)
