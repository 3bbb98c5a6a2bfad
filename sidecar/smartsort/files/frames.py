"""Frames of a video: 8 to 16 pictures from all over it, sharp ones, one at least of each longer scene.

They are looked for at the multiples of a power of two of a second, so that a copy at another bit rate, or one
that ends earlier, shows the same moments. FFmpeg goes to the key frame before each moment, unless it has
passed it already: no frame is decoded twice. Runs in a decoder process only.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from smartsort.files import perceptual_hash, videos
from smartsort.files.perceptual_hash import Look
from smartsort.files.probe import opened
from smartsort.files.signatures import HEAD_BYTES, format_of
from smartsort.files.structure import Broken, Reader

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from PIL.Image import Image

FEWEST, MOST = 8, 16
"""Frames of a video, fewer only where it has fewer."""

SHORT_SIDE = 1080
"""Pixels. Faces that count are large enough on it, and a frame takes some 200 kB."""

SECONDS = 20.0
"""Of a processor's time. What is left of a longer film is shown by its key frames."""

LARGE_PIXELS = 10_000_000
"""Of a frame. Of larger ones than 4K only key frames are decoded, one at a time."""

_LOOKS_A_SECOND = 4
_MOST_LOOKS = 256
"""Frames that are compared with others: enough for a minute of which every frame is decoded."""

_GREY = 160
"""Pixels of the long side of what sharpness and likeness are measured on."""

_OTHER_SCENE = 70
"""Differing bits between two frames that show different scenes. Of unrelated pictures half of 256 differ."""

_SCENES_A_SLOT = 3
"""Scenes between two moments that are kept. Each holds a whole frame."""

_FLAT = 3.0
"""Grey levels of deviation below which a frame shows nothing, as between two scenes."""


class Frame(NamedTuple):
    """One frame, upright: when it is shown, in seconds from the start, and the picture as JPEG."""

    at: float
    picture: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Frames:
    """What was looked at of a video, in order. `problem` says why there is no frame.

    `anchors` are the looks at the times that copies share, `looks` those of all frames compared.
    """

    seconds: float = 0.0
    frames: tuple[Frame, ...] = ()
    anchors: tuple[Look, ...] = ()
    looks: tuple[Look, ...] = ()
    has_sound: bool = False
    problem: str = ""


@dataclass(slots=True)
class _Candidate:
    at: float
    frame: VideoFrame
    sharpness: float
    look: int | None


@dataclass(slots=True)
class _Found:
    """What is kept of the frames that have passed."""

    seconds: float
    step: float
    chosen: list[_Chosen] = field(default_factory=list)
    anchors: list[Look] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)


class _Chosen(NamedTuple):
    frame: Frame
    sharpness: float
    is_first: bool
    """The first of its slot. Others are given up when there are too many."""


def frames(path: str, short_side: int = SHORT_SIDE) -> Frames:
    """Look through the video at `path`. A file of which nothing can be shown is an answer (`problem`).

    Raises as `smartsort.files.probe.probe` does.
    """
    with opened(path) as file:
        found = format_of(Reader(file.fileno()).at(0, HEAD_BYTES))
        try:
            with videos.opened(file, found) as (container, stream):
                return _looked_through(container, stream, short_side)
        except (Broken, videos.NothingToSee) as problem:
            return Frames(problem=str(problem))


def pictures_at(path: str, times: list[float], short_side: int) -> list[bytes]:
    """Return the frames at these times in seconds, in order, as JPEG. Raises Broken, and as `frames` does."""
    with opened(path) as file:
        found = format_of(Reader(file.fileno()).at(0, HEAD_BYTES))
        with videos.opened(file, found) as (container, stream):
            player = _Player(container, stream)
            shown = []
            for at in times:
                frame = player.frame_at(at)
                if frame is None:
                    raise Broken(f"there is no frame at {at:.1f} s")
                shown.append(_encoded(_upright(frame, short_side)))
            return shown


def grid(seconds: float) -> list[float]:
    """Return the moments to look at: 8 to 16 multiples of a power of two of a second."""
    if seconds <= 0:
        return [0.0]
    step = 2.0 ** math.floor(math.log2(seconds / FEWEST))
    return [number * step for number in range(math.ceil(seconds / step))]


