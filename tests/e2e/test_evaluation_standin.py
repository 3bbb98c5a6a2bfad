"""The arithmetic of confidence against a service that speaks Immich's machine learning protocol.

It finds drawn faces whose distance to their person is known, so what comes out can be calculated. It is not
part of the project: without it, or without what it needs, these tests are skipped.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.fake_immich import FakeServer, by_name
from tests.fakes import World, close_world
from tests.ports import reserved_port

from smartsort.confidence import FaceService, FaceServiceUnavailable, Measure
from smartsort.core.model import Box, Face, State
from smartsort.core.similarity import cosine
from smartsort.ledger import photos
from smartsort.ports import FaceModel, ThumbnailSize

_BESIDE = Path(__file__).resolve().parents[3] / "shared"
STANDIN = Path(os.environ.get("SMARTSORT_TEST_SHARED") or _BESIDE) / "ml-standin"

NEEDS = ("numpy", "opencv-python-headless", "orjson", "pillow", "starlette", "python-multipart", "uvicorn")
PYTHON = [
    # Offline: a test fetches nothing. `uv run` with these once fills the cache.
    *("uv", "run", "--offline", "--no-project", "--quiet"),
    *(part for name in NEEDS for part in ("--with", name)),
]
ENVIRONMENT = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
MODEL = FaceModel("buffalo_l", 0.7)
PEOPLE = {"anna": 1, "bella": 2, "carl": 3}

DRAW = """
import json, sys
sys.path.insert(0, sys.argv[1])
from make_images import make_image
for path, faces, seed in json.load(sys.stdin):
    make_image(path, [tuple(face) for face in faces], seed, (800, 600))
"""


def _available() -> bool:
    if not STANDIN.is_dir() or shutil.which("uv") is None:
        return False
    command = [*PYTHON, "python", "-c", "import cv2, numpy, orjson, PIL, starlette, uvicorn"]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, timeout=120).returncode == 0


pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not STANDIN.is_dir(), reason=f"no stand-in at {STANDIN}"),
]


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The address of a running stand-in."""
    if not _available():
        pytest.skip(f"the stand-in's packages are not in uv's cache: {', '.join(NEEDS)}")
    with reserved_port() as port, _standin(port) as url:
        yield url


