"""Killed at every step between the socket and the photo: nothing is lost, nothing is there twice."""

# ruff: noqa: ASYNC240 - a look at a small local file does not hold the loop up

import asyncio
import os
from pathlib import Path

import pytest
from tests.misbehaving_site import open_intake, picture, site, until

from smartsort.ledger import submissions
from smartsort.ledger.submissions import Arrived, Key, KeyReused, NewSubmission, SubmissionState
from smartsort.pipeline.recovery.recover import Recovery

STEPS = [
    "handover:received",
    "claim:intent",
    "claim:placed",
    "claim:committed",
    "claim:dropped",
    "handover:claimed",
    "handover:linked",
]


class Killed(BaseException):
    """As sudden as SIGKILL: no handler of ours expects it."""


@pytest.mark.parametrize("step", STEPS)
async def test_a_kill_at_any_step_leaves_exactly_one_photo(tmp_path, step):
    root = str(tmp_path / "root")
    body = picture(4000)

    def die(name):
        if name == step:
            raise Killed

    intake = open_intake(root, checkpoint=die)
    async with site() as web:
        taken = await intake.downloads.submit([(web.file("/a.jpg", body), "x")])
        await intake.downloads._start_due(intake.context.clock.text())
        [(_, task)] = intake.downloads._running.values()
        await until(lambda: intake.downloads.handover._task is not None)
        await asyncio.gather(task, intake.downloads.handover._task, return_exceptions=True)
        await intake.downloads._fetcher.aclose()
        intake.context.ledger.close()

        for _ in range(2):  # being killed again right after changes nothing
            intake = open_intake(root)
            Recovery(intake.context).run()
            intake.context.ledger.close()
        intake = open_intake(root)
        intake.downloads.recover()
        await intake.work()
    item = intake.item(taken.items[0].id)
    assert item.state is SubmissionState.ACCEPTED
    assert item.photo_id is not None
    assert intake.photos() == [("a.jpg", "x", "url")]
    assert intake.claimed() == [body]
    assert intake.leftovers() == []
    await intake.close()


async def test_leftovers_without_a_row_are_swept_and_those_with_one_are_kept(tmp_path):
    root = str(tmp_path / "root")
    intake = open_intake(root)
    temp = intake.context.layout.temp_downloads
    taken = await intake.downloads.submit([("http://127.0.0.1:9/a.jpg", "x")])
    await intake.close()
    kept = f".download-{taken.items[0].id}.part"
    for name in (".upload-0.part", ".download-0.part", kept, "1-photo_a.jpg", ".smartsort-root"):
        if not os.path.exists(os.path.join(temp, name)):
            Path(temp, name).touch()
    os.makedirs(os.path.join(temp, ".gallery-0/sub"))
    intake = open_intake(root)
    assert sorted(os.listdir(temp)) == sorted([kept, "1-photo_a.jpg", ".smartsort-root"])
    await intake.close()


async def test_an_upload_whose_file_is_gone_says_so(tmp_path):
    root = str(tmp_path / "root")
    intake = open_intake(root)
    new = NewSubmission("f" * 20, "x", name="a.jpg", part=".upload-f.part", state=SubmissionState.RECEIVED)
    intake.context.ledger.write(lambda db: submissions.add(db, [new], "2026-01-01T00:00:00+00:00"))
    await intake.close()
    intake = open_intake(root)
    assert intake.item("f" * 20).problem == "download_failed: its file was lost before it was filed"
    await intake.close()


async def test_a_file_outside_the_folder_is_never_touched(tmp_path):
    root = str(tmp_path / "root")
    intake = open_intake(root)
    secret = tmp_path / "root" / "secret.jpg"
    secret.write_bytes(picture(100))
    await intake.downloads.submit([("http://127.0.0.1:9/a.jpg", "x")])
    [item] = intake.context.ledger.read(submissions.open_submissions)
    arrived = [Arrived(item.id, "../secret.jpg", "a.jpg")]
    intake.context.ledger.write(lambda db: submissions.received(db, arrived, "2026"))
    with pytest.raises(Exception, match="outside"):
        await intake.downloads.handover.hand_over(intake.item(item.id))
    assert secret.exists()
    await intake.close()


async def test_an_idempotency_key_gives_the_same_items_once(tmp_path):
    intake = open_intake(str(tmp_path / "root"))
    key, other = Key("phone", "k1", "d1"), Key("laptop", "k1", "d9")
    url = [("http://127.0.0.1:9/a.jpg", "x")]
    first = await intake.downloads.submit(url, key)
    again = await intake.downloads.submit(url, key)
    assert not first.before
    assert again.before
    assert [i.id for i in first.items] == [i.id for i in again.items]
    with pytest.raises(KeyReused):
        await intake.downloads.submit(url, Key("phone", "k1", "d2"))
    assert not (await intake.downloads.submit(url, other)).before
    assert len(intake.context.ledger.read(submissions.open_submissions)) == 2
    await intake.close()
