"""Tables: whole on a terminal, lines with tabs in a pipe, local times everywhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
import time

import pytest

from smartsort.cli import output

KEY = "thresholds.max_faces_per_image_and_more"
PATH = "/data/faces/john_doe/" + "a very long name " * 8 + ".jpg"
PROGRAM = (
    "import sys; from smartsort.cli.output import print_table, counting\n"
    "print_table(('key', 'path', 'ok'), [(sys.argv[1], sys.argv[2], True), ('[bold]x', None, False)])\n"
    "with counting('files') as count: count(3)\n"
)


def test_into_a_pipe_a_row_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(("photo", "file", "people"), [(7, "a\tb\nc.jpg", ["Anna", "Bob"]), (8, None, ())])
    assert capsys.readouterr().out == "photo\tfile\tpeople\n7\ta b c.jpg\tAnna, Bob\n8\t\t\n"
    output.print_table(("photo",), [])
    assert capsys.readouterr().out == ""


def on_a_terminal(columns: int) -> str:
    """What the program prints on a terminal so wide."""
    controlling, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, columns))
    program = [sys.executable, "-c", PROGRAM, KEY, PATH]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": str(columns)}
    running = subprocess.Popen(program, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    said = b""
    try:
        while piece := os.read(controlling, 65536):
            said += piece
    except OSError:  # the other end is closed
        pass
    assert running.wait(60) == 0
    os.close(controlling)
    return said.decode()


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_on_a_terminal_nothing_is_cut_off(columns: int) -> None:
    said = on_a_terminal(columns)
    assert "…" not in said
    assert "[bold]x" in said
    for wanted in (*(("yes", "no", "key", "path")), *([KEY] if columns > 40 else [])):
        assert wanted in said
    shown = [letter for letter in said if letter.isalnum()]
    for letter in (letter for letter in KEY + PATH if letter.isalnum()):
        shown.remove(letter)  # every letter is there, however it is folded
    assert "3 files" in said, "a terminal sees the count"


def test_a_pipe_sees_no_count() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, KEY, PATH], capture_output=True, text=True)
    assert done.stderr == ""
    assert f"{KEY}\t{PATH}\tyes\n" in done.stdout


def test_times_are_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert output.local_time("2026-05-04T18:30:00.123+00:00") == "2026-05-05 03:30:00"
        assert output.local_time(None) == ""
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_nearest_word() -> None:
    assert output.nearest("thresholds.min_confidance", ["thresholds.min_confidence", "root"]) == (
        " Did you mean 'thresholds.min_confidence'?"
    )
    assert output.nearest("zzz", ["root"]) == ""
