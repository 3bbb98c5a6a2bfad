"""A file that is being received, broken off in the middle of a write or of its flush to the disk."""

import asyncio
import threading

import pytest

from smartsort.downloads.partial import PartialFile

BLOCK = bytes(range(256)) * 4096


@pytest.mark.parametrize("step", ["_write", "_sync"])
async def test_who_breaks_a_write_off_closes_the_file_when_it_has_ended(tmp_path, monkeypatch, step):
    """Closed before, its number may be that of another file: the bytes would go there."""
    work = getattr(PartialFile, step)
    begun, on, ended = threading.Event(), threading.Event(), threading.Event()
    open_then: list[bool] = []

    def held(self, *arguments):
        begun.set()
        on.wait(60)
        open_then.append(self._handle >= 0)
        try:
            return work(self, *arguments)
        finally:
            ended.set()

    monkeypatch.setattr(PartialFile, step, held)

    async def receive():
        async with PartialFile(str(tmp_path / "part"), 1 << 30) as part:
            await part.write(BLOCK)
            await part.finish()

    receiving = asyncio.create_task(receive())
    assert await asyncio.to_thread(begun.wait, 60)
    for _ in range(2):  # a time-out, and the end of smartsort meanwhile
        receiving.cancel()
        await asyncio.sleep(0)
    on.set()
    with pytest.raises(asyncio.CancelledError):
        await receiving
    assert await asyncio.to_thread(ended.wait, 60)
    assert open_then == [True]
    assert (tmp_path / "part").read_bytes() == BLOCK


async def test_what_a_write_that_was_broken_off_ran_into_is_told_to_nobody_twice(
    tmp_path, monkeypatch, caplog
):
    begun, on = threading.Event(), threading.Event()

    def held(self, block):
        begun.set()
        on.wait(60)
        raise OSError("gone")

    monkeypatch.setattr(PartialFile, "_write", held)
    part = PartialFile(str(tmp_path / "part"), 1 << 30)
    writing = asyncio.create_task(part.write(BLOCK))
    assert await asyncio.to_thread(begun.wait, 60)
    writing.cancel()
    await asyncio.sleep(0)
    on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    part.close()
    assert (tmp_path / "part").read_bytes() == b""
    assert caplog.text == ""
