"""Photos among files that kill their reader, in a container of little memory.

    python -m tests.faults.killers --limit-mib 512

Runs `smartsort demo --once`, sidecar and demo Immich in one process, in a memory cgroup of its own. Expected:
every photo is filed, every killer waits in review, and the process never dies. Needs a writable hierarchy.
"""

from __future__ import annotations

import argparse
import io
import os
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image

from smartsort.demo.samples import make_album

SECONDS = 600


def zeros_deflated(count: int) -> bytes:
    """So many zero bytes, compressed without ever being in memory."""
    packer, chunk = zlib.compressobj(6), bytes(1 << 20)
    parts = [packer.compress(chunk[: min(len(chunk), count - at)]) for at in range(0, count, len(chunk))]
    return b"".join(parts) + packer.flush()


_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def interlaced_png(width: int, height: int) -> bytes:
    """All of it has to be in memory before its first line is known."""
    passes = (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    )
    size = 0
    for x, y, step_x, step_y in passes:
        columns, rows = -(-(width - x) // step_x), -(-(height - y) // step_y)
        size += rows * (1 + 3 * columns)
    return png(width, height, zeros_deflated(size), interlaced=True)


def png_bomb(width: int, height: int) -> bytes:
    """A head that promises more pixels than there are."""
    return png(width, height, zeros_deflated(1000))


def png(width: int, height: int, data: bytes, *, interlaced: bool = False) -> bytes:
    """A PNG of deflated red, green and blue bytes."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def flat(form: str, width: int, height: int, **options: bool) -> bytes:
    """A picture of one colour in a format whose decoder holds all of it."""
    with io.BytesIO() as out:
        image = Image.new("P" if form == "GIF" else "RGB", (width, height))
        image.save(out, form, quality=5, **options)
        return out.getvalue()


KILLERS: dict[str, Callable[[], bytes]] = {
    "interlaced_248_megapixels.png": lambda: interlaced_png(15_500, 16_000),
    "progressive_144_megapixels.jpg": lambda: flat("JPEG", 12_000, 12_000, progressive=True),
    "flat_240_megapixels.gif": lambda: flat("GIF", 15_500, 15_500),
    "flat_100_megapixels.webp": lambda: flat("WEBP", 10_000, 10_000, lossless=True),
    "bomb.png": lambda: png_bomb(200_000, 200_000),
}


@dataclass
class Outcome:
    code: int
    filed: int
    waiting: dict[str, str]
    """Folder in review, by name."""
    most_bytes: int
    oom_kills: int
    """Processes the kernel has taken: decoders, if any."""

    def problems(self, photos: int) -> list[str]:
        """What is not as it should be."""
        found = [] if self.code == 0 else [f"it ended with {self.code}"]
        if self.filed != photos:
            found.append(f"{self.filed} of {photos} photos are filed")
        found += [f"{name} is not in review" for name in KILLERS if name not in " ".join(self.waiting)]
        return found


def run(base: str, photos: int, limit_bytes: int) -> Outcome:
    """Deliver photos and killers to a demo that may use so much memory."""
    source = os.path.join(base, "photos")
    os.makedirs(source)
    for path in make_album(source, [f"Person {number}" for number in range(-(-photos // 3))])[photos:]:
        os.unlink(path)
    for name, make in KILLERS.items():
        with open(os.path.join(source, name), "wb") as file:
            file.write(make())
    with cgroup(limit_bytes) as place:
        command = [sys.executable, "-m", "smartsort.cli.main", "demo", "--once", "--photos", source]
        command += ["--dir", os.path.join(base, "runs"), "--profile", "instant"]
        done = subprocess.run(
            command,
            preexec_fn=lambda: _write(place, "cgroup.procs", str(os.getpid())),
            timeout=SECONDS,
            check=False,
        )
        most, kills = _used(place)
    (root,) = (entry.path for entry in os.scandir(os.path.join(base, "runs")))
    filed = _files(os.path.join(root, "faces"))
    waiting = {name: os.path.basename(folder) for folder, name in _files(os.path.join(root, "review"))}
    return Outcome(done.returncode, len(filed), waiting, most, kills)


def _files(folder: str) -> list[tuple[str, str]]:
    return [
        (place, name)
        for place, _, names in os.walk(folder)
        for name in names
        if not name.startswith(".") and not name.endswith(".xmp")
    ]


@contextmanager
def cgroup(limit_bytes: int) -> Iterator[str]:
    """A memory cgroup below our own, of version 1 or 2, whose processes may use so much."""
    place = os.path.join(_own(), f"smartsort-killers-{os.getpid()}")
    os.mkdir(place)
    try:
        name = "memory.max" if _is_v2(place) else "memory.limit_in_bytes"
        _write(place, name, str(limit_bytes))
        yield place
    finally:
        os.rmdir(place)


def _own() -> str:
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        lines = [line.rstrip("\n").split(":", 2) for line in file]
    version_1 = next((path for _, names, path in lines if "memory" in names.split(",")), None)
    if version_1 is not None:
        return f"/sys/fs/cgroup/memory{version_1}"
    return f"/sys/fs/cgroup{next(path for _, names, path in lines if not names)}"


def _is_v2(place: str) -> bool:
    return os.path.exists(os.path.join(place, "memory.max"))


def _used(place: str) -> tuple[int, int]:
    """The most bytes that were used at once, and how many processes the kernel has taken."""
    v2 = _is_v2(place)
    most = int(_read(place, "memory.peak" if v2 else "memory.max_usage_in_bytes"))
    words = _read(place, "memory.events" if v2 else "memory.oom_control").split()
    return most, int(dict(zip(words[::2], words[1::2], strict=False)).get("oom_kill", 0))


def _read(place: str, name: str) -> str:
    with open(os.path.join(place, name), encoding="ascii") as file:
        return file.read()


def _write(place: str, name: str, text: str) -> None:
    with open(os.path.join(place, name), "w", encoding="ascii") as file:
        file.write(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=int, default=95)
    parser.add_argument("--limit-mib", type=int, default=512)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="smartsort-killers-") as base:
        outcome = run(base, options.photos, options.limit_mib << 20)
    print(
        f"{options.photos + len(KILLERS)} files: {outcome.filed} filed, {len(outcome.waiting)} in review; "
        f"at most {outcome.most_bytes >> 20} of {options.limit_mib} MiB used, page cache included; "
        f"{outcome.oom_kills} processes taken by the kernel"
    )
    problems = outcome.problems(options.photos)
    for line in problems:
        print(line)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
