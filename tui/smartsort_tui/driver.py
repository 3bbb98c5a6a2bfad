"""Reading a terminal so that keys which arrived together have one time.

Textual gives a key the time at which its reading thread has parsed it. On a busy machine that thread waits
between two keys of a burst while the first one changes the screen: the second would seem to answer it.
"""

from __future__ import annotations

import os
import selectors
from codecs import getincrementaldecoder
from time import monotonic

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

# Seconds between two looks for the end, and for an escape key that begins no sequence. As Textual has it.
TICK_SECONDS = 0.1
READ_BYTES = 4096
# The kernel hands a burst over in pieces where one of its buffers of 256 bytes ends: silence is its end.
SILENCE_SECONDS = 0.002
BURST_BYTES = 65536


class BurstDriver(LinuxDriver):
    """Textual's driver, but all keys of a burst are parsed before the first of them takes effect."""

    def run_input_thread(self) -> None:
        """Read until the driver ends or the terminal is gone."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")(errors="replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                is_ready = selector.select(TICK_SECONDS)
                read_at = monotonic()
                piece = os.read(self.fileno, READ_BYTES) if is_ready else b""
                if is_ready and not piece:
                    return
                while piece and len(piece) < BURST_BYTES and selector.select(SILENCE_SECONDS):
                    if not (more := os.read(self.fileno, READ_BYTES)):
                        break
                    piece += more
                text = decode(piece)
                for event in [*(parser.feed(text) if text else ()), *parser.tick()]:
                    event.time = read_at
                    self.process_message(event)
