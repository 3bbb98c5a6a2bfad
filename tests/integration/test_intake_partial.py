"""A file that is being received, broken off in the middle of a write or of its flush to the disk."""

import pytest
from tests.broken_off import broken_off

from smartsort.downloads.partial import PartialFile

BLOCK = bytes(range(256)) * 4096


@pytest.mark.parametrize("step", ["_write", "_sync"])
async def test_who_breaks_a_write_off_closes_the_file_when_it_has_ended(tmp_path, monkeypatch, step):
    """Closed before, its number may be that of another file: the bytes would go there."""
    work = getattr(PartialFile, step)
    open_then: list[bool] = []

    def noted(part, *arguments):
        open_then.append(part._handle >= 0)
        return work(part, *arguments)

    async def receive():
        async with PartialFile(str(tmp_path / "part"), 1 << 30) as part:
            await part.write(BLOCK)
            await part.finish()

    await broken_off(receive(), monkeypatch, PartialFile, step, noted)
    assert open_then == [True]
    assert (tmp_path / "part").read_bytes() == BLOCK


async def test_what_a_write_that_was_broken_off_ran_into_is_told_to_nobody_twice(
    tmp_path, monkeypatch, caplog
):
    def failing(part, block):
        raise OSError("gone")

    part = PartialFile(str(tmp_path / "part"), 1 << 30)
    await broken_off(part.write(BLOCK), monkeypatch, PartialFile, "_write", failing)
    part.close()
    assert (tmp_path / "part").read_bytes() == b""
    assert caplog.text == ""
