"""The demo against what real servers answered: same requests, same statuses, shapes and telling values.

Every recorded exchange is sent to the demo again, in order, with the recorded ids exchanged for its own. So
are the checksums of paths: those in the recordings do not belong to the paths shown beside them, which were
evidently renamed afterwards.
"""

import asyncio
import base64
import json
import os
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import ExifTags, Image
from tests.faulty_demo import DemoImmich, build_app
from tests.shots import write_regions
from tests.simulation.clockwork import Loop

from smartsort.demo.regions import Region, face_regions
from smartsort.demo.settings import DemoKey, DemoSettings
from smartsort.demo.state import path_checksum

VERSIONS = ("2.5.6", "3.1.0")
MOUNT = "/mnt/smartsort"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# What neither smartsort asks nor a user does, the demo does not offer.
NOT_OFFERED = re.compile(
    r"GET (/server/media-types|/albums/[^/]+|/(libraries|people)/[^/]+/statistics)$"
    r"|POST (/assets/jobs|/libraries/[^/]+/validate)$|\w+ (/tags|/search/person)"
)
# Values that mean something; all others differ from run to run.
TELLING = frozenset(
    [
        "message",
        "action",
        "reason",
        "isTrashed",
        "isOffline",
        "isArchived",
        "isHidden",
        "visibility",
        "status",
        "success",
        "error",
        "sourceType",
        "nextPage",
        "count",
        "total",
        "hidden",
        "res",
        "major",
        "minor",
        "patch",
        "isPaused",
        "permissions",
        "isValid",
        "importPath",
        "originalPath",
        "boundingBoxX1",
        "boundingBoxY1",
        "boundingBoxX2",
        "boundingBoxY2",
        "imageWidth",
        "imageHeight",
        "width",
        "height",
        "name",
        "assets",
        "hasNextPage",
        "assetCount",
        "role",
        "photos",
    ]
)
FACES = {
    "two_faces.jpg": [("p1", (239, 637, 529, 928)), ("p2", (1584, 520, 1874, 809))],
    "stranger.jpg": [("stranger", (384, 615, 672, 904))],
    "failed.jpg": [("p1", (221, 708, 510, 997))],
}
PREVIEW = (1920, 1440)


def _recordings() -> Path | None:
    for folder in Path(__file__).resolve().parents:
        found = folder.parent / "shared" / "immich" / "recordings"
        if found.is_dir():
            return found
    return None


RECORDINGS = _recordings()
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(
        RECORDINGS is None, reason="the recordings of real servers are not beside this checkout"
    ),
]


def _steps(version: str) -> dict[str, list[dict[str, Any]]]:
    assert RECORDINGS is not None
    loaded = [json.loads(path.read_text()) for path in sorted((RECORDINGS / version).glob("*.json"))]
    return {step["step"]: step["exchanges"] for step in loaded}


def _walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _walk(inner)


