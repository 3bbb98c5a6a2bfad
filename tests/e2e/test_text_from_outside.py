"""Text from outside, by each way in: it passes SQLite, JSON, the log and the terminal, and stops no photo."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.live_sidecar import BASE, LiveSidecar, live_sidecar

from smartsort.cli.common import configure_logging
from smartsort.cli.sidecar import Sidecar
from smartsort.client import SmartDownloader
from smartsort.demo.samples import iter_samples
from smartsort.files.shown import one_line, shown, well_formed
from smartsort.immich import ImmichServer
from smartsort.ledger.database import Ledger

HALF = "Ann \ud83d"
STEERING = "Ann\x1b[2J\r\nERROR: forged\u202e"
NOT_UTF8 = os.fsdecode(b"caf\xe9")

FOLDERS = [b"caf\xe9", b"\xed\xa0\x80", b"tab\tline\nescape\x1b[31m", "\u202eturned".encode(), b"back\\slash"]
GETS = [
    "/status", "/people", "/config", "/config/whitelist", "/config/blacklist", "/submissions", "/events",
    "/stats/today", "/stats/summary", "/review/queue", "/review/stats", "/review/export",
    "/spot-checks", "/metrics", "/readyz",
]  # fmt: skip


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    with live_sidecar(tmp_path_factory.mktemp("text") / "root") as running:
        made = tmp_path_factory.mktemp("made")
        photos = [
            os.fspath(made / path) for _, path in iter_samples(made, 2 * len(FOLDERS) + 1, 3, size=(320, 240))
        ]
        inbox = os.fsencode(running.root / "inbox")
        for folder, one, other in zip(FOLDERS, photos[::2], photos[1::2], strict=False):
            os.makedirs(os.path.join(inbox, folder))
            os.rename(one, os.path.join(inbox, folder, b"plain.jpg"))
            os.rename(other, os.path.join(inbox, folder, folder + b".jpg"))
        os.rename(photos[-1], os.path.join(inbox, b"after.jpg"))
        running.wait_for(lambda: running.all_sorted(2 * len(FOLDERS) + 1), "photos of folders with odd names")
        yield running


def test_a_folder_or_file_of_any_name_stops_no_photo(live: LiveSidecar) -> None:
    query = "SELECT source, count(*) FROM photos WHERE source <> 'upload' GROUP BY source"
    found = dict(live.sidecar.context.ledger.read(lambda db: db.execute(query).fetchall()))
    assert found == {"inbox": 1, **dict.fromkeys(map(shown, FOLDERS), 2)}
    assert not live.sidecar.runner.health_issues.open


@pytest.mark.parametrize("route", GETS)
def test_every_answer_can_be_given(live: LiveSidecar, route: str) -> None:
    path = route if route in ("/metrics", "/readyz") else BASE + route
    response = live.client().get(path)
    assert response.status_code == 200, response.text
    assert "\x1b" not in response.text


def test_every_photo_s_history_can_be_told(live: LiveSidecar) -> None:
    client = live.client()
    for photo_id in range(1, 2 * len(FOLDERS) + 2):
        for route in (f"/photos/{photo_id}/explain", f"/photos/{photo_id}/history"):
            assert client.get(BASE + route).status_code == 200


@pytest.mark.parametrize("text", [HALF, STEERING, "\x00"])
@pytest.mark.parametrize(
    ("method", "route", "body"),
    [
        ("PUT", "/config/whitelist", lambda t: {"names": [t]}),
        ("PATCH", "/config/whitelist", lambda t: {"add": [t]}),
        ("PUT", "/config/blacklist", lambda t: {"names": [t]}),
        ("PATCH", "/config", lambda t: {"person_thresholds": {t: {"min_confidence": 0.5}}}),
        ("PATCH", "/config", lambda t: {t: 1}),
        ("POST", "", lambda t: {"url": f"http://127.0.0.1:9/{t}.jpg", "source": "web"}),
        ("POST", "", lambda t: {"url": "http://127.0.0.1:9/a.jpg", "source": t}),
        ("POST", "/review/bulk/approve", lambda t: {"search": t, "people": [{"name": t}]}),
        ("POST", "/review/1/approve", lambda t: {"people": [{"name": t, "create": True}]}),
        ("POST", "/review/1/approve", lambda t: {"people": [{"id": t}]}),
        ("POST", "/what-if", lambda t: {"whitelist": [t]}),
    ],
)
def test_whatever_a_client_sends_is_answered(
    live: LiveSidecar, method: str, route: str, body: Any, text: str
) -> None:
    client = live.client()
    response = client.request(
        method, BASE + route, content=json.dumps(body(text)), headers={"Content-Type": "application/json"}
    )
    assert response.status_code < 500, response.text
    response.json()
    for back in ("/config/whitelist", "/config/blacklist", "/config", "/submissions", "/events"):
        assert client.get(BASE + back).status_code == 200
    for forget in ("/config/whitelist", "/config/blacklist"):
        client.put(BASE + forget, json={"names": []})


@pytest.mark.parametrize(
    "name", [b"caf\xe9.jpg", b"%ED%A0%80.jpg", b"\x1b[31m.jpg", "\u202egpj.exe".encode()]
)
def test_an_upload_of_any_name_is_taken(live: LiveSidecar, name: bytes) -> None:
    boundary = b"edge"
    head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="' + name + b'"\r\n\r\n'
    body = head + b"no picture\r\n--" + boundary + b"--\r\n"
    response = live.client().post(
        BASE, content=body, headers={"Content-Type": "multipart/form-data; boundary=edge", "X-Odd": b"\xff"}
    )
    assert response.status_code == 202, response.text
    item = live.client().get(response.headers["location"], params={"wait": 20})
    assert item.status_code == 200
    assert "\x1b" not in item.text


async def test_immich_s_half_characters_are_written_out() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        person = {"id": "1", "name": HALF, "isHidden": False}
        body = {"people": [person], "hasNextPage": False, "total": 1, "hidden": 0}
        return httpx.Response(200, content=json.dumps(body), headers={"content-type": "application/json"})

    async with ImmichServer("http://immich", "k", transport=httpx.MockTransport(handle)) as server:
        (person,) = await server.people()
    assert person.name == "Ann \\ud83d"


def test_the_ledger_takes_every_text(tmp_path: Path) -> None:
    with Ledger(os.fspath(tmp_path / "ledger.db")) as ledger:
        ledger.write(lambda db: db.execute("CREATE TABLE t (x TEXT) STRICT"))
        for text in (HALF, NOT_UTF8, STEERING):
            ledger.write(lambda db, t=text: db.execute("INSERT INTO t VALUES (:x)", {"x": t}))
            found = ledger.read(lambda db, t=text: db.execute("SELECT x FROM t WHERE x = ?", [t]).fetchall())
            assert found == [(well_formed(text),)]


def fail() -> None:
    raise ValueError(STEERING)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_message_is_one_line_of_the_log(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    try:
        configure_logging("info", form)
        logging.getLogger("smartsort.test").warning("about %s", STEERING)
        try:
            fail()
        except ValueError:
            logging.getLogger("smartsort.test").exception("failed")
    finally:
        root.handlers[:], root.level = before
    lines = written.getvalue()
    assert "\x1b" not in lines
    assert "\r" not in lines
    assert "\u202e" not in lines
    assert not any(line.startswith("ERROR: forged") for line in lines.splitlines())
    assert "about Ann" in lines.splitlines()[0]


def test_what_a_command_prints_does_not_steer_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"people": [{"name": STEERING}]})

    monkeypatch.setattr(httpx, "Client", partial(httpx.Client, transport=httpx.MockTransport(handle)))
    asking = Sidecar(None, None, "http://sidecar", "t")
    told = asking.ask("PUT", "/config/whitelist", {"names": [NOT_UTF8]}, search=NOT_UTF8)
    assert told == {"people": [{"name": one_line(STEERING)}]}


def test_a_program_s_bytes_reach_the_sidecar() -> None:
    sent = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"items": [], "next_cursor": None})

    client = SmartDownloader("http://sidecar", "t", transport=httpx.MockTransport(handle))
    client._call("POST", "/x", json={"name": NOT_UTF8}, params={"q": NOT_UTF8})
    assert json.loads(sent[0].content) == {"name": "caf\\xe9"}
