"""Damages pictures and videos and holds the probe against libvips and FFmpeg, called as Immich calls them.

    python -m tests.faults.damages --count 2000

A damage is bits flipped, an end cut off, or junk put in. Both must say the same of every damaged file, but
for the reasons in `EXPLAINED`, which are counted.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import re
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field

import av
import pillow_heif
import pyvips
from av.stream import Disposition
from PIL import Image, ImageDraw
from tests.footage import footage
from tests.shots import grain

from smartsort.files.decoders import Decoders
from smartsort.files.media import Kind
from smartsort.files.probe import Probe

PICTURES = {
    "jpg": ("JPEG", {"quality": 85}),
    "progressive.jpg": ("JPEG", {"progressive": True}),
    "grey.jpg": ("JPEG", {"mode": "L"}),
    "png": ("PNG", {}),
    "palette.png": ("PNG", {"mode": "P"}),
    "gif": ("GIF", {}),
    "animated.gif": ("GIF", {"frames": 4}),
    "webp": ("WEBP", {}),
    "lossless.webp": ("WEBP", {"lossless": True}),
    "tif": ("TIFF", {}),
    "deflate.tif": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "lzw.tif": ("TIFF", {"compression": "tiff_lzw"}),
    "avif": ("AVIF", {}),
    "heic": ("HEIF", {}),
}

VIDEOS = ("mp4", "fast.mp4", "fragments.mp4", "mov", "mkv", "webm", "avi", "mts", "wmv")

EXPLAINED = {
    "unwritten": "ends in zeros: libvips shows grey, but the file was never written to its end",
    "later frames": "Immich shows the first frame; of the others some are missing",
    "signature": "the first bytes are no video's, and FFmpeg guesses by what follows",
    "memory": "a damaged number asks for more memory than a decoder may have",
    "cut video": "FFmpeg shows what there is, but the container says that there was more",
}
"""Why the two may differ."""


@dataclass
class Result:
    damages: int = 0
    refused: int = 0
    explained: Counter[str] = field(default_factory=Counter)
    disagreements: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        why = ", ".join(f"{count} {reason}" for reason, count in sorted(self.explained.items())) or "none"
        return (
            f"{self.damages} damages: {self.refused} refused by both or one, {len(self.disagreements)} "
            f"disagreements, explained: {why}"
        )


def originals(seed: int) -> dict[str, bytes]:
    """A picture of each kind: something to see, and something to compress badly."""
    pillow_heif.register_heif_opener()
    rng = random.Random(seed)
    made = {}
    for name, (form, more) in PICTURES.items():
        options = dict(more)
        mode, count = options.pop("mode", "RGB"), options.pop("frames", 1)
        frames = [_drawn(rng).convert(mode) for _ in range(count)]
        if count > 1:
            options |= {"save_all": True, "append_images": frames[1:]}
        with io.BytesIO() as out:
            frames[0].save(out, form, **options)
            made[name] = out.getvalue()
    return made | {name: footage(name) for name in VIDEOS}


def _drawn(rng: random.Random) -> Image.Image:
    image = grain((160, 120), 40, rng.randrange(1 << 30)).convert("RGB")
    pen = ImageDraw.Draw(image)
    for _ in range(6):
        x, y, size = rng.randrange(160), rng.randrange(120), rng.randrange(10, 50)
        pen.ellipse((x, y, x + size, y + size), fill=tuple(rng.randrange(256) for _ in range(3)))
    return image


def damaged(data: bytes, rng: random.Random) -> tuple[str, bytes]:
    """What was done to the file, and the file."""
    # Half of the damages hit the head, where the structure is.
    at = rng.randrange(len(data) if rng.random() < 0.5 else min(len(data), 700))
    kind = rng.choice(("bit", "bits", "cut", "inserted", "overwritten", "removed"))
    if kind == "bit":
        return f"bit {at}", _flipped(data, at, rng)
    if kind == "bits":
        for _ in range(8):
            data = _flipped(data, rng.randrange(len(data)), rng)
        return "8 bits", data
    length = rng.randrange(1, 40)
    junk = rng.choice((rng.randbytes(length), bytes(length), b"\xff" * length))
    if kind == "cut":
        return f"cut at {at}", data[:at]
    if kind == "inserted":
        return f"{length} bytes inserted at {at}", data[:at] + junk + data[at:]
    if kind == "removed":
        return f"{length} bytes removed at {at}", data[:at] + data[at + length :]
    return f"{length} bytes overwritten at {at}", data[:at] + junk + data[at + length :]


def _flipped(data: bytes, at: int, rng: random.Random) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def by_immich(path: str, name: str) -> str | None:
    """What is wrong with a file to the decoder Immich uses, which for HEIC is libheif."""
    try:
        if name in VIDEOS:
            return _by_ffmpeg(path)
        if name.endswith("heic"):
            return _by_libheif(path)
        options = {} if name.endswith(("gif", "webp")) else {"unlimited": True}
        image = pyvips.Image.new_from_file(path, access="sequential", fail_on="error", **options)
        # As a preview is made: all of it is read, from top to bottom.
        image.write_to_memory()
    except (pyvips.Error, av.FFmpegError, ValueError, RuntimeError, EOFError, SyntaxError) as error:
        return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
    return None


def _by_libheif(path: str) -> str | None:
    pillow_heif.options.DISABLE_SECURITY_LIMITS = True
    with open(path, "rb") as file:
        heif = pillow_heif.open_heif(file)
        return None if len(heif.data) else "empty"


def _by_ffmpeg(path: str) -> str | None:
    """As Immich asks: is there a video, and can a picture of it be shown?"""
    with av.open(path) as container:
        videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not videos:
            return "no video"
        for packet in container.demux(videos[0]):
            with contextlib.suppress(av.FFmpegError):
                if packet.decode():
                    return None
    return "no picture can be decoded"


def explanation(name: str, data: bytes, probe: Probe, theirs: str | None) -> str | None:
    """Why the probe may say something else of this file than libvips, None for no reason."""
    if probe.problem and "never written" in probe.problem and not any(data[-256:]):
        return "unwritten"
    if theirs is None and name.startswith("animated") and "ends in the middle" in (probe.problem or ""):
        return "later frames"
    if theirs is not None or name not in VIDEOS or probe.problem is None:
        return None
    if "needs more than" in probe.problem:
        return "memory"
    if probe.kind is Kind.OTHER:
        return "signature"
    return "cut video" if _CUT.search(probe.problem) else None


_CUT = re.compile("ends in the middle|never finished")


def compare(count: int, seed: int, folder: str, kinds: tuple[str, ...] = ()) -> Result:
    """Damage pictures `count` times and compare; the files stay in `folder` where the two differ."""
    pyvips.cache_set_max(0)
    rng = random.Random(seed)
    result = Result()
    decoders = Decoders()
    whole = originals(seed)
    batch = []
    for number in range(count):
        name = rng.choice(kinds or tuple(whole))
        what, data = damaged(whole[name], rng)
        path = os.path.join(folder, f"{number:05}_{name}")
        with open(path, "wb") as file:
            file.write(data)
        batch.append((path, name, what, data))
    try:
        probes = decoders.probe([path for path, *_ in batch])
    finally:
        decoders.release()
    for (path, name, what, data), probe in zip(batch, probes, strict=True):
        assert isinstance(probe, Probe), probe
        theirs = by_immich(path, name)
        result.damages += 1
        result.refused += theirs is not None or probe.problem is not None
        if (theirs is None) == (probe.problem is None):
            os.unlink(path)
            continue
        why = explanation(name, data, probe, theirs)
        if why is None:
            said = f"{os.path.basename(path)} ({what}): we say {probe.problem!r}, libvips {theirs!r}"
            result.disagreements.append(said)
        else:
            result.explained[why] += 1
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", action="append", choices=sorted((*PICTURES, *VIDEOS)), default=[])
    parser.add_argument("--keep", metavar="DIR", help="where files stay of which the two think differently")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = options.keep or made
        os.makedirs(folder, exist_ok=True)
        result = compare(options.count, options.seed, folder, tuple(options.kind))
    for line in result.disagreements:
        print(line)
    print(result)
    return bool(result.disagreements)


if __name__ == "__main__":
    sys.exit(main())
