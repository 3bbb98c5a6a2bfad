"""Stages side by side: none stops the others, a health issue is reported once, and the end is bounded."""

import asyncio
import logging
from dataclasses import replace
from types import SimpleNamespace

import pytest

from smartsort.core.model import State
from smartsort.errors import (
    ConfigurationError,
    ImmichRefused,
    ImmichRejected,
    ImmichUnreachable,
    LedgerError,
    RootUnavailable,
    StorageFull,
)
from smartsort.ledger.photos import StaleChange
from smartsort.pipeline.engine.context import StageWakeups
from smartsort.pipeline.engine.health import HealthIssues
from smartsort.pipeline.engine.runner import Runner, Stage, kind_of

DOWN = ImmichUnreachable("Immich cannot be reached")


class Place:
    """A runner with stages that a test scripts, and what was announced."""

    def __init__(self, **waits):
        async def awrite(_work):
            return 0

        ledger = SimpleNamespace(awrite=awrite, damaged=None)
        self.context = SimpleNamespace(wakeups=StageWakeups(), ledger=ledger)
        self.told = []
        self.stages = []
        times = iter(f"2024-{n}" for n in range(100))
        self.health_issues = HealthIssues(
            lambda: next(times), lambda t, began: self.told.append((t.kind, began))
        )
        self.runner = Runner(
            self.context, self.stages, self.health_issues, first_backoff=0.001, longest_backoff=0.002, **waits
        )

    def stage(self, name, *answers, takes=(), uses=(), then=None):
        """Each step gives or raises the next answer; afterwards `then`. Returns its steps so far."""
        script = list(answers)
        steps = []

        async def step():
            steps.append(name)
            answer = script.pop(0) if script else then
            if isinstance(answer, Exception):
                raise answer
            return answer() if callable(answer) else answer

        self.stages.append(Stage(name, takes, step, uses))
        return steps

    def stop(self):
        self.runner.stop.set()


async def soon(ready):
    for _ in range(20_000):
        if ready():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never was so")


async def test_a_stage_that_fails_stops_no_other(caplog):
    place = Place()
    place.stage("bad", then=ImmichUnreachable("down"))
    good = place.stage("good", *[True] * 50, then=place.stop)
    await asyncio.wait_for(place.runner.run(), 60)
    assert len(good) == 51
    assert place.told == [("immich", True)]


async def test_trouble_is_told_when_it_begins_and_when_it_ends():
    place = Place()
    place.stage("bad", DOWN, DOWN, DOWN, 0.0, then=place.stop, uses=("immich",))
    await asyncio.wait_for(place.runner.run(), 60)
    assert place.told == [("immich", True), ("immich", False)]
    assert place.health_issues.open == ()


async def test_a_human_who_was_faster_is_no_trouble(caplog):
    place = Place()
    overtaken = StaleChange(2, [State.HASHED], State.SKIPPED)
    steps = place.stage("compare", overtaken, True, overtaken, then=place.stop)
    await asyncio.wait_for(place.runner.run(), 60)
    assert len(steps) == 4
    assert (place.told, caplog.records) == ([], [])


async def test_a_step_that_always_comes_too_late_is_a_bug(caplog):
    place = Place()
    overtaken = StaleChange(2, [State.HASHED], State.SKIPPED)
    place.stage("compare", overtaken, overtaken, True, then=place.stop)
    await asyncio.wait_for(place.runner.run(), 60)
    assert place.told == [("bug", True), ("bug", False)]


async def test_finding_nothing_to_do_is_no_proof_that_immich_is_back():
    place = Place()
    place.stage("bad", DOWN, False, takes=(State.HASHED,), uses=("immich",))
    task = asyncio.create_task(place.runner.run())
    await soon(lambda: place.told)
    await asyncio.sleep(0.02)
    assert [t.kind for t in place.health_issues.open] == ["immich"]
    place.stop()
    await asyncio.wait_for(task, 60)


async def test_who_backed_off_goes_on_as_soon_as_another_finds_immich_back():
    place = Place()
    place.runner.first_backoff = place.runner.longest_backoff = 3600
    failed = asyncio.Event()

    async def patient():
        await failed.wait()
        return 0.0 if not place.told[1:] else place.stop()

    def fail_once():
        failed.set()
        raise DOWN

    place.stage("waits", fail_once, then=place.stop, uses=("immich",))
    place.stages.append(Stage("finds it back", (), patient, ("immich",)))
    await asyncio.wait_for(place.runner.run(), 60)
    assert place.told == [("immich", True), ("immich", False)]


