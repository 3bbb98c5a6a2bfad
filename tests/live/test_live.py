"""smartsort from end to end beside an Immich: a demo, or the one that SMARTSORT_LIVE_URL names.

What smartsort did is compared with what the server itself says. The tests share one sidecar, and each goes on
where the one before ended.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.demo_server import serve_in_thread
from tests.live.server import VARIABLE, Immich, Refused, check_folder, check_user, chosen, named
from tests.live_sidecar import BASE, live_sidecar

from smartsort.audit import Audit
from smartsort.cli.outcome import outcomes
from smartsort.config import load_settings
from smartsort.core.naming import folder_name
from smartsort.demo.samples import make_samples
from smartsort.demo.settings import DEFAULT_KEY, DemoSettings
from smartsort.doctor import examine
from smartsort.files.layout import Layout
from smartsort.immich import ImmichServer
from smartsort.immich.conformance import compare
from smartsort.ledger import shots

SAMPLES = 24
MANY_SECONDS = 1500
"""A real server loads its models first."""
pytestmark = pytest.mark.timeout(MANY_SECONDS + 300)


@pytest.fixture(scope="module")
def immich(tmp_path_factory):
    with chosen(os.environ, tmp_path_factory.mktemp("live")) as server:
        yield server


@pytest.fixture(scope="module")
def delivered(immich, tmp_path_factory):
    """Digests of all files that are handed in: drawn photos, and your own from SMARTSORT_LIVE_PHOTOS."""
    folder = tmp_path_factory.mktemp("photos")
    make_samples(folder, SAMPLES)
    if own := os.environ.get(VARIABLE + "PHOTOS"):
        shutil.copytree(own, folder / "own")
    shutil.copytree(folder, immich.root / "inbox")
    return Counter(map(digest, photo_files(folder)))


@pytest.fixture(scope="module")
def live(immich, delivered):
    """A sidecar that has sorted all of them."""
    with live_sidecar(immich.root, beside=immich.settings) as running:
        count = delivered.total()
        ledger = running.sidecar.context.ledger
        running.wait_for(
            lambda: ledger.read(shots.files_at_rest) >= count, f"{count} files to be sorted", MANY_SECONDS
        )
        yield running


def photo_files(folder):
    """All files below, without XMP files, which travel with a photo, and without smartsort's marks."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if path.suffix != ".xmp" and not path.name.startswith(".smartsort")]


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def sorted_photos(live):
    """(places below the root, path below library/ or None, reason) of each photo."""
    rows = live.sidecar.context.ledger.read(lambda db: outcomes(db, live.sidecar.context.layout.inbox))
    return [(row.places, row.library, row.reason) for row in rows]


def asset_at(immich, library):
    """The asset that the server has for a path below library/, whatever became of it; None for none."""
    path = f"{immich.library_path}/{library}"
    search = {"originalPath": path, "withDeleted": True, "size": 100}
    found = immich.ask("POST", "/search/metadata", search)["assets"]["items"]
    return next((asset for asset in found if asset["originalPath"] == path), None)


def waiting(live):
    """The photos in the review queue, with everything that is known about each."""
    client = live.client()
    queue = client.get(f"{BASE}/review/queue", params={"limit": 100}).json()["items"]
    return [client.get(f"{BASE}/review/items/{item['id']}").json() for item in queue]


def faces_of(immich, item):
    return immich.ask("GET", f"/faces?id={item['asset_id']}") if item["asset_id"] else []


def until(ready, what):
    end = time.monotonic() + 120
    while not ready():
        assert time.monotonic() < end, what
        time.sleep(0.1)


async def test_the_server_has_all_that_smartsort_needs(immich):
    async with ImmichServer(immich.url, immich.key) as server:
        found = compare(await server.description())
    assert [str(each) for each in found if each.breaks] == []


def test_every_photo_has_a_place_and_its_bytes(live, immich, delivered):
    placed = [*photo_files(immich.root / "faces"), *photo_files(immich.root / "review")]
    assert {digest(path) for path in placed} == set(delivered)
    assert photo_files(immich.root / "inbox") == []


