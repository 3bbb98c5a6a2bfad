"""How fast the terminal UI is on a queue of 100,000 items, in a real pseudo-terminal, as its user meets it.

python tests/bench/tui_review.py [--count 100000] [--delay 0.2] [--images halfblocks] [--keys 150]

Prints start to the first row, connecting to the first row, key to paint for moving and for deciding (median,
95th percentile, worst; all in milliseconds), the processor time behind each, and the resident memory. The
wall-clock figures mean something on an idle machine only; the processor times do on any. Exits with 1 when a
bound is missed and --check is given.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import re
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
import urllib.request
from dataclasses import dataclass, field

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
POINTER = "▶".encode()
SETTLE_SECONDS = 0.15
SIZE = (24, 80)
BOUNDS = {"first paint": 500.0, "key to paint p95": 50.0, "start to usable": 1000.0, "memory": 200.0}


@dataclass
class Terminal:
    """A program in a pseudo-terminal, and what it wrote."""

    command: list[str]
    env: dict[str, str]
    output: bytes = b""
    started: float = 0.0
    process: int = 0
    _descriptor: int = field(default=-1)

    def start(self) -> None:
        self.started = time.time()
        self.process, self._descriptor = pty.fork()
        if self.process == 0:
            os.execvpe(self.command[0], self.command, self.env)
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))

    def read(self, seconds: float) -> bytes:
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        if not ready:
            return b""
        try:
            piece = os.read(self._descriptor, 65536)
        except OSError:
            return b""
        if b"\x1b[c" in piece:
            # What every terminal answers when asked for its attributes.
            os.write(self._descriptor, b"\x1b[?62;c")
        self.output += piece
        return piece

    def press(self, key: str) -> None:
        self.output = b""
        os.write(self._descriptor, key.encode())

    def wait_for(self, *wanted: bytes, times: int = 1, seconds: float = 10.0) -> float:
        """The moment the last of the wanted was written."""
        end = time.time() + seconds
        while time.time() < end:
            if all(self.output.count(text) >= times for text in wanted):
                return time.time()
            self.read(0.05)
        raise TimeoutError(f"{wanted!r} was never drawn; the end of the output is {self.output[-400:]!r}")

    def settle(self) -> None:
        while self.read(SETTLE_SECONDS):
            pass

    def memory_megabytes(self) -> float:
        with open(f"/proc/{self.process}/status", encoding="ascii") as file:
            found = re.search(r"VmHWM:\s+(\d+) kB", file.read())
        return int(found[1]) / 1024 if found else 0.0

    def cpu_milliseconds(self) -> float:
        """Processor time used so far, which a busy machine does not change."""
        with open(f"/proc/{self.process}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        os.kill(self.process, signal.SIGTERM)
        end = time.time() + 5
        while time.time() < end:
            self.read(0.05)
            if os.waitpid(self.process, os.WNOHANG)[0]:
                return
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)


def moves(terminal: Terminal, keys: int) -> list[float]:
    """Milliseconds from `j` until the cursor and the words of the next item were both drawn."""
    taken = []
    for _ in range(keys):
        terminal.settle()
        begun = time.perf_counter()
        terminal.press("j")
        terminal.wait_for(POINTER, b"Why")
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


def decisions(terminal: Terminal, keys: int) -> list[float]:
    """Milliseconds from `s` (skip) until the next item stood in its place."""
    taken = []
    for _ in range(keys):
        terminal.settle()
        begun = time.perf_counter()
        terminal.press("s")
        terminal.wait_for(POINTER)
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


def burst(terminal: Terminal, keys: int) -> float:
    """Milliseconds per key when `j` is held down."""
    terminal.settle()
    begun = time.perf_counter()
    terminal.press("j" * keys)
    terminal.wait_for(POINTER)
    terminal.settle()
    return (time.perf_counter() - begun - SETTLE_SECONDS) * 1000 / keys


def summary(values: list[float]) -> tuple[float, float, float]:
    return statistics.median(values), statistics.quantiles(values, n=20)[-1], max(values)


def measure(options: argparse.Namespace) -> dict[str, float]:
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.tui.fake_server"),
            *("--count", str(options.count), "--delay", str(options.delay)),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    env = {**os.environ, "SMARTSORT_URL": url, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    for name in ("NO_COLOR", "PYTHONDONTWRITEBYTECODE"):
        env.pop(name, None)
    # As when it is installed: compiled once, before.
    env["PYTHONPYCACHEPREFIX"] = os.path.join(tempfile.gettempdir(), "smartsort-bench-pycache")
    warm = "import smartsort_tui.cli, smartsort_tui.app, smartsort_tui.screens.review, smartsort_tui.pictures"
    subprocess.run([sys.executable, "-c", warm], env=env, check=True)
    terminal = Terminal([sys.executable, "-m", "smartsort_tui", "--images", options.images], env)
    try:
        terminal.start()
        first_row = terminal.wait_for(POINTER, f"IMG_{options.count:06}".encode(), seconds=30)
        with urllib.request.urlopen(f"{url}/first-request") as answer:
            connecting = json.loads(answer.read())
        cpu_to_start = terminal.cpu_milliseconds()
        terminal.settle()
        figures = {
            "start to usable": (first_row - terminal.started) * 1000,
            "start, processor": cpu_to_start,
            "first paint": (first_row - connecting) * 1000,
        }
        time.sleep(1.0)
        for name, work in (("move", moves), ("decide", decisions)):
            before = terminal.cpu_milliseconds()
            median, p95, worst = summary(work(terminal, options.keys))
            figures |= {f"{name} median": median, f"{name} p95": p95, f"{name} worst": worst}
            # With all that follows a key: the next item and its picture are fetched and drawn too.
            figures[f"{name}, processor"] = (terminal.cpu_milliseconds() - before) / options.keys
        figures["held down, per key"] = burst(terminal, 400)
        terminal.press("G")
        terminal.settle()
        figures["key to paint p95"] = max(figures["move p95"], figures["decide p95"])
        time.sleep(options.walk)
        terminal.settle()
        figures["memory"] = terminal.memory_megabytes()
    finally:
        if terminal.process:
            terminal.stop()
        server.terminate()
        server.wait()
    return figures


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds added to every answer")
    parser.add_argument("--images", default="halfblocks")
    parser.add_argument("--keys", type=int, default=100)
    parser.add_argument("--walk", type=float, default=10.0, help="seconds to load on after the End key")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    figures = measure(options)
    for name, value in figures.items():
        unit = "MB" if name == "memory" else "ms"
        bound = f"   (bound {BOUNDS[name]:g})" if name in BOUNDS else ""
        sys.stdout.write(f"{name:<22} {value:9.1f} {unit}{bound}\n")
    missed = [
        name
        for name, bound in BOUNDS.items()
        if figures[name] > bound + (options.delay * 1000 if name in ("first paint", "start to usable") else 0)
    ]
    if missed:
        sys.stdout.write(f"missed: {', '.join(missed)}\n")
    return 1 if missed and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
