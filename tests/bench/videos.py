"""How well and how fast are videos looked through? Generated videos with known truth.

    python -m tests.bench.videos [--quick]           # who is in them: by frames, and by Immich's frame alone
    python -m tests.bench --only videos              # time and memory, beside ffmpeg
    python -m tests.bench --only videos --row memory # one row of it: 10 s, 1 min, 10 min, key frames, ...

The first draws people who come, stay, turn away and pass (`tests.films`), in four codecs, rotated and
damaged, from one second to ten minutes. Everything from the file on is smartsort's own code. What Immich's
machine learning service would say is read off the pictures. Then it prints, for other shares of the frames,
how many strangers block and how many second people are missed.
"""

from __future__ import annotations

import argparse
import asyncio
import glob
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import Any, cast

import av
from tests import films
from tests.bench.deliveries import copy_of, through
from tests.bench.report import Figure, median
from tests.bench.sidecar import demo_server, most_mb
from tests.bench.startup import environment_of, installed
from tests.films import Cast, Film

from smartsort.confidence.films import compared, watched
from smartsort.confidence.service import FaceService, Seen
from smartsort.confidence.service import _seen as parsed
from smartsort.core import model, similarity
from smartsort.core.decision import decide
from smartsort.core.model import Evidence, Face, Outcome, Person
from smartsort.core.policy import Policy
from smartsort.core.similarity import Likeness
from smartsort.files.decoders import Decoders
from smartsort.files.frames import Frames, frames
from smartsort.files.resources import Budget
from smartsort.ports import FaceModel

POLICY = Policy(min_face_area=0.005)
FAMILY = {who: Person(str(who), name) for who, name in enumerate(("Anna", "Ben", "Carla", "Dora"))}
STRANGERS = range(8, 16)
LENGTHS = (1.0, 3.0, 10.0, 30.0, 60.0, 180.0, 600.0)
CODECS = (("libx264", "mp4"), ("libx265", "mp4"), ("libvpx-vp9", "webm"), ("libsvtav1", "mp4"))


@dataclass(frozen=True, slots=True)
class Story:
    """A video, and what should become of it: filed under somebody, or waiting for a reason."""

    kind: str
    film: Film
    person: str | None
    damaged: bool = False


def stories(seed: int, lengths: Sequence[float]) -> Iterator[Story]:
    """One of each kind for each length."""
    rng = random.Random(seed)
    for number, seconds in enumerate(lengths):
        who = rng.choice(list(FAMILY))
        other = rng.choice([one for one in FAMILY if one != who])
        stranger, name = rng.choice(STRANGERS), FAMILY[who].name
        late = rng.uniform(0.3, 0.5) * seconds
        short = rng.uniform(0.04, 0.1) * seconds
        passing = rng.uniform(0, seconds - short)
        large, left = rng.uniform(0.3, 0.6), rng.uniform(0.2, 0.3)
        codec, container = CODECS[(number + seed) % len(CODECS)]
        plain = Film(
            seconds,
            (),
            codec=codec,
            container=container,
            rate=12 if seconds < 100 else 4,
            size=(640, 360) if seconds < 100 else (320, 180),
            rotation=rng.choice((0, 0, 90, 180, 270)) if container == "mp4" else 0,
            jitter=rng.random() < 0.3,
        )
        alone = Cast(who, 0, seconds, large, turns=True)

        def of(
            kind: str, person: str | None, *cast: Cast, plain: Film = plain, damaged: bool = False
        ) -> Story:
            return Story(kind, replace(plain, cast=cast), person, damaged)

        yield of("alone", name, alone)
        yield of("comes late", name, alone._replace(begins=late))
        yield of("leaves", name, alone._replace(ends=seconds - late))
        passer = Cast(stranger, passing, passing + short, 0.45, left)
        yield of("stranger passes", name, alone._replace(middle=0.7), passer)
        first = Cast(stranger, 0, short, 0.45, left)
        yield of("stranger on the poster", name, alone._replace(begins=short, middle=0.7), first)
        lasting = Cast(other, rng.uniform(0, 0.55) * seconds, seconds, 0.4, left, turns=True)
        yield of("second person stays", None, alone._replace(middle=0.7), lasting)
        somebody = Cast(stranger, rng.uniform(0.1, 0.55) * seconds, seconds, 0.4, left)
        yield of("second stranger stays", None, alone._replace(middle=0.7), somebody)
        yield of("stranger alone", None, Cast(stranger, 0, seconds, 0.5))
        yield of("nobody", None)
        if seconds >= 10 and codec == "libx264":
            yield of("damaged", name, alone, damaged=True)


class _Service:
    """What Immich's machine learning service would say of a frame."""

    async def faces(self, picture: bytes, _model: FaceModel) -> Seen:
        return parsed(films.answer(picture))


