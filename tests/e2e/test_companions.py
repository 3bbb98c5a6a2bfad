"""Every list, answer, preview and undo names the files that go the same way as a photo."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.e2e.test_api_demo import picture_server
from tests.live_sidecar import BASE, LiveSidecar, live_sidecar
from tests.shots import clip, photo, put, raw_photo

from smartsort.cli.sidecar import tell_decided

COMPANY = ["IMG_1.MOV", "IMG_1.jpg.supplemental-metadata.json", "IMG_1.AAE"]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveSidecar]:
    root = tmp_path / "root"
    (root / "inbox").mkdir(parents=True)
    put(
        root / "inbox",
        IMG_1__jpg=photo(1, content_id="A"),
        IMG_1__MOV=clip(content_id="A"),
        IMG_1__AAE=b"<plist/>",
        IMG_1__jpg__supplemental_metadata__json=b"{}",
        IMG_2__jpg=photo(2),
        IMG_2__dng=raw_photo(2),
        metadata__json=b"{}",
    )
    inbox = root / "inbox"
    (inbox / "IMG_1.jpg.supplemental_metadata.json").rename(inbox / COMPANY[1])
    with live_sidecar(
        root, settings={"inbox.companion_wait_seconds": 0.2, "api.allow_private_urls": ["127.0.0.1"]}
    ) as running:
        running.wait_for(lambda: running.all_sorted(2), "two photos")
        yield running


def ask(client: httpx.Client, method: str, path: str, body: Any = None) -> Any:
    answer = client.request(method, f"{BASE}{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_companions_are_named_wherever_their_photo_is(live: LiveSidecar, capsys: Any) -> None:
    client = live.client()
    company = {
        item["filename"]: (item["id"], item["companions"])
        for item in ask(client, "GET", "/review/queue")["items"]
    }
    row, named = company["IMG_1.jpg"]
    assert named == COMPANY
    assert company["IMG_2.jpg"][1] == ["IMG_2.dng"]
    assert ask(client, "GET", f"/review/items/{row}")["companions"] == COMPANY
    foreseen = ask(client, "POST", "/review/bulk/reject", {"everything": True, "dry_run": True})
    assert {one["id"]: one["companions"] for one in foreseen["decided"]} == {
        row: COMPANY,
        company["IMG_2.jpg"][0]: ["IMG_2.dng"],
    }
    tell_decided(foreseen)
    told = capsys.readouterr().out
    assert "IMG_1.MOV" in told.replace("\n", "")
    assert "IMG_2.dng" in told.replace("\n", "")

    rejected = ask(client, "POST", f"/review/{row}/reject")
    assert rejected["companions"] == COMPANY
    trash = sorted(path.name for path in (live.root / "trash").rglob("IMG_1*"))
    assert trash == sorted(["IMG_1.jpg", *COMPANY])
    history = ask(client, "GET", f"/photos/{rejected['id']}/history")["events"]
    texts = {event["kind"]: event["text"] for event in history}
    company_text = f"(with {', '.join(COMPANY)})"
    assert texts["rejected"].endswith(company_text)
    assert texts["reviewed"].endswith(company_text)
    assert {name for name in COMPANY if name in texts["accepted"]} == set(COMPANY)

    undo = {"event": rejected["event"], "dry_run": True}
    assert ask(client, "POST", "/undo", undo)["decided"][0]["companions"] == COMPANY
    undone = ask(client, "POST", "/undo", {"event": rejected["event"]})
    assert undone["decided"][0]["companions"] == COMPANY
    back = ask(client, "GET", "/review/queue")["items"]
    assert {item["filename"]: item["companions"] for item in back}["IMG_1.jpg"] == COMPANY


def test_what_belongs_to_no_photo_stays_and_is_named_in_the_status(live: LiveSidecar) -> None:
    client = live.client()
    live.wait_for(lambda: bool(live.sidecar.inbox.left_over), "the JSON of an album")
    assert ask(client, "GET", "/status")["inbox_left"] == [str(live.root / "inbox" / "metadata.json")]
    assert [path.name for path in (live.root / "inbox").iterdir() if path.is_file()] == ["metadata.json"]
    # The look that told the JSON from what may still change counts that at its end.
    live.wait_for(lambda: ask(client, "GET", "/status")["inbox_waiting"] == 0, "the end of that look")


TAKEOUT = {"people": [{"name": "Ann Bird"}, {"name": "Zoë"}], "photoTakenTime": {"timestamp": "1714557600"}}


def test_what_takeout_says_is_evidence_that_explain_shows(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "inbox").mkdir(parents=True)
    put(root / "inbox", IMG_3__jpg=photo(3), IMG_3__jpg__json=json.dumps(TAKEOUT).encode())
    with live_sidecar(root) as live:
        live.wait_for(lambda: live.all_sorted(1), "a photo")
        seen = ask(live.client(), "GET", "/photos/1/explain")["seen"]
    assert "Google Takeout names Ann Bird, Zoë." in seen
    assert "Google Takeout says that it was taken at 2024-05-01 10:00:00 UTC." in seen


@pytest.mark.parametrize(
    "name", ["IMG_9.jpg.supplemental-metadata.json", "IMG_9.AAE", "IMG_9.xmp", "SHA256SUMS"]
)
def test_a_side_file_is_refused_where_files_are_handed_in_one_by_one(live: LiveSidecar, name: str) -> None:
    client = live.client()
    answer = client.post(BASE, files={"file": (name, b"{}")})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"{name} is no photo but belongs to one")
    assert not list((live.root / "temp_downloads").glob(".[du]*"))
    photo_of_that_name = client.post(f"{BASE}?wait=50", files={"file": (name, photo(99))})
    assert photo_of_that_name.status_code == 200, photo_of_that_name.text


def test_a_side_file_behind_a_url_is_refused(live: LiveSidecar) -> None:
    with picture_server(b'{"title": "IMG_9.jpg"}') as site:
        body = {"url": f"{site}/IMG_9.jpg.json", "source": "web"}
        answer = live.client().post(f"{BASE}?wait=50", json=body)
    assert answer.status_code == 200, answer.text
    assert "IMG_9.jpg.json is no photo" in answer.json()["reason"]


@pytest.mark.parametrize("picture_first", [True, False])
def test_a_half_joins_while_the_sidecar_runs(live: LiveSidecar, picture_first: bool) -> None:
    client, inbox = live.client(), live.root / "inbox"
    shot = {"IMG_5__jpg": photo(5, content_id="E"), "IMG_5__MOV": clip(content_id="E", seed=5)}
    first, second = shot if picture_first else reversed(shot)
    put(inbox, **{first: shot[first]})
    live.wait_for(lambda: live.all_sorted(3), "the first half")

    def queue() -> dict[str, list[str]]:
        return {item["filename"]: item["companions"] for item in ask(client, "GET", "/review/queue")["items"]}

    assert queue()[first.replace("__", ".")] == []
    put(inbox, **{second: shot[second]})
    live.wait_for(lambda: queue().get("IMG_5.jpg") == ["IMG_5.MOV"], "the other half")
    live.wait_for(lambda: "IMG_5.MOV" not in queue(), "the end of the half that was first")
    live.wait_for(lambda: not list((live.root / "temp_downloads").glob("*IMG_5*")), "its names")
    # Where the half was first it goes once the ledger knows that it has ended.
    live.wait_for(lambda: len(list((live.root / "review").rglob("*IMG_5.MOV"))) == 1, "one name in review")
    [path] = (live.root / "review").rglob("*IMG_5.MOV")
    assert path.read_bytes() == shot["IMG_5__MOV"]
    live.wait_for(
        lambda: len(list((live.root / "library").rglob("*IMG_5*"))) == 2, "one name each in the library"
    )
