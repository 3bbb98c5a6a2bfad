"""Commands that ask the running sidecar: its status, its switch, its people and its settings."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from sqlite_utils import Database
from tests.live_sidecar import BASE, NOTHING_BY_ITSELF, TOKEN, LiveSidecar, live_sidecar

from smartsort.cli.main import cli
from smartsort.demo.samples import make_samples
from smartsort.ledger import embeddings


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    with live_sidecar(tmp_path_factory.mktemp("cli") / "root", 8, settings=NOTHING_BY_ITSELF) as running:
        yield running


def run(live: LiveSidecar, *arguments: str) -> Result:
    environment = {"SMARTSORT_URL": live.url, "SMARTSORT_TOKEN": TOKEN}
    return CliRunner().invoke(cli, arguments, env=environment)


def said(live: LiveSidecar, *arguments: str) -> str:
    done = run(live, *arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def as_json(live: LiveSidecar, *arguments: str) -> Any:
    return json.loads(said(live, *arguments, "--json"))


def test_the_status_says_whether_it_sorts(live: LiveSidecar) -> None:
    text = said(live, "status")
    assert "sorting\ton\n" in text
    assert "Immich\tconnected (3.1.0" in text
    assert f"inbox\t{live.sidecar.context.layout.inbox}, 0 files waiting" in text
    assert as_json(live, "status")["in_review"] == int(text.split("in review\t")[1].split("\n")[0])


def test_sorting_is_switched_off_and_on(live: LiveSidecar) -> None:
    assert "sorting is off" in said(live, "disable")
    off = run(live, "status")
    assert off.exit_code == 1, "a script sees that nothing is sorted"
    assert "sorting\toff" in off.stdout
    assert "sorting is on" in said(live, "enable")
    assert run(live, "status").exit_code == 0


def test_people_and_their_lists(live: LiveSidecar) -> None:
    people = as_json(live, "people", "list")
    assert "John Doe" in [one["name"] for one in people]
    text = said(live, "people", "list", "--search", "john")
    assert text.splitlines()[0] == "name\tphotos\tfolder\tlist"
    assert text.splitlines()[1].startswith("John Doe\t")
    before = as_json(live, "people", "whitelist", "list")["names"]
    added = run(live, "people", "whitelist", "add", "Nobody Known", "Zoë Two")
    assert added.stdout.split("\n")[:-1] == [*before, "Nobody Known", "Zoë Two"]
    assert "Immich has no person called Nobody Known" in added.stderr
    said(live, "people", "whitelist", "remove", "nobody known", "Zoë Two")
    assert said(live, "people", "whitelist", "list").split("\n")[:-1] == before
    assert as_json(live, "people", "blacklist", "add", "Stranger")["names"][-1] == "Stranger"
    said(live, "people", "blacklist", "remove", "Stranger")


@pytest.mark.usefixtures("unhurried_doctor")
def test_somebody_who_looks_like_two_people_is_one_by_a_word(live: LiveSidecar) -> None:
    refused = run(live, "people", "one-person", "John Doe")
    assert refused.exit_code == 1
    assert "they are not taken for two people. People who may be two: nobody" in str(refused.exception)
    ledger, server = live.sidecar.context.ledger, live.sidecar.context.server
    [john] = as_json(live, "people", "list", "--search", "john doe")
    assets = {
        a for one in as_json(live, "people", "list") for a in live.run(server.assets_of_person(one["id"], 9))
    }
    faces = [(face.id, asset) for asset in sorted(assets) for face in live.run(server.faces(asset))]
    assert len(faces) >= 4
    at = live.sidecar.context.clock.text()

    def two_people(db: Database) -> None:
        embeddings.set_gallery(db, "buffalo_l", person_id=john["id"], name="John Doe", members={}, at=at)
        embeddings.set_groups(db, john["id"], (tuple(faces[:2]), tuple(faces[2:])))

    ledger.write(two_people)
    sizes = [2, len(faces) - 2]
    assert as_json(live, "people", "list", "--search", "john doe")[0]["mixed"] == sizes
    text = f"under the name John Doe look like two people's: 2 like one, {sizes[1]} like the other"
    assert text in said(live, "people", "list")
    live.wait_for(lambda: text in said(live, "status"), "the notice")
    assert live.client().get("/readyz").status_code == 200
    picture = live.client().get(f"{BASE}/people/{john['id']}/mixed")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
    with Image.open(io.BytesIO(picture.content)) as sheet:
        assert sheet.width == 3 * 166 + 6
    checks = {check["name"]: check for check in live.client().get(f"{BASE}/doctor").json()["checks"]}
    assert checks["people"]["verdict"] == "warning"
    assert "look like two people's: John Doe" in checks["people"]["detail"]
    done = said(live, "people", "one-person", "john doe")
    event = int(done.split("--event ")[1].split("`")[0])
    assert as_json(live, "people", "list", "--search", "john doe")[0]["mixed"] == []
    assert live.client().get(f"{BASE}/people/{john['id']}/mixed").status_code == 404
    assert "All faces of John Doe are one person's, a user said" in said(live, "undo", "--list")
    assert run(live, "undo", "--event", str(event)).exit_code == 0
    assert as_json(live, "people", "list", "--search", "john doe")[0]["mixed"] == sizes
    assert as_json(live, "people", "one-person", john["id"])["event"] > event
    live.wait_for(lambda: text not in said(live, "status"), "the end of the notice")


def test_settings_are_read_and_changed(live: LiveSidecar) -> None:
    assert said(live, "config", "get", "thresholds.min_confidence") == "0.6\n"
    assert as_json(live, "config", "get", "thresholds")["thresholds.min_margin"] >= 0
    assert said(live, "config", "set", "thresholds.min_confidence", "0.7") == (
        "thresholds.min_confidence is 0.7\n"
    )
    assert "thresholds.min_confidence\t0.7\tat run time\n" in said(live, "config", "get")
    said(live, "config", "set", "review_categories.unwanted_person", "false")
    assert said(live, "config", "get", "review_categories.unwanted_person") == "false\n"
    said(live, "config", "set", "deduplication.action_on_duplicate", "skip")
    assert said(live, "config", "get", "deduplication.action_on_duplicate") == "skip\n"
    live.client().delete("/api/smart-download/config")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["get", "thresholds.min_confidance"], "Did you mean 'thresholds.min_confidence'?"),
        (["set", "thresholds.min_confidance", "1"], "Did you mean 'thresholds.min_confidence'?"),
        (["set", "api.port", "1"], "Set it in the configuration file"),
        (["set", "enabled", "true"], "smartsort enable"),
        (["set", "whitelist", "a"], "smartsort people whitelist"),
        (["set", "thresholds.min_confidence", "7"], "min_confidence"),
    ],
)
def test_what_cannot_be_set_is_one_line(live: LiveSidecar, arguments: list[str], answer: str) -> None:
    done = run(live, "config", *arguments)
    line = done.stderr if done.exception is None or isinstance(done.exception, SystemExit) else ""
    assert done.exit_code != 0
    assert answer in (line or str(done.exception))
    assert done.stdout == ""


def test_statistics_and_spot_checks(live: LiveSidecar) -> None:
    text = said(live, "stats")
    rate = as_json(live, "stats")["success_rate"]
    assert f"success rate {rate:g}%" in text
    assert f"auto_sort_rate\t{rate:g}\t> 80 %\t" in text
    assert "wrongly_sorted_share\t-\t< 5 %\tnot known yet" in text
    assert "wrongly sorted: not known yet" in said(live, "spot-check")


def test_adding_waits_until_it_is_known_where_the_photos_went(live: LiveSidecar, tmp_path: Path) -> None:
    """Also of files whose name came before, and of those that are no pictures."""
    folder = tmp_path / "new"
    make_samples(str(folder), 3, 77, size=(320, 240))
    (folder / "notes.txt").write_text("no picture")
    photos = [name for _, _, names in os.walk(folder) for name in names]
    root = ["--root", os.fspath(live.root)]
    for _ in range(2):  # the second time all are duplicates under the same names
        done = run(live, "add", *root, os.fspath(folder), "--source", "waits", "--wait", "--json")
        answers = json.loads(done.stdout)
        assert sorted(os.path.basename(one["file"]) for one in answers) == sorted(photos)
        assert {one["state"] for one in answers} <= {"filed", "review"}
        assert all(one["places"] for one in answers)
        assert all(one["file"].startswith("waits/") for one in answers)
    pictures = [one for one in answers if not one["file"].endswith(".txt")]
    assert {one["summary"].split(":")[0] for one in pictures} == {"It was put into review/duplicates"}
    assert len({one["photo_id"] for one in answers}) == len(photos)


def test_waiting_names_what_is_left_alone(live: LiveSidecar, tmp_path: Path) -> None:
    """A download that is not finished is never taken, so nothing waits for it."""
    make_samples(str(tmp_path / "one"), 1, 78, size=(320, 240))
    photo = next(path for path in (tmp_path / "one").rglob("*.*") if path.is_file())
    unfinished = tmp_path / "IMG_1.jpg.crdownload"
    unfinished.write_bytes(b"half")
    root = ["--root", os.fspath(live.root)]
    done = run(live, "add", *root, os.fspath(photo), os.fspath(unfinished), "--wait")
    assert done.exit_code == 1, done.output
    assert done.stdout.splitlines()[1] == "file\tphoto\twhere\twhy"
    assert f"cli/{photo.name}\t" in done.stdout
    assert "IMG_1.jpg.crdownload" in done.stderr


def test_a_template_moves_what_is_filed_and_the_undo_moves_it_back(live: LiveSidecar) -> None:
    refused = run(live, "config", "set", "filing.template", "{year}")
    assert refused.exit_code != 0
    assert "must have {person}" in str(refused.exception or refused.output)
    before = sorted(Path(live.sidecar.context.layout.faces).rglob("*.*"))
    assert "0 done" in said(live, "refile", "--yes") or "would be done: 0" in said(
        live, "refile", "--dry-run"
    )
    assert "faces/john_doe -> faces/john_doe/" in said(live, "what-if", "--template", "{person}/{year}")
    said(live, "config", "set", "filing.template", "{person}/{year}")
    assert {one["folder"] for one in as_json(live, "people", "list") if one["name"] == "John Doe"} == {
        "john_doe/{year}"
    }
    shown = said(live, "refile", "--dry-run")
    assert "would_move" in shown
    assert sorted(Path(live.sidecar.context.layout.faces).rglob("*.*")) == before
    moved = as_json(live, "refile", "--yes")
    assert moved["done"] > 0
    assert moved["failed"] == 0
    assert sorted(Path(live.sidecar.context.layout.faces).rglob("*.*")) != before
    assert "Moved to where the template says" in said(live, "undo", "--list")
    said(live, "undo", "--event", str(moved["event"]))
    assert sorted(Path(live.sidecar.context.layout.faces).rglob("*.*")) == before
    said(live, "config", "set", "filing.template", "{person}")
