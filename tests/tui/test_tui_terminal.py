"""Probing the terminal: what replies mean, and that none of them is left for the program."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest
from rich.console import Console

from smartsort_tui.terminal import QUESTIONS, Colours, Terminal, choose, tell

KITTY = b"\x1b_Gi=4242;OK\x1b\\"
CELL = b"\x1b[6;32;15t"
PLAIN = b"\x1b[?62;22c"
SIXEL = b"\x1b[?62;4;22c"
XTERM = {"TERM": "xterm-256color"}

ASK = """
import os, sys
from smartsort_tui.terminal import Probe
probe = Probe("auto")
print("ASKED", flush=True)
os.read(int(sys.argv[2]), 1)  # the replies are there, so that none comes after the time-out
terminal = probe.answer(float(sys.argv[1]))
print("FOUND", terminal.images, *terminal.cell, flush=True)
print("LEFT", repr(sys.stdin.readline()), flush=True)
"""


@pytest.mark.parametrize(
    ("replies", "env", "expected"),
    [
        (KITTY + CELL + PLAIN, XTERM, Terminal("kitty", (15, 32), "256")),
        (CELL + SIXEL, XTERM, Terminal("sixel", (15, 32), "256")),
        (KITTY + SIXEL, XTERM, Terminal("sixel", (8, 16), "256")),
        (PLAIN, XTERM, Terminal("halfblocks", (8, 16), "256")),
        (b"", XTERM, Terminal("halfblocks", (8, 16), "256")),
        (b"", {"TERM": "dumb"}, Terminal("none", (8, 16), "16")),
        (PLAIN, {**XTERM, "NO_COLOR": "1"}, Terminal("none", (8, 16), "256")),
        (b"\x1b_Gi=4242;ENOTSUPPORTED\x1b\\" + PLAIN, XTERM, Terminal("halfblocks", (8, 16), "256")),
        (b"\x1b[6;0;0t" + PLAIN, XTERM, Terminal("halfblocks", (8, 16), "256")),
    ],
)
def test_the_way_is_chosen_by_what_the_terminal_says(
    replies: bytes, env: dict[str, str], expected: Terminal
) -> None:
    assert choose("auto", replies, env, (8, 16)) == expected


def test_a_wish_wins_over_the_terminal() -> None:
    assert choose("halfblocks", KITTY + SIXEL, XTERM, None).images == "halfblocks"
    assert choose("kitty", b"", {"TERM": "dumb"}, None).images == "kitty"
    assert choose("auto", b"", {"TERM": "xterm", "COLORTERM": "truecolor"}, None, "16").colours == "16"


@pytest.mark.parametrize(
    ("replies", "env", "colours"),
    [
        (b"\x1bP1$r0;48:2:1:2:3m\x1b\\", {"TERM": "xterm"}, "truecolor"),
        (b"\x1bP1$r0;48:2::1:2:3m\x1b\\", {"TERM": "xterm"}, "truecolor"),
        (b"\x1bP1$r48;2;1;2;3m\x1b\\", {"TERM": "xterm"}, "truecolor"),
        (b"\x1bP1$r0;48:5:16m\x1b\\", {"TERM": "xterm"}, "256"),
        (b"\x1bP0$r\x1b\\", {"TERM": "xterm"}, "256"),
        (b"\x1bP1+r524742=38\x1b\\", {"TERM": "xterm"}, "truecolor"),
        (b"\x1bP1+r5463\x1b\\", {"TERM": "xterm"}, "truecolor"),
        (b"\x1bP0+r524742\x1b\\\x1bP1+r436f=323536\x1b\\", {"TERM": "xterm"}, "256"),
        (b"\x1bP0+r5463\x1b\\\x1bP1+r436F=38\x1b\\", {"TERM": "xterm"}, "16"),
        (b"\x1bP>|tmux 3.3a\x1b\\\x1b[?1;2c", {"TERM": "xterm"}, "truecolor"),
        (b"\x1bP>|XTerm(379)\x1b\\", {"TERM": "xterm"}, "256"),
        (b"", {"TERM": "xterm", "COLORTERM": "truecolor"}, "truecolor"),
        (b"", {"TERM": "xterm-direct"}, "truecolor"),
        (b"", {"TERM": "linux"}, "16"),
        (b"", {"TERM": "xterm-16color"}, "16"),
        (b"", {"TERM": "xterm", "TEXTUAL_COLOR_SYSTEM": "standard"}, "16"),
        (b"\x1bP1+r436f=zz\x1b\\", {"TERM": "xterm"}, "256"),
    ],
)
def test_the_colours_are_what_the_terminal_says(replies: bytes, env: dict[str, str], colours: str) -> None:
    assert choose("auto", replies, env, None).colours == colours


@pytest.mark.parametrize("colours", ["truecolor", "256", "16"])
def test_the_libraries_draw_in_the_colours_that_were_found(colours: Colours) -> None:
    env = {"TERM": "xterm", "COLORTERM": "truecolor"}
    tell(colours, env)
    system = Console(force_terminal=True, _environ=env).color_system
    assert system == {"16": "standard"}.get(colours, colours)


def ask(replies: bytes, *, timeout: float) -> str:
    """Run the probe in a pseudo-terminal that answers so; its output."""
    controller, device = pty.openpty()
    waits, go_on = os.pipe()
    env = {**os.environ, "TERM": "xterm-256color"}
    env.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [sys.executable, "-c", ASK, str(timeout), str(waits)],
        stdin=device,
        stdout=device,
        stderr=device,
        env=env,
        pass_fds=[waits],
    )
    os.close(device)
    os.close(waits)
    output, answered, typed = b"", False, False
    end = time.monotonic() + 60
    # Whole lines only: a terminal hands output over in pieces, and echoes what is typed between them.
    while time.monotonic() < end and not re.search(rb"LEFT [^\n]*\n", output):
        if select.select([controller], [], [], 0.1)[0]:
            output += os.read(controller, 4096)
        if not answered and QUESTIONS.encode() in output and b"ASKED" in output:
            answered = True
            os.write(controller, replies)
            os.close(go_on)
        if not typed and re.search(rb"FOUND [^\n]*\n", output):
            typed = True
            os.write(controller, b"typed\n")
    process.wait(60)
    os.close(controller)
    return output.decode(errors="replace")


def test_the_probe_reads_its_replies_and_nothing_else_stays() -> None:
    output = ask(KITTY + CELL + PLAIN, timeout=60)
    assert "FOUND kitty 15 32" in output
    assert "LEFT 'typed\\n'" in output


def test_a_terminal_that_never_answers_costs_the_time_out_only() -> None:
    output = ask(b"", timeout=0.2)
    assert "FOUND halfblocks" in output


def test_half_a_reply_is_dropped() -> None:
    output = ask(b"\x1b_Gi=4242;O", timeout=0.2)
    assert "FOUND halfblocks" in output
    assert "LEFT 'typed\\n'" in output