class _Faces:
    service = cast("FaceService", _Service())

    async def model(self) -> FaceModel:
        return FaceModel("drawn", 0.7)


def galleries() -> list[Likeness]:
    """Eight confirmed faces of everybody in the family, from other pictures."""
    return [
        Likeness.of(person, [films.vector(who, 0, f"album {n}") for n in range(8)])
        for who, person in FAMILY.items()
    ]


@dataclass(frozen=True, slots=True)
class Judged:
    """A story's evidence by its frames, and by its first frame as Immich shows it."""

    story: Story
    evidence: Evidence
    poster: Evidence


def judged(story: Story, found: Frames, likenesses: Sequence[Likeness]) -> Judged:
    """What smartsort makes of the frames."""
    if found.problem:
        return Judged(story, Evidence(film=model.Film(broken=found.problem)), Evidence())
    seen = asyncio.run(watched(cast("Any", _Faces()), 1, found.frames))
    film, suggestions, sure = compared(
        Evidence(), seen.film, seen.vectors, likenesses, own=likenesses, mistaken=lambda _: ()
    )
    evidence = Evidence(film=film, suggestions=suggestions, confidence=sure)
    return Judged(story, evidence, _poster(found.frames[0].picture, likenesses))


def _poster(picture: bytes, likenesses: Sequence[Likeness]) -> Evidence:
    """As Immich: one frame, and its faces belong to whom they are alike."""
    faces, sure = [], {}
    seen = parsed(films.answer(picture))
    for number, one in enumerate(seen.faces):
        near = similarity.closest(one.vector, likenesses, 1)
        person = near[0].person if near and (near[0].similarity or 0) >= similarity.SAME_PERSON else None
        face = Face(f"poster-{number}", one.box, seen.width, seen.height, person)
        faces.append(face)
        if person is not None:
            sure[face.id] = similarity.confidence(
                one.vector, next(li for li in likenesses if li.person == person), likenesses
            )
    return Evidence(tuple(faces), confidence=sure)


def verdict(story: Story, evidence: Evidence) -> str:
    """`right`, or in which way it is wrong."""
    decision = decide(evidence, POLICY)
    filed = [person.name for person in decision.people]
    if story.person is None:
        return "right" if decision.outcome is not Outcome.SORTED else "filed, should wait"
    if decision.outcome is Outcome.SORTED:
        return "right" if filed == [story.person] else "wrong person"
    return f"waits ({decision.reason.code})"


