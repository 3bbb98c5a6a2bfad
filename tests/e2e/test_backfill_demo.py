"""Photos that are in a demo Immich already, from the command line to the links and back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result
from tests.live_sidecar import BASE, REVIEW_TOKEN, TOKEN, LiveSidecar, live_sidecar
from tests.shots import clip

from smartsort.cli.main import cli
from smartsort.demo.library import PEOPLE, UPLOADS, draw_uploads, files_below, held
from smartsort.demo.run import IMMICH_LIBRARY

COUNT = 10


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveSidecar]:
    """A sidecar beside a demo Immich with ten uploads and a folder of another library."""
    root, uploads = tmp_path / "root", tmp_path / "immich"
    uploads.mkdir()
    mounts = {IMMICH_LIBRARY: root / "library", UPLOADS: uploads}
    settings = {"backfill.path_mapping": {UPLOADS: str(uploads)}, "whitelist": [], "blacklist": []}
    with live_sidecar(root, settings=settings, demo_options={"mounts": mounts, "people": PEOPLE}) as running:
        assert running.demo is not None
        url = running.sidecar.settings.immich.url
        for upload in draw_uploads(COUNT, seed=1):
            sent = {"assetData": (upload.name, upload.content, "image/jpeg")}
            key = {"x-api-key": running.demo.key}
            httpx.post(f"{url}/api/assets", files=sent, headers=key, timeout=60).raise_for_status()
        running.run(running.demo.wait_idle(60))
        running.wait_for(lambda: running.sidecar.connected, "the connection")
        yield running


def run(live: LiveSidecar, *arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, env={"SMARTSORT_URL": live.url, "SMARTSORT_TOKEN": TOKEN})


def said(live: LiveSidecar, *arguments: str) -> str:
    done = run(live, *arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_from_the_plan_to_the_links_and_back(live: LiveSidecar, tmp_path: Path) -> None:
    folders = [
        str(tmp_path / "immich"),
        *(str(live.root / n) for n in ("faces", "review", "library", "trash")),
    ]
    assert live.demo is not None
    before = files_below(*folders), held(live.demo)
    plan = said(live, "backfill")
    assert "10 photos: 7 to 6 people, 2 questions. 0 are linked already." in plan
    assert files_below(*folders) == before[0]
    assert "2 photos linked, 5 left." in said(live, "backfill", "--apply", "--portion", "2", "--yes")
    done = said(live, "backfill", "--apply", "--yes")
    assert "5 photos linked, 0 left." in done
    linked = [path for path in files_below(str(live.root / "faces")) if path.endswith(".jpg")]
    assert len(linked) == 7
    assert all(os.stat(path).st_nlink == 2 for path in linked), "hard links: no byte is copied"
    assert len(live.demo.state.assets) == COUNT, "no second asset"
    assert len(json.loads(said(live, "review", "list", "--json"))) == 2
    said(live, "undo", "last")
    assert (files_below(*folders), held(live.demo)) == before


def test_the_clip_of_a_live_photo_goes_where_its_photo_goes(live: LiveSidecar, tmp_path: Path) -> None:
    assert live.demo is not None
    key, url = {"x-api-key": live.demo.key}, f"{live.sidecar.settings.immich.url}/api/assets"
    drawn = [each for each in draw_uploads(2 * COUNT, seed=1) if each.person][-1]

    def uploaded(name: str, content: bytes, **more: str) -> str:
        sent = {"assetData": (name, content, "application/octet-stream")}
        answer = httpx.post(url, files=sent, data=more, headers=key, timeout=60).raise_for_status()
        return str(answer.json()["id"])

    clip_id = uploaded("IMG_0099.MOV", clip(0.5, seed=1))
    uploaded("IMG_0099.jpg", drawn.content, livePhotoVideoId=clip_id)
    live.run(live.demo.wait_idle(60))
    folders = [str(tmp_path / "immich"), *(str(live.root / n) for n in ("faces", "review", "library"))]
    before = files_below(*folders), held(live.demo)
    assert "11 photos: 8 to 6 people" in said(live, "backfill"), "the clip is no photo of its own"
    assert "8 photos linked, 0 left." in said(live, "backfill", "--apply", "--yes")
    links = [path for path in files_below(str(live.root / "faces")) if "IMG_0099" in path]
    person = os.path.dirname(links[0])
    assert sorted(links) == [f"{person}/IMG_0099.MOV", f"{person}/IMG_0099.jpg"]
    assert all(os.stat(path).st_nlink == 2 for path in links)
    assert len(live.demo.state.assets) == COUNT + 2, "no second asset"
    said(live, "undo", "last")
    assert (files_below(*folders), held(live.demo)) == before


@pytest.mark.usefixtures("unhurried_doctor")
def test_the_doctor_compares_real_photos_with_their_files(live: LiveSidecar, tmp_path: Path) -> None:
    def line() -> dict[str, str]:
        with live.client() as admin:
            checks = admin.get(f"{BASE}/doctor").json()["checks"]
        return next(check for check in checks if check["name"] == "photos in Immich")

    assert line()["verdict"] == "ok"
    assert "5 photos compared, the same file system" in line()["detail"]
    photos = [path for path in files_below(str(tmp_path / "immich")) if path.endswith(".jpg")]
    for path in photos:
        Path(path).write_bytes(b"another photo")
    assert "is not the photo that Immich has" in line()["detail"]
    for path in photos:
        Path(path).unlink()
    assert line()["verdict"] == "broken"
    assert "is gone" in line()["detail"]


def test_what_is_asked_without_sense_is_refused(live: LiveSidecar) -> None:
    assert "--portion needs --apply" in run(live, "backfill", "--portion", "3").output
    assert run(live, "backfill", "--apply").exit_code == 2, "no terminal to ask on"
    said(live, "disable")
    assert "sorting is off" in str(run(live, "backfill").exception)
    said(live, "enable")
    with live.client(REVIEW_TOKEN) as reviewer:
        assert reviewer.get(f"{BASE}/backfill").status_code == 200
        assert reviewer.post(f"{BASE}/backfill", json={}).status_code == 403
    with live.client() as admin:
        assert admin.post(f"{BASE}/backfill", json={"portion": 0}).status_code == 422
        assert admin.post(f"{BASE}/backfill", json={"apply": 1}).status_code == 422
        assert admin.post(f"{BASE}/backfill", json={"apply": True}).status_code == 422, "of which plan?"
        seen = admin.get(f"{BASE}/backfill").json()["preview"]
        changed = {"apply": True, "preview": f"{seen}0"}
        refused = admin.post(f"{BASE}/backfill", json=changed)
        assert (refused.status_code, refused.json()["code"]) == (409, "preview_gone")


def test_without_a_mapping_it_says_what_to_set(tmp_path: Path) -> None:
    with live_sidecar(tmp_path / "root") as running:
        done = run(running, "backfill")
        assert done.exit_code != 0
        assert "Set backfill.path_mapping" in str(done.exception)
