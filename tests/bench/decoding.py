"""What decoding a picture takes: time, and memory of the process that does it.

One decoder per picture, so that the most it ever held is what this picture took, beside the 25 MB of a
decoder that has decoded nothing.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator

import pillow_heif
from PIL import Image
from tests.bench.report import Figure, median
from tests.faults.killers import png, zeros_deflated
from tests.footage import footage

from smartsort.errors import SmartsortError
from smartsort.files.decoders import Decoders

RUNS = 3
BATCH = 32
_LARGE_PIXELS = 30_000_000


def run(scratch: str, *, quick: bool) -> Iterator[Figure]:
    """Figures for photos as phones make them, and for the largest that are taken."""
    pictures = _SMALL if quick else {**_SMALL, **_LARGE}
    for what, make in pictures.items():
        path = os.path.join(scratch, f"decoded.{what.rpartition(' ')[2].lower()}")
        make(path)
        seconds, most = zip(*(_decoded(path) for _ in range(1 if quick else RUNS)), strict=True)
        yield Figure("intake", f"{what} decoded", median(list(seconds)) * 1000, "ms")
        yield Figure("intake", f"{what}, memory of its decoder", median(list(most)) / 1e6, "MB")
        os.unlink(path)


def _decoded(path: str) -> tuple[float, int]:
    """Seconds for one of a batch, and the most bytes the decoder had in memory."""
    decoders = Decoders()
    try:
        (first,) = decoders.probe([path])
        if isinstance(first, SmartsortError) or first.problem is not None:
            raise RuntimeError(f"{path}: {first}")
        paths = [path] * (BATCH if first.width * first.height < _LARGE_PIXELS else 1)
        started = time.perf_counter()
        decoders.probe(paths)
        seconds = (time.perf_counter() - started) / len(paths)
        (decoder,) = decoders._idle
        with open(f"/proc/{decoder._process.pid}/status", encoding="ascii") as file:
            most = next(line.split()[1] for line in file if line.startswith("VmHWM"))
        return seconds, int(most) * 1024
    finally:
        decoders.release()


def _photo(width: int, height: int) -> Image.Image:
    """Something that compresses as photos do."""
    rng = random.Random(width)
    size = width // 40, height // 40
    coarse = Image.frombytes("RGB", size, rng.randbytes(size[0] * size[1] * 3))
    smooth = coarse.resize((width, height), Image.Resampling.BICUBIC)
    return Image.blend(smooth, Image.effect_noise((width, height), 20).convert("RGB"), 0.1)


def _saved(form: str, width: int, height: int, **options: object) -> Callable[[str], None]:
    def save(path: str) -> None:
        pillow_heif.register_heif_opener()
        _photo(width, height).save(path, form, **options)

    return save


def _flat_png(path: str) -> None:
    with open(path, "wb") as file:
        file.write(png(15_500, 16_000, zeros_deflated(16_000 * (1 + 3 * 15_500))))


def _video(path: str) -> None:
    with open(path, "wb") as file:
        file.write(footage("mov", frames=500))


_FAST = {"preset": "ultrafast"}

_SMALL = {
    "12 megapixels JPEG": _saved("JPEG", 4032, 3024, quality=90),
    "12 megapixels HEIC": _saved("HEIF", 4032, 3024, quality=40, enc_params=_FAST),
    "12 megapixels PNG": _saved("PNG", 4032, 3024, compress_level=1),
    "20 s of video MOV": _video,
}
_LARGE = {
    "12 megapixels, progressive JPEG": _saved("JPEG", 4032, 3024, quality=90, progressive=True),
    "12 megapixels WEBP": _saved("WEBP", 4032, 3024, quality=80),
    "200 megapixels JPEG": _saved("JPEG", 16_320, 12_240, quality=60),
    "248 megapixels, flat PNG": _flat_png,
}
