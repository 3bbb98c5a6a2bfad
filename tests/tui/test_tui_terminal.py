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

from smartsort_tui.terminal import QUESTIONS, Terminal, choose

KITTY = b"\x1b_Gi=4242;OK\x1b\\"
CELL = b"\x1b[6;32;15t"
PLAIN = b"\x1b[?62;22c"
SIXEL = b"\x1b[?62;4;22c"
XTERM = {"TERM": "xterm-256color"}

ASK = """
import sys
from smartsort_tui.terminal import Probe
probe = Probe("auto")
print("ASKED", flush=True)
terminal = probe.answer(float(sys.argv[1]))
print("FOUND", terminal.images, *terminal.cell, flush=True)
print("LEFT", repr(sys.stdin.readline()), flush=True)
"""


@pytest.mark.parametrize(
    ("replies", "env", "expected"),
    [
        (KITTY + CELL + PLAIN, XTERM, Terminal("kitty", (15, 32))),
        (CELL + SIXEL, XTERM, Terminal("sixel", (15, 32))),
        (KITTY + SIXEL, XTERM, Terminal("sixel", (8, 16))),
        (PLAIN, XTERM, Terminal("halfblocks", (8, 16))),
        (b"", XTERM, Terminal("halfblocks", (8, 16))),
        (b"", {"TERM": "dumb"}, Terminal("none", (8, 16))),
        (PLAIN, {**XTERM, "NO_COLOR": "1"}, Terminal("none", (8, 16))),
        (b"\x1b_Gi=4242;ENOTSUPPORTED\x1b\\" + PLAIN, XTERM, Terminal("halfblocks", (8, 16))),
        (b"\x1b[6;0;0t" + PLAIN, XTERM, Terminal("halfblocks", (8, 16))),
    ],
)
def test_the_way_is_chosen_by_what_the_terminal_says(
    replies: bytes, env: dict[str, str], expected: Terminal
) -> None:
    assert choose("auto", replies, env, (8, 16)) == expected


def test_a_wish_wins_over_the_terminal() -> None:
    assert choose("halfblocks", KITTY + SIXEL, XTERM, None).images == "halfblocks"
    assert choose("kitty", b"", {"TERM": "dumb"}, None) == Terminal("kitty")


def ask(replies: bytes, *, timeout: float, after: bytes = b"") -> tuple[str, float]:
    """Run the probe in a pseudo-terminal that answers so; its output, and how long it took."""
    controller, device = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color"}
    env.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [sys.executable, "-c", ASK, str(timeout)], stdin=device, stdout=device, stderr=device, env=env
    )
    os.close(device)
    output, answered, begun, typed = b"", False, 0.0, False
    end = time.monotonic() + 30
    # Whole lines only: a terminal hands output over in pieces, and echoes what is typed between them.
    while time.monotonic() < end and not re.search(rb"LEFT [^\n]*\n", output):
        if select.select([controller], [], [], 0.1)[0]:
            output += os.read(controller, 4096)
        if not answered and QUESTIONS.encode() in output and b"ASKED" in output:
            answered, begun = True, time.monotonic()
            os.write(controller, replies)
        if not typed and re.search(rb"FOUND [^\n]*\n", output):
            typed, took = True, time.monotonic() - begun
            os.write(controller, after + b"typed\n")
    process.wait(10)
    os.close(controller)
    return output.decode(errors="replace"), took


def test_the_probe_reads_its_replies_and_nothing_else_stays() -> None:
    output, _ = ask(KITTY + CELL + PLAIN, timeout=20)
    assert "FOUND kitty 15 32" in output
    assert "LEFT 'typed\\n'" in output


def test_a_terminal_that_never_answers_costs_the_time_out_only() -> None:
    output, _ = ask(b"", timeout=0.2)
    assert "FOUND halfblocks" in output


def test_half_a_reply_is_dropped() -> None:
    output, _ = ask(b"\x1b_Gi=4242;O", timeout=0.2)
    assert "FOUND halfblocks" in output
    assert "LEFT 'typed\\n'" in output
