"""How many trimmed, re-encoded or resized copies of videos are found, and how many others are taken for some?

    python -m tests.bench.copies [--videos N] [--seed S]

Generated videos of a camera that moves by hand over drawn scenes, with cuts or without, with a key frame
each second, each two seconds or rarely. Each is held against copies of it, against another take of the same
scene, and against the others.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import sin

import av
from PIL import Image, ImageDraw, ImageFilter
from sqlite_utils import Database

from smartsort.files.frames import Frames, frames
from smartsort.files.perceptual_hash import same_video
from smartsort.ledger import picture_hashes

SCENES = {"one scene": 1e9, "cuts": 4.7}
"""Seconds of a scene."""


@dataclass(frozen=True, slots=True)
class Take:
    """A video to make: what is in front of the camera, how that moves, and how it is encoded."""

    place: int
    seconds: float
    scene: float = 1e9
    begins: float = 0.0
    path: int = 0
    """Another one is another take."""
    moves: float = 1.0
    gop: int = 15
    size: tuple[int, int] = (320, 180)
    bars: int = 0
    codec: str = "libx264"
    crf: int = 23
    rate: int = 15


def made(take: Take, path: str) -> str:
    """Write the video. Returns `path`."""
    with av.open(path, "w") as output:
        options = {"preset": "ultrafast", "crf": str(take.crf), "g": str(take.gop), "sc_threshold": "0"}
        if take.codec == "libx265":
            options["x265-params"] = f"log-level=none:keyint={take.gop}:min-keyint={take.gop}:scenecut=0"
        stream = output.add_stream(take.codec, rate=take.rate, options=options)
        width, height = take.size
        stream.width, stream.height, stream.pix_fmt = width, height + 2 * take.bars, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(round(take.seconds * take.rate)):
            at = number / take.rate
            picture = seen(take, at + take.begins).resize(take.size, Image.Resampling.BILINEAR)
            if take.bars:
                whole = Image.new("RGB", (width, height + 2 * take.bars))
                whole.paste(picture, (0, take.bars))
                picture = whole
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = round(at * 1000), Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


_drawn: dict[tuple[int, int], Image.Image] = {}


def _scene(place: int, number: int) -> Image.Image:
    """A wide picture with large and small things."""
    if (place, number) not in _drawn:
        rng = random.Random(place * 1000 + number)
        coarse = Image.frombytes("RGB", (16, 9), rng.randbytes(16 * 9 * 3))
        wide = coarse.resize((800, 450), Image.Resampling.BICUBIC)
        draw = ImageDraw.Draw(wide)
        for _ in range(60):
            x, y, size = rng.randrange(800), rng.randrange(450), rng.choice((10, 20, 40, 80))
            shape = rng.choice((draw.ellipse, draw.rectangle))
            shape((x, y, x + size, y + size * rng.uniform(0.4, 2)), fill=tuple(rng.randbytes(3)))
        _drawn.clear()
        _drawn[place, number] = wide.filter(ImageFilter.GaussianBlur(0.7))
    return _drawn[place, number]


def seen(take: Take, at: float) -> Image.Image:
    """What the camera sees at a time of the story: it sways as a hand does, and somebody walks by."""
    number = int(at / take.scene)
    rng = random.Random(f"{take.place} {number} {take.path}")
    phases = [rng.uniform(0, 6.3) for _ in range(4)]
    speed = [rng.uniform(0.2, 0.7) for _ in range(4)]
    sway = [sin(at * s + p) + 0.1 * sin(at * 7 * s + 2 * p) for s, p in zip(speed, phases, strict=True)]
    zoom = 1 + 0.15 * take.moves * sway[2]
    width, height = 480 * zoom, 270 * zoom
    left = (800 - width) / 2 * (1 + 0.8 * take.moves * sway[0])
    top = (450 - height) / 2 * (1 + 0.8 * take.moves * sway[1])
    box = (max(0.0, left), max(0.0, top), min(800.0, left + width), min(450.0, top + height))
    picture = _scene(take.place, number).resize((320, 180), Image.Resampling.BILINEAR, box=box)
    x = (at * 30 * speed[3] + phases[3] * 50) % 350 - 30
    ImageDraw.Draw(picture).ellipse((x, 60, x + 30, 150), fill=(200, 60, 40))
    return picture


def copies(take: Take, rng: random.Random) -> Iterator[tuple[str, Take]]:
    """Copies of a video, as people and programs make them."""
    cut = rng.uniform(0.15, 0.5) * take.seconds
    other_gop = rng.choice([g for g in (15, 30, 250) if g != take.gop])
    again = replace(take, crf=30, gop=other_gop)
    yield "re-encoded", replace(again, codec="libx265")
    yield "half size, other rate", replace(again, size=(192, 108), rate=12)
    yield "end cut", replace(again, seconds=take.seconds - cut)
    yield "beginning cut", replace(again, begins=cut, seconds=take.seconds - cut)
    yield "beginning cut, half size", replace(again, begins=cut, seconds=take.seconds - cut, size=(192, 108))
    yield "both cut", replace(again, begins=cut / 2, seconds=take.seconds - cut)
    yield "a third of it", replace(again, begins=cut, seconds=take.seconds / 3)
    yield "letterboxed, cut", replace(again, bars=30, begins=cut, seconds=take.seconds - cut)


class Index:
    """The ledger's tables about what videos look like."""

    def __init__(self) -> None:
        self._db = Database(memory=True)
        self._db.conn.execute("CREATE TABLE picture_hashes (photo_id INTEGER PRIMARY KEY, hash BLOB)")
        self._db.conn.execute(
            "CREATE TABLE picture_hash_parts (part INTEGER, photo_id INTEGER, PRIMARY KEY (part, photo_id))"
            " WITHOUT ROWID"
        )

    def put(self, number: int, found: Frames) -> None:
        picture_hashes.put_video(self._db, number, found.looks)

    def alike(self, found: Frames) -> list[int]:
        others = picture_hashes.videos_in_common(self._db, found.looks, 1 << 30)
        return sorted(i for i, theirs in others.items() if same_video(theirs, found.looks))

    @property
    def rows(self) -> int:
        return int(self._db.conn.execute("SELECT count(*) FROM picture_hash_parts").fetchone()[0])


