"""Hashing, duplicate check and placement of many files, against `sha256sum` and `ln` of the same files.

Decoding is left out there: it is not what the yardstick does, and has figures of its own (`decoding`).
Everything else is the real path of a photo: claim, both digests, the ledger's duplicate check, the library,
with every commit and flush.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from unittest import mock

from tests.bench import decoding
from tests.bench.report import Figure, median
from tests.bench.sidecar import Bench

from smartsort.core.model import State
from smartsort.core.pace import Batches
from smartsort.files.decoders import Decoders
from smartsort.files.inbox import scan_inbox
from smartsort.files.media import Kind
from smartsort.files.probe import Probe
from smartsort.pipeline.arrival.claim import Offered
from smartsort.pipeline.recognition.place import PlaceStage

RUNS = 3


def run(scratch: str, *, quick: bool) -> Iterator[Figure]:
    """Figures for photo-sized and for small files."""
    for what, count, size, limit in (
        ("4 MB files", 20 if quick else 100, 4_000_000, 1.25),
        ("50 KB files", 1000 if quick else 10_000, 50_000, 2.0),
    ):
        ours, theirs, again, grown = [], [], [], []
        for number in range(1 if quick else RUNS):
            folder = os.path.join(scratch, f"intake-{size}-{number}")
            files = _make(os.path.join(folder, "files"), count, size)
            theirs.append(_yardstick(files, os.path.join(folder, "links")))
            seconds, twice, room = asyncio.run(_ours(files, os.path.join(folder, "root")))
            ours.append(seconds)
            again.append(twice)
            grown.append(room / count)
            shutil.rmtree(folder)
        yield Figure("intake", f"{count} {what}, vs sha256sum + ln", median(ours), "s", median(theirs), limit)
        yield Figure("intake", f"{count} {what}, written a second time", median(again), "files", None, 0)
        yield Figure("intake", f"{count} {what}, room for names and folders", median(grown) / 1000, "KB each")
    yield from decoding.run(scratch, quick=quick)


def _make(folder: str, count: int, size: int) -> list[str]:
    os.makedirs(folder)
    paths = []
    block = os.urandom(size)
    for number in range(count):
        path = os.path.join(folder, f"IMG_{number:05}.jpg")
        with open(path, "wb") as file:
            file.write(number.to_bytes(8, "big") + block[8:])
        paths.append(path)
    os.sync()
    return paths


def _yardstick(files: list[str], links: str) -> float:
    os.makedirs(links)
    names = "\0".join(files).encode()
    started = time.perf_counter()
    subprocess.run(["xargs", "-0", "sha256sum"], input=names, stdout=subprocess.DEVNULL, check=True)
    subprocess.run(["xargs", "-0", "ln", "-t", links], input=names, check=True)
    return time.perf_counter() - started


async def _ours(files: list[str], root: str) -> tuple[float, int, int]:
    """Seconds until every file is in the library, how many have other bytes than those that were dropped, and
    by how many bytes the disk's use has grown.

    The stages run side by side, as in the sidecar.
    """
    dropped = {os.stat(path).st_ino for path in files}
    async with Bench(root, max_in_flight=len(files)) as bench:
        # Nothing is recognised here, so nothing may wait for it: whatever is ready is placed.
        no_bound = mock.patch.object(PlaceStage, "room", _all_of_them)
        no_first = mock.patch.object(Batches, "first_under_way", return_value=False)
        with no_bound, no_first, mock.patch.object(Decoders, "probe", _readable):
            before = _used(root)
            started = time.perf_counter()
            scan = scan_inbox(os.path.dirname(files[0]))
            offered = [Offered(e.path, e.stamp, source="bench") for e in scan.entries]
            claiming = asyncio.create_task(bench.sidecar.claimer.claim(offered))
            placed = bench.sidecar.context.wakeups.subscribe(State.PLACED)
            async with bench.running("examine", "deduplicate", "place"):
                while await bench.count("placed") < len(files):
                    await asyncio.wait_for(placed.wait(), 60.0)
                    placed.clear()
                seconds = time.perf_counter() - started
            await claiming
            grown = _used(root) - before
        found = {
            os.stat(os.path.join(folder, name)).st_ino
            for folder, _, names in os.walk(os.path.join(root, "library"))
            for name in names
            if name.endswith(".jpg")
        }
    return seconds, len(found - dropped), max(0, grown - bench.ledger_bytes())


async def _all_of_them(_place_stage: PlaceStage, waiting: int) -> int:
    return waiting


def _readable(_decoders: Decoders, paths: Sequence[str], _max_pixels: int) -> list[Probe]:
    """Instead of decoding: no mock, whose calls would take as long as the hashing."""
    return [Probe(Kind.IMAGE, "image/jpeg", "jpg", frozenset({"jpg", "jpeg"})) for _ in paths]


def _used(folder: str) -> int:
    status = os.statvfs(folder)
    return (status.f_blocks - status.f_bfree) * status.f_frsize