@contextmanager
def _standin(port: int) -> Iterator[str]:
    process = subprocess.Popen(
        [*PYTHON, "uvicorn", "app:app", "--port", str(port), "--log-level", "warning"],
        cwd=STANDIN,
        env=ENVIRONMENT,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
            while True:
                assert process.poll() is None, "the stand-in ended"
                try:
                    if client.get("/ping").text == "pong":
                        break
                except httpx.TransportError:
                    continue
        yield url
    finally:
        process.terminate()
        process.wait(60)


def control(url: str, **values: Any) -> None:
    httpx.post(f"{url}/control", json=values, trust_env=False, timeout=60).raise_for_status()


@pytest.fixture
def draw(service: str, tmp_path: Path) -> Any:
    """Draws photos: name -> [(person, distance in hundredths, score)]; their folder."""
    folder = tmp_path / "drawn"
    folder.mkdir()

    def drawn(**wanted: list[tuple[int, ...]]) -> Path:
        numbered = enumerate(wanted.items())
        todo = [[str(folder / f"{name}.jpg"), faces, number] for number, (name, faces) in numbered]
        command = [*PYTHON, "python", "-c", DRAW, str(STANDIN)]
        subprocess.run(command, input=json.dumps(todo).encode(), env=ENVIRONMENT, check=True, timeout=120)
        return folder

    return drawn


async def test_what_the_service_tells_is_what_was_drawn(service, draw):
    folder = draw(exact=[(1, 0)], near=[(1, 10)], far=[(1, 50)], other=[(2, 10)], faint=[(1, 10, 60)])
    asked = FaceService(service, 30)
    found = {p.stem: await asked.faces(p.read_bytes(), MODEL) for p in folder.iterdir()}
    assert {name: len(seen.faces) for name, seen in found.items()} == {
        "exact": 1,
        "near": 1,
        "far": 1,
        "other": 1,
        "faint": 0,  # below Immich's least score
    }
    assert all((seen.width, seen.height) == (800, 600) for seen in found.values())
    vector = {name: seen.faces[0].vector for name, seen in found.items() if seen.faces}
    assert cosine(vector["exact"], vector["near"]) == pytest.approx(0.9, abs=1e-3)
    assert cosine(vector["exact"], vector["far"]) == pytest.approx(0.5, abs=1e-3)
    assert cosine(vector["near"], vector["far"]) == pytest.approx(0.45, abs=0.15)
    assert abs(cosine(vector["exact"], vector["other"])) < 0.25
    await asked.aclose()


class Previews(FakeServer):
    """Serves the drawn photos as previews, with their faces where the service finds them."""

    def __init__(self, library: str, url: str) -> None:
        super().__init__(library, ["Anna", "Bella", "Carl"], by_name)
        self.url = url

    def _import(self, path: str) -> None:
        super()._import(path)
        asset = self.asset_at(os.path.basename(path))
        task = {"detection": {"modelName": MODEL.name}, "recognition": {"modelName": MODEL.name}}
        answer = httpx.post(
            f"{self.url}/predict",
            data={"entries": json.dumps({"facial-recognition": task})},
            files={"image": ("preview.jpg", self._content(path), "image/jpeg")},
            trust_env=False,
            timeout=60,
        ).json()
        boxes = [face["boundingBox"] for face in answer["facial-recognition"]]
        for face, box in zip(asset.faces, sorted(boxes, key=lambda b: b["x1"]), strict=True):
            face.box = Box(*(round(box[side]) for side in ("x1", "y1", "x2", "y2")))

    def _content(self, path: str) -> bytes:
        [name] = Path(self.library).rglob(os.path.basename(path))
        return name.read_bytes()

    async def faces(self, asset_id: str) -> list[Face]:
        found = await super().faces(asset_id)
        return [Face(f.id, f.box, 800, 600, f.person) for f in found]

    async def thumbnail(self, asset_id: str, size: ThumbnailSize) -> tuple[bytes, str]:
        self._call("thumbnail")
        return self._content(self._asset(asset_id).path), "image/jpeg"


@pytest.fixture
async def world(service, tmp_path) -> AsyncIterator[World]:
    root = os.fspath(tmp_path / "root")
    server = Previews(os.path.join(root, "library"), service)
    made = World(root, server=server, settings={"whitelist": ["Anna", "Bella"], "blacklist": ["Carl"]})
    measure = Measure(made.context, made.sidecar.people, FaceService(service, 30), patience_seconds=60)
    made.sidecar.recognise_stage._executor.evidence_builder.measure = measure
    made.sidecar.measure = measure
    yield made
    control(service, fail=False, delay_ms=0)
    await measure.aclose()
    close_world(made)


async def deliver(world: World, folder: Path, *names: str) -> dict[str, int]:
    ids = {}
    for name in names:
        content = await asyncio.to_thread((folder / f"{name}.jpg").read_bytes)
        ids[name] = await world.deliver(f"{name}.jpg", content)
    await world.settle()
    return ids


def confidence_of(world: World, photo_id: int) -> Any:
    last = world.ledger.read(lambda db: photos.last_decision(db, photo_id))
    return last[3][0], next(iter(last[4].confidence.values()))


KNOWN = {
    **{f"anna_k{n}": [(1, distance)] for n, distance in enumerate((10, 15, 15, 20, 20, 25))},
    **{f"bella_k{n}": [(2, distance)] for n, distance in enumerate((10, 15, 20, 25, 15))},
}
DISTANCES = (5, 15, 25, 33, 48, 55)


async def test_confidence_is_one_less_the_distance_and_decides(world, draw):
    folder = draw(**KNOWN, **{f"anna_{d}": [(1, d)] for d in DISTANCES}, anna_wrong=[(2, 12)])
    await deliver(world, folder, *KNOWN)
    found = await deliver(world, folder, *(f"anna_{d}" for d in DISTANCES), "anna_wrong")
    for distance in DISTANCES:
        photo_id = found[f"anna_{distance}"]
        _, measured = confidence_of(world, photo_id)
        assert measured.similarity == pytest.approx(1 - distance / 100, abs=0.08), distance
        assert measured.runner_up.name == "Bella"
        sure = distance < 40
        assert world.photo(photo_id).state is (State.FILED if sure else State.REVIEW), distance
    # Immich took Bella for Anna: she is nothing like Anna and very much like somebody else.
    reason, measured = confidence_of(world, found["anna_wrong"])
    assert reason.code == "low_confidence"
    assert measured.margin < -0.5
    assert measured.runner_up.name == "Bella"


async def test_one_call_a_photo_and_none_for_what_goes_to_review_anyway(world, draw):
    folder = draw(**KNOWN, anna_1=[(1, 8)], carl_1=[(3, 8)], stranger_1=[(9, 8)], none_1=[])
    await deliver(world, folder, *KNOWN)
    before = world.sidecar.measure.calls
    await deliver(world, folder, "anna_1", "carl_1", "stranger_1", "none_1")
    assert world.sidecar.measure.calls == before + 1


async def test_failing_and_slow_it_is_unknown_and_says_why(world, service, draw):
    folder = draw(**KNOWN, anna_1=[(1, 8)], anna_2=[(1, 9)])
    await deliver(world, folder, *KNOWN)
    measure = world.sidecar.measure
    ids = await imported_then(world, folder, "anna_1", service, fail=True)
    _, found = confidence_of(world, ids["anna_1"])
    assert not found.known
    assert "status 500" in found.why_unknown
    control(service, fail=False)
    measure._service._quiet_until, measure._service.timeout_seconds = None, 0.3
    ids = await imported_then(world, folder, "anna_2", service, delay_ms=3000)
    _, found = confidence_of(world, ids["anna_2"])
    assert not found.known
    assert "did not answer in 0.3 s" in found.why_unknown


async def imported_then(world: World, folder: Path, name: str, service: str, **fault: Any) -> dict[str, int]:
    """Deliver a photo to a service that is well while Immich looks and ill while smartsort asks."""
    server = world.server
    original = server._import

    def imported(path: str) -> None:
        original(path)
        control(service, **fault)

    server._import = imported
    try:
        return await deliver(world, folder, name)
    finally:
        server._import = original
        control(service, fail=False, delay_ms=0)


async def test_another_protocol_is_no_service(service):
    asked = FaceService(f"{service}/stats", 5)
    with pytest.raises(FaceServiceUnavailable):
        await asked.faces(b"no picture", MODEL)
    await asked.aclose()
