"""The terminal UI in a pseudo-terminal: real bytes in, real bytes out, nothing waits between keys."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

ESCAPE = b"\x1b[27u"
"""The escape key as terminals with the extended keyboard protocol send it, with no time-out after it."""
_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?<>=:$]*[ -/]*[@-~]|[P\]_][^\x1b\x07]*(?:\x1b\\|\x07)|.)")
# The question every terminal answers, and the answer.
_ATTRIBUTES, _NO_GRAPHICS = b"\x1b[c", b"\x1b[?62;22c"


class PseudoTerminal:
    """A running program. `said` is all that it has written."""

    def __init__(self, controller: int, process: subprocess.Popen[bytes]) -> None:
        self._controller = controller
        self._process = process
        self.said = b""

    def write(self, burst: bytes) -> None:
        """Send bytes in one write."""
        os.write(self._controller, burst)

    def read(self, seconds: float) -> bool:
        """Take in what is written; False when nothing came for so long."""
        if not select.select([self._controller], [], [], seconds)[0]:
            return False
        try:
            piece = os.read(self._controller, 65536)
        except OSError:
            return False
        if _ATTRIBUTES in piece:
            os.write(self._controller, _NO_GRAPHICS)
        self.said += piece
        return bool(piece)

    def settle(self, settle_seconds: float = 0.04) -> None:
        """Read until nothing more comes for a while, or it goes on and on."""
        end = time.monotonic() + 2
        while self.read(settle_seconds) and time.monotonic() < end:
            pass

    def wait_for(self, text: str, seconds: float = 60, *, keep: bool = False) -> None:
        """Read until a text has been written since the last call; fails when it never is.

        `keep` leaves what was read in `said`.
        """
        end = time.monotonic() + seconds
        while text not in self.text:
            assert time.monotonic() < end, f"waited in vain for {text!r}; written was {self.text[-3000:]}"
            assert self._process.poll() is None, f"it has ended; written was {self.text[-3000:]}"
            self.read(0.05)
        if not keep:
            self.said = b""

    @property
    def text(self) -> str:
        """What was written, without control sequences."""
        return _SEQUENCE.sub("", self.said.decode(errors="replace"))


@contextlib.contextmanager
def terminal(
    url: str, home: Path, *options: str, size: tuple[int, int] = (100, 30), **env: str
) -> Iterator[PseudoTerminal]:
    """`smartsort-tui` at a URL, with nothing of this user's environment but the search paths."""
    controller, device = pty.openpty()
    fcntl.ioctl(device, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    names = ("PATH", "PYTHONPATH", "PYTHONPYCACHEPREFIX", "LANG")
    kept = {name: value for name, value in os.environ.items() if name in names}
    process = subprocess.Popen(
        [sys.executable, "-m", "smartsort_tui", "--url", url, "--images", "none", *options],
        stdin=device,
        stdout=device,
        stderr=device,
        env={**kept, "TERM": "xterm-256color", "HOME": str(home), **env},
        cwd=home,
        start_new_session=True,
    )
    os.close(device)
    try:
        yield PseudoTerminal(controller, process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        os.close(controller)