def made(story: Story, folder: str) -> str:
    """The story's file."""
    path = films.make(story.film, os.path.join(folder, f"story.{story.film.container}"))
    if story.damaged:
        with open(path, "r+b") as file:
            size = os.path.getsize(path)
            file.seek(size // 2)
            file.write(random.Random(size).randbytes(min(4000, size // 10)))
    return path


def main() -> int:
    """Print both tables; 1 when a decision by frames is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="Only the short ones.")
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    lengths = LENGTHS[:4] if chosen.quick else LENGTHS
    likenesses, found = galleries(), list[Judged]()
    with tempfile.TemporaryDirectory(prefix="smartsort-videos-") as folder:
        for seed in range(chosen.seeds):
            for story in stories(seed, lengths):
                found.append(judged(story, frames(made(story, folder)), likenesses))
    _print_verdicts(found)
    _print_shares(found)
    return int(any(verdict(one.story, one.evidence) != "right" for one in found))


def _print_verdicts(found: Sequence[Judged]) -> None:
    print(f"{len(found)} videos, {sum(one.story.film.seconds for one in found) / 60:.0f} minutes")
    print(f"{'':24} {'by frames':>20}   by the poster alone")
    for kind in dict.fromkeys(one.story.kind for one in found):
        own = [one for one in found if one.story.kind == kind]
        by_frames = Counter(verdict(one.story, one.evidence) for one in own)
        by_poster = Counter(verdict(one.story, one.poster) for one in own)
        print(f"{kind:24} {_told(by_frames, len(own)):>20}   {_told(by_poster, len(own))}")


def _told(counts: Counter[str], of: int) -> str:
    wrong = ", ".join(f"{n} {what}" for what, n in counts.most_common() if what != "right")
    return f"{counts['right']} of {of} right" + (f": {wrong}" if wrong else "")


def _print_shares(found: Sequence[Judged]) -> None:
    """What other shares of the frames would have made of them."""
    print(f"\n{'share of frames':24} {'passers who block':>20}   second people missed")
    now = model.LASTING
    for share in (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5):
        model.LASTING = share
        passing = [one for one in found if one.story.kind.startswith("stranger") and one.story.person]
        staying = [one for one in found if one.story.kind.startswith("second")]
        blocked = sum(verdict(one.story, one.evidence) != "right" for one in passing)
        missed = sum(verdict(one.story, one.evidence) != "right" for one in staying)
        mark = " *" if share == now else ""
        print(f"{share:<24} {blocked:>14} of {len(passing):<3}   {missed} of {len(staying)}{mark}")
    model.LASTING = now


# --- time and memory -------------------------------------------------------------------------

SIZES = {"1080p": (1920, 1080), "4K": (3840, 2160)}
RATE, MINUTE = 25, 60.0

DRAWN = os.path.join(tempfile.gettempdir(), "smartsort-bench-films")
"""Where films stay for the next run: drawing them takes longer than what is measured."""


ROWS = ("10 s", "1 min", "10 min", "key frames", "memory", "photos")
"""Parts of the table that can be measured by themselves."""


def run(scratch: str, *, quick: bool, rows: Sequence[str] = ()) -> Iterator[Figure]:
    """Figures for each length and size, beside ffmpeg taking the same frames if it is installed."""
    rows = rows or (("10 s", "memory", "photos") if quick else ROWS)
    for row, seconds in (("10 s", 10.0), ("1 min", MINUTE), ("10 min", 600.0)):
        for name, size in SIZES.items() if row in rows else ():
            path = _film(scratch, seconds, size, 10)
            yield from _timed(f"{seconds:.0f} s of {name}", path, 3 if seconds < MINUTE and not quick else 1)
    if "key frames" in rows:
        path = _film(scratch, 600.0, SIZES["1080p"], 1)
        yield from _timed("600 s of 1080p, a key frame each second", path, 3)
    if "memory" in rows:
        yield from _memory(scratch, 4 if quick else 30)
    if "photos" in rows:
        yield _photos_beside_videos(scratch, 300 if quick else 1000, 1 if quick else 3)


def _film(scratch: str, seconds: float, size: tuple[int, int], key_seconds: int) -> str:
    """A film, drawn once. One that is longer than a minute is a minute, again and again."""
    path = os.path.join(DRAWN, f"{seconds:.0f}-{size[1]}-{RATE}-{key_seconds}.mp4")
    if not os.path.exists(path):
        os.makedirs(DRAWN, exist_ok=True)
        made_here = os.path.join(scratch, "drawn.mp4")
        if seconds > MINUTE:
            _repeat(_film(scratch, MINUTE, size, key_seconds), round(seconds / MINUTE), made_here)
        else:
            options = (("g", str(RATE * key_seconds)),)
            cast = (Cast(1, 0, seconds, turns=True),)
            films.make(Film(seconds, cast, size=size, rate=RATE, options=options), made_here)
        shutil.move(made_here, f"{path}.part")
        os.replace(f"{path}.part", path)
    return path


def _repeat(source: str, times: int, path: str) -> None:
    with av.open(source) as one, av.open(path, "w") as many:
        video = one.streams.video[0]
        stream = many.add_stream_from_template(video)
        for number in range(times):
            one.seek(0)
            for packet in one.demux(video):
                if packet.dts is not None and packet.pts is not None:
                    packet.dts += number * (video.duration or 0)
                    packet.pts += number * (video.duration or 0)
                    packet.stream = stream
                    many.mux(packet)


def _memory(scratch: str, count: int) -> Iterator[Figure]:
    """The most that `serve` and a decoder take while it looks through videos for people and for copies."""
    root = os.path.join(scratch, "memory")
    inbox = os.path.join(root, "inbox")
    os.makedirs(inbox)
    for number in range(count):
        copy_of(_film(scratch, 10.0, SIZES["1080p"], 10), inbox, number)
    with (
        demo_server(os.path.join(root, "library"), "instant") as url,
        demo_server(os.path.join(scratch, "learning"), "instant", "--machine-learning") as learning,
    ):
        environment = environment_of(installed(scratch), root, url) | {
            "SMARTSORT_IMMICH__ML_URL": learning,
            "SMARTSORT_DEDUPLICATION__NEAR_DUPLICATES": "true",
            "SMARTSORT_INBOX__SETTLE_SECONDS": "0.2",
            "SMARTSORT_API__PORT": "0",
        }
        serve = [sys.executable, "-m", "smartsort.cli.main", "serve"]
        process = subprocess.Popen(serve, env=environment, stderr=subprocess.DEVNULL)
        try:
            own, decoder = _peaks(process.pid, os.path.join(root, "smartsort.db"), count)
        finally:
            process.terminate()
            process.wait()
    yield Figure("videos", f"serve while it looks through {count} videos, most memory", own, "MB", limit=150)
    yield Figure("videos", f"a decoder of {count} videos, most memory", decoder, "MB", limit=400)


def _peaks(process: int, ledger: str, count: int) -> tuple[float, float]:
    """MB of a sidecar, and the most of one of its processes, until so many videos were looked through."""
    own, most, seen = 0.0, 0.0, 0
    while seen < count:
        time.sleep(0.1)
        own = most_mb(process)
        for children in glob.glob(f"/proc/{process}/task/*/children"):
            with suppress(OSError), open(children, encoding="ascii") as file:
                for child in file.read().split():
                    with suppress(OSError, StopIteration):  # ended meanwhile
                        most = max(most, most_mb(child))
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as db:
            seen = int(db.execute("SELECT count(*) FROM films").fetchone()[0])
    return own, most


def _photos_beside_videos(scratch: str, count: int, runs: int) -> Figure:
    """Photos per second while videos are looked through, beside as many photos alone: the median pair."""
    path, pairs = _film(scratch, MINUTE, SIZES["1080p"], 1), []
    for number in range(runs):
        pace = {}
        for videos in ((), (path,) * 4)[:: (1, -1)[number % 2]]:  # each comes first in its turn
            name = f"photos-{number}-{len(videos)}"
            taken = through(
                scratch, name, "instant", count, videos=videos, **{"deduplication.near_duplicates": True}
            )
            pace[bool(videos)] = count / taken.seconds
        pairs.append((pace[True], pace[False]))
    beside, alone = sorted(pairs, key=lambda pair: pair[0] / pair[1])[runs // 2]
    what = f"{count} photos while videos are looked through"
    return Figure("videos", what, beside, "photos/s", alone, 0.95, True)


def _timed(what: str, path: str, runs: int) -> Iterator[Figure]:
    ours, theirs, with_copies = [], [], []
    for _ in range(runs):
        cost, times = _by_smartsort(path)
        ours.append(cost)
        with_copies.append(_by_smartsort(path, copies=True)[0])
        if shutil.which("ffmpeg"):
            theirs.append(_by_ffmpeg(path, times))
    for name, unit, costs in (
        ("seconds", "s", ours),
        ("processor", "s", ours),
        ("memory", "MB", ours),
        ("processor", "s", with_copies),
    ):
        own, beside = (
            median([getattr(cost, name) for cost in all_]) if all_ else None for all_ in (costs, theirs)
        )
        more = ", with near-duplicates" if costs is with_copies else ""
        yield Figure("videos", f"{what}, {name}{more}", own or 0.0, unit, beside, 1.3 if beside else None)
    most = max(cost.memory for cost in (*ours, *with_copies))
    yield Figure("videos", f"{what}, most memory", most, "MB", limit=400)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of the frames of one video: seconds on the clock and of a processor, and the most MB of a process."""

    seconds: float
    processor: float
    memory: float


def _by_smartsort(path: str, *, copies: bool = False) -> tuple[Cost, list[float]]:
    """What the frames cost in a decoder that is there already, and when they are shown.

    `copies`: with as many looks as it takes to find copies that begin elsewhere.
    """
    decoders = Decoders(Budget(1, 400 << 20, 400 << 20))
    try:
        decoders.metadata([path])
        process = decoders._idle[0]._process.pid
        before, started = _processor_seconds(process), time.perf_counter()
        found = decoders.frames(path, copies=copies)
        seconds = time.perf_counter() - started
        if not isinstance(found, Frames) or found.problem:
            raise RuntimeError(f"{path}: {found}")
        with open(f"/proc/{process}/status", encoding="ascii") as file:
            memory = int(next(line.split()[1] for line in file if line.startswith("VmHWM"))) / 1024
        cost = Cost(seconds, _processor_seconds(process) - before, memory)
        return cost, [frame.at for frame in found.frames]
    finally:
        decoders.close()


def _processor_seconds(process: int) -> float:
    with open(f"/proc/{process}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _by_ffmpeg(path: str, times: Sequence[float]) -> Cost:
    """The same frames at the same size, one process each: it goes to the key frame before the moment."""
    most, processor, started = 0, 0.0, time.perf_counter()
    for at in times:
        process = subprocess.Popen(
            [
                *("ffmpeg", "-loglevel", "error", "-y", "-ss", str(at), "-i", path),
                *("-vf", "scale=-2:1080", "-frames:v", "1", "-q:v", "3", "-f", "mjpeg", os.devnull),
            ]
        )
        while True:
            # What `wait4` tells of the memory is never less than what this process takes.
            with suppress(OSError), open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                most = max([most, *(int(line.split()[1]) for line in file if line.startswith("VmHWM"))])
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            time.sleep(0.005)
        if status:
            raise RuntimeError(f"ffmpeg failed with {status}")
        processor += usage.ru_utime + usage.ru_stime
    return Cost(time.perf_counter() - started, processor, most / 1024)


if __name__ == "__main__":
    sys.exit(main())