def takes(count: int, seed: int) -> Iterator[tuple[str, Take]]:
    for number in range(count):
        rng = random.Random(seed * 1000 + number)
        name, scene = list(SCENES.items())[number % len(SCENES)]
        seconds = (8.0, 20.0, 45.0, 100.0)[number // 2 % 4]
        gop = (15, 30, 250)[number % 3]
        yield name, Take(seed * 1000 + number, seconds * rng.uniform(0.8, 1.2), scene, gop=gop)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--videos", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", metavar="DIR", help="Where the videos stay, for another run.")
    chosen = parser.parse_args()
    found_of: Counter[tuple[str, str]] = Counter()
    of: Counter[tuple[str, str]] = Counter()
    wrong: list[str] = []
    spent = 0.0

    def look(take: Take, folder: str) -> Frames:
        nonlocal spent
        path = os.path.join(folder, f"{hashlib.sha256(repr(take).encode()).hexdigest()}.mp4")
        if not os.path.exists(path):
            made(take, path)
        begun = time.process_time()
        seen_ = frames(path)
        spent += time.process_time() - begun
        return seen_

    with tempfile.TemporaryDirectory(prefix="smartsort-copies-") as own:
        folder = chosen.keep or own
        index, known = Index(), list(takes(chosen.videos, chosen.seed))
        for number, (_, take) in enumerate(known):
            index.put(number, look(take, folder))
        for number, (_, take) in enumerate(known):
            length = f"{take.seconds:.0f} s, key frame each {take.gop / take.rate:.0f} s"
            rng = random.Random(number)
            one = look(take, folder)
            for kind, copy in copies(take, rng):
                other = look(copy, folder)
                alike = index.alike(other)
                later = Index()
                later.put(number, other)
                for way, right in (("later", number in alike), ("earlier", bool(later.alike(one)))):
                    of[kind, way] += 1
                    found_of[kind, way] += right
                    if not right:
                        print(f"not found: {kind} ({way}) of {length}", flush=True)
                wrong += [f"{kind} of {number} taken for {i}" for i in alike if i != number]
            still = replace(take, moves=0)
            for kind, base, held in (
                ("another take", one, replace(take, path=1, gop=30)),
                ("a later part", one, replace(take, begins=take.begins + 400, gop=30)),
                ("another take on a tripod", look(still, folder), replace(still, path=1)),
            ):
                of[kind, "later"] += 1
                if same_video(base.looks, look(held, folder).looks):
                    found_of[kind, "later"] += 1
                    wrong.append(f"{kind} of {length}")
            part = replace(still, begins=2.3, seconds=take.seconds - 3, crf=30, gop=30)
            right = same_video(look(still, folder).looks, look(part, folder).looks)
            of["both cut, on a tripod", "later"] += 1
            found_of["both cut, on a tripod", "later"] += right
    for kind, way in of:
        print(f"{kind:28} {way:8} {found_of[kind, way]} of {of[kind, way]}")
    print(f"taken for a copy and none: {len(wrong)}", *wrong, sep="\n  ")
    print(f"{index.rows} rows of index for {len(known)} videos, {spent:.1f} s of a processor")
    return 0


if __name__ == "__main__":
    sys.exit(main())
