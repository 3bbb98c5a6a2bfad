"""A folder of six people, sorted by hand, is adopted beside a demo Immich, and given back."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from tests.live_sidecar import BASE, LiveSidecar, live_sidecar
from tests.sorted_folders import SortedFolder, make_sorted, picture_of

from smartsort.audit import Audit
from smartsort.ledger import photos
from smartsort.ledger.records import Area, Member


@pytest.fixture
def live(tmp_path):
    with live_sidecar(tmp_path / "root", 10, settings={"immich.recheck_interval_seconds": 0.3}) as running:
        yield running


@pytest.fixture
def folder(tmp_path) -> SortedFolder:
    return make_sorted(tmp_path / "old" / "faces")


def adopt(live: LiveSidecar, folder: Path, **more) -> dict:
    client = live.client()
    asked = {"folder": str(folder), "sorted_as": "faces", **more}
    preview = client.post(f"{BASE}/adopt", json=asked).json()
    begun = client.post(f"{BASE}/adopt/apply", json={"preview": preview["preview"]})
    assert begun.status_code == 200, begun.text
    live.wait_for(lambda: client.get(f"{BASE}/adopt").json()["state"] == "done", "the adoption")
    live.wait_for(lambda: live.all_sorted(0), "the photos of the folder")
    return {**preview, **client.get(f"{BASE}/adopt").json()}


def places(live: LiveSidecar, folder: SortedFolder) -> dict[str, list[str]]:
    """Where each file of the folder is by now, by its path in the folder."""

    def read(db):
        rows = [p for p in photos.by_ids(db, range(1, 10_000)) if p.origin == "add"]
        names = photos.names_of(db, [p.id for p in rows])
        return {
            os.path.relpath(p.origin_path, folder.path): [
                os.path.join(n.area, n.path)
                for n in names[p.id]
                if n.area is not Area.LIBRARY and n.member is Member.PHOTO
            ]
            for p in rows
        }

    return live.sidecar.context.ledger.read(read)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def audit_of(live: LiveSidecar) -> list[str]:
    """What the audit finds, every byte read."""
    layout = live.sidecar.context.layout
    return [f"{f.code}: {f.path} {f.what}" for f in Audit(layout, quick=False).run().findings]


def of_immich(live: LiveSidecar) -> dict[str, list[str]]:
    """Which photos of Immich show whom, by the name of the person, as file names."""
    rows = live.sidecar.context.ledger.read(lambda db: photos.by_ids(db, range(1, 10_000)))
    found: dict[str, list[str]] = {}
    for photo in rows:
        for face in live.run(live.sidecar.context.server.faces(photo.asset_id)) if photo.asset_id else ():
            if face.person is not None and face.person.name:
                found.setdefault(face.person.name, []).append(os.path.basename(photo.original_name))
    return found


def test_it_is_filed_as_it_was_sorted_and_given_back(live: LiveSidecar, folder: SortedFolder) -> None:
    before, client = picture_of(folder.path), live.client()
    areas = ("faces", "review", "library", "trash", "temp_downloads")
    root = {area: files_of(live.root / area) for area in areas}
    done = adopt(live, folder.path)
    assert (done["matched"], done["new"], done["uncertain"]) == (6, 1, 0)
    assert done["photos"] == len(folder.taken)
    assert (done["taken"], done["known"]) == (len(folder.taken) - 1, 0)
    assert done["linked"] == done["photos"]

    found = places(live, folder)
    for name in (*folder.right, *folder.nobody):
        [place] = found[name]
        assert place.startswith(f"faces/{name.split('/')[0]}/"), name
    for name in folder.new:
        assert found[name][0].startswith("faces/grandma_rose/"), name
    [name] = [n for n in folder.twice if n in found]
    assert {p.split("/")[1] for p in found[name]} == {n.split("/")[0] for n in folder.twice}
    assert found[folder.contradicted[0]][0].startswith("review/unidentified/contradicted_")
    assert all(found[n][0].startswith("review/unwanted_person/") for n in folder.unwanted)
    assert picture_of(folder.path) == before

    new = {os.path.basename(n) for n in folder.new}
    live.wait_for(lambda: new <= set(of_immich(live).get("Grandma Rose", ())), "the new person in Immich")
    filing = client.get(f"{BASE}/events", params={"kind": "filed_as_adopted"}).json()["events"][0]
    assert (filing["actor"], filing["undoable"]) == ("admin", True)
    told = client.get(f"{BASE}/photos/{filing['photo_id']}/explain").json()
    assert "It lay in your folder of" in str(told)
    assert audit_of(live) == []

    undone = client.post(f"{BASE}/undo", json={"event": done["event"]}).json()
    assert (undone["done"], undone["failed"]) == (done["taken"], 0)
    assert audit_of(live) == []
    assert picture_of(folder.path) == before
    for area, was in root.items():
        assert files_of(live.root / area) == was, area
    live.wait_for(lambda: not of_immich(live).get("Grandma Rose"), "the faces to be nobody's again")
    digest = hashlib.sha256((folder.path / folder.right[0]).read_bytes()).hexdigest()
    known = client.get(f"{BASE}/known/{digest}").json()
    assert not known["known"] or known["photo_id"] is not None
    again = adopt(live, folder.path)
    assert again["taken"] == done["taken"]
    assert picture_of(folder.path) == before
    assert audit_of(live) == []
