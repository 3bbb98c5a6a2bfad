"""Setting up against a demo Immich: asked and unasked, with one key and with two, and with bad addresses."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import tomllib
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from tests.demo_server import serve_in_thread
from tests.faulty_demo import DemoImmich, DemoServer, serve

from smartsort.api.schemas.state import DoctorReport
from smartsort.cli.main import cli
from smartsort.config import Settings
from smartsort.demo.settings import DemoKey, DemoSettings
from smartsort.doctor.examination import ANSWER_SECONDS, CONNECT_SECONDS
from smartsort.doctor.permissions import NEEDS, Key
from smartsort.errors import ConfigurationError
from smartsort.immich import ImmichServer
from smartsort.setup import Setup, SetupOptions

pytestmark = pytest.mark.usefixtures("unhurried_doctor")

MOUNT = "/mnt/smartsort/library"
OWNER_NEEDS = tuple(need.permission for need in NEEDS if need.key is Key.OWNER)
ADMIN_NEEDS = tuple(need.permission for need in NEEDS if need.key is Key.ADMIN)
KEY, OWNER_KEY, ADMIN_KEY = "least-k3y", "0wner-k3y", "adm1n-k3y"
ALL_KEYS = (
    DemoKey(KEY, (*OWNER_NEEDS, *ADMIN_NEEDS)),
    DemoKey(OWNER_KEY, OWNER_NEEDS, "owner"),
    DemoKey(ADMIN_KEY, ("user.read", *ADMIN_NEEDS)),
    DemoKey("everything"),
)


class Script:
    """A person who gives prepared answers, in order; None when there is nobody.

    `others` are answers to what may be left out, by a part of the question.
    """

    def __init__(self, answers: Iterable[Any] | None = None, **others: list[str]) -> None:
        self._answers = iter(answers or ())
        parts = {"machine learning": "ml", "People to file": "people"}
        self._others = {part: iter(others.get(name, ())) for part, name in parts.items()}
        self.interactive = answers is not None
        self.lines: list[str] = []

    @property
    def said(self) -> str:
        return "\n".join(self.lines)

    def say(self, text: str = "") -> None:
        self.lines.append(text)

    def ask(self, question: str, default: str = "") -> str:
        self.lines.append(f"? {question} [{default}]")
        other = next((answers for part, answers in self._others.items() if part in question), None)
        answer = next(self._answers) if other is None else next(other, "")
        return default if answer == "" else answer

    def ask_secret(self, question: str) -> str:
        self.lines.append(f"? {question}")
        return next(self._answers)

    def confirm(self, question: str, *, default: bool) -> bool:
        self.lines.append(f"? {question} [{default}]")
        return next(self._answers)


async def no_wait(_seconds: float) -> None:
    return None


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[DemoServer]:
    settings = DemoSettings(profile="instant", mounts={MOUNT: tmp_path / "root/library"}, keys=ALL_KEYS)
    async with serve(DemoImmich(settings)) as server:
        yield server


def setup(talk: Script, tmp_path: Path, env: dict[str, str] | None = None, **requests: str) -> Setup:
    return Setup(SetupOptions(root=str(tmp_path / "root"), **requests), talk, env or {}, sleep=no_wait)


def written(tmp_path: Path) -> dict[str, Any]:
    return tomllib.loads((tmp_path / "root/smartsort.toml").read_text())


def red(report: DoctorReport) -> set[str]:
    return {c.name for c in report.checks if c.verdict in ("warning", "broken")}


async def test_unasked_with_a_key_file(demo: DemoServer, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(f"{KEY}\n")
    talk = Script()
    report = await setup(talk, tmp_path, url=f"{demo.url}/api/", key_file=str(key)).run()
    assert red(report) == set()
    assert written(tmp_path) == {
        "root": ".",
        "immich": {"url": f"{demo.url}/api/", "api_key_file": str(key), "library_path": MOUNT},
    }
    (library,) = demo.demo.state.libraries.values()
    assert library.import_paths == [f"{MOUNT}/shard-0001"]
    assert library.owner_id == demo.demo.state.users["admin"].id
    for permission in (*OWNER_NEEDS, *ADMIN_NEEDS):
        needed = not next(need.settings for need in NEEDS if need.permission == permission)
        assert (f"permission {permission}:" in talk.said) is (needed or permission == "library.update")
    assert f"SMARTSORT_DATA={tmp_path / 'root'}" in talk.said
    assert f"{tmp_path / 'root/library'}:{MOUNT}:ro" in talk.said
    assert KEY not in talk.said


async def test_asked_for_everything(demo: DemoServer, tmp_path: Path) -> None:
    talk = Script(["http://127.0.0.1:9", demo.url, "", "wrong", KEY, ""])
    report = await setup(talk, tmp_path).run()
    assert red(report) == set()
    assert "cannot be reached" in talk.said
    assert "A key is needed" in talk.said
    assert "does not accept the API key" in talk.said
    assert written(tmp_path)["immich"]["api_key"] == KEY
    assert (tmp_path / "root/smartsort.toml").stat().st_mode & 0o777 == 0o600
    assert KEY not in talk.said
    assert "wrong" not in talk.said


async def test_the_machine_learning_address_and_the_whitelist_are_asked_for(
    demo: DemoServer, tmp_path: Path
) -> None:
    talk = Script(["", KEY, ""], ml=["not an address", f"{demo.url}/ml"], people=["Anna Smith, bob"])
    env = {
        "SMARTSORT_IMMICH__URL": demo.url,
        "SMARTSORT_IMMICH__ML_URL": "http://immich-machine-learning:3003",
    }
    await setup(talk, tmp_path, env).run()
    assert f"? Address of Immich [{demo.url}]" in talk.said
    assert "machine learning service (- for none) [http://immich-machine-learning:3003]" in talk.said
    assert written(tmp_path)["immich"]["ml_url"] == f"{demo.url}/ml"
    assert written(tmp_path)["whitelist"] == ["Anna Smith", "bob"]
    assert "change SMARTSORT_IMMICH__ML_URL in the file .env" in talk.said


async def test_both_may_be_left_out(demo: DemoServer, tmp_path: Path) -> None:
    talk = Script([demo.url, KEY, ""], ml=["-"])
    await setup(talk, tmp_path).run()
    assert "ml_url" not in written(tmp_path)["immich"]
    assert "whitelist" not in written(tmp_path)


async def test_unasked_they_are_taken_from_the_command_line(demo: DemoServer, tmp_path: Path) -> None:
    talk = Script()
    await setup(talk, tmp_path, url=demo.url, key=KEY, ml_url=f"{demo.url}/ml", whitelist="Anna, Bob").run()
    assert written(tmp_path)["immich"]["ml_url"] == f"{demo.url}/ml"
    assert written(tmp_path)["whitelist"] == ["Anna", "Bob"]
    with pytest.raises(ConfigurationError, match="address"):
        await setup(Script(), tmp_path, url=demo.url, key=KEY, ml_url="nonsense").run()


async def test_the_owner_is_no_administrator(demo: DemoServer, tmp_path: Path) -> None:
    talk = Script([OWNER_KEY, ADMIN_KEY, ""])
    report = await setup(talk, tmp_path, url=demo.url).run()
    assert red(report) == set()
    assert written(tmp_path)["immich"] == {
        "url": demo.url,
        "api_key": OWNER_KEY,
        "admin_api_key": ADMIN_KEY,
        "library_path": MOUNT,
    }
    (library,) = demo.demo.state.libraries.values()
    assert library.owner_id == demo.demo.state.users["owner"].id
    assert "Without an administrator's key" in talk.said
    assert OWNER_KEY not in talk.said
    assert ADMIN_KEY not in talk.said


@pytest.mark.parametrize("answers", [None, ["", ""]], ids=["unasked", "asked"])
async def test_going_on_without_an_administrator(
    demo: DemoServer, tmp_path: Path, answers: list[str] | None
) -> None:
    talk = Script(answers)
    report = await setup(talk, tmp_path, url=demo.url, key=OWNER_KEY).run()
    assert red(report) == {"administrator"}
    assert report.status == "broken"
    assert "Review, approving, rejecting and undo work." in talk.said
    assert written(tmp_path)["immich"]["api_key"] == OWNER_KEY
    assert not demo.demo.state.libraries


async def test_a_missing_permission_can_be_added_meanwhile(demo: DemoServer, tmp_path: Path) -> None:
    key = demo.demo.state.keys[KEY]
    key.permissions = tuple(p for p in key.permissions if p != "face.read")

    class Corrects(Script):
        def confirm(self, question: str, *, default: bool) -> bool:
            key.permissions = (*key.permissions, "face.read")
            return True

    talk = Corrects([KEY, ""])
    assert red(await setup(talk, tmp_path, url=demo.url).run()) == set()
    assert "BROKEN   permission face.read: missing" in talk.said
    assert "ok       permission face.read" in talk.said


async def test_a_key_that_may_delete_is_taken_with_a_warning(demo: DemoServer, tmp_path: Path) -> None:
    talk = Script()
    report = await setup(talk, tmp_path, url=demo.url, key="everything").run()
    assert red(report) == {"key rights"}
    assert "this key can do more than smartsort needs" in talk.said


async def test_a_wrong_library_path(demo: DemoServer, tmp_path: Path) -> None:
    talk = Script()
    report = await setup(talk, tmp_path, url=demo.url, key=KEY, library_path="/mnt/nowhere").run()
    assert red(report) == {"library path"}
    assert "Delete it in Immich" in talk.said
    talk = Script([MOUNT, True])
    again = setup(talk, tmp_path, url=demo.url, key=KEY, library_path="/mnt/nowhere")
    assert red(await again.run()) == set()
    assert written(tmp_path)["immich"]["library_path"] == MOUNT
    paths = [library.import_paths for library in demo.demo.state.libraries.values()]
    assert paths == [["/mnt/nowhere/shard-0001"], [f"{MOUNT}/shard-0001"]]


async def test_a_second_run_changes_nothing_and_finds_the_library(demo: DemoServer, tmp_path: Path) -> None:
    await setup(Script(), tmp_path, url=demo.url, key=KEY).run()
    before = sorted((tmp_path / "root").iterdir())
    talk = Script()
    assert red(await setup(talk, tmp_path).run()) == set()
    assert "says so already" in talk.said
    assert sorted((tmp_path / "root").iterdir()) == before
    assert len(demo.demo.state.libraries) == 1


async def test_an_existing_file_is_changed_only_after_asking(demo: DemoServer, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    path = tmp_path / "root/smartsort.toml"
    path.write_text('whitelist = ["Anna"]  # my comment\n[immich]\nmax_retries = 5\n')
    path.chmod(0o600)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="left as it is"):
        await setup(Script(["", False]), tmp_path, url=demo.url, key=KEY).run()
    assert path.read_bytes() == before
    talk = Script(["", True])
    assert red(await setup(talk, tmp_path, url=demo.url, key=KEY).run()) == set()
    found = written(tmp_path)
    assert found["whitelist"] == ["Anna"]
    assert found["immich"] == {"max_retries": 5, "url": demo.url, "api_key": KEY, "library_path": MOUNT}
    (kept,) = (p for p in path.parent.iterdir() if p.name.startswith("smartsort.toml."))
    assert kept.read_bytes() == before


async def test_what_the_environment_says_is_known_and_goes_first(demo: DemoServer, tmp_path: Path) -> None:
    env = {"SMARTSORT_IMMICH__URL": demo.url, "SMARTSORT_IMMICH__API_KEY": KEY}
    talk = Script()
    assert red(await setup(talk, tmp_path, env).run()) == set()
    assert "api_key" not in written(tmp_path)["immich"]
    assert "Note: SMARTSORT_IMMICH__URL is set and goes before immich.url" in talk.said


async def test_an_old_immich_and_nobody_to_ask(demo: DemoServer, tmp_path: Path) -> None:
    demo.demo.faults.version = "2.1.0"
    with pytest.raises(ConfigurationError, match=r"older than 2\.5.*Update Immich"):
        await setup(Script(), tmp_path, url=demo.url, key=KEY).run()
    demo.demo.faults.version = ""
    with pytest.raises(ConfigurationError, match=r"no terminal to ask on\. Give --url"):
        await setup(Script(), tmp_path).run()
    with pytest.raises(ConfigurationError, match=r"no terminal to ask on\. Give --key-file"):
        await setup(Script(), tmp_path, url=demo.url).run()
    with pytest.raises(ConfigurationError, match="does not accept the key"):
        await setup(Script(), tmp_path, url=demo.url, key="wrong").run()
    assert not (tmp_path / "root/smartsort.toml").exists()


# --- addresses -------------------------------------------------------------------------------


@contextmanager
def behind(prefix: str, demo: DemoServer) -> Iterator[httpx.MockTransport]:
    """A proxy that hands on what is under a prefix."""

    def hand_on(request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        if not path.startswith(f"{prefix}/api/"):
            return httpx.Response(200, html="<html>the photos' own page</html>")
        answer = inner.get(f"{demo.url}{path.removeprefix(prefix)}", headers=request.headers)
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)

    with httpx.Client(timeout=60) as inner:
        yield httpx.MockTransport(hand_on)


async def reach(
    url: str, tmp_path: Path, transport: httpx.AsyncBaseTransport | None = None, seconds: float = 60
) -> str:
    """What setup says about an address; "" when it is a good one."""

    def connect(settings: Settings) -> ImmichServer:
        address = str(settings.immich.url)
        return ImmichServer(
            address, "x", transport=transport, timeout_seconds=seconds, connect_timeout_seconds=60, retries=0
        )

    talk = Script()
    steps = Setup(SetupOptions(root=str(tmp_path / "root"), url=url, key="wrong"), talk, {}, connect=connect)
    try:
        await steps.run()
    except ConfigurationError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("form", ["{}", "{}/", "{}/api", "{}/api/", " {} "])
async def test_every_form_of_a_good_address(demo: DemoServer, tmp_path: Path, form: str) -> None:
    assert "does not accept the key" in await reach(form.format(demo.url), tmp_path)


@pytest.mark.parametrize("ending", ["", "/", "/api", "/api/"])
async def test_an_address_with_a_prefix(tmp_path: Path, ending: str) -> None:
    demo = DemoSettings(profile="instant", keys=ALL_KEYS)
    with serve_in_thread(demo) as server, behind("/photos", server) as transport:
        assert "does not accept the key" in await reach(f"http://proxy/photos{ending}", tmp_path, transport)
        assert "HTML page" in await reach("http://proxy", tmp_path, transport)


def answering(response: httpx.Response) -> httpx.MockTransport:
    return httpx.MockTransport(lambda _: response)


def failing(error: type[Exception]) -> httpx.MockTransport:
    def handle(_request: httpx.Request) -> httpx.Response:
        raise error("")

    return httpx.MockTransport(handle)


@pytest.mark.parametrize(
    ("url", "transport", "said"),
    [
        (
            "http://photos.example",
            answering(httpx.Response(301, headers={"location": "https://photos.example/api/server/version"})),
            r"on to https://photos\.example/.*put its address",
        ),
        (
            "http://photos.example",
            answering(httpx.Response(200, html="<html>Log in</html>")),
            "an HTML page.*check the address",
        ),
        ("http://photos.example", answering(httpx.Response(404, json={"message": "no"})), "no Immich at"),
        ("http://photos.example", answering(httpx.Response(502)), "status 502"),
        ("http://photos.example", failing(httpx.ConnectTimeout), "cannot be reached"),
        ("http://photos.example", failing(httpx.ReadTimeout), "did not answer"),
        ("photos.example", None, "must start with http"),
        ("http://", None, "has no host"),
        ("http://u:p@photos.example", None, "user name or password"),
    ],
)
async def test_one_clear_line_for_a_bad_address(
    tmp_path: Path, url: str, transport: httpx.AsyncBaseTransport | None, said: str
) -> None:
    line = await reach(url, tmp_path, transport)
    assert re.search(said, line, re.IGNORECASE), line
    assert "\n" not in line
    assert "u:p" not in line


@contextmanager
def silent() -> Iterator[str]:
    """A host that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


