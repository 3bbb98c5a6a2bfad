"""Frames of a video: 8 to 16 pictures from all over it, sharp ones, one at least of each longer scene.

They are looked for at the multiples of a power of two of a second, so that a copy at another bit rate, or one
that ends earlier, shows the same moments. FFmpeg goes to the key frame before each moment, unless it has
passed it already: no frame is decoded twice. Runs in a decoder process only.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from smartsort.files import perceptual_hash, videos
from smartsort.files.perceptual_hash import Look
from smartsort.files.player import Player, uneven
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

_LOOKS_A_SECOND = 6
_MOST_LOOKS = 512
"""Frames that are compared with others at the moments."""

_KEY_FRAMES, _KEY_SECONDS, _MOST_KEY_FRAMES = 96, 6.0, 600
"""So many key frames of the whole do while they are no further apart than so many seconds. The third is the
most. Measured: of ten minutes, 96 find as many copies as 256. Of half an hour they miss each one with both
ends cut."""

_WINDOW = 0.75
"""Seconds of video at each moment, at least. A copy that begins elsewhere has other key frames, and enough of
them fall into such windows. Their lengths differ, so that no distance of key frames misses all of them."""


def _windows(seconds: float) -> float:
    """Return how much of a video all windows have together: one key frame of a copy in 24 lies in them."""
    return min(seconds / 25, max(12.0, seconds / 40), 64.0)


_GREY = 160
"""Pixels of the long side of what sharpness and likeness are measured on."""

_OTHER_SCENE = 70
"""Differing bits between two frames that show different scenes. Of unrelated pictures half of 256 differ."""

_SCENES_A_SLOT = 3
"""Scenes between two moments that are kept. Each holds a whole frame."""


class Frame(NamedTuple):
    """One frame, upright: when it is shown, in seconds from the start, and the picture as JPEG."""

    at: float
    picture: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Frames:
    """What was looked at of a video, in order. `problem` says why there is no frame.

    `looks` are those of the frames that were decoded on the way, by which copies are found.
    """

    seconds: float = 0.0
    frames: tuple[Frame, ...] = ()
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
    looks: list[Look] = field(default_factory=list)


class _Chosen(NamedTuple):
    frame: Frame
    sharpness: float
    is_first: bool
    """The first of its slot. Others are given up when there are too many."""


def frames(path: str, short_side: int = SHORT_SIDE, *, copies: bool = True) -> Frames:
    """Look through the video at `path`. A file of which nothing can be shown is an answer (`problem`).

    `copies`: look at key frames from all over it too, so that copies are found that begin elsewhere.

    Raises as `smartsort.files.probe.probe` does.
    """
    with opened(path) as file:
        found = format_of(Reader(file.fileno()).at(0, HEAD_BYTES))
        try:
            with videos.opened(file, found) as (container, stream):
                return _looked_through(container, stream, short_side, copies=copies)
        except (Broken, videos.NothingToSee) as problem:
            return Frames(problem=str(problem))


def pictures_at(path: str, times: list[float], short_side: int) -> list[bytes]:
    """Return the frames at these times in seconds, in order, as JPEG. Raises Broken, and as `frames` does."""
    with opened(path) as file:
        found = format_of(Reader(file.fileno()).at(0, HEAD_BYTES))
        with videos.opened(file, found) as (container, stream):
            player = Player(container, stream)
            shown = []
            for at in times:
                frame = player.frame_at(at)
                if frame is None:
                    raise Broken(f"there is no frame at {at:.1f} s")
                shown.append(_encoded(_upright(frame, short_side)))
            return shown


def beginnings(path: str, short_side: int) -> list[Image]:
    """Return the key frames of the first seconds, upright. Raises Broken, and as `frames` does."""
    with opened(path) as file:
        found = format_of(Reader(file.fileno()).at(0, HEAD_BYTES))
        with videos.opened(file, found) as (container, stream):
            player = Player(container, stream)
            return [_upright(frame, short_side) for _, frame in player.key_frames(_BEGINNING, _BETWEEN)]


_BEGINNING, _BETWEEN = 21.0, 0.5
"""Seconds in which Immich chooses the picture of a video, and between two looks for another key frame."""


def grid(seconds: float) -> list[float]:
    """Return the moments to look at: 8 to 16 multiples of a power of two of a second."""
    if seconds <= 0:
        return [0.0]
    step = 2.0 ** math.floor(math.log2(seconds / FEWEST))
    return [number * step for number in range(math.ceil(seconds / step))]


def _looked_through(
    container: InputContainer, stream: VideoStream, short_side: int, *, copies: bool
) -> Frames:
    player = Player(container, stream)
    seconds = player.duration()
    window = max(_WINDOW, _windows(seconds) / len(grid(seconds))) if copies else 0.0
    found = _pass(player, seconds, short_side, window)
    if len(found.chosen) < FEWEST and player.last < 0.9 * seconds:
        # It ends before it says, or only key frames are decoded. All that there is may count as the whole.
        again = _pass(player, max(player.last, 0.0), short_side, window)
        found = max(found, again, key=lambda one: len(one.chosen))
    if not found.chosen:
        return Frames(seconds, problem="none of its frames can be decoded")
    kept = _fewer(found.chosen)
    if copies:
        apart = max(1.0, min(seconds / _KEY_FRAMES, _KEY_SECONDS), seconds / _MOST_KEY_FRAMES)
        for at, frame in player.key_frames(seconds, apart):
            look = perceptual_hash.picture_hash(_small(frame))
            found.looks += [] if look is None else [Look(at, look)]
    return Frames(
        seconds,
        tuple(c.frame for c in kept),
        tuple(sorted(set(found.looks))),
        has_sound=bool(container.streams.audio),
    )


def _pass(player: Player, seconds: float, short_side: int, window: float) -> _Found:
    moments = grid(seconds)
    step = moments[1] if len(moments) > 1 else max(seconds, 1.0)
    found = _Found(seconds, step)
    slot: list[_Candidate] = []
    before = -math.inf
    for number, moment in enumerate(moments):
        following = moments[number + 1] if number + 1 < len(moments) else moment + step
        apart, looks, is_reached = min(step / 2, 1 / _LOOKS_A_SECOND), 0, False
        for at, decoded in player.around(moment, following, apart, window * uneven(number)):
            if at <= before:
                continue
            before, candidate = at, _candidate(decoded, at)
            look = _look(candidate)
            reaches = not is_reached and at >= moment - 0.001
            is_reached |= reaches
            if look is not None and (reaches or looks < _MOST_LOOKS // len(moments)):
                found.looks.append(look)
                looks += 1
            if at < moment - 2 * apart and not player.is_hurried:
                continue  # on the way from the key frame: its moment has passed
            slot.append(candidate)
            slot = _bests(slot)[:_SCENES_A_SLOT]
        found.chosen += [
            _Chosen(_shown(c, short_side), c.sharpness, is_first=place == 0) for place, c in enumerate(slot)
        ]
        slot = []
    return found


def _look(candidate: _Candidate) -> Look | None:
    number = candidate.look
    return None if number is None else Look(candidate.at, number.to_bytes(32, "big"))


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


# --- one frame -------------------------------------------------------------------------------


def _candidate(frame: VideoFrame, at: float) -> _Candidate:
    from PIL import ImageFilter, ImageStat  # noqa: PLC0415 - only in a decoder process

    small = _small(frame)
    look = perceptual_hash.picture_hash(small)
    if look is None:
        return _Candidate(at, frame, 0.0, None)
    edges = small.filter(ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128))
    return _Candidate(at, frame, ImageStat.Stat(edges).stddev[0], int.from_bytes(look, "big"))


def _small(frame: VideoFrame) -> Image:
    """Return the frame in grey and upright, without black bars on two opposite sides, or on all."""
    from PIL import Image as Images  # noqa: PLC0415 - as above
    from PIL import ImageChops  # noqa: PLC0415 - as above

    scale = _GREY / max(frame.width, frame.height)
    size = max(17, round(frame.width * scale)), max(16, round(frame.height * scale))
    plane = frame.reformat(*size, "gray", interpolation="AREA").planes[0]
    picture = Images.frombuffer("L", size, bytes(plane), "raw", "L", plane.line_size, 1)
    picture = _turned(picture, frame.rotation)
    box = ImageChops.subtract(picture, Images.new("L", picture.size, _DARK)).getbbox()
    if box is None:
        return picture
    left, top, right, bottom = box
    across, down = min(left, picture.width - right), min(top, picture.height - bottom)
    cut = (across, down, picture.width - across, picture.height - down)
    return picture.crop(cut) if max(across, down) >= _BAR else picture


_BAR = 3
"""Of the 160 pixels of the long side."""

_DARK = 24
"""Levels of grey up to which a bar is black."""


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
