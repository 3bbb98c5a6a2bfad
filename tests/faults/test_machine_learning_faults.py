"""Machine learning that cannot be reached: nothing is filed as "no face" for it, and nothing is stuck.

On a real server a detection that is refused is over within milliseconds, before anybody can list it. So here.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import Counter

import pytest
from tests.faults.world import World, world

from smartsort.audit import Audit, Weight
from smartsort.demo.samples import iter_samples
from smartsort.files.layout import Layout

FAULTS = ["ml_refused", "ml_faces_refused"]
RECHECK_INTERVAL_SECONDS = 0.2


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    """Photos with a face and without one, in turn, and where each belongs."""
    folder = str(tmp_path_factory.mktemp("stock"))
    found: dict[str, list] = {"single": [], "nobody": []}
    for sample, path in iter_samples(folder, 300, size=(120, 90), reuse_drawings=True):
        if sample.kind in found:
            found[sample.kind].append((path, sample))
    faces = found["single"][:30]
    # Few of the samples show nobody; other bytes after the picture make a photo of its own.
    empty = [(_another(found["nobody"][n % len(found["nobody"])][0], n), None) for n in range(30)]
    return [each for pair in zip(empty, faces, strict=True) for each in pair]


def _another(path: str, number: int) -> str:
    new = f"{os.path.splitext(path)[0]}_{number}.jpg"
    shutil.copyfile(path, new)
    with open(new, "ab") as file:
        file.write(b"\0" * (number + 1))
    return new


def deliver(here: World, stock) -> dict[str, str]:
    """Put them into the inbox; where each belongs, by its name there."""
    wanted = {}
    for number, (path, sample) in enumerate(stock):
        name = f"{number:03}.jpg"
        shutil.copyfile(path, os.path.join(here.inbox, f"{name}.part"))
        os.rename(os.path.join(here.inbox, f"{name}.part"), os.path.join(here.inbox, name))
        wanted[name] = f"faces/{sample.person.lower().replace(' ', '_')}" if sample else "noface"
    return wanted


def places(here: World) -> dict[str, str]:
    """Where each photo is now, by its name: a folder of faces, or the prefix in review."""
    found = {}
    for folder, _, names in os.walk(os.path.join(here.root, "faces")):
        found |= {name: os.path.relpath(folder, here.root) for name in names if not name.startswith(".")}
    for _, _, names in os.walk(os.path.join(here.root, "review")):
        found |= {name.split("_")[-1]: name.split("_")[0] for name in names if not name.startswith(".")}
    return found


async def reasons(here: World) -> Counter[str]:
    assert here.sidecar is not None
    return Counter(
        await here.sidecar.context.ledger.aread(
            lambda db: [row[0] for row in db.conn.execute("SELECT reason FROM review_queue")]
        )
    )


def asked(here: World) -> int:
    assert here.sidecar is not None
    return here.sidecar.context.server.calls.get("start_queue", 0)


def quickly(root: str, **more):
    return world(
        root,
        **{"immich.recheck_interval_seconds": RECHECK_INTERVAL_SECONDS, "immich.wait_time_seconds": 0.4},
        **more,
    )


async def clean(here: World) -> None:
    await here.stop()
    report = await asyncio.to_thread(Audit(Layout(here.root)).run)
    assert report.weight is Weight.CLEAN, [f.what for f in report.findings]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("count", [1, 6, 20, 60])
async def test_refused_for_a_while(tmp_path, stock, fault, count):
    """While it lasts nothing is said to have no face; then all go where they belong, wherever they wait."""
    async with quickly(str(tmp_path / "root")) as here:
        setattr(here.demo.faults, fault, True)
        await here.start()
        wanted = deliver(here, stock[:count])
        assert await here.until(lambda: asked(here) > 3)
        await here.until(lambda: "noface" in places(here).values(), seconds=1.0)
        assert "noface" not in places(here).values()
        assert not any(place.startswith("faces") for place in places(here).values())
        setattr(here.demo.faults, fault, False)
        assert await here.until(lambda: places(here) == wanted), Counter(
            places(here).items() - wanted.items()
        )
        await clean(here)


@pytest.mark.parametrize("fault", FAULTS)
async def test_refused_for_longer_than_the_retries(tmp_path, stock, fault):
    """They go to review with that reason, and leave it by themselves when machine learning is back."""
    async with quickly(str(tmp_path / "root")) as here:
        setattr(here.demo.faults, fault, True)
        await here.start()
        wanted = deliver(here, stock[:6])
        await here.sorted(6)
        assert set(places(here).values()) == {"unknown"}
        assert set(await reasons(here)) == {"recognition_failed"}
        await asyncio.sleep(3 * RECHECK_INTERVAL_SECONDS)
        assert set(await reasons(here)) == {"recognition_failed"}, "asking again concludes nothing either"
        setattr(here.demo.faults, fault, False)
        assert await here.until(lambda: places(here) == wanted), places(here)
        await clean(here)


async def test_refused_across_a_restart(tmp_path, stock):
    async with quickly(str(tmp_path / "root")) as here:
        here.demo.faults.ml_refused = True
        await here.start()
        wanted = deliver(here, stock[:6])
        assert await here.until(lambda: asked(here) > 1)
        await here.stop()
        await here.start()
        await here.sorted(6)
        assert set(places(here).values()) == {"unknown"}
        await here.stop()
        here.demo.faults.ml_refused = False
        await here.start()
        assert await here.until(lambda: places(here) == wanted), places(here)
        await clean(here)


async def test_face_recognition_switched_off(tmp_path, stock):
    async with quickly(str(tmp_path / "root")) as here:
        here.demo.faults.face_recognition_off = True
        await here.start()
        wanted = deliver(here, stock[:6])
        await here.sorted(6)
        assert set(await reasons(here)) == {"recognition_failed"}
        here.demo.faults.face_recognition_off = False
        assert await here.until(lambda: places(here) == wanted), places(here)