async def test_a_bug_is_logged_with_its_trace_and_tried_again(caplog):
    place = Place()
    steps = place.stage("bad", ValueError("what?"), then=place.stop)
    with caplog.at_level(logging.ERROR):
        await asyncio.wait_for(place.runner.run(), 60)
    assert len(steps) == 2
    assert place.told == [("bug", True)]
    assert "stage bad failed" in caplog.text
    assert "what?" in caplog.text


async def test_a_broken_ledger_ends_the_run():
    place = Place()
    place.stage("bad", LedgerError("the ledger is gone"))
    place.stage("other", then=0.001)
    with pytest.raises(LedgerError, match="is gone"):
        await asyncio.wait_for(place.runner.run(), 60)


async def test_a_stage_sleeps_until_its_bell_rings():
    place = Place()
    steps = place.stage("sleeps", None, then=place.stop, takes=(State.HASHED,))
    other = place.stage("other", None, takes=(State.PLACED,))
    task = asyncio.create_task(place.runner.run())
    await soon(lambda: steps and other)
    await asyncio.sleep(0.01)
    assert len(steps) == 1
    place.context.wakeups.notify(State.HASHED)
    await asyncio.wait_for(task, 60)
    assert len(steps) == 2
    assert len(other) == 1


@pytest.mark.parametrize("answer", [None, False])
async def test_a_stage_that_takes_no_photos_may_have_nothing_to_do(answer):
    place = Place()
    steps = place.stage("no states", answer, then=place.stop)
    task = asyncio.create_task(place.runner.run())
    await soon(lambda: steps)
    await asyncio.sleep(0.01)
    assert not task.done()
    place.context.wakeups.notify_all()
    await asyncio.wait_for(task, 60)
    assert len(steps) == 2


async def test_a_bell_that_rings_during_a_step_is_heard_by_each_stage_it_is_for():
    place = Place()
    begun, go = asyncio.Event(), asyncio.Event()
    slow = []

    async def step():
        slow.append("slow")
        begun.set()
        await go.wait()
        return False

    quick = place.stage("quick", takes=(State.FILED,), then=False)
    other = place.stage("other", takes=(State.HASHED,), then=False)
    place.stages.append(Stage("slow", (State.FILED,), step, ()))
    task = asyncio.create_task(place.runner.run())
    await begun.wait()
    await soon(lambda: quick)
    place.context.wakeups.notify(State.FILED)
    await soon(lambda: len(quick) == 2)  # it has heard the wakeup and waits again
    go.set()
    await soon(lambda: len(slow) == 2)
    assert len(other) == 1
    place.stop()
    await asyncio.wait_for(task, 30)


async def test_a_step_under_way_is_finished_at_the_end():
    place = Place()
    begun, go = asyncio.Event(), asyncio.Event()
    finished = []

    async def step():
        begun.set()
        await go.wait()
        finished.append(True)
        return 3600.0

    place.stages.append(Stage("slow", (), step, ()))
    task = asyncio.create_task(place.runner.run())
    await begun.wait()
    place.stop()
    await asyncio.sleep(0.01)
    assert not task.done()
    go.set()
    await asyncio.wait_for(task, 60)
    assert finished == [True]


async def test_a_step_that_does_not_end_is_left_for_the_next_start(caplog):
    place = Place(drain=0.01)
    begun = asyncio.Event()

    async def step():
        begun.set()
        await asyncio.Event().wait()

    place.stages.append(Stage("stuck", (), step, ()))
    task = asyncio.create_task(place.runner.run())
    await begun.wait()
    place.stop()
    await asyncio.wait_for(task, 60)
    assert "stage stuck did not finish" in caplog.text


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (DOWN, "immich"),
        (ImmichRefused("no", "job.create"), "permission"),
        (ImmichRejected("no", 400), "immich"),
        (RootUnavailable("gone"), "root"),
        (StorageFull("full"), "storage"),
        (ConfigurationError("wrong"), "smartsort"),
        (ValueError("what?"), "bug"),
    ],
)
def test_what_kind_of_trouble_an_error_is(problem, kind):
    assert kind_of(problem) == kind


