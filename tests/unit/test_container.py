"""The container's start: who it becomes, what it runs, and how it is found healthy."""

from __future__ import annotations

import http.server
import importlib.util
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.ports import reserved_port

from smartsort.config import describe

ROOT = Path(__file__).parents[2]
ENTRYPOINT = ROOT / "docker" / "entrypoint.py"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def module(path: Path):
    spec = importlib.util.spec_from_file_location(f"smartsort_docker_{path.stem}", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


entrypoint = module(ENTRYPOINT)
healthcheck = module(ROOT / "docker" / "healthcheck.py")


def start(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Start the container's program, with a root in the folder of the test."""
    return subprocess.run(
        [sys.executable, "-I", ENTRYPOINT, *command],
        env={"PATH": os.defpath, "SMARTSORT_ROOT": os.path.abspath("data")} | env,
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_what_is_run():
    assert entrypoint.command_of([]) == ["smartsort", "serve"]
    assert entrypoint.command_of(["--version"]) == ["smartsort", "--version"]
    assert entrypoint.command_of(["no-such-program", "x"]) == ["smartsort", "no-such-program", "x"]
    assert entrypoint.command_of(["sh", "-c", "true"]) == ["sh", "-c", "true"]


@needs_root
def test_root_becomes_the_user_with_the_umask(tmp_path):
    ran = start(
        "/usr/bin/env", "sh", "-c", "id -u; id -g; id -G; umask", PUID="4711", PGID="4712", UMASK="027"
    )
    assert ran.stdout.split() == ["4711", "4712", "4712", "0027"]
    assert ran.stderr == ""
    default = start("sh", "-c", "id -u; id -g; umask", PUID="")
    assert default.stdout.split() == ["1000", "1000", "0022"]


@needs_root
def test_setup_runs_before_anything_is_there(tmp_path):
    """`docker compose run --rm smartsort setup`: a new folder, no key and no sidecar yet."""
    root = tmp_path / "data"
    program = tmp_path / "bin" / "smartsort"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m smartsort.cli.main "$@"\n')
    program.chmod(0o755)
    ran = start(
        "setup",
        PATH=f"{program.parent}:{os.defpath}",
        PUID="0",
        PGID="0",
        SMARTSORT_ROOT=str(root),
        SMARTSORT_IMMICH__URL="http://127.0.0.1:9",
        SMARTSORT_IMMICH__API_KEY_FILE="/dev/null",
    )
    assert "Folder that holds everything" in ran.stdout + ran.stderr
    assert "cannot be written" not in ran.stderr
    assert "Traceback" not in ran.stderr
    assert root.is_dir()


@needs_root
def test_new_empty_folders_are_handed_over_and_nothing_else(tmp_path):
    root = tmp_path / "data"
    entrypoint.hand_over(root, 4711, 4712)
    assert (root.stat().st_uid, root.stat().st_gid) == (4711, 4712)
    (root / "library").mkdir()
    (root / "inbox").mkdir()
    (root / "inbox" / "photo.jpg").touch()
    (root / "faces").mkdir()
    entrypoint.hand_over(root, 4711, 4712)
    owners = {name: (root / name).stat().st_uid for name in ("library", "inbox", "inbox/photo.jpg", "faces")}
    assert owners == {"library": 4711, "inbox": 0, "inbox/photo.jpg": 0, "faces": 0}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "library").symlink_to(elsewhere)
    entrypoint.hand_over(tmp_path / "other", 4711, 4712)
    assert elsewhere.stat().st_uid == 0
    full = tmp_path / "full"
    full.mkdir()
    (full / "IMG_1.jpg").touch()
    entrypoint.hand_over(full, 4711, 4712)
    assert full.stat().st_uid == 0


@needs_root
def test_a_folder_that_cannot_be_written_is_told_with_the_remedy(tmp_path):
    (tmp_path / "IMG_1.jpg").touch()
    ran = start("smartsort", "serve", SMARTSORT_ROOT=str(tmp_path), PUID="4711", PGID="4712")
    assert f"{tmp_path} cannot be written by user 4711; on the host, chown 4711:4712" in ran.stderr
    assert ran.returncode == 127
    assert "cannot run smartsort" in ran.stderr


def test_any_other_user_stays_who_they_are(monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(entrypoint.os, "geteuid", lambda: 99)
    monkeypatch.setattr(entrypoint.os, "umask", ran.append)
    monkeypatch.setattr(entrypoint.os, "execvp", lambda name, command: ran.append(command))
    monkeypatch.setattr(entrypoint, "become", None)
    entrypoint.main(["sh"], {"UMASK": "077", "PUID": "99"})
    assert ran == [0o77, ["sh"]]
    assert capsys.readouterr().err == ""
    entrypoint.main(["sh"], {"PUID": "1000"})
    assert "runs as user 99; PUID = 1000 needs a start as root" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"PUID": "me"}, "PUID = 'me': must be a number such as 1000"),
        ({"PGID": "-1"}, "PGID = '-1': must be a number such as 1000"),
        ({"PUID": "4294967295"}, "PUID = '4294967295'"),
        ({"UMASK": "888"}, "UMASK = '888': must be an octal number such as 022"),
        ({"UMASK": "1777"}, "UMASK = '1777'"),
    ],
)
def test_wrong_variables_stop_the_start(env, message):
    ran = start("sh", "-c", "echo started", **env)
    assert ran.returncode == 2
    assert message in ran.stderr
    assert ran.stdout == ""


def test_signals_reach_the_command():
    script = (
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7));"
        "print('up', flush=True); time.sleep(99)"
    )
    root = os.path.abspath("data")
    env = {"PATH": os.defpath, "PUID": str(os.getuid()), "PGID": str(os.getgid()), "SMARTSORT_ROOT": root}
    with subprocess.Popen(
        [sys.executable, "-I", ENTRYPOINT, sys.executable, "-c", script], env=env, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=90) == 7


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (503, 1), (404, 1)])
def test_health_is_what_healthz_answers(monkeypatch, status, expected):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/healthz" else 500)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        monkeypatch.setenv("SMARTSORT_API__HOST", "0.0.0.0")
        monkeypatch.setenv("SMARTSORT_API__PORT", str(server.server_port))
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        assert healthcheck.main() == expected
        thread.join()


def test_no_answer_is_not_healthy(monkeypatch):
    with reserved_port() as port:
        monkeypatch.setenv("SMARTSORT_API__PORT", str(port))
        assert healthcheck.main() == 1
    monkeypatch.setenv("SMARTSORT_API__PORT", "nonsense")
    assert healthcheck.main() == 1


def test_the_dockerfile_sets_real_settings_and_copies_what_is_there():
    text = (ROOT / "Dockerfile").read_text()
    known = {row.env for row in describe()}
    assert set(re.findall(r"SMARTSORT_\w+", text)) <= known
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignore if line.startswith("!")}
    for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE):
        for source in line.split():
            assert (ROOT / source).exists(), source
            assert {source, source.split("/")[0]} & allowed, source
    assert "--require-hashes" in text
    for needed in (
        "HEALTHCHECK",
        "ENTRYPOINT [",
        'CMD ["smartsort", "serve"]',
        "EXPOSE 8484",
        "VOLUME /data",
    ):
        assert needed in text