async def test_a_host_that_never_answers(tmp_path: Path) -> None:
    with silent() as url:
        async with asyncio.timeout(60):
            assert "did not answer" in await reach(url, tmp_path, seconds=0.3)


def test_the_waits_together_stay_below_ten_seconds() -> None:
    assert CONNECT_SECONDS + ANSWER_SECONDS < 10


# --- the command -----------------------------------------------------------------------------


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SMARTSORT_")]:
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("no_variables")
def test_the_commands_from_beginning_to_end(tmp_path: Path) -> None:
    root = tmp_path / "root"
    settings = DemoSettings(profile="instant", mounts={MOUNT: root / "library"}, keys=ALL_KEYS)
    run = CliRunner().invoke
    with serve_in_thread(settings) as server:
        made = run(cli, ["setup", "--root", str(root), "--url", server.url], input=f"{KEY}\n\n\n\n")
        assert made.exit_code == 0, made.output
        assert KEY not in made.output
        assert "Everything is fine." in made.output
        server.demo.faults.face_recognition_off = True
        sick = run(cli, ["doctor", "--root", str(root)])
        assert sick.exit_code == 2
        assert "BROKEN" in sick.output
        *checks, verdict = sick.output.splitlines()
        assert {line.count("\t") for line in checks} == {3}, "in a pipe each check is a whole line"
        assert "repaired" in verdict
        machine = run(cli, ["doctor", "--root", str(root), "--json"])
        assert machine.exit_code == 2
        report = DoctorReport.model_validate_json(machine.output)
        assert red(report) == {"face recognition"}
        server.demo.faults.face_recognition_off = False
        server.demo.faults.version = "9.0.0"
        assert run(cli, ["doctor", "--root", str(root)]).exit_code == 1
        for output in (sick.output, machine.output):
            assert KEY not in output


@pytest.mark.usefixtures("no_variables")
def test_the_doctor_without_settings(tmp_path: Path) -> None:
    nothing = CliRunner().invoke(cli, ["doctor", "--json"])
    assert nothing.exit_code == 2
    (line,) = DoctorReport.model_validate_json(nothing.output).checks
    assert (line.name, line.verdict) == ("settings", "broken")
    fresh = CliRunner().invoke(cli, ["doctor", "--root", str(tmp_path)])
    assert fresh.exit_code == 2
    assert "smartsort setup" in fresh.output
