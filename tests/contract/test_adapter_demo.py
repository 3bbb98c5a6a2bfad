"""The adapter over a real socket, against the demo Immich in the dress of each version."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.faulty_demo import DemoImmich, DemoServer, serve
from tests.recordings import VERSIONS

from smartsort.core.completion import DetectionProbes, pending
from smartsort.demo.samples import PEOPLE, make_samples
from smartsort.demo.settings import DemoKey, DemoSettings
from smartsort.errors import ImmichRefused, ImmichUnreachable
from smartsort.immich import ImmichServer, assets
from smartsort.immich.conformance import Kind, compare
from smartsort.ports import ThumbnailSize

MOUNT = "/mnt/photos"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    make_samples(folder, count=12, seed=3, size=(400, 300))
    return folder


def placed(photos: Path) -> list[str]:
    """Paths of the photos as the demo sees them."""
    return [f"{MOUNT}/{file.relative_to(photos)}" for file in photos.rglob("*.jpg")]


@pytest.fixture(params=[*VERSIONS, "3.2"])
async def demo(request: pytest.FixtureRequest, photos: Path) -> AsyncIterator[DemoServer]:
    settings = DemoSettings(
        version=request.param,
        profile="instant",
        mounts={MOUNT: photos},
        people=PEOPLE,
        keys=(DemoKey(), DemoKey("limited", ("asset.read",))),
    )
    async with serve(DemoImmich(settings)) as server:
        yield server


@pytest.fixture
async def immich(demo: DemoServer) -> AsyncIterator[ImmichServer]:
    async with ImmichServer(demo.url, demo.demo.key, timeout_seconds=60) as server:
        yield server


async def test_a_library_from_its_making_to_its_faces(
    demo: DemoServer, immich: ImmichServer, photos: Path
) -> None:
    info = await immich.info()
    assert info.user_is_admin
    library = await immich.create_library("demo", MOUNT)
    assert [each.id for each in await immich.libraries()] == [library.id]
    assert await immich.validate_import_path(library.id, MOUNT) is None
    assert await immich.validate_import_path(library.id, "/") is None
    assert "ENOENT" in (await immich.validate_import_path(library.id, f"{MOUNT}/nowhere") or "")
    assert [each.import_paths for each in await immich.libraries()] == [(MOUNT,)]
    await immich.scan(library.id)
    await demo.demo.wait_idle()
    paths = placed(photos)
    found = await immich.resolve(paths)
    assert set(found) == set(paths)
    look = await immich.queue_snapshot()
    assert pending(await immich.queue_counts()) == 0
    assert look.detected([ref.id for ref in found.values()]) == {ref.id for ref in found.values()}
    named = set()
    for path, ref in found.items():
        details = await immich.asset(ref.id)
        assert details is not None
        assert details.path == path, "what resolve found is the path that was asked for"
        named |= {face.person.name for face in await immich.faces(ref.id) if face.person}
    assert named & set(PEOPLE)
    picture = await immich.thumbnail(found[paths[0]].id, ThumbnailSize.PREVIEW)
    assert picture is not None
    assert picture[1] == "image/jpeg"


async def numbers(immich: ImmichServer) -> DetectionProbes:
    """Two questions as the sidecar puts them, each followed until it is gone."""
    made = DetectionProbes()
    while len(made) < 20 and not made.answered:
        made.sent()
        await immich.detect_missing_faces()
        while True:
            listing = await immich.detection_jobs()
            made.listed(listing)
            if not (listing.collective or listing.ids):
                break
    return made


async def test_what_a_user_threw_away_is_told_from_what_is_missing(
    demo: DemoServer, immich: ImmichServer, photos: Path
) -> None:
    library = await immich.create_library("demo", MOUNT)
    await immich.scan(library.id)
    await demo.demo.wait_idle()
    thrown, lost, both, *_ = list(demo.demo.state.library_assets(library.id))
    headers = {"x-api-key": demo.demo.key}
    async with httpx.AsyncClient(base_url=f"{demo.url}/api", headers=headers, timeout=60) as user:
        ids = [thrown.id, both.id]
        assert (await user.request("DELETE", "/assets", json={"ids": ids})).status_code == 204
        for asset in (lost, both):
            asset.is_offline, asset.deleted_at = True, asset.deleted_at or 1.0
        assert await immich.in_trash(MOUNT) == {thrown.id: thrown.path}
        assert await immich.in_trash(f"{MOUNT}/elsewhere") == {}
        both.is_offline = False
        assert set(await immich.in_trash(MOUNT)) == set(ids)
        assert (await user.post("/trash/restore/assets", json={"ids": [*ids, lost.id]})).status_code == 200
        assert await immich.in_trash(MOUNT) == {}
        assert lost.is_trashed, "Immich restores only what a user threw away"


@pytest.mark.parametrize("demo", ["3.2"], indirect=True)
async def test_one_search_shows_some_photos_and_what_a_user_threw_away(
    demo: DemoServer, immich: ImmichServer, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = await immich.create_library("demo", MOUNT)
    await immich.scan(library.id)
    await demo.demo.wait_idle()
    thrown, lost, archived, other, *_ = list(demo.demo.state.library_assets(library.id))
    thrown.deleted_at, thrown.trashed_by_user = time.time(), True
    lost.deleted_at, lost.is_offline = time.time(), True
    archived.visibility = "archive"
    monkeypatch.setattr(assets, "ASSETS_PER_CALL", 1)
    before = immich.calls.get("search_assets", 0)
    found = await immich.shown([archived.path, lost.path, f"{MOUNT}/nowhere.jpg"], MOUNT)
    assert found is not None
    shown = {each.id: each for each in found}
    assert {i: (s.path, s.trashed, s.offline) for i, s in shown.items()} == {
        thrown.id: (thrown.path, True, False),
        lost.id: (lost.path, True, True),
        archived.id: (archived.path, False, False),
    }
    assert immich.calls["search_assets"] - before == 3, "a page each, by the cursor"
    here = {f.person.id: f.person.name for f in await immich.faces(archived.id) if f.person}
    assert shown[archived.id].people == here
    assert [each.id for each in await immich.shown([other.path], "") or ()] == [other.id]
    assert await immich.shown([], "") == ()
    assert await immich.shown([], f"{MOUNT}/elsewhere") == []


async def test_which_versions_have_such_a_search(demo: DemoServer, immich: ImmichServer) -> None:
    assert not immich.finds_together
    await immich.info()
    assert immich.finds_together == (demo.demo.state.version.number >= "3.2")


@pytest.mark.parametrize("demo", ["3.2"], indirect=True)
@pytest.mark.parametrize(
    "wrong", [{"filter": {"colour": {"eq": 1}}}, {"filter": {"or": [{"isOffline": {"ne": True}}]}}]
)
async def test_a_filter_that_there_is_not_is_refused(demo: DemoServer, wrong: dict[str, object]) -> None:
    headers = {"x-api-key": demo.demo.key}
    async with httpx.AsyncClient(base_url=f"{demo.url}/api", headers=headers, timeout=60) as user:
        assert (await user.post("/search/metadata", json=wrong)).status_code == 400


async def test_when_immich_refuses_the_search_it_is_not_asked_again() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"message": "Validation failed"})

    async with ImmichServer("http://i", "key", transport=httpx.MockTransport(answer)) as server:
        server.finds_together = True
        assert await server.shown(["/mnt/a.jpg"], "/mnt") is None
        assert not server.finds_together


async def test_failed_detections_leave_their_numbers_and_nothing_else(
    demo: DemoServer, immich: ImmichServer, photos: Path
) -> None:
    """As measured on both versions: a job that is refused is not seen, and the next question tells of it."""
    demo.demo.faults.ml_refused = True
    library = await immich.create_library("demo", MOUNT)
    await immich.scan(library.id)
    await demo.demo.wait_idle()
    made = await numbers(immich)
    failed = {data["id"] for name, data, _ in demo.demo.engine.failures if name == "AssetDetectFaces"}
    assert not made.answered or made.unfinished == failed
    demo.demo.faults.ml_refused = False
    await immich.detect_missing_faces()
    await demo.demo.wait_idle()
    made = await numbers(immich)
    assert made.answered
    assert made.unfinished == set()


async def test_the_demo_has_every_operation_with_its_permission(immich: ImmichServer) -> None:
    found = compare(await immich.description())
    wrong = (Kind.OPERATION_MISSING, Kind.PERMISSION_DIFFERS)
    assert [str(each) for each in found if each.kind in wrong] == []


async def test_refusals(demo: DemoServer) -> None:
    async with ImmichServer(demo.url, "limited") as limited:
        with pytest.raises(ImmichRefused) as refused:
            await limited.queue_counts()
        assert refused.value.permission == "queue.read"
    async with ImmichServer(demo.url, "wrong") as wrong:
        assert await wrong.ping()
        with pytest.raises(ImmichRefused):
            await wrong.people()


async def test_a_server_that_is_down(demo: DemoServer) -> None:
    demo.demo.faults.down = True
    async with ImmichServer(demo.url, demo.demo.key, retries=0) as immich:
        assert not await immich.ping()
        with pytest.raises(ImmichUnreachable):
            await immich.people()


async def test_photos_of_the_user_in_the_order_in_which_they_were_taken(
    demo: DemoServer, immich: ImmichServer, photos: Path
) -> None:
    library = await immich.create_library("demo", MOUNT)
    await immich.scan(library.id)
    await demo.demo.wait_idle()
    content = await asyncio.to_thread(lambda: next(photos.rglob("*.jpg")).read_bytes())
    async with httpx.AsyncClient(headers={"x-api-key": demo.demo.key}, timeout=60) as client:
        sent = {"assetData": ("my holiday.jpg", content, "image/jpeg")}
        (await client.post(f"{demo.url}/api/assets", files=sent)).raise_for_status()
    await demo.demo.wait_idle()
    user_id = (await immich.info()).user_id
    found, more = await immich.owned(None, 1)
    assert not more
    assert {one.path for one in found if one.library_id == library.id} >= set(placed(photos))
    assert [one.taken for one in found] == sorted(one.taken for one in found)
    assert {one.owner_id for one in found} == {user_id}
    [upload] = [one for one in found if one.library_id is None]
    assert upload.name == "my holiday.jpg"
    assert base64.b64decode(upload.checksum) == hashlib.sha1(content, usedforsecurity=False).digest()
    assert {name for one in found for name in one.people.values()} & set(PEOPLE)
    later, _ = await immich.owned(found[-1].taken, 1)
    assert found[-1].id in {one.id for one in later}, "that moment is included"
    assert len(later) < len(found)
    assert await immich.owned(None, 2) == ([], False)
    assert await immich.owned(None, 1, clips=True) == ([], False)
    demo.demo.state.assets[upload.id].visibility = "hidden"
    demo.demo.state.assets[found[0].id].clip_id = upload.id
    assert (await immich.owned(None, 1))[0][0].clip_id == upload.id
    assert await immich.owned(None, 1, clips=True) == ([upload], False)
    assert await immich.owned_asset(upload.id) == upload
    assert await immich.owned_asset("00000000-0000-4000-8000-000000000000") is None
    assert await immich.owned(None, 1, "2999-01-01T00:00:00+00:00") == ([], False)
