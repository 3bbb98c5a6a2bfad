"""Many writers, one inbox: every content is accepted once, and no half file reaches the library."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing, suppress

import pytest
from tests.faults.deliveries import digest
from tests.faults.world import world

from smartsort.audit import Audit, Weight
from smartsort.demo.samples import make_samples
from smartsort.files.layout import Layout

WRITERS = 8
FILES = 100
TURNS = 20


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A hundred readable photos, all different."""
    folder = str(tmp_path_factory.mktemp("photos"))
    samples = make_samples(folder, 125, size=(120, 90), reuse_drawings=True)
    seen: dict[str, str] = {}
    for sample in samples:
        path = os.path.join(folder, sample.path)
        if sample.is_readable and not os.path.exists(f"{path}.xmp"):
            seen.setdefault(digest(path), path)
    chosen = list(seen.values())[:FILES]
    assert len(chosen) == FILES
    return chosen


async def proved(here, contents: set[str]) -> Counter[str]:
    """Accepted once each, whole; how often each content came."""

    async def quiet() -> bool:
        if any(names for _, _, names in os.walk(here.inbox)):
            return False
        rows = await here.sidecar.context.ledger.aread(
            lambda db: db.conn.execute(
                "SELECT count(*), sum(state NOT IN ('filed', 'review')) FROM photos"
            ).fetchone()
        )
        return rows[0] >= len(contents) and not rows[1]

    assert await here.until(quiet)
    await here.stop()
    report = await asyncio.to_thread(Audit(Layout(here.root)).run)
    assert report.weight is Weight.CLEAN, [f.what for f in report.findings]
    with closing(sqlite3.connect(os.path.join(here.root, "smartsort.db"))) as db:
        rows = Counter(sha for (sha,) in db.execute("SELECT sha256 FROM photos"))
    library = Counter(
        digest(os.path.join(place, name))
        for place, _, names in os.walk(os.path.join(here.root, "library"))
        for name in names
        if not name.startswith(".")
    )
    assert set(rows) == contents
    assert library == Counter(contents)
    return rows


async def beside(work) -> None:
    """Run blocking work in threads of its own, so that the sidecar's are free."""
    threads = [threading.Thread(target=each) for each in work]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):  # noqa: ASYNC110
        await asyncio.sleep(0.02)


async def test_eight_writers_drop_the_same_files(tmp_path, files):
    async with world(str(tmp_path / "root")) as here:
        await here.start()

        def write(number: int) -> None:
            for index, path in enumerate(files):
                same = index % 2 == 0
                name = f"{index}.jpg" if same else f"w{number}/{number}-{index}.jpg"
                target = os.path.join(here.inbox, name)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with open(path, "rb") as reading, suppress(FileNotFoundError), open(target, "wb") as writing:
                    while block := reading.read(4096):
                        writing.write(block)
                        writing.flush()

        await beside([lambda n=n: write(n) for n in range(WRITERS)])
        rows = await proved(here, {digest(path) for path in files})
        assert all(rows[digest(path)] == WRITERS for path in files[1::2])


async def test_a_file_that_grows_with_pauses_is_taken_whole(tmp_path, files):
    async with world(str(tmp_path / "root")) as here:
        await here.start()

        def grow() -> None:
            with open(files[0], "rb") as reading, open(os.path.join(here.inbox, "slow.jpg"), "wb") as writing:
                size = os.fstat(reading.fileno()).st_size
                while block := reading.read(size // 6 + 1):
                    writing.write(block)
                    writing.flush()
                    time.sleep(0.3)  # longer than the quiet time

        await beside([grow])
        await proved(here, {digest(files[0])})


async def test_files_replaced_while_they_are_taken(tmp_path, files):
    async with world(str(tmp_path / "root")) as here:
        await here.start()
        last: dict[str, str] = {}

        def replace(number: int) -> None:
            turn = number
            for _ in range(TURNS):
                source = files[turn % 40]
                target = os.path.join(here.inbox, f"same{number}.jpg")
                temporary = os.path.join(here.inbox, f"same{number}.jpg.part")
                shutil.copyfile(source, temporary)
                os.replace(temporary, target)
                last[target] = source
                turn += 4
                time.sleep(0.04 * (turn % 7))

        await beside([lambda n=n: replace(n) for n in range(4)])

        async def quiet() -> bool:
            return not any(names for _, _, names in os.walk(here.inbox))

        assert await here.until(quiet)
        known = {digest(path) for path in files}
        with closing(sqlite3.connect(os.path.join(here.root, "smartsort.db"))) as db:
            came = {sha for (sha,) in db.execute("SELECT sha256 FROM photos WHERE sha256 IS NOT NULL")}

        async def hashed() -> bool:
            return not await here.sidecar.context.ledger.aread(
                lambda db: db.conn.execute("SELECT count(*) FROM photos WHERE sha256 IS NULL").fetchone()[0]
            )

        assert await here.until(hashed)
        with closing(sqlite3.connect(os.path.join(here.root, "smartsort.db"))) as db:
            came = {sha for (sha,) in db.execute("SELECT sha256 FROM photos")}
        assert came <= known
        assert {digest(path) for path in last.values()} <= came
        await proved(here, came)


async def test_folders_renamed_while_they_are_scanned(tmp_path, files):
    async with world(str(tmp_path / "root")) as here:
        await here.start()
        done = threading.Event()

        def fill() -> None:
            for index, path in enumerate(files[:60]):
                folder = os.path.join(here.inbox, f"album{index % 5}")
                # It may be renamed away between the error and the look whether it is a folder.
                with suppress(FileExistsError):
                    os.makedirs(folder, exist_ok=True)
                with suppress(FileNotFoundError):
                    shutil.copyfile(path, os.path.join(folder, f"{index}.part"))
                    os.rename(os.path.join(folder, f"{index}.part"), os.path.join(folder, f"{index}.jpg"))
                    continue
                shutil.copyfile(path, os.path.join(here.inbox, f"{index}.jpg"))
            time.sleep(0.5)
            done.set()

        def rename() -> None:
            turn = 0
            while not done.is_set():
                with suppress(OSError):
                    os.rename(
                        os.path.join(here.inbox, f"album{turn % 5}"),
                        os.path.join(here.inbox, f"moved{turn}"),
                    )
                turn += 1
                time.sleep(0.02)

        await beside([fill, rename])
        for place, _, names in os.walk(here.inbox):
            for name in names:
                if name.endswith(".part"):
                    os.rename(os.path.join(place, name), os.path.join(place, f"{name}.jpg"))
        await proved(here, {digest(path) for path in files[:60]})