def _checksums(recorded: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """The demo's checksum for every recorded one of an external asset."""
    known = {}
    for item in _walk(list(recorded.values())):
        if "checksum" in item and item.get("libraryId"):
            known[item["checksum"]] = item["originalPath"]
        elif "checksum" in item and str(item.get("id")).endswith(".jpg"):
            known[item["checksum"]] = f"{MOUNT}/{item['id']}"
    return {old: base64.b64encode(path_checksum(path)).decode() for old, path in known.items()}


def _draw(path: Path, faces: list[tuple[str, tuple[int, int, int, int]]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = random.Random(path.name + path.parent.name)
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "SmartSort", "Synthetic"
    blocks = Image.frombytes("RGB", (5, 5), rng.randbytes(75))
    blocks.resize((2000, 1500), Image.Resampling.NEAREST).save(path, quality=60, exif=exif)
    regions = [
        Region(name, x1 / PREVIEW[0], y1 / PREVIEW[1], (x2 - x1) / PREVIEW[0], (y2 - y1) / PREVIEW[1])
        for name, (x1, y1, x2, y2) in faces
    ]
    if regions:
        write_regions(path, regions)


def _boxes(recorded: dict[str, list[dict[str, Any]]]) -> dict[str, tuple[int, int, int, int]]:
    """The first face's box of every picture the recording tells one of: by /faces, or on the asset itself."""
    names = {
        item["id"]: str(Path(item["originalPath"]).relative_to(MOUNT))
        for item in _walk(list(recorded.values()))
        if str(item.get("originalPath")).startswith(MOUNT) and "id" in item
    }
    answers = [
        (exchange["query"]["id"], exchange["response"])
        for exchange in recorded["04-assets-and-faces"]
        if exchange["path"] == "/faces"
    ]
    answers += [
        (item["id"], item["people"]) for item in _walk(recorded["04-assets-and-faces"]) if item.get("people")
    ]
    found: dict[str, tuple[int, int, int, int]] = {}
    for asset_id, answer in answers:
        for face in _walk(answer):
            if "boundingBoxX1" in face and asset_id in names:
                corners = (face[f"boundingBox{corner}"] for corner in ("X1", "Y1", "X2", "Y2"))
                found.setdefault(names[asset_id], tuple(corners))
    return found


def _draw_library(root: Path, recorded: dict[str, list[dict[str, Any]]]) -> None:
    """The pictures of the recording, with faces where its answers have them."""
    boxes = _boxes(recorded)
    for person in ("p1", "p2", "p3"):
        for number in range(4):
            name = f"{person}/{number}.jpg"
            _draw(root / name, [(person, boxes.get(name, (900, 400, 1200, 700)))])
    for name in ("two_faces.jpg", "no_face.jpg", "stranger.jpg", "low_score.jpg"):
        _draw(root / name, FACES.get(name, []))
    (root / "junk.jpg").write_bytes(b"this is no picture\n" * 55)
    # Searches are ordered by date; pictures without Exif are dated by their file.
    for item in _walk(recorded["04-assets-and-faces"]):
        if "fileCreatedAt" in item:
            seconds = datetime.fromisoformat(item["fileCreatedAt"]).timestamp()
            os.utime(root / Path(item["originalPath"]).relative_to(MOUNT), (seconds, seconds))


class Schema:
    """The union of what was seen at one place of the JSON: types, and the same for what is inside."""

    def __init__(self) -> None:
        self.types: set[str] = set()
        self.fields: defaultdict[str, Schema] = defaultdict(Schema)
        self.items: Schema | None = None
        self.always: set[str] | None = None

    def learn(self, value: Any) -> None:
        self.types.add(_type(value))
        if isinstance(value, dict):
            self.always = set(value) if self.always is None else self.always & set(value)
            for name, inner in value.items():
                self.fields[name].learn(inner)
        elif isinstance(value, list):
            self.items = self.items or Schema()
            for inner in value:
                self.items.learn(inner)

    def complaints(self, value: Any, where: str) -> list[str]:
        kind = _type(value)
        if self.types and kind not in self.types and self.types != {"null"}:
            return [f"{where}: {kind} where the server sent {sorted(self.types)}"]
        found: list[str] = []
        if isinstance(value, dict) and self.fields:
            found += [f"{where}.{name}: not sent by the server" for name in value.keys() - self.fields.keys()]
            missing = (self.always or set()) - value.keys()
            found += [f"{where}.{name}: sent by the server only" for name in missing]
            for name in value.keys() & self.fields.keys():
                found += self.fields[name].complaints(value[name], f"{where}.{name}")
        if isinstance(value, list) and self.items is not None and self.items.types:
            for inner in value:
                found += self.items.complaints(inner, f"{where}[]")
        return found


def _type(value: Any) -> str:
    if value is None:
        return "null"
    for kind, name in (
        (bool, "boolean"),
        (int, "number"),
        (float, "number"),
        (str, "string"),
        (list, "array"),
    ):
        if isinstance(value, kind):
            return name
    return "object"


def _template(exchange: dict[str, Any]) -> tuple[str, str, int]:
    return exchange["method"], UUID.sub("{id}", exchange["path"]), exchange["status"]


def _schemas(recorded: dict[str, list[dict[str, Any]]]) -> dict[tuple[str, ...], Schema]:
    """One schema per route and status; one per job name for what stands in the queues."""
    schemas: defaultdict[tuple[str, ...], Schema] = defaultdict(Schema)
    for exchanges in recorded.values():
        for exchange in exchanges:
            method, path, status = _template(exchange)
            schemas[method, path, str(status)].learn(exchange["response"])
            if path.endswith("/jobs") and isinstance(exchange["response"], list):
                for job in exchange["response"]:
                    schemas["job", job["name"]].learn(job)
    return dict(schemas)


class Replay:
    """Sends recorded requests to a demo and compares the answers."""

    def __init__(
        self, demo: DemoImmich, client: httpx.AsyncClient, recorded: dict[str, list[dict[str, Any]]]
    ) -> None:
        self.demo = demo
        self.client = client
        self.schemas = _schemas(recorded)
        self.ids: dict[str, str] = {}
        self.checksums = _checksums(recorded)
        self.keys = {"main": demo.key, "other": "no-such-key", "none": None}
        self.complaints: list[str] = []
        self.jobs_seen: set[str] = set()

    def translate(self, value: Any) -> Any:
        text = json.dumps(value)
        for old, new in self.checksums.items():
            text = text.replace(old, new)
        return json.loads(UUID.sub(lambda match: self.ids.get(match.group(), match.group()), text))

    async def send(self, exchange: dict[str, Any]) -> httpx.Response:
        secret = self.keys[exchange["key"]]
        return await self.client.request(
            exchange["method"],
            self.translate(exchange["path"]),
            params=self.translate(exchange["query"]),
            json=self.translate(exchange["body"]),
            headers={} if secret is None else {"x-api-key": secret},
        )

    async def play(self, exchange: dict[str, Any]) -> None:
        method, path, status = _template(exchange)
        where = f"{method} {path} {json.dumps(exchange['body'])[:80]}"
        response = await self.send(exchange)
        if status == 500:  # the occasional failure of a busy listing
            return
        if response.status_code != status:
            self.complaints.append(
                f"{where}: {response.status_code} {response.text[:200]}, the server {status}"
            )
            return
        recorded = exchange["response"]
        if isinstance(recorded, dict) and set(recorded) == {"content-type", "bytes"}:
            if response.headers["content-type"] != recorded["content-type"]:
                self.complaints.append(f"{where}: {response.headers['content-type']}")
            return
        answer = response.json() if response.content else None
        if path == "/api-keys":
            self.keys["other"] = answer["secret"]
        if path.startswith("/queues") and path.endswith("/jobs"):
            for job in answer:
                self.jobs_seen.add(job["name"])
                known = self.schemas.get(("job", job["name"]))
                self.complaints += [] if known is None else known.complaints(job, f"{where} {job['name']}")
            return
        self.complaints += self.schemas[method, path, str(status)].complaints(answer, where)
        if path != "/queues":
            unordered = "closestAssetId" in (exchange["query"] or {})
            self.compare(recorded, answer, where, unordered=unordered)

    def compare(self, recorded: Any, answer: Any, where: str, *, unordered: bool) -> None:
        """Learn which id stands for which, and compare the telling values."""
        if isinstance(recorded, str) and isinstance(answer, str):
            if UUID.fullmatch(recorded) and UUID.fullmatch(answer) and not unordered:
                self.ids.setdefault(recorded, answer)
        elif isinstance(recorded, list) and isinstance(answer, list):
            if len(recorded) != len(answer):
                self.complaints.append(f"{where}: {len(answer)} items, the server {len(recorded)}")
            for one, other in zip(recorded, answer, strict=False):
                self.compare(one, other, where, unordered=unordered)
        elif isinstance(recorded, dict) and isinstance(answer, dict):
            for name in recorded.keys() & answer.keys():
                one, other = recorded[name], answer[name]
                simple = not isinstance(one, (dict, list))
                if name == "tags":
                    continue
                if name in TELLING and simple and not unordered and not _same(one, other):
                    self.complaints.append(f"{where}.{name}: {other!r}, the server {one!r}")
                # Two people on one photo come in no particular order.
                loose = unordered or (name == "people" and len(one) > 1 and "/people" not in where)
                self.compare(one, other, f"{where}.{name}", unordered=loose)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, int) and isinstance(other, int) and not isinstance(one, bool):
        return abs(one - other) <= 1  # a pixel of rounding
    return bool(one == other)


@pytest.mark.parametrize("version", VERSIONS)
def test_demo_answers_like_the_recorded_server(version: str, tmp_path: Path) -> None:
    """In the simulation's time, so that the polls meet the same jobs however slow the machine is."""
    with asyncio.Runner(loop_factory=lambda: Loop(random.Random(0))) as runner:
        runner.run(_played(version, tmp_path))


async def _played(version: str, tmp_path: Path) -> None:
    recorded = _steps(version)
    _draw_library(tmp_path, recorded)
    settings = DemoSettings(
        version=version,
        profile="demo",
        mounts={MOUNT: tmp_path},
        library_read_only=False,
        keys=(DemoKey(name="measure"),),
    )
    demo = DemoImmich(settings)
    transport = httpx.ASGITransport(build_app(demo))
    async with demo.running(), httpx.AsyncClient(transport=transport, base_url="http://demo/api") as client:
        replay = Replay(demo, client, recorded)
        for step, exchanges in recorded.items():
            if step == "10-content-duplicate-check":
                continue  # its body was not recorded: the next test
            if step == "08-near-duplicate":
                with Image.open(tmp_path / "p1" / "0.jpg") as image:
                    image.resize((1500, 1125)).save(tmp_path / "near_dup.jpg", quality=50)
                write_regions(tmp_path / "near_dup.jpg", face_regions(tmp_path / "p1" / "0.jpg"))
            if step == "09-ml-failure-and-retry":
                _draw(tmp_path / "failed.jpg", FACES["failed.jpg"])
                demo.faults.ml_failing = True
            await _play_step(replay, demo, step, exchanges, tmp_path)
            await demo.wait_idle()
    assert not replay.complaints, "\n" + "\n".join(dict.fromkeys(replay.complaints))
    assert {
        "LibrarySyncFilesQueueAll",
        "AssetExtractMetadata",
        "AssetGenerateThumbnails",
        "AssetDetectFaces",
        "AssetDetectFacesQueueAll",
        "SmartSearch",
        "FacialRecognitionQueueAll",
        "FacialRecognition",
    } <= replay.jobs_seen


async def _play_step(
    replay: Replay, demo: DemoImmich, step: str, exchanges: list[dict[str, Any]], root: Path
) -> None:
    watched = step.startswith(("03", "08", "09"))
    checks = [exchange for exchange in exchanges if exchange["path"] == "/assets/bulk-upload-check"]
    for exchange in exchanges:
        path = exchange["path"]
        if NOT_OFFERED.match(f"{exchange['method']} {path}"):
            continue
        if watched and path == "/assets/bulk-upload-check" and exchange is not checks[-1]:
            # Whether a row is there yet is a matter of moments; only what the last look says counts.
            continue
        if watched and path.startswith("/queues"):
            await asyncio.sleep(0.01)
        else:
            await demo.wait_idle()
        if step.startswith("09") and path.startswith("/jobs/faceDetection"):
            demo.faults.ml_failing = False
        if step.startswith("11") and path.endswith("/scan"):
            os.unlink(root / "p3" / "2.jpg")
        await replay.play(exchange)


@pytest.mark.parametrize("version", VERSIONS)
async def test_upload_is_known_by_its_content_in_both_notations(version: str) -> None:
    exchanges = _steps(version)["10-content-duplicate-check"]
    upload, check = exchanges
    demo = DemoImmich(DemoSettings(version=version, profile="instant"))
    transport = httpx.ASGITransport(build_app(demo))
    headers = {"x-api-key": demo.key}
    content = b"any content"
    async with (
        demo.running(),
        httpx.AsyncClient(transport=transport, base_url="http://demo/api", headers=headers) as client,
    ):
        answer = await client.post("/assets", files={"assetData": ("a.jpg", content)})
        assert answer.status_code == upload["status"]
        assert answer.json().keys() == upload["response"].keys()
        asset = demo.state.assets[answer.json()["id"]]
        notations = [asset.checksum.hex(), base64.b64encode(asset.checksum).decode(), "00" * 20]
        items = [{"id": f"{n}", "checksum": checksum} for n, checksum in enumerate(notations)]
        checked = await client.post("/assets/bulk-upload-check", json={"assets": items})
    results = checked.json()["results"]
    assert [r.keys() for r in results] == [r.keys() for r in check["response"]["results"]]
    assert [r["action"] for r in results] == ["reject", "reject", "accept"]
