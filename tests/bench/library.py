"""What photos cost that are in Immich already: listed, judged, linked, and a person who changes.

Immich is a stand-in that answers at once, so all time is our own. It is processor time: the disk is busy with
something else on most machines.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.bench.report import Figure
from tests.bench.sidecar import resident_mb, settings_for
from tests.fake_immich import FakeServer, by_name

from smartsort.bootstrap import Sidecar, open_sidecar
from smartsort.core.model import Box, Face, Person
from smartsort.ledger import observed
from smartsort.ports import Owned

PAGE = 1000
PEOPLE = 50
UPLOADS = "/data/upload"
FOLDERS = 1000
NAMES_OF_A_FILE = 50_000
"""Names that one file gets: ext4 allows 65,000."""

LINKED = 5_000
"""Photos that get their links. Each costs the disk as much, so more would tell nothing."""


def run(scratch: str, *, quick: bool) -> Iterator[Figure]:
    """Measure each size in a process of its own."""
    for size in (2_000, 5_000) if quick else (10_000, 100_000, 1_000_000):
        command = [sys.executable, "-m", "tests.bench.library", scratch, str(size)]
        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        for what, target in (("listed and judged", 500), ("listed again", 500), ("linked", None)):
            yield Figure("library", f"photos {what} at {size:,}", found[what], "/s", None, target, least=True)
        yield Figure("library", f"requests beside the faces at {size:,}", found["requests"], "", None, 0.02)
        yield Figure("library", f"links undone at {size:,}", found["undone"], "/s")
        yield Figure("library", f"memory at {size:,}", found["memory"], "MB", None, 250)
        yield Figure(
            "library", f"photos judged again for one person of {PEOPLE} at {size:,}", found["again"], ""
        )


class Answers(FakeServer):
    """An Immich with so many photos of fifty people, made up when they are asked for."""

    def __init__(self, library: str, size: int) -> None:
        super().__init__(library, [f"Person {n}" for n in range(PEOPLE)], by_name)
        self.size = size
        self.everybody = list(self.people_by_id.values())
        self.start = datetime(2000, 1, 1, tzinfo=UTC)

    def person_on(self, number: int) -> Person:
        return self.people_by_id[self.everybody[number % PEOPLE].id]

    async def owned(
        self, taken_after: str | None, page: int, created_after: str | None = None, *, clips: bool = False
    ) -> tuple[Sequence[Owned], bool]:
        self._call("owned")
        after = 0
        if taken_after is not None:
            after = int((datetime.fromisoformat(taken_after) - self.start).total_seconds())
        first = after + (page - 1) * PAGE
        numbers = range(first, min(first + PAGE, self.size))
        return [self._listed(n) for n in numbers], first + PAGE < self.size

    def _listed(self, number: int) -> Owned:
        taken = (self.start + timedelta(seconds=number)).isoformat()
        person = self.person_on(number)
        path, name = path_of(number), f"IMG_{number}.jpg"
        people = {person.id: person.name}
        return Owned(asset_of(number), "user-1", path, name, None, taken, taken, False, people)

    async def faces(self, asset_id: str) -> Sequence[Face]:
        self._call("faces")
        person = self.person_on(int(asset_id.rpartition("-")[2]))
        return (Face(f"face-{asset_id}", Box(0, 0, 300, 300), 1440, 1440, person),)


def asset_of(number: int) -> str:
    """An id in no order, as Immich's are: an index on them is read and written all over."""
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}-{number}"


def path_of(number: int) -> str:
    """A path in no order either, in one of a thousand folders."""
    return f"{UPLOADS}/{number * 7919 % FOLDERS}/IMG_{number}.jpg"


def make_files(folder: str, size: int) -> None:
    """A file for each photo: names of a few, so that a million of them take no space."""
    first = ""
    for number in range(FOLDERS):
        os.makedirs(os.path.join(folder, str(number)))
    for number in range(size):
        path = f"{folder}{path_of(number).removeprefix(UPLOADS)}"
        if number % NAMES_OF_A_FILE == 0:
            with open(path, "wb") as file:
                file.write(b"a photo")
            first = path
        else:
            os.link(first, path)


async def measure(scratch: str, size: int) -> dict[str, float]:
    """The figures of one size."""
    base = os.path.join(scratch, f"library-{size}")
    root, folder = os.path.join(base, "root"), os.path.join(base, "immich")
    os.makedirs(root)
    make_files(folder, size)
    server = Answers(os.path.join(root, "library"), size)
    more: dict[str, Any] = {"backfill.path_mapping": {UPLOADS: folder}, "whitelist": [], "blacklist": []}
    sidecar = open_sidecar(
        settings_for(root, "http://immich.test", **more, **{"backfill.requests_per_minute": 60_000}),
        server=server,
    )
    try:
        await sidecar.actions.backfill_plan()
        found = {"listed and judged": size / await timed(sidecar)}
        found["requests"] = (server.calls_made.total() - server.calls_made["faces"]) / size
        assert server.calls_made["faces"] == size
        await sidecar.actions.backfill_plan()
        found["listed again"] = size / await timed(sidecar)
        await sidecar.actions.backfill_apply("bench", LINKED)
        found["linked"] = min(size, LINKED) / (await timed(sidecar) - size / found["listed again"])
        person = server.everybody[7]
        server.people_by_id[person.id] = Person(person.id, "Another Name")
        asked = server.calls_made["faces"]
        await sidecar.people.refresh(max_age=0)
        await timed(sidecar)
        found["again"] = server.calls_made["faces"] - asked
        found["memory"] = resident_mb()
        started = time.process_time()
        undone = await sidecar.actions.undo_last("bench", actor="bench")
        found["undone"] = undone.done / (time.process_time() - started)
        found["memory after"] = resident_mb()
        return found
    finally:
        await sidecar.close()


async def timed(sidecar: Sidecar) -> float:
    """Step the stage until nothing is left. Return seconds of processor time."""
    stage = next(s for s in sidecar.runner._stages if s.name == "backfill")
    started = time.process_time()
    while await stage.step():
        pass
    progress = await sidecar.context.ledger.aread(observed.progress)
    assert not progress.listing
    return time.process_time() - started


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(sys.argv[1], int(sys.argv[2])))))