def test_trouble_that_goes_on_keeps_its_beginning_and_its_newest_words():
    told = []
    times = iter("abcdef")
    health_issues = HealthIssues(
        lambda: next(times), lambda t, began: told.append((t.kind, t.message, began))
    )
    health_issues.begin("immich", "first", "one")
    health_issues.begin("immich", "second", "one")
    health_issues.begin("storage", "full", "two")
    assert [(t.kind, t.message, t.since) for t in health_issues.open] == [
        ("immich", "second", "a"),
        ("storage", "full", "b"),
    ]
    assert health_issues.well("one", "immich")
    assert not health_issues.well("one", "immich")
    assert told == [("immich", "first", True), ("storage", "full", True), ("immich", "second", False)]


def test_trouble_is_over_when_it_is_over_for_everybody_who_met_it():
    """An inbox that can be read says nothing about a library that is full."""
    told = []
    health_issues = HealthIssues(lambda: "now", lambda t, began: told.append((t.kind, began)))
    health_issues.begin("storage", "the library is full", "place")
    assert health_issues.well("inbox", "storage")  # worth one more try at once
    assert not health_issues.well("inbox", "storage")  # but not one each time
    health_issues.begin("storage", "the library is full", "place")
    health_issues.idle("other")
    assert told == [("storage", True)]
    health_issues.idle("place")  # nothing got through since it failed: it may only have nothing to try with
    assert told == [("storage", True)]
    assert health_issues.well("place", "storage")
    assert told == [("storage", True), ("storage", False)]


@pytest.mark.parametrize("order", [("well", "idle"), ("idle", "well")])
def test_trouble_of_a_stage_with_nothing_left_to_do_ends_when_others_get_through(order):
    told = []
    health_issues = HealthIssues(lambda: "now", lambda t, began: told.append((t.kind, began)))
    acts = {
        "well": lambda: health_issues.well("connection", "immich"),
        "idle": lambda: health_issues.idle("recheck"),
    }
    health_issues.begin("immich", "down", "recheck")
    acts[order[0]]()
    assert told == [("immich", True)]
    acts[order[1]]()
    assert told == [("immich", True), ("immich", False)]


def test_trouble_of_a_stage_that_has_work_again_does_not_end_with_what_others_do():
    told = []
    health_issues = HealthIssues(lambda: "now", lambda t, began: told.append((t.kind, began)))
    health_issues.begin("storage", "the library is full", "place")
    health_issues.idle("place")
    health_issues.busy("place")
    health_issues.well("inbox", "storage")
    assert told == [("storage", True)]


async def test_trouble_of_a_stage_that_sleeps_does_not_go_on_until_it_wakes():
    place = Place()
    steps = place.stage("bad", DOWN, None, takes=(State.HASHED,), uses=("immich",))

    async def after_it_slept():
        await soon(lambda: len(steps) == 2)
        return 3600.0

    place.stages.append(Stage("finds it back", (), after_it_slept, ("immich",)))
    task = asyncio.create_task(place.runner.run())
    await soon(lambda: place.told[1:])
    assert (place.told, len(steps)) == ([("immich", True), ("immich", False)], 2)
    place.stop()
    await asyncio.wait_for(task, 60)


async def test_a_ledger_that_cannot_grow_does_not_end_the_run():
    place = Place(retry_problems=0.001)
    full = [StorageFull("the ledger cannot grow")] * 3

    async def awrite(_work):
        if full:
            raise full.pop()
        place.stop()
        return 0

    place.context.ledger.awrite = awrite
    place.stage("other", then=0.001)
    await asyncio.wait_for(place.runner.run(), 60)
    assert place.told == [("storage", True), ("storage", False)]


async def test_a_stage_may_begin_later_and_holds_up_no_end():
    place = Place()
    first = place.stage("first", then=0.001)
    late = place.stage("late")
    soon_after = place.stage("soon after", then=0.001)
    place.stages[1] = replace(place.stages[1], after_seconds=1000.0)
    place.stages[2] = replace(place.stages[2], after_seconds=0.001)
    running = asyncio.create_task(place.runner.run())
    await soon(lambda: len(first) > 3 and soon_after)
    place.stop()
    await asyncio.wait_for(running, 60)
    assert late == []
