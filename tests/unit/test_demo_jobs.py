"""The queue engine, without photos: order, limits, pauses, gates."""

import asyncio
import random

import pytest

from smartsort.demo.jobs import LISTED_PER_STATUS, JobEngine, JobFailedError
from smartsort.demo.timing import PROFILES

INSTANT = PROFILES["instant"]


@pytest.fixture
async def engine():
    made = JobEngine(("sidecar", "ocr", "faceDetection"), INSTANT, random.Random(0))
    yield made
    await made.close()


async def idle(engine):
    while not engine.is_idle:  # noqa: ASYNC110  the engine tells nobody
        await asyncio.sleep(0.001)


async def active(engine):
    while not engine.has_active("ocr"):  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def test_a_job_enters_the_next_queue_before_it_leaves_its_own(engine):
    seen = []

    def pass_on(job):
        engine.add("ocr", "Ocr", job.data)
        seen.append((len(engine.queues["sidecar"].active), len(engine.queues["ocr"].waiting)))

    engine.handlers["SidecarCheck"] = pass_on
    engine.add("sidecar", "SidecarCheck", {"id": "a"})
    await idle(engine)
    assert seen == [(1, 1)]


async def test_a_failure_leaves_a_note_and_the_queue_goes_on(engine):
    done = []

    def fail(job):
        if job.data["id"] == "bad":
            raise JobFailedError("no")
        done.append(job.data["id"])

    engine.handlers["Ocr"] = fail
    for name in ("bad", "good"):
        engine.add("ocr", "Ocr", {"id": name})
    await idle(engine)
    assert done == ["good"]
    assert engine.failures == [("Ocr", {"id": "bad"}, "no")]
    assert engine.queues["ocr"].counts()["failed"] == 0


async def test_a_paused_queue_keeps_its_jobs_under_paused(engine):
    engine.pause("ocr", paused=True)
    engine.add("ocr", "Ocr", {"id": "a"})
    await asyncio.sleep(0.01)
    assert engine.queues["ocr"].counts() == {
        "active": 0,
        "completed": 0,
        "failed": 0,
        "delayed": 0,
        "waiting": 0,
        "paused": 1,
    }
    assert [job["data"] for job in engine.listing("ocr")] == [{"id": "a"}]
    assert engine.listing("ocr", ["waiting", "active"]) == []
    assert engine.is_idle
    engine.pause("ocr", paused=False)
    await idle(engine)
    assert engine.listing("ocr") == []


async def test_a_listing_holds_the_newest_of_each_status(engine):
    engine.pause("ocr", paused=True)
    for number in range(LISTED_PER_STATUS + 20):
        engine.add("ocr", "Ocr", {"id": number})
    listed = [job["data"]["id"] for job in engine.listing("ocr")]
    assert len(listed) == LISTED_PER_STATUS == 1001
    assert listed[0] == LISTED_PER_STATUS + 19
    engine.clear("ocr")
    assert engine.listing("ocr") == []


async def test_one_of_a_name_and_one_of_an_id(engine):
    engine.pause("ocr", paused=True)
    engine.add("ocr", "Only", {}, only_one=True)
    engine.add("ocr", "Only", {}, only_one=True)
    engine.add("ocr", "Named", {}, job_id="x")
    engine.add("ocr", "Named", {}, job_id="x")
    engine.add("ocr", "First", {}, first=True)
    # A dropped job has used its number all the same.
    assert [(j["name"], j["id"]) for j in engine.listing("ocr")] == [
        ("Named", "x"),
        ("Only", "1"),
        ("First", "5"),
    ]
    engine.clear("ocr")
    engine.add("ocr", "Only", {}, only_one=True)
    assert len(engine.listing("ocr")) == 1


async def test_a_gate_holds_its_job_active(engine):
    open_now = False
    done = []
    engine.gates["Gated"] = lambda _job: open_now
    engine.handlers["Gated"] = lambda job: done.append(job.name)
    engine.add("ocr", "Gated", {})
    await active(engine)
    await asyncio.sleep(0.02)  # what does not wait would go on
    assert engine.has_active("ocr")
    assert done == []
    open_now = True
    await idle(engine)
    assert done == ["Gated"]


async def test_no_more_run_at_once_than_the_queue_allows():
    at_once = []
    engine = JobEngine(("faceDetection",), PROFILES["demo"], random.Random(0))
    engine.handlers["AssetDetectFaces"] = lambda _job: at_once.append(
        len(engine.queues["faceDetection"].active)
    )
    for _ in range(5):
        engine.add("faceDetection", "AssetDetectFaces", {})
    await idle(engine)
    assert max(at_once) == 2
    await engine.close()


async def test_asynchronous_work_stays_active_until_it_is_done(engine):
    going_on = asyncio.Event()

    async def work(_job):
        await going_on.wait()

    engine.handlers["Ocr"] = work
    engine.add("ocr", "Ocr", {})
    await active(engine)
    await asyncio.sleep(0.01)  # what does not wait would go on
    assert engine.has_active("ocr")
    going_on.set()
    await idle(engine)
    assert not engine.failures
