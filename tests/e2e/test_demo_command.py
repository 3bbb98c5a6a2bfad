"""`smartsort demo` as a person runs it, on nothing but this machine.

What ends by itself runs in the test's own process, where what it covers is counted.
`test_wheel_demo.py` has it in a process of its own.
"""

import hashlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from smartsort.cli.main import cli
from smartsort.demo.regions import face_regions
from smartsort.demo.samples import make_samples

SMARTSORT = [sys.executable, "-m", "smartsort.cli.main"]
PHOTOS = (
    Path(os.environ.get("SMARTSORT_TEST_SHARED") or Path(__file__).resolve().parents[3] / "shared") / "photos"
)


def demo(folder, *arguments):
    wide = {"COLUMNS": "250", "NO_COLOR": "1"}
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setattr("smartsort.cli.demo.configure_logging", lambda *_: None)  # that of the tests stays
        return CliRunner().invoke(cli, ["demo", *map(os.fspath, arguments)], env=wide)


def run_folder(folder):
    [run] = (folder / "smartsort-demo").iterdir()
    return run


def files(folder):
    """Every file below, by its path: digest and mtime."""
    found = {}
    for place, _, names in os.walk(os.fsencode(folder)):
        for name in names:
            path = os.path.join(place, name)
            if not name.startswith(b".smartsort"):
                with open(path, "rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                found[os.path.relpath(path, os.fsencode(folder))] = (digest, os.stat(path).st_mtime_ns)
    return found


def test_photos_from_before_are_planned_linked_and_undone(tmp_path):
    ran = demo(tmp_path, "--library", "--count", "20", "--profile", "instant")
    assert ran.exit_code == 0, ran.output
    for line in (
        "20 photos: 14 to 6 people, 4 questions. 0 are linked already.",
        "14 photos linked, 4 questions asked",
        "The files: equal to the start.",
        "The demo Immich: equal to the start.",
    ):
        assert line in ran.output
    [calls] = re.findall(r"([0-9.]+) calls to Immich per photo", ran.output)
    assert float(calls) <= 1.4  # a dozen of calls stand beside one for each photo
    assert [path for path in files(run_folder(tmp_path)) if path.startswith((b"faces/", b"review/"))] == []


def test_samples_are_sorted_checked_and_left_to_look_at(tmp_path):
    ran = demo(tmp_path, "--once", "--count", "20")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    assert "all 20 photos are accounted for and where they were expected" in ran.stdout
    assert "Totals" in ran.stdout
    assert "calls to Immich" in ran.stdout
    assert "Traceback" not in ran.stderr
    run = run_folder(tmp_path)
    assert f"the folders: {run}" in ran.stdout
    assert "uv run smartsort demo --review" in ran.stdout
    assert "uv run smartsort setup" in ran.stdout
    assert files(run / "inbox") == {}
    assert files(run / "temp_downloads") == {}
    placed = files(run / "faces") | files(run / "review")
    assert len([p for p in placed if not p.endswith(b".xmp")]) == 20
    assert os.listdir(run / "faces" / "john_doe")
    assert any(p.startswith(b"duplicates/duplicate_") for p in files(run / "review"))


def test_a_hidden_folder_of_photos_is_sorted_too_and_each_run_has_a_folder_of_its_own(tmp_path):
    make_samples(tmp_path / ".photos", 3, size=(320, 240))
    runs = ("--profile", "instant", "--dir", tmp_path / "runs")
    ran = demo(tmp_path, "--once", "--photos", ".photos", *runs)
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    assert "all 3 photos" in ran.stdout
    assert demo(tmp_path, "--once", "--count", "2", *runs).exit_code == 0
    assert len(os.listdir(tmp_path / "runs")) == 2


def test_people_s_own_photos_are_sorted_by_the_names_on_them_and_never_touched(tmp_path):
    own = tmp_path / "My photos"
    samples = make_samples(own, 22, size=(320, 240))
    strange = own / "phone" / os.fsdecode(b"\xfcmlaut\nnew line \xf0\x9f\x99\x82.jpg")
    shutil.copy2(own / samples[0].path, strange)
    (own / "notes.txt").write_text("buy film")
    before = files(own)
    named = {s.path: face_regions(own / s.path) for s in samples if s.is_readable}

    ran = demo(tmp_path, "--once", "--photos", own, "--profile", "instant")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    assert "With face regions: " in ran.stdout
    assert "It does not recognise faces" in ran.stdout
    assert "smartsort setup" in ran.stdout
    assert "where they were expected" not in ran.stdout
    assert files(own) == before
    run = run_folder(tmp_path)
    digests = {digest: path.decode("utf-8", "replace") for path, (digest, _) in files(run / "faces").items()}
    seen = set()
    for path, regions in named.items():
        digest = before[os.fsencode(path)][0]
        names = {r.name for r in regions}
        known = len(regions) == 1 and not any(n == "" or n.startswith("stranger") for n in names)
        if known and digest not in seen:
            folder = re.sub(r"\W+", "_", names.pop().lower())
            assert digests[digest].startswith(f"{folder}/"), path
        seen.add(digest)
    assert b"unidentified/unreadable_notes.txt" in files(run / "review")


@pytest.mark.shared
@pytest.mark.skipif(not PHOTOS.is_dir(), reason=f"no photos at {PHOTOS}")
def test_real_phone_pictures_go_to_review_unaltered(tmp_path):
    before = files(PHOTOS)
    ran = demo(tmp_path, "--once", "--photos", PHOTOS, "--profile", "instant")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    assert files(PHOTOS) == before
    run = run_folder(tmp_path)
    kept = {digest for digest, _ in (files(run / "faces") | files(run / "review")).values()}
    assert kept == {digest for digest, _ in before.values()}


def test_without_once_it_goes_on_and_says_where(tmp_path):
    process = subprocess.Popen(
        [*SMARTSORT, "demo", "--count", "3", "--port", "0", "--profile", "instant"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"COLUMNS": "250", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"},
    )
    lines = []
    done = threading.Event()

    def read():
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C stops all" in line:
                done.set()
        done.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert done.wait(60), "".join(lines)
        said = "".join(lines)
        address = re.search(r"HTTP API +(http://127\.0\.0\.1:[1-9]\d+)/", said)
        assert address is not None, said
        assert httpx.get(f"{address[1]}/healthz", timeout=60).status_code == 200
        run = run_folder(tmp_path)
        assert f"{run}/inbox" in said
        assert f"uv run smartsort-tui --url {address[1]} --token-file {run}/api-token" in said
        assert "uv run smartsort setup" in said
        samples = make_samples(tmp_path / "more", 1, seed=5, size=(320, 240))
        shutil.copyfile(tmp_path / "more" / samples[0].path, run / "inbox" / "later.jpg")
        until = time.monotonic() + 60
        while not list((run / "faces").rglob("later.jpg")):
            assert time.monotonic() < until, "the photo dropped later was not sorted"
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        reader.join(60)
        errors = process.stderr.read()
        process.stdout.close()
        process.stderr.close()
    assert code == 0, errors
    assert "Traceback" not in errors


def test_review_opens_the_terminal_ui_and_leaving_it_ends_the_demo(tmp_path):
    controller, device = pty.openpty()
    process = subprocess.Popen(
        [*SMARTSORT, "demo", "--review", "--count", "6", "--profile", "instant", "--port", "0"],
        cwd=tmp_path,
        stdin=device,
        stdout=device,
        stderr=device,
        env=os.environ | {"TERM": "xterm-256color", "LINES": "30", "COLUMNS": "100"},
    )
    os.close(device)
    shown = b""
    try:
        end = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < end:
            if select.select([controller], [], [], 0.2)[0]:
                try:
                    shown += os.read(controller, 65536)
                except OSError:  # the last program on the terminal has left
                    break
            if b"connected" in shown and b"approve" in shown:
                os.write(controller, b"q")
        assert process.wait(60) == 0, shown[-2000:]
    finally:
        process.kill()
        os.close(controller)
    assert b"photos are accounted for and where they were expected" in shown


def test_review_and_once_contradict_each_other(tmp_path):
    ran = demo(tmp_path, "--once", "--review")
    assert ran.exit_code == 2
    assert "Leave it out to review them" in ran.stderr
    assert not (tmp_path / "smartsort-demo").exists()
