"""Near misses of known people: listed, drawn on one sheet, answered with one undoable yes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from PIL import Image
from tests.fakes import suggest
from tests.live_sidecar import BASE, NOTHING_BY_ITSELF, TOKEN, LiveSidecar, live_sidecar

from smartsort.cli.main import cli
from smartsort.core.model import State, Suggestion
from smartsort.ledger import photos


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    """The demo measures nothing here, so the numbers are put beside its strangers."""
    with live_sidecar(tmp_path_factory.mktemp("near") / "root", 60, settings=NOTHING_BY_ITSELF) as started:
        yield started


@pytest.fixture
def strangers(live: LiveSidecar) -> Iterator[list[int]]:
    """Waiting photos with one unknown face; three are close to John Doe. Afterwards all wait again."""
    client = live.client()
    found = client.get(f"{BASE}/review/queue/unidentified").json()["items"]
    ids = sorted(item["id"] for item in found if item["reason"] == "unknown_face")
    john = next(p for p in live.sidecar.people.known if p.name == "John Doe")
    context = live.sidecar.context
    for photo_id, much in zip(ids[:4], (0.44, 0.52, 0.47, 0.31), strict=True):
        suggest(context.ledger, photo_id, [Suggestion(john, much)], context.clock.text())
    since = context.clock.text()
    yield ids[:4]
    would = client.post(f"{BASE}/undo", json={"since": since, "dry_run": True}).json()
    assert client.post(f"{BASE}/undo", json={"preview": would["preview"]}).json()["failed"] == 0


def near(client: httpx.Client) -> list[dict[str, Any]]:
    answer = client.get(f"{BASE}/review/near-misses")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def command(live: LiveSidecar, *arguments: object, status: int = 0) -> str:
    result = CliRunner().invoke(
        cli, ["review", "near-misses", *map(str, arguments), "--url", live.url, "--token", TOKEN]
    )
    assert result.exit_code == status, result.output
    return result.output


def test_the_list_the_sheet_and_one_yes_that_is_undone(live: LiveSidecar, strangers: list[int]) -> None:
    client = live.client()
    [john] = near(client)
    assert john["text"] == "3 faces might be John Doe (0.44 to 0.52)"
    assert [(f["number"], f["photo_id"], f["similarity"]) for f in john["faces"]] == [
        (1, strangers[1], 0.52),
        (2, strangers[2], 0.47),
        (3, strangers[0], 0.44),
    ]
    [offer] = client.get(f"{BASE}/review/offers").json()
    assert offer == {
        "kind": "near_misses",
        "id": john["person"]["id"],
        "photos": 3,
        "text": "One yes files 3 photos that might be John Doe (0.44 to 0.52)",
        "names": ["John Doe"],
    }
    sheet = client.get(john["sheet"])
    assert sheet.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(sheet.content)).width > 320
    assert client.get(john["sheet"], params={"page": 2}).status_code == 404
    assert client.get(f"{BASE}/review/near-misses/nobody/sheet").status_code == 404

    faces = {str(f["photo_id"]): f["face"] for f in john["faces"][:2]}
    asked = {
        "ids": [f["photo_id"] for f in john["faces"][:2]],
        "faces": faces,
        "approve": {"person": {"id": john["person"]["id"]}},
    }
    would = client.post(f"{BASE}/review/bulk/approve", json={**asked, "dry_run": True}).json()
    assert {one["destination"].split("/")[1] for one in would["decided"]} == {"john_doe"}
    done = client.post(f"{BASE}/review/bulk/approve", json={"preview": would["preview"]}).json()
    assert (done["done"], done["failed"]) == (2, 0)
    [left] = near(client)
    assert left["text"] == "1 face might be John Doe (0.44)"
    assert client.get(f"{BASE}/review/offers").json() == []  # a single photo is no more work

    def assigned() -> bool:
        server = live.sidecar.context.server
        found = live.sidecar.context.ledger.read(lambda db: photos.by_ids(db, asked["ids"]))
        given = [f for p in found for f in live.run(server.faces(p.asset_id or "")) if f.id in faces.values()]
        return [f.person.id for f in given if f.person is not None] == [john["person"]["id"]] * 2

    live.wait_for(assigned, "the faces in Immich")
    assert client.post(f"{BASE}/undo", json={"event": done["event"]}).json()["done"] == 2
    states = live.sidecar.context.ledger.read(lambda db: [p.state for p in photos.by_ids(db, strangers)])
    assert states == [State.REVIEW] * 4


def test_a_face_of_another_photo_is_refused(live: LiveSidecar, strangers: list[int]) -> None:
    asked = {
        "ids": strangers[:2],
        "faces": {str(strangers[0]): "no-such-face"},
        "approve": {"person": "John Doe"},
    }
    refused = live.client().post(f"{BASE}/review/bulk/approve", json=asked)
    assert refused.status_code == 422
    assert "no-such-face" in refused.json()["detail"]


def test_the_command_lists_draws_and_files(live: LiveSidecar, strangers: list[int], tmp_path: Path) -> None:
    assert "3 faces might be John Doe (0.44 to 0.52)" in command(live)
    picture = tmp_path / "john.jpg"
    command(live, "--person", "john doe", "--sheet", picture)
    assert Image.open(io.BytesIO(picture.read_bytes())).format == "JPEG"
    assert "Give --person" in command(live, "--approve", status=2)
    told = command(live, "--person", "John Doe", "--approve", "--except", strangers[1], "--dry-run")
    assert "would be done: 2" in told
    told = command(live, "--person", "John Doe", "--approve", "--except", strangers[1], "--yes")
    assert "1 face might be John Doe (0.52)" in command(live)
