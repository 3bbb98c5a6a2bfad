"""The documentation of the API: its commands run, its answers have these shapes, nothing is left out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.live_sidecar import BASE, NOTHING_BY_ITSELF, TOKEN, LiveSidecar, live_sidecar

from smartsort.demo.samples import make_samples

DOCS = Path(__file__).resolve().parents[2] / "sidecar" / "docs" / "reference" / "http-api.md"
MORE = Path(__file__).with_name("api_transcripts.md")
"""A request and its answer for each route. The page shows few of them: it has the description's examples."""

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the transcripts need curl")


@dataclass(frozen=True)
class Transcript:
    command: str
    output: str


def transcripts(text: str) -> Iterator[Transcript]:
    """Commands and what follows them, in the order of the page."""
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield Transcript(command, output.strip())


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    with live_sidecar(
        tmp_path_factory.mktemp("docs") / "root",
        40,
        settings={
            **NOTHING_BY_ITSELF,
            "spot_check_rate": 1,
            "api.allow_private_urls": ["127.0.0.1"],
            # Nobody listens there; the page shows what is said of that.
            "notify.webhook.url": "http://127.0.0.1:9/hook",
            "notify.events": ["health"],
        },
    ) as running:
        yield running


@pytest.fixture
def pictures(tmp_path: Path) -> Iterator[str]:
    """The address of a web server with `photo.jpg`, which lies in `tmp_path`, too."""
    make_samples(str(tmp_path), 2, seed=4711, size=(320, 240))
    photo = min(p for p in tmp_path.rglob("*") if p.suffix in (".jpg", ".jpeg"))
    shutil.copy(photo, tmp_path / "photo.jpg")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def variables(live: LiveSidecar, pictures: str) -> dict[str, str]:
    """What the page's commands need: ids of things that are there."""
    client = live.client()

    def ids(category: str) -> list[int]:
        found = client.get(f"{BASE}/review/queue/{category}").json()["items"]
        return [item["id"] for item in found if not item["reason"].startswith("unreadable")]

    gone = [{"url": f"{pictures}/gone.jpg", "source": "blog"}]
    client.post(BASE, json=gone, params={"wait": 30})
    filed = client.get(f"{BASE}/events", params={"kind": "sorted"}).json()["events"]
    duplicate = client.get(f"{BASE}/review/items/{ids('duplicates')[0]}").json()
    waiting = client.get(f"{BASE}/review/queue/unidentified").json()["items"]
    strangers = [item for item in waiting if item["reason"] == "unknown_face"]
    # Neither the photo that is filed elsewhere on the page nor the copy of the rejected duplicate.
    others = [e for e in filed if e["data"]["people"] != ["Lukas Müller"]]
    return {
        "URL": live.url,
        "TOKEN": TOKEN,
        "ITEM": str(ids("multiple_faces")[0]),
        "OTHER": str(ids("unidentified")[0]),
        "STRANGER": str(strangers[0]["id"]),
        "DUPLICATE": str(duplicate["id"]),
        "SHA256": duplicate["sha256"],
        "PHOTO": str(others[0]["photo_id"]),
        "EVENT": str(others[-1]["id"]),
        "FAILED": client.get(f"{BASE}/submissions").json()["items"][0]["id"],
        "PHOTO_URL": f"{pictures}/photo.jpg",
        "CHECK": str(others[1]["photo_id"]),
        "WRONG": str(others[2]["photo_id"]),
        "PERSON": client.get(f"{BASE}/people").json()[0]["id"],
    }


def fits(documented: Any, found: Any, place: str = "$") -> None:
    """The answer has what is documented, of the same type; it may have more, and null may be anything."""
    if documented is None or found is None:
        return
    if isinstance(documented, dict):
        assert isinstance(found, dict), place
        is_map = not set(documented) <= set(found)
        for key, value in documented.items():
            if not is_map:
                fits(value, found[key], f"{place}.{key}")
        names = place.rpartition(".")[2]
        assert not is_map or names in MAPS, f"{place} lacks {sorted(set(documented) - set(found))}"
    elif isinstance(documented, list):
        assert isinstance(found, list), place
        if documented:
            assert found, f"{place} is empty"
            fits(documented[0], found[0], f"{place}[0]")
    elif isinstance(documented, bool) or isinstance(found, bool):
        assert type(documented) is type(found), place
    elif isinstance(documented, int | float):
        assert isinstance(found, int | float), place
    else:
        assert type(documented) is type(found), f"{place}: {documented!r} and {found!r}"


MAPS = {"by_person", "by_category", "by_source", "counts", "numbers", "data", "before", "after", "moves"} | {
    "in_progress_by_state",
    "queues",
}
"""Objects whose keys are names of things."""


def test_the_transcripts(live: LiveSidecar, pictures: str, tmp_path: Path) -> None:
    environment = {**os.environ, **variables(live, pictures), "LC_ALL": "C.UTF-8"}
    pages = [*transcripts(DOCS.read_text(encoding="utf-8")), *transcripts(MORE.read_text(encoding="utf-8"))]
    assert len(pages) > 40
    for each in pages:
        done = subprocess.run(
            ["bash", "-c", each.command], env=environment, cwd=tmp_path, capture_output=True, timeout=60
        )
        output = done.stdout.decode()
        try:
            if each.output.startswith(("{", "[")):
                fits(json.loads(each.output), json.loads(output))
            else:
                assert _words(output) == _words(each.output)
        except (AssertionError, ValueError) as problem:
            raise AssertionError(f"{each.command}\n{output[:2000]}\n{problem}") from problem


def _words(text: str) -> list[str]:
    """The beginnings of the lines, without numbers: what a table or a stream looks like."""
    return [re.split(r"[\d,]", line, maxsplit=1)[0] for line in text.strip().splitlines()]


def test_every_route_is_documented(live: LiveSidecar) -> None:
    text = re.sub(r"\s+", " ", DOCS.read_text(encoding="utf-8"))
    missing = [
        f"{method.upper()} {path}"
        for path, methods in live.client().get("/openapi.json").json()["paths"].items()
        for method in methods
        if f"{method.upper()} {path}" not in text
    ]
    assert missing == []


def test_every_documented_route_is_there(live: LiveSidecar) -> None:
    paths = live.client().get("/openapi.json").json()["paths"]
    text = DOCS.read_text(encoding="utf-8") + MORE.read_text(encoding="utf-8")
    for method, path in re.findall(r"^##+ (GET|POST|PUT|PATCH|DELETE) (\S+)$", text, re.MULTILINE):
        assert method.lower() in paths[path], f"{method} {path}"


def test_every_metric_is_documented(live: LiveSidecar) -> None:
    client = live.client()
    text = client.get("/metrics").text
    names = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
    names = {name for name in names if not name.endswith("_created")}
    table = set(re.findall(r"^\| `(smartsort_\w+)` \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE))
    assert table == names