def test_a_copy_is_kept_apart_from_its_photo(live, immich, delivered):
    copies = [where for where, _, reason in sorted_photos(live) if reason.startswith("duplicate")]
    assert len(copies) == sum(count - 1 for count in delivered.values())
    assert all(place.startswith("review/duplicates/") for where in copies for place in where)


def test_the_folder_is_what_the_server_says_of_the_faces(live, immich):
    filed = 0
    for where, library, reason in sorted_photos(live):
        asset = None if library is None else asset_at(immich, library)
        if asset is None:
            assert reason.startswith(("duplicate", "unreadable")), (where, reason)
            continue
        faces = immich.ask("GET", f"/faces?id={asset['id']}")
        people = {face["person"]["name"] for face in faces if face["person"]} - {""}
        for place in where:
            area, folder, _ = place.split("/", 2)
            if area == "faces":
                filed += 1
                assert folder in map(folder_name, people), (place, people)
            elif reason.startswith("no_face"):
                assert faces == [], place
            elif reason.startswith("multiple_faces"):
                assert len(faces) > 1, place
    assert filed or not immich.is_demo, "the demo knows the people who are drawn"


def test_a_person_of_a_new_name_is_in_immich_afterwards(live, immich):
    alone = [item for item in waiting(live) if [f["person"] for f in faces_of(immich, item)] == [None]]
    assert alone or not immich.is_demo, "the demo draws strangers"
    item = (alone or waiting(live))[0]
    choice = {"person": {"name": "Live Test", "create": True}}
    approved = live.client().post(f"{BASE}/review/{item['id']}/approve", json=choice)
    assert approved.status_code == 200, approved.text
    assert approved.json()["destination"].startswith("faces/live_test/")
    if alone:

        def names():
            return [face["person"] and face["person"]["name"] for face in faces_of(immich, item)]

        until(lambda: names() == ["Live Test"], "Immich was not told who it is")


def test_a_rejected_photo_leaves_immich_and_comes_back_as_the_same_asset(live, immich):
    def is_offline():
        return immich.ask("GET", f"/assets/{item['asset_id']}")["isOffline"]

    item = next(item for item in waiting(live) if item["asset_id"])
    assert not is_offline()
    rejected = live.client().post(f"{BASE}/review/{item['id']}/reject")
    assert rejected.status_code == 200, rejected.text
    until(is_offline, "the asset stayed online")
    undone = live.client().post(f"{BASE}/undo", json={"event": rejected.json()["event"]})
    assert undone.status_code == 200, undone.text
    until(lambda: not is_offline(), "the asset stayed offline")


async def test_the_doctor_finds_nothing_broken(live, immich):
    settings = load_settings(None, env={}, overrides={"root": str(immich.root), **immich.settings})
    report = await examine(settings)
    assert [f"{each.name}: {each.detail}" for each in report.checks if each.verdict == "broken"] == []


def test_nothing_was_lost(live, immich):
    assert Audit(Layout(str(immich.root))).run().findings == []


# Who is refused


def test_a_user_who_has_photos_is_refused(live, immich):
    with pytest.raises(Refused, match=r"has photos in Immich .* throw-away user"):
        check_user(immich)


def test_a_folder_that_holds_anything_is_refused(live, immich, tmp_path):
    for folder in (immich.root, tmp_path, tmp_path / "nowhere"):
        with pytest.raises(Refused, match="empty folder with an empty library/"):
            check_folder(folder)
    (tmp_path / "library").mkdir()
    check_folder(tmp_path)


def test_a_server_that_is_named_is_used(tmp_path):
    (tmp_path / "library").mkdir()
    with serve_in_thread(DemoSettings()) as server:
        environment = {
            "SMARTSORT_LIVE_URL": f"{server.url}/",
            "SMARTSORT_LIVE_API_KEY": DEFAULT_KEY,
            "SMARTSORT_LIVE_ROOT": str(tmp_path),
        }
        with chosen(environment, tmp_path) as immich:
            assert immich == Immich(server.url, DEFAULT_KEY, tmp_path, "/mnt/smartsort/library")


def test_a_server_without_a_key_is_refused():
    with pytest.raises(Refused, match="SMARTSORT_LIVE_API_KEY and SMARTSORT_LIVE_ROOT: set it"):
        named({"SMARTSORT_LIVE_URL": "http://localhost:2283"})