def _looked_through(container: InputContainer, stream: VideoStream, short_side: int) -> Frames:
    player = _Player(container, stream)
    seconds = player.duration()
    found = _pass(player, seconds, short_side)
    if len(found.chosen) < FEWEST and player.last < 0.9 * seconds:
        # It ends before it says. All that there is counts as the whole.
        found = _pass(player, max(player.last, 0.0), short_side)
    if not found.chosen:
        return Frames(seconds, problem="none of its frames can be decoded")
    kept = _fewer(found.chosen)
    return Frames(
        seconds,
        tuple(c.frame for c in kept),
        tuple(found.anchors),
        tuple(found.looks),
        has_sound=bool(container.streams.audio),
    )


def _pass(player: _Player, seconds: float, short_side: int) -> _Found:
    moments = grid(seconds)
    step = moments[1] if len(moments) > 1 else max(seconds, 1.0)
    found = _Found(seconds, step)
    slot: list[_Candidate] = []
    before = -math.inf
    for number, moment in enumerate(moments):
        following = moments[number + 1] if number + 1 < len(moments) else moment + step
        anchored = False
        for candidate in player.candidates(moment, following, min(step / 2, 1 / _LOOKS_A_SECOND)):
            if candidate.at <= before:
                continue
            before = candidate.at
            slot.append(candidate)
            if candidate.look is not None and len(found.looks) < _MOST_LOOKS:
                look = Look(candidate.at, candidate.look.to_bytes(32, "big"))
                found.looks.append(look)
                if not anchored and candidate.at >= moment:
                    found.anchors.append(look)
                    anchored = True
            slot = _bests(slot)[:_SCENES_A_SLOT]
        found.chosen += [
            _Chosen(_shown(c, short_side), c.sharpness, is_first=place == 0) for place, c in enumerate(slot)
        ]
        slot = []
    return found


def _bests(slot: list[_Candidate]) -> list[_Candidate]:
    """Return the sharpest candidate of each scene, the first scene first.

    The last one may be of a scene before.
    """
    *before, new = slot
    if not before:
        return slot
    last = before[-1]
    if last.look is not None and new.look is not None:
        if perceptual_hash.differing_bits(last.look, new.look) > _OTHER_SCENE:
            return slot
        return [*before[:-1], max(last, new, key=lambda c: c.sharpness)]
    return [*before[:-1], last if new.look is None else new]


def _fewer(chosen: list[_Chosen]) -> list[_Chosen]:
    """At most as many as are wanted: of slots with several scenes the least sharp go first."""
    extra = sorted((c for c in chosen if not c.is_first), key=lambda c: -c.sharpness)
    firsts = [c for c in chosen if c.is_first]
    return sorted([*firsts, *extra[: max(0, MOST - len(firsts))]], key=lambda c: c.frame.at)


class _Player:
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
        self._ahead: VideoFrame | None = None
        self._position = -math.inf
        self.last = 0.0
        """The latest time of a frame so far."""

    def duration(self) -> float:
        """Return seconds, by what the file says or else by its packets."""
        if self._stream.duration:
            return float(self._stream.duration * self._base)
        if self._container.duration:
            return self._container.duration / 1_000_000
        packets = self._container.demux(self._stream)
        return max(
            (float(p.pts * self._base) - self._start for p in packets if p.pts is not None), default=0.0
        )

    def frame_at(self, moment: float) -> VideoFrame | None:
        """Return the first frame at a moment or after it, else the last before it."""
        self._go_to(moment)
        found = None
        for frame in self._play():
            found = frame
            if self._time(frame) >= moment - 0.001:
                break
        return found

    def candidates(self, moment: float, following: float, apart: float) -> Iterator[_Candidate]:
        """Some frames from just before a moment up to the next one, so far as decoding goes on to that."""
        self._go_to(moment)
        earliest, passed = moment - min(apart * 2, 0.5), -math.inf
        onward: bool | None = None
        for frame in self._play():
            at = self._time(frame)
            if at >= following - 0.001:
                self._ahead = frame
                return
            reached = at >= moment - 0.001
            if (at >= earliest or self._is_hurried) and (
                at - passed >= apart or (reached and passed < moment - 0.001)
            ):
                passed = at
                yield _candidate(frame, at)
            if reached and onward is None:
                onward = not self._is_hurried and self._same_group(following)
            if reached and not onward:
                return

    @property
    def _is_hurried(self) -> bool:
        return self._is_large or time.process_time() - self._begun > SECONDS

    def _time(self, frame: VideoFrame) -> float:
        return (frame.time or 0.0) - self._start

    def _play(self) -> Iterator[VideoFrame]:
        from av.error import FFmpegError  # noqa: PLC0415 - only in a decoder process

        if self._ahead is not None:
            frame, self._ahead = self._ahead, None
            yield frame
        with suppress(FFmpegError, StopIteration):
            for frame in self._frames:
                if frame.time is None:
                    continue
                self._position = self._time(frame)
                self.last = max(self.last, self._position)
                yield frame
                if self._is_hurried:
                    return

    def _go_to(self, moment: float) -> None:
        """Be at the key frame before a moment, or go on from here where that has passed."""
        if self._position >= moment and self._ahead is not None:
            return
        if -math.inf < self._position <= moment and not self._is_hurried and self._same_group(moment):
            return
        self._seek(moment)
        self._ahead = None
        self._frames = self._decoded()

    def _decoded(self) -> Iterator[VideoFrame]:
        """Frames from here on. Packets that cannot be decoded are passed over."""
        import av.error  # noqa: PLC0415 - as above

        for packet in self._container.demux(self._stream):
            try:
                yield from self._stream.decode(packet)
            except av.error.MemoryError as error:
                raise MemoryError(str(error)) from error
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                continue

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


