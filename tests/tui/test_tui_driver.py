"""Keys from a terminal: what arrived together has one time, whatever the machine does meanwhile."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest
from textual.app import App
from textual.message import Message

from smartsort_tui import driver
from smartsort_tui.driver import BurstDriver


class Busy(BurstDriver):
    """On a machine that is busy: between two keys the thread that reads them has to wait."""

    def process_message(self, message: Message) -> None:
        taken.append(message)
        time.sleep(0.02)


taken: list[Message] = []


@pytest.fixture
async def keys() -> Iterator[int]:  # type: ignore[misc]
    """Give the end of a pipe into which a terminal would write. `taken` is what came out of the driver."""
    reading, writing = os.pipe()
    busy = Busy(App[None]())
    busy.fileno = reading
    taken.clear()
    thread = threading.Thread(target=busy.run_input_thread)
    thread.start()
    yield writing
    os.close(writing)
    # The end of the terminal ends the thread as well.
    thread.join(60)
    assert not thread.is_alive()
    os.close(reading)


def came(number: int) -> list[str]:
    while len(taken) < number:
        time.sleep(0.005)
    return [getattr(message, "key", type(message).__name__) for message in taken]


async def test_keys_of_one_write_have_one_time(keys: int) -> None:
    os.write(keys, b"jr\x1bOQsa")
    assert came(5) == ["j", "r", "f2", "s", "a"]
    assert len({message.time for message in taken}) == 1


async def test_keys_that_the_terminal_hands_over_in_pieces_have_one_time(
    keys: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "READ_BYTES", 2)
    os.write(keys, b"jrsa")
    assert came(4) == ["j", "r", "s", "a"]
    assert len({message.time for message in taken}) == 1


async def test_the_next_write_is_later(keys: int) -> None:
    os.write(keys, b"j")
    came(1)
    os.write(keys, b"a")
    came(2)
    assert taken[0].time < taken[1].time


async def test_a_letter_in_two_pieces_is_one_key(keys: int) -> None:
    first, *rest = "ż".encode()
    os.write(keys, bytes([first]))
    os.write(keys, bytes(rest))
    assert came(1) == ["ż"]


async def test_bytes_that_are_no_text_stop_nothing(keys: int) -> None:
    os.write(keys, b"\xff\xfej")
    assert came(3)[-1] == "j"


async def test_an_escape_key_by_itself_is_one(keys: int) -> None:
    os.write(keys, b"\x1b")
    assert came(1) == ["escape"]
