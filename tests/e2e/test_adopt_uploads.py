"""Files of an adopted folder that Immich has as uploads already."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from tests.e2e.test_adopt_demo import adopt, audit_of, files_of, of_immich, places
from tests.live_sidecar import BASE, TOKEN, LiveSidecar, live_sidecar
from tests.sorted_folders import SortedFolder, make_sorted, picture_of

from smartsort.cli.main import cli
from smartsort.demo.library import PEOPLE, UPLOADS, draw_uploads
from smartsort.demo.run import IMMICH_LIBRARY
from smartsort.ledger import adopted


@pytest.fixture
def live(tmp_path):
    with live_sidecar(tmp_path / "root", 10, settings={"immich.recheck_interval_seconds": 0.3}) as running:
        yield running


@pytest.fixture
def folder(tmp_path) -> SortedFolder:
    return make_sorted(tmp_path / "old" / "faces", 30)


def upload(live: LiveSidecar, folder: Path, names: list[str]) -> None:
    assert live.demo is not None
    url = f"{live.sidecar.settings.immich.url}/api/assets"
    for name in names:
        sent = {"assetData": (os.path.basename(name), (folder / name).read_bytes(), "image/jpeg")}
        httpx.post(url, files=sent, headers={"x-api-key": live.demo.key}, timeout=60).raise_for_status()
    live.run(live.demo.wait_idle(60))


def test_immichs_own_asset_gets_the_person_and_no_second_one_is_made(live, folder) -> None:
    known = [folder.right[0], folder.new[0], folder.contradicted[0], *folder.nobody[:1]]
    upload(live, folder.path, known)
    before, assets = picture_of(folder.path), len(live.demo.state.assets)
    done = adopt(live, folder.path)
    assert done["known"] == len(known)
    assert done["taken"] == len(folder.taken) - 1 - len(known)
    found = places(live, folder)
    assert not found.keys() & set(known), "they stay where they are"
    assert picture_of(folder.path) == before
    assert files_of(live.root / "review" / "duplicates") == {}
    assert len(live.demo.state.assets) == assets + len(found), "no second asset"
    rose = os.path.basename(folder.new[0])
    live.wait_for(lambda: rose in of_immich(live).get("Grandma Rose", ()), "the new person on the upload")
    wrong = os.path.basename(folder.contradicted[0])
    by_folder = folder.contradicted[0].split("/")[0]
    named = {name for name, photos in of_immich(live).items() if wrong in photos}
    assert named, "Immich knows who it is"
    assert by_folder not in {name.lower().replace(" ", "_") for name in named}, (
        "a face that has a name keeps it"
    )

    again = adopt(live, folder.path)
    assert (again["photos"], again["taken"]) == (0, 0)
    undone = live.client().post(f"{BASE}/undo", json={"event": done["event"]}).json()
    assert undone["failed"] == 0, undone
    live.wait_for(lambda: rose not in of_immich(live).get("Grandma Rose", ()), "the face is free again")
    assert picture_of(folder.path) == before
    assert audit_of(live) == []
    said = live.sidecar.context.ledger.read(lambda db: adopted.taken_from(db, [str(folder.path / known[0])]))
    assert said == {}


@pytest.mark.parametrize("first", ["adopt", "backfill"])
def test_a_backfill_takes_the_folders_word(tmp_path, first) -> None:
    """Beside somebody with a name the photo shows somebody whom Immich does not know. The folder does."""
    old, uploads = tmp_path / "old", tmp_path / "immich"
    uploads.mkdir()
    beside_a_stranger = list(draw_uploads(9, seed=1))[8]
    (old / "Grandma Rose").mkdir(parents=True)
    (old / "Grandma Rose" / "b.jpg").write_bytes(beside_a_stranger.content)
    settings = {"backfill.path_mapping": {UPLOADS: str(uploads)}, "whitelist": [], "blacklist": []}
    mounts = {IMMICH_LIBRARY: tmp_path / "root" / "library", UPLOADS: uploads}
    demo = {"mounts": mounts, "people": PEOPLE}

    with live_sidecar(tmp_path / "root", settings=settings, demo_options=demo) as live:

        def said(*arguments: str) -> str:
            env = {"SMARTSORT_URL": live.url, "SMARTSORT_TOKEN": TOKEN}
            done = CliRunner().invoke(cli, arguments, env=env)
            assert done.exit_code == 0, done.output
            return done.stdout

        live.wait_for(lambda: live.sidecar.connected, "the connection")
        upload(live, old / "Grandma Rose", ["b.jpg"])
        before = picture_of(old)
        if first == "backfill":
            said("backfill")
        assert adopt(live, old)["known"] == 1
        live.wait_for(lambda: "Grandma Rose" in of_immich(live), "the new person")
        said("backfill", "--apply", "--yes")
        assert "grandma_rose/b.jpg" in files_of(live.root / "faces")
        assert len(live.demo.state.assets) == 1, "no second asset"
        assert picture_of(old) == before


def test_an_adoption_waits_while_immich_cannot_be_asked(live, folder) -> None:
    """Taken over unasked, the photo would become a duplicate."""
    known = folder.new[0]
    upload(live, folder.path, [known])
    asked = {"folder": str(folder.path), "sorted_as": "faces"}
    preview = live.client().post(f"{BASE}/adopt", json=asked).json()
    assert live.demo is not None
    live.demo.faults.down = True
    live.client().post(f"{BASE}/adopt/apply", json={"preview": preview["preview"]})

    def is_told() -> bool:
        issues = live.client().get(f"{BASE}/status").json()["health_issues"]
        return any(one["kind"] == "immich" for one in issues)

    live.wait_for(is_told, "the health issue")
    assert live.client().get(f"{BASE}/adopt").json()["state"] == "running"
    live.demo.faults.down = False
    live.wait_for(lambda: live.client().get(f"{BASE}/adopt").json()["state"] == "done", "the adoption")
    assert live.client().get(f"{BASE}/adopt").json()["known"] == 1
    assert known not in places(live, folder)