_UNINDEXED, _BEHIND_SECONDS = frozenset({"mpegts", "mpeg"}), 0.25
"""Without an index FFmpeg goes to the packet behind a time, which may be the one behind a key frame."""

_UNINDEXED_SECONDS = 2.0
"""Where a file has no index, decoding so far on takes no longer than to look for a key frame."""


# --- one frame -------------------------------------------------------------------------------


def _candidate(frame: VideoFrame, at: float) -> _Candidate:
    from PIL import ImageFilter, ImageStat  # noqa: PLC0415 - only in a decoder process

    scale = _GREY / max(frame.width, frame.height)
    width, height = max(17, round(frame.width * scale)), max(16, round(frame.height * scale))
    small: Image = frame.reformat(width, height, "gray", interpolation="AREA").to_image()  # type: ignore[no-untyped-call]
    small = _turned(small, frame.rotation)
    if ImageStat.Stat(small).stddev[0] < _FLAT:
        return _Candidate(at, frame, 0.0, None)
    edges = small.filter(ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128))
    look = perceptual_hash.picture_hash(small)
    number = None if look is None else int.from_bytes(look, "big")
    return _Candidate(at, frame, ImageStat.Stat(edges).stddev[0], number)


def _shown(candidate: _Candidate, short_side: int) -> Frame:
    picture = _upright(candidate.frame, short_side)
    return Frame(candidate.at, _encoded(picture), picture.width, picture.height)


def _encoded(picture: Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


def _upright(frame: VideoFrame, short_side: int) -> Image:
    """The frame as people see it: in its shape, turned, and with the brightness of an ordinary screen."""
    width, height = frame.width, frame.height
    scale = min(1.0, short_side / min(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture: Image = frame.reformat(*size, "rgb24").to_image()  # type: ignore[no-untyped-call]
    curve = _CURVES.get(int(frame.color_trc))
    if curve is not None:
        picture = picture.point([curve(level / 255) for level in range(256)] * 3)
    return _turned(picture, frame.rotation)


def _turned(picture: Image, rotation: int) -> Image:
    from PIL import Image as Images  # noqa: PLC0415 - only in a decoder process

    turns = {90: "ROTATE_90", 180: "ROTATE_180", 270: "ROTATE_270"}
    turn = turns.get(rotation % 360)
    return picture if turn is None else picture.transpose(Images.Transpose[turn])


def _of_pq(level: float) -> int:
    """Return a level of HDR10 (SMPTE ST 2084) on an ordinary screen."""
    root = level ** (1 / 78.84375)
    nits = 10_000 * (max(root - 0.8359375, 0.0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
    return _on_screen(nits / 203)


def _of_hlg(level: float) -> int:
    """Return a level of HLG (BT.2100) on an ordinary screen."""
    light = (
        level * level / 3 if level <= 0.5 else (math.exp((level - 0.55991073) / 0.17883277) + 0.28466892) / 12
    )
    return _on_screen(light * 12 / 3)


def _on_screen(light: float) -> int:
    """Light, 1 for white paper, as a level from 0 to 255: what is brighter is squeezed, not cut off."""
    squeezed = 1.6 * light * (1 + light / 25) / (1 + light)
    return round(255 * math.pow(min(1.0, squeezed), 1 / 2.2))


_CURVES = {16: _of_pq, 18: _of_hlg}
"""By FFmpeg's number of the transfer characteristic."""
