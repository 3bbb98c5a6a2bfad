"""Hints from a real watched folder, and what they survive."""

import asyncio
import contextlib
import os
import shutil

import pytest

from smartsort.files import watch
from smartsort.files.watch import HintKind, hints


@pytest.fixture
def inbox(tmp_path):
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(watch, "_HEARTBEAT_MS", 100)
    monkeypatch.setattr(watch, "_FIRST_PAUSE_SECONDS", 0.1)


@contextlib.asynccontextmanager
async def watching(folder, **more):
    """The hints as a queue, once the watch stands or is given up. The first ones are taken off."""
    stop = asyncio.Event()
    queue = asyncio.Queue()

    async def pump():
        async with contextlib.aclosing(hints(str(folder), stop, **more)) as found:
            async for hint in found:
                await queue.put(hint)

    task = asyncio.create_task(pump())
    assert (await asyncio.wait_for(queue.get(), 60)).kind is HintKind.STARTED
    queue.first = await changed(queue)
    try:
        yield queue
    finally:
        stop.set()
        await asyncio.wait_for(task, 60)


async def changed(queue, seconds=60):
    async with asyncio.timeout(seconds):
        while True:
            hint = await queue.get()
            if hint.kind is HintKind.CHANGED:
                return hint


async def quiet(queue, seconds=0.6):
    """Wait until there has been no hint for a while: longer than a heartbeat of the watch."""
    with contextlib.suppress(TimeoutError):
        while True:
            await asyncio.wait_for(queue.get(), seconds)


NEVER = {"interval_seconds": 600.0, "poll_seconds": 600.0}


async def test_a_new_file_is_hinted_at(inbox):
    async with watching(inbox, **NEVER) as queue:
        (inbox / "a.jpg").write_bytes(b"x")
        await changed(queue)
        await quiet(queue)
        (inbox / "sub").mkdir()
        await changed(queue)


async def test_a_name_that_is_no_utf8_does_not_end_the_hints(inbox):
    async with watching(inbox, **NEVER) as queue:
        os.mknod(os.path.join(os.fsencode(inbox), b"caf\xe9.jpg"))
        await changed(queue)
        await quiet(queue)
        (inbox / "a.jpg").write_bytes(b"x")
        await changed(queue)


async def test_a_folder_that_is_moved_in_with_its_content_is_hinted_at(inbox, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a.jpg").write_bytes(b"x")
    async with watching(inbox, **NEVER) as queue:
        os.rename(tmp_path / "full", inbox / "full")
        await changed(queue)
        await quiet(queue)
        (inbox / "full/b.jpg").write_bytes(b"x")
        await changed(queue)


async def test_a_folder_that_is_removed_and_made_again_is_heard_again(inbox):
    async with watching(inbox, **NEVER) as queue:
        shutil.rmtree(inbox)
        await changed(queue)
        inbox.mkdir()
        await quiet(queue)
        (inbox / "a.jpg").write_bytes(b"x")
        await changed(queue)


async def test_what_comes_into_a_new_folder_before_it_is_watched_is_hinted_at(inbox, tmp_path, monkeypatch):
    begun, go, watches = asyncio.Event(), asyncio.Event(), []

    async def held(*args, **more):
        watches.append(args)
        if len(watches) == 2:
            begun.set()
            await go.wait()
        async with contextlib.aclosing(awatch(*args, **more)) as found:
            async for events in found:
                yield events

    awatch = watch.awatch
    monkeypatch.setattr(watch, "awatch", held)
    async with watching(inbox, **NEVER) as queue:
        inbox.rename(tmp_path / "another")
        inbox.mkdir()
        await asyncio.wait_for(begun.wait(), 60)
        await quiet(queue)
        (inbox / "a.jpg").write_bytes(b"x")
        go.set()
        await changed(queue)


async def test_a_folder_that_is_not_there_yet_is_waited_for(tmp_path):
    folder = tmp_path / "later"
    async with watching(folder, interval_seconds=600.0, poll_seconds=0.2) as queue:
        assert "cannot be watched" in queue.first.unheard
        assert (await asyncio.wait_for(queue.get(), 60)).kind in HintKind


async def test_no_watches_left_means_looking_regularly(inbox, monkeypatch):
    def exhausted(*_args, **_more):
        raise OSError(28, "OS file watch limit reached.")

    monkeypatch.setattr(watch, "awatch", exhausted)
    async with watching(inbox, interval_seconds=600.0, poll_seconds=0.1) as queue:
        assert "watch limit" in queue.first.unheard
        kinds = [(await asyncio.wait_for(queue.get(), 60)).kind for _ in range(3)]
        assert HintKind.INTERVAL in kinds


async def test_network_folders_are_looked_at_regularly(inbox, monkeypatch):
    monkeypatch.setattr(watch, "why_unheard", lambda folder: f"{folder} is on nfs")
    async with watching(inbox, interval_seconds=600.0, poll_seconds=0.1) as queue:
        assert "nfs" in queue.first.unheard
        assert (await asyncio.wait_for(queue.get(), 60)).kind is HintKind.INTERVAL


async def test_polling_can_be_forced(inbox):
    async with watching(inbox, polling=True, interval_seconds=600.0, poll_seconds=0.1) as queue:
        assert "as configured" in queue.first.unheard
        assert (await asyncio.wait_for(queue.get(), 60)).kind is HintKind.INTERVAL


async def test_many_changes_while_the_caller_is_busy_are_one_hint(inbox, monkeypatch):
    heard = asyncio.Event()

    async def many(*_args, **_more):
        for number in range(50):
            yield {(1, f"{number}.jpg")}
        heard.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(watch, "awatch", many)
    async with contextlib.aclosing(hints(str(inbox), asyncio.Event(), **NEVER)) as found:
        await anext(found)
        await asyncio.wait_for(heard.wait(), 60)
        assert (await asyncio.wait_for(anext(found), 60)).kind is HintKind.CHANGED
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(found), 0.1)


async def test_the_callers_stop_event_is_never_set_by_the_watch(inbox):
    stop = asyncio.Event()
    async with contextlib.aclosing(hints(str(inbox), stop, **NEVER)) as found:
        await anext(found)
        await asyncio.wait_for(anext(found), 60)
    assert not stop.is_set()
