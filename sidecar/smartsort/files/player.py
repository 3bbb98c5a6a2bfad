"""Decodes a video around given moments, and its key frames. Runs in a decoder process only."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING

from smartsort.files.structure import Broken

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

SECONDS = 20.0
"""Of a processor's time. What is left of a longer film is shown by its key frames."""

LARGE_PIXELS = 10_000_000
"""Of a frame. Of larger ones than 4K only key frames are decoded, one at a time."""


def uneven(number: int) -> float:
    """Return 0.5 to 1.5: steps of equal length could miss those of a copy by as much each time."""
    return 0.5 + number * 0.618 % 1


class Player:
    """Decodes the frames around given moments, each at most once while the moments grow."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._container, self._stream = container, stream
        self._base = stream.time_base or Fraction(1, 1000)
        self._start = float((stream.start_time or 0) * self._base)
        context = stream.codec_context
        if context is None:
            raise Broken("it is of a kind that FFmpeg cannot decode")
        self._is_large = context.width * context.height > LARGE_PIXELS
        context.thread_count = 1 if self._is_large else 2
        if self._is_large:
            context.skip_frame = "NONKEY"
        self._begun = time.process_time()
        self._frames: Iterator[VideoFrame] = iter(())
        self._ahead: tuple[float, VideoFrame] | None = None
        self._frame_seconds = float(1 / (stream.average_rate or 25))
        self._position = -math.inf
        self._is_untouched, self._is_timeless = True, False
        self.last = 0.0
        """The latest time of a frame so far."""

    def duration(self) -> float:
        """Return seconds, by what the file says or else by its packets."""
        if self._stream.duration:
            return float(self._stream.duration * self._base)
        if self._container.duration:
            return self._container.duration / 1_000_000
        packets, self._is_untouched = self._container.demux(self._stream), False
        return max(
            (float(p.pts * self._base) - self._start for p in packets if p.pts is not None), default=0.0
        )

    def frame_at(self, moment: float) -> VideoFrame | None:
        """Return the first frame at a moment or after it, else the last before it."""
        self._go_to(moment)
        found = None
        for at, frame in self._play():
            found = frame
            if at >= moment - 0.001:
                break
        return found

    def around(
        self, moment: float, following: float, apart: float, window: float
    ) -> Iterator[tuple[float, VideoFrame]]:
        """Some of the frames that are decoded to reach a moment, and up to the next one if that goes on.

        `window`: seconds of the video that are decoded at least.
        """
        self._go_to(moment)
        passed, begun, wait, number = -math.inf, None, apart, 0
        onward: bool | None = None
        for at, frame in self._play():
            if at >= following - 0.001:
                self._ahead = at, frame
                return
            reached = at >= moment - 0.001
            if at - passed >= wait or (reached and passed < moment - 0.001):
                passed, number = at, number + 1
                wait = apart * uneven(number)
                yield at, frame
            begun = at if begun is None else begun
            if reached and onward is None:
                onward = not self.is_hurried and self._same_group(following)
            if reached and not onward and (self.is_hurried or at - begun >= window):
                return

    def key_frames(self, seconds: float, apart: float) -> Iterator[tuple[float, VideoFrame]]:
        """Key frames from all over it, each decoded by itself, while there is time."""
        moment, passed, number = 0.0, -math.inf, 0
        while moment < seconds and not self._is_late:
            packet = self._key_packet(moment)
            if packet is None:
                return
            at = float((packet.pts or 0) * self._base) - self._start
            if at != passed:
                passed = at
                for frame in _decoded(self._stream, (packet, None)):
                    yield at, frame
            number += 1
            moment = max(moment, at) + apart * uneven(number)

    def _key_packet(self, moment: float) -> Packet[VideoStream] | None:
        from av.error import FFmpegError  # noqa: PLC0415 - only in a decoder process

        if self._is_timeless:
            return None
        self._seek(moment)
        with suppress(FFmpegError):
            for packet in self._container.demux(self._stream):
                if packet.is_keyframe and packet.pts is not None:
                    return packet
        return None

    @property
    def is_hurried(self) -> bool:
        """True when only key frames are decoded."""
        return self._is_large or self._is_late

    @property
    def _is_late(self) -> bool:
        return time.process_time() - self._begun > SECONDS

    def _play(self) -> Iterator[tuple[float, VideoFrame]]:
        """Frames and when they are shown. One that does not say so is shown after the one before."""
        from av.error import FFmpegError  # noqa: PLC0415 - only in a decoder process

        if self._ahead is not None:
            ahead, self._ahead = self._ahead, None
            yield ahead
        with suppress(FFmpegError, StopIteration):
            for frame in self._frames:
                self._is_timeless |= frame.time is None  # no place in it can be gone to
                following = max(self._position, -self._frame_seconds) + self._frame_seconds
                self._position = following if frame.time is None else frame.time - self._start
                self.last = max(self.last, self._position)
                yield self._position, frame
                if self.is_hurried:
                    return

    def _go_to(self, moment: float) -> None:
        """Be at the key frame before a moment, or go on from here where that has passed."""
        if self._is_timeless or (self._position >= moment and self._ahead is not None):
            return
        if -math.inf < self._position <= moment and not self.is_hurried and self._same_group(moment):
            return
        if not self._is_untouched or moment > 0:
            self._seek(moment)
        self._ahead, self._is_untouched = None, False
        self._frames = _decoded(self._stream, self._container.demux(self._stream))

    def _seek(self, moment: float) -> None:
        from av.error import FFmpegError  # noqa: PLC0415 - as above

        if self._container.format.name in _UNINDEXED:
            moment -= _BEHIND_SECONDS
        with suppress(FFmpegError):  # where nothing tells its place it goes on from here
            self._container.seek(int((moment + self._start) / self._base), stream=self._stream, backward=True)

    def _same_group(self, moment: float) -> bool:
        """Return True when no key frame lies between here and a moment, as far as the file's index tells."""
        entries = self._stream.index_entries
        if not len(entries):
            return moment - self._position < _UNINDEXED_SECONDS
        place = entries.search_timestamp(int((moment + self._start) / self._base), backward=True)
        if place < 0:
            return True
        return float(entries[place].timestamp * self._base) - self._start <= self._position + 0.001


def _decoded(stream: VideoStream, packets: Iterable[Packet[VideoStream] | None]) -> Iterator[VideoFrame]:
    """Return their frames. Packets that cannot be decoded are passed over.

    No method: a player and a generator of its own would hold each other, and 20 MB of frames, for long.
    """
    import av.error  # noqa: PLC0415 - as above

    for packet in packets:
        try:
            yield from stream.decode(packet)
        except av.error.MemoryError as error:
            raise MemoryError(str(error)) from error
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            continue


_UNINDEXED, _BEHIND_SECONDS = frozenset({"mpegts", "mpeg"}), 0.25
"""Without an index FFmpeg goes to the packet behind a time, which may be the one behind a key frame."""

_UNINDEXED_SECONDS = 2.0
"""Where a file has no index, decoding so far on takes no longer than to look for a key frame."""
